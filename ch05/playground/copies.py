"""What learns here is a copy, so that a notebook may compute with its own network meanwhile."""

import contextlib
import copy
import sys

import numpy as np

from common.guards.arguments import wrong
from common.guards.learnt import find, set_train_flg
from common.guards.untouched import untouched


class Copies:
    """The network that learns in a playground, and what the notebook has of it.

    live  : learns, and is used by nothing else
    first : as it was at first
    given : the last copy that a notebook has asked for. What is changed there, live takes over
    """

    def __init__(self, network):
        self.first, self.live = copy_of(network), copy_of(network)
        self.given, self.before, self.has_learnt = None, {}, False

    def give(self):
        """A copy of live: the same one until live has learnt something new."""
        self.take_over()
        if self.given is None or self.has_learnt:
            self.given, self.has_learnt = copy_of(self.live), False
            self.before, self.form = self.given.params.copy(), form_of(self.given)
        return self.given

    def take_over(self):
        """Changes of parameters in the given copy, number by number; of layers, the whole of it."""
        if self.given is None:
            return
        now, form = self.given.params.copy(), form_of(self.given)
        if form != self.form:
            self.live, self.form = copy_of(self.given), form
        else:
            params = self.live.params
            for key, array in now.items():
                before = self.before[key]
                changed = (array != before) & ~(np.isnan(array) & np.isnan(before))
                if changed.any():
                    params[key][changed] = array[changed]
        self.before = now

    @contextlib.contextmanager
    def looked_at(self):
        """live, as it predicts. Afterwards all that its layers keep is as before."""
        self.take_over()
        with untouched(self.live):
            set_train_flg(self.live.layers, False)
            yield self.live

    def start_again(self):
        self.take_over()  # so that what was changed before doesn't come back
        self.live, self.has_learnt = copy_of(self.first), True


def copy_of(network):
    """With layers and arrays of its own, whatever a layer's __deepcopy__ does; or TypeError."""
    modules = {id(module): module for module in [*sys.modules.values()]}  # a layer may keep one
    expected = "a network that copy.deepcopy copies whole"
    try:
        other = copy.deepcopy(network, modules)
    except Exception as error:
        raise wrong(TypeError, expected, error) from None
    layers, params = {id(layer) for _, layer, _ in find(other.layers)}, other.params
    shared = [place for place, layer, _ in find(network.layers) if id(layer) in layers]
    shared += [key for key, array in network.params.items() if np.shares_memory(array, params[key])]
    if shared:
        raise wrong(TypeError, expected, f"one whose copy has the same {shared[0]}")
    return other


def form_of(network):
    """Its layers, and the shapes of its parameters."""
    layers = [*network.layers.items(), ("lastLayer", network.lastLayer)]
    shapes = [(key, array.shape) for key, array in network.params.items()]
    return [(name, id(layer)) for name, layer in layers], shapes
