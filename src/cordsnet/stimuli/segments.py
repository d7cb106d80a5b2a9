"""Segments of a protocol, and sequences of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet.dynamics import Clock, Hold


@check_init
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


@dataclass(frozen=True)
class Stretch:
    """The steps of a segment on a clock.

    Attributes
    ----------
    clock : how steps relate to ms.
    steps : number of steps.
    start_ms : start of the segment, from the start of the protocol, before rounding.
    notes : receives a sentence for what is rounded; None warns instead.
    """

    clock: Clock
    steps: int
    start_ms: float = 0.0
    notes: list[str] | None = None


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
    def holds(self, stretch: Stretch) -> Iterator[Hold]:
        """The inputs in order, each with the steps for which they are held."""

    def shown(self) -> Iterator[tuple[str, Tensor]]:
        """Everything that is shown, input by input."""
        yield from self.values.items()

    def events(self, start_ms: float) -> list[Event]:
        """Onsets and offsets, for a segment that begins at `start_ms`."""
        return [
            Event(kind, name, time)
            for name in self.values
            for kind, time in (("onset", start_ms), ("offset", start_ms + self.ms))
        ]


def holds_of(
    segments: Sequence[Segment], clock: Clock, notes: list[str] | None, start_ms: float = 0.0
) -> Iterator[Hold]:
    """The holds of segments that follow one another from `start_ms` on."""
    for segment, count in zip(segments, steps_of(segments, clock, notes, start_ms), strict=True):
        if count:
            yield from segment.holds(Stretch(clock, count, start_ms, notes))
        start_ms += segment.ms


def steps_of(segments: Sequence[Segment], clock: Clock, notes: list[str] | None, start_ms: float = 0.0) -> list[int]:
    """Number of steps of every segment."""
    return clock.cut([(f"duration of {segment.call}()", segment.ms) for segment in segments], notes, start_ms)


def events_of(segments: Sequence[Segment], start_ms: float = 0.0) -> list[Event]:
    """Onsets and offsets of segments that follow one another."""
    found = []
    for segment in segments:
        found += segment.events(start_ms)
        start_ms += segment.ms
    return found
