"""The pad: what is drawn is a list of points, so it is as fine as the hand, and has no pixels."""

import numpy as np

from common.guards.arguments import wrong
from dataset.photo import centred

PEN = 1.4  # half the width of a stroke, in the pixels of x
RUBBER = 2.6
STEP = 0.25  # from one point of a stroke to the next
FINE = 3  # a stroke is rendered with that many pixels for each pixel of x
MOVE = "motion_notify_event"


class Pad:
    """28 x 28 in size. The left button or a finger draws, the right button erases.

    points : (n, 2), with nan where the pen was lifted
    digit  : (28, 28), a digit of MNIST below what is drawn
    moved  : called after each move of the pen;  changed : when it is lifted
    """

    def __init__(self, ax, moved, changed):
        self.ax, self.moved, self.changed = ax, moved, changed
        self.button = self.place = None  # the button that is down; where the mouse was last
        self.knows_buttons = False
        self.clear()
        connect = ax.figure.canvas.mpl_connect
        connect("button_press_event", self.press)
        connect(MOVE, self.move)
        connect("button_release_event", self.release)

    def clear(self, digit=None):
        self.erasing = False  # with the left button too
        self.points = np.empty((0, 2))
        self.digit = self.given = np.zeros((28, 28)) if digit is None else digit

    # The mouse

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
            self.stroke(place if self.place is None else self.place, place, self.place is None)
            self.place = place
            self.moved()

    def release(self, event):
        drew, self.button = self.button, None
        if drew:
            self.changed()

    # The ink

    def stroke(self, start, end, lifted=True):
        """Inks or erases along the line from start to end, which are (x, y)."""
        steps = max(1, int(np.ceil(np.linalg.norm(np.subtract(end, start)) / STEP)))
        line = np.linspace(start, end, steps + 1)
        if self.erasing or self.button == 3:
            is_near = (distances(pixels(28), line) < RUBBER - 0.8).reshape(28, 28)
            self.digit = np.where(is_near, 0, self.digit)
            return self.drop(distances(self.points, line) < RUBBER)
        line[-1] += 1e-3, 1e-3 * (steps == 1)  # a dot has a length, or it wouldn't be drawn
        lift = np.full((int(lifted and len(self.points) > 0), 2), np.nan)
        self.points = np.concatenate([self.points, lift, line])

    def drop(self, which):
        """These points go; and a point that is left alone, since no line can be drawn to it."""
        points = np.where(which[:, np.newaxis], np.nan, self.points)
        gone = np.isnan(np.pad(points[:, 0], 1, constant_values=np.nan))
        points[gone[:-2] & gone[2:]] = np.nan
        self.points = points if np.isfinite(points).any() else np.empty((0, 2))

    @property
    def empty(self):
        return not (self.digit.any() or len(self.points))

    @property
    def ink(self):
        """(28, 28) from 0 to 1, as it lies on the pad."""
        return np.maximum(self.digit, rendered(self.points, 28, PEN))

    def x(self):
        """(1, 784), as MNIST's digits are: the longer side has 20 pixels, the centre is at 14.

        What was drawn is first made as large as it will be, and then inked. So the strokes of a
        tiny digit are no wider than those of a large one.
        """
        if self.empty:
            raise wrong(ValueError, "a digit on the pad", "none; draw one, or press next digit")
        if self.digit.any():
            if self.digit is self.given and not len(self.points):
                return self.digit.reshape(1, 784).copy()  # a test digit, as MNIST has it
            return centred(self.ink)
        points = self.points[np.isfinite(self.points[:, 0])]
        low, extent = points.min(axis=0), np.ptp(points, axis=0).max()
        scale = FINE * (20 - 2 * PEN) / max(extent, 1)
        points = points[:: max(1, int(0.4 * FINE / (STEP * scale)))]
        return centred(rendered((points - low) * scale + FINE * PEN, 20 * FINE, FINE * PEN))


def pixels(n):
    """(n * n, 2): x and y of each pixel."""
    return np.mgrid[:n, :n][::-1].reshape(2, -1).T


def distances(places, points):
    """From each place to the nearest of the points; inf if there are none."""
    points = points[np.isfinite(points[:, 0])]
    nearest = np.full(len(places), np.inf)
    for some in np.array_split(points, len(points) // 64 + 1):  # so that tables stay small
        if len(some):
            squares = sum((places[:, k, None] - some[:, k]) ** 2 for k in (0, 1))
            nearest = np.minimum(nearest, squares.min(axis=1))
    return np.sqrt(nearest)


def rendered(points, n, radius):
    """(n, n) of ink from 0 to 1: all that is nearer to a point than the radius."""
    return np.clip(radius + 0.5 - distances(pixels(n), points), 0, 1).reshape(n, n)
