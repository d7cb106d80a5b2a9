"""Figures of a portrait: spectra with the unit circle, ladders of time constants, modes, patterns, trajectories."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.analysis import Eigenpairs, SingularTriplets
from cordsnet.experiments.portrait import AreaPortrait, Portrait
from cordsnet.report.figures import BLUE, VERMILION, WIDTH, in_colours, new_figure, tidy

Array = NDArray[Any]

COLUMNS, PANEL = 4, 2.6


def names(areas: Sequence[AreaPortrait]) -> list[str]:
    """Of the areas, lowest first."""
    return list(dict.fromkeys(one.area for one in areas))


def states(areas: Sequence[AreaPortrait]) -> list[str]:
    """Of the settled states."""
    return list(dict.fromkeys(one.where for one in areas))


def grid(count: int, height: float = PANEL) -> tuple[Figure, list[Axes]]:
    """Panels in rows of four."""
    columns = min(COLUMNS, count)
    rows = math.ceil(count / columns)
    figure = new_figure(WIDTH if columns > 2 else 2.9 * columns, height * rows)
    panels = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).flatten().tolist()
    for spare in panels[count:]:
        spare.set_axis_off()
    return figure, panels[:count]


def error_bars(pairs: Eigenpairs) -> Array:
    """How far each eigenvalue may be off to first order: residual x modulus, times the condition where it is known.

    Zero, which draws no bar, where that is not finite.
    """
    error = pairs.residuals * pairs.values.abs()
    if pairs.condition is not None:
        error = error * pairs.condition
    bars: Array = error.double().cpu().numpy()
    return np.where(np.isfinite(bars), bars, 0.0)


def spectra(areas: Sequence[AreaPortrait]) -> Figure:
    """Leading eigenvalues of every area in the complex plane; colours are states."""
    figure, panels = grid(len(names(areas)))
    for axes, area in zip(panels, names(areas), strict=True):
        axes.add_patch(Circle((0, 0), 1, fill=False, color="0.7", linewidth=0.8))
        axes.axvline(1, color="0.7", linewidth=0.8, linestyle=":")
        for colour, one in in_colours([p for p in areas if p.area == area]):
            for pairs, marker in ((one.largest, "o"), (one.slowest, "d")):
                values, error = pairs.values.numpy(), error_bars(pairs)
                axes.errorbar(
                    values.real,
                    values.imag,
                    error,
                    error,
                    marker,
                    color=colour,
                    markersize=3,
                    elinewidth=0.8,
                    alpha=0.8,
                )
            axes.plot([], [], "o", color=colour, markersize=3, label=one.where)
        axes.set_aspect("equal", adjustable="box")
        tidy(axes, "real part", "imaginary part" if axes is panels[0] else "", area)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=8)
    return figure


def ladder(areas: Sequence[AreaPortrait]) -> Figure:
    """Decay times of the slowest modes, area by area, with the range that their errors leave."""
    figure = new_figure()
    axes = figure.subplots()
    order, shown = names(areas), states(areas)
    for colour, where in in_colours(shown):
        shift = 0.16 * (shown.index(where) - (len(shown) - 1) / 2)
        for one in (p for p in areas if p.where == where):
            decaying = ~one.constants.growing
            times = one.constants.decay_ms[decaying].double().numpy()
            low = one.constants.shortest_ms[decaying].double().numpy()
            high = one.constants.longest_ms[decaying].double().numpy()
            bars = np.nan_to_num(np.abs(np.stack([times - low, high - times])), posinf=0.0)
            x = np.full(len(times), order.index(one.area) + shift)
            axes.errorbar(x, times, yerr=bars, fmt="_", color=colour, markersize=9, elinewidth=0.8)
        axes.plot([], [], "_", color=colour, label=where)
    for index, area in enumerate(order):
        tau = next(one.tau_ms for one in areas if one.area == area)
        axes.plot([index - 0.4, index + 0.4], [tau, tau], color="0.6", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        ticks("{x:g}")
    axes.set_xticks(range(len(order)), order)
    axes.legend(frameon=False, fontsize=8)
    return tidy(axes, "", "decay time (ms); dotted: tau").figure  # type: ignore[return-value]


def modes(areas: Sequence[AreaPortrait]) -> Figure:
    """Where the slowest mode of each area lives: its energy summed over channels."""
    chosen = [one for one in areas if one.where == states(areas)[-1]]
    figure, panels = grid(len(chosen))
    for axes, one in zip(panels, chosen, strict=True):
        assert one.slowest.vectors is not None
        vector = one.slowest.vectors[0]
        axes.imshow(vector.abs().square().sum(0).cpu().numpy(), cmap="viridis")
        axes.set_xticks([])
        axes.set_yticks([])
        decay = float(one.constants.decay_ms[0])
        axes.set_title(f"{one.area}: {decay:.0f} ms", fontsize=9)
    return figure


def transients(areas: Sequence[AreaPortrait]) -> Figure:
    """Largest growth of any pattern after a time, area by area."""
    figure = new_figure()
    axes = figure.subplots()
    chosen = [one for one in areas if one.where == states(areas)[-1]]
    for colour, one in in_colours(chosen):
        axes.plot(one.transient.time_ms.numpy(), one.transient.amplification.numpy(), "o-", color=colour, markersize=3)
        axes.plot([], [], color=colour, label=f"{one.area}: {one.transient.peak:.2f} at {one.transient.peak_ms:.0f} ms")
    axes.axhline(1, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return tidy(axes, "time (ms)", "largest amplification").figure  # type: ignore[return-value]


def patterns(found: SingularTriplets) -> Figure:
    """The image patterns that are amplified most, each on its own scale."""
    figure, panels = grid(len(found.singular_values))
    for index, axes in enumerate(panels):
        axes.imshow(_as_picture(found.right[index]), cmap="gray")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"x {float(found.singular_values[index]):.2g}", fontsize=9)
    return figure


def trajectories(found: Portrait) -> Figure:
    """Paths of the images in the first two components of the top area, and dimensions over time."""
    assert found.paths is not None
    assert found.time_ms is not None
    figure = new_figure()
    plane, over_time = figure.subplots(1, 2)
    for path in found.paths.cpu().numpy():
        plane.plot(path[:, 0], path[:, 1], color=BLUE, linewidth=0.8, alpha=0.7)
        plane.plot(path[-1, 0], path[-1, 1], "o", color=VERMILION, markersize=3)
    tidy(plane, "first component", "second component", list(found.dimension)[-1])
    for colour, (area, dimension) in in_colours(found.dimension.items()):
        over_time.plot(found.time_ms.numpy(), dimension.numpy(), color=colour, label=area)
    over_time.legend(frameon=False, fontsize=8)
    tidy(over_time, "time from onset (ms)", "participation ratio", "dimension of the responses")
    return figure


def _as_picture(pattern: Tensor) -> Array:
    """[C, H, W] scaled to 0-1: colours where there are three channels, else the first one."""
    scaled = (pattern / pattern.abs().max().clamp_min(1e-30) + 1) / 2
    picture: Array = (scaled.permute(1, 2, 0) if len(pattern) == 3 else scaled[0]).float().cpu().numpy()
    return picture
