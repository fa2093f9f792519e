"""The chapter's network with any number of hidden layers: Affine, Relu, Affine, ..., Affine."""

if not __package__:  # so that the imports below work when this file is started. Skip it.
    import project_path  # noqa: F401

from collections import OrderedDict

import numpy as np

from common.guards.arguments import check_count, short, wrong
from common.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from common.network import Network

__all__ = ["MultiLayerNet"]

ACTIVATIONS = {"relu": Relu, "sigmoid": Sigmoid}


class MultiLayerNet(Network):
    """A network with any number of hidden layers.

    input_size, output_size : D, number of classes C
    hidden_size_list : number of units of each hidden layer; a number alone is one layer
    activation       : "relu" or "sigmoid"
    weight_init_std  : W = weight_init_std * normal random numbers. A number, "he" for sqrt(2 / D)
                       or "xavier" for sqrt(1 / D), with D inputs of the layer. The book calls them
                       "relu" and "sigmoid", which are allowed, too
    dtype, rng       : as for TwoLayerNet

    The layers are Affine1, Relu1 (or Sigmoid1), Affine2, ... The biases start at 0.
    """

    def __init__(self, input_size, hidden_size_list, output_size, activation="relu",
                 weight_init_std="he", *, dtype=np.float64, rng=None):  # fmt: skip
        if np.ndim(hidden_size_list) == 0:  # one hidden layer
            hidden_size_list = [hidden_size_list]
        for size in hidden_size_list:
            check_count("each of hidden_size_list", size)
        if not isinstance(activation, str) or activation not in ACTIVATIONS:
            words = " or ".join(f'"{name}"' for name in ACTIVATIONS)
            raise wrong(ValueError, f"activation {words}", short(activation))
        if rng is not None:  # else one seed would give each W the same numbers
            rng = np.random.default_rng(rng)
        Activation = ACTIVATIONS[activation]
        sizes = [input_size, *hidden_size_list, output_size]
        layers = OrderedDict()
        for i, (D, M) in enumerate(zip(sizes, sizes[1:]), start=1):
            layers[f"Affine{i}"] = Affine.random(D, M, weight_init_std, dtype=dtype, rng=rng)
            if i < len(sizes) - 1:
                layers[f"{Activation.__name__}{i}"] = Activation()
        super().__init__(layers, lastLayer=SoftmaxWithLoss())
