"""The Kreiss constant of a flow: proof that it amplifies, without following it in time."""

import math
from dataclasses import dataclass

import torch

from cordsnet.analysis.exact import exact
from cordsnet.analysis.nonnormal.nonnormality import spectral_norm
from cordsnet.analysis.nonnormal.pseudospectra import pseudospectrum
from cordsnet.analysis.nonnormal.resolvent import smallest_singular_value
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class KreissBound:
    """K(A) = sup over Re z > 0 of Re z / sigma_min(z - A), from below.

    The largest |exp(A t)| over t >= 0 is at least K (Trefethen & Embree 2005, theorem 18.5), so it is at least `value`:
    a value above 1 proves that some pattern of the flow grows before it decays. K of an unstable flow is infinite.

    Attributes
    ----------
    value : a bound from below, of K and of the largest amplification, but for rounding; 1, which K never is below,
        where no point gives more.
    z : where it was found; NaN where no point gives more than 1.
    sigma : |(z - A) x| for the best x found there.
    status : of the search: CONVERGED where its last steps in z were below a third, STALLED where `tries` came first or
        where no system could be solved. The bound holds in any case.
    products : with A and with A', together, without those of the norm.
    """

    value: float
    z: complex
    sigma: float
    status: Status
    products: int


@exact()
def kreiss_bound(op: LinearOperator, *, steps: int = 60, grid: int = 24, tries: int = 12, seed: int = 0) -> KreissBound:
    """A bound from below of the Kreiss constant, and so of the largest amplification that dr/dt = A r makes.

    An Arnoldi space says where in the right half plane to look (`pseudospectrum`): real parts from 1e-3 to 1 of |A| in
    equal ratios, imaginary parts from 0 to |A|; A is real, so those below the real axis tell nothing new. From its best
    point, the real part is moved by factors that shrink as the search goes on, with sigma_min by inverse iteration.

    Parameters
    ----------
    op : A, square: the flow.
    steps : of Arnoldi.
    grid : points along each axis, at least 2.
    tries : points at which `smallest_singular_value` is asked; 0 takes the best of the grid as it is.

    Raises
    ------
    ValueError : an operator that is not square, or numbers that do not fit, by name.
    """
    check_square(op)
    if grid < 2 or tries < 0:
        raise ValueError(f"grid must be at least 2 points along each axis and tries at least 0, got {grid} and {tries}")
    size = spectral_norm(op, seed=seed)
    if not 0 < size < math.inf:
        status = Status.CONVERGED if size == 0 else Status.NOT_FINITE
        return KreissBound(1.0 if size == 0 else math.nan, complex("nan+nanj"), math.nan, status, 0)
    real = size * torch.logspace(-3, 0, grid, dtype=torch.float64)
    imaginary = size * torch.linspace(0, 1, grid, dtype=torch.float64)
    points = torch.complex(*torch.meshgrid(real, imaginary, indexing="ij"))
    found = pseudospectrum(op, points, steps=steps, seed=seed)
    sigma = found.sigma.clamp(min=found.rounding).flatten()
    best = (points.real.flatten() / sigma).argmax()
    search = _Climb(op, complex(points.flatten()[best]), float(sigma[best]), seed)
    status = search.run(tries)
    none = search.value <= 1
    return KreissBound(
        value=max(search.value, 1.0),
        z=complex("nan+nanj") if none else search.z,
        sigma=search.sigma,
        status=status,
        products=found.products + search.products,
    )


class _Climb:
    """Moves Re z up and down by a factor that shrinks when neither helps."""

    def __init__(self, op: LinearOperator, z: complex, sigma: float, seed: int) -> None:
        self.op, self.z, self.sigma, self.seed = op, z, sigma, seed
        self.value, self.products = z.real / sigma, 0

    def run(self, tries: int) -> Status:
        """At most so many points."""
        if tries == 0:
            return Status.STALLED
        factor, fails = 3.0, 0
        self._ask(self.z)
        for _ in range(tries - 1):
            if self._ask(complex(self.z.real * factor, self.z.imag)):
                fails = 0
                continue
            fails, factor = fails + 1, 1 / factor
            if fails == 2:
                fails, factor = 0, math.sqrt(factor)
            if abs(math.log(factor)) < 0.2:
                return Status.CONVERGED if math.isfinite(self.sigma) else Status.STALLED
        return Status.STALLED

    def _ask(self, z: complex) -> bool:
        """Whether the bound is better at z."""
        found = smallest_singular_value(self.op, z, seed=self.seed)
        self.products += found.products
        if not z.real / found.value > self.value:
            return False
        self.z, self.sigma, self.value = z, found.value, z.real / found.value
        return True
