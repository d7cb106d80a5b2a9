"""The kernels that a spec asks for, each with weight normalisation. CordsNet and its CNN twin share this."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet.dynamics import convolve
from cordsnet.models.cordsnet.layout import MapShape, layout
from cordsnet.models.cordsnet.spec import ConnectionSpec, NetworkSpec, StemSpec
from cordsnet.models.kernels import Normalised

RECURRENT_GAIN = 0.5
"""Spectral radius, in the limit of many channels, of a recurrent kernel at initialisation (circular law)."""


class Wiring(nn.Module):
    """Stem, feedforward and recurrent kernels, kernels of connections, and the linear readout.

    Every kernel and the readout are weight-normalised (gain g and direction v, the norm taken over all
    axes but the output's); no kernel has a bias (Soo et al. 2024, section 3).
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        sizes = layout(spec)
        stem = spec.stem
        self.stem = _conv(spec.in_channels, stem.channels, stem.kernel, math.sqrt(2))
        self.feedforward = nn.ModuleDict()
        self.recurrent = nn.ModuleDict()
        self.links = nn.ModuleDict()
        for area in spec.areas:
            reads = sizes.inputs[area.name][0]
            self.feedforward[area.name] = _conv(reads, area.channels, area.kernel, math.sqrt(2))
            if area.recurrent_kernel:
                self.recurrent[area.name] = _conv(area.channels, area.channels, area.recurrent_kernel, RECURRENT_GAIN)
        for link in spec.connections:
            if link.kernel is not None:
                out, source = sizes.landing[link.name][0], sizes.shapes[link.source][0]
                self.links[link.name] = _conv(source, out, link.kernel, 1.0)
        readout = nn.Linear(spec.area(spec.readout[0]).channels, spec.num_classes)
        self.readout = Normalised(readout.weight.detach(), torch.zeros_like(readout.bias))


def _conv(channels_in: int, channels_out: int, kernel: int, gain: float) -> Normalised:
    """A kernel, normal with standard deviation gain / sqrt(fan in).

    It is contiguous in memory, since torch's prune, parameters_to_vector and LBFGS flatten parameters by `view`; the
    circuit lays it out for its convolutions.
    """
    conv = nn.Conv2d(channels_in, channels_out, kernel, bias=False)
    nn.init.normal_(conv.weight, std=gain / math.sqrt(channels_in * kernel * kernel))
    return Normalised(conv.weight.detach())


def encode(frame: Tensor, weight: Tensor, stem: StemSpec) -> Tensor:
    """The stem's convolution: image [B, C, H, W] -> feature maps before the pool."""
    return convolve(frame, weight, stem.stride)


def pool(value: Tensor, stem: StemSpec) -> Tensor:
    """The stem's average pool; padding counts in the mean."""
    return functional.avg_pool2d(value, stem.pool_kernel, stem.pool_stride, (stem.pool_kernel - 1) // 2)


def transmit(
    value: Tensor,
    link: ConnectionSpec,
    weight: Tensor | None,
    landing: MapShape,
    compute: torch.dtype | None = None,
) -> Tensor:
    """Transmit a signal through a connection: its kernel, then enlargement where the source is the smaller map."""
    if weight is not None:
        value = convolve(value, weight, link.stride, compute)
    if value.shape[2:] != torch.Size(landing[1:]):
        value = functional.interpolate(value, size=landing[1:], mode="nearest")
    return value
