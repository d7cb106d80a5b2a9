"""Fixed points x = f(x) by Anderson acceleration, each sample on its own."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_at_least, check_count, check_positive
from cordsnet.dynamics.precision import place_of_doubles

FixedPointMap: TypeAlias = Callable[[Tensor], Tensor]


class Status(Enum):
    """How a solution ended; the text says what to do about it."""

    CONVERGED = "converged"
    STALLED = "stalled: the residual is above tol after max_iterations; raise max_iterations, or tol"
    DIVERGED = "diverged: values stopped being finite; the map expands, start nearer or simulate in time instead"


@dataclass(frozen=True)
class Solution:
    """Result of a fixed-point solve.

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


MAX_MEMORY = 1000
"""Iterates that are kept; a linear system of that size is solved at each step."""


@check_arguments
@torch.no_grad()
def anderson(
    f: FixedPointMap, start: Tensor, *, tol: float, max_iterations: int = 100, memory: int = 6, ridge: float = 1e-10
) -> Solution:
    """Solve x = f(x) from `start` [B, ...] (Anderson 1965; Walker & Ni 2011).

    Each iterate is the combination of the last `memory` values of f whose residuals, weighted alike, are
    smallest; the weights sum to one. `ridge` is relative to the diagonal of the residuals' Gram matrix.
    Iteration ends when every sample has converged to a relative residual of `tol`, or has diverged.
    """
    if start.ndim < 2 or not start.numel() or not start.is_floating_point():
        raise ValueError(f"start must be floating-point [B, ...], got {start.dtype} of shape {list(start.shape)}")
    check_positive(tol, "tol")
    check_count(max_iterations, "max_iterations")
    check_count(memory, "memory", most=MAX_MEMORY)
    check_at_least(ridge, "ridge", 0)
    x, best = start, start
    least = start.new_full((len(start),), torch.inf)
    finite = torch.ones(len(start), dtype=torch.bool, device=start.device)
    history = _History(start, memory, ridge)
    evaluations = 0
    while evaluations < max_iterations:
        fx = f(x)
        if not (isinstance(fx, Tensor) and fx.shape == x.shape):
            raise ValueError(f"f must return a tensor of the shape that it is given, {list(x.shape)}")
        evaluations += 1
        apart = fx - x
        residual = relative_size(apart, fx)
        finite &= torch.isfinite(residual)
        better = residual < least
        least = torch.where(better, residual, least)
        over = (least <= tol) | ~finite
        # looked at together, since each look waits for a GPU
        improved, ended, sound = torch.stack([better.all(), over.all(), finite.all()]).tolist()
        best = x if improved else _where(better, x, best)
        if ended:
            break
        history.add(fx, apart)
        x = history.mix()
        if not sound:
            x = _where(finite, x, best)
    return Solution(best, least, _judge(least, finite, tol), evaluations)


def relative_size(part: Tensor, whole: Tensor) -> Tensor:
    """|part| / |whole| per sample [B]; |part| where the whole is zero."""
    size = torch.linalg.vector_norm(_flat(whole, _channels_last(whole)), dim=1)
    apart = torch.linalg.vector_norm(_flat(part, _channels_last(part)), dim=1)
    return torch.where(size > 0, apart / size, apart)


class _History:
    """The last values and residuals [B, memory, N] in arrays written in turn, and the residuals' Gram matrix."""

    def __init__(self, like: Tensor, memory: int, ridge: float) -> None:
        self.like, self.memory, self.ridge, self.count = like, memory, ridge, 0
        self.last = _channels_last(like)
        self.values, self.residuals = (like.new_zeros(len(like), memory, like[0].numel()) for _ in range(2))
        place = place_of_doubles(like.device)
        self.gram = torch.zeros(len(like), memory, memory, dtype=torch.float64, device=place)

    def add(self, value: Tensor, residual: Tensor) -> None:
        """Take the place of the oldest; only the new inner products are computed."""
        slot = self.count % self.memory
        self.values[:, slot], self.residuals[:, slot] = _flat(value, self.last), _flat(residual, self.last)
        products = torch.bmm(self.residuals, self.residuals[:, slot, :, None])[..., 0]
        products = products.to(self.gram.device).double()  # in this order, for devices without double precision
        self.gram[:, slot], self.gram[:, :, slot] = products, products
        self.count += 1

    def mix(self) -> Tensor:
        """The combination of values with the smallest combined residual, weights summing to one, per sample."""
        used = min(self.count, self.memory)
        gram = self.gram[:, :used, :used]
        scale = gram.diagonal(dim1=1, dim2=2).amax(1).clamp_min(torch.finfo(gram.dtype).tiny)
        eye = torch.eye(used, dtype=gram.dtype, device=gram.device)
        gram = torch.nan_to_num(gram / scale[:, None, None]) + self.ridge * eye
        ones = torch.ones(len(gram), used, 1, dtype=gram.dtype, device=gram.device)
        weights = torch.linalg.solve_ex(gram, ones).result  # never singular, and a check would wait for a GPU
        weights = (weights / weights.sum(1, keepdim=True)).to(self.values.dtype).to(self.values.device)
        return _unflat(torch.bmm(weights.transpose(1, 2), self.values[:, :used])[:, 0], self.like, self.last)


def _flat(value: Tensor, last: bool) -> Tensor:
    """[B, ...] as [B, N], channels last where maps lie in memory like that, so that nothing is copied."""
    return value.permute(0, 2, 3, 1).flatten(1) if last else value.flatten(1)


def _unflat(flat: Tensor, like: Tensor, last: bool) -> Tensor:
    """The inverse of `_flat`, for a tensor shaped like `like`."""
    if not last:
        return flat.view(like.shape)
    batch, channels, height, width = like.shape
    return flat.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _channels_last(value: Tensor) -> bool:
    return value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)


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
