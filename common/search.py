"""The search for what a network learns: the layers of a chain, those inside them, their parameters.

A layer learns the array a if it keeps da beside it: self.W and self.dW, for instance. A layer may
hold layers, in its attributes, in lists and in mappings, one inside another: they learn too. The
key of a parameter is its name and a number, which counts the layers that learn: W1, b1, W2, b2, ...

What looks as if it were learnt, and can't be, is refused here by its name.
"""

import functools
import types
from collections import deque
from typing import NamedTuple

import numpy as np

from common.mistakes import kind, wrong

__all__ = ["DATA", "Parameter", "all_layers", "check_chain", "find", "find_parameters", "kept_by"]

DATA = ("x", "out", "y", "t")  # a layer may keep dx or dout too: these aren't learnt
GRADIENTS = (np.ndarray, np.floating, float)
SEVERAL = (list, tuple, deque, dict)
SIMPLE = {np.ndarray, np.float64, np.float32, float, int, bool, str, type(None), types.ModuleType}


class Parameter(NamedTuple):
    """Where a parameter is kept: getattr(layer, name). layer_name is that in the chain."""

    layer_name: str
    layer: object
    name: str

    @property
    def array(self):
        return getattr(self.layer, self.name)

    @property
    def gradient(self):
        return getattr(self.layer, f"d{self.name}")


def all_layers(layers):
    """(name in the chain, layer) for each layer of the chain, followed by those that it holds."""
    return [(place, layer) for place, layer, _ in find(layers)]


def find(layers, seen=()):
    """[(name in the chain, layer, names of its parameters), ...], without those seen already."""
    found, ids = [], {*map(id, layers.values())}
    if len(ids) < len(layers) or not layers:
        check_chain(layers)
    seen = ids.union(seen)  # a layer may refer to another one of the chain
    for place, layer in layers.items():
        look_into(layer, place, found, seen)
    return found


def look_into(thing, place, found, seen):
    """Append to found the thing, if it is a layer, and then the layers that it holds."""
    held = []
    if type(thing) not in SEVERAL:
        kept = kept_by(thing)
        held = kept.values()
        if hasattr(thing, "forward") and hasattr(thing, "backward"):
            found.append((place, thing, learnt(thing, kept, place)))
        elif hasattr(thing, "lastLayer"):  # another network, perhaps a frozen one
            return
        else:
            check_no_set(thing, place)
    if isinstance(thing, SEVERAL):  # some layers are lists themselves
        held = [*held, *(thing.values() if isinstance(thing, dict) else thing)]
    for each in held:
        if type(each) not in SIMPLE and id(each) not in seen:
            seen.add(id(each))
            look_into(each, place, found, seen)


def kept_by(thing):
    """{name: value} of an object's own attributes; of a bound method, its object."""
    kept = getattr(thing, "__dict__", None)
    if slots := slots_of(type(thing)):
        own = {name: getattr(thing, name) for name in slots if hasattr(thing, name)}
        return own | (kept or {})
    if type(thing) is types.MethodType:
        return {"__self__": thing.__self__}
    return kept if type(kept) is dict else {}  # that of a class isn't one


@functools.lru_cache(maxsize=1000)
def slots_of(cls):
    """The attributes that a class and those that it comes from keep without a __dict__."""
    slots = [vars(each).get("__slots__", ()) for each in reversed(cls.__mro__)]
    names = [name for each in slots for name in ([each] if isinstance(each, str) else each)]
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


@functools.lru_cache(maxsize=1000)
def with_d_beside(names):
    """Those of the names that have their name with a d before it beside them."""
    return tuple(name for name in names if f"d{name}" in names and name not in DATA)


def learnt(layer, kept, place):
    """The names of a layer's own parameters, among the attributes that it keeps.

    TypeError if it keeps what looks as if it were learnt, and can't be.
    """
    names = with_d_beside(tuple(kept))
    for name in names:
        gradient = kept["d" + name]  # before backward None or 0, and then numbers
        if not (gradient is None or isinstance(gradient, GRADIENTS) or gradient == 0):
            names = tuple(each for each in names if each != name)
        if type(kept[name]) in SEVERAL and holds_arrays(kept[name]):
            came = f"a {kind(kept[name])}; give each array a name: self.{name}0, self.d{name}0"
            raise wrong(TypeError, f"parameter {name} as one array", came, at=place)
    if "grads" in kept and isinstance(kept.get("params"), SEVERAL) and len(kept["params"]):
        came = "them in the lists params and grads; write self.W and self.dW, for instance"
        raise wrong(TypeError, "parameters by their names", came, at=place)
    for name, value in in_class(type(layer)):
        is_array = is_float_array(value) or isinstance(value, SEVERAL) and holds_arrays(value)
        has_d = f"d{name}" in kept or hasattr(layer, f"d{name}")
        if name not in kept and (has_d if is_array else hasattr(value, "backward")):
            what = "parameter" if is_array else "layer"
            came = f"it in the class, which all its objects share; write self.{name} in __init__"
            raise wrong(TypeError, f"{what} {name} in the layer itself", came, at=place)
    return names


@functools.lru_cache(maxsize=1000)
def in_class(cls):
    """(name, value) of the arrays, lists and layers in the body of a class, or of one before it."""
    bodies = [vars(each).items() for each in cls.__mro__]
    return [
        (name, value)
        for body in bodies
        for name, value in body
        if isinstance(value, (np.ndarray, *SEVERAL))
        or (hasattr(value, "backward") and not isinstance(value, (type, property)))
    ]


def is_float_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def holds_arrays(several):
    return any(map(is_float_array, several.values() if isinstance(several, dict) else several))


def check_no_set(thing, place):
    if isinstance(thing, (set, frozenset)) and any(hasattr(each, "backward") for each in thing):
        came = "a set, which has no order; use a list"
        raise wrong(TypeError, "layers in an order", came, at=place)


def find_parameters(layers):
    """{"W1": Parameter, ...} in the order of the chain."""
    return with_keys(find(layers))


def with_keys(found):
    parameters, number = {}, 0
    for place, layer, names in found:
        number += bool(names)
        for name in names:
            if (key := f"{name}{number}") in parameters:
                first = parameters[key]
                came = f"{key} for {first.name} of {first.layer_name} and for {name} of {place}"
                raise wrong(ValueError, "a key for each parameter", came, "rename one")
            parameters[key] = Parameter(place, layer, name)
    return parameters


def check_chain(layers):
    """No layer at all, or one in two places?"""
    if not hasattr(layers, "items"):
        raise wrong(TypeError, "layers as an OrderedDict of name: layer", kind(layers))
    if not layers:
        hint = "set network.layers first, or keep params = network.params before you empty it"
        raise wrong(ValueError, "at least one layer in network.layers", "none", hint)
    if len({id(layer) for layer in layers.values()}) < len(layers):
        names = {}
        for name, layer in layers.items():
            if (first := names.setdefault(id(layer), name)) is not name:
                came = f"that of {first} again; make a second one"
                raise wrong(ValueError, "a layer of its own", came, at=name)
