"""Letting a network run under held inputs until it comes to rest, or it is clear that it will not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet.analysis.regimes.thresholds import RegimeSettings
from cordsnet.dynamics import Hold, Inputs, Record, State, System, integrate
from cordsnet.errors import DivergedError

NOTHING = Record(times_ms=(), outputs=())

PIECES = 4
"""Pieces in which a part of T is run. Speed and distance are looked at after each, so that sampling an oscillation at
one phase is not mistaken for growth or decay."""


@dataclass(frozen=True)
class Scale:
    """The size of a response, as the unit of distances.

    Attributes
    ----------
    rms : area -> root mean square over units of a typical response, above zero.
    """

    rms: Mapping[str, float]

    def distance(self, one: State, other: State) -> Tensor:
        """Per trial [B]: root mean square difference over that of the response, of the area where it is largest."""
        parts = [rms(one.rates[area] - other.rates[area]) / unit for area, unit in self.rms.items()]
        return torch.stack(parts).amax(0)


@dataclass(frozen=True)
class Settled:
    """Last state of trials under held inputs, and its speed.

    Attributes
    ----------
    state : at the end.
    speed : [B], change of the response per time constant at the end, relative.
    moving : [B], neither at rest nor slowing down nor growing: rates go on within bounds.
    growing : [B], rates go away without bound.
    ms : duration of the trials.
    inputs : the held inputs, by name; empty is a blank field.
    """

    state: State
    speed: Tensor
    moving: Tensor
    growing: Tensor
    ms: float
    inputs: Inputs


def run(system: System[Any], state: State, inputs: Inputs, steps: int) -> State:
    """The state `steps` steps later, while inputs (none: blank) are held."""
    final = integrate(system, [Hold(steps, inputs)], state, NOTHING, steps).final_state
    return final.expand(final.batch)  # delayed signals of a blank field have batch size 1


def _run_on(system: System[Any], start: State, state: State, inputs: Inputs, steps: int) -> State:
    """As `run`; where rates diverge, the step and the time that are told are those since `start`."""
    try:
        return run(system, state, inputs, steps)
    except DivergedError as error:
        step = state.step - start.step + error.step
        raise DivergedError(error.area, step, system.clock.time_ms(step)) from None


def settle_under(system: System[Any], state: State, inputs: Inputs, scale: Scale, settings: RegimeSettings) -> Settled:
    """Run until every trial is slower than `rest_speed`, or for `max_durations` times the duration of an image.

    Speed is taken from a single step: an autonomous system whose rates do not change in one step is at a fixed point,
    while over a longer time an oscillation can come round to where it was. Rates so far away that their distance is
    not finite grow. Raises DivergedError, with the time since `state`.
    """
    steps = system.clock.steps(settings.image_ms, "image_ms")
    pieces = PIECES if steps >= 2 * PIECES else 1
    start, speeds, sizes, parts = state, [], [], 0
    while parts < settings.max_durations:
        for piece in range(pieces):
            count = steps * (piece + 1) // pieces - steps * piece // pieces
            before = _run_on(system, start, state, inputs, count - 1)
            state = _run_on(system, start, before, inputs, 1)
            change = (scale.distance(state, before) - _rounding(state, scale)).clamp(min=0)
            speeds.append(change * settings.tau_ms / system.dt)
            sizes.append(scale.distance(state, start))
        parts += 1
        if bool((speeds[-1] <= settings.rest_speed).all()):
            break
    ms, awake = parts * settings.image_ms, ~(speeds[-1] <= settings.rest_speed)
    if not bool(awake.any()):
        return Settled(state, speeds[-1], awake, awake, ms, inputs)
    early, middle, late = _thirds(torch.stack(sizes), lambda values: values.amax(0))
    rise = late - middle
    growing = (
        awake & (middle >= early) & (rise > settings.growth * middle) & (rise >= settings.steadiness * (middle - early))
    ) | ~torch.isfinite(late)
    _, middle, late = _thirds(torch.stack(speeds), lambda values: values.mean(0))
    moving = awake & ~growing & (late > settings.slowing * middle)
    return Settled(state, speeds[-1], moving, growing, ms, inputs)


def _thirds(values: Tensor, reduce: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    third = len(values) // 3
    return reduce(values[:third]), reduce(values[third:-third]), reduce(values[-third:])


def _rounding(state: State, scale: Scale) -> Tensor:
    """Change in one step that rounding alone can cause, as a distance [B]."""
    parts = [4 * torch.finfo(rates.dtype).eps * rms(rates) / scale.rms[area] for area, rates in state.rates.items()]
    return torch.stack(parts).amax(0)


def rms(rates: Tensor) -> Tensor:
    """Root mean square over units, per trial [B], in double precision; finite wherever rates are."""
    flat = rates.double().flatten(1)
    found = flat.square().mean(1).sqrt()
    if bool(torch.isfinite(found).all()):
        return found
    largest = flat.abs().amax(1)  # squares of rates beyond 1e154 overflow
    return torch.where(torch.isfinite(found), found, largest * (flat / largest[:, None]).square().mean(1).sqrt())
