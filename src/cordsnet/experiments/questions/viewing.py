"""Presentation of images that change from frame to frame; the model is read at the end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from cordsnet.data import Split
from cordsnet.dynamics import Hold, RateSystem, Record, System, integrate, start
from cordsnet.dynamics.noise import mix
from cordsnet.experiments.needs import IMAGE, SCORES
from cordsnet.experiments.questions.worse_images import TOGETHER, image_seeds
from cordsnet.models import VisionModel

Shown: TypeAlias = Callable[[Tensor, Tensor], Iterator[Hold]]
"""Images [B, C, H, W] and a seed for each [B] -> what the model is shown."""


@dataclass(frozen=True)
class Viewing:
    """A model that looks at images for some time.

    Attributes
    ----------
    system : the model bound to its step.
    steps : number of steps for which an image is shown.
    frame : steps for which a frame stays.
    notes : durations that were rounded to the steps of the model.
    """

    system: System[Any]
    steps: int
    frame: int
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """Number of frames; the last may be cut short."""
        return -(-self.steps // self.frame)

    def held(self, images: Tensor) -> Iterator[Hold]:
        """Images that stay."""
        yield Hold(self.steps, {IMAGE: images})

    def redrawn(self, images: Callable[[int], Tensor]) -> Iterator[Hold]:
        """Images that change with the number of the frame."""
        for frame in range(self.frames):
            yield Hold(min(self.frame, self.steps - frame * self.frame), {IMAGE: images(frame)})

    def scores(self, shown: Iterator[Hold], seeds: Tensor) -> Tensor:
        """Scores [B, K] at the end, from the model's own start; private noise follows the seed of each image [B]."""
        state = start(self.system, None, len(seeds))
        if self.system.has_noise:
            state = replace(state, seeds=mix(seeds))
        end = Record(times_ms=(self.system.clock.time_ms(self.steps),), outputs=(SCORES,))
        return integrate(self.system, shown, state, end, self.steps).outputs[SCORES][-1]

    def hits(self, split: Split, shown: Shown, seed: int = 0, together: int = TOGETHER) -> Tensor:
        """1 where an image of the split is read correctly at the end, else 0 [B]."""
        return (self.answers(split, shown, seed, together) == split.labels.cpu()).double()

    @torch.no_grad()
    def answers(self, split: Split, shown: Shown, seed: int = 0, together: int = TOGETHER) -> Tensor:
        """Number of the class with the highest score at the end for each image of the split [B]."""
        seeds = torch.split(image_seeds(split, seed), together)
        found = [
            self.scores(shown(images, some), some).argmax(1).cpu()
            for (images, _), some in zip(split.batches(together), seeds, strict=True)
        ]
        return torch.cat(found)


def look(model: VisionModel, split: Split, image_ms: float | None = None, frame_ms: float | None = None) -> Viewing:
    """Bind a model to a time of looking.

    Parameters
    ----------
    model : in evaluation mode.
    split : images that will be shown, at least one, which are checked.
    image_ms : how long they are shown; None is the model's own time, after which it is read.
    frame_ms : how long a frame stays; None is one step of the model.

    Raises
    ------
    ValueError : durations of less than a step, or that a clock in continuous time cannot represent.
    """
    with torch.no_grad():
        system = model.system()
    notes: list[str] = []
    model.check_inputs({IMAGE: next(iter(split.batches(TOGETHER)))[0]})
    steps = system.clock.steps(model.response_ms if image_ms is None else image_ms, "image_ms", notes)
    frame = 1 if frame_ms is None else system.clock.steps(frame_ms, "frame_ms", notes)
    if min(steps, frame) < 1:
        raise ValueError(f"image_ms and frame_ms must be at least one step of {system.dt:g} ms")
    return Viewing(system, steps, frame, tuple(notes))


def time_constant(model: VisionModel) -> tuple[float | None, str]:
    """The one time constant of a model in ms, or None and why there is none.

    Asked for by the rate equation where the model has one, and otherwise by `spec.tau_ms`; only a model in continuous
    time has any.
    """
    if model.clock.kind != "continuous":
        return None, "it has no time constant"
    system = model.system()
    if isinstance(system, RateSystem):
        found = [torch.as_tensor(tau, dtype=torch.float64).cpu() for tau in system.equation.circuit.tau_ms.values()]
        values = torch.cat([tau.flatten() for tau in found]).sort().values
        if values[0] < values[-1]:
            return None, f"its time constants differ, from {float(values[0]):g} to {float(values[-1]):g} ms"
        return float(values[0]), ""
    tau = getattr(model.spec, "tau_ms", None)
    return (float(tau), "") if isinstance(tau, int | float) else (None, "its time constant is not known")
