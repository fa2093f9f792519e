"""The network: an ordered chain of layers. Forward goes along the chain, backward goes back."""

import numpy as np

from common import files, gradient, mistakes
from common.mistakes import as_finite, as_loss, blame, is_finite, label_rows
from common.params import Params, describe, find_parameters, learnt

__all__ = ["Network"]


class Network:
    """An ordered chain of layers, and a last layer that computes the loss from the scores.

    layers    : OrderedDict of name: layer, where a layer has forward(x) and backward(dout)
    lastLayer : has forward(x, t), which returns the loss, and backward(dout=1)
    params    : {"W1": array, "b1": array, "W2": ...}, the layers' own arrays. W2 belongs to the
                second layer that learns (see Params)

    x is a batch of N samples, (N, D) or images; t is labels in any form that lastLayer takes. The
    network computes in its own dtype, that of its parameters, and converts x to it.

    An update in training: grad = network.gradient(x, t), and then for each key
    network.params[key] -= learning_rate * grad[key], which changes the layer's array.

    with blame(name, layer, x): only acts on an error, and puts the layer's name before its message.
    If x, the layer's input, is None, it says that the layer before returned nothing.
    """

    layers = lastLayer = mistakes.NotBuilt()  # an error, if a subclass forgets super().__init__

    def __init__(self, layers, lastLayer):
        self.layers = layers
        self.lastLayer = lastLayer

    def predict(self, x):
        """Scores (N, C)."""
        x = as_finite(x, self.dtype)
        given = x
        with np.errstate(all="ignore"):  # no warning before the error below
            for name, layer in self.layers.items():
                with blame(name, layer, x):
                    x = layer.forward(x)
            if not is_finite(x):
                raise mistakes.why_not_finite(self.layers, given)  # looks for the layer
        return x

    def loss(self, x, t):
        """The mean loss over the batch, a float. ValueError for a label that is no class."""
        scores = self.predict(x)
        with np.errstate(all="ignore"), blame("lastLayer", self.lastLayer, scores):
            loss = self.lastLayer.forward(scores, t)
        return as_loss(loss)

    def accuracy(self, x, t):
        """The share of samples that are predicted right, from 0 to 1.

        Predicts 1000 samples at a time, to save memory. Layers that work differently in training
        and have a train_flg (Dropout, for instance) have it False meanwhile.
        """
        scores = mistakes.predict_in_batches(self, x, 1000)
        t = label_rows(t, scores)
        return float((scores.argmax(axis=1) == t.argmax(axis=1)).mean())

    def gradient(self, x, t):
        """{"W1": dL/dW1, ...} by backpropagation, each in the shape of its parameter."""
        parameters = find_parameters(self.layers)  # {"W1": where it is found, ...}
        self.loss(x, t)  # forward: each layer keeps what its backward needs
        first = next(iter(self.layers))  # its name
        with np.errstate(all="ignore"):
            with blame("lastLayer", self.lastLayer, 1):  # 1 is dL/dL
                dout = self.lastLayer.backward()
            for name, layer in reversed(self.layers.items()):
                with blame(name, layer, dout):
                    if name == first and mistakes.can_skip_dx(layer):  # has need_dx
                        layer.backward(dout, need_dx=False)  # no layer before it needs dx
                    else:
                        dout = layer.backward(dout)
        mistakes.check_gradients(parameters, self.layers, learnt)
        return {key: found.gradient for key, found in parameters.items()}  # layer.dW for "W1"

    def numerical_gradient(self, x, t):
        """The same by central differences, for a network in float64."""
        x = as_finite(x, self.dtype)
        return {  # numerical_gradient changes param in place, so loss needs no argument
            key: gradient.numerical_gradient(lambda _: self.loss(x, t), param)
            for key, param in self.params.items()
        }

    @property
    def params(self):
        """Found anew in the layers at each access."""
        return Params(self.layers)

    @params.setter
    def params(self, values):
        params = self.params
        mistakes.check_keys(values, params)
        params.update(values)  # copies the numbers into the layers' arrays

    @property
    def dtype(self):
        """The dtype of the first parameter, which all have; float64 if there are none."""
        for layer in self.layers.values():
            for name in learnt(layer):  # the first one returns
                return mistakes.float_dtype(self, getattr(layer, name))
        mistakes.check_chain(self.layers)
        return np.dtype(np.float64)

    def save(self, path):
        """Write the parameters to a .npz file."""
        files.save_arrays(path, self.params)

    def load(self, path):
        """Read what save wrote. If it doesn't fit, nothing changes and a ValueError says why."""
        self.params.update(files.load_arrays(path, self.params))

    def __setattr__(self, name, value):
        """network.W1 = ..., for instance, wouldn't reach the layer, so it is an error."""
        mistakes.check_attribute(self, name, value, learnt)
        super().__setattr__(name, value)

    def __repr__(self):
        return describe(self)
