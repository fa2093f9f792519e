"""The judge: do backprop's gradients agree with the differences?

f     a function that returns one number: a loss, or a weighted sum of a layer's outputs
x     the array with respect to which f is differentiated: a parameter, or a layer's input
i     the place of an entry in x, counted row by row as in x.flat
h     the step by which an entry is moved down and up
a, n  what backprop says of an entry (analytic), and what the difference says (numerical)
kink  a place where f bends and has no derivative, as Relu at 0

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
        self.f, self.backprop = lambda _: f(), backprop
        self.samples, self.tolerance, self.rng = samples, tolerance, rng
        # Before f has run: its forward might put a stale cache right.
        self.gradients = copy.deepcopy(backprop())

    def report(self, arrays, size):
        """The GradientReport on {name: array}; size is that of the numbers which f adds up."""
        # How far rounding may put f off: a few eps of what it adds up, times 30 to be safe.
        self.rounding = 30 * np.finfo(np.float64).eps * max(1.0, size)
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
        bug = ~(error < self.allowed(a, n, H))  # nan agrees with nothing
        kink, bugs = np.zeros_like(bug), 0
        for k in sorted(np.flatnonzero(bug), key=lambda k: -error[k]):
            n[k], kink[k], bug[k] = self.look_closer(name, x, entries[k], a[k], n[k])
            bugs += bug[k]
            if bugs == 3:  # the smaller disagreements that remain would say nothing new
                break
        return ArrayCheck(x.shape, entries, a, n, kink, bug, self.tolerance, self.allowed(0, 0, H))

    def allowed(self, a, n, h):
        """The largest |a - n| that counts as agreement, after a step of h.

        A difference divides the rounding of f by its step. Times 4, because the next step is h / 4.
        """
        return self.tolerance * np.maximum(np.abs(a), np.abs(n)) + 4 * self.rounding / h

    def look_closer(self, name, x, i, a, n):
        """Of a disagreement: (the difference, by a smaller step if need be; a kink?; a bug?)."""
        if not math.isfinite(a):
            return n, False, True
        h, slope, error, vanishes = H, n, abs(a - n), False
        smallest = max(1e-9, 1e-13 * abs(x.item(i)))  # a smaller step is lost in x
        while error > self.allowed(a, slope, h) and h > smallest:
            h, before = h / 4, error
            slope = central_difference(self.f, x, i, h)
            error = abs(a - slope)
            vanishes = error < before / 2
            if vanishes or abs(slope - n) > self.allowed(slope, n, h):
                n = slope  # else the larger step, which rounding affects less, said the same
        if vanishes:  # an error like h^2 shrinks to 1/16 when h is quartered, a kink's to 0
            return n, error < before / 32, False
        # Over a wider step too, for rounding may scatter what is one kink.
        repeats = self.backprop_at(name, x, i, 0) == a
        kink = repeats and any(self.jumps(name, x, i, a, within) for within in (h, 1000 * smallest))
        return n, kink, not kink

    def jumps(self, name, x, i, a, h):
        """Does backprop jump between x - h and x + h, and is it right beside the jump?

        A difference is the mean of the slopes on the way from x - h to x + h. So where backprop is
        right on the way, the mean of what it says there is the difference. (Where f is smooth and
        backprop wrong at x and on one side of it, that mean is half as far off as a.)
        """
        slope = central_difference(self.f, x, i, h)
        on_its_way = [self.backprop_at(name, x, i, h * part) for part in np.linspace(-0.9, 0.9, 10)]
        return abs(slope - np.mean(on_its_way)) < abs(slope - a) / 3

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

        Half of it is taken where backprop isn't zero, so that pixels which are always dark
        can't hide a bug. And one entry is where a bisection ends that starts from all of them,
        since a sample alone would miss one wrong entry among thousands.
        """
        if self.samples is None or self.samples >= x.size:
            return np.arange(x.size)
        mixed = self.rng.permutation(x.size)
        alive = mixed[gradient[mixed] != 0][: (self.samples + 1) // 2]
        picks = dict.fromkeys([*self.bisect(x, gradient), *alive, *mixed])
        return np.array(list(picks)[: self.samples])  # each once, in this order

    def bisect(self, x, gradient, h=1e-6):
        """[the entry of the worst error], or [] if there seems to be none.

        All entries are moved at once, up or down at random. If f doesn't change as backprop says,
        the half of them that surprises more is looked at again, down to one entry.
        """
        step, saved = self.rng.choice([-h, h], x.size), x.flatten()  # of each entry

        def surprise(group):
            """How far f is from changing by sum(gradient * step), as it should."""
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
        if surprise(group) < self.tolerance * np.linalg.norm(gradient) + self.rounding / h:
            return []
        while len(group) > 1:
            group = max(np.array_split(group, 2), key=surprise)
        return group
