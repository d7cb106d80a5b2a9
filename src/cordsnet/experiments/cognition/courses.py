"""Courses of an area over trials of equal timing, averaged by condition."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet.errors import RunError
from cordsnet.tasks import Task, Trials
from cordsnet.tasks.running import run_rates
from cordsnet.tasks.timing import Timing

CONDITIONS: Mapping[str, tuple[str, ...]] = {
    "match_to_sample": ("sample", "match"),
    "context_decision": ("context", "motion_side", "luminance_side"),
    "parametric_memory": ("f1_hz", "f2_hz"),
    "delayed_saccade": ("angle",),
    "sequence": ("start", "direction"),
}
"""Task -> conditions whose combinations are averaged; over all others, such as the coherence, the mean is taken."""

EIGHT: Mapping[str, Mapping[str, Any]] = {"delayed_saccade": {"angles": 8}, "sequence": {"angles": 8}}
"""Task -> settings that make continuous conditions few."""

TRIALS, SEED = 256, 2**41
"""Trials over which courses are averaged, and their seed: apart from those of training and of accuracies."""


@dataclass(frozen=True)
class Shown:
    """Trials of one timing and without noise, which all networks see.

    Attributes
    ----------
    trials : the trials.
    group : number of the combination of conditions of each trial [B].
    conditions : the combinations in words, by number.
    periods : period -> when it begins and ends, ms.
    """

    trials: Trials
    group: Tensor
    conditions: tuple[str, ...]
    periods: Mapping[str, tuple[float, float]]


def one_timing(task: Task) -> Task:
    """The task without noise and with one duration for each period: the middle of a list, the mean of a distribution.

    Durations are rounded to whole frames.
    """
    timing = {period: _middle(value, task.frame_ms) for period, value in task.timings.items()}
    return task.for_tests().changed(timing=timing, noise=0.0, **EIGHT.get(task.kind, {}))


def show_trials(task: Task) -> Shown:
    """Test trials of a task with one timing, in groups of equal conditions."""
    trials = one_timing(task).sample(TRIALS, SEED)
    names = CONDITIONS[task.kind]
    values = torch.stack([trials.conditions[name].double() for name in names], 1)
    levels, group = torch.unique(values, dim=0, return_inverse=True)
    words = tuple(
        ", ".join(f"{name} {value:.3g}" for name, value in zip(names, row, strict=True)) for row in levels.tolist()
    )
    periods = {name: (float(edges[0, 0]), float(edges[0, 1])) for name, edges in _edges(trials).items()}
    return Shown(trials, group, words, periods)


def mean_courses(model: Any, shown: Shown) -> Tensor:
    """Rates of the last area [conditions, frames, units], at the end of every frame and without private noise.

    Raises RunError for rates that are not finite.
    """
    rates = run_rates(model.eval(), shown.trials, model.areas[-1]).flatten(2).double().cpu()  # [F, B, N]
    if not bool(torch.isfinite(rates).all()):
        raise RunError("rates of a trained network are not finite; lower lr")
    summed = rates.new_zeros(len(shown.conditions), rates.shape[0], rates.shape[2])
    summed.index_add_(0, shown.group, rates.transpose(0, 1))
    return summed / torch.bincount(shown.group)[:, None, None]


def _edges(trials: Trials) -> dict[str, Tensor]:
    return {name: trials.edges_ms(name) for name in trials.periods}


def _middle(timing: Timing, frame_ms: float) -> float:
    if not isinstance(timing, tuple):
        return timing
    if timing[0] == "uniform":
        ms = (float(timing[1]) + float(timing[2])) / 2
    elif timing[0] == "exponential":
        ms = float(timing[1])
    else:
        return float(sorted(timing)[len(timing) // 2])
    return max(1, round(ms / frame_ms)) * frame_ms
