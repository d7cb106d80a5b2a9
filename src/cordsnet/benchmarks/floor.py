"""The shortest time in which the library computes the convolutions of a workload on this machine.

Every convolution is measured alone, with the same numbers of channels, units and trials, in every way that the library
offers: maps in either memory format, kernels packed by oneDNN or not, one step at a time or several as one batch. The
fastest of these counts, whether or not the network could use it. Nothing else of the workload is counted.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight

from cordsnet.benchmarks.convolutions import Convolution, convolutions
from cordsnet.benchmarks.measure import timed
from cordsnet.dynamics.kernel import Kernel
from cordsnet.models import VisionModel

MERGED = 8
"""Steps that are also computed as one batch."""
FORMATS = (torch.contiguous_format, torch.channels_last)


def floor_seconds(
    model: VisionModel, batch: int, forward: int, backward: int, device: str, dtype: torch.dtype, repeats: int = 3
) -> float:
    """Seconds that the convolutions of `forward` steps, and the gradients of `backward` steps, take at least."""
    total, known = 0.0, dict[Convolution, float]()
    for one in convolutions(model):
        if one not in known:
            known[one] = forward * fastest(one, batch, device, dtype, FORWARD, repeats)
            if backward:
                known[one] += backward * fastest(one, batch, device, dtype, BACKWARD_INPUT, repeats)
                known[one] += backward * fastest(one, batch, device, dtype, BACKWARD_WEIGHT, repeats)
        total += known[one]
    return total


def _forward(one: Convolution, maps: Tensor, weight: Tensor, upstream: Tensor) -> Iterator[Callable[[], Tensor]]:
    padding = (one.kernel - 1) // 2
    packed = Kernel(weight, one.stride, weight.dtype)
    yield lambda: functional.conv2d(maps, weight, stride=one.stride, padding=padding)
    yield lambda: packed(maps)


def _input(one: Convolution, maps: Tensor, weight: Tensor, upstream: Tensor) -> Iterator[Callable[[], Tensor]]:
    padding = (one.kernel - 1) // 2
    yield lambda: conv2d_input(maps.shape, weight, upstream, one.stride, padding)  # type: ignore[no-untyped-call]
    if one.stride == 1:
        turned = weight.flip(2, 3).transpose(0, 1)
        packed = Kernel(turned, 1, weight.dtype)
        yield lambda: functional.conv_transpose2d(upstream, weight, padding=padding)
        yield lambda: packed(upstream)


def _weight(one: Convolution, maps: Tensor, weight: Tensor, upstream: Tensor) -> Iterator[Callable[[], Tensor]]:
    padding = (one.kernel - 1) // 2
    yield lambda: conv2d_weight(maps, weight.shape, upstream, one.stride, padding)  # type: ignore[no-untyped-call]


FORWARD, BACKWARD_INPUT, BACKWARD_WEIGHT = _forward, _input, _weight
"""Ways to compute a convolution, and its two gradients."""


@torch.no_grad()
def fastest(
    one: Convolution,
    batch: int,
    device: str,
    dtype: torch.dtype,
    ways: Callable[..., Iterator[Callable[[], Tensor]]],
    repeats: int,
    merged: tuple[int, ...] = (1, MERGED),
) -> float:
    """Seconds for one step of all trials, in the fastest way; `merged` are the numbers of steps computed as one."""
    draw, best = torch.Generator().manual_seed(0), float("inf")
    weight = torch.randn(one.outputs, one.inputs, one.kernel, one.kernel, generator=draw).to(device, dtype)
    for steps in merged:
        maps = torch.randn(steps * batch, one.inputs, *one.size, generator=draw).to(device, dtype)
        padding = (one.kernel - 1) // 2
        upstream = torch.randn_like(functional.conv2d(maps, weight, stride=one.stride, padding=padding))
        for memory_format in FORMATS:
            tensors = (tensor.contiguous(memory_format=memory_format) for tensor in (maps, weight, upstream))
            for way in ways(one, *tensors):
                seconds = [timed(way, device)[0] for _ in range(repeats + 1)]
                best = min(best, min(seconds[1:]) / steps)
    return best
