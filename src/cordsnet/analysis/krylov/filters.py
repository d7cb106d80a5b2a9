"""Functions of the operator that separate the wanted eigenvalues when a Krylov space is built.

The invariant subspaces stay those of A. Eigenvalues are computed by Rayleigh-Ritz with A itself, because a filter can
map several eigenvalues onto one: A^q does so with eigenvalues whose angles differ by 360 / q degrees.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator
from cordsnet.analysis.krylov.gmres import Inverse
from cordsnet.analysis.krylov.order import Key, orders
from cordsnet.analysis.operators import Identity, LinearOperator


class Filter(ABC):
    """A function of A. `key` orders its eigenvalues; `cost` is the least number of products with A that it takes."""

    op: LinearOperator
    key: Key
    cost: int = 1

    @abstractmethod
    def apply(self, flat: Tensor) -> Tensor:
        """Apply the function of A to a flat vector."""


@dataclass(frozen=True)
class NoFilter(Filter):
    """A itself; `key` is the order of the wanted eigenvalues."""

    op: LinearOperator
    key: Key

    def apply(self, flat: Tensor) -> Tensor:
        """A x."""
        return self.op.apply(flat.view(1, *self.op.domain)).reshape(-1)


class PowerFilter(Filter):
    """(A / radius)^degree, the Faber polynomial of a disc."""

    key = staticmethod(orders["LM"])

    def __init__(self, op: LinearOperator, degree: int, radius: float) -> None:
        self.op, self.cost, self.radius = op, degree, radius

    def apply(self, flat: Tensor) -> Tensor:
        """(A / radius)^degree x."""
        vector = flat.view(1, *self.op.domain)
        # Of all polynomials of this degree that stay bounded on the disc, z^degree grows fastest outside it, which
        # separates eigenvalues there (polynomial acceleration: Saad 1984, Math. Comp. 42:567). Dividing by the radius
        # avoids overflow.
        for _ in range(self.cost):
            vector = self.op.apply(vector) * (1 / self.radius)
        return vector.reshape(-1)


def _check_reach(op: LinearOperator, sigma: complex, tol: float, accurate: float) -> None:
    """Refuse a shift so far away that its systems cannot be solved well enough to tell the eigenvalues apart.

    An eigenvalue is sigma plus the inverse of that of the inverse, which is known to `accurate` of sigma. The norm of A
    times a normal vector estimates the Frobenius norm, which is at least as large as every eigenvalue.
    """
    vector = torch.randn(op.domain, generator=seeded_generator(0), dtype=torch.float64).to(op.dtype).to(op.device)
    size = float(torch.linalg.vector_norm(op.mv(vector)))
    if abs(sigma) * accurate > 10 * tol * size > 0:
        raise ValueError(
            f"sigma = {sigma:g} is so far from the eigenvalues of this operator, of size {size:.2g}, that rounding "
            "hides them; give a number near those that you look for"
        )


class ShiftInvert(Filter):
    """(A - sigma)^-1 by GMRES; for complex sigma ((A - sigma)(A - conj sigma))^-1, which is real.

    Systems are solved to a hundredth of the tolerance, because the outer iteration does not correct their errors.
    """

    key = staticmethod(orders["LM"])

    def __init__(self, op: LinearOperator, sigma: complex, tol: float) -> None:
        accurate = max(tol / 100, 50 * float(torch.finfo(op.dtype).eps))
        _check_reach(op, sigma, tol, accurate)
        shifted = op.shift(sigma.real)
        if sigma.imag:
            # (A - s)(A - conj s) = (A - Re s)^2 + (Im s)^2 needs real arithmetic only
            shifted = shifted @ shifted + sigma.imag**2 * Identity(op)
        self.op, self.inverse = op, Inverse(shifted, accurate, max_products=2000, basis=60)

    def apply(self, flat: Tensor) -> Tensor:
        """Solve one system."""
        return self.inverse.apply(flat.view(1, *self.op.domain)).reshape(-1)
