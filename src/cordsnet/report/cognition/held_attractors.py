"""Figures and tables of held_attractors."""

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.cognition.dynamical_regimes import ANGLES, CYCLIC, OPEN, WITNESSES
from cordsnet.report.figures import new_figure, tidy
from cordsnet.report.page import Section, Table, as_table, percent

COLUMNS = 4

ASKED = (
    "Networks are trained from short to long delays. One that learnt (90 % of new trials) is asked onto what it "
    "settles while the inputs of a period are held, by spectrum, pushes and topology; the verdict names what all three "
    "allow. In the last column are the same networks before training, which should hold nothing. "
)
STATES = (
    "Where the trials of one network of each task, recurrence and size are (n = 1 network each) once it has run for "
    "two slow times, along the first two principal components of these states, a dot for each trial, in the colour of "
    "its condition: pattern of bits, frequency, or angle. Titles: the verdict, and how many of three witnesses confirm "
    "what is expected. Panels differ in scale, which is that of both components, and signs of components mean nothing. "
)


def summary(result: Result) -> Table:
    """Verdict and witnesses of every network, and what it held before training."""
    heads = (
        "task",
        "model",
        "units",
        "seed",
        "right",
        "updates",
        "seconds",
        "trials",
        "expected",
        *WITNESSES,
        "verdict",
    )
    rows = []
    for network in result.rows("networks"):
        same = {name: network[name] for name in ("task", "model", "units", "seed")}
        first = (*(str(value) for value in same.values()), _accuracy(network), *_effort(network))
        asked = result.rows("attractors", weights="trained", **same)
        for row in asked:
            drawn = result.rows("attractors", weights="drawn", trials=row["trials"], **same)
            words = (str(row[name]) for name in ("trials", "expected", *WITNESSES, "kind"))
            rows.append((*first, *words, str(drawn[0]["kind"]) if drawn else "-"))
        if not asked:
            rows.append((*first, *["-"] * (len(heads) + 1 - len(first))))
    return Table((*heads, "before training"), rows, words=True)


def sections(result: Result) -> list[Section]:
    """Verdicts, states, and every number."""
    networks = result.rows("networks")
    learnt = sum(bool(row["learnt"]) for row in networks)
    text = f"{ASKED}n = {len(networks)} networks, of which {learnt} learnt."
    shown = [Section("Attractors of trained networks", text, tables=(summary(result), as_table(result.rows("notes"))))]
    if any(name.startswith("states/") for name in result.arrays):
        shown.append(Section("States", STATES, states(result), (), "states"))
    return [*shown, Section("Every number", "", tables=(as_table(result.rows("attractors")),))]


def states(result: Result) -> Figure:
    """States onto which networks settle, a panel for each task, recurrence and size."""
    names = [name for name in result.arrays if name.startswith("states/")]
    rows = math.ceil(len(names) / COLUMNS)
    drawn = new_figure(height=0.4 + 2.0 * rows)
    panels = drawn.subplots(rows, COLUMNS, squeeze=False).flatten()
    for axes, name in zip(panels, names, strict=False):
        found, (task, units, model) = result.arrays[name], name.split("/")[1:]
        angle = found.axes[0].name in ANGLES
        axes.scatter(
            found.values[:, 0], found.values[:, 1], c=list(found.axes[0].values), s=9,
            cmap=CYCLIC if angle else OPEN, vmin=0 if angle else None, vmax=2 * math.pi if angle else None,
        )  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        axes.margins(0.1)
        axes.set_aspect("equal", adjustable="datalim")  # of two points, the second component is rounding
        tidy(axes, "", "")
        short = model.removeprefix("vector_rnn_").removesuffix("_small")
        head = f"{task.replace('_', ' ')}\n{short}, {int(units):,} units"
        axes.set_title(f"{head}\n{_verdict(result, task, int(units), model)}", loc="left", fontsize=8, pad=4)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return drawn


def _verdict(result: Result, task: str, units: int, model: str) -> str:
    """Verdicts of the network that is drawn, and the fewest witnesses that confirm what is expected."""
    rows = result.rows("attractors", task=task, units=units, model=model, weights="trained")
    rows = tuple(row for row in rows if row["seed"] == rows[0]["seed"])
    kinds = dict.fromkeys(str(row["kind"]) for row in rows)
    return f"{' / '.join(kinds)} ({min(int(row['confirm']) for row in rows)} of 3)"


def _accuracy(row: Mapping[str, Any]) -> str:
    if "accuracy" not in row:
        return str(row["status"])
    return f"{percent(float(row['accuracy']))} [{percent(float(row['low']))}, {percent(float(row['high']))}]"


def _effort(row: Mapping[str, Any]) -> tuple[str, str]:
    updates, seconds = (
        f"{float(row[name]):,.0f}" if row.get(name) is not None else "-" for name in ("updates", "seconds")
    )
    return updates, seconds
