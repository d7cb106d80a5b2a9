"""Base of all tasks: frozen settings, and a pure function from seeds to trials in one of two renderings."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, TypeAlias

import torch
from torch import Tensor

from cordsnet._checks import check_count, check_positive, is_number
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.timing import Timing, as_timing, check_frames, draw_frames, longest
from cordsnet.tasks.trials import Plan, Trials

Rendering: TypeAlias = Literal["vector", "image"]

VECTOR: Final = "vector"
IMAGE: Final = "image"
"""Names of the inputs in which trials are rendered: [F, B, channels] and [F, B, 1, S, S]."""

MOST_FRAMES = 20_000
"""Largest number of frames of a trial."""

MOST_BATCH = 1_000_000
"""Largest number of trials that are made together."""


@dataclass(frozen=True)
class Answers:
    """Answers to trials.

    Attributes
    ----------
    correct : True where the answer was right [B].
    response : the answer [B] or [B, ...], in the units of `Trials.answer`.
    early : True where an answer came before it was asked for [B].
    """

    correct: Tensor
    response: Tensor
    early: Tensor


@dataclass(frozen=True)
class Task(ABC):
    """A task as data.

    Attributes
    ----------
    rendering : "vector", one number per channel, or "image", grey movies; trials of a seed are the same in both.
    timing : period -> duration in ms, where it differs from the task's own (`periods`). A duration is a number, a list
        of numbers, ["uniform", min, max] or ["exponential", mean, min, max].
    frame_ms : duration of a frame, ms. It is apart from the step of a network, which divides it.
    image_size : height and width of the movies, px.
    noise : standard deviation of the mean of the noise of an input over 100 ms, in units of the vector rendering, where
        a full stimulus is 1; movies have noise only where a task says so.
    """

    kind: ClassVar[str]
    source: ClassVar[str]
    about: ClassVar[str]
    periods: ClassVar[Mapping[str, Timing]]
    """Period -> duration, in order."""
    channels: ClassVar[tuple[str, ...]] = ()
    """Names of the channels of the vector rendering, where they do not depend on the settings."""

    rendering: Rendering = VECTOR
    timing: Mapping[str, Any] = field(default_factory=dict)
    frame_ms: float = 20.0
    image_size: int = 32
    noise: float = 0.1

    def __post_init__(self) -> None:
        if self.rendering not in (VECTOR, IMAGE):
            raise ValueError(f"rendering must be 'vector' or 'image', got {self.rendering!r}")
        check_positive(self.frame_ms, "frame_ms")
        check_count(self.image_size, "image_size", 8, most=1024)
        if not is_number(self.noise) or not 0 <= self.noise < float("inf"):
            raise ValueError(f"noise must be a finite number of at least 0, got {self.noise!r}")
        if not isinstance(self.timing, Mapping):
            raise TypeError(f"timing must map periods to durations, got {type(self.timing).__name__}")
        if unknown := sorted(set(self.timing) - set(self.periods)):
            raise ValueError(f"timing names {unknown[0]!r}; periods of {self.kind!r} are {', '.join(self.periods)}")
        own = {period: as_timing(value, period) for period, value in self.timing.items()}
        object.__setattr__(self, "timing", own)
        check_frames(self.timings, self.frame_ms)
        if self.longest_ms / self.frame_ms > MOST_FRAMES:
            raise ValueError(f"a trial may have {MOST_FRAMES:,} frames at most; raise frame_ms or shorten the timing")
        if self.longest_ms < self.frame_ms:
            raise ValueError("a trial must last a frame at least; lengthen the timing")
        self.check()

    def check(self) -> None:  # noqa: B027
        """Raise ValueError for settings of the task itself that cannot be."""

    @property
    def timings(self) -> dict[str, Timing]:
        """Period -> duration, in order."""
        return {period: self.timing.get(period, default) for period, default in self.periods.items()}

    @property
    def longest_ms(self) -> float:
        """Longest duration of a trial, ms."""
        return sum(longest(timing) for timing in self.timings.values())

    @property
    def vector_channels(self) -> tuple[str, ...]:
        """Names of the channels of the vector rendering."""
        return self.channels

    @property
    @abstractmethod
    def outputs(self) -> tuple[tuple[str, str, int], ...]:
        """Name, axis and size of every output that a network needs."""

    @abstractmethod
    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Conditions of trials, by name [B] or [B, ...]."""

    @abstractmethod
    def vector(self, plan: Plan) -> Tensor:
        """Inputs [F, B, channels] without noise."""

    @abstractmethod
    def image(self, plan: Plan) -> Tensor:
        """Movies [F, B, S, S], grey values from 0 (dark) to 1."""

    @abstractmethod
    def wanted(self, plan: Plan) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        """Targets and masks by output, and the answers; masks need not know when trials end."""

    @abstractmethod
    def answers(self, trials: Trials, outputs: Mapping[str, Tensor]) -> Answers:
        """Read the answers to trials from the outputs [F, B, ...] of a network at the end of every frame."""

    def edges(self, draws: Draws) -> dict[str, Tensor]:
        """Period -> first frame and the frame after its last one [B, 2]; periods follow one another."""
        found, now = {}, torch.zeros_like(draws.seeds)
        for period, timing in self.timings.items():
            then = now + draw_frames(timing, self.frame_ms, draws, period)
            found[period] = torch.stack([now, then], 1)
            now = then
        return found

    def duration_ms(self, draws: Draws, period: str) -> Tensor:
        """Duration of a period in every trial [B], ms."""
        edges = self.edges(draws)[period]
        return (edges[:, 1] - edges[:, 0]).double() * self.frame_ms

    def plan(self, batch: int, seed: int = 0, first: int = 0, device: torch.device | str = "cpu") -> Plan:
        """Conditions and periods of trials `first` to `first + batch` of a seed."""
        check_count(batch, "batch", 1, most=MOST_BATCH)
        check_count(first, "first", 0)
        draws = Draws.of(seed, batch, first, device)
        return Plan(draws, self.frame_ms, self.edges(draws), self.draw(draws))

    def sample(self, batch: int, seed: int = 0, first: int = 0, device: torch.device | str = "cpu") -> Trials:
        """Trials `first` to `first + batch` of a seed, rendered.

        A trial depends on the seed and its number alone: not on the size of the batch, the device or the rendering.

        Parameters
        ----------
        batch : number of trials, B.
        seed : of everything that is drawn, from 0.
        first : number of the first trial.
        device : device on which they are made.
        """
        return self.render(self.plan(batch, seed, first, device))

    def render(self, plan: Plan) -> Trials:
        """Trials of a plan. Trials that are shorter than the longest of the batch are padded with nothing."""
        targets, mask, answer = self.wanted(plan)
        running = plan.running
        if self.rendering == IMAGE:
            movie = self.image(plan).float()
            for k in (plan.lengths < plan.frames).nonzero()[:, 0].tolist():
                movie[int(plan.lengths[k]) :, k] = 0
            inputs: dict[str, Tensor] = {IMAGE: movie[:, :, None]}
        else:
            noise = plan.noise("input", self.noise, len(self.vector_channels))
            inputs = {VECTOR: ((self.vector(plan) + noise) * running[..., None]).float()}
        wanted = {name: v.float() if v.is_floating_point() else v for name, v in targets.items()}
        counted = {name: (weights * running).float() for name, weights in mask.items()}
        return Trials(inputs, wanted, counted, plan.edges, plan.conditions, answer, plan.lengths, plan.frame_ms)

    def changed(self, **settings: Any) -> "Task":
        """The task with other settings. Raises ValueError, naming it, for a setting that the task does not have."""
        known = [f.name for f in dataclasses.fields(self)]
        if unknown := sorted(set(settings) - set(known)):
            raise ValueError(f"task {self.kind!r} has no setting {unknown[0]!r}; it has {', '.join(known)}")
        return dataclasses.replace(self, **settings)

    def for_tests(self) -> "Task":
        """The task whose trials measure a network: itself, unless it has stimuli that training must not show."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """Settings as plain data, ready for JSON."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
