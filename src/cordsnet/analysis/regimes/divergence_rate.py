"""The rate at which neighbouring trajectories of a simulated model diverge, which distinguishes chaos from oscillation.

Two copies of the model run from states a small distance apart; after every interval the distance is measured and made
small again. This needs nothing but the model's steps, so it also covers delays, kinks of phi and models without a rate
equation. `lyapunov_spectrum` computes more exponents, of a flow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.lyapunov import block_standard_error
from cordsnet.analysis.regimes.settling import Scale, Settled, run
from cordsnet.analysis.regimes.thresholds import RegimeSettings
from cordsnet.dynamics import State, System

INTERVALS = 10
"""Intervals per duration T of an image; the distance is measured and made small again after each."""


@dataclass(frozen=True)
class DivergenceRate:
    """The largest Lyapunov exponent along a trajectory; NaN if nothing moved.

    Attributes
    ----------
    exponent : 1/ms.
    error : its standard error, 1/ms.
    chaotic : True if it is positive beyond the thresholds of `RegimeSettings`.
    """

    exponent: float = math.nan
    error: float = math.nan
    chaotic: bool = False


@exact()
def divergence_rate(system: System[Any], settled: Settled, scale: Scale, settings: RegimeSettings) -> DivergenceRate:
    """The exponent of the moving trials of a probe: of the one that is most clearly chaotic, else the largest.

    The initial distance is the square root of the precision, in units of the response, which balances the errors of
    curvature and of rounding. The first fifth of the time is not counted: the difference first has to turn into the
    direction that grows.

    Source: Benettin, Galgani & Strelcyn 1976.
    """
    moving = settled.moving
    if not bool(moving.any()):
        return DivergenceRate()
    state = settled.state.trials(moving)
    shown = {name: torch.cat([values[moving]] * 2) for name, values in settled.inputs.items()}
    small = math.sqrt(torch.finfo(next(iter(state.rates.values())).dtype).eps)
    steps = max(1, system.clock.steps(settings.image_ms, "image_ms") // INTERVALS)
    near, logs = _perturbed_copy(state, scale, small, settings.seed), []
    for _ in range(INTERVALS * settings.divergence_durations):
        both, count = run(system, State.cat([state, near]), shown, steps), state.batch
        state, near = both.trials(slice(count)), both.trials(slice(count, None))
        distance = scale.distance(near, state).clamp_min(torch.finfo(torch.float64).tiny)
        logs.append((distance / small).log())
        near = _interpolate(state, near, small / distance)
    rates = torch.stack(logs[len(logs) // 5 :]) / (steps * system.dt)
    exponents, ms = rates.mean(0), len(rates) * steps * system.dt
    errors = block_standard_error(rates)
    sure = (exponents > settings.certainty * errors) & (exponents * ms > settings.min_log_growth)
    row = int(torch.where(sure, exponents + float(exponents.abs().max()) * 2, exponents).argmax())
    return DivergenceRate(float(exponents[row]), float(errors[row]), bool(sure[row]))


def largest_divergence_rate(found: Sequence[DivergenceRate]) -> DivergenceRate:
    """The largest exponent of the probes that show chaos, or of all if none does."""
    known = [one for one in found if not math.isnan(one.exponent)]
    return max(known, key=lambda one: (one.chaotic, one.exponent), default=DivergenceRate())


def _perturbed_copy(state: State, scale: Scale, small: float, seed: int) -> State:
    """A state at the distance `small` in a random direction, with the same delayed signals."""
    generator = seeded_generator(seed)
    rates = {}
    for area, value in state.rates.items():
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
        rates[area] = value + scale.rms[area] * noise
    near = state.with_values(rates)
    return _interpolate(state, near, small / scale.distance(near, state))


def _interpolate(state: State, near: State, share: Tensor) -> State:
    """`near` moved to `share` [B] of its distance from `state`, delayed signals included."""

    def between(one: Tensor, other: Tensor) -> Tensor:
        return torch.lerp(one, other, share.to(one).view(-1, *[1] * (one.ndim - 1)))

    return state.zip(near, between)
