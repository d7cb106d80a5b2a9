"""The matrix products and convolutions that a run calls, and the shortest time in which the library computes them.

This is the floor of networks whose steps are not known from their spec (for those of a CordsNet see
`cordsnet.benchmarks.floor`): every call is made alone, with random numbers of the same shapes, and the fastest way
counts. Whatever else the run computes, such as norms and rectifications, is not part of it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from cordsnet.benchmarks.convolutions import Convolution
from cordsnet.benchmarks.floor import FORMATS, FORWARD, MERGED, fastest
from cordsnet.benchmarks.measure import timed
from cordsnet.dynamics.kernel import HAS_ONEDNN, ONEDNN
from cordsnet.training.cost import flop_counter


@dataclass(frozen=True)
class Like:
    """Stands for a tensor of that shape and precision."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Call:
    """One call of an operator, tensors replaced by what they are like.

    Attributes
    ----------
    operator : of torch.
    arguments, keywords : of the call.
    """

    operator: Any
    arguments: tuple[Any, ...]
    keywords: tuple[tuple[str, Any], ...] = ()


class Calls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the calls of operators whose operations `flop_counter` knows, while it is entered.

    Attributes
    ----------
    found : call -> how often it was made.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: Counter[Call] = Counter()
        self._counted = frozenset(flop_counter().flop_registry)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Note the call, and make it."""
        if func._overloadpacket in self._counted:
            self.found[_call(func, args, kwargs or {})] += 1
        return func(*args, **(kwargs or {}))

    def floor_seconds(self, batch: int, device: str, repeats: int = 3) -> float:
        """Seconds that the calls take at least, each alone.

        Convolutions of no more than `batch` maps, the trials of the run, are also computed with several steps as one.
        """
        return sum(count * _seconds(call, batch, device, repeats) for call, count in self.found.items())


def _call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """A convolution that oneDNN has packed is noted as the convolution that it computes."""
    if HAS_ONEDNN and func._overloadpacket is ONEDNN._convolution_pointwise:
        maps, kernel, bias, padding, stride, dilation, groups = args[:7]
        args = (maps, kernel, bias, stride, padding, dilation, False, (0, 0), groups)
        func, kwargs = torch.ops.aten.convolution.default, {}
    return Call(func, _like(args), tuple((name, _like(value)) for name, value in sorted(kwargs.items())))


def _like(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Like(tuple(value.shape), value.dtype)
    return tuple(map(_like, value)) if isinstance(value, list | tuple) else value


@torch.no_grad()
def _seconds(call: Call, batch: int, device: str, repeats: int) -> float:
    """Seconds of one call in the fastest way."""
    plain = _plain(call)
    if plain is not None:
        maps: Like = call.arguments[0]
        merged = (1, MERGED) if maps.shape[0] <= batch else (1,)
        return fastest(plain, maps.shape[0], device, maps.dtype, FORWARD, repeats, merged)
    best = float("inf")
    for memory_format in FORMATS:
        draw = torch.Generator().manual_seed(0)
        arguments = _drawn(call.arguments, draw, device, memory_format)
        keywords = {name: _drawn(value, draw, device, memory_format) for name, value in call.keywords}
        seconds = [timed(lambda: call.operator(*arguments, **keywords), device)[0] for _ in range(repeats + 1)]  # noqa: B023
        best = min(best, *seconds[1:])
    return best


def _drawn(value: Any, draw: torch.Generator, device: str, memory_format: torch.memory_format) -> Any:
    """Random numbers in place of what is like a tensor."""
    if isinstance(value, tuple):
        return tuple(_drawn(one, draw, device, memory_format) for one in value)
    if not isinstance(value, Like):
        return value
    numbers = torch.randn(value.shape, generator=draw).to(device, value.dtype)
    return numbers.contiguous(memory_format=memory_format) if numbers.dim() == 4 else numbers


def _plain(call: Call) -> Convolution | None:
    """The zero-padded convolution with a square kernel that a call computes; None for any other call."""
    if call.operator is not torch.ops.aten.convolution.default:
        return None
    maps, kernel, _, stride, padding, dilation, transposed, _, groups = call.arguments
    if transposed or groups != 1 or len(maps.shape) != 4:
        return None
    (outputs, inputs, k, width), (height_in, width_in) = kernel.shape, maps.shape[2:]
    if k != width or set(dilation) != {1} or len(set(stride)) != 1 or set(padding) != {(k - 1) // 2}:
        return None
    target = tuple((side + 2 * padding[0] - k) // stride[0] + 1 for side in (height_in, width_in))
    return Convolution(inputs, outputs, k, stride[0], (height_in, width_in), (target[0], target[1]))
