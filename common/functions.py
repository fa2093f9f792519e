"""The mathematics of the chapter: functions of arrays.

x : scores, shape (N, C): N samples in rows, C classes in columns (in sigmoid any array)
y : probabilities, shape (N, C): each row sums to 1
t : labels in any of three forms: class numbers (N,), one-hot rows (N, C), or probabilities (N, C)

@guarded checks the arguments. It is no mathematics: skip it.
"""

import numpy as np

from common.guards.arguments import probability_rows
from common.guards.guarded import guarded


@guarded
def sigmoid(x):
    """1 / (1 + exp(-x)) for each entry, in an array of any shape.

    For x far below 0, exp(-x) would overflow. So for x < 0 the code uses exp(x) / (1 + exp(x)). It
    is the same number: in 1 / (1 + exp(-x)), multiply numerator and denominator by exp(x).
    """
    z = np.exp(-np.abs(x))  # exp(-x) where x >= 0, exp(x) where x < 0: never above 1
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


def softmax(x):
    """exp(x) / sum(exp(x)), each row by itself: probabilities from scores."""
    return np.exp(log_softmax(x))  # exp(log(y)) = y. log_softmax is below


@guarded
def log_softmax(x):
    """log(softmax(x)), each row by itself. x is (N, C), or one row (C,).

    It is finite also where softmax(x) is so small that it is rounded to 0.

    Let S = sum(exp(x)), so softmax(x) = exp(x) / S. The log of a quotient is a difference of logs:
    log(softmax(x)) = log(exp(x)) - log(S) = x - log(S)

    For large scores exp would overflow. So m, the largest score of the row, is subtracted first.
    Then no exp(x - m) is above 1, and for the largest score it is exp(0) = 1. The sum of a row is
    from 1 to C, so its log is finite.

    The result is the same, because m cancels. exp(x - m) = exp(x) / exp(m), and exp(m) is the same
    in the whole row, so it can be taken out of the sum:
    log(sum(exp(x - m))) = log(S / exp(m)) = log(S) - m
    (x - m) - log(sum(exp(x - m))) = (x - m) - (log(S) - m) = x - log(S)
    """
    # axis=-1: along the classes. keepdims: of x (N, C) the maxima are (N, 1), one for each row.
    x_minus_m = x - x.max(axis=-1, keepdims=True)
    return x_minus_m - np.log(np.exp(x_minus_m).sum(axis=-1, keepdims=True))


@guarded
def cross_entropy_error(y, t):
    """The mean over the batch of -sum(t * log(y)), a float.

    If t is class numbers, this is the mean of -log(y[n, t[n]]): only the right class is used.
    One sample alone is allowed: y is (C,), and t is one class number or a row (C,).

    The book adds 1e-7 to y, which changes every loss a little. Here nothing is added: if y of the
    right class is 0, the loss is inf, and NumPy warns. (In SoftmaxWithLoss it stays finite: see
    there.) ValueError if y isn't probabilities, or for an invalid label.
    """
    y, t = probability_rows(y, t)  # both become (N, C): class numbers become one-hot rows
    used = t > 0  # terms with t = 0 are left out: in NumPy 0 * log(0) is nan
    return np.sum(t[used] * -np.log(y[used])) / len(y)  # y[used] is 1-D: the used entries
