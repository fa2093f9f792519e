"""The judge: do backprop's gradients agree with the differences?

f, x, i, h   as in differences: the function, the array, the entry of x.flat, the step
a, n         what backprop says of an entry (analytic), and what the difference says (numerical)
kink         a place without derivative, as Relu has at 0: backprop says 0 on one side and 1 on the
             other, and a difference across it something between

Where the two disagree, smaller steps are tried, and

- the disagreement vanishes: the step was too coarse, or it crossed a kink. No bug.
- it stays, but backprop is right on both sides of x: x itself lies at a kink. No bug.
- it stays, and backprop is wrong beside x too: a bug.
"""

import copy
import math

import numpy as np
from tqdm import tqdm

from common import guards
from common.differences import H, central_difference
from common.report import ArrayCheck, GradientReport

__all__ = ["Judge"]


class Judge:
    """Compares the gradients of f that backprop() computes with differences of f.

    f()        : one number, which depends on arrays that are changed in place
    backprop() : {name of an array: gradient of f with respect to it}, as the arrays are then
    """

    def __init__(self, f, backprop, samples, tolerance, rng):
        self.f, self.backprop = lambda _: f(), backprop  # for differences give x to their f
        self.samples, self.tolerance, self.rng = samples, tolerance, rng
        # First of all, so that a stale cache shows; copied, as backprop may reuse its arrays.
        self.gradients = copy.deepcopy(backprop())

    def report(self, arrays, size):
        """The GradientReport on {name: array}; size is that of the numbers which f adds up."""
        # Rounding puts f off by a few eps of that size; 120 are a safe bound.
        self.rounding = 120 * np.finfo(np.float64).eps * max(1.0, size)
        first, second = self.f(None), self.f(None)
        guards.check_repeatable(first, second)
        return GradientReport({name: self.compare(name, x) for name, x in arrays.items()})

    def compare(self, name, x):
        """The ArrayCheck of one array."""
        gradient = np.ravel(self.gradients[name])
        entries = self.choose(x, gradient)
        watched = tqdm(entries.tolist(), desc=name, disable=None, delay=1, leave=False)
        a, n = gradient[entries], np.array([central_difference(self.f, x, i, H) for i in watched])
        error = np.abs(a - n)
        disagrees = ~(error < self.allowed(a, n, H))  # nan agrees with nothing
        kink, bug = np.zeros((2, len(a)), bool)
        for k in sorted(np.flatnonzero(disagrees), key=lambda k: -error[k]):
            n[k], kink[k], bug[k] = self.look_closer(name, x, entries[k], a[k], n[k])
            if bug[k]:  # one proof is enough
                break
        return ArrayCheck(x.shape, entries, a, n, kink, bug, self.tolerance, self.rounding / H)

    def allowed(self, a, n, h):
        """The largest |a - n| that counts as agreement. The difference divides rounding by h."""
        return self.tolerance * np.maximum(np.abs(a), np.abs(n)) + self.rounding / h

    def look_closer(self, name, x, i, a, n):
        """Of a disagreement: (the difference, by a smaller step if need be; a kink?; a bug?)."""
        if not math.isfinite(a):
            return n, False, True
        unit = max(1.0, 1e-4 * abs(x.item(i)))  # in a large x small steps are lost
        h, slope, error = H, n, abs(a - n)
        before = error
        while error > self.allowed(a, slope, h) and h > 1e-9 * unit:
            h, before = h / 4, error
            slope = central_difference(self.f, x, i, h)
            error = abs(a - slope)
            if abs(slope - n) > self.allowed(slope, n, h):
                n = slope  # else the larger step, which rounding affects less, said the same
        if error < before / 2:
            # It vanishes: if the step was too coarse to 1/16, like h^2; if it crossed a kink to
            # nothing, unless that is nearer than the smallest step.
            too_coarse = before / 32 < error < self.allowed(a, slope, h)
            return slope, not too_coarse, False
        if self.backprop_at(name, x, i, 0) != a:  # backprop isn't repeatable
            return n, False, True
        # Over a wider step too, for rounding may make several of one kink.
        kink = any(self.is_right_beside(name, x, i, a, step) for step in (h, 1e-6 * unit))
        return n, kink, not kink

    def is_right_beside(self, name, x, i, a, h):
        """Is backprop right between x - h and x + h, though it isn't at x?

        A difference is the mean of the slopes between x - h and x + h. So where backprop is right,
        the mean of what it says there is the difference: at 0 of Relu 1/2, the mean of 0 and 1,
        though a = 0. Were it wrong on a side, that mean would be half as far off as a, or more.
        """
        slope = central_difference(self.f, x, i, h)
        between = [self.backprop_at(name, x, i, part * h) for part in np.linspace(-0.9, 0.9, 10)]
        return abs(slope - np.mean(between)) < abs(slope - a) / 4

    def backprop_at(self, name, x, i, step):
        """What backprop says of entry i when that is moved by a step."""
        value = x.item(i)
        try:
            x.flat[i] = value + step
            return np.ravel(self.backprop()[name])[i]
        finally:
            x.flat[i] = value

    def choose(self, x, gradient):
        """The entries to look at: all of them, or a sample that isn't left to luck alone.

        One comes from bisect, for luck would miss one wrong entry among thousands. Half of them lie
        where backprop isn't zero, so that pixels which are always dark can't hide a bug.
        """
        if self.samples is None or self.samples >= x.size:
            return np.arange(x.size)
        mixed = self.rng.permutation(x.size)
        alive = mixed[gradient[mixed] != 0][: (self.samples + 1) // 2]
        picks = dict.fromkeys([*self.bisect(x, gradient), *alive, *mixed])  # each once, in order
        return np.array(list(picks)[: self.samples])

    def bisect(self, x, gradient, h=1e-6):
        """[the entry of the worst error], or [] if there seems to be none.

        Binary search: a group of entries is moved at once, each up or down at random. If f doesn't
        change by sum(gradient * step), go on with the half of them for which it is further off.
        """
        # h is less than H, for f must stay nearly straight though all move at once.
        step, saved = self.rng.choice([-h, h], x.size), x.flatten()

        def surprise(group):
            try:
                x.flat[group] = saved[group] + step[group]
                above = self.f(x)
                x.flat[group] = saved[group] - step[group]
                below = self.f(x)
            finally:
                x.flat[group] = saved[group]
            error = abs((above - below) / 2 - gradient[group] @ step[group]) / h
            return error if error < math.inf else math.inf  # nan surprises most

        group = np.arange(x.size)
        # Errors of tolerance * |gradient[i]| with random signs add up to about this norm.
        if surprise(group) < self.tolerance * np.linalg.norm(gradient) + self.rounding / h:
            return []
        while len(group) > 1:
            group = max(np.array_split(group, 2), key=surprise)
        return group
