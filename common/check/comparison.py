"""Backprop's gradients beside numerical ones: the same, a bug, or a kink?

    a   an entry of backprop's gradient (analytic)
    n   the same entry by a central difference (numerical), with step h = 1e-4

1. They agree if |a - n| is at most the tolerance times |n|, or what rounding may do to n. If that
   isn't small beside the largest n of the array, it is unclear.
2. With h = 1e-5 or 1e-6 they may agree: then the step of 1e-4 was too large. Most often it crossed
   a kink, a point where the slope jumps, such as that of Relu at 0.
3. Else x itself may lie at a kink. So all arrays are moved a little, six times, up and down. It is
   a bug if backprop is wrong at such places too, or if it is wrong at x alone.
"""

import contextlib
import copy
import functools
import math

import numpy as np
from tqdm import tqdm

from common.check.report import ArrayCheck
from common.gradient import h as STEP
from common.guards.arguments import check_count, kind, place_of, wrong
from common.guards.params import NO_UPDATE, check_gradient_shape
from common.guards.untouched import untouched

EPS = np.finfo(np.float64).eps


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

    def f(self):
        out = self._f()  # a layer may use its array again
        return out if type(out) is float else np.array(out, dtype=np.float64)

    def backprop(self):
        before = copy.deepcopy(self.arrays)
        gradients = self._backprop()
        if not hasattr(gradients, "get"):
            came = f"{kind(gradients)}; its keys must be those of params"
            raise wrong(TypeError, "gradient(x, t) to return a dict", came)
        for name, array in self.arrays.items():
            if not np.array_equal(array, before[name]):
                raise wrong(ValueError, f"{name} left as given", "a write", NO_UPDATE, self.owner)
            check_gradient_shape(self.owner, name, gradients.get(name), array.shape)
        return gradients

    def check(self, name):
        """The ArrayCheck of one array."""
        gradient = self.gradients[name]
        entries = self.choose(np.ravel(gradient))
        a = np.ravel(gradient)[entries].astype(np.float64)
        bar = tqdm(entries.tolist(), name, leave=False, disable=None, delay=1)
        n = np.array([self.difference(name, i, STEP) for i in bar])
        scale, found = np.abs(n).max(initial=0), np.full(len(a), "agrees", dtype=object)
        agree = np.isclose(a, n, self.tolerance, 0)
        for k in np.argsort(-np.abs(a - n)):
            if not agree[k]:
                found[k] = self.closer_look(name, entries[k], a[k], abs(a[k] - n[k]), scale)
                if found[k] == "wrong":
                    break  # one is enough
        return ArrayCheck(gradient, entries, a, n, found, vars(self).get("noise", 10 * EPS) / STEP)

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

    def closer_look(self, name, i, a, off, scale):
        """What is an entry where a and n are `off`? scale is the largest n of the array."""
        rounding = self.noise / STEP
        if off <= rounding:
            return "rounded" if rounding <= 1e-3 * scale else "unclear"
        if not math.isfinite(a):  # no slope beside it is nan
            return "wrong"
        if self.agrees(name, i, a):
            return "kink"
        nearby = []  # is it right there?
        for by in (0.01, -0.01, 1e-3, -1e-3, 1e-4, -1e-4):
            with contextlib.suppress(Exception), self.moved(by):  # f may take no such numbers
                nearby.append(self.agrees(name, i, self.backprop_at(name, i)))
        if nearby.count(False) > 1:
            return "unclear" if self.is_rounded(name, i, a, off) else "wrong"
        if self.is_wrong_at_x_alone(name, i, a, off):
            return "wrong"
        return "kink" if any(nearby) else "unclear"

    @contextlib.contextmanager
    def moved(self, by):
        """In a with statement: all arrays are moved a little, each entry by a step of its own."""
        with untouched(self.arrays):
            for array in self.arrays.values():
                array += by * (1 + np.abs(array)) * self.rng.uniform(0.5, 1, array.shape)
            yield

    def agrees(self, name, i, a):
        """Is a what a difference says, if its step is small enough? None if they differ, too."""
        off, ns = math.inf, []
        for h in (STEP, STEP / 10, STEP / 100):
            n = self.difference(name, i, h)
            if np.isclose(a, n, self.tolerance, self.noise / h) and abs(a - n) <= off / 2:
                return True
            off, ns = min(off, abs(a - n)), [*ns, n]
        return None if np.ptp(ns[1:]) > off / 4 else False

    def is_wrong_at_x_alone(self, name, i, a, off):
        """Does backprop say the same at the floats before and after x, but not at x?"""
        x = self.arrays[name].item(i)
        floats = x + np.spacing(x) * np.array([-3, -2, -1, 1, 2, 3])
        around = [self.backprop_at(name, i, x) for x in floats]
        return np.ptp(around) <= off / 100 and abs(around[0] - a) > off / 10

    def is_rounded(self, name, i, a, off):
        """Is a mostly rounding? Then it changes if other numbers change in their last digits.

        So it may be behind several batch normalizations of equal rows.
        """
        x, is_repeatable = self.arrays[name].item(i), self.backprop_at(name, i) == a
        for k in range(1, 20, 2):  # upwards, so that a whole number x stays the same index
            with self.moved(k * EPS):
                if is_repeatable and abs(self.backprop_at(name, i, x) - a) > off / 10:
                    return True
        return False

    def difference(self, name, i, h):
        """The slope of L between x - h and x + h for an entry x.

        An entry of f that is the same at both, such as -1e9, adds 0.
        """
        x = self.arrays[name].item(i)
        above, below = x + h, x - h
        change = (self.at(name, i, above, self.f) - self.at(name, i, below, self.f)) * self.dout
        slope = float(change if type(change) is float else np.sum(change)) / (above - below)
        if not math.isfinite(slope):
            came = f"{slope} at {name}{place_of(i, self.arrays[name])}"
            raise wrong(ValueError, "a finite slope of the output", came)
        return slope

    def backprop_at(self, name, i, x=None):
        gradients = self.backprop() if x is None else self.at(name, i, x, self.backprop)
        return np.ravel(gradients[name])[i]

    def at(self, name, i, x, f):
        """f(), while an entry is x."""
        array = self.arrays[name]
        value = array.item(i)
        array.flat[i] = x
        try:
            return f()
        finally:
            array.flat[i] = value

    @functools.cached_property
    def noise(self):
        """How far rounding on the way to f puts a difference of f off.

        In a row of points f is smooth, but for rounding: the fourth differences of a smooth f are
        next to nothing. Some of them may cross a kink, so the largest don't count.
        """
        arrays, fs = self.arrays.values(), []
        length = math.sqrt(sum(array.size for array in arrays))
        ways = [self.rng.standard_normal(array.shape) * STEP / 10 / length for array in arrays]
        with untouched(self.arrays):
            for k in range(10, 45):  # not across x itself, which may lie at a kink
                for array, way in zip(arrays, ways):
                    array += way * (k if k == 10 else 1)
                fs.append(self.f() * self.dout)
        fs = np.array(fs)
        sums = np.abs(np.diff(fs, 4, axis=0).reshape(len(fs) - 4, -1).sum(axis=1))
        rounding = np.quantile(sums, 0.75) / math.sqrt(70)  # 70 = 1 + 16 + 36 + 16 + 1
        # An entry that stays, such as -1e9, is never rounded. The loss may stay as it is large.
        moved = fs[0] != fs[-1] if fs[0].ndim else True
        size = np.abs(fs[0]).max(initial=0.25, where=moved)
        return 10 * max(float(rounding), 4 * EPS * size)
