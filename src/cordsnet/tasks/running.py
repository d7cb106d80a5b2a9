"""Networks on trials: outputs frame by frame, and how the trials were answered."""

from typing import Any

import torch
from torch import Tensor

from cordsnet.dynamics import Hold, Record, Trajectory, integrate, start
from cordsnet.tasks.trials import Trials

BATCH = 100
"""Trials that are run together."""


@torch.no_grad()
def run_trials(model: Any, trials: Trials, seed: int = 0) -> dict[str, Tensor]:
    """Outputs of a model at the end of every frame.

    Parameters
    ----------
    model : the network; it starts as it does by itself, and is not changed.
    trials : what it sees.
    seed : of its noise.

    Returns
    -------
    Output -> its values [F, B, ...].

    Raises
    ------
    ValueError : the model does not read the inputs, or a frame is no whole number of its steps.
    """
    return dict(_run(model, trials, seed, ()).outputs)


@torch.no_grad()
def rates_at_frames(model: Any, trials: Trials, seed: int = 0) -> dict[str, Tensor]:
    """Area -> rates at the end of every frame [F, B, ...]; parameters and errors are those of `run_trials`."""
    return dict(_run(model, trials, seed, tuple(model.areas)).rates)


def _run(model: Any, trials: Trials, seed: int, areas: tuple[str, ...]) -> Trajectory:
    trials = trials.to(model.like)
    system, notes = model.system(), list[str]()
    frames = [{name: values[k] for name, values in trials.inputs.items()} for k in range(trials.frames)]
    model.check_inputs(frames[0])
    steps = system.clock.cut([("duration of a frame", trials.frame_ms)] * len(frames), notes)
    holds = [Hold(count, frame) for count, frame in zip(steps, frames, strict=True)]
    ends = torch.tensor(steps).cumsum(0).tolist()
    record = Record(areas=areas, times_ms=tuple(system.clock.time_ms(end) for end in ends))
    return integrate(system, holds, start(system, None, len(trials), seed), record, ends[-1])
