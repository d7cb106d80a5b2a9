"""Figures and tables of the spontaneous penalty against weight decay."""

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report import ablations
from cordsnet.report.figures import in_colours, new_figure, tidy
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Section, Table, as_table, percent

PANELS = {
    "left_after_blank": "response left\nafter the blank",
    "spontaneous_share": "spontaneous rate /\nrate under images",
    "accuracy": "test accuracy",
}
"""Column -> label of its axis."""


def summary(result: Result) -> Table:
    """For each value: monostable networks, and means over those that finished."""
    rows = [
        (
            str(row["value"]),
            f"{row['monostable']} of {row['networks']}",
            percent(row.get("accuracy", math.nan)),
            *(_shown(row, name) for name in ("recurrent_norm", "spontaneous_share", "left_after_blank")),
        )
        for row in result.rows("values")
    ]
    return Table(
        (
            "what keeps rates or weights small",
            "monostable",
            "accuracy",
            "norm of recurrent kernels",
            "spontaneous rate / rate under images",
            "response left after the blank",
        ),
        rows,
    )


def sections(result: Result) -> list[Section]:
    """Norms against what they should explain, regimes, and every network."""
    notes = " ".join(f"{str(row['note'])[0].upper()}{str(row['note'])[1:]}." for row in result.rows("notes"))
    seeds = sorted({int(row["networks"]) for row in result.rows("values")})
    text = (
        "Every dot is a network. If the penalty acted as weight decay alone, its networks would lie with those of "
        f"weight decay of the same norm. {notes} n = {', '.join(map(str, seeds))} networks for each value."
    )
    each = Section("Every number", "", tables=(as_table(result.rows("networks")),))
    norms = Section("Norm of recurrent weights", text, figure(result), (summary(result),), "norms")
    return [norms, *ablations.sections(result), each]


def figure(result: Result) -> Figure:
    """Numbers of every network against the norm of its recurrent kernels."""
    drawn = new_figure(height=3.2)
    panels = drawn.subplots(1, len(PANELS))
    for axes, (column, label) in zip(panels, PANELS.items(), strict=True):
        for colour, value in in_colours(result.meta["values"]):
            rows = [row for row in result.rows("networks", value=value) if "recurrent_norm" in row and column in row]
            places = [float(row["recurrent_norm"]) for row in rows]
            axes.scatter(places, [float(row[column]) for row in rows], color=colour, s=22, label=value)
        axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
        tidy(axes, "norm of recurrent kernels", label)
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
    return drawn


def _shown(row: Mapping[str, Any], name: str) -> str:
    return show_number(float(row[name])) if name in row else "-"
