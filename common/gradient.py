"""The proof that backprop is right: its gradients beside those from central differences."""

import contextlib

import numpy as np

from common import guards
from common.differences import numerical_gradient
from common.judge import Judge
from common.report import GradientReport, likely_causes

__all__ = ["GradientReport", "check_gradient", "check_layer", "numerical_gradient"]


def check_layer(layer, x, *, samples=None, tolerance=1e-6, rng=None):
    """Does a layer's backward agree with its forward? A GradientReport.

    layer     : object with forward(x) and backward(dout); its parameters, named in `param_names`,
                are float64 arrays, and are unchanged afterwards
    x         : an input for forward, (N, D) or whatever shape the layer takes
    samples   : how many entries of each array to look at, half of them where backprop isn't zero;
                None for every one
    tolerance : the largest relative error that counts as agreement
    rng       : numpy Generator or seed for dout and the choice of entries, always the same one
                by default

    A difference needs one number, so L = sum(out * dout) with a random dout. Then dL/dout = dout,
    and backward(dout) must return dL/dx and leave dL/dW. (In a plain sum errors could cancel.) The
    report has each parameter by its name, and the gradient dx of the input as "x".
    TypeError or ValueError for what can't be checked: float32, a gradient that is missing or of
    another shape, a layer that draws random numbers or writes into what it was given.
    Not found: a backward that uses a copy of a parameter, and is right until that changes.
    """
    kind, options = guards.kind(layer), guards.checked_options(samples, tolerance, rng)
    names = guards.names_of_params(layer)
    guards.check_arguments(layer, "x")
    guards.check_new("x", names, kind)  # the report's name for the input
    x = guards.as_floats(x, np.float64).copy()
    arrays = {name: getattr(layer, name) for name in names} | {"x": x}
    for name, array in arrays.items():
        guards.check_differentiable(array, f"{kind}'s {name}")
    dout = _try_out_layer(layer, arrays, options["rng"])

    def weighted_sum():  # with no argument: x and the parameters will be changed in place
        return np.sum(layer.forward(x) * dout)

    def backprop():
        layer.forward(x)
        dx = layer.backward(dout)
        guards.check_shape(kind, "x", dx, x)
        names = guards.names_of_params(layer)  # anew: a W shows without param_names if it has a dW
        return {name: guards.as_gradient(kind, layer, name) for name in names} | {"x": dx}

    # Differences are off by rounding, in proportion to the numbers that come in or are added: size.
    judge = Judge(weighted_sum, backprop, **options)
    size = max(np.abs(x).max(initial=0), np.abs(layer.forward(x) * dout).sum())
    report = judge.report(arrays, size)
    report.causes += likely_causes(report, judge.gradients, len(np.atleast_1d(x)), dout)
    if not report.ok:
        report.suspects.append(kind)
    return report


def _try_out_layer(layer, arrays, rng):
    """Pass other data, which must do no harm, and return a random dout of the right shape.

    A layer that goes on using what its first forward kept would seem right if all data were alike.
    """
    kind, trial = guards.kind(layer), arrays | {"x": _shuffled(arrays["x"], rng)}
    with guards.untouched(kind, trial):
        out = layer.forward(trial["x"])
    guards.check_output(layer, out)
    trial["dout"] = rng.standard_normal(np.shape(out))
    with guards.untouched(kind, trial):
        layer.backward(trial["dout"])
    return np.asarray(rng.standard_normal(np.shape(out)))


def check_gradient(network, x, t, *, samples=None, tolerance=1e-6, rng=None):
    """Does backprop agree with central differences in every parameter? A GradientReport.

    network : a Network in float64; its parameters are unchanged afterwards
    x, t    : a few samples, as for network.loss; three are plenty, but one alone can't show
              whether backprop divides by the batch size
    samples, tolerance and rng are those of check_layer.

    The report has each parameter by its key, and "lastLayer" too if the dx of that one is wrong.
    If any disagree, each layer is then checked alone, in 50 entries of each array.
    TypeError or ValueError as there, and for a chain that writes into x, t or parameters.
    """
    guards.check_network(network)
    options = guards.checked_options(samples, tolerance, rng)
    x = guards.as_floats(x, np.float64).copy()
    t = guards.as_numbers(t, "labels t as numbers").copy()
    _try_out_network(network, x, t, options["rng"])

    judge = Judge(lambda: network.loss(x, t), lambda: network.gradient(x, t), **options)
    scores, size = _scores_and_size(network, x)
    report = judge.report(network.params, size)
    report.causes += likely_causes(report, judge.gradients, len(x))
    last = check_layer(_LastLayer(network.lastLayer, t), scores, **options)
    if not last.ok:
        report.add("lastLayer", last)
    if not report.ok:
        _look_for_suspects(report, network, x, options)
    return report


def _try_out_network(network, x, t, rng):
    """Pass other data through all layers, likewise."""
    trial = {**network.params, "x": _shuffled(x, rng)}
    # What fails here fails in the real pass, and is told.
    with guards.untouched("backprop", trial), contextlib.suppress(Exception):
        t = _other_labels(t, network.predict(trial["x"]).shape[1])
    trial["t"] = t.copy()
    with guards.untouched("backprop", trial), contextlib.suppress(Exception):
        network.gradient(trial["x"], trial["t"])


def _scores_and_size(network, x):
    """The scores for x, and the largest number on the way, from which rounding is estimated."""
    size = np.abs(x).max()
    for layer in network.layers.values():
        x = layer.forward(x)
        size = max(size, np.abs(x).max())
    return x, size


class _LastLayer:
    """The last layer as a layer like any other: t held fixed, and a dout that isn't always 1."""

    def __init__(self, last, t):
        self.last, self.t = last, t

    def forward(self, x):
        # Other data first, as above; a layer that refuses them is let off.
        with contextlib.suppress(Exception):
            other = _shuffled(x, np.random.default_rng(0))
            self.last.forward(other, _other_labels(self.t, x.shape[1]))
        return self.last.forward(x, self.t)

    def backward(self, dout):
        return self.last.backward(dout)


_LastLayer.__name__ = "lastLayer"  # by which errors call it


def _shuffled(x, rng):
    """The same numbers in other places, and smaller, so that they differ even if all are equal."""
    return 0.9 * rng.permuted(x.ravel()).reshape(x.shape)


def _other_labels(t, classes):
    """Another label for each sample."""
    return (t + 1) % classes if t.ndim == 1 else np.roll(t, 1, axis=-1)


def _look_for_suspects(report, network, x, options):
    """Check each layer alone, to say in a failed report which of them is to blame."""
    for name, layer in network.layers.items():
        try:
            alone = check_layer(layer, x, **{**options, "samples": 50})
            if not alone.ok:
                report.suspect(name, "wrong " + " and ".join("d" + wrong for wrong in alone.failed))
        except Exception as error:
            report.suspect(name, error)
        x = layer.forward(x)
    if "lastLayer" in report:
        report.suspect("lastLayer", "wrong dx")
    if not report.suspects:
        owners = network.params.owners()
        nearest, _, _ = owners[report.failed[-1]]  # to the loss: they stand in the chain's order
        report.causes.append(
            f"Checked alone, no layer fails: look at how dout comes from the loss to {nearest}."
        )
