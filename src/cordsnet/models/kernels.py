"""Weights as gain times direction, and drawing them from a seed."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from cordsnet.dynamics.transforms import in_transform

Built = TypeVar("Built", bound=nn.Module)

HOW_TO_EDIT = (
    "a weight is computed from gain and direction at every use, so that changing it in place has no effect; assign a "
    "new one, `kernel.weight = new`, or use cordsnet.lesion()"
)


HOW_TO_CHANGE = (
    "it is computed from gain and direction; prune or parametrise kernel.parametrizations['weight'], its 'original0' "
    "(gain) or 'original1' (direction), or assign a new weight"
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

    def append(self, parametrization: object) -> None:
        """Refuse what torch's register_parametrization would add: the weight is gain times direction, and stays so."""
        raise TypeError(f"{type(parametrization).__name__} cannot act on this weight: {HOW_TO_CHANGE}")


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
        gain: nn.Parameter = getattr(self.parametrizations["weight"], "original0")  # noqa: B009
        return gain

    @property
    def direction(self) -> nn.Parameter:
        """The direction, of the weight's shape."""
        direction: nn.Parameter = getattr(self.parametrizations["weight"], "original1")  # noqa: B009
        return direction

    def compute(self) -> Tensor:
        """The weight as a plain tensor, in the graph when gradients are on."""
        gain, direction = self.gain, self.direction
        norm = torch.norm_except_dim(direction, 2, 0)
        silent = norm == 0
        unseen = in_transform() or torch.compiler.is_exporting()  # values cannot be looked at then
        if unseen or bool(silent.any()):  # 0 / 0 otherwise, in the weight or in its gradient
            safe = torch.where(silent, torch.ones_like(direction), direction)
            return torch.where(silent, torch.zeros_like(direction), _normalised(gain, safe))
        return _normalised(gain, direction)

    @property
    def weight(self) -> Tensor:
        """The weight, to be read; assign to it to change it."""
        return self.compute().as_subclass(ReadOnly)

    @torch.no_grad()
    def assign(self, weight: Tensor) -> None:
        """Take a new weight: its norm becomes the gain.

        Raises ValueError for another shape, TypeError while gain or direction are pruned or parametrised.
        """
        self._check_editable()
        if weight.shape != self.direction.shape:
            raise ValueError(f"weight must have the shape {list(self.direction.shape)}, got {list(weight.shape)}")
        self.gain.copy_(torch.norm_except_dim(weight.detach().as_subclass(Tensor), 2, 0))
        self.direction.copy_(weight)

    @torch.no_grad()
    def scale(self, factor: Tensor | float) -> None:
        """Multiply the gain, in place. Raises TypeError while it is pruned or parametrised."""
        self._check_editable()
        self.gain.mul_(factor)

    def _check_editable(self) -> None:
        for name in ("original0", "original1"):
            if name not in self.parametrizations["weight"]._parameters:
                raise TypeError(
                    f"weight cannot be assigned while its {name!r} is pruned or parametrised, which would undo it; "
                    "call torch's prune.remove or parametrize.remove_parametrizations first"
                )

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """Add a parameter. Raises TypeError, naming the way, where pruning would split the computed weight."""
        if name.startswith("weight"):
            raise TypeError(f"'weight' cannot be pruned: {HOW_TO_CHANGE}, or use cordsnet.lesion")
        super().register_parameter(name, param)

    def __delattr__(self, name: str) -> None:
        if name == "bias":  # torch's register_parametrization would put its property on the class, for all kernels
            raise TypeError("'bias' of a kernel cannot be parametrised in its place; assign it instead")
        super().__delattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "weight":
            self.assign(value)
        else:
            super().__setattr__(name, value)


def _normalised(gain: Tensor, direction: Tensor) -> Tensor:
    # torch's fused kernel is good to 1e-8 only in double precision on GPUs, and has no forward derivative
    if (direction.is_cuda and direction.dtype == torch.float64) or in_transform():
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


def bias_of(kernel: nn.Module) -> Tensor:
    """The bias of a kernel that has one."""
    assert isinstance(kernel, Normalised)
    bias: Any = kernel.bias
    assert isinstance(bias, Tensor)
    return bias


def scale_gain(kernel: nn.Module, factor: Tensor | float) -> None:
    """Multiply the gain of a kernel, in place."""
    assert isinstance(kernel, Normalised)
    kernel.scale(factor)


def seeded(make: Callable[[], Built], seed: int) -> Built:
    """Build a model by `make`, with random weights that depend on the seed alone.

    They are drawn on the processor, in float32, whatever torch's default device and dtype are, and then converted to
    those. Generators of torch stay as they were.
    """
    device, dtype = torch.get_default_device(), torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            torch.default_generator.manual_seed(seed)
            built = make()
    finally:
        torch.set_default_dtype(dtype)
    return built.to(device, dtype)
