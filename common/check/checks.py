"""check_gradient and check_layer: what is checked, and in which order.

comparison.py compares one array, and bug_or_kink.py looks closer at an entry. How the wrong layer
is found stands in which_layer.py, and what a check can't compare in unseen.py. The words are in
report.py and causes.py.
"""

import contextlib
import copy

import numpy as np

from common.check.causes import likely_causes
from common.check.comparison import Comparison
from common.check.report import GradientReport
from common.check.unseen import unseen, what_changes
from common.check.which_layer import judge_layers
from common.guards.arguments import (
    as_finite,
    as_numbers,
    check_differentiable,
    check_is_layer,
    check_returned,
    kind,
    number_of,
    wrong,
)
from common.guards.chain import Chain
from common.guards.learnt import find_parameters, left_in_place, made_later, set_train_flg
from common.guards.params import NO_UPDATE
from common.guards.untouched import is_ours, untouched
from common.threads import threads_for

SEED = 784_50_10  # nobody's seed for x, or else dout could be the same numbers


def check_gradient(network, x, t, *, samples=None, tolerance=1e-6, rng=None):
    """Does backprop agree with central differences in every parameter? Returns a GradientReport.

    network   : any object with params (a dict of float64 arrays), loss(x, t) and gradient(x, t).
                If it has layers and lastLayer too, the report names those that are wrong
    x, t      : a few samples, three for example. Take another number than that of the classes: a
                division by one of them in the place of the other doesn't show if they are equal
    samples   : how many entries of each array to check, half of them where backprop isn't zero;
                None checks all
    tolerance : the largest relative error that counts as agreement
    rng       : NumPy Generator or seed for what is drawn; by default always the same

    Layers with a train_flg are checked as they train. All that they keep is as before afterwards.
    report.unseen names arrays that change the loss and have no gradient. TypeError or ValueError
    for what can't be checked: float32, random numbers in the chain, a gradient with another shape,
    a write into x, t or a parameter.
    """
    x, t = as_finite(x, np.float64).copy(), as_numbers(t, "t").copy()
    check_network(network)
    rng = np.random.default_rng(SEED if rng is None else rng)
    options = {"samples": samples, "tolerance": tolerance, "rng": rng}
    layers = layers_of(network)
    things = layers | {"lastLayer": network.lastLayer} if layers else {kind(network): network}
    other = {"x": shuffled(x, rng), "t": other_labels(t)}

    def loss(x=x, t=t):  # with copies, since a layer may keep x itself
        return number_of(network.loss(x.copy(), t.copy()), "the loss")

    kept, threads = untouched(network, dict(network.params)), threads_for(network.params, len(x))
    with kept, threads, np.errstate(all="ignore"):
        set_train_flg(layers, True)
        in_place = left_in_place(layers if isinstance(network, Chain) else {})
        with unwritten("backprop", {**network.params, **other}), in_place:
            for method in network.gradient, network.loss:  # loss, if gradient has no forward in it
                with contextlib.suppress(Exception):  # what fails here fails in the real check too
                    method(*other.values())
        params = check_network(network)  # again: a layer may build its own only now

        def backprop():
            gradients = gradient_of(network, x.copy(), t.copy())
            for key, array in network.params.items():
                if not np.may_share_memory(array, params.get(key, array)):
                    came = "another one after gradient"
                    expected = f"params[{key!r}] to stay the same array"
                    raise wrong(ValueError, expected, came, NO_UPDATE)
            return gradients

        compare = Comparison("gradient", params, loss, backprop, **options)
        with network.unguarded() if isinstance(network, Chain) else contextlib.nullcontext():
            report = report_of(compare, things, len(x))
            if layers:
                judge_layers(report, network, loss, lambda: loss(*other.values()), options)
    return report


def check_layer(layer, x, *, samples=None, tolerance=1e-6, rng=None):
    """Does a layer's backward agree with its forward? Returns a GradientReport.

    layer : any object with forward(x) and backward(dout), in float64
    x     : an input for forward. samples, tolerance and rng are those of check_gradient

    A difference needs one number, so L = sum(out * dout) with a random dout. Then dL/dout is dout,
    backward(dout) must return dL/dx, and leave dL/dW in dW. (With a dout of ones errors could
    cancel.) The report has each parameter by its name, and the input as "x". The parameters of
    layers inside have their keys: W1, b1, W2, ... Afterwards the layer is as before.
    """
    name, rng = kind(layer), np.random.default_rng(SEED if rng is None else rng)
    check_is_layer("", layer, ["forward"])
    layers, x = {name: layer}, as_finite(x, np.float64).copy()

    def forward():
        return layer.forward(x.copy())  # it may keep x itself

    with untouched(layer), np.errstate(all="ignore"):
        set_train_flg(layers, True)
        found = parameters_of(layer)
        arrays = {key: each.array for key, each in found.items()} | {"x": x}
        for each, array in arrays.items():
            check_differentiable(array, f"{name}'s {each}")
        others = arrays | {"x": shuffled(x, rng)}
        with unwritten(name, others):
            out = as_output(name, layer.forward(others["x"]))
        check_is_layer("", layer, ["backward"])  # after forward, whose own error comes first
        others["dout"] = rng.standard_normal(out.shape)
        with unwritten(name, others):
            dx = layer.backward(others["dout"])
        if isinstance(dx, tuple):
            check_returned(name, dx, "backward")
        for key, each in parameters_of(layer).items():
            if key not in arrays:
                raise made_later(name, each.name)
            if each.layer is not layer and each.gradient is None:  # it only refers to that layer
                del found[key], arrays[key]
        dout = np.asarray(rng.standard_normal(out.shape))

        def backprop():
            forward()
            dx = layer.backward(dout.copy())
            return {key: each.gradient for key, each in found.items()} | {"x": dx}

        with left_in_place(layers):
            compare = Comparison(name, arrays, forward, backprop, samples, tolerance, rng, dout)
        report = report_of(compare, layers, len(np.atleast_1d(x)), dout)
        report.suspects += [] if report.ok else [name]
    return report


def report_of(compare, things, N, dout=None):
    """The GradientReport of a comparison. N is len(x)."""
    check_repeatable(compare.f, things)
    report = GradientReport({name: compare.check(name) for name in compare.arrays})
    if report.ok:
        look_where_moved(compare, report, is_own=not all(map(is_ours, things.values())))
    report.causes = likely_causes(report, N, dout)
    if not report.ok:
        check_backprop(compare, things, report)
    report.unseen = unseen(things, compare.arrays, compare.f)
    return report


def look_where_moved(compare, report, is_own):
    """Parameters that are all equal, such as 0 or 1, hide mistakes: look again where they aren't.

    Where a layer is one's own, the others become a hundredth smaller: backward may use a copy of W
    that was made long before. If an entry is wrong there, that goes into the report, and the arrays
    stay moved, for the search for the layer.
    """
    arrays, names = compare.arrays, [name for name in compare.arrays if name != "x"]
    equal = [name for name in names if is_constant(arrays[name])]
    before = {name: arrays[name].copy() for name in (names if is_own else equal)}
    if not before:
        return
    for name in before:
        if name in equal:
            arrays[name] += 0.1 * compare.rng.uniform(0.5, 1.5, arrays[name].shape)
        else:  # by one factor: what is symmetric, or between 0 and 1, stays so
            arrays[name] *= 0.99
    there = copy.copy(compare)
    there.samples, there._noise = min(compare.samples or 20, 20), None
    with contextlib.suppress(Exception):  # such numbers may not be possible
        there.gradients = copy.deepcopy(there.backprop())
        for name in arrays:
            if not (check := there.check(name)).ok:
                report[name], report.moved = check, [*before]
    if not report.moved:
        for name, array in before.items():
            arrays[name][...] = array


def is_constant(array):
    return np.unique(array).size == 1 and (array.size > 1 or array.item() in (0, 1))


def layers_of(network):
    """{name: layer} of a network that has them and lastLayer, or {}."""
    layers = getattr(network, "layers", None)
    return dict(layers) if hasattr(layers, "items") and hasattr(network, "lastLayer") else {}


def gradient_of(network, x, t):
    """network.gradient(x, t), which refuses nan and inf; the report shows them."""
    try:
        return network.gradient(x, t)
    except FloatingPointError:
        if not layers_of(network):
            raise
        network.loss(x, t)  # an error, if it is forward that makes them
        found = find_parameters(network.layers)
        return {key: parameter.gradient for key, parameter in found.items()}


def parameters_of(layer):
    """{name: Parameter} of a layer: "W" of a plain one, "W1" and so on of one that holds others."""
    found = find_parameters({kind(layer): layer})
    if all(each.layer is layer for each in found.values()):
        return {each.name: each for each in found.values()}
    return found


# First another batch, so that a backward which goes on using it shows


def shuffled(x, rng):
    """The same numbers in other places, and smaller, so that they differ even if all are equal."""
    return 0.9 * rng.permuted(x.ravel()).reshape(x.shape)


def other_labels(t):
    """Class 1 for 0, and 0 for all others; or the next place in each row."""
    return (t == 0).astype(t.dtype) if t.ndim < 2 or t.shape[-1] == 1 else np.roll(t, 1, axis=-1)


@contextlib.contextmanager
def unwritten(owner, arrays):
    """Within it, arrays must be left as they are."""
    given = copy.deepcopy(arrays)
    yield
    for name, array in given.items():
        if not same_numbers(arrays[name], array):
            hint = "use a copy" + ("" if name in ("x", "t", "dout") else f"; {NO_UPDATE}")
            raise wrong(ValueError, f"{name} left as given", "a write", hint, at=owner)


# What can't be checked


def check_network(network):
    """The params of any object that can be checked like a network."""
    params = getattr(network, "params", None)
    if isinstance(network, type) or not hasattr(params, "items") or not params:
        expected = "a network with params, a dict of one array or more"
        hint = "a layer learns a if it keeps da, so write self.da = None in its __init__"
        raise wrong(TypeError, expected, kind(network), hint)
    for key, array in params.items():
        is_float32 = isinstance(array, np.ndarray) and array.dtype == np.float32
        hint = "build the network with dtype=np.float64, which the check needs"
        check_differentiable(array, f"params[{key!r}]", hint if is_float32 else "")
    return dict(params)


def check_repeatable(f, things):
    """Does f() give the same again? If not, what a layer changes in forward is named."""
    first, second = f(), f()
    if not np.isfinite(first).all():
        raise wrong(ValueError, "finite outputs", f"a sum of {np.sum(first)}; pass other numbers")
    if not same_numbers(first, second):
        came, hint = "another", "if it draws random numbers, draw the same each time"
        if name := what_changes(things, f):
            came, hint = f"another, since {name} changes in forward", ""
        raise wrong(ValueError, "the same output for the same x", came, hint)


def check_backprop(compare, things, report):
    """After a disagreement: does backprop change what forward returns, or add up?"""
    first, again = compare.f(), copy.deepcopy(compare.backprop())
    if not same_numbers(first, compare.f()) and (
        name := what_changes(things, compare.f, compare.backprop)
    ):
        came = f"another, since {name} changes in backprop"
        raise wrong(ValueError, "the same output for the same x", came, NO_UPDATE)
    if changed := [
        key for key in report.failed if not same_numbers(again[key], compare.gradients[key])
    ]:
        words = "a second call gives another gradient. Does backward add to that of the first, or "
        report.causes.append(f"{', '.join(changed)}: {words}use what an earlier forward kept?")


def same_numbers(array, other):
    return np.array_equal(array, other, equal_nan=True)


def as_output(name, out):
    """What forward returned for x in float64, as an array."""
    check_returned(name, out)
    out = np.asarray(out)
    if out.dtype in (np.float16, np.float32):
        came = f"{out.dtype}, whose rounding would hide the differences"
        raise wrong(TypeError, "forward to return float64 for float64", came, at=name)
    return out
