"""Results of the iterative solvers: values, residuals and the status of each."""

from dataclasses import dataclass

from torch import Tensor

from cordsnet.analysis.status import Status


class _SolverResult:
    """A result with a status for each value that was computed."""

    status: tuple[Status, ...]

    @property
    def converged(self) -> bool:
        """True if every value converged."""
        return all(one is Status.CONVERGED for one in self.status)


@dataclass(frozen=True)
class LinearSolution(_SolverResult):
    """Solution of A x = b for one right-hand side or a batch of K.

    Attributes
    ----------
    value : x, shaped like b; the one with the smallest residual among those at restarts.
    residual : [K], |b - A x| / |b| computed from x; |A x| if b = 0.
    status : one `Status` per right-hand side.
    products : products with the operator for each right-hand side.
    """

    value: Tensor
    residual: Tensor
    status: tuple[Status, ...]
    products: int


@dataclass(frozen=True)
class Eigenpairs(_SolverResult):
    """Eigenvalues of a real operator in the requested order; conjugate pairs are adjacent.

    Attributes
    ----------
    values : complex [k]; one more than requested if the last belongs to a pair, fewer if no more were found.
    residuals : [k], |A v - l v| / |l| for |v| = 1, computed from products; |A v| if l = 0.
    status : one `Status` per pair.
    products : products with the operator and its transpose, residuals included.
    vectors : complex [k, *domain], of unit norm; None unless requested.
    left_vectors : complex [k, *domain], y'A = l y', of unit norm; None unless requested.
    condition : [k], condition number 1 / |y' v|: adding E to A moves the eigenvalue by up to this times |E|, to first
        order. 1 for normal operators, infinite for defective eigenvalues, NaN if no left vector was found.
    """

    values: Tensor
    residuals: Tensor
    status: tuple[Status, ...]
    products: int
    vectors: Tensor | None = None
    left_vectors: Tensor | None = None
    condition: Tensor | None = None


@dataclass(frozen=True)
class SingularTriplets(_SolverResult):
    """Singular values, largest first, with their vectors: A v = s u, A'u = s v.

    Attributes
    ----------
    singular_values : [k].
    residuals : [k], (|A v - s u|^2 + |A'u - s v|^2)^(1/2) / s_1, computed from products; not divided if s_1 = 0.
    status : one `Status` per triplet.
    left, right : [k, *codomain] and [k, *domain], orthonormal.
    products : products with the operator and its transpose.
    """

    singular_values: Tensor
    residuals: Tensor
    status: tuple[Status, ...]
    left: Tensor
    right: Tensor
    products: int
