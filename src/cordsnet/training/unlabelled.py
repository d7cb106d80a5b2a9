"""Losses without labels, on movies that are made from images or come as movies."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_count, check_positive
from cordsnet.models.interface import IMAGE
from cordsnet.training.comparison import checked, course
from cordsnet.training.loss import Batch, Bound, Loss, Terms, evolves
from cordsnet.training.motion import Motion
from cordsnet.training.probe import probe_report
from cordsnet.training.readings import chosen_area, decoder, projection, rates_at_ends

WIDEST = 100_000
"""Most units or channels of a layer on top of a model."""


@check_init
@dataclass(frozen=True)
class Contrastive(Loss):
    """Two clips of the same moving image are to be alike, and unlike the clips of all other images of the batch.

    The first and the second half of a movie are shown in trials of their own, each for the model's response time. The
    rates of an area at the end, averaged over space, pass two layers that belong to the loss; their cosines, divided by
    the temperature, are the scores by which a clip is to find its partner (NT-Xent, Chen et al. 2020, "A simple
    framework for contrastive learning of visual representations", ICML). A linear probe measures what was learned.

    Attributes
    ----------
    motion : makes movies of the images of a batch; None for data that are movies [F, B, C, H, W].
    temperature : by which cosines are divided.
    area : whose rates are compared; None is the top one.
    ms : duration of a clip; None is the model's `response_ms`. A model without time sees the last frame of a clip.
    width, size : units of the two layers.
    """

    kind = "contrastive"
    needs_time = False
    motion: Motion | None = field(default_factory=lambda: Motion(frames=4))
    temperature: float = 0.2
    area: str | None = None
    ms: float | None = None
    width: int = 64
    size: int = 32

    def __post_init__(self) -> None:
        check_positive(self.temperature, "temperature")
        for name in ("width", "size"):
            check_count(getattr(self, name), name, 1, most=WIDEST)

    @property
    def trains_outputs(self) -> bool:
        """False: class scores stay as they are."""
        return False

    def head(self, model: Any) -> nn.Module:
        """Two layers from pooled rates to an embedding."""
        return projection(model.shapes[chosen_area(model, self.area)], self.width, self.size)

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """The loss of a batch of at least two images; `found_partner` is the proportion of clips that find theirs."""
        movie = as_movie(batch.inputs[IMAGE], self.motion, 2)
        half = len(movie) // 2
        clips = torch.cat([movie[:half], movie[-half:]], 1)
        ms = bound.model.response_ms if self.ms is None else self.ms
        rates = rates_at_ends(bound, {IMAGE: clips}, ms, chosen_area(bound.model, self.area), "channels")
        assert bound.head is not None
        first, second = bound.head(rates[-1]).chunk(2)
        loss, found = nt_xent(first, second, self.temperature)
        return Terms(loss, {}, {"found_partner": found})

    def report(self, model: Any, source: object) -> dict[str, float]:
        """Accuracy of a linear probe."""
        return probe_report(model, source, self.area)


@check_arguments
def nt_xent(first: Tensor, second: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Normalised temperature-scaled cross-entropy of two views [B, D] of the same B images (Chen et al. 2020, eq. 1).

    Returns the mean over all 2 B views, and the proportion of views whose partner is the most similar one.
    Raises ValueError for fewer than two images, which have nobody to differ from.
    """
    count = len(first)
    if count < 2 or first.shape != second.shape:
        raise ValueError(
            f"a contrastive loss needs two views of at least 2 images, got shapes {list(first.shape)} and "
            f"{list(second.shape)}"
        )
    views = functional.normalize(torch.cat([first, second]), dim=1)
    scores = (views @ views.T) / temperature
    itself = torch.eye(2 * count, dtype=torch.bool, device=views.device)
    scores = scores.masked_fill(itself, -torch.inf)
    partner = torch.arange(2 * count, device=views.device).roll(count)
    return functional.cross_entropy(scores, partner), (scores.detach().argmax(1) == partner).float().mean()


@check_init
@dataclass(frozen=True)
class NextFrame(Loss):
    """The squared error of a prediction of the next frame of a movie; the movie is its own target.

    A model without the output that is named gets a decoder that belongs to the loss: two convolutions, from the rates
    of an area to the image. A linear probe measures what was learned where images have classes.

    Attributes
    ----------
    frame_ms : duration of a frame; None divides the model's response time among the frames, one step each at least.
    output : output that predicts, read at the end of each frame.
    skip : frames at the beginning whose predictions do not count.
    motion : makes movies of the images of a batch; None for data that are movies [F, B, C, H, W].
    area : whose rates are decoded where the model has no such output; None is the top one.
    width : channels of the decoder.
    """

    kind = "next_frame"
    frame_ms: float | None = 50.0
    output: str = "next_frame"
    skip: int = 1
    motion: Motion | None = None
    area: str | None = None
    width: int = 32

    def __post_init__(self) -> None:
        check_count(self.width, "width", 1, most=WIDEST)

    @property
    def trains_outputs(self) -> bool:
        """True for data that are movies; class scores of images stay as they are."""
        return self.motion is None

    def head(self, model: Any) -> nn.Module | None:
        """A decoder, for a model without an output that predicts."""
        if self.output in model.outputs:
            return None
        return decoder(model.shapes[chosen_area(model, self.area)], model.input_shape, self.width)

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Mean squared error over frames, trials and pixels; `copying` is that of the present frame as prediction."""
        frames = as_movie(batch.inputs[IMAGE], self.motion, self.skip + 2)
        inputs = {**batch.inputs, IMAGE: frames}
        if bound.head is None:
            predicted = self._output(bound, inputs)
        else:
            rates = rates_at_ends(bound, inputs, self._ms(bound, len(frames)), chosen_area(bound.model, self.area))
            predicted = bound.head(rates.flatten(0, 1)).unflatten(0, rates.shape[:2])
        seen, wanted = frames[self.skip : -1], frames[self.skip + 1 :]
        wrong = (predicted[self.skip : -1] - wanted).square().mean()
        return Terms(wrong, {}, {"copying": (seen - wanted).square().mean()})

    def _ms(self, bound: Bound, count: int) -> float:
        """Duration of the movie."""
        if self.frame_ms is not None:
            return self.frame_ms * count
        model = bound.model
        steps = max(1, int(model.response_ms / count / model.dt_ms + 1e-9)) if evolves(model) else 1
        return float(steps * count * model.dt_ms)

    def _output(self, bound: Bound, inputs: dict[str, Tensor]) -> Tensor:
        """Return what the model predicts at the end of each frame."""
        frames = inputs[IMAGE]
        shown = course(bound, inputs, self._ms(bound, len(frames)))
        checked({self.output: frames}, shown.outputs)
        ends = torch.tensor(shown.steps, device=frames.device).cumsum(0) - 1
        return shown.outputs[self.output][ends]

    def report(self, model: Any, source: object) -> dict[str, float]:
        """Accuracy of a linear probe, for movies that were made from images."""
        return {} if self.motion is None else probe_report(model, source, self.area)


def as_movie(images: Tensor, motion: Motion | None, least: int) -> Tensor:
    """A movie [F, B, C, H, W] of at least some frames; made of images [B, C, H, W] where a motion is given.

    Raises ValueError for anything else.
    """
    if motion is not None and images.ndim == 4:
        images = motion(images)
    if images.ndim != 5 or len(images) < least:
        raise ValueError(
            f"image must be a movie [F, B, C, H, W] of more than {least - 1} frames, got shape {list(images.shape)}; "
            "motion makes movies of images"
        )
    return images
