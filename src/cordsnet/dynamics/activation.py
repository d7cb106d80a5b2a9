"""phi, the function from drive to target rate, and its derivative written in terms of its own output."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet.registry import Registry


@dataclass(frozen=True)
class Shape:
    """One family of phi: y = apply(x, slope), the same in place of x, and dy/dx = derivative(y, slope)."""

    apply: Callable[[Tensor, float], Tensor]
    overwrite: Callable[[Tensor, float], Tensor]
    derivative: Callable[[Tensor, float], Tensor]


def _leaky(y: Tensor, slope: float) -> Tensor:
    return torch.full_like(y, slope).masked_fill(y > 0, 1.0)


SHAPES: Registry[Shape] = Registry("activation")
SHAPES.add("relu", Shape(lambda x, _: functional.relu(x), lambda x, _: x.relu_(), lambda y, _: _leaky(y, 0.0)))
SHAPES.add("identity", Shape(lambda x, _: x, lambda x, _: x, lambda y, _: torch.ones_like(y)))
SHAPES.add("prelu", Shape(functional.leaky_relu, functional.leaky_relu_, _leaky))
SHAPES.add("tanh", Shape(lambda x, _: torch.tanh(x), lambda x, _: x.tanh_(), lambda y, _: 1 - y * y))
SHAPES.add(
    "softplus",
    Shape(lambda x, _: functional.softplus(x), lambda x, _: functional.softplus(x), lambda y, _: -torch.expm1(-y)),
)

LARGEST_SLOPE = torch.finfo(torch.float32).max


@check_init
@dataclass(frozen=True)
class Activation:
    """phi of tau dr/dt = -r + phi(drive).

    Attributes
    ----------
    name : "relu" (the final model), "identity" (linear stage), "prelu" (annealing), "tanh" or "softplus".
    slope : slope for negative drive, used by "prelu" alone.
    """

    name: str = "relu"
    slope: float = 0.0

    def __post_init__(self) -> None:
        SHAPES[self.name]
        if abs(self.slope) > LARGEST_SLOPE:
            raise ValueError(f"slope must be a number that single precision can hold, got {self.slope!r}")
        if self.slope and self.name != "prelu":
            raise ValueError(f"slope = {self.slope:g} has no meaning for activation {self.name!r}; use 'prelu'")

    def __call__(self, drive: Tensor) -> Tensor:
        """phi(drive), element by element."""
        return SHAPES[self.name].apply(drive, self.slope)

    def overwrite(self, drive: Tensor) -> Tensor:
        """phi(drive), in the memory of `drive` where that saves a pass; for drives that nobody else needs."""
        return SHAPES[self.name].overwrite(drive, self.slope)

    @property
    def is_rectifier(self) -> bool:
        """True if phi is exactly zero for every negative drive."""
        return self.name == "relu" or (self.name == "prelu" and self.slope == 0)

    def backward(self, gradient: Tensor, target: Tensor, share: float | Tensor, out: Tensor) -> Tensor:
        """dphi/ddrive x gradient, written into `out`, where share x phi(drive) = target; rectifiers in one pass."""
        if self.is_rectifier:
            torch.ops.aten.threshold_backward.grad_input(gradient, target, 0.0, grad_input=out)
            return out
        if self.name == "prelu":
            torch.ops.aten.leaky_relu_backward.grad_input(gradient, target, self.slope, False, grad_input=out)
            return out
        return torch.mul(gradient, self.derivative_at_output(target / share), out=out)

    def derivative_at_output(self, target: Tensor) -> Tensor:
        """dphi/ddrive where phi(drive) = target. For the rectifiers the derivative at zero drive is the lower one."""
        return SHAPES[self.name].derivative(target, self.slope)
