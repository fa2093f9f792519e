"""What a network learns: the arrays that its layers keep a gradient of.

A layer learns the array a if it keeps da beside it: self.W and self.dW, for instance. A layer may
hold layers, in its attributes, in lists and in mappings, one inside another: they learn too. The
key of a parameter is its name and a number, which counts the layers that learn: W1, b1, W2, b2, ...

What looks as if it were learnt, and can't be, is refused here by its name.
"""

import functools
import types
from typing import NamedTuple

import numpy as np

from common.mistakes import FLOATS, as_numbers, did_you_mean, is_finite, kind, short, wrong

__all__ = ["Parameter", "Params", "all_layers", "find_parameters"]

DATA = ("x", "out", "y", "t")  # a layer may keep dx or dout too: these aren't learnt
GRADIENTS = (np.ndarray, np.floating, float)
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


# The search


def all_layers(layers):
    """(name in the chain, layer) for each layer of the chain, followed by those that it holds."""
    return [(place, layer) for place, layer, _ in find(layers)]


def find(layers):
    """[(name in the chain, layer, names of its parameters), ...]"""
    found, seen = [], set()
    for place, layer in layers.items():
        look_into(layer, place, found, seen)
    return found


def look_into(thing, place, found, seen):
    """Append to found the thing, if it is a layer, and then the layers that it holds."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, (list, tuple, set)):
        held = thing
    elif isinstance(thing, dict):
        held = thing.values()
    else:
        kept = kept_by(thing)
        held = kept.values()
        if hasattr(thing, "forward") and hasattr(thing, "backward"):
            found.append((place, thing, learnt(thing, kept, place)))
    for each in held:
        if type(each) not in SIMPLE:
            look_into(each, place, found, seen)


def kept_by(thing):
    """{name: value} of an object's own attributes."""
    kept = getattr(thing, "__dict__", None)
    if type(kept) is dict:  # that of a class isn't one
        return kept
    slots = getattr(type(thing), "__slots__", ())
    return {name: getattr(thing, name) for name in slots if hasattr(thing, name)}


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
        if type(kept[name]) in (list, tuple, dict) and holds_arrays(kept[name]):
            came = f"a {kind(kept[name])}; give each array a name: self.{name}0, self.d{name}0"
            raise wrong(TypeError, f"parameter {name} as one array", came, at=place)
    if "grads" in kept and "params" in kept:
        came = "them in the lists params and grads; write self.W and self.dW, for instance"
        raise wrong(TypeError, "parameters by their names", came, at=place)
    for name in arrays_of_class(type(layer)):
        if name not in kept and (f"d{name}" in kept or hasattr(layer, f"d{name}")):
            came = f"it in the class, which all its objects share; write self.{name} in __init__"
            raise wrong(TypeError, f"parameter {name} in the layer itself", came, at=place)
    return names


def find_parameters(layers):
    """{"W1": Parameter, ...} in the order of the chain."""
    check_chain(layers)
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


class Params(dict):
    """The parameters of a network, {"W1": array, ...}: the layers' own arrays.

    params["W1"] -= step changes the layer's array in place. params["W1"] = new gives the layer a
    copy of new in its place, if key, shape and numbers are right; the old array keeps its numbers.
    So both train the layer, and two networks never share an array. To add or remove a key, add or
    remove a layer.

    A network has one Params. It is brought up to date whenever you write network.params.

    copy() gives a dict of copies. pickle, copy.deepcopy and np.save keep a plain dict of arrays.
    KeyError for another key, ValueError for a wrong shape, nan or inf, TypeError for what isn't
    numbers, RuntimeError if the layer has got another array meanwhile.
    """

    __slots__ = ("_layers", "_found", "_parameters")

    def __init__(self):
        self._layers, self._found, self._parameters = {}, [], {}

    def up_to_date(self, layers):
        """The same Params, after another look at the layers and the arrays in them."""
        check_chain(layers)
        found = find(layers)
        if found != self._found:
            check_not_late(found, self._found)
            self._found, self._parameters = found, with_keys(found)
            dict.clear(self)
        self._layers = layers
        for key, (_, layer, name) in self._parameters.items():
            dict.__setitem__(self, key, getattr(layer, name))
        return self

    def gradients(self):
        """{"W1": dL/dW1, ...}, as backward left them in the layers."""
        check_parameters(self._parameters)
        gradients = {}
        for key, (place, layer, name) in self._parameters.items():
            gradients[key] = gradient = getattr(layer, "d" + name)
            shape = self[key].shape
            if getattr(gradient, "shape", None) != shape or gradient.dtype.kind != "f":
                check_gradient_shape(place, name, gradient, shape)
        return gradients

    def __setitem__(self, key, values):
        if values is not self[key]:
            self.update({key: values})
        else:  # params[key] -= step has changed it already
            place, layer, name = self._parameters[key]
            if place not in self._layers or getattr(layer, name, None) is not values:
                came = "an older one; read network.params again"
                expected = "the array that its layer has now"
                raise wrong(RuntimeError, expected, came, at=f"params[{key!r}]")

    def update(self, values=(), /, **more):
        """Set several, or none of them if one is refused."""
        self.up_to_date(self._layers)
        values = dict(values, **more)
        new = {key: as_values(key, value, self[key]) for key, value in values.items()}
        for key, array in new.items():
            _, layer, name = self._parameters[key]
            setattr(layer, name, array)
            dict.__setitem__(self, key, array)

    def copy(self):
        """{key: copy of the array}: the values as they are now."""
        return {key: array.copy() for key, array in self.items()}

    __copy__ = copy

    def __reduce__(self):  # for pickle and copy.deepcopy
        return dict, (dict(self),)

    def __missing__(self, key):
        hint = did_you_mean(str(key), [*self]) or (
            "adding a layer adds its parameters, and the number counts the layers that learn"
        )
        raise wrong(KeyError, f"one of {short([*self])}", short(key), hint)

    def __ior__(self, values):
        self.update(values)
        return self

    def setdefault(self, key, default=None):
        return self[key]

    def _refuse(self, *args):
        hint = "to remove a parameter, remove its layer from network.layers"
        raise wrong(TypeError, "params to keep its keys", "a removal", hint)

    __delitem__ = pop = popitem = clear = _refuse

    def __repr__(self):
        return f"Params({', '.join(f'{key} {array.shape}' for key, array in self.items())})"


# What is refused


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


@functools.lru_cache(maxsize=1000)
def arrays_of_class(cls):
    """The names of arrays of floats in the body of a class, or of one that it comes from."""
    bodies = [vars(each).items() for each in cls.__mro__]
    return [name for body in bodies for name, value in body if is_float_array(value)]


def is_float_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def holds_arrays(several):
    return any(map(is_float_array, several.values() if type(several) is dict else several))


def check_not_late(found, before):
    """Has a gradient appeared only in backward? It would give others another key."""
    known = {id(layer): names for _, layer, names in before}
    for place, layer, names in found:
        for name in names:
            if name not in known.get(id(layer), names):
                check_seen_before(place, name)


def check_seen_before(place, name):
    came = f"it only afterwards; write self.d{name} = None in __init__"
    hint = f"or, if {name} isn't learnt, call it grad_{name}"
    raise wrong(TypeError, f"d{name} before backward too", f"{came}, {hint}", at=place)


def check_no_parameters(place, layer):
    """The parameters of lastLayer are never trained."""
    for _, each, names in find({place: layer}):
        for name in names:
            came = f"{name}, which would never be trained; put it into network.layers"
            raise wrong(TypeError, f"no parameters in {kind(each)}", came, at=place)


def check_parameters(parameters):
    """Parameters that can't be changed in place, of two dtypes, or two in one array?"""
    dtype, by_base = None, {}
    for place, layer, name in parameters.values():
        array, expected = getattr(layer, name), f"parameter {name} in "
        if not isinstance(array, np.ndarray) or array.dtype not in FLOATS:
            came = f"dtype {array.dtype}" if isinstance(array, np.ndarray) else kind(array)
            hint = f"if it isn't learnt, give d{name} another name"
            raise wrong(TypeError, f"{expected}a NumPy array of floats", came, hint, at=place)
        dtype = dtype or array.dtype
        if array.dtype is not dtype and array.dtype != dtype:
            expected += f"{dtype} like those before it"
            raise wrong(TypeError, expected, array.dtype, at=place)
        if not array.flags.writeable:
            expected += "an array that can be written"
            raise wrong(ValueError, expected, "a read-only one", at=place)
        arrays = by_base.setdefault(id(array if array.base is None else array.base), [])
        if arrays and any(np.shares_memory(array, other) for other in arrays):
            expected += "an array of its own"
            raise wrong(ValueError, expected, "one in use; pass a copy", at=place)
        arrays.append(array)


def check_gradient_shape(place, name, gradient, shape):
    array = np.asarray(gradient)
    if array.shape == shape and array.dtype.kind in "biuf":
        return
    came = f"dtype {array.dtype}" if array.shape == shape else array.shape
    came = f"{came}, the transpose" if came == shape[::-1] else came
    came, hint = ("nothing" if gradient is None else came), ""
    if gradient is None and name == "x":
        hint = "a layer without dx can only stand first in a network, where check_gradient sees it"
    expected = f"backward to compute d{name} of shape {shape}"
    raise wrong(ValueError, expected, came, hint, at=place)


def as_values(key, values, array):
    """A copy of values, to take the place of params[key] (a copy, so that W1 and W2 can swap)."""
    at = f"params[{key!r}]"
    values = as_numbers(values, f"{at} as an array of real numbers")
    with np.errstate(over="ignore"):  # what is beyond float32 becomes inf, and is refused
        new = np.array(values, array.dtype)
    if new.shape != array.shape:
        hint = "pass its .T" if new.T.shape == array.shape else ""
        raise wrong(ValueError, f"shape {array.shape}", new.shape, hint, at)
    if not is_finite(new):
        hint = "in training, try a smaller learning rate"
        raise wrong(ValueError, "finite numbers", "nan or inf", hint, at)
    return new


def check_keys(values, params):
    if not hasattr(values, "keys") or set(values) != set(params):
        expected = f"params as a dict with the keys {short([*params])}"
        came = short([*values]) if hasattr(values, "keys") else kind(values)
        raise wrong(ValueError, expected, came, "to set some, call params.update")
