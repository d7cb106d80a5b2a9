"""Convolutions in the Fourier domain: what a kernel does to each spatial frequency."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def transfer(weight: Tensor, size: Sequence[int], stride: int = 1) -> Tensor:
    """What a convolution with periodic borders does to each spatial frequency.

    With a stride, `stride` x `stride` frequencies of the maps that it reads land on one of the maps that it gives.

    Parameters
    ----------
    weight : [out, in, k, k], k odd, as `torch.nn.functional.conv2d` takes it.
    size : (H, W) of the maps that it reads, multiples of the stride and no smaller than the kernel.
    stride : of the convolution.

    Returns
    -------
    [frequencies of the maps that it gives, out, in x stride x stride], complex; applied to `spectrum` of what is read,
    it gives `spectrum` of what comes out. Raises ValueError for sizes that do not suit.
    """
    kernel = weight.shape[-1]
    if any(n % stride or n < kernel for n in size):
        raise ValueError(
            f"size must be multiples of {stride} of at least {kernel}, got {tuple(size)}; give larger maps"
        )
    padded = functional.pad(weight, (0, size[1] - kernel, 0, size[0] - kernel)).roll((-(kernel // 2),) * 2, (2, 3))
    response = torch.fft.fft2(padded).conj()  # conv2d correlates, so the kernel is turned round
    return _by_frequency(response, stride) / stride**2


def spectrum(maps: Tensor, stride: int = 1) -> Tensor:
    """Maps [B, C, H, W] frequency by frequency, [frequencies, B, C x stride x stride], complex; see `transfer`."""
    return _by_frequency(torch.fft.fft2(maps), stride)


def _by_frequency(values: Tensor, stride: int) -> Tensor:
    """[X, C, H, W] as [H/s x W/s, X, C x s x s]: frequencies that a stride of s makes one stand together."""
    first, channels, height, width = values.shape
    if height % stride or width % stride:
        raise ValueError(f"size of maps must be a multiple of the stride {stride}, got {(height, width)}")
    high, wide = height // stride, width // stride
    apart = values.reshape(first, channels, stride, high, stride, wide).permute(3, 5, 0, 1, 2, 4)
    return apart.reshape(high * wide, first, channels * stride * stride)
