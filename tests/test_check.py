"""The gradient check, checked: it finds every planted bug, and accuses nothing that is right.

First the numerical gradient, then three tables: bugs, right things, and kinks. Last come what a
check can't see, likely causes, sampling, what is refused, and the report. The derivatives expected
here are from paper.
"""

import copy
import functools
import io
import itertools
from collections import OrderedDict

import numpy as np
import pytest
from readers import (
    BatchNormalization,
    Bypassed,
    Convolution,
    Encoder,
    InParts,
    InPlace,
    Join,
    LeakyRelu,
    Mine,
    OwnChain,
    OwnRegression,
    Penalised,
    Scale,
    Softmax,
    Split,
    Summed,
    chain,
    decoder,
    embedding,
    function,
    lazy,
    tanh,
)

from ch05.multi_layer_net import MultiLayerNet
from ch05.two_layer_net import TwoLayerNet
from common.check import GradientReport, check_gradient, check_layer
from common.functions import cross_entropy_error
from common.gradient import numerical_gradient
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network

parametrize = pytest.mark.parametrize
same, close = np.testing.assert_array_equal, np.testing.assert_allclose
FULL_AND_SAMPLED = parametrize("samples", [None, 10], ids=["full", "sampled"])
OWN_X, OWN_T = np.random.default_rng(1).standard_normal((3, 4)), np.eye(3, 2)
T3, ROWS = [0, 1, 2], np.random.default_rng(2).standard_normal((5, 4))
IMAGES, FILTERS = np.random.default_rng(3).standard_normal((2, 3, 1, 4, 4))


def affine(D, M=3):
    return Affine.random(D, M, 1, rng=1)


def assert_right(report):
    assert report.ok and report.failed == report.suspects == [], report
    assert not report.causes or any(check.unclear for check in report.values()), report


def assert_as_before(network, params):
    for key, param in network.params.items():
        same(param, params[key])


# numerical_gradient

NUMBERS = 1 + np.random.default_rng(0).random((4, 6))


@parametrize("f, derivative", [
    (lambda x: np.prod(x), lambda x: np.prod(x) / x),
    (lambda x: float(np.sum(1 / x)), lambda x: -1 / x**2),
    (lambda x: x.size, np.zeros_like),  # a whole number is a number too
], ids=["product", "reciprocal", "constant"])  # fmt: skip
def test_slopes_are_those_on_paper(f, derivative):
    one, none = np.array(1.5), np.empty((0, 3))
    for x in (one, none, NUMBERS.reshape(2, 3, 4), NUMBERS.copy("F"), NUMBERS[::-1, ::2].T):
        before = x.copy()
        grad = numerical_gradient(f, x)
        assert grad.shape == x.shape and grad.dtype == np.float64
        same(x, before)
        close(grad, derivative(x), rtol=1e-6, atol=1e-9)


def test_the_difference_is_central_and_its_step_is_1e_4_or_what_is_left_of_it():
    """((x + h)^3 - (x - h)^3) / 2h = 3 x^2 + h^2: what is too much shows the step."""
    for x in (np.array([0.0]), np.array([0.001]), np.array([-0.002])):
        grad = numerical_gradient(lambda x: float(x[0] ** 3), x)
        close(grad - 3 * x**2, 1e-8, rtol=1e-6)
    # Near 1e9 floats lie 2^-23 = 1.2e-7 apart: for f = x the slope is 1 all the same.
    x = np.array([1e9, -9999999999.5])
    close(numerical_gradient(lambda x: x[0] + 0 * x[1], x), [1, 0], rtol=1e-9)


@parametrize("fault, call", [
    ("writes", 0), ("writes", 1),
    *itertools.product(["raises", np.nan, -np.inf], range(4)),
])  # fmt: skip
def test_an_f_that_fails_is_refused_and_x_is_as_before(fault, call):
    x, calls = np.array([0.1, 0.2]), itertools.count()

    def f(x):
        if next(calls) == call:
            if fault == "raises":
                raise ZeroDivisionError
            if fault != "writes":
                return fault
            x[call] += 1
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
        def backward(self, dout=1):
            dx = right.backward(self, dout)
            value = spoil(self, dout, dx)
            if name == "dx":
                return value
            setattr(self, name, value)
            return dx

        return type("Spoiled", (right,), {"backward": backward})

    return bug


dW, db, dx = (functools.partial(spoiled, name) for name in ("dW", "db", "dx"))


def stale(kept, behind=False):
    """A layer that goes by the cache of its first forward for ever, or of the one before."""

    def bug(right):
        def forward(self, *args):
            out = right.forward(self, *args)
            self.history = (*vars(self).get("history", ()), getattr(self, kept))
            return out

        def backward(self, dout=1):
            setattr(self, kept, self.history[-2:][0] if behind else self.history[0])
            return right.backward(self, dout)

        return type("Stale", (right,), {"forward": forward, "backward": backward})

    return bug


def ignores_dout(right):
    methods = {"backward": lambda self, dout=1: right.backward(self, np.ones_like(dout))}
    return type("Ignoring", (right,), methods)


def added_up(L, *_):
    L.total = vars(L).get("total", 0) + L.dW
    return L.total


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
    ("N dW", "Affine3", dW(lambda L, *_: N * L.dW), "W3", "len(x)"),
    ("dW / N", "Affine3", dW(lambda L, *_: L.dW / N), "W3", "len(x)"),
    ("square dW^T", "Affine2", dW(lambda L, *_: L.dW.T), "W2", "transpose"),
    ("dW zero", "Affine2", dW(lambda L, *_: 0 * L.dW), "W2", "every gradient checked is zero"),
    ("dW of one sample", "Affine2", dW(lambda L, dout, _: L.x[:1].T @ dout[:1]), "W2", ""),
    ("dW without x", "Affine2", dW(lambda L, dout, _: np.ones((5, N)) @ dout), "W2", ""),
    ("dW adds up over calls", "Affine3", dW(added_up), "W3", ""),
    ("dW by the first x", "Affine2", stale("x"), "W2", ""),
    ("dW by the x before", "Affine2", stale("x", behind=True), "W2", ""),
    ("1.001 db", "Affine1", db(lambda L, *_: 1.001 * L.db), "b1", "1.001 times"),
    ("db averaged", "Affine3", db(lambda L, dout, _: dout.mean(axis=0)), "b3", "len(x)"),
    ("db of one sample", "Affine4", db(lambda L, dout, _: dout[0]), "b4", ""),
    ("db zero", "Affine2", db(lambda L, *_: 0 * L.db), "b2", "every gradient checked is zero"),
    ("db[4]", "Affine1", db(lambda L, *_: plus(L.db, 4)), "b1", ""),
    ("dx without ^T", "Affine2", dx(lambda L, dout, _: dout @ L.W), TO_1, ""),
    ("dx zero", "Affine4", dx(lambda L, _, dx: 0 * dx), TO_3, "every gradient checked is zero"),
    ("1.001 dx", "Affine4", dx(lambda L, _, dx: 1.001 * dx), TO_3, "1.001 times"),
    ("dx / N", "Affine3", dx(lambda L, _, dx: dx / N), TO_2, "len(x)"),
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
    ("softmax without / N", "lastLayer", dx(lambda L, _, dx: N * dx), ALL, "len(x)"),
    ("t - y", "lastLayer", dx(lambda L, _, dx: -dx), ALL, "-1 times"),
    ("softmax, y (1 - y)", "lastLayer", dx(lambda L, _, dx: dx * L.y * (1 - L.y)), ALL, ""),
    ("softmax ignores dout", "lastLayer", ignores_dout, "lastLayer", "is it ignored"),
    ("softmax by the first t", "lastLayer", stale("t"), ALL, ""),
    ("softmax by the t before", "lastLayer", stale("t", behind=True), ALL, ""),
    ("softmax by the y before", "lastLayer", stale("y", behind=True), ALL, ""),
]
FEW_ENTRIES = [  # a sample may miss them
    ("dW[3, 2]", "Affine1", dW(lambda L, *_: plus(L.dW, (3, 2))), "W1", ""),
    ("dW[3]", "Affine2", dW(lambda L, *_: plus(L.dW, 3)), "W2", ""),
]
# fmt: on
@parametrize("seeds", [[1], pytest.param(range(6), marks=pytest.mark.campaign)])
@parametrize(
    "place, bug, failed, words, samples",
    [(*b[1:], None) for b in BUGS + FEW_ENTRIES] + [(*b[1:], 10) for b in BUGS],
    ids=[f"{b[0]}, full" for b in BUGS + FEW_ENTRIES] + [f"{b[0]}, sampled" for b in BUGS],
)
def test_a_planted_bug_is_found_and_blamed_on_its_layer(place, bug, failed, words, samples, seeds):
    for seed in seeds:
        network, x, t = network_and_batch(seed)
        plant(bug, network, place)
        before = network.params.copy()
        report = check_gradient(network, x, t, samples=samples, rng=seed)
        assert not report and not report.ok
        assert report.failed == failed.split(), report
        assert report.suspects == [place], report
        assert any(words in cause for cause in report.causes), report
        assert_as_before(network, before)


@FULL_AND_SAMPLED
@parametrize("right, bug, failed", [
    (Affine, dW(lambda L, dout, _: L.x.T @ np.sign(dout)), "W"),
    (Affine, ignores_dout, "W b x"),
    (Affine, dW(lambda L, *_: plus(L.dW, (4, 4), np.nan)), "W"),  # found in any sample
    (Affine, stale("x"), "W"),
    (Softmax, dx(lambda L, dout, _: dout * L.out * (1 - L.out)), "x"),  # off the diagonal: none
    (Softmax, dx(lambda L, dout, _: dout * L.out), "x"),
    (Softmax, dx(lambda L, dout, _: -L.out * L.right_sum(dout)), "x"),
    (Softmax, ignores_dout, "x"),
    (Softmax, stale("out", behind=True), "x"),
])  # fmt: skip
def test_check_layer_finds_planted_bugs(right, bug, failed, samples):
    layer = affine(6, 6) if right is Affine else right()
    x = np.random.default_rng(0).standard_normal((N, 6))
    assert check_layer(layer, x, samples=samples)
    layer.__class__ = bug(right)
    report = check_layer(layer, x, samples=samples)
    assert not report and report.failed == failed.split(), report
    assert report.suspects == [type(layer).__name__]


def test_a_stale_cache_shows_though_all_inputs_or_all_labels_are_the_same():
    assert check_layer(stale("x")(Affine).random(6, 3, 1, rng=0), np.ones((4, 6))).failed == ["W"]
    for t in ([0, 0, 0], [[0, 1]] * 3, [[0.2, 0.8], [1, 0], [0.5, 0.5]]):
        network = TwoLayerNet(4, 3, 2, 1.0, rng=0)
        plant(stale("t"), network, "lastLayer")
        assert check_gradient(network, OWN_X, t).suspects == ["lastLayer"]


# A Sigmoid's slope is 1/4 at most: through 6 of them and weights of 0.1 little comes down. And with
# weights of 1e-8 slopes of W1 are about 1e-9, beside a loss whose rounding isn't small.
@parametrize("depth, std, factor", [(4, 0.1, 0.5), (7, 0.1, 2), (7, 0.3, -1), (2, 1e-8, 2)])
def test_a_bug_in_vanishing_gradients_is_not_taken_for_rounding(depth, std, factor):
    network = MultiLayerNet(4, [5] * (depth - 1), 3, "sigmoid", std, rng=0)
    assert_right(check_gradient(network, OWN_X, T3))
    plant(dW(lambda L, *_: factor * L.dW), network, "Affine1")
    for samples in (None, 10):
        report = check_gradient(network, OWN_X, T3, samples=samples)
        assert report.failed == ["W1"] and report.suspects == ["Affine1"], report


@FULL_AND_SAMPLED
def test_gradients_swapped_between_layers_of_one_shape(samples):
    network, x, t = network_and_batch(0)
    right = network.gradient
    network.gradient = lambda x, t: (g := right(x, t)) | {"W2": g["W3"], "W3": g["W2"]}
    report = check_gradient(network, x, t, samples=samples)
    assert report.failed == ["W2", "W3"] and report.suspects == []
    for cause, key in zip(report.causes, ["W3", "W2"]):
        assert key in cause and "gradient returns another" in cause


class Particular(SoftmaxWithLoss):
    def forward(self, x, t):
        assert np.argmax(t, axis=1).tolist() == [1, 0, 0]
        return super().forward(x, t)


def last_layer(f, df):
    """The loss is f(x, t), and backprop says dout * df(x, t)."""

    def forward(self, x, t):
        self.x, self.t = x, t
        return f(x, t)

    return Mine(forward, lambda self, dout: dout * df(self.x, self.t))


def likelihood(x, t):
    assert (x > 0).all() and (x < 1).all()
    return -np.mean(t * np.log(x) + (1 - t) * np.log(1 - x))


TWICE = dx(lambda L, _, dx: 2 * dx)


@parametrize("last, before, bugs", [
    (Particular, Relu, [TWICE]),
    (lambda: last_layer(likelihood, lambda x, t: (x - t) / (x * (1 - x)) / x.size), Sigmoid,
     [TWICE, stale("x")]),
    (lambda: last_layer(cross_entropy_error, lambda y, t: -t / y / len(y)), Softmax,
     [TWICE, stale("x", behind=True)]),
])  # fmt: skip
def test_a_last_layer_may_refuse_other_scores_or_labels(last, before, bugs):
    network = chain(Affine1=affine(4, 2), Before=before())
    t = np.array([[0, 1.0], [1, 0], [1, 0]])
    for bug in bugs:
        network.lastLayer = last()
        assert check_gradient(network, OWN_X, t)
        plant(bug, network, "lastLayer")
        assert check_gradient(network, OWN_X, t).suspects == ["lastLayer"]
    network.lastLayer, network.layers["Affine1"] = last(), Affine(20 * np.eye(4, 2), np.zeros(2))
    assert check_gradient(network, OWN_X, t).ok  # with a step that makes a y of 7e-5 negative


def test_arrays_that_layers_share_or_write_into_accuse_no_innocent():
    shared = np.empty((3, 5))

    def tanh(power):
        return Mine(
            lambda self, x: vars(self).update(out=np.tanh(x)) or self.out,
            lambda self, dout: np.multiply(dout, 1 - self.out**power, out=shared),
        )

    # out is that of Affine1 or Affine2, which don't keep it.
    relu = Mine(
        lambda self, x: vars(self).update(on=x > 0) or np.multiply(x, self.on, out=x),
        lambda self, dout: dout * self.on,
    )
    for layers in ([affine(4, 5), tanh(1), tanh(2)], [affine(4, 5), tanh(1), affine(5, 5), relu]):
        network = chain(**{f"L{i}": layer for i, layer in enumerate([*layers, affine(5)])})
        assert check_gradient(network, OWN_X, T3).suspects == ["L1"]


def test_a_layer_that_spoils_the_cache_of_the_one_before_is_blamed():
    """It works in the array it was given, which Sigmoid1 keeps for its own backward."""
    network, x, t = network_and_batch(0)
    layer = network.layers["Affine3"]
    layer.forward = lambda x: Affine.forward(layer, np.subtract(x, 0.5, out=x))
    report = check_gradient(network, x, t)
    assert report.failed == TO_2.split() and report.suspects == ["Affine3"]
    plant(db(lambda L, *_: 2 * L.db), network, "Affine4")  # of the two this one is told first
    assert check_gradient(network, x, t).suspects == ["Affine4"]


@parametrize("factor", [0.5, 2])
def test_a_backward_that_is_wrong_only_once_is_found(factor):
    """In the call that counts. What it says afterwards can't make it a kink."""

    def backward(self, dout):
        self.calls += 1
        return dout * (factor if self.calls == self.wrong else 1)

    layers = [Mine(backward=backward, calls=0, wrong=wrong) for wrong in (1, 2, 3)]
    reports = [check_layer(layer, np.ones((2, 3))) for layer in layers]
    kinks = [report["x"].kinks for report in reports if not report.ok]
    assert kinks and not any(kinks)


def test_what_was_kept_before_the_check_hides_no_bug():
    class NoForward(TwoLayerNet):
        def gradient(self, x, t):
            dout = self.lastLayer.backward(1)
            for layer in reversed(self.layers.values()):
                dout = layer.backward(dout)
            return self.collect_gradients()

    network = NoForward(4, 5, 3, 1.0, rng=0)
    network.loss(OWN_X, T3)  # so that backward would find all that it needs
    assert not check_gradient(network, OWN_X, T3).ok
    layer = dx(lambda L, dout, _: dout @ L.copied.T)(Affine).random(4, 4, 1.0, rng=0)
    layer.copied = layer.W.copy()
    report = check_layer(layer, OWN_X)
    assert report.failed == ["x"] and "a copy" in report.verdict()


# A student's own class. It needs params, loss and gradient, and no base class.

STALE = {}


@parametrize("spoil, failed", [
    (lambda grad: grad, []),
    (lambda grad: {key: each.astype("f4") for key, each in grad.items()}, []),  # 7 digits are right
    (lambda grad: grad | {"W1": 3 * grad["W1"]}, ["W1"]),  # 3 is N here
    (lambda grad: STALE.setdefault("first", grad), ["W1", "b1"]),
])  # fmt: skip
def test_a_students_own_class_is_checked(spoil, failed):
    network = OwnRegression(spoil)
    before = copy.deepcopy(network.params)
    report = check_gradient(network, OWN_X, OWN_T)
    assert report.failed == failed and bool(report) == (not failed), report
    assert list(report) == ["W1", "b1"] and report.suspects == report.unseen == []
    assert failed != ["W1"] or "len(x)" in report.causes[0]
    assert check_gradient(OwnRegression(spoil), OWN_X, OWN_T, samples=4).ok == (not failed)
    assert_as_before(network, before)


def test_params_may_be_views_that_are_made_at_each_access_and_are_as_before():
    kept = []  # which can't be reached from the network

    class Views(OwnRegression):
        params = property(
            lambda self: {key: array[...] for key, array in kept[0].items()},
            lambda self, params: kept.insert(0, params),
        )

    network = Views(lambda grad: grad)
    before = copy.deepcopy(kept[0])
    assert check_gradient(network, OWN_X, OWN_T)
    for key, array in before.items():
        same(kept[0][key], array)


def test_a_gradient_of_another_shape_is_refused_by_its_name():
    for spoil in (lambda b: b[np.newaxis], lambda b: 0.0):
        network = OwnRegression(lambda grad, f=spoil: grad | {"b1": f(grad["b1"])})
        with pytest.raises(ValueError, match="b1"):
            check_gradient(network, OWN_X, OWN_T)


@parametrize("place, bug, failed", [
    ("second", dW(lambda L, *_: -L.dW), "Wz"),
    ("bend", stale("out"), "Wa ba"),
    ("lastLayer", stale("t"), "Wa ba Wz lastLayer"),
])  # fmt: skip
def test_a_students_own_chain_has_its_wrong_layer_named(place, bug, failed):
    network, t = OwnChain(), np.array([0, 1, 1])
    assert check_gradient(network, OWN_X, t)
    plant(bug, network, place)
    report = check_gradient(network, OWN_X, t)
    assert not report and report.failed == failed.split() and report.suspects == [place], report
    assert place != "second" or "a wrong dWz" in report.causes[-1]  # by the network's own key


def test_a_backward_that_gradient_forgets_accuses_no_layer():
    report = check_gradient(OwnChain(forgets="bend"), OWN_X, np.array([0, 1, 1]))
    assert report.suspects == [] and "Between bend and second" in report.causes[0]


# Layers that work together, and a loss that is more than the chain

PAIRS = [(a, b) for a, b in itertools.combinations(BUGS, 2) if a[1] != b[1]]


@parametrize("one, two", PAIRS[::60], ids=lambda bug: bug[0])
def test_two_bugs_at_once_are_both_named_and_nobody_else(one, two):
    network, x, t = network_and_batch(1)
    for _, place, bug, *_ in (one, two):
        plant(bug, network, place)
    assert sorted(check_gradient(network, x, t).suspects) == sorted([one[1], two[1]])


def skipping(factor=0):
    split = Split()
    return [affine(4, 4), split, affine(4, 4), tanh(), Join(split, factor=factor), affine(4)]


def crossing():
    one, two = Split(), Split()
    return [one, tanh(), two, affine(4, 4), tanh(), Join(one), affine(4, 4), Join(two), affine(4)]


def tied():
    first = Encoder.random(4, 4, 1, rng=3)
    return [first, tanh(), decoder(first), affine(4)]


@parametrize("make, bugs, suspects", [
    *[(make, [], []) for make in (skipping, lambda: skipping(2), crossing, tied)],
    (skipping, [(3, TWICE)], [3]),
    (skipping, [(0, dW(lambda L, *_: 2 * L.dW))], [0]),
    (skipping, [(5, TWICE)], [5]),
    (skipping, [(2, TWICE), (3, TWICE)], [2, 3]),
    (skipping, [(1, dx(lambda L, dout, _: dout))], [1]),  # Split leaves the skip out
    # Join gives a wrong part to Split. Which of the two is wrong can't be told.
    (skipping, [(4, dx(lambda L, dout, _: vars(L.split).update(part=-dout) or dout))], [1, 4]),
    (lambda: skipping(2), [(3, TWICE)], [3]),
    (lambda: [*(Affine.random(4, 4, 0.5, rng=k) for k in range(15)), affine(4)], [(3, TWICE)], [3]),
    (crossing, [(4, TWICE)], [4]),
    (crossing, [(1, TWICE), (6, db(lambda L, *_: 2 * L.db))], [1, 6]),
    (tied, [(1, TWICE)], [1]),
    (tied, [(2, TWICE)], [2]),
    # Its own part is right; the sentence says that W is used elsewhere.
    (tied, [(0, dW(lambda L, *_: L.dW - L.part))], []),
])  # fmt: skip
def test_layers_that_work_together_are_judged_in_their_places(make, bugs, suspects):
    network = chain(**{f"L{i}": layer for i, layer in enumerate(make())})
    for place, bug in bugs:
        plant(bug, network, f"L{place}")
    report = check_gradient(network, OWN_X, T3)
    assert report.ok == (not bugs) and report.suspects == [f"L{i}" for i in suspects], report
    assert suspects or not bugs or "W1 elsewhere" in report.causes[-1]


@parametrize("kind, changes, place, bug, failed, suspects, words", [
    (Penalised, {}, 0, 0, "", "", ""),
    (Penalised, {"added": {}}, 0, 0, "W1 W2", "", "elsewhere"),
    (Penalised, {"added": {"W1": 2, "W2": 2}}, 0, 0, "W1 W2", "", "elsewhere"),
    (Penalised, {"added": {"W1": 1}}, 0, 0, "W2", "", "W2 elsewhere"),
    # On the biases too, which are 0 everywhere.
    (Penalised, {"added": dict(W1=1, b1=1, W2=1, b2=1)}, 0, 0, "b1 b2", "", "returns another"),
    (Penalised, {"added": {}}, "Affine2", dW(lambda L, *_: 2 * L.dW), "W1 W2", "Affine2", "W1 els"),
    (Penalised, {"inside": 2}, 0, 0, "", "", ""),
    (Penalised, {"outside": 2}, 0, 0, "W1 b1 W2 b2", "", "Between Affine2 and lastLayer"),
    (Bypassed, {}, 0, 0, "", "", ""),
    (Bypassed, {}, "Relu1", dx(lambda L, dout, _: dout), "W1 b1", "Relu1", "wrong dx"),
    (Bypassed, {}, "Affine2", TWICE, "W1 b1", "Affine2", "wrong dx"),
    (Bypassed, {"knows": False}, 0, 0, "W1 b1", "", "Between Affine1 and Relu1"),
    (InParts, {}, 0, 0, "", "", ""),
    (InParts, {}, "lastLayer", TWICE, "W1 b1 W2 b2 lastLayer", "lastLayer", "doesn't give"),
    (Summed, {"layers": dict(A=affine(4, 5), B=affine(4, 5), C=affine(5))}, "C",
     dW(lambda L, *_: -L.dW), "W3", "C", "wrong dW3"),
])  # fmt: skip
def test_a_loss_or_predict_of_ones_own_is_what_is_followed(
    kind, changes, place, bug, failed, suspects, words
):
    network = kind(4, 5, 3, 0.5, rng=0)
    vars(network).update(changes)
    if place:
        plant(bug, network, place)
    report = check_gradient(network, OWN_X, T3)
    assert report.failed == failed.split() and report.suspects == suspects.split(), report
    assert report.ok or words in " ".join(report.causes), report
    assert ("Between" in str(report)) == ("Between" in words)  # only where gradient leaves it out


@parametrize("name, spoil", [
    ("dgamma", lambda L, dout, _: (dout * L.out).sum(axis=0)),
    ("dbeta", lambda L, *_: L.dbeta + 0.1 * L.beta),
    ("dbeta", lambda L, *_: L.dbeta * L.gamma),
    ("dx", lambda L, dout, _: dout),
    ("dx", lambda L, dout, _: dout * L.gamma**2),
    ("dx", lambda L, _, dx: dx + L.beta),
    ("", None),
])  # fmt: skip
def test_parameters_that_are_all_equal_hide_no_mistake(name, spoil):
    layer = spoiled(name or "dx", spoil or (lambda L, _, dx: dx))(Scale)()
    report = check_layer(layer, OWN_X)
    assert report.failed == [name[1:]] * bool(name)
    network = chain(Affine1=affine(4, 4), Scale=layer, Affine2=affine(4))
    before = network.params.copy()
    report = check_gradient(network, OWN_X, T3)
    assert report.suspects == ["Scale"] * bool(name) and report.ok == (not name), report
    assert not name or "gamma2" in report.verdict()
    assert_as_before(network, before)


# Table 2: right things, which must not be accused


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
        assert_right(check_gradient(network, x, t, samples=(None, 4)[seed % 2], rng=seed))
        same(x, before[0])
        assert_as_before(network, before[1])


def test_a_probability_of_almost_1_only_seems_not_to_move():
    """exp(-40) is 4e-18. Beside it 1 doesn't change, though its share of the slope is as large."""
    for seed in range(5):
        assert check_layer(Softmax(), np.array([[0.0, 40.0]]), rng=seed).ok


@parametrize("depth, units", [(4, 8), (6, 8), (7, 10)])
def test_kinks_that_lie_close_together_are_no_bugs_and_hide_none(depth, units):
    """With weights of 0.01, the book's, each layer makes a hundredth of what it is given."""
    for seed in range(10):
        x = np.random.default_rng(1000 + seed).standard_normal((3, 6))
        network = MultiLayerNet(6, [units] * depth, 3, weight_init_std=0.01, rng=seed)
        assert_right(check_gradient(network, x, T3))
    plant(db(lambda L, *_: 2 * L.db), network, f"Affine{depth + 1}")
    report = check_gradient(network, x, T3)
    assert report.failed == [f"b{depth + 1}"] and report.suspects == [f"Affine{depth + 1}"]


# At such seeds a kink lies at x itself, a step of 1e-6 crosses the next one, or differences with
# two steps are equal by chance, within rounding.
@parametrize("depth, seed", [*((4, k) for k in (15, 129, 182, 425, 720, 753, 1167)), (5, 834)])
def test_a_kink_at_x_beside_others_is_no_bug(depth, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((4, 6)) if depth == 4 else rng.random((3, 6))
    network = MultiLayerNet(6, [5] * depth, 5, weight_init_std=0.01, rng=seed)
    assert_right(check_gradient(network, x, np.arange(len(x))))


@parametrize("seed", range(5))
def test_rounding_in_backprop_is_no_bug(seed):
    """Each batch normalization of equal rows divides what is rounded by sqrt(1e-6)."""
    first, last = (Affine.random(D, M, 0.5, rng=seed) for D, M in ((4, 5), (5, 3)))
    norms = {f"Norm{i}": BatchNormalization(np.ones(5), np.zeros(5)) for i in range(4)}
    report = check_gradient(chain(first=first, **norms, last=last), np.zeros((3, 4)), T3)
    assert_right(report)
    assert report["b1"].unclear


def largest(x):
    """The largest of each row, as a pooling layer takes it: a kink where two are equal."""
    return x.max(axis=1, keepdims=True)


@parametrize("make, names", [
    (lambda: Affine.random(5, 3, 1, rng=0), "W b x"),
    (Relu, "x"),
    (Sigmoid, "x"),
    (Softmax, "x"),
    (LeakyRelu, "a x"),
    (lambda: function(largest, lambda x: x == largest(x)), "x"),
    (lambda: InPlace(np.eye(5), np.ones(5)), "W b x"),
    (lambda: BatchNormalization(np.arange(5.0), np.ones(5)), "gamma beta x"),
    (lambda: Convolution(np.ones((2, 1, 2, 2)), np.zeros(2)), "W b x"),
])  # fmt: skip
def test_right_layers_pass_and_name_their_input_x(make, names):
    shape = (2, 1, 3, 3) if isinstance(make(), Convolution) else (4, 5)
    x = np.random.default_rng(0).standard_normal(shape)
    before = x.copy()
    for samples in (None, 3):
        report = check_layer(make(), x, samples=samples)
        assert_right(report)
        assert list(report) == names.split() and report["x"].shape == shape
        assert report.unseen == []
    same(x, before)


@parametrize("x", [np.ones((2, 3, 4)), [1.0, -1.0], np.array(0.5), 1])
def test_an_input_may_have_any_shape(x):
    assert check_layer(Sigmoid(), x)["x"].shape == np.shape(x)


@parametrize("f, df", [
    (lambda x: (1 + 1e-8 * x) - 1, lambda x: 1e-8),  # rounds as 1 does, not as 1e-8 does
    (lambda x: (1e6 + x) - 1e6, lambda x: 1),
    (lambda x: 1e9 * x, lambda x: 1e9),
    (lambda x: 1e-9 * x, lambda x: 1e-9),
    (lambda x: x**3, lambda x: 3 * x**2),
    (lambda x: np.sin(300 * x), lambda x: 300 * np.cos(300 * x)),
    (lambda x: np.exp(20 * x), lambda x: 20 * np.exp(20 * x)),
    (lambda x: 1e5 + 0 * x, lambda x: 0 * x),
    (lambda x: np.arccos(x), lambda x: -1 / np.sqrt(1 - x**2)),  # takes none beyond x's range
], ids="cancels, 1e6, steep, flat, cubic, wave, curve, constant, bounded".split(", "))  # fmt: skip
@FULL_AND_SAMPLED
def test_a_right_function_is_not_accused(f, df, samples):
    for seed in range(3):
        x = np.random.default_rng(seed).uniform(-1, 1, 20)
        assert_right(check_layer(function(f, df), x, samples=samples, rng=seed))


def test_curvature_beside_rounding_is_no_bug():
    """out = 1000 + sin(10 x) / 10: of a slope of 1, a step of 1e-4 loses 10^2 h^2 / 6 = 1.7e-7.

    A step of 1e-5 loses 1.7e-9. With 1e-6, rounding in 1000 makes eps 1000 / h = 2e-7 of its own.
    """
    layer = function(lambda x: 1000 + np.sin(10 * x) / 10, lambda x: np.cos(10 * x))
    for seed, x in enumerate(np.random.default_rng(0).uniform(-0.1, 0.1, (40, 1))):
        assert_right(check_layer(layer, x, tolerance=1e-9, rng=seed))


@parametrize("offset", [0, 1e4, 1e6])
def test_rounding_of_large_numbers_inside_is_no_bug(offset):
    norm, first = BatchNormalization(np.arange(1.0, 5), np.ones(4)), affine(4, 4)
    first.b += offset
    network = chain(Affine1=first, Norm=norm, Affine2=affine(4))
    assert_right(check_layer(norm, ROWS + offset))
    report = check_gradient(network, ROWS, [0, 1, 2, 1, 0])  # b1 is lost in Norm: its slope is 0
    assert report and report.failed == report.suspects == []
    plant(TWICE, network, "Norm")
    assert check_layer(norm, ROWS + offset).failed == ["x"]


@parametrize("offset", [1e6, 1.6e9, 1e12])
def test_a_large_number_on_the_way_hides_no_bug_and_accuses_nobody(offset):
    """A column of times, made small by the first layer; or -offset where a score is masked."""
    x = OWN_X.copy()
    x[:, 0] = offset * (1 + x[:, 0] / 100)
    mean, std, keep = x.mean(axis=0), x.std(axis=0), np.tril(np.ones((4, 4)))[1:]
    small = Mine(lambda self, x: (x - mean) / std, lambda self, dout: dout / std)
    masked = lambda self, x: np.where(keep > 0, x, -offset)  # noqa: E731
    mask = Mine(masked, lambda self, dout: self.factor * dout * keep, factor=1)
    for layers, x_in in [([small, affine(4, 4)], x), ([affine(4, 4), mask, Softmax()], OWN_X)]:
        middle = tanh()
        network = chain(**{f"L{i}": each for i, each in enumerate([*layers, middle, affine(4)])})
        assert_right(check_gradient(network, x_in, T3))
        plant(TWICE, network, f"L{len(layers)}")
        assert check_gradient(network, x_in, T3).suspects == [f"L{len(layers)}"]
    mask.factor = 2
    assert check_layer(mask, OWN_X).failed == ["x"]


def test_a_layer_that_makes_nan_is_the_suspect_and_not_the_one_that_gets_it():
    """In the words of network.gradient."""
    root = function(np.sqrt, lambda x: 0.5 / np.sqrt(x))  # behind Relu: of 0 it is inf
    network = chain(Affine1=affine(4, 4), Relu1=Relu(), Root=root, Affine2=affine(4))
    with pytest.raises(FloatingPointError, match="^Root: "):
        check_gradient(network, OWN_X, T3)


def only_probabilities(x):
    assert np.allclose(x.sum(axis=1), 1)
    return np.log(x)


def largest_of_pairs(to_first=True):
    """Of equal ones the first gets dout; or, which is wrong, each."""

    def forward(self, x):
        self.pairs = x.reshape(len(x), -1, 2)
        return self.pairs.max(axis=2)

    def backward(self, dout):
        is_largest = self.pairs == self.pairs.max(axis=2, keepdims=True)
        is_largest[..., 1] &= ~(is_largest[..., 0] & to_first)
        return (dout[..., np.newaxis] * is_largest).reshape(len(dout), -1)

    return Mine(forward, backward)


@parametrize("seed", range(4))
def test_rounding_that_gives_another_row_of_a_table_hides_no_bug(seed):
    layer, x = embedding(ROWS.copy()), np.random.default_rng(seed).integers(0, 3, (5, 1))
    layer.__class__ = dW(lambda L, *_: L.dW / 5)(dx(lambda *_: np.zeros((5, 1)))(type(layer)))
    assert check_layer(layer, x).failed == ["W"]


@parametrize("layers, x, place, name", [
    ([affine(4, 4), Relu(), largest_of_pairs(), affine(2)], np.vstack([OWN_X[:2], 0 * OWN_X[:1]]),
     2, "dx"),  # of zeros, where Relu has a kink, too
    ([affine(4), Softmax(), function(only_probabilities, lambda x: 1 / x)], OWN_X, None, None),
    ([embedding(ROWS.copy()), tanh(), affine(4)], np.array([[0], [2], [4]]), 1, "dx"),
    ([embedding(ROWS.copy()), tanh(), affine(4)], np.array([[0], [2], [4]]), 0, "dW"),
    ([affine(4, 5), LeakyRelu(), affine(5)], OWN_X, 1, "da"),
    ([affine(4, 5), BatchNormalization(np.arange(5.0), np.ones(5)), affine(5)], OWN_X, 1, "dgamma"),
    ([Convolution(FILTERS[:2, :, :2, :2], np.zeros(2)), Relu(),
      Convolution(np.ones((3, 2, 2, 2)), np.ones(3)), affine(12)], IMAGES, 2, "dx"),
    ([lazy(), affine(4)], OWN_X, 1, "dW"),
    ([affine(4, 5), Relu(), InPlace(ROWS.copy(), np.ones(4)), affine(4)], OWN_X, 2, "db"),
])  # fmt: skip
def test_unusual_layers_are_right_in_a_network_and_hide_no_bug(layers, x, place, name):
    network = chain(**{f"Layer{i}": layer for i, layer in enumerate(layers)})
    report = check_gradient(network, x, T3)
    assert_right(report)
    assert report and report.unseen == []
    if name:
        bug = spoiled(name, lambda L, _, dx: 2 * (dx if name == "dx" else getattr(L, name)))
        plant(bug, network, f"Layer{place}")
        report = check_gradient(network, x, T3)
        assert not report and report.suspects == [f"Layer{place}"], report


def test_rows_of_float32_are_labels_for_a_check():
    """They sum to 1 only within 6e-8, which is much for a check in float64."""
    for seed in range(5):
        network = TwoLayerNet(4, 5, 10, 1.0, rng=seed)
        y = np.exp(network.predict(OWN_X))
        t = y / y.sum(axis=1, keepdims=True)  # so that y - t is next to nothing
        assert_right(check_gradient(network, OWN_X, t.astype(np.float32)))


# Table 3: kinks, places without derivative


def bent(*kinks, factor=1.0):
    """out = sum of w |x - place| for kinks (place, w). Backprop says the slope to the left at one.

    If factor isn't 1, backprop says factor times the slope, which is a bug.
    """

    def slope(x):
        return factor * sum(w * np.where(x > place, 1.0, -1.0) for place, w in kinks)

    return function(lambda x: sum(w * np.abs(x - place) for place, w in kinks), slope)


def wave(k, factor=1.0):
    """Curved: at 0 a step of 1e-4 loses (k h)^2 / 6 of the slope of sin(k x)."""
    return function(lambda x: np.sin(k * x), lambda x: factor * k * np.cos(k * x))


# Each row of x bends within a step of 1e-4.
ROWS_THAT_BEND = np.array([[0, 5e-5], [7e-5, 0], [0, 2e-5]])


@parametrize("layer, x, failed, kinks", [
    # A kink is counted if a step of 1e-4 crosses it.
    *[(bent((1 + side * distance, 1)), [0.3, 1.0, 2.0], [], kinks) for side in (-1, 1)
      for distance, kinks in [(0, 1), (1e-12, 1), (1e-8, 1), (5e-6, 1), (5e-5, 1), (9.9e-5, 1),
                              (1.1e-4, 0), (0.1, 0)]],
    # Kinks close together. A step of 1e-6 tells the first of these from a bug; the next two a look
    # 1e-5 to both sides, the last two a look 1e-6 to both sides. Elsewhere another kink is near.
    *[(bent(*zip(places, weight * np.arange(1, 5))), [0.0, 0.5], [], 1) for weight in (1, -2, 1e3)
      for places in [(1.05e-6, -1.05e-6, 1.05e-5, -1.05e-5), (0, 1e-6), (0, -1e-6), (0, 1e-5),
                     (0, -1e-5)]],
    # Beside large numbers, too.
    *[(function(largest, lambda x: x == largest(x)), base + ROWS_THAT_BEND, [], 6)
      for base in (1, 1e4, 1e5, 1e6)],
    # Bugs: entry 1.0 lies at a kink, near one, or far from it.
    *[(bent((at, 1), factor=factor), x, ["x"], None) for factor in (1.001, -1, 2, 0.5, np.nan)
      for at in (1.0, 1.000003, 1.00002, 0.99999, 7.0) for x in ([1.0], [0.3, 1.0, 2.0])],
    # Four are off by a thousandth; the fifth is further off, and right: half a step from a kink.
    (bent((1.00005, 1), factor=np.array([1.001] * 4 + [1])), [2.0, 3, 4, 5, 1], ["x"], 1),
    # Right on one side only: -1 on one side of 0, or 0 up to 0, where the slope is 1.
    *[(function(lambda x: x + 1, df), [0.0, side * 0.3, side * 0.4], ["x"], 0) for side in (-1, 1)
      for df in (lambda x, s=side: np.sign(s * x), lambda x, s=side: s * x > 0)],
    # No kink at 0, and backprop says 0 at this point alone.
    *[(function(f, lambda x, df=df: df(x) * (x != 0)), [0.0, 0.3], ["x"], 0) for f, df in [
        (lambda x: 2 * x, lambda x: 2), (lambda x: x**3 + x, lambda x: 3 * x**2 + 1),
        (np.expm1, np.exp)]],
    # At a kink the slope may be that of either side, or between.
    *[(function(lambda x: np.abs(x) + x, lambda x, at0=at0: np.where(x == 0, at0, 2 * (x > 0))),
       [0.0, 0.3], [], 1) for at0 in (0, 2)],
    (function(lambda x: np.clip(x, -1, 1), lambda x: np.abs(x) <= 1), [-1.0, 0, 1], [], 2),
    # Curvature: 1.5e-4 is too much for the step; 6.7e-7 isn't, and neither hides 1e-4.
    (wave(300), [0.0], [], None), (wave(20), [0.0], [], 0), (wave(300, 1.0001), [0.0], ["x"], 0),
    (function(np.abs, lambda x: x / np.abs(x)), [0.0, 0.3], ["x"], None),  # nan at the kink
    # The log of 4e-4: a step of 6e-4 would go beyond 0.
    (function(np.log, lambda x: 1.1 / x), [4e-4, 1], ["x"], 0),
    # So steep that no step is small enough for all digits.
    (function(lambda x: np.tanh(1e6 * x), lambda x: 1e6 / np.cosh(1e6 * x) ** 2), [5e-7], [], None),
    # By a step of 1e-6 rounding may do 1e-8; a slope of 1e-9 that is doubled is off by less.
    *[(function(lambda x, s=slope: s * x, lambda x, s=slope: 2 * s), [value], ["x"], 0)
      for slope in (1e-9, 1e-8, 1e-7, 1, 1e8) for value in (0.8, 1, 1.1)],
])  # fmt: skip
def test_a_kink_is_no_bug_and_hides_none(layer, x, failed, kinks):
    for seed in range(3):
        report = check_layer(layer, np.array(x), rng=seed)
        check = report["x"]
        assert report.failed == failed and kinks in (None, check.kinks), report
        if failed:
            assert not check.kinks or check.worst_index != (4,)
            assert check.kinks <= 1 and not check.ok
        else:
            assert_right(report)
            assert ("crosses a kink" in report.verdict()) == (check.kinks > 0)
            # Kinks are left out of the figures.
            assert check.unclear or check.max_rel_error < 1e-6


@FULL_AND_SAMPLED
@parametrize("Second", [Affine, InPlace])
def test_a_relu_at_exactly_zero_is_a_kink_in_a_network(samples, Second):
    """A sample of zeros with b1 = 0 lies at the kink of every unit: b1 is all kinks, no bug."""
    network = TwoLayerNet(4, 6, 3, 1.0, rng=0)
    network.layers["Affine2"].__class__ = Second  # its backward is called beside the kinks too
    x = np.vstack([np.zeros(4), np.random.default_rng(0).standard_normal((2, 4))])
    report = check_gradient(network, x, T3, samples=samples)
    assert_right(report)
    assert report and [check.kinks for check in report.values()] == [0, 6, 0, 0]
    assert np.isnan(report["b1"].mean_abs_diff) and report["b1"].worst_index is None
    assert report["b1"].unclear and not report["W1"].unclear
    # A bug at the same time is found where there is no kink.
    plant(dx(lambda L, _, dx: 1.001 * dx), network, "Relu1")
    report = check_gradient(network, x, T3, samples=samples)
    assert "W1" in report.failed and report.suspects == ["Relu1"]


def test_where_rounding_is_not_small_beside_the_gradient_nothing_is_told():
    """1e6 + x^2 is rounded by 1e-10. Divided by h that is 1e-6, beside slopes of 0.02 to 0.04."""

    def forward(self, x):
        self.x = x
        return 1e6 + x**2

    layer = Mine(forward, lambda self, dout: 2 * self.x * dout)
    report = check_layer(layer, np.linspace(0.01, 0.02, 6).reshape(2, 3))
    assert report.ok and report["x"].unclear


# What a check doesn't see: arrays that change the output, and have no gradient


def scaled(read, slope=None, **kept):
    """out = x * read(layer). If it learns a, slope(layer) is that of read with respect to a."""

    def forward(self, x):
        self.x, self.factor = x, read(self) + 0.0
        return x * self.factor

    def backward(self, dout):
        if slope:
            self.da = np.sum(dout * self.x * slope(self), axis=0 if self.a.ndim else None)
        return dout * self.factor

    return Mine(forward, backward, **kept, **({"da": None} if slope else {}))


EIGHT, FOUR = np.arange(8.0), np.arange(1.0, 5)


@parametrize("layer, names", [
    (scaled(lambda L: L.W, W=FOUR.copy(), d_W=None), ["W"]),  # as in a later book
    (scaled(lambda L: L.kept[0], kept=[FOUR.copy()]), ["kept[0]"]),
    (scaled(lambda L: L.kept["w"], kept={"w": FOUR.copy()}), ["kept['w']"]),
    (scaled(lambda L: L.kept[0]["w"], kept=[{"w": FOUR.copy()}]), ["kept[0]['w']"]),
    (scaled(lambda L: L.inner.c, inner=Mine(c=FOUR.copy())), ["inner.c"]),
    # Half of an array is learnt, and all of it is used.
    (scaled(lambda L: L.a * L.c[4:], lambda L: L.c[4:], a=EIGHT[:4], c=EIGHT), ["c"]),
    (scaled(lambda L: L.a, lambda L: 1, a=FOUR, same=FOUR.reshape(2, 2)), []),  # seen as a
    (Mine(lambda self, x: self.log.append(x) or x, log=[], xp=np), []),
])  # fmt: skip
def test_an_array_that_has_no_gradient_is_named_wherever_it_is_kept(layer, names):
    before = copy.deepcopy({key: value for key, value in vars(layer).items() if key in "aWkeptc"})
    report = check_layer(layer, OWN_X)
    assert_right(report)  # it may be a constant
    assert report.unseen == [f"Mine.{name}" for name in names]
    report = check_gradient(chain(Odd=layer, Affine1=affine(4)), OWN_X, T3)
    assert_right(report)
    assert report.unseen == [f"Odd.{name}" for name in names]
    assert all(name in report.verdict() for name in report.unseen)
    assert ("agrees with the numerical gradient." in report.verdict()) == (not names)
    np.testing.assert_equal({key: vars(layer)[key] for key in before}, before)


# Likely causes: a factor is named, and nothing is said of what only looks alike


def adding(right):
    def backward(self, dout):
        before, dx = self.dW, right.backward(self, dout)
        self.dW = self.dW if before is None else self.dW + before
        return dx

    return backward


@parametrize("bug, shape, words", [
    *[(lambda right, f=f: dW(lambda L, *_: f * L.dW)(db(lambda L, *_: f * L.db)(right)), (3, 6),
       ["W, b", word]) for f, word in
      [(-1, "-1 times"), (2, "2 times"), (0.5, "0.5 times"),
       (7, "len(x)"), (1 / 7, "len(x)"), (3, "3 times"), (0, "zero")]],
    (lambda right: type("Forgetful", (right,), {"forward": lambda L, x: right.forward(L, x) - L.b}),
     (4, 3), ["b", "numerical", "zero"]),
    (dx(lambda L, dout, _: dout), (4, 4), ["x", "returns dout as it is"]),
    (dx(lambda L, dout, dx: dx / dout), (4, 4), ["x", "times dout"]),
    # What has no likeness is given none: 1 of 20 is off, or each in its own way, or slightly.
    *[(dW(spoil), shape, None) for shape in [(1, 20), (4, 5)] for spoil in [  # a row is its own .T
        lambda L, *_: plus(L.dW, (0, 1)),
        lambda L, *_: L.dW * np.linspace(0.5, 2, 20).reshape(L.dW.shape),
        lambda L, *_: L.dW * (1 + 5e-6)]],
    (dx(lambda L, _, dx: dx**2), (6, 3), None),
    (db(lambda L, *_: 2 * L.db), (6, 1), None),  # and neither is one number alone
    (db(lambda L, *_: 2 * L.db), (6, 2), ["b", "2 times"]),
    (lambda right: type("Adding", (right,), {"backward": adding(right)}), (3, 4),
     ["W", "second call"]),
])  # fmt: skip
def test_a_likely_cause_is_told_once_or_nothing(bug, shape, words):
    layer = bug(Affine).random(*shape, 1, rng=0)
    causes = check_layer(layer, np.random.default_rng(0).standard_normal((7, shape[0]))).causes
    assert len(causes) == (words is not None)
    assert words is None or causes[0].startswith(f"{words[0]}: ")
    assert all(word in causes[0] for word in words or [])


@parametrize("slopes, factors, told", [
    ([1] * 20, [1] + [2] * 19, 1),  # one has another factor
    ([1e5] * 2 + [0.01] * 5, [2] * 2 + [1] * 5, 1),  # rounding may leave little of the small ones
    ([0] * 16 + [1] * 4, [1] * 17 + [2] * 3, 0),  # 0 is 2 times 0, and of 4 others one isn't
])  # fmt: skip
def test_a_factor_is_read_off_the_large_slopes_and_most_entries(slopes, factors, told):
    slopes, factors = np.array(slopes), np.array(factors)
    layer = function(lambda x: slopes * x, lambda x: factors * slopes)
    causes = check_layer(layer, np.linspace(0.1, 0.7, len(slopes))).causes
    assert ["2 times" in each for each in causes] == [True] * told


def test_a_small_number_added_to_y_is_thought_of():
    """As the textbook does, against log(0); its backward takes no notice."""
    network = TwoLayerNet(4, 4, 10, 0.1, rng=0)
    last = network.lastLayer
    loss = lambda: -float(np.sum(last.t * np.log(last.y + 1e-7))) / len(last.y)  # noqa: E731
    last.forward = lambda x, t: [SoftmaxWithLoss.forward(last, x, t), loss()][1]
    report = check_gradient(network, OWN_X, T3, tolerance=1e-7)
    assert "b2" in report.failed and any("1e-7" in cause for cause in report.causes)
    plant(dx(lambda L, _, dx: 1.00001 * dx), network := network_and_batch(0)[0], "Sigmoid1")
    report = check_gradient(network, *network_and_batch(0)[1:])
    assert report.suspects == ["Sigmoid1"] and "1e-7" not in str(report.causes)


# Sampling


@parametrize("samples, checked", [(15, [15, 15, 15, 10]), (None, [140, 20, 200, 10])])
def test_a_sample_is_so_many_entries_of_each_or_all_where_there_are_fewer(samples, checked):
    network, x = TwoLayerNet(7, 20, 10, rng=0), np.random.default_rng(0).random((3, 7))
    report = check_gradient(network, x, T3, samples=samples)
    assert [check.checked for check in report.values()] == checked


@parametrize("samples", [1, 2, 7])
def test_dark_pixels_do_not_hide_a_bug(samples):
    """Of 99 pixels only one is ever lit: 98 rows of dW are 0, whatever backward does."""
    network, x = TwoLayerNet(99, 8, 10, 0.1, rng=0), np.zeros((2, 99))
    network.layers["Affine1"].b += 0.1  # so that the dark ones aren't all at a kink
    x[:, 40] = 0.9
    plant(dW(lambda L, *_: 1.01 * L.dW), network, "Affine1")
    for seed in range(2):
        report = check_gradient(network, x, [3, 4], samples=samples, rng=seed)
        assert report.failed == ["W1"] and report["W1"].worst_index[0] == 40
        assert report["W1"].checked == samples


def test_the_other_half_of_a_sample_lies_anywhere():
    """So backward may forget half of a gradient: it shows where it says 0."""
    network = TwoLayerNet(4, 20, 10, 0.1, rng=0)
    plant(dW(lambda L, *_: L.dW * (np.arange(20) < 10)), network, "Affine1")
    assert check_gradient(network, OWN_X, T3, samples=20).failed == ["W1"]


def test_samples_follow_the_rng_and_the_default_repeats_itself():
    network = TwoLayerNet(4, 20, 10, rng=0)
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    for check in (
        lambda rng: str(check_gradient(network, OWN_X, T3, samples=5, rng=rng)),
        lambda rng: str(check_layer(network.layers["Affine1"], OWN_X, samples=5, rng=rng)),
    ):
        assert check(None) == check(None) != check(0) == check(np.random.default_rng(0)) != check(1)
    assert (np.random.get_state()[1] == state).all()


# What is refused


@parametrize("what, when, write", [
    ("W", "forward", lambda L, _: np.subtract(L.W, 0.5, out=L.W)),
    ("W", "backward", lambda L, _: np.subtract(L.W, 0.5, out=L.W)),
    ("W", "forward", lambda L, _: [L.W.fill(0.5), int("W")]),  # an error follows
])  # fmt: skip
def test_a_write_is_refused_and_put_right(what, when, write):
    def bug(right):
        def writes(self, *given):
            write(self, given[-1])
            return getattr(right, when)(self, *given)

        return type("Writes", (right,), {when: writes})

    network, x, t = network_and_batch(0)
    layer = plant(bug, network, "Affine1")
    before, x_before, t_before = network.params.copy(), x.copy(), t.copy()
    for check in (lambda: check_gradient(network, x, t), lambda: check_layer(layer, x)):
        with pytest.raises(ValueError, match=rf"\b{what}"):
            check()
        assert_as_before(network, before)
        same(x, x_before)
        same(t, t_before)


def test_a_check_that_is_interrupted_leaves_the_parameters_as_they_were():
    """For another batch, for the gradients, in a difference, at a kink of Relu, or beside it."""
    for call in range(1, 100, 3):
        network, calls = TwoLayerNet(4, 6, 3, 1.0, rng=0), itertools.count(1)
        before = network.params.copy()

        def interrupted(self, x, calls=calls, call=call):
            if next(calls) == call:
                raise KeyboardInterrupt
            return Relu.forward(self, x)

        plant(lambda right, f=interrupted: type("Relu", (right,), {"forward": f}), network, "Relu1")
        with pytest.raises(KeyboardInterrupt):
            check_gradient(network, np.zeros((2, 4)), [0, 1])
        assert_as_before(network, before)


def test_tolerance_draws_the_line():
    layer = dW(lambda L, *_: 1.001 * L.dW)(Affine).random(6, 3, 1, rng=0)
    x = np.random.default_rng(0).standard_normal((4, 6))
    assert check_layer(layer, x, tolerance=0.9e-3).failed == ["W"]
    report = check_layer(layer, x, tolerance=1.1e-3)
    assert report and report["W"].max_rel_error == pytest.approx(1e-3, rel=0.01)
    for tolerance in (0.99e-9, 1, np.nan):
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
    report = check_gradient(network, OWN_X, T3)
    assert isinstance(report, GradientReport) and list(report) == ["W1", "b1", "W2", "b2"]
    check = report["W2"]
    assert check.shape == (4, 3) and (check.checked, check.kinks) == (12, 0)
    assert check.worst_index == (2, 1) and not check.ok and not check.unclear
    assert check.backprop - check.numerical == pytest.approx(0.25)
    assert check.mean_abs_diff == pytest.approx(0.25 / 12, rel=1e-6)
    size = max(abs(check.backprop), abs(check.numerical))
    assert check.max_rel_error == pytest.approx(0.25 / size, rel=0.01)
    # dL/dW2 = h^T (y - t) / 3, by hand
    h = np.maximum(OWN_X @ network.params["W1"] + network.params["b1"], 0)
    e = np.exp(h @ network.params["W2"] + network.params["b2"])
    right = h.T @ (e / e.sum(axis=1, keepdims=True) - np.eye(3)) / 3
    assert check.numerical == pytest.approx(right[2, 1], rel=1e-6)
    assert 0 < report["b2"].mean_abs_diff < 1e-9 and report["b2"].ok
    with pytest.raises(KeyError, match="W9"):
        report["W9"]

    assert {name: row[-1] for name, row in rows(report).items()} == {
        "W1": "ok", "b1": "ok", "W2": "FAILED", "b2": "ok"
    }  # fmt: skip
    assert rows(report)["W2"][1:4] == ["4x3", "12", "-"]
    words = str(report).split("\n\n")[1]
    assert "[2, 1]" in words and "DISAGREES" in words and report.suspects == ["Affine2"]
    assert "Affine2" in report.causes[-1] and all(cause in words for cause in report.causes)
    assert repr(report) == str(report) and "FAILED" in repr(report["W2"])
    for samples, all_of_it in [(None, True), (3, False)]:
        right = check_gradient(*network_and_batch(0), samples=samples)
        assert [row[-1] for row in rows(right).values()] == ["ok"] * 8
        assert ("agrees with the numerical gradient." in str(right)) == all_of_it


def test_the_worst_entry_is_that_of_those_that_disagree():
    """1e9 + 100 agrees with 1e9 to a relative 1e-7; 10 for 1 is less far off, and wrong."""
    slopes, x = np.array([1e9, 1.0, 1.0]), np.array([0.1, 0.2, 0.3])
    check = check_layer(function(lambda x: slopes * x, lambda x: slopes + [100, 0, 0]), x)["x"]
    assert check.ok and check.worst_index == (0,)
    check = check_layer(function(lambda x: slopes * x, lambda x: slopes + [100, 0, 9]), x)["x"]
    assert not check.ok and check.worst_index == (2,)
    assert check.backprop == pytest.approx(10 * check.numerical, rel=1e-3)


def test_what_is_too_small_to_measure_is_not_called_right():
    """Ten Sigmoids with weights of 0.01: the gradient fades to 1e-20 on its way down."""
    network = MultiLayerNet(4, [4] * 10, 3, "sigmoid", 0.01, rng=0)
    report = check_gradient(network, np.ones((2, 4)), [0, 1])
    assert report.ok and report["W1"].unclear and not report["b11"].unclear
    assert rows(report)["W1"][-1] == "unclear" and report  # b11 was seen to agree
    for check in report.values():  # what is unclear has no such figure
        assert np.isnan(check.max_rel_error) if check.unclear else check.max_rel_error < 1e-6


def test_a_check_that_saw_nothing_is_not_true():
    """All lies at a kink, or is smaller than rounding."""
    tiny = function(lambda x: 0 * x, lambda x: 1e-12)
    for layer, x, kinks in [(Relu(), np.zeros((3, 5)), 15), (tiny, np.ones(3), 0)]:
        report = check_layer(layer, x)
        assert report.ok and not report and report.failed == []
        assert report["x"].unclear and report["x"].kinks == kinks


def test_a_progress_bar_shows_in_a_terminal_after_a_second_and_is_gone_at_the_end(
    monkeypatch, capfd
):
    seconds = itertools.count(0, 0.2)  # so long takes each look at the clock
    monkeypatch.setattr("tqdm.std.time", lambda: next(seconds))
    check_layer(Relu(), np.ones(30))  # nobody watches
    assert capfd.readouterr() == ("", "")
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    check_layer(Relu(), np.ones(2))
    assert terminal.getvalue() == ""
    check_layer(Relu(), np.ones(30))
    *_, last_shown, end = terminal.getvalue().split("\r")
    assert "x:" in terminal.getvalue() and end == "" and last_shown.strip() == ""
