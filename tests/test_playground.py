"""The playground, with made-up events of mouse, keys and timer, and no screen."""

import asyncio
import contextlib
import functools
import threading
from collections import OrderedDict

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import CloseEvent, DrawEvent, KeyEvent, MouseEvent, ResizeEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.text import Annotation, Text
from PIL import Image
from readers import Block, LeakyRelu

from ch05.multi_layer_net import MultiLayerNet
from ch05.playground import Playground, play, script
from ch05.two_layer_net import TwoLayerNet
from common.layers import Affine, Relu, SoftmaxWithLoss
from common.network import Network
from dataset.mnist import load_mnist


@pytest.fixture(autouse=True)
def no_screen(data, monkeypatch):
    monkeypatch.setattr(play, "load_once", functools.cache(lambda: load_mnist(data_dir=data)))
    before = matplotlib.get_backend()
    plt.switch_backend("agg")
    # Drawing takes most of the time, so only tests of the picture do it, by canvas.draw().
    monkeypatch.setattr(
        FigureCanvasAgg,
        "draw_idle",
        lambda canvas: canvas.callbacks.process(
            "draw_event", DrawEvent("draw_event", canvas, None)
        ),
    )
    yield
    plt.close("all")
    plt.switch_backend(before)


def new(network=None, **how):
    """A playground with an empty pad."""
    playground = Playground(network or TwoLayerNet(784, 6, 10, 0.1, rng=0), rng=1, **how)
    playground.clear()
    playground.follow(None)
    return playground


def drawn(network=None, t=None):
    """One with a 7 on the pad, and with the right digit picked."""
    playground = new(network)
    draw(playground, *SEVEN)
    if t is not None:
        pick(playground, t)
    return playground


def send(playground, event):
    playground.figure.canvas.callbacks.process(event.name, event)


def mouse(playground, ax, x, y, *what, button=1):
    """Events at a place in the coordinates of ax: "press", "move", "release"."""
    names = {"press": "button_press_event", "move": "motion_notify_event"}
    x, y = ax.transData.transform((x, y))
    for each in what:
        name = names.get(each, "button_release_event")
        send(playground, MouseEvent(name, playground.figure.canvas, x, y, button))


def push(playground, words):
    click(playground, playground.page.buttons[words].ax, 0.5, 0.5)


def pick(playground, digit):
    label = playground.page.digits[digit][0]
    click(playground, playground.page.ax, 10.4, label.get_position()[1])


def cell(playground, name, j, k=0):
    """The middle of the cell of unit j, in the row of a layer: out, or with k = 1 dout."""
    cells = playground.page.rows[name][k]
    left, right, bottom, top = cells.image.get_extent()
    rows, columns = cells.image.get_array().shape
    i, j = divmod(j, columns)
    return left + (j + 0.5) * (right - left) / columns, top - (i + 0.5) * (top - bottom) / rows


def click(playground, ax, x, y):
    mouse(playground, ax, x, y, "press", "release")


def draw(playground, *points, button=1):
    ax = playground.pad.ax
    mouse(playground, ax, *points[0], "press", button=button)
    for point in points[1:]:
        mouse(playground, ax, *point, "move", button=button)
    mouse(playground, ax, *points[-1], "release", button=button)


def key(playground, key):
    send(playground, KeyEvent("key_press_event", playground.figure.canvas, key))


def ticks(playground, count):
    for _ in range(count):
        for function, args, kwargs in playground.timer.callbacks:
            function(*args, **kwargs)


def slide(playground, slider, value):
    for place in range(int(slider.valmax) + 1):
        click(playground, slider.ax, np.clip(place, 0.01, slider.valmax - 0.01), 0.5)
        if slider.valtext.get_text() == f"{value:,}":
            return
    raise AssertionError(f"the slider has no {value}")


def words(playground):
    return [text.get_text() for text in playground.figure.findobj(Text) if text.get_visible()]


def complaint(playground):
    """What the figure says in the colour of errors, or ""."""
    message = playground.page.message
    return "" if message.get_color() == "k" else message.get_text()


def by_hand(params, x, t=None):
    """TwoLayerNet from the chapter's formulas, for a batch."""
    W1, b1, W2, b2 = (params[key] for key in ("W1", "b1", "W2", "b2"))
    a = x @ W1 + b1
    h = np.maximum(a, 0)
    e = np.exp(h @ W2 + b2)
    y = e / e.sum(axis=1, keepdims=True)
    if t is None:
        return a, h, y
    N = len(x)
    L = -np.log(y[np.arange(N), t]).mean()
    d = (y - np.eye(10)[t]) / N
    da = d @ W2.T * (h > 0)
    grads = {"W1": x.T @ da, "b1": da.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}
    return L, d, d @ W2.T, da, da @ W1.T, grads


def shown(number, form):
    """As the figure shows it: nothing for 0.00."""
    return format(number, form) if abs(number) >= 0.005 else ""


def colour(array):
    """The colour of what comes back, from -1 to 1: four steps of ten from 1 down to nothing."""
    return np.sign(array) * np.clip(1 + np.log10(np.maximum(np.abs(array), 1e-9)) / 4, 0, 1)


def x_of(playground):
    return np.asarray(playground.page.x.get_array(), float).reshape(1, 784)


SEVEN = (8, 6), (20, 6), (12, 22)


# Drawing


MOVES = {  # (event, x, y, and the buttons that are down, if matplotlib tells): ink, and no ink
    "a quick stroke has no gaps": (
        [("press", 4, 5), ("move", 24, 5), ("move", 10, 25)],
        [(5, slice(4, 25)), (15, 17), (20, 13), (25, 10)],
        [(slice(15, 28), slice(22, 28)), slice(0, 3)],
    ),
    "no button": ([("move", 3, 3), ("move", 24, 3)], [], [slice(0, 28)]),
    "beside the pad": ([("press", 40, 3), ("move", 3, 3), ("move", 9, 3)], [], [slice(0, 28)]),
    "a dot": ([("press", 9, 9), ("release", 9, 9), ("move", 9, 20)], [(9, 9)], [slice(12, 28)]),
    "it leaves with its button down: no line from where it left": (
        [("press", 3, 3), ("move", -9, 3), ("move", 3, 24), ("move", -9, 24), ("release", -9, 24),
         ("move", 20, 20)],
        [(3, 3), (24, 3)],
        [slice(8, 20), (20, 20)],
    ),
    "the button is released outside the window": (
        [("press", 3, 3), ("move", 4, 3, 1), ("move", 20, 3, None), ("move", 24, 3, None)],
        [(3, slice(3, 5))],
        [(3, slice(9, 28))],
    ),
    "a browser says late what it knew before the press": (
        [("move", 2, 9, 1), ("press", 16, 3), ("move", 16, 3, None), ("move", 24, 3, 1)],
        [(3, slice(16, 25))],
        [slice(8, 28)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_what_the_mouse_draws(name):
    playground = new()
    ax, canvas = playground.pad.ax, playground.figure.canvas
    events, inked, blank = MOVES[name]
    for event, x, y, *down in events:
        if not down:
            mouse(playground, ax, x, y, event)
            continue
        made = MouseEvent("motion_notify_event", canvas, *ax.transData.transform((x, y)))
        made.buttons = frozenset(filter(None, down))  # as matplotlib tells it from 3.10 on
        send(playground, made)
    ink = playground.pad.ink
    assert all(np.min(ink[place]) > 0.5 for place in inked) and 0 <= ink.min()
    assert not any(ink[place].any() for place in blank) and ink.max() <= 1
    push(playground, "clear")
    assert playground.pad.empty and not x_of(playground).any()
    assert not any("It reads" in text for text in words(playground))


@pytest.mark.parametrize("digit_below", [False, True])
def test_erasing_with_the_right_button_and_with_the_key(digit_below):
    playground = new()
    if digit_below:
        playground.pad.clear(np.pad(np.ones((3, 21)), ((13, 12), (4, 3))))
    else:
        draw(playground, (4, 14), (24, 14))
    draw(playground, (8, 14), (10, 14), button=3)
    assert playground.pad.ink[14, 8:11].max() == 0 and playground.pad.ink[14, 15:24].min() == 1
    key(playground, "e")
    draw(playground, (16, 14), (18, 14))
    assert playground.pad.ink[14, 16:19].max() == 0 and playground.pad.ink[14, 22] == 1
    draw(playground, (0, 14), (27, 14))
    assert playground.pad.empty and not x_of(playground).any()
    key(playground, "e")
    key(playground, "q")  # which closes other figures
    assert plt.fignum_exists(playground.figure.number)
    draw(playground, (16, 14), (18, 14))
    assert playground.pad.ink[14, 16:19].min() == 1


@pytest.mark.parametrize("size", [3, 6, 12, 24])
def test_a_digit_of_any_size_is_centred_and_its_strokes_are_equally_wide(size):
    playground = new()
    unit = np.array([[0, 0], [0.6, 0], [0.3, 1]]) * size + 1.5  # in the upper left corner
    draw(playground, *map(tuple, unit))
    x = x_of(playground).reshape(28, 28)
    rows, columns = (np.flatnonzero(x.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for axis in (0, 1):
        centre = x.sum(axis=axis) @ np.arange(28) / x.sum()
        assert abs(centre - 14) <= 0.5
    assert x.max() == 1
    # 20 pixels high with the ink of the pen, so 17 from line to line. Twice as wide would be a blob
    length = 17 * (0.6 + np.hypot(0.3, 1))
    assert 2.2 < x.sum() / length < 3.3


def test_a_move_of_the_pen_draws_the_pad_alone():
    playground = drawn()
    playground.figure.canvas.draw()

    def pixels():
        return np.array(playground.figure.canvas.buffer_rgba())

    before, shows = pixels(), words(playground)
    box = playground.pad.ax.bbox
    rows = slice(int(before.shape[0] - box.y1) - 3, int(before.shape[0] - box.y0) + 4)
    columns = slice(int(box.x0) - 3, int(box.x1) + 4)
    playground.page.pad_rests_until = 0
    mouse(playground, playground.pad.ax, 3, 25, "press", "move")
    after = pixels()
    assert (after[rows, columns] != before[rows, columns]).any() and words(playground) == shows
    after[rows, columns] = before[rows, columns]
    np.testing.assert_array_equal(after, before)
    mouse(playground, playground.pad.ax, 3, 25, "release")
    assert words(playground) != shows


# Reading, and what comes back


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_numbers_are_those_of_the_formulas(dtype):
    network = TwoLayerNet(784, 6, 10, 0.1, dtype=dtype, rng=0)
    playground = drawn(network)
    page, params = playground.page, {k: v.astype(float) for k, v in network.params.items()}
    x = x_of(playground)
    a, h, y = by_hand(params, x)

    def close(shown, expected, rtol=1e-4):
        np.testing.assert_allclose(np.ravel(shown), np.ravel(expected), rtol, atol=1e-6)

    def cells(name, k, array, colours):
        shows = page.rows[name][k]
        close(np.ma.filled(shows.image.get_array(), 0), colours)
        assert shows.words.get_text() == f"size {np.abs(array).mean():.2g}"
        close(shows.bar.get_width(), 1.2 * (1 + np.log10(np.abs(array).mean()) / 12))

    def texts(k):
        return [digit[k].get_text() for digit in page.digits]

    cells("Affine1", 0, a, a)
    cells("Relu1", 0, h, h)
    close([digit[1].get_width() for digit in page.digits], 0.5 * y)
    assert texts(2) == [shown(p, ".2f") for p in y[0]]
    assert texts(5) == [f"{score:.1f}" for score in (h @ params["W2"] + params["b2"])[0]]
    bold = [d[0].get_text() for d in page.digits if d[0].get_weight() == "bold"]
    assert bold == [str(y.argmax())]
    assert f"It reads: {y.argmax()} ({y.max():.0%})" in words(playground)
    assert not page.dx.get_visible() and {*texts(4)} == {""}

    for t in (7, 2):
        pick(playground, t)
        L, d, dh, da, dx, _ = by_hand(params, x, [t])
        assert any(f"L = {L:.4g}" in text for text in words(playground))
        assert texts(4) == [shown(p, "+.2f") for p in d[0]]
        close([digit[3].get_width() for digit in page.digits], 0.2 * d)
        cells("Relu1", 1, dh, colour(dh) * (h > 0))  # grey where it stops
        cells("Affine1", 1, da, colour(da))
        close(np.ma.filled(page.dx.get_array(), 0), colour(dx))
        assert page.dx.get_clim() == (-1, 1) and page.rows["Relu1"][1].image.get_clim() == (-1, 1)
        assert any(f"size {np.abs(dx).mean():.2g}" in text for text in words(playground))
    pick(playground, 2)  # once more: taken back
    assert playground.t is None and not page.dx.get_visible()


def test_a_click_on_a_bar_picks_its_digit():
    playground = new()
    for digit, (_, bar, *_) in enumerate(playground.page.digits):
        for y in (bar.get_y() + 0.01, bar.get_y() + bar.get_height() - 0.01):
            playground.t = None
            click(playground, playground.page.ax, 10.4, y)
            assert playground.t == digit
    for x, y in ((10, 5.1), (10, 2.1), (9.3, 4)):  # above, below, beside
        click(playground, playground.page.ax, x, y)
        assert playground.t == 9


def test_a_still_picture_shows_a_test_digit_and_the_unit_that_says_why():
    playground = Playground(TwoLayerNet(784, 6, 10, rng=0))
    x_test, t_test = playground.test_set
    np.testing.assert_allclose(playground.pad.ink.ravel(), x_test[0])
    assert playground.t == t_test[0] and playground.page.dx.get_visible()
    params = playground.network.params
    _, h, y = by_hand(params, x_of(playground))
    adds = h[0] * params["W2"][:, y.argmax()]
    best = [j for j in np.argsort(-adds).tolist() if adds[j] > 0][:5]
    followed = [playground.followed]
    for _ in best:
        push(playground, "why?")
        followed.append(playground.followed)
    assert followed == [*best, best[0]]


def test_what_came_back_is_shown_before_a_layer_writes_into_it():
    network = chain(affine(784, 8), ReluInPlace(), affine(8, 10))
    playground = drawn(network, 7)
    _, h, _ = by_hand(network.params, x_of(playground))
    _, _, dh, da, _, _ = by_hand(network.params, x_of(playground), [7])
    for name, expected in (("ReluInPlace2", colour(dh) * (h > 0)), ("Affine1", colour(da))):
        shows = playground.page.rows[name][1].image.get_array()
        np.testing.assert_allclose(np.ma.filled(shows, 0).ravel(), expected.ravel(), atol=1e-6)


def test_a_dead_unit_looks_dead_forward_and_back_and_the_others_keep_their_colours():
    playground = drawn(t=7)
    out = playground.page.rows["Affine1"][0].image
    shades = np.abs(out.get_array() / out.get_clim()[1]).ravel()
    playground.network.params["b1"][2] = -100
    pick(playground, 7), pick(playground, 7)
    after = np.abs(out.get_array() / out.get_clim()[1]).ravel()
    assert (np.delete(after, 2) > 0.6 * np.delete(shades, 2)).all()
    out, dout = (cells.image.get_array() for cells in playground.page.rows["Relu1"])
    da = playground.page.rows["Affine1"][1].image.get_array()
    assert [np.ma.getmaskarray(array).ravel()[2] for array in (out, dout, da)] == [True] * 3


def test_a_tiny_gradient_looks_tiny():
    network = TwoLayerNet(784, 6, 10, 0.1, rng=0)
    network.params["b2"][7] += 12  # it reads 7, whatever is drawn
    playground, strongest, bars = drawn(network), [], []
    for t in (7, 9):
        pick(playground, t)
        images = [playground.page.dx] + [row[1].image for row in playground.page.rows.values()]
        strongest.append(max(np.abs(image.get_array()).max() for image in images))
        bars.append([row[1].bar.get_width() for row in playground.page.rows.values()])
    assert strongest[0] < 0.3 < 0.6 < strongest[1] and (np.array(bars[1]) > bars[0]).all()


def test_gradients_shrink_from_layer_to_layer_and_so_do_the_bars():
    playground = new(MultiLayerNet(784, [50] * 9, 10, weight_init_std=0.01, rng=0))
    playground.next_digit()
    bars = [dout.bar.get_width() for _, dout in playground.page.rows.values()]
    assert len(bars) == 9 and (np.diff(bars) >= 0).all() and bars[-1] > bars[-2] > bars[-3] > 0


def test_test_digits_come_one_after_the_other():
    playground = new()
    x_test, t_test = playground.test_set
    before = playground.digits_shown
    for k in range(25):  # of 20: it begins again
        push(playground, "next digit")
        i = (before + k) % 20
        np.testing.assert_allclose(playground.pad.ink.ravel(), x_test[i])
        assert playground.t == t_test[i]


# One unit


@pytest.mark.parametrize("t", [None, 7, 2])
@pytest.mark.parametrize("j", [0, 3, np.int64(5)])
def test_one_unit_from_the_ink_to_the_answer_and_back(t, j):
    playground = drawn(t=t)
    playground.follow(j)
    params, x = playground.network.params, x_of(playground)
    a, h, _ = by_hand(params, x)
    unit = playground.unit()
    assert [*unit] == ["terms", "b", "out", "to_scores", "dout", "dW"]
    close = functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-9)
    close(unit["terms"], x[0] * params["W1"][:, j])
    close(unit["terms"].sum() + unit["b"], unit["out"])
    close([unit["b"], unit["out"]], [params["b1"][j], a[0, j]])
    close(unit["to_scores"], h[0, j] * params["W2"][j])
    if t is None:
        assert unit["dout"] is unit["dW"] is None
    else:
        _, d, dh, da, _, grads = by_hand(params, x, [t])
        close(unit["dout"], da[0, j])
        close(unit["dW"], grads["W1"][:, j])
    # And these numbers are what is shown.
    panel = playground.page.unit
    W, terms, dW = (picture.get_array() for picture in panel.pictures)
    close(np.ma.filled(W, 0).ravel(), params["W1"][:, j])
    close(np.ma.filled(terms, 0).ravel(), unit["terms"])
    if t is not None:
        close(np.ma.filled(dW, 0).ravel(), colour(unit["dW"]), atol=1e-6)
    for bars, values, length in (
        (panel.bars[0], unit["to_scores"], 0.27 / 5),
        (panel.bars[1], [] if t is None else params["W2"][j] * d[0], 0.27),
    ):
        ends = [np.ptp(segment[:, 0]) for segment in bars.get_segments()]
        close(ends, np.minimum(np.abs(values) * length, 0.27), atol=1e-6)
        rows = [playground.page.digits[k][0].get_position()[1] for k in range(len(ends))]
        close([segment[0, 1] for segment in bars.get_segments()], rows, atol=1e-6)


@pytest.mark.parametrize("place", ["Affine1", "Relu1", "Relu1 dout", "W"])
def test_the_mouse_points_at_a_unit_and_a_click_keeps_it(place):
    playground = drawn(t=7)
    name, _, back = place.partition(" ")

    def at(j):
        if place == "W":
            return playground.page.W.axes, 30 * j + 15, 15
        return playground.page.ax, *cell(playground, name, j, bool(back))

    mouse(playground, *at(4), "move", button=None)
    assert playground.followed == 4 and any("unit 4" in text for text in words(playground))
    mouse(playground, playground.page.ax, 6, 5.5, "move", button=None)
    assert playground.followed is None and not playground.page.unit.pictures[0].axes.get_visible()
    click(playground, *at(2))
    mouse(playground, *at(3), "move", button=None)
    assert playground.followed == 3
    mouse(playground, playground.page.ax, 6, 5.5, "move", button=None)
    assert playground.followed == 2
    click(playground, *at(2))
    assert playground.followed is None


def test_a_unit_before_a_wide_layer_and_one_that_is_a_score():
    deep = MultiLayerNet(784, [6, 30, 20], 10, weight_init_std=0.1, rng=0)
    playground = drawn(deep, 7)
    playground.follow(1)
    unit, W2 = playground.unit(), deep.params["W2"]
    np.testing.assert_allclose(unit["to_scores"], max(unit["out"], 0) * W2[1])
    push(playground, "why?")
    assert playground.unit()["out"] > 0
    playground = drawn(chain(affine(784, 10)), 7)
    playground.follow(7)
    unit = playground.unit()
    y = np.exp(unit["out"]) / np.exp(playground.network.predict(x_of(playground))).sum()
    assert unit["to_scores"] is None and unit["dout"] == pytest.approx(y - 1)


class BookAffine:
    """As the book writes it: a unit of it can be followed too."""

    def __init__(self, W, b):
        self.W, self.b, self.dW, self.db = W, b, None, None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


def test_which_units_can_be_followed():
    first = affine(784, 8)
    playground = drawn(chain(BookAffine(first.W, first.b), Relu(), affine(8, 10)), 7)
    playground.follow(3)
    np.testing.assert_allclose(
        playground.unit()["terms"].sum() + first.b[3], playground.unit()["out"]
    )
    for j, error in ((8, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match="from 0 to 7"):
            playground.follow(j)
    for name in ("a block", "images"):
        playground = drawn(CHAINS[name](), 7)
        with pytest.raises(ValueError, match="begins with an Affine from 784"):
            playground.follow(0)
        assert any("begins with an Affine from 784" in text for text in words(playground))
    playground = new()
    with pytest.raises(RuntimeError, match=r"playground.follow\(0\)"):
        playground.unit()
    playground.follow(0)
    with pytest.raises(ValueError, match="on the pad"):
        playground.unit()


# Training


def test_one_update_is_the_chapters():
    network = TwoLayerNet(784, 6, 10, 0.1, rng=0)
    playground = new(network)
    slide(playground, playground.page.rate, 0.3)
    slide(playground, playground.page.size, 10)
    x, t = playground.train_set
    batch = np.random.default_rng(1).choice(len(x), 10)
    push(playground, "one update")
    *_, grads = by_hand(network.params, x[batch].astype(float), t[batch])
    learnt = playground.network.params
    for name, array in learnt.items():
        want = network.params[name] - 0.3 * grads[name]
        np.testing.assert_allclose(array, want, rtol=1e-6, atol=1e-9)
    L = by_hand(learnt, x[batch].astype(float), t[batch])[0]
    x, t = playground.test_set
    accuracy = np.mean(by_hand(learnt, x)[2].argmax(axis=1) == t)
    assert playground.curve == [(1, pytest.approx(L), pytest.approx(accuracy))]
    text = " ".join(words(playground))
    assert f"loss  {L:.3f}" in text and f"{accuracy:.3f}" in text and "1 update" in text


def test_learning_from_what_is_drawn():
    network = TwoLayerNet(784, 6, 10, 0.1, rng=0)
    playground = drawn(network, 9)
    slide(playground, playground.page.rate, 0.03)
    playground.follow(4)
    x = x_of(playground)
    L, *_, grads = by_hand(network.params, x, [9])
    before, after = playground.learn_from_mine()
    learnt = playground.network.params
    for name, array in learnt.items():
        want = network.params[name] - 0.03 * grads[name]
        np.testing.assert_allclose(array, want, rtol=1e-6, atol=1e-9)
    assert (before, after) == pytest.approx((L, by_hand(learnt, x, [9])[0])) and after < before
    outs = [by_hand(params, x)[0][0, 4] for params in (network.params, learnt)]
    said = playground.page.message.get_text().replace("\n", " ")
    for part in (f"L {L:.3g} → {after:.3g}", "Unit 4", f"{outs[0]:.2f} to {outs[1]:.2f}"):
        assert part in said
    push(playground, "learn from mine")
    assert playground.updates == 2


def test_what_it_can_not_learn_from_is_said():
    playground = new()
    for do, missing in ((lambda: None, "on the pad"), (lambda: draw(playground, *SEVEN), "bar")):
        do()
        with pytest.raises(ValueError, match=missing):
            playground.learn_from_mine()
        push(playground, "learn from mine")
        assert missing in complaint(playground) and playground.updates == 0


def test_training_moves_all_that_is_shown_until_it_is_paused():
    playground = drawn(t=7)
    page = playground.page

    def state():
        line = page.curves[0][0].get_xdata()
        images = [page.W, page.dx, *(cells.image for row in page.rows.values() for cells in row)]
        return [len(line), *(np.array(image.get_array()) for image in images)]

    ticks(playground, 2)
    assert playground.updates == 0
    first = playground.network.params.copy()
    push(playground, "train")
    before = state()
    ticks(playground, 3)
    after, updates = state(), playground.updates
    assert updates >= 3 and after[0] == 3
    assert all(not np.array_equal(a, b) for a, b in zip(before, after))
    losses = [loss for _, loss, _ in playground.curve]
    assert losses[-1] < losses[0]
    push(playground, "train")
    ticks(playground, 3)
    assert playground.updates == updates
    push(playground, "start anew")
    assert playground.updates == 0 and playground.curve == []
    for key, array in playground.network.params.items():
        np.testing.assert_array_equal(array, first[key])


def test_drawing_while_it_trains():
    playground = new()
    push(playground, "train")
    ax = playground.pad.ax
    mouse(playground, ax, 8, 6, "press")
    for x in range(9, 20):
        mouse(playground, ax, x, 6, "move")
        ticks(playground, 1)
        assert playground.updates >= x - 8
    mouse(playground, ax, 20, 6, "release")
    ticks(playground, 1)
    assert playground.curve[-1][0] == playground.updates
    _, _, y = by_hand(playground.network.params, x_of(playground))
    assert [digit[2].get_text() for digit in playground.page.digits] == [
        shown(p, ".2f") for p in y[0]
    ]


def test_it_shows_nothing_before_the_last_picture_came_and_stops_if_none_comes():
    playground = new()
    push(playground, "train")
    ticks(playground, 1)
    pictures, updates = len(playground.curve), playground.updates
    playground.drawn = False  # as in a browser that hasn't answered yet
    ticks(playground, 2)
    assert len(playground.curve) == pictures and playground.updates > updates
    playground.asked -= 2  # seconds
    updates = playground.updates
    ticks(playground, 2)
    assert playground.updates == updates
    playground.figure.canvas.draw()  # somebody looks again
    ticks(playground, 1)
    assert playground.updates > updates and len(playground.curve) == pictures + 1


def test_a_learning_rate_that_is_too_large_is_said_and_the_figure_goes_on():
    # Without Relu no unit dies, and the weights of one layer multiply the steps of the others.
    playground = new(chain(affine(784, 9), affine(9, 9), affine(9, 9), affine(9, 10)))
    slide(playground, playground.page.rate, 10)
    push(playground, "train")
    ticks(playground, 20)
    assert "start anew" in complaint(playground) and not playground.training
    push(playground, "one update")
    draw(playground, *SEVEN)  # nothing to show, but nothing breaks
    assert "start anew" in complaint(playground)
    slide(playground, playground.page.rate, 0.001)
    push(playground, "start anew")
    assert complaint(playground) == ""
    push(playground, "train")
    ticks(playground, 2)
    assert playground.updates >= 2 and playground.training and complaint(playground) == ""


def test_the_hint_fits_what_is_there():
    def says(playground):
        return playground.page.message.get_text()

    playground = new()
    assert "Draw a digit" in says(playground)
    draw(playground, *SEVEN)
    assert "Press train" in says(playground)
    push(playground, "one update")
    assert "right digit" in says(playground)
    pick(playground, 7)
    assert "follow one unit" in says(playground)
    playground.follow(1)
    assert "Unit 1" in says(playground)
    playground.network.params["b1"][:] = -100
    push(playground, "one update")
    assert "6 of 6 units of Relu1" in says(playground) and "anew" in says(playground)
    silent = TwoLayerNet(784, 6, 10, 0.1, rng=0)
    silent.params["b1"][:] = -100
    assert "anew" not in says(drawn(silent))  # it was so from the start
    trained = TwoLayerNet(784, 6, 10, 0.1, rng=0)  # the test data has 20 digits
    x, t = playground.test_set
    for _ in range(300):
        for key, grad in trained.gradient(x, t).items():
            trained.params[key] -= 0.1 * grad
    assert "right digit" in says(drawn(trained))  # it can read before any update here


def test_the_curve_of_a_long_training_is_short_and_shows_the_largest_loss():
    playground = new()
    playground.curve = [(i, 40.0 if i == 1 else 1.0, 0.5) for i in range(1, 2001)]
    playground.updates = 2000
    push(playground, "one update")
    assert len(playground.curve) < 1100
    assert playground.curve[0][0] == 1 and playground.curve[-1][0] == 2001
    assert playground.page.curve_ax.get_ylim()[1] >= 40


# Other chains, and what a notebook does meanwhile


class Dropout:
    def __init__(self):
        self.train_flg = True

    def forward(self, x):
        self.scale = 2 * (np.random.rand(*x.shape) > 0.5) if self.train_flg else 1
        return x * self.scale

    def backward(self, dout):
        return dout * self.scale


class ReluInPlace(Relu):
    def backward(self, dout):
        dout[self.out <= 0] = 0
        return dout


class NoDx(Affine):
    def backward(self, dout):
        super().backward(dout)


class AsImages:
    def forward(self, x):
        return x.reshape(-1, 1, 28, 28)

    def backward(self, dout):
        return dout.reshape(-1, 784)


class Halves:
    """Writes into the array that it is given."""

    def forward(self, x):
        x *= 0.5
        return x

    def backward(self, dout):
        return dout * 0.5


class Broken(Relu):
    def backward(self, dout):
        raise RuntimeError("my mistake")


class Counts:
    """Keeps a running mean, as batch normalisation does, whatever train_flg says."""

    def __init__(self):
        self.mean, self.train_flg = 0.0, True

    def forward(self, x):
        self.mean += 1
        return x

    def backward(self, dout):
        return dout


def chain(*layers):
    named = OrderedDict((f"{type(layer).__name__}{i}", layer) for i, layer in enumerate(layers, 1))
    return Network(named, SoftmaxWithLoss())


def affine(D, M, Kind=Affine):
    return Kind.random(D, M, "he", rng=0)


CHAINS = {
    "one layer": lambda: chain(affine(784, 10)),
    "a layer that learns": lambda: chain(affine(784, 7), LeakyRelu(), affine(7, 10)),
    "dropout": lambda: chain(affine(784, 8), Relu(), Dropout(), affine(8, 10)),
    "a block": lambda: chain(Block(affine(784, 8), Relu(), Dropout()), affine(8, 10)),
    "writes into dout": lambda: chain(affine(784, 8), ReluInPlace(), affine(8, 10)),
    "writes into x": lambda: chain(Halves(), Affine.random(784, 10, "he", dtype=np.float32)),
    "no dx": lambda: chain(affine(784, 8, NoDx), Relu(), affine(8, 10)),
    "images": lambda: chain(AsImages(), LeakyRelu(), affine(784, 10)),
    "deep": lambda: MultiLayerNet(784, [11] * 20, 10, "sigmoid", rng=0, dtype=np.float32),
    "wide": lambda: MultiLayerNet(784, [1009, 200], 10, rng=0),
}


@pytest.mark.parametrize("name", CHAINS)
def test_any_chain(name):
    network = CHAINS[name]()
    before = network.params.copy()
    playground = drawn(network, 7)
    data = playground.test_set[0].copy()
    slide(playground, playground.page.rate, 0.01)
    push(playground, "train")
    ticks(playground, 2)
    assert complaint(playground) == "" and playground.training
    learnt = playground.network
    assert any((learnt.params[key] != before[key]).any() for key in before)
    for key, array in network.params.items():
        np.testing.assert_array_equal(array, before[key])
    if "rop" in name or "block" in name:
        for layer in [*learnt.layers.values(), *getattr(learnt.layers.get("Block1"), "layers", ())]:
            if isinstance(layer, Dropout):
                assert layer.train_flg is True
                layer.train_flg = False
    scores = learnt.predict(x_of(playground))
    y = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    assert [digit[2].get_text() for digit in playground.page.digits] == [
        shown(p, ".2f") for p in y[0]
    ]
    np.testing.assert_array_equal(x_of(playground), playground.pad.x())
    np.testing.assert_array_equal(playground.test_set[0], data)
    assert len(playground.page.rows) <= 10
    assert playground.page.dx.get_visible() == (name != "no dx")


def test_a_look_leaves_no_trace():
    counts = Counts()
    network = chain(affine(784, 8), counts, Relu(), affine(8, 10))
    playground = drawn(network, 7)
    playground.follow(2)
    playground.unit(), playground.read(), playground.next_digit(), playground.measure()
    playground.figure.canvas.draw()
    x_test, t_test = playground.test_set
    assert counts.mean == 0 and counts.train_flg and playground.network.layers["Counts2"].mean == 0
    playground.learn(3)  # a gradient and a loss each
    assert playground.network.layers["Counts2"].mean == 6
    push(playground, "start anew")
    assert playground.network.layers["Counts2"].mean == 0


def test_a_cell_computes_while_it_trains():
    """Whatever the notebook computes is right: with its own network, and with what has learnt."""
    network = TwoLayerNet(784, 6, 10, 0.1, rng=0)
    playground = drawn(network, 7)
    playground.train_or_pause()
    x, t = playground.train_set
    x, stop = x[:50].astype(float), threading.Event()

    def timer():
        while not stop.is_set():
            playground.tick()

    thread = threading.Thread(target=timer)
    thread.start()
    try:
        for k in range(60):
            mine = (network, playground.network)[k % 2]
            want = by_hand(mine.params.copy(), x, t[:50])[-1]
            for key, grad in mine.gradient(x, t[:50]).items():
                np.testing.assert_allclose(grad, want[key], rtol=1e-6, atol=1e-9)
            playground.follow(k % 6)
    finally:
        stop.set()
        thread.join()
    assert complaint(playground) == "" and playground.updates > 0
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
    draw(playground, *SEVEN)
    playground.network.layers["Relu1"] = LeakyRelu()
    playground.update(1)
    assert {*playground.network.params} == {"W1", "b1", "a2", "W3", "b3"}
    push(playground, "start anew")
    assert {*playground.network.params} == {*before}
    np.testing.assert_array_equal(playground.network.params["b1"], before["b1"])


class Uncopied(Affine):
    def __deepcopy__(self, memo):
        return self


class Locked(Relu):
    def __init__(self):
        self.lock = threading.Lock()


class Modular(Relu):
    def __init__(self):
        self.np = np


@pytest.mark.parametrize(
    "network, error",
    [
        (lambda: TwoLayerNet(100, 5, 10), ValueError),
        (lambda: TwoLayerNet(784, 5, 3), ValueError),
        (lambda: chain(affine(784, 10, Uncopied)), TypeError),
        (lambda: chain(affine(784, 9), Locked(), affine(9, 10)), TypeError),
        (lambda: chain(affine(784, 9), Modular(), affine(9, 10)), None),
    ],
)
def test_which_networks_are_refused(network, error):
    with pytest.raises(error) if error else contextlib.nullcontext():
        new(network())


def test_a_readers_mistake_is_shown_and_the_figure_goes_on():
    playground = drawn(chain(affine(784, 8), Broken(), affine(8, 10)))
    assert complaint(playground) == ""
    pick(playground, 7)
    assert "my mistake" in complaint(playground)
    push(playground, "train")
    ticks(playground, 2)
    assert "my mistake" in complaint(playground) and not playground.training
    pick(playground, 7)
    push(playground, "start anew")
    assert complaint(playground) == ""


# The figure


def test_a_closed_figure_stops_and_a_new_playground_pauses_the_one_before():
    closed, first = new(), new()
    push(closed, "train")
    send(closed, CloseEvent("close_event", closed.figure.canvas))
    push(first, "train")
    second = new()
    push(second, "train")
    for playground in (closed, first, second):
        ticks(playground, 2)
    assert closed.updates == first.updates == 0 and second.updates >= 2


@pytest.mark.parametrize("size", [(6.4, 3.6), (16, 9), (5, 8)])
def test_all_keeps_its_shape_in_a_figure_of_any_size(size):
    playground = new()
    page, figure = playground.page, playground.figure
    before, places = page.message.get_fontsize(), [ax.bbox.bounds[2:] for ax in figure.axes]
    figure.set_size_inches(*size)
    send(playground, ResizeEvent("resize_event", figure.canvas))
    scale = min(size[0] / 12, size[1] / 5.8)
    assert page.message.get_fontsize() == pytest.approx(before * scale, rel=3e-3)
    figure.canvas.draw()
    for ax, place in zip(figure.axes, places):
        np.testing.assert_allclose(ax.bbox.bounds[2:], np.array(place) * scale, rtol=3e-3)
    draw(playground, *SEVEN)
    pick(playground, 7)
    assert playground.pad.ink[6, 14] == 1 and playground.t == 7


def test_it_can_be_read_in_any_style():
    with plt.style.context("dark_background"):
        playground = new(width=880)
        playground.figure.canvas.draw()
    assert playground.figure.canvas.get_width_height()[0] == 880
    pixels = np.asarray(playground.figure.canvas.buffer_rgba())[..., :3]
    assert np.median(pixels) == 255
    assert {to_rgba(text.get_color()) for text in playground.figure.findobj(Text)} >= {to_rgba("k")}


def test_words_that_are_copied_look_as_if_they_were_drawn():
    playground = drawn(t=7)
    playground.follow(1)
    canvas, pictures = playground.figure.canvas, []
    for _ in range(4):
        canvas.draw()
        pictures.append(np.array(canvas.buffer_rgba(), int))
    assert np.abs(np.array(pictures) - pictures[0]).max() <= 3  # of 255: rounding
    assert len(playground.figure.findobj(Annotation)) == 4  # the arrows between the panels
    push(playground, "clear")
    canvas.draw()
    assert np.abs(np.array(canvas.buffer_rgba(), int) - pictures[0]).max() == 255


# The script


def test_an_animation_of_a_training(tmp_path, capsys):
    script.write_gif(new(), tmp_path / "a.gif", frames=16)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.format == "GIF" and gif.n_frames > 8
        first = np.array(gif.convert("RGB"))
        gif.seek(gif.n_frames - 1)
        assert (np.array(gif.convert("RGB")) != first).any()
    assert "a.gif" in capsys.readouterr().out


REFUSED = {  # options: what the answer names
    "--hiden 3": "did you mean --hidden?",
    "--rate 3": "--help",
    "--std -1": "--std",
    "--std 0": "--std",
    "--seed -1": "--seed",
    "--hidden 0": "--hidden",
    "--width 10": "--width",
    "--width 0": "--width",
    "--width -100": "--width",
    "--width wide": "--width",
    "--gif a.mp4": ".gif",
    "--gif none/a.gif": "none/a.gif",
    "--gif a.gif --browser": "--browser",
    "--load none.npz": "none.npz",
    "--load w.npz": "w.npz",
    "": "--gif FILE",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_it_can_not_do_is_said_at_once(options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "write_gif", lambda *_: pytest.fail("it draws"))
    TwoLayerNet(784, 5, 10, rng=0).save("w.npz")
    with pytest.raises(SystemExit) as stop:
        script.main(options.split())
    said = capsys.readouterr().err.strip()
    assert stop.value.code == 2 and REFUSED[options] in said and "\n" not in said
    assert said.startswith("playground.py: ")


def test_a_browser_needs_tornado(capsys, monkeypatch):
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        script.main(["--browser"])
    assert stop.value.code == 2 and "pip install tornado" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv, sizes",
    [([], [784, 50, 10]), (["--hidden", "8", "9"], [784, 8, 9, 10])],
)
def test_its_networks(argv, sizes, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(script, "write_gif", lambda playground, path: made.append(playground))
    monkeypatch.setattr(matplotlib, "use", lambda backend: None)
    gif = ["--gif", str(tmp_path / "x.gif")]
    script.main([*argv, *gif, "--seed", "3"])
    network = made[0].network
    shapes = [p.shape for k, p in network.params.items() if k.startswith("W")]
    assert shapes == list(zip(sizes, sizes[1:]))
    network.save(tmp_path / "w.npz")
    script.main([*argv, *gif, "--load", str(tmp_path / "w.npz")])
    np.testing.assert_array_equal(made[1].network.params["W1"], network.params["W1"])


def test_the_browsers_page_is_for_this_computer_and_this_page_alone():
    pytest.importorskip("tornado")
    from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
    from tornado.websocket import websocket_connect

    from ch05.playground import browser

    plt.switch_backend("webagg")
    figure = new().figure
    good = "http://127.0.0.1:{port}"
    asked = [  # path, Host, Origin, the answer
        ("/", "127.0.0.1:{port}", None, 200),
        ("/", "localhost:{port}", None, 200),
        ("/mpl.js", "127.0.0.1:{port}", good, 200),
        ("/_static/css/mpl.css", "127.0.0.1:{port}", None, 200),
        *[(path, "evil.example:{port}", None, 403) for path in ("/", "/mpl.js", "/ws")],
        ("/ws", "evil.example:{port}", "http://evil.example:{port}", 403),
        ("/_static/css/mpl.css", "127.0.0.1.evil.example", None, 403),
        ("/", "127.0.0.1:1", None, 403),
        *[("/ws", "127.0.0.1:{port}", origin, 403)
          for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "https" + good[4:])],
        ("/ws", "127.0.0.1:{port}", good, 101),
    ]  # fmt: skip

    async def answers():
        listening, port = browser.listen()
        assert listening.getsockname()[0] == "127.0.0.1"
        server = browser.HTTPServer(browser.application(figure, port))
        server.add_sockets([listening])
        codes = []
        for path, host, origin, _ in asked:
            headers = {"Host": host.format(port=port)}
            if origin:
                headers["Origin"] = origin.format(port=port)
            url = f"{'ws' if path == '/ws' else 'http'}://127.0.0.1:{port}{path}"
            request = HTTPRequest(url, headers=headers)
            try:
                if path == "/ws":
                    socket = await websocket_connect(request)
                    message = await asyncio.wait_for(socket.read_message(), 10)
                    codes.append(101 if "type" in message else message)
                    socket.close()
                else:
                    answer = await AsyncHTTPClient().fetch(request, raise_error=False)
                    codes.append(answer.code)
            except HTTPClientError as error:
                codes.append(error.code)
        server.stop()
        await server.close_all_connections()
        return codes

    assert asyncio.run(answers()) == [code for *_, code in asked]
