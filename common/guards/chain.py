"""What stands around the calls of the layers, so that network.py can be the chain alone.

Which layer an error came from is found in guarded.py.
"""

import contextlib
import copy
import inspect
import math
import types
import warnings

import numpy as np

from common import files
from common.guards.arguments import as_finite, as_floats, as_numbers, is_finite, short, wrong
from common.guards.guarded import in_words, look_again
from common.guards.learnt import find, find_parameters, left_in_place, set_train_flg
from common.guards.params import Params, check_no_parameters
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
        if is_ours(first) == "Affine":  # the usual case, quickly
            return first.W.dtype
        found = find_parameters(self.layers).values()
        return next((np.asarray(each.array).dtype for each in found), np.dtype(np.float64))

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
        for name, layer in [*self.layers.items(), ("lastLayer", self.lastLayer)]:
            text = type(layer).__name__ if repr(layer).startswith("<") else repr(layer)
            count = f"{sizes[name]:,}" if sizes.get(name) else ""
            lines.append(f"  {name:10} {text:22} {count:>10}".rstrip())
        return "\n".join(lines)

    # What Network's methods call

    def collect_gradients(self):
        """{"W1": dL/dW1, ...}, as backward left them in the layers."""
        return self.params.gradients()

    def predict_in_batches(self, x, size=1000):
        """The scores for x, `size` samples at a time. Afterwards the layers are as before.

        The train_flg of a layer such as Dropout (chapter 6) is False during this call. Warns if
        the scores of a sample depend on the other samples, or on chance.
        """
        x = np.atleast_1d(as_numbers(x))
        vars(self).pop("_call", None)  # predict of a batch has all its guards
        batch = np.asarray if self.is_plain() else np.array  # another predict may write into x
        starts = range(0, max(len(x), 1), size)  # one batch at least, for which predict has words
        with self.untouched():
            set_train_flg(self.layers, False)
            try:  # copies, since a layer may use its out again
                scores = [np.array(self.predict(batch(x[i : i + size]))) for i in starts]
            except ValueError:
                as_finite(x)  # names the place in all of x
                raise
            self.warn_if_mixed(x[:size], scores[0])
        return np.concatenate(scores)

    def untouched(self):
        """In a with statement: a look that leaves no trace in the layers."""
        return untouched(*self.layers.values(), self.lastLayer)

    def without_guards(self):
        """For a look, within `untouched`: a bare network of the same layers, if all are ours."""
        layers, bare = [*self.layers.values(), self.lastLayer], copy.copy(self)
        if not (self.is_plain() and self.is_plain("loss") and all(map(is_ours, layers))):
            return self
        methods = [(bare, "predict"), (bare, "loss"), *((layer, "forward") for layer in layers)]
        for thing, name in methods:
            method = inspect.unwrap(getattr(type(thing), name))
            vars(thing).setdefault(name, types.MethodType(method, thing))
        return bare

    def is_plain(self, name="predict"):
        """Is predict that of Network, along the chain? Or another method?"""
        return name not in vars(self) and getattr(type(self), name).__module__ == "common.network"

    def warn_if_mixed(self, x, scores):
        """Warn once if the first samples alone get other scores than among others."""
        x = as_floats(x, self.dtype).copy()
        alone, name = x[:2].copy(), "network"
        try:
            is_fine = "_mixed" in vars(self) or are_close(scores, self.predict(alone))
        except ValueError:  # some layers take batches of one size only
            return
        if is_fine or len(scores) != len(x):
            return
        vars(self)["_mixed"] = True
        for name, layer in self.layers.items() if self.is_plain() else ():  # noqa: B007
            x, alone = layer.forward(x), layer.forward(alone)
            if not are_close(x, alone):
                break
        warnings.warn(
            f"{name}: expected the same output for a sample alone as in a batch, got another; if "
            "it works differently in training, let forward look at self.train_flg, which accuracy "
            "sets to False; or does a reshape mix samples?",
            stacklevel=6,
        )

    # @guarded calls these in the place of a method. They pass all arguments on: Python refuses
    # what the method doesn't take.

    def guarded_predict(self, predict, x, *more, **options):
        x, order = as_floats(x, self.dtype), [*self.layers.values()]
        self._call.x = x
        first, last = is_ours(order[0]), is_ours(order[-1])
        if first != "Affine":  # which looks for nan and inf itself, and doesn't write into x
            x = as_finite(x).copy()
        scores = predict(self, x, *more, **options)
        is_fine = type(scores) is np.ndarray and len(scores) == len(x)
        if not is_fine or not (last == "Affine" or is_finite(scores)):
            look_again(self, self._call)
        return scores if last == "Affine" else copy.copy(scores)  # a layer may use its out again

    def guarded_loss(self, loss, x, *t, **options):
        noted = self._call.noted
        result = loss(self, x, *t, **options)
        if not isinstance(result, (float, int)) and getattr(result, "shape", None) != ():
            raise wrong(TypeError, "forward to return one number", short(result), at="lastLayer")
        if not math.isfinite(result):
            came = f"{result} from finite scores{in_words(noted)}"
            raise wrong(FloatingPointError, "a finite loss", came, at="lastLayer")
        return float(result)

    def guarded_accuracy(self, accuracy, x, *t, **options):
        return float(accuracy(self, x, *t, **options))

    def guarded_gradient(self, gradient, x, *t, **options):
        is_plain = all(map(is_ours, self.layers.values()))
        first = next(iter(self.layers.values()), None)
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
            look_again(self, self._call, "backward")
            raise wrong(FloatingPointError, "finite gradients", "nan or inf", at="network")
        return gradients

    def guarded_numerical_gradient(self, numerical_gradient, x, *t, **options):
        x = as_floats(x, self.dtype)
        with self.untouched():
            with left_in_place(self.layers):
                self.loss(x, *t, **options)  # with its guards; then without, thousands of times
            return numerical_gradient(self.without_guards(), x, *t, **options)

    # What can't work

    def __setattr__(self, name, value):
        layers = vars(self).get("layers", {})
        if name == "layers" and (value or not hasattr(value, "items")):
            find(value)  # not of an empty one, which the book fills afterwards
        elif name == "lastLayer":
            check_no_parameters(name, value, layers)
        elif name.replace("_", "").lower() == "lastlayer":
            raise wrong(AttributeError, "network.lastLayer = ...", f"network.{name} = ...")
        elif name == "train_flg" and any(hasattr(each, name) for each in layers.values()):
            hint = "accuracy sets it to False for you; to predict, set that of the layer"
            raise wrong(AttributeError, "the train_flg of a layer", "one of the network", hint)
        elif name[-1:].isdigit() and layers and name in self.params:
            raise wrong(AttributeError, f"network.params['{name}'] = ...", f"network.{name} = ...")
        super().__setattr__(name, value)

    def __getstate__(self):  # for copy and pickle: a copy has a Params of its own
        own = ("_params", "_call")
        return {name: value for name, value in vars(self).items() if name not in own}


def are_close(scores, alone):
    scores = scores[: len(alone)]
    return np.allclose(scores, alone, rtol=1e-2, atol=1e-2 * np.abs(alone).max())
