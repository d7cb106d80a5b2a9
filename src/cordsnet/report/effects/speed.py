"""Figure and tables of fast and slow inference."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.experiments.result import Row
from cordsnet.report.figures import BLUE, GREEN, VERMILION, in_colours, mark_images, new_figure, tidy
from cordsnet.report.numbers import show_estimate
from cordsnet.report.page import Section, Table
from cordsnet.report.printed import shared_notes
from cordsnet.report.rows import column, models_of, values_of

MEANS = {
    "settle_ms": "time to settle (ms)",
    "decide_ms": "last change of the answer (ms)",
    "tail_ms": "fall to 1/e near the fixed point (ms)",
    "decay_ms": "decay of the slowest mode (ms)",
}
LEAST = 1e-4
"""Smallest distance that is drawn."""


def summary(result: Result) -> Table:
    """Times of each model, means over images."""
    rows = [
        (str(row["model"]), *(_mean(row, name) for name in MEANS), str(row["images"])) for row in result.rows("speed")
    ]
    return Table(("model", *MEANS.values(), "images"), rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and a figure for each model."""
    text = (
        "Each image is held. The network has settled once every area stays near the fixed point to which the image "
        "drives it. The slowest mode is that of the network linearised there. Means over images; in brackets 95 % "
        "intervals, and in how many images there is such a time."
    )
    found = [Section("Fast and slow inference", text, tables=(summary(result),))]
    for k, model in enumerate(models_of(result, "speed")):
        if values_of(result, "course", "area", model=model):
            drawn = figure(result, model)
            found.append(Section(f"Settling, {model}", _caption(result, model), drawn, name=f"speed_{k}"))
    if rows := shared_notes(result):
        body = [(str(row["model"]), str(row["note"])) for row in rows]
        found.append(Section("Notes", "", tables=(Table(("model", "note"), body, words=True),)))
    return found


def figure(result: Result, model: str) -> Figure:
    """Distance of each area from its fixed point over time, and times of each image against its slowest mode."""
    drawn = new_figure()
    course, against = drawn.subplots(1, 2)
    for colour, area in in_colours(values_of(result, "course", "area", model=model)):
        time, distance = (column(result, "course", name, model=model, area=area) for name in ("time_ms", "distance"))
        course.semilogy(time, np.where(distance >= LEAST, distance, np.nan), color=colour, label=area)
    course.set_ylim(LEAST, 10)
    last = float(column(result, "course", "time_ms", model=model).max())
    mark_images(course, [(0.0, last, "image")])
    course.legend(frameon=False, fontsize=8)
    tidy(course, "time from onset (ms)", "distance from the fixed point\n(share of that at onset)")
    _scatter(against, result, model)
    return drawn


def _scatter(axes: Axes, result: Result, model: str) -> None:
    decay = column(result, "images", "decay_ms", model=model)
    for name, colour, mark in (("settle_ms", BLUE, "o"), ("decide_ms", VERMILION, "^"), ("tail_ms", GREEN, "s")):
        values = column(result, "images", name, model=model)
        axes.plot(decay, values, mark, color=colour, markersize=4, alpha=0.7, label=MEANS[name].removesuffix(" (ms)"))
    axes.set_ylim(0, 1.45 * axes.get_ylim()[1])
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    tidy(axes, "decay time of the slowest mode (ms)", "time from onset (ms)")


def _caption(result: Result, model: str) -> str:
    known = int(np.isfinite(column(result, "images", "decay_ms", model=model)).sum())
    return (
        "Left: mean distance of the rates of each area from their fixed point. Right: each image by its time to "
        "settle, by the last change of its answer, and by the time in which the last of its way falls to 1/e; "
        f"n = {known} images whose slowest mode is known."
    )


def _mean(row: Row, name: str) -> str:
    if name not in row:
        return f"- ({row[f'{name}_images']})"
    ends = (float(row[f"{name}_low"]), float(row[f"{name}_high"])) if f"{name}_low" in row else None
    return f"{show_estimate(float(row[name]), ends)} ({row[f'{name}_images']})"
