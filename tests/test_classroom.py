"""The grader for a class: right solutions get all points, planted mistakes are found and named.

Most tests judge in this process; the last ones start one for each file, as a teacher does.
"""

import ast
import csv
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from hand_ins import BOOK, HEAD, OBJECTS, SHORT

from ch05.classroom import grade, handed_in, words
from ch05.classroom.answers import CAUSES
from ch05.classroom.judges import PARTS, judge
from ch05.classroom.reading import HandIn, Unreadable, run
from ch05.classroom.words import CHINESE

ROOT = Path(__file__).resolve().parent.parent
GRADE = ROOT / "ch05" / "classroom" / "grade.py"
parametrize = pytest.mark.parametrize


def source(changed=(), end=""):
    """A right file: with {name: another source of that class or function}, and more at the end."""
    return HEAD + "".join((SHORT | dict(changed)).values()) + end


def graded(text, seconds=10):
    """({part: Verdict}, notes), in this process."""
    names, notes = run(HandIn("exercises.py", text.encode()), seconds)
    known = {}
    return {part: judge(part, names, known) for part in PARTS}, notes


def not_right(verdicts):
    """{part: status} of those that have no point."""
    return {part: each.status for part, each in verdicts.items() if each.status != "right"}


def replaced(name, old, new, parts=SHORT):
    assert old in parts[name]
    return {name: parts[name].replace(old, new)}


# Planted mistakes: in SHORT one piece of a part is replaced by another. The part that is wrong is
# named, and only that one; the sentence has the word that names the mistake.
# {part: {piece: {other piece: word}}}
MISTAKES = {
    "Relu": {
        "dout * (self.x > 0)": {"dout": "dout is returned",
            "dout * (self.x <= 0)": "wrong way round", "dout * (dout > 0)": "make it from x",
            "(self.x > 0) * 1.0": "dout is missing",
            "dout * np.maximum(self.x, 0)": "multiplied by out",
            "np.maximum(self.x, 0)": "x where x > 0", "-dout * (self.x > 0)": "sign",
            "(dout * (self.x > 0)).T": "shape"},
        "return dout * (self.x > 0)": {"dout * (self.x > 0)": "return"},
        "self.x = x\n": {"self.x = getattr(self, 'x', x)\n": "batch before",
            "x[x < 0] = 0; self.x = x\n": "x.copy()", "Relu.x = x\n": "in self"},
        "np.maximum(x, 0)": {"np.minimum(x, 0)": "smaller", "x": "x is returned",
            "np.where(x > 0, x, 0.01 * x)": "expected 0, got -0.02",
            "(x > 0) * 1.0": "1 where x > 0", "x if x > 0 else 0": "ambiguous",
            "np.array([[max(v, 0) for v in row] for row in x])": "images"},
        "return np.maximum(x, 0)": {"return np.maximum(x, 0).tolist()": "expected an array"},
        "self.x > 0": {"self.x >= 0": "at x = 0 it should be 0: take"},
        "def forward": {"def forword": "is forword meant"},
        "def backward": {"def relu_backward": "is relu_backward meant"}},
    "Sigmoid": {
        "dout * self.out * (1 - self.out)": {"self.out * (1 - self.out)": "dout is missing",
            "dout * self.out": "1 - out is missing", "dout * (1 - self.out)": "factor out is",
            "dout * (s := 1 / (1 + np.exp(-self.out))) * (1 - s)": "once more",
            "dout * (1 - self.out ** 2)": "tanh"},
        "self.out = 1 / (1 + np.exp(-x))\n        return self.out": {
            "self.out = x\n        return 1 / (1 + np.exp(-x))": "out is needed, not x"},
        "np.exp(-x)": {"np.exp(x)": "minus is missing", "math.exp(-x)": "NameError"},
        "1 / (1 + np.exp(-x))": {"1 / 1 + np.exp(-x)": "brackets", "1 / (1 - np.exp(-x))": "sign"},
        "class Sigmoid": {"class Sigmiod": "is Sigmiod meant"}},
    "Affine": {
        "self.x @ self.W + self.b": {"self.x @ self.W": "b is missing",
            "self.x @ self.W.T + self.b": "not be transposed", "self.x * self.W + self.b": "shape"},
        "dout @ self.W.T": {"dout @ self.W": "W should be transposed"},
        "(dout @ self.W.T).reshape(self.shape)": {"dout @ self.W.T": "shape of x"},
        "self.x.T @ dout": {"dout.T @ self.x": "transpose", "self.x @ dout": "(2, 3)",
            "self.x.T @ dout / len(dout)": "divided by N",
            "(self.dW if self.dW is not None else 0) + self.x.T @ dout": "added"},
        "self.dW, self.db = self": {"self.dw, self.db = self": "self.dw"},
        "dout.sum(axis=0)": {"dout.sum(axis=1)": "axis=0", "dout.sum()": "axis=0",
            "dout.sum(axis=0, keepdims=True)": "keepdims", "dout.mean(axis=0)": "mean of the rows",
            "dout": "add up the rows", "dout.squeeze().sum(axis=0)": "one sample"},
        "return (": {"self.W -= 1; return (": "W to update", "self.x *= 0; return (": "changes x"},
        "return (dout @ self.W.T).reshape(self.shape)": {
            "return (dout @ self.W.T).reshape(self.shape), self.dW": "tuple of 2; return dx"}},
    "SoftmaxWithLoss": {
        "self.y - self.t)": {"dx := self.y - self.t, self.t.fill(0))[0]": "backward changes t"},
        "return dout * (self.y": {"return 1.5 * (self.y": "1.5 times",
            "return 1.00002 * (self.y": "-0.37500"},
        "-np.sum(self.t * log_y) /": {
            "-np.sum(self.t * log_y + (1 - self.t) * np.log(1 - self.y)) /": "binary"},
        "log_y) / len(x)": {"log_y)": "batch size", "log_y) / len(x), t": "2; return loss alone"},
        "-np.sum(self.t * log_y)": {"np.sum(self.t * log_y)": "minus",
            "-np.sum(self.t * self.y)": "logarithm", "-np.sum(log_y)": "t is missing"},
        "-np.sum(self.t * log_y) / len(x)": {"-np.mean(self.t * log_y)": "N C",
            "-np.sum(self.t * log_y, axis=1)": "return their mean",
            "-self.t * log_y": "add up over the classes"},
        "np.exp(x).sum(axis=1, keepdims=True)": {"np.exp(x).sum(axis=0)": "each row",
            "np.exp(x).sum(axis=1)": "broadcast", "np.exp(x).sum()": "each row"},
        "x = x - x.max(axis=1, keepdims=True)\n": {"pass\n": "subtract from each row"},
        "x = x - x.max": {"x -= x.max": "x.copy()"},
        "forward(self, x, t):": {"forward(self, t, x):": "swapped",
            "forward(self, x, t):\n        return -np.sum(t * np.log(x)) / len(x)":
                "softmax is missing"},
        "(self.y - self.t) / len(self.y)": {"(self.y - self.t)": "batch size",
            "(self.y - self.t) / self.y.shape[1]": "number of classes",
            "(self.y - self.t) / self.y.size": "N C",
            "(-self.t / self.y) / len(self.y)": "dL/dy", "1": "shape"},
        "(self.y - self.t) / len": {"(self.t - self.y) / len": "sign",
            "self.y / len": "t is missing"},
        "(self.y - self.t) /": {"(self.y - self.t) * self.y * (1 - self.y) /": "leave out"},
        "self.t = np": {"self.t = self.t if hasattr(self, 't') else np": "before"},
        "np.exp(x).sum(axis=1, keepdims=True))\n        self.y = np.exp(log_y)\n"
        "        return -np.sum(self.t * log_y) / len(x)": {
            "np.exp(x).sum())\n        self.y = np.exp(log_y)\n"
            "        return -np.sum(self.t * log_y)": "each row"}},
    "numerical_gradient": {
        "(above - f(x)) / (2 * h)": {"(above - f(x)) / 2 * h": "brackets",
            "(above - f(x)) / h": "2h", "above - f(x)": "2h", "(f(x) - above) / (2 * h)": "sign",
            "(above - f(x)) * 1e-9": "2e-13 times", "above - f()": "TypeError: f() missing"},
        "x.flat[i] = old - h\n        grad.flat[i] = (above - f(x)) / (2 * h)": {
            "x.flat[i] = old\n        grad.flat[i] = (above - f(x)) / h": "forward difference"},
        "1e-4": {"1e-50": "every entry is 0", "0.01": "too large"},
        "        x.flat[i] = old\n": {"": "put each old value back"},
        "grad, h = np.zeros_like(x), 1e-4": {
            "x = x.copy(); grad, h = np.zeros_like(x), 1e-4": "in place",
            "grad, h = np.zeros(x.size), 1e-4": "shape"},
        "    return grad\n": {"        return grad\n": "only the first entry"},
        "        old =": {"        grad = np.zeros_like(x); old =": "last entry"},
        "= old - h": {"= x.flat[i] - h": "go back by 2h"}},
    "predict": {
        "for layer in self.layers.values():\n            x = layer.forward(x)": {
            "p = self.params; z = 1 / (1 + np.exp(-x @ p['W1'] - p['b1']))\n"
            "        x = np.exp(z @ p['W2'] + p['b2']); x /= x.sum(axis=1, keepdims=True)":
                "chapter 4"},
        "x = layer.forward(x)": {"out = layer.forward(x)": "the x of the next"},
        "return x\n": {"    return x\n": "Affine1", "return x.argmax(axis=1)\n": "class",
            "return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)\n": "probabilities"},
        "for layer in self.layers.values()": {
            "for layer in reversed(self.layers.values())": "Affine2"}},
    "gradient": {
        "self.loss(x, t)\n        dout": {"dout": "self.loss(x, t) called first",
            "self.predict(x)\n        dout": "lastLayer before its backward: is self.loss"},
        "dout = layer.backward(dout)": {"layer.backward(dout)": "the dout of the next"},
        "reversed(self.layers.values())": {"self.layers.values()": "Affine1"},
        "self.lastLayer.backward()": {"1": "lastLayer", "self.lastLayer.backward(2)": "2 times"},
        'f"d{key}")': {"key)": "itself"},
        "return {f": {"{f": "return"},
        'f"{key}{i}"': {'f"{key}{3 - i}"': "gradient of", 'f"d{key}{i}"': "keys"},
        "self.loss(x, t)\n        dout = self.lastLayer.backward()": {
            "dout = self.lastLayer.backward(self.loss(x, t))": "as its dout; it should be 1"},
        "affines =": {"for p in self.params.values(): p -= 0.1\n        affines =": "leave the"}},
    "update": {
        "-=": {"+=": "sign"},
        "learning_rate *": {"1 *": "learning_rate is missing", "0.1 *": "depend on learning_rate"},
        "params[key] -= learning_rate": {"params[key] = params[key] - learning_rate": "in place"},
        "params[key] -= learning_rate * grad[key]": {"params[key][...] = grad[key]": "subtract",
            "params[key] -= learning_rate * grad[key]; return": "unchanged"},
        "params[key] -=": {"params[key] =-": "write -="},
        "for key in params:\n        params[key] -= learning_rate * grad[key]": {
            "return {key: params[key] - learning_rate * grad[key] for key in params}": "in place",
            "for p, g in zip(params.values(), grad.values()):\n        p -= learning_rate * g":
                "order"}},
}  # fmt: skip
PLANTED = [(part, piece, *other) for part, pieces in MISTAKES.items()
           for piece, others in pieces.items() for other in others.items()]  # fmt: skip


@parametrize("part, old, new, word", PLANTED)
def test_a_planted_mistake_is_found_and_named_and_no_other_part_is_blamed(part, old, new, word):
    owner = "TwoLayerNet" if part in ("predict", "gradient") else part
    verdicts, notes = graded(source(replaced(owner, old, new)))
    assert not_right(verdicts) == {part: "wrong"} and notes == [], verdicts
    assert word in verdicts[part].sentences[0]


def test_the_books_own_way_has_a_remark_for_each_of_its_habits():
    verdicts, _ = graded(source(BOOK))
    assert "dout" in verdicts["Relu"].sentences[0]
    remarks = verdicts["SoftmaxWithLoss"].sentences
    for word in ("1e-7", "its dout", "class numbers", "1000"):
        assert any(word in remark for remark in remarks), word
    assert sum(len(verdict.sentences) for verdict in verdicts.values()) == 1 + len(remarks) <= 6


# What stands at the end of a right file, or in the place of parts of it; and what it makes of them.

RAISE = "raise NotImplementedError"
NOT = "not yet"
NUMBERS = """
class TwoLayerNet(TwoLayerNet):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        for i in "12":
            layer, W, b = self.layers["Affine" + i], f"W{i}", f"b{i}"
            layer.W = self.params[W] = self.params[W].astype(np.float32)
            layer.b = self.params[b] = self.params[b].astype(np.float32)[None]
    def gradient(self, x, t):
        grad = super().gradient(x.astype(self.params["W1"].dtype), t)
        return {k: each.reshape(self.params[k].shape).astype(float) for k, each in grad.items()}
"""
NUMERICAL = """
class TwoLayerNet(TwoLayerNet):
    def gradient(self, x, t):
        f = lambda _: self.loss(x, t)
        return {key: numerical_gradient(f, p) for key, p in self.params.items()}
"""
CHECKED = f"{NUMERICAL}        return super().gradient(x, t)\n".replace("return {", "check = {")
TURNED = SHORT["Affine"].replace("= W, b", "= W.T, b").replace("self.W.T", "self.W")
TURNED = TURNED.replace("self.x @ self.W ", "self.x @ self.W.T ")
WRONG_LAYERS = {
    **replaced("Relu", "multiply(dout", "multiply(2 * dout", OBJECTS),
    **replaced("Affine", "np.ones(len(dout)) @", "np.ones(len(dout)) / 2 @", OBJECTS),
    **replaced("SoftmaxWithLoss", "dout *", "2 * dout *", OBJECTS),
}
NO_PREDICT = replaced("TwoLayerNet", "return reduce", "reduce", OBJECTS)
LAYERS = "Relu Affine SoftmaxWithLoss"
INDENTED = SHORT["SoftmaxWithLoss"].replace("\n", "\n    ")
FORWARD = SHORT["numerical_gradient"].replace("1e-4", "1e-7").replace("- h", "").replace("2 *", "")
ADAM = SHORT["update"].replace("def update(", "class Adam:\n  def update(self, ")
LIBRARY = "import common.layers, common.gradient, ch05.two_layer_net\n"

CASES = {  # {status: {case: (what is in the file, or at its end; the parts that have this status; a
    # word about the first of them)}}
    "right": {case: (change, "", "") for case, change in {
        "short": SHORT, "objects": OBJECTS, "book": BOOK,
        "float32, and b as a row": NUMBERS,
        "float16, and b as a row": NUMBERS.replace("float32", "float16"),
        "b as a row": replaced("TwoLayerNet", "np.zeros(H)", "np.zeros((1, H))"),
        "W is kept in another form": {"Affine": TURNED},
        "a mask in the place of x": replaced(
            "Relu", "return dout * (self.x > 0)", "self.x[...] = self.x > 0; return dout * self.x"),
        "names become instances": "Relu = Relu()\nupdate = update({}, {}, 1)\n",
        "one made in an if": "if True:\n    class Relu(Relu):\n        pass\nRelu = Relu()\n",
        "half precision": replaced("Relu", "np.maximum(x, 0)", "np.maximum(x, 0).astype('f2')"),
        "chapter 6, and the skeleton's own update":
            f"def update(params, grad, learning_rate): {RAISE}\n{BOOK['update']}",
        "forward by a property": "class Relu(Relu):\n    @property\n    def forward(self):\n"
            "        return super().forward\n",
        "no default": replaced("TwoLayerNet", "weight_init_std=0.01", "weight_init_std"),
        "grad is scaled": replaced("update", "params[key] -= learning_rate *",
            "grad[key] *= learning_rate; params[key] -="),
        "steps back": replaced("numerical_gradient", "= old\n    return", "+= h\n    return"),
        "backward takes no dout": replaced(
            "SoftmaxWithLoss", ", dout=1):\n        return dout * (", "):\n        return ("),
        "a gradient that checks itself": CHECKED,
        "the library's below its own": f"from common.layers import *\n{LIBRARY}",
        "a helper of the library's below its own": (
            "def softmax(x): return x\nfrom common.functions import softmax\n"
            f"{BOOK['SoftmaxWithLoss']}np.random.seed = 42\n"),
        "labels that aren't asked for": replaced("SoftmaxWithLoss", "def forward(self, x, t):\n",
            f"def forward(self, x, t):\n        if np.ndim(t) == 1: {RAISE}\n"),
        "large x": replaced("Sigmoid", "1 / (1 + np.exp(-x))", "np.exp(x) / (1 + np.exp(x))"),
        "the skeleton's own Relu":
            f"class ReLU(Relu): pass\nclass Relu:\n    def forward(self, x): {RAISE}\n",
        "one number in an array": replaced(
            "SoftmaxWithLoss", "log_y) / len(x)", "log_y, keepdims=True)[0] / len(x)"),
    }.items()},
    "wrong": {
        "copies": (replaced("Affine", "= W, b", "= W.copy(), b.copy()"), "predict gradient",
            "a copy"),
        "too many arguments": ("class Relu(Relu):\n    def backward(self, dout, x): return dout\n",
            "Relu", "missing 1 required"),
        "None for a gradient": ("class TwoLayerNet(TwoLayerNet):\n    def gradient(self, x, t): "
            "return super().gradient(x, t) | {'W1': None}\n", "gradient", "grad['W1'] is None"),
        "h is too large": (replaced("numerical_gradient", "1e-4", "3e-3"), "numerical_gradient",
            "got 3.00001"),
        "all layers": (OBJECTS | WRONG_LAYERS, LAYERS, "2 times"),
        "all layers, and predict": (OBJECTS | WRONG_LAYERS | NO_PREDICT, LAYERS + " predict", ""),
        "no loss for a stand-in": (OBJECTS | WRONG_LAYERS | replaced("TwoLayerNet",
            "self.last_layer.forward(t=t, x=", "(", OBJECTS), f"gradient {LAYERS}", "of lastLayer"),
        "below a decorator": (replaced("Relu", "def forward(self, x):\n", "@(lambda f: lambda *a: "
            "f(*a))\n    def forward(self, x):\n        x *= x > 0\n"), "Relu", "changes x,"),
        "numerical gradients": (NUMERICAL, "gradient", "numerical"),
        "numerical, without its layers": (NUMERICAL.replace("self.loss(x, t)",
            "np.sum(t * (np.log(np.sum(np.exp(s := np.maximum(x @ self.params['W1'] +"
            "self.params['b1'], 0) @ self.params['W2'] + self.params['b2']), 1))[:, None] - s))"
            " / len(x)"), "gradient", "numerical"),
        "a network of its own": (replaced("TwoLayerNet", "W1=self.first", "W1=-self.first", BOOK),
            "gradient", "grad['W1']"),
        "small step": ({"numerical_gradient": FORWARD}, "numerical_gradient", "forward difference"),
        "another layer is made": (
            "class TwoLayerNet(TwoLayerNet):\n    def __init__(self, *sizes):\n"
            "        Affine(np.zeros((4, 2)), np.zeros(2)); super().__init__(*sizes)\n"
            "    def predict(self, x): return -super().predict(x)\n", "predict", "sign"),
        "a Relu for each call": ("class TwoLayerNet(TwoLayerNet):\n    def predict(self, x): self."
            "layers['Relu1'] = Relu(); return 2 * super().predict(x)\n", "predict", "2 times"),
        "a property": ("Affine.db = property(lambda self: vars(self)['db'] / 2,\n"
            "    lambda self, db: vars(self).update(db=db))\n", "Affine", "0.5 times"),
        "a method made in __init__": (
            "class Affine(Affine):\n    def __init__(self, *Wb):\n        super().__init__(*Wb); "
            "self.backward = lambda d: 2 * type(self).backward(self, d)\n", "Affine", "2 times"),
        "misspelt": (replaced("Affine", "__init__", "__int__"), "Affine", "misspelt"),
        "indented too far": ({"Affine": SHORT["Affine"] + INDENTED, "SoftmaxWithLoss": "\n"},
            "SoftmaxWithLoss", "inside Affine"),
        "a function in a class": ({"update": ADAM.replace("self, ", "")}, "update", "inside Adam"),
        "no backward": ("class Sigmoid:\n    def forward(self, x): return 1 / (1 + np.exp(x))\n",
            "Sigmoid", "minus"),
        "no function": ({"update": "update = 7\n"}, "update", "expected a function"),
        "complex": (replaced("Sigmoid", "= 1 /", "= (1 + 0j) /"), "Sigmoid", "numbers"),
        "a function for a class": (
            {"Relu": "def Relu(x): return np.maximum(x, 0)\n"}, "Relu", "expected a class"),
    },
    NOT: {
        "the book's method of this name": ({"update": ADAM}, "update", "update is missing"),
        "no forward": (replaced("Relu", "self.x = x", RAISE), "Relu", "isn't"),
        "no backward": ({"Relu": SHORT["Relu"].split("    def back")[0]}, "Relu", "is missing"),
        "backward to come": (replaced("SoftmaxWithLoss", "return dout", f"{RAISE}; return dout"),
            "SoftmaxWithLoss", "backward"),
        "no gradient": (replaced("TwoLayerNet", "gradient(", "slope("), "gradient", "gradient"),
        "imported": ({"Relu": "from common.layers import Relu\n"}, "Relu", "common.layers"),
        "inherited": (LIBRARY + "class Relu(common.layers.Relu): pass\n", "Relu", "common.layers"),
        "delegated": (
            LIBRARY + "def numerical_gradient(*f): return common.gradient.numerical_gradient(*f)\n",
            "numerical_gradient", "common.gradient"),
        "the library's": (LIBRARY + "class TwoLayerNet(ch05.two_layer_net.TwoLayerNet): pass\n",
            "predict gradient", "common.network"),
        "the library's inside": (
            LIBRARY + "class TwoLayerNet(TwoLayerNet):\n    def predict(self, x): return "
            "ch05.two_layer_net.TwoLayerNet(3, 4, 2).predict(x)\n", "predict", "common.network"),
    },
}  # fmt: skip


@parametrize("status, case", [(status, case) for status in CASES for case in CASES[status]])
def test_each_part_has_the_verdict_that_a_teacher_would_give(status, case, monkeypatch):
    monkeypatch.setattr(np.random, "seed", np.random.seed)  # which one of them replaces
    change, parts, word = CASES[status][case]
    verdicts, notes = graded(source(end=change) if isinstance(change, str) else source(change))
    assert not_right(verdicts) == dict.fromkeys(parts.split(), status), verdicts
    assert notes == [] or isinstance(change, str)  # what stands below may be a second one
    assert not word or word in verdicts[parts.split()[0]].sentences[0]
    assert "locals" not in str(verdicts) and "judges" not in str(verdicts)  # no names of our own
    # In all of them the order of calls is right, and what is kept is renewed.
    assert "is called for" not in str(verdicts) and "batch before" not in str(verdicts)


@parametrize("db, times", [("sum", 1), ("mean", 2)])
def test_a_slow_layer_is_called_as_often_as_a_verdict_needs(db, times):
    affine = SHORT["Affine"].replace("):\n", "):\n        CALLS.append(1)\n").replace("sum", db)
    text = source({"Affine": affine}, "CALLS = []\n")
    (names, _), known = run(HandIn("exercises.py", text.encode())), {}
    for part in PARTS[: PARTS.index("gradient") + 1]:
        names["CALLS"].clear()
        judge(part, names, known)
    # Two are made; three batches go through both, and back. A wrong one is tried again, put right.
    assert len(names["CALLS"]) == (2 + 3 * 2 * 2) * times


def test_the_skeleton_is_not_yet_written_imports_only_numpy_and_trains_when_it_is(tmp_path):
    skeleton = (GRADE.parent / "exercises.py").read_text(encoding="utf-8")
    verdicts, notes = graded(skeleton)
    assert not_right(verdicts) == dict.fromkeys(PARTS, NOT) and notes == []
    imports = [line for line in skeleton.splitlines() if line.startswith(("import", "from"))]
    assert imports == ["from collections import OrderedDict", "import numpy as np"]
    head, main = skeleton.split("if __name__")
    filled = head + "".join(SHORT.values()) + "\nif __name__" + main
    (tmp_path / "filled.py").write_text(filled, encoding="utf-8")
    done = started("filled.py", cwd=tmp_path)
    assert "[ True  True  True  True]" in done.stdout
    losses = [float(line.split()[-1]) for line in done.stdout.splitlines() if "loss" in line]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.05


def test_the_chinese_exercises_are_the_same_code():
    texts = [(GRADE.parent / f"exercises{zh}.py").read_text(encoding="utf-8") for zh in ("", ".zh")]
    english, chinese = map(ast.parse, texts)
    for tree in english, chinese:
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                text, node.value.value = node.value.value, ""
                assert text.isascii() == (tree is english) or "²" in text, text
    assert ast.dump(english) == ast.dump(chinese)


def test_every_sentence_is_in_the_table_of_words_with_the_same_blanks():
    said = {words for keys in CAUSES.values() for pairs in keys.values() for words, _ in pairs}
    for path in GRADE.parent.glob("*.py"):
        if not path.name.startswith(("exercises", "words")):
            said |= set(sentences_in(ast.parse(path.read_text(encoding="utf-8"))))
    assert len(said) > 150 and said <= CHINESE.keys(), said - CHINESE.keys()
    for english, chinese in CHINESE.items():
        blanks, others = (sorted(re.findall(r"{(\w+)", text)) for text in (english, chinese))
        assert blanks == others, english
        assert not chinese.isascii(), chinese
        assert not MIXED.search(chinese), chinese


# Punctuation of another language beside Chinese letters, or two marks where one is right.
MIXED = re.compile(r"[一-鿿？）] ?[,:;?]|[,:;?] ?[一-鿿]|？；|） ")


def test_what_is_filled_in_keeps_the_punctuation_chinese(monkeypatch):
    monkeypatch.setattr(words, "_table", CHINESE)
    keys = replaced("TwoLayerNet", 'f"{key}{i}"', "key")
    dw = replaced("Affine", "self.dW, self.db = self", "self.dw, self.db = self")
    order = replaced("TwoLayerNet", "reversed(self.layers.values())", "self.layers.values()")
    cells = map(nbformat.v4.new_code_cell, ("x = = 1", SHORT["update"], SHORT["update"]))
    notebook = nbformat.writes(nbformat.v4.new_notebook(cells=[*cells]))
    said = run(HandIn("a.ipynb", notebook.encode()))[1]
    for change in keys, order, dw, BOOK:
        for verdict in graded(source(change))[0].values():
            said += verdict.sentences
    assert len(said) == 10 and "、" in said[2] and "、" in said[3]
    assert [each for each in said if MIXED.search(each)] == []


def sentences_in(tree):
    """Texts that are given to say, stand in a variable named words, or come before a case."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("say"), args=[ast.Constant(text)]):
                yield text
            case ast.Assign(targets=[ast.Name("words" | "EARLY")], value=ast.Constant(text)):
                yield text
            case ast.Constant(str(text)) if text.endswith(": "):
                yield text


# What a file does while it runs

ROWS = "for _ in range(3):\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass"
NOTED = {  # what stands in the middle of a file: how many notes there are about it
    "if __name__ == '__main__':\n    1 / 0": 0, "from __future__ import annotations": 0,
    "def f(x: Nothing) -> Nowhere: return x": 0, "np.float = float": 0,
    "1 / 0": 1, "import sys; sys.exit()": 1, "for i in range(100): 1 / 0\n" * 30: 21,
    "import time; time.sleep(20)": 1,
    ROWS: 1,  # as a training that ends early at Ctrl-C, and the loop around it goes on
}  # fmt: skip


@parametrize("line", NOTED)
def test_what_else_is_in_a_file_hides_nothing(line):
    parts = {"Affine": f"{line}\n{SHORT['Affine']}"}  # in the middle
    verdicts, noted = graded(source(parts), 0.3 if "time" in line or line == ROWS else 60)
    assert len(noted) == NOTED[line] and not_right(verdicts) == {}, noted


def test_below_what_hangs_only_definitions_are_read():
    text = (
        "while True: pass\nEPS = 1e-7\nf = lambda x: len(x)\nlate = len('')\nprint()\nimport os\n"
    )
    text += "def g(): pass\n"
    names, notes = run(HandIn("exercises.py", text.encode()), 0.3)
    assert {"EPS", "f", "g", "os"} <= names.keys() and "late" not in names and len(notes) == 1


def test_a_notebook_is_read_by_its_code_cells():
    """Without magics and shell lines; a cell that fails hides none of the others."""
    cells = {  # and how many notes there are about each
        "%matplotlib inline\n!pip install \\\n  numpy\nimport numpy as np\nnp.sum?\n?np": 0,
        "%%bash\nls": 0,
        "%%html\n<b>class</b>": 0,
        "%%time\nfrom collections import OrderedDict\nfor i in range(2):\n    !echo {i}": 0,
        "%%writefile layers.py\n" + SHORT["Relu"] + SHORT["Sigmoid"]: 0,
        "files = !ls\nhere, there = %pwd\n" + SHORT["Affine"]: 1,  # two names, one None
        "class SoftmaxWithLoss: pass": 0,
        "x = = 1\n" + SHORT["SoftmaxWithLoss"] + "\nprint(": 2,
        '1 / 0\nTEXT = """\n% no magic\n"""': 1,
        "class TwoLayerNet(": 1,
        SHORT["TwoLayerNet"]: 0,
        SHORT["numerical_gradient"] + SHORT["update"]: 0,
        'assert TEXT == "\\n% no magic\\n" and files is None': 0,
    }
    all_cells = [nbformat.v4.new_markdown_cell("#"), *map(nbformat.v4.new_code_cell, cells)]
    text = nbformat.writes(nbformat.v4.new_notebook(cells=all_cells)).encode()
    names, notes = run(HandIn("exercises.ipynb", text))
    assert not_right({part: judge(part, names) for part in PARTS}) == {}, notes
    told = [int(number) for note in notes for number in re.findall(r"^code cell (\d+)", note)]
    assert sorted(told) == [i for i, n in enumerate(cells.values(), 1) for _ in range(n)], notes
    [twice] = [note for note in notes if "twice" in note]
    assert "cell 7" in twice and "cell 8" in twice


@parametrize("content", [b"class Relu(:\n", "x = 'é'".encode("latin-1"), b"x = 1\0", b"[]", b""])
def test_what_python_cant_read_is_told(content):
    name = "a.ipynb" if content in (b"[]", b"") else "a.py"
    with pytest.raises(Unreadable, match=name + ".*UTF-8" * content.startswith(b"x")):
        run(HandIn(name, content))


# Files that harm themselves or others, each in a process of its own

HARMFUL = """
np.seterr(all='raise')
import warnings; warnings.simplefilter('error')
def deaf():
    import time
    while True:
        try: time.sleep(9)
        except BaseException: pass
"""
# What stands first in a method or function, and a word of the answer. Relu costs its own point
# only, though the network doesn't run without it.
HARM = [{
    "Relu": ("deaf()", "still running"),
    "Sigmoid": ("import os; os._exit(0)", "ended the program"),
    "Affine": ("return self.forward(x)", "RecursionError"),
    "numerical_gradient": ("input()", "EOFError"),
    "update": ("np.ones((10**9, 10**9))", "Memory"),
}, {
    "Relu": ("import os; os.kill(os.getpid(), 9)", "ended the program"),
    "Sigmoid": ("x = -x; self.n = hasattr(self, 'n') and all(1 for _ in iter(int, 1))",
                "that is 1 / (1 + exp(x)): a minus is missing; still running"),
    "Affine": ("import sys; sys.exit(0)", "exit"),
    "numerical_gradient": ("print('x' * 10_000_000); 1 / 0", "ZeroDivisionError"),
    "update": ("np.log(0.0); import warnings; warnings.warn('no')", "UserWarning"),
}]  # fmt: skip


@parametrize("lines", HARM)
def test_a_part_that_ends_or_stops_the_program_costs_its_own_point_only(lines, monkeypatch):
    monkeypatch.setattr(handed_in, "GRACE", 0.5)
    head = r"( *)(def (?:forward|numerical_gradient|update)\(.*\n)"
    parts = {
        name: re.sub(head, rf"\1\2\1    {line}\n", SHORT[name]) for name, (line, _) in lines.items()
    }
    text = source(parts).replace(HEAD, HEAD + HARMFUL)
    verdicts, notes = handed_in.grade(HandIn("exercises.py", text.encode()), seconds=0.5)
    assert not_right(verdicts) == dict.fromkeys([part for part in PARTS if part in lines], "wrong")
    assert notes == []
    for name, (_, word) in lines.items():
        assert word in verdicts[name].sentences[0], name


INTO_ALL = "import os\nfor fd in range(30):\n    try: os.write(fd, {})\n    except OSError: pass"
# What stands at the end of a right file; it costs no point. "twice" isn't graded.
HOSTILE = {
    "many": "import atexit, os, shutil, subprocess, threading, time\n"
            "x = [0] * 10**10\n"
            "with open('big', 'wb') as file: file.truncate(2**40)\n"
            "for folder in ('..', HERE): shutil.rmtree(folder, ignore_errors=True)\n"
            "child = subprocess.Popen(['sleep', '999'], start_new_session=True)\n"
            "print(child.pid, file=open(PIDS, 'a'))\n"
            "if not os.fork():\n"
            "    print(os.getpid(), file=open(PIDS, 'a'), flush=True); time.sleep(1000)\n"
            "threading.Thread(target=time.sleep, args=[1000]).start()\n"
            "atexit.register(time.sleep, 1000)\n",
    "group": "import os, signal; os.killpg(0, signal.SIGTERM)",
    "twice": "import os; os._exit(0)\nclass Layer: os._exit(3)",
    "ignore": "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    "copy": "import os; os.fork()",
    "close": "import os; os.closerange(0, 100)",
    "lines": INTO_ALL.format(r"b'{}\n[1\n[\"Relu\"]\nnull\n'"),
    "flood": INTO_ALL.format("b'x' * 10**7"),
    "crash": "import ctypes; ctypes.string_at(0)",
}  # fmt: skip


@pytest.mark.unix
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process in a new session stays")
def test_a_class_of_hostile_files_is_graded_whole(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(handed_in, "GRACE", 0.5)
    pids, folder = tmp_path / "pids", tmp_path / "in"
    folder.mkdir()
    top = f"\nHERE, PIDS = {str(folder)!r}, {str(pids)!r}\n"
    texts = {f"{name}.py": source(end=f"{top}{line}\n") for name, line in HOSTILE.items()}
    texts |= {"nothing.PY": source(), "broken.py": "class Relu(:"}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "link.py").symlink_to("nowhere")
    for name in ("a.zip", "b.txt", ".hidden.py"):
        (folder / name).touch()
    assert grade.main(["in", "--seconds", "0.5", "--json", "all.json"]) == 1
    grades = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    points = {Path(grade["file"]).name: grade["points"] for grade in grades}
    assert points == dict.fromkeys({*texts} - {"twice.py"}, 8) | {"broken.py": 0}
    left_out = capsys.readouterr().out.split("Not graded: 4")[1].splitlines()[1:]
    names = [line.split(": ")[0].split("/")[1] for line in left_out]
    assert names == ["a.zip", "b.txt", "link.py", "twice.py"] and "status 3" in left_out[-1]
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 2 and not any(map(alive, started))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def started(*command, cwd, status=0):
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done


def test_the_command_prints_writes_and_says_by_its_status_whether_all_is_right(tmp_path):
    files = {
        "a/exercises.py": source(),
        "b/exercises.py": source(replaced("Relu", "dout * (self.x > 0)", "dout")),
        "b/.ipynb_checkpoints/exercises.py": source(),
        "c/numpy.py": "import os\nos._exit(0)\n",
        "d/张三.py": "class Relu(:",
    }
    for name, text in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text, encoding="utf-8")
    to = "--csv points.csv --json points.json --feedback for_them --weights Relu=0.1,update=0.3"
    done = started(GRADE, "in", *to.split(), cwd=tmp_path, status=1)
    assert done.stderr == ""
    grades = json.loads((tmp_path / "points.json").read_text(encoding="utf-8"))
    names = [str(Path("in", name)) for name in files if "check" not in name]
    assert [grade["file"] for grade in grades] == names
    assert [grade["points"] for grade in grades] == [6.4, 6.3, 0, 0]
    assert grades[1]["parts"] == dict.fromkeys(PARTS, "right") | {"Relu": "wrong"}
    assert [{*grade["parts"].values()} for grade in grades[2:]] == [{NOT}, {"wrong"}]
    [told] = grades[1]["sentences"].pop("Relu")
    assert "dout is returned" in told and not any(grades[1]["sentences"].values())
    assert (tmp_path / "points.csv").read_bytes().startswith(b"\xef\xbb\xbf")  # for Excel
    rows = [*csv.DictReader((tmp_path / "points.csv").read_text("utf-8-sig").splitlines())]
    expected = {"file": names[1], **grades[1]["parts"], "points": "6.3", "of": "6.4"}
    assert [row["file"] for row in rows] == names and rows[1] == expected
    texts = [(tmp_path / "for_them" / f"{Path(name).relative_to('in')}.txt") for name in names]
    assert "".join(each.read_text(encoding="utf-8") for each in texts) in done.stdout


def test_one_part_one_file_and_another_language(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(words, "_table", {})
    text = source(replaced("Relu", "dout * (self.x > 0)", "dout"))
    Path("exercises.py").write_text(text, encoding="utf-8")
    # A pattern comes as it is where no shell reads it. A file that is named twice counts once.
    to = ["exercises.py", "exer*.py", *"--csv a.csv --json a.json --feedback . --part".split()]
    assert grade.main([*to, "Affine"]) == 0
    args = "Relu --part update --weights update=3 --gradescope results.json --lang zh"
    assert grade.main([*to, *args.split()]) == 1  # its own files are written again
    said = capsys.readouterr().out
    assert "应当是" in said and "expected" not in said
    tests = json.loads(Path("results.json").read_text(encoding="utf-8"))["tests"]
    assert [(each["name"], each["score"], each["max_score"]) for each in tests] == [
        ("Relu", 0, 1), ("update", 3, 3)]  # fmt: skip
    assert tests[1]["output"] == "right" != tests[0]["output"]


@pytest.mark.unix
def test_what_is_done_stays_when_the_grading_is_ended(tmp_path):
    (tmp_path / "a.py").write_text(source(), encoding="utf-8")
    (tmp_path / "b.py").write_text("while True: pass\n", encoding="utf-8")
    command = [sys.executable, str(GRADE), "a.py", "b.py", "--csv", "points.csv"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        while "8 of 8" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert [row[:4] for row in (tmp_path / "points.csv").read_text().split()[1:]] == ["a.py"]
    if Path("/dev/full").exists():  # on Linux: a disk without space
        done = started(GRADE, "a.py", "--csv", "/dev/full", cwd=tmp_path, status=2)
        assert "/dev/full isn't written: No space" in done.stderr


UNUSABLE = {  # options: a word of what is said
    "": "required", "nothing.py": "no such file", "exercises.py": "cp ", "points.csv": ".ipynb",
    "empty": "empty folder", "a.py --csv no/such/folder.csv": "No such",
    "a.py --json empty": "directory", "a.py --feedback points.csv": "exists",
    "a.py --csv a.py": "hand-in", "a.py --csv b.py c.py": "hand-in",
    "a.py --json c.ipynb": "hand-in", "b.py --feedback .": "that grade.py wrote",
    "a.py b.py --gradescope x.json": "one file", "a.py --weights Relu=-1": "-1",
    "a.py --seconds 0": "above", "a.py --seconds nan": "above",
}  # fmt: skip


@parametrize("args", UNUSABLE)
def test_options_that_cant_be_used_have_status_2(args, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.py", "b.py", "c.py", "points.csv"):
        (tmp_path / name).touch()
    Path("b.py.txt").write_text(
        "b.py\n  Relu                right\n  1 of 1 points\n\nWell done!\n"
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as stop:
        grade.parse(args.split())
    said = capsys.readouterr().err.split("grade.py: error")[1]
    assert stop.value.code == 2 and UNUSABLE[args] in said
    assert not any((tmp_path / name).stat().st_size for name in ("a.py", "b.py"))


PAGES = {
    lang: (GRADE.parent / name).read_text(encoding="utf-8")
    for lang, name in (("en", "README.md"), ("zh", "README.zh.md"))
}


def blocks(page):
    return re.findall(r"```(.*?)\n(.*?)```", page, flags=re.DOTALL)


def test_both_pages_have_the_same_commands_and_name_files_that_exist():
    # Each names the notebook and the exercises in its own language.
    english, chinese = (
        [text.replace(".zh.", ".").replace(" --lang zh", "") for kind, text in blocks(page) if kind]
        for page in PAGES.values()
    )
    assert english == chinese and len(english) >= 13
    for page in PAGES.values():
        for link in re.findall(r"\]\(([^)#:]+)\)", page):
            assert (GRADE.parent / link).exists(), link
        assert page.count("|---|") == PAGES["en"].count("|---|")


def test_a_table_of_canvas_or_moodle_is_filled_as_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [code] = [text for kind, text in blocks(PAGES["en"]) if kind == "py"]
    had = (12, 7), (34, 8), (34, 0)  # of two files of one student the better one counts
    for canvas in True, False:
        name, table, rows = "lilei_{}_678_exercises.py", "gradebook", "Student,ID,Exercises\nA,34,"
        if not canvas:
            name, table = "Li Lei_{}_assignsubmission_file/exercises.py", "worksheet"
            rows = "Student,Identifier,Grade\nA,Participant 34,"
        points = [{"file": f"in/{name.format(n)}", "points": p} for n, p in had]
        Path("points.json").write_text(json.dumps(points))
        Path(f"{table}.csv").write_text(f"{rows}\nB,12,\nC,5,3\n")
        lines = code.splitlines()
        exec("\n".join(lines if canvas else [lines[1].removeprefix("# "), *lines[2:]]), {})
        filled = Path("filled.csv").read_text(encoding="utf-8-sig").split("\n")[1:]
        assert [row.split(",")[-1] for row in filled] == ["8", "7", "3", ""]


@parametrize("lang", PAGES)
def test_what_the_page_shows_is_what_the_grader_says(lang, monkeypatch):
    parts = BOOK | replaced("Sigmoid", " * (1 - self.out)", "")
    parts |= replaced("Affine", "self.dW, self.db = self", f"{RAISE}; self.dW, self.db = self")
    monkeypatch.setattr(words, "_table", words.LANGUAGES[lang])
    printed = grade.report(Path("handed_in/li/exercises.py"), *graded(source(parts)))
    [shown] = [text for kind, text in blocks(PAGES[lang]) if kind == ""]
    assert printed.startswith(shown.removesuffix("  ...\n"))
