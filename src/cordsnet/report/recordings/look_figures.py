"""Figures of a quick look at a recording."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cordsnet.neural import Overview
from cordsnet.report.figures import BLUE, VERMILION, WIDTH, mark_images, new_figure, tidy

COLUMNS = 3
FINEST_MS = 2.0
"""Longest bin of counts that is drawn as ticks of spikes."""

SAME_MS = 1e-6
"""Times that differ by less are the same."""

GREY, SAND = "0.45", "#f3e6c8"
TIME = "time from onset (ms)"
MANY_IMAGES = 100


SHADES = colormaps["Greys"].with_extremes(bad=SAND)


def rasters_figure(found: Overview, image_ms: float | None) -> Figure:
    """Trials of a few neurons: ticks in fine bins of counts, else shades."""
    rows = -(-len(found.rasters) // COLUMNS)
    drawn = new_figure(WIDTH, 0.4 + 2.2 * rows)
    grid = drawn.subplots(rows, COLUMNS, squeeze=False, sharex=True)
    ticks = _ticks(found)
    for axes, raster in zip(grid.flat, found.rasters, strict=False):
        values = np.nan_to_num(raster.responses)
        bins = found.fine_ms[: values.shape[1]]
        edges = float(bins[0, 0]), float(bins[:, 1].max())
        changes = np.cumsum(np.diff(raster.images, prepend=raster.images[:1]) != 0)
        if ticks:
            for k in np.unique(changes[changes % 2 == 1]):
                own = np.flatnonzero(changes == k)
                axes.axhspan(own[0] - 0.5, own[-1] + 0.5, color="0.93", linewidth=0)
            trial, bin_ = np.nonzero(values)
            axes.plot(bins.mean(1)[bin_], trial, "|", color="0.1", markersize=1.6, markeredgewidth=0.6)
        else:
            top = float(np.percentile(values, 99)) or float(values.max()) or 1.0
            places, shades = spread(bins, values)
            rows_ = np.arange(len(values) + 1) - 0.5
            axes.pcolormesh(places, rows_, shades, cmap=SHADES, vmin=0, vmax=top, rasterized=True)
            edges = float(places[0]), float(places[-1])
            for place in np.flatnonzero(np.diff(changes)) if found.shape[1] > 1 else ():
                axes.axhline(place + 0.5, color=BLUE, linewidth=0.3)
        axes.set_xlim(edges)
        axes.set_ylim(len(values) - 0.5, -0.5)
        for time, style in ((0.0, "--"), (image_ms, ":")):
            if time is not None and edges[0] < time < edges[1]:
                axes.axvline(time, color="0.3", linestyle=style, linewidth=0.8)
        _named(axes, raster.neuron)
    _finish(drawn, grid, len(found.rasters), TIME, "trial" if found.shape[1] > 1 else "image")
    return drawn


def spread(bins_ms: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges in time [K + 1] and columns between them [trial, K]: NaN in gaps; bins that overlap meet midway."""
    if _overlap(bins_ms):
        centres = bins_ms.mean(1)
        order = np.argsort(centres, kind="stable")
        centres = centres[order]
        middles = (centres[1:] + centres[:-1]) / 2
        ends = 2 * centres[0] - middles[0], 2 * centres[-1] - middles[-1]
        return np.concatenate([ends[:1], middles, ends[1:]]), values[:, order]
    after = np.flatnonzero(_gaps(bins_ms)) + 1
    edges = np.append(np.insert(bins_ms[:, 0], after, bins_ms[after - 1, 1]), bins_ms[-1, 1])
    return edges, np.insert(values.astype(np.float64), after, np.nan, axis=1)


def has_gaps(found: Overview) -> bool:
    """True if shades of a raster have gaps between bins."""
    bins = found.fine_ms[: found.rasters[0].responses.shape[1]]
    return not _ticks(found) and not _overlap(bins) and bool(_gaps(bins).any())


def _gaps(bins_ms: np.ndarray) -> np.ndarray:
    """True where time passes between a bin and the next [T - 1]."""
    found: np.ndarray = bins_ms[1:, 0] > bins_ms[:-1, 1] + SAME_MS
    return found


def _overlap(bins_ms: np.ndarray) -> bool:
    """True if a bin begins before the one before it ends."""
    return bool((bins_ms[1:, 0] < bins_ms[:-1, 1] - SAME_MS).any())


def _ticks(found: Overview) -> bool:
    """True for fine bins of counts."""
    return found.unit == "count" and bool(np.diff(found.fine_ms, axis=1).max() <= FINEST_MS)


def population_figure(found: Overview, image_ms: float | None) -> Figure:
    """Mean over neurons in each bin."""
    drawn = new_figure(WIDTH, 2.6)
    axes = drawn.subplots()
    _course(axes, found, found.population, found.population_reach)
    _onset(axes, image_ms)
    tidy(axes, "time from onset (ms)", _unit(found))
    return drawn


def courses_figure(found: Overview, image_ms: float | None) -> Figure:
    """Mean over images of a few neurons in each bin."""
    rows = -(-len(found.sample) // COLUMNS)
    drawn = new_figure(WIDTH, 0.4 + 1.5 * rows)
    grid = drawn.subplots(rows, COLUMNS, squeeze=False, sharex=True)
    for axes, neuron in zip(grid.flat, found.sample, strict=False):
        _course(axes, found, found.course[:, neuron], found.course_reach[:, neuron])
        _onset(axes, image_ms, bar=False)
        _named(axes, found.neurons[neuron])
    _finish(drawn, grid, len(found.sample), TIME, _unit(found))
    return drawn


def reliability_figure(found: Overview) -> Figure:
    """Reliability of neurons, and of each bin where there are several."""
    several = len(found.bins_ms) > 1
    drawn = new_figure(WIDTH if several else 0.6 * WIDTH, 2.8)
    first, *rest = drawn.subplots(1, 2 if several else 1, squeeze=False)[0]
    window = found.window
    parts = ((window.half_r[0], GREY, "split-half r"), (window.value[0], BLUE, "Spearman-Brown"))
    known = np.concatenate([part[0][np.isfinite(part[0])] for part in parts])
    edges = np.linspace(min(0.0, float(known.min(initial=0.0))), 1, 21)
    for values, colour, label in parts:
        values = values[np.isfinite(values)]
        first.hist(values, edges, histtype="step", color=colour, linewidth=1.5, label=label)
        first.axvline(float(np.median(values)), color=colour, linestyle="--", linewidth=1)
    first.legend(frameon=False, fontsize=8, loc="upper left")
    tidy(first, "reliability (dashed: median)", "neurons")
    for axes in rest:
        value, ceiling = found.reliability.value, found.ceiling
        low, middle, high = _quartiles(value)
        time = found.bins_ms.mean(1)
        axes.fill_between(time, low, high, color=BLUE, alpha=0.2, linewidth=0, label="quartiles over neurons")
        axes.plot(time, middle, color=BLUE, linewidth=1.5, label="median over neurons")
        axes.plot(time, ceiling.value, ":", color=VERMILION, linewidth=1.5, label="noise ceiling")
        if ceiling.interval is not None:
            axes.fill_between(time, *ceiling.interval.T, color=VERMILION, alpha=0.2, linewidth=0)
        axes.axhline(0.0, color="0.8", linewidth=0.8)
        axes.axvline(0.0, color="0.3", linestyle="--", linewidth=0.8)
        axes.set_ylim(min(-0.25, float(np.nanmin(middle))), 1)
        axes.legend(frameon=False, fontsize=7)
        tidy(axes, "time from onset (ms)", "reliability")
    return drawn


def levels_figure(found: Overview) -> Figure:
    """Mean response of neurons, Fano factors, and drift over repeats."""
    parts = [_levels] + ([_fano] if found.fano is not None else []) + ([_drift] if found.drift is not None else [])
    drawn = new_figure(WIDTH * (0.3 + 0.7 * len(parts) / 3), 2.6)
    for axes, part in zip(drawn.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
        part(axes, found)
    return drawn


def tuning_figure(found: Overview) -> Figure:
    """Response to images that are sorted by the other half of the repeats."""
    assert found.tuning is not None
    rows = -(-len(found.sample) // COLUMNS)
    drawn = new_figure(WIDTH, 0.4 + 1.5 * rows)
    grid = drawn.subplots(rows, COLUMNS, squeeze=False, sharex=True)
    for axes, (one, other), neuron in zip(grid.flat, found.tuning, found.sample, strict=False):
        known = np.isfinite(one) & np.isfinite(other)
        sorted_ = other[known][np.argsort(one[known], kind="stable")]
        size = 3 if len(sorted_) > MANY_IMAGES else 5
        axes.plot(np.arange(1, len(sorted_) + 1), sorted_, ".", color="0.65", markersize=size, markeredgewidth=0)
        parts = np.array_split(np.arange(len(sorted_)), tuning_parts(len(sorted_)))
        places = [float(part.mean()) + 1 for part in parts if len(part)]
        axes.plot(places, [sorted_[part].mean() for part in parts if len(part)], color=BLUE, linewidth=1.5)
        _named(axes, found.neurons[neuron])
    _finish(drawn, grid, len(found.sample), "images, sorted by the response in the other half", _unit(found))
    return drawn


def _levels(axes: Axes, found: Overview) -> None:
    axes.hist(found.level[np.isfinite(found.level)], 20, color=BLUE, alpha=0.8)
    tidy(axes, f"mean response ({_unit(found)})", "neurons")


def _fano(axes: Axes, found: Overview) -> None:
    assert found.fano is not None
    known = found.fano[np.isfinite(found.fano)]
    axes.hist(known, 20, color=BLUE, alpha=0.8)
    axes.axvline(1.0, color="0.3", linestyle="--", linewidth=1)
    axes.set_xlim(0, None)
    tidy(axes, "Fano factor", "neurons")


def _drift(axes: Axes, found: Overview) -> None:
    assert found.drift is not None
    assert found.drift_reach is not None
    repeat, value, reach = np.arange(1, len(found.drift) + 1), 100 * found.drift, 100 * found.drift_reach
    axes.fill_between(repeat, value - reach, value + reach, color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(repeat, value, "-", color=BLUE, linewidth=1.5)
    axes.axhline(0.0, color="0.3", linestyle="--", linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes, "repeat", "change (% of the mean)")


def _course(axes: Axes, found: Overview, value: np.ndarray, reach: np.ndarray) -> None:
    """A course with its band, from 0 where responses are spikes."""
    time = found.bins_ms.mean(1)
    axes.fill_between(time, value - reach, value + reach, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(time, value, color=BLUE, linewidth=1.3)
    if found.unit != "other":
        axes.set_ylim(0, 1.15 * max(float(np.nanmax(value + np.nan_to_num(reach))), 1e-9))


def _onset(axes: Axes, image_ms: float | None, bar: bool = True) -> None:
    """The onset of the image, and a bar along the top while it is shown."""
    low, high = axes.get_xlim()
    if low < 0:
        axes.axvline(0.0, color="0.3", linestyle="--", linewidth=0.8)
    if image_ms is not None:
        mark_images(axes, [(max(0.0, low), min(image_ms, high), "image" if bar else "")])
    axes.set_xlim(low, high)


def tuning_parts(images: int) -> int:
    """Number of parts of the sorted images whose means are drawn: ten, or fewer of four images each."""
    return min(10, max(1, images // 4))


def _named(axes: Axes, neuron: str) -> None:
    """The name of a neuron above a small panel."""
    tidy(axes, "", "")
    axes.set_title(f"neuron {neuron}" if neuron.isdigit() else neuron, loc="left", fontsize=8, pad=3)


def _finish(drawn: Figure, grid: np.ndarray, count: int, x: str, y: str) -> None:
    """Hide what holds nothing, and name the axes once for all panels."""
    drawn.supxlabel(x, fontsize=10)
    drawn.supylabel(y, fontsize=10)
    for k, axes in enumerate(grid.flat):
        axes.tick_params(labelsize=7)
        if k >= count:
            axes.set_visible(False)
            continue
        if k + COLUMNS >= count:
            axes.tick_params(labelbottom=True)


def _quartiles(values: np.ndarray) -> np.ndarray:
    """Quartiles over the last axis of the values that are present [3, T]; NaN where there is none."""
    found = np.full((3, len(values)), np.nan)
    known = np.isfinite(values).any(1)
    found[:, known] = np.nanpercentile(np.where(np.isfinite(values), values, np.nan)[known], [25, 50, 75], axis=1)
    return found


def _unit(found: Overview) -> str:
    return "response" if found.unit == "other" else "spikes/s"
