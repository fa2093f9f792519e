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
    learnt = [array for array in params.values() if array.flags.writeable]
    values = [array.copy() for array in learnt]
    with untouched(*things.values(), learnt):
        for array in learnt:
            move(array)  # a factor of 0 would hide what it multiplies
        try:
            before = f()
        except Exception:  # such numbers may not be possible
            put(values, learnt)
            before = f()
        values = [array.copy() for array in learnt]
        kept = [(*each, each[1].copy()) for each in arrays_in(things)]
        f()
        left, found = {id(array) for _, array in arrays_in(things)}, []
        for name, array, numbers in kept:
            is_learnt = any(array is each for each in learnt)
            if is_learnt or id(array) not in left or not np.array_equal(array, numbers):
                continue
            move(array)
            put(values, learnt)  # of which it may be a part
            try:
                changes = not np.array_equal(f(), before)
            except Exception:  # f can't take other numbers
                changes = True
            array[...] = numbers
            found += [name] * changes
        return found


def put(values, arrays):
    for array, value in zip(arrays, values):
        array[...] = value


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


def what_changes(things, f):
    """The name of an attribute that changes in forward, and f() with it, such as "L1.h"; or "".

    If f() gives the same again once the attribute is set back, this is it.
    """
    with contextlib.suppress(Exception), untouched(*things.values()):
        for place, layer, _ in find(things):
            for name, value in copy.deepcopy(kept_by(layer)).items():
                with untouched(*things.values()):
                    first = f()
                    if not np.array_equal(kept_by(layer).get(name), value):
                        vars(layer)[name] = value
                        if np.array_equal(f(), first):
                            return f"{place}.{name}"
    return ""
