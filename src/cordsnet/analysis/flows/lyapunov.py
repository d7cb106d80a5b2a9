"""Lyapunov exponents: how fast nearby states diverge or converge along a trajectory."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive, check_tolerance, is_number, is_whole, seeded_generator
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.status import Status

MOST_STEPS = 100_000_000
"""Largest number of steps that is accepted; it is hours of work."""
MOST_NUMBERS = 100_000_000
"""Largest number of growth rates that are kept."""
BLOCKS = 10
"""Parts of the trajectory whose means give the standard error; long enough to be nearly independent."""


@dataclass(frozen=True)
class LyapunovSpectrum:
    """The k largest Lyapunov exponents of one trajectory, largest first.

    Attributes
    ----------
    exponents : [k], per ms; per step for a map. NaN if the trajectory diverged. Minus infinity where the derivative of
        a step is zero along a direction.
    standard_error : [k], from the means of ten consecutive parts of the trajectory; at least the difference between
        its second half and all of it, which shows drift. Zero where the exponent is minus infinity.
    trace : [M, k], the estimate after each orthonormalisation, to check convergence.
    times_ms : [M], the times of these.
    status : CONVERGED if every standard error is below `tol` x the largest modulus of an exponent; else UNSETTLED, or
        DIVERGED.
    state : [*domain], the end of the trajectory.
    dimension : Kaplan-Yorke dimension; NaN if the sum of the k exponents is not negative: ask for more.
    notes : what the numbers depend on: that they are exponents of the integrator's steps, and which of them are only
        bounds.
    """

    exponents: Tensor
    standard_error: Tensor
    trace: Tensor
    times_ms: Tensor
    status: Status
    state: Tensor
    dimension: float
    notes: tuple[str, ...] = ()

    @property
    def chaotic(self) -> bool:
        """True if the largest exponent is above zero by more than three standard errors, and by more than drift.

        Along a cycle the largest exponent is zero, but over a finite time T it is measured as c / T, where the speed
        at the end is exp(c) times that at the start. Growth by less than exp(5) in total is not distinguished from
        that. For a trajectory that grows without bound this means nothing: see `state`.
        """
        largest, error = float(self.exponents[0]), float(self.standard_error[0])
        return largest > 3 * error and largest * float(self.times_ms[-1]) > 5


@check_arguments
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

    The derivative is that of the integrator's own steps: for dx/dt = l x, Euler's method gives log|1 + l dt| / dt and
    RK4 log|1 + l dt + ... + (l dt)^4 / 24| / dt, which are near to l if |l| dt is small. Each stage costs a step of one
    state and `k` Jacobian-vector products; k tangent vectors are held.

    Parameters
    ----------
    flow : a continuous flow, or a `MapFlow` (dt = 1; times then count steps).
    start : [*domain].
    k : number of exponents, up to the number of units.
    duration_ms : time over which growth is averaged.
    dt : step of the integrator, ms.
    transient_ms : time before that, in which the state reaches the attractor and the tangent vectors align.
    every : steps between the estimates in `trace`. Tangent vectors are made orthonormal as often as their growth asks
        for, so that no exponent depends on it.
    tol : see `LyapunovSpectrum.status`.
    seed : seed of the first tangent vectors.

    Raises
    ------
    TypeError, ValueError : a start, k or times that do not fit, or more than 100 million steps, by name.

    Source: Benettin, Galgani, Giorgilli & Strelcyn 1980; dimension: Kaplan & Yorke 1979.
    """
    flow.check_states(start[None], "start")
    check_tolerance(tol)
    rounds, skipped = _rounds(flow, k, duration_ms, transient_ms, dt, every)
    generator = seeded_generator(seed)
    tangents = torch.randn(k, *flow.domain, generator=generator, dtype=torch.float64).to(start)
    tangents, _ = _orthonormal(tangents)
    course = _Course(flow, start, tangents, dt)
    growth = torch.zeros(rounds, k, dtype=torch.float64)
    for count in range(-skipped, rounds):
        sizes = course.advance(every)
        if sizes is None:
            return _diverged(course.x, k)
        if count >= 0:
            growth[count] = sizes / (every * dt)
    return _spectrum(growth, every * dt, course, tol)


class _Course:
    """A state and its orthonormal tangent vectors on the way.

    Attributes
    ----------
    blurred : [k], True where a single step shrinks a direction below the rounding of the largest.
    """

    def __init__(self, flow: Flow, x: Tensor, tangents: Tensor, dt: float) -> None:
        self.flow, self.x, self.tangents, self.dt = flow, x, tangents, dt
        self.stretch = 1 << 30
        self.blurred = torch.zeros(len(tangents), dtype=torch.bool)
        # Vectors that grow or shrink apart by more lose digits to the largest of them
        self.spread = -0.25 * math.log(torch.finfo(tangents.dtype).eps)

    def advance(self, steps: int) -> Tensor | None:
        """Growth [k] of every direction over some steps, as logarithms; None if the state stops being finite."""
        total = torch.zeros(len(self.tangents), dtype=torch.float64)
        done = 0
        while done < steps:
            count = min(self.stretch, steps - done)
            x, tangents = self.x, self.tangents
            for _ in range(count):
                x, tangents = self.flow.linear_step(x, tangents, self.dt)
            if not bool(torch.isfinite(x).all()):
                self.x = x
                return None
            fresh, sizes = _orthonormal(tangents)
            grown = sizes.double().log().cpu()
            if count > 1 and not float(grown.abs().max()) <= self.spread:
                self.stretch = max(1, count // 2)  # again, in shorter stretches
                continue
            if not bool(torch.isfinite(tangents).all()):
                self.x = x
                return None
            eps = torch.finfo(tangents.dtype).eps
            self.blurred |= ((sizes > 0) & (sizes <= 10 * len(sizes) * eps * sizes.max())).cpu()
            self.x, self.tangents, total, done = x, fresh, total + grown, done + count
        return total


def _orthonormal(tangents: Tensor) -> tuple[Tensor, Tensor]:
    """The vectors [k, *domain] made orthonormal, and the lengths [k] outside the span of those before them."""
    # The diagonal of R holds the growth of each direction orthogonal to the earlier ones (Benettin et al. 1980)
    basis, triangle = torch.linalg.qr(tangents.flatten(1).T)
    return basis.T.reshape(tangents.shape), triangle.diagonal().abs()


def _spectrum(growth: Tensor, each_ms: float, course: _Course, tol: float) -> LyapunovSpectrum:
    counts = torch.arange(1, len(growth) + 1, dtype=torch.float64)
    trace = growth.cumsum(0) / counts[:, None]
    order = trace[-1].argsort(descending=True)
    exponents = trace[-1, order]
    finite = torch.isfinite(exponents)
    error = torch.where(finite, block_standard_error(growth[:, order]), 0)
    scale = _largest(exponents)
    blurred = course.blurred[order]
    settled = bool((error <= tol * scale).all()) and not bool(blurred.any())
    status = Status.CONVERGED if settled else Status.UNSETTLED
    dimension = kaplan_yorke_dimension(exponents)
    notes = _notes(course, exponents, blurred)
    return LyapunovSpectrum(exponents, error, trace[:, order], counts * each_ms, status, course.x, dimension, notes)


def _notes(course: _Course, exponents: Tensor, blurred: Tensor) -> tuple[str, ...]:
    notes, dt = [], course.dt
    if not course.flow.is_map:
        notes.append(f"exponents are those of {course.flow.stepper} steps of {dt:g} ms")
        turns = _largest(exponents) * dt
        # the first term of log|1 + z + ...| / z that differs from 1
        error = turns / 2 if course.flow.stepper == "euler" else turns**4 / 120
        if error > 0.005:
            notes.append(
                f"the step is long for the largest of them, {turns:.2g} / dt: those of the differential equation may "
                f"differ by {100 * error:.1g} %; lower dt to see"
            )
    if bool(torch.isinf(exponents).any()):
        notes.append("an exponent is minus infinity: the derivative of a step is zero along that direction")
    if bool(blurred.any()):
        rows = ", ".join(str(row + 1) for row in blurred.nonzero().flatten().tolist())
        notes.append(
            f"exponents {rows} are not known: one step shrinks those directions below the rounding of the first"
        )
    return tuple(notes)


def _largest(exponents: Tensor) -> float:
    known = exponents[torch.isfinite(exponents)]
    return float(known.abs().max()) if len(known) else 0.0


def block_standard_error(values: Tensor) -> Tensor:
    """Standard error [k] of the mean of [M, k] over time, from the means of `BLOCKS` consecutive parts.

    It is at least the difference between the mean of the second half and that of all, which drift makes larger.
    """
    length = len(values) // BLOCKS
    means = values[len(values) - BLOCKS * length :].reshape(BLOCKS, length, -1).mean(1)
    drift = (means[BLOCKS // 2 :].mean(0) - values.mean(0)).abs()
    return torch.maximum(means.std(0) / math.sqrt(BLOCKS), drift)


def kaplan_yorke_dimension(exponents: Tensor) -> float:
    """j + (sum of the j largest exponents) / |the next|, with the largest j whose sum is not negative.

    Zero if all are negative; NaN if the sum of all is not negative. Source: Kaplan & Yorke 1979.
    """
    values: list[float] = sorted(exponents.tolist(), reverse=True)
    total = 0.0
    for count, value in enumerate(values):
        if total + value < 0:  # an exponent of minus infinity adds no share of a dimension
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
    if not is_whole(k) or not 1 <= k <= flow.units:
        raise ValueError(f"k must be from 1 to the number of units, {flow.units}, got {k!r}")
    if not is_whole(every) or every < 1:
        raise ValueError(f"every must be at least one step, got {every!r}")
    if not (is_number(transient_ms) and math.isfinite(transient_ms) and transient_ms >= 0):
        raise ValueError(f"transient_ms must be a duration of 0 ms or more, got {transient_ms!r}")
    for name, ms in {"duration_ms": duration_ms, "transient_ms": transient_ms}.items():
        if ms / dt > MOST_STEPS:
            raise ValueError(
                f"{name} = {ms:g} takes {ms / dt:.2g} steps of {dt:g} ms, more than {MOST_STEPS:,}; "
                "lower it, or raise dt"
            )
    rounds = round(duration_ms / (every * dt))
    if rounds < BLOCKS:
        raise ValueError(
            f"duration_ms = {duration_ms:g} must hold at least {BLOCKS} x every = {every} steps of {dt:g} ms; "
            "raise it, or lower every"
        )
    if rounds * k > MOST_NUMBERS:
        raise ValueError(f"every = {every} would keep {rounds * k:,} growth rates; raise it")
    return rounds, math.ceil(transient_ms / (every * dt))
