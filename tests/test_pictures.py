"""Pictures show the numbers of what they draw, for any chain, and need no screen."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.figure
import matplotlib.style
import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from readers import WINDOW, LeakyRelu, Mine, affine, chain, held, relu_in_place

from ch05.multi_layer_net import MultiLayerNet
from ch05.pictures import draw_digits, draw_history, draw_network
from ch05.tools.figures import ORANGE
from ch05.train_neuralnet import History
from ch05.two_layer_net import TwoLayerNet
from common.layers import Affine, Relu

ROOT = Path(__file__).resolve().parent.parent
BACKWARD = to_rgba(ORANGE)
PNG = b"\x89PNG\r\n\x1a\n"

# L is the sum of the scores, so that numbers are easy on paper.
SUM = Mine(lambda self, x, t: float(x.sum()), lambda self, dout: np.full((1, 2), dout))

NETWORK, BATCH = TwoLayerNet(6, 5, 4, rng=0), (np.ones((3, 6)), [0, 1, 2])
CHAINS = {  # name: (network, shape of x)
    "one sample": (TwoLayerNet(784, 50, 10, rng=0), (1, 784)),
    "many samples, images": (TwoLayerNet(784, 5, 10, dtype=np.float32, rng=0), (1000, 1, 28, 28)),
    "one layer": (chain(Affine1=affine(3, 10)), (4, 3)),
    "deep": (MultiLayerNet(20, [20] * 7, 10, "sigmoid", 0.1, rng=0), (30, 20)),
    "a reader's own": (
        chain(A=affine(6, 4), LeakyRelu2=LeakyRelu(), LeakyRelu3=LeakyRelu(-3.0), Z=affine(4, 10)),
        (7, 6),
    ),
    "a block": (
        chain(Block=held([affine(6, 5), Relu(), affine(5, 4)]), Relu=Relu(), Z=affine(4, 10)),
        (7, 6),
    ),
    "4 axes": (chain(LeakyRelu1=LeakyRelu(2.0), Relu2=Relu(), Z=affine(40, 10)), (6, 2, 4, 5)),
    "writes into dout": (chain(A=affine(6, 9), Relu2=relu_in_place(), Z=affine(9, 10)), (7, 6)),
}


def texts(figure):
    return [" ".join(text.get_text().split()) for text in figure.findobj(Text)]


def said(figure, name):
    """[(shape, number), ...] for each array of that name, in the order of the chain.

    A single number says no shape.
    """
    pattern = re.escape(name) + r" (\(.*?\)|(?==))[a-z =]*([-+.\de]+)"
    found = [re.match(pattern, s) for s in texts(figure)]
    return [(each[1] or "()", float(each[2])) for each in found if each]


def assert_says(figure, name, arrays):
    """Their shapes, and the means of |entry| to two digits; a single number as it is."""
    arrays = [np.asarray(array, float) for array in arrays]
    shapes, sizes = zip(*said(figure, name))
    assert shapes == tuple(str(array.shape) for array in arrays)
    expected = [np.abs(array).mean() if array.ndim else float(array) for array in arrays]
    np.testing.assert_allclose(sizes, expected, rtol=0.051)


@pytest.mark.parametrize("name", CHAINS)
def test_a_network_is_drawn_with_its_numbers(name):
    network, shape = CHAINS[name]
    x = np.random.default_rng(1).normal(size=shape).astype(network.dtype)
    t = np.arange(len(x)) % 10
    before, x_before = network.params.copy(), x.copy()
    figure = draw_network(network, x, t)

    for key, param in network.params.items():
        np.testing.assert_array_equal(param, before[key])
        assert_says(figure, key, [param])
        assert_says(figure, "d" + key, [network.gradient(x, t)[key]])
    np.testing.assert_array_equal(x, x_before)

    arrays = [x]
    for layer in network.layers.values():
        arrays.append(layer.forward(arrays[-1]))
    assert_says(figure, "x", arrays[:1])
    assert_says(figure, "scores", arrays[-1:])
    if len(arrays) > 2:
        assert_says(figure, "out", arrays[1:-1])
    loss = network.loss(x, t)
    [shown] = [float(text.removeprefix("L = ")) for text in texts(figure) if text[:4] == "L = "]
    assert shown == pytest.approx(loss, rel=5e-4)

    douts = [network.lastLayer.backward()]
    for layer in reversed(network.layers.values()):
        douts.insert(0, layer.backward(douts[0].copy()))
    assert_says(figure, "dx", douts[:1])
    assert_says(figure, "dout", [*douts[1:], 1])  # at last dL/dL
    bars = [bar.get_width() for bar in figure.findobj(Rectangle) if bar.get_fc() == BACKWARD]
    by_size = np.argsort([np.abs(dout).mean() for dout in douts])
    assert len(bars) == len(douts) and (np.diff(np.array(bars)[by_size]) > -1e-6).all()
    assert {*network.layers, "lastLayer"} <= {*texts(figure)}
    assert_apart(figure, figure.findobj(Text))
    wrapped = [text for text in texts(figure) if text.startswith(("from ", "to "))]
    assert bool(wrapped) == (len(network.layers) > 4)
    images = figure.findobj(AxesImage)
    assert len(images) >= len(arrays) + len(douts)
    for image in images:
        low, high = image.get_clim()
        assert low == -high < 0


def test_on_paper():
    # x = (1, 2), W = diag(3, -5): out = (3, -10), Relu gives (3, 0), their sum is L = 3.
    # Back: (1, 1); Relu leaves (1, 0); dx = (1, 0) W^T = (3, 0); dW = x^T (1, 0) = (1, 0; 2, 0).
    network = chain(Affine1=Affine(np.diag([3.0, -5.0]), np.zeros(2)), Relu1=Relu())
    network.lastLayer = SUM
    figure = draw_network(network, [[1, 2]], [0])
    assert {"Network, a batch of N = 1", "L = 3.000"} <= {*texts(figure)}
    shape = "(1, 2)"
    assert said(figure, "x") == [(shape, 1.5)] and said(figure, "dx") == [(shape, 1.5)]
    assert said(figure, "out") == [(shape, 6.5)] and said(figure, "scores") == [(shape, 1.5)]
    assert said(figure, "dout") == [(shape, 0.5), (shape, 1), ("()", 1)]
    assert said(figure, "dW1") == [("(2, 2)", 0.75)] and said(figure, "db1") == [("(2,)", 0.5)]
    tiles = [image.get_array().tolist() for image in figure.findobj(AxesImage)]  # nothing for 0
    for tile in ([[1, 2]], [[3, -10]], [[3, None]], [[1, None], [2, None]]):
        assert tile in tiles
    stopped = [text for text in texts(figure) if "50%" in text]
    assert sorted(text.split()[0] for text in stopped) == ["dout", "dx", "scores"]


def test_a_first_layer_may_return_no_dx():
    network = chain(A=Mine(backward=lambda self, dout: None), Z=affine(3, 10))
    figure = draw_network(network, np.ones((2, 3)), [0, 1])
    assert said(figure, "dx") == [] and len(said(figure, "dout")) == 3


def test_where_a_relu_stops_everything():
    affine1 = Affine(np.ones((3, 4)), np.full(4, -9.0))  # 3 - 9 = -6 for each unit
    figure = draw_network(chain(A=affine1, Relu=Relu(), Z=affine(4, 10)), np.ones((2, 3)), [0, 1])
    assert said(figure, "out") == [("(2, 4)", 6), ("(2, 4)", 0)]
    assert said(figure, "dout")[0] == ("(2, 4)", 0) and said(figure, "dx") == [("(2, 3)", 0)]
    assert sum("100%" in text for text in texts(figure)) == 4  # these three, and the scores
    assert figure._repr_png_()[:8] == PNG


# What stands in the picture: forward only so far, and backward only so far.
FORWARD = "x out out scores L"
STEPS = [
    ("upto", "Affine1", "x out"),
    ("upto", "Relu1", "x out out"),
    ("upto", "Affine2", "x out out scores"),
    ("upto", "lastLayer", FORWARD),
    ("downto", "lastLayer", FORWARD + 2 * " dout"),
    ("downto", "Affine2", FORWARD + 3 * " dout" + " dW2 db2"),
    ("downto", "Relu1", FORWARD + 4 * " dout" + " dW2 db2"),
    ("downto", "Affine1", FORWARD + 4 * " dout" + " dW2 db2 dx dW1 db1"),
]


def test_a_lecture_draws_it_step_by_step():
    whole = draw_network(NETWORK, *BATCH, columns=2)
    places = {(text.get_text(), text.get_position()) for text in whole.findobj(Text)}
    always = {"W1", "b1", "W2", "b2", "Affine1", "Relu1", "Affine2", "lastLayer", "t"}
    for word, name, expected in STEPS:
        figure = draw_network(NETWORK, *BATCH, columns=2, **{word: name})
        words = [text.split(" ")[0] for text in texts(figure)]
        numbers = [each for each in words if each in STEPS[-1][-1].split()]
        assert sorted(numbers) == sorted(expected.split()) and always <= {*words}, name
        # Slides that follow each other: nothing moves.
        assert {(text.get_text(), text.get_position()) for text in figure.findobj(Text)} <= places
        assert (figure.get_size_inches() == whole.get_size_inches()).all()
    assert {*texts(figure)} == {*texts(whole)}


def tick_labels(axis):
    """{place: label} of those that are in view."""
    low, high = axis.get_view_interval()
    ticks = {tick.get_loc(): tick.label1 for tick in axis.get_major_ticks()}
    return {place: label for place, label in ticks.items() if low <= place <= high}


def assert_apart(figure, artists):
    """No text lies on another or beyond the edge. A pixel may be shared.

    Returns [(text, left, low, right, high), ...] in pixels.
    """
    figure.draw_without_rendering()
    shown = [each for each in artists if each.get_visible() and each.get_text().strip()]
    boxes = [(each.get_text(), *each.get_window_extent().extents) for each in shown]
    width, height = figure.bbox.size
    for i, (text, left, low, right, high) in enumerate(boxes):
        assert left > -1 and low > -1 and right < width + 1 and high < height + 1, text
        for other, left2, low2, right2, high2 in boxes[:i]:
            across, up = min(right, right2) - max(left, left2), min(high, high2) - max(low, low2)
            assert min(across, up) < 1, (text, other)
    return boxes


@pytest.mark.parametrize("name, how", [
    ("one sample", {"columns": 2, "fontsize": 12}),
    ("4 axes", {"fontsize": 12}),
    ("deep", {"columns": 1}),
    ("deep", {"columns": 2, "fontsize": 12}),
    ("a reader's own", {"fontsize": 12}),
])  # fmt: skip
def test_texts_lie_apart_and_have_their_size_however_it_is_drawn(name, how):
    network, shape = CHAINS[name]
    figure = draw_network(network, np.ones(shape), np.arange(shape[0]) % 10, **how)
    assert_apart(figure, figure.findobj(Text))
    sizes = [text.get_size() for text in figure.axes[0].texts if text.get_text()]
    assert min(sizes) == how.get("fontsize", 8)
    # At 8 points a box is at most 1.8 inches wide, and the margins together are one more.
    assert figure.get_figwidth() <= 1.8 * (how.get("columns", 5) + 1) * min(sizes) / 8


def contrast(*colors):
    """Of two colours, by the Web Content Accessibility Guidelines 2.1."""
    rgb = np.array([to_rgb(color) for color in colors])
    light = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    low, high = sorted(light @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("style", ["default", "dark_background", "Solarize_Light2"])
def test_every_style_is_readable(style):
    network, x, t = TwoLayerNet(784, 5, 10, rng=0), np.ones((3, 784)), [0, 1, 2]
    with matplotlib.style.context(style):
        pictures = [
            draw_network(network, x, t),
            draw_history(History(5, [2.5, 2.0] * 100, [0.1, 0.5], [0.3, 0.4])),
            draw_digits(x, t),
        ]
    least = 3 if style == "Solarize_Light2" else 4.5  # which has large text only
    for figure in pictures:
        for text in figure.findobj(Text):
            if text.get_text():
                assert contrast(text.get_color(), figure.get_facecolor()) >= least, text
    lines = [line for ax in pictures[1].axes for line in ax.lines]
    for line in lines:
        if line.get_label() != "each batch":
            assert contrast(line.get_color(), line.axes.get_facecolor()) >= 3, line


@pytest.mark.parametrize("shape", [(28, 28), (64,), (1, 1, 1)])
def test_digits_stand_below_their_titles(shape):
    images = np.random.default_rng(0).random((12, *shape))
    side = math.isqrt(images[0].size)
    figure = draw_digits(images, range(12), columns=5)
    [image] = figure.findobj(AxesImage)
    sheet = image.get_array().filled(np.nan)
    assert np.count_nonzero(~np.isnan(sheet)) == images.size
    assert len(figure.axes[0].texts) == 12
    for title in figure.axes[0].texts:
        x, y = title.get_position()
        digit = images[int(title.get_text())].reshape(side, side)
        [row, column] = np.argwhere(sheet == digit[0, 0])[0]  # of its upper left corner
        np.testing.assert_array_equal(sheet[row:, column:][:side, :side], digit)
        assert x == column + (side - 1) / 2  # above its middle
        assert row - side - 1 < y < row


ONE_HOT = np.eye(10)[[7, 2]]
X = np.random.default_rng(0).random((2, 784))


@pytest.mark.parametrize("images, titles, expected", [
    (X[0], np.uint8(7), ["7"]),
    (X[0].reshape(28, 28), "seven", ["seven"]),
    (X[0].reshape(28, 28), None, []),
    (X[0].reshape(1, 28, 28), [7], ["7"]),
    (X[0], ONE_HOT[0], ["7"]),
    (X, ONE_HOT, ["7", "2"]),
    (X, np.array([[7], [2]]), ["7", "2"]),
    (X, (f"{k}?" for k in range(2)), ["0?", "1?"]),
    (X[:, :64], None, []),
    (X[0, :256].reshape(16, 16), 3, ["3"]),  # one picture, as there is one title
    (X[0, :256].reshape(16, 16), range(16), [str(k) for k in range(16)]),  # 16 of 4 x 4
    ([[0, 1], [1, 0]], None, []),
])  # fmt: skip
def test_titles_are_optional_and_one_digit_needs_no_list(images, titles, expected):
    figure = draw_digits(images, titles)
    assert [text for text in texts(figure.axes[0]) if text] == expected
    [image] = figure.findobj(AxesImage)
    sheet = image.get_array().filled(np.nan)
    assert sorted(sheet[~np.isnan(sheet)]) == sorted(np.ravel(images))


@pytest.mark.parametrize("weights", [np.linspace(-1, 3, 3 * 784), np.zeros(3 * 784)])
def test_weights_have_a_colour_bar_that_is_white_at_0(weights):
    figure = draw_digits(weights.reshape(3, 784), list("abc"), label="weight in W1")
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high < 0
    assert figure.axes[1].get_ylabel() == "weight in W1"
    assert figure._repr_png_()[:8] == PNG


REFUSED = [
    lambda: draw_digits(np.zeros((2, 783))),
    lambda: draw_digits(np.zeros((0, 784))),
    lambda: draw_digits(np.zeros((2, 14, 56))),
    lambda: draw_digits(np.zeros((2, 4, 14, 14))),
    lambda: draw_digits(0.0),
    lambda: draw_digits(X, ["1", "2", "3"]),
    lambda: draw_digits(X[0], ["1", "2"]),
    lambda: draw_digits(X, "one"),
    lambda: draw_digits(X, columns=0),
    lambda: draw_network(NETWORK, np.ones((3, 5)), [0, 1, 2]),
    lambda: draw_network(NETWORK, *BATCH, upto="Relu3"),
    lambda: draw_network(NETWORK, *BATCH, downto=0),
    lambda: draw_network(NETWORK, *BATCH, upto="Relu1", downto="Relu1"),
    lambda: draw_network(NETWORK, *BATCH, columns=0),
    lambda: draw_history(History(5, [])),
]


@pytest.mark.parametrize("k", range(len(REFUSED)))
def test_what_can_not_be_drawn(k):
    with pytest.raises(ValueError):
        REFUSED[k]()


@pytest.mark.parametrize("size", [6, 28])
def test_titles_lie_apart_in_any_font(size):
    with matplotlib.rc_context({"font.size": size}):
        figure = draw_digits(np.zeros((20, 784)), [f"{k} → 3\nread" for k in range(20)])
        [ax] = figure.axes
        titles = assert_apart(figure, ax.texts)
    sheet = ax.images[0].get_array()  # masked where nothing is drawn
    for text, *corners in titles:
        (left, low), (right, high) = ax.transData.inverted().transform(np.reshape(corners, (2, 2)))
        rows, columns = slice(max(0, round(high)), round(low)), slice(round(left), round(right))
        assert sheet[rows, columns].count() == 0, text  # a title lies on no digit


def test_digits_and_histories_are_drawn_in_axes_of_a_readers_own():
    mine = matplotlib.figure.Figure()
    axes = mine.subplots(1, 3)
    assert draw_digits(X, [1, 2], ax=axes[0]) is mine
    assert draw_history(History(5, [2, 1], [0.5], [0.5]), ax=axes[1:]) is mine
    assert len(axes[0].images) == 1 and len(axes[1].lines) == 1 and len(axes[2].lines) == 2
    assert draw_history(History(5, [3, 1], [0.5], [0.5]), ax=axes[1]) is mine  # the loss only
    assert len(axes[1].lines) == 2 and len(axes[2].lines) == 2


@pytest.mark.parametrize("loss, train_acc, test_acc", [
    ([2.5], [0.1], []),
    ([2.5, 0.0, 1.0], [0.1, 0.2], [0.3]),
    ([2.0] * 500 + [1.0] * 500, [0.1] + [0.9] * 9, [0.2] + [0.89] * 9),
])  # fmt: skip
def test_a_history(loss, train_acc, test_acc):
    figure = draw_history(History(5, loss, train_acc, test_acc))
    left, right = figure.axes
    assert [list(line.get_ydata()) for line in right.lines] == [train_acc, test_acc]
    legend = [text.get_text() for text in right.get_legend().get_texts()]
    assert legend == ["training", "test"]
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "accuracy")
    each, *mean = left.lines
    assert list(each.get_ydata()) == loss
    assert list(each.get_xdata()) == list(range(1, len(loss) + 1))
    for line in mean:  # each mean of 100 stands at the middle of its window, of 1 to 100 at first
        assert line.get_xdata()[[0, -1]] == pytest.approx([50.5, len(loss) - 49.5])
        assert line.get_ydata()[[0, 450, -1]] == pytest.approx([2, 1.5, 1])
    assert len(mean) == (len(loss) == 1000)


def test_the_end_is_the_last_point_of_the_accuracies():
    # 5 updates an epoch: after updates 1, 6 and, at the end, 8. 8 / 5 = 1.6 epochs.
    figure = draw_history(History(5, [2, 1] * 4, [0.1, 0.6], [0.2, 0.5], (0.9, 0.8)))
    train, test = figure.axes[1].lines
    legend = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert legend == ["training 0.9000", "test 0.8000"]
    np.testing.assert_allclose(train.get_xydata(), [[0.2, 0.1], [1.2, 0.6], [1.6, 0.9]])
    np.testing.assert_allclose(test.get_xydata(), [[0.2, 0.2], [1.2, 0.5], [1.6, 0.8]])
    low, high = figure.axes[1].get_ylim()  # a training of one epoch doesn't look like failure
    assert -0.1 < low <= 0 and 1 <= high < 1.1


LINEAR = [2.3, 2.2, 2.1], [2.3, 0.4, 0.0], np.linspace(2, -3, 50), 1e6 + np.arange(9.0)
LOG = [2.3, 0.5, 0.05], [1e-7, 1e3]


@pytest.mark.parametrize("loss", [*LINEAR, *LOG])
def test_a_loss_of_any_kind_has_plain_numbers_at_its_axis(loss):
    figure = draw_history(History(5, list(loss)))
    [ax] = figure.axes  # there are no accuracies
    assert ax.get_yscale() == ("log" if any(loss is each for each in LOG) else "linear")
    figure.draw_without_rendering()
    labels = {place: label.get_text() for place, label in tick_labels(ax.yaxis).items()}
    shown = {place: text.replace("\N{MINUS SIGN}", "-") for place, text in labels.items() if text}
    assert len(shown) >= 2
    for place, text in shown.items():
        assert float(text) == pytest.approx(place, rel=1e-9, abs=1e-12)
    assert ax.yaxis.get_offset_text().get_text() == ""
    low, high = ax.get_ylim()
    assert low <= min(loss) and max(loss) <= high


LEARNT = [0.1] + [0.9 + 0.005 * k for k in range(9)]


@pytest.mark.parametrize("train, apart, start", [
    (LEARNT, 0.01, 1),
    (LEARNT[:4], 0, 1),  # as soon as the curves coincide
    (LEARNT[:3], 0, None),  # two points
    ([0.1, 0.4, 0.7, 0.8, *LEARNT[1:]], 0, 3),
    ([0.11, 0.1, 0.12, 0.11], 0.01, 0),  # nothing learnt
    (LEARNT, 0.1, None),  # well apart
    ([0.1135] * 6, 0, None),  # nothing to see
])  # fmt: skip
def test_where_curves_coincide_they_are_drawn_larger(train, apart, start):
    test = [a - apart for a in train]
    figure = draw_history(History(5, [2.0] * 5 * len(train), train, test))
    ax = figure.axes[1]
    assert len(ax.child_axes) == (start is not None)
    for inset in ax.child_axes:
        drawn = [list(line.get_ydata()) for line in inset.lines]
        assert drawn == [train[start:], test[start:]] and inset.get_title()
        figure.draw_without_rendering()
        area, outer = inset.get_tightbbox(), ax.get_window_extent()  # with its numbers
        points = ax.transData.transform(np.concatenate([x.get_xydata() for x in ax.lines]))
        assert not any(area.contains(*point) for point in points)
        assert outer.x0 <= area.x0 and outer.y0 <= area.y0
        assert area.x1 <= outer.x1 and area.y1 <= outer.y1


@pytest.mark.parametrize("size", [6, 14, 24])
def test_a_legend_covers_nothing_in_any_font(size):
    with matplotlib.rc_context({"font.size": size}):
        losses = list(np.geomspace(2.3, 0.01, 700))
        figure = draw_history(History(5, losses, LEARNT, LEARNT))
        for _ in range(2):  # ticks depend on the layout, which depends on ticks
            figure.draw_without_rendering()
        words = []
        for ax in figure.axes:
            x, y, legend = tick_labels(ax.xaxis), tick_labels(ax.yaxis), ax.get_legend()
            assert len(x) >= 2 and len(y) >= 2
            words += [*x.values(), *y.values(), *legend.get_texts(), ax.xaxis.label, ax.yaxis.label]
            axes = ax.get_window_extent()
            assert not legend.get_window_extent().overlaps(axes)
            assert axes.width > 0.2 * figure.bbox.width and axes.height > 0.4 * figure.bbox.height
        assert_apart(figure, words)


DIGIT = "from ch05.pictures import draw_digits\nfigure = draw_digits([0.0] * 64)\n"
PLT = "import matplotlib.pyplot as plt\n"
NO = "RuntimeError: expected a screen"


def run(code, **environment):
    """What a process without a screen prints, in lines; of an error, the last line."""
    environment = {**os.environ, "PYTHONWARNINGS": "error::RuntimeWarning", **environment}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(name, None)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return (done.stdout + "\n".join(done.stderr.splitlines()[-1:])).splitlines()


NEEDS_SCREEN = pytest.mark.skipif(sys.platform != "linux", reason="there is always a screen")
AGG = f"""
import io, threading
import matplotlib.pyplot as plt
plt.figure("a reader's own")
for _ in range(30):
    {"; ".join(DIGIT.splitlines())}
print(plt.gcf() is figure, plt.get_figlabels() == ["a reader's own", ""])
here, there = io.BytesIO(), io.BytesIO()
figure.savefig(here, format="raw")
plt.savefig(there, format="raw")
print(there.getvalue() == here.getvalue())
plt.close("all")
thread = threading.Thread(target=draw_digits, args=([0.0] * 64,))  # leaves pyplot alone
thread.start()
thread.join()
print(plt.get_fignums())
"""


@pytest.mark.parametrize("backend, code, printed", [
    ("agg", DIGIT + "import sys; print('matplotlib.pyplot' in sys.modules)", ["False", NO]),
    ("agg", AGG + DIGIT, ["True True", "True", "[]", NO]),
    pytest.param("tkagg", PLT + DIGIT, [NO], marks=NEEDS_SCREEN),
    ("module://window", DIGIT + "figure.show()", 2 * ["windows: 1"]),
    ("module://window", PLT + DIGIT + "plt.show()", 2 * ["windows: 1"]),
    ("module://window", PLT + "plt.figure()\n" + 2 * DIGIT, ["windows: 0 1 1"]),
])  # fmt: skip
def test_a_picture_needs_no_pyplot_and_a_window_a_screen(backend, code, printed, tmp_path):
    (tmp_path / "window.py").write_text(WINDOW)
    code += "\nfigure._repr_png_()\nfigure.show()"
    *came, last = run(code, MPLBACKEND=backend, PYTHONPATH=str(tmp_path))
    assert came == printed[:-1] and last.startswith(printed[-1])
