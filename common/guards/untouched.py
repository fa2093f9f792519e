"""A look that leaves no trace: what layers keep is put back afterwards."""

import contextlib
import functools
import operator
import sys
import types
from collections import deque

import numpy as np

from common.files import ctrl_c_later
from common.guards.arguments import on_page

SEVERAL = (list, tuple, deque, dict, type({}.values()))
LIBRARIES = {*sys.stdlib_module_names, "numpy"}  # Python's own types are in "builtins"


@contextlib.contextmanager
def untouched(*things):
    """In a with statement. At its end all that these things keep is as before, also after an error.

    That is attributes, numbers in arrays, what lists and dicts hold, and where random numbers go
    on, also those of np.random; likewise for the objects that they hold, one inside another.
    """
    kept = {"np.random": functools.partial(np.random.set_state, np.random.get_state())}
    for thing in things:
        remember(thing, kept)
    try:
        yield
    finally:
        with ctrl_c_later():
            for back in kept.values():
                back()


def remember(thing, kept):
    """kept[id(thing)] puts thing back. The same for all that it holds."""
    if id(thing) in kept:
        return
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        if thing.flags.writeable:
            kept[id(thing)] = functools.partial(thing.__setitem__, ..., thing.copy())
    elif isinstance(thing, np.random.Generator):
        source = thing.bit_generator
        kept[id(thing)] = functools.partial(setattr, source, "state", source.state)
    elif isinstance(thing, np.random.RandomState):  # it keeps a drawn number back, too
        kept[id(thing)] = functools.partial(thing.set_state, thing.get_state(legacy=False))
    elif holds_something(thing):
        kept[id(thing)] = functools.partial(put_back, thing, items_of(thing), dict(kept_by(thing)))
        for each in members(thing).values():
            remember(each, kept)


def put_back(thing, items, attributes):
    if items is not None and not same(items, items_of(thing)):
        thing.clear()
        (thing.extend if isinstance(items, list) else thing.update)(items)
    kept = kept_by(thing)
    for name in kept.keys() - attributes.keys():
        del kept[name]
    kept.update(attributes)


def items_of(thing):
    """A copy of what a list, dict or set holds, if more can be put into it; else None."""
    kinds = {list: list, deque: list, dict: dict, set: set}
    return next((make(thing) for kind, make in kinds.items() if isinstance(thing, kind)), None)


def same(items, others):
    if isinstance(items, dict):
        return list(items) == list(others) and same(items.values(), others.values())
    return len(items) == len(others) and all(map(operator.is_, items, others))


# What an object holds


def members(thing):
    """{name: value} of what thing holds: attributes as ".name", what stands in lists as "[0]"."""
    if not holds_something(thing):
        return {}
    held, items = {f".{name}": value for name, value in kept_by(thing).items()}, ()
    if isinstance(thing, dict):
        items = thing.items()
    elif isinstance(thing, SEVERAL) or isinstance(thing, np.ndarray) and thing.dtype == object:
        items = enumerate(np.ravel(thing) if isinstance(thing, np.ndarray) else thing)
    return held | {f"[{key!r}]": value for key, value in items}


def kept_by(thing):
    """An object's own attributes."""
    return getattr(thing, "__dict__", {})


def holds_something(thing):
    """May it hold what is the reader's? (Params is always up to date.)"""
    if isinstance(thing, (*SEVERAL, set, np.ndarray, types.SimpleNamespace)):
        return not hasattr(thing, "up_to_date")
    return is_layer(thing) or type(thing).__module__.partition(".")[0] not in LIBRARIES


def is_layer(thing):
    return not isinstance(thing, type) and hasattr(thing, "forward") and hasattr(thing, "backward")


def is_ours(thing):
    """The name of its class, if that is one of the four of layers.py; else ""."""
    return on_page(type(thing))
