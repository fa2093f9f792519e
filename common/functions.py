"""The maths of the chapter: pure functions on arrays, which never write into an argument.

    N   batch size                    x   scores (or any input), shape (N, C)
    C   number of classes             y   probabilities, shape (N, C)
                                      t   teacher labels: what y should be

Labels come in three forms: class numbers of shape (N,), one-hot rows (N, C), which say the same,
and rows of probabilities (N, C), which may also say "a 4, or perhaps a 9".

guards.as_floats(x) is x as floats, or an error that says how to mend it; the other guards likewise.
"""

import numpy as np

from common import guards

__all__ = ["sigmoid", "softmax", "log_softmax", "cross_entropy_error"]


@np.errstate(under="ignore")  # exp of a very negative number is 0, as it should be
def sigmoid(x):
    """1 / (1 + exp(-x)), elementwise, for an array of any shape.

    For x < 0 it is computed as exp(x) / (1 + exp(x)), the same by algebra: exp can't overflow.
    """
    x = guards.as_floats(x)
    e = np.exp(-np.abs(x))  # 0 to 1
    ones = np.ones_like(e)  # in the dtype of x
    return np.where(x < 0, e, ones) / (ones + e)


@np.errstate(over="ignore", under="ignore")
def log_softmax(x):
    """log(softmax(x)) = x - log(sum(exp(x))) along the last axis: scores (..., C) -> (..., C).

    It never takes log(0): for scores (0, -10000) the second is -10000, where log(softmax(x))
    would say -inf. The maximum m of each row is taken off first, so that exp can't overflow: as
    exp(x - m) = exp(x) / exp(m), it cancels in softmax.
    ValueError for scores with nan or inf among them, or not in rows of one or more.
    """
    x = guards.as_floats(x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"expected scores of shape (..., C), got {x.shape}")
    if not guards.all_finite(x):
        raise ValueError("expected finite scores, got nan or inf among them")
    x = np.array(x.T, order="C")  # a copy, classes first: numpy sums that 3 times as fast
    x -= x.max(axis=0)  # where scores are too far apart for a float, -inf
    x -= np.log(np.exp(x).sum(axis=0))
    return x.T


@np.errstate(under="ignore")
def softmax(x):
    """exp(x) / sum(exp(x)) along the last axis: scores (..., C) -> probabilities (..., C).

    ValueError as for log_softmax.
    """
    return np.exp(log_softmax(x))


def cross_entropy_error(y, t):
    """Mean over the batch of -sum(t * log(y)), a float.

    For class numbers that is -log p, with p the probability given to the right class: 0 at p = 1,
    and larger as p falls.

    y : probabilities (N, C), for instance from softmax; or (C,) for one sample
    t : labels in any of the three forms; for one sample a class number or a row (C,), or [number]

    Exact: nothing is added to y, so a probability of 0 for the right class costs inf.
    ValueError for rows of y that don't sum to 1, within 0.001, and for t that can't be labels.
    """
    y = guards.as_floats(y)
    if y.ndim == 1:  # one sample, as a batch of one
        y, t = y[np.newaxis], guards.as_numbers(t, "labels t as numbers")
        t = t if t.shape == (1,) else t[np.newaxis]  # number -> (1,), row (C,) -> (1, C)
    if y.ndim != 2:
        raise ValueError(f"expected y of shape (N, C), got {y.shape}")
    if not guards.is_probabilities(y):
        raise ValueError(
            "expected y as rows of probabilities (0 or more, summing to 1), got other numbers; "
            "from scores, pass softmax(scores)"
        )
    t = guards.as_labels(t, *y.shape)  # class numbers (N,) or rows (N, C)
    with np.errstate(divide="ignore"):  # log(0) = -inf is the answer here, not an accident
        if t.ndim == 1:
            log_p = np.log(y[np.arange(len(y)), t])
        else:
            log_p = t[t > 0] * np.log(y[t > 0])  # and 0 log(0) is 0
    return float(-log_p.sum() / len(y)) + 0.0  # turns -0.0 into 0.0
