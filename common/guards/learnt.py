"""What a network learns: the layers of a chain, those inside them, and their parameters.

A layer learns the array a if it keeps da beside it, and if forward leaves a in place: self.W and
self.dW, for instance. What forward makes anew is kept for backward, and isn't learnt, such as
self.Z beside self.dZ. A layer may hold layers, in its attributes, in lists and in dicts, one inside
another: they learn too. The key of a parameter is its name and a number, which counts the layers
that learn: W1, b1, W2, b2, ...

What looks as if it were learnt, and can't be, is refused here by its name.
"""

import contextlib
import dis
import functools
import inspect
from typing import NamedTuple

import numpy as np

from common.guards.mistakes import kind, wrong
from common.guards.untouched import (
    SEVERAL, in_class, is_foreign, kept_by, members, same, untouched,
)  # fmt: skip

__all__ = ["Found", "Parameter", "check_chain", "decide", "find", "find_parameters", "outline"]

NUMBERS = (np.ndarray, np.floating, float, int)
QUICK = (np.ndarray, float, np.float64, np.float32, int, bool, str, type(None))


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


def find(layers, known=()):
    """[Found, ...]: each layer of the chain, followed by those that it holds.

    known are layers to which these may refer. An error for one object in two places: backward would
    use what forward kept for the other place.
    """
    check_chain(layers)
    found, first = [], {id(layer): None for layer in [*layers.values(), *known]}
    for place, layer in layers.items():
        found.append(Found(place, layer, learnt(layer, place)))
        look_into(layer, place, place, [id(layer)], [id(layer)], found, first)
    return found


def look_into(thing, place, path, around, holders, found, first):
    """Append to found the layers that thing holds, one inside another.

    path says where thing is, such as "L2.parts[0]". around and holders are the objects and the
    layers around, as ids. first[id] is where a layer was found first: path, holders, and the object
    in which it stands. It is None for layers of the chain itself, to which every layer may refer.
    """
    for name, each in members(thing).items():
        if is_plain(each) or id(each) in around:
            continue
        if name[1:] in passing(thing) or not is_layer(each) and hasattr(each, "lastLayer"):
            continue  # made by forward, or another network, perhaps a frozen one
        here, inside = (path + name, holders, id(thing)), holders
        if is_layer(each):
            if id(each) in first:
                check_one_place(first[id(each)], here)
                continue
            first[id(each)], inside = here, [*holders, id(each)]
            found.append(Found(place, each, learnt(each, place)))
        look_into(each, place, path + name, [*around, id(each)], inside, found, first)


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


def is_plain(thing):
    """Is there nothing to look for in it? (An array may hold objects.)"""
    quick = type(thing) in QUICK and not getattr(thing, "dtype", np.dtype(float)).hasobject
    return quick or is_foreign(thing)


def is_layer(thing):
    return hasattr(thing, "forward") and hasattr(thing, "backward")


def learnt(layer, place):
    """The names of a layer's own parameters.

    TypeError if it keeps what looks as if it were learnt, and can't be.
    """
    kept, names = kept_by(layer), []
    made = passing(layer)
    for name, value in kept.items():
        if f"d{name}" not in kept or name in made:
            continue
        gradient = kept[f"d{name}"]
        if isinstance(value, NUMBERS) and is_gradient(gradient):
            names.append(name)
        elif isinstance(value, SEVERAL) and holds_arrays(value) and not isinstance(gradient, int):
            came = f"a {kind(value)}; give each array a name: self.{name}0, self.d{name}0"
            raise wrong(TypeError, f"parameter {name} as one array", came, at=place)
    if "grads" in kept and isinstance(kept.get("params"), SEVERAL) and len(kept["params"]):
        came = "them in the lists params and grads; write self.W and self.dW, for instance"
        raise wrong(TypeError, "parameters by their names", came, at=place)
    for name, value in in_class(type(layer)):
        is_array = is_float_array(value) or isinstance(value, SEVERAL) and holds_arrays(value)
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
    return any(map(is_float_array, several.values() if isinstance(several, dict) else several))


def check_chain(layers):
    """No layer at all, or one in two places?"""
    if not hasattr(layers, "items"):
        raise wrong(TypeError, "layers as an OrderedDict of name: layer", kind(layers))
    if not layers:
        hint = "set network.layers first, or keep params = network.params before you empty it"
        raise wrong(ValueError, "at least one layer in network.layers", "none", hint)
    names = {}
    for name, layer in layers.items():
        if (first := names.setdefault(id(layer), name)) is not name:
            came = f"that of {first} again; make a second one"
            raise wrong(ValueError, "a layer of its own", came, at=name)
        like = [other for other in layers if str(other).lower() == str(name).lower()]
        if like[1:]:
            hint = f"did you mean {like[0]!r}?"
            raise wrong(ValueError, f"another name than {like[0]!r}", f"{like[1]!r} beside it", hint)


def outline(layers):
    """All that the search depends on, in a list: is it the same, there is nothing new to find."""
    seen = []
    for place, layer in layers.items():
        seen += place, layer
        if type(layer).__module__ != "common.layers":
            add_outline(layer, seen, {id(layer)})
    return seen


def add_outline(thing, seen, ids):
    kept = kept_by(thing)
    seen += [type(each) for name, each in kept.items() if f"d{name}" in kept]
    held = [*kept.items()] if type(thing) not in SEVERAL else [*members(thing).items()]
    for name, each in held:
        seen.append(name)
        if not is_plain(each) and id(each) not in ids:
            ids.add(id(each))
            seen.append(each)
            if not hasattr(each, "lastLayer"):
                add_outline(each, seen, ids)


# What forward makes anew


def passing(thing):
    """The names of attributes that forward makes anew, as far as is known.

    decide has written it down in thing._learnt. If it hasn't looked yet, they are those that
    forward writes before it reads them.
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


def decide(layers, x):
    """Call forward with x, to see what it leaves in place. Afterwards all is as before.

    For each array with a gradient beside it: another array, a little moved, takes the place of the
    old one. If forward leaves it there, it is learnt. If not, and the output is the same, it
    is made anew from x. Else it is made from the old one, which is refused.
    """
    found, things = find(layers), layers.values()
    if not any(name.startswith("d") for _, layer, _ in found for name in kept_by(layer)):
        return
    try:
        with untouched(*things), np.errstate(all="ignore"):
            forward(layers, x)  # it may build what it keeps
            doubtful = [
                (place, layer, name, now)
                for place, layer, _ in found
                for name, now in arrays_of(layer)
                if type(layer).__module__ != "common.layers" and f"d{name}" in kept_by(layer)
                and name not in kept_by(layer).get("_learnt", {})
            ]
            once = [(layer, name, inside) for _, layer, _ in found for name, inside in layers_in(layer)]
            out = forward(layers, x)
            twice = [inside for _, layer, _ in found for _, inside in layers_in(layer)]
        verdicts = [trial(layers, x, out, *each) for each in doubtful]
    except Exception as error:
        if hasattr(error, "place"):
            raise
        return  # the call that follows will fail too, and say why
    verdicts += [(*each[:2], False) for each, inside in zip(once, twice) if not same(each[2], inside)]
    for layer, name, is_learnt in verdicts:
        vars(layer)["_learnt"] = kept_by(layer).get("_learnt", {}) | {name: is_learnt}


def forward(layers, x):
    x = x.copy()
    for layer in layers.values():
        x = layer.forward(x)
    return x


def trial(layers, x, out, place, layer, name, now):
    """(layer, name, is it learnt?), or an error."""
    was = kept_by(layer).get(name)
    moved = now + 0.01 * (1 + np.abs(now))
    numbers = moved.copy()
    with untouched(*layers.values()), np.errstate(all="ignore"):
        forward(layers, x)
        setattr(layer, name, moved)
        other = forward(layers, x)
        same_output = np.array_equal(other, out)
        stays = getattr(layer, name) is moved
        stays = stays and not (same_output and not np.array_equal(moved, numbers))  # written into
    if stays and not is_float_array(was):
        error = wrong(TypeError, f"{name} from the start", "it only in forward; build it in __init__",
                      at=place)  # fmt: skip
    elif not stays and is_float_array(was) and not same_output:
        came = f"another one made from it; if {name} isn't learnt, call its gradient grad_{name}"
        error = wrong(TypeError, f"forward to leave {name} in place", came, at=place)
    else:
        return layer, name, stays
    error.place = place
    raise error


def arrays_of(layer):
    """(name, array) of the arrays of floats that a layer keeps."""
    return [(name, each) for name, each in kept_by(layer).items() if is_float_array(each)]


def layers_in(layer):
    """(name of an attribute, the layers in it) for each attribute."""
    held = []
    for name, value in kept_by(layer).items():
        inside = []
        with contextlib.suppress(ValueError, TypeError):  # what they hold may be refused
            look_into({name: value}, "", "", [id(layer)], [id(layer)], inside, {})
        held.append((name, [each.layer for each in inside]))
    return held
