"""Convolutions in the Fourier domain, against dense matrices of convolutions with periodic borders."""

import pytest
import torch
from torch.nn import functional

from cordsnet.dynamics import spectrum, transfer


def periodic(maps, weight, stride=1):
    radius = weight.shape[-1] // 2
    return functional.conv2d(functional.pad(maps, (radius,) * 4, mode="circular"), weight, stride=stride)


def dense(operator, shape):
    """The matrix of a linear operator on maps [C, H, W]."""
    units = torch.Size(shape).numel()
    return operator(torch.eye(units, dtype=torch.float64).reshape(units, *shape)).reshape(units, -1).T


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
