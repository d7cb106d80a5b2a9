"""Fixed points x = f(x) by Anderson acceleration, each sample on its own."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import torch
from torch import Tensor

FixedPointMap: TypeAlias = Callable[[Tensor], Tensor]


class Status(Enum):
    """How a solution ended; the text says what to do about it."""

    CONVERGED = "converged"
    STALLED = "stalled: the residual is above tol after max_iterations; raise max_iterations, or tol"
    DIVERGED = "diverged: values stopped being finite; the map expands, start nearer or simulate in time instead"


@dataclass(frozen=True)
class Solution:
    """Of a fixed-point problem.

    Attributes
    ----------
    value : [B, ...], per sample the iterate with the least residual.
    residual : [B], |f(x) - x| / |f(x)| there.
    status : one `Status` per sample.
    evaluations : how often f was evaluated.
    """

    value: Tensor
    residual: Tensor
    status: tuple[Status, ...]
    evaluations: int


@torch.no_grad()
def anderson(
    f: FixedPointMap, start: Tensor, *, tol: float, max_iterations: int = 100, memory: int = 6, ridge: float = 1e-10
) -> Solution:
    """Solve x = f(x) from `start` [B, ...] (Anderson 1965; Walker & Ni 2011).

    Each iterate is the combination of the last `memory` values of f whose residuals, weighted alike, are
    smallest; the weights sum to one. `ridge` is relative to the diagonal of the residuals' Gram matrix.
    Iteration ends when every sample has converged to a relative residual of `tol`, or has diverged.
    """
    x, best = start, start
    least = start.new_full((len(start),), torch.inf)
    finite = torch.ones(len(start), dtype=torch.bool, device=start.device)
    values: list[Tensor] = []
    residuals: list[Tensor] = []
    evaluations = 0
    while evaluations < max_iterations:
        fx = f(x)
        evaluations += 1
        residual = relative_residual(fx, x)
        finite &= torch.isfinite(residual)
        better = residual < least
        best, least = _where(better, x, best), torch.where(better, residual, least)
        if bool(((least <= tol) | ~finite).all()):
            break
        values, residuals = [*values, fx][-memory:], [*residuals, fx - x][-memory:]
        x = _where(finite, _mix(values, residuals, ridge), best)
    return Solution(best, least, _judge(least, finite, tol), evaluations)


def relative_residual(fx: Tensor, x: Tensor) -> Tensor:
    """|f(x) - x| / |f(x)| per sample [B]; |f(x) - x| where f(x) is zero."""
    size = torch.linalg.vector_norm(fx.flatten(1), dim=1)
    apart = torch.linalg.vector_norm((fx - x).flatten(1), dim=1)
    return torch.where(size > 0, apart / size, apart)


def _mix(values: list[Tensor], residuals: list[Tensor], ridge: float) -> Tensor:
    """The combination of `values` with the smallest combined residual, weights summing to one, per sample."""
    stacked = torch.stack([residual.flatten(1) for residual in residuals], 1).double()
    gram = stacked @ stacked.transpose(1, 2)
    scale = gram.diagonal(dim1=1, dim2=2).amax(1).clamp_min(torch.finfo(gram.dtype).tiny)
    eye = torch.eye(len(values), dtype=gram.dtype, device=gram.device)
    gram = torch.nan_to_num(gram / scale[:, None, None]) + ridge * eye
    ones = torch.ones(len(gram), len(values), 1, dtype=gram.dtype, device=gram.device)
    weights = torch.linalg.solve(gram, ones)
    weights = (weights / weights.sum(1, keepdim=True)).to(values[0].dtype)
    terms = [_per_sample(weights[:, k], value) * value for k, value in enumerate(values)]
    return torch.stack(terms).sum(0)


def _per_sample(values: Tensor, like: Tensor) -> Tensor:
    """[B] as [B, 1, 1, ...]."""
    return values.view(-1, *[1] * (like.ndim - 1))


def _where(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(_per_sample(condition, yes), yes, no)


def _judge(residual: Tensor, finite: Tensor, tol: float) -> tuple[Status, ...]:
    return tuple(
        Status.CONVERGED if error <= tol else Status.STALLED if ok else Status.DIVERGED
        for error, ok in zip(residual.tolist(), finite.tolist(), strict=True)
    )
