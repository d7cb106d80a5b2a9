"""Sources of movies for training, and how networks are read while they watch one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cordsnet.data import DATASETS, BatchShare, Split, VisionData, load_data
from cordsnet.dynamics import Hold, Record, integrate
from cordsnet.errors import RunError
from cordsnet.experiments.needs import IMAGE, SCORES, is_dynamical
from cordsnet.experiments.questions.movies import (
    DIRECTIONS,
    FRAMES,
    SHIFT_PX,
    Clips,
    drifting,
    moving_dots,
    one_frame,
    shuffled,
)
from cordsnet.models import ImageSpec, ModelSpec
from cordsnet.training import Batch
from cordsnet.training.order import UpdateOrder

FRAME_MS = 20.0
"""Duration of a frame, rounded to whole steps of a model, at least one."""

TEST_SEED = 2**20
"""Of the test movies, which are the same for all networks."""

CLASSES = 10
READ = 90
"""Movies per pass."""

REPEATS = 3
"""Test movies of each digit."""

Content = Literal["digits", "dots"]
Order = Literal["in order", "shuffled", "one frame"]


def frame_steps(model: Any) -> int:
    """Steps for which a model sees a frame."""
    return max(1, round(FRAME_MS / float(model.dt_ms)))


def trial_ms(model: Any) -> float | None:
    """Duration of a movie on the clock of a model; None for one that answers at once."""
    return FRAMES * frame_steps(model) * float(model.dt_ms) if is_dynamical(model) else None


@torch.no_grad()
def log_probabilities(model: Any, frames: Tensor) -> Tensor:
    """Log-probabilities [B, K] of the scores with which a model answers movies [F, B, C, H, W].

    A network that evolves in time is read when the last frame ends. One that answers at once sees each frame alone, and
    its probabilities are averaged over the frames, which knows nothing of their order.
    """
    return torch.cat([_one_pass(model.eval(), part) for part in torch.split(frames.to(model.like), READ, 1)])


def _one_pass(model: Any, frames: Tensor) -> Tensor:
    if not is_dynamical(model):
        return torch.stack([model(frame).softmax(-1) for frame in frames]).mean(0).log()
    system, steps = model.system(), frame_steps(model)
    holds = [Hold(steps, {IMAGE: frame}) for frame in frames]
    total = steps * len(holds)
    at_end = Record(times_ms=(system.clock.time_ms(total),))
    found = integrate(system, holds, system.begin(frames.shape[1]), at_end, total).logits
    assert found is not None
    return found[-1].log_softmax(-1)


@dataclass(frozen=True)
class MovieSource:
    """Movies of digits to train on.

    The score of a drifting digit is that of a class with a direction, one for each pair; the score of moving dots is
    that of a class. Training draws new movies for every update; test movies are drawn once.

    Attributes
    ----------
    content : "digits" that drift, or "dots" that move within their shape.
    order : of the frames: "in order", "shuffled", or "one frame" of each movie, alone.
    size : height and width of the field, px.
    """

    content: Content
    order: Order
    size: int

    def __post_init__(self) -> None:
        if self.size < 8 or self.size % 4:
            raise ValueError(f"image_size must be a multiple of 4 px and at least 8 px, got {self.size}")

    @property
    def name(self) -> str:
        """Name of the source in `DATASETS`."""
        return name_of(self.content, self.order)

    @property
    def digits(self) -> VisionData:
        """Still digits: three quarters of the field where they drift over it; a pixel for each dot that fills them."""
        return _still(self.size // SHIFT_PX if self.content == "dots" else self.size * 3 // 4)

    def sizes(self) -> Mapping[str, Any]:
        """Fields of a spec that follow from the movies."""
        scores = CLASSES * (len(DIRECTIONS) if self.content == "digits" else 1)
        return {"in_channels": 1, "image_size": (self.size, self.size), "num_classes": scores}

    def check(self, spec: ModelSpec) -> None:
        """Raise RunError unless a model can read the frames and has a score for each answer."""
        wanted = self.sizes()
        if not isinstance(spec, ImageSpec):
            raise RunError(f"a {type(spec).__name__} reads no images, and {self.name!r} has movies; choose other data")
        for field in ("in_channels", "num_classes"):
            if getattr(spec, field) != wanted[field]:
                raise RunError(f"{field} must be {wanted[field]} for {self.name!r}, got {getattr(spec, field)}")

    def loader(self, batch: int, updates: int, seed: int, share: BatchShare) -> DataLoader[Any]:
        """Still digits of training, which become movies on the device."""
        train = self._train
        loader: DataLoader[Any] = train.loader(UpdateOrder(len(train), batch, updates, seed, share))
        return loader

    def feed(self, augmentation: str) -> "MovieSource":
        """Itself; movies are not augmented. Raises RunError for an augmentation."""
        if augmentation != "none":
            raise RunError(f"movies of {self.name!r} are not augmented; leave augmentation {augmentation!r} out")
        return self

    def received(self, raw: Any) -> Any:
        """Still digits and their classes."""
        return raw[:2]

    def batch(self, moved: Any) -> Batch:
        """Movies [F, B, 1, H, W], or a frame [B, 1, H, W] of each, and the answers [B]."""
        clips = self.drawn(*moved)
        shown = one_frame(clips) if self.order == "one frame" else clips.frames
        return Batch({IMAGE: self.normalised(shown)}, {SCORES: self.answers(clips)})

    def drawn(self, digits: Tensor, classes: Tensor, generator: torch.Generator | None = None) -> Clips:
        """Movies of still digits."""
        if self.content == "dots":
            clips = moving_dots(digits, classes, generator)
        else:
            clips = drifting(digits, classes, self.size, generator)
        return shuffled(clips, generator) if self.order == "shuffled" else clips

    def tested(self, count: int) -> Clips:
        """Movies of `count` test digits, all of them `REPEATS` times over; the same at every call."""
        test = self.digits.test.take(count)
        assert isinstance(test.pixels, Tensor)
        pixels, labels = test.pixels.repeat(REPEATS, 1, 1, 1), test.labels.repeat(REPEATS)
        return self.drawn(pixels, labels, torch.Generator().manual_seed(TEST_SEED))

    def normalised(self, frames: Tensor) -> Tensor:
        """Frames with the mean 0 and the standard deviation 1 over all movies."""
        if self.content == "dots":
            return 2 * frames - 1
        known = self._train.pixels
        assert isinstance(known, Tensor)
        covered = known[0, 0].numel() / self.size**2
        mean, square = covered * float(known.mean()), covered * float(known.square().mean())
        return (frames - mean) / math.sqrt(square - mean**2)

    @property
    def _train(self) -> Split:
        train = self.digits.train
        assert isinstance(train, Split)
        return train

    def answers(self, clips: Clips) -> Tensor:
        """Numbers [B] of the right scores."""
        return clips.classes * len(DIRECTIONS) + clips.directions if self.content == "digits" else clips.classes

    def probe(self, count: int, model: torch.nn.Module) -> Tensor:
        """First frames of test movies."""
        return self.normalised(self.tested(count).frames[0, :count]).to(next(model.parameters()))

    def measure(self, model: Any) -> dict[str, float]:
        """Share of test movies of which all is read correctly."""
        clips = self.tested(len(self.digits.test))
        found = log_probabilities(model, self.normalised(clips.frames)).argmax(-1).cpu()
        return {"answer_accuracy": float((found == self.answers(clips)).float().mean())}

    def describe(self) -> dict[str, Any]:
        """Content, order, size and motion of the movies."""
        return {
            "name": self.name,
            "content": self.content,
            "order": self.order,
            "size": self.size,
            "frames": FRAMES,
            "shift_px": SHIFT_PX,
            "frame_ms": FRAME_MS,
            "digits": self.digits.identity,
        }


@lru_cache(maxsize=8)
def _still(size: int) -> VisionData:
    return load_data("digits", size)


def name_of(content: Content, order: Order) -> str:
    """Name of a source, such as "moving_digits_in_order"."""
    return f"moving_{content}_{order.replace(' ', '_')}"


def _enter(content: Content, order: Order) -> None:
    DATASETS.add(name_of(content, order), lambda size: MovieSource(content, order, size))


for _order in ("in order", "shuffled", "one frame"):
    for _content in ("digits", "dots"):
        _enter(_content, _order)
