"""The maths by itself: values worked on paper, logarithms of what is too small for a float."""

import math
import re

import numpy as np
import pytest

import common.functions
from common.functions import cross_entropy_error, log_softmax, sigmoid, softmax

log = np.log


def read_only(array):
    array = np.array(array)
    array.setflags(write=False)
    return array


def test_import_star_gives_the_four_functions_and_nothing_else():
    names = {}
    exec("from common.functions import *", names)
    names.pop("__builtins__")
    assert names.keys() == {"sigmoid", "softmax", "log_softmax", "cross_entropy_error"}
    assert all(names[name] is getattr(common.functions, name) for name in names)


# sigmoid


def test_sigmoid_by_hand():
    # exp(-log 3) = 1/3, and 1 / (1 + 1/3) = 3/4; the others likewise.
    x = np.array([[0, log(3), -log(3)], [log(9), -log(9), log(99)]])
    want = [[1 / 2, 3 / 4, 1 / 4], [9 / 10, 1 / 10, 99 / 100]]
    np.testing.assert_allclose(sigmoid(x), want, rtol=1e-15)


def test_sigmoid_far_out_is_exact_and_silent():
    np.testing.assert_array_equal(sigmoid([-1e4, -1000, 1000, 1e4]), [0, 0, 1, 1])
    # Far to the left it is exp(x), of which nothing gets lost: exp(-230.2585...) = 1e-100.
    np.testing.assert_allclose(sigmoid([-100 * log(10)]), [1e-100], rtol=1e-13)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 4), (0, 3)])
def test_sigmoid_takes_any_shape(shape):
    out = sigmoid(np.zeros(shape))
    assert out.shape == shape and (out == 0.5).all()


def test_sigmoid_of_one_number_keeps_its_dtype_too():
    for dtype in (np.float32, np.float64):
        assert sigmoid(np.array(1, dtype)).dtype == sigmoid(dtype(-1)).dtype == dtype


# softmax and log_softmax


def test_softmax_by_hand():
    # exp of the scores is 1, 2, 5 (sum 8) and 3, 3, 4 (sum 10).
    x = log([[1, 2, 5], [3, 3, 4]])
    want = [[1 / 8, 2 / 8, 5 / 8], [3 / 10, 3 / 10, 4 / 10]]
    np.testing.assert_allclose(softmax(x), want, rtol=1e-15)
    np.testing.assert_allclose(log_softmax(x), log(want), rtol=1e-14)


def test_softmax_of_the_textbooks_scores():
    # Printed in the chapter on neural networks for the scores 0.3, 2.9, 4.0.
    want = [0.01821127, 0.24519181, 0.73659691]
    np.testing.assert_allclose(softmax([0.3, 2.9, 4.0]), want, atol=5e-9)
    # And for 1010, 1000, 990, where exp would overflow.
    want = [9.99954600e-01, 4.53978686e-05, 2.06106005e-09]
    np.testing.assert_allclose(softmax([1010, 1000, 990]), want, rtol=5e-9)


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_softmax_goes_along_the_last_axis(function):
    # 1, 3 (sum 4); 1, 1 (sum 2); 4, 1 (sum 5); 1, 9 (sum 10): a stack of two batches.
    x = log([[[1, 3], [1, 1]], [[4, 1], [1, 9]]])
    want = np.array([[[1 / 4, 3 / 4], [1 / 2, 1 / 2]], [[4 / 5, 1 / 5], [1 / 10, 9 / 10]]])
    want = want if function is softmax else log(want)
    np.testing.assert_allclose(function(x), want, rtol=1e-14)
    np.testing.assert_allclose(function(x[0, 0]), want[0, 0], rtol=1e-14)


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_softmax_far_out_doesnt_overflow(shift):
    # A shift drops out of the quotient. 1e4 leaves 12 digits of the scores.
    x = log([[1, 2, 5]]) + shift
    np.testing.assert_allclose(softmax(x), [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-11)
    np.testing.assert_allclose(log_softmax(x), log([[1 / 8, 2 / 8, 5 / 8]]), rtol=1e-11)


def test_rows_far_apart_dont_disturb_each_other():
    x = [[1e4, 1e4], [0, 0], [-1e4, -1e4]]
    np.testing.assert_array_equal(softmax(x), np.full((3, 2), 1 / 2))
    np.testing.assert_allclose(log_softmax(x), np.full((3, 2), -log(2)), rtol=1e-14)


def test_softmax_of_scores_far_apart_is_one_hot():
    np.testing.assert_array_equal(softmax([[1e4, -1e4, 0]]), [[1, 0, 0]])


def test_log_softmax_never_meets_log_of_0():
    # log(exp(-10000) / (1 + exp(-10000))) = -10000 - log(1 + exp(-10000)) = -10000 - 0.
    np.testing.assert_array_equal(log_softmax([0, -10000]), [0, -10000])
    np.testing.assert_array_equal(log_softmax([[1e4, -1e4]]), [[0, -2e4]])


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_there_may_be_no_samples_but_not_no_classes(function):
    assert function(np.zeros((0, 3))).shape == (0, 3)
    for shape in [(2, 0), (0,), ()]:
        words = rf"expected scores of shape \(..., C\), got {re.escape(str(shape))}"
        with pytest.raises(ValueError, match=words):
            function(np.zeros(shape))


# cross_entropy_error

Y = [[1 / 8, 2 / 8, 5 / 8], [3 / 10, 3 / 10, 4 / 10]]


@pytest.mark.parametrize("t", [[0, 2], [[1, 0, 0], [0, 0, 1]]], ids=["numbers", "one-hot"])
def test_cross_entropy_by_hand(t):
    # (-log 1/8 - log 4/10) / 2 = log(8 * 10/4) / 2 = log(20) / 2
    loss = cross_entropy_error(np.array(Y), np.array(t))
    assert type(loss) is float
    assert loss == pytest.approx(log(20) / 2, rel=1e-14)


def test_cross_entropy_of_probabilities_by_hand():
    # -(1/2 log 1/8 + 1/2 log 2/8) = (3 log 2 + 2 log 2) / 2 = 5/2 log 2 in the first row,
    # -(1/4 log 3/10 + 3/4 log 4/10) in the second
    t = np.array([[1 / 2, 1 / 2, 0], [0, 1 / 4, 3 / 4]])
    want = (5 / 2 * log(2) - log(0.3) / 4 - 3 / 4 * log(0.4)) / 2
    assert cross_entropy_error(np.array(Y), t) == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize("t", [1, [0, 1, 0]], ids=["number", "one-hot"])
def test_cross_entropy_of_one_sample(t):
    assert cross_entropy_error(Y[0], t) == pytest.approx(log(4), rel=1e-14)


def test_cross_entropy_adds_nothing_to_y():
    # With the usual + 1e-7 it would be 11.5 + 2.3 instead of 30 log 10.
    assert cross_entropy_error([[1e-30, 1]], [0]) == pytest.approx(30 * log(10), rel=1e-14)
    assert cross_entropy_error([[1, 0]], [1]) == math.inf
    assert cross_entropy_error([[1, 0]], [[0, 1]]) == math.inf


def test_a_class_that_t_rules_out_costs_nothing():
    # 0 log 0 is 0 here, not nan.
    for t in ([[1, 0]], [0]):
        loss = cross_entropy_error([[1, 0]], t)
        assert loss == 0 and math.copysign(1, loss) == 1  # and not -0.0, as -(1 log 1) would be


@pytest.mark.parametrize("y", [[[1.0, 2.0]], [[1.5, -0.5]], [[0.4, 0.4]], [[np.nan, 1]]])
def test_cross_entropy_refuses_scores(y):
    with pytest.raises(ValueError, match=r"rows of probabilities .* pass softmax\(scores\)"):
        cross_entropy_error(y, [0])


@pytest.mark.parametrize("y, came", [([[[1.0]]], r"\(1, 1, 1\)"), (1.0, r"\(\)")])
def test_cross_entropy_refuses_other_shapes(y, came):
    with pytest.raises(ValueError, match=rf"expected y of shape \(N, C\), got {came}"):
        cross_entropy_error(y, [0])


# What holds for all of them

ALL = [sigmoid, softmax, log_softmax, lambda x: cross_entropy_error(softmax(x), [0, 1])]
IDS = ["sigmoid", "softmax", "log_softmax", "cross_entropy_error"]


@pytest.mark.parametrize("function", ALL, ids=IDS)
def test_no_function_writes_into_its_argument(function):
    x = read_only([[1.0, -2.0, 3.0], [0.0, 5.0, -1.0]])
    function(x)  # an attempt to write would raise
    out = function(x.copy())
    assert out is not x


def test_cross_entropy_writes_into_neither_argument():
    for t in ([0, 2], [0.0, 2.0], [[1, 0, 0], [0, 0, 1]], [[0.5, 0.5, 0], [0, 0, 1]]):
        cross_entropy_error(read_only(Y), read_only(t))


@pytest.mark.parametrize("function", ALL[:3], ids=IDS[:3])
def test_what_is_returned_is_the_callers_own(function):
    x = np.array([[0.0, 0.0]])
    out = function(x)
    out += 1
    assert (x == 0).all()


@pytest.mark.parametrize("function", ALL[:3], ids=IDS[:3])
@pytest.mark.parametrize(
    "came, stays", [("f4", "f4"), ("f8", "f8"), ("i8", "f8"), ("u1", "f8"), ("f2", "f8")]
)
def test_floats_keep_their_dtype_and_other_numbers_become_float64(function, came, stays):
    x = np.array([[1, 2, 3]], came)
    assert function(x).dtype == stays


@pytest.mark.parametrize("function", ALL[:3], ids=IDS[:3])
def test_unsigned_bytes_dont_wrap_around(function):
    # 0 - 1 is 255 among unsigned bytes: the shift by the largest score must not happen there.
    as_bytes = function(np.array([[0, 1]], np.uint8))
    e = math.e
    by_hand = {
        sigmoid: [1 / 2, e / (1 + e)],
        softmax: [1 / (1 + e), e / (1 + e)],
        log_softmax: [-log(1 + e), 1 - log(1 + e)],
    }
    np.testing.assert_allclose(as_bytes, [by_hand[function]], rtol=1e-14)


@pytest.mark.parametrize("x", [["a"], [1j], [None], [np.datetime64("2020-01-01")]])
@pytest.mark.parametrize("function", ALL[:3], ids=IDS[:3])
def test_what_is_no_real_number_is_refused(function, x):
    with pytest.raises(TypeError, match="expected an array of real numbers, got dtype"):
        function(np.array(x))


def test_only_things_that_may_hold_numbers_are_told_how_to_become_them():
    for x, came in [(np.array(["1.5"]), "<U3; if these"), (np.array([1j]), "complex128$")]:
        with pytest.raises(TypeError, match=f"got dtype {came}"):
            sigmoid(x)
    for x, came in [(None, "NoneType"), ("x", "str"), (1j, "complex")]:
        with pytest.raises(TypeError, match=f"got {came}$"):
            sigmoid(x)


def test_numpy_set_to_raise_at_everything_finds_nothing():
    with np.errstate(all="raise"):
        # exp(-1000) can't be told from 0: what is too small to write down is no accident.
        np.testing.assert_array_equal(sigmoid([-1000.0, 1000.0]), [0, 1])
        np.testing.assert_array_equal(softmax([0.0, -1000.0]), [1, 0])
        np.testing.assert_array_equal(log_softmax([0.0, -1000.0]), [0, -1000])


def test_one_sample_with_its_label_in_a_list():
    assert cross_entropy_error([0.5, 0.5], [1]) == pytest.approx(math.log(2))
