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
    state = _Systems(op, wanted, x, basis, tol)
    while state.any_running and state.products < max_products:
        state.cycle(min(basis, max_products - state.products - 1))
    value = state.best_x.view(len(wanted), *op.domain)
    return LinearSolution(value[0] if single else value, state.best_residual.cpu(), state.status(), state.products)


class _Systems:
    """K systems between restarts. All tensors are [K, ...]; rows of systems that have ended are zero."""

    def __init__(self, op: LinearOperator, b: Tensor, x: Tensor, basis: int, tol: float) -> None:
        self.op, self.b, self.tol, self.products = op, b, tol, 0
        self.best_x = x
        size = torch.linalg.vector_norm(b, dim=1)
        self.scale = torch.where(size > 0, size, torch.ones_like(size))
        self.vectors = b.new_zeros(len(b), basis + 1, b.shape[1])
        self.finite = torch.isfinite(size)
        self.exhausted = torch.zeros_like(self.finite)
        # a start at zero has the residual b, without a product
        self.residual = b - self._apply(x) if bool(x.any()) else b.clone()
        self.best_residual = torch.linalg.vector_norm(self.residual, dim=1) / self.scale
        self.finite &= torch.isfinite(self.best_residual)

    @property
    def running(self) -> Tensor:
        """[K], True for the systems that are still to be solved."""
        unsolved: Tensor = self.best_residual > self.tol
        return self.finite & ~self.exhausted & unsolved

    @property
    def any_running(self) -> bool:
        """True if a system is still to be solved."""
        return bool(self.running.any())

    def status(self) -> tuple[Status, ...]:
        """Status of each system."""
        rows = zip(self.best_residual.tolist(), self.finite.tolist(), self.exhausted.tolist(), strict=True)
        return tuple(
            Status.NOT_FINITE
            if not finite
            else Status.CONVERGED
            if residual <= self.tol
            else Status.EXHAUSTED
            if exhausted
            else Status.STALLED
            for residual, finite, exhausted in rows
        )

    def cycle(self, steps: int) -> None:
        """Build one Krylov space per system and take the solution with the smallest residual in it."""
        running = self.running
        size = torch.linalg.vector_norm(self.residual, dim=1)
        self.vectors[:, 0] = torch.where(running[:, None], self.residual / size[:, None], 0)
        hessenberg = torch.zeros(len(size), steps + 1, steps, dtype=torch.float64)
        target = torch.zeros(len(size), steps + 1, 1, dtype=torch.float64)
        target[:, 0, 0] = torch.where(running, size, 0).double().cpu()
        # z'H = 0 with z_0 = 1 spans the complement of the range of H, so min_y |beta e_1 - H y| = beta / |z|. The
        # residual norm then costs one inner product per step, not the Givens rotations of Saad 2003, sec. 6.5.3.
        left_null = torch.zeros(len(size), steps + 1, dtype=torch.float64)
        left_null[:, 0] = 1
        # 0.9: the residual is computed anew at the end and must not miss tol by rounding
        goal = 0.9 * (self.tol * self.scale).double().cpu()
        used, broken = 0, torch.zeros_like(running)
        while used < steps:
            column, ended = self._expand(used)
            hessenberg[:, : used + 2, used] = column
            broken |= ended & running & self.finite
            product = (left_null[:, : used + 1] * column[:, :-1]).sum(1)
            used += 1
            left_null[:, used] = torch.where(column[:, -1] > 0, -product / column[:, -1], 0)
            small = target[:, 0, 0] <= goal * torch.linalg.vector_norm(left_null, dim=1)
            if bool((small | (broken | ~running).cpu()).all()):
                break
        if used:
            # gelsd gives the shortest solution if H is singular, as for a singular A
            weights = torch.linalg.lstsq(hessenberg[:, : used + 1, :used], target[:, : used + 1], driver="gelsd")
            step = torch.bmm(weights.solution.to(self.b).mT, self.vectors[:, :used])[:, 0]
            self._keep_improved(self.best_x + step, broken)
        else:  # one product is left: a step takes one, and its residual another
            self.products += 1

    def _expand(self, j: int) -> tuple[Tensor, Tensor]:
        """Add one vector per system: the column [K, j + 2] of H, and [K], True where the space is invariant."""
        w, basis = self._apply(self.vectors[:, j]), self.vectors[:, : j + 1]
        before = torch.linalg.vector_norm(w, dim=1)
        self.finite &= torch.isfinite(before)
        w = torch.where(self.finite[:, None], w, 0)
        total = w.new_zeros(len(w), j + 1, 1)
        # Classical Gram-Schmidt twice: orthogonal to rounding (Giraud et al. 2005, Numer. Math. 101:87)
        for _ in range(2):
            part = torch.bmm(basis, w[:, :, None])
            w = w - torch.bmm(part.mT, basis)[:, 0]
            total += part
        after = torch.linalg.vector_norm(w, dim=1)
        # An invariant Krylov space: the system is solved, or A is singular (Saad 2003, sec. 6.5.4; Brown & Walker 1997,
        # SIAM J. Matrix Anal. Appl. 18:37).
        ended = after <= 10 * torch.finfo(w.dtype).eps * before
        after = torch.where(ended | ~self.finite, 0, after)
        self.vectors[:, j + 1] = torch.where(after[:, None] > 0, w / after[:, None], 0)
        return torch.cat([total[:, :, 0], after[:, None]], 1).double().cpu(), ended

    def _keep_improved(self, x: Tensor, broken: Tensor) -> None:
        """Keep solutions with a smaller residual; mark singular systems as exhausted."""
        residual = self.b - self._apply(x)
        size = torch.linalg.vector_norm(residual, dim=1) / self.scale
        better = self.finite & (size < self.best_residual)
        self.exhausted |= broken & (size > 0.5 * self.best_residual) & (size > self.tol)
        self.best_x = torch.where(better[:, None], x, self.best_x)
        self.residual = torch.where(better[:, None], residual, self.residual)
        self.best_residual = torch.where(better, size, self.best_residual)

    def _apply(self, flat: Tensor) -> Tensor:
        self.products += 1
        return self.op.mv(flat.reshape(len(flat), *self.op.domain)).reshape(len(flat), -1)


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
