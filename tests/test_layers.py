"""Every brick, forward and backward: numbers worked on paper, and derivatives by autograd."""

import math
import re
import tracemalloc

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss

log = np.log


def read_only(array):
    array = np.array(array)
    array.setflags(write=False)
    return array


def test_import_star_gives_the_layers_and_nothing_else():
    names = {}
    exec("from common.layers import *", names)
    names.pop("__builtins__")
    assert names == {
        "Affine": Affine,
        "Relu": Relu,
        "Sigmoid": Sigmoid,
        "SoftmaxWithLoss": SoftmaxWithLoss,
    }


@pytest.mark.parametrize("layer", [Affine, Relu, Sigmoid, SoftmaxWithLoss])
def test_no_base_class_is_needed(layer):
    assert layer.__bases__ == (object,)


# Affine

X = np.array([[1.0, 2], [3, 4], [5, 6]])  # (N, D) = (3, 2)
W = np.array([[1.0, 0, -1], [2, 1, 0]])  # (D, M) = (2, 3)
B = np.array([10.0, 20, 30])
DOUT = np.array([[1.0, 0, 2], [0, -1, 1], [3, 1, 0]])  # (N, M)


def affine(dtype=np.float64):
    return Affine(W.astype(dtype), B.astype(dtype))


def test_affine_forward_by_hand():
    # 1*1 + 2*2 + 10    1*0 + 2*1 + 20    1*(-1) + 2*0 + 30
    # 3*1 + 4*2 + 10    3*0 + 4*1 + 20    3*(-1) + 4*0 + 30
    # 5*1 + 6*2 + 10    5*0 + 6*1 + 20    5*(-1) + 6*0 + 30
    want = [[15, 22, 29], [21, 24, 27], [27, 26, 25]]
    np.testing.assert_array_equal(affine().forward(X), want)


def test_affine_backward_by_hand():
    layer = affine()
    layer.forward(X)
    dx = layer.backward(DOUT)
    # dx = dout W^T:  1*1 + 0*0 + 2*(-1)    1*2 + 0*1 + 2*0
    #                 0*1 - 1*0 + 1*(-1)    0*2 - 1*1 + 1*0
    #                 3*1 + 1*0 + 0*(-1)    3*2 + 1*1 + 0*0
    np.testing.assert_array_equal(dx, [[-1, 2], [-1, -1], [3, 7]])
    # dW = x^T dout:  1*1 + 3*0 + 5*3    1*0 + 3*(-1) + 5*1    1*2 + 3*1 + 5*0
    #                 2*1 + 4*0 + 6*3    2*0 + 4*(-1) + 6*1    2*2 + 4*1 + 6*0
    np.testing.assert_array_equal(layer.dW, [[16, 2, 5], [20, 2, 8]])
    # db: 1 + 0 + 3    0 - 1 + 1    2 + 1 + 0, the sum over the batch and not its mean
    np.testing.assert_array_equal(layer.db, [4, 0, 3])


def test_affine_takes_a_batch_of_one():
    layer = affine()
    np.testing.assert_array_equal(layer.forward(X[1:2]), [[21, 24, 27]])
    np.testing.assert_array_equal(layer.backward(DOUT[1:2]), [[-1, -1]])
    np.testing.assert_array_equal(layer.dW, [[0, -3, 3], [0, -4, 4]])
    np.testing.assert_array_equal(layer.db, [0, -1, 1])


def test_affine_without_dx_leaves_the_same_gradients():
    layer = affine()
    layer.forward(X)
    assert layer.backward(DOUT, need_dx=False) is None
    np.testing.assert_array_equal(layer.dW, [[16, 2, 5], [20, 2, 8]])
    np.testing.assert_array_equal(layer.db, [4, 0, 3])


def test_affine_keeps_the_arrays_it_is_given():
    mine_W, mine_b = W.copy(), B.copy()
    layer = Affine(mine_W, mine_b)
    assert layer.W is mine_W and layer.b is mine_b
    mine_b += 1  # what a training step does
    np.testing.assert_array_equal(layer.forward(X[:1]), [[16, 23, 30]])


def test_affine_keeps_x_itself_and_no_copy():
    layer, x = affine(), X.copy()
    layer.forward(x)
    assert layer.x is x


def test_affine_names_what_it_learns():
    assert Affine.param_names == ("W", "b")
    layer = affine()
    assert layer.dW is None and layer.db is None


def test_affine_makes_floats_of_whole_numbers():
    layer = Affine([[1, 0, -1], [2, 1, 0]], [10, 20, 30])
    assert layer.W.dtype == layer.b.dtype == np.float64
    np.testing.assert_array_equal(layer.forward([[1, 2]]), [[15, 22, 29]])


def test_affine_has_one_dtype_that_of_W():
    assert Affine(W.astype(np.float32), B).b.dtype == np.float32
    assert Affine(W, B.astype(np.float32)).b.dtype == np.float64


# Affine.random


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_weights_are_std_times_numpys_draws(dtype):
    np.random.seed(0)
    layer = Affine.random(3, 4, 0.01, dtype=dtype)
    np.random.seed(0)
    want = 0.01 * np.random.standard_normal((3, 4))
    np.testing.assert_array_equal(layer.W, want.astype(dtype))
    np.testing.assert_array_equal(layer.b, [0, 0, 0, 0])
    assert layer.W.dtype == layer.b.dtype == dtype


def test_random_weights_after_seed_0_are_those_everyone_knows():
    # np.random.seed(0); np.random.randn(3) gives 1.76405235, 0.40015721, 0.97873798.
    np.random.seed(0)
    want = [[1.76405235, 0.40015721, 0.97873798]]
    np.testing.assert_allclose(Affine.random(1, 3, 1).W, want, atol=5e-9)


def test_random_takes_a_seed_or_a_generator_and_leaves_the_global_state():
    want = 0.5 * np.random.default_rng(7).standard_normal((3, 4))
    np.random.seed(0)
    np.testing.assert_array_equal(Affine.random(3, 4, 0.5, rng=7).W, want)
    generator = np.random.default_rng(7)
    np.testing.assert_array_equal(Affine.random(3, 4, 0.5, rng=generator).W, want)
    assert (Affine.random(3, 4, 0.5, rng=generator).W != want).all()  # the stream goes on
    assert np.random.standard_normal() == pytest.approx(1.76405235, abs=5e-9)  # seed 0's first


@pytest.mark.parametrize(
    "name, D, std", [("he", 200, 1 / 10), ("he", 800, 1 / 20), ("xavier", 400, 1 / 20)]
)
def test_he_and_xavier(name, D, std):
    # sqrt(2 / 200) = 1/10, sqrt(2 / 800) = sqrt(1 / 400) = 1/20
    W = Affine.random(D, 500, name, rng=0).W
    # Of 100,000 draws and more, the measured std is off by 0.2% or so.
    assert W.std() == pytest.approx(std, rel=0.01)
    assert abs(W.mean()) < 0.02 * std
    want = std * np.random.default_rng(0).standard_normal((D, 500))
    np.testing.assert_allclose(W, want, rtol=1e-14)


def test_random_weights_may_start_at_zero():
    assert (Affine.random(2, 3, 0).W == 0).all()


@pytest.mark.parametrize("std", [-1, np.nan, np.inf, None, "glorot", 1j, [0.01]])
def test_random_refuses_other_stds(std):
    with pytest.raises(ValueError, match='Affine: expected weight_init_std .* "he" or "xavier"'):
        Affine.random(2, 3, std)


@pytest.mark.parametrize("sizes", [(0, 3), (2, -1), (2.0, 3), ("2", 3), (2, None), (True, 3)])
def test_random_refuses_other_sizes(sizes):
    with pytest.raises(ValueError, match="Affine: expected sizes as whole numbers from 1 up"):
        Affine.random(*sizes, 0.01)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, complex])
def test_random_refuses_other_dtypes(dtype):
    with pytest.raises(TypeError, match="Affine: expected dtype float32 or float64, got"):
        Affine.random(2, 3, 0.01, dtype=dtype)


# Relu and Sigmoid


def test_relu_by_hand():
    layer = Relu()
    x = np.array([[1.0, -2, 0], [-0.5, 3, 1e-300]])
    np.testing.assert_array_equal(layer.forward(x), [[1, 0, 0], [0, 3, 1e-300]])
    np.testing.assert_array_equal(layer.mask, [[True, False, False], [False, True, True]])
    dout = np.array([[1.0, 2, 3], [4, -5, 6]])
    np.testing.assert_array_equal(layer.backward(dout), [[1, 0, 0], [0, -5, 6]])  # at 0: 0


def test_relu_cuts_off_minus_infinity_too():
    np.testing.assert_array_equal(Relu().forward([-np.inf, np.inf]), [0, np.inf])


def test_sigmoid_by_hand():
    # out is 3/4, 1/4, 1/2, 9/10, and out (1 - out) is 3/16, 3/16, 1/4, 9/100.
    layer = Sigmoid()
    out = layer.forward(np.array([[log(3), -log(3)], [0, log(9)]]))
    np.testing.assert_allclose(out, [[3 / 4, 1 / 4], [1 / 2, 9 / 10]], rtol=1e-15)
    dx = layer.backward(np.array([[16.0, -32], [3, 200]]))
    np.testing.assert_allclose(dx, [[3, -6], [3 / 4, 18]], rtol=1e-14)


def test_sigmoid_far_out_is_flat():
    layer = Sigmoid()
    np.testing.assert_array_equal(layer.forward(np.array([[-1e4, 1e4]])), [[0, 1]])
    np.testing.assert_array_equal(layer.backward(np.array([[1.0, 1.0]])), [[0, 0]])


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4), (2, 1, 3, 2)])
def test_relu_and_sigmoid_take_any_shape(shape):
    x = np.full(shape, -1.0)
    x[..., 0] = 2
    e = np.exp(2)
    for layer, out, slope in (
        (Relu(), 2, 1),  # of the entries that are 2
        (Sigmoid(), e / (1 + e), e / (1 + e) ** 2),
    ):
        assert layer.forward(x).shape == shape
        np.testing.assert_allclose(layer.forward(x)[..., 0], out, rtol=1e-14)
        dx = layer.backward(np.full(shape, 3.0))
        assert dx.shape == shape
        np.testing.assert_allclose(dx[..., 0], 3 * slope, rtol=1e-14)


# SoftmaxWithLoss

SCORES = log(np.array([[1.0, 2, 5], [3, 3, 4]]))  # exp sums to 8 and to 10
Y = np.array([[1 / 8, 2 / 8, 5 / 8], [3 / 10, 3 / 10, 4 / 10]])

# The loss is -(log 5/8 + log 3/10) / 2 = log(8/5 * 10/3) / 2 = log(16/3) / 2,
# dx is (y - t) / 2: from y, 1 is taken away at class 2 in the first row, at class 0 in the second.
NUMBERS = np.array([2, 0])
LOSS = log(16 / 3) / 2
DX = np.array([[1 / 16, 2 / 16, -3 / 16], [-7 / 20, 3 / 20, 4 / 20]])
THREE_FORMS = pytest.mark.parametrize(
    "t",
    [NUMBERS, np.array([[0, 0, 1], [1, 0, 0]]), np.array([[0, 0, 1.0], [1, 0, 0]])],
    ids=["numbers", "one-hot", "probabilities"],
)


@THREE_FORMS
def test_softmax_with_loss_by_hand(t):
    layer = SoftmaxWithLoss()
    loss = layer.forward(SCORES, t)
    assert type(loss) is float
    assert loss == pytest.approx(LOSS, rel=1e-14)
    assert layer.y.shape == (2, 3)
    np.testing.assert_allclose(layer.y, Y, rtol=1e-14)
    np.testing.assert_allclose(layer.backward(), DX, rtol=1e-14)


def test_softmax_with_loss_of_probabilities_by_hand():
    layer = SoftmaxWithLoss()
    t = np.array([[1 / 2, 1 / 2, 0], [0, 1 / 4, 3 / 4]])
    # -(1/2 log 1/8 + 1/2 log 2/8) = 5/2 log 2, and -(1/4 log 3/10 + 3/4 log 4/10)
    want = (5 / 2 * log(2) - log(0.3) / 4 - 3 / 4 * log(0.4)) / 2
    assert layer.forward(SCORES, t) == pytest.approx(want, rel=1e-14)
    # 1/8 - 1/2 = -3/8    1/4 - 1/2 = -1/4    5/8 - 0
    # 3/10 - 0    3/10 - 1/4 = 1/20    4/10 - 3/4 = -7/20, all of them over N = 2
    want = [[-3 / 16, -1 / 8, 5 / 16], [3 / 20, 1 / 40, -7 / 40]]
    np.testing.assert_allclose(layer.backward(), want, rtol=1e-14)


@THREE_FORMS
@pytest.mark.parametrize("dout", [-3, 0.5, np.float32(2), np.array(4.0), 0])
def test_backward_honours_dout_in_the_last_layer(t, dout):
    layer = SoftmaxWithLoss()
    layer.forward(SCORES, t)
    np.testing.assert_allclose(layer.backward(dout), float(dout) * DX, rtol=1e-14)
    np.testing.assert_allclose(layer.backward(dout=dout), float(dout) * DX, rtol=1e-14)


@pytest.mark.parametrize("layer, x", [(affine(), X), (Relu(), DOUT - 0.5), (Sigmoid(), DOUT)])
def test_backward_honours_dout(layer, x):
    dout = np.ones(layer.forward(x).shape)
    once = layer.backward(dout)
    np.testing.assert_array_equal(layer.backward(-4 * dout), -4 * once)
    assert once.any()


def test_scores_far_apart_have_an_exact_loss():
    layer = SoftmaxWithLoss()
    scores = np.array([[1e4, -1e4], [-1e4, 1e4]])
    # log(exp(1e4) + exp(-1e4)) = 1e4 in floats: a loss of 2e4 where the answer is wrong, else 0.
    assert layer.forward(scores, [1, 1]) == 1e4  # (2e4 + 0) / 2
    np.testing.assert_array_equal(layer.backward(), [[0.5, -0.5], [0, 0]])
    for t in ([0, 1], [[1, 0], [0, 1]]):
        loss = layer.forward(scores, t)
        assert loss == 0 and math.copysign(1, loss) == 1  # and not -0.0, as -(1 log 1) would be
    assert layer.forward(scores, [[0.5, 0.5], [0, 1]]) == 0.5e4  # (2e4 / 2 + 0) / 2
    assert layer.forward(scores.astype(np.float32), [1, 1]) == 1e4


def test_the_loss_has_no_small_constant():
    # -log(exp(-30) / (1 + exp(-30))) = 30 + log(1 + exp(-30)): with + 1e-7 it would be 16.
    want = 30 + np.log1p(np.exp(-30))
    assert SoftmaxWithLoss().forward(np.array([[0, -30.0]]), [1]) == pytest.approx(want, rel=1e-15)
    # A small loss is as exact: log(1 + exp(-30)) = 9.4e-14, up to the rounding of 1 + exp(-30).
    small = SoftmaxWithLoss().forward(np.array([[0, -30.0]]), [0])
    assert small == pytest.approx(np.log1p(np.exp(-30)), abs=2.3e-16)


def test_a_loss_beyond_all_floats_is_refused():
    # The distance of the scores is 6e38, and the largest float32 is 3.4e38.
    scores = np.array([[3e38, -3e38]], np.float32)
    for t in ([1], [[0, 1]]):
        with pytest.raises(FloatingPointError, match="^SoftmaxWithLoss: .* smaller learning rate"):
            SoftmaxWithLoss().forward(scores, t)


def test_equal_scores_cost_log_C():
    for C in (2, 10, 1000):
        loss = SoftmaxWithLoss().forward(np.full((5, C), 7.0), np.zeros(5, int))
        assert loss == pytest.approx(log(C), rel=1e-14)


@pytest.mark.parametrize("t", [[2, 0], [[0, 0, 1], [1, 0, 0]], [[0, 0, 0.9995], [1.0005, 0, 0]]])
def test_the_last_layer_keeps_t_as_rows_that_sum_to_1(t):
    for dtype in (np.float32, np.float64):
        layer = SoftmaxWithLoss()
        layer.forward(SCORES.astype(dtype), t)
        assert layer.t.dtype == dtype and layer.t.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_the_last_layer_takes_memory_for_its_scores_and_no_more():
    """200,000 scores in float32 are 0.8 MB; a table of classes by classes would take 160 GB."""
    scores, layer = np.zeros((1, 200_000), np.float32), SoftmaxWithLoss()
    tracemalloc.start()
    try:
        loss = layer.forward(scores, [7])
        dx = layer.backward()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert loss == pytest.approx(np.log(200_000), rel=1e-6) and dx[0, 7] == pytest.approx(
        1 / 200_000 - 1
    )
    assert most < 10 * scores.nbytes


# Layers against autograd, on random shapes


def softmax_loss(x, t):
    """The loss as a formula for autograd, t as rows."""
    x = x - anp.max(x, axis=1, keepdims=True)
    return -anp.sum(t * (x - anp.log(anp.sum(anp.exp(x), axis=1, keepdims=True)))) / len(x)


FORMULAS = {
    "Affine": (
        lambda rng, D, M: Affine(rng.standard_normal((D, M)), rng.standard_normal(M)),
        lambda x, W, b: anp.dot(x, W) + b,
    ),
    "Relu": (lambda rng, D, M: Relu(), lambda x: anp.where(x > 0, x, 0)),
    "Sigmoid": (lambda rng, D, M: Sigmoid(), lambda x: 1 / (1 + anp.exp(-x))),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", FORMULAS)
def test_layers_agree_with_autograd(name, seed):
    rng = np.random.default_rng(seed)
    N, D, M = rng.integers(1, 9, size=3)
    make, formula = FORMULAS[name]
    layer = make(rng, D, M)
    arguments = [rng.standard_normal((N, D))]
    arguments += [getattr(layer, param) for param in getattr(layer, "param_names", ())]
    out = layer.forward(arguments[0])
    np.testing.assert_allclose(out, formula(*arguments), rtol=1e-13, atol=1e-13)

    dout = rng.standard_normal(out.shape)
    gradients = [layer.backward(dout)]
    gradients += [getattr(layer, "d" + param) for param in getattr(layer, "param_names", ())]
    for i, gradient in enumerate(gradients):
        want = autograd.grad(lambda *a: anp.sum(dout * formula(*a)), i)(*arguments)
        np.testing.assert_allclose(gradient, want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("form", ["numbers", "one-hot", "probabilities"])
def test_the_last_layer_agrees_with_autograd(form, seed):
    rng = np.random.default_rng(seed)
    N, C = rng.integers(1, 9), rng.integers(2, 9)
    x = 3 * rng.standard_normal((N, C))
    t = rng.integers(C, size=N)
    rows = rng.dirichlet(np.ones(C), size=N) if form == "probabilities" else np.eye(C)[t]
    layer = SoftmaxWithLoss()
    assert layer.forward(x, t if form == "numbers" else rows) == pytest.approx(
        softmax_loss(x, rows), rel=1e-13
    )
    want = autograd.grad(softmax_loss)(x, rows)
    np.testing.assert_allclose(layer.backward(-2.5), -2.5 * want, rtol=1e-11, atol=1e-14)


# What a layer may not do to arrays


ONE_HOT = np.array([[0, 0, 1], [1, 0, 0]])
CASES = {
    "Affine": (affine, [X], DOUT),
    "Relu": (Relu, [DOUT - 0.5], DOUT),
    "Sigmoid": (Sigmoid, [X], X),
    "SoftmaxWithLoss, numbers": (SoftmaxWithLoss, [SCORES, NUMBERS], np.array(2.0)),
    "SoftmaxWithLoss, bytes": (SoftmaxWithLoss, [SCORES, NUMBERS.astype(np.uint8)], np.array(2.0)),
    "SoftmaxWithLoss, one-hot": (SoftmaxWithLoss, [SCORES, ONE_HOT], np.array(2.0)),
    "SoftmaxWithLoss, rows": (SoftmaxWithLoss, [SCORES, ONE_HOT.astype(float)], np.array(2.0)),
}
EVERY_LAYER = pytest.mark.parametrize("make, arguments, dout", CASES.values(), ids=CASES)


@EVERY_LAYER
@pytest.mark.parametrize("order", ["C", "F"])
def test_no_layer_writes_into_an_array_that_it_was_given(make, arguments, dout, order):
    layer = make()
    for name in getattr(layer, "param_names", ()):
        getattr(layer, name).setflags(write=False)
    given = [read_only(np.array(a, order=order)) for a in (*arguments, dout)]
    copies = [a.copy() for a in given]
    layer.forward(*given[:-1])  # an attempt to write would raise
    layer.backward(given[-1])
    writable = [a.copy() for a in given]  # and without the lock, nothing changes either
    layer.forward(*writable[:-1])
    layer.backward(writable[-1])
    for now, before in zip(given + writable, copies + copies):
        np.testing.assert_array_equal(now, before)


@EVERY_LAYER
def test_what_a_layer_returns_is_not_what_it_was_given(make, arguments, dout):
    layer = make()
    out = layer.forward(*arguments)
    dx = layer.backward(dout)
    for result in (np.asarray(out), dx):
        for array in (*arguments, dout):
            assert not np.may_share_memory(result, array)


@EVERY_LAYER
def test_backward_may_be_called_again(make, arguments, dout):
    layer = make()
    layer.forward(*arguments)
    once = layer.backward(dout).copy()
    again = layer.backward(dout)
    np.testing.assert_array_equal(again, once)
    again += 1  # the caller's own: the layer doesn't keep it
    np.testing.assert_array_equal(layer.backward(dout), once)


@EVERY_LAYER
def test_backward_belongs_to_the_last_forward(make, arguments, dout):
    layer, fresh = make(), make()
    layer.forward(*(a[:1] for a in arguments))
    layer.forward(*arguments)
    fresh.forward(*arguments)
    np.testing.assert_array_equal(layer.backward(dout), fresh.backward(dout))


def test_gradients_of_one_backward_stay_when_the_next_comes():
    layer = affine()
    layer.forward(X)
    layer.backward(DOUT)
    dW, db = layer.dW, layer.db
    layer.forward(2 * X)
    layer.backward(DOUT)
    np.testing.assert_array_equal(dW, [[16, 2, 5], [20, 2, 8]])
    np.testing.assert_array_equal(db, [4, 0, 3])
    np.testing.assert_array_equal(layer.dW, [[32, 4, 10], [40, 4, 16]])


# dtypes


@EVERY_LAYER
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers_stay_in_their_dtype(make, arguments, dout, dtype):
    layer = affine(dtype) if make is affine else make()
    out = layer.forward(arguments[0].astype(dtype), *arguments[1:])
    assert type(out) is float or out.dtype == dtype
    assert layer.backward(dout.astype(dtype)).dtype == dtype
    for name in getattr(layer, "param_names", ()):
        assert getattr(layer, name).dtype == getattr(layer, "d" + name).dtype == dtype
    for kept in vars(layer).values():
        assert kept.dtype == dtype or kept.dtype.kind in "bui"  # a mask, class numbers


@pytest.mark.parametrize("came", ["f4", "f8", "u1", "i8", "f2"])
@pytest.mark.parametrize("own", ["f4", "f8"])
def test_affine_computes_in_the_dtype_of_W_whatever_comes(own, came):
    layer = affine(own)
    out = layer.forward(X.astype(came))
    assert out.dtype == own
    np.testing.assert_array_equal(out[0], [15, 22, 29])
    dx = layer.backward(np.abs(DOUT).astype(came))
    assert dx.dtype == layer.dW.dtype == layer.db.dtype == own
    np.testing.assert_array_equal(layer.db, [4, 2, 3])


@pytest.mark.parametrize("t", [[2, 0], [[0, 0, 1], [1, 0, 0]], [[0, 0, 1.0], [1, 0, 0]]])
@pytest.mark.parametrize("t_dtype", ["f4", "f8", "u1", "i8"])
def test_the_last_layer_stays_in_float32_for_every_t(t, t_dtype):
    layer = SoftmaxWithLoss()
    loss = layer.forward(SCORES.astype(np.float32), np.array(t, t_dtype))
    assert loss == pytest.approx(LOSS, rel=1e-6)
    assert layer.y.dtype == np.float32
    for dout in (1, 1.0, np.float64(1), np.array(1.0)):
        dx = layer.backward(dout)
        assert dx.dtype == np.float32
        np.testing.assert_allclose(dx, DX, rtol=1e-6)


def test_relu_of_unsigned_bytes():
    layer = Relu()
    assert layer.forward(np.array([[0, 255]], np.uint8)).dtype == np.float64
    np.testing.assert_array_equal(layer.backward([[1, 1]]), [[0, 1]])


# Mistakes


@pytest.mark.parametrize(
    "W, b",
    [
        (np.ones((2, 3)), np.ones(2)),
        (np.ones((2, 3)), np.ones((1, 3))),
        (np.ones(3), np.ones(3)),
        (np.ones((2, 3, 4)), np.ones((3, 4))),
        (np.ones((0, 3)), np.ones(3)),
        (np.ones((3, 0)), np.ones(0)),
        (np.ones((2, 3)), 0.0),
    ],
)
def test_affine_refuses_parameters_that_dont_fit(W, b):
    with pytest.raises(ValueError, match=r"W of shape \(D, M\) and b of .* got .* and \(.*\)$"):
        Affine(W, b)


@pytest.mark.parametrize("shape", [(), (1,), (2,), (4,), (1, 3), (3, 1)])
def test_a_bias_that_is_replaced_by_one_that_doesnt_fit_is_refused(shape):
    layer = affine()
    layer.b = np.zeros(shape)  # most of these would broadcast
    words = rf"b of shape \(M,\), got \(2, 3\) and {re.escape(str(shape))}"
    with pytest.raises(ValueError, match=words):
        layer.forward(X)


@pytest.mark.parametrize(
    "shape, came",
    [
        ((2,), r"got \(2,\); for a single sample pass x\[np.newaxis\]$"),
        ((1,), r"got \(1,\); for a single sample .*, unless x and t are swapped$"),
        ((3,), r"got \(3,\); for a single sample .*, unless x and t are swapped$"),
        ((3, 1, 2), r"got \(3, 1, 2\); flatten the samples with x.reshape\(len\(x\), -1\)"),
        ((2, 5), r"got \(2, 5\); samples are rows, so perhaps pass x.T"),
        ((3, 3), r"got \(3, 3\)$"),  # for these, nothing is likely
        ((1, 3), r"got \(1, 3\)$"),
        ((0, 3), r"got \(0, 3\)$"),
        ((2, 1, 4), r"got \(2, 1, 4\)$"),
        ((3, 1, 4), r"got \(3, 1, 4\)$"),
        ((3, 1, 1), r"got \(3, 1, 1\)$"),
        ((3, 2, 2), r"got \(3, 2, 2\)$"),
        ((), r"got \(\)$"),
    ],
)
def test_affine_says_how_to_mend_a_shape(shape, came):
    with pytest.raises(ValueError, match=r"^Affine: expected x of shape \(N, 2\), " + came):
        affine().forward(np.zeros(shape))


def test_affine_says_how_to_mend_the_shape_of_digits_too():
    layer = Affine(np.zeros((784, 50)), np.zeros(50))
    assert layer.forward(np.zeros((5, 784))).shape == (5, 50)
    with pytest.raises(ValueError, match=r"for a single sample pass x\[np.newaxis\]$"):
        layer.forward(np.zeros(784))
    with pytest.raises(ValueError, match=r"got \(784, 5\); samples are rows, so perhaps pass x.T"):
        layer.forward(np.zeros((784, 5)))
    with pytest.raises(ValueError, match=r"got \(5, 1, 28, 28\); flatten the samples"):
        layer.forward(np.zeros((5, 1, 28, 28)))


@pytest.mark.parametrize(
    "bad, came",
    [
        ([1, np.nan], r"got nan at x\[1, 1\]"),
        ([np.inf, 0], r"got inf at x\[1, 0\]"),
        ([-np.inf, np.inf], r"got -inf at x\[1, 0\]"),
    ],
)
def test_affine_refuses_nan_and_inf_and_says_where(bad, came):
    with pytest.raises(ValueError, match="^Affine: expected finite numbers in x, " + came):
        affine().forward([[1, 2], bad, [3, 4]])


def test_affine_takes_large_numbers_for_what_they_are():
    # The square of 1e30 is beyond float32, 1e30 itself isn't.
    layer = Affine(np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    np.testing.assert_array_equal(layer.forward([[1e30]]), np.array([[1e30]], np.float32))


def test_weights_beyond_all_bounds_are_told_from_a_bad_x():
    layer = Affine(np.array([[np.inf]]), np.zeros(1))
    with pytest.raises(FloatingPointError, match="^Affine: .* with a smaller learning rate"):
        layer.forward([[1.0]])
    layer = Affine(np.array([[1e300]]), np.zeros(1))
    with pytest.raises(FloatingPointError, match="^Affine: .* with a smaller learning rate"):
        layer.forward([[1e300]])


def test_a_refused_x_leaves_what_forward_had_kept():
    layer = affine()
    layer.forward(X)
    with pytest.raises(ValueError):
        layer.forward([[np.nan, 0]])
    np.testing.assert_array_equal(layer.backward(DOUT), [[-1, 2], [-1, -1], [3, 7]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_last_layer_refuses_nan_and_inf(bad):
    scores = [[0.0, 0, 0], [0, bad, 0]]
    with pytest.raises(ValueError, match="^SoftmaxWithLoss: expected finite scores x, got nan or"):
        SoftmaxWithLoss().forward(scores, [0, 0])


@pytest.mark.parametrize("t", [[0], [[1, 0]], [[1.0, 0.0]]], ids=["numbers", "one-hot", "rows"])
def test_minus_infinity_among_scores_is_the_same_for_every_t(t):
    with pytest.raises(ValueError, match="^SoftmaxWithLoss: expected finite scores x"):
        SoftmaxWithLoss().forward(np.array([[0, -np.inf]]), t)


@pytest.mark.parametrize(
    "shape, came",
    [
        ((3,), r"got \(3,\); for a single sample pass x\[np.newaxis\]"),
        ((2, 3, 1), r"got \(2, 3, 1\)$"),
        ((), r"got \(\)$"),
    ],
)
def test_the_last_layer_refuses_scores_of_another_shape(shape, came):
    words = r"^SoftmaxWithLoss: expected scores x of shape \(N, C\), " + came
    with pytest.raises(ValueError, match=words):
        SoftmaxWithLoss().forward(np.zeros(shape), [0, 0])


@pytest.mark.parametrize("t", [[0, 3], [0, -1], [0, 0.5], [[0], [1]], [0], [[1, 1, 0], [1, 0, 0]]])
def test_the_last_layer_refuses_what_cant_be_labels(t):
    with pytest.raises(ValueError, match="expected"):
        SoftmaxWithLoss().forward(SCORES, t)


def test_the_last_layer_refuses_an_empty_batch():
    with pytest.raises(ValueError, match="expected at least one sample, got an empty batch"):
        SoftmaxWithLoss().forward(np.zeros((0, 3)), np.zeros(0, int))


@pytest.mark.parametrize("layer", [affine(), Relu(), Sigmoid(), SoftmaxWithLoss()])
def test_backward_before_forward_is_refused(layer):
    words = f"^{type(layer).__name__}: expected forward before backward, got backward first"
    with pytest.raises(RuntimeError, match=words):
        layer.backward(1)


@pytest.mark.parametrize(
    "layer, shape", [(affine(), (3, 3)), (Relu(), (3, 2)), (Sigmoid(), (3, 2))]
)
@pytest.mark.parametrize("dout_shape", [(), (3,), (1, 3), (3, 1), (2, 2), (3, 4), (1, 3, 3)])
def test_a_dout_of_another_shape_is_refused(layer, shape, dout_shape):
    layer.forward(X)
    dout = np.ones(dout_shape)  # most of these would broadcast
    name = type(layer).__name__
    with pytest.raises(
        ValueError, match=rf"^{name}: expected dout of shape \({shape[0]}, {shape[1]}\)"
    ):
        layer.backward(dout)


def test_the_last_layers_dout_is_one_number():
    layer = SoftmaxWithLoss()
    layer.forward(SCORES, NUMBERS)
    with pytest.raises(
        ValueError, match=r"^SoftmaxWithLoss: expected dout as one number.*\(2, 3\)"
    ):
        layer.backward(np.ones((2, 3)))
    with pytest.raises(TypeError, match="^SoftmaxWithLoss: expected dout as one number"):
        layer.backward(None)


@pytest.mark.parametrize("layer", [affine(), Relu(), Sigmoid()])
def test_what_is_no_real_number_is_refused(layer):
    with pytest.raises(TypeError, match="expected an array of real numbers, got dtype"):
        layer.forward(np.array([["a", "b"]]))
    layer.forward([[1, 2]])
    with pytest.raises(TypeError, match="expected an array of real numbers, got dtype complex128"):
        layer.backward([[1j, 0]])


def test_layers_introduce_themselves():
    layers = Affine(np.zeros((784, 50)), np.zeros(50)), Relu(), Sigmoid(), SoftmaxWithLoss()
    want = ["Affine(784 -> 50)", "Relu()", "Sigmoid()", "SoftmaxWithLoss()"]
    assert [repr(layer) for layer in layers] == want


def test_rows_that_nearly_sum_to_1_have_the_gradient_of_their_loss():
    """By hand: they are divided by their sum, 0.9996; then L = log 2 and dL/dx1 = y1 - t1."""
    layer, t = SoftmaxWithLoss(), np.array([[0.7, 0.2996]])
    loss = layer.forward(np.zeros((1, 2)), t)  # y = (1/2, 1/2)
    assert loss == pytest.approx(np.log(2), rel=1e-12)
    expected = [[0.5 - 0.7 / 0.9996, 0.5 - 0.2996 / 0.9996]]
    np.testing.assert_allclose(layer.backward(), expected, rtol=1e-12)


def test_numpy_set_to_raise_at_everything_leaves_the_last_layer_its_own_words():
    layer = SoftmaxWithLoss()
    with np.errstate(all="raise"):
        assert layer.forward([[0.0, -1000.0]], [0]) == 0  # exp(-1000) can't be told from 0
        np.testing.assert_array_equal(layer.y, [[1, 0]])
        with pytest.raises(FloatingPointError, match="^SoftmaxWithLoss: .* smaller learning rate"):
            layer.forward([[1.7e308, -1.7e308]], [[1.0, 0.0]])  # 0 times a logarithm of -inf
