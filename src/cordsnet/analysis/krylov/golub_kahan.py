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

from cordsnet._checks import check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.basis import Array, Basis
from cordsnet.analysis.krylov.counting import CountingOperator
from cordsnet.analysis.krylov.problem import ROUNDING_UNITS
from cordsnet.analysis.krylov.results import SingularTriplets
from cordsnet.analysis.operators import LinearOperator
from cordsnet.analysis.status import Status


@exact()
def partial_svd(
    op: LinearOperator,
    k: int,
    *,
    tol: float = 1e-6,
    max_products: int = 20_000,
    basis: int | None = None,
    seed: int = 0,
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
    seed : seed of the start vector. One start vector finds a multiple singular value once, until rounding brings in
        more copies; an exhausted space is continued with random vectors.

    Raises
    ------
    ValueError : arguments that do not fit, by name.

    Source: Golub & Kahan 1965, SIAM J. Numer. Anal. 2:205; Baglama & Reichel 2005, SIAM J. Sci. Comput. 27:19.
    """
    counted, rank = CountingOperator(op), min(op.shape)
    check_positive(tol, "tol")
    if not 1 <= k <= rank:
        raise ValueError(f"k must be from 1 to {rank}, the smaller of rows and columns, got {k}")
    if basis is not None and basis < k + 2:
        raise ValueError(f"basis must be at least k + 2 = {k + 2} pairs of vectors, got {basis}")
    if max_products < 1:
        raise ValueError(f"max_products must be at least 1, got {max_products}")
    if op.shape[0] < op.shape[1]:  # work on the transpose, so that it is the right vectors that can span their space
        other = partial_svd(op.T, k, tol=tol, max_products=max_products, basis=basis, seed=seed)
        return replace(other, left=other.right, right=other.left)
    size = min(basis or max(2 * k + 4, 20), rank)
    space = _Bidiagonalisation(counted, size, seed)
    eps = float(torch.finfo(op.dtype).eps)
    goal = max(tol, ROUNDING_UNITS * eps)
    while True:
        budget = max_products - counted.products - 2 * k
        if not space.grow(budget):
            return _not_finite(op, k, counted.products)
        left, values, right = np.linalg.svd(space.matrix)
        # |A'u - s v| = |r| |last entry of the singular vector of B|, and A v = s u holds exactly; the factor 1/2 below
        # leaves room for rounding before the residuals themselves are computed.
        estimates = space.residual_norm * np.abs(left[-1, :k])
        last = max_products - counted.products - 2 * k < 2 or space.spans_domain
        if last or (len(values) >= k and (estimates <= goal / 2 * values[0]).all()):
            answer = _answer(space, left[:, :k], values[:k], right.T[:, :k], goal)
            if last or answer.converged:
                return answer
        space.restart(left, values, right.T, min(k + max(1, (size - k) // 2), size - 1))


class _Bidiagonalisation:
    """U'A V = `matrix` [count, count], both bases, and the norm of the residual vector in row `count` of V."""

    def __init__(self, op: CountingOperator, size: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        room = min(size + 1, prod(op.domain))
        self.op, self.size, self.count, self.residual_norm = op, size, 0, 0.0
        self.left = Basis(size, op, op.codomain, generator)
        self.right = Basis(room, op, op.domain, generator)
        self._entries = np.zeros((size, size))
        self.right.draw(0)

    @property
    def matrix(self) -> Array:
        """B."""
        return self._entries[: self.count, : self.count]

    @property
    def spans_domain(self) -> bool:
        """True if the right vectors span the whole domain, so that nothing is left to find."""
        return self.count == self.right.rows.shape[1]

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
        j = self.count
        image = self.op.apply(self.right.rows[j].view(1, *self.op.domain)).reshape(-1)
        self.left.rows[j] = image
        above, size = self.left.orthogonalise(j)
        if not math.isfinite(size):
            return False
        # In exact arithmetic column j has two entries (after a restart, one per kept vector). All coefficients are
        # kept, so that U'A V = B holds to rounding.
        self._entries[:j, j], self._entries[j, j] = above, size
        if size == 0:
            self.left.draw(j)
        self.count = j + 1
        if self.spans_domain:
            self.residual_norm = 0.0
            return True
        back = self.op.apply_transpose(self.left.rows[j].view(1, *self.op.codomain)).reshape(-1)
        self.right.rows[j + 1] = back
        self.residual_norm = self.right.orthogonalise(j + 1)[1]
        if self.residual_norm == 0:
            self.right.draw(j + 1)
        return math.isfinite(self.residual_norm)

    def restart(self, left: Array, values: Array, right: Array, keep: int) -> None:
        """Keep the leading triplets and the residual vector."""
        keep = min(keep, self.count)
        self.left.recombine(left[:, :keep].T.copy())
        self.right.recombine(right[:, :keep].T.copy())
        # The next left vector is orthogonalised against all kept ones, which gives the couplings to the residual vector
        # that Baglama & Reichel 2005 write as an extra column of B.
        self.right.rows[keep] = self.right.rows[self.count].clone()
        self._entries[:] = 0
        self._entries[range(keep), range(keep)] = values[:keep]
        self.count = keep


def _answer(space: _Bidiagonalisation, left: Array, values: Array, right: Array, goal: float) -> SingularTriplets:
    """The vectors, and residuals computed from products, one triplet at a time."""
    op, count = space.op, len(values)
    us = torch.empty(count, *op.codomain, dtype=op.dtype, device=op.device)
    vs = torch.empty(count, *op.domain, dtype=op.dtype, device=op.device)
    sizes = np.zeros(count)
    for index, value in enumerate(values.tolist()):
        us[index] = space.left.combination(np.ascontiguousarray(left[:, index]))
        vs[index] = space.right.combination(np.ascontiguousarray(right[:, index]))
        forward = op.mv(vs[index]) - value * us[index]
        back = op.rmv(us[index]) - value * vs[index]
        sizes[index] = math.hypot(float(torch.linalg.vector_norm(forward)), float(torch.linalg.vector_norm(back)))
    residuals = sizes / (values[0] if values[0] > 0 else 1.0)
    status = tuple(Status.CONVERGED if one <= goal else Status.STALLED for one in residuals)
    return SingularTriplets(torch.from_numpy(values.copy()), torch.from_numpy(residuals), status, us, vs, op.products)


def _not_finite(op: LinearOperator, k: int, products: int) -> SingularTriplets:
    """The result if a product was not finite: NaN everywhere."""

    def nan(*shape: int) -> Tensor:
        return torch.full(shape, torch.nan, dtype=op.dtype, device=op.device)

    none = torch.full((k,), torch.nan, dtype=torch.float64)
    return SingularTriplets(none, none, (Status.NOT_FINITE,) * k, nan(k, *op.codomain), nan(k, *op.domain), products)
