"""Weights as gain times direction, and drawing them from a seed."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Built = TypeVar("Built", bound=nn.Module)

HOW_TO_EDIT = (
    "a weight is computed from gain and direction at every use, so that changing it in place has no effect; assign a "
    "new one, `kernel.weight = new`, or use cordsnet.lesion()"
)


class ReadOnly(Tensor):
    """A computed weight: to be read, copied and computed with. Changing it in place raises TypeError."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Refuse changes in place; what shares the memory is read-only too, everything else a plain tensor."""
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        changes = name in ("__setitem__", "__set__") or (name.endswith("_") and not name.endswith("__"))
        changes = changes and name != "requires_grad_" and bool(args) and isinstance(args[0], ReadOnly)
        if changes or isinstance(kwargs.get("out"), ReadOnly):
            raise TypeError(HOW_TO_EDIT)
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **kwargs)
        if name == "numpy":
            result.flags.writeable = False
            return result
        own = args[0] if args else None
        if isinstance(result, Tensor) and isinstance(own, ReadOnly) and _shares_memory(result, own):
            return result.as_subclass(ReadOnly)
        return result.as_subclass(Tensor) if isinstance(result, ReadOnly) else result


def _shares_memory(one: Tensor, other: Tensor) -> bool:
    with torch._C.DisableTorchFunctionSubclass():
        return one is not other and one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr() != 0


class GainDirection(nn.Module):
    """The two parameters of a weight, under the names that torch's parametrisation gives them."""

    def __init__(self, gain: Tensor, direction: Tensor) -> None:
        super().__init__()
        self.original0 = nn.Parameter(gain)
        self.original1 = nn.Parameter(direction)


class Normalised(nn.Module):
    """A weight as gain x direction / |direction|, the norm taken over all axes but the first (Salimans & Kingma 2016).

    A row whose direction is zero is zero, and so are its gradients, where torch's own has 0 / 0. `weight` is computed
    at every use; it can be assigned, and not changed in place.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        norm = torch.norm_except_dim(weight, 2, 0)
        self.parametrizations = nn.ModuleDict({"weight": GainDirection(norm, weight)})
        self.register_parameter("bias", None if bias is None else nn.Parameter(bias))

    @property
    def gain(self) -> nn.Parameter:
        """One gain per output, [out, 1, ...]."""
        return self.parametrizations["weight"].get_parameter("original0")

    @property
    def direction(self) -> nn.Parameter:
        """The direction, of the weight's shape."""
        return self.parametrizations["weight"].get_parameter("original1")

    def compute(self) -> Tensor:
        """The weight as a plain tensor, in the graph when gradients are on."""
        gain, direction = self.gain, self.direction
        norm = torch.norm_except_dim(direction, 2, 0)
        silent = norm == 0
        if bool(silent.any()):  # 0 / 0 otherwise, in the weight or in its gradient
            safe = torch.where(silent, torch.ones_like(direction), direction)
            return torch.where(silent, torch.zeros_like(direction), _normalised(gain, safe))
        return _normalised(gain, direction)

    @property
    def weight(self) -> Tensor:
        """The weight, to be read; assign to it to change it."""
        return self.compute().as_subclass(ReadOnly)

    @torch.no_grad()
    def assign(self, weight: Tensor) -> None:
        """Take a new weight: its norm becomes the gain. Raises ValueError for another shape."""
        if weight.shape != self.direction.shape:
            raise ValueError(f"weight must have the shape {list(self.direction.shape)}, got {list(weight.shape)}")
        self.gain.copy_(torch.norm_except_dim(weight.detach().as_subclass(Tensor), 2, 0))
        self.direction.copy_(weight)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "weight":
            self.assign(value)
        else:
            super().__setattr__(name, value)


def _normalised(gain: Tensor, direction: Tensor) -> Tensor:
    if direction.is_cuda and direction.dtype == torch.float64:  # torch's fused kernel there is good to 1e-8 only
        return direction * (gain / torch.norm_except_dim(direction, 2, 0))
    return torch._weight_norm(direction, gain, 0)


def weight_of(kernel: nn.Module) -> Tensor:
    """The weight of a kernel, computed from gain and direction, in the graph when gradients are on."""
    assert isinstance(kernel, Normalised)
    return kernel.compute()


def gain_of(kernel: nn.Module) -> nn.Parameter:
    """The gain of a kernel, one per output."""
    assert isinstance(kernel, Normalised)
    return kernel.gain


def seeded(make: Callable[[], Built], seed: int) -> Built:
    """Build a model by `make`, with random weights that depend on the seed alone.

    They are drawn in float32 whatever torch's default dtype is, and then converted to that.
    """
    wanted = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            built = make()
    finally:
        torch.set_default_dtype(wanted)
    return built.to(wanted)
