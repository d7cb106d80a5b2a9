"""The largest eigenvalue of a symmetric operator, from a start that is already near: restarted Lanczos."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class LargestEigenvalue:
    """Of a symmetric operator S.

    Attributes
    ----------
    value : v' S v, never above the largest eigenvalue but for rounding.
    residual : |S v - value v|, in the units of the operator: some eigenvalue lies within it of `value`.
    status : whether the residual is within tol x |S|.
    vector : v, of norm 1, shaped as the operator's domain.
    scale : |S|, as far as the iteration saw it: the largest absolute Ritz value.
    products : applications of the operator.
    """

    value: float
    residual: float
    status: Status
    vector: Tensor
    scale: float
    products: int


@torch.no_grad()
def largest_eigenvalue(
    op: LinearOperator,
    *,
    start: Tensor | None = None,
    tol: float = 1e-6,
    max_products: int = 300,
    basis: int = 40,
    seed: int = 0,
) -> LargestEigenvalue:
    """Lanczos with full reorthogonalisation, started again from its Ritz vector every `basis` products.

    Parameters
    ----------
    op : a symmetric operator; that it is symmetric is not checked.
    start : where to start, shaped as its domain; None draws from `seed`.
    tol : residual relative to |S| at which to stop.
    max_products : applications of the operator, at least 2.
    basis : vectors held at a time.

    Raises
    ------
    ValueError : an operator that is not square, or numbers that do not fit, by name.

    Source: Golub & Van Loan 2013, sections 10.1 to 10.3.
    """
    check_square(op)
    check_positive(tol, "tol")
    if max_products < 2 or basis < 2:
        raise ValueError(f"max_products and basis must be at least 2, got {max_products} and {basis}")
    vector = op.random(torch.Generator().manual_seed(seed)) if start is None else start.to(op.device, op.dtype)
    vector = vector / vector.norm()
    products, scale = 0, 0.0
    while True:
        space = _Lanczos(op, vector, min(basis, max_products - products - 1), tol)
        products += space.products + 1
        vector, scale = space.vector, max(scale, space.scale)
        image = op.apply(vector[None])[0]
        value = float((vector * image).sum(dtype=torch.float64))
        residual = float((image - value * vector).norm())
        status = _status(residual, tol * scale)
        if status is not Status.STALLED or max_products - products < 2:
            return LargestEigenvalue(value, residual, status, vector, scale, products)


def _status(residual: float, wanted: float) -> Status:
    if residual <= wanted:
        return Status.CONVERGED
    return Status.STALLED if residual < float("inf") else Status.NOT_FINITE


class _Lanczos:
    """One Krylov space, and the Ritz vector of its largest Ritz value; ends early where that has converged."""

    def __init__(self, op: LinearOperator, start: Tensor, steps: int, tol: float) -> None:
        self.basis, self.diagonal, self.beside = start.reshape(1, -1), [], []
        self.products = 0
        for _ in range(steps):
            last = self.basis[-1]
            fresh = op.apply(last.view(1, *op.domain)).reshape(-1)
            self.products += 1
            self.diagonal.append(float((fresh * last).sum(dtype=torch.float64)))
            for _ in range(2):  # twice is enough (Parlett)
                fresh = fresh - (self.basis @ fresh) @ self.basis
            beta = float(fresh.norm())
            values, vectors = self._ritz()
            self.scale = float(values.abs().max())
            left = beta * float(vectors[-1, -1].abs())
            if not left > max(0.3 * tol, torch.finfo(op.dtype).eps) * self.scale:
                break
            self.beside.append(beta)
            self.basis = torch.cat([self.basis, fresh[None] / beta])
        weights = vectors[:, -1].to(start)
        mixed = weights @ self.basis[: len(weights)]
        self.vector = (mixed / mixed.norm()).view(op.domain)

    def _ritz(self) -> tuple[Tensor, Tensor]:
        beside = torch.tensor(self.beside[: len(self.diagonal) - 1], dtype=torch.float64)
        tridiagonal = torch.diag(torch.tensor(self.diagonal, dtype=torch.float64))
        if not bool(torch.isfinite(tridiagonal).all() & torch.isfinite(beside).all()):
            return torch.full((1,), torch.nan), torch.ones(1, 1)
        if len(beside):
            tridiagonal = tridiagonal + torch.diag(beside, 1) + torch.diag(beside, -1)
        values, vectors = torch.linalg.eigh(tridiagonal)
        return values, vectors
