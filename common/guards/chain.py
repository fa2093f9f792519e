"""What stands around the calls of the layers, so that network.py can be the chain alone.

Chain is the base class of Network: it holds the layers and their parameters, answers what can't
work, and says which layer an error came from.
"""

import contextlib
import difflib
import inspect
import math
import warnings

import numpy as np

from common import files
from common.guards.guarded import Noted
from common.guards.learnt import find, find_parameters, passing, set_train_flg
from common.guards.mistakes import (
    FLOATS,
    as_finite,
    as_floats,
    as_numbers,
    check_differentiable,
    hide_our_frames,
    is_finite,
    kind,
    wrong,
)  # fmt: skip
from common.guards.params import Params, check_keys, check_no_parameters, check_parameters
from common.guards.untouched import is_ours, kept_by, untouched

SEEN = {  # what NumPy would warn of, in words
    "divide by zero": "it divides by 0, or takes the log of 0",
    "overflow": "it overflows: a number is too large for a float",
    "invalid value": "it computes what has no value, such as 0 / 0",
}


class Chain:
    """The base class of Network, which sets layers and lastLayer."""

    @property
    def params(self):
        """The layers' own arrays, {"W1": array, ...}, brought up to date at each access."""
        if "_params" not in vars(self):
            vars(self)["_params"] = Params()
        return self._params.up_to_date(self.layers)

    @params.setter
    def params(self, values):
        params = self.params
        if values is not params:  # as after network.params |= ...
            check_keys(values, params)
            params.update(values)

    @property
    def dtype(self):
        """The dtype of the first parameter, shared by all parameters; float64 if there are none."""
        first = next(iter(self.layers.values()), None)
        if is_ours(first) and hasattr(first, "W") and first.W.dtype in FLOATS:
            return first.W.dtype  # the usual case, quickly
        for found in find_parameters(self.layers).values():
            check_parameters({"": found})
            return found.array.dtype
        return np.dtype(np.float64)

    def save(self, path):
        """Write the parameters to a .npz file."""
        files.save_arrays(path, self.params)

    def load(self, path):
        """Read what save wrote. If it doesn't fit, nothing changes and a ValueError says why."""
        self.params.update(files.load_arrays(path, self.params))

    def __repr__(self):
        sizes = {name: 0 for name in self.layers}
        for found in find_parameters(self.layers).values():
            sizes[found.place] += found.array.size
        lines = [f"{type(self).__name__}: {sum(sizes.values()):,} parameters, {self.dtype}"]
        for name, layer in self.layers.items():
            count = f"{sizes[name]:,}" if sizes[name] else ""
            text = type(layer).__name__ if repr(layer).startswith("<") else repr(layer)
            lines.append(f"  {name:10} {text:22} {count:>10}".rstrip())
        return "\n".join([*lines, f"  lastLayer  {self.lastLayer!r}"])

    # What Network's methods call

    def collect_gradients(self):
        """{"W1": dL/dW1, ...}, as backward left them in the layers."""
        return self.params.gradients()

    def predict_in_batches(self, x, size=1000):
        """The scores for x, `size` samples at a time. Afterwards the layers are as before.

        A layer such as Dropout (chapter 6), which works differently in training, has an attribute
        train_flg: during this call it is False. Warns if what the network returns for a sample
        depends on the other samples, or on chance.
        """
        x = np.atleast_1d(as_numbers(x))
        if len(x) == 0:
            raise wrong(ValueError, "at least one sample", "an empty batch")
        with self.untouched():
            set_train_flg(self.layers, False)
            first = next(iter(self.layers.values()))
            batches = [x[i : i + size] for i in range(0, len(x), size)]
            if not is_ours(first):  # it may write into x
                batches = [batch.copy() for batch in batches]
            try:
                scores = [np.array(self.predict(each)) for each in batches]  # out may be used again
            except ValueError:
                as_finite(x, self.dtype)  # names the place in all of x
                raise
            self.warn_if_mixed(x[:size], scores[0])
        return np.concatenate(scores)

    def untouched(self):
        """In a with statement: a look that leaves no trace in the layers."""
        return untouched(*self.layers.values(), self.lastLayer)

    # @guarded calls these before and after a method, and after an error

    def before(self, method, x, dtype):
        """x as this method of the network takes it."""
        if method == "accuracy":
            return x
        x = as_finite(x, dtype) if method == "predict" else as_floats(x, dtype)
        if method == "numerical_gradient":
            for key, array in self.params.items():
                check_differentiable(array, f"params[{key!r}]")
            x = x.copy()
        if method in ("gradient", "numerical_gradient"):
            self.params.decided(x)
        return x

    def after(self, method, x, result, noted):
        """What the method returns, if it can be right."""
        if method == "predict":
            is_array = type(result) is np.ndarray
            if not is_array or noted or len(result) != len(x) or not is_finite(result):
                check_outputs(self, x, result)
        elif method == "gradient":
            if not all(map(is_finite, result.values())):
                raise why_gradient_not_finite(self)
        elif method == "loss":
            if type(result) is not float and (result is None or np.ndim(result) != 0):
                shape = np.shape(result)
                came = "None; no return?" if result is None else f"{shape}; return its mean"
                raise wrong(TypeError, "forward to return one number", came, at="lastLayer")
            if not math.isfinite(result):
                came = f"{result} from finite scores{seen(noted)}"
                raise wrong(FloatingPointError, "a finite loss", came, at="lastLayer")
        return float(result) if method in ("loss", "accuracy") else result

    def explained(self, error, x, t=None):
        """The error that is to be raised: with the name of its layer, or what was really wrong."""
        if hasattr(error, "is_explained"):
            return error
        hide_our_frames()
        try:
            error = self.what_was_wrong(error, x, t)
        except Exception as other:  # what was really wrong, if it is one of our sentences
            error = other if hasattr(other, "is_ours") else error
        error.is_explained = True
        return error

    def what_was_wrong(self, error, x, t):
        order = [*self.layers.items(), ("lastLayer", self.lastLayer)]
        place, method, given = found_in(error.__traceback__, [layer for _, layer in order])
        if place is None:
            for name, layer in order:  # perhaps the call itself failed
                check_is_layer(name, layer, last=name == "lastLayer")
            return self.why_no_accuracy(error, x, t) if hasattr(error, "is_about_t") else error
        (name, layer), is_plain = order[place], self.is_plain()
        if is_about_none(error) and (lacks := lacking(layer)):
            return wrong(TypeError, f"{lacks} as an array", "None", at=name)
        neighbour = place + (1 if method == "backward" else -1)
        before = order[neighbour][0] if is_plain and 0 <= neighbour < len(order) else ""
        if before and given is None:
            check_returned(before, None, method)
        has_rows = hasattr(x, "__len__") and hasattr(t, "__len__") and len(t) == len(x)
        if is_plain and is_about_finite(error):
            check_outputs(self, x, None)
        elif isinstance(error, ValueError) and has_rows:
            check_outputs(self, x, None, rows=True)
        return named(error, name, before)

    def why_no_accuracy(self, error, x, t):
        """The error for labels that accuracy can't use."""
        if len(x) == np.size(t):
            check_outputs(self, x, None, rows=True)
        if is_ours(self.lastLayer):
            return error
        came = f"others: those of {kind(self.lastLayer)}"
        hint = "for targets that are no classes look at network.loss(x, t)"
        if np.isin(t, (-1, 0, 1)).all():
            hint = "if a score above 0 means yes, it is np.mean((network.predict(x) > 0) == "
            hint += "(t > 0).reshape(len(x), -1))"
        return wrong(ValueError, "class numbers or one-hot rows t", came, hint, at="accuracy")

    def is_plain(self):
        """Is predict that of Network, along the chain?"""
        return "predict" not in vars(self) and type(self).predict.__module__ == "common.network"

    def warn_if_mixed(self, x, scores):
        """Warn if the first samples alone get other scores than among others; name the layer."""
        alone = x[: 2 if len(x) > 2 else 1].copy()
        if "_mixed" in vars(self) or len(scores) != len(x):
            return
        if not differ(scores[: len(alone)], self.predict(alone)):
            return
        vars(self)["_mixed"], name = True, "network"
        if self.is_plain():
            x, alone = as_floats(x.copy(), self.dtype), as_floats(alone, self.dtype)
            for name, layer in self.layers.items():  # noqa: B007
                x, alone = layer.forward(x), layer.forward(alone)
                if differ(x[: len(alone)], alone):
                    break
        warnings.warn(
            f"{name}: expected the same output for a sample alone as in a batch, got another; if "
            "it works differently in training, let forward look at self.train_flg, which accuracy "
            "sets to False; or does a reshape mix samples?",
            stacklevel=5,
        )

    # What can't work

    def __setattr__(self, name, value):
        if name == "layers":
            for layer_name, layer in value.items() if hasattr(value, "items") else ():
                check_is_layer(layer_name, layer)
            if value or not hasattr(value, "items"):  # the book fills an empty one afterwards
                find(value)
        elif name == "lastLayer":
            check_is_layer(name, value, last=True)
            check_no_parameters(name, value, vars(self).get("layers", {}))
        elif name.replace("_", "").lower() == "lastlayer":
            raise wrong(AttributeError, "network.lastLayer = ...", f"network.{name} = ...")
        elif name == "train_flg" and any(hasattr(each, name) for each in self.layers.values()):
            hint = "accuracy sets it to False for you; to predict, set that of the layer"
            raise wrong(AttributeError, "the train_flg of a layer", "one of the network", hint)
        elif name[-1:].isdigit() and vars(self).get("layers") and name in self.params:
            raise wrong(AttributeError, f"network.params['{name}'] = ...", f"network.{name} = ...")
        super().__setattr__(name, value)

    def __getattr__(self, name):  # Python calls it only for an attribute that isn't there
        if name in ("layers", "lastLayer"):
            hint = "leave self.params out, since a layer brings its own parameters"
            expected = "super().__init__(layers, lastLayer) first"
            raise wrong(AttributeError, expected, f"no {name}", hint, at=type(self).__name__)
        return super().__getattribute__(name)  # Python's own words, or those from inside params

    def __getstate__(self):
        """For copy and pickle: a copy has a Params of its own."""
        own = ("_params", "_noted")
        return {name: value for name, value in vars(self).items() if name not in own}


def backward_without_dx(layer, dout):
    """layer.backward(dout) where nobody uses dx. An Affine leaves it out, a fifth of a training.

    An Affine whose backward is one's own is called as ever.
    """
    backward = getattr(layer.backward, "__func__", layer)
    leaves_out = getattr(backward, "leaves_out_dx", None) is backward
    layer.backward(dout, **({"need_dx": False} if leaves_out else {}))


# Which layer was it?


def found_in(traceback, layers):
    """(its place among layers, forward or backward, what it was given) of the call that failed.

    It is the outermost call whose first argument is one of the layers; None if there is none.
    """
    places = {id(layer): place for place, layer in enumerate(layers)}
    while traceback:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        is_call = names and frame.f_globals.get("__name__") != "common.guards.learnt"  # the search
        place = places.get(id(frame.f_locals.get(names[0]))) if is_call else None
        if place is not None:
            method = "backward" if "backward" in frame.f_code.co_name else "forward"
            return place, method, frame.f_locals.get(names[1], True) if names[1:] else True
    return None, "", True


def lacking(layer):
    """The name of an attribute that is None, and that the layer should have learnt; or ""."""
    kept, made = kept_by(layer), passing(layer)
    names = (name for name, value in kept.items() if value is None and f"d{name}" in kept)
    return next((name for name in names if name not in made), "")


def named(error, name, before):
    """The error, with the layer's name before its message."""
    error.is_ours = True
    text, hint = str(error), ""
    if before and hasattr(error, "without_hint"):  # x comes from another layer, not from the caller
        error.args = text, *_ = (f"{error.without_hint} from {before}",)
    elif isinstance(error, IndexError) and "integer" in text:
        hint = "; x arrives as floats, so write x.astype(int)"
    elif isinstance(error, ValueError) and before and not text.startswith("expected"):
        name = f"{name}, after {before}"
    if not error.args:
        error.args = (f"{name}: {kind(error)}",)
    elif text == error.args[0]:
        error.args = (f"{name}: {text}{hint}", *error.args[1:])
    elif hasattr(error, "add_note"):  # from Python 3.11 on
        error.add_note(f"in {name}")
    return error


def is_about_finite(error):
    return isinstance(error, FloatingPointError) or "expected finite numbers in x" in str(error)


def is_about_none(error):
    words = "NoneType", "does not have enough dimensions"  # of np.dot, and of @
    return isinstance(error, (TypeError, ValueError)) and any(each in str(error) for each in words)


def check_outputs(network, x, scores, rows=False):
    """Call the layers once more, and raise an error for the first whose output can't be right.

    That is one with nan or inf, if NumPy would warn of it or it comes out at the end; or one with
    more rows than samples, or with rows=True fewer. (N, T) may become N * T rows.
    """
    samples, first = np.shape(x)[:2], None
    with network.untouched():
        x = np.array(x)
        for name, layer in network.layers.items() if network.is_plain() else ():
            noted = Noted(network)
            try:
                with noted:
                    out = layer.forward(x)
            except FloatingPointError as error:
                if not str(error).startswith("expected finite"):
                    raise named(error, name, "") from None  # the reader's own
                raise not_finite(name, layer, noted) from error
            check_returned(name, out)
            if not is_finite(out):
                first = first or not_finite(name, layer, noted)
                if noted:
                    raise first
            count, right = np.shape(out)[:1], (samples[:1], (math.prod(samples),))
            if count not in right and (rows or count > right[0] or not count):
                came = f"{count[0]} rows" if count else "one number"
                expected = f"a row for each of {samples[0]} samples"
                raise wrong(ValueError, expected, came, at=name)
            x = out
    if scores is not None and not is_finite(scores):
        raise first or wrong(FloatingPointError, "finite scores", "nan or inf", at="network")


def not_finite(name, layer, noted):
    """The error for a layer that made nan or inf of finite numbers."""
    hint, parameters = seen(noted), find_parameters({name: layer}).values()
    largest = max((np.abs(each.array).max() for each in parameters), default=0)
    if not np.isfinite(largest):
        hint = "; its parameters hold nan or inf"
    elif largest > 1e3:
        hint += f"; its parameters are up to {largest:.3g}: if it was trained, "
        hint += "use a smaller learning rate"
    return wrong(FloatingPointError, "finite numbers from forward", f"nan or inf{hint}", at=name)


def why_gradient_not_finite(network):
    """The error for a backward that made nan or inf: it names the first layer that did."""
    parameters, dout = find_parameters(network.layers).values(), 1
    order = [("lastLayer", network.lastLayer), *reversed(network.layers.items())]
    with network.untouched(), contextlib.suppress(Exception):  # a second time may fail
        for name, layer in order:
            noted = Noted(network)
            with noted:
                dout = layer.backward(dout)
            own = [each.gradient for each in parameters if each.place == name]
            if not all(map(is_finite, [*own, 0 if dout is None else dout])):
                break
    came = f"nan or inf{seen(noted)}"
    return wrong(FloatingPointError, "finite gradients from backward", came, at=name)


def seen(noted):
    """What NumPy would have warned of, as the end of a sentence."""
    return next((f"; {words}" for name, words in SEEN.items() if name in noted), "")


def check_returned(name, out, method="forward"):
    if out is None or isinstance(out, (tuple, list)):
        came = "None; no return?" if out is None else f"a {kind(out)}"
        raise wrong(TypeError, f"{method} to return an array", came, at=name) from None


def check_is_layer(name, layer, methods=("forward", "backward"), last=False):
    """TypeError unless layer has these methods, and they take what the network passes."""
    for method in methods:
        takes = (["x", "t"] if last else ["x"]) if method == "forward" else ["dout"]
        function, came = getattr(layer, method, None), kind(layer)
        if callable(function) and not isinstance(layer, type):
            try:
                signature = inspect.signature(function)
                signature.bind(*takes)
                continue
            except ValueError:  # a function written in C may have no signature
                continue
            except TypeError:
                whole = inspect.signature(getattr(function, "__func__", function))
                first = next(iter(whole.parameters), None)
                hint = "; is self missing?" if first in takes and not signature.parameters else ""
                came = f"{method}{signature}{hint}"
        elif near := difflib.get_close_matches(method, set(dir(layer)) - {method}, n=1):
            came += f" with {near[0]}; did you mean {method}?"
        expected = f"a layer with {method}({', '.join(takes)})"
        raise wrong(TypeError, expected, came, at=name) from None


def differ(scores, alone):
    return not np.allclose(scores, alone, rtol=1e-2, atol=1e-2 * np.abs(alone).max())
