"""The kernels that a spec asks for, each with weight normalisation. CordsNet and its CNN twin share this."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight
from torch.nn.utils.parametrizations import weight_norm

from cordsnet.models.kernel import Kernel
from cordsnet.models.layout import MapShape, layout
from cordsnet.models.spec import ConnectionSpec, NetworkSpec, StemSpec

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


def normalised(module: nn.Module) -> nn.Module:
    """A module whose weight is gain times direction."""
    weight_norm(module)
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


def convolve(value: Tensor, weight: Tensor, stride: int = 1, compute: torch.dtype | None = None) -> Tensor:
    """Zero-padded convolution that keeps the size at stride 1, computed in `compute` and given back as it came."""
    compute = compute or weight.dtype
    padding = (weight.shape[-1] - 1) // 2
    return functional.conv2d(value.to(compute), weight.to(compute), stride=stride, padding=padding).to(value.dtype)


class ConvMap:
    """A zero-padded convolution as a linear operator on maps [B, C, H, W], computed in the precision `compute`.

    Where no graph is kept, kernels are converted once, and packed into the layout that the processor's convolutions
    want: in deep areas, whose kernels are larger than their maps, packing them anew at every step took half the time.
    """

    def __init__(self, weight: Tensor, stride: int = 1, compute: torch.dtype | None = None) -> None:
        self.weight, self.stride, self.compute = weight, stride, compute or weight.dtype
        self.padding = (weight.shape[-1] - 1) // 2
        self._forward: Kernel | None = None
        self._adjoint: Kernel | None = None

    def __call__(self, rates: Tensor) -> Tensor:
        """weight * rates."""
        if torch.is_grad_enabled():
            return convolve(rates, self.weight, self.stride, self.compute)
        if self._forward is None:
            self._forward = Kernel(self.weight, self.stride, self.compute)
        return self._forward(rates)

    def transpose(self, drive: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """The adjoint operator; `size` (H, W) of the maps it returns, needed only where the stride is not 1."""
        if self.stride == 1:
            return self._transpose(drive)
        if size is None:
            raise ValueError(f"size must be given for a convolution of stride {self.stride}; pass (H, W) of its input")
        shape, (weight, upstream) = (len(drive), self.weight.shape[1], *size), self._converted(self.weight, drive)
        gradient: Tensor = conv2d_input(shape, weight, upstream, self.stride, self.padding)  # type: ignore[no-untyped-call]
        return gradient.to(drive.dtype)

    def _transpose(self, drive: Tensor) -> Tensor:
        """At stride 1 the adjoint is the convolution with the kernel turned by 180 degrees, channels exchanged."""
        if torch.is_grad_enabled():
            upstream, weight = self._converted(drive, self.weight)
            return functional.conv_transpose2d(upstream, weight, padding=self.padding).to(drive.dtype)
        if self._adjoint is None:
            self._adjoint = Kernel(self.weight.flip(2, 3).transpose(0, 1), 1, self.compute)
        return self._adjoint(drive)

    def weight_gradient(self, rates: Tensor, drive: Tensor) -> Tensor:
        """Gradient of <drive, weight * rates> with respect to the kernel: one convolution over the batch."""
        value, upstream = self._converted(rates, drive)
        gradient: Tensor = conv2d_weight(value, self.weight.shape, upstream, self.stride, self.padding)  # type: ignore[no-untyped-call]
        return gradient.to(self.weight.dtype)

    def _converted(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensor.to(self.compute) for tensor in tensors)


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
