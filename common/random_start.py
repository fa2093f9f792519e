"""Affine.random: random numbers to start with."""

import math
import numbers

import numpy as np

from common.guards.arguments import check_count, short, wrong


def random_affine(cls, input_size, output_size, weight_init_std, *, dtype=np.float64, rng=None):
    """A new Affine with D inputs and M outputs. W = weight_init_std * normal random numbers, b = 0.

    weight_init_std : a number; or "he" for sqrt(2 / D), before Relu (He et al., 2015), or "xavier"
                      for sqrt(1 / D), before Sigmoid: see chapter 6 of the book
    dtype : of W and b, float64 or float32
    rng   : a NumPy Generator or a seed. With None np.random is used, as in the book
    """
    check_count("input_size", input_size)
    check_count("output_size", output_size)
    if weight_init_std in ("he", "relu"):
        weight_init_std = math.sqrt(2 / input_size)
    elif weight_init_std in ("xavier", "sigmoid"):
        weight_init_std = math.sqrt(1 / input_size)
    if not isinstance(weight_init_std, numbers.Real) or not math.isfinite(weight_init_std):
        expected = 'weight_init_std as a number, "he" or "xavier"'
        raise wrong(ValueError, expected, short(weight_init_std))
    draws = np.random if rng is None else np.random.default_rng(rng)
    W = weight_init_std * draws.standard_normal((input_size, output_size))
    return cls(W.astype(dtype), np.zeros(output_size, dtype))


random_affine.__qualname__ = "Affine.random"  # so Python calls it in error messages
