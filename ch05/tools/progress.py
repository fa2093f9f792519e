"""What runs beside a training: Ctrl-C, threads, and a bar that shows how far it is."""

import contextlib
import pickle
import sys
import threading
import time

import numpy as np
from tqdm import tqdm

from ch05.tools.screen import on_screen, warn, width
from common.guards.learnt import find
from common.threads import threads_for


@contextlib.contextmanager
def running(history, network, iters_num, batch_size, draws):
    """Around the loop of a training. Gives it the numbers of the updates, and shows a bar.

    Ctrl-C ends the loop. A FloatingPointError in it says in which update it came.
    """
    start = time.perf_counter()
    with threads_for(network.params, batch_size), training_flags(network):
        bar = new_bar(iters_num)
        try:
            with bar:
                yield updates(history, iters_num, bar, start, draws)
        except KeyboardInterrupt:
            history.interrupted = True
            Bar.set_lock(threading.RLock())  # the old one may be taken: see below
        except FloatingPointError as error:
            update = len(history.train_loss_list)
            raise FloatingPointError(f"update {update}: {error}") from None
        finally:
            history.seconds = time.perf_counter() - start


@contextlib.contextmanager
def training_flags(network):
    """Layers that work differently in training, such as Dropout, have train_flg set to True."""
    layers = getattr(network, "layers", None)  # of a network of one's own it may be anything
    found = [layer for _, layer, _ in find(layers)] if hasattr(layers, "items") else []
    others = [layer for layer in found if not getattr(layer, "train_flg", True)]
    try:
        for layer in others:
            layer.train_flg = True
        yield
    finally:
        for layer in others:
            layer.train_flg = False


def updates(history, iters_num, bar, start, draws):
    before = None
    for i in range(iters_num):
        if i in (1, 2):
            before = warn_of_repeats(before, draws)
        yield i
        history.seconds = time.perf_counter() - start  # for on_epoch
        if not bar.disable:
            loss = f"loss {history.train_loss_list[-1]:.3f}"
            test = [f"test {accuracy:.4f}" for accuracy in history.test_acc_list[-1:]]
            bar.set_postfix_str(", ".join([loss, *test]), refresh=False)
        bar.update()


def wants_to_stop(on_epoch, history):
    """Call on_epoch. Does it end the training, by returning True, or by StopIteration?"""
    try:
        stop = on_epoch(history) if on_epoch else False
        history.interrupted = isinstance(stop, (bool, np.bool_)) and bool(stop)
    except StopIteration:
        history.interrupted = True
    return history.interrupted


def warn_of_repeats(before, draws):
    """Has the update before this one begun with the same random numbers?"""
    state = pickle.dumps(np.random.get_state() if draws is np.random else draws.bit_generator.state)
    if state == before:
        warn(
            "expected other samples in each batch, got a batch again: something sets the random "
            "numbers back, as np.random.seed in a forward does; keep a generator there, "
            "self.rng = np.random.default_rng(0)"
        )
    return state


def new_bar(iters_num):
    """It shows in a terminal and in a notebook: how much is done, the last loss and accuracy."""
    notebook = in_notebook()
    stream = sys.stdout if notebook else sys.stderr
    room = 80 if notebook else width(stream) - 3  # where ^C will stand
    form = "{percentage:3.0f}%|{bar}| {n:,}/{total:,}, {remaining} left{postfix}"
    # Rows that reach the screen through another program, such as tee, would land in the bar.
    shown = notebook or on_screen() or room > 0 and getattr(sys.stdout, "seekable", bool)()
    how = {"file": stream, "disable": not shown, "leave": notebook, "ncols": room}
    return Bar(total=iters_num, bar_format=form, **how)


class Bar(tqdm):
    monitor_interval = 0  # no thread of its own

    def close(self):
        if not (getattr(self, "disable", True) or self.leave):
            self.fp.write(f"\r{' ' * (self.ncols + 2)}\r")  # with the ^C in it
        super().close()


# tqdm's own lock is one between processes too, and stays taken where Ctrl-C comes while a bar is
# drawn: a process that is started then would wait for it for ever.
Bar.set_lock(threading.RLock())


def in_notebook():
    """Does a Jupyter kernel run this? That ipykernel has been imported doesn't say so."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
