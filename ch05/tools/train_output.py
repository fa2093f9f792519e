"""What a training prints and writes: a row after each epoch, and the rest at the end."""

import io
import sys

from ch05.tools.progress import Bar
from ch05.tools.screen import on_screen, say
from common.files import ctrl_c_later, write_whole


def print_row(args, history):
    """After an epoch: save, and print the two accuracies above the bar.

    Standard output holds the chapter's numbers and no more. If it is on the same screen as standard
    error, the epoch stands before them.
    """
    epoch = len(history.test_acc_list) - 1
    # Ctrl-C leaves neither half of a line nor a file without its line. The bar gives way.
    with ctrl_c_later(), Bar.external_write_mode():
        if args.save:
            args.network.save(args.save)
        if epoch == 0:
            say("accuracy after the first update of each epoch")
            say("epoch  " * on_screen() + "train  test")
        if on_screen():
            print(f"{epoch:5}  ", end="", file=sys.stderr, flush=True)
        print(f"{history.train_acc_list[-1]:.4f} {history.test_acc_list[-1]:.4f}", flush=True)


def finish(args, history):
    """Say how the training went, on standard error, and write what was asked for.

    Returns the exit status: 130 after Ctrl-C.
    """
    if history.end_accuracies:
        row = "  end  {:.4f} {:.4f}" if on_screen() else "{:.4f} {:.4f} at the end"
        say(row.format(*history.end_accuracies))
    updates, seconds = len(history.train_loss_list), max(history.seconds, 1e-9)
    stopped = "stopped after " * history.interrupted
    rate = f", {updates / seconds:,.0f} a second" if updates > seconds else ""
    say(f"{stopped}{updates:,} update{'s' * (updates != 1)} in {seconds:.1f} s{rate}")
    if updates and args.save:
        args.network.save(args.save)
        say(f"weights written to {args.save}")
    if updates and args.plot:
        path = args.plot
        if history.interrupted:  # the picture of a whole training stays
            path = path.with_name(f"{path.stem}-stopped{path.suffix}")
        picture = io.BytesIO()
        history.plot().savefig(picture, format=path.suffix[1:], dpi=120)
        write_whole(path, picture.getvalue())
        say(f"picture written to {path}")
    if updates and args.show:
        show(args, history)
    return 130 if history.interrupted else 0


def show(args, history):
    """The picture in a window, until it is closed, if there is a screen."""
    try:
        history.plot().show()
    except (ImportError, RuntimeError):
        hint = f"the picture is in {args.plot}" if args.plot else "--plot FILE writes it to a file"
        say(f"expected a screen to show the picture on, got none; {hint}")
