"""Weights that were trained here go on in PyTorch: the same scores, the same gradients."""

import numpy as np
import pytest

from ch05.multi_layer_net import MultiLayerNet

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("activation, Layer", [("relu", "ReLU"), ("sigmoid", "Sigmoid")])
@pytest.mark.parametrize("hidden", [[50], [30, 20], [10] * 5])
def test_a_sequential_with_our_weights_computes_what_we_do(hidden, activation, Layer):
    rng, sizes = np.random.default_rng(0), [784, *hidden, 10]
    network = MultiLayerNet(784, hidden, 10, activation, rng=rng)
    x, t = rng.random((20, 784)), rng.integers(10, size=20)
    linears = [torch.nn.Linear(D, M, dtype=torch.float64) for D, M in zip(sizes, sizes[1:])]
    for i, linear in enumerate(linears, start=1):
        linear.weight.data = torch.tensor(network.params[f"W{i}"].T)
        linear.bias.data = torch.tensor(network.params[f"b{i}"])
    layers = [layer for linear in linears for layer in (linear, getattr(torch.nn, Layer)())]
    scores = torch.nn.Sequential(*layers[:-1])(torch.tensor(x))
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor(t))
    loss.backward()
    np.testing.assert_allclose(network.predict(x), scores.detach(), atol=1e-6)
    assert network.loss(x, t) == pytest.approx(loss.item(), abs=1e-6)
    grad = network.gradient(x, t)
    for i, linear in enumerate(linears, start=1):
        np.testing.assert_allclose(grad[f"W{i}"], linear.weight.grad.T, atol=1e-6)
        np.testing.assert_allclose(grad[f"b{i}"], linear.bias.grad, atol=1e-6)
    assert max(np.abs(g).max() for g in grad.values()) > 1e-3, "gradients worth comparing"
