"""The network: an ordered chain of layers. Forward goes along the chain, backward goes back."""

import numpy as np

from common import files, mistakes
from common.gradient import numerical_gradient
from common.mistakes import as_finite, as_loss, blame, can_skip_dx, is_finite, label_rows
from common.params import Params, find_parameters, learnt

__all__ = ["Network"]


class Network:
    """An ordered chain of layers, and a last layer that computes the loss from the scores.

    layers    : OrderedDict of name: layer, where a layer has forward(x) and backward(dout)
    lastLayer : has forward(x, t), which returns the loss, and backward(dout=1)
    params    : {"W1": array, "b1": array, ...}, the layers' own arrays (see Params)

    x is a batch of N samples, (N, D) or images; t is labels in any form that lastLayer takes. The
    network computes in its own dtype, that of its parameters, and converts x to it.

    blame(name, layer, x) adds the layer's name to an error. Otherwise it does nothing.
    """

    def __init__(self, layers, lastLayer):
        self.layers = layers
        self.lastLayer = lastLayer

    def predict(self, x):
        """Scores (N, C)."""
        x = inputs = as_finite(x, self.dtype)
        with np.errstate(all="ignore"):  # why_not_finite says more than NumPy's warnings
            for name, layer in self.layers.items():
                with blame(name, layer, x):
                    x = layer.forward(x)
            if not is_finite(x):
                raise mistakes.why_not_finite(self.layers, inputs)
        return x

    def loss(self, x, t):
        """The mean loss over the batch, a float."""
        scores = self.predict(x)
        with np.errstate(all="ignore"), blame("lastLayer", self.lastLayer, scores):
            loss = self.lastLayer.forward(scores, t)
        return as_loss(loss)

    def accuracy(self, x, t):
        """The share, from 0 to 1, of samples whose highest score is that of the class in t.

        If t is rows, the class is their largest entry. 1000 samples at a time need little memory.
        """
        scores = mistakes.in_batches(self, x, 1000)
        t = label_rows(t, scores)
        return float((scores.argmax(axis=1) == t.argmax(axis=1)).mean())

    def gradient(self, x, t):
        """dL/dW for every parameter W, by backpropagation: a dict with the keys of params."""
        parameters = find_parameters(self.layers)
        self.loss(x, t)  # forward: each layer keeps what its backward needs
        first = next(iter(self.layers))
        with np.errstate(all="ignore"):
            with blame("lastLayer", self.lastLayer, x):
                dout = self.lastLayer.backward()
            for name, layer in reversed(self.layers.items()):
                with blame(name, layer, dout):
                    if name == first and can_skip_dx(layer):  # nobody needs the pixels' gradient
                        layer.backward(dout, need_dx=False)
                    else:
                        dout = layer.backward(dout)
        mistakes.check_same(parameters, find_parameters(self.layers))
        return {key: mistakes.gradient_of(found) for key, found in parameters.items()}

    def numerical_gradient(self, x, t):
        """The same by central differences: slow, and sure. For a network in float64."""
        mistakes.check_float64(self)
        return {  # each param is its layer's own array, changed in place: loss needs no argument
            key: numerical_gradient(lambda _: self.loss(x, t), param)
            for key, param in self.params.items()
        }

    @property
    def params(self):
        mistakes.check_built(self)
        return Params(self.layers)

    @params.setter
    def params(self, values):
        params = self.params
        mistakes.check_keys(values, params)
        params.update(values)

    @property
    def dtype(self):
        """The dtype of the parameters; float64 if there are none."""
        mistakes.check_built(self)
        for layer in self.layers.values():
            for name in learnt(layer):
                return mistakes.float_dtype(self, getattr(layer, name))
        mistakes.check_chain(self.layers)
        return np.dtype(np.float64)

    def save(self, path):
        """Write the parameters to a .npz file, whole or not at all."""
        files.save_arrays(path, self.params)

    def load(self, path):
        """Read what save wrote: all of it, or nothing and a ValueError that lists what differs."""
        self.params.update(files.load_arrays(path, self.params))

    def __setattr__(self, name, value):
        mistakes.check_attribute(self, name, value)
        if name == "lastLayer":
            mistakes.check_last(learnt(value))
        super().__setattr__(name, value)

    def __repr__(self):
        sizes = {name: [] for name in self.layers}
        for found in find_parameters(self.layers).values():
            sizes[found.layer_name].append(found.array.size)
        total = sum(map(sum, sizes.values()))
        lines = [f"{type(self).__name__}: {total:,} parameters, {self.dtype}"]
        for name, layer in self.layers.items():
            count = f"{sum(sizes[name]):,}" if sizes[name] else ""
            lines.append(f"  {name:10} {layer!r:22} {count:>10}".rstrip())
        return "\n".join([*lines, f"  lastLayer  {self.lastLayer!r}"])
