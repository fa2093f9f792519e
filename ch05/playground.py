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
import math
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
from ch05.tools.page import Page
from ch05.two_layer_net import TwoLayerNet
from common.files import write_whole
from common.functions import softmax
from common.mistakes import wrong
from common.threads import threads_for
from dataset.mnist import load_mnist
from dataset.photo import centred

__all__ = ["Playground"]

load_once = functools.cache(load_mnist)  # 190 MB, which all playgrounds share


class Playground:
    """A figure in which a network reads what you draw, and learns while you watch.

    network : a chain of any layers, from 784 pixels to 10 scores. Training changes it
    data    : as load_mnist() returns it, which is the default
    rng     : NumPy Generator or seed for the batches

    In a notebook, run %matplotlib widget first. In a script, Playground(network).show() opens a
    window. A new playground closes the one before.
    """

    def __init__(self, network, data=None, *, rng=None):
        if (shape := np.shape(network.predict(np.zeros((1, 784))))) != (1, 10):
            raise wrong(ValueError, "a network from 784 pixels to 10 scores", shape)
        self.network, self.first_params = network, network.params.copy()
        self.train_set, self.test_set = data or load_once()
        self.rng = np.random.default_rng(rng)
        self.t = None  # the right digit, once it is picked
        self.digits_shown = self.updates = 0
        self.curve = []  # (updates, loss, accuracy), a row for each picture
        self.training, self.drawn = False, True

        plt.close("playground")  # that of a cell which is run again: its training ends
        self.page = Page(network)
        self.figure = self.page.figure
        self.figure.playground = self  # so it lives as long as its figure
        self.pad = Pad(self.page.pad.axes, changed=self.read)
        self.page.on_buttons(self.clear, self.next_digit, self.train_or_pause, self.update,
                             self.start_anew)  # fmt: skip
        connect = self.figure.canvas.mpl_connect
        connect("button_press_event", self.pick)
        connect("key_press_event", self.key)
        connect("draw_event", self.has_drawn)
        connect("close_event", self.pause)
        self.timer = self.figure.canvas.new_timer(20)  # milliseconds
        self.timer.add_callback(self.tick)
        if "inline" in matplotlib.get_backend():
            print("This is a still picture. To draw on it, run %pip install ipympl, then "
                  "%matplotlib widget, and then this cell again.")  # fmt: skip
        if not self.alive:
            self.next_digit()
        self.show_training()

    @property
    def alive(self):
        """False where there is nothing but a picture: no window, no mouse, no timer."""
        return type(self.timer) is not TimerBase

    def show(self):
        """Open the window, until it is closed."""
        plt.show()

    # Forward and backward

    def read(self):
        """Show what the network makes of the drawn digit."""
        values = None
        with self.answers():
            if self.pad.ink.any():
                values = self.values()
        self.page.show_values(self.pad.ink, self.t, values)
        self.draw()

    def values(self):
        """What the layers compute for the drawn digit: x, outs, y, L, douts, dx.

        outs and douts are {name of a layer: what it returned, what came back to it}. L, douts and
        dx need the right digit.
        """
        x = centred(self.pad.ink).astype(self.network.dtype)
        scores = self.network.predict(x)  # if something isn't finite, this says where
        outs, L, douts, dx = {}, None, {}, None
        with np.errstate(all="ignore"), not_training(self.network.layers):
            out = x
            for name, layer in self.network.layers.items():
                out = layer.forward(out)
                outs[name] = np.array(out)  # a copy: the next layer may write into it
            scores = outs[name]
            if self.t is not None:
                L = self.network.lastLayer.forward(out, np.array([self.t]))
                dx = self.network.lastLayer.backward()
                for name, layer in reversed(self.network.layers.items()):
                    douts[name] = np.array(dx)
                    dx = layer.backward(dx)
        return x, outs, softmax(scores)[0], L, douts, dx

    # Training

    def learn(self, updates=1, seconds=0.0):
        """The chapter's loop: so many updates, and more until so many seconds have passed."""
        (x_train, t_train), (x_test, t_test) = self.train_set, self.test_set
        learning_rate, batch_size = self.page.learning_rate, self.page.batch_size
        losses, end = [], time.perf_counter() + seconds
        with threads_for(self.network.params, batch_size), np.errstate(all="ignore"):
            while len(losses) < updates or time.perf_counter() < end:
                self.updates += 1
                batch_mask = self.rng.choice(len(x_train), batch_size)
                x_batch, t_batch = x_train[batch_mask], t_train[batch_mask]
                grad = self.network.gradient(x_batch, t_batch)
                params = self.network.params
                for key in params:
                    params[key] -= learning_rate * grad[key]
                losses.append(self.network.loss(x_batch, t_batch))
            accuracy = self.network.accuracy(x_test[:1000], t_test[:1000])
        self.curve.append((self.updates, np.mean(losses), accuracy))
        if len(self.curve) > 2000:
            self.curve = self.curve[::2]

    def update(self, updates=1, seconds=0.0):
        with self.answers():
            self.learn(updates, seconds)
        self.show_training()

    def tick(self):
        """Called by the timer. Goes on when the last picture has come to the screen."""
        if self.training and self.drawn:
            self.update(seconds=0.03)

    def show_training(self):
        self.page.show_training(self.curve, self.training)
        self.read()

    @contextmanager
    def answers(self):
        """What goes wrong in a with statement is said in the figure, which goes on."""
        try:
            yield
        except Exception as error:
            if isinstance(error, FloatingPointError):
                error = f"Update {self.updates}: {error}. Press start anew."
            self.pause()
            self.page.complain(str(error))

    # What people do

    def train_or_pause(self):
        if self.training:
            self.pause()
        else:
            self.training = True
            self.timer.start()
        self.show_training()

    def pause(self, event=None):
        self.training = False
        self.timer.stop()

    def start_anew(self):
        """With the parameters as they were at first."""
        self.network.params.update(self.first_params)
        self.updates, self.curve = 0, []
        self.page.complain("")
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

    def draw(self):
        self.drawn = False
        self.figure.canvas.draw_idle()

    def has_drawn(self, event):
        self.drawn = True


@contextmanager
def not_training(layers):
    """Layers such as Dropout have train_flg set to False in a with statement."""
    flags = [(layer, layer.train_flg) for layer in layers.values() if hasattr(layer, "train_flg")]
    try:
        for layer, _ in flags:
            layer.train_flg = False
        yield
    finally:
        for layer, flag in flags:
            layer.train_flg = flag


class Pad:
    """28 x 28 pixels on which the mouse draws. The left button inks, the right one erases."""

    def __init__(self, ax, changed):
        self.ax, self.changed = ax, changed
        self.ink = np.zeros((28, 28))
        self.erasing = False  # with the left button too
        self.button = self.place = None  # the button that is down; where the mouse was last
        connect = ax.figure.canvas.mpl_connect
        connect("button_press_event", self.press)
        connect("motion_notify_event", self.move)
        connect("button_release_event", self.release)

    def press(self, event):
        if event.inaxes is self.ax and event.button in (1, 3):
            self.button, self.place = event.button, None
            self.move(event)

    def move(self, event):
        """A line from the last place to this one, since in a quick stroke they lie far apart."""
        if getattr(event, "buttons", None) == frozenset():  # released outside the window
            self.button = None
        if event.inaxes is not self.ax:
            self.place = None
        elif self.button:
            place = np.array([event.xdata, event.ydata])
            self.stroke(place if self.place is None else self.place, place)
            self.place = place
            self.changed()

    def release(self, event):
        self.button = None

    def stroke(self, start, end):
        """Inks or erases what is near the line from start to end, which are (x, y) in pixels."""
        pixels = np.mgrid[:28, :28][::-1].transpose(1, 2, 0)  # (28, 28, 2): x and y of each
        along = end - start
        share = np.clip((pixels - start) @ along / max(along @ along, 1e-9), 0, 1)
        distance = np.linalg.norm(pixels - start - share[..., np.newaxis] * along, axis=-1)
        if self.erasing or self.button == 3:
            self.ink = np.minimum(self.ink, np.clip(distance - 1.5, 0, 1))
        else:
            self.ink = np.maximum(self.ink, np.clip(1.8 - distance, 0, 1))


# The script


def main(argv=None):
    parser = argparse.ArgumentParser(prog="playground.py", description="See a network learn.")
    add = parser.add_argument
    add("--hidden", type=int, nargs="+", default=[50], metavar="UNITS",
        help="units of each hidden layer: 50, or 100 100 100 (50)")  # fmt: skip
    add("--std", type=float, metavar="S", help="the weights start as S times normal random numbers")
    add("--load", metavar="FILE", help="start from the weights in this file")
    add("--seed", type=int, default=0, metavar="N", help="of what is drawn (0)")
    add("--browser", action="store_true", help="in a browser, not in a window")
    add("--gif", metavar="FILE", help="write an animation of a training, and open no window")
    args = parser.parse_args(argv)
    if args.browser and importlib.util.find_spec("tornado") is None:
        parser.error("--browser: expected the package tornado, got none; run: "
                     "python -m pip install tornado")  # fmt: skip
    if args.gif or args.browser:
        matplotlib.use("agg" if args.gif else "webagg")
        matplotlib.rcParams["webagg.address"] = "127.0.0.1"  # nobody else's computer
    try:
        playground = Playground(new_network(args), rng=args.seed)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    if args.gif:
        write_gif(playground, args.gif)
    elif not playground.alive:
        parser.error("expected a screen to open a window on, got none; use --browser, or "
                     "--gif FILE")  # fmt: skip
    else:
        playground.show()


def new_network(args):
    how = {"dtype": np.float32, "rng": args.seed}
    if len(args.hidden) == 1:
        network = TwoLayerNet(784, *args.hidden, 10, args.std or 0.01, **how)
    else:
        std = {} if args.std is None else {"weight_init_std": args.std}
        network = MultiLayerNet(784, args.hidden, 10, **std, **how)
    if args.load:
        network.load(args.load)
    return network


def write_gif(playground, path, frames=36):
    """An animation: somebody draws a 7, and the network learns to read it."""
    from PIL import Image

    corners = np.array([[8, 7], [19, 7], [17, 12], [14, 17], [12, 21]], float)
    playground.clear()
    pictures = []
    for k in tqdm(range(frames), desc="frames", disable=None):
        if k < len(corners) - 1:
            playground.pad.stroke(corners[k], corners[k + 1])
        else:
            playground.t = 7
            playground.learn(max(1, round(1.25 ** (k - 4))))
        playground.show_training()
        canvas = playground.figure.canvas
        picture = Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB")
        pictures.append(picture.quantize(48, dither=Image.Dither.NONE))
    content = io.BytesIO()
    pictures[0].save(content, "gif", save_all=True, append_images=pictures[1:], loop=0,
                     duration=[200] * (frames - 1) + [3000])  # fmt: skip
    write_whole(path, content.getvalue())


if __name__ == "__main__":
    main()
