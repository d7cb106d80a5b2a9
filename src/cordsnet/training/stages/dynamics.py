"""Stages 4 to 6, and direct training: the dynamics themselves under the one objective.

What differs between them is data: where they start, which activations they pass through, and the
weights of the objective (Soo et al. 2024, training steps 4-6).
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from cordsnet.dynamics import Activation, State, WarmStart, relax
from cordsnet.models import CordsNet, build
from cordsnet.training.constraint import Contraction, written
from cordsnet.training.evaluate import accuracy
from cordsnet.training.loop import Optimisation, TrainingModule, train
from cordsnet.training.objective import Objective, objective
from cordsnet.training.stage import Context, Stage, StageResult


@dataclass(frozen=True)
class TrainDynamics(Stage):
    """Train the recurrent network through a sequence of activations, in equal shares of the updates.

    Attributes
    ----------
    slopes : slope of phi for negative drive in each phase: (1,) is the linear stage, (0,) ReLU, and
        (0.95, 0.9, ..., 0) anneals from one to the other. The optimiser's memory is cleared between phases.
    objective : weights and times of the objective.
    dt_ms : step in training, ms; None is the network's own. Where the network settles does not depend on it, and a
        step of half the time constant takes less than half the time of one of a fifth.
    engine : how the time loop is run.
    memory : budget for what each part of a trial keeps for its gradient, such as "2GB"; None keeps all.
    spontaneous_residual : None computes spontaneous activity from zero rates for every batch; a number solves for
        it to this relative residual, starting from that of the batch before (see `WarmStart`).
    contraction : keeps the network among those that are proven to have one attractor; None does not.
    """

    kind: ClassVar[str] = "train_dynamics"
    name: str = "dynamics"
    slopes: tuple[float, ...] = (0.0,)
    objective: Objective = field(default_factory=Objective)
    optimisation: Optimisation = field(default_factory=Optimisation)
    augmentation: str = "none"
    dt_ms: float | None = None
    engine: str = "auto"
    memory: str | None = None
    spontaneous_residual: float | None = 1e-5
    contraction: Contraction | None = None

    def __post_init__(self) -> None:
        if not self.slopes:
            raise ValueError("slopes is empty; give (0.0,) for ReLU or (1.0,) for the linear stage")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for what is written down and compared."""
        return written(super().to_dict())

    def run(self, context: Context) -> StageResult:
        """Train from the stage named by `start`, or from random weights."""
        if self.start:
            model = context.cordsnet_of(self.start)
        else:
            fresh = build(context.spec, context.seed)
            assert isinstance(fresh, CordsNet)
            model = fresh
        if self.contraction is not None:
            self.contraction.start(model)
        metrics = train(_Module(model, self), context, self.name)
        model.activation = activation(self.slopes[-1])
        if self.contraction is not None:
            metrics |= self.contraction.metrics(model)
        return StageResult(model.eval(), {"test_accuracy": accuracy(model, context.data.test), **metrics})


def activation(slope: float) -> Activation:
    """phi with the given slope for negative drive."""
    if slope in (0.0, 1.0):
        return Activation("identity" if slope else "relu")
    return Activation("prelu", slope)


class _Module(TrainingModule):
    def __init__(self, model: CordsNet, stage: TrainDynamics) -> None:
        super().__init__(model, stage.optimisation, stage.augmentation)
        self.model, self.stage = model, stage
        self.warm = None if stage.spontaneous_residual is None else WarmStart(stage.spontaneous_residual)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Take the activation of this update; a new phase starts with a fresh optimiser."""
        super().on_train_batch_start(batch, batch_idx)
        update = self.trainer.global_step
        self.model.activation = self.phase(update)
        if update and self.phase(update) != self.phase(update - 1):
            self.trainer.optimizers[0].state.clear()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Spontaneous activity goes along, so that a resumed run takes the same steps."""
        if self.warm is not None and self.warm.state is not None:
            checkpoint["spontaneous"] = dict(self.warm.state.rates)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from the spontaneous activity that was saved."""
        if self.warm is not None and "spontaneous" in checkpoint:
            self.warm.state = State(checkpoint["spontaneous"])

    def constrain(self) -> None:
        """Keep to the bound of the stage, if it has one."""
        if self.stage.contraction is not None:
            self.stage.contraction.apply(self.model)

    def phase(self, update: int) -> Activation:
        """The activation that belongs to an update."""
        phases = len(self.stage.slopes)
        phase = min(update * phases // self.stage.optimisation.updates, phases - 1)
        return activation(self.stage.slopes[phase])

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """The objective on one batch."""
        images, labels = batch
        losses = objective(
            self.model,
            images,
            labels,
            self.stage.objective,
            dt=self.stage.dt_ms,
            engine=self.stage.engine,
            memory=self.stage.memory,
            spontaneous=self.warm or relax,
        )
        self.keep(
            loss=losses.total,
            accuracy=losses.accuracy[-1],
            classification=losses.classification,
            spontaneous=losses.spontaneous,
        )
        return self.check_loss(losses.total)
