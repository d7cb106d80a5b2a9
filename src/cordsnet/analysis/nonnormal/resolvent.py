"""The smallest singular value of z - A at one point z of the complex plane, by inverse iteration with GMRES."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov import Inverse
from cordsnet.analysis.nonnormal.symmetric import largest_eigenvalue
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status
from cordsnet.errors import NotConvergedError


class ComplexShift(LinearOperator):
    """z - A on complex states, held as two real ones: [2, *domain], real part first."""

    def __init__(self, operator: LinearOperator, z: complex) -> None:
        check_square(operator)
        shape = (2, *operator.domain)
        super().__init__(shape, shape, operator.dtype, operator.device)
        self.operator, self.z = operator, complex(z)

    def apply(self, batch: Tensor) -> Tensor:
        """(z - A) x."""
        return self._both(self.operator, batch, self.z)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """Its adjoint, (conj(z) - A') y."""
        return self._both(self.operator.T, batch, self.z.conjugate())

    def _both(self, operator: LinearOperator, batch: Tensor, z: complex) -> Tensor:
        image = operator.apply(batch.flatten(0, 1)).view(batch.shape)
        turned = torch.stack([-batch[:, 1], batch[:, 0]], 1)
        return z.real * batch + z.imag * turned - image


@dataclass(frozen=True)
class SmallestSingularValue:
    """Of z - A.

    Attributes
    ----------
    value : |(z - A) x| for the best x found, |x| = 1: never below the truth but for rounding.
    residual : of the inverse iteration, relative to 1 / value^2; the truth is about value x (1 - residual / 2).
    status : of the inverse iteration; STALLED as well where GMRES did not solve a system (value is then infinite).
    vector : x, complex, shaped as the operator's domain; None where there is none.
    products : with A and with A', together, on single real vectors.
    """

    value: float
    residual: float
    status: Status
    vector: Tensor | None
    products: int


class _Counted(ComplexShift):
    """The same, counting."""

    products = 0

    def _both(self, operator: LinearOperator, batch: Tensor, z: complex) -> Tensor:
        self.products += 2 * len(batch)
        return super()._both(operator, batch, z)


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
    """How far an operator is from having the eigenvalue z: the norm of the smallest change that gives it.

    Parameters
    ----------
    op : A, square.
    z : any complex number; next to an eigenvalue GMRES takes many products.
    tol : relative residual of the inverse iteration.
    steps : of inverse iteration (Lanczos), at least 2; each solves a system with z - A and one with its adjoint.
    solver_tol, solver_products, solver_basis : of GMRES; inside the spectrum it wants a basis as large as the operator.

    Raises
    ------
    ValueError : an operator that is not square, or numbers that do not fit, by name.
    """
    shifted = _Counted(op, z)
    inverse = Inverse(shifted, tol=solver_tol, max_products=solver_products, basis=solver_basis)
    try:
        found = largest_eigenvalue(inverse @ inverse.T, tol=tol, max_products=steps, seed=seed)
    except NotConvergedError:
        return SmallestSingularValue(float("inf"), float("inf"), Status.STALLED, None, shifted.products)
    vector = found.vector
    value = float(shifted.apply(vector[None]).double().norm())
    relative = found.residual / found.value if found.value > 0 else float("inf")
    return SmallestSingularValue(value, relative, found.status, torch.complex(*vector), shifted.products)
