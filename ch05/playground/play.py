"""The playground: what happens when somebody draws, points, trains."""

import contextlib
import functools
import numbers
import time

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.backend_bases import TimerBase

from ch05.playground.copies import Copies
from ch05.playground.look import NOTHING, check_unit, look, loudest, path_of_units, survey, unit_of
from ch05.playground.pad import Pad
from ch05.playground.page import Page, locked
from ch05.playground.words import after_update, hint, in_words
from ch05.tools.check_training import check_training
from common.guards.arguments import kind, label_rows, short, wrong
from common.network import Network
from common.threads import threads_for
from dataset.mnist import load_mnist

load_once = functools.cache(load_mnist)  # 190 MB, which all playgrounds share


def sets_of(network, data):
    """Two pairs of samples and class numbers, from data of one's own."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise wrong(TypeError, "data as (x_train, t_train), (x_test, t_test)", kind(data))
    *sets, _ = check_training(network, *data, 1, 1, 1)
    return [(x, label_rows(t, np.empty((len(t), 10))).argmax(axis=1)) for x, t in sets]


class Playground:
    """A figure in which a network reads what you draw, and learns while you watch.

    network : a chain of any layers, from 784 pixels to 10 scores. It stays as it is: a copy learns
    data    : as load_mnist() returns it, which is the default
    rng     : NumPy Generator or seed for the batches
    width   : of the figure, in pixels

    playground.network is what has learnt: a copy for you, which doesn't change while you compute.
    A parameter or a layer that you change in it is changed in the playground too.

    In a notebook, run %matplotlib widget first. In a script, Playground(network).show() opens a
    window. A new playground pauses the one before.
    """

    newest = None  # the one that may be training

    def __init__(self, network, data=None, *, rng=None, width=1100):
        if not isinstance(network, Network):
            raise wrong(TypeError, "a network that inherits from Network", kind(network))
        if not (isinstance(width, numbers.Real) and 400 <= width <= 4000):
            raise wrong(ValueError, "width as a number from 400 to 4000", short(width))
        self.copies = Copies(network)
        with self.copies.looked_at() as live:
            shape = np.shape(live.predict(np.zeros((1, 784))))
        if shape != (1, 10):
            raise wrong(ValueError, "a network from 784 pixels to 10 scores", shape)
        self.train_set, self.test_set = load_once() if data is None else sets_of(network, data)
        self.rng = np.random.default_rng(rng)
        self.t = None  # the right digit, once it is picked
        self.kept = self.pointed = None  # the unit that is followed, by a click or by the mouse
        self.asked_why = None  # of which label and ink
        self.digits_shown = self.updates = 0
        self.losses, self.curve = [], []  # curve: (updates, loss, accuracy), a row for each picture
        self.training, self.error, self.said = False, "", ""
        self.accuracy, self.silent = None, []

        self.page = Page(self.copies.live, width)
        self.figure = self.page.figure
        self.figure.playground = self  # so it lives as long as its figure
        if Playground.newest:  # that of a cell which is run again, for instance
            Playground.newest.pause()
        Playground.newest = self
        self.pad = Pad(self.page.pad.axes, self.pen_moved, self.read)
        actions = (self.clear, self.next_digit, self.learn_from_mine, self.train_or_pause,
                   self.update, self.start_again, self.why)  # fmt: skip
        for (name, button), action in zip(self.page.buttons.items(), actions):
            button.on_clicked(lambda event, what=(name, action): self.do_or_say(*what))
        events = {"button_press": self.pick, "motion_notify": self.point, "key_press": self.key,
                  "draw": lambda _: vars(self).update(drawn=True), "close": self.end}  # fmt: skip
        for name, answer in events.items():
            self.figure.canvas.mpl_connect(f"{name}_event", answer)
        self.timer = self.figure.canvas.new_timer(5)  # milliseconds
        self.timer.add_callback(self.tick)
        self.draw()
        self.measure()
        self.silent_at_first = self.silent
        if not self.alive:
            self.next_digit()
            self.do_or_say("why?", self.why)
        self.show_training()
        if "inline" in matplotlib.get_backend():
            self.show_still()

    @property
    def alive(self):
        """False where there is nothing but a picture: no window, no mouse, no timer."""
        return type(self.timer) is not TimerBase

    def show(self):
        plt.show()

    def show_still(self):
        """In a notebook without ipympl: one picture, at once."""
        from IPython.display import display

        print("This is a still picture. To draw on it, run %pip install ipympl, then "
              "%matplotlib widget, and then this cell again.")  # fmt: skip
        display(self.figure)
        plt.close(self.figure)

    @property
    @locked
    def network(self):
        """What has learnt so far. It is a copy for you; what you change in it is taken over."""
        return self.copies.give()

    # Forward and backward

    @locked
    def reading(self, backward=True):
        """What the layers compute for what is drawn, and the unit that is followed, or None."""
        with self.copies.looked_at() as network:
            reading = look(network, self.pad.x(), self.t if backward else None)
            j = self.followed
            self.page.path = path = path_of_units(network)
            follows = j is not None and path is not None and j < path.M
            return reading, unit_of(network, path, reading, j) if follows else None

    @locked
    def read(self):
        """Show what the network makes of the drawn digit; or the error, if it can't."""
        reading, unit, error = NOTHING, None, self.error
        try:
            if not self.pad.empty:
                reading, unit = self.reading()
        except Exception as caught:  # of a reader's own layer, too
            error = error or in_words(caught)
            with contextlib.suppress(Exception):  # forward alone may work
                reading, unit = self.reading(backward=False)
        self.page.say(error or self.said or self.hint(unit), bool(error))
        self.page.show_reading(self.pad, reading, unit)
        self.draw()

    def hint(self, unit):
        learnt = self.updates > 0 or (self.accuracy or 0) > 0.5
        return hint(not self.pad.empty, learnt, self.t, unit, self.page.path, self.dead)

    @property
    def dead(self):
        """(name, how many, of how many) if the training has silenced half of the first units."""
        behind = self.page.path.names[1:] if self.page.path else ()
        silent = [each for each in self.silent if each[0] in behind and 2 * each[1] > each[2]]
        return silent[0] if silent and silent[0] not in self.silent_at_first else None

    # One unit

    @property
    def followed(self):
        return self.kept if self.pointed is None else self.pointed

    @locked
    def follow(self, j):
        """Show unit j of the first layer, from the ink to the answer and back; None lets go."""
        self.copies.take_over()
        self.kept = None if j is None else check_unit(self.copies.live, j)
        self.pointed = None
        self.read()

    @locked
    def unit(self):
        """The numbers that are shown of the followed unit j, from the layers.

        terms: x * W1[:, j], (784,) · b · out: their sum, as Affine1 returns it · to_scores: what it
        adds to each score, (10,), or to each output of the next Affine · dout: dL/dout[j] · dW:
        dL/dW1[:, j], (784,). dout and dW are None without a right digit.
        """
        if self.followed is None:
            raise wrong(RuntimeError, "a unit to follow", "none; call playground.follow(0)")
        _, unit = self.reading()
        if unit is None:
            check_unit(self.copies.live, self.followed)  # the chain has changed
        return {"terms": unit.terms, "b": unit.b, "out": unit.out, "to_scores": unit.to,
                "dout": unit.dout, "dW": unit.dW}  # fmt: skip

    @locked
    def why(self):
        """Follow the unit that adds most to the score of what is read; then the next of five."""
        x = self.pad.x()
        with self.copies.looked_at() as network:
            most = loudest(network, x)
        before, self.asked_why = self.asked_why, (self.t, x.tobytes())
        k = most.index(self.kept) + 1 if self.kept in most and before == self.asked_why else 0
        self.follow(most[k % len(most)] if most else None)

    def point(self, event):
        """The mouse is on a cell: follow this unit for as long as it is there."""
        j = None if self.pad.button else self.page.unit_at(event)
        if j != self.pointed:
            self.pointed = j
            self.read()

    # Training

    def learn(self, updates=1, seconds=0.0):
        """The chapter's loop: so many updates, and more until so many seconds have passed."""
        (x_train, t_train), end = self.train_set, time.perf_counter() + seconds
        batch_size = self.page.size.chosen()
        self.copies.take_over()
        network = self.copies.live
        with threads_for(network.params, batch_size), np.errstate(all="ignore"):
            while updates > 0 or time.perf_counter() < end:
                updates -= 1
                self.updates += 1
                batch_mask = self.rng.choice(len(x_train), batch_size)
                x_batch, t_batch = x_train[batch_mask], t_train[batch_mask]
                self.step(x_batch, t_batch)
                self.losses.append(network.loss(x_batch, t_batch))

    def step(self, x, t):
        network, self.copies.has_learnt = self.copies.live, True
        grad = network.gradient(x, t)
        params = network.params
        for key in params:
            params[key] -= self.page.rate.chosen() * grad[key]

    @locked
    def update(self, updates=1, seconds=0.0, show=True):
        """Learn and show it."""
        self.said = self.error = ""
        try:
            self.learn(updates, seconds)
            if show:
                self.measure_and_keep()
        except Exception as error:  # a learning rate that is too large, above all
            self.training = False
            self.error, show = f"Update {self.updates}: {in_words(error)}", True
            if isinstance(error, FloatingPointError):
                self.error += ". Press start again"
        if show:
            self.show_training()

    def measure_and_keep(self):
        """A point of the curves: the mean of the losses since the last one, and the accuracy."""
        self.measure()
        self.curve.append((self.updates, np.mean(self.losses), self.accuracy))
        self.losses = []
        if len(self.curve) > 2000:  # a long line takes long to draw
            self.curve = self.curve[::2]

    def measure(self):
        """The accuracy on 1,000 test digits, and which units return 0 for all of them."""
        x_test, t_test = self.test_set
        try:
            with self.copies.looked_at() as network:
                self.accuracy, self.silent = survey(network, x_test[:1000], t_test[:1000])
        except Exception as error:
            if self.curve or self.losses:
                raise
            self.error = in_words(error)

    @locked
    def learn_from_mine(self):
        """One update on what is drawn, with the picked digit. Returns L before and after."""
        before, unit = self.reading()
        if self.t is None:
            raise wrong(ValueError, "the right digit", "none; click its bar")
        with np.errstate(all="ignore"):
            self.step(np.array(before.x), np.array([self.t]))
        self.updates += 1
        after, unit_after = self.reading()
        self.said, self.error = after_update(before, after, unit, unit_after), ""
        self.losses = [self.curve[-1][1] if self.curve else after.L]  # one digit says little
        self.measure_and_keep()
        self.show_training()
        return before.L, after.L

    def tick(self):
        """Called by the timer. Shows nothing until the last picture has come to the screen.

        If it doesn't come for a second, nobody looks any more: then the training waits, too.
        """
        if not self.training:
            return self.timer.stop()
        waiting = time.perf_counter() - self.asked
        if self.drawn or waiting < 1:
            stroke = self.pad.button and waiting < 0.25  # it shows itself, and should do so at once
            show = self.drawn and not stroke
            self.update(seconds=0.045 if show else 0.01, show=show)

    @locked
    def show_training(self):
        self.page.show_training(self.copies.live, self.curve, self.accuracy, self.updates,
                                self.training, self.silent)  # fmt: skip
        self.read()

    def draw(self):
        self.drawn, self.asked = False, time.perf_counter()
        self.figure.canvas.draw_idle()

    # What people do

    def do_or_say(self, name, action):
        """What a button does; or why it can't."""
        try:
            action()
        except Exception as error:
            self.page.say(f"{name}: {in_words(error)}", True)
            self.draw()

    def pen_moved(self):
        """Only the pad is drawn again, so that the pen keeps up with the hand."""
        self.said, self.asked = "", time.perf_counter()
        self.page.show_pad(self.pad, alone=True)

    def train_or_pause(self):
        if self.training:
            return self.pause()
        self.training, self.error, self.said = True, "", ""
        self.timer.start()
        self.show_training()

    def pause(self):
        if self.training:
            self.training = False  # so tick stops the timer, in its own thread
            self.show_training()

    def end(self, event):
        self.training = False
        self.timer.stop()

    @locked
    def start_again(self):
        """With the parameters as they were at first."""
        self.copies.start_again()
        self.updates, self.losses, self.curve, self.error, self.said = 0, [], [], "", ""
        self.measure()
        self.show_training()

    def clear(self):
        self.pad.clear()
        self.t, self.said = None, ""
        self.read()

    def next_digit(self):
        """A digit of the test set, from which the network doesn't learn."""
        x_test, t_test = self.test_set
        i = self.digits_shown % len(x_test)
        self.digits_shown += 1
        self.pad.clear(np.array(x_test[i], float).reshape(28, 28))
        self.t, self.said = int(t_test[i]), ""
        self.read()

    def pick(self, event):
        """A click on a bar says which digit is right, one on a cell which unit to follow.

        A second click takes it back.
        """
        digit, j = self.page.digit_at(event), self.page.unit_at(event)
        if digit is not None:
            self.t = None if digit == self.t else digit
        elif j is not None:
            self.kept = self.pointed = None if j == self.kept else j
        else:
            return
        self.said = ""
        self.read()

    def key(self, event):
        if event.key == "e":
            self.pad.erasing = not self.pad.erasing
            self.read()
