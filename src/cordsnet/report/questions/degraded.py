"""Figure and tables of worse images."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.experiments.result import Row
from cordsnet.report.effects.latency import plot_intervals, with_interval
from cordsnet.report.figures import WIDTH, in_colours, legend_below, new_figure, tidy
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Section, Table
from cordsnet.report.printed import shared_notes
from cordsnet.report.rows import models_of, values_of

SHOWN = {
    "fixed_noise": ("Held noise", "noise (s.d. of the images)"),
    "redrawn_noise": ("Redrawn noise", "noise (s.d. of the images)"),
    "occlusion": ("Occlusion", "share of the image covered"),
    "contrast": ("Contrast", "contrast"),
    "blur": ("Blur", "s.d. of the blur (image heights)"),
}
"""Condition -> title and axis."""
NOISE = ("fixed_noise", "redrawn_noise")


def summary(result: Result) -> Table:
    """Mean accuracy of every model over the strengths of each condition."""
    conditions = values_of(result, "robustness", "condition")
    rows = []
    for model in models_of(result, "robustness"):
        means = [result.rows("robustness", model=model, condition=condition)[0] for condition in conditions]
        cells = [with_interval(row, "accuracy") for row in means]
        rows.append((model, show_number(float(means[0]["whole"])), *cells, str(means[0]["images"])))
    heads = [SHOWN[condition][0].lower() for condition in conditions]
    return Table(("mean accuracy over strengths", "whole image", *heads, "images"), rows)


def sections(result: Result) -> list[Section]:
    """The figure, the means, and what leaky averaging predicts."""
    found = [Section("Accuracy against strength", _caption(result), figure(result), name="degraded")]
    text = "Mean over the strengths of each condition, without the whole image; in brackets 95 % intervals over images."
    found.append(Section("Mean over strengths", text, tables=(summary(result),)))
    if result.rows("prediction"):
        found.append(Section("Leaky averaging", _about_prediction(), tables=(predictions(result),)))
    if notes := shared_notes(result):
        rows = [(str(row["model"]), str(row["note"])) for row in notes]
        found.append(Section("Notes", "", tables=(Table(("model", "note"), rows, words=True),)))
    return found


def predictions(result: Result) -> Table:
    """Strength of the noise, what it acts as, and accuracy predicted and found."""
    rows = []
    for row in result.rows("prediction"):
        at = {"model": row["model"], "strength": row["strength"]}
        cells = [
            with_interval(result.rows("degraded", condition=condition, **at)[0], "accuracy")
            for condition in reversed(NOISE)
        ]
        acts_as = show_number(float(row["acts_as"]))
        rows.append((str(row["model"]), f"{row['strength']:g}", acts_as, show_number(float(row["accuracy"])), *cells))
    return Table(("model", "redrawn noise (s.d.)", "acts as (s.d.)", "accuracy predicted", "redrawn", "held"), rows)


def figure(result: Result) -> Figure:
    """Accuracy against strength, one panel for each condition."""
    conditions = values_of(result, "degraded", "condition")
    columns = min(3, len(conditions))
    lines = -(-len(conditions) // columns)
    drawn = new_figure(WIDTH, 2.5 * lines)
    grid = drawn.subplots(lines, columns, squeeze=False, sharey=True).flatten()
    for axes, condition in zip(grid, conditions, strict=False):
        title, strength = SHOWN[condition]
        _draw(axes, result, condition)
        tidy(axes, strength, "accuracy" if axes in grid[::columns] else "", title)
    for axes in grid[len(conditions) :]:
        axes.set_visible(False)
    handles, labels = _legend(list(grid[: len(conditions)]))
    legend_below(drawn, handles, labels)
    return drawn


def _draw(axes: Axes, result: Result, condition: str) -> None:
    for colour, model in in_colours(models_of(result, "degraded")):
        rows = list(result.rows("degraded", model=model, condition=condition))
        axes.axhline(1 / int(rows[0]["classes"]), color="0.6", linewidth=0.8, linestyle=":", label="chance")
        place = "covered" if condition == "occlusion" else "strength"
        style = "o-" if rows[0]["kind"] == "dynamical" else "s--"
        plot_intervals(axes, rows, place, "accuracy", colour, model, style)
        if condition == "redrawn_noise" and (predicted := result.rows("prediction", model=model)):
            _draw_prediction(axes, predicted, colour, model)
    if condition == "contrast":
        axes.invert_xaxis()
    axes.set_ylim(-0.02, 1.05)


def _draw_prediction(axes: Axes, rows: tuple[Row, ...], colour: str, model: str) -> None:
    places, values = ([float(row[name]) for row in rows] for name in ("strength", "accuracy"))
    label = f"{model}, leaky averaging predicts"
    axes.plot(places, values, "x:", color=colour, markersize=7, linewidth=1.2, label=label)


def _legend(panels: list[Axes]) -> tuple[list[Any], list[str]]:
    """Each curve once, chance last."""
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    chance = found.pop("chance")
    return [*found.values(), chance], [*found, "chance"]


def _caption(result: Result) -> str:
    first = result.rows("degraded")[0]
    text = (
        f"Accuracy at the end of the image. Bars: 95 % intervals over n = {first['images']} images. Dotted: chance. "
        "Solid lines: models with dynamics; dashed lines: static models, which see the last frame."
    )
    if result.rows("prediction"):
        text += " Crosses: accuracy with held noise as strong as leaky averaging leaves redrawn noise."
    return text


def _about_prediction() -> str:
    return (
        "A leaky integrator of the network's time constant averages noise that changes from frame to frame. It leaves "
        "noise that acts as weaker noise that is held: the root of the share of variance that remains, with frames "
        "that stay for several steps and the rise from rest counted in. The prediction is the network's own accuracy "
        "with held noise of that strength. It assumes one linear leak between image and readout; several areas in "
        "series average more, and rectification before the leak lets noise change the mean. "
    )
