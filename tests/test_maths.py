"""Functions and layers: numbers worked on paper, and published figures.

An expected number stands beside its arithmetic. log(3), say, is a score whose exp is 3.
"""

import copy
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from readers import memory_for

import common.functions
import common.layers
from common.functions import cross_entropy_error, log_softmax, sigmoid, softmax
from common.guards.guarded import guarded
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss

e, log, parametrize = math.e, np.log, pytest.mark.parametrize


def read_only(array):
    array = np.array(array)
    array.setflags(write=False)
    return array


@parametrize("module, names", [
    (common.functions, "sigmoid log_softmax softmax cross_entropy_error"),
    (common.layers, "Affine Relu Sigmoid SoftmaxWithLoss"),
])  # fmt: skip
def test_import_star_gives_what_the_chapter_names(module, names):
    given = {}
    exec(f"from {module.__name__} import *", given)
    assert given.keys() >= set(names.split())


# The functions

FUNCTIONS = sigmoid, softmax, log_softmax
P = np.array([[1 / 8, 2 / 8, 5 / 8], [3 / 10, 3 / 10, 4 / 10]])
SCORES = log([[1.0, 2, 5], [3, 3, 4]])  # exp sums to 8 and to 10, so softmax gives P
# 1, 3 (sum 4); 1, 1 (sum 2); 4, 1 (sum 5); 1, 9 (sum 10): a stack of two batches.
STACK = log([[[1, 3], [1, 1]], [[4, 1], [1, 9]]])
OF_STACK = np.array([[[1 / 4, 3 / 4], [1 / 2, 1 / 2]], [[4 / 5, 1 / 5], [1 / 10, 9 / 10]]])


@parametrize("function, x, want, rtol", [
    # exp(-log 3) = 1/3, and 1 / (1 + 1/3) = 3/4. The others likewise.
    (sigmoid, [[0, log(3)], [-log(9), log(1.5)]], [[1 / 2, 3 / 4], [1 / 10, 3 / 5]], 1e-15),
    (sigmoid, 0, 1 / 2, 0),
    (sigmoid, np.zeros((2, 1, 4)), np.full((2, 1, 4), 1 / 2), 0),
    (softmax, SCORES, P, 1e-15),
    (log_softmax, SCORES[0], log(P[0]), 1e-14),  # one sample
    (softmax, STACK, OF_STACK, 1e-14),
    (log_softmax, STACK, log(OF_STACK), 1e-14),
    *[(function, np.zeros((0, 3)), np.zeros((0, 3)), 0) for function in FUNCTIONS],
    # log(exp(-1e4) / (1 + exp(-1e4))) = -1e4 - log(1 + exp(-1e4)) = -1e4 - 0
    (log_softmax, [0, -1e4], [0, -1e4], 0),
    # The textbook's own figures.
    (softmax, [0.3, 2.9, 4.0], [0.01821127, 0.24519181, 0.73659691], 5e-7),
    (softmax, [1010, 1000, 990], [9.99954600e-01, 4.53978686e-05, 2.06106005e-09], 5e-7),
])  # fmt: skip
def test_functions_by_hand(function, x, want, rtol):
    out = function(x)
    assert out.shape == np.shape(want)
    assert_allclose(out, want, rtol=rtol)


@parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_of_huge_numbers_is_exact_without_a_warning(dtype):
    big = np.finfo(dtype).max
    x = np.array([-big, -1e30, -1000, 1000, 1e30, big], dtype)
    assert_array_equal(sigmoid(x), [0, 0, 0, 1, 1, 1])
    # exp(x) / (1 + exp(x)) with exp(x) = 1e-30: the sum is 1 in floats, and no digit is lost.
    x = np.array([-30 * log(10)], dtype)
    assert_allclose(sigmoid(x), [1e-30], rtol=100 * np.finfo(dtype).eps)


HALVES = np.array([[1 / 2, 1 / 2, 0], [0, 1 / 4, 3 / 4]])
# -(1/2 log 1/8 + 1/2 log 2/8) = (3 log 2 + 2 log 2) / 2 = 5/2 log 2 in the first row,
# -(1/4 log 3/10 + 3/4 log 4/10) in the second; then the mean of the two.
LOSS_OF_HALVES = (5 / 2 * log(2) - log(0.3) / 4 - 3 / 4 * log(0.4)) / 2


@parametrize("y, t, want", [
    (P, [0, 2], log(20) / 2),  # (-log 1/8 - log 4/10) / 2 = log(8 * 10/4) / 2
    (P, [[1, 0, 0], [0, 0, 1]], log(20) / 2),
    (P, HALVES, LOSS_OF_HALVES),
    (P[0], 1, log(4)),  # one sample: -log 2/8
    (P[0], [1], log(4)),
    (P[0], [0, 1, 0], log(4)),
    (P[0], HALVES[0], 5 / 2 * log(2)),
    ([[1e-30, 1]], [0], 30 * log(10)),  # + 1e-7, as often used, would make it 7 log(10)
    ([[1, 0]], [1], math.inf),
    ([[1, 0]], [[0, 1]], math.inf),
    ([[1, 0]], [[1, 0]], 0),  # 0 log 0 counts as 0, not as nan
    ([[1, 0]], [0], 0),
])  # fmt: skip
def test_cross_entropy_by_hand(y, t, want):
    with np.errstate(divide="ignore"):
        loss = cross_entropy_error(read_only(y), read_only(t))
    assert type(loss) is float and loss == pytest.approx(want, rel=1e-14)


OF_0_AND_1 = {
    sigmoid: [1 / 2, e / (1 + e)],
    softmax: [1 / (1 + e), e / (1 + e)],
    log_softmax: [-log(1 + e), 1 - log(1 + e)],
}


@parametrize("function", OF_0_AND_1)
@parametrize("came, stays", [("f4", "f4"), ("f8", "f8"), ("i8", "f8"), ("u1", "f8"), ("f2", "f8")])
def test_floats_keep_their_dtype_and_other_numbers_become_float64(function, came, stays):
    x = read_only(np.array([0, 1], came))  # in unsigned bytes 0 - 1 would be 255
    out = function(x)
    assert out.dtype == stays and not np.may_share_memory(out, x)
    assert_allclose(out, OF_0_AND_1[function], rtol=1e-6 if came == "f4" else 1e-14)


# Affine

X = np.array([[1.0, 2], [3, 4], [5, 6]])  # (N, D) = (3, 2)
W = np.array([[1.0, 0, -1], [2, 1, 0]])  # (D, M) = (2, 3)
B = np.array([10.0, 20, 30])
# 1*1 + 2*2 + 10    1*0 + 2*1 + 20    1*(-1) + 2*0 + 30
# 3*1 + 4*2 + 10    3*0 + 4*1 + 20    3*(-1) + 4*0 + 30
# 5*1 + 6*2 + 10    5*0 + 6*1 + 20    5*(-1) + 6*0 + 30
OUT = [[15, 22, 29], [21, 24, 27], [27, 26, 25]]

DOUT = np.array([[1.0, 0, 2], [0, -1, 1], [3, 1, 0]])  # (N, M)
# dx = dout W^T:  1*1 + 0*0 + 2*(-1)    1*2 + 0*1 + 2*0
#                 0*1 - 1*0 + 1*(-1)    0*2 - 1*1 + 1*0
#                 3*1 + 1*0 + 0*(-1)    3*2 + 1*1 + 0*0
AFFINE_DX = [[-1, 2], [-1, -1], [3, 7]]
# dW = x^T dout:  1*1 + 3*0 + 5*3    1*0 + 3*(-1) + 5*1    1*2 + 3*1 + 5*0
#                 2*1 + 4*0 + 6*3    2*0 + 4*(-1) + 6*1    2*2 + 4*1 + 6*0
DW = [[16, 2, 5], [20, 2, 8]]
DB = [4, 0, 3]  # 1 + 0 + 3    0 - 1 + 1    2 + 1 + 0: the sum over the batch, not its mean


def affine(dtype=np.float64):
    return Affine(W.astype(dtype), B.astype(dtype))


@parametrize("dtype", [np.float32, np.float64])
@parametrize("came", ["f2", "f4", ">f4", "f8", "i1", "i8"])
def test_affine_by_hand_in_the_dtype_of_W_whatever_comes(dtype, came):
    layer = affine(dtype)
    out = layer.forward(X.astype(came))
    dx = layer.backward(DOUT.astype(came))
    assert_array_equal(layer.dW, DW)
    layer.need_dx = False
    assert layer.backward(DOUT.astype(came)) is None  # and the rest as before
    for got, want in [(out, OUT), (dx, AFFINE_DX), (layer.dW, DW), (layer.db, DB)]:
        assert got.dtype == dtype
        assert_array_equal(got, want)


@parametrize("shape", [(3, 2), (3, 1, 2, 1), (3, 2, 1), (3, 1, 1, 2)])
def test_affine_takes_images_and_dx_has_their_shape(shape):
    layer = affine()
    assert_array_equal(layer.forward(X.reshape(shape)), OUT)
    assert_array_equal(layer.backward(DOUT), np.reshape(AFFINE_DX, shape))
    assert_array_equal(layer.forward(X[1:2].reshape(1, *shape[1:])), OUT[1:2])  # a batch of one
    assert_array_equal(layer.backward(DOUT[1:2]), np.reshape(AFFINE_DX[1], (1, *shape[1:])))
    assert_array_equal(layer.dW, [[0, -3, 3], [0, -4, 4]])  # 3 and 4 times (0, -1, 1)
    assert_array_equal(layer.db, [0, -1, 1])


def test_affine_uses_the_arrays_it_is_given_and_makes_floats_of_lists():
    mine_W, mine_b = W.copy(), B.copy()
    layer = Affine(mine_W, mine_b)
    assert layer.W is mine_W and layer.b is mine_b and layer.dW is None and layer.db is None
    layer = Affine([[1, 0, -1], [2, 1, 0]], [10, 20, 30])
    assert layer.W.dtype == layer.b.dtype == np.float64
    assert_array_equal(layer.forward(X.tolist()), OUT)


def test_after_a_refused_x_backward_asks_for_forward_and_then_works_again():
    layer = affine()
    layer.forward(X)
    with pytest.raises(ValueError):
        layer.forward(np.zeros((2, 5)))
    with pytest.raises(AttributeError, match="forward"):
        layer.backward(DOUT)
    layer.forward(X)
    assert_array_equal(layer.backward(DOUT), AFFINE_DX)


# Relu and Sigmoid


def test_relu_by_hand():
    layer = Relu()
    out = layer.forward(np.array([[1.0, -2, 0], [-0.5, 3, 1e-300]]))
    assert_array_equal(out, [[1, 0, 0], [0, 3, 1e-300]])
    dx = layer.backward(np.array([[1.0, 2, 3], [4, -5, 6]]))
    assert_array_equal(dx, [[1, 0, 0], [0, -5, 6]])  # at x = 0 it is 0
    assert_array_equal(layer.forward([-np.inf, np.inf]), [0, np.inf])
    assert layer.forward(np.array([0, 255], np.uint8)).dtype == np.float64


def test_sigmoid_layer_by_hand():
    # out is 3/4, 1/4, 1/2, 9/10, and out (1 - out) is 3/16, 3/16, 1/4, 9/100.
    layer = Sigmoid()
    out = layer.forward([[log(3), -log(3)], [0, log(9)]])
    assert_allclose(out, [[3 / 4, 1 / 4], [1 / 2, 9 / 10]], rtol=1e-15)
    assert_allclose(layer.backward([[16, -32], [3, 200]]), [[3, -6], [3 / 4, 18]], rtol=1e-14)
    layer.forward([-1e4, 1e4])  # flat there
    assert_array_equal(layer.backward([1, 1]), [0, 0])


# SoftmaxWithLoss

NUMBERS = np.array([2, 0])
ONE_HOT = np.array([[0, 0, 1], [1, 0, 0]])
# -(log 5/8 + log 3/10) / 2 = log(8/5 * 10/3) / 2
LOSS = log(16 / 3) / 2
# (y - t) / 2: 1 is taken from y at class 2 in the first row, at class 0 in the second.
DX = np.array([[1 / 16, 2 / 16, -3 / 16], [-7 / 20, 3 / 20, 4 / 20]])
# 1/8 - 1/2 = -3/8    1/4 - 1/2 = -1/4    5/8 - 0
# 3/10 - 0    3/10 - 1/4 = 1/20    4/10 - 3/4 = -7/20, all of them over N = 2
DX_OF_HALVES = np.array([[-3 / 16, -1 / 8, 5 / 16], [3 / 20, 1 / 40, -7 / 40]])


@parametrize("dtype", [np.float32, np.float64])
@parametrize("t, loss, dx", [
    (NUMBERS.tolist(), LOSS, DX), (ONE_HOT, LOSS, DX), (ONE_HOT > 0, LOSS, DX),
    (NUMBERS.astype(np.uint8), LOSS, DX), (HALVES, LOSS_OF_HALVES, DX_OF_HALVES),
])  # fmt: skip
def test_softmax_with_loss_by_hand(t, loss, dx, dtype):
    layer, rtol = SoftmaxWithLoss(), 1e-6 if dtype == np.float32 else 1e-14
    got = layer.forward(SCORES.astype(dtype), t)
    assert type(got) is float and got == layer.loss == pytest.approx(loss, rel=rtol)
    assert layer.y.dtype == layer.t.dtype == dtype
    assert_allclose(layer.y, P, rtol=rtol)
    assert_array_equal(layer.t, HALVES if dx is DX_OF_HALVES else ONE_HOT)
    assert_allclose(layer.backward(), dx, rtol=rtol)
    for dout in (-3, 0.5, np.float32(2), np.float64(3), np.array(4.0), 0):
        got = layer.backward(dout=dout)
        assert got.dtype == dtype
        assert_allclose(got, float(dout) * dx, rtol=rtol)


def test_labels_may_change_after_forward():
    for t in (NUMBERS.copy(), ONE_HOT.copy(), ONE_HOT.astype(float)):
        layer = SoftmaxWithLoss()
        layer.forward(SCORES, t)
        t[...] = 1
        assert_allclose(layer.backward(), DX, rtol=1e-14)


def test_rows_that_nearly_sum_to_1_have_the_gradient_of_their_loss():
    # They are divided by their sum, 0.9996. With y = (1/2, 1/2) the loss is log 2 then.
    layer = SoftmaxWithLoss()
    assert layer.forward([[0, 0]], [[0.7, 0.2996]]) == pytest.approx(log(2), rel=1e-12)
    want = [[0.5 - 0.7 / 0.9996, 0.5 - 0.2996 / 0.9996]]
    assert_allclose(layer.backward(), want, rtol=1e-12)


def test_float32_rows_sum_to_1_as_nearly_as_float64_can():
    t = np.random.default_rng(0).dirichlet(np.ones(5), 100).astype(np.float32)
    layer = SoftmaxWithLoss()
    layer.forward(np.zeros((100, 5)), t)
    assert np.abs(layer.t.sum(axis=1) - 1).max() < 1e-15


@parametrize("t", [[0], [[1, 0]]], ids=str)
def test_a_loss_of_0_is_not_printed_as_minus_0(t):
    assert str(SoftmaxWithLoss().forward([[1e4, 0]], t)) == "0.0"
    assert str(cross_entropy_error([[1, 0]], t)) == "0.0"
    assert str(cross_entropy_error(t=t, y=[[1, 0]])) == "0.0"


def test_the_last_layer_takes_memory_for_its_scores_and_no_more():
    """200,000 scores in float32 are 0.8 MB. A table of classes by classes would take 160 GB."""
    scores, layer = np.zeros((1, 200_000), np.float32), SoftmaxWithLoss()
    most = memory_for(lambda: [layer.forward(scores, [7]), layer.backward()])
    assert most < 10 * scores.nbytes


# What holds for every layer

CASES = {
    "Affine": (affine, [X], DOUT),
    "Affine, images": (affine, [X.reshape(3, 1, 2, 1)], DOUT),
    "Relu": (Relu, [DOUT - 0.5], DOUT),
    "Sigmoid": (Sigmoid, [X], X),
    "SoftmaxWithLoss, numbers": (SoftmaxWithLoss, [SCORES, NUMBERS], np.array(2.0)),
    "SoftmaxWithLoss, one-hot": (SoftmaxWithLoss, [SCORES, ONE_HOT], np.array(2.0)),
    "SoftmaxWithLoss, rows": (SoftmaxWithLoss, [SCORES, HALVES], np.array(2.0)),
}
EVERY_LAYER = parametrize("make, arguments, dout", CASES.values(), ids=CASES)


@EVERY_LAYER
def test_each_backward_returns_an_array_of_its_own_and_belongs_to_the_last_forward(
    make, arguments, dout
):
    layer, fresh = make(), make()
    if make is affine:
        layer.W, layer.b = read_only(layer.W), read_only(layer.b)
    *arguments, dout = map(read_only, (*arguments, dout))  # to write into these raises
    layer.forward(*(a[:1] for a in arguments))  # another batch
    out = layer.forward(*arguments)
    fresh.forward(*arguments)
    dx = layer.backward(dout)
    for array in (*arguments, dout):
        assert not np.may_share_memory(dx, array)
        assert not np.may_share_memory(np.asarray(out), array)
    once = dx.copy()
    dx += 1
    assert_array_equal(layer.backward(dout), once)
    assert_array_equal(layer.backward(-4 * dout), -4 * fresh.backward(dout))
    assert_array_equal(copy.deepcopy(layer).backward(dout), once)
    assert once.any() and (once != dx).all()


@EVERY_LAYER
def test_backward_before_forward_and_a_dout_of_another_shape_are_refused(make, arguments, dout):
    layer = make()
    with pytest.raises(AttributeError, match=type(layer).__name__):
        layer.backward(dout)
    assert not hasattr(copy.deepcopy(layer), "out")
    layer.forward(*arguments)
    for shape in [(3,), (1, 3), (3, 1), (2, 2), (3, 4), (1, 3, 3), (2, 3)]:
        with pytest.raises(ValueError):  # NumPy would stretch some of these shapes
            layer.backward(np.ones(shape))
    with pytest.raises(ValueError):
        layer.backward(None)


# What can't be

LABELS = [
    *[[0, 3], [0, -1], [0, 0.5], [0, np.nan], [0, np.inf], [0, 1e30]],  # no class numbers
    *[[[0, 1]], [0], [0, 1, 2], 1, [[1, 0], [0, 1]]],  # other shapes
    *[[[1, 1, 0], [1, 0, 0]], [[2, -1, 0], [1, 0, 0]], [[0, 0, 0], [1, 0, 0]]],
    *[[[np.nan, 0, 1], [1, 0, 0]], [[1 / 3, 1 / 3, 0.33], [1, 0, 0]]],  # a sum of 0.9967
]
NO_NUMBERS = [["a"], [1j], None]
REFUSED = [
    (ValueError, lambda t: SoftmaxWithLoss().forward(SCORES, t), LABELS),
    (ValueError, lambda t: cross_entropy_error(P, t), LABELS),
    *[(TypeError, function, NO_NUMBERS) for function in FUNCTIONS],
    (ValueError, softmax, [np.zeros((2, 0)), np.zeros(0)]),
    (ValueError, lambda shape: affine().forward(np.zeros(shape)),
     [(), (2,), (3,), (2, 5), (3, 3), (1, 3), (0, 3), (3, 1, 4), (3, 2, 2)]),
    (ValueError, lambda shapes: Affine(*map(np.ones, shapes)),
     [((2, 3), (2,)), ((2, 3), (1, 3)), ((2, 3), ()), ((3,), (3,)), ((0, 3), (3,))]),
    # A class that keeps the array it gave would go on with one that isn't trained.
    (TypeError, lambda dtypes: Affine(W.astype(dtypes[0]), B.astype(dtypes[1])),
     [("f4", "f8"), ("f8", "f4"), ("i8", "f8"), ("f8", "f2")]),
    (ValueError, lambda x: SoftmaxWithLoss().forward(x, [0, 0]),
     [[0.0, 1], np.zeros((2, 2, 1)), 0.0, np.zeros((0, 2)), [[0, np.nan]] * 2]),
    (ValueError, lambda y: cross_entropy_error(y, [0]),
     [[[1.0, 2.0]], [[1.5, -0.5]], [[0.4, 0.4]], [[np.nan, 1]], 1.0, [[[1.0]]]]),
    (ValueError, lambda std: Affine.random(2, 3, std), ["glorot"]),
]  # fmt: skip


@parametrize("error, call, argument", [(e, call, a) for e, call, each in REFUSED for a in each])
def test_what_doesnt_fit_is_refused(error, call, argument):
    with pytest.raises(error):
        call(argument)


def test_a_layer_that_is_added_to_the_page_is_looked_at_too():
    def forward(self, x):
        return np.exp(x)  # of 1000 it is beyond all floats

    forward.__module__ = "common.layers"
    methods = {
        "forward": forward,
        "backward": lambda self, dout: dout,
        "__module__": "common.layers",
    }
    layer = guarded(type("Exp", (), methods | {"__init__": lambda self, base: None}))("e")
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError):
        layer.forward([1000.0])
