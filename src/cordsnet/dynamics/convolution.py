"""Convolutions as linear maps: applied, transposed, differentiated."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight

from cordsnet._checks import check_type
from cordsnet.dynamics.kernel import Kernel


def convolve(value: Tensor, weight: Tensor, stride: int = 1, compute: torch.dtype | None = None) -> Tensor:
    """Zero-padded convolution that keeps the size at stride 1, computed in `compute` and given back as it came."""
    check_type(value, Tensor, "value", "a torch tensor [B, C, H, W]")
    if value.ndim != 4:
        raise ValueError(f"value must have the axes [B, C, H, W], got shape {list(value.shape)}")
    _check(weight, stride, compute)
    compute = compute or weight.dtype
    padding = (weight.shape[-1] - 1) // 2
    return functional.conv2d(value.to(compute), weight.to(compute), stride=stride, padding=padding).to(value.dtype)


def _check(weight: object, stride: object, compute: object) -> None:
    if not (isinstance(weight, Tensor) and weight.ndim == 4 and weight.numel() and weight.is_floating_point()):
        given = f"{weight.dtype} of shape {list(weight.shape)}" if isinstance(weight, Tensor) else type(weight).__name__
        raise ValueError(f"weight must be a floating-point tensor [out, in, k, k], got {given}")
    if not (compute is None or isinstance(compute, torch.dtype)):
        raise TypeError(f"compute must be a torch.dtype or None, got {type(compute).__name__}")
    if not (isinstance(stride, int) and stride is not True and 0 < stride < 2**31):
        raise ValueError(f"stride must be a whole number above 0 of 31 bits, got {stride!r:.100}")


class ConvMap:
    """A zero-padded convolution as a linear operator on maps [B, C, H, W], computed in the precision `compute`.

    Where no graph is kept, kernels are converted once, and packed into the layout that the processor's convolutions
    want: in deep areas, whose kernels are larger than their maps, packing them anew at every step took half the time.
    """

    def __init__(self, weight: Tensor, stride: int = 1, compute: torch.dtype | None = None) -> None:
        _check(weight, stride, compute)
        self.weight, self.stride, self.compute = weight, stride, compute or weight.dtype
        self.padding = (weight.shape[-1] - 1) // 2
        self._forward: Kernel | None = None
        self._adjoint: Kernel | None = None

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """The kernel."""
        return (self.weight,)

    def __call__(self, values: Tensor) -> Tensor:
        """weight * values."""
        if torch.is_grad_enabled():
            return convolve(values, self.weight, self.stride, self.compute)
        if self._forward is None:
            self._forward = Kernel(self.weight, self.stride, self.compute)
        return self._forward(values)

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
