"""The mathematics of the chapter: functions of arrays.

x : scores, shape (N, C): N samples in rows, C classes in columns
y : probabilities, shape (N, C): each row sums to 1
t : labels in any of three forms: class numbers (N,), one-hot rows (N, C), or probabilities (N, C)
    where the right answer isn't certain

@guarded is no mathematics, so you can skip it. It turns x into an array of floats, and raises an
error if something can't be right.
"""

import numpy as np

from common.guards.guarded import guarded
from common.guards.mistakes import probability_rows

__all__ = ["sigmoid", "log_softmax", "softmax", "cross_entropy_error"]


@guarded
def sigmoid(x):
    """1 / (1 + exp(-x)) for each entry, in an array of any shape.

    exp(-x) would overflow for x far below 0. There exp(x) / (1 + exp(x)) is used. It is the same
    number: multiply numerator and denominator by exp(x).
    """
    z = np.exp(-np.abs(x))  # exp(-x) where x >= 0, exp(x) where x < 0: never above 1
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


@guarded
def log_softmax(x):
    """log(softmax(x)), each row by itself. x is (N, C), or one row (C,).

    softmax(x) = exp(x) / sum(exp(x)). The log of a quotient is a difference of logs:
    log(softmax(x)) = log(exp(x)) - log(sum(exp(x))) = x - log(sum(exp(x)))

    For large scores exp would overflow. So m, the largest score of the row, is subtracted first.
    exp(x - m) = exp(-m) * exp(x), and exp(-m) is the same in the whole row. So
    log(sum(exp(x - m))) = log(exp(-m) * sum(exp(x))) = -m + log(sum(exp(x)))
    (x - m) - log(sum(exp(x - m))) = x - m + m - log(sum(exp(x))) = x - log(sum(exp(x)))
    """
    # axis=-1 is the last axis, that of the classes. keepdims: the maxima are (N, 1), not (N,).
    x_minus_m = x - x.max(axis=-1, keepdims=True)
    return x_minus_m - np.log(np.exp(x_minus_m).sum(axis=-1, keepdims=True))


def softmax(x):
    """exp(x) / sum(exp(x)), each row by itself: probabilities from scores."""
    return np.exp(log_softmax(x))


@guarded
def cross_entropy_error(y, t):
    """The mean over the batch of -sum(t * log(y)), a float.

    If t is class numbers, this is the mean of -log(y[n, t[n]]): only the right class is used. One
    sample alone is allowed: y is (C,), and t is one class number or a row (C,). The book adds 1e-7
    to y. Here nothing is added: if y of the right class is 0, the result is inf. ValueError if y
    isn't probabilities, or for an invalid label.
    """
    y, t = probability_rows(y, t)  # now both are (N, C): class numbers have become one-hot rows
    used = t > 0  # terms with t = 0 are left out: in NumPy 0 * log(0) is nan
    return np.sum(t[used] * -np.log(y[used])) / len(y)
