"""Chapter 5 from empty: write the layers, the numerical gradient, the network and the update.

Replace each `raise NotImplementedError` by your own code. NumPy is all you need. The section of the
book where each formula stands is named in [brackets]. Work it out on paper first, with the shapes.

N : batch size, one sample in each row      D, M : number of inputs and of outputs of a layer
C : number of classes                       L    : the loss, one number

dout is dL/dout, the gradient of L with respect to what forward returned, in the same shape.
dx is dL/dx, in the shape of x. forward keeps in self what backward will need, so that two layers of
one kind don't share it. It doesn't change x or t: these belong to others.

    cp ch05/classroom/exercises.py exercises.py     your own copy: write into this one
    python ch05/classroom/grade.py exercises.py     says what is right, what is wrong and where
    python exercises.py                             when all is right: your network learns XOR
"""

from collections import OrderedDict

import numpy as np


class Relu:
    """out = max(x, 0) for each entry. x, out, dout and dx have one shape, any. [5.5.1]"""

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        """Returns dx. At x = 0, where there is no derivative, use 0."""
        raise NotImplementedError


class Sigmoid:
    """out = 1 / (1 + exp(-x)) for each entry. x, out, dout and dx have one shape, any. [5.5.2]"""

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        """Returns dx."""
        raise NotImplementedError


class Affine:
    """out = x W + b, for a batch. [5.6.1, 5.6.2]

    x, dx : (N, D)     W, dW : (D, M)     b, db : (M,)     out, dout : (N, M)

    Images of shape (N, 1, 28, 28), say, are flattened to (N, 784), and dx gets their shape back.
    """

    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.dW = None
        self.db = None

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        """Keeps dW in self.dW and db in self.db, and returns dx."""
        raise NotImplementedError


class SoftmaxWithLoss:
    """The last layer: scores in, the loss out. [5.6.3; softmax 3.5, cross entropy 4.2]

    x : scores (N, C)     t : the right answers as one-hot rows (N, C)     dx : (N, C)

    y = softmax(x), row by row; L = mean over the batch of -sum(t * log(y)), one number. Scores may
    be as large as 1000: exp must not overflow. (Better still: take class numbers (N,) as t too.)
    """

    def forward(self, x, t):
        """Returns L."""
        raise NotImplementedError

    def backward(self, dout=1):
        """Returns dx. dout is dL/dL = 1, or the number by which somebody scales the loss."""
        raise NotImplementedError


def numerical_gradient(f, x):
    """df/dx for each entry of x, by central differences with h = 1e-4. [4.3, 4.4]

    f : a function that returns one number
    x : an array of any shape. Returns an array of this shape

    f may ignore its argument and read x itself, as in a network. So change the entries of x in
    place, one at a time, and put each old value back.
    """
    raise NotImplementedError


class TwoLayerNet:
    """Affine1, Relu1, Affine2, and SoftmaxWithLoss at the end. [5.7.2]"""

    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        self.params = {
            "W1": weight_init_std * np.random.randn(input_size, hidden_size),
            "b1": np.zeros(hidden_size),
            "W2": weight_init_std * np.random.randn(hidden_size, output_size),
            "b2": np.zeros(output_size),
        }
        self.layers = OrderedDict()
        self.layers["Affine1"] = Affine(self.params["W1"], self.params["b1"])
        self.layers["Relu1"] = Relu()
        self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"])
        self.lastLayer = SoftmaxWithLoss()

    def predict(self, x):
        """The scores (N, C) for x: forward through all of self.layers."""
        raise NotImplementedError

    def loss(self, x, t):
        return self.lastLayer.forward(self.predict(x), t)

    def gradient(self, x, t):
        """{"W1": dL/dW1, "b1": ..., "W2": ..., "b2": ...}.

        First forward, up to the loss. Then backward, from self.lastLayer to the first layer.
        """
        raise NotImplementedError


def update(params, grad, learning_rate):
    """One step of gradient descent: W <- W - learning_rate * dW, for every key. [4.4, 5.7.4]

    params, grad : dicts with the same keys, in any order. Change the arrays in params in place: the
    layers hold the same arrays, and must see the change.
    """
    raise NotImplementedError


if __name__ == "__main__":
    np.random.seed(0)
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    t = np.array([[1, 0], [0, 1], [0, 1], [1, 0]])  # XOR: class 1 if the two inputs differ
    network = TwoLayerNet(2, 8, 2, weight_init_std=1)
    for i in range(1001):
        update(network.params, network.gradient(x, t), learning_rate=0.3)
        if i % 200 == 0:
            print(f"update {i:4}  loss {network.loss(x, t):.4f}")
    print("right answers:", np.argmax(network.predict(x), axis=1) == np.argmax(t, axis=1))
