"""What train_neuralnet.py prints and writes: after each epoch, and at the end."""

import io
import shutil
import sys
import textwrap

from tqdm import tqdm

from common.files import ctrl_c_later, write_whole

__all__ = ["finish", "print_row"]


def print_row(args, history):
    """After an epoch: a line of numbers to standard output, above the bar."""
    with ctrl_c_later():  # neither half of a line, nor a file without its line
        if args.save:
            args.network.save(args.save)
        if len(history.test_acc_list) == 1:  # a header, for people
            tqdm.write("accuracy after the first update of each epoch:", file=sys.stderr)
            tqdm.write("train  test", file=sys.stderr)
        line = f"{history.train_acc_list[-1]:.4f} {history.test_acc_list[-1]:.4f}"
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()


def finish(args, history):
    """Say how the training went, on standard error, and write what was asked for.

    Returns the exit status: 130 after Ctrl-C.
    """
    updates, seconds = len(history.train_loss_list), max(history.seconds, 1e-9)
    stopped, plural = "stopped by Ctrl-C after " * history.interrupted, "s" * (updates != 1)
    say(
        f"{stopped}{updates:,} update{plural} in {seconds:.1f} s, {updates / seconds:,.0f} a second"
    )
    if history.end_accuracies:
        say("accuracy: training digits {:.4f}, test digits {:.4f}".format(*history.end_accuracies))
    status = 130 if history.interrupted else 0
    if updates == 0:
        return status
    if args.save:
        args.network.save(args.save)
        say(f"weights written to {args.save}")
    if args.plot:
        path = args.plot
        if history.interrupted:  # the picture of a whole training stays
            path = path.with_name(f"{path.stem}-stopped{path.suffix}")
        write_whole(path, picture(history, path.suffix[1:]))
        say(f"picture written to {path}")
    if args.show:
        show(picture(history, "png"))
    return status


def say(line):
    """A line to standard error; in a terminal broken between words."""
    if sys.stderr.isatty():
        line = textwrap.fill(line, shutil.get_terminal_size().columns, break_long_words=False,
                             break_on_hyphens=False)  # fmt: skip
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
