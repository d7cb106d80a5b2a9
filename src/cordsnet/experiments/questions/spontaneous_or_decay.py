"""Spontaneous penalty against weight decay that makes recurrent weights as small: does it do more than that?"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.analysis import Regime
from cordsnet.data import Split
from cordsnet.dynamics import Record, simulate, spontaneous_state
from cordsnet.errors import DivergedError, RunError
from cordsnet.experiments.ablations.ablation import MeasureRegime
from cordsnet.experiments.ablations.changes import Change, both, short, with_decay, with_weights
from cordsnet.experiments.claims import Claim, Measured, above, at_least, below, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.pairs import some_of_each_class
from cordsnet.experiments.recipes import base_recipe
from cordsnet.experiments.result import Result
from cordsnet.experiments.training_claims import check_seeds, column_difference, finished, share_of
from cordsnet.models.capabilities import HasRecurrentKernels
from cordsnet.stimuli import blank, show
from cordsnet.training import Recipe, Run, StageReport, TrainDynamics, Trial, sweep

NEITHER = "neither"
GUESS = "reviewer: does the penalty only act as weight decay?"
MATCHED = "with the penalty less that with the weight decay of the nearest norm of recurrent weights"
FAR = 0.1
"""Norms that differ by more than this share are told in a note."""


@dataclass(frozen=True)
class SpontaneousOrDecayOptions:
    """Options of the comparison: the training that is varied, and by what.

    Attributes
    ----------
    recipe : the training: a recipe's name, or your own as file.py:function.
    penalty : coefficient of the spontaneous penalty.
    decays : weight decays without the penalty; that with the nearest norm of recurrent weights is compared.
    seeds : networks per value; they count up from the seed.
    probes_per_class : test images of each class with which a network is probed.
    """

    recipe: str = "digits_paper"
    penalty: float = 1e-3
    decays: tuple[float, ...] = (0.1, 1.0, 10.0)
    seeds: int = 5
    probes_per_class: int = 2

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        check_positive(self.penalty, "penalty")
        if not self.decays or len(set(self.decays)) < len(self.decays):
            raise ValueError(f"decays must hold at least one value and each once, got {self.decays}")
        for decay in self.decays:
            check_positive(decay, "decays")
        if self.probes_per_class < 1:
            raise ValueError(f"probes_per_class must be at least 1, got {self.probes_per_class}")

    @property
    def arms(self) -> dict[str, Change]:
        """The value in words -> the change of the recipe."""
        quiet = with_weights(spontaneous_weight=0.0)
        decays = {decay_name(decay): both(quiet, with_decay(decay)) for decay in self.decays}
        return {NEITHER: quiet, self.penalised: with_weights(spontaneous_weight=self.penalty), **decays}

    @property
    def penalised(self) -> str:
        """Name of the value with the penalty."""
        return f"penalty {short(self.penalty)}"


CLAIMS = (
    Claim("penalty_shrinks", "The spontaneous penalty makes recurrent weights smaller, as weight decay does.", GUESS,
          "norm of all recurrent kernels with the penalty less that with neither", below(0.0), of="networks"),
    Claim("more_monostable", "The penalty makes networks monostable more often than weight decay of the same norm.",
          GUESS, f"share of monostable networks {MATCHED}", above(0.0), of="networks"),
    Claim("returns_closer", "With the penalty rates return closer to baseline than with weight decay of the same norm.",
          GUESS, f"share of the response that is left when the blank after an image ends, {MATCHED}", below(0.0),
          of="networks"),
    Claim("quieter", "With the penalty spontaneous activity is lower than with weight decay of the same norm.", GUESS,
          f"mean spontaneous rate as a share of the mean rate under images, {MATCHED}", below(0.0), of="networks"),
    Claim("no_less_accurate", "The penalty costs no more accuracy than weight decay of the same norm.", GUESS,
          f"test accuracy {MATCHED}", at_least(-0.05), of="networks"),
)  # fmt: skip


@experiment(
    "spontaneous_or_decay",
    options=SpontaneousOrDecayOptions,
    presets={
        "smoke": Preset(SpontaneousOrDecayOptions("smoke", decays=(0.3,), seeds=2), 0.9, 1.0),
        "desk": Preset(SpontaneousOrDecayOptions(), 50.0, 2.0),
        "paper": Preset(SpontaneousOrDecayOptions("paper", seeds=20), 60.0 * 24 * 200, 64.0),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)
def spontaneous_or_decay(setting: Setting, options: SpontaneousOrDecayOptions) -> Result:
    """Spontaneous penalty against weight decay: regimes, accuracy, spontaneous activity and norms of recurrent weights.

    Networks with the penalty are compared with those of the weight decay whose mean norm of recurrent weights is
    nearest to theirs; which one that is depends on norms alone. A network that diverged is unstable and has no other
    numbers.

    Raises RunError when a run failed for another reason than divergence, and for networks without recurrent kernels.
    """
    recipe = base_recipe(options.recipe)
    runs = [
        Run(f"{value.replace(' ', '_')}/seed={k}", dataclasses.replace(change(recipe), seed=k), {"value": value})
        for value, change in options.arms.items()
        for k in range(setting.seed, setting.seed + options.seeds)
    ]
    measure = MeasureSpontaneous(options.probes_per_class)
    swept = sweep(runs, setting.folder(), measure=measure, workers=setting.workers, progress=setting.progress)
    rows = [_checked(row) for row in swept]
    matched, notes = nearest_decay(rows, options)
    tables = {"networks": rows, "values": _values(rows, options), "notes": notes}
    about = {"varies": "what keeps rates or weights small", "values": list(options.arms), "matched": matched}
    return Result(tables, claims=decide(CLAIMS, _measured(rows, options.penalised, matched)), meta=about)


@dataclass(frozen=True)
class MeasureSpontaneous:
    """Regime, accuracy, spontaneous activity and norm of recurrent weights of the network with which a run ended."""

    probes_per_class: int

    def __call__(self, recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, str | int | float]:
        """Columns of the table."""
        stage = recipe.stages[-1]
        model: Any = reports[stage.name].model()
        trial = stage.objective.trial if isinstance(stage, TrainDynamics) else Trial()
        probes = some_of_each_class(recipe.load_data().test, self.probes_per_class)
        regime = MeasureRegime(self.probes_per_class)(recipe, reports)
        return {**regime, "recurrent_norm": recurrent_norm(model), **activity(model, probes.to(model), trial)}


def recurrent_norm(model: Any) -> float:
    """Square root of the sum of squares of all recurrent kernels. Raises RunError for a network without any."""
    if not isinstance(model, HasRecurrentKernels):
        raise RunError(f"a {type(model).__name__} has no recurrent kernels whose norm could be matched")
    return math.sqrt(
        sum(float(kernel.detach().double().square().sum()) for kernel in model.recurrent_kernels().values())
    )


def activity(model: Any, probes: Split, trial: Trial) -> dict[str, float]:
    """Spontaneous rate, its share of the rate under images, and what is left of a response after the blank.

    Rates are means over units and images, averaged over areas; what is left is the root mean square distance from
    spontaneous activity when the blank ends over that when the image ends. A network whose rates stop being finite
    gets no numbers.
    """
    ends = (trial.image, trial.image + trial.after)
    try:
        baseline = spontaneous_state(model, ms=trial.before).rates
        protocol = show(probes.images, trial.image) + blank(trial.after)
        shown = simulate(model, protocol, record=Record("all", times_ms=ends, outputs=())).rates
    except DivergedError:
        return {}
    quiet = _mean([baseline[area].mean() for area in model.areas])
    driven = _mean([shown[area][0].mean() for area in model.areas])
    away = [[_distance(rates, baseline[area]) for rates in shown[area]] for area in model.areas]
    left = [float(end / start) if start else math.nan for start, end in away]
    share = quiet / driven if driven else math.nan
    return {"spontaneous_rate": quiet, "spontaneous_share": share, "left_after_blank": sum(left) / len(left)}


def nearest_decay(
    rows: Sequence[Mapping[str, Any]], options: SpontaneousOrDecayOptions
) -> tuple[str, list[dict[str, str]]]:
    """The weight decay with the mean norm nearest to that with the penalty, as a ratio; "" where none can be told."""
    norms = {value: finished([dict(row) for row in rows], "recurrent_norm", value=value) for value in options.arms}
    means = {value: sum(found) / len(found) for value, found in norms.items() if found}
    decays = [name for name in map(decay_name, options.decays) if means.get(name, 0.0) > 0]
    if options.penalised not in means or not decays:
        return "", [{"note": "no network with the penalty, or none with weight decay, finished; nothing is compared"}]
    own = means[options.penalised]
    nearest = min(decays, key=lambda name: abs(math.log(means[name] / own)))
    ratio = means[nearest] / own
    notes = [{"note": f"{options.penalised} is compared with {nearest}, whose norm is {ratio:.3g} of it"}]
    if abs(ratio - 1) > FAR:
        notes.append({"note": f"norms differ by more than {100 * FAR:g} %; give decays between those that were tried"})
    return nearest, notes


def decay_name(decay: float) -> str:
    """Name of the value with a weight decay."""
    return f"decay {short(decay)}"


def _measured(rows: list[dict[str, Any]], penalised: str, matched: str) -> dict[str, Measured]:
    found = {"penalty_shrinks": column_difference(rows, "recurrent_norm", "value", penalised, NEITHER)}
    if not matched:
        return found
    columns = {"returns_closer": "left_after_blank", "quieter": "spontaneous_share", "no_less_accurate": "accuracy"}
    compared = {
        claim: column_difference(rows, column, "value", penalised, matched) for claim, column in columns.items()
    }
    monostable = share_of(rows, "value", penalised, matched, "regime", Regime.MONOSTABLE.value)
    return {**found, **compared, "more_monostable": monostable}


def _values(rows: list[dict[str, Any]], options: SpontaneousOrDecayOptions) -> list[dict[str, Any]]:
    """Means over the finished networks of each value."""
    columns = ("accuracy", "recurrent_norm", "spontaneous_rate", "spontaneous_share", "left_after_blank")
    found = []
    for value in options.arms:
        mine = [row for row in rows if row["value"] == value]
        means = {column: _average(finished(mine, column)) for column in columns}
        monostable = sum(row["regime"] == Regime.MONOSTABLE.value for row in mine)
        found.append({"value": value, "networks": len(mine), "monostable": monostable, **means})
    return found


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its regime; a run that diverged is unstable. Raises RunError for one that failed otherwise."""
    if row["status"] == "failed":
        raise RunError(f"run {row['run']!r} failed: {row['error']}")
    return row if row["status"] == "finished" else row | {"regime": Regime.UNSTABLE.value}


def _distance(rates: Tensor, baseline: Tensor) -> Tensor:
    return (rates - baseline).square().mean().sqrt()


def _mean(values: Sequence[Tensor]) -> float:
    return float(torch.stack(list(values)).mean())


def _average(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
