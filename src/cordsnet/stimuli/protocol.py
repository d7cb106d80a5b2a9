"""Protocols, stimuli in time: sums of segments, times in ms."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol as TypingProtocol
from typing import runtime_checkable

import numpy as np
from torch import Tensor

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_count, check_few, check_positive, check_type, is_number
from cordsnet._typing import Frames, Images
from cordsnet.dynamics import Clock, Hold
from cordsnet.dynamics.clock import DIGITS
from cordsnet.stimuli.copies import MAX_FRAMES, own, stacked
from cordsnet.stimuli.kinds import Blank, Give, Movie, Noise, Staggered, Together
from cordsnet.stimuli.segments import Event, Segment, events_of, holds_of, steps_of

IMAGE = "image"


@runtime_checkable
class Viewer(TypingProtocol):
    """A model to which inputs are shown."""

    def check_inputs(self, inputs: Mapping[str, Tensor]) -> None:
        """Refuse inputs that cannot be read."""


@check_init
@dataclass(frozen=True)
class Protocol:
    """Segments one after another; `+` joins protocols."""

    segments: tuple[Segment, ...]

    def __add__(self, other: "Protocol") -> "Protocol":
        if not isinstance(other, Protocol):
            return NotImplemented
        joined = Protocol(self.segments + other.segments)
        _check_trials(joined.segments)
        return joined

    @property
    def ms(self) -> float:
        """Total duration."""
        return sum(segment.ms for segment in self.segments)

    @property
    def batch(self) -> int | None:
        """Number of trials; None when nothing but blank fields is shown."""
        return next((segment.batch for segment in self.segments if segment.batch is not None), None)

    @property
    def events(self) -> list[Event]:
        """Onset and offset of everything that is shown, in ms from the start, in the order of the segments."""
        return events_of(self.segments)

    def times_ms(self, kind: str = "onset", input: str = IMAGE, clock: Clock | None = None) -> list[float]:  # noqa: A002
        """Times of the "onset" or "offset" events of an input, ms; with `clock`, the steps at which they take place.

        Raises ValueError where trials differ.
        """
        times = [event.time_ms for event in self.events if (event.kind, event.input) == (kind, input)]
        if any(isinstance(time, tuple) for time in times):
            raise ValueError(f"{kind}s of {input!r} differ from trial to trial; read them from protocol.events")
        alike = [time for time in times if not isinstance(time, tuple)]
        return alike if clock is None else [round(time / clock.dt_ms) * clock.dt_ms for time in alike]

    def check(self, model: Viewer) -> None:
        """Refuse inputs that `model` cannot read."""
        for segment in self.segments:
            for name, values in segment.shown():
                shown = values.flatten(0, 1) if name == IMAGE and values.ndim == 5 else values
                model.check_inputs({name: shown})

    def total_steps(self, clock: Clock, notes: list[str] | None = None) -> int:
        """Number of steps; what a clock of steps rounds is appended to `notes`. Raises as `Clock.steps` does."""
        return sum(steps_of(self.segments, clock, notes))

    def schedule(self, clock: Clock, notes: list[str] | None = None) -> Iterator[Hold]:
        """The inputs in order, each with the steps for which they are held."""
        return holds_of(self.segments, clock, notes)


def blank(ms: float) -> Protocol:
    """No input for `ms`."""
    return Protocol((Blank(_duration(ms, "blank")),))


def show(images: Images, ms: float) -> Protocol:
    """`images` [B, C, H, W] held for `ms`. They are copied, so that the tensor can be used for the next ones."""
    _check_frames(images, 4, "images", "[B, C, H, W]")
    return Protocol((Give(IMAGE, own(images), _duration(ms, "show")),))


def show_at(images: Images, onset_ms: Sequence[float] | Tensor, ms: float, total_ms: float) -> Protocol:
    """`images` [B, C, H, W], each shown for `ms` from a time of its own, in a stretch of `total_ms`; blank otherwise.

    Raises ValueError unless there is one onset for each image, and all images are gone at the end of the stretch.
    """
    _check_frames(images, 4, "images", "[B, C, H, W]")
    onsets = tuple(_duration(onset, "show_at") for onset in _listed(onset_ms))
    ms, total_ms = _duration(ms, "show_at"), _duration(total_ms, "show_at")
    if len(onsets) != len(images) or max(onsets, default=0.0) + ms > total_ms + 10**-DIGITS:
        raise ValueError(
            f"onset_ms must be {len(images)} times, one for each image, so that {ms:g} ms from each "
            f"lie within total_ms = {total_ms:g} ms, got {onsets}"
        )
    return Protocol((Staggered(IMAGE, own(images), onsets, ms, total_ms),))


def give(name: str, values: Tensor, ms: float) -> Protocol:
    """Values [B, *shape] of the input called `name`, held for `ms`, such as `give("fixation", cue, 500)`."""
    check_type(name, str, "name of an input", "a text")
    if not isinstance(values, Tensor) or values.ndim < 2:
        raise TypeError(f"values of {name!r} must be a torch tensor [B, ...], got {_shape(values)}")
    return Protocol((Give(name, own(values), _duration(ms, "give"), "give"),))


@check_arguments
def together(*protocols: Protocol) -> Protocol:
    """Several protocols of the same duration at the same time, such as an image beside a fixation cue.

    Raises ValueError when durations or numbers of trials differ, or when two of them show the same input.
    """
    if len({round(protocol.ms, DIGITS) for protocol in protocols}) != 1:
        raise ValueError(f"protocols shown together must last equally long, got {[p.ms for p in protocols]} ms")
    names = [name for p in protocols for name in {n for segment in p.segments for n in segment.values}]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"input {min(twice)!r} is shown by two of the protocols; join them with + instead")
    _check_trials([segment for protocol in protocols for segment in protocol.segments])
    return Protocol((Together(tuple(protocol.segments for protocol in protocols)),))


def movie(frames: Frames | Iterable[Images], frame_ms: float, ms: float | None = None) -> Protocol:
    """`frames` [T, B, C, H, W], one every `frame_ms`, for `ms` in all (None: as long as the frames last).

    Frames may also come one by one, from a list or a generator of tensors [B, C, H, W]; each is copied as it comes. The
    frame clock need not be a multiple of dt, the duration in all must be.
    """
    check_positive(frame_ms, "frame_ms")
    if isinstance(frames, Iterable) and not isinstance(frames, Tensor | str | bytes | Mapping | np.ndarray):
        frames = stacked(frames)
    else:
        _check_frames(frames, 5, "frames", "[T, B, C, H, W]")
        assert isinstance(frames, Tensor)
        frames = own(frames)
    if len(frames) == 0:
        raise ValueError("frames is empty, shape [0, ...]; give at least one frame")
    duration = _duration(len(frames) * frame_ms if ms is None else ms, "movie")
    return Protocol((Movie(IMAGE, frames, float(frame_ms), duration),))


@check_arguments
def with_noise(protocol: Protocol, sigma: float, *, seed: int = 0, every_ms: float | None = None) -> Protocol:
    """`protocol` with Gaussian noise added to its images, redrawn every `every_ms` (None: every step).

    Blank segments stay blank; where images appear at times of their own (`show_at`), there is noise on all trials while
    any image is shown. Noise of standard deviation `sigma` is in units of the images as given. It is drawn where the
    images are, so that a seed gives other numbers on a GPU than on a processor, and in another precision.
    """
    if not (is_number(sigma) and 0 <= sigma < float("inf")):
        raise ValueError(f"sigma must be a finite number of at least 0, got {sigma!r}")
    check_count(seed, "seed", 0)
    segments = tuple(
        Noise(segment, IMAGE, float(sigma), _seed_of(seed, k), every_ms) if IMAGE in segment.values else segment
        for k, segment in enumerate(protocol.segments)
    )
    return dataclasses.replace(protocol, segments=segments)


def _listed(onset_ms: object) -> Sequence[float]:
    """Onsets of show_at() as numbers. Raises TypeError for anything but a sequence of them."""
    check_few(onset_ms, "onset_ms", MAX_FRAMES)
    values = onset_ms.tolist() if isinstance(onset_ms, Tensor | np.ndarray) else onset_ms
    if not isinstance(values, list | tuple):
        raise TypeError(f"onset_ms must be one time for each image, got {onset_ms!r:.80}")
    return values


def _check_trials(segments: Sequence[Segment]) -> None:
    sizes = {segment.batch for segment in segments if segment.batch is not None}
    if len(sizes) > 1:
        raise ValueError(f"segments show different numbers of trials, {sorted(sizes)}; give each the same batch")


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


def _shape(values: object) -> str:
    return f"shape {list(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
