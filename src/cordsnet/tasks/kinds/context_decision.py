"""Context-dependent decision: of two features of moving dots, the context says which one to report."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet.tasks.choice import FIXATE
from cordsnet.tasks.dot_task import DotTask
from cordsnet.tasks.dots import draw_dots, marked_dots
from cordsnet.tasks.drawing import blank, disc, fixation, stamp
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.trials import Plan

FEATURES = ("motion", "luminance")
"""Features that a context can ask for; the number of a context is a place in this list."""

CORNER, RADIUS = 0.82, 0.15
"""Place and size of the context cue in movies, in half-widths of the field: outside the round aperture of the dots."""

GREY, CONTRAST = 0.5, 0.5
"""Background of the movies, and how much brighter or darker dots are."""


@check_init
@dataclass(frozen=True)
class ContextDecision(DotTask):
    """Context-dependent decision (Mante et al. 2013).

    Dots move to the right or left, and most are bright or dark; the two features are independent. In one context the
    motion counts, "right" or "left"; in the other the luminance does, and bright is answered "right", dark "left". The
    colour of the paper is replaced by luminance, since movies are grey. The context is shown from the start to the go
    cue, at which the fixation point goes off.

    The stimulus lasts 750 ms in the paper, which are no whole number of frames of 20 ms; here it lasts 760 ms. For 750
    ms give `frame_ms=10` and `timing={"stimulus": 750}`. In Valente et al. (2022), 100 ms of fixation come before the
    context, which precedes the stimulus by 350 ms; the nearest is `frame_ms=10`, `grace_ms=0` and
    `timing={"fixation": 450, "stimulus": 800, "delay": 100, "decision": 20}`.

    Attributes
    ----------
    coherences : proportions, drawn for each feature: of dots that move together, and by which bright dots outnumber
        dark ones or the other way round.
    speed_deg_s : speed of the dots, degrees of visual angle per second.
    field_deg : width of the field, degrees.
    density : dots per square degree and second.
    algorithm : how dots move, "movshon", "limited_lifetime" or "random_walk".
    """

    kind: ClassVar[str] = "context_decision"
    source: ClassVar[str] = "Mante et al., Nature 2013; timing of neurogym's ContextDecisionMaking"
    about: ClassVar[str] = "Context-dependent decision: report the motion of dots or their luminance, as the cue says."
    periods: ClassVar = {
        "fixation": 300.0,
        "stimulus": 760.0,
        "delay": ("exponential", 600.0, 300.0, 3000.0),
        "decision": 100.0,
    }
    channels: ClassVar = (
        FIXATE,
        *(f"context: {feature}" for feature in FEATURES),
        "motion: right",
        "motion: left",
        "luminance: bright",
        "luminance: dark",
    )

    coherences: tuple[float, ...] = (0.05, 0.15, 0.5)

    @property
    def options(self) -> tuple[str, ...]:
        """Right (or bright), and left (or dark)."""
        return ("right", "left")

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Context; side and signed coherence of each feature; coherence of the one that counts; delay in ms.

        Signed coherences are positive for right and bright. "congruent" is 1 where both features have the same answer.
        """
        context = draws.integers("context", len(FEATURES))
        sides = torch.stack([draws.integers(f"side of {feature}", 2) for feature in FEATURES])
        strength = torch.stack([draws.choice(f"coherence of {feature}", self.coherences) for feature in FEATURES])
        signed = strength * (1 - 2 * sides)
        return {
            "context": context,
            **{f"{feature}_side": side for feature, side in zip(FEATURES, sides, strict=True)},
            **dict(zip(FEATURES, signed, strict=True)),
            "coherence": strength.gather(0, context[None])[0],
            "congruent": (sides[0] == sides[1]).long(),
            "delay_ms": self.duration_ms(draws, "delay"),
        }

    def right(self, plan: Plan) -> Tensor:
        """The side of the feature that counts."""
        sides = torch.stack([plan.conditions[f"{feature}_side"] for feature in FEATURES])
        return sides.gather(0, plan.conditions["context"][None])[0]

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue, the context cue, and for either side of each feature 1/2 +- its signed coherence / 2."""
        cues = [plan.conditions["context"] == k for k in range(len(FEATURES))]
        sides = [sign * plan.conditions[feature] for feature in FEATURES for sign in (1, -1)]
        evidence = plan.during("stimulus")[..., None] * (0.5 + 0.5 * torch.stack(sides, -1))
        waiting = self.waiting(plan)[..., None].double()
        return torch.cat([waiting, waiting * torch.stack(cues, -1), evidence], -1)

    def image(self, plan: Plan) -> Tensor:
        """Mid-grey with fixation point, dots, and a disc at the upper left (motion) or the lower right (luminance)."""
        motion, luminance = (plan.conditions[feature] for feature in FEATURES)
        heading = plan.conditions["motion_side"].double() * math.pi
        places, marks = marked_dots(plan, motion.abs(), heading, self.dots, self.way, self.algorithm)
        bright = marks < (0.5 + 0.5 * luminance)[:, None, None]
        contrast = torch.where(bright, CONTRAST, -CONTRAST)
        movie = draw_dots(blank(plan, self.image_size, GREY), places, plan.during("stimulus"), contrast)
        place = torch.where(plan.conditions["context"] == 0, -CORNER, CORNER).double()
        stamp(movie, disc(place, -place, RADIUS, self.image_size), self.waiting(plan))
        return fixation(movie, self.waiting(plan))
