"""Backprop's gradients beside numerical ones, array by array.

    a   an entry of backprop's gradient (analytic)
    n   the same entry by a central difference (numerical), with step h = 1e-4

An entry agrees if |a - n| is at most the tolerance times |n|. If it doesn't, is that a bug?
bug_or_kink.py looks closer.
"""

import copy
import math

import numpy as np
from tqdm import tqdm

from common.check.bug_or_kink import AGREES, EPS, WRONG, CloserLook, with_entry
from common.check.report import ArrayCheck
from common.gradient import h as STEP
from common.guards.arguments import check_count, is_finite, kind, place_of, wrong
from common.guards.params import check_gradient_shape
from common.guards.untouched import untouched


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
            raise wrong(ValueError, "tolerance from 1e-9 to below 1", tolerance)
        self.owner, self.arrays, self._f, self._backprop = owner, arrays, f, backprop
        self.samples, self.tolerance, self.rng, self.dout = samples, tolerance, rng, dout
        # First of all, so that a stale cache shows; a copy, since backprop may reuse its arrays.
        self.gradients = copy.deepcopy(self.backprop())
        self._noise = None  # measured when it is needed
        self.holds_at_x_alone = False  # is dout known by differences at x?

    def f(self):
        out = self._f()  # a layer may use its array again
        return out if type(out) is float else np.array(out, dtype=np.float64)

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
        bar = tqdm(entries.tolist(), name, leave=False, disable=None, delay=1)
        a = np.ravel(gradient)[entries].astype(np.float64)
        xs = np.ravel(array)[entries].tolist()
        n = np.array([self.slope(array, i, x + STEP, x - STEP) for i, x in zip(bar, xs)])
        scale, found = np.abs(n).max(initial=0), np.full(len(a), AGREES, dtype=object)
        agree = np.isclose(a, n, self.tolerance, 0)
        for k in np.argsort(-np.abs(a - n)):
            if not agree[k]:
                found[k] = CloserLook(self, name, entries[k], a[k], n[k]).verdict(scale)
                if found[k] == WRONG:
                    break  # one is enough
        return ArrayCheck(gradient, entries, a, n, found, (self._noise or 10 * EPS) / STEP)

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

    def slope(self, array, i, *xs):
        """The slope of L between two values of an entry.

        An entry of f that is the same at both, such as -1e9, adds 0.
        """
        fs = [with_entry(array, i, x, self.f) for x in xs]
        change = (fs[0] - fs[1]) * self.dout
        if not is_finite(change):
            bad = (each for each in zip(xs, fs) if not is_finite(each[1]))
            x, f = next(bad, (xs[0], change))  # or their difference overflows
            came = f"{np.sum(f)} where x{place_of(i, array)} is {x}"
            raise wrong(ValueError, "finite outputs", came)
        change = change if type(change) is float else float(np.sum(change))  # the loss is one
        return change / (xs[0] - xs[1])

    def noise(self):
        """How far rounding on the way to f puts a difference of f off.

        In a row of points f is smooth, but for rounding: the fourth differences of a smooth f are
        next to nothing. Rows may cross a kink, so the second smallest of five counts.
        """
        if self._noise is None:
            rows = []
            for _ in range(5):
                fs = self.along_a_line()
                sums = np.diff(fs, 4, axis=0).reshape(3, -1).sum(axis=1)
                rows.append(np.abs(sums).max() / math.sqrt(70))  # 70 = 1 + 16 + 36 + 16 + 1
            # An entry that stays, such as -1e9, is never rounded. The loss may stay as it is large.
            moved = fs[0] != fs[-1] if fs[0].ndim else True
            size = np.abs(fs[0]).max(initial=0.25, where=moved)
            self._noise = 10 * max(float(sorted(rows)[1]), 4 * EPS * size)
        return self._noise

    def along_a_line(self):
        """f() * dout at points in a row, in a direction of chance."""
        steps = np.arange(10, 17) * STEP / 4  # not across x itself, which may lie at a kink
        arrays, fs = self.arrays.values(), []
        length = math.sqrt(sum(array.size for array in arrays))
        ways = [(a, a.copy(), self.rng.standard_normal(a.shape) / length) for a in arrays]
        with untouched(self.arrays):
            for step in steps:
                for array, start, way in ways:
                    array[...] = start + step * way
                fs.append(self.f() * self.dout)
        return np.array(fs)
