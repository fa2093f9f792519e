"""The chapter's training: a network learns to read digits by gradient descent.

Prints the accuracy on the training and on the test digits, two numbers a line, once an epoch;
what else there is to say, and a progress bar in a terminal, goes to standard error.
"""

import io
import math
import numbers
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

if not __package__:  # started as a file: let `common` be found beside ch05/
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ch05.data_parallel import DataParallel, together, world
from ch05.options import (
    OneLineParser,
    add_network_options,
    build_network,
    check_picture_kind,
    check_windows,
    number,
    run_script,
    whole_number,
    writable,
)
from common.files import write_whole
from common.guards import as_labels, as_numbers, is_count
from dataset.mnist import load_mnist

__all__ = ["History", "plot_history", "train"]


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
    finish_on_ctrl_c=True,
):
    """Gradient descent on random batches. Changes the network, and returns a History.

    train_set, test_set : pairs (x, t), as load_mnist gives them
    iters               : number of updates, W -= learning_rate * dW for every parameter W
    batch_size          : samples in a batch, drawn with replacement
    rng                 : numpy Generator or seed for the choice of batches; None draws others at
                          every call, whatever np.random.seed has set
    on_epoch            : called with the History after each evaluation
    finish_on_ctrl_c    : whether the first Ctrl-C only ends training after the current update

    An epoch is len(x) // batch_size updates, at least one; accuracies are taken once in each,
    after its first update.
    FloatingPointError, which names the update, as soon as the loss isn't finite; ValueError or
    TypeError, before the first update, for arguments that can't be meant.
    """
    _check_kinds(network, iters, batch_size, learning_rate)
    x_train, t_train = _arrays_of("train_set", train_set, network)
    x_test, t_test = _arrays_of("test_set", test_set, network)
    rng = np.random.default_rng(rng)
    history = History(iter_per_epoch=max(len(x_train) // batch_size, 1))

    ctrl_c = _ctrl_c_noted(history) if finish_on_ctrl_c else nullcontext()
    with ctrl_c, _divergence_named(history), _progress(iters) as bar:
        for i in range(iters):
            batch_mask = rng.integers(len(x_train), size=batch_size)
            x_batch, t_batch = x_train[batch_mask], t_train[batch_mask]

            grad = network.gradient(x_batch, t_batch)
            for key, param in network.params.items():
                param -= learning_rate * grad[key]

            loss = network.loss(x_batch, t_batch)
            if not math.isfinite(loss):  # our layers raise; a reader's own may not
                raise FloatingPointError(f"expected a finite loss, got {loss}")
            history.train_loss_list.append(loss)
            if i % history.iter_per_epoch == 0:
                history.train_acc_list.append(network.accuracy(x_train, t_train))
                history.test_acc_list.append(network.accuracy(x_test, t_test))
                if on_epoch:
                    on_epoch(history)
            _show(history, bar)
            if history.interrupted:
                break
    return history


def _check_kinds(network, iters, batch_size, learning_rate):
    if isinstance(network, type):
        kind = network.__name__
        raise TypeError(f"expected a network, got the class {kind}; write {kind}(...)")
    for name, value in {"iters": iters, "batch_size": batch_size}.items():
        if not is_count(value):
            raise ValueError(f"expected {name} as an int from 1 up, got {value!r}")
    rate = learning_rate
    if not isinstance(rate, numbers.Real) or rate is True or not 0 < rate < np.inf:
        raise ValueError(f"expected learning_rate as a number above 0, got {rate!r}")


def _arrays_of(name, pair, network):
    """x and t as arrays, once it is sure that they match, and what the network can take."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"expected {name} as a pair (x, t), got {type(pair).__name__}")
    try:
        x, t = map(as_numbers, pair)
        if x.ndim < 2 or x.shape[:1] != t.shape[:1] or x.size == 0:
            raise ValueError(
                "expected samples x of shape (N, D), N > 0, and N labels t, "
                f"got {x.shape} and {t.shape}"
            )
        network.loss(x[:1], t[:1])
        as_labels(t, len(x), network.predict(x[:1]).shape[1])
    except (TypeError, ValueError) as error:
        error.args = (f"{name}: {error}",)
        raise
    return x, t


@dataclass
class History:
    """What a training run went through: a loss for each update, accuracies for each epoch."""

    iter_per_epoch: int
    train_loss_list: list = field(default_factory=list)
    train_acc_list: list = field(default_factory=list)
    test_acc_list: list = field(default_factory=list)
    interrupted: bool = False


def plot_history(history, axes):
    """Draw a History: the loss by update on axes[0], the accuracies by epoch on axes[1].

    The smoothed loss is the mean of the 100 around. Returns the axes.
    """
    if not history.train_loss_list:
        raise ValueError("expected the History of one update or more, got an empty one")
    loss = np.array(history.train_loss_list)
    window = min(100, len(loss))
    smooth = np.convolve(loss, np.full(window, 1 / window), mode="valid")
    axes[0].semilogy(loss, color="0.75", linewidth=0.6, label="each batch")
    middle = np.arange(len(smooth)) + (window - 1) / 2
    axes[0].semilogy(middle, smooth, color=BLUE, label=f"mean of {window} batches")
    axes[0].set(xlabel="update", ylabel="loss (cross entropy)", title="Loss")

    epochs = np.arange(len(history.train_acc_list))
    axes[1].plot(epochs, history.train_acc_list, "o-", color=BLUE, label="training digits")
    axes[1].plot(epochs, history.test_acc_list, "s--", color=ORANGE, label="test digits")
    axes[1].set(xlabel="epoch", ylabel="accuracy", title="Accuracy", xlim=(-0.5, len(epochs) - 0.5))
    axes[1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    _zoom_in(axes[1])
    for ax in axes:
        ax.legend()
        ax.grid(alpha=0.3)
    return axes


def _zoom_in(ax):
    """Where the step up of the first epoch dwarfs the rest: the rest again, in the empty middle."""
    curves = np.array([line.get_ydata() for line in ax.lines])
    if curves.shape[1] > 7 and curves[:, 0].max() < 0.5 and curves[:, 1:].min() > 0.8:
        inset = ax.inset_axes([0.3, 0.36, 0.66, 0.42])
        for line, curve in zip(ax.lines, curves):
            style = {"color": line.get_color(), "linestyle": line.get_linestyle()}
            inset.plot(line.get_xdata()[1:], curve[1:], **style)
        inset.grid(alpha=0.3)


BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by colour-blind readers, and in grey print


@contextmanager
def _ctrl_c_noted(history):
    """The first Ctrl-C only notes that training is to end; the second one interrupts at once."""

    def note(signum, frame):
        history.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears Ctrl-C
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _divergence_named(history):
    """Weights that grow beyond all bounds end training, with the number of the update."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # the layers say it in better words
            yield
    except FloatingPointError as error:
        error.args = (f"update {len(history.train_loss_list)}: {error}",)
        raise


def _progress(iters):
    return tqdm(total=iters, unit=" updates", disable=None)  # None: shown in a terminal only


def _show(history, bar):
    if not bar.disable and len(history.train_loss_list) % 100 == 1:
        loss, accuracy = history.train_loss_list[-1], history.test_acc_list[-1]
        bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.3f}", refresh=False)
    bar.update()


# The script.


def main(argv=None):
    comm = None
    try:
        comm = world()  # None, unless mpiexec started this as one rank of several
        args = together(parse, argv, comm) if comm else parse(argv)
        status = run(args, comm)
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        if comm is None:
            raise
        status = 1
    except (FloatingPointError, ImportError, MemoryError, OSError) as error:
        who = f"train_neuralnet.py, rank {comm.rank}" if comm else "train_neuralnet.py"
        print(f"{who}: {error}", file=sys.stderr, flush=True)
        status = 1
    except Exception:
        if comm is None:
            raise
        traceback.print_exc()
        status = 1
    if comm and status:
        comm.Abort(status)  # the others would wait for this rank for ever
    return status


def run(args, comm):
    first = comm is None or comm.rank == 0  # the one rank that prints, draws and saves

    def after_epoch(history):
        if args.save:  # first, so that what has been printed has been saved
            args.network.save(args.save)
        accuracies = f"{history.train_acc_list[-1]:.4f} {history.test_acc_list[-1]:.4f}"
        tqdm.write(accuracies, file=sys.stdout)  # above the progress bar, if there is one
        sys.stdout.flush()

    network = DataParallel(args.network, comm) if comm else args.network
    start = time.perf_counter()
    history = train(
        network,
        args.train_set,
        args.test_set,
        iters=args.iters,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        rng=args.rng,
        on_epoch=after_epoch if first else None,
        finish_on_ctrl_c=comm is None,
    )
    seconds = time.perf_counter() - start
    train_acc, test_acc = network.accuracy(*args.train_set), network.accuracy(*args.test_set)
    if not first:
        return 0
    written = []
    if args.save:
        args.network.save(args.save)
        written.append(f"weights written to {args.save}")
    if args.plot:
        write_whole(args.plot, picture(history, args.plot.suffix[1:]))
        written.append(f"picture written to {args.plot}")
    updates = len(history.train_loss_list)
    stopped = f"stopped by Ctrl-C before update {updates + 1:,}; " if history.interrupted else ""
    summary = [
        f"{stopped}{updates:,} update{'s' * (updates > 1)} in {seconds:.1f} s, "
        f"{updates / seconds:,.0f} a second",
        f"accuracy {train_acc:.4f} on the training digits, {test_acc:.4f} on the test digits",
        *written,
    ]
    if updates >= 100 and train_acc < 0.2:
        summary.append("it has learnt next to nothing: try a smaller --learning-rate")
    print(*summary, sep="; ", file=sys.stderr)
    if args.show:
        show(history)
    return 130 if history.interrupted else 0


def picture(history, kind):
    """plot_history as the bytes of a picture file of that kind: png, svg, pdf."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    plot_history(history, figure.subplots(1, 2))
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=120)
    return content.getvalue()


def show(history):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    plot_history(history, axes)
    plt.show()


def parse(argv):
    """The options, and what they ask for, built: whatever can be refused is refused here."""
    parser = OneLineParser(description=__doc__.split("\n")[0], prog="train_neuralnet.py")
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
    parser.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        default="float32",
        help="what the network computes in (default: float32, faster)",
    )
    parser.add_argument(
        "--data", metavar="FOLDER", help="read the four data files there (default: MNIST)"
    )
    parser.add_argument("--load", metavar="FILE", help="start from the weights in this file")
    parser.add_argument(
        "--save", metavar="FILE", help="write the weights there, after each epoch and at the end"
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        default="train_neuralnet.png",
        help="draw loss and accuracy there (default: train_neuralnet.png)",
    )
    parser.add_argument("--no-plot", action="store_true", help="draw no picture")
    parser.add_argument("--show", action="store_true", help="show the picture in a window")
    args = parser.parse_args(argv)

    args.save = None if args.save is None else writable(parser, "--save", args.save)
    args.plot = None if args.no_plot else writable(parser, "--plot", args.plot)
    if args.save and args.plot and args.save.resolve() == args.plot.resolve():
        parser.error(f"arguments --save and --plot: expected two files, got {args.plot} for both")
    args.rng = np.random.default_rng(args.seed)
    try:
        args.network = build_network(args.hidden, dtype=args.dtype, rng=args.rng)
        if args.plot:
            check_picture_kind(args.plot)
        if args.show:
            check_windows()
        if args.load is not None:
            args.network.load(args.load)
        args.train_set, args.test_set = load_mnist(data_dir=args.data)
    except (MemoryError, OSError, ValueError) as error:
        parser.error(str(error))
    return args


if __name__ == "__main__":
    run_script(main)
