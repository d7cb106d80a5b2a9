"""A convolution on a grid as an operator."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_shape
from cordsnet.analysis.operators.operator import LinearOperator
from cordsnet.dynamics import ConvMap


class ConvOperator(LinearOperator):
    """kernel * x on maps [C_in, H, W], as the areas of a network compute it.

    Parameters
    ----------
    kernel : [C_out, C_in, k, k], k odd.
    size : (H, W) of the input maps.
    padding : "zero", as in networks, or "periodic", whose spectrum is known exactly (`periodic_spectrum`).
    stride : stride of the convolution; the size of periodic maps must be a multiple of it.

    Raises
    ------
    ValueError : a kernel, size, padding or stride that does not fit, by name.
    """

    @check_arguments
    def __init__(self, kernel: Tensor, size: Sequence[int], padding: str = "zero", stride: int = 1) -> None:
        size = check_shape(size, "size", 2)
        _check(kernel, size, padding, stride)
        outputs, inputs = kernel.shape[:2]
        out = tuple(-(-n // stride) for n in size)
        super().__init__((inputs, *size), (outputs, *out), kernel.dtype, kernel.device)
        self.kernel, self.size, self.padding, self.stride = kernel.detach(), (size[0], size[1]), padding, stride
        self.reach = kernel.shape[-1] // 2
        self._map = ConvMap(self.kernel, stride)

    @torch.no_grad()
    def apply(self, batch: Tensor) -> Tensor:
        """kernel * x."""
        if self.padding == "zero" or self.reach == 0:
            return self._map(batch)
        wrapped = functional.pad(batch, (self.reach,) * 4, mode="circular")
        return functional.conv2d(wrapped, self.kernel, stride=self.stride)

    @torch.no_grad()
    def apply_transpose(self, batch: Tensor) -> Tensor:
        """The adjoint: a transposed convolution."""
        if self.padding == "zero" or self.reach == 0:
            return self._map.transpose(batch, self.size)
        height, width = self.size
        spread = functional.conv_transpose2d(batch, self.kernel, stride=self.stride)
        rest = (height + 2 * self.reach - spread.shape[2], width + 2 * self.reach - spread.shape[3])
        return _fold(functional.pad(spread, (0, rest[1], 0, rest[0])), self.reach)


def _fold(maps: Tensor, reach: int) -> Tensor:
    """The adjoint of circular padding: margins of width `reach` are added to where they were copied from."""
    for axis in (2, 3):
        inner = maps.narrow(axis, reach, maps.shape[axis] - 2 * reach).clone()
        inner.narrow(axis, inner.shape[axis] - reach, reach).add_(maps.narrow(axis, 0, reach))
        inner.narrow(axis, 0, reach).add_(maps.narrow(axis, maps.shape[axis] - reach, reach))
        maps = inner
    return maps


def check_kernel_shape(kernel: Tensor, size: Sequence[int] | None = None) -> None:
    """Raise ValueError unless kernel is [out, in, k, k] with k odd, and size, if given, is (H, W)."""
    if kernel.ndim != 4 or kernel.shape[2] != kernel.shape[3] or kernel.shape[3] % 2 == 0 or 0 in kernel.shape:
        raise ValueError(f"kernel must be [out, in, k, k] with k odd, got shape {list(kernel.shape)}")
    if not kernel.is_floating_point():
        raise ValueError(f"kernel must hold floating-point numbers, got {kernel.dtype}")
    if not bool(torch.isfinite(kernel).all()):
        raise ValueError("kernel holds NaN or infinite values")
    if size is not None:
        check_shape(size, "size", 2)


def _check(kernel: Tensor, size: Sequence[int], padding: str, stride: int) -> None:
    check_kernel_shape(kernel, size)
    if padding not in ("zero", "periodic"):
        raise ValueError(f"padding must be 'zero' or 'periodic', got {padding!r}")
    if stride < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    if padding == "periodic" and (min(size) < kernel.shape[-1] // 2 or any(n % stride for n in size)):
        raise ValueError(
            f"size {size} must be at least the kernel's reach and a multiple of the stride {stride} for periodic maps"
        )
