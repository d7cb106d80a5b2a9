"""Training at the settled answer alone: its memory does not grow with the duration of a trial."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import Equilibrium, Solver, steady_state
from cordsnet.models import CordsNet, build
from cordsnet.training.constraint import Contraction, written
from cordsnet.training.evaluate import BATCH, accuracy, read_correctly
from cordsnet.training.loop import Optimisation, TrainingModule, train
from cordsnet.training.stage import Context, Stage, StageResult
from cordsnet.training.stages.dynamics import activation


@dataclass(frozen=True)
class TrainSettled(Stage):
    """Train the scores of the network's fixed point under each image, by implicit gradients or by
    recurrent back-propagation (`solver.gradient`).

    Attributes
    ----------
    slope : of phi for negative drive.
    solver : how fixed points and their gradients are computed; its `expansion_bound` keeps the network settling.
    expansion_weight : coefficient of the Lipschitz-coefficient penalty (Linsley et al. 2020).
    contraction : keeps the network among those that are proven to have one attractor; None does not.
    """

    kind: ClassVar[str] = "train_settled"
    name: str = "settled"
    slope: float = 0.0
    solver: Solver = field(default_factory=lambda: Solver(tol=1e-4, max_iterations=50, expansion_bound=0.9))
    expansion_weight: float = 1e-2
    optimisation: Optimisation = field(default_factory=Optimisation)
    augmentation: str = "none"
    contraction: Contraction | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for what is written down and compared."""
        return written(super().to_dict())

    def run(self, context: Context) -> StageResult:
        """Train from the stage named by `start`, or from random weights."""
        model = context.cordsnet_of(self.start) if self.start else build(context.spec, context.seed)
        assert isinstance(model, CordsNet)
        model.activation = activation(self.slope)
        if self.contraction is not None:
            self.contraction.start(model)
        metrics = train(_Module(model, self), context, self.name)
        if self.contraction is not None:
            metrics |= self.contraction.metrics(model)
        settled, seen = 0.0, 0
        for images, _ in context.data.test.to(model.eval()).batches(BATCH):
            settled += settled_share(steady_state(model, images, solver=self.solver)) * len(images)
            seen += len(images)
        metrics |= {"test_accuracy": accuracy(model, context.data.test), "settled_share": settled / seen}
        return StageResult(model, metrics)


def settled_share(found: Equilibrium) -> float:
    """Share of trials of which every area converged."""
    trials = zip(*found.status.values(), strict=True)
    settled = [all(status.name == "CONVERGED" for status in areas) for areas in trials]
    return sum(settled) / len(settled)


class _Module(TrainingModule):
    def __init__(self, model: CordsNet, stage: TrainSettled) -> None:
        super().__init__(model, stage.optimisation, stage.augmentation)
        self.model, self.stage = model, stage

    def constrain(self) -> None:
        """Keep to the bound of the stage, if it has one."""
        if self.stage.contraction is not None:
            self.stage.contraction.apply(self.model)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Cross-entropy at the fixed point, and the penalty."""
        images, labels = batch
        found = steady_state(self.model, images, solver=self.stage.solver, grad=True)
        classification = functional.cross_entropy(found.logits, labels)
        loss = classification + self.stage.expansion_weight * found.expansion
        hits = read_correctly(found.logits, labels).float().mean()
        self.keep(
            loss=loss, accuracy=hits, expansion=found.expansion, settled_share=loss.new_tensor(settled_share(found))
        )
        return self.check_loss(loss)
