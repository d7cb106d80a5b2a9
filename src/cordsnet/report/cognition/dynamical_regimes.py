"""Figures and tables of dynamical_regimes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cordsnet.experiments import Result
from cordsnet.report.figures import BLUE, GREEN, VERMILION, new_figure, tidy
from cordsnet.report.page import Section, Table, as_table, percent
from cordsnet.report.rows import models_of, values_of

COLOURS = {"stable": BLUE, "oscillatory": GREEN, "chaotic": VERMILION, "unstable": "black", "undecided": "0.6"}
"""Regime -> colour of its dots."""

CYCLIC, OPEN = "twilight", "viridis"
"""Colours of a condition that is an angle, in radians, and of any other."""
ANGLES = ("angle", "start")

SWEPT = (
    "Largest Lyapunov exponent of untrained networks, per time constant, against the gain of their recurrence: above 0 "
    "neighbouring states part (chaos), along a cycle it is 0, at a stable point below. Dots are networks, and bars are "
    "95 % intervals (1.96 standard errors over time, often smaller than the dot); networks of one seed differ in a "
    "factor alone and are joined. Colours are the regime where the exponent and the flow itself agree on it. "
)
GROWN = (
    "A network that learnt (90 % of new trials) is asked onto what it settles while the inputs of a period are held, "
    "by spectrum, pushes and topology; the verdict names what all three allow. In the last column are the same "
    "networks before training, which should hold nothing. "
)
STATES = (
    "Where the trials of one network of each task and recurrence (n = 1 network each) are once it has run for two slow "
    "times, along the first two principal components of these states, a dot for each trial, in the colour of its "
    "condition: sample, frequency, or angle. Titles: the verdict, and how many of three witnesses confirm what is "
    "expected. Scales differ, and signs of components mean nothing. Empty: no network learnt. "
)
WITNESSES = ("spectrum", "perturbation", "topology")


def summary(result: Result) -> Table:
    """Verdict and witnesses of every network that was asked for an attractor, and accuracy of those that were not."""
    heads = ("task", "model", "seed", "right", "trials", "expected", *WITNESSES, "verdict", "before training")
    rows = []
    for network in result.rows("networks"):
        same = {name: network[name] for name in ("task", "model", "units", "seed")}
        first = (str(network["task"]), str(network["model"]), str(network["seed"]), _accuracy(network))
        asked = result.rows("attractors", weights="trained", **same)
        for row in asked:
            drawn = result.rows("attractors", weights="drawn", trials=row["trials"], **same)
            before = str(drawn[0]["kind"]) if drawn else "-"
            words = (str(row[name]) for name in ("trials", "expected", *WITNESSES, "kind"))
            rows.append((*first, *words, before))
        if not asked:
            rows.append((*first, *["-"] * (len(heads) - len(first))))
    return Table(heads, rows, words=True)


def sections(result: Result) -> list[Section]:
    """The sweep of gains, the attractors, and every number."""
    regimes, notes = result.rows("regimes"), as_table(result.rows("notes"))
    seeds = len({row["seed"] for row in regimes})
    activation = regimes[0]["activation"] if regimes else ""
    text = f"{SWEPT}Units: {activation}. n = {len(regimes)} networks, {seeds} of each recurrence and gain."
    shown = [Section("Regimes and gain", text, exponents(result), (_regimes(result),), "regimes")]
    trained = result.rows("networks")
    learnt = sum(bool(row["learnt"]) for row in trained)
    text = f"{GROWN}n = {len(trained)} networks, of which {learnt} learnt."
    shown.append(Section("Attractors of trained networks", text, tables=(summary(result), notes)))
    if any(name.startswith("states/") for name in result.arrays):
        shown.append(Section("States", f"{STATES}{_counts(result)}", states(result), (), "states"))
    return [*shown, Section("Every number", "", tables=(as_table(result.rows("attractors")),))]


def exponents(result: Result) -> Figure:
    """Exponent against gain, a panel for each recurrence."""
    models = models_of(result, "regimes")
    drawn = new_figure(height=3.2)
    panels = drawn.subplots(1, len(models), squeeze=False, sharey=True)[0]
    for axes, model in zip(panels, models, strict=True):
        axes.axhline(0, color="0.5", linestyle="--", linewidth=1)
        for seed in dict.fromkeys(row["seed"] for row in result.rows("regimes", model=model)):
            _draw_seed(axes, [row for row in result.rows("regimes", model=model, seed=seed) if "exponent" in row])
        first = axes is panels[0]
        tidy(axes, "gain of the recurrence", "largest exponent (1/time constant)" if first else "", _short(model))
    found = [word for word in COLOURS if result.rows("regimes", regime=word)]
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=4, color=COLOURS[word], label=word) for word in found
    ]
    drawn.legend(handles=handles, loc="outside upper center", ncols=max(1, len(found)), frameon=False, fontsize=9)
    return drawn


def _draw_seed(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """The networks of one seed, joined."""
    gains, values = ([float(row[name]) for row in rows] for name in ("gain", "exponent"))
    axes.plot(gains, values, color="0.8", linewidth=0.8, zorder=1)
    for row, gain, value in zip(rows, gains, values, strict=True):
        ends = [[value - float(row["low"])], [float(row["high"]) - value]]
        axes.errorbar([gain], [value], yerr=ends, fmt="o", color=COLOURS[str(row["regime"])], markersize=4, linewidth=1)


def states(result: Result) -> Figure:
    """States onto which networks settle, a panel for each task and recurrence, at the smallest size."""
    names = [name.split("/")[1:] for name in result.arrays if name.startswith("states/")]
    units = min(int(parts[1]) for parts in names)
    tasks, models = values_of(result, "networks", "task"), models_of(result, "networks")
    drawn = new_figure(height=0.5 + 1.7 * len(tasks))
    panels = drawn.subplots(len(tasks), len(models), squeeze=False)
    for row, task in zip(panels, tasks, strict=True):
        for axes, model in zip(row, models, strict=True):
            found = result.arrays.get(f"states/{task}/{units}/{model}")
            said = ""
            if found is not None:
                condition = found.axes[0].name
                angle = condition in ANGLES
                axes.scatter(
                    found.values[:, 0], found.values[:, 1], c=list(found.axes[0].values), s=9,
                    cmap=CYCLIC if angle else OPEN, vmin=0 if angle else None, vmax=2 * math.pi if angle else None,
                )  # fmt: skip
                said = _verdict(result, task, units, model)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.margins(0.1)
            head = f"{_short(model)}\n" if task == tasks[0] else ""
            tidy(axes, "", task.replace("_", "\n") if axes is row[0] else "")
            axes.set_title(f"{head}{said}", loc="left", fontsize=8, pad=4)
    return drawn


def _verdict(result: Result, task: str, units: int, model: str) -> str:
    """Verdicts of the network that is drawn, and the fewest witnesses that confirm what is expected."""
    rows = result.rows("attractors", task=task, units=units, model=model, weights="trained")
    rows = tuple(row for row in rows if row["seed"] == rows[0]["seed"])
    kinds = dict.fromkeys(str(row["kind"]) for row in rows)
    return f"{' / '.join(kinds)} ({min(int(row['confirm']) for row in rows)} of 3)"


def _counts(result: Result) -> str:
    starts = [len(found.values) for name, found in result.arrays.items() if name.startswith("states/")]
    return (
        f"n = {min(starts)} trials each."
        if min(starts) == max(starts)
        else f"n = {min(starts)} to {max(starts)} trials."
    )


def _regimes(result: Result) -> Table:
    heads = {
        "model": "model", "gain": "gain", "seed": "seed", "units": "units", "exponent": "exponent (1/tau)",
        "error": "standard error", "by_exponent": "by exponent", "by_flow": "by flow", "regime": "regime",
        "rest": "states at rest", "closes": "closes", "period_ms": "period (ms)",
    }  # fmt: skip
    return as_table(result.rows("regimes"), heads)


def _accuracy(row: Mapping[str, Any]) -> str:
    if "accuracy" not in row:
        return str(row["status"])
    return f"{percent(float(row['accuracy']))} [{percent(float(row['low']))}, {percent(float(row['high']))}]"


def _short(model: str) -> str:
    return model.removeprefix("vector_rnn_").removesuffix("_small")
