"""Linear systems and eigenvalues for fixed points and branches: dense if small, by products if large."""

from dataclasses import replace

import torch
from torch import Tensor

from cordsnet.analysis.krylov import Eigenpairs, eigenvalues, gmres
from cordsnet.analysis.operators import LinearOperator
from cordsnet.analysis.status import Status

DENSE = 300
"""Largest number of units for which the matrix is formed; dense algebra is then faster and more accurate."""


FACTORED = 4096
"""Largest number of units for which the matrix is formed and factored where products do not solve a system."""


class LinearSystems:
    """The linear systems of one search, A x = b with an A that changes from one to the next.

    Small matrices are formed and solved by least squares, so that a singular one gives the shortest solution. Systems
    of more than `DENSE` units are solved by GMRES. Far from a fixed point of a network that does not settle GMRES makes
    next to no progress in any number of products that is worth its time; a search in which it has failed once goes on
    with the factors of the matrix, up to `FACTORED` units.

    Parameters
    ----------
    tol, max_products : of GMRES.
    """

    def __init__(self, tol: float = 1e-4, max_products: int = 200) -> None:
        self.tol, self.max_products, self.by_products = tol, max_products, True

    def solve(self, op: LinearOperator, b: Tensor) -> Tensor:
        """x, [*domain]. Its accuracy is not checked: callers check the progress of their own iteration."""
        units = op.shape[0]
        if units <= DENSE:
            return _least_squares(op, b)
        if not self.by_products and (exact := _by_factors(op, b)) is not None:
            return exact
        found = gmres(op, b, tol=self.tol, max_products=self.max_products)
        if found.status[0] is not Status.STALLED or units > FACTORED or not self.by_products:
            return found.value
        self.by_products = False
        exact = _by_factors(op, b)
        return found.value if exact is None else exact


def solve(op: LinearOperator, b: Tensor, tol: float = 1e-4, max_products: int = 200) -> Tensor:
    """x with A x = b, [*domain], of a single system; see `LinearSystems`."""
    return LinearSystems(tol, max_products).solve(op, b)


def _least_squares(op: LinearOperator, b: Tensor) -> Tensor:
    """The solution of a small system; of a singular one, the shortest."""
    matrix, wanted = op.to_dense().cpu().double(), b.reshape(-1, 1).cpu().double()
    # rcond drops the null direction of a Jacobian at a bifurcation, along which a Newton step would be huge
    found: Tensor = torch.linalg.lstsq(matrix, wanted, driver="gelsd", rcond=1e-10).solution
    return found.reshape(b.shape).to(b)


def _by_factors(op: LinearOperator, b: Tensor) -> Tensor | None:
    """The solution by the factors of the matrix; None where that is singular.

    Units that nothing acts on, as silent ones of a rectified network, are solved first and are no part of the factors.
    """
    matrix, wanted = op.to_dense(), b.reshape(-1)
    diagonal = matrix.diagonal().clone()
    matrix.fill_diagonal_(0)
    driven = (matrix != 0).any(1)
    matrix.diagonal().copy_(diagonal)
    x = torch.where(driven, 0, wanted / diagonal)
    rest = driven.nonzero()[:, 0]
    rows = matrix[rest]
    factored, info = torch.linalg.solve_ex(rows[:, rest], (wanted[rest] - rows @ x)[:, None])
    x[rest] = factored[:, 0]
    return x.reshape(b.shape) if not int(info) and bool(torch.isfinite(x).all()) else None


def leading_eigenvalues(
    op: LinearOperator, k: int = 1, which: str = "LR", seed: int = 0, vectors: str = "none"
) -> Eigenpairs:
    """The k leading eigenvalues, or all of a smaller operator; residuals are absolute, in units of the operator."""
    method = "dense" if op.shape[0] <= DENSE else "krylov_schur"
    found = eigenvalues(op, min(k, op.shape[0]), which, seed=seed, method=method, vectors=vectors)
    size = found.values.abs()
    return replace(found, residuals=torch.where(size > 0, found.residuals * size.to(found.residuals), found.residuals))
