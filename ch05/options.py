"""What the command lines of the two scripts have in common."""

import argparse
import math

from ch05.multi_layer_net import MultiLayerNet
from ch05.two_layer_net import TwoLayerNet

__all__ = ["OneLineParser", "add_network_options", "build_network", "number", "whole_number"]

INPUT_SIZE, OUTPUT_SIZE = 784, 10  # pixels of a digit, digits


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser that answers a bad option with one line, and exit status 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def add_network_options(parser, seeds):
    parser.add_argument(
        "--hidden",
        type=whole_number,
        nargs="+",
        default=[50],
        metavar="UNITS",
        help="units of each hidden layer, for instance 50, or 100 100 100 100 (default: 50)",
    )
    parser.add_argument(
        "--seed",
        type=lambda text: whole_number(text, least=0),
        default=0,
        help=f"seed of {seeds} (default: 0)",
    )


def build_network(hidden, *, dtype, rng):
    """The chapter's TwoLayerNet for one hidden layer, a MultiLayerNet for more."""
    if len(hidden) == 1:
        return TwoLayerNet(INPUT_SIZE, hidden[0], OUTPUT_SIZE, dtype=dtype, rng=rng)
    return MultiLayerNet(INPUT_SIZE, hidden, OUTPUT_SIZE, dtype=dtype, rng=rng)


def whole_number(text, least=1):
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} up, got {text!r}")
    return value


def number(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value
