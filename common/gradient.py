"""The numerical gradient: computed without derivatives, by changing x a little."""

import numpy as np

from common.mistakes import check_difference, check_function, one_number

__all__ = ["STEP", "central_difference", "numerical_gradient"]

STEP = 1e-4  # h, as in the book


def numerical_gradient(f, x):
    """df/dx for each entry of x, by central differences: (f(x + h) - f(x - h)) / (2 * h), h = 1e-4.

    f : a function of x that returns one number, and doesn't change x. numerical_gradient itself
        changes one entry of x, calls f(x), and puts the old number back. So f may use its argument,
        or this same array under another name, as Network does. It mustn't use a copy that was made
        earlier: a copy doesn't change with x, so every slope would be 0
    x : float64 array of any shape. Afterwards it is as before, also if f raises an error

    Returns an array of the shape of x. If f is smooth, with values and derivatives of about 1, the
    result is wrong by about h^2 = 1e-8; rounding adds about 1e-16 / h = 1e-12. A kink is a point
    where the slope jumps. Relu has one at x = 0: its slope is 0 on the left and 1 on the right. If
    x - h is left of the kink and x + h right of it, the result is a mix of both slopes. Example:
    Relu at x = 5e-5 gives (1.5e-4 - 0) / 2e-4 = 0.75, but the slope there is 1.

    TypeError if x isn't float64, or f doesn't return one number in float64. ValueError if x is
    read-only or has nan, inf, or numbers of 1e10 and more (rounding would spoil the small step); if
    f(x) isn't finite; or if f overwrites the entry that was moved.
    """
    check_function(f, x)
    grad = np.zeros_like(x)
    for i in range(x.size):
        grad.flat[i] = central_difference(f, x, i, STEP)
    return grad


def central_difference(f, x, i, h):
    """The slope of f along entry i of x: (f(x + h) - f(x - h)) / (2 * h), moving only that entry.

    i counts the entries row by row, as x.flat does, which is x as one long row.
    """
    value, entries = x.item(i), x.flat
    above, below = value + h, value - h  # rounded: above - below is only nearly 2 * h
    try:
        entries[i] = above
        f_above = one_number(f(x))
        check_difference(f_above, x, i, above)  # an error unless finite, with x as it was set
        entries[i] = below
        f_below = one_number(f(x))
        check_difference(f_below, x, i, below)
        return (f_above - f_below) / (above - below)
    finally:  # also if f raises
        entries[i] = value
