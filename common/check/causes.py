"""What wrong gradients look like: guesses where to look, a sentence each."""

import numpy as np


def likely_causes(checks, N, dout=None):
    """["W1, b1: every gradient is ...", ...]. N is len(x), dout what backward was given."""
    names = {}
    for name, check in checks.items():
        if not check.ok and (words := likeness(name, check, N, dout)):
            names.setdefault(words, []).append(name)
    return [f"{', '.join(those)}: {words}" for words, those in names.items()]


def likeness(name, check, N, dout):
    a, n = check.a, check.n
    off = np.abs(a - n).max()
    if name == "lastLayer" and off < 1e-4 * np.abs(n).max():
        return (
            "nearly right; does the loss add a small number, such as 1e-7 to y, and backward not?"
        )
    if alike(a, n) or not np.isfinite(off):
        return ""  # a few entries off: nothing to name
    if not n.any():
        return "every numerical gradient is zero. Does forward use it, or a later layer undo it?"
    if not a.any():
        return "every gradient checked is zero; does backward compute it?"
    large = np.abs(n) > 1e-3 * np.abs(n).max()  # rounding leaves little of the others
    factor = float(np.median(a[large] / n[large]))
    if large.sum() > 1 and alike(a, factor * n):
        words = f"every gradient is {factor:.6g} times what it should be."
        if np.isclose(factor, [N, 1 / N]).any():
            words += f" len(x) is {N}: is a division by it missing, or there twice?"
        if np.ndim(dout) == 0 and dout and np.isclose(factor, 1 / dout):
            words += f" dout was {dout:.6g}: is it ignored?"
        return words
    if alike(np.ravel(check.gradient.T)[check.entries], n):
        return "the gradient is the transpose of what it should be."
    return ""


def alike(a, n):
    """Are they the same, nearly everywhere? Where both are 0, that says nothing."""
    tiny = 1e-6 * np.abs(n).max()
    some = ~(np.maximum(np.abs(a), np.abs(n)) <= tiny)  # nan, too
    return np.isclose(a[some], n[some], rtol=1e-5, atol=tiny).mean() > 0.9
