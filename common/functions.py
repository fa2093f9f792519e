"""The mathematics of the chapter: functions of arrays. None of them writes into its arguments.

x : scores, shape (N, C): N samples in rows, C classes in columns
y : probabilities, shape (N, C): each row sums to 1
t : labels in any of three forms: class numbers (N,), one-hot rows (N, C), probabilities (N, C)

The functions from common.mistakes check and convert their arguments. as_floats(x) turns x into an
array of floats. as_finite(x) does the same, and refuses nan and inf. label_rows(t, y) turns the
labels t into rows (N, C). ValueError for an invalid label, such as 10 when the classes are 0 to 9.
"""

import numpy as np

from common.mistakes import as_finite, as_floats, as_probabilities, label_rows

__all__ = ["sigmoid", "log_softmax", "softmax", "cross_entropy_error"]


def sigmoid(x):
    """1 / (1 + exp(-x)) for each entry, in an array of any shape.

    For x < 0 it is computed as exp(x) / (1 + exp(x)), which is the same number, so that exp can't
    overflow.
    """
    x = as_floats(x)
    z = np.exp(-np.abs(x))  # exp(x) for x < 0, else exp(-x): never above 1
    return np.where(x < 0, z, 1) / (1 + z)  # z / (1 + z) for x < 0, else 1 / (1 + z)


def log_softmax(x):
    """log(softmax(x)) = x - log(sum(exp(x))), summing over each row.

    First the largest score m of each row is subtracted from the row, so that exp can't overflow.
    x and log(sum(exp(x))) both drop by m, so the difference is unchanged. The last axis of x is
    that of the classes.
    """
    x = as_finite(x)
    x = x - x.max(axis=-1, keepdims=True)  # keepdims: the maxima are (N, 1), one for each row
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def softmax(x):
    """exp(x) / sum(exp(x)), summing over each row: probabilities from scores."""
    return np.exp(log_softmax(x))  # log_softmax is 0 at most, so exp can't overflow


def cross_entropy_error(y, t):
    """The mean over the batch of -sum(t * log(y)), a float.

    For class numbers that is the mean of -log(y of the right class). The book adds 1e-7 to y. Here
    nothing is added: if y of the right class is 0, the result is inf. For one sample y may be (C,),
    and t a class number or (C,).
    """
    y, t = as_probabilities(y, t)  # one sample becomes a row; ValueError if y isn't probabilities
    t = label_rows(t, y)
    used = t > 0  # True where t counts; the other terms are 0, but 0 * log(0) would be nan
    with np.errstate(divide="ignore"):  # no warning for log(0) = -inf, which is right here
        return float(np.sum(t[used] * -np.log(y[used]))) / len(y)
