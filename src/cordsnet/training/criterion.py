"""A criterion for the end of a stage: a measure of its updates that reaches a bound."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lightning.pytorch.callbacks import Callback
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_count
from cordsnet.errors import RunError

MOST_AVERAGED = 100_000
"""Largest number of updates of which the mean is taken."""


@check_init
@dataclass(frozen=True)
class Criterion:
    """Bound for the mean of a measure over the last updates, at which a stage ends; exactly one of the two.

    The first update after which the mean is there is the last one.

    Attributes
    ----------
    measure : name of a number that the loss logs for every update: "loss", "accuracy" for class scores,
        "choice/accuracy" for another output that is a choice, or a term of the loss.
    at_least : the stage ends when the mean is this or more.
    at_most : the stage ends when the mean is this or less.
    over : number of updates of which the mean is taken; a stage of fewer makes them all.
    """

    measure: str = "accuracy"
    at_least: float | None = None
    at_most: float | None = None
    over: int = 25

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            given = "neither" if self.at_least is None else "both"
            raise ValueError(f"a criterion is exactly one of at_least and at_most, got {given}")
        for name, bound in (("at_least", self.at_least), ("at_most", self.at_most)):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"{name} must be finite, got {bound!r}")
        if not self.measure:
            raise ValueError("measure must be the name of a number that the loss logs, such as 'loss', got ''")
        check_count(self.over, "over", most=MOST_AVERAGED)

    def is_reached(self, values: Sequence[float]) -> bool:
        """True if there are values of `over` updates, and their mean reaches the bound."""
        if len(values) < self.over:
            return False
        mean = math.fsum(values[-self.over :]) / self.over
        if self.at_least is not None:
            return mean >= self.at_least
        assert self.at_most is not None
        return mean <= self.at_most


class Examiner(Callback):
    """Ends a stage with the update at which it reaches a criterion; over all attempts at it, that is the same update.

    Parameters
    ----------
    criterion : the criterion that is reached.
    stage : name of the stage.

    Attributes
    ----------
    reached : True once it is reached.
    """

    def __init__(self, criterion: Criterion, stage: str) -> None:
        self.criterion, self.stage, self.reached = criterion, stage, False
        self._values: deque[float] = deque(maxlen=criterion.over)
        self._parts: list[float] = []  # of the update that is being made, for a batch that is gone through in parts
        self._made = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Go on from where the stage was left, which may be its end."""
        self._made = trainer.global_step
        if self.reached:
            trainer.should_stop = True

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
        """Take the measure, the mean of all processes. Raises RunError for one that the loss does not log."""
        logged = pl_module.logged
        if self.criterion.measure not in logged:
            raise RunError(
                f"stage {self.stage!r} ends by {self.criterion.measure!r}, which its loss does not log; "
                f"set until.measure to one of {', '.join(logged)}"
            )
        value = logged[self.criterion.measure].detach().float().to(loss.device, copy=True)
        self._parts.append(float(trainer.strategy.reduce(value, reduce_op="mean")))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Add the value of a whole update; where the criterion is reached, this update was the last."""
        if trainer.global_step == self._made:  # further parts of the batch are still to come
            return
        self._made = trainer.global_step
        self._values.append(math.fsum(self._parts) / len(self._parts))
        self._parts.clear()
        self.reached = trainer.strategy.reduce_boolean_decision(
            self.criterion.is_reached(list(self._values)), all=False
        )
        if self.reached:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"values": list(self._values), "reached": self.reached}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the updates that were made before."""
        self._values = deque(map(float, state_dict["values"]), maxlen=self.criterion.over)
        self.reached = bool(state_dict["reached"])
