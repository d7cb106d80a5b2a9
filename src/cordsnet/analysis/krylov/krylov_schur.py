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
        found, estimates = _extract(problem, space, tool, schur, q)
        last = problem.left < tool.cost
        if last or problem.good(estimates * doubt, found.values, found.scale).all():
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
    return _extract(problem, space, tool, *sorted_schur(space.matrix, tool.key))[0]


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


def _extract(problem: Problem, space: Decomposition, tool: Filter, schur: Array, q: Array) -> tuple[Found, Array]:
    """The wanted pairs that the space holds, and estimates of their residuals; zero where none come for free."""
    if isinstance(tool, Plain):
        matrix, lead = schur, q
    else:
        lead = q[:, : min(closed(schur, problem.count + 2), len(schur))]
        matrix = _rayleigh(problem, space, lead)
    values, small = eigenpairs(matrix, problem.key, min(problem.count, len(matrix)))
    weights = lead @ small
    basis = space.basis

    def vector(index: int) -> torch.Tensor:
        column = weights[:, index]
        return basis.combination(column if values[index].imag else np.ascontiguousarray(column.real))

    found = Found(values, vector, float(np.linalg.norm(matrix, 2)))
    plain = isinstance(tool, Plain)
    return found, np.linalg.norm(space.coupling @ weights, axis=0) if plain else np.zeros(len(values))


def _rayleigh(problem: Problem, space: Decomposition, lead: Array) -> Array:
    """W'A W for the vectors W = V lead, one at a time so that no second basis is held."""
    basis, matrix = space.basis, np.zeros((lead.shape[1], lead.shape[1]))
    for column in range(lead.shape[1]):
        image = problem.op.apply(basis.combination(np.ascontiguousarray(lead[:, column]))[None]).reshape(-1)
        matrix[:, column] = lead.T @ torch.mv(basis.rows[: space.count], image).double().cpu().numpy()
    return matrix
