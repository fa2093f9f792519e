"""The network: an ordered chain of layers. Forward goes along the chain, backward goes back."""

import numpy as np

from common.gradient import numerical_gradient
from common.guards.chain import Chain, backward_without_dx
from common.guards.guarded import guarded
from common.guards.mistakes import label_rows

__all__ = ["Network"]


class Network(Chain):
    """An ordered chain of layers, and a last layer that computes the loss from the scores.

    Network(layers, lastLayer)

    layers    : OrderedDict of name: layer, where a layer has forward(x) and backward(dout)
    lastLayer : has forward(x, t), which returns the loss, and backward(dout), called with 1
    params    : {"W1": array, "b1": array, "W2": ...}, the layers' own arrays. W2 belongs to the
                second layer that learns

    x is a batch of N samples, (N, D) or images; t is labels in any form that lastLayer takes. The
    network computes in its own dtype, that of its parameters, and converts x to it.

    An update in training: grad = network.gradient(x, t), and then for each key
    network.params[key] -= learning_rate * grad[key], which changes the layer's array.

    What is no mathematics stands elsewhere: Chain, in guards/chain.py, has __init__, params, save
    and load. @guarded converts x, and puts the name of the layer before the message of an error.
    """

    @guarded
    def predict(self, x):
        """Scores (N, C). FloatingPointError if they aren't finite."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    @guarded
    def loss(self, x, t):
        """The mean loss over the batch, a float. ValueError for an invalid label."""
        return self.lastLayer.forward(self.predict(x), t)

    @guarded
    def accuracy(self, x, t):
        """The share of samples that are predicted correctly, from 0 to 1.

        Predicts 1000 samples at a time, to save memory. A layer such as Dropout, which works
        differently in training, has an attribute train_flg: during this call it is False.
        """
        scores = self.predict_in_batches(x)
        t = label_rows(t, scores)  # (N, C), with the largest entry at the right class
        return np.mean(scores.argmax(axis=1) == t.argmax(axis=1))

    @guarded
    def gradient(self, x, t):
        """{"W1": dL/dW1, ...} by backpropagation, each in the shape of its parameter."""
        self.loss(x, t)  # forward: each layer keeps what its backward needs
        dout = self.lastLayer.backward(1)  # dL/dL = 1
        *layers, first = reversed(self.layers.values())  # from the last layer back to the first
        for layer in layers:
            dout = layer.backward(dout)  # the dx of a layer is the dout of the one before it
        backward_without_dx(first, dout)  # first.backward(dout), but an Affine leaves out its dx
        return self.gradients()  # {"W1": the dW of the first layer that learns, ...}

    @guarded
    def numerical_gradient(self, x, t):
        """The same by central differences. The network must be in float64."""

        def loss(_):
            return self.loss(x, t)  # the layers use param, which numerical_gradient changes

        grads = {}
        for key, param in self.params.items():
            grads[key] = numerical_gradient(loss, param)
        return grads
