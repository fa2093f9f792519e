"""The chapter's training: a network learns to read digits by gradient descent.

Prints the accuracies, a line an epoch, to standard output; everything else to standard error.
"""

import signal
import sys
from pathlib import Path

if not __package__:  # started as a file: let `common` be found beside ch05/
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import ch05  # noqa: F401 (if a package is missing, it says which command to run)

import numpy as np

from ch05 import data_parallel, options
from ch05.progress import History, check_training, finish, progress, save_and_print
from common.threads import threads_for

__all__ = ["History", "train"]


def train(network, train_set, test_set, *, iters_num=10000, batch_size=100, learning_rate=0.1,
          rng=None, on_epoch=None):  # fmt: skip
    """Gradient descent on random batches. Changes the network, and returns a History.

    train_set, test_set : pairs of samples x (N, D) and labels t, as load_mnist returns them
    rng      : NumPy Generator or seed for the batches; None uses NumPy's global state
    on_epoch : is called with the History after the first update of each epoch

    Ctrl-C ends it early. FloatingPointError if the loss isn't finite any more.
    """
    checked = check_training(network, train_set, test_set, iters_num, batch_size, learning_rate)
    (x_train, t_train), (x_test, t_test), have_classes = checked
    train_size = len(x_train)
    iter_per_epoch = max(train_size // batch_size, 1)
    history = History(iter_per_epoch)
    draws = np.random if rng is None else np.random.default_rng(rng)
    with threads_for(network.params, batch_size):
        try:
            for i in progress(iters_num, history):
                batch_mask = draws.choice(train_size, batch_size)
                x_batch = x_train[batch_mask]
                t_batch = t_train[batch_mask]

                grad = network.gradient(x_batch, t_batch)
                params = network.params
                for key in params:
                    params[key] -= learning_rate * grad[key]

                loss = network.loss(x_batch, t_batch)
                history.train_loss_list.append(loss)

                if i % iter_per_epoch == 0 and have_classes:
                    train_acc = network.accuracy(x_train, t_train)
                    test_acc = network.accuracy(x_test, t_test)
                    history.train_acc_list.append(train_acc)
                    history.test_acc_list.append(test_acc)
                if i % iter_per_epoch == 0 and on_epoch:
                    on_epoch(history)
        except KeyboardInterrupt:
            history.interrupted = True
        except FloatingPointError as error:
            raise FloatingPointError(f"update {i}: {error}") from None
    return history


# The script


def main(argv=None):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in the background
    comm = data_parallel.world()  # None, unless mpiexec started several processes
    args = data_parallel.together(options.parse_training, argv, comm)
    network = data_parallel.DataParallel(args.network, comm) if comm else args.network
    first = comm is None or comm.rank == 0  # this process prints, draws and saves
    history = train(
        network,
        args.train_set,
        args.test_set,
        iters_num=args.iters,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        rng=args.rng,
        on_epoch=(lambda history: save_and_print(args, history)) if first else None,
    )
    accuracies = network.accuracy(*args.train_set), network.accuracy(*args.test_set)
    if first:
        finish(args, history, accuracies)
    return 130 if history.interrupted else 0


if __name__ == "__main__":
    options.run_script(main)
