"""The chapter's network: Affine, Relu, Affine, and a softmax with loss at the end."""

if not __package__:  # started as a file, or imported from inside ch05/
    import project_path  # noqa: F401

from collections import OrderedDict

import numpy as np

from common.guards.mistakes import check_count
from common.layers import Affine, Relu, SoftmaxWithLoss
from common.network import Network

__all__ = ["TwoLayerNet"]


class TwoLayerNet(Network):
    """A network with one hidden layer.

    input_size, hidden_size, output_size : D, number of hidden units, number of classes C
    weight_init_std : the weights start as this times standard normal draws, or "he" or "xavier" as
                      in Affine.random; the biases start at 0
    dtype : float64 (as gradient checks need it), or float32 (faster to train)
    rng   : a numpy Generator or a seed; None draws from numpy's global state

    predict, loss, accuracy, gradient, numerical_gradient and params are those of Network.
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        output_size,
        weight_init_std=0.01,
        *,
        dtype=np.float64,
        rng=None,
    ):
        check_count("hidden_size", hidden_size)
        if rng is not None:  # a seed becomes one stream of random numbers for both layers
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
