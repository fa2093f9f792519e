"""Likely causes: what the numbers of a failed gradient check look like, in words.

They are guesses that help a reader to look in the right place; the verdict doesn't need them.
a and n are what backprop and the differences say of the entries compared, as in gradient.py.
"""

import numpy as np

__all__ = ["causes_in_chain", "causes_in_numbers"]


def causes_in_numbers(report, gradients, N, dout=1):
    """What the numbers in the arrays that failed look like, a sentence each."""
    names = {}
    for name in report.failed:
        for words in _likeness(name, report, gradients, N, dout):
            names.setdefault(words, []).append(name)
    return [f"{', '.join(those)}: {words}" for words, those in names.items()]


def _likeness(name, report, gradients, N, dout):
    check, entries = report[name], report[name].entries
    a, n = check.all_backprop, check.all_numerical
    if check.problem or len(a) < 2 or not np.isfinite(a).all():
        return
    if not n.any():
        yield (
            "every difference is zero; does forward use it at all? Or does a later layer take it "
            "out again, as a mean does?"
        )
        return
    if not a.any():
        yield "every gradient looked at is zero; is it computed at all?"
        return
    large = np.abs(n) > 1e-3 * np.abs(n).max()
    factor = float(np.median(a[large] / n[large]))
    if large.sum() > 1 and abs(factor - 1) > 1e-5 and _nearly_all_equal(a, factor * n):
        known = [
            (-1, "the negative of what it should be: a wrong sign?"),
            (2, "2 times what it should be: is something added twice?"),
            (0.5, "half of what it should be."),
            (N, f"{N} times what it should be, the batch size: is a division by N missing?"),
            (
                1 / N,
                f"1/{N} of what it should be, {N} the batch size: divided by N once too often?",
            ),
            (
                1 / dout,
                f"what it should be for a dout of 1, got {dout:.6g}: "
                "does backward ignore its dout?",
            ),
        ]
        near = [words for value, words in known if abs(factor / value - 1) < 1e-5]
        yield "every gradient is " + (
            " Or ".join(near) if near else f"{factor:.6g} times what it should be."
        )
    if len(check.shape) > 1 and _nearly_all_equal(np.ravel(gradients[name].T)[entries], n):
        yield "the gradient is the transpose of what it should be."
    for other in report.failed:
        if other != name and np.shape(gradients[other]) == check.shape:
            if _nearly_all_equal(np.ravel(gradients[other])[entries], n):
                yield f"the gradient should be what {other}'s is; are they swapped?"


def _nearly_all_equal(a, n):
    return np.isclose(a, n, rtol=1e-5, atol=1e-6 * np.abs(n).max()).mean() > 0.9


def causes_in_chain(network, failed):
    """What the places of the parameters that failed have in common, a sentence each."""
    names = {}  # of each layer that learns: which of its gradients are off, and which are right
    for key, (layer_name, _, name) in network.params.owners().items():
        off, right = names.setdefault(layer_name, ([], []))
        (off if key in failed else right).append("d" + name)
    causes = [
        f"{layer}: only {' and '.join(off)} is off while {' and '.join(right)} agrees, so the dout "
        f"that arrives is right. How is {' and '.join(off)} made from it?"
        for layer, (off, right) in names.items()
        if off and right
    ]
    learning = list(names)
    wrong = [layer for layer, (off, right) in names.items() if off and not right]
    if wrong and wrong != learning and wrong == learning[: len(wrong)]:
        below, above = wrong[-1], learning[len(wrong)]
        every = list(network.layers)
        between = every[every.index(below) + 1 : every.index(above) + 1]
        causes.append(
            f"Everything up to {below} is off and everything from {above} on agrees: the dx "
            f"of {' or '.join(reversed(between))} is suspect, or {below} itself."
        )
    return causes
