"""Segments: what is shown for one stretch of a protocol."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet.dynamics import Clock, Hold


@dataclass(frozen=True)
class Event:
    """A time at which something appears or goes.

    Attributes
    ----------
    kind : "onset" or "offset".
    input : name of the input.
    time_ms : from the start of the protocol; for trials that differ, one number per trial.
    """

    kind: str
    input: str
    time_ms: float | tuple[float, ...]


class Segment(ABC):
    """A stretch of the protocol."""

    ms: float
    call: ClassVar[str]

    @property
    @abstractmethod
    def values(self) -> Mapping[str, Tensor]:
        """Input -> everything that is shown of it, trials on the axis before the shape: [..., B, *shape]."""

    @property
    @abstractmethod
    def batch(self) -> int | None:
        """Number of trials; None when the segment fits any number."""

    @abstractmethod
    def holds(self, clock: Clock, steps: int) -> Iterator[Hold]:
        """The inputs in order, each with the steps for which they are held, `steps` in all."""

    def events(self, start_ms: float) -> list[Event]:
        """Onsets and offsets, for a segment that begins at `start_ms`."""
        return [
            Event(kind, name, time)
            for name in self.values
            for kind, time in (("onset", start_ms), ("offset", start_ms + self.ms))
        ]


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

    def holds(self, clock: Clock, steps: int) -> Iterator[Hold]:
        """One blank hold."""
        yield Hold(steps)


@dataclass(frozen=True)
class Give(Segment):
    """Values [B, *shape] of one input, held for `ms`."""

    input: str
    given: Tensor
    ms: float
    call: str = "show"  # type: ignore[misc]

    @property
    def values(self) -> dict[str, Tensor]:
        """The values."""
        return {self.input: self.given}

    @property
    def batch(self) -> int:
        """Number of trials."""
        return len(self.given)

    def holds(self, clock: Clock, steps: int) -> Iterator[Hold]:
        """One hold."""
        yield Hold(steps, {self.input: self.given})


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

    def holds(self, clock: Clock, steps: int) -> Iterator[Hold]:
        """Each frame for the steps that start while it is on screen: the frame clock and dt are separate."""
        last, dt = len(self.frames) - 1, clock.dt_ms
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
class Staggered(Segment):
    """Values [B, *shape] of one input that appear at a time of each trial's own and stay for `shown_ms`."""

    input: str
    given: Tensor
    onset_ms: tuple[float, ...]
    shown_ms: float
    ms: float
    call = "show_at"

    @property
    def values(self) -> dict[str, Tensor]:
        """The values."""
        return {self.input: self.given}

    @property
    def batch(self) -> int:
        """Number of trials."""
        return len(self.given)

    def events(self, start_ms: float) -> list[Event]:
        """Onset and offset of every trial."""
        onsets = tuple(start_ms + onset for onset in self.onset_ms)
        offsets = tuple(onset + self.shown_ms for onset in onsets)
        return [Event("onset", self.input, onsets), Event("offset", self.input, offsets)]

    def holds(self, clock: Clock, steps: int) -> Iterator[Hold]:
        """From one onset or offset to the next; trials that see nothing are given zeros, which is a blank input."""
        spans = [
            (on, min(steps, on + clock.steps(self.shown_ms, "duration of show_at()")))
            for on in (clock.steps(onset, "onset_ms of show_at()") for onset in self.onset_ms)
        ]
        edges = sorted({0, steps, *(edge for span in spans for edge in span if edge < steps)})
        for start, stop in pairwise(edges):
            on = torch.tensor([first <= start < last for first, last in spans], device=self.given.device)
            if not bool(on.any()):
                yield Hold(stop - start)
                continue
            mask = on.view(-1, *[1] * (self.given.ndim - 1))
            yield Hold(stop - start, {self.input: torch.where(mask, self.given, 0.0)})


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

    def holds(self, clock: Clock, steps: int) -> Iterator[Hold]:
        """A new draw for every step, or for every `every_ms`; the same draws at each call."""
        span = 1 if self.every_ms is None else clock.steps(self.every_ms, "every_ms")
        if span < 1:
            raise ValueError(f"every_ms must be at least one step of dt = {clock.dt_ms:g} ms, got {self.every_ms}")
        like = self.values[self.input]
        generator = torch.Generator(like.device).manual_seed(self.seed)
        draw, left = like.new_zeros(()), 0
        for hold in self.segment.holds(clock, steps):
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

    def holds(self, clock: Clock, steps: int) -> Iterator[Hold]:
        """From one change of any input to the next."""
        streams = [_runs(part, clock) for part in self.parts]
        edges = sorted({edge for stream in streams for edge, _ in stream} | {steps})
        for start, stop in pairwise(edges):
            inputs: dict[str, Tensor] = {}
            for stream in streams:
                inputs |= next(given for edge, given in reversed(stream) if edge <= start)
            yield Hold(stop - start, inputs)


def _runs(part: Sequence[Segment], clock: Clock) -> list[tuple[int, Mapping[str, Tensor]]]:
    """First step and inputs of every hold of a part."""
    found, at = [], 0
    for hold in holds_of(part, clock, None):
        found.append((at, hold.inputs))
        at += hold.steps
    return found


def holds_of(segments: Sequence[Segment], clock: Clock, notes: list[str] | None) -> Iterator[Hold]:
    """The holds of segments that follow one another."""
    counts = steps_of(segments, clock, notes)
    for segment, count in zip(segments, counts, strict=True):
        if count:
            yield from segment.holds(clock, count)


def steps_of(segments: Sequence[Segment], clock: Clock, notes: list[str] | None) -> list[int]:
    """Number of steps of every segment."""
    return clock.cut([(f"duration of {segment.call}()", segment.ms) for segment in segments], notes)


def events_of(segments: Sequence[Segment], start_ms: float = 0.0) -> list[Event]:
    """Onsets and offsets of segments that follow one another."""
    found = []
    for segment in segments:
        found += segment.events(start_ms)
        start_ms += segment.ms
    return found
