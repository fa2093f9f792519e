"""The bricks: layers that know their own forward and backward.

    N      batch size, the number of samples that pass through together
    D, M   number of inputs and of outputs of a layer
    x      what comes into forward, shape (N, D), one row a sample
    out    what forward returns
    t      teacher labels: the answers that the network should give
    L      the loss, one number; every gradient is one of L
    dout   dL/dout, what comes into backward: of the shape of out
    dx     dL/dx, what backward returns: of the shape of x
    dW     dL/dW for a parameter W: of the shape of W

backward is the chain rule, dL/dx = dL/dout dout/dx: given dL/dout by the layer after it, a layer
returns dL/dx, which is dL/dout to the layer before it. forward(x) keeps what backward(dout) will
need: the arrays themselves, so leave them alone in between. No layer writes into its x or dout.

A layer that learns names its parameters in `param_names`, and backward leaves the gradient
of parameter W in dW. Nothing else makes a class a layer: there is no base class.

A wrong shape or nan in x is a ValueError, a wrong type a TypeError, backward before forward a
RuntimeError, and a result beyond all floats a FloatingPointError.
"""

import math

import numpy as np

from common import guards
from common.functions import log_softmax, sigmoid

__all__ = ["Affine", "Relu", "Sigmoid", "SoftmaxWithLoss"]


class Affine:
    """out = x W + b, with W of shape (D, M) and b of shape (M,).

    Written out, out[n, m] = b[m] + sum of x[n, d] W[d, m] over d. So x[n, d] reaches L through
    out[n, m] for every m, each with the slope W[d, m], and the slopes of several ways add up:
    dx[n, d] = sum of dout[n, m] W[d, m] over m.
    Likewise W[d, m] reaches L through out[n, m] for every n: dW[d, m] = sum of x[n, d] dout[n, m]
    over n, and db[m] = sum of dout[n, m] over n. As products of matrices:

    dx = dout W^T                      (N, D)
    dW = x^T dout                      (D, M)
    db = sum of dout over the batch    (M,)

    W and b are the arrays given, which training will change: to start from another layer's, pass
    W.copy(). The layer computes in the dtype of W and converts x and dout to it. Keeps x.
    """

    param_names = ("W", "b")

    def __init__(self, W, b):
        self.W = guards.as_floats(W)
        self.b = guards.as_floats(b, self.W.dtype)
        guards.check_affine(self)
        self.dW = None
        self.db = None
        self.x = None

    @classmethod
    def random(cls, input_size, output_size, weight_init_std, *, dtype=np.float64, rng=None):
        """An Affine as it stands before training: W = weight_init_std * normal draws, b = 0.

        weight_init_std : a number; or "he" for sqrt(2 / input_size), before Relu (He et al., 2015),
              or "xavier" for sqrt(1 / input_size), before Sigmoid (after Glorot and Bengio, 2010):
              they keep numbers from growing or dying out from layer to layer
        rng : a numpy Generator or a seed; None draws from numpy's global state, which
              np.random.seed sets
        """
        guards.check_start(input_size, output_size, weight_init_std, dtype)
        named = {"he": math.sqrt(2 / input_size), "xavier": math.sqrt(1 / input_size)}
        std = named.get(weight_init_std, weight_init_std)
        draws = np.random if rng is None else np.random.default_rng(rng)  # both draw normals
        W = std * draws.standard_normal((input_size, output_size))  # (D, M)
        return cls(W.astype(dtype), np.zeros(output_size, dtype))

    @np.errstate(over="ignore", invalid="ignore")  # the guard says it in better words than numpy
    def forward(self, x):
        x = guards.as_batch(self, x)
        out = np.dot(x, self.W)  # (N, D) (D, M) -> (N, M)
        out += self.b
        guards.check_finite(self, x, out)
        self.x = x
        return out

    def backward(self, dout, need_dx=True):
        """Sets dW and db and returns dx, or None if need_dx is False.

        That saves time in the first layer of a network: nobody needs the gradient of the pixels.
        """
        guards.check_forward_first(self, self.x)
        dout = guards.as_dout(self, dout, (len(self.x), self.W.shape[1]), self.W.dtype)
        self.dW = np.dot(self.x.T, dout)  # (D, N) (N, M) -> (D, M)
        self.db = dout.sum(axis=0)  # (N, M) -> (M,)
        return np.dot(dout, self.W.T) if need_dx else None  # (N, M) (M, D) -> (N, D)

    def __repr__(self):
        return "Affine({} -> {})".format(*self.W.shape)


class Relu:
    """out = max(x, 0), elementwise, for an x of any shape.

    dx = dout where x > 0, else 0 (at x = 0 too, where there is no derivative), in dout's dtype.
    Keeps mask, which is True where x > 0.
    """

    def __init__(self):
        self.mask = None

    def forward(self, x):
        x = guards.as_floats(x)
        self.mask = x > 0
        return np.maximum(x, 0)

    def backward(self, dout):
        guards.check_forward_first(self, self.mask)
        return guards.as_dout(self, dout, self.mask.shape) * self.mask

    def __repr__(self):
        return "Relu()"


class Sigmoid:
    """out = 1 / (1 + exp(-x)), elementwise, for an x of any shape.

    dx = dout * out * (1 - out), for the derivative of out is exp(-x) / (1 + exp(-x))^2, and
    exp(-x) / (1 + exp(-x)) is 1 - out. Keeps out.
    """

    def __init__(self):
        self.out = None

    def forward(self, x):
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout):
        guards.check_forward_first(self, self.out)
        dout = guards.as_dout(self, dout, self.out.shape, self.out.dtype)
        return dout * (self.out * (1 - self.out))

    def __repr__(self):
        return "Sigmoid()"


class SoftmaxWithLoss:
    """The last layer: scores x of shape (N, C) and labels t in, the loss L out.

    y = softmax(x)                            (N, C)
    L = mean over the batch of -sum(t log y)  a float
    dx = dout * (y - t) / N                   (N, C)

    Why dx is so short: the loss of one sample is -sum(t_j log y_j), where log y_j = x_j - S with
    S = log(sum(exp(x))). As the t_j add up to 1, that is S - sum(t_j x_j). By the chain rule
    dS/dx_j = (1 / sum(exp(x))) exp(x_j) = y_j, hence y_j - t_j; the mean divides it by N.

    t is class numbers (N,), one-hot rows or rows of probabilities (N, C). The loss comes from
    log_softmax, which is exact however unlikely the right class. Keeps y, and t as rows, divided by
    their sums, which may be off 1 by 0.001.
    """

    def __init__(self):
        self.y = None
        self.t = None

    @np.errstate(invalid="ignore", under="ignore")  # 0 * -inf, from scores too far apart
    def forward(self, x, t):
        x = guards.as_scores(x)
        t = guards.as_labels(t, *x.shape)
        if t.ndim == 1:  # class numbers, as one-hot rows
            numbers, t = t, np.zeros(x.shape)
            t[np.arange(len(x)), numbers] = 1
        t = t.astype(x.dtype, copy=False)  # (N, C)
        log_y = log_softmax(x)  # (N, C)
        loss = -float((t * log_y).sum()) / len(x)
        guards.check_loss(loss, x.dtype)
        self.y, self.t = np.exp(log_y), t
        return loss + 0.0  # turns -0.0 into 0.0

    def backward(self, dout=1):
        """dx, for dout = dL/dL = 1 unless the loss is scaled afterwards."""
        guards.check_forward_first(self, self.y)
        dout = guards.as_last_dout(self, dout)
        return (self.y - self.t) * (dout / len(self.y))

    def __repr__(self):
        return "SoftmaxWithLoss()"
