"""Figure and tables of latencies."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.experiments.result import Row
from cordsnet.report.figures import in_colours, mark_images, new_figure, tidy
from cordsnet.report.numbers import show_estimate
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.rows import column, models_of, values_of


def summary(result: Result) -> Table:
    """Latency of each area and its lag to that below, at full contrast."""
    rows = []
    for row in result.rows("latency", contrast=1.0):
        lags = result.rows("lag", model=row["model"], area=row["area"])
        lag = with_interval(lags[0], "lag_ms") if lags else "-"
        rows.append((str(row["model"]), str(row["area"]), with_interval(row, "latency_ms"), lag, str(row["images"])))
    return Table(("model", "area", "latency (ms)", "lag to the area below (ms)", "images"), rows)


def sections(result: Result) -> list[Section]:
    """The numbers, and one figure for each model."""
    shares = [
        f"{row['model']}: {percent(float(row['share']))} of {row['images']} images" for row in result.rows("rising")
    ]
    text = (
        "A latency is the time from onset to half of the change of an area's mean rate, for each image; in brackets "
        "the 95 % interval over images. "
    )
    if shares:
        text += f"Latencies rise from each area to the next with {'; '.join(shares)}."
    models = models_of(result, "latency")
    return [Section("Latency of each area", text, tables=(summary(result),))] + [
        Section(f"Latency and contrast, {model}", _caption(result, model), figure(result, model), name=f"latency_{k}")
        for k, model in enumerate(models)
    ]


def figure(result: Result, model: str) -> Figure:
    """Mean rate of each area as a share of its change, and latency against contrast."""
    drawn = new_figure()
    rise, against = drawn.subplots(1, 2)
    areas = values_of(result, "latency", "area", model=model)
    for colour, area in in_colours(areas):
        _plot_rise(rise, result, model, area, colour)
        rows = [row for row in result.rows("latency", model=model, area=area) if "latency_ms" in row]
        plot_intervals(against, rows, "contrast", "latency_ms", colour, area)
    time = column(result, "rates", "time_ms", model=model)
    rise.axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
    rise.set_ylim(min(0.0, rise.get_ylim()[0]), 1.2 * rise.get_ylim()[1])
    mark_images(rise, [(0.0, float(time.max()), "image")])
    contrasts = sorted({float(row["contrast"]) for row in result.rows("latency", model=model)})
    against.set_xscale("log", base=2)
    against.set_xticks(contrasts, [f"{contrast:g}" for contrast in contrasts])
    against.set_ylim(0, 1.15 * against.get_ylim()[1])
    against.legend(frameon=False, fontsize=8)
    tidy(rise, "time from onset (ms)", "mean rate (share of its change)")
    tidy(against, "contrast", "latency (ms)")
    return drawn


def plot_intervals(axes: Axes, rows: Sequence[Row], x: str, y: str, colour: str, label: str, style: str = "o-") -> None:
    """A curve with the 95 % intervals of its points; `low` and `high` of a row are their ends."""
    values = np.array([float(row[y]) for row in rows])
    low, high = (np.array([float(row.get(end, row[y])) for row in rows]) for end in ("low", "high"))
    spread = np.maximum([values - low, high - values], 0)
    places = [float(row[x]) for row in rows]
    axes.errorbar(places, values, spread, fmt=style, color=colour, label=label, capsize=2, markersize=4)


def with_interval(row: Row, name: str) -> str:
    """A number with its interval, three digits each; "-" where it was not measured."""
    value = float(row.get(name, math.nan))
    if math.isnan(value):
        return "-"
    return show_estimate(value, (float(row["low"]), float(row["high"])) if "low" in row else None)


def _plot_rise(axes: Axes, result: Result, model: str, area: str, colour: str) -> None:
    time, rate = (column(result, "rates", name, model=model, area=area) for name in ("time_ms", "mean_rate"))
    if rate[-1] != rate[0]:
        axes.plot(time, (rate - rate[0]) / (rate[-1] - rate[0]), color=colour, label=area)


def _caption(result: Result, model: str) -> str:
    images = max(int(row["images"]) for row in result.rows("latency", model=model))
    return (
        "Left: mean rate over all images as a share of its change from onset to the end of the image, at full "
        "contrast. Right: mean latency; images are scaled about the mean of each of their channels, so that the step "
        f"from blank to mean stays. Bars: 95 % intervals over n = {images} images."
    )
