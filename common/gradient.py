"""The proof: slopes by differences, which know nothing of backprop, and a verdict on it.

    f     a function that returns one number: a loss, or a weighted sum of a layer's outputs
    x     the array to differentiate by: a parameter, or a layer's input
    i     the place of an entry in x, counted row by row as in x.flat
    h     the step by which an entry is moved up and down
    a, n  what backprop says of an entry (analytic), and what the difference says (numerical)
    kink  a place where f bends and has no derivative, as Relu at 0

A difference taken across a kink is wrong where backprop is right. Smaller steps tell a kink
from a bug: a kink's disagreement vanishes once the step no longer reaches it, and a kink that
lies at x itself shows as a slope to the left that isn't the slope to the right, however small
the step. A bug's disagreement stays, and left and right agree against it.
"""

import contextlib
import copy
import math
import numbers

import numpy as np
from tqdm import tqdm

from common.functions import as_floats, as_numbers, is_count
from common.report import ArrayCheck, GradientReport, causes_in_chain, causes_in_numbers, index_of

__all__ = ["GradientReport", "check_gradient", "check_layer", "numerical_gradient"]

H = 1e-4  # the chapter's step: small against curvature, large against rounding
ROUGH = (np.float16, np.float32)  # whose rounding would drown differences by so small a step


def numerical_gradient(f, x):
    """df/dx by central differences, (f(x + h) - f(x - h)) / 2h, one entry after another.

    f : called as f(x) with one entry of x changed in place; returns one number
    x : float64 array of any shape; it is as before afterwards, also when f raises. f must
        compute with this very array: from a copy of it, all slopes come out as 0

    Returns an array of the shape of x. The step h is 1e-4.
    TypeError if x isn't a float64 array or f doesn't return one number; ValueError if x is
    read-only or has entries too large for the step, or if f(x) isn't finite.
    """
    _check_differentiable(x, "x")
    grad = np.empty_like(x)
    for i in range(x.size):
        grad.flat[i] = _slope(f, x, i, H, H)
    return grad


def _slope(f, x, i, down, up):
    """The slope of f between two values of entry i of x. x is as before afterwards."""
    flat, value = x.flat, x.item(i)
    below, above = value - down, value + up
    try:
        flat[i] = below
        f_below = _one_number(f(x))
        left_alone = flat[i] == below
        flat[i] = above
        f_above = _one_number(f(x))
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


def check_gradient(network, x, t, *, samples=None, tolerance=1e-6, rng=None):
    """Does backprop agree with central differences in every parameter? A GradientReport.

    network   : a Network in float64; its parameters are as before afterwards
    x, t      : a few samples, as for network.loss; three are plenty, but with one alone nothing
                shows whether backprop divides by the batch size
    samples   : how many entries of each parameter to look at; None for every one
    tolerance : the largest relative error that counts as agreement
    rng       : numpy Generator or seed for the choice of entries, by default the seed 0

    TypeError for a float32 network, whose rounding would drown the differences; ValueError for
    samples, tolerance or parameters that can't be meant, for a network without parameters, and
    for one whose loss isn't the same finite number each time.
    """
    _check_kind(network, "network", ("loss", "gradient"))
    if not network.params:
        raise ValueError(
            "expected a network with parameters, got one without: no layer has param_names"
        )
    if network.dtype != np.float64:
        raise TypeError(
            f"expected a network in float64, got {network.dtype}, whose rounding would drown the "
            "differences; build it with dtype=np.float64"
        )
    x, t = as_floats(x, np.float64).copy(), as_numbers(t, "labels t as numbers")
    options = _checked_options(samples, tolerance, rng)
    given = network.params.copy()
    # Other data first: a layer that goes on using what an earlier forward kept, a stale cache,
    # would be right by accident if that had been the same.
    _pass_other_data(network, x, t, options["rng"])
    _check_untouched("backprop", network.params, given)
    scores = network.predict(x)
    last = _check_last_layer(network.lastLayer, scores, t, options)

    def loss(_):
        return network.loss(x, t)

    def backprop():
        return _backprop(network, x, t)[0]

    _pass_other_data(network, x, t, options["rng"])  # again, for predict has just passed x
    judge = _Judge(loss, backprop, **options)
    report = judge.report(network.params, np.abs(scores).max(), len(x))
    if not last.ok:
        report = GradientReport({**report, **last}, report.causes + last.causes)
    if not report.ok:
        report.causes = _backprop(network, x, t)[1] + report.causes
        report.causes += causes_in_chain(network, report.failed)
        _look_for_suspects(report, network, x, options)
    return report


def _backprop(network, x, t):
    """network.gradient(x, t) and []; or what its layers were left with, and [its complaint]."""
    try:
        return network.gradient(x, t), []
    except ValueError as error:
        owners = network.params.owners().items()
        left = {key: getattr(layer, "d" + name, None) for key, (_, layer, name) in owners}
        if not any(_misfit(left[key], param) for key, param in network.params.items()):
            raise
        return left, [f"{error}."]


def _pass_other_data(network, x, t, rng):
    """Fill the caches of all layers with something else, so that a stale one shows later."""
    with contextlib.suppress(Exception):  # what is wrong with x or t, the pass that counts will say
        x = _shuffled(x, rng)
        classes = network.predict(x).shape[1]
        network.gradient(x, (t + 1) % classes if t.ndim == 1 else np.roll(t, 1, axis=-1))


def _shuffled(x, rng):
    """The same numbers in other places, and somewhat smaller."""
    return 0.9 * rng.permuted(x.ravel()).reshape(x.shape)


def _check_last_layer(last, scores, t, options):
    """The GradientReport on its dx, with a dout other than 1 in case its backward ignores it."""
    dout = options["rng"].uniform(2, 3)

    def weighted_loss(_):
        return dout * last.forward(scores, t)

    def backprop():
        last.forward(scores, t)
        return {"lastLayer": last.backward(dout)}

    judge = _Judge(weighted_loss, backprop, **options)
    return judge.report({"lastLayer": scores}, np.abs(scores).max(), len(scores), dout)


def _look_for_suspects(report, network, x, options):
    """Add to a report which layers are wrong when they are checked alone."""
    faults = {}
    for name, layer in network.layers.items():
        try:
            alone = check_layer(layer, x, **{**options, "samples": 50})
        except ValueError as error:
            faults[name] = f"backward ends in an error: {error}"
            break  # nothing right comes out of it for the layers above
        if not alone.ok:
            off = " and ".join("d" + param for param in alone.failed)
            fit = "don't fit" if len(alone.failed) > 1 else "doesn't fit"
            faults[name] = f"{off} {fit} its forward"
        x = layer.forward(x)
    if "lastLayer" in report:
        faults["lastLayer"] = "dx doesn't fit its forward"
    report.suspects += list(faults)
    report.causes += [f"Checked alone, {name}'s {fault}." for name, fault in faults.items()]
    if not faults:
        report.causes.append(
            "Checked alone, no layer is found wrong: look at how gradients are handed on."
        )


def check_layer(layer, x, *, samples=None, tolerance=1e-6, rng=None):
    """Does a layer's backward agree with its forward? A GradientReport.

    layer : object with forward(x) and backward(dout); its parameters, named in `param_names`,
            are float64 arrays, and are as before afterwards
    x     : an input for forward, (N, D) or whatever shape the layer takes

    The outputs are weighted with a random dout, so that no two errors cancel. The report has
    each parameter by its name, and the gradient dx of the input as "x".
    samples, tolerance and rng are those of check_gradient.
    ValueError if forward or backward writes into the array that it was given, and as for
    check_gradient.
    """
    kind = type(layer).__name__
    arrays = {name: getattr(layer, name) for name in names_of_params(layer)}
    arrays["x"] = x = as_floats(x, np.float64).copy()
    for name, array in arrays.items():
        _check_differentiable(array, f"{kind}'s {name}")
    options = _checked_options(samples, tolerance, rng)
    # A trial on other data: does the layer leave its arrays alone? And a stale cache shows later.
    trial = arrays | {"x": _shuffled(x, options["rng"])}
    given = copy.deepcopy(trial)
    out = layer.forward(trial["x"])
    if out is None:
        raise TypeError(f"{kind}: expected forward to return an array, got None; no return?")
    if np.asarray(out).dtype in ROUGH:
        raise TypeError(
            f"{kind}: expected forward to return float64 for float64, got {np.asarray(out).dtype}, "
            "whose rounding would drown the differences"
        )
    dout = options["rng"].standard_normal(np.shape(out))
    trial["dout"] = options["rng"].standard_normal(np.shape(out))
    given["dout"] = trial["dout"].copy()
    layer.backward(trial["dout"])
    _check_untouched(kind, trial, given)
    names_of_params(layer)  # again, now that backward has left the gradients

    def weighted_sum(_):
        return np.sum(layer.forward(x) * dout)

    def backprop():
        layer.forward(x)
        dx = layer.backward(dout)
        return {name: getattr(layer, "d" + name, None) for name in arrays} | {"x": dx}

    judge = _Judge(weighted_sum, backprop, **options)
    size = max(np.abs(x).max(initial=0), np.abs(layer.forward(x) * dout).sum())
    report = judge.report(arrays, size, len(np.atleast_1d(x)))
    if not report.ok:
        report.suspects.append(kind)
    return report


# The judge: does backprop's gradient of an array agree with the differences?
#
# Where the two disagree, it takes smaller steps and looks what becomes of the disagreement, and of
# the gap between the slope to the right and the slope to the left. For instance:
#
#     how far off with step      h      h/4     h/16      the gap
#     a bug                   0.30     0.30     0.30      a quarter each time, as f is smooth
#     a step too coarse       0.30     0.019    0.0012    a quarter each time
#     a kink within a step    0.30     0.30     0         jumps, once the kink is out of reach
#     a kink at x itself      0.30     0.30     0.30      stays
#
# So a bug is a disagreement that stays while the gap shrinks. (If several kinks lie so close
# together that their gaps cancel, it asks backprop itself, on both sides of them.)


class _Judge:
    """Compares the gradients that backprop() gives of f with differences of f.

    f takes any argument: it depends on arrays that it knows, and that are changed in place.
    backprop() computes {name: gradient of f by the array of that name}, as the arrays are then.
    """

    def __init__(self, f, backprop, samples, tolerance, rng):
        self.f, self.backprop = f, backprop
        self.samples, self.tolerance, self.rng = samples, tolerance, rng
        # Before f has run: its forward might put a stale cache right.
        self.gradients = copy.deepcopy(backprop())

    def report(self, arrays, size, N, dout=1):
        """The GradientReport on {name: array}; size is that of the numbers which f adds up."""
        # How far rounding may put f off: a few eps of what it adds up, times 30 to be safe.
        self.rounding = 30 * np.finfo(np.float64).eps * max(1.0, size)
        first, second = self.f(None), self.f(None)
        if not math.isfinite(first):
            raise ValueError(f"expected finite outputs, got a sum of {first}; pass other numbers")
        if first != second:
            raise ValueError(
                f"expected the same finite outputs for the same x, got sums of {first} and "
                f"{second}; a layer that draws random numbers must hold them fixed while it is "
                "checked, and one that writes into its x must compute a new array"
            )
        report = GradientReport({name: self.compare(name, x) for name, x in arrays.items()})
        report.causes += causes_in_numbers(report, self.gradients, N, dout)
        return report

    def compare(self, name, x):
        """The ArrayCheck of one array."""
        problem = _misfit(self.gradients[name], x)
        gradient = np.full(x.size, math.nan) if problem else np.ravel(self.gradients[name])
        entries = self.choose(x, gradient)
        watched = tqdm(entries.tolist(), desc=name, disable=None, delay=1, leave=False)
        a, n = gradient[entries], np.array([_slope(self.f, x, i, H, H) for i in watched])
        wrong = np.abs(a - n)
        bug = ~(wrong < self.allowed(a, n, H))  # nan agrees with nothing
        kink, bugs = np.zeros_like(bug), 0
        for k in sorted(np.flatnonzero(bug), key=lambda k: -wrong[k]):
            n[k], kink[k], bug[k] = self.look_closer(name, x, entries[k], a[k], n[k])
            bugs += bug[k]
            if bugs == 3:  # the smaller disagreements that remain would say nothing new
                break
        noise = self.allowed(0, 0, H)
        return ArrayCheck(x.shape, entries, a, n, kink, bug, noise, self.tolerance, problem)

    def allowed(self, a, n, h):
        """The largest |a - n| that counts as agreement, after a step of h.

        A difference divides the rounding of f by its step; and the next step is h / 4.
        """
        return self.tolerance * np.maximum(np.abs(a), np.abs(n)) + 4 * self.rounding / h

    def look_closer(self, name, x, i, a, n):
        """Of a disagreement: (the difference, by a smaller step if need be; a kink?; a bug?)."""
        if not math.isfinite(a):
            return n, False, True
        value, h, error, kink, stays = x.item(i), H, abs(a - n), False, True
        left, right = _slope(self.f, x, i, h, 0), _slope(self.f, x, i, 0, h)
        smallest = max(1e-9, 1e-13 * abs(value))  # a smaller step is lost in x
        # Until they agree, or what is left could be rounding, or no smaller step is to be had.
        while error > self.allowed(a, n, h) and h > smallest:
            error_before, gap_before, h = error, right - left, h / 4
            left, right = _slope(self.f, x, i, h, 0), _slope(self.f, x, i, 0, h)
            slope = (left + right) / 2
            error = abs(a - slope)
            # Where f is smooth the gap is h f'', so now a quarter of the one before. It is off by
            # about as much as the difference where a kink makes the difference wrong.
            bent = abs(gap_before - 4 * (right - left)) > error_before / 2
            stays = error > error_before / 2 and not bent
            if not stays or abs(slope - n) > self.allowed(slope, n, h):
                n = slope  # else the larger step, which rounding does less to, said the same
            kink = kink or bent
        if not stays:
            return n, kink, False
        kink = self.kinks_cancel(name, x, i, a, h, slope=(left + right) / 2)
        return n, kink, not kink

    def kinks_cancel(self, name, x, i, a, h, slope):
        """Is the slope over a step of h the mean of what backprop says at its two ends?

        Then kinks nearer than h cancel in the gap, and backprop jumps there. It means nothing if
        backprop doesn't repeat here that it says a.
        """
        here, below, above = (self.backprop_at(name, x, i, x.item(i) + step) for step in (0, -h, h))
        # If f is smooth, and backprop wrong here and at one end, this is half of |a - slope|.
        return here == a and abs(slope - (below + above) / 2) < abs(a - slope) / 3

    def backprop_at(self, name, x, i, value):
        """What backprop says of entry i where it has another value."""
        saved, x.flat[i] = x.item(i), value
        try:
            return np.ravel(self.backprop()[name])[i]
        finally:
            x.flat[i] = saved

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
        picks = dict.fromkeys([*alive, *self.follow_a_nudge(x, gradient), *mixed])
        return np.array(list(picks)[: self.samples])  # each once, in this order

    def follow_a_nudge(self, x, gradient, h=1e-6):
        """[the entry of the worst error], by bisection, or [] if there seems to be none.

        All entries are moved at once, up or down at random. If f doesn't change as backprop says,
        the half of them that surprises more is looked at again, down to one entry.
        """
        signs, saved = self.rng.choice([-1.0, 1.0], x.size), x.flatten()

        def surprise(group):
            """How far off backprop is when all entries of the group move at once."""
            step = h * signs[group]
            try:
                x.flat[group] = saved[group] + step
                above = self.f(x)
                x.flat[group] = saved[group] - step
                below = self.f(x)
            finally:
                x.flat[group] = saved[group]
            error = abs((above - below) / (2 * h) - gradient[group] @ signs[group])
            return error if error < math.inf else math.inf  # nan surprises most

        group = np.arange(x.size)
        if surprise(group) < self.tolerance * np.linalg.norm(gradient) + self.rounding / h:
            return []
        while len(group) > 1:
            group = max(np.array_split(group, 2), key=surprise)
        return group


# Guards: what can't be checked, or can't be right, is answered with the reason.


def _misfit(gradient, param):
    """Why gradient can't be that of param, or None."""
    if gradient is None:
        return "backward left no gradient"
    if np.shape(gradient) != param.shape:
        hint = ", the transpose" if np.shape(gradient) == param.T.shape else ""
        return f"expected a gradient of shape {param.shape}, got {np.shape(gradient)}{hint}"
    return None


def names_of_params(layer):
    """The names of a layer's parameters; TypeError for a thing that can't be a layer."""
    _check_kind(layer, "layer", ("forward", "backward"))
    names = getattr(layer, "param_names", None)
    if isinstance(names, str):
        raise TypeError(f'expected param_names as a tuple, got {names!r}; write ("{names}",)')
    if names is None:
        # The textbook's own Affine has none, and would silently never be trained.
        kept = getattr(layer, "__dict__", {})
        learns = [k for k in kept if k not in ("x", "out", "y") and "d" + k in kept]
        if learns:
            named = ", ".join(f'"{name}"' for name in learns)
            raise TypeError(
                f"expected param_names, since the layer keeps {learns[0]} and d{learns[0]}, got "
                f"none; write param_names = ({named},) in the class, or () if it isn't to learn"
            )
    return names or ()


def _checked_options(samples, tolerance, rng):
    """The options of a check, once they are sure to mean something."""
    if samples is not None and not is_count(samples):
        raise ValueError(f"expected samples as a whole number from 1 up, got {samples!r}")
    if not isinstance(tolerance, numbers.Real) or not 1e-9 <= tolerance < 1:
        raise ValueError(
            f"expected tolerance between 1e-9 and 1, got {tolerance!r}; differences by steps "
            f"of {H} can tell no better"
        )
    rng = np.random.default_rng(0 if rng is None else rng)
    return {"samples": samples, "tolerance": tolerance, "rng": rng}


def _check_kind(thing, what, methods):
    """TypeError if thing is a class, or lacks one of the methods."""
    for method in methods:
        if isinstance(thing, type) or not callable(getattr(thing, method, None)):
            came = type(thing).__name__
            if isinstance(thing, type):
                came = f"the class {thing.__name__}; write {thing.__name__}(...)"
            raise TypeError(f"expected a {what} with {method}(), got {came}")


def _check_differentiable(x, name):
    """TypeError or ValueError, with the reason, if differences can't be taken over x."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float64 or np.ma.isMaskedArray(x):
        came = f"an array of {x.dtype}" if type(x) is np.ndarray else type(x).__name__
        raise TypeError(
            f"expected {name} as a float64 array, in which a step of {H} isn't lost, got {came}; "
            f"pass np.array({name.split()[-1]}, dtype=np.float64)"
        )
    if not x.flags.writeable:
        raise ValueError(f"expected {name} to be writable, got a read-only array; pass a copy")
    lost = x[~(np.abs(x) < 1e10)]
    if lost.size:
        raise ValueError(
            f"expected numbers below 1e10 in {name}, or a step of {H} is lost, got {lost[0]}"
        )


def _check_untouched(owner, arrays, given):
    """ValueError if arrays aren't what they were when given; they are then what they were."""
    written = [name for name, array in arrays.items() if (array != given[name]).any()]
    for name in written:
        arrays[name][...] = given[name]
    if written:
        raise ValueError(
            f"{owner}: expected {' and '.join(written)} to be left as given, got a write into "
            f"{'it' if len(written) == 1 else 'them'}; compute new arrays instead"
        )


def _one_number(result):
    if type(result) is float:
        return result
    value = np.asarray(result)
    if value.ndim != 0 or value.dtype.kind not in "iuf" or value.dtype in ROUGH:
        came = value.dtype if value.dtype in ROUGH else repr(result)
        raise TypeError(f"expected f(x) to return one number in float64, got {came}")
    return float(value)
