"""A look that leaves no trace: what layers keep is put back afterwards."""

import contextlib
import functools
import operator
import os
import sys
import types
from collections import deque

import numpy as np

from common.files import ctrl_c_later
from common.guards.arguments import on_page

SEVERAL = (list, tuple, deque, dict, type({}.keys()), type({}.values()), type({}.items()))
RANDOM = (np.random.Generator, np.random.RandomState)
PYTHON = os.path.dirname(os.__file__)
CODE = (type, types.ModuleType, types.FunctionType)


@contextlib.contextmanager
def untouched(*things):
    """In a with statement. At its end all that these things keep is as before, also after an error.

    That is their attributes, the numbers in their arrays, what their lists and dicts hold, and
    where their random numbers go on, also those of np.random; likewise for the objects that they
    hold, one inside another.
    """
    kept = {}
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
    if id(thing) in kept or is_foreign(type(thing)):
        return
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        if thing.flags.writeable:
            kept[id(thing)] = functools.partial(thing.__setitem__, ..., thing.copy())
    elif isinstance(thing, np.random.Generator):
        source = thing.bit_generator
        kept[id(thing)] = functools.partial(setattr, source, "state", source.state)
    elif isinstance(thing, np.random.RandomState):  # it keeps a drawn number back, too
        kept[id(thing)] = functools.partial(thing.set_state, thing.get_state(legacy=False))
    else:
        kept[id(thing)] = functools.partial(put_back, thing, copy_of(thing), dict(kept_by(thing)))
        is_own = not is_ours(thing)
        if is_own and "np.random" not in kept:
            kept["np.random"] = functools.partial(np.random.set_state, np.random.get_state())
        for name, each in members(thing).items():
            if is_own or name in (".W", ".b"):  # our layers write into nothing else
                remember(each, kept)


def put_back(thing, items, attributes):
    if items is not None and not same(items, copy_of(thing)):
        thing.clear()
        (thing.extend if isinstance(items, list) else thing.update)(items)
    kept = kept_by(thing)
    for name in kept.keys() - attributes.keys():
        del kept[name]
    kept.update(attributes)


def copy_of(thing):
    """A list, dict or set of what a container holds, if more can be put into it; else None."""
    kinds = {list: list, deque: list, dict: dict, set: set}
    return next((make(thing) for kind, make in kinds.items() if isinstance(thing, kind)), None)


def same(items, others):
    if isinstance(items, dict):
        return list(items) == list(others) and same([*items.values()], [*others.values()])
    return len(items) == len(others) and all(map(operator.is_, items, others))


def move(array):
    """Each entry by a step of its own, of about a hundredth."""
    with np.errstate(all="ignore"):
        array += 0.01 * (1 + np.abs(array)) * np.random.default_rng(0).uniform(1, 2, array.shape)


# What an object holds


def members(thing):
    """{name: value} of what thing holds: attributes as ".name", what stands in lists as "[0]"."""
    kept = kept_by(thing)  # first, in the order of their keys in files of weights
    shared = {name: each for name, each in in_class(type(thing)).items() if name not in kept}
    held = {f".{name}": value for name, value in (kept | shared).items()}
    if isinstance(thing, dict):
        return held | {f"[{key!r}]": value for key, value in thing.items()}
    is_array = isinstance(thing, np.ndarray) and thing.dtype == object
    items = thing.ravel() if is_array else thing if isinstance(thing, SEVERAL) else ()
    return held | {f"[{i}]": value for i, value in enumerate(items)}


def kept_by(thing):
    """An object's own attributes. (A dict that is its own __dict__ has them as items.)"""
    kept = {} if is_foreign(type(thing)) else getattr(thing, "__dict__", {})
    return {} if kept is thing else kept


@functools.lru_cache(maxsize=1000)
def in_class(cls):
    """{name: value} of the arrays, lists and layers in the body of a class, or of one before it."""
    return {
        name: value
        for each in reversed(cls.__mro__)
        for name, value in vars(each).items()
        if isinstance(value, (np.ndarray, *SEVERAL)) and name[:2] != "__" or is_layer(value)
    }


def is_layer(thing):
    return not isinstance(thing, type) and hasattr(thing, "forward") and hasattr(thing, "backward")


def is_ours(thing):
    """The name of its class, if that is one of the four of layers.py; else ""."""
    return on_page(type(thing))


@functools.lru_cache(maxsize=1000)
def is_foreign(cls):
    """Do objects of this class hold nothing of the reader's? (Params is always up to date.)"""
    if issubclass(cls, (np.ndarray, *SEVERAL, set, *RANDOM, types.SimpleNamespace)):
        return hasattr(cls, "up_to_date")
    root = cls.__module__.partition(".")[0]  # "builtins" for a class made by exec, too
    # A file of the reader's may have the name of a module of Python's, such as code.py.
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or PYTHON
    is_python = root in sys.stdlib_module_names and file.startswith(PYTHON)
    is_library = root == "numpy" or is_python and root != "builtins"
    return is_library or not cls.__dictoffset__ or issubclass(cls, CODE)  # or no attributes at all
