"""Delayed saccade: remember where a target flashed, and look there when the fixation point goes off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_at_least
from cordsnet.tasks import ring
from cordsnet.tasks.drawing import blank, disc, fixation, stamp
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.task import Answers, Task
from cordsnet.tasks.timing import check_grace
from cordsnet.tasks.trials import Plan, Trials

ECCENTRICITY, RADIUS = 0.7, 0.15
"""Place and size of the target in movies, in half-widths of the field."""


@check_init
@dataclass(frozen=True)
class DelayedSaccade(Task):
    """Delayed saccade, the "delaygo" of Yang et al. (2019).

    Attributes
    ----------
    grace_ms : time after the go cue in which no error counts, ms.
    go_weight : how much errors count after the go cue, where those before it count 1.
    angles : number of angles of the target, evenly spaced from the right; 0 for any angle.
    """

    kind: ClassVar[str] = "delayed_saccade"
    source: ClassVar[str] = "Yang et al., Nature Neuroscience 2019 (delaygo); Funahashi et al., J. Neurophysiol. 1989"
    about: ClassVar[str] = "Delayed saccade: remember where a target flashed, and look there at the go cue."
    periods: ClassVar = {
        "fixation": (300.0, 500.0, 700.0),
        "stimulus": (200.0, 400.0, 600.0),
        "delay": (200.0, 400.0, 800.0, 1600.0),
        "go": 500.0,
    }
    channels: ClassVar = ("fixation", *ring.CHANNELS)

    grace_ms: float = 100.0
    go_weight: float = 5.0
    angles: int = 0

    def check(self) -> None:
        """Raise ValueError for a number below 0, or a go period without a frame after the grace time."""
        check_at_least(self.grace_ms, "grace_ms", 0)
        check_at_least(self.go_weight, "go_weight", 0)
        check_at_least(self.angles, "angles", 0)
        check_grace(self.timings, "go", self.grace_ms, self.frame_ms)

    @property
    def outputs(self) -> tuple[tuple[str, str, int], ...]:
        """A fixation unit and a ring."""
        return (ring.OUTPUT,)

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Angle of the target, in radians."""
        return {"angle": ring.drawn_angle(draws, self.angles)}

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue, and a bump on a ring while the target is shown."""
        shown = ring.bump(plan.conditions["angle"]) * plan.during("stimulus")[..., None]
        return torch.cat([(~plan.during("go"))[..., None].double(), shown], -1)

    def image(self, plan: Plan) -> Tensor:
        """The fixation point, and the target as a disc."""
        angle = plan.conditions["angle"]
        target = disc(ECCENTRICITY * angle.cos(), ECCENTRICITY * angle.sin(), RADIUS, self.image_size)
        movie = stamp(blank(plan, self.image_size), target, plan.during("stimulus"))
        return fixation(movie, ~plan.during("go"))

    def wanted(self, plan: Plan) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        """Fixate, then a bump at the target's angle."""
        angle, counted = plan.conditions["angle"], plan.counted("go", self.grace_ms, self.go_weight)
        return (*ring.wanted(plan, angle, plan.during("go"), counted), angle)

    def answers(self, trials: Trials, outputs: Mapping[str, Tensor]) -> Answers:
        """The angle of the ring in the last frame."""
        go = trials.periods["go"]
        return ring.answers(trials, outputs, go[:, 0], go[:, 1] - 1)
