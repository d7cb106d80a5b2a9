"""A trial of a task as a movie and as a timing diagram."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from cordsnet.report.figures import WIDTH, in_colours, new_figure, tidy
from cordsnet.tasks import Task, Trials

SIDE = 256
"""Height and width of the movie, px, at least."""

MOST_LINES = 8
"""Channels up to this number are lines; more are an image."""


def write_trial(task: Task, seed: int, folder: str | Path) -> list[Path]:
    """Write `trial.gif`, the movie of the first trial of a seed, and `timing.png`, all that is shown and wanted.

    The two renderings are of the same trial, whichever the task was set to.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    movie, figure = place / "trial.gif", place / "timing.png"
    _write_movie(task.changed(rendering="image").sample(1, seed), movie)
    timing_diagram(task, task.changed(rendering="vector").sample(1, seed)).savefig(figure, dpi=120)
    return [movie, figure]


def _write_movie(trials: Trials, path: Path) -> None:
    frames = (trials.inputs["image"][:, 0, 0].numpy() * 255).round().astype(np.uint8)
    larger = -(-SIDE // frames.shape[-1])
    pictures = [Image.fromarray(frame.repeat(larger, 0).repeat(larger, 1)) for frame in frames]
    # GIF counts time in hundredths of a second
    every = max(10, round(trials.frame_ms / 10) * 10)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=every, loop=0)


def timing_diagram(task: Task, trials: Trials) -> Figure:
    """Inputs, targets and masks of the first trial over time, with the periods as bands."""
    panels = [("vector", "input", trials.inputs["vector"][:, 0].numpy(), task.vector_channels)]
    for name, axis, size in task.outputs:
        target = trials.targets[name][:, 0].numpy()
        units = tuple(f"{axis} {k}" for k in range(size))
        panels.append((name, f"target ({axis})" if target.ndim == 1 else "target", target, units))
    figure = new_figure(WIDTH, 1.6 + 1.5 * len(panels))
    every = figure.subplots(len(panels) + 1, 1, sharex=True, squeeze=False)[:, 0]
    time = (np.arange(trials.frames) + 0.5) * trials.frame_ms
    for axes, (name, label, values, units) in zip(every, panels, strict=False):
        tidy(axes, "", label, name)
        if values.ndim == 1:
            axes.step(time, values, where="mid", color="0.1")
        elif values.shape[1] <= MOST_LINES:
            for (colour, unit), line in zip(in_colours(units), values.T, strict=False):
                axes.plot(time, line, color=colour, label=unit, linewidth=1.2)
            axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        else:
            axes.imshow(values.T, aspect="auto", origin="lower", extent=(0, trials.duration_ms, 0, len(units)))
    tidy(every[-1], "time from the start of the trial (ms)", "weight", "weight of an error")
    for (colour, output), weights in zip(in_colours(trials.mask), trials.mask.values(), strict=False):
        every[-1].step(time, weights[:, 0].numpy(), where="mid", color=colour, label=output)
    _periods(every, trials)
    return figure


def _periods(panels: Any, trials: Trials) -> None:
    """Lines where periods begin, and their names above the first panel."""
    for name, edges in trials.periods.items():
        start, stop = (edges[0] * trials.frame_ms).tolist()
        if stop > start:
            middle = (start + stop) / 2
            panels[0].annotate(name, (middle, 1.02), xycoords=("data", "axes fraction"), ha="center", fontsize=7)
            for axes in panels:
                axes.axvline(start, color="0.7", linewidth=0.7, zorder=0)
