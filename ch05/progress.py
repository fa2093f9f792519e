"""What a training checks first, keeps, shows on the way, and says at the end."""

import io
import math
import numbers
import sys
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from common.files import ctrl_c_later, write_whole
from common.layers import SoftmaxWithLoss
from common.mistakes import as_numbers, check_count, kind, label_rows, short, wrong

__all__ = ["History", "check_training", "finish", "progress", "save_and_print"]


@dataclass(repr=False)
class History:
    """What happened in a training: a loss for each update, two accuracies for each epoch."""

    iter_per_epoch: int
    train_loss_list: list = field(default_factory=list)
    train_acc_list: list = field(default_factory=list)
    test_acc_list: list = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0

    def plot(self):
        """The loss and the accuracies as a picture."""
        from ch05.pictures import draw_history

        return draw_history(self)

    def __repr__(self):
        words = [f"{len(self.train_loss_list):,} updates"]
        if self.train_loss_list:
            words.append(f"loss {self.train_loss_list[-1]:.4f}")
        if self.test_acc_list:
            words.append(f"accuracy {self.train_acc_list[-1]:.4f}, {self.test_acc_list[-1]:.4f}")
        return f"History({', '.join(words)}{', stopped' if self.interrupted else ''})"


# Before the first update


def check_training(network, train_set, test_set, iters_num, batch_size, learning_rate):
    """The two sets as arrays; and are their t labels, so that there is an accuracy?"""
    if isinstance(network, type):
        raise wrong(TypeError, "a network", kind(network))
    check_count("iters_num", iters_num)
    check_count("batch_size", batch_size)
    if not isinstance(learning_rate, numbers.Real) or not 0 < learning_rate < math.inf:
        raise wrong(ValueError, "learning_rate as a number above 0", short(learning_rate))
    train_set, test_set = as_set("train_set", train_set), as_set("test_set", test_set)
    if not warn_of_scale("x_train", train_set[0]):
        warn_of_scale("x_test", test_set[0])
    have_classes = [
        are_classes(network, name, *pair)
        for name, pair in (("train_set", train_set), ("test_set", test_set))
    ]
    return train_set, test_set, all(have_classes)


def as_set(name, pair):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise wrong(TypeError, f"{name} as a pair (x, t)", kind(pair))
    x, t = (as_numbers(each, f"{name} as arrays of real numbers") for each in pair)
    if x.ndim < 2 or x.shape[:1] != t.shape[:1] or x.size == 0:
        came = f"{x.shape} and {t.shape}"
        raise wrong(ValueError, f"{name} as N samples x, (N, D), and N labels t", came)
    return x, t


def warn_of_scale(name, x):
    """Warn of samples that aren't of the size for which networks start.

    Found by trying: training on MNIST fails if their root mean square is 10 or more, or 0.01.
    """
    size = float(np.sqrt(np.mean(np.square(x[:1000], dtype=np.float64))))
    if 0.02 <= size <= 7 or size == 0:
        return False
    came = f"numbers of about {size:.3g}, up to {x.max():.4g}"
    hint = "divide pixels by 255, or pass normalize=True to load_mnist"
    hint = hint if size > 1 else "were they divided by 255 twice?"
    warnings.warn(f"expected {name} to be of about 1, got {came}; {hint}", stacklevel=4)
    return True


def are_classes(network, name, x, t):
    """False if the last layer is one's own and takes a t that isn't labels.

    With SoftmaxWithLoss such a t is an error, which comes here, before the first update.
    """
    scores = None
    try:
        scores = network.predict(x[:1])
        label_rows(t, np.empty((len(t), *scores.shape[1:])))
    except ValueError as error:
        if scores is None or isinstance(network.lastLayer, SoftmaxWithLoss):
            raise ValueError(f"{name}: {error}") from None
        return False
    return True


# On the way


def progress(iters_num, history):
    """The numbers of the updates, with a bar in a terminal and in a notebook."""
    notebook, start = in_notebook(), time.perf_counter()
    bar = tqdm(
        total=iters_num,
        file=sys.stdout if notebook else sys.stderr,
        disable=False if notebook else None,  # None: only in a terminal
        leave=notebook,
        dynamic_ncols=True,
        bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}",
    )
    with bar:
        for i in range(iters_num):
            yield i
            history.seconds = time.perf_counter() - start
            if not bar.disable and i % 100 == 0:
                words = f"loss {history.train_loss_list[-1]:.3f}"
                if history.test_acc_list:
                    words += f", test digits {history.test_acc_list[-1]:.3f}"
                bar.set_postfix_str(words, refresh=False)
            bar.update()


def in_notebook():
    """Does a Jupyter kernel run this? That ipykernel has been imported doesn't say so."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def save_and_print(args, history):
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


# At the end


def finish(args, history, accuracies):
    """Say how the training went, on standard error, and write what was asked for."""
    updates, seconds = len(history.train_loss_list), max(history.seconds, 1e-9)
    stopped, plural = "stopped by Ctrl-C after " * history.interrupted, "s" * (updates != 1)
    say(
        f"{stopped}{updates:,} update{plural} in {seconds:.1f} s, {updates / seconds:,.0f} a second"
    )
    say("accuracy: training digits {:.4f}, test digits {:.4f}".format(*accuracies))
    if updates == 0:
        return
    if args.save:
        args.network.save(args.save)
        say(f"weights written to {args.save}")
    if args.plot:
        path = args.plot
        if history.interrupted:  # the picture of a whole training stays
            path = path.with_name(f"{path.stem}-stopped{path.suffix}")
        write_whole(path, picture(history, path.suffix[1:]))
        say(f"picture written to {path}")
    poor = np.mean(history.train_loss_list[-100:]) > math.log(10) - 0.01 or accuracies[0] < 0.2
    if updates >= 100 and poor:
        say("it has learnt next to nothing: try a smaller --learning-rate, or more updates")
    if args.show:
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
