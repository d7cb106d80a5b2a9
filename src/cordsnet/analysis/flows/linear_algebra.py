"""Linear systems and eigenvalues for fixed points and branches: dense if small, by products if large."""

from dataclasses import replace

import torch
from torch import Tensor

from cordsnet.analysis.krylov import Eigenpairs, eigenvalues, gmres
from cordsnet.analysis.operators import LinearOperator

DENSE = 300
"""Largest number of units for which the matrix is formed; dense algebra is then faster and more accurate."""


def solve(op: LinearOperator, b: Tensor, tol: float = 1e-4, max_products: int = 200) -> Tensor:
    """x with A x = b, [*domain]: least squares for small operators, else GMRES.

    A singular system gives the shortest solution. The accuracy is not checked: callers check the progress of their own
    iteration.
    """
    if op.shape[0] > DENSE:
        return gmres(op, b, tol=tol, max_products=max_products).value
    matrix, wanted = op.to_dense().cpu().double(), b.reshape(-1, 1).cpu().double()
    # rcond drops the null direction of a Jacobian at a bifurcation, along which a Newton step would be huge
    found: Tensor = torch.linalg.lstsq(matrix, wanted, driver="gelsd", rcond=1e-10).solution
    return found.reshape(b.shape).to(b)


def leading_eigenvalues(
    op: LinearOperator, k: int = 1, which: str = "LR", seed: int = 0, vectors: str = "none"
) -> Eigenpairs:
    """The k leading eigenvalues, or all of a smaller operator; residuals are absolute, in units of the operator."""
    method = "dense" if op.shape[0] <= DENSE else "krylov_schur"
    found = eigenvalues(op, min(k, op.shape[0]), which, seed=seed, method=method, vectors=vectors)
    size = found.values.abs()
    return replace(found, residuals=torch.where(size > 0, found.residuals * size.to(found.residuals), found.residuals))
