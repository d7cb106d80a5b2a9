"""The figure and table of stepper errors."""

from itertools import cycle

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.experiments.steppers import observed_order
from cordsnet.report.figures import in_colours, new_figure, tidy
from cordsnet.report.page import Section, Table
from cordsnet.report.rows import models_of, values_of


def summary(result: Result) -> Table:
    """Error and cost of every stepper at every step."""
    several = len(models_of(result, "steppers")) > 1
    rows = [
        (
            *((str(row["model"]),) if several else ()),
            str(row["stepper"]),
            f"{float(row['dt_ms']):g}",
            f"{float(row['evaluations_per_ms']):g}",
            f"{float(row['error']):.1e}",
        )
        for row in result.rows("steppers")
    ]
    heads = ("stepper", "dt (ms)", "evaluations per ms", "relative error")
    return Table(("model", *heads) if several else heads, rows)


def sections(result: Result) -> list[Section]:
    """A figure for each model, and the table."""
    models = models_of(result, "steppers")
    text = (
        "Error of the rates against the true trajectory, largest over areas, from rest; left against the step, right "
        "against what a simulation costs. The order is the slope at the three finest steps."
    )
    drawn = [
        Section(f"Error of the steppers, {model}", text, figure(result, model), name=_name(model, models))
        for model in models
    ]
    return [*drawn, Section("Numbers", "", tables=(summary(result),))]


def figure(result: Result, model: str) -> Figure:
    """Error against step, and against what it costs."""
    drawn = new_figure()
    by_step, by_cost = drawn.subplots(1, 2, sharey=True)
    names = values_of(result, "steppers", "stepper", model=model)
    for marker, (colour, name) in zip(cycle("os^D"), in_colours(names), strict=False):
        mine = result.rows("steppers", model=model, stepper=name)
        errors = [float(row["error"]) for row in mine]
        label = f"{name.replace('_', ' ')}: order {observed_order(mine, name):.1f}"
        style = {"color": colour, "marker": marker, "markersize": 4}
        by_step.plot([float(row["dt_ms"]) for row in mine], errors, label=label, **style)
        by_cost.plot([float(row["evaluations_per_ms"]) for row in mine], errors, **style)
    for axes in (by_step, by_cost):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    tidy(by_step, "step dt (ms)", "relative error of the trajectory")
    tidy(by_cost, "evaluations of all drives per ms", "")
    by_cost.legend(handles=by_step.lines, frameon=False, fontsize=8, loc="lower left")
    return drawn


def _name(model: str, models: list[str]) -> str:
    return "steppers" if len(models) == 1 else f"steppers_{model}"
