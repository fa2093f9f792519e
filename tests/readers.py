"""What two files need: layers as readers write them, what a call raises or takes, a screen."""

import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from ch05.two_layer_net import TwoLayerNet
from common.layers import Affine, Relu, SoftmaxWithLoss
from common.network import Network


def error_of(kind, call, *names):
    """The error that call() raises, which is of that kind, in one line, and holds the names."""
    with pytest.raises(kind) as error:
        call()
    text = str(error.value)
    assert "\n" not in text and all(str(name) in text for name in names), text
    return text


def memory_for(call, *args, **how):
    """The most bytes that were in use at once during a call."""
    tracemalloc.start()
    try:
        call(*args, **how)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def affine(D, M):
    return Affine.random(D, M, "he", rng=0)


def chain(**layers):
    """The network of these layers, which ends with SoftmaxWithLoss."""
    return Network(OrderedDict(layers), SoftmaxWithLoss())


class Mine:
    """A layer of a few words: forward(self, x), backward(self, dout), and what it keeps.

    They are methods of a class of its own, as a reader writes them. None leaves one out.
    """

    def __init__(self, forward=lambda self, x: x, backward=lambda self, dout: dout, **kept):
        methods = {"forward": forward, "backward": backward}
        self.__class__ = type("Mine", (Mine,), {name: m for name, m in methods.items() if m})
        vars(self).update(kept)


def held(layers, keep=list):
    """A layer that holds layers, one after the other, kept in the way that is asked for."""

    def forward(self, x):
        for layer in self.kept if keep is list else layers:  # in a copy, those are its own
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.kept if keep is list else layers):
            dout = layer.backward(dout)
        return dout

    return Mine(forward, backward, kept=keep(layers))


class LeakyRelu:
    """A reader's own layer: x where x > 0, a x elsewhere. a is one number, and learnt."""

    def __init__(self, a=0.1):
        self.a = np.array(a)
        self.da = None

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.a * x)

    def backward(self, dout):
        self.da = float(np.sum(dout * np.where(self.x > 0, 0, self.x)))
        return dout * np.where(self.x > 0, 1, self.a)


class BatchNormalization:
    """As in the textbook."""

    def __init__(self, gamma, beta, momentum=0.9, running_mean=None, running_var=None):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean, self.running_var = running_mean, running_var
        self.batch_size = self.xc = self.xn = self.std = None
        self.dgamma, self.dbeta = None, None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean, self.running_var = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        if not train_flg:
            xn = (x - self.running_mean) / np.sqrt(self.running_var + 1e-6)
            return self.gamma * xn + self.beta
        mu, var, old = x.mean(axis=0), x.var(axis=0), self.momentum
        self.batch_size, self.xc, self.std = len(x), x - mu, np.sqrt(var + 1e-6)
        self.xn = self.xc / self.std
        self.running_mean = old * self.running_mean + (1 - old) * mu
        self.running_var = old * self.running_var + (1 - old) * var
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta, self.dgamma = dout.sum(axis=0), np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dstd = -np.sum(dxn * self.xc, axis=0) / self.std**2
        dxc = dxn / self.std + self.xc * dstd / (self.std * self.batch_size)
        return dxc - dxc.mean(axis=0)


class Convolution:
    """As in the textbook, for x (N, C, H, H) and W (F, C, K, K): all windows in one product."""

    def __init__(self, W, b):
        self.W, self.b, self.stride, self.pad = W, b, 1, 0
        self.x = self.col = None
        self.dW, self.db = None, None

    def forward(self, x):
        K = self.W.shape[-1]
        self.x, self.col = x, sliding_window_view(x, (K, K), axis=(2, 3))
        out = np.tensordot(self.col, self.W, [(1, 4, 5), (1, 2, 3)]) + self.b
        return out.transpose(0, 3, 1, 2)

    def backward(self, dout):
        self.db = dout.sum(axis=(0, 2, 3))
        self.dW = np.tensordot(dout, self.col, [(0, 2, 3), (0, 2, 3)])
        dx, K = np.zeros_like(self.x), self.W.shape[-1]
        for i, j in np.ndindex(dout.shape[2:]):
            dx[:, :, i : i + K, j : j + K] += np.tensordot(dout[:, :, i, j], self.W, 1)
        return dx


class Softmax:
    """Its outputs sum to 1, so for a dout of ones dx is 0, and a wrong dx could be 0 too."""

    def forward(self, x):
        e = np.exp(x)
        self.out = e / e.sum(axis=1, keepdims=True)
        return self.out

    def backward(self, dout):
        return self.out * (dout - self.right_sum(dout))

    def right_sum(self, dout):
        return (self.out * dout).sum(axis=1, keepdims=True)


def function(f, df):
    """out = f(x) for each entry; backprop says dout times df(x), which may be wrong."""

    def forward(self, x):
        self.x = x
        return self.f(x)

    return Mine(forward, lambda self, dout: dout * self.df(self.x), f=f, df=df)


def embedding(W):
    """Row number x of W. It has no dx: nothing comes before it."""

    def forward(self, x):
        self.x = x.astype(int)[:, 0]
        return self.W[self.x]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.x, dout)

    return Mine(forward, backward, W=W, dW=None)


class InPlace(Affine):
    """Writes its dW again into the same array at each backward."""

    def backward(self, dout):
        kept, dx = self.dW, super().backward(dout)
        if kept is not None:
            kept[...] = self.dW
            self.dW = kept
        return dx


def relu_in_place():
    """It writes the zeros into the dout it was given, as the book's Relu does."""
    return Mine(
        lambda self, x: vars(self).update(out=np.maximum(x, 0)) or self.out,
        lambda self, dout: np.multiply(dout, self.out > 0, out=dout),
    )


def lazy():
    """Builds its layer in the first forward."""

    def forward(self, x):
        self.inner = self.inner or Affine.random(x.shape[1], 4, 1, rng=0)
        return self.inner.forward(x)

    return Mine(forward, lambda self, dout: self.inner.backward(dout), inner=None)


def tanh():
    return function(np.tanh, lambda x: 1 - np.tanh(x) ** 2)


class Scale:
    """out = gamma * x + beta, at first 1 and 0."""

    def __init__(self):
        self.gamma, self.beta, self.dgamma, self.dbeta = np.ones(4), np.zeros(4), None, None

    def forward(self, x):
        self.x, self.out = x, self.gamma * x + self.beta
        return self.out

    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.x).sum(axis=0), dout.sum(axis=0)
        return dout * self.gamma


SHAPES = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}


def network_3_4_2(seed=0, **options):
    return TwoLayerNet(3, 4, 2, weight_init_std=1, rng=seed, **options)


# Layers that work together, and a loss or predict that is more than the chain


class Split:
    """A skip begins here: its x goes on to Join, too."""

    def forward(self, x):
        self.kept = x
        return x

    def backward(self, dout):
        return dout + self.part


class Join:
    """out = x + kept + factor * x * kept."""

    def __init__(self, split, factor=0):
        self.split, self.factor = split, factor

    def forward(self, x):
        self.x = x
        return x + self.split.kept + self.factor * x * self.split.kept

    def backward(self, dout):
        self.split.part = dout * (1 + self.factor * self.x)
        return dout * (1 + self.factor * self.split.kept)


class Encoder(Affine):
    """A decoder adds its part to dW."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW + self.part
        return dx


def decoder(encoder):
    """out = x W^T, with the W of the encoder."""

    def backward(self, dout):
        self.encoder.part = dout.T @ self.x
        return dout @ self.encoder.W

    def forward(self, x):
        self.x = x
        return x @ self.encoder.W.T

    return Mine(forward, backward, encoder=encoder)


class Penalised(TwoLayerNet):
    """The loss has more, strength * the sum of W^2 over some parameters; gradient adds `added`."""

    inside, outside, added = 1, 1, {"W1": 1, "W2": 1}

    def predict(self, x):
        return self.outside * super().predict(self.inside * x)

    def loss(self, x, t):
        W1, W2 = self.params["W1"], self.params["W2"]
        return super().loss(x, t) + 0.05 * (np.sum(W1**2) + np.sum(W2**2))

    def gradient(self, x, t):
        gradients = super().gradient(x, t)
        for key, times in self.added.items():
            gradients[key] = gradients[key] + 0.1 * times * self.params[key]
        return gradients


class Bypassed(TwoLayerNet):
    """predict has a skip around the Relu, and gradient may know it."""

    knows = True

    def predict(self, x):
        h = self.layers["Affine1"].forward(x)
        return self.layers["Affine2"].forward(self.layers["Relu1"].forward(h) + h)

    def gradient(self, x, t):
        if not self.knows:
            return super().gradient(x, t)
        self.loss(x, t)
        dout = self.layers["Affine2"].backward(self.lastLayer.backward(1))
        self.layers["Affine1"].backward(self.layers["Relu1"].backward(dout) + dout)
        return self.collect_gradients()


class Summed(TwoLayerNet):
    """Two of its layers take x, and their outs are added. So nothing goes along the chain."""

    def predict(self, x):
        one, two, last = self.layers.values()
        return last.forward(one.forward(x) + two.forward(x))

    def gradient(self, x, t):
        self.loss(x, t)
        one, two, last = self.layers.values()
        dout = last.backward(self.lastLayer.backward(1))
        one.backward(dout), two.backward(dout)
        return self.collect_gradients()


class InParts(TwoLayerNet):
    """gradient takes one sample at a time, to save memory."""

    def gradient(self, x, t):
        parts = [super(InParts, self).gradient(x[[i]], t[[i]]) for i in range(len(x))]
        return {key: sum(part[key] for part in parts) / len(x) for key in self.params}


# A student's own networks, with no base class


class OwnRegression:
    """y = tanh(x W1 + b1), and the mean of (y - t)^2 over the batch. No layers at all."""

    def __init__(self, spoil=lambda grad: grad):
        rng = np.random.default_rng(0)
        self.params = {"W1": rng.standard_normal((4, 2)), "b1": rng.standard_normal(2)}
        self.spoil = spoil
        self.layers, self.lastLayer = [], None  # of another meaning than the chapter's

    def loss(self, x, t):
        y = np.tanh(x @ self.params["W1"] + self.params["b1"])
        return np.sum((y - t) ** 2) / len(x)

    def gradient(self, x, t):
        y = np.tanh(x @ self.params["W1"] + self.params["b1"])
        da = 2 * (y - t) / len(x) * (1 - y**2)
        return self.spoil({"W1": x.T @ da, "b1": da.sum(axis=0)})


class OwnChain:
    """Plain dicts: params, layers and lastLayer as the chapter names them, and its own loops."""

    def __init__(self, forgets=None):
        self.forgets = forgets  # a layer whose backward gradient leaves out
        affines = [Affine.random(*size, 1, rng=seed) for seed, size in enumerate([(4, 5), (5, 2)])]
        self.layers = {"first": affines[0], "bend": Relu(), "second": affines[1]}
        self.lastLayer = SoftmaxWithLoss()
        self.params = {"Wa": affines[0].W, "ba": affines[0].b, "Wz": affines[1].W}

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.lastLayer.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.lastLayer.backward()
        for name, layer in reversed(self.layers.items()):
            dout = dout if name == self.forgets else layer.backward(dout)
        first, second = self.layers["first"], self.layers["second"]
        return {"Wa": first.dW, "ba": first.db, "Wz": second.dW}


# A backend of matplotlib that stands for a screen: it prints how many axes each window has when
# the program waits for it, and then somebody closes them. That a figure needs a screen, it says
# itself: of the class, matplotlib would ask for a real one.
WINDOW = """
import matplotlib.pyplot as plt
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

class FigureManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block=None):
        print("windows:", *[len(plt.figure(k).axes) for k in plt.get_fignums()])
        plt.close("all")

class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
    def __init__(self, figure=None):
        super().__init__(figure)
        self.required_interactive_framework = "a screen"
"""
