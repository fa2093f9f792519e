"""The chain: predict calls forward of layer after layer, gradient calls backward in reverse."""

from collections.abc import MutableMapping

import numpy as np

from common import differences, files, guards

__all__ = ["Network", "Params"]


class Network:
    """An ordered chain of layers, and a last layer that computes the loss from the scores.

    layers    : OrderedDict of name -> layer, any object with forward(x) and backward(dout)
    lastLayer : object with forward(x, t) -> loss and backward(dout=1); the chapter's spelling
    params    : window onto the layers' parameters, keys W1, b1, W2, b2, ... (see Params)

    x is a batch (N, D), one row a sample; t is labels in any form that lastLayer takes. The network
    computes in its own dtype, that of its parameters, and converts x to it on entry. Layers are
    called through guards, so that what they raise begins with their name.
    """

    def __init__(self, layers, lastLayer):
        self.layers = layers
        self.lastLayer = lastLayer
        self._params = Params(self)
        self._params.owners()  # looks at the whole chain, and refuses one that can't work

    def predict(self, x):
        """Scores (N, C) for x (N, D)."""
        x = guards.call_named("x", guards.as_floats, x, self.dtype)
        for name, layer in self.layers.items():
            x = guards.forward(name, layer, x)  # x = layer.forward(x)
        return x

    def loss(self, x, t):
        """The mean loss over the batch, a float."""
        return guards.forward("lastLayer", self.lastLayer, self.predict(x), t)

    def accuracy(self, x, t):
        """The share, 0 to 1, of samples whose highest score is that of the class in t.

        For rows t that is their largest entry. The samples pass 1000 at a time, to keep memory
        small: no layer may mix them, as one that takes means over the batch would.
        """
        x = np.atleast_1d(guards.call_named("x", guards.as_numbers, x))
        if len(x) == 0:
            raise ValueError("expected at least one sample, got an empty batch")
        try:
            scores = [self.predict(x[start : start + 1000]) for start in range(0, len(x), 1000)]
        except ValueError:
            self.predict(x)  # so that the error speaks of all of x
            raise
        scores = np.concatenate(scores)  # (N, C)
        if not np.isfinite(scores).all():
            raise FloatingPointError("expected finite scores, got nan or inf among them")
        t = guards.as_labels(t, *scores.shape)
        if t.ndim == 2:
            t = t.argmax(axis=1)
        return float((scores.argmax(axis=1) == t).mean())

    def gradient(self, x, t):
        """dL/dparameter by backpropagation: a dict of arrays, keyed as params."""
        self.loss(x, t)  # forward: each layer keeps what its backward needs
        dout = guards.backward("lastLayer", self.lastLayer)
        first = next(iter(self.layers))
        for name, layer in reversed(self.layers.items()):
            # dout = layer.backward(dout), where the first layer may leave out its dx
            dout = guards.backward(name, layer, dout, need_dx=name != first)
        return {  # for W1 the dW that the first layer which learns has left, and so on
            key: guards.as_gradient(name, layer, param_name)
            for key, (name, layer, param_name) in self.params.owners().items()
        }

    def numerical_gradient(self, x, t):
        """dL/dparameter by central differences, in float64: slow, and sure. Keyed as params."""
        guards.check_float64(self)
        x = guards.as_floats(x, self.dtype)
        return {  # the loss needs no argument: param is its layer's own array, changed in place
            key: differences.numerical_gradient(lambda _: self.loss(x, t), param)
            for key, param in self.params.items()
        }

    def save(self, path):
        """Write the parameters to a .npz file, whole or not at all; np.load reads it anywhere.

        ValueError, and nothing written, if one holds nan or inf.
        """
        files.save_arrays(path, self.params)

    def load(self, path):
        """Read what save wrote, all of it or, with a ValueError that says what differs, nothing.

        FileNotFoundError for no file.
        """
        self.params.update(files.load_arrays(path, like=self.params))

    @property
    def params(self):
        guards.check_initialised(self)
        return self._params

    @params.setter
    def params(self, values):
        guards.check_keys(values, self.params)
        self.params.update(values)

    @property
    def dtype(self):
        """The dtype of the parameters; float64 where there are none."""
        for _, layer, param_name in self.params.owners().values():
            return getattr(layer, param_name).dtype  # that of the first, which all share
        return np.dtype(np.float64)

    def __setattr__(self, name, value):  # network.W1 = ... would silently change nothing
        guards.refuse_useless(self, name, value)
        super().__setattr__(name, value)

    def __repr__(self):
        counts = dict.fromkeys(self.layers, 0)
        for name, layer, param_name in self.params.owners().values():
            counts[name] += getattr(layer, param_name).size
        lines = [f"{type(self).__name__}: {sum(counts.values()):,} parameters, {self.dtype}"]
        chain = [(str(name), repr(layer), counts[name]) for name, layer in self.layers.items()]
        chain.append(("lastLayer", repr(self.lastLayer), 0))
        wide, wider = (max(len(row[column]) for row in chain) for column in (0, 1))
        for name, layer, count in chain:
            number = f"{count:10,}" if count else ""
            lines.append(f"  {name:{wide}}  {layer:{wider}}  {number}".rstrip())
        return "\n".join(lines)


class Params(MutableMapping):
    """A window onto the parameters that a network's layers own.

    Keys are the layer's own name for the parameter and its number among the layers that learn:
    W1, b1, W2, b2, ... Reading gives the layer's array itself, so that changing it in place, as
    params["W1"] -= step does, trains the layer; writing copies the values into that array, if key,
    shape and numbers fit. So two networks never come to share an array.
    KeyError for another key; ValueError for a wrong shape, nan or inf; TypeError for what isn't
    numbers, or for taking a parameter away.
    """

    __slots__ = ("_network", "_owners", "_seen")  # no others: params.W1 = ... is an error

    def __init__(self, network):
        self._network = network
        self._owners, self._seen = {}, [None]

    def owners(self):
        """{"W1": (name of the layer, layer, "W"), ...} in the order of the chain."""
        # To look for them, and guard all, takes too long for each update: only after a change.
        state = guards.state_of(self._network.layers)
        if len(state) != len(self._seen) or any(a is not b for a, b in zip(state, self._seen)):
            self._owners = self._find_owners()
            self._seen = state
        return self._owners

    def _find_owners(self):
        guards.check_chain(self._network.layers)
        owners, number = {}, 0
        for layer_name, layer in self._network.layers.items():
            names = guards.call_named(layer_name, guards.names_of_params, layer)
            guards.call_named(layer_name, guards.check_arguments, layer, "x")
            if names:
                number += 1
            for name in names:
                guards.check_new(f"{name}{number}", owners, layer_name)
                owners[f"{name}{number}"] = layer_name, layer, name
        guards.check_params(owners.values())
        return owners

    def __getitem__(self, key):
        owners = self.owners()
        if key not in owners:
            raise KeyError(f"expected one of {', '.join(owners) or 'no key at all'}, got {key!r}")
        _, layer, name = owners[key]
        return getattr(layer, name)

    def __setitem__(self, key, values):
        if values is not self[key]:  # params[key] -= step has changed it, and assigns it itself
            self.update({key: values})

    def update(self, values=(), /, **more):
        """Write several, or none of them if one doesn't fit."""
        fitting = {  # copied before any is written, so that W1 and W2 can be swapped
            key: guards.call_named(f"params[{key!r}]", guards.as_values, new, self[key]).copy()
            for key, new in dict(values, **more).items()
        }
        for key, new in fitting.items():
            self[key][...] = new

    def copy(self):
        """The values as they are now, in a dict of their own: to keep the best, for instance."""
        return {key: param.copy() for key, param in self.items()}

    def __delitem__(self, key):
        raise TypeError(f"params[{key!r}] belongs to its layer; take the layer out of `layers`")

    def items(self):
        # One look at the chain, not one for each key: those would be 10 % of a 20-layer update.
        owners = self.owners().items()
        return {key: getattr(layer, name) for key, (_, layer, name) in owners}.items()

    def __iter__(self):
        return iter(self.owners())

    def __len__(self):
        return len(self.owners())

    def __repr__(self):
        shapes = ", ".join(f"{key} {param.shape}" for key, param in self.items())
        return f"Params({shapes})"
