"""One loss for all models: cross-entropy of what a model answers in its own response time."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive
from cordsnet.training.loss import Batch, Bound, Loss, Terms, evolves
from cordsnet.training.losses import EveryStep, LastStep
from cordsnet.training.objective import Objective, Trial

Counted = Literal["last_step", "every_step", "window"]

BASELINE = 0.1
"""Part of the blank after an image, at its end, in which rates should be back; 20 ms of 200 in Soo et al. 2024."""


@check_init
@dataclass(frozen=True)
class Answer(Loss):
    """Cross-entropy of the class scores within a model's own response time, so that one recipe suits any model.

    The image is held for `model.response_ms`. A model without time answers at once; all choices are alike for it.

    Attributes
    ----------
    counted : scores that count: those of the "last_step"; those of "every_step", alike; or those of the "window" at the
        end, log-weighted as in the objective of Soo et al. 2024 with its times scaled to the response time: a blank of
        that duration, the image, and as long a blank again.
    window : proportion of the response time that the window takes; 60 ms of 200 in that paper.
    first_weight, last_weight, spontaneous_weight : of the objective (see `Objective`), for the window alone. The last
        is 0 by default, since a return to baseline is not asked of networks of steps.
    """

    kind = "answer"
    needs_time = False
    counted: Counted = "last_step"
    window: float = 0.3
    first_weight: float = 1e-3
    last_weight: float = 1.0
    spontaneous_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.counted not in get_args(Counted):
            raise ValueError(f"counted must be one of {', '.join(get_args(Counted))}, got {self.counted!r}")
        check_positive(self.window, "window")
        if self.window > 1:
            raise ValueError(f"window must be a proportion of the response time of at most 1, got {self.window:g}")

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """The loss of labelled images."""
        return self.of(bound.model)(bound, batch)

    def of(self, model: Any) -> Loss:
        """The loss for one model, with its durations in ms."""
        if self.counted == "last_step" or not evolves(model):
            return LastStep()
        if self.counted == "every_step":
            return EveryStep()
        ms = float(model.response_ms)
        trial = Trial(ms, ms, self.window * ms, ms, BASELINE * ms)
        return Objective(self.spontaneous_weight, self.first_weight, self.last_weight, trial)
