"""A convolution applied again and again without a graph: its kernel converted and laid out once."""

import torch
from torch import Tensor
from torch.nn import functional

ONEDNN = torch.ops.mkldnn
HAS_ONEDNN = bool(torch.backends.mkldnn.is_available()) and hasattr(ONEDNN, "_convolution_pointwise")  # type: ignore[no-untyped-call]
"""True if this build of torch has oneDNN; its operators are those that torch.compile emits for frozen kernels."""


def packs(device: torch.device, dtype: torch.dtype) -> bool:
    """True if oneDNN can pack kernels of this precision on this machine."""
    if not HAS_ONEDNN or device.type != "cpu":
        return False
    if dtype == torch.bfloat16:
        return bool(ONEDNN._is_mkldnn_bf16_supported())
    if dtype == torch.float16:
        return bool(ONEDNN._is_mkldnn_fp16_supported())
    return dtype == torch.float32


class Kernel:
    """A zero-padded convolution with a fixed kernel [out, in, k, k] and bias [out], in the precision `compute`.

    In single precision 1x1 kernels are not packed: torch multiplies matrices then, up to eight times faster.
    """

    def __init__(self, weight: Tensor, stride: int, compute: torch.dtype, bias: Tensor | None = None) -> None:
        weight = weight.detach().to(compute)
        self.bias = None if bias is None else bias.detach().to(compute)
        padding = (weight.shape[-1] - 1) // 2
        self.compute, self.stride, self.padding = compute, (stride, stride), (padding, padding)
        is_product = weight.shape[-1] == 1 and compute == torch.float32
        self.is_packed = packs(weight.device, compute) and not is_product
        if self.is_packed:
            self.weight = ONEDNN._reorder_convolution_weight(weight, self.padding, self.stride, (1, 1), 1, None)
        else:
            self.weight = weight.contiguous(memory_format=torch.channels_last)  # here, or cuDNN copies at every use

    def __call__(self, value: Tensor) -> Tensor:
        """Convolve maps [B, C, H, W]; the result has their precision."""
        converted = value.to(self.compute)
        if not self.is_packed:
            return functional.conv2d(converted, self.weight, self.bias, self.stride, self.padding).to(value.dtype)
        maps: Tensor = ONEDNN._convolution_pointwise(
            converted, self.weight, self.bias, self.padding, self.stride, (1, 1), 1, "none", (), ""
        )
        return maps.to(value.dtype)
