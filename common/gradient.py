"""The numerical gradient: computed without derivatives, by changing x a little."""

import numpy as np

from common.guards.guarded import guarded

h = 1e-4  # as in the book


@guarded
def numerical_gradient(f, x):
    """df/dx for each entry of x, by central differences: (f(x + h) - f(x - h)) / (2 * h), h = 1e-4.

    In f(x + h), h is added to one entry of x; the others stay.

    x : float64 array of any shape. Its entries are changed in place, one after the other, by h and
        by -h, and the old value is put back. (After an error @guarded puts it back.) An entry above
        1e10 or below -1e10 is an error: there rounding would change h by 1 % or more
    f : a function that returns one number in float64. It must use x itself, as a copy doesn't
        change, and must not write into it

    Returns an array of the shape of x. It isn't exact, for three reasons.

    First, h isn't 0. Taylor's formula says how f changes near x. If it is new to you, take these
    two lines as given. (On the right f is f(x), f' is f'(x), and so on.)
    f(x + h) = f + h f' + h^2 f''/2 + h^3 f'''/6 + ...
    f(x - h) = f - h f' + h^2 f''/2 - h^3 f'''/6 + ...
    Subtract: f(x + h) - f(x - h) = 2 h f' + 2 h^3 f'''/6 + ...
    Divide by 2 h: f' + h^2 f'''/6 + ... So the error is about h^2 f'''/6, about 1.7e-9 * f'''.

    Second, a float has about 16 digits, so each of the two f is wrong by about 1e-16 * |f|. Divided
    by 2 h, the two errors are about 1e-12 * |f|.

    Third, f may have a kink, a point where the slope jumps. Relu has one at x = 0: the slope is 0
    on the left, and 1 on the right. If x - h and x + h are on different sides, the result is a mix
    of both slopes. Relu at x = 5e-5: x - h = -5e-5 gives 0, x + h = 1.5e-4 gives 1.5e-4, and
    (1.5e-4 - 0) / 2e-4 = 0.75. The slope there is 1.
    """
    grad = np.zeros_like(x)
    for i in range(x.size):
        value = x.flat[i]  # x.flat is x as one long row
        above, below = value + h, value - h
        x.flat[i] = above
        f_above = f(x)
        x.flat[i] = below
        f_below = f(x)
        x.flat[i] = value  # put back
        grad.flat[i] = (f_above - f_below) / (above - below)  # 2 h, as rounded
    return grad
