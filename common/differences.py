"""The numerical gradient: the slope of any function, found by trying, without a derivative.

f     a function that returns one number: the loss, for instance
x     the array with respect to which f is differentiated
i     the place of an entry in x, counted row by row as in x.flat
h     the step by which an entry is moved down and up
"""

import numpy as np

from common import guards

__all__ = ["H", "central_difference", "index_of", "numerical_gradient"]

# The chapter's step. By Taylor's series the slope is off by about h^2 (if only one side were taken,
# by h), and by about eps / h = 2e-12 from rounding.
H = 1e-4


def numerical_gradient(f, x):
    """df/dx by central differences, (f(x + h) - f(x - h)) / 2h with h = 1e-4, entry by entry.

    f : called as f(x) with one entry of x changed in place; returns one number. It may ignore its
        argument and compute with x itself, but not with an earlier copy: all slopes would be 0
    x : float64 array of any shape; it is unchanged afterwards, even if f raises

    Returns an array of the shape of x.
    TypeError if x isn't a float64 array or f doesn't return one number; ValueError if x is
    read-only or has entries too large for the step, or if f(x) isn't finite.
    """
    guards.check_differentiable(x, "x")
    grad = np.empty_like(x)
    for i in range(x.size):
        grad.flat[i] = central_difference(f, x, i, H)
    return grad


def central_difference(f, x, i, h):
    """(f(x + h) - f(x - h)) / 2h, where only entry i of x is moved."""
    value = x.item(i)
    try:
        x.flat[i] = value - h
        f_below = guards.number_from(f, x, i)
        x.flat[i] = value + h
        f_above = guards.number_from(f, x, i)
    finally:
        x.flat[i] = value
    guards.check_difference(f_below, f_above, value, h, index_of(i, x.shape))
    step = (value + h) - (value - h)  # nearly 2h: both are rounded
    return (f_above - f_below) / step


def index_of(i, shape):
    """The index of entry i of x.flat, as x[...] takes it: in shape (2, 3), entry 4 is (1, 1)."""
    return tuple(int(along) for along in np.unravel_index(i, shape))
