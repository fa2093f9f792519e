"""The gradient check: backprop's gradients beside numerical ones, and a verdict on the difference.

    a   an entry of backprop's gradient (analytic)
    n   the same entry by a central difference (numerical), with step h = 1e-4

If they differ, is that a bug? Not always: Relu has a kink at 0, a place without derivative. A
difference across a kink mixes the slopes of both sides. So the check takes three steps:

1. a and n agree if |a - n| is within the tolerance plus what rounding does.
2. Where they don't, look closer, the worst entry first: with h = 1e-5 and 1e-6 at the same place.
   If they agree now, the larger step was too coarse. Most often it crossed a kink. No bug.
3. If they still differ, x itself may lie at a kink. So look at x - 1e-5 and at x + 1e-5, with a
   computed there; if another kink lies just there, at 1e-6 to either side. If backprop is right on
   both sides, it is a kink; else a bug.

In steps 2 and 3 the error must also be at most half of what it was: a smaller step leaves more
rounding, in which a bug in tiny gradients could hide. A gradient that is wrong at a single point
only can't be told from one at a kink.
"""

import contextlib
import copy
import math

import numpy as np
from tqdm import tqdm

from common import mistakes
from common.gradient import central_difference
from common.mistakes import as_finite, as_numbers, kind, wrong
from common.params import learnt
from common.threads import threads_for

__all__ = ["ArrayCheck", "GradientReport", "check_gradient", "check_layer"]

SEED = 784_50_10  # nobody's seed for x, or else dout could be the same numbers


def check_gradient(network, x, t, *, samples=None, tolerance=1e-6, rng=None):
    """Does backprop agree with central differences in every parameter? Returns a GradientReport.

    network   : any object with params (a dict of float64 arrays), loss(x, t) and gradient(x, t).
                If it has layers and lastLayer too, the report names those that are wrong
    x, t      : a few samples. Three are enough; one alone can't show a missing division by N
    samples   : how many entries of each array to check, half of them where backprop isn't zero;
                None checks all
    tolerance : the largest relative error that counts as agreement
    rng       : NumPy Generator or seed for what is drawn; by default always the same

    Parameters are as before afterwards; what else a layer keeps, such as a running mean, may not
    be. TypeError or ValueError for what can't be checked: float32, random numbers in the chain, a
    gradient with another shape, a write into x, t or a parameter.
    """
    params = mistakes.check_network(network)
    x = as_finite(x, np.float64).copy()
    t = as_numbers(t, "labels t as numbers").copy()
    rng = np.random.default_rng(SEED if rng is None else rng)
    options = {"samples": samples, "tolerance": tolerance, "rng": rng}
    _try_other_batch(network, params, x, t, rng)
    with threads_for(params, len(x)):
        f, backprop = lambda: network.loss(x, t), lambda: network.gradient(x, t)
        compare = Comparison("gradient", params, f, backprop, **options)
        inputs = _inputs(network, x)
        report = compare.report(len(x), [x, f(), *inputs.values()])
        if inputs:
            _look_for_suspects(report, network, inputs, t, options)
    return report


def check_layer(layer, x, *, samples=None, tolerance=1e-6, rng=None):
    """Does a layer's backward agree with its forward? Returns a GradientReport.

    layer : any object with forward(x) and backward(dout), in float64
    x     : an input for forward. samples, tolerance and rng are those of check_gradient

    A difference needs one number, so L = sum(out * dout) with a random dout. Then dL/dout is dout,
    backward(dout) must return dL/dx, and leave dL/dW in dW. (With a dout of ones errors could
    cancel.) The report has each parameter by its name, and the input as "x".

    Give the parameters random numbers first: if all are 0 or 1, as they often start, a factor that
    backward forgets can't be seen.
    """
    name, rng = kind(layer), np.random.default_rng(SEED if rng is None else rng)
    mistakes.check_is_layer("", layer)
    mistakes.check_hides_none(name, layer, learnt)
    x = as_finite(x, np.float64).copy()
    arrays = {each: getattr(layer, each) for each in learnt(layer)} | {"x": x}
    for each, array in arrays.items():
        mistakes.check_differentiable(array, f"{name}'s {each}")

    # First another batch, so that a backward which goes on using it shows.
    others = arrays | {"x": _shuffled(x, rng)}
    with mistakes.unwritten(name, others):
        out = mistakes.as_output(name, layer.forward(others["x"]))
    others["dout"] = rng.standard_normal(out.shape)
    with mistakes.unwritten(name, others):
        layer.backward(others["dout"])
    for each in set(learnt(layer)) - set(arrays):
        mistakes.check_seen_before(name, each)
    dout = np.asarray(rng.standard_normal(out.shape))

    def backprop():
        layer.forward(x)
        dx = layer.backward(dout)
        return {each: getattr(layer, f"d{each}") for each in arrays if each != "x"} | {"x": dx}

    compare = Comparison(
        name, arrays, lambda: np.sum(layer.forward(x) * dout), backprop, samples, tolerance, rng
    )
    terms = np.abs(layer.forward(x) * dout)
    report = compare.report(len(np.atleast_1d(x)), [x, terms.sum()], dout)
    report.suspects += [] if report.ok else [name]
    return report


class Comparison:
    """Compares the gradients that backprop() computes with differences of f.

    arrays     : {name: array}; they are changed in place
    f()        : one number, computed from them
    backprop() : {name: gradient of f with respect to that array}
    """

    def __init__(self, owner, arrays, f, backprop, samples, tolerance, rng):
        if samples is not None:
            mistakes.check_count("samples", samples)
        if not 1e-9 <= tolerance < 1:
            raise wrong(ValueError, "tolerance between 1e-9 and 1", tolerance)
        self.owner, self.arrays, self.f, self._backprop = owner, arrays, f, backprop
        self.samples, self.tolerance, self.rng = samples, tolerance, rng
        # First of all, so that a stale cache shows; a copy, since backprop may reuse its arrays.
        self.gradients = copy.deepcopy(self.backprop())
        mistakes.check_repeatable(f(), f())

    def backprop(self):
        gradients = self._backprop()
        if not hasattr(gradients, "get"):
            came = f"{kind(gradients)}; its keys must be those of params"
            raise wrong(TypeError, "gradient(x, t) to return a dict", came)
        for name, array in self.arrays.items():
            mistakes.check_gradient_shape(self.owner, name, gradients.get(name), array.shape)
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
        bar = tqdm(entries.tolist(), desc=name, disable=None, delay=1, leave=False)
        a = np.ravel(gradient)[entries].astype(np.float64)
        n = np.array([self.difference(array, i, 1e-4) for i in bar])
        error = np.abs(a - n)
        kinks, bug = np.zeros(len(a), bool), None
        for k in np.argsort(-error):
            if not error[k] <= self.allowed(a[k], n[k], 1e-4):  # nan and inf agree with nothing
                if not self.is_kink(name, entries[k], a[k], n[k]):
                    bug = k  # one is enough
                    break
                kinks[k] = True
        noise = self.rounding / 1e-4
        return ArrayCheck(gradient, entries, a, n, kinks, bug, noise, noise / self.tolerance)

    def difference(self, array, i, h):
        return central_difference(lambda _: self.f(), array, i, h)

    def allowed(self, a, n, h):
        """The largest |a - n| that counts as agreement. A difference divides rounding by h."""
        return self.tolerance * min(max(abs(a), abs(n)), 1e300) + self.rounding / h

    def is_kink(self, name, i, a, n):
        """Steps 2 and 3: True if backprop is right after all."""
        array, error = self.arrays[name], abs(a - n)
        value = array.item(i)

        def agree(a, h):
            n = self.difference(array, i, h)
            return abs(a - n) <= min(error / 2, self.allowed(a, n, h))

        def backprop_at(place):
            array.flat[i] = place
            return np.ravel(self.backprop()[name])[i]

        if agree(a, 1e-5) or agree(a, 1e-6):
            return True
        try:
            return backprop_at(value) == a and any(
                all(agree(backprop_at(place), far / 10) for place in (value - far, value + far))
                for far in (1e-5, 1e-6)
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


def _shuffled(x, rng):
    """The same numbers in other places, and smaller, so that they differ even if all are equal."""
    return 0.9 * rng.permuted(x.ravel()).reshape(x.shape)


def _other_labels(t, classes):
    return (t + 1) % classes if t.ndim == 1 else np.roll(t, 1, axis=-1)


def _try_other_batch(network, params, x, t, rng):
    """Another batch first, so that a backward which goes on using it shows."""
    others = {**params, "x": _shuffled(x, rng)}
    # What fails here fails in the real check too, and is told there.
    with mistakes.unwritten("backprop", others), contextlib.suppress(Exception):
        t = _other_labels(t, network.predict(others["x"]).shape[1])
    others["t"] = t.copy()
    with mistakes.unwritten("backprop", others), contextlib.suppress(Exception):
        network.gradient(others["x"], others["t"])


def _inputs(network, x):
    """{name of a layer: its input}, with the scores for lastLayer; {} if network has no layers."""
    inputs = {}
    with contextlib.suppress(Exception):
        for name, layer in network.layers.items():
            inputs[name], x = x, layer.forward(x)
        return inputs | {"lastLayer": x} if hasattr(network, "lastLayer") else {}
    return {}


def _with_labels(last, t):
    """The last layer as a layer like any other, with t held fixed."""

    class lastLayer:
        def forward(self, x):
            with contextlib.suppress(Exception):  # other labels first; a layer may refuse them
                last.forward(0.9 * x, _other_labels(t, x.shape[1]))
            return last.forward(x, t)

        def backward(self, dout):
            return last.backward(dout)

    return lastLayer()


def _look_for_suspects(report, network, inputs, t, options):
    """Check each layer alone, lastLayer always, and write the wrong ones into the report."""
    samples = options["samples"] and max(50, options["samples"])
    layer = _with_labels(network.lastLayer, t)
    last = check_layer(layer, inputs["lastLayer"], **options | {"samples": samples})
    faults = {}
    if not (report.ok and last.ok):
        for name, layer in network.layers.items():
            try:
                alone = check_layer(layer, inputs[name], **options | {"samples": 50})
                if not alone.ok:
                    faults[name] = "wrong " + " and ".join("d" + each for each in alone.failed)
            except Exception as error:
                faults[name] = error
    if not last.ok:
        report["lastLayer"] = last["x"]
        report.failed.append("lastLayer")
        report.causes += ["lastLayer" + cause.removeprefix("x") for cause in last.causes]
        faults["lastLayer"] = "wrong dx"
    report.suspects += faults
    report.causes += [f"Checked alone, {name} fails: {fault}." for name, fault in faults.items()]
    if report.failed and not faults:
        place = report.failed[-1]
        report.causes.append(
            f"Checked alone, no layer fails: look at how dout comes from the loss to {place}."
        )


class GradientReport(dict):
    """What a gradient check found: {name: ArrayCheck}. str() gives a table to read.

    ok       : True if backprop is wrong nowhere
    failed   : names of the gradients that are wrong: parameters, "x" of a layer, "lastLayer"
    suspects : names of the layers that are wrong when they are checked alone
    causes   : what the wrong numbers look like, a sentence each: where to look first
    """

    def __init__(self, checks):
        super().__init__(checks)
        self.failed = [name for name, check in checks.items() if not check.ok]
        self.suspects, self.causes = [], []

    @property
    def ok(self):
        return not self.failed

    def __bool__(self):
        """True only if something was seen to agree."""
        return self.ok and not all(check.unclear for check in self.values())

    def __missing__(self, name):
        raise KeyError(f"expected one of {', '.join(self)}, got {name!r}")

    def __str__(self):
        return f"{self.table()}\n\n{self.verdict()}"

    __repr__ = __str__

    def table(self):
        rows = [("", "shape", "checked", "kinks", "mean |diff|", "rel. error", "")]
        rows += [(name, *check.cells()) for name, check in self.items()]
        wide = [max(map(len, column)) for column in zip(*rows)]
        cells = [[f"{cell:{w}}" for cell, w in zip(row, wide)] for row in rows]
        return "\n".join("  ".join(row).rstrip() for row in cells)

    def verdict(self):
        lines = [f"{name}: {self[name].disagreement()}." for name in self.failed]
        if kinks := sum(check.kinks for check in self.values()):
            lines.append(
                f"At {kinks:,} {'entry' if kinks == 1 else 'entries'} a step of 1e-4 is too "
                "coarse, as across a kink of Relu. Smaller steps, or a look at both sides, agree "
                "there; the figures leave them out."
            )
        if unclear := [name for name, check in self.items() if check.unclear]:
            lines.append(
                f"Neither right nor wrong: {', '.join(unclear)}. All entries checked lie at a kink "
                "or are smaller than rounding. Other numbers may show more."
            )
        if self.ok:
            where = " wherever a difference can tell" if unclear else ""
            lines.append(f"Backprop agrees with the differences{where}.")
        else:
            lines.append(f"Backprop DISAGREES with the differences: {', '.join(self.failed)}.")
            lines += [f"- {cause}" for cause in self.causes]
        return "\n".join(lines)


class ArrayCheck:
    """Backprop beside differences, at the entries of one array that were checked.

    checked, kinks : how many entries; at how many of them a step of 1e-4 was too coarse
    mean_abs_diff  : mean of |a - n| without those: the figure that the book prints
    max_rel_error  : largest |a - n| / max(|a|, |n|) without those, where what is smaller than
                     rounding counts as rounding
    worst_index    : the entry that is wrong, or, if all are right, the one furthest off
    backprop, numerical : a and n there
    ok, unclear    : False if there is a bug; True if nothing was there to tell
    """

    def __init__(self, gradient, entries, a, n, kinks, bug, noise, floor):
        self.gradient, self.entries, self.a, self.n = np.asarray(gradient), entries, a, n
        self.shape, self.ok = self.gradient.shape, bug is None
        self.checked, self.kinks = len(entries), int(kinks.sum())
        self.mean_abs_diff = self.max_rel_error = self.backprop = self.numerical = math.nan
        self.unclear, self.worst_index = True, None
        if kinks.all():
            return
        diff, size = np.where(kinks, 0, np.abs(a - n)), np.maximum(np.abs(a), np.abs(n))
        self.unclear = self.ok and not (size[~kinks] > noise).any()
        self.mean_abs_diff = float(diff[~kinks].mean())
        with np.errstate(invalid="ignore"):  # should backprop say inf
            self.max_rel_error = float((diff / np.maximum(size, floor)).max())
        worst = int(diff.argmax()) if self.ok else bug
        self.worst_index = tuple(int(at) for at in np.unravel_index(entries[worst], self.shape))
        self.backprop, self.numerical = float(a[worst]), float(n[worst])

    def cells(self):
        """The cells of a row in the report's table."""
        shape = "x".join(map(str, self.shape)) or "one number"
        errors = ("-" if e != e else f"{e:.2e}" for e in (self.mean_abs_diff, self.max_rel_error))
        verdict = "unclear" if self.unclear else "ok" if self.ok else "FAILED"
        return shape, f"{self.checked:,}", f"{self.kinks:,}", *errors, verdict

    def __repr__(self):
        return f"ArrayCheck({', '.join(self.cells())})"

    def disagreement(self):
        place = f"worst at {list(self.worst_index)}, where " if self.shape else ""
        return f"{place}backprop says {self.backprop:.8g} and the difference {self.numerical:.8g}"


def likely_causes(report, N, dout=None):
    """What the wrong gradients look like, a sentence each: guesses where to look.

    N is the batch size, dout what backward was given.
    """
    names = {}
    for name in report.failed:
        for words in _likeness(name, report, N, dout):
            names.setdefault(words, []).append(name)
    return [f"{', '.join(those)}: {words}" for words, those in names.items()]


def _likeness(name, report, N, dout):
    check, a, n = report[name], report[name].a, report[name].n
    if not np.isfinite(a).all():
        return
    if dout is None and np.abs(a - n).max() < 1e-4 * np.abs(n).max():
        yield (
            "all are nearly right; does the loss add a small number, such as 1e-7 to y, that "
            "backward takes no notice of?"
        )
    if _alike(a, n):
        return  # a few entries off: nothing to name
    if not n.any():
        yield "every difference is zero; does forward use it at all? Or does a later layer undo it?"
        return
    if not a.any():
        yield "every gradient checked is zero; is it computed at all?"
        return
    large = np.abs(n) > 1e-3 * np.abs(n).max()  # rounding leaves little of the others
    factor = float(np.median(a[large] / n[large]))
    if large.sum() > 1 and _alike(a, factor * n):
        known = [
            (-1, "Is a sign wrong?"),
            (2, "Is something added twice?"),
            (N, f"The batch size is {N}: is a division by it missing?"),
            (1 / N, f"The batch size is {N}: is it divided by twice?"),
        ]
        if dout is not None and dout.ndim == 0:
            known.append((1 / dout, f"dout was {dout:.6g}: is it ignored?"))
        hints = [words for value, words in known if math.isclose(factor, value, rel_tol=1e-5)]
        yield " ".join([f"every gradient is {factor:.6g} times what it should be.", *hints])
    if _alike(np.ravel(check.gradient.T)[check.entries], n):
        yield "the gradient is the transpose of what it should be."
    for other in report.failed:
        if other != name and report[other].shape == check.shape:
            if _alike(np.ravel(report[other].gradient)[check.entries], n):
                yield f"the gradient should be what {other}'s is; are they swapped?"


def _alike(a, n):
    return np.isclose(a, n, rtol=1e-5, atol=1e-6 * np.abs(n).max()).mean() > 0.9
