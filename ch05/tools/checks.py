"""What is looked at before the first update of a training."""

import math
import numbers
import warnings

import numpy as np

from common.layers import SoftmaxWithLoss
from common.mistakes import as_numbers, check_count, kind, label_rows, short, wrong

__all__ = ["check_training"]


def check_training(network, train_set, test_set, iters_num, batch_size, learning_rate):
    """The two sets as arrays; and are their t labels, so that there is an accuracy?"""
    if isinstance(network, type):
        raise wrong(TypeError, "a network", kind(network))
    check_count("iters_num", iters_num)
    check_count("batch_size", batch_size)
    if not isinstance(learning_rate, numbers.Real) or not 0 < learning_rate < math.inf:
        raise wrong(ValueError, "learning_rate as a number above 0", short(learning_rate))
    train_set, test_set = as_set("train_set", train_set), as_set("test_set", test_set)
    if not warn_of_scale("x_train", train_set[0]):
        warn_of_scale("x_test", test_set[0])
    have_classes = [
        are_classes(network, name, *pair)
        for name, pair in (("train_set", train_set), ("test_set", test_set))
    ]
    return train_set, test_set, all(have_classes)


def as_set(name, pair):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise wrong(TypeError, f"{name} as a pair (x, t)", kind(pair))
    x, t = (as_numbers(each, f"{name} as arrays of real numbers") for each in pair)
    if x.ndim < 2 or x.shape[:1] != t.shape[:1] or x.size == 0:
        came = f"{x.shape} and {t.shape}"
        raise wrong(ValueError, f"{name} as N samples x, (N, D), and N labels t", came)
    return x, t


def warn_of_scale(name, x):
    """Warn of samples that aren't of the size for which networks start.

    Found by trying: training on MNIST fails if their root mean square is 10 or more, or 0.01.
    """
    size = float(np.sqrt(np.mean(np.square(x[:1000], dtype=np.float64))))
    if 0.02 <= size <= 7 or size == 0:
        return False
    came = f"numbers of about {size:.3g}, up to {x.max():.4g}"
    hint = "divide pixels by 255, or pass normalize=True to load_mnist"
    hint = hint if size > 1 else "were they divided by 255 twice?"
    warnings.warn(f"expected {name} to be of about 1, got {came}; {hint}", stacklevel=4)
    return True


def are_classes(network, name, x, t):
    """False if the last layer is one's own and takes a t that isn't labels.

    With SoftmaxWithLoss such a t is an error, which comes here, before the first update.
    """
    scores = None
    try:
        scores = network.predict(x[:1])
        label_rows(t, np.empty((len(t), *scores.shape[1:])))
    except ValueError as error:
        if scores is None or isinstance(network.lastLayer, SoftmaxWithLoss):
            raise ValueError(f"{name}: {error}") from None
        return False
    return True
