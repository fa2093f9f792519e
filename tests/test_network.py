"""The chain, what it learns, its params as a dict, and the two networks of ch05/.

That networks of all kinds agree with autograd stands in test_laws.py, the words of the errors in
test_mistakes.py: here are numbers from paper, the kind of an error, and the layer that it names.
"""

import contextlib
import copy
import functools
import inspect
import itertools
import pickle
import signal
import sys
import traceback
import types
import warnings
from collections import OrderedDict, deque

import numpy as np
import pytest
from readers import SHAPES, InPlace, LeakyRelu, Mine, chain, held, network_3_4_2

from ch05.multi_layer_net import MultiLayerNet
from ch05.train_neuralnet import train
from ch05.two_layer_net import TwoLayerNet
from common.check import check_gradient, check_layer
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network

parametrize = pytest.mark.parametrize
log, same, close = np.log, np.testing.assert_array_equal, np.testing.assert_allclose
KEYS, FOUR = ["W1", "b1", "W2", "b2"], np.random.default_rng(1).standard_normal((3, 4))


def affine(D=2, M=2):
    return Affine(np.eye(D, M), np.zeros(M))


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


def by_hand():
    network = TwoLayerNet(2, 3, 2)
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


@parametrize("t", [[1, 0], [[0, 1], [1, 0]], [[0, 1.0], [1.0, 0]]])
def test_the_network_on_paper(t):
    network, t = by_hand(), np.array(t)
    close(network.predict(X), SCORES, rtol=1e-14, atol=1e-15)
    loss = network.loss(X, t)
    assert type(loss) is float and loss == pytest.approx(LOSS, rel=1e-14)
    # Both samples score highest in class 1: the first is right, the second wrong.
    accuracy = network.accuracy(X, t)
    assert type(accuracy) is float and accuracy == 0.5
    gradient = network.gradient(X, t)
    network.gradient(3 * X, [0, 0])  # the first gradient stays
    for layer in (*network.layers.values(), network.lastLayer):
        layer.backward = lambda dout=1: pytest.fail("a numerical gradient called backward")
    numerical = network.numerical_gradient(X, t)
    assert type(gradient) is type(numerical) is dict
    assert list(gradient) == list(numerical) == KEYS
    for key, want in GRADIENT.items():
        close(gradient[key], want, rtol=1e-13, atol=1e-16)
        close(numerical[key], want, rtol=1e-6, atol=1e-9)
        same(network.params[key], PARAMS[key])


# The chain: forward in order, backward in reverse


def test_forward_goes_along_the_chain_and_backward_goes_back():
    record = []

    def layer(digit):
        """It makes 10 x + digit of x, and 10 dout + digit of dout, and writes both down."""

        def step(self, given):
            record.append((digit, np.sum(given)))
            return 10 * given + digit

        return Mine(step, step)

    last = SoftmaxWithLoss()
    last.forward = lambda x, t: record.append((x.tolist(), t)) or 7.0
    last.backward = lambda dout=1: record.append(dout) or 9
    network = Network(OrderedDict(c=layer(1), a=layer(2), b=layer(3)), last)
    assert network.predict([[0]]).tolist() == [[123]]
    assert network.loss([[0]], "t as it came") == 7.0
    forward = [(1, 0), (2, 1), (3, 12)]
    assert record == [*forward, *forward, ([[123]], "t as it came")]
    record.clear()
    assert network.gradient([[0]], [0]) == {}
    assert record == [*forward, ([[123]], [0]), 1, (3, 9), (2, 93), (1, 932)]
    network.layers.move_to_end("c")  # the order is read at each call
    assert network.predict([[0]]).tolist() == [[231]]
    network.gradient([[0]], [0])
    assert record[-3:] == [(1, 9), (3, 91), (2, 913)]


def test_layers_replaced_added_or_removed_take_part_at_once():
    network = by_hand()
    network.layers["Affine2"] = new = Affine(np.ones((3, 2)), np.array([0.0, 5]))
    assert network.params["W2"] is new.W and network.params["b2"] is new.b
    network.layers["Relu2"] = Relu()
    network.layers["Affine3"] = Affine(np.array([[2.0, 0], [0, 1]]), np.array([1.0, 0]))
    assert list(network.gradient(X, [0, 0])) == list(network.params) == [*KEYS, "W3", "b3"]
    # 2 7 and 1 6 come from 1 1 0 and 0 1 0, and then 2 * 2 + 1, 2 * 1 + 1.
    close(network.predict(X), [[5, 7], [3, 6]], rtol=1e-14)

    network.layers["Affine1"] = twin = Affine(*[network.params[key] for key in ("W1", "b1")])
    same(network.gradient(X, [0, 1])["W1"], twin.dW)

    del network.layers["Affine1"]
    assert list(network.params) == KEYS and network.params["W1"] is new.W
    network.layers["Affine0"] = first = affine(2, 3)
    network.layers.move_to_end("Affine0", last=False)
    assert network.params["W1"] is first.W and network.params["W2"] is new.W
    network.layers = OrderedDict(only=new)
    new.b = np.array([1.0, 2])  # an array replaced on the layer
    assert list(network.params) == ["W1", "b1"] and network.params["b1"] is new.b


class Counted(np.ndarray):
    """W whose transpose is counted: only dx needs it."""

    @property
    def T(self):
        Counted.asked += 1
        return super().T


@parametrize("name, replaced, asked", [("a", 0, 0), ("b", 0, 1), ("c", 0, 1), ("a", 1, 1)])
def test_the_first_affine_leaves_out_its_dx_and_no_other_layer_does(name, replaced, asked):
    network, Counted.asked = chain(**{each: affine() for each in "abc"}), 0
    layer = network.layers[name]
    layer.W = layer.W.view(Counted)
    if replaced:  # a backward of the reader's own may use its dx
        own = functools.wraps(Affine.backward)(lambda self, dout: Affine.backward(self, dout))
        layer.backward = types.MethodType(own, layer)
    gradient = network.gradient(X, [1, 0])
    assert Counted.asked == asked and list(gradient) == [*KEYS, "W3", "b3"]
    assert layer.backward(np.ones((2, 2))).shape == (2, 2)  # called alone, it has one


# Errors in the chain


@parametrize("method", ["forward", "backward"])
@parametrize("error, named", [
    (ZeroDivisionError("no luck"), True),
    (ZeroDivisionError(), True),
    (ZeroDivisionError(X), False),  # no text to put a name before
    (KeyboardInterrupt("stop"), False),
])  # fmt: skip
def test_an_error_in_a_layer_bears_its_name_and_keeps_its_kind(error, named, method):
    def fail(self, _):
        raise raised

    raised, layer = copy.copy(error), Mine(**{method: fail})
    with pytest.raises(type(error)) as caught:
        chain(Affine1=affine(), Odd=layer, Affine2=affine()).gradient(X, [0, 1])
    assert caught.value is raised
    assert "Odd" in str(raised) if named else raised.args == error.args


def test_a_layer_that_stops_is_not_called_again():
    calls = []
    with pytest.raises(KeyError, match="b"):
        chain(Stop=Mine(lambda self, x: calls.append(x) or {}["b"])).predict(X)
    assert len(calls) == 1


def test_a_wrong_label_has_a_short_traceback():
    with pytest.raises(ValueError, match="lastLayer") as caught:
        by_hand().gradient(X, [0, 2])
    caller, *ours = traceback.extract_tb(caught.value.__traceback__)
    assert caller.filename == __file__ and 1 <= len(ours) <= 4
    assert caught.value.__cause__ is None and caught.value.__context__ is None  # and only one


@parametrize("errors", ["warn", "raise"])
@parametrize("method", ["loss", "gradient", "accuracy", "train"])
@parametrize("change, name", [
    (lambda net: net.params["W1"].fill(1.5e308), "Affine1"),  # 1 * 1.5e308 + 2 * 1.5e308
    (lambda net: net.params["W2"].fill(1.5e308), "Affine2"),  # the largest float is 1.8e308
    (lambda net: net.layers.update(Relu1=Mine(lambda self, x: np.sqrt(x))), "Relu1"),  # of -1: nan
])  # fmt: skip
def test_what_is_not_finite_is_an_error_with_the_layers_name(change, name, method, errors):
    network, data = by_hand(), (X, np.array([0, 1]))
    change(network)
    before = network.params.copy()
    with warnings.catch_warnings(), np.errstate(all=errors):
        warnings.simplefilter("error")
        with pytest.raises(FloatingPointError, match=name):
            if method == "train":
                train(network, data, data, iters_num=3)
            else:
                getattr(network, method)(*data)
    for key, param in network.params.items():
        same(param, before[key])


@parametrize("errors", ["warn", "raise", "print"])
def test_numpys_settings_make_no_difference_and_are_as_before_afterwards(errors):
    apart = chain(Affine1=Affine(np.array([[1.5e308, -1.5e308]]), np.zeros(2)))
    # sigmoid(-500) = 7e-218, times 1e-200 in backward: too small for a float, and 0 is right.
    first, second = Affine(np.eye(2), np.full(2, -500.0)), Affine(1e-200 * np.eye(2), np.zeros(2))
    small = chain(Affine1=first, Sigmoid1=Sigmoid(), Affine2=second)
    with np.errstate(all=errors):
        before = np.geterr()
        with pytest.raises(FloatingPointError, match="lastLayer"):
            apart.loss([[1]], [1])
        assert not small.gradient(X, [0, 1])["W1"].any()
        assert np.geterr() == before


def test_an_error_of_a_layer_that_is_not_in_the_chain_is_told_as_it_is():
    """Another layer's, kept as self.layer, or that of a layer which has replaced itself."""

    def replaced(self, x):
        network.layers["Mine"] = Relu()
        raise ZeroDivisionError("no luck")

    network = chain(Mine=Mine(replaced), a=affine())
    with pytest.raises(ZeroDivisionError, match="no luck"):
        network.predict(X)
    wrap = Mine(lambda self, x: self.layer.forward(x), layer=affine(5, 3))
    with pytest.raises(ValueError, match="^Wrap: "):
        chain(Wrap=wrap, a=affine()).predict(X)


# Params is a dict


def own(network, key):
    return getattr(network.layers[f"Affine{key[1]}"], key[0])


def values_of(network):
    return {key: own(network, key).tolist() for key in KEYS}


def test_params_is_a_dict_of_the_layers_own_arrays():
    network = network_3_4_2()
    params = network.params
    assert isinstance(params, dict)
    assert list(params) == [*params.keys()] == KEYS and len(params) == 4
    assert "b2" in params and "b3" not in params and params.get("W3") is None
    for key in KEYS:
        array = own(network, key)
        assert params[key] is params.get(key) is dict(params)[key] is {**params}[key] is array
    assert {key: param.shape for key, param in params.items()} == SHAPES
    assert repr(params) == "Params(W1 (3, 4), b1 (4,), W2 (4, 2), b2 (2,))"
    assert (params | {"b2": 5})["b2"] == 5 and params["b2"].tolist() == [0, 0]  # another dict


@parametrize("key", KEYS)
def test_a_step_in_place_and_an_assignment_both_reach_the_layer(key):
    network = network_3_4_2()
    old = own(network, key)
    before, step = old.copy(), np.arange(old.size, dtype=float).reshape(old.shape)
    network.params[key] -= step
    same(old, before - step)
    assert network.params[key] is old is own(network, key)
    network.params[key] = step
    step += 1  # stays the caller's
    same(own(network, key), step - 1)
    same(old, before - (step - 1))  # an array read before keeps its numbers
    assert network.params[key] is own(network, key)


def test_an_old_value_can_be_brought_back_and_networks_or_layers_can_swap():
    network, other = network_3_4_2(), network_3_4_2(seed=1)
    params, before, others = network.params, values_of(network), values_of(other)
    old = params["W1"]
    params["W1"] = old + 1
    params["W1"] = old
    assert values_of(network) == before
    params["W1"], other.params["W1"] = other.params["W1"], params["W1"]
    params["b1"] -= 1  # the two share nothing
    assert values_of(network)["W1"] == others["W1"]
    assert values_of(other) == others | {"W1": before["W1"]}
    square = TwoLayerNet(3, 3, 3, weight_init_std=1, rng=0)
    W1, W2 = square.params["W1"].copy(), square.params["W2"].copy()
    square.params.update(W1=square.params["W2"], W2=square.params["W1"])
    square.params["W1"] = square.params["W1"].T
    same(square.params["W1"], W2.T)
    same(square.params["W2"], W1)


def test_a_params_taken_before_goes_on_working():
    network, trained = network_3_4_2(), network_3_4_2(seed=1)
    old = network.params
    network.params = trained.params
    assert {key: array.tolist() for key, array in old.items()} == values_of(trained)
    old["b2"] -= [3, 4]
    assert values_of(network)["b2"] == [-3, -4]
    network.layers["Affine2"].W = np.ones((4, 2))
    old["W2"] = np.zeros((4, 2))  # is meant for the layer that is there now
    assert not network.layers["Affine2"].W.any()
    network.layers["Affine2"] = affine(4, 2)
    old["b2"] = [5, 6]
    network.gradient(np.ones((1, 3)), [0])
    old["b2"] -= [4, 4]
    assert values_of(network)["b2"] == [1, 2]


@parametrize("write", [
    lambda network, values: network.params.update(list(values.items())),
    lambda network, values: network.params.update(**values),
    lambda network, values: setattr(network, "params", values),
], ids=["pairs", "keywords", "params ="])  # fmt: skip
def test_several_are_written_together_or_none(write):
    network, other = network_3_4_2(), network_3_4_2(seed=1)
    others = values_of(other)
    write(network, other.params)
    assert values_of(network) == values_of(other) == others
    for key, array in network.params.items():
        assert not np.shares_memory(array, other.params[key])
    write(network, {**network.params, "b2": [7, 8]})  # the others stay
    assert values_of(network) == {**others, "b2": [7, 8]}
    write(network, other.params)
    new = dict(network_3_4_2(seed=2).params)
    for key, wrong in [("b2", [0, np.nan]), ("b2", ["a", "b"]), ("W3", [1])]:
        with pytest.raises((KeyError, TypeError, ValueError), match=key):
            write(network, {**new, key: wrong})
        assert values_of(network) == others


@parametrize("copied", [
    lambda params: params.copy(),
    copy.deepcopy,
    lambda params: pickle.loads(pickle.dumps(params)),
    lambda params: np.array(params).item().copy(),  # np.save makes such an array
], ids=["copy", "copy.deepcopy", "pickle", "np.save"])  # fmt: skip
def test_a_copy_of_params_keeps_the_values_of_now_and_nothing_else(copied):
    network = network_3_4_2()
    network.accuracy(np.ones((10_000, 3)), np.zeros(10_000, int))  # the layers keep arrays of it
    before = values_of(network)
    best = copied(network.params)
    assert type(best) is dict and len(pickle.dumps(best)) < 2000
    for param in network.params.values():
        param += 1
    assert {key: value.tolist() for key, value in best.items()} == before
    network.params.update(best)
    assert values_of(network) == before


@parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_whole_network_may_be_copied(copied):
    for network in (by_hand(), MultiLayerNet(2, [3], 2, "sigmoid", rng=0)):
        fresh = copied(network)
        loss = network.loss(X, [1, 0])
        assert fresh.loss(X, [1, 0]) == copied(network).loss(X, [1, 0]) == loss
        fresh.params["b2"] += [1, 0]
        assert network.loss(X, [1, 0]) == loss != fresh.loss(X, [1, 0])


# What a layer learns


def test_a_layer_that_keeps_a_and_da_learns_a():
    network = chain(Leak1=LeakyRelu(0.25))
    # scores 2 and -1; y of class 1 is s = 1 / (1 + e^3), and dscores are -s and s; da = -4 s
    gradient = network.gradient([[2, -4]], [0])
    assert list(gradient) == list(network.params) == ["a1"]
    close(gradient["a1"], -4 / (1 + np.e**3), rtol=1e-14)
    for each in gradient.values():
        each *= 0.5  # one number is an array too, which can be clipped in place
    close(gradient["a1"], -2 / (1 + np.e**3), rtol=1e-14)
    network.params["a1"] -= 0.125
    assert network.predict([[2, -4]]).tolist() == [[2, -0.5]]
    network.params["a1"] = 0.5
    assert network.predict([[2, -4]]).tolist() == [[2, -2]]


def keeping(name):
    """What a layer keeps that holds its input under this name, and dout beside it."""
    code = f"""
def forward(self, x):
    self.{name} = x
    return x
def backward(self, dout):
    self.d{name} = dout
    return dout
"""
    exec(code, keep := {})
    return {each: keep[each] for each in ("forward", "backward")} | {name: None, f"d{name}": None}


def scale(**kept):
    """What a layer keeps with out = g x."""

    def forward(self, x):
        self.x = x
        return self.g * x

    def backward(self, dout):
        self.dg = (dout * self.x).sum(axis=0)
        return dout * self.g

    return {"forward": forward, "backward": backward, "g": np.array([2.0, 3]), **kept}


def helping(self, x):
    self.inner = Affine(self.W, np.zeros(2))  # made again, with the layer's own W
    return self.inner.forward(x)


def helped_back(self, dout):
    dx, self.dW = self.inner.backward(dout), self.inner.dW
    return dx


def constant(self, x):
    self.x = X  # the same array each time
    return x


@parametrize("kept, keys", [
    ({**keeping("x"), "forward": constant}, []),
    ({"forward": helping, "backward": helped_back, "W": np.eye(2), "dW": None}, ["W1"]),
    *[(scale(dg=dg), ["g1"]) for dg in (None, 0, 0.0, np.float32(0), np.zeros(2))],
    *[(keeping(name), []) for name in ("x", "out", "y", "t")],
    ({"type": "linear", "W": np.eye(2), "params": [], "grads": []}, []),
    ({"dW": 0, "params": [X], "h": 8, "dh": 64, "k": (3, 3), "dk": (1, 1)}, []),  # no gradients
    ({"inner": Sigmoid(), "teacher": by_hand(), "network": chain(a=affine())}, []),
    ({**scale(dg=None), "inner": Mine(**scale(dg=np.zeros(2)))}, ["g1", "g2"]),
])  # fmt: skip
def test_what_a_layer_keeps_is_learnt_if_its_gradient_stands_beside_it(kept, keys):
    network, number = chain(Mine=Mine(**kept), a=affine()), len(keys) + 1
    for _ in range(2):
        gradient = network.gradient(X, [0, 1])
        assert list(gradient) == list(network.params) == [*keys, f"W{number}", f"b{number}"]


def multiply(self, x):
    self.x, self.Z = x, x @ self.W
    return np.tanh(self.Z)


def helped(self, x):
    self.multiply(x)
    return np.tanh(self.Z)


def dropping(self, x):
    self.mask = np.random.random(x.shape) > 0.5  # what it multiplies by is drawn each time
    return self.multiply(x * self.mask)


def pruning(self, x):
    self.W *= [[1, 0], [1, 1]]
    return self.multiply(x)


def dense(forward=multiply, start=None):
    """out = tanh(x W). It keeps x W in Z for backward, with its gradient dZ beside it."""

    def backward(self, dout):
        self.dZ = dout * (1 - np.tanh(self.Z) ** 2)
        self.dW = self.x.T @ self.dZ
        return self.dZ @ self.W.T

    W = np.array([[1.0, 2], [-1, 0.5]])
    layer = Mine(forward, backward, W=W, dW=None, Z=copy.copy(start), dZ=copy.copy(start))
    type(layer).multiply, type(layer).start = multiply, start  # without a gradient: not learnt
    return layer


def used(layer):
    layer.backward(layer.forward(X))
    return layer


@parametrize("forward", [multiply, helped, dropping, pruning])
@parametrize("start", [None, np.zeros(2), np.zeros((2, 2))], ids=["None", "row", "array"])
@parametrize("prepare", [
    lambda layer: layer, used, lambda layer: copy.deepcopy(used(layer)), lambda layer: held([layer])
], ids=["new", "used", "copy", "inside"])  # fmt: skip
def test_what_forward_makes_each_time_is_no_parameter(forward, start, prepare, tmp_path):
    network, fresh = (chain(Mine=prepare(dense(forward, start))) for _ in range(2))
    assert list(network.params) == ["W1"]
    network.predict(X)
    for _ in range(2):
        assert list(network.gradient(X, [0, 1])) == list(network.params) == ["W1"]
    assert list(copy.deepcopy(network).params) == ["W1"] and ": 4 parameters" in repr(network)
    network.save(tmp_path / "w.npz")
    fresh.load(tmp_path / "w.npz")
    if forward not in (dropping, pruning):
        assert list(chain(Mine=dense(forward, start)).numerical_gradient(X, [0, 1])) == ["W1"]
        report = check_gradient(chain(Mine=prepare(dense(forward))), X, [0, 1])
        assert report and list(report) == ["W1"] and report.unseen == []


def buffered(self, x):
    """It writes Z again into the same array, so that forward seems to leave it in place."""
    self.Z = np.empty((len(x), 2)) if self.Z is None else self.Z
    self.x = x
    return np.tanh(np.dot(x, self.W, out=self.Z))


def carried(self, x):
    """Z of the call before has a part in it, as the state of a recurrent layer may have."""
    before = 0 if self.Z is None else self.Z
    self.x, self.Z = x, x @ self.W + 0 * before
    return np.tanh(self.Z)


@parametrize("forward", [buffered, carried])
@parametrize("call", [
    lambda network: network.gradient(X, [0, 1]),
    lambda network: network.numerical_gradient(X, [0, 1]),
    lambda network: check_gradient(network, X, [0, 1]),
    lambda network: check_layer(network.layers["Mine"], X),
])  # fmt: skip
def test_a_cache_that_looks_like_a_parameter_is_refused_and_never_accused(forward, call):
    with pytest.raises(TypeError, match="Mine: .* if Z isn't learnt, call its gradient grad_Z"):
        call(chain(Mine=dense(forward)))


def weighted(self, x):
    """It builds W in the first call."""
    if self.x is None:
        self.W = np.eye(2)
    self.x = x
    return x @ self.W


@parametrize("call", [
    lambda network: [network.gradient(X, [0, 1]) for _ in range(2)],
    lambda network: check_gradient(network, X, [0, 1]),
    lambda network: check_layer(network.layers["Mine"], X),
])  # fmt: skip
def test_a_parameter_that_the_first_call_builds_is_refused(call):
    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T

    with pytest.raises(TypeError, match="Mine: expected W built in __init__"):
        call(chain(Mine=Mine(weighted, backward, x=None, dW=None), a=affine()))


def test_what_is_called_mean_in_x_is_not_what_the_layer_calls_so():
    def forward(self, x):
        self.mean = x.mean(axis=0)
        return x - self.mean

    network = chain(Odd=Mine(forward, mean=None, dmean=None), a=affine())
    network.loss(X, [0, 1])
    assert list(network.params) == ["W1", "b1"]


def test_a_cache_that_the_base_class_makes_is_none_in_the_child():
    class Child(Affine):
        def forward(self, x):
            out = super().forward(x)
            self.share = (self.x > 0).mean()
            return out

        def backward(self, dout):
            self.dx = super().backward(dout)
            return self.dx

    layer = Child(np.eye(2), np.zeros(2))
    layer.x = layer.dx = None
    assert list(chain(Child=layer).gradient(X, [0, 1])) == ["W1", "b1"]


def test_a_file_of_the_readers_may_have_the_name_of_one_of_pythons(monkeypatch):
    own, layer = types.ModuleType("turtle"), Mine(**scale(dg=None))
    own.__file__, type(layer).__module__ = "turtle.py", "turtle"
    monkeypatch.setitem(sys.modules, "turtle", own)
    network = Network(OrderedDict(enumerate([layer, affine()])), SoftmaxWithLoss())
    assert list(network.gradient(X, [0, 1])) == ["g1", "W2", "b2"]


def test_a_state_that_is_carried_on_trains_and_is_no_parameter():
    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return x - self.mean

    network = chain(Odd=Mine(forward, mean=np.zeros(2)), Affine1=affine())
    assert list(network.gradient(X, [0, 1])) == ["W1", "b1"]
    # The mean of x is 1/2 3/2. A look has no part in it: it is a tenth of this after one forward.
    close(network.layers["Odd"].mean, [0.05, 0.15], rtol=1e-15)


def test_the_numerical_gradient_calls_loss_as_often_as_it_says():
    class Counting(Network):
        calls = 0

        def loss(self, x, t):
            self.calls += 1
            return super().loss(x, t)

    network = Counting(OrderedDict(a=affine()), SoftmaxWithLoss())
    network.numerical_gradient(X, [0, 1])
    assert network.calls >= 2 * 6  # for each of the four W and two b


# What the caller gets is the caller's


def test_no_later_call_changes_a_gradient():
    samples = [(X[:1], [0]), (X[1:], [1]), (X[1:], [0]), (X[:1], [1])]
    network, right = chain(Mine=InPlace(np.eye(2), np.zeros(2))), chain(Affine1=affine())
    gradients = [network.gradient(*sample)["W1"] for sample in samples]
    check_gradient(network, X, [0, 1])
    network.layers["Mine"].backward(np.ones((1, 2)))
    for gradient, sample in zip(gradients, samples):
        same(gradient, right.gradient(*sample)["W1"])


# One layer in two places


@parametrize("layers, names", [
    (lambda one: dict(a=one, b=one), "a b"),
    (lambda one: dict(a=Mine(first=one, second=one)), "a.first a.second"),
    (lambda one: dict(a=Mine(kept=(one, one))), "a.kept[0] a.kept[1]"),
    (lambda one: dict(a=Mine(kept=np.array([one, one], object))), "a.kept[0] a.kept[1]"),
    (lambda one: dict(a=Mine(kept={"x": one, "y": one})), "a.kept['x'] a.kept['y']"),
    (lambda one: dict(a=held([Relu(), one]), b=held([Relu(), one])), "a.kept[1] b.kept[1]"),
    (lambda one: dict(a=held([held([one])]), b=Mine(inner=one)), "a.kept[0].kept[0] b.inner"),
])  # fmt: skip
@parametrize("one", [Relu, affine, dense])
def test_one_layer_in_two_places_is_refused_by_both_names(layers, names, one):
    with pytest.raises(ValueError) as caught:
        chain(**layers(one()))
    first, again = names.split()
    assert str(caught.value).startswith(f"{again}: ") and f"{first} again" in str(caught.value)


def test_a_layer_of_the_chain_may_be_referred_to_and_a_list_may_name_it_twice():
    one = affine()
    refers, both = Mine(encoder=one), Mine(inner=one, layers=[one])
    inside = {"a": held([refers, one])}
    for layers in ({"a": one, "b": refers}, {"b": refers, "a": one}, {"a": both}, inside):
        assert list(chain(**layers).params) == ["W1", "b1"]


def test_a_layer_that_equals_the_one_that_it_replaces_takes_its_place():
    class Equal(Mine):
        """Equal to any other of its kind, as a dataclass may be."""

        __eq__, __hash__ = lambda self, other: isinstance(other, Equal), None

    one, two = (Equal(**scale(dg=None)) for _ in range(2))
    network = chain(Yours=one, Affine1=affine())
    assert network.params["g1"] is one.g
    network.layers["Yours"] = two
    assert network.params["g1"] is two.g


# Layers inside a layer


class Listed(list):
    """A layer that is itself a list of layers."""

    def forward(self, x):
        return held(self).forward(x)

    def backward(self, dout):
        return held(self).backward(dout)


WAYS = {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "array of objects": lambda layers: np.array(layers, object),
    "values": lambda layers: dict(zip("abc", layers)).values(),
    "mapping": lambda layers: OrderedDict((f"{i}", layer) for i, layer in enumerate(layers)),
    "layer": held,
    "plain object": lambda layers: types.SimpleNamespace(**dict(zip("abc", layers))),
    "one inside another": lambda layers: {"all": [held(layers[:1]), layers[1:]]},
    "a layer that is a list": Listed,
}


@parametrize("keep", WAYS.values(), ids=WAYS)
def test_layers_inside_a_layer_learn_however_they_are_kept(keep):
    rng = np.random.default_rng(4)
    arrays = [rng.standard_normal(shape) for shape in [(2, 3), 3, (3, 2), 2, (2, 2), 2]]
    inner = [Affine(*arrays[:2]), Sigmoid(), Affine(*arrays[2:4])]
    network = chain(Block1=held(inner, keep), Affine1=Affine(*arrays[4:]))
    assert list(network.gradient(X, [0, 1])) == list(network.params) == [*KEYS, "W3", "b3"]
    for key, want in zip(network.params, arrays, strict=True):
        same(network.params[key], want)
    assert check_gradient(network, X, [0, 1]) and check_layer(network.layers["Block1"], X)
    network.params["W2"] += 1
    same(inner[2].W, network.params["W2"])
    inner[0].backward = lambda dout: Affine.backward(inner[0], 2 * dout)
    report = check_gradient(network, X, [0, 1])
    assert report.failed == ["W1", "b1"] and report.suspects == ["Block1"]
    assert check_layer(network.layers["Block1"], X).failed == ["W1", "b1", "x"]


def test_defaults_in_a_class_change_neither_the_keys_nor_what_is_allowed():
    class Early:
        parts, more, t, dt, kind = (), (), (0, 1), 0.1, Relu

    class Later(Early):
        def __init__(self):
            self.first, self.parts = affine(), [affine()]

        def forward(self, x):
            return self.parts[0].forward(self.first.forward(x))

        def backward(self, dout):
            return self.first.backward(self.parts[0].backward(dout))

    layer = Later()
    params = chain(Later=layer).params
    assert params["W1"] is layer.first.W and params["W2"] is layer.parts[0].W
    assert len(params) == 4


def test_what_a_layer_refers_to_stays_where_it_belongs():
    """Another network, the network itself, the next layer; or lastLayer the layers of the chain."""
    teacher, data = by_hand(), (X, np.array([0, 1]))
    frozen = Mine(lambda self, x: self.teacher.predict(x), lambda self, dout: 0 * dout)
    network = chain(Frozen=frozen, a=affine(), b=affine())
    frozen.teacher, frozen.network, frozen.next = teacher, network, network.layers["a"]
    last = type("Own", (SoftmaxWithLoss,), {})()
    last.layers = network.layers  # for weight decay, for instance
    network.lastLayer = last
    assert list(network.gradient(*data)) == list(network.params) == KEYS
    train(network, data, data, iters_num=3, batch_size=2)
    for key, array in teacher.params.items():
        same(array, PARAMS[key])
    assert [line.split()[-1] for line in repr(network).splitlines()[2:4]] == ["6", "6"]


# Accuracy


def test_accuracy_counts_over_the_whole_batch_and_takes_1000_at_a_time():
    numbers = np.arange(2500)
    x = np.eye(3)[numbers % 3]  # the scores: highest in that class
    numbers[1500:2000] += 1  # 500 wrong ones, somewhere in the middle
    t = numbers % 3
    network, sizes = chain(Affine1=affine(3, 3)), []
    forward = network.layers["Affine1"].forward
    network.layers["Affine1"].forward = lambda x: sizes.append(len(x)) or forward(x)
    assert network.accuracy(x, t) == network.accuracy(x, 0.4 * np.eye(3)[t] + 0.2) == 0.8
    assert max(sizes) == 1000
    for N in (1, 999, 1000, 1001):
        t = np.zeros(N, int)
        t[-1] = 1  # only the last sample is right
        assert network.accuracy(np.tile([0, 1.0, 0], (N, 1)), t) == 1 / N


def centering(self, x):
    """Mixes the samples: out = x - their mean, or if it isn't in training, - 0.5."""
    return x - (x.mean(axis=0) if self.train_flg else 0.5)


def test_accuracy_counts_what_an_overridden_predict_returns_and_leaves_x_as_it_is():
    predict = {"predict": lambda self, x: np.negative(Network.predict(self, x), out=x)}
    network = type("Contrary", (Network,), predict)(OrderedDict(a=affine()), SoftmaxWithLoss())
    x = X.copy()
    assert network.accuracy(x, [1, 1]) == 0 and network.accuracy(x, [0, 0]) == 1
    same(x, X)


@parametrize("flag", [True, False])
def test_accuracy_sets_train_flg_to_false_and_puts_it_back(flag):
    inner = Mine(centering, train_flg=flag)
    block = held([inner])
    block.again, block.block, block.ring = inner, block, []  # the same object, and rings
    block.ring.append(block.ring)
    network = chain(Affine1=affine(), Block=block)
    # - 0.5 changes no order: class 1 scores highest in all three. Their mean would be 0.
    assert network.accuracy([[1, 2], [3, 5], [1, 1.5]], [1, 1, 0]) == 2 / 3
    with pytest.raises(ValueError):
        network.accuracy(np.zeros((2, 5)), [0, 0])
    assert inner.train_flg is flag
    network.layers["Fixed"] = Mine(lambda self, x: x + np.zeros((3, 2)))  # takes batches of 3 only
    assert network.accuracy([[1, 2], [3, 5], [1, 1.5]], [1, 1, 0]) == 2 / 3


# A look leaves no trace


class Pressing(np.ndarray):
    """Ctrl-C arrives while its numbers are put back."""

    def __setitem__(self, place, values):
        super().__setitem__(place, values)
        signal.raise_signal(signal.SIGINT)


class Restless:
    """In forward it changes all that it keeps; out is x, or x is written into, and out the same."""

    writes = False

    def __init__(self, call=0, error=None):
        self.mean, self.sum, self.train_flg = np.zeros(4), np.zeros(4), False
        self.sum = self.sum.view(Pressing) if error == 1 else self.sum
        self.count, self.log, self.by_size = 0, [], {3: []}
        self.recent, self.inner = deque([1], 2), np.array([Mine(n=0)], object)
        self.rng, self.old = np.random.default_rng(0), np.random.RandomState(0)
        self.met = {0}
        calls = itertools.count(1)
        self.fail = lambda: error and next(calls) == call

    def forward(self, x):
        self.mean = 0.9 * self.mean + x.mean(axis=0)
        self.sum += x.sum(axis=0)
        self.new, self.count, self.train_flg = x, self.count + 1, not self.train_flg
        self.log.append(len(x))
        self.by_size[len(x)] = self.log
        self.met.add(self.count)
        self.recent.append(self.rng.random() + np.random.random() + self.old.standard_normal())
        self.inner[0].n += 1
        self.next.b += 1e-300  # which changes no score
        if self.fail():
            raise self.error
        return np.subtract(x, 1, out=x) if self.writes else x + 0.0

    def backward(self, dout):
        self.sum -= 1
        return dout


def state_of(thing):
    """All that a network keeps, in words and numbers that can be compared."""
    if hasattr(thing, "standard_normal"):
        return copy.deepcopy(thing).standard_normal(2).tolist()
    if isinstance(thing, (list, tuple, deque, np.ndarray)):
        return [state_of(each) for each in thing]
    if isinstance(thing, dict):
        return {key: state_of(each) for key, each in thing.items() if key not in KNOWN}
    return state_of(vars(thing)) if hasattr(thing, "forward") else copy.deepcopy(thing)


KNOWN = "_out", "fail"  # the shape of the last out is no trace
LOOKS = {
    "check_gradient": lambda network, x: check_gradient(network, x, [0, 1, 2]),
    "check_layer": lambda network, x: check_layer(network.layers["Restless"], x),
    "numerical_gradient": lambda network, x: network.numerical_gradient(x, [0, 1, 2]),
    "accuracy": lambda network, x: network.accuracy(x, [0, 1, 2]),
}


@parametrize("look", LOOKS)
@parametrize("call,error", [(0, 0), (0, 1), (1, ValueError), (2, KeyError), (5, KeyboardInterrupt)])
@parametrize("writes, module", [
    (False, "readers"),
    (True, "common.layers"),  # a layer may be added to the page
    (False, "builtins"),  # a class that exec has made
])  # fmt: skip
def test_a_look_leaves_no_trace(look, call, error, writes, module):
    layer = type("Restless", (Restless,), {"__module__": module})(call, error)
    layer.error, layer.writes = error, writes
    network = chain(Restless=layer, Affine1=affine(4, 4), Relu1=Relu(), Affine2=affine(4, 3))
    layer.next, x = network.layers["Affine1"], FOUR.copy()

    def everything():
        drawn = [*np.random.get_state()]
        return state_of([layer, network.lastLayer, network.params.copy(), drawn])

    before = everything()
    with contextlib.suppress(ValueError, KeyError, KeyboardInterrupt):
        LOOKS[look](network, x)
    np.testing.assert_equal(everything(), before)
    same(x, FOUR)


@parametrize("name, place", [
    ("loss", lambda network: network),
    ("forward", lambda network: network.lastLayer),
    ("forward", lambda _: SoftmaxWithLoss),
])  # fmt: skip
def test_a_look_calls_what_a_reader_has_put_in_the_place_of_a_method(name, place, monkeypatch):
    network, t = chain(Affine1=affine(4, 3)), [0, 1, 2]
    grad, thing = network.numerical_gradient(FOUR, t), place(network)
    assert not {"predict", "loss"}.intersection(vars(network))
    method = getattr(thing, name)
    monkeypatch.setattr(thing, name, lambda *args: 2 * method(*args))
    for key, of_twice in network.numerical_gradient(FOUR, t).items():  # d(2 L)/dW = 2 dL/dW
        np.testing.assert_allclose(of_twice, 2 * grad[key], rtol=1e-6, atol=1e-9)


@parametrize("call", ["predict", "loss", "gradient"])
def test_a_callers_x_and_what_came_out_stay_as_they_are(call):
    first = Mine(lambda self, x: np.subtract(x, 1, out=x))
    last = Mine(lambda self, x: np.add(x, 1, out=self.out), out=np.empty((3, 4)))
    network, x = chain(First=first, Last=last), FOUR.copy()
    scores = network.predict(x)
    getattr(network, call)(2 * x, *[[0, 1, 2]] * (call != "predict"))
    np.testing.assert_allclose(scores, FOUR)  # x - 1 + 1
    same(x, FOUR)


# Numbers


@parametrize("dtype", ["f4", "f8"])
def test_a_network_stays_in_its_dtype(dtype):
    met, seen = set(), Mine(*[lambda self, array: met.add(array.dtype) or array] * 2)
    network = MultiLayerNet(2, [3], 2, "sigmoid", dtype=dtype)
    network.layers["Seen"] = seen
    for key, grad in network.gradient(X.astype("f4"), np.array([1.0, 0])).items():
        network.params[key] = network.params[key] - np.float64(0.1) * grad
        met |= {grad.dtype, network.params[key].dtype}
    met |= {network.dtype, network.predict(X).dtype, network.lastLayer.y.dtype}
    assert met == {np.dtype(dtype)}


# The networks of ch05


def test_the_signature_is_the_chapters():
    parameters = inspect.signature(TwoLayerNet).parameters
    chapters = ["input_size", "hidden_size", "output_size", "weight_init_std"]
    assert list(parameters) == [*chapters, "dtype", "rng"]
    network = TwoLayerNet(input_size=3, hidden_size=4, output_size=2, weight_init_std=0.1)
    assert {key: param.shape for key, param in network.params.items()} == SHAPES
    fixed = Mine(W=np.ones(2, np.float32))  # which isn't learnt
    assert network.dtype == chain(Relu1=Relu()).dtype == chain(Fixed=fixed).dtype == np.float64


@parametrize("network, kinds, sizes", [
    (TwoLayerNet(5, 4, 2), "Affine1 Relu1 Affine2", [5, 4, 2]),
    (MultiLayerNet(5, [4, 3], 2), "Affine1 Relu1 Affine2 Relu2 Affine3", [5, 4, 3, 2]),
    (MultiLayerNet(5, np.array([4]), 2, "sigmoid"), "Affine1 Sigmoid1 Affine2", [5, 4, 2]),
    (MultiLayerNet(5, (), 2), "Affine1", [5, 2]),
])  # fmt: skip
def test_layers_stand_under_the_names_of_their_kind(network, kinds, sizes):
    assert type(network.layers) is OrderedDict and list(network.layers) == kinds.split()
    names = [f"{type(layer).__name__}{name[-1]}" for name, layer in network.layers.items()]
    assert names == kinds.split()
    assert type(network.lastLayer) is SoftmaxWithLoss
    shapes = [shape for D, M in zip(sizes, sizes[1:]) for shape in [(D, M), (M,)]]
    assert [param.shape for param in network.params.values()] == shapes


@parametrize("dtype", [np.float32, np.float64])
def test_seed_0_gives_the_books_draws(dtype):
    np.random.seed(0)
    two = TwoLayerNet(3, 4, 2, 0.5, dtype=dtype)
    deep = MultiLayerNet(3, [4], 2, weight_init_std=0.5, dtype=dtype)
    np.random.seed(0)
    for network in (two, deep):
        same(network.params["W1"], (0.5 * np.random.randn(3, 4)).astype(dtype))
        same(network.params["W2"], (0.5 * np.random.randn(4, 2)).astype(dtype))
        assert not network.params["b1"].any() and not network.params["b2"].any()
    # By default a hundredth: seed 0 draws 1.76405235, 0.40015721, 0.97873798, 2.2408932, ...
    np.random.seed(0)
    want = [0.0176405235, 0.0040015721, 0.0097873798, 0.022408932]
    close(TwoLayerNet(3, 4, 2).params["W1"][0], want, atol=5e-11)


@parametrize("std, square", [
    (0.3, lambda D: 0.09), ("he", lambda D: 2 / D), ("relu", lambda D: 2 / D),
    ("xavier", lambda D: 1 / D), ("sigmoid", lambda D: 1 / D),
])  # fmt: skip
def test_a_seed_gives_one_stream_and_every_layer_the_std_of_its_inputs(std, square):
    draws, shapes = np.random.default_rng(5), [(3, 4), (4, 5), (5, 2)]
    want = [square(D) ** 0.5 * draws.standard_normal((D, M)) for D, M in shapes]
    np.random.seed(0)
    for rng in (5, np.random.default_rng(5)):
        network = MultiLayerNet(3, [4, 5], 2, weight_init_std=std, rng=rng)
        for i, W in enumerate(want, start=1):
            close(network.params[f"W{i}"], W, rtol=1e-15)
    if std not in ("relu", "sigmoid"):  # which the book has for MultiLayerNet only
        close(TwoLayerNet(3, 4, 5, std, rng=5).params["W2"], want[1], rtol=1e-15)
    if std == "he":  # which is the default of networks with Relu
        close(MultiLayerNet(3, [4, 5], 2, rng=5).params["W3"], want[2], rtol=1e-15)
    # The global state is where it was: at seed 0's first draw.
    assert np.random.standard_normal() == pytest.approx(1.76405235, abs=5e-9)


def test_networks_introduce_themselves():
    network = TwoLayerNet(784, 50, 10)
    network.layers |= {"Odd": LeakyRelu(0.5), "Sigmoid1": Sigmoid()}  # LeakyRelu has no repr
    # 784 * 50 + 50 = 39,250 and 50 * 10 + 10 = 510
    assert [line.split() for line in repr(network).splitlines()] == [
        ["TwoLayerNet:", "39,761", "parameters,", "float64"],
        ["Affine1", "Affine(784", "->", "50)", "39,250"],
        ["Relu1", "Relu()"],
        ["Affine2", "Affine(50", "->", "10)", "510"],
        ["Odd", "LeakyRelu", "1"],
        ["Sigmoid1", "Sigmoid()"],
        ["lastLayer", "SoftmaxWithLoss()"],
    ]


# Training


def test_train_leaves_the_gradients_as_they_are():
    """They may be the caller's own arrays, of which it makes the next ones, as momentum does."""
    network, data, kept = TwoLayerNet(2, 3, 2, 0.5, rng=1), (X, np.array([0, 1])), []
    gradient = network.gradient
    network.gradient = lambda *batch: kept.append([gradient(*batch) for _ in "12"]) or kept[-1][0]
    train(network, data, data, iters_num=3, batch_size=2)
    for grad, again in kept:
        for key in KEYS:
            same(grad[key], again[key])


def test_a_copy_that_is_made_during_a_call_looks_at_its_own_calls():
    """As one thread copies a network that another one trains."""
    copies = []
    network = chain(Spy=Mine(lambda self, x: copies.append(copy.deepcopy(network)) or x))
    network.predict(X)
    made = copies[0]
    made.layers["Spy"] = Mine(lambda self, x: np.exp(x + 1000))
    made.layers["Sigmoid1"] = Sigmoid()  # hides the inf
    with pytest.raises(FloatingPointError, match="Spy"):
        made.predict(X)
