"""Linear operators of circuits: adjoint identity, dense matrices, gradients."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet.dynamics import Circuit, ConvMap, LinearMap
from cordsnet.dynamics.maps import KernelMap
from oracles import NETWORKS, dense_convolution, randomised

HEIGHT, WIDTH = 5, 6
KERNELS = [(1, 2, 2, 1), (3, 2, 2, 1), (3, 1, 4, 1), (3, 4, 1, 2), (5, 3, 3, 1), (3, 2, 3, 3), (1, 2, 4, 2)]


@pytest.fixture(params=KERNELS, ids=lambda row: "{}px-{}to{}-stride{}".format(*row))
def case(request):
    """An operator, something it reads, and something that it could return."""
    size, channels_in, channels_out, stride = request.param
    operator = ConvMap(torch.randn(channels_out, channels_in, size, size, dtype=torch.float64), stride)
    x = torch.randn(3, channels_in, HEIGHT, WIDTH, dtype=torch.float64)
    y = torch.randn(3, channels_out, -(-HEIGHT // stride), -(-WIDTH // stride), dtype=torch.float64)
    return operator, x, y


def dense(operator):
    """The matrix of the operator: of the convolution at stride 1, the rows that the stride leaves."""
    outputs = operator.weight.shape[0]
    rows = np.arange(outputs * HEIGHT * WIDTH).reshape(outputs, HEIGHT, WIDTH)
    kept = rows[:, :: operator.stride, :: operator.stride].ravel()
    return torch.from_numpy(dense_convolution(operator.weight.numpy(), HEIGHT, WIDTH)[kept])


def test_the_transpose_is_the_adjoint(case):
    operator, x, y = case
    assert_allclose((y * operator(x)).sum(), (operator.transpose(y, x.shape[2:]) * x).sum(), rtol=1e-11)


def test_operator_and_transpose_are_the_explicit_matrix(case):
    operator, x, y = case
    matrix = dense(operator)
    assert_allclose(operator(x).flatten(1), x.flatten(1) @ matrix.T, rtol=1e-12, atol=1e-12)
    assert_allclose(operator.transpose(y, x.shape[2:]).flatten(1), y.flatten(1) @ matrix, rtol=1e-12, atol=1e-12)


def test_the_weight_gradient_is_that_of_autograd(case):
    operator, x, y = case
    operator.weight.requires_grad_()
    (wanted,) = torch.autograd.grad((y * operator(x)).sum(), operator.weight)
    assert_allclose(operator.weight_gradient(x, y).detach(), wanted, rtol=1e-12, atol=1e-12)


def test_the_transpose_needs_no_size_where_maps_keep_theirs():
    operator = ConvMap(torch.randn(2, 2, 3, 3, dtype=torch.float64))
    y = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    assert torch.equal(operator.transpose(y), operator.transpose(y, (4, 4)))


def test_the_transpose_of_a_strided_operator_asks_for_the_size():
    operator = ConvMap(torch.randn(2, 2, 3, 3, dtype=torch.float64), stride=2)
    with pytest.raises(ValueError, match="size must be given for a convolution of stride 2"):
        operator.transpose(torch.randn(1, 2, 2, 2, dtype=torch.float64))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["recurrent", "feedforward"])
def test_every_operator_of_a_network_answers_the_interface(name, kind):
    circuit = randomised(NETWORKS[name]).circuit()
    assert isinstance(circuit, Circuit)
    operators = getattr(circuit, kind)
    areas = {area.name for area in NETWORKS[name].areas if kind == "feedforward" or area.recurrent_kernel}
    readout = {"scores"} if kind == "feedforward" else set()
    assert set(operators) == areas | readout
    for area in areas:
        operator = operators[area]
        assert isinstance(operator, LinearMap)
        height, width = (5, 6) if name == "feedback" and area == "low" else (5, 5)
        x = torch.randn(1, operator.weight.shape[1], height, width, dtype=torch.float64)
        y = torch.randn_like(operator(x))
        transposed = operator.transpose(y, (height, width))
        assert_allclose((y * operator(x)).sum().detach(), (transposed * x).sum().detach(), rtol=1e-11)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_readout_is_a_matrix_with_a_transpose(name):
    readout = randomised(NETWORKS[name]).circuit().feedforward["scores"]
    assert isinstance(readout, KernelMap)
    x = torch.randn(3, readout.weight.shape[1], dtype=torch.float64)
    y = torch.randn_like(readout(x))
    assert_allclose(readout(x).detach(), (x @ readout.weight.T).detach(), rtol=1e-11)
    assert_allclose((y * readout(x)).sum().detach(), (readout.transpose(y) * x).sum().detach(), rtol=1e-11)
