"""Stage 1: the feedforward twin, trained with batch normalisation."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from cordsnet.models import CNN, build
from cordsnet.training.evaluate import accuracy, read_correctly
from cordsnet.training.loop import Optimisation, TrainingModule, train
from cordsnet.training.stage import Context, Stage, StageResult


@dataclass(frozen=True)
class TrainCNN(Stage):
    """Cross-entropy on the feedforward network (Soo et al. 2024, training step 1)."""

    kind: ClassVar[str] = "train_cnn"
    name: str = "cnn"
    optimisation: Optimisation = field(
        default_factory=lambda: Optimisation("sgd", lr=0.1, updates=500, weight_decay=1e-4)
    )
    augmentation: str = "none"

    def run(self, context: Context) -> StageResult:
        """Train from random weights."""
        cnn = build(context.spec, context.seed, CNN)
        assert isinstance(cnn, CNN)
        waiting = train(_Module(cnn, self.optimisation, self.augmentation), context, self.name)
        return StageResult(cnn.eval(), {"test_accuracy": accuracy(cnn, context.data.test), **waiting})


class _Module(TrainingModule):
    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        images, labels = batch
        logits = self.network(images)
        loss = functional.cross_entropy(logits, labels)
        self.keep(loss=loss, accuracy=read_correctly(logits, labels).float().mean())
        return self.check_loss(loss)
