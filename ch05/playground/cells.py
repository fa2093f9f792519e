"""Arrays as pictures: what colour a number has, and how large an array is."""

import functools
import math

import numpy as np

from ch05.tools.figures import BLUE, ORANGE, SIGNED, size_of
from common.guards.learnt import find_parameters


class Cells:
    """An array as a picture with a cell for each entry. Below it a bar: its size."""

    def __init__(self, page, x, y, width, height, color):
        self.place, self.color, self.shape = (x, y, width, height), color, (1, 1)
        look = {"extent": (x, x + width, y - height, y), "interpolation": "nearest"}
        self.image = page.ax.imshow(np.zeros((1, 1)), aspect="auto", **look)
        page.box(x, y - height - 0.06, width, 0.04, "0.9")
        self.bar = page.box(x, y - height - 0.06, 0, 0.04, color)
        self.words = page.text(x, y - height - 0.14, "", color, 7)
        self.frame = page.box(x, y, 0, 0, "none", ec=ORANGE, lw=2, zorder=5)

    def show(self, array, stopped=None):
        """The bar has the same scale always: a twelfth shorter is ten times smaller."""
        if array is None:
            show_signed(self.image, None)
            self.words.set_text("")
            return self.bar.set_width(0)
        self.shape, own = lines(array.size, self.place[2] / self.place[3]), size_of(array)
        if stopped is not None:
            array = np.where(stopped, 0, array)
        (show_signed if self.color == BLUE else show_fixed)(self.image, array, shape=self.shape)
        self.words.set_text(f"size {own:.2g}")
        self.bar.set_width(self.place[2] * np.clip(1 + math.log10(own) / 12, 0, 1) if own else 0)

    def at(self, x, y):
        """The entry whose cell is there, or None."""
        left, top, width, height = self.place
        column, row = (x - left) / width * self.shape[1], (top - y) / height * self.shape[0]
        if self.image.get_visible() and 0 <= column < self.shape[1] and 0 <= row < self.shape[0]:
            return int(row) * self.shape[1] + int(column)

    def frame_cell(self, j):
        self.frame.set_visible(j is not None and self.image.get_visible())
        if j is not None:
            left, top, width, height = self.place
            width, height = width / self.shape[1], height / self.shape[0]
            corner = left + j % self.shape[1] * width, top - (j // self.shape[1] + 1) * height
            self.frame.set(xy=corner, width=width, height=height)


@functools.cache
def lines(n, shape):
    """n numbers in several lines, (how many, of what length), so that cells are about square."""
    counts = [k for k in range(1, n + 1) if n % k == 0]
    k = min(counts, key=lambda k: abs(math.log(k * k * shape / n)))
    return k, n // k


def rounded(number, form):
    """Nothing for 0.00: to draw words takes most of the time of a picture."""
    return format(number, form) if abs(number) >= 0.005 else ""


def show_fixed(image, array, shape=(28, 28)):
    """Colours that mean the same in every picture: 1 or more is full, 0.01 half, 0.0001 none."""
    if array is not None:
        strength = np.log10(np.maximum(np.abs(array, dtype=float), 1e-4)) / 4 + 1
        array = np.sign(array, dtype=float) * np.clip(strength, 1e-9, 1)
    show_signed(image, array, 1, shape)


def show_signed(image, array, limit=None, shape=(28, 28)):
    """White around 0, and grey for exactly 0; nothing for None. Most are half a colour."""
    image.set_visible(array is not None)
    if array is not None:
        array = np.asarray(array, float).reshape(shape)
        if limit is None:
            limit = 3 * np.median(np.abs(array[array != 0])) if array.any() else 1
        image.set(data=np.ma.masked_equal(array, 0), cmap=SIGNED, clim=(-limit, limit))


def largest(array):
    """The largest size in a picture of weights, but for a few."""
    return float(np.percentile(np.abs(array), 99)) or 1.0


def sheet(network):
    """The columns of the first W with 784 rows, 28 x 28 each, ten a line; and their name."""
    for key, found in find_parameters(network.layers).items():
        if np.ndim(found.array) == 2 and len(found.array) == 784:
            columns = np.asarray(found.array).T
            M, some = len(columns), columns[:50]
            tiles = np.zeros((50, 30, 30))
            tiles[len(some) :] = 1e-9  # white, not grey: there is no unit
            tiles[: len(some), 1:29, 1:29] = some.reshape(-1, 28, 28)
            words = f"{key}: the weights of each unit" + f" (50 of {M})" * (M > 50)
            return tiles.reshape(5, 10, 30, 30).swapaxes(1, 2).reshape(150, 300), words
    return None, ""
