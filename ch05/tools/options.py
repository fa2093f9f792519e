"""The options of the scripts: what they are called, what they must be, what they ask for."""

import argparse
import contextlib
import difflib
import math
import os
import sys
from pathlib import Path

import numpy as np

from ch05.multi_layer_net import MultiLayerNet
from ch05.tools.screen import say
from ch05.two_layer_net import TwoLayerNet
from common.files import write_whole
from dataset.mnist import load_mnist


def parse_training(argv, prog="train_neuralnet.py"):
    """The options of a training, and what they ask for: args.network and so on."""
    parser = OneLineParser(prog, "Train a network on handwritten digits.")
    updates = parser.add_mutually_exclusive_group()
    updates.add_argument("--iters", type=whole, default=10000, metavar="N", help="updates (10000)")
    updates.add_argument("--epochs", type=whole, metavar="N", help="or how many epochs: in one, "
        "as many images are drawn as there are")  # fmt: skip
    add = parser.add_argument
    add("--batch-size", type=whole, default=100, metavar="N", help="images per update (100)")
    add("--learning-rate", type=positive, default=0.1, metavar="RATE", help="size of a step (0.1)")
    add("--dtype", choices=("float32", "float64"), default="float32", help="kind of numbers: "
        "float32 is faster, float64 is more exact (float32)")  # fmt: skip
    add("--data", metavar="FOLDER", help="read the four data files in this folder (our MNIST)")
    add("--load", metavar="FILE", help="start from the weights in this file")
    add("--save", type=file_ending_in(".npz"), metavar="FILE", help="write the weights to this "
        ".npz file after each epoch and at the end")  # fmt: skip
    add("--plot", type=picture_file, metavar="FILE", default="train_neuralnet.png",
        help="draw loss and accuracies in this file instead of %(default)s")  # fmt: skip
    add("--no-plot", action="store_const", const=None, dest="plot", help="draw no picture")
    add("--show", action="store_true", help="show the picture in a window at the end")
    args = parser.parse_args(argv)
    args.rng = np.random.default_rng(args.seed)
    with parser.answers():
        args.network = build_network(args.hidden, args.dtype, args.rng)
        if args.load is not None:
            args.network.load(args.load)
        args.train_set, args.test_set = load_mnist(data_dir=args.data)
    if args.plot and args.plot.exists():
        say(f"{args.plot} will be replaced; --plot FILE writes another one")
    if args.epochs:
        args.iters = args.epochs * max(len(args.train_set[0]) // args.batch_size, 1)
    return args


def parse_check(argv):
    """The options of gradient_check.py, likewise."""
    parser = OneLineParser("gradient_check.py", "Compare backprop with numerical gradients.")
    add = parser.add_argument
    add("--images", type=images, default=3, metavar="N", help="images, from the first on (3)")
    add("--samples", type=whole, metavar="K", help="check K entries of each parameter, drawn at "
        "random (all; in a network of 50,000 parameters or more 100)")  # fmt: skip
    add("--tolerance", type=tolerance, default=1e-6, metavar="E", help="the largest error that "
        "is allowed (1e-6)")  # fmt: skip
    args = parser.parse_args(argv)
    with parser.answers():
        args.network = build_network(args.hidden, "float64", args.seed)
        args.train_set, _ = load_mnist()
    if args.samples is None and sum(p.size for p in args.network.params.values()) >= 50_000:
        args.samples = 100
    return args


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser that answers a bad option in one line, with exit status 2.

    --batch_size, the book's way of writing, is --batch-size, and --lr is --learning-rate.
    """

    def __init__(self, prog, description):
        super().__init__(prog=prog, usage="%(prog)s [options]", description=description)
        self.add_argument("--hidden", type=sizes, nargs="+", default=[[50]], metavar="UNITS",
            help="units of each hidden layer: 50 for one, 100 100 100 for three (50)")  # fmt: skip
        self.add_argument("--seed", type=natural, default=0, metavar="N",
            help="random seed: with the same one the same is drawn (0)")  # fmt: skip

    def parse_args(self, argv=None):
        argv = sys.argv[1:] if argv is None else argv
        args, unknown = self.parse_known_args([*map(usual_name, argv)])
        if unknown:
            names = [name for name in self._option_string_actions if name.startswith("--")]
            word = usual_name("--" + unknown[0].partition("=")[0].lstrip("-"))  # of -lr, too
            near = difflib.get_close_matches(word, names, n=1)
            hint = f"did you mean {near[0]}?" if near else "--help lists all"
            self.error(f"expected other options, got {unknown[0]}; {hint}")
        return args

    def error(self, message):
        say(f"{self.prog}: {message}")
        self.exit(2)

    @contextlib.contextmanager
    def answers(self):
        """Within it, what can't be read or built is a bad option too."""
        try:
            yield
        except (ImportError, MemoryError, OSError, ValueError) as error:
            self.error(str(error))


def usual_name(argument):
    name, equals, value = argument.partition("=")
    name = name.replace("_", "-") if name.startswith("--") else name
    return {"--lr": "--learning-rate"}.get(name, name) + equals + value


def number(kind, words, low, high=math.inf):
    """A type for argparse: a number of this kind from low to below high."""

    def convert(text):
        with contextlib.suppress(ValueError):
            if low <= kind(text) < high:
                return kind(text)
        raise argparse.ArgumentTypeError(f"expected {words}, got {text!r}")

    return convert


natural = number(int, "a whole number from 0 up", 0)
whole = number(int, "a whole number from 1 up", 1)
images = number(int, "a whole number from 1 to 60,000, as many as there are", 1, 60_001)
positive = number(float, "a number above 0", sys.float_info.min)
tolerance = number(float, "a number from 1e-9 to below 1", 1e-9, 1)


def sizes(text):
    return [whole(part) for part in text.strip(",").split(",")]  # people write 50,50 and 50, 50


def writable(name):
    """The path, if a file can be written there: to know it now, not after the training."""
    try:
        write_whole(name, None)  # only tried
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return Path(os.path.expanduser(name))


def file_ending_in(suffix):
    """A type for argparse: a file that can be written, with a name that ends so."""

    def convert(name):
        path = writable(name)
        if path.suffix.lower() != suffix:
            raise argparse.ArgumentTypeError(f"expected a name ending in {suffix}, got {name!r}")
        return path

    return convert


def picture_file(name):
    from matplotlib.figure import Figure

    path = writable(name)
    kinds = {*Figure().canvas.get_supported_filetypes()} - {"pgf"}  # which needs TeX
    if path.suffix[1:].lower() not in kinds:
        words = f"expected a name ending in .png, got {name!r}; .pdf, .svg and .jpg will do too"
        raise argparse.ArgumentTypeError(words)
    return path


def build_network(hidden, dtype, rng, **how):
    """The chapter's TwoLayerNet for one hidden layer, a MultiLayerNet for more."""
    hidden = sum(hidden, [])
    if len(hidden) == 1:
        return TwoLayerNet(784, hidden[0], 10, dtype=dtype, rng=rng, **how)
    return MultiLayerNet(784, hidden, 10, dtype=dtype, rng=rng, **how)
