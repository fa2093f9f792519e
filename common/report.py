"""What a gradient check found, in words and numbers: a table, a verdict, and likely causes."""

import math

import numpy as np

from common.gradient import STEP
from common.mistakes import wrong
from common.search import DATA

__all__ = ["ArrayCheck", "GradientReport", "likely_causes"]


class GradientReport(dict):
    """What a gradient check found: {name: ArrayCheck}. str() gives a table to read.

    ok       : True if backprop is wrong nowhere
    failed   : names of the gradients that are wrong: parameters, "x" of a layer, "lastLayer"
    suspects : names of the layers that are wrong when they are checked alone
    causes   : what the wrong numbers look like, a sentence each: where to look first
    unseen   : names of arrays that change the output but have no gradient, so weren't checked
    """

    def __init__(self, checks):
        super().__init__(checks)
        self.failed = [name for name, check in checks.items() if not check.ok]
        self.suspects, self.causes, self.unseen = [], [], []

    @property
    def ok(self):
        return not self.failed

    def __bool__(self):
        """True only if something was seen to agree."""
        return self.ok and not all(check.unclear for check in self.values())

    def __missing__(self, name):
        raise wrong(KeyError, f"one of {', '.join(self)}", repr(name))

    def __str__(self):
        return f"{self.table()}\n\n{self.verdict()}"

    __repr__ = __str__

    def table(self):
        rows = [("", "shape", "checked", "kinks", "mean |diff|", "rel. error", "")]
        rows += [(name, *check.cells()) for name, check in self.items()]
        wide = [max(map(len, column)) for column in zip(*rows)]
        cells = [[f"{cell:{w}}" for cell, w in zip(row, wide)] for row in rows]
        return "\n".join("  ".join(row).rstrip() for row in cells)

    def verdict(self):
        lines = [f"{name}: {self[name].disagreement()}." for name in self.failed]
        if kinks := sum(check.kinks for check in self.values()):
            lines.append(
                f"Left out of the figures: {kinks:,} {'entry' if kinks == 1 else 'entries'}, where "
                f"a step of {STEP:.0e} is too large, as across a kink of Relu. With smaller steps, "
                "or on both sides of the kink, backprop agrees there."
            )
        if unclear := [name for name, check in self.items() if check.unclear]:
            lines.append(
                f"Neither right nor wrong: {', '.join(unclear)}. All entries checked lie at a kink "
                "or are smaller than rounding. Other numbers may show more."
            )
        lines += [f"Not checked: {name} {why_unseen(name)}." for name in self.unseen]
        if self.ok:
            where = " wherever that can tell" if unclear else ""
            where += " in what was checked" if self.unseen else ""
            lines.append(f"Backprop agrees with the numerical gradient{where}.")
        else:
            lines.append(
                f"Backprop DISAGREES with the numerical gradient: {', '.join(self.failed)}."
            )
            lines += [f"- {cause}" for cause in self.causes]
        return "\n".join(lines)


def why_unseen(name):
    """What to say of an array that changes the output and has no gradient: "Affine2.W"."""
    place, _, array = name.rpartition(".")
    words = "changes the output, but has no gradient"
    if array in DATA:
        return f"{words}: a layer never learns what it calls x, out, y or t"
    if place == "lastLayer" or not array.isidentifier():
        return words
    return f"{words}. If it is to be learnt, {place} must keep self.d{array}"


class ArrayCheck:
    """Backprop beside the numerical gradient, at the entries of one array that were checked.

    checked, kinks : how many entries; at how many of them a step of 1e-4 was too large
    mean_abs_diff  : mean of |a - n| without those: the figure that the book prints
    max_rel_error  : largest |a - n| / max(|a|, |n|) without those, where what is smaller than
                     rounding counts as rounding
    worst_index    : the entry that is wrong, or, if all are right, the one furthest off
    backprop, numerical : a and n there
    ok, unclear    : False if there is a bug; True if nothing was there to tell
    """

    def __init__(self, gradient, entries, a, n, kinks, bug, noise, floor):
        self.gradient, self.entries, self.a, self.n = np.asarray(gradient), entries, a, n
        self.shape, self.ok = self.gradient.shape, bug is None
        self.checked, self.kinks = len(entries), int(kinks.sum())
        self.mean_abs_diff = self.max_rel_error = self.backprop = self.numerical = math.nan
        self.unclear, self.worst_index = True, None
        if kinks.all():
            return
        diff, size = np.where(kinks, 0, np.abs(a - n)), np.maximum(np.abs(a), np.abs(n))
        self.unclear = self.ok and not (size[~kinks] > noise).any()
        self.mean_abs_diff = float(diff[~kinks].mean())
        with np.errstate(invalid="ignore"):  # should backprop say inf
            self.max_rel_error = float((diff / np.maximum(size, floor)).max())
        worst = int(diff.argmax()) if self.ok else bug
        self.worst_index = tuple(int(at) for at in np.unravel_index(entries[worst], self.shape))
        self.backprop, self.numerical = float(a[worst]), float(n[worst])

    def cells(self):
        """The cells of a row in the report's table."""
        shape = "x".join(map(str, self.shape)) or "one number"
        errors = ("-" if e != e else f"{e:.2e}" for e in (self.mean_abs_diff, self.max_rel_error))
        verdict = "unclear" if self.unclear else "ok" if self.ok else "FAILED"
        return shape, f"{self.checked:,}", f"{self.kinks:,}", *errors, verdict

    def __repr__(self):
        return f"ArrayCheck({', '.join(self.cells())})"

    def disagreement(self):
        place = f"worst at {list(self.worst_index)}, where " if self.shape else ""
        values = f"{self.backprop:.8g} and the numerical gradient {self.numerical:.8g}"
        return f"{place}backprop says {values}"


def likely_causes(report, N, dout=None):
    """What the wrong gradients look like, a sentence each: guesses where to look.

    N is the batch size, dout what backward was given.
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
        yield (
            "all are nearly right; does the loss add a small number, such as 1e-7 to y, that "
            "backward takes no notice of?"
        )
    if _alike(a, n):
        return  # a few entries off: nothing to name
    if not n.any():
        yield (
            "every numerical gradient is zero; does forward use it at all? Or does a later layer "
            "undo it?"
        )
        return
    if not a.any():
        yield "every gradient checked is zero; does backward compute it?"
        return
    large = np.abs(n) > 1e-3 * np.abs(n).max()  # rounding leaves little of the others
    factor = float(np.median(a[large] / n[large]))
    if large.sum() > 1 and _alike(a, factor * n):
        known = [
            (-1, "Is a sign wrong?"),
            (2, "Is something added twice?"),
            (N, f"The batch size is {N}: is a division by it missing?"),
            (1 / N, f"The batch size is {N}: is it divided by twice?"),
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
    return np.isclose(a, n, rtol=1e-5, atol=1e-6 * np.abs(n).max()).mean() > 0.9
