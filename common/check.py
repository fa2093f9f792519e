"""The gradient check: is backward right? It compares, finds the wrong layer, and says so.

How it tells a bug from a kink stands in comparison.py, the words of the report in report.py, and
what it can't compare in unseen.py.
"""

import contextlib
import copy

import numpy as np

from common.chain import check_is_layer, check_returned
from common.comparison import Comparison
from common.mistakes import as_finite, as_numbers, check_differentiable, kind, wrong
from common.params import check_seen_before
from common.report import ArrayCheck, GradientReport
from common.search import find_parameters
from common.threads import threads_for
from common.unseen import unseen

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
    be. report.unseen names arrays that change the loss and have no gradient. TypeError or
    ValueError for what can't be checked: float32, random numbers in the chain, a gradient with
    another shape, a write into x, t or a parameter.
    """
    params = check_network(network)
    given = as_finite(x, np.float64).copy(), as_numbers(t, "labels t as numbers").copy()
    x, t = (each.copy() for each in given)  # layers may keep these
    rng = np.random.default_rng(SEED if rng is None else rng)
    options = {"samples": samples, "tolerance": tolerance, "rng": rng}
    _try_other_batch(network, params, x, t, rng)
    params = check_network(network)  # anew, as a layer may build its own only now
    with threads_for(params, len(x)):
        f, backprop = lambda: network.loss(x, t), lambda: _gradient(network, x, t)
        compare = Comparison("gradient", params, f, backprop, **options)
        inputs = _inputs(network, x)
        report = compare.report(len(x), [x, f(), *inputs.values()])
        if inputs:
            _look_for_suspects(report, network, inputs, t, options)
        report.unseen = unseen(network, params, lambda: network.loss(*(a.copy() for a in given)))
    return report


def check_layer(layer, x, *, samples=None, tolerance=1e-6, rng=None):
    """Does a layer's backward agree with its forward? Returns a GradientReport.

    layer : any object with forward(x) and backward(dout), in float64
    x     : an input for forward. samples, tolerance and rng are those of check_gradient

    A difference needs one number, so L = sum(out * dout) with a random dout. Then dL/dout is dout,
    backward(dout) must return dL/dx, and leave dL/dW in dW. (With a dout of ones errors could
    cancel.) The report has each parameter by its name, and the input as "x". The parameters of
    layers inside have their keys: W1, b1, W2, ...

    Give the parameters random numbers first: if all are 0 or 1, as they often start, a factor that
    backward forgets can't be seen.
    """
    name, rng = kind(layer), np.random.default_rng(SEED if rng is None else rng)
    check_is_layer("", layer, ["forward"])
    options = {"samples": samples, "tolerance": tolerance, "rng": rng}
    report = _check_alone(layer, x, options)
    report.suspects += [] if report.ok else [name]
    x, params = as_finite(x, np.float64).copy(), {k: p.array for k, p in _parameters(layer).items()}
    report.unseen = unseen(layer, params, lambda: np.sum(layer.forward(x.copy())))
    return report


def _gradient(network, x, t):
    """network.gradient(x, t), which refuses nan and inf; the report shows them."""
    try:
        return network.gradient(x, t)
    except FloatingPointError:
        network.loss(x, t)  # an error, if it is forward that makes them
        found = find_parameters(network.layers)
        return {key: parameter.gradient for key, parameter in found.items()}


def _check_alone(layer, x, options, needs_dx=True, other=None):
    """The GradientReport of one layer. other is another batch, which the layer sees first."""
    name, rng, found = kind(layer), options["rng"], _parameters(layer)
    x = as_finite(x, np.float64).copy()
    arrays = {key: each.array for key, each in found.items()} | {"x": x}
    for each, array in arrays.items():
        check_differentiable(array, f"{name}'s {each}")

    # First another batch, so that a backward which goes on using it shows.
    others = arrays | {"x": _shuffled(x, rng) if other is None else other}
    with unwritten(name, others):
        out = as_output(name, layer.forward(others["x"]))
    check_is_layer("", layer, ["backward"])  # after forward, whose own error comes first
    others["dout"] = rng.standard_normal(out.shape)
    with unwritten(name, others):
        layer.backward(others["dout"])
    for key, each in _parameters(layer).items():
        if key not in arrays:
            check_seen_before(name, each.name)
    dout = np.asarray(rng.standard_normal(out.shape))
    if not needs_dx:
        del arrays["x"]

    def backprop():
        layer.forward(x)
        dx = layer.backward(dout)
        return {key: each.gradient for key, each in found.items()} | {"x": dx}

    compare = Comparison(name, arrays, lambda: np.sum(layer.forward(x) * dout), backprop, **options)
    terms = np.abs(layer.forward(x) * dout)
    return compare.report(len(np.atleast_1d(x)), [x, terms.sum()], dout)


def _parameters(layer):
    """{name: Parameter} of a layer: "W" of a plain one, "W1" and so on of one that holds others."""
    found = find_parameters({kind(layer): layer})
    if all(each.layer is layer for each in found.values()):
        return {each.name: each for each in found.values()}
    return found


# Another batch first, so that a backward which goes on using it shows


def _shuffled(x, rng):
    """The same numbers in other places, and smaller, so that they differ even if all are equal."""
    return 0.9 * rng.permuted(x.ravel()).reshape(x.shape)


def _other_scores(x):
    """The next sample's, a little closer to their mean: rows that sum to 1 still do."""
    return 0.9 * np.roll(x, 1, axis=0) + 0.1 * x.mean(axis=-1, keepdims=True)


def _other_labels(t, classes):
    return (t + 1) % classes if t.ndim == 1 else np.roll(t, 1, axis=-1)


def _try_other_batch(network, params, x, t, rng):
    others = {**params, "x": _shuffled(x, rng)}
    # What fails here fails in the real check too, and is told there.
    with unwritten("backprop", others), contextlib.suppress(Exception):
        t = _other_labels(t, network.predict(others["x"]).shape[1])
    others["t"] = t.copy()
    with unwritten("backprop", others), contextlib.suppress(Exception):
        network.gradient(others["x"], others["t"])


# Which layer is wrong?


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
                last.forward(_other_scores(x), _other_labels(t, x.shape[1]))
            return last.forward(x, t)

        def backward(self, dout):
            return last.backward(dout)

    return lastLayer()


def _look_for_suspects(report, network, inputs, t, options):
    """Check each layer alone, lastLayer always, and write the wrong ones into the report."""
    samples, scores = options["samples"] and max(50, options["samples"]), inputs["lastLayer"]
    layer, faults = _with_labels(network.lastLayer, t), {}
    last = _check_alone(layer, scores, options | {"samples": samples}, other=_other_scores(scores))
    if not (report.ok and last.ok):
        for name, layer in network.layers.items():
            needs_dx = name != next(iter(network.layers))  # no layer before the first needs its dx
            try:
                alone = _check_alone(layer, inputs[name], options | {"samples": 50}, needs_dx)
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


def as_output(name, out):
    """What forward returned for x in float64, as an array."""
    check_returned(name, out)
    out = np.asarray(out)
    if out.dtype in (np.float16, np.float32):
        came = f"{out.dtype}, whose rounding would hide the differences"
        raise wrong(TypeError, "forward to return float64 for float64", came, at=name)
    return out


@contextlib.contextmanager
def unwritten(owner, arrays):
    """Within it, arrays must be left as they are. If they aren't, they are put right."""
    given = copy.deepcopy(arrays)
    try:
        yield
    finally:
        written = [
            name
            for name, array in given.items()
            if not np.array_equal(arrays[name], array, equal_nan=array.dtype.kind == "f")
        ]
        for name in written:
            arrays[name][...] = given[name]
    if written:
        came = "a write; use a copy"
        raise wrong(ValueError, f"{written[0]} left as given", came, at=owner)
