"""Training at the settled answer alone: its memory does not grow with the duration of a trial."""

from dataclasses import dataclass, field
from typing import ClassVar

from cordsnet._arguments import check_init
from cordsnet.dynamics import Solver
from cordsnet.training.constraint import Contraction
from cordsnet.training.losses import Settled
from cordsnet.training.optimisation import Optimisation
from cordsnet.training.stages.train import Train, TrainingStage


@check_init
@dataclass(frozen=True)
class TrainSettled(TrainingStage):
    """Train the scores of the network's fixed point under each image; see the loss `Settled`.

    Attributes
    ----------
    slope : of phi for negative drive.
    solver, expansion_weight : as in `Settled`.
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

    def as_train(self) -> Train:
        """The settled answer as the loss of `Train`."""
        return Train(
            self.name,
            self.start,
            Settled(self.solver, self.expansion_weight),
            self.optimisation,
            self.augmentation,
            slopes=(self.slope,),
            contraction=self.contraction,
        )
