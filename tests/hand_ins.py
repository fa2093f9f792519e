"""Right solutions of ch05/classroom/exercises.py in three styles, for test_classroom.py."""

HEAD = "from collections import OrderedDict\nimport numpy as np\n"


def parts(names, text):
    """{name: source of that class or function}; they stand in this order, with a line between."""
    return {name: f"\n{each}\n" for name, each in zip(names.split(), text.strip().split("\n\n"))}


SHORT = parts("Relu Sigmoid Affine SoftmaxWithLoss numerical_gradient TwoLayerNet update", """
class Relu:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)
    def backward(self, dout):
        return dout * (self.x > 0)

class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out
    def backward(self, dout):
        return dout * self.out * (1 - self.out)

class Affine:
    def __init__(self, W, b):
        self.W, self.b, self.dW, self.db = W, b, None, None
    def forward(self, x):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ self.W + self.b
    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return (dout @ self.W.T).reshape(self.shape)

class SoftmaxWithLoss:
    def forward(self, x, t):
        x = x - x.max(axis=1, keepdims=True)
        self.t = np.eye(x.shape[1])[t] if np.ndim(t) == 1 else t
        log_y = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
        self.y = np.exp(log_y)
        return -np.sum(self.t * log_y) / len(x)
    def backward(self, dout=1):
        return dout * (self.y - self.t) / len(self.y)

def numerical_gradient(f, x):
    grad, h = np.zeros_like(x), 1e-4
    for i in range(x.size):
        old = x.flat[i]
        x.flat[i] = old + h
        above = f(x)
        x.flat[i] = old - h
        grad.flat[i] = (above - f(x)) / (2 * h)
        x.flat[i] = old
    return grad

class TwoLayerNet:
    def __init__(self, D, H, C, weight_init_std=0.01):
        self.params = {"W1": weight_init_std * np.random.randn(D, H), "b1": np.zeros(H),
                       "W2": weight_init_std * np.random.randn(H, C), "b2": np.zeros(C)}
        self.layers = OrderedDict(
            Affine1=Affine(self.params["W1"], self.params["b1"]), Relu1=Relu(),
            Affine2=Affine(self.params["W2"], self.params["b2"]))
        self.lastLayer = SoftmaxWithLoss()
    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x
    def loss(self, x, t):
        return self.lastLayer.forward(self.predict(x), t)
    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.lastLayer.backward()
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        affines = self.layers["Affine1"], self.layers["Affine2"]
        return {f"{key}{i}": getattr(affine, f"d{key}")
                for i, affine in enumerate(affines, start=1) for key in "Wb"}

def update(params, grad, learning_rate):
    for key in params:
        params[key] -= learning_rate * grad[key]
""")  # fmt: skip

# Base classes, annotations, names in other letters. Layers are called, with keywords and further
# arguments; they return the same arrays again and free what they kept; the network reads a mask.
OBJECTS = parts("Relu Affine SoftmaxWithLoss TwoLayerNet update", """
class Layer:
    saved: "Anything" = None
    def __call__(self, *args, **options): return self.forward(*args, **options)
    def keep(self, *arrays): self.saved = arrays
    def same(self, name, array):
        kept = vars(self).setdefault(name, array)
        if kept.shape != array.shape: return array
        kept[...] = array
        return kept
class ReLU(Layer):
    def forward(self, x: np.ndarray) -> ReLU:
        self.mask = np.where(x > 0, 1, 0).astype(x.dtype)
        return self.same("out", x * self.mask)
    def backward(self, dout): return self.same("dx", np.multiply(dout, self.mask))

class Affine(Layer):
    def __init__(self, W, b, name=""):
        self.params = [W, b]; self.grads = [np.zeros_like(W), np.zeros_like(b)]
    @property
    def dW(self): return self.grads[0]
    @property
    def db(self): return self.grads[1]
    def forward(self, x):
        self.keep(x); W, b = self.params
        return self.same("out", np.einsum("nd,dm->nm", x.reshape(x.shape[0], -1), W) + b[None, :])
    def backward(self, dout):
        (x,), self.saved = self.saved, None
        self.grads[0][...] = np.tensordot(x.reshape(x.shape[0], -1), dout, [[0], [0]])
        self.grads[1][...] = np.ones(len(dout)) @ dout
        return self.same("dx", np.einsum("nm,dm->nd", dout, self.params[0]).reshape(x.shape))

def softmax(scores):
    e = np.exp(scores - np.max(scores, -1, keepdims=True)); return e / np.sum(e, -1, keepdims=True)
class SoftmaxWithLoss(Layer):
    def forward(self, x, t):
        self.keep(softmax(x), t); y, t = self.saved
        return np.mean(-(np.where(t > 0, t, 0) * np.log(np.where(t > 0, y, 1))).sum(-1))
    def backward(self, dout=1.0):
        (y, t), self.saved = self.saved, None
        return dout * (y - t) / y.shape[0]

class TwoLayerNet:
    def __init__(self, D, H, C, **options):
        one = Affine(b=np.zeros(H), W=0.01 * np.random.randn(D, H), name="1")
        self.layers = [one, ReLU(), Affine(0.01 * np.random.randn(H, C), np.zeros(C), "2")]
        self.last_layer = SoftmaxWithLoss()
    def by_name(self, kind):
        one, _, two = self.layers
        return dict(zip(("W1", "b1", "W2", "b2"), getattr(one, kind) + getattr(two, kind)))
    @property
    def params(self): return self.by_name("params")
    def predict(self, x):
        from functools import reduce
        return reduce(lambda x, layer: layer(x), self.layers, x)
    def gradient(self, x, t):
        one, relu, two = self.layers
        self.last_layer.forward(t=t, x=self.predict(x=x))
        one.backward(dout=two.backward(self.last_layer.backward(dout=1)) * relu.mask)
        return self.by_name("grads")

def update(params, grad, learning_rate=0.1):
    for key, parameter in params.items():
        np.subtract(parameter, np.multiply(grad[key], learning_rate), out=parameter)
    return params
""")  # fmt: skip
MORE = "numerical_gradient(f, x)", "numericalGradient(f, x, h=1e-5)"
OBJECTS["numerical_gradient"] = SHORT["numerical_gradient"].replace("1e-4", "h").replace(*MORE)

# In the chapter's way, in words of our own (see its 5.5 to 5.7).
BOOK = parts("Relu SoftmaxWithLoss TwoLayerNet update", """
class Relu:
    def __init__(self): self.mask = None
    def forward(self, x): self.mask = x <= 0; out = x.copy(); out[self.mask] = 0; return out
    def backward(self, dout): dout[self.mask] = 0; return dout

class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x.T - np.max(x.T, axis=0)); self.y, self.t = ((e / np.sum(e, axis=0)).T, t)
        return -np.sum(self.t * np.log(self.y + 1e-07)) / self.y.shape[0]
    def backward(self, dout=1): return (self.y - self.t) / self.t.shape[0]

class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        W1 = weight_init_std * np.random.randn(input_size, hidden_size)
        W2 = weight_init_std * np.random.randn(hidden_size, output_size)
        self.first = Affine(W1, np.zeros(hidden_size)); self.bend = Relu()
        self.second = Affine(W2, np.zeros(output_size)); self.last = SoftmaxWithLoss()
        self.params = dict(W1=W1, b1=self.first.b, W2=W2, b2=self.second.b)
    def predict(self, x): return self.second.forward(self.bend.forward(self.first.forward(x)))
    def gradient(self, x, t):
        self.last.forward(self.predict(x), t)
        self.first.backward(self.bend.backward(self.second.backward(self.last.backward(1))))
        return dict(W1=self.first.dW, b1=self.first.db, W2=self.second.dW, b2=self.second.db)

class SGD:
    def __init__(self, lr=0.01): self.lr = lr
    def update(self, params, grads):
        for key in params.keys():
            params[key][...] = params[key] - self.lr * grads[key]
""")  # fmt: skip
