"""A look that leaves no trace: what layers keep is put back afterwards."""

import contextlib
import functools
import sys
import types
from collections import deque

import numpy as np

from common.files import ctrl_c_later

__all__ = ["untouched", "SEVERAL", "in_class", "kept_by", "members"]

SEVERAL = (list, tuple, deque, dict, type({}.keys()), type({}.values()), type({}.items()))
RANDOM = (np.random.Generator, np.random.RandomState)


@contextlib.contextmanager
def untouched(*things):
    """In a with statement. At its end all that these things keep is as before.

    That is their attributes, the numbers in their arrays, what their lists and dicts hold, and
    where their random numbers go on, also those of np.random; likewise for the objects that they
    hold, one inside another. Also after an error, and after Ctrl-C.
    """
    kept = {}
    for thing in things:
        remember(thing, kept)
    try:
        yield
    finally:
        with ctrl_c_later():
            for put_back in kept.values():
                put_back()


def remember(thing, kept):
    """kept[id(thing)] puts thing back. The same for all that it holds."""
    if id(thing) in kept or is_foreign(thing) or hasattr(thing, "up_to_date"):
        return  # network.params is brought up to date whenever it is read
    is_ours = type(thing).__module__ == "common.layers"
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        if thing.flags.writeable:
            kept[id(thing)] = functools.partial(thing.__setitem__, ..., thing.copy())
        return
    if isinstance(thing, RANDOM):
        source = getattr(thing, "bit_generator", None) or thing._bit_generator
        kept[id(thing)] = functools.partial(setattr, source, "state", source.state)
        return
    kept[id(thing)] = functools.partial(put_back, thing, copy_of(thing), dict(kept_by(thing)))
    if is_ours:  # of theirs, only the parameters are ever written into
        for name in ("W", "b"):
            remember(kept_by(thing).get(name), kept)
        return
    kept.setdefault("np.random", functools.partial(np.random.set_state, np.random.get_state()))
    for each in members(thing).values():
        remember(each, kept)


def put_back(thing, items, attributes):
    kept = kept_by(thing)
    if items is not None and not same(items, copy_of(thing)):
        if isinstance(thing, list):
            thing[:] = items
        else:
            thing.clear()
            (thing.extend if isinstance(thing, deque) else thing.update)(items)
    for name in [name for name in kept if name not in attributes]:
        del kept[name]
    for name, value in attributes.items():
        if kept.get(name, kept) is not value:
            kept[name] = value


def copy_of(thing):
    """A list or dict of what a container holds, if more can be put into it; else None."""
    if isinstance(thing, (list, deque)):
        return list(thing)
    return dict(thing) if isinstance(thing, dict) else None


def same(items, others):
    if isinstance(items, dict):
        return list(items) == list(others) and same([*items.values()], [*others.values()])
    return len(items) == len(others) and all(a is b for a, b in zip(items, others))


# What an object holds


def members(thing):
    """{name: value} of what thing holds: attributes as ".name", what stands in lists as "[0]"."""
    held = {f".{name}": value for name, value in kept_by(thing).items()}
    if isinstance(thing, dict):
        held |= {f"[{key!r}]": value for key, value in thing.items()}
    elif isinstance(thing, SEVERAL) or isinstance(thing, np.ndarray) and thing.dtype == object:
        items = thing.ravel() if isinstance(thing, np.ndarray) else thing
        held |= {f"[{i}]": value for i, value in enumerate(items)}
    return held | {f".{name}": value for name, value in in_class(type(thing)) if f".{name}" not in held}


def kept_by(thing):
    """An object's own attributes. Those of modules, classes and functions aren't the reader's."""
    kept = getattr(thing, "__dict__", None)
    return {} if type(kept) is not dict or is_foreign(thing) else kept


@functools.lru_cache(maxsize=1000)
def in_class(cls):
    """(name, value) of the arrays, lists and layers in the body of a class, or of one before it."""
    return [
        (name, value)
        for each in cls.__mro__
        if not is_library(each)
        for name, value in vars(each).items()
        if isinstance(value, (np.ndarray, *SEVERAL)) and not name.startswith("__")
        or hasattr(value, "backward") and not isinstance(value, (type, property))
    ]  # fmt: skip


SIMPLE = (type(None), bool, int, float, complex, str, bytes, np.generic)
FOREIGN = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def is_foreign(thing):
    return isinstance(thing, (*SIMPLE, *FOREIGN)) or (
        is_library(type(thing)) and not isinstance(thing, (np.ndarray, *SEVERAL, *RANDOM))
    )


@functools.lru_cache(maxsize=1000)
def is_library(cls):
    """Does Python or NumPy bring this class with it?"""
    root = cls.__module__.partition(".")[0]
    if root == "builtins" or cls is types.SimpleNamespace:  # (or a class made by exec)
        return False
    return root == "numpy" or root in sys.stdlib_module_names
