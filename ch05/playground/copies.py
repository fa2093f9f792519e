"""What learns here is a copy, so that a notebook may compute with its own network meanwhile."""

import contextlib
import copy

from common.guards.learnt import set_train_flg
from common.guards.untouched import untouched

__all__ = ["Copies"]


class Copies:
    """The network that learns in a playground, and what the notebook has of it.

    live  : learns, and is used by nothing else
    first : as it was at first
    given : the last copy that a notebook has asked for. What is changed there, live takes over
    """

    def __init__(self, network):
        self.first, self.live = copy.deepcopy(network), copy.deepcopy(network)
        self.given, self.has_learnt = None, False

    def give(self):
        """A copy of live: the same one until live has learnt something new."""
        self.take_over()
        if self.given is None or self.has_learnt:
            self.given, self.has_learnt = copy.deepcopy(self.live), False
            self.before, self.form = self.given.params.copy(), form_of(self.given)
        return self.given

    def take_over(self):
        """Changes of parameters in the given copy, number by number; of layers, the whole of it."""
        if self.given is None:
            return
        now, form = self.given.params.copy(), form_of(self.given)
        if form != self.form:
            self.live, self.form = copy.deepcopy(self.given), form
        else:
            for key, array in self.live.params.items():
                changed = now[key] != self.before[key]
                array[changed] = now[key][changed]
        self.before = now

    @contextlib.contextmanager
    def looked_at(self):
        """live, as it predicts. Afterwards all that its layers keep is as before."""
        self.take_over()
        with untouched(self.live):
            set_train_flg(self.live.layers, False)
            yield self.live

    def start_anew(self):
        self.live, self.given = copy.deepcopy(self.first), None


def form_of(network):
    """Its layers, and the shapes of its parameters."""
    layers = [*network.layers.values(), network.lastLayer]
    return [*map(id, layers)], [array.shape for array in network.params.values()]
