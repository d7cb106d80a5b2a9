"""Figures and tables of models and people behind the same bubbles and masks."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.experiments.result import Row
from cordsnet.report.effects.latency import plot_intervals, with_interval
from cordsnet.report.figures import BLUE, VERMILION, WIDTH, in_colours, legend_below, new_figure, tidy
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Section, Table, as_table
from cordsnet.report.printed import shared_notes
from cordsnet.report.rows import models_of

READS = {"late": "models read from 200 ms on", "accumulated": "models read from onset on"}
FOLLOWS = ((False, BLUE, "grey follows"), (True, VERMILION, "mask follows"))
CHANCE = 0.2


def summary(result: Result) -> Table:
    """Error, and cost of a mask at 25 and 150 ms, of every model and read-out, with those of people last."""
    heads = ("model", "read-out", "error to people", "cost at 25 ms", "cost at 150 ms", "objects")
    rows = []
    for row in result.rows("fit"):
        costs = [
            result.rows("costs", model=row["model"], read=row["read"], presentation_ms=shown)[0] for shown in (25, 150)
        ]
        named = (str(row["model"]), READS[str(row["read"])], with_interval(row, "error"))
        rows.append((*named, *(with_interval(cost, "cost") for cost in costs), str(costs[0]["objects"])))
    people = [result.rows("costs", presentation_ms=shown)[0]["people"] for shown in (25, 150)]
    return Table(heads, [*rows, ("people", "", "", *(show_number(float(cost)) for cost in people), "")])


def sections(result: Result) -> list[Section]:
    """Accuracy beside people, the cost of a mask, controls and lesions."""
    objects, people = result.rows("masking_models")[0]["objects"], result.rows("people")[0]["people"]
    text = (
        "Points are accuracies of a model with 95 % intervals over objects "
        f"(n = {objects}), lines and bands those of people with intervals over people (n = {people}). Dotted: chance. "
        "Mean responses are read by weights that were fitted to other, whole objects. In brackets: 95 % intervals."
    )
    parts = [Section("Models and people", text, tables=(summary(result),))]
    for k, model in enumerate(models_of(result, "masking_models")):
        parts.append(Section(f"Accuracy, {model}", "", figure(result, model), name=f"masking_{k}"))
    cost = "Accuracy without a mask less that with one. Bars: 95 % intervals over objects."
    parts.append(Section("Cost of a mask", cost, costs(result), name="masking_costs"))
    about = (
        "Whole objects that the read-out was not fitted to, and masks alone: where these are read above chance, masks "
        "themselves tell the category, as masks with the spectrum of their own object may (--mask own)."
    )
    heads = {
        "model": "model",
        "read": "read-out",
        "shown": "shown",
        "accuracy": "accuracy",
        "low": "low",
        "high": "high",
    }
    parts.append(Section("Controls", about, tables=(as_table(result.rows("controls"), heads),)))
    if result.rows("lesions"):
        said = (
            "Lateral and feedback pathways silenced for 50 ms around a time; objects shown for 150 ms, read from onset."
        )
        parts.append(Section("Without recurrence for a while", said, tables=(as_table(result.rows("lesions")),)))
    return [*parts, Section("Notes", "", tables=(as_table(shared_notes(result)),))]


def figure(result: Result, model: str) -> Figure:
    """Accuracy against presentation time, one panel for each read-out."""
    drawn = new_figure()
    panels = drawn.subplots(1, len(READS), sharey=True)
    for axes, (read, title) in zip(panels, READS.items(), strict=True):
        for masked, colour, label in FOLLOWS:
            _people(axes, list(result.rows("people", masked=masked)), colour, f"people, {label}")
            rows = list(result.rows("masking_models", model=model, read=read, masked=masked))
            plot_intervals(axes, rows, "presentation_ms", "accuracy", colour, f"{model}, {label}", "o")
        axes.axhline(CHANCE, color="0.5", linestyle=":", linewidth=0.8, label="chance")
        axes.set_ylim(0, 1)
        tidy(axes, "presentation time (ms)", "accuracy" if read == "late" else "", title)
    legend_below(drawn, *panels[0].get_legend_handles_labels())
    return drawn


def costs(result: Result) -> Figure:
    """Cost of a mask against presentation time, all models."""
    models = models_of(result, "costs")
    drawn = new_figure(WIDTH)
    panels = drawn.subplots(1, len(READS), sharey=True)
    for axes, (read, title) in zip(panels, READS.items(), strict=True):
        for colour, model in in_colours(models):
            rows = list(result.rows("costs", model=model, read=read))
            plot_intervals(axes, rows, "presentation_ms", "cost", colour, model)
        people = result.rows("costs", model=models[0], read=read)
        axes.plot([row["presentation_ms"] for row in people], [row["people"] for row in people], "k--", label="people")
        axes.axhline(0, color="0.5", linewidth=0.8, linestyle=":")
        tidy(axes, "presentation time (ms)", "cost of a mask (accuracy)" if read == "late" else "", title)
    legend_below(drawn, *panels[0].get_legend_handles_labels())
    return drawn


def _people(axes: Axes, rows: list[Row], colour: str, label: str) -> None:
    shown = [float(row["presentation_ms"]) for row in rows]
    low, high = ([float(row.get(end, row["accuracy"])) for row in rows] for end in ("low", "high"))
    axes.plot(shown, [float(row["accuracy"]) for row in rows], color=colour, label=label)
    axes.fill_between(shown, low, high, color=colour, alpha=0.2, linewidth=0)
