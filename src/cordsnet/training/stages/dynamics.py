"""Stages 4 to 6, and direct training: the dynamics themselves under the one objective.

What differs between them is data: where they start, which activations they pass through, and the
weights of the objective (Soo et al. 2024, training steps 4-6).
"""

from dataclasses import dataclass, field
from typing import ClassVar

from cordsnet._arguments import check_init
from cordsnet.training.constraint import Contraction
from cordsnet.training.objective import Objective
from cordsnet.training.optimisation import Optimisation
from cordsnet.training.stages.train import Train, TrainingStage


@check_init
@dataclass(frozen=True)
class TrainDynamics(TrainingStage):
    """Train the recurrent network with the paper's objective, through a sequence of activations.

    Attributes
    ----------
    objective : weights and times of the objective.
    slopes, dt_ms, engine, memory, spontaneous_residual, contraction : as in `Train`.
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
        self.as_train()

    def as_train(self) -> Train:
        """The objective as the loss of `Train`."""
        return Train(
            self.name,
            self.start,
            self.objective,
            self.optimisation,
            self.augmentation,
            slopes=self.slopes,
            dt_ms=self.dt_ms,
            engine=self.engine,
            memory=self.memory,
            spontaneous_residual=self.spontaneous_residual,
            contraction=self.contraction,
        )
