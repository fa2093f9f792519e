"""The figure that pictures are drawn on, and its colours. It needs neither pyplot nor a screen."""

import contextlib
import io
import sys
import threading
from types import SimpleNamespace

import matplotlib
import matplotlib.figure
import numpy as np
from matplotlib._pylab_helpers import Gcf  # the figures that pyplot has open
from matplotlib.colors import to_rgb

from common.guards.arguments import wrong

BLUE, ORANGE = "#0072B2", "#C24E00"  # told apart by colour-blind readers, and in grey print
SIGNED = matplotlib.colormaps["PRGn"].with_extremes(bad="0.8")  # below 0, above 0; bad: no colour
WRITES_FILES = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")  # backends without windows
IN_NOTEBOOKS = ("inline", "ipympl", "nbagg", "notebook", "widget")  # parts of their names


def new_figure(width, height, **how):
    """An empty figure, in inches."""
    figure = Figure(figsize=(width, height), dpi=100, **how)
    if "matplotlib.pyplot" in sys.modules and threading.current_thread() is threading.main_thread():
        figure.open_in_pyplot()
    return figure


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook shows as the value of a cell.

    figure.savefig("name.png") writes it, or "name.pdf"; figure.show() opens a window.
    """

    def show(self, warn=True):
        """Shows it in a window and waits until that is closed; in a notebook, below the cell."""
        import matplotlib.pyplot as plt

        if not self._is_open():
            self.open_in_pyplot()
        if not self._is_open() or _backend() in WRITES_FILES:
            hint = 'figure.savefig("name.png") writes a file'
            raise wrong(RuntimeError, "a screen to open a window", "none", hint)
        plt.show()

    def open_in_pyplot(self):
        """Makes it a figure of pyplot's. plt.figure asks FigureClass for one, and gets this one."""
        import matplotlib.pyplot as plt

        if _backend() in WRITES_FILES:  # plt.savefig writes the newest; older ones take up memory
            for manager in Gcf.get_all_fig_managers():
                if isinstance(manager.canvas.figure, Figure):
                    Gcf.destroy(manager)
        with contextlib.suppress(ImportError):  # pyplot was told to use windows without a screen
            plt.figure(FigureClass=lambda *args, **how: self)

    def _is_open(self):
        return self.canvas.manager in Gcf.get_all_fig_managers()

    def _repr_png_(self):
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        """A notebook is about to show it: don't show it at the end of the cell again."""
        if self._is_open() and any(word in _backend() for word in IN_NOTEBOOKS):
            Gcf.destroy(self.canvas.manager)
        return {}  # IPython goes on to the png


def _backend():
    return matplotlib.get_backend().lower()


def colours():
    """What fits the style in force, light or dark: plt.style.use("dark_background")."""
    ink = to_rgb(matplotlib.rcParams["text.color"])
    dark = sum(ink) > 1.5
    paper = (0, 0, 0) if dark else (1, 1, 1)

    def grey(share):  # 0: paper, 1: ink
        return tuple(p + share * (i - p) for p, i in zip(paper, ink))

    blue, orange = ("#56B4E9", "#FF9A4D") if dark else (BLUE, ORANGE)
    return SimpleNamespace(blue=blue, orange=orange, ink=ink, paper=paper, grey=grey)


def size_of(array):
    """How large the numbers are in an array: the mean of |entry|."""
    return float(np.abs(array, dtype=float).mean())


def font_points():
    return matplotlib.rcParams["font.size"]
