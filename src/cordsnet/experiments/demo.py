"""The demonstration: digits through every stage of training, then what the network does in time."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cordsnet._files import write_whole
from cordsnet.data import Split
from cordsnet.dynamics import Record, simulate
from cordsnet.errors import RunError
from cordsnet.experiments.behaviour import (
    NoiseCurve,
    TimeCourse,
    half_rise_ms,
    noise_curve,
    second_image_drop,
    time_course,
)
from cordsnet.models import CNN, CordsNet
from cordsnet.stimuli import blank, show
from cordsnet.training import RECIPES, Recipe, StageReport, fit
from cordsnet.training.logs import read_curve
from cordsnet.training.record import machine, versions

TRAINED_MS = 200.0
BASELINE_AFTER_MS = 500.0
ACCURACY_KEYS = {
    "cnn": "cnn",
    "folded": "fold",
    "inverse": "inverse",
    "linear": "linear",
    "annealed": "anneal",
    "finetuned": "finetune",
    "direct": "direct",
}
"""Key in `summary.json` -> stage whose test accuracy it reports."""

EXAMPLE_TIMES_MS = (4.0, 10.0, 20.0, 40.0, 80.0, 200.0, 220.0, 300.0)


@dataclass(frozen=True)
class Examples:
    """Images and the activity they evoke.

    Attributes
    ----------
    images : [N, C, H, W].
    maps : area -> [T, N, H, W], rates of the channel that varies most over these images.
    channel : area -> which channel that is.
    time_ms : [T] from onset.
    offset_ms : when the image goes.
    """

    images: Tensor
    maps: dict[str, Tensor]
    channel: dict[str, int]
    time_ms: Tensor
    offset_ms: float


@dataclass(frozen=True)
class DemoResult:
    """All that the demonstration measured; `summary` is what `summary.json` holds."""

    summary: dict[str, Any]
    course: TimeCourse
    noise: NoiseCurve
    examples: Examples
    losses: dict[str, tuple[list[int], list[float]]]
    stages: dict[str, StageReport]


def run_demo(output: str | Path, recipe: Recipe | None = None, *, progress: bool = True) -> DemoResult:
    """Train (or find trained) every stage of `recipe` in `output`, measure, and write `output/summary.json`.

    `recipe` None is the recipe "demo"; another one needs stages of the same names.
    """
    recipe = recipe or RECIPES["demo"]()
    for stage in ACCURACY_KEYS.values():
        recipe.stage(stage)
    stages = fit(recipe, output, progress=progress)
    started = time.perf_counter()
    model, cnn = stages["finetune"].model(), stages["fold"].model()
    if not isinstance(model, CordsNet) or not isinstance(cnn, CNN):
        raise RunError(f"stages 'finetune' and 'fold' in {output} must end with a CordsNet and a CNN")
    test = recipe.load_data().test
    course = time_course(model, test, hold_ms=10 * TRAINED_MS, blank_ms=BASELINE_AFTER_MS)
    noise = noise_curve(model, cnn, test, image_ms=TRAINED_MS)
    second = {"second_image_drop": second_image_drop(model, test, image_ms=TRAINED_MS)}
    second["second_image_drop_without_gap"] = second_image_drop(model, test, gap_ms=0.0, image_ms=TRAINED_MS)
    shown = examples(model, test)
    measuring = time.perf_counter() - started
    summary = summarise(stages, course, noise, model) | second | _seconds(stages, measuring) | _provenance(recipe, test)
    write_whole(Path(output) / "summary.json", json.dumps(summary, indent=1).encode())
    trained = (name for name in stages if list(stages[name].folder.glob("logs_*")))
    losses = {name: read_curve(stages[name].folder, "loss") for name in trained}
    return DemoResult(summary, course, noise, shown, losses, stages)


def summarise(stages: dict[str, StageReport], course: TimeCourse, noise: NoiseCurve, model: CordsNet) -> dict[str, Any]:
    """The measured numbers, as plain data; shares between 0 and 1, times in ms."""
    unexplained = {k: v for k, v in stages["inverse"].metrics.items() if k.startswith("unexplained")}
    return {
        "accuracy": {key: stages[stage].metrics["test_accuracy"] for key, stage in ACCURACY_KEYS.items()},
        "fold_score_difference": stages["fold"].metrics["score_difference"],
        "inverse_unexplained_variance": {k.split("/")[1]: v for k, v in unexplained.items()},
        "hold_drop": course.hold_drop(TRAINED_MS),
        "baseline_distance": course.at(course.distance, course.second_onset_ms),
        "half_rise_ms": half_rise_ms(course),
        "noise": {
            "sigma": noise.sigma,
            "cordsnet": noise.cordsnet,
            "cnn": noise.cnn,
            "cnn_averaged": noise.cnn_averaged,
        },
        "parameters": sum(p.numel() for p in model.parameters()),
        "classes": model.num_classes,
        "tau_ms": model.spec.tau_ms,
        "dt_ms": model.dt_ms,
    }


@torch.no_grad()
def examples(model: CordsNet, split: Split, count: int = 3) -> Examples:
    """The activity that the first image of each of `count` classes evokes, during 200 ms and 100 ms after."""
    rows = [int((split.labels == label).nonzero()[0]) for label in torch.unique(split.labels)[:count]]
    images = split.images[rows].to(next(model.parameters()))
    protocol = show(images, TRAINED_MS) + blank(100.0)
    traj = simulate(model, protocol, record=Record("all", times_ms=EXAMPLE_TIMES_MS))
    at_end = int((traj.time_ms == TRAINED_MS).nonzero()[0])
    channel = {area: int(rates[at_end].flatten(2).var(2).mean(0).argmax()) for area, rates in traj.rates.items()}
    maps = {area: rates[:, :, channel[area]].cpu() for area, rates in traj.rates.items()}
    return Examples(images.cpu(), maps, channel, traj.time_ms, TRAINED_MS)


def _seconds(stages: dict[str, StageReport], measuring: float) -> dict[str, Any]:
    parts = {name: report.seconds for name, report in stages.items()} | {"measuring": measuring}
    return {"seconds": sum(parts.values()), "seconds_by_part": parts}


def _provenance(recipe: Recipe, test: Split) -> dict[str, Any]:
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "test_images": len(test),
        "versions": versions(),
        "machine": machine(),
    }
