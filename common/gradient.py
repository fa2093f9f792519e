"""The numerical gradient: computed without derivatives, by changing x a little."""

import numpy as np

from common.mistakes import check_difference, check_function, one_number

__all__ = ["STEP", "central_difference", "numerical_gradient"]

STEP = 1e-4  # h, as in the book


def numerical_gradient(f, x):
    """df/dx for each entry of x, by central differences: (f(x + h) - f(x - h)) / 2h with h = 1e-4.

    f : takes x and returns one number. One entry of x at a time is changed in place; f only reads
        x. It may ignore its argument and read x itself, as Network does. If it reads a copy that
        was made before, every slope is 0
    x : float64 array of any shape. It gets its old values back, even if f raises

    Returns an array of the shape of x. If f is smooth and its values are about 1, the error is
    about h^2 = 1e-8, and that from rounding about 1e-12. Across a kink, such as Relu's at 0, the
    result is wrong.

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
    """(f(x + h) - f(x - h)) / 2h, where only entry i of x.flat is moved by h."""
    value = x.item(i)
    above, below = value + h, value - h  # not exactly 2h apart, after rounding
    try:
        return (f_at(above, f, x, i) - f_at(below, f, x, i)) / (above - below)
    finally:
        x.flat[i] = value


def f_at(value, f, x, i):
    """f(x) where entry i of x.flat has this value."""
    x.flat[i] = value
    result = one_number(f(x))
    check_difference(result, x, i, value)
    return result
