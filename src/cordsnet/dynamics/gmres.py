"""Linear systems by products alone: restarted GMRES."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Product: TypeAlias = Callable[[Tensor], Tensor]
"""A x for vectors [K, N]."""


class Systems:
    """K systems A x = b between restarts. All tensors are [K, ...]; rows of systems that have ended are zero.

    The systems are multiplied together but have separate Krylov spaces.

    Attributes
    ----------
    best_x, best_residual : the solutions so far [K, N], and |b - A x| / |b| [K].
    finite, exhausted : [K], True where no product was infinite or NaN, and where A proved singular.
    products : number of products with A.

    Parameters
    ----------
    product : A x of vectors [K, N].
    b, x : right-hand sides and where to start from [K, N].
    basis : vectors between restarts, at most N.
    tol : relative residual at which a system counts as solved.

    Source: Saad & Schultz 1986, SIAM J. Sci. Stat. Comput. 7:856; Saad 2003, alg. 6.9 and 6.11.
    """

    def __init__(self, product: Product, b: Tensor, x: Tensor, basis: int, tol: float) -> None:
        self.product, self.b, self.tol, self.products = product, b, tol, 0
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

    def solve(self, max_products: int) -> None:
        """Go on until every system has ended, or after `max_products` products."""
        while self.any_running and self.products < max_products:
            self.cycle(min(self.vectors.shape[1] - 1, max_products - self.products - 1))

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
        return self.product(flat)
