"""Eigenvalues that a Krylov space has missed: further copies of multiple ones.

A space built from one start vector holds one vector of each eigenspace, so it finds a multiple eigenvalue once. On the
complement of the vectors that were found, the other eigenvalues are left, and a search from a new random vector shows
if one of them should have come before the last that was found.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.analysis.krylov.basis import Basis
from cordsnet.analysis.krylov.filters import NoFilter
from cordsnet.analysis.krylov.krylov_schur import extract, grow, initial_space
from cordsnet.analysis.krylov.order import Values, eigenpairs, sorted_schur, with_whole_pair
from cordsnet.analysis.krylov.problem import LARGE, EigenProblem, RitzPairs

LEAST_BASIS = 12
"""Vectors with which the complement of a large operator's pairs is searched, at least."""

CLEAR = 10
"""Estimated errors by which a value must differ from all that were found before a search ends without converging."""


@dataclass(frozen=True)
class Order:
    """Order of the eigenvalues found, by which missed ones are recognised.

    Attributes
    ----------
    ahead : found values that come before the last one by more than `slack`.
    last : key of the last one.
    slack : difference of keys that counts as a tie.
    """

    ahead: Values
    last: float
    slack: float

    @classmethod
    def of(cls, problem: EigenProblem, values: Values) -> "Order":
        """The order of values that have converged to `tol`."""
        keys, rounding = problem.key(values), float(torch.finfo(problem.op.dtype).eps)
        slack = max(10 * problem.tol, 1000 * rounding) * float(np.abs(values).max())
        return cls(values[keys < keys.max() - slack], float(keys.max()), slack)

    def is_missed(self, key: float) -> bool:
        """True if a value with this key comes before the last."""
        return key < self.last - self.slack

    def is_behind(self, value: complex, key: float, error: float) -> bool:
        """True if a value, known up to an error, comes after the last and is no copy of one that was found."""
        apart = float(np.abs(self.ahead - value).min(initial=np.inf))
        return key > self.last and apart > CLEAR * error


@dataclass(frozen=True)
class Compact:
    """Pairs whose vectors lie in the span of the first rows of a basis, which has room for a search beside them.

    Attributes
    ----------
    pairs : the pairs.
    basis : orthonormal rows.
    count : number of rows that span the vectors.
    """

    pairs: RitzPairs
    basis: Basis
    count: int


def compact(problem: EigenProblem, found: RitzPairs) -> Compact:
    """The same pairs over an orthonormal basis of their vectors alone, in the memory of the space that found them."""
    basis, weights = _gathered(problem, found) if found.subspace is None else found.subspace()

    def vector(index: int) -> Tensor:
        column = weights[:, index]
        return basis.combination(column if found.values[index].imag else column.real)

    return Compact(RitzPairs(found.values, vector, found.scale, found.finite), basis, len(weights))


def with_missed(problem: EigenProblem, found: Compact) -> tuple[RitzPairs, bool]:
    """Add the eigenvalues that come before the last of `found`, whose pairs have all converged.

    The search of a large operator takes no more memory than the space that found its pairs. Returns the pairs, and
    True if the search came to its end within `max_products`.
    """
    pairs, basis, count = found.pairs, found.basis, found.count
    order = Order.of(problem, pairs.values)
    if not len(order.ahead):  # a copy would be no further ahead than what was found
        return pairs, True
    units = problem.op.shape[0]
    while units - count >= 4:
        size = problem.basis if units < LARGE else max(len(basis.rows) - count - 1, LEAST_BASIS)
        size = min(size, units - count - 1)
        basis = _with_room(problem, basis, count, size + 1)
        inner = replace(problem, count=1, block=1, degree=1, basis=size, seed=problem.seed + count)
        more, ended = _leading_of_rest(inner, basis, count, order)
        if more is None:
            return pairs, ended
        basis = _with_room(problem, basis, count, len(more))
        for row in more:
            basis.rows[count] = row
            count += basis.orthogonalise(count)[1] > 0
        pairs = _ritz(problem, basis.rows[:count], pairs.scale)
        order = Order.of(problem, pairs.values)
    return pairs, True


def _with_room(problem: EigenProblem, basis: Basis, count: int, more: int) -> Basis:
    """A basis with the first `count` rows of another, and room for more."""
    if len(basis.rows) >= count + more:
        return basis
    larger = Basis(count + more, problem.op, problem.op.domain, basis.generator)
    larger.rows[:count] = basis.rows[:count]
    return larger


def _leading_of_rest(problem: EigenProblem, basis: Basis, count: int, order: Order) -> tuple[Tensor | None, bool]:
    """Real vectors [1 or 2, N] of the leading pair on the complement of the first rows of a basis, if it was missed.

    Else None. The second value is False if the products ended before that was decided.
    """
    space, filter_ = initial_space(problem, basis, count)
    plain, cycles = isinstance(filter_, NoFilter), 0
    while grow(problem, space, filter_):
        schur, q = sorted_schur(space.matrix, filter_.key)
        values, small = eigenpairs(schur, filter_.key, 1)
        error = float(np.linalg.norm(space.coupling @ q @ small, axis=0).max())
        value, key = complex(values[0]), float(problem.key(values[:1])[0])
        # the first cycle may not have seen the leading vector yet
        if plain and cycles and order.is_behind(value, key, error):
            return None, True
        whole = space.count + count == problem.op.shape[0]
        if whole or _is_decided(problem, order, value, error, float(np.linalg.norm(schur, 2)), plain):
            found = extract(problem, space, filter_, schur, q)
            missed = order.is_missed(float(problem.key(found.values[:1])[0]))
            return (_real_rows(found) if missed else None), True
        if problem.products_left < filter_.cost:
            return None, False
        space.restart(schur, q, min(with_whole_pair(schur, 1 + (space.count - 1) // 2), space.size - 1))
        cycles += 1
    return None, False


def _is_decided(problem: EigenProblem, order: Order, value: complex, error: float, scale: float, plain: bool) -> bool:
    """True if the leading pair has converged, or as far as it takes to tell it from those that come before it."""
    if not plain:  # a pair of the filter, whose eigenvalues have another scale
        return error <= 0.3 * problem.tol * abs(value)
    converged = bool(problem.within_tolerance(np.array([error / 0.3]), np.array([value]), scale)[0])
    ahead = order.is_missed(float(problem.key(np.array([value]))[0]))
    return converged or (error <= 0.1 * order.slack and not ahead)


def _gathered(problem: EigenProblem, found: RitzPairs) -> tuple[Basis, NDArray[np.complex128]]:
    """A basis whose first m rows span the vectors of `found`, and the coefficients [m, k] of the vectors."""
    rows = _real_rows(found)
    basis, count = Basis(len(rows) + problem.basis + 1, problem.op, problem.op.domain, torch.Generator()), 0
    for row in rows:
        basis.rows[count] = row
        count += basis.orthogonalise(count)[1] > 0
    vectors = (found.vector(index).reshape(-1) for index in range(len(found.values)))
    weights = [torch.mv(basis.rows[:count].to(one.dtype), one).to(torch.complex128).cpu().numpy() for one in vectors]
    return basis, np.stack(weights, axis=1)


def _real_rows(found: RitzPairs) -> Tensor:
    """The vectors as real rows; of a conjugate pair, the real and the imaginary part."""
    rows = []
    for index, value in enumerate(found.values):
        vector = found.vector(index).reshape(-1)
        if value.imag >= 0:
            rows += [vector.real, vector.imag] if vector.is_complex() and value.imag else [vector.real]
    return torch.stack(rows)


def _ritz(problem: EigenProblem, rows: Tensor, scale: float) -> RitzPairs:
    """The leading pairs of A in the span of orthonormal rows [m, N]."""
    op, size = problem.op, len(rows)
    matrix = np.zeros((size, size))
    for column in range(size):
        image = op.apply(rows[column].view(1, *op.domain)).reshape(-1)
        matrix[:, column] = torch.mv(rows, image).double().cpu().numpy()
    values, small = eigenpairs(matrix, problem.key, min(problem.count, size))

    def vector(index: int) -> Tensor:
        weights = torch.from_numpy(small[:, index].copy()).to(op.device)
        weights = weights.to(op.dtype.to_complex()) if values[index].imag else weights.real.to(op.dtype)
        mixed = torch.mv(rows.to(weights.dtype).T, weights)
        return mixed.view(op.domain)

    return RitzPairs(values, vector, max(scale, float(np.linalg.norm(matrix, 2))))
