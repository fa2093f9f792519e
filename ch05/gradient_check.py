"""The chapter's gradient check: backpropagation compared with numerical gradients.

Prints the mean absolute difference for each parameter, as the chapter does, and then a verdict.
"""

if not __package__:  # so that the imports below work when this file is started. Skip it.
    import project_path  # noqa: F401

import numpy as np

from ch05.tools.options import parse_check
from ch05.tools.script import run_script
from common.check import check_gradient


def print_differences(network, x_batch, t_batch):
    """The mean of |backprop - numerical gradient| for each parameter, as in the chapter."""
    grad_numerical = network.numerical_gradient(x_batch, t_batch)
    grad_backprop = network.gradient(x_batch, t_batch)
    for key in grad_numerical:
        diff = np.average(np.abs(grad_backprop[key] - grad_numerical[key]))
        print(f"{key}:{diff}", flush=True)


def main(argv=None):
    # args has the options, the data by load_mnist(), and a network. Without options it is
    # TwoLayerNet(784, 50, 10), and args.images is 3.
    args = parse_check(argv)
    network, (x_train, t_train) = args.network, args.train_set
    x_batch = x_train[: args.images]
    t_batch = t_train[: args.images]

    if args.samples is None:  # compare every entry of W and b
        print_differences(network, x_batch, t_batch)

    # Not in the book: a stricter check. Each entry by itself must agree, within a tolerance. With
    # --samples 20 it compares only 20 entries of each array.
    report = check_gradient(
        network, x_batch, t_batch, samples=args.samples, tolerance=args.tolerance, rng=args.seed
    )
    if args.samples is not None:
        for key, check in report.items():
            print(f"{key}:{check.mean_abs_diff}")
    print(f"\n{report.verdict()}")
    return 0 if report.ok else 1  # the exit status


if __name__ == "__main__":
    run_script(main)
