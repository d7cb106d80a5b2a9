"""Time of a simulation against the number of time steps, trials and operations; it should be proportional to each."""

import dataclasses
import io
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from cordsnet._files import write_whole
from cordsnet.benchmarks.measure import timed
from cordsnet.benchmarks.workloads import step_flops
from cordsnet.dynamics import Record, simulate
from cordsnet.models import MODELS, build
from cordsnet.stimuli import show

STEPS, BATCH, SIZE = 100, 4, 112
AXES = {"steps": "time steps", "batch": "trials", "flops": "GFLOP per step and trial"}


@dataclasses.dataclass(frozen=True)
class Case:
    """One simulation of R2.

    Attributes
    ----------
    varied : the quantity that is varied in its series: "steps", "batch" or "flops".
    steps, batch : number of time steps and of trials.
    size : height and width of the images, px.
    """

    varied: str
    steps: int = STEPS
    batch: int = BATCH
    size: int = SIZE


def cases() -> Iterator[Case]:
    """Vary steps, batch and image size, one at a time, each over a factor of 8 or more in cost."""
    yield from (Case("steps", steps=steps) for steps in (50, 100, 200, 400))
    yield from (Case("batch", batch=batch) for batch in (2, 4, 8, 16))
    yield from (Case("flops", size=size) for size in (64, 112, 160, 224))


def measure_scaling(device: str = "cpu", repeats: int = 3) -> list[dict[str, Any]]:
    """Measure the median seconds of each case, without the time for spontaneous activity."""
    return [_measure(case, device, repeats) for case in cases()]


@torch.no_grad()
def _measure(case: Case, device: str, repeats: int) -> dict[str, Any]:
    spec = MODELS["cordsnet_r2"].spec.changed(image_size=case.size, in_channels=3, num_classes=10)
    model = build(spec, 0).to(device)
    images = torch.randn(case.batch, *model.input_shape, device=device)
    ms = case.steps * model.dt_ms

    def run() -> None:
        simulate(model, show(images, ms), record=Record(times_ms=(ms,)))

    run()
    seconds = statistics.median(timed(run, device)[0] for _ in range(repeats))
    return dataclasses.asdict(case) | {"flops": step_flops(model), "seconds": seconds}


def plot_scaling(rows: list[dict[str, Any]], path: str | Path) -> None:
    """Plot seconds against each quantity, with the line through the origin and the largest case."""
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    for axes, (varied, label) in zip(figure.subplots(1, len(AXES)), AXES.items(), strict=True):
        series = [row for row in rows if row["varied"] == varied]
        x = [row[varied] / (1e9 if varied == "flops" else 1) for row in series]
        y = [row["seconds"] for row in series]
        axes.plot([0, x[-1]], [0, y[-1]], color="0.6", linewidth=0.8, linestyle=":", label="proportional")
        axes.plot(x, y, "o", color="#0072B2", label="measured")
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("seconds")
    figure.axes[0].legend(frameon=False, fontsize=8)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=160)
    write_whole(Path(path), stream.getvalue())
