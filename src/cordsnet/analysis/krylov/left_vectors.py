"""Left eigenvectors from the transpose, matched with the right ones, and the condition numbers that both give."""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from cordsnet.analysis.krylov.basis import Array
from cordsnet.analysis.krylov.order import Values


def match_eigenvalues(values: Values, others: Values, scale: float, tol: float) -> list[int | None]:
    """Index of the matching eigenvalue of the transpose for each value, or None if the nearest is a different one."""
    if not len(values) or not len(others):
        return [None] * len(values)
    apart = np.abs(values[:, None] - others[None, :])
    partner: list[int | None] = [None] * len(values)
    for row, column in zip(*linear_sum_assignment(apart), strict=True):
        if apart[row, column] <= max(100 * tol, 1e-5) * scale:
            partner[row] = int(column)
    return partner


def biorthogonalise(values: Values, right: Tensor, left: Tensor, near: float) -> Tensor:
    """Recombine `left` [k, N] among eigenvalues at most `near` apart, so that y_i' v_j = 0 for i other than j.

    Eigenvectors of a multiple eigenvalue span a space of which each method returns its own basis. A defective
    eigenvalue has no biorthogonal basis and keeps its vectors. Rows of NaN stay NaN.
    """
    left = left.clone()
    known = (~left.isnan().any(1)).tolist()
    for group in _groups(values, near):
        rows = [row for row in group if known[row]]
        if len(rows) < 2:
            continue
        overlap = (left[rows].conj() @ right[rows].T).cpu().to(torch.complex128)  # entries y_i' v_j
        if not float(torch.linalg.cond(overlap)) <= 1e6:  # NaN if all are orthogonal, as at a Jordan block
            continue
        turned = torch.linalg.inv(overlap).conj().to(left) @ left[rows]
        left[rows] = turned / torch.linalg.vector_norm(turned, dim=1, keepdim=True)
    return left


def condition_numbers(right: Tensor, left: Tensor) -> Array:
    """1 / |y'v| of unit vectors [k, N] (Wilkinson 1965, chapter 2)."""
    overlap = (left.conj() * right).sum(1).abs().double().cpu().numpy()
    wanted: Array = np.divide(1.0, overlap, out=np.full(len(overlap), np.inf), where=overlap != 0)
    return wanted


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
