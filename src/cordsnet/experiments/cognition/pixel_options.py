"""Options of pixel tasks, and what they claim."""

from dataclasses import dataclass

from cordsnet._checks import check_count
from cordsnet.experiments.claims import Claim, Expected, at_least, at_most
from cordsnet.experiments.cognition.movies import MOVIES
from cordsnet.experiments.cognition.trained import LEARNT
from cordsnet.experiments.training_claims import check_seeds

FRONTS = ("cordsnet_pfc_small", "cornet_rt_pfc_small", "blt_pfc_small", "convgru_pfc_small", "cnn_pfc_small")
"""Rows whose networks differ in their front end alone; the last one is static."""

FALL_MS = (320.0, 510.0)
"""By how much the median reaction time of the two monkeys falls from the lowest to the highest coherence, rounded."""

FIGURE = "Soo et al. 2024, Figure 5"
MONKEYS = "Roitman & Shadlen 2002"


@dataclass(frozen=True)
class PixelOptions:
    """Options of pixel tasks.

    Attributes
    ----------
    tasks : tasks that have short movies here.
    models : rows of the table of models of kind "multi_area".
    seeds : networks per task and model; they count up from the seed.
    updates : largest number of updates of each stage of training; None is that of the task, which is the same for all
        models.
    trials : number of test trials for accuracies.
    curve_trials : number of test trials for the curves of random dots.
    threshold : probability at which an answer counts as given, for reaction times. It is the one number that is chosen
        with a look at the monkeys: a higher one makes answers later and better.
    monkeys : CSV file of Roitman & Shadlen (2002); "" leaves the comparison out.
    """

    tasks: tuple[str, ...] = tuple(MOVIES)
    models: tuple[str, ...] = FRONTS
    seeds: int = 1
    updates: int | None = None
    trials: int = 500
    curve_trials: int = 3000
    threshold: float = 0.75
    monkeys: str = ""

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        for name in ("trials", "curve_trials"):
            check_count(getattr(self, name), name, 1)
        if self.updates is not None:
            check_count(self.updates, "updates", 1)
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must be above 0 and below 1, got {self.threshold:g}")
        for name in ("tasks", "models"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name} must hold at least 1, each once, got {', '.join(map(str, values))}")
        if unknown := [name for name in self.tasks if name not in MOVIES]:
            raise ValueError(f"tasks must be among {', '.join(MOVIES)}, got {unknown[0]!r}")


CLAIMS = (
    Claim("learns", "A network with this front end learns every task from movies.", FIGURE,
          "lowest accuracy over tasks, new trials of all seeds together; of random dots those of the highest coherence",
          at_least(LEARNT), of="trials"),
    Claim("ordered", "Accuracy does not fall where coherence rises.", "psychometric curve",
          "largest fall of accuracy between neighbouring coherences", at_most(0.05), of="trials"),
    Claim("guesses", "Without coherence the network answers at chance.", "psychometric curve",
          "accuracy at coherence 0", Expected(0.45, 0.55), of="trials"),
    Claim("motion", "A front end with dynamics sees motion better than the static one.", FIGURE,
          "accuracy on random dots less that of the static front end", Expected(low=0.0, strict=True), of="trials"),
    Claim("accuracy_of_monkeys", "Accuracy at every coherence is that of monkeys.", MONKEYS,
          "root of the mean squared difference of accuracies from the mean of two monkeys", at_most(0.05), of="trials"),
    Claim("times_of_monkeys", "Reaction times fall with coherence as those of monkeys.", MONKEYS,
          "median reaction time at the lowest coherence less that at the highest, ms", Expected(*FALL_MS), of="trials"),
)  # fmt: skip
