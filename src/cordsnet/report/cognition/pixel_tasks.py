"""Figures and tables of pixel tasks."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.cognition.expressivity import accuracies, short_name
from cordsnet.report.figures import in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table, as_table, percent
from cordsnet.report.rows import models_of, values_of

TEXT = (
    "Networks see movies of 16 px, and differ in their front end alone: behind it is one vector area of 64 units with "
    "a time constant of 100 ms. Every dot is a network; bars are 95 % intervals over test trials. Dashed: 90 %. All "
    "trials of random dots count here, those at chance included. "
)
CURVES = (
    "Accuracy of answers, and median reaction time, against the coherence of random dots; bars are 95 % intervals over "
    "trials, of the first network of each front end. The network answers when an option reaches the threshold, or else "
    "at the end of the trial. Its reaction times hold no time for the movement itself. "
)
GREYS = {0: "0.35", 1: "0.65"}


def summary(result: Result) -> Table:
    """Tasks by front ends: accuracy, and the easiest trials in brackets where these say what was learnt."""
    models = models_of(result, "networks")
    rows = [
        (task, *(_cell(result.rows("networks", task=task, model=model)) for model in models))
        for task in values_of(result, "networks", "task")
    ]
    return Table(("task", *(short_name(model) for model in models)), rows)


def sections(result: Result) -> list[Section]:
    """Accuracies, curves of random dots, and every number."""
    learning = (summary(result), _costs(result), as_table(result.rows("notes")))
    shown = [Section("What they learn", TEXT + _count(result), accuracies(result), learning, "learning")]
    if rows := result.rows("curves"):
        least = min(row["trials"] for row in rows)
        text = f"{CURVES}n = {least} trials or more per coherence."
        shown.append(Section("Random dots", text, dot_curves(result), (as_table(rows),), "curves"))
    return [*shown, Section("By condition", "", tables=(as_table(result.rows("levels")),))]


def dot_curves(result: Result) -> Figure:
    """Psychometric and chronometric curves of every front end, and of the monkeys."""
    drawn = new_figure(height=3.4)
    accuracy, times = drawn.subplots(1, 2)
    who = [str(name) for name in values_of(result, "curves", "who")]
    models, monkeys = ([name for name in who if name.startswith("monkey") == wanted] for wanted in (False, True))
    levels = sorted({float(row["strength"]) for row in result.rows("curves")})
    for axes in (accuracy, times):
        axes.set_xscale("symlog", linthresh=0.032)
        axes.set_xticks(levels, [f"{100 * level:g}" for level in levels])
        axes.set_xticks([], minor=True)
    for colour, name in in_colours(models):
        _line(accuracy, times, result.rows("curves", who=name, seed=0), colour, "o-", short_name(name))
    for k, name in enumerate(monkeys):
        _line(accuracy, times, result.rows("curves", who=name), GREYS[k % 2], "s--", name)
    accuracy.axhline(0.5, color="0.7", linestyle=":", linewidth=1)
    tidy(accuracy, "coherence (%)", "accuracy of answers", "psychometric curve")
    tidy(times, "coherence (%)", "median reaction time (ms)", "chronometric curve")
    drawn.legend(*accuracy.get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return drawn


def _line(accuracy: Axes, times: Axes, rows: Sequence[Mapping[str, Any]], colour: str, style: str, label: str) -> None:
    rows = [row for row in rows if "accuracy" in row]
    x = [float(row["strength"]) for row in rows]
    y = [float(row["accuracy"]) for row in rows]
    ends = [[abs(float(row[end]) - float(row["accuracy"])) for row in rows] for end in ("low", "high")]
    accuracy.errorbar(x, y, ends, fmt=style, color=colour, markersize=3.5, linewidth=1, label=label)
    times.plot(x, [float(row["median_ms"]) for row in rows], style, color=colour, markersize=3.5, linewidth=1)


def _cell(rows: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy of every network of a cell; in brackets that of the trials that say what was learnt."""
    said = []
    for row in rows:
        if "accuracy" not in row:
            said.append(str(row["status"]))
            continue
        easy = "" if row["asked"] == row["trials"] else f" ({percent(row['hits'] / row['asked'])})"
        said.append(percent(float(row["accuracy"])) + easy)
    return ", ".join(said)


def _costs(result: Result) -> Table:
    rows = [
        (
            *(str(row[name]) for name in ("task", "model", "seed")),
            *(f"{row[name]:,.0f}" if name in row else "-" for name in ("parameters", "updates", "seconds")),
        )
        for row in result.rows("networks")
    ]
    return Table(("task", "model", "seed", "parameters", "updates", "seconds"), rows)


def _count(result: Result) -> str:
    rows = result.rows("networks")
    trials = next((row["trials"] for row in rows if "trials" in row), 0)
    return f"n = {len(rows)} networks, {trials} test trials each."
