"""What runs beside a training and shows how far it is."""

import sys
import time
from contextlib import contextmanager

from tqdm import tqdm

from ch05.tools.screen import width
from common.threads import threads_for

__all__ = ["progress", "running"]


@contextmanager
def running(history, network, batch_size):
    """Around the loop of a training, with as many threads as help.

    Ctrl-C ends the loop. A FloatingPointError in it says in which update it came.
    """
    with threads_for(network.params, batch_size):
        try:
            yield
        except KeyboardInterrupt:
            history.interrupted = True
        except FloatingPointError as error:
            raise FloatingPointError(f"update {history.update}: {error}") from None


def progress(iters_num, history, on_epoch=None):
    """The numbers of the updates, with a bar in a terminal and in a notebook.

    After the first update of each epoch it calls on_epoch(history).
    """
    notebook, start = in_notebook(), time.perf_counter()
    stream = sys.stdout if notebook else sys.stderr
    shown = notebook or width(stream)
    with Bar(history, total=iters_num, file=stream, disable=not shown, leave=notebook) as bar:
        try:
            for i in range(iters_num):
                history.update = i
                yield i
                history.seconds = time.perf_counter() - start
                if i % history.iter_per_epoch == 0 and on_epoch:
                    on_epoch(history)
                bar.update()
        finally:  # the last update, Ctrl-C or an error
            history.seconds = time.perf_counter() - start


class Bar(tqdm):
    """How much is done, the time left, and the last loss and accuracy, as far as there is room."""

    def __init__(self, history, **how):
        self.history = history
        super().__init__(dynamic_ncols=True, **how)

    @property
    def format_dict(self):  # asked for each time that the bar is drawn
        now = super().format_dict
        room = (width(self.fp) or 80) - 3  # where ^C will stand
        words = ["{n:,}/{total:,}"] * (room >= 50) + ["{remaining} left"]
        if self.history.train_loss_list and room >= 70:
            words.append(f"loss {self.history.train_loss_list[-1]:.3f}")
        if self.history.test_acc_list:
            words.append(f"test {self.history.test_acc_list[-1]:.4f}")
        bar_format = "{percentage:3.0f}%|{bar}| " + ", ".join(words)
        return now | {"ncols": room, "bar_format": bar_format}

    def close(self):
        if not (self.disable or self.leave):
            self.fp.write(f"\r{' ' * (self.format_dict['ncols'] + 2)}\r")  # with the ^C in it
        super().close()


def in_notebook():
    """Does a Jupyter kernel run this? That ipykernel has been imported doesn't say so."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
