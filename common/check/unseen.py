"""What a check can't compare: arrays without a gradient, and what changes from call to call."""

import contextlib
import copy

import numpy as np

from common.guards.learnt import find, is_float_array, walk
from common.guards.untouched import kept_by, move, untouched


def unseen(things, params, f):
    """The names of arrays of floats that change f(), that forward leaves in place, and that aren't
    learnt. things are layers by their names. Afterwards all is as before.
    """
    learnt = [array for array in params.values() if array.flags.writeable]
    values, found = [array.copy() for array in learnt], []
    with untouched(*things.values(), learnt):
        for array in learnt:
            move(array)  # a factor of 0 would hide what it multiplies
        if (before := value_of(f)) is None:  # such numbers may not be possible
            put(values, learnt)
            before = value_of(f)
        values = [array.copy() for array in learnt]
        kept = [(*each, each[1].copy()) for each in arrays_in(things)]
        value_of(f)
        left = {id(array) for _, array in arrays_in(things)} - set(map(id, learnt))
        for name, array, numbers in kept:
            if id(array) in left and np.array_equal(array, numbers):
                move(array)
                put(values, learnt)  # of which it may be a part
                if not np.array_equal(value_of(f), before):
                    found.append(name)
                array[...] = numbers
    return found


def value_of(f):
    """f(), or None where it can't take the numbers that it is given."""
    with contextlib.suppress(Exception):
        return f()


def put(values, arrays):
    for array, value in zip(arrays, values):
        array[...] = value


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
