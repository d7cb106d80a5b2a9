"""Figures of a portrait: spectra with the unit circle, time constants, modes, patterns, trajectories."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from cordsnet.experiments import LabelledArray, Result
from cordsnet.experiments.portrait.areas import MODULUS, REAL_PART
from cordsnet.report.figures import BLUE, VERMILION, WIDTH, in_colours, new_figure, tidy
from cordsnet.report.rows import column, values_of

Array = NDArray[Any]

COLUMNS, PANEL = 4, 2.6


def grid(count: int, height: float = PANEL) -> tuple[Figure, list[Axes]]:
    """Panels in rows of four."""
    columns = min(COLUMNS, count)
    rows = math.ceil(count / columns)
    figure = new_figure(WIDTH if columns > 2 else 2.9 * columns, height * rows)
    panels = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).flatten().tolist()
    for spare in panels[count:]:
        spare.set_axis_off()
    return figure, panels[:count]


def spectra(result: Result, model: str) -> Figure:
    """Leading eigenvalues of every area in the complex plane; colours are states."""
    areas, states = (values_of(result, "areas", name, model=model) for name in ("area", "state"))
    figure, panels = grid(len(areas))
    for axes, area in zip(panels, areas, strict=True):
        axes.add_patch(Circle((0, 0), 1, fill=False, color="0.7", linewidth=0.8))
        axes.axvline(1, color="0.7", linewidth=0.8, linestyle=":")
        for colour, state in in_colours(states):
            for of, marker in ((MODULUS, "o"), (REAL_PART, "d")):
                at = {"model": model, "area": area, "state": state, "of": of}
                real, imaginary, error = (
                    column(result, "eigenvalues", n, **at) for n in ("real", "imaginary", "error")
                )
                bars = np.where(np.isfinite(error), error, 0.0)  # a bar of length 0 is not drawn
                style: dict[str, Any] = {"color": colour, "markersize": 3, "elinewidth": 0.8, "alpha": 0.8}
                axes.errorbar(real, imaginary, bars, bars, marker, **style)
            axes.plot([], [], "o", color=colour, markersize=3, label=state)
        axes.set_aspect("equal", adjustable="box")
        tidy(axes, "real part", "imaginary part" if axes is panels[0] else "", area)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=8)
    return figure


def time_constants(result: Result, model: str) -> Figure:
    """Decay times of the slowest modes, area by area, with the range that their errors leave."""
    areas, states = (values_of(result, "areas", name, model=model) for name in ("area", "state"))
    figure = new_figure()
    axes = figure.subplots()
    for colour, state in in_colours(states):
        shift = 0.16 * (states.index(state) - (len(states) - 1) / 2)
        for area in areas:
            at = {"model": model, "area": area, "state": state, "growing": False}
            times, low, high = (
                column(result, "time_constants", name, **at) for name in ("decay_ms", "shortest_ms", "longest_ms")
            )
            if not len(times):
                continue
            bars = np.nan_to_num(np.abs(np.stack([times - low, high - times])), posinf=0.0)
            x = np.full(len(times), areas.index(area) + shift)
            axes.errorbar(x, times, yerr=bars, fmt="_", color=colour, markersize=9, elinewidth=0.8)
        axes.plot([], [], "_", color=colour, label=state)
    for index, area in enumerate(areas):
        tau = float(result.rows("areas", model=model, area=area)[0]["tau_ms"])
        axes.plot([index - 0.4, index + 0.4], [tau, tau], color="0.6", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        ticks("{x:g}")
    axes.set_xticks(range(len(areas)), areas)
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, "", "decay time (ms); dotted: tau")
    return figure


def modes(result: Result, model: str) -> Figure:
    """Map of the slowest mode of each area: its energy summed over channels."""
    last = result.rows("areas", model=model)[-1]["state"]
    rows = result.rows("areas", model=model, state=last)
    figure, panels = grid(len(rows))
    for axes, row in zip(panels, rows, strict=True):
        axes.imshow(result.arrays[f"modes/{model}/{row['area']}"].values, cmap="viridis", interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        decay = "grows" if row["growing"] else f"{float(row['decay_ms']):.0f} ms"
        axes.set_title(f"{row['area']}: {decay}", fontsize=9)
    return figure


def transients(result: Result, model: str) -> Figure:
    """Largest growth of any pattern after a time, area by area."""
    figure = new_figure()
    axes = figure.subplots()
    last = result.rows("areas", model=model)[-1]["state"]
    for colour, row in in_colours(result.rows("areas", model=model, state=last)):
        at = {"model": model, "state": last, "area": row["area"]}
        time, growth = (column(result, "transients", name, **at) for name in ("time_ms", "amplification"))
        label = f"{row['area']}: {float(row['peak']):.2f} at {float(row['peak_ms']):.0f} ms"
        axes.plot(time, growth, "o-", color=colour, markersize=3, label=label)
    axes.axhline(1, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, "time (ms)", "largest amplification")
    return figure


def patterns(found: LabelledArray) -> Figure:
    """The image patterns that are amplified most, each on its own scale."""
    figure, panels = grid(len(found.values))
    for pattern, gain, axes in zip(found.values, found.axes[0].values, panels, strict=True):
        axes.imshow(_as_picture(pattern), cmap="gray", interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"x {float(gain):.2g}", fontsize=9)
    return figure


def trajectories(result: Result, model: str) -> Figure:
    """Paths of the images in the first two components of the top area, and dimensions over time."""
    areas = values_of(result, "dimension", "area", model=model)
    figure = new_figure()
    plane, over_time = figure.subplots(1, 2)
    for path in result.arrays[f"paths/{model}"].values:
        plane.plot(path[:, 0], path[:, 1], color=BLUE, linewidth=0.8, alpha=0.7)
        plane.plot(path[-1, 0], path[-1, 1], "o", color=VERMILION, markersize=3)
    tidy(plane, "first component", "second component", areas[-1])
    for colour, area in in_colours(areas):
        at = {"model": model, "area": area}
        time, size = (column(result, "dimension", name, **at) for name in ("time_ms", "participation_ratio"))
        over_time.plot(time, size, color=colour, label=area)
    over_time.legend(frameon=False, fontsize=8)
    tidy(over_time, "time from onset (ms)", "participation ratio", "dimension of the responses")
    return figure


def _as_picture(pattern: Array) -> Array:
    """A pattern [C, H, W] scaled to 0-1: colours where there are three channels, else the first one."""
    scaled = (pattern / max(float(np.abs(pattern).max()), 1e-30) + 1) / 2
    picture: Array = scaled.transpose(1, 2, 0) if len(pattern) == 3 else scaled[0]
    return picture
