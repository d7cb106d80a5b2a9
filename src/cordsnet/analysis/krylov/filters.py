"""What a Krylov space is built with in place of the operator, so that what is wanted stands apart.

The invariant subspaces stay those of A. Eigenvalues of A are read off by Rayleigh-Ritz with A itself, because a filter
may fold several of them onto one: A^q does so with those that are 360 / q degrees apart.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.analysis.krylov.gmres import Inverse
from cordsnet.analysis.krylov.order import Key, orders
from cordsnet.analysis.operators import Identity, LinearOperator


class Filter(ABC):
    """A function of A. `key` orders its eigenvalues, `cost` is its least number of products of A."""

    op: LinearOperator
    key: Key
    cost: int = 1

    @abstractmethod
    def apply(self, flat: Tensor) -> Tensor:
        """The function of A, times a flat vector."""


@dataclass(frozen=True)
class Plain(Filter):
    """A itself; `key` is the order of what is wanted."""

    op: LinearOperator
    key: Key

    def apply(self, flat: Tensor) -> Tensor:
        """A x."""
        return self.op.apply(flat.view(1, *self.op.domain)).reshape(-1)


class Power(Filter):
    """(A / radius)^degree, the Faber polynomial of a disc: among those of its degree it rises fastest outside."""

    key = staticmethod(orders["LM"])

    def __init__(self, op: LinearOperator, degree: int, radius: float) -> None:
        self.op, self.cost, self.radius = op, degree, radius

    def apply(self, flat: Tensor) -> Tensor:
        """(A / radius)^degree x."""
        vector = flat.view(1, *self.op.domain)
        for _ in range(self.cost):
            vector = self.op.apply(vector) * (1 / self.radius)
        return vector.reshape(-1)


class ShiftInvert(Filter):
    """(A - sigma)^-1, or for complex sigma ((A - sigma)(A - conj sigma))^-1, which is real; by GMRES.

    The loop that this is used in corrects for nothing, so systems are solved to a hundredth of the tolerance.
    """

    key = staticmethod(orders["LM"])

    def __init__(self, op: LinearOperator, sigma: complex, tol: float) -> None:
        shifted = op.shift(sigma.real)
        if sigma.imag:
            shifted = shifted @ shifted + sigma.imag**2 * Identity(op)
        accurate = max(tol / 100, 50 * float(torch.finfo(op.dtype).eps))
        self.op, self.inverse = op, Inverse(shifted, accurate, max_products=2000, basis=60)

    def apply(self, flat: Tensor) -> Tensor:
        """The solution of one system."""
        return self.inverse.apply(flat.view(1, *self.op.domain)).reshape(-1)
