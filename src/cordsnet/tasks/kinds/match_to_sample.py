"""Delayed match to sample: is the test the same as the sample that was shown before the delay?"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet._checks import check_count
from cordsnet.tasks import ring
from cordsnet.tasks.choice import FIXATE
from cordsnet.tasks.drawing import bar, blank, fixation, stamp
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.match import MatchTask
from cordsnet.tasks.pictures import SPLITS, Pictures, load_pictures
from cordsnet.tasks.task import Task
from cordsnet.tasks.trials import Plan

ANGLES = "angles"
"""Stimuli that are oriented bars."""

LENGTH, WIDTH = 0.7, 0.12
"""Half the length and half the width of a bar in movies, in half-widths of the field."""


@check_init
@dataclass(frozen=True)
class MatchToSample(MatchTask):
    """Delayed match to sample.

    The timing is that of neurogym. For the delays of Yang et al. (2019), which are drawn, give
    `timing={"delay": [200, 400, 800, 1600]}`; they are kept in the condition "delay_ms".

    Stimuli that are only for tests tell whether a network compares what it sees or has learnt its stimuli by heart:
    trials of `images="train"` and of `images="test"` share no picture, and no identity that is held out. A network is
    trained on the former and measured on the latter (`for_tests`).

    Attributes
    ----------
    stimuli : "angles", bars of different orientations; or a data set, such as "digits", or the path of a folder: then
        the identities are its classes. Movies show pictures as large as the field, for a match another picture of the
        class; vectors are one-hot classes.
    angles : number of orientations, evenly spaced over 180 degrees from the right.
    images : "train" or "test", the split of which pictures are shown. With identities held out, "train" shows the
        others and "test" shows them alone.
    held_out : number of identities that only tests show, evenly spaced among all; 0, or at least 2.
    """

    kind: ClassVar[str] = "match_to_sample"
    source: ClassVar[str] = (
        "Miller, Erickson & Desimone, J. Neurosci. 1996; timing of neurogym's DelayedMatchSample; delays of "
        "Yang et al., Nature Neuroscience 2019"
    )
    about: ClassVar[str] = "Delayed match to sample: say if the test is the same as the sample."
    periods: ClassVar = {"fixation": 300.0, "sample": 500.0, "delay": 1000.0, "test": 500.0, "decision": 900.0}

    stimuli: str = ANGLES
    angles: int = 8
    images: Literal["train", "test"] = "train"
    held_out: int = 0

    def check(self) -> None:
        """Raise ValueError for stimuli that there are not, or too few of them."""
        super().check()
        check_count(self.angles, "angles", 2, most=180)
        check_count(self.held_out, "held_out", 0)
        if self.images not in SPLITS:
            raise ValueError(f"images must be 'train' or 'test', got {self.images!r}")
        if self.held_out == 1 or (self.held_out and self.held_out > len(self.identities) - 2):
            raise ValueError(
                f"held_out must be 0, or leave two identities of {len(self.identities)} on either side, "
                f"got {self.held_out}"
            )
        if self._pictures is not None:
            self._pictures.check(self._shown())

    @property
    def _pictures(self) -> Pictures | None:
        return None if self.stimuli == ANGLES else load_pictures(self.stimuli, self.image_size, self.images)

    @property
    def identities(self) -> tuple[str, ...]:
        """Names of what can be the same or not: orientations, or classes."""
        if self._pictures is not None:
            return self._pictures.classes
        return tuple(f"{180 * k / self.angles:g} degrees" for k in range(self.angles))

    @property
    def held_out_identities(self) -> tuple[str, ...]:
        """Names of the identities that only tests show."""
        return tuple(self.identities[k] for k in self._held_out())

    @property
    def vector_channels(self) -> tuple[str, ...]:
        """The fixation cue, and a ring of orientations or the classes."""
        if self._pictures is not None:
            return (FIXATE, *self.identities)
        return (FIXATE, *(f"{180 * k / ring.UNITS:g} degrees" for k in range(ring.UNITS)))

    def for_tests(self) -> Task:
        """The task with the images and identities that are for tests."""
        return self.changed(images="test")

    def pair(self, draws: Draws, match: Tensor) -> dict[str, Tensor]:
        """Numbers of the identities of sample and test; how far orientations differ, or the numbers of the pictures."""
        shown = self._shown().to(match.device)
        first = draws.integers("sample", len(shown))
        other = torch.remainder(first + 1 + draws.integers("test", len(shown) - 1), len(shown))
        sample, test = shown[first], shown[torch.where(match, first, other)]
        found = {"sample": sample, "test": test}
        if (pictures := self._pictures) is None:
            turn = torch.remainder(test - sample, self.angles)
            return found | {"difference_deg": torch.minimum(turn, self.angles - turn).double() * (180 / self.angles)}
        number = pictures.numbers(sample, draws.uniform("picture of the sample"))
        share = draws.uniform("picture of the test")
        another = pictures.numbers(sample, share, number)
        return found | {
            "sample_image": number,
            "test_image": torch.where(match, another, pictures.numbers(test, share)),
        }

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue, and a bump on a ring at twice the orientation, or a one-hot class."""
        return self.in_turn(plan, *(self._code(plan.conditions[name]) for name in ("sample", "test")))

    def image(self, plan: Plan) -> Tensor:
        """The fixation point, and a bar or a picture."""
        movie = blank(plan, self.image_size)
        for name in ("sample", "test"):
            if (pictures := self._pictures) is not None:
                shape = pictures.show(plan.conditions[f"{name}_image"])
            else:
                shape = bar(self._angle(plan.conditions[name]), LENGTH, WIDTH, self.image_size)
            stamp(movie, shape, plan.during(name))
        return fixation(movie, self.waiting(plan))

    def _code(self, identity: Tensor) -> Tensor:
        if self._pictures is not None:
            return functional.one_hot(identity, len(self.identities)).double()
        return ring.bump(2 * self._angle(identity))

    def _angle(self, identity: Tensor) -> Tensor:
        return identity.double() * (math.pi / self.angles)

    def _held_out(self) -> list[int]:
        return [k * len(self.identities) // self.held_out for k in range(self.held_out)]

    def _shown(self) -> Tensor:
        """Numbers of the identities of these trials."""
        held_out: Any = self._held_out()
        if held_out and self.images == "test":
            return torch.tensor(held_out)
        return torch.tensor([k for k in range(len(self.identities)) if k not in held_out])
