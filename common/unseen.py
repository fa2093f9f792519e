"""What a check can't compare: arrays that change the output, and have no gradient.

A gradient check sees what is learnt. An array under another name, such as W beside d_W, isn't
learnt, so nothing would be said of it. Here such arrays are found, and the report names them.
"""

from collections.abc import Mapping

import numpy as np

from common.mistakes import kind
from common.params import arrays_of_class, is_float_array, kept_by

__all__ = ["unseen"]


def unseen(owner, params, f):
    """The names of arrays of floats that owner keeps, that aren't learnt, and that change f().

    Each is moved a little. What forward keeps for backward is written anew by f, so that it changes
    nothing. f must give copies of x away, since layers may keep x itself.
    """
    learnt = params.values() if isinstance(params, Mapping) else params
    before = f()
    return [
        name
        for name, array in arrays_in(owner, kind(owner), {id(params)})
        if not any(np.may_share_memory(array, each) for each in learnt) and moves(array, f, before)
    ]


def arrays_in(thing, name, seen):
    """(name, array) for each array of floats in thing: in attributes, lists, objects, its class."""
    if id(thing) in seen or isinstance(thing, np.ndarray):
        if id(thing) not in seen and is_float_array(thing) and thing.flags.writeable:
            seen.add(id(thing))
            yield name, thing
        return
    seen.add(id(thing))
    if isinstance(thing, (list, tuple, Mapping)):
        pairs = thing.items() if isinstance(thing, Mapping) else enumerate(thing)
        held = {f"{name}[{key!r}]": each for key, each in pairs}
    else:
        held = {f"{name}.{key}": each for key, each in kept_by(thing).items()}
        held |= {f"{name}.{key}": getattr(thing, key) for key in arrays_of_class(type(thing))}
        if hasattr(thing, "lastLayer"):  # a network: its layers go by their names
            held |= {"lastLayer": thing.lastLayer, **getattr(thing, "layers", {})}
            held.pop(f"{name}.layers", None)
            held.pop(f"{name}.lastLayer", None)
    for key, each in held.items():
        yield from arrays_in(each, str(key), seen)


def moves(array, f, before):
    """Does f() change, if array does? Numbers that f can't take count as a change."""
    kept = array.copy()
    array += 0.01 * np.random.default_rng(0).uniform(1, 2, array.shape)  # each by another step
    try:
        return f() != before
    except Exception:
        return True
    finally:
        array[...] = kept
