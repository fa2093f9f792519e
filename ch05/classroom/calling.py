"""Finds what was handed in, calls it, and tells what it raised. The judges share this."""

import contextlib
import copy
import difflib
import inspect
import sys
import traceback
from collections.abc import Callable

import numpy as np

from ch05.classroom.words import say

MODULE = "exercises"  # __name__ in what was handed in
OPTIMIZERS = ("sgd", "gradientdescent", "optimizer")  # classes that may stand for update
LIBRARY = ("common.layers", "common.network", "common.gradient")  # what is to be written here


class Wrong(Exception):
    """A part is wrong. The message says where, gives both values, and the likely cause."""


class NotYet(Exception):
    """A part isn't written yet."""


def joined(*texts):
    return say("; ").join(filter(None, dict.fromkeys(texts))).replace("？；", "？")


@contextlib.contextmanager
def told(before, notes=(), remark=None):
    """Within it, what is wrong is told between these words, or only worth a remark."""
    try:
        yield
    except (Wrong, NotYet) as error:
        is_open = isinstance(error, NotYet)
        if remark is None and is_open:
            raise
        text = before + joined("NotImplementedError" if is_open else str(error), *notes)
        if remark is None:
            raise Wrong(text) from None
        remark(text)


# What is there


def wanted(part):
    return "TwoLayerNet" if part in ("predict", "gradient") else part


def plain(name):
    return name.replace("_", "").lower().removesuffix("layer")


def candidates(names, part):
    """(name, class or function) of what may be meant by this part, first of all the right name."""
    name, found = wanted(part), {}
    kind = type if name[0].isupper() else Callable
    for each in [name, *names]:
        value = names.get(each)
        if plain(each) == plain(name) and isinstance(value, kind) and not imported(value):
            found.setdefault(id(value), (each, value))
    if name == "update":
        for key, SGD in names.items():
            known = plain(key) in OPTIMIZERS and isinstance(SGD, type) and not imported(SGD)
            if known and hasattr(SGD, "update"):

                def update(params, grad, learning_rate, SGD=SGD):
                    return SGD(learning_rate).update(params, grad)

                found[id(SGD)] = name, update
    return [*found.values()]


def missing(names, name):
    """The error for a name that isn't there: why, where that can be seen."""
    value = names.get(name)
    if module := imported(value):
        return NotYet(say("{name} is imported from {module}; write it here", name=name,
                          module=module))  # fmt: skip
    if value is not None:
        words = "{name}: expected a class, got {got}"
        if not name[0].isupper():
            words = "{name}: expected a function, got {got}"
        return Wrong(say(words, name=name, got=type(value).__name__))
    own = {key: each for key, each in names.items() if getattr(each, "__module__", "") == MODULE}
    for key, each in own.items():
        inner = vars(each).get(name) if isinstance(each, type) else None
        code = getattr(inner, "__code__", None)
        if isinstance(inner, type) or (code and "self" not in code.co_varnames):  # no method
            words = "{name} is inside {outer}: is it indented too far?"
            return Wrong(say(words, name=name, outer=key))
    typos = [each for each in own if abs(len(each) - len(name)) <= 1]
    if close := difflib.get_close_matches(name, typos, 1, 0.8):
        if isinstance(own[close[0]], type) == name[0].isupper():
            words = "{method} is missing; is {close} meant?"
            return Wrong(say(words, method=name, close=close[0]))
    return NotYet(say("{method} is missing", method=name))


def imported(value):
    """The module of a class or function that wasn't written in this file; else None."""
    known = isinstance(value, type) or inspect.isfunction(value) or inspect.ismethod(value)
    return value.__module__ if known and value.__module__ != MODULE else None


# Calls


def call(layer, method, *args, remark=None, free=False, given=None):
    """layer.method(*args). A write into the copies that are given is Wrong, or worth a remark."""
    function = getattr(layer, method, None)
    if function is None:
        close = difflib.get_close_matches(method, dir(layer), 1, 0.8)
        close += [each for each in dir(layer) if method in each]
        if close:
            words = "{method} is missing; is {close} meant?"
            raise Wrong(say(words, method=method, close=close[0]))
        raise NotYet(say("{method} is missing", method=method))
    if imported(function):  # inherited
        raise missing({method: function}, method)
    given = given or copy.deepcopy(args)
    result = call_function(function, *given, free=free)
    with told("", remark=remark):
        untouched(method, function, ["dout"] if method == "backward" else "xt", args, given)
    return result


def untouched(method, function, names, before, after):
    """Wrong if the method has changed what function was given; names are for its *args."""
    for i, (old, new) in enumerate(zip(before, after)):
        if not np.array_equal(old, new):
            parameters = inspect.signature(function).parameters.values()
            own = [each.name for each in parameters if each.kind < each.VAR_POSITIONAL]
            words = "{method} changes {name}, which isn't its own; use {name}.copy()"
            raise Wrong(say(words, method=method, name=[*own, *names[len(own) :]][i]))


def call_backward(layer, dout, remark):
    """layer.backward(dout), or without dout, if the layer takes none."""
    with contextlib.suppress(AttributeError, ValueError):  # no backward, or no signature
        kinds = {each.kind for each in inspect.signature(layer.backward).parameters.values()}
        if kinds <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}:
            remark(say("backward takes no dout; write backward(self, dout)"))
            return call(layer, "backward")
    return call(layer, "backward", dout, remark=remark)


def call_function(function, *args, free=False):
    """function(*args), without warnings. What it raises is Wrong; NotImplementedError is NotYet.

    NotYet, too, if it calls what the library has for this part. If free, only if that is the method
    of the library's network: it may use the library's layers.
    """
    used, profile, name = [], sys.getprofile(), "it"
    if isinstance(function, type) or inspect.isroutine(function):  # others may have a __getattr__
        name = getattr(function, "__name__", name)

    def watch(frame, event, _):
        module = frame.f_globals.get("__name__", "")
        called = frame.f_code.co_name
        is_same = module == "common.network" and called == name
        if event == "call" and (is_same if free else module in LIBRARY):
            used.append(f"{module}.{getattr(frame.f_code, 'co_qualname', called)}")

    try:
        if not sys.modules.keys().isdisjoint(LIBRARY):
            sys.setprofile(watch)
        with np.errstate(all="ignore"):
            result = function(*args)
    except NotImplementedError:
        raise NotYet(say("{method} isn't written yet", method=name)) from None
    except (Exception, SystemExit) as error:
        shapes = [f"{np.shape(each)}" for each in args if isinstance(each, np.ndarray)]
        if shapes:
            name = say("{name}, given {shapes},", name=name, shapes=say(" and ").join(shapes))
        raise Wrong(raised(name, error)) from None
    finally:
        sys.setprofile(profile)
    if used:
        raise NotYet(say("{name} is the library's; write it here", name=used[0]))
    return result


def raised(what, error):
    """What a part raised, and in which line of what was handed in. A Wrong has words of its own."""
    if isinstance(error, Wrong):
        return f"{error}"
    frames = traceback.walk_tb(error.__traceback__)
    own = [(frame.f_code.co_filename, line) for frame, line in frames
           if frame.f_globals.get("__name__") == MODULE]  # fmt: skip
    where = say(" ({file}, line {line})", file=own[-1][0], line=own[-1][1]) if own else ""
    if isinstance(error, SystemExit):
        return say("{what} ends the program by exit()", what=what) + where
    text = f"{error}"[:200].strip()
    hint = say("is __init__ misspelt?") if "takes no arguments" in text else ""
    words = "{what} raised {kind}: {text}"
    return joined(say(words, what=what, kind=type(error).__name__, text=text) + where, hint)


def kept(layer, key, shape):
    """The gradient that backward has left in the layer."""
    if getattr(layer, key, None) is None:
        others = [name for name, each in getattr(layer, "__dict__", {}).items()
                  if name[0] in "dg" and getattr(each, "shape", None) == shape]  # fmt: skip
        others += ["grads"] if hasattr(layer, "grads") else []
        hint = say("is it in self.{name}?", name=others[0]) if others else ""
        raise Wrong(joined(say("backward leaves nothing in self.{key}", key=key), hint))
    return getattr(layer, key)
