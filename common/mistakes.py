"""What answers a mistake, in one sentence: what was expected, what came, and how to mend it.

To learn how backpropagation works, skip this file. It follows the reader's way: numbers and labels,
layers, the chain, its parameters, the gradient check, training. A wrong value is a ValueError, a
wrong kind of thing a TypeError, a number beyond all floats a FloatingPointError.
"""

import contextlib
import copy
import difflib
import inspect
import math
import numbers
import reprlib
import warnings

import numpy as np

FLOATS = (np.float32, np.float64)


def kind(thing):
    name = thing.__name__ if isinstance(thing, type) else type(thing).__name__
    return f"the class {name}; write {name}(...)" if isinstance(thing, type) else name


class Repr(reprlib.Repr):
    """The same in NumPy 1 and 2: a number as a number, an array by its shape."""

    def repr1(self, x, level):
        if isinstance(x, np.ndarray) and x.ndim:
            return f"an array of shape {x.shape}"
        return super().repr1(x.item() if isinstance(x, (np.generic, np.ndarray)) else x, level)


def short(thing):
    """repr(thing) in one line of 80 characters at most."""
    text = " ".join(Repr().repr(thing).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


# Numbers and labels


def as_numbers(x, what="an array of real numbers"):
    """x as an array of real numbers, whatever holds them: a list, an array, a table's column."""
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(f"expected {what}, got rows of unequal length") from None
    if array.dtype.kind not in "biuf":  # truth values, integers, unsigned integers, floats
        came = f"dtype {array.dtype}; convert it with np.array(..., float)"
        raise TypeError(f"expected {what}, got {came if array.ndim else kind(x)}")
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
        raise ValueError(f"expected finite numbers in x, got {x[tuple(place)]} at x{place}")
    return x


def as_scores(x):
    x = as_finite(x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"expected scores of shape (N, C), got {x.shape}")
    return x


def label_rows(t, y):
    """Labels t in any form as rows (N, C), in the shape and dtype of y."""
    t = as_numbers(t, "labels t as numbers")
    if y.ndim != 2 or len(y) == 0:
        hint = "; for a single sample pass x.reshape(1, -1)" if y.ndim == 1 else ""
        raise ValueError(f"expected scores (N, C) of one sample or more, got {y.shape}{hint}")
    N, C = y.shape
    one = "; the network has 1 output, and two classes need two" if C == 1 else ""
    if t.shape == (N,):
        rows = t[:, np.newaxis] == np.arange(C)  # True where the class is, once in each row
        if np.count_nonzero(rows) < N:
            expected = f"class numbers 0 to {C - 1}" if C > 1 else "only class number 0"
            hint = one or f"; the network has {C} outputs, and the first class is 0"
            raise ValueError(f"expected {expected}, got {t[~rows.any(axis=1)][0]}{hint}")
        return rows.astype(y.dtype)
    if t.shape == (N, C):
        sums = t.sum(axis=1, dtype=np.float64, keepdims=True)
        if not ((t >= 0).all() and (np.abs(sums - 1) < 1e-3).all()):
            expected = "rows of t to be one-hot or probabilities (0 or more, summing to 1)"
            hint = one or "; to make rows sum to 1, pass t / t.sum(axis=1, keepdims=True)"
            raise ValueError(f"expected {expected}, got other numbers{hint}")
        return (t / sums).astype(y.dtype)
    hint = "; pass t.ravel()" if t.size == N else "; pass t.T" if t.shape == (C, N) else one
    hint = "; pass t.reshape(1, -1)" if t.shape == (C,) and N == 1 else hint
    expected = f"t of shape ({N},) for class numbers or ({N}, {C}) for rows"
    raise ValueError(f"expected {expected}, got {t.shape}{hint}")


def as_probabilities(y, t):
    """y as rows (N, C) of probabilities, and t likewise: one sample becomes a batch of one."""
    y = as_floats(y)
    if y.ndim == 1:
        y, t = y[np.newaxis], np.reshape(t, 1 if np.size(t) == 1 else (1, -1))
    if not ((y >= 0).all() and (np.abs(y.sum(axis=-1) - 1) < 1e-3).all()):
        raise ValueError(
            "expected y as rows of probabilities, got other numbers; use softmax(scores)"
        )
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
    if dout is None or np.shape(dout) != out.shape:
        came = None if dout is None else np.shape(dout)
        hint = "; dout is the dx of the next layer" if out.ndim else "; it is one number here"
        if out.shape[1:] == (1,) and came == (len(out), len(out)):  # of (N, 1) and (N,)
            hint = f"; for scores of shape {out.shape} pass t.reshape(-1, 1)"
        raise ValueError(f"expected dout of shape {out.shape}, as out has, got {came}{hint}")
    return np.asarray(dout, out.dtype)


def as_parameters(W, b):
    W = as_floats(W)
    b = as_floats(b, W.dtype)
    if W.ndim != 2 or W.size == 0 or b.shape != W.shape[1:]:
        came = f"{W.shape} and {b.shape}" + ("" if W.ndim else "; for sizes, use Affine.random")
        raise ValueError(f"expected W of shape (D, M) and b of shape (M,), got {came}")
    return W, b


def check_count(name, n):
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
        raise ValueError(f"expected {name} as a whole number from 1 up, got {short(n)}")


def check_hidden_sizes(sizes):
    if not isinstance(sizes, (list, tuple, np.ndarray)):
        raise TypeError(f"expected hidden_size_list as a list such as [50], got {short(sizes)}")
    for i, size in enumerate(sizes):
        check_count(f"hidden_size_list[{i}]", size)


def initial_std(input_size, output_size, std, dtype):
    """The standard deviation of an Affine's first weights, as a number."""
    check_count("input_size", input_size)
    check_count("output_size", output_size)
    if np.dtype(dtype) not in FLOATS:
        raise TypeError(f"expected dtype float32 or float64, got {np.dtype(dtype)}")
    if isinstance(std, str) and std in ("he", "xavier"):
        return math.sqrt((2 if std == "he" else 1) / input_size)
    if not isinstance(std, numbers.Real) or not 0 <= std < math.inf:
        raise ValueError(
            f'expected weight_init_std as a number, "he" or "xavier", got {short(std)}'
        )
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
        hint = "; for a single sample pass x.reshape(1, -1)"
        if x.shape == (28, 28):
            hint += ", for dark ink on white from_photo(x) of dataset/photo.py"
    elif x.ndim > 2 and x.shape[-1] in (3, 4) and x[..., 0].size % D == 0:
        hint = f"; make colours grey: x[..., :3].mean(axis=-1).reshape(-1, {D})"
    elif x.ndim == 1:
        hint = "; are x and t swapped?"
    elif x.ndim == 2 and len(x) == D:
        hint = "; samples are rows, so perhaps pass x.T"
    elif D == 784 and x.ndim in (2, 3) and min(x.shape[:2]) >= 28:
        hint = "; if it is a picture, from_photo in dataset/photo.py makes a row of it"
    raise ValueError(f"expected x of shape (N, {D}), got {x.shape}{hint}")


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
        if self.x is None:
            start = f"{self.called[0]}: expected forward or backward to return an array"
            raise TypeError(f"{start}, got None; no return?") from None
        check_is_layer(self.name, self.layer, last=self.name == "lastLayer")
        if not error.args:
            error.args = (f"{self.name}: {kind(error)}",)
        elif str(error) == error.args[0]:
            error.args = (f"{self.name}: {error.args[0]}", *error.args[1:])
        elif hasattr(error, "add_note"):  # from Python 3.11 on
            error.add_note(f"in {self.name}")


def check_is_layer(name, layer, last=False):
    for method, takes in (("forward", "xt" if last else "x"), ("backward", ["dout"])):
        if came := why_not_layer(layer, method, takes):
            start = f"{name}: expected" if name else "expected"
            raise TypeError(
                f"{start} a layer with {method}({', '.join(takes)}), got {came}"
            ) from None


def why_not_layer(layer, method, takes):
    """What came instead of a layer whose method takes these arguments; None if it is one."""
    function = getattr(layer, method, None)
    if isinstance(layer, type) or not callable(function):
        near = difflib.get_close_matches(method, set(dir(layer)) - {method}, n=1)
        return kind(layer) + (f" with {near[0]}; did you mean {method}?" if near else "")
    if can_take(function, takes):
        return None
    names, hint = inspect.signature(function).parameters, ""
    plain = getattr(function, "__func__", function)  # with self, if that is there
    if can_take(plain, takes) and "self" not in inspect.signature(plain).parameters:
        names, hint = inspect.signature(plain).parameters, "; is self missing?"
    elif "train_flg" in names:
        hint = "; let it look at self.train_flg"
    elif method == "forward" and can_take(function, "xt" if takes == "x" else "x"):
        hint = f"; does it belong in {'lastLayer' if takes == 'x' else 'layers'}?"
    return f"{method}({', '.join(names)}){hint}"


def can_take(function, arguments):
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # a function written in C may have no signature
        return True
    return True


def why_not_finite(layers, x):
    """The error for a chain that made nan, inf or None of a finite x: it names the first layer."""
    for name, layer in layers.items():
        x = check_returned(name, layer.forward(x))
        if not is_finite(x):
            came = "nan or inf; train with a smaller learning rate"
            return FloatingPointError(f"{name}: expected finite numbers, got {came}")
    return FloatingPointError("expected finite scores, got nan or inf")


def check_returned(name, out):
    if out is None:
        raise TypeError(f"{name}: expected forward to return an array, got None; no return?")
    return out


def as_loss(loss):
    """What lastLayer returned, if it is one finite number."""
    if type(loss) is not float and (loss is None or np.ndim(loss) != 0):
        came = "None; no return?" if loss is None else f"shape {np.shape(loss)}; return its mean"
        raise TypeError(f"lastLayer: expected forward to return one number, got {came}")
    if not math.isfinite(loss):
        came = f"{loss}; train with a smaller learning rate"
        raise FloatingPointError(f"lastLayer: expected a finite loss, got {came}")
    return loss


def can_skip_dx(layer):
    """True if the layer's backward bears the mark that Affine's does."""
    backward = layer.backward  # a wrapper by functools.wraps has the mark, but perhaps no need_dx
    return getattr(backward, "can_skip_dx", False) and not hasattr(backward, "__wrapped__")


def predict_in_batches(network, x, size):
    """The scores for x, `size` samples at a time. Layers with a train_flg have it False meanwhile.

    Warns if the scores of a sample depend on the other samples, or on chance.
    """
    x = np.atleast_1d(as_numbers(x))
    if len(x) == 0:
        raise ValueError("expected at least one sample, got an empty batch")
    flagged = [layer for layer in network.layers.values() if hasattr(layer, "train_flg")]
    flags = [layer.train_flg for layer in flagged]
    try:
        for layer in flagged:
            layer.train_flg = False
        scores = [network.predict(x[i : i + size]) for i in range(0, len(x), size)]
        mixing = first_that_mixes(network, x[:size], scores[0])
    except ValueError:
        network.predict(x)  # so that the error speaks of all of x
        raise
    finally:
        for layer, flag in zip(flagged, flags):
            layer.train_flg = flag
    if mixing:
        warnings.warn(
            f"{mixing}: expected the output for a sample to depend on nothing else, got another "
            "one in a batch than alone; let forward look at self.train_flg, which accuracy sets to "
            "False, as the guide ch05/README.md shows",
            stacklevel=3,
        )
    return np.concatenate(scores)


def first_that_mixes(network, x, scores):
    """The name of the first layer whose output for two samples isn't the same as in their batch."""
    if is_same(scores[:2], network.predict(x[:2])):
        return None
    x = as_finite(x, network.dtype)
    alone = x[:2]
    for name, layer in network.layers.items():
        x, alone = layer.forward(x), layer.forward(alone)
        if not is_same(x[:2], alone):
            return name
    return "network"  # by chance it was the same this time


def is_same(a, b):
    """Within 1 percent: a product of two rows is rounded otherwise than one of a thousand."""
    return np.allclose(a, b, rtol=1e-2, atol=1e-2 * np.abs(a).max())


class NotBuilt:
    """Python asks it for network.layers or network.lastLayer as long as nobody has set that."""

    def __get__(self, network, owner):
        start = f"{owner.__name__}: expected super().__init__(layers, lastLayer) first"
        came = "lastLayer" if "layers" in getattr(network, "__dict__", ()) else "layers"
        hint = "leave self.params out, since a layer brings its own parameters"
        raise AttributeError(f"{start}, got no {came}; {hint}")


def check_attribute(network, name, value, learnt):
    """Refuse network.name = value where it can't work, or would change nothing."""
    if name == "layers":
        check_chain(value, filled=False)  # the book fills it afterwards
        for layer_name, layer in value.items():
            check_is_layer(layer_name, layer)
    elif name == "lastLayer":
        check_is_layer(name, value, last=True)
        check_held(name, value, learnt)
    elif name.replace("_", "").lower() == "lastlayer":
        raise AttributeError(f"expected network.lastLayer = ..., got network.{name} = ...")
    elif name[-1:].isdigit() and name in network.params:
        raise AttributeError(f"expected network.params['{name}'] = ..., got network.{name} = ...")


# Parameters


def check_chain(layers, filled=True):
    """No layer at all, or one in two places?"""
    if not hasattr(layers, "items"):
        raise TypeError(f"expected layers as an OrderedDict of name: layer, got {kind(layers)}")
    if filled and not layers:
        raise ValueError("expected at least one layer in network.layers, got none")
    places = {}
    for name, layer in layers.items():
        if id(layer) in places:
            came = f"that of {places[id(layer)]} again; make a second one"
            raise ValueError(f"{name}: expected a layer of its own, got {came}")
        places[id(layer)] = name


def kept_by(layer):
    """{name: value} of a layer's own attributes."""
    kept = getattr(layer, "__dict__", None)
    if kept is None:
        slots = getattr(type(layer), "__slots__", ())
        kept = {name: getattr(layer, name) for name in slots if hasattr(layer, name)}
    return kept


def check_hides_none(layer_name, layer, learnt):
    """Are all parameters in the layer itself, where they are found?"""
    kept = kept_by(layer)
    if "grads" in kept and "params" in kept:
        came = "them in the lists params and grads; write self.W and self.dW, for instance"
        raise TypeError(f"{layer_name}: expected parameters by their names, got {came}")
    for value in kept.values():
        kept_type, held = type(value), ()
        if kept_type is list or kept_type is tuple or kept_type is dict:
            held = value.values() if kept_type is dict else value
        elif kept_type is not np.ndarray:
            held = (value,)
        for each in held:
            if hasattr(each, "backward"):
                check_held(layer_name, each, [*learnt(each)])


def check_held(place, layer, names):
    """The parameters of lastLayer, or of a layer that another layer holds, are never trained."""
    if names:
        came = f"{names[0]}, which would never be trained; put it into network.layers"
        raise TypeError(f"{place}: expected no parameters in {kind(layer)}, got {came}")


def check_parameters(parameters):
    """Parameters that can't be changed in place, of two dtypes, or two in one array?"""
    dtype, by_base = None, {}
    for layer_name, layer, name in parameters:
        array = getattr(layer, name)
        if not isinstance(array, np.ndarray) or array.dtype not in FLOATS:
            came = f"dtype {array.dtype}" if isinstance(array, np.ndarray) else kind(array)
            came += f"; if it isn't learnt, give d{name} another name"
            refuse_parameter(TypeError, layer_name, name, "as a NumPy array of floats", came)
        dtype = dtype or array.dtype
        if array.dtype is not dtype and array.dtype != dtype:
            expected = f"in {dtype} like those before it"
            refuse_parameter(TypeError, layer_name, name, expected, array.dtype)
        if not array.flags.writeable:
            expected = "in an array that can be written"
            refuse_parameter(ValueError, layer_name, name, expected, "a read-only one")
        arrays = by_base.setdefault(id(array if array.base is None else array.base), [])
        if arrays and any(np.shares_memory(array, other) for other in arrays):
            expected = "in an array of its own"
            refuse_parameter(ValueError, layer_name, name, expected, "one in use; pass a copy")
        arrays.append(array)


def refuse_parameter(error, layer_name, name, expected, came):
    raise error(f"{layer_name}: expected parameter {name} {expected}, got {came}")


def check_gradients(parameters, layers, learnt):
    """After backward: has each parameter a gradient of its shape, and has none appeared?

    One that appeared only in backward would give others another key.
    """
    known = {(name, each) for name, _, each in parameters.values()}
    for layer_name, layer in layers.items():
        for each in learnt(layer):
            if (layer_name, each) not in known:
                delattr(layer, f"d{each}")  # or the next call would take it as known
                check_seen_before(layer_name, each)
    for name, layer, each in parameters.values():
        gradient, array = getattr(layer, f"d{each}"), getattr(layer, each)
        check_gradient_shape(name, each, gradient, array.shape)


def check_seen_before(layer_name, name):
    came = f"it only afterwards; write self.d{name} = None in __init__"
    hint = f"or, if {name} isn't learnt, call it grad_{name}"
    raise TypeError(f"{layer_name}: expected d{name} before backward too, got {came}, {hint}")


def check_gradient_shape(layer_name, name, gradient, shape):
    if type(gradient) is np.ndarray and gradient.shape == shape and gradient.dtype.kind == "f":
        return
    dtype, came = np.asarray(gradient).dtype, np.shape(gradient)
    if came == shape and dtype.kind in "biuf":
        return
    if gradient is None:
        came = "nothing; no return?" if name == "x" else "nothing"
    elif came == shape:
        came = f"dtype {dtype}"
    elif came == shape[::-1]:
        came = f"{came}, the transpose"
    start = f"{layer_name}: expected backward to compute"
    raise ValueError(f"{start} d{name} of shape {shape}, got {came}")


def as_values(key, values, array):
    """A copy of values, to be written into params[key] (a copy, so that W1 and W2 can swap)."""
    start = f"params[{key!r}]"
    values = as_numbers(values, f"{start} as an array of real numbers")
    with np.errstate(over="ignore"):  # what is beyond float32 becomes inf, and is refused
        new = np.array(values, array.dtype)
    if new.shape != array.shape:
        hint = "; pass its .T" if new.T.shape == array.shape else ""
        raise ValueError(f"{start}: expected shape {array.shape}, got {new.shape}{hint}")
    if not is_finite(new):
        came = "nan or inf; in training, try a smaller learning rate"
        raise ValueError(f"{start}: expected finite numbers, got {came}")
    return new


def check_current(key, params, found, layers):
    """Has the layer been replaced since params were found, or its array?"""
    layer = layers.get(found.layer_name)
    if layer is not found.layer or getattr(layer, found.name, None) is not params[key]:
        expected = f"params[{key!r}]: expected the array that its layer has now"
        raise RuntimeError(f"{expected}, got an older one; read network.params again")


def no_such_key(params, key):
    hint = "adding a layer adds its parameters, and the number counts the layers that learn"
    raise KeyError(f"expected one of {short([*params])}, got {short(key)}; {hint}")


def no_removal():
    hint = "to remove a parameter, remove its layer from network.layers"
    raise TypeError(f"expected params to keep its keys, got a removal; {hint}")


def check_keys(values, params):
    expected = f"expected params as a dict with the keys {short([*params])}"
    if not hasattr(values, "keys"):
        raise TypeError(f"{expected}, got {kind(values)}")
    if set(values) != set(params):
        raise ValueError(f"{expected}, got {short([*values])}; to set some, call params.update")


def float_dtype(network, array):
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        _ = network.params  # says which parameter it is, and what to do
    return array.dtype


# The numerical gradient and the check


def check_float64(network):
    if network.dtype != np.float64:
        raise TypeError(f"expected a network with dtype=np.float64, got {network.dtype}")


def check_function(f, x):
    if not callable(f):
        raise TypeError(f"expected f as a function, got {kind(f)}; write lambda x: before it")
    check_differentiable(x, "x")


def check_differentiable(x, name):
    if not isinstance(x, np.ndarray) or x.dtype != np.float64:
        came = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else kind(x)
        raise TypeError(f"expected {name} as an array with dtype=np.float64, got {came}")
    if not x.flags.writeable:
        raise ValueError(f"expected {name} in an array that can be written, got a read-only one")
    lost = x[~(np.abs(x) < 1e10)]
    if lost.size:
        raise ValueError(f"expected numbers below 1e10 in {name}, or h is lost, got {lost[0]}")


def one_number(result, what="f(x)"):
    """What f returned, as a float."""
    if isinstance(result, float):  # np.float64 is one too
        return result
    what = f"{what} to be one number in float64"
    value = as_numbers(result, what)
    if value.ndim:
        raise TypeError(f"expected {what}, got shape {value.shape}; add it up by np.sum(...)")
    if value.dtype.kind == "b" or value.dtype.itemsize < 8:
        raise TypeError(f"expected {what}, got {value.dtype}")
    return float(value)


def check_unwritten(x, i, value):
    if x.item(i) != value:
        raise ValueError("expected f to leave x as it is, got a write into it; compute on x.copy()")


def check_difference(below, above, x, i, h):
    if not math.isfinite(above - below):
        place = [int(at) for at in np.unravel_index(i, x.shape)]
        came = f"{below} and {above} where x{place} is {x.item(i) - h} and {x.item(i) + h}"
        raise ValueError(f"expected f(x) to be finite, got {came}")


def check_options(samples, tolerance, rng):
    if samples is not None:
        check_count("samples", samples)
    if not isinstance(tolerance, numbers.Real) or not 1e-9 <= tolerance < 1:
        raise ValueError(f"expected tolerance between 1e-9 and 1, got {short(tolerance)}")
    # Not 0 by default, with which x may have been made too: dout must differ from it.
    rng = np.random.default_rng(784_50_10 if rng is None else rng)
    return {"samples": samples, "tolerance": tolerance, "rng": rng}


def check_network(network):
    """The params of any object that can be checked like a network."""
    lacks = [name for name in ("params", "loss", "gradient") if not hasattr(network, name)]
    if isinstance(network, type) or lacks:
        came = kind(network) + (f" without {lacks[0]}" if lacks else "")
        expected = "a network with params, loss(x, t) and gradient(x, t)"
        raise TypeError(f"expected {expected}, got {came}")
    params = network.params
    if not hasattr(params, "items") or not params:
        came = "none" if hasattr(params, "items") else kind(params)
        hint = "a layer learns a if it keeps da, so write self.da = None in its __init__"
        raise ValueError(f"expected params as a dict of one array or more, got {came}; {hint}")
    for key, array in params.items():
        check_differentiable(array, f"params[{key!r}]")
    return dict(params)


def check_output(name, out):
    out = np.asarray(check_returned(name, out))
    if out.dtype in (np.float16, np.float32):
        came = f"{out.dtype}, whose rounding would hide the differences"
        raise TypeError(f"{name}: expected forward to return float64 for float64, got {came}")
    return out


def check_repeatable(first, second):
    first, second = one_number(first, "the loss"), one_number(second, "the loss")
    if not math.isfinite(first):
        raise ValueError(f"expected finite outputs, got a sum of {first}; pass other numbers")
    if first != second:
        hint = "draw the same random numbers each time, and don't write into x"
        raise ValueError(f"expected the same output for the same x, got another; {hint}")


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
        raise ValueError(f"{owner}: expected {written[0]} left as given, got a write; use a copy")


# Training


def check_training(network, iters_num, batch_size, learning_rate):
    if isinstance(network, type):
        raise TypeError(f"expected a network, got {kind(network)}")
    check_count("iters_num", iters_num)
    check_count("batch_size", batch_size)
    if not isinstance(learning_rate, numbers.Real) or not 0 < learning_rate < math.inf:
        raise ValueError(f"expected learning_rate as a number above 0, got {short(learning_rate)}")


def as_sets(**pairs):
    """Pairs (x, t) as arrays of equal length. Warns if x isn't of the size of inputs."""
    sets = [as_set(name, pair) for name, pair in pairs.items()]
    check_scale(**{f"x_{name.removesuffix('_set')}": x for name, (x, _) in zip(pairs, sets)})
    return sets


def as_set(name, pair):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"expected {name} as a pair (x, t), got {kind(pair)}")
    x, t = (as_numbers(each, f"{name} as arrays of real numbers") for each in pair)
    if x.ndim < 2 or x.shape[:1] != t.shape[:1] or x.size == 0:
        expected = f"{name} as N samples x, (N, D), and N labels t"
        raise ValueError(f"expected {expected}, got {x.shape} and {t.shape}")
    return x, t


def check_scale(**sets):
    """Warn, once, of samples that aren't of the size for which networks start.

    Found by trying: training on MNIST fails if their root mean square is 10 or more, or 0.01.
    """
    for name, x in sets.items():
        size = float(np.sqrt(np.mean(np.square(x[:1000], dtype=np.float64))))
        if size > 7 or 0 < size < 0.02:
            came = f"numbers of about {size:.3g}, up to {x.max():.4g}"
            hint = "divide pixels by 255, or pass normalize=True to load_mnist"
            hint = hint if size > 1 else "were they divided by 255 twice?"
            warnings.warn(f"expected {name} to be of about 1, got {came}; {hint}", stacklevel=4)
            return
