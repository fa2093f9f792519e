"""The chain, what it learns, its params as a dict, and the two networks of ch05/."""

import copy
import functools
import inspect
import pickle
import subprocess
import sys
import traceback
import types
import warnings
from collections import OrderedDict, deque

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from readers import LeakyRelu

from ch05.multi_layer_net import MultiLayerNet
from ch05.train_neuralnet import train
from ch05.two_layer_net import TwoLayerNet
from common.check import check_gradient, check_layer
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network

parametrize = pytest.mark.parametrize
log, same, close = np.log, np.testing.assert_array_equal, np.testing.assert_allclose
FORMS = ["numbers", "one-hot", "probabilities"]
KEYS = ["W1", "b1", "W2", "b2"]


def chain(**layers):
    return Network(OrderedDict(layers), SoftmaxWithLoss())


def affine(D=2, M=2):
    return Affine(np.eye(D, M), np.zeros(M))


def labels(form, N, C, rng):
    """(t, rows): labels in that form, and the same as rows."""
    numbers = rng.integers(C, size=N)
    if form == "probabilities":
        rows = rng.dirichlet(np.ones(C), size=N)
        return rows, rows
    return (numbers if form == "numbers" else np.eye(C, dtype=int)[numbers]), np.eye(C)[numbers]


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
BY_HAND = parametrize("t", [[1, 0], [[0, 1], [1, 0]], [[0, 1.0], [1.0, 0]]], ids=FORMS)


@BY_HAND
def test_the_network_on_paper(t):
    network, t = by_hand(), np.array(t)
    close(network.predict(X), SCORES, rtol=1e-14, atol=1e-15)
    loss = network.loss(X, t)
    assert type(loss) is float and loss == pytest.approx(LOSS, rel=1e-14)
    # Both samples score highest in class 1: the first is right, the second wrong.
    accuracy = network.accuracy(X, t)
    assert type(accuracy) is float and accuracy == 0.5
    gradient, numerical = network.gradient(X, t), network.numerical_gradient(X, t)
    network.gradient(3 * X, [0, 0])  # the first gradient stays
    assert type(gradient) is type(numerical) is dict
    assert list(gradient) == list(numerical) == KEYS
    for key, want in GRADIENT.items():
        close(gradient[key], want, rtol=1e-13, atol=1e-16)
        close(numerical[key], want, rtol=1e-6, atol=1e-9)
        same(network.params[key], PARAMS[key])


def test_probabilities_on_paper():
    t = np.array([[1 / 4, 3 / 4], [1 / 2, 1 / 2]])
    # -(log 1/7 + 3 log 6/7) / 4 and -(log 1/13 + log 12/13) / 2, and the mean of the two
    want = (-(log(1 / 7) + 3 * log(6 / 7)) / 4 - (log(1 / 13) + log(12 / 13)) / 2) / 2
    assert by_hand().loss(X, t) == pytest.approx(want, rel=1e-14)
    # db2: (1/7 - 1/4 + 1/13 - 1/2) / 2 = (52 - 91 + 28 - 182) / 364 / 2 = -193/728
    close(by_hand().gradient(X, t)["b2"], [-193 / 728, 193 / 728], rtol=1e-13)


def test_the_numerical_gradient_knows_nothing_of_backward():
    network = by_hand()
    for layer in (*network.layers.values(), network.lastLayer):
        layer.backward = lambda dout=1: pytest.fail("backward was called")
    for key, value in network.numerical_gradient(X, [1, 0]).items():
        close(value, GRADIENT[key], rtol=1e-6, atol=1e-9)


# Against autograd


def convolved(x, W, b):
    """A sum over the entries of the kernel, each times the image moved by as much."""
    size, K = x.shape[2] - W.shape[2] + 1, W.shape[2]
    moved = [(x[:, :, i : i + size, j : j + size], W[:, :, i, j]) for i, j in np.ndindex(K, K)]
    return sum(anp.einsum("nchw,fc->nfhw", *pair) for pair in moved) + anp.reshape(b, (1, -1, 1, 1))


def normalized(x, gamma, beta):
    return gamma * (x - anp.mean(x, axis=0)) / anp.sqrt(anp.var(x, axis=0) + 1e-6) + beta


FORMULAS = {
    "Affine": lambda x, W, b: anp.dot(anp.reshape(x, (len(x), -1)), W) + b,
    "Relu": lambda x: anp.where(x > 0, x, 0),
    "Sigmoid": lambda x: 1 / (1 + anp.exp(-x)),
    "Convolution": convolved,
    "BatchNormalization": normalized,
}


def loss_by_formula(params, x, rows, kinds):
    """The loss of a network of these kinds of layers, for autograd. params is a list."""
    for kind in kinds:
        count = 0 if kind in ("Relu", "Sigmoid") else 2
        x, params = FORMULAS[kind](x, *params[:count]), params[count:]
    x = x - anp.max(x, axis=1, keepdims=True)
    log_y = x - anp.log(anp.sum(anp.exp(x), axis=1, keepdims=True))
    return -anp.sum(rows * log_y) / len(x)


def assert_agrees_with_autograd(network, x, t, rows, kinds):
    params = [param.copy() for param in network.params.values()]
    assert network.loss(x, t) == pytest.approx(loss_by_formula(params, x, rows, kinds), rel=1e-12)
    wants = autograd.grad(loss_by_formula)(params, x, rows, kinds)
    gradient = network.gradient(x, t)
    assert list(gradient) == list(network.params) and len(gradient) == len(wants)
    for key, want in zip(gradient, wants):
        close(gradient[key], want, rtol=1e-9, atol=1e-12)


@parametrize("form", FORMS)
@parametrize("depth", ["chapter", 0, 1, 2, 3, 6])
@parametrize("activation", ["relu", "sigmoid"])
def test_networks_agree_with_autograd(form, activation, depth):
    rng = np.random.default_rng(7)
    N, D, C, *hidden = rng.integers(2, 10, size=4 if depth == "chapter" else 3 + depth)
    kinds = [kind for _ in hidden for kind in ("Affine", activation.capitalize())] + ["Affine"]
    if depth == "chapter":
        network = TwoLayerNet(D, *hidden, C, weight_init_std=1, rng=rng)
        network.layers["Relu1"] = Relu() if activation == "relu" else Sigmoid()
    else:
        network = MultiLayerNet(D, hidden, C, activation, rng=rng)
    for key, param in network.params.items():
        if key.startswith("b"):  # at zero, where they start, a wrong b could go unseen
            param += 0.5 * rng.standard_normal(param.shape)
    x, (t, rows) = rng.standard_normal((N, D)), labels(form, N, C, rng)
    assert_agrees_with_autograd(network, x, t, rows, kinds)


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


def test_forward_goes_along_the_chain_and_backward_goes_back():
    record = []
    layers = OrderedDict((name, Recorder(i, record)) for i, name in enumerate("cab", start=1))
    network = Network(layers, LastRecorder(record))
    assert network.predict([[0]]).tolist() == [[123]]
    forward = [("forward", 1, [[0]]), ("forward", 2, [[1]]), ("forward", 3, [[12]])]
    assert record == forward
    assert network.loss([[0]], "t as it came") == 7.0
    assert record[3:] == [*forward, ("forward", [[123]], "t as it came")]
    record.clear()
    assert network.gradient([[0]], [0]) == {}
    back = [("backward", 1), ("backward", 3, 9), ("backward", 2, 93), ("backward", 1, 932)]
    assert record == [*forward, ("forward", [[123]], [0]), *back]

    network.layers.move_to_end("c")  # the order is read anew at each call
    assert network.predict([[0]]).tolist() == [[231]]
    network.gradient([[0]], [0])
    assert [entry[1] for entry in record[-3:]] == [1, 3, 2]


def test_layers_replaced_added_or_removed_take_part_at_once():
    network = by_hand()
    network.layers["Relu1"] = Sigmoid()
    # The sigmoid of 1 is s = e / (1 + e), that of -1 is 1 - s. From units h1 and h2, class 0
    # gets h1 log 2, and class 1 gets h2 log 3 + log 4.
    s = np.e / (1 + np.e)
    want = [[s * log(2), s * log(3) + log(4)], [(1 - s) * log(2), s * log(3) + log(4)]]
    close(network.predict(X), want, rtol=1e-14)

    network = by_hand()
    network.layers["Affine2"] = new = Affine(np.ones((3, 2)), np.array([0.0, 5]))
    assert network.params["W2"] is new.W and network.params["b2"] is new.b
    close(network.predict(X), [[2, 7], [1, 6]], rtol=1e-14)  # from 1 1 0 and 0 1 0
    network.layers["Relu2"] = Relu()
    network.layers["Affine3"] = Affine(np.array([[2.0, 0], [0, 1]]), np.array([1.0, 0]))
    assert list(network.gradient(X, [0, 0])) == list(network.params) == [*KEYS, "W3", "b3"]
    close(network.predict(X), [[5, 7], [3, 6]], rtol=1e-14)  # 2 * 2 + 1, 2 * 1 + 1

    del network.layers["Affine1"]
    assert list(network.params) == KEYS and network.params["W1"] is new.W
    network.layers["Affine0"] = first = affine(2, 3)
    network.layers.move_to_end("Affine0", last=False)
    assert network.params["W1"] is first.W and network.params["W2"] is new.W
    network.layers = OrderedDict(only=new)
    assert list(network.params) == ["W1", "b1"] and network.params["b1"] is new.b
    new.b = np.array([1.0, 2])  # an array replaced on the layer
    assert network.params["b1"] is new.b


def test_a_layer_without_parameters_may_stand_first():
    gradient = chain(Relu1=Relu(), Affine1=affine()).gradient([[1, -1]], [0])
    # scores 1, 0 and y = e/(1+e), 1/(1+e); dW = x^T (y - t) with x = 1, 0 after Relu
    share = 1 / (1 + np.e)
    close(gradient["W1"], [[-share, share], [0, 0]], rtol=1e-14)


class Asked(Recorder):
    """Writes down whether its dx is asked for."""

    def backward(self, dout, need_dx=True):
        self.record.append((self.digit, need_dx))
        return dout if need_dx else None


def test_a_readers_layer_is_asked_for_its_dx_though_it_stands_first():
    record = []
    chain(a=Asked(1, record), b=Asked(2, record)).gradient([[0.0, 1]], [0])
    assert record[2:] == [(2, True), (1, True)]  # after the two of forward


class Reshaped(np.ndarray):
    """W whose transpose is counted: only dx needs it."""

    asked = 0

    @property
    def T(self):
        Reshaped.asked += 1
        return super().T


def test_the_first_affine_leaves_out_its_dx_and_the_others_do_not():
    layers = {name: affine() for name in "abc"}
    for name, dx in (("a", 0), ("b", 1), ("c", 1)):
        network = chain(**layers)
        layer = network.layers[name] = affine()
        layer.W = layer.W.view(Reshaped)
        Reshaped.asked = 0
        gradient = network.gradient(X, [1, 0])
        assert Reshaped.asked == dx and list(gradient) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert layers["a"].backward(np.ones((2, 2))).shape == (2, 2)  # called alone, it has one


class Unhashable(list):
    def __call__(self, dout):
        return self[0](dout)


@parametrize(
    "wrap",
    [
        lambda own: lambda dout: own(dout),
        lambda own: functools.wraps(own)(lambda dout: own(dout)),
        lambda own: functools.partial(own, need_dx=True),
        lambda own: Unhashable([own]),
    ],
    ids=["function", "wraps", "partial", "callable"],
)
def test_a_backward_put_on_the_object_is_called_as_it_is(wrap):
    network, skipped = by_hand(), []
    layer = network.layers["Affine1"]

    class Spy(Affine):
        def backward(self, dout, need_dx=True):
            skipped.append(not need_dx)
            return super().backward(dout, need_dx)

    network.layers["Affine1"] = spy = Spy(layer.W, layer.b)
    spy.backward = wrap(spy.backward)
    for key, gradient in network.gradient(X, [1, 0]).items():
        close(gradient, GRADIENT[key], rtol=1e-13, atol=1e-16)
    assert skipped == [False]


# Errors in the chain


@parametrize("method", ["forward", "backward"])
@parametrize(
    "error, name",
    [
        (ZeroDivisionError("no luck"), "Mine"),
        (ZeroDivisionError(), "Mine"),
        (ZeroDivisionError(5), None),  # no text to put a name before
        (KeyboardInterrupt("stop"), None),
    ],
    ids=["text", "empty", "number", "Ctrl-C"],
)
def test_an_error_in_a_layer_bears_its_name_and_keeps_its_kind(error, name, method):
    def fail(_):
        raise own

    own, mine = copy.copy(error), Relu()
    setattr(mine, method, fail)
    with pytest.raises(type(error)) as caught:
        chain(Affine1=affine(), Mine=mine, Affine2=affine()).gradient(X, [0, 1])
    assert caught.value is own
    if name:
        assert name in str(own)
    else:
        assert own.args == error.args
        if isinstance(own, Exception) and hasattr(own, "add_note"):  # from Python 3.11 on
            assert "Mine" in own.__notes__[0]


def test_a_wrong_label_has_a_short_traceback():
    try:
        by_hand().loss(X, [0, 2])
    except ValueError as error:
        caller, *ours = traceback.extract_tb(error.__traceback__)
        assert caller.filename == __file__ and 1 <= len(ours) <= 4
        assert "lastLayer" in str(error)
        assert error.__cause__ is None and error.__context__ is None  # and only one traceback
    else:
        pytest.fail("label 2 of classes 0 and 1 was taken")


@parametrize("errors", ["warn", "raise"])
@parametrize("method", ["loss", "gradient", "accuracy"])
@parametrize(
    "key, activation, name",
    [
        ("W2", Relu(), "Affine2"),  # 1 * 1.5e308 + 1 * 1.5e308; the largest float is 1.8e308
        ("W1", Relu(), "Affine1"),  # 1 * 1.5e308 + 2 * 1.5e308
    ],
    ids=["W2", "W1"],
)
def test_an_overflow_is_an_error_with_the_layers_name_and_no_warning(
    key, activation, name, method, errors
):
    network = by_hand()
    network.layers["Relu1"] = activation
    network.params[key].fill(1.5e308)
    with warnings.catch_warnings(), np.errstate(all=errors):
        warnings.simplefilter("error")
        with pytest.raises(FloatingPointError, match=name):
            getattr(network, method)(X, [0, 1])


@parametrize("errors", ["warn", "raise"])
def test_numpys_settings_make_no_difference_to_the_chain(errors):
    apart = chain(Affine1=Affine(np.array([[1.5e308, -1.5e308]]), np.zeros(2)))
    # sigmoid(-500) = 7e-218, times 1e-200 in backward: too small for a float, and 0 is right.
    first, second = Affine(np.eye(2), np.full(2, -500.0)), Affine(1e-200 * np.eye(2), np.zeros(2))
    small = chain(Affine1=first, Sigmoid1=Sigmoid(), Affine2=second)
    with np.errstate(all=errors):
        with pytest.raises(FloatingPointError, match="lastLayer"):
            apart.loss([[1]], [1])
        assert not small.gradient(X, [0, 1])["W1"].any()


def test_numpys_settings_are_as_before_afterwards():
    network = by_hand()
    with np.errstate(divide="raise", over="warn", under="print", invalid="call"):
        before = np.geterr()
        network.gradient(X, [0, 1])
        assert np.geterr() == before
        with pytest.raises(ValueError):
            network.loss(X, [0, 2])
        assert np.geterr() == before


# Params is a dict


OWNERS = {"W1": "Affine1", "b1": "Affine1", "W2": "Affine2", "b2": "Affine2"}
SHAPES = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}


def network_3_4_2(seed=0):
    return TwoLayerNet(3, 4, 2, weight_init_std=1, rng=seed)


def values_of(network):
    return {key: getattr(network.layers[name], key[0]).tolist() for key, name in OWNERS.items()}


def test_params_is_a_dict_of_the_layers_own_arrays():
    network = network_3_4_2()
    params = network.params
    assert isinstance(params, dict)
    assert list(params) == [*params.keys()] == KEYS and len(params) == 4
    assert "b2" in params and "b3" not in params and params.get("W3") is None
    for key, name in OWNERS.items():
        own = getattr(network.layers[name], key[0])
        assert params[key] is params.get(key) is dict(params)[key] is {**params}[key] is own
        assert params.setdefault(key, 5) is own
    assert {key: param.shape for key, param in params.items()} == SHAPES
    assert repr(params) == "Params(W1 (3, 4), b1 (4,), W2 (4, 2), b2 (2,))"


@parametrize("key", OWNERS)
def test_a_step_in_place_and_an_assignment_both_reach_the_layer(key):
    network = network_3_4_2()
    own = getattr(network.layers[OWNERS[key]], key[0])
    before, step = own.copy(), np.arange(own.size, dtype=float).reshape(own.shape)
    network.params[key] -= 0.5 * step
    same(own, before - 0.5 * step)
    assert network.params[key] is own is getattr(network.layers[OWNERS[key]], key[0])
    network.params[key] = network.params[key] + step
    new = getattr(network.layers[OWNERS[key]], key[0])
    close(new, before + 0.5 * step, rtol=1e-15)
    network.params[key] = step
    new = getattr(network.layers[OWNERS[key]], key[0])
    same(new, step)
    step += 1  # stays the caller's
    same(new, step - 1)
    same(own, before - 0.5 * (step - 1))  # an array read before keeps its numbers
    assert network.params[key] is new


def test_an_old_value_can_be_brought_back_and_two_networks_can_swap():
    network, other = network_3_4_2(), network_3_4_2(seed=1)
    params, before, others = network.params, values_of(network), values_of(other)
    old = params["W1"]
    params["W1"] = old + 1
    assert values_of(network)["W1"] != before["W1"]
    params["W1"] = old
    assert values_of(network) == before
    mine, theirs = params["W1"], other.params["W1"]
    params["W1"], other.params["W1"] = theirs, mine
    assert values_of(network)["W1"] == others["W1"] and values_of(other)["W1"] == before["W1"]
    params["W1"] -= 1  # the two share nothing
    assert values_of(other)["W1"] == before["W1"]


def test_a_params_taken_before_goes_on_working(tmp_path):
    network = network_3_4_2()
    params, trained = network.params, network_3_4_2(seed=1)
    trained.save(tmp_path / "w.npz")
    network.load(tmp_path / "w.npz")
    assert {key: array.tolist() for key, array in params.items()} == values_of(trained)
    params["b2"] -= [1, 2]
    assert values_of(network)["b2"] == [-1, -2]
    network.params = trained.params
    params["b2"] -= [3, 4]
    assert values_of(network)["b2"] == [-3, -4]
    network.layers["Affine2"] = affine(4, 2)
    network.gradient(np.ones((1, 3)), [0])
    params["b2"] -= [5, 6]
    assert values_of(network)["b2"] == [-5, -6]


WRITES = {
    "update": lambda network, values: network.params.update(values),
    "pairs": lambda network, values: network.params.update(list(values.items())),
    "keywords": lambda network, values: network.params.update(**values),
    "|=": lambda network, values: network.params.__ior__(values),
    "params =": lambda network, values: setattr(network, "params", values),
}


@parametrize("write", WRITES.values(), ids=WRITES)
def test_several_are_written_together_or_none(write):
    network, other = network_3_4_2(), network_3_4_2(seed=1)
    others = values_of(other)
    write(network, other.params)
    assert values_of(network) == values_of(other) == others
    for key, array in network.params.items():
        assert not np.shares_memory(array, other.params[key])
    new = dict(network_3_4_2(seed=2).params)
    for key, wrong, kind in (
        ("b2", [0, np.nan], ValueError),
        ("b2", [1], ValueError),
        ("b2", ["a", "b"], TypeError),
        ("W3", [1], (KeyError, ValueError)),
    ):
        with pytest.raises(kind, match=key):
            write(network, {**new, key: wrong})
        assert values_of(network) == others


def test_one_of_several_is_written_by_update_but_not_by_setting_params():
    network = network_3_4_2()
    before = values_of(network)
    params = network.params
    params |= {"b2": [1, 2]}
    assert values_of(network) == {**before, "b2": [1, 2]}
    with pytest.raises(ValueError, match="b2"):
        network.params = {"b2": [3, 4]}
    assert (params | {"b2": 5})["b2"] == 5  # another dict
    assert values_of(network) == {**before, "b2": [1, 2]}


def test_parameters_may_be_set_from_each_other():
    network = TwoLayerNet(3, 3, 3, weight_init_std=1, rng=0)
    W1, W2 = network.params["W1"].copy(), network.params["W2"].copy()
    network.params.update(W1=network.params["W2"], W2=network.params["W1"])
    same(network.params["W1"], W2)
    same(network.params["W2"], W1)
    network.params["W1"] = network.params["W1"].T
    same(network.params["W1"], W2.T)


@parametrize(
    "copied", [lambda params: params.copy(), copy.copy, copy.deepcopy], ids=["copy", "", "deep"]
)
def test_a_copy_keeps_the_values_of_now(copied):
    network = network_3_4_2()
    before = values_of(network)
    best = copied(network.params)
    assert type(best) is dict
    for param in network.params.values():
        param += 1
    assert {key: value.tolist() for key, value in best.items()} == before
    network.params.update(best)
    assert values_of(network) == before


def test_files_keep_the_arrays_and_nothing_but_the_arrays(tmp_path):
    network = network_3_4_2()
    network.accuracy(np.ones((10_000, 3)), np.zeros(10_000, int))  # the layers keep arrays of it
    values, params = values_of(network), network.params
    numbers = sum(param.nbytes for param in params.values())
    (tmp_path / "params.pickle").write_bytes(pickle.dumps(params))
    np.save(tmp_path / "params.npy", params)
    np.savez(tmp_path / "params.npz", **params)
    for file in tmp_path.iterdir():
        assert numbers < file.stat().st_size < numbers + 2000
    loaded = np.load(tmp_path / "params.npy", allow_pickle=True).item()
    assert type(loaded) is dict and {key: loaded[key].tolist() for key in loaded} == values
    with np.load(tmp_path / "params.npz") as loaded:
        assert {key: loaded[key].tolist() for key in loaded} == values

    # A Python that doesn't find this library opens the pickle.
    code = (
        "import pickle, sys; sys.modules.update(common=None, ch05=None)\n"
        "params = pickle.load(open('params.pickle', 'rb'))\n"
        "print(type(params) is dict, {key: value.tolist() for key, value in params.items()})"
    )
    command = [sys.executable, "-I", "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == f"True {values}"


def test_a_step_in_an_array_that_the_layer_has_no_longer_is_an_error_and_not_silence():
    network = network_3_4_2()
    old, before = network.params, values_of(network)
    network.layers["Affine2"].W = np.ones((4, 2))
    before["W2"] = [[1, 1]] * 4
    with pytest.raises(RuntimeError, match="W2"):
        old["W2"] -= 1
    assert values_of(network) == before
    old["b1"] -= [1, 2, 3, 4]  # whose array is the same as ever
    same(network.layers["Affine1"].b, [-1, -2, -3, -4])
    old["W2"] = np.zeros((4, 2))  # is meant for the layer that is there now
    same(network.layers["Affine2"].W, np.zeros((4, 2)))
    network.layers["Affine2"] = new = affine(4, 2)
    old["b2"] = [5, 6]
    same(new.b, [5, 6])
    del network.layers["Affine1"]
    with pytest.raises(RuntimeError, match="b1"):
        old["b1"] -= 1


@parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_whole_network_may_be_copied(copied):
    for network in (by_hand(), MultiLayerNet(2, [3], 2, "sigmoid", rng=0)):
        fresh = copied(network)
        loss = network.loss(X, [1, 0])
        assert fresh.loss(X, [1, 0]) == copied(network).loss(X, [1, 0]) == loss
        for key, gradient in fresh.gradient(X, [1, 0]).items():
            same(gradient, network.gradient(X, [1, 0])[key])
        fresh.params["b2"] += [1, 0]
        assert network.loss(X, [1, 0]) == loss != fresh.loss(X, [1, 0])


# A layer learns what it keeps a gradient of


def test_a_layer_that_keeps_a_and_da_learns_a():
    network = chain(Leak1=LeakyRelu(0.25))
    # scores 2 and -1; y of class 1 is s = 1 / (1 + e^3), and dscores are -s and s; da = -4 s
    gradient = network.gradient([[2, -4]], [0])
    assert list(gradient) == list(network.params) == ["a1"]
    close(gradient["a1"], -4 / (1 + np.e**3), rtol=1e-14)
    network.params["a1"] -= 0.125
    assert network.predict([[2, -4]]).tolist() == [[2, -0.5]]
    network.params["a1"] = 0.5
    assert network.predict([[2, -4]]).tolist() == [[2, -2]]

    network = chain(a=affine(), Relu1=Relu(), b=LeakyRelu(0.25), Sigmoid1=Sigmoid(), c=affine())
    assert list(network.gradient(X, [0, 1])) == ["W1", "b1", "a2", "W3", "b3"]
    assert check_gradient(network, X + 0.1, [0, 1]).ok


class Keeping(LeakyRelu):
    """Keeps what it is told to, and learns nothing."""

    def __init__(self, **kept):
        vars(self).update(kept)

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


@parametrize("name", ["x", "out", "y", "t"])
@parametrize("gradient", [None, np.zeros(2)])
def test_data_that_a_layer_keeps_with_their_gradients_are_no_parameters(name, gradient):
    network = chain(Mine=Keeping(**{name: np.zeros(2), f"d{name}": gradient}), Affine1=affine())
    assert list(network.params) == list(network.gradient(X, [0, 1])) == ["W1", "b1"]


@parametrize("kept", [{"type": "linear", "dtype": np.float64}, {"W": np.eye(2)}, {"dW": None}])
def test_other_names_are_no_parameters(kept):
    assert list(chain(Mine=Keeping(**kept), Affine1=affine()).params) == ["W1", "b1"]


@parametrize("gradient", [None, 0, 0.0, np.float32(0), np.zeros(2)])
def test_before_the_first_backward_a_gradient_may_be_none_or_zero(gradient):
    assert list(chain(Mine=Keeping(g=np.zeros(2), dg=gradient)).params) == ["g1"]


def test_a_whole_number_beside_an_array_is_no_gradient():
    class Dimmed(Relu):
        dim = 3

        def forward(self, x):
            self.dim, self.im = 3, np.array(x)
            return super().forward(x)

    network = chain(Dimmed=Dimmed(), Affine1=Affine(np.eye(2), np.zeros(2)))
    for _ in range(2):
        assert list(network.gradient(X, [0, 1])) == ["W1", "b1"]


class Slotted:
    """A layer without a __dict__."""

    __slots__ = ("g", "dg", "x")

    def __init__(self):
        self.g, self.dg = np.array([2.0, 3]), None

    def forward(self, x):
        self.x = x
        return self.g * x

    def backward(self, dout):
        self.dg = (dout * self.x).sum(axis=0)
        return dout * self.g


def test_a_layer_with_slots_learns_too():
    network = chain(Slotted1=Slotted())
    assert list(network.params) == ["g1"]
    assert check_gradient(network, X, [0, 1]).ok


def test_a_gradient_that_appears_only_in_backward_is_an_error():
    class Late(LeakyRelu):
        def __init__(self, a):
            self.a = np.array(a)

    network = chain(Late1=Late(0.25), Affine1=affine())
    assert list(network.params) == ["W1", "b1"]
    for _ in range(2):
        with pytest.raises(TypeError, match="Late1"):
            network.gradient(X, [0, 1])


class Gate(Keeping):
    """out = x sigmoid(x)"""

    def forward(self, x):
        self.x = x
        return x * self.inner.forward(x)

    def backward(self, dout):
        return dout * self.inner.out + self.inner.backward(dout * self.x)


def test_a_layer_may_hold_another_that_learns_nothing():
    network = chain(Gate1=Gate(inner=Sigmoid()), Affine1=affine())
    assert list(network.params) == ["W1", "b1"] and check_gradient(network, X, [1, 0]).ok


# Layers inside a layer


class Held:
    """Layers one after the other, kept in the way that is asked for."""

    def __init__(self, layers, keep):
        self.kept = keep(layers)
        self.order = lambda: layers

    def forward(self, x):
        for layer in self.order():
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.order()):
            dout = layer.backward(dout)
        return dout


class Residual:
    """out = x + what the layers inside make of x."""

    def __init__(self, *layers):
        self.inner = layers
        self.gain, self.dgain = np.array(0.5), None

    def forward(self, x):
        self.branch = x
        for layer in self.inner:
            self.branch = layer.forward(self.branch)
        return x + self.gain * self.branch

    def backward(self, dout):
        self.dgain = np.sum(dout * self.branch)
        dx = dout * self.gain
        for layer in reversed(self.inner):
            dx = layer.backward(dx)
        return dout + dx


WAYS = {
    "list": list,
    "tuple": tuple,
    "mapping": lambda layers: OrderedDict((f"{i}", layer) for i, layer in enumerate(layers)),
    "object": lambda layers: Held(layers, list),
    "plain object": lambda layers: types.SimpleNamespace(**dict(zip("abc", layers))),
    "one inside another": lambda layers: {"all": [Held(layers[:1], list), layers[1:]]},
    "deque": deque,
    "bound methods": lambda layers: [each for layer in layers for each in (layer.forward,)],
}


@parametrize("keep", WAYS.values(), ids=WAYS)
def test_layers_inside_a_layer_learn_however_they_are_kept(keep):
    rng = np.random.default_rng(4)
    arrays = [rng.standard_normal(shape) for shape in [(2, 3), 3, (3, 2), 2, (2, 2), 2]]
    inner = [Affine(*arrays[:2]), Sigmoid(), Affine(*arrays[2:4])]
    network = chain(Block1=Held(inner, keep), Affine1=Affine(*arrays[4:]))
    flat = chain(a=inner[0], b=Sigmoid(), c=inner[2], d=Affine(*arrays[4:]))
    assert list(network.params) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    # The same chain without a block; and autograd, which knows of no layers.
    kinds = ["Affine", "Sigmoid", "Affine", "Affine"]
    assert_agrees_with_autograd(flat, X, [0, 1], np.eye(2), kinds)
    assert_agrees_with_autograd(network, X, [0, 1], np.eye(2), kinds)
    assert check_gradient(network, X, [0, 1]) and check_layer(network.layers["Block1"], X)
    network.params["W2"] = np.zeros((3, 2))
    assert not inner[2].W.any()


def test_a_residual_block_is_checked_and_trained():
    rng = np.random.default_rng(0)
    block = Residual(Affine.random(4, 5, 1, rng=rng), Relu(), Affine.random(5, 4, 1, rng=rng))
    network = chain(Block1=block, Affine1=Affine.random(4, 2, 1, rng=rng))
    assert list(network.params) == ["gain1", "W2", "b2", "W3", "b3", "W4", "b4"]
    x = rng.standard_normal((50, 4))
    t = (x[:, 0] > x[:, 1]).astype(int)
    assert check_gradient(network, x[:3], t[:3])
    before, first = network.params.copy(), network.loss(x, t)
    train(network, (x, t), (x, t), iters_num=50, batch_size=50, rng=0)
    assert network.loss(x, t) < first / 2
    for key, param in network.params.items():
        assert (param != before[key]).any(), key
    block.inner[0].backward = lambda dout: Affine.backward(block.inner[0], 2 * dout)
    report = check_gradient(network, x[:3], t[:3])
    assert report.failed == ["W2", "b2"] and report.suspects == ["Block1"]
    assert check_layer(block, x[:3]).failed == ["W2", "b2", "x"]


class Chained(list):
    """A layer that is itself a list of layers, and has a parameter of its own."""

    def __init__(self, *layers):
        super().__init__(layers)
        self.g, self.dg, self.train_flg = np.array([1.5, 1]), None, True

    def forward(self, x):
        for layer in self:
            x = layer.forward(x)
        self.kept = x
        return self.g * x

    def backward(self, dout):
        self.dg = np.sum(dout * self.kept, axis=0)
        dout = dout * self.g
        for layer in reversed(self):
            dout = layer.backward(dout)
        return dout


class SlotsBefore:
    __slots__ = ("g", "dg", "x")


class SlotsAfter(SlotsBefore):
    """Keeps g in the slots of the class before, and h in a __dict__."""

    def __init__(self):
        self.g, self.h, self.dg, self.dh = np.array([2.0, 3]), np.array([0.5, -1]), None, None

    def forward(self, x):
        self.x = x
        return self.g * x + self.h

    def backward(self, dout):
        self.dg, self.dh = (dout * self.x).sum(axis=0), dout.sum(axis=0)
        return dout * self.g


def test_a_layer_that_is_a_list_or_has_slots_before_learns_all_of_its_own():
    network = chain(Mine=Chained(affine(), Relu()), Yours=SlotsAfter())
    assert list(network.params) == ["g1", "W2", "b2", "g3", "h3"]
    assert check_gradient(network, X + 0.1, [0, 1])
    network.layers["Mine"].__class__ = type(
        "Wrong", (Chained,), {"backward": lambda self, dout: Chained.backward(self, 2 * dout)}
    )
    assert check_gradient(network, X + 0.1, [0, 1]).suspects == ["Mine"]


class Equal(Keeping):
    """Equal to any other of its kind, as a dataclass may be."""

    def __init__(self):
        self.g, self.dg = np.ones(2), None

    def __eq__(self, other):
        return isinstance(other, Equal)

    __hash__ = None


def test_a_layer_that_equals_the_one_that_it_replaces_takes_its_place():
    network = chain(Mine=Equal(), Yours=Equal(), Affine1=affine())
    assert network.params["g1"] is network.layers["Mine"].g
    network.layers["Mine"] = new = Equal()
    assert network.params["g1"] is new.g
    old = network.params
    network.layers["Yours"] = Equal()
    with pytest.raises(RuntimeError, match="g2"):  # it would change the layer that is gone
        old["g2"] -= 1


def test_another_network_or_layer_that_a_layer_refers_to_stays_its_own():
    teacher = by_hand()
    teacher.gradient(X, [0, 1])

    class Frozen(Keeping):
        def forward(self, x):
            return self.teacher.predict(x)

        def backward(self, dout):
            return np.zeros((len(dout), 2))

    network = chain(Frozen=Frozen(teacher=teacher), a=affine(), b=affine())
    network.layers["Frozen"].network = network
    network.layers["a"].next = network.layers["b"]
    assert list(network.params) == ["W1", "b1", "W2", "b2"]
    before = teacher.params.copy()
    train(network, (X, np.array([0, 1])), (X, np.array([0, 1])), iters_num=3, batch_size=2)
    for key, array in teacher.params.items():
        same(array, before[key])
    assert [line.split()[-1] for line in repr(network).splitlines()[2:4]] == ["6", "6"]


def test_the_last_layer_may_refer_to_the_layers_of_the_chain():
    """For weight decay, for instance."""
    network = chain(a=affine(), b=affine())

    class Decayed(SoftmaxWithLoss):
        def __init__(self, layers):
            self.layers = layers

    network.lastLayer = Decayed(network.layers)
    assert list(network.gradient(X, [0, 1])) == ["W1", "b1", "W2", "b2"]


def test_an_error_in_a_layer_that_keeps_another_as_layer_is_told_as_it_is():
    class Wrap(Keeping):
        def forward(self, x):
            return self.layer.forward(x)

    with pytest.raises(ValueError, match="^Mine: expected x of shape"):
        chain(Mine=Wrap(layer=affine(5, 3)), a=affine()).predict(X)


def test_layers_without_an_order_are_refused_and_so_are_layers_in_the_class():
    class Shared(Keeping):
        inner = affine()

    for layer in (Keeping(inner={affine(), affine()}), Shared()):
        with pytest.raises(TypeError, match="Mine"):
            _ = chain(Mine=layer, a=affine()).params


def test_a_gradient_that_becomes_a_whole_number_is_an_error():
    class Count(LeakyRelu):
        def backward(self, dout):
            dx = super().backward(dout)
            self.da = 1
            return dx

    network = chain(Mine=Count(), a=affine())
    with pytest.raises(TypeError, match="Mine.*da"):
        network.gradient(X, [0, 1])


def test_an_error_of_a_layer_that_replaces_itself_is_told_as_it_is():
    class Restless(Keeping):
        def forward(self, x):
            self.network.layers["Mine"] = Relu()
            raise ZeroDivisionError("no luck")

    network = chain(Mine=Restless(), a=affine())
    network.layers["Mine"].network = network
    with pytest.raises(ZeroDivisionError, match="^Restless: no luck"):
        network.predict(X)


def test_a_train_flg_may_be_a_property():
    class Switched(Keeping):
        @property
        def train_flg(self):
            return self.flag

        @train_flg.setter
        def train_flg(self, flag):
            self.seen, self.flag = [*vars(self).get("seen", []), flag], flag

    layer = Switched(flag=True)
    chain(Mine=layer, a=affine()).accuracy(X, [0, 1])
    assert layer.seen == [False, True] and layer.train_flg is True


def test_a_train_flg_of_the_class_stays_the_classs():
    class Flagged(Keeping):
        train_flg = True

    network = chain(Mine=Flagged(), a=affine())
    network.accuracy(X, [0, 1])
    assert "train_flg" not in vars(network.layers["Mine"])


def test_each_layer_inside_is_found_once_and_train_flg_reaches_it():
    shared = Affine(np.eye(2), np.zeros(2))
    flagged = Noise(train_flg=True)
    block = Held([shared, flagged], list)
    block.again, block.block = shared, block  # the same objects, and a ring
    network = chain(Block1=block, Affine1=affine())
    assert list(network.params) == ["W1", "b1", "W2", "b2"]
    assert network.accuracy(X, [1, 1]) == 1  # x goes through as it is, and 2 > 1, 1 > 0
    assert flagged.train_flg is True


def test_a_layer_that_cannot_be_learnt_is_refused_by_its_name():
    class InClass(Keeping):
        W, dW = np.eye(2), None

    listed = Keeping(params=[np.eye(2)], grads=[np.zeros((2, 2))])
    inside = Held([Keeping(W=[np.eye(2)], dW=[None])], list)
    for layer, word in [
        (listed, "grads"),
        (Keeping(W=[np.eye(2)], dW=[None]), "W"),
        (Keeping(Ws={"q": np.eye(2)}, dWs={}), "Ws"),
        (InClass(), "W"),
        (inside, "W"),
    ]:
        for use in (
            lambda layer=layer: chain(Mine=layer, a=affine()).params,
            lambda layer=layer: chain(Mine=layer, a=affine()).gradient(X, [0, 1]),
            lambda layer=layer: check_layer(layer, X),
        ):
            with pytest.raises(TypeError, match=word):
                use()


def test_two_parameters_never_share_a_key():
    names = [f"Scale{i}" for i in range(1, 12)]
    layers = {name: Keeping(W=np.ones(2), dW=None) for name in names}
    layers["Scale1"] = Keeping(W1=np.ones(2), dW1=None)  # W1 and 1; of the eleventh W and 11
    with pytest.raises(ValueError, match="W11"):
        _ = chain(**layers).params


def test_a_backward_that_makes_nan_is_named_before_an_update():
    class Root(Keeping):
        def forward(self, x):
            self.out = np.sqrt(x)
            return self.out

        def backward(self, dout):
            return dout / (2 * self.out)

    network = chain(Affine1=affine(), Relu1=Relu(), Root1=Root(), Affine2=affine())
    x = np.array([[1.0, -1], [4, 9]])  # Relu makes 0 of -1, where the slope of a root is infinite
    before = network.params.copy()
    with pytest.raises(FloatingPointError, match="^Root1"):
        network.gradient(x, [0, 1])
    with pytest.raises(FloatingPointError, match="Root1"):
        train(network, (x, np.array([0, 1])), (x, np.array([0, 1])), iters_num=3)
    for key, param in network.params.items():
        same(param, before[key])


# Layers written the textbook's way


class BookAffine:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.x = self.original_x_shape = None
        self.dW, self.db = None, None

    def forward(self, x):
        self.original_x_shape = x.shape
        self.x = x.reshape(len(x), -1)
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        self.dW, self.db = np.dot(self.x.T, dout), np.sum(dout, axis=0)
        return np.dot(dout, self.W.T).reshape(*self.original_x_shape)


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9, running_mean=None, running_var=None):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean, self.running_var = running_mean, running_var
        self.batch_size = self.xc = self.xn = self.std = None
        self.dgamma, self.dbeta = None, None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean, self.running_var = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        if not train_flg:
            xn = (x - self.running_mean) / np.sqrt(self.running_var + 1e-6)
            return self.gamma * xn + self.beta
        mu, var, old = x.mean(axis=0), x.var(axis=0), self.momentum
        self.batch_size, self.xc, self.std = len(x), x - mu, np.sqrt(var + 1e-6)
        self.xn = self.xc / self.std
        self.running_mean = old * self.running_mean + (1 - old) * mu
        self.running_var = old * self.running_var + (1 - old) * var
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta, self.dgamma = dout.sum(axis=0), np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dstd = -np.sum(dxn * self.xc, axis=0) / self.std**2
        dxc = dxn / self.std + self.xc * dstd / (self.std * self.batch_size)
        return dxc - dxc.mean(axis=0)


class Convolution:
    """x (N, C, H, H), W (F, C, K, K): all windows of x, K high and wide, in one product with W."""

    def __init__(self, W, b):
        self.W, self.b, self.stride, self.pad = W, b, 1, 0
        self.x = self.col = None
        self.dW, self.db = None, None

    def forward(self, x):
        K = self.W.shape[-1]
        self.x, self.col = x, sliding_window_view(x, (K, K), axis=(2, 3))
        out = np.tensordot(self.col, self.W, [(1, 4, 5), (1, 2, 3)]) + self.b
        return out.transpose(0, 3, 1, 2)

    def backward(self, dout):
        self.db = dout.sum(axis=(0, 2, 3))
        self.dW = np.tensordot(dout, self.col, [(0, 2, 3), (0, 2, 3)])
        dx, K = np.zeros_like(self.x), self.W.shape[-1]
        for i, j in np.ndindex(dout.shape[2:]):
            dx[:, :, i : i + K, j : j + K] += np.tensordot(dout[:, :, i, j], self.W, 1)
        return dx


BOOK = {
    "Affine": (BookAffine, "W b"),
    "BatchNormalization": (BatchNormalization, "gamma beta"),
    "Convolution": (Convolution, "W b"),
    "Relu": (Relu, ""),
}


@parametrize(
    "chained, shapes, shape_of_x",
    [
        ("Affine Relu Affine", [(6, 4), 4, (4, 3), 3], (5, 6)),
        ("Affine Relu Affine", [(12, 4), 4, (4, 3), 3], (5, 3, 2, 2)),
        ("Affine BatchNormalization Relu Affine", [(6, 4), 4, 4, 4, (4, 3), 3], (5, 6)),
        ("BatchNormalization Affine", [6, 6, (6, 3), 3], (5, 6)),
        ("Convolution Relu Affine", [(2, 1, 3, 3), 2, (32, 3), 3], (4, 1, 6, 6)),
        (
            "Convolution Relu Convolution Affine",
            [(2, 1, 3, 3), 2, (3, 2, 2, 2), 3, (27, 3), 3],
            (4, 1, 6, 6),
        ),
    ],
)
def test_the_textbooks_layers_are_layers_here_as_they_stand(chained, shapes, shape_of_x):
    rng, kinds, layers, keys = np.random.default_rng(3), chained.split(), OrderedDict(), []
    arrays = iter([rng.standard_normal(shape) for shape in shapes])
    for i, kind in enumerate(kinds):
        make, names = BOOK[kind]
        layers[f"{kind}{i}"] = make(*(next(arrays) for _ in names.split()))
        number = sum(each != "Relu" for each in kinds[: i + 1])
        keys += [f"{name}{number}" for name in names.split()]
    network = Network(layers, SoftmaxWithLoss())
    assert list(network.params) == keys
    x, (t, rows) = rng.standard_normal(shape_of_x), labels("numbers", shape_of_x[0], 3, rng)
    assert_agrees_with_autograd(network, x, t, rows, kinds)
    assert check_gradient(network, x, t).ok
    before = network.loss(x, t)
    for key, gradient in network.gradient(x, t).items():
        network.params[key] -= 0.01 * gradient
    assert network.loss(x, t) < before


# Accuracy


def test_accuracy_counts_over_the_whole_batch_and_takes_1000_at_a_time():
    numbers = np.arange(2500) % 3
    x = np.eye(3)[numbers]  # the scores: highest in that class
    t = numbers.copy()
    t[1500:2000] += 1  # 500 wrong ones, somewhere in the middle
    t %= 3
    network, sizes = chain(Affine1=affine(3, 3)), []
    forward = network.layers["Affine1"].forward
    network.layers["Affine1"].forward = lambda x: sizes.append(len(x)) or forward(x)
    for form in (t, np.eye(3, dtype=int)[t], 0.4 * np.eye(3)[t] + 0.2, t.tolist(), t * 1.0):
        assert network.accuracy(x, form) == 0.8
    assert network.accuracy(x, numbers) == 1
    assert network.accuracy(x, (numbers + 1) % 3) == 0
    assert max(sizes) == 1000


@parametrize("N", [1, 999, 1000, 1001])
def test_accuracy_takes_every_batch_size(N):
    t = np.zeros(N, int)
    t[-1] = 1  # only the last sample is right
    assert chain(Affine1=affine(3, 3)).accuracy(np.tile([0, 1.0, 0], (N, 1)), t) == 1 / N


class Centering(Keeping):
    """Mixes the samples: out = x - their mean, or if it isn't in training, - 0.5."""

    def forward(self, x):
        return x - (x.mean(axis=0) if vars(self).get("train_flg", True) else 0.5)


class Noise(Keeping):
    def forward(self, x):
        random = vars(self).get("train_flg", True)
        return x + (np.random.standard_normal(x.shape) if random else 0)


@parametrize("layer", [Centering, Noise, BatchNormalization])
def test_accuracy_warns_if_scores_depend_on_other_samples_or_on_chance(layer):
    layer = layer(np.ones(2), np.zeros(2)) if layer is BatchNormalization else layer()
    network = chain(Affine1=affine(), Flagged=Noise(train_flg=True), Mine=layer)
    x = np.random.default_rng(0).standard_normal((5, 2))
    with pytest.warns(UserWarning, match="Mine") as caught:
        accuracy = network.accuracy(x, [0, 1, 0, 1, 0])
    assert 0 <= accuracy <= 1
    assert [warning.filename for warning in caught] == [__file__]


def test_accuracy_leaves_what_its_last_batch_left_in_the_layers():
    x = np.random.default_rng(0).standard_normal((1003, 2))
    for layer in (Relu(), Centering(), Noise(train_flg=True)):
        network = chain(Affine1=affine(), Mine=layer)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network.accuracy(x, np.arange(1003) % 2)
        same(network.layers["Affine1"].x, x[1000:])


def test_accuracy_counts_what_an_overridden_predict_returns():
    class Contrary(Network):
        def predict(self, x):
            return -super().predict(x)

    network = Contrary(OrderedDict(Affine1=affine()), SoftmaxWithLoss())
    assert network.accuracy(X, [1, 1]) == 0 and network.accuracy(X, [0, 0]) == 1


@parametrize("kind", [Centering, Noise])
@parametrize("flag", [True, False])
def test_accuracy_sets_train_flg_to_false_and_puts_it_back(kind, flag):
    network = chain(Affine1=affine(), Mine=kind(train_flg=flag), Yours=kind(train_flg=not flag))
    # - 1 or + 0 changes no order: class 1 scores highest in all three. Their mean would be 0.
    assert network.accuracy([[1, 2], [3, 5], [1, 1.5]], [1, 1, 0]) == 2 / 3
    with pytest.raises(ValueError):
        network.accuracy(np.zeros((2, 5)), [0, 0])
    flags = [vars(layer).get("train_flg") for layer in network.layers.values()]
    assert flags == [None, flag, not flag]


# Numbers


@parametrize("x_dtype", ["f4", "f8", "u1"])
@parametrize("t", [[1, 0], [1.0, 0.0], np.eye(2)[::-1]], ids=["int", "float", "rows"])
@parametrize("dtype", ["f4", "f8"])
def test_a_network_stays_in_its_dtype(dtype, x_dtype, t):
    network = MultiLayerNet(2, [3, 4], 2, dtype=dtype, rng=0)
    network.layers["Sigmoid2"] = Sigmoid()
    network.layers.move_to_end("Affine3")
    met, last = set(), network.lastLayer

    def watch(method):
        def watched(array):
            out = method(array)
            met.update({array.dtype, out.dtype})
            return out

        return watched

    for layer in network.layers.values():
        layer.forward = watch(layer.forward)
    for layer in [*network.layers.values()][:-1]:  # the last one takes what lastLayer returns
        layer.backward = watch(layer.backward)
    for key, grad in network.gradient(X.astype(x_dtype), np.array(t)).items():
        network.params[key] -= 0.1 * grad
        network.params[key] = network.params[key] - np.float64(0.1) * grad
        met |= {grad.dtype, network.params[key].dtype}
    met |= {network.dtype, network.predict(X).dtype, last.y.dtype}
    assert met == {np.dtype(dtype)}
    assert last.backward().dtype == dtype


@BY_HAND
def test_float32_gives_the_same_numbers_to_its_precision(t):
    network = by_hand(np.float32)
    assert network.loss(X, t) == pytest.approx(LOSS, rel=1e-6)
    for key, gradient in network.gradient(X, t).items():
        assert gradient.dtype == np.float32
        close(gradient, GRADIENT[key], rtol=1e-5, atol=1e-6)


def test_float64_is_the_default_and_what_the_numerical_gradient_needs():
    assert TwoLayerNet(2, 3, 2).dtype == MultiLayerNet(2, [3], 2).dtype == np.float64
    assert chain(Relu1=Relu()).dtype == np.float64  # also where there are no parameters
    network = TwoLayerNet(2, 3, 2, dtype="float32")
    assert network.dtype == np.float32
    with pytest.raises(TypeError, match="float32"):
        network.numerical_gradient(X, [0, 1])


# The networks of ch05


def test_the_signature_is_the_chapters():
    parameters = inspect.signature(TwoLayerNet).parameters
    chapters = ["input_size", "hidden_size", "output_size", "weight_init_std"]
    assert list(parameters) == [*chapters, "dtype", "rng"]
    network = TwoLayerNet(input_size=3, hidden_size=4, output_size=2, weight_init_std=0.1)
    assert {key: param.shape for key, param in network.params.items()} == SHAPES


@parametrize(
    "network, kinds",
    [
        (TwoLayerNet(5, 4, 2), "Affine1 Relu1 Affine2"),
        (MultiLayerNet(5, [4, 3], 2), "Affine1 Relu1 Affine2 Relu2 Affine3"),
        (MultiLayerNet(5, (4,), 2, activation="sigmoid"), "Affine1 Sigmoid1 Affine2"),
        (MultiLayerNet(5, np.array([4]), 2), "Affine1 Relu1 Affine2"),
        (MultiLayerNet(5, [], 2), "Affine1"),
    ],
)
def test_layers_stand_under_the_names_of_their_kind(network, kinds):
    assert type(network.layers) is OrderedDict and list(network.layers) == kinds.split()
    for name, layer in network.layers.items():
        assert type(layer).__name__ == name[:-1]
    assert type(network.lastLayer) is SoftmaxWithLoss
    sizes = {1: [5, 2], 2: [5, 4, 2], 3: [5, 4, 3, 2]}[kinds.count("Affine")]
    for i, (D, M) in enumerate(zip(sizes, sizes[1:]), start=1):
        assert network.params[f"W{i}"].shape == (D, M) and network.params[f"b{i}"].shape == (M,)


@parametrize("std", [0.01, 1, 0.5])
@parametrize("dtype", [np.float32, np.float64])
def test_seed_0_gives_the_books_draws(std, dtype):
    np.random.seed(0)
    networks = [
        TwoLayerNet(3, 4, 2, std, dtype=dtype),
        MultiLayerNet(3, [4], 2, weight_init_std=std, dtype=dtype),
    ]
    np.random.seed(0)
    for network in networks:
        same(network.params["W1"], (std * np.random.randn(3, 4)).astype(dtype))
        same(network.params["W2"], (std * np.random.randn(4, 2)).astype(dtype))
        assert not network.params["b1"].any() and not network.params["b2"].any()
    # By default a hundredth: seed 0 draws 1.76405235, 0.40015721, 0.97873798, 2.2408932, ...
    np.random.seed(0)
    want = [0.0176405235, 0.0040015721, 0.0097873798, 0.022408932]
    close(TwoLayerNet(3, 4, 2).params["W1"][0], want, atol=5e-11)


def test_a_seed_gives_one_stream_for_all_weights():
    draws = np.random.default_rng(5)
    W1, W2, W3 = (draws.standard_normal((3, 3)) for _ in range(3))
    np.random.seed(0)
    for make in (lambda: 5, lambda: np.random.default_rng(5)):
        two = TwoLayerNet(3, 3, 3, 1, rng=make())
        three = MultiLayerNet(3, [3, 3], 3, weight_init_std=1, rng=make())
        for network, key, want in ((two, "W1", W1), (two, "W2", W2), (three, "W3", W3)):
            same(network.params[key], want)
    # The global state is where it was: at seed 0's first draw.
    assert np.random.standard_normal() == pytest.approx(1.76405235, abs=5e-9)


@parametrize(
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


def test_networks_introduce_themselves():
    head, *lines = repr(TwoLayerNet(784, 50, 10)).splitlines()
    assert head.split() == ["TwoLayerNet:", "39,760", "parameters,", "float64"]
    assert [line.split()[0] for line in lines] == ["Affine1", "Relu1", "Affine2", "lastLayer"]
    # 784 * 50 + 50 = 39,250 and 50 * 10 + 10 = 510
    assert [line.split()[-1] for line in lines] == ["39,250", "Relu()", "510", "SoftmaxWithLoss()"]
    assert "Affine(784 -> 50)" in lines[0] and "Affine(50 -> 10)" in lines[2]
    one = repr(chain(Mine=LeakyRelu(0.5), Affine1=affine())).splitlines()  # LeakyRelu has none
    assert len(one) == 4 and one[1].split()[-1] == "1" and one[2].split()[-1] == "6"


# Training


class WithMomentum(TwoLayerNet):
    """gradient returns its own arrays, which it goes on using."""

    def gradient(self, x, t):
        grad = super().gradient(x, t)
        if not hasattr(self, "v"):
            self.v = {key: np.zeros_like(each) for key, each in grad.items()}
        for key in grad:
            self.v[key] = 0.9 * self.v[key] + grad[key]
        self.kept = dict(self.v)
        return self.v


def test_train_leaves_the_gradients_as_they_are():
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((20, 4)), rng.integers(3, size=20)
    network, twin = (WithMomentum(4, 5, 3, 0.5, rng=1) for _ in range(2))
    train(network, (x, t), (x, t), iters_num=5, batch_size=20, rng=2)
    draws = np.random.default_rng(2)
    for _ in range(5):
        mask = draws.choice(20, 20)
        grad = twin.gradient(x[mask], t[mask])
        for key, param in twin.params.items():
            param -= 0.1 * grad[key]
    for key, param in network.params.items():
        np.testing.assert_allclose(param, twin.params[key], rtol=1e-12)
