"""What the two scripts need around the chapter's code: options, progress, a last word."""

import argparse
import io
import math
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ch05 import data_parallel
from ch05.multi_layer_net import MultiLayerNet
from ch05.two_layer_net import TwoLayerNet
from common.files import write_whole
from common.layers import SoftmaxWithLoss
from common.mistakes import label_rows
from dataset.mnist import load_mnist

INPUT_SIZE, OUTPUT_SIZE = 784, 10  # pixels, digits


# Options


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser that answers a bad option in one line, with exit status 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def parse_training(argv):
    """The options of train_neuralnet.py, and what they ask for: args.network and so on."""
    parser = OneLineParser(
        prog="train_neuralnet.py", description="Train a network on handwritten digits."
    )
    add = parser.add_argument
    add_network(parser, "seed of the weights and the batches")
    add("--iters", type=whole, metavar="N", help="updates (10000)")
    add("--epochs", type=whole, metavar="N", help="the same in epochs, of 60,000 images each")
    add("--batch-size", "--batch_size", type=whole, default=100, metavar="N", help="(100)")
    add("--learning-rate", "--learning_rate", "--lr", type=positive, default=0.1, metavar="RATE",
        help="step of an update (0.1)")  # fmt: skip
    add("--dtype", choices=("float32", "float64"), default="float32", help="(float32, faster)")
    add("--data", metavar="FOLDER", help="read the four data files there (MNIST)")
    add("--load", metavar="FILE", help="start from the weights in this file")
    add("--save", metavar="FILE", help="write the weights there after each epoch and at the end")
    add("--plot", metavar="FILE", default="train_neuralnet.png", help="the picture (%(default)s)")
    add("--no-plot", action="store_true", help="draw no picture")
    add("--show", action="store_true", help="show the picture in a window")
    args = parser.parse_args(argv)
    if args.iters and args.epochs:
        parser.error("arguments --iters and --epochs: expected one of the two, got both")

    args.save = None if args.save is None else writable(parser, "--save", args.save)
    args.plot = None if args.no_plot else writable(parser, "--plot", args.plot)
    if args.save and args.plot and args.save.resolve() == args.plot.resolve():
        parser.error(f"arguments --save and --plot: expected two files, got {args.plot} for both")
    args.rng = np.random.default_rng(args.seed)
    try:
        args.network = build_network(args.hidden, args.dtype, args.rng)
        if args.plot:
            check_picture_kind(args.plot)
        if args.show:
            check_screen()
        if args.load is not None:
            load(args.network, args.load)
        args.train_set, args.test_set = load_mnist(data_dir=args.data)
    except (ImportError, MemoryError, OSError, ValueError) as error:
        parser.error(str(error))
    epoch = max(len(args.train_set[0]) // args.batch_size, 1)
    args.iters = args.epochs * epoch if args.epochs else args.iters or 10000
    return args


def parse_check(argv):
    """The options of gradient_check.py, likewise."""
    parser = OneLineParser(prog="gradient_check.py", description="Check backprop by differences.")
    add = parser.add_argument
    add_network(parser, "seed of the weights and of the choice of entries")
    add("--images", type=whole, default=3, metavar="N", help="how many images (3)")
    add("--samples", type=whole, metavar="K", help="check K entries of each parameter (all; in "
        "a network of 50,000 parameters or more 100)")  # fmt: skip
    add("--tolerance", type=positive, default=1e-6, metavar="E", help="largest error (1e-6)")
    args = parser.parse_args(argv)
    if not 1e-9 <= args.tolerance < 1:
        parser.error(f"argument --tolerance: expected 1e-9 to 1, got {args.tolerance:g}")
    try:
        args.network = build_network(args.hidden, "float64", args.seed)
        args.train_set, _ = load_mnist()
    except (MemoryError, OSError, ValueError) as error:
        parser.error(str(error))
    if args.samples is None and sum(p.size for p in args.network.params.values()) >= 50_000:
        args.samples = 100
    return args


def add_network(parser, seed_help):
    parser.add_argument("--hidden", type=sizes, nargs="+", default=[[50]], metavar="UNITS",
                        help="units of each hidden layer: 50, or 100 100 100 (50)")  # fmt: skip
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help=f"{seed_help} (0)")


def build_network(hidden, dtype, rng):
    """The chapter's TwoLayerNet for one hidden layer, a MultiLayerNet for more."""
    hidden = sum(hidden, [])
    if len(hidden) == 1:
        return TwoLayerNet(INPUT_SIZE, hidden[0], OUTPUT_SIZE, dtype=dtype, rng=rng)
    return MultiLayerNet(INPUT_SIZE, hidden, OUTPUT_SIZE, dtype=dtype, rng=rng)


def load(network, path):
    try:
        network.load(path)
    except ValueError as error:
        raise ValueError(f"{error}; is --hidden the same as when they were saved?") from None


def natural(text, least=0):
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} up, got {text!r}")
    return value


def whole(text):
    return natural(text, least=1)


def sizes(text):
    return [whole(part) for part in text.split(",")]  # people write 50,50 too


def positive(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def writable(parser, option, name):
    """The path, if a file can be written there: to know it now, not after the training."""
    path = Path(os.path.expanduser(name))
    if path.exists() and not path.is_file():
        came = "folder" if path.is_dir() else "device"
        parser.error(f"argument {option}: expected a file, got the {came} {path}")
    if path.exists() and not os.access(path, os.W_OK):
        parser.error(f"argument {option}: expected to write {path}, got a write-protected file")
    try:
        tempfile.TemporaryFile(dir=path.resolve().parent).close()
    except OSError as error:
        parser.error(
            f"argument {option}: expected a folder that can be written, got {name}: "
            f"{error.strerror}"
        )
    return path


def check_picture_kind(path):
    from matplotlib.figure import Figure

    kinds = {*Figure().canvas.get_supported_filetypes()} - {"pgf"}  # which needs TeX
    if path.suffix[1:].lower() not in kinds:
        raise ValueError(f"argument --plot: expected a name ending in .png, got {path}")


def check_screen():
    import matplotlib.pyplot as plt

    if not plt.figure().canvas.required_interactive_framework:
        raise ValueError("argument --show: expected a screen to open a window on, got none")
    plt.close()


# Progress, and a last word


def have_classes(network, sets):
    """False if the last layer is one's own and takes a t that isn't labels.

    With SoftmaxWithLoss such a t is an error, which comes here, before the first update.
    """
    for name, (x, t) in zip(("train_set", "test_set"), sets):
        scores = None
        try:
            scores = network.predict(x[:1])
            label_rows(t, np.empty((len(t), *scores.shape[1:])))
        except ValueError as error:
            if scores is None or isinstance(network.lastLayer, SoftmaxWithLoss):
                raise ValueError(f"{name}: {error}") from None
            return False
    return True


def progress_bar(total):
    """A tqdm bar in a terminal and in a notebook, nothing elsewhere."""
    notebook = in_notebook()
    return tqdm(
        total=total,
        file=sys.stdout if notebook else sys.stderr,
        disable=False if notebook else None,  # None: only in a terminal
        leave=notebook,
        dynamic_ncols=True,
        bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}",
    )


def in_notebook():
    """Does a Jupyter kernel run this? That ipykernel has been imported doesn't say so."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def show_progress(bar, history):
    if not bar.disable and len(history.train_loss_list) % 100 == 1:
        words = f", loss {history.train_loss_list[-1]:.3f}"
        if history.test_acc_list:
            words += f", test digits {history.test_acc_list[-1]:.3f}"
        bar.set_postfix_str(words.removeprefix(", "), refresh=False)
    bar.update()


def print_accuracies(history):
    """A line of numbers to standard output, above the bar; before the first a header for people."""
    if len(history.test_acc_list) == 1:
        tqdm.write("accuracy after the first update of each epoch:", file=sys.stderr)
        tqdm.write("train  test", file=sys.stderr)
    tqdm.write(f"{history.train_acc_list[-1]:.4f} {history.test_acc_list[-1]:.4f}", file=sys.stdout)
    sys.stdout.flush()


def finish(args, history, seconds, accuracies):
    """Say how the training went, on standard error, and write what was asked for."""
    updates, loss = len(history.train_loss_list), history.train_loss_list[-100:]
    stopped, plural = "stopped by Ctrl-C after " * history.interrupted, "s" * (updates != 1)
    say(
        f"{stopped}{updates:,} update{plural} in {seconds:.1f} s, {updates / seconds:,.0f} a second"
    )
    say("accuracy: training digits {:.4f}, test digits {:.4f}".format(*accuracies))
    if args.save and updates:
        args.network.save(args.save)
        say(f"weights written to {args.save}")
    if args.plot and updates:
        path = args.plot
        if history.interrupted:  # the picture of a whole training stays
            path = path.with_name(f"{path.stem}-stopped{path.suffix}")
        write_whole(path, picture(history, path.suffix[1:]))
        say(f"picture written to {path}")
    if updates >= 100 and (np.mean(loss) > math.log(OUTPUT_SIZE) - 0.01 or accuracies[0] < 0.2):
        say("it has learnt next to nothing: try a smaller --learning-rate, or more updates")
    if args.show and updates:
        show(picture(history, "png"))


def say(line):
    print(line, file=sys.stderr, flush=True)


def picture(history, kind):
    """history.plot() as the bytes of a file of that kind: png, svg, pdf."""
    content = io.BytesIO()
    history.plot().savefig(content, format=kind, dpi=120)
    return content.getvalue()


def show(png):
    """A picture in a window, until it is closed."""
    import matplotlib.pyplot as plt

    ax = plt.figure(figsize=(10, 4)).add_axes((0, 0, 1, 1))
    ax.imshow(plt.imread(io.BytesIO(png)))
    ax.axis("off")
    plt.show()


def run_script(main):
    """Exit with the status of main(): quietly where nobody reads the output (| head, >&-)."""
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")
    try:
        try:
            status = main()
        except SystemExit as stop:  # argparse ends so
            status = stop.code
        sys.stdout.flush()
        sys.exit(status)
    except (FloatingPointError, ImportError, MemoryError, OSError) as error:
        if not isinstance(error, BrokenPipeError):
            print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr, flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        status = 1
    except KeyboardInterrupt:
        status = 130
    except Exception:
        data_parallel.end(1)
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # from here on Ctrl-C ends it without a word
    data_parallel.end(status)
    sys.exit(status)
