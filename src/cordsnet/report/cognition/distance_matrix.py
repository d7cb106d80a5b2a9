"""Matrices of distances between all networks of expressivity."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import LabelledArray, Result
from cordsnet.report.figures import new_figure
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Section, Table
from cordsnet.report.rows import values_of

PREFIX, ALL = "distances/", "all tasks"
NAMES = {"procrustes": "Procrustes distance", "cca": "1 - mean canonical\ncorrelation", "dsa": "DSA"}

MATRICES = (
    "Distances between all trained networks of a task, whether they learnt or not (dark: alike), with one scale for "
    "each measure. Lines part recurrences, in the order of the first row of names. "
)
BETWEEN = (
    "Distance between the dynamics (DSA, eigenvalues of fitted linear dynamics) of all networks of all tasks. Lines "
    "part tasks. In the table: the mean distance of networks of different tasks over that of networks of one task, and "
    "of different recurrences over one recurrence, whatever the task. Brackets: 95 % intervals over networks."
)


def matrix_sections(result: Result) -> list[Section]:
    """The matrices of each task, and that of all tasks, where there are any."""
    found = []
    if tasks := [task for task in values_of(result, "distances", "task") if _measures(result, task)]:
        count = len(_matrix(result, tasks[0], _measures(result, tasks[0])[0]).values)
        found.append(
            Section("Distance matrices", f"{MATRICES}n = {count} networks.", task_matrices(result), (), "matrices")
        )
    if f"{PREFIX}{ALL}/dsa" in result.arrays:
        found.append(Section("Across tasks", BETWEEN, all_tasks(result), (_ratios(result),), "across_tasks"))
    return found


def task_matrices(result: Result) -> Figure:
    """A matrix for each measure (down) and task (across)."""
    tasks = values_of(result, "distances", "task")
    measures = [name for name in NAMES if any(name in _measures(result, task) for task in tasks)]
    drawn = new_figure(height=0.5 + 1.5 * len(measures))
    panels = drawn.subplots(len(measures), len(tasks), squeeze=False)
    for row, measure in zip(panels, measures, strict=True):
        shown = {task: _values(result, task, measure) for task in tasks if measure in _measures(result, task)}
        top = max(float(np.nanmax(values)) for values in shown.values())
        image: Any = None
        for axes, task in zip(row, tasks, strict=True):
            axes.set_xticks([])
            axes.set_yticks([])
            if task in shown:
                image = axes.imshow(shown[task], cmap="viridis", vmin=0, vmax=top, interpolation="nearest")
                _part(axes, [_model(name) for name in _names(result, task, measure)], named=axes is row[0])
            if measure == measures[0]:
                axes.set_title(task.replace("_", "\n"), fontsize=9)
        drawn.colorbar(image, ax=list(row), shrink=0.8).set_label(NAMES[measure], fontsize=8)
    return drawn


def all_tasks(result: Result) -> Figure:
    """The matrix of all networks of all tasks."""
    drawn = new_figure(height=5.6)
    axes = drawn.subplots()
    values, names = _matrix(result, ALL, "dsa").values, _names(result, ALL, "dsa")
    image = axes.imshow(values, cmap="viridis", vmin=0, interpolation="nearest")
    axes.set_xticks([])
    _part(axes, [name.split(", ")[0] for name in names], named=True)
    drawn.colorbar(image, ax=axes, shrink=0.8).set_label("DSA distance", fontsize=8)
    return drawn


def _part(axes: Axes, labels: Sequence[str], named: bool) -> None:
    """Lines between groups of neighbours with equal labels, and their names on the left."""
    edges = [k for k in range(1, len(labels)) if labels[k] != labels[k - 1]]
    for edge in edges:
        axes.axhline(edge - 0.5, color="white", linewidth=0.8)
        axes.axvline(edge - 0.5, color="white", linewidth=0.8)
    if named:
        starts = [0, *edges, len(labels)]
        middles = [(low + high - 1) / 2 for low, high in pairwise(starts)]
        axes.set_yticks(middles, [labels[start].replace("_", " ") for start in starts[:-1]], fontsize=7)
        axes.tick_params(length=0)


def _model(name: str) -> str:
    """Short name of the row in the name of a network."""
    return name.split(", ")[0].removeprefix("vector_rnn_").removesuffix("_small")


def _matrix(result: Result, task: str, measure: str) -> LabelledArray:
    return result.arrays[f"{PREFIX}{task}/{measure}"]


def _names(result: Result, task: str, measure: str) -> list[str]:
    return [str(name) for name in _matrix(result, task, measure).axes[0].values]


def _values(result: Result, task: str, measure: str) -> Any:
    values = _matrix(result, task, measure).values
    return 1 - values if measure == "cca" else values


def _measures(result: Result, task: str) -> list[str]:
    return [measure for measure in NAMES if f"{PREFIX}{task}/{measure}" in result.arrays]


def _ratios(result: Result) -> Table:
    rows = [
        (
            str(row["networks"]),
            f"different {row['of']}",
            show_number(float(row["ratio"])) if "ratio" in row else "-",
            f"[{show_number(float(row['low']))}, {show_number(float(row['high']))}]" if "low" in row else "-",
            f"{row['n']:,.0f}",
        )
        for row in result.rows("between_tasks")
    ]
    return Table(("networks", "farther apart", "ratio", "95 % interval", "networks compared"), rows)
