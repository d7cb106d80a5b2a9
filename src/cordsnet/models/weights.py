"""Kernels as models draw them, and the sizes of maps that they leave."""

import torch
from torch import Tensor, nn


def conv_layer(channels_in: int, channels_out: int, kernel: int, std: float) -> nn.Conv2d:
    """A kernel [out, in, k, k] without bias, normal with standard deviation `std`, from torch's generator.

    It is drawn in single precision, whatever torch's default type is, so that a seed gives the same weights.
    """
    device = torch.get_default_device()
    size = channels_in, channels_out, kernel
    layer = nn.utils.skip_init(nn.Conv2d, *size, bias=False, device=device, dtype=torch.float32)  # type: ignore[no-untyped-call]
    assert isinstance(layer, nn.Conv2d)
    if not layer.weight.is_meta:  # torch imports its compiler to draw no numbers there, which takes seconds
        nn.init.normal_(layer.weight, std=std)
    return layer


def tensor_of(model: nn.Module, name: str) -> Tensor:
    """A weight by its dotted name, also where it is pruned, parametrised or exchanged by `torch.func`."""
    module, _, last = name.rpartition(".")
    value = getattr(model.get_submodule(module), last)
    assert isinstance(value, Tensor)
    return value


def halved(size: int, stride: int) -> int:
    """Rows or columns that a convolution of that stride, or a pool, leaves of `size`: rounded up."""
    return (size - 1) // stride + 1
