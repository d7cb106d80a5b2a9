"""Expressivity: do recurrent networks of four recurrences learn the same tasks, and with the same dynamics?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cordsnet.experiments.claims import Claim, decide
from cordsnet.experiments.cognition.courses import Shown, mean_courses, show_trials
from cordsnet.experiments.cognition.distances import Array, lowest_mean, matrix, ratio
from cordsnet.experiments.cognition.likeness import Network, between_tasks, matrices, pair_rows, ratio_rows
from cordsnet.experiments.cognition.options import CLAIMS, CONV, DENSE, MODELS, ExpressivityOptions
from cordsnet.experiments.cognition.recurrences import count_parameters, task_of
from cordsnet.experiments.cognition.trained import check_swept, drawn_model, network_row, trained_model
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.result import LabelledArray, Result, axis, labelled
from cordsnet.tasks import Task
from cordsnet.training import ModelChoice, sweep

SHOWN_COMPONENTS = 3
TABLES = ("networks", "distances", "ratios", "notes")


@experiment(
    "expressivity",
    options=ExpressivityOptions,
    presets={
        "smoke": Preset(
            ExpressivityOptions(("parametric_memory",), MODELS[:2], seeds=1, updates=20, batch=32, trials=60), 0.3, 1.0
        ),
        "desk": Preset(ExpressivityOptions(), 12.0, 1.0),
        "paper": Preset(
            ExpressivityOptions(units=(64, 144, 256), seeds=5, updates=10_000, timing="own", dt_ms=20.0),
            60.0 * 105,
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
    for each pair of networks of a task, and of their untrained twins of one size; "between_tasks" compares dynamics
    across tasks. The arrays "distances/..." hold the same as matrices.

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
    parts = [Result({"notes": _notes(options)})]
    courses, learnt = dict[str, dict[Network, Tensor]](), dict[str, list[Network]]()
    for name, task in tasks.items():
        rows = [row for row in swept if row["task"] == name]
        choices = {row["run"]: made[row["run"]].recipe.model for row in rows}
        measured, courses[name], learnt[name] = _measure(task, rows, choices, setting, options)
        parts.append(measured)
    between, all_tasks = between_tasks(courses, learnt, setting.seed)
    tables = {name: [row for part in parts for row in part.tables.get(name, ())] for name in TABLES}
    arrays = {name: values for part in parts for name, values in part.arrays.items()}
    claims = tuple(claim for part in parts for claim in part.claims)
    return Result(tables | {"between_tasks": between}, arrays | all_tasks, claims)


def _measure(
    task: Task,
    swept: Sequence[Mapping[str, Any]],
    choices: Mapping[str, ModelChoice],
    setting: Setting,
    options: ExpressivityOptions,
) -> tuple[Result, dict[Network, Tensor], list[Network]]:
    """Accuracies, courses and distances of all networks of a task; the courses; and which networks learnt."""
    answered, rows = dict[Network, Array](), list[dict[str, Any]]()
    shown, trained, untrained = show_trials(task), dict[Network, Tensor](), dict[Network, Tensor]()
    for row in swept:
        network = Network(row["model"], row["units"], row["seed"])
        made, answered[network] = network_row(task, row, setting, options.trials)
        rows.append(made)
        if row["status"] == "finished":
            trained[network] = mean_courses(trained_model(row, setting), shown)
            untrained[network] = mean_courses(drawn_model(task, choices[row["run"]], row["seed"]), shown)
    pairs, notes = pair_rows(trained, untrained)
    learnt = sorted(Network(row["model"], row["units"], row["seed"]) for row in rows if row["learnt"])
    ratios, claims = list[dict[str, Any]](), list[Claim]()
    for units in options.units:
        here = [row for row in pairs if row.get("units") == units]
        able, finished = ([one for one in some if one.units == units] for some in (learnt, sorted(trained)))
        ratios += [{"task": task.kind, "units": units} | row for row in ratio_rows(here, able, finished, setting.seed)]
        right = {name: _stacked(answered, name, units) for name in options.models}
        alike = [row for row in here if row["weights"] == "trained"]
        pairs_of_able, names = matrix(alike, able, "procrustes"), [one.model for one in able]
        measured = {
            "all_learn": lowest_mean(right, setting.seed),
            "alike": ratio(pairs_of_able, names, setting.seed),
            "conv_like_dense": ratio(pairs_of_able, names, setting.seed, (CONV, DENSE)),
        }
        claims += decide(CLAIMS, measured, task.kind if len(options.units) == 1 else f"{task.kind}, {units} units")
    if missing := len(rows) - len(learnt):
        notes.append(f"{missing} of {len(rows)} networks answer less than 90 %; claim 'alike' leaves them out")
    tables = {
        "networks": rows,
        "distances": [{"task": task.kind} | row for row in pairs],
        "ratios": ratios,
        "notes": [{"task": task.kind, "note": note} for note in dict.fromkeys(notes)],
    }
    arrays = _arrays(task, trained, shown) | matrices(task.kind, pairs)
    return Result(tables, arrays, tuple(claims)), trained, learnt


def _stacked(answered: Mapping[Network, Array], model: str, units: int) -> Array:
    """Trials that the networks of a recurrence and size answer [networks, trials]."""
    return np.stack([hits for one, hits in answered.items() if (one.model, one.units) == (model, units)])


def _arrays(task: Task, trained: Mapping[Network, Tensor], shown: Shown) -> dict[str, LabelledArray]:
    """First principal components of the course of the first network of each recurrence and size."""
    found: dict[str, LabelledArray] = {}
    for network, course in sorted(trained.items(), key=lambda item: item[0].seed):
        label = f"trajectories/{task.kind}/{network.units}/{network.model}"
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
