"""Random-dot motion: in which direction do most dots move?"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import is_number
from cordsnet.tasks.choice import FIXATE
from cordsnet.tasks.dot_task import DotTask
from cordsnet.tasks.dots import draw_dots, moving_dots
from cordsnet.tasks.drawing import blank, fixation
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.trials import Plan


@check_init
@dataclass(frozen=True)
class RandomDots(DotTask):
    """Random-dot motion.

    Attributes
    ----------
    coherences : proportions of dots that move together, each as likely as the others; 0 has a drawn answer, so that
        nobody can do better than chance.
    directions : directions of motion in degrees, anticlockwise from the right; each is an answer.
    reaction_time : True if answers may be given as soon as the dots move, which stay until the trial ends; the
        decision period then begins with the stimulus and follows it to its end.
    speed_deg_s : speed of the dots, degrees of visual angle per second.
    field_deg : width of the field, degrees.
    density : dots per square degree and second.
    algorithm : how dots move, "movshon", "limited_lifetime" or "random_walk".
    """

    kind: ClassVar[str] = "random_dots"
    source: ClassVar[str] = "Britten et al., J. Neurosci. 1992; timing of neurogym's PerceptualDecisionMaking"
    about: ClassVar[str] = "Random-dot motion: choose the direction in which most dots move."
    periods: ClassVar = {"fixation": 100.0, "stimulus": 2000.0, "decision": 100.0}

    directions: tuple[float, ...] = (0.0, 180.0)
    reaction_time: bool = False

    def check(self) -> None:
        """Raise ValueError for directions, coherences or dots that cannot be."""
        super().check()
        object.__setattr__(self, "directions", tuple(self.directions))
        turned = [float(d) % 360 if is_number(d) and math.isfinite(d) else None for d in self.directions]
        if len(turned) < 2 or None in turned or len(set(turned)) < len(turned):
            raise ValueError(f"directions must be at least two different angles in degrees, got {self.directions!r}")

    @property
    def options(self) -> tuple[str, ...]:
        """The directions."""
        return tuple(f"{direction:g} degrees" for direction in self.directions)

    @property
    def vector_channels(self) -> tuple[str, ...]:
        """The fixation cue, and the evidence for each direction."""
        return (FIXATE, *self.options)

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Coherence, and direction in degrees."""
        return {
            "coherence": draws.choice("coherence", self.coherences),
            "direction_deg": draws.choice("direction", self.directions),
        }

    def edges(self, draws: Draws) -> dict[str, Tensor]:
        """Periods in order; with `reaction_time` the decision begins with the stimulus."""
        found = super().edges(draws)
        if self.reaction_time:
            found["decision"] = torch.stack([found["stimulus"][:, 0], found["decision"][:, 1]], 1)
            found["stimulus"] = found["decision"]
        return found

    def right(self, plan: Plan) -> Tensor:
        """Number of the direction of motion."""
        degrees = plan.conditions["direction_deg"]
        return (degrees[:, None] == self._degrees(degrees)).long().argmax(1)

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue; for each direction 1/2 + coherence / 2 x the cosine of its angle to the motion."""
        own = torch.deg2rad(self._degrees(plan.conditions["direction_deg"]))
        tuning = torch.cos(self._angle(plan)[:, None] - own)
        evidence = 0.5 + 0.5 * plan.conditions["coherence"][:, None] * tuning
        cue = self.waiting(plan)[..., None].double()
        return torch.cat([cue, plan.during("stimulus")[..., None] * evidence], -1)

    def image(self, plan: Plan) -> Tensor:
        """The fixation point and the dots."""
        places = moving_dots(plan, plan.conditions["coherence"], self._angle(plan), self.dots, self.way, self.algorithm)
        movie = draw_dots(blank(plan, self.image_size), places, plan.during("stimulus"))
        return fixation(movie, self.waiting(plan))

    def _degrees(self, like: Tensor) -> Tensor:
        return torch.tensor(self.directions, dtype=torch.float64, device=like.device)

    def _angle(self, plan: Plan) -> Tensor:
        """Direction of motion in radians [B]."""
        return torch.deg2rad(plan.conditions["direction_deg"])
