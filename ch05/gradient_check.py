"""The chapter's gradient check: backprop beside numerical gradients, on the first images.

Prints the mean absolute difference for each parameter, as the chapter does, and then a verdict.
The exit status is 0 if they agree, 1 if not, and 2 for options that can't be used.
"""

if not __package__:  # started as a file
    import project_path  # noqa: F401

from ch05.tools.options import parse_check
from ch05.tools.script import run_script
from common.check import check_gradient


def main(argv=None):
    args = parse_check(argv)
    x_train, t_train = args.train_set
    x_batch = x_train[: args.images]
    t_batch = t_train[: args.images]

    report = check_gradient(
        args.network,
        x_batch,
        t_batch,
        samples=args.samples,
        tolerance=args.tolerance,
        rng=args.seed,
    )
    for key, check in report.items():
        print(f"{key}:{check.mean_abs_diff}")
    print(f"\n{report.verdict()}")
    return 0 if report.ok else 1


if __name__ == "__main__":
    run_script(main)
