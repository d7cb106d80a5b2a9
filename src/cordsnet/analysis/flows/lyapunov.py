"""Lyapunov exponents: how fast nearby states diverge or converge along a trajectory."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.status import Status

BLOCKS = 10
"""Parts of the trajectory whose means give the standard error; long enough to be nearly independent."""


@dataclass(frozen=True)
class LyapunovSpectrum:
    """The k largest Lyapunov exponents of one trajectory, largest first.

    Attributes
    ----------
    exponents : [k], per ms; per step for a map. NaN if the trajectory diverged.
    standard_error : [k], from the means of ten consecutive parts of the trajectory.
    trace : [M, k], the estimate after each orthonormalisation, to check convergence.
    times_ms : [M], the times of these.
    status : CONVERGED if every standard error is below `tol` x the largest modulus of an exponent; else UNSETTLED, or
        DIVERGED.
    state : [*domain], the end of the trajectory.
    dimension : Kaplan-Yorke dimension; NaN if the sum of the k exponents is not negative: ask for more.
    """

    exponents: Tensor
    standard_error: Tensor
    trace: Tensor
    times_ms: Tensor
    status: Status
    state: Tensor
    dimension: float

    @property
    def chaotic(self) -> bool:
        """True if the largest exponent is above zero by more than three standard errors, and by more than drift.

        Along a cycle the largest exponent is zero, but over a finite time T it is measured as c / T, where the speed
        at the end is exp(c) times that at the start. Growth by less than exp(5) in total is not distinguished from
        that. For a trajectory that grows without bound this means nothing: see `state`.
        """
        largest, error = float(self.exponents[0]), float(self.standard_error[0])
        return largest > 3 * error and largest * float(self.times_ms[-1]) > 5


@exact()
def lyapunov_spectrum(
    flow: Flow,
    start: Tensor,
    k: int = 1,
    *,
    duration_ms: float,
    dt: float,
    transient_ms: float = 0.0,
    every: int = 10,
    tol: float = 0.05,
    seed: int = 0,
) -> LyapunovSpectrum:
    """The k largest Lyapunov exponents, by orthonormalising tangent vectors along a trajectory.

    The derivative is that of the integrator's own steps. Each stage costs a step of one state and `k` Jacobian-vector
    products; k tangent vectors are held.

    Parameters
    ----------
    flow : a continuous flow, or a `MapFlow` (dt = 1; times then count steps).
    start : [*domain].
    k : number of exponents, up to the number of units.
    duration_ms : time over which growth is averaged.
    dt : step of the integrator, ms.
    transient_ms : time before that, in which the state reaches the attractor and the tangent vectors align.
    every : steps between orthonormalisations; short enough that growth between them stays far from the precision.
    tol : see `LyapunovSpectrum.status`.
    seed : seed of the first tangent vectors.

    Raises
    ------
    TypeError, ValueError : a start, k or times that do not fit, by name.

    Source: Benettin, Galgani, Giorgilli & Strelcyn 1980; dimension: Kaplan & Yorke 1979.
    """
    flow.check_states(start[None], "start")
    rounds, skipped = _rounds(flow, k, duration_ms, transient_ms, dt, every)
    generator = torch.Generator().manual_seed(seed)
    tangents = torch.randn(k, *flow.domain, generator=generator, dtype=torch.float64).to(start)
    tangents, _ = _orthonormal(tangents)
    x, growth = start, start.new_zeros(rounds, k, dtype=torch.float64)
    for count in range(-skipped, rounds):
        for _ in range(every):
            x, tangents = flow.linear_step(x, tangents, dt)
        if not bool(torch.isfinite(x).all() & torch.isfinite(tangents).all()):
            return _diverged(x, k)
        tangents, sizes = _orthonormal(tangents)
        if count >= 0:
            growth[count] = sizes.double().log() / (every * dt)
    return _spectrum(growth.cpu(), every * dt, x, tol)


def _orthonormal(tangents: Tensor) -> tuple[Tensor, Tensor]:
    """The vectors [k, *domain] made orthonormal, and the lengths [k] outside the span of those before them."""
    # The diagonal of R holds the growth of each direction orthogonal to the earlier ones (Benettin et al. 1980)
    basis, triangle = torch.linalg.qr(tangents.flatten(1).T)
    tiny = torch.finfo(tangents.dtype).tiny
    return basis.T.reshape(tangents.shape), triangle.diagonal().abs().clamp_min(tiny)


def _spectrum(growth: Tensor, each_ms: float, x: Tensor, tol: float) -> LyapunovSpectrum:
    counts = torch.arange(1, len(growth) + 1, dtype=torch.float64)
    trace = growth.cumsum(0) / counts[:, None]
    order = trace[-1].argsort(descending=True)
    exponents = trace[-1, order]
    error = block_standard_error(growth[:, order])
    settled = bool((error <= tol * exponents.abs().max()).all())
    status = Status.CONVERGED if settled else Status.UNSETTLED
    return LyapunovSpectrum(
        exponents, error, trace[:, order], counts * each_ms, status, x, kaplan_yorke_dimension(exponents)
    )


def block_standard_error(values: Tensor) -> Tensor:
    """Standard error of the mean over the first axis of [M, k], from the means of `BLOCKS` consecutive parts: [k]."""
    length = len(values) // BLOCKS
    means = values[len(values) - BLOCKS * length :].reshape(BLOCKS, length, -1).mean(1)
    return means.std(0) / math.sqrt(BLOCKS)


def kaplan_yorke_dimension(exponents: Tensor) -> float:
    """j + (sum of the j largest exponents) / |the next|, with the largest j whose sum is not negative.

    Zero if all are negative; NaN if the sum of all is not negative. Source: Kaplan & Yorke 1979.
    """
    values: list[float] = sorted(exponents.tolist(), reverse=True)
    total = 0.0
    for count, value in enumerate(values):
        if total + value < 0:
            return count + total / abs(value)
        total += value
    return math.nan


def _diverged(x: Tensor, k: int) -> LyapunovSpectrum:
    nothing = torch.full((k,), math.nan, dtype=torch.float64)
    return LyapunovSpectrum(
        nothing, nothing, nothing.new_zeros(0, k), nothing.new_zeros(0), Status.DIVERGED, x, math.nan
    )


def _rounds(flow: Flow, k: int, duration_ms: float, transient_ms: float, dt: float, every: int) -> tuple[int, int]:
    """Number of orthonormalisations that count, and of those before them."""
    check_positive(dt, "dt")
    check_positive(duration_ms, "duration_ms")
    if not 1 <= k <= flow.units:
        raise ValueError(f"k must be from 1 to the number of units, {flow.units}, got {k}")
    if every < 1:
        raise ValueError(f"every must be at least one step, got {every}")
    if not (math.isfinite(transient_ms) and transient_ms >= 0):
        raise ValueError(f"transient_ms must be a duration of 0 ms or more, got {transient_ms!r}")
    rounds = round(duration_ms / (every * dt))
    if rounds < BLOCKS:
        raise ValueError(
            f"duration_ms = {duration_ms:g} must hold at least {BLOCKS} x every = {every} steps of {dt:g} ms; "
            "raise it, or lower every"
        )
    return rounds, math.ceil(transient_ms / (every * dt))
