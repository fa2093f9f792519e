"""The network: an ordered chain of layers. Forward goes along the chain, backward goes back."""

import numpy as np

from common.gradient import numerical_gradient
from common.guards.arguments import label_rows
from common.guards.chain import Chain
from common.guards.guarded import guarded


class Network(Chain):
    """An ordered chain of layers, and a last layer that computes the loss from the scores.

    layers    : OrderedDict of name: layer, where a layer has forward(x) and backward(dout)
    lastLayer : has forward(x, t), which returns the loss, and backward(dout), called with 1
    params    : {"W1": array, "b1": array, "W2": ...}. W1 and b1 are the W and b of the first layer
                that has parameters, W2 and b2 are the W and b of the second. They are the layers'
                own arrays, not copies

    x is a batch of N samples, (N, D) or images; t is labels in any form that lastLayer takes.

    An update in training: grad = network.gradient(x, t), and then for each key
    network.params[key] -= learning_rate * grad[key]. This changes the array that the layer uses.

    No mathematics: Chain has params, save, load, predict_in_batches and collect_gradients.
    @guarded checks arguments and results, lets the first Affine leave out its dx, and puts the
    layer's name before an error message.
    """

    def __init__(self, layers, lastLayer):
        self.layers = layers
        self.lastLayer = lastLayer
        # In Chain, self.params finds their arrays: {"W1": layers["Affine1"].W, ...}

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
        """The share of samples that are predicted correctly, from 0 to 1."""
        scores = self.predict_in_batches(x)  # predict(x), but 1000 samples at a time: less memory
        t = label_rows(t, scores)  # class numbers become one-hot rows, whose argmax is the class
        return np.mean(scores.argmax(axis=1) == t.argmax(axis=1))

    @guarded
    def gradient(self, x, t):
        """{"W1": dL/dW1, ...} by backpropagation, each in the shape of its parameter."""
        self.loss(x, t)  # forward: each layer keeps what its backward needs
        dout = self.lastLayer.backward(1)  # dL/dL = 1
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)  # its dx is the dout of the layer before it
        return self.collect_gradients()  # {"W1": layers["Affine1"].dW, ...}

    @guarded
    def numerical_gradient(self, x, t):
        """dL/dW1 and so on by central differences, to check gradient. Only in float64."""

        def loss_W(W):  # W isn't needed: it is the layer's own array, which self.loss reads
            return self.loss(x, t)

        grads = {}
        for key, param in self.params.items():
            grads[key] = numerical_gradient(loss_W, param)  # the function of gradient.py
        return grads
