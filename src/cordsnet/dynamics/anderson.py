"""Fixed points x = f(x) by Anderson acceleration, each sample on its own."""

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_at_least, check_count
from cordsnet.dynamics.fixed_point import FixedPointMap, Solution, check_start, flat, is_channels_last, iterate, unflat
from cordsnet.dynamics.precision import place_of_doubles

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
    check_start(start)
    check_count(memory, "memory", most=MAX_MEMORY)
    check_at_least(ridge, "ridge", 0)
    return iterate(f, start, _History(start, memory, ridge), tol, max_iterations)


class _History:
    """The last values and residuals [B, memory, N] in arrays written in turn, and the residuals' Gram matrix."""

    def __init__(self, like: Tensor, memory: int, ridge: float) -> None:
        self.like, self.memory, self.ridge, self.count = like, memory, ridge, 0
        self.last = is_channels_last(like)
        self.values, self.residuals = (like.new_zeros(len(like), memory, like[0].numel()) for _ in range(2))
        place = place_of_doubles(like.device)
        self.gram = torch.zeros(len(like), memory, memory, dtype=torch.float64, device=place)

    def __call__(self, x: Tensor, fx: Tensor, apart: Tensor) -> Tensor:
        """The next iterate."""
        self.add(fx, apart)
        return self.mix()

    def add(self, value: Tensor, residual: Tensor) -> None:
        """Take the place of the oldest; only the new inner products are computed."""
        slot = self.count % self.memory
        self.values[:, slot], self.residuals[:, slot] = flat(value, self.last), flat(residual, self.last)
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
        return unflat(torch.bmm(weights.transpose(1, 2), self.values[:, :used])[:, 0], self.like, self.last)
