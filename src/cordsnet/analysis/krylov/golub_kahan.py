"""The largest singular values by products: Golub-Kahan-Lanczos with thick restarts (Baglama & Reichel 2005).

A V = U B and A'U = V B' + r e': V and U grow in turn, each made orthogonal to all that came before. At a restart the
leading singular vectors of B are kept; what waits (r) is coupled to each of them.
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
from cordsnet.analysis.krylov.counted import Counted
from cordsnet.analysis.krylov.problem import FLOOR
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
    """The k largest singular values and their vectors, of an operator of any shape.

    Parameters
    ----------
    op : its products and those of its transpose are all that is used.
    k : how many, at most the smaller of rows and columns.
    tol : residual, relative to the largest singular value, at which a triplet counts as converged; 20 rounding errors
        count as well.
    max_products : of the operator and of its transpose together.
    basis : pairs of vectors that are held, at least k + 2; None is 2 k + 4, at least 20.
    seed : of the start. A multiple singular value is found once from one start, or again when rounding has brought it
        in; what an exhausted space lacks is sought from fresh random vectors.

    Raises
    ------
    ValueError : arguments that do not fit, by name.
    """
    counted, rank = Counted(op), min(op.shape)
    check_positive(tol, "tol")
    if not 1 <= k <= rank:
        raise ValueError(f"k must be from 1 to {rank}, the smaller of rows and columns, got {k}")
    if basis is not None and basis < k + 2:
        raise ValueError(f"basis must be at least k + 2 = {k + 2} pairs of vectors, got {basis}")
    if max_products < 1:
        raise ValueError(f"max_products must be at least 1, got {max_products}")
    if op.shape[0] < op.shape[1]:  # so that the right vectors are the ones that can be used up
        other = partial_svd(op.T, k, tol=tol, max_products=max_products, basis=basis, seed=seed)
        return replace(other, left=other.right, right=other.left)
    size = min(basis or max(2 * k + 4, 20), rank)
    space = _Bidiagonal(counted, size, seed)
    eps = float(torch.finfo(op.dtype).eps)
    goal = max(tol, FLOOR * eps)
    while True:
        budget = max_products - counted.products - 2 * k
        if not space.grow(budget):
            return _nothing(op, k, counted.products)
        left, values, right = np.linalg.svd(space.matrix)
        estimates = space.waiting * np.abs(left[-1, :k])
        last = max_products - counted.products - 2 * k < 2 or space.complete
        if last or (len(values) >= k and (estimates <= goal / 2 * values[0]).all()):
            answer = _answer(space, left[:, :k], values[:k], right.T[:, :k], goal)
            if last or answer.converged:
                return answer
        space.restart(left, values, right.T, min(k + max(1, (size - k) // 2), size - 1))


class _Bidiagonal:
    """U'A V = `matrix`, [count, count], the bases, and the size of what waits in row `count` of V."""

    def __init__(self, op: Counted, size: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        room = min(size + 1, prod(op.domain))
        self.op, self.size, self.count, self.waiting = op, size, 0, 0.0
        self.left = Basis(size, op, op.codomain, generator)
        self.right = Basis(room, op, op.domain, generator)
        self._all = np.zeros((size, size))
        self.right.draw(0)

    @property
    def matrix(self) -> Array:
        """B."""
        return self._all[: self.count, : self.count]

    @property
    def complete(self) -> bool:
        """Whether the right vectors span the whole domain, so that nothing is left to find."""
        return self.count == self.right.rows.shape[1]

    def grow(self, budget: int) -> bool:
        """Up to the full size, or for `budget` products; whether all were finite."""
        used = 0
        while self.count < self.size and (used + 2 <= budget or self.count == 0):
            if not self._step():
                return False
            used += 2
        return True

    def _step(self) -> bool:
        """One more vector on either side."""
        j = self.count
        image = self.op.apply(self.right.rows[j].view(1, *self.op.domain)).reshape(-1)
        self.left.rows[j] = image
        above, size = self.left.orthogonalise(j)
        if not math.isfinite(size):
            return False
        # exactly, only what waited for column j is coupled to it; all that rounding or a restart left is kept
        self._all[:j, j], self._all[j, j] = above, size
        if size == 0:
            self.left.draw(j)
        self.count = j + 1
        if self.complete:
            self.waiting = 0.0
            return True
        back = self.op.apply_transpose(self.left.rows[j].view(1, *self.op.codomain)).reshape(-1)
        self.right.rows[j + 1] = back
        self.waiting = self.right.orthogonalise(j + 1)[1]
        if self.waiting == 0:
            self.right.draw(j + 1)
        return math.isfinite(self.waiting)

    def restart(self, left: Array, values: Array, right: Array, keep: int) -> None:
        """Keep the leading triplets; the next vector of the left side finds its couplings to them by itself."""
        keep = min(keep, self.count)
        self.left.recombine(left[:, :keep].T.copy())
        self.right.recombine(right[:, :keep].T.copy())
        self.right.rows[keep] = self.right.rows[self.count].clone()
        self._all[:] = 0
        self._all[range(keep), range(keep)] = values[:keep]
        self.count = keep


def _answer(space: _Bidiagonal, left: Array, values: Array, right: Array, goal: float) -> SingularTriplets:
    """The vectors, and residuals from their products, one triplet at a time."""
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


def _nothing(op: LinearOperator, k: int, products: int) -> SingularTriplets:
    """What is answered where a product was not finite."""

    def nan(*shape: int) -> Tensor:
        return torch.full(shape, torch.nan, dtype=op.dtype, device=op.device)

    none = torch.full((k,), torch.nan, dtype=torch.float64)
    return SingularTriplets(none, none, (Status.NOT_FINITE,) * k, nan(k, *op.codomain), nan(k, *op.domain), products)
