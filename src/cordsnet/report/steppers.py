"""The figure and table of stepper errors."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from matplotlib.figure import Figure

from cordsnet._files import write_whole
from cordsnet.experiments.steppers import StepperError, observed_order
from cordsnet.report.figures import in_colours, new_figure, tidy
from cordsnet.report.page import render


def stepper_figure(rows: Sequence[StepperError]) -> Figure:
    """Error against step, and against what it costs."""
    figure = new_figure()
    by_step, by_cost = figure.subplots(1, 2, sharey=True)
    names = list(dict.fromkeys(row.stepper for row in rows))
    for marker, (colour, name) in zip(cycle("os^D"), in_colours(names), strict=False):
        mine = [row for row in rows if row.stepper == name]
        errors = [row.error for row in mine]
        label = f"{name.replace('_', ' ')}: order {observed_order(rows, name):.1f}"
        style = {"color": colour, "marker": marker, "markersize": 4}
        by_step.plot([row.dt_ms for row in mine], errors, label=label, **style)
        by_cost.plot([row.evaluations_per_ms for row in mine], errors, **style)
    for axes in (by_step, by_cost):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    tidy(by_step, "step dt (ms)", "relative error of the trajectory")
    tidy(by_cost, "evaluations of all drives per ms", "")
    by_cost.legend(handles=by_step.lines, frameon=False, fontsize=8, loc="lower left")
    return figure


def write_stepper_report(rows: Sequence[StepperError], output: str | Path) -> Path:
    """Write `steppers.png` and `steppers.md` into a folder; returns the table's path."""
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "steppers.png", render(stepper_figure(rows), "png"))
    lines = ["| stepper | dt (ms) | evaluations per ms | relative error |", "|---|---|---|---|"]
    lines += [f"| {r.stepper} | {r.dt_ms:g} | {r.evaluations_per_ms:g} | {r.error:.1e} |" for r in rows]
    write_whole(folder / "steppers.md", ("\n".join(lines) + "\n").encode())
    return folder / "steppers.md"
