"""Convolutions in the Fourier domain, against dense matrices of convolutions with periodic borders."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cordsnet.dynamics import convolution_norm, spectrum, transfer
from cordsnet.training.contraction import padded_norm


def periodic(maps, weight, stride=1):
    radius = weight.shape[-1] // 2
    return functional.conv2d(functional.pad(maps, (radius,) * 4, mode="circular"), weight, stride=stride)


def dense(operator, shape):
    """The matrix of a linear operator on maps [C, H, W]."""
    units = torch.Size(shape).numel()
    return operator(torch.eye(units, dtype=torch.float64).reshape(units, *shape)).reshape(units, -1).T


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_the_norm_is_the_largest_singular_value_of_the_dense_matrix(kernel):
    weight = torch.randn(3, 3, kernel, kernel, dtype=torch.float64)
    matrix = dense(lambda maps: periodic(maps, weight), (3, 6, 5))
    assert float(convolution_norm(weight, (6, 5))) == pytest.approx(np.linalg.norm(matrix.numpy(), 2), rel=1e-12)


def test_the_norm_with_a_frame_bounds_that_of_a_zero_padded_convolution():
    """Not so on maps of the same size, where what leaves on one side comes back on the other and may cancel."""
    for seed in range(20):
        weight = torch.randn(2, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        matrix = dense(lambda maps, w=weight: functional.conv2d(maps, w, padding=1), (2, 4, 3))
        assert np.linalg.norm(matrix.numpy(), 2) <= float(padded_norm(weight, (4, 3))) * (1 + 1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_transfer_carries_spectra(stride):
    maps, weight = torch.randn(4, 3, 6, 8, dtype=torch.float64), torch.randn(5, 3, 3, 3, dtype=torch.float64)
    response = transfer(weight, (6, 8), stride)
    assert response.shape == (48 // stride**2, 5, 3 * stride**2)
    carried = (response @ spectrum(maps, stride).transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(carried, spectrum(periodic(maps, weight, stride)), rtol=1e-10, atol=1e-10)


def test_sizes_that_do_not_suit_are_refused():
    with pytest.raises(ValueError, match=r"size must be multiples of 2 of at least 3, got \(5, 4\)"):
        transfer(torch.zeros(1, 1, 3, 3), (5, 4), 2)
    with pytest.raises(ValueError, match="at least 3"):
        transfer(torch.zeros(1, 1, 3, 3), (2, 4))
