"""What a network learns: the layers of a chain, those inside them, and their parameters.

A layer learns the array a if it keeps da beside it, and if forward leaves a in place: self.W and
self.dW, for instance. What forward makes at each call is a cache, such as self.Z beside self.dZ.
Layers may hold layers, in attributes, in lists and in dicts. The key of a parameter is its name and
a number, which counts the layers that learn: W1, b1, W2, b2, ...

What looks as if it were learnt, and can't be, is refused here by its name.
"""

import dis
import functools
import inspect
import re
import warnings
from typing import NamedTuple

import numpy as np

from common.guards.arguments import kind, wrong
from common.guards.untouched import (
    SEVERAL,
    in_class,
    is_foreign,
    is_layer,
    is_ours,
    kept_by,
    members,
)

NUMBERS = (np.ndarray, np.floating, float, int)


class Found(NamedTuple):
    """A layer, or one inside it: its place in the chain; itself; the names of its parameters."""

    place: str
    layer: object
    names: list


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
    return with_keys(find(layers))


def with_keys(found):
    parameters, number = {}, 0
    for place, layer, names in found:
        number += bool(names)
        for name in names:
            if (key := f"{name}{number}") in parameters:
                first = parameters[key]
                came = f"{key} for {first.name} of {first.place} and for {name} of {place}"
                raise wrong(ValueError, "a key for each parameter", came, "rename one")
            parameters[key] = Parameter(place, layer, name)
    return parameters


def set_train_flg(layers, value):
    """Set the train_flg of all layers that have one: they work differently in training."""
    for _, layer, _ in find(layers) if layers else ():
        if hasattr(layer, "train_flg"):
            layer.train_flg = value


# The search


def find(layers):
    """[Found, ...]: each layer of the chain, followed by those that it holds."""
    check_chain(layers)
    found, first = [], {}

    def add(place, layer, path, holders):
        found.append(Found(place, layer, learnt(layer, place)))
        for here, thing, each in () if is_ours(layer) else walk(layer, path, {id(layer)}, is_part):
            if is_layer(each) and is_new(each, first, here, holders, thing):
                add(place, each, here, [*holders, id(each)])

    chain = id(layers)
    for place, layer in layers.items():
        is_new(layer, first, f"{place}", [chain], layers)
    for place, layer in layers.items():
        add(place, layer, f"{place}", [chain, id(layer)])
    return found


def walk(thing, path, seen, into):
    """(path, what it stands in, itself) for all that thing holds, and that forward leaves in place.

    path is such as "L2.parts[0]". The walk goes on into each for which into(each) is True, once:
    seen are the ids of those where it was.
    """
    made = passing(thing)
    for name, each in members(thing).items():
        if name[1:] not in made and not is_foreign(type(each)):
            yield path + name, thing, each
            if id(each) not in seen and into(each):
                seen.add(id(each))
                yield from walk(each, path + name, seen, into)


def is_part(thing):
    """May it hold layers of this one? A layer has its own, and so has a network, often frozen."""
    return not (is_float_array(thing) or is_layer(thing) or hasattr(thing, "lastLayer"))


def is_new(layer, first, path, holders, thing):
    """Is it found for the first time? Write down where, with the layers around it, in first.

    ValueError if it has two places: backward would use what forward kept for the other one. In one
    of them it may be only referred to: there one of the two holders is inside the other. And within
    one holder it may stand in a list and in an attribute.
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


def check_chain(layers):
    """No layer at all, or two of nearly one name?"""
    if not hasattr(layers, "items"):
        raise wrong(TypeError, "layers as an OrderedDict of name: layer", kind(layers))
    if not layers:
        raise wrong(ValueError, "at least one layer in network.layers", "none")
    names = {}
    for name in layers:
        if (like := names.setdefault(str(name).lower(), name)) is not name:
            raise wrong(ValueError, f"another name than {like!r}", f"{name!r} beside it")


def learnt(layer, place):
    """The names of a layer's own parameters. TypeError for what looks like one, and can't be."""
    kept, names, made = kept_by(layer), [], passing(layer)
    for name, value in kept.items():
        if f"d{name}" not in kept or (name in made and not is_in(kept.get("params"), value)):
            continue
        if isinstance(value, NUMBERS) and is_gradient(kept[f"d{name}"]):
            names.append(name)
        elif isinstance(value, SEVERAL) and any(map(is_float, members(value).values())):
            came = f"a {kind(value)}; write self.{name} = np.array(...), several as self.{name}0, "
            came += f"self.{name}1; or, if {name} isn't learnt, call its gradient grad_{name}"
            raise wrong(TypeError, f"parameter {name} as one array", came, at=place)
    slots = [name for each in type(layer).__mro__ for name in getattr(each, "__slots__", ())]
    if "train_flg" in slots or any(f"d{name}" in slots for name in slots):
        raise wrong(TypeError, "attributes in self.__dict__", "__slots__; leave them out", at=place)
    is_list = isinstance(kept.get("params"), SEVERAL) and len(kept["params"])
    if "grads" in kept and is_list and not names:
        came = "them in params and grads; write self.W and self.dW, for instance"
        raise wrong(TypeError, "parameters by their names", came, at=place)
    for name, value in in_class(type(layer)).items():
        is_learnt = is_float_array(value) and hasattr(layer, f"d{name}")
        if name not in kept and (is_layer(value) or is_learnt):
            came = f"it in the class, which all its objects share; write self.{name} in __init__"
            raise wrong(TypeError, f"{name} in the layer itself", came, at=place)
    return names


def is_in(held, array):
    """Does a layer hold this very array in its own list or dict, too, as in self.params["W"]?"""
    items = held.values() if type(held) is dict else held if type(held) is list else ()
    return any(each is array for each in items)


def is_gradient(value):
    """Is it one before backward, None or 0, or numbers afterwards?"""
    return value is None or isinstance(value, NUMBERS) and not (type(value) is int and value)


def is_float_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def is_float(value):
    """Is it a number, an array or a list of floats?"""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, float) or is_float_array(first)


def warn_if_misnamed(place, layer):
    """Does a layer that learns nothing keep a gradient by another name, as dW of weights?"""
    in_backward = steps(type(layer), "backward", set())
    written = {step.argval for step in in_backward if step.opname == "STORE_ATTR"}
    kept = {name: value for name, value in kept_by(layer).items() if is_float_array(value)}
    others = [name for name in kept if name not in {*passing(layer), *written}]
    for name in [name for name in kept if name in written]:
        of = re.fullmatch("_?d_?(.+)|_?grad_?(.+)|(.+?)_?grad", name)
        of = of and "".join(filter(None, of.groups()))
        for other in others if of and name[1:] not in kept else ():
            like, of = other.lstrip("_").lower(), of.lower()
            is_like = like == of or (len(of) > 1 or of in "wb") and like.startswith(of)
            if is_like and kept[other].shape == kept[name].shape and name != f"grad_{other}":
                words = f"{place}: {other} isn't learnt. Is {name} its gradient? "
                warnings.warn(f"{words}Then call it d{other}, in __init__ too", stacklevel=5)


# What forward makes at each call


def passing(thing):
    """The names of attributes that forward makes at each call, as far as is known.

    They are those that forward writes before it reads them. Where a trial has shown it (trial.py),
    that counts: it stands in thing._learnt, as {name: does forward leave it in place?}.
    """
    stays = written_first(type(thing)) | kept_by(thing).get("_learnt", {})
    return [name for name, is_left in stays.items() if not is_left]


@functools.lru_cache(maxsize=1000)
def written_first(cls):
    """{name: False} for the attributes that forward of this class writes before it reads them."""
    first = {}
    for step in steps(cls, "forward", set()):
        first.setdefault(step.argval, step.opname)
    return {name: False for name, opname in first.items() if opname == "STORE_ATTR"}


def steps(cls, method, seen):
    """What a method does with what self keeps, in order, and what the methods do that it calls."""
    seen.add(method)
    for each in cls.__mro__:
        code, before = getattr(inspect.unwrap(vars(each).get(method, len)), "__code__", None), ""
        for step in dis.get_instructions(code) if code else ():
            is_at_self = before in code.co_varnames[:1] or before[-1:] == code.co_varnames[:1]
            if is_at_self and ("_ATTR" in step.opname or step.opname == "LOAD_METHOD"):
                if inspect.isfunction(getattr(cls, step.argval, None)) and step.argval not in seen:
                    yield from steps(cls, step.argval, seen)
                yield step
            # From Python 3.13 on two variables may be loaded at once: then it is a pair of names.
            before = step.argval if isinstance(step.argval, (str, tuple)) else ""
