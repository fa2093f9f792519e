"""What a network learns: the layers of a chain, those inside them, and their parameters.

A layer learns the array a if it keeps da beside it, and if forward leaves a in place: self.W and
self.dW, for instance. What forward writes before it reads it is a cache, such as self.Z beside
self.dZ. The key of a parameter counts the layers that learn: W1, b1, W2, b2, ...
"""

import contextlib
import dis
import functools
import inspect
from typing import NamedTuple

import numpy as np

from common.guards.arguments import wrong
from common.guards.untouched import SEVERAL, is_layer, is_ours, kept_by, members


class Parameter(NamedTuple):
    """Where a parameter is kept: getattr(layer, name)."""

    place: str
    layer: object
    name: str

    @property
    def array(self):
        return getattr(self.layer, self.name)

    @property
    def gradient(self):
        return getattr(self.layer, f"d{self.name}")


def find_parameters(layers):
    """{"W1": Parameter, ...} in the order of the chain."""
    parameters, number = {}, 0
    for place, layer, names in find(layers):
        number += bool(names)
        for name in names:
            if (key := f"{name}{number}") in parameters:  # W1 of layer 1, and W of layer 11
                came = f"{key} for {parameters[key].place} and for {place}; rename one"
                raise wrong(ValueError, "a key for each parameter", came)
            parameters[key] = Parameter(place, layer, name)
    return parameters


def set_train_flg(layers, value):
    """Set the train_flg of all layers that have one: they work differently in training."""
    for _, layer, _ in find(layers) if layers else ():
        if hasattr(layer, "train_flg"):
            layer.train_flg = value


# The search


def find(layers):
    """[(place in the chain, layer, names of its parameters), ...], also of layers inside layers."""
    if not layers:
        raise wrong(ValueError, "at least one layer in network.layers", "none")
    found, first, names = [], {}, {}

    def add(place, layer, path, holders):
        found.append((place, layer, learnt(layer, place)))
        for here, thing, each in () if is_ours(layer) else walk(layer, path, {id(layer)}, is_part):
            if is_layer(each) and is_new(each, first, here, holders, thing):
                add(place, each, here, [*holders, id(each)])

    for place, layer in layers.items():
        if (like := names.setdefault(f"{place}".lower(), place)) != place:
            raise wrong(ValueError, f"another name than {like!r}", f"{place!r} beside it")
        is_new(layer, first, f"{place}", [id(layers)], layers)
    for place, layer in layers.items():
        add(place, layer, f"{place}", [id(layers), id(layer)])
    return found


def walk(thing, path, seen, into):
    """(path, such as "L2.parts[0]", what it stands in, itself) for all that thing holds.

    What forward makes is left out. The walk goes on, once, into each for which into(each) is True.
    """
    made = made_by_forward(type(thing))
    for name, each in members(thing).items():
        if name[1:] not in made:
            yield path + name, thing, each
            if id(each) not in seen and into(each):
                seen.add(id(each))
                yield from walk(each, path + name, seen, into)


def is_part(thing):
    """May it hold layers of this one? A layer has its own, and so has a network, often frozen."""
    return not (is_float_array(thing) or is_layer(thing) or hasattr(thing, "lastLayer"))


def is_new(layer, first, path, holders, thing):
    """Is it found for the first time? ValueError if it has two places: they would share caches.

    In one of them it may be only referred to: there one of the two holders is inside the other.
    And within one holder it may stand in a list and in an attribute.
    """
    here = path, holders, id(thing)
    before, others, other = there = first.setdefault(id(layer), here)
    if there is here:
        return True
    if holders[-1] == others[-1]:
        is_second = id(thing) == other
    else:
        is_second = holders[-1] not in others and others[-1] not in holders
    if is_second:
        came = f"that of {before} again; make a second one"
        raise wrong(ValueError, "a layer of its own", came, at=path)
    return False


# What a layer learns


def learnt(layer, place):
    """The names of a layer's own parameters."""
    kept, made = kept_by(layer), made_by_forward(type(layer))
    if isinstance(kept.get("params"), SEVERAL) and kept["params"] and "grads" in kept:
        came = "them in params and grads; write self.W and self.dW, for instance"
        raise wrong(TypeError, "parameters by their names", came, at=place)
    for name, value in shared_by_class(type(layer)).items():
        if name not in kept and (hasattr(layer, f"d{name}") or not is_float_array(value)):
            came = f"it in the class, which all its objects share; write self.{name} in __init__"
            raise wrong(TypeError, f"{name} in the layer itself", came, at=place)
    pairs = (name for name in kept if f"d{name}" in kept and name not in made)
    return [name for name in pairs if is_pair(kept[name], kept[f"d{name}"])]


def is_pair(value, gradient):
    """A number or a list can't be learnt, but is meant so. (h and dh may be two counts.)"""
    if isinstance(value, SEVERAL):
        return any(isinstance(each, (np.ndarray, float)) for each in members(value).values())
    is_number = isinstance(value, (np.floating, float, int))
    is_count = isinstance(gradient, int) and gradient
    return isinstance(value, np.ndarray) or is_number and not is_count


def is_float_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


@functools.lru_cache(maxsize=1000)
def shared_by_class(cls):
    """{name: value} of arrays, of layers, and of lists of layers in the body of a class."""
    inside = {name: getattr(cls, name, None) for name in dir(cls)}
    return {
        name: value
        for name, value in inside.items()
        if is_float_array(value) or any(map(is_layer, (value, *members(value).values())))
    }


@functools.lru_cache(maxsize=1000)
def made_by_forward(cls):
    """The names of what forward of this class writes before it reads it."""
    first = {}
    for step in steps(cls, "forward", set()):
        first.setdefault(step.argval, step.opname)
    return [name for name, opname in first.items() if opname == "STORE_ATTR"]


def steps(cls, method, seen, after=0):
    """What a method does with what self keeps, in order, and what the methods do that it calls."""
    seen.add(method)
    for place, each in enumerate(cls.__mro__[after:], after + 1):
        code, before = getattr(inspect.unwrap(vars(each).get(method, len)), "__code__", None), ""
        for step in dis.get_instructions(code) if code else ():
            if step.argval == method and step.opname.startswith("LOAD_"):  # super().forward(x)
                yield from steps(cls, method, seen, place)
            is_at_self = before in code.co_varnames[:1] or before[-1:] == code.co_varnames[:1]
            if is_at_self and ("_ATTR" in step.opname or step.opname == "LOAD_METHOD"):
                if inspect.isfunction(getattr(cls, step.argval, None)) and step.argval not in seen:
                    yield from steps(cls, step.argval, seen)
                yield step
            # From Python 3.13 on two variables may be loaded at once: then it is a pair of names.
            before = step.argval if isinstance(step.argval, (str, tuple)) else ""


@contextlib.contextmanager
def left_in_place(layers):
    """In a with statement: forward and backward must leave what is learnt there, and only that."""
    found = find(layers) if layers else ()
    for _, layer, _ in found:  # a view takes the place of each cache: does forward write it again?
        for name in made_by_forward(type(layer)):
            if isinstance(kept_by(layer).get(name), np.ndarray):
                setattr(layer, name, getattr(layer, name).view())
    before = [(place, layer, names, dict(kept_by(layer))) for place, layer, names in found]
    yield
    for place, layer, names, kept in before:
        now = kept_by(layer)
        for name in learnt(layer, place):
            if name not in names or now[name] is not kept[name]:
                raise made_later(place, name)
        for name in made_by_forward(type(layer)):
            is_left = isinstance(now.get(name), np.ndarray) and now[name] is kept.get(name)
            if is_left and now.get(f"d{name}") is not kept.get(f"d{name}"):  # built by another call
                raise made_later(place, name)


def made_later(place, name):
    """The error for an array that isn't the same one from the start, or gets its gradient late."""
    expected = f"{name} built in __init__, with self.d{name} = None beside it, and left in place"
    hint = f"if {name} isn't learnt, call its gradient grad_{name}"
    return wrong(TypeError, expected, "one made later", hint, at=place)
