"""Linear operators of circuits: adjoint identity, dense matrices, gradients."""

import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.dynamics import Circuit, LinearMap
from cordsnet.models.wiring import ConvMap
from oracles import NETWORKS, dense_convolution, randomised

SIZES = [(1, 2, 2), (3, 2, 2), (3, 1, 4), (3, 4, 1), (5, 3, 3)]


def conv_map(size, channels_in, channels_out):
    return ConvMap(torch.randn(channels_out, channels_in, size, size, dtype=torch.float64))


@pytest.mark.parametrize(("size", "channels_in", "channels_out"), SIZES)
def test_the_transpose_is_the_adjoint(size, channels_in, channels_out):
    operator = conv_map(size, channels_in, channels_out)
    x = torch.randn(2, channels_in, 5, 6, dtype=torch.float64)
    y = torch.randn(2, channels_out, 5, 6, dtype=torch.float64)
    assert_allclose((y * operator(x)).sum(), (operator.transpose(y) * x).sum(), rtol=1e-12)


@pytest.mark.parametrize(("size", "channels_in", "channels_out"), SIZES)
def test_operator_and_transpose_are_the_explicit_matrix(size, channels_in, channels_out):
    operator = conv_map(size, channels_in, channels_out)
    matrix = torch.from_numpy(dense_convolution(operator.weight.numpy(), 4, 5))
    x = torch.randn(2, channels_in, 4, 5, dtype=torch.float64)
    y = torch.randn(2, channels_out, 4, 5, dtype=torch.float64)
    assert_allclose(operator(x).flatten(1), x.flatten(1) @ matrix.T, rtol=1e-12, atol=1e-12)
    assert_allclose(operator.transpose(y).flatten(1), y.flatten(1) @ matrix, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("size", "channels_in", "channels_out"), SIZES)
def test_the_weight_gradient_is_that_of_autograd(size, channels_in, channels_out):
    weight = torch.randn(channels_out, channels_in, size, size, dtype=torch.float64, requires_grad=True)
    operator = ConvMap(weight)
    x = torch.randn(3, channels_in, 4, 5, dtype=torch.float64)
    y = torch.randn(3, channels_out, 4, 5, dtype=torch.float64)
    (wanted,) = torch.autograd.grad((y * operator(x)).sum(), weight)
    assert_allclose(operator.weight_gradient(x, y).detach(), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_recurrent_operator_of_a_network_answers_the_interface(name):
    model = randomised(NETWORKS[name])
    circuit = model.circuit()
    assert isinstance(circuit, Circuit)
    recurrent = {area.name for area in model.spec.areas if area.recurrent_kernel}
    assert set(circuit.recurrent) == recurrent
    for area, operator in circuit.recurrent.items():
        assert isinstance(operator, LinearMap)
        x, y = torch.randn(2, 1, *circuit.shapes[area], dtype=torch.float64)
        assert_allclose((y * operator(x)).sum().detach(), (operator.transpose(y) * x).sum().detach(), rtol=1e-11)
