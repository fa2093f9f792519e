"""What a network learns: the arrays that its layers keep a gradient of.

A layer learns the array a if it keeps da beside it: self.W and self.dW, for instance. The key of a
parameter is its name and a number, which counts the layers that learn: W1, b1, W2, b2, ...
"""

from typing import NamedTuple

import numpy as np

from common import mistakes
from common.mistakes import short, wrong

__all__ = ["Params", "describe", "find_parameters", "learnt"]

DATA = ("x", "out", "y", "t")  # a layer may keep dx or dout too: these aren't learnt
GRADIENTS = (np.ndarray, np.floating, float)


class Parameter(NamedTuple):
    """Where a parameter is found: getattr(layer, name)."""

    layer_name: str
    layer: object
    name: str

    @property
    def array(self):
        return getattr(self.layer, self.name)

    @property
    def gradient(self):
        return getattr(self.layer, "d" + self.name)


def learnt(layer):
    """The names of a layer's parameters, one after the other. Before backward da may be None."""
    kept = mistakes.kept_by(layer)
    for name in kept:
        if "d" + name in kept and name not in DATA:
            gradient = kept["d" + name]  # before backward None or 0, and then numbers
            if gradient is None or isinstance(gradient, GRADIENTS) or gradient == 0:
                yield name


def find_parameters(layers):
    """{"W1": Parameter, ...} in the order of the chain."""
    mistakes.check_chain(layers)
    parameters, number = {}, 0
    for layer_name, layer in layers.items():
        mistakes.check_hides_none(layer_name, layer, learnt)
        names = [*learnt(layer)]
        number += bool(names)
        for name in names:
            parameters[f"{name}{number}"] = Parameter(layer_name, layer, name)
    mistakes.check_parameters(parameters.values())
    return parameters


def describe(network):
    """A network in lines: its layers, and how many parameters each has."""
    sizes = {name: 0 for name in network.layers}
    for found in find_parameters(network.layers).values():
        sizes[found.layer_name] += found.array.size
    lines = [f"{type(network).__name__}: {sum(sizes.values()):,} parameters, {network.dtype}"]
    for name, layer in network.layers.items():
        count = f"{sizes[name]:,}" if sizes[name] else ""
        text = type(layer).__name__ if repr(layer).startswith("<") else repr(layer)
        lines.append(f"  {name:10} {text:22} {count:>10}".rstrip())
    return "\n".join([*lines, f"  lastLayer  {network.lastLayer!r}"])


class Params(dict):
    """The parameters of a network, {"W1": array, ...}: the layers' own arrays.

    params["W1"] -= step changes the layer's array in place. params["W1"] = new copies new into it,
    if key, shape and numbers are right. So both train the layer, and two networks never share an
    array. To add or remove a key, add or remove a layer.

    copy() gives a dict of copies. pickle, copy.deepcopy and np.save keep a plain dict of arrays.
    KeyError for another key, ValueError for a wrong shape, nan or inf, TypeError for what isn't
    numbers, RuntimeError if the layer has another array by now.
    """

    __slots__ = ("_layers", "_parameters")

    def __init__(self, layers):
        self._layers, self._parameters = layers, find_parameters(layers)
        super().__init__({key: found.array for key, found in self._parameters.items()})

    def __setitem__(self, key, values):
        if values is self[key]:  # params[key] -= step has changed it already
            self._check_current(key)
        else:
            self.update({key: values})

    def update(self, values=(), /, **more):
        """Write several, or none of them if one is refused."""
        values = dict(values, **more)
        new = {key: mistakes.as_values(key, value, self[key]) for key, value in values.items()}
        for key in new:
            self._check_current(key)
        for key, value in new.items():
            self[key][...] = value

    def _check_current(self, key):
        """Has the layer been replaced since its parameters were found, or the array?"""
        place, layer, name = self._parameters[key]
        if self._layers.get(place) is not layer or getattr(layer, name, None) is not self[key]:
            came = "an older one; read network.params again"
            expected = "the array that its layer has now"
            raise wrong(RuntimeError, expected, came, at=f"params[{key!r}]")

    def copy(self):
        """{key: copy of the array}: the values as they are now."""
        return {key: array.copy() for key, array in self.items()}

    __copy__ = copy

    def __reduce__(self):  # for pickle and copy.deepcopy
        return dict, (dict(self),)

    def __missing__(self, key):
        hint = "adding a layer adds its parameters, and the number counts the layers that learn"
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
