"""Visual search: is there a target among the distractors?"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet.tasks.choice import ChoiceTask
from cordsnet.tasks.drawing import blank, fixation, grid, stamp
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.trials import Plan

PLACES = 8
"""Places of items, evenly spaced on a circle."""

ECCENTRICITY, LENGTH, WIDTH = 0.7, 0.2, 0.07
"""Radius of the circle, and half-length and half-width of the bars, in half-widths of the field."""

BRIGHT, DIM = 1.0, 0.5


@check_init
@dataclass(frozen=True)
class VisualSearch(ChoiceTask):
    """Visual search for a bar among bars.

    With `search="feature"` the target is the only upright bar, and the grey values of all bars are drawn. With
    "conjunction" it is the only bright upright bar; every distractor is bright and level or dim and upright, each as
    likely as the other. Displays with a target are then a little brighter on average, as they must be where the kinds
    of distractors are drawn.

    Attributes
    ----------
    set_sizes : numbers of items, each as likely as the others, from 1 to 8.
    search : "feature" or "conjunction".
    """

    kind: ClassVar[str] = "visual_search"
    source: ClassVar[str] = "Treisman & Gelade, Cogn. Psychol. 1980; timing of our own"
    about: ClassVar[str] = "Visual search: say whether the target is among the distractors."
    periods: ClassVar = {"fixation": 200.0, "stimulus": 800.0, "decision": 200.0}
    channels: ClassVar = (
        "fixation",
        *(f"{way} bar at {360 * k / PLACES:g} degrees" for way in ("level", "upright") for k in range(PLACES)),
    )

    set_sizes: tuple[int, ...] = (2, 4, 8)
    search: Literal["feature", "conjunction"] = "conjunction"

    def check(self) -> None:
        """Raise ValueError for set sizes or a search that cannot be."""
        super().check()
        object.__setattr__(self, "set_sizes", tuple(self.set_sizes))
        if not self.set_sizes or not all(type(n) is int and 1 <= n <= PLACES for n in self.set_sizes):
            raise ValueError(f"set_sizes must be whole numbers from 1 to {PLACES}, got {self.set_sizes!r}")
        if self.search not in ("feature", "conjunction"):
            raise ValueError(f"search must be 'feature' or 'conjunction', got {self.search!r}")

    @property
    def options(self) -> tuple[str, ...]:
        """The two answers: the target is absent, or present."""
        return ("absent", "present")

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Presence of the target, the number of items, and the bars at all places.

        "upright" [B, 8] is 1 for upright bars, and "grey" [B, 8] their grey values, 0 where there is no item.
        """
        present, sizes = draws.integers("present", 2), draws.choice("set size", self.set_sizes).long()
        rank = draws.uniform("order of places", PLACES).argsort(1).argsort(1)
        target = (rank == 0) & (present == 1)[:, None]
        kinds = draws.integers("kinds of bars", 2, PLACES)
        bright, upright = kinds == 0, target
        if self.search == "conjunction":
            bright, upright = bright | target, target | (kinds == 1)
        grey = torch.where(bright, BRIGHT, DIM).double() * (rank < sizes[:, None])
        return {"present": present, "set_size": sizes, "upright": upright.long() * (grey > 0), "grey": grey}

    def right(self, plan: Plan) -> Tensor:
        """The right choice: 1 where the target is there, else 0."""
        return plan.conditions["present"]

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue, and for each place the grey values of a level and of an upright bar."""
        kinds = functional.one_hot(plan.conditions["upright"], 2) * plan.conditions["grey"][..., None]
        items = kinds.transpose(1, 2).flatten(1) * plan.during("stimulus")[..., None]
        return torch.cat([(~plan.during(self.decision))[..., None].double(), items], -1)

    def image(self, plan: Plan) -> Tensor:
        """The fixation point, and bars on a circle round it."""
        across, up = grid(self.image_size, plan.conditions["grey"])
        display = torch.zeros(plan.batch, self.image_size, self.image_size, device=across.device, dtype=across.dtype)
        for k in range(PLACES):
            angle = 2 * math.pi * k / PLACES
            aside, above = (across - ECCENTRICITY * math.cos(angle)).abs(), (up - ECCENTRICITY * math.sin(angle)).abs()
            bars = [
                (torch.minimum(half_x - aside, half_y - above) * self.image_size / 2 + 0.5).clamp(0, 1)
                for half_x, half_y in ((LENGTH, WIDTH), (WIDTH, LENGTH))
            ]
            shape = torch.stack(bars)[plan.conditions["upright"][:, k]]
            display = torch.maximum(display, shape * plan.conditions["grey"][:, k, None, None])
        movie = stamp(blank(plan, self.image_size), display, plan.during("stimulus"))
        return fixation(movie, ~plan.during(self.decision))
