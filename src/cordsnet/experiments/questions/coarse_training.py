"""Networks trained at a few coarse steps and simulated finely, and the reverse."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from cordsnet._checks import check_positive
from cordsnet.dynamics import simulate
from cordsnet.errors import DivergedError, RunError
from cordsnet.experiments.ablations.changes import changed_dynamics
from cordsnet.experiments.claims import Claim, Measured, at_least, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import mean_over_runs
from cordsnet.experiments.needs import SCORES, free_step
from cordsnet.experiments.recipes import base_recipe
from cordsnet.experiments.result import Result
from cordsnet.experiments.training_claims import check_seeds
from cordsnet.stimuli import show
from cordsnet.training import Recipe, Run, StageReport, TrainDynamics, sweep

Row = dict[str, Any]


@dataclass(frozen=True)
class CoarseTrainingOptions:
    """Training, and the steps of training and of simulation.

    Attributes
    ----------
    recipe : the training whose step is varied: a recipe's name, or your own as file.py:function.
    trained_dts_ms : steps at which networks are trained, two or more.
    simulated_dts_ms : steps at which all of them are tested, beside these.
    seeds : networks per step of training; they count up from the seed.
    """

    recipe: str = "smoke_steps"
    trained_dts_ms: tuple[float, ...] = (10.0, 2.0)
    simulated_dts_ms: tuple[float, ...] = (5.0, 1.0)
    seeds: int = 2

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        for dt in (*self.trained_dts_ms, *self.simulated_dts_ms):
            check_positive(dt, "trained_dts_ms and simulated_dts_ms")
        if len(set(self.trained_dts_ms)) < 2:
            raise ValueError(f"trained_dts_ms must hold at least two different steps, got {list(self.trained_dts_ms)}")

    @property
    def tested_dts_ms(self) -> tuple[float, ...]:
        """All steps at which networks are tested, coarsest first."""
        return tuple(sorted({*self.trained_dts_ms, *self.simulated_dts_ms}, reverse=True))


REVIEWER = "reviewer: is the network more than one that is unrolled for a few coarse steps?"
CLAIMS = (
    Claim("coarse_to_fine", "A network that is trained at a few coarse steps reads as well at fine ones.", REVIEWER,
          "test accuracy at the finest step of training less that at its own, trained at the coarsest", at_least(-0.05),
          of="networks"),
    Claim("fine_to_coarse", "A network that is trained at fine steps reads as well at a few coarse ones.", REVIEWER,
          "test accuracy at the coarsest step of training less that at its own, trained at the finest", at_least(-0.05),
          of="networks"),
    Claim("finer_than_trained", "A network that is trained at fine steps reads as well at finer ones.",
          "numerical analysis: convergence to the solution of the equation",
          "test accuracy at the finest step less that at its own, trained at the finest", at_least(-0.05),
          of="networks"),
    Claim("coarse_suffices", "Training at a few coarse steps costs no accuracy.", REVIEWER,
          "test accuracy of networks trained at the coarsest step less that at the finest, each at its own, by seed",
          at_least(-0.05), of="pairs of networks"),
)  # fmt: skip


@experiment(
    "coarse_training",
    options=CoarseTrainingOptions,
    presets={
        "smoke": Preset(CoarseTrainingOptions(), 1.0, 1.0),
        "desk": Preset(CoarseTrainingOptions("desk_steps", seeds=3), 6.0, 2.0),
        "paper": Preset(CoarseTrainingOptions("paper_steps", (10.0, 5.0, 2.0), (1.0,), seeds=5), 60.0 * 24 * 15, 64.0),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)
def coarse_training(setting: Setting, options: CoarseTrainingOptions) -> Result:
    """Accuracy of networks trained at coarse and at fine steps, simulated at all of them.

    Networks of one seed start from the same weights and see the same batches. The table "networks" has a row for each,
    with its accuracy at every step as "accuracy/STEP" and the share of test images with the same answer as at the step
    of its training as "agreement/STEP"; "accuracy" has a row for each step of training and of simulation, with means
    over networks. A network whose training diverged has no accuracy; one that diverges at a step has none there.

    Raises RunError when a run failed for another reason than divergence.
    """
    runs = step_runs(options, setting.seed)
    measure = MeasureSteps(options.tested_dts_ms)
    rows = sweep(runs, setting.folder(), measure=measure, workers=setting.workers, progress=setting.progress)
    for row in rows:
        if row["status"] == "failed":
            raise RunError(f"run {row['run']!r} failed: {row['error']}")
    about = {"image_ms": trial_stage(base_recipe(options.recipe)).objective.trial.image}
    tables = {"networks": tuple(rows), "accuracy": tuple(accuracy_rows(rows, options))}
    return Result(tables, claims=decide(CLAIMS, compare(rows, options)), meta=about)


def step_runs(options: CoarseTrainingOptions, seed: int = 0) -> list[Run]:
    """One run per step of training and seed; seeds last, so that what was interrupted has all steps for the first."""
    recipe = base_recipe(options.recipe)
    trial_stage(recipe)
    return [
        Run(
            f"dt={dt:g}/seed={k}",
            dataclasses.replace(changed_dynamics(_at(dt))(recipe), seed=k),
            {"trained_ms": dt},
        )
        for k in range(seed, seed + options.seeds)
        for dt in options.trained_dts_ms
    ]


def trial_stage(recipe: Recipe) -> TrainDynamics:
    """The last stage of a recipe. Raises ValueError unless it trains dynamics."""
    stage = recipe.stages[-1]
    if not isinstance(stage, TrainDynamics):
        raise ValueError(f"recipe {recipe.name!r} must end with the training of dynamics, got stage {stage.name!r}")
    return stage


def _at(dt: float) -> Any:
    return lambda stage: dataclasses.replace(stage, dt_ms=dt)


@dataclass(frozen=True)
class MeasureSteps:
    """Test accuracy of the network with which a run ended at several steps, and agreement with the step of training."""

    dts: tuple[float, ...]

    def __call__(self, recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, float]:
        """Columns of the table; NaN at steps at which the network diverges."""
        stage = trial_stage(recipe)
        model: Any = reports[stage.name].model().eval()
        if lack := free_step(model):
            raise RunError(f"the network of stage {stage.name!r} {lack}")
        test = recipe.load_data().test
        split = test.take(len(test)).to(model)
        found = {dt: _answers(model, split.images, stage.objective.trial.image, dt) for dt in self.dts}
        own = found[stage.dt_ms or model.dt_ms]
        columns = {}
        for dt, answers in found.items():
            columns[f"accuracy/{dt:g}"] = _share(answers, split.labels)
            columns[f"agreement/{dt:g}"] = _share(answers, own)
        return columns


@torch.no_grad()
def _answers(model: Any, images: torch.Tensor, ms: float, dt: float) -> torch.Tensor | None:
    """Answers at the end of the image [B]; None where the network diverges."""
    try:
        return simulate(model, show(images, ms), dt=dt).outputs[SCORES][-1].argmax(1)
    except DivergedError:
        return None


def _share(answers: torch.Tensor | None, wanted: torch.Tensor | None) -> float:
    return math.nan if answers is None or wanted is None else float((answers == wanted).double().mean())


def compare(rows: Sequence[Row], options: CoarseTrainingOptions) -> dict[str, Measured]:
    """Measure the claims, each over differences within a network or within a pair of networks of one seed."""
    coarse, fine, finest = max(options.trained_dts_ms), min(options.trained_dts_ms), min(options.tested_dts_ms)
    read = {(row["trained_ms"], row["seed"]): row for row in rows if row["status"] == "finished"}
    seeds = sorted({seed for _, seed in read})

    def differences(first: tuple[float, float], second: tuple[float, float]) -> Measured:
        """Trained at and simulated at, less the same of another."""
        pairs = [
            [read.get((trained, seed), {}).get(f"accuracy/{dt:g}", math.nan) for trained, dt in (first, second)]
            for seed in seeds
        ]
        return mean_over_runs([one - other for one, other in pairs if math.isfinite(one - other)])

    found = {
        "coarse_to_fine": differences((coarse, fine), (coarse, coarse)),
        "fine_to_coarse": differences((fine, coarse), (fine, fine)),
        "coarse_suffices": differences((coarse, coarse), (fine, fine)),
    }
    return found | ({"finer_than_trained": differences((fine, finest), (fine, fine))} if finest < fine else {})


def accuracy_rows(rows: Sequence[Row], options: CoarseTrainingOptions) -> list[Row]:
    """A row for each step of training and of simulation: mean accuracy over networks with Student's interval."""
    found = []
    for trained in sorted(set(options.trained_dts_ms), reverse=True):
        mine = [row for row in rows if row["status"] == "finished" and row["trained_ms"] == trained]
        for dt in options.tested_dts_ms:
            row: Row = {"trained_ms": trained, "simulated_ms": dt}
            for name in ("accuracy", "agreement"):
                values = [row[f"{name}/{dt:g}"] for row in mine]
                measured = mean_over_runs([value for value in values if math.isfinite(value)])
                low, high = measured.interval or (math.nan, math.nan)
                row |= {name: measured.value, f"{name}_low": max(low, 0.0), f"{name}_high": min(high, 1.0)}
                row.setdefault("networks", measured.n or 0)
            found.append(row)
    return found
