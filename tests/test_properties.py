"""What holds for every network and every batch, on inputs that hypothesis makes up."""

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

FLOATS = [np.float32, np.float64]
FORMS = ["numbers", "one-hot", "probabilities"]


# Arrays in memory


def in_rows(array):
    return np.array(array, order="C")


def in_columns(array):
    return np.array(array, order="F")


def strided(array):
    """Every second entry along each axis; between them stands what nobody may read."""
    wide = np.full([2 * length for length in array.shape], 99, array.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def reversed_in_memory(array):
    backwards = tuple(slice(None, None, -1) for _ in array.shape)
    return array[backwards].copy()[backwards]


def unaligned(array):
    """Beginning at a byte where no number of its size usually begins."""
    odd = np.frombuffer(bytearray(array.nbytes + 1), np.uint8)[1:]
    view = odd.view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


LAYOUTS = [in_rows, in_columns, strided, reversed_in_memory, unaligned]


def locked(array):
    array.setflags(write=False)
    return array


# Networks and batches


class Case:
    """A network with a batch: x, class numbers and the same as rows, or rows of probabilities.

    Weights are halves from -1 to 1, inputs whole numbers, all times one power of 2 that may be
    tiny. So no sum before the first Sigmoid is rounded, in either format: in six inputs and
    four layers, 255 grows to 5,300,000 halves of halves at most, which are 23 bits, and float32
    has 24. That is why no rounding decides on which side of a Relu's kink an entry falls, or
    which of two equal scores is the highest.
    """

    def __init__(self, draw, dtypes=FLOATS, activations=("relu", "relu", "sigmoid")):
        self.rng = rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        self.dtype = draw(st.sampled_from(dtypes))
        self.activation = draw(st.sampled_from(activations))
        self.N = N = draw(st.integers(1, 9))
        self.sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
        D, *hidden, C = self.sizes
        self.network = MultiLayerNet(D, hidden, C, self.activation, dtype=self.dtype)
        for param in self.network.params.values():
            param[...] = rng.integers(-2, 3, param.shape) / 2

        self.kind = draw(st.sampled_from(["bytes", "whole", "zeros", "tiny"]))
        if self.kind == "bytes":
            self.x = rng.integers(256, size=(N, D), dtype=np.uint8)
        else:
            self.x = rng.integers(-8, 9, size=(N, D)).astype(self.dtype)
        if self.kind == "zeros":
            self.x[...] = 0
        if self.kind == "tiny":  # denormal; a bias would swallow them, and order would matter
            self.x *= tiny(self)
            for param in self.network.params.values():
                param[...] *= param.ndim == 2

        self.numbers = rng.integers(C, size=N)
        self.one_hot = np.eye(C)[self.numbers]
        self.form = draw(st.sampled_from(FORMS))
        self.rows = self.one_hot
        if self.form == "probabilities":
            self.rows = rng.dirichlet(np.ones(C), size=N)
        self.t = self.numbers if self.form == "numbers" else self.rows

    def __repr__(self):
        return (
            f"<{self.sizes}, {self.activation}, {np.dtype(self.dtype)}; "
            f"x {self.x.tolist()}, t {self.t.tolist()}>"
        )


@st.composite
def cases(draw, **options):
    return Case(draw, **options)


@st.composite
def scores_and_labels(draw):
    """Scores to +-10,000, denormals among them, and labels for them: (x, t, t as rows)."""
    dtype = draw(st.sampled_from(FLOATS))
    shape = N, C = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    width = np.dtype(dtype).itemsize * 8
    x = draw(arrays(dtype, shape, elements=st.floats(-1e4, 1e4, width=width)))
    numbers = draw(arrays(np.int64, N, elements=st.integers(0, C - 1)))
    rows = np.eye(C)[numbers]
    form = draw(st.sampled_from(FORMS))
    if form == "probabilities":
        parts = draw(arrays(np.int64, shape, elements=st.integers(0, 5))) + rows
        rows = parts / parts.sum(axis=1, keepdims=True)
    return x, numbers if form == "numbers" else rows, rows


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
    return scores, loss, dict(zip(case.network.params, reversed(gradients)))


def assert_close(got, want, off, dtype):
    """Equal, if both may be off by so much, and what is below the smallest number is lost."""
    lost = 100 * float(np.finfo(dtype).smallest_subnormal)
    assert np.shape(got) == np.shape(want)
    apart = np.abs(np.asarray(got, np.float64) - np.asarray(want, np.float64))
    assert (apart <= 2 * off + lost).all(), f"{got} and {want} are apart by more than {2 * off}"


def assert_close_gradients(got, want, off, dtype):
    assert list(got) == list(want) == list(off)
    for key in want:
        assert_close(got[key], want[key], off[key], dtype)


# Networks


def loss_by_formula(params, x, rows, activation):
    """The loss of the network as one formula, which autograd differentiates."""
    *hidden, last = zip(params[::2], params[1::2])
    for W, b in hidden:
        x = anp.dot(x, W) + b
        x = anp.where(x > 0, x, 0) if activation == "relu" else anp.exp(-anp.logaddexp(0, -x))
    return softmax_loss(anp.dot(x, last[0]) + last[1], rows)


def softmax_loss(x, rows):
    x = x - anp.max(x, axis=1, keepdims=True)
    return -anp.sum(rows * (x - anp.log(anp.sum(anp.exp(x), axis=1, keepdims=True)))) / len(x)


@given(cases(dtypes=[np.float64]))
def test_gradients_are_those_of_autograd(case):
    network = case.network
    params = [param.copy() for param in network.params.values()]
    arguments = params, case.x.astype(np.float64), case.rows, case.activation
    _, loss_off, off = rounding(case)
    assert_close(network.loss(case.x, case.t), loss_by_formula(*arguments), loss_off, np.float64)
    want = autograd.grad(loss_by_formula)(*arguments)
    gradients = network.gradient(case.x, case.t)
    assert_close_gradients(gradients, dict(zip(network.params, want)), off, np.float64)


@given(cases())
def test_a_loss_is_finite_and_never_negative(case):
    loss = case.network.loss(case.x, case.t)
    assert type(loss) is float and 0 <= loss < np.inf
    for gradient in case.network.gradient(case.x, case.t).values():
        assert gradient.dtype == case.dtype and np.isfinite(gradient).all()
    assert 0 <= case.network.accuracy(case.x, case.t) <= 1


@given(cases(), st.sampled_from([np.uint8, np.int64, np.float32, np.float64]))
def test_the_three_forms_of_t_agree(case, t_dtype):
    network, x = case.network, case.x
    _, loss_off, off = rounding(case)
    loss, gradient = network.loss(x, case.numbers), network.gradient(x, case.numbers)
    accuracy = network.accuracy(x, case.numbers)
    softer = case.one_hot / 2 + 1 / 2 / case.one_hot.shape[1]  # other rows, highest there too
    for t in (case.numbers.astype(t_dtype), case.one_hot.astype(t_dtype)):
        assert_close(network.loss(x, t), loss, loss_off, case.dtype)
        assert_close_gradients(network.gradient(x, t), gradient, off, case.dtype)
        assert network.accuracy(x, t) == accuracy
    assert network.accuracy(x, softer) == accuracy


@given(cases(), st.data())
def test_no_argument_is_changed(case, data):
    layout = data.draw(st.sampled_from(LAYOUTS))
    network = case.network
    before = [param.copy() for param in network.params.values()]
    for lock in (np.asarray, locked):  # an attempt to write into a locked array would raise
        x, t = lock(layout(case.x)), lock(layout(case.t))
        for param in network.params.values():
            lock(param)
        network.predict(x), network.loss(x, t), network.accuracy(x, t), network.gradient(x, t)
        assert x.tobytes() == case.x.tobytes() and t.tobytes() == case.t.tobytes()
        for param, was in zip(network.params.values(), before):
            assert param.tobytes() == was.tobytes()


@given(cases(), st.data())
def test_no_result_depends_on_where_numbers_lie_in_memory(case, data):
    def somewhere(array):
        view = data.draw(st.sampled_from(LAYOUTS))(array)
        return locked(view) if data.draw(st.booleans()) else view

    network, x, t = case.network, case.x, case.t
    scores_off, loss_off, off = rounding(case)
    scores, loss = network.predict(x), network.loss(x, t)
    gradient, accuracy = network.gradient(x, t), network.accuracy(x, t)

    for name, layer in network.layers.items():
        if isinstance(layer, Affine):
            network.layers[name] = Affine(somewhere(layer.W), somewhere(layer.b))
    x, t = somewhere(x), somewhere(t)
    assert_close(network.predict(x), scores, scores_off, case.dtype)
    assert_close(network.loss(x, t), loss, loss_off, case.dtype)
    assert_close_gradients(network.gradient(x, t), gradient, off, case.dtype)
    if case.activation == "relu":  # else rounding may choose between two scores that are equal
        assert network.accuracy(x, t) == accuracy


@given(cases())
def test_a_batch_is_the_mean_of_its_samples(case):
    network, N = case.network, case.N
    samples = [(case.x[n : n + 1], case.t[n : n + 1]) for n in range(N)]
    _, loss_off, off = rounding(case)
    losses = [network.loss(*sample) for sample in samples]
    # The mean of the samples' results is rounded as often as that of the batch, hence 2.
    assert_close(network.loss(case.x, case.t), np.mean(losses), 2 * loss_off, case.dtype)
    gradients = [network.gradient(*sample) for sample in samples]
    means = {key: np.mean([g[key] for g in gradients], axis=0) for key in network.params}
    off = {key: 2 * bound for key, bound in off.items()}
    assert_close_gradients(network.gradient(case.x, case.t), means, off, case.dtype)
    if case.activation == "relu":
        right = sum(network.accuracy(*sample) for sample in samples)
        assert network.accuracy(case.x, case.t) == pytest.approx(right / N, rel=1e-15)


@given(cases(), st.data())
def test_the_order_of_the_samples_changes_only_the_order_of_the_scores(case, data):
    order = data.draw(st.permutations(range(case.N)))
    network, x, t = case.network, case.x, case.t
    scores_off, loss_off, off = rounding(case)
    scores, loss = network.predict(x), network.loss(x, t)
    gradient, accuracy = network.gradient(x, t), network.accuracy(x, t)
    x, t = x[order], t[order]
    assert_close(network.predict(x), scores[order], scores_off, case.dtype)
    assert_close(network.loss(x, t), loss, loss_off, case.dtype)
    assert_close_gradients(network.gradient(x, t), gradient, off, case.dtype)
    if case.activation == "relu":
        assert network.accuracy(x, t) == accuracy


@given(cases(dtypes=[np.float32]))
def test_float32_agrees_with_float64_to_its_own_precision(case):
    network = case.network
    D, *hidden, C = case.sizes
    double = MultiLayerNet(D, hidden, C, case.activation)
    double.params = network.params  # halves, which both formats hold exactly
    scores_off, loss_off, off = rounding(case)
    assert_close(network.predict(case.x), double.predict(case.x), scores_off, np.float32)
    loss, want = (net.loss(case.x, case.t) for net in (network, double))
    assert_close(loss, want, loss_off, np.float32)
    gradient, want = (net.gradient(case.x, case.t) for net in (network, double))
    assert_close_gradients(gradient, want, off, np.float32)
    if case.activation == "relu":
        assert network.accuracy(case.x, case.t) == double.accuracy(case.x, case.t)


@given(cases(activations=["relu"]))
def test_scores_and_accuracy_are_exact_where_no_sum_is_rounded(case):
    # In Python's whole numbers, which know no rounding: in units of 1/2, then 1/4, ...
    smallest = tiny(case) if case.kind == "tiny" else 1
    x, unit = [[int(value / smallest) for value in row] for row in case.x.tolist()], 1
    for layer in case.network.layers.values():
        if isinstance(layer, Relu):
            x = [[max(value, 0) for value in row] for row in x]
            continue
        unit *= 2
        W, b = (2 * layer.W).astype(int).T.tolist(), (unit * layer.b).astype(int).tolist()
        x = [[sum(map(int.__mul__, row, w)) + c for w, c in zip(W, b)] for row in x]
    np.testing.assert_array_equal(case.network.predict(case.x), np.array(x) * (smallest / unit))
    right = [row.index(max(row)) for row in x] == case.rows.argmax(axis=1)  # of equals, the first
    assert case.network.accuracy(case.x, case.t) == right.sum() / case.N


def tiny(case):
    return 16 * float(np.finfo(case.dtype).smallest_subnormal)


# The last layer and the functions


@given(scores_and_labels(), st.sampled_from([1, -2.5, 0.125]), st.sampled_from(LAYOUTS))
def test_the_last_layer_is_exact_however_far_scores_are_apart(batch, dout, lay):
    x, t, rows = batch
    N, C = x.shape
    eps = float(np.finfo(x.dtype).eps)
    layer, mine, labels = SoftmaxWithLoss(), locked(lay(x)), locked(lay(t))
    loss = layer.forward(mine, labels)
    # Scores are 20,000 apart at most, and the subtraction rounds that far off; C terms are added
    # up for the total, and N C of them for the loss. float32 rounds rows t too.
    exact = x.astype(np.float64)
    spread = np.ptp(exact, axis=1).max()
    off = eps * (N * C + C + 8) * (spread + 1)
    assert 0 <= loss <= np.log(C) + spread + off
    assert_close(loss, softmax_loss(exact, rows), off, x.dtype)
    # A difference of scores that is off by eps times itself makes a y that is off by
    # y log(1/y) eps, less than eps; the rest are sum, quotient, y - t and dout / N.
    off = eps * abs(dout) * (C + 8) / N
    dx = layer.backward(dout)
    assert_close(dx, dout * autograd.grad(softmax_loss)(exact, rows), off, x.dtype)
    # Each row of y, and of t, sums to 1: what one class gains, others lose.
    np.testing.assert_allclose(dx.sum(axis=1), 0, atol=3 * off)
    assert mine.tobytes() == x.tobytes() and labels.tobytes() == t.tobytes()


@st.composite
def shifted_scores(draw):
    """Scores and the same with every row shifted, in steps of 1/512: no sum is rounded.

    20,000 * 512 is less than 2^24, so that float32 holds all of them.
    """
    dtype = draw(st.sampled_from(FLOATS))
    shape = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    steps = st.integers(-10_000 * 512, 10_000 * 512)
    x = draw(arrays(np.int64, shape, elements=steps)) / 512
    shift = draw(arrays(np.int64, (shape[0], 1), elements=steps)) / 512
    return x.astype(dtype), (x + shift).astype(dtype)


@given(shifted_scores(), st.sampled_from(FORMS), st.integers(0, 2**32))
def test_a_shift_of_all_scores_of_a_row_changes_nothing(pair, form, seed):
    rng, (N, C) = np.random.default_rng(seed), pair[0].shape
    t = rng.integers(C, size=N)
    if form != "numbers":
        t = np.eye(C)[t] if form == "one-hot" else rng.dirichlet(np.ones(C), size=N)
    # The differences of the scores are the same numbers, so all that is made of them is too.
    for function in (softmax, log_softmax):
        np.testing.assert_array_equal(function(pair[1]), function(pair[0]))
    layer, other = SoftmaxWithLoss(), SoftmaxWithLoss()
    assert layer.forward(pair[1], t) == other.forward(pair[0], t)
    np.testing.assert_array_equal(layer.y, other.y)
    np.testing.assert_array_equal(layer.backward(), other.backward())


@given(scores_and_labels(), st.data())
def test_functions_leave_arguments_alone_and_ignore_their_layout(batch, data):
    x, t, _ = batch
    lay = data.draw(st.sampled_from(LAYOUTS))
    eps = float(np.finfo(x.dtype).eps)
    for function in (sigmoid, softmax, log_softmax):
        mine = lay(x)
        out = function(locked(mine))
        assert mine.tobytes() == x.tobytes()
        assert out.dtype == x.dtype
        # Loops along memory and across it may round exp differently, and sums of C of them.
        off = 8 * x.shape[1] * eps
        np.testing.assert_allclose(out, function(x), rtol=off, atol=off)
    y = np.full_like(x, 1 / x.shape[1])
    mine, labels = locked(lay(y)), locked(lay(t))
    loss = cross_entropy_error(mine, labels)
    assert mine.tobytes() == y.tobytes() and labels.tobytes() == t.tobytes()
    # Where every class is as likely as any other, each right one costs log C.
    assert loss == pytest.approx(np.log(x.shape[1]), rel=10 * x.size * eps, abs=x.size * eps)


@given(scores_and_labels(), st.data())
def test_softmax_gives_probabilities_in_the_order_of_the_scores(batch, data):
    x, t, rows = batch
    N, C = x.shape
    eps = float(np.finfo(x.dtype).eps)
    y, log_y = softmax(x), log_softmax(x)
    assert (y >= 0).all() and (y <= 1).all() and (log_y <= 0).all() and np.isfinite(log_y).all()
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=2 * C * eps)
    np.testing.assert_allclose(np.exp(log_y), y, atol=2 * (C + 8) * eps)
    np.testing.assert_array_equal(y.max(axis=1), y[np.arange(N), x.argmax(axis=1)])
    order = data.draw(st.permutations(range(C)))
    np.testing.assert_allclose(softmax(x[:, order]), y[:, order], rtol=4 * C * eps, atol=1e-44)
    if (y[rows > 0] > 1e-30).all():  # where no probability is lost, both say the same
        off = eps * (2e4 + N * C * 100)
        assert_close(cross_entropy_error(y, t), SoftmaxWithLoss().forward(x, t), off, x.dtype)


@given(st.sampled_from(FLOATS), st.data())
def test_sigmoid_rises_from_0_to_1_and_turns_about_its_middle(dtype, data):
    width = np.dtype(dtype).itemsize * 8
    eps = float(np.finfo(dtype).eps)
    x = np.sort(data.draw(arrays(dtype, 12, elements=st.floats(-1e4, 1e4, width=width))))
    y = sigmoid(x)
    assert (y >= 0).all() and (y <= 1).all()
    assert (np.diff(y) >= -2 * eps).all()
    np.testing.assert_allclose(y + sigmoid(-x), 1, atol=4 * eps)
    want = 0.5 + np.tanh(x.astype(np.float64) / 2) / 2
    np.testing.assert_allclose(y, want, atol=4 * eps)
    layer = Sigmoid()
    layer.forward(x)
    np.testing.assert_allclose(layer.backward(np.ones_like(x)), want * (1 - want), atol=8 * eps)
