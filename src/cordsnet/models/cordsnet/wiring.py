"""The kernels that a spec asks for, each with weight normalisation. CordsNet and its CNN twin share this."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrize import register_parametrization

from cordsnet.dynamics import convolve
from cordsnet.models.cordsnet.layout import MapShape, layout
from cordsnet.models.cordsnet.spec import ConnectionSpec, NetworkSpec, StemSpec

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
        nn.init.zeros_(readout.bias)
        self.readout = normalised(readout)


def _conv(channels_in: int, channels_out: int, kernel: int, gain: float) -> nn.Module:
    """A weight-normalised kernel, normal with standard deviation gain / sqrt(fan in); channels last in memory."""
    conv = nn.Conv2d(channels_in, channels_out, kernel, bias=False)
    nn.init.normal_(conv.weight, std=gain / math.sqrt(channels_in * kernel * kernel))
    return normalised(conv.to(memory_format=torch.channels_last))  # type: ignore[call-overload]


class WeightNorm(nn.Module):
    """gain x direction / |direction|, the norm taken over all axes but the first (Salimans & Kingma 2016).

    As torch's own, but for double precision on a GPU: the fused kernel there is good to 1e-8 only.
    """

    def forward(self, gain: Tensor, direction: Tensor) -> Tensor:
        """The weight."""
        if direction.is_cuda and direction.dtype == torch.float64:
            return direction * (gain / torch.norm_except_dim(direction, 2, 0))
        return torch._weight_norm(direction, gain, 0)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Gain and direction of a weight."""
        return torch.norm_except_dim(weight, 2, 0), weight


def normalised(module: nn.Module) -> nn.Module:
    """A module whose weight is gain times direction."""
    register_parametrization(module, "weight", WeightNorm(), unsafe=True)
    return module


def weight_of(module: nn.Module) -> Tensor:
    """The weight of a module, computed from gain and direction."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight


def gain_of(module: nn.Module) -> Tensor:
    """The gain of a weight-normalised module, one per output."""
    gain = module.get_parameter("parametrizations.weight.original0")
    assert isinstance(gain, Tensor)
    return gain


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
    """What arrives through a connection: its kernel, then enlargement where the source is the smaller map."""
    if weight is not None:
        value = convolve(value, weight, link.stride, compute)
    if value.shape[2:] != torch.Size(landing[1:]):
        value = functional.interpolate(value, size=landing[1:], mode="nearest")
    return value
