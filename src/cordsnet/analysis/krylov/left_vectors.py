"""Left eigenvectors from the transpose, paired with the right ones, and the condition numbers that both give."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.analysis.krylov.basis import Array
from cordsnet.analysis.krylov.order import Values


class LeftVectors(NamedTuple):
    """Left vectors [k, N] of unit norm, and the condition number [k] of each eigenvalue; NaN where none was found."""

    vectors: Tensor
    condition: Array


def paired_left_vectors(
    values: Values, right: Tensor, others: Values, lefts: Sequence[Tensor], near: float, reach: float
) -> LeftVectors:
    """Left vectors for eigenvalues with the right vectors [k, N].

    Eigenvalues at most `near` apart count as one that comes several times. Its right and its left vectors span a space
    each, of which every method returns its own basis, so left vectors y_i are combined for which y_i' v_j = 0 unless
    i = j. The condition number of them all is the norm of the projection onto the one space along the other; for a
    simple eigenvalue that is 1 / |y' v| (Wilkinson 1965, chapter 2). A defective eigenvalue has no such vectors and
    keeps those that are nearest; its condition number is infinite or very large.

    `lefts` are vectors of the eigenvalues `others` of the transpose; those within `reach` of an eigenvalue are its own.
    """
    vectors = torch.full_like(right, torch.nan)
    condition = np.full(len(values), np.nan)
    for group in _groups(values, near):
        apart = np.abs(others[:, None] - values[group][None, :]) if len(others) else np.zeros((0, 1))
        own = [row for row in range(len(others)) if apart[row].min() <= reach]
        if len(own) < len(group):
            continue
        candidates = torch.stack([lefts[row].to(right) for row in own])
        vectors[group], condition[group] = _paired(right[group], candidates, apart[own])
    return LeftVectors(vectors, condition)


def _paired(right: Tensor, candidates: Tensor, apart: NDArray[np.float64]) -> tuple[Tensor, Array]:
    """Left vectors for the m right ones of a group, and their condition, from at least m candidates."""
    candidates = candidates / torch.linalg.vector_norm(candidates, dim=1, keepdim=True)
    # an orthonormal basis of all of them, without directions that are rounding
    _, sizes, basis = torch.linalg.svd(candidates, full_matrices=False)
    basis = basis[sizes > 1e-4 * sizes[0]]
    overlap = (basis.conj() @ right.T).cpu().to(torch.complex128)
    sizes = torch.linalg.svdvals(overlap)
    independent = float(torch.linalg.svdvals(right.cpu().to(torch.complex128))[-1]) > 1e-6
    if len(basis) >= len(right) and independent and float(sizes[-1]) > 1e-6 * float(sizes[0]):
        mixed = (torch.linalg.pinv(overlap).conj().to(basis)) @ basis
        mixed = mixed / torch.linalg.vector_norm(mixed, dim=1, keepdim=True)
        bases = (torch.linalg.qr(part.T)[0] for part in (mixed, right))
        one, other = (part.cpu().to(torch.complex128) for part in bases)
        least = float(torch.linalg.svdvals(one.mH @ other)[-1])
        return mixed, np.full(len(right), 1 / least if least > 0 else np.inf)
    nearest = [int(row) for row in apart.argmin(0)]
    kept = candidates[nearest]
    aligned = (kept.conj() * right).sum(1).abs().double().cpu().numpy()
    return kept, np.divide(1.0, aligned, out=np.full(len(aligned), np.inf), where=aligned != 0)


def _groups(values: Values, near: float) -> list[list[int]]:
    """Rows whose values are connected by steps of at most `near`."""
    rest, groups = set(range(len(values))), []
    while rest:
        group = [rest.pop()]
        for one in group:
            close = [other for other in rest if abs(values[other] - values[one]) <= near]
            rest -= set(close)
            group += close
        groups.append(sorted(group))
    return groups
