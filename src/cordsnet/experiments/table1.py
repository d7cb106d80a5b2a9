"""Table 1 of the paper: feedforward, direct and staged training side by side, for data sets and depths."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cordsnet.data import VisionData, load_data
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim, Measured, above, at_least, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.recipes import base_recipe
from cordsnet.experiments.result import Result
from cordsnet.experiments.training_claims import check_seeds, column_difference, share_of
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

SMALL, USUAL = {"digits": 16, "mnist": 28, "fashion_mnist": 28}, 32
"""Image sizes of data sets, and that of all others, px."""


@dataclass(frozen=True)
class Table1Options:
    """Options of table 1.

    Attributes
    ----------
    datasets, depths : its cells: every data set with every number of areas.
    seeds : networks per cell and method; they count up from the seed.
    staged, direct : recipes; data set, depth and image size are the cell's.
    divide_updates : by which all updates of the recipes are divided.
    model : name of the network, with the depth to be filled in.
    image_size : px; None is that of the data set.
    direct_factors : by which the learning rates of `direct` are multiplied in the search for its best ones.
    search_seed : seed of that search, none of the table's.
    """

    datasets: tuple[str, ...] = ("digits",)
    depths: tuple[int, ...] = (2,)
    seeds: int = 2
    staged: str = "cifar10"
    direct: str = "cifar10_direct"
    divide_updates: int = 10
    model: str = "cordsnet_r{}_small"
    image_size: int | None = None
    direct_factors: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0)
    search_seed: int = 1000

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        if self.divide_updates < 1:
            raise ValueError(f"divide_updates must be at least 1, got {self.divide_updates}")
        for name in ("datasets", "depths", "direct_factors"):
            if not getattr(self, name):
                raise ValueError(f"{name} must hold at least one value")

    def size_of(self, dataset: str) -> int:
        """Image size of a data set, px."""
        return self.image_size or SMALL.get(dataset, USUAL)


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
    def title(self) -> str:
        """Its name in a report."""
        return f"{self.dataset}, R{self.depth}"

    @property
    def columns(self) -> dict[str, str | int | float]:
        """Columns that identify the cell in a table."""
        return {"dataset": self.dataset, "depth": self.depth}


SEARCH = "search"
"""Folder of the search for direct training's learning rates."""

METHODS = ("cnn", "staged", "direct")
CLAIMS = (
    Claim("staged_beats_direct", "Staged training reads better than direct training.", "Soo et al. 2024, Table 1",
          "test accuracy of staged less that of direct training", above(0.0), of="networks"),
    Claim("staged_near_cnn", "Staged training ends a few per cent below the feedforward network, or above it.",
          "Soo et al. 2024, Table 1", "test accuracy of staged training less that of its CNN", at_least(-0.05),
          of="networks"),
    Claim("staged_survives", "Staged training does not diverge where direct training does.",
          "reviewer: why are stages needed?", "share of staged runs that finished less that of direct ones", above(0.0),
          of="networks"),
)  # fmt: skip


@experiment(
    "table1",
    options=Table1Options,
    presets={
        "smoke": Preset(Table1Options(), 5.0, 2.0),
        "desk": Preset(Table1Options(seeds=3, divide_updates=2), 60.0, 3.0),
        "paper": Preset(
            Table1Options(
                ("mnist", "fashion_mnist", "cifar10", "cifar100"),
                (2, 4, 6, 8),
                5,
                "paper",
                "paper_direct",
                1,
                "cordsnet_r{}",
                224,
            ),
            60.0 * 24 * 2000,
            80.0,
        ),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)
def table1(setting: Setting, options: Table1Options) -> Result:
    """Feedforward, staged and direct training side by side, for data sets and depths.

    One row per network: dataset, depth, method, seed, status, accuracy, seconds, and for direct training the factor of
    its learning rates. The CNN of a row is the one that the staged network was made from. Direct training is given the
    learning rates that did best among `direct_factors` times the recipe's, for each data set and depth, with a seed
    that the table does not use; best by test accuracy, which favours direct training slightly. A network that failed,
    as one that diverged, has no accuracy and says why in "error".

    Raises
    ------
    ValueError : a data set, depth or recipe that there is not.
    RunError : a staged run failed, or direct training at every learning rate; says which and why.
    """
    output, workers, progress = setting.folder(), setting.workers, setting.progress
    cells = [make_cell(options, dataset, depth) for dataset in options.datasets for depth in options.depths]
    searched = sweep(search_runs(options, cells), output / SEARCH, workers=workers, progress=progress)
    seeds = range(setting.seed, setting.seed + options.seeds)
    runs = table_runs(cells, best_factors(searched), seeds)
    rows = _rows(runs, sweep(runs, output, workers=workers, progress=progress))
    search = [_searched(row) for row in searched]
    claims = tuple(claim for cell in cells for claim in decide(CLAIMS, compare(rows, cell), cell.title))
    return Result({"networks": tuple(rows), "search": tuple(search)}, claims=claims)


def compare(rows: Sequence[dict[str, Any]], cell: "Cell") -> dict[str, Measured]:
    """Measure the claims for one data set and depth."""
    mine = [row for row in rows if (row["dataset"], row["depth"]) == (cell.dataset, cell.depth)]
    return {
        "staged_beats_direct": column_difference(mine, "accuracy", "method", "staged", "direct"),
        "staged_near_cnn": column_difference(mine, "accuracy", "method", "staged", "cnn"),
        "staged_survives": share_of(mine, "method", "staged", "direct", "status", "finished"),
    }


def _searched(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in ("dataset", "depth", "factor", "seed", "status", "error")}
    return kept | {"accuracy": row.get("direct.test_accuracy")}


def search_runs(options: Table1Options, cells: Sequence[Cell]) -> list[Run]:
    """Direct training of every cell at every learning rate."""
    return [
        Run(
            f"{cell.name}/factor={factor:g}",
            dataclasses.replace(_faster(cell.direct, factor), seed=options.search_seed),
            cell.columns | {"factor": factor},
        )
        for cell in cells
        for factor in options.direct_factors
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


def table_runs(cells: Sequence[Cell], factors: dict[tuple[str, int], float], seeds: Sequence[int]) -> list[Run]:
    """A staged and a direct run for every cell and seed."""
    runs = []
    for cell in cells:
        factor = factors[cell.dataset, cell.depth]
        for method, recipe in (("staged", cell.staged), ("direct", _faster(cell.direct, factor))):
            columns = cell.columns | {"method": method} | ({"factor": factor} if method == "direct" else {})
            runs += [
                Run(f"{cell.name}/{method}/seed={seed}", dataclasses.replace(recipe, seed=seed), columns)
                for seed in seeds
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
        accuracy = None if failed else row[f"{names[-1]}.test_accuracy"]
        factor = {"factor": row["factor"]} if row["method"] == "direct" else {}
        rows.append(cell | {"method": row["method"], "accuracy": accuracy, "seconds": seconds} | factor)
        if row["method"] == "staged":
            rows.append(cell | {"method": "cnn", "accuracy": row["cnn.test_accuracy"], "seconds": row["cnn.seconds"]})
    return rows


def make_cell(options: Table1Options, dataset: str, depth: int) -> Cell:
    """Choose the networks for a data set and a depth, with images of the size that the options give them."""
    data, model = load_data(dataset, options.size_of(dataset)), options.model.format(depth)
    staged, direct = (_shorter(base_recipe(name), options.divide_updates) for name in (options.staged, options.direct))
    return Cell(dataset, depth, _of(staged, model, dataset, data), _of(direct, model, dataset, data))


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
