"""The Krylov-Schur method (Stewart 2001) in real arithmetic, with filters; Arnoldi's is its first cycle."""

import numpy as np
import torch

from cordsnet.analysis.krylov.basis import Array, Basis
from cordsnet.analysis.krylov.decomposition import Decomposition
from cordsnet.analysis.krylov.filters import Filter, Plain, Power, ShiftInvert
from cordsnet.analysis.krylov.order import closed, eigenpairs, schur_values, sorted_schur
from cordsnet.analysis.krylov.problem import Found, Problem, not_finite, residuals


def krylov_schur(problem: Problem) -> Found:
    """Grow a space, keep what comes first in it, grow it again, until the wanted pairs have converged."""
    space, tool = _start(problem)
    doubt = 1.0  # estimates are to be this much below what the residuals are to be
    while True:
        if not _grow(problem, space, tool):
            return not_finite()
        schur, q = sorted_schur(space.matrix, tool.key)
        last = problem.left < tool.cost
        if last or _promising(problem, space, tool, schur, q, doubt):
            found = _extract(problem, space, tool, schur, q)
            if last or problem.good(residuals(problem.op, found), found.values, found.scale).all():
                return found
            doubt *= 2
        if isinstance(tool, Plain) and problem.left > problem.basis * problem.degree > problem.basis:
            space, tool = _sharpened(problem, space, schur, q)
        else:
            middle = problem.count + (space.count - problem.count) // 2
            space.restart(schur, q, min(closed(schur, middle), space.size - 1))


def arnoldi_once(problem: Problem) -> Found:
    """The first cycle alone: `basis` steps of Arnoldi's method and what it knows then."""
    space, tool = _start(problem)
    if not _grow(problem, space, tool):
        return not_finite()
    return _extract(problem, space, tool, *sorted_schur(space.matrix, tool.key))


def _start(problem: Problem) -> tuple[Decomposition, Filter]:
    generator = torch.Generator().manual_seed(problem.seed)
    basis = Basis(problem.basis + problem.block, problem.op, problem.op.domain, generator)
    for row in range(problem.block):
        basis.draw(row)
    tool: Filter = Plain(problem.op, problem.key)
    if problem.sigma is not None:
        tool = ShiftInvert(problem.op, problem.sigma, problem.tol)
    return Decomposition(tool.apply, basis, problem.basis, problem.block), tool


def _grow(problem: Problem, space: Decomposition, tool: Filter) -> bool:
    """Up to the full size, or to the last product; whether all products were finite."""
    while space.count < space.size and (problem.left >= tool.cost or space.count < problem.block):
        if not space.step():
            return False
    return True


def _sharpened(problem: Problem, space: Decomposition, schur: Array, q: Array) -> tuple[Decomposition, Filter]:
    """Begin anew with a filter, from all that is wanted of the first space."""
    radius = float(np.abs(schur_values(schur)).max())
    tool = Power(problem.op, problem.degree, radius or 1.0)
    draw = np.random.default_rng(problem.seed)
    wanted = min(closed(schur, problem.count), len(schur))
    basis = space.basis
    basis.recombine((q[:, :wanted] @ draw.standard_normal((wanted, problem.block))).T.copy())
    for row in range(problem.block):
        if basis.orthogonalise(row)[1] == 0:
            basis.draw(row)
    return Decomposition(tool.apply, basis, problem.basis, problem.block), tool


def _promising(problem: Problem, space: Decomposition, tool: Filter, schur: Array, q: Array, doubt: float) -> bool:
    """Whether the residuals that the space itself estimates make it worth computing those of A.

    Those of a filter's eigenvalues are other ones: near l those of A^q are up to q times those of A, relative to each.
    """
    values, small = eigenpairs(schur, tool.key, min(problem.count, len(schur)))
    estimates = np.linalg.norm(space.coupling @ q @ small, axis=0)
    if isinstance(tool, Plain):
        return bool(problem.good(estimates * doubt, values, float(np.linalg.norm(schur, 2))).all())
    return bool((estimates <= 2 * tool.cost * problem.tol * np.abs(values).max()).all())


def _extract(problem: Problem, space: Decomposition, tool: Filter, schur: Array, q: Array) -> Found:
    """The wanted pairs of A that the space holds."""
    matrix, lead = schur, q
    if not isinstance(tool, Plain):
        lead = q[:, : min(closed(schur, problem.count + 2), len(schur))]
        matrix = _rayleigh(problem, space, lead)
    values, small = eigenpairs(matrix, problem.key, min(problem.count, len(matrix)))
    weights = lead @ small

    def vector(index: int) -> torch.Tensor:
        column = weights[:, index]
        return space.basis.combination(column if values[index].imag else np.ascontiguousarray(column.real))

    return Found(values, vector, float(np.linalg.norm(matrix, 2)))


def _rayleigh(problem: Problem, space: Decomposition, lead: Array) -> Array:
    """W'A W for the vectors W = V lead, one at a time so that no second basis is held."""
    basis, matrix = space.basis, np.zeros((lead.shape[1], lead.shape[1]))
    for column in range(lead.shape[1]):
        image = problem.op.apply(basis.combination(np.ascontiguousarray(lead[:, column]))[None]).reshape(-1)
        matrix[:, column] = lead.T @ torch.mv(basis.rows[: space.count], image).double().cpu().numpy()
    return matrix
