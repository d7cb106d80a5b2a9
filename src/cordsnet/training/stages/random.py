"""Random weights with a recurrence of one's own choice, for networks that are trained directly."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from cordsnet._checks import check_positive
from cordsnet.models import CordsNet, build
from cordsnet.models.cordsnet.wiring import RECURRENT_GAIN
from cordsnet.models.kernels import gain_of
from cordsnet.training.stage import Context, Stage, StageResult


@dataclass(frozen=True)
class RandomInit(Stage):
    """A CordsNet as it is before any training.

    Attributes
    ----------
    gain : spectral radius of the recurrent kernels in the limit of many channels (circular law). A stage that starts
        from random weights without this one has 0.5; with ReLU, rates without bias explode from about 1.4 on.
    """

    kind: ClassVar[str] = "random_init"
    name: str = "random"
    gain: float = RECURRENT_GAIN

    def __post_init__(self) -> None:
        check_positive(self.gain, "gain")

    @torch.no_grad()
    def run(self, context: Context) -> StageResult:
        """Draw the weights from the seed of the run."""
        model = build(context.spec, context.seed)
        assert isinstance(model, CordsNet)
        for kernel in model.wiring.recurrent.values():
            gain_of(kernel).mul_(self.gain / RECURRENT_GAIN)
        return StageResult(model, {})
