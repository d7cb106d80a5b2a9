"""Figures and tables of expressivity."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.cognition.distance_matrix import matrix_sections
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.figures import in_colours, new_figure, tidy
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Section, Table, as_table, percent
from cordsnet.report.rows import models_of, values_of

LEARNT = 0.9
"""Dashed line: what counts as learnt."""

TEXT = (
    "Networks have as many units and differ in their recurrence alone. Every dot is a network; bars are 95 % intervals "
    "over test trials. Dashed: 90 %. "
)
ALIKE = (
    "Procrustes distance of courses that are averaged by condition: the share of their squared norm that no rotation "
    "and scaling makes equal. Every network saw the same trials, without noise and with one duration for each period. "
    "Dots are pairs of trained networks, black lines their means, and grey ones those of untrained networks, whose "
    "likeness is that of their inputs. "
)
RATIOS = (
    "Mean distance of networks of different recurrences over that of two seeds of one recurrence, of networks that "
    "learnt (90 % of new trials), of all that were trained, and of untrained ones. Brackets: 95 % intervals over "
    "networks; none where a recurrence has less than three."
)


def summary(result: Result) -> Table:
    """Accuracy, parameters, updates and time of every network."""
    rows = [
        (
            *(str(row[name]) for name in ("task", "model", "units", "seed")),
            _accuracy(row),
            *(
                f"{row[name]:,.0f}" if name in row else "-"
                for name in ("parameters", "updates", "seconds", "processor_seconds")
            ),
        )
        for row in result.rows("networks")
    ]
    head = ("task", "model", "units", "seed", "right", "parameters", "updates", "seconds", "processor time, s")
    return Table(head, rows)


def sections(result: Result) -> list[Section]:
    """Accuracies, distances, courses, and every number."""
    notes = as_table(result.rows("notes"))
    shown = [
        Section("What they learn", TEXT + _count(result), accuracies(result), (summary(result), notes), "learning")
    ]
    if result.rows("distances"):
        text = f"{ALIKE}n = {len(result.rows('distances', weights='trained'))} pairs."
        shown.append(Section("How alike they are", text, likeness(result), (), "likeness"))
        shown.append(Section("Ratios of distances", RATIOS, tables=(_ratios(result),)))
        shown += matrix_sections(result)
    if any(name.startswith("trajectories/") for name in result.arrays):
        shown.append(Section("Courses", COURSES, courses(result), (), "courses"))
    return [*shown, Section("Every pair", "", tables=(as_table(result.rows("distances")),))]


COURSES = (
    "First two principal components of the rates of one network of each recurrence, a line for each condition (n = 1 "
    "network each); a dot marks where it ends. Scales differ, and signs and order of components mean nothing."
)


def accuracies(result: Result) -> Figure:
    """Accuracy of every network, by task."""
    tasks, models = values_of(result, "networks", "task"), models_of(result, "networks")
    drawn = new_figure(height=3.2)
    axes = drawn.subplots()
    for k, (colour, model) in enumerate(in_colours(models)):
        rows = [row for row in result.rows("networks", model=model) if "accuracy" in row]
        x = [tasks.index(str(row["task"])) + _offset(k, len(models)) + _spread(row, rows) for row in rows]
        values = [float(row["accuracy"]) for row in rows]
        ends = [[abs(float(row[end]) - float(row["accuracy"])) for row in rows] for end in ("low", "high")]
        axes.errorbar(
            x, values, yerr=ends, fmt="o", color=colour, markersize=3.5, linewidth=0.8, label=short_name(model)
        )
    axes.axhline(LEARNT, color="0.5", linestyle="--", linewidth=1)
    axes.set_ylim(0, 1.05)
    _name_tasks(axes, tasks)
    drawn.legend(loc="outside upper center", ncols=len(models), frameon=False, fontsize=9)
    tidy(axes, "", "share right")
    return drawn


def likeness(result: Result) -> Figure:
    """Distances of pairs of networks of one recurrence and of different ones, by task."""
    tasks = values_of(result, "distances", "task")
    drawn = new_figure(height=3.2)
    axes = drawn.subplots()
    for k, (colour, kind) in enumerate(in_colours(("same", "different"))):
        label = "two seeds of one recurrence" if kind == "same" else "two recurrences"
        for number, task in enumerate(tasks):
            x = number + _offset(k, 2)
            for weights, ink in (("untrained", "0.6"), ("trained", "black")):
                rows = result.rows("distances", task=task, recurrence=kind, weights=weights)
                values = [float(row["procrustes"]) for row in rows if "units" in row and "procrustes" in row]
                if not values:
                    continue
                mean = sum(values) / len(values)
                axes.plot([x - 0.14, x + 0.14], [mean, mean], color=ink, linewidth=1.5, zorder=3)
                if weights == "trained":
                    places = [x + 0.1 * (2 * (j + 0.5) / len(values) - 1) for j in range(len(values))]
                    axes.scatter(places, values, color=colour, s=9, label=label if number == 0 else None)
    _name_tasks(axes, tasks)
    axes.set_ylim(bottom=0)
    drawn.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    tidy(axes, "", "Procrustes distance")
    return drawn


def courses(result: Result) -> Figure:
    """First two components of one network of each recurrence and task, at the smallest size."""
    names = [name.split("/")[1:] for name in result.arrays if name.startswith("trajectories/")]
    units = min(int(parts[1]) for parts in names)
    tasks = list(dict.fromkeys(parts[0] for parts in names))
    models = [model for model in models_of(result, "networks") if any(parts[2] == model for parts in names)]
    drawn = new_figure(height=0.4 + 1.5 * len(tasks))
    panels = drawn.subplots(len(tasks), len(models), squeeze=False)
    for row, task in zip(panels, tasks, strict=True):
        for axes, model in zip(row, models, strict=True):
            found = result.arrays.get(f"trajectories/{task}/{units}/{model}")
            for colour, line in in_colours(() if found is None else found.values):
                axes.plot(line[:, 0], line[:, 1], color=colour, linewidth=0.8)
                axes.plot(line[-1:, 0], line[-1:, 1], "o", color=colour, markersize=2.5)
            axes.set_xticks([])
            axes.set_yticks([])
            first = axes is row[0]
            tidy(axes, "", task.replace("_", "\n") if first else "", short_name(model) if task == tasks[0] else "")
    return drawn


def _ratios(result: Result) -> Table:
    rows = [
        (
            *(str(row[name]) for name in ("task", "units", "networks", "measure")),
            *(show_number(float(row[name])) if name in row else "-" for name in ("same", "different")),
            with_interval(row, "ratio") if "ratio" in row else "-",
        )
        for row in result.rows("ratios")
    ]
    return Table(("task", "units", "networks", "distance", "two seeds", "two recurrences", "ratio"), rows)


def _accuracy(row: Mapping[str, Any]) -> str:
    if "accuracy" not in row:
        return str(row["status"])
    return f"{percent(float(row['accuracy']))} [{percent(float(row['low']))}, {percent(float(row['high']))}]"


def _count(result: Result) -> str:
    rows = result.rows("networks")
    trials = next((row["trials"] for row in rows if "trials" in row), 0)
    return f"n = {len(rows)} networks, {trials} test trials each."


def _offset(k: int, count: int) -> float:
    return 0.7 * ((k + 0.5) / count - 0.5)


def _spread(row: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> float:
    """Places networks of one task beside one another."""
    mine = [one for one in rows if one["task"] == row["task"]]
    return 0.12 * ((mine.index(row) + 0.5) / len(mine) - 0.5)


def short_name(model: str) -> str:
    """Part of a row's name that sets it apart from the others of the page."""
    return model.removeprefix("vector_rnn_").removesuffix("_small").removesuffix("_pfc")


def _name_tasks(axes: Axes, tasks: list[str]) -> None:
    axes.set_xticks(range(len(tasks)), [task.replace("_", "\n") for task in tasks], fontsize=8)
    axes.set_xlim(-0.5, len(tasks) - 0.5)
