"""Time courses of a trajectory as a figure."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cordsnet._checks import check_count

MOST_LINES = 12
"""Components of an output that are drawn; of more, those that come to be largest."""


def plot_trajectory(trajectory: Any, trial: int | None = None) -> Any:
    """A matplotlib Figure: the mean rate of every area, and every output, against time in ms.

    Parameters
    ----------
    trial : number of the trial; None is the mean over trials.

    Raises
    ------
    ValueError : there is no such trial, or nothing was recorded.
    ModuleNotFoundError : matplotlib is not installed; says how.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ModuleNotFoundError("plot() needs matplotlib; install it with pip install 'cordsnet[report]'") from error
    panels = [panel for panel in (_rates(trajectory, trial), *_outputs(trajectory, trial)) if panel]
    if not panels:
        raise ValueError("trajectory has neither rates nor outputs, so there is nothing to plot; record some")
    figure, axes = pyplot.subplots(len(panels), sharex=True, squeeze=False, layout="constrained")
    for (label, lines), ax in zip(((k, v) for panel in panels for k, v in panel.items()), axes[:, 0], strict=True):
        for name, course in lines.items():
            ax.plot(trajectory.time_ms.numpy(), course.detach().cpu().float().numpy(), label=name)
        ax.set_ylabel(label)
        ax.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    axes[-1, 0].set_xlabel("time (ms)")
    shown = "mean over trials" if trial is None else f"trial {trial}"
    axes[0, 0].set_title(f"{trajectory.model}, {shown}" if trajectory.model else shown)
    return figure


def _of_trial(values: Tensor, trial: int | None) -> Tensor:
    """[T, units] of one trial, or the mean over trials."""
    if trial is None:
        return values.double().mean(1).reshape(len(values), -1)
    if check_count(trial, "trial", 0) >= values.shape[1]:
        raise ValueError(f"trial must be below {values.shape[1]}, the number of trials, got {trial}")
    return values[:, trial].double().reshape(len(values), -1)


def _rates(trajectory: Any, trial: int | None) -> dict[str, Mapping[str, Tensor]]:
    lines = {name: _of_trial(value, trial) for name, value in trajectory.rates.items() if value.numel()}
    return {"rate, mean over units": {name: value.mean(1) for name, value in lines.items()}} if lines else {}


def _outputs(trajectory: Any, trial: int | None) -> list[dict[str, Mapping[str, Tensor]]]:
    panels: list[dict[str, Mapping[str, Tensor]]] = []
    for name, value in trajectory.outputs.items():
        course = _of_trial(value, trial)
        largest = course.amax(0).topk(min(MOST_LINES, course.shape[1])).indices.sort().values
        word = trajectory.axes[name][-1] if len(trajectory.axes[name]) > 2 else name
        panels.append({name: {f"{word} {k}": course[:, k] for k in torch.as_tensor(largest).tolist()}})
    return panels
