"""The proof that backprop is right: its gradients beside those that differences say."""

import contextlib
import copy

import numpy as np

from common import guards
from common.differences import numerical_gradient
from common.judge import Judge
from common.report import GradientReport, likely_causes

__all__ = ["GradientReport", "check_gradient", "check_layer", "numerical_gradient"]


def check_layer(layer, x, *, samples=None, tolerance=1e-6, rng=None):
    """Does a layer's backward agree with its forward? A GradientReport.

    layer     : object with forward(x) and backward(dout); its parameters, named in `param_names`,
                are float64 arrays, and are as before afterwards
    x         : an input for forward, (N, D) or whatever shape the layer takes
    samples   : how many entries of each array to look at; None for every one
    tolerance : the largest relative error that counts as agreement
    rng       : numpy Generator or seed for dout and the choice of entries, by default the seed 0

    What is checked is L = sum(out * dout) with a random dout, so that no two errors cancel. Then
    dL/dout is dout, and backward(dout) must give dL/dx and leave dL/dW. The report has each
    parameter by its name, and the gradient dx of the input as "x".
    TypeError or ValueError for what can't be checked: float32, a gradient that is missing or of
    another shape, a layer that draws random numbers or writes into what it was given.
    """
    kind, options = guards.kind(layer), guards.checked_options(samples, tolerance, rng)
    arrays = {name: getattr(layer, name) for name in guards.names_of_params(layer)}
    arrays["x"] = x = guards.as_floats(x, np.float64).copy()
    dout = _dout_after_trial(layer, arrays, options["rng"])

    def weighted_sum():
        return np.sum(layer.forward(x) * dout)

    def backprop():
        layer.forward(x)
        dx = layer.backward(dout)
        guards.check_shape(kind, "x", dx, x)
        names = guards.names_of_params(layer)
        return {name: guards.as_gradient(kind, layer, name) for name in names} | {"x": dx}

    judge = Judge(weighted_sum, backprop, **options)
    # How large the numbers are that are added up, for the rounding.
    size = max(np.abs(x).max(initial=0), np.abs(layer.forward(x) * dout).sum())
    report = judge.report(arrays, size)
    report.causes += likely_causes(report, judge.gradients, len(np.atleast_1d(x)), dout)
    if not report.ok:
        report.suspects.append(kind)
    return report


def _dout_after_trial(layer, arrays, rng):
    """A random dout for the layer, which has first passed other data and left its arrays alone.

    Other data, because a layer that goes on using what an earlier forward kept, a stale cache,
    would seem right if that had been the same.
    """
    for name, array in arrays.items():
        guards.check_differentiable(array, f"{guards.kind(layer)}'s {name}")
    trial = arrays | {"x": _shuffled(arrays["x"], rng)}
    given = copy.deepcopy(trial)
    out = layer.forward(trial["x"])
    guards.check_output(layer, out)
    trial["dout"] = rng.standard_normal(np.shape(out))
    given["dout"] = np.copy(trial["dout"])
    layer.backward(trial["dout"])
    guards.check_untouched(guards.kind(layer), trial, given)
    guards.names_of_params(layer)  # once more, now that backward has left the gradients
    return np.asarray(rng.standard_normal(np.shape(out)))


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
    with contextlib.suppress(Exception):  # if x or t is wrong, the pass that counts will say so
        other = _shuffled(x, options["rng"])  # against stale caches, as in check_layer
        network.gradient(other, _other_labels(t, network.predict(other).shape[1]))
    guards.check_untouched("backprop", network.params, given)

    judge = Judge(lambda: network.loss(x, t), lambda: network.gradient(x, t), **options)
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
