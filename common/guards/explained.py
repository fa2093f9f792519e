"""What went wrong in a method of a network: the error is explained afterwards, with its layer.

What NumPy refuses by itself costs nothing to guard: the layer is found from the traceback. What it
would only warn of is noted during the call. If nan or inf comes out, the layers are called again.
"""

import contextlib
import math

import numpy as np

from common.guards.arguments import (
    as_floats,
    check_is_layer,
    check_returned,
    is_finite,
    kind,
    wrong,
)
from common.guards.learnt import find_parameters, made_by_forward
from common.guards.untouched import is_ours, kept_by

SEEN = {  # what NumPy would warn of, in words
    "divide by zero": "it divides by 0, or takes the log of 0",
    "overflow": "it overflows: a number is too large for a float",
    "invalid value": "it computes what has no value, such as 0 / 0",
}

SEARCH = "common.guards.learnt"  # its functions take a layer first, too


def noting(noted):
    """In a with statement: what NumPy would warn of becomes a key of the dict noted, "overflow"."""
    return np.errstate(all="call", under="ignore", call=noted.setdefault)


def in_words(noted):
    """The end of a sentence."""
    return next((f"; {words}" for name, words in SEEN.items() if name in noted), "")


def explained(network, error, x, t=None, *more):
    """The error that is to be raised: with the name of its layer, or what was really wrong."""
    if hasattr(error, "is_explained"):
        return error
    try:
        error = what_was_wrong(network, error, x, t)
    except Exception as other:  # what was really wrong, if it is one of our sentences
        error = other if hasattr(other, "is_sentence") else error
    error.is_explained = True
    return error


def what_was_wrong(network, error, x, t):
    order = [*network.layers.items(), ("lastLayer", network.lastLayer)]
    place, method, given = found_in(error.__traceback__, [layer for _, layer in order])
    if place is None:
        for name, layer in order:  # perhaps the call itself failed
            check_is_layer(name, layer, last=name == "lastLayer")
        return why_no_accuracy(network, error, x, t) if hasattr(error, "is_about_t") else error
    (name, layer), is_plain = order[place], network.is_plain()
    if lacks := lacking(layer, error):
        return wrong(TypeError, f"{lacks} as an array", "None", at=name)
    neighbour = place + (1 if method == "backward" else -1)
    before = order[neighbour][0] if is_plain and 0 <= neighbour < len(order) else ""
    if before and (given is None or is_ours(layer) and isinstance(given, (tuple, list))):
        find_parameters(network.layers)  # an error, if one layer has two places
        check_returned(before, given, method)
    if isinstance(error, (ValueError, FloatingPointError)):
        check_outputs(network, x, t)
    return named(error, name, before)


def why_no_accuracy(network, error, x, t):
    """The error for labels that accuracy can't use."""
    check_outputs(network, x, t)
    if is_ours(network.lastLayer):
        return error
    came = f"others: those of {kind(network.lastLayer)}"
    hint = "for targets that are no classes look at network.loss(x, t)"
    if np.isin(t, (-1, 0, 1)).all():
        hint = "if a score above 0 means yes, it is np.mean((network.predict(x) > 0) == "
        hint += "(np.reshape(t, (len(x), -1)) > 0))"
    return wrong(ValueError, "class numbers or one-hot rows t", came, hint, at="accuracy")


def found_in(traceback, layers):
    """(its place among layers, forward or backward, what it was given) of the call that failed.

    It is the outermost call whose first argument is one of the layers; None if there is none.
    """
    places = {id(layer): place for place, layer in enumerate(layers)}
    while traceback:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        is_call = names and frame.f_globals.get("__name__") != SEARCH
        place = places.get(id(frame.f_locals.get(names[0]))) if is_call else None
        if place is not None:
            method = "backward" if "backward" in frame.f_code.co_name else "forward"
            return place, method, frame.f_locals.get(names[1], True) if names[1:] else True
    return None, "", True


def lacking(layer, error):
    """The name of what the layer should have learnt, if an error says that it is None; or ""."""
    if "NoneType" not in str(error) and "does not have enough dimensions" not in str(error):
        return ""
    kept, made = kept_by(layer), made_by_forward(type(layer))
    names = (name for name, value in kept.items() if value is None and f"d{name}" in kept)
    return next((name for name in names if name not in made), "")


def named(error, name, before):
    """The error, with the layer's name before its message."""
    text = str(error)
    if error.args not in ((), (text,)):  # a KeyError, for instance, where str adds quotes
        return error
    if before and text.startswith("expected x of shape"):  # x comes from a layer: no hint
        text = f"{text.partition(';')[0]} from {before}"
    elif before and text.startswith("expected dout of shape"):
        text = text.replace(";", f" from {before};") if ";" in text else f"{text} from {before}"
    elif isinstance(error, IndexError) and "integer" in text and name != "lastLayer":
        text += "; x arrives as floats, so write x.astype(int)"
    error.args = (f"{name}: {text or kind(error)}",)
    return error


def check_outputs(network, x, t=None):
    """Call the layers once more, and raise an error for the first whose output can't be right.

    That is one with nan or inf, if NumPy would warn of it or it comes out at the end; or one with
    more rows than samples, or fewer if t has a label for each. (N, T) may become N * T rows.
    """
    x, first = np.array(as_floats(x, network.dtype), ndmin=1), None
    N, most = len(x), math.prod(x.shape[:2])
    fewest = N if hasattr(t, "__len__") and len(t) == N else 1
    with network.untouched():
        for name, layer in network.layers.items() if network.is_plain() else ():
            noted = {}
            try:
                with noting(noted):
                    out = layer.forward(x)
            except FloatingPointError as error:
                raise not_finite(name, layer, noted) from error
            except ValueError:
                if first:
                    raise first from None  # which it refuses
                return
            check_returned(name, out)
            if not is_finite(out):
                first = first or not_finite(name, layer, noted)
                if noted:
                    raise first
            rows = len(out) if np.ndim(out) else 0
            if rows < fewest or rows > N and rows != most:
                came = f"{rows} rows" if rows else "one number"
                raise wrong(ValueError, f"a row for each of {N} samples", came, at=name)
            x = out
    if first and not is_finite(x):
        raise first


def not_finite(name, layer, noted):
    """The error for a layer that made nan or inf of finite numbers."""
    hint, parameters = in_words(noted), find_parameters({name: layer}).values()
    largest = np.max([np.abs(each.array).max() for each in parameters], initial=0)  # nan, if any is
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
            noted = {}
            with noting(noted):
                dout = layer.backward(dout)
            own = [each.gradient for each in parameters if each.place == name]
            if not all(map(is_finite, [*own, 0 if dout is None else dout])):
                break
    came = f"nan or inf{in_words(noted)}"
    return wrong(FloatingPointError, "finite gradients from backward", came, at=name)
