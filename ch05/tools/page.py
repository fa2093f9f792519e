"""The page of the playground: what stands where in the figure, and how numbers are shown there."""

import math
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.widgets import Button, Slider

from ch05.tools.figures import BLUE, ORANGE, SIGNED, Figure
from common.guards.learnt import find_parameters

__all__ = ["Pad", "Page"]

WIDTH, HEIGHT = 11, 6.2  # all places and lengths are inches
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
SIZES = (1, 10, 100, 1000)
GREY = "0.45"
MOVE = "motion_notify_event"


class Page:
    """The figure: pad, arrays, bars, buttons. It shows what it is given, and computes nothing."""

    def __init__(self, network, width):
        self.network = network
        ours = {"toolbar": "None", "figure.max_open_warning": 0}
        with plt.style.context("default"), plt.rc_context(ours):  # black on white in any style
            size = {"figsize": (WIDTH, HEIGHT), "dpi": width / WIDTH}
            self.figure = plt.figure(FigureClass=Figure, **size)
            place = {"xlim": (0, WIDTH), "ylim": (0, HEIGHT), "zorder": -1}  # below the others
            self.ax = self.figure.add_axes((0, 0, 1, 1), **place)
            self.ax.axis("off")
            self.put_heading()
            self.put_pad()
            self.put_layers()
            self.put_digits()
            self.put_training()
        self.font_sizes = {text: text.get_fontsize() for text in self.figure.findobj(Text)}
        self.figure.canvas.mpl_connect("resize_event", self.resize)
        self.bare(self.figure.canvas)

    def bare(self, canvas):
        """Without what matplotlib puts around a figure: tools to zoom, keys such as q and s."""
        for part in ("toolbar", "header", "footer"):  # in a notebook
            if hasattr(canvas, f"{part}_visible"):
                setattr(canvas, f"{part}_visible", False)
        if canvas.manager:
            canvas.manager.set_window_title("Layer by Layer: playground")
            if canvas.manager.key_press_handler_id:
                canvas.mpl_disconnect(canvas.manager.key_press_handler_id)

    # What stands where

    def put_heading(self):
        self.text(0.25, 5.93, type(self.network).__name__, size=12, weight="bold")
        self.message = self.text(0.25, 5.61, "", size=10.5)
        self.text(6.75, 5.93, "→ forward", BLUE, weight="bold")
        self.text(7.6, 5.93, "← backward", ORANGE, weight="bold")
        legend = (("above 0", SIGNED(0.85)), ("below 0", SIGNED(0.15)), ("0", "0.8"))
        for x, (words, color) in zip((8.65, 9.55, 10.45), legend):
            self.box(x, 5.87, 0.12, 0.12, color)
            self.text(x + 0.17, 5.93, words)

    def put_pad(self):
        self.text(0.25, 5.27, "1  draw here", size=9, weight="bold")
        self.pad = self.picture(0.25, 2.75, 2.4, 2.4)
        self.empty = self.say_in(self.pad, "draw a digit\nwith the mouse", 11)
        self.pen = self.text(0.25, 2.17, "", GREY, 7)
        self.text(2.95, 5.27, "x: what the network sees", BLUE)
        self.x = self.picture(2.95, 3.85, 1.3, 1.3)
        self.text(2.95, 3.6, "dx: above 0, more ink\nwould make L larger", ORANGE)
        self.dx = self.picture(2.95, 2.12, 1.3, 1.3)
        self.no_dx = self.say_in(
            self.dx,
            "click the bar of\nthe right digit:\nthen this picture\nshows what\ncomes back",
            7.5,
        )
        self.show_pen(False)

    def put_layers(self):
        names = shown_layers(self.network)
        self.text(5.4, 5.27, "out: what it returns", BLUE)
        self.text(6.75, 5.27, "dout: what comes back", ORANGE)
        pitch = min(1.45, 2.95 / max(len(names), 1))
        high, self.rows = min(pitch - 0.25, 0.9), {}
        for k, name in enumerate(names):
            top = 5.1 - k * pitch
            self.text(4.65, top - high / 2, name[:11], size=7.5, weight="bold")
            out, dout = (Cells(self, x, top, 1.2, high, color)
                         for x, color in ((5.4, BLUE), (6.75, ORANGE)))  # fmt: skip
            self.rows[name] = out, dout

    def put_digits(self):
        self.answer = self.text(8.32, 5.27, "", size=10, weight="bold")
        self.text(8.5, 4.99, "y: probabilities", BLUE)
        self.text(9.85, 4.99, "dout = y − t", ORANGE)
        self.digits = []
        for digit in range(10):
            y = 4.75 - 0.25 * digit
            self.box(8.5, y - 0.08, 0.8, 0.16, "0.93")
            label, words = self.text(8.32, y, f"{digit}"), self.text(9.35, y, "")
            dwords = self.text(10.85, y, "", ha="right")
            bar, dbar = (
                self.box(x, y - 0.08, 0, 0.16, c) for x, c in ((8.5, BLUE), (10.2, ORANGE))
            )
            self.digits.append((label, bar, words, dbar, dwords))
        self.right = self.text(8.32, 2.2, "3  click the bar of the right digit", GREY)

    def put_training(self):
        self.ax.plot([0.25, 10.85], [1.98, 1.98], color="0.85", linewidth=1)
        self.buttons = [
            self.button("clear", 0.25, 2.36, 0.9),
            self.button("next digit", 1.25, 2.36, 1.4),
            self.button("2  train", 0.25, 1.5, 1.3, color=BLUE, hovercolor="#3391c7"),
            self.button("one update", 1.65, 1.5, 1.25),
            self.button("start anew", 3.0, 1.5, 1.25),
        ]
        self.buttons[2].label.set(color="w", weight="bold")
        self.rate = self.slider("learning rate", 1.05, RATES, 0.1)
        self.size = self.slider("batch size", 0.7, SIZES, 100)
        self.progress = self.text(0.25, 0.3, "", size=8.5)
        self.W_text = self.text(4.65, 1.78, "")
        self.W = self.picture(4.65, 0.1, 3.2, 1.6, (150, 300))
        self.curve_ax = self.axes(8.55, 0.2, 2.3, 1.3, xticks=[], yticks=[0, 1, 2], ylim=(0, 2.5))
        self.curve_ax.tick_params(labelsize=7, length=0)
        self.curve_ax.grid(alpha=0.3)
        self.curves = [
            (
                self.curve_ax.plot([], [], ".-", color=color, markersize=2)[0],
                self.text(x, 1.78, "", color),
                name,
            )
            for x, color, name in ((8.32, BLUE, "loss"), (9.15, "k", "accuracy, test digits"))
        ]

    def text(self, x, y, words, color="k", size=8, **how):
        return self.ax.text(x, y, words, color=color, fontsize=size, va="center", **how)

    def box(self, x, y, width, height, color):
        return self.ax.add_patch(Rectangle((x, y), width, height, fc=color))

    def axes(self, x, y, width, height, **how):
        place = (x / WIDTH, y / HEIGHT, width / WIDTH, height / HEIGHT)
        return self.figure.add_axes(place, **how)

    def picture(self, x, y, width, height, shape=(28, 28)):
        ax = self.axes(x, y, width, height, xticks=[], yticks=[])
        return ax.imshow(np.zeros(shape), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")

    def say_in(self, picture, words, size):
        """Words in the middle of a picture that shows nothing yet."""
        how = {"color": GREY, "size": size, "ha": "center", "va": "center"}
        return picture.axes.text(13.5, 13.5, words, **how)

    def button(self, label, x, y, width, color="#F4F4F4", hovercolor="0.88"):
        return Button(self.axes(x, y, width, 0.32), label, color=color, hovercolor=hovercolor)

    def slider(self, label, y, values, start):
        ax, i = self.axes(1.25, y, 2.4, 0.2), values.index(start)
        slider = Slider(ax, label, 0, len(values) - 1, valinit=i, valstep=1, color=BLUE)
        slider.on_changed(lambda i: slider.valtext.set_text(f"{values[int(i)]:,}"))
        slider.set_val(i)
        slider.vline.set_visible(False)
        return slider

    # What people do

    def on_buttons(self, *actions):
        for button, action in zip(self.buttons, actions):
            button.on_clicked(lambda event, action=action: action())

    @property
    def learning_rate(self):
        return RATES[int(self.rate.val)]

    @property
    def batch_size(self):
        return SIZES[int(self.size.val)]

    def digit_at(self, event):
        """The digit whose bar was clicked, or None."""
        if event.inaxes is self.ax and event.xdata > 8.2 and 2.375 < event.ydata < 4.875:
            return int((4.875 - event.ydata) / 0.25)

    def resize(self, event):
        scale = min(event.width / WIDTH, event.height / HEIGHT) / self.figure.dpi
        for text, points in self.font_sizes.items():
            text.set_fontsize(points * scale)

    # How numbers are shown

    def say(self, words, is_error):
        words = textwrap.fill(words, 115, max_lines=2, placeholder="…")
        self.message.set(text=words, color=ORANGE if is_error else "k")

    def show_pen(self, erasing):
        words = "ERASING. Key e: draw again" if erasing else "right button, or key e: erase"
        self.pen.set(text=words, color=ORANGE if erasing else GREY)

    def show_values(self, ink, t, values):
        """values: as Playground.values returns them, or None where nothing is drawn."""
        x, outs, y, L, douts, dx = values or (np.zeros(784), {}, None, None, {}, None)
        self.pad.set_data(ink)
        self.empty.set_visible(not ink.any())
        self.x.set_data(np.reshape(x, (28, 28)))
        show_signed(self.dx, None if dx is None else np.reshape(dx, (28, 28)))
        self.no_dx.set_visible(dx is None)
        for name, (out, dout) in self.rows.items():
            out.show(outs.get(name), outs)
            dout.show(douts.get(name), douts)
        read = None if y is None else int(y.argmax())
        self.answer.set_text("" if y is None else f"It reads: {read} ({y[read]:.0%})")
        self.right.set(text="3  click the bar of the right digit", color=GREY, weight="normal")
        if L is not None:
            self.right.set(text=f"right: {t}    loss L = {L:.4g}", color=BLUE, weight="bold")
        dy = None if not douts else np.ravel(douts[[*outs][-1]])
        for k, (label, bar, words, dbar, dwords) in enumerate(self.digits):
            weight = "bold" if k == read else "normal"
            label.set(weight=weight, color=ORANGE if k == t else "k")
            bar.set_width(0 if y is None else 0.8 * y[k])
            words.set(text="" if y is None else rounded(y[k], ".2f"), weight=weight)
            dbar.set_width(0 if dy is None else 0.28 * np.clip(dy[k], -1, 1))
            dwords.set_text("" if dy is None else rounded(dy[k], "+.2f"))

    def show_training(self, curve, training):
        self.buttons[2].label.set_text("pause" if training else "2  train")
        rows = np.array(curve).reshape(-1, 3)
        for k, (line, text, name) in enumerate(self.curves, start=1):
            line.set_data(rows[:, 0], rows[:, k])
            text.set_text(f"{name}  {rows[-1, k]:.3f}" if len(rows) else name)
        updates = int(rows[-1, 0]) if len(rows) else 0
        self.curve_ax.set_xlim(0, max(updates, 100))
        words = f"{updates:,} update{'s' * (updates > 1)}" if updates else "no update yet"
        if updates >= 300 and rows[-1, 2] < 0.2:
            words += (
                ": it has learnt next to nothing.\nTry a smaller learning rate, or more updates."
            )
        self.progress.set_text(words)
        tiles, words = sheet(self.network)
        show_signed(self.W, tiles)
        self.W_text.set_text(words)


class Pad:
    """28 x 28 pixels on which the mouse draws. The left button inks, the right one erases."""

    def __init__(self, ax, changed):
        self.ax, self.changed = ax, changed
        self.ink = np.zeros((28, 28))
        self.erasing = False  # with the left button too
        self.button = self.place = None  # the button that is down; where the mouse was last
        self.knows_buttons = False
        connect = ax.figure.canvas.mpl_connect
        connect("button_press_event", self.press)
        connect(MOVE, self.move)
        connect("button_release_event", self.release)

    def press(self, event):
        if event.inaxes is self.ax and event.button in (1, 3):
            self.button, self.place = event.button, None
            self.move(event)

    def move(self, event):
        """A line from the last place to this one, since in a quick stroke they lie far apart."""
        buttons = getattr(event, "buttons", None)  # those that are down, where matplotlib knows it
        self.knows_buttons = self.knows_buttons or bool(buttons)
        released_outside = self.knows_buttons and event.name == MOVE and not buttons
        if event.inaxes is not self.ax:
            self.place = None
        elif self.button and not released_outside:
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


class Cells:
    """An array as a picture with a cell for each entry. Below it a bar: its size."""

    def __init__(self, page, x, y, width, height, color):
        self.width, self.height = width, height
        extent = (x, x + width, y - height, y)
        self.image = page.ax.imshow(
            np.zeros((1, 1)), extent=extent, aspect="auto", interpolation="nearest"
        )
        page.box(x, y - height - 0.06, width, 0.04, "0.9")
        self.bar = page.box(x, y - height - 0.06, 0, 0.04, color)
        self.words = page.text(x, y - height - 0.13, "", color, 6.5)

    def show(self, array, arrays):
        """A bar an eighth shorter: ten times smaller. The full width is the largest of arrays."""
        if array is None:
            show_signed(self.image, None)
            self.words.set_text("")
            return self.bar.set_width(0)
        largest, own = max(map(size, arrays.values())), size(array)
        show_signed(self.image, self.lines(array))
        self.words.set_text(f"size {own:.2g}")
        self.bar.set_width(self.width * max(0, 1 + math.log10(own / largest) / 8) if own else 0)

    def lines(self, array):
        """The row of numbers in several lines, so that the cells are about square."""
        n, shape = array.size, self.width / self.height
        counts = [k for k in range(1, n + 1) if n % k == 0]
        return array.reshape(min(counts, key=lambda k: abs(math.log(k * k * shape / n))), -1)


def rounded(number, form):
    """Nothing for 0.00: to draw words takes most of the time of a picture."""
    return format(number, form) if abs(number) >= 0.005 else ""


def size(array):
    return float(np.abs(array, dtype=float).mean())


def show_signed(image, array):
    """White around 0, and grey for exactly 0; nothing for None."""
    image.set_visible(array is not None)
    if array is not None:
        array = np.asarray(array, float)
        largest = np.percentile(np.abs(array[array != 0]), 98) if array.any() else 1
        image.set(data=np.ma.masked_equal(array, 0), cmap=SIGNED, clim=(-largest, largest))


def shown_layers(network):
    """The layers before the last one; of many, those that learn nothing. Ten at most."""
    names = [*network.layers][:-1]
    if len(names) > 6:
        learning = {found.layer_name for found in find_parameters(network.layers).values()}
        names = [name for name in names if name not in learning] or names
    return [names[int(i)] for i in np.linspace(0, len(names) - 1, min(len(names), 10))]


def sheet(network):
    """The columns of the first W with 784 rows, 28 x 28 each, ten a line; and their name."""
    for key, found in find_parameters(network.layers).items():
        if np.ndim(found.array) == 2 and len(found.array) == 784:
            columns = np.asarray(found.array).T
            M, some = len(columns), columns[:50]
            tiles = np.zeros((50, 30, 30))
            tiles[: len(some), 1:29, 1:29] = some.reshape(-1, 28, 28)
            words = f"{key}: the weights of each unit" + (
                f" ({len(some)} of {M})" if M > 50 else ""
            )
            return tiles.reshape(5, 10, 30, 30).swapaxes(1, 2).reshape(150, 300), words
    return None, ""
