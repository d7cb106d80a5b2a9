"""The weights of one ConvLSTM cell."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from cordsnet.models.convlstm.spec import Peephole
from cordsnet.models.weights import conv_layer

GATES = 4
"""Input gate, forget gate, candidate, output gate: blocks of output channels, in the order of `nn.LSTMCell`."""

FORGET_BIAS = 1.0
"""Bias of the forget gate at initialisation, so that cells remember at first (Jozefowicz et al. 2015)."""


class ConvLSTMCell(nn.Module):
    """Kernels and biases of i, f, c and o, and peepholes of i, f and o (Shi et al. 2015, equation 3).

    Parameters
    ----------
    reads : channels of its input; 0 for a cell that has none, as the first one of a forecaster.
    channels : of its rate and its cell.
    kernel, recurrent_kernel : sizes (odd) of the kernels on the input and on the rate.
    peephole : one weight per "channel", one per "pixel", or None.
    size : (H, W) of its maps, needed for peepholes per pixel alone.
    stride : of the kernel on the input.
    """

    def __init__(
        self,
        reads: int,
        channels: int,
        kernel: int = 3,
        recurrent_kernel: int = 3,
        peephole: Peephole = "channel",
        size: Sequence[int] = (1, 1),
        stride: int = 1,
    ) -> None:
        super().__init__()
        # Gates start with unit variance for inputs of unit mean square.
        std = 1 / math.sqrt(reads * kernel**2 + channels * recurrent_kernel**2)
        self.input = conv_layer(reads, GATES * channels, kernel, std, stride) if reads else None
        self.recurrent = conv_layer(channels, GATES * channels, recurrent_kernel, std)
        bias = torch.zeros(GATES, channels, dtype=torch.float32)
        bias[1] = FORGET_BIAS
        self.bias = nn.Parameter(bias.flatten())
        shape = (channels, *size) if peephole == "pixel" else (channels, 1, 1)
        self.peephole = None if peephole is None else nn.Parameter(torch.zeros(3, *shape, dtype=torch.float32))
