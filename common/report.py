"""What a gradient check found: its figures, a table to read, and the likely causes in words.

a, n         what backprop says of the entries compared, and what the differences say
kink, bug    True for the entries that lie at a kink; for the one that proves a bug, if any
noise        how far rounding alone may put a and n apart
"""

import math

import numpy as np

from common.differences import index_of

__all__ = ["ArrayCheck", "GradientReport", "likely_causes"]


class GradientReport(dict):
    """What a gradient check found: {name: ArrayCheck}; str() and repr() are a table to read.

    ok       : True if backprop disagrees nowhere, kinks aside
    failed   : names of the gradients that disagree: parameters, "x" of a layer, "lastLayer"
    suspects : names of the layers that are wrong when they are checked alone
    causes   : what the numbers look like, a sentence each: guesses where to look
    """

    def __init__(self, checks):
        super().__init__(checks)
        self.failed = [name for name, check in checks.items() if not check.ok]
        self.ok = not self.failed
        self.suspects, self.causes = [], []

    def __bool__(self):
        """True only if something was really seen to agree."""
        return self.ok and not all(check.unclear for check in self.values())

    def __missing__(self, name):
        raise KeyError(f"expected one of {', '.join(self)}, got {name!r}")

    def add(self, name, report):
        """Take in a failed report on a layer's x, under another name."""
        self[name], self.ok = report["x"], False
        self.failed.append(name)
        self.causes += [name + cause.removeprefix("x") for cause in report.causes]  # "x: every..."

    def suspect(self, layer, fault):
        self.suspects.append(layer)
        self.causes.append(f"Checked alone, {layer} fails: {fault}.")

    def __str__(self):
        rows = [("", "shape", "checked", "kinks", "mean |diff|", "max rel. error", "")]
        rows += [(name, *check.cells()) for name, check in self.items()]
        wide = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(f"{cell:{w}}" for cell, w in zip(row, wide)).rstrip() for row in rows]
        lines.append("")
        lines += [f"{name}: {self[name].disagreement()}." for name in self.failed]
        if kinks := sum(check.kinks for check in self.values()):
            entries = "1 entry" if kinks == 1 else f"{kinks:,} entries"
            lines.append(
                f"Left out: {entries} where backprop jumps within a step, as at a kink of Relu: "
                "a difference across it says nothing."
            )
        if unclear := [name for name, check in self.items() if check.unclear]:
            lines.append(
                f"Neither proved nor refuted: {', '.join(unclear)}, where all that was seen is at "
                "a kink or smaller than rounding. Other numbers may show more."
            )
        if self.ok:
            where = " wherever they can be trusted" if unclear else ""
            lines.append(f"Backprop agrees with the differences{where}.")
        else:
            lines.append(f"Backprop DISAGREES with the differences: {', '.join(self.failed)}.")
            lines += [f"- {cause}" for cause in self.causes]
        return "\n".join(lines)

    __repr__ = __str__


class ArrayCheck:
    """Backprop beside differences, at the entries of one array that were looked at.

    checked, kinks : how many; how many of them lie at a kink, and are left out of what follows
                     (none are looked for any more once a bug is found)
    mean_abs_diff  : mean of |backprop - numerical|: the book's figure
    max_rel_error  : largest |a - n| / (max(|a|, |n|) + noise / tolerance), for the tolerance (a
                     smaller step, where it was needed, may have more)
    worst_index    : the entry with the largest difference, or the one that proves a bug
    backprop, numerical : the two values there
    ok             : False if there is a bug
    unclear        : True if all that was seen is at a kink or smaller than rounding
    entries        : places in x.flat of those compared; all_backprop, all_numerical at each
    """

    def __init__(self, shape, entries, a, n, kink, bug, tolerance, noise):
        self.shape, self.ok = shape, not bug.any()
        self.checked, self.kinks = len(entries), int(kink.sum())

        entries, a, n, bug = entries[~kink], a[~kink], n[~kink], bug[~kink]
        self.entries, self.all_backprop, self.all_numerical = entries, a, n
        diff, size = np.abs(a - n), np.maximum(np.abs(a), np.abs(n))
        self.unclear = self.ok and not (size > noise).any()

        self.worst_index, self.mean_abs_diff = None, math.nan
        self.max_rel_error = self.backprop = self.numerical = math.nan
        if len(entries):
            self.mean_abs_diff = float(diff.mean())
            with np.errstate(invalid="ignore"):  # should backprop say inf
                self.max_rel_error = float((diff / (size + noise / tolerance)).max())
            worst = np.argmax(diff if self.ok else bug)
            self.worst_index = index_of(entries[worst], shape)
            self.backprop, self.numerical = float(a[worst]), float(n[worst])

    def __repr__(self):
        shape, checked, kinks, mean, error, verdict = self.cells()
        return (
            f"ArrayCheck({shape}: {verdict}, {checked} checked, {kinks} kinks, mean |diff| {mean}, "
            f"max rel. error {error})"
        )

    def cells(self):
        """The cells of a row in the report's table."""
        shape = " x ".join(map(str, self.shape)) or "one number"
        errors = (f"{error:.2e}" for error in (self.mean_abs_diff, self.max_rel_error))
        verdict = "unclear" if self.unclear else "ok" if self.ok else "FAILED"
        return shape, f"{self.checked:,}", f"{self.kinks:,}", *errors, verdict

    def disagreement(self):
        """Where backprop and the difference are furthest apart, in words."""
        return (
            f"worst at {list(self.worst_index)}, where backprop says {self.backprop:.8g} "
            f"and the difference {self.numerical:.8g}"
        )


def likely_causes(report, gradients, N, dout=None):
    """What the gradients that failed look like, a sentence each: guesses where to look.

    N    : the batch size
    dout : what backward was given. If that was one number, as for the last layer, a backward that
           ignores it is wrong by the factor 1 / dout
    """
    names = {}
    for name in report.failed:
        for words in _likeness(name, report, gradients, N, dout):
            names.setdefault(words, []).append(name)
    return [f"{', '.join(those)}: {words}" for words, those in names.items()]


def _likeness(name, report, gradients, N, dout):
    check, entries = report[name], report[name].entries
    a, n = check.all_backprop, check.all_numerical
    if not np.isfinite(a).all() or _nearly_all_equal(a, n):
        return  # nan, or a few entries off: there is no pattern to name
    if not n.any():
        yield (
            "every difference is zero; does forward use it at all? Or does a later layer take it "
            "out again, as a mean does?"
        )
        return
    if not a.any():
        yield "every gradient looked at is zero; is it computed at all?"
        return
    large = np.abs(n) > 1e-3 * np.abs(n).max()  # of which rounding leaves enough
    factor = float(np.median(a[large] / n[large]))
    if large.sum() > 1 and _nearly_all_equal(a, factor * n):
        known = [
            (-1, "the negative of what it should be: a wrong sign?"),
            (2, "2 times what it should be: is something added twice?"),
            (1 / 2, "half of what it should be."),
            (N, f"{N} times what it should be, the batch size: is a division by N missing?"),
            (1 / N, f"1/{N} of what it should be, {N} the batch size: divided twice?"),
        ]
        if dout is not None and dout.ndim == 0:
            words = f"what it should be for a dout of 1, got {dout:.6g}: is dout ignored?"
            known.append((1 / dout, words))
        near = [words for value, words in known if math.isclose(factor, value, rel_tol=1e-5)]
        yield "every gradient is " + (" Or ".join(near) or f"{factor:.6g} times what it should be.")
    transposed = np.ravel(np.transpose(gradients[name]))
    if _nearly_all_equal(transposed[entries], n):
        yield "the gradient is the transpose of what it should be."
    for other in report.failed:
        if other != name and np.shape(gradients[other]) == check.shape:
            if _nearly_all_equal(np.ravel(gradients[other])[entries], n):
                yield f"the gradient should be what {other}'s is; are they swapped?"


def _nearly_all_equal(a, n):
    return np.isclose(a, n, rtol=1e-5, atol=1e-6 * np.abs(n).max()).mean() > 0.9
