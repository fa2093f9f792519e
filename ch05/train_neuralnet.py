"""The chapter's training: a network learns to read digits by gradient descent.

Prints the accuracies to standard output, a line after the first update of each epoch; all else to
standard error.
"""

if not __package__:  # so that the imports below work when this file is started. Skip it.
    import project_path  # noqa: F401

import numpy as np

from ch05.tools.check_training import check_training
from ch05.tools.history import History, measure_end
from ch05.tools.options import parse_training
from ch05.tools.progress import running, wants_to_stop
from ch05.tools.script import run_script
from ch05.tools.train_output import finish, print_row

__all__ = ["History", "train"]


def train(network, train_set, test_set, *, iters_num=10000, batch_size=100, learning_rate=0.1,
          rng=None, on_epoch=None):  # fmt: skip
    """Gradient descent on random batches. Changes the network, and returns a History.

    train_set, test_set : pairs of samples x (N, D) and labels t, as load_mnist returns them
    iters_num, batch_size : number of updates, and of samples in each
    learning_rate : an update is params[key] -= learning_rate * grad[key]
    rng      : NumPy Generator or seed for the batches; None uses NumPy's global state
    on_epoch : a function, called with the History after the first update of each epoch, when the
               accuracies are known. If it returns True, the training ends

    Ctrl-C ends it too, and the History of what was done is returned. FloatingPointError if scores,
    loss or gradients aren't finite any more.
    """
    # Wrong arguments are an error here. are_classes is False in a regression, where t is any
    # numbers: then there is no accuracy.
    train_set, test_set, are_classes = check_training(
        network, train_set, test_set, iters_num, batch_size, learning_rate
    )
    (x_train, t_train), (x_test, t_test) = train_set, test_set
    train_size = x_train.shape[0]
    iter_per_epoch = max(train_size // batch_size, 1)
    history = History(iter_per_epoch)
    draws = np.random if rng is None else np.random.default_rng(rng)
    params = network.params  # the layers' own arrays

    # updates is range(iters_num) with a progress bar. After Ctrl-C the program goes on below this
    # block. (The arguments are for the bar and for messages.)
    with running(history, network, iters_num, batch_size, draws) as updates:
        for i in updates:
            batch_mask = draws.choice(train_size, batch_size)
            x_batch = x_train[batch_mask]
            t_batch = t_train[batch_mask]

            grad = network.gradient(x_batch, t_batch)
            for key in params:
                params[key] -= learning_rate * grad[key]  # changes the layer's array

            loss = network.loss(x_batch, t_batch)
            history.train_loss_list.append(loss)

            if i % iter_per_epoch == 0:
                if are_classes:
                    train_acc = network.accuracy(x_train, t_train)
                    test_acc = network.accuracy(x_test, t_test)
                    history.train_acc_list.append(train_acc)
                    history.test_acc_list.append(test_acc)
                if wants_to_stop(on_epoch, history):  # calls on_epoch(history)
                    break

    if are_classes:
        measure_end(history, network, train_set, test_set, batch_size)  # after the last update
    return history


def main(argv=None):
    # args has the options, the data by load_mnist(), and a network: TwoLayerNet(784, 50, 10), if no
    # option says another.
    args = parse_training(argv)
    history = train(
        args.network,
        args.train_set,
        args.test_set,
        iters_num=args.iters,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        rng=args.rng,
        on_epoch=lambda history: print_row(args, history),
    )
    return finish(args, history)


if __name__ == "__main__":
    run_script(main)
