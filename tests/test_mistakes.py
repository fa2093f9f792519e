"""Nothing gives a silent wrong answer: mistakes of beginners, and the sentence that answers each.

A row says what was done, as a line in a notebook or as options in a terminal, which error comes,
and what it says: what was expected, what came, and, where it can be known, how to mend it.
The table WORKS holds what looks like a mistake and simply works, with the value worked by hand.
"""

import inspect
import os

import numpy as np
import pytest

from ch05 import gradient_check, train_neuralnet
from common.layers import Relu, SoftmaxWithLoss
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


class Forgetful(Relu):
    """A Relu that lets every dout through."""

    def backward(self, dout):
        return dout


class NoReturn(Relu):
    """A Relu whose forward or backward does its work and returns nothing."""

    def __init__(self, method):
        work = getattr(super(), method)

        def without_return(array):
            work(array)

        setattr(self, method, without_return)


class NoLoss(SoftmaxWithLoss):
    """A last layer whose forward or backward returns nothing."""

    def __init__(self, method):
        super().__init__()
        setattr(self, method, lambda *_: None)


class NanLoss(SoftmaxWithLoss):
    def forward(self, x, t):
        super().forward(x, t)
        return np.nan

    def backward(self, dout=1):
        return np.zeros_like(super().backward(dout))


class Textbooks:
    """A layer as the textbook has it: nothing says that W is to be learnt."""

    def __init__(self):
        self.W, self.x, self.dW = np.eye(3), None, None

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class Late(Textbooks):
    """The same, but dW is there only after backward."""

    def __init__(self):
        self.W = np.eye(3)


class Overflowing(Relu):
    def forward(self, x):
        return super().forward(x) + np.inf


class Unbuilt(Network):
    def __init__(self):
        pass


# The cells above the mistake. The network's scores are x + (0, 1, 0), which is easy to foretell;
# of the last sample they say class 0, where t says 1.
CELLS = """
import numpy as np
from collections import OrderedDict
from ch05.multi_layer_net import MultiLayerNet
from ch05.train_neuralnet import History, plot_history, train
from ch05.two_layer_net import TwoLayerNet
from common.functions import cross_entropy_error, log_softmax, sigmoid, softmax
from common.gradient import check_gradient, check_layer, numerical_gradient
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network
from dataset.mnist import load_mnist

net = TwoLayerNet(3, 3, 3, rng=0)
net.params = {"W1": np.eye(3), "b1": [0, 0, 0], "W2": np.eye(3), "b2": [0, 1, 0]}
Affine1 = net.layers["Affine1"]
x = np.array([[3.0, 0, 0], [0, 3, 0], [0, 0, 3], [3, 0, 0]])
t = np.array([0, 1, 2, 1])
rows = np.eye(3)[t]
digits = x, t
"""


def notebook():
    classes = [Column, Forgetful, NoReturn, NoLoss, NanLoss, Textbooks, Late, Overflowing, Unbuilt]
    cells = {each.__name__: each for each in classes}
    exec(CELLS, cells)
    return cells


F32 = "TwoLayerNet(3, 3, 3, dtype=np.float32, rng=0)"
AFFINE = "Affine(np.eye(3), np.zeros(3))"
NOT_NUMBERS = "expected an array of real numbers"
CLASSES = "expected class numbers 0 to 2"
LABELS = "expected t of shape (4,) for class numbers or (4, 3) for rows"
NPZ = "expected a .npz file with weights of this network, as save writes it, got something else"

MISTAKES = [
    # Labels
    ("labels 1 to 3", "net.loss(x, t + 1)", ValueError, f"lastLayer: {CLASSES}, got 3; the first"),
    ("labels -1 to 1", "net.gradient(x, t - 1)", ValueError, f"lastLayer: {CLASSES}, got -1; the"),
    ("labels 1 to 3, judged", "net.accuracy(x, t + 1)", ValueError, f"{CLASSES}, got 3; the first"),
    ("halves as labels", "net.loss(x, t / 2)", ValueError, f"{CLASSES}, got 0.5"),
    ("nan as a label", "net.loss(x, [0, 1, np.nan, 0])", ValueError, f"{CLASSES}, got nan"),
    ("a label too large for ints", "net.loss(x, t * 1e30)", ValueError, f"{CLASSES}, got 1e+30"),
    ("a column of labels", "net.loss(x, t.reshape(-1, 1))", ValueError,
     f"lastLayer: {LABELS}, got (4, 1); pass t.ravel()"),
    ("a column, judged", "net.accuracy(x, t[:, None])", ValueError, "got (4, 1); pass t.ravel()"),
    ("one row of labels", "net.loss(x, t[np.newaxis])", ValueError, "got (1, 4); pass t.ravel()"),
    ("rows transposed", "net.loss(x, rows.T)", ValueError, f"{LABELS}, got (3, 4); pass t.T"),
    ("one-hot of another width", "net.loss(x, np.eye(10)[t])", ValueError, "got (4, 10)"),
    ("one label too few", "net.gradient(x, t[:3])", ValueError, f"lastLayer: {LABELS}, got (3,)"),
    ("one label too few, judged", "net.accuracy(x, t[:3])", ValueError, f"{LABELS}, got (3,)"),
    ("one label for one sample", "net.loss(x[:1], t[0])", ValueError, "shape (1,)", "got ()"),
    ("rows that sum to 2", "net.loss(x, 2 * rows)", ValueError, "one-hot or probabilities", "got"),
    ("scores as labels", "net.accuracy(x, net.predict(x))", ValueError, "probabilities", "got"),
    ("labels as strings", "net.loss(x, t.astype(str))", TypeError,
     "lastLayer: expected labels t as numbers, got dtype <U", "pass np.array(..., float)"),
    ("labels as objects", "net.loss(x, t.astype(object))", TypeError, "got dtype object; if these"),
    ("labels as complex numbers", "net.loss(x, t * 1j)", TypeError, "got dtype complex128"),
    ("no labels", "net.loss(x, None)", TypeError, "expected labels t as numbers, got NoneType"),
    ("ragged labels", "net.loss(x, [[1, 2], [3]])", ValueError, "labels t", "unequal length"),
    ("masked labels", "net.loss(x, np.ma.masked_equal(t, 2))", ValueError,
     "lastLayer: expected labels t as numbers, got some masked; fill them in, or leave them out"),
    # Samples
    ("one sample", "net.predict(x[0])", ValueError,
     "Affine1: expected x of shape (N, 3), got (3,); for a single sample pass x[np.newaxis]"),
    ("one sample, judged", "net.accuracy(x[0], t[:1])", ValueError, "Affine1:", "x[np.newaxis]"),
    ("x transposed", "net.predict(x.T)", ValueError, "(N, 3), got (3, 4); samples are rows", "x.T"),
    ("images not flattened", "net.predict(x.reshape(4, 1, 3, 1))", ValueError,
     "Affine1: expected x of shape (N, 3), got (4, 1, 3, 1); flatten", "x.reshape(len(x), -1)"),
    ("x with a pixel too few", "net.predict(x[:, :2])", ValueError, "(N, 3), got (4, 2)"),
    ("x and t swapped", "net.loss(t, x)", ValueError, "Affine1: expected x of shape (N, 3), got"),
    ("x twice", "net.gradient(x, x[:, :2])", ValueError, f"lastLayer: {LABELS}, got (4, 2)"),
    ("no samples", "net.loss(x[:0], t[:0])", ValueError, "at least one sample, got an empty batch"),
    ("no samples, judged", "net.accuracy([], [])", ValueError, "at least one", "an empty batch"),
    ("no samples that pass a mask", "net.gradient(x[t > 2], t[t > 2])", ValueError, "empty batch"),
    ("accuracy of scores", "net.accuracy(np.c_[net.predict(x), t], t)", ValueError,
     "Affine1: expected x of shape (N, 3), got (4, 4)"),
    ("a mask for x only", "net.loss(x[t > 0], t)", ValueError, "expected t of shape (3,)", "(4,)"),
    ("nan in x", "net.loss(np.where(x > 0, np.nan, x), t)", ValueError,
     "Affine1: expected finite numbers in x, got nan at x[0, 0]"),
    ("inf in x, judged", "net.accuracy(x - np.inf, t)", ValueError, "Affine1:", "got -inf at x[0,"),
    ("x as objects", "net.predict(x.astype(object))", TypeError,
     f"x: {NOT_NUMBERS}, got dtype object; if these are numbers, pass np.array(..., float)"),
    ("x as strings, judged", "net.accuracy(x.astype(str), t)", TypeError, f"x: {NOT_NUMBERS}, got"),
    ("x as complex numbers", "net.gradient(x + 0j, t)", TypeError, "got dtype complex128"),
    ("x as dates", "net.predict(np.zeros((2, 3), 'M8[s]'))", TypeError, "got dtype datetime64[s]"),
    ("x forgotten", "net.predict(None)", TypeError, f"x: {NOT_NUMBERS}, got NoneType"),
    ("the name of x", "net.predict('x')", TypeError, f"x: {NOT_NUMBERS}, got str"),
    ("a generator of samples", "net.predict(row for row in x)", TypeError, "got generator"),
    ("a ragged x", "net.predict([[1, 2, 3], [4]])", ValueError,
     "x: ", "got rows of unequal length"),
    ("a ragged x, judged", "net.accuracy([[1, 2], [3]], t)", ValueError, "rows of unequal length"),
    ("a masked x", "net.gradient(np.ma.masked_equal(x, 0), t)", ValueError,
     f"x: {NOT_NUMBERS}, got some masked; fill them in, or leave them out"),
    ("a masked x, judged", "net.accuracy(np.ma.masked_equal(x, 0), t)", ValueError, "some masked"),
    # Parameters
    ("a key misspelt", "net.params['w1']", KeyError, "expected one of W1, b1, W2, b2, got 'w1'"),
    ("a key that isn't there", "net.params['W3'] = np.eye(3)", KeyError,
     "W1, b1, W2, b2, got 'W3'"),
    ("a layer's name as key", "net.params['Affine1']", KeyError,
     "expected one of", "got 'Affine1'"),
    ("one number for W1", "net.params['W1'] = 0", ValueError,
     "params['W1']: expected shape (3, 3)"),
    ("a bias with two axes", "net.params['b1'] = np.zeros((1, 3))", ValueError,
     "params['b1']: expected shape (3,), got (1, 3)"),
    ("W1 from strings", "net.params['W1'] = 'W1'", TypeError,
     f"params['W1']: {NOT_NUMBERS}, got str"),
    ("W1 with nan", "net.params['W1'] = x[:3] / 0 * 0", ValueError,
     "params['W1']: expected finite numbers, got nan or inf", "a smaller learning rate"),
    ("W1 masked", "net.params['W1'] = np.ma.masked_equal(np.eye(3), 0)", ValueError, "some masked"),
    ("params deleted", "net.params.clear()", TypeError, "take the layer out of `layers`"),
    ("the second of an update", "net.params.update(W1=x[:3], b2=[1, 2])", ValueError,
     "params['b2']: expected shape (3,), got (2,)"),
    ("a misspelt key in an update", "net.params.update(W1=x[:3], B1=[1, 2, 3])", KeyError, "'B1'"),
    ("params with keys missing", "net.params = {'W1': np.eye(3)}", ValueError,
     "expected params with the keys W1, b1, W2, b2, got W1; to set some, call params.update"),
    ("params emptied", "net.params = {}", ValueError, "expected params with the keys", "got none"),
    ("a parameter as an attribute", "net.W1 = np.eye(3)", AttributeError,
     "expected network.params['W1'] = ..., got network.W1 = ..."),
    ("a key as an attribute", "net.params.W1 = np.eye(3)", AttributeError, "no attribute 'W1'"),
    ("params from a list", "net.params = [1, 2, 3, 4]", TypeError,
     "expected params as a dict with the keys W1, b1, W2, b2, got list"),
    ("params from nothing", "net.params = None", TypeError, "got NoneType"),
    ("read-only weights", "Affine1.W = np.broadcast_to(1.0, (3, 3)); net.params['W1'] = x[:3]",
     ValueError, "params['W1']: expected an array that can be written, got a read-only one"),
    ("one bad array of two", "net.layers['Affine2'].W = np.broadcast_to(1.0, (3, 3)); "
     "net.params.update(W1=x[:3], W2=x[:3])", ValueError, "params['W2']: expected an array that"),
    # Layers and chains
    ("the textbook's Affine", "net.layers['Affine1'] = Textbooks(); net.predict(x)", TypeError,
     "Affine1: expected param_names, since the layer keeps W and dW, got none",
     'write param_names = ("W",) in the class, or ()'),
    ("a check of the textbook's Affine", "check_layer(Late(), x)", TypeError,
     "expected param_names, since the layer keeps W and dW, got none"),
    ("a gradient that nobody names", "net.layers['Relu1'] = Late(); net.gradient(x, t)", TypeError,
     "Relu1: expected param_names, since the layer keeps W and dW, got none"),
    ("a number for names", "Affine1.param_names = 5; net.predict(x)", TypeError,
     "Affine1: expected param_names as a tuple of names, got 5"),
    ("numbers for names", "Affine1.param_names = (1, 2); net.predict(x)", TypeError,
     "Affine1: expected param_names as a tuple of names, got (1, 2)"),
    ("two parameters by one key", "net.layers['Affine1'] = eleventh = Textbooks(); "
     "eleventh.W1, eleventh.param_names = eleventh.W, ('W1',); layers = dict(net.layers); "
     "layers |= {f'A{i}': Affine(np.eye(3), np.zeros(3)) for i in range(9)}; net.layers = layers; "
     "net.predict(x)", ValueError, "A8: expected one parameter by the key W11, got two"),
    ("a parameter by the name of the input", "relu = Relu(); relu.x, relu.param_names = x, ('x',); "
     "check_layer(relu, x)", ValueError, "Relu: expected one parameter by the key x, got two"),
    ("a parameter that isn't there", "a = Affine1; a.param_names = ('V',); check_layer(a, x)",
     TypeError, "expected an attribute V, as param_names says, got none"),
    ("a complex gradient", "Affine1.backward = lambda dout: vars(Affine1).update(dW=x[:3] * 1j, "
     "db=x[0]); net.gradient(x, t)", ValueError,
     "Affine1: expected backward to compute dW of shape (3, 3), got dtype complex128"),
    ("labels inside the chain", "net.layers['Softmax'] = SoftmaxWithLoss(); net.predict(x)",
     TypeError, "Softmax: expected forward(x), got forward(x, t); does it belong in lastLayer?"),
    ("a check of the last layer", "check_layer(SoftmaxWithLoss(), x)", TypeError,
     "expected forward(x), got forward(x, t)", "lastLayer?"),
    ("a last layer without labels", "net.lastLayer = Relu()", TypeError,
     "lastLayer: expected forward(x, t), got forward(x); does it belong in `layers`?"),
    ("a check of a backward without return", "check_layer(NoReturn('backward'), x)", ValueError,
     "NoReturn: expected backward to compute dx of shape (4, 3), got nothing; no return?"),
    ("a check of no parameters", "check_gradient(Network({'a': Relu()}, SoftmaxWithLoss()), x, t)",
     ValueError, "expected a network with parameters, got one without", "param_names"),
    ("a name in small letters", "net.layers['relu1'] = Sigmoid(); net.predict(x)", ValueError,
     "relu1: expected names that differ in more than capitals, got Relu1 too; to replace",
     "layers['Relu1'] = ..."),
    ("a name with a capital", "net.layers = {'relu1': Relu(), 'Relu1': Relu()}; net.predict(x)",
     ValueError, "Relu1: expected names that differ in more than capitals, got relu1 too"),
    ("lastLayer with a capital", "net.LastLayer = SoftmaxWithLoss()", AttributeError,
     "expected network.lastLayer = ..., got network.LastLayer = ..."),
    ("a last layer that learns", "net.lastLayer = Affine(np.eye(3), np.zeros(3))", TypeError,
     "lastLayer: expected a layer without parameters", "belongs in `layers`"),
    ("a loss without return", "net.lastLayer = NoLoss('forward'); net.loss(x, t)", TypeError,
     "lastLayer: expected forward to return out, got None; no return?"),
    ("a last backward without return", "net.lastLayer = NoLoss('backward'); net.gradient(x, t)",
     TypeError, "lastLayer: expected backward to return dx, got None; no return?"),
    ("a network never built", "Unbuilt().predict(x)", AttributeError,
     "Unbuilt: expected super().__init__(layers, lastLayer) before anything else, got"),
    ("params before the chain", "Unbuilt().params = {}", AttributeError, "expected super()"),
    ("nan in the second thousand", "big = np.ones((1500, 3)); big[1200, 1] = np.nan; "
     "net.accuracy(big, np.zeros(1500))", ValueError, "Affine1:", "got nan at x[1200, 1]"),
    ("lastLayer misspelt", "net.lastlayer = SoftmaxWithLoss()", AttributeError,
     "expected network.lastLayer = ..., got network.lastlayer = ..."),
    ("a forward without return", "net.layers['Relu1'] = NoReturn('forward'); net.predict(x)",
     TypeError, "Relu1: expected forward to return out, got None; no return?"),
    ("a backward without return", "net.layers['Relu1'] = NoReturn('backward'); net.gradient(x, t)",
     TypeError, "Relu1: expected backward to return dx, got None; no return?"),
    ("a check of a forward without return", "check_layer(NoReturn('forward'), x)", TypeError,
     "NoReturn: expected forward to return an array, got None"),
    ("a comma forgotten", "Affine1.param_names = ('slope'); del net.layers['Relu1']; net.dtype",
     TypeError, "Affine1: expected param_names as a tuple, got 'slope'", '("slope",)'),
    ("a chain without layers", "net.layers = OrderedDict(); net.predict(x)", ValueError,
     "expected at least one layer, got an empty chain"),
    ("a check of a network as a layer", "check_layer(net, x)", TypeError,
     "expected a layer with forward(), got TwoLayerNet"),
    ("a check of a layer as a network", "check_gradient(Relu(), x, t)", TypeError,
     "expected a network with loss(), got Relu"),
    ("brackets forgotten", "net.layers['Relu1'] = Sigmoid; net.predict(x)", TypeError,
     "Relu1: expected a layer with forward(), got the class Sigmoid; write Sigmoid(...)"),
    ("a function as layer", "net.layers['Relu1'] = np.tanh; net.predict(x)", TypeError,
     "Relu1: expected a layer with forward(), got ufunc"),
    ("brackets forgotten at the end", "net.lastLayer = SoftmaxWithLoss", TypeError,
     "lastLayer: expected a layer with forward(), got the class", "write SoftmaxWithLoss(...)"),
    ("no last layer", "net.lastLayer = None", TypeError, "lastLayer: expected a layer", "got None"),
    ("layers in a list", "net.layers = [Relu()]", TypeError,
     "expected layers as an OrderedDict of name -> layer, got list"),
    ("a chain from a list", "Network([Relu()], SoftmaxWithLoss())", TypeError, "got list"),
    ("a chain of nothing", "Network({}, SoftmaxWithLoss())", ValueError, "got an empty chain"),
    ("a chain emptied", "net.layers.clear(); net.predict(x)", ValueError, "got an empty chain"),
    ("a layer twice", "net.layers['Again'] = Affine1; net.predict(x)", ValueError,
     "Again: expected a layer of its own, got the one that stands at Affine1 too"),
    ("W shared by two layers", "net.layers['A'] = Affine(Affine1.W, [0] * 3); net.predict(x)",
     ValueError, "A: expected parameter W in an array of its own", "pass a copy"),
    ("float32 among float64", "net.layers['A'] = Affine(np.eye(3, dtype='f4'), [0] * 3); net.dtype",
     TypeError, "A: expected parameter W in float64 like Affine1's W, got float32"),
    ("a layer that doesn't fit", "net.layers['A'] = Affine(np.eye(2), [0, 0]); net.predict(x)",
     ValueError, "A: expected x of shape (N, 2), got (4, 3)"),
    ("a bias of one number", "Affine1.b = 0; net.loss(x, t)", TypeError,
     "Affine1: expected parameter b as a numpy array of floats, got int"),
    ("a bias for each sample", "Affine1.b = np.zeros((4, 3)); net.loss(x, t)", ValueError,
     "Affine1: expected W of shape (D, M) and b of shape (M,), got (3, 3) and (4, 3)"),
    ("W in ints", "Affine1.W = np.eye(3, dtype=int); net.loss(x, t)", TypeError,
     "Affine1: expected parameter W as a numpy array of floats, got dtype int"),
    ("W as a list", "Affine1.W = Affine1.W.tolist(); net.loss(x, t)", TypeError, "got list"),
    ("W in float32", "Affine1.W = Affine1.W.astype('f4'); net.loss(x, t)", TypeError,
     "Affine1: expected parameter b in float32 like Affine1's W, got float64"),
    ("backward before forward", "Relu().backward(x)", RuntimeError,
     "Relu: expected forward before backward, got backward first"),
    ("backward of a last layer first", "net.lastLayer.backward()", RuntimeError,
     "expected forward"),
    ("dout transposed", f"a = {AFFINE}; a.forward(x); a.backward(x.T)", ValueError,
     "Affine: expected dout of shape (4, 3), as its output has, got (3, 4); dout is the dx"),
    ("one number as dout", "r = Relu(); r.forward(x); r.backward(1)", ValueError,
     "Relu: expected dout of shape (4, 3), as its output has, got ()"),
    ("dout of the last layer", "net.loss(x, t); net.lastLayer.backward(x)", ValueError,
     "SoftmaxWithLoss: expected dout as one number", "got shape (4, 3)"),
    ("sizes for arrays", "Affine(3, 4)", ValueError, "Affine: expected W of shape (D, M) and b of",
     "got () and (); from sizes, Affine.random makes a layer"),
    ("W and b swapped", "Affine(np.zeros(3), np.eye(3))", ValueError, "got (3,) and (3, 3)"),
    # Building a network
    ("a size as float", "TwoLayerNet(3, 50.0, 3)", ValueError,
     "Affine: expected sizes as whole numbers from 1 up, got 3 inputs and 50.0 outputs"),
    ("a list for one size", "TwoLayerNet(3, [50], 3)", ValueError, "whole numbers", "[50] outputs"),
    ("no outputs", "TwoLayerNet(3, 3, 0)", ValueError, "from 1 up, got 3 inputs and 0 outputs"),
    ("a string for std", "TwoLayerNet(3, 3, 3, '0.01')", ValueError,
     'expected weight_init_std as a number from 0 up, "he" or "xavier", got \'0.01\''),
    ("True for std", "TwoLayerNet(3, 3, 3, True)", ValueError, "weight_init_std", "got True"),
    ("ints", "TwoLayerNet(3, 3, 3, dtype=int)", TypeError,
     "expected dtype float32 or float64, got"),
    ("one size for a list", "MultiLayerNet(3, 50, 3)", TypeError,
     "expected hidden_size_list as a list of sizes, got 50;", "pass [50]"),
    ("a set for a list", "MultiLayerNet(3, {5}, 3)", TypeError, "as a list of sizes, got {5};"),
    ("a class for a name", "MultiLayerNet(3, [3], 3, Relu)", ValueError,
     'expected activation "relu" or "sigmoid", got <class'),
    # The maths
    ("softmax of one number", "softmax(5)", ValueError,
     "expected scores of shape (..., C), got ()"),
    ("softmax of nan", "softmax([1, np.nan])", ValueError,
     "expected finite scores, got nan or inf"),
    ("log_softmax of inf", "log_softmax([1, -np.inf])", ValueError, "expected finite scores, got"),
    ("sigmoid of a string", "sigmoid('1')", TypeError, f"{NOT_NUMBERS}, got str"),
    ("softmax of masked scores", "softmax(np.ma.masked_equal(x, 0))", ValueError, "some masked"),
    ("scores for y", "cross_entropy_error(x, t)", ValueError,
     "expected y as rows of probabilities", "got other numbers; from scores, pass softmax(scores)"),
    # Differences
    ("differences in ints", "numerical_gradient(np.sum, np.array([1, 2]))", TypeError,
     "expected x as a float64 array", "got an array of int", "pass np.array(x, dtype=np.float64)"),
    ("differences in float32", "numerical_gradient(np.sum, x.astype('f4'))", TypeError,
     "expected x as a float64 array", "got an array of float32"),
    ("differences in a list", "numerical_gradient(np.sum, [1.0, 2.0])", TypeError, "got list"),
    ("differences in params", "numerical_gradient(lambda W: 1.0, net.params)", TypeError,
     "got Params"),
    ("f without return", "numerical_gradient(lambda x: None, x)", TypeError,
     "expected f(x) to return one number in float64, got None"),
    ("f that returns a list", "numerical_gradient(lambda x: [1.0], x)", TypeError, "got [1.0]"),
    ("f that returns an array", "numerical_gradient(lambda x: x[:1, 0] ** 2, x)", TypeError,
     "expected f(x) to return one number in float64, got array([8.99"),
    ("f that returns 1j", "numerical_gradient(lambda x: 1j, x)", TypeError, "got 1j"),
    ("f that returns nan", "numerical_gradient(lambda x: np.nan, x)", ValueError,
     "expected f(x) to be finite, got nan and nan where the entry (0, 0) of x is 2.9999 and 3.00"),
    ("nan under the step", "numerical_gradient(np.sum, x * np.nan)", ValueError,
     "expected numbers below 1e10 in x", "got nan"),
    ("f that returns a truth", "numerical_gradient(lambda x: x.sum() > 0, x)", TypeError,
     "expected f(x) to return one number in float64, got"),
    ("f in float32, in an array", "numerical_gradient(lambda x: np.array(x.sum(), 'f4'), x)",
     TypeError, "expected f(x) to return one number in float64, got float32"),
    ("differences in a masked array", "numerical_gradient(np.sum, np.ma.masked_equal(x, 0))",
     TypeError, "expected x as a float64 array", "got MaskedArray"),
    ("a check with masked labels", "check_gradient(net, x, np.ma.masked_equal(t, 2))", ValueError,
     "expected labels t as numbers, got some masked"),
    ("a check of what overflows", "check_layer(Overflowing(), x)", ValueError,
     "expected finite outputs, got a sum of", "pass other numbers"),
    ("f in float32", "numerical_gradient(lambda x: x.sum(dtype='f4'), x)", TypeError,
     "expected f(x) to return one number", "float32"),
    ("f that writes into x", "numerical_gradient(lambda x: np.put(x, 0, 5) or 1.0, x)", ValueError,
     "expected f to leave x as it is"),
    ("a read-only x", "numerical_gradient(np.sum, np.broadcast_to(1.0, 3))", ValueError,
     "expected x to be writable, got a read-only array; pass a copy"),
    ("differences in a float32 net", f"{F32}.numerical_gradient(x, t)", TypeError,
     "expected a float64 network, got float32", "build it with dtype=np.float64"),
    ("a check in float32", f"check_gradient({F32}, x, t)", TypeError,
     "expected a float64 network, got float32"),
    ("a check of one sample", "check_gradient(net, x[0], t[0])", ValueError, "x[np.newaxis]"),
    ("a check with swapped data", "check_gradient(net, t, x)", ValueError,
     "Affine1: expected x of"),
    ("a check of 0 entries", "check_gradient(net, x, t, samples=0)", ValueError,
     "expected samples as a whole number from 1 up, got 0"),
    ("samples as a string", "check_layer(Relu(), x, samples='10')", ValueError, "got '10'"),
    ("samples as a truth", "check_gradient(net, x, t, samples=True)", ValueError, "got True"),
    ("a tolerance as a string", "check_gradient(net, x, t, tolerance='1e-6')", ValueError,
     "expected tolerance between 1e-9 and 1, got '1e-6'"),
    ("a check with a huge weight", "Affine1.b = np.full(3, 1e13); check_gradient(net, x, t)",
     ValueError, "expected numbers below 1e10 in params['b1']", "got 10000000000000.0"),
    ("a check of read-only weights", "Affine1.W = np.broadcast_to(1.0, (3, 3)); "
     "check_gradient(net, x, t)", ValueError, "expected params['W1'] to be writable"),
    ("a check of a loss for each sample", "net.lastLayer.forward = lambda *both: "
     "[SoftmaxWithLoss.forward(net.lastLayer, *both)]; check_gradient(net, x, t)", TypeError,
     "expected f(x) to return one number"),
    ("a check of strings", "check_gradient(net, x.astype(str), t)", TypeError,
     f"{NOT_NUMBERS}, got"),
    ("a check of complex numbers", "check_layer(Relu(), x + 0j)", TypeError, f"{NOT_NUMBERS}, got"),
    ("a check of masked ones", "check_layer(Relu(), np.ma.masked_equal(x, 0))", ValueError,
     "masked"),
    ("a check of a class", "check_layer(Relu, x)", TypeError,
     "expected a layer", "got the class Relu; write Relu(...)"),
    ("a check of a class of networks", "check_gradient(TwoLayerNet, x, t)", TypeError,
     "expected a network", "got the class TwoLayerNet; write TwoLayerNet(...)"),
    ("a check without tolerance", "check_gradient(net, x, t, tolerance=0)", ValueError,
     "expected tolerance between 1e-9 and 1, got 0"),
    ("a layer that doesn't fit x", f"check_layer({AFFINE}, x[0])", ValueError, "x[np.newaxis]"),
    # Data and files
    ("a word for False", "load_mnist(True, False, 'no')", TypeError,
     "expected one_hot_label as True or False, got 'no'"),
    ("a folder for normalize", "load_mnist('data')", TypeError, "expected normalize as", "'data'"),
    ("no such folder", "load_mnist(data_dir='~/none')", FileNotFoundError,
     "/none: expected a folder with the four MNIST files, got nothing there; check the path"),
    ("a file for a folder", "load_mnist(data_dir='text')", FileNotFoundError,
     "text: expected a folder"),
    ("an empty folder", "load_mnist(data_dir='folder')", FileNotFoundError,
     "train-images-idx3-ubyte.gz: expected this file", "got nothing there"),
    ("saved to a folder", "net.save('folder')", OSError,
     "folder: expected to write a file, got a folder"),
    ("saved to a device", "net.save('pipe')", OSError,
     "pipe: expected to write a file, got a device"),
    ("saved in no folder", "net.save('none/w.npz')", OSError,
     "w.npz: expected to write", "No such file"),
    ("saved to None", "net.save(None)", TypeError, "str", "os.PathLike", "NoneType"),
    ("nan saved", "Affine1.W = x[:3] * np.nan; net.save('w.npz')", ValueError,
     "expected finite parameters, got nan or inf in W1; not saved"),
    ("loaded from nowhere", "net.load('none.npz')", FileNotFoundError,
     "none.npz: expected a file of weights, got none"),
    ("loaded from None", "net.load(None)", TypeError, "str", "os.PathLike", "NoneType"),
    ("loaded from a folder", "net.load('folder')", ValueError,
     f"folder: {NPZ} (", "Is a directory"),
    ("loaded from a text", "net.load('text')", ValueError, f"text: {NPZ} (File is not a zip file)"),
    ("loaded from an array", "np.save('x.npy', x); net.load('x.npy')", ValueError, f"x.npy: {NPZ}"),
    ("loaded from arrays", "np.savez('x.npz', x); net.load('x.npz')", ValueError,
     "x.npz: expected weights of this network, got others: arr_0 is not in the network; W1 is"),
    ("another network's weights", "TwoLayerNet(3, 4, 3).save('w.npz'); net.load('w.npz')",
     ValueError, "w.npz: expected weights of this network, got others: W1 has shape (3, 4), not"),
    ("a larger network's weights", "TwoLayerNet(99, 9, 3).save('w.npz'); net.load('w.npz')",
     ValueError, f"w.npz: {NPZ}", "too many for this network"),
    ("loaded from a pipe", "net.load('pipe')", ValueError, f"pipe: {NPZ} (a pipe)"),
    ("no such person's file", "net.load('~nobody-here/w.npz')", FileNotFoundError, "w.npz"),
    # Training
    ("a label too large at the end", "train(net, (x, t + [0, 0, 0, 2]), digits)", ValueError,
     "train_set: expected class numbers 0 to 2, got 3"),
    ("a loss of nan", "net.lastLayer = NanLoss(); train(net, digits, digits)", FloatingPointError,
     "update 0: expected a finite loss, got nan"),
    ("x for the set", "train(net, x, t)", TypeError,
     "expected train_set as a pair (x, t), got ndarray"),
    ("no test set", "train(net, digits, None)", TypeError,
     "test_set as a pair (x, t), got NoneType"),
    ("x and t of the test set swapped", "train(net, digits, (t, x))", ValueError,
     "test_set: expected samples x of shape (N, D), N > 0, and N labels t, got (4,) and (4, 3)"),
    ("two x, two t", "train(net, (x, x), (t, t))", ValueError,
     "train_set: lastLayer: expected rows of t to be one-hot"),
    ("a longer x", "train(net, (x, t[:3]), digits)", ValueError,
     "train_set: expected samples x of shape (N, D), N > 0, and N labels t, got (4, 3) and (3,)"),
    ("nothing to learn", "train(net, (x[:0], t[:0]), digits)", ValueError,
     "train_set:", "got (0, 3)"),
    ("images for training", "train(net, (x.reshape(4, 1, 3), t), digits)", ValueError,
     "train_set: Affine1: expected x of shape (N, 3), got (1, 1, 3); flatten"),
    ("a class for the network", "train(TwoLayerNet, digits, digits)", TypeError,
     "expected a network, got the class TwoLayerNet; write TwoLayerNet(...)"),
    ("a rate as string", "train(net, digits, digits, learning_rate='0.1')", ValueError,
     "expected learning_rate as a number above 0, got '0.1'"),
    ("a negative rate", "train(net, digits, digits, learning_rate=-0.1)", ValueError, "got -0.1"),
    ("a rate of zero", "train(net, digits, digits, learning_rate=0)", ValueError, "above 0, got 0"),
    ("a rate of nan", "train(net, digits, digits, learning_rate=np.nan)", ValueError, "got nan"),
    ("a list of rates", "train(net, digits, digits, learning_rate=[0.1])", ValueError, "got [0.1]"),
    ("iters as float", "train(net, digits, digits, iters=1e4)", ValueError,
     "expected iters as an int from 1 up, got 10000.0"),
    ("no updates", "train(net, digits, digits, iters=0)", ValueError, "iters", "got 0"),
    ("empty batches", "train(net, digits, digits, batch_size=0)", ValueError,
     "expected batch_size as an int from 1 up, got 0"),
    ("a batch of a string", "train(net, digits, digits, batch_size='9')", ValueError, "got '9'"),
    ("a picture of nothing", "plot_history(History(1), [])", ValueError, "History of one", "empty"),
]  # fmt: skip


def line(error):
    """The message of an error. (str of a KeyError puts quotes around it.)"""
    return error.args[0] if isinstance(error, KeyError) else str(error)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A working folder with a text, a pipe and a folder in it, and a home without anything."""
    (tmp_path / "text").write_text("hello")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "folder"))
    return tmp_path


@pytest.mark.parametrize("done, error, words", [(d, e, w) for _, d, e, *w in MISTAKES],
                         ids=[row[0] for row in MISTAKES])  # fmt: skip
def test_a_mistake_is_answered_in_one_sentence_and_changes_nothing(desk, done, error, words):
    cells = notebook()
    params = list(cells["net"].params.values())
    before = [param.copy() for param in params]
    with np.errstate(invalid="ignore", divide="ignore"), pytest.raises(error) as caught:
        exec(done, cells)
    message = line(caught.value)
    assert type(caught.value) is error
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message and len(message.replace(str(desk), "")) <= 220
    for param, old in zip(params, before):
        np.testing.assert_array_equal(param, old)


def test_each_row_has_a_name_of_its_own():
    names = [row[0] for row in MISTAKES]
    assert len(set(names)) == len(names)


def test_a_rate_too_large_stops_training_at_once_and_names_the_update():
    cells = notebook()
    with pytest.raises(
        FloatingPointError, match=r"^update \d: Affine.: expected a finite x W \+ b"
    ):
        exec("train(net, digits, digits, learning_rate=1e300)", cells)


# In a terminal

OPTIONS = [
    ("train", "--hidden 50,100", "--hidden: expected a whole number from 1 up, got '50,100'"),
    ("train", "--hidden=", "--hidden: expected a whole number from 1 up, got ''"),
    ("train", "--hidden", "--hidden: expected at least one argument"),
    ("train", "--iters 1e4", "--iters: expected a whole number from 1 up, got '1e4'"),
    ("train", "--seed x", "--seed: expected a whole number from 0 up, got 'x'"),
    ("train", "--learning-rate 0,1", "--learning-rate: expected a number above 0, got '0,1'"),
    ("train", "--learning-rate inf", "--learning-rate: expected a number above 0, got 'inf'"),
    ("train", "--dtype float16", "--dtype: invalid choice: 'float16' (choose from"),
    ("train", "--plot=", "--plot: expected a file, got the folder ."),
    ("train", "--plot w", "--plot: expected a name ending in .png, got w"),
    ("train", "--save=", "--save: expected a file, got the folder ."),
    ("train", "--save folder", "--save: expected a file, got the folder folder"),
    ("train", "--save pipe", "--save: expected a file, got the device pipe"),
    ("train", "--save a.png --plot ./a.png", "--save and --plot: expected two files, got a.png"),
    ("train", "--load=", ".: expected a .npz file with weights of this network"),
    ("train", "--load a.png --no-plot", "a.png: expected a .npz file with weights of this network"),
    ("train", "--load ~/w.npz", "w.npz: expected a file of weights, got none"),
    ("train", "--data=", "train-images-idx3-ubyte.gz: expected this file"),
    ("train", "--data text", "text: expected a folder with the four MNIST files, got a file"),
    ("train", "--hidden 9000000000000", "Unable to allocate"),
    ("train", "--batch_size 10", "unrecognized arguments: --batch_size 10"),
    ("check", "--images 1.5", "--images: expected a whole number from 1 up, got '1.5'"),
    ("check", "--samples=", "--samples: expected a whole number from 1 up, got ''"),
    ("check", "--tolerance 0", "--tolerance: expected a number above 0, got '0'"),
    ("check", "--tolerance 1", "--tolerance: expected 1e-9 to 1, got 1"),
]


@pytest.mark.parametrize("script, options, words", OPTIONS, ids=[row[1] for row in OPTIONS])
def test_a_bad_option_is_answered_by_one_line(desk, capsys, script, options, words):
    (desk / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    scripts = {"train": train_neuralnet, "check": gradient_check}
    files = sorted(desk.iterdir())
    with pytest.raises(SystemExit) as stop:
        scripts[script].main(options.split())
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert sorted(desk.iterdir()) == files


# What looks like a mistake, and simply works

# The scores are (3, 1, 0), (0, 4, 0), (0, 1, 3) and again (3, 1, 0). With
# t = 0, 1, 2, 1 the loss is the mean of log(e^3 + e + 1) - 3, log(e^4 + 2) - 4,
# log(1 + e + e^3) - 3 and log(e^3 + e + 1) - 1.
E1, E3, E4 = np.exp([1, 3, 4])
LOSS = (3 * np.log(E3 + E1 + 1) + np.log(E4 + 2) - 11) / 4

WORKS = [
    ("labels in a list", "net.loss(x, t.tolist())", LOSS),
    ("labels in a tuple", "net.loss(x, tuple(t))", LOSS),
    ("labels in a column of a table", "net.loss(x, Column([0, 1, 2, 1]))", LOSS),
    ("labels as whole floats", "net.loss(x, t.astype(float))", LOSS),
    ("labels in bytes", "net.loss(x, t.astype(np.uint8))", LOSS),
    ("one-hot rows in ints", "net.loss(x, rows.astype(int))", LOSS),
    ("one-hot rows in bools", "net.loss(x, rows > 0)", LOSS),
    ("one-hot rows in lists", "net.loss(x, rows.tolist())", LOSS),
    ("x in lists", "net.loss(x.tolist(), t)", LOSS),
    ("x in ints", "net.loss(x.astype(int), t)", LOSS),
    ("x in float32", "net.loss(x.astype('f4'), t)", LOSS),
    ("x in another order", "net.loss(np.asfortranarray(x), t)", LOSS),
    ("masked arrays without a mask", "net.loss(np.ma.array(x), np.ma.array(t))", LOSS),
    ("accuracy of lists", "net.accuracy(x.tolist(), t.tolist())", 3 / 4),
    ("accuracy with a mask of bools", "net.accuracy(x[t == 1], t[t == 1])", 1 / 2),
    ("a batch of one", "net.accuracy(x[:1], t[:1])", 1),
    ("images of 0 to 255", "net.predict(np.full((1, 3), 255, np.uint8))", [[255, 256, 255]]),
    ("a parameter in a list", "net.params['b2'] = [1, 2, 3]; net.params['b2']", [1, 2, 3]),
    ("two parameters swapped",
     "b1, b2 = net.params['b1'], net.params['b2']; net.params.update(b1=b2, b2=b1); b1 - b2",
     [0, 1, 0]),
    ("a network of ints", "Affine([[1, 2]], [3, 4]).forward([[5]])", [[8, 14]]),
    ("numpy's ints for sizes", "TwoLayerNet(*np.int64([3, 3, 3])).params['b1']", [0, 0, 0]),
    ("a sum that is numpy's", "numerical_gradient(lambda x: np.array(7.0), x)", np.zeros((4, 3))),
    ("a report as a condition", "bool(check_layer(Relu(), x - 1))", True),
    ("a failed report as a condition", "bool(check_layer(Forgetful(), x - 1))", False),
    ("one sample for cross entropy", "cross_entropy_error([0.5, 0.25, 0.25], 0)", np.log(2)),
    ("weights in a file of any name", "net.save('w'); net.load('w'); net.loss(x, t)", LOSS),
    ("a home in a path", "net.save('~/w.npz'); net.load('~/w.npz'); net.loss(x, t)", LOSS),
    ("names of layers as ints", "repr(Network({1: Relu()}, SoftmaxWithLoss())).count('Relu')", 1),
    ("more in a batch than in the set",
     "train(net, digits, digits, iters=2, batch_size=9).iter_per_epoch", 1),
    ("training with lists",
     "train(net, (x.tolist(), t.tolist()), digits, iters=1, learning_rate=1e-12).test_acc_list",
     [3 / 4]),
    ("training with columns of a table",
     "train(net, (Column(x), Column(t)), digits, iters=1, learning_rate=1e-12).train_acc_list",
     [3 / 4]),
]  # fmt: skip


@pytest.mark.parametrize("done, want", [row[1:] for row in WORKS], ids=[row[0] for row in WORKS])
def test_what_simply_works(desk, done, want):
    *before, last = done.split("; ")
    cells = notebook()
    exec("; ".join(before), cells)
    np.testing.assert_allclose(eval(last, cells), want, rtol=1e-6, atol=1e-15)


def test_every_public_name_stands_in_the_tables():
    rows = " ".join(row[1] for row in MISTAKES + WORKS)
    for name, thing in notebook().items():
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert name in rows
