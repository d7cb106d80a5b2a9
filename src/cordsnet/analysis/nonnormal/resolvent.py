"""The smallest singular value of z - A at one point z, by inverse iteration with GMRES."""

import cmath
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov import Inverse
from cordsnet.analysis.krylov.counting import CountingOperator
from cordsnet.analysis.nonnormal.lanczos import largest_eigenvalue
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status
from cordsnet.errors import NotConvergedError


class ComplexShift(LinearOperator):
    """z - A on complex states stored as two real ones: [2, *domain], real part first."""

    def __init__(self, operator: LinearOperator, z: complex) -> None:
        check_square(operator)
        shape = (2, *operator.domain)
        super().__init__(shape, shape, operator.dtype, operator.device)
        self.operator, self.z = operator, complex(z)

    def apply(self, batch: Tensor) -> Tensor:
        """(z - A) x."""
        return self._both(self.operator, batch, self.z)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """The adjoint, (conj(z) - A') y."""
        return self._both(self.operator.T, batch, self.z.conjugate())

    def _both(self, operator: LinearOperator, batch: Tensor, z: complex) -> Tensor:
        image = operator.apply(batch.flatten(0, 1)).view(batch.shape)
        turned = torch.stack([-batch[:, 1], batch[:, 0]], 1)
        return z.real * batch + z.imag * turned - image


@dataclass(frozen=True)
class SmallestSingularValue:
    """Smallest singular value of z - A.

    Attributes
    ----------
    value : |(z - A) x| of the best x found, |x| = 1: an upper bound up to rounding.
    residual : residual of the inverse iteration relative to 1 / value^2; the exact value is about
        value x (1 - residual / 2).
    status : status of the inverse iteration; STALLED also if GMRES did not solve a system (value is then infinite).
    vector : x, complex, shaped like the operator's domain; None if there is none.
    products : products of single real vectors with A and A' together.
    """

    value: float
    residual: float
    status: Status
    vector: Tensor | None
    products: int


@exact()
def smallest_singular_value(
    op: LinearOperator,
    z: complex,
    *,
    tol: float = 1e-3,
    steps: int = 20,
    solver_tol: float = 1e-4,
    solver_products: int = 1000,
    solver_basis: int = 50,
    seed: int = 0,
) -> SmallestSingularValue:
    """Distance of an operator from having the eigenvalue z: the norm of the smallest change that gives it.

    Parameters
    ----------
    op : A, square.
    z : any complex number; near an eigenvalue GMRES takes many products.
    tol : relative residual of the inverse iteration.
    steps : steps of inverse iteration (Lanczos), at least 2; each solves a system with z - A and one with its adjoint.
    solver_tol, solver_products, solver_basis : arguments of GMRES; inside the spectrum it can need a basis as large as
        the operator.
    seed : seed of the start vector.

    Raises
    ------
    ValueError : an operator that is not square, or numbers that do not fit, by name.

    Source: inverse Lanczos iteration, Trefethen & Embree 2005, sec. 39.
    """
    if not cmath.isfinite(z):
        raise ValueError(f"z must be a finite number, got {z!r}")
    counted = CountingOperator(op)
    shifted = ComplexShift(counted, z)
    inverse = Inverse(shifted, tol=solver_tol, max_products=solver_products, basis=solver_basis)
    try:
        found = largest_eigenvalue(inverse @ inverse.T, tol=tol, max_products=steps, seed=seed)
    except NotConvergedError:
        return SmallestSingularValue(float("inf"), float("inf"), Status.STALLED, None, counted.products)
    vector = found.vector
    value = float(shifted.apply(vector[None]).double().norm())
    relative = found.residual / found.value if found.value > 0 else float("inf")
    return SmallestSingularValue(value, relative, found.status, torch.complex(*vector), counted.products)
