"""Gabor filters, with which the stem of an hGRU begins."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def gabors(channels: int, in_channels: int, size: int) -> Tensor:
    """Gabor filters [channels, in_channels, size, size] in single precision, each of norm 1 and mean 0.

    Orientations are spread evenly over half a turn, with a filter in sine phase beside each in cosine phase. Two thirds
    of a filter's size are a wavelength, and the Gaussian has a quarter of it as standard deviation. All channels of the
    image are weighted alike. A size of 1 has room for no wave: filters are then constant.
    """
    if size == 1:
        return torch.full((channels, in_channels, 1, 1), in_channels**-0.5, dtype=torch.float32)
    place = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    angles = torch.arange((channels + 1) // 2, dtype=torch.float32) * (math.pi / ((channels + 1) // 2))
    along = place[:, None] * torch.sin(angles)[:, None, None] + place * torch.cos(angles)[:, None, None]
    envelope = torch.exp(-(place[:, None] ** 2 + place**2) / (2 * (size / 4) ** 2))
    wave = 2 * math.pi * along / (2 * size / 3)
    filters = torch.stack((torch.cos(wave), torch.sin(wave)), 1).flatten(0, 1)[:channels] * envelope
    filters = filters - filters.mean((1, 2), keepdim=True)
    filters = functional.normalize(filters.flatten(1)).view_as(filters)
    return filters[:, None].expand(-1, in_channels, -1, -1) / math.sqrt(in_channels)


def gabor_layer(channels: int, in_channels: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution with Gabor filters and biases of zero."""
    layer = nn.Conv2d(in_channels, channels, size, stride, (size - 1) // 2, dtype=torch.float32)
    if not layer.weight.is_meta:
        with torch.no_grad():
            layer.weight.copy_(gabors(channels, in_channels, size))
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
