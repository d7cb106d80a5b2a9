"""Kernels packed for the processor's convolutions (oneDNN), which otherwise reorder them at every call."""

import torch
from torch import Tensor

CAN_PACK = bool(torch.backends.mkldnn.is_available()) and hasattr(torch.ops.mkldnn, "_convolution_pointwise")  # type: ignore[no-untyped-call]
"""Whether this build of torch has oneDNN; these operators are the ones that torch.compile emits for frozen kernels."""


def packs(value: Tensor, weight: Tensor) -> bool:
    """Whether a convolution of `value` can use a packed kernel: single precision on a processor, no graph kept."""
    return (
        CAN_PACK
        and not torch.is_grad_enabled()
        and value.device.type == weight.device.type == "cpu"
        and value.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and type(value) is Tensor
    )


def pack(weight: Tensor, stride: int, padding: int) -> Tensor:
    """A kernel [out, in, k, k] in the layout of oneDNN's choice, for `convolve_packed` alone."""
    plain = weight.detach()
    around = (padding, padding), (stride, stride), (1, 1), 1
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(plain, *around, None)
    return packed


def convolve_packed(value: Tensor, packed: Tensor, stride: int, padding: int) -> Tensor:
    """Zero-padded convolution of maps [B, C, H, W] with a packed kernel."""
    maps: Tensor = torch.ops.mkldnn._convolution_pointwise(
        value, packed, None, (padding, padding), (stride, stride), (1, 1), 1, "none", (), ""
    )
    return maps
