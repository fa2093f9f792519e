"""What a check can't compare: arrays without a gradient, and what changes from call to call."""

import contextlib
import copy

import numpy as np

from common.guards.learnt import find, is_float_array, walk
from common.guards.untouched import kept_by, untouched


def unseen(things, params, f):
    """The names of arrays of floats that change f(), that forward leaves in place, and that aren't
    learnt. things are layers by their names. Afterwards all is as before.
    """
    learnt = {id(array) for array in params.values()}
    with untouched(*things.values()):
        arrays = [array for array in params.values() if array.flags.writeable]
        values = [array.copy() for array in arrays]
        for array in arrays:
            move(array)  # a factor of 0 would hide what it multiplies
        try:
            before = f()
        except Exception:  # such numbers may not be possible
            for array, value in zip(arrays, values):
                array[...] = value
            before = f()
        moved = [(array, array.copy()) for array in arrays]
        kept = [(*each, each[1].copy()) for each in arrays_in(things) if id(each[1]) not in learnt]
        f()
        left = {id(array) for _, array in arrays_in(things)}
        return [
            name
            for name, array, numbers in kept
            if id(array) in left and np.array_equal(array, numbers)
            if matters(array, moved, f, before)
        ]


def matters(array, learnt, f, before):
    """Does f() change, if array does? What is learnt in it stays as it is.

    Numbers that f can't take count as a change.
    """
    kept = array.copy()
    move(array)
    try:
        for each, numbers in learnt:
            each[...] = numbers
        return not np.array_equal(f(), before)
    except Exception:
        return True
    finally:
        array[...] = kept


def move(array):
    """Each entry by a step of its own, of about a hundredth."""
    with np.errstate(all="ignore"):
        array += 0.01 * (1 + np.abs(array)) * np.random.default_rng(0).uniform(1, 2, array.shape)


def arrays_in(things):
    """[(name, array), ...] of the arrays of floats that things keep, and what they hold."""
    found, seen = {}, set()
    for name, thing in things.items():
        for path, _, each in walk(thing, name, seen, lambda each: True):
            if is_float_array(each) and each.flags.writeable:
                found.setdefault(id(each), (path, each))
    return [*found.values()]


def what_changes(layers, f):
    """The name of an attribute that changes in forward, and f() with it, such as "L1.h"; or "".

    If f() gives the same again once the attribute is set back, this is it.
    """
    with contextlib.suppress(Exception), untouched(*layers.values()):
        before = [(each, copy.deepcopy(kept_by(each.layer))) for each in find(layers)]
        first = np.array(f())
        for each, kept in before:
            for name, value in kept.items():
                with untouched(*layers.values()):
                    if not np.array_equal(kept_by(each.layer).get(name), value):
                        vars(each.layer)[name] = value
                        if np.array_equal(f(), first):
                            return f"{each.place}.{name}"
    return ""
