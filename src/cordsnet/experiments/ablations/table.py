"""The table of ablations, with the claims that each decides."""

from types import SimpleNamespace

from cordsnet.experiments.ablations.ablation import Ablation, AblationOptions, run_ablation
from cordsnet.experiments.ablations.changes import (
    both,
    by_value,
    same,
    short,
    with_contraction,
    with_decay,
    with_recurrence,
    with_times,
    with_weights,
)
from cordsnet.experiments.claims import Claim, above, at_least
from cordsnet.experiments.experiment import Experiment, Setting, experiment
from cordsnet.experiments.result import Result
from cordsnet.registry import Registry
from cordsnet.training import Contraction

ABLATIONS: Registry[Ablation] = Registry("ablation")
QUIET, EQUAL = with_weights(spontaneous_weight=0.0), with_weights(first_weight=1.0, last_weight=1.0)
LAST_STEP = with_times(decision=2.0)

SHARE = "share of monostable networks with {} less that with {}"
SOURCE = "Soo et al. 2024, ablation of {}"


def _claim(name: str, statement: str, source: str, measure: str) -> Claim:
    return Claim(name, statement, source, measure, above(0.0), of="networks")


def _monostable(name: str, statement: str, source: str, first: str, second: str) -> Claim:
    return _claim(name, statement, source, SHARE.format(first, second))


ABLATIONS.add(
    "spontaneous_weight",
    Ablation(
        "six coefficients of the spontaneous penalty",
        "coefficient of the spontaneous penalty",
        by_value((0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1), lambda value: with_weights(spontaneous_weight=value)),
        (
            _monostable("penalty_helps", "The penalty of the paper makes networks monostable.",
                        SOURCE.format("the spontaneous penalty"), "1e-3", "0"),
        ),
        {"penalty_helps": ("1e-3", "0", "monostable")},
        paper_seeds=20,
    ),
)  # fmt: skip
ABLATIONS.add(
    "log_weights",
    Ablation(
        "five scales of the log-spaced weights; from 1 to 1 they are all equal",
        "first of the log-spaced weights (the last is 1)",
        by_value((1e-4, 1e-3, 1e-2, 1e-1, 1.0), lambda value: with_weights(first_weight=value)),
        (
            _monostable("log_weights_help", "Log-spaced weights of the loss keep networks from being transient.",
                        SOURCE.format("the log-spaced weights"), "1e-3", "1"),
        ),
        {"log_weights_help": ("1e-3", "1", "monostable")},
    ),
)  # fmt: skip
ABLATIONS.add(
    "weight_decay",
    Ablation(
        "spontaneous penalty against weight decay",
        "what keeps weights or rates small",
        {
            "neither": QUIET,
            "penalty 1e-3": with_weights(spontaneous_weight=1e-3),
            **{f"decay {short(decay)}": both(QUIET, with_decay(decay)) for decay in (1e-2, 1e-1, 1.0)},
        },
        (
            _monostable("penalty_beats_decay", "The penalty does what weight decay does not.",
                        "reviewer: is weight decay enough?", "penalty 1e-3", "decay 1e-2"),
        ),
        {"penalty_beats_decay": ("penalty 1e-3", "decay 1e-2", "monostable")},
    ),
)  # fmt: skip
ABLATIONS.add(
    "fewer_steps",
    Ablation(
        "images shown for fewer steps in training, the decision window in proportion",
        "trained duration of an image (ms)",
        by_value((40.0, 80.0, 120.0, 200.0), lambda ms: with_times(image=ms, decision=round(0.3 * ms))),
        (
            _monostable("long_trials_help", "Networks trained on long trials are monostable more often.",
                        "reviewer: are 100 steps needed?", "200", "40"),
        ),
        {"long_trials_help": ("200", "40", "monostable")},
    ),
)  # fmt: skip
ABLATIONS.add(
    "loss_terms",
    Ablation(
        "terms of the loss left out",
        "objective",
        {
            "full": same,
            "no penalty": QUIET,
            "equal weights": EQUAL,
            "neither": both(QUIET, EQUAL),
            "last step alone": LAST_STEP,
        },
        (
            _monostable("both_terms_help", "With both terms networks are monostable more often than with neither.",
                        SOURCE.format("the objective"), "full", "neither"),
        ),
        {"both_terms_help": ("full", "neither", "monostable")},
    ),
)  # fmt: skip
ABLATIONS.add(
    "top_area",
    Ablation(
        "only the top area recurrent, trained from random weights (it has no feedforward twin)",
        "recurrent areas",
        {"all": with_recurrence("all"), "top alone": with_recurrence("top")},
        (
            _claim("recurrence_helps", "Recurrence in every area reads better than in the top area alone.",
                   "reviewer: which areas need recurrence?", "test accuracy with all less that with top alone"),
        ),
        {"recurrence_helps": ("all", "top alone", "accuracy")},
        route="direct",
    ),
)  # fmt: skip
NORM, SYMMETRIC = "norm below 0.95", "symmetric part below 0.95"
ABLATIONS.add(
    "contraction",
    Ablation(
        "spontaneous penalty against a constraint under which one attractor is proven",
        "what keeps networks monostable",
        {
            "neither": QUIET,
            "penalty 1e-3": with_weights(spontaneous_weight=1e-3),
            NORM: both(QUIET, with_contraction(Contraction(0.95, "norm"))),
            SYMMETRIC: both(QUIET, with_contraction(Contraction(0.95, "hermitian"))),
        },
        (
            _claim("constraint_proves", "The constraint proves one attractor where the penalty does not.",
                   "reviewer: is stability guaranteed?",
                   f"share of networks that are proven monostable with {NORM} less that with penalty 1e-3"),
            Claim("constraint_costs_nothing", "The constraint costs no accuracy.",
                  "reviewer: what does the guarantee cost?", f"test accuracy with {NORM} less that with neither",
                  at_least(-0.05), of="networks"),
        ),
        {
            "constraint_proves": (NORM, "penalty 1e-3", "certified"),
            "constraint_costs_nothing": (NORM, "neither", "accuracy"),
        },
    ),
)  # fmt: skip


def _enter(name: str, ablation: Ablation) -> Experiment[AblationOptions]:
    def run(setting: Setting, options: AblationOptions) -> Result:
        return run_ablation(ablation, setting, options)

    return experiment(
        name,
        options=AblationOptions,
        presets=ablation.presets(),
        claims=ablation.claims,
        trains=True,
        default="smoke",
        description=f"Ablation: {ablation.description}.",
    )(run)


ROWS = SimpleNamespace(**{name: _enter(name, ABLATIONS[name]) for name in ABLATIONS})
"""An experiment for each ablation in `EXPERIMENTS`."""
