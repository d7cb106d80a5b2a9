"""Tasks that end with a choice: hold fixation, then answer with one of several options."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._checks import check_at_least, check_positive
from cordsnet.tasks.task import Answers, Task
from cordsnet.tasks.timing import check_grace
from cordsnet.tasks.trials import Plan, Trials

FIXATE = "fixation"
"""Channel of the fixation cue, which goes off as the go cue."""

CHOICE = "choice"
"""Name of the output, [F, B, 1 + options]: option 0 is to fixate, the others are the answers."""


@dataclass(frozen=True)
class ChoiceTask(Task):
    """A task whose answer is a choice, given in a period of its own; before it, the right option is to fixate.

    Attributes
    ----------
    grace_ms : time after the go cue in which no error counts, ms.
    go_weight : how much errors count in the decision period, where those before it count 1.
    """

    grace_ms: float = 40.0
    go_weight: float = 5.0

    decision: ClassVar[str] = "decision"
    """The period in which the answer is given."""

    def check(self) -> None:
        """Raise ValueError unless the decision period leaves a frame after the grace time."""
        check_at_least(self.grace_ms, "grace_ms", 0)
        check_positive(self.go_weight, "go_weight")
        check_grace(self.timings, self.decision, self.grace_ms, self.frame_ms)

    @property
    @abstractmethod
    def options(self) -> tuple[str, ...]:
        """The answers in words."""

    @abstractmethod
    def right(self, plan: Plan) -> Tensor:
        """Number of the right answer [B], from 0."""

    def waiting(self, plan: Plan) -> Tensor:
        """True until the go cue [F, B]."""
        return plan.index < plan.edges[self.decision][:, 0]

    @property
    def outputs(self) -> tuple[tuple[str, str, int], ...]:
        """Scores of fixating and of the answers."""
        return ((CHOICE, "option", 1 + len(self.options)),)

    def wanted(self, plan: Plan) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        """Fixate until the decision period, then the answer."""
        answer, deciding = self.right(plan), plan.during(self.decision)
        target = torch.where(deciding, answer + 1, torch.zeros_like(answer))
        return {CHOICE: target}, {CHOICE: plan.counted(self.decision, self.grace_ms, self.go_weight)}, answer

    def answers(self, trials: Trials, outputs: Mapping[str, Tensor]) -> Answers:
        """The option with the largest mean log-probability after the grace time.

        An answer is right if it is the wanted one and the network does not still fixate in the last frame. It is early
        if any option but to fixate leads in a frame before the decision period.
        """
        scores = outputs[CHOICE]
        check_frames_of(scores, trials, CHOICE)
        index = torch.arange(trials.frames, device=scores.device)[:, None]
        edges = trials.periods[self.decision]
        start, end = edges[:, 0], edges[:, 1]
        logs = functional.log_softmax(scores, -1)
        counted = (index >= start) & (index < end) & (trials.mask[CHOICE] > 0)
        mean = (logs * counted[..., None]).sum(0) / counted.sum(0).clamp_min(1)[:, None]
        response = mean[:, 1:].argmax(-1)
        leads = logs.argmax(-1)
        last = leads.gather(0, (end - 1).clamp_min(0)[None])[0]
        early = ((leads != 0) & (index < start)).any(0)
        return Answers((response == trials.answer) & (last != 0), response, early)


def check_frames_of(values: Tensor, trials: Trials, name: str) -> None:
    """Raise ValueError unless an output has a value for every frame and trial."""
    if tuple(values.shape[:2]) != (trials.frames, len(trials)):
        raise ValueError(
            f"output {name!r} must have {trials.frames} frames of {len(trials)} trials, got {list(values.shape[:2])}"
        )
