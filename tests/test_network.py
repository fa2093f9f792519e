"""The chain, its window onto the parameters, and the two networks that are built of it."""

import functools
import inspect
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from ch05.multi_layer_net import MultiLayerNet
from ch05.two_layer_net import TwoLayerNet
from common import guards
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network, Params

log = np.log
FORMS = ["numbers", "one-hot", "probabilities"]


def read_only(array):
    array = np.array(array)
    array.setflags(write=False)
    return array


def chain(**layers):
    return Network(OrderedDict(layers), SoftmaxWithLoss())


def labels(form, N, C, rng):
    """(t, rows): labels in that form, and the same as rows."""
    numbers = rng.integers(C, size=N)
    one_hot = np.eye(C, dtype=int)[numbers]
    if form == "probabilities":
        rows = rng.dirichlet(np.ones(C), size=N)
        return rows, rows
    return (numbers if form == "numbers" else one_hot), one_hot.astype(float)


def shift_biases(network, rng):
    """At zero, where they start, a wrong b could go unseen."""
    for key, param in network.params.items():
        if key.startswith("b"):
            param += 0.5 * rng.standard_normal(param.shape)


# A network small enough for paper.
#
#     x = 1 2    W1 =  2 -1  0   b1 = -1 0 1/2   W2 = log of 2 1   b2 = log of 1 4
#         0 1          0  1 -1                              1 3
#                                                           1 1
#
# x W1 + b1 =  1 1 -3/2    after Relu 1 1 0
#             -1 1 -1/2               0 1 0
#
# The scores are the logarithms of 2*1*1 = 2 and 1*3*4 = 12 in the first row (sum 14), of
# 1*1 = 1 and 3*4 = 12 in the second (sum 13). So y = 1/7 6/7
#                                                     1/13 12/13

X = np.array([[1.0, 2], [0, 1]])
SCORES = log([[2, 12], [1, 12]])
PARAMS = {
    "W1": np.array([[2.0, -1, 0], [0, 1, -1]]),
    "b1": np.array([-1, 0, 1 / 2]),
    "W2": log([[2, 1], [1, 3], [1, 1]]),
    "b2": log([1, 4]),
}


def by_hand(dtype=np.float64):
    network = TwoLayerNet(2, 3, 2, dtype=dtype)
    network.params.update(PARAMS)
    return network


# The right classes are 1 and 0: the loss is -(log 6/7 + log 1/13) / 2 = log(7/6 * 13) / 2.
LOSS = log(91 / 6) / 2
# dscores = (y - t) / 2 =  1/14   -1/14
#                         -6/13    6/13
# dW2 = h^T dscores:  row 1: only the first sample has h1 = 1;  row 2: both have h2 = 1,
# 1/14 - 6/13 = (13 - 84) / 182 = -71/182;  row 3: none.
# dh = dscores W2^T: (log 2 - log 1)/14, (log 1 - log 3)/14 in the first row,
# (-6 log 2)/13, 6 log 3/13 in the second. Relu lets the first two through in the first row,
# only the second in the second row.
DB2 = np.array([-71 / 182, 71 / 182])
DW2 = np.array([[1 / 14, -1 / 14], DB2, [0, 0]])
DH1, DH2, DH2_OF_SAMPLE_2 = log(2) / 14, -log(3) / 14, 6 * log(3) / 13
# dW1 = x^T dh, with x = 1 2 in the first sample and 0 1 in the second.
DW1 = np.array([[DH1, DH2, 0], [2 * DH1, 2 * DH2 + DH2_OF_SAMPLE_2, 0]])
DB1 = np.array([DH1, DH2 + DH2_OF_SAMPLE_2, 0])
GRADIENT = {"W1": DW1, "b1": DB1, "W2": DW2, "b2": DB2}
BY_HAND = pytest.mark.parametrize("t", [[1, 0], [[0, 1], [1, 0]], [[0, 1.0], [1.0, 0]]], ids=FORMS)


def test_scores_by_hand():
    scores = by_hand().predict(X)
    np.testing.assert_allclose(scores, SCORES, rtol=1e-14, atol=1e-15)


@BY_HAND
def test_loss_by_hand(t):
    loss = by_hand().loss(X, np.array(t))
    assert type(loss) is float
    assert loss == pytest.approx(LOSS, rel=1e-14)


@BY_HAND
def test_gradient_by_hand(t):
    gradient = by_hand().gradient(X, np.array(t))
    assert type(gradient) is dict and list(gradient) == ["W1", "b1", "W2", "b2"]
    for key, want in GRADIENT.items():
        np.testing.assert_allclose(gradient[key], want, rtol=1e-13, atol=1e-16)


@BY_HAND
def test_numerical_gradient_by_hand(t):
    gradient = by_hand().numerical_gradient(X, np.array(t))
    assert type(gradient) is dict and list(gradient) == ["W1", "b1", "W2", "b2"]
    for key, want in GRADIENT.items():
        np.testing.assert_allclose(gradient[key], want, rtol=1e-6, atol=1e-9)


@BY_HAND
def test_accuracy_by_hand(t):
    # Both samples score highest in class 1: the first is right, the second wrong.
    accuracy = by_hand().accuracy(X, np.array(t))
    assert type(accuracy) is float and accuracy == 0.5


def test_probabilities_by_hand():
    t = np.array([[1 / 4, 3 / 4], [1 / 2, 1 / 2]])
    # -(log 1/7 + 3 log 6/7) / 4 and -(log 1/13 + log 12/13) / 2, and the mean of the two
    want = (-(log(1 / 7) + 3 * log(6 / 7)) / 4 - (log(1 / 13) + log(12 / 13)) / 2) / 2
    network = by_hand()
    assert network.loss(X, t) == pytest.approx(want, rel=1e-14)
    # db2: (1/7 - 1/4 + 1/13 - 1/2) / 2 = (52 - 91 + 28 - 182) / 364 / 2 = -193/728
    gradient = network.gradient(X, t)
    np.testing.assert_allclose(gradient["b2"], [-193 / 728, 193 / 728], rtol=1e-13)


# Accuracy


def copying():
    """A network whose scores are its x."""
    return chain(Affine1=Affine(np.eye(3), np.zeros(3)))


def test_accuracy_counts_over_the_whole_batch():
    numbers = np.arange(2500) % 3
    x = np.eye(3)[numbers]  # the scores: highest in that class
    t = numbers.copy()
    t[1500:2000] += 1  # 500 wrong ones, somewhere in the middle
    t %= 3
    network = copying()
    for form in (t, np.eye(3, dtype=int)[t], 0.4 * np.eye(3)[t] + 0.2, t.tolist(), t * 1.0):
        assert network.accuracy(x, form) == 0.8
    assert network.accuracy(x, numbers) == 1
    assert network.accuracy(x, (numbers + 1) % 3) == 0


@pytest.mark.parametrize("N", [1, 999, 1000, 1001])
def test_accuracy_takes_every_batch_size(N):
    t = np.zeros(N, int)
    t[-1] = 1  # only the last sample is right
    assert copying().accuracy(np.tile([0, 1.0, 0], (N, 1)), t) == 1 / N


def test_accuracy_refuses_what_it_cant_judge():
    with pytest.raises(ValueError, match="expected at least one sample, got an empty batch"):
        copying().accuracy(np.zeros((0, 3)), [])
    with pytest.raises(ValueError, match=r"expected t of shape \(2,\)"):
        copying().accuracy(np.zeros((2, 3)), [0])
    with pytest.raises(ValueError, match=r"Affine1: .* for a single sample pass x\[np.newaxis\]"):
        copying().accuracy(np.zeros(3), [0])


def test_accuracy_refuses_scores_that_are_no_numbers():
    with pytest.raises(FloatingPointError, match="expected finite scores, got nan or inf"):
        chain(Relu1=Relu()).accuracy([[1, np.nan]], [0])


# Against autograd, on random shapes


def loss_by_formula(params, x, rows, activation):
    """The loss of a whole network for autograd; params is [W1, b1, W2, b2, ...]."""
    *hidden, W, b = params
    for i in range(0, len(hidden), 2):
        x = anp.dot(x, hidden[i]) + hidden[i + 1]
        x = anp.where(x > 0, x, 0) if activation == "relu" else 1 / (1 + anp.exp(-x))
    x = anp.dot(x, W) + b
    x = x - anp.max(x, axis=1, keepdims=True)
    return -anp.sum(rows * (x - anp.log(anp.sum(anp.exp(x), axis=1, keepdims=True)))) / len(x)


def assert_agrees_with_autograd(network, x, t, rows, activation):
    params = [param.copy() for param in network.params.values()]
    want = loss_by_formula(params, x, rows, activation)
    assert network.loss(x, t) == pytest.approx(want, rel=1e-12)
    wants = autograd.grad(loss_by_formula)(params, x, rows, activation)
    gradient = network.gradient(x, t)
    assert list(gradient) == list(network.params)
    for key, want in zip(gradient, wants):
        assert gradient[key].dtype == np.float64
        np.testing.assert_allclose(gradient[key], want, rtol=1e-9, atol=1e-13)
    return wants


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
def test_two_layers_agree_with_autograd(form, seed):
    rng = np.random.default_rng(seed)
    N, D, H, C = rng.integers(1, 12, size=4)
    network = TwoLayerNet(D, H, C + 1, weight_init_std=1, rng=rng)
    shift_biases(network, rng)
    t, rows = labels(form, N, C + 1, rng)
    assert_agrees_with_autograd(network, rng.standard_normal((N, D)), t, rows, "relu")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("seed, depth", [(0, 0), (1, 1), (2, 2), (3, 3), (4, 6)])
def test_many_layers_agree_with_autograd(form, activation, seed, depth):
    rng = np.random.default_rng(seed)
    N, D, C, *hidden = rng.integers(2, 10, size=3 + depth)
    network = MultiLayerNet(D, hidden, C, activation, rng=rng)
    shift_biases(network, rng)
    t, rows = labels(form, N, C, rng)
    assert_agrees_with_autograd(network, rng.standard_normal((N, D)), t, rows, activation)


@pytest.mark.parametrize("form", FORMS)
def test_numerical_gradient_agrees_with_autograd(form):
    rng = np.random.default_rng(5)
    network = MultiLayerNet(4, [3, 5], 3, "sigmoid", rng=rng)
    shift_biases(network, rng)
    x, (t, rows) = rng.standard_normal((6, 4)), labels(form, 6, 3, rng)
    wants = assert_agrees_with_autograd(network, x, t, rows, "sigmoid")
    before = [param.copy() for param in network.params.values()]
    for value, want in zip(network.numerical_gradient(x, t).values(), wants):
        np.testing.assert_allclose(value, want, rtol=1e-6, atol=1e-9)
    for param, old in zip(network.params.values(), before):
        np.testing.assert_array_equal(param, old)


def test_numerical_gradient_knows_nothing_of_backward():
    network = by_hand()
    for layer in (*network.layers.values(), network.lastLayer):
        layer.backward = lambda dout=1: pytest.fail("backward was called")
    for key, value in network.numerical_gradient(X, [1, 0]).items():
        np.testing.assert_allclose(value, GRADIENT[key], rtol=1e-6, atol=1e-9)


def test_numerical_gradient_demands_no_more_than_float64_either():
    layer = Scale([1, 2])
    layer.g = layer.g.astype(np.longdouble)
    network = chain(Mine=layer)
    if network.dtype == np.float64:
        pytest.skip("here a long double is a double")
    with pytest.raises(TypeError, match=f"expected a float64 network, got {network.dtype}"):
        network.numerical_gradient(X, [0, 1])


def test_layers_that_are_equal_are_not_one_layer():
    @dataclass
    class Doubling:
        factor: int = 2

        def forward(self, x):
            return self.factor * x

        def backward(self, dout):
            return self.factor * dout

    assert Doubling() == Doubling()
    assert chain(a=Doubling(), b=Doubling()).predict([[1.0]]) == 4


def test_numerical_gradient_demands_float64():
    network = TwoLayerNet(2, 3, 2, dtype=np.float32, rng=0)
    with pytest.raises(TypeError, match="expected a float64 network, got float32"):
        network.numerical_gradient(X, [0, 1])


# The chain: forward in order, backward in reverse


class Recorder:
    """A layer that adds its digit to x, puts 10 * dout + its digit back, and writes it down."""

    def __init__(self, digit, record):
        self.digit, self.record = digit, record

    def forward(self, x):
        self.record.append(("forward", self.digit, x.tolist()))
        return 10 * x + self.digit

    def backward(self, dout):
        self.record.append(("backward", self.digit, dout))
        return 10 * dout + self.digit


class LastRecorder:
    def __init__(self, record):
        self.record = record

    def forward(self, x, t):
        self.record.append(("forward", x.tolist(), t))
        return 7.0

    def backward(self, dout=1):
        self.record.append(("backward", dout))
        return 9


def recording():
    record = []
    layers = OrderedDict((name, Recorder(i, record)) for i, name in enumerate("cab", start=1))
    return Network(layers, LastRecorder(record)), record


def test_forward_calls_the_layers_in_the_order_in_which_they_stand():
    network, record = recording()
    assert network.predict([[0]]).tolist() == [[123]]
    assert record == [("forward", 1, [[0]]), ("forward", 2, [[1]]), ("forward", 3, [[12]])]


def test_loss_hands_the_scores_and_t_to_the_last_layer():
    network, record = recording()
    assert network.loss([[0]], "t as it came") == 7.0
    assert record[3:] == [("forward", [[123]], "t as it came")]


def test_backward_calls_the_layers_in_reverse():
    network, record = recording()
    assert network.gradient([[0]], [0]) == {}
    assert len(record) == 8
    assert record[3:] == [
        ("forward", [[123]], [0]),
        ("backward", 1),  # dL/dL
        ("backward", 3, 9),
        ("backward", 2, 93),
        ("backward", 1, 932),
    ]


def test_the_order_is_read_anew_at_every_call():
    network, record = recording()
    network.layers.move_to_end("c")
    assert network.predict([[0]]).tolist() == [[231]]
    network.gradient([[0]], [0])
    assert [entry[1] for entry in record[-3:]] == [1, 3, 2]


class AskedForDx(Recorder):
    def backward(self, dout, need_dx=True):
        self.record.append((self.digit, need_dx))
        return dout if need_dx else None


def test_dx_is_spared_in_the_first_layer_only():
    record = []
    chain(a=AskedForDx(1, record), b=AskedForDx(2, record)).gradient([[0.0, 1]], [0])
    assert record[2:] == [(2, True), (1, False)]  # after the two of forward


def by_keyword(self, dout, scale=1, *, need_dx=True):
    self.record.append((self.digit, need_dx))
    return dout if need_dx else None


@functools.wraps(by_keyword)
def wrapped(self, dout):
    return dout


def local(self, dout):
    need_dx = self.digit
    return need_dx * dout


def local_beside_a_keyword(self, dout, *, scale=1):
    need_dx = scale
    return need_dx * dout


@pytest.mark.parametrize(
    "backward, spared",
    [
        (by_keyword, [(2, True), (1, False)]),
        (wrapped, []),
        (local, []),
        (local_beside_a_keyword, []),
    ],
)
def test_only_a_backward_with_the_argument_need_dx_is_asked_to_spare_it(backward, spared):
    record = []
    kind = type("Own", (Recorder,), {"backward": backward})
    chain(a=kind(1, record), b=kind(2, record)).gradient([[0.0, 1]], [0])
    assert record[2:] == spared  # after the two of forward


def test_the_first_layers_backward_may_be_any_callable():
    network = by_hand()
    right = network.gradient(X, [0, 1])
    layer = network.layers["Affine1"]
    backward = layer.backward

    class Unhashable(list):
        def __call__(self, dout):
            return backward(dout)

    for other in (Unhashable(), functools.partial(backward, need_dx=True), lambda d: backward(d)):
        layer.backward = other
        for key, gradient in network.gradient(X, [0, 1]).items():
            np.testing.assert_array_equal(gradient, right[key])


def test_the_chain_is_checked_when_it_changes_and_not_at_every_update(monkeypatch):
    checks, check_chain = [], guards.check_chain
    monkeypatch.setattr(guards, "check_chain", lambda *args: checks.append(check_chain(*args)))
    network = by_hand()
    for _ in range(20):
        network.gradient(X, [0, 1])
        network.params["W1"] -= 0.0
    assert len(checks) == 1
    network.layers["Relu1"] = Sigmoid()
    for _ in range(20):
        network.gradient(X, [0, 1])
    assert len(checks) == 2


def test_only_network_has_the_methods():
    # They are written once, and the chapter's networks only put the bricks together.
    for net in (TwoLayerNet, MultiLayerNet):
        assert net.__bases__ == (Network,)
        methods = {name for name, value in vars(net).items() if callable(value)}
        assert methods == {"__init__"}
    for method in ("predict", "loss", "accuracy", "gradient", "numerical_gradient"):
        assert method in vars(Network)


# A reader's own layer


class Scale:
    """out = g x: no base class, its own name for the parameter, backward without need_dx."""

    param_names = ("g",)

    def __init__(self, g):
        self.g = np.array(g, float)

    def forward(self, x):
        self.x = x
        return self.g * x

    def backward(self, dout):
        self.dg = (dout * self.x).sum(axis=0)
        return dout * self.g


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_readers_own_layer_is_a_brick_like_ours(place):
    rng = np.random.default_rng(place)
    a1, a2 = (Affine(rng.standard_normal((3, 3)), rng.standard_normal(3)) for _ in range(2))
    g = rng.standard_normal(3)
    bricks = [("Affine1", a1), ("Affine2", a2)]
    bricks.insert(place, ("Scale", Scale(g)))
    network = chain(**dict(bricks))
    want = ["W1", "b1", "W2", "b2"]
    want[2 * place : 2 * place] = ["g"]
    numbers = {0: "g1 W2 b2 W3 b3", 1: "W1 b1 g2 W3 b3", 2: "W1 b1 W2 b2 g3"}[place]
    assert list(network.params) == numbers.split()

    x, t = rng.standard_normal((4, 3)), rng.integers(3, size=4)

    def loss(g, W1, b1, W2, b2):
        steps = [lambda x: anp.dot(x, W1) + b1, lambda x: anp.dot(x, W2) + b2]
        steps.insert(place, lambda x: g * x)
        out = x
        for step in steps:
            out = step(out)
        return anp.sum(anp.log(anp.sum(anp.exp(out), axis=1)) - out[np.arange(4), t]) / 4

    arguments = g, a1.W, a1.b, a2.W, a2.b
    assert network.loss(x, t) == pytest.approx(loss(*arguments), rel=1e-12)
    gradient = network.gradient(x, t)
    np.testing.assert_allclose(
        gradient[f"g{place + 1}"], autograd.grad(loss)(*arguments), rtol=1e-11, atol=1e-14
    )
    np.testing.assert_allclose(
        gradient["b3" if place < 2 else "b2"], autograd.grad(loss, 4)(*arguments), rtol=1e-11
    )
    network.params[f"g{place + 1}"] = [1, 2, 3]
    np.testing.assert_array_equal(network.layers["Scale"].g, [1, 2, 3])


def test_a_layer_may_have_other_parameters_in_any_number():
    class Norm:
        param_names = ("gamma", "beta", "mean")
        gamma, beta, mean = np.ones(3), np.zeros(3), np.zeros(3)

        def forward(self, x):
            return x

        def backward(self, dout):
            return dout

    def affine():
        return Affine(np.eye(3), np.zeros(3))

    network = chain(a=affine(), Relu=Relu(), n=Norm(), Sigmoid=Sigmoid(), b=affine())
    assert list(network.params) == ["W1", "b1", "gamma2", "beta2", "mean2", "W3", "b3"]


def test_a_layer_without_parameters_may_stand_first():
    network = chain(Relu1=Relu(), Affine1=Affine(np.eye(2), np.zeros(2)))
    gradient = network.gradient([[1, -1]], [0])
    # scores 1, 0 and y = e/(1+e), 1/(1+e); dW = x^T (y - t) with x = 1, 0 after Relu
    share = 1 / (1 + np.e)
    np.testing.assert_allclose(gradient["W1"], [[-share, share], [0, 0]], rtol=1e-14)


# Params: a window onto what the layers own


def network_3_4_2(seed=0):
    return TwoLayerNet(3, 4, 2, weight_init_std=1, rng=seed)


OWNERS = {"W1": "Affine1", "b1": "Affine1", "W2": "Affine2", "b2": "Affine2"}
SHAPES = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}


def test_params_is_a_mapping_of_what_the_layers_own():
    network = network_3_4_2()
    params = network.params
    assert isinstance(params, Params) and isinstance(params, Mapping)
    assert list(params) == list(params.keys()) == ["W1", "b1", "W2", "b2"] and len(params) == 4
    assert "b2" in params and "b3" not in params and params.get("W3") is None
    for key, layer in OWNERS.items():
        assert params[key] is getattr(network.layers[layer], key[0])
        assert dict(params)[key] is dict(params.items())[key] is params[key]
    assert {key: param.shape for key, param in params.items()} == SHAPES


@pytest.mark.parametrize("key", OWNERS)
def test_a_step_in_place_reaches_the_layer(key):
    network = network_3_4_2()
    own = getattr(network.layers[OWNERS[key]], key[0])
    before = own.copy()
    step = np.arange(own.size, dtype=float).reshape(own.shape)
    network.params[key] -= 0.5 * step
    assert network.params[key] is own is getattr(network.layers[OWNERS[key]], key[0])
    np.testing.assert_array_equal(own, before - 0.5 * step)


@pytest.mark.parametrize("key", OWNERS)
def test_assigning_copies_into_the_layers_own_array(key):
    network = network_3_4_2()
    own = getattr(network.layers[OWNERS[key]], key[0])
    new = np.arange(own.size, dtype=float).reshape(own.shape)
    network.params[key] = new
    assert getattr(network.layers[OWNERS[key]], key[0]) is own
    np.testing.assert_array_equal(own, new)
    new += 1  # stays the caller's
    np.testing.assert_array_equal(own, new - 1)


def test_a_step_that_makes_a_new_array_reaches_the_layer_too():
    # In code written the usual way, this leaves the layer with the old array.
    network = by_hand()
    gradient = network.gradient(X, [1, 0])
    network.params["b2"] = network.params["b2"] - 2 * gradient["b2"]
    want = SCORES + 2 * np.array([71 / 182, -71 / 182])
    np.testing.assert_allclose(network.predict(X), want, rtol=1e-13)


def test_update_reads_saved_parameters_back():
    network, saved = network_3_4_2(), network_3_4_2(seed=1).params
    network.params.update(saved)
    network.params.update(b1=[1, 2, 3, 4])
    for key in ("W1", "W2", "b2"):
        np.testing.assert_array_equal(network.params[key], saved[key])
    np.testing.assert_array_equal(network.layers["Affine1"].b, [1, 2, 3, 4])


def test_assigning_to_params_itself_copies_too():
    network, other = network_3_4_2(), network_3_4_2(seed=1)
    own = network.layers["Affine1"].W
    network.params = other.params
    assert isinstance(network.params, Params) and network.params["W1"] is own
    np.testing.assert_array_equal(own, other.params["W1"])
    assert not np.shares_memory(own, other.params["W1"])


def test_params_with_other_keys_are_refused_as_a_whole():
    network = network_3_4_2()
    before, values = network.params.copy(), network_3_4_2(seed=1).params.copy()
    values["W3"] = np.zeros(2)
    with pytest.raises(ValueError, match="expected params with the keys .* b2, got .* b2, W3"):
        network.params = values
    np.testing.assert_array_equal(network.params["W1"], before["W1"])


def test_two_networks_never_share_an_array():
    one, other = network_3_4_2(), network_3_4_2(seed=1)
    one.params.update(other.params)
    for key in other.params:
        one.params[key] = other.params[key]
    one.params = dict(other.params)
    for key in one.params:
        for other_key in other.params:
            assert not np.shares_memory(one.params[key], other.params[other_key])
    before = other.params["W1"].copy()
    one.params["W1"] += 1
    np.testing.assert_array_equal(other.params["W1"], before)
    np.testing.assert_array_equal(one.params["W1"], before + 1)


def test_a_square_parameter_may_be_set_to_its_own_transpose():
    network = TwoLayerNet(3, 3, 2, weight_init_std=1, rng=0)
    want = network.params["W1"].T.copy()
    network.params["W1"] = network.params["W1"].T
    np.testing.assert_array_equal(network.params["W1"], want)


def test_replacing_a_brick_takes_effect_at_once():
    network = by_hand()
    network.layers["Relu1"] = Sigmoid()
    # The sigmoid of 1 is s = e / (1 + e), that of -1 is 1 - s. From units h1 and h2, class 0
    # gets h1 log 2, and class 1 gets h2 log 3 + log 4.
    s = np.e / (1 + np.e)
    want = [[s * log(2), s * log(3) + log(4)], [(1 - s) * log(2), s * log(3) + log(4)]]
    np.testing.assert_allclose(network.predict(X), want, rtol=1e-14)
    assert list(network.gradient(X, [0, 1])) == ["W1", "b1", "W2", "b2"]


def test_replacing_a_layer_that_learns_moves_the_window():
    network = by_hand()
    network.params["W2"]  # looked at before
    new = Affine(np.ones((3, 2)), np.array([0.0, 5]))
    network.layers["Affine2"] = new
    assert network.params["W2"] is new.W and network.params["b2"] is new.b
    np.testing.assert_allclose(network.predict(X), [[2, 7], [1, 6]], rtol=1e-14)
    network.gradient(X, [0, 1])
    assert new.dW is not None
    network.params["b2"] = [1, 1]
    np.testing.assert_array_equal(new.b, [1, 1])


def test_adding_a_brick_takes_effect_at_once():
    network = by_hand()
    assert len(network.params) == 4
    network.layers["Relu2"] = Relu()
    network.layers["Affine3"] = Affine(np.array([[2.0], [0]]), np.array([1.0]))
    assert list(network.params) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    np.testing.assert_allclose(network.predict(X), [[2 * log(2) + 1], [1]], atol=1e-15)
    assert list(network.gradient(X, [0, 0])) == ["W1", "b1", "W2", "b2", "W3", "b3"]


def test_a_brick_may_come_from_a_pickle():
    network = by_hand()
    network.layers["Affine2"] = pickle.loads(pickle.dumps(network.layers["Affine2"]))
    np.testing.assert_allclose(network.predict(X), SCORES, rtol=1e-14, atol=1e-15)


def test_numbers_are_given_anew_when_a_layer_goes_or_comes_first():
    network = by_hand()
    second = network.layers["Affine2"]
    del network.layers["Affine1"]
    assert list(network.params) == ["W1", "b1"] and network.params["W1"] is second.W
    network.layers["Affine0"] = first = Affine(np.eye(3), np.zeros(3))
    network.layers.move_to_end("Affine0", last=False)
    assert network.params["W1"] is first.W and network.params["W2"] is second.W
    network.layers = OrderedDict(only=second)
    assert list(network.params) == ["W1", "b1"] and network.params["b1"] is second.b


def test_the_window_follows_an_array_that_is_replaced_on_the_layer():
    network = by_hand()
    network.layers["Affine1"].b = new = np.array([10.0, 10, 10])
    assert network.params["b1"] is new
    network.params["b1"] -= 9
    np.testing.assert_array_equal(new, [1, 1, 1])


def test_a_new_layer_that_equals_the_old_one_is_another_layer():
    @dataclass
    class Shift:
        size: int
        param_names = ("c",)

        def __post_init__(self):
            self.c = np.zeros(self.size)

        def forward(self, x):
            return x + self.c

        def backward(self, dout):
            self.dc = dout.sum(axis=0)
            return dout

    network = chain(Shift1=Shift(2))
    network.params["c1"] = [1, 2]
    network.layers["Shift1"] = new = Shift(2)  # == the old one
    assert network.params["c1"] is new.c
    network.params["c1"] = [3, 4]
    np.testing.assert_array_equal(network.predict([[0, 0]]), [[3, 4]])


def test_a_layer_may_be_renamed():
    network = by_hand()
    network.layers["Output"] = network.layers.pop("Affine2")
    np.testing.assert_allclose(network.predict(X), SCORES, rtol=1e-14, atol=1e-15)
    assert "Output" in repr(network)
    network.layers["Output"].backward = lambda dout: np.zeros((2, 3))  # leaves no dW
    with pytest.raises(ValueError, match="^Output: expected backward to compute dW"):
        network.gradient(X, [0, 1])


def test_params_refuses_other_keys():
    params = network_3_4_2().params
    for key in ("W3", "w1", "", 1, None):
        with pytest.raises(KeyError, match="expected one of W1, b1, W2, b2, got"):
            params[key]
        with pytest.raises(KeyError, match="expected one of W1, b1, W2, b2, got"):
            params[key] = np.zeros((3, 4))


@pytest.mark.parametrize(
    "values, words",
    [
        (np.zeros((4, 3)), r"params\['W1'\]: expected shape \(3, 4\), got \(4, 3\); pass its .T"),
        (np.zeros(4), r"expected shape \(3, 4\), got \(4,\)$"),
        (np.zeros((1, 4)), r"expected shape \(3, 4\), got \(1, 4\)$"),
        (0.5, r"expected shape \(3, 4\), got \(\)$"),
        (np.full((3, 4), np.nan), "expected finite numbers, got nan or inf"),
        (np.full((3, 4), -np.inf), "expected finite numbers, got nan or inf"),
    ],
)
def test_params_refuses_what_doesnt_fit_and_stays_as_it_was(values, words):
    network = network_3_4_2()
    before = network.params["W1"].copy()
    with pytest.raises(ValueError, match=words):
        network.params["W1"] = values
    np.testing.assert_array_equal(network.params["W1"], before)


@pytest.mark.parametrize("values", [np.full((3, 4), 1j), np.full((3, 4), "a"), [[None] * 4] * 3])
def test_params_refuses_what_is_no_real_number(values):
    with pytest.raises(TypeError, match=r"params\['W1'\]: expected an array of real numbers, got"):
        network_3_4_2().params["W1"] = values


def test_a_value_beyond_float32_is_refused():
    network = TwoLayerNet(3, 4, 2, dtype=np.float32, rng=0)
    with pytest.raises(ValueError, match=r"params\['b1'\]: expected finite numbers"):
        network.params["b1"] = np.full(4, 1e300)
    np.testing.assert_array_equal(network.params["b1"], [0, 0, 0, 0])


def test_a_parameter_cant_be_taken_away():
    params = network_3_4_2().params
    for take in (lambda: params.pop("W1"), lambda: params.__delitem__("b2"), params.clear):
        with pytest.raises(TypeError, match="belongs to its layer; take the layer out of `layers`"):
            take()
    assert list(params) == ["W1", "b1", "W2", "b2"]


def test_params_introduces_itself():
    want = "Params(W1 (3, 4), b1 (4,), W2 (4, 2), b2 (2,))"
    assert repr(network_3_4_2().params) == want


def test_gradients_stay_when_the_next_ones_come():
    network = by_hand()
    first = network.gradient(X, [1, 0])
    network.gradient(3 * X, [0, 0])
    for key, want in GRADIENT.items():
        np.testing.assert_allclose(first[key], want, rtol=1e-13, atol=1e-16)


# Numbers


DTYPES_OF_X = pytest.mark.parametrize("x_dtype", ["f4", "f8", "u1", "i8"])
WAYS_TO_T = pytest.mark.parametrize(
    "t",
    [
        np.array([1, 0], np.uint8),
        np.array([1, 0]),
        np.array([1.0, 0.0]),
        np.array([[0, 1], [1, 0]]),
        np.array([[0, 1], [1, 0]], np.uint8),
        np.array([[0, 1], [1, 0]], np.float32),
        np.array([[0, 1], [1, 0]], np.float64),
        np.array([[0.1, 0.9], [0.7, 0.3]]),
    ],
    ids=lambda t: f"{t.dtype}{t.shape}",
)


@DTYPES_OF_X
@WAYS_TO_T
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_network_stays_in_its_dtype(dtype, activation, x_dtype, t):
    network = MultiLayerNet(2, [3, 4], 2, activation, dtype=dtype, rng=0)
    met = []

    def watch(method):
        def watched(x, *args, **kwargs):
            out = method(x, *args, **kwargs)
            met.extend(a.dtype for a in (x, out) if isinstance(a, np.ndarray))
            return out

        return watched

    for layer in (*network.layers.values(), network.lastLayer):
        layer.forward = watch(layer.forward)
    for layer in [*network.layers.values()][1:]:  # the first one is asked for no dx
        layer.backward = watch(layer.backward)
    gradient = network.gradient(X.astype(x_dtype), t)
    for key, grad in gradient.items():
        network.params[key] -= 0.1 * grad
        network.params[key] = network.params[key] - np.float64(0.1) * grad
        met += [grad.dtype, network.params[key].dtype]
    met += [network.lastLayer.y.dtype, network.predict(X.astype(x_dtype)).dtype, network.dtype]
    assert len(met) > 20 and set(met) == {np.dtype(dtype)}


@BY_HAND
def test_float32_gives_the_same_numbers_to_its_precision(t):
    network = by_hand(np.float32)
    assert network.loss(X, t) == pytest.approx(LOSS, rel=1e-6)
    for key, want in network.gradient(X, t).items():
        assert want.dtype == np.float32
        np.testing.assert_allclose(want, GRADIENT[key], rtol=1e-5, atol=1e-6)


def test_float64_is_the_default():
    assert TwoLayerNet(2, 3, 2).dtype == MultiLayerNet(2, [3], 2).dtype == np.float64
    assert chain(Relu1=Relu()).dtype == np.float64  # also where there are no parameters
    assert TwoLayerNet(2, 3, 2, dtype="float32").dtype == np.float32


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_scores_far_apart_have_an_exact_loss(dtype):
    network = chain(Affine1=Affine(np.array([[1e4, -1e4]], dtype), np.zeros(2, dtype)))
    for t in ([1, 1], [[0, 1], [0, 1]]):
        assert network.loss([[1], [-1]], t) == 1e4  # (2e4 + 0) / 2
        # y - t = 1, -1 and 0, 0, over N = 2
        np.testing.assert_array_equal(network.gradient([[1], [-1]], t)["b1"], [0.5, -0.5])


@pytest.mark.parametrize(
    "t", [np.array([1, 0], np.uint8), np.array([1.0, 0]), np.eye(2, dtype=int)[::-1], np.eye(2)]
)
@pytest.mark.parametrize("x_dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_no_array_given_to_a_network_is_written_into(t, x_dtype, dtype):
    network = by_hand(dtype)
    for writable in (False, True):
        x, labels = X.astype(x_dtype), t.copy()
        x.setflags(write=writable)
        labels.setflags(write=writable)
        network.predict(x)
        network.loss(x, labels)
        network.accuracy(x, labels)
        network.gradient(x, labels)
        if dtype == "f8":
            network.numerical_gradient(x, labels)
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(labels, t)
    for key, param in network.params.items():
        np.testing.assert_array_equal(param, PARAMS[key].astype(dtype))


def test_lists_are_batches_too():
    network = by_hand()
    assert network.loss([[1, 2], [0, 1]], [1, 0]) == pytest.approx(LOSS, rel=1e-14)
    assert network.accuracy([[1, 2], [0, 1]], [1, 0]) == 0.5


# Construction


def test_the_signature_is_the_chapters():
    parameters = inspect.signature(TwoLayerNet).parameters
    assert list(parameters) == [
        "input_size", "hidden_size", "output_size", "weight_init_std", "dtype", "rng",
    ]  # fmt: skip
    assert parameters["weight_init_std"].default == 0.01
    for extra in ("dtype", "rng"):
        assert parameters[extra].kind is inspect.Parameter.KEYWORD_ONLY
    network = TwoLayerNet(input_size=3, hidden_size=4, output_size=2, weight_init_std=0.1)
    assert {key: param.shape for key, param in network.params.items()} == SHAPES


def test_the_attributes_are_the_chapters():
    network = TwoLayerNet(3, 4, 2)
    assert type(network.layers) is OrderedDict
    kinds = [(name, type(layer)) for name, layer in network.layers.items()]
    assert kinds == [("Affine1", Affine), ("Relu1", Relu), ("Affine2", Affine)]
    assert type(network.lastLayer) is SoftmaxWithLoss
    network.best = network.title = "a reader's own"  # any other attribute is free
    assert network.best == network.title == "a reader's own"


@pytest.mark.parametrize("std", [0.01, 1, 0.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_seed_0_gives_numpys_draws(std, dtype):
    np.random.seed(0)
    network = TwoLayerNet(3, 4, 2, std, dtype=dtype)
    np.random.seed(0)
    W1, W2 = (std * np.random.standard_normal(shape) for shape in ((3, 4), (4, 2)))
    np.testing.assert_array_equal(network.params["W1"], W1.astype(dtype))
    np.testing.assert_array_equal(network.params["W2"], W2.astype(dtype))
    assert not network.params["b1"].any() and not network.params["b2"].any()


def test_the_weights_start_at_a_hundredth():
    # np.random.seed(0); np.random.randn(4) gives 1.76405235, 0.40015721, 0.97873798, 2.2408932.
    np.random.seed(0)
    network = TwoLayerNet(3, 4, 2)
    want = [0.0176405235, 0.0040015721, 0.0097873798, 0.022408932]
    np.testing.assert_allclose(network.params["W1"][0], want, atol=5e-11)


def test_a_seed_gives_one_stream_for_all_weights():
    draws = np.random.default_rng(5)
    W1, W2, W3 = (draws.standard_normal((3, 3)) for _ in range(3))
    np.random.seed(0)
    for rng in (5, np.random.default_rng(5)):
        two = TwoLayerNet(3, 3, 3, 1, rng=rng)
        np.testing.assert_array_equal(two.params["W1"], W1)
        np.testing.assert_array_equal(two.params["W2"], W2)
    for rng in (5, np.random.default_rng(5)):
        three = MultiLayerNet(3, [3, 3], 3, weight_init_std=1, rng=rng)
        for key, want in (("W1", W1), ("W2", W2), ("W3", W3)):
            np.testing.assert_array_equal(three.params[key], want)
    # The global state is where it was: at seed 0's first draw.
    assert np.random.standard_normal() == pytest.approx(1.76405235, abs=5e-9)


def test_many_layers_are_the_same_bricks():
    network = MultiLayerNet(5, [4, 3], 2)
    kinds = [(name, type(layer)) for name, layer in network.layers.items()]
    assert kinds == [
        ("Affine1", Affine),
        ("Relu1", Relu),
        ("Affine2", Affine),
        ("Relu2", Relu),
        ("Affine3", Affine),
    ]
    assert type(network.layers) is OrderedDict and type(network.lastLayer) is SoftmaxWithLoss
    assert [param.shape for param in network.params.values()] == [
        (5, 4), (4,), (4, 3), (3,), (3, 2), (2,),
    ]  # fmt: skip
    sigmoid = MultiLayerNet(5, (4,), 2, activation="sigmoid")
    assert list(sigmoid.layers) == ["Affine1", "Sigmoid1", "Affine2"]
    assert type(sigmoid.layers["Sigmoid1"]) is Sigmoid
    assert list(MultiLayerNet(5, [], 2).layers) == ["Affine1"]
    assert list(MultiLayerNet(5, np.array([4]), 2).params) == ["W1", "b1", "W2", "b2"]


@pytest.mark.parametrize(
    "options, stds",
    [
        ({}, (1 / 10, 1 / 20, 1 / 10)),  # sqrt(2 / 200), sqrt(2 / 800), sqrt(2 / 200)
        ({"weight_init_std": "xavier"}, (200**-0.5, 800**-0.5, 200**-0.5)),
        ({"weight_init_std": 0.3}, (0.3, 0.3, 0.3)),
    ],
    ids=["he", "xavier", "number"],
)
def test_every_layer_has_the_std_of_its_own_inputs(options, stds):
    network = MultiLayerNet(200, [800, 200], 300, rng=0, **options)
    for i, std in enumerate(stds, start=1):
        assert network.params[f"W{i}"].std() == pytest.approx(std, rel=0.02)
        assert not network.params[f"b{i}"].any()


def test_with_one_hidden_layer_both_are_the_same_network():
    rng = np.random.default_rng(0)
    two, many = TwoLayerNet(6, 5, 4, rng=1), MultiLayerNet(6, [5], 4, rng=2)
    x, t = rng.standard_normal((7, 6)), rng.integers(4, size=7)
    assert two.loss(x, t) != many.loss(x, t)
    many.params.update(two.params)
    assert two.loss(x, t) == many.loss(x, t)
    np.testing.assert_array_equal(two.predict(x), many.predict(x))
    ours, theirs = two.gradient(x, t), many.gradient(x, t)
    for key in ("W1", "b1", "W2", "b2"):
        np.testing.assert_array_equal(ours[key], theirs[key])
    again = MultiLayerNet(6, [5], 4, weight_init_std=0.01, rng=1)
    np.testing.assert_array_equal(again.predict(x), two.predict(x))


def test_networks_introduce_themselves():
    # 784 * 50 + 50 = 39,250 and 50 * 10 + 10 = 510
    assert repr(TwoLayerNet(784, 50, 10)).splitlines() == [
        "TwoLayerNet: 39,760 parameters, float64",
        "  Affine1    Affine(784 -> 50)      39,250",
        "  Relu1      Relu()",
        "  Affine2    Affine(50 -> 10)          510",
        "  lastLayer  SoftmaxWithLoss()",
    ]
    assert repr(MultiLayerNet(2, [], 2, dtype="f4")).startswith(
        "MultiLayerNet: 6 parameters, float32"
    )
    layers = OrderedDict(lastLayer=Affine.random(2, 2, 1, rng=0))
    assert repr(Network(layers, SoftmaxWithLoss())).splitlines()[1:] == [
        "  lastLayer  Affine(2 -> 2)              6",
        "  lastLayer  SoftmaxWithLoss()",
    ]


# Mistakes


def test_other_activations_and_sizes_are_refused():
    with pytest.raises(ValueError, match='expected activation "relu" or "sigmoid", got \'tanh\''):
        MultiLayerNet(2, [3], 2, activation="tanh")
    for sizes in (50, "50", None):
        with pytest.raises(TypeError, match=r"expected hidden_size_list as a list.* pass \[50\]"):
            MultiLayerNet(2, sizes, 2)
    with pytest.raises(ValueError, match="Affine: expected sizes as whole numbers"):
        TwoLayerNet(2, 0, 2)
    with pytest.raises(TypeError, match="Affine: expected dtype float32 or float64, got float16"):
        TwoLayerNet(2, 3, 2, dtype=np.float16)


def affine(*, W=None, dtype=np.float64):
    return Affine(np.eye(2, dtype=dtype) if W is None else W, np.zeros(2, dtype))


class NoBackward:
    def forward(self, x):
        return x


class BadScale(Scale):
    def __init__(self, g):
        self.g = g


ONE = affine()
MATRIX = np.eye(2)


@pytest.mark.parametrize(
    "layers, error, words",
    [
        ([Relu()], TypeError, "expected layers as an OrderedDict of name -> layer, got list"),
        ({}, ValueError, "expected at least one layer, got an empty chain"),
        ({"a": Relu}, TypeError, r"^a: expected a layer with forward\(\), got the class Relu"),
        ({"a": NoBackward()}, TypeError, r"^a: expected a layer with backward\(\), got"),
        ({"a": None}, TypeError, r"^a: expected a layer with forward\(\), got None"),
        ({"a": ONE, "b": ONE}, ValueError, "^b: expected a layer of its own, got .* at a too"),
        (
            {"a": affine(W=MATRIX), "b": affine(W=MATRIX.T)},
            ValueError,
            "^b: expected parameter W in an array of its own, got the one of a's W; pass a copy",
        ),
        (
            {"a": affine(), "b": affine(dtype=np.float32)},
            TypeError,
            "^b: expected parameter W in float64 like a's W, got float32",
        ),
        ({"a": BadScale([1.0, 2.0])}, TypeError, "^a: expected parameter g as a numpy array of"),
        (
            {"a": BadScale(np.array([1, 2]))},
            TypeError,
            "^a: expected parameter g .* of floats, got dtype int",
        ),
        ({"a": BadScale(np.array([1j, 2]))}, TypeError, "of floats, got dtype complex128"),
    ],
)
def test_a_chain_that_cant_work_is_refused_at_once(layers, error, words):
    with pytest.raises(error, match=words):
        Network(layers, SoftmaxWithLoss())


def test_a_chain_that_stops_working_is_refused_at_its_next_use():
    network = by_hand()
    network.layers["Affine3"] = network.layers["Affine1"]
    with pytest.raises(ValueError, match="^Affine3: expected a layer of its own"):
        network.predict(X)


@pytest.mark.parametrize("last", [None, SoftmaxWithLoss])
def test_a_last_layer_that_cant_work_is_refused(last):
    with pytest.raises(TypeError, match=r"^lastLayer: expected a layer with forward\(\), got"):
        Network(OrderedDict(Relu1=Relu()), last)


@pytest.mark.parametrize(
    "x, t, words",
    [
        (np.zeros(2), [0], r"^Affine1: expected x of shape \(N, 2\), got \(2,\); for a single"),
        (np.zeros((2, 3)), [0, 0], r"^Affine1: expected x of shape \(N, 2\), got \(2, 3\)"),
        ([[1, np.nan]], [0], r"^Affine1: expected finite numbers in x, got nan at x\[0, 1\]"),
        (X, [0], r"^lastLayer: expected t of shape \(2,\)"),
        (X, [0, 2], "^lastLayer: expected class numbers 0 to 1, got 2"),
        (X, [[0], [1]], r"^lastLayer: expected t of shape .* got \(2, 1\); pass t.ravel\(\)"),
        (X[:0], [], "^lastLayer: expected at least one sample, got an empty batch"),
    ],
)
def test_errors_begin_with_the_layers_name_in_the_chain(x, t, words):
    network = by_hand()
    for method in (network.loss, network.gradient):
        with pytest.raises(ValueError, match=words):
            method(x, t)


def test_the_name_is_that_of_the_layer_that_complains():
    network = chain(First=affine(), Second=Affine(np.ones((3, 2)), np.zeros(2)))
    with pytest.raises(ValueError, match=r"^Second: expected x of shape \(N, 3\), got \(2, 2\)"):
        network.predict(X)


def test_an_error_of_a_readers_own_layer_is_named_and_keeps_its_kind():
    class Failing(Scale):
        def backward(self, dout):
            raise ZeroDivisionError("no such luck", 5)

    network = chain(Affine1=affine(), Mine=Failing([1, 1]), Affine2=affine())
    with pytest.raises(ZeroDivisionError, match="^.*Mine: no such luck") as error:
        network.gradient(X, [0, 1])
    assert error.value.args == ("Mine: no such luck", 5)


@pytest.mark.parametrize("args", [(), (5,), (5, "no such luck")])
def test_an_error_without_words_stays_as_it_is(args):
    class Failing(Scale):
        def forward(self, x):
            raise ZeroDivisionError(*args)

    with pytest.raises(ZeroDivisionError) as error:
        chain(Mine=Failing([1, 1])).predict(X)
    assert error.value.args == args


@pytest.mark.parametrize(
    "left, words",
    [
        ({}, r"^Mine: expected backward to compute dg of shape \(2,\), got nothing"),
        ({"dg": None}, r"^Mine: expected backward to compute dg of shape \(2,\), got nothing"),
        ({"dg": 0.0}, r"^Mine: expected backward to compute dg of shape \(2,\), got \(\)"),
        ({"dg": np.zeros((2, 2))}, r"compute dg of shape \(2,\), got \(2, 2\)"),
    ],
)
def test_a_backward_that_leaves_no_gradient_is_named(left, words):
    class Lazy(Scale):
        def backward(self, dout):
            vars(self).update(left)
            return dout

    with pytest.raises(ValueError, match=words):
        chain(Affine1=affine(), Mine=Lazy([1, 1])).gradient(X, [0, 1])


@pytest.mark.parametrize("name", ["Mine", "Yours"])  # before and after "Relu1" in the alphabet
def test_a_backward_that_returns_nothing_is_named(name):
    class Silent(Scale):
        def backward(self, dout):
            super().backward(dout)

    network = chain(Relu1=Relu(), **{name: Silent([1, 1])})
    with pytest.raises(TypeError, match=f"^{name}: expected backward to return dx, got None"):
        network.gradient(X, [0, 1])
    first = chain(**{name: Silent([1, 1])})  # whose dx nobody asks for
    assert list(first.gradient(X, [0, 1])) == ["g1"]


def test_numbers_beyond_all_bounds_are_told_from_a_bad_x():
    network = by_hand()
    network.layers["Affine2"].W.fill(1.5e308)  # the largest float is 1.8e308
    with pytest.raises(FloatingPointError, match="^Affine2: .* with a smaller learning rate"):
        network.loss(X, [0, 1])


def test_a_copy_of_the_params_stays_as_it_is():
    network = network_3_4_2()
    before = {key: param.tolist() for key, param in network.params.items()}
    best = network.params.copy()
    for param in network.params.values():
        param += 1
    assert {key: value.tolist() for key, value in best.items()} == before
    network.params.update(best)
    assert {key: param.tolist() for key, param in network.params.items()} == before


def test_a_chain_that_cant_work_may_be_replaced():
    network, layers = network_3_4_2(), network_3_4_2().layers
    network.layers.clear()
    network.layers = layers
    assert network.predict(np.ones((1, 3))).shape == (1, 2)


def test_a_layer_can_be_frozen_by_taking_its_param_names_away():
    network, x, t = TwoLayerNet(3, 4, 2, rng=0), np.eye(3), [0, 1, 0]
    frozen, grad = network.layers["Affine1"], network.gradient(x, t)
    frozen.param_names = ()
    assert list(network.params) == ["W1", "b1"], "Affine2 is the only one that learns now"
    assert network.params["W1"] is network.layers["Affine2"].W
    np.testing.assert_array_equal(network.gradient(x, t)["W1"], grad["W2"])


def test_a_parameter_by_any_name_is_not_set_as_an_attribute():
    class Scale:
        param_names = ("slope",)

        def __init__(self):
            self.slope = np.ones(2)

        def forward(self, x):
            return self.slope * x

        def backward(self, dout):
            return self.slope * dout

    network = Network({"Scale1": Scale()}, SoftmaxWithLoss())
    with pytest.raises(AttributeError, match=r"expected network.params\['slope1'\] = "):
        network.slope1 = np.ones(2)
