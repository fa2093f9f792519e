"""What is right: a judge for each part of exercises.py, one after the other.

A judge calls what was handed in with small arrays. It compares the results with numbers from paper,
or from NumPy as written out here; it never looks at the code. At the first difference it raises
Wrong. remark(text) notes what costs no point.

A list of (words, value) holds wrong values that people often get, each with its likely cause.
"""

import contextlib
import copy
import functools
import inspect
import math
import traceback
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from common import layers
from common.check import check_layer

__all__ = ["MODULE", "PARTS", "Verdict", "judge"]

MODULE = "exercises"  # __name__ in what was handed in


class Verdict(NamedTuple):
    status: str  # "right", "wrong" or "not yet"
    sentences: list  # what is wrong, and remarks


class Wrong(Exception):
    """A part is wrong. The message says where, gives both values, and the likely cause."""


class NotYet(Exception):
    """A part isn't written yet."""


def judge(part, names):
    """The Verdict on one part. names is the dict of global names of what was handed in."""
    remarks = []
    try:
        JUDGES[part](names, lambda text: remarks.append(f"remark: {text}"))
        status, sentences = "right", []
    except NotImplementedError:
        status, sentences = "not yet", []
    except NotYet as missing:
        status, sentences = "not yet", [str(missing)]
    except Wrong as wrong:
        status, sentences = "wrong", [str(wrong)]
    except (Exception, SystemExit) as error:  # in __init__, for instance
        status, sentences = "wrong", [raised(part, error)]
    return Verdict(status, [*sentences, *dict.fromkeys(remarks)])


# Relu, Sigmoid, Affine


def judge_relu(names, remark):
    x = np.array([[1.0, -2.0, 3.0], [-0.5, 2.0, -1.0]])

    def right(x, dout):
        return {"out": np.maximum(x, 0), "dx": np.where(x > 0, dout, 0)}

    def mistakes(x, dout):
        return {
            "out": [
                ("x is returned as it was; negative numbers should become 0", x),
                ("negative numbers become positive; they should become 0", np.abs(x)),
                ("that is the smaller one of x and 0", np.minimum(x, 0)),
                ("that is 1 where x > 0; it should be x there", x > 0),
            ],
            "dx": [
                ("dout is returned as it was; it should become 0 where x <= 0", dout),
                ("the mask is the wrong way round", np.where(x > 0, 0, dout)),
                ("the mask is made from dout; make it from x", np.where(dout > 0, dout, 0)),
                ("dout is missing", x > 0),
                ("that is x where x > 0; it should be dout there", np.maximum(x, 0)),
                ("dout is multiplied by out; the factor is 1 where x > 0", dout * np.maximum(x, 0)),
            ],
        }

    judge_activation(find(names, "Relu", remark), x, right, mistakes, remark)


def judge_sigmoid(names, remark):
    x = np.log([[3, 1 / 3, 1], [1 / 9, 4, 9]])  # out is 3/4, 1/4, 1/2 and 1/10, 4/5, 9/10

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def right(x, dout):
        return {"out": sigmoid(x), "dx": dout * sigmoid(x) * (1 - sigmoid(x))}

    def mistakes(x, dout):
        out = sigmoid(x)
        return {
            "out": [
                ("that is 1 / (1 + exp(x)): a minus is missing", sigmoid(-x)),
                ("that is tanh(x)", np.tanh(x)),
                ("that is 1 / (1 - exp(-x)): a sign is wrong", lambda: 1 / (1 - np.exp(-x))),
                ("that is 1 / 1 + exp(-x): brackets are missing", 1 + np.exp(-x)),
            ],
            "dx": [
                ("dout is missing", out * (1 - out)),
                ("the factor 1 - out is missing", dout * out),
                ("the factor out is missing", dout * (1 - out)),
                ("in out * (1 - out) out is needed, not x", dout * x * (1 - x)),
                ("in out * (1 - out) out is needed, not dout", dout * dout * (1 - dout)),
                ("sigmoid is applied to out once more", dout * sigmoid(out) * (1 - sigmoid(out))),
                ("dout is returned as it was", dout),
                ("a sign is wrong: that is out * (1 + out)", dout * out * (1 + out)),
                ("that is the derivative of tanh, 1 - out²", dout * (1 - out**2)),
            ],
        }

    Sigmoid = find(names, "Sigmoid", remark)
    judge_activation(Sigmoid, x, right, mistakes, remark)
    out = call(Sigmoid(), "forward", np.array([[1000.0, -1000.0]]))
    same("x = 1000 and -1000: out", out, [[1, 0]], [("exp overflows", [[np.nan, 0]])])


def judge_activation(make, x, right, mistakes, remark):
    dout = np.array([[2.0, 5.0, -3.0], [-4.0, -1.0, 6.0]])
    batches = [
        ("", x, dout),
        ("second batch: ", x + 0.75, dout + 0.5),
        ("one sample: ", x[:1], dout[:1]),
        ("images: ", x.reshape(2, 1, 1, 3), dout.reshape(2, 1, 1, 3)),
        ("float32: ", x.astype(np.float32), dout.astype(np.float32)),
    ]
    judge_layer(make, batches, right, mistakes, remark)


def judge_affine(names, remark):
    Affine = find(names, "Affine", remark)

    def judge_with(W, b, batches):
        def right(x, dout):
            rows = x.reshape(len(x), -1)
            return {
                "out": rows @ W + b,
                "dx": (dout @ W.T).reshape(x.shape),
                "dW": rows.T @ dout,
                "db": dout.sum(axis=0),
            }

        def mistakes(x, dout):
            rows = x.reshape(len(x), -1)
            return {
                "out": [
                    ("b is missing", rows @ W),
                    ("that is x W^T + b: W should not be transposed", lambda: rows @ W.T + b),
                    ("that is x * W, entry by entry; use np.dot", lambda: rows * W + b),
                ],
                "dx": [
                    ("that is dout W: W should be transposed", lambda: dout @ W),
                    ("dout is missing", np.ones_like(dout) @ W.T),
                    ("dx should have the shape of x", dout @ W.T),
                    ("that is dW", rows.T @ dout),
                ],
                "dW": [
                    ("that is the transpose of x^T dout", dout.T @ rows),
                    ("dout is missing", rows.T @ np.ones_like(dout)),
                    ("x is missing", np.ones_like(rows).T @ dout),
                ],
                "db": [
                    ("add up the rows of dout: axis=0", dout.sum(axis=1)),
                    ("that is the sum of all of dout; add up its rows only: axis=0", dout.sum()),
                    ("that is the mean of the rows; add them up", dout.mean(axis=0)),
                    ("leave out keepdims", dout.sum(axis=0)[np.newaxis]),
                    ("b is added to every row, so add up the rows of dout: axis=0", dout),
                    ("that is one row of dout; add up all rows", dout[0]),
                    ("dout is missing", np.full(len(b), len(dout))),
                ],
            }

        make = lambda: Affine(W.copy(), b.copy())  # noqa: E731
        with told("", f"; here W has shape {W.shape}"):
            judge_layer(make, batches, right, mistakes, remark, {"W": W, "b": b})

    x, dout = np.array([[1.0, 2, 3], [4, 0, -1]]), np.array([[1.0, -2, 3], [2, 1, 0]])
    W, b = np.array([[1.0, 2, 0], [0, 1, -1], [3, 0, 1]]), np.array([1.0, -1, 0.5])
    judge_with(W, b, [("", x, dout), ("second batch: ", x - 2, dout + 3)])
    rng = np.random.default_rng(0)
    W, b, x, dout = (rng.standard_normal(shape) for shape in ((6, 2), 2, (4, 6), (4, 2)))
    judge_with(W, b, [("", x, dout), ("one sample: ", x[:1], dout[:1])])
    W32, b32, x32, dout32 = (each.astype(np.float32) for each in (W, b, x, dout))
    judge_with(W32, b32, [("float32: ", x32, dout32)])
    images, taken = x.reshape(4, 1, 2, 3), False
    with remarked(remark, "images: "):
        call(Affine(W, b), "forward", images)
        taken = True
    if taken:
        judge_with(W, b, [("images: ", images, dout)])


def judge_layer(make, batches, right, mistakes, remark, params=None):
    """One layer goes through all batches (name, x, dout). make() makes the layer with params.

    right(x, dout)    : {"out": array, "dx": array, "dW": ...}
    mistakes(x, dout) : {"out": [(words, value), ...], "dx": ...}
    """
    layer, before = make(), None
    for batch, x, dout in batches:
        want, known = right(x, dout), mistakes(x, dout)
        tolerance = 1e-5 if x.dtype == np.float32 else 1e-8
        for key in want:
            known[key] += stale(lambda x, dout, key=key: right(x, dout)[key], before, (x, dout))
        with told(batch):
            out = call(layer, "forward", x)
            same("out", out, want.pop("out"), known["out"], tolerance)
            if x.dtype == np.float32 != np.asarray(out).dtype:
                remark(f"for x in float32 forward returns {np.asarray(out).dtype}")
            dx = call_backward(layer, dout, remark)
            for key, value in (params or {}).items():
                now = getattr(layer, key, value)
                same(f"{key} after backward", now, value, [("leave that to update", now)])
            for key, value in want.items():
                got = dx if key == "dx" else kept(layer, key, value)
                causes = functools.partial(by_check, make, x, key)
                same(key, got, value, known[key], tolerance, causes)
        before = x, dout
    _, x, dout = batches[0]
    check_two(make, (x,), (0.5 - x,), dout, lambda x: right(x, dout))


def stale(right, before, now):
    """Values in which something belongs to the batch before. before and now are pairs."""
    if before is None:
        return []
    words = "that belongs to the batch before: is something kept, and not renewed?"
    return [
        (words, lambda: right(before[0], now[1])),
        (words, lambda: right(now[0], before[1])),
        (words, lambda: right(*before)),
        ("that of the batch before is added to it", lambda: right(*before) + right(*now)),
    ]


def check_two(make, args, others, dout, right):
    """Two layers at once: each has to keep its own. right(*args) is a dict with dx, dW, ..."""
    one, other = make(), make()
    call(one, "forward", *args)
    call(other, "forward", *others)
    dx = call_backward(one, dout, lambda _: None)
    want, wrong = right(*args), right(*others)
    for key in want.keys() - {"out"}:
        got = dx if key == "dx" else kept(one, key, want[key])
        shared = [("that is the other's: keep in self what backward needs", wrong[key])]
        with told("of two such layers, the first one's "):
            same(key, got, want[key], shared, 1e-5)


# SoftmaxWithLoss


def judge_softmax_with_loss(names, remark):
    SoftmaxWithLoss = find(names, "SoftmaxWithLoss", remark)
    # y is 1/8, 1/4, 5/8 and 1/4, 1/4, 1/2 in the first batch
    first = np.log([[1.0, 2, 5], [4, 4, 8]]), np.array([[0, 1, 0], [0, 0, 1]])
    second = np.log([[6.0, 2, 2], [1, 1, 2]]), np.array([[0, 0, 1], [1, 0, 0]])
    layer = SoftmaxWithLoss()
    judge_loss(SoftmaxWithLoss, layer, "", *first, None, remark)
    judge_loss(SoftmaxWithLoss, layer, "second batch: ", *second, first, remark)
    judge_loss(SoftmaxWithLoss, layer, "one sample: ", first[0][:1], first[1][:1], None, remark)
    floats = first[0].astype(np.float32), first[1]
    judge_loss(SoftmaxWithLoss, layer, "float32: ", *floats, None, remark)
    check_two(SoftmaxWithLoss, first, second, 1, lambda x, t: {"dx": right_loss(x, t)[1]})

    t, large = first[1], np.array([[1000.0, 1001, 1002], [-1000, -1000, -1001]])
    overflow = [("exp overflows; subtract the largest score of each row first", np.nan)]
    loss = call(SoftmaxWithLoss(), "forward", large, t)
    same("loss for scores of 1000", loss, right_loss(large, t)[0], overflow, 1e-5)
    with remarked(remark, "rows of scores 1000 apart: "):
        apart = np.array([[0.0, 1, 2], [1000, 1001, 1002]])
        loss, words = (
            call(SoftmaxWithLoss(), "forward", apart, t),
            "subtract each row's own largest",
        )
        same("loss", loss, right_loss(apart, t)[0], [(words, loss)], 1e-5)
    with remarked(remark, "scores 1000 and 0, where 0 belongs to the right class: "):
        loss = call(SoftmaxWithLoss(), "forward", np.array([[1000.0, 0]]), np.array([[0, 1]]))
        same("loss", loss, 1000, [], 1e-5)
    dx = right_loss(*first)[1]
    call(layer, "forward", *first)
    if not alike(call_backward(layer, 2, remark), 2 * dx):
        remark("backward takes no notice of its dout")
    if not alike(call_backward(layer, 1, remark), dx):
        remark("a second backward returns other numbers: the first changed what forward has kept")
    judge_other_labels(SoftmaxWithLoss, first[0], t, remark)


def judge_loss(make, layer, batch, x, t, before, remark):
    N, C = x.shape
    y, (loss, dx) = softmax(x), right_loss(x, t)
    e, shifted = np.exp(x), np.exp(x - x.max(axis=1, keepdims=True))

    def entropy(y):
        return -np.sum(t * np.log(y)) / N

    along = "softmax adds up along the wrong axis; samples are rows, each row of y should sum to 1"
    whole = "softmax adds up over the whole batch; each row of y should sum to 1"

    mistakes = [
        (f"divide by the batch size, N = {N}", loss * N),
        ("that is one number a sample; return their mean", -np.sum(t * np.log(y), axis=1)),
        ("add up over the classes, and return the mean over the batch", -t * np.log(y)),
        (f"it is divided by N = {N} twice", loss / N),
        (f"that is a mean over all entries; divide the sum by N = {N}, not by N C", loss / C),
        ("the minus is missing", -loss),
        ("the minus is missing, and the division by N", -loss * N),
        *(
            (words, factor * entropy(each / each.sum(axis)))
            for words, axis in ((along, 0), (whole, None))
            for each in (e, shifted)
            for factor in (1, N, N / C)
        ),
        ("are x and t swapped?", lambda: -np.sum(x * np.log(softmax(t))) / N),
        ("softmax is applied twice", entropy(softmax(y))),
        ("that is a logarithm to base 10", loss / np.log(10)),
        ("that is a logarithm to base 2", loss / np.log(2)),
        ("t is missing: all classes count", -np.log(y).sum() / N),
        ("the logarithm is missing", -np.sum(t * y) / N),
        ("the softmax is missing: that is the logarithm of x", lambda: entropy(x)),
        ("that is half the squared error", np.sum((y - t) ** 2) / 2 / N),
        ("that is the mean squared error", np.mean((y - t) ** 2)),
        *stale(lambda x, t: right_loss(x, t)[0], before, (x, t)),
    ]
    got = call(layer, "forward", x, t)
    same(f"{batch}loss", got, loss, mistakes, 1e-5)
    if x.dtype == np.float64 and not alike(got, loss, 1e-10) and not batch:
        remark(f"the loss is {float(got):.9f} instead of {loss:.9f}; is 1e-7 added to y? Then the "
               "differences of a gradient check don't agree")  # fmt: skip

    mistakes = [
        (f"divide by the batch size, N = {N}", y - t),
        (f"it is divided by N = {N} twice", dx / N),
        (f"it is divided by the number of classes; divide by N = {N}", (y - t) / C),
        (f"it is divided by N C = {N * C}; divide by N = {N}", dx / C),
        ("the sign is wrong: y - t, not t - y", -dx),
        ("the sign is wrong: y - t, not t - y. And divide by N", t - y),
        ("t is missing: y - t", y / N),
        ("t is missing: y - t. And divide by N", y),
        ("that is the gradient with respect to y, -t / y; go on to x", -t / y / N),
        ("that is the gradient with respect to y, -t / y; go on to x", -t / y),
        ("leave out the factor y (1 - y)", dx * y * (1 - y)),
        ("that is x - t; y is needed", (x - t) / N),
        *stale(lambda x, t: right_loss(x, t)[1], before, (x, t)),
    ]
    causes = functools.partial(by_check, lambda: with_labels(make(), t), x, "dx")
    got = call_backward(layer, 1, remark)
    same(f"{batch}dx", got, dx, mistakes, 1e-5 if x.dtype == np.float32 else 1e-8, causes)


def judge_other_labels(SoftmaxWithLoss, x, t, remark):
    """The book's way may want one-hot labels: what else it takes is worth a remark only."""
    soft = np.array([[0.5, 0.25, 0.25], [0, 0.9, 0.1]])
    for form, labels, rows in ("class numbers", t.argmax(axis=1), t), ("probabilities", soft, soft):
        loss, dx = right_loss(x, rows)
        with remarked(remark, f"{form} as labels t: "):
            layer = SoftmaxWithLoss()
            same("loss", call(layer, "forward", x, labels), loss, [], 1e-5)
            same("dx", call_backward(layer, 1, remark), dx)


def softmax(x):
    y = np.exp(x - x.max(axis=1, keepdims=True))
    return y / y.sum(axis=1, keepdims=True)


def right_loss(x, t):
    """The mean loss, by log-sum-exp, and dx."""
    x = x - x.max(axis=1, keepdims=True)
    log_y = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    return -np.sum(t * log_y) / len(x), (np.exp(log_y) - t) / len(x)


# numerical_gradient


def judge_numerical_gradient(names, remark):
    numerical_gradient = find(names, "numerical_gradient", remark)
    copied = "f reads x itself, so change the entries of x in place, not those of a copy"
    lost = "rounding leaves nothing of the step; use h = 1e-4"
    for x in np.array([3.0, 4, -1]), np.array([[1.0, 2, 0.5], [-1, 3, 2]]), np.ones((2, 1, 2)):
        before, right = x.copy(), 3 * x**2
        for name, f, zero in (
            ("f(x) = sum(x³)", lambda x: np.sum(x**3), lost),
            ("f(x) = sum(x³) that reads x itself", lambda _, x=x: np.sum(x**3), copied),
        ):
            grad = call_function(numerical_gradient, f, x)
            mistakes = [
                ("it is divided by h; divide by 2h", 2 * right),
                ("divide by 2h", 2e-4 * right),
                ("that is (...) / 2 * h: brackets are missing, (...) / (2 * h)", 1e-8 * right),
                ("the sign is wrong: f(x + h) - f(x - h)", -right),
                (zero, 0 * x),
                *((f"the step {h:g} is too large; use h = 1e-4", right + h**2) for h in STEPS[:3]),
                *((f"that is a forward difference: {CENTRAL}", right + 3 * x * h + h * h)
                  for h in STEPS),
                *((f"that is a backward difference: {CENTRAL}", right - 3 * x * h + h * h)
                  for h in STEPS),
            ]  # fmt: skip
            same(f"{name}: grad", grad, right, mistakes, 5e-7)
            same("x afterwards", x, before, [("put each old value back", x)], 1e-9)
            if not np.array_equal(x, before):
                remark("x is as before only up to rounding; keep the old value, and put that back")
                x[...] = before


CENTRAL = "use (f(x + h) - f(x - h)) / 2h"
STEPS = (0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6)


# predict and gradient, with layers that are right, so that a wrong layer isn't counted twice


KEYS = ["W1", "b1", "W2", "b2"]


def judge_predict(names, remark):
    with right_layers(names) as log:
        net = new_network(find(names, "TwoLayerNet", remark))
        for batch, x, _ in NETWORK_BATCHES:
            W1, b1, W2, b2 = (net.params[key] for key in KEYS)
            hidden = np.maximum(x @ W1 + b1, 0)
            scores = hidden @ W2 + b2
            mistakes = [
                ("these are probabilities; predict returns scores, without softmax",
                 softmax(scores)),
                ("Relu1 is left out", (x @ W1 + b1) @ W2 + b2),
                ("that is chapter 4's network: here it is Relu, and no softmax",
                 softmax(1 / (1 + np.exp(-x @ W1 - b1)) @ W2 + b2)),
                ("that is what Affine1 returns; go on to the end", x @ W1 + b1),
                ("that is what Relu1 returns; go on to the end", hidden),
                ("that is x: write x = layer.forward(x)", x),
                ("that is the class; return the scores", scores.argmax(axis=1)),
            ]  # fmt: skip
            log.clear()
            with explained(log, "forward"):
                same(f"{batch}scores", call(net, "predict", x), scores, mistakes)


def judge_gradient(names, remark):
    TwoLayerNet = find(names, "TwoLayerNet", remark)

    class Network(TwoLayerNet):
        def predict(self, x):  # a right one
            if not hasattr(self, "layers"):
                return super().predict(x)
            for layer in getattr(self.layers, "values", self.layers.__iter__)():
                x = layer.forward(x)
            return x

    try:
        judge_gradient_of(TwoLayerNet, names)
    except (Wrong, NotYet):
        judge_gradient_of(Network, names)  # so that a wrong predict isn't counted twice


def judge_gradient_of(TwoLayerNet, names):
    with right_layers(names) as log:
        net, before = new_network(TwoLayerNet), None
        for batch, x, t in NETWORK_BATCHES:
            want = right_gradient(net.params, x, t)
            params = {key: net.params[key].copy() for key in KEYS}
            log.clear()
            with explained(log, "backward"):
                grad = call(net, "gradient", x, t)
                if not hasattr(grad, "keys"):
                    hint = "; is a return missing?" if grad is None else ""
                    raise Wrong(f"gradient: expected a dict, got {type(grad).__name__}{hint}")
                if missing := [key for key in KEYS if key not in grad]:
                    raise Wrong(f"gradient: expected the keys {', '.join(KEYS)}, got "
                                f"{', '.join(map(str, grad)) or 'none'}; without "
                                f"{', '.join(missing)}")  # fmt: skip
                for key in KEYS:
                    others = [(f"that is the gradient of {k}", want[k]) for k in KEYS if k != key]
                    mistakes = [
                        (f"that is {key} itself; its gradient is in the layer's d{key[0]}",
                         params[key]),
                        ("the sign is wrong", -want[key]),
                        (f"divide by the batch size, N = {len(x)}, once", len(x) * want[key]),
                        *others,
                        *stale(lambda x, t, k=key: right_gradient(net.params, x, t)[k],
                               before, (x, t)),
                    ]  # fmt: skip
                    same(f"{batch}grad[{key!r}]", grad[key], want[key], mistakes)
                    same(f"params[{key!r}] afterwards", net.params[key], params[key],
                         [("gradient only computes; leave the parameters as they are",
                           net.params[key])])  # fmt: skip
            methods = [method for method, _, _ in log]
            if "backward" not in methods and methods.count("forward") > 20:
                raise Wrong("these are numerical gradients: no layer's backward is called")
            before = x, t


NETWORK_BATCHES = [
    ("", np.array([[1.0, 2, -1], [0, -1, 1], [2, 0, 3]]), np.eye(2)[[0, 1, 1]]),
    ("second batch: ", np.array([[-2.0, 1, 1], [3, 0, -1], [1, 1, 0]]), np.eye(2)[[1, 1, 0]]),
    ("one sample: ", np.array([[1.0, -1, 2]]), np.eye(2)[[1]]),
]


def new_network(TwoLayerNet):
    """TwoLayerNet(3, 4, 2) with other parameters than it starts with."""
    net, rng = TwoLayerNet(3, 4, 2), np.random.default_rng(17)  # scores of both signs
    for key, shape in zip(KEYS, ((3, 4), (4,), (4, 2), (2,))):
        if np.shape(net.params[key]) != shape:
            raise Wrong(f"params[{key!r}]: expected shape {shape}, got {np.shape(net.params[key])}")
        net.params[key][...] = rng.standard_normal(shape).round(1)
    return net


def right_gradient(params, x, t):
    W1, b1, W2, b2 = (params[key] for key in KEYS)
    a1 = x @ W1 + b1
    z1 = np.maximum(a1, 0)
    _, dscores = right_loss(z1 @ W2 + b2, t)
    da1 = dscores @ W2.T * (a1 > 0)
    gradients = x.T @ da1, da1.sum(axis=0), z1.T @ dscores, dscores.sum(axis=0)
    return dict(zip(KEYS, gradients))


@contextlib.contextmanager
def right_layers(names):
    """Within it the layers in names are right ones. Yields a log of (method, layer, arguments)."""
    log, given, made = [], dict(names), {}

    def recorded(Layer):
        class Recorded(Layer):
            def __init__(self, *args):
                super().__init__(*args)
                made[Layer] = made.get(Layer, 0) + 1
                last = Layer is layers.SoftmaxWithLoss
                self.log_name = "lastLayer" if last else f"{Layer.__name__}{made[Layer]}"

            def forward(self, *args):
                log.append(("forward", self.log_name, args))
                return super().forward(*args)

            def backward(self, *args):
                log.append(("backward", self.log_name, args))
                return super().backward(*args)

        Recorded.__name__ = Layer.__name__
        return Recorded

    for Layer in layers.Affine, layers.Relu, layers.Sigmoid, layers.SoftmaxWithLoss:
        names[Layer.__name__] = right = recorded(Layer)
        for name, value in given.items():
            if plain(name) == plain(Layer.__name__) and isinstance(value, type):
                names[name] = right
    try:
        yield log
    finally:
        names.clear()
        names.update(given)


@contextlib.contextmanager
def explained(log, method):
    """Within it, what is wrong is explained by the calls of the layers, where they tell."""
    try:
        yield
    except Wrong as wrong:
        raise Wrong("; ".join([str(wrong), *order_of_calls(log, method)])) from None


def order_of_calls(log, method):
    order = ["Affine1", "Relu1", "Affine2"]
    if method == "backward":
        order = ["lastLayer", *reversed(order)]
    calls = [name for called, name, _ in log if called == method]
    first = [args[0] for called, _, args in log if called == method and args]
    if not log:
        return  # a network in a way of its own
    if method == "backward" and log[0][0] == "backward":
        yield "no forward is called before: call self.loss(x, t) first"
    elif not calls:
        yield f"no layer's {method} is called"
    elif len(first) > 1 and all(each is first[0] for each in first):
        name = "x" if method == "forward" else "dout"
        yield f"each layer gets the same {name}: write {name} = layer.{method}({name})"
    elif calls != order:
        yield f"{method} is called for {', '.join(calls)}; expected {', '.join(order)}"


# update


def judge_update(names, remark):
    if "SGD" in names and "update" not in names:  # the book's chapter 6
        SGD = find(names, "SGD", remark)

        def update(params, grad, learning_rate):
            SGD(learning_rate).update(params, grad)
    else:
        update = find(names, "update", remark)
    shapes, rng = {"W1": (3, 2), "b1": (2,), "W2": (2, 2), "b2": (2,)}, np.random.default_rng(0)
    params, grad = ({key: rng.integers(1, 9, shape) / 2 for key, shape in shapes.items()}
                    for _ in range(2))  # fmt: skip
    arrays, given = params.copy(), {key: each.copy() for key, each in grad.items()}
    for step, rate in ("", 0.1), ("second update: ", 0.01):
        before = {key: each.copy() for key, each in params.items()}
        returned = call_function(update, params, grad, rate)
        for key in shapes:
            want = before[key] - rate * given[key]
            if arrays[key] is not params.get(key) and alike(params.get(key), want):
                raise Wrong(f"params[{key!r}] is a new array: the layers still hold the old one; "
                            f"change it in place, as params[key] -= ...")  # fmt: skip
            unchanged = "it is unchanged"
            if hasattr(returned, "get") and alike(returned.get(key), want):
                unchanged = "what update returns is right, but params has to change in place"
            mistakes = [
                (unchanged, before[key]),
                ("the sign is wrong: subtract", before[key] + rate * given[key]),
                ("learning_rate is missing", before[key] - given[key]),
                ("it is divided by learning_rate", before[key] - given[key] / rate),
                ("the gradient takes its place; subtract", given[key]),
                ("the step takes its place; subtract it", rate * given[key]),
                ("the step takes its place; subtract it", -rate * given[key]),
                ("learning_rate is squared", before[key] - rate**2 * given[key]),
                ("that step is taken twice", before[key] - 2 * rate * given[key]),
                ("the first update counts again: keep nothing between two updates",
                 want - 0.1 * given[key]),
            ]  # fmt: skip
            same(f"{step}params[{key!r}]", params.get(key), want, mistakes, 1e-8)
        if any(not np.array_equal(grad[key], given[key]) for key in shapes):
            remark("update changes grad")
            grad = {key: each.copy() for key, each in given.items()}


# What the judges share


def find(names, wanted, remark):
    """The class or function of this name. NotYet if there is none, or if it was only imported."""
    kind = type if wanted[0].isupper() else Callable
    names = {wanted: names.get(wanted), **names}  # first of all the right name
    alike = [name for name in names if plain(name) == plain(wanted)]
    fitting = [name for name in alike if isinstance(names[name], kind)]
    if not fitting:
        if names[wanted] is None:
            raise NotYet(f"no {wanted} in it")
        expected = "a class" if kind is type else "a function"
        raise Wrong(f"{wanted}: expected {expected}, got {type(names[wanted]).__name__}")
    found = names[fitting[0]]
    if fitting[0] != wanted:
        remark(f"it is called {fitting[0]}; expected {wanted}")
    if getattr(found, "__module__", MODULE) != MODULE:
        raise NotYet(f"{wanted} is imported from {found.__module__}; write it here")
    return found


def plain(name):
    return name.replace("_", "").lower().removesuffix("layer")


def call(layer, method, *args, remark=None):
    """layer.method(*args). A write into args is Wrong, or a remark if there is one to make it."""
    function = getattr(layer, method, None)
    if function is None:
        raise NotYet(f"{method} is missing")
    given = copy.deepcopy(args)
    try:
        result = call_function(function, *given)
    except NotImplementedError:
        raise NotYet(f"{method} isn't written yet") from None
    for i, (before, after) in enumerate(zip(args, given)):
        if not np.array_equal(before, after):
            name = [*inspect.signature(function).parameters][i]
            text = f"{method} changes {name}, which isn't its own; use {name}.copy()"
            if remark is None:
                raise Wrong(text)
            remark(text)
    return result


def call_backward(layer, dout, remark):
    """layer.backward(dout), or without dout, if the layer takes none."""
    with contextlib.suppress(AttributeError, ValueError):  # no backward, or no signature
        try:
            inspect.signature(layer.backward).bind(dout)
        except TypeError:
            remark("backward takes no dout; the chapter's is backward(self, dout)")
            return call(layer, "backward")
    return call(layer, "backward", dout, remark=remark)


def call_function(function, *args):
    """function(*args), without warnings. What it raises is Wrong, but for NotImplementedError."""
    try:
        with np.errstate(all="ignore"):
            return function(*args)
    except NotImplementedError:
        raise
    except (Exception, SystemExit) as error:
        shapes = [f"{np.shape(each)}" for each in args if isinstance(each, np.ndarray)]
        given = f", given {' and '.join(shapes)}" if shapes else ""
        raise Wrong(raised(getattr(function, "__name__", "it") + given, error)) from None


def raised(what, error):
    """What a part raised, and in which line of what was handed in."""
    frames = traceback.walk_tb(error.__traceback__)
    own = [(frame.f_code.co_filename, line) for frame, line in frames
           if frame.f_globals.get("__name__") == MODULE]  # fmt: skip
    where = f" ({own[-1][0]}, line {own[-1][1]})" if own else ""
    if isinstance(error, SystemExit):
        return f"{what} ends the program by exit(){where}"
    text = "".join(each if each.isprintable() else " " for each in f"{error}"[:200])
    hint = "; is __init__ misspelt?" if "takes no arguments" in text else ""
    return f"{what} raised {type(error).__name__}: {text}{where}{hint}"


def kept(layer, key, value):
    """The gradient that backward has left in the layer."""
    if getattr(layer, key, None) is None:
        others = [
            name
            for name, each in vars(layer).items()
            if name[0] in "dg" and isinstance(each, np.ndarray) and each.shape == value.shape
        ]
        others += ["grads"] if hasattr(layer, "grads") else []
        hint = f"; is it in self.{others[0]}?" if others else ""
        raise Wrong(f"backward leaves nothing in self.{key}{hint}")
    return getattr(layer, key)


def same(what, got, want, mistakes=(), tolerance=1e-8, causes=list):
    """Wrong unless got is want. Says the entry, both values, and which mistake looks like it.

    tolerance is relative to the largest number in want. If no mistake is alike, causes() says more.
    """
    if got is None:
        raise Wrong(f"{what} is None: is a return missing?")
    if isinstance(got, list | tuple):
        raise Wrong(f"{what}: expected an array, got a {type(got).__name__}; use np.array(...)")
    if alike(got, want, tolerance):
        return
    likely = [words for words, value in mistakes if alike(got, value, 1e-5)][:1] or [*causes()]
    want = np.asarray(want)
    try:
        got = np.asarray(got, float)
    except (TypeError, ValueError):
        raise Wrong(f"{what}: expected numbers, got {type(got).__name__}") from None
    if got.shape != want.shape:
        text = f"{what}: expected shape {want.shape}, got {got.shape}"
    else:
        error = np.nan_to_num(np.abs(got - want), nan=math.inf)
        worst = np.unravel_index(error.argmax(), want.shape)
        place = str([int(i) for i in worst]) if want.shape else ""
        text = f"{what}{place}: expected {want[worst]:.6g}, got {got[worst]:.6g}"
    raise Wrong("; ".join([text, *likely]))


@contextlib.contextmanager
def told(before, after=""):
    """Within it, what is wrong is told between these words."""
    try:
        yield
    except Wrong as wrong:
        raise Wrong(f"{before}{wrong}{after}") from None


@contextlib.contextmanager
def remarked(remark, before):
    """Within it, what is wrong is only worth a remark."""
    try:
        yield
    except Wrong as wrong:
        remark(f"{before}{wrong}")


def alike(got, value, tolerance=1e-6):
    """The same shape, and the same numbers within tolerance times the largest?"""
    with contextlib.suppress(Exception), np.errstate(all="ignore"):
        value = np.asarray(value() if callable(value) else value, float)
        got = np.asarray(got, float)
        size = np.abs(value[np.isfinite(value)]).max(initial=0) or 1
        return got.shape == value.shape and np.allclose(got, value, 0, tolerance * size, True)
    return False


def by_check(make, x, key):
    """The causes that the gradient check of common/check.py finds for this gradient."""
    with contextlib.suppress(Exception):
        for cause in check_layer(alone(make()), x).causes:
            names, _, words = cause.partition(": ")
            if key.removeprefix("d") in names.split(", "):
                yield words.strip(".")


def alone(layer):
    """A layer for check_layer, which sees only x, W and b of it, and may not write into dout."""

    class Alone:
        def __init__(self):
            for name in ("W", "b"):
                if hasattr(layer, name):
                    setattr(self, name, getattr(layer, name))
                    setattr(self, f"d{name}", None)

        def forward(self, x):
            return layer.forward(x)

        def backward(self, dout):
            dx = layer.backward(dout.copy())
            for name in vars(self):
                if name.startswith("d"):
                    setattr(self, name, getattr(layer, name))
            return dx

    return Alone()


def with_labels(last, t):
    """The last layer as a layer like any other, with t held fixed."""

    class Last:
        def forward(self, x):
            return last.forward(x, t)

        def backward(self, dout):
            return last.backward(dout)

    return Last()


JUDGES = {
    "Relu": judge_relu,
    "Sigmoid": judge_sigmoid,
    "Affine": judge_affine,
    "SoftmaxWithLoss": judge_softmax_with_loss,
    "numerical_gradient": judge_numerical_gradient,
    "predict": judge_predict,
    "gradient": judge_gradient,
    "update": judge_update,
}
PARTS = list(JUDGES)
