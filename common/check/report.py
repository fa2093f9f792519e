"""What a gradient check found, in words and numbers: a table and a verdict."""

import math

import numpy as np

from common.gradient import h as STEP
from common.guards.arguments import place_of

WHY_UNCLEAR = {
    True: "Each gradient there is 0, or below what rounding and kinks close by may do to the "
    "numerical one ({}). If it isn't always 0, other numbers may show more.",
    False: "Rounding may move the numerical gradient there by {}; kinks close by, or a steep "
    "curve, by more. Other numbers may show more.",
}


class GradientReport(dict):
    """What a gradient check found: {name: ArrayCheck}. str() gives a table to read.

    ok       : True if backprop is wrong nowhere
    failed   : names of the gradients that are wrong: parameters, "x" of a layer, "lastLayer"
    suspects : names of the layers that turn a right dout into a wrong dx or dW
    causes   : what wrong or unclear numbers look like, and what the suspects do wrong
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
            lines.append(
                f"This shows once {', '.join(self.moved)} are moved a little. Where all entries of "
                "a parameter are equal, such as 0 or 1, they can hide a mistake. So can a copy "
                "that a layer has kept."
            )
        if kinks := sum(check.kinks for check in self.values() if check.ok):
            lines.append(
                f"Left out of the figures: {kinks:,} {'entry' if kinks == 1 else 'entries'}, where "
                f"a step of {STEP:.0e} crosses a kink, or the slope changes too fast for it. With "
                "smaller steps, or on both sides of the kink, backprop agrees there."
            )
        unclear = [name for name, check in self.items() if check.unclear]
        for is_zero, why in WHY_UNCLEAR.items():
            if names := [name for name in unclear if self[name].is_zero == is_zero]:
                noise = max(self[name].noise for name in names)
                why = why.format(f"{noise:.0e}")
                lines.append(f"Neither right nor wrong: {', '.join(names)}. {why}")
        for name in self.unseen:
            place, _, array = name.rpartition(".")
            hint = f". If it is to be learnt, {place} must keep self.d{array}"
            is_own = place != "lastLayer" and "." not in place and array.isidentifier()
            words = "changes the output, but has no gradient"
            lines.append(f"Not checked: {name} {words}{hint if is_own else ''}.")
        if self.ok:
            where = " wherever that can tell" if unclear else ""
            is_sample = any(check.checked < check.gradient.size for check in self.values())
            where += " in what was checked" if self.unseen or is_sample else ""
            agree = f"Backprop agrees with the numerical gradient{where}."
            lines.append(agree if self else "Nothing could be told of backprop.")
        else:
            names = ", ".join(self.failed)
            lines.append(f"Backprop DISAGREES with the numerical gradient: {names}.")
        return "\n".join([*lines, *(f"- {cause}" for cause in self.causes)])


class ArrayCheck:
    """Backprop beside the numerical gradient, at the entries of one array that were checked.

    checked, kinks : how many entries; at how many of them a step of 1e-4 was too large. (Once one
                     is wrong, the others aren't looked at for that.)
    mean_abs_diff  : mean of |a - n| without those: the figure that the book prints
    max_rel_error  : largest |a - n| / max(|a|, |n|) without those, and without differences that
                     rounding explains
    worst_index    : the entry that is wrong, or, if all are right, the one furthest off
    backprop, numerical : a and n there
    noise, is_zero : what rounding can do to n; is every a and n below it?
    ok, unclear    : False if there is a bug; True if rounding or kinks left something open
    """

    def __init__(self, gradient, entries, a, n, found, noise):
        self.gradient, self.entries, self.a, self.n = np.asarray(gradient), entries, a, n
        self.shape, self.ok, self.noise = self.gradient.shape, "wrong" not in found, noise
        kinks = found == "kink"
        self.checked, self.kinks = len(entries), int(kinks.sum())
        self.mean_abs_diff = self.max_rel_error = self.backprop = self.numerical = math.nan
        self.unclear, self.worst_index = True, None
        diff, size = np.where(kinks, 0, np.abs(a - n)), np.maximum(np.abs(a), np.abs(n))
        self.is_zero = not (size > noise).any()
        if kinks.all():
            return
        seen = (size[~kinks] > noise).any() and "unclear" not in found
        self.unclear = self.ok and not seen
        self.mean_abs_diff = float(diff[~kinks].mean())
        if not self.unclear:
            told = np.isin(found, ("agrees", "wrong")) & (size > 0)
            self.max_rel_error = float((diff[told] / size[told]).max(initial=0))
        worst = int(diff.argmax()) if self.ok else int(np.argmax(found == "wrong"))
        self.worst_index = tuple(place_of(entries[worst], self.gradient))
        self.backprop, self.numerical = float(a[worst]), float(n[worst])

    def cells(self):
        """The cells of a row in the report's table."""
        shape = "x".join(map(str, self.shape)) or "one number"
        errors = ("-" if e != e else f"{e:.2e}" for e in (self.mean_abs_diff, self.max_rel_error))
        verdict = "unclear" if self.unclear else "ok" if self.ok else "FAILED"
        kinks = f"{self.kinks:,}" if self.ok else "-"
        return shape, f"{self.checked:,}", kinks, *errors, verdict

    def __repr__(self):
        return f"ArrayCheck({', '.join(self.cells())})"

    def disagreement(self):
        place = f"worst at {list(self.worst_index)}, where " if self.shape else ""
        values = f"{self.backprop:.8g} and the numerical gradient {self.numerical:.8g}"
        return f"{place}backprop says {values}"
