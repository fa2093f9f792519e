"""One unit of the first layer, from the ink to the answer and back: its pictures."""

import numpy as np
from matplotlib.collections import LineCollection

from ch05.playground.cells import fixed, largest, show_signed
from ch05.tools.figures import BLUE, ORANGE

__all__ = ["UnitPanel"]

TOP, BOTTOM = 4.705, 2.205  # of the bars: for ten scores they lie beside the ten digits
FORWARD, BACK = (8.62, 0.27 / 5), (9.22, 0.27)  # where 0 lies, and the length of 1, always


class UnitPanel:
    """Three pictures of its weights, and a bar for each weight into the next layer."""

    def __init__(self, page):
        self.page = page
        self.captions = [page.text(x, 1.74, "", color, 8) for x, color in
                         ((8.3, BLUE), (9.52, BLUE), (10.75, ORANGE))]  # fmt: skip
        self.pictures = [page.picture(x, 0.55, 1.07, 1.07) for x in (8.3, 9.52, 10.75)]
        self.results = [page.text(x, 0.34, "", color, 8, linespacing=1.15) for x, color in
                        ((8.3, BLUE), (9.52, BLUE), (10.75, ORANGE))]  # fmt: skip
        for picture in self.pictures:
            picture.axes.set_visible(False)
        self.invitation = page.text(8.3, 1.1, "", "0.45", 8, linespacing=1.3)
        self.heads = [page.text(x, 4.84, "", color, 8, ha="center", linespacing=1.1)
                      for (x, _), color in ((FORWARD, BLUE), (BACK, ORANGE))]  # fmt: skip
        self.sums = [page.text(x, 2.08, "", color, 8, ha="center")
                     for (x, _), color in ((FORWARD, BLUE), (BACK, ORANGE))]  # fmt: skip
        self.bars = [page.ax.add_collection(LineCollection([], colors=color, capstyle="butt"))
                     for color in (BLUE, ORANGE)]  # fmt: skip
        self.wires = page.ax.add_collection(LineCollection([], colors="0.6"))
        self.zeros = page.ax.vlines([FORWARD[0], BACK[0]], BOTTOM, TOP, "0.8", linewidth=0.8)

    def show(self, unit, path):
        for picture in self.pictures:
            picture.axes.set_visible(unit is not None)
        for text in (*self.captions, *self.results, *self.heads, *self.sums):
            text.set_text("")
        self.show_wires(None if unit is None else unit.to, BLUE, 0, FORWARD)
        self.show_wires(None if unit is None else unit.back, ORANGE, 1, BACK)
        self.zeros.set_visible(unit is not None and unit.to is not None)
        self.invitation.set_text("" if unit else invitation(path))
        if unit is None:
            return
        W, terms, dW = self.pictures
        words = (f"W1[:, {unit.j}]", f"x · W1[:, {unit.j}]", "dW1 = x · dout")
        for text, caption in zip(self.captions, words):
            text.set_text(caption)
        show_signed(W, unit.W.reshape(28, 28), largest(unit.W))
        show_signed(terms, unit.terms.reshape(28, 28), largest(unit.W))
        show_signed(dW, None if unit.dW is None else fixed(unit.dW.reshape(28, 28)), 1)
        passed = [f"{name}: {value:.3g}" for name, value in unit.passed.items()][:1]
        forward = [f"Σ {unit.out - unit.b:.3g}, + b {unit.b:.2g}", f"= {unit.out:.3g}", *passed]
        self.results[1].set_text(forward[0] + "\n" + "    ".join(forward[1:]))
        if unit.dout is not None:
            self.results[2].set_text(f"dout = {unit.dout + 0.0:.2g}")
        if unit.to is not None:
            self.heads[0].set_text(f"unit {unit.j}\nadds")
            if unit.back is not None:
                self.heads[1].set_text("comes\nback")
                self.sums[1].set_text(f"Σ {unit.back.sum():.1g}")

    def show_wires(self, values, color, k, scale):
        """A bar for each weight into the next layer. The scale is fixed: what is tiny, looks so."""
        zero, length = scale
        K = 0 if values is None else len(values)
        y = TOP - (np.arange(K) + 0.5) / max(K, 1) * (TOP - BOTTOM)
        ends = zero + np.clip(length * np.asarray(values if K else [], float), -0.27, 0.27)
        self.bars[k].set_segments([[(zero, each), (end, each)] for each, end in zip(y, ends)])
        self.bars[k].set_linewidth(72 * min(0.14, 2 / max(K, 1)) * self.page.scale)
        if k == 0:
            start = (7.82, (TOP + BOTTOM) / 2)
            self.wires.set_segments([[start, (8.3, each)] for each in y])
            widths = np.abs(values) / max(np.abs(values).max(), 1e-9) if K else [1]
            self.wires.set_linewidth(1.5 * self.page.scale * np.asarray(widths))


def invitation(path):
    if path is None:
        return "One unit can be followed where the\nchain begins with an Affine from 784."
    name = (path.behind or (path.first,))[0]
    return (f"Why? Point at a cell of {name}, or at a\npicture of W1, and follow this unit from\n"
            "the ink to the answer and back.\nA click keeps it. Or press why?")  # fmt: skip
