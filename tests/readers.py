"""What two files of tests need: layers as readers write them, an error looked at, a screen."""

from collections import OrderedDict

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from common.layers import SoftmaxWithLoss
from common.network import Network


def error_of(kind, call, *names):
    """The error that call() raises, which is of that kind, in one line, and holds the names."""
    with pytest.raises(kind) as error:
        call()
    text = str(error.value)
    assert "\n" not in text and all(str(name) in text for name in names), text
    return text


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


class Block:
    """A layer that holds layers."""

    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


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
