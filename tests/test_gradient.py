"""The gradient check, checked: it finds every planted bug, and accuses no right network.

The derivatives expected here come from paper or from autograd, never from the project itself.
"""

import inspect
import io
import time
from collections import OrderedDict

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from ch05.multi_layer_net import MultiLayerNet
from ch05.two_layer_net import TwoLayerNet
from common.gradient import GradientReport, check_gradient, check_layer, numerical_gradient
from common.judge import Judge
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network

FULL_AND_SAMPLED = pytest.mark.parametrize("samples", [None, 10], ids=["full", "sampled"])


# numerical_gradient


def layouts():
    """Arrays of every kind, with numbers between 1 and 2 in them."""
    numbers = 1 + np.random.default_rng(0).random((4, 6))
    return {
        "0-d": np.array(1.5),
        "1-d": numbers[0].copy(),
        "2-d": numbers.copy(),
        "3-d": numbers.reshape(2, 3, 4).copy(),
        "Fortran": np.asfortranarray(numbers),
        "every other column": numbers.copy()[:, ::2],
        "backwards": numbers.copy()[::-1],
        "transposed": numbers.copy().T,
        "empty": np.empty((0, 3)),
    }


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize(
    "f, derivative",
    [
        (lambda x: np.sum(x**2), lambda x: 2 * x),
        (lambda x: np.sum(np.sin(x)), np.cos),
        (lambda x: np.prod(x), lambda x: np.prod(x) / x),
        (lambda x: float(np.sum(1 / x)), lambda x: -1 / x**2),
        (lambda x: x.size, np.zeros_like),  # a whole number is a number too
    ],
    ids=["square", "sin", "product", "reciprocal", "constant"],
)
def test_slopes_are_those_on_paper(f, derivative, layout):
    x = layouts()[layout]
    before = x.copy()
    grad = numerical_gradient(f, x)
    assert grad.shape == x.shape and grad.dtype == np.float64
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(grad, derivative(x), rtol=1e-6, atol=1e-9)


def test_every_entry_has_its_own_place():
    """f = 0 x0 + 1 x1 + 2 x2 + ..., so a mixed-up order would show."""
    weights = np.arange(24.0).reshape(4, 6)
    for x in (np.zeros((4, 6)), np.asfortranarray(np.zeros((4, 6))), np.zeros((6, 4)).T):
        np.testing.assert_allclose(numerical_gradient(lambda x: (weights * x).sum(), x), weights)


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


def test_f_sees_one_entry_moved_in_the_array_itself():
    x, moves = np.array([[1.0, 2.0], [3.0, 4.0]]), []
    before = x.copy()

    def f(given):
        assert given is x
        moves.append(given - before)
        return 0.0

    numerical_gradient(f, x)
    assert len(moves) == 8
    for entry, (one, other) in enumerate(zip(moves[::2], moves[1::2])):
        expected = np.zeros(4)
        expected[entry] = 1e-4
        np.testing.assert_allclose(np.abs(one).ravel(), expected, atol=1e-15)
        np.testing.assert_allclose(other, -one, atol=1e-15)


@pytest.mark.parametrize("call", range(6))
def test_x_is_as_before_even_when_f_raises(call):
    x = np.array([0.1, 0.2, 0.3])
    before, calls = x.copy(), []

    def f(x):
        calls.append(None)
        if len(calls) == call + 1:
            raise ZeroDivisionError
        return x.sum()

    with pytest.raises(ZeroDivisionError):
        numerical_gradient(f, x)
    np.testing.assert_array_equal(x, before)


def read_only():
    x = np.ones(3)
    x.flags.writeable = False
    return x


@pytest.mark.parametrize(
    "x, error, words",
    [
        (np.arange(3), TypeError, "float64.*got an array of int64.*np.array"),
        (np.ones(3, np.float32), TypeError, "float64.*got an array of float32"),
        (np.ones(3, complex), TypeError, "got an array of complex128"),
        ([1.0, 2.0], TypeError, "float64 array.*got list"),
        (1.5, TypeError, "got float"),
        (read_only(), ValueError, "read-only.*copy"),
        (np.array([1.0, np.nan]), ValueError, "below 1e10"),
        (np.array([1.0, -np.inf]), ValueError, "below 1e10"),
        (np.array([1e13]), ValueError, "step of 1e-4 is lost"),
    ],
)
def test_an_x_without_differences_is_refused(x, error, words):
    with pytest.raises(error, match=words):
        numerical_gradient(lambda x: 0.0, x)


@pytest.mark.parametrize("result", [np.zeros(2), np.zeros(1), [0.0], None, "0", 1j])
def test_an_f_that_does_not_return_one_number_is_refused(result):
    x = np.ones(2)
    with pytest.raises(TypeError, match="one number"):
        numerical_gradient(lambda x: result, x)
    np.testing.assert_array_equal(x, np.ones(2))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_f_that_is_not_finite_is_refused_with_the_place(bad):
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match=r"finite.*\(1, 0\)"):
        numerical_gradient(lambda x: bad if x[1, 0] > 3 else 0.0, x)


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("by", [-1, 1])
def test_an_f_that_writes_into_x_is_refused(call, by):
    x, calls = np.array([1.0, 2.0]), []

    def f(x):
        calls.append(None)
        x[0] += by * (len(calls) == call)
        return 0.0

    with pytest.raises(ValueError, match="expected f to leave x as it is, got a write into it"):
        numerical_gradient(f, x)
    np.testing.assert_array_equal(x, [1, 2])


def test_numbers_are_refused_only_where_a_difference_is_lost():
    x = np.array([9999999999.5, -1.0])  # f is 1e308 wherever x is, so that its slope is 0
    np.testing.assert_array_equal(numerical_gradient(lambda x: 1e308, x), [0, 0])
    with pytest.raises(ValueError, match="numbers below 1e10 in x, .*, got 10000000000.0$"):
        numerical_gradient(lambda x: 0.0, np.array([1.0, 1e10, 1e12]))


# Planted bugs. Each spoils what a right layer's backward has computed, or feeds it a wrong cache.

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
    if not all(0.2 < network.layers[name].mask.mean() < 0.8 for name in ("Relu1", "Relu2")):
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


def dW(spoil):
    return spoiled("dW", spoil)


def db(spoil):
    return spoiled("db", spoil)


def dx(spoil):
    return spoiled("dx", spoil)


def stale(kept, behind):
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


UP_TO_1, UP_TO_2, UP_TO_3 = "W1 b1", "W1 b1 W2 b2", "W1 b1 W2 b2 W3 b3"
ALL = "W1 b1 W2 b2 W3 b3 W4 b4 lastLayer"
DX = "fails: wrong dx."

# the bug's name, the layer, the bug, the parameters that come out wrong, words of a likely cause
BUGS = [
    # Affine: dW
    ("1.001 dW", "Affine2", dW(lambda L, *_: 1.001 * L.dW), "W2", "W2: every gradient is 1.001 t"),
    ("2 dW", "Affine4", dW(lambda L, *_: 2 * L.dW), "W4", "W4: every gradient is 2 times"),
    ("dW / 2", "Affine4", dW(lambda L, *_: L.dW / 2), "W4", "W4: every gradient is half"),
    ("-dW", "Affine1", dW(lambda L, *_: -L.dW), "W1", "W1: every gradient is the negative"),
    ("N dW", "Affine3", dW(lambda L, *_: N * L.dW), "W3", "is 4 times what it should be, the batc"),
    ("dW / N", "Affine3", dW(lambda L, *_: L.dW / N), "W3", "W3: every gradient is 1/4 of"),
    ("square dW^T", "Affine2", dW(lambda L, *_: L.dW.T), "W2", "W2: the gradient is the transpose"),
    (
        "dW zero",
        "Affine2",
        dW(lambda L, *_: 0 * L.dW),
        "W2",
        "W2: every gradient looked at is zero",
    ),
    ("dW[3, 2]", "Affine1", dW(lambda L, *_: plus(L.dW, (3, 2))), "W1", "W1: worst at [3, 2]"),
    ("dW[3]", "Affine2", dW(lambda L, *_: plus(L.dW, 3)), "W2", "W2: worst at [3, "),
    ("dW nan", "Affine1", dW(lambda L, *_: plus(L.dW, (5, 4), np.nan)), "W1", "backprop says nan"),
    ("dW inf", "Affine1", dW(lambda L, *_: plus(L.dW, (5, 4), np.inf)), "W1", "worst at [5, 4]"),
    (
        "dW without x",
        "Affine2",
        dW(lambda L, dout, _: np.ones((5, N)) @ dout),
        "W2",
        "Affine2 fails: wrong dW.",
    ),
    ("dW adds up over calls", "Affine3", adds_up_over_calls, "W3", "W3: worst at"),
    ("dW by the first x", "Affine2", stale("x", behind=False), "W2", "Affine2 fails: wrong dW."),
    ("dW by the x before", "Affine2", stale("x", behind=True), "W2", "Affine2 fails: wrong dW."),
    # Affine: db
    (
        "1.001 db",
        "Affine1",
        db(lambda L, *_: 1.001 * L.db),
        "b1",
        "b1: every gradient is 1.001 times",
    ),
    (
        "db averaged",
        "Affine3",
        db(lambda L, dout, _: dout.mean(axis=0)),
        "b3",
        "b3: every gradient is 1/4",
    ),
    (
        "db of one sample",
        "Affine4",
        db(lambda L, dout, _: dout[0]),
        "b4",
        "Affine4 fails: wrong db.",
    ),
    (
        "db zero",
        "Affine2",
        db(lambda L, *_: 0 * L.db),
        "b2",
        "b2: every gradient looked at is zero",
    ),
    ("db[4]", "Affine1", db(lambda L, *_: plus(L.db, 4)), "b1", "b1: worst at [4]"),
    # Affine: dx, and all of it
    (
        "dx without ^T",
        "Affine2",
        dx(lambda L, dout, _: dout @ L.W),
        UP_TO_1,
        DX,
    ),
    ("dx zero", "Affine4", dx(lambda L, _, dx: 0 * dx), UP_TO_3, DX),
    ("1.001 dx", "Affine4", dx(lambda L, _, dx: 1.001 * dx), UP_TO_3, DX),
    ("dx / N", "Affine3", dx(lambda L, _, dx: dx / N), UP_TO_2, DX),
    (
        "Affine ignores dout",
        "Affine4",
        ignores_dout,
        "W1 b1 W2 b2 W3 b3 W4 b4",
        "Affine4 fails: wrong dW and db and dx.",
    ),
    # Relu
    (
        "mask of the wrong sign",
        "Relu2",
        dx(lambda L, dout, _: dout * ~L.mask),
        UP_TO_3,
        DX,
    ),
    ("mask from dout", "Relu2", dx(lambda L, dout, _: dout * (dout > 0)), UP_TO_3, DX),
    ("mask ignored", "Relu2", dx(lambda L, dout, _: dout), UP_TO_3, DX),
    ("Relu ignores dout", "Relu1", ignores_dout, UP_TO_1, DX),
    ("the first mask", "Relu1", stale("mask", behind=False), UP_TO_1, DX),
    ("the mask before", "Relu1", stale("mask", behind=True), UP_TO_1, DX),
    # Sigmoid
    ("sigmoid' = out", "Sigmoid1", dx(lambda L, dout, _: dout * L.out), UP_TO_2, DX),
    (
        "sigmoid' = 1 - out",
        "Sigmoid1",
        dx(lambda L, dout, _: dout * (1 - L.out)),
        UP_TO_2,
        DX,
    ),
    ("sigmoid' = 1", "Sigmoid1", dx(lambda L, dout, _: dout), UP_TO_2, DX),
    (
        "-sigmoid'",
        "Sigmoid1",
        dx(lambda L, _, dx: -dx),
        UP_TO_2,
        "W1, b1, W2, b2: every gradient is the negative",
    ),
    ("Sigmoid ignores dout", "Sigmoid1", ignores_dout, UP_TO_2, DX),
    ("the first out", "Sigmoid1", stale("out", behind=False), UP_TO_2, DX),
    ("the out before", "Sigmoid1", stale("out", behind=True), UP_TO_2, DX),
    # SoftmaxWithLoss
    ("softmax without - t", "lastLayer", dx(lambda L, dout, _: dout * L.y / N), ALL, None),
    (
        "softmax without / N",
        "lastLayer",
        dx(lambda L, _, dx: N * dx),
        ALL,
        "lastLayer: every gradient is 4 times",
    ),
    (
        "t - y",
        "lastLayer",
        dx(lambda L, _, dx: -dx),
        ALL,
        "lastLayer: every gradient is the negative",
    ),
    ("softmax with y (1 - y)", "lastLayer", dx(lambda L, _, dx: dx * L.y * (1 - L.y)), ALL, None),
    (
        "softmax ignores dout",
        "lastLayer",
        ignores_dout,
        "lastLayer",
        "is dout ignored?",
    ),
    ("the first t", "lastLayer", stale("t", behind=False), ALL, None),
    ("the t before", "lastLayer", stale("t", behind=True), ALL, None),
    ("the y before", "lastLayer", stale("y", behind=True), ALL, None),
]
EACH_BUG = pytest.mark.parametrize(
    "place, bug, failed, words", [b[1:] for b in BUGS], ids=[b[0] for b in BUGS]
)


def find(place, bug, failed, words, samples, seed):
    network, x, t = network_and_batch(seed)
    plant(bug, network, place)
    before = {key: param.copy() for key, param in network.params.items()}
    report = check_gradient(network, x, t, samples=samples, rng=seed)
    assert not report.ok
    assert report.failed == failed.split(), report
    assert report.suspects == [place], report
    assert f"Checked alone, {place} fails: " in str(report)
    assert (words or "") in str(report), report
    for key, param in network.params.items():
        np.testing.assert_array_equal(param, before[key])


@EACH_BUG
def test_a_planted_bug_is_found_and_blamed_on_its_layer(place, bug, failed, words):
    find(place, bug, failed, words, samples=None, seed=1)


@pytest.mark.campaign
@FULL_AND_SAMPLED
@EACH_BUG
def test_a_planted_bug_is_found_every_time(place, bug, failed, words, samples):
    for seed in range(40):
        find(place, bug, failed, words, samples, seed)


@pytest.mark.parametrize(
    "place, bug, words",
    [
        ("Affine1", dW(lambda L, *_: L.dW.T), r"dW of shape \(6, 5\), got \(5, 6\), the transpose"),
        ("Affine2", dW(lambda *_: None), r"dW of shape \(5, 5\), got nothing"),
        ("Affine3", db(lambda L, dout, _: dout), r"db of shape \(5,\), got \(4, 5\)$"),
        ("Affine4", db(lambda *_: None), r"db of shape \(4,\), got nothing"),
    ],
)
def test_a_gradient_of_another_shape_is_refused_by_its_name(place, bug, words):
    network, x, t = network_and_batch(1)
    layer = plant(bug, network, place)
    for name, check in [
        (place, lambda: check_gradient(network, x, t)),
        (type(layer).__name__, lambda: check_layer(layer, np.ones((N, len(layer.W))))),
    ]:
        with pytest.raises(ValueError, match=f"^{name}: expected backward to compute {words}"):
            check()


@pytest.mark.parametrize("seed", range(3))
@FULL_AND_SAMPLED
def test_without_a_bug_the_same_network_is_right(samples, seed):
    network, x, t = network_and_batch(seed)
    report = check_gradient(network, x, t, samples=samples)
    assert report.ok and report.failed == report.suspects == report.causes == []
    assert str(report).endswith("\nBackprop agrees with the differences.")


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
    assert "W2: the gradient should be what W3's is; are they swapped?" in str(report)
    assert "W3: the gradient should be what W2's is; are they swapped?" in str(report)
    assert "Checked alone, no layer fails" in str(report)


@FULL_AND_SAMPLED
def test_a_dx_by_the_W_of_another_layer(samples):
    network, x, t = network_and_batch(0)
    other = network.layers["Affine3"].W
    plant(dx(lambda L, dout, _: dout @ other.T), network, "Affine2")
    report = check_gradient(network, x, t, samples=samples)
    assert report.failed == ["W1", "b1"] and report.suspects == ["Affine2"]


def test_a_chain_walked_in_the_wrong_order():
    """Both square layers hand dout on, but Sigmoid1's turn is left out."""
    network, x, t = network_and_batch(0)

    def gradient(x, t):
        network.loss(x, t)
        dout = network.lastLayer.backward()
        for name in ("Affine4", "Relu2", "Affine3", "Affine2", "Relu1", "Affine1"):
            dout = network.layers[name].backward(dout)
        return {
            f"{p}{i}": getattr(network.layers[f"Affine{i}"], "d" + p)
            for i in range(1, 5)
            for p in "Wb"
        }

    network.gradient = gradient
    report = check_gradient(network, x, t)
    assert report.failed == UP_TO_2.split() and report.suspects == []
    assert report.causes[-1] == (
        "Checked alone, no layer fails: look at how dout comes from the loss to Affine2."
    )


def test_a_dx_of_the_wrong_shape_is_refused_with_a_word_on_who_made_it():
    network = TwoLayerNet(4, 3, 2, rng=0)
    layer = plant(dx(lambda L, dout, dx: dx.T), network, "Affine2")
    words = r"^Relu1: expected dout of shape \(2, 3\), .*got \(3, 2\).*the layer after it"
    with pytest.raises(ValueError, match=words):
        check_gradient(network, np.ones((2, 4)), [0, 1])
    with pytest.raises(ValueError, match=r"compute dx of shape \(2, 3\), got \(3, 2\), the trans"):
        check_layer(layer, np.ones((2, 3)))


class WritesIntoX(Relu):
    def forward(self, x):
        x += self.by
        return super().forward(x)


class WritesIntoDout(Relu):
    def backward(self, dout):
        dout += self.by
        return dout * self.mask


@pytest.mark.parametrize("kind", [WritesIntoX, WritesIntoDout])
@pytest.mark.parametrize("by", [-0.5, 0.5])
def test_a_layer_that_writes_into_what_it_was_given_is_refused(kind, by):
    x, layer = np.random.default_rng(0).standard_normal((4, 5)), kind()
    layer.by = by
    what = kind.__name__.removeprefix("WritesInto").lower()  # x or dout
    given = f"^{kind.__name__}: expected {what} to be left as given, got a write into it"
    with pytest.raises(ValueError, match=given):
        check_layer(layer, x)


class StartsFromItsData(Affine):
    """Sets b at the first forward, and never again."""

    def forward(self, x):
        if self.x is None:
            self.b[...] = -np.dot(x, self.W).mean(axis=0)
        return super().forward(x)


def test_a_parameter_that_is_written_once_is_noticed_and_put_right():
    layer = StartsFromItsData.random(4, 3, 1, rng=0)
    network = Network(OrderedDict(Affine1=layer), SoftmaxWithLoss())
    x = np.random.default_rng(0).standard_normal((3, 4))
    with pytest.raises(ValueError, match="^backprop: expected b1 to be left as given, got a write"):
        check_gradient(network, x, [0, 1, 2])
    assert layer.b.tolist() == [0, 0, 0]
    layer.x = None
    with pytest.raises(ValueError, match="^StartsFromItsData: expected b to be left as given"):
        check_layer(layer, x)
    assert layer.b.tolist() == [0, 0, 0]


def test_a_layer_that_writes_into_two_things_has_its_parameters_put_right():
    class Both(Affine):
        def forward(self, x):
            self.W *= 0.5
            return super().forward(x)

        def backward(self, dout):
            dout *= 0
            return super().backward(dout)

    layer = Both(np.ones((4, 3)), np.zeros(3))
    with pytest.raises(ValueError, match="^Both: expected W to be left as given"):
        check_layer(layer, np.ones((2, 4)))
    assert (layer.W == 1).all()


def test_a_layer_that_fails_after_it_has_written_has_its_parameters_put_right():
    class Fails(Affine):
        def forward(self, x):
            self.W *= 0.5
            raise ArithmeticError("in the middle")

    layer = Fails(np.ones((4, 3)), np.zeros(3))
    with pytest.raises(ArithmeticError):
        check_layer(layer, np.ones((2, 4)))
    assert (layer.W == 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_float32_are_labels_for_a_check(seed):
    """They sum to 1 only within 6e-8, which is much for a check in float64."""
    network, rng = TwoLayerNet(6, 5, 10, 1.0, rng=seed), np.random.default_rng(seed)
    x = rng.standard_normal((3, 6))
    y = np.exp(network.predict(x))
    t = (y / y.sum(axis=1, keepdims=True)).astype(np.float32)  # so that y - t is next to nothing
    report = check_gradient(network, x, t)
    assert report.ok, report


class Likelihood:
    """-mean(t log x + (1 - t) log(1 - x)), for x between 0 and 1."""

    def forward(self, x, t):
        assert (x > 0).all() and (x < 1).all()
        self.x, self.t = x, t
        return -np.mean(t * np.log(x) + (1 - t) * np.log(1 - x))

    def backward(self, dout=1):
        return dout * (self.x - self.t) / (self.x * (1 - self.x)) / self.x.size


@pytest.mark.parametrize("kept", ["x", "t"])
@pytest.mark.parametrize("behind", [False, True])
def test_a_last_layer_that_takes_probabilities_gets_such_to_show_a_stale_cache(kept, behind):
    network = Network(OrderedDict(Affine1=Affine.random(4, 2, 1, rng=0)), Likelihood())
    network.layers["Sigmoid1"] = Sigmoid()
    x, t = np.random.default_rng(0).standard_normal((3, 4)), np.array([[0, 1.0], [1, 0], [1, 0]])
    assert check_gradient(network, x, t).ok
    plant(stale(kept, behind), network, "lastLayer")
    assert check_gradient(network, x, t).suspects[-1] == "lastLayer"


class ClearsNegatives(Relu):
    """A Relu that works in the array it was given."""

    def forward(self, x):
        self.mask = x > 0
        x[~self.mask] = 0
        return x


class SpoilsLabels(SoftmaxWithLoss):
    def forward(self, x, t):
        loss = super().forward(x, t)
        t[...] = 0
        return loss


def test_a_network_that_writes_into_its_data_is_refused_and_they_are_left_alone():
    x, t = np.random.default_rng(0).standard_normal((3, 4)), np.array([0, 1, 2])
    before = x.copy(), t.copy()
    first = OrderedDict(Relu1=ClearsNegatives(), Affine1=Affine.random(4, 3, 1, rng=0))
    with pytest.raises(ValueError, match="^backprop: expected x to be left as given, got a write"):
        check_gradient(Network(first, SoftmaxWithLoss()), x, t)
    with pytest.raises(ValueError, match="^backprop: expected t to be left as given, got a write"):
        check_gradient(Network(OrderedDict(a=first["Affine1"]), SpoilsLabels()), x, t)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(t, before[1])


class LearnsTooSoon(Affine):
    """Its backward makes the update, and dx with the new W."""

    def backward(self, dout):
        super().backward(dout, need_dx=False)
        self.W -= 0.1 * self.dW
        return dout @ self.W.T


def test_a_layer_that_writes_into_its_parameters_is_refused_and_they_are_put_right():
    network, x, t = network_and_batch(0)
    layer = LearnsTooSoon(network.params["W1"].copy(), network.params["b1"].copy())
    with pytest.raises(ValueError, match="^LearnsTooSoon: expected W to be left as given"):
        check_layer(layer, x)
    np.testing.assert_array_equal(layer.W, network.params["W1"])
    network.layers["Affine1"], before = layer, network.params.copy()
    with pytest.raises(ValueError, match="^backprop: expected W1 to be left as given"):
        check_gradient(network, x, t)
    for key, param in network.params.items():
        np.testing.assert_array_equal(param, before[key])


def test_a_layer_that_spoils_the_cache_of_the_one_before_is_blamed():
    """Sigmoid1 keeps its out for backward, and the next layer writes into that array."""
    network, x, t = network_and_batch(0)

    class Centring(Affine):
        def forward(self, x):
            x -= 0.5
            return super().forward(x)

    plant(lambda right: Centring, network, "Affine3")
    report = check_gradient(network, x, t)
    assert report.failed == UP_TO_2.split() and report.suspects == ["Affine3"]
    assert "Checked alone, Affine3 fails: Centring: expected x to be left" in str(report)


def test_an_error_in_a_layer_alone_blames_none_above_it():
    """Its output is then unknown, and the layer above would get an input of another width."""

    class Centring(Affine):
        def forward(self, x):
            x -= 0.5
            return super().forward(x)

    network = MultiLayerNet(6, [5, 4], 3, activation="sigmoid", rng=0)
    plant(lambda right: Centring, network, "Affine2")
    x = np.random.default_rng(0).standard_normal((3, 6))
    assert check_gradient(network, x, [0, 1, 2]).suspects == ["Affine2"]


class Writes:
    """Says nothing of what it learns, or writes into all of it."""

    def __init__(self, dtype=np.float64):
        self.W, self.b = np.ones(2, dtype), np.ones(2, dtype)

    def forward(self, x):
        return x * self.W + self.b

    def backward(self, dout):
        self.W += 1
        self.b += 1
        self.dW = self.db = dout.sum(axis=0)
        return dout


def test_two_parameters_are_spoken_of_as_two():
    layer, x = Writes(), np.ones((3, 2))
    words = r'the layer keeps W and dW, got none; write param_names = \("W", "b",\) in the class'
    with pytest.raises(TypeError, match=words):
        check_layer(layer, x)
    layer.param_names = ("W", "b")
    with pytest.raises(ValueError, match="expected W and b to be left .* got a write into them;"):
        check_layer(layer, x)


def test_a_float32_parameter_is_refused_by_its_name():
    layer = Writes(np.float32)
    layer.param_names = ("W", "b")
    with pytest.raises(TypeError, match=r"expected Writes's W as .*pass np.array\(W, dtype"):
        check_layer(layer, np.ones((3, 2)))


def test_the_options_of_a_check_are_given_by_name():
    network, x, t = network_and_batch(0)
    with pytest.raises(TypeError):
        check_gradient(network, x, t, 5)
    with pytest.raises(TypeError):
        check_layer(network.layers["Affine1"], x, 5)
    assert check_gradient(network=network, x=x, t=t, samples=5)["W1"].checked == 5


def test_a_layer_that_draws_random_numbers_is_refused():
    class Dropout:
        def forward(self, x):
            self.mask = np.random.random(x.shape) > 0.5
            return x * self.mask

        def backward(self, dout):
            return dout * self.mask

    network = TwoLayerNet(4, 30, 3, 1.0, rng=0)
    network.layers["Relu1"] = Dropout()
    x = np.random.default_rng(0).random((3, 4))
    for check in (lambda: check_layer(Dropout(), x), lambda: check_gradient(network, x, [0, 1, 2])):
        with pytest.raises(ValueError, match="same outputs.*hold them fixed"):
            check()


@pytest.mark.parametrize("by", [-1, 1])
def test_a_layer_whose_numbers_drift_is_refused_whichever_way_they_go(by):
    class Drifting:
        scale = 100

        def forward(self, x):
            self.scale += by
            return self.scale * x

        def backward(self, dout):
            return self.scale * dout

    with pytest.raises(ValueError, match="same outputs"):
        check_layer(Drifting(), np.ones(3))


@pytest.mark.parametrize("form", ["one-hot", "probabilities"])
@pytest.mark.parametrize("kept", ["t", "y"])
def test_a_stale_cache_shows_for_rows_too(form, kept):
    network, x, t = network_and_batch(1)
    rows = np.eye(4)[t] if form == "one-hot" else np.random.default_rng(0).dirichlet(np.ones(4), N)
    plant(stale(kept, behind=False), network, "lastLayer")
    report = check_gradient(network, x, rows)
    assert report.failed == ALL.split() and report.suspects == ["lastLayer"]


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("label", [0, 1, [0.0, 1.0]])
def test_a_stale_t_shows_with_two_classes_and_one_label(label, behind):
    network = TwoLayerNet(2, 3, 2, 1.0, rng=0)
    plant(stale("t", behind), network, "lastLayer")
    x = np.random.default_rng(0).standard_normal((3, 2))
    assert check_gradient(network, x, np.array([label] * 3)).suspects == ["lastLayer"]


# check_layer, one layer at a time


def test_right_layers_pass_and_name_their_input_x():
    x = np.random.default_rng(0).standard_normal((4, 5))
    before = x.copy()
    for layer, names in [
        (Affine.random(5, 3, 1, rng=0), ["W", "b", "x"]),
        (Relu(), ["x"]),
        (Sigmoid(), ["x"]),
    ]:
        for samples in (None, 3):
            report = check_layer(layer, x, samples=samples)
            assert report.ok and list(report) == names and report.suspects == []
            assert report["x"].checked == (samples or 20) and report["x"].shape == (4, 5)
    np.testing.assert_array_equal(x, before)
    assert check_layer(Sigmoid(), np.ones((2, 3, 4))).ok and check_layer(Relu(), [1.0, -1.0]).ok


# Bugs in one layer, among them such as a dout of ones would hide: softmax(x) sums to 1
# whatever x is, so that its dx for a dout of ones is 0, right or wrong.


class Softmax:
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


LAYER_BUGS = [
    ("Affine", dW(lambda L, dout, _: L.dW / N), "W"),
    ("Affine", dW(lambda L, dout, _: L.x.T @ np.sign(dout)), "W"),
    ("Affine", dW(lambda L, *_: L.dW[::-1]), "W"),
    ("Affine", db(lambda L, dout, _: dout.mean(axis=0)), "b"),
    ("Affine", dx(lambda L, dout, _: dout @ L.W), "x"),
    ("Affine", dx(lambda L, _, dx: 1.001 * dx), "x"),
    ("Affine", stale("x", behind=False), "W"),
    ("Affine", stale("x", behind=True), "W"),
    ("Affine", keeps_x_in_half, "W"),
    ("Affine", ignores_dout, "W b x"),
    ("Relu", dx(lambda L, dout, _: dout), "x"),
    ("Relu", dx(lambda L, dout, _: dout * ~L.mask), "x"),
    ("Relu", dx(lambda L, dout, _: dout * (dout > 0)), "x"),
    ("Relu", ignores_dout, "x"),
    ("Relu", stale("mask", behind=False), "x"),
    ("Relu", stale("mask", behind=True), "x"),
    ("Sigmoid", dx(lambda L, dout, _: dout * L.out), "x"),
    ("Sigmoid", dx(lambda L, dout, _: dout * (1 - L.out)), "x"),
    ("Sigmoid", dx(lambda L, dout, _: dout * (1 - L.out**2)), "x"),
    ("Sigmoid", ignores_dout, "x"),
    ("Sigmoid", stale("out", behind=False), "x"),
    ("Sigmoid", stale("out", behind=True), "x"),
    ("Softmax", dx(lambda L, dout, _: dout * L.out * (1 - L.out)), "x"),  # off the diagonal: none
    ("Softmax", dx(lambda L, dout, _: dout * L.out), "x"),
    ("Softmax", dx(lambda L, dout, _: -L.out * L.right_sum(dout)), "x"),
    ("Softmax", ignores_dout, "x"),
    ("Softmax", stale("out", behind=True), "x"),
]


@FULL_AND_SAMPLED
@pytest.mark.parametrize("kind, bug, failed", LAYER_BUGS)
def test_check_layer_finds_planted_bugs(kind, bug, failed, samples):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        right = {"Relu": Relu, "Sigmoid": Sigmoid, "Softmax": Softmax}.get(kind, Affine)
        layer = Affine.random(6, 6, "he", rng=rng) if kind == "Affine" else right()
        x = rng.standard_normal((N, 6))
        assert check_layer(layer, x, samples=samples, rng=seed).ok
        layer.__class__ = bug(right)
        report = check_layer(layer, x, samples=samples, rng=seed)
        assert report.failed == failed.split(), report
        assert report.suspects == [type(layer).__name__]
        assert str(report).count("DISAGREES") == 1


@pytest.mark.parametrize("D, M", [(3, 6), (6, 3)])
def test_a_transpose_is_told_by_its_shape(D, M):
    layer = dW(lambda L, *_: L.dW.T)(Affine).random(D, M, 1, rng=0)
    words = rf"dW of shape \({D}, {M}\), got \({M}, {D}\), the transpose$"
    with pytest.raises(ValueError, match=words):
        check_layer(layer, np.ones((2, D)))


@pytest.mark.parametrize("N", [2, 7])
def test_another_shape_is_not_called_a_transpose(N):
    layer = db(lambda L, dout, _: dout)(Affine).random(6, 3, 1, rng=0)
    with pytest.raises(ValueError, match=rf"db of shape \(3,\), got \({N}, 3\)$"):
        check_layer(layer, np.ones((N, 6)))


def test_a_missing_dx_is_no_return():
    layer = dx(lambda *_: None)(Affine).random(6, 3, 1, rng=0)
    with pytest.raises(ValueError, match=r"dx of shape \(2, 6\), got nothing; no return\?$"):
        check_layer(layer, np.ones((2, 6)))


def test_the_other_data_that_show_a_stale_cache_are_such_as_a_layer_can_take():
    """As x is, they are above 0 and not above its largest number."""

    class Particular:
        def forward(self, x):
            assert 0 < x.min() and x.max() < 0.951
            return 3 * x

        def backward(self, dout):
            return 3 * dout

    assert check_layer(Particular(), np.linspace(0.01, 0.95, 9)).ok


def test_a_bug_by_a_batch_size_is_named_for_a_layer_too():
    layer = Affine.random(6, 3, 1, rng=0)
    layer.__class__ = dW(lambda L, *_: L.dW / 7)(Affine)
    report = check_layer(layer, np.random.default_rng(0).standard_normal((7, 6)))
    assert "W: every gradient is 1/7 of what it should be, 7 the batch size" in report.causes[0]


def test_half_is_half_for_a_layer_too():
    layer = Affine.random(6, 3, 1, rng=0)
    layer.__class__ = dW(lambda L, *_: L.dW / 2)(Affine)
    report = check_layer(layer, np.random.default_rng(0).standard_normal((7, 6)))
    assert report.causes == ["W: every gradient is half of what it should be."]


# Likely causes: nothing is said of what only looks alike


@pytest.mark.parametrize("M, words", [(1, []), (2, ["b: every gradient is 2 times what it sho"])])
def test_one_number_alone_has_no_likeness(M, words):
    layer = Affine.random(6, M, 1, rng=0)
    layer.__class__ = db(lambda L, *_: 2 * L.db)(Affine)
    report = check_layer(layer, np.random.default_rng(0).standard_normal((7, 6)))
    assert report.failed == ["b"] and [cause[:40] for cause in report.causes] == words


@pytest.mark.parametrize(
    "bug",
    [
        dW(lambda L, *_: plus(L.dW, (2, 1))),  # 1 of 36 is off: the others say nothing
        db(lambda L, *_: plus(L.db, 4)),
        dW(lambda L, *_: L.dW * np.linspace(0.5, 2, 36).reshape(6, 6)),
        db(lambda L, *_: L.db * np.linspace(0.5, 2, 20)[: len(L.db)]),
    ],
    ids=["one of dW", "one of db", "all of dW", "all of db"],
)
def test_what_has_no_likeness_is_not_given_one(bug):
    rng = np.random.default_rng(0)
    layer = Affine(rng.standard_normal((6, 6)), rng.standard_normal(6))
    if "db" in bug.__qualname__:
        layer = Affine(rng.standard_normal((6, 20)), rng.standard_normal(20))
    layer.__class__ = bug(Affine)
    report = check_layer(layer, rng.standard_normal((7, 6)))
    assert len(report.failed) == 1 and report.causes == []


@pytest.mark.parametrize(
    "factor, words",
    [
        (-1, "the negative of what it should be: a wrong sign?"),
        (2, "2 times what it should be: is something added twice?"),
        (7, "7 times what it should be, the batch size: is a division by N missing?"),
        (3, "3 times what it should be."),
    ],
)
def test_a_factor_is_told_with_what_usually_makes_it(factor, words):
    class Times(Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.dW, self.db = factor * self.dW, factor * self.db
            return dx

    report = check_layer(
        Times.random(3, 6, 1, rng=0), np.random.default_rng(0).standard_normal((7, 3))
    )
    assert report.causes == [f"W, b: every gradient is {words}"]


class Slopes:
    """out = slopes x; backprop says factors times the slopes, which is right where they are 1."""

    def __init__(self, slopes, factors):
        self.slopes, self.factors = slopes, factors

    def forward(self, x):
        return self.slopes * x

    def backward(self, dout):
        return self.factors * self.slopes * dout


class Counted(Slopes):
    offset, calls = 0, 0

    def forward(self, x):
        self.calls += 1
        return self.offset + super().forward(x)


def test_a_factor_is_read_off_the_large_slopes():
    """The small ones, of which rounding may leave little, are many here and not doubled."""
    layer = Slopes(np.array([1e5] * 2 + [0.01] * 5), np.array([2] * 2 + [1] * 5))
    [cause] = check_layer(layer, np.linspace(0.1, 0.7, 7)).causes
    assert cause == "x: every gradient is 2 times what it should be: is something added twice?"


@pytest.mark.parametrize("size, likeness", [(10, False), (11, True)])
def test_a_likeness_is_that_of_more_than_nine_in_ten(size, likeness):
    layer = Slopes(np.ones(size), np.array([1] + [2] * (size - 1)))
    report = check_layer(layer, np.linspace(0.1, 0.7, size))
    assert report.failed == ["x"] and bool(report.causes) == likeness


def test_small_gradients_are_not_taken_for_alike():
    layer = Slopes(np.full(20, 0.01), np.linspace(0.5, 2, 20))
    report = check_layer(layer, np.linspace(0.1, 0.7, 20))
    assert report.failed == ["x"] and report.causes == []


@pytest.mark.parametrize("shape", [(1, 20), (20, 1)])
def test_a_single_row_or_column_has_no_transpose(shape):
    layer = Affine.random(*shape, 1, rng=0)
    layer.__class__ = dW(lambda L, *_: plus(L.dW, (0, 0)))(Affine)
    x = np.random.default_rng(0).standard_normal((7, shape[0]))
    assert check_layer(layer, x).causes == []
    layer.__class__ = dW(lambda L, *_: L.dW + np.linspace(0.1, 1, 20).reshape(shape))(Affine)
    assert check_layer(layer, x).causes == []


def test_a_slight_error_in_a_row_of_numbers_is_not_called_a_transpose():
    report = check_layer(Slopes(np.ones(6), np.full(6, 1 + 5e-6)), np.linspace(0.1, 0.7, 6))
    assert report.failed == ["x"] and report.causes == []


# A reader's own layers


class LeakyRelu:
    param_names = ("a",)

    def __init__(self, a=0.1):
        self.a = np.array(a)

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.a * x)

    def backward(self, dout):
        self.da = float(np.sum(dout * np.where(self.x > 0, 0, self.x)))
        return dout * np.where(self.x > 0, 1, self.a)


def test_a_readers_own_layer_is_checked_in_and_outside_a_network():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 5))
    report = check_layer(LeakyRelu(), x)
    assert report.ok and list(report) == ["a", "x"] and report["a"].shape == ()
    assert "one number" in str(report)

    network = TwoLayerNet(5, 8, 3, 1.0, rng=1)
    network.layers["Relu1"] = LeakyRelu()
    report = check_gradient(network, x, [0, 1, 2])
    assert report.ok and list(report) == ["W1", "b1", "a2", "W3", "b3"]
    assert report["a2"].numerical == pytest.approx(network.gradient(x, [0, 1, 2])["a2"], rel=1e-6)

    class Wrong(LeakyRelu):
        def backward(self, dout):
            dx = super().backward(dout)
            self.da = -self.da
            return dx

    network.layers["Relu1"] = Wrong()
    report = check_gradient(network, x, [0, 1, 2])
    assert report.failed == ["a2"] and report.suspects == ["Relu1"]
    assert (
        "worst at []" in str(report)
        and report.causes[-1] == "Checked alone, Relu1 fails: wrong da."
    )


# Kinks


class Bent:
    """out = |x - at|, with its kink where we want it; backprop says the slope to the left there."""

    def __init__(self, at, factor=1.0):
        self.at, self.factor = at, factor

    def forward(self, x):
        self.sign = np.where(x > self.at, 1.0, -1.0)
        return np.abs(x - self.at)

    def backward(self, dout):
        return self.factor * dout * self.sign


@pytest.mark.parametrize(
    "distance, kinks",
    [(0, 1), (1e-12, 1), (1e-8, 1), (1e-5, 1), (5e-5, 1), (9.9e-5, 1), (1.1e-4, 0), (0.1, 0)],
)
@pytest.mark.parametrize("side", [-1, 1])
def test_a_kink_is_counted_and_left_out(distance, kinks, side):
    x = np.array([0.3, 1.0, 2.0])
    layer = Bent(at=x[1] + side * distance)
    report = check_layer(layer, x)
    assert report.ok and report["x"].kinks == kinks and report["x"].checked == 3
    assert report["x"].mean_abs_diff < 1e-10 and report["x"].max_rel_error < 1e-8
    assert ("Left out: 1 entry " in str(report)) == bool(kinks)


@pytest.mark.parametrize("at", [1.0, 1.00002, 0.99999, 7.0])
@pytest.mark.parametrize("factor", [1.001, -1, 2, 0])
def test_a_bug_is_found_beside_kinks(at, factor):
    """Entry 1 lies at a kink, or not; the others tell."""
    report = check_layer(Bent(at, factor), np.array([0.3, 1.0, 2.0]))
    assert report.failed == ["x"] and report["x"].worst_index in [(0,), (1,), (2,)]
    right = report["x"].numerical * factor
    assert report["x"].backprop == pytest.approx(right, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("at", [1.00002, 0.99999])
def test_the_slope_reported_of_a_bug_is_that_of_its_own_side_of_the_kink(at):
    report = check_layer(Bent(at, 2), np.array([1.0]))
    assert report.failed == ["x"]
    assert report["x"].backprop == pytest.approx(2 * report["x"].numerical, rel=1e-6)


def test_a_kink_is_left_out_though_the_difference_is_furthest_off_there():
    """Four entries are off by a thousandth; the fifth is right, and half a step from a kink."""
    layer = Bent(at=1.00005, factor=np.array([1.001] * 4 + [1]))
    check = check_layer(layer, np.array([2.0, 3.0, 4.0, 5.0, 1.0]))["x"]
    assert not check.ok and check.kinks == 1 and check.worst_index != (4,)


def test_the_worst_entry_is_one_that_proves_a_bug():
    """f = |x0 - 1| + 2 |x1 - 1|, within a step of both kinks; backprop says 2 and 2 for 1 and 2.

    By a step of 1e-4 the differences are 0.5 and 0.8. So the first seems off by 1.5, the second by
    1.2; but the second is a kink, and the first is off by 1.
    """
    x = np.array([1 + 5e-5, 1 + 4e-5])
    judge = Judge(
        lambda: abs(x[0] - 1) + 2 * abs(x[1] - 1), lambda: {"x": np.full(2, 2.0)}, None, 1e-6, None
    )
    check = judge.report({"x": x}, 1)["x"]
    assert not check.ok and check.worst_index == (0,)
    assert check.backprop == 2 and check.numerical == pytest.approx(1)


@pytest.mark.parametrize(
    "slope, factor",
    [(1e8, 1.001), (1, 1 + 2e-8), (1, 1 + 1.6e-9)],
    ids=["large", "slight", "by a hair"],
)
def test_a_bug_is_not_lost_in_the_rounding_of_the_smallest_steps(slope, factor):
    """By a step of 1e-9 a slope of 1 is off by some 1e-7, and one of 1e8 by 10."""
    layer = Slopes(np.full(1, slope), factor)
    for value in np.linspace(0.8, 1.2, 10):
        check = check_layer(layer, np.array([value]), tolerance=1e-9)["x"]
        assert not check.ok and check.kinks == 0


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1e9, -1e9])
def test_a_gross_error_is_found_before_the_step_is_lost_in_x(value):
    """Rounding would let the steps go on to 1e-23, which neither 1 nor 1e9 would feel."""
    check = check_layer(Slopes(np.ones(1), np.full(1, 1e9)), np.array([value]))["x"]
    assert not check.ok and check.backprop == pytest.approx(1e9 * check.numerical, rel=1e-2)


def test_a_bug_in_a_thousand_entries_is_looked_at_closely_in_few():
    layer = Counted(np.ones(1000), 2)
    assert check_layer(layer, np.linspace(1, 2, 1000)).failed == ["x"]
    assert layer.calls < 2 * 1000 + 500


def test_many_kinks_on_both_sides_are_no_bug():
    """f = a sum of |x - place| at places as close as 1e-9 and as far as 1e-3."""
    rng = np.random.default_rng(0)
    places = rng.choice([-1, 1], 40) * 10.0 ** rng.uniform(-9, -3, 40)
    weights = rng.standard_normal(40)

    class Crumpled:
        def forward(self, x):
            self.x = x
            return (weights * np.abs(x[..., np.newaxis] - places)).sum(axis=-1)

        def backward(self, dout):
            return dout * (weights * np.sign(self.x[..., np.newaxis] - places)).sum(axis=-1)

    x = np.concatenate([[0.0], places + 1e-7, rng.uniform(-1e-4, 1e-4, 100)])
    report = check_layer(Crumpled(), x)
    assert report.ok, report
    assert report["x"].kinks > 100
    assert check_layer(Crumpled(), x, samples=30).ok


@pytest.mark.parametrize("slope", [1, 100])
def test_kinks_that_cancel_each_other_are_no_bug(slope):
    """relu(x) - relu(-x) = x has the slope 1 on both sides of 0, but backprop says 0 there."""

    class Cancelling:
        factor = slope

        def forward(self, x):
            self.x = x
            return slope * (np.maximum(x, 0) - np.maximum(-x, 0))

        def backward(self, dout):
            return self.factor * dout * ((self.x > 0) * 1.0 + (self.x < 0) * 1.0)

    report = check_layer(Cancelling(), np.array([0.0, 1.0, 1e-12, -2.0]))
    assert report.ok and report["x"].kinks == 1
    Cancelling.factor = 1.001 * slope
    report = check_layer(Cancelling(), np.array([0.0, 1.0, 1e-12, -2.0]))
    assert report.failed == ["x"]


@pytest.mark.parametrize("side", [-1, 1])
def test_a_backprop_that_is_right_on_one_side_only_is_a_bug(side):
    """out = x has the slope 1; backprop says -1 on one side of 0, and 0 at 0 itself."""

    class OneSided:
        def forward(self, x):
            self.x = x
            return 1.0 * x

        def backward(self, dout):
            return dout * np.sign(side * self.x)

    assert check_layer(OneSided(), np.array([0.0])).failed == ["x"]


@pytest.mark.parametrize("side", [-1, 1])
def test_a_slope_forgotten_at_0_itself_is_a_bug_whatever_rounding_does(side):
    """out = x + 1 has the slope 1; a mask makes it 0 at 0, where the other entries don't tell."""

    class Masked:
        def forward(self, x):
            self.x = x
            return x + 1

        def backward(self, dout):
            return dout * (side * self.x > 0)

    for seed in range(10):
        report = check_layer(Masked(), side * np.array([0.0, 0.3, 0.4]), rng=seed)
        assert report.failed == ["x"] and report["x"].worst_index == (0,)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_a_backward_that_is_wrong_only_once_is_found(factor):
    """The second is the one that counts; what it says afterwards can't make it a kink."""

    class Once(Slopes):
        calls = 0

        def backward(self, dout):
            self.calls += 1
            self.factors = factor if self.calls == 2 else 1
            return super().backward(dout)

    report = check_layer(Once(np.ones(3), 1), np.ones(3))
    assert report.failed == ["x"] and report["x"].kinks == 0


def test_gradients_kept_in_one_array_for_ever_are_read_in_time():
    """A layer may write its dW anew into the same array at each backward."""

    class InPlace(Affine):
        def backward(self, dout):
            kept, dx = self.dW, super().backward(dout)
            if kept is not None:
                kept[...] = self.dW
                self.dW = kept
            return dx

    layer = InPlace(np.random.default_rng(0).standard_normal((4, 3)), np.zeros(3))
    x = np.random.default_rng(1).standard_normal((5, 4))
    assert check_layer(layer, x).ok
    layer.__class__ = dW(lambda L, *_: 2 * L.dW)(InPlace)
    assert check_layer(layer, x).failed == ["W"]


def test_curvature_is_neither_kink_nor_bug_and_hides_none():
    """The central difference of sin(300 x) is off by (300 h)^2 / 6 of itself, far above 1e-6."""

    class Wave:
        def forward(self, x):
            self.x = x
            return np.sin(300 * x)

        def backward(self, dout):
            return 300 * dout * np.cos(300 * self.x)

    report = check_layer(Wave(), np.random.default_rng(0).standard_normal((5, 6)))
    assert report.ok and report["x"].kinks == 0 and report["x"].max_rel_error < 1e-6

    class Wrong(Wave):  # by less than the curvature spoils the difference, which is 1.5e-4
        def backward(self, dout):
            return (1 + 1e-4) * super().backward(dout)

    report = check_layer(Wrong(), np.random.default_rng(0).standard_normal((5, 6)))
    assert report.failed == ["x"] and report["x"].kinks == 0


@pytest.mark.parametrize("off_by, kinks", [(6e-6, 0), (1.5e-5, 0), (3e-5, 0)])
def test_curvature_is_no_kink_even_if_the_first_smaller_step_tells(off_by, kinks):
    """At x = 0 the difference of sin(k x) is off by (k h)^2 / 6 of itself."""
    k = np.sqrt(6 * off_by) / 1e-4

    class Wave:
        def forward(self, x):
            self.x = x
            return np.sin(k * x)

        def backward(self, dout):
            return k * dout * np.cos(k * self.x)

    check = check_layer(Wave(), np.array([0.0]))["x"]
    assert check.ok and check.kinks == kinks


def test_a_relu_at_exactly_zero_is_a_kink_in_a_network():
    """A sample of zeros with b1 = 0 lies at the kink of every unit: b1 is all kinks, no bug."""
    network = TwoLayerNet(4, 6, 3, 1.0, rng=0)
    x = np.vstack([np.zeros(4), np.random.default_rng(0).standard_normal((2, 4))])
    report = check_gradient(network, x, [0, 1, 2])
    assert report.ok and report["b1"].kinks == 6 and report["W1"].kinks == 0
    assert report["W2"].kinks == report["b2"].kinks == 0
    assert "Left out: 6 entries where backprop jumps" in str(report)
    assert np.isnan(report["b1"].mean_abs_diff) and report["b1"].worst_index is None
    # and a bug at the same time is found where there is no kink
    plant(dx(lambda L, _, dx: 1.001 * dx), network, "Relu1")
    for samples in (None, 5):
        report = check_gradient(network, x, [0, 1, 2], samples=samples)
        assert "W1" in report.failed and report.suspects == ["Relu1"]


@pytest.mark.parametrize("size, counts", [(1e-3, 1), (1, 1), (1.9, 1.9), (1e6, 1e6)])
def test_the_rounding_allowed_for_is_as_it_is_said_to_be(size, counts):
    """f(x) = x has the difference 1 exactly, since the step is taken as x rounds it."""
    units = 2**-52 * counts / 1e-4
    for error, agrees in [(119.5 * units, True), (120.5 * units, False)]:
        x, a = np.array([0.5]), np.array([1 + 1e-9 + error])
        judge = Judge(lambda x=x: x.item(0), lambda a=a: {"x": a}, None, 1e-9, None)
        assert judge.report({"x": x}, size).ok == agrees


def test_the_numbers_that_a_layer_adds_up_count_as_they_are():
    """Ten numbers of 1e5, weighted by dout: their sum is what may be rounded."""

    class Plus(Slopes):
        def backward(self, dout):
            self.dout = dout
            return dout + self.factors

    x, layer = np.full(10, 1e5), Plus(np.ones(10), 0)
    assert check_layer(layer, x, tolerance=1e-9, rng=0).ok
    units = 2**-52 * np.abs(x * layer.dout).sum() / 1e-4
    for share, agrees in [(0.95, True), (1.05, False)]:
        layer.factors = share * 120 * units + 1e-9 * np.abs(layer.dout)
        assert check_layer(layer, x, tolerance=1e-9, rng=0).ok == agrees


def test_a_thousand_entries_are_halved_ten_times():
    counted = []

    def f():
        counted.append(None)
        return x.sum()

    x, a = np.zeros(1024), plus(np.ones(1024), 300, 1.0)
    judge = Judge(f, lambda: {"x": a}, 1, 1e-6, np.random.default_rng(0))
    judge.report({"x": x}, 1)
    counted.clear()
    assert judge.bisect(x, a) == [300]
    assert len(counted) == 2 * (1 + 2 * 10)  # f above and below, for all and for two halves each


# No false alarm


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


def assert_no_false_alarm(seed):
    network, x, t = random_network(np.random.default_rng(seed))
    before = x.copy(), {key: param.copy() for key, param in network.params.items()}
    for samples in (None, 4):
        report = check_gradient(network, x, t, samples=samples, rng=seed)
        assert report.ok, f"{network}\n{report}"
    np.testing.assert_array_equal(x, before[0])
    for key, param in network.params.items():
        np.testing.assert_array_equal(param, before[1][key])


@pytest.mark.parametrize("ten", range(10))
def test_a_right_network_raises_no_alarm(ten):
    for seed in range(10 * ten, 10 * ten + 10):
        assert_no_false_alarm(seed)


@pytest.mark.campaign
@pytest.mark.parametrize("hundred", range(10))
def test_a_thousand_right_networks_raise_no_alarm(hundred):
    for seed in range(1000 + 100 * hundred, 1100 + 100 * hundred):
        assert_no_false_alarm(seed)


def test_tiny_weights_raise_no_alarm():
    """Scores are about 1e-8, slopes of W1 about 1e-9; the loss and its rounding are not small."""
    network = MultiLayerNet(4, [3], 2, "sigmoid", 1e-8, rng=0)
    report = check_gradient(network, np.random.default_rng(0).random((3, 4)), [0, 1, 0])
    assert report.ok and [check.kinks for check in report.values()] == [0] * 4


@pytest.mark.parametrize("seed", [262, 975, 1145])
def test_many_kinks_within_a_step_raise_no_alarm(seed):
    """Scores are about 1e-7, so a step of 1e-4 in b1 crosses nearly every kink there is."""
    rng = np.random.default_rng(seed)
    layers = OrderedDict(Affine1=Affine.random(3, 5, 0.01, rng=rng))
    layers["Affine2"] = Affine.random(5, 5, 0.01, rng=rng)
    layers["Leaky"] = LeakyRelu()
    layers["Leaky"].param_names = ()
    layers["Affine3"] = Affine.random(5, 2, 0.01, rng=rng)
    x = 1e-3 * rng.uniform(-1, 1, (3, 3))
    assert check_gradient(Network(layers, SoftmaxWithLoss()), x, [0, 1, 0]).ok


def test_numbers_that_cancel_on_their_way_out_raise_no_alarm():
    """1 + 1e-8 x - 1 rounds as 1 does, not as 1e-8 does."""

    class Cancelling:
        def forward(self, x):
            return (1 + 1e-8 * x) - 1

        def backward(self, dout):
            return 1e-8 * dout

    report = check_layer(Cancelling(), np.linspace(-1, 1, 20))
    assert report.ok and report["x"].kinks == 0


def test_what_rounding_can_do_is_no_relative_error():
    class Constant:
        def forward(self, x):
            return 0 * x

        def backward(self, dout):
            return 1e-10 * np.sign(dout)

    report = check_layer(Constant(), np.ones(3), tolerance=1e-9)
    assert report.ok and report["x"].unclear and report["x"].max_rel_error < 1e-9
    assert report["x"].mean_abs_diff == pytest.approx(1e-10)


@pytest.mark.parametrize("b", [0, 1e4, 1e6])
def test_rounding_of_large_numbers_inside_a_network_is_no_bug(b):
    layers = OrderedDict(Affine1=Affine.random(4, 6, "he", rng=0), Norm=Standardised())
    layers["Norm"].right = 1
    layers["Affine1"].b += b
    layers["Affine2"] = Affine.random(6, 3, "he", rng=1)
    x = np.random.default_rng(2).standard_normal((5, 4))
    assert check_gradient(Network(layers, SoftmaxWithLoss()), x, [0, 1, 2, 1, 0]).ok


class Hinge:
    """The mean of max(0, 1 - t x), for scores (N,) and labels of -1 and 1, and no others."""

    def forward(self, x, t):
        if not (np.abs(t) == 1).all():
            raise ValueError("expected labels of -1 and 1")
        self.x, self.t = x, t
        return np.maximum(0, 1 - t * x[:, 0]).mean()

    def backward(self, dout=1):
        return (dout * np.where(self.t * self.x[:, 0] < 1, -self.t, 0) / len(self.t))[:, np.newaxis]


def test_a_last_layer_may_refuse_other_labels():
    network = Network(OrderedDict(Affine1=Affine.random(4, 1, 0.1, rng=0)), Hinge())
    x, t = np.random.default_rng(0).standard_normal((5, 4)), np.array([1, -1, 1, 1, -1])
    assert check_gradient(network, x, t).ok
    network.lastLayer.__class__ = dx(lambda L, _, dx: 2 * dx)(Hinge)
    assert check_gradient(network, x, t).suspects == ["lastLayer"]


def test_a_layer_that_cant_be_checked_alone_hides_no_other():
    """Log takes what Softmax gives it, and nothing else."""

    class Log:
        def forward(self, x):
            assert np.allclose(x.sum(axis=1), 1)
            self.x = x
            return np.log(x)

        def backward(self, dout):
            return dout / self.x

    rng = np.random.default_rng(0)
    layers = OrderedDict(Affine1=Affine.random(4, 3, 1, rng=rng), Softmax=Softmax(), Log=Log())
    layers["Affine2"] = dW(lambda L, *_: 2 * L.dW)(Affine).random(3, 2, 1, rng=rng)
    report = check_gradient(Network(layers, SoftmaxWithLoss()), rng.random((5, 4)), [0, 1, 0, 1, 1])
    assert report.failed == ["W2"] and report.suspects == ["Log", "Affine2"]
    assert report.causes[-1] == "Checked alone, Affine2 fails: wrong dW."


def test_a_layer_is_looked_at_alone_in_fifty_places():
    """In a network whose fault lies elsewhere, and no place twice."""
    x, moved = np.random.default_rng(0).uniform(1, 2, (3, 40)), []

    class Watched(Relu):
        def forward(self, given):
            change = (given - x).ravel()
            if np.count_nonzero(change) == 1 and np.isclose(np.abs(change).max(), 1e-4):
                moved.append(change.nonzero()[0].item())
            return super().forward(given)

    network = Network(OrderedDict(Relu1=Watched()), SoftmaxWithLoss())
    network.layers["Affine1"] = dW(lambda L, *_: 2 * L.dW)(Affine).random(40, 3, 0.1, rng=0)
    assert check_gradient(network, x, [0, 1, 2]).suspects == ["Affine1"]
    assert len(set(moved)) == 50 and len(moved) == 2 * 50


# Sampling


def deep_network():
    return MultiLayerNet(784, [100] * 19, 10, rng=0)


def images(N=3):
    """Stand-ins for digits: three pixels in four are dark, some of them in all images."""
    rng = np.random.default_rng(0)
    return rng.random((N, 784)) * (rng.random((N, 784)) < 0.25), np.arange(N)


def test_a_sample_is_k_entries_of_each_parameter_or_all_where_there_are_fewer():
    network, (x, t) = TwoLayerNet(784, 20, 10, rng=0), images()
    report = check_gradient(network, x, t, samples=15)
    assert {key: check.checked for key, check in report.items()} == {
        "W1": 15, "b1": 15, "W2": 15, "b2": 10
    }  # fmt: skip
    network, (x, t) = TwoLayerNet(7, 20, 10, rng=0), (x[:, :7], t)
    report = check_gradient(network, x, t)
    assert [check.checked for check in report.values()] == [140, 20, 200, 10]


@pytest.mark.parametrize("samples", [6, 7, 1000])
def test_a_sample_of_all_there_are_is_all_of_them_in_order(samples):
    check = check_layer(Sigmoid(), np.linspace(-1, 1, 6), samples=samples)["x"]
    assert check.entries.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("samples", [1, 2, 7])
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


def test_half_of_a_sample_lies_where_backprop_is_not_zero():
    """Also when nothing is wrong, and 783 of 784 rows of dW are 0."""
    network, x = TwoLayerNet(784, 20, 10, 0.1, rng=0), np.zeros((2, 784))
    x[:, 400] = 0.9
    for samples, half in [(1, 1), (2, 1), (5, 3), (8, 4)]:
        check = check_gradient(network, x, [3, 4], samples=samples)["W1"]
        assert check.ok and (check.entries // 20 == 400).sum() == half


def test_a_sample_finds_the_one_wrong_entry_among_thousands():
    network, (x, t) = TwoLayerNet(784, 20, 10, 0.1, rng=0), images()
    for seed, entry in enumerate([(0, 0), (783, 19), (300, 7), (555, 12)]):
        network.layers["Affine1"] = Affine.random(784, 20, 0.1, rng=seed)
        plant(dW(lambda L, *_, entry=entry: plus(L.dW, entry, 1e-3)), network, "Affine1")
        report = check_gradient(network, x, t, samples=6, rng=seed)
        assert report.failed == ["W1"] and report["W1"].worst_index == entry


def test_a_sample_finds_the_one_nan_among_thousands():
    network, (x, t) = TwoLayerNet(784, 20, 10, 0.1, rng=0), images()
    plant(dW(lambda L, *_: plus(L.dW, (783, 19), np.nan)), network, "Affine1")
    report = check_gradient(network, x, t, samples=6)
    assert report.failed == ["W1"] and report["W1"].worst_index == (783, 19)
    assert np.isnan(report["W1"].backprop) and report["W1"].kinks == 0


def test_what_is_within_the_tolerance_is_not_searched_for():
    """Each entry is off by 0.3 percent, of a thousand; to halve them down would cost 40 calls."""
    layer = Counted(np.ones(1000), 1.003)
    assert check_layer(layer, np.linspace(1, 2, 1000), samples=3, tolerance=0.01).ok
    assert layer.calls < 20


def test_what_rounding_can_do_is_not_searched_for():
    """10000 + x / 1e6 is rounded to 2e-12, which a nudge of 1e-6 makes 1e-6: the slope itself."""
    layer = Counted(np.full(1000, 1e-6), 1)
    layer.offset = 1e4
    assert check_layer(layer, np.linspace(1, 2, 1000), samples=3).ok
    assert layer.calls < 20


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("entry", [0, 1, 500, 501, 998, 999])
def test_the_smallest_sample_has_room_for_the_one_wrong_entry(entry, samples):
    layer = Slopes(np.ones(1000), plus(np.ones(1000), entry, 1.0))
    check = check_layer(layer, np.linspace(1, 2, 1000), samples=samples)["x"]
    assert not check.ok and check.worst_index == (entry,)


def test_a_sample_finds_two_errors_that_make_up_for_each_other():
    """In half of all random directions they add up; where all entries move alike, never."""
    network, (x, t) = TwoLayerNet(784, 20, 10, 0.1, rng=0), images()
    two = dW(lambda L, *_: plus(plus(L.dW, (300, 7)), (555, 12), -0.01))
    plant(two, network, "Affine1")
    found = [not check_gradient(network, x, t, samples=6, rng=seed).ok for seed in range(8)]
    assert any(found)


@pytest.mark.parametrize("factor", [-1, 1])
def test_the_one_entry_that_counts_is_looked_at_whatever_its_sign(factor):
    class Fifth:
        def forward(self, x):
            return factor * x[5:6]

        def backward(self, dout):
            dx = np.zeros(1000)
            dx[5] = factor * dout[0]
            return dx

    check = check_layer(Fifth(), np.arange(1000.0), samples=1)["x"]
    assert check.ok and check.entries.tolist() == [5]


def test_samples_follow_the_rng_and_the_default_repeats_itself():
    network, (x, t) = TwoLayerNet(784, 20, 10, rng=0), images()

    def figures(rng):
        return str(check_gradient(network, x, t, samples=5, rng=rng))

    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    assert figures(None) == figures(None) and figures(0) == figures(np.random.default_rng(0))
    assert figures(1) != figures(0)
    assert (np.random.get_state()[1] == state).all()


def test_twenty_layers_are_checked_by_a_sample():
    network, (x, t) = deep_network(), images()
    losses, right = [], network.loss
    network.loss = lambda x, t: losses.append(None) or right(x, t)
    report = check_gradient(network, x, t, samples=3)
    assert report.ok and len(report) == 40
    assert len(losses) < 40 * (2 * 3 + 50)  # and not 2 * 260,000
    plant(dx(lambda L, _, dx: 1.001 * dx), network, "Affine4")
    report = check_gradient(network, x, t, samples=3)
    assert report.failed == [f"{name}{i}" for i in range(1, 4) for name in "Wb"]
    assert report.suspects == ["Affine4"]
    assert report.causes[-1] == "Checked alone, Affine4 fails: wrong dx."


@pytest.mark.parametrize("samples", [0, -1, 2.5, "3"])
def test_samples_must_be_a_whole_number(samples):
    with pytest.raises(ValueError, match="samples as a whole number from 1 up, got"):
        check_layer(Relu(), np.ones(3), samples=samples)


@pytest.mark.parametrize("tolerance", [0, 0.99e-9, 1e-10, 1, 1.5, np.inf, -1e-6, np.nan])
def test_tolerance_must_be_one_that_differences_can_tell(tolerance):
    with pytest.raises(ValueError, match="tolerance between 1e-9 and 1, got"):
        check_layer(Relu(), np.ones(3), tolerance=tolerance)


def test_tolerance_draws_the_line():
    layer = Affine.random(6, 3, 1, rng=0)
    layer.__class__ = dW(lambda L, *_: 1.001 * L.dW)(Affine)
    x = np.random.default_rng(0).standard_normal((4, 6))
    assert not check_layer(layer, x, tolerance=0.9e-3).ok
    report = check_layer(layer, x, tolerance=1.1e-3)
    assert report.ok and report["W"].max_rel_error == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize("check", [check_gradient, check_layer])
def test_how_to_check_is_said_by_name(check):
    parameters = inspect.signature(check).parameters.values()
    by_name = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert by_name == {"samples": None, "tolerance": 1e-6, "rng": None}
    assert check_layer(Affine(np.eye(2), np.zeros(2)), np.ones((1, 2)), tolerance=1e-9)["b"].ok


# What is refused


def test_float32_is_refused_with_the_reason():
    network = TwoLayerNet(4, 3, 2, dtype=np.float32, rng=0)
    with pytest.raises(
        TypeError, match="float64 network, got float32, whose rounding.*dtype=np.float64"
    ):
        check_gradient(network, np.ones((2, 4)), [0, 1])
    with pytest.raises(TypeError, match="Affine's W as a float64 array.*got an array of float32"):
        check_layer(Affine.random(4, 3, 1, dtype=np.float32), np.ones((2, 4)))


def test_what_the_network_refuses_is_said_as_the_network_says_it():
    network = TwoLayerNet(4, 3, 2, rng=0)
    with pytest.raises(ValueError, match=r"Affine1: expected x of shape \(N, 4\)"):
        check_gradient(network, np.ones((2, 5)), [0, 1])
    with pytest.raises(ValueError, match="expected class numbers 0 to 1, got 2"):
        check_gradient(network, np.ones((2, 4)), [0, 2])
    with pytest.raises(ValueError, match="empty batch"):
        check_gradient(network, np.ones((0, 4)), np.ones(0, int))


# The report


def broken():
    network = TwoLayerNet(5, 4, 3, 1.0, rng=0)
    plant(dW(lambda L, *_: plus(L.dW, (2, 1), 0.25)), network, "Affine2")
    x = np.random.default_rng(0).standard_normal((3, 5))
    return network, x, np.array([0, 1, 2])


def test_the_report_gives_the_figures_of_each_parameter():
    network, x, t = broken()
    report = check_gradient(network, x, t)
    assert isinstance(report, GradientReport) and not report.ok
    assert report.failed == ["W2"] and report.suspects == ["Affine2"]
    assert list(report) == ["W1", "b1", "W2", "b2"] and "W1" in report and len(report) == 4
    check = report["W2"]
    assert check.worst_index == (2, 1) and (check.checked, check.kinks) == (12, 0)
    assert check.backprop - check.numerical == pytest.approx(0.25)
    assert check.mean_abs_diff == pytest.approx(0.25 / 12, rel=1e-6)
    size = max(abs(check.backprop), abs(check.numerical))
    assert check.max_rel_error == pytest.approx(0.25 / size, rel=0.01)

    def loss(W2):  # the same network, by autograd
        h = anp.maximum(x @ network.params["W1"] + network.params["b1"], 0)
        s = h @ W2 + network.params["b2"]
        return anp.mean(anp.log(anp.sum(anp.exp(s), axis=1)) - s[anp.arange(3), t])

    right = autograd.grad(loss)(network.params["W2"])
    assert check.numerical == pytest.approx(right[2, 1], rel=1e-6)
    assert 0 < report["b2"].mean_abs_diff < 1e-9 and report["b2"].ok
    assert repr(check).startswith(
        "ArrayCheck(4 x 3: FAILED, 12 checked, 0 kinks, mean |diff| 2.08e-02"
    )
    with pytest.raises(KeyError):
        report["W9"]


def test_the_worst_entry_is_that_of_those_that_disagree():
    class Uneven:
        slopes = np.array([1e9, 1.0, 1.0])  # 1e9 + 100 agrees with 1e9 to a relative 1e-7

        def forward(self, x):
            return self.slopes * x

        def backward(self, dout):
            return (self.slopes + [100, 0, self.more]) * dout

    Uneven.more = 0
    check = check_layer(Uneven(), np.array([0.1, 0.2, 0.3]))["x"]
    assert check.ok and check.worst_index == (0,)
    Uneven.more = 9
    check = check_layer(Uneven(), np.array([0.1, 0.2, 0.3]))["x"]
    assert not check.ok and check.worst_index == (2,)
    assert check.backprop == pytest.approx(10 * check.numerical, rel=1e-3)


def test_the_report_is_a_table_to_read():
    report = check_gradient(*broken())
    table, words = str(report).split("\n\n")
    header, *rows = table.splitlines()
    assert header.split("  ")[-1] == "max rel. error"
    assert [row.split()[0] for row in rows] == ["W1", "b1", "W2", "b2"]
    assert [row.split()[-1] for row in rows] == ["ok", "ok", "FAILED", "ok"]
    assert rows[2].startswith("W2  4 x 3  12       0")
    first, verdict, *causes = words.splitlines()
    assert first.startswith("W2: worst at [2, 1], where backprop says ")
    assert verdict == "Backprop DISAGREES with the differences: W2."
    assert causes == [f"- {cause}" for cause in report.causes]
    assert causes[-1] == "- Checked alone, Affine2 fails: wrong dW."
    assert repr(report) == str(report)


def test_what_is_too_small_to_measure_is_not_called_proved():
    """Ten Sigmoids with weights of 0.01: the gradient fades to 1e-20 on its way down."""
    network = MultiLayerNet(4, [4] * 10, 3, "sigmoid", 0.01, rng=0)
    report = check_gradient(network, np.ones((2, 4)), [0, 1])
    assert report.ok and report["W1"].unclear and not report["b11"].unclear
    assert all(0 <= check.max_rel_error < 1e-6 for check in report.values())
    assert "unclear" in str(report)
    assert "Neither proved nor refuted: W1, b1" in str(report)


def test_no_progress_bar_where_nobody_watches(capfd):
    check_gradient(*network_and_batch(0))
    assert capfd.readouterr() == ("", "")


def test_no_progress_bar_flashes_up_in_a_check_that_is_done_at_once(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    check_layer(Relu(), np.ones(3))
    assert terminal.getvalue() == ""


def test_a_progress_bar_shows_after_a_second_and_is_gone_at_the_end(monkeypatch):
    class Slow(Relu):
        def forward(self, x):
            time.sleep(0.05)
            return super().forward(x)

    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    check_layer(Slow(), np.linspace(1, 2, 16))  # 16 differences of 0.1 s each
    *_, last_shown, end = terminal.getvalue().split("\r")
    assert "x:" in terminal.getvalue() and end == "" and last_shown.strip() == ""


def test_what_lies_at_a_kink_altogether_is_not_called_proved():
    """At 0 Relu has no derivative: one that forgets its mask can't be told from a right one."""
    report = check_layer(Relu(), np.zeros((3, 5)))
    assert report.ok and report["x"].kinks == 15
    assert "Neither proved nor refuted: x, where all that was seen is at a kink" in str(report)
    assert str(report).endswith("agrees with the differences wherever they can be trusted.")


def test_a_forward_that_forgets_a_parameter_is_thought_of():
    class Forgetful(Affine):
        def forward(self, x):
            return super().forward(x) - self.b

    report = check_layer(
        Forgetful.random(4, 3, "he", rng=0), np.random.default_rng(0).random((5, 4))
    )
    assert report.failed == ["b"]
    assert "b: every difference is zero; does forward use it at all?" in str(report)


class LargestOfARow:
    """Takes the largest of each row, as a pooling layer does: a kink where two are equal."""

    def forward(self, x):
        self.x = x
        return x.max(axis=1)

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        dx[np.arange(len(dx)), self.x.argmax(axis=1)] = dout
        return dx


@pytest.mark.parametrize("base", [1.0, 1e4, 1e5, 1e6])
def test_a_kink_beside_a_large_number_is_a_kink(base):
    x = base + np.array([[0, 5e-5], [7e-5, 0], [0, 2e-5]])  # each row bends within a step of 1e-4
    report = check_layer(LargestOfARow(), x)
    assert report.ok and report["x"].kinks == 6


class Standardised:
    """Each row less its mean, by its standard deviation."""

    def forward(self, x):
        mean = x.mean(axis=1, keepdims=True)
        self.std = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True))
        self.out = (x - mean) / self.std
        return self.out

    def backward(self, dout):
        along = (dout * self.out).mean(axis=1, keepdims=True)
        return self.right * (dout - dout.mean(axis=1, keepdims=True) - self.out * along) / self.std


@pytest.mark.parametrize("offset", [0, 1e3, 1e6, 1e8])
def test_what_a_subtracted_mean_rounds_away_is_no_bug(offset):
    x, layer = np.random.default_rng(0).standard_normal((4, 5)) + offset, Standardised()
    layer.right = 1
    assert check_layer(layer, x).ok
    layer.right = 2
    assert not check_layer(layer, x).ok


class Crumpled:
    """A sum of weighted |x - p|, all p nearer to each other than a step: dx jumps at each."""

    def __init__(self, p, w):
        self.p, self.w = p, w

    def forward(self, x):
        self.x = x
        return (self.w * np.abs(x[..., np.newaxis] - self.p)).sum(axis=-1)

    def backward(self, dout):
        return dout * (self.w * np.sign(self.x[..., np.newaxis] - self.p)).sum(axis=-1)


def test_a_heap_of_kinks_raises_no_alarm():
    for seed in range(100):
        rng = np.random.default_rng(seed)
        k = rng.integers(1, 40)
        p = rng.choice([-1, 1], k) * 10.0 ** rng.uniform(-9, -3, k)
        x = rng.uniform(-1, 1, (3, 4)) * 10.0 ** rng.uniform(-9, -3)
        report = check_layer(Crumpled(p, rng.standard_normal(k)), x)
        assert report.ok, f"{seed}: {report}"


@pytest.mark.parametrize(
    "x, places, weights",
    [
        (0, [0, -1.07e-10, 2.89e-10], [-0.7, -0.9, -1.2]),
        (0, [0, 3.85e-10, -3.57e-10], [1.4, 1.4, 1.3]),
        (0, [0, 6.43e-10, 3.31e-10, 4.62e-9], [-0.3, -1.8, 1.0, -0.8]),
        (1e7, [0, -4.098e-08, -1.5088e-07], [84.1, 16.2, -16.8]),
        (1e7, [0, -2.794e-08, -1.863e-09], [-4.2, -11.8, 12.2]),
    ],
)
def test_a_kink_that_rounding_has_scattered_is_no_bug(x, places, weights):
    report = check_layer(Crumpled(x + np.array(places), np.array(weights)), np.array([float(x)]))
    assert report.ok and report["x"].kinks == 1


@pytest.mark.parametrize(
    "places, weights",
    [
        ([-5.240827e-07], [0.4]),
        ([7.075709e-07], [2.3]),
        ([1.307226e-07, 6.984439e-07], [0.6, -1.5]),
        ([3.787766e-07, 9.2932836e-06], [1.5, 0.3]),
        ([1.763e-10, 3.8679583e-05], [1.3, -1.3]),
        ([1.0387e-09, 6.030032e-07], [0.4, -0.5]),
    ],
)
def test_kinks_nearby_are_no_excuse_for_a_bug(places, weights):
    """Too near to see past some of them, and not at 0; backprop says 3/2 of the slope there."""

    class HalfAsMuchAgain(Crumpled):
        def backward(self, dout):
            return 1.5 * super().backward(dout)

    report = check_layer(HalfAsMuchAgain(np.array(places), np.array(weights)), np.array([0.0]))
    assert report.failed == ["x"]


def test_what_still_disagrees_at_the_smallest_step_is_not_called_agreement():
    """At 0 the slope is 11 - 10 = 1, and backprop says 2; the kink is nearer than a step can be."""

    class Doubled(Crumpled):
        def backward(self, dout):
            return 2 * super().backward(dout)

    report = check_layer(Doubled(np.array([5e-10, -1]), np.array([10.0, 11])), np.array([0.0]))
    assert not report and report["x"].kinks == 1


def test_a_layer_that_computes_in_float32_is_refused():
    class Half(Relu):
        def forward(self, x):
            return super().forward(x).astype(np.float32)

    with pytest.raises(TypeError, match="^Half: expected forward to return float64.*got float32"):
        check_layer(Half(), np.ones((2, 3)))


def test_a_check_that_saw_nothing_is_not_true():
    report = check_layer(Relu(), np.zeros((2, 2)))  # every entry lies at the kink
    assert report["x"].kinks == 4 and report["x"].unclear
    assert not report and report.failed == []


def test_two_gradients_of_a_layer_that_are_wrong_are_spoken_of_as_two():
    network, x, t = network_and_batch(0)

    class Doubled(Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.dW, self.db = 2 * self.dW, 3 * self.db
            return dx

    plant(lambda right: Doubled, network, "Affine2")
    assert "Checked alone, Affine2 fails: wrong dW and db." in str(check_gradient(network, x, t))
