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
    return type(thing).__name__


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
    """False if x is None, or has nan or inf in it.

    The product of x with itself is then nan or inf too, and one product is fast. Large numbers may
    overflow in it, so look again.
    """
    if x is None:
        return False
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
    if t.shape == (N,):
        rows = t[:, np.newaxis] == np.arange(C)  # True where the class is, once in each row
        if np.count_nonzero(rows) < N:
            raise ValueError(
                f"expected class numbers 0 to {C - 1}, got {t[~rows.any(axis=1)][0]}; the network "
                f"has {C} output{'s' * (C > 1)}, and the first class is 0"
            )
        return rows.astype(y.dtype)
    if t.shape == (N, C):
        sums = t.sum(axis=1, dtype=np.float64, keepdims=True)
        if not ((t >= 0).all() and (np.abs(sums - 1) < 1e-3).all()):
            raise ValueError(
                "expected rows of t to be one-hot or probabilities (0 or more, summing to 1), got "
                "other numbers; to make rows sum to 1: t / t.sum(axis=1, keepdims=True)"
            )
        return (t / sums).astype(y.dtype)
    hint = "; pass t.ravel()" if t.size == N else "; pass t.T" if t.shape == (C, N) else ""
    raise ValueError(
        f"expected t of shape ({N},) for class numbers or ({N}, {C}) for rows, got {t.shape}{hint}"
    )


def as_probabilities(y, t):
    """y as rows (N, C) of probabilities, and t likewise: one sample becomes a batch of one."""
    y = as_floats(y)
    if y.ndim == 1:
        y, t = y[np.newaxis], np.reshape(t, 1 if np.size(t) == 1 else (1, -1))
    if not ((y >= 0).all() and (np.abs(y.sum(axis=-1) - 1) < 1e-3).all()):
        raise ValueError(
            "expected y as rows of probabilities (0 or more, summing to 1), got other numbers; "
            "from scores, pass softmax(scores)"
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
    """dout as an array in the dtype of out, if it has the shape of out.

    NumPy would stretch (broadcast) another shape, and the mistake would go unseen.
    """
    out = np.asarray(out)
    if dout is None or np.shape(dout) != out.shape:
        came = None if dout is None else np.shape(dout)
        raise ValueError(
            f"expected dout of shape {out.shape}, as the layer's output has, got {came}; dout is "
            "the dx of the next layer"
        )
    return np.asarray(dout, out.dtype)


def as_parameters(W, b):
    """W and b of an Affine as float arrays of one dtype."""
    W = as_floats(W)
    b = as_floats(b, W.dtype)
    if W.ndim != 2 or W.size == 0 or b.shape != W.shape[1:]:
        hint = "; to make a layer from sizes, use Affine.random" if W.ndim == 0 else ""
        raise ValueError(
            f"expected W of shape (D, M) and b of shape (M,), got {W.shape} and {b.shape}{hint}"
        )
    return W, b


def check_count(name, n):
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
        raise ValueError(f"expected {name} as a whole number from 1 up, got {reprlib.repr(n)}")


def initial_std(input_size, output_size, std, dtype):
    """The standard deviation of an Affine's first weights, as a number."""
    check_count("input_size", input_size)
    check_count("output_size", output_size)
    if np.dtype(dtype) not in FLOATS:
        raise TypeError(f"expected dtype float32 or float64, got {np.dtype(dtype)}")
    if isinstance(std, str) and std in ("he", "xavier"):
        return math.sqrt((2 if std == "he" else 1) / input_size)
    if not isinstance(std, numbers.Real) or not 0 <= std < math.inf:
        came = reprlib.repr(std)
        raise ValueError(
            f'expected weight_init_std as a number from 0 up, "he" or "xavier", got {came}'
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
    elif x.ndim == 3 and x.size in (3 * D, 4 * D):
        hint = "; make a picture in colour grey: x[..., :3].mean(axis=-1).reshape(1, -1)"
    elif x.ndim == 1:
        hint = "; are x and t swapped?"
    elif x.ndim == 2 and len(x) == D:
        hint = "; samples are rows, so perhaps pass x.T"
    raise ValueError(f"expected x of shape (N, {D}), got {x.shape}{hint}")


# The chain


class blame:
    """Around the call of a layer: an error in it begins with the layer's name.

    x is what the layer was given. If that is None, the layer called before returned nothing.
    """

    __slots__ = ("name", "layer", "x")

    def __init__(self, name, layer, x):
        self.name, self.layer, self.x = name, layer, x

    def __enter__(self):
        pass

    def __exit__(self, _, error, traceback):
        if not isinstance(error, Exception):
            return
        if self.x is None:
            raise TypeError(
                f"{self.name}: expected an array, got None from the layer called before; does its "
                "forward or backward end without return?"
            ) from None
        check_is_layer(self.name, self.layer, last=self.name == "lastLayer")
        if not error.args:
            error.args = (f"{self.name}: {kind(error)}",)
        elif str(error) == error.args[0]:
            error.args = (f"{self.name}: {error.args[0]}", *error.args[1:])
        elif hasattr(error, "add_note"):  # from Python 3.11 on
            error.add_note(f"in {self.name}")


def check_is_layer(name, layer, last=False):
    """A TypeError for what can't be a layer. The last one takes labels too."""
    takes = {"forward": ("x", "t") if last else ("x",), "backward": ("dout",)}
    for method, arguments in takes.items():
        function, came = getattr(layer, method, None), None
        if isinstance(layer, type):
            came = f"the class {layer.__name__}; write {layer.__name__}(...)"
        elif callable(function):
            came = misfit(function, method, arguments, last)
        else:
            near = difflib.get_close_matches(method, dir(layer), n=1)
            came = f"{kind(layer)}{f' with {near[0]}; did you mean {method}?' if near else ''}"
        if came:
            start = f"{name}: expected" if name else "expected"
            raise TypeError(f"{start} a layer with {method}({', '.join(arguments)}), got {came}")


def misfit(function, method, arguments, last):
    """Why function(*arguments) can't be called; None if it can."""
    try:
        signature = inspect.signature(function)
        signature.bind(*arguments)
    except ValueError:  # a function written in C may have no signature
        return None
    except TypeError:
        written = inspect.signature(getattr(function, "__func__", function))
        if inspect.ismethod(function) and next(iter(written.parameters), "") != "self":
            return f"{method}{written}; is self missing?"
        place = "`layers`" if last else "lastLayer"
        hint = f"; does it belong in {place}?" if method == "forward" else ""
        return f"{method}{signature}{hint}"


def why_not_finite(layers, x):
    """The error for a chain that made nan, inf or None of a finite x: it names the first layer."""
    for name, layer in layers.items():
        x = layer.forward(x)
        if x is None:
            return TypeError(f"{name}: expected forward to return an array, got None; no return?")
        if not is_finite(x):
            return FloatingPointError(
                f"{name}: expected finite numbers, got nan or inf: the parameters have grown too "
                "large; train with a smaller learning rate"
            )
    return FloatingPointError("expected finite scores, got nan or inf")


def as_loss(loss):
    """What lastLayer returned, if it is one finite number."""
    if type(loss) is not float and (loss is None or np.ndim(loss) != 0):
        came = "None; no return?" if loss is None else f"shape {np.shape(loss)}; return its mean"
        raise TypeError(f"lastLayer: expected forward to return one number, got {came}")
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"lastLayer: expected a finite loss, got {loss}: the scores are too far apart; train "
            "with a smaller learning rate"
        )
    return loss


def can_skip_dx(layer):
    """True if the layer's backward bears the mark that Affine's does.

    A wrapper made by functools.wraps bears a copy of the mark, but may not take need_dx.
    """
    backward = layer.backward
    return getattr(backward, "can_skip_dx", False) and not hasattr(backward, "__wrapped__")


def in_batches(network, x, size):
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
        try:
            scores = [network.predict(x[i : i + size]) for i in range(0, len(x), size)]
        except ValueError:
            network.predict(x)  # so that the error speaks of all of x
            raise
        first, alone = scores[0][:2], network.predict(x[:2])
    finally:
        for layer, flag in zip(flagged, flags):
            layer.train_flg = flag
    if not np.allclose(first, alone, rtol=1e-2, atol=1e-2 * np.abs(first).max()):
        warnings.warn(
            "expected the scores of a sample to depend on nothing else, got others for the first "
            "two samples alone than in their batch; let a layer that works differently in training "
            "look at self.train_flg, which accuracy sets to False",
            stacklevel=3,
        )
    return np.concatenate(scores)


# Parameters


def check_chain(layers):
    """No layer at all, or one in two places?"""
    if not hasattr(layers, "items"):
        raise TypeError(f"expected layers as an OrderedDict of name: layer, got {kind(layers)}")
    if not layers:
        raise ValueError("expected at least one layer, got none")
    places = {}
    for name, layer in layers.items():
        if id(layer) in places:
            raise ValueError(
                f"{name}: expected a layer of its own, got that of {places[id(layer)]} again; a "
                "layer keeps one forward for its backward, so make a second one"
            )
        places[id(layer)] = name


def layers_within(layer):
    """The layers that a layer holds, by themselves or in a list."""
    for value in getattr(layer, "__dict__", {}).values():
        if type(value) is not np.ndarray:
            held = value if type(value) in (list, tuple) else (value,)
            yield from (each for each in held if hasattr(each, "backward"))


def check_held(layer_name, held, names):
    if names:
        raise TypeError(
            f"{layer_name}: expected parameters in the layer itself, got {names[0]} in a "
            f"{kind(held)} that it holds, which would never be trained; put that into "
            "network.layers"
        )


def check_parameters(parameters):
    """Parameters that can't be changed in place, of two dtypes, or two in one array?"""
    dtype, by_base = None, {}
    for found in parameters:
        array, start = found.array, f"{found.layer_name}: expected parameter {found.name}"
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            came = f"dtype {array.dtype}" if isinstance(array, np.ndarray) else kind(array)
            raise TypeError(
                f"{start} as a NumPy array of floats, got {came}; if it isn't learnt, give "
                f"d{found.name} another name"
            )
        if not array.flags.writeable:
            raise ValueError(f"{start} in an array that can be written, got a read-only one")
        dtype = dtype or array.dtype
        if array.dtype != dtype:
            raise TypeError(f"{start} in {dtype} like those before it, got {array.dtype}")
        arrays = by_base.setdefault(id(array if array.base is None else array.base), [])
        if any(np.shares_memory(array, other) for other in arrays):
            raise ValueError(
                f"{start} in an array of its own, got one that another parameter uses; pass a copy"
            )
        arrays.append(array)


def check_same(before, after):
    """A parameter that appeared in backward would give other parameters other keys."""
    if before.keys() != after.keys():
        known = {(found.layer_name, found.name) for found in before.values()}
        for found in after.values():
            if (found.layer_name, found.name) not in known:
                delattr(found.layer, f"d{found.name}")  # or the next call would take it as known
                check_seen_before(found.layer_name, found.name)


def check_seen_before(layer_name, name):
    raise TypeError(
        f"{layer_name}: expected d{name} before backward too, got it only afterwards; if {name} is "
        f"learnt, write self.d{name} = None in __init__, and if not, call it grad_{name}"
    )


def gradient_of(found):
    """The gradient that backward left for a parameter."""
    gradient = getattr(found.layer, f"d{found.name}")
    check_gradient_shape(found.layer_name, found.name, gradient, found.array.shape)
    return gradient


def check_gradient_shape(layer_name, name, gradient, shape):
    dtype, came = np.asarray(gradient).dtype, np.shape(gradient)
    if came == shape and dtype.kind in "biuf":
        return
    if gradient is None:
        came = "nothing; no return?" if name == "x" else "nothing"
    elif came == shape:
        came = f"dtype {dtype}"
    elif came == shape[::-1]:
        came = f"{came}, the transpose"
    raise ValueError(
        f"{layer_name}: expected backward to compute d{name} of shape {shape}, got {came}"
    )


def as_values(key, values, params):
    """A copy of values, to be written into params[key] (a copy, so that W1 and W2 can swap)."""
    array, start = params[key], f"params[{key!r}]: expected"
    if values is array:
        return array
    try:
        with np.errstate(over="ignore"):  # what is beyond float32 becomes inf, and is refused
            new = np.array(as_numbers(values), array.dtype)
    except (TypeError, ValueError) as error:
        raise type(error)(f"params[{key!r}]: {error}") from None
    if new.shape != array.shape:
        hint = "; pass its .T" if new.T.shape == array.shape else ""
        raise ValueError(f"{start} shape {array.shape}, got {new.shape}{hint}")
    if not is_finite(new):
        raise ValueError(
            f"{start} finite numbers, got nan or inf; in training, try a smaller learning rate"
        )
    return new


def check_current(key, array, found):
    if getattr(found.layer, found.name, None) is not array:
        raise RuntimeError(
            f"params[{key!r}]: expected the array that the layer has now, got an older one; read "
            "network.params again"
        )


def no_such_key(params, key):
    raise KeyError(
        f"expected one of {', '.join(params) or 'no keys'}, got {key!r}; a layer brings its own "
        "parameters, so adding it to network.layers is enough"
    )


def no_removal():
    raise TypeError(
        "expected params to keep its keys, got a removal; a parameter belongs to its layer, so "
        "remove the layer from network.layers"
    )


def check_keys(values, params):
    keys = ", ".join(params)
    if not hasattr(values, "keys"):
        raise TypeError(f"expected params as a dict with the keys {keys}, got {kind(values)}")
    if set(values) != set(params):
        came = ", ".join(map(str, values)) or "none"
        raise ValueError(
            f"expected params with the keys {keys}, got {came}; to set some, call params.update"
        )


def check_attribute(network, name, value):
    """Refuse network.name = value where it can't work, or would change nothing."""
    if name == "layers":
        check_chain(value)
        for layer_name, layer in value.items():
            check_is_layer(layer_name, layer)
    elif name == "lastLayer":
        check_is_layer(name, value, last=True)
    elif name.replace("_", "").lower() == "lastlayer":
        raise AttributeError(f"expected network.lastLayer = ..., got network.{name} = ...")
    elif name == "params" or name[-1:].isdigit() and name in network.params:
        check_built(network)
        if name != "params":
            raise AttributeError(f"expected network.params[{name!r}] = ..., got network.{name} = ")


def check_built(network):
    if "lastLayer" not in vars(network):
        raise AttributeError(
            f"{kind(network)}: expected super().__init__(layers, lastLayer) before anything else, "
            "got a network without layers; params are found in them, and aren't set here"
        )


def check_last(names):
    if names:
        raise TypeError(
            f"lastLayer: expected a layer without parameters, got one that keeps d{names[0]}; a "
            "layer that learns belongs in `layers`"
        )


def float_dtype(network, array):
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        _ = network.params  # says which parameter it is, and what to do
    return array.dtype


# The numerical gradient and the check


def check_float64(network):
    if network.dtype != np.float64:
        raise TypeError(
            f"expected a float64 network, got {network.dtype}, whose rounding would hide a step of "
            "1e-4; build it with dtype=np.float64"
        )


def check_differentiable(x, name):
    if not isinstance(x, np.ndarray) or x.dtype != np.float64:
        came = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else kind(x)
        raise TypeError(
            f"expected {name} as a float64 array, in which a step of 1e-4 isn't lost, got {came}; "
            "pass np.array(..., dtype=np.float64)"
        )
    if not x.flags.writeable:
        raise ValueError(f"expected {name} in an array that can be written, got a read-only one")
    lost = x[~(np.abs(x) < 1e10)]
    if lost.size:
        raise ValueError(
            f"expected numbers below 1e10 in {name}, or a step of 1e-4 is lost, got {lost[0]}"
        )


def one_number(result):
    """What f returned, as a float."""
    if isinstance(result, float):  # np.float64 is one too
        return result
    value = np.asarray(result)
    if value.ndim != 0 or value.dtype.kind not in "iuf" or value.dtype.itemsize < 8:
        came = str(value.dtype) if value.dtype.kind == "f" else reprlib.repr(result)
        if value.ndim:
            came = f"shape {value.shape}; np.sum(...) makes one number of it"
        raise TypeError(f"expected f(x) to return one number in float64, got {came}")
    return float(value)


def check_left(x, i, value):
    if x.item(i) != value:
        raise ValueError("expected f to leave x as it is, got a write into it; compute on x.copy()")


def check_difference(below, above, x, i, h):
    if not math.isfinite(above - below):
        place = [int(at) for at in np.unravel_index(i, x.shape)]
        raise ValueError(
            f"expected f(x) to be finite, got {below} and {above} where x{place} is "
            f"{x.item(i) - h} and {x.item(i) + h}"
        )


def check_options(samples, tolerance, rng):
    """The options of a check, if they mean something."""
    if samples is not None:
        check_count("samples", samples)
    if not isinstance(tolerance, numbers.Real) or not 1e-9 <= tolerance < 1:
        raise ValueError(
            f"expected tolerance between 1e-9 and 1, got {tolerance!r}; with steps of 1e-4 smaller "
            "errors can't be told from rounding"
        )
    # Not 0 by default, with which x may have been made too: dout must differ from it.
    rng = np.random.default_rng(784_50_10 if rng is None else rng)
    return {"samples": samples, "tolerance": tolerance, "rng": rng}


def check_network(network):
    """The params of any object that can be checked like a network."""
    came = f"{kind(network)} without "
    if isinstance(network, type):
        came = f"the class {network.__name__}; write {network.__name__}(...)"
        lacks = [""]
    else:
        lacks = [name for name in ("params", "loss", "gradient") if not hasattr(network, name)]
    if lacks:
        raise TypeError(
            f"expected a network with params, loss(x, t) and gradient(x, t), got {came}{lacks[0]}"
        )
    params = network.params
    if not hasattr(params, "items") or not params:
        came = "none" if hasattr(params, "items") else kind(params)
        raise ValueError(
            f"expected params as a dict of one array or more, got {came}; a layer learns the array "
            "a if it keeps da beside it, so write self.da = None in its __init__"
        )
    for key, array in params.items():
        check_differentiable(array, f"params[{key!r}]")
    return dict(params)


def check_output(name, out):
    if out is None:
        raise TypeError(f"{name}: expected forward to return an array, got None; no return?")
    out = np.asarray(out)
    if out.dtype in (np.float16, np.float32):
        raise TypeError(
            f"{name}: expected forward to return float64 for float64, got {out.dtype}, whose "
            "rounding would hide the differences"
        )
    return out


def check_repeatable(first, second):
    first, second = one_number(first), one_number(second)
    if not math.isfinite(first):
        raise ValueError(f"expected finite outputs, got a sum of {first}; pass other numbers")
    if first != second:
        raise ValueError(
            f"expected the same outputs for the same x, got sums of {first} and {second}; a layer "
            "that draws random numbers must keep them during a check, and none may write into x"
        )


@contextlib.contextmanager
def unwritten(owner, arrays):
    """Within it, arrays must be left as they are. If they aren't, they are put right."""
    given = copy.deepcopy(arrays)
    try:
        yield
    finally:
        written = [name for name in given if (arrays[name] != given[name]).any()]
        for name in written:
            arrays[name][...] = given[name]
    if written:
        raise ValueError(
            f"{owner}: expected {' and '.join(written)} to be left as given, got a write; compute "
            "new arrays instead"
        )


# Training


def check_training(network, iters_num, batch_size, learning_rate):
    if isinstance(network, type):
        name = network.__name__
        raise TypeError(f"expected a network, got the class {name}; write {name}(...)")
    check_count("iters_num", iters_num)
    check_count("batch_size", batch_size)
    if not isinstance(learning_rate, numbers.Real) or not 0 < learning_rate < math.inf:
        raise ValueError(f"expected learning_rate as a number above 0, got {learning_rate!r}")


def as_set(name, pair):
    """A pair (x, t) as arrays of equal length."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"expected {name} as a pair (x, t), got {kind(pair)}")
    try:
        x, t = map(as_numbers, pair)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    if x.ndim < 2 or x.shape[:1] != t.shape[:1] or x.size == 0:
        raise ValueError(
            f"expected {name} as N samples x, (N, D), and N labels t, got {x.shape} and {t.shape}"
        )
    return x, t


def check_scale(**sets):
    """Warn, once, of samples that aren't of the size for which networks start.

    Found by trying: training on MNIST fails if their root mean square is 10 or more, or 0.01.
    """
    for name, x in sets.items():
        size = float(np.sqrt(np.mean(np.square(x[:1000], dtype=np.float64))))
        if size > 7 or 0 < size < 0.02:
            warnings.warn(
                f"expected {name} with numbers of about 1, for which networks start, got numbers "
                f"of about {size:.2g}, up to {x.max():.4g}; for pixels pass normalize=True to "
                "load_mnist, or divide them by 255",
                stacklevel=3,
            )
            return
