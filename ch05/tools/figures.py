"""The figure that pictures are drawn on, and its colours."""

import io
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb

from common.guards.mistakes import wrong

__all__ = ["BLUE", "ORANGE", "SIGNED", "Figure", "colours", "font_points", "new_figure"]

BLUE, ORANGE = "#0072B2", "#C24E00"  # told apart by colour-blind readers, and in grey print
SIGNED = matplotlib.colormaps["PRGn"].with_extremes(bad="0.8")  # below 0, above 0; bad: no colour
IN_NOTEBOOKS = ("inline", "ipympl", "nbagg", "notebook", "widget")  # parts of backends' names


def new_figure(width, height, **how):
    """An empty figure, in inches."""
    return plt.figure(FigureClass=Figure, figsize=(width, height), dpi=100, **how)


class Figure(matplotlib.figure.Figure):
    """A figure of pyplot's that a notebook shows once, as the value of a cell.

    figure.savefig("name.png") writes it, or "name.pdf"; figure.show() opens a window.
    """

    def show(self, warn=True):
        """Shows it in a window and waits until that is closed; in a notebook, below the cell."""
        if matplotlib.get_backend().lower() == "agg":
            hint = 'figure.savefig("name.png") writes a file'
            raise wrong(OSError, "a screen to open a window", "none", hint)
        if not plt.fignum_exists(self.number):  # it was shown before, and closed
            plt.figure(FigureClass=lambda *args, **how: self)
        plt.show()

    def _repr_png_(self):
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        """A notebook is about to show it: don't show it at the end of the cell again."""
        if any(word in matplotlib.get_backend().lower() for word in IN_NOTEBOOKS):
            plt.close(self)
        return {}  # IPython goes on to the png


def colours():
    """What fits the style in force, light or dark: plt.style.use("dark_background")."""
    ink = to_rgb(matplotlib.rcParams["text.color"])
    dark = sum(ink) > 1.5
    paper = (0, 0, 0) if dark else (1, 1, 1)

    def grey(share):  # 0: paper, 1: ink
        return tuple(p + share * (i - p) for p, i in zip(paper, ink))

    blue, orange = ("#56B4E9", "#FF9A4D") if dark else (BLUE, ORANGE)
    return SimpleNamespace(blue=blue, orange=orange, ink=ink, paper=paper, grey=grey)


def font_points():
    return plt.rcParams["font.size"]
