"""Tasks that show a sample and, after a delay, a test, and ask if the two match."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.tasks.choice import ChoiceTask
from cordsnet.tasks.draws import Draws
from cordsnet.tasks.trials import Plan


@dataclass(frozen=True)
class MatchTask(ChoiceTask):
    """A sample, a delay, a test and a decision. Half of the trials match, whatever the sample is."""

    @property
    def options(self) -> tuple[str, ...]:
        """Match, and no match."""
        return ("match", "non-match")

    @abstractmethod
    def pair(self, draws: Draws, match: Tensor) -> dict[str, Tensor]:
        """Conditions of sample and test, which match where `match` is true [B]."""

    def draw(self, draws: Draws) -> dict[str, Tensor]:
        """Conditions of sample and test, whether they match (1 or 0), and the duration of the delay in ms."""
        match = draws.integers("match", 2)
        return {**self.pair(draws, match == 1), "match": match, "delay_ms": self.duration_ms(draws, "delay")}

    def right(self, plan: Plan) -> Tensor:
        """Match, or no match."""
        return 1 - plan.conditions["match"]

    def in_turn(self, plan: Plan, sample: Tensor, test: Tensor) -> Tensor:
        """Channels [F, B, 1 + C] of the fixation cue, and of the sample and the test [B, C] while they are shown."""
        shown = plan.during("sample")[..., None] * sample + plan.during("test")[..., None] * test
        return torch.cat([self.waiting(plan)[..., None].double(), shown], -1)
