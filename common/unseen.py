"""What a check can't compare: arrays that change the output, and have no gradient.

A gradient check sees what is learnt. An array under another name, such as W beside d_W, isn't
learnt, so nothing would be said of it. Here such arrays are found, and the report names them.
"""

import types
from collections.abc import Mapping

import numpy as np

from common.mistakes import kind
from common.search import SEVERAL, in_class, is_float_array, kept_by

__all__ = ["unseen"]

FOREIGN = (type, types.ModuleType, types.FunctionType)  # what they hold isn't the owner's


def unseen(owner, params, f):
    """The names of arrays of floats that owner keeps, that aren't learnt, and that change f().

    Each is moved a little. What forward keeps for backward is written anew by f, so that it changes
    nothing. f must give copies of x away, since layers may keep x itself.
    """
    learnt = [array for array in params.values() if array.flags.writeable]
    values = [array.copy() for array in learnt]
    for array in learnt:
        move(array)  # a factor that starts at 0 would hide what it multiplies
    try:
        moved, before = moved_or_not(learnt, values, f)
        return [
            name
            for name, array in arrays_in(owner, kind(owner), set())
            if matters(array, learnt, moved, f, before)
        ]
    finally:
        write(learnt, values)


def moved_or_not(learnt, values, f):
    """The values of what is learnt, after the move, and f() there; or as before, if f fails."""
    try:
        return [array.copy() for array in learnt], f()
    except Exception:
        write(learnt, values)
        return values, f()


def arrays_in(thing, name, seen):
    """(name, array) for each array of floats in thing: in attributes, lists, objects, its class."""
    if id(thing) in seen or isinstance(thing, FOREIGN):
        return
    seen.add(id(thing))
    if is_float_array(thing) and thing.flags.writeable:
        yield name, thing
    held = {f"{name}.{key}": each for key, each in kept_by(thing).items() if key != "_params"}
    held |= {f"{name}.{key}": each for key, each in in_class(type(thing))}
    if isinstance(thing, SEVERAL):
        pairs = thing.items() if isinstance(thing, dict) else enumerate(thing)
        held |= {f"{name}[{key!r}]": each for key, each in pairs}
    if hasattr(thing, "lastLayer") and isinstance(getattr(thing, "layers", None), Mapping):
        held |= {"lastLayer": thing.lastLayer, **thing.layers}  # a network's go by their names
        held.pop(f"{name}.layers", None)
        held.pop(f"{name}.lastLayer", None)
    for key, each in held.items():
        yield from arrays_in(each, str(key), seen)


def matters(array, learnt, values, f, before):
    """Does f() change, if array does? Only what isn't learnt in it stays moved.

    Numbers that f can't take count as a change.
    """
    kept = array.copy()
    move(array)
    write(learnt, values)
    try:
        return f() != before
    except Exception:
        return True
    finally:
        array[...] = kept
        write(learnt, values)


def move(array):
    """Each entry by a step of its own, of about a hundredth."""
    with np.errstate(all="ignore"):
        array += 0.01 * (1 + np.abs(array)) * np.random.default_rng(0).uniform(1, 2, array.shape)


def write(arrays, values):
    for array, value in zip(arrays, values):
        array[...] = value
