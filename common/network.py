"""The network: an ordered chain of layers. Forward goes along the chain, backward goes back."""

from common.chain import Chain, as_loss, blame
from common.gradient import numerical_gradient
from common.mistakes import label_rows

__all__ = ["Network"]


class Network(Chain):
    """An ordered chain of layers, and a last layer that computes the loss from the scores.

    layers    : OrderedDict of name: layer, where a layer has forward(x) and backward(dout)
    lastLayer : has forward(x, t), which returns the loss, and backward(dout), called with 1
    params    : {"W1": array, "b1": array, "W2": ...}, the layers' own arrays. W2 belongs to the
                second layer that learns

    x is a batch of N samples, (N, D) or images; t is labels in any form that lastLayer takes. The
    network computes in its own dtype, that of its parameters, and converts x to it.

    An update in training: grad = network.gradient(x, t), and then for each key
    network.params[key] -= learning_rate * grad[key], which changes the layer's array.

    "with blame(self):" is no mathematics: read what is inside as if the line weren't there. It only
    puts the name of the layer before the message of an error. Chain, in chain.py, has the rest that
    is no mathematics: __init__, params, dtype, save, load, and as_input and so on.
    """

    def predict(self, x):
        """Scores (N, C). FloatingPointError if they aren't finite."""
        x = start = self.as_input(x)  # in the network's dtype; start is for an error message only
        with blame(self):
            for layer in self.layers.values():
                x = layer.forward(x)
        return self.as_scores(x, start)  # an error unless they are finite

    def loss(self, x, t):
        """The mean loss over the batch, a float. ValueError for an invalid label."""
        scores = self.predict(x)
        with blame(self):
            loss = self.lastLayer.forward(scores, t)
        return as_loss(loss)  # an error unless it is one finite number

    def accuracy(self, x, t):
        """The share of samples that are predicted correctly, from 0 to 1.

        Predicts 1000 samples at a time, to save memory. A layer such as Dropout, which works
        differently in training, has an attribute train_flg: during this call it is False.
        """
        scores = self.predict_in_batches(x)
        t = label_rows(t, scores)
        return float((scores.argmax(axis=1) == t.argmax(axis=1)).mean())

    def gradient(self, x, t):
        """{"W1": dL/dW1, ...} by backpropagation, each in the shape of its parameter."""
        self.loss(x, t)  # forward: each layer keeps what its backward needs
        dout = 1  # dL/dL
        with blame(self):
            # From lastLayer back to the first layer. in_reverse also saves time: where an Affine
            # stands first, it sets need_dx=False for us, as nobody uses the gradient of the input.
            for layer in self.in_reverse():
                dout = layer.backward(dout)  # the dx of a layer is the dout of the one before it
        return self.collect_gradients()  # layer.dW for "W1", and so on

    def numerical_gradient(self, x, t):
        """The same by central differences. The network must be in float64."""
        x = self.as_input(x)

        def f(_):  # ignores its argument: the loop below changes param, which the layers use
            return self.loss(x, t)

        grads = {}
        for key, param in self.params.items():
            grads[key] = numerical_gradient(f, param)  # that in gradient.py
        return grads
