"""The weights of one ConvGRU cell."""

import math

import torch
from torch import nn

from cordsnet.models.weights import conv_layer

GATES = 3
"""Update gate z, reset gate r, candidate: blocks of output channels."""


class ConvGRUCell(nn.Module):
    """Kernels and biases of z, r and the candidate (Ballas et al. 2016).

    The candidate's kernel on the gated rate stands alone, since it waits for r.

    Parameters
    ----------
    reads : channels of its input.
    channels : of its rate.
    kernel, recurrent_kernel : sizes (odd) of the kernels on the input and on the rate.
    stride : of the kernel on the input.
    """

    def __init__(self, reads: int, channels: int, kernel: int = 3, recurrent_kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        # Gates start with unit variance for inputs of unit mean square.
        std = 1 / math.sqrt(reads * kernel**2 + channels * recurrent_kernel**2)
        self.input = conv_layer(reads, GATES * channels, kernel, std, stride)
        self.recurrent = conv_layer(channels, 2 * channels, recurrent_kernel, std)
        self.candidate = conv_layer(channels, channels, recurrent_kernel, std)
        self.bias = nn.Parameter(torch.zeros(GATES * channels, dtype=torch.float32))
