"""The numerical gradient: computed without derivatives, by changing x a little."""

import numpy as np

from common.mistakes import check_difference, check_function, one_number

__all__ = ["STEP", "central_difference", "numerical_gradient"]

STEP = 1e-4  # h, as in the book


def numerical_gradient(f, x):
    """df/dx for each entry of x, by central differences: (f(x + h) - f(x - h)) / (2 * h), h = 1e-4.

    f : a function of x that returns one number, and only reads x. numerical_gradient changes one
        entry of the array x itself, calls f(x), and puts the entry back. So f may also read this
        array without using its argument, as Network's does. A copy would be too old: all slopes 0
    x : float64 array of any shape. Afterwards it is as before, even if f raises

    Returns an array of the shape of x. If f is smooth, with values and derivatives of about 1, the
    error is about h^2 = 1e-8, and that from rounding about 1e-12. A kink is a point where the slope
    jumps, such as 0 for Relu: 0 on the left, 1 on the right. If x - h and x + h lie on both sides
    of it, the result is a mix of both slopes. For Relu at 5e-5 it is 0.75; the slope there is 1.

    TypeError if x isn't float64, or f doesn't return one number. ValueError if x is read-only or
    has numbers of 1e10 and more, in which h would be lost; if f(x) isn't finite; or if f writes
    into x.
    """
    check_function(f, x)
    grad = np.zeros_like(x)
    for i in range(x.size):
        grad.flat[i] = central_difference(f, x, i, STEP)
    return grad


def central_difference(f, x, i, h):
    """(f(x + h) - f(x - h)) / (2 * h), where only entry i is moved by h, counted row by row."""
    value, entries = x.item(i), x.flat
    above, below = value + h, value - h  # not exactly 2h apart, after rounding
    try:
        entries[i] = above
        f_above = one_number(f(x))
        check_difference(f_above, x, i, above)
        entries[i] = below
        f_below = one_number(f(x))
        check_difference(f_below, x, i, below)
        return (f_above - f_below) / (above - below)
    finally:  # also if f raises
        entries[i] = value
