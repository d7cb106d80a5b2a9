"""The penalty on maps that expand around a fixed point, by which training keeps fixed points stable."""

from collections.abc import Callable

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_at_least


@check_arguments
def expansion_penalty(f: Callable[[Tensor], Tensor], value: Tensor, bound: float = 0.9) -> Tensor:
    """Mean of ((J' 1 - bound)+)^2 at a fixed point: the Lipschitz-coefficient penalty (Linsley et al. 2020).

    Raises ValueError unless `value` is floating-point and not empty, and `f` returns its shape.
    """
    if not (value.is_floating_point() and value.numel()):
        raise ValueError(f"value must hold floating-point numbers, got {value.dtype} of shape {list(value.shape)}")
    check_at_least(bound, "bound", 0)
    point = value.detach().requires_grad_()
    after = f(point)
    if not (isinstance(after, Tensor) and after.shape == point.shape):
        raise ValueError(f"f must return a tensor of the shape that it is given, {list(point.shape)}")
    (sums,) = torch.autograd.grad(after, point, torch.ones_like(after), create_graph=True)
    return torch.relu(sums - bound).square().mean()
