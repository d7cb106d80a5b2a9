"""Table 1 of the paper: feedforward, direct and staged training side by side, for data sets and depths."""

import dataclasses
import math
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
    Optimisation,
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
    direct_factors : by which the learning rates of `direct` are multiplied in the search for its best ones.
    """

    staged: Callable[[], Recipe]
    direct: Callable[[], Recipe]
    model: str
    size: int
    image_size: dict[str, int]
    seeds: int
    direct_factors: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0)


def smoke_staged() -> Recipe:
    """`cifar10` with a tenth of the updates."""
    return _shorter(cifar10(), 10)


def smoke_direct() -> Recipe:
    """`cifar10_direct` with a tenth of the updates."""
    return _shorter(cifar10_direct(), 10)


def desk_staged() -> Recipe:
    """`cifar10` with half the updates."""
    return _shorter(cifar10(), 2)


def desk_direct() -> Recipe:
    """`cifar10_direct` with half the updates."""
    return _shorter(cifar10_direct(), 2)


@dataclass(frozen=True)
class Cell:
    """A data set and a depth, with what is trained on it."""

    dataset: str
    depth: int
    staged: Recipe
    direct: Recipe

    @property
    def name(self) -> str:
        """Its folder."""
        return f"{self.dataset}/r{self.depth}"

    @property
    def columns(self) -> dict[str, str | int | float]:
        """What sets it apart in a table."""
        return {"dataset": self.dataset, "depth": self.depth}


SEARCH, SEARCH_SEED = "search", 1000
"""Folder and seed of the search for direct training's learning rates; the seed is none of the table's."""

TABLE_SCALES: Registry[Scale] = Registry("scale")
SMALL = {"digits": 16, "mnist": 28, "fashion_mnist": 28}
TABLE_SCALES.add("smoke", Scale(smoke_staged, smoke_direct, "cordsnet_r{}_small", 32, SMALL, 2))
TABLE_SCALES.add("desk", Scale(desk_staged, desk_direct, "cordsnet_r{}_small", 32, SMALL, 3))
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
    """Train every cell and return one row per network: dataset, depth, method, seed, status, accuracy,
    seconds, and for direct training the factor of its learning rates.

    The CNN of a row is the one that the staged network was made from. Direct training is given the learning rates that
    did best among `Scale.direct_factors` times the recipe's, for each data set and depth, with a seed that the table
    does not use; best by test accuracy, which favours direct training slightly. A network that failed, as one that
    diverged, has the accuracy NaN and says why in "error". Everything is in `output`, where finished runs are not
    repeated.

    Raises
    ------
    ValueError : a data set, depth or scale that there is not.
    RunError : a staged run failed, or direct training at every learning rate; says which and why.
    """
    row = TABLE_SCALES[scale]
    cells = [make_cell(row, dataset, depth) for dataset in datasets for depth in depths]
    count = row.seeds if seeds is None else seeds
    if count < 1:
        raise ValueError(f"seeds must be at least 1, got {count}")
    searched = sweep(search_runs(row, cells), Path(output) / SEARCH, workers=workers, progress=progress)
    runs = table_runs(cells, best_factors(searched), count)
    return _rows(runs, sweep(runs, output, workers=workers, progress=progress))


def search_runs(scale: Scale, cells: Sequence[Cell]) -> list[Run]:
    """Direct training of every cell at every learning rate."""
    return [
        Run(
            f"{cell.name}/factor={factor:g}",
            dataclasses.replace(_faster(cell.direct, factor), seed=SEARCH_SEED),
            cell.columns | {"factor": factor},
        )
        for cell in cells
        for factor in scale.direct_factors
    ]


def best_factors(searched: Sequence[dict[str, Any]]) -> dict[tuple[str, int], float]:
    """(data set, depth) -> the factor at which direct training did best. Raises RunError where all runs failed."""
    best: dict[tuple[str, int], tuple[float, float]] = {}
    for row in searched:
        cell = row["dataset"], row["depth"]
        found = (row["direct.test_accuracy"], row["factor"]) if row["status"] == "finished" else (-1.0, math.nan)
        best[cell] = max(best.get(cell, found), found)
    for (dataset, depth), (accuracy, _) in best.items():
        if accuracy < 0:
            errors = [row["error"] for row in searched if (row["dataset"], row["depth"]) == (dataset, depth)]
            raise RunError(f"direct training of R{depth} on {dataset} failed at every learning rate: {errors[0]}")
    return {cell: factor for cell, (_, factor) in best.items()}


def table_runs(cells: Sequence[Cell], factors: dict[tuple[str, int], float], seeds: int) -> list[Run]:
    """A staged and a direct run for every cell and seed."""
    runs = []
    for cell in cells:
        factor = factors[cell.dataset, cell.depth]
        for method, recipe in (("staged", cell.staged), ("direct", _faster(cell.direct, factor))):
            columns = cell.columns | {"method": method} | ({"factor": factor} if method == "direct" else {})
            runs += [
                Run(f"{cell.name}/{method}/seed={seed}", dataclasses.replace(recipe, seed=seed), columns)
                for seed in range(seeds)
            ]
    return runs


def _rows(runs: Sequence[Run], swept: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for run, row in zip(runs, swept, strict=True):
        failed = row["status"] != "finished"
        if failed and row["method"] == "staged":
            raise RunError(f"run {row['run']!r} failed: {row['error']}")
        cell = {name: row[name] for name in ("dataset", "depth", "seed", "status", "error")}
        names = [stage.name for stage in run.recipe.stages]
        seconds = sum(row.get(f"{name}.seconds", 0.0) for name in names)
        accuracy = math.nan if failed else row[f"{names[-1]}.test_accuracy"]
        factor = {"factor": row["factor"]} if row["method"] == "direct" else {}
        rows.append(cell | {"method": row["method"], "accuracy": accuracy, "seconds": seconds} | factor)
        if row["method"] == "staged":
            rows.append(cell | {"method": "cnn", "accuracy": row["cnn.test_accuracy"], "seconds": row["cnn.seconds"]})
    return rows


def make_cell(scale: Scale, dataset: str, depth: int) -> Cell:
    """What is trained for a data set and a depth, with images of the size that the scale gives them."""
    data, model = load_data(dataset, scale.image_size.get(dataset, scale.size)), scale.model.format(depth)
    return Cell(dataset, depth, _of(scale.staged(), model, dataset, data), _of(scale.direct(), model, dataset, data))


def _faster(recipe: Recipe, factor: float) -> Recipe:
    """The recipe with all learning rates of the dynamics multiplied."""
    return _optimised(recipe, lambda o: dataclasses.replace(o, lr=o.lr * factor))


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
    return _optimised(recipe, lambda o: dataclasses.replace(o, updates=max(1, o.updates // times)))


def _optimised(recipe: Recipe, change: Callable[[Optimisation], Optimisation]) -> Recipe:
    """The recipe with the optimisation of every stage that has one changed."""
    stages: list[Stage] = [
        dataclasses.replace(stage, optimisation=change(stage.optimisation))
        if isinstance(stage, TrainCNN | Imitate | TrainSettled | TrainDynamics)
        else stage
        for stage in recipe.stages
    ]
    return dataclasses.replace(recipe, stages=tuple(stages))
