"""A closer look at an entry where backprop and a central difference aren't the same: bug or kink?

The steps go on from those of comparison.py:

3. With h = 1e-5 and 1e-6: if they agree now, the larger step was too large. Most often it crossed a
   kink, such as that of Relu at 0. No bug.
4. If they still differ, x itself may lie at a kink. That is a place where the slopes from the left
   and from the right differ, so both are measured. (Those of a curve are the same.) If they differ,
   and backprop is right beside the kink, on both sides of it, it is no bug.
5. With small weights each layer makes its outputs smaller, down to 1e-9 and less. Then kinks lie
   very close together. So smaller steps, down to 1e-8, are tried, too. It is a bug only if n
   settles: two steps in a row give nearly the same n, much nearer to each other than to a. And if
   backprop is right, or another, a little further on, it is unclear: x may lie between two kinks.
   (Unless backprop is wrong at x alone.)

The error must also be at most half of what it was: a smaller step leaves more rounding, in which a
bug in tiny gradients could hide.
"""

import contextlib
import math

import numpy as np

from common.gradient import STEP

KINK, UNCLEAR, WRONG = "kink", "unclear", "wrong"


class CloserLook:
    """Entry i of an array of a Comparison, where backprop says a, and the difference is n."""

    def __init__(self, compare, name, i, a, n, rounding):
        self.compare, self.name, self.i, self.a, self.n = compare, name, i, a, n
        self.array = compare.arrays[name]
        self.x, self.off, self.rounding = self.array.item(i), abs(a - n), rounding
        self.noise = compare.noise_of(rounding)

    def verdict(self):
        if self.agrees(self.a, STEP / 10) or self.agrees(self.a, STEP / 100):
            return KINK
        if not math.isfinite(self.a):
            return WRONG
        return KINK if self.lies_at_kink() else self.with_small_steps()

    def lies_at_kink(self):
        """Step 4."""
        sides = (1, 0), (0, -1)  # from the right, from the left
        slopes = [self.n, *(self.difference(STEP / 10, on) for on in sides)]
        steepest = max(*map(abs, slopes), 100 * self.noise / STEP)
        if not max(slopes) - min(slopes) > min(self.off / 4, steepest / 10):
            return False
        fars = STEP / 10, STEP / 100
        return self.backprop_at(self.x) == self.a and any(map(self.is_right_beside, fars))

    def with_small_steps(self):
        """Step 5."""
        steps = [STEP / 1e4, STEP / 1e3, STEP / 100, STEP / 10, STEP, 2 * STEP]
        ns = [self.difference(h) for h in steps]
        rounded = [10 * self.rounding / h for h in steps]
        usable = [k for k, h in enumerate(steps[:-1]) if rounded[k] <= self.off / 4 or h == STEP]
        for k in usable:
            h, apart = steps[k], abs(ns[k] - ns[k + 1])
            if apart > min(self.off, larger(ns[k], ns[k + 1])) / 10 + rounded[k]:
                if k == usable[0] and self.is_near(self.a, ns[k], rounded[k]):
                    return KINK
                continue
            # A larger step that gives the same tells it better: rounding does less there.
            best = k
            while (
                best + 1 < len(ns) and abs(ns[best] - ns[best + 1]) <= rounded[best] < self.off / 4
            ):
                best += 1
            if self.is_near(self.a, ns[best], rounded[best]):
                return KINK
            if apart <= abs(self.a - ns[best]) / 10 + rounded[best]:
                return UNCLEAR if self.lies_between_kinks(h) else WRONG
        return UNCLEAR

    def lies_between_kinks(self, h):
        neighbours = np.nextafter(self.x, -np.inf), np.nextafter(self.x, np.inf)
        if self.a not in map(self.backprop_at, neighbours):
            return False  # it is wrong at x alone
        if h < STEP / 10:
            return self.is_right_beside(STEP / 100)
        # The gradient is so small that rounding hides it from differences with smaller steps.
        around = [self.x + side * far for far in (STEP / 10, STEP / 2, STEP) for side in (-1, 1)]
        return any(abs(each - self.a) > self.off / 2 for each in map(self.backprop_at, around))

    # What is measured

    def difference(self, h, sides=(1, -1)):
        return self.compare.difference(self.array, self.i, h, sides)[0]

    def agrees(self, a, h):
        return self.is_near(a, self.difference(h), self.noise / h)

    def is_near(self, a, n, noise):
        allowed = self.compare.tolerance * larger(a, n) + noise
        return abs(a - n) <= min(self.off / 2, allowed)

    def backprop_at(self, x):
        with self.moved_to(x):
            return np.ravel(self.compare.backprop()[self.name])[self.i]

    def is_right_beside(self, far):
        """Is backprop right at x - far and at x + far?"""
        for x in (self.x - far, self.x + far):
            a = self.backprop_at(x)
            with self.moved_to(x):
                if not self.agrees(a, far / 10):
                    return False
        return True

    @contextlib.contextmanager
    def moved_to(self, x):
        self.array.flat[self.i] = x
        try:
            yield
        finally:
            self.array.flat[self.i] = self.x


def larger(a, n):
    return min(max(abs(a), abs(n)), 1e300)
