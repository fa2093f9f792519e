"""A closer look at an entry where backprop and a central difference aren't the same: bug or kink?

Backprop says a, and the difference with a step of h = 1e-4 is n. These are the steps:

1. If |a - n| is at most what rounding does to n, no bug can be seen: it agrees, or is unclear where
   rounding isn't small beside the largest n of the array. It also agrees if a is n without what h^2
   does to n.
2. With h = 1e-5 and 1e-6: if they agree now, the larger step was too large. Most often it crossed a
   kink, such as that of Relu at 0. No bug.
3. Else x itself may lie at a kink. So the entry is moved, to both sides of x. Between two points
   that are close together, the slope of f lies between what backprop says at both: it is their
   mean, but for a kink. Five such slopes on each side are looked at. It is a bug if all five are
   beyond; and no bug if most of them are the mean, on both sides. Else there are more kinks, which
   smaller steps may tell apart. (If backprop is wrong at x alone, that is a bug, too.)

With small weights each layer makes its outputs smaller, down to 1e-9 and less. There kinks lie so
close together that rounding hides what is between them. That is unclear.
"""

import contextlib
import math

import numpy as np

from common.gradient import h as STEP
from common.guards.untouched import untouched

EPS = np.finfo(np.float64).eps
AGREES, ROUNDED, KINK, UNCLEAR, WRONG = "agrees", "rounded", "kink", "unclear", "wrong"


class CloserLook:
    """Entry i of an array of a Comparison."""

    def __init__(self, compare, name, i, a, n):
        self.compare, self.name, self.i, self.a, self.n = compare, name, i, a, n
        self.array, self.noise = compare.arrays[name], compare.noise()
        self.x, self.off = self.array.item(i), abs(a - n)

    def verdict(self, scale):
        """ROUNDED, KINK, UNCLEAR or WRONG. scale is the largest n of the array."""
        if self.off <= self.noise / STEP:
            return ROUNDED if self.noise / STEP <= 1e-3 * scale else UNCLEAR
        if not math.isfinite(self.a):
            return WRONG
        # A central difference is off in proportion to h^2. Two of them tell n without this.
        better = (4 * self.n - self.slope(self.x + 2 * STEP, self.x - 2 * STEP)) / 3
        if self.are_near(self.a, better, STEP):
            return ROUNDED
        for h in (STEP / 10, STEP / 100):
            n = self.slope(self.x + h, self.x - h)
            if self.are_near(self.a, n, h) and abs(self.a - n) <= self.off / 2:
                return KINK
        if self.compare.holds_at_x_alone:  # beside x dout would be another
            slopes = [self.slope(self.x + h, self.x) for h in (STEP / 10, -STEP / 10)]
            if np.ptp(slopes) > self.off / 4:
                return KINK
        for step in (STEP, STEP / 10, STEP / 100, STEP / 1000):
            with contextlib.suppress(Exception):  # f may take no numbers so far from x, as a log
                is_right, is_wrong = zip(self.beside(step), self.beside(-step))
                if any(is_wrong):
                    return UNCLEAR if self.is_rounded() else WRONG
                if all(is_right):
                    return WRONG if self.is_wrong_at_x_alone() else KINK
        return UNCLEAR

    def beside(self, step):
        """Between neighbours on one side of x: is backprop right for most? Is it wrong for all?"""
        xs = self.x + step * np.arange(1, 7)
        at_xs = np.array([self.backprop_at(x) for x in xs])
        both = at_xs[1:], at_xs[:-1]
        n = np.array([self.slope(*pair) for pair in zip(xs, xs[1:])])
        beyond = np.maximum(np.minimum(*both) - n, n - np.maximum(*both))
        is_right = self.are_near(sum(both) / 2, n, abs(step))
        rough = np.abs(np.diff(at_xs, 2)).max()  # backprop may be rounded, too
        return is_right.sum() > 2, beyond.min() > 4 * self.noise / abs(step) + rough

    def is_wrong_at_x_alone(self):
        """Does backprop say the same at the floats before and after x, but not at x?"""
        floats = self.x + np.spacing(self.x) * np.array([-3, -2, -1, 1, 2, 3])
        around = [self.backprop_at(x) for x in floats]
        return np.ptp(around) <= self.off / 100 and abs(around[0] - self.a) > self.off / 10

    def is_rounded(self):
        """Is a mostly rounding? Then it changes if other numbers change in their last digits.

        So it may be behind several batch normalizations of equal rows.
        """
        if self.backprop_at(self.x) != self.a:
            return False  # it changes from call to call
        with untouched(self.compare.arrays):
            for _ in range(10):
                for array in self.compare.arrays.values():
                    array *= 1 + EPS * self.compare.rng.uniform(-8, 8, array.shape)
                if abs(self.backprop_at(self.x) - self.a) > self.off / 10:
                    return True
        return False

    def are_near(self, a, n, h):
        return np.isclose(a, n, self.compare.tolerance, self.noise / h)

    def slope(self, *xs):
        return self.compare.slope(self.array, self.i, *xs)

    def backprop_at(self, x):
        gradients = with_entry(self.array, self.i, x, self.compare.backprop)
        return np.ravel(gradients[self.name])[self.i]


def with_entry(array, i, x, f):
    """f(), while entry i of the array is x."""
    value = array.item(i)
    array.flat[i] = x
    try:
        return f()
    finally:
        array.flat[i] = value
