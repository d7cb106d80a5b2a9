"""Sequence: a cue says where to start and which way round, and the answer then moves round a ring."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_at_least, check_positive
from cordsnet.tasks import ring
from cordsnet.tasks.choice import FIXATE, check_frames_of
from cordsnet.tasks.drawing import blank, disc, fixation, stamp
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.task import Answers, Task
from cordsnet.tasks.timing import check_grace
from cordsnet.tasks.trials import Plan, Trials

ECCENTRICITY, RADIUS = 0.7, 0.18
"""Place and size of the target in movies, in half-widths of the field."""

AHEAD, AHEAD_RADIUS = math.pi / 4, 0.09
"""Angle ahead of the target, in radians, of a smaller disc that shows which way round to move, and its size."""

DIRECTIONS = ("anticlockwise", "clockwise")
"""Ways round; the number of a direction is a place in this list."""


@check_init
@dataclass(frozen=True)
class Sequence(Task):
    """Sequence on a ring, after the "seq" tasks of Mod-Cog (Khona et al. 2023).

    The cue shows an angle and a direction. After the delay the fixation point goes off, and the answer starts at the
    angle and moves round the ring in that direction, at a speed that is always the same.

    Attributes
    ----------
    speed_deg_s : speed of the answer, degrees of the ring per second.
    angles : number of angles at which it can start, evenly spaced from the right; 0 for any angle.
    grace_ms : time after the go cue in which no error counts, ms.
    go_weight : how much errors count after the go cue, where those before it count 1.
    """

    kind: ClassVar[str] = "sequence"
    source: ClassVar[str] = "Khona et al., Neural Computation 2023 (Mod-Cog); ring of Yang et al., Nat. Neurosci. 2019"
    about: ClassVar[str] = "Sequence: from the cued angle, move round the ring in the cued direction at a fixed speed."
    periods: ClassVar = {"fixation": 300.0, "cue": 500.0, "delay": (200.0, 400.0, 800.0), "go": 1500.0}
    channels: ClassVar = (FIXATE, *ring.CHANNELS, *DIRECTIONS)

    speed_deg_s: float = 180.0
    angles: int = 0
    grace_ms: float = 100.0
    go_weight: float = 5.0

    def check(self) -> None:
        """Raise ValueError for a speed that cannot be shown, or a go period without a frame after the grace time."""
        for name in ("grace_ms", "go_weight", "angles"):
            check_at_least(getattr(self, name), name, 0)
        check_positive(self.speed_deg_s, "speed_deg_s")
        if (way := self.speed_deg_s * self.frame_ms / 1000) >= 180:
            raise ValueError(
                f"speed_deg_s must move less than 180 degrees in a frame, got {way:g}; lower it or frame_ms"
            )
        check_grace(self.timings, "go", self.grace_ms, self.frame_ms)

    @property
    def outputs(self) -> tuple[tuple[str, str, int], ...]:
        """A fixation unit and a ring."""
        return (ring.OUTPUT,)

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Angle of the start in radians, number of the direction, and duration of the delay in ms."""
        start = ring.drawn_angle(draws, self.angles)
        direction = draws.integers("direction", len(DIRECTIONS))
        return {"start": start, "direction": direction, "delay_ms": self.duration_ms(draws, "delay")}

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue; during the cue a bump on a ring at the start, and 1 in the channel of the direction."""
        ways = torch.stack([plan.conditions["direction"] == k for k in range(len(DIRECTIONS))], -1)
        cue = torch.cat([ring.bump(plan.conditions["start"]), ways.double()], -1)
        return torch.cat([(~plan.during("go"))[..., None].double(), plan.during("cue")[..., None] * cue], -1)

    def image(self, plan: Plan) -> Tensor:
        """The fixation point; during the cue a disc at the start, and a smaller one ahead of it."""
        start, sign = plan.conditions["start"], _sign(plan.conditions["direction"])
        movie = blank(plan, self.image_size)
        for angle, radius in ((start, RADIUS), (start + sign * AHEAD, AHEAD_RADIUS)):
            shape = disc(ECCENTRICITY * angle.cos(), ECCENTRICITY * angle.sin(), radius, self.image_size)
            stamp(movie, shape, plan.during("cue"))
        return fixation(movie, ~plan.during("go"))

    def wanted(self, plan: Plan) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        """Fixate, then a bump that moves; the answer is where it is in the last frame."""
        angle = self._angle(plan.conditions, plan.since("go"))
        counted = plan.counted("go", self.grace_ms, self.go_weight)
        final = angle.gather(0, (plan.edges["go"][:, 1] - 1).clamp_min(0)[None])[0]
        return (*ring.wanted(plan, angle, plan.during("go"), counted), final)

    def answers(self, trials: Trials, outputs: Mapping[str, Tensor]) -> Answers:
        """The angle of the ring in the last frame.

        An answer is right if the mean error of the angle after the grace time is below 36 degrees and the fixation unit
        is below 0.5 in the last frame. It is early if that unit is below 0.5 in the frame before the go cue.
        """
        values = outputs[ring.RING]
        check_frames_of(values, trials, ring.RING)
        index = torch.arange(trials.frames, device=values.device)[:, None]
        start, end = (edge.to(values.device) for edge in trials.periods["go"].T)
        since = (index - start + 0.5) * trials.frame_ms
        counted = (since > self.grace_ms) & (index < end)
        shown = ring.decoded(values[..., 1:])
        error = ring.distance(shown, self._angle(trials.conditions, since).to(shown))
        mean = torch.where(counted, error, torch.zeros_like(error)).sum(0) / counted.sum(0).clamp_min(1)
        trial, last = torch.arange(len(trials), device=values.device), (end - 1).clamp_min(0)
        correct = (mean < ring.TOLERANCE) & (values[last, trial, 0] < 0.5) & counted.any(0)
        return Answers(correct, shown[last, trial], values[(start - 1).clamp_min(0), trial, 0] < 0.5)

    def _angle(self, conditions: Mapping[str, Tensor], since: Tensor) -> Tensor:
        """Angle of the right answer [F, B], in radians from 0 to 2 pi, at times `since` the go cue [F, B] in ms."""
        way = math.radians(self.speed_deg_s) / 1000 * since.double()
        start, sign = conditions["start"].to(since.device), _sign(conditions["direction"].to(since.device))
        return torch.remainder(start + sign * way, 2 * math.pi)


def _sign(direction: Tensor) -> Tensor:
    """1 for anticlockwise, -1 for clockwise."""
    return 1 - 2 * direction
