"""The chapter's training: a network learns to read digits by gradient descent.

Prints the accuracy on the training and on the test digits, two numbers a line, once an epoch.
In a terminal a progress bar runs on standard error.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

if not __package__:  # started as a file: let `common` be found beside ch05/
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ch05.options import OneLineParser, add_network_options, build_network, number, whole_number
from dataset.mnist import load_mnist


@dataclass
class History:
    """What a training run went through: a loss for each update, accuracies for each epoch."""

    iter_per_epoch: int
    train_loss_list: list = field(default_factory=list)
    train_acc_list: list = field(default_factory=list)
    test_acc_list: list = field(default_factory=list)


def train(
    network,
    train_set,
    test_set,
    *,
    iters=10000,
    batch_size=100,
    learning_rate=0.1,
    rng=None,
    on_epoch=None,
):
    """Gradient descent on random batches; returns the History.

    network             : changed in place
    train_set, test_set : pairs (x, t) as from load_mnist
    rng                 : numpy Generator or seed for the choice of batches
    on_epoch            : called with the History after each evaluation

    An epoch is len(x) // batch_size updates, at least one; the accuracies are taken after its
    first. FloatingPointError, with the number of the update, if the loss stops being finite.
    """
    (x_train, t_train), (x_test, t_test) = train_set, test_set
    rng = np.random.default_rng(rng)
    history = History(iter_per_epoch=max(len(x_train) // batch_size, 1))

    for i in range(iters):
        batch_mask = rng.integers(len(x_train), size=batch_size)
        x_batch, t_batch = x_train[batch_mask], t_train[batch_mask]

        grad = network.gradient(x_batch, t_batch)
        for key in network.params:
            network.params[key] -= learning_rate * grad[key]

        history.train_loss_list.append(network.loss(x_batch, t_batch))
        if i % history.iter_per_epoch == 0:
            history.train_acc_list.append(network.accuracy(x_train, t_train))
            history.test_acc_list.append(network.accuracy(x_test, t_test))
            if on_epoch:
                on_epoch(history)
    return history


def print_accuracies(history):
    print(f"{history.train_acc_list[-1]:.4f} {history.test_acc_list[-1]:.4f}", flush=True)


def main(argv=None):
    args = parse(argv)
    rng = np.random.default_rng(args.seed)
    network = build_network(args.hidden, dtype=np.float32, rng=rng)
    train_set, test_set = load_mnist()
    train(
        network,
        train_set,
        test_set,
        iters=args.iters,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        rng=rng,
        on_epoch=print_accuracies,
    )
    return 0


def parse(argv):
    parser = OneLineParser(description=__doc__.split("\n")[0])
    add_network_options(parser, seeds="the weights and the batches")
    parser.add_argument(
        "--iters",
        type=whole_number,
        default=10000,
        metavar="N",
        help="number of updates (default: 10000)",
    )
    parser.add_argument(
        "--batch-size",
        type=whole_number,
        default=100,
        metavar="N",
        help="images in a batch, drawn with replacement (default: 100)",
    )
    parser.add_argument(
        "--learning-rate",
        type=number,
        default=0.1,
        metavar="RATE",
        help="step of an update (default: 0.1)",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
