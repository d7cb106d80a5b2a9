"""What the searches for fixed points and branches ask of a linear operator: dense when small, by products when not."""

import torch
from torch import Tensor

from cordsnet.analysis.krylov import gmres
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


def leading(op: LinearOperator, k: int = 1, which: str = "LR", seed: int = 0) -> tuple[Tensor, Tensor]:
    """The k eigenvalues that come first [k], complex128, and their residuals [k]; which is "LR" or "LM".

    A residual is |A v - l v| / |l|, of an eigenvalue near zero as a share of the operator's size.
    """
    k = min(k, op.shape[0])
    if op.shape[0] > DENSE:
        raise ValueError(f"eigenvalues of {op.shape[0]} units: pending")
    matrix = op.to_dense().cpu().to(torch.complex128)
    values, vectors = torch.linalg.eig(matrix)
    order = (values.real if which == "LR" else values.abs()).argsort(descending=True)[:k]
    values, vectors = values[order], vectors[:, order]
    size = torch.linalg.matrix_norm(matrix).clamp_min(torch.finfo(torch.float64).tiny)
    scale = torch.where(values.abs() > 1e-8 * size, values.abs(), size)
    return values, torch.linalg.vector_norm(matrix @ vectors - vectors * values, dim=0) / scale
