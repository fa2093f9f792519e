"""The gradient check, checked: it finds every planted bug, and accuses nothing that is right.

First the numerical gradient, then three tables: bugs, right things, and kinks. Last come sampling,
the report and what is refused. The derivatives expected here are from paper or from autograd.
"""

import functools
import io
import itertools
import time
from collections import OrderedDict

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from readers import LeakyRelu

from ch05.multi_layer_net import MultiLayerNet
from ch05.two_layer_net import TwoLayerNet
from common.check import GradientReport, check_gradient, check_layer
from common.functions import cross_entropy_error
from common.gradient import numerical_gradient
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network

parametrize = pytest.mark.parametrize
FULL_AND_SAMPLED = parametrize("samples", [None, 10], ids=["full", "sampled"])


# numerical_gradient

NUMBERS = 1 + np.random.default_rng(0).random((4, 6))
LAYOUTS = [
    np.array(1.5),
    NUMBERS.reshape(2, 3, 4),
    np.asfortranarray(NUMBERS),
    NUMBERS[::-1, ::2].T,
    np.empty((0, 3)),
]


@parametrize("x", LAYOUTS, ids=lambda x: str(x.shape))
@parametrize(
    "f, derivative",
    [
        (lambda x: np.prod(x), lambda x: np.prod(x) / x),
        (lambda x: float(np.sum(1 / x)), lambda x: -1 / x**2),
        (lambda x: x.size, np.zeros_like),  # a whole number is a number too
    ],
    ids=["product", "reciprocal", "constant"],
)
def test_slopes_are_those_on_paper(f, derivative, x):
    before = x.copy()
    grad = numerical_gradient(f, x)
    assert grad.shape == x.shape and grad.dtype == np.float64
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(grad, derivative(x), rtol=1e-6, atol=1e-9)


def test_slopes_are_those_of_autograd():
    x = np.random.default_rng(0).standard_normal((3, 4))

    def f(x):
        return anp.sum(anp.tanh(x @ x.T) * anp.exp(-(x[:, :3] ** 2)))

    np.testing.assert_allclose(numerical_gradient(f, x), autograd.grad(f)(x), rtol=0, atol=1e-6)


def test_the_difference_is_central_and_its_step_is_1e_4():
    """((x + h)^3 - (x - h)^3) / 2h = 3 x^2 + h^2: what is too much shows the step."""
    for x in (np.array([0.0]), np.array([0.001]), np.array([-0.002])):
        grad = numerical_gradient(lambda x: float(x[0] ** 3), x)
        np.testing.assert_allclose(grad - 3 * x**2, 1e-8, rtol=1e-6)


def test_a_step_that_is_rounded_in_a_large_number_is_measured_as_it_is():
    """Near 1e9 floats lie 2^-23 = 1.2e-7 apart: for f = x the slope is 1 all the same."""
    x = np.array([1e9, -9999999999.5])
    np.testing.assert_allclose(numerical_gradient(lambda x: x[0] + 0 * x[1], x), [1, 0], rtol=1e-9)


@parametrize("call", range(4))
@parametrize("fault", ["raises", "writes", np.nan, -np.inf])
def test_an_f_that_fails_is_refused_and_x_is_as_before(fault, call):
    x, calls = np.array([0.1, 0.2]), itertools.count()

    def f(x):
        if next(calls) == call:
            if fault == "raises":
                raise ZeroDivisionError
            if fault != "writes":
                return fault
            x[call // 2] += 1
        return x.sum()

    with pytest.raises(ZeroDivisionError if fault == "raises" else ValueError):
        numerical_gradient(f, x)
    assert x.tolist() == [0.1, 0.2]


# Table 1: planted bugs. Each spoils what a right layer's backward has computed, or its cache.

N = 4  # batch size of the networks with planted bugs


def network_and_batch(seed):
    """Affine1 Relu1 Affine2 Sigmoid1 Affine3 Relu2 Affine4, where W2 and W3 are square."""
    rng = np.random.default_rng(seed)
    sizes = (6, 5, 5, 5, 4)
    a1, a2, a3, a4 = (Affine.random(*size, "he", rng=rng) for size in zip(sizes, sizes[1:]))
    names = "Affine1 Relu1 Affine2 Sigmoid1 Affine3 Relu2 Affine4".split()
    layers = OrderedDict(zip(names, (a1, Relu(), a2, Sigmoid(), a3, Relu(), a4)))
    network = Network(layers, SoftmaxWithLoss())
    for b in (a1.b, a2.b, a3.b, a4.b):
        b += 0.3 * rng.standard_normal(b.shape)
    x = rng.standard_normal((N, 6))
    network.predict(x)
    if not all(0.2 < (layers[name].out > 0).mean() < 0.8 for name in ("Relu1", "Relu2")):
        return network_and_batch(seed + 1000)  # dead or linear, it would hide bugs
    return network, x, rng.permutation([0, 1, 2, 2])


def plant(bug, network, place):
    """Make the layer at that place a buggy one of its kind."""
    layer = network.layers.get(place, network.lastLayer)
    layer.__class__ = bug(type(layer))
    return layer


def spoiled(name, spoil):
    """A layer whose dW, db or dx is not what backward computed but spoil(layer, dout, dx)."""

    def bug(right):
        class Spoiled(right):
            def backward(self, dout=1):
                dx = super().backward(dout)
                value = spoil(self, dout, dx)
                if name == "dx":
                    return value
                setattr(self, name, value)
                return dx

        return Spoiled

    return bug


dW, db, dx = (functools.partial(spoiled, name) for name in ("dW", "db", "dx"))


def stale(kept, behind=False):
    """A layer that goes by the cache of its first forward for ever, or of the one before."""

    def bug(right):
        class Stale(right):
            history = ()

            def forward(self, *args):
                out = super().forward(*args)
                self.history += (getattr(self, kept),)
                return out

            def backward(self, dout=1):
                fresh = getattr(self, kept)
                setattr(self, kept, self.history[-2:][0] if behind else self.history[0])
                try:
                    return super().backward(dout)
                finally:
                    setattr(self, kept, fresh)

        return Stale

    return bug


def ignores_dout(right):
    class Ignoring(right):
        def backward(self, dout=1):
            return super().backward(np.ones_like(dout))

    return Ignoring


def adds_up_over_calls(right):
    class Adding(right):
        total = 0

        def backward(self, dout=1):
            dx = super().backward(dout)
            self.dW = self.total = self.total + self.dW
            return dx

    return Adding


def plus(array, index, by=0.01):
    array = array.copy()
    array[index] += by
    return array


TO_1, TO_2, TO_3, TO_4 = "W1 b1", "W1 b1 W2 b2", "W1 b1 W2 b2 W3 b3", "W1 b1 W2 b2 W3 b3 W4 b4"
ALL = TO_4 + " lastLayer"

# name of the bug, the layer, the bug, the gradients that come out wrong, a word in a likely cause
# fmt: off
BUGS = [
    ("1.001 dW", "Affine2", dW(lambda L, *_: 1.001 * L.dW), "W2", "1.001 times"),
    ("2 dW", "Affine4", dW(lambda L, *_: 2 * L.dW), "W4", "2 times"),
    ("dW / 2", "Affine4", dW(lambda L, *_: L.dW / 2), "W4", "0.5 times"),
    ("-dW", "Affine1", dW(lambda L, *_: -L.dW), "W1", "-1 times"),
    ("N dW", "Affine3", dW(lambda L, *_: N * L.dW), "W3", "batch size"),
    ("dW / N", "Affine3", dW(lambda L, *_: L.dW / N), "W3", "batch size"),
    ("square dW^T", "Affine2", dW(lambda L, *_: L.dW.T), "W2", "transpose"),
    ("dW zero", "Affine2", dW(lambda L, *_: 0 * L.dW), "W2", "every gradient checked is zero"),
    ("dW of one sample", "Affine2", dW(lambda L, dout, _: L.x[:1].T @ dout[:1]), "W2", ""),
    ("dW without x", "Affine2", dW(lambda L, dout, _: np.ones((5, N)) @ dout), "W2", ""),
    ("dW adds up over calls", "Affine3", adds_up_over_calls, "W3", ""),
    ("dW by the first x", "Affine2", stale("x"), "W2", ""),
    ("dW by the x before", "Affine2", stale("x", behind=True), "W2", ""),
    ("1.001 db", "Affine1", db(lambda L, *_: 1.001 * L.db), "b1", "1.001 times"),
    ("db averaged", "Affine3", db(lambda L, dout, _: dout.mean(axis=0)), "b3", "batch size"),
    ("db of one sample", "Affine4", db(lambda L, dout, _: dout[0]), "b4", ""),
    ("db zero", "Affine2", db(lambda L, *_: 0 * L.db), "b2", "every gradient checked is zero"),
    ("db[4]", "Affine1", db(lambda L, *_: plus(L.db, 4)), "b1", ""),
    ("dx without ^T", "Affine2", dx(lambda L, dout, _: dout @ L.W), TO_1, ""),
    ("dx zero", "Affine4", dx(lambda L, _, dx: 0 * dx), TO_3, "every gradient checked is zero"),
    ("1.001 dx", "Affine4", dx(lambda L, _, dx: 1.001 * dx), TO_3, "1.001 times"),
    ("dx / N", "Affine3", dx(lambda L, _, dx: dx / N), TO_2, "batch size"),
    ("Affine ignores dout", "Affine4", ignores_dout, TO_4, ""),
    ("Relu the wrong way round", "Relu2", dx(lambda L, dout, _: dout * ~(L.out > 0)), TO_3, ""),
    ("Relu by dout", "Relu2", dx(lambda L, dout, _: dout * (dout > 0)), TO_3, ""),
    ("Relu lets all through", "Relu2", dx(lambda L, dout, _: dout), TO_3, ""),
    ("Relu ignores dout", "Relu1", ignores_dout, TO_1, ""),
    ("Relu by the first out", "Relu1", stale("out"), TO_1, ""),
    ("Relu by the out before", "Relu1", stale("out", behind=True), TO_1, ""),
    ("sigmoid' = out", "Sigmoid1", dx(lambda L, dout, _: dout * L.out), TO_2, ""),
    ("sigmoid' = 1 - out", "Sigmoid1", dx(lambda L, dout, _: dout * (1 - L.out)), TO_2, ""),
    ("sigmoid' = 1", "Sigmoid1", dx(lambda L, dout, _: dout), TO_2, ""),
    ("-sigmoid'", "Sigmoid1", dx(lambda L, _, dx: -dx), TO_2, "W1, b1, W2, b2"),
    ("Sigmoid ignores dout", "Sigmoid1", ignores_dout, TO_2, ""),
    ("Sigmoid by the first out", "Sigmoid1", stale("out"), TO_2, ""),
    ("Sigmoid by the out before", "Sigmoid1", stale("out", behind=True), TO_2, ""),
    ("softmax without - t", "lastLayer", dx(lambda L, dout, _: dout * L.y / N), ALL, ""),
    ("softmax without / N", "lastLayer", dx(lambda L, _, dx: N * dx), ALL, "batch size"),
    ("t - y", "lastLayer", dx(lambda L, _, dx: -dx), ALL, "-1 times"),
    ("softmax, y (1 - y)", "lastLayer", dx(lambda L, _, dx: dx * L.y * (1 - L.y)), ALL, ""),
    ("softmax ignores dout", "lastLayer", ignores_dout, "lastLayer", "dout"),
    ("softmax by the first t", "lastLayer", stale("t"), ALL, ""),
    ("softmax by the t before", "lastLayer", stale("t", behind=True), ALL, ""),
    ("softmax by the y before", "lastLayer", stale("y", behind=True), ALL, ""),
]
FEW_ENTRIES = [  # a sample may miss them
    ("dW[3, 2]", "Affine1", dW(lambda L, *_: plus(L.dW, (3, 2))), "W1", ""),
    ("dW[3]", "Affine2", dW(lambda L, *_: plus(L.dW, 3)), "W2", ""),
    ("dW nan", "Affine1", dW(lambda L, *_: plus(L.dW, (5, 4), np.nan)), "W1", ""),
    ("dW inf", "Affine1", dW(lambda L, *_: plus(L.dW, (5, 4), np.inf)), "W1", ""),
    ("dW -inf", "Affine1", dW(lambda L, *_: plus(L.dW, (5, 4), -np.inf)), "W1", ""),
]
# fmt: on
EACH_BUG = parametrize(
    "place, bug, failed, words, samples",
    [(*b[1:], None) for b in BUGS + FEW_ENTRIES] + [(*b[1:], 10) for b in BUGS],
    ids=[f"{b[0]}, full" for b in BUGS + FEW_ENTRIES] + [f"{b[0]}, sampled" for b in BUGS],
)


def find(place, bug, failed, words, samples, seed):
    network, x, t = network_and_batch(seed)
    plant(bug, network, place)
    before = network.params.copy()
    report = check_gradient(network, x, t, samples=samples, rng=seed)
    assert not report and not report.ok
    assert report.failed == failed.split(), report
    assert report.suspects == [place], report
    assert any(words in cause for cause in report.causes), report
    for key, param in network.params.items():
        np.testing.assert_array_equal(param, before[key])


@EACH_BUG
def test_a_planted_bug_is_found_and_blamed_on_its_layer(place, bug, failed, words, samples):
    find(place, bug, failed, words, samples, seed=1)


@pytest.mark.campaign
@EACH_BUG
def test_a_planted_bug_is_found_every_time(place, bug, failed, words, samples):
    for seed in range(40):
        find(place, bug, failed, words, samples, seed)


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


def keeps_x_in_half(right):
    class Keeping(right):
        def forward(self, x):
            out = super().forward(x)
            self.x = self.x.astype(np.float16)
            return out

    return Keeping


# check_layer finds those of the networks above too, when it looks for a culprit.
LAYER_BUGS = [
    (Affine, dW(lambda L, dout, _: L.x.T @ np.sign(dout)), "W"),
    (Affine, dW(lambda L, *_: L.dW[::-1]), "W"),
    (Affine, keeps_x_in_half, "W"),
    (Affine, ignores_dout, "W b x"),
    (Affine, stale("x"), "W"),
    (Relu, dx(lambda L, dout, _: dout), "x"),
    (Sigmoid, dx(lambda L, dout, _: dout * (1 - L.out**2)), "x"),
    (Softmax, dx(lambda L, dout, _: dout * L.out * (1 - L.out)), "x"),  # off the diagonal: none
    (Softmax, dx(lambda L, dout, _: dout * L.out), "x"),
    (Softmax, dx(lambda L, dout, _: -L.out * L.right_sum(dout)), "x"),
    (Softmax, ignores_dout, "x"),
    (Softmax, stale("out", behind=True), "x"),
]


@FULL_AND_SAMPLED
@parametrize("right, bug, failed", LAYER_BUGS)
def test_check_layer_finds_planted_bugs(right, bug, failed, samples):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        layer = Affine.random(6, 6, "he", rng=rng) if right is Affine else right()
        x = rng.standard_normal((N, 6))
        assert check_layer(layer, x, samples=samples, rng=seed)
        layer.__class__ = bug(right)
        report = check_layer(layer, x, samples=samples, rng=seed)
        assert not report and report.failed == failed.split(), report
        assert report.suspects == [type(layer).__name__]


@FULL_AND_SAMPLED
@parametrize("std", [0.1, 0.2, 0.3])
@parametrize("depth", [4, 5, 6, 7])
def test_a_bug_in_vanishing_gradients_is_not_taken_for_rounding(depth, std, samples):
    """A Sigmoid's slope is 1/4 at most: through 6 of them and weights of 0.1 little comes down."""
    for seed, factor in enumerate([2, 2, 2, 0.5, -1]):
        rng = np.random.default_rng(seed)
        network = MultiLayerNet(6, [6] * (depth - 1), 3, "sigmoid", std, rng=rng)
        x, t = rng.standard_normal((3, 6)), [0, 1, 2]
        assert check_gradient(network, x, t, samples=samples).ok
        plant(dW(lambda L, *_, f=factor: f * L.dW), network, "Affine1")
        report = check_gradient(network, x, t, samples=samples, rng=seed)
        assert report.failed == ["W1"] and report.suspects == ["Affine1"], report


@FULL_AND_SAMPLED
def test_gradients_swapped_between_layers_of_one_shape(samples):
    network, x, t = network_and_batch(0)
    right = network.gradient

    def swapped(x, t):
        grad = right(x, t)
        return grad | {"W2": grad["W3"], "W3": grad["W2"]}

    network.gradient = swapped
    report = check_gradient(network, x, t, samples=samples)
    assert report.failed == ["W2", "W3"] and report.suspects == []
    for cause, other in zip(report.causes, ["W3", "W2"]):
        assert other in cause and "swapped" in cause
    # No layer is wrong alone, so look between loss and W3.
    assert "alone" in report.causes[-1] and "W3" in report.causes[-1]


@parametrize("kept", ["t", "y"])
@parametrize("t", [[0, 0, 0], [[0, 1]] * 3, [[0.2, 0.8], [1, 0], [0.5, 0.5]]])
def test_a_stale_cache_shows_for_every_form_of_labels(t, kept):
    """With two classes, and though all labels are the same."""
    x = np.random.default_rng(0).standard_normal((3, 2))
    for behind in (False, True):
        network = TwoLayerNet(2, 3, 2, 1.0, rng=0)
        plant(stale(kept, behind), network, "lastLayer")
        assert check_gradient(network, x, t).suspects == ["lastLayer"]


class Likelihood:
    """-mean(t log x + (1 - t) log(1 - x)), for x between 0 and 1."""

    def forward(self, x, t):
        assert (x > 0).all() and (x < 1).all()
        self.x, self.t = x, t
        return -np.mean(t * np.log(x) + (1 - t) * np.log(1 - x))

    def backward(self, dout=1):
        return dout * (self.x - self.t) / (self.x * (1 - self.x)) / self.x.size


class Particular(SoftmaxWithLoss):
    def forward(self, x, t):
        if np.argmax(t, axis=1).tolist() != [1, 0, 0]:
            raise ValueError("expected other labels")
        return super().forward(x, t)


@parametrize("last", [Likelihood, Particular])
@parametrize("bug", [stale("x"), stale("x", behind=True), dx(lambda L, _, dx: 2 * dx)])
def test_a_last_layer_may_refuse_other_scores_or_labels(last, bug):
    network = Network(OrderedDict(Affine1=Affine.random(4, 2, 1, rng=0)), last())
    if last is Likelihood:
        network.layers["Sigmoid1"] = Sigmoid()
    x, t = np.random.default_rng(0).standard_normal((3, 4)), np.array([[0, 1.0], [1, 0], [1, 0]])
    assert check_gradient(network, x, t)
    if last is Particular:
        bug = dx(lambda L, _, dx: 2 * dx)
    plant(bug, network, "lastLayer")
    assert check_gradient(network, x, t).suspects == ["lastLayer"]


def test_a_layer_that_spoils_the_cache_of_the_one_before_is_blamed_and_hides_no_other():
    """It works in the array it was given, which Sigmoid1 keeps for its own backward."""

    class Centring(Affine):
        def forward(self, x):
            x -= 0.5
            return super().forward(x)

    network, x, t = network_and_batch(0)
    plant(lambda right: Centring, network, "Affine3")
    report = check_gradient(network, x, t)
    assert report.failed == TO_2.split() and report.suspects == ["Affine3"]
    plant(db(lambda L, *_: 2 * L.db), network, "Affine4")
    assert check_gradient(network, x, t).suspects == ["Affine3", "Affine4"]


@parametrize("factor", [0.5, 2])
def test_a_backward_that_is_wrong_only_once_is_found(factor):
    """The second is the one that counts; what it says afterwards can't make it a kink."""

    class Once(Affine):
        calls = 0

        def backward(self, dout):
            self.calls += 1
            return super().backward(dout) * (factor if self.calls == 2 else 1)

    report = check_layer(Once(np.eye(3), np.zeros(3)), np.ones((2, 3)))
    assert report.failed == ["x"] and report["x"].kinks == 0


def test_a_stale_cache_shows_though_all_inputs_are_equal():
    layer = stale("x")(Affine).random(6, 3, 1, rng=0)
    assert check_layer(layer, np.ones((4, 6))).failed == ["W"]


# A student's own class. It needs params, loss and gradient, and no base class.


class OwnRegression:
    """y = tanh(x W1 + b1) W2, and the mean of (y - t)^2 over the batch. No layers at all."""

    def __init__(self, spoil=lambda grad: grad):
        rng = np.random.default_rng(0)
        shapes = {"W1": (4, 5), "b1": (5,), "W2": (5, 2)}
        self.params = {key: rng.standard_normal(shape) for key, shape in shapes.items()}
        self.spoil = spoil

    def loss(self, x, t):
        z = np.tanh(x @ self.params["W1"] + self.params["b1"])
        return np.sum((z @ self.params["W2"] - t) ** 2) / len(x)

    def gradient(self, x, t):
        z = np.tanh(x @ self.params["W1"] + self.params["b1"])
        dy = 2 * (z @ self.params["W2"] - t) / len(x)
        da = dy @ self.params["W2"].T * (1 - z**2)
        return self.spoil({"W1": x.T @ da, "b1": da.sum(axis=0), "W2": z.T @ dy})


OWN_X, OWN_T = np.random.default_rng(1).standard_normal((2, 3, 4))
OWN_T = OWN_T[:, :2]


@FULL_AND_SAMPLED
def test_a_students_own_class_is_checked(samples):
    network = OwnRegression()
    before = {key: param.copy() for key, param in network.params.items()}
    report = check_gradient(network, OWN_X, OWN_T, samples=samples)
    assert_right(report)
    assert report and list(report) == ["W1", "b1", "W2"]
    network.spoil = lambda grad: grad | {"W1": 3 * grad["W1"]}  # 3 is N here
    report = check_gradient(network, OWN_X, OWN_T, samples=samples)
    assert not report and report.failed == ["W1"] and report.suspects == []
    assert "batch size" in report.causes[0] and rows(report)["W1"][-1] == "FAILED"
    for key, param in network.params.items():
        np.testing.assert_array_equal(param, before[key])


def test_a_students_stale_batch_shows_without_layers():
    network, first = OwnRegression(), []
    right = network.gradient
    network.gradient = lambda x, t: right(first[0] if first else first.append(x.copy()) or x, t)
    assert check_gradient(network, OWN_X, OWN_T).failed == ["W1", "b1", "W2"]


@parametrize(
    "spoil",
    [
        lambda grad: grad | {"W1": grad["W1"].T},
        lambda grad: grad | {"W1": grad["W1"][0]},
        lambda grad: grad | {"b1": grad["b1"][np.newaxis]},
        lambda grad: grad | {"b1": 0.0},
    ],
    ids=["transposed", "one row", "a row for a vector", "one number"],
)
def test_a_students_gradient_of_another_shape_is_refused(spoil):
    with pytest.raises(ValueError, match="W1|b1"):
        check_gradient(OwnRegression(spoil), OWN_X, OWN_T)


def test_a_students_gradient_in_float32_is_right_to_7_digits():
    network = OwnRegression(lambda grad: {key: each.astype("f4") for key, each in grad.items()})
    assert check_gradient(network, OWN_X, OWN_T)


class OwnChain:
    """Plain dicts: params, layers and lastLayer as the chapter names them, and its own loops."""

    def __init__(self):
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
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        first, second = self.layers["first"], self.layers["second"]
        return {"Wa": first.dW, "ba": first.db, "Wz": second.dW}


@FULL_AND_SAMPLED
@parametrize(
    "place, bug, failed",
    [
        ("second", dW(lambda L, *_: -L.dW), ["Wz"]),
        ("bend", dx(lambda L, dout, _: dout), ["Wa", "ba"]),
        ("bend", stale("out"), ["Wa", "ba"]),
        ("lastLayer", dx(lambda L, _, dx: 3 * dx), ["Wa", "ba", "Wz", "lastLayer"]),
        ("lastLayer", stale("t"), ["Wa", "ba", "Wz", "lastLayer"]),
    ],
)
def test_a_students_own_chain_has_its_wrong_layer_named(place, bug, failed, samples):
    network, t = OwnChain(), np.array([0, 1, 1])
    assert check_gradient(network, OWN_X, t, samples=samples)
    plant(bug, network, place)
    report = check_gradient(network, OWN_X, t, samples=samples)
    assert not report and report.failed == failed and report.suspects == [place], report


# Table 2: right things, which must not be accused


def assert_right(report):
    assert report.ok and report.failed == report.suspects == report.causes == [], report


def random_network(rng):
    """A right network of 1 to 8 Affines, with data of which some inputs are exactly zero."""
    depth = rng.integers(1, 9)
    sizes = [*rng.integers(1, 8, depth), rng.integers(2, 6)]
    std = rng.choice(["0.01", "0.3", "1", "3", "he", "xavier"])
    layers = OrderedDict()
    for i, (D, M) in enumerate(zip(sizes, sizes[1:]), start=1):
        layer = Affine.random(D, M, std if std.isalpha() else float(std), rng=rng)
        layer.b += rng.choice([0, 0.01, 1]) * rng.standard_normal(M)
        layers[f"Affine{i}"] = layer
        if i < depth:
            layers[f"Activation{i}"] = rng.choice([Relu, Sigmoid])()
    N = rng.integers(1, 6)
    x = rng.uniform(-1, 1, (N, sizes[0])) * rng.choice([1e-6, 1, 3, 255])
    x[rng.random(x.shape) < rng.choice([0.1, 0.5, 1])] = 0
    C = sizes[-1]
    t = rng.integers(C, size=N)
    forms = [t, np.eye(C)[t], rng.dirichlet(np.ones(C), N)]
    return Network(layers, SoftmaxWithLoss()), x, forms[rng.integers(3)]


# In the ordinary run 100 networks, in the campaign 3,000.
@parametrize(
    "first", [0, 50, *(pytest.param(k, marks=pytest.mark.campaign) for k in range(100, 3000, 100))]
)
def test_a_right_network_raises_no_alarm(first):
    for seed in range(first, first + (50 if first < 100 else 100)):
        network, x, t = random_network(np.random.default_rng(seed))
        before = x.copy(), network.params.copy()
        for samples in (None, 4):
            assert_right(check_gradient(network, x, t, samples=samples, rng=seed))
        np.testing.assert_array_equal(x, before[0])
        for key, param in network.params.items():
            np.testing.assert_array_equal(param, before[1][key])


@parametrize("seed", range(3))
@FULL_AND_SAMPLED
def test_without_a_bug_the_networks_of_table_1_are_right(samples, seed):
    network, x, t = network_and_batch(seed)
    assert_right(check_gradient(network, x, t, samples=samples))


def test_right_layers_pass_and_name_their_input_x():
    x = np.random.default_rng(0).standard_normal((4, 5))
    before = x.copy()
    for layer, names in [
        (Affine.random(5, 3, 1, rng=0), ["W", "b", "x"]),
        (Relu(), ["x"]),
        (Sigmoid(), ["x"]),
        (LeakyRelu(), ["a", "x"]),
    ]:
        for samples in (None, 3):
            report = check_layer(layer, x, samples=samples)
            assert_right(report)
            assert list(report) == names and report["x"].shape == (4, 5)
    np.testing.assert_array_equal(x, before)
    assert check_layer(Sigmoid(), np.ones((2, 3, 4))) and check_layer(Relu(), [1.0, -1.0])
    assert check_layer(Sigmoid(), np.array(0.5)) and check_layer(Sigmoid(), 1)


def test_a_readers_own_layer_is_checked_in_a_network():
    x = np.random.default_rng(0).standard_normal((3, 5))
    network = TwoLayerNet(5, 8, 3, 1.0, rng=1)
    network.layers["Relu1"] = LeakyRelu()
    report = check_gradient(network, x, [0, 1, 2])
    assert_right(report)
    assert list(report) == ["W1", "b1", "a2", "W3", "b3"]
    network.layers["Relu1"].__class__ = spoiled("da", lambda L, *_: -L.da)(LeakyRelu)
    report = check_gradient(network, x, [0, 1, 2])
    assert report.failed == ["a2"] and report.suspects == ["Relu1"]
    assert report["a2"].worst_index == ()


class Function:
    """out = f(x) for each entry; backprop says dout times df(x), which may be wrong."""

    def __init__(self, f, df):
        self.f, self.df = f, df

    def forward(self, x):
        self.x = x
        return self.f(x)

    def backward(self, dout):
        return dout * self.df(self.x)


@parametrize(
    "f, df",
    [
        (lambda x: (1 + 1e-8 * x) - 1, lambda x: 1e-8),  # rounds as 1 does, not as 1e-8 does
        (lambda x: (1e6 + x) - 1e6, lambda x: 1),
        (lambda x: 1e9 * x, lambda x: 1e9),
        (lambda x: 1e-9 * x, lambda x: 1e-9),
        (lambda x: x**3, lambda x: 3 * x**2),
        (lambda x: np.sin(300 * x), lambda x: 300 * np.cos(300 * x)),
        (lambda x: np.exp(20 * x), lambda x: 20 * np.exp(20 * x)),
        (lambda x: 1e5 + 0 * x, lambda x: 0 * x),
        (lambda x: np.arccos(x), lambda x: -1 / np.sqrt(1 - x**2)),  # takes none beyond x's range
    ],
    ids="cancels, cancels 1e6, steep, flat, cubic, wave, curve, constant, bounded".split(", "),
)
@FULL_AND_SAMPLED
def test_a_right_function_is_not_accused(f, df, samples):
    for seed in range(3):
        x = np.random.default_rng(seed).uniform(-1, 1, 20)
        assert_right(check_layer(Function(f, df), x, samples=samples, rng=seed))


@parametrize("seed", range(5))
def test_curvature_beside_rounding_is_no_bug(seed):
    """out = 1000 + sin(10 x) / 10: of a slope of 1, a step of 1e-4 loses 10^2 h^2 / 6 = 1.7e-7.

    A step of 1e-5 loses 1.7e-9. With 1e-6, rounding in 1000 makes eps 1000 / h = 2e-7 of its own.
    """
    layer = Function(lambda x: 1000 + np.sin(10 * x) / 10, lambda x: np.cos(10 * x))
    for x in np.random.default_rng(seed).uniform(-0.1, 0.1, (20, 1)):
        assert_right(check_layer(layer, x, tolerance=1e-9, rng=seed))


class Standardised:
    """Each row less its mean, divided by its standard deviation."""

    factor = 1

    def forward(self, x):
        mean = x.mean(axis=1, keepdims=True)
        self.std = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True))
        self.out = (x - mean) / self.std
        return self.out

    def backward(self, dout):
        along = (dout * self.out).mean(axis=1, keepdims=True)
        return self.factor * (dout - dout.mean(axis=1, keepdims=True) - self.out * along) / self.std


@parametrize("offset", [0, 1e4, 1e6])
def test_rounding_of_large_numbers_inside_is_no_bug(offset):
    x = np.random.default_rng(2).standard_normal((5, 4))
    layers = OrderedDict(Affine1=Affine.random(4, 6, "he", rng=0), Norm=Standardised())
    layers["Affine1"].b += offset
    layers["Affine2"] = Affine.random(6, 3, "he", rng=1)
    assert_right(check_layer(layers["Norm"], x + offset))
    assert_right(check_gradient(Network(layers, SoftmaxWithLoss()), x, [0, 1, 2, 1, 0]))
    layers["Norm"].factor = 2
    assert check_layer(layers["Norm"], x + offset).failed == ["x"]


def test_a_right_layer_that_cant_be_checked_alone_is_not_accused():
    """It takes probabilities, so not the numbers that differ by a step in one place."""

    def log(x):
        assert np.allclose(x.sum(axis=1), 1)
        return np.log(x)

    layers = OrderedDict(Affine1=Affine.random(4, 3, 1, rng=0), Softmax=Softmax())
    layers["Log"] = Function(log, lambda x: 1 / x)
    assert_right(check_gradient(Network(layers, SoftmaxWithLoss()), OWN_X, [0, 1, 2]))


def test_tiny_weights_raise_no_alarm():
    """Scores are about 1e-8, slopes of W1 about 1e-9; the loss and its rounding are not small."""
    network = MultiLayerNet(4, [3], 2, "sigmoid", 1e-8, rng=0)
    assert_right(check_gradient(network, np.random.default_rng(0).random((3, 4)), [0, 1, 0]))


@parametrize("seed", range(5))
def test_rows_of_float32_are_labels_for_a_check(seed):
    """They sum to 1 only within 6e-8, which is much for a check in float64."""
    network, rng = TwoLayerNet(6, 5, 10, 1.0, rng=seed), np.random.default_rng(seed)
    x = rng.standard_normal((3, 6))
    y = np.exp(network.predict(x))
    t = (y / y.sum(axis=1, keepdims=True)).astype(np.float32)  # so that y - t is next to nothing
    assert_right(check_gradient(network, x, t))


# Table 3: kinks, places without derivative


def bent(*kinks, factor=1.0):
    """out = sum of w |x - place| for kinks (place, w). Backprop says the slope to the left at one.

    If factor isn't 1, backprop says factor times the slope, which is a bug.
    """

    def slope(x):
        return factor * sum(w * np.where(x > place, 1.0, -1.0) for place, w in kinks)

    return Function(lambda x: sum(w * np.abs(x - place) for place, w in kinks), slope)


@parametrize(
    "distance, kinks",
    [(0, 1), (1e-12, 1), (1e-8, 1), (5e-6, 1), (5e-5, 1), (9.9e-5, 1), (1.1e-4, 0), (0.1, 0)],
)
@parametrize("side", [-1, 1])
def test_a_kink_is_counted_and_left_out_of_the_figures(distance, kinks, side):
    x = np.array([0.3, 1.0, 2.0])
    report = check_layer(bent((x[1] + side * distance, 1)), x)
    assert_right(report)
    assert report and report["x"].kinks == kinks and report["x"].checked == 3
    assert ("kink" in report.verdict()) == (kinks > 0)
    assert report["x"].mean_abs_diff < 1e-10 and report["x"].max_rel_error < 1e-8


# What tells each of these from a bug; elsewhere another kink is in the way.
@parametrize(
    "places",
    [[1.05e-6, -1.05e-6, 1.05e-5, -1.05e-5], [0, 1e-6], [0, -1e-6], [0, 1e-5], [0, -1e-5]],
    ids=["a step of 1e-6", *["a look 1e-5 to both sides"] * 2, *["a look 1e-6 to both sides"] * 2],
)
@parametrize("weight", [1, -2, 1e3])
def test_kinks_close_together_are_no_bug(places, weight):
    layer = bent(*((place, weight * (1 + i)) for i, place in enumerate(places)))
    report = check_layer(layer, np.array([0.0, 0.5]))
    assert_right(report)
    assert report["x"].kinks == 1


@parametrize("at", [1.0, 1.000003, 1.00002, 0.99999, 7.0])
@parametrize("factor", [1.001, -1, 2, 0.5, np.nan])
@parametrize("x", [[1.0], [0.3, 1.0, 2.0]], ids=["alone", "with others"])
def test_a_bug_is_found_beside_kinks(at, factor, x):
    """Entry 1.0 lies at a kink, near one, or far from it."""
    report = check_layer(bent((at, 1), factor=factor), np.array(x))
    assert report.failed == ["x"]
    check = report["x"]
    assert np.isclose(check.backprop, factor * check.numerical, equal_nan=True) or check.kinks == 0


def test_a_kink_is_left_out_though_the_difference_is_furthest_off_there():
    """Four entries are off by a thousandth; the fifth is right, and half a step from a kink."""
    layer = bent((1.00005, 1), factor=np.array([1.001] * 4 + [1]))
    check = check_layer(layer, np.array([2.0, 3.0, 4.0, 5.0, 1.0]))["x"]
    assert not check.ok and check.kinks == 1 and check.worst_index != (4,)


@parametrize("size", [1, 100])
def test_kinks_that_cancel_each_other_are_no_bug(size):
    """relu(x) - relu(-x) = x has the slope 1 on both sides of 0, but backprop says 0 there."""
    x, f = (
        np.array([0.0, 1.0, 1e-12, -2.0]),
        Function(lambda x: size * x, lambda x: size * (x != 0)),
    )
    report = check_layer(f, x)
    assert_right(report)
    assert report["x"].kinks == 1
    f.df = lambda x: 1.001 * size * (x != 0)
    assert check_layer(f, x).failed == ["x"]


@parametrize("side", [-1, 1])
def test_a_backprop_that_is_right_on_one_side_only_is_a_bug(side):
    """out = x + 1 has the slope 1. The first says -1 on one side of 0, the second 0 up to 0."""
    for df in (lambda x: np.sign(side * x), lambda x: side * x > 0):
        for seed in range(5):
            x = side * np.array([0.0, 0.3, 0.4])
            report = check_layer(Function(lambda x: x + 1, df), x, rng=seed)
            assert report.failed == ["x"] and report["x"].worst_index == (0,)


def test_curvature_counts_as_too_coarse_a_step_and_hides_no_bug():
    """At 0 a step of 1e-4 loses (k h)^2 / 6 of the slope of sin(k x): 1.5e-4 for k = 300."""
    x = np.array([0.0])
    wave = Function(lambda x: np.sin(300 * x), lambda x: 300 * np.cos(300 * x))
    report = check_layer(wave, x)
    assert_right(report)
    assert report["x"].kinks == 1 and np.isnan(report["x"].mean_abs_diff)
    gentle = Function(lambda x: np.sin(20 * x), lambda x: 20 * np.cos(20 * x))
    assert check_layer(gentle, x)["x"].kinks == 0  # 6.7e-7, less than the tolerance of 1e-6
    wave.df = lambda x: 300.03 * np.cos(300 * x)  # wrong by 1e-4, less than what the step loses
    report = check_layer(wave, x)
    assert report.failed == ["x"] and report["x"].kinks == 0


@parametrize("slope", [1e-9, 1e-8, 1e-7, 1, 1e8])
def test_a_bug_is_not_lost_in_the_rounding_of_smaller_steps(slope):
    """By a step of 1e-6 rounding may do 1e-8; a slope of 1e-9 that is doubled is off by less."""
    for value in np.linspace(0.8, 1.2, 5):
        check = check_layer(Function(lambda x: slope * x, lambda x: 2 * slope), np.array([value]))
        assert check.failed == ["x"] and check["x"].kinks == 0


class LargestOfARow:
    """Takes the largest of each row, as a pooling layer does: a kink where two are equal."""

    def forward(self, x):
        self.x = x
        return x.max(axis=1)

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        dx[np.arange(len(dx)), self.x.argmax(axis=1)] = dout
        return dx


@parametrize("base", [1.0, 1e4, 1e5, 1e6])
def test_a_kink_beside_a_large_number_is_a_kink(base):
    x = base + np.array([[0, 5e-5], [7e-5, 0], [0, 2e-5]])  # each row bends within a step of 1e-4
    report = check_layer(LargestOfARow(), x)
    assert_right(report)
    assert report["x"].kinks == 6


class InPlace(Affine):
    """Writes its dW anew into the same array at each backward."""

    def backward(self, dout):
        kept, dx = self.dW, super().backward(dout)
        if kept is not None:
            kept[...] = self.dW
            self.dW = kept
        return dx


@FULL_AND_SAMPLED
@parametrize("Second", [Affine, InPlace])
def test_a_relu_at_exactly_zero_is_a_kink_in_a_network(samples, Second):
    """A sample of zeros with b1 = 0 lies at the kink of every unit: b1 is all kinks, no bug."""
    network = TwoLayerNet(4, 6, 3, 1.0, rng=0)
    network.layers["Affine2"].__class__ = Second  # its backward is called beside the kinks too
    x = np.vstack([np.zeros(4), np.random.default_rng(0).standard_normal((2, 4))])
    report = check_gradient(network, x, [0, 1, 2], samples=samples)
    assert_right(report)
    assert report and {key: check.kinks for key, check in report.items()} == {
        "W1": 0, "b1": 6, "W2": 0, "b2": 0
    }  # fmt: skip
    assert np.isnan(report["b1"].mean_abs_diff) and report["b1"].worst_index is None
    assert report["b1"].unclear and not report["W1"].unclear
    # A bug at the same time is found where there is no kink.
    plant(dx(lambda L, _, dx: 1.001 * dx), network, "Relu1")
    report = check_gradient(network, x, [0, 1, 2], samples=samples)
    assert "W1" in report.failed and report.suspects == ["Relu1"]


# What a check doesn't see: arrays that change the output, and have no gradient


class OtherName(Affine):
    """An Affine that keeps its gradients as d_W and d_b, in the way of a later book."""

    def __init__(self, W, b, factor=1):
        self.W, self.b, self.d_W, self.d_b, self.factor = W, b, None, None, factor

    def backward(self, dout):
        dx = super().backward(dout)
        self.d_W, self.d_b = self.factor * vars(self).pop("dW"), vars(self).pop("db")
        return dx


class Stored:
    """out = x w, where w is kept in the way that is asked for, and no gradient of it."""

    shared = np.array([1.0, 2, 3])

    def __init__(self, way):
        own = np.array([1.0, 2, 3])
        self.way, self.kept = way, {"list": [own], "mapping": {"w": own}}.get(way, own)
        self.kept = [{"inner": own}] if way == "deep" else self.kept
        self.kept = None if way == "class" else self.kept

    def forward(self, x):
        ways = {"list": lambda: self.kept[0], "mapping": lambda: self.kept["w"]}
        ways |= {"deep": lambda: self.kept[0]["inner"], "class": lambda: Stored.shared}
        self.w = ways.get(self.way, lambda: self.kept)().copy()
        return x * self.w

    def backward(self, dout):
        return dout * self.w


@FULL_AND_SAMPLED
def test_a_parameter_under_another_name_is_named(samples):
    rng = np.random.default_rng(0)
    W, b = rng.standard_normal((4, 3)), np.zeros(3)  # the same step in all of b would go unseen
    network = TwoLayerNet(5, 4, 3, 1.0, rng=0)
    network.layers["Affine2"] = OtherName(W, b, factor=7)
    x, before = rng.standard_normal((3, 5)), (W.copy(), b.copy())
    report = check_gradient(network, x, [0, 1, 2], samples=samples)
    assert report and report.ok and report.failed == []  # it may be a constant
    assert report.unseen == ["Affine2.W", "Affine2.b"]
    for name in report.unseen:
        assert name in report.verdict()
    assert "agrees with the numerical gradient." not in report.verdict()
    np.testing.assert_array_equal(W, before[0])
    np.testing.assert_array_equal(b, before[1])
    assert check_layer(network.layers["Affine2"], x[:, :4]).unseen == ["OtherName.W", "OtherName.b"]


@parametrize("way, name", [
    ("attribute", "Mine.kept"), ("list", "Mine.kept[0]"), ("mapping", "Mine.kept['w']"),
    ("deep", "Mine.kept[0]['inner']"), ("class", "Mine.shared"),
])  # fmt: skip
def test_an_array_without_a_gradient_is_named_wherever_it_is_kept(way, name):
    layers = OrderedDict(Mine=Stored(way), Affine1=Affine.random(3, 2, 1, rng=0))
    assert check_gradient(Network(layers, SoftmaxWithLoss()), np.eye(3), [0, 1, 0]).unseen == [name]
    assert check_layer(Stored(way), np.eye(3)).unseen == [name.replace("Mine", "Stored")]


def test_an_array_without_a_gradient_is_named_in_a_class_of_ones_own():
    network = OwnRegression()
    assert check_gradient(network, OWN_X, OWN_T).unseen == []
    del network.params["b1"]
    network.params = dict(network.params)
    network.b1 = np.ones(5)

    def loss(x, t):
        z = np.tanh(x @ network.params["W1"] + network.b1)
        return np.sum((z @ network.params["W2"] - t) ** 2) / len(x)

    network.loss, right = loss, network.gradient

    def gradient(x, t):
        network.params["b1"] = network.b1
        grad = right(x, t)
        del network.params["b1"], grad["b1"]
        return grad

    network.gradient = gradient
    assert check_gradient(network, OWN_X, OWN_T).unseen == ["OwnRegression.b1"]


def test_what_forward_keeps_and_writes_anew_is_not_named():
    x = np.random.default_rng(0).standard_normal((4, 6))
    layers = [Affine.random(6, 3, 1, rng=0), Relu(), Sigmoid(), LeakyRelu(), Softmax()]
    layers += [Standardised(), LargestOfARow(), InPlace(np.eye(6), np.zeros(6))]
    for layer in layers:
        assert check_layer(layer, x).unseen == [], layer
    network, x, t = network_and_batch(0)
    network.layers["Affine1"].WT = network.layers["Affine1"].W.T  # a view of what is learnt
    network.history, network.x_train = [np.ones(3)], x
    assert check_gradient(network, x, t).unseen == []


class Zeroed:
    """out = x + a F(x), where a starts at 0, and hides F until it has moved."""

    def __init__(self, inner):
        self.inner, self.a, self.da = inner, np.array(0.0), None

    def forward(self, x):
        self.kept = self.inner.forward(x)
        return x + self.a * self.kept

    def backward(self, dout):
        self.da = np.sum(dout * self.kept)
        return dout + self.inner.backward(self.a * dout)


def test_a_factor_of_0_hides_no_array_and_neither_does_shared_memory():
    W = np.random.default_rng(0).standard_normal((4, 4))
    report = check_layer(Zeroed(OtherName(W, np.zeros(4))), OWN_X)
    assert report.unseen == ["Zeroed.inner.W", "Zeroed.inner.b"]

    class Halves(Affine):
        """Learns the left half of an array, and uses the right half too."""

        def __init__(self, both):
            self.both = both
            super().__init__(both[:, :3], np.zeros(3))

        def forward(self, x):
            return super().forward(x) * self.both[0, 3:]

        def backward(self, dout):
            return super().backward(dout * self.both[0, 3:])

    both = np.random.default_rng(1).standard_normal((4, 6))
    before = both.copy()
    assert check_layer(Halves(both), OWN_X).unseen == ["Halves.both"]
    np.testing.assert_array_equal(both, before)


def test_a_forward_that_takes_no_other_parameters_is_checked_all_the_same():
    """Its parameter may move by a step of a difference, and not by a hundredth."""

    class Narrow:
        def __init__(self):
            self.a, self.da, self.c = np.array(1.0), None, np.array(2.0)

        def forward(self, x):
            assert abs(self.a - 1) < 1e-3
            self.x = x
            return self.a * self.c * x

        def backward(self, dout):
            self.da = np.sum(dout * self.c * self.x)
            return dout * self.a * self.c

    layer = Narrow()
    report = check_layer(layer, OWN_X)
    assert_right(report)
    assert report.unseen == ["Narrow.c"] and layer.a == 1


def test_a_history_of_inputs_and_modules_are_not_named():
    class Remembers(Relu):
        def __init__(self):
            self.history, self.xp = [], np

        def forward(self, x):
            self.history.append(x)
            return super().forward(x)

    network, x, t = network_and_batch(0)
    network.layers["Relu1"] = Remembers()
    assert check_gradient(network, x, t).unseen == []
    assert check_layer(Remembers(), x).unseen == []


def test_a_block_that_builds_its_layers_in_the_first_forward_is_checked():
    class Lazy:
        inner = None

        def forward(self, x):
            self.inner = self.inner or Affine.random(x.shape[1], 4, 1, rng=0)
            return self.inner.forward(x)

        def backward(self, dout):
            return self.inner.backward(dout)

    layers = OrderedDict(Lazy1=Lazy(), Affine1=Affine.random(4, 4, 1, rng=1))
    report = check_gradient(Network(layers, SoftmaxWithLoss()), OWN_X, [0, 1, 2])
    assert_right(report)
    assert list(report) == ["W1", "b1", "W2", "b2"] and report.unseen == []


def test_chance_in_a_chain_is_refused():
    class Dropout:
        """As in the book: train_flg is an argument, and True."""

        def forward(self, x, train_flg=True):
            self.mask = np.random.rand(*x.shape) > 0.5
            return x * self.mask

        def backward(self, dout):
            return dout * self.mask

    network, x, t = network_and_batch(0)
    network.layers["Relu2"] = Dropout()
    for seed in range(5):
        np.random.seed(seed)
        with pytest.raises(ValueError):
            check_gradient(network, x, t)


# The first layer needs no dx; the last may take probabilities


class Embedding:
    """Row number x of W. It has no dx: nothing comes before it."""

    def __init__(self, W):
        self.W, self.dW = W, None

    def forward(self, x):
        self.x = x.astype(int)[:, 0]
        return self.W[self.x]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.x, dout)


def tanh(slope=lambda out: 1 - out**2):
    return Function(np.tanh, lambda x: slope(np.tanh(x)))


def test_a_first_layer_without_dx_is_not_accused():
    W = np.random.default_rng(0).standard_normal((5, 4))
    layers = OrderedDict(Embedding1=Embedding(W), Tanh1=tanh())
    layers["Affine1"] = Affine.random(4, 3, 1, rng=1)
    network = Network(layers, SoftmaxWithLoss())
    x, t = np.array([[0], [2], [4]]), [0, 1, 2]
    assert_right(check_gradient(network, x, t))
    layers["Tanh1"] = tanh(lambda out: 1 - out)
    assert check_gradient(network, x, t).suspects == ["Tanh1"]
    layers["Tanh1"] = tanh()
    layers["Embedding1"].__class__ = spoiled("dW", lambda L, *_: 2 * L.dW)(Embedding)
    assert check_gradient(network, x, t).suspects == ["Embedding1"]


class CrossEntropy:
    """A last layer that takes probabilities."""

    factor = 1

    def forward(self, y, t):
        self.y, self.t = y, t
        return cross_entropy_error(y, t)

    def backward(self, dout):
        return -self.factor * dout * np.eye(self.y.shape[1])[self.t] / self.y / len(self.y)


def test_a_last_layer_that_takes_probabilities_is_checked():
    x = np.random.default_rng(0).standard_normal((3, 5))
    layers = OrderedDict(Affine1=Affine.random(5, 3, 1, rng=0), Softmax1=Softmax())
    network = Network(layers, CrossEntropy())
    assert_right(check_gradient(network, x, np.array([0, 1, 2])))
    network.lastLayer.factor = 2
    assert check_gradient(network, x, np.array([0, 1, 2])).suspects == ["lastLayer"]


# Likely causes: a factor is named, and nothing is said of what only looks alike


def causes_of(bug, *shape):
    layer = bug(Affine).random(*shape, 1, rng=0)
    return check_layer(layer, np.random.default_rng(0).standard_normal((7, shape[0]))).causes


@parametrize(
    "factor, words",
    [(-1, "-1 times what it should be. Is a sign"), (2, "2 times what it should be. Is something"),
     (0.5, "0.5 times"), (7, "batch size"), (1 / 7, "batch size"), (3, "3 times"), (0, "zero")],
)  # fmt: skip
def test_a_factor_is_told_once_for_all_that_have_it(factor, words):
    [cause] = causes_of(
        lambda right: dW(lambda L, *_: factor * L.dW)(db(lambda L, *_: factor * L.db)(right)), 3, 6
    )
    assert cause.startswith("W, b: ") and words in cause


def test_a_forward_that_forgets_a_parameter_is_thought_of():
    class Forgetful(Affine):
        def forward(self, x):
            return super().forward(x) - self.b

    [cause] = causes_of(lambda right: Forgetful, 4, 3)
    assert cause.startswith("b: ") and "every numerical gradient is zero" in cause


@parametrize(
    "spoil",
    [
        lambda dW: plus(dW, (0, 1)),  # 1 of 20 is off: the others say nothing
        lambda dW: dW * np.linspace(0.5, 2, 20).reshape(dW.shape),
        lambda dW: dW * (1 + 5e-6),
    ],
    ids=["one", "all", "slightly"],
)
@parametrize("shape", [(1, 20), (4, 5)])  # a row is its own transpose
def test_what_has_no_likeness_is_not_given_one(spoil, shape):
    assert causes_of(dW(lambda L, *_: spoil(L.dW)), *shape) == []


def test_one_number_alone_has_no_likeness():
    for M, count in [(1, 0), (2, 1)]:
        assert len(causes_of(db(lambda L, *_: 2 * L.db), 6, M)) == count


@parametrize(
    "slopes, factors",
    [
        ([1] * 20, [1] + [2] * 19),  # one has another factor
        ([1e5] * 2 + [0.01] * 5, [2] * 2 + [1] * 5),  # rounding may leave little of the small ones
    ],
)
def test_a_factor_is_read_off_the_large_slopes_and_most_entries(slopes, factors):
    slopes, factors = np.array(slopes), np.array(factors)
    layer = Function(lambda x: slopes * x, lambda x: factors * slopes)
    [cause] = check_layer(layer, np.linspace(0.1, 0.7, len(slopes))).causes
    assert "2 times" in cause


def test_a_small_number_added_to_y_is_thought_of():
    """As the textbook does, against log(0); its backward takes no notice."""

    class BooksLast(SoftmaxWithLoss):
        def forward(self, x, t):
            super().forward(x, t)
            return -float(np.sum(self.t * np.log(self.y + 1e-7))) / len(self.y)

    network = TwoLayerNet(4, 4, 10, 0.1, rng=0)
    network.lastLayer = BooksLast()
    report = check_gradient(network, OWN_X, [0, 1, 2], tolerance=1e-7)
    assert "b2" in report.failed and any("1e-7" in cause for cause in report.causes)


# Sampling


@parametrize("samples, checked", [(15, [15, 15, 15, 10]), (None, [140, 20, 200, 10])])
def test_a_sample_is_so_many_entries_of_each_or_all_where_there_are_fewer(samples, checked):
    network, x = TwoLayerNet(7, 20, 10, rng=0), np.random.default_rng(0).random((3, 7))
    report = check_gradient(network, x, [0, 1, 2], samples=samples)
    assert [check.checked for check in report.values()] == checked


@parametrize("samples", [1, 2, 7])
def test_dark_pixels_do_not_hide_a_bug(samples):
    """Of 784 pixels only one is ever lit: 783 rows of dW are 0, whatever backward does."""
    network, x = TwoLayerNet(784, 20, 10, 0.1, rng=0), np.zeros((2, 784))
    network.layers["Affine1"].b += 0.1  # so that the dark ones aren't all at a kink
    x[:, 400] = 0.9
    plant(dW(lambda L, *_: 1.01 * L.dW), network, "Affine1")
    for seed in range(4):
        report = check_gradient(network, x, [3, 4], samples=samples, rng=seed)
        assert report.failed == ["W1"] and report["W1"].worst_index[0] == 400
        assert report["W1"].checked == samples


def images():
    """Stand-ins for digits: three pixels in four are dark, some of them in all images."""
    rng = np.random.default_rng(0)
    return rng.random((3, 784)) * (rng.random((3, 784)) < 0.25), np.arange(3)


def test_the_other_half_of_a_sample_lies_anywhere():
    """So backward may forget half of a gradient: it shows where it says 0."""
    network, (x, t) = TwoLayerNet(784, 20, 10, 0.1, rng=0), images()
    plant(dW(lambda L, *_: L.dW * (np.arange(20) < 10)), network, "Affine1")
    assert check_gradient(network, x, t, samples=40).failed == ["W1"]


def test_samples_follow_the_rng_and_the_default_repeats_itself():
    network, (x, t) = TwoLayerNet(784, 20, 10, rng=0), images()

    def figures(rng):
        return str(check_gradient(network, x, t, samples=5, rng=rng))

    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    assert figures(None) == figures(None) and figures(0) == figures(np.random.default_rng(0))
    assert figures(1) != figures(0)
    layer = network.layers["Affine1"]
    one, two, other = (str(check_layer(layer, x, samples=5, rng=rng)) for rng in (None, None, 0))
    assert one == two != other
    assert (np.random.get_state()[1] == state).all()


def test_twenty_layers_are_checked_by_a_sample():
    network, (x, t) = MultiLayerNet(784, [100] * 19, 10, rng=0), images()
    report = check_gradient(network, x, t, samples=3)
    assert_right(report)
    assert len(report) == 40
    plant(dx(lambda L, _, dx: 1.001 * dx), network, "Affine4")
    report = check_gradient(network, x, t, samples=3)
    assert report.failed == [f"{name}{i}" for i in range(1, 4) for name in "Wb"]
    assert report.suspects == ["Affine4"]


@parametrize("samples", [3, 10])
def test_a_last_layer_that_is_wrong_in_few_places_is_blamed_in_a_sample_too(samples):
    """softmax without - t is wrong in 3 of 30 entries of dx, and so are all gradients below."""
    network = TwoLayerNet(20, 15, 10, 1.0, rng=0)
    plant(dx(lambda L, dout, _: dout * L.y / 3), network, "lastLayer")
    x = np.random.default_rng(0).random((3, 20))
    report = check_gradient(network, x, [0, 1, 2], samples=samples)
    assert report.failed[-1] == "lastLayer" and report.suspects == ["lastLayer"]


def test_a_network_with_all_gradients_wrong_takes_hardly_more_losses():
    counts, x = [], np.random.default_rng(0).random((3, 20))
    for factor in (1, 2):
        network, calls = TwoLayerNet(20, 15, 10, 1.0, rng=0), []
        right = network.loss
        network.loss = lambda x, t, calls=calls, right=right: calls.append(x) or right(x, t)
        plant(dx(lambda L, _, dx, f=factor: f * dx), network, "lastLayer")
        report = check_gradient(network, x, [0, 1, 2])
        counts.append(len(calls))
    assert report.failed == ["W1", "b1", "W2", "b2", "lastLayer"]
    assert counts[1] <= 1.1 * counts[0]


# What is refused


class Writes(Affine):
    """Writes into one of its arrays, so many times, in forward or in backward."""

    def forward(self, x):
        self.write("forward", x=x)
        return super().forward(x)

    def backward(self, dout, need_dx=True):
        self.write("backward", dout=dout)
        return super().backward(dout)

    def write(self, now, **given):
        if now == self.when and self.times > 0:
            self.times -= 1
            (given | {"W": self.W, "b": self.b})[self.what][0] += self.by
            if self.fails:
                raise ValueError(self.what)


@parametrize(
    "what, when, times, fails",
    [
        ("x", "forward", 99, False),
        ("W", "forward", 99, False),
        ("b", "forward", 1, False),  # as a layer might that starts from its first data
        ("W", "backward", 99, False),
        ("W", "forward", 99, True),
        ("dout", "backward", 99, False),
    ],
)
@parametrize("by", [-0.5, 0.5])
def test_a_write_is_refused_and_put_right(what, when, times, fails, by):
    network, x, t = network_and_batch(0)
    W, b, x_before = network.params["W1"], network.params["b1"], x.copy()
    checks = [lambda layer: check_layer(layer, x)]
    if what != "dout":  # in a network, that belongs to nobody else
        checks.append(lambda layer: check_gradient(network, x, t))
    for check in checks:
        layer = network.layers["Affine1"] = Writes(W.copy(), b.copy())
        layer.what, layer.when, layer.times, layer.fails, layer.by = what, when, times, fails, by
        with pytest.raises(ValueError, match=rf"\b{what}"):
            check(layer)
        for array, before in [(layer.W, W), (layer.b, b), (x, x_before)]:
            np.testing.assert_array_equal(array, before)


def test_a_write_into_the_labels_is_refused():
    class SpoilsLabels(SoftmaxWithLoss):
        def forward(self, x, t):
            loss = super().forward(x, t)
            t[...] = 0
            return loss

    network, x, t = network_and_batch(0)
    network.lastLayer, before = SpoilsLabels(), t.copy()
    with pytest.raises(ValueError, match=r"\bt\b"):
        check_gradient(network, x, t)
    np.testing.assert_array_equal(t, before)


def test_a_check_that_is_interrupted_beside_a_kink_leaves_the_parameters_as_they_were():
    """Backward is called for another batch, for the gradients, at the kink, and beside it."""

    class Interrupted(Relu):
        calls = 0

        def backward(self, dout):
            self.calls += 1
            if self.calls == 4:
                raise KeyboardInterrupt
            return super().backward(dout)

    network = TwoLayerNet(4, 6, 3, 1.0, rng=0)
    network.layers["Relu1"] = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        check_gradient(network, np.zeros((2, 4)), [0, 1])
    assert network.params["b1"].tolist() == [0] * 6


@parametrize("by", [-1, 1])
def test_a_layer_that_answers_differently_each_time_is_refused(by):
    numbers, (network, x, t) = itertools.count(1, by), network_and_batch(0)
    network.layers["Relu1"] = Function(lambda x: next(numbers) * x, lambda x: 1)
    with pytest.raises(ValueError):
        check_layer(network.layers["Relu1"], x)
    with pytest.raises(ValueError):
        check_gradient(network, x, t)


@parametrize(
    "place, bug, name, blamed",
    [
        ("Affine1", dW(lambda L, *_: L.dW.T), "dW", "Affine1"),
        ("Affine2", dW(lambda *_: None), "dW", "Affine2"),
        ("Affine3", db(lambda L, dout, _: dout), "db", "Affine3"),
        ("Affine4", dx(lambda L, _, dx: dx.T), "dx", "Relu2"),  # to which it is handed
    ],
)
def test_a_gradient_of_another_shape_is_refused_by_its_name(place, bug, name, blamed):
    network, x, t = network_and_batch(1)
    layer = plant(bug, network, place)
    with pytest.raises(ValueError, match=f"^{blamed}.*d"):
        check_gradient(network, x, t)
    with pytest.raises(ValueError, match=name):
        check_layer(layer, np.ones((N, len(layer.W))))


def test_tolerance_draws_the_line():
    layer = dW(lambda L, *_: 1.001 * L.dW)(Affine).random(6, 3, 1, rng=0)
    x = np.random.default_rng(0).standard_normal((4, 6))
    assert check_layer(layer, x, tolerance=0.9e-3).failed == ["W"]
    report = check_layer(layer, x, tolerance=1.1e-3)
    assert report and report["W"].max_rel_error == pytest.approx(1e-3, rel=0.01)
    for tolerance in (0, 0.99e-9, 1, np.nan):
        with pytest.raises(ValueError, match="tolerance"):
            check_layer(layer, x, tolerance=tolerance)


# The report


def rows(report):
    """{name: cells} of the table at the top of a report."""
    table = str(report).split("\n\n")[0].splitlines()[1:]
    return {row.split()[0]: row.split() for row in table}


def test_the_report_gives_figures_a_table_and_words():
    network = TwoLayerNet(4, 4, 3, 1.0, rng=0)
    plant(dW(lambda L, *_: plus(L.dW, (2, 1), 0.25)), network, "Affine2")
    report = check_gradient(network, OWN_X, [0, 1, 2])
    assert isinstance(report, GradientReport) and list(report) == ["W1", "b1", "W2", "b2"]
    check = report["W2"]
    assert check.shape == (4, 3) and (check.checked, check.kinks) == (12, 0)
    assert check.worst_index == (2, 1) and not check.ok and not check.unclear
    assert check.backprop - check.numerical == pytest.approx(0.25)
    assert check.mean_abs_diff == pytest.approx(0.25 / 12, rel=1e-6)
    size = max(abs(check.backprop), abs(check.numerical))
    assert check.max_rel_error == pytest.approx(0.25 / size, rel=0.01)

    def loss(W2):  # the same network, by autograd
        h = anp.maximum(OWN_X @ network.params["W1"] + network.params["b1"], 0)
        s = h @ W2 + network.params["b2"]
        return anp.mean(anp.log(anp.sum(anp.exp(s), axis=1)) - s[anp.arange(3), anp.arange(3)])

    right = autograd.grad(loss)(network.params["W2"])
    assert check.numerical == pytest.approx(right[2, 1], rel=1e-6)
    assert 0 < report["b2"].mean_abs_diff < 1e-9 and report["b2"].ok
    with pytest.raises(KeyError, match="W9"):
        report["W9"]

    assert [(row[0], row[-1]) for row in rows(report).values()] == [
        ("W1", "ok"), ("b1", "ok"), ("W2", "FAILED"), ("b2", "ok")
    ]  # fmt: skip
    assert rows(report)["W2"][1:4] == ["4x3", "12", "0"]
    words = str(report).split("\n\n")[1]
    assert "[2, 1]" in words and "DISAGREES" in words and report.suspects == ["Affine2"]
    assert (
        "Affine2" in report.causes[-1]
        and "wrong dW" in report.causes[-1]
        and all(cause in words for cause in report.causes)
    )
    assert repr(report) == str(report) and "FAILED" in repr(report["W2"])
    right = check_gradient(*network_and_batch(0))
    assert "DISAGREES" not in str(right) and [row[-1] for row in rows(right).values()] == ["ok"] * 8


def test_the_worst_entry_is_that_of_those_that_disagree():
    """1e9 + 100 agrees with 1e9 to a relative 1e-7; 10 for 1 is less far off, and wrong."""
    slopes, x = np.array([1e9, 1.0, 1.0]), np.array([0.1, 0.2, 0.3])
    check = check_layer(Function(lambda x: slopes * x, lambda x: slopes + [100, 0, 0]), x)["x"]
    assert check.ok and check.worst_index == (0,)
    check = check_layer(Function(lambda x: slopes * x, lambda x: slopes + [100, 0, 9]), x)["x"]
    assert not check.ok and check.worst_index == (2,)
    assert check.backprop == pytest.approx(10 * check.numerical, rel=1e-3)


def test_what_is_too_small_to_measure_is_not_called_right():
    """Ten Sigmoids with weights of 0.01: the gradient fades to 1e-20 on its way down."""
    network = MultiLayerNet(4, [4] * 10, 3, "sigmoid", 0.01, rng=0)
    report = check_gradient(network, np.ones((2, 4)), [0, 1])
    assert report.ok and report["W1"].unclear and not report["b11"].unclear
    assert rows(report)["W1"][-1] == "unclear" and report  # b11 was seen to agree
    assert all(0 <= check.max_rel_error < 1e-6 for check in report.values())


def test_a_check_that_saw_nothing_is_not_true():
    """All lies at a kink, or is smaller than rounding."""
    tiny = Function(lambda x: 0 * x, lambda x: 1e-12)
    for layer, x, kinks in [(Relu(), np.zeros((3, 5)), 15), (tiny, np.ones(3), 0)]:
        report = check_layer(layer, x)
        assert report.ok and not report and report.failed == []
        assert report["x"].unclear and report["x"].kinks == kinks


def test_a_progress_bar_shows_in_a_terminal_after_a_second_and_is_gone_at_the_end(
    monkeypatch, capfd
):
    class Slow(Relu):
        def forward(self, x):
            time.sleep(0.05)
            return super().forward(x)

    check_layer(Slow(), np.linspace(1, 2, 12))  # 12 differences of 0.1 s each; but nobody watches
    assert capfd.readouterr() == ("", "")
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    check_layer(Relu(), np.ones(3))
    assert terminal.getvalue() == ""
    check_layer(Slow(), np.linspace(1, 2, 14))
    *_, last_shown, end = terminal.getvalue().split("\r")
    assert "x:" in terminal.getvalue() and end == "" and last_shown.strip() == ""
