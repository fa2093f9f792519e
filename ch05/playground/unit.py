"""One unit of the first layer, from the ink to the answer and back: its pictures."""

import numpy as np
from matplotlib.collections import LineCollection

from ch05.playground.cells import largest, show_fixed, show_signed
from ch05.tools.figures import BLUE, ORANGE

TOP, BOTTOM = 4.705, 2.205  # of the bars: for ten scores they lie beside the ten digits
FORWARD, BACK = (8.62, 0.27 / 5), (9.22, 0.27)  # where 0 lies, and the length of 1, always


class UnitPanel:
    """Three pictures of its weights, and a bar for each weight into the next layer."""

    def __init__(self, page):
        self.page = page
        spots = (8.3, BLUE), (9.52, BLUE), (10.75, ORANGE)
        self.captions = [page.text(x, 1.74, "", color) for x, color in spots]
        self.pictures = [page.picture(x, 0.55, 1.07, 1.07) for x, _ in spots]
        self.out = page.text(9.52, 0.34, "", BLUE, linespacing=1.15)
        self.dout = page.text(10.75, 0.34, "", ORANGE, linespacing=1.15)
        self.invitation = page.text(8.3, 1.1, "", "0.45", linespacing=1.3)
        self.adds = page.text(FORWARD[0], 4.84, "", BLUE, ha="center", linespacing=1.1)
        self.comes_back = page.text(BACK[0], 4.84, "", ORANGE, ha="center", linespacing=1.1)
        self.sum = page.text(BACK[0], 2.08, "", ORANGE, ha="center")
        bars = [LineCollection([], colors=color, capstyle="butt") for color in (BLUE, ORANGE)]
        self.bars = [page.ax.add_collection(each) for each in bars]
        self.wires = page.ax.add_collection(LineCollection([], colors="0.6"))
        self.zeros = page.ax.vlines([FORWARD[0], BACK[0]], BOTTOM, TOP, "0.8", linewidth=0.8)

    def show(self, unit, path):
        always = [*(picture.axes for picture in self.pictures), *self.captions, self.out, self.dout]
        for artist in always:
            artist.set_visible(unit is not None)
        to, back = (None, None) if unit is None else (unit.to, unit.back)
        self.show_wires(to, 0, FORWARD)
        self.show_wires(back, 1, BACK)
        self.zeros.set_visible(to is not None)
        self.adds.set_text("" if to is None else f"unit {unit.j}\nadds")
        self.comes_back.set_text("" if back is None else "comes\nback")
        self.sum.set_text("" if back is None else f"Σ {back.sum():.1g}")
        self.invitation.set_text("" if unit else invitation(path))
        if unit is None:
            return
        W, terms, dW = self.pictures
        words = (f"W1[:, {unit.j}]", f"x · W1[:, {unit.j}]", "dW1 = x · dout")
        for text, caption in zip(self.captions, words):
            text.set_text(caption)
        show_signed(W, unit.W, largest(unit.W))
        show_signed(terms, unit.terms, largest(unit.W))
        show_fixed(dW, unit.dW)
        words = f"Σ {unit.out - unit.b:.3g}, + b {unit.b:.2g}\n= {unit.out:.3g}"
        for name, value in [*unit.passed.items()][:1]:
            words += f"    {name}: {value:.3g}"
        self.out.set_text(words)
        # In the first line, since the second one of out may be long.
        self.dout.set_text("" if unit.dout is None else f"dout = {unit.dout + 0.0:.2g}\n")

    def show_wires(self, values, k, scale):
        """A bar for each weight into the next layer. The scale is fixed: what is tiny, looks so."""
        zero, length = scale
        K = 0 if values is None else len(values)
        y = TOP - (np.arange(K) + 0.5) / max(K, 1) * (TOP - BOTTOM)
        ends = zero + np.clip(length * np.asarray(values if K else [], float), -0.27, 0.27)
        self.bars[k].set_segments([[(zero, each), (end, each)] for each, end in zip(y, ends)])
        self.page.set_linewidth(self.bars[k], 72 * min(0.14, 2 / max(K, 1)))
        if k == 0:
            start = (7.82, (TOP + BOTTOM) / 2)
            self.wires.set_segments([[start, (8.3, each)] for each in y])
            widths = np.abs(values) / max(np.abs(values).max(), 1e-9) if K else [1]
            self.page.set_linewidth(self.wires, 1.5 * np.asarray(widths))


def invitation(path):
    if path is None:
        return "One unit can be followed where the\nchain begins with an Affine from 784."
    return (f"Why? Point at a cell of {path.names[:2][-1]}, or at a\n"
            "picture of W1, and follow this unit from\nthe ink to the answer and back.\n"
            "A click keeps it. Or press why?")  # fmt: skip
