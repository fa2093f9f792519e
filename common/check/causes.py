"""What wrong gradients look like: guesses where to look, a sentence each."""

import math

import numpy as np

SMALL_NUMBER = (
    "all are nearly right; does the loss add a small number, such as 1e-7 to y, that backward "
    "takes no notice of?"
)


def likely_causes(report, N, dout=None):
    """What the wrong gradients look like: ["W1, b1: every gradient is ...", ...].

    N is len(x), dout what backward was given.
    """
    names = {}
    for name in report.failed:
        for words in _likeness(name, report, N, dout):
            names.setdefault(words, []).append(name)
    return [f"{', '.join(those)}: {words}" for words, those in names.items()]


def _likeness(name, report, N, dout):
    check, a, n = report[name], report[name].a, report[name].n
    if not np.isfinite(a).all():
        return
    if dout is None and np.abs(a - n).max() < 1e-4 * np.abs(n).max():
        yield SMALL_NUMBER
    if _alike(a, n):
        return  # a few entries off: nothing to name
    if not n.any():
        words = "every numerical gradient is zero; does forward use it at all?"
        yield f"{words} Or does a later layer undo it?"
        return
    if not a.any():
        yield "every gradient checked is zero; does backward compute it?"
        return
    if name == "x" and np.shape(dout) == check.shape:
        entries = np.ravel(dout)[check.entries]
        if _alike(a, entries):
            yield "backward returns dout as it is; is the derivative missing?"
        elif _alike(a * entries, n):
            yield "it would be right times dout; is dout missing?"
    large = np.abs(n) > 1e-3 * np.abs(n).max()  # rounding leaves little of the others
    factor = float(np.median(a[large] / n[large]))
    if large.sum() > 1 and _alike(a, factor * n):
        known = [
            (-1, "Is a sign wrong?"),
            (2, "Is something added twice?"),
            (N, f"len(x) is {N}: is a division by it missing, or does forward do it twice?"),
            (1 / N, f"len(x) is {N}: is it divided by twice, or not at all in forward?"),
        ]
        if dout is not None and dout.ndim == 0:
            known.append((1 / dout, f"dout was {dout:.6g}: is it ignored?"))
        hints = [words for value, words in known if math.isclose(factor, value, rel_tol=1e-5)]
        yield " ".join([f"every gradient is {factor:.6g} times what it should be.", *hints])
    if _alike(np.ravel(check.gradient.T)[check.entries], n):
        yield "the gradient is the transpose of what it should be."
    for other in report.failed:
        if other != name and report[other].shape == check.shape:
            if _alike(np.ravel(report[other].gradient)[check.entries], n):
                yield f"the gradient should be what {other}'s is; are they swapped?"


def _alike(a, n):
    """Are they the same, nearly everywhere? Where both are 0, that says nothing."""
    tiny = 1e-6 * np.abs(n).max()
    some = ~(np.maximum(np.abs(a), np.abs(n)) <= tiny)  # nan, too
    return np.isclose(a[some], n[some], rtol=1e-5, atol=tiny).mean() > 0.9
