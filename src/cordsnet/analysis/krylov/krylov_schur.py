"""The Krylov-Schur method (Stewart 2002) in real arithmetic, with filters; its first cycle is Arnoldi's method."""

import numpy as np
import torch
from numpy.typing import NDArray

from cordsnet._checks import seeded_generator
from cordsnet.analysis.krylov.basis import Array, Basis
from cordsnet.analysis.krylov.decomposition import KrylovDecomposition
from cordsnet.analysis.krylov.filters import Filter, NoFilter, PowerFilter, ShiftInvert
from cordsnet.analysis.krylov.order import eigenpairs, schur_values, sorted_schur, with_whole_pair
from cordsnet.analysis.krylov.problem import EigenProblem, RitzPairs, no_pairs, residuals


def krylov_schur(problem: EigenProblem) -> RitzPairs:
    """Expand a space, keep its leading Schur vectors and expand again, until the wanted pairs have converged."""
    space, filter_ = initial_space(problem)
    safety = 1.0  # factor by which estimates must be below tol; doubled each time that they were too optimistic
    while True:
        if not grow(problem, space, filter_):
            return no_pairs()
        schur, q = sorted_schur(space.matrix, filter_.key)
        last = problem.products_left < filter_.cost
        if last or _estimates_converged(problem, space, filter_, schur, q, safety):
            found = extract(problem, space, filter_, schur, q)
            if last or problem.within_tolerance(residuals(problem.op, found), found.values, found.scale).all():
                return found
            safety = min(2 * safety, 1e6)
        if isinstance(filter_, NoFilter) and problem.products_left > problem.basis * problem.degree > problem.basis:
            space, filter_ = _with_power_filter(problem, space, schur, q)
        else:
            # Keeping half of the unwanted vectors as well speeds up convergence (as in Wu & Simon 2000, SIAM J. Matrix
            # Anal. Appl. 22:602). Conjugate pairs stay whole, so that the Schur form stays real.
            middle = problem.count + (space.count - problem.count) // 2
            space.restart(schur, q, min(with_whole_pair(schur, middle), space.size - 1))


def arnoldi_once(problem: EigenProblem) -> RitzPairs:
    """Arnoldi's method: the first cycle only, `basis` steps."""
    space, filter_ = initial_space(problem)
    if not grow(problem, space, filter_):
        return no_pairs()
    return extract(problem, space, filter_, *sorted_schur(space.matrix, filter_.key))


def initial_space(
    problem: EigenProblem, basis: Basis | None = None, first: int = 0
) -> tuple[KrylovDecomposition, Filter]:
    """A space of random start vectors, orthogonal to the `first` rows of a basis, and the filter that it is built with.

    The basis must have room for `problem.basis + problem.block` more rows; None makes one.
    """
    generator = seeded_generator(problem.seed)
    if basis is None:
        basis = Basis(problem.basis + problem.block, problem.op, problem.op.domain, generator)
    basis.generator = generator
    for row in range(problem.block):
        basis.draw(first + row)
    filter_: Filter = NoFilter(problem.op, problem.key)
    if problem.sigma is not None:
        filter_ = ShiftInvert(problem.op, problem.sigma, problem.tol)
    return KrylovDecomposition(filter_.apply, basis, problem.basis, problem.block, first), filter_


def grow(problem: EigenProblem, space: KrylovDecomposition, filter_: Filter) -> bool:
    """Expand to the full size or to the last product; returns False if a product is not finite."""
    while space.count < space.size and (problem.products_left >= filter_.cost or space.count < problem.block):
        if not space.expand():
            return False
    return True


def _with_power_filter(
    problem: EigenProblem, space: KrylovDecomposition, schur: Array, q: Array
) -> tuple[KrylovDecomposition, Filter]:
    """Start again with a power filter, from a combination of the wanted vectors of the first space."""
    # The radius of nilpotent and strongly non-normal operators is far below their norm, and powers of 1 / radius would
    # overflow.
    radius = max(float(np.abs(schur_values(schur)).max()), 1e-3 * float(np.linalg.norm(schur, 2)))
    filter_ = PowerFilter(problem.op, problem.degree, radius or 1.0)
    draw = np.random.default_rng(problem.seed)
    wanted = min(with_whole_pair(schur, problem.count), len(schur))
    basis = space.basis
    basis.recombine((q[:, :wanted] @ draw.standard_normal((wanted, problem.block))).T.copy())
    for row in range(problem.block):
        if basis.orthogonalise(row)[1] == 0:
            basis.draw(row)
    return KrylovDecomposition(filter_.apply, basis, problem.basis, problem.block), filter_


def _estimates_converged(
    problem: EigenProblem, space: KrylovDecomposition, filter_: Filter, schur: Array, q: Array, safety: float
) -> bool:
    """True if the residuals estimated from the space suggest that those of A have converged."""
    values, small = eigenpairs(schur, filter_.key, min(problem.count, len(schur)))
    # B v - l v = W C y for a Ritz pair v = V y of H y = l y
    estimates = np.linalg.norm(space.coupling @ q @ small, axis=0)
    if isinstance(filter_, NoFilter):
        return bool(problem.within_tolerance(estimates * safety, values, float(np.linalg.norm(schur, 2))).all())
    # Estimates are of the filter, not of A: near l, relative residuals of A^q are up to q times those of A
    return bool((estimates <= 2 * filter_.cost * problem.tol * np.abs(values).max()).all())


def extract(problem: EigenProblem, space: KrylovDecomposition, filter_: Filter, schur: Array, q: Array) -> RitzPairs:
    """The wanted pairs of A in the space; with locked rows, those of A on the complement of these."""
    matrix, wanted_vectors = schur, q
    if not isinstance(filter_, NoFilter):
        wanted_vectors = q[:, : min(with_whole_pair(schur, problem.count + 2), len(schur))]
        matrix = _rayleigh_ritz_matrix(problem, space, wanted_vectors)
    values, small = eigenpairs(matrix, problem.key, min(problem.count, len(matrix)))
    weights = wanted_vectors @ small

    def vector(index: int) -> torch.Tensor:
        column = weights[:, index]
        return space.basis.combination(column if values[index].imag else column.real, space.first)

    def subspace() -> tuple[Basis, NDArray[np.complex128]]:
        assert space.first == 0
        triangle, turn = sorted_schur(matrix, problem.key)
        turn = turn[:, : with_whole_pair(triangle, len(values))]
        space.basis.recombine((wanted_vectors @ turn).T.copy())
        return space.basis, turn.T @ small

    return RitzPairs(values, vector, float(np.linalg.norm(matrix, 2)), subspace=subspace)


def _rayleigh_ritz_matrix(problem: EigenProblem, space: KrylovDecomposition, wanted_vectors: Array) -> Array:
    """W'A W for the vectors W = V wanted_vectors, one at a time so that no second basis is held."""
    matrix = np.zeros((wanted_vectors.shape[1], wanted_vectors.shape[1]))
    rows = space.basis.rows[space.first : space.first + space.count]
    for column in range(wanted_vectors.shape[1]):
        vector = space.basis.combination(wanted_vectors[:, column], space.first)
        image = problem.op.apply(vector[None]).reshape(-1)
        matrix[:, column] = wanted_vectors.T @ torch.mv(rows, image).double().cpu().numpy()
    return matrix
