"""What stands around the calls of the layers, so that network.py can be the chain alone.

Chain is the base class of Network: it holds the layers and their parameters, and answers what
can't work. Which layer an error came from is found in explained.py.
"""

import contextlib
import inspect
import math
import types
import warnings

import numpy as np

from common import files
from common.guards.arguments import (
    FLOATS,
    as_finite,
    as_floats,
    as_numbers,
    check_differentiable,
    check_returned,
    is_finite,
    short,
    wrong,
)
from common.guards.explained import check_outputs, in_words, why_gradient_not_finite
from common.guards.learnt import find, find_parameters, left_in_place, set_train_flg
from common.guards.params import Params, check_no_parameters, check_parameters
from common.guards.untouched import is_ours, untouched


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
        if {*values} != {*self.params}:
            hint = "to set some, call params.update"
            raise wrong(ValueError, f"the keys {short([*self.params])}", short([*values]), hint)
        self.params.update(values)

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
            sizes[found.place] += np.size(found.array)
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
        batch = np.asarray if self.is_plain() else np.array  # another predict may write into x
        starts = range(0, max(len(x), 1), size)  # one batch at least, for which predict has words
        with self.untouched():
            set_train_flg(self.layers, False)
            try:  # copies, since a layer may use its out again
                scores = [np.array(self.predict(batch(x[i : i + size]))) for i in starts]
            except ValueError:
                as_finite(x, self.dtype)  # names the place in all of x
                self.predict(x)  # names the shape of all of x
                raise
            self.warn_if_mixed(x[:size], scores[0])
        return np.concatenate(scores)

    def untouched(self):
        """In a with statement: a look that leaves no trace in the layers."""
        return untouched(*self.layers.values(), self.lastLayer)

    @contextlib.contextmanager
    def unguarded(self):
        """In a with statement: loss without guards, unless it, predict or a layer is one's own."""
        layers, bare = [*self.layers.values(), self.lastLayer], []
        if self.is_plain() and self.is_plain("loss") and all(map(is_ours, layers)):
            bare = [(self, "predict"), (self, "loss"), *((layer, "forward") for layer in layers)]
        with contextlib.ExitStack() as afterwards:
            for thing, name in bare:
                if name not in vars(thing):
                    afterwards.callback(vars(thing).pop, name, None)
                    guard = getattr(type(thing), name)
                    vars(thing)[name] = types.MethodType(inspect.unwrap(guard), thing)
            yield

    # @guarded calls these in the place of a method. They pass all arguments on: Python refuses
    # what the method doesn't take.

    def guarded_predict(self, predict, noted, dtype, x, *more, **options):
        order = [*self.layers.values()]
        first, last = is_ours(order[0]), is_ours(order[-1])
        x = as_floats(x, dtype)
        if first != "Affine":  # which looks for nan and inf itself
            x = as_finite(x) if first else as_finite(x).copy()  # it may write into x
        scores = predict(self, x, *more, **options)
        is_fine = type(scores) is np.ndarray and len(scores) == len(x)
        if noted or not is_fine or not (last == "Affine" or is_finite(scores)):
            check_outputs(self, x)
            if not is_finite(scores):
                raise wrong(FloatingPointError, "finite scores", "nan or inf", at="network")
        return scores if last == "Affine" else scores.copy()  # a layer may use its out again

    def guarded_loss(self, loss, noted, dtype, x, *t, **options):
        result = loss(self, as_floats(x, dtype), *t, **options)
        if type(result) is not float:
            check_returned("lastLayer", result, what="one number")
            if np.ndim(result):
                came = f"{np.shape(result)}; return its mean"
                raise wrong(TypeError, "forward to return one number", came, at="lastLayer")
        if not math.isfinite(result):
            came = f"{result} from finite scores{in_words(noted)}"
            raise wrong(FloatingPointError, "a finite loss", came, at="lastLayer")
        return float(result)

    def guarded_accuracy(self, accuracy, noted, dtype, x, *t, **options):
        return float(accuracy(self, x, *t, **options))

    def guarded_gradient(self, gradient, noted, dtype, x, *t, **options):
        x = as_floats(x, dtype)
        is_plain = all(map(is_ours, self.layers.values()))
        first = next(iter(self.layers.values()))
        leaves_out = is_ours(first) == "Affine" and "backward" not in vars(first)
        try:
            if leaves_out:  # a first Affine leaves out its dx, a fifth of a training
                first.need_dx = False
            with contextlib.nullcontext() if is_plain else left_in_place(self.layers):
                gradients = gradient(self, x, *t, **options)
        finally:
            if leaves_out:
                vars(first).pop("need_dx", None)
        if not all(map(is_finite, gradients.values())):
            raise why_gradient_not_finite(self)
        return gradients

    def guarded_numerical_gradient(self, numerical_gradient, noted, dtype, x, *t, **options):
        for key, array in self.params.items():
            check_differentiable(array, f"params[{key!r}]")
        x = as_floats(x, dtype).copy()
        with self.untouched():
            with left_in_place(self.layers):
                self.loss(x, *t, **options)  # with its guards; then without, thousands of times
            with self.unguarded():
                return numerical_gradient(self, x, *t, **options)

    def is_plain(self, name="predict"):
        """Is predict that of Network, along the chain? Or another method?"""
        return name not in vars(self) and getattr(type(self), name).__module__ == "common.network"

    def warn_if_mixed(self, x, scores):
        """Warn if the first samples alone get other scores than among others; name the layer."""
        x, name = as_floats(x, self.dtype).copy(), "network"
        alone = x[: 2 if len(x) > 2 else 1].copy()
        if "_mixed" in vars(self) or len(scores) != len(x):
            return
        try:
            if not differ(scores, self.predict(alone)):
                return
        except ValueError:  # some layers take batches of one size only
            return
        vars(self)["_mixed"] = True
        for name, layer in self.layers.items() if self.is_plain() else ():  # noqa: B007
            x, alone = layer.forward(x), layer.forward(alone)
            if differ(x, alone):
                break
        warnings.warn(
            f"{name}: expected the same output for a sample alone as in a batch, got another; if "
            "it works differently in training, let forward look at self.train_flg, which accuracy "
            "sets to False; or does a reshape mix samples?",
            stacklevel=6,
        )

    # What can't work

    def __setattr__(self, name, value):
        if name == "layers":
            if value:  # the book fills an empty one afterwards
                find(value)
        elif name == "lastLayer":
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
        own = ("_params", "_within")
        return {name: value for name, value in vars(self).items() if name not in own}


def differ(scores, alone):
    scores = scores[: len(alone)]
    return not np.allclose(scores, alone, rtol=1e-2, atol=1e-2 * np.abs(alone).max())
