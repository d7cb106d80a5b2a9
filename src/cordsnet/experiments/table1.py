"""Table 1 of the paper: feedforward, direct and staged training side by side, for data sets and depths."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordsnet.data import VisionData, load_data
from cordsnet.errors import RunError
from cordsnet.experiments.scales import paper, paper_direct
from cordsnet.registry import Registry
from cordsnet.training import (
    Imitate,
    InverseInit,
    ModelChoice,
    Recipe,
    Run,
    Stage,
    TrainCNN,
    TrainDynamics,
    TrainSettled,
    sweep,
)
from cordsnet.training.recipes import cifar10, cifar10_direct


@dataclass(frozen=True)
class Scale:
    """What a row of the table is at a scale.

    Attributes
    ----------
    staged, direct : recipes; of the staged one the data set, the depth and the size of images are changed.
    model : name of the network, with the depth to be filled in.
    image_size : px, per data set; `size` where it names none.
    seeds : runs per cell.
    """

    staged: Callable[[], Recipe]
    direct: Callable[[], Recipe]
    model: str
    size: int
    image_size: dict[str, int]
    seeds: int


def smoke_staged() -> Recipe:
    """`cifar10` with a tenth of the updates."""
    return _shorter(cifar10(), 10)


def smoke_direct() -> Recipe:
    """`cifar10_direct` with a tenth of the updates."""
    return _shorter(cifar10_direct(), 10)


TABLE_SCALES: Registry[Scale] = Registry("scale")
SMALL = {"digits": 16, "mnist": 28, "fashion_mnist": 28}
TABLE_SCALES.add("smoke", Scale(smoke_staged, smoke_direct, "cordsnet_r{}_small", 32, SMALL, 2))
TABLE_SCALES.add("desk", Scale(cifar10, cifar10_direct, "cordsnet_r{}_small", 32, SMALL, 3))
TABLE_SCALES.add("paper", Scale(paper, paper_direct, "cordsnet_r{}", 224, {}, 5))


def table1(
    output: str | Path,
    scale: str = "smoke",
    datasets: Sequence[str] = ("digits",),
    depths: Sequence[int] = (2,),
    seeds: int | None = None,
    workers: int = 1,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Train every cell and return one row per network: dataset, depth, method, seed, accuracy, updates, seconds.

    The CNN of a row is the one that the staged network was made from. Everything is in `output`, where finished runs
    are not repeated.

    Raises
    ------
    ValueError : a data set, depth or scale that there is not.
    RunError : a run failed; says which and why.
    """
    runs, rows = table_runs(scale, datasets, depths, seeds), []
    for run, row in zip(runs, sweep(runs, output, workers=workers, progress=progress), strict=True):
        if row["status"] != "finished":
            raise RunError(f"run {row['run']!r} failed: {row['error']}")
        cell = {name: row[name] for name in ("dataset", "depth", "seed")}
        last, names = run.recipe.stages[-1].name, [stage.name for stage in run.recipe.stages]
        seconds = sum(row[f"{name}.seconds"] for name in names)
        rows.append(cell | {"method": row["method"], "accuracy": row[f"{last}.test_accuracy"], "seconds": seconds})
        if row["method"] == "staged":
            rows.append(cell | {"method": "cnn", "accuracy": row["cnn.test_accuracy"], "seconds": row["cnn.seconds"]})
    return rows


def table_runs(scale: str, datasets: Sequence[str], depths: Sequence[int], seeds: int | None = None) -> list[Run]:
    """A staged and a direct run for every data set, depth and seed."""
    row = TABLE_SCALES[scale]
    count = row.seeds if seeds is None else seeds
    if count < 1:
        raise ValueError(f"seeds must be at least 1, got {count}")
    runs = []
    for dataset in datasets:
        data = load_data(dataset, row.image_size.get(dataset, row.size))
        for depth in depths:
            for method, make in (("staged", row.staged), ("direct", row.direct)):
                recipe = _of(make(), row.model.format(depth), dataset, data)
                runs += [
                    Run(
                        f"{dataset}/r{depth}/{method}/seed={seed}",
                        dataclasses.replace(recipe, seed=seed),
                        {"dataset": dataset, "depth": depth, "method": method},
                    )
                    for seed in range(count)
                ]
    return runs


def _of(recipe: Recipe, model: str, dataset: str, data: VisionData) -> Recipe:
    """The recipe for another network and data set, with the augmentation that suits it; labels are not mixed, since
    the networks of a desk are too small to gain from it.
    """
    size = data.train.shape[-1]
    choice = ModelChoice(model, size, data.train.shape[0], len(data.classes))
    augmentation = data.augmentation.removesuffix("_mixing")
    stages: list[Stage] = [
        dataclasses.replace(stage, augmentation=augmentation)
        if isinstance(stage, TrainCNN | InverseInit | Imitate | TrainSettled | TrainDynamics)
        else stage
        for stage in recipe.stages
    ]
    return dataclasses.replace(recipe, model=choice, data=dataset, stages=tuple(stages))


def _shorter(recipe: Recipe, times: int) -> Recipe:
    stages: list[Stage] = []
    for stage in recipe.stages:
        if isinstance(stage, TrainCNN | Imitate | TrainSettled | TrainDynamics):
            fewer = dataclasses.replace(stage.optimisation, updates=max(1, stage.optimisation.updates // times))
            stages.append(dataclasses.replace(stage, optimisation=fewer))
        else:
            stages.append(stage)
    return dataclasses.replace(recipe, stages=tuple(stages))
