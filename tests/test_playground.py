"""The playground, with made-up events of mouse, keys and timer, and no screen."""

import asyncio
import copy
import functools
import threading
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import CloseEvent, DrawEvent, KeyEvent, MouseEvent, ResizeEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image
from readers import LeakyRelu, Mine, affine, chain, held, relu_in_place

from ch05.multi_layer_net import MultiLayerNet
from ch05.playground import Playground, play, script
from ch05.two_layer_net import TwoLayerNet
from common.layers import Affine, Relu
from dataset.mnist import load_mnist

parametrize = pytest.mark.parametrize


@pytest.fixture(autouse=True)
def no_screen(data, monkeypatch):
    monkeypatch.setattr(play, "load_once", functools.cache(lambda: load_mnist(data_dir=data)))
    before = matplotlib.get_backend()
    plt.switch_backend("agg")

    def has_drawn(canvas):  # drawing takes most of the time: tests of the picture call draw()
        canvas.callbacks.process("draw_event", DrawEvent("draw_event", canvas, None))

    monkeypatch.setattr(FigureCanvasAgg, "draw_idle", has_drawn)
    yield
    plt.close("all")
    plt.switch_backend(before)


SEVEN = (8, 6), (20, 6), (12, 22)


def two_layers(**how):
    return TwoLayerNet(784, 6, 10, 0.1, rng=0, **how)


class Tried(Playground):
    """A playground, and somebody who tries it: what they do, and what they see."""

    def send(self, event):
        self.figure.canvas.callbacks.process(event.name, event)

    def mouse(self, ax, x, y, *what, button=1, buttons=None):
        """Events at a place in the coordinates of ax: "press", "move", "release"."""
        names = {"press": "button_press", "move": "motion_notify", "release": "button_release"}
        for each in what:
            place = ax.transData.transform((x, y))
            event = MouseEvent(f"{names[each]}_event", self.figure.canvas, *place, button)
            if buttons is not None:
                event.buttons = frozenset(buttons)  # those that are down: matplotlib 3.10 tells it
            self.send(event)

    def click(self, ax, x, y):
        self.mouse(ax, x, y, "press", "release")

    def push(self, words):
        self.click(self.page.buttons[words].ax, 0.5, 0.5)

    def choose(self, digit):
        self.click(self.page.ax, 10.4, self.page.digits[digit][0].get_position()[1])

    def cell(self, name, j, back=False):
        """The middle of the cell of unit j, in the row of a layer: in its out, or in its dout."""
        image = self.page.rows[name][back].image
        left, right, bottom, top = image.get_extent()
        rows, columns = image.get_array().shape
        i, j = divmod(j, columns)
        return left + (j + 0.5) * (right - left) / columns, top - (i + 0.5) * (top - bottom) / rows

    def stroke(self, *points, button=1):
        self.mouse(self.pad.ax, *points[0], "press", button=button)
        for point in points[1:]:
            self.mouse(self.pad.ax, *point, "move", button=button)
        self.mouse(self.pad.ax, *points[-1], "release", button=button)

    def press(self, key):
        self.send(KeyEvent("key_press_event", self.figure.canvas, key))

    def ticks(self, count):
        for function, *_ in self.timer.callbacks * count:
            function()

    def slide(self, slider, value):
        for place in range(int(slider.valmax) + 1):
            self.click(slider.ax, np.clip(place, 0.01, slider.valmax - 0.01), 0.5)
            if slider.valtext.get_text() == f"{value:,}":
                return
        raise AssertionError(f"the slider has no {value}")

    def picture(self):
        self.figure.canvas.draw()
        return np.array(self.figure.canvas.buffer_rgba(), int)

    @property
    def words(self):
        return "|".join(t.get_text() for t in self.figure.findobj(Text) if t.get_visible())

    @property
    def says(self):
        return self.page.message.get_text()

    @property
    def complaint(self):
        """What it says in the colour of errors."""
        return self.says if self.page.message.get_color() != "k" else ""

    def texts(self, k):
        """Beside each digit, k = 2 is y, 4 is y - t and 5 is the score."""
        return [digit[k].get_text() for digit in self.page.digits]

    @property
    def x(self):
        return np.asarray(self.page.x.get_array(), float).reshape(1, 784)


def new(network=None, **how):
    """A playground with an empty pad."""
    playground = Tried(network or two_layers(), rng=1, **how)
    playground.clear()
    playground.follow(None)
    return playground


def drawn(network=None, t=None):
    """One with a 7 on the pad, and with the right digit chosen."""
    playground = new(network)
    playground.stroke(*SEVEN)
    if t is not None:
        playground.choose(t)
    return playground


def by_hand(params, x, t=0):
    """TwoLayerNet from the chapter's formulas, for a batch."""
    W1, b1, W2, b2 = (params[key].astype(float) for key in ("W1", "b1", "W2", "b2"))
    x = x.astype(float)
    h = np.maximum(a := x @ W1 + b1, 0)
    y = np.exp(scores := h @ W2 + b2) / np.exp(scores).sum(axis=1, keepdims=True)
    L, d = -np.log(y[np.arange(len(x)), t]).mean(), (y - np.eye(10)[t]) / len(x)
    da = (dh := d @ W2.T) * (h > 0)
    dx, dW1, dW2 = da @ W1.T, x.T @ da, h.T @ d
    grads = {"W1": dW1, "b1": da.sum(axis=0), "W2": dW2, "b2": d.sum(axis=0)}
    return SimpleNamespace(a=a, h=h, scores=scores, y=y, L=L, d=d, dh=dh, da=da, dx=dx, grads=grads)


def close(shown, expected, rtol=1e-4, atol=1e-6):
    """Pictures leave out what is 0."""
    shown = np.ma.filled(np.ma.asarray(shown), 0)
    np.testing.assert_allclose(np.ravel(shown), np.ravel(expected), rtol, atol)


def assert_params(network, expected):
    for key, array in network.params.items():
        close(array, expected[key], 1e-6, 1e-9)


def stepped(network, rate, hand):
    """The parameters after one update with the gradients from by_hand."""
    return {key: array - rate * hand.grads[key] for key, array in network.params.items()}


def shown(numbers, form=".2f"):
    """As the figure shows them: nothing for 0.00."""
    return [format(number, form) if abs(number) >= 0.005 else "" for number in np.ravel(numbers)]


def colour(array):
    """The colour of what comes back, from -1 to 1: four steps of ten from 1 down to nothing."""
    return np.sign(array) * np.clip(1 + np.log10(np.maximum(np.abs(array), 1e-9)) / 4, 0, 1)


MOVES = {  # (event, x, y, and the buttons that are down, if matplotlib tells): ink, and no ink
    "a quick stroke has no gaps": (
        [("press", 4, 5), ("move", 24, 5), ("move", 10, 25)],
        [(5, slice(4, 25)), (15, 17), (20, 13), (25, 10)],
        [(slice(15, 28), slice(22, 28)), slice(0, 3)]),
    "no button, or beside the pad": (
        [("move", 3, 3), ("move", 24, 3), ("press", 40, 3), ("move", 3, 3), ("move", 9, 3)],
        [], [slice(0, 28)]),
    "a dot": ([("press", 9, 9), ("release", 9, 9), ("move", 9, 20)], [(9, 9)], [slice(12, 28)]),
    "it leaves with its button down: no line from where it left": (
        [("press", 3, 3), ("move", -9, 3), ("move", 3, 24), ("move", -9, 24), ("release", -9, 24),
         ("move", 20, 20)], [(3, 3), (24, 3)], [slice(8, 20), (20, 20)]),
    "the button is released outside the window": (
        [("press", 3, 3), ("move", 4, 3, [1]), ("move", 20, 3, []), ("move", 24, 3, [])],
        [(3, slice(3, 5))], [(3, slice(9, 28))]),
    "a browser says late what it knew before the press": (
        [("move", 2, 9, [1]), ("press", 16, 3), ("move", 16, 3, []), ("move", 24, 3, [1])],
        [(3, slice(16, 25))], [slice(8, 28)]),
}  # fmt: skip


@parametrize("name", MOVES)
def test_what_the_mouse_draws(name):
    playground = new()
    events, inked, blank = MOVES[name]
    for event, x, y, *buttons in events:
        playground.mouse(playground.pad.ax, x, y, event, buttons=buttons[0] if buttons else None)
    ink = playground.pad.ink
    assert all(np.min(ink[place]) > 0.5 for place in inked) and 0 <= ink.min()
    assert not any(ink[place].any() for place in blank) and ink.max() <= 1
    playground.push("clear")
    assert playground.pad.empty and not playground.x.any() and "It reads" not in playground.words


def test_erasing_with_the_right_button_and_with_the_key():
    playground = new()
    playground.pad.clear(np.pad(np.ones((3, 21)), ((13, 12), (4, 3))))  # a digit, and ink on it
    playground.stroke((4, 14), (24, 14))
    playground.stroke((8, 14), (10, 14), button=3)
    assert playground.pad.ink[14, 8:11].max() == 0 and playground.pad.ink[14, 15:24].min() == 1
    [playground.press("e") for _ in "123"]  # on, off, on
    playground.stroke((0, 14), (27, 14))
    assert playground.pad.empty and not playground.x.any() and "ERASING" in playground.words
    playground.push("clear")  # which ends it, too
    playground.press("q")  # which closes other figures
    assert plt.fignum_exists(playground.figure.number)
    playground.stroke((16, 14))  # a dot, which is seen too
    across, up = playground.pad.ax.transData.transform((16, 14)).astype(int)
    assert playground.pad.ink[14, 16] == 1 and playground.picture()[-up, across, 0] < 128


@parametrize("size", [3, 6, 24])
def test_a_digit_of_any_size_is_centred_and_its_strokes_are_equally_wide(size):
    playground = new()
    unit = np.array([[0, 0], [0.6, 0], [0.3, 1]]) * size + 1.5  # in the upper left corner
    playground.stroke(*map(tuple, unit))
    x = playground.x.reshape(28, 28)
    rows, columns = (np.flatnonzero(x.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20 and x.max() == 1
    for axis in (0, 1):
        assert abs(x.sum(axis=axis) @ np.arange(28) / x.sum() - 14) <= 0.5
    # 20 pixels high with the ink of the pen, so 17 from line to line. Twice as wide would be a blob
    assert 2.2 < x.sum() / (17 * (0.6 + np.hypot(0.3, 1))) < 3.3


def test_a_move_of_the_pen_draws_the_pad_alone():
    playground = drawn()
    before, said, box = playground.picture(), playground.words, playground.pad.ax.bbox
    top, bottom = len(before) - box.y1, len(before) - box.y0
    pad = slice(int(top) - 3, int(bottom) + 4), slice(int(box.x0) - 3, int(box.x1) + 4)
    playground.page.pad_rests_until = 0
    playground.mouse(playground.pad.ax, 3, 25, "press", "move")
    after = np.array(playground.figure.canvas.buffer_rgba())
    assert (after[pad] != before[pad]).any() and playground.words == said
    after[pad] = before[pad]
    np.testing.assert_array_equal(after, before)
    playground.mouse(playground.pad.ax, 3, 25, "release")
    assert playground.words != said


@parametrize("dtype", [np.float32, np.float64])
def test_the_numbers_are_those_of_the_formulas(dtype):
    network = two_layers(dtype=dtype)
    network.layers["Relu1"] = relu_in_place()  # what it gets back is shown as it was before
    playground = drawn(network)
    page, x = playground.page, playground.x

    def cells(name, back, array, colours):
        shows, size = page.rows[name][back], np.abs(array).mean()
        close(shows.image.get_array(), colours)
        assert shows.words.get_text() == f"size {size:.2g}"
        close(shows.bar.get_width(), 1.2 * (1 + np.log10(size) / 12))  # what is tiny looks tiny
        assert not back or shows.image.get_clim() == (-1, 1)

    hand = by_hand(network.params, x)
    cells("Affine1", 0, hand.a, hand.a)
    cells("Relu1", 0, hand.h, hand.h)
    close([digit[1].get_width() for digit in page.digits], 0.5 * hand.y)
    assert playground.texts(2) == shown(hand.y)
    assert playground.texts(5) == [f"{round(score, 1) + 0.0}" for score in hand.scores[0]]
    bold = [d[0].get_text() for d in page.digits if d[0].get_weight() == "bold"]
    assert bold == [str(hand.y.argmax())]
    assert f"It reads: {hand.y.argmax()} ({hand.y.max():.0%})" in playground.words
    assert not page.dx.get_visible() and {*playground.texts(4)} == {""}
    for t in (7, 2):
        playground.choose(t)
        hand = by_hand(network.params, x, t)
        assert f"L = {hand.L:.4g}" in playground.words
        assert playground.texts(4) == shown(hand.d, "+.2f")
        close([digit[3].get_width() for digit in page.digits], 0.2 * hand.d)
        cells("Relu1", 1, hand.dh, colour(hand.dh) * (hand.h > 0))  # grey where it stops
        cells("Affine1", 1, hand.da, colour(hand.da))
        close(page.dx.get_array(), colour(hand.dx))
        assert page.dx.get_clim() == (-1, 1)
        assert f"size {np.abs(hand.dx).mean():.2g}" in playground.words


def test_a_click_on_a_bar_picks_its_digit_and_the_next_one_takes_it_back():
    playground = new()
    for digit, (_, bar, *_) in enumerate(playground.page.digits):
        for y, t in (bar.get_y() + 0.01, digit), (bar.get_y() + bar.get_height() - 0.01, None):
            playground.click(playground.page.ax, 10.4, y)
            assert playground.t == t
    for x, y in ((10, 5.1), (10, 2.1), (9.3, 4)):  # above, below, beside
        playground.click(playground.page.ax, x, y)
        assert playground.t is None


def test_test_digits_come_one_after_the_other_and_why_shows_one_unit_after_the_other(data):
    one_hot, (x_test, t_test) = load_mnist(data_dir=data, one_hot_label=True), play.load_once()[1]
    playground = Tried(TwoLayerNet(784, 6, 10, rng=0), one_hot)
    for k in range(21):  # of 20: it begins again. The first one is there at once
        close(playground.pad.ink, x_test[k % 20])
        assert playground.t == t_test[k % 20] and playground.page.dx.get_visible()
        if k < 20:
            playground.push("next digit")
    params = playground.network.params
    hand = by_hand(params, playground.x)
    adds = hand.h[0] * params["W2"][:, hand.y.argmax()]
    best = [j for j in np.argsort(-adds).tolist() if adds[j] > 0][:5]
    for j in (*best, best[0]):
        assert playground.followed == j
        playground.push("why?")
    playground.choose(9 - playground.t), playground.push("why?")
    assert playground.followed == best[0]  # a new label begins with the first one again


def test_a_dead_unit_looks_dead_forward_and_back_and_the_others_keep_their_colours():
    playground = drawn(t=7)

    def shades():
        out = playground.page.rows["Affine1"][0].image
        return np.delete(np.abs(out.get_array() / out.get_clim()[1]).ravel(), 2)

    before = shades()
    playground.network.params["b1"][2] = -100
    playground.choose(7), playground.choose(7)
    assert (shades() > 0.6 * before).all()
    for name, back in ("Relu1", False), ("Relu1", True), ("Affine1", True):
        assert playground.page.rows[name][back].image.get_array().mask.ravel()[2]
    assert not playground.page.W.get_array().mask[30:].any()  # no unit isn't a dead one


@parametrize("j, t", [(3, None), (np.int64(5), 2)])
def test_one_unit_from_the_ink_to_the_answer_and_back(j, t):
    playground = drawn(t=t)
    playground.follow(j)
    params, x = playground.network.params, playground.x
    unit, hand = playground.unit(), by_hand(params, x, t or 0)
    assert [*unit] == ["terms", "b", "out", "to_scores", "dout", "dW"]
    close(unit["terms"], x[0] * params["W1"][:, j])
    close([unit["b"], unit["out"]], [params["b1"][j], hand.a[0, j]])
    close(unit["to_scores"], hand.h[0, j] * params["W2"][j])
    panel, back = playground.page.unit, []  # which shows these numbers
    W, terms, dW = (picture.get_array() for picture in panel.pictures)
    close(W, params["W1"][:, j])
    close(terms, unit["terms"])
    assert t is not None or unit["dout"] is unit["dW"] is None
    if t is not None:
        close(unit["dout"], hand.da[0, j])
        close(unit["dW"], hand.grads["W1"][:, j])
        close(dW, colour(unit["dW"]))
        back = params["W2"][j] * hand.d[0]
    rows = [digit[0].get_position()[1] for digit in playground.page.digits]
    for bars, values, length in zip(panel.bars, (unit["to_scores"], back), (0.27 / 5, 0.27)):
        segments = np.reshape(bars.get_segments(), (-1, 2, 2))
        close(np.ptp(segments[..., 0], axis=1), np.minimum(np.abs(values) * length, 0.27))
        close(segments[:, 0, 1], rows[: len(segments)])


def test_the_mouse_points_at_a_unit_and_a_click_keeps_it():
    playground = drawn(t=7)
    page, beside = playground.page, (playground.page.ax, 6, 5.5)

    def move(ax, x, y):
        playground.mouse(ax, x, y, "move", button=None)
        return playground.followed

    for at in (
        lambda j: (page.ax, *playground.cell("Affine1", j)),
        lambda j: (page.ax, *playground.cell("Relu1", j, True)),
        lambda j: (page.W.axes, 30 * j + 15, 15),
    ):
        assert move(*at(4)) == 4 and "unit 4" in playground.words
        assert move(*beside) is None and not page.unit.pictures[0].axes.get_visible()
        playground.click(*at(2))
        assert move(*at(3)) == 3 and move(*beside) == 2
        playground.click(*at(2))
        assert playground.followed is None


def test_a_unit_before_a_wide_layer_and_one_that_is_a_score():
    deep = MultiLayerNet(784, [6, 30, 20], 10, weight_init_std=0.1, rng=0)
    before_wide, score = drawn(deep, 7), drawn(chain(Affine1=affine(784, 10)), 7)
    before_wide.follow(1), score.follow(7)
    unit = before_wide.unit()
    close(unit["to_scores"], max(unit["out"], 0) * deep.params["W2"][1])
    before_wide.push("why?")
    assert before_wide.unit()["out"] > 0
    scores = score.network.predict(score.x)[0]
    assert score.unit()["out"] == scores[7] and score.unit()["to_scores"] is None
    close(score.unit()["dout"], np.exp(scores[7]) / np.exp(scores).sum() - 1)


def test_which_units_can_be_followed():
    playground = new()
    with pytest.raises(RuntimeError, match=r"playground.follow\(0\)"):
        playground.unit()
    playground.follow(0)
    with pytest.raises(ValueError, match="on the pad"):
        playground.unit()
    for j in (6, -1, 1.0, True):
        with pytest.raises((ValueError, TypeError), match="from 0 to 5"):
            playground.follow(j)
    first = affine(784, 8)
    as_in_the_book = Mine(lambda self, x: x @ self.W + self.b, W=first.W, b=first.b)
    playground = drawn(chain(Affine1=as_in_the_book, Affine2=affine(8, 10)))
    playground.follow(3)
    close(playground.unit()["terms"].sum() + first.b[3], playground.unit()["out"])
    playground.choose(7)
    assert "dx of shape (1, 784), got (1, 8)" in playground.complaint
    for name in ("block", "images"):
        playground = drawn(CHAINS[name](), 7)
        with pytest.raises(ValueError, match="begins with an Affine from 784"):
            playground.follow(0)
        assert "begins with an Affine from 784" in playground.words


def test_one_update_is_the_chapters_and_the_curve_of_many_is_short_with_its_largest_loss():
    network = two_layers()
    playground = new(network)
    playground.slide(playground.page.rate, 0.3)
    playground.slide(playground.page.size, 10)
    x, t = playground.train_set
    batch = np.random.default_rng(1).choice(len(x), 10)
    playground.push("one update")
    learnt = playground.network
    assert_params(learnt, stepped(network, 0.3, by_hand(network.params, x[batch], t[batch])))
    L = by_hand(learnt.params, x[batch], t[batch]).L
    x, t = playground.test_set
    accuracy = np.mean(by_hand(learnt.params, x).y.argmax(axis=1) == t)
    assert playground.curve == [(1, pytest.approx(L), pytest.approx(accuracy))]
    assert all(f in playground.words for f in (f"{L:.3f} (batch", f"{accuracy:.3f}", "1 update"))
    assert all(line.get_marker() == "o" for line, _ in playground.page.curves)  # one point is seen
    playground.curve = [(i, 40.0 if i == 1 else 1.0, 0.5) for i in range(1, 2001)]
    playground.push("one update")
    assert len(playground.curve) < 1100 and playground.curve[0][0] == 1
    assert playground.page.curve_ax.get_ylim()[1] >= 40


def test_learning_from_what_is_drawn():
    network = two_layers()
    playground = new(network)
    for missing in ("on the pad", "bar"):
        with pytest.raises(ValueError, match=missing):
            playground.learn_from_mine()
        playground.push("why?" if playground.pad.empty else "learn from mine")
        assert missing in playground.complaint and playground.updates == 0
        playground.stroke(*SEVEN)
    playground.choose(9)
    playground.slide(playground.page.rate, 0.03)
    playground.follow(4)
    hand = by_hand(network.params, playground.x, [9])
    before, after = playground.learn_from_mine()
    assert_params(playground.network, stepped(network, 0.03, hand))
    now = by_hand(playground.network.params, playground.x, [9])
    assert (before, after) == pytest.approx((hand.L, now.L)) and after < before
    said = playground.says.replace("\n", " ")
    assert f"L {before:.3g} → {after:.3g}" in said and "Unit 4" in said
    assert f"{hand.a[0, 4]:.2f} to {now.a[0, 4]:.2f}" in said
    assert playground.curve == [(1, after, playground.accuracy)]
    playground.push("one update")
    assert playground.updates == 2 and "→" not in playground.says


def test_training_moves_all_that_is_shown_until_it_is_paused():
    playground = drawn(t=7)
    page, first = playground.page, playground.network.params.copy()

    def state():
        images = [page.W, page.dx, *(cells.image for row in page.rows.values() for cells in row)]
        return [np.array(each.get_array()) for each in images] + [page.curves[0][0].get_xdata()]

    playground.ticks(2)
    assert playground.updates == 0
    playground.push("train")
    before = state()
    playground.ticks(3)
    after, updates = state(), playground.updates
    assert updates >= 3 and len(after[-1]) == 3
    assert not any(np.array_equal(a, b) for a, b in zip(before, after))
    assert playground.curve[-1][1] < playground.curve[0][1]  # the loss
    playground.push("train"), playground.ticks(3)
    assert playground.updates == updates
    playground.push("start again")
    assert playground.updates == 0 and playground.curve == []
    assert_params(playground.network, first)


def test_a_picture_waits_for_a_stroke_and_for_the_screen_and_then_the_training_waits_too():
    playground = new()
    playground.push("train")
    for x in range(9, 12):
        playground.mouse(playground.pad.ax, x, 6, "press" if x == 9 else "move")
        playground.asked += 9  # seconds, since the machine may be slow
        playground.ticks(1)
        assert playground.updates >= x - 8 and playground.curve == []  # the stroke shows itself
    playground.mouse(playground.pad.ax, 20, 6, "release")
    playground.ticks(1)
    [(updates, _, _)] = playground.curve
    assert updates == playground.updates
    assert playground.texts(2) == shown(by_hand(playground.network.params, playground.x).y)
    playground.drawn = False  # as in a browser that hasn't answered yet
    playground.ticks(2)
    assert len(playground.curve) == 1 and playground.updates > updates
    playground.asked -= 2  # seconds
    updates = playground.updates
    playground.ticks(2)
    assert playground.updates == updates
    playground.figure.canvas.draw()  # somebody looks again
    playground.ticks(1)
    assert playground.updates > updates and len(playground.curve) == 2


def test_the_hint_fits_what_is_there():
    playground = new()
    assert "Draw a digit" in playground.says
    playground.stroke(*SEVEN)
    assert "Press train" in playground.says
    playground.push("one update")
    assert "right digit" in playground.says
    playground.choose(7)
    assert "follow one unit" in playground.says
    playground.follow(1)
    assert "Unit 1" in playground.says
    playground.network.params["b1"][:] = -100
    playground.push("one update")
    assert "6 of 6 units of Relu1" in playground.says and "again" in playground.says
    silent, trained = two_layers(), new()
    silent.params["b1"][:] = -100
    assert "again" not in drawn(silent).says  # it was so from the start
    trained.learn(300)  # from the 20 digits that it is tested with
    assert "right digit" in drawn(trained.network).says  # it can read before any update here


def dropout():
    kept = {"train_flg": True, "np": np}  # a module, which can't be copied
    return Mine(lambda s, x: x * s.np.random.choice([0, 2], x.shape) if s.train_flg else x, **kept)


def hidden(*layers):
    """784 pixels, these layers, 10 scores."""
    named = {f"Layer{i}": layer for i, layer in enumerate(layers, 1)}
    return chain(Affine1=affine(784, 8), **named, Affine2=affine(8, 10))


CHAINS = {
    "writes into dout, dropout": lambda: hidden(relu_in_place(), dropout()),
    "block": lambda: chain(Block=held([affine(784, 8), Relu(), dropout()]), Affine1=affine(8, 10)),
    "writes into x, no dx": lambda: chain(
        Halves=Mine(lambda self, x: np.multiply(x, 0.5, out=x), lambda self, dout: None),
        Affine1=Affine.random(784, 10, "he", dtype=np.float32),
    ),
    "images": lambda: chain(
        Images=Mine(lambda self, x: x.reshape(-1, 1, 28, 28), lambda self, d: d.reshape(-1, 784)),
        LeakyRelu1=LeakyRelu(),
        Affine1=affine(784, 10),
    ),
    "deep": lambda: MultiLayerNet(784, [11] * 20, 10, "sigmoid", rng=0, dtype=np.float32),
    "wide": lambda: MultiLayerNet(784, [1009], 10, rng=0),
}


@parametrize("name", CHAINS)
def test_any_chain(name):
    network = CHAINS[name]()
    before = network.params.copy()
    playground = drawn(network, 7)
    data = playground.test_set[0].copy()
    playground.slide(playground.page.rate, 0.01)
    playground.push("train"), playground.ticks(2)
    assert playground.complaint == "" and playground.training
    learnt = playground.network
    assert any((learnt.params[key] != before[key]).any() for key in before)
    assert_params(network, before)
    layers = [*learnt.layers.values()]
    for layer in [*layers, *getattr(layers[0], "kept", ())]:
        if hasattr(layer, "train_flg"):
            assert layer.train_flg is True
            layer.train_flg = False
    scores = learnt.predict(playground.x)
    y = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    assert playground.texts(2) == shown(y)
    np.testing.assert_array_equal(playground.x, playground.pad.x())
    np.testing.assert_array_equal(playground.test_set[0], data)
    assert len(playground.page.rows) <= 10
    assert playground.page.dx.get_visible() == ("no dx" not in name)


def test_a_look_leaves_no_trace():
    counted = {"mean": np.zeros(1), "train_flg": True}
    counts = Mine(lambda self, x: self.mean.__iadd__(1).any() and x, **counted)
    playground = drawn(hidden(counts, Relu()), 7)
    playground.follow(2)
    playground.unit(), playground.read(), playground.next_digit(), playground.measure()
    playground.figure.canvas.draw()
    assert counts.mean == playground.network.layers["Layer1"].mean == 0 and counts.train_flg
    playground.learn(3)  # a gradient and a loss each
    assert playground.network.layers["Layer1"].mean == 6
    playground.push("start again")
    assert playground.network.layers["Layer1"].mean == 0


def test_a_cell_computes_while_it_trains():
    """Whatever the notebook computes is right: with its own network, and with what has learnt."""
    network = two_layers()
    playground = drawn(network, 7)
    playground.train_or_pause()
    (x, t), stop = playground.train_set, threading.Event()

    def timer():
        while not stop.wait(0.001):  # or the cell would seldom get its turn
            playground.tick()

    (thread := threading.Thread(target=timer)).start()
    try:
        for k in range(12):
            mine = (network, playground.network)[k % 2]
            want = by_hand(mine.params.copy(), x[:50], t[:50]).grads
            for key, grad in mine.gradient(x[:50].astype(float), t[:50]).items():
                close(grad, want[key], 1e-6, 1e-9)
            playground.follow(k % 6)
    finally:
        stop.set()
        thread.join()
    assert playground.complaint == "" and playground.updates > 0
    assert (playground.network.params["W1"] != network.params["W1"]).any()


def test_the_network_that_it_gives_is_the_notebooks():
    playground = new()
    net = playground.network
    assert playground.network is net
    before = net.params.copy()
    playground.update(5)
    np.testing.assert_array_equal(net.params["W1"], before["W1"])  # it doesn't change by itself
    learnt = playground.network
    assert learnt is not net and (learnt.params["W1"] != before["W1"]).any()
    learnt.params["b1"][3] = -100  # what is changed is taken over, and only that
    playground.update(5)
    after = playground.network.params
    assert -101 < after["b1"][3] < -99 and (after["W1"] != learnt.params["W1"]).any()
    playground.stroke(*SEVEN)
    playground.network.layers["Relu1"] = LeakyRelu()
    playground.update(1)
    assert {*playground.network.params} == {"W1", "b1", "a2", "W3", "b3"}
    playground.push("start again")
    assert {*playground.network.params} == {*before}
    np.testing.assert_array_equal(playground.network.params["b1"], before["b1"])


def test_which_networks_and_data_are_refused():
    uncopied, kept = affine(784, 10), Mine(mean=0.0)
    uncopied.__deepcopy__, kept.__deepcopy__ = lambda memo: copy.copy(uncopied), lambda memo: kept
    networks = [TwoLayerNet(100, 5, 10), TwoLayerNet(784, 5, 3), chain(Affine1=uncopied), 3, None]
    networks += [hidden(kept), hidden(Mine(lock=threading.Lock())), TwoLayerNet, affine(784, 10)]
    sets = play.load_once()
    all_data = 3, (), sets[0], sets[0][0], (*sets, sets[0]), [(x[:0], t[:0]) for x, t in sets]
    wrong = [{"network": each} for each in networks] + [{"data": each} for each in all_data]
    for how in (*wrong, {"width": 0}, {"width": "a"}):
        with pytest.raises((ValueError, TypeError), match="^expected|: expected"):
            Playground(**{"network": two_layers()} | how)


@parametrize("word", ["forgotten", "start again"])
def test_a_readers_mistake_and_a_rate_that_is_too_large_are_said_and_the_figure_goes_on(word):
    if word == "forgotten":
        playground = drawn(hidden(Mine(backward=lambda self, dout: dout / self.forgotten)))
        playground.choose(7)
        assert word in playground.complaint
        playground.choose(7)
    else:  # no Relu, so no unit dies, and the weights of one layer multiply another's steps
        playground = drawn(hidden(affine(8, 8), affine(8, 8)))
        playground.slide(playground.page.rate, 10)
    assert playground.complaint == ""
    playground.push("train"), playground.ticks(20)
    assert word in playground.complaint and not playground.training
    playground.push("one update")
    playground.stroke(*SEVEN)  # nothing to show, but nothing breaks
    assert word in playground.complaint
    playground.push("start again")
    assert playground.complaint == ""


def test_a_closed_figure_stops_and_a_new_playground_pauses_the_one_before():
    first = new()
    first.push("train")
    second = new()
    assert "pause" not in first.words
    second.push("train")
    first.ticks(1), second.ticks(1)
    assert first.updates == 0 < second.updates and "pause" in second.words
    second.pause()  # as from a notebook's cell
    assert "pause" not in second.words
    first.push("train")
    first.send(CloseEvent("close_event", first.figure.canvas))
    first.ticks(1)
    assert first.updates == 0


@parametrize("size, ratio", [((6.4, 3.6), 1.5), ((5, 8), 1), ((12, 5.8), 2)])
def test_all_keeps_its_shape_and_black_on_white_in_any_size_and_style(size, ratio):
    with plt.style.context("dark_background"), plt.rc_context({"font.family": "cmr10"}):
        playground = new(width=880)
    page, figure = playground.page, playground.figure
    assert figure.canvas.get_width_height()[0] == 880
    sizes = page.message.get_fontsize, page.stroke.get_linewidth, page.rate._handle.get_markersize
    before, places = [get() for get in sizes], [ax.bbox.bounds[2:] for ax in figure.axes]
    figure.canvas._set_device_pixel_ratio(ratio), figure.set_size_inches(*size)
    playground.send(ResizeEvent("resize_event", figure.canvas))
    scale = min(size[0] / 12, size[1] / 5.8)
    close([get() for get in sizes], np.array(before) * scale)
    assert np.median(playground.picture()[..., :3]) == 255
    assert page.message.get_color() == "k" and "cmr10" in page.message.get_fontfamily()
    for ax, place in zip(figure.axes, places):
        close(ax.bbox.bounds[2:], np.array(place) * scale * ratio, 3e-3)
    playground.stroke(*SEVEN)
    playground.choose(7)
    assert playground.pad.ink[6, 14] == 1 and playground.t == 7  # the mouse is where it was


def test_words_that_are_copied_look_as_if_they_were_drawn():
    playground = drawn(t=7)
    playground.follow(1)
    first, copied = playground.picture(), playground.picture()
    assert np.abs(copied - first).max() <= 3  # of 255: rounding
    playground.push("clear")
    assert np.abs(playground.picture() - first).max() == 255


def test_an_animation_of_a_training(tmp_path, capsys):
    script.write_gif(new(width=400), tmp_path / "a.gif", frames=14)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.format == "GIF" and gif.n_frames > 8
        first = np.array(gif.convert("RGB"))
        gif.seek(gif.n_frames - 1)
        assert (np.array(gif.convert("RGB")) != first).any()
    assert "a.gif" in capsys.readouterr().out


REFUSED = {  # options: what the answer names
    "--std 0": "--std", "--width 10": "--width", "--width wide": "--width", "--gif a.mp4": ".gif",
    "--gif none/a.gif": "none/a.gif", "--gif a.gif --browser": "--browser", "": "--gif FILE",
    "--load none.npz": "none.npz", "--load w.npz": "w.npz", "--browser": "pip install tornado",
}  # fmt: skip


@parametrize("options", REFUSED)
def test_what_it_can_not_do_is_said_at_once(options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "write_gif", lambda *_: pytest.fail("it draws"))
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: None)  # no tornado
    TwoLayerNet(784, 5, 10, rng=0).save("w.npz")
    with pytest.raises(SystemExit) as stop:
        script.main(options.split())
    said = capsys.readouterr().err.strip()
    assert stop.value.code == 2 and REFUSED[options] in said and "\n" not in said
    assert said.startswith("playground.py: ")


def test_its_networks(tmp_path, monkeypatch):
    made, weights = [], str(tmp_path / "w.npz")
    monkeypatch.setattr(script, "Playground", lambda network, **how: made.append(network))
    monkeypatch.setattr(script, "write_gif", lambda playground, path: None)
    options = ["--hidden", "8", "9", "--gif", str(tmp_path / "x.gif")]
    script.main([*options, "--seed", "3"])
    made[0].save(weights)
    script.main([*options, "--load", weights])
    assert_params(made[1], made[0].params)
    assert [len(p) for p in made[1].params.values()] == [784, 8, 8, 9, 9, 10]


def test_the_browsers_page_is_for_this_computer_and_this_page_alone(caplog):
    pytest.importorskip("tornado")
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest
    from tornado.websocket import websocket_connect

    from ch05.playground import browser

    plt.switch_backend("webagg")
    new()  # figure 1
    ws, css, ours, page = "/ws/1", "/_static/css/mpl.css", "127.0.0.1:{}", "http://127.0.0.1:{}"
    allowed = ("/", ours), ("/", "localhost:{}"), ("/mpl.js", ours, page), (css, ours)
    refused = [  # path, Host, Origin
        *[(path, "evil.example:{}") for path in ("/", "/mpl.js", ws, css)],
        ("/ws/2", ours, page),
        (ws, "evil.example:{}", "http://evil.example:{}"),
        *[("/", host) for host in ("127.0.0.1.evil.example", "127a0.0.1:{}")],
        *[(ws, ours, origin) for origin in ("http://evil.example", "null", "http://127.0.0.1:1")],
    ]

    async def ask():
        [listening] = browser.listen()
        host, port = listening.getsockname()
        (server := browser.HTTPServer(browser.application())).add_sockets([listening])
        for path, *names in (*allowed, *refused):
            headers = {k: name.format(port) for k, name in zip(("Host", "Origin"), names)}
            headers |= {"Upgrade": "websocket", "Connection": "Upgrade"}
            url = f"http://127.0.0.1:{port}{path}"
            answer = await AsyncHTTPClient().fetch(url, headers=headers, raise_error=False)
            codes = [200] if (path, *names) in allowed else [403, 404]
            assert answer.code in codes and host == "127.0.0.1", (path, names)
        own = {"Origin": page.format(port)}
        request = functools.partial(HTTPRequest, f"ws://127.0.0.1:{port}{ws}", headers=own)
        for _ in "12":  # one page, a second one meanwhile; and once more when they are closed
            first, second = [await websocket_connect(request()) for _ in "12"]
            assert "type" in await first.read_message()
            assert await second.read_message() is None and second.close_code == 4000
            first.close(), second.close()
            while await first.read_message():
                pass
        server.stop()
        await server.close_all_connections()

    asyncio.run(asyncio.wait_for(ask(), 60))
    assert "Traceback" not in caplog.text
