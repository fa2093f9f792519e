"""What train is given, looked at before the first update."""

import math
import numbers

import numpy as np

from ch05.tools.history import shares
from ch05.tools.screen import warn
from common.guards.arguments import (
    as_numbers,
    check_count,
    first_not_finite,
    is_finite,
    kind,
    label_rows,
    short,
    wrong,
)
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network


def check_training(network, train_set, test_set, iters_num, batch_size, learning_rate):
    """The two sets as arrays; and are their t labels, so that there is an accuracy?"""
    check_learns(network)
    warn_of_last(network)
    check_count("iters_num", iters_num)
    check_count("batch_size", batch_size)
    is_number = isinstance(learning_rate, numbers.Real)
    if not is_number or not 0 < learning_rate < math.inf:
        error = ValueError if is_number else TypeError
        raise wrong(error, "learning_rate as a number above 0", short(learning_rate))
    x_train, t_train = as_set("train", train_set)
    x_test, t_test = as_set("test", test_set)
    sets = ("train_set", x_train, t_train), ("test_set", x_test, t_test)
    are_classes = all([have_classes(network, *each) for each in sets])
    if are_classes:
        warn_of_classes(t_train, t_test)
    if not warn_of_scale(network, "x_train", x_train):
        hint = "scale it as x_train was; if that was by a std, with std[std == 0] = 1"
        warn_of_scale(network, "x_test", x_test, hint)
    return (x_train, t_train), (x_test, t_test), are_classes


def check_learns(network):
    if isinstance(network, type) or not hasattr(network, "gradient"):
        raise wrong(TypeError, "a network", kind(network))
    if not network.params:
        hint = "a layer learns its array W if it has dW too: write self.dW = None in __init__"
        raise wrong(ValueError, "a network with something to learn", "no parameters", hint)


def warn_of_last(network):
    """Warn of a Relu or Sigmoid behind the scores: a layer with a new name is put at the end."""
    if not (isinstance(network, Network) and network.is_plain()):
        return  # a predict of one's own may go on after it
    name, last = [*network.layers.items()][-1]
    if isinstance(last, (Relu, Sigmoid)) and isinstance(network.lastLayer, SoftmaxWithLoss):
        came = f"{name} at the end; build the chain again in the right order"
        warn(f"expected an Affine as the last layer, as scores may have both signs, got {came}")


# The two sets


def as_set(name, pair):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise wrong(TypeError, f"{name}_set as a pair (x, t)", kind(pair))
    x, t = pair
    x, t = as_numbers(x, f"x_{name}"), as_numbers(t, f"t_{name}")
    if x.ndim < 2 or x.shape[:1] != t.shape[:1] or x.size == 0:
        came, hint = f"{x.shape} and {t.shape}", ""
        if x.ndim == 1 and x.size == t.size > 1:
            hint = "if a sample is one number, pass x.reshape(-1, 1)"
        raise wrong(ValueError, f"{name}_set as N samples x, (N, D), and N labels t", came, hint)
    check_finite(f"x_{name}", x)
    check_finite(f"t_{name}", t)
    return x, t


def check_finite(name, array):
    if array.dtype.kind != "f" or is_finite(array):
        return
    hint, place = "leave that sample out, or fill in a number", np.argwhere(~np.isfinite(array))[0]
    if min(array.ndim, len(array)) > 1 and not np.isfinite(array[(slice(None), *place[1:])]).any():
        hint = "no sample has one there; if you divide by a std, set std[std == 0] = 1 first"
    raise wrong(ValueError, f"finite numbers in {name}", first_not_finite(array, name), hint)


def have_classes(network, name, x, t):
    """False if the last layer has a forward of its own, and takes a t that isn't labels.

    With SoftmaxWithLoss such a t is an error, which comes here, before the first update.
    """
    labels = None
    try:
        scores = some_scores(network, x)
        labels = np.empty((len(t), *scores.shape[1:]))
        return label_rows(t, labels) is not None
    except ValueError as error:
        last = getattr(network, "lastLayer", None)
        if labels is None or getattr(type(last), "forward", None) is SoftmaxWithLoss.forward:
            raise ValueError(f"{name}: {error}") from None
        if isinstance(last, SoftmaxWithLoss):  # it has a forward of its own
            warn(f"{name}: {error}. So there is no accuracy")
        return False


def some_scores(network, x):
    """The scores of three samples; if these can't be used, the error is one about all of x."""
    predict = getattr(network, "predict_in_batches", network.predict)
    try:
        return predict(x[:3])
    except ValueError:
        predict(x)
        raise


def warn_of_classes(t_train, t_test):
    """Warn of samples that were sorted by class when they were split, or are of one class."""
    share, test_share = shares(t_train, t_test)
    unknown = np.where(share == 0, test_share, 0)
    if unknown.sum() > 0.05 and len(t_train) >= 10:  # not a few of a rare class
        came = f"no class {unknown.argmax()}; if they are sorted by class, "
        came += "i = np.random.permutation(len(t)), and split x[i], t[i]"
        return warn(f"expected each class of t_test in t_train too, got {came}")
    for name, t, each in ("t_train", t_train, share), ("t_test", t_test, test_share):
        if len(t) >= 10 and each.max() == 1:
            came = f"class {each.argmax()} only: an accuracy says nothing then"
            return warn(f"expected several classes in {name}, got {came}")


# The size of the numbers


def warn_of_scale(network, name, x, hint=None):
    """Warn of samples that aren't of the size for which networks of our layers start.

    Found by trying: with a root mean square of 10 or more training on MNIST fails, and with 0.01
    or less. Samples of few columns fail sooner: 64 columns with 0.03.
    """
    size = float(np.sqrt(np.mean(np.square(x[:1000], dtype=np.float64))))
    length = size * math.sqrt(x[0].size)  # of a sample as a vector
    high = max(float(x.max()), -float(x.min()))  # np.abs(x) would be as large as x once more
    small = 0 < size < 0.02 or 0 < size < 0.1 and length < 0.3
    layers = getattr(network, "layers", None)
    first = next(iter(layers.values()), None) if hasattr(layers, "values") else None
    # A layer of one's own may look up, scale or normalize.
    is_own = first is not None and not isinstance(first, (Affine, Relu, Sigmoid))
    if is_own or not (size > 7 or small and high < 0.5):
        return False
    hint = hint or how_to_scale(x.reshape(len(x), -1))
    came = f"numbers of about {size:.3g}, up to {x.max():.4g}"
    warn(f"expected {name} to be of about 1, got {came}{hint and f'; {hint}'}")
    return True


def how_to_scale(x):
    """What to do with numbers that are too large or too small, by what they look like; or ""."""
    low, high, pixels = float(x.min()), float(x.max()), x.shape[1] == 784
    if low >= 0 and (high == 255 or pixels and 200 <= high < 255):
        return "divide pixels by 255, or pass normalize=True to load_mnist"
    is_signed = -128 <= low < -64 and 64 < high <= 127 and (pixels or x.dtype == np.int8)
    if is_signed and (x == np.round(x)).all():
        return "bytes read as signed? x.astype(np.int8).view(np.uint8) makes them pixels 0 to 255"
    if low >= 0 and pixels and 200 / 255 <= high * 255 < 1.001:  # rounding
        return "were they divided by 255 twice?"
    columns = np.maximum(x.max(axis=0), -x.min(axis=0))  # the largest of each
    largest, varies = float(columns.max()), np.ptp(x, axis=0) > 0
    alike = not varies.any() or np.mean(columns[varies] > largest / 10) > 0.8
    if alike and low <= 0:
        return f"divide by {largest:.4g}, the largest; x_test too, if that wasn't"
    return "pass (x - mean) / std: mean, std = x_train.mean(0), x_train.std(0); std[std == 0] = 1"
