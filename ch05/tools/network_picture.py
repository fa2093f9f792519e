"""The graph of a network while it computes: what goes forward, and the gradients that come back."""

import re
import textwrap

import numpy as np
from matplotlib.patches import FancyBboxPatch, Rectangle

from ch05.tools.figures import SIGNED, colours, new_figure, size_of
from common.guards.arguments import check_count, short, wrong
from common.guards.learnt import find_parameters


def draw_network(network, x, t, *, upto=None, downto=None, columns=None, fontsize=8):
    """The computational graph of a network for a batch, with the numbers that go through it.

    Above each arrow stands what went forward, and below it the gradient of L that came back. Under
    a layer stand its parameters and their gradients. In the small pictures a row is a sample (or a
    row of W); of large arrays only some rows and columns are shown. Where x is digits, the first
    ones are shown as such. No parameter is changed.

    upto     : the name of a layer, to draw forward only so far: upto="Relu1"
    downto   : the name of a layer, to draw all of forward, and backward only so far
    columns  : the most boxes in a row; 2 for a narrow page
    fontsize : in points; 12 for a projector

    Returns a figure, see pictures.py.
    """
    if columns is not None:
        check_count("columns", columns)
    layers = {**network.layers, "lastLayer": network.lastLayer}
    names, end = [*layers], len(layers)
    arrived, left_at = _reached(names, upto, downto)
    forward, backward = _values(network, x, t)
    palette = colours()
    learnt = {name: [] for name in names}  # of a layer that holds layers, those of all of them
    for key, found in find_parameters(network.layers).items():
        learnt[found.place].append((key, np.asarray(found.array), np.asarray(found.gradient)))
    outs = ["x", *["out"] * (end - 2), "scores", "L"]
    douts = ["no dx" if backward[0] is None else "dx", *["dout"] * end]
    directions = [
        (1, palette.blue, "from", outs, forward, range(arrived + 1)),
        (-1, palette.orange, "to", douts, backward, range(left_at, end + 1)),
    ]

    unit = fontsize / 8
    rows, columns, pitch, line, high = _sizes(learnt, columns, unit)
    width = pitch * (columns + 1)
    heading = _heading(f"{type(network).__name__}, a batch of N = {len(forward[0])}", width)
    top = 0.56 + 0.16 * len(heading)
    pen = _Pen(width, top + rows * high, unit, palette)
    pen.heading(heading)
    for i, (name, layer) in enumerate(layers.items()):
        middle, y = pitch * (i % columns + 1), pen.height - top - 1.45 - i // columns * high
        if learnt[name]:
            pen.line(middle, y, y - 1.45)
        edge = {upto: palette.blue, downto: palette.orange}.get(name)  # the layer we stopped at
        pen.box(middle, y, pitch - 0.42, name, layer, i < arrived, edge)
        for k, (key, array, gradient) in enumerate(learnt[name]):
            low = y - 1.5 - 2 * k * line
            pen.parameter(middle, low - 0.5 * line, line, key, array, palette.blue)
            if i >= left_at:
                pen.parameter(middle, low - 1.5 * line, line, "d" + key, gradient, palette.orange)
        for sign, color, word, labels, arrays, shown in directions:
            largest = max(size_of(array) for array in arrays[:-1] if array is not None)
            if i in shown and i == 0:
                pen.flow(middle - pitch / 2, y, sign, color, labels[0], arrays[0], largest)
            elif i in shown and i % columns == 0:  # the arrow goes on from the row above
                where = f"{word}\n{_cut(names[i - 1], 10)}"
                pen.flow(middle - pitch / 2, y, sign, color, where)
            if i + 1 in shown:
                pen.flow(middle + pitch / 2, y, sign, color, labels[i + 1], arrays[i + 1], largest)
    pen.text(middle, y + 0.62, f"t\n{np.shape(t)}", 1)
    pen.arrow((middle, y + 0.62), (middle, y + 0.38), palette.ink)
    return pen.figure


def _reached(names, upto, downto):
    """How many layers forward has gone through, and the first one backward has gone through."""
    if upto is not None and downto is not None:
        raise wrong(ValueError, "upto or downto", "both")
    for word, name in (("upto", upto), ("downto", downto)):
        if name is not None and name not in names:
            raise wrong(ValueError, f"{word} as one of {', '.join(names)}", short(name))
    if upto is not None:
        return names.index(upto) + 1, len(names) + 1
    return len(names), 0 if downto is None else names.index(downto)


def _sizes(learnt, columns, unit):
    """How many rows and columns; from a box to the next; a line's height; a row's height.

    A length of 1 is an inch if the font has 8 points, else more.
    """
    names = [*learnt]
    rows = -(-len(names) // (columns or 5))
    columns = min(columns, len(names)) if columns else max(3, -(-len(names) // rows))
    crowded = any(learnt[name] and learnt[after] for name, after in zip(names, names[1:]))
    least = max(1.5 if crowded else 1.16, min(1.8, 0.42 + max(map(len, names)) / 13))
    pitch = max(least, min(1.8, 9 / (columns + 1)) / unit)  # from a box to the next
    most = max(map(len, learnt.values()))
    line = 0.37 if len(names) <= 5 and most <= 4 else 0.15  # many parameters have no pictures
    return rows, columns, pitch, line, 3.05 + 2 * line * most


def _values(network, x, t):
    """What goes forward and what comes back, for each arrow from x to L.

    A first layer may return no dx: the network doesn't need it.
    """
    network.gradient(x, t)  # if something is wrong with x, t or a layer, this says what
    x = np.array(x, network.dtype)
    forward, backward = [x.copy()], [np.ones(())]  # copies: a layer may write into its input
    with np.errstate(all="ignore"):
        for layer in network.layers.values():
            x = layer.forward(x)
            forward.append(np.array(x))
        forward.append(np.array(network.lastLayer.forward(x, t)))
        dout = network.lastLayer.backward(1)
        for layer in reversed(network.layers.values()):
            backward.insert(0, np.array(dout))
            dout = layer.backward(dout)
    return forward, [None if dout is None else np.array(dout), *backward]


def _heading(title, width):
    """[(text, colour), ...] in lines that aren't wider than the picture."""
    texts = [
        (title, "ink", 11),
        ("→  forward: what a layer returns", "blue", 8),
        ("←  backward: the gradient of L with respect to that array, in its shape", "orange", 8),
        ("size: mean |entry|. In one colour, a bar one step shorter: ten times smaller", "ink", 8),
    ]
    lines = []
    for text, color, points in texts:
        room = int((width - 0.3) / (0.0073 * points))
        lines += [(line, color, points) for line in textwrap.wrap(text, room)]
    return lines


def _short(number):
    return f"{number:.0f}" if 99.5 <= abs(number) < 1e5 else f"{number:.2g}"


def _cut(text, room):
    text = str(text)
    return text if len(text) <= room else text[: room - 1] + "…"


class _Pen:
    """Draws the parts of the picture at places (x, y), counted from the lower left corner.

    Above a box sign is 1, below it -1.
    """

    def __init__(self, width, height, unit, palette):
        self.unit, self.palette = unit, palette
        self.figure = new_figure(width * unit, height * unit)
        self.ax = self.figure.add_axes((0, 0, 1, 1))
        self.ax.set(xlim=(0, width), ylim=(0, height))
        self.ax.axis("off")
        self.height = height

    def text(self, x, y, text, sign, color=None, fontsize=8, **how):
        va = {1: "bottom", 0: "center", -1: "top"}[sign]
        how = {"va": va, "ha": "center", "linespacing": 1.15, **how}
        self.ax.text(x, y, text, color=color or self.palette.ink, size=fontsize * self.unit, **how)

    def line(self, x, start, end):
        self.ax.plot([x, x], [start, end], color=self.palette.grey(0.4), lw=self.unit, zorder=0)

    def arrow(self, start, end, color):
        style = {"arrowstyle": "-|>,head_width=.25,head_length=.5", "color": color}
        style |= {"lw": 1.6 * self.unit, "mutation_scale": 8 * self.unit}
        self.ax.annotate("", end, start, arrowprops={**style, "shrinkA": 0, "shrinkB": 0})

    def frame(self, x, y, width, height, fill, edge="none"):
        self.ax.add_patch(Rectangle((x, y), width, height, fc=fill, ec=edge, lw=0.6 * self.unit))

    def heading(self, lines):
        """The words, and in the last line what the colours mean."""
        y, left = self.height - 0.06, {"ha": "left", "va": "baseline"}
        for text, color, points in lines:
            y -= 0.0225 * points - 0.02
            weight = "bold" if points > 8 else "normal"
            self.text(0.15, y, text, 0, getattr(self.palette, color), points, weight=weight, **left)
        y -= 0.18
        swatches = [("above 0", SIGNED(0.85)), ("below 0", SIGNED(0.15)), ("0", SIGNED.get_bad())]
        for k, (text, color) in enumerate(swatches):
            x = 0.15 + 0.75 * k
            self.frame(x, y - 0.01, 0.1, 0.1, color, self.palette.grey(0.6))
            self.text(x + 0.15, y, text, 0, **left)

    def box(self, x, y, width, name, layer, reached, edge):
        """Its name, and what it is: repr(layer), or the name of its class."""
        grey, ink = self.palette.grey, self.palette.grey(1 if reached else 0.5)
        corner, style = (x - width / 2 + 0.06, y - 0.32), "round,pad=0.06"
        look = {"fc": grey(0.04), "ec": edge or grey(0.8 if reached else 0.25)}
        look["lw"] = (2.5 if edge else 1) * self.unit
        self.ax.add_patch(FancyBboxPatch(corner, width - 0.12, 0.64, style, **look))
        text = repr(layer)
        kind, _, inner = (type(layer).__name__ if text.startswith("<") else text).partition("(")
        room = int(15 * width)  # characters
        if len(kind) > room:
            kind = re.sub(r"(.{4,}?)([A-Z])", r"\1\n\2", kind, count=1)  # Batch, Normalization
        lines = [_cut(line, room) for line in [*kind.split("\n"), inner.removesuffix(")")]]
        bold = {"fontsize": 9, "weight": "bold", "va": "baseline"}
        self.text(x, y + 0.19, _cut(name, int(13 * width)), 0, ink, **bold)
        self.text(x, y + 0.12, "\n".join(lines), -1, ink)

    def flow(self, x, y, sign, color, name, array=None, largest=1):
        """An arrow, and beside it the array: its size as a bar, its entries as a picture, text."""
        ends = (x - 0.2 * sign, y + 0.14 * sign), (x + 0.2 * sign, y + 0.14 * sign)
        self.arrow(*ends, color)
        if array is None:
            return self.text(x, y + sign * 0.45, name, sign, color)
        if array.ndim == 0:
            text = f"{name} = " + (f"{array:#.4g}" if name == "L" else _short(float(array)))
            return self.text(x, y + sign * 0.45, text, sign, color, 10, weight="bold")
        size, zeros = size_of(array), 100 * np.sum(array == 0) // array.size  # per cent
        share = max(0, 1 + np.log10(size / largest) / 8) if size > 0 else 0
        low = y + (0.42 if sign > 0 else -0.48)
        self.frame(x - 0.4, low, 0.8, 0.06, self.palette.grey(0.1))
        self.frame(x - 0.4, low, 0.8 * share, 0.06, color)
        for k in range(1, 8):
            self.frame(x - 0.4 + k / 10 - 0.007, low, 0.014, 0.06, self.palette.paper)
        tall = self.tile(x, y + sign * 0.52, sign, array, 0.95, 0.48, name in ("x", "dx"))
        lines = [f"{name} {array.shape}", f"size {_short(size)}"]
        lines += [f"{zeros}% zeros"] if zeros else []
        self.text(x, y + sign * (0.56 + tall), "\n".join(lines), sign, color)

    def tile(self, x, y, sign, array, width, height, is_x=False):
        """Draws an array as a picture in at most this width and height. Returns the height."""
        table = np.nan_to_num(np.asarray(array, float).reshape(len(array), -1))
        N, D = table.shape
        if is_x and D in (8**2, 16**2, 28**2):  # images of digits stay images: the first ones
            across, down = (4, 2) if N >= 8 else (min(N, 4), 1)
            pixels = int(D**0.5)
            table = table[: across * down].reshape(down, across, pixels, pixels).swapaxes(1, 2)
            table = table.reshape(pixels * down, pixels * across)
            side = min(width / across, height / down)
            width, height = side * across, side * down
        else:
            width *= 0.2 + 0.8 * min(1, np.log(D) / np.log(784))
            height *= 0.2 + 0.8 * min(1, np.log(N) / np.log(100))
            rows = np.linspace(0, N - 1, min(N, 16)).astype(int)  # some of them
            columns = np.linspace(0, D - 1, min(D, 40)).astype(int)
            table = table[np.ix_(rows, columns)]
        inked = np.abs(table[table != 0])
        limit = np.percentile(inked, 95) if inked.size else 1
        left, low = x - width / 2, {1: y, 0: y - height / 2, -1: y - height}[sign]
        look = {"cmap": SIGNED, "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
        look |= {"extent": (left, left + width, low, low + height), "aspect": "auto"}
        self.ax.imshow(np.ma.masked_equal(table, 0), origin="upper", **look)
        self.frame(left, low, width, height, "none", self.palette.grey(0.6))
        return height

    def parameter(self, x, y, line, key, array, color):
        if array.ndim == 0:
            self.text(x, y, f"{key} = {_short(float(array))}", 0, color)
        elif line < 0.3:
            self.text(x, y, f"{key} {array.shape} {_short(size_of(array))}", 0, color)
        else:
            self.tile(x - 0.5, y, 0, np.atleast_2d(array), 0.5, 0.3)
            text = f"{key} {array.shape}\nsize {_short(size_of(array))}"
            self.text(x - 0.2, y, text, 0, color, ha="left")
