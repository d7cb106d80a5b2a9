"""The ablations of the paper: what is left out or varied, and in which regime networks then end."""

import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas
import torch

from cordsnet._files import write_whole
from cordsnet.analysis import Regime, RegimeSettings, classify_regime
from cordsnet.analysis.networks.certificates import certify_monostable
from cordsnet.data import Split
from cordsnet.errors import RunError
from cordsnet.experiments.scales import SCALES
from cordsnet.models import CordsNet
from cordsnet.registry import Registry
from cordsnet.training import (
    Contraction,
    Measure,
    Recipe,
    Run,
    Stage,
    StageReport,
    TrainDynamics,
    Trial,
    accuracy,
    sweep,
)

Change: TypeAlias = Callable[[Recipe], Recipe]
Row: TypeAlias = dict[str, Any]

PROBES_PER_CLASS = 2
"""Test images of each class with which a network is probed."""


@dataclass(frozen=True)
class Ablation:
    """One thing varied, all else equal.

    Attributes
    ----------
    description : one line.
    varies : what the values are of, as an axis is labelled.
    values : the value in words -> the recipe with it.
    paper_seeds : networks per value at paper scale.
    route : "base", the training of the scale, or "direct", from random weights.
    """

    description: str
    varies: str
    values: Mapping[str, Change]
    paper_seeds: int = 10
    route: Literal["base", "direct"] = "base"

    def runs(self, scale: str, seeds: int | None = None) -> list[Run]:
        """One run per value and seed; seeds count up from 0. Raises ValueError for unknown scales or no seeds."""
        row = SCALES[scale]
        count = (row.seeds or self.paper_seeds) if seeds is None else seeds
        if count < 1:
            raise ValueError(f"seeds must be at least 1, got {count}")
        recipe = (row.base if self.route == "base" else row.direct)()
        return [
            Run(f"{_folder(value)}/seed={seed}", dataclasses.replace(change(recipe), seed=seed), {"value": value})
            for value, change in self.values.items()
            for seed in range(count)
        ]


ABLATIONS: Registry[Ablation] = Registry("ablation")


def run_ablation(
    name: str, scale: str, output: str | Path, *, seeds: int | None = None, workers: int = 1, progress: bool = False
) -> list[Row]:
    """Train every network of an ablation, classify it, and write `output/table.parquet`.

    Each row holds the value, the seed, the regime, the evidence for it (`RegimeEvidence`), whether one attractor is
    proven (`Certificate`) and the test accuracy at the trained duration. A network whose rates or loss stopped being
    finite in training is unstable, and has no accuracy.

    Raises ValueError for unknown names, and RunError when a run failed for another reason than divergence.
    """
    runs = ABLATIONS[name].runs(scale, seeds)
    measure: Measure = measure_regime
    rows = [_labelled(row) for row in sweep(runs, output, measure=measure, workers=workers, progress=progress)]
    content = io.BytesIO()
    pandas.DataFrame(rows).to_parquet(content, index=False)
    write_whole(Path(output) / "table.parquet", content.getvalue())
    return rows


def measure_regime(recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, str | int | float]:
    """Regime, evidence, certificate and test accuracy of the network with which a run ended."""
    stage = recipe.stages[-1]
    model = reports[stage.name].model()
    if not isinstance(model, CordsNet):
        raise RunError(f"stage {stage.name!r} ended with a feedforward network, which has no regime")
    trial = stage.objective.trial if isinstance(stage, TrainDynamics) else Trial()
    test = recipe.load_data().test
    probes = some_of_each_class(test, PROBES_PER_CLASS).to(model)
    settings = RegimeSettings(image_ms=trial.image, tau_ms=model.spec.tau_ms)
    report = classify_regime(model, probes.images, probes.labels, settings)
    certificate = certify_monostable(model)
    proven: dict[str, str | int | float] = {"certified": certificate.certified, "bound": certificate.bound}
    return {"accuracy": accuracy(model, test, trial.image), **report.row(), **proven}


def some_of_each_class(split: Split, count: int) -> Split:
    """The first `count` images of each class."""
    rows = torch.cat([(split.labels == label).nonzero()[:count, 0] for label in torch.unique(split.labels)])
    return dataclasses.replace(split, pixels=split.images[rows], labels=split.labels[rows], normalise=None)


def _labelled(row: Row) -> Row:
    if row["status"] == "finished":
        return row
    if row["status"] == "diverged":
        return row | {"regime": Regime.UNSTABLE.value}
    raise RunError(f"run {row['run']!r} failed: {row['error']}")


def _folder(value: str) -> str:
    return value.replace(" ", "_").replace(",", "")


def _dynamics(change: Callable[[TrainDynamics], TrainDynamics]) -> Change:
    """A change of every stage that trains the dynamics."""

    def changed(recipe: Recipe) -> Recipe:
        stages: list[Stage] = [change(s) if isinstance(s, TrainDynamics) else s for s in recipe.stages]
        return dataclasses.replace(recipe, stages=tuple(stages))

    return changed


def _objective(**weights: float) -> Change:
    """Other weights of the objective. The linear stage has no spontaneous term, and keeps none."""

    def change(stage: TrainDynamics) -> TrainDynamics:
        changed: dict[str, Any] = dict(weights)
        if stage.slopes == (1.0,):
            changed["spontaneous_weight"] = 0.0
        return dataclasses.replace(stage, objective=dataclasses.replace(stage.objective, **changed))

    return _dynamics(change)


def _decay(weight_decay: float) -> Change:
    return _dynamics(
        lambda stage: dataclasses.replace(
            stage, optimisation=dataclasses.replace(stage.optimisation, weight_decay=weight_decay)
        )
    )


def _contraction(contraction: Contraction) -> Change:
    return _dynamics(lambda stage: dataclasses.replace(stage, contraction=contraction))


def _times(**times: float) -> Change:
    """Other times of a trial, ms."""

    def change(stage: TrainDynamics) -> TrainDynamics:
        trial = dataclasses.replace(stage.objective.trial, **times)
        return dataclasses.replace(stage, objective=dataclasses.replace(stage.objective, trial=trial))

    return _dynamics(change)


def _recurrence(areas: Literal["all", "top"]) -> Change:
    return lambda recipe: dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, recurrent=areas))


def _both(first: Change, second: Change) -> Change:
    return lambda recipe: second(first(recipe))


def _same(recipe: Recipe) -> Recipe:
    return recipe


def _labels(values: Sequence[float], change: Callable[[float], Change]) -> dict[str, Change]:
    return {_short(value): change(value) for value in values}


def _short(value: float) -> str:
    """1e-3 for 0.001, so that powers of ten look alike."""
    return f"{value:.0e}".replace("e-0", "e-") if 0 < value <= 0.1 else f"{value:g}"


QUIET, EQUAL = _objective(spontaneous_weight=0.0), _objective(first_weight=1.0, last_weight=1.0)
LAST_STEP = _times(decision=2.0)

ABLATIONS.add(
    "spontaneous_weight",
    Ablation(
        "six coefficients of the spontaneous penalty",
        "coefficient of the spontaneous penalty",
        _labels((0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1), lambda value: _objective(spontaneous_weight=value)),
        paper_seeds=20,
    ),
)
ABLATIONS.add(
    "log_weights",
    Ablation(
        "five scales of the log-spaced weights; from 1 to 1 they are all equal",
        "first of the log-spaced weights (the last is 1)",
        _labels((1e-4, 1e-3, 1e-2, 1e-1, 1.0), lambda value: _objective(first_weight=value)),
    ),
)
ABLATIONS.add(
    "weight_decay",
    Ablation(
        "spontaneous penalty against weight decay",
        "what keeps weights or rates small",
        {
            "neither": QUIET,
            "penalty 1e-3": _objective(spontaneous_weight=1e-3),
            **{f"decay {_short(decay)}": _both(QUIET, _decay(decay)) for decay in (1e-2, 1e-1, 1.0)},
        },
    ),
)
ABLATIONS.add(
    "fewer_steps",
    Ablation(
        "images shown for fewer steps in training, the decision window in proportion",
        "trained duration of an image (ms)",
        _labels((40.0, 80.0, 120.0, 200.0), lambda ms: _times(image=ms, decision=round(0.3 * ms))),
    ),
)
ABLATIONS.add(
    "loss_terms",
    Ablation(
        "terms of the loss left out",
        "objective",
        {
            "full": _same,
            "no penalty": QUIET,
            "equal weights": EQUAL,
            "neither": _both(QUIET, EQUAL),
            "last step alone": LAST_STEP,
        },
    ),
)
ABLATIONS.add(
    "top_area",
    Ablation(
        "only the top area recurrent, trained from random weights (it has no feedforward twin)",
        "recurrent areas",
        {"all": _recurrence("all"), "top alone": _recurrence("top")},
        route="direct",
    ),
)
ABLATIONS.add(
    "contraction",
    Ablation(
        "spontaneous penalty against a constraint under which one attractor is proven",
        "what keeps networks monostable",
        {
            "neither": QUIET,
            "penalty 1e-3": _objective(spontaneous_weight=1e-3),
            "norm below 0.95": _both(QUIET, _contraction(Contraction(0.95, "norm"))),
            "symmetric part below 0.95": _both(QUIET, _contraction(Contraction(0.95, "hermitian"))),
        },
    ),
)
