"""What answers a mistake, in one sentence: what was expected, what came, and how to mend it.

To learn how backpropagation works, skip this file. It follows the reader's way: numbers and labels,
layers, the chain, its parameters, the gradient check. A wrong value is a ValueError, a wrong kind
of thing a TypeError, a number beyond all floats a FloatingPointError.
"""

import contextlib
import copy
import difflib
import inspect
import math
import numbers
import warnings

import numpy as np

FLOATS = (np.float32, np.float64)


def wrong(error, expected, came, hint="", at=""):
    """The error to raise: "at: expected this, got that; hint"."""
    return error(f"{at and f'{at}: '}expected {expected}, got {came}{hint and f'; {hint}'}")


def kind(thing):
    if isinstance(thing, type):
        return f"the class {thing.__name__}; write {thing.__name__}(...)"
    return type(thing).__name__


def short(thing):
    """What came, in a few characters: an array by its shape."""
    text = f"shape {thing.shape}" if isinstance(thing, np.ndarray) else repr(thing)
    return text if len(text) <= 60 else f"{text[:57]}..."


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
    if type(x) is np.ndarray and x.dtype in ((dtype,) if dtype else FLOATS):
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


def label_rows(t, y):
    """Labels t in any form as rows (N, C), in the shape and dtype of y."""
    t = as_numbers(t, "labels t as numbers")
    if y.ndim != 2 or len(y) == 0:
        raise wrong(ValueError, "scores (N, C) of one sample or more", y.shape)
    N, C = y.shape
    if t.shape == (N,):
        rows = t[:, np.newaxis] == np.arange(C)  # True where the class is, once in each row
        if np.count_nonzero(rows) == N:
            return rows.astype(y.dtype)
        expected, came = f"class numbers 0 to {C - 1}", t[~rows.any(axis=1)][0]
        hint = f"the network has {C} outputs, and the first class is 0"
    elif t.shape == (N, C):
        sums = t.sum(axis=1, dtype=np.float64, keepdims=True)
        if (t >= 0).all() and (np.abs(sums - 1) < 1e-3).all():
            return (t / sums).astype(y.dtype)
        expected, came = "rows of t to be one-hot or probabilities", "other numbers"
        hint = "to make rows sum to 1, pass t / t.sum(axis=1, keepdims=True)"
    else:
        expected, came = f"t of shape ({N},) for class numbers or ({N}, {C}) for rows", t.shape
        hint = "pass t.ravel()" if t.size == N else ""
    hint = hint if C > 1 else "the network has 1 output, and two classes need two"
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
        raise AttributeError(f"{kind(self)} has no {name}; forward keeps it, so call forward first")

    def __repr__(self):
        return f"{kind(self)}()"


def like(dout, out):
    """dout in the dtype of out, if it has its shape. NumPy would stretch others (broadcast)."""
    out = np.asarray(out)
    came = np.shape(dout)
    if dout is None or came != out.shape:
        hint = "dout is the dx of the next layer" if out.ndim else "it is one number here"
        if out.shape[1:] == (1,) and came == (len(out), len(out)):  # of (N, 1) and (N,)
            hint = f"for scores of shape {out.shape} pass t.reshape(-1, 1)"
        raise wrong(ValueError, f"dout of shape {out.shape}, as out has", came, hint)
    return np.asarray(dout, out.dtype)


def as_parameters(W, b):
    W = as_floats(W)
    b = as_floats(b, W.dtype)
    if W.ndim != 2 or W.size == 0 or b.shape != W.shape[1:]:
        hint = "" if W.ndim else "for sizes, use Affine.random"
        came = f"{W.shape} and {b.shape}"
        raise wrong(ValueError, "W of shape (D, M) and b of shape (M,)", came, hint)
    return W, b


def check_count(name, n):
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise wrong(ValueError, f"{name} as a whole number from 1 up", short(n))


def initial_std(input_size, output_size, std, dtype):
    """The standard deviation of an Affine's first weights, as a number."""
    check_count("input_size", input_size)
    check_count("output_size", output_size)
    if np.dtype(dtype) not in FLOATS:
        raise wrong(TypeError, "dtype float32 or float64", np.dtype(dtype))
    if isinstance(std, str) and std in ("he", "xavier"):
        return math.sqrt((2 if std == "he" else 1) / input_size)
    if not isinstance(std, numbers.Real) or not 0 <= std < math.inf:
        raise wrong(ValueError, 'weight_init_std as a number, "he" or "xavier"', short(std))
    return std


def as_rows(x, W):
    """x as an Affine takes it: floats (N, D) in the dtype of W. Images are flattened."""
    x, D = as_floats(x, W.dtype), len(W)
    if x.ndim == 2 and x.shape[1] == D:
        return x
    if x.ndim > 2 and math.prod(x.shape[1:]) == D:
        return x.reshape(len(x), D)
    hint = ""
    if x.size == D:
        hint = "for a single sample pass x.reshape(1, -1)"
        if x.shape == (28, 28):
            hint += ", or from_photo(x) of dataset/photo.py for dark ink on white"
    elif x.ndim < 2:
        hint = "are x and t swapped?"
    elif len(x) == D:
        hint = "samples are rows: pass x.T"
    elif D == 784 and x.shape[1] >= 28:
        hint = "for a picture pass from_photo(x) of dataset/photo.py"
    raise wrong(ValueError, f"x of shape (N, {D})", x.shape, hint)


# The chain


class blame:
    """Around the call of a layer: an error in it begins with the layer's name.

    x is what the layer was given. If that is None, the layer called before returned nothing.
    """

    __slots__ = ("name", "layer", "x")
    called = ["a layer"]  # the name of the one that was called last

    def __init__(self, name, layer, x):
        self.name, self.layer, self.x = name, layer, x

    def __enter__(self):
        pass

    def __exit__(self, _, error, traceback):
        if not isinstance(error, Exception):
            self.called[0] = self.name
            return
        check_returned(self.called[0], self.x, "forward or backward")
        check_is_layer(self.name, self.layer, last=self.name == "lastLayer")
        if not error.args:
            error.args = (f"{self.name}: {kind(error)}",)
        elif str(error) == error.args[0]:
            error.args = (f"{self.name}: {error.args[0]}", *error.args[1:])
        elif hasattr(error, "add_note"):  # from Python 3.11 on
            error.add_note(f"in {self.name}")


def check_returned(name, out, method="forward"):
    if out is None:
        came = "None; no return?"
        raise wrong(TypeError, f"{method} to return an array", came, at=name) from None


def check_is_layer(name, layer, last=False):
    """TypeError unless layer has forward and backward that take what the network passes."""
    for method, takes in (("forward", "xt" if last else "x"), ("backward", ["dout"])):
        function, came = getattr(layer, method, None), kind(layer)
        if callable(function) and not isinstance(layer, type):
            try:
                signature = inspect.signature(function)
                signature.bind(*takes)
                continue
            except ValueError:  # a function written in C may have no signature
                continue
            except TypeError:
                hint = "" if signature.parameters else "; is self missing?"
                came = f"{method}{signature}{hint}"
        elif near := difflib.get_close_matches(method, set(dir(layer)) - {method}, n=1):
            came += f" with {near[0]}; did you mean {method}?"
        expected = f"a layer with {method}({', '.join(takes)})"
        raise wrong(TypeError, expected, came, at=name) from None


def why_not_finite(layers, x):
    """The error for a chain that made nan, inf or None of a finite x: it names the first layer."""
    name = "network"
    for name, layer in layers.items():
        x = layer.forward(x)
        check_returned(name, x)
        if not is_finite(x):
            break
    came = "nan or inf; train with a smaller learning rate"
    return wrong(FloatingPointError, "finite numbers", came, at=name)


def as_loss(loss):
    """What lastLayer returned, if it is one finite number."""
    if type(loss) is not float and (loss is None or np.ndim(loss) != 0):
        came = "None; no return?" if loss is None else f"shape {np.shape(loss)}; return its mean"
        raise wrong(TypeError, "forward to return one number", came, at="lastLayer")
    if not math.isfinite(loss):
        came = f"{loss}; train with a smaller learning rate"
        raise wrong(FloatingPointError, "a finite loss", came, at="lastLayer")
    return loss


def can_skip_dx(layer):
    """True if the layer's backward bears the mark that Affine's does."""
    backward = layer.backward  # a wrapper by functools.wraps has the mark, but perhaps no need_dx
    return getattr(backward, "can_skip_dx", False) and not hasattr(backward, "__wrapped__")


def predict_in_batches(network, x, size):
    """The scores for x, `size` samples at a time. Layers with a train_flg have it False meanwhile.

    Warns if what a layer returns for a sample depends on the other samples, or on chance.
    """
    x = np.atleast_1d(as_numbers(x))
    if len(x) == 0:
        raise wrong(ValueError, "at least one sample", "an empty batch")
    flagged = [layer for layer in network.layers.values() if hasattr(layer, "train_flg")]
    flags = [layer.train_flg for layer in flagged]
    try:
        for layer in flagged:
            layer.train_flg = False
        scores = [network.predict(x[i : i + size]) for i in range(0, len(x), size)]
        warn_if_mixed(network.layers, as_floats(x[:size], network.dtype))
    except ValueError:
        network.predict(x)  # so that the error speaks of all of x
        raise
    finally:
        for layer, flag in zip(flagged, flags):
            layer.train_flg = flag
    return np.concatenate(scores)


def warn_if_mixed(layers, x):
    alone = x[:2]
    for name, layer in layers.items():
        x, alone = layer.forward(x), layer.forward(alone)
        if not np.allclose(x[:2], alone, rtol=1e-2, atol=1e-2 * np.abs(alone).max()):
            warnings.warn(
                f"{name}: expected the output for a sample to depend on nothing else, got another "
                "one in a batch than alone; let forward look at self.train_flg, which accuracy "
                "sets to False, as the guide ch05/README.md shows",
                stacklevel=4,
            )
            return


class NotBuilt:
    """Stands for layers and for lastLayer, as long as nobody has set that."""

    def __get__(self, network, owner):
        came = "lastLayer" if "layers" in getattr(network, "__dict__", ()) else "layers"
        hint = "leave self.params out, since a layer brings its own parameters"
        expected = "super().__init__(layers, lastLayer) first"
        raise wrong(AttributeError, expected, f"no {came}", hint, at=owner.__name__)


def check_attribute(network, name, value, learnt):
    """Refuse network.name = value where it can't work, or would change nothing."""
    if name == "layers":
        check_chain(value, filled=False)  # the book fills it afterwards
        for layer_name, layer in value.items():
            check_is_layer(layer_name, layer)
    elif name == "lastLayer":
        check_is_layer(name, value, last=True)
        check_held(name, value, [*learnt(value)])
    elif name.replace("_", "").lower() == "lastlayer":
        raise wrong(AttributeError, "network.lastLayer = ...", f"network.{name} = ...")
    elif name[-1:].isdigit() and name in network.params:
        raise wrong(AttributeError, f"network.params['{name}'] = ...", f"network.{name} = ...")


# Parameters


def check_chain(layers, filled=True):
    """No layer at all, or one in two places?"""
    if not hasattr(layers, "items"):
        raise wrong(TypeError, "layers as an OrderedDict of name: layer", kind(layers))
    if filled and not layers:
        raise wrong(ValueError, "at least one layer in network.layers", "none")
    names = {}
    for name, layer in layers.items():
        if (first := names.setdefault(id(layer), name)) is not name:
            came = f"that of {first} again; make a second one"
            raise wrong(ValueError, "a layer of its own", came, at=name)


def kept_by(layer):
    """{name: value} of a layer's own attributes."""
    slots = getattr(type(layer), "__slots__", ())
    return getattr(layer, "__dict__", {each: getattr(layer, each, None) for each in slots})


def check_hides_none(layer_name, layer, learnt):
    """Are all parameters in the layer itself, where they are found?"""
    kept = kept_by(layer)
    if "grads" in kept and "params" in kept:
        came = "them in the lists params and grads; write self.W and self.dW, for instance"
        raise wrong(TypeError, "parameters by their names", came, at=layer_name)
    for value in kept.values():
        held = value.values() if type(value) is dict else value
        for each in held if type(value) in (list, tuple, dict) else (value,):
            if hasattr(each, "backward"):
                check_held(layer_name, each, [*learnt(each)])


def check_held(place, layer, names):
    """The parameters of lastLayer, or of a layer that another layer holds, are never trained."""
    if names:
        came = f"{names[0]}, which would never be trained; put it into network.layers"
        raise wrong(TypeError, f"no parameters in {kind(layer)}", came, at=place)


def check_parameters(parameters):
    """Parameters that can't be changed in place, of two dtypes, or two in one array?"""
    dtype, by_base = None, {}
    for layer_name, layer, name in parameters:
        array, expected = getattr(layer, name), f"parameter {name} in "
        if not isinstance(array, np.ndarray) or array.dtype not in FLOATS:
            came = f"dtype {array.dtype}" if isinstance(array, np.ndarray) else kind(array)
            hint = f"if it isn't learnt, give d{name} another name"
            raise wrong(TypeError, f"{expected}a NumPy array of floats", came, hint, at=layer_name)
        dtype = dtype or array.dtype
        if array.dtype is not dtype and array.dtype != dtype:
            expected += f"{dtype} like those before it"
            raise wrong(TypeError, expected, array.dtype, at=layer_name)
        if not array.flags.writeable:
            expected += "an array that can be written"
            raise wrong(ValueError, expected, "a read-only one", at=layer_name)
        arrays = by_base.setdefault(id(array if array.base is None else array.base), [])
        if arrays and any(np.shares_memory(array, other) for other in arrays):
            expected += "an array of its own"
            raise wrong(ValueError, expected, "one in use; pass a copy", at=layer_name)
        arrays.append(array)


def check_gradients(parameters, layers, learnt):
    """After backward: has each parameter a gradient of its shape, and has none appeared?

    One that appeared only in backward would give others another key.
    """
    known = {(name, each) for name, _, each in parameters.values()}
    for name, layer in layers.items():
        for each in learnt(layer):
            if (name, each) not in known:
                delattr(layer, f"d{each}")  # or the next call would take it as known
                check_seen_before(name, each)
    for name, layer, each in parameters.values():
        check_gradient_shape(name, each, getattr(layer, f"d{each}"), getattr(layer, each).shape)


def check_seen_before(layer_name, name):
    came = f"it only afterwards; write self.d{name} = None in __init__"
    hint = f"or, if {name} isn't learnt, call it grad_{name}"
    raise wrong(TypeError, f"d{name} before backward too", f"{came}, {hint}", at=layer_name)


def check_gradient_shape(layer_name, name, gradient, shape):
    array = np.asarray(gradient)
    if array.shape == shape and array.dtype.kind in "biuf":
        return
    came = f"dtype {array.dtype}" if array.shape == shape else array.shape
    came = f"{came}, the transpose" if came == shape[::-1] else came
    came = "nothing" if gradient is None else came
    expected = f"backward to compute d{name} of shape {shape}"
    raise wrong(ValueError, expected, came, at=layer_name)


def as_values(key, values, array):
    """A copy of values, to be written into params[key] (a copy, so that W1 and W2 can swap)."""
    at = f"params[{key!r}]"
    values = as_numbers(values, f"{at} as an array of real numbers")
    with np.errstate(over="ignore"):  # what is beyond float32 becomes inf, and is refused
        new = np.array(values, array.dtype)
    if new.shape != array.shape:
        hint = "pass its .T" if new.T.shape == array.shape else ""
        raise wrong(ValueError, f"shape {array.shape}", new.shape, hint, at)
    if not is_finite(new):
        hint = "in training, try a smaller learning rate"
        raise wrong(ValueError, "finite numbers", "nan or inf", hint, at)
    return new


def check_keys(values, params):
    if not hasattr(values, "keys") or set(values) != set(params):
        expected = f"params as a dict with the keys {short([*params])}"
        came = short([*values]) if hasattr(values, "keys") else kind(values)
        raise wrong(ValueError, expected, came, "to set some, call params.update")


def float_dtype(network, array):
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        _ = network.params  # says which parameter it is, and what to do
    return array.dtype


# The numerical gradient and the check


def check_function(f, x):
    if not callable(f):
        raise wrong(TypeError, "f as a function", f"{kind(f)}; write lambda x: before it")
    check_differentiable(x, "x")


def check_differentiable(x, name):
    if not isinstance(x, np.ndarray) or x.dtype != np.float64:
        came = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else kind(x)
        raise wrong(TypeError, f"{name} as an array with dtype=np.float64", came)
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


def check_network(network):
    """The params of any object that can be checked like a network."""
    params = getattr(network, "params", None)
    if isinstance(network, type) or not hasattr(params, "items") or not params:
        expected = "a network with params, a dict of one array or more"
        hint = "a layer learns a if it keeps da, so write self.da = None in its __init__"
        raise wrong(TypeError, expected, kind(network), hint)
    for key, array in params.items():
        check_differentiable(array, f"params[{key!r}]")
    return dict(params)


def as_output(name, out):
    """What forward returned for x in float64, as an array."""
    check_returned(name, out)
    out = np.asarray(out)
    if out.dtype in (np.float16, np.float32):
        came = f"{out.dtype}, whose rounding would hide the differences"
        raise wrong(TypeError, "forward to return float64 for float64", came, at=name)
    return out


def check_repeatable(first, second):
    first, second = one_number(first, "the loss"), one_number(second, "the loss")
    if not math.isfinite(first):
        raise wrong(ValueError, "finite outputs", f"a sum of {first}; pass other numbers")
    if first != second:
        hint = "draw the same random numbers each time, and don't write into x"
        raise wrong(ValueError, "the same output for the same x", "another", hint)


@contextlib.contextmanager
def unwritten(owner, arrays):
    """Within it, arrays must be left as they are. If they aren't, they are put right."""
    given = copy.deepcopy(arrays)
    try:
        yield
    finally:
        written = [
            name
            for name, array in given.items()
            if not np.array_equal(arrays[name], array, equal_nan=array.dtype.kind == "f")
        ]
        for name in written:
            arrays[name][...] = given[name]
    if written:
        came = "a write; use a copy"
        raise wrong(ValueError, f"{written[0]} left as given", came, at=owner)
