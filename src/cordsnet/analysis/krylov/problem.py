"""An eigenvalue problem as every method reads it, the pairs that they return, and the residuals of these."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.analysis.krylov.basis import Array, Basis
from cordsnet.analysis.krylov.counting import CountingOperator
from cordsnet.analysis.krylov.order import Key, Values
from cordsnet.analysis.operators import LinearOperator

ROUNDING_UNITS = 20
"""Residuals below this many rounding errors of the operator's norm count as converged."""
MOST_PRODUCTS = 10_000_000
"""Largest budget of products that is accepted; it is days of work."""
LARGE, DEGREE = 10_000, 8
"""Number of units from which spaces are built with A^DEGREE: orthogonalising then costs as much as products."""

LARGEST_BASIS = 8
"""Largest size of a basis, GiB."""


@dataclass(frozen=True)
class EigenProblem:
    """The arguments of `eigenvalues` with their defaults filled in."""

    op: CountingOperator
    count: int
    which: str
    key: Key
    sigma: complex | None
    tol: float
    max_products: int
    basis: int
    block: int
    degree: int
    seed: int

    @property
    def products_left(self) -> int:
        """Products that may still be used; those of the residuals are set aside."""
        return self.max_products - self.op.products - self.count - 1

    def within_tolerance(self, residual: float | Array, value: complex | Values, scale: float) -> NDArray[np.bool_]:
        """True where an absolute residual is within tol of its eigenvalue, or no larger than rounding."""
        rounding = ROUNDING_UNITS * float(torch.finfo(self.op.dtype).eps) * scale
        wanted: NDArray[np.bool_] = np.asarray(residual) <= np.maximum(self.tol * np.abs(value), rounding)
        return wanted


@dataclass(frozen=True)
class RitzPairs:
    """Approximate eigenpairs.

    Attributes
    ----------
    values : complex [k]; empty if a product was not finite.
    vector : function of an index i that forms the i-th vector, of unit norm to rounding.
    scale : norm of the operator, as estimated by the method.
    finite : False if a product was not finite.
    subspace : function that leaves in the first m rows of the method's basis an orthonormal real basis of the span of
        all vectors, in place, and returns it with the coefficients [m, k] of the vectors; `vector` can then not be
        called any more. None if the method has none but the vectors themselves.
    """

    values: Values
    vector: Callable[[int], Tensor]
    scale: float
    finite: bool = True
    subspace: Callable[[], tuple[Basis, NDArray[np.complex128]]] | None = None


def no_pairs() -> RitzPairs:
    """The result of a method whose products were not finite."""
    return RitzPairs(np.zeros(0, dtype=np.complex128), lambda _: torch.empty(0), 0.0, finite=False)


def residuals(op: LinearOperator, found: RitzPairs) -> Array:
    """|A v - l v| / |v| of every pair; a real pair takes one product and a conjugate pair two."""
    sizes: list[float] = []
    for index, value in enumerate(found.values):
        if value.imag < 0 and sizes:
            sizes.append(sizes[-1])
            continue
        vector = found.vector(index)
        number = complex(value) if vector.is_complex() else float(value.real)
        # out of place: the image may be the vector itself, as that of the identity is
        away = torch.linalg.vector_norm(op.mv(vector) - number * vector)
        sizes.append(float(away / torch.linalg.vector_norm(vector)))
    return np.array(sizes)
