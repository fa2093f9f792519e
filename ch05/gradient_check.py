"""The chapter's gradient check: is backprop right? Differences over the first training images.

Prints the mean absolute difference between backprop and central differences for each
parameter, as the chapter does, and then a verdict. Exit status 0 if they agree, 1 if not, and 2
for options or data that can't be used.
"""

import sys
from pathlib import Path

import numpy as np

if not __package__:  # started as a file: let `common` be found beside ch05/
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ch05.options import (
    OneLineParser,
    add_network_options,
    build_network,
    number,
    run_script,
    whole_number,
)
from common.gradient import check_gradient
from dataset.mnist import load_mnist

LARGE = 50_000  # parameters; from here on a sample of them is checked, unless --samples says


def main(argv=None):
    args = parse(argv)
    network, samples = args.network, args.samples
    x_train, t_train = args.train_set
    if samples is None and sum(param.size for param in network.params.values()) >= LARGE:
        samples = 100

    report = check_gradient(
        network,
        x_train[: args.images],
        t_train[: args.images],
        samples=samples,
        tolerance=args.tolerance,
        rng=args.seed,
    )
    for key, check in report.items():
        print(f"{key}:{check.mean_abs_diff}")
    print(f"\n{report}")
    return 0 if report.ok else 1


def parse(argv):
    parser = OneLineParser(description=__doc__.split("\n")[0])
    add_network_options(parser, seeds="the weights and of the choice of entries")
    parser.add_argument(
        "--images", type=whole_number, default=3, metavar="N", help="how many images (default: 3)"
    )
    parser.add_argument(
        "--samples",
        type=whole_number,
        metavar="K",
        help="look at K entries of each parameter (default: all of them, or 100 of each in a "
        f"network of {LARGE:,} parameters or more)",
    )
    parser.add_argument(
        "--tolerance",
        type=number,
        default=1e-6,
        metavar="E",
        help="largest relative error that counts as agreement (default: 1e-6)",
    )
    args = parser.parse_args(argv)
    if not 1e-9 <= args.tolerance < 1:
        parser.error(f"argument --tolerance: expected 1e-9 to 1, got {args.tolerance:g}")
    try:
        args.network = build_network(args.hidden, dtype=np.float64, rng=args.seed)
        args.train_set, _ = load_mnist()
    except (MemoryError, OSError, ValueError) as error:
        parser.error(str(error))
    return args


if __name__ == "__main__":
    run_script(main)
