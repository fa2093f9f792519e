"""What a network learns: the layers of a chain, those inside them, and their parameters.

A layer learns the array a if it keeps da beside it, and if forward leaves a in place: self.W and
self.dW, for instance. What forward makes anew is kept for backward, and isn't learnt, such as
self.Z beside self.dZ. A layer may hold layers, in its attributes, in lists and in dicts, one inside
another: they learn too. The key of a parameter is its name and a number, which counts the layers
that learn: W1, b1, W2, b2, ...

What looks as if it were learnt, and can't be, is refused here by its name.
"""

import dis
import functools
import inspect
from typing import NamedTuple

import numpy as np

from common.guards.mistakes import kind, wrong
from common.guards.untouched import (
    SEVERAL,
    in_class,
    is_foreign,
    is_ours,
    kept_by,
    members,
)

NUMBERS = (np.ndarray, np.floating, float, int)
QUICK = (type(None), bool, int, float, str, np.float64, np.float32)


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


# The search


def walk(thing, path, seen, into):
    """(path, what it stands in, itself) for all that thing holds, and that forward leaves in place.

    path is such as "L2.parts[0]". The walk goes on into each for which into(each) is True, once:
    seen are the ids of those where it was.
    """
    made = passing(thing)
    for name, each in members(thing).items():
        if type(each) in QUICK or name[1:] in made or name == "._params" or is_foreign(each):
            continue
        yield path + name, thing, each
        if id(each) not in seen and into(each):
            seen.add(id(each))
            yield from walk(each, path + name, seen, into)


def layers_in(thing, path=""):
    """walk for the layers that thing holds itself, or in lists and other objects.

    It doesn't go on into these layers, nor into another network, perhaps a frozen one.
    """
    for step in walk(thing, path, {id(thing)}, is_no_layer):
        if is_layer(step[2]):
            yield step


def is_layer(thing):
    return hasattr(thing, "forward") and hasattr(thing, "backward")


def is_no_layer(thing):
    is_array = type(thing) is np.ndarray and not thing.dtype.hasobject
    return not is_array and not is_layer(thing) and not hasattr(thing, "lastLayer")


def find(layers, known=()):
    """[Found, ...]: each layer of the chain, followed by those that it holds.

    known are layers to which these may refer. An error for one object in two places: backward would
    use what forward kept for the other place.
    """
    check_chain(layers)
    # Where a layer was found first. None is for the chain itself: every layer may refer to it.
    found, first = [], {id(layer): None for layer in [*layers.values(), *known]}

    def add(place, layer, path, holders):
        found.append(Found(place, layer, learnt(layer, place)))
        for here, thing, each in () if is_ours(layer) else layers_in(layer, path):
            place_here = here, holders, id(thing)
            if id(each) in first:
                check_one_place(first[id(each)], place_here)
            else:
                first[id(each)] = place_here
                add(place, each, here, [*holders, id(each)])

    for place, layer in layers.items():
        add(place, layer, place, [id(layer)])
    return found


def set_train_flg(layers, value):
    """Of all layers that have a train_flg, since they work differently in training."""
    for _, layer, _ in find(layers) if layers else ():
        if hasattr(layer, "train_flg"):
            layer.train_flg = value


def check_one_place(first, here):
    """Is a layer that was found before only referred to here, or the other way round?

    It is if one of its two holders is inside the other. Within one holder it may stand in a list
    and in an attribute, but not in two attributes, or twice in one list.
    """
    if first is None:
        return
    (path, holders, thing), (again, others, other) = first, here
    if holders[-1] == others[-1]:
        refers = thing != other
    else:
        refers = holders[-1] in others or others[-1] in holders
    if not refers:
        came = f"that of {path} again; make a second one"
        raise wrong(ValueError, "a layer of its own", came, at=again)


def learnt(layer, place):
    """The names of a layer's own parameters.

    TypeError if it keeps what looks as if it were learnt, and can't be.
    """
    kept, names, made = kept_by(layer), [], passing(layer)
    for name, value in kept.items():
        if f"d{name}" not in kept or name in made:
            continue
        gradient = kept[f"d{name}"]
        if isinstance(value, NUMBERS) and is_gradient(gradient):
            names.append(name)
        elif holds_arrays(value) and not isinstance(gradient, int):
            came = f"a {kind(value)}; give each array a name: self.{name}0, self.d{name}0"
            raise wrong(TypeError, f"parameter {name} as one array", came, at=place)
    if "grads" in kept and isinstance(kept.get("params"), SEVERAL) and len(kept["params"]):
        came = "them in the lists params and grads; write self.W and self.dW, for instance"
        raise wrong(TypeError, "parameters by their names", came, at=place)
    for name, value in in_class(type(layer)):
        is_array = is_float_array(value) or holds_arrays(value)
        if name not in kept and (hasattr(layer, f"d{name}") if is_array else is_layer(value)):
            what = "parameter" if is_array else "layer"
            came = f"it in the class, which all its objects share; write self.{name} in __init__"
            raise wrong(TypeError, f"{what} {name} in the layer itself", came, at=place)
    return names


def is_gradient(value):
    """Is it one before backward, None or 0, or numbers afterwards?"""
    return value is None or isinstance(value, NUMBERS) and not (type(value) is int and value)


def is_float_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def holds_arrays(several):
    values = several.values() if isinstance(several, dict) else several
    return isinstance(several, SEVERAL) and any(map(is_float_array, values))


def check_chain(layers):
    """No layer at all, one in two places, or two of nearly one name?"""
    if not hasattr(layers, "items"):
        raise wrong(TypeError, "layers as an OrderedDict of name: layer", kind(layers))
    if not layers:
        hint = "set network.layers first, or keep params = network.params before you empty it"
        raise wrong(ValueError, "at least one layer in network.layers", "none", hint)
    places, names = {}, {}
    for name, layer in layers.items():
        if (first := places.setdefault(id(layer), name)) is not name:
            came = f"that of {first} again; make a second one"
            raise wrong(ValueError, "a layer of its own", came, at=name)
        if (like := names.setdefault(str(name).lower(), name)) is not name:
            hint = f"did you mean {like!r}?"
            raise wrong(ValueError, f"another name than {like!r}", f"{name!r} beside it", hint)


# What forward makes anew


def passing(thing):
    """The names of attributes that forward makes anew, as far as is known.

    They are those that forward writes before it reads them. Where a trial has shown it (trial.py),
    that counts: it stands in thing._learnt.
    """
    written = written_first(type(thing)) if is_layer(thing) else ()
    if decided := kept_by(thing).get("_learnt"):
        return {name for name in {*written, *decided} if not decided.get(name)}
    return written


@functools.lru_cache(maxsize=1000)
def written_first(cls):
    """The attributes that forward of this class writes before it reads them."""
    first = {}
    for step in steps(cls, "forward", set()):
        first.setdefault(step.argval, step.opname)
    return {name for name, opname in first.items() if opname == "STORE_ATTR"}


def steps(cls, method, seen):
    """What a method does with attributes, in order, and what the methods do that it calls."""
    seen.add(method)
    for each in cls.__mro__:
        code = getattr(inspect.unwrap(vars(each).get(method, len)), "__code__", None)
        for step in dis.get_instructions(code) if code else ():
            if "_ATTR" in step.opname or step.opname == "LOAD_METHOD":
                if inspect.isfunction(getattr(cls, step.argval, None)) and step.argval not in seen:
                    yield from steps(cls, step.argval, seen)
                yield step
