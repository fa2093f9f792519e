"""A look that leaves no trace: what layers keep is put back afterwards."""

import contextlib
import functools
import operator
import random
import sys
import types
from collections import deque

import numpy as np

from common.files import ctrl_c_later
from common.guards.mistakes import on_page

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
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        if thing.flags.writeable:
            kept[id(thing)] = functools.partial(thing.__setitem__, ..., thing.copy())
    elif isinstance(thing, RANDOM):
        source = getattr(thing, "bit_generator", None) or thing._bit_generator
        kept[id(thing)] = functools.partial(setattr, source, "state", source.state)
    else:
        kept[id(thing)] = functools.partial(put_back, thing, copy_of(thing), dict(kept_by(thing)))
        held = members(thing)
        if is_ours(thing):  # of what our layers keep, only the parameters are ever written into
            held = {name: held[name] for name in (".W", ".b") if name in held}
        elif "np.random" not in kept:
            kept["np.random"] = functools.partial(np.random.set_state, np.random.get_state())
            kept["random"] = functools.partial(random.setstate, random.getstate())
        for each in held.values():
            remember(each, kept)


def put_back(thing, items, attributes):
    if items is not None and not same(items, copy_of(thing)):
        thing.clear()
        (thing.update if isinstance(thing, dict) else thing.extend)(items)
    kept = kept_by(thing)
    for name in kept.keys() - attributes.keys():
        del kept[name]
    kept.update(attributes)


def copy_of(thing):
    """A list or dict of what a container holds, if more can be put into it; else None."""
    if isinstance(thing, (list, deque)):
        return list(thing)
    return dict(thing) if isinstance(thing, dict) else None


def same(items, others):
    if isinstance(items, dict):
        return list(items) == list(others) and same([*items.values()], [*others.values()])
    return len(items) == len(others) and all(map(operator.is_, items, others))


# What an object holds


def is_ours(thing):
    """Is it one of the four layers of layers.py? These keep W, b and what backward needs."""
    return is_our_class(type(thing))


is_our_class = functools.lru_cache(maxsize=1000)(on_page)


def members(thing):
    """{name: value} of what thing holds: attributes as ".name", what stands in lists as "[0]"."""
    held = {f".{name}": value for name, value in kept_by(thing).items()}
    if isinstance(thing, dict):
        held |= {f"[{key!r}]": value for key, value in thing.items()}
    elif isinstance(thing, SEVERAL) or isinstance(thing, np.ndarray) and thing.dtype == object:
        items = thing.ravel() if isinstance(thing, np.ndarray) else thing
        held |= {f"[{i}]": value for i, value in enumerate(items)}
    return held | {
        f".{name}": value for name, value in in_class(type(thing)) if f".{name}" not in held
    }


def kept_by(thing):
    """An object's own attributes. Those of modules, classes and functions aren't the reader's."""
    kept = getattr(thing, "__dict__", None)
    return {} if type(kept) is not dict or is_foreign(thing) else kept


@functools.lru_cache(maxsize=1000)
def in_class(cls):
    """(name, value) of the arrays, lists and layers in the body of a class, or of one before it."""
    found = []
    for each in cls.__mro__:
        for name, value in vars(each).items() if not is_library(each) else ():
            is_layer = hasattr(value, "backward") and not isinstance(value, (type, property))
            if is_layer or isinstance(value, (np.ndarray, *SEVERAL)) and name[:2] != "__":
                found.append((name, value))
    return found


SIMPLE = (type(None), bool, int, float, complex, str, bytes, np.generic)
FOREIGN = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def is_foreign(thing):
    return is_foreign_class(type(thing))


@functools.lru_cache(maxsize=1000)
def is_foreign_class(cls):
    ours = issubclass(cls, (np.ndarray, *SEVERAL, *RANDOM))
    return issubclass(cls, (*SIMPLE, *FOREIGN)) or is_library(cls) and not ours


@functools.lru_cache(maxsize=1000)
def is_library(cls):
    """Does Python or NumPy bring this class with it?"""
    root = cls.__module__.partition(".")[0]
    if root == "builtins" or cls is types.SimpleNamespace:  # (or a class made by exec)
        return False
    return root == "numpy" or root in sys.stdlib_module_names
