"""Contour tracing: is the cue on the curve that starts at the fixation point?"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet.tasks.choice import ChoiceTask
from cordsnet.tasks.drawing import blank, disc, fixation, grid, stamp
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.trials import Plan

STEPS = 6
"""Steps of a curve from its inner end; its nodes are the ends of the steps."""

NODES = 2 * (STEPS + 1)
PAIRS = tuple((i, j) for i in range(NODES) for j in range(i + 1, NODES))

INNER, OUTER = 0.0, 0.85
"""Radii of the ends of the curve that starts at the fixation point, in half-widths of the field."""

GAP = 0.3
"""Radius at which the other curve starts."""

SAMPLES = 128
"""Points of a curve through which it is drawn."""

THICKNESS, CUE, GREY = 0.05, 0.1, 0.5
"""Half-width of the curves, radius of the cue, and grey value of the curves."""


@check_init
@dataclass(frozen=True)
class ContourTracing(ChoiceTask):
    """Contour tracing.

    Two smooth curves wind outwards and never meet, since at every radius they are half a turn apart. One starts at the
    fixation point and the other apart from it. A cue lies on either, at one of `steps` on the way outwards, at the same
    radii on both: its place alone tells nothing.

    The vector rendering has no geometry. It is the graph of the same two curves, as nodes joined by edges: for each
    pair of 14 nodes whether an edge joins them, and which nodes are the start and the cue. Nodes are numbered anew in
    each trial, so a network must follow the edges; a trial has as many steps as in movies.

    Attributes
    ----------
    steps : distances of the cue from the start, in steps along the curve, from 3 to 6, each as likely as the others.
    turns : turns of the curves from the middle to the outer end, at most; each trial draws its own, either way round.
    """

    kind: ClassVar[str] = "contour_tracing"
    source: ClassVar[str] = "Roelfsema et al., Nature 1998; timing of our own"
    about: ClassVar[str] = "Contour tracing: say whether the cue is on the curve that starts at the fixation point."
    periods: ClassVar = {"fixation": 300.0, "stimulus": 600.0, "decision": 300.0}
    channels: ClassVar = (
        "fixation",
        *(f"edge {i}-{j}" for i, j in PAIRS),
        *(f"start at {i}" for i in range(NODES)),
        *(f"cue at {i}" for i in range(NODES)),
    )

    steps: tuple[int, ...] = (3, 4, 5, 6)
    turns: float = 0.75

    def check(self) -> None:
        """Raise ValueError for steps or turns that cannot be."""
        super().check()
        object.__setattr__(self, "steps", tuple(self.steps))
        if not self.steps or not all(type(n) is int and 3 <= n <= STEPS for n in self.steps):
            raise ValueError(f"steps must be whole numbers from 3 to {STEPS}, got {self.steps!r}")
        if not 0 < self.turns <= 1.5:
            raise ValueError(f"turns must be above 0 and at most 1.5, got {self.turns!r}")

    @property
    def options(self) -> tuple[str, ...]:
        """The curve of the cue."""
        return ("other curve", "same curve")

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Draw if the cue is on the same curve, its distance in steps and along the curve (in half-widths of the
        field, from the middle), and the shape of the curves [B, 3]: heading, turn and bend, in radians."""
        shape = draws.uniform("shape of the curves", 3)
        heading, turn = 2 * math.pi * shape[:, 0], 2 * math.pi * self.turns * (2 * shape[:, 1] - 1)
        curve = torch.stack([heading, turn, 0.5 * (2 * shape[:, 2] - 1)], 1)
        steps = draws.choice("steps", self.steps).long()
        return {"same": draws.integers("same", 2), "steps": steps, "length": _length(curve, steps), "curve": curve}

    def right(self, plan: Plan) -> Tensor:
        """True where the cue is on the curve that starts at the fixation point."""
        return plan.conditions["same"]

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue, the edges, the start and the cue."""
        number = plan.draws.uniform("numbers of nodes", NODES).argsort(1)  # own number of each node
        same, steps = plan.conditions["same"], plan.conditions["steps"]
        edges = torch.zeros(plan.batch, NODES, NODES, dtype=torch.float64, device=number.device)
        trial = torch.arange(plan.batch, device=number.device)
        for first in (0, STEPS + 1):
            for k in range(first, first + STEPS):
                edges[trial, number[:, k], number[:, k + 1]] = 1
                edges[trial, number[:, k + 1], number[:, k]] = 1
        pairs = torch.tensor(PAIRS, device=number.device)
        start = functional.one_hot(number[:, 0], NODES)
        cue = functional.one_hot(number[trial, steps + (1 - same) * (STEPS + 1)], NODES)
        graph = torch.cat([edges[:, pairs[:, 0], pairs[:, 1]], start, cue], 1)
        shown = graph * plan.during("stimulus")[..., None]
        return torch.cat([(~plan.during(self.decision))[..., None].double(), shown], -1)

    def image(self, plan: Plan) -> Tensor:
        """The fixation point, both curves in grey, and the cue as a bright disc."""
        curve, size = plan.conditions["curve"], self.image_size
        across, up = grid(size, curve)
        square = torch.full((plan.batch, size, size), 9.0, device=curve.device, dtype=curve.dtype)
        for side, inner in ((0.0, INNER), (math.pi, GAP)):
            for radius in torch.linspace(inner, OUTER, SAMPLES, dtype=curve.dtype).tolist():
                x, y = _place(curve, torch.full_like(curve[:, 0], radius), side)
                aside, above = (across[0] - x[:, None]).square(), (up[:, 0] - y[:, None]).square()
                torch.minimum(square, aside[:, None] + above[:, :, None], out=square)
        display = GREY * ((THICKNESS - square.sqrt()) * size / 2 + 0.5).clamp(0, 1)
        x, y = _place(curve, _radius(plan.conditions["steps"]), math.pi * (1 - plan.conditions["same"]).double())
        display = torch.maximum(display, disc(x, y, CUE, size))
        movie = stamp(blank(plan, size), display, plan.during("stimulus"))
        return fixation(movie, ~plan.during(self.decision))


def _radius(steps: Tensor) -> Tensor:
    return OUTER * steps.double() / STEPS


def _place(curve: Tensor, radius: Tensor, side: float | Tensor) -> tuple[Tensor, Tensor]:
    """x and y of the curves at a radius; `side` is 0 or pi."""
    share = radius / OUTER
    angle = curve[:, 0] + side + curve[:, 1] * share + curve[:, 2] * torch.sin(2 * math.pi * share)
    return radius * angle.cos(), radius * angle.sin()


def _length(curve: Tensor, steps: Tensor) -> Tensor:
    """Length of the curve from the middle to a step [B]."""
    shares = torch.linspace(0, 1, 201, dtype=curve.dtype, device=curve.device)
    points = [torch.stack(_place(curve, _radius(steps) * share, 0.0), -1) for share in shares]
    ways: Tensor = torch.linalg.vector_norm(torch.stack(points).diff(dim=0), dim=-1)
    return ways.sum(0)
