"""One step with a graph whose gradient first passes through an equation of its fixed point."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cordsnet.dynamics.gradients.layout import Values
from cordsnet.dynamics.gradients.trial import StepMap

Back: TypeAlias = Callable[[Values], Values]
"""Gradients with respect to the signals after a step -> with respect to those before: products with J'."""

Solver: TypeAlias = Callable[[Back, Values], Values]
"""(products with J', gradient with respect to the last state) -> the gradient that the last step is given."""


def tied(step: StepMap, point: Values, solve: Solver) -> Values:
    """F(point) with a graph of this one step; its gradient with respect to weights and inputs is that of the solution.

    The gradients of all signals are solved for together. One step is kept, and `solve` runs in the backward pass.
    """
    if not torch.is_grad_enabled():
        return step(point)
    start = tuple(value.detach().requires_grad_() for value in point)
    after = step(start)
    if not any(value.requires_grad for value in after):
        return after
    back = _products(start, after)
    found: Values = _Through.apply(lambda upstream: solve(back, upstream), *after)  # type: ignore[no-untyped-call]
    return found


def _products(start: Values, after: Values) -> Back:
    outputs = [k for k, value in enumerate(after) if value.requires_grad]

    def back(upstream: Values) -> Values:
        given = [after[k] for k in outputs], start, [upstream[k] for k in outputs]
        return torch.autograd.grad(*given, retain_graph=True, allow_unused=True, materialize_grads=True)

    return back


class _Through(torch.autograd.Function):
    """The identity of several tensors, whose gradients are replaced together."""

    @staticmethod
    def forward(ctx: Any, solve: Callable[[Values], Values], *after: Tensor) -> Values:
        """The tensors themselves."""
        ctx.solve = solve
        return tuple(value.view_as(value) for value in after)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        """The solution for the gradients from above."""
        return None, *ctx.solve(upstream)
