"""Figures and tables of easy and hard images."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.figures import BLUE, VERMILION, in_colours, mark_images, new_figure, tidy
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.rows import column, models_of, values_of

NAMES = {"threshold": "stable answer", "uncertainty": "integral of uncertainty", "settling": "scores settled"}
HALVES = {"easy": BLUE, "hard": VERMILION}


def summary(result: Result) -> Table:
    """Correlation of each decision time with how easy images are, and the time that each half needs."""
    rows = []
    for row in result.rows("correlation"):
        times = result.rows("times", model=row["model"], measure=row["measure"])[0]
        median = f"{float(times['median_ms']):.0f}" if "median_ms" in times else "undecided"
        alone = f"{float(row['decided_alone']):.2f}" if "decided_alone" in row else "-"
        name = NAMES[str(row["measure"])]
        head = (str(row["model"]), name, median, f"{row['undecided']} of {row['images']}", str(row["by"]))
        rows.append((*head, with_interval(row, "correlation"), alone))
    heads = ("model", "decision time", "median (ms)", "undecided", "ease by", "rank correlation", "of decided alone")
    return Table(heads, rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and one figure for each model."""
    text = (
        "Hard images are those that a network ends with a small margin on, or of which a static model is less sure. "
        "A trial that is undecided at the end took longer than the trial, and shares the last rank with all such "
        "trials; the last column leaves them out. A margin of scores is above a threshold for longer where it ends "
        "higher, whatever the dynamics: that of the static model is free of this. In brackets: 95 % intervals over "
        "images."
    )
    models = models_of(result, "times")
    return [
        Section("Decision times", text, tables=(summary(result),)),
        Section("Fewer steps", _about_halves(), tables=(halves(result),)),
        *(
            Section(f"Easy and hard images, {model}", _caption(result, model), figure(result, model), name=f"hard_{k}")
            for k, model in enumerate(models)
        ),
    ]


def halves(result: Result) -> Table:
    """Accuracy of each half of the images at the end, and the time from which most of it is there."""
    rows = [
        (
            str(row["model"]),
            str(row["by"]),
            str(row["half"]),
            str(row["images"]),
            percent(float(row["accuracy"])) if "accuracy" in row else "-",
            with_interval(row, "needed_ms"),
        )
        for row in result.rows("halves")
    ]
    return Table(("model", "ease by", "half", "images", "accuracy at the end", "time needed (ms)"), rows)


def figure(result: Result, model: str) -> Figure:
    """Decision times against the margin at the end, and accuracy of both halves against the length of the trial."""
    drawn = new_figure()
    against, steps = drawn.subplots(1, 2)
    _plot_times(against, result, model)
    by = values_of(result, "steps", "by", model=model)
    top = float(column(result, "steps", "time_ms", model=model).max())
    for ease, style in zip(by, ("-", "--", ":", "-."), strict=False):
        for half, colour in HALVES.items():
            time, accuracy = (
                column(result, "steps", name, model=model, by=ease, half=half) for name in ("time_ms", "accuracy")
            )
            steps.plot(time, accuracy, style, color=colour, label=f"{half} by {ease}")
    steps.axhline(float(result.rows("times", model=model)[0]["chance"]), color="0.6", linewidth=0.8, linestyle=":")
    steps.set_ylim(0, 1.2)
    mark_images(steps, [(0.0, top, "image")])
    steps.legend(frameon=False, fontsize=7, loc="center right")
    tidy(steps, "length of the trial (ms from onset)", "accuracy")
    return drawn


def _plot_times(axes: Axes, result: Result, model: str) -> None:
    times, margin = result.arrays[f"times/{model}"], result.arrays[f"margin/{model}"].values
    for colour, (name, ms) in in_colours(zip(times.axes[0].values, times.values, strict=True)):
        axes.plot(margin, ms, ".", color=colour, markersize=3, alpha=0.6, label=NAMES[str(name)])
    top = max(1.0, float(np.nanmax(times.values))) if np.isfinite(times.values).any() else 1.0
    axes.set_ylim(0, 1.35 * top)
    axes.legend(frameon=False, fontsize=7, loc="upper right", ncols=2)
    tidy(axes, "margin at the end", "decision time (ms from onset)")


def _about_halves() -> str:
    return (
        "A trial with fewer steps of the same length is the beginning of a longer one. The time needed is that from "
        "which 95 % of the accuracy at the end is there to stay."
    )


def _caption(result: Result, model: str) -> str:
    rows = result.rows("times", model=model)
    left = ", ".join(f"{row['undecided']} by {NAMES[str(row['measure'])]}" for row in rows)
    onset = next(int(row["at_onset"]) for row in rows if row["measure"] == "threshold")
    return (
        f"Left: each dot is one of n = {rows[0]['images']} images; trials without a decision are not drawn ({left}). "
        f"The last answer of {onset} images is already that of the spontaneous activity before them: 0 ms. "
        "Right: accuracy of the easy and the hard half of the images if the trial ended at that time; "
        "dotted: chance."
    )
