"""The chain: forward calls the layers in the order in which they stand, backward in reverse."""

import functools
import inspect
import io
import os
from collections.abc import Mapping, MutableMapping
from operator import is_
from pathlib import Path

import numpy as np

from common.files import read_arrays, write_whole
from common.functions import as_floats, as_labels, as_numbers
from common.gradient import names_of_params, numerical_gradient

__all__ = ["Network", "Params"]


class Network:
    """An ordered chain of layers, and a last layer that makes the loss out of the scores.

    layers    : OrderedDict of name -> layer, any object with forward(x) and backward(dout)
    lastLayer : object with forward(x, t) -> loss and backward(dout=1); the chapter's spelling
    params    : window onto the layers' parameters, keys W1, b1, W2, b2, ... (see Params)

    The chain is read anew at every call: a layer that is added to `layers` (at its end), or
    replaced there, takes part from then on. A layer that learns names its parameters in
    `param_names`, and its backward leaves their gradients under "d" + name.

    x is a batch (N, D), one row a sample. t is class numbers (N,), one-hot rows (N, C) or rows
    of probabilities (N, C). The network computes in its own dtype, that of its parameters, and
    converts x to it on entry. What a layer raises begins with that layer's name.
    """

    def __init__(self, layers, lastLayer):
        self.layers = layers
        self.lastLayer = lastLayer
        self._params = Params(self)
        self._params.owners()  # a chain that can't work is refused here, not at its first use

    def predict(self, x):
        """Scores (N, C) for x (N, D)."""
        x = _call("x", as_floats, x, self.dtype)
        for name, layer in self.layers.items():
            x = _result("forward to return an array", name, layer.forward, x)
        return x

    def loss(self, x, t):
        """The mean loss over the batch, a float."""
        scores, forward = self.predict(x), self.lastLayer.forward
        return _result("forward to return the loss", "lastLayer", forward, scores, t)

    def accuracy(self, x, t):
        """The share, 0 to 1, of samples whose highest score is that of the class in t.

        The samples pass 1000 at a time: no layer may mix them, as one that takes means over the
        batch would.
        """
        x = np.atleast_1d(_call("x", as_numbers, x))
        if len(x) == 0:
            raise ValueError("expected at least one sample, got an empty batch")
        try:  # piece by piece, which keeps memory small
            scores = [self.predict(x[start : start + 1000]) for start in range(0, len(x), 1000)]
        except ValueError:
            self.predict(x)  # so that the error speaks of x, and not of a piece of it
            raise
        scores = np.concatenate(scores)  # (N, C)
        if not np.isfinite(scores).all():
            raise FloatingPointError("expected finite scores, got nan or inf among them")
        t = as_labels(t, *scores.shape)
        if t.ndim == 2:
            t = t.argmax(axis=1)
        return float((scores.argmax(axis=1) == t).mean())

    def gradient(self, x, t):
        """dL/dparameter by backpropagation: a dict of arrays, keyed as params."""
        self.loss(x, t)  # forward: each layer keeps what its backward needs
        dout = _result("backward to return dx", "lastLayer", self.lastLayer.backward)
        first = next(iter(self.layers))
        for name, layer in reversed(self.layers.items()):
            if name != first:
                dout = _result("backward to return dx", name, layer.backward, dout)
            elif _can_skip_dx(layer):
                # Nobody asks for the gradient of the pixels: up to a third of the products saved.
                _call(name, layer.backward, dout, need_dx=False)
            else:
                _call(name, layer.backward, dout)
        return {key: _gradient_of(*owner) for key, owner in self._params.owners().items()}

    def numerical_gradient(self, x, t):
        """dL/dparameter by central differences, in float64: slow, and sure. Keyed as params."""
        if self.dtype != np.float64:
            raise TypeError(
                f"expected a float64 network, got {self.dtype}, whose rounding would drown a "
                "step of 1e-4; build it with dtype=np.float64"
            )
        x = as_floats(x, self.dtype)
        return {
            key: numerical_gradient(lambda _: self.loss(x, t), param)
            for key, param in self.params.items()
        }

    def save(self, path):
        """Write the parameters to a .npz file, by their keys; np.load reads it anywhere.

        An old file of that name stays whole until the new one is: a crash never leaves half.
        ValueError, and nothing written, if a parameter holds nan or inf.
        """
        for key, param in self.params.items():
            if not np.isfinite(param).all():
                raise ValueError(f"expected finite parameters, got nan or inf in {key}; not saved")
        content = io.BytesIO()
        np.savez(content, **self.params)
        write_whole(path, content.getvalue())

    def load(self, path):
        """Read the parameters from a file that save wrote: all of them, or none.

        ValueError, with everything that differs, unless the file has exactly the keys and shapes
        of params, in finite float32 or float64; the network is then as before.
        """
        path, expected = Path(os.path.expanduser(path)), dict(self.params)
        try:
            values = read_arrays(path, most=sum(param.size for param in expected.values()))
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: expected a file of weights, got none") from None
        differences = [f"{key} is missing" for key in expected if key not in values]
        differences += [f"{key} is not in the network" for key in values if key not in expected]
        for key in [key for key in expected if key in values]:
            value, shape = values[key], expected[key].shape
            if value.shape != shape:
                differences.append(f"{key} has shape {value.shape}, not {shape}")
            elif value.dtype not in (np.float32, np.float64):
                differences.append(f"{key} has dtype {value.dtype}, not float32 or float64")
            elif not (np.abs(value) <= np.finfo(expected[key].dtype).max).all():
                differences.append(f"{key} holds nan or numbers beyond {expected[key].dtype}")
        if differences:
            raise ValueError(
                f"{path}: expected weights of this network, got others: {'; '.join(differences)}"
            )
        self.params.update(values)

    @property
    def params(self):
        return self._params

    @params.setter
    def params(self, values):
        keys = ", ".join(self._params)
        if not isinstance(values, Mapping):
            raise TypeError(
                f"expected params as a dict with the keys {keys}, got {type(values).__name__}"
            )
        if set(values) != set(self._params):
            raise ValueError(
                f"expected params with the keys {keys}, got "
                f"{', '.join(map(str, values)) or 'none'}; to set some, call params.update"
            )
        self._params.update(values)

    @property
    def dtype(self):
        """The dtype of the parameters; float64 where there are none."""
        for _, layer, name in self._params.owners().values():
            return getattr(layer, name).dtype
        return np.dtype(np.float64)

    def __setattr__(self, name, value):
        """What can't work, or would silently change nothing, is refused when it is assigned."""
        if name == "lastLayer" and _call(name, names_of_params, value):
            raise TypeError(
                "lastLayer: expected a layer without parameters, got one with param_names; "
                "what learns belongs in `layers`"
            )
        if name == "layers" and not hasattr(value, "items"):
            came = type(value).__name__
            raise TypeError(f"expected layers as an OrderedDict of name -> layer, got {came}")
        if name.replace("_", "").lower() == "lastlayer" and name != "lastLayer":
            raise AttributeError(f"expected network.lastLayer = ..., got network.{name} = ...")
        # To look a name up in params checks the chain, which must not stop a bad one's replacement.
        if name != "layers" and name in self.__dict__.get("_params", ()):
            raise AttributeError(
                f"expected network.params[{name!r}] = ..., got network.{name} = ..."
            )
        super().__setattr__(name, value)

    def __getattr__(self, name):
        """Called for what isn't there, as everything in a network that was never built."""
        if "_params" not in self.__dict__:
            raise AttributeError(
                f"{type(self).__name__}: expected super().__init__(layers, lastLayer) before "
                "anything else, got a network without layers"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self):
        counts = dict.fromkeys(self.layers, 0)
        for key, (name, _, _) in self._params.owners().items():
            counts[name] += self._params[key].size
        rows = [(str(name), repr(layer), counts[name]) for name, layer in self.layers.items()]
        rows.append(("lastLayer", repr(self.lastLayer), 0))
        wide, wider = (max(len(row[column]) for row in rows) for column in (0, 1))
        lines = [f"{type(self).__name__}: {sum(counts.values()):,} parameters, {self.dtype}"]
        for name, layer, count in rows:
            number = f"{count:,}" if count else ""
            lines.append(f"  {name:{wide}}  {layer:{wider}}  {number:>10}".rstrip())
        return "\n".join(lines)


class Params(MutableMapping):
    """A window onto the parameters that a network's layers own.

    Keys are the layer's own name for the parameter and its number among the layers that learn:
    W1, b1, W2, b2, ... Reading gives the layer's array itself, so that changing it in place, as
    params["W1"] -= step does, trains the layer; writing copies the values into that array, after
    checking key, shape and numbers. So a layer never computes with other values than the window
    shows, and params["W1"] = other.params["W1"] makes no two networks share an array.

    KeyError for a key that isn't there, ValueError for a wrong shape or for NaN and inf,
    TypeError for what isn't real numbers, or for taking a parameter away.
    """

    __slots__ = ("_network", "_chain", "_owners")  # so that params.W1 = ... is refused

    def __init__(self, network):
        self._network = network
        self._chain = []
        self._owners = {}

    def owners(self):
        """{"W1": (name of the layer, layer, "W"), ...} in the order of the chain."""
        chain = self._whole_chain()
        # _find_owners checks every layer, too slow for a training loop. So it is asked again only
        # when the chain has changed: a name, a layer, its param_names, or an array of it.
        if not chain or len(chain) != len(self._chain) or not all(map(is_, chain, self._chain)):
            self._owners = _find_owners(self._network.layers)
            self._chain = self._whole_chain()  # once more, now with the arrays just found
        return self._owners

    def _whole_chain(self):
        """All that the keys depend on, in one list, whose items are compared by `is`."""
        layers = self._network.layers
        names = [getattr(layer, "param_names", None) for layer in layers.values()]
        arrays = [getattr(layer, name, None) for _, layer, name in self._owners.values()]
        return [*layers, *layers.values(), *names, *arrays]

    def __getitem__(self, key):
        owners = self.owners()
        if key not in owners:
            raise KeyError(f"expected one of {', '.join(owners) or 'no key at all'}, got {key!r}")
        _, layer, name = owners[key]
        return getattr(layer, name)

    def __setitem__(self, key, values):
        if values is not self[key]:  # else params[key] -= step has already written into it
            self[key][...] = self._fitting(key, values)

    def update(self, values=(), /, **more):
        """Write several, or none of them if one doesn't fit."""
        fitting = {key: self._fitting(key, new).copy() for key, new in dict(values, **more).items()}
        for key, new in fitting.items():
            self[key][...] = new

    def copy(self):
        """The values as they are now, in a dict of their own: to keep the best, for instance."""
        return {key: param.copy() for key, param in self.items()}

    def _fitting(self, key, values):
        """The values as an array like the parameter, or an error that says why not."""
        param = self[key]
        if not param.flags.writeable:
            raise ValueError(
                f"params[{key!r}]: expected an array that can be written, got a read-only one; "
                "make the layer from a copy"
            )
        with np.errstate(over="ignore"):  # beyond float32 is inf, which is refused
            values = _call(f"params[{key!r}]", as_floats, values, param.dtype)
        if values.shape != param.shape:
            hint = "; pass its .T" if values.T.shape == param.shape else ""
            raise ValueError(
                f"params[{key!r}]: expected shape {param.shape}, got {values.shape}{hint}"
            )
        if not np.isfinite(values).all():
            raise ValueError(
                f"params[{key!r}]: expected finite numbers, got nan or inf among them; "
                "if this is training, try a smaller learning rate"
            )
        return values

    def __delitem__(self, key):
        raise TypeError(f"params[{key!r}] belongs to its layer; take the layer out of `layers`")

    def items(self):
        """The pairs of key and array, as dict.items gives them."""
        return self._arrays().items()

    def values(self):
        return self._arrays().values()

    def _arrays(self):
        # One look at the chain, not one for each key: those would be 10 % of a 20-layer update.
        owners = self.owners().items()
        return {key: getattr(layer, name) for key, (_, layer, name) in owners}

    def __iter__(self):
        return iter(self.owners())

    def __len__(self):
        return len(self.owners())

    def __repr__(self):
        shapes = ", ".join(f"{key} {param.shape}" for key, param in self.items())
        return f"Params({shapes})"


# Guards: a chain that can't work, or a layer that leaves what doesn't fit, is answered by name.


def _find_owners(layers):
    """The parameters of a chain by key, once it is sure that the chain can work."""
    if not layers:
        raise ValueError("expected at least one layer, got an empty chain")
    owners, seen, number, spelt = {}, {}, 0, {}
    for layer_name, layer in layers.items():
        other_name = spelt.setdefault(str(layer_name).lower(), layer_name)
        if other_name != layer_name:
            raise ValueError(
                f"{layer_name}: expected names that differ in more than capitals, got {other_name} "
                f"too; to replace that layer, write layers[{other_name!r}] = ..."
            )
        names = _call(layer_name, names_of_params, layer)
        if id(layer) in seen:
            raise ValueError(
                f"{layer_name}: expected a layer of its own, got the one that stands at "
                f"{seen[id(layer)]} too; a layer keeps one forward for its backward"
            )
        seen[id(layer)] = layer_name
        number += bool(names)
        for name in names:
            _check_param(layer_name, name, getattr(layer, name, None), owners)
            key = f"{name}{number}"
            if key in owners:
                raise ValueError(f"{layer_name}: expected one parameter by the key {key}, got two")
            owners[key] = layer_name, layer, name
    return owners


def _check_param(layer_name, name, param, owners):
    """TypeError or ValueError if param can't be learned in place, or belongs to another too."""
    if not isinstance(param, np.ndarray) or param.dtype.kind != "f":
        came = f"dtype {param.dtype}" if isinstance(param, np.ndarray) else type(param).__name__
        raise TypeError(
            f"{layer_name}: expected parameter {name} as a numpy array of floats, got {came}"
        )
    for other_name, other, attribute in owners.values():
        if np.may_share_memory(param, getattr(other, attribute)):
            raise ValueError(
                f"{layer_name}: expected parameter {name} in an array of its own, got the one of "
                f"{other_name}'s {attribute}; pass a copy"
            )
        if param.dtype != getattr(other, attribute).dtype:
            raise TypeError(
                f"{layer_name}: expected parameter {name} in {getattr(other, attribute).dtype} "
                f"like {other_name}'s {attribute}, got {param.dtype}"
            )


def _gradient_of(layer_name, layer, name):
    """The gradient that backward left for a parameter, if it fits the parameter."""
    grad, param = getattr(layer, "d" + name, None), getattr(layer, name)
    shape = grad.shape if type(grad) is np.ndarray else np.shape(grad)  # which is slower
    if grad is None or shape != param.shape:
        came = "nothing" if grad is None else f"shape {shape}"
        raise ValueError(
            f"{layer_name}: expected backward to leave d{name} of shape {param.shape}, got {came}"
        )
    return grad


def _call(name, method, *args, **kwargs):
    """method(*args), with the layer's name at the head of whatever it raises.

    "Affine: expected x ..." becomes "Affine2: expected x ...", for there may be several.
    """
    try:
        return method(*args, **kwargs)
    except Exception as error:
        if error.args and isinstance(error.args[0], str):
            own = f"{type(getattr(method, '__self__', None)).__name__}: "
            error.args = (f"{name}: {error.args[0].removeprefix(own)}", *error.args[1:])
        raise


def _result(expected, name, method, *args):
    """_call for what must return something."""
    result = _call(name, method, *args)
    if result is None:
        raise TypeError(f"{name}: expected {expected}, got None; no return?")
    return result


def _can_skip_dx(layer):
    """Whether a layer's backward takes need_dx, as Affine's does. A reader's own may well not."""
    return _takes_need_dx(getattr(layer.backward, "__func__", layer.backward))


@functools.lru_cache  # looking at a signature takes as long as a small layer's work
def _takes_need_dx(backward):
    return "need_dx" in inspect.signature(backward).parameters
