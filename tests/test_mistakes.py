"""Nothing gives a silent wrong answer: mistakes of beginners, and the sentence that answers each.

A row of MISTAKES and WARNINGS says what was done | which kind of error comes | what it says: what
was expected, what came, and, where it can be known, how to mend it. What stands before the last
semicolon of what was done is no mistake yet. "…" stands for what isn't compared, most often since
another row has it whole. There is one row for each place that raises, for each hint, and for each
line that calls such a place. They are grouped by what the reader was doing. WORKS holds what looks
like a mistake and simply works, with the value worked by hand.
"""

import re
import traceback
import warnings

import numpy as np
import pytest

from ch05 import gradient_check, train_neuralnet

# The cells above the mistake. The network's scores are x + (0, 1, 0), which is easy to foretell;
# of the last sample they say class 0, where t says 1. The scores of `line` are sums of three.
CELLS = """
import numpy as np
from collections import OrderedDict
from types import SimpleNamespace
from PIL import Image
from ch05.multi_layer_net import MultiLayerNet
from ch05.train_neuralnet import History, train
from ch05.two_layer_net import TwoLayerNet
from common.check import check_gradient, check_layer
from common.functions import cross_entropy_error, log_softmax, sigmoid, softmax
from common.gradient import numerical_gradient
from common.guards.guarded import guarded
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network
from dataset.mnist import load_mnist
from readers import Mine

class Column:
    "A column of a table, as pandas has them: an array comes out, but counting along it fails."
    def __init__(self, values):
        self.values = values
    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)
    def __len__(self):
        return len(self.values)
    def __getitem__(self, place):
        raise KeyError(place)

class SquaredError:
    "A loss of one's own, which doesn't look at shapes."
    def forward(self, x, t):
        self.difference = x - t
        return np.mean(self.difference**2)
    def backward(self, dout=1):
        return dout * 2 * self.difference / self.difference.size

def own(**replaced):
    "A network that is no chain: loss = sum(x W), whose dW is a column of sums in each column."
    W = np.eye(3)
    found = dict(
        params={"W": W},
        loss=lambda x, t: float(np.sum(x @ W)),
        gradient=lambda x, t: {"W": np.repeat(x.sum(axis=0)[:, np.newaxis], 3, axis=1)},
    )
    return SimpleNamespace(**found | replaced)

net = TwoLayerNet(3, 3, 3, rng=0)
net.params = {"W1": np.eye(3), "b1": [0, 0, 0], "W2": np.eye(3), "b2": [0, 1, 0]}
Affine1 = net.layers["Affine1"]
line = Network(OrderedDict(Affine1=Affine(np.ones((3, 1)), [0])), SquaredError())
deep = MultiLayerNet(3, [3] * 20, 3, rng=0)
reader = TwoLayerNet(784, 5, 10, rng=0)
single = TwoLayerNet(3, 3, 3, dtype=np.float32, rng=0)
late = Mine(backward=lambda self, dout: vars(self).update(dW=self.W + 1) or dout, W=np.eye(3))
def math_fails():
    raise FloatingPointError("my own words")
def once(train_set, test_set, network=net):
    "A training that only looks at its data."
    return train(network, train_set, test_set, iters_num=1, learning_rate=1e-12)

x = np.tile([[3.0, 0, 0], [0, 3, 0], [0, 0, 3], [3, 0, 0]], (times, 1))
t = np.tile([0, 1, 2, 1], times)
rows = np.eye(3)[t]
digits = x, t
"""


def notebook(times=1):
    cells = {"__name__": "__main__", "times": times}
    exec(CELLS, cells)
    return cells


MISTAKES = """
# Labels
net.loss(x, t + 1) |
    ValueError | lastLayer: expected class numbers 0 to 2, got 3; the network has 3 outputs, and the
    first class is 0
net.accuracy(x, t * 3 - 1) | ValueError | expected class numbers 0 to 2, got -1; …
net.accuracy(x, t.astype('u1') + 1) | ValueError | expected class numbers 0 to 2, got 3; …
net.accuracy(x, t.reshape(2, -1)) | ValueError | expected t of shape … got (2, 2); pass t.ravel()
net.loss(x, t[:-1]) |
    ValueError | lastLayer: expected t of shape (4,) for class numbers or (4, 3) for rows, got (3,)
net.loss(x[:1], t[0]) | ValueError | … (1,) … got one number
net.loss(x, np.random.rand(*x.shape)) |
    ValueError | lastLayer: expected rows of t to be one-hot or probabilities, got other numbers;
    for a last layer of your own, where a score above 0 means yes, accuracy is
    np.mean((network.predict(x) > 0) == (t.reshape(len(t), -1) > 0))
net.loss(x, t.astype(str)) |
    TypeError | lastLayer: expected t as real numbers, got dtype <U21; np.array(..., float) makes
    numbers of them
net.accuracy(x, np.array(['a', 'b', 'c'], object)[t]) |
    TypeError | expected t as real numbers, got 'a' at t[0]; np.unique(np.concatenate([t_train,
    t_test]), return_inverse=True)[1] numbers both
net.accuracy(x, [*t[:-1].tolist(), None]) | TypeError | expected t as real numbers, got None at t[…]
net.loss(x, None) | TypeError | lastLayer: expected t as real numbers, got NoneType
two = TwoLayerNet(3, 4, 1); two.loss(x, t > 0) |
    ValueError | lastLayer: expected an output for each of two classes or more, got 1; for a last
    layer of your own, …
line.accuracy(x, np.sign(t - 1)) |
    ValueError | expected an output for each of two classes or more, got 1; …
check_gradient(net, x, (t, rows)) |
    ValueError | expected t as one array of numbers, got a tuple of several shapes; is it a
    pair (x, t)?
net.predict([x[0], x[0, :2]]) |
    ValueError | expected x as one array of numbers, got a list of several shapes; each sample needs
    the same shape; from_photo brings pictures to one
# Samples
net.predict(x[0]) | ValueError | … (N, 3), got (3,); for a single sample pass x.reshape(1, -1)
net.predict(x[:1].T) | ValueError | … got (3, 1); for a single sample pass x.reshape(1, -1)
net.predict(np.ones((30, 30))) | ValueError | Affine1: expected x of shape (N, 3), got (30, 30)
Affine1.b = np.zeros(4); net.predict(x) | ValueError | Affine1: operands could not be broadcast …
net.layers['Affine2'] = Affine(np.ones((len(x), 3)), np.zeros(3)); net.predict(x) |
    ValueError | Affine2: expected x of shape (N, 4), got (4, 3) from Relu1
net.layers['Affine2'] = Affine(np.ones((6, 3)), np.zeros(3)); net.predict(x[:2]) |
    ValueError | Affine2: expected x of shape (N, 6), got (2, 3) from Relu1
net.layers['Pad'] = Mine(lambda self, x: np.ones((len(x), 30, 30))); net.layers['A'] =
    Affine(np.ones((784, 3)), np.zeros(3)); net.predict(x) |
    ValueError | A: expected x of shape (N, 784), got (4, 30, 30) from Pad
net.loss(t, x) | ValueError | Affine1: expected x of shape (N, 3), got (4,); are x and t swapped?
net.loss(x[:0], t[:0]) | ValueError | Affine1: expected at least one sample, got an empty batch
SoftmaxWithLoss().forward(x[:0], t[:0]) |
    ValueError | expected scores (N, C) of one sample or more, got (0, 3)
net.accuracy([], []) | ValueError | Affine1: expected at least one sample, got an empty batch
big = np.ones((1500, 3)); big[1200, 1] = -np.inf; net.accuracy(big, np.zeros(1500)) |
    ValueError | expected finite numbers in x, got -inf at x[1200, 1]
net.predict(x.astype(object)) | TypeError | expected x as real numbers, got dtype object; …
# A picture of one's own
reader.predict(np.zeros((28, 28))) |
    ValueError | Affine1: expected x of shape (N, 784), got (28, 28); for a single sample pass
    x.reshape(1, -1), or from_photo(x) of dataset/photo.py for dark ink on white
reader.accuracy(Image.new('L', (28, 28)), [3]) | ValueError | … got (28, 28); for a single …
reader.predict(np.zeros((28, 28, 3), np.uint8)) |
    ValueError | … got (28, 28, 3); for a picture pass from_photo(x) of dataset/photo.py, for
    several np.concatenate([from_photo(each) for each in x])
reader.predict(np.zeros((784, 3))) | ValueError | … got (784, 3); samples are rows: pass x.T
reader.predict(5) | ValueError | Affine1: expected x of shape (N, 784), got one number
# Parameters: their keys
net.params['w1'] | KeyError | expected one of ['W1', 'b1', 'W2', 'b2'], got 'w1'; did you mean 'W1'?
net.params['W'] | KeyError | … got 'W'; did you mean 'W2'?
net.params[0] | KeyError | … got 0
net.params['gamma'] = np.eye(3) |
    KeyError | expected one of ['W1', 'b1', 'W2', 'b2'], got 'gamma'
deep.params['Affine'] | KeyError | expected one of ['W1', 'b1', …..., got 'Affine'
net.params.update(W1=x[:3], B1=[1, 2, 3]) | KeyError | … got 'B1'; did you mean 'b1'?
del net.params['W1'] |
    TypeError | expected params[key] = ... or params.update(...), got a removal or |=; keys come and
    go with the layers in network.layers
net.params |= {'b1': [1, 2, 3]} | TypeError | … got a removal or |=; …
net.params.clear() | TypeError | … got a removal or |=; …
net.params.pop('W1') | TypeError | … got a removal or |=; …
net.params.popitem() | TypeError | … got a removal or |=; …
net.params = {'W1': np.eye(3)} |
    ValueError | expected the keys ['W1', 'b1', 'W2', 'b2'], got ['W1']; to set some, call
    params.update
net.params = [1, 2, 3, 4] | ValueError | … got [1, 2, 3, 4]; …
net.params.W1 = np.eye(3) | AttributeError | … no attribute 'W1'…
# Parameters: their values
net.params['W1'] = 0 | ValueError | params['W1']: expected shape (3, 3), got ()
net.params.update(W1=x[:3], b2=[1, 2]) | ValueError | params['b2']: expected shape (3,), got (2,)
net.params['W1'] = 'W1' | TypeError | expected params['W1'] as real numbers, got str
single.params['b1'] = [1e300, 0, 0] |
    ValueError | params['b1']: expected finite numbers, got nan or inf
Affine1.W = np.broadcast_to(1.0, (3, 3)); net.params['W1'] -= 1 | ValueError | … is read-only
Affine1.b = 0; net.gradient(x, t) |
    TypeError | Affine1: expected parameter b in an array of float64, got int; if it isn't learnt,
    give db another name
Affine1.W = Affine1.W.astype(int); net.gradient(x, t) | TypeError | … W in … got dtype int…
net.layers['A'] = Affine(np.eye(3, dtype='f4'), np.zeros(3, 'f4')); net.gradient(x, t) |
    TypeError | A: expected parameter W in an array of float64, got dtype float32; …
net.layers['A'] = Affine(Affine1.W, [0] * 3); net.gradient(x, t) |
    ValueError | A: expected parameter W in an array of its own, got one in use; pass a copy
both = np.ones((4, 3)); Affine1.W, net.layers['Affine2'].W = both[:3], both[1:]; net.gradient(x, t)
    | ValueError | Affine2: expected parameter W in an array of its own, …
single.numerical_gradient(x, t) | TypeError | expected x as an array … got … float32
Affine(np.eye(3, dtype='f4'), np.zeros(3)) |
    TypeError | expected W and b both in float64, or both in float32, got float32 and float64
Affine(3, 4) |
    ValueError | expected W of shape (D, M) and b of shape (M,), got () and (); for sizes, use
    Affine.random
Affine(np.zeros(3), np.eye(3)) | ValueError | … got (3,) and (3, 3)
net.loss(x) | TypeError | Network.loss() missing …'t'
net.gradient(x) | TypeError | Network.gradient() missing …'t'
net.predict(x, t) | TypeError | Network.predict() takes 2 positional arguments but 3 were given
# A layer of one's own: what it keeps
net.layers['A'] = Mine(V=[np.eye(3), None], dV=None); net.gradient(x, t) |
    TypeError | A: expected parameter V in an array of float64, got list; if it isn't learnt, …
net.layers['A'] = type('Mine', (Relu,), {'W': np.eye(3), 'dW': None})(); net.gradient(x, t) |
    TypeError | A: expected W in the layer itself, got it in the class, which all its objects share;
    write self.W in __init__
net.layers['A'] = type('Mine', (Relu,), {'inner': Relu()})(); net.params |
    TypeError | A: expected inner in the layer itself, got it in the class, …
net.layers['A'] = type('Mine', (Relu,), {'parts': [Relu()]})(); net.params |
    TypeError | A: expected parts in the layer itself, got it in the class, …
net.layers['A'] = Mine(params=[x], grads=[x], h=None, dh=None); net.params |
    TypeError | A: expected parameters by their names, got them in params and grads; write
    self.W and self.dW, for instance
wide = MultiLayerNet(3, [3] * 10, 3); vars(wide.layers['Affine1']).update(W1=x.copy(), dW1=None);
    wide.gradient(x, t) |
    ValueError | expected a key for each parameter, got W11 for Affine1 and for Affine11; rename one
net.layers['Relu1'] = late; net.params; net.gradient(x, t) |
    TypeError | Relu1: expected W built in __init__, with self.dW = None beside it, and left in
    place, got one made later; if W isn't learnt, call its gradient grad_W
check_layer(late, x) | TypeError | Mine: expected W built in __init__, …
net.lastLayer = Mine(lambda self, x, t: 0.0, c=np.ones(3), dc=None) |
    TypeError | lastLayer: expected no parameters in Mine, got c, which would never be trained; put
    it into network.layers
net.lastLayer = Mine(lambda self, x, t: 0.0, inner=[Affine(np.eye(3), np.zeros(3))]) |
    TypeError | lastLayer: expected no parameters in Affine, got W, …
# A layer of one's own: its methods
net.layers['Relu1'] = Mine(lambda x: x); net.predict(x) |
    TypeError | Relu1: expected a layer with forward(x), got forward(); is self missing?
net.layers['Relu1'] = Mine(backward=lambda dout: dout); net.gradient(x, t) |
    TypeError | Relu1: expected a layer with backward(dout), got backward(); is self missing?
net.layers['Relu1'] = Mine(lambda self, x, train_flg: x); net.predict(x) |
    TypeError | Relu1: expected a layer with forward(x), got forward(x, train_flg)
net.layers['Relu1'] = Mine(None, foward=lambda x: x); net.predict(x) |
    TypeError | Relu1: expected a layer with forward(x), got Mine with foward; did you mean forward?
net.layers['Relu1'] = Sigmoid; net.predict(x) |
    TypeError | Relu1: expected a layer with forward(x), got the class Sigmoid; write Sigmoid(...)
net.layers['Relu1'] = np.tanh; net.predict(x) | TypeError | Relu1: … got ufunc
net.layers = OrderedDict(a=Sigmoid); net.loss(x, t) | TypeError | a: … got the class Sigmoid; …
net.lastLayer = Relu(); net.loss(x, t) |
    TypeError | lastLayer: Relu.forward() takes 2 positional arguments but 3 were given
net.lastLayer = None; net.loss(x, t) |
    TypeError | lastLayer: expected a layer with forward(x, t), got NoneType
check_layer(Relu, x) | TypeError | expected a layer with forward(x), got the class Relu; …
check_layer(Mine(backward=None), x) | TypeError | expected a layer with backward(dout), got Mine
# A layer of one's own: what happens in it, and what it returns
net.layers['Relu1'] = Mine(lambda self, x: x @ np.eye(4)); net.gradient(x, t) |
    ValueError | Relu1: matmul: …
check_layer(Mine(lambda self, x: 1 / 0), x) | ZeroDivisionError | division by zero
net.layers['E'] = Mine(lambda self, x: np.eye(4)[x]); net.predict(x) |
    IndexError | E: arrays used as indices must be of integer … type
net.layers['E'] = Mine(lambda self, x: x[9999]); net.predict(x) |
    IndexError | E: index 9999 is out of bounds for axis 0 with size 4
net.layers['Relu1'] = Mine(lambda self, x: None); net.predict(x) |
    TypeError | Relu1: expected forward to return an array, got None; no return?
net.layers['Z'] = Mine(lambda self, x: None); net.layers['Same'] = Mine(); net.predict(x) |
    TypeError | Z: expected forward to return an array, got None; …
net.layers['Relu1'] = Mine(backward=lambda self, dout: None); net.gradient(x, t) |
    TypeError | Relu1: expected backward to return an array, got None; no return?
net.layers['Relu1'] = Mine(lambda self, x: (x, x[1:])); net.predict(x) |
    TypeError | Relu1: expected forward to return an array, got a tuple
net.layers['A'] = Mine(backward=lambda self, dout: vars(self).update(V=2 * self.V, dV=self.V) or
    dout, V=np.ones(2), dV=None); net.gradient(x, t) |
    TypeError | A: expected V built in __init__, with self.dV = None …, and left in place, got one …
net.layers['Relu1'] = Mine(backward=lambda self, dout: (dout, 1)); net.gradient(x, t) |
    TypeError | Relu1: expected backward to return an array, got a tuple
check_layer(Mine(backward=lambda self, dout: (dout, dout[1:])), x) |
    TypeError | Mine: expected backward to return an array, got a tuple
net.lastLayer = Mine(lambda self, x, t: (1.0, x)); net.loss(x, t) |
    TypeError | lastLayer: expected forward to return one number, got (1.0, array(…
net.lastLayer = Mine(lambda self, x, t: (x - t)**2); net.loss(x, x) |
    TypeError | lastLayer: expected forward to return one number, got shape (…, 3)
check_layer(Mine(lambda self, x: [x]), x) |
    TypeError | Mine: expected forward to return an array, …
check_layer(Mine(backward=lambda self, dout: None), x) |
    TypeError | Mine: expected backward to return an array, got None; no return?
net.layers['Relu1'] = Mine(lambda self, x: x / x.std(axis=1)[:1] / 0); net.loss(x, t) |
    FloatingPointError | Relu1: expected finite numbers from forward, got nan or inf (divide by
    zero, invalid value)
net.layers['Z'] = Mine(lambda self, x: (x - x) / (x[0] - x[0])); net.layers['S'] = Sigmoid();
    net.gradient(x, t) |
    FloatingPointError | Z: … got nan or inf (invalid value)
net.layers['Z'] = Mine(lambda self, x: np.exp(1000 * x)); net.layers['S'] = Sigmoid();
    net.gradient(x, t) |
    FloatingPointError | Z: … got nan or inf (overflow)
net.params['W1'] = np.eye(3) * 1e308; net.layers['S'] = Sigmoid(); net.loss(x, t) |
    FloatingPointError | Affine1: … got nan or inf;
    W is up to 1e+308: if it was trained, use a smaller learning rate
Affine1.b[0] = np.nan; net.loss(x, t) |
    FloatingPointError | Affine1: … got nan or inf
net.layers['Z'] = Mine(lambda self, x: x * np.nan); net.predict(x) | FloatingPointError | Z: …
net.layers['Z'] = Mine(lambda self, x: np.exp(9 * x)); net.loss = lambda x, t:
    Network.loss(net, x / 99, t); net.loss(99 * x, t + 5) |
    ValueError | lastLayer: expected class numbers 0 to 2, got 5; …
Scaled = type('Scaled', (Network,), {'predict': lambda net, x: Network.predict(net, x - 4)});
    Scaled({'Log': Mine(lambda self, x: np.log(x)), **net.layers}, net.lastLayer).accuracy(x, t) |
    FloatingPointError | Log: … (invalid value)
net.layers['Relu1'] = Mine(lambda self, x: np.where(x > 0, np.nan, x)); net.loss(x, t) |
    FloatingPointError | Relu1: expected finite numbers from forward, got nan or inf
net.lastLayer = Mine(lambda self, x, t: np.log(0 * x).mean()); net.loss(x, t) |
    FloatingPointError | lastLayer: expected a finite loss, got -inf from finite scores
    (divide by zero)
net.layers['Relu1'] = Mine(lambda self, x: x.reshape(-1, 2 * x.shape[1])); net.layers['Affine2'] =
    Affine(np.ones((6, 3)), np.zeros(3)); net.loss(x, t) |
    ValueError | Relu1: expected a row for each of 4 samples, got shape (2, 6)
net.layers['Z'] = Mine(lambda self, x: x + np.zeros((2, 3))); net.predict(x[:1]) |
    ValueError | Z: expected a row for each of 1 samples, got shape (2, 3)
net.layers['Z'] = Mine(lambda self, x: x[1:]); net.accuracy(x, t) |
    ValueError | Z: expected a row for each of 4 samples, got shape (3, 3)
net.layers['Z'] = Mine(lambda self, x: float(x.sum())); net.loss(x, t) |
    ValueError | Z: expected a row for each of 4 samples, got shape ()
net.layers['Z'] = Mine(lambda self, x: x[0]); net.layers['S'] = Mine(lambda self, x: x[:, 1:]);
    net.loss(x, t) |
    ValueError | Z: expected a row for each of 4 samples, got shape (3,)
net.layers['Z'] = Mine(lambda self, x: (x, x)); net.loss(x, t) |
    TypeError | Z: expected forward to return an array, got a tuple
net.layers['Z'] = Mine(lambda self, x: x @ self.W, W=None, dW=None); net.loss(x, t) |
    ValueError | Z: matmul: Input operand 1 does not have enough dimensions …
net.layers['Z'] = Mine(lambda self, x: vars(self).update(W=self.W / self.W.sum()) or x @ self.W,
    type(late).backward, W=np.full((3, 3), 1 / 9), dW=None); net.gradient(x, t) |
    TypeError | Z: expected W built in __init__, … left in place, got one made later; …
net.layers['Relu1'] = Mine(backward=lambda self, dout: dout / 0); net.gradient(x, t) |
    FloatingPointError | Relu1: expected finite numbers from backward, got nan or inf (divide by
    zero)
Affine1.backward = lambda dout: dout; net.gradient(x, t) |
    ValueError | Affine1: expected backward to compute dW of shape (3, 3), got None
Affine1.backward = lambda dout: vars(Affine1).update(dW=x[:3] * 1j, db=x[0]); net.gradient(x, t) |
    ValueError | Affine1: expected backward to compute dW of shape (3, 3), got dtype complex128
net.layers['A'] = Mine(backward=lambda self, dout: vars(self).update(dV=np.ones((2, 3))) or dout,
    V=np.ones((3, 2)), dV=None); net.gradient(x, t) |
    ValueError | A: expected backward to compute dV of shape (3, 2), got (2, 3)
net.layers['Odd'] = Mine(backward=lambda self, dout: vars(self).update(dV=1) or dout, V=np.ones(2),
    dV=None); net.gradient(x, t) |
    ValueError | Odd: expected backward to compute dV of shape (2,), got ()
net.layers['Relu1'] = Mine(backward=lambda self, dout: vars(self).update(dV=self.V * np.nan) or
    dout, V=np.ones(2), dV=None); net.gradient(x, t) |
    FloatingPointError | Relu1: expected finite numbers from backward, got nan or inf
line.gradient(x, t) |
    ValueError | Affine1: expected dout of shape (4, 1), as out has, got (4, 4);
    (4, 1) minus (4,) gives that, so t and the scores need one shape
relu = Relu(); relu.forward(x[:, :1]); relu.backward(x.T) |
    ValueError | expected dout of shape (4, 1), as out has, got (3, 4)
net.lastLayer.backward() | AttributeError | SoftmaxWithLoss: call forward before backward
# The chain
net.last_Layer = SoftmaxWithLoss() |
    AttributeError | expected network.lastLayer = ..., got network.last_Layer = ...
net.layers = [Relu()] | AttributeError | 'list' object has no attribute 'items'
Network({}, SoftmaxWithLoss()).loss(x, t) |
    ValueError | expected at least one layer in network.layers, got none
net.layers['relu1'] = Relu(); net.gradient(x, t) |
    ValueError | expected another name than 'Relu1', got 'relu1' beside it
net.layers['A'] = Mine(train_flg=True); net.train_flg = False |
    AttributeError | expected the train_flg of a layer, got one of the network; accuracy sets it to
    False for you; to predict, set that of the layer
best = net.params; net.params = best |
    ValueError | params: expected numbers that were kept, got the network's own arrays, which
    training changes; keep network.params.copy()
net.layers['Again'] = Affine1; net.gradient(x, t) |
    ValueError | Again: expected a layer of its own, got that of Affine1 again; make a second one
# Building a network
TwoLayerNet(3, 50.0, 3) | ValueError | expected hidden_size as a whole number from 1 up, got 50.0
TwoLayerNet(3, 3, 0) | ValueError | expected output_size as a whole number from 1 up, got 0
TwoLayerNet(4.0, 3, 3) | ValueError | expected input_size … got 4.0
TwoLayerNet(3, 3, 3, np.nan) | ValueError | expected weight_init_std as a number, … got nan
net.loss(x, t, 100) | TypeError | Network.loss() takes 3 positional arguments but 4 were given
network = TwoLayerNet(5, 4, 3); network.accuracy(np.ones((1500, 7)), np.ones(1500, int)) |
    ValueError | Affine1: expected x of shape (N, 5), got (1000, 7)
train(TwoLayerNet(3, 4, 3), (x.T, t[:3]), (x.T, t[:3])) |
    ValueError | train_set: Affine1: expected x … got (3, 4); samples are rows: pass x.T
MultiLayerNet(3, [50, '60'], 3) | ValueError | expected each of hidden_size_list … got '60'
MultiLayerNet(784, 50, 100, 10) | ValueError | expected activation "relu" or "sigmoid", got 10
TwoLayerNet(3, 3, 3, '0.01') |
    ValueError | expected weight_init_std as a number, "he" or "xavier", got '0.01'
TwoLayerNet(3, 3, 3, dtype=int) | TypeError | expected W and b … got int64 and int64
# Functions and differences
cross_entropy_error(x, t) |
    ValueError | expected y as rows of probabilities, got other numbers; if they are scores, use
    softmax(scores)
numerical_gradient(np.sum, np.array([1, 2], 'i8')) |
    TypeError | expected x as an array with dtype=np.float64, got an array of int64
numerical_gradient(lambda W: 1.0, net.params) | TypeError | expected x as an array … got Params
numerical_gradient(lambda x: x**2, 3.0) | TypeError | expected x … got float; write np.array(3.0)
numerical_gradient(net.loss(x, t), net.params['W1']) |
    TypeError | 'float' object is not callable
numerical_gradient(lambda x: None, x) |
    TypeError | expected f(x) to be one number in float64, got NoneType
numerical_gradient(lambda x: x[0]**2 + x[1]**2, np.ones((2, 324))) |
    TypeError | expected f(x) … got shape (324,); add it up by np.sum(...)
numerical_gradient(lambda x: x.sum() > 0, x) | TypeError | expected f(x) … got bool…
numerical_gradient(lambda x: x.sum(dtype='f4'), x) | TypeError | expected f(x) … got float32
numerical_gradient(lambda x: np.nan if x[0, 1] > 0 else 1.0, x) |
    ValueError | expected f(x) to be finite, got nan
numerical_gradient(np.sum, x * np.nan) | ValueError | expected numbers … in x, … got nan
numerical_gradient(lambda x: np.put(x, 0, 5) or 1.0, x.copy()) |
    ValueError | expected the same f(x) for the same x, got another; …
# Checks
check_gradient(single, x, t) |
    TypeError | expected params['W1'] as an array with dtype=np.float64, got an array of float32
check_gradient(net, x, t, samples=0) | ValueError | expected samples as a … got 0
check_gradient(net, x, t, tolerance=0) | ValueError | expected tolerance from 1e-9 to below 1, got 0
Affine1.b = np.full(3, 1e13); check_gradient(net, x, t) |
    ValueError | expected numbers from -1e10 to 1e10 in params['b1'], or rounding hides h, got 1…
check_gradient(TwoLayerNet, x, t) |
    TypeError | … got the class TwoLayerNet; write TwoLayerNet(...); …
check_gradient(Network({'a': Relu()}, SoftmaxWithLoss()), x, t) |
    TypeError | expected a network with params, a dict of one array or more, got Network; a layer
    learns a if its __init__ sets the array self.a, and self.da = None
check_gradient(own(params=[x]), x, t) | TypeError | … got SimpleNamespace; …
check_gradient(own(gradient=lambda x, t: None), x, t) |
    TypeError | expected gradient(x, t) to return a dict, got NoneType; its keys must be those of
    params
check_gradient(own(loss=lambda x, t: None), x, t) |
    TypeError | expected the loss to be one … got NoneType
check_layer(Relu(), x + 0j) | TypeError | expected x as real numbers, got (3+0j) at x[0, 0]
check_layer(Mine(lambda self, x: x.astype('f4')), x) |
    TypeError | Mine: expected forward to keep float64, got float32
check_layer(Mine(lambda self, x: x + np.inf), x) |
    ValueError | expected finite outputs, got nan or inf
check_layer(Mine(lambda self, x: x + np.random.rand()), x) |
    ValueError | expected the same output for the same x, got another; if it draws random numbers,
    draw the same each time
net.layers['Z'] = Mine(lambda self, x: vars(self).update(h=self.h + x) or self.h, h=np.zeros(3));
    check_gradient(net, x, t) |
    ValueError | expected the same output for the same x, got another, since Z.h changes in forward
check_layer(Mine(lambda self, x: vars(self).update(tau=self.tau * 0.9) or x * self.tau, tau=1), x) |
    ValueError | … got another, since Mine.tau changes in forward
net.layers['Z'] = Mine(lambda self, x: x * self.rng.random(), rng=np.random.default_rng(0));
    check_gradient(net, x, t) |
    ValueError | … since Z.rng changes in forward
net.layers['Z'] = Mine(lambda self, x: x * np.random.rand()); net.numerical_gradient(x, t) |
    ValueError | expected the same f(x) for the same x, got another; does f draw random numbers, or
    write into x?
# Data and files
load_mnist(True, False, 'no') | TypeError | expected one_hot_label as True or False, got 'no'
load_mnist('data') | TypeError | expected normalize as True or False, got 'data'
load_mnist(data_dir='~/none') |
    FileNotFoundError | …none: expected a folder with train-images-idx3-ubyte or
    train-images-idx3-ubyte.gz, got nothing there; check the path
load_mnist(data_dir='text') |
    FileNotFoundError | text: expected a folder with … got a file; check the path
load_mnist(data_dir='folder') |
    FileNotFoundError | folder: expected a folder with … got a folder that holds nothing; put the
    file in it
net.save('folder') | OSError | …folder: expected a file to write, got a folder
net.save('none/w.npz') | OSError | …w.npz: expected a file to write, got No such file or directory
net.save(None) | TypeError | expected str, bytes or os.PathLike object, not NoneType
Affine1.W = x[:3] * np.nan; net.save('w.npz') |
    ValueError | expected finite parameters, got nan or inf in W1; not saved
net.load('none.npz') | FileNotFoundError | none.npz: expected a file of weights, got none
net.load('folder') | FileNotFoundError | folder: expected a file of weights, got a folder
np.savez('best', **net.params); net.load('best') |
    FileNotFoundError | best: expected a file of weights, got none; did you mean best.npz?
net.load('text') |
    ValueError | text: expected a .npz file of weights, as save writes it, got something else (File
    is not a zip file)
np.savez('x.npz', x); net.load('x.npz') |
    ValueError | x.npz: expected the weights of this network, got others: arr_0 isn't in the
    network; W1 is missing; b1 is missing; W2 is missing; and more
TwoLayerNet(3, 4, 3).save('w.npz'); net.load('w.npz') |
    ValueError | w.npz: expected the weights of this network, got others: W1 has shape (3, 4), not
    (3, 3); …
# Training: its data
train(net, x, t) | TypeError | expected train_set as a pair (x, t), got ndarray
train(net, digits, None) | TypeError | expected test_set as a pair (x, t), got NoneType
train(net, (x, t[:-1]), digits) |
    ValueError | expected train_set as N samples x, (N, D), and N labels t, got (4, 3) and (3,)
train(net, digits, (t, x)) | ValueError | expected test_set as N … got (4,) and (4, 3)
train(net, (x[:0], t[:0]), digits) | ValueError | expected train_set as N … got (0, 3) and (0,)
train(net, (x[:, 0], t), digits) |
    ValueError | … got (4,) and (4,); if a sample is one number, pass x.reshape(-1, 1)
train(net, (x.astype(str), t), digits) |
    TypeError | … got dtype <U32; np.array(..., float) makes numbers of them
train(net, digits, (x, ['label', *t[1:].tolist()])) |
    TypeError | … got 'label' at t_test[0]; if the first is a table's header, leave it out
train(net, ([['a', 'b', 'c'], *x[1:].tolist()], t), digits) |
    TypeError | … got 'a' at x_train[0, 0]; if the first …
train(net, (np.array([[1, 2, 'c']] * len(x), object), t), digits) |
    TypeError | expected x_train as real numbers, got 'c' at x_train[0, 2]
train(net, (np.where(x > 0, np.nan, x), t), digits) |
    ValueError | expected finite numbers in x_train, got nan at x_train[0, 0]; leave that sample
    out, or fill in a number
train(net, (x * 85, t), (x * np.nan, t)) |
    ValueError | … no sample has one there; if you divide by a std, set std[std == 0] = 1 first
train(net, (x, np.where(t == 2, np.nan, t)), digits) | ValueError | … nan at t_train[2]; …
train(net, (x, np.array(['cat', 'dog', 'owl'])[t]), digits) |
    TypeError | expected t_train as real numbers, got 'cat' at t_train[0]; np.unique(…
train(net, (x, t + 1), digits) | ValueError | train_set: expected class numbers 0 to 2, got 3; …
train(net, digits, (x, t + 1)) | ValueError | test_set: expected class numbers 0 to 2, got 3; …
# Training: the rest
train(Network({'Relu1': Relu()}, SoftmaxWithLoss()), digits, digits) |
    ValueError | expected a network with something to learn, got no parameters; a layer learns its
    array W if it has dW too: write self.dW = None in __init__
train('net', digits, digits) | TypeError | expected a network, got str
train(TwoLayerNet, digits, digits) | TypeError | … the class TwoLayerNet; write …
train(net, digits, digits, learning_rate='0.1') |
    TypeError | expected learning_rate as a number above 0, got '0.1'
train(net, digits, digits, learning_rate=0) | ValueError | … above 0, got 0
train(net, digits, digits, learning_rate=np.inf) | ValueError | … above 0, got inf
train(net, digits, digits, iters_num=1e4) | ValueError | expected iters_num as a … got 10000.0
train(net, digits, digits, batch_size=0) | ValueError | expected batch_size as a … got 0
net.lastLayer = Mine(lambda self, x, t: np.nan); train(net, digits, digits) |
    FloatingPointError | update 0: lastLayer: expected a finite loss, got nan from finite scores
History(1).plot() | ValueError | expected the history of one update or more, got an empty one
"""


def table(text):
    """For each row: what was done before, the mistake, the kind of error, the sentence."""
    text = re.sub(r"^#.*\n", "", text.replace("\n    ", " "), flags=re.M)
    rows = [line.split(" | ") for line in text.strip().splitlines()]
    found = [(*done.rpartition("; ")[::2], kind, sentence) for done, kind, sentence in rows]
    ids = [done for done, *_ in rows]
    return pytest.mark.parametrize("before, mistake, kind, sentence", found, ids=ids)


def assert_says(error, kind, sentence):
    said = error.args[0] if isinstance(error, KeyError) else str(error)  # its str has quotes
    assert type(error).__name__ == kind
    pattern = ".*".join(map(re.escape, sentence.split("…")))
    fits = re.fullmatch(pattern, said, re.DOTALL) is not None
    assert fits, f"\nexpected: {sentence}\n     got: {said}"
    return said


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


@table(MISTAKES)
def test_a_mistake_is_answered_in_one_sentence_and_changes_nothing(
    desk, before, mistake, kind, sentence
):
    for times in (1, 100):  # no sentence grows with the data
        cells = notebook(times)
        exec(before, cells)
        chain, arrays = state(cells)
        with np.errstate(invalid="ignore"), pytest.raises(Exception) as caught:  # noqa: B017
            exec(mistake, cells)
        said = assert_says(caught.value, kind, sentence if times == 1 else "…")
        assert "\n" not in said and len(said.replace(str(desk), "")) <= 220
        assert "contextlib" not in traceback.format_tb(caught.value.__traceback__)[-1]
        chain_now, arrays_now = state(cells)
        assert chain_now == chain
        for now, then in zip(arrays_now, arrays, strict=True):
            np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("rate", ["1e300", "1e200"])
def test_a_rate_too_large_stops_training_at_once_and_names_the_update(rate):
    words = r"^update \d: (Affine\d|lastLayer): expected .* use a smaller learning rate$"
    with pytest.raises(FloatingPointError, match=words):
        exec(f"train(net, digits, digits, learning_rate={rate})", notebook())


# What works, but not as meant

# x has one 3 in each row of three: the root of the mean of its squares is sqrt(3) = 1.73.
# (16 / 3 times as large it goes up to 16, as the digits of scikit-learn do.) In `wide` there are
# 0 to 16 over and over: the root of the mean of 5138 / 64, through 255. In `table` columns have
# their own sizes, as age and income. Guessing among a quarter, a half and a quarter costs
# log(4) / 2 + log(2) / 2 = 1.040.
WARNINGS = """
# Numbers of another size
once((x * 85, t), (x * 85, t)) |
    UserWarning | expected x_train to be of about 1, got numbers of about 147, up to 255; divide
    pixels by 255, or pass normalize=True to load_mnist
once(digits, (x * 85, t)) | UserWarning | … x_test … scale it as x_train was; if that was by …
once((x * 16 / 3, t), digits) |
    UserWarning | … 9.24, up to 16; divide by 16, the largest; x_test too, if that wasn't
once((x / 255, t), digits) |
    UserWarning | … 0.00679, up to 0.01176; divide by 0.01176, the largest; …
wide = np.tile(np.arange(64) % 17 / 255, (len(x), 1)); once((wide, t), (wide, t), TwoLayerNet(64, 3,
    3, rng=0)) |
    UserWarning | … 0.0351, up to 0.06275; divide by 0.06275, the largest; …
grey = np.full((len(x), 784), 1 / 255, 'f4'); once((grey, t), (grey, t), reader) |
    UserWarning | … 0.00392, up to 0.003922; were they divided by 255 twice?
table = x * [30, 9000, 1]; once((table, t), digits) |
    UserWarning | … up to 2.7e+04; pass (x - mean) / std: mean, std = x_train.mean(0),
    x_train.std(0); std[std == 0] = 1
once((x + 1000, t), digits) | UserWarning | … up to 1003; pass (x - mean) / std: …
once((x * 1000 - 1500, t), digits) | UserWarning | … up to 1500; divide by 1500, …
# A training that can't come far
new = TwoLayerNet(3, 3, 3, rng=0); new.layers['Relu2'] = Relu(); once(digits, digits, new) |
    UserWarning | expected an Affine as the last layer, as scores may have both signs, got Relu2 at
    the end; build the chain again in the right order
signed = np.uint8(x * 85).view(np.int8) * np.int8(1); signed[0, 0], signed[1, 1] = 127, -90;
    once((signed, t), digits) |
    UserWarning | … bytes read as signed? x.astype(np.int8).view(np.uint8) makes them pixels 0 to
    255
new = TwoLayerNet(3, 3, 3, rng=0); train(new, digits, digits, iters_num=100, learning_rate=1e-12) |
    UserWarning | expected a loss well below 1.040, as mere guessing has, got …: the network has
    learnt next to nothing; is the learning rate too large or too small, are the updates too few, or
    do x and t not belong together?
big, labels = np.tile(np.eye(4), (40, 1)), np.tile(t, 40); train(TwoLayerNet(4, 9, 3, 1, rng=0),
    (big, labels), (big, np.roll(labels, 2)), iters_num=400, rng=0) |
    UserWarning | expected a test accuracy well above 0.500, as mere guessing has, got 0.500, where
    training has 1.000; do x_test and t_test belong together?
train(TwoLayerNet(3, 3, 3, 0), digits, digits, iters_num=100, learning_rate=1e-12) |
    UserWarning | … Relu1 returns 0 for the last batch: take a new network, x of about 1, a W …
many = np.tile(x, (3, 1)); train(net, (many, many[:, 0] * 0), digits, iters_num=3) |
    UserWarning | expected each class of t_test in t_train too, got no class 1; if they are sorted …
many = np.tile(x, (3, 1)); train(net, digits, (many, many[:, 0] * 0), iters_num=3) |
    UserWarning | expected several classes in t_test, got class 0 only: an accuracy says nothing …
many = np.tile(x, (3, 1)), np.zeros(12, int); train(net, many, many, iters_num=3) |
    UserWarning | expected several classes in t_train, got class 0 only: an accuracy says nothing …
net.layers['Relu1'] = Mine(lambda self, x: np.random.seed(0) or x); train(net, digits, digits,
    iters_num=9, learning_rate=1e-12) |
    UserWarning | expected other samples in each batch, got a batch again: something sets the random
    numbers back, as np.random.seed in a forward does; keep a generator there, self.rng = …
# Scores that depend on more than their sample
net.layers['Relu1'] = Mine(lambda self, x: x - x.mean(axis=0)); net.accuracy(x, t) |
    UserWarning | Relu1: expected the same output for a sample alone as in a batch, got another; if
    it works differently in training, let forward look at self.train_flg, which accuracy sets to
    False; or does a reshape mix samples?
net.layers['Relu1'] = Mine(lambda self, x: x + np.random.randn(*x.shape)); net.accuracy(x, t),
    net.accuracy(x, t) | UserWarning | Relu1: …
"""


@table(WARNINGS)
def test_a_warning_comes_once_and_names_the_readers_line(before, mistake, kind, sentence):
    cells = notebook()
    exec(before, cells)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(mistake, cells)
    [warning] = caught
    said = assert_says(warning.message, kind, sentence)
    assert "\n" not in said and len(said) <= 220
    assert warning.filename == "<string>"  # as the cells are called here


# In a terminal

OPTIONS = [
    ("--hidden 50,1e2", "--hidden: expected a whole number from 1 up, got '1e2'"),
    ("--hidden ,", "--hidden: expected a whole number from 1 up, got ''"),
    ("--hidden", "--hidden: expected at least one argument"),
    ("--hidden 9000000000000", "Unable to allocate"),
    ("--iters 0", "--iters: expected a whole number from 1 up, got '0'"),
    ("--epochs 1e4", "--epochs: expected a whole number from 1 up, got '1e4'"),
    ("--epochs 1 --iters 9", "--iters: not allowed with argument --epochs"),
    ("--seed -1", "--seed: expected a whole number from 0 up, got '-1'"),
    ("--batch-size 0", "--batch-size: expected a whole number from 1 up, got '0'"),
    ("--learning-rate 0,1", "expected a number above 0, got '0,1'"),
    ("--lr 0", "expected a number above 0, got '0'"),
    ("--lr inf", "expected a number above 0, got 'inf'"),
    ("--dtype float16", "--dtype: invalid choice: 'float16' (choose from"),
    ("--plot p.xyz", "--plot: expected a name ending in .png, got 'p.xyz'"),
    ("--plot none/p.png", "--plot: …p.png: expected a file to write, got No such"),
    ("--save text/w", "--save: …w: expected a file to write, got Not a directory"),
    ("--save w.py", "--save: expected a name ending in .npz, got 'w.py'"),
    ("--save= --no-plot", "--save: …: expected a file to write, got a folder"),
    ("--load= --no-plot", ".: expected a file of weights, got a folder"),
    ("--load a.png --no-plot", "a.png: expected a .npz file … (File is not a zip file)\n"),
    ("--load w.npz --no-plot", "w.npz: expected the weights of this network, got others: "
     "W1 has shape (3, 3), not (784, 50)"),
    ("--load ~/w.npz --no-plot", "w.npz: expected a file of weights, got none"),
    ("--data=", "expected a folder with train-images-idx3-ubyte"),
    ("--data text", "text: expected a folder with … got a file"),
    ("--batch-sizes 10", "expected other options, got --batch-sizes; did you mean --batch-size?"),
    ("--no_plots", "got --no-plots; did you mean --no-plot?"),
    ("--xyz=3", "expected other options, got --xyz=3; --help lists all"),
    ("-lr 0.1", "expected other options, got -lr; did you mean --learning-rate?"),
    ("--samples=", "--samples: expected a whole number from 1 up, got ''"),
    ("--tolerance 1", "--tolerance: expected a number from 1e-9 to below 1, got '1'"),
    ("--tolerance 0", "--tolerance: expected a number from 1e-9 to below 1, got '0'"),
]  # fmt: skip


@pytest.mark.parametrize("options, answer", OPTIONS, ids=[row[0] for row in OPTIONS])
def test_a_bad_option_is_answered_by_one_line(desk, capsys, options, answer):
    (desk / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    notebook()["net"].save("w.npz")
    of_the_check = options.startswith(("--images", "--samples", "--tolerance"))
    files = sorted(desk.iterdir())
    with pytest.raises(SystemExit) as stop:
        (gradient_check if of_the_check else train_neuralnet).main(options.split())
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
    assert re.search(".*".join(map(re.escape, answer.split("…"))), err), err
    assert sorted(desk.iterdir()) == files


# What looks like a mistake, and simply works

# The scores are (3, 1, 0), (0, 4, 0), (0, 1, 3) and again (3, 1, 0). With
# t = 0, 1, 2, 1 the loss is the mean of log(e^3 + e + 1) - 3, log(e^4 + 2) - 4,
# log(1 + e + e^3) - 3 and log(e^3 + e + 1) - 1.
E1, E3, E4 = np.exp([1, 3, 4])
LOSS = (3 * np.log(E3 + E1 + 1) + np.log(E4 + 2) - 11) / 4

WORKS = [
    # Samples and labels
    ("net.loss(x.tolist(), t.tolist())", LOSS),
    ("net.loss(x, Column([0, 1, 2, 1]))", LOSS),
    ("net.loss(x, t[:, None])", LOSS),
    ("net.loss(np.ma.array(x), np.ma.array(t))", LOSS),
    ("net.accuracy(x.tolist(), t[:, None].tolist())", 3 / 4),
    # A batch of one with a column of one: log(e^3 + e + 1) - 3, as above.
    ("net.loss(x[:1], np.array([[0]]))", np.log(E3 + E1 + 1) - 3),
    ("net.accuracy(x[:1], t[:1])", 1),
    ("net.predict(np.full((1, 3), 255, np.uint8))", [[255, 256, 255]]),
    ("p = TwoLayerNet(4, 2, 2); p.params['b2'] = [1, 2]; p.predict([Image.new('L', (2, 2))])",
     [[1, 2]]),
    # Layers and chains
    ("net.lastLayer = Mine(lambda self, x, t: 7.0, lambda self, dout: x); "
     "net.gradient(x, t)['b2']", [6, 3, 3]),
    ("net.layers['Relu1'] = Mine(backward=None); net.loss(x, t)", LOSS),
    ("net.layers = OrderedDict(net.layers, Relu1=SimpleNamespace(forward=np.positive, "
     "backward=np.positive)); net.loss(x, t)", LOSS),  # written in C
    ("net.layers['Time'] = Mine(lambda self, x: x.reshape(-1, 1)); net.predict(x)[:3]",
     [[3], [1], [0]]),  # (N, T) as N * T rows
    ("own = Mine(lambda self, x: x[1:]); Network({'A': own}, None).predict(x[1])", [3, 0]),
    ("own = Mine(lambda self, x: float(x[1])); Network({'A': own}, None).predict(x[1])", 3),
    ("net.layers['Pair'] = Mine(lambda self, x: x[:2]); net.lastLayer = SquaredError(); "
     "net.loss(x, t=x[:2])", 1 / 3),  # two outputs of six are off by 1
    ("turn = lambda self, x: (1 + 1 / (1 + np.exp(1e5 * x))).T; "
     "Network({'A': Mine(turn), 'B': Mine(turn)}, None).predict(x[:2])", np.ones((2, 3))),
    ("net.layers['V'] = Mine(backward=lambda self, dout: vars(self).update(dV=np.array([4])) or "
     "dout, V=np.zeros(1), dV=None); net.gradient(x, t)['V3']", [4]),  # whole numbers
    ("net.layers = OrderedDict(L=Mine(lambda self, x: x.tolist()), **net.layers); "
     "net.lastLayer = Mine(lambda _, x, t: x.sum()); net.numerical_gradient(x, t)['b2']", [4] * 3),
    ("net.predict = lambda x: net.layers['Affine2'].forward(x.tolist()); "
     "net.numerical_gradient(x, t)['b1']", [0, 0, 0]),  # which it doesn't use
    ("old = net.layers; net.layers = OrderedDict(); net.layers.update(old); net.loss(x, t)", LOSS),
    ("book = Network.__new__(Network); book.layers = {}; book.lastLayer = SoftmaxWithLoss(); "
     "book.layers.update(net.layers); book.loss(x, t)", LOSS),
    ("net.train_flg = 5; net.train_flg", 5),
    ("repr(Network({1: Relu()}, SoftmaxWithLoss())).count('Relu')", 1),
    ("Affine([[1, 2]], [3, 4]).forward([[5]])", [[8, 14]]),
    ("Affine([[2.0]], [1.0]).forward([5, 6])", [[11], [13]]),  # samples of one number each
    ("Affine1.W = np.eye(3, dtype=int); Affine1.forward(x / 2)[0]", [1.5, 0, 0]),
    ("MultiLayerNet(3, 2, 3).params['b1']", [0, 0]),
    ("TwoLayerNet(*np.int64([3, 3, 3]), np.float32(1)).params['b1']", [0, 0, 0]),
    ("Scale = guarded(type('Scale', (), {'__init__': lambda self, by: setattr(self, 'by', by), "
     "'forward': lambda self, x: self.by * x, 'backward': lambda self, dout: self.by * dout, "
     "'__repr__': lambda self: '7'})); Scale(2).forward([[int(repr(Scale(2)))]])", [[14]]),
    # Parameters
    ("Affine1.W = np.broadcast_to(1.0, (3, 3)); net.params['W1'] = x[:3]; Affine1.W",
     [[3, 0, 0], [0, 3, 0], [0, 0, 3]]),
    ("net.save('w'); net.load('w'); net.loss(x, t)", LOSS),
    # Two parameters may be halves of one array. The scores are (0, 1, 0) for each of the four
    # samples, of which the labels are 0, 1, 2, 1: the sum of (y - t) / 4 is y - (1, 2, 1) / 4.
    ("both = np.zeros((6, 3)); Affine1.W, net.layers['Affine2'].W = both[::2], both[1::2]; "
     "net.gradient(x, t)['b2']", np.array([1, E1, 1]) / (E1 + 2) - [0.25, 0.5, 0.25]),
    # Checks: what a class of one's own has is all that they ask for
    ("numerical_gradient(lambda x: np.array(7.0), x)", np.zeros((4, 3))),
    ("cross_entropy_error(rows, t=t)", 0),
    ("sigmoid(Column(np.float32([0]))).dtype == 'f4'", True),
    ("bool(check_gradient(own(), x, t))", True),
    ("check_gradient(own(gradient=lambda x, t: {'W': np.eye(3)}), x, t).failed == ['W']", True),
    # Training
    ("train(net, digits, digits, iters_num=2, batch_size=3).iter_per_epoch", 1),
    ("once((x.tolist(), t.tolist()), digits).test_acc_list", [3 / 4]),
    ("net.layers['Relu2'] = Relu(); net.predict = lambda x: Network.predict(net, x) - 1; "
     "once(digits, digits).test_acc_list", [3 / 4]),  # the Relu isn't the end
    ("once((Column(x), Column(t)), digits).train_acc_list", [3 / 4]),
    # The scores of `line` are 3 for each sample, so that its squared errors are (3 - 5)^2 = 4.
    ("targets = np.full((4, 1), 5); once((x, targets), (x, targets), line).train_loss_list", [4]),
    ("targets = np.full((4, 1), 5); once((x, targets), (x, targets), line).train_acc_list", []),
]  # fmt: skip


@pytest.mark.parametrize("done, want", WORKS, ids=[row[0] for row in WORKS])
def test_what_simply_works(desk, done, want):
    before, _, last = done.rpartition("; ")
    cells = notebook()
    exec(before, cells)
    np.testing.assert_allclose(eval(last, cells), want, rtol=1e-6, atol=1e-15)
