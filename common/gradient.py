"""The proof: derivatives by differences, which know nothing of backprop, and a verdict on it.

    f     a function that returns one number: a loss, or a weighed sum of a layer's outputs
    x     the array to differentiate by: a parameter, or a layer's input
    h     the step by which entries of x are moved up and down
    kink  a place where f bends and has no derivative, as Relu at 0

A difference taken across a kink is wrong where backprop is right. Smaller steps tell a kink
from a bug: a kink's disagreement vanishes once the step no longer reaches it, and a kink that
lies at x itself shows as a slope to the left that isn't the slope to the right, however small
the step. A bug's disagreement stays, and left and right agree against it.
"""

import contextlib
import itertools
import math
from collections.abc import Mapping

import numpy as np
from tqdm import tqdm

__all__ = ["GradientReport", "check_gradient", "check_layer", "numerical_gradient"]

H = 1e-4  # the chapter's step: small against curvature, large against rounding


def numerical_gradient(f, x):
    """df/dx by central differences, (f(x + h) - f(x - h)) / 2h, one entry after another.

    f : called as f(x) with one entry of x changed in place; returns one number
    x : float64 array of any shape; it is as before afterwards, also when f raises

    Returns an array of the shape of x. The step h is 1e-4.
    TypeError if x isn't a float64 array or f doesn't return one number; ValueError if x is
    read-only or f(x) isn't finite.
    """
    _check_differentiable(x)
    grad = np.empty_like(x)
    for index in _every_index(x.shape):
        grad[index] = _central_difference(f, x, index, H)
    return grad


def check_gradient(network, x, t, *, samples=None, tolerance=1e-6, rng=None):
    """Does backprop agree with central differences in every parameter? A GradientReport.

    network   : a Network in float64; its parameters are as before afterwards
    x, t      : a few samples, as for network.loss; three are plenty
    samples   : how many entries of each parameter to look at; None for every one
    tolerance : the largest relative error that counts as agreement
    rng       : numpy Generator or seed for the choice of entries, by default the seed 0

    With samples, half of the entries are taken where backprop isn't zero, so that pixels
    which are always dark can't hide a bug; and one nudge moves all entries together, which is
    followed down to a single entry if backprop foretells it wrongly.
    TypeError for a float32 network, whose rounding would drown the differences.
    """
    if network.dtype != np.float64:
        raise TypeError(
            f"expected a network in float64, got {network.dtype}, whose rounding would drown the "
            "differences; build it with dtype=np.float64"
        )
    x, t = np.array(x, dtype=np.float64), np.asarray(t)
    judge = _Judge(samples, tolerance, rng)
    other_x = judge.shuffled(x)
    _pass_other_data(network, other_x, t)
    gradients, causes = _backprop(network, x, t)
    scores = network.predict(x)
    judge.size = max(1.0, np.abs(scores).max())
    checks = {
        key: judge(key, lambda _: network.loss(x, t), param, gradients[key])
        for key, param in network.params.items()
    }
    failed = [key for key, check in checks.items() if not check.ok]

    weight = judge.rng.uniform(2, 3)  # a dout other than 1, for a backward that forgets it
    _pass_other_data(network, other_x, t)
    network.loss(x, t)
    dx = network.lastLayer.backward(weight)
    last = judge("x", lambda scores: weight * network.lastLayer.forward(scores, t), scores, dx)
    if not last.ok:
        failed.append("lastLayer")
    if not failed:
        return GradientReport(checks)

    causes += _causes_in_numbers(checks, gradients, len(x)) + _causes_in_chain(network, failed)
    found = {} if last.ok else {"lastLayer": f"a wrong dx: {last.disagreement()}"}
    found |= _check_each_alone(network, x, judge)
    causes += [f"Checked alone, {name} has {fault}" for name, fault in found.items()]
    if not found:
        causes.append(
            "Each layer is right when checked alone: look at how gradients are handed on."
        )
    return GradientReport(checks, failed, found, causes)


def check_layer(layer, x, *, samples=None, tolerance=1e-6, rng=None):
    """Does a layer's backward agree with its forward? A GradientReport.

    layer : object with forward(x) and backward(dout); its parameters, named in `param_names`,
            are float64 arrays, and are as before afterwards
    x     : an input for forward, (N, D) or whatever shape the layer takes

    The outputs are weighed with a random dout, so that no two errors cancel. The report has
    each parameter by its name, and the gradient dx of the input as "x".
    samples, tolerance and rng are those of check_gradient.
    ValueError if forward or backward writes into the array that it was given.
    """
    x = np.array(x, dtype=np.float64)
    arrays = {name: getattr(layer, name) for name in getattr(layer, "param_names", ())}
    for name, param in arrays.items():
        _check_differentiable(param, f"{type(layer).__name__}'s {name}")
    judge = _Judge(samples, tolerance, rng)
    read_only = x.view()
    read_only.flags.writeable = False
    try:
        out = layer.forward(judge.shuffled(x))  # other data first, so that a stale cache shows
        layer.backward(np.ones_like(out))
        out = layer.forward(read_only)
        dout = judge.rng.standard_normal(np.shape(out))
        dout.flags.writeable = False
        dx = layer.backward(dout)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise ValueError(
            f"{type(layer).__name__}: expected x and dout to be left as they are, got a write "
            "into one of them; compute a new array instead"
        ) from error
    gradients = {name: getattr(layer, "d" + name, None) for name in arrays}
    arrays["x"], gradients["x"] = x, dx
    judge.size = max(1.0, np.abs(out * dout).sum())
    checks = {
        name: judge(name, lambda _: np.sum(layer.forward(read_only) * dout), array, gradients[name])
        for name, array in arrays.items()
    }
    failed = [name for name, check in checks.items() if not check.ok]
    causes = _causes_in_numbers(checks, gradients, len(np.atleast_1d(x)))
    return GradientReport(checks, failed, [type(layer).__name__] if failed else [], causes)


class GradientReport(Mapping):
    """What a gradient check found; str() and repr() are a table to read.

    ok       : True if backprop agrees everywhere, kinks aside
    failed   : names of the parameters that disagree ("lastLayer" too if its dx does)
    suspects : names of the layers that also disagree when they are checked alone
    causes   : what the numbers look like, a sentence each

    report["W1"] is an ArrayCheck, with the figures of that parameter.
    """

    def __init__(self, checks, failed=(), suspects=(), causes=()):
        self._checks = checks
        self.failed = list(failed)
        self.suspects = list(suspects)
        self.causes = list(causes)

    @property
    def ok(self):
        return not self.failed

    def __getitem__(self, name):
        return self._checks[name]

    def __iter__(self):
        return iter(self._checks)

    def __len__(self):
        return len(self._checks)

    def __str__(self):
        rows = [("", "shape", "checked", "kinks", "mean |diff|", "max rel. error", "")]
        for name, check in self.items():
            verdict = "FAILED" if not check.ok else "ok" if check.measurable else "too small"
            rows.append((name, *check.figures(), verdict))
        wide = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(map(str.ljust, row, wide)).rstrip() for row in rows]
        lines.append("")
        for name, check in self.items():
            if not check.ok:
                lines.append(f"{name}: {check.disagreement()}")
        lines += self.causes
        if kinks := sum(check.kinks for check in self.values()):
            lines.append(f"Left out: {kinks} entries at a kink, where a difference can't be right.")
        if small := [name for name, check in self.items() if not check.measurable]:
            lines.append(f"Too small to measure, neither proved nor refuted: {', '.join(small)}.")
        if self.ok:
            lines.append("Backprop agrees with the differences.")
        else:
            lines.append(f"Backprop DISAGREES with the differences: {', '.join(self.failed)}.")
        return "\n".join(lines)

    __repr__ = __str__


class ArrayCheck:
    """Backprop beside differences, at the entries of one array that were looked at.

    checked, kinks   : how many entries were looked at, and how many of them lie at a kink
    mean_abs_diff    : mean of |backprop - numerical|, kinks left out: the book's figure
    max_rel_error    : largest |backprop - numerical| / max(|backprop|, |numerical|), with what
                       rounding can do allowed for, so that it is comparable to the tolerance
    worst_index      : the entry with the largest difference, of those that disagree if any do
    backprop, numerical : the two values there
    ok               : True if no entry disagrees
    measurable       : False if all that was seen is smaller than rounding
    """

    def __init__(self, shape, entries, floor, tolerance, problem=None):
        self.shape, self.problem = shape, problem
        self.indices = [index for index, _, _, _ in entries]
        a, n, verdict = (np.array([entry[i] for entry in entries]) for i in (1, 2, 3))
        bug, smooth = verdict == _BUG, verdict != _KINK
        diff, size = np.abs(a - n) * smooth, np.maximum(np.abs(a), np.abs(n))
        worst = np.argmax(np.where(bug, diff, 0) if bug.any() else diff)
        self.checked, self.kinks = len(a), int((~smooth).sum())
        self.mean_abs_diff = float(diff[smooth].mean()) if smooth.any() else math.nan
        self.max_rel_error = float((diff / (size + floor / tolerance)).max())
        self.worst_index = self.indices[worst]
        self.backprop, self.numerical = float(a[worst]), float(n[worst])
        self.ok = problem is None and not bug.any()
        self.measurable = bool((size[smooth] > floor).any()) or not self.ok
        self.smooth, self.all_backprop, self.all_numerical = smooth, a, n

    def figures(self):
        """The cells of a row in the report's table."""
        return (
            " x ".join(map(str, self.shape)) or "one number",
            f"{self.checked:,}",
            f"{self.kinks:,}",
            f"{self.mean_abs_diff:.2e}",
            f"{self.max_rel_error:.2e}",
        )

    def disagreement(self):
        """Where backprop and the difference are furthest apart, as a sentence."""
        if self.problem:
            return f"{self.problem}."
        return (
            f"worst at {list(self.worst_index)}, where backprop says {self.backprop:.6g} "
            f"and the difference {self.numerical:.6g}."
        )


# The judge: one array, entry by entry.

_SAME, _KINK, _BUG = "same", "kink", "bug"


class _Judge:
    """Compares backprop with differences, and tells a bug from a kink.

    size : size of the numbers that f adds up, which rounding errors are a part of
    """

    def __init__(self, samples, tolerance, rng):
        if samples is not None and not (isinstance(samples, (int, np.integer)) and samples >= 1):
            raise ValueError(f"expected samples as a whole number from 1 up, got {samples!r}")
        if not 0 < tolerance < 1:
            raise ValueError(f"expected tolerance between 0 and 1, got {tolerance!r}")
        self.size, self.samples, self.tolerance = 1.0, samples, tolerance
        self.rng = np.random.default_rng(0 if rng is None else rng)

    def __call__(self, name, f, x, gradient):
        """The ArrayCheck of backprop's gradient of f by x."""
        first, second = f(x), f(x)
        if not math.isfinite(first):
            raise ValueError(
                f"expected finite outputs, got a sum of {first}; is x fit for the layer?"
            )
        if first != second:
            raise ValueError(
                f"expected the same outputs from the same inputs, got {first} and then {second}; "
                "a layer that draws random numbers must hold them fixed while it is checked, "
                "and one that writes into its x must compute a new array"
            )
        problem = _misfit(gradient, x)
        if problem:
            gradient = np.full_like(x, np.nan)
        entries, bugs = [], 0
        noise = 3 * self.rounding(H)  # what exceeds it can still be seen with a smaller step
        indices = _every_index((1,) * x.ndim) if problem else self.choose(f, x, gradient)
        for index in tqdm(indices, desc=name, disable=None, delay=1, leave=False):
            a, n, verdict = gradient[index], _central_difference(f, x, index, H), _SAME
            if not abs(a - n) <= self.allowed(a, n, noise):
                # A hundred bugs are proof enough: what comes after isn't looked into any more.
                n, verdict = self.look_closer(f, x, index, a, n) if bugs < 100 else (n, _BUG)
                bugs += verdict is _BUG
            entries.append((index, a, n, verdict))
        return ArrayCheck(x.shape, entries, noise, self.tolerance, problem)

    def shuffled(self, x):
        """The same numbers in other places, and somewhat smaller."""
        return 0.9 * self.rng.permuted(x.ravel()).reshape(x.shape)

    def rounding(self, h):
        """What rounding alone may do to a difference taken with step h, on the safe side."""
        return 30 * np.finfo(np.float64).eps * self.size / h

    def allowed(self, a, n, noise):
        return self.tolerance * max(abs(a), abs(n)) + noise

    def look_closer(self, f, x, index, a, n):
        """Where backprop's a isn't the difference n: n from a smaller step, and the verdict."""
        stays, bent, wrong, h = True, False, abs(a - n), H
        left, right = _slopes(f, x, index, h)
        while wrong > self.allowed(a, n, self.rounding(h)):  # until they agree, or rounding rules
            before, bend, h = wrong, right - left, h / 2
            left, right = _slopes(f, x, index, h)
            n = (left + right) / 2
            wrong = abs(a - n)
            # Left and right slope differ by h f'' where f is smooth, so half the step halves
            # that; but not at a kink. And it quarters what curvature makes wrong, but no bug.
            kink = abs(bend - 2 * (right - left)) > before / 2
            stays, bent = not kink and wrong > 0.75 * before, bent or kink
        return n, _BUG if stays else _KINK if bent else _SAME

    def choose(self, f, x, gradient):
        """Indices of the entries to look at."""
        if self.samples is None or self.samples >= x.size:
            return _every_index(x.shape)
        gradient = gradient.ravel()
        alive = np.flatnonzero(gradient)
        picks = self.rng.permutation(alive)[: (self.samples + 1) // 2]
        others = np.setdiff1d(np.arange(x.size), picks)
        picks = [*picks, *self.rng.permutation(others)[: self.samples - len(picks)]]
        picks += self.follow_a_nudge(f, x, gradient)
        return [np.unravel_index(pick, x.shape) for pick in dict.fromkeys(picks)]

    def follow_a_nudge(self, f, x, gradient, h=1e-5):
        """[an entry that spoils the slope along a random direction], or [] if none does."""
        signs = self.rng.choice([-1.0, 1.0], x.size)
        saved = x.copy()

        def surprise(group):
            """How far off backprop is when all entries of the group move at once."""
            step = np.zeros(x.size)
            step[group] = h * signs[group]
            step = step.reshape(x.shape)
            try:
                x[...] = saved + step
                above = f(x)
                x[...] = saved - step
                return abs((above - f(x)) / (2 * h) - gradient[group] @ signs[group])
            finally:
                x[...] = saved

        group = np.arange(x.size)
        if surprise(group) <= self.tolerance * np.linalg.norm(gradient) + self.rounding(h):
            return []
        while len(group) > 1:  # into the half that surprises more
            group = max(np.array_split(group, 2), key=surprise)
        return [group[0]]


def _pass_other_data(network, x, t):
    """Fill the caches of all layers with something else, so that a stale one shows later."""
    with contextlib.suppress(Exception):  # what is wrong with x or t, the pass that counts will say
        classes = network.predict(x).shape[1]
        network.gradient(x, (t + 1) % classes if t.ndim == 1 else np.roll(t, 1, axis=-1))


def _check_each_alone(network, x, judge):
    """{name: what is wrong with it} of the layers that are wrong by themselves."""
    found = {}
    for name, layer in network.layers.items():
        try:
            alone = check_layer(layer, x, samples=50, tolerance=judge.tolerance, rng=judge.rng)
        except ValueError as error:
            found[name] = f"an error: {error}."
            break
        if not alone.ok:
            found[name] = f"a wrong {' and '.join('d' + param for param in alone.failed)}."
        x = layer.forward(x)
    return found


def _backprop(network, x, t):
    """network.gradient(x, t) and no complaint; or what the layers were left with, and the one."""
    try:
        return network.gradient(x, t), []
    except ValueError as error:
        owners = network.params.owners()
        left = {key: getattr(layer, "d" + name, None) for key, (_, layer, name) in owners.items()}
        if not any(_misfit(left[key], param) for key, param in network.params.items()):
            raise
        return left, [f"{error}."]


def _misfit(gradient, param):
    """Why gradient can't be that of param, or None."""
    if gradient is None:
        return "backward left no gradient"
    if np.shape(gradient) != param.shape:
        hint = ", the transpose" if np.shape(gradient) == param.T.shape else ""
        return f"expected a gradient of shape {param.shape}, got {np.shape(gradient)}{hint}"
    if not np.isfinite(gradient).all():
        index = tuple(np.argwhere(~np.isfinite(gradient))[0].tolist())
        return f"expected a finite gradient, got {np.asarray(gradient)[index]} at {list(index)}"
    return None


# Likely causes, in words.


def _causes_in_numbers(checks, gradients, N):
    """What the numbers of each array that failed have in common, a sentence each."""
    causes = []
    for name, check in checks.items():
        if check.ok or check.problem:
            continue
        a, n = check.all_backprop[check.smooth], check.all_numerical[check.smooth]
        large = np.abs(n) > 1e-3 * np.abs(n).max()
        if not a.any():
            causes.append(f"{name}: every gradient looked at is zero; is it computed at all?")
        elif large.any():
            ratio = a[large] / n[large]
            factor = float(np.median(ratio))
            if np.abs(ratio - factor).max() <= 1e-5 * abs(factor) and abs(factor - 1) > 1e-5:
                causes.append(f"{name}: every gradient is {_factor_in_words(factor, N)}.")
        candidates = {
            f"{other}'s gradient is what {name}'s should be; swapped?": gradient
            for other, gradient in gradients.items()
            if other != name and not checks[other].ok
        }
        candidates["the gradient is the transpose of what it should be."] = gradients[name].T
        for sentence, gradient in candidates.items():
            if np.shape(gradient) == check.shape and len(set(check.indices)) > 1:
                there = np.array([gradient[index] for index in check.indices])[check.smooth]
                if n.any() and np.allclose(there, n, rtol=1e-5, atol=1e-6 * np.abs(n).max()):
                    causes.append(f"{name}: {sentence}")
    return causes


def _factor_in_words(factor, N):
    known = {
        -1.0: "the negative of what it should be: a wrong sign",
        2.0: "2 times what it should be: is something added twice?",
        0.5: "half of what it should be",
        float(N): f"{N} times what it should be, the batch size: is a division by N missing?",
        1 / N: f"1/{N} of what it should be, {N} the batch size: divided by N once too often?",
    }
    for value, words in known.items():
        if value != 1 and abs(factor - value) <= 1e-5 * abs(value):
            return words
    return f"{factor:.6g} times what it should be"


def _causes_in_chain(network, failed):
    """What the places of the parameters that failed have in common, a sentence each."""
    causes, names_of = [], {}
    for key, (layer_name, _, name) in network.params.owners().items():
        names_of.setdefault(layer_name, []).append((key, name))
    wrong = [layer for layer, keys in names_of.items() if any(key in failed for key, _ in keys)]
    for layer in wrong:
        off = [name for key, name in names_of[layer] if key in failed]
        right = [name for key, name in names_of[layer] if key not in failed]
        if right:
            hint = "; is it summed over the batch, and not averaged?" if off == ["b"] else ""
            causes.append(
                f"{layer}: only d{' and d'.join(off)} is off while d{' and d'.join(right)} agrees, "
                f"so the dout that arrives is right{hint}"
            )
    learning = list(names_of)
    agrees = [layer for layer in learning if layer not in wrong]
    if wrong and agrees and learning == wrong + agrees:
        every, above = list(network.layers), agrees[0]
        between = every[every.index(wrong[-1]) + 1 : every.index(above) + 1]
        causes.append(
            f"Everything up to {wrong[-1]} is off and everything from {above} on agrees: the dx "
            f"of {' or '.join(reversed(between))} is suspect, unless {wrong[-1]} itself is."
        )
    return causes


# Differences.


def _central_difference(f, x, index, h):
    """The slope of f along the entry of x at index. x is as before afterwards."""
    value = x[index]
    above, below = value + h, value - h
    f_above, f_below = _at(f, x, index, above), _at(f, x, index, below)
    if not math.isfinite(f_above - f_below):
        raise ValueError(
            f"expected f(x) to be finite around x{list(index)} = {value:.6g}, "
            f"got {f_below} below and {f_above} above"
        )
    return (f_above - f_below) / (above - below)  # the step as x rounds it, not quite 2h


def _slopes(f, x, index, h):
    """The slopes of f to the left and to the right of the entry of x at index."""
    value = x[index]
    above, below = value + h, value - h
    f_above, f_here, f_below = (_at(f, x, index, at) for at in (above, value, below))
    return (f_here - f_below) / (value - below), (f_above - f_here) / (above - value)


def _at(f, x, index, value):
    """f(x) with that value at index, as a float. x is as before afterwards, also if f raises."""
    saved = x[index]
    x[index] = value
    try:
        result = f(x)
    finally:
        x[index] = saved
    if type(result) is not float:
        if np.ndim(result) != 0 or np.asarray(result).dtype.kind not in "biuf":
            raise TypeError(f"expected f(x) to return one number, got {result!r}")
        result = float(result)
    return result


def _every_index(shape):
    return list(itertools.product(*map(range, shape)))


def _check_differentiable(x, name="x"):
    """TypeError or ValueError, with the reason, if differences can't be taken over x."""
    if not isinstance(x, np.ndarray):
        raise TypeError(
            f"expected {name} as a numpy array, got {type(x).__name__}; pass np.array({name})"
        )
    if x.dtype != np.float64:
        raise TypeError(
            f"expected {name} in float64, got {x.dtype}, in which a step of {H} drowns or is lost; "
            f"pass {name}.astype(np.float64)"
        )
    if not x.flags.writeable:
        raise ValueError(f"expected {name} to be writable, got a read-only array; pass a copy")
