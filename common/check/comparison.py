"""Backprop's gradients beside numerical ones: right, wrong, a kink, or unclear.

    a   an entry of backprop's gradient (analytic)
    n   the same entry by a central difference (numerical), with step h = 1e-4

If they differ, is that a bug? Each entry goes through these steps:

1. It agrees if |a - n| is at most the tolerance times the larger of both.
2. Or if |a - n| is at most what rounding does to n, and that is small beside the largest n of the
   array; else it is unclear. Rounding is measured: f is computed at points in a row, and what isn't
   smooth about it is rounding. (What h^2 does to n is taken away first.)

Steps 3 to 5 are in bug_or_kink.py.
"""

import copy
import math
import sys

import numpy as np
from tqdm import tqdm

from common.check.bug_or_kink import UNCLEAR, WRONG, CloserLook, larger
from common.check.report import ArrayCheck
from common.gradient import STEP
from common.guards.mistakes import check_count, is_finite, kind, place_of, wrong
from common.guards.params import check_gradient_shape
from common.guards.untouched import untouched

EPS = np.finfo(np.float64).eps
AGREES, ROUNDED = "agrees", "rounded"


class Comparison:
    """Compares the gradients that backprop() computes with differences of L = sum(f() * dout).

    arrays     : {name: array}; they are changed in place
    f()        : one number or an array, computed from them
    backprop() : {name: gradient of L with respect to that array}
    """

    def __init__(self, owner, arrays, f, backprop, samples, tolerance, rng, dout=1.0):
        if samples is not None:
            check_count("samples", samples)
        if not 1e-9 <= tolerance < 1:
            raise wrong(ValueError, "tolerance between 1e-9 and 1", tolerance)
        self.owner, self.arrays, self.f, self._backprop = owner, arrays, f, backprop
        self.samples, self.tolerance, self.rng, self.dout = samples, tolerance, rng, dout
        # First of all, so that a stale cache shows; a copy, since backprop may reuse its arrays.
        self.gradients = copy.deepcopy(self.backprop())
        self.noise = None  # measured when it is needed

    def backprop(self):
        gradients = self._backprop()
        if not hasattr(gradients, "get"):
            came = f"{kind(gradients)}; its keys must be those of params"
            raise wrong(TypeError, "gradient(x, t) to return a dict", came)
        for name, array in self.arrays.items():
            if name not in gradients:
                expected = "gradient(x, t) with the keys of params"
                raise wrong(ValueError, expected, f"none for {name}")
            check_gradient_shape(self.owner, name, gradients.get(name), array.shape)
        return gradients

    def check(self, name):
        """The ArrayCheck of one array."""
        array, gradient = self.arrays[name], self.gradients[name]
        entries = self.choose(np.ravel(gradient))
        bar = tqdm(
            entries.tolist(), name, leave=False, disable=None if sys.stderr else True, delay=1,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {remaining} left",
        )  # fmt: skip
        a = np.ravel(gradient)[entries].astype(np.float64)
        n, rounding = np.array([self.difference(array, i, STEP) for i in bar]).reshape(-1, 2).T
        off = np.abs(a - n)
        found = np.full(len(a), AGREES, dtype=object)
        scale = np.abs(n).max(initial=0)
        for k in np.argsort(-off):
            if not off[k] <= self.tolerance * larger(a[k], n[k]):  # nan and inf agree with nothing
                found[k] = self.judge(name, entries[k], a[k], n[k], rounding[k], scale)
                if found[k] == WRONG:
                    break  # one is enough
        noise = max(self.noise or 0, rounding.max(initial=0)) / STEP
        return ArrayCheck(gradient, entries, a, n, found, noise)

    def judge(self, name, i, a, n, rounding, scale):
        """Step 2 for an entry that doesn't agree to the tolerance, and then a closer look."""
        if abs(a - n) <= rounding / STEP <= 1e-3 * scale:
            return ROUNDED
        noise = self.noise_of(rounding) / STEP
        # A central difference is off in proportion to h^2. Two of them tell n without this.
        twice, _ = self.difference(self.arrays[name], i, 2 * STEP)
        better = (4 * n - twice) / 3
        off = min(abs(a - n), abs(a - better))
        if off <= self.tolerance * larger(a, better):
            return ROUNDED
        if off <= noise:
            return ROUNDED if noise <= 1e-3 * scale else UNCLEAR
        return CloserLook(self, name, i, a, n, rounding).verdict()

    def difference(self, array, i, h, sides=(1, -1)):
        """n, and by how much rounding can put f(x + h) - f(x - h) off, at least.

        An entry of f that is the same on both sides, such as -1e9, adds 0. But if it is about 1, as
        a probability, it may only seem so. With sides (1, 0) it is the slope from the right, and
        with (0, -1) that from the left.
        """
        value, fs = array.item(i), []
        xs = [value + side * h for side in sides]
        try:
            for x in xs:
                array.flat[i] = x
                f = self.f()
                fs.append(f if type(f) is float else np.array(f, dtype=np.float64))
                if not is_finite(fs[-1]):
                    came = f"{np.sum(f)} where x{place_of(i, array)} is {x}"
                    raise wrong(ValueError, "finite outputs", came)
        finally:
            array.flat[i] = value
        change, sizes = (fs[0] - fs[1]) * self.dout, abs(fs[0] * self.dout)
        moved = fs[0] != fs[1]
        if type(change) is float:  # the loss, on whose way there are numbers of about 1
            return change / (xs[0] - xs[1]), EPS * max(4 * sizes, 10)
        size = np.max(sizes, initial=0 if np.any(moved) else 1)
        if np.any(moved):
            size = max(4 * np.sum(sizes, where=moved), min(size, 1))
        return np.sum(change) / (xs[0] - xs[1]), EPS * size

    def noise_of(self, rounding):
        """How far rounding on the way to f puts a difference of f off.

        In a row of points f is smooth, but for rounding: the fourth differences of a smooth f are
        next to nothing. Rows may cross a kink, so the second smallest of five counts.
        """
        if self.noise is None:
            before, rows = {name: array.copy() for name, array in self.arrays.items()}, []
            length = math.sqrt(sum(array.size for array in before.values()))
            with untouched(self.arrays):
                for _ in range(5):
                    ways = {
                        k: self.rng.standard_normal(a.shape) / length for k, a in before.items()
                    }
                    fs = []
                    for step in range(10, 17):  # not across x itself, which may lie at a kink
                        for name, array in self.arrays.items():
                            array[...] = before[name] + step * STEP / 4 * ways[name]
                        fs.append(np.array(self.f(), dtype=np.float64) * self.dout)
                    fourth = np.diff(fs, 4, axis=0).reshape(3, -1).sum(axis=1)
                    rows.append(np.abs(fourth).max() / math.sqrt(70))  # 70 = 1 + 16 + 36 + 16 + 1
            self.noise = 10 * float(sorted(rows)[1])
        return max(self.noise, 10 * rounding)

    def agrees_along_a_line(self, name):
        """Do a and n agree, if all entries are moved together along a direction of chance?"""
        array, gradient, h, fs = self.arrays[name], self.gradients[name], STEP / 10, []
        before, root = array.copy(), math.sqrt(max(array.size, 1))
        way = self.rng.standard_normal(array.shape) / root
        with untouched(array):
            for step in (h, -h):
                array[...] = before + step * way
                fs.append(np.sum(self.f() * self.dout))
        n, a = (fs[0] - fs[1]) / (2 * h), np.sum(gradient * way)
        rounding = 100 * EPS * max(map(abs, fs)) / h
        return abs(a - n) <= 1e-3 * np.linalg.norm(gradient) / root + rounding

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
