"""How networks of each recurrence are trained on short trials: a table of learning rates and ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cordsnet.models import MODELS
from cordsnet.models.vector_rnn import VectorSpec
from cordsnet.training import Criterion


@dataclass(frozen=True)
class ShortEffort:
    """How networks are trained on the short trials of a task: at a constant rate, to a criterion.

    Attributes
    ----------
    updates : largest number of updates.
    until : measure of training trials at which training ends before.
    lr : learning rate of AdamW.
    batch : trials per update.
    """

    updates: int
    until: Criterion
    lr: float = 1e-2
    batch: int = 64

    def optimisation(self) -> dict[str, Any]:
        """Fields of `Optimisation` that differ from the task's own."""
        return {"updates": self.updates, "lr": self.lr, "batch": self.batch, "schedule": "constant"}


CHOSEN = Criterion("choice/accuracy", at_least=0.97)
"""Mean of 25 updates, 1,600 trials."""

EFFORTS: Mapping[str | tuple[str, str], ShortEffort] = {
    "match_to_sample": ShortEffort(2000, CHOSEN),
    "context_decision": ShortEffort(2000, CHOSEN),
    "parametric_memory": ShortEffort(2000, CHOSEN),
    "delayed_saccade": ShortEffort(2000, Criterion("loss", at_most=0.03)),
    "sequence": ShortEffort(2000, Criterion("loss", at_most=0.02)),
}


def short_effort(task: str, model: str) -> ShortEffort:
    """Effort of the short trials of a task, for the recurrence of a row of the table of models."""
    spec = MODELS[model].spec
    recurrence = spec.recurrence if isinstance(spec, VectorSpec) else ""
    return EFFORTS.get((task, recurrence)) or EFFORTS[task]
