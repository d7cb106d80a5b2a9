"""Ways to make a dynamical network from a folded CNN, side by side: how well each imitates it, and what that is worth.

The paper fits each linear area through three terms of a series. Beside it stand more terms, and fits
of the rectified network's settled rates by implicit gradients and by Gauss-Newton.
"""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordsnet.dynamics import Activation, Solver
from cordsnet.errors import RunError
from cordsnet.models import CNN, CordsNet
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
from cordsnet.training.recipes import digits_paper
from cordsnet.training.stages.imitate import imitation

INIT, CNN_FOLDER = "init", "cnn"
"""Name of the stage that differs, and folder of the CNNs that all schemes share."""

DT_MS = 5.0
"""Step of all training after the initialisation, ms, for speed; accuracy is read at the network's own step."""

MEASURED_WITH = Solver(tol=1e-3, max_iterations=40)
"""How settled rates are found, for all schemes alike."""


@dataclass(frozen=True)
class Scheme:
    """One initialisation.

    Attributes
    ----------
    description : one line.
    stage : what makes the network.
    linear : whether the network is linear, to be trained as such and annealed; if not, it is only fine-tuned.
    """

    description: str
    stage: Stage
    linear: bool


@dataclass(frozen=True)
class Scale:
    """How much is trained.

    Attributes
    ----------
    times : by which all updates are divided.
    seeds : networks per scheme.
    """

    times: int
    seeds: int


INIT_SCALES: Registry[Scale] = Registry("scale")
INIT_SCALES.add("smoke", Scale(10, 2))
INIT_SCALES.add("desk", Scale(1, 3))

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


def inverse_init(
    output: str | Path,
    scale: str = "smoke",
    seeds: int | None = None,
    workers: int = 1,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Train every scheme from the same CNNs, seed by seed, and return the rows of `sweep`, one per network.

    "scheme" names the scheme. "settled/AREA" is the unexplained variance of the CNN's rates by those at which the
    network settles with ReLU, fed by its own activity (`imitation`); linear schemes have their own figure as
    "init.unexplained_variance/AREA". "rectified_accuracy" is that with ReLU and without training. A CNN is trained once
    for each seed, in `output / CNN_FOLDER`, and copied to where the schemes start from it.

    Raises ValueError for a scale that there is not, and for no seeds; RunError when a CNN fails.
    """
    row = INIT_SCALES[scale]
    count = row.seeds if seeds is None else seeds
    if count < 1:
        raise ValueError(f"seeds must be at least 1, got {count}")
    output, runs = Path(output), init_runs(row, count)
    cnns = [Run(f"seed={seed}", dataclasses.replace(cnn_recipe(row), seed=seed)) for seed in range(count)]
    for made in sweep(cnns, output / CNN_FOLDER, workers=workers, progress=progress):
        if made["status"] != "finished":
            raise RunError(f"the CNN of {made['run']} failed: {made['error']}")
    for run in runs:
        _share(output / CNN_FOLDER / f"seed={run.recipe.seed}", output / run.name)
    return sweep(runs, output, measure=measure_init, workers=workers, progress=progress)


def init_runs(scale: Scale, seeds: int) -> list[Run]:
    """Every scheme with every seed; seeds last, so that what was interrupted has all schemes for the first ones."""
    return [
        Run(
            f"{name}/seed={seed}", dataclasses.replace(scheme_recipe(SCHEMES[name], scale), seed=seed), {"scheme": name}
        )
        for seed in range(seeds)
        for name in SCHEMES
    ]


def cnn_recipe(scale: Scale) -> Recipe:
    """The CNN and its fold."""
    base = digits_paper()
    stages = tuple(_shorter(base.stage(name), scale.times) for name in ("cnn", "fold"))
    return dataclasses.replace(base, name="inverse_init", stages=stages)


def scheme_recipe(scheme: Scheme, scale: Scale) -> Recipe:
    """The CNN, the initialisation, and training with as many updates for every scheme."""
    base, start = digits_paper(), cnn_recipe(scale)
    init, below = dataclasses.replace(scheme.stage, name=INIT), INIT
    after: list[Stage] = []
    for name in DYNAMICS_UPDATES if scheme.linear else ("finetune",):
        stage, updates = base.stage(name), DYNAMICS_UPDATES[name] if scheme.linear else sum(DYNAMICS_UPDATES.values())
        assert isinstance(stage, TrainDynamics)
        optimisation = dataclasses.replace(stage.optimisation, updates=updates, batch=BATCH)
        after.append(dataclasses.replace(stage, start=below, dt_ms=DT_MS, optimisation=optimisation))
        below = name
    return dataclasses.replace(start, stages=(*start.stages, *(_shorter(s, scale.times) for s in (init, *after))))


def measure_init(recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, float]:
    """How well the settled rates of the rectified network imitate the CNN's, before any training."""
    model, cnn = reports[INIT].model(), reports["fold"].model()
    assert isinstance(model, CordsNet)
    assert isinstance(cnn, CNN)
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
