"""Linear systems by products: restarted GMRES, and the inverse as an operator."""

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_tolerance
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.problem import LARGEST_BASIS, MOST_PRODUCTS
from cordsnet.analysis.krylov.results import LinearSolution
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.operators.operator import check_device
from cordsnet.analysis.status import Status
from cordsnet.dynamics.gmres import Systems
from cordsnet.errors import NotConvergedError


@check_arguments
@exact()
def gmres(
    op: LinearOperator,
    b: Tensor,
    *,
    start: Tensor | None = None,
    tol: float = 1e-6,
    max_products: int = 200,
    basis: int = 30,
) -> LinearSolution:
    """Solve A x = b by products alone, with restarted GMRES.

    Parameters
    ----------
    op : a square operator.
    b : right-hand side of the operator's shape, or a batch [K, *shape]. The systems of a batch are multiplied together
        but have separate Krylov spaces.
    start : initial x, shaped like b; None is zero.
    tol : relative residual |b - A x| / |b| at which a system counts as solved.
    max_products : products with the operator for each right-hand side.
    basis : vectors between restarts; basis + 4 vectors per right-hand side are held.

    Returns
    -------
    LinearSolution. A system that cannot be solved raises nothing: see its status. EXHAUSTED means a singular system.

    Raises
    ------
    ValueError, TypeError : an operator that is not square, or arguments that do not fit, by name.

    Source: Saad & Schultz 1986, SIAM J. Sci. Stat. Comput. 7:856; Saad 2003, alg. 6.9 and 6.11.
    """
    check_square(op, "op")
    _check(op, b, start, tol, max_products, basis)
    single = b.shape == op.domain
    wanted = (b[None] if single else b).flatten(1)
    x = torch.zeros_like(wanted) if start is None else start.reshape(wanted.shape).clone()
    basis = min(basis, op.shape[0])  # more vectors than units cannot be independent

    def product(flat: Tensor) -> Tensor:
        return op.mv(flat.reshape(len(flat), *op.domain)).reshape(len(flat), -1)

    state = Systems(product, wanted, x, basis, tol)
    state.solve(max_products)
    value = state.best_x.view(len(wanted), *op.domain)
    return LinearSolution(value[0] if single else value, state.best_residual.cpu(), _status(state), state.products)


def _status(state: Systems) -> tuple[Status, ...]:
    """Status of each system."""
    rows = zip(state.best_residual.tolist(), state.finite.tolist(), state.exhausted.tolist(), strict=True)
    return tuple(
        Status.NOT_FINITE
        if not finite
        else Status.CONVERGED
        if residual <= state.tol
        else Status.EXHAUSTED
        if exhausted
        else Status.STALLED
        for residual, finite, exhausted in rows
    )


class Inverse(LinearOperator):
    """A^-1 as an operator: each product solves a system with A by GMRES, each transposed product one with A'.

    Parameters
    ----------
    op : a square operator, not singular.
    tol, max_products, basis : as for `gmres`.

    Raises
    ------
    NotConvergedError : in a product whose system was not solved to `tol`.
    """

    @check_arguments
    def __init__(self, op: LinearOperator, tol: float = 1e-8, max_products: int = 1000, basis: int = 30) -> None:
        check_square(op, "op")
        check_tolerance(tol)
        super().__init__(op.domain, op.codomain, op.dtype, op.device)
        self.op, self.tol, self.max_products, self.basis = op, tol, max_products, basis

    def apply(self, batch: Tensor) -> Tensor:
        """A^-1 x."""
        return self._solve(self.op, batch)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """A'^-1 y."""
        return self._solve(self.op.T, batch)

    def _solve(self, op: LinearOperator, batch: Tensor) -> Tensor:
        found = gmres(op, batch, tol=self.tol, max_products=self.max_products, basis=self.basis)
        for residual, status in zip(found.residual.tolist(), found.status, strict=True):
            if status is not Status.CONVERGED:
                raise NotConvergedError("a linear system", residual, self.tol, found.products, status.value)
        return found.value


def _check(op: LinearOperator, b: Tensor, start: Tensor | None, tol: float, max_products: int, basis: int) -> None:
    if b.shape != op.domain and b.shape[1:] != op.domain:
        raise ValueError(f"b must have shape {list(op.domain)}, with or without a batch axis, got {list(b.shape)}")
    for name, value in (("b", b), ("start", start)):
        if value is not None and value.dtype != op.dtype:
            raise TypeError(f"{name} must be {op.dtype} like the operator, got {value.dtype}; convert it")
        if value is not None:
            check_device(value, name, op.device, "operator")
    if start is not None and start.shape != b.shape:
        raise ValueError(f"start must be shaped like b, {list(b.shape)}, got {list(start.shape)}")
    check_tolerance(tol)
    check_count(max_products, "max_products", 1, MOST_PRODUCTS)
    check_count(basis, "basis", 1)
    vectors, units = min(basis, op.shape[0]) + 4, op.shape[0]
    gigabytes = vectors * units * (b.numel() // units) * op.dtype.itemsize / 2**30
    if gigabytes > LARGEST_BASIS:
        raise ValueError(f"basis = {basis} would hold {gigabytes:.1f} GiB of vectors; give a smaller one")
