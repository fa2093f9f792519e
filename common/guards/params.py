"""network.params: the parameters as a dict, and what guards them and their gradients."""

import copy

import numpy as np

from common.guards.arguments import FLOATS, as_numbers, did_you_mean, is_finite, kind, short, wrong
from common.guards.learnt import find, is_gradient, is_in, warn_if_misnamed, with_keys
from common.guards.trial import decide, undecided
from common.guards.untouched import is_ours, kept_by, same

NO_UPDATE = "if that is the update, leave it to the training"


class Params(dict):
    """The parameters of a network, {"W1": array, ...}: the layers' own arrays.

    params["W1"] -= step changes the layer's array in place. params["W1"] = new gives the layer a
    copy of new in its place; the old array keeps its numbers. So both train the layer, and no
    assignment makes two networks share an array. To add or remove a key, add or remove a layer.
    copy() gives a dict of copies; pickle, copy.deepcopy and np.save keep a plain dict of arrays.

    A network has one Params, brought up to date whenever you write network.params, and by gradient.
    With layers of your own the keys are certain from the first gradient on: only then is it known
    what forward leaves in place. KeyError for another key, ValueError for a wrong shape, nan or
    inf, TypeError for what isn't numbers.
    """

    __slots__ = "_layers _seen _only_ours _found _parameters _is_decided _arrays".split()

    def __init__(self):
        self._layers, self._seen = {}, {}  # the layers, and what they were at the last look
        self._only_ours = False  # are all of them from layers.py? Then they hold no others
        self._found, self._parameters = [], {}
        self._is_decided = False  # has forward been looked at? Then names no longer change
        self._arrays = []  # the parameters that have been checked

    def up_to_date(self, layers):
        """The same Params, after another look at the layers and the arrays in them."""
        if not (self._only_ours and same(layers, self._seen)):
            found = find(layers)
            if self._is_decided:
                check_same_names(found, self._found)
            self._only_ours = all(map(is_ours, layers.values()))
            if identity_of(found) != identity_of(self._found):
                self._is_decided, self._arrays = self._only_ours, []
            self._found, self._parameters = found, with_keys(found)
            self._seen = dict(layers)
            dict.clear(self)
        self._layers = layers
        found = self._parameters.items()
        dict.update(self, {key: getattr(layer, name) for key, (_, layer, name) in found})
        return self

    def decided(self, network, x, *t, **options):
        """Call predict, or loss, to see what forward leaves in place, unless that is known.

        Returns copies of the parameters if it had to be looked at.
        """
        if self._is_decided and not undecided(self._found):
            return {}
        owner, forward = network, lambda: network.loss(x.copy(), *t, **options)
        if network.is_plain("predict") and network.is_plain("loss"):
            owner, forward = self._layers, lambda: network.predict(x.copy())
        is_known = decide(owner, self._layers, forward)
        self.up_to_date(self._layers)._is_decided = is_known
        return copy.deepcopy(dict(self))

    def settle(self):
        """After backward the keys stay as they are, even if forward alone couldn't be tried."""
        self._is_decided = True

    def check_backward(self, before):
        """After the first backward: has it made an update, or are its gradients misnamed?"""
        for key, (place, layer, name) in self._parameters.items():
            now, gradient = getattr(layer, name), getattr(layer, f"d{name}")
            if key in before and is_updated(now, before[key], gradient):
                came = f"{name} moved along its gradient; leave the update to the training"
                raise wrong(ValueError, f"backward to leave {name}", came, at=place)
        for place, layer, names in self._found:
            if not names:
                warn_if_misnamed(place, layer)

    def gradients(self):
        """{"W1": dL/dW1, ...}. A copy, where the layer may write into the same array again."""
        if not same([*self.values()], self._arrays):
            check_parameters(self._parameters)
            self._arrays = [*self.values()]
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
            put(array, *self._parameters[key])
            dict.__setitem__(self, key, array)

    def copy(self):
        """{key: copy of the array}: the values as they are now."""
        return {key: array.copy() for key, array in self.items()}

    def __reduce__(self):  # for pickle and copy.deepcopy
        return dict, (dict(self),)

    def __missing__(self, key):
        hint = "adding a layer adds its parameters, and the number counts the layers that learn"
        hint = did_you_mean(str(key), [*self]) or hint
        raise wrong(KeyError, f"one of {short([*self])}", short(key), hint)

    def __ior__(self, values):
        raise wrong(TypeError, "params.update(...)", "params |= ...")

    def _refuse(self, *args):
        hint = "to remove a parameter, remove its layer from network.layers"
        raise wrong(TypeError, "params to keep its keys", "a removal", hint)

    __delitem__ = pop = popitem = clear = _refuse

    def setdefault(self, key, default=None):
        return self[key]

    def __repr__(self):
        return f"Params({', '.join(f'{key} {np.shape(array)}' for key, array in self.items())})"


def identity_of(found):
    return [(id(each.layer), each.names) for each in found]


# What is refused


def check_same_names(found, before):
    """Has a gradient appeared only in backward, or become none? Others would get another key."""
    known = {id(each.layer): each.names for each in before}
    for place, layer, names in found:
        then = known.get(id(layer), names)
        for name in names:
            if name not in then:
                raise only_after_backward(place, name)
        for name in set(then).difference(names):
            gradient = getattr(layer, f"d{name}", None)
            if not is_gradient(gradient):
                raise wrong(TypeError, f"d{name} as an array of floats", kind(gradient), at=place)


def only_after_backward(place, name):
    """The error for a gradient that isn't there from the start."""
    hint = f"write self.d{name} = None in __init__, or, if {name} isn't learnt, call it grad_{name}"
    return wrong(TypeError, f"d{name} before backward too", "it only afterwards", hint, place)


def is_updated(array, before, gradient):
    """Is an array what it was before, moved along its gradient? (One number always is.)"""
    if np.size(array) < 2 or not np.shape(array) == np.shape(before) == np.shape(gradient):
        return False
    moved = array - before
    along = gradient * (np.vdot(gradient, moved) / (np.vdot(gradient, gradient) or 1))
    return moved.any() and np.allclose(moved, along, atol=1e-6 * np.abs(moved).max())


def check_no_parameters(place, layer, layers):
    """The parameters of lastLayer are never trained. (It may refer to the layers of the chain.)"""
    chain = {id(each.layer) for each in find(layers)} if layers else ()
    for _, each, names in find({place: layer}):
        for name in names if id(each) not in chain else ():
            came = f"{name}, which would never be trained; put it into network.layers"
            raise wrong(TypeError, f"no parameters in {kind(each)}", came, at=place)


def check_parameters(parameters):
    """Parameters that are no arrays of floats, of two dtypes, or two in one array?"""
    dtypes, arrays = FLOATS, []
    for place, layer, name in parameters.values():
        array, what = getattr(layer, name), f"parameter {name} in"
        is_array = isinstance(array, np.ndarray)
        if not is_array or array.dtype not in dtypes:
            came = f"dtype {array.dtype}" if is_array else kind(array)
            is_float = is_array and array.dtype in FLOATS  # then only the dtype is another
            hint = "" if is_float else f"if it isn't learnt, give d{name} another name"
            if isinstance(array, float):
                hint = f"write np.array({array}); or, {hint}"
            expected = f"{what} an array of {' or '.join(map(str, dtypes))}"
            raise wrong(TypeError, expected, came, hint, at=place)
        dtypes = [array.dtype]  # in which those that follow must be, too
        if any(np.shares_memory(array, other) for other in arrays):
            came = "one in use; pass a copy"
            raise wrong(ValueError, f"{what} an array of its own", came, at=place)
        arrays.append(array)


def check_gradient_shape(place, name, gradient, shape):
    array, hint = np.asarray(gradient), ""
    if array.shape == shape and array.dtype.kind in "biuf":
        return
    came = f"dtype {array.dtype}" if array.shape == shape else array.shape
    if array.ndim == 1 and (1, *array.shape) == shape:
        hint = "np.sum(..., axis=0, keepdims=True) has it"
    if gradient is None:
        came = "None"
        hint = "no return? Only a first layer needs no dx" if name == "x" else ""
    raise wrong(ValueError, f"backward to compute d{name} of shape {shape}", came, hint, at=place)


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


def put(array, _, layer, name):
    """In the place of the old one, also in the layer's params, from where forward may take it."""
    old, held = getattr(layer, name), kept_by(layer).get("params")
    setattr(layer, name, array)
    if is_in(held, old):
        places = held.items() if isinstance(held, dict) else enumerate(held)
        for key in [key for key, each in places if each is old]:
            held[key] = array


def check_keys(values, params):
    if not hasattr(values, "keys") or set(values) != set(params):
        came = short([*values]) if hasattr(values, "keys") else kind(values)
        expected = f"params as a dict with the keys {short([*params])}"
        raise wrong(ValueError, expected, came, "to set some, call params.update")
