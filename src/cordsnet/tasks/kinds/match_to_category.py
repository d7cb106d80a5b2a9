"""Delayed match to category: do two directions of motion lie on the same side of a learnt boundary?"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_count, check_positive, is_number
from cordsnet.tasks import ring
from cordsnet.tasks.choice import FIXATE
from cordsnet.tasks.dots import draw_dots
from cordsnet.tasks.drawing import blank, fixation
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.match import MatchTask
from cordsnet.tasks.trials import Plan

_NEAR = 1e-6
"""Distance in degrees up to which a direction is taken to lie on the boundary."""


@check_init
@dataclass(frozen=True)
class MatchToCategory(MatchTask):
    """Delayed match to category (Freedman & Assad 2006).

    A boundary through the middle halves the directions into two categories. Two different directions of one category
    match; so does a direction with itself. No direction lies on the boundary, and each category has as many as the
    other. The monkeys of the paper answered during the test; here a decision period of its own follows, as in neurogym.
    Sample and test last 650 ms in the paper, which are no whole number of frames of 20 ms; here they last 660 ms. For
    650 ms give `frame_ms=10` and `timing={"sample": 650, "test": 650}`.

    Attributes
    ----------
    directions : number of directions, evenly spaced from the right; even.
    boundary_deg : angle of the boundary in degrees, anticlockwise from the right; it goes on at the opposite angle.
    speed_deg_s : speed of the dots, degrees of visual angle per second; all move together.
    field_deg : width of the field, degrees.
    dots : number of dots.
    """

    kind: ClassVar[str] = "match_to_category"
    source: ClassVar[str] = "Freedman & Assad, Nature 2006; timing of neurogym's DelayedMatchCategory"
    about: ClassVar[str] = "Delayed match to category: say if two directions of motion belong to the same category."
    periods: ClassVar = {"fixation": 500.0, "sample": 660.0, "delay": 1000.0, "test": 660.0, "decision": 500.0}
    channels: ClassVar = (FIXATE, *ring.CHANNELS)

    directions: int = 12
    boundary_deg: float = 45.0
    speed_deg_s: float = 5.0
    field_deg: float = 5.0
    dots: int = 40

    def check(self) -> None:
        """Raise ValueError for an odd number of directions, or a boundary on which one lies."""
        super().check()
        check_count(self.directions, "directions", 2, most=360)
        check_count(self.dots, "dots", 1, most=1000)
        if self.directions % 2:
            raise ValueError(f"directions must be even, so that both categories have as many, got {self.directions}")
        if not is_number(self.boundary_deg) or not math.isfinite(self.boundary_deg):
            raise ValueError(f"boundary_deg must be a finite angle in degrees, got {self.boundary_deg!r}")
        step = 360 / self.directions
        off = self.boundary_deg % step
        if min(off, step - off) < _NEAR:
            raise ValueError(
                f"boundary_deg must lie between two directions, which are {step:g} degrees apart from 0, "
                f"got {self.boundary_deg:g}; take {self.boundary_deg + step / 2:g}"
            )
        for name in ("speed_deg_s", "field_deg"):
            check_positive(getattr(self, name), name)

    def category(self, degrees: Tensor) -> Tensor:
        """Category 0 or 1 of directions in degrees; 0 is the half circle anticlockwise from the boundary."""
        return (torch.remainder(degrees - self.boundary_deg, 360) >= 180).long()

    def pair(self, draws: Draws, match: Tensor) -> dict[str, Tensor]:
        """Directions of sample and test, their categories, and how far they lie from the boundary; in degrees."""
        half, step = self.directions // 2, 360 / self.directions
        first = math.floor(self.boundary_deg / step) + 1  # the direction next to the boundary, anticlockwise
        side = draws.integers("category", 2)
        found: dict[str, Tensor] = {}
        for name, which in (("sample", side), ("test", torch.where(match, side, 1 - side))):
            number = first + which * half + draws.integers(name, half)
            found[f"{name}_deg"] = torch.remainder(number, self.directions).double() * step
            off = torch.remainder(found[f"{name}_deg"] - self.boundary_deg, 180)
            found[f"{name}_category"] = which
            found[f"{name}_from_boundary_deg"] = torch.minimum(off, 180 - off)
        return found

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue, and a bump on a ring at the direction that is shown."""
        sample, test = (ring.bump(torch.deg2rad(plan.conditions[f"{name}_deg"])) for name in ("sample", "test"))
        return self.in_turn(plan, sample, test)

    def image(self, plan: Plan) -> Tensor:
        """The fixation point, and dots that all move in the direction; they wrap round the field."""
        movie = blank(plan, self.image_size)
        for name in ("sample", "test"):
            shown = plan.during(name)
            used = shown.any(1).nonzero()[:, 0]
            if len(used):
                part = slice(int(used[0]), int(used[-1]) + 1)
                draw_dots(movie[part], self._places(plan, name, plan.index[part]), shown[part])
        return fixation(movie, self.waiting(plan))

    def _places(self, plan: Plan, period: str, frames: Tensor) -> Tensor:
        """Places of the dots of one stimulus in some frames [F, 1], as [B, F, N, 2] from 0 to 1."""
        angle = torch.deg2rad(plan.conditions[f"{period}_deg"])
        step = torch.stack([angle.cos(), angle.sin()]) * (self.speed_deg_s * self.frame_ms / 1000 / self.field_deg)
        since = (frames - plan.edges[period][:, 0]).T[..., None]
        started = plan.draws.columns(f"dots of {period}", self.dots, 2, 2)
        found = since * step[:, :, None, None] + started[:, :, None]
        return found.sub_(found.floor()).movedim(0, -1)
