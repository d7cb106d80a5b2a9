"""Networks on trials: outputs frame by frame, and how the trials were answered."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics import Hold, RateSystem, Record, Trajectory, integrate, start
from cordsnet.tasks.trials import Trials

BATCH = 100
"""Trials that are run together."""

MOST_TRIALS = 10_000_000
"""Largest number of trials that a network is asked to do, many days of work."""


def check_network(model: object, *parts: str) -> None:
    """Raise TypeError unless a model has these parts, as all networks of the package do."""
    if isinstance(model, type) or not all(hasattr(model, part) for part in parts):
        given = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(f"model must be a network, as create_model makes them, got {given}")


@torch.no_grad()
@check_arguments
def run_trials(model: Any, trials: Trials, seed: int = 0) -> dict[str, Tensor]:
    """Outputs of a model at the end of every frame.

    Parameters
    ----------
    model : the network; it starts as it does by itself, and is not changed.
    trials : the trials that it sees.
    seed : of its noise.

    Returns
    -------
    Output -> its values [F, B, ...].

    Raises
    ------
    ValueError : the model does not read the inputs, or a frame is no whole number of its steps.
    """
    check_network(model, "system", "like")
    if not trials.inputs:
        raise ValueError("trials must have inputs, and have none")
    return dict(_run(model, model.system(), trials, Record, seed).outputs)


@torch.no_grad()
def rates_at_frames(model: Any, trials: Trials, seed: int = 0) -> dict[str, Tensor]:
    """Area -> rates at the end of every frame [F, B, ...]; parameters and errors are those of `run_trials`."""
    record = partial(Record, tuple(model.areas), outputs=())
    return dict(_run(model, model.system(), trials, record, seed).rates)


@torch.no_grad()
def run_rates(model: Any, trials: Trials, area: str) -> Tensor:
    """Rates of an area at the end of every frame [F, B, ...], without the network's private noise.

    Parameters
    ----------
    model : the network; it starts as it does by itself, and is not changed.
    trials : the trials that it sees.
    area : the area.

    Raises
    ------
    ValueError : the model does not read the inputs, a frame is no whole number of its steps, the area is not there, or
        the model has noise that cannot be left out.
    """
    system = model.system()
    if system.has_noise:
        if not isinstance(system, RateSystem):
            raise ValueError(f"a {type(model).__name__} has private noise that cannot be left out")
        system = system.without_noise()
    return _run(model, system, trials, partial(Record, (area,), outputs=())).rates[area]


def _run(model: Any, system: Any, trials: Trials, record: Callable[..., Record], seed: int = 0) -> Trajectory:
    """A simulation that keeps what `record` asks for at the end of every frame."""
    trials = trials.to(model.like)
    frames = [{name: values[k] for name, values in trials.inputs.items()} for k in range(trials.frames)]
    model.check_inputs(frames[0])
    steps = system.clock.cut([("duration of a frame", trials.frame_ms)] * len(frames), list[str]())
    holds = [Hold(count, frame) for count, frame in zip(steps, frames, strict=True)]
    ends = torch.tensor(steps).cumsum(0).tolist()
    kept = record(times_ms=tuple(system.clock.time_ms(end) for end in ends))
    return integrate(system, holds, start(system, None, len(trials), seed), kept, ends[-1])
