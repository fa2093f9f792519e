"""The numerical gradient: computed without derivatives, by changing x a little."""

import numpy as np

from common.guards.guarded import guarded

__all__ = ["STEP", "numerical_gradient"]

STEP = 1e-4  # h, as in the book


@guarded
def numerical_gradient(f, x):
    """df/dx for each entry of x, by central differences: (f(x + h) - f(x - h)) / (2 * h), h = 1e-4.

    f : a function of x that returns one number, and doesn't change x
    x : float64 array of any shape. One entry after the other is changed, in x itself, and put back:
        f may use its argument, or the same array under another name, but not an earlier copy of it.
        Afterwards x is as before, also if f raises an error

    Returns an array of the shape of x.

    How wrong is it? By Taylor f(x + h) = f + h f' + h^2 f''/2 + h^3 f'''/6 + ..., and for f(x - h)
    the terms with h and h^3 are negative. The difference divided by 2 h is f' + h^2 f'''/6 + ...:
    wrong by about h^2 = 1e-8, if f''' is about 1. And f is rounded: it is wrong by about
    eps = 1e-16 of its size. The division by h makes eps / h = 1e-12 of it.

    A kink is a point where the slope jumps, as that of Relu does at x = 0, from 0 to 1. If h
    reaches across a kink, the result is a mix of both slopes: Relu at x = 5e-5 gives
    (1.5e-4 - 0) / 2e-4 = 0.75, though its slope there is 1.

    TypeError if x isn't float64, or f doesn't return one number in float64. ValueError if x is
    read-only or has nan, inf, or numbers of 1e10 and more (rounding would spoil the small step); if
    f(x) isn't finite; or if f changes x.
    """
    grad = np.zeros_like(x)
    for i in range(x.size):  # x.flat is x as one long row
        value = x.flat[i]
        above, below = value + STEP, value - STEP
        x.flat[i] = above
        f_above = f(x)
        x.flat[i] = below
        f_below = f(x)
        x.flat[i] = value  # put back
        grad.flat[i] = (f_above - f_below) / (above - below)  # 2 h, as rounded in x + h and x - h
    return grad
