"""Pictures: how training went, digits and weights, and the graph of a network while it computes.

Each function returns a figure. A notebook shows it as the value of a cell,
figure.savefig("name.png") writes it, and figure.show() opens a window. plt.show() and plt.savefig
see it if matplotlib.pyplot was imported before it was drawn.
"""

if not __package__:  # started as a file, or imported from inside ch05/
    import project_path  # noqa: F401

import math

import numpy as np

from ch05.tools.figures import font_points, new_figure
from ch05.tools.history_picture import draw_history
from ch05.tools.network_picture import draw_network
from common.guards.arguments import as_numbers, check_count, wrong

__all__ = ["draw_digits", "draw_history", "draw_network"]


def draw_digits(images, titles=None, columns=10, *, label=None, ax=None):
    """Square pictures in rows, a title above each.

    images : (N, 784), (N, 28, 28) or (N, 1, 28, 28), or another square; ink is black. One picture
             may come as (784,) or (28, 28)
    titles : N numbers or words, or labels t; one for one picture
    label  : what the numbers are, if they aren't ink: "weight in W1". They are then drawn in two
             colours, white for 0, with a colour bar that bears the label
    ax     : axes of yours to draw in

    Returns a figure. ValueError if the pictures aren't square.
    """
    check_count("columns", columns)
    images, titles = _as_pictures(images, titles)
    N, side = images.shape[:2]
    columns = min(columns, N)
    across, above = _room(titles, columns)
    pad = max(1, round(side / 14))  # around each
    inch = (side + 2 * pad) / across  # in pixels
    top = pad + math.ceil(above * inch)
    rows, tall, wide = -(-N // columns), top + side, side + 2 * pad
    tiles = np.full((rows * columns, tall, wide), np.nan)  # nan isn't drawn
    tiles[:N, top:, pad:-pad] = images
    sheet = tiles.reshape(rows, columns, tall, wide).swapaxes(1, 2)
    sheet = sheet.reshape(rows * tall, columns * wide)
    how = {"cmap": "gray_r"}
    if label is not None:
        limit = np.percentile(np.abs(images), 99.5)
        how = {"cmap": "PRGn", "vmin": -limit, "vmax": limit}
    if ax is None:
        width = columns * wide / inch + (label is not None)
        ax = new_figure(width, rows * tall / inch, layout="constrained").subplots()
    shown = ax.imshow(sheet, interpolation="nearest", origin="upper", **how)
    for k, title in enumerate(titles):
        x, y = wide * (k % columns) + wide / 2 - 0.5, tall * (k // columns) + top - 0.5 - pad / 2
        ax.text(x, y, title, ha="center", va="bottom")
    ax.axis("off")
    if label is not None:
        ax.figure.colorbar(shown, ax=ax, shrink=0.8, aspect=30, label=label)
    return ax.figure


def _room(titles, columns):
    """In inches: the width of a picture, and the height of its title."""
    lines = [title.split("\n") for title in titles]
    em = font_points() / 72
    longest = max((len(line) for title in lines for line in title), default=0)
    across = max(0.8, min(2, 4 / columns), 0.65 * em * longest + 0.1)
    return across, 1.3 * em * max(map(len, lines), default=0)


def _as_pictures(images, titles):
    """As arrays (N, H, H), and a list of N words or of none."""
    images = as_numbers(images).astype(float)
    shape = images.shape
    titles = [] if titles is None else titles
    single = isinstance(titles, str) or not np.iterable(titles)
    titles = [titles] if single else list(titles)
    # (28, 28) is one picture. (64, 64) is 64 pictures of 8 x 8, unless there is a single title.
    square = images.ndim == 2 and shape[0] == shape[1]
    if images.ndim == 1 or (square and (single or math.isqrt(shape[0]) ** 2 != shape[0])):
        images = images[np.newaxis]
        if len(titles) > 1 and not isinstance(titles[0], str):
            titles = [titles]  # a one-hot label
    N = len(images) if images.ndim else 0
    side = math.isqrt(images[0].size) if N else 0
    if side == 0 or images.shape[1:] not in [(side**2,), (side, side), (1, side, side)]:
        raise wrong(ValueError, "square pictures, as (N, 784) or (N, 28, 28)", f"{shape}")
    if len(titles) not in (0, N):
        raise wrong(ValueError, f"a title for each picture, {N}", f"{len(titles)}")
    return images.reshape(N, side, side), [_word(title) for title in titles]


def _word(title):
    """The title as words: of a one-hot label, the class number."""
    return str(np.argmax(title) if np.size(title) > 1 else np.ravel(title)[0])
