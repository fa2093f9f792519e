"""The page of the playground: what stands where in the figure, and how numbers are shown there."""

import functools
import math
import textwrap
import threading
import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.text import Text
from matplotlib.widgets import Button, Slider

from ch05.playground.cells import Cells, largest, rounded, sheet, show_fixed, show_signed
from ch05.playground.look import path_of_units
from ch05.playground.pad import PEN
from ch05.playground.quick_text import QuickText
from ch05.playground.unit import UnitPanel
from ch05.tools import figures
from ch05.tools.figures import BLUE, ORANGE, SIGNED, size_of
from common.guards.learnt import find_parameters

WIDTH, HEIGHT = 12, 5.8  # all places and lengths are inches
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
SIZES = (1, 10, 100, 1000)
GREY = "0.45"
DIGITS = 4.58, 0.25  # where the middle of digit 0 lies, and from a digit to the next
BUTTONS = {  # (x, y, width)
    "clear": (0.2, 2.12, 0.6), "next digit": (0.86, 2.12, 0.85),
    "learn from mine": (1.77, 2.12, 0.99),
    "train": (0.2, 1.42, 1.0), "one update": (1.26, 1.42, 1.0), "start again": (2.32, 1.42, 1.0),
    "why?": (11.2, 5.0, 0.65),
}  # fmt: skip
IN_POINTS = "fontsize", "linewidth", "markersize", "markeredgewidth", "mutation_scale"

LOCK = threading.RLock()


def locked(method):
    """One thread at a time: a notebook's cells and its timer may run in different ones."""

    @functools.wraps(method)
    def one_at_a_time(*args, **options):
        with LOCK:
            return method(*args, **options)

    return one_at_a_time


class Figure(figures.Figure):
    draw = locked(figures.Figure.draw)


class Page:
    """The figure: pad, arrays, bars, buttons. It shows what it is given, and computes nothing."""

    def __init__(self, network, width):
        self.scale, self.places, self.path = 1, [], path_of_units(network)
        self.pad_rests_until = 0.0
        ours = {"toolbar": "None", "figure.max_open_warning": 0, "font.size": 9}
        ours["font.family"] = ["DejaVu Sans", *plt.rcParams["font.family"]]  # for Chinese names
        with plt.style.context("default"), plt.rc_context(ours):  # black on white in any style
            self.figure = plt.figure(figsize=(WIDTH, HEIGHT), dpi=width / WIDTH, FigureClass=Figure)
            self.ax = self.axes(0, 0, WIDTH, HEIGHT, zorder=-1)  # below the others
            self.ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
            self.ax.axis("off")
            self.put_heading(type(network).__name__)
            self.put_pad()
            self.put_layers(shown_layers(network))
            self.put_digits()
            self.put_training()
            self.unit = UnitPanel(self)
        all_names = [(each, name) for each in self.figure.findobj() for name in IN_POINTS]
        found = [(each, name) for each, name in all_names if hasattr(each, f"get_{name}")]
        self.points = {(each, name): getattr(each, f"get_{name}")() for each, name in found}
        for text in self.figure.findobj(Text):
            text.__class__ = QuickText  # in buttons and sliders too, which matplotlib makes
        self.figure.canvas.mpl_connect("resize_event", self.resize)
        self.bare(self.figure.canvas)

    def bare(self, canvas):
        """Without what matplotlib puts around a figure: tools to zoom, keys such as q and s."""
        for part in ("toolbar", "header", "footer"):  # in a notebook
            setattr(canvas, f"{part}_visible", False)
        if canvas.manager:
            canvas.manager.set_window_title("Layer by Layer: playground")
            if canvas.manager.key_press_handler_id:
                canvas.mpl_disconnect(canvas.manager.key_press_handler_id)

    # What stands where

    def put_heading(self, name):
        self.text(0.2, 5.6, name, size=12, weight="bold")
        self.message = self.text(0.2, 5.25, "", size=10, linespacing=1.15)
        self.text(6.5, 5.6, "→ forward", BLUE, weight="bold")
        self.text(7.4, 5.6, "← backward", ORANGE, weight="bold")
        legend = (("above 0", SIGNED(0.85)), ("below 0", SIGNED(0.15)), ("0, or stopped", "0.8"))
        for x, (words, color) in zip((8.5, 9.35, 10.2), legend):
            self.box(x, 5.54, 0.12, 0.12, color)
            self.text(x + 0.17, 5.6, words)

    def put_pad(self):
        self.text(0.2, 4.93, "1  draw here", size=9, weight="bold")
        self.pad = self.picture(0.2, 2.5, 2.3, 2.3)
        look = {"linewidth": 2 * PEN * 72 * 2.3 / 28, "solid_capstyle": "round"}
        [self.stroke] = self.pad.axes.plot([], [], "k", **look)
        self.pad.axes.set(xlim=(-0.5, 27.5), ylim=(27.5, -0.5))
        self.empty = self.say_in(self.pad, "draw a digit with\nmouse or finger", 11)
        self.pen = self.text(0.2, 1.99, "", GREY, 7.5)
        self.text(2.8, 4.93, "x: what the network sees", BLUE)
        self.x = self.picture(2.8, 3.72, 1.1, 1.1)
        self.dx_words = self.text(2.8, 3.47, "", ORANGE, linespacing=1.15)
        self.dx = self.picture(2.8, 2.15, 1.1, 1.1)
        self.no_dx = self.say_in(self.dx, "click the bar\nof the right\ndigit: what\ncomes back?")

    def put_layers(self, names):
        self.text(5.1, 4.93, "out: what it returns", BLUE)
        self.text(6.55, 4.93, "dout: what comes back", ORANGE)
        pitch = min(1.35, 2.7 / max(len(names), 1))
        high, self.rows = min(pitch - 0.25, 0.9), {}
        for k, name in enumerate(names):
            top = 4.78 - k * pitch
            self.text(4.3, top - high / 2, name[:11], size=8, weight="bold")
            out, dout = (Cells(self, x, top, 1.2, high, color)
                         for x, color in ((5.1, BLUE), (6.55, ORANGE)))  # fmt: skip
            self.rows[name] = out, dout
        for x, to, y, color in ((4.0, 4.27, 4.3, BLUE), (4.27, 4.0, 2.7, ORANGE),
                                (7.85, 8.12, 4.73, BLUE), (8.12, 7.85, 2.1, ORANGE)):  # fmt: skip
            look = {"mutation_scale": 10, "color": color, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
            self.ax.add_patch(FancyArrowPatch((x, y), (to, y), arrowstyle="-|>", **look))

    def put_digits(self):
        self.answer = self.text(9.6, 5.13, "", size=10, weight="bold")
        self.text(9.6, 4.93, "it must choose one of the ten", GREY, 7.5)
        self.text(10.12, 4.76, "scores", BLUE, ha="right")
        self.text(10.25, 4.76, "y", BLUE)
        self.text(11.1, 4.76, "y − t", ORANGE)
        self.digits = []
        for digit in range(10):
            y = DIGITS[0] - DIGITS[1] * digit
            self.box(10.25, y - 0.08, 0.5, 0.16, "0.93")
            label, score = self.text(9.6, y, f"{digit}"), self.text(10.12, y, "", BLUE, ha="right")
            words, dwords = self.text(10.79, y, ""), self.text(11.85, y, "", ha="right")
            bar = self.box(10.25, y - 0.08, 0, 0.16, BLUE)
            dbar = self.box(11.28, y - 0.08, 0, 0.16, ORANGE)
            self.digits.append((label, bar, words, dbar, dwords, score))
        self.right = self.text(9.6, 2.08, "", GREY)

    def put_training(self):
        self.ax.plot([0.2, 11.85], [1.86, 1.86], color="0.85", linewidth=1)
        self.buttons = {
            name: Button(self.axes(*spot, 0.3), name, color="#F4F4F4", hovercolor="0.88")
            for name, spot in BUTTONS.items()
        }
        self.train = self.buttons["train"]
        self.train.color, self.train.hovercolor = BLUE, "#3391c7"
        self.train.ax.set_facecolor(BLUE)
        self.train.label.set(text="2  train", color="w", weight="bold")
        self.buttons["learn from mine"].label.set_fontsize(8)
        self.rate = self.slider("learning rate", 1.05, RATES, 0.1)
        self.size = self.slider("batch size", 0.75, SIZES, 100)
        self.progress = self.text(0.2, 0.38, "", size=8, linespacing=1.15)
        self.curve_ax = self.axes(3.95, 0.32, 1.5, 1.15, ylim=(0, 2.5))
        self.share_ax = self.axes(3.95, 0.32, 1.5, 1.15, ylim=(0, 1), xticks=[], yticks=[])
        self.share_ax.patch.set_visible(False)
        self.curve_ax.tick_params(labelsize=7.5, length=0)
        self.curves = []
        loss, share = (self.curve_ax, 1.74, BLUE, "-"), (self.share_ax, 1.58, "k", "--")
        for ax, y, color, style in (loss, share):
            [line] = ax.plot([], [], style, color=color, linewidth=1.3, markersize=3)
            self.curves.append((line, self.text(3.95, y, "", color, 7.5)))
        self.W_text = self.text(5.75, 1.74, "")
        self.W = self.picture(5.75, 0.32, 2.3, 1.15, (150, 300))
        self.W_frame = self.W.axes.add_patch(Rectangle((0, 0), 29, 29, fc="none", ec=ORANGE, lw=2))

    def text(self, x, y, words, color="k", size=8, **how):
        return self.ax.text(x, y, words, color=color, fontsize=size, **{"va": "center"} | how)

    def box(self, x, y, width, height, color, **how):
        return self.ax.add_patch(Rectangle((x, y), width, height, **{"fc": color} | how))

    def axes(self, x, y, width, height, **how):
        place = (x / WIDTH, y / HEIGHT, width / WIDTH, height / HEIGHT)
        self.places.append((self.figure.add_axes(place, **how), np.array(place)))
        return self.places[-1][0]

    def picture(self, x, y, width, height, shape=(28, 28)):
        ax = self.axes(x, y, width, height, xticks=[], yticks=[])
        return ax.imshow(np.zeros(shape), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")

    def say_in(self, picture, words, size=8):
        """Words in the middle of a picture that shows nothing yet."""
        return picture.axes.text(13.5, 13.5, words, color=GREY, size=size, ha="center", va="center")

    def slider(self, label, y, values, start):
        ax, i = self.axes(1.2, y, 1.75, 0.2), values.index(start)
        slider = Slider(ax, label, 0, len(values) - 1, valinit=i, valstep=1, color=BLUE)
        slider.chosen = lambda: values[int(slider.val)]
        slider.on_changed(lambda i: slider.valtext.set_text(f"{slider.chosen():,}"))
        slider.set_val(i)
        slider.vline.set_visible(False)
        slider.label.set_x(-0.06)  # beside the knob at either end
        slider.valtext.set_x(1.06)
        return slider

    # What people do

    def digit_at(self, event):
        """The digit whose bar is there, or None."""
        if event.inaxes is self.ax and event.xdata > 9.5:
            k = math.floor((DIGITS[0] - event.ydata) / DIGITS[1] + 0.5)
            return k if 0 <= k < 10 else None

    def unit_at(self, event):
        """The unit whose cell, or whose picture in W, is there, or None."""
        if self.path and event.inaxes is self.W.axes:
            j = int(event.ydata // 30) * 10 + int(event.xdata // 30)
            return j if 0 <= j < min(self.path.M, 50) else None
        if self.path and event.inaxes is self.ax:
            for cells in (each for name in self.path.names for each in self.rows.get(name, ())):
                if (j := cells.at(event.xdata, event.ydata)) is not None and j < self.path.M:
                    return j

    def resize(self, event):
        """All that stands in the figure keeps its shape; what is left over is white."""
        larger = self.figure.get_size_inches() / (WIDTH, HEIGHT)  # some screens scale pixels
        self.scale = larger.min()
        share = np.tile(self.scale / larger, 2)
        for ax, place in self.places:
            ax.set_position(place * share + [*(1 - share[:2]) / 2, 0, 0])
        for (artist, name), points in self.points.items():
            getattr(artist, f"set_{name}")(np.multiply(points, self.scale))

    def set_linewidth(self, lines, points):
        """points: in a figure of the first size."""
        self.points[lines, "linewidth"] = points
        lines.set_linewidth(np.multiply(points, self.scale))

    # How numbers are shown

    def say(self, words, is_error):
        words = textwrap.fill(words, 125, max_lines=2, placeholder="…")
        self.message.set(text=words, color=ORANGE if is_error else "k")

    def show_pad(self, pad, alone=False):
        """alone: nothing else is drawn again, which takes a tenth of the time.

        Where even that takes long, as on a busy machine, only every second move is shown.
        """
        start = time.perf_counter()
        if alone and start < self.pad_rests_until:
            return
        with LOCK:
            self.pad.set_data(pad.digit)
            self.stroke.set_data(*pad.points.T)
            self.empty.set_visible(pad.empty)
            words = "ERASING. Key e: draw again" if pad.erasing else "right button, or key e: erase"
            self.pen.set(text=words, color=ORANGE if pad.erasing else GREY)
            canvas = self.figure.canvas
            if alone and hasattr(canvas, "get_renderer") and hasattr(canvas, "blit"):
                self.figure.draw_artist(self.pad.axes)
                canvas.blit(self.pad.axes.bbox)
        self.pad_rests_until = 2 * time.perf_counter() - start

    def show_reading(self, pad, reading, unit):
        """reading, unit: as look and unit_of return them; or NOTHING, None."""
        self.show_pad(pad)
        self.x.set_data(reading.x.reshape(28, 28))
        show_fixed(self.dx, dx := reading.dx)
        self.no_dx.set_visible(dx is None)
        words = "" if dx is None else f", size {size_of(dx):.2g}: above 0,\nmore ink makes L larger"
        self.dx_words.set_text("dx" + words)
        for name, (out, dout) in self.rows.items():
            out.show(reading.outs.get(name))
            dout.show(reading.douts.get(name), reading.stopped.get(name))
        self.show_digits(reading)
        self.show_unit(unit)

    def show_digits(self, reading):
        scores, y, t = reading.scores, reading.y, reading.t
        read = None if scores is None else y.argmax()
        self.answer.set_text("" if read is None else f"It reads: {read} ({y[read]:.0%})")
        dy = np.ravel(reading.douts[[*reading.outs][-1]]) if reading.douts else np.zeros(10)
        self.right.set(text="3  click the bar of the right digit", color=GREY, weight="normal")
        if t is not None:
            words = f"right: {t}    loss L = {reading.L:.4g}"
            self.right.set(text=words, color=BLUE, weight="bold")
        for k, (label, bar, words, dbar, dwords, score) in enumerate(self.digits):
            weight = "bold" if k == read else "normal"
            label.set(weight=weight, color=ORANGE if k == t else "k")
            bar.set_width(0.5 * y[k])
            words.set(text=rounded(y[k], ".2f"), weight=weight)
            score.set_text("" if scores is None else f"{round(scores[k], 1) + 0.0:.1f}")
            dbar.set_width(0.2 * np.clip(dy[k], -1, 1))
            dwords.set_text(rounded(dy[k], "+.2f"))

    def show_unit(self, unit):
        followed = () if unit is None else self.path.names
        for name, cells in self.rows.items():
            for each in cells:
                each.frame_cell(unit.j if name in followed else None)
        self.W_frame.set_visible(unit is not None and unit.j < 50)
        if unit is not None:
            self.W_frame.set_xy((unit.j % 10 * 30, unit.j // 10 * 30))
        self.unit.show(unit, self.path)

    def show_training(self, network, curve, accuracy, updates, training, silent):
        self.train.label.set_text("pause" if training else "2  train")
        rows = np.array(curve).reshape(-1, 3)
        for k, (line, _) in enumerate(self.curves, start=1):
            one_point = "o" if len(rows) == 1 else ""  # which makes no line
            line.set(data=(rows[:, 0], rows[:, k]), marker=one_point)
        loss, share = (text for _, text in self.curves)
        loss.set_text(f"loss  {rows[-1, 1]:.3f} (batch after update)" if len(rows) else "loss")
        words = "" if accuracy is None else f"accuracy  {accuracy:.3f} (1,000 test digits)"
        share.set_text(words)
        last, top = max(updates, 100), max(2.5, 1.05 * rows[:, 1].max(initial=0))
        self.curve_ax.set(ylim=(0, top), xlim=(0, last), xticks=[0, last], yticks=[0, top])
        self.curve_ax.set_xticklabels(["0", f"{last:,}"])
        self.curve_ax.set_yticklabels(["0", f"{top:.3g}"])
        self.share_ax.set_xlim(0, last)
        words = f"{updates:,} update{'s' * (updates > 1)}" if updates else "no update yet"
        if silent:
            name, count, M = max(silent, key=lambda each: each[1] / each[2])
            are = "is" if count == 1 else "are"
            words += f"\n{name}: {count} of {M} units {are} 0 for the first 1,000 test digits"
        self.progress.set_text(words)
        tiles, words = sheet(network)
        show_signed(self.W, tiles, tiles is not None and largest(tiles), (150, 300))
        self.W_text.set_text(words)


def shown_layers(network):
    """The layers before the last one; of many, those that learn nothing. Ten at most."""
    names = [*network.layers][:-1]
    if len(names) > 6:
        learning = {found.place for found in find_parameters(network.layers).values()}
        names = [name for name in names if name not in learning] or names
    return [names[int(i)] for i in np.linspace(0, len(names) - 1, min(len(names), 10))]
