"""Memory that backward passes use again from block to block: fresh memory costs more than filling it."""

from collections.abc import Sequence
from math import prod
from weakref import WeakKeyDictionary

from torch import Tensor

from cordsnet.dynamics.rate_system import RateSystem


class Scratch:
    """Memory for courses [steps, B, *shape], handed out and taken back."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []

    def take(self, like: Tensor, steps: int) -> Tensor:
        """Memory for a course [steps, *like.shape], channels last; its content is left over from its last use."""
        size = steps * like.numel()
        fitting = [flat for flat in self._free if flat.numel() >= size and flat.dtype == like.dtype]
        if fitting:
            flat = min(fitting, key=Tensor.numel)
            self._free = [other for other in self._free if other is not flat]
        else:
            self._free = self._free[1:]  # the one that has been unused for longest makes room
            flat = like.new_empty(size)
        return as_course(flat[:size], steps, like.shape)

    def clear(self) -> None:
        """Let go of what is free."""
        self._free = []

    def give(self, course: Tensor) -> None:
        """Hand back what `take` gave."""
        base = course._base
        assert base is not None
        self._free.append(base)


def as_course(flat: Tensor, steps: int, shape: Sequence[int]) -> Tensor:
    """Flat memory as a course [steps, *shape]; maps have their channels last in memory."""
    assert flat.numel() == steps * prod(shape)
    if len(shape) != 4:
        return flat.view(steps, *shape)
    batch, channels, height, width = shape
    return flat.view(steps, batch, height, width, channels).permute(0, 1, 4, 2, 3)


_POOLS: "WeakKeyDictionary[RateSystem, Scratch]" = WeakKeyDictionary()


def scratch_of(system: RateSystem) -> Scratch:
    """The memory that all runs of a system share; it goes with the system."""
    return _POOLS.setdefault(system, Scratch())
