"""A lower bound on the Kreiss constant of a flow: proof of transient growth without integrating in time."""

import math
from dataclasses import dataclass

import torch

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.analysis.exact import exact
from cordsnet.analysis.nonnormal.nonnormality import spectral_norm
from cordsnet.analysis.nonnormal.pseudospectra import pseudospectrum
from cordsnet.analysis.nonnormal.resolvent import smallest_singular_value
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class KreissBound:
    """Lower bound on the Kreiss constant K(A) = sup over Re z > 0 of Re z / sigma_min(z - A).

    The largest |exp(A t)| over t >= 0 is at least K (Trefethen & Embree 2005, theorem 18.5), so it is at least `value`:
    a value above 1 proves that some pattern grows before it decays. K of an unstable flow is infinite.

    Attributes
    ----------
    value : lower bound, up to rounding, on K and on the largest amplification; 1, the least possible K, if no point
        gives more.
    z : the point that gives the bound, 1/ms; NaN if no point gives more than 1.
    sigma : |(z - A) x| of the best x found there.
    status : CONVERGED if the last steps changed Re z by less than a third, STALLED if `tries` ran out first
        or no linear system could be solved. The bound is valid in any case.
    products : products with A and A' together, without those that estimate the norm.
    """

    value: float
    z: complex
    sigma: float
    status: Status
    products: int


@check_arguments
@exact()
def kreiss_bound(op: LinearOperator, *, steps: int = 60, grid: int = 24, tries: int = 12, seed: int = 0) -> KreissBound:
    """Lower bound on the Kreiss constant, and so on the largest amplification by dr/dt = A r.

    The Hessenberg matrix of an Arnoldi space (`pseudospectrum`) gives a first guess on a grid in the right half plane:
    real parts from 1e-3 to 1 times |A|, spaced geometrically, and imaginary parts from 0 to |A|. A is real, so the
    lower half plane mirrors the upper one. From the best point Re z is changed by shrinking factors, with sigma_min
    from inverse iteration.

    Parameters
    ----------
    op : A, square: the flow, 1/ms.
    steps : Arnoldi steps.
    grid : points along each axis, at least 2.
    tries : number of calls of `smallest_singular_value`; 0 returns the best grid point as it is.

    Raises
    ------
    ValueError : an operator that is not square, or numbers that do not fit, by name.
    """
    check_square(op)
    if grid < 2 or tries < 0:
        raise ValueError(f"grid must be at least 2 points along each axis and tries at least 0, got {grid} and {tries}")
    check_count(grid, "grid", 2, 1000)
    check_count(tries, "tries", 0, 1000)
    size = spectral_norm(op, seed=seed)
    if not 0 < size < math.inf:
        status = Status.CONVERGED if size == 0 else Status.NOT_FINITE
        return KreissBound(1.0 if size == 0 else math.nan, complex("nan+nanj"), math.nan, status, 0)
    real = size * torch.logspace(-3, 0, grid, dtype=torch.float64)
    imaginary = size * torch.linspace(0, 1, grid, dtype=torch.float64)
    points = torch.complex(*torch.meshgrid(real, imaginary, indexing="ij"))
    found = pseudospectrum(op, points, steps=steps, seed=seed)
    # sigma is an upper bound, so Re z / sigma is a lower bound on K; below rounding it means nothing
    sigma = found.sigma.clamp(min=found.rounding).flatten()
    best = (points.real.flatten() / sigma).argmax()
    search = _PatternSearch(op, complex(points.flatten()[best]), float(sigma[best]), seed)
    status = search.run(tries)
    none = search.value <= 1
    return KreissBound(
        value=max(search.value, 1.0),
        z=complex("nan+nanj") if none else search.z,
        sigma=search.sigma,
        status=status,
        products=found.products + search.products,
    )


class _PatternSearch:
    """Pattern search over log Re z with a factor that shrinks if neither direction improves the bound."""

    def __init__(self, op: LinearOperator, z: complex, sigma: float, seed: int) -> None:
        self.op, self.z, self.sigma, self.seed = op, z, sigma, seed
        self.value, self.products = z.real / sigma, 0

    def run(self, tries: int) -> Status:
        """Evaluate at most `tries` points."""
        if tries == 0:
            return Status.STALLED
        factor, fails = 3.0, 0
        self._improves_at(self.z)
        for _ in range(tries - 1):
            if self._improves_at(complex(self.z.real * factor, self.z.imag)):
                fails = 0
                continue
            fails, factor = fails + 1, 1 / factor
            if fails == 2:
                fails, factor = 0, math.sqrt(factor)
            if abs(math.log(factor)) < 0.2:
                return Status.CONVERGED if math.isfinite(self.sigma) else Status.STALLED
        return Status.STALLED

    def _improves_at(self, z: complex) -> bool:
        """Evaluate the bound at z; returns True if it improves."""
        found = smallest_singular_value(self.op, z, seed=self.seed)
        self.products += found.products
        if not z.real / found.value > self.value:
            return False
        self.z, self.sigma, self.value = z, found.value, z.real / found.value
        return True
