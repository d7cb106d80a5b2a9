"""Numerical abscissa and departure from normality of an operator, by products alone.

The eigenvalues of a normal operator A describe the flow dr/dt = A r at all times. A non-normal one can amplify before
it decays: the numerical abscissa is the largest initial growth rate; `transients` gives the largest amplification.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, seeded_generator
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.problem import MOST_PRODUCTS
from cordsnet.analysis.nonnormal.lanczos import largest_eigenvalue
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class NumericalAbscissa:
    """The largest eigenvalue w of the symmetric part (A + A')/2.

    It is the largest growth rate of the norm of any state: d|r|/dt <= w |r| for every r, with equality along `vector`.
    So |exp(A t)| <= exp(w t) for all t >= 0, with slope w at t = 0 (Trefethen & Embree 2005, theorem 17.4). If w is
    above zero in a stable flow, some patterns grow before they decay; otherwise none does.

    Attributes
    ----------
    value : w, in the units of the operator (1/ms for the flow); a lower bound up to rounding.
    residual : |S v - w v| of S = (A + A')/2, in the same units: an eigenvalue of S lies within it.
    status : outcome of the iteration.
    vector : the pattern with the fastest initial growth, of norm 1, shaped like the operator's domain.
    products : products with A and A' together.
    """

    value: float
    residual: float
    status: Status
    vector: Tensor
    products: int


@check_arguments
def numerical_abscissa(
    op: LinearOperator, *, tol: float = 1e-6, max_products: int = 600, seed: int = 0
) -> NumericalAbscissa:
    """The fastest initial growth rate of dr/dt = A r, and the pattern that grows so.

    Parameters
    ----------
    op : A, square: the flow, 1/ms. For d phi(drive)/dr ("target"), the rate of the flow is (w - 1) / tau.
    tol : residual relative to |A + A'|/2.
    max_products : products with A and A' together.
    seed : seed of the start vector.

    Raises
    ------
    ValueError : an operator that is not square, or numbers that do not fit, by name.
    """
    check_square(op)
    found = largest_eigenvalue(0.5 * (op + op.T), tol=tol, max_products=max_products // 2, seed=seed)
    return NumericalAbscissa(found.value, found.residual, found.status, found.vector, 2 * found.products)


def spectral_norm(op: LinearOperator, *, tol: float = 1e-3, max_products: int = 100, seed: int = 0) -> float:
    """|A|, its largest singular value, as a lower bound (Lanczos on A'A); NaN if a product is not finite."""
    found = largest_eigenvalue(op.T @ op, tol=tol, max_products=max_products // 2, seed=seed)
    return math.sqrt(max(0.0, found.value)) if math.isfinite(found.value) else math.nan


@dataclass(frozen=True)
class Departure:
    """Departure from normality, each number with its standard error over the random vectors.

    All numbers are of A - m I, with m the mean eigenvalue; shifting by m I changes no departure. So d phi(drive)/dr
    of an area and its flow have the same `commutator` and `henrici_*`.

    Attributes
    ----------
    frobenius, frobenius_error : |A - m I|_F.
    commutator, commutator_error : |A A' - A' A|_F / |A - m I|_F^2; from 0, for normal operators only, to sqrt(2).
    henrici_low, henrici_low_error : lower bound on Henrici's departure (|A|_F^2 - sum |l|^2)^(1/2) / |A - m I|_F:
        commutator / sqrt(6) (Elsner & Paardekooper 1987).
    henrici_high, henrici_high_error : upper bound on it, since sum |l - m|^2 >= |sum (l - m)^2|.
    samples : number of random vectors.
    products : products with A and A' together, for each random vector.
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


@check_arguments
@exact()
def departure_from_normality(op: LinearOperator, *, samples: int = 32, batch: int = 8, seed: int = 0) -> Departure:
    """Commutator of A with A' and bounds on Henrici's departure, by random vectors of signs; errors by jackknife.

    Parameters
    ----------
    op : A, square.
    samples : random vectors, at least 2; errors fall with the square root of their number.
    batch : vectors multiplied at a time, which sets the memory used.
    seed : seed of the random vectors.

    Raises
    ------
    ValueError : an operator that is not square, or fewer than 2 samples.

    Source: Hutchinson 1990, Commun. Stat. Simul. Comput. 19:433 (trace estimates); Henrici 1962, Numer. Math. 4:24.
    """
    check_square(op)
    if samples < 2 or batch < 1:
        raise ValueError(f"samples must be at least 2 and batch at least 1, got {samples} and {batch}")
    check_count(samples, "samples", 2, MOST_PRODUCTS)
    check_count(batch, "batch", 1)
    draw, rows = seeded_generator(seed), []
    for start in range(0, samples, batch):
        count = min(batch, samples - start)
        signs = torch.randint(0, 2, (count, *op.domain), generator=draw) * 2 - 1
        rows.append(_moments(op, signs.to(op.device, op.dtype)))
    moments, units = torch.cat(rows), op.shape[0]
    value = _numbers(moments.mean(0), units)
    # Jackknife: the numbers without each vector in turn give the error of nonlinear functions of the means
    others = torch.stack([_numbers((moments.sum(0) - one) / (samples - 1), units) for one in moments])
    error = ((samples - 1) * (others - others.mean(0)).square().mean(0)).sqrt()
    names = ("frobenius", "commutator", "henrici_low", "henrici_high")
    estimates = dict(zip(names, value.tolist(), strict=True))
    errors = {f"{name}_error": one for name, one in zip(names, error.tolist(), strict=True)}
    return Departure(**estimates, **errors, samples=samples, products=4)


def _moments(op: LinearOperator, x: Tensor) -> Tensor:
    """Estimates per vector [K, 4] of tr A'A, |AA' - A'A|_F^2, tr A A and tr A: x'A'A x, |(AA' - A'A) x|^2, ..."""
    forward, back = op.mv(x), op.rmv(x)
    commutator = op.mv(back) - op.rmv(forward)

    def dot(one: Tensor, other: Tensor) -> Tensor:
        return (one.double() * other.double()).flatten(1).sum(1).cpu()

    return torch.stack([dot(forward, forward), dot(commutator, commutator), dot(back, forward), dot(x, forward)], 1)


def _numbers(mean: Tensor, units: int) -> Tensor:
    """The four numbers of `Departure` from the means of the moments [4]."""
    frobenius, commutator, square, trace = mean.tolist()
    # |A - m I|_F^2 = |A|_F^2 - n m^2 and sum (l - m)^2 = tr A A - n m^2, with n m^2 = (tr A)^2 / n
    about = trace * trace / units
    size = frobenius - about
    if size <= 1e-14 * frobenius:
        return torch.zeros(4, dtype=torch.float64)
    relative = math.sqrt(commutator) / size
    high = max(size - abs(square - about), 0.0) / size
    return torch.tensor([math.sqrt(size), relative, relative / math.sqrt(6), math.sqrt(high)], dtype=torch.float64)
