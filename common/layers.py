"""The layers: each knows its forward and its backward.

N    : batch size, the number of samples that go through together, one in each row
D, M : number of inputs and of outputs of a layer; C is the number of classes
x    : input of forward, (N, D) in Affine
out  : output of forward, (N, M)
W, b : parameters, which training changes
t    : labels, the right answers
L    : the loss, one number
dx   : dL/dx, in the shape of x. It says how fast L changes when an entry of x changes
dout : dL/dout, in the shape of out; dW is dL/dW, in the shape of W, and so on

forward comes first, and keeps what backward will need. backward uses the chain rule: it takes
dL/dout, sets dW and db if there are any, and returns dL/dx. In a chain the out of layer 1 is the x
of layer 2. So the dx that layer 2 returns is the dout that layer 1 takes.

@guarded is no mathematics: skip it.
"""

import numpy as np

from common.functions import log_softmax, sigmoid
from common.guards.arguments import label_rows
from common.guards.guarded import guarded
from common.random_start import random_affine


@guarded
class Relu:
    """out = max(x, 0) for each entry, in an array of any shape.

    dx = dout where x > 0, and 0 elsewhere. At x = 0 there is no derivative; 0 is used.
    """

    def forward(self, x):
        self.out = np.maximum(x, 0)
        return self.out

    def backward(self, dout):
        return dout * (self.out > 0)  # out > 0 exactly where x > 0; True is 1, False is 0


@guarded
class Sigmoid:
    """out = 1 / (1 + exp(-x)) for each entry, in an array of any shape.

    Let u = 1 + exp(-x), so out = 1 / u. Two derivatives, and the chain rule:

    d(out)/du = -1 / u^2
    du/dx     = -exp(-x)
    d(out)/dx = (-1 / u^2) * (-exp(-x)) = exp(-x) / u^2 = (1 / u) * (exp(-x) / u)

    1 / u = out. And exp(-x) = u - 1, so exp(-x) / u = (u - 1) / u = 1 - 1 / u = 1 - out. So

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

    n counts samples, d inputs, m outputs: out[n, m] = b[m] + sum over d of x[n, d] * W[d, m].

    The chain rule. For every m, out[n, m] has the term x[n, d] * W[d, m]. So the derivative of
    out[n, m] with respect to x[n, d] is W[d, m]. If x[n, d] changes a little, all these out[n, m]
    change, and each of them changes L. These small changes of L add up:
    dx[n, d] = sum over m of dout[n, m] * W[d, m]

    For every n, out[n, m] has the term x[n, d] * W[d, m], with the derivative x[n, d] for W[d, m]:
    dW[d, m] = sum over n of x[n, d] * dout[n, m]

    For every n, out[n, m] has the term b[m], with the derivative 1:
    db[m] = sum over n of dout[n, m]

    Now as products of matrices. In (A B)[i, j] = sum over k of A[i, k] * B[k, j], the index k of
    the sum is last in A and first in B. dx sums over m. m is last in dout[n, m], so it must be
    first in the other factor: W.T[m, d], which is W[d, m]. dW sums over n. n is first in
    dout[n, m], so it must be last in the other factor: x.T[d, n], which is x[n, d].

    dx[n, d] = sum over m of dout[n, m] * W.T[m, d]    so dx = dout W.T           (N, D)
    dW[d, m] = sum over n of x.T[d, n] * dout[n, m]    so dW = x.T dout           (D, M)
    db[m]    = sum over n of dout[n, m]                so db = dout.sum(axis=0)   (M,)

    N images of 28 x 28 pixels, (N, 1, 28, 28) in chapter 7, become rows (N, 784). dx has the shape
    of the images.
    W and b are the arrays you pass, not copies: training changes your arrays. Both are float64, or
    both float32.
    """

    # No mathematics: while Network.gradient runs, this is False in the first layer. Nobody needs
    # its dx, so @guarded saves the time.
    need_dx = True

    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.dW = None  # backward sets dW and db
        self.db = None

    def forward(self, x):
        self.x_shape = x.shape
        self.x = x.reshape(len(x), -1)  # (N, D): an image becomes a row
        return np.dot(self.x, self.W) + self.b  # (N, D) (D, M) -> (N, M), and b in every row

    def backward(self, dout):
        """Sets dW and db, and returns dx (None if need_dx is False)."""
        self.dW = np.dot(self.x.T, dout)  # (D, N) (N, M) -> (D, M)
        self.db = dout.sum(axis=0)  # (N, M) -> (M,)
        if self.need_dx:
            return np.dot(dout, self.W.T).reshape(self.x_shape)  # (N, M) (M, D) -> (N, D)

    # No mathematics: Affine.random(784, 50, 0.01) is a new Affine. W is 0.01 * random numbers, and
    # b is 0.
    random = classmethod(random_affine)


@guarded
class SoftmaxWithLoss:
    """The last layer: takes scores x (N, C) and labels t, and returns the loss L.

    y = softmax(x)                                 (N, C)
    L = mean over the batch of -sum(t * log(y))    a float
    dx = dout * (y - t) / N                        (N, C)

    Why dx is so short. Take one sample. Its scores are x_1 to x_C, its row of t is t_1 to t_C, and
    its loss is E. Let s = sum over k of exp(x_k).

    y_k = exp(x_k) / s, so log(y_k) = x_k - log(s).

    E = -(sum over k of t_k * log(y_k))
      = -(sum over k of t_k * (x_k - log(s)))
      = -(sum over k of t_k * x_k) + log(s) * (sum over k of t_k), as log(s) is the same for all k
      = -(sum over k of t_k * x_k) + log(s), because the t_k sum to 1

    Now change one score x_j. In the first part x_j is in one term only, -t_j * x_j. Its derivative
    is -t_j. In s, too, x_j is in one term only, so ds/dx_j = exp(x_j). The derivative of log(s) is
    (1 / s) * ds/dx_j = exp(x_j) / s = y_j.

    So dE/dx_j = y_j - t_j.

    L is the mean of E over N samples, and x_j is only in the E of its own sample. So
    dL/dx_j = (y_j - t_j) / N. dx is dout times this.

    forward doesn't use cross_entropy_error, because a very small y is rounded to 0, and then log(y)
    is -inf. log_softmax computes log(y) from x, not from y, so it stays finite.
    """

    def forward(self, x, t):
        log_y = log_softmax(x)  # (N, C)
        self.y = np.exp(log_y)
        self.t = label_rows(t, log_y)  # class numbers become one-hot rows, in the shape of log_y
        self.loss = (self.t * -log_y).sum() / len(x)
        return self.loss

    def backward(self, dout=1):
        """Returns dx. The out of this layer is L itself, so dout is dL/dL = 1."""
        return dout * (self.y - self.t) / len(self.y)


# For later, a layer of your own: any class with forward and backward. It needs no base class, and
# no @guarded. If it learns an array self.W, write self.dW = None in __init__, and let backward set
# self.dW to dL/dW. Network looks for such pairs of names: W and dW, b and db, a and da.
