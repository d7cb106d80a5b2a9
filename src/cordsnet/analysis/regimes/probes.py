"""The probes that find the regime of a network, and their results."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator
from cordsnet.analysis.regimes.settling import Scale, Settled, rms, run, settle_under
from cordsnet.analysis.regimes.thresholds import RegimeSettings
from cordsnet.dynamics import Inputs, State, System, emit

QUIET = 1e-3
"""Areas that respond less than this share of the most responsive one are measured against that share."""


@dataclass(frozen=True)
class Probes:
    """Results of the probes.

    Attributes
    ----------
    all : every probe that was made; the last one where rates did not come to rest ends them.
    trained_answers, late_answers : [B], class with the largest score at T and at `holds` x T.
    drift : [B], distance between the states at these times.
    image_distance, image_speed : one value for each trial in which an image was shown once more.
    blank_distance, blank_speed : one value for each trial that ended without an image.
    response : root mean square response of the most responsive area.
    scale : the unit of distances.
    """

    all: tuple[Settled, ...]
    trained_answers: Tensor
    late_answers: Tensor
    drift: Tensor
    image_distance: Tensor
    image_speed: Tensor
    blank_distance: Tensor
    blank_speed: Tensor
    response: float
    scale: Scale


def probe(system: System[Any], images: Tensor, settings: RegimeSettings) -> Probes:
    """Make the probes that `classify_regime` describes. Raises DivergedError where rates stop being finite."""
    steps, count = system.clock.steps(settings.image_ms, "image_ms"), len(images)
    blank: Inputs = {}
    shown: Inputs = {"image": images}
    rest = run(system, system.zero_state(1), blank, settings.holds * steps)
    seen = run(system, rest.expand(count), shown, steps)
    held = run(system, seen, shown, (settings.holds - 1) * steps)
    scale = _scale(rest, seen, held)

    def until_rest(state: State, inputs: Inputs) -> Settled:
        """A probe from `state`."""
        return settle_under(system, state, inputs, scale, settings)

    made = [until_rest(rest, blank), until_rest(held, shown)]
    none = images.new_zeros(0)
    image_distance = image_speed = blank_distance = blank_speed = none
    if not any(bool((settled.moving | settled.growing).any()) for settled in made):
        base, wanted = made[0].state, made[1].state
        noisy = _Perturbed(scale, settings)
        between = run(system, seen, blank, steps).map(lambda rates: rates.roll(1, 0))
        starts = [system.zero_state(count), wanted.map(lambda rates: rates.roll(1, 0)), between, *noisy.of(wanted)]
        again = until_rest(_cat(starts), {"image": images.repeat(len(starts), 1, 1, 1)})
        gone = until_rest(_cat([wanted, *noisy.of(base.expand(count))]), blank)
        made += [again, gone]
        image_distance, image_speed = scale.distance(again.state, _cat([wanted] * len(starts))), again.speed
        blank_distance, blank_speed = scale.distance(gone.state, base), gone.speed
    return Probes(
        all=tuple(made),
        trained_answers=system.read(seen)["scores"].argmax(1),
        late_answers=system.read(held)["scores"].argmax(1),
        drift=scale.distance(held, seen),
        image_distance=image_distance,
        image_speed=image_speed,
        blank_distance=blank_distance,
        blank_speed=blank_speed,
        response=max(scale.rms.values()),
        scale=scale,
    )


def _cat(states: Sequence[State]) -> State:
    """The trials of several states as one batch that begins together, whenever each state was reached."""
    return State.cat([replace(state, step=0) for state in states])


def _scale(rest: State, seen: State, held: State) -> Scale:
    """The response, area by area: at T or later, whichever is larger, averaged over images.

    A network that does not respond at all is measured in units of its rates.
    """
    sizes = {}
    for area, baseline in rest.rates.items():
        away = [rms(state.rates[area] - baseline) for state in (seen, held)]
        sizes[area] = float(torch.maximum(*away).mean())
    largest = max(sizes.values()) or 1.0
    return Scale({area: max(size, QUIET * largest) for area, size in sizes.items()})


class _Perturbed:
    """Copies of a state with noise of the size of the response; rates of an area that has no negative ones stay so."""

    def __init__(self, scale: Scale, settings: RegimeSettings) -> None:
        self.scale, self.settings = scale, settings
        self.generator = seeded_generator(settings.seed)

    def of(self, state: State) -> list[State]:
        """As many as the settings say."""
        return [self._one(state) for _ in range(self.settings.noisy_starts)]

    def _one(self, state: State) -> State:
        rates = {}
        for area, value in state.rates.items():
            noise = torch.randn(value.shape, generator=self.generator, dtype=torch.float64).to(value)
            moved = value + self.settings.noise * self.scale.rms[area] * noise
            rates[area] = emit(moved) if bool((value >= 0).all()) else moved
        return state.with_values(rates)
