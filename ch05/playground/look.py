"""What the layers compute for one digit: forward, back, and for one unit of the first layer.

The functions here use the layers, and so change what these keep: see Copies.looked_at.
"""

import itertools
from typing import NamedTuple

import numpy as np

from ch05.playground.words import in_words
from common.functions import softmax
from common.guards.arguments import wrong
from common.guards.learnt import find_parameters


class Reading(NamedTuple):
    """outs and douts are {name of a layer: what it returned, what came back to it}.

    L and dx are None, and douts is empty, without a right digit t. NOTHING is read of no ink.
    """

    x: np.ndarray  # (1, 784)
    outs: dict
    scores: np.ndarray | None  # (10,)
    y: np.ndarray  # (10,)
    t: int | None = None
    L: float | None = None
    douts: dict = {}
    dx: np.ndarray | None = None
    stopped: dict = {}  # {name of a layer: where it passes nothing back, since it returned 0}


NOTHING = Reading(np.zeros((1, 784)), {}, None, np.zeros(10))


def look(network, x, t=None):
    network.predict(np.array(x))  # if something is wrong, this says where
    outs = {name: np.array(out) for name, out in forward(network, x)}
    scores = [*outs.values()][-1]
    y = softmax(scores.reshape(1, -1))[0]
    if t is None:
        return Reading(x, outs, scores.reshape(-1), y)
    with np.errstate(all="ignore"):
        L = network.lastLayer.forward(scores, np.array([t]))
        dx, douts, stopped = network.lastLayer.backward(), {}, {}
        for name, layer in reversed(network.layers.items()):
            dout = douts[name] = np.array(dx)
            try:
                dx = layer.backward(dx)
            except Exception as error:
                after = " after a forward with train_flg False" * hasattr(layer, "train_flg")
                error.args = (f"{name}: backward{after}: {in_words(error)}",)
                raise
            if np.shape(dx) == dout.shape == outs[name].shape:
                stopped[name] = (outs[name] == 0) & (np.asarray(dx) == 0)
    if dx is not None and np.size(dx) != x.size:
        raise wrong(ValueError, f"{name}.backward to return dx of shape {x.shape}", np.shape(dx))
    return Reading(x, outs, scores.reshape(-1), y, t, L, douts, dx, stopped)


def forward(network, x):
    """The name of each layer, and what it returns: the next one may write into that."""
    out = np.array(x, network.dtype)
    with np.errstate(all="ignore"):
        for name, layer in network.layers.items():
            out = layer.forward(out)
            yield name, out


def survey(network, x, t):
    """The accuracy, and [(name of a layer, how many of its units are 0 for all x, of how many)]."""
    silent = []
    for name, out in forward(network, x):
        zeros = ~np.any(np.reshape(out, (len(out), -1)), axis=0)
        silent += [(name, int(zeros.sum()), zeros.size)] if zeros.any() else []
    if not np.isfinite(out).all():
        network.predict(np.array(x))  # says where it began
    return float(np.mean(np.argmax(out, axis=1) == t)), silent


class Path(NamedTuple):
    """Where the units of the first layer go."""

    names: tuple  # of the first layer, and of those behind it that keep their number
    next: str | None  # the next layer with weights, if units can be followed into it
    M: int  # how many units


def path_of_units(network):
    """None if the chain doesn't begin with an Affine from 784."""
    names = (*network.layers,)
    if not (M := units_of(network.layers[names[0]], 784)):
        return None
    weights = {
        found.place
        for found in find_parameters(network.layers).values()
        if np.ndim(found.array) > 1 or found.layer is not network.layers[found.place]
    }
    for k, name in enumerate(names[1:], start=1):
        if name in weights:
            return Path(names[:k], name if units_of(network.layers[name], M) else None, M)
    return Path(names, None, M)


def units_of(layer, D):
    """M of an Affine (D, M), the book's or a reader's own too; 0 if it is something else."""
    W, b = getattr(layer, "W", None), getattr(layer, "b", None)
    is_affine = np.ndim(W) == 2 and len(W) == D and np.shape(b) == np.shape(W)[1:]
    return len(b) if is_affine else 0


def check_unit(network, j):
    """j as an int; or an error that says which units can be followed."""
    path = path_of_units(network)
    if path is None:
        name, layer = next(iter(network.layers.items()))
        came = f"{name}, which is {type(layer).__name__}"
        raise wrong(ValueError, "a chain that begins with an Affine from 784 pixels", came)
    if not isinstance(j, (int, np.integer)) or isinstance(j, bool) or not 0 <= j < path.M:
        raise wrong(ValueError, f"j as a whole number from 0 to {path.M - 1}", repr(j))
    return int(j)


class Unit(NamedTuple):
    """One unit of the first layer, from the ink to the next layer and back."""

    j: int
    W: np.ndarray  # (784,): its weights
    terms: np.ndarray  # (784,): x * W, whose sum is out - b
    b: float
    out: float
    passed: dict  # {name of a layer behind it: what that returned for the unit}
    to: np.ndarray | None  # (K,): what it adds to each output of the next layer
    back: np.ndarray | None  # (K,): what comes back along each of these weights
    dout: float | None
    dW: np.ndarray | None  # (784,)


def unit_of(network, path, reading, j):
    (first, *behind), outs, douts = path.names, reading.outs, reading.douts
    layer, out = network.layers[first], float(outs[first][0, j])
    W, b = layer.W[:, j].copy(), float(layer.b[j])
    terms = reading.x[0] * W
    total = float(terms.sum(dtype=float)) + b
    if not abs(total - out) <= 1e-3 * (np.abs(terms).sum(dtype=float) + abs(b) + abs(out)):
        came = f"{out:.4g} where the sum is {total:.4g}"
        raise wrong(ValueError, f"{first} to return x W + b", came)
    keep = itertools.takewhile(lambda name: outs[name].shape == (1, path.M), behind)
    passed, to, back, dout, dW = {name: float(outs[name][0, j]) for name in keep}, *[None] * 4
    if path.next and len(passed) == len(behind):
        weights = network.layers[path.next].W[j]
        to = [out, *passed.values()][-1] * weights
        back = weights * douts[path.next][0] if douts else None
    if douts:
        dout, dW = float(douts[first][0, j]), getattr(layer, "dW", None)
        dW = None if dW is None else dW[:, j].copy()
    return Unit(j, W, terms, b, out, passed, to, back, dout, dW)


def loudest(network, x):
    """Five units at most, that which adds most to the score of what is read first.

    out * dscore/dout, by backprop from this score alone. In a TwoLayerNet: out * W2[:, digit].
    """
    path, reading = path_of_units(network), look(network, x)
    if path is None:
        return []
    dout = np.eye(10, dtype=network.dtype)[[reading.y.argmax()]]
    for name, layer in reversed(network.layers.items()):
        if name == path.names[-1]:
            break
        dout = layer.backward(dout)
    adds = reading.outs[name][0] * np.asarray(dout)[0]
    return [j for j in np.argsort(-adds, kind="stable")[:5].tolist() if adds[j] > 0]
