"""What the iterative solvers answer: values, how far they are from exact, and how each of them ended."""

from dataclasses import dataclass

from torch import Tensor

from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class LinearSolution:
    """Of A x = b, for one right-hand side or a batch of K.

    Attributes
    ----------
    value : x, shaped like b; of those visited at restarts, the one with the least residual.
    residual : [K], |b - A x| / |b| computed from x; |A x| where b = 0.
    status : one `Status` per right-hand side.
    products : applications of the operator to each right-hand side.
    """

    value: Tensor
    residual: Tensor
    status: tuple[Status, ...]
    products: int

    @property
    def converged(self) -> bool:
        """Whether every right-hand side was solved."""
        return all(one is Status.CONVERGED for one in self.status)


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues of a real operator, in the order that was asked for; conjugate pairs lie next to one another.

    Attributes
    ----------
    values : complex [k], one more than asked for where the last is half of a pair, fewer where no more were found.
    residuals : [k], |A v - l v| / |l| for |v| = 1, computed from products; |A v| where l = 0.
    status : one `Status` per pair.
    products : applications of the operator, those of the transpose and of the residuals included.
    vectors : complex [k, *domain], of unit length; None unless asked for.
    left_vectors : complex [k, *domain], y'A = l y', of unit length; None unless asked for.
    condition : [k], 1 / |y' v|, by how much more than |E| an eigenvalue can move when E is added to A; 1 for normal
        operators, infinite for defective eigenvalues; NaN where no left vector of that eigenvalue was found.
    """

    values: Tensor
    residuals: Tensor
    status: tuple[Status, ...]
    products: int
    vectors: Tensor | None = None
    left_vectors: Tensor | None = None
    condition: Tensor | None = None

    @property
    def converged(self) -> bool:
        """Whether every pair converged."""
        return all(one is Status.CONVERGED for one in self.status)


@dataclass(frozen=True)
class SingularTriplets:
    """Singular values, largest first, with their vectors: A v = s u, A'u = s v.

    Attributes
    ----------
    singular_values : [k].
    residuals : [k], (|A v - s u|^2 + |A'u - s v|^2)^(1/2) / s_1, computed from products; not divided where s_1 = 0.
    status : one `Status` per triplet.
    left, right : [k, *codomain] and [k, *domain], orthonormal.
    products : applications of the operator and of its transpose.
    """

    singular_values: Tensor
    residuals: Tensor
    status: tuple[Status, ...]
    left: Tensor
    right: Tensor
    products: int

    @property
    def converged(self) -> bool:
        """Whether every triplet converged."""
        return all(one is Status.CONVERGED for one in self.status)


@dataclass(frozen=True)
class PowerEstimate:
    """What power iteration makes of the leading eigenvalue, from several starts.

    Attributes
    ----------
    values : [trials], Rayleigh quotients; meaningful where the leading eigenvalue is real.
    moduli : [trials], mean growth per product over the last half of the steps: of its modulus, complex or not.
    residuals : [trials], |A v - value v| / |value| for |v| = 1.
    status : one `Status` per trial.
    products : applications of the operator, all trials together.
    """

    values: Tensor
    moduli: Tensor
    residuals: Tensor
    status: tuple[Status, ...]
    products: int
