"""What stands around the calls of the layers, so that network.py can be the chain alone.

Chain is the base class of Network: it holds the layers and their parameters, and answers what
can't work. blame puts the name of a layer before an error that comes out of it.
"""

import contextlib
import copy
import difflib
import inspect
import math
import warnings

import numpy as np

from common import files
from common.layers import Affine
from common.mistakes import as_finite, as_numbers, hide_our_frames, is_finite, kind, wrong
from common.params import Params, check_keys, check_no_parameters, check_parameters
from common.search import all_layers, check_chain, find_parameters, is_float_array, kept_by

__all__ = ["Chain", "as_loss", "blame", "check_is_layer", "check_returned"]


class Chain:
    """The layers of a network, lastLayer, and the parameters of the layers."""

    def __init__(self, layers, lastLayer):
        self.layers = layers
        self.lastLayer = lastLayer

    @property
    def params(self):
        """The layers' own arrays, {"W1": array, ...}, brought up to date at each access."""
        if "_params" not in vars(self):
            vars(self)["_params"] = Params()
        return self._params.up_to_date(self.layers)

    @params.setter
    def params(self, values):
        params = self.params
        check_keys(values, params)
        params.update(values)

    @property
    def dtype(self):
        """The dtype of the first parameter, shared by all parameters; float64 if there are none."""
        first = next(iter(self.layers.values()), None)
        if type(first) is not Affine or not is_float_array(first.W):
            for found in find_parameters(self.layers).values():
                if not is_float_array(found.array):
                    check_parameters({"": found})  # says what is wrong with it
                return found.array.dtype
            return np.dtype(np.float64)
        return first.W.dtype  # the usual case, quickly

    def save(self, path):
        """Write the parameters to a .npz file."""
        files.save_arrays(path, self.params)

    def load(self, path):
        """Read what save wrote. If it doesn't fit, nothing changes and a ValueError says why."""
        self.params.update(files.load_arrays(path, self.params))

    def __repr__(self):
        sizes = {name: 0 for name in self.layers}
        for found in find_parameters(self.layers).values():
            sizes[found.layer_name] += found.array.size
        lines = [f"{type(self).__name__}: {sum(sizes.values()):,} parameters, {self.dtype}"]
        for name, layer in self.layers.items():
            count = f"{sizes[name]:,}" if sizes[name] else ""
            text = type(layer).__name__ if repr(layer).startswith("<") else repr(layer)
            lines.append(f"  {name:10} {text:22} {count:>10}".rstrip())
        return "\n".join([*lines, f"  lastLayer  {self.lastLayer!r}"])

    # For Network's methods

    def as_input(self, x):
        """x as an array of finite floats in the network's dtype."""
        return as_finite(x, self.dtype)

    def as_scores(self, scores, x):
        """The scores, if they are finite. Else an error that names the layer where they began."""
        if not is_finite(scores):
            with np.errstate(all="ignore"):
                raise why_not_finite(self.layers, x)
        return scores

    def in_reverse(self):
        """lastLayer, and then the layers from the last to the first.

        Nobody uses the dx of the first. An Affine leaves it out, a fifth of the work of a training;
        other layers, and an Affine whose backward is one's own, are called as ever.
        """
        if "_params" not in vars(self):
            _ = self.params  # so that a gradient which appears only in backward is noticed
        layers = [self.lastLayer, *reversed(self.layers.values())]
        backward = getattr(layers[-1], "backward", None)
        if getattr(backward, "__func__", None) is Affine.backward:  # neither replaced nor wrapped
            layers[-1] = WithoutDx(layers[-1])
        return layers

    def collect_gradients(self):
        """{"W1": dL/dW1, ...}, as backward left them. An error names the layer that made nan."""
        gradients = self.params.gradients()
        for gradient in gradients.values():
            if not is_finite(gradient):
                raise why_gradient_not_finite(self)
        return gradients

    def predict_in_batches(self, x, size=1000):
        """The scores for x, `size` samples at a time. Layers with a train_flg have it set to False.

        Warns if what the network returns for a sample depends on the other samples, or on chance.
        """
        x = np.atleast_1d(as_numbers(x))
        if len(x) == 0:
            raise wrong(ValueError, "at least one sample", "an empty batch")
        flagged = [layer for _, layer in all_layers(self.layers) if hasattr(layer, "train_flg")]
        flags = [(layer.train_flg, "train_flg" in kept_by(layer)) for layer in flagged]
        scores = None
        try:
            for layer in flagged:
                layer.train_flg = False
            alone = self.predict(x[: 2 if len(x) > 2 else 1])
            scores = [self.predict(x[i : i + size]) for i in range(0, len(x), size)]
            if differ(scores[0][: len(alone)], alone):
                warn_of_mixing(self, x[:size])
        except ValueError as error:
            failed = error
        finally:
            for layer, (flag, is_own) in zip(flagged, flags):
                layer.train_flg = flag
                if not is_own and "train_flg" in kept_by(layer):
                    del layer.train_flg  # so that the class's counts again
        if scores is None:
            self.predict(x)  # whose error speaks of all of x
            raise failed
        return np.concatenate(scores)

    # What can't work

    def __setattr__(self, name, value):
        if name == "layers":
            if value or not hasattr(value, "items"):  # the book fills an empty one afterwards
                check_chain(value)
            for layer_name, layer in value.items():
                check_is_layer(layer_name, layer)
        elif name == "lastLayer":
            check_is_layer(name, value, last=True)
            check_no_parameters(name, value, vars(self).get("layers", {}))
        elif name.replace("_", "").lower() == "lastlayer":
            raise wrong(AttributeError, "network.lastLayer = ...", f"network.{name} = ...")
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
        return {name: value for name, value in vars(self).items() if name != "_params"}


class WithoutDx:
    """An Affine that stands first, as backward sees it."""

    def __init__(self, layer):
        self.layer = layer

    def backward(self, dout):
        self.layer.backward(dout, need_dx=False)


class blame:
    """Around calls of layers: an error in one begins with its name.

    Which layer it was, and what it was given, is read from the variables of the method that called
    it (layer, x, scores, dout), and only once something has failed. NumPy's warnings of overflow
    are silent meanwhile, since what isn't finite is an error afterwards.
    """

    __slots__ = ("network", "quiet")

    def __init__(self, network):
        self.network = network

    def __enter__(self):
        self.quiet = np.errstate(all="ignore")
        self.quiet.__enter__()

    def __exit__(self, _, error, traceback):
        self.quiet.__exit__(None, None, None)
        if isinstance(error, Exception):
            hide_our_frames()
            variables = traceback.tb_frame.f_locals
            layer = variables.get("layer", self.network.lastLayer)
            layer = layer.layer if type(layer) is WithoutDx else layer
            Call(self.network, layer, variables).explain(error)


class Call:
    """A call of a layer that has failed: its forward or, where there is a dout, its backward."""

    def __init__(self, network, layer, variables):
        self.layer, self.method = layer, "backward" if "dout" in variables else "forward"
        self.given = variables.get("dout", variables.get("scores", variables.get("x")))
        order = [*network.layers.items(), ("lastLayer", network.lastLayer)]
        order = order[::-1] if self.method == "backward" else order
        # A layer that has been replaced while it worked has no place, and its kind for a name.
        place = next((i for i, (_, each) in enumerate(order) if each is layer), 0)
        self.name = order[place][0] if order[place][1] is layer else kind(layer)
        self.before = order[place - 1][0] if place else None

    def explain(self, error):
        """Raise what was really wrong, or put the layer's name before the error's message."""
        if self.given is None:
            check_returned(self.before, None, self.method)
        check_is_layer(self.name, self.layer, [self.method], last=self.name == "lastLayer")
        text = str(error)
        name, hint = self.name, ""
        if isinstance(error, IndexError) and "integer" in text:
            hint = "; x arrives as floats, so write x.astype(int)"
        elif isinstance(error, ValueError) and self.before and not text.startswith("expected"):
            name = f"{name}, after {self.before}"
        if not error.args:
            error.args = (f"{name}: {kind(error)}",)
        elif text == error.args[0]:
            error.args = (f"{name}: {text}{hint}", *error.args[1:])
        elif hasattr(error, "add_note"):  # from Python 3.11 on
            error.add_note(f"in {name}")


def check_returned(name, out, method="forward"):
    if out is None:
        came = "None; no return?"
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


def why_gradient_not_finite(network):
    """The error for a backward that made nan or inf: it names the first layer that did."""
    names, dout = ["lastLayer", *reversed(network.layers)], 1
    parameters = find_parameters(network.layers).values()
    for name, layer in zip(names, network.in_reverse()):
        with np.errstate(all="ignore"), contextlib.suppress(Exception):  # a second time may fail
            dout = layer.backward(dout)
        own = [found.gradient for found in parameters if found.layer_name == name]
        if not all(map(is_finite, [*own, 0 if dout is None else dout])):
            break
    hint = "does it divide by 0, as the derivative of a root does at 0?"
    return wrong(FloatingPointError, "finite gradients from backward", "nan or inf", hint, name)


def as_loss(loss):
    """What lastLayer returned, if it is one finite number."""
    if type(loss) is not float and (loss is None or np.ndim(loss) != 0):
        came = "None; no return?" if loss is None else f"shape {np.shape(loss)}; return its mean"
        raise wrong(TypeError, "forward to return one number", came, at="lastLayer")
    if not math.isfinite(loss):
        came = f"{loss}; train with a smaller learning rate"
        raise wrong(FloatingPointError, "a finite loss", came, at="lastLayer")
    return loss


def differ(scores, alone):
    return not np.allclose(scores, alone, rtol=1e-2, atol=1e-2 * np.abs(alone).max())


def warn_of_mixing(network, x):
    """Name the layer that mixes the samples. A copy is searched, so that caches stay."""
    x, mixing = network.as_input(x), "network"
    alone = x[: 2 if len(x) > 2 else 1]
    with contextlib.suppress(Exception):  # predict may be one's own, and a layer without a copy
        for name, layer in copy.deepcopy(network.layers).items():
            x, alone = layer.forward(x), layer.forward(alone)
            if differ(x[: len(alone)], alone):
                mixing = name
                break
    warnings.warn(
        f"{mixing}: expected the output for a sample to depend on nothing else, got another "
        "one in a batch than alone; let forward look at self.train_flg, which accuracy "
        "sets to False, as the guide ch05/README.md shows",
        stacklevel=4,
    )
