"""The model under test: a copy in double precision, and things to show to it."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from cordsnet.dynamics import Intervention, State, System, Trajectory, simulate
from cordsnet.models import VisionModel, lesion
from cordsnet.stimuli import Protocol, blank, give, movie, show, show_at, together

TRIALS, STEPS = 3, 6
TOLERANCE = 1e-10
"""Largest difference, relative to the largest value, between ways of computing the same thing in double precision."""


class Subject:
    """A model to be checked, with inputs drawn from a seed."""

    def __init__(self, model: VisionModel, seed: int = 0) -> None:
        self._take(copy.deepcopy(model).double().eval(), seed)

    def _take(self, model: VisionModel, seed: int) -> None:
        self.model = model
        self.generator = torch.Generator().manual_seed(seed)

    def without(self, target: str, **which: Any) -> "Subject":
        """The model without a part, as a subject of its own; keywords are those of `cordsnet.lesion`."""
        hurt = object.__new__(type(self))
        hurt._take(lesion(self.model, target, **which), 0)  # a copy already
        return hurt

    @property
    def name(self) -> str:
        """Class of the model, for messages."""
        return type(self.model).__name__

    @cached_property
    def system(self) -> System[Any]:
        """The model bound to its own step, without a graph."""
        with torch.no_grad():
            return self.model.system()

    @property
    def is_fixed(self) -> bool:
        """True if steps of the model cannot be made shorter: it is no differential equation."""
        return self.model.clock.kind != "continuous"

    def values(self, name: str, trials: int = TRIALS) -> Tensor:
        """Values of one input, [trials, *shape]."""
        shape = self.model.inputs[name]
        return torch.randn(trials, *shape, generator=self.generator, dtype=torch.float64)

    def inputs(self, trials: int = TRIALS) -> dict[str, Tensor]:
        """Values of all inputs."""
        return {name: self.values(name, trials) for name in self.model.inputs}

    def ms(self, steps: int) -> float:
        """Duration of some steps of the model."""
        return self.model.clock.time_ms(steps)

    def shown(self, inputs: Mapping[str, Tensor], steps: int = STEPS) -> Protocol:
        """All inputs held together for some steps."""
        return together(*(give(name, values, self.ms(steps)) for name, values in inputs.items()))

    def protocols(self) -> dict[str, Protocol]:
        """One protocol of every kind."""
        one, other, ms = self.inputs(), self.inputs(), self.ms
        made = {
            "blank": blank(ms(3)),
            "blank, inputs, blank": blank(ms(2)) + self.shown(one, 4) + blank(ms(2)),
            "swap without a gap": self.shown(one, 3) + self.shown(other, 3),
        }
        for name, values in one.items():
            made[f"{name} alone"] = give(name, values, ms(3))
        if "image" in one:
            frames = torch.stack([one["image"], other["image"], one["image"]])
            made["movie"] = movie(frames, ms(2))
            made["an onset for each trial"] = show_at(one["image"], [ms(k) for k in range(TRIALS)], ms(3), ms(STEPS))
            made["image"] = show(one["image"], ms(3))
        return made

    def batch(self, trials: int, seed: int = 0) -> "Batch":
        """Trials with inputs of their own, which can be run together or alone."""
        return Batch(self, self.inputs(trials), self.system.zero_state(trials, seed))

    def run(self, protocol: Protocol, **options: Any) -> Trajectory:
        """A simulation that records all areas, from zero unless told otherwise."""
        return simulate(self.model, protocol, **{"record": "all", "initial_state": "zero", **options})

    def advanced(self, state: State, inputs: Mapping[str, Tensor], steps: int) -> State:
        """The state some steps later, without a graph."""
        with torch.no_grad():
            context = self.system.hold(inputs)
            for _ in range(steps):
                state = self.system.advance(state, context)
        return state


@dataclass(frozen=True)
class Batch:
    """Trials that are run from zero rates, all together or some of them alone.

    What is done to one area or pathway of many can so be done in a trial of its own, all in one simulation.
    """

    subject: Subject
    inputs: Mapping[str, Tensor]
    begun: State

    def run(self, *interventions: Intervention) -> Mapping[str, Tensor]:
        """Rates of all areas in all trials, [T, B, *shape]."""
        return self._run(self.subject, slice(None), interventions)

    def alone(self, which: slice, subject: Subject) -> Mapping[str, Tensor]:
        """Rates of all areas of another subject in some of the trials, [T, b, *shape]."""
        return self._run(subject, which, ())

    def _run(self, subject: Subject, which: slice, interventions: Sequence[Intervention]) -> Mapping[str, Tensor]:
        shown = subject.shown({name: values[which] for name, values in self.inputs.items()})
        return subject.run(shown, initial_state=self.begun.trials(which), interventions=interventions).rates


def of_trials(rates: Mapping[str, Tensor], which: slice) -> dict[str, Tensor]:
    """The same rates [T, B, *shape] of some trials alone."""
    return {area: values[:, which] for area, values in rates.items()}


def apart(one: Tensor, other: Tensor) -> float:
    """Largest difference, relative to the largest value."""
    if one.shape != other.shape:
        return float("inf")
    one, other = one.detach(), other.detach()
    size = max(float(one.abs().max()), float(other.abs().max()), 1e-30) if one.numel() else 1.0
    return float((one - other).abs().max()) / size if one.numel() else 0.0


def farthest(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> tuple[str, float]:
    """Name and size of the largest relative difference between tensors of the same names."""
    found = {name: apart(value, other[name]) for name, value in one.items()}
    worst = max(found, key=found.__getitem__)
    return worst, found[worst]


def tensors_of(state: State) -> dict[str, Tensor]:
    """All tensors of a state by name."""
    past = {f"{name} {k} steps ago": value for name, queue in state.past.items() for k, value in enumerate(queue, 1)}
    return {**state.values, **past}
