"""How far an operator is from normal: what its eigenvalues do not tell of the flow dr/dt = A r.

A normal operator does what its eigenvalues say from the first moment on. A non-normal one can amplify before it decays:
by how much at first is the numerical abscissa, by how much at most is in `transients`, how far it is from normal
is measured here without a matrix.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.analysis.exact import exact
from cordsnet.analysis.nonnormal.symmetric import largest_eigenvalue
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class NumericalAbscissa:
    """The largest eigenvalue w of (A + A')/2.

    It is the largest rate at which the norm of any state can grow: d|r|/dt <= w |r| for every r, with equality along
    `vector`, so |exp(A t)| <= exp(w t) for all t >= 0, and its slope at t = 0 is w (Trefethen & Embree 2005, theorem
    17.4). Above zero in a stable flow, some patterns grow before they decay; at or below zero none ever does.

    Attributes
    ----------
    value : w, in the units of the operator (1/ms for the flow); from below, but for rounding.
    residual : |S v - w v| of S = (A + A')/2, in the same units: an eigenvalue of S lies within it.
    status : how the iteration ended.
    vector : the pattern that grows fastest at first, of norm 1, shaped as the operator's domain.
    products : products with A and with A', together.
    """

    value: float
    residual: float
    status: Status
    vector: Tensor
    products: int


def numerical_abscissa(
    op: LinearOperator, *, tol: float = 1e-6, max_products: int = 600, seed: int = 0
) -> NumericalAbscissa:
    """The fastest growth at first that dr/dt = A r allows, and the pattern that grows so.

    Parameters
    ----------
    op : A, square; the flow (1/ms). Of d phi(drive)/dr ("target"), the value w gives (w - 1) / tau.
    tol : residual relative to |A + A'|/2.
    max_products : with A and with A', together.

    Raises
    ------
    ValueError : an operator that is not square, or numbers that do not fit, by name.
    """
    check_square(op)
    found = largest_eigenvalue(0.5 * (op + op.T), tol=tol, max_products=max_products // 2, seed=seed)
    return NumericalAbscissa(found.value, found.residual, found.status, found.vector, 2 * found.products)


def spectral_norm(op: LinearOperator, *, tol: float = 1e-3, max_products: int = 100, seed: int = 0) -> float:
    """|A|, its largest singular value, from below (Lanczos on A'A)."""
    found = largest_eigenvalue(op.T @ op, tol=tol, max_products=max_products // 2, seed=seed)
    return math.sqrt(max(found.value, 0.0))


@dataclass(frozen=True)
class Departure:
    """Distance of an operator from the normal ones, each number with its standard error over the random vectors.

    All are of A - m I, m the mean eigenvalue, which is as far from normal as A is: so an area's d phi(drive)/dr and its
    flow have the same `commutator` and `henrici`.

    Attributes
    ----------
    frobenius, frobenius_error : |A - m I|_F.
    commutator, commutator_error : |A A' - A' A|_F / |A - m I|_F^2; 0 for normal operators alone, at most sqrt(2).
    henrici_low, henrici_low_error : Henrici's departure from normality (|A|_F^2 - sum |l|^2)^(1/2) over |A - m I|_F,
        from below: commutator / sqrt(6) (Elsner & Paardekooper 1987).
    henrici_high, henrici_high_error : the same from above, since sum |l - m|^2 >= |sum (l - m)^2|.
    samples : random vectors.
    products : products with A and with A', together, for each of them.
    """

    frobenius: float
    frobenius_error: float
    commutator: float
    commutator_error: float
    henrici_low: float
    henrici_low_error: float
    henrici_high: float
    henrici_high_error: float
    samples: int
    products: int


@exact()
def departure_from_normality(op: LinearOperator, *, samples: int = 32, batch: int = 8, seed: int = 0) -> Departure:
    """Commutator of A with A' and Henrici's number, by random vectors of signs (Hutchinson 1990); errors by jackknife.

    Parameters
    ----------
    op : A, square.
    samples : random vectors, at least 2; the errors fall with the square root.
    batch : vectors at a time, which is what memory goes into.

    Raises
    ------
    ValueError : an operator that is not square, or fewer than 2 samples.
    """
    check_square(op)
    if samples < 2 or batch < 1:
        raise ValueError(f"samples must be at least 2 and batch at least 1, got {samples} and {batch}")
    draw, rows = torch.Generator().manual_seed(seed), []
    for start in range(0, samples, batch):
        count = min(batch, samples - start)
        signs = torch.randint(0, 2, (count, *op.domain), generator=draw) * 2 - 1
        rows.append(_moments(op, signs.to(op.device, op.dtype)))
    moments, units = torch.cat(rows), op.shape[0]
    value = _numbers(moments.mean(0), units)
    others = torch.stack([_numbers((moments.sum(0) - one) / (samples - 1), units) for one in moments])
    error = ((samples - 1) * (others - others.mean(0)).square().mean(0)).sqrt()
    names = ("frobenius", "commutator", "henrici_low", "henrici_high")
    estimates = dict(zip(names, value.tolist(), strict=True))
    errors = {f"{name}_error": one for name, one in zip(names, error.tolist(), strict=True)}
    return Departure(**estimates, **errors, samples=samples, products=4)


def _moments(op: LinearOperator, x: Tensor) -> Tensor:
    """Per vector [K, 4]: x'A'A x, x'(AA' - A'A)^2 x, x'A A x, x'A x."""
    forward, back = op.apply(x), op.apply_transpose(x)
    commutator = op.apply(back) - op.apply_transpose(forward)

    def dot(one: Tensor, other: Tensor) -> Tensor:
        return (one.double() * other.double()).flatten(1).sum(1).cpu()

    return torch.stack([dot(forward, forward), dot(commutator, commutator), dot(back, forward), dot(x, forward)], 1)


def _numbers(mean: Tensor, units: int) -> Tensor:
    """|A - m|_F, relative commutator, Henrici's number from below and from above, of the moments' means [4]."""
    frobenius, commutator, square, trace = mean.tolist()
    about = trace * trace / units
    size = frobenius - about
    if size <= 1e-14 * frobenius:
        return torch.zeros(4, dtype=torch.float64)
    relative = math.sqrt(commutator) / size
    high = max(size - abs(square - about), 0.0) / size
    return torch.tensor([math.sqrt(size), relative, relative / math.sqrt(6), math.sqrt(high)], dtype=torch.float64)
