"""What a training keeps, and what is measured after its last update."""

import warnings
from dataclasses import dataclass, field

import numpy as np

from ch05.tools.start import check_packages
from common.layers import SoftmaxWithLoss
from common.mistakes import label_rows
from common.threads import threads_for

__all__ = ["History", "measure_end"]


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
    update: int = 0  # the number of the one that is being made

    def plot(self, ax=None):
        """The loss and the accuracies as a figure, see draw_history.

        A notebook shows it as the value of a cell, .savefig("training.png") writes it, and .show()
        opens a window.
        """
        check_packages("matplotlib")
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
    """The accuracies after the last update. Warns if the network has learnt next to nothing."""
    try:
        with threads_for(network.params, batch_size):  # as many as in the training
            history.end_accuracies = network.accuracy(*train_set), network.accuracy(*test_set)
    except KeyboardInterrupt:
        history.interrupted = True
    except FloatingPointError as error:
        updates = len(history.train_loss_list)
        raise FloatingPointError(f"after update {updates - 1}: {error}") from None
    else:
        warn_if_nothing_learnt(history, network, train_set)


def warn_if_nothing_learnt(history, network, train_set):
    """Is the loss no better than that of a guess that only knows how frequent each class is?"""
    losses, last = history.train_loss_list[-100:], getattr(network, "lastLayer", None)
    if len(losses) < 100 or not isinstance(last, SoftmaxWithLoss):
        return
    x, t = train_set
    share = label_rows(t, np.empty((len(t), *network.predict(x[:1]).shape[1:]))).mean(axis=0)
    guess = -np.sum(share * np.log(share, where=share > 0, out=np.zeros_like(share)))
    loss = np.mean(losses)
    # A few samples that are far off can make the loss large where most are predicted correctly.
    if loss > 0.995 * guess and history.end_accuracies[0] < (1 + share.max()) / 2:
        warnings.warn(
            f"expected a loss below {guess:.3f}, as mere guessing has, got {loss:.3f}: the network "
            "has learnt next to nothing; try a smaller learning rate, or more updates",
            stacklevel=5,
        )
