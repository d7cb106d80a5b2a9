"""The largest eigenvalue of a symmetric operator: Lanczos with restarts, from a given start vector."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._checks import check_count, check_tolerance, seeded_generator
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.problem import MOST_PRODUCTS
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class LargestEigenvalue:
    """Largest eigenvalue of a symmetric operator S.

    Attributes
    ----------
    value : v' S v, a lower bound up to rounding.
    residual : |S v - value v|, in the units of the operator: some eigenvalue lies within it of `value`.
    status : CONVERGED if the residual is at most tol x |S|, else STALLED or NOT_FINITE.
    vector : v, of norm 1, shaped like the operator's domain.
    scale : estimate of |S|: the largest absolute Ritz value seen.
    products : products with the operator.
    """

    value: float
    residual: float
    status: Status
    vector: Tensor
    scale: float
    products: int


@exact()
def largest_eigenvalue(
    op: LinearOperator,
    *,
    start: Tensor | None = None,
    tol: float = 1e-6,
    max_products: int = 300,
    basis: int = 40,
    seed: int = 0,
) -> LargestEigenvalue:
    """Lanczos with full reorthogonalisation and thick restarts; for other eigenvalues use `krylov.eigenvalues`.

    Parameters
    ----------
    op : a symmetric operator; its symmetry is not checked.
    start : start vector, shaped like its domain; None draws one with `seed`.
    tol : residual relative to |S| at which to stop.
    max_products : products with the operator, at least 2.
    basis : vectors held at a time, at least 3; a restart keeps half of them.
    seed : seed of the start vector.

    Raises
    ------
    ValueError : an operator that is not square, or numbers that do not fit, by name.

    Source: Wu & Simon 2000, SIAM J. Matrix Anal. Appl. 22:602.
    """
    check_square(op)
    check_tolerance(tol)
    if max_products < 2 or basis < 3:
        raise ValueError(f"max_products must be at least 2 and basis at least 3, got {max_products} and {basis}")
    check_count(max_products, "max_products", 2, MOST_PRODUCTS)
    check_count(basis, "basis", 3)
    vector = op.random(seeded_generator(seed)) if start is None else start.to(op.device, op.dtype)
    space, products = _LanczosSpace(vector / vector.norm()), 0
    while True:
        left = space.expand(op)
        products += 1
        # 0.3: the residual is computed anew at the end and must not miss tol by rounding
        near = not left > max(0.3 * tol, torch.finfo(op.dtype).eps) * space.scale
        if near or max_products - products < 2:
            return _answer(op, space, tol, products + 1)
        space.grow(basis)


def _answer(op: LinearOperator, space: "_LanczosSpace", tol: float, products: int) -> LargestEigenvalue:
    """The leading Ritz pair, with its residual from a product."""
    vector = space.leading().view(op.domain)
    image = op.mv(vector)
    value = float((vector * image).sum(dtype=torch.float64))
    residual = float((image - value * vector).norm())
    status = Status.STALLED if residual < float("inf") else Status.NOT_FINITE
    if residual <= tol * space.scale:
        status = Status.CONVERGED
    return LargestEigenvalue(value, residual, status, vector, space.scale, products)


class _LanczosSpace:
    """An orthonormal basis V [m, N] whose last row is the next to be multiplied, and V S V'."""

    def __init__(self, start: Tensor) -> None:
        self.basis, self.matrix = start.reshape(1, -1), torch.zeros(0, 0, dtype=torch.float64)
        self.scale = 0.0

    def expand(self, op: LinearOperator) -> float:
        """One product; returns the residual of the leading Ritz pair, NaN if the product is not finite."""
        fresh = op.mv(self.basis[-1].view(op.domain)).reshape(-1)
        column = torch.zeros(len(self.basis), dtype=torch.float64)
        for _ in range(2):  # twice is enough (Giraud et al. 2005, Numer. Math. 101:87)
            part = self.basis @ fresh
            fresh = fresh - part @ self.basis
            column += part.double().cpu()
        self.fresh, self.size = fresh, float(fresh.norm())
        self.matrix = torch.nn.functional.pad(self.matrix, (0, 1, 0, 1))
        self.matrix[-1], self.matrix[:, -1] = column, column
        if not bool(torch.isfinite(column).all()):
            self.vectors = torch.eye(len(column), dtype=torch.float64)
            return float("nan")
        self.values, self.vectors = torch.linalg.eigh(self.matrix)
        self.scale = max(self.scale, float(self.values.abs().max()))
        # S V' y - l V' y = beta v (last entry of y): the residual without a product
        return self.size * float(self.vectors[-1, -1].abs())

    def grow(self, most: int) -> None:
        """Add the new vector; if the basis is full, first keep the leading half of its Ritz vectors."""
        if len(self.basis) + 1 > most:
            # In the basis of Ritz vectors V S V' is diagonal; the couplings to the new vector come with its product
            keep = self.vectors[:, -(most // 2) :]
            self.basis, self.matrix = keep.T.to(self.basis) @ self.basis, torch.diag(self.values[-(most // 2) :])
        self.basis = torch.cat([self.basis, self.fresh[None] / self.size])

    def leading(self) -> Tensor:
        """The leading Ritz vector [N], of norm 1."""
        mixed = self.vectors[:, -1].to(self.basis) @ self.basis
        leading: Tensor = mixed / mixed.norm()
        return leading
