"""What holds for every network and every batch, on inputs that hypothesis makes up."""

import math
from collections import OrderedDict

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ch05.multi_layer_net import MultiLayerNet
from common.functions import cross_entropy_error, log_softmax, sigmoid, softmax
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network

FLOATS = [np.float32, np.float64]
FORMS = ["numbers", "one-hot", "probabilities"]
SEEDS = st.integers(0, 2**32)


# Arrays in memory


def strided(array):
    """Every second entry along each axis. Between them stands what nobody may read."""
    wide = np.full([2 * length for length in array.shape], 99, array.dtype)
    view = wide[(slice(1, None, 2),) * array.ndim]
    view[...] = array
    return view


def reversed_in_memory(array):
    return np.flip(np.flip(array).copy())


def unaligned(array):
    """Begins at a byte where no number of its size usually begins."""
    odd = np.frombuffer(bytearray(array.nbytes + 1), array.dtype, array.size, offset=1)
    view = odd.reshape(array.shape)
    view[...] = array
    return view


LAYOUTS = st.sampled_from([np.copy, np.asfortranarray, strided, reversed_in_memory, unaligned])


def locked(array):
    """An attempt to write into it raises."""
    array.setflags(write=False)
    return array


# Networks and batches


def labels(rng, form, N, C):
    """t in one of its forms, and the same as rows."""
    if form == "probabilities":
        rows = rng.dirichlet(np.ones(C), size=N)
        return rows, rows
    numbers = rng.integers(C, size=N)
    rows = np.eye(C)[numbers]
    return (numbers if form == "numbers" else rows), rows


class Case:
    """A network with a batch: x, t, and t as rows.

    Weights are halves from -1 to 1, inputs are whole numbers, times a power of 2 that may be tiny.
    So no sum before the first Sigmoid is rounded, in either dtype: with six inputs and four layers
    255 grows to 5,300,000 halves of halves at most. Those are 23 bits, and float32 has 24. So
    rounding never decides on which side of a Relu's kink an entry falls, or which of two equal
    scores is the highest.
    """

    def __init__(self, draw, dtypes=FLOATS, activations=("relu", "relu", "sigmoid")):
        rng = np.random.default_rng(draw(SEEDS))
        self.dtype = draw(st.sampled_from(dtypes))
        self.activation = draw(st.sampled_from(activations))
        self.N = N = draw(st.integers(1, 9))
        self.sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
        self.sizes.append(draw(st.integers(2, 6)))  # two classes or more
        D, *hidden, C = self.sizes
        self.network = MultiLayerNet(D, hidden, C, self.activation, dtype=self.dtype)
        params = self.network.params.values()
        for param in params:
            param[...] = rng.integers(-2, 3, param.shape) / 2

        kind = draw(st.sampled_from(["bytes", "whole", "zeros", "tiny"]))
        if kind == "bytes":
            self.x = rng.integers(256, size=(N, D), dtype=np.uint8)
        else:
            self.x = rng.integers(-8, 9, size=(N, D)).astype(self.dtype) * (kind != "zeros")
        self.unit = 1
        if kind == "tiny":  # denormal. A bias would swallow them, and order would matter
            self.unit = 16 * float(np.finfo(self.dtype).smallest_subnormal)
            self.x *= self.unit
            for param in params:
                param[...] *= param.ndim == 2
        self.t, self.rows = labels(rng, draw(st.sampled_from(FORMS)), N, C)

    def __repr__(self):
        return (
            f"<{self.sizes}, {self.activation}, {np.dtype(self.dtype)}; "
            f"x {self.x.tolist()}, t {self.t.tolist()}>"
        )


cases = st.composite(Case)


@st.composite
def chains(draw):
    """Layers in any order, with a batch of images or rows: (network, x, t, t as rows)."""
    rng, layers = np.random.default_rng(draw(SEEDS)), OrderedDict()
    shape = draw(st.sampled_from([(1,), (4,), (1, 2, 2), (2, 3)]))
    x, units = rng.standard_normal((draw(st.integers(1, 5)), *shape)), math.prod(shape)
    kinds = [*draw(st.lists(st.sampled_from(list(FORMULAS)), max_size=6)), Affine]
    for i, kind in enumerate(kinds):
        arrays = []
        if kind is Affine:
            D, units = units, draw(st.integers(1 if i < len(kinds) - 1 else 2, 5))
            arrays = [rng.standard_normal((D, units)), rng.standard_normal(units)]
        layers[f"{kind.__name__}{i}"] = kind(*arrays)
    t, rows = labels(rng, draw(st.sampled_from(FORMS)), len(x), units)
    return Network(layers, SoftmaxWithLoss()), x, t, rows


# The same by formulas, for autograd

FORMULAS = {
    Affine: lambda x, W, b: anp.dot(anp.reshape(x, (len(x), -1)), W) + b,
    Relu: lambda x: anp.where(x > 0, x, 0),
    Sigmoid: lambda x: anp.exp(-anp.logaddexp(0, -x)),
}


def softmax_loss(x, rows):
    x = x - anp.max(x, axis=1, keepdims=True)
    return -anp.sum(rows * (x - anp.log(anp.sum(anp.exp(x), axis=1, keepdims=True)))) / len(x)


def loss_and_gradients(network, x, rows):
    """The loss by formulas, followed by its gradient with respect to each parameter."""

    def loss(params):
        out, rest = x, list(params)
        for layer in network.layers.values():
            count = 2 if type(layer) is Affine else 0
            out, rest = FORMULAS[type(layer)](out, *rest[:count]), rest[count:]
        return softmax_loss(out, rows)

    params = [param.astype(np.float64) for param in network.params.values()]
    return loss(params), *autograd.grad(loss)(params)


# How far rounding reaches


def rounding(case):
    """How far scores, loss and each gradient may be from the exact ones: running error analysis.

    To first order, by Higham, Accuracy and Stability of Numerical Algorithms, chapter 3: a sum
    of n products is off by at most n eps times the sum of their absolute values, and what the
    factors were off before is carried along. exp, log and division are off by a few eps.
    """
    eps = float(np.finfo(case.dtype).eps)
    size, off = np.abs(case.x.astype(np.float64)), np.zeros(case.x.shape)  # of x, and its error
    exact, steps = True, []
    for layer in case.network.layers.values():
        if isinstance(layer, Affine):
            W = np.abs(layer.W.astype(np.float64))
            steps.append((layer, size, off))
            size = size @ W + np.abs(layer.b)
            off = off @ W + (0 if exact else (len(W) + 1) * eps * size)
        elif isinstance(layer, Sigmoid):
            exact, off = False, off / 4 + 8 * eps  # its slope is 1/4 at most
            size = np.ones_like(size)
            steps.append((layer, size, off))
    N, C = size.shape
    scores, spread = off, float(np.ptp(case.network.predict(case.x)))
    worst = 2 * off.max(axis=1, keepdims=True)  # by which a score is off against another
    loss = worst.mean() + (N * C + C + 8) * eps * (1 + spread + np.log(C))
    size = np.full((N, C), 1 / N)  # of dscores = (y - t) / N
    off = size * (worst + (C + 8) * eps)
    gradients = []
    for layer, x, x_off in reversed(steps):
        if isinstance(layer, Affine):
            dW = x_off.T @ size + x.T @ off + N * eps * x.T @ size
            gradients += [off.sum(axis=0) + N * eps * size.sum(axis=0), dW]
            W = np.abs(layer.W.astype(np.float64))
            size, off = size @ W.T, off @ W.T + (W.shape[1] + 1) * eps * size @ W.T
        else:  # out (1 - out), which is 1/4 at most, is off by as much as out
            size, off = size / 4, off / 4 + size * (x_off + 3 * eps)
    return scores, loss, *reversed(gradients)


def results(network, x, t):
    """Scores, loss and gradients, which always are finite and in the network's dtype."""
    scores, loss, gradients = network.predict(x), network.loss(x, t), network.gradient(x, t)
    assert type(loss) is float and 0 <= loss < np.inf and scores.dtype == network.dtype
    for gradient in gradients.values():
        assert gradient.dtype == network.dtype and np.isfinite(gradient).all()
    return scores, loss, *gradients.values()


def assert_close(got, want, off, dtype):
    """Equal, if both may be off by so much, and what is below the smallest number is lost."""
    lost = 100 * float(np.finfo(dtype).smallest_subnormal)
    assert np.shape(got) == np.shape(want)
    apart = np.abs(np.asarray(got, np.float64) - np.asarray(want, np.float64))
    assert (apart <= 2 * off + lost).all(), f"{got} and {want} are apart by more than {2 * off}"


def assert_all_close(case, got, want, times=1):
    for mine, other, off in zip(got, want, rounding(case), strict=True):
        assert_close(mine, other, times * off, case.dtype)


# Networks


@given(cases())
def test_gradients_are_those_of_autograd_in_float64(case):
    scores, *got = results(case.network, case.x, case.t)
    want = loss_and_gradients(case.network, case.x.astype(np.float64), case.rows)
    assert_all_close(case, [scores, *got], [scores, *want])


@given(chains())
def test_any_chain_of_layers_agrees_with_autograd(chain):
    network, x, t, rows = chain
    want, *wants = loss_and_gradients(network, x, rows)
    assert network.loss(x, t) == pytest.approx(want, rel=1e-11, abs=1e-14)
    gradients = network.gradient(x, t)
    assert list(gradients) == list(network.params)
    for got, want in zip(gradients.values(), wants, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@given(cases(), st.sampled_from("i1 u1 i8 u8 f2 f4 f8".split()), SEEDS)
def test_the_three_forms_of_t_agree(case, t_dtype, seed):
    network, x, C = case.network, case.x, case.sizes[-1]
    numbers, one_hot = labels(np.random.default_rng(seed), "numbers", case.N, C)
    want, accuracy = results(network, x, numbers), network.accuracy(x, numbers)
    for t in (numbers.astype(t_dtype), one_hot.astype(t_dtype)):
        assert_all_close(case, results(network, x, t), want)
        assert network.accuracy(x, t) == accuracy
    softer = one_hot / 2 + 1 / 2 / C  # the highest entry is the same
    assert network.accuracy(x, softer) == accuracy


@given(cases(), st.data())
def test_no_result_depends_on_where_numbers_lie_in_memory_and_none_are_written_into(case, data):
    network = case.network
    want, accuracy = results(network, case.x, case.t), network.accuracy(case.x, case.t)
    for name, layer in network.layers.items():
        if isinstance(layer, Affine):
            W, b = (data.draw(LAYOUTS)(array) for array in (layer.W, layer.b))
            network.layers[name] = Affine(W, b)
    before = network.params.copy()
    for lock in (np.asarray, locked):
        x, t = (lock(data.draw(LAYOUTS)(array)) for array in (case.x, case.t))
        assert_all_close(case, results(network, x, t), want)
        again = network.accuracy(x, t)
        if case.activation == "relu":  # else rounding may choose between two scores that are equal
            assert again == accuracy
        assert x.tobytes() == case.x.tobytes() and t.tobytes() == case.t.tobytes()
    for key, param in network.params.items():
        assert param.tobytes() == before[key].tobytes()


@given(cases(), st.data())
def test_a_batch_in_any_order_is_the_mean_of_its_samples(case, data):
    network, order = case.network, data.draw(st.permutations(range(case.N)))
    samples = [(case.x[n : n + 1], case.t[n : n + 1]) for n in order]
    scores, *others = zip(*(results(network, *sample) for sample in samples), strict=True)
    want = np.concatenate(scores), *(np.mean(other, axis=0) for other in others)
    # The mean of the samples' results is rounded as often as that of the batch, hence 2.
    assert_all_close(case, results(network, case.x[order], case.t[order]), want, times=2)
    if case.activation == "relu":
        right = sum(network.accuracy(*sample) for sample in samples)
        accuracy = network.accuracy(case.x[order], case.t[order])
        assert accuracy == pytest.approx(right / case.N, rel=1e-15)


@given(cases(activations=["relu"]))
def test_scores_and_accuracy_are_exact_where_no_sum_is_rounded(case):
    # In Python's whole numbers, which know no rounding: in units of 1/2, then 1/4, ...
    x, unit = [[int(value / case.unit) for value in row] for row in case.x.tolist()], 1
    for layer in case.network.layers.values():
        if isinstance(layer, Relu):
            x = [[max(value, 0) for value in row] for row in x]
            continue
        unit *= 2
        W, b = (2 * layer.W).astype(int).T.tolist(), (unit * layer.b).astype(int).tolist()
        x = [[sum(map(int.__mul__, row, w)) + c for w, c in zip(W, b)] for row in x]
    np.testing.assert_array_equal(case.network.predict(case.x), np.array(x) * (case.unit / unit))
    right = [row.index(max(row)) for row in x] == case.rows.argmax(axis=1)  # of equals, the first
    assert case.network.accuracy(case.x, case.t) == right.sum() / case.N


# The last layer and the functions


@st.composite
def scores_and_labels(draw):
    """Scores to +-10,000, denormals among them, and labels for them: (x, t, t as rows)."""
    dtype = draw(st.sampled_from(FLOATS))
    N, C = draw(st.integers(1, 6)), draw(st.integers(2, 6))
    elements = st.floats(-1e4, 1e4, width=np.dtype(dtype).itemsize * 8)
    x = draw(arrays(dtype, (N, C), elements=elements))
    return x, *labels(np.random.default_rng(draw(SEEDS)), draw(st.sampled_from(FORMS)), N, C)


@given(scores_and_labels(), st.sampled_from([1, -2.5, 0.125]), LAYOUTS)
def test_the_last_layer_is_exact_however_far_scores_are_apart(batch, dout, layout):
    x, t, rows = batch
    N, C = x.shape
    eps = float(np.finfo(x.dtype).eps)
    layer, mine, my_t = SoftmaxWithLoss(), locked(layout(x)), locked(layout(t))
    loss = layer.forward(mine, my_t)
    # Scores are 20,000 apart at most, and the subtraction rounds that far off. C terms are added
    # up for the total, and N C of them for the loss. float32 rounds rows t too.
    exact = x.astype(np.float64)
    spread = np.ptp(exact, axis=1).max()
    off = eps * (N * C + C + 8) * (spread + 1)
    assert 0 <= loss <= np.log(C) + spread + off
    assert_close(loss, softmax_loss(exact, rows), off, x.dtype)
    # A difference of scores that is off by eps times itself makes a y that is off by
    # y log(1/y) eps, less than eps. The rest are sum, quotient, y - t and dout / N.
    off = eps * abs(dout) * (C + 8) / N
    dx = layer.backward(dout)
    assert_close(dx, dout * autograd.grad(softmax_loss)(exact, rows), off, x.dtype)
    # Each row of y, and of t, sums to 1: what one class gains, others lose.
    np.testing.assert_allclose(dx.sum(axis=1), 0, atol=3 * off)
    assert mine.tobytes() == x.tobytes() and my_t.tobytes() == t.tobytes()


@given(scores_and_labels(), LAYOUTS)
def test_functions_follow_their_formulas_wherever_numbers_lie_and_write_nothing(batch, layout):
    x, t, rows = batch
    exact, C, eps = x.astype(np.float64), x.shape[1], float(np.finfo(x.dtype).eps)
    mine, my_t = locked(layout(x)), locked(layout(t))
    y, log_y, s = softmax(mine), log_softmax(mine), sigmoid(mine)
    assert y.dtype == log_y.dtype == s.dtype == x.dtype and mine.tobytes() == x.tobytes()
    powers = np.exp(exact - exact.max(axis=1, keepdims=True))
    of_1 = {"rtol": 0, "atol": 2 * (C + 8) * eps}
    np.testing.assert_allclose(y, powers / powers.sum(axis=1, keepdims=True), **of_1)
    np.testing.assert_allclose(np.exp(log_y), y, **of_1)
    np.testing.assert_array_equal(y.max(axis=1), y[np.arange(len(x)), x.argmax(axis=1)])
    assert (y >= 0).all() and (y <= 1).all() and (log_y <= 0).all() and np.isfinite(log_y).all()
    want = 0.5 + np.tanh(exact / 2) / 2
    np.testing.assert_allclose(s, want, **of_1)
    layer = Sigmoid()
    layer.forward(mine)
    np.testing.assert_allclose(layer.backward(np.ones_like(x)), want * (1 - want), **of_1)
    if (y[rows > 0] > 1e-30).all():  # where no probability is lost, both say the same
        off = eps * (2e4 + x.size * 100)
        loss = cross_entropy_error(locked(layout(y)), my_t)
        assert_close(loss, SoftmaxWithLoss().forward(x, t), off, x.dtype)
    assert my_t.tobytes() == t.tobytes()
