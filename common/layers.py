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

forward(x) keeps what backward(dout) will need: the arrays themselves, not copies, so leave
them alone in between. No layer ever writes into an array that it was given.

A layer that learns names its parameters in `param_names`, and backward leaves the gradient
of parameter W in dW. Nothing else makes a class a layer: there is no base class.

Every layer answers a wrong shape or type with a ValueError or TypeError that says what it
expected and what came, and backward before forward with a RuntimeError. Affine and
SoftmaxWithLoss refuse nan and inf in x too. If x is finite and the result isn't, they raise
FloatingPointError.
"""

import math

import numpy as np

from common import guards
from common.functions import log_softmax, sigmoid

__all__ = ["Affine", "Relu", "Sigmoid", "SoftmaxWithLoss"]


class Affine:
    """out = x W + b, with W of shape (D, M) and b of shape (M,).

    out[n, m] = sum of x[n, d] W[d, m] over d, plus b[m]; so by the chain rule
    dx = dout W^T        (N, D)
    dW = x^T dout        (D, M)
    db = sum of dout over the batch    (M,)

    W and b are kept as they are given, not copied, if both are float32 or both float64 arrays: a
    layer made from another's W trains that other one too, so pass W.copy(). The layer computes in
    the dtype of W and converts x and dout to it. Keeps x for backward.
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

        weight_init_std : a number; or "he" for sqrt(2 / input_size), which keeps the size of
              the signal the same through layers of Relu (He et al., 2015), or "xavier" for
              sqrt(1 / input_size), for layers of Sigmoid (after Glorot and Bengio, 2010)
        rng : a numpy Generator or a seed; None draws from numpy's global state, which
              np.random.seed sets
        """
        guards.check_start(input_size, output_size, weight_init_std, dtype)
        std = weight_init_std
        if std == "he":
            std = math.sqrt(2 / input_size)
        elif std == "xavier":
            std = math.sqrt(1 / input_size)
        draws = np.random if rng is None else np.random.default_rng(rng)
        W = std * draws.standard_normal((input_size, output_size))  # (D, M)
        return cls(W.astype(dtype), np.zeros(output_size, dtype))

    @np.errstate(over="ignore", invalid="ignore")  # not_finite says it in better words than numpy
    def forward(self, x):
        x = guards.as_batch(self, x)
        out = np.dot(x, self.W)  # (N, D) (D, M) -> (N, M)
        out += self.b
        # out is looked at, not x: it is mostly smaller, and nan or inf in x goes on into it.
        if not guards.all_finite(out):
            raise guards.not_finite(self, x)
        self.x = x
        return out

    def backward(self, dout, need_dx=True):
        """Sets dW and db and returns dx; need_dx=False skips dx and returns None."""
        guards.check_forward_first(self, self.x)
        dout = guards.as_dout(self, dout, (len(self.x), self.W.shape[1]), self.W.dtype)
        self.dW = np.dot(self.x.T, dout)  # (D, N) (N, M) -> (D, M)
        self.db = dout.sum(axis=0)  # (N, M) -> (M,)
        return np.dot(dout, self.W.T) if need_dx else None  # (N, M) (M, D) -> (N, D)

    def __repr__(self):
        return "Affine({} -> {})".format(*self.W.shape)


class Relu:
    """out = max(x, 0), elementwise, for an x of any shape.

    dx = dout where x > 0, else 0 (at x = 0 too, where there is no derivative).
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

    dx = dout * out * (1 - out). Keeps out.
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
    dx = dout * (y - t) / N                   (N, C), for rows of t that sum to 1

    t is class numbers (N,), one-hot rows or rows of probabilities (N, C). The loss comes from
    the scores by log-sum-exp, log y = x - log(sum(exp(x))), so it is exact however unlikely
    the right class: no small constant has to guard against log(0).
    Keeps y and t.
    """

    def __init__(self):
        self.y = None
        self.t = None

    @np.errstate(invalid="ignore", under="ignore")  # the guards say it better than numpy
    def forward(self, x, t):
        x = guards.as_scores(x)
        t = guards.as_labels(t, *x.shape)
        N = len(x)
        log_y = log_softmax(x)  # (N, C)
        if t.ndim == 1:
            loss = -float(log_y[np.arange(N), t].sum()) / N
        else:
            t = t.astype(x.dtype, copy=False)
            loss = -float((t * log_y).sum()) / N
        guards.check_loss(loss, x.dtype)
        self.y, self.t = np.exp(log_y), t
        return loss + 0.0  # turns -0.0 into 0.0

    def backward(self, dout=1):
        guards.check_forward_first(self, self.y)
        dout = guards.as_last_dout(self, dout)
        N = len(self.y)
        dx = self.y.copy(order="K")  # in log_softmax's order in memory, which is faster
        if self.t.ndim == 1:
            dx[np.arange(N), self.t] -= 1  # y - t, with t as a one-hot row
        else:
            dx *= self.t.sum(axis=1, keepdims=True)  # 1, or nearly so
            dx -= self.t
        dx *= dout / N
        return dx

    def __repr__(self):
        return "SoftmaxWithLoss()"
