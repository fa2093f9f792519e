"""What a gradient check found, in words and numbers: a table, a verdict, likely causes."""

import math

import numpy as np

from common.gradient import h as STEP
from common.guards.arguments import place_of


class GradientReport(dict):
    """What a gradient check found: {name: ArrayCheck}. str() gives a table to read.

    ok       : True if backprop is wrong nowhere
    failed   : names of the gradients that are wrong: parameters, "x" of a layer, "lastLayer"
    suspects : names of the layers that turn a right dout into a wrong dx or dW
    causes   : what wrong numbers look like, and what the suspects do wrong
    unseen   : names of arrays that change the output but have no gradient, so weren't checked
    moved    : names of parameters that were moved a little to see what is wrong
    """

    def __init__(self, checks):
        super().__init__(checks)
        self.suspects, self.causes, self.unseen, self.moved = [], [], [], []

    @property
    def failed(self):
        return [name for name, check in self.items() if not check.ok]

    @property
    def ok(self):
        return not self.failed

    def __bool__(self):
        """True only if something was seen to agree."""
        return self.ok and not all(check.unclear for check in self.values())

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
        if self.moved:
            moved = f"This shows once {', '.join(self.moved)} are moved a little"
            lines.append(f"{moved}: equal entries, or a copy that a layer has kept, can hide it.")
        if kinks := sum(check.kinks for check in self.values() if check.ok):
            where = f"{kinks:,}, where a step of {STEP:.0e} crosses a kink or is too large"
            lines.append(f"Left out of the figures: {where}. Close by, backprop agrees.")
        if unclear := ", ".join(name for name, check in self.items() if check.unclear):
            why = "All is 0 there, or rounding or kinks hide it. Other numbers may show more."
            lines.append(f"Neither right nor wrong: {unclear}. {why}")
        for name in self.unseen:
            lines.append(f"Not checked: {name} changes the output, but has no gradient.")
        if self.failed:
            names = ", ".join(self.failed)
            lines.append(f"Backprop DISAGREES with the numerical gradient: {names}.")
        elif self:
            is_sample = any(check.checked < check.gradient.size for check in self.values())
            where = " in what was checked" if unclear or self.unseen or is_sample else ""
            lines.append(f"Backprop agrees with the numerical gradient{where}.")
        return "\n".join([*lines, *(f"- {cause}" for cause in self.causes)])


class ArrayCheck:
    """Backprop beside the numerical gradient, at the entries of one array that were checked.

    checked, kinks : how many entries; at how many of them a step of 1e-4 was too large. (Once one
                     is wrong, the others aren't looked at for that.)
    mean_abs_diff  : mean of |a - n| without those: the figure that the book prints
    max_rel_error  : largest |a - n| / max(|a|, |n|) of those that rounding doesn't explain
    worst_index    : the entry that is wrong, or, if all are right, the one furthest off
    backprop, numerical : a and n there
    ok, unclear    : False if there is a bug; True if rounding or kinks left something open
    """

    def __init__(self, gradient, entries, a, n, found, noise):
        self.gradient, self.entries, self.a, self.n = np.asarray(gradient), entries, a, n
        self.shape, self.ok = self.gradient.shape, "wrong" not in found
        kinks = found == "kink"
        self.checked, self.kinks = len(entries), int(kinks.sum())
        self.mean_abs_diff = self.max_rel_error = self.backprop = self.numerical = math.nan
        self.unclear, self.worst_index = True, None
        if kinks.all():
            return
        diff, size = np.where(kinks, 0, np.abs(a - n)), np.maximum(np.abs(a), np.abs(n))
        # Where all is below noise, which is what rounding can do to n, nothing was seen.
        is_seen = (size[~kinks] > noise).any() and "unclear" not in found
        self.unclear = self.ok and not is_seen
        self.mean_abs_diff = float(diff[~kinks].mean())
        if not self.unclear:
            told = np.isin(found, ("agrees", "wrong")) & (size > 0)
            self.max_rel_error = float((diff[told] / size[told]).max(initial=0))
        worst = int(diff.argmax()) if self.ok else int(np.argmax(found == "wrong"))
        self.worst_index = tuple(place_of(entries[worst], self.gradient))
        self.backprop, self.numerical = float(a[worst]), float(n[worst])

    @property
    def is_nearly_right(self):
        """Is the worst entry off by less than a ten thousandth of the largest one?"""
        return abs(self.backprop - self.numerical) < 1e-4 * np.abs(self.n).max()

    def cells(self):
        """The cells of a row in the report's table."""
        shape = "x".join(map(str, self.shape)) or "one number"
        errors = ("-" if e != e else f"{e:.2e}" for e in (self.mean_abs_diff, self.max_rel_error))
        verdict = "unclear" if self.unclear else "ok" if self.ok else "FAILED"
        return shape, f"{self.checked:,}", f"{self.kinks:,}" if self.ok else "-", *errors, verdict

    def __repr__(self):
        return f"ArrayCheck({', '.join(self.cells())})"

    def disagreement(self):
        place = f"worst at {list(self.worst_index)}, where " if self.shape else ""
        values = f"{self.backprop:.8g} and the numerical gradient {self.numerical:.8g}"
        return f"{place}backprop says {values}"


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
    if alike(a, n) or not np.isfinite(off):
        return ""  # a few entries off: nothing to name
    if not n.any():
        return "every numerical gradient is zero. Does forward use it, or a later layer undo it?"
    if not a.any():
        return "every gradient checked is zero; does backward compute it?"
    if name == "x" and np.shape(dout) == check.shape:
        if alike(a, douts := np.ravel(dout)[check.entries]):
            return "backward returns dout as it is; is the derivative missing?"
        if alike(a * douts, n):
            return "it would be right times dout; is dout missing?"
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
