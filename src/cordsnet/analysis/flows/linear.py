"""What the searches for fixed points and branches ask of a linear operator: dense when small, by products when not."""

from dataclasses import replace

import torch
from torch import Tensor

from cordsnet.analysis.krylov import Eigenpairs, eigenvalues, gmres
from cordsnet.analysis.operators import LinearOperator

DENSE = 300
"""Units up to which the matrix is formed, which is then both faster and exact."""


def solve(op: LinearOperator, b: Tensor, tol: float = 1e-4, max_products: int = 200) -> Tensor:
    """x with A x = b [*domain], as well as may be: least squares when small, else GMRES.

    Of a singular system the shortest solution. How good it is, is for the caller to see from what it does with it.
    """
    if op.shape[0] > DENSE:
        return gmres(op, b, tol=tol, max_products=max_products).value
    matrix, wanted = op.to_dense().cpu().double(), b.reshape(-1, 1).cpu().double()
    found: Tensor = torch.linalg.lstsq(matrix, wanted, driver="gelsd", rcond=1e-10).solution
    return found.reshape(b.shape).to(b)


def leading(op: LinearOperator, k: int = 1, which: str = "LR", seed: int = 0) -> Eigenpairs:
    """The k eigenvalues that come first, or all of a smaller operator; residuals absolute, in units of the operator."""
    method = "dense" if op.shape[0] <= DENSE else "krylov_schur"
    found = eigenvalues(op, min(k, op.shape[0]), which, seed=seed, method=method)
    size = found.values.abs()
    return replace(found, residuals=torch.where(size > 0, found.residuals * size.to(found.residuals), found.residuals))
