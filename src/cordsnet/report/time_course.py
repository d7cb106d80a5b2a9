"""Figures of the time course: accuracy, rates, return to baseline and feature maps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cordsnet.experiments import LabelledArray, Result
from cordsnet.experiments.result import Row
from cordsnet.report.figures import (
    BLUE,
    VERMILION,
    WIDTH,
    in_colours,
    in_styles,
    legend_below,
    mark_images,
    new_figure,
    tidy,
)
from cordsnet.report.page import Section, Table, percent
from cordsnet.report.rows import column, models_of


def sections(result: Result) -> list[Section]:
    """One section for each thing that the time course shows."""
    summary = result.rows("summary")
    several = len(summary) > 1
    first = summary[0]
    trained, held = float(first["trained_ms"]), float(first["offset_ms"])
    drops = ", ".join(_of(row, f"{100 * float(row['hold_drop']):.1f} points", several) for row in summary)
    floors = ", ".join(_of(row, f"{float(row.get('baseline_distance', np.nan)):.1e}", several) for row in summary)
    blank = float(first["second_onset_ms"]) - held
    parts = [
        Section(
            "Accuracy over time",
            f"From {trained:g} ms, the dashed vertical line, to {held:g} ms of the image accuracy falls by at most "
            f"{drops}. n = {first['images']} images. Dotted: chance.",
            accuracy_over_time(result),
            name="accuracy_over_time",
        ),
        *(_rates(result, str(row["model"]), trained, several) for row in summary),
        Section(
            "Return to baseline",
            f"Distance of all rates from spontaneous activity after the image has gone, over that at offset: {floors} "
            f"after {blank:g} ms. Spontaneous activity is what the network reaches without input from zero rates; "
            "where it has not quite settled there, that sets the floor.",
            baseline_distance(result),
            name="baseline_distance",
        ),
    ]
    shown = [str(row["model"]) for row in summary if f"images/{row['model']}" in result.arrays]
    return parts + [_maps(result, model, several) for model in shown if _maps_of(result, model)]


def summary(result: Result) -> Table:
    """One row per model."""
    lags = {
        str(row["model"]): ", ".join(
            f"{lag['area']} {float(lag.get('half_rise_ms', np.nan)):.0f}"
            for lag in result.rows("lag", model=row["model"])
        )
        for row in result.rows("summary")
    }
    rows = [
        (
            str(row["model"]),
            str(row["images"]),
            percent(float(row.get("accuracy", np.nan))),
            percent(float(row["hold_drop"])),
            f"{float(row.get('baseline_distance', np.nan)):.1e}",
            lags[str(row["model"])],
        )
        for row in result.rows("summary")
    ]
    return Table(("model", "images", "accuracy", "fall while held", "distance to baseline", "half rise (ms)"), rows)


def accuracy_over_time(result: Result) -> Figure:
    """Accuracy on the first and the second image through onset, hold, blank and second onset."""
    row = result.rows("summary")[0]
    trained, offset, second_onset = (float(row[name]) for name in ("trained_ms", "offset_ms", "second_onset_ms"))
    chance, models = 1 / int(row["classes"]), models_of(result, "course")
    figure = new_figure()
    early, whole = figure.subplots(1, 2, width_ratios=(1, 2), sharey=True)
    for axes in (early, whole):
        axes.axhline(chance, color="0.6", linewidth=0.8, linestyle=":")
        axes.axvline(trained, color="0.6", linewidth=0.8, linestyle="--")
    for style, model in in_styles(models):
        time = column(result, "course", "time_ms", model=model)
        first, second = (column(result, "course", name, model=model) for name in ("first", "second"))
        early.plot(time, first, **style)
        whole.plot(time, first, **style)
        after = style if len(models) > 1 else {"color": VERMILION}
        whole.plot(time, second, linestyle="--", **after)
    time = column(result, "course", "time_ms", model=models[0])
    mark_images(whole, [(0.0, offset, "first image"), (second_onset, float(time[-1]), "second")])
    early.set_xlim(-0.25 * trained, 1.5 * trained)
    early.text(1.5 * trained, chance + 0.015, "chance", ha="right", va="bottom", color="0.4", fontsize=8)
    early.set_ylim(-0.02, 1.12)
    whole.set_xlim(float(time[0]), float(time[-1]))
    tidy(early, "time from onset (ms)", "accuracy (share of test images)", "onset")
    tidy(whole, "time from onset (ms)", "", f"held for {offset:g} ms")
    _name_courses(figure, models)
    return figure


def _name_courses(figure: Figure, models: Sequence[str]) -> None:
    """The legend of accuracies: the two images, and each model where there are several."""
    first, second = ("0.3", "0.3") if len(models) > 1 else (BLUE, VERMILION)
    named = [(Line2D([], [], **style), model) for style, model in in_styles(models)] if len(models) > 1 else []
    named.append((Line2D([], [], color=first), "on the first image"))
    named.append((Line2D([], [], color=second, linestyle="--"), "on the second image"))
    handles, labels = zip(*named, strict=True)
    legend_below(figure, handles, labels)


def mean_rates(result: Result, model: str) -> Figure:
    """Mean rate of each area, raw over the whole protocol and as a share of its rise just after onset."""
    row = result.rows("summary", model=model)[0]
    trained, offset, second_onset = (float(row[name]) for name in ("trained_ms", "offset_ms", "second_onset_ms"))
    figure = new_figure()
    whole, rise = figure.subplots(1, 2)
    time, top = column(result, "course", "time_ms", model=model), 0.0
    early = (time >= 0) & (time <= trained)
    for colour, lag in in_colours(result.rows("lag", model=model)):
        rate = column(result, "rates", "mean_rate", model=model, area=lag["area"])
        whole.plot(time, rate, color=colour)
        part, half = rate[early], lag.get("half_rise_ms")
        if half is not None:
            share = (part - part[0]) / (part[-1] - part[0])
            rise.plot(time[early], share, color=colour, label=f"{lag['area']}: half way at {float(half):.0f} ms")
        top = max(top, float(rate.max()))
    rise.axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
    whole.set_ylim(0, 1.25 * top or 1.0)
    mark_images(whole, [(0.0, offset, "first image"), (second_onset, float(time[-1]), "second")])
    if rise.get_legend_handles_labels()[0]:
        rise.legend(frameon=False, fontsize=8, loc="lower right")
    tidy(whole, "time from onset (ms)", "mean rate (arbitrary units)", "whole protocol")
    tidy(rise, "time from onset (ms)", "share of the response", "onset, by area")
    return figure


def baseline_distance(result: Result) -> Figure:
    """Draw the return of rates to spontaneous activity after the image."""
    models = models_of(result, "course")
    figure = new_figure(WIDTH * (0.62 if len(models) < 3 else 1))
    axes = figure.subplots()
    for style, model in in_styles(models):
        offset = float(result.rows("summary", model=model)[0]["offset_ms"])
        rows = [row for row in result.rows("course", model=model) if "distance" in row]
        time = [float(row["time_ms"]) - offset for row in rows]
        axes.semilogy(time, [float(row["distance"]) for row in rows], label=model, **style)
    axes.axhline(1e-2, color="0.6", linewidth=0.8, linestyle=":")
    right = axes.get_yaxis_transform()  # where the distance has fallen
    axes.text(0.99, 1.15e-2, "1 % of the response", color="0.4", fontsize=8, ha="right", va="bottom", transform=right)
    if len(models) > 1:
        legend_below(figure, *axes.get_legend_handles_labels())
    tidy(axes, "time from offset (ms)", "distance to spontaneous activity\n(share of the response)")
    return figure


def feature_maps(images: LabelledArray, areas: dict[str, LabelledArray], offset_ms: float) -> Figure:
    """Example images and the channel of each area that varies most, at several times."""
    times = next(iter(areas.values())).axes[0].values
    count = len(images.values)
    figure = new_figure(WIDTH, 0.5 + 0.78 * len(areas) * count)
    grid = figure.subplots(len(areas) * count, 1 + len(times), squeeze=False)
    for example in range(count):
        for k, (area, maps) in enumerate(areas.items()):
            row = grid[example * len(areas) + k]
            for axes, rates in zip(row[1:], maps.values[:, example], strict=True):
                axes.imshow(
                    rates, cmap="viridis", interpolation="nearest", vmin=0, vmax=float(maps.values.max()) or 1.0
                )
            if k == 0:
                row[0].imshow(images.values[example].mean(0), cmap="gray", interpolation="nearest")
            for axes in row:
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
            row[1].set_ylabel(area, rotation=0, ha="right", va="center", fontsize=9)
    for axes, time in zip(grid[0][1:], times, strict=True):
        off = "\n(gone)" if float(time) > offset_ms else ""
        axes.set_title(f"{float(time):.0f} ms{off}", fontsize=9)
    grid[0][0].set_title("image", fontsize=9)
    return figure


def _rates(result: Result, model: str, trained: float, several: bool) -> Section:
    lags = result.rows("lag", model=model)
    lag = ", ".join(f"{row['area']} {float(row.get('half_rise_ms', np.nan)):.0f} ms" for row in lags)
    title = f"Mean rate of each area{f', {model}' if several else ''}"
    text = (
        f"Half of the response, as it is {trained:g} ms after onset, is reached at: {lag}. Before the image the "
        "network is at spontaneous activity."
    )
    return Section(title, text, mean_rates(result, model), name=f"mean_rates_{model}" if several else "mean_rates")


def _maps_of(result: Result, model: str) -> dict[str, LabelledArray]:
    """Maps of each area of a model; a model whose areas are vectors has none."""
    return {name.split("/")[2]: maps for name, maps in result.arrays.items() if name.startswith(f"maps/{model}/")}


def _maps(result: Result, model: str, several: bool) -> Section:
    areas = _maps_of(result, model)
    offset = float(result.rows("summary", model=model)[0]["trained_ms"])
    title = f"Feature maps over time{f', {model}' if several else ''}"
    text = (
        "Test images and, for each area, the channel whose map varies most; one colour scale per area, from 0 to its "
        f"largest rate. The image is shown from 0 to {offset:g} ms."
    )
    figure = feature_maps(result.arrays[f"images/{model}"], areas, offset)
    return Section(title, text, figure, name=f"feature_maps_{model}" if several else "feature_maps")


def _of(row: Row, text: str, several: bool) -> str:
    return f"{text} ({row['model']})" if several else text
