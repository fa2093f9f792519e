"""network.params: the parameters as a dict, and what guards them and their gradients."""

import numpy as np

from common.guards.arguments import FLOATS, as_numbers, did_you_mean, is_finite, kind, short, wrong
from common.guards.learnt import find, find_parameters
from common.guards.untouched import is_ours, same

NO_UPDATE = "if that is the update, leave it to the training"


class Params(dict):
    """The parameters of a network, {"W1": array, ...}: the layers' own arrays.

    params["W1"] -= step changes the layer's array in place. params["W1"] = new gives the layer a
    copy of new, and the old array keeps its numbers; so no two networks share an array. copy(),
    pickle and np.save make plain dicts of copies. To add or remove a key, add or remove a layer.

    A network has one Params, brought up to date whenever you write network.params. KeyError for
    another key, ValueError for a wrong shape, nan or inf, TypeError for what isn't numbers.
    """

    __slots__ = "_layers _seen _only_ours _parameters _checked".split()

    def __init__(self):
        self._layers, self._seen = {}, {}  # the layers, and what they were at the last look
        self._only_ours = False  # are all of them from layers.py? Then they hold no others
        self._parameters, self._checked = {}, []  # the latter are arrays that have been checked

    def up_to_date(self, layers):
        """The same Params, after another look at the layers and the arrays in them."""
        if not (self._only_ours and same(layers, self._seen)):
            self._parameters = find_parameters(layers)
            self._only_ours = all(map(is_ours, layers.values()))
            self._seen = dict(layers)
            dict.clear(self)
        self._layers = layers
        found = self._parameters.items()
        dict.update(self, {key: getattr(layer, name) for key, (_, layer, name) in found})
        return self

    def gradients(self):
        """{"W1": dL/dW1, ...}. A copy, where the layer may write into the same array again."""
        if not same(self.values(), self._checked):
            check_parameters(self._parameters)
            self._checked = [*self.values()]
        gradients = {}
        for key, (place, layer, name) in self._parameters.items():
            gradient, array = getattr(layer, f"d{name}"), self[key]
            if getattr(gradient, "shape", 0) != array.shape or gradient.dtype is not array.dtype:
                check_gradient_shape(place, name, gradient, array.shape)
            gradients[key] = gradient if self._only_ours else np.array(gradient)
        return gradients

    def __setitem__(self, key, values):
        if values is not self[key]:  # params[key] -= step has changed it already
            self.update({key: values})

    def update(self, values=(), /, **more):
        """Set several, or none of them if one is refused."""
        self.up_to_date(self._layers)
        values = dict(values, **more)
        if values and all(value is self[key] for key, value in values.items()):
            came = "the network's own arrays, which training changes; keep network.params.copy()"
            raise wrong(ValueError, "numbers that were kept", came, at="params")
        new = {key: as_values(key, value, self[key]) for key, value in values.items()}
        for key, array in new.items():
            _, layer, name = self._parameters[key]
            setattr(layer, name, array)
            dict.__setitem__(self, key, array)

    def copy(self):
        """{key: copy of the array}: the values as they are now."""
        return {key: array.copy() for key, array in self.items()}

    def __reduce__(self):  # for pickle and copy.deepcopy
        return dict, (dict(self),)

    def __missing__(self, key):
        raise wrong(KeyError, f"one of {short([*self])}", short(key), did_you_mean(f"{key}", self))

    def _refuse(self, *args):
        came = "a removal or |=; keys come and go with the layers in network.layers"
        raise wrong(TypeError, "params[key] = ... or params.update(...)", came)

    __delitem__ = __ior__ = pop = popitem = clear = _refuse

    def __repr__(self):
        return f"Params({', '.join(f'{key} {np.shape(array)}' for key, array in self.items())})"


# What is refused


def check_no_parameters(place, layer, layers):
    """The parameters of lastLayer are never trained. (It may refer to the layers of the chain.)"""
    chain = {id(each) for _, each, _ in find(layers)} if layers else ()
    for _, each, names in find({place: layer}):
        if names and id(each) not in chain:
            came = f"{names[0]}, which would never be trained; put it into network.layers"
            raise wrong(TypeError, f"no parameters in {kind(each)}", came, at=place)


def check_parameters(parameters):
    """They must be arrays of floats, all in one dtype, and no two of them in one array."""
    dtypes, arrays = FLOATS, []
    for place, layer, name in parameters.values():
        array, expected = getattr(layer, name), f"parameter {name} in an array of"
        if not isinstance(array, np.ndarray) or array.dtype not in dtypes:
            expected += f" {' or '.join(map(str, dtypes))}"
            came = f"dtype {array.dtype}" if isinstance(array, np.ndarray) else kind(array)
            hint = f"if it isn't learnt, give d{name} another name"
            raise wrong(TypeError, expected, came, hint, at=place)
        if any(np.shares_memory(array, other) for other in arrays):
            raise wrong(ValueError, f"{expected} its own", "one in use; pass a copy", at=place)
        dtypes = [array.dtype]  # in which those that follow must be, too
        arrays.append(array)


def check_gradient_shape(place, name, gradient, shape):
    array = np.asarray(gradient)
    if array.shape != shape or array.dtype.kind not in "biuf":
        came = f"dtype {array.dtype}" if array.shape == shape else array.shape
        came = "None" if gradient is None else came
        raise wrong(ValueError, f"backward to compute d{name} of shape {shape}", came, at=place)


def as_values(key, values, array):
    """A copy of values, to take the place of params[key] (a copy, so that W1 and W2 can swap)."""
    at = f"params[{key!r}]"
    with np.errstate(over="ignore"):  # what is beyond float32 becomes inf, and is refused
        new = np.array(as_numbers(values, at), array.dtype)
    if new.shape != array.shape:
        raise wrong(ValueError, f"shape {array.shape}", new.shape, at=at)
    if not is_finite(new):
        raise wrong(ValueError, "finite numbers", "nan or inf", at=at)
    return new
