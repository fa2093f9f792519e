"""Right methods in the student's layers, while predict and gradient are judged once more.

They tell in which order they are called. A network that asks more of its layers than these do,
such as the mask of its own Relu, ends with an error. That says nothing about the network.
"""

import contextlib

import numpy as np

from ch05.classroom.answers import RIGHT, value
from ch05.classroom.calling import candidates
from ch05.classroom.words import say

LAYERS = ("Affine", "Relu", "SoftmaxWithLoss")
NAMES = ("Affine1", "Relu1", "Affine2", "lastLayer")
SHAPES = (3, 4), (4,), (4, 2), (2,)  # of W1, b1, W2, b2 in the network that is judged


class StandIn:
    # layer, log and made stand in the class: what it stands for, and where it tells what it does.

    def __init__(self, W=None, b=None, *_, **__):
        self.W, self.b, self.dW, self.db, self.x, self.t = W, b, None, None, None, None
        affine = "Affine1" if np.shape(W) == SHAPES[0] else "Affine2"
        self.name = {"Affine": affine, "Relu": "Relu1"}.get(self.layer, "lastLayer")
        self.made.add(self.name)

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def forward(self, x, t=None):
        self.log.append(("forward", self.name, x))
        self.x, self.t = x, t
        out, *_ = RIGHT[self.layer].values()
        return value(out, vars(self))

    def backward(self, dout=1):
        self.log.append(("backward", self.name, dout))
        _, *grads = RIGHT[self.layer].values()
        dx, *grads = (value(each, vars(self) | {"dout": dout}) for each in grads)
        if grads:
            self.dW, self.db = grads[0], grads[1].reshape(np.shape(self.b))
        return dx


@contextlib.contextmanager
def stand_ins(names):
    """Within it the classes of the layers have the methods of a StandIn.

    Yields a log of (method, name of the layer, what it is given), and the names of those made.
    """
    log, made, given, undo = [], set(), dict(names), []
    methods = {name: each for name, each in vars(StandIn).items() if callable(each)}
    for layer in LAYERS:
        own = [found for _, found in candidates(given, layer)]
        if not own:
            own = [type(layer, (), {})]
            names[layer] = own[0]
        for kind in own:
            for name, new in (methods | {"layer": layer, "log": log, "made": made}).items():
                undo.append((kind, name, name in vars(kind), vars(kind).get(name)))
                setattr(kind, name, new)
    try:
        yield log, made
    finally:
        for kind, name, had, old in undo:
            setattr(kind, name, old) if had else delattr(kind, name)
        names.clear()
        names.update(given)


def called_wrongly(log, method, stopped=False):
    """What the log tells about the calls of forward or backward, in sentences.

    stopped : an error came, so that calls at the end may be missing
    """
    if not log:
        return  # the student's own layers, or a network in a way of its own
    order = [*NAMES[:3]] if method == "forward" else [*reversed(NAMES)]
    names = [name for called, name, _ in log if called == method]
    given = [what for called, name, what in log if called == method and name != "lastLayer"]
    if method == "backward" and log[0][0] == "backward":
        yield say("no forward before: call self.loss(x, t) first")
    elif not names and not stopped:
        yield say("no layer's {method} is called", method=method)
    elif len(given) > 1 and all(each is given[0] for each in given):
        name = "x" if method == "forward" else "dout"
        words = "each layer gets the same {name}: write {name} = layer.{method}({name})"
        yield say(words, name=name, method=method)
    elif names != (order[: len(names)] if stopped else order):
        came, expected = say(", ").join(names), say(", ").join(order)
        words = "{method} is called for {came}; expected {expected}"
        yield say(words, method=method, came=came, expected=expected)
    elif method == "backward" and not stopped:
        dout = np.ravel(next(dout for called, _, dout in log if called == method))
        if dout.size == 1 and float(dout[0]) != 1:
            words = "lastLayer.backward gets {dout} as its dout; it should be 1"
            yield say(words, dout=f"{float(dout[0]):.6g}")
