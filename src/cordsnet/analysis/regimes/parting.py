"""Whether neighbouring trajectories of a simulated model part: chaos, told from oscillation.

Two copies of the model are run, a small distance apart, and brought back to that distance after every interval. It
needs nothing of the model but its steps, so delays, kinks and models without a rate equation are all the same to it.
`lyapunov_spectrum` gives more exponents, of a flow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet.analysis.exact import exact
from cordsnet.analysis.regimes.settling import Scale, Settled, run
from cordsnet.analysis.regimes.thresholds import RegimeSettings
from cordsnet.dynamics import State, System

SPLIT = 10
"""Intervals in a part of T, after each of which the distance is measured and made small again."""
BLOCKS = 10
"""Parts of the time that counts, whose means give the standard error."""


@dataclass(frozen=True)
class Parting:
    """The largest Lyapunov exponent along a trajectory, 1/ms, its standard error, and whether it tells of chaos.

    NaN where there was nothing that moved.
    """

    exponent: float = math.nan
    error: float = math.nan
    chaotic: bool = False


@exact()
def parting(system: System[Any], settled: Settled, scale: Scale, settings: RegimeSettings) -> Parting:
    """The exponent of those trials of a probe that move, of the one that is most surely chaotic, else of the largest.

    The distance is the square root of the precision, in units of the response, where the errors of curvature and of
    rounding are alike. A fifth of the time is left for the difference to turn into the direction that grows.

    Source: Benettin, Galgani & Strelcyn 1976.
    """
    moving = settled.moving
    if not bool(moving.any()):
        return Parting()
    state = settled.state.trials(moving)
    shown = {name: torch.cat([values[moving]] * 2) for name, values in settled.inputs.items()}
    small = math.sqrt(torch.finfo(next(iter(state.rates.values())).dtype).eps)
    steps = max(1, system.clock.steps(settings.image_ms, "image_ms") // SPLIT)
    near, logs = _beside(state, scale, small, settings.seed), []
    for _ in range(SPLIT * settings.parting):
        both, count = run(system, State.cat([state, near]), shown, steps), state.batch
        state, near = both.trials(slice(count)), both.trials(slice(count, None))
        distance = scale.distance(near, state).clamp_min(torch.finfo(torch.float64).tiny)
        logs.append((distance / small).log())
        near = _nearer(state, near, small / distance)
    rates = torch.stack(logs[len(logs) // 5 :]) / (steps * system.dt)
    exponents, ms = rates.mean(0), len(rates) * steps * system.dt
    length = len(rates) // BLOCKS
    errors = rates[len(rates) - BLOCKS * length :].reshape(BLOCKS, length, -1).mean(1).std(0) / math.sqrt(BLOCKS)
    sure = (exponents > settings.certainty * errors) & (exponents * ms > settings.folds)
    row = int(torch.where(sure, exponents + float(exponents.abs().max()) * 2, exponents).argmax())
    return Parting(float(exponents[row]), float(errors[row]), bool(sure[row]))


def largest_parting(found: Sequence[Parting]) -> Parting:
    """Of several probes: chaos if any shows it, and the largest exponent of those that do, or of all."""
    known = [one for one in found if not math.isnan(one.exponent)]
    return max(known, key=lambda one: (one.chaotic, one.exponent), default=Parting())


def _beside(state: State, scale: Scale, small: float, seed: int) -> State:
    """A state the distance `small` away, in a random direction; what is under way in delays is the same."""
    generator = torch.Generator().manual_seed(seed)
    rates = {}
    for area, value in state.rates.items():
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
        rates[area] = value + scale.rms[area] * noise
    near = state.with_values(rates)
    return _nearer(state, near, small / scale.distance(near, state))


def _nearer(state: State, near: State, share: Tensor) -> State:
    """`near` at `share` [B] of its distance from `state`, delayed signals included."""

    def between(one: Tensor, other: Tensor) -> Tensor:
        return torch.lerp(one, other, share.to(one).view(-1, *[1] * (one.ndim - 1)))

    return state.zip(near, between)
