"""Nothing gives a silent wrong answer: mistakes of beginners, and the sentence that answers each.

A row says what was done, as a line in a notebook or as options in a terminal, which error comes,
and what it says: what was expected, what came, and, where it can be known, how to mend it. What
stands before the last semicolon of a row is no mistake yet. The table WORKS holds what looks like a
mistake and simply works, with the value worked by hand.
"""

import inspect
import warnings

import numpy as np
import pytest

from ch05 import gradient_check, train_neuralnet
from ch05.two_layer_net import TwoLayerNet
from common.layers import Affine, Relu, SoftmaxWithLoss
from common.network import Network


class Column:
    """A column of a table, as pandas has them: an array comes out, but counting along it fails."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, place):
        raise KeyError(place)


class Textbooks:
    """A layer as the textbook has it."""

    def __init__(self):
        self.W, self.x, self.dW = np.eye(3), None, None

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class SquaredError:
    """A loss of one's own, which doesn't look at shapes."""

    def forward(self, x, t):
        self.difference = x - t
        return np.mean(self.difference**2)

    def backward(self, dout=1):
        return dout * 2 * self.difference / self.difference.size


class Ones:
    """A class of one's own: loss = sum(x W), whose gradient is a column of sums in each column."""

    def __init__(self, factor=1):
        self.params, self.factor = {"W": np.eye(3)}, factor

    def loss(self, x, t):
        return float(np.sum(x @ self.params["W"]))

    def gradient(self, x, t):
        return {"W": self.factor * np.repeat(x.sum(axis=0)[:, np.newaxis], 3, axis=1)}


class Book(Network):
    """With the textbook's __init__, which fills an empty OrderedDict."""

    def __init__(self, params=False, layers=True, lastLayer=True):
        if params:
            self.params = {}
            self.params["W1"] = np.eye(3)
        self.layers = {}
        if layers:
            self.layers["Affine1"] = Affine(np.eye(3), np.zeros(3))
            self.layers["Relu1"] = Relu()
            self.layers["Affine2"] = Affine(np.eye(3), np.array([0.0, 1, 0]))
        if lastLayer:
            self.lastLayer = SoftmaxWithLoss()


class Early(TwoLayerNet):
    """With an attribute of its own before the rest, as in the book."""

    def __init__(self):
        self.hidden1 = 4
        super().__init__(3, self.hidden1, 3, 0)


def mine(base=object, **methods):
    """A layer, of a class Mine with these methods."""
    return type("Mine", (base,), methods)()


# The cells above the mistake. The network's scores are x + (0, 1, 0), which is easy to foretell;
# of the last sample they say class 0, where t says 1. The scores of `line` are sums of three.
CELLS = """
import copy
import pickle
import numpy as np
from collections import OrderedDict
from PIL import Image
from ch05.multi_layer_net import MultiLayerNet
from ch05.train_neuralnet import History, train
from ch05.two_layer_net import TwoLayerNet
from common.check import check_gradient, check_layer
from common.functions import cross_entropy_error, log_softmax, sigmoid, softmax
from common.gradient import numerical_gradient
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network
from dataset.mnist import load_mnist

net = TwoLayerNet(3, 3, 3, rng=0)
net.params = {"W1": np.eye(3), "b1": [0, 0, 0], "W2": np.eye(3), "b2": [0, 1, 0]}
Affine1 = net.layers["Affine1"]
line = Network(OrderedDict(Affine1=Affine(np.ones((3, 1)), [0])), SquaredError())
deep = MultiLayerNet(3, [3] * 20, 3, rng=0)
reader = TwoLayerNet(784, 5, 10, rng=0)
x = np.tile([[3.0, 0, 0], [0, 3, 0], [0, 0, 3], [3, 0, 0]], (times, 1))
t = np.tile([0, 1, 2, 1], times)
rows = np.eye(3)[t]
digits = x, t
"""
OURS = [Column, Textbooks, SquaredError, Ones, Book, Early, mine]


def notebook(times=1):
    cells = {each.__name__: each for each in OURS} | {"times": times}
    exec(CELLS, cells)
    return cells


F32 = "TwoLayerNet(3, 3, 3, dtype=np.float32, rng=0)"
AFFINE = "Affine(np.eye(3), np.zeros(3))"
NUMBERS = "expected an array of real numbers, got"
CLASSES = "expected class numbers 0 to 2, got"
LABELS = "expected t of shape (4,) for class numbers or (4, 3) for rows, got"
OUTPUTS = "expected an output for each class, two or more, got a network with 1 output"
ROWS = "expected rows of t to be one-hot or probabilities, got other numbers"
PIXELS = "Affine1: expected x of shape (N, 784), got"
PHOTO = "for a picture pass from_photo(x) of dataset/photo.py"
COUNT = "as a whole number from 1 up, got"
OWN = "; leave self.params out, since a layer brings its own parameters"
ENOUGH = "; adding a layer adds its parameters, and the number counts the layers that learn"
ONE = "one number in float64, got"
NPZ = "expected a .npz file"

MISTAKES = [
    # Labels
    ("net.loss(x, t + 1)", ValueError,
     f"lastLayer: {CLASSES} 3; the network has 3 outputs, and the first class is 0"),
    ("net.gradient(x, t - 1)", ValueError, f"lastLayer: {CLASSES} -1; the"),
    ("net.accuracy(x, t + 1)", ValueError, f"{CLASSES} 3; the network"),
    ("net.loss(x, t / 2)", ValueError, f"{CLASSES} 0.5"),
    ("net.loss(x, np.where(t == 2, np.nan, t))", ValueError, f"{CLASSES} nan"),
    ("net.loss(x, np.random.rand(len(x)))", ValueError, f"{CLASSES} 0."),
    ("net.accuracy(x, t.reshape(2, 2))", ValueError, f"{LABELS} (2, 2); pass t.ravel()"),
    ("net.loss(x, rows.T)", ValueError, f"lastLayer: {LABELS} (3, 4)"),
    ("net.gradient(x, t[:-1])", ValueError, f"lastLayer: {LABELS} (3,)"),
    ("net.loss(x[:1], t[0])", ValueError, "shape (1,)", "got one number"),
    ("net.loss(x, np.random.rand(*x.shape))", ValueError,
     f"lastLayer: {ROWS}; to make rows sum to 1, pass t / t.sum(axis=1, keepdims=True)"),
    ("net.gradient(x, 2 * rows)", ValueError, ROWS),
    ("net.accuracy(x, net.predict(x))", ValueError, ROWS),
    ("net.loss(x, t.astype(str))", TypeError,
     "lastLayer: expected labels t as numbers, got words; names become numbers by "
     "np.unique(t, return_inverse=True)[1]"),
    ("net.accuracy(x, [None] + t.tolist()[1:])", TypeError, "labels t as numbers, got dtype obj"),
    ("net.loss(x, np.array(['a', 'b', 'c'], object)[t])", TypeError, "got words; names become"),
    ("net.loss(x, t * 1j)", TypeError, "got dtype complex128"),
    ("net.loss(x, None)", TypeError, "expected labels t as numbers, got NoneType"),
    ("two = TwoLayerNet(3, 4, 1); two.loss(x, t > 0)", ValueError,
     f"lastLayer: {OUTPUTS}; for targets that are no classes write a last layer of your own"),
    ("two = TwoLayerNet(3, 4, 1); two.gradient(x, t[:, None] // 2)", ValueError, OUTPUTS),
    ("two = TwoLayerNet(3, 4, 1); two.accuracy(x[t == 0], t[t == 0])", ValueError, OUTPUTS),
    ("two = TwoLayerNet(3, 4, 1); two.accuracy(x, rows[:, :2])", ValueError, OUTPUTS),
    ("two = TwoLayerNet(3, 4, 2); two.loss(x, 2 * (t > 0) - 1)", ValueError,
     "expected class numbers 0 to 1, got -1; the network has 2 outputs"),
    # Samples
    ("net.predict(x[0])", ValueError,
     "Affine1: expected x of shape (N, 3), got (3,); for a single sample pass x.reshape(1, -1)"),
    ("net.predict(x[:, :2])", ValueError, "(N, 3), got (4, 2)"),
    ("net.loss(t, x)", ValueError,
     "Affine1: expected x of shape (N, 3), got (4,); are x and t swapped?"),
    ("net.loss(x[:0], t[:0])", ValueError, "of one sample or more, got (0, 3)"),
    ("net.accuracy([], [])", ValueError, "at least one", "an empty batch"),
    ("net.loss(np.where(x > 0, np.nan, x), t)", ValueError,
     "expected finite numbers in x, got nan at x[0, 0]"),
    ("big = np.ones((1500, 3)); big[1200, 1] = -np.inf; net.accuracy(big, np.zeros(1500))",
     ValueError, "got -inf at x[1200, 1]"),
    ("net.predict(x.astype(object))", TypeError,
     f"{NUMBERS} dtype object; convert it with np.array(..., float)"),
    ("net.accuracy(x.astype(str), t)", TypeError, f"{NUMBERS} dtype <U"),
    ("net.predict('digit.png')", TypeError, f"{NUMBERS} str"),
    ("net.predict(row for row in x)", TypeError, "got generator"),
    ("TwoLayerNet(1, 10, 1).predict(np.linspace(-5, 5, 10))", ValueError,
     "expected x of shape (N, 1), got (10,); for N samples of one input each pass "
     "x.reshape(-1, 1)"),
    # A picture of one's own
    ("reader.predict(np.zeros((28, 28)))", ValueError,
     f"{PIXELS} (28, 28); for a single sample pass x.reshape(1, -1), or",
     "from_photo(x) of dataset/photo.py for dark ink on white"),
    ("reader.accuracy(Image.new('L', (28, 28)), [3])", ValueError, "(1, -1), or from_photo(x)"),
    ("reader.predict(np.zeros((28, 28, 1)))", ValueError, "(28, 28, 1); for a single sample"),
    ("reader.predict(np.zeros((28, 28, 3), 'u1'))", ValueError, f"{PIXELS} (28, 28, 3); {PHOTO}"),
    ("reader.loss(np.zeros((5, 28, 28, 3)), [0] * 5)", ValueError, "got (5, 28, 28, 3);", PHOTO),
    ("reader.predict(Image.new('L', (100, 80)))", ValueError, f"{PIXELS} (80, 100); {PHOTO}"),
    ("reader.predict(np.zeros((784, 3)))", ValueError, f"{PIXELS} (784, 3); samples are rows"),
    ("reader.predict(5)", ValueError, f"{PIXELS} one number"),
    # Parameters
    ("net.params['w1']", KeyError,
     "expected one of ['W1', 'b1', 'W2', 'b2'], got 'w1'; did you mean 'W1'?"),
    ("net.params['W']", KeyError, "got 'W'; did you mean 'W2'?"),
    ("net.params[0]", KeyError, f"got 0{ENOUGH}"),
    ("net.params['gamma'] = np.eye(3)", KeyError, f"got 'gamma'{ENOUGH}"),
    ("deep.params['Affine']", KeyError, "'W3', 'b3', ", "..., got 'Affine'"),
    ("net.params['W1'] = 0", ValueError, "params['W1']: expected shape (3, 3), got ()"),
    ("wide = TwoLayerNet(3, 5, 2); wide.params['W1'] = np.ones((5, 3))", ValueError,
     "params['W1']: expected shape (3, 5), got (5, 3); pass its .T"),
    ("net.params['W1'] = 'W1'", TypeError,
     "expected params['W1'] as an array of real numbers, got str"),
    ("net.params['W1'] = np.full((3, 3), None)", TypeError, "got dtype object"),
    (f"single = {F32}; single.params['b1'] = [1e300, 0, 0]", ValueError, "got nan or inf"),
    ("net.params['W1'] = np.eye(3) * np.nan", ValueError,
     "params['W1']: expected finite numbers, got nan or inf", "a smaller learning rate"),
    ("del net.params['W1']", TypeError,
     "expected params to keep its keys, got a removal; to remove a parameter, remove its layer"),
    ("net.params.clear()", TypeError, "got a removal"),
    ("net.params.pop('W1')", TypeError, "got a removal"),
    ("net.params.pop('W3', None)", TypeError, "got a removal"),
    ("net.params.popitem()", TypeError, "got a removal"),
    ("net.params.setdefault('W3', x)", KeyError, "got 'W3'"),
    ("net.params[None]", KeyError, "got None"),
    ("net.params.update(W1=x[:3], b2=[1, 2])", ValueError,
     "params['b2']: expected shape (3,), got (2,)"),
    ("net.params.update(W1=x[:3], B1=[1, 2, 3])", KeyError, "'B1'"),
    ("old = net.params; Affine1.W = np.ones((3, 3)); old['W1'] -= np.eye(3)", RuntimeError,
     "params['W1']: expected the array that its layer has now, got an older one; read "
     "network.params again"),
    ("net.params = {'W1': np.eye(3)}", ValueError,
     "as a dict with the keys ['W1', 'b1', 'W2', 'b2'], got ['W1']; to set some, call "
     "params.update"),
    ("net.params = [1, 2, 3, 4]", ValueError, "['W1', 'b1', 'W2', 'b2'], got list"),
    ("net.W1 = np.eye(3)", AttributeError,
     "expected network.params['W1'] = ..., got network.W1 = ..."),
    ("net.params.W1 = np.eye(3)", AttributeError, "no attribute 'W1'"),
    ("Affine1.W = np.broadcast_to(1.0, (3, 3)); net.gradient(x, t)", ValueError,
     "Affine1: expected parameter W in an array that can be written, got a read-only"),
    ("Affine1.b = 0; net.gradient(x, t)", TypeError,
     "Affine1: expected parameter b in a NumPy array of floats, got int; if it isn't learnt, give "
     "db another name"),
    ("Affine1.W = np.eye(3, dtype=int); net.loss(x, t)", TypeError,
     "Affine1: expected parameter W in a NumPy array of floats, got dtype int"),
    ("Affine1.W = Affine1.W.tolist(); net.loss(x, t)", TypeError, "got list"),
    ("Affine1.W = Affine1.W.astype('f2'); net.gradient(x, t)", TypeError, "got dtype float16"),
    ("Affine1.W = Affine1.W * 1j; net.gradient(x, t)", TypeError, "got dtype complex128"),
    ("net.layers['A'] = Affine(np.eye(3, dtype='f4'), [0] * 3); net.gradient(x, t)", TypeError,
     "A: expected parameter W in float64 like those before it, got float32"),
    ("net.layers['A'] = Affine(Affine1.W, [0] * 3); net.gradient(x, t)", ValueError,
     "A: expected parameter W in an array of its own, got one in use; pass a copy"),
    ("net.layers['A'] = mine(Relu, W=[np.eye(3)], dW=[None]); net.layers['A'].W = [np.eye(3)]; "
     "net.layers['A'].dW = [None]; net.gradient(x, t)", TypeError,
     "A: expected parameter W as one array, got a list; give each array a name: self.W0, self.dW0"),
    ("net.layers['A'] = mine(Relu, W=np.eye(3), dW=None); net.gradient(x, t)", TypeError,
     "A: expected parameter W in the layer itself, got it in the class, which all its objects "
     "share; write self.W in __init__"),
    ("old = mine(Relu); old.params, old.grads = [x], [x]; net.layers['A'] = old; net.params",
     TypeError, "A: expected parameters by their names, got them in the lists params and grads"),
    ("wide = MultiLayerNet(3, [3] * 10, 3); first = wide.layers['Affine1']; first.W1, first.dW1 = "
     "x.copy(), None; wide.gradient(x, t)", ValueError,
     "expected a key for each parameter, got W11 for W1 of Affine1 and for W of Affine11; rename"),
    ("Affine(np.eye(3, dtype='f4'), np.zeros(3))", TypeError,
     "expected W and b in one dtype, got float32 and float64; pass b.astype(W.dtype)"),
    ("Affine(np.eye(3, dtype=int), np.zeros(3))", TypeError,
     "expected W in floats, got dtype int64; pass W.astype(float)"),
    ("Affine1.weight", AttributeError, "Affine has no weight; it has W, b, dW, db, forward"),
    ("Affine1.w", AttributeError, "Affine has no w; did you mean 'W'?"),
    # Layers: methods
    ("net.layers['Relu1'] = mine(Relu, forward=lambda x: x); net.predict(x)", TypeError,
     "Relu1: expected a layer with forward(x), got forward(); is self missing?"),
    ("net.layers['Relu1'] = mine(Relu, backward=lambda dout: dout); net.gradient(x, t)", TypeError,
     "Relu1: expected a layer with backward(dout), got backward(); is self missing?"),
    ("net.lastLayer = mine(SoftmaxWithLoss, forward=lambda x, t: 0.0)", TypeError,
     "lastLayer: expected a layer with forward(x, t), got forward(t)"),
    ("check_layer(mine(Relu, forward=lambda x: x), x)", TypeError, "is self missing?"),
    ("net.layers['Relu1'] = mine(foward=lambda self, x: x); net.predict(x)", TypeError,
     "Relu1: expected a layer with forward(x), got Mine with foward; did you mean forward?"),
    ("net.layers['Relu1'] = mine(forward=lambda self, x: x, backwards=lambda self, dout: dout); "
     "net.gradient(x, t)", TypeError,
     "expected a layer with backward(dout), got Mine with backwards; did you mean backward?"),
    ("check_layer(mine(Forward=lambda self, x: x), x)", TypeError, "did you mean forward?"),
    ("net.layers['Relu1'] = mine(Relu, forward=lambda self, x, train_flg: x); net.predict(x)",
     TypeError, "Relu1: expected a layer with forward(x), got forward(x, train_flg)"),
    ("net.layers['Softmax'] = SoftmaxWithLoss(); net.predict(x)", TypeError,
     "Softmax: expected a layer with forward(x), got forward(x, t)"),
    ("net.lastLayer = Relu()", TypeError,
     "lastLayer: expected a layer with forward(x, t), got forward(x)"),
    ("net.layers['Relu1'] = Sigmoid; net.predict(x)", TypeError,
     "Relu1: expected a layer with forward(x), got the class Sigmoid; write Sigmoid(...)"),
    ("net.layers = OrderedDict(a=Sigmoid)", TypeError, "a: expected a"),
    ("net.lastLayer = SoftmaxWithLoss", TypeError, "lastLayer: expected a layer",
     "got the class SoftmaxWithLoss; write SoftmaxWithLoss(...)"),
    ("net.lastLayer = None", TypeError, "lastLayer: expected a layer", "NoneType"),
    ("net.layers['Relu1'] = np.tanh; net.predict(x)", TypeError,
     "Relu1: expected a layer with forward(x), got ufunc"),
    ("net.layers['Relu1'] = mine(Relu, backward=lambda self: x); net.gradient(x, t)", TypeError,
     "Relu1: expected a layer with backward(dout), got backward()"),
    ("net.layers['Relu1'] = mine(forward=lambda self, x: x @ np.eye(4)); net.gradient(x, t)",
     ValueError, "Relu1, after Affine1: matmul"),
    ("check_layer(mine(forward=lambda self, x: 1 / 0), x)", ZeroDivisionError, "division by zero"),
    ("check_layer(mine(forward=lambda self, x: x), x)", TypeError,
     "expected a layer with backward(dout), got Mine"),
    ("net.layers['S'] = mine(forward=lambda self, x: x * np.ones(50)); net.predict(x)", ValueError,
     "S, after Affine2: operands could not be broadcast"),
    ("net.layers['E'] = mine(forward=lambda self, x: np.eye(4)[x]); net.predict(x)", IndexError,
     "E: arrays used as indices must be of integer", "; x arrives as floats, so write x.astype(i"),
    # Layers: what they return and keep
    ("net.layers['Relu1'] = mine(Relu, forward=lambda *_: None); net.predict(x)", TypeError,
     "Relu1: expected forward to return an array, got None; no return?"),
    ("net.layers['Z'] = mine(Relu, forward=lambda *_: None); net.predict(x)", TypeError,
     "Z: expected forward to return an array, got None; no return?"),
    ("net.layers['Relu1'] = mine(Relu, backward=lambda *_: None); net.gradient(x, t)", TypeError,
     "Relu1: expected backward to return an array, got None; no return?"),
    ("net.lastLayer = mine(SoftmaxWithLoss, forward=lambda self, x, t: None); net.loss(x, t)",
     TypeError, "lastLayer: expected forward to return one number, got None; no return?"),
    ("net.lastLayer = mine(SoftmaxWithLoss, backward=lambda self, dout=1: None); net.gradient(x, "
     "t)", TypeError, "lastLayer: expected backward to return an array, got None"),
    ("check_layer(mine(Relu, forward=lambda *_: None), x)", TypeError,
     "Mine: expected forward to return an array, got None; no return?"),
    ("check_layer(mine(Relu, backward=lambda *_: None), x)", ValueError,
     "Mine: expected backward to compute dx of shape (4, 3), got nothing; a layer without dx can "
     "only stand first in a network"),
    ("net.lastLayer = mine(SquaredError, forward=lambda self, x, t: (x - t)**2); net.loss(x, x)",
     TypeError,
     "lastLayer: expected forward to return one number, got shape (4, 3); return its mean"),
    ("line.gradient(x, t)", ValueError,
     "Affine1: expected dout of shape (4, 1), as out has, got (4, 4); for scores of shape (4, 1) "
     "pass t.reshape(-1, 1)"),
    ("train(line, digits, digits, batch_size=3)", ValueError,
     "got (3, 3); for scores of shape (3, 1) pass t.reshape(-1, 1)"),
    ("r = Relu(); r.forward(x); r.backward(x.T)", ValueError,
     "expected dout of shape (4, 3), as out has, got (3, 4); dout is the dx of the next layer"),
    ("net.loss(x, t); net.lastLayer.backward(x)", ValueError,
     "expected dout of shape (), as out has, got (4, 3); it is one number here"),
    ("Relu().backward(x)", AttributeError,
     "Relu has no out; forward keeps it, so call forward first"),
    ("net.lastLayer.backward()", AttributeError,
     "SoftmaxWithLoss has no ", "; forward keeps it, so call forward first"),
    ("net.layers['Relu1'] = mine(Relu, backward=lambda self, dout: dout / 0); net.gradient(x, t)",
     FloatingPointError, "Relu1: expected finite gradients from backward, got nan or inf; does it "
     "divide by 0, as the derivative of a root does at 0?"),
    ("Affine1.backward = lambda dout: dout; net.gradient(x, t)", ValueError,
     "Affine1: expected backward to compute dW of shape (3, 3), got nothing"),
    ("Affine1.backward = lambda dout: vars(Affine1).update(dW=x[:3] * 1j, db=x[0]); "
     "net.gradient(x, t)", ValueError,
     "Affine1: expected backward to compute dW of shape (3, 3), got dtype complex128"),
    ("net.layers['Affine1'] = a = Affine(np.ones((3, 2)), [0, 0]); net.layers['Affine2'] = "
     "Affine(np.ones((2, 3)), [0, 0, 0]); a.backward = lambda dout: vars(a).update(dW=np.ones((2, "
     "3)), db=a.b); net.gradient(x, t)", ValueError,
     "Affine1: expected backward to compute dW of shape (3, 2), got (2, 3), the transpose"),
    ("net.layers['Relu1'] = late = Textbooks(); del late.dW; net.params; net.gradient(x, t)",
     TypeError,
     "Relu1: expected dW before backward too, got it only afterwards; write self.dW = None in "
     "__init__, or, if W isn't learnt, call it grad_W"),
    ("late = Textbooks(); del late.dW; check_layer(late, x)", TypeError,
     "Textbooks: expected dW be"),
    ("last = SoftmaxWithLoss(); last.c, last.dc = np.ones(3), None; net.lastLayer = last",
     TypeError,
     "lastLayer: expected no parameters in SoftmaxWithLoss, got c, which would never be trained; "
     "put it into network.layers"),
    (f"last = SoftmaxWithLoss(); last.inner = [{AFFINE}]; net.lastLayer = last", TypeError,
     "lastLayer: expected no parameters in Affine, got W, which would never be trained"),
    ("Affine(3, 4)", ValueError,
     "expected W of shape (D, M) and b of shape (M,), got () and (); for sizes, use Affine.random"),
    ("Affine(np.zeros(3), np.eye(3))", ValueError, "got (3,) and (3, 3)"),
    # The chain
    ("net.lastlayer = SoftmaxWithLoss()", AttributeError,
     "expected network.lastLayer = ..., got network.lastlayer = ..."),
    ("net.layers = [Relu()]", TypeError,
     "expected layers as an OrderedDict of name: layer, got list"),
    ("empty = Network({}, SoftmaxWithLoss()); empty.loss(x, t)", ValueError,
     "expected at least one layer in network.layers, got none"),
    ("net.layers.clear(); net.gradient(x, t)", ValueError, "got none"),
    ("net.layers = OrderedDict(); net.params['W1']", ValueError,
     "expected at least one layer in network.layers, got none; set network.layers first, or keep "
     "params = network.params before you empty it"),
    ("net.layers['Again'] = Affine1; net.gradient(x, t)", ValueError,
     "Again: expected a layer of its own, got that of Affine1 again; make a second one"),
    ("net.layers['A'] = Affine(np.eye(2), [0, 0]); net.predict(x)", ValueError,
     "A: expected x of shape (N, 2), got (4, 3)"),
    ("Network.__new__(Network).predict(x)", AttributeError,
     f"Network: expected super().__init__(layers, lastLayer) first, got no layers{OWN}"),
    ("Network.__new__(Network).params = {}", AttributeError, "Network: expected sup"),
    ("Book(params=True)", AttributeError,
     f"Book: expected super().__init__(layers, lastLayer) first, got no layers{OWN}"),
    ("Book(lastLayer=False).loss(x, t)", AttributeError,
     "Book: expected super().__init__(layers, lastLayer) first, got no lastLayer"),
    # Building a network
    ("TwoLayerNet(3, 50.0, 3)", ValueError, f"expected hidden_size {COUNT} 50.0"),
    ("TwoLayerNet(784, 50, '10')", ValueError, f"output_size {COUNT} '10'"),
    ("TwoLayerNet((28, 28), 50, 10)", ValueError, f"input_size {COUNT} (28"),
    ("TwoLayerNet(x, 50, 10)", ValueError, f"input_size {COUNT} shape (4, 3)"),
    ("TwoLayerNet(3, 3, 0)", ValueError, f"expected output_size {COUNT} 0"),
    ("MultiLayerNet(3, [50, '60'], 3)", ValueError, f"each of hidden_size_list {COUNT} '60'"),
    ("MultiLayerNet(3, {5}, 3)", ValueError, f"each of hidden_size_list {COUNT} {{5}}"),
    ("MultiLayerNet(784, 50, 100, 10)", ValueError, "activation", "got 10"),
    ("MultiLayerNet(3, [3], 3, Relu)", ValueError,
     'expected activation "relu" or "sigmoid", got <class'),
    ("TwoLayerNet(3, 3, 3, '0.01')", ValueError,
     'expected weight_init_std as a number, "he" or "xavier", got \'0.01\''),
    ("TwoLayerNet(3, 3, 3, -1)", ValueError, "weight_init_std", "got -1"),
    ("TwoLayerNet(3, 3, 3, dtype=int)", TypeError, "expected dtype float32 or float64, got int"),
    # The maths
    ("softmax([1, np.nan])", ValueError, "finite numbers in x, got nan at x[1]"),
    ("log_softmax([1, -np.inf])", ValueError, "got -inf at x[1]"),
    ("sigmoid('1')", TypeError, f"{NUMBERS} str"),
    ("cross_entropy_error(x, t)", ValueError,
     "expected y as rows of probabilities, got other numbers; use softmax(scores)"),
    # Differences
    ("numerical_gradient(np.sum, np.array([1, 2]))", TypeError,
     "expected x as an array with dtype=np.float64, got an array of int"),
    (f"{F32}.numerical_gradient(x, t)", TypeError, "dtype=np.float64, got an array of float32"),
    ("numerical_gradient(lambda W: 1.0, net.params)", TypeError, "got Params"),
    ("numerical_gradient(net.loss(x, t), net.params['W1'])", TypeError,
     "expected f as a function, got float; write lambda x: before it"),
    ("numerical_gradient(lambda x: None, x)", TypeError, f"expected f(x) to be {ONE} NoneType"),
    ("numerical_gradient(lambda x: x[0]**2 + x[1]**2, np.ones((2, 324)))", TypeError,
     f"expected f(x) to be {ONE} shape (324,); add it up by np.sum(...)"),
    ("numerical_gradient(lambda x: 'a' * 5000, x)", TypeError, "got str"),
    ("numerical_gradient(lambda x: 1j, x)", TypeError, f"{ONE} complex"),
    ("numerical_gradient(lambda x: x.sum() > 0, x)", TypeError, "got bool"),
    ("numerical_gradient(lambda x: x.sum(dtype='f4'), x)", TypeError,
     f"expected f(x) to be {ONE} float32"),
    ("numerical_gradient(lambda x: np.nan, x)", ValueError,
     "expected f(x) to be finite, got nan where x[0, 0] is 3.0001"),
    ("numerical_gradient(np.sum, x * np.nan)", ValueError,
     "expected numbers below 1e10 in x, or h is lost, got nan"),
    ("numerical_gradient(lambda x: np.put(x, 0, 5) or 1.0, x.copy())", ValueError,
     "expected f to leave x as it is, got a write into it; compute on x.copy()"),
    ("numerical_gradient(np.sum, np.broadcast_to(1.0, 3))", ValueError,
     "expected x in an array that can be written, got a read-only one"),
    # Checks
    (f"check_gradient({F32}, x, t)", TypeError,
     "expected params['W1'] as an array with dtype=np.float64, got an array of float32; build the "
     "network with dtype=np.float64, which the check needs"),
    ("check_gradient(net, x[0], t[0])", ValueError, "x.reshape(1, -1)"),
    ("check_gradient(net, t, x)", ValueError, "are x and t swapped?"),
    ("check_gradient(net, x, t, samples=0)", ValueError, f"expected samples {COUNT} 0"),
    ("check_gradient(net, x, t, tolerance=0)", ValueError,
     "expected tolerance between 1e-9 and 1, got 0"),
    ("Affine1.b = np.full(3, 1e13); check_gradient(net, x, t)", ValueError,
     "expected numbers below 1e10 in params['b1']", "got 10000000000000.0"),
    ("check_layer(Relu(), x + 0j)", TypeError, f"{NUMBERS} dtype co"),
    ("inf = mine(forward=lambda self, x: x + np.inf, backward=lambda self, dout: dout); "
     "check_layer(inf, x)", ValueError,
     "expected finite outputs, got a sum of", "pass other numbers"),
    ("draw = mine(forward=lambda self, x: x + np.random.rand(), backward=lambda self, dout: dout); "
     "check_layer(draw, x)", ValueError, "expected the same output for the same x, got another",
     "; draw the same random numbers each time, and don't write into x"),
    ("half = mine(Relu, forward=lambda self, x: x.astype('f4')); check_layer(half, x)", TypeError,
     "Mine: expected forward to return float64 for float64, got float32, whose rounding"),
    ("put = mine(Relu, forward=lambda self, x: np.put(x, 0, 5) or x); check_layer(put, x)",
     ValueError, "Mine: expected x left as given, got a write; use a copy"),
    ("check_layer(Relu, x)", TypeError,
     "expected a layer with forward(x), got the class Relu; write Relu(...)"),
    ("check_gradient(TwoLayerNet, x, t)", TypeError, "expected a network",
     "got the class TwoLayerNet; write TwoLayerNet(...)"),
    ("check_gradient(Network({'a': Relu()}, SoftmaxWithLoss()), x, t)", TypeError,
     "expected a network with params, a dict of one array or more, got Network; a layer learns a "
     "if it keeps da, so write self.da = None in its __init__"),
    ("own = Ones(); own.gradient = lambda x, t: None; check_gradient(own, x, t)", TypeError,
     "expected gradient(x, t) to return a dict", "got NoneType"),
    ("own = Ones(); own.loss = lambda x, t: None; check_gradient(own, x, t)", TypeError,
     f"expected the loss to be {ONE} NoneType"),
    ("own = Ones(); own.params = [np.eye(3)]; check_gradient(own, x, t)", TypeError,
     "expected a network with params, a dict of one array or more, got Ones"),
    # Data and files
    ("load_mnist(True, False, 'no')", TypeError,
     "expected one_hot_label as True or False, got 'no'"),
    ("load_mnist('data')", TypeError, "expected normalize as", "'data'"),
    ("load_mnist(data_dir='~/none')", FileNotFoundError, "/none: expected a folder with",
     "got nothing there; check the path"),
    ("load_mnist(data_dir='text')", FileNotFoundError, "text: expected a folder with",
     "got a file"),
    ("load_mnist(data_dir='folder')", FileNotFoundError, "folder: expected",
     "train-images-idx3-ubyte"),
    ("net.save('folder')", OSError, "folder: expected to write a file, got a folder"),
    ("net.save('none/w.npz')", OSError, "w.npz: expected to write", "No such file"),
    ("net.save(None)", TypeError, "str", "os.PathLike", "NoneType"),
    ("Affine1.W = x[:3] * np.nan; net.save('w.npz')", ValueError,
     "expected finite parameters, got nan or inf in W1; not saved"),
    ("net.load('none.npz')", FileNotFoundError, "none.npz: expected a file of weights, got none"),
    ("np.savez('best', **net.params); net.load('best')", FileNotFoundError,
     "best: expected a file of weights, got none; did you mean best.npz?"),
    ("net.load('folder')", ValueError, f"folder: {NPZ}", "a folder"),
    ("net.load('text')", ValueError, f"text: {NPZ}", "not a zip file"),
    ("np.save('x.npy', x); net.load('x.npy')", ValueError, f"x.npy: {NPZ}"),
    ("np.savez('x.npz', x); net.load('x.npz')", ValueError,
     "x.npz: expected the weights of this network, got others: arr_0 is not in the network; W1 is"),
    ("TwoLayerNet(3, 4, 3).save('w.npz'); net.load('w.npz')", ValueError,
     "w.npz: expected the weights of this network, got others: W1 has shape (3, 4), no"),
    # Training
    ("train(net, (x, t + 1), digits)", ValueError, f"{CLASSES} 3"),
    ("net.lastLayer = mine(SoftmaxWithLoss, forward=lambda self, x, t: np.nan); train(net, "
     "digits, digits)", FloatingPointError,
     "update 0: lastLayer: expected a finite loss, got nan; train with a smaller learning rate"),
    ("train(net, x, t)", TypeError, "expected train_set as a pair (x, t), got ndarray"),
    ("train(net, digits, None)", TypeError, "test_set as a pair (x, t), got NoneType"),
    ("train(net, digits, (t, x))", ValueError,
     "expected test_set as N samples x, (N, D), and N labels t, got (4,) and (4, 3)"),
    ("train(net, (x, x), (t, t))", ValueError, "test_set as N samples x", "(4,)"),
    ("train(net, (x, t[:-1]), digits)", ValueError,
     "expected train_set as N samples x, (N, D), and N labels t, got (4, 3) and (3,)"),
    ("train(net, (x[0], t[0]), digits)", ValueError, "got (3,) and ()"),
    ("train(net, (x[:0], t[:0]), digits)", ValueError, "train_set", "(0, 3)"),
    ("train(net, (x.astype(str), t), digits)", TypeError,
     "expected x_train as numbers, got words such as '3.0'; pass x_train.astype(float)"),
    ("train(net, (x, [' 0', '1.0', '2 ', '0'] * times), digits)", TypeError,
     "t_train.astype(float)"),
    ("train(net, digits, (x, ['label', *t[1:].tolist()]))", TypeError,
     "got words such as 'label'; the first row looks like a header: leave it out of x and t"),
    ("train(net, ([['a', 'b', 'c'], *x[1:].tolist()], t), digits)", TypeError,
     "expected x_train as numbers, got words such as 'a'; the first row looks like a header"),
    ("train(net, (x[:, 0], t), digits)", ValueError, "got (4,) and (4,)",
     "; if a sample is one number, pass x.reshape(-1, 1)"),
    ("train(net, (np.where(x > 0, np.nan, x), t), digits)", ValueError,
     "expected finite numbers in x_train, got nan at x_train[0, 0]; leave that sample out, or fill "
     "in a number"),
    ("train(net, digits, (np.where(x > 0, np.inf, x), t))", ValueError,
     "expected finite numbers in x_test, got inf at x_test[0, 0]"),
    ("train(net, (x * 85, t), (x * np.nan, t))", ValueError, "finite numbers in x_test, got nan"),
    ("train(net, (x, np.where(t == 2, np.nan, t)), digits)", ValueError,
     "expected finite numbers in t_train, got nan at t_train[2]"),
    ("words = np.array(['cat', 'dog', 'owl']); train(net, (x, words[t]), digits)", TypeError,
     "expected t_train as class numbers, got words such as 'cat'; pass np.unique(t, "
     "return_inverse=True)[1], with t the labels of both sets"),
    ("train(net, digits, (x, [['cat', 'dog', 'owl'][each] for each in t]))", TypeError,
     "expected t_test as class numbers, got words such as 'cat'"),
    ("train(net, (x, t.astype(str).astype(object)), digits)", TypeError,
     "expected t_train as class numbers, got words such as '0'; pass t_train.astype(int)"),
    ("train(Network({'Relu1': Relu()}, SoftmaxWithLoss()), digits, digits)", ValueError,
     "expected a network with something to learn, got no parameters; a layer learns its array W "
     "if it has dW too: write self.dW = None in __init__"),
    ("train('net', digits, digits)", TypeError, "expected a network, got str"),
    ("train(net, x, t, x, t)", TypeError,
     "expected train(network, (x_train, t_train), (x_test, t_test), ...), got 5 arguments without "
     "a name; put each x and its t in brackets, and name what follows: batch_size=100"),
    ("train(net, digits)", TypeError,
     "expected train(network, train_set, test_set), got no test_set; a set is a pair (x, t)"),
    ("train(net, digits, digits, lr=0.5)", TypeError,
     "expected options out of iters_num, batch_size, learning_rate, rng, on_epoch, got lr; did "
     "you mean learning_rate?"),
    ("train(net, digits, digits, epochs=3)", TypeError,
     "got epochs; did you mean iters_num? It counts updates"),
    ("train(net, digits, digits, batchsize=3)", TypeError,
     "got batchsize; did you mean batch_size?"),
    ("train(net, digits, digits, train_set=digits)", TypeError, "each argument once"),
    ("train(TwoLayerNet, digits, digits)", TypeError,
     "expected a network, got the class TwoLayerNet; write TwoLayerNet(...)"),
    ("train(net, digits, digits, learning_rate='0.1')", ValueError,
     "expected learning_rate as a number above 0, got '0.1'"),
    ("train(net, digits, digits, learning_rate=-0.1)", ValueError, "got -0.1"),
    ("train(net, digits, digits, learning_rate=0)", ValueError, "above 0, got 0"),
    ("train(net, digits, digits, learning_rate=np.nan)", ValueError, "got nan"),
    ("train(net, digits, digits, learning_rate=[0.1])", ValueError, "got [0.1]"),
    ("train(net, digits, digits, learning_rate=x)", ValueError, "got shape (4, 3)"),
    ("train(net, digits, digits, iters_num=1e4)", ValueError,
     f"expected iters_num {COUNT} 10000.0"),
    ("train(net, digits, digits, iters_num=0)", ValueError, "iters_num", "got 0"),
    ("train(net, digits, digits, batch_size=0)", ValueError, f"expected batch_size {COUNT} 0"),
    ("train(net, digits, digits, batch_size='9')", ValueError, "got '9'"),
    ("History(1).plot()", ValueError, "expected the history of one update"),
]  # fmt: skip


def line(error):
    """The message of an error. (str of a KeyError puts quotes around it.)"""
    return error.args[0] if isinstance(error, KeyError) else str(error)


def split(done):
    """What comes before the mistake, and the mistake."""
    before, _, last = done.rpartition("; ")
    return before, last


def state(cells):
    """The network's layers, and copies of their arrays and of the data."""
    net, arrays = cells["net"], [cells["x"], cells["t"]]
    for layer in net.layers.values():
        arrays += [getattr(layer, name) for name in "Wb" if hasattr(layer, name)]
    return [*net.layers.items(), net.lastLayer], [np.array(array) for array in arrays]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A working folder with a text and a folder in it, and a home without anything."""
    (tmp_path / "text").write_text("hello")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE"):  # on Unix, on Windows
        monkeypatch.setenv(name, str(tmp_path / "folder"))
    return tmp_path


@pytest.mark.parametrize("done, error, words", [(d, e, w) for d, e, *w in MISTAKES],
                         ids=[row[0] for row in MISTAKES])  # fmt: skip
def test_a_mistake_is_answered_in_one_sentence_and_changes_nothing(desk, done, error, words):
    before, mistake = split(done)
    for times in (1, 100):  # no sentence grows with the data
        cells = notebook(times)
        exec(before, cells)
        chain, arrays = state(cells)
        with np.errstate(invalid="ignore"), pytest.raises(error) as caught:
            exec(mistake, cells)
        message = line(caught.value)
        assert type(caught.value) is error
        assert times > 1 or [word for word in words if word not in message] == [], message
        assert "\n" not in message and len(message.replace(str(desk), "")) <= 220
        chain_now, arrays_now = state(cells)
        assert chain_now == chain
        for now, then in zip(arrays_now, arrays, strict=True):
            np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("rate", ["1e300", "1e200"])
def test_a_rate_too_large_stops_training_at_once_and_names_the_update(rate):
    words = r"^update \d: (Affine\d|lastLayer): expected .*; train with a smaller learning rate$"
    with pytest.raises(FloatingPointError, match=words):
        exec(f"train(net, digits, digits, learning_rate={rate})", notebook())


# What works, but not as meant

ONCE = "train(net, {}, {}, iters_num=2, learning_rate=1e-12)"
WIDE = "expected x_train to be of about 1, got numbers of about"
WARNINGS = [
    # x has one 3 in each row of three: the root of the mean of its squares is sqrt(3) = 1.73.
    (ONCE.format('(x * 85, t)', '(x * 85, t)'), WIDE,
     " 147, up to 255; divide pixels by 255, or pass normalize=True to load_mnist"),
    (ONCE.format('(np.uint8(x * 85), t)', 'digits'), WIDE, " 147, up to 255;"),
    (ONCE.format('digits', '(x * 85, t)'), "x_test", " 147,"),
    (ONCE.format('((x * 85).tolist(), t)', 'digits'), WIDE, " 147, up to 255;"),
    # 16 / 3 times as large: up to 16, as the digits of scikit-learn are.
    (ONCE.format('(x * 16 / 3, t)', 'digits'), WIDE, " 9.24, up to 16; divide by 16, the largest"),
    (ONCE.format('(x / 255, t)', 'digits'), WIDE,
     " 0.00679, up to 0.01176; divide by 0.01176, the largest, in both sets"),
    # 0 to 16 over and over: the root of the mean of 5138 / 64, through 255.
    ("wide = TwoLayerNet(64, 3, 3, rng=0); pixels = np.tile(np.arange(64) % 17 / 255, (len(x), "
     "1)); train(wide, (pixels, t), (pixels, t), iters_num=1)", WIDE,
     " 0.0351, up to 0.06275; divide by 0.06275, the largest, in both sets"),
    ("grey = np.full((len(x), 784), 1 / 255); train(reader, (grey, t), (grey, t), iters_num=1)",
     WIDE, " 0.00392, up to 0.003922; were they divided by 255 twice?"),
    # Age and income: columns of their own sizes.
    (ONCE.format('(x * [30, 9000, 1], t)', 'digits'), WIDE,
     "up to 2.7e+04; pass (x - mean) / std: mean = x_train.mean(axis=0), std = "
     "x_train.std(axis=0)"),
    (ONCE.format('(x + 1000, t)', 'digits'), WIDE, "up to 1003; pass (x - mean) / std"),
    (ONCE.format('(x * 1000 - 1500, t)', 'digits'), WIDE, "up to 1500; divide by 1500,"),
    ("train(net, digits, digits, iters_num=2, batch_size=401, learning_rate=1e-12)",
     "expected batch_size up to 4, as many as there are samples, got 401: samples are drawn "
     "several times into a batch"),
    # A quarter, a half and a quarter: log(4) / 2 + log(2) / 2.
    ("new = TwoLayerNet(3, 3, 3, rng=0); train(new, digits, digits, iters_num=100, "
     "learning_rate=1e-12)",
     "expected a loss below 1.040, as mere guessing has, got ", ": the network has learnt next to "
     "nothing; is the learning rate too large or too small, are the updates too few, or do x and "
     "t not belong together?"),
    # Half of the samples are of class 1. Where x and t are out of step, a half is what is right.
    ("big, labels = np.tile(np.eye(4), (40, 1)), np.tile(t, 40); train(TwoLayerNet(4, 9, 3, 1, "
     "rng=0), (big, labels), (big, np.roll(labels, 2)), iters_num=400, rng=0)",
     "expected a test accuracy well above 0.500, as mere guessing has, got 0.500, where training "
     "has 1.000; do x_test and t_test belong together?"),
    ("many = np.tile(x, (3, 1)); train(net, (many, many[:, 0] * 0), digits, iters_num=3)",
     "expected labels of two classes or more in t_train, got 0 only: an accuracy says "
     "nothing then"),
    ("net.layers['Relu1'] = mine(Relu, forward=lambda self, x: np.random.seed(0) or "
     "Relu.forward(self, x)); train(net, digits, digits, iters_num=9, learning_rate=1e-12)",
     "expected other samples in each batch, got a batch again: something sets the random numbers "
     "back, as np.random.seed in a forward does; keep a generator there, self.rng ="),
    ("net.layers['Relu1'].train_flg = False; " + ONCE.format('digits', 'digits'),
     "train_flg to be True in a training, got False in Relu1; it is True during this training"),
    # Bytes from 128 up, read as signed, are these less 256.
    ("signed = np.uint8(x * 85).view(np.int8) * np.int8(1); signed[0, 0], signed[1, 1] = 127, -90; "
     + ONCE.format('(signed, t)', 'digits'), WIDE,
     "bytes read as signed? x.astype(np.int8).view(np.uint8) makes them pixels 0 to 255"),
    ("net.layers['Relu1'] = mine(Relu, forward=lambda self, x: x - x.mean(axis=0)); "
     "net.accuracy(x, t)",
     "Relu1: expected the output for a sample to depend on nothing else, got another one in a "
     "batch than alone; let forward", "look at self.train_flg, which accuracy sets to False"),
    ("net.layers['Relu1'] = mine(Relu, forward=lambda self, x: x + np.random.randn(*x.shape)); "
     "net.accuracy(x, t)", "self.train_flg"),
]  # fmt: skip


@pytest.mark.parametrize("done, words", [(d, w) for d, *w in WARNINGS],
                         ids=[row[0] for row in WARNINGS])  # fmt: skip
def test_a_warning_comes_once_and_names_the_readers_line(done, words):
    cells = notebook()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(done, "a reader's cell", "exec"), cells)
    assert [each.category for each in caught] == [UserWarning]
    message = str(caught[0].message)
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message and len(message) <= 220
    assert caught[0].filename == "a reader's cell"


# In a terminal

OPTIONS = [
    ("train", "--hidden 50,1e2", "--hidden: expected a whole number from 1 up, got '1e2'"),
    ("train", "--hidden=", "--hidden: expected a whole number from 1 up, got ''"),
    ("train", "--hidden", "--hidden: expected at least one argument"),
    ("train", "--iters 1e4", "--iters: expected a whole number from 1 up, got '1e4'"),
    ("train", "--epochs 0", "--epochs: expected a whole number from 1 up, got '0'"),
    ("train", "--epochs 1 --iters 9", "--iters: not allowed with argument --epochs"),
    ("train", "--seed x", "--seed: expected a whole number from 0 up, got 'x'"),
    ("train", "--seed -1", "--seed: expected a whole number from 0 up, got '-1'"),
    ("train", "--batch-size 0", "--batch-size: expected a whole number from 1 up, got '0'"),
    ("train", "--learning-rate 0,1", "expected a number above 0, got '0,1'"),
    ("train", "--lr inf", "expected a number above 0, got 'inf'"),
    ("train", "--lr nan", "expected a number above 0, got 'nan'"),
    ("train", "--lr -1", "expected a number above 0, got '-1'"),
    ("train", "--dtype float16", "--dtype: invalid choice: 'float16' (choose from"),
    ("train", "--plot w", "--plot: expected a name ending in .png, got 'w'"),
    ("train", "--plot p.xyz", "--plot: expected a name ending in .png, got 'p.xyz'"),
    ("train", "--plot none/p.png", "--plot: expected a file to write, got 'none/p.png': No such"),
    ("train", "--save text/w", "--save: expected a file to write, got 'text/w': Not a directory"),
    ("train", "--save= --iters 1 --no-plot", "--save: expected a file to write, got '': a folder"),
    ("train", "--save none/w", "--save: expected a file to write, got 'none/w': No such"),
    ("train", "--load= --iters 1 --no-plot", f".: {NPZ}"),
    ("train", "--load a.png --no-plot", f"a.png: {NPZ}", "(File is not a zip file)\n"),
    (
        "train",
        "--load w.npz --no-plot",
        "w.npz: expected the weights of this network, got others: "
        "W1 has shape (3, 3), not (784, 50)",
        "; is --hidden the same as when they were saved?",
    ),
    ("train", "--load ~/w.npz", "w.npz: expected a file of weights, got none"),
    ("train", "--data=", "expected a folder with train-images-idx3-ubyte"),
    ("train", "--data text", "text: expected a folder with", "got a file"),
    ("train", "--hidden 9000000000000", "Unable to allocate"),
    (
        "train",
        "--batch-sizes 10",
        "expected other options, got --batch-sizes; did you mean --batch-size?",
    ),
    ("train", "--no_plots", "got --no-plots; did you mean --no-plot?"),
    ("train", "--xyz=3", "expected other options, got --xyz=3; --help lists all"),
    ("train", "99", "expected other options, got 99; --help lists all"),
    (
        "train",
        "--save x.png --plot x.png",
        "expected two names for --save and --plot, got x.png twice",
    ),
    ("train", "--save folder/../x.png --plot ./x.png", "expected two names for"),
    ("train", "--hidden ,", "--hidden: expected a whole number from 1 up, got ''"),
    ("check", "--images 1.5", "--images: expected a whole number from 1 up, got '1.5'"),
    ("check", "--samples=", "--samples: expected a whole number from 1 up, got ''"),
    ("check", "--tolerance 1", "--tolerance: expected a number from 1e-9 to 1, got '1'"),
    ("check", "--tolerance 0", "--tolerance: expected a number from 1e-9 to 1, got '0'"),
]


@pytest.mark.parametrize("script, options, words", [(s, o, w) for s, o, *w in OPTIONS],
                         ids=[row[1] for row in OPTIONS])  # fmt: skip
def test_a_bad_option_is_answered_by_one_line(desk, capsys, script, options, words):
    (desk / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    notebook()["net"].save("w.npz")
    scripts = {"train": train_neuralnet, "check": gradient_check}
    files = sorted(desk.iterdir())
    with pytest.raises(SystemExit) as stop:
        scripts[script].main(options.split())
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
    assert [word for word in words if word not in err] == [], err
    assert sorted(desk.iterdir()) == files


# What looks like a mistake, and simply works

# The scores are (3, 1, 0), (0, 4, 0), (0, 1, 3) and again (3, 1, 0). With
# t = 0, 1, 2, 1 the loss is the mean of log(e^3 + e + 1) - 3, log(e^4 + 2) - 4,
# log(1 + e + e^3) - 3 and log(e^3 + e + 1) - 1.
E1, E3, E4 = np.exp([1, 3, 4])
LOSS = (3 * np.log(E3 + E1 + 1) + np.log(E4 + 2) - 11) / 4
SCORES = [[3, 1, 0], [0, 4, 0], [0, 1, 3], [3, 1, 0]]

WORKS = [
    ("net.loss(x, t.tolist())", LOSS),
    ("net.loss(x, tuple(t))", LOSS),
    ("net.loss(x, Column([0, 1, 2, 1]))", LOSS),
    ("net.loss(x, t.astype(float))", LOSS),
    ("net.loss(x, t.astype(np.uint8))", LOSS),
    ("net.loss(x, rows.astype(int))", LOSS),
    ("net.loss(x, rows > 0)", LOSS),
    ("net.loss(x, rows.tolist())", LOSS),
    ("d = rows + 1e-9; net.loss(x, d / d.sum(1, keepdims=True))", LOSS),
    ("net.loss(x, t[:, None])", LOSS),
    ("net.accuracy(x, t[:, None].tolist())", 3 / 4),
    # A batch of one with a column of one: log(e^3 + e + 1) - 3, as above.
    ("net.loss(x[:1], np.array([[0]]))", np.log(E3 + E1 + 1) - 3),
    ("net.lastLayer = mine(SoftmaxWithLoss, backward=lambda self, dout: SoftmaxWithLoss.backward("
     "self, dout)); net.gradient(x, t)['b2'].sum()", 0),
    ("net.layers['Relu1'] = mine(forward=lambda self, x: x); net.loss(x, t)", LOSS),
    ("net.loss(x.tolist(), t)", LOSS),
    ("net.loss(x.astype(int), t)", LOSS),
    ("net.loss(x.astype('f4'), t)", LOSS),
    ("net.loss(np.asfortranarray(x), t)", LOSS),
    ("net.loss(np.ma.array(x), np.ma.array(t))", LOSS),
    ("net.accuracy(x.tolist(), t.tolist())", 3 / 4),
    ("net.accuracy(x[t == 1], t[t == 1])", 1 / 2),
    # In training it would score (0, 1, 0) for each sample, and two labels of four are 1.
    ("flagged = mine(Relu, forward=lambda self, x: x * (not self.train_flg)); flagged.train_flg = "
     "True; net.layers['Relu1'] = flagged; net.accuracy(x, t)", 3 / 4),
    ("net.accuracy(x[:1], t[:1])", 1),
    ("net.predict(np.full((1, 3), 255, np.uint8))", [[255, 256, 255]]),
    ("net.predict(x.reshape(4, 1, 3, 1))", SCORES),
    ("p = TwoLayerNet(4, 2, 2); p.params['b2'] = [1, 2]; p.predict([Image.new('L', (2, 2))])",
     [[1, 2]]),
    ("reader.params['b2'] = np.arange(10); reader.predict(np.zeros((28, 28)).reshape(1, "
     "-1)).argmax()", 9),
    ("reader.params['b2'] = np.arange(10); reader.predict(np.zeros((28, 28, 3))[..., "
     ":3].mean(axis=-1).reshape(-1, 784)).argmax()", 9),
    ("net.params['b2'] = [1, 2, 3]; net.params['b2']", [1, 2, 3]),
    ("net.note1 = 5; net.note1", 5),
    ("b1, b2 = net.params['b1'], net.params['b2']; net.params.update(b1=b2, b2=b1); b1 - b2 - "
     "2 * (net.params['b1'] - net.params['b2'])", [0, -3, 0]),
    ("np.array(net.params).item()['b2']", [0, 1, 0]),
    ("np.save('w.npy', net.params); np.load('w.npy', allow_pickle=True).item()['b2']", [0, 1, 0]),
    ("np.savez('w.npz', **net.params); np.load('w.npz')['b2']", [0, 1, 0]),
    ("pickle.loads(pickle.dumps(net.params))['b2']", [0, 1, 0]),
    ("type(pickle.loads(pickle.dumps(net.params))) is dict", True),
    ("new = copy.deepcopy(net.params); new['b2'] += 1; net.params['b2']", [0, 1, 0]),
    # 3 * 3 + 3 + 3 * 3 + 3 = 24 numbers of 8 bytes are 192 bytes; x alone would be 24,000.
    ("net.accuracy(np.ones((1000, 3)), np.zeros(1000)); len(pickle.dumps(net.params)) < 1000",
     True),
    ("Book().loss(x, t)", LOSS),
    ("Book().params['b2']", [0, 1, 0]),
    ("Early().loss(x * 0, t)", np.log(3)),
    ("net.layers['Relu1'].inner = [Affine(np.eye(3), [7, 8, 9])]; net.params['b2']", [7, 8, 9]),
    ("Affine1.W = np.broadcast_to(1.0, (3, 3)); net.params['W1'] = x[:3]; Affine1.W",
     [[3, 0, 0], [0, 3, 0], [0, 0, 3]]),
    ("net.layers['Affine1'] = Textbooks(); net.loss(x, t)", LOSS),
    ("net.layers['Affine3'] = Affine(np.eye(3), [5, 0, 0]); net.params['b3']", [5, 0, 0]),
    ("old = net.layers; net.layers = OrderedDict(); net.layers.update(old); net.loss(x, t)", LOSS),
    ("flat = MultiLayerNet(3, [], 3); flat.params = {'W1': np.eye(3), 'b1': [0, 1, 0]}; "
     "flat.loss(x, t)", LOSS),
    ("Affine([[1, 2]], [3, 4]).forward([[5]])", [[8, 14]]),
    ("MultiLayerNet(3, 2, 3).params['b1']", [0, 0]),
    ("TwoLayerNet(*np.int64([3, 3, 3])).params['b1']", [0, 0, 0]),
    ("numerical_gradient(lambda x: np.array(7.0), x)", np.zeros((4, 3))),
    # d/dx of the sum of x^2 is 2x.
    ("numerical_gradient(lambda x: np.sum(x[0]**2 + x[1]**2), x[:2])", [[6, 0, 0], [0, 6, 0]]),
    ("bool(check_layer(Relu(), x - 1))", True),
    ("bool(check_layer(mine(Relu, backward=lambda self, dout: dout), x - 1))", False),
    ("bool(check_gradient(Ones(), x, t))", True),
    ("check_gradient(Ones(2), x, t).failed == ['W']", True),
    ("cross_entropy_error([0.5, 0.25, 0.25], 0)", np.log(2)),
    ("net.save('w'); net.load('w'); net.loss(x, t)", LOSS),
    ("net.save('~/w.npz'); net.load('~/w.npz'); net.loss(x, t)", LOSS),
    ("repr(Network({1: Relu()}, SoftmaxWithLoss())).count('Relu')", 1),
    ("train(net, digits, digits, iters_num=2, batch_size=3).iter_per_epoch", 1),
    ("train(net, (x.tolist(), t.tolist()), digits, iters_num=1, learning_rate=1e-12).test_acc_list",
     [3 / 4]),
    ("train(net, (Column(x), Column(t)), digits, iters_num=1, learning_rate=1e-12).train_acc_list",
     [3 / 4]),
    ("train(net, (x.reshape(4, 1, 3), t), digits, iters_num=1, learning_rate=1e-12).train_acc_list",
     [3 / 4]),
    # The scores of `line` are 3 for each sample, so that its squared errors are (3 - 5)^2 = 4.
    ("targets = np.full((4, 1), 5); train(line, (x, targets), (x, targets), iters_num=1, "
     "learning_rate=1e-12).train_loss_list", [4]),
    ("targets = np.full((4, 1), 5); train(line, (x, targets), (x, targets), "
     "iters_num=1).train_acc_list", []),
]  # fmt: skip


@pytest.mark.parametrize("done, want", WORKS, ids=[row[0] for row in WORKS])
def test_what_simply_works(desk, done, want):
    before, last = split(done)
    cells = notebook()
    exec(before, cells)
    np.testing.assert_allclose(eval(last, cells), want, rtol=1e-6, atol=1e-15)


def test_every_public_name_stands_in_the_tables():
    rows = " ".join(row[0] for row in MISTAKES + WARNINGS + WORKS)
    for name, thing in notebook().items():
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert name in rows
