"""Systems side by side, bound to one step: what the engines run."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cordsnet.dynamics import NONE, Clock, Effects, Inputs, Lesion, Signal, State, System, with_lesions

APART = 2**20
"""Distance of the seeds of one stream from those of the next: more than a network has areas, since seeds and numbers
of areas are added before they are mixed."""


class Stream:
    """One of the systems, and how the whole network calls its parts.

    Parameters
    ----------
    name, number : of the stream.
    system : of its model.
    inputs : names of what the model sees.
    """

    def __init__(self, name: str, number: int, system: System[Any], inputs: Sequence[str]) -> None:
        self.name, self.number, self.system, self.inputs = name, number, system, tuple(inputs)
        self.signals = {signal.name: f"{name}_{signal.name}" for signal in system.signals}
        self.delayed = {f"{name}_{source}": source for source in system.silent_past(1)}
        self.pathways = {way: self.pathway(way) for way in system.pathways}

    def pathway(self, way: str) -> str:
        """Name of a pathway in the whole network; its areas have the stream before them, inputs do not."""
        source, target = way.split(" -> ")
        return f"{source if source in self.inputs else f'{self.name}_{source}'} -> {self.name}_{target}"

    def part(self, state: State) -> State:
        """The part of the whole network's state that is the stream's, with noise of its own."""
        values = {own: state.values[whole] for own, whole in self.signals.items()}
        past = {own: state.past[whole] for whole, own in self.delayed.items() if whole in state.past}
        seeds = None if state.seeds is None else state.seeds + APART * self.number
        return State(values, state.step, seeds, past)

    def values(self, state: State) -> dict[str, Tensor]:
        """Signals of the stream's own state by the names of the whole network."""
        return {whole: state.values[own] for own, whole in self.signals.items()}

    def past(self, state: State) -> dict[str, tuple[Tensor, ...]]:
        """Delayed signals of the stream's own state by the names of the whole network."""
        return {f"{self.name}_{source}": queue for source, queue in state.past.items()}

    def effects(self, effects: Effects) -> Effects:
        """Effects on the stream, by its own names; drives are recorded apart."""
        return effects.of_part(self.signals, self.pathways) if effects else NONE

    def note(self, own: Effects, effects: Effects) -> None:
        """Give the whole network the drives that were recorded in a step, one for each area."""
        if own.seen is None or effects.seen is None:
            return
        which = 0 if self.system.unrolling == "sync" else -1  # as where a drive is recorded
        for area, drives in own.seen.items():
            effects.seen.setdefault(self.signals[area], []).append(drives[which])

    def lesions(self, lesions: Sequence[Lesion]) -> tuple[Lesion, ...]:
        """Lesions of the stream's areas and pathways, by its own names."""
        names = {whole: own for own, whole in (*self.signals.items(), *self.pathways.items())}
        return tuple(replace(one, target=names[one.target]) for one in lesions if one.target in names)

    def lesioned(self, lesions: Sequence[Lesion]) -> "Stream":
        """The stream without what it has lost; lost pathways keep their names, which can be asked for."""
        if not (lost := self.lesions(lesions)):
            return self
        hurt = copy.copy(self)
        hurt.system = with_lesions(self.system, lost)
        hurt.delayed = {f"{self.name}_{source}": source for source in hurt.system.silent_past(1)}
        return hurt


class StreamsSystem(System[tuple[Any, ...]]):
    """Systems that see the same inputs and do not hear of one another; scores are the mean of theirs.

    The context holds that of every stream. Steppers, delays, batch norms per step and noise are each system's own.

    Parameters
    ----------
    streams : the systems with their names.
    clock : of the whole network.
    outputs : of the whole network.
    """

    def __init__(self, streams: Sequence[Stream], clock: Clock, outputs: Mapping[str, tuple[str, ...]]) -> None:
        self.streams, self.clock, self.outputs = tuple(streams), clock, outputs
        systems = [stream.system for stream in streams]
        self.like, self.has_noise = systems[0].like, any(system.has_noise for system in systems)
        self.signals = tuple(_renamed(signal, one) for one in streams for signal in one.system.signals)
        self.sources = tuple(_renamed(signal, one) for one in streams for signal in one.system.sources)
        self.pathways = tuple(way for one in streams for way in one.pathways.values())
        self.identity = tuple((one.name, one.system.identity) for one in streams)
        ways = [system.unrolling for system in systems]
        for name in ("unrolling",):  # of streams that differ, the one of which less can be said
            setattr(self, name, next((way for way in ("inner", "sweep") if way in ways), "sync"))

    @property
    def rectified(self) -> frozenset[str]:
        """Those of every stream."""
        return frozenset(one.signals[area] for one in self.streams for area in one.system.rectified)

    def lesioned(self, lesions: Sequence[Lesion]) -> "StreamsSystem":
        """The systems without parts that they have lost, so that each begins as it does alone."""
        hurt = copy.copy(self)
        hurt.streams = tuple(one.lesioned(lesions) for one in self.streams)
        hurt.identity = tuple((one.name, one.system.identity) for one in hurt.streams)
        return hurt

    def zero_state(self, batch: int, seed: int = 0) -> State:
        """All signals at zero."""
        return self._joined([one.system.zero_state(batch, seed) for one in self.streams], self.seeds(batch, seed))

    def begin(self, batch: int, seed: int = 0) -> State:
        """Every stream's own start."""
        return self._joined([one.system.begin(batch, seed) for one in self.streams], self.seeds(batch, seed))

    def silent_past(self, batch: int) -> dict[str, tuple[Tensor, ...]]:
        """Zeros in delayed pathways of all streams."""
        parts = [(one.name, one.system.silent_past(batch)) for one in self.streams]
        return {f"{name}_{source}": queue for name, past in parts for source, queue in past.items()}

    def hold(self, inputs: Inputs) -> tuple[Any, ...]:
        """Compute once what every stream needs of held inputs."""
        return tuple(
            one.system.hold({name: values for name, values in inputs.items() if name in one.inputs})
            for one in self.streams
        )

    def encoded(self, context: tuple[Any, ...]) -> dict[str, Tensor]:
        """The held inputs as the streams give them on."""
        parts = [(one.name, one.system.encoded(held)) for one, held in zip(self.streams, context, strict=True)]
        return {f"{name}_{source}": values for name, found in parts for source, values in found.items()}

    def advance(self, state: State, context: tuple[Any, ...], effects: Effects = NONE) -> State:
        """One step of every stream."""
        values: dict[str, Tensor] = {}
        past: dict[str, tuple[Tensor, ...]] = {}
        for one, held in zip(self.streams, context, strict=True):
            acting = one.effects(effects)
            after = one.system.advance(one.part(state), held, acting)
            one.note(acting, effects)
            values |= one.values(after)
            past |= one.past(after)
        return state.after(values, past)

    def read(self, state: State) -> dict[str, Tensor]:
        """Outputs, the mean of those of the streams."""
        found = [one.system.read(one.part(state)) for one in self.streams]
        return {name: torch.stack([part[name] for part in found]).mean(0) for name in self.outputs}

    def check_state(self, state: State) -> None:
        """As for every system, every stream's own checks included."""
        super().check_state(state)
        if self.has_noise and state.seeds is None:
            raise ValueError("initial_state has no seeds for the noise of this model; start from model.initial_state()")
        for one in self.streams:
            one.system.check_state(one.part(state))

    def admit(self, state: State) -> State:
        """A state that comes from outside, checked, and without what the streams have lost."""
        state = super().admit(state)
        return self._replaced(state, [one.system.admit(one.part(state)) for one in self.streams])

    def intervened(self, state: State, effects: Effects) -> State:
        """The state with which interventions begin, without what the streams have lost."""
        parts = [one.system.intervened(one.part(state), one.effects(effects)) for one in self.streams]
        return self._replaced(state, parts)

    def _replaced(self, state: State, parts: Sequence[State]) -> State:
        """A state with the signals of the streams' own states."""
        for one, part in zip(self.streams, parts, strict=True):
            state = state.with_values(one.values(part))
        return state

    def _joined(self, parts: Sequence[State], seeds: Tensor | None) -> State:
        """The whole network's state at step 0, from those of the streams."""
        values: dict[str, Tensor] = {}
        past: dict[str, tuple[Tensor, ...]] = {}
        for one, part in zip(self.streams, parts, strict=True):
            values |= one.values(part)
            past |= one.past(part)
        return State(values, 0, seeds, past)


def _renamed(signal: Signal, stream: Stream) -> Signal:
    return replace(signal, area=f"{stream.name}_{signal.area}")
