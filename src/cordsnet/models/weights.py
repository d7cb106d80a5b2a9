"""Kernels as models draw them, and the sizes of maps that they leave."""

import math

import torch
from torch import Tensor, nn


def conv_layer(
    channels_in: int, channels_out: int, kernel: int, std: float, stride: int = 1, bias: bool = False
) -> nn.Conv2d:
    """A kernel [out, in, k, k], normal with standard deviation `std`, from torch's generator; biases are zero.

    It is drawn in single precision, whatever torch's default type is, so that a seed gives the same weights.
    """
    device = torch.get_default_device()
    size = channels_in, channels_out, kernel, stride, (kernel - 1) // 2
    layer = nn.utils.skip_init(nn.Conv2d, *size, bias=bias, device=device, dtype=torch.float32)  # type: ignore[no-untyped-call]
    assert isinstance(layer, nn.Conv2d)
    if not layer.weight.is_meta:  # torch imports its compiler to draw no numbers there, which takes seconds
        nn.init.normal_(layer.weight, std=std)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return layer


def sending_conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A kernel as `conv_layer` draws it, by what a unit sends to (He et al. 2015, equation 14); biases are zero."""
    return conv_layer(channels_in, channels_out, kernel, math.sqrt(2 / (channels_out * kernel * kernel)), stride, bias)


def group_norm(groups: int, channels: int, gain: float = 1.0) -> nn.GroupNorm:
    """A group norm in single precision, whose weights are all `gain` and whose biases are zero."""
    layer = nn.GroupNorm(groups, channels, dtype=torch.float32)
    nn.init.constant_(layer.weight, gain)
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
