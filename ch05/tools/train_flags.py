"""Layers that work differently in training, such as Dropout, have an attribute train_flg."""

import contextlib

from common.guards.learnt import find

__all__ = ["layers_with_train_flg", "train_flags"]


def layers_with_train_flg(network):
    """[(name, layer), ...], blocks' own layers too."""
    layers = getattr(network, "layers", None)
    found = find(layers) if hasattr(layers, "items") else []
    return [(each.place, each.layer) for each in found if hasattr(each.layer, "train_flg")]


@contextlib.contextmanager
def train_flags(network, flag):
    """In a with statement: every train_flg is this. Afterwards all are as before."""
    others = [layer for _, layer in layers_with_train_flg(network) if layer.train_flg != flag]
    before = [(layer, layer.train_flg, has_its_own(layer)) for layer in others]
    try:
        for layer in others:
            layer.train_flg = flag
        yield
    finally:
        for layer, old, own in before:
            layer.train_flg = old
            if not own and has_its_own(layer):
                del layer.train_flg  # so that the class's counts again


def has_its_own(layer):
    return "train_flg" in getattr(layer, "__dict__", {})
