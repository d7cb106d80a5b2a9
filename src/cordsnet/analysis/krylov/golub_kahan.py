"""The largest singular values by products: restarted Golub-Kahan-Lanczos (Baglama & Reichel 2005).

A V = U B and A'U = V B' + r e'. V and U grow in turn, each orthogonalised against all earlier vectors. A restart keeps
the leading singular vectors of B; the residual vector r couples to each of them.
"""

import math
from dataclasses import replace
from math import prod

import numpy as np
import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_tolerance, is_whole, seeded_generator
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.basis import Array, Basis
from cordsnet.analysis.krylov.counting import CountingOperator
from cordsnet.analysis.krylov.problem import LARGEST_BASIS, MOST_PRODUCTS, ROUNDING_UNITS
from cordsnet.analysis.krylov.results import SingularTriplets
from cordsnet.analysis.operators import LinearOperator
from cordsnet.analysis.status import Status


@check_arguments
@exact()
def partial_svd(
    op: LinearOperator,
    k: int,
    *,
    tol: float = 1e-6,
    max_products: int = 20_000,
    basis: int | None = None,
    seed: int = 0,
    copies: bool = True,
) -> SingularTriplets:
    """The k largest singular values of an operator of any shape, with their vectors.

    Parameters
    ----------
    op : only products with it and with its transpose are used.
    k : number of singular values, at most the smaller of rows and columns.
    tol : residual, relative to the largest singular value, at which a triplet counts as converged; at least 20
        rounding errors.
    max_products : products with the operator and its transpose together.
    basis : pairs of vectors held, at least k + 2; None is 2 k + 4 and at least 20.
    seed : seed of the start vector.
    copies : a space from one start vector finds a multiple singular value once. True looks for further copies, from
        new random vectors on the complement of what was found, until nothing more is there. False leaves that out.

    Returns
    -------
    SingularTriplets. Those with status UNCHECKED are triplets, but products ended before it was known that no other
    comes before them.

    Raises
    ------
    ValueError : arguments that do not fit, by name.

    Source: Golub & Kahan 1965, SIAM J. Numer. Anal. 2:205; Baglama & Reichel 2005, SIAM J. Sci. Comput. 27:19.
    """
    counted, rank = CountingOperator(op), min(op.shape)
    _check(op, k, tol, max_products, basis)
    if op.shape[0] < op.shape[1]:  # work on the transpose, so that it is the right vectors that can span their space
        other = partial_svd(op.T, k, tol=tol, max_products=max_products, basis=basis, seed=seed, copies=copies)
        return replace(other, left=other.right, right=other.left)
    size = min(basis or max(2 * k + 4, 20), rank)
    goal = max(tol, ROUNDING_UNITS * float(torch.finfo(op.dtype).eps))
    answer = _search(_Bidiagonalisation(counted, size, seed), k, goal, max_products)
    if answer is None:
        return _not_finite(op, k, counted.products)
    return _with_missed(counted, answer, size, goal, max_products, seed) if copies and answer.converged else answer


def _check(op: LinearOperator, k: int, tol: float, max_products: int, basis: int | None) -> None:
    rank = min(op.shape)
    check_tolerance(tol)
    if not is_whole(k) or not 1 <= k <= rank:
        raise ValueError(f"k must be from 1 to {rank}, the smaller of rows and columns, got {k!r}")
    if basis is not None and (not is_whole(basis) or basis < k + 2):
        raise ValueError(f"basis must be at least k + 2 = {k + 2} pairs of vectors, got {basis!r}")
    check_count(max_products, "max_products", 1, MOST_PRODUCTS)
    vectors = min(basis or max(2 * k + 4, 20), rank)
    gigabytes = vectors * sum(op.shape) * op.dtype.itemsize / 2**30
    if gigabytes > LARGEST_BASIS:
        raise ValueError(
            f"k = {k} singular values take a basis of {vectors} pairs of vectors, {gigabytes:.1f} GiB; ask for fewer"
        )


def _search(
    space: "_Bidiagonalisation", k: int, goal: float, max_products: int, scale: float = 0.0, last_value: float = 0.0
) -> SingularTriplets | None:
    """The k leading triplets that a space converges to; None if a product was not finite.

    Residuals are relative to the leading singular value, or to `scale` if that is larger. The search ends early once
    the leading value is surely below `last_value`.
    """
    op = space.op
    while True:
        budget = max_products - op.products - 2 * k
        if not space.grow(budget):
            return None
        left, values, right = np.linalg.svd(space.matrix)
        # |A'u - s v| = |r| |last entry of the singular vector of B|, and A v = s u holds exactly; the factor 1/2 below
        # leaves room for rounding before the residuals themselves are computed.
        estimates = space.residual_norm * np.abs(left[-1, :k])
        last = max_products - op.products - 2 * k < 2 or space.spans_domain
        below = space.restarts > 0 and values[0] + 10 * estimates[0] < last_value
        if last or below or (len(values) >= k and (estimates <= goal / 2 * max(values[0], scale)).all()):
            answer = _answer(space, left[:, :k], values[:k], right.T[:, :k], goal, scale)
            if last or below or answer.converged:
                return answer
        space.restart(left, values, right.T, min(k + max(1, (space.size - k) // 2), space.size - 1))


def _with_missed(
    op: CountingOperator, found: SingularTriplets, size: int, goal: float, max_products: int, seed: int
) -> SingularTriplets:
    """Add the singular values above the last one that the space has missed."""
    k, scale = len(found.singular_values), float(found.singular_values[0])
    while True:
        last = float(found.singular_values[k - 1])
        count, threshold = len(found.singular_values), last + 10 * goal * scale
        if scale <= threshold or count == min(op.shape):
            return _first(found, k, op.products)
        if max_products - op.products < 4:
            return _first(found, k, op.products, Status.UNCHECKED)
        locked = found.left.flatten(1), found.right.flatten(1)
        space = _Bidiagonalisation(op, min(size, min(op.shape) - count), seed + count, locked)
        one = _search(space, 1, goal, max_products, scale, threshold)
        if one is None or (one.status[0] is not Status.CONVERGED and not float(one.singular_values[0]) < threshold):
            return _first(found, k, op.products, Status.UNCHECKED)
        if float(one.singular_values[0]) <= threshold:
            done = one.status[0] is Status.CONVERGED or space.restarts > 0
            return _first(found, k, op.products, Status.CONVERGED if done else Status.UNCHECKED)
        found = _merged(found, one)


def _merged(found: SingularTriplets, one: SingularTriplets) -> SingularTriplets:
    """All triplets together, largest first."""
    values = torch.cat([found.singular_values, one.singular_values])
    order = values.argsort(descending=True, stable=True)
    status = found.status + one.status
    parts = ("residuals", "left", "right")
    both = {name: torch.cat([getattr(found, name), getattr(one, name)])[order] for name in parts}
    ends = tuple(status[row] for row in order.tolist())
    return SingularTriplets(values[order], both["residuals"], ends, both["left"], both["right"], found.products)


def _first(found: SingularTriplets, k: int, products: int, status: Status | None = None) -> SingularTriplets:
    """The first k triplets; all but the leading one get `status` if one is given."""
    parts = {name: getattr(found, name)[:k] for name in ("singular_values", "residuals", "left", "right")}
    ends = found.status[:k] if status is None else (found.status[0], *(status,) * (k - 1))
    return replace(found, status=ends, products=products, **parts)


class _Bidiagonalisation:
    """U'A V = `matrix` [count, count], both bases, and the norm of the residual vector in row `count` of V.

    `locked` are left and right singular vectors [m, N], to which all others are orthogonal.
    """

    def __init__(self, op: CountingOperator, size: int, seed: int, locked: tuple[Tensor, Tensor] | None = None) -> None:
        generator = seeded_generator(seed)
        self.first = first = 0 if locked is None else len(locked[0])
        room = min(first + size + 1, prod(op.domain))
        self.op, self.size, self.count, self.residual_norm, self.restarts = op, size, 0, 0.0, 0
        self.left = Basis(first + size, op, op.codomain, generator)
        self.right = Basis(room, op, op.domain, generator)
        if locked is not None:
            self.left.rows[:first], self.right.rows[:first] = locked
        self._entries = np.zeros((size, size))
        self.right.draw(first)

    @property
    def matrix(self) -> Array:
        """B."""
        return self._entries[: self.count, : self.count]

    @property
    def spans_domain(self) -> bool:
        """True if the right vectors span the whole domain, so that nothing is left to find."""
        return self.first + self.count == self.right.rows.shape[1]

    def grow(self, budget: int) -> bool:
        """Expand to the full size or for `budget` products; returns False if a product is not finite."""
        used = 0
        while self.count < self.size and (used + 2 <= budget or self.count == 0):
            if not self._step():
                return False
            used += 2
        return True

    def _step(self) -> bool:
        """Add one vector on either side."""
        j, row = self.count, self.first + self.count
        image = self.op.apply(self.right.rows[row].view(1, *self.op.domain)).reshape(-1)
        self.left.rows[row] = image
        above, size = self.left.orthogonalise(row)
        if not math.isfinite(size):
            return False
        # In exact arithmetic column j has two entries (after a restart, one per kept vector). All coefficients are
        # kept, so that U'A V = B holds to rounding.
        self._entries[:j, j], self._entries[j, j] = above[self.first :], size
        if size == 0:
            self.left.draw(row)
        self.count = j + 1
        if self.spans_domain:
            self.residual_norm = 0.0
            return True
        back = self.op.apply_transpose(self.left.rows[row].view(1, *self.op.codomain)).reshape(-1)
        self.right.rows[row + 1] = back
        self.residual_norm = self.right.orthogonalise(row + 1)[1]
        if self.residual_norm == 0:
            self.right.draw(row + 1)
        return math.isfinite(self.residual_norm)

    def restart(self, left: Array, values: Array, right: Array, keep: int) -> None:
        """Keep the leading triplets and the residual vector."""
        keep = min(keep, self.count)
        self.restarts += 1
        self.left.recombine(left[:, :keep].T.copy(), self.first)
        self.right.recombine(right[:, :keep].T.copy(), self.first)
        # The next left vector is orthogonalised against all kept ones, which gives the couplings to the residual vector
        # that Baglama & Reichel 2005 write as an extra column of B.
        self.right.rows[self.first + keep] = self.right.rows[self.first + self.count].clone()
        self._entries[:] = 0
        self._entries[range(keep), range(keep)] = values[:keep]
        self.count = keep


def _answer(
    space: _Bidiagonalisation, left: Array, values: Array, right: Array, goal: float, scale: float
) -> SingularTriplets:
    """The vectors, and residuals computed from products, one triplet at a time."""
    op, count = space.op, len(values)
    us = torch.empty(count, *op.codomain, dtype=op.dtype, device=op.device)
    vs = torch.empty(count, *op.domain, dtype=op.dtype, device=op.device)
    sizes = np.zeros(count)
    for index, value in enumerate(values.tolist()):
        us[index] = space.left.combination(left[:, index], space.first)
        vs[index] = space.right.combination(right[:, index], space.first)
        forward = op.mv(vs[index]) - value * us[index]
        back = op.rmv(us[index]) - value * vs[index]
        sizes[index] = math.hypot(float(torch.linalg.vector_norm(forward)), float(torch.linalg.vector_norm(back)))
    residuals = sizes / (max(values[0], scale) or 1.0)
    status = tuple(Status.CONVERGED if one <= goal else Status.STALLED for one in residuals)
    return SingularTriplets(torch.from_numpy(values.copy()), torch.from_numpy(residuals), status, us, vs, op.products)


def _not_finite(op: LinearOperator, k: int, products: int) -> SingularTriplets:
    """The result if a product was not finite: NaN everywhere."""

    def nan(*shape: int) -> Tensor:
        return torch.full(shape, torch.nan, dtype=op.dtype, device=op.device)

    none = torch.full((k,), torch.nan, dtype=torch.float64)
    return SingularTriplets(none, none, (Status.NOT_FINITE,) * k, nan(k, *op.codomain), nan(k, *op.domain), products)
