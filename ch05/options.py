"""What the two scripts have in common: options, and a quiet end."""

import argparse
import math
import os
import signal
import sys
import tempfile
from pathlib import Path

from ch05.multi_layer_net import MultiLayerNet
from ch05.two_layer_net import TwoLayerNet

__all__ = [
    "OneLineParser",
    "add_network_options",
    "build_network",
    "check_picture_kind",
    "check_windows",
    "number",
    "run_script",
    "whole_number",
    "writable",
]

INPUT_SIZE, OUTPUT_SIZE = 784, 10  # pixels of a digit, digits
MOST = 10**15  # no count that is meant is larger


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
    if value > MOST:
        raise argparse.ArgumentTypeError(f"expected a whole number up to {MOST:,}, got {text}")
    return value


def number(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def writable(parser, option, name):
    """The path, if a file can be written there."""
    path = Path(os.path.expanduser(name))
    if os.path.exists(path) and not os.path.isfile(path):
        kind = "folder" if path.is_dir() else "device"
        parser.error(f"argument {option}: expected a file, got the {kind} {path}")
    if path.exists() and not os.access(path, os.W_OK):
        parser.error(f"argument {option}: expected to write {path}, got a write-protected file")
    try:
        tempfile.TemporaryFile(dir=path.resolve().parent).close()
    except OSError as error:
        parser.error(
            f"argument {option}: expected a file in a folder that can be written, got {name}: "
            f"{error.strerror}"
        )
    return path


def check_picture_kind(path):
    from matplotlib.figure import Figure

    kinds = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in {*kinds} - {"pgf"}:  # which wants TeX, and only says so late
        raise ValueError(f"argument --plot: expected a name ending in .png, got {path}")


def check_windows():
    import matplotlib.pyplot as plt

    opens_windows = plt.figure().canvas.required_interactive_framework
    plt.close()
    if not opens_windows:
        raise ValueError("argument --show: expected a screen to open a window on, got none")


def run_script(main):
    """Exit with the status of main(), quietly where nobody reads the output (`| head`, `>&-`)."""
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")
    try:
        try:
            status = main()
        except SystemExit as stop:  # argparse ends so
            status = stop.code
        sys.stdout.flush()
    except (MemoryError, OSError) as error:
        if not isinstance(error, BrokenPipeError):
            print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        status = 1
    except KeyboardInterrupt:
        status = 130
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a late Ctrl-C ends Python's farewell silently
    sys.exit(status)
