"""Go / no-go: a stimulus says whether to answer after a delay."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet._checks import is_number
from cordsnet.tasks.choice import CHOICE, ChoiceTask, check_frames_of
from cordsnet.tasks.drawing import bar, blank, fixation, stamp
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.task import Answers
from cordsnet.tasks.trials import Plan, Trials

LENGTH, WIDTH = 0.6, 0.15
"""Half-length and half-width of the bar in movies, in half-widths of the field."""

DIM = 0.6
"""Smallest grey value of the bar."""


@check_init
@dataclass(frozen=True)
class GoNogo(ChoiceTask):
    """Go / no-go.

    An upright bar says to answer, a level one to keep fixating, also in the decision period, at whose start the
    fixation point goes off. There is one option beside fixating, since to withhold is to fixate. So a subject that
    always answers has an accuracy of `go_share`, and one that never does of 1 - `go_share`: read the accuracy of each
    kind of trial.

    Attributes
    ----------
    go_share : probability of a go trial.
    """

    kind: ClassVar[str] = "go_nogo"
    source: ClassVar[str] = "Zhang et al., eLife 2019; timing of neurogym's GoNogo"
    about: ClassVar[str] = "Go / no-go: answer after the delay if the stimulus said so, else keep fixating."
    periods: ClassVar = {"stimulus": 500.0, "delay": 500.0, "decision": 500.0}
    channels: ClassVar = ("fixation", "no-go", "go")

    go_share: float = 0.5

    def check(self) -> None:
        """Raise ValueError unless both kinds of trials are possible."""
        super().check()
        if not is_number(self.go_share) or not 0 < self.go_share < 1:
            raise ValueError(f"go_share must be a number between 0 and 1, both excluded, got {self.go_share!r}")

    @property
    def options(self) -> tuple[str, ...]:
        """To answer."""
        return ("go",)

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """The right choice, 0 or 1, and the grey value of the bar in movies, which tells nothing."""
        grey = DIM + (1 - DIM) * draws.uniform("grey")
        return {"go": (draws.uniform("go") < self.go_share).long(), "grey": grey}

    def right(self, plan: Plan) -> Tensor:
        """The right choice: 1 is to go, 0 to withhold."""
        return plan.conditions["go"]

    def vector(self, plan: Plan) -> Tensor:
        """The fixation cue, and a channel for either stimulus."""
        kinds = functional.one_hot(plan.conditions["go"], 2) * plan.during("stimulus")[..., None]
        return torch.cat([(~plan.during(self.decision))[..., None].double(), kinds.double()], -1)

    def image(self, plan: Plan) -> Tensor:
        """The fixation point, and an upright or a level bar."""
        shape = bar(plan.conditions["go"].double() * (math.pi / 2), LENGTH, WIDTH, self.image_size)
        shape = shape * plan.conditions["grey"][:, None, None]
        movie = stamp(blank(plan, self.image_size), shape, plan.during("stimulus"))
        return fixation(movie, ~plan.during(self.decision))

    def wanted(self, plan: Plan) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        """Fixate until the decision period, then go or keep fixating."""
        _, mask, answer = super().wanted(plan)
        return {CHOICE: answer * plan.during(self.decision)}, mask, answer

    def answers(self, trials: Trials, outputs: Mapping[str, Tensor]) -> Answers:
        """1 where going has the larger mean log-probability after the grace time, else 0; early as in other choices."""
        scores = outputs[CHOICE]
        check_frames_of(scores, trials, CHOICE)
        index = torch.arange(trials.frames, device=scores.device)[:, None]
        start, end = trials.periods[self.decision].T
        logs = functional.log_softmax(scores, -1)
        counted = (index >= start) & (index < end) & (trials.mask[CHOICE] > 0)
        total = (logs * counted[..., None]).sum(0)
        response = (total[:, 1] > total[:, 0]).long()
        early = ((logs[..., 1] > logs[..., 0]) & (index < start)).any(0)
        return Answers(response == trials.answer, response, early)
