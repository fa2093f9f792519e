"""The layers: each knows its forward and its backward.

N    : batch size, the number of samples that go through together, one in each row
D, M : number of inputs and of outputs of a layer
x    : input of forward, (N, D)           dx   : dL/dx, what backward returns, (N, D)
out  : output of forward, (N, M)          dout : dL/dout, input of backward, (N, M)
W    : a parameter                        dW   : dL/dW, in the shape of W
t    : labels, the right answers          L    : the loss, one number

Every gradient is a gradient of L, and has the shape of its array. By the chain rule dL/dx is
dL/dout dout/dx. The next layer passes in dL/dout; this one returns dL/dx, which is dL/dout for the
layer before.

forward keeps what backward will need. backward leaves the gradient of self.W in self.dW. That is
how a parameter is recognised: a layer learns what it keeps a gradient of. Any class with these two
methods is a layer. The base class Layer only answers mistakes; your own layers don't need it.

like(dout, out) is dout, or an error if its shape isn't that of out.
"""

import numpy as np

from common.functions import log_softmax, sigmoid
from common.mistakes import Layer, as_floats, as_parameters, as_rows, initial_std, label_rows, like

__all__ = ["Affine", "Relu", "Sigmoid", "SoftmaxWithLoss"]


class Affine(Layer):
    """out = x W + b, with W of shape (D, M) and b of shape (M,).

    Entry by entry: out[n, m] = b[m] + sum over d of x[n, d] W[d, m].

    x[n, d] is part of out[n, m] for every m, with the slope W[d, m]. The slopes add up:
    dx[n, d] = sum over m of dout[n, m] W[d, m].
    W[d, m] is part of out[n, m] for every sample n, with the slope x[n, d]:
    dW[d, m] = sum over n of x[n, d] dout[n, m], and likewise db[m] = sum over n of dout[n, m].

    As products of matrices:
    dx = dout W^T                      (N, D)
    dW = x^T dout                      (D, M)
    db = sum of dout over the batch    (M,)

    Images (N, 1, 28, 28) are flattened to (N, 784), and dx gets their shape back. W and b are the
    arrays given, not copies; training changes them.
    """

    def __init__(self, W, b):
        self.W, self.b = as_parameters(W, b)
        self.dW = self.db = None

    @classmethod
    def random(cls, input_size, output_size, weight_init_std, *, dtype=np.float64, rng=None):
        """An Affine before training: W = weight_init_std * normal draws, and b = 0.

        weight_init_std : a number; "he" for sqrt(2 / input_size), before Relu (He et al., 2015);
                          "xavier" for sqrt(1 / input_size), before Sigmoid (Glorot, Bengio, 2010)
        rng : a NumPy Generator or a seed; None uses NumPy's global state (np.random.seed)
        """
        std = initial_std(input_size, output_size, weight_init_std, dtype)
        draws = np.random if rng is None else np.random.default_rng(rng)
        W = std * draws.standard_normal((input_size, output_size))
        return cls(W.astype(dtype), np.zeros(output_size, dtype))

    def forward(self, x):
        self.x, self.x_shape = as_rows(x, self.W), np.shape(x)  # (N, D)
        self.out = np.dot(self.x, self.W) + self.b  # (N, D) (D, M) -> (N, M)
        return self.out

    def backward(self, dout, need_dx=True):
        """Sets dW and db, and returns dx. With need_dx=False it saves that product."""
        dout = like(dout, self.out)
        self.dW = np.dot(self.x.T, dout)  # (D, N) (N, M) -> (D, M)
        self.db = dout.sum(axis=0)  # (N, M) -> (M,)
        if need_dx:
            return np.dot(dout, self.W.T).reshape(self.x_shape)  # (N, M) (M, D) -> (N, D)

    backward.can_skip_dx = True  # tells Network that it may pass need_dx=False

    def __repr__(self):
        return "Affine({} -> {})".format(*self.W.shape)


class Relu(Layer):
    """out = max(x, 0) for each entry, in an array of any shape.

    dx = dout where x > 0, and 0 elsewhere. At x = 0 there is no derivative; 0 is used.
    """

    def forward(self, x):
        self.out = np.maximum(as_floats(x), 0)
        return self.out

    def backward(self, dout):
        return like(dout, self.out) * (self.out > 0)


class Sigmoid(Layer):
    """out = 1 / (1 + exp(-x)) for each entry, in an array of any shape.

    The derivative is exp(-x) / (1 + exp(-x))^2. As exp(-x) / (1 + exp(-x)) = 1 - out, that is
    out (1 - out), and dx = dout out (1 - out).
    """

    def forward(self, x):
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout):
        return like(dout, self.out) * self.out * (1 - self.out)


class SoftmaxWithLoss(Layer):
    """The last layer: takes scores x (N, C) and labels t, and returns the loss L.

    y = softmax(x)                               (N, C)
    L = mean over the batch of -sum(t log(y))    a float
    dx = dout (y - t) / N                        (N, C)

    Why dx is so short: take one sample, and call S = log(sum(exp(x))). Then log(y_j) = x_j - S. As
    the t_j sum to 1, the loss -sum(t_j log(y_j)) is S - sum(t_j x_j). The derivative of S with
    respect to x_j is exp(x_j) / sum(exp(x)) = y_j, so that of the loss is y_j - t_j. The mean
    divides it by N.

    t is class numbers (N,), one-hot rows or probabilities (N, C), and is kept as rows. The loss is
    computed from log_softmax, which is exact where y is too small for a float.
    """

    def forward(self, x, t):
        log_y = log_softmax(x)  # (N, C)
        self.y, self.t = np.exp(log_y), label_rows(t, log_y)
        self.loss = float(np.vdot(self.t, -log_y)) / len(log_y)  # vdot: the sum of products
        return self.loss

    def backward(self, dout=1):
        """dx. dout is dL/dL = 1, unless you scale the loss."""
        return (self.y - self.t) * (float(like(dout, self.loss)) / len(self.y))
