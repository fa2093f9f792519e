"""The chapter's network: Affine, Relu, Affine, and a softmax with loss at the end."""

if not __package__:  # so that the imports below work when this file is started. Skip it.
    import project_path  # noqa: F401

from collections import OrderedDict

import numpy as np

from common.guards.arguments import check_count
from common.layers import Affine, Relu, SoftmaxWithLoss
from common.network import Network

__all__ = ["TwoLayerNet"]


class TwoLayerNet(Network):
    """A network with one hidden layer.

    input_size  : D, how many numbers a sample has
    hidden_size : number of hidden units
    output_size : C, the number of classes
    weight_init_std : each W is this number times normal random numbers, and each b is 0. Or "he" or
                      "xavier", from chapter 6: see random_start.py
    dtype : float64 (as gradient checks need it), or float32 (faster to train)
    rng   : a NumPy Generator or a seed. With None np.random is used, as in the book

    predict, loss, accuracy, gradient, numerical_gradient and params are those of Network.
    """

    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01, *,
                 dtype=np.float64, rng=None):  # fmt: skip
        check_count("hidden_size", hidden_size)
        if rng is not None:  # else one seed would give W1 and W2 the same numbers
            rng = np.random.default_rng(rng)
        layers = OrderedDict()
        layers["Affine1"] = Affine.random(
            input_size, hidden_size, weight_init_std, dtype=dtype, rng=rng
        )
        layers["Relu1"] = Relu()
        layers["Affine2"] = Affine.random(
            hidden_size, output_size, weight_init_std, dtype=dtype, rng=rng
        )
        super().__init__(layers, lastLayer=SoftmaxWithLoss())
