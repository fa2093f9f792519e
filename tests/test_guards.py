"""The guards by themselves: what passes them, and as what. (What they refuse: test_mistakes.)"""

import numpy as np
import pytest

from common.guards import as_floats, as_labels, check_arguments, check_shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_as_floats_copies_only_what_must_be_converted(dtype):
    x = np.ones(3, dtype)
    assert as_floats(x) is x
    assert as_floats(x, x.dtype) is x
    other = np.dtype(np.float32 if dtype is np.float64 else np.float64)
    assert as_floats(x, other).dtype == other and x.dtype == dtype
    assert as_floats([1, 2], np.dtype(dtype)).dtype == dtype


def test_as_floats_reads_numbers_stored_the_other_way_round():
    x = as_floats(np.array([1.5, -2], ">f4"))
    assert x.dtype == np.float64 and x.tolist() == [1.5, -2]


@pytest.mark.parametrize("dtype", ["?", "i1", "i8", "u1", "u8", "f2", "f4", "f8"])
def test_class_numbers_may_have_any_dtype(dtype):
    labels = as_labels(np.array([0, 1, 1], dtype), 3, 2)
    assert labels.dtype == np.intp and labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize("dtype", ["u1", np.intp])
def test_class_numbers_are_copied_since_backward_will_need_them(dtype):
    t = np.array([2, 0], dtype)
    labels = as_labels(t, 2, 3)
    t[...] = 1
    assert labels.tolist() == [2, 0]


@pytest.mark.parametrize("dtype", ["?", "i8", "u1", "f4", "f8"])
def test_rows_of_any_dtype_become_float64(dtype):
    rows = as_labels(np.array([[0, 1], [1, 0]], dtype), 2, 2)
    assert rows.dtype == np.float64 and rows.tolist() == [[0, 1], [1, 0]]


def test_rows_sum_to_1_as_nearly_as_float64_can():
    t = np.random.default_rng(0).dirichlet(np.ones(5), 100).astype(np.float32)
    assert np.abs(as_labels(t, 100, 5).sum(axis=1) - 1).max() < 1e-15


@pytest.mark.parametrize("t", [[0, 2], [0.0, 2.0], (0, 2)])
def test_labels_may_be_lists(t):
    assert as_labels(t, 2, 3).tolist() == [0, 2]


def test_two_labels_for_two_samples_are_not_taken_for_rows():
    # Of shape (2,) with N = C = 2: class numbers. Of shape (2, 2): rows.
    assert as_labels([1, 0], 2, 2).tolist() == [1, 0]
    assert as_labels([[1, 0], [1, 0]], 2, 2).tolist() == [[1, 0], [1, 0]]


def test_rows_may_sum_to_1_within_rounding():
    as_labels([[1 / 3, 1 / 3, 0.333]], 1, 3)
    with pytest.raises(ValueError, match="expected rows of t to be one-hot or probabilities"):
        as_labels([[1 / 3, 1 / 3, 0.33]], 1, 3)


@pytest.mark.parametrize(
    "t, words",
    [
        ([0, -1], "expected class numbers 0 to 2, got -1"),
        ([0, 3], "expected class numbers 0 to 2, got 3"),
        (np.array([0, 3], np.uint8), "expected class numbers 0 to 2, got 3"),
        ([0, -1.0], "expected class numbers 0 to 2, got -1.0"),
        ([0, 1.5], "expected class numbers 0 to 2, got 1.5"),
        ([0.5, 1.5], "expected class numbers 0 to 2, got 0.5"),  # the first of them
        ([0, np.nan], "expected class numbers 0 to 2, got nan"),
        ([0, np.inf], "expected class numbers 0 to 2, got inf"),
        ([0, 1e30], r"expected class numbers 0 to 2, got 1e\+30"),  # too large for any integer
        ([[0], [1]], r"got \(2, 1\); pass t.ravel\(\)"),
        ([[0, 1]], r"got \(1, 2\); pass t.ravel\(\)"),
        ([0, 1, 2], r"\(2,\) for class numbers or \(2, 3\) for rows, got \(3,\)"),
        (1, r"\(2,\) for class numbers or \(2, 3\) for rows, got \(\)"),
        ([[1, 0], [0, 1]], r"\(2,\) for class numbers or \(2, 3\) for rows, got \(2, 2\)"),
        ([[1, 1, 0], [1, 0, 0]], "expected rows of t to be one-hot or probabilities"),
        ([[2, -1, 0], [1, 0, 0]], "expected rows of t to be one-hot or probabilities"),
        ([[0, 0, 0], [1, 0, 0]], "expected rows of t to be one-hot or probabilities"),
        ([[np.nan, 0, 1], [1, 0, 0]], "expected rows of t to be one-hot or probabilities"),
    ],
)
def test_what_cant_be_labels_is_refused(t, words):
    with pytest.raises(ValueError, match=words):
        as_labels(t, 2, 3)


def test_labels_of_another_kind_or_for_no_sample_are_refused():
    with pytest.raises(TypeError, match="expected labels t as numbers, got dtype <U3"):
        as_labels(["cat", "dog"], 2, 3)
    with pytest.raises(ValueError, match="expected at least one sample, got an empty batch"):
        as_labels([], 0, 3)


@pytest.mark.parametrize(
    "N, shape, hint",
    [
        (300, (300, 1), "; pass t.ravel()"),
        (4, (1, 4), "; pass t.ravel()"),
        (4, (3, 4), "; pass t.T"),
        (4, (3,), ""),
        (4, (2, 4), ""),
        (4, (4, 10), ""),
    ],
)
def test_a_shape_is_hinted_at_only_where_the_hint_helps(N, shape, hint):
    with pytest.raises(ValueError) as error:
        as_labels(np.zeros(shape), N, 3)
    assert str(error.value).endswith(f"for rows, got {shape}{hint}")


@pytest.mark.parametrize("name, hint", [("W", ""), ("z", ""), ("x", "; no return?")])
def test_only_a_missing_dx_is_one_that_was_not_returned(name, hint):
    with pytest.raises(ValueError) as error:
        check_shape("Mine", name, None, np.zeros((2, 3)))
    assert str(error.value) == (
        f"Mine: expected backward to compute d{name} of shape (2, 3), got nothing{hint}"
    )


def test_a_forward_that_says_nothing_of_its_arguments_is_let_pass():
    class Smallest:
        forward = staticmethod(min)  # written in C, without a signature

    check_arguments(Smallest(), "x")
