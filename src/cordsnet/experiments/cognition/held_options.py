"""Options of held_attractors, and what it claims."""

from dataclasses import dataclass

from cordsnet._checks import check_count, check_positive
from cordsnet.experiments.claims import Claim, at_least, at_most
from cordsnet.experiments.cognition.held_efforts import HELD, LARGE
from cordsnet.experiments.cognition.recurrences import spec_options
from cordsnet.experiments.training_claims import check_seeds

SOURCE = "Soo et al. 2024, Figures 1B and S1 to S4"


@dataclass(frozen=True)
class HeldOptions:
    """Options of held_attractors: tasks, networks, how they are trained and how they are asked.

    Attributes
    ----------
    tasks : tasks of which an attractor is expected; one network of each model and seed learns each.
    models : rows of the table of models that read vectors.
    units : units of each of them.
    large : tasks that a network of at least 10,000 units learns too; one network each.
    seeds : networks per task and model; they count up from the seed.
    updates, batch : of every stage of training, at most; None takes those of the table of efforts.
    trials : number of test trials for accuracies.
    slow_ms : time beyond which a direction of a network counts as slow, ms: ten time constants. For a rhythm it is
        four turns of the task's answer.
    starts : trials whose states are the starts of a network, at least 12 in each part of the question.
    """

    tasks: tuple[str, ...] = tuple(HELD)
    models: tuple[str, ...] = ("vector_rnn_dense_small", "vector_rnn_conv_small")
    units: int = 128
    large: tuple[str, ...] = tuple(LARGE)
    seeds: int = 1
    updates: int | None = None
    batch: int | None = None
    trials: int = 500
    slow_ms: float = 1000.0
    starts: int = 192

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        check_count(self.units, "units", 2)
        check_count(self.trials, "trials", 1)
        check_count(self.starts, "starts", 12)
        check_positive(self.slow_ms, "slow_ms")
        for name in ("updates", "batch"):
            if (value := getattr(self, name)) is not None:
                check_count(value, name, 1)
        for name, known, least in (("tasks", HELD, 1), ("large", LARGE, 0)):
            given = getattr(self, name)
            if unknown := [one for one in given if one not in known]:
                raise ValueError(f"{name} must be among {', '.join(known)}, got {unknown[0]!r}")
            if len(given) < least or len(set(given)) < len(given):
                raise ValueError(f"{name} must hold at least {least}, each once, got {', '.join(given) or 'none'}")
        if not self.models or len(set(self.models)) < len(self.models):
            raise ValueError(f"models must hold at least one, each once, got {', '.join(self.models) or 'none'}")
        for name in self.models:
            spec_options(name, self.units, 1.0)


CLAIMS = (
    Claim("held", "Networks that learnt a task over long delays hold its attractor.", SOURCE,
          "share of these very networks, of those that answer 90 % of new trials, in which spectrum, pushes and "
          "topology name points (flip-flop), a line (parametric memory), a ring (delayed saccade) or "
          "a cycle (sequence, either way round)", at_least(1), exact=True, of="networks"),
    Claim("control", "Before training none of these networks holds points, a line, a ring or a cycle.", "this package",
          "number of these very networks in which three witnesses name one of those", at_most(0), exact=True,
          of="networks"),
)  # fmt: skip
