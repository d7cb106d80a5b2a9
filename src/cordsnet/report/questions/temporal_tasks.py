"""Figure and tables of temporal tasks."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.figures import in_colours, new_figure, tidy
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Section, Table, as_table, percent
from cordsnet.report.rows import models_of

PANELS = (
    ("digits", "sense", "direction or its opposite?"),
    ("digits", "class", "which digit drifts?"),
    ("dots", "class", "digit shown by dots?"),
)
"""(content, what is read, title)."""
CONDITIONS = {
    ("in order", "in order"): "in\norder",
    ("in order", "shuffled"): "test\nshuffled",
    ("shuffled", "in order"): "training\nshuffled",
    ("shuffled", "shuffled"): "both\nshuffled",
    ("one frame", "in order"): "single\nframes",
}
"""(order of frames in training, in the test) -> label."""
TEXT = (
    "A digit drifts over a field without borders, in one of four directions; or random dots move to the right within "
    "the shape of a digit and to the left around it. A frame alone says nothing of the direction, nor of which digit "
    "the dots show. Shuffled frames still show the axis of a motion, so that half of the directions can be right, but "
    "not which way along it. A network that answers at once sees frames one by one and averages its scores over them. "
)


FORECASTS = (
    "Mean squared error of the forecast of the next frame, as a share of the variance of all pixels: of a network that "
    "was trained on it; of the frame before, unchanged; and of the mean of all frames that may follow the one before, "
    "which is the best forecast without motion. In brackets 95 % intervals over test digits and networks."
)


def summary(result: Result) -> Table:
    """Accuracies of each model, with 95 % intervals."""
    rows = [
        (
            *(str(row[name]) for name in ("model", "content", "trained", "tested", "read")),
            _with_interval(row),
            percent(float(row["chance"])),
        )
        for row in result.rows("accuracy")
    ]
    return Table(("model", "movies", "trained", "tested", "read", "right", "chance"), rows)


def sections(result: Result) -> list[Section]:
    """The figure, its numbers, and every network."""
    forecasts = Table(
        ("model", "beside", "error", "error beside", "ratio"),
        [
            (
                *(str(row[name]) for name in ("model", "beside")),
                *(show_number(float(row[name])) for name in ("error", "error_beside")),
                with_interval(row, "ratio"),
            )
            for row in result.rows("forecasts")
        ],
    )
    each = Section("Every network", "", tables=(as_table(result.rows("networks")), as_table(result.rows("notes"))))
    return [
        Section("Movies", TEXT + _count(result), figure(result), (summary(result),), "movies"),
        Section("Next frame", FORECASTS, tables=(forecasts,)),
        each,
    ]


def figure(result: Result) -> Figure:
    """Accuracy by order of the frames, for each question."""
    drawn = new_figure(height=3.6)
    panels = drawn.subplots(1, len(PANELS), sharey=True, width_ratios=(5, 5, 3.4))
    for axes, (content, read, title) in zip(panels, PANELS, strict=True):
        _draw(axes, result, content, read)
        tidy(axes, "", "share right" if axes is panels[0] else "", title)
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper center", ncols=max(1, len(labels)), frameon=False, fontsize=9)
    return drawn


def _draw(axes: Axes, result: Result, content: str, read: str) -> None:
    rows = result.rows("accuracy", content=content, read=read)
    shown = [key for key in CONDITIONS if any((row["trained"], row["tested"]) == key for row in rows)]
    models = models_of(result, "accuracy")
    for k, (colour, model) in enumerate(in_colours(models)):
        offset = 0.6 * ((k + 0.5) / len(models) - 0.5)
        mine = [row for row in rows if row["model"] == model]
        x = [shown.index((row["trained"], row["tested"])) + offset for row in mine]
        values = [float(row["accuracy"]) for row in mine]
        ends = [
            [abs(float(row.get(end, row["accuracy"])) - float(row["accuracy"])) for row in mine]
            for end in ("low", "high")
        ]
        axes.errorbar(x, values, yerr=ends, fmt="o", color=colour, markersize=4, capsize=2, label=model)
    if rows:
        axes.axhline(float(rows[0]["chance"]), color="0.5", linestyle=":", linewidth=1)
    axes.set_ylim(0, 1.05)
    axes.set_xlim(-0.6, len(shown) - 0.4)
    axes.set_xticks(range(len(shown)), [CONDITIONS[key] for key in shown], fontsize=6.5)


def _count(result: Result) -> str:
    rows = result.rows("accuracy")
    if not rows:
        return "No network finished."
    networks = sorted({int(row["networks"]) for row in rows})
    spread = f"{networks[0]}" if len(networks) == 1 else f"{networks[0]} to {networks[-1]}"
    return (
        f"Bars are 95 % intervals over {rows[0]['digits']} test digits and over networks (n = {spread} for each "
        "point); the dotted line is chance."
    )


def _with_interval(row: Mapping[str, Any]) -> str:
    value = percent(float(row["accuracy"]))
    return f"{value} [{percent(float(row['low']))}, {percent(float(row['high']))}]" if "low" in row else value
