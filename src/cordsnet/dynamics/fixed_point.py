"""Common parts of solvers of x = f(x): statuses, solutions, and a loop that keeps the best iterate of each sample."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive

FixedPointMap: TypeAlias = Callable[[Tensor], Tensor]


class Status(Enum):
    """Outcome of a solver; the text says what to do about it."""

    CONVERGED = "converged"
    STALLED = "stalled: the residual is above tol after max_iterations; raise max_iterations, or tol"
    DIVERGED = "diverged: values stopped being finite; the map expands, start nearer or simulate in time instead"


@dataclass(frozen=True)
class Solution:
    """Result of a fixed-point solve.

    Attributes
    ----------
    value : [B, ...], per sample the first iterate that converged, or else the one with the least residual.
    residual : [B], |f(x) - x| / |f(x)| there.
    status : one `Status` per sample.
    evaluations : number of evaluations of f.
    after : [B, ...], f(value).
    """

    value: Tensor
    residual: Tensor
    status: tuple[Status, ...]
    evaluations: int
    after: Tensor

    @property
    def converged(self) -> bool:
        """True if every sample converged."""
        return all(one is Status.CONVERGED for one in self.status)


Update: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""An iterate x, f(x) and f(x) - x, all of them [B, ...] -> the next iterate: what tells solvers apart."""


@check_arguments
@torch.no_grad()
def fixed_point_iteration(f: FixedPointMap, start: Tensor, *, tol: float, max_iterations: int = 100) -> Solution:
    """Solve x = f(x) from `start` [B, ...] by x <- f(x), which converges where f contracts.

    Iteration ends when every sample has converged to a relative residual of `tol`, or has diverged.
    """
    return iterate(f, start, lambda x, fx, apart: fx, tol, max_iterations)


def iterate(f: FixedPointMap, start: Tensor, update: Update, tol: float, max_iterations: int) -> Solution:
    """Run the loop of a solver, without a graph. A sample that has converged keeps its value while others go on.

    Raises ValueError for a start or settings that cannot be, and for an f that changes the shape.
    """
    check_start(start)
    check_positive(tol, "tol")
    check_count(max_iterations, "max_iterations")
    x = best = after = start
    least = start.new_full((len(start),), torch.inf)
    finite = torch.ones(len(start), dtype=torch.bool, device=start.device)
    evaluations = 0
    while evaluations < max_iterations:
        fx = f(x)
        if not (isinstance(fx, Tensor) and fx.shape == x.shape):
            raise ValueError(f"f must return a tensor of the shape that it is given, {list(x.shape)}")
        evaluations += 1
        apart = fx - x
        residual = relative_size(apart, fx)
        finite &= torch.isfinite(residual)
        better = (residual < least) & (least > tol)
        least = torch.where(better, residual, least)
        over = (least <= tol) | ~finite
        # looked at together, since each look waits for a GPU
        improved, ended, sound = torch.stack([better.all(), over.all(), finite.all()]).tolist()
        best, after = (x, fx) if improved else (_where(better, x, best), _where(better, fx, after))
        if ended or evaluations == max_iterations:
            break
        x = update(x, fx, apart)
        if not sound:
            x = _where(finite, x, best)
    return Solution(best, least, _judge(least, finite, tol), evaluations, after)


def check_start(start: Tensor) -> None:
    """Raise ValueError unless `start` is floating-point [B, ...] with at least one number."""
    if start.ndim < 2 or not start.numel() or not start.is_floating_point():
        raise ValueError(f"start must be floating-point [B, ...], got {start.dtype} of shape {list(start.shape)}")


def relative_size(part: Tensor, whole: Tensor) -> Tensor:
    """|part| / |whole| per sample [B]; |part| where the whole is zero."""
    size = torch.linalg.vector_norm(flat(whole, is_channels_last(whole)), dim=1)
    apart = torch.linalg.vector_norm(flat(part, is_channels_last(part)), dim=1)
    return torch.where(size > 0, apart / size, apart)


def flat(value: Tensor, last: bool) -> Tensor:
    """[B, ...] as [B, N], channels last where maps lie in memory like that, so that nothing is copied."""
    return value.permute(0, 2, 3, 1).flatten(1) if last else value.flatten(1)


def unflat(values: Tensor, like: Tensor, last: bool) -> Tensor:
    """The inverse of `flat`, for samples shaped like those of `like`."""
    if not last:
        return values.view(-1, *like.shape[1:])
    channels, height, width = like.shape[1:]
    return values.view(-1, height, width, channels).permute(0, 3, 1, 2)


def is_channels_last(value: Tensor) -> bool:
    """True for maps whose channels are last in memory."""
    return value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)


def _where(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(condition.view(-1, *[1] * (yes.ndim - 1)), yes, no)


def _judge(residual: Tensor, finite: Tensor, tol: float) -> tuple[Status, ...]:
    return tuple(
        Status.CONVERGED if error <= tol else Status.STALLED if ok else Status.DIVERGED
        for error, ok in zip(residual.tolist(), finite.tolist(), strict=True)
    )
