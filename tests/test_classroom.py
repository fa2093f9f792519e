"""The grader for a class: right solutions get all points, planted mistakes are found and named.

Most tests judge in this process; the last ones start one for each file, as a teacher does.
"""

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import autograd
import autograd.numpy as anp
import nbformat
import numpy as np
import pytest

from ch05.classroom import grade, judges
from ch05.classroom.handed_in import Unreadable, grade_file, run_file
from ch05.classroom.judges import PARTS, judge

ROOT = Path(__file__).resolve().parent.parent
GRADE = ROOT / "ch05" / "classroom" / "grade.py"
SKELETON = ROOT / "ch05" / "classroom" / "exercises.py"
parametrize = pytest.mark.parametrize
HEAD = "from collections import OrderedDict\nimport numpy as np\n"


# Right solutions, in four styles. {name: source of that class or function}

SHORT = {  # one line where one is enough
    "Relu": """
class Relu:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)
    def backward(self, dout):
        return dout * (self.x > 0)
""",
    "Sigmoid": """
class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out
    def backward(self, dout):
        return dout * self.out * (1 - self.out)
""",
    "Affine": """
class Affine:
    def __init__(self, W, b):
        self.W, self.b, self.dW, self.db = W, b, None, None
    def forward(self, x):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ self.W + self.b
    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return (dout @ self.W.T).reshape(self.shape)
""",
    "SoftmaxWithLoss": """
class SoftmaxWithLoss:
    def forward(self, x, t):
        x = x - x.max(axis=1, keepdims=True)
        self.t = np.eye(x.shape[1])[t] if np.ndim(t) == 1 else t
        log_y = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
        self.y = np.exp(log_y)
        return -np.sum(self.t * log_y) / len(x)
    def backward(self, dout=1):
        return dout * (self.y - self.t) / len(self.y)
""",
    "numerical_gradient": """
def numerical_gradient(f, x):
    grad, h = np.zeros_like(x), 1e-4
    for i in range(x.size):
        old = x.flat[i]
        x.flat[i] = old + h
        above = f(x)
        x.flat[i] = old - h
        grad.flat[i] = (above - f(x)) / (2 * h)
        x.flat[i] = old
    return grad
""",
    "TwoLayerNet": """
class TwoLayerNet:
    def __init__(self, D, H, C, weight_init_std=0.01):
        self.params = {"W1": weight_init_std * np.random.randn(D, H), "b1": np.zeros(H),
                       "W2": weight_init_std * np.random.randn(H, C), "b2": np.zeros(C)}
        self.layers = OrderedDict(
            Affine1=Affine(self.params["W1"], self.params["b1"]), Relu1=Relu(),
            Affine2=Affine(self.params["W2"], self.params["b2"]))
        self.lastLayer = SoftmaxWithLoss()
    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x
    def loss(self, x, t):
        return self.lastLayer.forward(self.predict(x), t)
    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.lastLayer.backward()
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        affines = self.layers["Affine1"], self.layers["Affine2"]
        return {f"{key}{i}": getattr(affine, f"d{key}")
                for i, affine in enumerate(affines, start=1) for key in "Wb"}
""",
    "update": """
def update(params, grad, learning_rate):
    for key in params:
        params[key] -= learning_rate * grad[key]
""",
}

LOOPS = {  # entry by entry, as on paper
    "Relu": """
class Relu:
    def forward(self, x):
        self.x = x.copy()
        out = x.copy()
        for i in np.ndindex(x.shape):
            if x[i] < 0:
                out[i] = 0
        return out
    def backward(self, dout):
        dx = np.zeros_like(dout)
        for i in np.ndindex(dout.shape):
            if self.x[i] > 0:
                dx[i] = dout[i]
        return dx
""",
    "Sigmoid": """
import math
class Sigmoid:
    def one(self, x):
        return 1 / (1 + math.exp(-x)) if x > 0 else 1 - 1 / (1 + math.exp(x))
    def forward(self, x):
        self.x = x
        out = np.empty_like(x)
        for i in np.ndindex(x.shape):
            out[i] = self.one(x[i])
        return out
    def backward(self, dout):
        dx = np.empty_like(dout)
        for i in np.ndindex(dout.shape):
            y = self.one(self.x[i])
            dx[i] = dout[i] * y * (1 - y)
        return dx
""",
    "Affine": """
class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
    def forward(self, x):
        self.given = x
        N, (D, M) = len(x), self.W.shape
        rows = x.reshape(N, D)
        out = np.zeros((N, M), self.W.dtype)
        for n in range(N):
            for m in range(M):
                out[n, m] = self.b[m]
                for d in range(D):
                    out[n, m] += rows[n, d] * self.W[d, m]
        return out
    def backward(self, dout):
        rows = self.given.reshape(len(self.given), -1)
        self.dW, self.db, dx = 0 * self.W, 0 * self.b, 0 * rows
        for n, row in enumerate(dout):
            for m, each in enumerate(row):
                self.db[m] += each
                for d in range(len(self.W)):
                    self.dW[d, m] += each * rows[n, d]
                    dx[n, d] += each * self.W[d, m]
        return dx.reshape(self.given.shape)
""",
    "SoftmaxWithLoss": """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.dx = np.zeros(x.shape)
        total = 0.0
        for n in range(len(x)):
            row = t[n] if np.ndim(t) == 2 else [float(k == t[n]) for k in range(x.shape[1])]
            m = max(x[n])
            S = m + np.log(sum(np.exp(each - m) for each in x[n]))
            for k in range(x.shape[1]):
                total += row[k] * (S - x[n, k])
                self.dx[n, k] = (np.exp(x[n, k] - S) - row[k]) / len(x)
        return total / len(x)
    def backward(self, dout=1):
        return self.dx * dout
""",
    "numerical_gradient": """
def numerical_gradient(f, x):
    h = 0.0001
    grad = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        tmp = x[i]
        x[i] = tmp + h; fxh1 = f(x)
        x[i] = tmp - h; fxh2 = f(x)
        x[i] = tmp
        grad[i] = (fxh1 - fxh2) / 2 / h
    return grad
""",
    "TwoLayerNet": """
class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        W1 = weight_init_std * np.random.randn(input_size, hidden_size)
        W2 = weight_init_std * np.random.randn(hidden_size, output_size)
        self.first = Affine(W1, np.zeros(hidden_size))
        self.bend = Relu()
        self.second = Affine(W2, np.zeros(output_size))
        self.last = SoftmaxWithLoss()
        self.params = dict(W1=W1, b1=self.first.b, W2=W2, b2=self.second.b)
    def predict(self, x):
        return self.second.forward(self.bend.forward(self.first.forward(x)))
    def gradient(self, x, t):
        self.last.forward(self.predict(x), t)
        self.first.backward(self.bend.backward(self.second.backward(self.last.backward(1))))
        return dict(W1=self.first.dW, b1=self.first.db, W2=self.second.dW, b2=self.second.db)
""",
    "update": """
class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr
    def update(self, params, grads):
        for key in params.keys():
            params[key][...] = params[key] - self.lr * grads[key]
""",
}

# Base classes, functions beside the layers, einsum, annotations, names in other letters.
OBJECTS = {
    "Relu": """
class Layer:
    saved: "Anything" = None
    def keep(self, *arrays):
        self.saved = arrays
class ReLU(Layer):
    def forward(self, x: np.ndarray) -> ReLU:
        self.keep(np.where(x > 0, 1, 0).astype(x.dtype))
        return x * self.saved[0]
    def backward(self, dout):
        return np.multiply(dout, self.saved[0])
""",
    "Sigmoid": """
def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))
class Sigmoid(Layer):
    def forward(self, x):
        self.keep(sigmoid(x))
        return self.saved[0]
    def backward(self, dout):
        s, = self.saved
        return dout * (s - s ** 2)
""",
    "Affine": """
class Affine(Layer):
    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]
    @property
    def dW(self):
        return self.grads[0]
    @property
    def db(self):
        return self.grads[1]
    def forward(self, x):
        self.keep(x)
        W, b = self.params
        return np.einsum("nd,dm->nm", x.reshape(x.shape[0], -1), W) + b[None, :]
    def backward(self, dout):
        x, = self.saved
        self.grads[0][...] = np.tensordot(x.reshape(x.shape[0], -1), dout, [[0], [0]])
        self.grads[1][...] = np.ones(len(dout)) @ dout
        return np.einsum("nm,dm->nd", dout, self.params[0]).reshape(x.shape)
""",
    "SoftmaxWithLoss": """
def softmax(scores):
    e = np.exp(scores - np.max(scores, -1, keepdims=True))
    return e / np.sum(e, -1, keepdims=True)
def cross_entropy(y, t):
    if t.ndim == 1:
        return -np.mean(np.log(y[np.arange(len(t)), t]))
    return np.mean(-(np.where(t > 0, t, 0) * np.log(np.where(t > 0, y, 1))).sum(-1))
class SoftmaxWithLoss(Layer):
    def forward(self, x, t):
        self.keep(softmax(x), t)
        return cross_entropy(*self.saved)
    def backward(self, dout=1.0):
        y, t = self.saved
        if t.ndim == 1:
            dx = y.copy()
            dx[range(len(t)), t] -= 1
        else:
            dx = y - t
        dx *= dout / y.shape[0]
        return dx
""",
    "numerical_gradient": """
def numericalGradient(f, x, h=1e-5):
    grad = np.zeros_like(x)
    it = np.nditer(x, flags=["multi_index"], op_flags=["readwrite"])
    while not it.finished:
        i = it.multi_index
        value = x[i].copy()
        plus, minus = value + h, value - h
        x[i] = plus
        f1 = f(x)
        x[i] = minus
        f2 = f(x)
        grad[i] = (f1 - f2) / (plus - minus)
        x[i] = value
        it.iternext()
    return grad
""",
    "TwoLayerNet": """
class Chain:
    def __init__(self, *sizes, weight_init_std=0.01):
        self.layers = OrderedDict()
        for i, (D, M) in enumerate(zip(sizes, sizes[1:]), 1):
            self.layers[f"Affine{i}"] = Affine(weight_init_std * np.random.randn(D, M), np.zeros(M))
            self.layers[f"ReLU{i}"] = ReLU()
        self.layers.popitem()
        self.last_layer = SoftmaxWithLoss()
    @property
    def affines(self):
        return [layer for name, layer in self.layers.items() if name.startswith("Affine")]
    @property
    def params(self):
        arrays = {}
        for i, layer in enumerate(self.affines, 1):
            arrays[f"W{i}"], arrays[f"b{i}"] = getattr(layer, "params", None) or (layer.W, layer.b)
        return arrays
    def predict(self, x):
        from functools import reduce
        return reduce(lambda x, layer: layer.forward(x), self.layers.values(), x)
    def loss(self, x, t):
        return self.last_layer.forward(self.predict(x), t)
class TwoLayerNet(Chain):
    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last_layer.backward(1)
        layers = list(self.layers.values())
        layers.reverse()
        for layer in layers:
            dout = layer.backward(dout)
        grads = OrderedDict()
        for i, layer in enumerate(self.affines, 1):
            grads["W" + str(i)], grads["b" + str(i)] = layer.dW, layer.db
        return grads
""",
    "update": """
def update(params, grad, learning_rate=0.1):
    for key, parameter in params.items():
        np.subtract(parameter, np.multiply(grad[key], learning_rate), out=parameter)
    return params
""",
}

BOOK = {  # in the chapter's way, in words of our own; see its 5.5 to 5.7
    "Relu": """
class Relu:
    def __init__(self):
        self.mask = None
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out
    def backward(self, dout):
        dout[self.mask] = 0
        return dout
""",
    "Sigmoid": SHORT["Sigmoid"],
    "Affine": SHORT["Affine"],
    "SoftmaxWithLoss": """
class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x.T - np.max(x.T, axis=0))
        self.y, self.t = (e / np.sum(e, axis=0)).T, t
        return -np.sum(self.t * np.log(self.y + 1e-7)) / self.y.shape[0]
    def backward(self, dout=1):
        return (self.y - self.t) / self.t.shape[0]
""",
    "numerical_gradient": LOOPS["numerical_gradient"],
    "TwoLayerNet": SHORT["TwoLayerNet"],
    "update": SHORT["update"],
}
STYLES = {"short": SHORT, "loops": LOOPS, "objects": OBJECTS, "book": BOOK}


def graded(source, tmp_path, name="exercises.py"):
    """({part: Verdict}, notes), in this process."""
    path = tmp_path / name
    path.write_text(source, encoding="utf-8")
    names, notes = run_file(path)
    return {part: judge(part, names) for part in PARTS}, notes


@parametrize("style", STYLES)
def test_right_solutions_get_all_points(style, tmp_path):
    verdicts, notes = graded(HEAD + "".join(STYLES[style].values()), tmp_path)
    assert {part: verdict.status for part, verdict in verdicts.items()} == dict.fromkeys(
        PARTS, "right"
    ), verdicts
    assert notes == []


# Planted mistakes: in SHORT one piece of a part is replaced by another. The part that is wrong is
# named, and only that one; the sentence has the word that names the mistake.

# fmt: off
MISTAKES = [
    # Relu
    ("Relu", "dout * (self.x > 0)", "dout", "dout is returned"),
    ("Relu", "dout * (self.x > 0)", "dout * (self.x <= 0)", "wrong way round"),
    ("Relu", "dout * (self.x > 0)", "dout * (dout > 0)", "make it from x"),
    ("Relu", "dout * (self.x > 0)", "(self.x > 0) * 1.0", "dout is missing"),
    ("Relu", "dout * (self.x > 0)", "dout * np.maximum(self.x, 0)", "multiplied by out"),
    ("Relu", "dout * (self.x > 0)", "np.maximum(self.x, 0)", "x where x > 0"),
    ("Relu", "return dout * (self.x > 0)", "dout * (self.x > 0)", "return"),
    ("Relu", "dout * (self.x > 0)", "-dout * (self.x > 0)", "sign"),
    ("Relu", "dout * (self.x > 0)", "(dout * (self.x > 0)).T", "shape"),
    ("Relu", "dout * (self.x > 0)", "2 * dout * (self.x > 0)", "2 times"),
    ("Relu", "self.x = x\n", "self.x = getattr(self, 'x', x)\n", "batch before"),
    ("Relu", "self.x = x\n", "x[x < 0] = 0; self.x = x\n", "x.copy()"),
    ("Relu", "self.x = x\n", "Relu.x = x\n", "in self"),
    ("Relu", "np.maximum(x, 0)", "np.minimum(x, 0)", "smaller"),
    ("Relu", "np.maximum(x, 0)", "abs(x)", "become positive"),
    ("Relu", "np.maximum(x, 0)", "x", "x is returned"),
    ("Relu", "np.maximum(x, 0)", "np.where(x > 0, x, 0.01 * x)", "expected 0, got -0.02"),
    ("Relu", "np.maximum(x, 0)", "(x > 0) * 1.0", "1 where x > 0"),
    ("Relu", "np.maximum(x, 0)", "np.max(x, 0)", "shape"),
    ("Relu", "np.maximum(x, 0)", "x if x > 0 else 0", "ambiguous"),
    ("Relu", "np.maximum(x, 0)", "np.array([[max(v, 0) for v in row] for row in x])", "images"),
    ("Relu", "return np.maximum(x, 0)", "x[x <= 0]; return x", "x is returned"),
    ("Relu", "return np.maximum(x, 0)", "return np.maximum(x, 0).tolist()", "expected an array"),
    # Sigmoid
    ("Sigmoid", "dout * self.out * (1 - self.out)", "self.out * (1 - self.out)", "dout is missing"),
    ("Sigmoid", "dout * self.out * (1 - self.out)", "dout * self.out", "1 - out is missing"),
    ("Sigmoid", "dout * self.out * (1 - self.out)", "dout * (1 - self.out)", "factor out is"),
    ("Sigmoid", "dout * self.out * (1 - self.out)", "dout * dout * (1 - dout)", "not dout"),
    ("Sigmoid", "dout * self.out * (1 - self.out)", "dout * self.out * (1 + self.out)", "sign"),
    ("Sigmoid", "dout * self.out * (1 - self.out)", "dout * self.out * (self.out - 1)", "sign"),
    ("Sigmoid", "dout * self.out * (1 - self.out)", "dout * (1 - self.out ** 2)", "tanh"),
    ("Sigmoid", "self.out = 1 / (1 + np.exp(-x))\n        return self.out",
     "self.out = x\n        return 1 / (1 + np.exp(-x))", "out is needed, not x"),
    ("Sigmoid", "self.out = 1", "Sigmoid.out = 1", "in self"),
    ("Sigmoid", "np.exp(-x)", "np.exp(x)", "minus is missing"),
    ("Sigmoid", "1 / (1 + np.exp(-x))", "1 / 1 + np.exp(-x)", "brackets"),
    ("Sigmoid", "1 / (1 + np.exp(-x))", "1 / (1 - np.exp(-x))", "sign"),
    ("Sigmoid", "1 / (1 + np.exp(-x))", "np.tanh(x)", "tanh"),
    ("Sigmoid", "np.exp(-x)", "math.exp(-x)", "NameError"),
    # Affine
    ("Affine", "self.x @ self.W + self.b", "self.x @ self.W", "b is missing"),
    ("Affine", "self.x @ self.W + self.b", "self.x @ self.W.T + self.b", "not be transposed"),
    ("Affine", "self.x @ self.W + self.b", "self.x * self.W + self.b", "shape"),
    ("Affine", "dout @ self.W.T", "dout @ self.W", "W should be transposed"),
    ("Affine", "(dout @ self.W.T).reshape(self.shape)", "dout @ self.W.T", "shape of x"),
    ("Affine", "dout @ self.W.T", "np.ones_like(dout) @ self.W.T", "dout is missing"),
    ("Affine", "self.x.T @ dout", "dout.T @ self.x", "transpose"),
    ("Affine", "self.x.T @ dout", "self.x @ dout", "(2, 3)"),
    ("Affine", "self.x.T @ dout", "self.x.T @ dout / len(dout)", "divided by the batch"),
    ("Affine", "self.x.T @ dout", "-self.x.T @ dout", "sign"),
    ("Affine", "self.x.T @ dout", "(self.dW if self.dW is not None else 0) + self.x.T @ dout",
     "added"),
    ("Affine", "self.x.T @ dout", "self.x.T @ np.ones_like(dout)", "dout is missing"),
    ("Affine", "self.dW, self.db = self", "self.dw, self.db = self", "self.dw"),
    ("Affine", "dout.sum(axis=0)", "dout.sum(axis=1)", "axis=0"),
    ("Affine", "dout.sum(axis=0)", "dout.sum()", "axis=0"),
    ("Affine", "dout.sum(axis=0)", "dout.sum(axis=0, keepdims=True)", "keepdims"),
    ("Affine", "dout.sum(axis=0)", "dout.mean(axis=0)", "mean of the rows"),
    ("Affine", "dout.sum(axis=0)", "dout", "every row"),
    ("Affine", "dout.sum(axis=0)", "dout[0]", "one row"),
    ("Affine", "self.x = x.shape, x.reshape(len(x), -1)",
     "self.x = x.shape, getattr(self, 'x', x.reshape(len(x), -1))", "batch before"),
    ("Affine", "self.W, self.b, self.dW", "self.b, self.W, self.dW", "raised"),
    ("Affine", "return (dout", "self.W -= 0.1 * self.dW; return (dout", "leaves W to update"),
    # SoftmaxWithLoss
    ("SoftmaxWithLoss", "log_y) / len(x)", "log_y)", "batch size"),
    ("SoftmaxWithLoss", "-np.sum(self.t * log_y)", "np.sum(self.t * log_y)", "minus"),
    ("SoftmaxWithLoss", "-np.sum(self.t * log_y) / len(x)", "-np.mean(self.t * log_y)",
     "mean over all entries"),
    ("SoftmaxWithLoss", "-np.sum(self.t * log_y) / len(x)", "-np.sum(self.t * log_y, axis=1)",
     "return their mean"),
    ("SoftmaxWithLoss", "-np.sum(self.t * log_y)", "-np.sum(self.t * log_y) / np.log(2)", "base 2"),
    ("SoftmaxWithLoss", "-np.sum(self.t * log_y)", "-np.sum(self.t * self.y)", "logarithm"),
    ("SoftmaxWithLoss", "-np.sum(self.t * log_y)", "-np.sum(log_y)", "t is missing"),
    ("SoftmaxWithLoss", "np.exp(x).sum(axis=1, keepdims=True)", "np.exp(x).sum(axis=0)",
     "each row"),
    ("SoftmaxWithLoss", "np.exp(x).sum(axis=1, keepdims=True)", "np.exp(x).sum(axis=1)",
     "broadcast"),
    ("SoftmaxWithLoss", "np.exp(x).sum(axis=1, keepdims=True)", "np.exp(x).sum()", "whole batch"),
    ("SoftmaxWithLoss", "x = x - x.max(axis=1, keepdims=True)\n", "pass\n", "overflows"),
    ("SoftmaxWithLoss", "x = x - x.max", "x -= x.max", "x.copy()"),
    ("SoftmaxWithLoss", "forward(self, x, t):", "forward(self, t, x):", "swapped"),
    ("SoftmaxWithLoss", "(self.y - self.t) / len(self.y)", "(self.y - self.t)", "batch size"),
    ("SoftmaxWithLoss", "(self.y - self.t) / len", "(self.t - self.y) / len", "sign"),
    ("SoftmaxWithLoss", "(self.y - self.t) / len", "self.y / len", "t is missing"),
    ("SoftmaxWithLoss", "(self.y - self.t) / len(self.y)", "(self.y - self.t) / self.y.shape[1]",
     "number of classes"),
    ("SoftmaxWithLoss", "(self.y - self.t) / len(self.y)", "(self.y - self.t) / self.y.size",
     "N C"),
    ("SoftmaxWithLoss", "(self.y - self.t) / len(self.y)", "(-self.t / self.y) / len(self.y)",
     "with respect to y"),
    ("SoftmaxWithLoss", "(self.y - self.t) /", "(self.y - self.t) * self.y * (1 - self.y) /",
     "leave out"),
    ("SoftmaxWithLoss", "self.y = np", "self.y = self.y if hasattr(self, 'y') else np", "before"),
    ("SoftmaxWithLoss", "self.t = np", "self.t = self.t if hasattr(self, 't') else np", "before"),
    ("SoftmaxWithLoss", "(self.y - self.t) / len(self.y)", "1", "shape"),
    ("SoftmaxWithLoss", "np.exp(x).sum(axis=1, keepdims=True))\n        self.y = np.exp(log_y)\n"
     "        return -np.sum(self.t * log_y) / len(x)",
     "np.exp(x).sum())\n        self.y = np.exp(log_y)\n        return -np.sum(self.t * log_y)",
     "whole batch"),
    # numerical_gradient
    ("numerical_gradient", "(above - f(x)) / (2 * h)", "(above - f(x)) / 2 * h", "brackets"),
    ("numerical_gradient", "(above - f(x)) / (2 * h)", "(above - f(x)) / h", "2h"),
    ("numerical_gradient", "(above - f(x)) / (2 * h)", "above - f(x)", "2h"),
    ("numerical_gradient", "(above - f(x)) / (2 * h)", "(f(x) - above) / (2 * h)", "sign"),
    ("numerical_gradient", "x.flat[i] = old - h\n        grad.flat[i] = (above - f(x)) / (2 * h)",
     "x.flat[i] = old\n        grad.flat[i] = (above - f(x)) / h", "forward difference"),
    ("numerical_gradient", "1e-4", "1e-50", "rounding"),
    ("numerical_gradient", "1e-4", "0.01", "too large"),
    ("numerical_gradient", "        x.flat[i] = old\n", "", "put each old value back"),
    ("numerical_gradient", "grad, h = np.zeros_like(x), 1e-4",
     "x = x.copy(); grad, h = np.zeros_like(x), 1e-4", "in place"),
    ("numerical_gradient", "x.size", "len(x)", "expected"),
    ("numerical_gradient", "grad, h = np.zeros_like(x), 1e-4", "grad, h = np.zeros(x.size), 1e-4",
     "shape"),
    ("numerical_gradient", "    return grad\n", "", "return"),
    # predict
    ("predict", "x = layer.forward(x)", "out = layer.forward(x)", "x = layer.forward(x)"),
    ("predict", "        return x\n", "", "return"),
    ("predict", "            x = layer.forward(x)\n        return x\n",
     "            x = layer.forward(x)\n            return x\n", "Affine1"),
    ("predict", "        return x\n",
     "        return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)\n", "probabilities"),
    ("predict", "        return x\n", "        return x.argmax(axis=1)\n", "class"),
    ("predict", "for layer in self.layers.values()", "for layer in reversed(self.layers.values())",
     "Affine2"),
    ("predict", "for layer in self.layers.values()", "for layer in self.layers", "str"),
    # gradient
    ("gradient", "        self.loss(x, t)\n        dout", "        dout", "self.loss(x, t) first"),
    ("gradient", "            dout = layer.backward(dout)", "            layer.backward(dout)",
     "dout = layer.backward(dout)"),
    ("gradient", "reversed(self.layers.values())", "self.layers.values()", "Affine1"),
    ("gradient", "self.lastLayer.backward()", "1", "lastLayer"),
    ("gradient", 'f"d{key}")', "key)", "itself"),
    ("gradient", "return {f", "{f", "return"),
    ("gradient", 'f"{key}{i}"', 'f"{key}{3 - i}"', "gradient of"),
    ("gradient", 'f"{key}{i}"', 'f"d{key}{i}"', "keys"),
    ("gradient", "enumerate(affines, start=1)", "enumerate(affines[:1], start=1)", "W2"),
    ("gradient", "        affines =", "        for p in self.params.values(): p -= 0.1\n"
     "        affines =", "leave the parameters"),
    # update
    ("update", "-=", "+=", "sign"),
    ("update", "learning_rate * grad[key]", "grad[key]", "learning_rate is missing"),
    ("update", "params[key] -= learning_rate", "params[key] = params[key] - learning_rate",
     "in place"),
    ("update", "params[key] -= learning_rate * grad[key]", "params[key][...] = grad[key]",
     "subtract"),
    ("update", "params[key] -=", "params[key] -= learning_rate *", "squared"),
    ("update", "for key in params:\n        params[key] -= learning_rate * grad[key]",
     "return {key: params[key] - learning_rate * grad[key] for key in params}", "in place"),
    ("update", "for key in params", "for key in ('W1', 'b1')", "unchanged"),
    ("update", "params[key] -= learning_rate * grad[key]",
     "params[key] -= learning_rate * grad[key]; return", "unchanged"),
]
# fmt: on


@parametrize("part, old, new, word", MISTAKES)
def test_a_planted_mistake_is_found_and_named_and_no_other_part_is_blamed(
    part, old, new, word, tmp_path
):
    owner = "TwoLayerNet" if part in ("predict", "gradient") else part
    assert old in SHORT[owner]
    source = SHORT | {owner: SHORT[owner].replace(old, new)}
    verdicts, notes = graded(HEAD + "".join(source.values()), tmp_path)
    assert notes == []
    assert [each for each in PARTS if verdicts[each].status != "right"] == [part], verdicts
    assert verdicts[part].status == "wrong" and word in verdicts[part].sentences[0]


def test_the_books_own_way_has_a_remark_for_each_of_its_habits(tmp_path):
    verdicts, _ = graded(HEAD + "".join(BOOK.values()), tmp_path)
    [about_dout] = verdicts["Relu"].sentences
    assert "dout" in about_dout
    remarks = verdicts["SoftmaxWithLoss"].sentences
    for word in ("1e-7", "its dout", "class numbers", "1000"):
        assert any(word in remark for remark in remarks), word
    assert sum(len(verdict.sentences) for verdict in verdicts.values()) == 1 + len(remarks) <= 6


RAISE = "raise NotImplementedError"


@parametrize(
    "part, new, words",
    [
        ("Relu", "", ["no Relu"]),
        ("Relu", f"class Relu:\n    def forward(self, x):\n        {RAISE}\n", ["forward"]),
        ("Relu", SHORT["Relu"].replace("return dout * (self.x > 0)", RAISE), ["backward"]),
        ("Relu", SHORT["Relu"].split("    def backward")[0], ["backward"]),
        ("Relu", "from common.layers import Relu\n", ["common.layers"]),
        ("Relu", "def relu(x): return np.maximum(x, 0)\n", ["no Relu"]),
        (
            "SoftmaxWithLoss",
            SHORT["SoftmaxWithLoss"].replace(
                "return dout * (self.y - self.t) / len(self.y)", RAISE
            ),
            ["backward"],
        ),
        ("numerical_gradient", f"def numerical_gradient(f, x): {RAISE}\n", []),
        ("predict", SHORT["TwoLayerNet"].replace("        return x\n", f"        {RAISE}\n"), []),
        ("gradient", SHORT["TwoLayerNet"].replace("def gradient", "def slope"), ["gradient"]),
        ("update", "", ["no update"]),
    ],
)
def test_what_is_not_written_yet_is_neither_right_nor_wrong(part, new, words, tmp_path):
    owner = "TwoLayerNet" if part in ("predict", "gradient") else part
    verdicts, notes = graded(HEAD + "".join((SHORT | {owner: new}).values()), tmp_path)
    assert [each for each in PARTS if verdicts[each].status != "right"] == [part], verdicts
    assert verdicts[part].status == "not yet" and notes == []
    assert all(word in " ".join(verdicts[part].sentences) for word in words)


def test_a_wrong_forward_is_told_though_backward_is_not_written_yet(tmp_path):
    Sigmoid = "class Sigmoid:\n    def forward(self, x):\n        return 1 / (1 + np.exp(x))\n"
    verdicts, _ = graded(HEAD + Sigmoid, tmp_path)
    assert verdicts["Sigmoid"].status == "wrong" and "minus" in verdicts["Sigmoid"].sentences[0]


def test_the_skeleton_is_not_yet_written_imports_only_numpy_and_trains_when_it_is(tmp_path):
    skeleton = SKELETON.read_text(encoding="utf-8")
    verdicts, notes = graded(skeleton, tmp_path)
    assert {verdict.status for verdict in verdicts.values()} == {"not yet"} and notes == []
    imports = [line for line in skeleton.splitlines() if line.startswith(("import", "from"))]
    assert imports == ["from collections import OrderedDict", "import numpy as np"]
    head, main = skeleton.split("if __name__")
    filled = head + "".join(SHORT.values()) + "\nif __name__" + main
    (tmp_path / "filled.py").write_text(filled, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "filled.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "[ True  True  True  True]" in done.stdout
    losses = [float(line.split()[-1]) for line in done.stdout.splitlines() if "loss" in line]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.05


def test_the_right_numbers_are_those_of_autograd_and_of_paper():
    """Of the judges: the loss, its gradient, and the gradient of the network."""
    x, t = np.log([[1.0, 2, 5], [4, 4, 8]]), np.array([[0, 1, 0], [0, 0, 1]])
    loss, dx = judges.right_loss(x, t)  # y of the right classes is 2/8 and 8/16
    assert loss == pytest.approx((np.log(4) + np.log(2)) / 2)
    np.testing.assert_allclose(dx, [[1 / 16, -3 / 8, 5 / 16], [1 / 8, 1 / 8, -1 / 4]])

    def network_loss(params, x, t):
        z = anp.maximum(anp.dot(x, params["W1"]) + params["b1"], 0)
        scores = anp.dot(z, params["W2"]) + params["b2"]
        log_y = scores - anp.log(anp.sum(anp.exp(scores), axis=1, keepdims=True))
        return -anp.sum(t * log_y) / len(x)

    class Bare:
        def __init__(self, D, H, C):
            self.params = dict(zip(judges.KEYS, map(np.zeros, ((D, H), H, (H, C), C))))

    params = judges.new_network(Bare).params
    for _, x, t in judges.NETWORK_BATCHES:
        grad = judges.right_gradient(params, x, t)
        want = autograd.grad(network_loss)(params, x, t)
        for key in judges.KEYS:
            np.testing.assert_allclose(grad[key], want[key], rtol=1e-9, atol=1e-12)
        scores = np.maximum(x @ params["W1"] + params["b1"], 0) @ params["W2"] + params["b2"]
        assert (scores < -0.1).any() and (scores > 0.1).any()  # so that a Relu at the end shows


def test_an_extra_relu_at_the_end_of_the_network_is_found(tmp_path):
    net = SHORT["TwoLayerNet"].replace('self.params["b2"]))', 'self.params["b2"]), Relu2=Relu())')
    assert net != SHORT["TwoLayerNet"]
    verdicts, _ = graded(HEAD + "".join((SHORT | {"TwoLayerNet": net}).values()), tmp_path)
    wrong = [part for part in PARTS if verdicts[part].status == "wrong"]
    assert wrong == ["predict", "gradient"] and "Relu2" in verdicts["predict"].sentences[0]


def test_numerical_gradients_are_no_backprop(tmp_path):
    net = SHORT["TwoLayerNet"].split("    def gradient")[0] + (
        "    def gradient(self, x, t):\n"
        "        f = lambda _: self.loss(x, t)\n"
        "        return {key: numerical_gradient(f, p) for key, p in self.params.items()}\n"
    )
    verdicts, _ = graded(HEAD + "".join((SHORT | {"TwoLayerNet": net}).values()), tmp_path)
    assert [part for part in PARTS if verdicts[part].status != "right"] == ["gradient"]


def test_a_wrong_layer_costs_its_own_point_only(tmp_path):
    """Three layers are wrong, and predict too: gradient is judged by itself."""
    source = SHORT | {
        "Relu": SHORT["Relu"].replace("dout *", "2 * dout *"),
        "Affine": SHORT["Affine"].replace("sum(axis=0)", "mean(axis=0)"),
        "SoftmaxWithLoss": SHORT["SoftmaxWithLoss"].replace("dout * (", "(1 + dout) * ("),
        "TwoLayerNet": SHORT["TwoLayerNet"].replace("        return x\n", ""),
    }
    verdicts, _ = graded(HEAD + "".join(source.values()), tmp_path)
    wrong = [part for part in PARTS if verdicts[part].status == "wrong"]
    assert wrong == ["Relu", "Affine", "SoftmaxWithLoss", "predict"]


def test_a_misspelt_init_is_thought_of(tmp_path):
    Affine = SHORT["Affine"].replace("__init__", "__int__")
    verdicts, _ = graded(HEAD + Affine, tmp_path)
    assert verdicts["Affine"].status == "wrong" and "misspelt" in verdicts["Affine"].sentences[0]


# What a file does while it runs


@parametrize(
    "line, notes",
    [
        ("", 0),
        ("if __name__ == '__main__':\n    1 / 0", 0),
        ("from __future__ import annotations", 0),
        ("def f(x: Nothing) -> Nowhere: return x", 0),
        ("np.float = float", 0),
        ("import google.colab", 1),
        ("1 / 0", 1),
        ("import sys; sys.exit()", 1),
        ("open('weights.npz')", 1),
        ("np.exp = np.sum = lambda *args, **more: 7", 2),
        ("while True: pass", 1),
        # As a training that ends early at Ctrl-C, and the loop around it goes on.
        ("for _ in range(3):\n    try:\n        while True: pass\n"
         "    except KeyboardInterrupt: pass", 1),
    ],
)  # fmt: skip
@parametrize("at_the_end", [False, True])
def test_what_else_is_in_a_file_hides_nothing(line, notes, at_the_end, tmp_path):
    parts = [HEAD, "\n".join(SHORT.values())]
    parts.insert(2 if at_the_end else 1, f"{line}\n")
    path = tmp_path / "exercises.py"
    path.write_text("".join(parts), encoding="utf-8")
    names, noted = run_file(path, seconds=0.5 if "while" in line else 60)
    assert len(noted) == notes
    assert {judge(part, names).status for part in PARTS} == {"right"}


def test_a_notebook_is_read_by_its_code_cells(tmp_path):
    """Without magics and shell lines; a cell that fails hides none of the others."""
    cells = [
        "%matplotlib inline\n!pip install numpy\nimport numpy as np\nnp.sum?",
        "%%bash\necho 1",
        "%%time\nfrom collections import OrderedDict\nfor i in range(2):\n    !echo {i}",
        '1 / 0\nTEXT = """\n% no magic\n"""',
        "class Relu(",
        *SHORT.values(),
        'assert TEXT == "\\n% no magic\\n"',
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# Text"), *map(nbformat.v4.new_code_cell, cells)]
    )
    nbformat.write(notebook, tmp_path / "exercises.ipynb")
    names, notes = run_file(tmp_path / "exercises.ipynb")
    assert {judge(part, names).status for part in PARTS} == {"right"}
    assert len(notes) == 2 and "cell 4" in notes[0] and "cell 5" in notes[1], notes


@parametrize(
    "name, content",
    [
        ("a.py", b"class Relu(:\n"),
        ("a.py", "x = 'é'".encode("latin-1")),
        ("a.py", b"x = 1\0"),
        ("a.ipynb", b"class Relu: pass"),
        ("a.ipynb", b"[]"),
        ("a.ipynb", b""),
    ],
)
def test_what_python_cant_read_is_told(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable, match=name):
        run_file(tmp_path / name)


# Files that harm themselves, each in a process of its own

LONG = "        while True:\n            pass\n"
DEAF = (
    "        while True:\n            try:\n                import time; time.sleep(9)\n"
    "            except BaseException:\n                pass\n"
)


@parametrize(
    "line, word",
    [
        (LONG, "still running"),
        (DEAF, "still running"),
        ("        import sys; sys.exit(0)\n", "exit"),
        ("        import os; os._exit(0)\n", "ended the program"),
        ("        import os; os.kill(os.getpid(), 9)\n", "ended the program"),
        ("        return self.forward(x)\n", "RecursionError"),
        ("        input()\n", "EOFError"),
        ("        np.ones((10**9, 10**9))\n", "Memory"),
        ("        print('x' * 50_000_000); 1 / 0\n", "ZeroDivisionError"),
        ("        np.log(0.0); import warnings; warnings.warn('no')\n", "UserWarning"),
    ],
    ids="long deaf exit _exit killed recursion input memory print warnings".split(),
)
def test_a_part_that_ends_or_stops_the_program_costs_its_own_point_only(line, word, tmp_path):
    Sigmoid = SHORT["Sigmoid"].replace("        self.out = 1", line + "        self.out = 1")
    top = "np.seterr(all='raise')\nimport warnings; warnings.simplefilter('error')\n"
    path = tmp_path / "exercises.py"
    source = (SHORT | {"Sigmoid": Sigmoid}).values()
    path.write_text(HEAD + (top if "warn(" in line else "") + "".join(source), encoding="utf-8")
    verdicts, notes = grade_file(path, seconds=2)
    assert [part for part in PARTS if verdicts[part].status != "right"] == ["Sigmoid"], verdicts
    assert word in verdicts["Sigmoid"].sentences[0] and notes == []


@parametrize("line, status", [("import os; os._exit(0)", "wrong"), ("while True: pass", "right")])
def test_files_that_end_at_once_or_go_on_for_ever(line, status, tmp_path):
    path = tmp_path / "exercises.py"
    path.write_text(f"{HEAD}{''.join(SHORT.values())}\n{line}\n", encoding="utf-8")
    verdicts, _ = grade_file(path, seconds=2)
    assert {verdict.status for verdict in verdicts.values()} == {status}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_processes_that_a_file_starts_end_with_it(tmp_path):
    pids, path = tmp_path / "pids", tmp_path / "exercises.py"
    fork = (
        "        if os.fork() == 0:\n"
        f"            print(os.getpid(), file=open({str(pids)!r}, 'a'), flush=True)\n"
        "            if len(x) > 1: time.sleep(1000)\n"  # the other one goes on judging
    )
    source = "".join(SHORT.values()).replace("        self.out = 1", fork + "        self.out = 1")
    path.write_text(f"{HEAD}import os, time\n{source}", encoding="utf-8")
    verdicts, _ = grade_file(path)
    assert [verdict.status for verdict in verdicts.values()] == ["right"] * len(PARTS)
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) > 5
    end = time.monotonic() + 30
    while any(map(alive, started)):
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


# The command


def run_grade(*args, cwd):
    return subprocess.run(
        [sys.executable, str(GRADE), *args], cwd=cwd, capture_output=True, text=True
    )


def test_the_command_prints_writes_and_says_by_its_status_whether_all_is_right(tmp_path):
    right = HEAD + "".join(SHORT.values())
    files = {
        "a/exercises.py": right,
        "b/exercises.py": right.replace("dout * (self.x > 0)", "dout"),
        "b/.ipynb_checkpoints/exercises.py": right,
        "c/notes.txt": "",
        "c/numpy.py": "import os\nos._exit(0)\n",
        "d/张三.py": "class Relu(:",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run_grade(".", "--csv", "points.csv", "--json", "points.json", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr == ""
    grades = json.loads((tmp_path / "points.json").read_text(encoding="utf-8"))
    wrong, rights = dict.fromkeys(PARTS, "wrong"), dict.fromkeys(PARTS, "right")
    names = ["a/exercises.py", "b/exercises.py", "c/numpy.py", "d/张三.py"]
    a, b, c, d = (str(Path(name)) for name in names)
    assert grades == [
        {"file": a, "parts": rights, "points": 8, "of": 8},
        {"file": b, "parts": rights | {"Relu": "wrong"}, "points": 7, "of": 8},
        {"file": c, "parts": wrong, "points": 0, "of": 8},
        {"file": d, "parts": wrong, "points": 0, "of": 8},
    ]
    assert (tmp_path / "points.csv").read_bytes().startswith(b"\xef\xbb\xbf")  # for Excel
    with open(tmp_path / "points.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [a, b, c, d]
    assert rows[1] == {"file": b, **rights, "Relu": "wrong", "points": "7", "of": "8"}
    done = run_grade("a/exercises.py", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.count("right") == len(PARTS)
    assert "8 of 8" in done.stdout


@parametrize(
    "args",
    [
        [],
        ["nothing.py"],
        ["nothing*.py"],
        ["points.csv"],
        ["empty"],
        ["a.py", "--csv", "no/such/folder.csv"],
        ["a.py", "--json", "empty"],
        ["a.py", "--seconds", "0"],
        ["a.py", "--seconds", "nan"],
        ["a.py", "--colour"],
    ],
)
def test_options_that_cant_be_used_have_status_2(args, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.py", "points.csv"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as stop:
        grade.parse(args)
    assert stop.value.code == 2 and "grade.py: error" in capsys.readouterr().err


def test_a_pattern_that_the_shell_leaves_as_it_is_is_read_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.py", "a.py", "c.ipynb", "d.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in grade.parse(["*"]).files] == ["a.py", "b.py", "c.ipynb"]


@parametrize("style", ["loops", "short"])
def test_a_wrong_gradient_is_told_whatever_the_network_keeps(style, tmp_path):
    """Where predict isn't at fault, what is said is about gradient."""
    net = STYLES[style]["TwoLayerNet"]
    net = net.replace("W1=self.first.dW", "W1=-self.first.dW").replace('f"d{key}"', "key")
    verdicts, _ = graded(HEAD + "".join((SHORT | {"TwoLayerNet": net}).values()), tmp_path)
    assert [part for part in PARTS if verdicts[part].status != "right"] == ["gradient"]
    assert verdicts["gradient"].sentences[0].startswith("grad['W1']")


# The page for the classroom


PAGES = [
    (GRADE.parent / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")
]


def blocks(page):
    return re.findall(r"```(.*?)\n(.*?)```", page, flags=re.DOTALL)


def test_both_pages_have_the_same_commands_and_name_files_that_exist():
    # Each names the notebook in its own language.
    english, chinese = (blocks(page.replace(".zh.ipynb", ".ipynb")) for page in PAGES)
    assert english == chinese and len(english) >= 7
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)\)", page):
            assert (GRADE.parent / link).exists(), link
        assert page.count("|---|") == PAGES[0].count("|---|")


def test_what_the_page_shows_is_what_the_grader_says(tmp_path):
    """And the numbers for the board are right."""
    source = BOOK | {"Sigmoid": SHORT["Sigmoid"].replace(" * (1 - self.out)", "")}
    source["Affine"] = (
        SHORT["Affine"].split("        self.dW, self.db = self")[0] + f"        {RAISE}\n"
    )
    verdicts, notes = graded(HEAD + "".join(source.values()), tmp_path)
    printed = grade.report(Path("handed_in/li/exercises.py"), verdicts, notes)
    [shown] = [text for kind, text in blocks(PAGES[0]) if kind == ""]
    assert printed.startswith(shown.removesuffix("  ...\n"))

    x, W, dout = np.array([[1, 2]]), np.array([[2, 1], [0, 3]]), np.array([[1, -1]])
    assert (x @ W).tolist() == [[2, 7]] and (dout @ W.T).tolist() == [[1, -3]]
    assert (x.T @ dout).tolist() == [[1, -1], [2, -2]]
    loss, dx = judges.right_loss(np.log([[1.0, 2, 5]]), np.array([[0, 1, 0]]))
    assert loss == pytest.approx(np.log(4)) and np.allclose(dx * 8, [[1, -6, 5]])
