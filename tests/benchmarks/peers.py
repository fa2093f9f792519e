"""The same network several times over: this library, NumPy by hand, and other libraries.

Every peer starts from the same weights and does the same work:

    update(x, t, rate)   one step of gradient descent on a batch
    loss(x, t)           mean cross entropy of a batch
    accuracy(x, t)       share of samples that are read rightly
    data(x, t)           x and t in the form in which that peer wants to be given them
    draw(n, N)           N random places among n, drawn as that peer's users would

Sizes are those of the layers, (784, 50, 10); the activation is Relu.
"""

import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ch05.multi_layer_net import MultiLayerNet  # noqa: E402
from common.functions import cross_entropy_error  # noqa: E402


def start_weights(sizes, seed=0):
    """[(W, b), ...] in float64: what all peers start from. He's std, the biases at 0."""
    rng = np.random.default_rng(seed)
    pairs = zip(sizes, sizes[1:])
    return [(rng.standard_normal((D, M)) * np.sqrt(2 / D), np.zeros(M)) for D, M in pairs]


class LayerByLayer:
    name = "layer-by-layer"
    dtype = np.float32

    def __init__(self, sizes, weights):
        self.network = MultiLayerNet(sizes[0], sizes[1:-1], sizes[-1], dtype=self.dtype, rng=0)
        for i, (W, b) in enumerate(weights, start=1):
            self.network.params[f"W{i}"][...], self.network.params[f"b{i}"][...] = W, b
        self.rng = np.random.default_rng(0)
        self.loss, self.accuracy = self.network.loss, self.network.accuracy
        self.params = self.network.params  # as `train` does it

    def data(self, x, t):
        return x.astype(self.dtype, copy=False), t

    def draw(self, n, N):
        return self.rng.integers(n, size=N)

    def update(self, x, t, rate):
        grad = self.network.gradient(x, t)
        for key in self.params:
            self.params[key] -= rate * grad[key]


class ByHand:
    """The same mathematics for this one chain, written out in NumPy: no layers, no checks.

    What a library that is read can't fall below by much, and needn't exceed by much.
    """

    name = "NumPy by hand"
    dtype = np.float32

    def __init__(self, sizes, weights):
        self.W = [W.astype(self.dtype) for W, _ in weights]
        self.b = [b.astype(self.dtype) for _, b in weights]
        self.rng = np.random.default_rng(0)

    data, draw = LayerByLayer.data, LayerByLayer.draw

    def scores(self, x):
        self.xs = [x]  # the input of each Affine
        for W, b in zip(self.W[:-1], self.b[:-1]):
            x = np.maximum(np.dot(x, W) + b, 0)
            self.xs.append(x)
        return np.dot(x, self.W[-1]) + self.b[-1]

    def loss(self, x, t):
        scores = self.scores(x)
        scores = scores - scores.max(axis=1, keepdims=True)
        exps = np.exp(scores)
        sums = exps.sum(axis=1, keepdims=True)
        self.y = exps / sums
        return (np.log(sums[:, 0]) - scores[np.arange(len(t)), t]).mean()

    def update(self, x, t, rate):
        self.loss(x, t)
        dout = self.y
        dout[np.arange(len(t)), t] -= 1
        dout /= len(t)
        dW, db = [None] * len(self.W), [None] * len(self.b)
        for i in reversed(range(len(self.W))):
            dW[i] = np.dot(self.xs[i].T, dout)
            db[i] = dout.sum(axis=0)
            if i:  # the first layer's dx is not needed
                dout = np.dot(dout, self.W[i].T) * (self.xs[i] > 0)
        for i in range(len(self.W)):
            self.W[i] -= rate * dW[i]
            self.b[i] -= rate * db[i]

    def accuracy(self, x, t):
        return (self.scores(x).argmax(axis=1) == t).mean()


class ScikitLearn:
    name = "scikit-learn"

    def __init__(self, sizes, weights):
        from sklearn.neural_network import MLPClassifier

        self.model = MLPClassifier(
            sizes[1:-1], solver="sgd", alpha=0, momentum=0, batch_size=10**6, shuffle=False
        )
        self.model.partial_fit(
            np.zeros((1, sizes[0]), np.float32), [0], classes=np.arange(sizes[-1])
        )
        for i, (W, b) in enumerate(weights):
            self.model.coefs_[i][...], self.model.intercepts_[i][...] = W, b
        self.rng = np.random.default_rng(0)

    data, draw = LayerByLayer.data, LayerByLayer.draw
    dtype = np.float32

    def update(self, x, t, rate):
        self.model._optimizer.learning_rate = rate
        self.model.batch_size = len(x)
        self.model.partial_fit(x, t)

    def loss(self, x, t):
        return cross_entropy_error(self.model.predict_proba(x), t)

    def accuracy(self, x, t):
        return self.model.score(x, t)


class Torch:
    name = "PyTorch"

    def __init__(self, sizes, weights):
        import torch

        self.torch = torch
        layers = OrderedDict()
        for i, (W, b) in enumerate(weights, start=1):
            layers[f"affine{i}"] = linear = torch.nn.Linear(*W.shape)
            linear.weight.data = torch.tensor(W.T, dtype=torch.float32).contiguous()
            linear.bias.data = torch.tensor(b, dtype=torch.float32)
            if i < len(weights):
                layers[f"relu{i}"] = torch.nn.ReLU()
        self.model = torch.nn.Sequential(layers)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.cross_entropy = torch.nn.functional.cross_entropy

    def data(self, x, t):
        return self.torch.from_numpy(x), self.torch.from_numpy(t.astype(np.int64))

    def draw(self, n, N):
        return self.torch.randint(n, (N,))

    def update(self, x, t, rate):
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad()
        self.cross_entropy(self.model(x), t).backward()
        self.optimizer.step()

    def loss(self, x, t):
        with self.torch.no_grad():
            return self.cross_entropy(self.model(x), t).item()

    def accuracy(self, x, t):
        with self.torch.no_grad():
            return (self.model(x).argmax(dim=1) == t).float().mean().item()


class InFloat64(ByHand):
    """For the numerical gradient in the book's way."""

    dtype = np.float64

    def numerical_gradient(self, x, t):
        for param in (*self.W, *self.b):
            book_gradient(lambda _: self.loss(x, t), param)


def book_gradient(f, x):
    grad = np.zeros_like(x)
    entries = np.nditer(x, flags=["multi_index"], op_flags=["readwrite"])
    while not entries.finished:
        place = entries.multi_index
        value = x[place]
        x[place] = float(value) + 1e-4
        above = f(x)
        x[place] = value - 1e-4
        below = f(x)
        grad[place] = (above - below) / (2 * 1e-4)
        x[place] = value
        entries.iternext()
    return grad


PEERS = [LayerByLayer, ByHand, ScikitLearn, Torch]


def step(peer, x_train, t_train, N, rate):
    """Once round the chapter's loop: draw a batch of N samples, update, and the loss after it."""
    batch_mask = peer.draw(len(x_train), N)
    x, t = x_train[batch_mask], t_train[batch_mask]
    peer.update(x, t, rate)
    return peer.loss(x, t)


def training_job(peer, train_set, test_set, iters, batch_size=100):
    """The chapter's job: updates, the loss after each, and the accuracies once an epoch."""
    epoch = len(train_set[0]) // batch_size
    for i in range(iters):
        step(peer, *train_set, batch_size, 0.1)
        if i % epoch == 0:
            peer.accuracy(*train_set)
            test_acc = peer.accuracy(*test_set)
    return test_acc
