"""The proof: slopes by differences, which know nothing of backprop, and a verdict on it.

f     a function that returns one number: a loss, or a weighted sum of a layer's outputs
x     the array to differentiate by: a parameter, or a layer's input
i     the place of an entry in x, counted row by row as in x.flat
h     the step by which an entry is moved up and down
a, n  what backprop says of an entry (analytic), and what the difference says (numerical)
kink  a place where f bends and has no derivative, as Relu at 0
"""

import contextlib
import copy
import math

import numpy as np
from tqdm import tqdm

from common import guards
from common.report import ArrayCheck, GradientReport, index_of, likely_causes

__all__ = ["GradientReport", "check_gradient", "check_layer", "numerical_gradient"]

H = 1e-4  # the chapter's step: small against curvature, large against rounding


def numerical_gradient(f, x):
    """df/dx by central differences, (f(x + h) - f(x - h)) / 2h with h = 1e-4, entry by entry.

    f : called as f(x) with one entry of x changed in place; returns one number. It must compute
        with this very array: from a copy of it, all slopes come out as 0
    x : float64 array of any shape; it is as before afterwards, also when f raises

    Returns an array of the shape of x.
    TypeError if x isn't a float64 array or f doesn't return one number; ValueError if x is
    read-only or has entries too large for the step, or if f(x) isn't finite.
    """
    guards.check_differentiable(x, "x")
    grad = np.empty_like(x)
    for i in range(x.size):
        grad.flat[i] = _slope(f, x, i, H)
    return grad


def _slope(f, x, i, h):
    """The central difference of f by entry i of x. x is as before afterwards."""
    flat, value = x.flat, x.item(i)
    below, above = value - h, value + h
    try:
        flat[i] = below
        f_below = guards.one_number(f(x))
        left_alone = flat[i] == below
        flat[i] = above
        f_above = guards.one_number(f(x))
        left_alone = left_alone and flat[i] == above
    finally:
        flat[i] = value
    if not left_alone:
        raise ValueError("expected f to leave x as it is, got a write into it; compute on x.copy()")
    if not math.isfinite(f_above - f_below):
        raise ValueError(
            f"expected f(x) to be finite, got {f_below} and {f_above} where the entry "
            f"{index_of(i, x.shape)} of x is {below} and {above}"
        )
    return (f_above - f_below) / (above - below)  # the step as x rounds it, not quite 2h


def check_layer(layer, x, *, samples=None, tolerance=1e-6, rng=None):
    """Does a layer's backward agree with its forward? A GradientReport.

    layer     : object with forward(x) and backward(dout); its parameters, named in `param_names`,
                are float64 arrays, and are as before afterwards
    x         : an input for forward, (N, D) or whatever shape the layer takes
    samples   : how many entries of each array to look at; None for every one
    tolerance : the largest relative error that counts as agreement
    rng       : numpy Generator or seed for dout and the choice of entries, by default the seed 0

    The outputs are weighted with a random dout, so that no two errors cancel. The report has
    each parameter by its name, and the gradient dx of the input as "x".
    TypeError or ValueError for what can't be checked: float32, a gradient that is missing or of
    another shape, a layer that draws random numbers or writes into what it was given.
    """
    kind, options = guards.kind(layer), guards.checked_options(samples, tolerance, rng)
    arrays = {name: getattr(layer, name) for name in guards.names_of_params(layer)}
    arrays["x"] = x = guards.as_floats(x, np.float64).copy()
    dout = _try_out(layer, arrays, options["rng"])

    def weighted_sum():
        return np.sum(layer.forward(x) * dout)

    def backprop():
        layer.forward(x)
        dx = layer.backward(dout)
        guards.check_shape(kind, "x", dx, x)
        names = guards.names_of_params(layer)
        return {name: guards.as_gradient(kind, layer, name) for name in names} | {"x": dx}

    judge = _Judge(weighted_sum, backprop, **options)
    size = max(np.abs(x).max(initial=0), np.abs(layer.forward(x) * dout).sum())
    report = judge.report(arrays, size)
    report.causes += likely_causes(report, judge.gradients, len(np.atleast_1d(x)), dout)
    report.suspects += [] if report.ok else [kind]
    return report


def _try_out(layer, arrays, rng):
    """A dout for the layer, which has passed other data once and left its arrays alone.

    A layer that goes on using what an earlier forward kept, a stale cache, would seem right if
    that had been the same data.
    """
    for name, array in arrays.items():
        guards.check_differentiable(array, f"{guards.kind(layer)}'s {name}")
    trial = arrays | {"x": _shuffled(arrays["x"], rng)}
    given = copy.deepcopy(trial)
    out = layer.forward(trial["x"])
    guards.check_output(layer, out)
    dout, trial["dout"] = rng.standard_normal((2, *np.shape(out)))
    given["dout"] = trial["dout"].copy()
    layer.backward(trial["dout"])
    guards.check_untouched(guards.kind(layer), trial, given)
    guards.names_of_params(layer)  # once more, now that backward has left the gradients
    return dout


def check_gradient(network, x, t, *, samples=None, tolerance=1e-6, rng=None):
    """Does backprop agree with central differences in every parameter? A GradientReport.

    network : a Network in float64; its parameters are as before afterwards
    x, t    : a few samples, as for network.loss; three are plenty, but with one alone nothing
              shows whether backprop divides by the batch size
    samples, tolerance and rng are those of check_layer.

    The report has each parameter by its key, and "lastLayer" too if the dx of that one is wrong.
    TypeError or ValueError for what can't be checked, as in check_layer.
    """
    guards.check_network(network)
    options = guards.checked_options(samples, tolerance, rng)
    x, t = guards.as_floats(x, np.float64).copy(), guards.as_numbers(t, "labels t as numbers")
    given = network.params.copy()
    with contextlib.suppress(Exception):  # what is wrong with x or t, the pass that counts will say
        other = _shuffled(x, options["rng"])  # against stale caches, as in check_layer
        network.gradient(other, _other_labels(t, network.predict(other).shape[1]))
    guards.check_untouched("backprop", network.params, given)

    judge = _Judge(lambda: network.loss(x, t), lambda: network.gradient(x, t), **options)
    scores = network.predict(x)
    report = judge.report(network.params, np.abs(scores).max())
    report.causes += likely_causes(report, judge.gradients, len(x))
    last = check_layer(_WithLabels(network.lastLayer, t), scores, **options)
    if not last.ok:
        report.add("lastLayer", last)
    if not report.ok:
        _look_for_suspects(report, network, x, options)
    return report


class _WithLabels:
    """The last layer as a layer like any other, its labels held fixed."""

    def __init__(self, last, t):
        self.last, self.t = last, t

    def forward(self, x):
        self.last.forward(0.9 * x, _other_labels(self.t, x.shape[1]))  # against stale caches
        return self.last.forward(x, self.t)

    def backward(self, dout):
        return self.last.backward(dout)


def _shuffled(x, rng):
    """The same numbers in other places, and somewhat smaller."""
    return 0.9 * rng.permuted(x.ravel()).reshape(x.shape)


def _other_labels(t, classes):
    return (t + 1) % classes if t.ndim == 1 else np.roll(t, 1, axis=-1)


def _look_for_suspects(report, network, x, options):
    """Check each layer alone, to say in a failed report which of them is to blame."""
    for name, layer in network.layers.items():
        try:
            alone = check_layer(layer, x, **{**options, "samples": 50})
        except ValueError as error:
            report.suspect(name, error)
            break  # nothing right comes out of it for the layers above
        if not alone.ok:
            report.suspect(name, "wrong " + " and ".join("d" + param for param in alone.failed))
        x = layer.forward(x)
    if "lastLayer" in report:
        report.suspect("lastLayer", "wrong dx")
    if not report.suspects:
        owners = network.params.owners()
        highest = [owners[key][0] for key in report.failed][-1]
        report.causes.append(
            f"Checked alone, no layer fails: look at how dout is handed on, down to {highest}."
        )


class _Judge:
    """Compares the gradients that backprop() says f has with differences of f.

    f()        : one number, which depends on arrays that are changed in place
    backprop() : {name: gradient of f by the array of that name}, as the arrays are then

    Where the two disagree, smaller steps are taken. A disagreement that came from a kink within
    the step, or from a step too coarse for a curve, vanishes; a bug's stays. So does that from a
    kink at x itself, however small the step. But beside such a kink, on both sides of it, backprop
    is right; beside a bug it is wrong there too.
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
        a, n = gradient[entries], np.array([_slope(self.f, x, i, H) for i in watched])
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

        A difference divides the rounding of f by its step; and the next step is h / 4.
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
            slope = _slope(self.f, x, i, h)
            error = abs(a - slope)
            vanishes = error < before / 2
            if vanishes or abs(slope - n) > self.allowed(slope, n, h):
                n = slope  # else the larger step, which rounding does less to, said the same
        if vanishes:  # too coarse a step's error shrinks to a sixteenth each time, a kink's to 0
            return n, error < before / 32, False
        repeats = self.backprop_at(name, x, i, 0) == a
        kink = repeats and any(self.jumps(name, x, i, a, within) for within in (h, 1000 * smallest))
        return n, kink, not kink

    def jumps(self, name, x, i, a, h):
        """Does backprop jump between x - h and x + h, and is it right beside the jump?

        A difference is the mean of the slopes on the way from x - h to x + h. So where backprop is
        right on the way, the mean of what it says there is the difference. (Where f is smooth and
        backprop wrong at x and on one side of it, that mean is half as far off as a.)
        """
        slope = _slope(self.f, x, i, h)
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
        picks = dict.fromkeys([*alive, *self.bisect(x, gradient), *mixed])
        return np.array(list(picks)[: self.samples])  # each once, in this order

    def bisect(self, x, gradient, h=1e-6):
        """[the entry of the worst error], or [] if there seems to be none.

        All entries are moved at once, up or down at random. If f doesn't change as backprop says,
        the half of them that surprises more is looked at again, down to one entry.
        """
        step, saved = self.rng.choice([-h, h], x.size), x.flatten()

        def surprise(group):
            """How far off backprop is when all entries of the group move at once."""
            f = []
            try:
                for way in (1, -1):
                    x.flat[group] = saved[group] + way * step[group]
                    f.append(self.f(x))
            finally:
                x.flat[group] = saved[group]
            error = abs((f[0] - f[1]) / 2 - gradient[group] @ step[group]) / h
            return error if error < math.inf else math.inf  # nan surprises most

        group = np.arange(x.size)
        if surprise(group) < self.tolerance * np.linalg.norm(gradient) + self.rounding / h:
            return []
        while len(group) > 1:
            group = max(np.array_split(group, 2), key=surprise)
        return group
