"""The guards: what comes in is turned into what the maths needs, or refused with the reason.

Each answers one kind of mistake, in one sentence: what was expected, what came, and how to mend
it. Mostly a wrong value is a ValueError and a wrong kind of thing a TypeError. To see how backprop
works, skip this file: as_floats(x) is x, and forward(name, layer, x) is layer.forward(x).
"""

import contextlib
import copy
import inspect
import itertools
import math
import numbers
from collections.abc import Mapping

import numpy as np

REAL = "biuf"  # numpy's letters for truth values, integers, unsigned ones, floats
ROUGH = (np.float16, np.float32)  # whose rounding would drown differences by a step of 1e-4


# Numbers and labels


def as_numbers(x, what="an array of real numbers"):
    """x as an array of real numbers, whatever holds them: a list, an array, a pandas column."""
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(f"expected {what}, got rows of unequal length") from None
    if array.dtype.kind not in REAL:
        came = f"dtype {array.dtype}" if array.ndim else type(x).__name__
        if array.ndim and array.dtype.kind in "OSU":  # objects, strings
            came += "; if these are numbers, pass np.array(..., float)"
        raise TypeError(f"expected {what}, got {came}")
    if array is not x and np.ma.is_masked(x):  # as an array, it has numbers at those places too
        raise ValueError(f"expected {what}, got some masked; fill them in, or leave them out")
    return array


def as_floats(x, dtype=None):
    """x as an array in dtype, without a copy where it is one already.

    By default float32 and float64 stay as they are, and others become float64.
    """
    if type(x) is np.ndarray and x.dtype is dtype:  # the usual case in a training loop
        return x
    x = as_numbers(x)
    if dtype is None:
        dtype = x.dtype if x.dtype in (np.float32, np.float64) else np.float64
    return x.astype(dtype, copy=False)


def as_labels(t, N, C):
    """Labels for N samples, C classes: class numbers, integers (N,), or rows, float64 (N, C)."""
    t = as_numbers(t, "labels t as numbers")
    if N == 0:
        raise ValueError("expected at least one sample, got an empty batch")
    if t.shape == (N, C):
        t = as_floats(t, np.float64)
        if not is_probabilities(t):
            raise ValueError(
                "expected rows of t to be one-hot or probabilities (0 or more, summing to 1), "
                "got other numbers; class numbers go in shape (N,)"
            )
        return t / t.sum(axis=1, keepdims=True)  # so that they sum to 1 as nearly as floats can
    if t.shape != (N,):
        hint = "; pass t.ravel()" if t.size == N else "; pass t.T" if t.shape == (C, N) else ""
        raise ValueError(
            f"expected t of shape ({N},) for class numbers or ({N}, {C}) for rows, "
            f"got {t.shape}{hint}"
        )
    wrong = t[~((t >= 0) & (t < C) & (t == np.floor(t)))]  # nan too
    if wrong.size:
        raise ValueError(
            f"expected class numbers 0 to {C - 1}, got {wrong[0]}; the first class is 0, and there "
            f"are {C} scores for each sample"
        )
    return t.astype(np.intp)


def all_finite(x):
    """True if there is neither nan nor inf in x, an array of floats.

    They make the product of x with itself nan or inf, and one product is fast. It may overflow
    where x is very large but finite, hence the second look.
    """
    return math.isfinite(np.vdot(x, x)) or bool(np.isfinite(x).all())


def is_count(n):
    """True for a whole number from 1 up, Python's or NumPy's; not for True, which counts as 1."""
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1


def is_probabilities(rows):
    """True if every row of an (N, C) array is 0 or more and sums to 1, within 0.001."""
    return bool((rows >= 0).all() and (np.abs(rows.sum(axis=1) - 1) < 1e-3).all())


# Layers


def kind(layer):
    return type(layer).__name__


def call_named(name, method, *args, **kwargs):
    """method(*args), with the layer's name at the head of whatever it raises.

    "Affine: expected x ..." becomes "Affine2: expected x ...", for there may be several.
    """
    try:
        return method(*args, **kwargs)
    except Exception as error:
        if error.args and isinstance(error.args[0], str):
            own = f"{kind(getattr(method, '__self__', None))}: "
            error.args = (f"{name}: {error.args[0].removeprefix(own)}", *error.args[1:])
        raise


def forward(name, layer, x, *t):
    """layer.forward(x), or of the last layer forward(x, t), called by its name."""
    out = call_named(name, layer.forward, x, *t)
    return returned(name, "forward to return out", out)


def backward(name, layer, *dout, need_dx=True):
    """layer.backward(dout), or of the last layer backward(), called by its name.

    Where dx isn't needed, a layer may leave it out: Affine does, which saves up to a third of all
    products.
    """
    if need_dx:
        dx = call_named(name, layer.backward, *dout)
        return returned(name, "backward to return dx", dx)
    code = getattr(layer.backward, "__code__", None)  # of which inspect would take longer to tell
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if code else ()
    options = {"need_dx": False} if "need_dx" in arguments else {}
    return call_named(name, layer.backward, *dout, **options)


def returned(name, what, result):
    if result is None:
        raise TypeError(f"{name}: expected {what}, got None; no return?")
    return result


def check_start(inputs, outputs, std, dtype):
    if not is_count(inputs) or not is_count(outputs):
        came = f"{inputs!r} inputs and {outputs!r} outputs"
        raise ValueError(f"Affine: expected sizes as whole numbers from 1 up, got {came}")
    number = isinstance(std, numbers.Real) and std is not True and 0 <= std < math.inf
    if not number and not (isinstance(std, str) and std in ("he", "xavier")):
        raise ValueError(
            f'Affine: expected weight_init_std as a number from 0 up, "he" or "xavier", got {std!r}'
        )
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"Affine: expected dtype float32 or float64, got {np.dtype(dtype)}")


def check_affine(layer):
    W, b = np.shape(layer.W), np.shape(layer.b)
    if len(W) != 2 or 0 in W or b != W[1:]:
        hint = "; from sizes, Affine.random makes a layer" if W == () else ""
        raise ValueError(
            f"{kind(layer)}: expected W of shape (D, M) and b of shape (M,), got {W} and {b}{hint}"
        )


def as_batch(layer, x):
    """x as an Affine takes it: floats (N, D) in the dtype of W."""
    if layer.b.shape != layer.W.shape[1:]:  # one of them has been replaced
        check_affine(layer)
    x, D = as_floats(x, layer.W.dtype), len(layer.W)
    if x.ndim == 2 and x.shape[1] == D:
        return x
    hint = ""
    if x.ndim == 1:
        hint = "; for a single sample pass x[np.newaxis]"
        hint += ", unless x and t are swapped" if len(x) != D else ""
    elif x.ndim > 2 and x[0].size == D:
        hint = "; flatten the samples with x.reshape(len(x), -1)"
    elif x.ndim == 2 and len(x) == D:
        hint = "; samples are rows, so perhaps pass x.T"
    raise ValueError(f"{kind(layer)}: expected x of shape (N, {D}), got {x.shape}{hint}")


def check_finite(layer, x, out):
    """Has an Affine's output for x got nan or inf in it?

    out is looked at first: it is mostly smaller than x, and nan or inf in x goes on into it.
    """
    if all_finite(out):
        return
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        where = f"{x[row, column]} at x[{row}, {column}]"
        raise ValueError(f"{kind(layer)}: expected finite numbers in x, got {where}")
    raise FloatingPointError(
        f"{kind(layer)}: expected a finite x W + b, got inf or nan from a finite x: W or b has "
        "grown beyond all bounds; train with a smaller learning rate"
    )


def as_scores(x):
    """x as SoftmaxWithLoss takes it: finite floats (N, C)."""
    x = as_floats(x)
    if x.ndim != 2:
        hint = "; for a single sample pass x[np.newaxis]" if x.ndim == 1 else ""
        raise ValueError(f"SoftmaxWithLoss: expected scores x of shape (N, C), got {x.shape}{hint}")
    if not all_finite(x):
        raise ValueError("SoftmaxWithLoss: expected finite scores x, got nan or inf among them")
    return x


def check_loss(loss, dtype):
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"SoftmaxWithLoss: expected a finite loss, got {loss}: scores too far apart "
            f"for {dtype}; train with a smaller learning rate"
        )


def check_forward_first(layer, kept):
    """`kept` is what forward leaves for backward."""
    if kept is None:
        raise RuntimeError(
            f"{kind(layer)}: expected forward before backward, got backward first; "
            "forward keeps what backward needs"
        )


def as_dout(layer, dout, shape, dtype=None):
    """dout as floats of the shape that the layer's output had."""
    dout = as_floats(dout, dtype)
    if dout.shape != shape:
        raise ValueError(
            f"{kind(layer)}: expected dout of shape {shape}, as its output has, got {dout.shape}; "
            "dout is the dx that the layer after it returns"
        )
    return dout


def as_last_dout(layer, dout):
    """dout as one float, since the loss is one."""
    what = "dout as one number, since the loss is one"
    dout = call_named(kind(layer), as_numbers, dout, what)
    if dout.ndim != 0:
        raise ValueError(f"{kind(layer)}: expected {what}, got shape {dout.shape}")
    return float(dout)


# Chains, and the parameters in them


def check_methods(thing, what, methods):
    for method in methods:
        if isinstance(thing, type) or not callable(getattr(thing, method, None)):
            came = kind(thing)
            if isinstance(thing, type):
                came = f"the class {thing.__name__}; write {thing.__name__}(...)"
            raise TypeError(f"expected a {what} with {method}(), got {came}")


def state_of(layers):
    """All that the guards of a chain look at, in a list whose items are compared by `is`."""
    state = []
    for name, layer in layers.items():
        names = getattr(layer, "param_names", None)
        # How many attributes: a first backward adds dW, so that a forgotten param_names shows.
        state += [name, layer, names, len(getattr(layer, "__dict__", ()))]
        if isinstance(names, (tuple, list)):
            state += [getattr(layer, str(name), None) for name in names]
    return state


def names_of_params(layer):
    """The names of a layer's parameters; TypeError for a thing that can't be a layer."""
    check_methods(layer, "layer", ("forward", "backward"))
    names = getattr(layer, "param_names", None)
    if names is None:
        # The textbook's own Affine keeps W and dW without param_names: it would silently never be
        # trained. But an x with its dx isn't learnt, nor is what comes out.
        kept = getattr(layer, "__dict__", {})
        learns = [k for k in kept if k not in ("x", "out", "y") and "d" + k in kept]
        if learns:
            in_quotes = ", ".join(f'"{name}"' for name in learns)
            raise TypeError(
                f"expected param_names, since the layer keeps {learns[0]} and d{learns[0]}, got "
                f"none; write param_names = ({in_quotes},) in the class, or () if it isn't to learn"
            )
        return ()
    if isinstance(names, str):
        raise TypeError(f'expected param_names as a tuple, got {names!r}; write ("{names}",)')
    if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"expected param_names as a tuple of names, got {names!r}")
    for name in names:
        if not hasattr(layer, name):
            raise TypeError(f"expected an attribute {name}, as param_names says, got none")
    return names


def check_arguments(layer, *names):
    """Does forward take just these? If not, it is a layer for another place."""
    try:
        signature = inspect.signature(layer.forward)
    except ValueError:  # there is none, as for a function written in C
        return
    try:
        signature.bind(*names)
    except TypeError:
        place = "`layers`" if "t" in names else "lastLayer"
        raise TypeError(
            f"expected forward({', '.join(names)}), got forward{signature}; does it belong in "
            f"{place}?"
        ) from None


def check_new(key, owners, layer_name):
    if key in owners:
        raise ValueError(f"{layer_name}: expected one parameter by the key {key}, got two")


def check_chain(layers):
    """No layer at all, one that stands in two places, or two by nearly the same name?"""
    if not layers:
        raise ValueError("expected at least one layer, got an empty chain")
    for (name1, layer1), (name2, layer2) in itertools.combinations(layers.items(), 2):
        if str(name1).lower() == str(name2).lower():
            raise ValueError(
                f"{name2}: expected names that differ in more than capitals, got {name1} too; "
                f"to replace that layer, write layers[{name1!r}] = ..."
            )
        if layer1 is layer2:
            raise ValueError(
                f"{name2}: expected a layer of its own, got the one that stands at {name1} too; "
                "a layer keeps one forward for its backward"
            )


def check_params(owners):
    """A parameter that can't be learned in place, that two layers share, or of another dtype?"""
    for layer_name, layer, name in owners:
        param = getattr(layer, name)
        if not isinstance(param, np.ndarray) or param.dtype.kind != "f":
            came = f"dtype {param.dtype}" if isinstance(param, np.ndarray) else kind(param)
            raise TypeError(
                f"{layer_name}: expected parameter {name} as a numpy array of floats, got {came}"
            )
    for (name1, layer1, a), (name2, layer2, b) in itertools.combinations(owners, 2):
        param1, param2 = getattr(layer1, a), getattr(layer2, b)
        if np.may_share_memory(param1, param2):
            raise ValueError(
                f"{name2}: expected parameter {b} in an array of its own, got the one of "
                f"{name1}'s {a}; pass a copy"
            )
        if param1.dtype != param2.dtype:
            raise TypeError(
                f"{name2}: expected parameter {b} in {param1.dtype} like {name1}'s {a}, "
                f"got {param2.dtype}"
            )


def as_values(values, param):
    """values as an array that can be copied into a parameter."""
    if not param.flags.writeable:
        raise ValueError(
            "expected an array that can be written, got a read-only one; make the layer from a copy"
        )
    with np.errstate(over="ignore"):  # beyond float32 is inf, which is refused
        values = as_floats(values, param.dtype)
    if values.shape != param.shape:
        hint = "; pass its .T" if values.T.shape == param.shape else ""
        raise ValueError(f"expected shape {param.shape}, got {values.shape}{hint}")
    if not np.isfinite(values).all():
        raise ValueError(
            "expected finite numbers, got nan or inf among them; if this is training, try a "
            "smaller learning rate"
        )
    return values


def as_gradient(layer_name, layer, name):
    """The gradient that backward left for a parameter."""
    gradient = getattr(layer, "d" + name, None)
    check_shape(layer_name, name, gradient, getattr(layer, name))
    return gradient


def check_shape(layer_name, name, gradient, array):
    came = np.asarray(gradient)  # of None an object, which is no number
    if came.shape != array.shape or came.dtype.kind not in REAL:
        came = f"dtype {came.dtype}" if came.shape == array.shape else came.shape
        hint = ", the transpose" if came == array.T.shape else ""
        if gradient is None:
            came, hint = "nothing", "; no return?" if name == "x" else ""
        raise ValueError(
            f"{layer_name}: expected backward to compute d{name} of shape {array.shape}, "
            f"got {came}{hint}"
        )


def refuse_useless(network, name, value):
    """Refuse network.name = value where it can't work, or would silently change nothing."""
    if name == "layers" and not hasattr(value, "items"):
        raise TypeError(f"expected layers as an OrderedDict of name -> layer, got {kind(value)}")
    if name == "lastLayer":
        if call_named(name, names_of_params, value):
            raise TypeError(
                "lastLayer: expected a layer without parameters, got one with param_names; "
                "what learns belongs in `layers`"
            )
        call_named(name, check_arguments, value, "x", "t")
    elif name.replace("_", "").lower() == "lastlayer":
        raise AttributeError(f"expected network.lastLayer = ..., got network.{name} = ...")
    if name[-1:].isdigit() and name in vars(network).get("_params", ()):
        raise AttributeError(f"expected network.params[{name!r}] = ..., got network.{name} = ...")


def check_initialised(network):
    if "_params" not in vars(network):
        raise AttributeError(
            f"{kind(network)}: expected super().__init__(layers, lastLayer) before anything else, "
            "got a network without layers"
        )


def check_keys(values, params):
    if not isinstance(values, Mapping):
        raise TypeError(
            f"expected params as a dict with the keys {', '.join(params)}, got {kind(values)}"
        )
    if set(values) != set(params):
        came = ", ".join(map(str, values)) or "none"
        raise ValueError(
            f"expected params with the keys {', '.join(params)}, got {came}; to set some, call "
            "params.update"
        )


# Gradient checks


def checked_options(samples, tolerance, rng):
    """The options of a check, once they are sure to mean something."""
    if samples is not None and not is_count(samples):
        raise ValueError(f"expected samples as a whole number from 1 up, got {samples!r}")
    if not isinstance(tolerance, numbers.Real) or not 1e-9 <= tolerance < 1:
        raise ValueError(
            f"expected tolerance between 1e-9 and 1, got {tolerance!r}; differences by steps "
            "of 1e-4 can tell no better"
        )
    # By default no seed that x may have been made with, such as 0: dout must differ from it.
    rng = np.random.default_rng(784_50_10 if rng is None else rng)
    return {"samples": samples, "tolerance": tolerance, "rng": rng}


def check_network(network):
    check_methods(network, "network", ("loss", "gradient"))
    if not network.params:
        raise ValueError(
            "expected a network with parameters, got one without: no layer has param_names"
        )
    check_float64(network)
    for key, param in network.params.items():
        check_differentiable(param, f"params[{key!r}]")


def check_float64(network):
    if network.dtype != np.float64:
        raise TypeError(
            f"expected a float64 network, got {network.dtype}, whose rounding would drown a "
            "step of 1e-4; build it with dtype=np.float64"
        )


def check_differentiable(x, name):
    if not isinstance(x, np.ndarray) or x.dtype != np.float64 or np.ma.isMaskedArray(x):
        came = f"an array of {x.dtype}" if type(x) is np.ndarray else kind(x)
        raise TypeError(
            f"expected {name} as a float64 array, in which a step of 1e-4 isn't lost, got {came}; "
            f"pass np.array({name.split()[-1]}, dtype=np.float64)"
        )
    if not x.flags.writeable:
        raise ValueError(f"expected {name} to be writable, got a read-only array; pass a copy")
    lost = x[~(np.abs(x) < 1e10)]
    if lost.size:
        raise ValueError(
            f"expected numbers below 1e10 in {name}, or a step of 1e-4 is lost, got {lost[0]}"
        )


def check_output(layer, out):
    dtype = np.asarray(returned(kind(layer), "forward to return an array", out)).dtype
    if dtype in ROUGH:
        raise TypeError(
            f"{kind(layer)}: expected forward to return float64 for float64, got {dtype}, whose "
            "rounding would drown the differences"
        )


@contextlib.contextmanager
def untouched(owner, arrays):
    """Within it, arrays must be left as they are. If they aren't, they are put right."""
    given = copy.deepcopy(arrays)
    try:
        yield
    finally:
        written = [name for name, array in arrays.items() if (array != given[name]).any()]
        for name in written:
            arrays[name][...] = given[name]
    if written:
        raise ValueError(
            f"{owner}: expected {' and '.join(written)} to be left as given, got a write into "
            f"{'it' if len(written) == 1 else 'them'}; compute new arrays instead"
        )


def check_repeatable(first, second):
    first, second = one_number(first), one_number(second)
    if not math.isfinite(first):
        raise ValueError(f"expected finite outputs, got a sum of {first}; pass other numbers")
    if first != second:
        raise ValueError(
            f"expected the same outputs for the same x, got sums of {first} and {second}; "
            "a layer that draws random numbers must hold them fixed while it is checked, and one "
            "that writes into its x must compute a new array"
        )


def check_difference(f_below, f_above, value, h, place):
    if not math.isfinite(f_above - f_below):
        raise ValueError(
            f"expected f(x) to be finite, got {f_below} and {f_above} where the entry {place} "
            f"of x is {value - h} and {value + h}"
        )


def number_from(f, x, i):
    """f(x), which must be one number, and must leave entry i of x as it is."""
    value = x.item(i)
    result = one_number(f(x))
    if x.item(i) != value:
        raise ValueError("expected f to leave x as it is, got a write into it; compute on x.copy()")
    return result


def one_number(result):
    """What f returned, as a float."""
    if type(result) is float:
        return result
    value = np.asarray(result)
    if value.ndim != 0 or value.dtype.kind not in "iuf" or value.dtype in ROUGH:
        came = value.dtype if value.dtype in ROUGH else repr(result)
        raise TypeError(f"expected f(x) to return one number in float64, got {came}")
    return float(value)
