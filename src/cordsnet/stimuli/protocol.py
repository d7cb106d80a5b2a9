"""What is shown when: protocols are sums of segments, times in ms."""

import dataclasses
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor
from typing import Protocol as TypingProtocol
from typing import runtime_checkable

import numpy as np
import torch
from torch import Tensor

from cordsnet._checks import check_positive, is_number, whole_steps
from cordsnet._typing import Frames, Images
from cordsnet.dynamics import Hold


@runtime_checkable
class Reader(TypingProtocol):
    """Whoever is shown the frames."""

    def check_input(self, images: Tensor) -> None:
        """Refuse images that cannot be read."""


class Segment(ABC):
    """A stretch of the protocol."""

    ms: float

    @property
    @abstractmethod
    def frames(self) -> Tensor | None:
        """All frames of the segment with the trials on the second-last image axis, or None for a blank field."""

    @property
    def batch(self) -> int | None:
        """Number of trials, or None when the segment fits any number."""
        return None if self.frames is None else self.frames.shape[-4]

    @abstractmethod
    def holds(self, dt: float) -> Iterator[Hold]:
        """The frames in order, each with the steps for which it is held."""


@dataclass(frozen=True)
class Blank(Segment):
    """No input for `ms`."""

    ms: float

    @property
    def frames(self) -> None:
        """None: a blank field."""
        return None

    def holds(self, dt: float) -> Iterator[Hold]:
        """One blank hold."""
        yield Hold(whole_steps(self.ms, dt, "duration of blank()"))


@dataclass(frozen=True)
class Show(Segment):
    """`images` [B, C, H, W] held for `ms`."""

    images: Images
    ms: float

    @property
    def frames(self) -> Images:
        """The images."""
        return self.images

    def holds(self, dt: float) -> Iterator[Hold]:
        """One hold."""
        yield Hold(whole_steps(self.ms, dt, "duration of show()"), self.images)


@dataclass(frozen=True)
class Movie(Segment):
    """`movie_frames` [T, B, C, H, W], one every `frame_ms`; a step shows the frame that is on screen when it starts."""

    movie_frames: Frames
    frame_ms: float
    ms: float

    @property
    def frames(self) -> Frames:
        """The frames."""
        return self.movie_frames

    def holds(self, dt: float) -> Iterator[Hold]:
        """Each frame for the steps that start while it is on screen: the frame clock and dt are separate."""
        steps = whole_steps(self.ms, dt, "duration of movie()")
        last = len(self.movie_frames) - 1
        shown = Counter(min(floor(step * dt / self.frame_ms + 1e-9), last) for step in range(steps))
        due = min(last + 1, ceil(self.ms / self.frame_ms - 1e-9))
        if len(shown) < due:
            raise ValueError(
                f"frame_ms = {self.frame_ms:g} ms is too short for dt = {dt:g} ms: "
                f"{due - len(shown)} of {due} frames would never be seen; use a dt of at most {self.frame_ms:g} ms"
            )
        for frame, held in shown.items():
            yield Hold(held, self.movie_frames[frame])


@dataclass(frozen=True)
class Noise(Segment):
    """Another segment with Gaussian noise of standard deviation `sigma` added, redrawn every `every_ms`."""

    segment: Segment
    sigma: float
    seed: int
    every_ms: float | None

    @property
    def ms(self) -> float:  # type: ignore[override]
        """Duration of the segment underneath."""
        return self.segment.ms

    @property
    def frames(self) -> Tensor:
        """Frames without their noise."""
        frames = self.segment.frames
        assert frames is not None
        return frames

    def holds(self, dt: float) -> Iterator[Hold]:
        """A new draw for every step, or for every `every_ms`; the same draws at each call."""
        span = 1 if self.every_ms is None else whole_steps(self.every_ms, dt, "every_ms")
        if span < 1:
            raise ValueError(f"every_ms must be at least one step of dt = {dt:g} ms, got {self.every_ms}")
        generator = torch.Generator(self.frames.device).manual_seed(self.seed)
        draw, left = self.frames.new_zeros(()), 0
        for hold in self.segment.holds(dt):
            assert hold.frame is not None
            steps = hold.steps
            while steps:
                if left == 0:
                    draw, left = torch.empty_like(hold.frame).normal_(0.0, self.sigma, generator=generator), span
                held = min(steps, left)
                yield Hold(held, hold.frame + draw)
                steps, left = steps - held, left - held


@dataclass(frozen=True)
class Protocol:
    """Segments one after another; `+` joins protocols."""

    segments: tuple[Segment, ...]

    def __add__(self, other: "Protocol") -> "Protocol":
        if not isinstance(other, Protocol):
            return NotImplemented
        joined = Protocol(self.segments + other.segments)
        sizes = {segment.batch for segment in joined.segments if segment.batch is not None}
        if len(sizes) > 1:
            raise ValueError(f"segments show different numbers of trials, {sorted(sizes)}; give each the same batch")
        return joined

    @property
    def ms(self) -> float:
        """Total duration."""
        return sum(segment.ms for segment in self.segments)

    @property
    def batch(self) -> int | None:
        """Number of trials; None when nothing but blank fields is shown."""
        return next((segment.batch for segment in self.segments if segment.batch is not None), None)

    def check(self, model: Reader) -> None:
        """Refuse frames that `model` cannot read."""
        for segment in self.segments:
            frames = segment.frames
            if frames is not None:
                model.check_input(frames.reshape(-1, *frames.shape[-3:]))

    def total_steps(self, dt: float) -> int:
        """Number of steps of `dt` ms; refuses durations that are not whole numbers of steps."""
        return sum(whole_steps(segment.ms, dt, f"duration of {_call(segment)}()") for segment in self.segments)

    def schedule(self, dt: float) -> Iterator[Hold]:
        """The frames in order, each with the steps for which it is held."""
        for segment in self.segments:
            yield from (hold for hold in segment.holds(dt) if hold.steps)


def blank(ms: float) -> Protocol:
    """No input for `ms`."""
    return Protocol((Blank(_duration(ms, "blank")),))


def show(images: Images, ms: float) -> Protocol:
    """`images` [B, C, H, W] held for `ms`."""
    _check_frames(images, 4, "images", "[B, C, H, W]")
    return Protocol((Show(images, _duration(ms, "show")),))


def movie(frames: Frames, frame_ms: float, ms: float | None = None) -> Protocol:
    """`frames` [T, B, C, H, W], one every `frame_ms`, for `ms` in all (None: as long as the frames last).

    The frame clock need not be a multiple of dt, the duration in all must be.
    """
    _check_frames(frames, 5, "frames", "[T, B, C, H, W]")
    check_positive(frame_ms, "frame_ms")
    if len(frames) == 0:
        raise ValueError("frames is empty, shape [0, ...]; give at least one frame")
    return Protocol((Movie(frames, float(frame_ms), _duration(len(frames) * frame_ms if ms is None else ms, "movie")),))


def with_noise(protocol: Protocol, sigma: float, *, seed: int = 0, every_ms: float | None = None) -> Protocol:
    """`protocol` with Gaussian noise added to its images, redrawn every `every_ms` (None: every step).

    Blank segments stay blank. Noise of standard deviation `sigma` is in units of the images as given. It is drawn where
    the images are, so that a seed gives other numbers on a GPU than on a processor, and in another precision.
    """
    if not (is_number(sigma) and 0 <= sigma < float("inf")):
        raise ValueError(f"sigma must be a finite number of at least 0, got {sigma!r}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    segments = tuple(
        segment if segment.frames is None else Noise(segment, float(sigma), _seed_of(seed, k), every_ms)
        for k, segment in enumerate(protocol.segments)
    )
    return dataclasses.replace(protocol, segments=segments)


def _seed_of(seed: int, segment: int) -> int:
    """A seed of its own for each segment, such that no two pairs share one."""
    return int(np.random.SeedSequence([seed, segment]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _duration(ms: float, call: str) -> float:
    if not is_number(ms) or not 0 <= ms < float("inf"):
        raise ValueError(f"duration of {call}() must be a finite number of ms, 0 or more, got {ms!r}")
    return float(ms)


def _check_frames(frames: object, axes: int, name: str, shape: str) -> None:
    if not isinstance(frames, Tensor):
        raise TypeError(f"{name} must be a torch tensor {shape}, got {type(frames).__name__}")
    if frames.ndim != axes:
        raise ValueError(f"{name} must have the axes {shape}, got shape {list(frames.shape)}")


def _call(segment: Segment) -> str:
    return _call(segment.segment) if isinstance(segment, Noise) else type(segment).__name__.lower()
