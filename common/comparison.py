"""Backprop's gradients beside numerical ones: how a check tells a bug from a kink.

    a   an entry of backprop's gradient (analytic)
    n   the same entry by a central difference (numerical), with step h = 1e-4

If they differ, is that a bug? Not always: Relu has a kink at 0, a place without derivative. A
difference across a kink mixes the slopes of both sides. So the check takes three steps:

1. a and n agree if |a - n| is within the tolerance plus what rounding does.
2. Where they don't, look closer, the worst entry first: with h = 1e-5 and 1e-6 at the same place.
   If they agree now, the larger step was too large. Most often it crossed a kink. No bug.
3. If they still differ, x itself may lie at a kink. So look at x - 1e-5 and at x + 1e-5, with a
   computed there; if another kink lies just there, at 1e-6 to either side. If backprop is right on
   both sides, it is a kink; else a bug.

In steps 2 and 3 the error must also be at most half of what it was: a smaller step leaves more
rounding, in which a bug in tiny gradients could hide. A gradient that is wrong at a single point
only can't be told from one at a kink.
"""

import copy
import math
import sys

import numpy as np
from tqdm import tqdm

from common.gradient import STEP, central_difference
from common.mistakes import check_count, kind, one_number, wrong
from common.params import check_gradient_shape
from common.report import ArrayCheck, GradientReport, likely_causes

__all__ = ["Comparison"]


class Comparison:
    """Compares the gradients that backprop() computes with differences of f.

    arrays     : {name: array}; they are changed in place
    f()        : one number, computed from them
    backprop() : {name: gradient of f with respect to that array}
    """

    def __init__(self, owner, arrays, f, backprop, samples, tolerance, rng):
        if samples is not None:
            check_count("samples", samples)
        if not 1e-9 <= tolerance < 1:
            raise wrong(ValueError, "tolerance between 1e-9 and 1", tolerance)
        self.owner, self.arrays, self.f, self._backprop = owner, arrays, f, backprop
        self.samples, self.tolerance, self.rng = samples, tolerance, rng
        # First of all, so that a stale cache shows; a copy, since backprop may reuse its arrays.
        self.gradients = copy.deepcopy(self.backprop())
        check_repeatable(f(), f())

    def backprop(self):
        gradients = self._backprop()
        if not hasattr(gradients, "get"):
            came = f"{kind(gradients)}; its keys must be those of params"
            raise wrong(TypeError, "gradient(x, t) to return a dict", came)
        for name, array in self.arrays.items():
            check_gradient_shape(self.owner, name, gradients.get(name), array.shape)
        return gradients

    def report(self, N, numbers, dout=None):
        """The GradientReport. numbers are those on the way to f(); N is the batch size."""
        # Rounding puts f off by a few eps of the largest number on the way; 40 is generous.
        size = max(1.0, *(np.abs(array).max(initial=0) for array in numbers))
        self.rounding = 40 * np.finfo(np.float64).eps * size
        report = GradientReport({name: self.check(name) for name in self.arrays})
        report.causes = likely_causes(report, N, dout)
        return report

    def check(self, name):
        """The ArrayCheck of one array."""
        array, gradient = self.arrays[name], self.gradients[name]
        entries = self.choose(np.ravel(gradient))
        bar = tqdm(
            entries.tolist(), name, leave=False, disable=None if sys.stderr else True, delay=1,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {remaining} left",
        )  # fmt: skip
        a = np.ravel(gradient)[entries].astype(np.float64)
        n = np.array([self.difference(array, i, STEP) for i in bar])
        off = np.abs(a - n)
        is_kink, bug = np.zeros(len(a), bool), None
        for k in np.argsort(-off):
            if not off[k] <= self.allowed(a[k], n[k], STEP):  # nan and inf agree with nothing
                if not self.lies_at_kink(name, entries[k], a[k], n[k]):
                    bug = k  # one is enough
                    break
                is_kink[k] = True
        noise = self.rounding / STEP
        return ArrayCheck(gradient, entries, a, n, is_kink, bug, noise, noise / self.tolerance)

    def difference(self, array, i, h):
        return central_difference(lambda _: self.f(), array, i, h)

    def allowed(self, a, n, h):
        """The largest |a - n| that counts as agreement. A difference divides rounding by h."""
        return self.tolerance * min(max(abs(a), abs(n)), 1e300) + self.rounding / h

    def lies_at_kink(self, name, i, a, n):
        """Steps 2 and 3: True if backprop is right after all."""
        array, off = self.arrays[name], abs(a - n)
        value = array.item(i)

        def agree(a, h):
            n = self.difference(array, i, h)
            return abs(a - n) <= min(off / 2, self.allowed(a, n, h))

        def backprop_at(moved):
            array.flat[i] = moved
            return np.ravel(self.backprop()[name])[i]

        if agree(a, STEP / 10) or agree(a, STEP / 100):
            return True
        try:
            return backprop_at(value) == a and any(
                all(agree(backprop_at(moved), far / 10) for moved in (value - far, value + far))
                for far in (STEP / 10, STEP / 100)
            )
        finally:
            array.flat[i] = value

    def choose(self, gradient):
        """The entries to check. Half of a sample lies where backprop isn't zero.

        So pixels that are dark in all images, where every gradient is zero, can't hide a bug.
        """
        if self.samples is None or self.samples >= gradient.size:
            return np.arange(gradient.size)
        mixed = self.rng.permutation(gradient.size)
        alive = mixed[gradient[mixed] != 0][: (self.samples + 1) // 2]
        picks = [*np.flatnonzero(~np.isfinite(gradient)), *alive, *mixed]  # nan and inf first
        return np.array(list(dict.fromkeys(picks))[: self.samples])


def check_repeatable(first, second):
    first, second = one_number(first, "the loss"), one_number(second, "the loss")
    if not math.isfinite(first):
        raise wrong(ValueError, "finite outputs", f"a sum of {first}; pass other numbers")
    if first != second:
        hint = "draw the same random numbers each time, and don't write into x"
        raise wrong(ValueError, "the same output for the same x", "another", hint)
