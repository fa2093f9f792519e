"""The playground, with made-up events of mouse, keys and timer, and no screen."""

import functools
from collections import OrderedDict

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import CloseEvent, DrawEvent, KeyEvent, MouseEvent, ResizeEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from PIL import Image
from readers import LeakyRelu

from ch05 import playground as module
from ch05.multi_layer_net import MultiLayerNet
from ch05.playground import Playground
from ch05.two_layer_net import TwoLayerNet
from common.guards.learnt import find
from common.layers import Affine, Relu, SoftmaxWithLoss
from common.network import Network
from dataset.mnist import load_mnist


@pytest.fixture(autouse=True)
def no_screen(data, monkeypatch):
    monkeypatch.setattr(module, "load_once", functools.cache(lambda: load_mnist(data_dir=data)))
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


def push(playground, words):
    """Presses the button whose label ends so."""
    [button] = [b for b in playground.page.buttons if b.label.get_text().endswith(words)]
    click(playground, button.ax, 0.5, 0.5)


def ticks(playground, count):
    for _ in range(count):
        for function, args, kwargs in playground.timer.callbacks:
            function(*args, **kwargs)


def pick(playground, digit):
    label = playground.page.digits[digit][0]
    click(playground, playground.page.ax, 8.9, label.get_position()[1])


def slide(playground, slider, value):
    for place in range(int(slider.valmax) + 1):
        click(playground, slider.ax, place, 0.5)
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


def rounded(array, form):
    """As the figure shows them: nothing for 0.00."""
    return [format(p, form) if abs(p) >= 0.005 else "" for p in array[0]]


SEVEN = (8, 6), (20, 6), (12, 22)


# Drawing


def test_the_mouse_draws_lines_without_gaps():
    playground = new()
    draw(playground, (4, 5), (24, 5), (10, 25))  # far apart, as in a quick stroke
    ink = playground.pad.ink
    assert ink[5, 4:25].min() == 1
    for share in np.linspace(0, 1, 50):
        x, y = 24 + share * (10 - 24), 5 + share * (25 - 5)
        assert ink[round(y), round(x)] > 0.5
    assert ink[15:, 22:].max() == ink[:3].max() == 0 and 0 <= ink.min() and ink.max() == 1
    np.testing.assert_array_equal(playground.page.pad.get_array(), ink)


def test_the_mouse_moves_without_a_button():
    playground = new()
    draw(playground, *SEVEN)
    before = playground.pad.ink.copy()
    for x in range(28):
        mouse(playground, playground.pad.ax, x, 14, "move", button=None)
    mouse(playground, playground.pad.ax, 14, 14, "press", "release", button=2)  # the wheel
    click(playground, playground.page.ax, 3.5, 4.5)
    np.testing.assert_array_equal(playground.pad.ink, before)


def test_the_mouse_leaves_the_pad_with_its_button_down():
    playground = new()
    ax = playground.pad.ax
    mouse(playground, ax, 3, 3, "press")
    mouse(playground, ax, -9, 3, "move")
    mouse(playground, ax, 3, 24, "move")  # no line from where it left
    assert playground.pad.ink[3, 3] == playground.pad.ink[24, 3] == 1
    assert playground.pad.ink[8:20].max() == 0
    mouse(playground, ax, -9, 24, "move", "release")
    before = playground.pad.ink.copy()
    mouse(playground, ax, 20, 20, "move")
    np.testing.assert_array_equal(playground.pad.ink, before)


def test_a_button_released_outside_the_window():
    playground = new()
    canvas, ax = playground.figure.canvas, playground.pad.ax

    def move(x, *down):
        event = MouseEvent("motion_notify_event", canvas, *ax.transData.transform((x, 3)))
        event.buttons = frozenset(down)  # as matplotlib tells it from 3.10 on
        send(playground, event)

    mouse(playground, ax, 3, 3, "press")
    for x, *down in ((4, 1), (20,), (24,)):
        move(x, *down)
    ink = playground.pad.ink
    assert ink[3, 3:5].min() == 1 and ink[3, 9:].max() == 0
    mouse(playground, ax, 16, 3, "press")
    move(16)  # a browser may send late what it knew before the press
    move(24, 1)
    assert playground.pad.ink[3, 16:25].min() == 1


def test_erasing_with_the_right_button_and_with_the_key():
    playground = new()
    draw(playground, (4, 14), (24, 14))
    draw(playground, (8, 14), (10, 14), button=3)
    assert playground.pad.ink[14, 8:11].max() == 0 and playground.pad.ink[14, 14:24].min() == 1
    key(playground, "e")
    draw(playground, (16, 14), (18, 14))
    assert playground.pad.ink[14, 16:19].max() == 0 and playground.pad.ink[14, 22] == 1
    key(playground, "e")
    key(playground, "q")  # which closes other figures
    assert plt.fignum_exists(playground.figure.number)
    draw(playground, (16, 14), (18, 14))
    assert playground.pad.ink[14, 16:19].min() == 1


def test_what_is_drawn_is_centred():
    playground = new()
    draw(playground, (2, 1), (6, 1), (4, 8))  # small, in a corner
    x = np.asarray(playground.page.x.get_array())
    rows, columns = (np.flatnonzero(x.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for axis in (0, 1):
        centre = x.sum(axis=axis) @ np.arange(28) / x.sum()
        assert abs(centre - 14) <= 0.5
    assert x.max() == 1
    push(playground, "clear")
    assert not playground.pad.ink.any() and not playground.page.x.get_array().any()


# Reading, and what comes back


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_numbers_are_those_of_the_formulas(dtype):
    network = TwoLayerNet(784, 6, 10, 0.1, dtype=dtype, rng=0)
    playground = new(network)
    draw(playground, *SEVEN)
    page, params = playground.page, {k: v.astype(float) for k, v in network.params.items()}
    x = np.asarray(page.x.get_array(), float).reshape(1, 784)
    a, h, y = by_hand(params, x)

    def close(shown, expected, rtol=1e-4):
        np.testing.assert_allclose(np.ravel(shown), np.ravel(expected), rtol, atol=1e-6)

    def cells(name, k, array):
        shown = page.rows[name][k]
        close(np.ma.filled(shown.image.get_array(), 0), array)
        assert shown.words.get_text() == f"size {np.abs(array).mean():.2g}"

    cells("Affine1", 0, a)
    cells("Relu1", 0, h)
    close([digit[1].get_width() for digit in page.digits], 0.8 * y)
    assert [digit[2].get_text() for digit in page.digits] == rounded(y, ".2f")
    bold = [d[0].get_text() for d in page.digits if d[0].get_weight() == "bold"]
    assert bold == [str(y.argmax())]
    assert any(f"{y.argmax()} ({y.max():.0%})" in text for text in words(playground))
    assert not page.dx.get_visible() and {digit[4].get_text() for digit in page.digits} == {""}

    for t in (7, 2):
        pick(playground, t)
        L, d, dh, da, dx, _ = by_hand(params, x, [t])
        assert any(f"L = {L:.4g}" in text for text in words(playground))
        assert [digit[4].get_text() for digit in page.digits] == rounded(d, "+.2f")
        widths = np.array([digit[3].get_width() for digit in page.digits])
        close(widths / widths[t], d / d[0, t])
        cells("Relu1", 1, dh)
        cells("Affine1", 1, da)
        close(np.ma.filled(page.dx.get_array(), 0), dx)
        low, high = page.dx.get_clim()
        assert low == -high < 0
    pick(playground, 2)  # once more: taken back
    assert playground.t is None and not page.dx.get_visible()


def test_a_click_on_a_bar_picks_its_digit():
    playground = new()
    for digit, (_, bar, *_) in enumerate(playground.page.digits):
        for y in (bar.get_y() + 0.01, bar.get_y() + bar.get_height() - 0.01):
            playground.t = None
            click(playground, playground.page.ax, 9, y)
            assert playground.t == digit
    for x, y in ((9, 5.1), (9, 2.2), (7, 4)):  # above, below, beside
        click(playground, playground.page.ax, x, y)
        assert playground.t == 9


def test_a_still_picture_shows_a_test_digit():
    playground = Playground(TwoLayerNet(784, 6, 10, rng=0))
    x_test, t_test = playground.test_set
    np.testing.assert_allclose(playground.pad.ink.ravel(), x_test[0])
    assert playground.t == t_test[0] and playground.page.dx.get_visible()


def test_what_came_back_is_shown_before_a_layer_writes_into_it():
    network = chain(affine(784, 8), ReluInPlace(), affine(8, 10))
    playground = new(network)
    draw(playground, *SEVEN)
    pick(playground, 7)
    x = np.asarray(playground.page.x.get_array(), float).reshape(1, 784)
    _, _, dh, da, _, _ = by_hand(network.params, x, [7])
    for name, expected in (("ReluInPlace2", dh), ("Affine1", da)):
        shown = playground.page.rows[name][1].image.get_array()
        np.testing.assert_allclose(np.ma.filled(shown, 0).ravel(), expected.ravel())


def test_the_gradient_of_the_pixels_says_where_ink_raises_the_loss():
    playground = new()
    draw(playground, *SEVEN)
    pick(playground, 7)
    x, _, _, L, _, dx = playground.values()
    loss = functools.partial(playground.network.loss, t=[7])
    assert loss(x + 1e-3 * (dx > 0)) > L > loss(x + 1e-3 * (dx < 0))


def test_a_dead_unit_is_grey_and_gets_no_gradient():
    playground = new()
    playground.network.params["b1"][2] = -100
    draw(playground, *SEVEN)
    pick(playground, 7)
    out, dout = (cells.image.get_array() for cells in playground.page.rows["Relu1"])
    da = playground.page.rows["Affine1"][1].image.get_array()
    grey = [np.ma.getmaskarray(array).ravel()[2] for array in (out, dout, da)]
    assert grey == [True, False, True]


def test_gradients_shrink_from_layer_to_layer_and_so_do_the_bars():
    playground = new(MultiLayerNet(784, [50] * 9, 10, weight_init_std=0.01, rng=0))
    playground.next_digit()
    bars = [dout.bar.get_width() for _, dout in playground.page.rows.values()]
    assert len(bars) == 9 and (np.diff(bars) >= 0).all() and bars[-1] > bars[-2] > bars[-3] > 0


def test_test_digits_come_one_after_the_other():
    playground = new()
    x_test, t_test = playground.test_set
    shown = playground.digits_shown
    for k in range(25):  # of 20: it begins again
        push(playground, "next digit")
        i = (shown + k) % 20
        np.testing.assert_allclose(playground.pad.ink.ravel(), x_test[i])
        assert playground.t == t_test[i]


# Training


def test_one_update_is_the_chapters():
    playground = new()
    slide(playground, playground.page.rate, 0.3)
    slide(playground, playground.page.size, 10)
    before = playground.network.params.copy()
    x, t = playground.train_set
    batch = np.random.default_rng(1).choice(len(x), 10)
    push(playground, "one update")
    *_, grads = by_hand(before, x[batch].astype(float), t[batch])
    for name, array in playground.network.params.items():
        np.testing.assert_allclose(array, before[name] - 0.3 * grads[name], rtol=1e-6, atol=1e-9)
    L = by_hand(playground.network.params, x[batch].astype(float), t[batch])[0]
    x, t = playground.test_set
    accuracy = np.mean(by_hand(playground.network.params, x)[2].argmax(axis=1) == t)
    assert playground.curve == [(1, pytest.approx(L), pytest.approx(accuracy))]
    shown = " ".join(words(playground))
    assert f"loss  {L:.3f}" in shown and f"{accuracy:.3f}" in shown and "1 update" in shown


def test_training_moves_all_that_is_shown_until_it_is_paused():
    playground = new()
    draw(playground, *SEVEN)
    pick(playground, 7)
    page = playground.page

    def shown():
        line = page.curves[0][0].get_xdata()
        images = [page.W, page.dx, *(cells.image for row in page.rows.values() for cells in row)]
        return [len(line), *(np.array(image.get_array()) for image in images)]

    ticks(playground, 2)
    assert playground.updates == 0
    push(playground, "train")
    before = shown()
    ticks(playground, 3)
    after, updates = shown(), playground.updates
    assert updates >= 3 and after[0] == 3
    assert all(not np.array_equal(a, b) for a, b in zip(before, after))
    losses = [loss for _, loss, _ in playground.curve]
    assert losses[-1] < losses[0]
    push(playground, "pause")
    ticks(playground, 3)
    assert playground.updates == updates
    push(playground, "start anew")
    assert playground.updates == 0 and playground.curve == []
    np.testing.assert_array_equal(playground.network.params["W1"], playground.first_params["W1"])


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
    x = np.asarray(playground.page.x.get_array()).reshape(1, 784)
    _, _, y = by_hand(playground.network.params, x)
    assert [digit[2].get_text() for digit in playground.page.digits] == rounded(y, ".2f")


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
    assert "learning rate" in complaint(playground) and not playground.training
    push(playground, "one update")
    assert "learning rate" in complaint(playground)
    draw(playground, *SEVEN)  # nothing to show, but nothing breaks
    assert "learning rate" in complaint(playground)
    slide(playground, playground.page.rate, 0.001)
    push(playground, "start anew")
    assert complaint(playground) == ""
    push(playground, "train")
    ticks(playground, 2)
    assert playground.updates >= 2 and playground.training and complaint(playground) == ""


@pytest.mark.parametrize("accuracy, poor", [(0.1, True), (0.5, False)])
def test_a_network_that_learns_nothing_is_told(accuracy, poor):
    playground = new()
    playground.curve = [(500, 2.3, accuracy)]
    playground.show_training()
    assert any("smaller learning rate" in text for text in words(playground)) is poor


def test_a_long_training_keeps_its_curve_short():
    playground = new()
    playground.curve = [(i, 1.0, 0.5) for i in range(1, 2001)]
    playground.updates = 2000
    push(playground, "one update")
    assert len(playground.curve) < 1100
    assert playground.curve[0][0] == 1 and playground.curve[-1][0] == 2001


# Other chains


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


class Block:
    """Layers in a layer."""

    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
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
    "no dx": lambda: chain(affine(784, 8, NoDx), Relu(), affine(8, 10)),
    "images": lambda: chain(AsImages(), LeakyRelu(), affine(784, 10)),
    "deep": lambda: MultiLayerNet(784, [11] * 20, 10, "sigmoid", rng=0, dtype=np.float32),
    "wide": lambda: MultiLayerNet(784, [1009, 200], 10, rng=0),
}


@pytest.mark.parametrize("name", CHAINS)
def test_any_chain(name):
    network = CHAINS[name]()
    playground = new(network)
    slide(playground, playground.page.rate, 0.01)
    draw(playground, *SEVEN)
    pick(playground, 7)
    push(playground, "train")
    before = network.params.copy()
    ticks(playground, 2)
    assert complaint(playground) == "" and playground.training
    assert any((network.params[key] != before[key]).any() for key in before)
    for _, layer, _ in find(network.layers):
        if hasattr(layer, "train_flg"):
            assert layer.train_flg is True
            layer.train_flg = False
    x = np.asarray(playground.page.x.get_array()).reshape(1, 784)
    scores = network.predict(x)
    y = np.exp(scores) / np.exp(scores).sum()
    assert [digit[2].get_text() for digit in playground.page.digits] == rounded(y, ".2f")
    assert len(playground.page.rows) <= 10
    assert playground.page.dx.get_visible() == (name != "no dx")


class Broken(Relu):
    def backward(self, dout):
        raise RuntimeError("my mistake")


def test_a_readers_mistake_is_shown_and_the_figure_goes_on():
    playground = new(chain(affine(784, 8), Broken(), affine(8, 10)))
    draw(playground, *SEVEN)
    assert complaint(playground) == ""
    pick(playground, 7)
    assert "my mistake" in complaint(playground)
    push(playground, "train")
    ticks(playground, 2)
    assert "my mistake" in complaint(playground) and not playground.training
    pick(playground, 7)
    push(playground, "start anew")
    assert complaint(playground) == ""


@pytest.mark.parametrize("D, C", [(100, 10), (784, 3)])
def test_a_network_for_other_data_is_refused(D, C):
    with pytest.raises(ValueError):
        new(TwoLayerNet(D, 5, C, rng=0))


# The figure


def test_a_closed_figure_stops():
    playground = new()
    push(playground, "train")
    send(playground, CloseEvent("close_event", playground.figure.canvas))
    ticks(playground, 2)
    assert not playground.training and playground.updates == 0


def test_a_new_playground_pauses_the_one_before():
    first = new()
    push(first, "train")
    second = new()
    push(second, "train")
    ticks(first, 2), ticks(second, 2)
    assert first.updates == 0 and second.updates >= 2


@pytest.mark.parametrize("size", [(6.4, 3.6), (16, 9), (5, 8)])
def test_the_words_grow_and_shrink_with_the_figure(size):
    playground = new()
    before = playground.page.message.get_fontsize()
    playground.figure.set_size_inches(*size)
    send(playground, ResizeEvent("resize_event", playground.figure.canvas))
    scale = min(size[0] / 11, size[1] / 6.2)
    assert playground.page.message.get_fontsize() == pytest.approx(before * scale)
    playground.figure.canvas.draw()
    draw(playground, *SEVEN)
    pick(playground, 7)
    assert playground.pad.ink[6, 14] == 1 and playground.t == 7


def test_it_can_be_read_in_any_style():
    with plt.style.context("dark_background"):
        playground = new()
        playground.figure.canvas.draw()
    pixels = np.asarray(playground.figure.canvas.buffer_rgba())[..., :3]
    assert np.median(pixels) == 255
    assert {to_rgba(text.get_color()) for text in playground.figure.findobj(Text)} >= {to_rgba("k")}


def test_its_width():
    assert new(width=880).figure.get_size_inches()[0] * new(width=880).figure.dpi == 880


# The script


def test_an_animation_of_a_training(tmp_path):
    module.write_gif(new(), tmp_path / "a.gif", frames=8)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.format == "GIF" and gif.n_frames == 8
        first = np.array(gif.convert("RGB"))
        gif.seek(7)
        assert (np.array(gif.convert("RGB")) != first).any()


def test_no_screen_is_said(capsys):
    with pytest.raises(SystemExit) as stop:
        module.main([])
    said = capsys.readouterr().err
    assert stop.value.code == 2 and "--browser" in said and "--gif" in said


def test_a_browser_needs_tornado(capsys, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        module.main(["--browser"])
    assert stop.value.code == 2 and "pip install tornado" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv, sizes",
    [([], [784, 50, 10]), (["--hidden", "8", "9"], [784, 8, 9, 10])],
)
def test_its_networks(argv, sizes, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(module, "write_gif", lambda playground, path: made.append(playground))
    monkeypatch.setattr(matplotlib, "use", lambda backend: None)
    module.main([*argv, "--gif", "x", "--seed", "3"])
    network = made[0].network
    shapes = [p.shape for k, p in network.params.items() if k.startswith("W")]
    assert shapes == list(zip(sizes, sizes[1:]))
    network.save(tmp_path / "w.npz")
    module.main([*argv, "--gif", "x", "--load", str(tmp_path / "w.npz")])
    np.testing.assert_array_equal(made[1].network.params["W1"], network.params["W1"])


def test_weights_that_do_not_fit_are_said(tmp_path, capsys):
    TwoLayerNet(784, 5, 10, rng=0).save(tmp_path / "w.npz")
    for name in ("w.npz", "none.npz"):
        with pytest.raises(SystemExit) as stop:
            module.main(["--load", str(tmp_path / name)])
        assert stop.value.code == 2 and name in capsys.readouterr().err
