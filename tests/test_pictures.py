"""Pictures show the numbers of what they draw, for any chain, and need no screen."""

import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from ch05.multi_layer_net import MultiLayerNet
from ch05.figures import ORANGE
from ch05.pictures import draw_digits, draw_history, draw_network
from ch05.two_layer_net import TwoLayerNet
from common.layers import Affine, Relu, SoftmaxWithLoss
from common.network import Network

ROOT = Path(__file__).resolve().parent.parent
BACKWARD = to_rgba(ORANGE)
PNG = b"\x89PNG\r\n\x1a\n"


class SumLoss:
    """L is the sum of the scores, so that numbers are easy on paper."""

    def forward(self, x, t):
        self.shape = x.shape
        return float(x.sum())

    def backward(self, dout=1):
        return dout * np.ones(self.shape)


class Scale:
    """A reader's own layer, with one number to learn; it takes any shape."""

    def __init__(self, a):
        self.a, self.da = np.array(a), None

    def forward(self, x):
        self.x = x
        return self.a * x

    def backward(self, dout):
        self.da = np.sum(dout * self.x)
        return self.a * dout


class ReluInPlace(Relu):
    """Writes the zeros into the dout it was given, as the book's Relu does."""

    def backward(self, dout):
        dout[self.out <= 0] = 0
        return dout


class NoDx(Affine):
    def backward(self, dout):
        super().backward(dout)


def chain(*layers, last=None):
    named = OrderedDict((f"{type(layer).__name__}{i}", layer) for i, layer in enumerate(layers, 1))
    return Network(named, last or SoftmaxWithLoss())


def affine(D, M, dtype=np.float64):
    return Affine.random(D, M, "he", dtype=dtype, rng=0)


CHAINS = {  # name: (network, shape of x)
    "the chapter's": (TwoLayerNet(784, 50, 10, rng=0), (100, 784)),
    "one sample": (TwoLayerNet(784, 50, 10, rng=0), (1, 784)),
    "many samples, images": (TwoLayerNet(784, 5, 10, dtype=np.float32, rng=0), (1000, 1, 28, 28)),
    "one layer": (chain(affine(3, 10)), (4, 3)),
    "11 layers": (MultiLayerNet(9, [8, 7, 6, 5, 4], 10, rng=0, dtype=np.float32), (12, 9)),
    "deep": (MultiLayerNet(20, [20] * 7, 10, "sigmoid", 0.1, rng=0), (30, 20)),
    "a reader's own": (chain(affine(6, 4), Scale(0.25), Scale(-3.0), affine(4, 10)), (7, 6)),
    "4 axes": (chain(Scale(2.0), Relu(), affine(40, 10)), (6, 2, 4, 5)),
    "writes into dout": (chain(affine(6, 9), ReluInPlace(), affine(9, 10)), (7, 6)),
}


def texts(figure):
    return [" ".join(text.get_text().split()) for text in figure.findobj(Text)]


def said(figure, name):
    """[(shape, number), ...] for each array of that name, in the order of the chain."""
    found = [re.match(re.escape(name) + r" (\(.*?\))[a-z =]*([-+.\de]+)", s) for s in texts(figure)]
    return [(each[1], float(each[2])) for each in found if each]


def assert_says(figure, name, arrays):
    """Their shapes, and the means of |entry| to two digits; a single number as it is."""
    arrays = [np.asarray(array, float) for array in arrays]
    shapes, sizes = zip(*said(figure, name))
    assert shapes == tuple(str(array.shape) for array in arrays)
    expected = [np.abs(array).mean() if array.ndim else float(array) for array in arrays]
    np.testing.assert_allclose(sizes, expected, rtol=0.051)


def assert_is_shown(figure):
    assert figure._repr_png_()[:8] == PNG


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
    assert_says(figure, "dout", douts[1:])
    assert "dout = 1" in texts(figure)
    bars = [bar.get_width() for bar in figure.findobj(Rectangle) if bar.get_fc() == BACKWARD]
    by_size = np.argsort([np.abs(dout).mean() for dout in douts])
    assert len(bars) == len(douts) and (np.diff(np.array(bars)[by_size]) > -1e-6).all()
    assert {*network.layers, "lastLayer"} <= {*texts(figure)}
    wrapped = [text for text in texts(figure) if text.startswith(("from ", "to "))]
    assert bool(wrapped) == (len(network.layers) > 4)
    for image in figure.findobj(AxesImage):
        low, high = image.get_clim()
        assert low == -high < 0
    assert_is_shown(figure)


def test_on_paper():
    # x = (1, 2), W = diag(3, -5): out = (3, -10), Relu gives (3, 0), their sum is L = 3.
    # Back: (1, 1); Relu leaves (1, 0); dx = (1, 0) W^T = (3, 0); dW = x^T (1, 0) = (1, 0; 2, 0).
    network = chain(Affine(np.diag([3.0, -5.0]), np.zeros(2)), Relu(), last=SumLoss())
    figure = draw_network(network, [[1, 2]], [0])
    assert "L = 3.000" in texts(figure)
    shape = "(1, 2)"
    assert said(figure, "x") == [(shape, 1.5)] and said(figure, "dx") == [(shape, 1.5)]
    assert said(figure, "out") == [(shape, 6.5)] and said(figure, "scores") == [(shape, 1.5)]
    assert said(figure, "dout") == [(shape, 0.5), (shape, 1)]
    assert said(figure, "dW1") == [("(2, 2)", 0.75)] and said(figure, "db1") == [("(2,)", 0.5)]
    stopped = [text for text in texts(figure) if "50%" in text]
    assert sorted(text.split()[0] for text in stopped) == ["dout", "dx", "scores"]


def test_a_first_layer_may_return_no_dx():
    network = chain(NoDx(np.ones((3, 4)), np.zeros(4)), affine(4, 10))
    figure = draw_network(network, np.ones((2, 3)), [0, 1])
    assert said(figure, "dx") == [] and said(figure, "dout") != []
    assert_says(figure, "dW1", [network.gradient(np.ones((2, 3)), [0, 1])["W1"]])


def test_where_a_relu_stops_everything_and_a_parameter_is_empty():
    affine1 = Affine(np.ones((3, 4)), np.full(4, -9.0))  # 3 - 9 = -6 for each unit
    affine1.empty, affine1.dempty = np.zeros((0, 5)), np.zeros((0, 5))
    figure = draw_network(chain(affine1, Relu(), affine(4, 10)), np.ones((2, 3)), [0, 1])
    assert said(figure, "out") == [("(2, 4)", 6), ("(2, 4)", 0)]
    assert said(figure, "dout")[0] == ("(2, 4)", 0) and said(figure, "dx") == [("(2, 3)", 0)]
    assert sum("100%" in text for text in texts(figure)) == 4  # these three, and the scores
    assert said(figure, "empty1") == said(figure, "dempty1") == [("(0, 5)", 0)]
    assert_is_shown(figure)


def test_a_batch_that_does_not_fit_is_refused_by_the_layer():
    with pytest.raises(ValueError, match="Affine1"):
        draw_network(TwoLayerNet(784, 5, 10, rng=0), np.ones((3, 100)), [0, 1, 2])


def test_digits_stand_below_their_titles():
    images = np.random.default_rng(0).random((12, 784))
    for shape in ((12, 784), (12, 28, 28), (12, 1, 28, 28)):
        figure = draw_digits(images.reshape(shape), range(12), columns=5)
        [image] = figure.findobj(AxesImage)
        sheet = image.get_array().filled(np.nan)
        assert np.count_nonzero(~np.isnan(sheet)) == images.size
        for title in figure.axes[0].texts:
            x, y = map(int, title.get_position())
            digit = images[int(title.get_text())].reshape(28, 28)
            np.testing.assert_array_equal(sheet[y + 2 : y + 30, x - 14 : x + 14], digit)
    assert len(figure.axes[0].texts) == 12
    assert_is_shown(figure)


@pytest.mark.parametrize("weights", [np.linspace(-1, 3, 3 * 784), np.zeros(3 * 784)])
def test_weights_have_a_colour_bar_that_is_white_at_0(weights):
    figure = draw_digits(weights.reshape(3, 784), "abc", label="weight in W1")
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high < 0
    assert figure.axes[1].get_ylabel() == "weight in W1"
    assert_is_shown(figure)


@pytest.mark.parametrize(
    "shape, titles", [((2, 783), 2), ((2, 784), 3), ((0, 784), 0), ((784,), 1)]
)
def test_digits_that_are_none(shape, titles):
    with pytest.raises(ValueError):
        draw_digits(np.zeros(shape), range(titles))


def history(loss, train_acc=(), test_acc=()):
    return SimpleNamespace(
        train_loss_list=loss, train_acc_list=train_acc, test_acc_list=test_acc, iter_per_epoch=5
    )


@pytest.mark.parametrize(
    "loss, train_acc, test_acc",
    [
        ([2.5], [], []),
        ([2.5, 0.0, 1.0], [0.1, 0.2], [0.3]),
        ([0.0, 0.0], [], [0.5]),
        ([2.0] * 100 + [1.0] * 100, [0.1] + [0.9] * 9, [0.2] + [0.85] * 9),
    ],
)
def test_a_history(loss, train_acc, test_acc):
    figure = draw_history(history(loss, train_acc, test_acc))
    left, right = figure.axes
    assert [list(line.get_ydata()) for line in right.lines] == [train_acc, test_acc]
    legend = [text.get_text().split()[0] for text in right.get_legend().get_texts()]
    assert legend == ["training", "test"]
    each, mean = left.lines
    assert list(each.get_ydata()) == loss
    window = min(100, len(loss))  # each mean stands at the middle of its window
    assert mean.get_xdata()[0] == (window - 1) / 2
    assert mean.get_ydata()[[0, -1]] == pytest.approx([np.mean(loss[:100]), np.mean(loss[-100:])])
    zoomed = [list(line.get_ydata()) for inset in right.child_axes for line in inset.lines]
    assert zoomed == ([train_acc[1:], test_acc[1:]] if len(train_acc) == 10 else [])
    assert_is_shown(figure)


def test_a_history_of_nothing_is_refused():
    with pytest.raises(ValueError):
        draw_history(history([]))


def test_no_picture_needs_pyplot():
    code = """
import sys
from ch05.pictures import draw_network
from ch05.two_layer_net import TwoLayerNet
draw_network(TwoLayerNet(4, 3, 2), [[1, 2, 3, 4]], [0])._repr_png_()
print("matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
