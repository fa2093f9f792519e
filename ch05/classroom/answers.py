"""What is right in each part, and what often comes instead, each with its cause. This is data.

RIGHT[part][key] is the right value, CAUSES[part][key] a list of (words, wrong value). All values
are expressions. They name what a part is given (x, dout, W, b, t ...), the functions below, NumPy
as np, right, the right value, and first, the record told. A cause has to fit all that was tried.
"""

import numpy as np

KEYS = ["W1", "b1", "W2", "b2"]
COPY = "self.params was changed, and that isn't seen here: is something a copy?"


def value(expression, env):
    return eval(expression, globals(), env)  # noqa: S307 (only what stands in this file)


def rows(x):
    return x.reshape(len(x), -1)


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=1):
    y = np.exp(x - x.max(axis=1, keepdims=True))
    return y / y.sum(axis=axis, keepdims=True)


def entropy(y, t):
    return -np.sum(t * np.log(y)) / len(y)


def right_loss(x, t):
    """The mean loss, by log-sum-exp, and dx."""
    x = x - x.max(axis=1, keepdims=True)
    log_y = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    return -np.sum(t * log_y) / len(x), (np.exp(log_y) - t) / len(x)


def right_gradient(params, x, t):
    W1, b1, W2, b2 = (params[key] for key in KEYS)
    a1 = x @ W1 + b1
    z1 = relu(a1)
    _, dscores = right_loss(z1 @ W2 + b2, t)
    da1 = dscores @ W2.T * (a1 > 0)
    gradients = x.T @ da1, da1.sum(axis=0), z1.T @ dscores, dscores.sum(axis=0)
    return {key: each.reshape(params[key].shape) for key, each in zip(KEYS, gradients)}


def not_0(array):
    """The array; None if all is 0, which has other causes."""
    return array if array.any() else None


def quotient(f, x, up, down, by):
    """(f(x + up) - f(x + down)) / by for each entry of x."""
    grad = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[i] += up
        below[i] += down
        grad[i] = (f(above) - f(below)) / by
    return grad


RIGHT = {
    "Relu": {"out": "relu(x)", "dx": "np.where(x > 0, dout, 0)"},
    "Sigmoid": {"out": "sigmoid(x)", "dx": "dout * sigmoid(x) * (1 - sigmoid(x))"},
    "Affine": {"out": "rows(x) @ W + b", "dx": "(dout @ W.T).reshape(x.shape)",
               "dW": "rows(x).T @ dout", "db": "dout.sum(axis=0)"},
    "SoftmaxWithLoss": {"loss": "right_loss(x, t)[0]", "dx": "dout * right_loss(x, t)[1]"},
    "numerical_gradient": {"grad": "slope"},
    "predict": {"scores": "relu(x @ W1 + b1) @ W2 + b2"},
    "gradient": {"grad": "right_gradient(params, x, t)[key]"},
    "update": {"params": "before[key] - rate * grad[key]"},
}  # fmt: skip
BY_N = [
    ("divide by the batch size N", "right * len(x)"),
    ("it is divided by the number of classes; divide by N", "right * len(x) / t.shape[1]"),
    ("it is divided by N C; divide by N", "right / t.shape[1]"),
    ("it is divided by the batch size N twice", "right / len(x)")]  # fmt: skip
CAUSES = {
    "Relu": {
        "out": [
            ("x is returned as it was; negative numbers should become 0", "x"),
            ("that is the smaller one of x and 0", "np.minimum(x, 0)"),
            ("that is 1 where x > 0; it should be x there", "x > 0")],
        "dx": [
            ("at x = 0 it should be 0: take x > 0, not x >= 0", "np.where(x >= 0, dout, 0)"),
            ("dout is returned as it was; it should be 0 where x <= 0", "dout"),
            ("the mask is the wrong way round", "np.where(x > 0, 0, dout)"),
            ("the mask is made from dout; make it from x", "np.where(dout > 0, dout, 0)"),
            ("dout is missing", "x > 0"),
            ("that is x where x > 0; it should be dout there", "relu(x)"),
            ("dout is multiplied by out; the factor is 1 where x > 0", "dout * relu(x)")]},
    "Sigmoid": {
        "out": [
            ("that is 1 / (1 + exp(x)): a minus is missing", "sigmoid(-x)"),
            ("that is 1 / (1 - exp(-x)): a sign is wrong", "1 / (1 - np.exp(-x))"),
            ("that is 1 / 1 + exp(-x): brackets are missing", "1 + np.exp(-x)")],
        "dx": [
            ("dout is missing", "sigmoid(x) * (1 - sigmoid(x))"),
            ("brackets are missing: out * (1 - out)", "dout * sigmoid(x) - sigmoid(x)"),
            ("the factor 1 - out is missing", "dout * sigmoid(x)"),
            ("the factor out is missing", "dout * (1 - sigmoid(x))"),
            ("in out * (1 - out) out is needed, not x", "dout * x * (1 - x)"),
            ("in out * (1 - out) out is needed, not dout", "dout * dout * (1 - dout)"),
            ("dout is returned as it was", "dout"),
            ("sigmoid is applied to out once more",
             "dout * sigmoid(sigmoid(x)) * (1 - sigmoid(sigmoid(x)))"),
            ("that is the derivative of tanh, 1 - out²", "dout * (1 - sigmoid(x) ** 2)")]},
    "Affine": {
        "out": [
            ("b is missing", "rows(x) @ W"),
            ("that is x W^T + b: W should not be transposed", "rows(x) @ W.T + b")],
        "dx": [
            ("that is dout W: W should be transposed", "(dout @ W).reshape(x.shape)"),
            ("dx should have the shape of x", "dout @ W.T")],
        "dW": [
            ("that is the transpose of x^T dout", "dout.T @ rows(x)"),
            ("that is divided by N; add up over the batch", "right / len(x)")],
        "db": [
            *(("add up the rows of dout: axis=0", wrong)
              for wrong in ("dout.sum(axis=1)", "dout.sum(axis=1)[:, None]", "dout")),
            ("all of dout is added up; add up its rows: axis=0", "dout.sum()"),
            ("that is the mean of the rows; add them up", "dout.mean(axis=0)"),
            ("leave out keepdims", "dout.sum(axis=0)[np.newaxis]")]},
    "SoftmaxWithLoss": {
        "loss": [
            *BY_N,
            ("that is one number a sample; return their mean",
             "-np.sum(t * np.log(softmax(x)), 1)"),
            ("add up over the classes, and return the mean over the batch",
             "-t * np.log(softmax(x))"),
            ("the minus is missing", "-right"),
            *(("softmax has the wrong axis; each row of y should sum to 1",
               f"entropy({y}, t){factor}")
              for axis in (0, None)
              for y in (f"softmax(x, {axis})", f"(np.exp(x) / np.exp(x).sum({axis}))")
              for factor in ("", " * len(x)")),
            ("are x and t swapped?", "-np.sum(x * np.log(softmax(t))) / len(x)"),
            ("softmax is applied twice", "entropy(softmax(softmax(x)), t)"),
            ("that is binary cross entropy; add up t * log(y) only",
             "right - np.sum((1 - t) * np.log(1 - softmax(x))) / len(x)"),
            ("t is missing: all classes count", "-np.log(softmax(x)).sum() / len(x)"),
            ("the logarithm is missing", "-np.sum(t * softmax(x)) / len(x)"),
            ("the softmax is missing: that is the logarithm of x", "entropy(x, t)")],
        "dx": [
            *BY_N,
            ("the sign is wrong: y - t, not t - y", "-right"),
            ("t is missing: y - t", "softmax(x) / len(x)"),
            ("the sign is wrong: y - t, not t - y. And divide by N", "-right * len(x)"),
            ("that is dL/dy = -t / y; go on to dL/dx", "-t / softmax(x) / len(x)"),
            ("that is dL/dy = -t / y; go on to dL/dx", "-t / softmax(x)"),
            ("leave out the factor y (1 - y)", "right * softmax(x) * (1 - softmax(x))")]},
    "numerical_gradient": {
        "grad": [
            ("it is divided by h; divide by 2h", "2 * right"),
            ("divide by 2h", "2e-4 * right"),
            ("that is (...) / 2 * h: brackets are missing, (...) / (2 * h)", "1e-8 * right"),
            ("the sign is wrong: f(x + h) - f(x - h)", "-right"),
            ("f reads x itself, so change x in place, not a copy", "0 * right if reads else right"),
            ("every entry is 0: does x change between two calls of f, and is grad filled in?",
             "0 * right"),
            ("only the first entry is right: is return inside the loop?",
             "np.where(np.arange(x.size).reshape(x.shape) == 0, right, 0)"),
            ("only the last entry is right: is a new grad made inside the loop?",
             "np.where(np.arange(x.size).reshape(x.shape) == x.size - 1, right, 0)"),
            *((words, f"quotient(f, x, {arguments.replace('h', h)})")
              for h in ("1e-1", "1e-2", "1e-3", "1e-4", "1e-5", "1e-6", "1e-7")
              for words, arguments in (
                ("that is a forward difference: use (f(x + h) - f(x - h)) / 2h", "h, 0, h"),
                ("that is a backward difference: use (f(x + h) - f(x - h)) / 2h", "0, -h, h"),
                ("the second step ends at x: from x + h go back by 2h", "h, 0, 2 * h"),
                ("the step is too large; use h = 1e-4", "h, -h, 2 * h"),
            ))]},
    "predict": {
        "scores": [
            ("these are probabilities; return scores, without softmax", "softmax(right)"),
            (COPY, "not_0(relu(x @ start['W1'] + start['b1']) @ start['W2'] + start['b2'])"),
            ("Relu1 is left out", "(x @ W1 + b1) @ W2 + b2"),
            ("a Relu too many: the scores are what Affine2 returns", "relu(right)"),
            ("that is chapter 4's: use Relu, and no softmax",
             "softmax(sigmoid(x @ W1 + b1) @ W2 + b2)"),
            ("that is what Affine1 returns; go on to the end", "x @ W1 + b1"),
            ("that is the class; return the scores", "right.argmax(axis=1)")]},
    "gradient": {
        "grad": [
            (COPY, "not_0(right_gradient(start, x, t)[key])"),
            ("that is the array itself; take the layer's dW or db", "params[key]"),
            BY_N[0], BY_N[-1],  # all batches have two classes
            *((f"that is the gradient of {key}", f"right_gradient(params, x, t)['{key}']")
              for key in KEYS)]},
    "update": {
        "params": [
            ("it is unchanged", "before[key]"),
            ("the sign is wrong: subtract", "before[key] + rate * grad[key]"),
            ("learning_rate is missing", "before[key] - grad[key]"),
            ("it doesn't depend on learning_rate", "before[key] - grad[key] * np.mean("
             "(first.env['before'][key] - first.got) / first.env['grad'][key])"),
            ("the gradient takes its place; subtract", "grad[key]"),
            ("the step takes its place: write -=, not =-", "-rate * grad[key]"),
            ("grad has its keys in another order: take grad[key]",
             "before[key] - rate * [*grad.values()][[*before].index(key)]")]},
}  # fmt: skip
