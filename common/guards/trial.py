"""What is learnt, where the code of forward doesn't tell: an array is moved, and forward called.

This concerns arrays with a gradient beside them, in layers of one's own. A little moved, a copy
takes the place of such an array. If forward leaves it there, it is learnt. If forward puts or
writes something else there, and the output is the same, that is made from x at each call: a cache.
Else it is made from the old one, which is refused. Where the output is another at each call, by
chance, it tells nothing. Then the copy is all nan, and what is made from it has nan in it, too.
"""

import contextlib

import numpy as np

from common.guards.arguments import wrong
from common.guards.learnt import find, is_float_array, is_in, written_first
from common.guards.untouched import is_ours, kept_by, move, untouched


def decide(owner, layers, forward):
    """Write down in each layer of one's own what it learns. Otherwise all is as before.

    forward() calls the layers, which owner holds. False if it fails, so that nothing is known.
    """
    found, doubtful = find(layers), None
    own = [layer for _, layer, _ in found if not is_ours(layer)]
    names = [name for layer in own for name in (*kept_by(layer), *written_first(type(layer)))]
    if not any(name.startswith("d") for name in names):
        return True
    with attempt(owner):
        forward()  # it may build what it keeps
        doubtful, out = undecided(found), np.array(forward())
        if doubtful and not np.array_equal(forward(), out):
            out = None
    for each in doubtful or ():
        try_with_another(owner, forward, out, *each)
    return doubtful is not None


def undecided(found):
    """[(place, layer, name, array), ...] of arrays beside a gradient of which nothing is known."""
    return [
        (place, layer, name, value)
        for place, layer, _ in found
        if not is_ours(layer)
        for name, value in kept_by(layer).items()
        if is_float_array(value) and f"d{name}" in kept_by(layer)
        if name not in kept_by(layer).get("_learnt", ())
    ]


def try_with_another(owner, forward, out, place, layer, name, array):
    moved, was, stays = np.array(array), kept_by(layer).get(name), None
    move(moved)
    if out is None:
        moved[...] = np.nan
    numbers = moved.copy()
    with attempt(owner, array):
        forward()
        if is_in(kept_by(layer).get("params"), array):  # from where forward may take it
            array[...] = moved
            moved = array
        setattr(layer, name, moved)
        is_new = made_new(forward, out, layer, name)
        is_written = not np.array_equal(moved, numbers, equal_nan=True)
        stays = getattr(layer, name) is moved and not (is_new and is_written)
    if stays and not is_float_array(was):
        came = "it only in forward; build it in __init__"
        raise wrong(TypeError, f"{name} from the start", came, at=place)
    if stays is False and is_float_array(was) and not is_new:
        came = f"another one made from it; if {name} isn't learnt, call its gradient grad_{name}"
        raise wrong(TypeError, f"forward to leave {name} in place", came, at=place)
    if stays is not None:
        vars(layer)["_learnt"] = kept_by(layer).get("_learnt", {}) | {name: stays}


def made_new(forward, out, layer, name):
    """Has forward left something there that isn't made from what was there before?"""
    if out is not None:
        return np.array_equal(forward(), out)
    with contextlib.suppress(FloatingPointError):  # nan may come out
        forward()
    return not np.isnan(getattr(layer, name)).any()


@contextlib.contextmanager
def attempt(*things):
    """It leaves no trace. If it fails, so will the call that follows, and say why."""
    with contextlib.suppress(Exception), untouched(*things), np.errstate(all="ignore"):
        yield
