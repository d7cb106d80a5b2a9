"""The challenge set as a model sees it: an image that stays, one that is brief, and one that a mask follows."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.data.people.images2025 import ChallengeImages
from cordsnet.experiments.needs import is_dynamical
from cordsnet.experiments.people.occlusion import of_mean_spectrum, phase_scrambled
from cordsnet.experiments.people.pictures import as_inputs
from cordsnet.experiments.people.readout import FLOOR, ReadOut, fit_readout, right_answers
from cordsnet.experiments.people.responses import respond
from cordsnet.models import VisionModel

Array = NDArray[np.float64]

VIEWS = {"held": "all people", "brief": "without mask", "masked": "with mask"}
"""Presentation of an image -> the people with whom answers are compared."""

GRAIN_MS = 50.0
"""All times of a trial are multiples of it."""

CHUNK = 120
"""Images that are simulated together."""


@dataclass(frozen=True)
class ChallengeTimes:
    """Times of a trial, ms.

    Attributes
    ----------
    image : how long an image is shown where grey or a mask follows.
    read : until when the response is averaged, from onset; images that are held, and masks, stay until then.
    before : grey before.
    """

    image: float = 100.0
    read: float = 500.0
    before: float = 100.0


@dataclass(eq=False)
class ChallengeViewer:
    """A model before the challenge set.

    Attributes
    ----------
    model : in evaluation mode; a static one sees images that are held alone.
    images : of all conditions.
    times : of a trial.
    folds : of the cross-validation by photograph.
    seed : of masks, of the division into folds and of private noise.
    notes : receives what is chosen and rounded.
    """

    model: VisionModel
    images: ChallengeImages
    times: ChallengeTimes
    folds: int = 5
    seed: int = 0
    notes: list[str] = field(default_factory=list)

    def see(self) -> dict[str, Array]:
        """Answers of each view: probability of being right about each photograph in each condition [N, 17].

        The read-out is fitted to the first condition, control, with images held; a photograph is read, in all
        conditions, by weights that were not fitted to it.
        """
        pixels = self.images.pixels / 255
        ground = float(np.median(pixels[0, :, [0, 0, -1, -1], [0, -1, 0, -1]]))
        self.grey = as_inputs(self.model, np.full((1, *self.model.input_shape[1:]), ground))
        masks = phase_scrambled(of_mean_spectrum(pixels[0]), seed=self.seed)
        self.mask = as_inputs(self.model, masks)
        shown = [as_inputs(self.model, one, self.notes if k == 0 else None) for k, one in enumerate(pixels)]
        held = [self._response(one, "held") for one in shown]
        category, number = self.images.category, self.images.number
        read = fit_readout(held[0], category, groups=number, folds=self.folds, seed=self.seed)
        found = {"held": self._answers(held, read)}
        if is_dynamical(self.model):
            for view in ("brief", "masked"):
                found[view] = self._answers([self._response(one, view) for one in shown], read)
        return found

    def _answers(self, responses: list[Array], read: ReadOut) -> Array:
        """Answers [N, 17] from mean responses [N, F] of each condition."""
        least, category = FLOOR * read.size, self.images.category
        each = [
            right_answers(read.scores(one), category, read.categories, np.linalg.norm(one, axis=1), least)
            for one in responses
        ]
        return np.stack(each, 1)

    def _response(self, images: Tensor, view: str) -> Array:
        """Mean response [N, F] to images [N, C, H, W]."""
        times, found = self.times, []
        if not is_dynamical(self.model):
            step = self.model.dt_ms
            one = respond(self.model, [(images, step)], self.grey, before_ms=step, every_ms=step, grain_ms=step)
            return one.mean(0, step)
        for start in range(0, len(images), CHUNK):
            some = images[start : start + CHUNK]
            after = {"brief": self.grey, "masked": self.mask[start : start + CHUNK], "held": some}[view]
            parts = [(some, times.image), (after, times.read - times.image)]
            response = respond(
                self.model, parts, self.grey, before_ms=times.before, every_ms=10.0, grain_ms=GRAIN_MS, seed=self.seed
            )
            self.notes += [note for note in response.notes if note not in self.notes]
            found.append(response.mean(0, times.read))
        return np.concatenate(found)
