"""Fixed points x = f(x) by Broyden's method, each sample on its own."""

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.dynamics.anderson import MAX_MEMORY
from cordsnet.dynamics.fixed_point import FixedPointMap, Solution, check_start, flat, is_channels_last, iterate, unflat


@check_arguments
@torch.no_grad()
def broyden(f: FixedPointMap, start: Tensor, *, tol: float, max_iterations: int = 100, memory: int = 30) -> Solution:
    """Solve x = f(x) from `start` [B, ...] (Broyden 1965, the "good" method; Bai et al. 2019 for deep equilibria).

    The inverse Jacobian of g(x) = f(x) - x begins as -1, so that the first step is x <- f(x), and is corrected by a
    matrix of rank one after every step (Sherman & Morrison). The last `memory` corrections are kept, the oldest one
    giving way. Steps are whole: no line is searched, so that every iterate costs one evaluation.
    Iteration ends when every sample has converged to a relative residual of `tol`, or has diverged.
    """
    check_start(start)
    check_count(memory, "memory", most=MAX_MEMORY)
    check_count(max_iterations, "max_iterations")
    return iterate(f, start, _InverseJacobian(start, min(memory, max_iterations)), tol, max_iterations)


class _InverseJacobian:
    """-1 + sum of u v' over the last corrections, u and v [B, memory, N]."""

    def __init__(self, like: Tensor, memory: int) -> None:
        self.like, self.memory, self.count, self.last = like, memory, 0, is_channels_last(like)
        self.u, self.v = (like.new_zeros(len(like), memory, like[0].numel()) for _ in range(2))
        self.before: tuple[Tensor, Tensor] | None = None

    def __call__(self, x: Tensor, fx: Tensor, apart: Tensor) -> Tensor:
        """x minus the inverse Jacobian of g(x)."""
        place, g = flat(x, self.last), flat(apart, self.last)
        if self.before is not None:
            self._correct(place - self.before[0], g - self.before[1])
        self.before = place, g
        return unflat(place - self._times(g), self.like, self.last)

    def _correct(self, moved: Tensor, changed: Tensor) -> None:
        """Make the inverse Jacobian take the change of g to the step that caused it."""
        row = self._transposed_times(moved)
        scale = (row * changed).sum(1, keepdim=True)
        u = (moved - self._times(changed)) / torch.where(scale == 0, torch.ones_like(scale), scale)
        slot = self.count % self.memory
        # no correction where nothing moved; of samples that diverged, none that would spread
        sound = (scale != 0) & torch.isfinite(u).all(1, keepdim=True) & torch.isfinite(row).all(1, keepdim=True)
        self.u[:, slot], self.v[:, slot] = torch.where(sound, u, 0), torch.where(sound, row, 0)
        self.count += 1

    def _times(self, vector: Tensor) -> Tensor:
        return _corrected(vector, self.v, self.u, min(self.count, self.memory))

    def _transposed_times(self, vector: Tensor) -> Tensor:
        return _corrected(vector, self.u, self.v, min(self.count, self.memory))


def _corrected(vector: Tensor, left: Tensor, right: Tensor, used: int) -> Tensor:
    """-vector + right' (left vector) of the corrections in use, [B, N]."""
    if not used:
        return -vector
    inner = torch.bmm(left[:, :used], vector[:, :, None])
    return torch.baddbmm(vector[:, :, None], right[:, :used].transpose(1, 2), inner, beta=-1)[..., 0]
