"""Expressivity: do recurrent networks of four recurrences learn the same tasks, and with the same dynamics?"""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from cordsnet.experiments.claims import Claim, Measured, decide
from cordsnet.experiments.cognition.courses import Shown, mean_courses, show_trials
from cordsnet.experiments.cognition.distances import Array, distances, lowest_mean, matrix, ratio
from cordsnet.experiments.cognition.options import CLAIMS, MODELS, ExpressivityOptions
from cordsnet.experiments.cognition.recurrences import count_parameters, task_of
from cordsnet.experiments.cognition.trained import check_swept, drawn_model, network_row, trained_model
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.result import LabelledArray, Result, axis, labelled
from cordsnet.tasks import Task
from cordsnet.training import ModelChoice, sweep

SHOWN_COMPONENTS = 3

Network: TypeAlias = tuple[str, int]
"""(model, seed)."""


@experiment(
    "expressivity",
    options=ExpressivityOptions,
    presets={
        "smoke": Preset(
            ExpressivityOptions(("parametric_memory",), MODELS[:2], seeds=1, updates=20, batch=32, trials=60), 0.3, 1.0
        ),
        "desk": Preset(ExpressivityOptions(), 20.0, 1.0),
        "paper": Preset(
            ExpressivityOptions(units=(64, 144, 256), seeds=5, updates=10_000, timing="own", dt_ms=20.0),
            60.0 * 210,
            2.0,
        ),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)
def expressivity(setting: Setting, options: ExpressivityOptions) -> Result:
    """Dense, low-rank, sparse and convolutional networks with as many units on one set of tasks, and their dynamics.

    Trajectories are those of the recurrent area under the same trials for all networks, without noise and with one
    duration for each period, averaged by condition. The table "networks" has a row for each network, "distances" one
    for each pair of networks of a task and size, and of their untrained twins.

    Raises
    ------
    ValueError : a model that reads no vectors, or a timing that is no whole number of frames.
    RunError : a run failed for another reason than divergence.
    """
    tasks = {name: task_of(name, options.timing, options.dt_ms) for name in options.tasks}
    runs = [run for task in tasks.values() for run in options.runs(task, setting.seed)]
    made = {run.name: run for run in runs}
    swept = sweep(runs, setting.folder(), measure=count_parameters, workers=setting.workers, progress=setting.progress)
    check_swept(swept)
    tables: dict[str, list[dict[str, Any]]] = {"networks": [], "distances": [], "ratios": [], "notes": _notes(options)}
    arrays: dict[str, LabelledArray] = {}
    claims: list[Claim] = []
    for name, task in tasks.items():
        for units in options.units:
            rows = [row for row in swept if (row["task"], row["units"]) == (name, units)]
            choices = {row["run"]: made[row["run"]].recipe.model for row in rows}
            part = _measure(task, units, rows, choices, setting, options)
            for table, found in part.tables.items():
                tables[table] += [dict(row) for row in found]
            arrays |= part.arrays
            claims += part.claims
    return Result(tables, arrays, tuple(claims))


def _measure(
    task: Task,
    units: int,
    swept: Sequence[Mapping[str, Any]],
    choices: Mapping[str, ModelChoice],
    setting: Setting,
    options: ExpressivityOptions,
) -> Result:
    """Accuracies, courses and distances of all networks of a task and size."""
    right, rows = dict[str, list[Array]](), list[dict[str, Any]]()
    shown, trained, untrained = show_trials(task), dict[Network, Tensor](), dict[Network, Tensor]()
    for row in swept:
        made, hits = network_row(task, row, setting, options.trials)
        rows.append(made)
        right.setdefault(row["model"], []).append(hits)
        if row["status"] == "finished":
            trained[row["model"], row["seed"]] = mean_courses(trained_model(row, setting), shown)
            twin = drawn_model(task, choices[row["run"]], row["seed"])
            untrained[row["model"], row["seed"]] = mean_courses(twin, shown)
    pairs, notes = _distances(trained, untrained)
    learnt = sorted((row["model"], row["seed"]) for row in rows if row["learnt"])
    here = {"task": task.kind, "units": units}
    ratios = [here | row for row in _ratio_rows(pairs, learnt, sorted(trained), setting.seed)]
    ours = _of_claim(pairs, learnt, setting.seed)
    measured = {"all_learn": lowest_mean({k: np.stack(v) for k, v in right.items()}, setting.seed), "alike": ours}
    if missing := len(rows) - len(learnt):
        notes.append(f"{missing} of {len(rows)} networks answer less than 90 %; claim 'alike' leaves them out")
    subject = task.kind if len(options.units) == 1 else f"{task.kind}, {units} units"
    tables = {
        "networks": rows,
        "distances": [here | row for row in pairs],
        "ratios": ratios,
        "notes": [{"task": subject, "note": note} for note in dict.fromkeys(notes)],
    }
    return Result(tables, _arrays(task, units, trained, shown), decide(CLAIMS, measured, subject))


def _distances(
    trained: Mapping[Network, Tensor], untrained: Mapping[Network, Tensor]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Distances of all pairs of networks, trained and untrained, and notes on those that are not defined."""
    with_dsa = importlib.util.find_spec("DSA") is not None
    notes = [] if with_dsa else ["the column dsa needs the package dsa-metric: pip install 'cordsnet[geometry]'"]
    rows = []
    for weights, courses in (("trained", trained), ("untrained", untrained)):
        for one, other in _pairs(sorted(courses)):
            found, why = distances(courses[one], courses[other], with_dsa)
            notes += [f"dsa of {one[0]} and {other[0]} is left out: {why}"] if why else []
            ends = {"first": one[0], "first_seed": one[1], "second": other[0], "second_seed": other[1]}
            kind = "same" if one[0] == other[0] else "different"
            rows.append({"weights": weights, **ends, "recurrence": kind, **found})
    return rows, notes


def _pairs(networks: Sequence[Network]) -> Iterator[tuple[Network, Network]]:
    for k, one in enumerate(networks):
        for other in networks[k + 1 :]:
            yield one, other


def _of_claim(pairs: Sequence[Mapping[str, Any]], learnt: Sequence[Network], seed: int) -> Measured:
    rows = [row for row in pairs if row["weights"] == "trained"]
    return ratio(matrix(rows, learnt, "procrustes"), [model for model, _ in learnt], seed)


def _ratio_rows(
    pairs: Sequence[Mapping[str, Any]], learnt: Sequence[Network], finished: Sequence[Network], seed: int
) -> Iterator[dict[str, Any]]:
    """Ratios of distances, by measure: of networks that learnt, of all that finished, and of untrained ones."""
    for group, networks in (("learnt", learnt), ("trained", finished), ("untrained", finished)):
        rows = [row for row in pairs if row["weights"] == ("untrained" if group == "untrained" else "trained")]
        for column in ("procrustes", "dsa"):
            found = ratio(matrix(rows, networks, column), [model for model, _ in networks], seed)
            low, high = found.interval or (None, None)
            means = {kind: _mean(rows, networks, column, kind) for kind in ("same", "different")}
            yield {"networks": group, "measure": column, **means, "ratio": found.value, "low": low, "high": high}


def _mean(rows: Sequence[Mapping[str, Any]], networks: Sequence[Network], column: str, kind: str) -> float | None:
    known = set(networks)
    values = [
        float(row[column])
        for row in rows
        if row["recurrence"] == kind
        and column in row
        and {(row["first"], row["first_seed"]), (row["second"], row["second_seed"])} <= known
    ]
    return float(np.mean(values)) if values else None


def _arrays(task: Task, units: int, trained: Mapping[Network, Tensor], shown: Shown) -> dict[str, LabelledArray]:
    """First principal components of the course of the first network of each recurrence."""
    found: dict[str, LabelledArray] = {}
    for (name, _), course in sorted(trained.items(), key=lambda item: item[0][1]):
        label = f"trajectories/{task.kind}/{units}/{name}"
        if label not in found:
            flat = course.flatten(0, 1)
            left, sizes, _ = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
            scores = (left * sizes)[:, :SHOWN_COMPONENTS].reshape(*course.shape[:2], -1)
            times = axis("time", [(k + 1) * shown.trials.frame_ms for k in range(course.shape[1])], "ms")
            axes = (axis("condition", shown.conditions), times, axis("component", range(1, 1 + scores.shape[-1])))
            found[label] = labelled(scores, axes, description="rates along the first principal components")
    return found


def _notes(options: ExpressivityOptions) -> list[dict[str, str]]:
    notes = []
    if options.timing == "short":
        notes.append(
            "trials are shorter than the tasks' own, with delays of 120 to 400 ms; the context-dependent decision is "
            "without its weakest coherence, 0.05, and the sequence moves twice as fast"
        )
    if options.seeds < 3:
        notes.append("claim 'alike' needs three networks of each recurrence for its interval, give seeds of 3 or more")
    return [{"task": "all", "note": note} for note in notes]
