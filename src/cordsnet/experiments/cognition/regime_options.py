"""Options of dynamical_regimes, and what it claims."""

from dataclasses import dataclass
from typing import get_args

from cordsnet._checks import check_count, check_positive, is_number
from cordsnet.experiments.claims import Claim, above, at_least, at_most, below
from cordsnet.experiments.cognition.grown_attractors import QUESTIONS
from cordsnet.experiments.cognition.options import ExpressivityOptions
from cordsnet.models import MODELS
from cordsnet.models.vector_rnn import VectorSpec
from cordsnet.models.vector_rnn.spec import Phi

FIGURE, SUPPLEMENT = "Soo et al. 2024, Figure 1B", "Soo et al. 2024, Figures 1B and S1 to S4"


@dataclass(frozen=True)
class RegimesOptions(ExpressivityOptions):
    """Options of dynamical_regimes: networks that are scaled, and networks that are trained.

    The first are those of expressivity, for the networks that are trained; `seeds` is also that of scaled networks.

    Attributes
    ----------
    tasks : rows of the table of tasks of which an attractor is expected.
    scaled : rows of the table of models whose untrained networks are scaled, in their own size.
    gains : gains of the recurrence, at least two, from low to high; claims are about the first and the last.
    activation : of the networks that are scaled: "relu", "tanh" or "softplus". Rates of "relu" grow without bound where
        they are not stable.
    duration_tau : time over which an exponent is averaged, and in which a network has to settle, in time constants.
    slow_ms : time beyond which a direction of a trained network counts as slow, ms: ten time constants. For a rhythm
        it is one and a half turns of the task's answer.
    starts : trials whose states are the starts of a trained network, at least 12 in each part of the question.
    models, seeds : rows of the table of models that are trained, and networks of each per task.
    trials : number of test trials for accuracies.
    updates, batch, lr, timing, dt_ms, gain : of training, as in expressivity.
    """

    tasks: tuple[str, ...] = tuple(QUESTIONS)
    scaled: tuple[str, ...] = ("vector_rnn_dense", "vector_rnn_conv")
    gains: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 3.0, 4.5, 6.0)
    activation: str = "tanh"
    duration_tau: float = 200.0
    slow_ms: float = 1000.0
    starts: int = 48

    def __post_init__(self) -> None:
        super().__post_init__()
        if unknown := [name for name in self.tasks if name not in QUESTIONS]:
            raise ValueError(f"tasks must be among {', '.join(QUESTIONS)}, got {unknown[0]!r}")
        for name in self.scaled:
            if not isinstance(MODELS[name].spec, VectorSpec):
                raise ValueError(f"scaled must be networks that read vectors, such as vector_rnn_conv, got {name!r}")
        if len(set(self.scaled)) < max(1, len(self.scaled)):
            raise ValueError(f"scaled must hold at least one model, each once, got {', '.join(self.scaled)}")
        gains = self.gains
        if len(gains) < 2 or not all(is_number(gain) and gain > 0 for gain in gains) or list(gains) != sorted({*gains}):
            raise ValueError(f"gains must be at least two above 0, rising, got {', '.join(map(str, gains))}")
        if self.activation not in get_args(Phi):
            raise ValueError(f"activation must be one of {', '.join(get_args(Phi))}, got {self.activation!r}")
        if not (is_number(self.duration_tau) and self.duration_tau >= 30):
            raise ValueError(f"duration_tau must be at least 30 time constants, got {self.duration_tau!r}")
        check_positive(self.slow_ms, "slow_ms")
        check_count(self.starts, "starts", 12)


CLAIMS = (
    Claim("stable", "Networks of a low gain are stable.", FIGURE,
          "largest Lyapunov exponent (per time constant) of the networks of the lowest gain, the largest of all seeds; "
          "interval: 1.96 standard errors over time", below(0), of="networks"),
    Claim("chaotic", "Networks of a high gain are chaotic.", FIGURE,
          "largest Lyapunov exponent (per time constant) of the networks of the highest gain, the smallest of all "
          "seeds; interval: 1.96 standard errors over time", above(0), of="networks"),
    Claim("oscillates", "At some gain a network oscillates.", FIGURE,
          "number of networks of the sweep whose largest exponent is zero, that do not come to rest, and whose orbit "
          "closes", at_least(1), exact=True, of="networks"),
    Claim("attractor", "Networks that learnt a task settle onto its attractor.", SUPPLEMENT,
          "share of these very networks, of those that answer 90 % of new trials, in which spectrum, pushes and "
          "topology name points (match to sample), a line (parametric memory), a ring (delayed saccade) or a cycle "
          "(sequence, either way round)", at_least(1), exact=True, of="networks"),
    Claim("control", "Before training none of these networks holds points, a line, a ring or a cycle.", "this package",
          "number of these very networks in which three witnesses name one of those", at_most(0), exact=True,
          of="networks"),
)  # fmt: skip
