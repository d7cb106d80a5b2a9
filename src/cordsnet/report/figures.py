"""Figures for talks and reports: labelled axes with units, colours that colour-blind readers can tell apart."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from statistics import fmean
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from cordsnet.experiments.behaviour import NoiseCurve, TimeCourse
from cordsnet.experiments.demo import Examples

# Okabe & Ito (2008).
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
)
AREA_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, "#000000", "#7F7F7F")
WIDTH, HEIGHT = 7.2, 3.0
T = TypeVar("T")


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """An empty figure whose parts keep out of each other's way."""
    return Figure(figsize=(width, height), layout="constrained")


def in_colours(items: Iterable[T]) -> Iterator[tuple[str, T]]:
    """Every item with a colour; after the last colour the first again."""
    return zip(cycle(AREA_COLOURS), items, strict=False)


def tidy(axes: Axes, x: str, y: str, title: str = "") -> Axes:
    """Labels, and no more lines than needed."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, loc="left", fontsize=10, pad=10)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def accuracy_over_time(course: TimeCourse, trained_ms: float, chance: float) -> Figure:
    """Accuracy on the first and the second image through onset, hold, blank and second onset."""
    time, first, second = course.time_ms.numpy(), course.first.numpy(), course.second.numpy()
    figure = new_figure()
    early, whole = figure.subplots(1, 2, width_ratios=(1, 2), sharey=True)
    for axes in (early, whole):
        axes.axhline(chance, color="0.6", linewidth=0.8, linestyle=":")
        axes.plot(time, first, color=BLUE, label="first image")
        axes.axvspan(trained_ms - 60, trained_ms, color=YELLOW, alpha=0.6, linewidth=0, label="window of the loss")
    whole.plot(time, second, color=VERMILION, linestyle="--", label="second image")
    end = float(course.time_ms[-1])
    _mark_images(whole, [(0.0, course.offset_ms, "first image"), (course.second_onset_ms, end, "second")])
    early.set_xlim(-0.25 * trained_ms, 1.5 * trained_ms)
    early.text(1.5 * trained_ms, chance + 0.015, "chance", ha="right", va="bottom", color="0.4", fontsize=8)
    early.set_ylim(-0.02, 1.12)
    whole.set_xlim(float(time[0]), end)
    tidy(early, "time from onset (ms)", "accuracy (share of test images)", "onset")
    tidy(whole, "time from onset (ms)", "", f"held {course.offset_ms / trained_ms:g} x the trained duration")
    handles, labels = whole.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def mean_rates(course: TimeCourse, half_rise: Mapping[str, float], until_ms: float) -> Figure:
    """Mean rate of each area, raw over the whole protocol and as a share of its rise just after onset."""
    figure = new_figure()
    whole, rise = figure.subplots(1, 2)
    time = course.time_ms.numpy()
    early = (time >= 0) & (time <= until_ms)
    for colour, area in in_colours(course.mean_rate):
        rate = course.mean_rate[area].numpy()
        whole.plot(time, rate, color=colour)
        part = rate[early]
        share = (part - part[0]) / (part[-1] - part[0])
        rise.plot(time[early], share, color=colour, label=f"{area}: half way at {half_rise[area]:.0f} ms")
    rise.axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
    top = max(float(rate.max()) for rate in course.mean_rate.values())
    whole.set_ylim(0, 1.25 * top)
    end = float(course.time_ms[-1])
    _mark_images(whole, [(0.0, course.offset_ms, "first image"), (course.second_onset_ms, end, "second")])
    rise.legend(frameon=False, fontsize=8, loc="lower right")
    tidy(whole, "time from onset (ms)", "mean rate (arbitrary units)", "whole protocol")
    tidy(rise, "time from onset (ms)", "share of the response", "onset, by area")
    return figure


def baseline_distance(course: TimeCourse) -> Figure:
    """How the rates return to spontaneous activity once the image has gone."""
    figure = new_figure(WIDTH * 0.62)
    axes = figure.subplots()
    time = course.time_ms.numpy()
    blank = (time > course.offset_ms) & (time <= course.second_onset_ms)
    axes.semilogy(time[blank] - course.offset_ms, course.distance.numpy()[blank], color=BLUE)
    axes.axhline(1e-2, color="0.6", linewidth=0.8, linestyle=":")
    axes.text(5, 1.15e-2, "1 % of the response", color="0.4", fontsize=8, va="bottom")
    tidy(axes, "time from offset (ms)", "distance to spontaneous activity\n(share of the response)")
    return figure


def noise_robustness(noise: NoiseCurve, frames: int) -> Figure:
    """Accuracy against noise redrawn at every step."""
    figure = new_figure(WIDTH * 0.62)
    axes = figure.subplots()
    axes.plot(noise.sigma, noise.cordsnet, "o-", color=BLUE, label="CordsNet, after 200 ms of frames")
    axes.plot(noise.sigma, noise.cnn_averaged, "^:", color=GREEN, label=f"CNN, scores averaged over {frames} frames")
    axes.plot(noise.sigma, noise.cnn, "s--", color=VERMILION, label="CNN, one frame")
    axes.set_ylim(0, 1.05)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    tidy(axes, "noise (s.d. of the noise / s.d. of the images)", "accuracy")
    return figure


def loss_curves(losses: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> Figure:
    """Training loss of every stage that trains."""
    columns = 3
    rows = -(-len(losses) // columns)
    figure = new_figure(WIDTH, 1.9 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, (stage, (steps, values)) in zip(grid.flat, losses.items(), strict=False):
        axes.semilogy(steps, values, color=SKY, linewidth=0.7)
        axes.semilogy(steps, smoothed(values), color=BLUE, linewidth=1.5)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        tidy(axes, "update", "loss", stage)
    for axes in list(grid.flat)[len(losses) :]:
        axes.set_axis_off()
    return figure


def smoothed(values: Sequence[float], share: float = 0.05) -> list[float]:
    """Mean over a centred window of the given share of the curve."""
    half = max(1, round(share * len(values) / 2))
    return [fmean(values[max(0, k - half) : k + half + 1]) for k in range(len(values))]


def feature_maps(examples: Examples) -> Figure:
    """Example images and the channel of each area that varies most, at several times."""
    areas, count = list(examples.maps), len(examples.images)
    columns = 1 + len(examples.time_ms)
    figure = new_figure(WIDTH, 0.5 + 0.78 * len(areas) * count)
    grid = figure.subplots(len(areas) * count, columns, squeeze=False)
    for example in range(count):
        for k, area in enumerate(areas):
            row = grid[example * len(areas) + k]
            maps = examples.maps[area]
            for axes, rates in zip(row[1:], maps[:, example], strict=True):
                axes.imshow(rates.numpy(), cmap="viridis", vmin=0, vmax=float(maps.max()))
            if k == 0:
                row[0].imshow(examples.images[example].mean(0).numpy(), cmap="gray")
            for axes in row:
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
            row[1].set_ylabel(area, rotation=0, ha="right", va="center", fontsize=9)
    for axes, time in zip(grid[0][1:], examples.time_ms, strict=True):
        off = "\n(image gone)" if float(time) > examples.offset_ms else ""
        axes.set_title(f"{float(time):.0f} ms{off}", fontsize=9)
    grid[0][0].set_title("image", fontsize=9)
    return figure


def _mark_images(axes: Axes, spans: Sequence[tuple[float, float, str]]) -> None:
    """Bars along the top that say when an image is on the screen."""
    for start, stop, name in spans:
        axes.plot([start, stop], [0.95, 0.95], color="0.2", linewidth=4, solid_capstyle="butt", transform=_top(axes))
        axes.text((start + stop) / 2, 0.97, name, ha="center", va="bottom", fontsize=8, transform=_top(axes))


def _top(axes: Axes):  # type: ignore[no-untyped-def]  # matplotlib types its transforms as Any
    """x in data, y in shares of the axes' height."""
    return axes.get_xaxis_transform()
