"""`cordsnet bench --time-to-accuracy`: wall time until models read test images well enough, with one search for all."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_count, check_device, check_positive
from cordsnet.benchmarks.run import describe_machine
from cordsnet.data import AUGMENTATIONS, BatchShare, load_data
from cordsnet.errors import DivergedError
from cordsnet.models import MODELS, build
from cordsnet.training import (
    Answer,
    LabelledImages,
    Loss,
    ModelChoice,
    Optimisation,
    Recipe,
    Train,
    accuracy,
    as_source,
)
from cordsnet.training.calibrate import calibrate
from cordsnet.training.cost import first_batch, update_cost
from cordsnet.training.loop import AUGMENTING
from cordsnet.training.order import mix_seed
from cordsnet.training.stages.train import TrainedModule


@check_init
@dataclass(frozen=True)
class Race:
    """Settings that are the same for all models that are compared.

    Attributes
    ----------
    data : name of the data set, or path of a folder.
    target : accuracy on the test images that is to be reached, 0-1.
    images : budget of training images of each run; a run goes on to its end, so that accuracies can be compared too.
    rates : learning rates that are tried for every model, of AdamW without a schedule.
    every : updates between two looks at the test images, during which the clock stands still.
    batch : images per update.
    size : preferred size of images, px, for models that can read them so; others read that of their row, and a
        sentence says so. None is the size of a model's row.
    augmentation : a row of `AUGMENTATIONS`; None is that of the data.
    seed : of weights, order and augmentation.
    seeds : number of runs with each learning rate, with seeds from `seed` on; the rate is chosen over all of them.
    device : "cpu" or "cuda".
    loss : what is minimised.
    """

    data: str = "digits"
    target: float = 0.95
    images: int = 32_000
    rates: tuple[float, ...] = (3e-3, 1e-2)
    every: int = 20
    batch: int = 64
    size: int | None = None
    augmentation: str | None = None
    seed: int = 0
    seeds: int = 1
    device: str = "cpu"
    loss: Loss = field(default_factory=Answer)

    def __post_init__(self) -> None:
        if not 0 < self.target <= 1:
            raise ValueError(f"target must be a proportion of test images above 0 and at most 1, got {self.target:g}")
        for name in ("images", "every", "batch", "seeds"):
            check_count(getattr(self, name), name, 1, most=10**9)
        if not self.rates:
            raise ValueError("rates must be at least one learning rate, got none")
        for rate in self.rates:
            check_positive(rate, "rates")
        if self.augmentation is not None:
            AUGMENTATIONS[self.augmentation]

    @property
    def updates(self) -> int:
        """Number of updates of each run."""
        return max(1, round(self.images / self.batch))


HEADER = (
    f"{'model':<24}{'parameters':>12}{'MFLOP/image':>13}{'seconds':>10}{'CPU s':>8}"
    f"{'images':>9}{'lr':>8}{'accuracy':>10}"
)


@check_arguments
def time_to_accuracy(
    models: Sequence[str], race: Race | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Train models from random weights, alike, and measure when each first reads the test images well enough.

    Every model is trained with every learning rate and every seed. The rate of a row is the one with which most seeds
    reached the target, and of several such rates the fastest; where none was reached, the most accurate. Seconds are
    means over its seeds, and the accuracy is the best mean that any rate has after the budget of images; both choices,
    and the time of the stop, look at the test images. Times count forward and backward passes, updates and the
    preparation of images, and not the measurements between.

    Parameters
    ----------
    models : names of rows of the table of models.
    race : what is the same for all; None is digits to 95 %.
    report : called with every line of the table.

    Returns
    -------
    Plain data: "rows" with `model`, `parameters`, `flops_per_image` (forward and backward), `seconds`, `cpu_seconds`
    and `images` to the target (None unless all seeds of the rate reached it), `reached`, the number of seeds that did,
    `lr`, `accuracy`, all `runs`, and `said`, where a model could not read the size that is preferred; "settings";
    "machine".

    Raises
    ------
    ValueError : there is no such model, data set or device.
    """
    race = Race() if race is None else race
    check_device(race.device)
    for name in models:
        MODELS.check(name)
    report(HEADER)
    rows = []
    for name in models:
        row = _row(name, race)
        for line in (*row["said"], _line(row)):
            report(line)
        rows.append(row)
    settings = {name: getattr(race, name) for name in race.__dataclass_fields__ if name != "loss"}
    settings |= {"loss": race.loss.to_dict(), "updates": race.updates, "rates": list(race.rates)}
    return {"rows": rows, "settings": settings, "machine": describe_machine(race.device)}


def _row(name: str, race: Race) -> dict[str, Any]:
    """All runs of one model."""
    recipe = Recipe("race", (), ModelChoice(name, preferred_size=race.size), race.data, race.seed)
    source = as_source(load_data(race.data, recipe.model.shown_size))
    assert isinstance(source, LabelledImages)
    augmentation = source.data.augmentation if race.augmentation is None else race.augmentation
    resolved = recipe.resolved(source).model
    spec = resolved.spec()
    source.check(spec)
    runs = []
    for rate in race.rates:
        for seed in range(race.seed, race.seed + race.seeds):
            how = Optimisation("adamw", rate, "constant", updates=race.updates, batch=race.batch, clip=1.0)
            model = build(spec, seed, resolved.kind).to(race.device)
            stage = Train(loss=race.loss, optimisation=how, augmentation=augmentation)
            module = TrainedModule(model.train(), stage, seed)
            runs.append({"lr": rate, "seed": seed, **_run(module, source, replace(race, seed=seed))})
    cost = update_cost(module, first_batch(source, race.batch, race.seed, augmentation, model.like))
    return {
        "model": name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "flops_per_image": cost.flops / race.batch,
        "image_size": list(model.input_shape[1:]),
        **_chosen(runs, race.rates),
        "seeds": race.seeds,
        "runs": runs,
        "said": _said(recipe.model, race),
    }


def _said(choice: ModelChoice, race: Race) -> list[str]:
    """A sentence where a model is not trained on images of the size that is preferred."""
    if race.size is None or choice.shown_size == race.size:
        return []
    return [f"{choice.name}: no images of {race.size} px can be read, so it is trained on {choice.shown_size} px"]


def _chosen(runs: list[dict[str, Any]], rates: Sequence[float]) -> dict[str, Any]:
    """The rate with which most seeds reached the target, soonest; means over its seeds; and the best mean accuracy."""
    groups = {rate: [run for run in runs if run["lr"] == rate] for rate in rates}
    reached = {rate: [run for run in group if run["seconds"] is not None] for rate, group in groups.items()}
    accuracy = {rate: statistics.fmean(run["accuracy"] for run in group) for rate, group in groups.items()}

    def merit(rate: float) -> tuple[float, float, float]:
        seconds = [run["seconds"] for run in reached[rate]]
        return len(seconds), -statistics.fmean(seconds) if seconds else 0.0, accuracy[rate]

    best = max(rates, key=merit)
    whole = len(reached[best]) == len(groups[best])
    means = {
        key: statistics.fmean(run[key] for run in groups[best]) if whole else None
        for key in ("seconds", "cpu_seconds", "images")
    }
    return means | {"reached": len(reached[best]), "lr": best, "accuracy": max(accuracy.values())}


def _run(module: TrainedModule, source: LabelledImages, race: Race) -> dict[str, Any]:
    """One run with one learning rate: when it reached the target, and its accuracy at the end and on the way."""
    stage, model = module.stage, module.model
    optimiser = stage.optimisation.build(list(module.trained_parameters()))["optimizer"]
    feed, wall, cpu, course = source.feed(stage.augmentation), 0.0, 0.0, list[tuple[int, float, float]]()
    found: dict[str, Any] = {"seconds": None, "cpu_seconds": None, "images": None}
    batches = iter(source.loader(race.batch, race.updates, race.seed, BatchShare()))
    for update in range(1, race.updates + 1):
        started = time.perf_counter(), time.process_time()
        raw = [
            part.to(model.like.device) if isinstance(part, Tensor) else part for part in feed.received(next(batches))
        ]
        torch.manual_seed(mix_seed(race.seed, update, 0, AUGMENTING))
        batch = feed.batch(raw)
        torch.manual_seed(mix_seed(race.seed, update, 0))
        if not _update(module, optimiser, batch):
            return found | {"accuracy": 0.0, "course": course, "diverged": update, "training_seconds": wall}
        wall, cpu = wall + time.perf_counter() - started[0], cpu + time.process_time() - started[1]
        if update % race.every == 0 or update == race.updates:
            calibrate(model, source, race.batch, race.seed, stage.augmentation)
            reads = accuracy(model, source.data.test)
            model.train()
            course.append((update * race.batch, wall, reads))
            if reads >= race.target and found["seconds"] is None:
                found = {"seconds": wall, "cpu_seconds": cpu, "images": update * race.batch}
    return found | {"accuracy": course[-1][2], "course": course, "training_seconds": wall}


def _update(module: TrainedModule, optimiser: torch.optim.Optimizer, batch: Any) -> bool:
    """One update; False where the network has diverged."""
    optimiser.zero_grad()
    try:
        total = module.loss_of(batch).total
    except DivergedError:
        return False
    total.backward()  # type: ignore[no-untyped-call]
    clip = module.stage.optimisation.clip
    norm = torch.nn.utils.clip_grad_norm_(list(module.trained_parameters()), math.inf if clip is None else clip)
    if not bool(torch.isfinite(norm)):  # reads a number, so that a GPU has finished too
        return False
    optimiser.step()
    return True


def _line(row: dict[str, Any]) -> str:
    missed = "never" if not row["reached"] else f"{row['reached']} of {row['seeds']}"
    seconds, cpu, images = (
        missed if row[key] is None else f"{row[key]:,.{digits}f}"
        for key, digits in (("seconds", 1), ("cpu_seconds", 1), ("images", 0))
    )
    return (
        f"{row['model']:<24}{row['parameters']:>12,}{row['flops_per_image'] / 1e6:>13.2f}{seconds:>10}{cpu:>8}"
        f"{images:>9}{row['lr']:>8.0e}{row['accuracy']:>10.3f}"
    )
