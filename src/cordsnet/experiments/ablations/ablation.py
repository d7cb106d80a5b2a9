"""Ablations: one thing is varied, all else equal, and the regime of the trained networks is found."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from cordsnet.analysis import Regime, RegimeSettings, classify_regime
from cordsnet.analysis.networks.certificates import certify_monostable
from cordsnet.errors import RunError
from cordsnet.experiments.ablations.changes import Change
from cordsnet.experiments.claims import Claim, Measured, decide
from cordsnet.experiments.experiment import Preset, Setting
from cordsnet.experiments.needs import rate_equation
from cordsnet.experiments.pairs import some_of_each_class
from cordsnet.experiments.recipes import base_recipe
from cordsnet.experiments.result import Result
from cordsnet.experiments.training_claims import check_seeds, column_difference, share_of
from cordsnet.training import (
    Recipe,
    Run,
    StageReport,
    TrainDynamics,
    Trial,
    accuracy,
    sweep,
)

Row: TypeAlias = dict[str, Any]
By: TypeAlias = Literal["monostable", "certified", "accuracy"]


@dataclass(frozen=True)
class AblationOptions:
    """Options of an ablation: the training, and the number of networks.

    Attributes
    ----------
    recipe : the training that is varied: a recipe's name, or your own as file.py:function.
    direct : the same network from random weights, for ablations whose networks have no feedforward twin.
    seeds : networks per value; they count up from the seed.
    probes_per_class : test images of each class with which a network is probed.
    """

    recipe: str = "smoke"
    direct: str = "smoke"
    seeds: int = 2
    probes_per_class: int = 2

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        if self.probes_per_class < 1:
            raise ValueError(f"probes_per_class must be at least 1, got {self.probes_per_class}")


@dataclass(frozen=True)
class Ablation:
    """One thing varied, all else equal.

    Attributes
    ----------
    description : one line.
    varies : what the values are of, as an axis is labelled.
    values : the value in words -> the recipe with it.
    claims : what the ablation decides.
    compared : name of a claim -> the two values that it compares, and by what: the share of monostable or of certified
        networks, or accuracy.
    paper_seeds : networks per value at paper scale.
    route : "recipe", the training of the options, or "direct", from random weights.
    """

    description: str
    varies: str
    values: Mapping[str, Change]
    claims: tuple[Claim, ...]
    compared: Mapping[str, tuple[str, str, By]]
    paper_seeds: int = 10
    route: Literal["recipe", "direct"] = "recipe"

    def runs(self, options: AblationOptions, seed: int = 0) -> list[Run]:
        """One run per value and seed."""
        recipe = base_recipe(options.recipe if self.route == "recipe" else options.direct)
        return [
            Run(f"{_folder(value)}/seed={k}", dataclasses.replace(change(recipe), seed=k), {"value": value})
            for value, change in self.values.items()
            for k in range(seed, seed + options.seeds)
        ]

    def presets(self) -> dict[str, Preset[AblationOptions]]:
        """A minute or two, an evening, a cluster."""
        runs = len(self.values)
        paper = AblationOptions("paper", "paper_direct", self.paper_seeds)
        return {
            "smoke": Preset(AblationOptions(), 0.15 * 2 * runs, 1.0),
            "desk": Preset(AblationOptions("digits_paper", "desk_direct", 5), 3.0 * 5 * runs, 2.0),
            "paper": Preset(paper, 60.0 * 24 * 2 * self.paper_seeds * runs, 64.0),
        }


def run_ablation(ablation: Ablation, setting: Setting, options: AblationOptions) -> Result:
    """Train every network of an ablation and classify it.

    Each row of the table "networks" holds the value, the seed, the regime, the evidence for it (`RegimeEvidence`),
    whether one attractor is proven (`Certificate`) and the test accuracy at the trained duration. A network whose rates
    or loss stopped being finite in training is unstable, and has no accuracy.

    Raises RunError when a run failed for another reason than divergence.
    """
    runs = ablation.runs(options, setting.seed)
    measure = MeasureRegime(options.probes_per_class)
    swept = sweep(runs, setting.folder(), measure=measure, workers=setting.workers, progress=setting.progress)
    rows = [_labelled(row) for row in swept]
    found = {name: _compare(rows, *values) for name, values in ablation.compared.items()}
    about = {"varies": ablation.varies, "values": list(ablation.values)}
    return Result({"networks": tuple(rows)}, claims=decide(ablation.claims, found), meta=about)


@dataclass(frozen=True)
class MeasureRegime:
    """Regime, evidence, certificate and test accuracy of the network with which a run ended."""

    probes_per_class: int

    def __call__(self, recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, str | int | float]:
        """Columns of the table."""
        stage = recipe.stages[-1]
        model: Any = reports[stage.name].model()
        if lack := rate_equation(model):
            raise RunError(f"the network of stage {stage.name!r} {lack}, so it has no regime")
        trial = stage.objective.trial if isinstance(stage, TrainDynamics) else Trial()
        test = recipe.load_data().test
        probes = some_of_each_class(test, self.probes_per_class).to(model)
        settings = RegimeSettings(image_ms=trial.image, tau_ms=model.spec.tau_ms)
        report = classify_regime(model, probes.images, probes.labels, settings)
        certificate = certify_monostable(model)
        proven: dict[str, str | int | float] = {"certified": certificate.certified, "bound": certificate.bound}
        return {"accuracy": accuracy(model, test, trial.image), **report.row(), **proven}


def _compare(rows: Sequence[Row], first: str, second: str, by: By) -> Measured:
    if by == "accuracy":
        return column_difference(rows, "accuracy", "value", first, second)
    column, wanted = ("regime", Regime.MONOSTABLE.value) if by == "monostable" else ("certified", True)
    return share_of(rows, "value", first, second, column, wanted)


def _labelled(row: Row) -> Row:
    if row["status"] == "finished":
        return row
    if row["status"] == "diverged":
        return row | {"regime": Regime.UNSTABLE.value}
    raise RunError(f"run {row['run']!r} failed: {row['error']}")


def _folder(value: str) -> str:
    return value.replace(" ", "_").replace(",", "")
