"""What a check can't compare: arrays without a gradient, and what changes from call to call."""

import contextlib
import copy

import numpy as np

from common.guards.learnt import find, is_float_array, walk
from common.guards.untouched import kept_by, untouched


def unseen(before, things, params):
    """The names of arrays of floats that aren't learnt, and that are the same for any batch.

    before is arrays_in(things) before backprop of a batch that they haven't seen yet.
    """
    now = {id(array) for _, array, _ in arrays_in(things)}
    return [
        name
        for name, array, numbers in before
        if id(array) in now and np.array_equal(array, numbers)
        if not any(is_part(array, each) for each in params.values())
    ]


def is_part(array, whole):
    return array.size <= whole.size and np.shares_memory(array, whole)


def arrays_in(things):
    """[(name, array, a copy), ...] of the arrays of floats in things, and in what they hold."""
    found, seen = {}, set()
    for name, thing in things.items():
        for path, _, each in walk(thing, name, seen, lambda each: True):
            if is_float_array(each) and each.flags.writeable:
                found.setdefault(id(each), (path, each, each.copy()))
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
