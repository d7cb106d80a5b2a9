"""Kernels laid out once give the convolution that torch gives."""

import pytest
import torch
from torch.nn import functional

from cordsnet.dynamics import kernel
from cordsnet.dynamics.kernel import Kernel

CASES = [(1, 2, 3, 1), (3, 16, 16, 1), (3, 5, 32, 2), (5, 8, 8, 1), (7, 3, 4, 2)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("size", "reads", "gives", "stride"), CASES)
def test_it_is_the_convolution_of_torch(size, reads, gives, stride, dtype):
    weight = torch.randn(gives, reads, size, size)
    value = torch.randn(3, reads, 9, 8).contiguous(memory_format=torch.channels_last)
    wanted = functional.conv2d(
        value.to(dtype).double(), weight.to(dtype).double(), stride=stride, padding=(size - 1) // 2
    )
    found = Kernel(weight, stride, dtype)(value)
    assert found.dtype == value.dtype
    torch.testing.assert_close(found.double(), wanted, rtol=8 * torch.finfo(dtype).eps, atol=1e-2 * wanted.std().item())


def test_other_batches_may_follow():
    made = Kernel(torch.randn(4, 2, 3, 3), 1, torch.float32)
    for batch in (1, 7, 2):
        value = torch.randn(batch, 2, 6, 6)
        torch.testing.assert_close(made(value), Kernel(made_weight(made), 1, torch.float64)(value.double()).float())


def made_weight(made):
    """The kernel of a `Kernel`, read off from its answers to single pixels."""
    probe = torch.zeros(2, 2, 3, 3)
    probe[0, 0, 1, 1] = probe[1, 1, 1, 1] = 1
    return made(probe).transpose(0, 1).flip(2, 3).double()


def test_without_onednn_it_is_the_same_to_rounding(monkeypatch):
    weight, value = torch.randn(8, 8, 3, 3), torch.randn(2, 8, 7, 7)
    packed = Kernel(weight, 1, torch.float32)
    monkeypatch.setattr(kernel, "HAS_ONEDNN", False)
    plain = Kernel(weight, 1, torch.float32)
    assert not plain.is_packed
    torch.testing.assert_close(packed(value), plain(value))


def test_maps_keep_their_channels_last():
    value = torch.randn(2, 16, 8, 8).contiguous(memory_format=torch.channels_last)
    found = Kernel(torch.randn(16, 16, 3, 3), 1, torch.float32)(value)
    assert found.is_contiguous(memory_format=torch.channels_last)
