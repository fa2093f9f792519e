"""The maths of the chapter: pure functions on arrays.

None of them writes into an argument, keeps anything, or knows what a layer is.

    N   batch size                    x   scores (or any input), shape (N, C)
    C   number of classes             y   probabilities, shape (N, C)
                                      t   teacher labels: what y should be

Labels come in three forms: class numbers of shape (N,), one-hot rows (N, C), which say the same,
and rows of probabilities (N, C), which may also say "a 4, or perhaps a 9".
"""

import math

import numpy as np

__all__ = ["sigmoid", "softmax", "log_softmax", "cross_entropy_error"]


@np.errstate(under="ignore")  # what is too small to write down is 0: rightly so
def sigmoid(x):
    """1 / (1 + exp(-x)), elementwise, for an array of any shape.

    Written with exp(-|x|), which can't overflow: sigmoid(-1000) is 0, silently and rightly.
    """
    x = as_floats(x)
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, x.dtype.type(1), e) / (1 + e)


@np.errstate(under="ignore")
def softmax(x):
    """exp(x) / sum(exp(x)) along the last axis: scores (..., C) -> probabilities (..., C).

    ValueError for scores that are nan or inf, or not along an axis.
    """
    return np.exp(log_softmax(x))


@np.errstate(over="ignore", under="ignore")
def log_softmax(x):
    """log(softmax(x)) = x - log(sum(exp(x))) along the last axis: scores (..., C) -> (..., C).

    It never takes log(0): for scores (0, -10000) the second is -10000, where log(softmax(x))
    would say -inf. Each row is first shifted so that its largest score is 0: that changes
    nothing in the result, and exp can't overflow. (Only scores that are further apart than the
    largest number of their dtype give -inf.)
    ValueError for scores that are nan or inf, or not along an axis.
    """
    x = as_floats(x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"expected scores of shape (..., C), got {x.shape}")
    if not all_finite(x):
        raise ValueError("expected finite scores, got nan or inf among them")
    # With the classes first, each is one run of samples in memory, and numpy adds up whole runs:
    # 3 times as fast as one short row after another.
    x = np.array(x.T, order="C")
    x -= x.max(axis=0)
    x -= np.log(np.exp(x).sum(axis=0))
    return x.T


def cross_entropy_error(y, t):
    """Mean over the batch of -sum(t * log(y)), a float.

    y : probabilities (N, C), for instance from softmax; or (C,) for one sample
    t : labels in any of the three forms; for one sample a class number or a row (C,)

    Exact: nothing is added to y, so a probability of 0 for the right class costs inf.
    From scores, SoftmaxWithLoss computes the same without ever meeting log(0).
    ValueError for rows of y that don't sum to 1, within 0.001; for t, those of as_labels.
    """
    y = as_floats(y)
    if y.ndim == 1:
        y, t = y[np.newaxis], as_numbers(t, "labels t as numbers")
        t = t if t.shape == (1,) else t[np.newaxis]
    if y.ndim != 2:
        raise ValueError(f"expected y of shape (N, C), got {y.shape}")
    if not is_probabilities(y):
        raise ValueError(
            "expected y as rows of probabilities (0 or more, summing to 1), got other numbers; "
            "from scores, pass softmax(scores)"
        )
    t = as_labels(t, *y.shape)
    with np.errstate(divide="ignore"):  # log(0) = -inf is the answer here, not an accident
        if t.ndim == 1:
            log_p = np.log(y[np.arange(len(y)), t])
        else:
            log_p = t[t > 0] * np.log(y[t > 0])  # and 0 log(0) is 0
    return float(-log_p.sum() / len(y)) + 0.0  # which makes 0.0 of -0.0


# What comes in from outside: turned into what the maths needs, or refused with the reason.


def as_numbers(x, what="an array of real numbers"):
    """x as an array of real numbers, whatever holds them: a list, an array, a pandas column.

    TypeError for other things; ValueError for rows of unequal length, or where some are masked.
    """
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(f"expected {what}, got rows of unequal length") from None
    if array.dtype.kind not in "biuf":
        came = f"dtype {array.dtype}" if array.ndim else type(x).__name__
        if array.ndim and array.dtype.kind in "OSU":  # objects, strings
            came += "; if these are numbers, pass np.array(..., float)"
        raise TypeError(f"expected {what}, got {came}")
    if array is not x and np.ma.is_masked(x):  # as an array, it has numbers at those places too
        raise ValueError(f"expected {what}, got some masked; fill them in, or leave them out")
    return array


def as_floats(x, dtype=None):
    """x as an array of real floats: in dtype, or float32 and float64 as they are, others float64.

    Copies only where something must be converted. TypeError for anything but real numbers.
    """
    if type(x) is np.ndarray and x.dtype is dtype:  # the usual case in a training loop
        return x
    x = as_numbers(x)
    if dtype is None:
        dtype = x.dtype if x.dtype in (np.float32, np.float64) else np.float64
    return x.astype(dtype, copy=False)


def as_labels(t, N, C):
    """Labels t for N samples and C classes: class numbers as integers (N,), rows as floats (N, C).

    TypeError or ValueError for what can't be labels: a wrong shape, a class number outside
    0..C-1, numbers that aren't whole, rows that aren't probabilities.
    """
    t = as_numbers(t, "labels t as numbers")
    if N == 0:
        raise ValueError("expected at least one sample, got an empty batch")
    if t.shape == (N, C):
        t = as_floats(t)
        if not is_probabilities(t):
            raise ValueError(
                "expected rows of t to be one-hot or probabilities (0 or more, summing to 1), "
                "got other numbers; class numbers go in shape (N,)"
            )
        return t
    if t.shape != (N,):
        hint = {(N, 1): "; pass t.ravel()", (1, N): "; pass t.ravel()", (C, N): "; pass t.T"}
        raise ValueError(
            f"expected t of shape ({N},) for class numbers or ({N}, {C}) for rows, "
            f"got {t.shape}{hint.get(t.shape, '')}"
        )
    came = _no_class(t, C)
    if came is not None:
        raise ValueError(
            f"expected class numbers 0 to {C - 1}, got {came}; the first class is 0, and there "
            f"are {C} scores for each sample"
        )
    return t.astype(np.intp)


def all_finite(x):
    """True if there is neither nan nor inf in x, an array of floats.

    One product of x with itself shows them, faster than a look at every number. It may overflow
    where x is very large but finite, hence the second look.
    """
    return math.isfinite(np.vdot(x, x)) or bool(np.isfinite(x).all())


def is_count(n):
    """True for a whole number from 1 up, Python's or NumPy's; not for True, which counts as 1."""
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1


def is_probabilities(rows):
    """True if every row of an (N, C) array is 0 or more and sums to 1, within 0.001."""
    return bool((rows >= 0).all() and (np.abs(rows.sum(axis=1) - 1) < 1e-3).all())


def _no_class(t, C):
    """A number in t that isn't a class, 0 to C - 1; or None.

    Asked before the cast to integers, which would make some class of 1e30.
    """
    if t.dtype.kind == "f":
        broken = t[~(np.isfinite(t) & (t == np.floor(t)))]
        if len(broken):
            return broken[0]
    if t.dtype.kind != "u" and t.min() < 0:  # unsigned ones, as MNIST's, can't be
        return t.min()
    return t.max() if t.max() >= C else None
