"""Random weights with a recurrence of one's own choice, for networks that are trained directly."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive
from cordsnet.errors import RunError
from cordsnet.models.capabilities import HasRecurrentKernels
from cordsnet.training.stage import Context, Stage, StageResult


@check_init
@dataclass(frozen=True)
class RandomInit(Stage):
    """A network as it is before any training.

    Attributes
    ----------
    gain : spectral radius of the recurrent kernels in the limit of many channels (circular law). A CordsNet that starts
        from random weights without this stage has 0.5; with ReLU, rates without bias explode from about 1.4 on.
    """

    kind: ClassVar[str] = "random_init"
    name: str = "random"
    gain: float = 0.5

    def __post_init__(self) -> None:
        check_positive(self.gain, "gain")

    @torch.no_grad()
    def run(self, context: Context) -> StageResult:
        """Draw the weights from the seed of the run. Raises RunError for a model without recurrent kernels."""
        model = context.fresh_model()
        if not isinstance(model, HasRecurrentKernels):
            raise RunError(f"stage {self.name!r} scales recurrent kernels, and a {type(model).__name__} has none")
        for area in model.recurrent_kernels():
            model.scale_recurrence(area, self.gain / model.initial_recurrent_gain)
        return StageResult(model, {})
