"""Stage 1: the feedforward twin, trained with batch normalisation."""

from dataclasses import dataclass, field
from typing import ClassVar

from cordsnet._arguments import check_init
from cordsnet.training.losses import LastStep
from cordsnet.training.optimisation import Optimisation
from cordsnet.training.stages.train import Train, TrainingStage


@check_init
@dataclass(frozen=True)
class TrainCNN(TrainingStage):
    """Cross-entropy on the feedforward network (Soo et al. 2024, training step 1)."""

    kind: ClassVar[str] = "train_cnn"
    name: str = "cnn"
    optimisation: Optimisation = field(
        default_factory=lambda: Optimisation("sgd", lr=0.1, updates=500, weight_decay=1e-4)
    )
    augmentation: str = "none"

    def as_train(self) -> Train:
        """The feedforward network, by its scores."""
        return Train(self.name, self.start, LastStep(), self.optimisation, self.augmentation, feedforward=True)
