"""What the pages of the lesson call to check and convert what they are given.

To learn how backpropagation works, skip this file. A mistake is answered in one sentence: what was
expected, what came, and how to mend it. A wrong value is a ValueError, a wrong kind of thing a
TypeError, a number beyond all floats a FloatingPointError.
"""

import difflib
import math
import numbers
import os
import sys

import numpy as np

FLOATS = (np.float32, np.float64)
ROOT = os.path.dirname(os.path.dirname(__file__))  # as frames spell it, perhaps with a dot in it
OURS = tuple(os.path.join(ROOT, folder, "") for folder in ("common", "dataset", "ch05"))


def wrong(error, expected, came, hint="", at=""):
    """The error to raise: "at: expected this, got that; hint"."""
    hide_our_frames()
    return error(f"{at and f'{at}: '}expected {expected}, got {came}{hint and f'; {hint}'}")


def hide_our_frames():
    """A notebook's traceback then shows the reader's own lines, and the one of ours that raises."""
    frame = sys._getframe() if "IPython" in sys.modules else None
    while frame and (frame := frame.f_back):
        if frame.f_code.co_filename.startswith(OURS) and frame.f_code.co_name != "<module>":
            frame.f_locals["__tracebackhide__"] = True  # which IPython looks for


def kind(thing):
    if isinstance(thing, type):
        return f"the class {thing.__name__}; write {thing.__name__}(...)"
    return type(thing).__name__


def short(thing):
    """What came, in a few characters: an array by its shape."""
    text = shape_of(thing) if isinstance(thing, np.ndarray) else repr(thing)
    return text if len(text) <= 60 else f"{text[:57]}..."


def shape_of(array):
    return f"shape {np.shape(array)}" if np.ndim(array) else "one number"


def did_you_mean(name, names):
    """A hint: the name that was probably meant, or nothing."""
    near = [each for each in names if each.lower() == name.lower()]
    near += difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


# Numbers and labels


def as_numbers(x, what="an array of real numbers"):
    """x as an array of real numbers, whatever holds them: a list, an array, a table's column."""
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":  # truth values, integers, unsigned integers, floats
        came = f"dtype {array.dtype}; convert it with np.array(..., float)"
        raise wrong(TypeError, what, came if array.ndim else kind(x))
    return array


def as_floats(x, dtype=None):
    """x as an array in dtype; without one, float32 and float64 stay, and others become float64."""
    if type(x) is np.ndarray and (x.dtype == dtype if dtype else x.dtype in FLOATS):
        return x
    x = as_numbers(x)
    return x.astype(dtype or (x.dtype if x.dtype in FLOATS else np.float64), copy=False)


def is_finite(x):
    """False if x is None, or has nan or inf in it."""
    if x is None:
        return False
    # One product is fast, and shows nan and inf. Large numbers may overflow in it, so look again.
    return math.isfinite(np.vdot(x, x)) or bool(np.isfinite(as_numbers(x)).all())


def as_finite(x, dtype=None):
    """x as an array of finite floats: the entrance to a network."""
    x = as_floats(x, dtype)
    if not is_finite(x):
        place = np.argwhere(~np.isfinite(x))[0].tolist()
        raise wrong(ValueError, "finite numbers in x", f"{x[tuple(place)]} at x{place}")
    return x


def as_labels(t):
    array = np.asarray(t)
    if array.dtype.kind in "iuf":  # whole numbers or floats: the usual case, quickly
        return array
    if array.dtype.kind in "UST" or array.dtype.kind == "O" and isinstance(array.flat[0], str):
        hint = "names become numbers by np.unique(t, return_inverse=True)[1]"
        raise wrong(TypeError, "labels t as numbers", "words", hint)
    return as_numbers(t, "labels t as numbers")


def label_rows(t, y):
    """Labels t in any form as rows (N, C), in the shape and dtype of y."""
    t = as_labels(t)
    if y.ndim != 2 or len(y) == 0:
        raise wrong(ValueError, "scores (N, C) of one sample or more", y.shape)
    N, C = y.shape
    if C == 1:  # softmax of one score is 1, whatever the score: there is nothing to be right about
        expected = "an output for each class, two or more"
        hint = "for targets that are no classes write a last layer of your own"
        raise wrong(ValueError, expected, "a network with 1 output", hint)
    if t.shape == (N,) or t.shape == (N, 1):
        rows = t.reshape(N, 1) == np.arange(C)  # True where the class is, once in each row
        if np.count_nonzero(rows) == N:
            return rows.astype(y.dtype)
        expected, came = f"class numbers 0 to {C - 1}", t[~rows.any(axis=1)].item(0)
        hint = f"the network has {C} outputs, and the first class is 0"
    elif t.shape == (N, C):
        sums = t.sum(axis=1, dtype=np.float64, keepdims=True)
        if (t >= 0).all() and (np.abs(sums - 1) < 1e-3).all():
            return (t / sums).astype(y.dtype)
        expected, came = "rows of t to be one-hot or probabilities", "other numbers"
        hint = "to make rows sum to 1, pass t / t.sum(axis=1, keepdims=True)"
    else:
        expected, came = f"t of shape ({N},) for class numbers or ({N}, {C}) for rows", t.shape
        came, hint = came or "one number", "pass t.ravel()" if t.size == N else ""
    raise wrong(ValueError, expected, came, hint)


def as_probabilities(y, t):
    """y as rows (N, C) of probabilities, and t likewise: one sample becomes a batch of one."""
    y = as_floats(y)
    if y.ndim == 1:
        y, t = y[np.newaxis], np.reshape(t, 1 if np.size(t) == 1 else (1, -1))
    if not ((y >= 0).all() and (np.abs(y.sum(axis=-1) - 1) < 1e-3).all()):
        hint = "use softmax(scores)"
        raise wrong(ValueError, "y as rows of probabilities", "other numbers", hint)
    return y, t


# Layers


class Layer:
    """What our layers share: a short repr, and an answer to backward before forward."""

    def __getattr__(self, name):  # Python calls it only for an attribute that isn't there
        hint = did_you_mean(name, [*vars(self)]) or f"it has {', '.join([*vars(self), 'forward'])}"
        if name in ("x", "x_shape", "out", "y", "t", "loss"):
            hint = "forward keeps it, so call forward first"
        raise AttributeError(f"{kind(self)} has no {name}; {hint}")

    def __repr__(self):
        return f"{kind(self)}()"


def like(dout, out):
    """Returns dout in the dtype of out, or raises an error if its shape isn't out's.

    NumPy would stretch another shape (broadcast) without a word.
    """
    if type(dout) is type(out) is np.ndarray and dout.shape == out.shape:
        return np.asarray(dout, out.dtype)  # the usual cases, quickly
    if type(out) is float and type(dout) in (int, float):
        return dout
    out = np.asarray(out)
    came = np.shape(dout)
    if dout is None or came != out.shape:
        hint = "dout is the dx of the next layer" if out.ndim else "it is one number here"
        if out.shape[1:] == (1,) and came == (len(out), len(out)):  # of (N, 1) and (N,)
            hint = f"for scores of shape {out.shape} pass t.reshape(-1, 1)"
        expected = f"dout of shape {out.shape}, as out has"
        raise wrong(ValueError, expected, "None" if dout is None else came, hint)
    return np.asarray(dout, out.dtype)


def as_parameters(W, b):
    """W and b as they are, if they are arrays of floats in one dtype; numbers in lists as arrays.

    A copy would be learnt in the place of the array that the caller keeps.
    """
    for name, array in (("W", W), ("b", b)):
        if isinstance(array, np.ndarray) and array.dtype not in FLOATS:
            came = f"dtype {array.dtype}"
            raise wrong(TypeError, f"{name} in floats", came, f"pass {name}.astype(float)")
    dtypes = [each.dtype for each in (W, b) if isinstance(each, np.ndarray)]
    if dtypes[1:] and dtypes[0] != dtypes[1]:
        came = f"{dtypes[0]} and {dtypes[1]}"
        raise wrong(TypeError, "W and b in one dtype", came, "pass b.astype(W.dtype)")
    W, b = (as_floats(each, *dtypes[:1]) for each in (W, b))
    if W.ndim != 2 or W.size == 0 or b.shape != W.shape[1:]:
        hint = "" if W.ndim else "for sizes, use Affine.random"
        came = f"{W.shape} and {b.shape}"
        raise wrong(ValueError, "W of shape (D, M) and b of shape (M,)", came, hint)
    return W, b


def check_count(name, n):
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise wrong(ValueError, f"{name} as a whole number from 1 up", short(n))


def check_start(input_size, output_size, std, dtype):
    """Are these sizes of an Affine, and a way to draw its weights?"""
    check_count("input_size", input_size)
    check_count("output_size", output_size)
    if np.dtype(dtype) not in FLOATS:
        raise wrong(TypeError, "dtype float32 or float64", np.dtype(dtype))
    if isinstance(std, str) and std in ("he", "xavier"):
        return
    if not isinstance(std, numbers.Real) or not 0 <= std < math.inf:
        raise wrong(ValueError, 'weight_init_std as a number, "he" or "xavier"', short(std))


def as_rows(x, W):
    """x as an Affine takes it: floats (N, D) in the dtype of W. Images are flattened."""
    x, D = as_floats(x, W.dtype), len(W)
    if x.ndim == 2 and x.shape[1] == D:
        return x
    if x.ndim > 2 and math.prod(x.shape[1:]) == D:
        return x.reshape(len(x), D)
    hint = ""
    if D == 1 and x.ndim == 1:
        hint = "for N samples of one input each pass x.reshape(-1, 1)"
    elif x.size == D:
        hint = "for a single sample pass x.reshape(1, -1)"
        if x.shape == (28, 28):
            hint += ", or from_photo(x) of dataset/photo.py for dark ink on white"
    elif x.ndim < 2:
        hint = "are x and t swapped?"
    elif len(x) == D:
        hint = "samples are rows: pass x.T"
    elif D == 784 and x.shape[1] >= 28:
        hint = "for a picture pass from_photo(x) of dataset/photo.py"
    raise wrong(ValueError, f"x of shape (N, {D})", x.shape or "one number", hint)


# The numerical gradient


def check_function(f, x):
    if not callable(f):
        raise wrong(TypeError, "f as a function", f"{kind(f)}; write lambda x: before it")
    check_differentiable(x, "x")


def check_differentiable(x, name, hint=""):
    """Can numbers in this array be moved by h = 1e-4, and does it show?"""
    if not isinstance(x, np.ndarray) or x.dtype != np.float64:
        came = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else kind(x)
        raise wrong(TypeError, f"{name} as an array with dtype=np.float64", came, hint)
    if not x.flags.writeable:
        raise wrong(ValueError, f"{name} in an array that can be written", "a read-only one")
    lost = x[~(np.abs(x) < 1e10)]
    if lost.size:
        raise wrong(ValueError, f"numbers below 1e10 in {name}, or h is lost", lost[0])


def one_number(result, what="f(x)"):
    """What f returned, as a float."""
    if isinstance(result, float):  # np.float64 is one too
        return result
    what += " to be one number in float64"
    value = as_numbers(result, what)
    if value.ndim or value.dtype.kind == "b" or value.dtype.itemsize < 8:
        came = f"shape {value.shape}; add it up by np.sum(...)" if value.ndim else value.dtype
        raise wrong(TypeError, what, came)
    return float(value)


def check_difference(result, x, i, value):
    """Was f finite where x.flat[i] is this value, and did it leave that there?"""
    if not math.isfinite(result):
        place = [int(at) for at in np.unravel_index(i, x.shape)]
        raise wrong(ValueError, "f(x) to be finite", f"{result} where x{place} is {value}")
    if x.item(i) != value:
        raise wrong(ValueError, "f to leave x as it is", "a write into it; compute on x.copy()")
