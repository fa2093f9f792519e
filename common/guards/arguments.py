"""Arguments are converted, or refused in one sentence: what was expected, and what came.

A hint follows where there is one remedy, or with its condition. A wrong value is a ValueError, a
wrong kind of thing a TypeError, a number beyond all floats a FloatingPointError.
"""

import difflib
import functools
import inspect
import math
import re
import sys
import traceback

import numpy as np

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
LAYERS = ("Affine", "Relu", "Sigmoid", "SoftmaxWithLoss")  # of layers.py: an added one may do more


def wrong(error, expected, came, hint="", at=""):
    """The error to raise: "at: expected this, got that; hint"."""
    hide_our_frames()
    text = f"{at and f'{at}: '}expected {expected}, got {came}{hint and f'; {hint}'}"
    error = error(printable(text))
    error.is_explained = bool(at)  # else guarded.py looks for the layer
    return error


def printable(text):
    """The text with no control characters for a terminal to act on."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda control: ascii(control[0])[1:-1], text)


def hide_our_frames(steps=None):
    """A notebook's traceback then shows the reader's own lines, and the one of ours that raises."""
    if "IPython" in sys.modules:
        for frame, _ in (*traceback.walk_stack(sys._getframe()), *traceback.walk_tb(steps)):
            if frame.f_globals.get("__name__", "").startswith(("common.", "dataset.", "ch05.")):
                frame.f_locals["__tracebackhide__"] = True  # which IPython looks for


@functools.lru_cache(maxsize=1000)
def on_page(thing):
    """The name of one of these four classes, or of a method of theirs; "" for others."""
    name = getattr(thing, "__qualname__", "")
    is_there = getattr(thing, "__module__", "") == "common.layers"
    return name if is_there and name.partition(".")[0] in LAYERS else ""


def kind(thing):
    if isinstance(thing, type):
        return f"the class {thing.__name__}; write {thing.__name__}(...)"
    return type(thing).__name__


def short(thing):
    """What came, in a few characters: an array by its shape."""
    text = f"shape {thing.shape}" if isinstance(thing, np.ndarray) else repr(thing)
    return text if len(text) <= 60 else f"{text[:57]}..."


def shape_of(array):
    return f"{np.shape(array)}" if np.ndim(array) else "one number"


def did_you_mean(name, names):
    """A hint: the name that was probably meant, or nothing."""
    near = [each for each in names if each.lower() == name.lower()]
    near += difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def as_numbers(array, name="x"):
    """An array of real numbers, whatever holds them: a list, an array, a table's column."""
    try:
        numbers = np.asarray(array)
    except ValueError:
        hint = "each sample needs the same shape"
        if name[0] == "x":
            hint += "; from_photo brings pictures to one"
        if isinstance(array, tuple):
            hint = "is it a pair (x, t)?" if len(array) == 2 else ""
        came = f"a {kind(array)} of several shapes"
        raise wrong(ValueError, f"{name} as one array of numbers", came, hint) from None
    if numbers.dtype.kind in "biuf":  # truth values, integers, unsigned integers, floats
        return numbers
    entries = np.ravel(numbers).tolist()
    odd = [i for i, entry in enumerate(entries) if not is_number(entry)]
    came, hint = f"dtype {numbers.dtype}" if numbers.ndim else kind(array), ""
    if numbers.ndim and odd:
        came = f"{short(entries[odd[0]])} at {name}{place_of(odd[0], numbers)}"
    if not odd:
        hint = "np.array(..., float) makes numbers of them"
    elif numbers.ndim and odd[-1] < numbers.size // len(numbers) < numbers.size:
        hint = "if the first is a table's header, leave it out"
    elif name[0] == "t" and numbers.shape == (len(odd),):
        hint = "np.unique(np.concatenate([t_train, t_test]), return_inverse=True)[1] numbers both"
    raise wrong(TypeError, f"{name} as real numbers", came, hint)


def is_number(entry):
    try:
        return math.isfinite(float(entry))
    except (TypeError, ValueError):
        return False


def as_floats(x, dtype=None, name="x"):
    """x as an array in dtype; without one, float32 and float64 stay, and others become float64."""
    if type(x) is np.ndarray and (x.dtype is dtype or dtype is None and x.dtype in FLOATS):
        return x
    x, dtype = as_numbers(x, name), dtype if dtype in FLOATS else None  # a W in whole numbers
    return x.astype(dtype or (x.dtype if x.dtype in FLOATS else np.float64), copy=False)


def is_finite(x):
    """False if x is None, or has nan or inf in it."""
    if type(x) is np.ndarray and math.isfinite(np.vdot(x, x)):
        return True  # one product is fast, and shows nan and inf; but large numbers overflow in it
    if type(x) is float:
        return math.isfinite(x)
    return x is not None and bool(np.isfinite(as_numbers(x)).all())


def first_not_finite(x, name):
    """What came, of an array with nan or inf: "nan at x[0, 1]"."""
    place = np.argwhere(~np.isfinite(x))[0].tolist()
    return f"{x[tuple(place)]} at {name}{place or ''}"


def as_finite(x, dtype=None):
    """x as an array of finite floats: the entrance to a network."""
    x = as_floats(x, dtype)
    if not is_finite(x):
        raise wrong(ValueError, "finite numbers in x", first_not_finite(x, "x"))
    return x


NO_CLASSES = (
    "for a last layer of your own, where a score above 0 means yes, accuracy is "
    "np.mean((network.predict(x) > 0) == (t.reshape(len(t), -1) > 0))"
)


def label_rows(t, y):
    """Labels t in any form as rows (N, C), in the shape and dtype of y."""
    t = as_numbers(t, "t")
    if getattr(y, "ndim", 0) != 2 or len(y) == 0:
        raise wrong(ValueError, "scores (N, C) of one sample or more", shape_of(y))
    N, C = y.shape
    if C == 1:  # softmax of one score is 1, whatever the score: there is nothing to be right about
        expected, came = "an output for each of two classes or more", "1"
        hint = NO_CLASSES
    elif t.shape == (N,) or t.shape == (N, 1):
        rows = t.reshape(N, 1) == np.arange(C)  # True where the class is, once in each row
        if np.count_nonzero(rows) == N:
            return rows.astype(y.dtype)
        expected, came = f"class numbers 0 to {C - 1}", t[~rows.any(axis=1)].item(0)
        hint = f"the network has {C} outputs, and the first class is 0"
    elif t.shape == (N, C):
        if (sums := sums_to_1(t)) is not None:
            return (t / sums).astype(y.dtype)
        expected, came = "rows of t to be one-hot or probabilities", "other numbers"
        hint = NO_CLASSES
    else:
        expected = f"t of shape ({N},) for class numbers or ({N}, {C}) for rows"
        came, hint = shape_of(t), "pass t.ravel()" if t.ndim and t.size == N else ""
    raise wrong(ValueError, expected, came, hint)


def sums_to_1(rows):
    """The sums (N, 1) of rows of probabilities, which aren't exactly 1; None for other rows."""
    sums = rows.sum(axis=-1, dtype=np.float64, keepdims=True)
    return sums if (rows >= 0).all() and (np.abs(sums - 1) < 1e-3).all() else None


def probability_rows(y, t):
    """y as rows (N, C) of probabilities, and t likewise: one sample becomes a batch of one."""
    if y.ndim == 1:
        y, t = y[np.newaxis], np.reshape(t, (1, -1))
    if sums_to_1(y) is None:
        hint = "if they are scores, use softmax(scores)"
        raise wrong(ValueError, "y as rows of probabilities", "other numbers", hint)
    return y, label_rows(t, y)


def like(dout, shape, dtype):
    """dout in this dtype, or an error if its shape isn't that of out."""
    if type(dout) is int and shape == ():
        return float(dout)  # dL/dL = 1
    if dout is not None and np.shape(dout) == shape:
        return as_floats(dout, dtype, "dout") if shape else float(dout)
    hint, came = "", "None" if dout is None else shape_of(dout)
    if shape[1:] == (1,) and np.shape(dout) == shape[:1] * 2:
        hint = f"{shape} minus {shape[:1]} gives that, so t and the scores need one shape"
    raise wrong(ValueError, f"dout of shape {shape}, as out has", came, hint)


def as_parameters(W, b):
    """W and b as they are, if they are arrays of floats in one dtype; numbers in lists as arrays.

    A copy would be learnt in the place of the array that the caller keeps.
    """
    W, b = (each if isinstance(each, np.ndarray) else np.array(each, float) for each in (W, b))
    if W.dtype not in FLOATS or b.dtype != W.dtype:
        came = f"{W.dtype} and {b.dtype}"
        raise wrong(TypeError, "W and b both in float64, or both in float32", came)
    if W.ndim != 2 or W.size == 0 or b.shape != W.shape[1:]:
        hint = "" if W.ndim else "for sizes, use Affine.random"
        came = f"{W.shape} and {b.shape}"
        raise wrong(ValueError, "W of shape (D, M) and b of shape (M,)", came, hint)
    return W, b


def check_returned(name, out, method="forward", what="an array"):
    if out is None or isinstance(out, (tuple, list)):
        came = "None; no return?" if out is None else f"a {kind(out)}"
        raise wrong(TypeError, f"{method} to return {what}", came, at=name) from None


def check_is_layer(name, layer, methods=("forward", "backward"), last=False):
    """TypeError unless layer has these methods, and they take what the network passes."""
    for method in methods:
        takes = ["dout"] if method == "backward" else ["x", "t"] if last else ["x"]
        function, came = getattr(layer, method, None), kind(layer)
        if callable(function) and not isinstance(layer, type):
            signature = inspect.signature(function)
            try:
                signature.bind(*takes)
                continue
            except TypeError:
                whole = inspect.signature(getattr(function, "__func__", function))
                lacks_self = [*whole.parameters] == takes
                came = f"{method}{signature}{'; is self missing?' * lacks_self}"
        elif near := difflib.get_close_matches(method, set(dir(layer)) - {method}, n=1):
            came += f" with {near[0]}; did you mean {method}?"
        expected = f"a layer with {method}({', '.join(takes)})"
        raise wrong(TypeError, expected, came, at=name) from None


def check_count(name, n):
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise wrong(ValueError, f"{name} as a whole number from 1 up", short(n))


def why_not_rows(x, W, error):
    """The error for an x that can't be made rows (N, D); or the error, if that isn't it."""
    if W is None:
        return wrong(TypeError, "W as an array", "None")
    D, hint = len(W), ""
    if x.ndim and len(x) and math.prod(x.shape[1:]) == D:
        return error
    if x.shape[:1] == (0,):
        return wrong(ValueError, "at least one sample", "an empty batch")
    if x.size == D:
        hint = "for a single sample pass x.reshape(1, -1)"
        if x.shape == (28, 28):
            hint += ", or from_photo(x) of dataset/photo.py for dark ink on white"
    elif x.ndim == 1:
        hint = "are x and t swapped?"
    elif x.ndim == 2 and len(x) == D:
        hint = "samples are rows: pass x.T"
    elif D == 784 and sum(side >= 28 for side in x.shape) > 1:
        hint = "for a picture pass from_photo(x) of dataset/photo.py, "
        hint += "for several np.concatenate([from_photo(each) for each in x])"
    return wrong(ValueError, f"x of shape (N, {D})", shape_of(x), hint)


def check_differentiable(x, name, hint=""):
    """Can numbers in this array be moved by h = 1e-4, and does it show?"""
    if not isinstance(x, np.ndarray) or x.dtype != np.float64:
        came = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else kind(x)
        hint = f"write np.array({x})" if isinstance(x, float) else hint
        raise wrong(TypeError, f"{name} as an array with dtype=np.float64", came, hint)
    if (lost := x[~(np.abs(x) < 1e10)]).size:
        expected = f"numbers from -1e10 to 1e10 in {name}, or rounding hides h"
        raise wrong(ValueError, expected, lost[0])


def place_of(i, array):
    """The place of entry i, as in array[0, 1]."""
    return [int(at) for at in np.unravel_index(i, array.shape)]


def number_of(result, what="f(x)"):
    """What f returned, as a finite float."""
    if isinstance(result, float) and math.isfinite(result):  # np.float64 is one too
        return float(result)
    value = np.asarray(result)
    if value.ndim or value.dtype.kind not in "iuf" or value.dtype.itemsize < 8:
        came = f"shape {value.shape}; add it up by np.sum(...)" if value.ndim else kind(result)
        raise wrong(TypeError, f"{what} to be one number in float64", came)
    if not math.isfinite(value):
        raise wrong(ValueError, f"{what} to be finite", value)
    return float(value)
