"""The mathematics of the chapter: functions of arrays. None of them writes into its arguments.

x : scores, shape (N, C): N samples in rows, C classes in columns
y : probabilities, shape (N, C): each row sums to 1
t : labels in any of three forms: class numbers (N,), one-hot rows (N, C), probabilities (N, C)
"""

import numpy as np

from common.mistakes import as_floats, as_probabilities, as_scores, label_rows

__all__ = ["sigmoid", "log_softmax", "softmax", "cross_entropy_error"]


def sigmoid(x):
    """1 / (1 + exp(-x)) for each entry, in an array of any shape.

    For x < 0 the same number is computed as exp(x) / (1 + exp(x)), so that exp can't overflow: in
    one formula, exp(min(x, 0)) / (1 + exp(-|x|)).
    """
    x = as_floats(x)
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def log_softmax(x):
    """log(softmax(x)) = x - log(sum(exp(x))), along the last axis: (..., C) -> (..., C).

    The largest score of each row is subtracted first, so that exp can't overflow. This changes
    nothing: exp(x - m) = exp(x) / exp(m), and exp(m) cancels in softmax.
    """
    x = as_scores(x)
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def softmax(x):
    """exp(x) / sum(exp(x)), along the last axis: scores (..., C) -> probabilities (..., C)."""
    return np.exp(log_softmax(x))


def cross_entropy_error(y, t):
    """The mean over the batch of -sum(t * log(y)): a float. For one sample, y is (C,).

    With class numbers this is -log(p), where p is the probability of the right class. Nothing is
    added to y: if p is 0, the error is inf.
    """
    y, t = as_probabilities(y, t)
    t = label_rows(t, y)
    counts = t > 0  # elsewhere 0 * log(0) would be nan, and should be 0
    with np.errstate(divide="ignore"):  # log(0) = -inf is right here
        return float(np.sum(t[counts] * -np.log(y[counts]))) / len(y)
