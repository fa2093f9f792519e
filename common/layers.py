"""The layers: each knows its forward and its backward.

N    : batch size, the number of samples that go through together, one in each row
D, M : number of inputs and of outputs of a layer; C is the number of classes
x    : input of forward, (N, D)
out  : output of forward, (N, M)
W, b : parameters, which training changes
t    : labels, the right answers
L    : the loss, one number
dx   : dL/dx, in the shape of x. It says how fast L changes when an entry of x does
dout : dL/dout, in the shape of out; dW is dL/dW, in the shape of W, and so on

forward comes first, and keeps what backward will need. backward is the chain rule: it takes dL/dout
and returns dL/dx. x is the out of the previous layer, so dx is the dout of the previous layer.

@guarded is no mathematics: it looks at what goes in and what comes out, and answers mistakes. You
can skip it. How to write a layer of your own stands at the end of this file.
"""

import numpy as np

from common.functions import log_softmax, sigmoid
from common.guards.guarded import guarded
from common.guards.mistakes import check_start, label_rows

__all__ = ["Affine", "Relu", "Sigmoid", "SoftmaxWithLoss"]


@guarded
class Relu:
    """out = max(x, 0) for each entry, in an array of any shape.

    dx = dout where x > 0, and 0 elsewhere. At x = 0 there is no derivative; 0 is used.
    """

    def forward(self, x):
        self.out = np.maximum(x, 0)
        return self.out

    def backward(self, dout):
        return dout * (self.out > 0)  # out > 0 just where x > 0. True counts as 1, False as 0


@guarded
class Sigmoid:
    """out = 1 / (1 + exp(-x)) for each entry, in an array of any shape.

    Let u = 1 + exp(-x), so out = 1 / u. The derivative of 1 / u is -1 / u^2, and that of u is
    -exp(-x). By the chain rule the derivative of out is exp(-x) / u^2 = (1 / u) * (exp(-x) / u).
    Here 1 / u is out, and exp(-x) / u = (u - 1) / u = 1 - out. So

    dx = dout * out * (1 - out)
    """

    def forward(self, x):
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout):
        return dout * self.out * (1 - self.out)


@guarded
class Affine:
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

    In a product of matrices the last index of the first factor meets the first index of the second.
    W[d, m] = W^T[m, d] and x[n, d] = x^T[d, n] bring the indices into this order:

    dx[n, d] = sum over m of dout[n, m] * W^T[m, d]    dx = dout W^T     (N, D)
    dW[d, m] = sum over n of x^T[d, n] * dout[n, m]    dW = x^T dout     (D, M)
    db[m]    = sum over n of dout[n, m]                                  (M,)

    Images (N, 1, 28, 28) become rows (N, 784), and dx gets their shape back. W and b are the arrays
    given, not copies; training changes them. Both have one dtype, float32 or float64.
    """

    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x_shape = x.shape
        self.x = x.reshape(len(x), -1)  # (N, D): an image becomes a row
        return np.dot(self.x, self.W) + self.b  # (N, D) (D, M) -> (N, M), and b in every row

    def backward(self, dout, need_dx=True):
        """Sets dW and db, and returns dx; with need_dx=False, None.

        dx is half of the work. Nobody uses that of the first layer in a network.
        """
        self.dW = np.dot(self.x.T, dout)  # (D, N) (N, M) -> (D, M)
        self.db = dout.sum(axis=0)  # (N, M) -> (M,)
        if need_dx:
            return np.dot(dout, self.W.T).reshape(self.x_shape)  # (N, M) (M, D) -> (N, D)

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
        draws = np.random if rng is None else np.random.default_rng(rng)
        W = weight_init_std * draws.standard_normal((input_size, output_size))
        return cls(W.astype(dtype), np.zeros(output_size, dtype))

    def __repr__(self):
        return "Affine({} -> {})".format(*self.W.shape)


@guarded
class SoftmaxWithLoss:
    """The last layer: takes scores x (N, C) and labels t, and returns the loss L.

    y = softmax(x)                                 (N, C)
    L = mean over the batch of -sum(t * log(y))    a float
    dx = dout * (y - t) / N                        (N, C)

    Why dx is so short: take one sample, and let S = log(sum over k of exp(x_k)). Then
    log(y_k) = x_k - S, and the loss of this sample, l, is

    l = -(sum over k of t_k * (x_k - S)) = S * (sum over k of t_k) - (sum over k of t_k * x_k)
      = S - (sum over k of t_k * x_k), because the t_k sum to 1

    S = log(u) with u = sum over k of exp(x_k). dS/du = 1 / u and du/dx_j = exp(x_j), so
    dS/dx_j = exp(x_j) / u = y_j. In sum over k of t_k * x_k, x_j is only in t_j * x_j. So

    dl/dx_j = y_j - t_j

    L is the mean over N samples, so dL/dx_j is (y_j - t_j) / N.

    t is class numbers (N,), one-hot rows or probabilities (N, C), and is kept as rows. The loss is
    computed from log_softmax, so it is right even where y is too small for a float.
    """

    def forward(self, x, t):
        log_y = log_softmax(x)  # (N, C)
        self.y = np.exp(log_y)
        self.t = label_rows(t, log_y)  # (N, C): class numbers become one-hot rows
        self.loss = (self.t * -log_y).sum() / len(x)
        return self.loss

    def backward(self, dout=1):
        """dx. dout is dL/dL = 1, unless you scale the loss."""
        return dout * (self.y - self.t) / len(self.y)


# A layer of your own is any class with forward and backward. It needs no base class, and no
# @guarded. To learn an array W, keep it as self.W, a NumPy array of floats, and write
# self.dW = None in __init__. In backward set self.dW to dL/dW, in the shape of W. The network finds
# W by the name dW beside it, and training changes W. Other names work in the same way, such as
# self.gamma with self.dgamma. What forward makes anew at each call isn't learnt, whatever its name.
