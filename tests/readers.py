"""Layers as readers write them, for the tests: no base class, no list of what they learn."""

import numpy as np


class Mine:
    """A layer of a few words: forward(self, x), backward(self, dout), and what it keeps.

    They are methods of a class of its own, as a reader writes them. None leaves one out.
    """

    def __init__(self, forward=lambda self, x: x, backward=lambda self, dout: dout, **kept):
        methods = {"forward": forward, "backward": backward}
        self.__class__ = type("Mine", (Mine,), {name: m for name, m in methods.items() if m})
        vars(self).update(kept)


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
