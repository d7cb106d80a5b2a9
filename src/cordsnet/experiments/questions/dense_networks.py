"""Fully connected networks of the same dynamics, trained on images like a convolutional one (Table S5 of the paper)."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cordsnet._checks import check_count
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim, Measured, above, at_most, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import mean_over_runs
from cordsnet.experiments.recipes import base_recipe
from cordsnet.experiments.result import Result
from cordsnet.experiments.training_claims import check_seeds
from cordsnet.models.table import MODELS
from cordsnet.training import ModelChoice, Recipe, Run, StageReport, sweep

Row = dict[str, Any]
DENSE = ("ctrnn_dense_small", "ctrnn_lowrank_small", "ctrnn_sparse_small")


@dataclass(frozen=True)
class DenseNetworksOptions:
    """Options of the comparison: networks, and the training that all of them have.

    Attributes
    ----------
    recipe : a recipe for any model, as `cordsnet recipes` lists them, or your own as file.py:function.
    data : data set, or path of a folder; an empty text takes the recipe's.
    convolutional : name of the convolutional network.
    connected : names of the fully connected networks.
    preferred_size : size of images, px, where a network can read it.
    updates : updates of each network; None takes the recipe's.
    seeds : networks per name; they count up from the seed.
    """

    recipe: str = "digits_direct"
    data: str = ""
    convolutional: str = "cordsnet_r2_small"
    connected: tuple[str, ...] = DENSE
    preferred_size: int = 16
    updates: int | None = None
    seeds: int = 3

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        check_count(self.preferred_size, "preferred_size")
        if self.updates is not None:
            check_count(self.updates, "updates")
        if not self.connected or len(set(self.connected)) < len(self.connected):
            raise ValueError(f"connected must name at least one network and each once, got {self.connected}")
        if self.convolutional in self.connected:
            raise ValueError(f"convolutional must not be among the connected networks, got {self.convolutional!r}")
        for name in self.names:
            MODELS.check(name)

    @property
    def names(self) -> tuple[str, ...]:
        """All networks, the convolutional one first."""
        return (self.convolutional, *self.connected)


SOURCE = "Soo et al. 2024, Table S5"
CLAIMS = (
    Claim("convolution_reads_better", "A convolutional network reads images better than fully connected ones.", SOURCE,
          "test accuracy of the convolutional network less that of the best fully connected one, by seed", above(0.0),
          of="pairs of networks"),
    Claim("near_chance", "Fully connected networks read images barely better than chance.", SOURCE,
          "test accuracy of the best fully connected network less the accuracy by chance", at_most(0.05),
          of="networks"),
)  # fmt: skip


@experiment(
    "dense_networks",
    options=DenseNetworksOptions,
    presets={
        "smoke": Preset(DenseNetworksOptions(updates=20, seeds=2), 0.5, 1.0),
        "desk": Preset(DenseNetworksOptions(updates=250), 12.0, 2.0),
        "paper": Preset(
            DenseNetworksOptions(
                "imagenet", convolutional="cordsnet_r8",
                connected=("ctrnn_dense", "ctrnn_lowrank", "ctrnn_sparse"), preferred_size=224,
            ),
            60.0 * 24 * 100, 64.0,
        ),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)  # fmt: skip
def dense_networks(setting: Setting, options: DenseNetworksOptions) -> Result:
    """Test accuracy of fully connected recurrent networks on images, beside a convolutional one trained alike.

    Every network has the same images in the same order, the same augmentation and the same updates. The table
    "networks" has a row for each, "kinds" one for each name with the mean accuracy over seeds. The best fully connected
    network is the one with the highest mean accuracy, so that its lead is not understated; this choice and the accuracy
    look at the same test images. The paper's sentence is about 1000 classes; with few classes "near_chance" may fail.

    Raises RunError when a run failed for another reason than divergence.
    """
    runs = network_runs(options, setting.seed)
    rows = sweep(runs, setting.folder(), measure=measured, workers=setting.workers, progress=setting.progress)
    for row in rows:
        if row["status"] == "failed":
            raise RunError(f"run {row['run']!r} failed: {row['error']}")
    kinds = kind_rows(rows, options)
    tables = {"networks": tuple(rows), "kinds": tuple(kinds)}
    about = {"data": runs[0].recipe.data, "updates": options.updates}
    return Result(tables, claims=decide(CLAIMS, compare(rows, kinds, options)), meta=about)


def network_runs(options: DenseNetworksOptions, seed: int = 0) -> list[Run]:
    """One run per name and seed; seeds last, so that what was interrupted has all names for the first."""
    base = base_recipe(options.recipe)
    if options.updates is not None:
        base = _shortened(base, options.updates)
    return [
        Run(
            f"{name}/seed={k}",
            dataclasses.replace(
                base,
                model=ModelChoice(name, preferred_size=options.preferred_size),
                data=options.data or base.data,
                seed=k,
            ),
            {"model": name},
        )
        for k in range(seed, seed + options.seeds)
        for name in options.names
    ]


def _shortened(recipe: Recipe, updates: int) -> Recipe:
    """The recipe with so many updates in its only stage."""
    if len(recipe.stages) != 1:
        raise ValueError(f"recipe {recipe.name!r} must have one stage, for any model, got {len(recipe.stages)}")
    (stage,) = recipe.stages
    known: Any = stage
    changed = dataclasses.replace(known, optimisation=dataclasses.replace(known.optimisation, updates=updates))
    return dataclasses.replace(recipe, stages=(changed,))


def measured(recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, float]:
    """Accuracy on all test images, their number, the accuracy by chance and the number of parameters."""
    report = reports[recipe.stages[-1].name]
    test = recipe.load_data().test
    labels = test.take(len(test)).labels
    if labels is None:
        raise RunError(f"data {recipe.data!r} has no labels of test images, which accuracy needs")
    model: Any = report.model()
    return {
        "accuracy": float(report.metrics["test_accuracy"]),
        "images": len(test),
        "chance": float(labels.bincount().max() / len(labels)),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def kind_rows(rows: Sequence[Row], options: DenseNetworksOptions) -> list[Row]:
    """Mean accuracy of every name over its networks, with Student's interval."""
    found = []
    for name in options.names:
        mine = [row for row in rows if row["model"] == name and row["status"] == "finished"]
        accuracy = mean_over_runs([row["accuracy"] for row in mine])
        low, high = accuracy.interval or (math.nan, math.nan)
        found.append(
            {
                "model": name,
                "networks": len(mine),
                "accuracy": accuracy.value,
                "low": max(low, 0.0),
                "high": min(high, 1.0),
                "parameters": mine[0]["parameters"] if mine else math.nan,
                "chance": mine[0]["chance"] if mine else math.nan,
            }
        )
    return found


def compare(rows: Sequence[Row], kinds: Sequence[Row], options: DenseNetworksOptions) -> dict[str, Measured]:
    """Measure the claims over seeds whose networks were trained to the end."""
    read = {(row["model"], row["seed"]): row for row in rows if row["status"] == "finished"}
    known = [row for row in kinds if row["model"] in options.connected and row["networks"]]
    if not known:
        return {}
    best = max(known, key=lambda row: row["accuracy"])["model"]
    mine = {seed: row for (name, seed), row in read.items() if name == best}
    leads = [
        read[options.convolutional, seed]["accuracy"] - row["accuracy"]
        for seed, row in mine.items()
        if (options.convolutional, seed) in read
    ]
    found = {"near_chance": mean_over_runs([row["accuracy"] - row["chance"] for row in mine.values()])}
    return found | ({"convolution_reads_better": mean_over_runs(leads)} if leads else {})
