"""The chapter alive: draw a digit, and watch a network read it, learn, and send gradients back.

    python ch05/playground.py              in a window
    python ch05/playground.py --browser    in a browser

In a notebook: %matplotlib widget, and then Playground(network). Blue goes forward, orange comes
back, as in draw_network. Every number on the screen comes from the layers, while they run.
"""

import argparse
import functools
import importlib.util
import io
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

if not __package__:  # started as a file: let `common` be found beside ch05/
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import ch05  # noqa: F401 (if a package is missing, it says which command to run)

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.backend_bases import TimerBase
from tqdm import tqdm

from ch05.multi_layer_net import MultiLayerNet
from ch05.tools.page import Pad, Page
from ch05.tools.start import use_backend
from ch05.two_layer_net import TwoLayerNet
from common.files import write_whole
from common.functions import softmax
from common.guards.learnt import find
from common.guards.mistakes import wrong
from common.threads import threads_for
from dataset.mnist import load_mnist
from dataset.photo import centred

__all__ = ["Playground"]

HINTS = (
    "1  Draw a digit in the square.",
    "2  Press train. The network learns from 60,000 digits, and reads yours meanwhile.",
    "3  Click the bar of the right digit. Orange shows what comes back from the loss.",
    "Now change something: the digit, the right digit, the learning rate. What happens?",
)
load_once = functools.cache(load_mnist)  # 190 MB, which all playgrounds share


class Playground:
    """A figure in which a network reads what you draw, and learns while you watch.

    network : a chain of any layers, from 784 pixels to 10 scores. Training changes it
    data    : as load_mnist() returns it, which is the default
    rng     : NumPy Generator or seed for the batches
    width   : of the figure, in pixels

    In a notebook, run %matplotlib widget first. In a script, Playground(network).show() opens a
    window. A new playground pauses the one before.
    """

    newest = None  # the one that may be training

    def __init__(self, network, data=None, *, rng=None, width=1100):
        shape = np.shape(network.predict(np.zeros((1, 784))))
        if shape != (1, 10):
            raise wrong(ValueError, "a network from 784 pixels to 10 scores", shape)
        self.network, self.first_params = network, network.params.copy()
        self.train_set, self.test_set = data or load_once()
        self.rng = np.random.default_rng(rng)
        self.t = None  # the right digit, once it is picked
        self.digits_shown = self.updates = 0
        self.losses, self.curve = [], []  # curve: (updates, loss, accuracy), a row for each picture
        self.training, self.training_error = False, ""

        self.page = Page(network, width)
        self.figure = self.page.figure
        self.figure.playground = self  # so it lives as long as its figure
        if Playground.newest:  # that of a cell which is run again, for instance
            Playground.newest.pause()
        Playground.newest = self
        self.pad = Pad(self.page.pad.axes, changed=self.read)
        self.page.on_buttons(self.clear, self.next_digit, self.train_or_pause, self.one_update,
                             self.start_anew)  # fmt: skip
        connect = self.figure.canvas.mpl_connect
        connect("button_press_event", self.pick)
        connect("key_press_event", self.key)
        connect("draw_event", self.has_drawn)
        connect("close_event", self.pause)
        self.timer = self.figure.canvas.new_timer(5)  # milliseconds
        self.timer.add_callback(self.tick)
        if not self.alive:
            self.next_digit()
        self.show_training()
        if "inline" in matplotlib.get_backend():
            self.show_still()

    @property
    def alive(self):
        """False where there is nothing but a picture: no window, no mouse, no timer."""
        return type(self.timer) is not TimerBase

    def show_still(self):
        """In a notebook without ipympl: one picture, at once."""
        from IPython.display import display

        print("This is a still picture. To draw on it, run %pip install ipympl, then "
              "%matplotlib widget, and then this cell again.")  # fmt: skip
        display(self.figure)
        plt.close(self.figure)

    def show(self):
        """Open the window, until it is closed."""
        plt.show()

    # Forward and backward

    def values(self):
        """What the layers compute for the drawn digit: x, outs, y, L, douts, dx.

        outs and douts are {name of a layer: what it returned, what came back to it}. L, douts and
        dx need the right digit.
        """
        x = centred(self.pad.ink).astype(self.network.dtype)
        self.network.predict(x)  # if something isn't finite, this says where
        outs, L, douts, dx = {}, None, {}, None
        with np.errstate(all="ignore"), not_training(self.network.layers):
            out = x
            for name, layer in self.network.layers.items():
                out = layer.forward(out)
                outs[name] = np.array(out)  # a copy: the next layer may write into it
            y = softmax(out)[0]
            if self.t is not None:
                L = self.network.lastLayer.forward(out, np.array([self.t]))
                dx = self.network.lastLayer.backward()
                for name, layer in reversed(self.network.layers.items()):
                    douts[name] = np.array(dx)
                    dx = layer.backward(dx)
        return x, outs, y, L, douts, dx

    def read(self):
        """Show what the network makes of the drawn digit; or the error, if it can't."""
        values, error = None, self.training_error
        try:
            if self.pad.ink.any():
                values = self.values()
        except Exception as caught:  # of a reader's own layer, too
            error = error or str(caught)
        done = [self.pad.ink.any(), self.updates > 0, self.t is not None, False]
        self.page.say(error or HINTS[done.index(False)], bool(error))
        self.page.show_values(self.pad.ink, self.t, values)
        self.draw()

    # Training

    def learn(self, updates=1, seconds=0.0):
        """The chapter's loop: so many updates, and more until so many seconds have passed."""
        (x_train, t_train), end = self.train_set, time.perf_counter() + seconds
        learning_rate, batch_size = self.page.learning_rate, self.page.batch_size
        with threads_for(self.network.params, batch_size), np.errstate(all="ignore"):
            while updates > 0 or time.perf_counter() < end:
                updates -= 1
                self.updates += 1
                batch_mask = self.rng.choice(len(x_train), batch_size)
                x_batch, t_batch = x_train[batch_mask], t_train[batch_mask]
                grad = self.network.gradient(x_batch, t_batch)
                params = self.network.params
                for key in params:
                    params[key] -= learning_rate * grad[key]
                self.losses.append(self.network.loss(x_batch, t_batch))

    def update(self, updates=1, seconds=0.0, show=True):
        """Learn and show it."""
        try:
            self.learn(updates, seconds)
            if show:
                x_test, t_test = self.test_set
                accuracy = self.network.accuracy(x_test[:1000], t_test[:1000])
                self.curve.append((self.updates, np.mean(self.losses), accuracy))
                self.losses = []
                if len(self.curve) > 2000:  # a long line takes long to draw
                    self.curve = self.curve[::2]
        except Exception as error:  # a learning rate that is too large, above all
            self.pause()
            self.training_error, show = f"Update {self.updates}: {error}", True
            if isinstance(error, FloatingPointError):
                self.training_error += ". Press start anew"
        if show:
            self.show_training()

    def tick(self):
        """Called by the timer. Shows nothing until the last picture has come to the screen.

        If it doesn't come for a second, nobody looks any more: then the training waits, too.
        """
        waiting = time.perf_counter() - self.asked
        if self.training and (self.drawn or waiting < 1):
            stroke = self.pad.button and waiting < 0.25  # it shows itself, and should do so at once
            show = self.drawn and not stroke
            self.update(seconds=0.03 if show else 0.01, show=show)

    def show_training(self):
        self.page.show_training(self.curve, self.training)
        self.read()

    def draw(self):
        self.drawn, self.asked = False, time.perf_counter()
        self.figure.canvas.draw_idle()

    def has_drawn(self, event):
        self.drawn = True

    # What people do

    def train_or_pause(self):
        if self.training:
            self.pause()
        else:
            self.training, self.training_error = True, ""
            self.timer.start()
        self.show_training()

    def pause(self, event=None):
        self.training = False
        self.timer.stop()

    def one_update(self):
        self.training_error = ""
        self.update()

    def start_anew(self):
        """With the parameters as they were at first."""
        self.network.params.update(self.first_params)
        self.updates, self.losses, self.curve, self.training_error = 0, [], [], ""
        self.show_training()

    def clear(self):
        self.pad.ink, self.t = np.zeros((28, 28)), None
        self.read()

    def next_digit(self):
        """A digit of the test set, from which the network doesn't learn."""
        x_test, t_test = self.test_set
        i = self.digits_shown % len(x_test)
        self.digits_shown += 1
        self.pad.ink, self.t = np.array(x_test[i], float).reshape(28, 28), int(t_test[i])
        self.read()

    def pick(self, event):
        """A click on a bar says which digit is right. A second click takes it back."""
        digit = self.page.digit_at(event)
        if digit is not None:
            self.t = None if digit == self.t else digit
            self.read()

    def key(self, event):
        if event.key == "e":
            self.pad.erasing = not self.pad.erasing
            self.page.show_pen(self.pad.erasing)
            self.draw()


@contextmanager
def not_training(layers):
    """Layers such as Dropout have train_flg set to False in a with statement."""
    flagged = [each.layer for each in find(layers) if hasattr(each.layer, "train_flg")]
    flags = [layer.train_flg for layer in flagged]
    try:
        for layer in flagged:
            layer.train_flg = False
        yield
    finally:
        for layer, flag in zip(flagged, flags):
            layer.train_flg = flag


# The script


def main(argv=None):
    parser = argparse.ArgumentParser(prog="playground.py", description="See a network learn.")
    add = parser.add_argument
    add("--hidden", type=int, nargs="+", default=[50], metavar="UNITS",
        help="units of each hidden layer: 50, or 100 100 100 (50)")  # fmt: skip
    add("--std", type=float, metavar="S", help="the weights start as S times normal random numbers")
    add("--load", metavar="FILE", help="start from the weights in this file")
    add("--seed", type=int, default=0, metavar="N", help="of what is drawn (0)")
    add("--width", type=int, default=1100, metavar="PIXELS", help="of the figure (1100)")
    add("--browser", action="store_true", help="in a browser, not in a window")
    add("--gif", metavar="FILE", help="write an animation of a training, and open no window")
    args = parser.parse_args(argv)
    if args.browser and importlib.util.find_spec("tornado") is None:
        parser.error("--browser: expected the package tornado, got none; run: "
                     "python -m pip install tornado")  # fmt: skip
    if args.gif or args.browser:
        matplotlib.use("agg" if args.gif else "webagg")
        matplotlib.rcParams["webagg.address"] = "127.0.0.1"  # for this computer alone
    if args.browser:
        from matplotlib.backends.backend_webagg_core import NavigationToolbar2WebAgg

        NavigationToolbar2WebAgg.toolitems = []  # no buttons to zoom and pan below the page
    try:
        if not (args.gif or args.browser):
            use_backend()
        playground = Playground(new_network(args), rng=args.seed, width=args.width)
        if args.gif:
            write_gif(playground, args.gif)
        elif playground.alive:
            playground.show()
        else:
            raise ImportError("no screen")
    except ImportError:
        parser.error("expected a screen to open a window on, got none; use --browser, or "
                     "--gif FILE")  # fmt: skip
    except (OSError, ValueError) as error:
        parser.error(str(error))


def new_network(args):
    how = {"dtype": np.float32, "rng": args.seed}
    if args.std is not None:
        how["weight_init_std"] = args.std
    if len(args.hidden) == 1:
        network = TwoLayerNet(784, *args.hidden, 10, **how)
    else:
        network = MultiLayerNet(784, args.hidden, 10, **how)
    if args.load:
        network.load(args.load)
    return network


def write_gif(playground, path, frames=32):
    """An animation: somebody draws a 7, and the network learns to read it."""
    from PIL import Image

    corners = np.array([[8, 7], [19, 7], [17, 12], [14, 17], [12, 21]], float)
    playground.clear()
    pictures = []
    for k in tqdm(range(frames), desc="frames", disable=None):
        if k < len(corners) - 1:
            playground.pad.stroke(corners[k], corners[k + 1])
            playground.read()
        else:
            playground.t, playground.training = 7, True
            playground.update(round(1.3 ** (k - 4)))
        playground.figure.canvas.draw()
        picture = np.array(playground.figure.canvas.buffer_rgba())
        pictures.append(Image.fromarray(picture).convert("RGB"))
    colours = pictures[-1].quantize(64, kmeans=3)  # few, and the same in all frames: a small file
    first, *others = [each.quantize(palette=colours, dither=0) for each in pictures]
    content, times = io.BytesIO(), [200] * (frames - 1) + [3000]  # milliseconds
    first.save(content, "gif", save_all=True, append_images=others, duration=times, loop=0)
    write_whole(path, content.getvalue())


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once: nothing is lost
    main()
