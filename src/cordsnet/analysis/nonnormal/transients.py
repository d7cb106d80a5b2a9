"""Transient amplification: the largest growth of a pattern under dr/dt = A r."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_few, check_tolerance, seeded_generator
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.problem import MOST_PRODUCTS
from cordsnet.analysis.nonnormal.lanczos import LargestEigenvalue, largest_eigenvalue
from cordsnet.analysis.nonnormal.nonnormality import spectral_norm
from cordsnet.analysis.nonnormal.propagator import Propagator, check_length
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status

FRESH = 0.1
"""Share of a new random vector in the start of each time: another pattern may be the best one by then."""
MOST_TIMES = 10_000
"""Largest number of times that is accepted."""
SAFETY = 1.1
"""Factor on the norm, which is estimated from below, before it sets the steps of the propagator."""


@dataclass(frozen=True)
class TransientAmplification:
    """|exp(A t)|, the largest factor by which a pattern can have grown after a time t.

    Attributes
    ----------
    time_ms : [T], the requested times.
    amplification : [T], that of the best pattern found: a lower bound.
    residuals : [T], relative: a singular value lies within residual / 2 of the amplification, as a share of it.
    status : one for each time.
    peak, peak_ms : the largest amplification and its time, also searched between the requested times.
    peak_residual, peak_status : of the peak.
    ends_at_peak : True if the largest value is at the last time; later times are then needed.
    initial : the pattern that grows most, of norm 1, shaped like the operator's domain.
    final : the state that it becomes at `peak_ms`; its norm is the peak.
    products : products with A and A' together.
    """

    time_ms: Tensor
    amplification: Tensor
    residuals: Tensor
    status: tuple[Status, ...]
    peak: float
    peak_ms: float
    peak_residual: float
    peak_status: Status
    ends_at_peak: bool
    initial: Tensor
    final: Tensor
    products: int


@check_arguments
@exact()
def transient_amplification(
    op: LinearOperator,
    times_ms: Sequence[float] | Tensor,
    *,
    tol: float = 1e-4,
    max_products: int = 80,
    refine: int = 3,
    shift: float = 0.0,
    seed: int = 0,
) -> TransientAmplification:
    """The largest singular value of exp(A t) over time, by Lanczos on exp(A' t) exp(A t).

    Each time starts from the best pattern of the time before. The cost of one time grows with |A| t.

    Parameters
    ----------
    op : A, square: the flow, 1/ms.
    times_ms : increasing, at least 0.
    tol : relative residual of the squared amplification; the amplification itself is far more accurate.
    max_products : Lanczos steps per time; each is one exp(A t) and one exp(A' t).
    refine : steps of parabolic interpolation that look for a higher peak between the times.
    shift : mean of the diagonal of A, such as -1 / tau, if known; saves products and changes nothing else.
    seed : seed of the first start vector.

    Raises
    ------
    ValueError : an operator that is not square or not finite, times that do not increase or are so long that they
        would take more than a million products each, numbers that do not fit, by name.

    Source: Trefethen & Embree 2005, chapter 14.
    """
    check_square(op)
    check_tolerance(tol)
    check_count(max_products, "max_products", 2, MOST_PRODUCTS)
    check_count(refine, "refine", 0, 100)
    times = _times(times_ms)
    norm = SAFETY * spectral_norm(op.shift(shift) if shift else op, seed=seed)
    if not math.isfinite(norm):
        raise ValueError("op returns values that are not finite, so that nothing can be integrated; check its entries")
    check_length(times[-1], norm, "times_ms")
    search = _Search(op, norm, shift, tol, max_products, seed)
    found = [search.at(time) for time in times]
    best = max(range(len(times)), key=lambda k: found[k].value)
    peak_ms, peak = times[best], found[best]
    if 0 < best < len(times) - 1:
        peak_ms, peak = search.between(times[best - 1 : best + 2], found[best - 1 : best + 2], refine)
    return TransientAmplification(
        time_ms=torch.tensor(times, dtype=torch.float64),
        amplification=torch.tensor([_amplification(one) for one in found], dtype=torch.float64),
        residuals=torch.tensor([_relative_residual(one) for one in found], dtype=torch.float64),
        status=tuple(one.status for one in found),
        peak=_amplification(peak),
        peak_ms=peak_ms,
        peak_residual=_relative_residual(peak),
        peak_status=peak.status,
        ends_at_peak=len(times) > 1 and best == len(times) - 1,
        initial=peak.vector,
        final=Propagator(op, peak_ms, norm, shift).mv(peak.vector),
        products=search.products,
    )


class _Search:
    """Search for the best pattern at one time after another, each from the one before."""

    def __init__(self, op: LinearOperator, norm: float, shift: float, tol: float, max_products: int, seed: int) -> None:
        self.op, self.norm, self.shift, self.tol, self.max_products = op, norm, shift, tol, max_products
        self.generator = seeded_generator(seed)
        self.start = op.random(self.generator)
        self.products = 0

    def at(self, time: float) -> LargestEigenvalue:
        """The largest eigenvalue of exp(A' t) exp(A t)."""
        propagator = Propagator(self.op, time, self.norm, self.shift)
        found = largest_eigenvalue(
            propagator.T @ propagator, start=self.start, tol=self.tol, max_products=self.max_products
        )
        self.products += 2 * found.products * propagator.products
        self.start_from(found.vector)
        return found

    def start_from(self, vector: Tensor) -> None:
        """Start near a pattern, not on it: where A has blocks, a pattern in one of them never reaches the others."""
        fresh = self.op.random(self.generator)
        self.start = vector + FRESH * fresh / fresh.norm()

    def between(
        self, times: Sequence[float], found: Sequence[LargestEigenvalue], refine: int
    ) -> tuple[float, LargestEigenvalue]:
        """Time and result of the highest point after `refine` steps of parabolic interpolation."""
        points = sorted(zip(times, found, strict=True), key=lambda point: point[0])
        # Successive parabolic interpolation (Brent 1973, chapter 5)
        for _ in range(refine):
            best = max(range(len(points)), key=lambda k: points[k][1].value)
            if not 0 < best < len(points) - 1:
                break
            time = _vertex(points[best - 1 : best + 2])
            if min(abs(time - point[0]) for point in points) < 1e-3 * (points[best + 1][0] - points[best - 1][0]):
                break
            self.start_from(points[best][1].vector)
            points = sorted([*points, (time, self.at(time))], key=lambda point: point[0])
        return max(points, key=lambda point: point[1].value)


def _vertex(points: Sequence[tuple[float, LargestEigenvalue]]) -> float:
    """Time of the vertex of the parabola through three points."""
    (a, fa), (b, fb), (c, fc) = ((time, one.value) for time, one in points)
    above, below = (b - a) * (fb - fc), (b - c) * (fb - fa)
    return b - 0.5 * ((b - a) * above - (b - c) * below) / (above - below) if above != below else b


def _amplification(one: LargestEigenvalue) -> float:
    return math.sqrt(max(one.value, 0.0))


def _relative_residual(one: LargestEigenvalue) -> float:
    return one.residual / one.value if one.value > 0 else math.inf


def _times(times_ms: Sequence[float] | Tensor) -> list[float]:
    check_few(times_ms, "times_ms", MOST_TIMES, "times")
    times = torch.as_tensor(times_ms, dtype=torch.float64).flatten()
    if len(times) > MOST_TIMES:
        raise ValueError(f"times_ms must be at most {MOST_TIMES:,} times, got {len(times):,}; give fewer")
    if len(times) == 0 or not bool(torch.isfinite(times).all()) or times[0] < 0 or bool((times.diff() <= 0).any()):
        raise ValueError(f"times_ms must be increasing, finite and not negative, got {times[:10].tolist()}")
    return [float(time) for time in times]
