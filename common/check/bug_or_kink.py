"""A closer look at an entry where backprop and a central difference aren't the same: bug or kink?

Backprop says a, and the difference with a step of h = 1e-4 is n. These are the steps:

1. It agrees if |a - n| is at most what rounding does to n, and that is small beside the largest n
   of the array; else it is unclear. Rounding is measured: f is computed at points in a row, and
   what isn't smooth about it is rounding. (What h^2 does to n is taken away first.)
2. With h = 1e-5 and 1e-6: if they agree now, the larger step was too large. Most often it crossed a
   kink, such as that of Relu at 0. No bug.
3. If they still differ, x itself may lie at a kink. That is a place where the slopes from the left
   and from the right differ, so both are measured. (Those of a curve are the same.) If they differ,
   and backprop is right beside the kink, on both sides of it, it is no bug.
4. With small weights each layer makes its outputs smaller, down to 1e-9 and less. Then kinks lie
   very close together. So smaller steps, down to 1e-8, are tried, too. It is a bug only if n
   settles: two steps in a row, and one between, give nearly the same n, much nearer to each other
   than to a. And if backprop is right, or another, a little further on, it is unclear: x may lie
   between two kinks. (Unless backprop is wrong at x alone.) It is unclear, too, if a itself is
   mostly rounding.

In steps 2 to 4 the error must also be at most half of what it was: a smaller step leaves more
rounding, in which a bug in tiny gradients could hide.
"""

import math

import numpy as np

from common.gradient import h as STEP
from common.guards.untouched import untouched

EPS = np.finfo(np.float64).eps
AGREES, ROUNDED, KINK, UNCLEAR, WRONG = "agrees", "rounded", "kink", "unclear", "wrong"


class CloserLook:
    """Entry i of an array of a Comparison. rounding is the least that it does to f."""

    def __init__(self, compare, name, i, a, n, rounding):
        self.compare, self.name, self.i, self.a, self.n = compare, name, i, a, n
        self.array, self.rounding = compare.arrays[name], rounding
        self.x, self.off = self.array.item(i), abs(a - n)

    def verdict(self, scale):
        """ROUNDED, KINK, UNCLEAR or WRONG. scale is the largest n of the array."""
        off, noise = self.off, self.rounding / STEP
        if not off <= noise <= 1e-3 * scale:
            noise = self.compare.noise_of(self.rounding) / STEP
            # A central difference is off in proportion to h^2. Two of them tell n without this.
            better = (4 * self.n - self.difference(2 * STEP)) / 3
            off = min(off, abs(self.a - better))
            if off <= self.compare.tolerance * larger(self.a, better):
                return ROUNDED
        if off <= noise:
            return ROUNDED if noise <= 1e-3 * scale else UNCLEAR
        self.noise = noise * STEP
        for h in (STEP / 10, STEP / 100):
            if self.is_near(self.a, self.difference(h), self.noise / h):
                return KINK
        if not math.isfinite(self.a):
            return WRONG
        return KINK if self.lies_at_kink() else self.with_small_steps()

    def lies_at_kink(self):
        """Step 3."""
        slopes = [self.n, *(self.slope(self.x + h, self.x) for h in (STEP / 10, -STEP / 10))]
        steepest = max(map(abs, slopes))
        enough = max(steepest, 100 * self.noise / STEP) / 10
        do_differ = max(slopes) - min(slopes) > min(self.off / 4, enough)
        if not do_differ or self.backprop_at(self.x) != self.a:
            return False
        if self.compare.holds_at_x_alone and min(slopes) <= self.a <= max(slopes):
            return True  # beside x dout would be another
        if self.is_right_beside(STEP / 10) or self.is_right_beside(STEP / 100):
            return True
        # With small weights the next kink may be 1e-7 away. Closer to x rounding is large, so that
        # more is asked: backprop itself must jump there.
        for far in (STEP / 1e3, STEP / 1e4):
            jump = self.backprop_at(self.x + far) - self.backprop_at(self.x - far)
            if abs(jump) > self.off / 100 and self.is_right_beside(far, most=steepest / 10):
                return True
        return False

    def with_small_steps(self):
        """Step 4."""
        steps = [STEP / 1e4, STEP / 1e3, STEP / 100, STEP / 10, STEP, 2 * STEP]
        steps = [h for h in steps if h >= STEP or 10 * self.rounding / h <= self.off / 4]
        ns, rounded = [self.difference(h) for h in steps], [10 * self.rounding / h for h in steps]
        apart = np.abs(np.diff(ns))
        for k, h in enumerate(steps[:-1]):
            # A larger step that gives the same tells it better: rounding does less there.
            best = k
            while best < len(apart) and apart[best] <= rounded[best] < self.off / 4:
                best += 1
            off = abs(self.a - ns[best])
            if self.is_near(self.a, ns[best], rounded[best]):
                return KINK
            if any(abs(self.a - n) <= off / 10 for n in ns[k:best]):
                return KINK  # it is the larger step that crosses one, though by little
            # Where kinks are crossed, two steps may give the same by chance: one between them, too?
            between = self.difference(math.sqrt(h * steps[k + 1]))
            spread = max(apart[k], abs(between - ns[k]))
            size = min(self.off, larger(ns[k], ns[k + 1]))
            settles = spread <= size / 10 + rounded[k]
            if settles and spread <= off / 10 + min(rounded[best], off / 10):
                return UNCLEAR if self.lies_between_kinks(h) or self.is_rounded() else WRONG
        return UNCLEAR

    def lies_between_kinks(self, h):
        if self.a not in map(self.backprop_at, np.nextafter(self.x, (-np.inf, np.inf))):
            return False  # it is wrong at x alone
        if h < STEP / 10:
            return self.is_right_beside(STEP / 100)
        # The gradient is so small that rounding hides it from differences with smaller steps.
        around = self.x + STEP * np.array([-1, -0.5, -0.1, 0.1, 0.5, 1])
        return any(abs(each - self.a) > self.off / 2 for each in map(self.backprop_at, around))

    def is_rounded(self):
        """Is a mostly rounding? Then it changes if other numbers change in their last digits.

        So it may be behind several batch normalizations of numbers that hardly differ.
        """
        if self.backprop_at(self.x) != self.a:
            return False  # it changes from call to call
        for _ in range(10):
            with untouched(self.compare.arrays):
                for array in self.compare.arrays.values():
                    array *= 1 + EPS * self.compare.rng.uniform(-8, 8, array.shape)
                if abs(self.backprop_at(self.x) - self.a) > self.off / 10:
                    return True
        return False

    def is_right_beside(self, far, most=math.inf):
        """Is backprop right at x - far and at x + far? Rounding excuses an error of `most`."""
        h = far / 10
        noise = min(self.noise / h, most)
        return all(
            self.is_near(self.backprop_at(x), self.slope(x + h, x - h), noise)
            for x in (self.x - far, self.x + far)
        )

    def is_near(self, a, n, noise):
        allowed = self.compare.tolerance * larger(a, n) + noise
        return abs(a - n) <= min(self.off / 2, allowed)

    # What is measured

    def difference(self, h):
        return self.slope(self.x + h, self.x - h)

    def slope(self, *xs):
        return self.compare.slope(self.array, self.i, *xs)[0]

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


def larger(a, n):
    return min(max(abs(a), abs(n)), 1e300)
