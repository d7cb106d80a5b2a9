"""Multisensory integration: two patches of dots bear on one decision, either alone or both."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_count, check_positive
from cordsnet.tasks.choice import ChoiceTask
from cordsnet.tasks.dots import (
    MOST_DOTS,
    Algorithm,
    check_algorithm,
    check_coherences,
    check_way,
    draw_dots,
    moving_dots,
)
from cordsnet.tasks.drawing import blank, fixation
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.trials import Plan

PATCHES = ("left", "right")
"""The sources; each is a patch of dots in its half of the field."""


@check_init
@dataclass(frozen=True)
class Multisensory(ChoiceTask):
    """Multisensory integration, with two patches of dots in place of two senses.

    Dots move up or down, in the left patch, in the right one or in both; where both are shown, they agree. So a subject
    that adds the evidence of both does better than with either. The coherence of a trial is one number from a scale of
    `coherences`, the same for every patch that is shown.

    Attributes
    ----------
    coherences : strengths of the evidence. In vectors a source adds sign x coherence, and noise of `noise`; in movies
        it is the share of dots that move together, 1 at most.
    speed : way of a dot in a second, in widths of its patch.
    dots : dots of a patch in a frame.
    algorithm : how dots move, "movshon", "limited_lifetime" or "random_walk".
    """

    kind: ClassVar[str] = "multisensory"
    source: ClassVar[str] = "Raposo et al., Nat. Neurosci. 2014; timing and coherences of Valente et al., NeurIPS 2022"
    about: ClassVar[str] = "Multisensory integration: report the direction that one or two patches of dots agree on."
    periods: ClassVar = {"fixation": 100.0, "stimulus": 800.0, "delay": 100.0, "decision": 500.0}
    channels: ClassVar = ("fixation", *(f"patch: {patch}" for patch in PATCHES), *(f"shown: {p}" for p in PATCHES))

    noise: float = 0.5
    coherences: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8)
    speed: float = 1.0
    dots: int = 8
    algorithm: Algorithm = "movshon"

    def check(self) -> None:
        """Raise ValueError for coherences, dots or an algorithm that cannot be."""
        super().check()
        object.__setattr__(self, "coherences", check_coherences(self.coherences))
        check_positive(self.speed, "speed")
        check_way(self.speed * self.frame_ms / 1000, "speed")
        check_count(self.dots, "dots", 1, most=MOST_DOTS)
        check_algorithm(self.algorithm)

    @property
    def options(self) -> tuple[str, ...]:
        """Up and down."""
        return ("up", "down")

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Number of the direction, coherence, and the source: 0 for the left patch, 1 for the right one, 2 for both."""
        return {
            "direction": draws.integers("direction", 2),
            "coherence": draws.choice("coherence", self.coherences),
            "source": draws.integers("source", 1 + len(PATCHES)),
        }

    def right(self, plan: Plan) -> Tensor:
        """The direction of motion."""
        return plan.conditions["direction"]

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue, signed evidence of each source (positive for up), and whether each is shown."""
        signed = plan.conditions["coherence"] * (1 - 2 * plan.conditions["direction"])
        present = torch.stack([self._present(plan, k).double() for k in range(len(PATCHES))], -1)
        shown = plan.during("stimulus")[..., None]
        waiting = self._waiting(plan)[..., None].double()
        return torch.cat([waiting, shown * present * signed[:, None], shown * present], -1)

    def image(self, plan: Plan) -> Tensor:
        """The fixation point, and a round patch of dots in the left half, the right half or both."""
        half = self.image_size // 2
        movie = blank(plan, self.image_size)
        top = (self.image_size - half) // 2
        heading = math.pi / 2 * (1 - 2 * plan.conditions["direction"]).double()
        way = self.speed * self.frame_ms / 1000
        places = moving_dots(plan, plan.conditions["coherence"], heading, 2 * self.dots, way, self.algorithm)
        for k, left in enumerate((0, self.image_size - half)):
            shown = plan.during("stimulus") & self._present(plan, k)
            own = places[:, :, k * self.dots : (k + 1) * self.dots]
            draw_dots(movie, own, shown, box=(top, left, half))
        return fixation(movie, self._waiting(plan))

    def _present(self, plan: Plan, patch: int) -> Tensor:
        """True where a patch is shown in the trial [B]."""
        return (plan.conditions["source"] == patch) | (plan.conditions["source"] == len(PATCHES))

    def _waiting(self, plan: Plan) -> Tensor:
        """True until the go cue [F, B]."""
        return plan.index < plan.edges[self.decision][:, 0]
