"""The mathematics of the chapter: functions of arrays. None of them writes into its arguments.

x : scores, shape (N, C): N samples in rows, C classes in columns
y : probabilities, shape (N, C): each row sums to 1
t : labels in any of three forms: class numbers (N,), one-hot rows (N, C), probabilities (N, C)

@guarded is no mathematics: it makes x an array of floats, and answers mistakes. You can skip it.
"""

import numpy as np

from common.guards.guarded import guarded
from common.guards.mistakes import probability_rows

__all__ = ["sigmoid", "log_softmax", "softmax", "cross_entropy_error"]


@guarded
def sigmoid(x):
    """1 / (1 + exp(-x)) for each entry, in an array of any shape.

    exp(-x) would overflow for x far below 0. There exp(x) / (1 + exp(x)) is used. It is the same
    number: multiply 1 and 1 + exp(-x) by exp(x).
    """
    z = np.exp(-np.abs(x))  # exp(-x) where x >= 0, exp(x) where x < 0: never above 1
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


@guarded
def log_softmax(x):
    """log(softmax(x)) = x - log(sum(exp(x))), summing over each row. x is (N, C), or one row (C,).

    exp would overflow for large scores. So the largest score m of each row is subtracted first. The
    result stays the same:

    log(sum(exp(x - m))) = log(exp(-m) * sum(exp(x))) = log(sum(exp(x))) - m
    (x - m) - log(sum(exp(x - m))) = x - log(sum(exp(x)))

    ValueError for nan or inf in x.
    """
    x = x - x.max(axis=-1, keepdims=True)  # keepdims: the maxima are (N, 1), one for each row
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def softmax(x):
    """exp(x) / sum(exp(x)), summing over each row: probabilities from scores."""
    return np.exp(log_softmax(x))  # log_softmax is 0 at most, so exp can't overflow


@guarded
def cross_entropy_error(y, t):
    """The mean over the batch of -sum(t * log(y)), a float.

    For class numbers that is the mean of -log(y of the right class). The book adds 1e-7 to y. Here
    nothing is added: if y of the right class is 0, the result is inf. For one sample y may be (C,),
    and t a class number or (C,). ValueError if y isn't probabilities, or for an invalid label.
    """
    y, t = probability_rows(y, t)  # both (N, C): labels become rows, and so does one sample
    used = t > 0  # True where t counts. The other terms are 0, but 0 * log(0) would be nan
    return np.sum(t[used] * -np.log(y[used])) / len(y)
