"""Options of expressivity, and what it claims."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from cordsnet._checks import check_count, check_positive
from cordsnet.experiments.claims import Claim, at_least, at_most
from cordsnet.experiments.cognition.courses import CONDITIONS
from cordsnet.experiments.cognition.efforts import short_effort
from cordsnet.experiments.cognition.recurrences import runs_of, spec_options
from cordsnet.experiments.cognition.trained import LEARNT
from cordsnet.experiments.training_claims import check_seeds
from cordsnet.tasks import Task
from cordsnet.training import Run

FACTOR = 1.25
"""Largest ratio of distances that counts as alike."""

MODELS = tuple(f"vector_rnn_{name}_small" for name in ("dense", "lowrank", "sparse", "conv"))
DENSE, CONV = MODELS[0], MODELS[3]
FIGURES = "Soo et al. 2024, Figures S2 and S3"


@dataclass(frozen=True)
class ExpressivityOptions:
    """Options of expressivity: tasks, networks, and how they are trained.

    Attributes
    ----------
    tasks : rows of the table of tasks.
    models : rows of the table of models that read vectors, at least two.
    units : numbers of units; every network of a size has exactly as many.
    seeds : networks per task, model and size; they count up from the seed.
    updates, batch, lr : of the training of every network; None takes those of the task's short trials (`EFFORTS`),
        where updates are the largest number until a loss is reached and in the stage that follows, or the task's own
        (`cordsnet tasks train`).
    trials : number of test trials for accuracies.
    timing : "short" has delays of a few hundred ms; "own" is each task's own timing.
    dt_ms : step of the networks and duration of a frame, ms.
    gain : spectral radius of the recurrence as it is drawn; None takes the task's own (`cordsnet tasks train`). Since
        ReLU passes half of the variance, 2 is not far from where fluctuations neither grow nor fade, the square root
        of 2; with it networks come to hold memories in fewer updates.
    """

    tasks: tuple[str, ...] = tuple(CONDITIONS)
    models: tuple[str, ...] = MODELS
    units: tuple[int, ...] = (64,)
    seeds: int = 3
    updates: int | None = None
    batch: int | None = None
    lr: float | None = None
    trials: int = 500
    timing: Literal["short", "own"] = "short"
    dt_ms: float = 40.0
    gain: float | None = 2.0

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        check_count(self.trials, "trials", 1)
        check_positive(self.dt_ms, "dt_ms")
        for name in ("updates", "batch"):
            if (value := getattr(self, name)) is not None:
                check_count(value, name, 1)
        for name in ("lr", "gain"):
            if (rate := getattr(self, name)) is not None:
                check_positive(rate, name)
        for name, least in (("tasks", 1), ("models", 2), ("units", 1)):
            values = getattr(self, name)
            if len(values) < least or len(set(values)) < len(values):
                raise ValueError(f"{name} must hold at least {least}, each once, got {', '.join(map(str, values))}")
        if unknown := [name for name in self.tasks if name not in CONDITIONS]:
            raise ValueError(f"tasks must be among {', '.join(CONDITIONS)}, got {unknown[0]!r}")
        for count in self.units:
            check_count(count, "units", 2)
        if self.timing not in ("short", "own"):
            raise ValueError(f"timing must be 'short' or 'own', got {self.timing!r}")

    def spec(self, model: str, units: int) -> dict[str, Any]:
        """Fields of the spec of a model of one size."""
        return spec_options(model, units, self.dt_ms, self.gain)

    def runs(self, task: Task, seed: int) -> list[Run]:
        """The runs of all sizes, models and seeds on a task."""
        given = {"updates": self.updates, "batch": self.batch, "lr": self.lr}
        own: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        seeds = range(seed, seed + self.seeds)
        made = list[Run]()
        for units in self.units:
            for name in self.models:
                effort = replace(short_effort(task.kind, name), **own) if self.timing == "short" else own
                made += runs_of(task, name, units, seeds, self.spec(name, units), effort, self.trials)
        return made


CLAIMS = (
    Claim("all_learn", "Every recurrence answers at least 90 % of new trials.", FIGURES,
          "lowest of the recurrences' mean accuracies over seeds", at_least(LEARNT), of="networks"),
    # 1.25 is the bound up to which a ratio of two means is by convention taken as equivalent to 1 (bioequivalence)
    Claim("alike", "Trajectories of two recurrences are no farther apart than 1.25 times two seeds of one recurrence.",
          FIGURES, "mean Procrustes distance of networks of different recurrences over that of different seeds of one, "
          "among networks that answer 90 % of new trials", at_most(FACTOR), of="networks"),
    Claim("conv_like_dense", "Trajectories of convolutional and dense networks are no farther apart than 1.25 times "
          "those of two dense ones.", FIGURES, f"mean Procrustes distance of {CONV} and {DENSE} over that of different "
          "seeds of the latter, among networks that answer 90 % of new trials", at_most(FACTOR), of="networks"),
)  # fmt: skip
