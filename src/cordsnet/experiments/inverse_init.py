"""Ways to make a dynamical network from a folded CNN, side by side: how well each imitates it, and what that is worth.

The paper fits each linear area through three terms of a series. Beside it stand more terms, and fits of the
rectified network's settled rates by implicit gradients and by Gauss-Newton.
"""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordsnet.dynamics import Activation, Solver
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim, Measured, above, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.needs import rate_equation
from cordsnet.experiments.recipes import base_recipe
from cordsnet.experiments.result import Result
from cordsnet.experiments.training_claims import check_seeds, column_difference
from cordsnet.registry import Registry
from cordsnet.training import (
    GaussNewton,
    Imitate,
    InverseInit,
    Optimisation,
    Recipe,
    Run,
    Stage,
    StageReport,
    TrainCNN,
    TrainDynamics,
    accuracy,
    sweep,
)
from cordsnet.training.evaluate import BATCH as BATCH_SHOWN
from cordsnet.training.stages.imitate import imitation

INIT, CNN_FOLDER = "init", "cnn"
"""Name of the stage that differs, and folder of the CNNs that all schemes share."""

DT_MS = 5.0
"""Step of all training after the initialisation, ms, for speed; accuracy is read at the network's own step."""

MEASURED_WITH = Solver(tol=1e-3, max_iterations=40)
"""Solver of the settled rates of all schemes."""


@dataclass(frozen=True)
class Scheme:
    """One initialisation.

    Attributes
    ----------
    description : one line.
    stage : stage that makes the network.
    linear : True for a linear network, which is trained as such and annealed; any other is only fine-tuned.
    """

    description: str
    stage: Stage
    linear: bool


@dataclass(frozen=True)
class InverseInitOptions:
    """Options of the comparison of initialisations.

    Attributes
    ----------
    recipe : the recipe whose CNN, fold and training of the dynamics all schemes share.
    divide_updates : by which all updates are divided.
    seeds : networks per scheme; they count up from the seed.
    """

    recipe: str = "digits_paper"
    divide_updates: int = 10
    seeds: int = 2

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        if self.divide_updates < 1:
            raise ValueError(f"divide_updates must be at least 1, got {self.divide_updates}")


BATCH = 32
"""Images per update of the dynamics, for speed."""

DYNAMICS_UPDATES = {"linear": 30, "anneal": 100, "finetune": 70}
"""Updates after a linear initialisation; a rectified one is fine-tuned for as many as all three together."""

LINEAR_FIT = Optimisation(lr=1e-2, updates=400)
FIT = Optimisation(lr=1e-2, updates=200, batch=128, clip=1.0)

SCHEMES: Registry[Scheme] = Registry("scheme")
SCHEMES.add("paper", Scheme("three terms, penalty 10", InverseInit(optimisation=LINEAR_FIT), linear=True))
SCHEMES.add(
    "ten_terms",
    Scheme("ten terms, penalty 1", InverseInit(terms=10, penalty=1.0, optimisation=LINEAR_FIT), linear=True),
)
SCHEMES.add(
    "imitate_recurrence",
    Scheme("imitation: recurrent kernels", Imitate(fit="recurrence", optimisation=FIT), linear=False),
)
SCHEMES.add(
    "imitate_areas",
    Scheme("imitation: recurrent and feedforward kernels", Imitate(fit="areas", optimisation=FIT), linear=False),
)
SCHEMES.add("imitate_all", Scheme("imitation: all but the readout", Imitate(optimisation=FIT), linear=False))
SCHEMES.add(
    "imitate_bounded",
    Scheme(
        "imitation: all, norm below 1.5 in place of the penalty",
        Imitate(expansion_weight=0.0, norm_bound=1.5, optimisation=FIT),
        linear=False,
    ),
)
SCHEMES.add("gauss_newton", Scheme("Gauss-Newton, norm below 1.5", GaussNewton(), linear=False))


WHY = "reviewer: is the three-term series of the paper the best start?"
CLAIMS = (
    Claim("gauss_newton_fits", "Gauss-Newton leaves less of the CNN unexplained than the paper's scheme.", WHY,
          "unexplained variance of the top area by the paper's scheme less that by Gauss-Newton", above(0.0),
          of="networks"),
    Claim("gauss_newton_reads", "After fine-tuning it reads better, too.", WHY,
          "test accuracy with Gauss-Newton less that with the paper's scheme", above(0.0), of="networks"),
    Claim("feedforward_matters", "Feedforward kernels should be fitted together with recurrent ones.", WHY,
          "unexplained variance of the top area with recurrent kernels alone less that with both", above(0.0),
          of="networks"),
)  # fmt: skip


@experiment(
    "inverse_init",
    options=InverseInitOptions,
    presets={
        "smoke": Preset(InverseInitOptions(), 5.0, 2.0),
        "desk": Preset(InverseInitOptions(divide_updates=1, seeds=3), 60.0, 2.0),
        "paper": Preset(InverseInitOptions(divide_updates=1, seeds=10), 200.0, 2.0),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)
def inverse_init(setting: Setting, options: InverseInitOptions) -> Result:
    """Ways to make a dynamical network from a CNN, side by side.

    Every scheme is trained from the same CNNs, seed by seed. Rows are those of `sweep`, one per network: "scheme" names
    the scheme; "settled/AREA" is the unexplained variance of the CNN's rates by those at which the network settles with
    ReLU, fed by its own activity (`imitation`); linear schemes have their own figure as
    "init.unexplained_variance/AREA"; "rectified_accuracy" is that with ReLU and without training. A CNN is trained once
    for each seed, in the folder "cnn", and copied to where the schemes start from it.

    Raises RunError when a CNN fails.
    """
    output, workers, progress = setting.folder(), setting.workers, setting.progress
    seeds = range(setting.seed, setting.seed + options.seeds)
    cnns = [Run(f"seed={seed}", dataclasses.replace(cnn_recipe(options), seed=seed)) for seed in seeds]
    for made in sweep(cnns, output / CNN_FOLDER, workers=workers, progress=progress):
        if made["status"] != "finished":
            raise RunError(f"the CNN of {made['run']} failed: {made['error']}")
    runs = init_runs(options, seeds)
    for run in runs:
        _share(output / CNN_FOLDER / f"seed={run.recipe.seed}", output / run.name)
    rows = sweep(runs, output, measure=measure_init, workers=workers, progress=progress)
    about = {name: {"description": scheme.description, "linear": scheme.linear} for name, scheme in _schemes()}
    return Result({"networks": tuple(rows)}, claims=decide(CLAIMS, compare(rows)), meta={"schemes": about})


def _schemes() -> list[tuple[str, Scheme]]:
    return [(name, SCHEMES[name]) for name in SCHEMES]


def compare(rows: Sequence[dict[str, Any]]) -> dict[str, Measured]:
    """Measure the claims."""
    areas = areas_of(rows)
    if not areas:
        return {}
    top = f"settled/{areas[-1]}"
    return {
        "gauss_newton_fits": column_difference(rows, top, "scheme", "paper", "gauss_newton"),
        "gauss_newton_reads": column_difference(rows, "finetune.test_accuracy", "scheme", "gauss_newton", "paper"),
        "feedforward_matters": column_difference(rows, top, "scheme", "imitate_recurrence", "imitate_areas"),
    }


def init_runs(options: InverseInitOptions, seeds: Sequence[int]) -> list[Run]:
    """Every scheme with every seed; seeds last, so that what was interrupted has all schemes for the first ones."""
    return [
        Run(
            f"{name}/seed={seed}",
            dataclasses.replace(scheme_recipe(SCHEMES[name], options), seed=seed),
            {"scheme": name},
        )
        for seed in seeds
        for name in SCHEMES
    ]


def cnn_recipe(options: InverseInitOptions) -> Recipe:
    """The CNN and its fold."""
    base = base_recipe(options.recipe)
    stages = tuple(_shorter(base.stage(name), options.divide_updates) for name in ("cnn", "fold"))
    return dataclasses.replace(base, name="inverse_init", stages=stages)


def scheme_recipe(scheme: Scheme, options: InverseInitOptions) -> Recipe:
    """The CNN, the initialisation, and training with as many updates for every scheme."""
    base, start = base_recipe(options.recipe), cnn_recipe(options)
    init, below = dataclasses.replace(scheme.stage, name=INIT), INIT
    after: list[Stage] = []
    for name in DYNAMICS_UPDATES if scheme.linear else ("finetune",):
        stage, updates = base.stage(name), DYNAMICS_UPDATES[name] if scheme.linear else sum(DYNAMICS_UPDATES.values())
        assert isinstance(stage, TrainDynamics)
        optimisation = dataclasses.replace(stage.optimisation, updates=updates, batch=BATCH)
        after.append(dataclasses.replace(stage, start=below, dt_ms=DT_MS, optimisation=optimisation))
        below = name
    added = tuple(_shorter(stage, options.divide_updates) for stage in (init, *after))
    return dataclasses.replace(start, stages=(*start.stages, *added))


def measure_init(recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, float]:
    """Measure how well settled rates of the rectified network imitate the CNN's, before training."""
    model: Any = reports[INIT].model()
    cnn: Any = reports["fold"].model()
    if lack := rate_equation(model):
        raise RunError(f"the network of stage {INIT!r} {lack}, so its settled rates cannot be compared")
    model.activation = Activation("relu")
    test = recipe.load_data().test
    found = imitation(model, cnn, test.take(BATCH_SHOWN).to(model).images, MEASURED_WITH)
    settled = {f"settled/{area}": found[f"unexplained_variance/{area}"] for area in model.areas}
    return settled | {"settled_share": found["settled_share"], "rectified_accuracy": accuracy(model, test)}


def _shorter(stage: Stage, times: int) -> Stage:
    """The stage with its updates, or steps, divided."""
    if isinstance(stage, GaussNewton):
        return dataclasses.replace(stage, steps=max(1, stage.steps // times))
    if not isinstance(stage, TrainCNN | InverseInit | Imitate | TrainDynamics):
        return stage
    updates = max(1, stage.optimisation.updates // times)
    return dataclasses.replace(stage, optimisation=dataclasses.replace(stage.optimisation, updates=updates))


def _share(cnn: Path, run: Path) -> None:
    """Copy the stages of a CNN to a run, which then finds them finished."""
    for stage in ("cnn", "fold"):
        if not (run / stage / "result.json").is_file():
            shutil.copytree(cnn / stage, run / stage, dirs_exist_ok=True)


def areas_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The areas of which rows have a measurement, lowest first."""
    names = dict.fromkeys(name for row in rows for name in row if name.startswith("settled/"))
    return [name.removeprefix("settled/") for name in names]
