"""The numerical gradient: found by trying, without a derivative. Slow, and sure."""

import numpy as np

from common.mistakes import check_difference, check_differentiable, check_left, one_number

__all__ = ["central_difference", "numerical_gradient"]


def numerical_gradient(f, x):
    """df/dx for each entry of x, by central differences: (f(x + h) - f(x - h)) / 2h, h = 1e-4.

    f : is called as f(x), with one entry of x changed in place, and returns one number. It may
        ignore its argument and use x itself, but not a copy made before: all slopes would be 0
    x : float64 array of any shape. It is as before afterwards, even if f raises

    Returns an array of the shape of x. Its error is about h^2 = 1e-8, by Taylor's series (with a
    difference to one side it would be h), and eps / h = 2e-12 from rounding.
    TypeError if x isn't float64 or f doesn't return one number; ValueError for a read-only x, an x
    or f(x) that isn't finite, and an f that writes into x.
    """
    check_differentiable(x, "x")
    grad = np.zeros_like(x)
    for i in range(x.size):
        grad.flat[i] = central_difference(f, x, i, 1e-4)
    return grad


def central_difference(f, x, i, h):
    """(f(x + h) - f(x - h)) / 2h, where h is added to entry i of x.flat only."""
    value = x.item(i)
    try:
        x.flat[i] = value + h
        above = one_number(f(x))
        check_left(x, i, value + h)
        x.flat[i] = value - h
        below = one_number(f(x))
        check_left(x, i, value - h)
    finally:
        x.flat[i] = value
    check_difference(below, above, x, i, h)
    return (above - below) / ((value + h) - (value - h))  # nearly 2h: x + h and x - h are rounded
