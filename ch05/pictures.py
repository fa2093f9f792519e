"""Pictures: how training went, digits and weights, and the graph of a network while it computes.

Each function returns a figure. A notebook shows it, and figure.savefig("name.png") writes it.
"""

import io
import re
import sys
import textwrap
from pathlib import Path

if not __package__:  # imported from inside ch05/: let `common` be found beside it
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib
import matplotlib.figure
import numpy as np
from matplotlib.patches import FancyBboxPatch, Rectangle

from common.params import find_parameters

__all__ = ["draw_digits", "draw_history", "draw_network"]

BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by colour-blind readers, and in grey print
SIGNED = matplotlib.colormaps["PuOr_r"].with_extremes(bad="0.8")  # below 0, above 0; bad: no colour


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook shows as the value of a cell. It needs neither pyplot nor screen."""

    def _repr_png_(self):
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()


def draw_history(history):
    """The loss by update, and the accuracies by epoch.

    history : has train_loss_list, and train_acc_list and test_acc_list, which may be empty
    """
    loss = np.array(history.train_loss_list, float)
    if len(loss) == 0:
        raise ValueError("expected the history of one update or more, got an empty one")
    figure = Figure(figsize=(9, 3.4), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    window = min(100, len(loss))
    smooth = np.convolve(loss, np.full(window, 1 / window), mode="valid")
    middle = np.arange(len(smooth)) + (window - 1) / 2
    point = "." if len(smooth) == 1 else ""  # a line through one point can't be seen
    left.plot(loss, marker=point, color="0.75", linewidth=0.6, label="each batch")
    left.plot(middle, smooth, marker=point, color=BLUE, label=f"mean of {window}")
    left.set(xlabel="update", ylabel="loss (cross entropy)", title="Loss")
    left.set_yscale("log" if loss.max() > 0 else "linear")
    left.legend(loc="upper right")

    curves = [np.array(each, float) for each in (history.train_acc_list, history.test_acc_list)]
    styles = [("o-", BLUE, "training digits"), ("s--", ORANGE, "test digits")]
    for curve, (style, color, label) in zip(curves, styles):
        right.plot(curve, style, color=color, label=label)
    epochs = max(1, *map(len, curves))
    right.set(xlabel="epoch", ylabel="accuracy", title="Accuracy", xlim=(-0.5, epochs - 0.5))
    right.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    right.legend(loc="lower right")
    if not any(map(len, curves)):
        right.set_ylim(0, 1)
    if all(len(curve) > 7 and curve[0] < 0.5 and curve[1:].min() > 0.8 for curve in curves):
        inset = right.inset_axes([0.3, 0.36, 0.66, 0.42])  # the rest, dwarfed by the first step
        for curve, (style, color, _) in zip(curves, styles):
            inset.plot(range(1, len(curve)), curve[1:], style, color=color, markersize=3)
        inset.grid(alpha=0.3)
    for ax in (left, right):
        ax.grid(alpha=0.3)
    return figure


def draw_digits(images, titles, columns=10, *, label=None):
    """Pictures of 28 x 28 pixels in rows, a title above each.

    images : (N, 784), (N, 28, 28) or (N, 1, 28, 28); ink is black
    label  : what the numbers are, if they aren't ink: "weight in W1". They are then drawn in two
             colours, white for 0, with a colour bar that bears the label
    """
    images, titles = np.asarray(images, float), list(titles)
    N = len(titles)
    if N == 0 or images.size != N * 784 or len(images) != N:
        raise ValueError(f"expected N images of 784 pixels and N titles, got {images.shape}, {N}")
    columns = min(columns, N)
    rows = -(-N // columns)
    # One picture of them all, each below 12 rows of nan, which isn't drawn: room for its title.
    tiles = np.full((rows * columns, 40, 32), np.nan)
    tiles[:N, 12:, 2:30] = images.reshape(N, 28, 28)
    sheet = tiles.reshape(rows, columns, 40, 32).swapaxes(1, 2).reshape(rows * 40, columns * 32)
    how = {"cmap": "gray_r"}
    if label is not None:
        limit = np.percentile(np.abs(images), 99.5)
        how = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit}
    width = 0.8 * columns + (label is not None)
    figure = Figure(figsize=(width, rows), dpi=100, layout="constrained")
    ax = figure.subplots()
    shown = ax.imshow(sheet, interpolation="nearest", **how)
    for k, title in enumerate(titles):
        ax.text(32 * (k % columns) + 16, 40 * (k // columns) + 10, title, ha="center")
    ax.axis("off")
    if label is not None:
        figure.colorbar(shown, shrink=0.8, aspect=30, label=label)
    return figure


def draw_network(network, x, t):
    """The computational graph of a network for a batch, with the numbers that go through it.

    Above each arrow stands what went forward, and below it the gradient of L that came back. Under
    a layer stand its parameters and their gradients. In the small pictures a row is a sample (or a
    row of W); of large arrays only some rows and columns are shown. Where x is digits, the first
    ones are shown as such. No parameter is changed.
    """
    forward, backward = _values(network, x, t)
    layers = [*network.layers.items(), ("lastLayer", network.lastLayer)]
    learnt = {name: [] for name, _ in layers}
    for key, found in find_parameters(network.layers).items():
        gradient = np.asarray(getattr(found.layer, "d" + found.name))
        learnt[found.layer_name] += [(key, found.array, BLUE), ("d" + key, gradient, ORANGE)]
    outs = ["x", *["out"] * (len(layers) - 2), "scores", "L"]
    douts = ["no dx" if backward[0] is None else "dx", *["dout"] * len(layers)]
    directions = [(1, BLUE, "from", outs, forward), (-1, ORANGE, "to", douts, backward)]

    # All lengths are inches. A box stands every `pitch`, at most 5 in a row.
    rows = -(-len(layers) // 5)
    columns = max(3, -(-len(layers) // rows))
    pitch = min(1.8, 9 / (columns + 1))
    line = 0.37 if rows == 1 else 0.15  # if there are many layers, parameters have no pictures
    high = 3.05 + line * max(map(len, learnt.values()))
    width, height = pitch * (columns + 1), 0.95 + rows * high
    figure = Figure(figsize=(width, height), dpi=100)
    ax = figure.add_axes((0, 0, 1, 1))
    _heading(ax, f"{type(network).__name__}, a batch of N = {len(forward[0])}", width, height)
    for i, (name, layer) in enumerate(layers):
        middle, y = pitch * (i % columns + 1), height - 2.4 - i // columns * high
        left, right = middle - pitch / 2, middle + pitch / 2
        if learnt[name]:
            ax.plot([middle, middle], [y, y - 1.45], color="0.6", linewidth=1, zorder=0)
        _box(ax, middle, y, pitch - 0.42, name, layer)
        for k, parameter in enumerate(learnt[name]):
            _parameter(ax, middle, y - 1.5 - (k + 0.5) * line, line, *parameter)
        for sign, color, word, names, arrays in directions:
            largest = max(_size(array) for array in arrays[:-1] if array is not None)
            if i == 0:
                _flow(ax, left, y, sign, color, names[0], arrays[0], largest)
            elif i % columns == 0:  # the arrow goes on from the row above
                _flow(ax, left, y, sign, color, f"{word}\n{_cut(layers[i - 1][0], 10)}")
            _flow(ax, right, y, sign, color, names[i + 1], arrays[i + 1], largest)
    _text(ax, middle, y + 0.62, f"t\n{np.shape(t)}", 1)
    _arrow(ax, (middle, y + 0.62), (middle, y + 0.38), "k")
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    return figure


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
        dout = network.lastLayer.backward()
        for layer in reversed(network.layers.values()):
            backward.insert(0, np.array(dout))
            dout = layer.backward(dout)
    return forward, [None if dout is None else np.array(dout), *backward]


def _size(array):
    return float(np.abs(array, dtype=float).mean()) if array.size else 0.0


def _short(number):
    return f"{number:.0f}" if 99.5 <= abs(number) < 1e5 else f"{number:.2g}"


def _cut(text, room):
    text = str(text)
    return text if len(text) <= room else text[: room - 1] + "…"


def _text(ax, x, y, text, sign, color="k", **how):
    va = {1: "bottom", 0: "center", -1: "top"}[sign]
    how = {"va": va, "ha": "center", "fontsize": 8, "linespacing": 1.15, **how}
    ax.text(x, y, text, color=color, **how)


def _arrow(ax, start, end, color):
    style = {"arrowstyle": "-|>,head_width=.25,head_length=.5", "color": color, "lw": 1.6}
    ax.annotate("", end, start, arrowprops={**style, "shrinkA": 0, "shrinkB": 0})


def _box(ax, x, y, width, name, layer):
    corner, style = (x - width / 2 + 0.06, y - 0.32), "round,pad=0.06"
    ax.add_patch(FancyBboxPatch(corner, width - 0.12, 0.64, style, fc="#F4F4F4", ec="0.3"))
    text = repr(layer)
    kind, _, inner = (type(layer).__name__ if text.startswith("<") else text).partition("(")
    room = int(15 * width)  # characters
    if len(kind) > room:
        kind = re.sub(r"(.{4,})([A-Z])", r"\1\n\2", kind)  # Batch, Normalization
    lines = [_cut(line, room) for line in kind.split("\n")]
    lines += textwrap.wrap(inner.removesuffix(")"), room, max_lines=3 - len(lines), placeholder="…")
    _text(ax, x, y + 0.19, _cut(name, int(11 * width)), 0, fontsize=9, weight="bold", va="baseline")
    _text(ax, x, y + 0.12, "\n".join(lines), -1)


def _flow(ax, x, y, sign, color, name, array=None, largest=1):
    """An arrow, and beside it the array: its size as a bar, its entries as a picture, and text."""
    ends = (x - 0.2 * sign, y + 0.14 * sign), (x + 0.2 * sign, y + 0.14 * sign)
    _arrow(ax, *ends, color)
    if array is None:
        return _text(ax, x, y + sign * 0.45, name, sign, color)
    if array.ndim == 0:
        text = f"{name} = " + (f"{array:#.4g}" if name == "L" else _short(float(array)))
        return _text(ax, x, y + sign * 0.45, text, sign, color, fontsize=10, weight="bold")
    size, zeros = _size(array), 100 * np.sum(array == 0) // array.size  # per cent
    share = max(0, 1 + np.log10(size / largest) / 8) if size > 0 else 0
    for length, fill in ((0.8, "0.9"), (0.8 * share, color)):
        ax.add_patch(Rectangle((x - 0.4, y + sign * 0.42), length, sign * 0.06, fc=fill))
    for k in range(1, 8):
        ax.plot([x - 0.4 + k / 10] * 2, [y + sign * 0.42, y + sign * 0.48], color="w", lw=1)
    tall = _tile(ax, x, y + sign * 0.52, sign, array, 0.95, 0.48, name in ("x", "dx"))
    lines = [f"{name} {array.shape}", f"size {_short(size)}"]
    lines += [f"{zeros}% zeros"] if zeros else []
    _text(ax, x, y + sign * (0.56 + tall), "\n".join(lines), sign, color)


def _tile(ax, x, y, sign, array, width, height, is_x=False):
    """Draws an array as a picture in at most this width and height. Returns the height."""
    table = np.nan_to_num(np.asarray(array, float).reshape(len(array), -1))
    N, D = table.shape
    if is_x and D == 784:  # images stay images: the first ones
        across, down = (4, 2) if N >= 8 else (min(N, 4), 1)
        table = table[: across * down].reshape(down, across, 28, 28).swapaxes(1, 2)
        table = table.reshape(28 * down, 28 * across)
        side = min(width / across, height / down)
        width, height = side * across, side * down
    else:
        width *= 0.2 + 0.8 * min(1, np.log(D) / np.log(784))
        height *= 0.2 + 0.8 * min(1, np.log(N) / np.log(100))
        some = [np.linspace(0, n - 1, min(n, most)).astype(int) for n, most in ((N, 16), (D, 40))]
        table = table[np.ix_(*some)]
    inked = np.abs(table[table != 0])
    limit = np.percentile(inked, 95) if inked.size else 1
    left, low = x - width / 2, {1: y, 0: y - height / 2, -1: y - height}[sign]
    ax.imshow(
        np.ma.masked_equal(table, 0),
        extent=(left, left + width, low, low + height),
        cmap=SIGNED,
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
    )
    ax.add_patch(Rectangle((left, low), width, height, fc="none", ec="0.4", lw=0.6))
    return height


def _parameter(ax, x, y, line, key, array, color):
    text = f"{key} {array.shape}"
    if array.ndim == 0:
        _text(ax, x, y, f"{text} = {_short(float(array))}", 0, color)
    elif line < 0.3 or array.size == 0:
        _text(ax, x, y, f"{text} {_short(_size(array))}", 0, color)
    else:
        _tile(ax, x - 0.5, y, 0, np.atleast_2d(array), 0.5, 0.3)
        _text(ax, x - 0.2, y, f"{text}\nsize {_short(_size(array))}", 0, color, ha="left")


def _heading(ax, title, width, height):
    _text(ax, 0.15, height - 0.1, title, -1, fontsize=11, weight="bold", ha="left")
    lines = [
        ("→  forward: what a layer returns", BLUE),
        ("←  backward: the gradient of L with respect to that array, in its shape", ORANGE),
        ("size: the mean of |entry|. A bar one step shorter: ten times smaller", "k"),
    ]
    for k, (text, color) in enumerate(lines):
        _text(ax, 0.15, height - 0.36 - 0.16 * k, text, -1, color, ha="left")
    swatches = [("above 0", SIGNED(0.85)), ("below 0", SIGNED(0.15)), ("0", SIGNED.get_bad())]
    for k, (text, color) in enumerate(swatches):
        left = width - 2 + 0.8 * k
        ax.add_patch(Rectangle((left, height - 0.24), 0.11, 0.11, fc=color, ec="0.4", lw=0.6))
        _text(ax, left + 0.15, height - 0.12, text, -1, ha="left")
