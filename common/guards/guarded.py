"""@guarded: what is looked at before and after the mathematics of a page.

It stands on functions, on classes of layers, and on methods of Network. Before the call it turns x
into floats, and refuses what NumPy would let pass without a word, such as a dout that would be
stretched (broadcast). What NumPy refuses by itself is explained afterwards. A class that comes from
a guarded one may override what it likes: its own methods aren't guarded.
"""

import contextlib
import functools
import inspect
import math
import os
import traceback
import types

import numpy as np

from common.guards.arguments import (
    as_finite,
    as_floats,
    as_parameters,
    check_differentiable,
    check_is_layer,
    check_returned,
    hide_our_frames,
    is_finite,
    kind,
    like,
    number_of,
    on_page,
    why_not_rows,
    wrong,
)
from common.guards.learnt import find_parameters
from common.guards.untouched import is_ours

HERE = os.path.dirname(__file__), contextlib.__file__


def guarded(thing):
    """The same function, class of layers or method of a network, with its guards."""
    if isinstance(thing, type):
        return guarded_layer(thing)
    first = next(iter(inspect.signature(thing).parameters))
    if first == "self":
        return guarded_method(thing)
    return guarded_difference(thing) if first == "f" else guarded_function(thing, first)


def guarded_function(function, name):
    """A function of an array of floats called `name`, and perhaps of more."""

    @functools.wraps(function)
    def wrapper(x=None, *more, **options):
        if x is None:
            x = options.pop(name, None)  # as in cross_entropy_error(y=y, t=t)
        out = function(as_floats(x, None, name), *more, **options)
        return out if type(out) is np.ndarray else float(out)

    return wrapper


def guarded_difference(numerical_gradient):
    """numerical_gradient(f, x): f must return one finite number, the same each time."""

    @functools.wraps(numerical_gradient)
    def wrapper(f, x):
        check_differentiable(x, "x")
        before = x.copy()
        try:
            if number_of(f(x)) != number_of(f(x)) or not np.array_equal(x, before):
                hint = "does f draw random numbers, or write into x?"
                raise wrong(ValueError, "the same f(x) for the same x", "another", hint)
            return numerical_gradient(lambda x: number_of(f(x)), x)
        finally:
            x[...] = before

    return wrapper


# Layers


def guarded_layer(cls):
    """Guards around its methods, and a short repr."""
    cls.forward, cls.backward = guarded_forward(cls.forward), guarded_backward(cls.backward)
    if on_page(cls) == "Affine":
        init = cls.__init__
        cls.__init__ = functools.wraps(init)(lambda self, W, b: init(self, *as_parameters(W, b)))
    cls.__repr__ = vars(cls).get("__repr__", described)
    return cls


def described(self):
    """Affine(784 -> 50), or Relu()."""
    return f"{kind(self)}({' -> '.join(map(str, np.shape(vars(self).get('W'))))})"


def guarded_forward(method):
    """x becomes an array of floats, in the dtype of W. An error if nan or inf comes out."""
    is_affine = on_page(method) == "Affine.forward"
    # These make finite numbers of finite ones, so that no look is needed.
    stays_finite = on_page(method) in ("Relu.forward", "Sigmoid.forward")

    @functools.wraps(method)
    def forward(self, x, *t, **options):
        kept = self.__dict__
        W = kept.get("W")
        x = as_floats(x, None if W is None else W.dtype)
        try:
            # Without *t and **options the call is faster: in deep networks it shows.
            out = method(self, x, *t, **options) if t or options else method(self, x)
        except (ValueError, TypeError) as error:
            kept.pop("_out", None)  # what it has kept may be of two calls
            raise why_not_rows(x, W, error) if is_affine else error from None
        is_array = type(out) is np.ndarray
        if not is_array:  # the loss, or what comes out of one number
            out = float(out)
        kept["_out"] = (out.shape if is_array else ()), x.dtype
        if not (stays_finite or is_finite(out)):
            as_finite(x)
            hint, largest = "", 0 if W is None else np.abs(W).max()
            if not largest < 1e3:  # it may be nan
                hint = f"W is up to {largest:.3g}: if it was trained, use a smaller learning rate"
            raise wrong(FloatingPointError, "finite numbers from forward", "nan or inf", hint)
        return out

    return forward


def guarded_backward(method):
    """dout must have the shape of out. (Where forward is one's own, that isn't known.)"""

    @functools.wraps(method)
    def backward(self, dout=1):
        if out := self.__dict__.get("_out"):
            shape, dtype = out
            if type(dout) is not np.ndarray or dout.shape != shape or dout.dtype is not dtype:
                dout = like(dout, shape, dtype)
        elif hasattr(type(self).forward, "__wrapped__"):
            raise AttributeError(f"{kind(self)}: call forward before backward")
        return method(self, dout)

    return backward


# Methods of Network


def guarded_method(method):
    """Its guard stands in chain.py. An error of it is explained."""
    name = f"guarded_{method.__name__}"

    @functools.wraps(method)
    def wrapper(self, x, *t, **options):
        guard = getattr(self, name)
        if "_call" in vars(self):  # another guarded method calls it
            return guard(method, x, *t, **options)
        more = [*t, *options.values()]
        call = vars(self)["_call"] = types.SimpleNamespace(noted={}, x=None, more=more)
        try:
            with noting(call.noted):
                result = guard(method, x, *t, **options)
            if call.noted:
                look_again(self, call)
            return result
        except Exception as error:
            hide_our_frames(error.__traceback__)
            error = explained(self, error, call)
            error.__suppress_context__ = True
            raise error.with_traceback(without_guards(error.__traceback__))  # noqa: B904
        finally:
            vars(self).pop("_call", None)

    return wrapper


def noting(noted):
    """In a with statement: what NumPy would warn of becomes a key of the dict noted, "overflow"."""
    return np.errstate(all="call", under="ignore", call=noted.setdefault)


def in_words(noted):
    return f" ({', '.join(noted)})" if noted else ""


def without_guards(step):
    """The traceback without the lines of this folder, and of the with statements in it."""
    steps, rest = [], None
    while step:
        steps, step = [step, *steps], step.tb_next
    for step in steps:
        if not step.tb_frame.f_code.co_filename.startswith(HERE):
            step.tb_next, rest = rest, step
    return rest


def explained(network, error, call):
    """The error that is to be raised: with the name of its layer, or what was really wrong."""
    if getattr(error, "is_explained", False):
        return error
    kept = vars(network)  # perhaps without layers
    order = [*kept.get("layers", {}).items(), ("lastLayer", kept.get("lastLayer"))]
    place, method = found_in(error, [layer for _, layer in order])
    try:
        if place is None:  # perhaps the call itself failed
            for name, layer in order:
                check_is_layer(name, layer, last=name == "lastLayer")
        if isinstance(error, (ArithmeticError, AttributeError, IndexError, TypeError, ValueError)):
            look_again(network, call, method)
    except Exception as other:
        if getattr(other, "is_explained", False):  # one of our sentences
            return other
    text = str(error)
    if place and text.startswith("expected x of shape"):  # a hint is for the caller's x
        text = text.partition(";")[0]
        text += f" from {order[place - 1][0]}" if network.is_plain() else ""
    if place is not None and all(each is str(error) for each in error.args):  # but not numbers
        error.args = (f"{order[place][0]}: {text or kind(error)}",)
    error.is_explained = True
    return error


def found_in(error, layers):
    """(place among layers, forward or backward) of the call that failed; None if none did.

    It is the outermost call whose first argument is one of the layers.
    """
    places = {id(layer): place for place, layer in enumerate(layers)}
    for frame, _ in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else layers
        if id(first) in places:
            return places[id(first)], "backward" if "backward" in code.co_name else "forward"
    return None, "forward"


def look_again(network, call, method="forward"):
    """Call the layers once more, and raise an error for the first that returns what can't be right.

    That is nan or inf, or another number of rows than of samples or labels. ((N, T) may become
    N * T rows.) What a later layer mends is right, as the -inf of a mask, unless NumPy would warn
    of it. call.x is what predict was given: a loss of one's own may have changed it.
    """
    if method == "backward":
        order, given = [("lastLayer", network.lastLayer), *reversed(network.layers.items())], 1
    elif is_finite(call.x):
        order, given = network.layers.items(), np.array(call.x, ndmin=1)
        rows = [given.shape[:1], (math.prod(given.shape[:2]),)]
        rows += [np.shape(t)[:1] for t in call.more if np.ndim(t)]
    else:
        return
    is_batch = method == "forward" and np.ndim(call.x) > 1  # else one sample
    parameters, before, fault = find_parameters(network.layers).values(), "", None
    with network.untouched():
        for name, layer in order:
            noted = {}
            try:
                with noting(noted):
                    out = getattr(layer, method)(given)
            except Exception:  # it refuses what it is given
                if given is None or is_ours(layer):
                    check_returned(before, given, method)
                break
            shape = () if isinstance(out, float) else getattr(out, "shape", None)
            made = [out]
            if method == "backward":
                made += [each.gradient for each in parameters if each.place == name]
            if not all(is_finite(each) for each in made if isinstance(each, (np.ndarray, float))):
                came = f"nan or inf{in_words(noted)}"
                error = wrong(FloatingPointError, f"finite numbers from {method}", came, at=name)
            elif is_batch and shape is not None and shape[:1] not in rows:
                came = f"shape {shape}"
                error = wrong(ValueError, f"a row for each of {len(call.x)} samples", came, at=name)
            else:
                error = None
            fault = fault if type(fault) is type(error) else error
            if isinstance(error, FloatingPointError) and (noted or method == "backward"):
                break
            before, given = (before if out is given else name), out  # it may only pass it on
        else:
            if method == "forward":
                check_returned(before, given)
    if fault:
        raise fault
