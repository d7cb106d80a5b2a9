"""Pseudospectra: points of the complex plane that a small change of the operator can make an eigenvalue.

The smallest singular value of z - A is the norm of the smallest such change. It is bounded by that of the Hessenberg
matrix of an Arnoldi space, which takes products with A alone (Toh & Trefethen 1996, SIAM J. Matrix Anal. Appl. 17:1;
Trefethen & Embree 2005, sec. 40).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_few, seeded_generator
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.problem import LARGEST_BASIS
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status

MOST_POINTS = 1_000_000
"""Largest number of points that is accepted; each takes a small singular value decomposition."""


@dataclass(frozen=True)
class Pseudospectrum:
    """Upper bounds on the smallest singular values of z - A at points z.

    For every y, |(z - A) V y| = |(z I~ - H~) y|, with V the Arnoldi basis, H~ its rectangular Hessenberg matrix and I~
    the identity with a row of zeros below. So the smallest singular value of z I~ - H~ is at least that of z - A, and
    falls towards it as the space grows: contours of it lie inside the true pseudospectrum. It falls slowly from a
    random start vector, so this is a picture of the plane; for a precise value at one point use
    `cordsnet.analysis.nonnormal.resolvent.smallest_singular_value`.

    Attributes
    ----------
    z : complex, any shape.
    sigma : shaped like `z`, smallest singular value of z I~ - H~: an upper bound, up to rounding, on that of z - A.
        Equal to it only if the space is exhausted or large enough.
    change : largest relative fall of sigma over the last quarter of the steps; shows convergence but bounds nothing.
    rounding : estimate of |A| x machine precision; smaller sigma mean nothing.
    status : CONVERGED if `change` is below 1 %, EXHAUSTED if the space ended early, STALLED, or NOT_FINITE.
    products : products with A.
    """

    z: Tensor
    sigma: Tensor
    change: float
    rounding: float
    status: Status
    products: int


@check_arguments
@exact()
def pseudospectrum(
    op: LinearOperator, z: Tensor | Sequence[complex], *, steps: int = 60, seed: int = 0
) -> Pseudospectrum:
    """Upper bounds on the smallest singular value of z - A.

    Parameters
    ----------
    op : A, square.
    z : complex points, any shape.
    steps : Arnoldi steps, each one product and one vector held.
    seed : seed of the start vector.

    Raises
    ------
    ValueError : an operator that is not square, no points, points that are not finite, fewer than 4 steps, or
        more points than a million or vectors than 8 GiB.
    """
    points = _points(z)
    return _at_points(_hessenberg(op, steps, seed), points)


@dataclass(frozen=True)
class _ArnoldiSpace:
    """The rectangular Hessenberg matrix [m + 1, m] of an Arnoldi space; square if the space is exhausted."""

    matrix: Tensor
    norm: float
    rounding: float
    exhausted: bool
    products: int


def _hessenberg(op: LinearOperator, steps: int, seed: int) -> _ArnoldiSpace:
    """Arnoldi from a random start vector, with each vector orthogonalised twice."""
    check_square(op)
    check_count(steps, "steps", 4)
    steps = min(steps, op.shape[1])
    gigabytes = (steps + 1) * op.shape[1] * op.dtype.itemsize / 2**30
    if gigabytes > LARGEST_BASIS:
        raise ValueError(f"steps = {steps} would hold {gigabytes:.1f} GiB of vectors; give fewer")
    draw = seeded_generator(seed)
    start = op.random(draw).reshape(-1)
    basis = start.new_zeros(steps + 1, len(start))
    basis[0] = start / start.norm()
    columns = torch.zeros(steps + 1, steps, dtype=torch.float64)
    epsilon, size = torch.finfo(op.dtype).eps, 0.0
    for j in range(steps):
        fresh = op.mv(basis[j].view(op.domain)).reshape(-1)
        before = float(fresh.norm())
        size = max(size, before)
        # twice keeps V orthogonal to rounding, on which the identity in `Pseudospectrum` rests
        for _ in range(2):
            part = basis[: j + 1] @ fresh
            fresh = fresh - part @ basis[: j + 1]
            columns[: j + 1, j] += part.double().cpu()
        after = float(fresh.norm())
        if j + 1 == len(start) or (after <= 10 * epsilon * size and j + 1 == steps):
            return _arnoldi_space(columns[: j + 1, : j + 1], epsilon, True)
        if after <= 10 * epsilon * size:
            # The start vector holds no more than this; copies of a block lie outside. Go on from a new random vector.
            basis[j + 1] = _orthogonal_draw(op, basis[: j + 1], draw)
            continue
        columns[j + 1, j] = after
        basis[j + 1] = fresh / after
    return _arnoldi_space(columns, epsilon, False)


def _orthogonal_draw(op: LinearOperator, basis: Tensor, draw: torch.Generator) -> Tensor:
    """A random unit vector [N] orthogonal to the rows of a basis."""
    fresh = op.random(draw).reshape(-1)
    for _ in range(3):
        fresh = fresh - (basis @ fresh) @ basis
        fresh = fresh / fresh.norm()
    return fresh


def _arnoldi_space(matrix: Tensor, epsilon: float, exhausted: bool) -> _ArnoldiSpace:
    finite = bool(torch.isfinite(matrix).all())
    norm = float(torch.linalg.matrix_norm(matrix, 2)) if finite else float("nan")
    return _ArnoldiSpace(matrix, norm, norm * epsilon, exhausted, matrix.shape[1])


def _at_points(space: _ArnoldiSpace, z: Tensor) -> Pseudospectrum:
    columns = space.matrix.shape[1]
    if not space.norm < float("inf"):
        nothing = torch.full(z.shape, torch.nan, dtype=torch.float64)
        return Pseudospectrum(z, nothing, float("nan"), space.rounding, Status.NOT_FINITE, space.products)
    sigma = _smallest_singular_values(space.matrix, z)
    if space.exhausted:
        return Pseudospectrum(z, sigma, 0.0, space.rounding, Status.EXHAUSTED, space.products)
    # The leading columns are the space of an earlier step
    fewer = max(3 * columns // 4, 1)
    earlier = _smallest_singular_values(space.matrix[: fewer + 1, :fewer], z)
    change = float((1 - sigma / earlier.clamp(min=space.rounding)).max())
    status = Status.CONVERGED if change < 0.01 else Status.STALLED
    return Pseudospectrum(z, sigma, change, space.rounding, status, space.products)


def _smallest_singular_values(matrix: Tensor, z: Tensor) -> Tensor:
    """Smallest singular value of z I~ - H~ for every z, 256 at a time."""
    eye = torch.eye(*matrix.shape, dtype=torch.complex128)
    wide = matrix.to(torch.complex128)
    parts = [torch.linalg.svdvals(part[:, None, None] * eye - wide)[:, -1] for part in torch.split(z.flatten(), 256)]
    return torch.cat(parts).view(z.shape)


def _points(z: Tensor | Sequence[complex]) -> Tensor:
    check_few(z, "z", MOST_POINTS, "points")
    points = torch.as_tensor(z, device="cpu").to(torch.complex128)
    if points.numel() > MOST_POINTS:
        raise ValueError(f"z must be at most {MOST_POINTS:,} points, got {points.numel():,}; give a coarser grid")
    if points.numel() == 0 or not bool(torch.isfinite(points).all()):
        raise ValueError(f"z must be finite complex points, at least one, got shape {list(points.shape)}")
    return points
