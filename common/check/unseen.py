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
    found, before, seen = [], f(), set()
    kept = [each for name in things for each in walk(things[name], name, seen, lambda each: True)]
    for name, _, array in kept:
        if is_float_array(array) and array.flags.writeable:
            with contextlib.suppress(Exception), untouched(*things.values(), params):
                with untouched(params):  # array may be a part of one of them
                    steps = np.random.default_rng(0).uniform(0.01, 0.02, array.shape)
                    array += steps * (1 + np.abs(array))
                if not np.array_equal(f(), before):
                    found.append(name)
    return found


def what_changes(things, f, between=lambda: None):
    """What changes between two calls of f(), and f() with it: "L1.h", or several in "L1"; or "".

    If f() gives the same again once an attribute is set back, or all of a layer, this is it.
    """
    with contextlib.suppress(Exception):
        for place, layer, _ in find(things):
            kept = copy.deepcopy(kept_by(layer))
            for some in [*({name: value} for name, value in kept.items()), kept]:
                with untouched(*things.values()):
                    first = f()
                    between()
                    vars(layer).update(copy.deepcopy(some))
                    if np.array_equal(f(), first):
                        return f"{place}.{[*some][0]}" if len(some) == 1 else place
    return ""
