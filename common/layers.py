"""The layers: each knows its forward and its backward.

N    : batch size, the number of samples that go through together, one in each row
D, M : number of inputs and of outputs of a layer; C : number of classes
x    : input of forward, (N, D)           dx   : dL/dx, what backward returns, in the shape of x
out  : output of forward, (N, M)          dout : dL/dout, input of backward, in the shape of out
W    : a parameter                        dW   : dL/dW, in the shape of W
t    : labels, the right answers          L    : the loss, one number

dL/dx says how fast L changes when an entry of x does. backward is the chain rule: it takes dL/dout
and returns dL/dx. x is the out of the previous layer, so dx is the dout of the previous layer.
forward comes first, and keeps what backward will need.

To learn an array W, your layer keeps it as self.W, a NumPy array in the network's dtype (float32 or
float64). Write self.dW = None in __init__, and in backward set self.dW to dL/dW, in the shape of W.
The network finds W by the name dW, and training changes W. Other names work in the same way, such
as self.gamma with self.dgamma; only x, out, y and t are never learnt. A layer is any class with
forward and backward. The base class Layer is not needed: it gives a short repr, and a clear message
if backward is called before forward.

as_floats, as_rows and so on check an argument and convert it. like(dout, out) returns dout in the
dtype of out, or raises an error if its shape isn't out's.
"""

import numpy as np

from common.functions import log_softmax, sigmoid
from common.mistakes import Layer, as_floats, as_parameters, as_rows, check_start, label_rows, like

__all__ = ["Affine", "Relu", "Sigmoid", "SoftmaxWithLoss"]


class Affine(Layer):
    """out = x W + b, with W of shape (D, M) and b of shape (M,).

    Entry by entry: out[n, m] = b[m] + sum over d of x[n, d] * W[d, m].

    The chain rule: an entry of x, W or b may be used in several outputs out[n, m]. For each of them
    multiply dout[n, m] by the factor that the entry has in out[n, m]. Add these products.

    x[n, d] is used in M outputs, out[n, m] for every m, each time with the factor W[d, m]:
    dx[n, d] = sum over m of dout[n, m] * W[d, m]

    W[d, m] is used in N outputs, out[n, m] for every n, each time with the factor x[n, d]:
    dW[d, m] = sum over n of x[n, d] * dout[n, m]

    b[m] is used in N outputs too, with the factor 1:
    db[m] = sum over n of dout[n, m]

    As products of matrices:

    dx = dout W^T                      (N, D)
    dW = x^T dout                      (D, M)
    db = sum of dout over the batch    (M,)

    Images (N, 1, 28, 28) are flattened to (N, 784), and dx gets their shape back. W and b are the
    arrays given, not copies; training changes them. Both have one dtype, float32 or float64.
    """

    def __init__(self, W, b):
        self.W, self.b = as_parameters(W, b)
        self.dW = self.db = None

    @classmethod
    def random(cls, input_size, output_size, weight_init_std, *, dtype=np.float64, rng=None):
        """An Affine (D, M) before training: W = weight_init_std * normal random numbers, b = 0.

        weight_init_std : a number; "he" for sqrt(2 / D), for a layer that Relu follows (He et al.,
                          2015); "xavier" for sqrt(1 / D), for Sigmoid (simplified, as in the book)
        rng : a NumPy Generator or a seed; None uses NumPy's global state (np.random.seed)
        """
        check_start(input_size, output_size, weight_init_std, dtype)
        if weight_init_std == "he":
            weight_init_std = np.sqrt(2 / input_size)
        elif weight_init_std == "xavier":
            weight_init_std = np.sqrt(1 / input_size)
        random = np.random if rng is None else np.random.default_rng(rng)  # both can draw
        W = weight_init_std * random.standard_normal((input_size, output_size))
        return cls(W.astype(dtype), np.zeros(output_size, dtype))

    def forward(self, x):
        self.x = as_rows(x, self.W)  # (N, D): images are flattened, and D must fit W
        self.x_shape = np.shape(x)
        self.out = np.dot(self.x, self.W)  # (N, D) (D, M) -> (N, M)
        self.out += self.b  # in every row
        return self.out

    def backward(self, dout, need_dx=True):
        """Sets dW and db, and returns dx.

        With need_dx=False it computes no dx, and returns None. A network asks for that where an
        Affine stands first: its dx would be the gradient of the input, which nobody uses.
        """
        dout = like(dout, self.out)
        self.dW = np.dot(self.x.T, dout)  # (D, N) (N, M) -> (D, M)
        self.db = dout.sum(axis=0)  # (N, M) -> (M,)
        if need_dx:
            dx = np.dot(dout, self.W.T)  # (N, M) (M, D) -> (N, D)
            return dx.reshape(self.x_shape)  # only images change here

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
        return like(dout, self.out) * (self.out > 0)  # times 1 where x > 0, else times 0


class Sigmoid(Layer):
    """out = 1 / (1 + exp(-x)) for each entry, in an array of any shape.

    With u = 1 + exp(-x), out = 1 / u. d(1/u)/du = -1 / u^2 and du/dx = -exp(-x), so the derivative
    of out is exp(-x) / u^2 = out * [exp(-x) / u]. The factor in brackets is 1 - out, since
    1 - out = (u - 1) / u = exp(-x) / u. So

    dx = dout * out * (1 - out)
    """

    def forward(self, x):
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout):
        return like(dout, self.out) * self.out * (1 - self.out)


class SoftmaxWithLoss(Layer):
    """The last layer: takes scores x (N, C) and labels t, and returns the loss L.

    y = softmax(x)                                 (N, C)
    L = mean over the batch of -sum(t * log(y))    a float
    dx = dout * (y - t) / N                        (N, C)

    Why dx is so short: take one sample, and let S = log(sum over k of exp(x_k)).

    log(y_k) = x_k - S
    loss = -(sum over k of t_k * (x_k - S)) = S * (sum over k of t_k) - (sum over k of t_k * x_k)
         = S - (sum over k of t_k * x_k), because the t_k sum to 1
    S is log(u) with u = sum over k of exp(x_k). dS/du = 1 / u, du/dx_j = exp(x_j), so
    dS/dx_j = exp(x_j) / u = y_j
    dloss/dx_j = y_j - t_j, because in sum over k of t_k * x_k, x_j is only in t_j * x_j

    The mean over N samples divides it by N.

    t is class numbers (N,), one-hot rows or probabilities (N, C), and is kept as rows. The loss is
    computed from log_softmax, so it is right even where y is too small for a float.
    """

    def forward(self, x, t):
        log_y = log_softmax(x)  # (N, C)
        self.y = np.exp(log_y)
        self.t = label_rows(t, log_y)  # (N, C), in the shape and dtype of log_y
        self.loss = float(np.vdot(self.t, -log_y)) / len(log_y)  # vdot(a, b): the sum of a * b
        return self.loss

    def backward(self, dout=1):
        """dx. dout is dL/dL = 1, unless you scale the loss."""
        dout = float(like(dout, self.loss))  # checked: one number, as the loss is
        return (self.y - self.t) * (dout / len(self.y))
