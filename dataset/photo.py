"""A digit of your own: from a photo to a row of x, by the steps that made MNIST's digits."""

import numpy as np

__all__ = ["from_photo", "centred"]


def from_photo(picture):
    """x of shape (1, 784), float32 from 0 to 1, from a picture of one digit.

    picture : a PIL image, what plt.imread returns, or any array: (H, W) in grey, (H, W, 3) in
              colour, (H, W, 4) with opacity, from 0 to 255 or from 0 to 1. The rim shows paper,
              or whatever the ground is; ink may be darker or brighter

    As in MNIST, the digit is bright on a dark ground, its longer side has 20 pixels, and its centre
    of mass lies in the middle of 28 x 28. TypeError or ValueError for what isn't such a picture.
    """
    return centred(_ink(_grey(picture)))


def centred(ink):
    """x of shape (1, 784), float32 from 0 to 1, from ink drawn by hand.

    ink : an array (H, W) of any size, 0 where there is none and the larger the more there is

    The steps are those that made MNIST's digits: the box that holds the ink is scaled until its
    longer side has 20 pixels, and its centre of mass is put into the middle of 28 x 28. MNIST's own
    digits stay as they are. ValueError where there is no ink, or ink below 0, nan or inf.
    """
    ink = np.asarray(ink, float)
    if ink.ndim != 2 or not (ink.size and 0 < ink.max() < np.inf and ink.min() >= 0):
        came = f"shape {ink.shape}" if ink.ndim != 2 else "none, or less than 0, or nan or inf"
        raise ValueError(f"expected ink of shape (H, W), 0 where there is none, got {came}")
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(20 * side / max(ink.shape))) for side in ink.shape)
    ink = _averages(ink.shape[0], height) @ ink @ _averages(ink.shape[1], width).T
    top, left = _start(ink.sum(axis=1)), _start(ink.sum(axis=0))
    x = np.zeros((28, 28), np.float32)
    x[top : top + height, left : left + width] = ink / ink.max()
    return x.reshape(1, 784)


def _grey(picture):
    """(H, W), where white is 1: each pixel is the mean of its colours, laid on white paper."""
    if hasattr(picture, "convert"):  # a PIL image, whose numbers may stand for colours in a table
        picture = picture.convert("RGBA")
    picture = np.asarray(picture)
    if picture.dtype.kind not in "buif":
        came = f"dtype {picture.dtype}; from a file, pass plt.imread(path)"
        raise TypeError(f"expected a picture as an array of numbers, got {came}")
    if picture.size == 0 or picture.shape[2:] not in [(), (3,), (4,)] or picture.ndim < 2:
        shapes = "(H, W), (H, W, 3) or (H, W, 4)"
        raise ValueError(f"expected a picture of shape {shapes}, got {picture.shape}")
    grey = picture / (1 if picture.max() <= 1 else 255)
    if grey.ndim == 3:
        opacity = grey[..., 3] if grey.shape[2] == 4 else 1
        grey = grey[..., :3].mean(axis=-1) * opacity + 1 - opacity
    return grey


def _ink(grey):
    """How much ink a pixel has, up to 1, bright or dark. The ground, which the rim shows, has 0.

    What has less than half is noise or a shadow on the paper.
    """
    ground = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    darker, brighter = ground - grey.min(), grey.max() - ground
    if not 0 < max(darker, brighter) < np.inf:
        raise ValueError("expected a picture of a digit, got one colour only, or nan or inf")
    ink = (ground - grey) / darker if darker > brighter else (grey - ground) / brighter
    return np.where(ink < 0.5, 0, ink)


def _averages(length, parts):
    """A matrix (parts, length) that divides a line of pixels into parts and averages each.

    Part i has pixel j in it from max(start of i, j) to min(end of i, j + 1), if that is a distance.
    """
    edges, j = np.linspace(0, length, parts + 1)[:, np.newaxis], np.arange(length)
    return np.maximum(np.minimum(edges[1:], j + 1) - np.maximum(edges[:-1], j), 0) * parts / length


def _start(ink):
    """Where a line of ink starts in 28 pixels, so that its centre of mass comes to lie at 14."""
    centre = ink @ np.arange(len(ink)) / ink.sum()
    return int(np.clip(round(14 - centre), 0, 28 - len(ink)))
