"""What a training keeps, and what is measured after its last update."""

import math
from dataclasses import dataclass, field

import numpy as np

from ch05.tools.screen import warn
from common.guards.arguments import label_rows
from common.layers import Relu, SoftmaxWithLoss
from common.network import Network
from common.threads import threads_for


@dataclass(repr=False)
class History:
    """What happened in a training: a loss for each update, two accuracies for each epoch.

    The accuracies are those after the first update of each epoch, as in the chapter.
    end_accuracies are (training, test) after the last update; None if t isn't labels.
    """

    iter_per_epoch: int
    train_loss_list: list = field(default_factory=list)
    train_acc_list: list = field(default_factory=list)
    test_acc_list: list = field(default_factory=list)
    end_accuracies: tuple | None = None
    interrupted: bool = False
    seconds: float = 0.0

    def plot(self, ax=None):
        """The loss and the accuracies as a figure, see pictures.py. ax is that of draw_history."""
        from ch05.tools.history_picture import draw_history

        return draw_history(self, ax)

    def __repr__(self):
        words = [f"{len(self.train_loss_list):,} updates"]
        if self.train_loss_list:
            words.append(f"loss {self.train_loss_list[-1]:.4f}")
        if self.end_accuracies:
            words.append("accuracy: training {:.4f}, test {:.4f}".format(*self.end_accuracies))
        return f"History({', '.join(words)}{', stopped' if self.interrupted else ''})"


def measure_end(history, network, train_set, test_set, batch_size):
    """The accuracies after the last update, and a warning where they say that something is odd."""
    try:
        with threads_for(network.params, batch_size):  # as many as in the training
            history.end_accuracies = network.accuracy(*train_set), network.accuracy(*test_set)
        warn_of_end(history, network, train_set, test_set)
    except KeyboardInterrupt:
        history.interrupted = True


def shares(*sets):
    """How frequent each class is, from 0 to 1, in each of these t."""
    C = max(t.shape[1] if t.ndim == 2 and t.shape[1] > 1 else int(t.max()) + 1 for t in sets)
    return [label_rows(t, np.empty((len(t), max(C, 2)))).mean(axis=0) for t in sets]


def warn_of_end(history, network, train_set, test_set):
    """Is the network no better than a guess that only knows how frequent each class is?"""
    share, test_share = shares(train_set[1], test_set[1])
    if len(history.train_loss_list) < 100 or share.max() == 1:  # too early, or nothing to learn
        return
    (train_acc, test_acc), most, N = history.end_accuracies, test_share.max(), len(test_set[1])
    luck = math.sqrt(most * (1 - most) / N)
    guess = -np.sum(share * np.log(share, where=share > 0, out=np.zeros_like(share)))
    loss = np.mean(history.train_loss_list[-100:])
    # With a small learning rate the accuracy rises before the loss falls.
    limit = 2 * most if loss > 0.995 * guess else most + luck
    as_a_guess = loss > 0.97 * guess and test_acc <= limit
    # A few samples that are far off can make the loss large where most are predicted correctly.
    learnt = train_acc > (1 + share.max()) / 2
    softmax = isinstance(getattr(network, "lastLayer", None), SoftmaxWithLoss)
    is_told = most == 1 or test_share[share == 0].sum() > 0.05  # before the training
    if softmax and as_a_guess and not learnt:
        warn(
            f"expected a loss well below {guess:.3f}, as mere guessing has, got {loss:.3f}: the "
            f"network has learnt next to nothing; {why_not_learnt(network)}"
        )
    elif learnt and not is_told and N >= 50 and test_acc <= most + luck:
        warn(
            f"expected a test accuracy well above {most:.3f}, as mere guessing has, got "
            f"{test_acc:.3f}, where training has {train_acc:.3f}; do x_test and t_test belong "
            "together?"
        )


def why_not_learnt(network):
    """A Relu that returns 0 has a dx of 0, and no update changes that. For the rest we only ask."""
    is_plain = isinstance(network, Network) and network.is_plain()
    for name, layer in network.layers.items() if is_plain else ():
        largest = layer.out.max() if type(layer) is Relu and len(layer.out) >= 50 else 1
        if largest == 0:
            how = "x of about 1, a W that isn't 0, a smaller learning rate"
            return f"{name} returns 0 for the last batch: take a new network, {how}"
        if largest < 0.01:
            how = 'with x of about 1, weight_init_std="he" makes more of it'
            return f"{name} returns {largest:.1g} at most for the last batch; {how}"
    words = "is the learning rate too large or too small, are the updates too few"
    return f"{words}, or do x and t not belong together?"
