"""check_gradient and check_layer: what is checked, and in which order.

comparison.py compares one array, and which_layer.py finds the wrong layer. The words are in
report.py.
"""

import contextlib
import copy

import numpy as np

from common.check.comparison import Comparison
from common.check.report import GradientReport, likely_causes
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
from common.guards.learnt import (
    find,
    find_parameters,
    is_float_array,
    left_in_place,
    set_train_flg,
    walk,
)
from common.guards.untouched import kept_by, untouched
from common.threads import threads_for

SEED = 784_50_10  # nobody's seed for x, or else dout could be the same numbers


def check_gradient(network, x, t, *, samples=None, tolerance=1e-6, rng=None):
    """Does backprop agree with central differences in every parameter? Returns a GradientReport.

    network   : any object with params (a dict of float64 arrays), loss(x, t) and gradient(x, t).
                If it has layers and lastLayer too, the report names those that are wrong
    x, t      : a few samples, not as many as classes: else a division by the wrong one of these
                two numbers doesn't show
    samples   : how many entries of each array to check (half where backprop isn't 0), or None
    tolerance : the largest relative error that counts as agreement
    rng       : NumPy Generator or seed for what is drawn; by default always the same

    Layers with a train_flg are checked as they train. All that they keep is as before afterwards.
    An error for what can't be checked: float32, random numbers, a gradient with another shape or
    with nan, an update in backward.
    """
    x, t = as_finite(x, np.float64).copy(), as_numbers(t, "t").copy()
    check_network(network)
    rng = np.random.default_rng(SEED if rng is None else rng)
    options = {"samples": samples, "tolerance": tolerance, "rng": rng}
    things = {kind(network): network}
    layers = getattr(network, "layers", None)
    if has_layers := hasattr(layers, "items") and hasattr(network, "lastLayer"):
        things = {**layers, "lastLayer": network.lastLayer}
    others = {"x": shuffled(x, rng), "t": other_labels(t)}

    def loss():
        return number_of(network.loss(x.copy(), t.copy()), "the loss")  # a layer may keep x itself

    def backprop():
        return network.gradient(x.copy(), t.copy())

    def after_another_batch():
        with contextlib.suppress(Exception):  # a last layer may refuse other scores or labels
            network.loss(*others.values())
        return backprop()

    kept, threads = untouched(network, dict(network.params)), threads_for(network.params, len(x))
    with kept, threads, np.errstate(all="ignore"):
        set_train_flg(layers if has_layers else {}, True)
        with left_in_place(layers if isinstance(network, Chain) else {}):
            for method in network.gradient, network.loss:  # loss, if gradient has no forward in it
                with contextlib.suppress(Exception):  # what fails here fails in the real check too
                    method(*others.values())
        params = check_network(network)  # again: a layer may build its own only now
        compare = Comparison("gradient", params, loss, backprop, **options)
        if isinstance(network, Chain):
            network = network.without_guards()
        report = report_of(compare, things, len(x))
        if has_layers:
            judge_layers(report, network, loss, after_another_batch, options)
    near = ["lastLayer"] if "lastLayer" in report else report.failed
    is_loss = not {*report.suspects} - {"lastLayer"}
    if near and is_loss and all(report[name].is_nearly_right for name in near):
        why = "does the loss add a small number, such as 1e-7 to y, and backward not?"
        report.causes.append(f"{', '.join(near)}: nearly right; {why}")
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
        with left_in_place(layers):
            out = layer.forward(shuffled(x, rng))
            check_returned(name, out)
            if getattr(out, "dtype", None) == np.float32:
                raise wrong(TypeError, "forward to keep float64", "float32", at=name)
            check_is_layer("", layer, ["backward"])  # after forward, whose own error comes first
            check_returned(name, layer.backward(rng.standard_normal(np.shape(out))), "backward")
        found = find_parameters(layers)
        if all(each.layer is layer for each in found.values()):  # none in layers inside
            found = {each.name: each for each in found.values()}
        for key, each in [*found.items()]:
            if each.layer is not layer and each.gradient is None:  # it only refers to that layer
                del found[key]
        arrays = {key: each.array for key, each in found.items()} | {"x": x}
        for key, array in arrays.items():
            check_differentiable(array, f"{name}'s {key}")
        dout = np.asarray(rng.standard_normal(np.shape(out)))

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
    again = {} if report.ok else compare.backprop()
    if others := [name for name in report.failed if not same(again[name], compare.gradients[name])]:
        words = "a second call gives another gradient. Does backward add to that of the first?"
        report.causes.append(f"{', '.join(others)}: {words}")
    if report.ok:
        look_where_moved(compare, report)
    report.causes += likely_causes(report, N, dout)
    report.unseen = unseen(things, compare.arrays, compare.f)
    return report


def look_where_moved(compare, report):
    """Entries that are all equal, such as 0 or 1, hide mistakes: look again where they aren't.

    The others become a hundredth smaller: backward may use a copy of W that was made long before.
    After a disagreement the arrays stay moved, for the search for the layer.
    """
    arrays = {name: array for name, array in compare.arrays.items() if name != "x"}
    before, there = copy.deepcopy(arrays), copy.copy(compare)
    there.samples = min(compare.samples or 20, 20)
    vars(there).pop("noise", None)
    for array in arrays.values():
        array *= 0.99  # by one factor: what is symmetric, or between 0 and 1, stays so
        if np.unique(array).size == 1:
            array += 0.1 * compare.rng.uniform(0.5, 1.5, array.shape)
    with contextlib.suppress(Exception):  # such numbers may not be possible
        there.gradients = copy.deepcopy(there.backprop())
        for name in compare.arrays:
            if not (check := there.check(name)).ok:
                report[name], report.moved = check, [*arrays]
    if not report.moved:
        for name, array in arrays.items():
            array[...] = before[name]


# First another batch, so that a backward which goes on using it shows


def shuffled(x, rng):
    """The same numbers in other places, and smaller, so that they differ even if all are equal."""
    return 0.9 * rng.permuted(x.ravel()).reshape(x.shape)


def other_labels(t):
    """Class 1 for 0, and 0 for all others; or the next place in each row."""
    return (t == 0).astype(t.dtype) if t.ndim < 2 or t.shape[-1] == 1 else np.roll(t, 1, axis=-1)


# What can't be checked


def check_network(network):
    """The params of any object that can be checked like a network."""
    params = getattr(network, "params", None)
    if isinstance(network, type) or not hasattr(params, "items") or not params:
        expected = "a network with params, a dict of one array or more"
        hint = "a layer learns a if its __init__ sets the array self.a, and self.da = None"
        raise wrong(TypeError, expected, kind(network), hint)
    for key, array in params.items():
        check_differentiable(array, f"params[{key!r}]")
    return dict(params)


def check_repeatable(f, things):
    """Does f() give the same again? If not, what a layer changes in forward is named."""
    first, second = f(), f()
    if not np.isfinite(first).all():
        raise wrong(ValueError, "finite outputs", "nan or inf")
    if not same(first, second):
        name = what_changes(things, f)
        came = f"another, since {name} changes in forward" if name else "another"
        hint = "" if name else "if it draws random numbers, draw the same each time"
        raise wrong(ValueError, "the same output for the same x", came, hint)


def unseen(things, params, f):
    """The names of arrays of floats that change f(), stay in place, and aren't learnt."""
    found, before, seen = [], f(), set()
    kept = [each for name in things for each in walk(things[name], name, seen, lambda each: True)]
    for name, _, array in kept:
        if is_float_array(array) and array.flags.writeable:
            with contextlib.suppress(Exception), untouched(*things.values(), params):
                with untouched(params):  # array may be a part of one of them
                    steps = np.random.default_rng(0).uniform(0.01, 0.02, array.shape)
                    array += steps * (1 + np.abs(array))
                if not np.array_equal(f(), before):
                    found.append(name)
    return found


def what_changes(things, f):
    """The attribute that makes f() the same again if it is set back, such as "L1.h"; or ""."""
    with contextlib.suppress(Exception):
        for place, layer, _ in find(things):
            for name, value in copy.deepcopy(kept_by(layer)).items():
                with untouched(*things.values()):
                    first = f()
                    setattr(layer, name, value)
                    if np.array_equal(f(), first):
                        return f"{place}.{name}"
    return ""


def same(array, other):
    return np.array_equal(array, other, equal_nan=True)
