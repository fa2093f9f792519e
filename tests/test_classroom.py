"""The grader for a class: right solutions get all points, planted mistakes are found and named.

Most tests judge in this process; the last ones start grade.py as a teacher does.
"""

from pathlib import Path

import pytest

from ch05.classroom.handed_in import run_file
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
    for parameter, gradient in zip(params.values(), grad.values()):
        np.subtract(parameter, np.multiply(gradient, learning_rate), out=parameter)
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
    ("Sigmoid", "1 / (1 + np.exp(-x))", "np.exp(x) / (1 + np.exp(x))", "overflows"),
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
    ("Affine", "self.x.T @ dout", "self.x.T @ dout / len(dout)", "divided by twice"),
    ("Affine", "self.x.T @ dout", "-self.x.T @ dout", "sign"),
    ("Affine", "self.x.T @ dout", "(self.dW if self.dW is not None else 0) + self.x.T @ dout",
     "added"),
    ("Affine", "self.x.T @ dout", "self.x.T @ np.ones_like(dout)", "dout is missing"),
    ("Affine", "self.dW, self.db = self", "self.dw, self.db = self", "self.dw"),
    ("Affine", "dout.sum(axis=0)", "dout.sum(axis=1)", "axis=0"),
    ("Affine", "dout.sum(axis=0)", "dout.sum()", "axis=0"),
    ("Affine", "dout.sum(axis=0)", "dout.sum(axis=0, keepdims=True)", "keepdims"),
    ("Affine", "dout.sum(axis=0)", "dout.mean(axis=0)", "divided"),
    ("Affine", "dout.sum(axis=0)", "dout", "every row"),
    ("Affine", "dout.sum(axis=0)", "dout[0]", "one row"),
    ("Affine", "self.x = x.shape, x.reshape(len(x), -1)",
     "self.x = x.shape, getattr(self, 'x', x.reshape(len(x), -1))", "batch before"),
    ("Affine", "self.W, self.b, self.dW", "self.b, self.W, self.dW", "raised"),
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
