"""@guarded: what is looked at before and after the mathematics of a page.

It stands on functions, on classes of layers, and on methods of Network. Before the call it turns x
into floats, and refuses what NumPy would let pass without a word, such as a dout that would be
stretched (broadcast). What NumPy refuses by itself is explained afterwards. A class that comes from
a guarded one may override what it likes: its own methods aren't guarded.
"""

import functools
import inspect
import os

import numpy as np

from common.guards.arguments import (
    as_finite,
    as_floats,
    as_parameters,
    check_differentiable,
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
from common.guards.explained import explained, noting

HERE = os.path.dirname(__file__)


def guarded(thing):
    """The same function, class of layers or method of a network, with its guards.

    Which of them it is, is seen from its first parameter: self, or else an array.
    """
    if isinstance(thing, type):
        return guarded_layer(thing)
    first = next(iter(inspect.signature(thing).parameters))
    if first == "self":
        return guarded_method(thing)
    if thing.__name__ == "numerical_gradient":
        return guarded_difference(thing)
    return guarded_function(thing, first)


def without_guards(traceback):
    """The traceback without the lines of this folder."""
    steps, rest = [], None
    while traceback:
        steps, traceback = [traceback, *steps], traceback.tb_next
    for step in steps:
        if not step.tb_frame.f_code.co_filename.startswith(HERE):
            step.tb_next, rest = rest, step
    return rest


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
    """numerical_gradient(f, x): f must return one finite number, and leave x as it is."""

    @functools.wraps(numerical_gradient)
    def wrapper(f, x):
        if not callable(f):
            raise wrong(TypeError, "f as a function", f"{kind(f)}; write lambda x: before it")
        check_differentiable(x, "x")
        before = x.copy()
        try:
            if x.size and number_of(f(x)) != number_of(f(x)):
                hint = "if it draws random numbers, draw the same each time"
                raise wrong(ValueError, "the same f(x) for the same x", "another", hint)
            grad = numerical_gradient(lambda x: number_of(f(x)), x)
            if not np.array_equal(x, before):
                came = "a write into it; compute on x.copy()"
                raise wrong(ValueError, "f to leave x as it is", came)
            return grad
        finally:
            x[...] = before

    return wrapper


def guarded_layer(cls):
    """A class of layers: guards around its methods, a short repr, words for what it lacks."""
    cls.forward, cls.backward = guarded_forward(cls.forward), guarded_backward(cls.backward)
    if on_page(cls) == "Affine":
        init = cls.__init__
        cls.__init__ = functools.wraps(init)(lambda self, W, b: init(self, *as_parameters(W, b)))
    if "__repr__" not in vars(cls):
        cls.__repr__ = described
    cls.__getattr__ = missing
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
            check_returned("", out)
            out = float(out)
        kept["_out"] = (out.shape if is_array else ()), x.dtype
        if not (stays_finite and is_array or is_finite(out)):
            as_finite(x)
            raise wrong(FloatingPointError, "finite numbers from forward", "nan or inf")
        return out

    return forward


def guarded_backward(method):
    """dout must have the shape of out. (Where forward is one's own, that isn't known.)"""

    @functools.wraps(method)
    def backward(self, dout=1, *more, **options):
        out = self.__dict__.get("_out")
        if out or hasattr(type(self).forward, "__wrapped__"):
            shape, dtype = out or self._out
            if type(dout) is not np.ndarray or dout.shape != shape or dout.dtype is not dtype:
                dout = like(dout, shape, dtype)
        return method(self, dout, *more, **options) if more or options else method(self, dout)

    return backward


def missing(self, name):  # Python calls it only for an attribute that isn't there
    if name == "_out":
        raise AttributeError(f"{kind(self)}: call forward before backward")
    if hasattr(type(self), name):  # a property that fails
        return object.__getattribute__(self, name)
    has = [*(each for each in vars(self) if not each.startswith("_")), "forward", "backward"]
    raise AttributeError(f"{kind(self)} has no {name}; it has {', '.join(has)}")


def guarded_method(method):
    """A method of Network: its guard stands in chain.py, and explained.py explains its errors."""
    name = f"guarded_{method.__name__}"

    @functools.wraps(method)
    def wrapper(self, x, *t, **options):
        try:
            run = getattr(self, name)
            if within := vars(self).get("_within"):  # while another guarded method runs
                return run(method, *within, x, *t, **options)
            within = vars(self)["_within"] = {}, self.dtype
            try:
                with noting(within[0]):
                    return run(method, *within, x, *t, **options)
            finally:
                vars(self).pop("_within", None)
        except Exception as error:
            hide_our_frames()
            error = explained(self, error, x, *t)
            error.__suppress_context__ = True
            raise error.with_traceback(without_guards(error.__traceback__))  # noqa: B904

    return wrapper
