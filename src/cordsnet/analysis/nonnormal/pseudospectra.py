"""Pseudospectra: where in the complex plane a small change of the operator could put an eigenvalue.

The smallest singular value of z - A says how large a change that takes. It is read off the Hessenberg matrix of an
Arnoldi space, which needs products with A alone (Toh & Trefethen 1996, SIAM J. Matrix Anal. Appl. 17:1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.analysis.exact import exact
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class Pseudospectrum:
    """Smallest singular values of z - A over points z, from above.

    For every y, |(z - A) V y| = |(z I~ - H~) y| (V the Arnoldi basis, H~ its rectangular Hessenberg matrix, I~ the
    identity with a row of zeros below), so the smallest singular value of z I~ - H~ is at least that of z - A and falls
    towards it as the space grows. What is drawn from it lies inside the true pseudospectrum. From a random start it
    falls slowly: a picture of the plane, not a number; for one point there is `smallest_singular_value`.

    Attributes
    ----------
    z : complex, any shape.
    sigma : shaped as `z`, smallest singular value of z I~ - H~; equal to that of z - A only where the space is
        exhausted, or large enough.
    change : largest fall of sigma over the last quarter of the steps, relative: how far from settled it is. No bound.
    bound : "upper": sigma is never below the truth but for rounding, which is `rounding`.
    rounding : |A| as far as seen x machine precision: smaller sigma mean nothing.
    status : CONVERGED when `change` is below 1 %; EXHAUSTED when the space ended early; STALLED; NOT_FINITE.
    products : with A.
    """

    z: Tensor
    sigma: Tensor
    change: float
    bound: str
    rounding: float
    status: Status
    products: int


@exact()
def pseudospectrum(
    op: LinearOperator, z: Tensor | Sequence[complex], *, steps: int = 60, seed: int = 0
) -> Pseudospectrum:
    """Bounds from above of the smallest singular value of z - A.

    Parameters
    ----------
    op : A, square.
    z : complex points, any shape.
    steps : of Arnoldi, each one product and one vector held.
    seed : of the start.

    Raises
    ------
    ValueError : an operator that is not square, no points, points that are not finite, fewer than 4 steps.
    """
    points = _points(z)
    return _at(_hessenberg(op, steps, seed), points)


@dataclass(frozen=True)
class _Space:
    """The rectangular Hessenberg matrix [m + 1, m] of an Arnoldi space; square where the space is exhausted."""

    matrix: Tensor
    norm: float
    rounding: float
    exhausted: bool
    products: int


def _hessenberg(op: LinearOperator, steps: int, seed: int) -> _Space:
    """Arnoldi from a random start, every vector made orthogonal twice."""
    check_square(op)
    if steps < 4:
        raise ValueError(f"steps must be at least 4, got {steps}")
    steps = min(steps, op.shape[1])
    start = op.random(torch.Generator().manual_seed(seed)).reshape(-1)
    basis = start.new_zeros(steps + 1, len(start))
    basis[0] = start / start.norm()
    columns = torch.zeros(steps + 1, steps, dtype=torch.float64)
    epsilon, size = torch.finfo(op.dtype).eps, 0.0
    for j in range(steps):
        fresh = op.apply(basis[j].view(1, *op.domain)).reshape(-1)
        before = float(fresh.norm())
        size = max(size, before)
        for _ in range(2):
            part = basis[: j + 1] @ fresh
            fresh = fresh - part @ basis[: j + 1]
            columns[: j + 1, j] += part.double().cpu()
        after = float(fresh.norm())
        if after <= 10 * epsilon * size or j + 1 == len(start):
            return _space(columns[: j + 1, : j + 1], epsilon, True)
        columns[j + 1, j] = after
        basis[j + 1] = fresh / after
    return _space(columns, epsilon, False)


def _space(matrix: Tensor, epsilon: float, exhausted: bool) -> _Space:
    finite = bool(torch.isfinite(matrix).all())
    norm = float(torch.linalg.matrix_norm(matrix, 2)) if finite else float("nan")
    return _Space(matrix, norm, norm * epsilon, exhausted, matrix.shape[1])


def _at(space: _Space, z: Tensor) -> Pseudospectrum:
    columns = space.matrix.shape[1]
    if not space.norm < float("inf"):
        nothing = torch.full(z.shape, torch.nan, dtype=torch.float64)
        return Pseudospectrum(z, nothing, float("nan"), "upper", space.rounding, Status.NOT_FINITE, space.products)
    sigma = _smallest(space.matrix, z)
    if space.exhausted:
        return Pseudospectrum(z, sigma, 0.0, "upper", space.rounding, Status.EXHAUSTED, space.products)
    fewer = max(3 * columns // 4, 1)
    earlier = _smallest(space.matrix[: fewer + 1, :fewer], z)
    change = float((1 - sigma / earlier.clamp(min=space.rounding)).max())
    status = Status.CONVERGED if change < 0.01 else Status.STALLED
    return Pseudospectrum(z, sigma, change, "upper", space.rounding, status, space.products)


def _smallest(matrix: Tensor, z: Tensor) -> Tensor:
    """Smallest singular value of z I~ - H~ for every z, some hundred at a time."""
    eye = torch.eye(*matrix.shape, dtype=torch.complex128)
    wide = matrix.to(torch.complex128)
    parts = [torch.linalg.svdvals(part[:, None, None] * eye - wide)[:, -1] for part in torch.split(z.flatten(), 256)]
    return torch.cat(parts).view(z.shape)


def _points(z: Tensor | Sequence[complex]) -> Tensor:
    points = torch.as_tensor(z, device="cpu").to(torch.complex128)
    if points.numel() == 0 or not bool(torch.isfinite(points).all()):
        raise ValueError(f"z must be finite complex points, at least one, got shape {list(points.shape)}")
    return points
