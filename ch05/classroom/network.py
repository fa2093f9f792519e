"""Right layers in the place of wrong ones, while predict and gradient are judged.

A class of the student's stays as it is, but for forward and backward, which return right values
meanwhile. So it may be made and called in any way: with keywords, further arguments, as layer(x).
What its own methods keep in self, such as a mask, is still there.
"""

import contextlib
import copy
import functools
import inspect

import numpy as np

from ch05.classroom.answers import RIGHT, value
from ch05.classroom.calling import Wrong
from ch05.classroom.words import say

LAYERS = ("Affine", "Relu", "SoftmaxWithLoss")
LAST = "SoftmaxWithLoss"
EARLY = "no forward of {name} before its backward: is self.loss(x, t) called first?"
SHAPES = (3, 4), (4,), (4, 2), (2,)  # of W1, b1, W2, b2 in the network that is judged


@contextlib.contextmanager
def stand_ins(names, classes, wrong, silent, TwoLayerNet, own_predict=True):
    """Within it the layers in `wrong` return right values. Yields a log of calls, and the layers.

    classes : {"Affine": the student's classes of that name, ...}
    silent  : layers whose own methods aren't called at all, as they would end the program
    An entry of the log is (method, name of the layer, arguments).
    """
    log, made, given = [], {}, dict(names)
    with contextlib.ExitStack() as undo:
        undo.callback(lambda: (names.clear(), names.update(given)))
        for layer in LAYERS:
            own = classes[layer]
            if not own and layer in wrong:
                own = [type(layer, (), {"__module__": TwoLayerNet.__module__})]
                names[layer] = own[0]
            for each in own:
                watch(undo, each, layer, log, made, layer in wrong, layer in silent)
        for name in "predict", "loss":  # called for every entry, these are numerical gradients
            if callable(function := getattr(TwoLayerNet, name, None)):
                put(undo, TwoLayerNet, name, logged(function, log, name))
        if callable(function := names.get("numerical_gradient")):
            names["numerical_gradient"] = logged(function, log, "numerical_gradient")
        if not own_predict:

            def predict(self, x, *_, **__):
                chain = vars(self).get("layers") or [each for each, _, _ in made.values()]
                for layer in getattr(chain, "values", chain.__iter__)():
                    if not isinstance(layer, tuple(classes[LAST])):
                        x = layer.forward(x)
                return x

            put(undo, TwoLayerNet, "predict", predict)
        yield log, made


def put(undo, owner, name, value):
    """owner.name = value, until undo."""
    if name in vars(owner):
        undo.callback(setattr, owner, name, vars(owner)[name])
    else:
        undo.callback(delattr, owner, name)
    setattr(owner, name, value)


def logged(function, log, name, layer=""):
    @functools.wraps(function)
    def call(*args, **kwargs):
        log.append((name, layer, [*args, *kwargs.values()]))
        return function(*args, **kwargs)

    return call


def watch(undo, own, layer, log, made, right, silent):
    """Log the calls of this class; if right, let forward and backward return right values.

    made is {id: (object, its name, what the right formulas need)}. An Affine has its name from the
    shape of its W, as a network may make its layers in any order, and again at each call.
    """

    def methods(name, replacement):
        """Put it wherever the class has this method, as in __call__ = forward."""
        raw = inspect.getattr_static(own, name, None)
        if raw is None and not right:
            return

        def original(self, *args, **kwargs):  # as Python binds it: a property, a decorator
            return raw.__get__(self, type(self))(*args, **kwargs)

        original = raw and original

        @functools.wraps(raw or replacement)
        def call(self, *args, **kwargs):
            return replacement(self, original, *args, **kwargs)

        same = [each for each in dir(own) if raw and inspect.getattr_static(own, each, None) is raw]
        for each in {name, *same}:
            put(undo, own, each, call)

    def about(self):
        if id(self) not in made:
            number = 1 + sum(isinstance(each, own) for each, _, _ in made.values())
            made[id(self)] = self, "lastLayer" if layer == LAST else f"{layer}{number}", {}
        return made[id(self)]

    def __init__(self, original, *args, **kwargs):
        _, name, env = about(self)
        with contextlib.suppress(*(Exception, SystemExit) * right):
            if not silent:
                original(self, *args, **kwargs)
        for each in [*args, *kwargs.values(), *getattr(self, "__dict__", {}).values()]:
            if isinstance(each, np.ndarray):
                env.setdefault("W" if each.ndim == 2 and len(each) > 1 else "b", each)
        name = {SHAPES[0]: "Affine1", SHAPES[2]: "Affine2"}.get(np.shape(env.get("W")), name)
        made[id(self)] = self, name, env
        for method in "forward", "backward":  # made in __init__
            if callable(function := getattr(self, "__dict__", {}).pop(method, None)) and not right:
                vars(self)[method] = logged(function, log, method, name)

    def both(method, compute):
        def replacement(self, original, *args, **kwargs):
            _, name, env = about(self)
            log.append((method, name, [*args, *kwargs.values()]))
            with contextlib.suppress(Exception):  # of a property, or an __init__ of its own
                env.update({"W": self.W, "b": self.b} | env)
            if not right or (layer == "Affine" and env.get("W") is None):  # it can't be put right
                return original(self, *args, **kwargs)
            if original and not silent:  # for what it keeps, not for what it changes
                params = [(each, each.copy()) for each in map(env.get, "Wb") if each is not None]
                with contextlib.suppress(Exception, SystemExit):
                    original(self, *copy.deepcopy(args), **copy.deepcopy(kwargs))
                for array, before in params:
                    array[...] = before
            if method == "backward" and "x" not in env:
                raise Wrong(say(EARLY, name=name))
            return compute(self, env, args, kwargs)

        return replacement

    methods("__init__", __init__)
    if right and layer == "Affine":  # whatever its own are: properties, or of a frozen class
        for key in "dW", "db":
            put(undo, own, key, property(lambda self, key=key: about(self)[2].get(key),
                lambda self, value, key=key: about(self)[2].update({key: value})))  # fmt: skip
    methods("forward", both("forward", functools.partial(forward, layer)))
    methods("backward", both("backward", functools.partial(backward, layer)))


def forward(layer, self, env, args, kwargs):
    given = [*args, *kwargs.values()]
    env["x"] = kwargs.get("x", given[0])
    if layer == LAST:
        env["t"] = kwargs.get("t", given[-1])
    return value(RIGHT[layer]["loss" if layer == LAST else "out"], env)


def backward(layer, self, env, args, kwargs):
    env["dout"] = [*args, *kwargs.values(), 1][0]
    if layer == "Affine":
        grads = [value(RIGHT[layer][f"d{key}"], env).reshape(env[key].shape) for key in "Wb"]
        for each in env, getattr(self, "__dict__", {}):  # some look for them in vars(layer)
            each.update(zip(("dW", "db"), grads))
        with contextlib.suppress(Exception):  # some keep them in a list, too
            self.grads[:] = grads
    return value(RIGHT[layer]["dx"], env)


def called_wrongly(log, method, stopped=False):
    """What the log tells about the calls of forward or backward, in sentences.

    stopped : an error came, so that calls at the end may be missing
    """
    log = [each for each in log if each[1]]
    if not log:
        return  # a network in a way of its own
    order = ["Affine1", "Relu1", "Affine2"]
    if method == "backward":
        order = ["lastLayer", *reversed(order)]
    names = [name for called, name, _ in log if called == method]
    given = [(name, args[0]) for called, name, args in log if called == method and args]
    # A Relu may return what it was given. No other layer does.
    lost = [name for (name, one), (after, two) in zip(given, given[1:])
            if one is two and name != after and not name.startswith("Relu")]  # fmt: skip
    once = [*dict.fromkeys(each[:2] for each in log)]  # each call
    early = [name for name in names if ("forward", name) not in once[: once.index((method, name))]]
    if method == "backward" and early:
        yield say(EARLY, name=early[0])
    elif not names and not stopped:
        yield say("no layer's {method} is called", method=method)
    elif lost:
        x = "x" if method == "forward" else "dout"
        words = "what {method} of {name} returns should be the {x} of the next layer"
        yield say(words, name=lost[0], x=x, method=method)
    elif names != (order[: len(names)] if stopped else order):
        came, expected = say(", ").join(names), say(", ").join(order)
        words = "{method} is called for {came}; expected {expected}"
        if {*names} <= {*order}:  # others are new ones: which is which isn't known
            yield say(words, method=method, came=came, expected=expected)
    elif method == "backward" and not stopped and len(given) == len(order):
        dout = np.ravel(given[0][1])
        if dout.size == 1 and float(dout[0]) != 1:
            words = "lastLayer.backward gets {dout} as its dout; it should be 1"
            yield say(words, dout=f"{float(dout[0]):.6g}")
