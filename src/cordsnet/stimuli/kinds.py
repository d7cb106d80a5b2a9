"""Kinds of segments: blank, held, movie, onsets that differ from trial to trial, noise, and several at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator
from cordsnet.dynamics import Hold
from cordsnet.stimuli.segments import Event, Segment, Stretch, events_of, holds_of


@dataclass(frozen=True)
class Blank(Segment):
    """No input for `ms`."""

    ms: float
    call = "blank"

    @property
    def values(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    @property
    def batch(self) -> None:
        """Any number of trials."""
        return

    def holds(self, stretch: Stretch) -> Iterator[Hold]:
        """One blank hold."""
        yield Hold(stretch.steps)


@dataclass(frozen=True)
class Given(Segment):
    """Values [B, *shape] of one input; a subclass says when they are shown."""

    input: str
    given: Tensor

    @property
    def values(self) -> dict[str, Tensor]:
        """The values."""
        return {self.input: self.given}

    @property
    def batch(self) -> int:
        """Number of trials."""
        return len(self.given)


@dataclass(frozen=True)
class Give(Given):
    """Values [B, *shape] of one input, held for `ms`."""

    ms: float
    call: str = "show"  # type: ignore[misc]

    def holds(self, stretch: Stretch) -> Iterator[Hold]:
        """One hold."""
        yield Hold(stretch.steps, {self.input: self.given})


@dataclass(frozen=True)
class Movie(Segment):
    """Frames [T, B, *shape] of one input, one every `frame_ms`; a step shows the frame of the time when it starts."""

    input: str
    frames: Tensor
    frame_ms: float
    ms: float
    call = "movie"

    @property
    def values(self) -> dict[str, Tensor]:
        """The frames."""
        return {self.input: self.frames}

    @property
    def batch(self) -> int:
        """Number of trials."""
        return self.frames.shape[1]

    def holds(self, stretch: Stretch) -> Iterator[Hold]:
        """Each frame for the steps that start while it is on screen: the frame clock and dt are separate."""
        last, dt, steps = len(self.frames) - 1, stretch.clock.dt_ms, stretch.steps
        shown = Counter(min(floor(step * dt / self.frame_ms + 1e-9), last) for step in range(steps))
        due = min(last + 1, ceil(self.ms / self.frame_ms - 1e-9))
        if len(shown) < due:
            raise ValueError(
                f"frame_ms = {self.frame_ms:g} ms is too short for dt = {dt:g} ms: "
                f"{due - len(shown)} of {due} frames would never be seen; use a dt of at most {self.frame_ms:g} ms"
            )
        for frame, held in shown.items():
            yield Hold(held, {self.input: self.frames[frame]})


@dataclass(frozen=True)
class Staggered(Given):
    """Values [B, *shape] of one input that appear at a time of each trial's own and stay for `shown_ms`."""

    onset_ms: tuple[float, ...]
    shown_ms: float
    ms: float
    call = "show_at"

    def events(self, start_ms: float) -> list[Event]:
        """Onset and offset of every trial."""
        onsets = tuple(start_ms + onset for onset in self.onset_ms)
        offsets = tuple(onset + self.shown_ms for onset in onsets)
        return [Event("onset", self.input, onsets), Event("offset", self.input, offsets)]

    def holds(self, stretch: Stretch) -> Iterator[Hold]:
        """From one onset or offset to the next; trials that see nothing are given zeros, which is a blank input."""
        steps = stretch.steps
        spans = [self._span(onset, stretch) for onset in self.onset_ms]
        edges = sorted({0, steps, *(edge for span in spans for edge in span if edge < steps)})
        for start, stop in pairwise(edges):
            on = torch.tensor([first <= start < last for first, last in spans], device=self.given.device)
            if not bool(on.any()):
                yield Hold(stop - start)
                continue
            mask = on.view(-1, *[1] * (self.given.ndim - 1))
            yield Hold(stop - start, {self.input: torch.where(mask, self.given, 0.0)})

    def _span(self, onset_ms: float, stretch: Stretch) -> tuple[int, int]:
        """First step of a trial's image, and the one after its last, from the start of the segment."""
        clock, notes = stretch.clock, stretch.notes
        waits, shows = clock.cut(
            [("onset_ms of show_at()", onset_ms), ("duration of show_at()", self.shown_ms)], notes, stretch.start_ms
        )
        return waits, waits + shows


@dataclass(frozen=True)
class Noise(Segment):
    """Another segment with Gaussian noise of standard deviation `sigma` on one input, redrawn every `every_ms`."""

    segment: Segment
    input: str
    sigma: float
    seed: int
    every_ms: float | None

    @property
    def call(self) -> str:  # type: ignore[override]
        """The call that made the segment underneath."""
        return self.segment.call

    @property
    def ms(self) -> float:  # type: ignore[override]
        """Duration of the segment underneath."""
        return self.segment.ms

    @property
    def values(self) -> Mapping[str, Tensor]:
        """Values without their noise."""
        return self.segment.values

    @property
    def batch(self) -> int | None:
        """Number of trials."""
        return self.segment.batch

    def events(self, start_ms: float) -> list[Event]:
        """Those of the segment underneath."""
        return self.segment.events(start_ms)

    def shown(self) -> Iterator[tuple[str, Tensor]]:
        """Everything that the segment underneath shows."""
        return self.segment.shown()

    def holds(self, stretch: Stretch) -> Iterator[Hold]:
        """A new draw for every step, or for every `every_ms`; the same draws at each call."""
        clock = stretch.clock
        span = 1 if self.every_ms is None else clock.steps(self.every_ms, "every_ms", stretch.notes)
        if span < 1:
            raise ValueError(f"every_ms must be at least one step of dt = {clock.dt_ms:g} ms, got {self.every_ms}")
        like = self.values[self.input]
        generator = seeded_generator(self.seed, like.device)
        draw, left = like.new_zeros(()), 0
        for hold in self.segment.holds(stretch):
            clean = hold.inputs.get(self.input)
            if clean is None:
                yield hold
                continue
            remaining = hold.steps
            while remaining:
                if left == 0:
                    draw, left = torch.empty_like(clean).normal_(0.0, self.sigma, generator=generator), span
                held = min(remaining, left)
                yield Hold(held, {**hold.inputs, self.input: clean + draw})
                remaining, left = remaining - held, left - held


@dataclass(frozen=True)
class Together(Segment):
    """Several sequences of segments at the same time, each with inputs of its own."""

    parts: tuple[tuple[Segment, ...], ...]
    call = "together"

    @property
    def ms(self) -> float:  # type: ignore[override]
        """Duration, the same for all."""
        return sum(segment.ms for segment in self.parts[0])

    @property
    def values(self) -> dict[str, Tensor]:
        """All inputs; of an input that is shown several times, the last."""
        return {name: value for part in self.parts for segment in part for name, value in segment.values.items()}

    @property
    def batch(self) -> int | None:
        """Number of trials."""
        return next((s.batch for part in self.parts for s in part if s.batch is not None), None)

    def events(self, start_ms: float) -> list[Event]:
        """Those of all parts."""
        return [event for part in self.parts for event in events_of(part, start_ms)]

    def shown(self) -> Iterator[tuple[str, Tensor]]:
        """Everything that the parts show."""
        for part in self.parts:
            for segment in part:
                yield from segment.shown()

    def holds(self, stretch: Stretch) -> Iterator[Hold]:
        """From one change of any input to the next."""
        streams = [_runs(part, stretch) for part in self.parts]
        edges = sorted({edge for stream in streams for edge, _ in stream} | {stretch.steps})
        for start, stop in pairwise(edges):
            inputs: dict[str, Tensor] = {}
            for stream in streams:
                inputs |= next(given for edge, given in reversed(stream) if edge <= start)
            yield Hold(stop - start, inputs)


def _runs(part: Sequence[Segment], stretch: Stretch) -> list[tuple[int, Mapping[str, Tensor]]]:
    """First step and inputs of every hold of a part."""
    found, at = [], 0
    for hold in holds_of(part, stretch.clock, stretch.notes, stretch.start_ms):
        found.append((at, hold.inputs))
        at += hold.steps
    return found
