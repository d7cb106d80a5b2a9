"""Response of an area to pictures on a grey ground: what people are shown, on the model's own clock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive
from cordsnet.dynamics import Intervention, Record, simulate
from cordsnet.models import VisionModel
from cordsnet.stimuli import Protocol, show

GRID = 4
"""Rows and columns to which maps are averaged before they are read."""


@dataclass(frozen=True, eq=False)
class Responses:
    """Response of one area over time: its rates less those of the same model that is shown grey all the time.

    Attributes
    ----------
    time_ms : ends of the recorded steps, from the onset of the first picture [T].
    values : the responses [T, N, F], F features.
    notes : durations that were rounded, and the step that was chosen.
    """

    time_ms: NDArray[np.float64]
    values: NDArray[np.float32]
    notes: tuple[str, ...] = ()

    def mean(self, from_ms: float, to_ms: float) -> NDArray[np.float64]:
        """Mean response [N, F] from after `from_ms` to `to_ms`. Raises ValueError where nothing was recorded."""
        inside = (self.time_ms > from_ms + 1e-6) & (self.time_ms <= to_ms + 1e-6)
        if not inside.any():
            raise ValueError(f"nothing was recorded from {from_ms:g} to {to_ms:g} ms; last is {self.time_ms[-1]:g} ms")
        return np.asarray(self.values[inside].mean(0, dtype=np.float64))


@torch.no_grad()
@check_arguments
def respond(
    model: VisionModel,
    shown: Sequence[tuple[Tensor, float]],
    grey: Tensor,
    *,
    before_ms: float = 100.0,
    every_ms: float = 5.0,
    grain_ms: float = 25.0,
    area: str | None = None,
    grid: int = GRID,
    interventions: Sequence[Intervention] = (),
    seed: int = 0,
) -> Responses:
    """Show pictures one after another, after a grey field, and record the response of an area.

    Parameters
    ----------
    model : any model that reads images and evolves in time, in evaluation mode.
    shown : (images [N, C, H, W], ms) in order, normalised as the model reads them; the same N in all, or 1 for all.
    grey : the grey ground [1, C, H, W], shown before.
    before_ms : duration of grey; the model starts in its own way and has the rates that grey gives at onset.
    every_ms : spacing of what is recorded, at least one step.
    grain_ms : a time of which all durations are multiples. A model in continuous time whose step does not divide it
        is simulated at the largest dt / k that does.
    area : name; None is the top one.
    grid : maps are averaged to at most grid x grid places; 0 keeps them whole.
    interventions : with times from the onset; the grey field that is subtracted is seen under the same ones.
    seed : of the private noise of models that have some.

    Raises
    ------
    ValueError : nothing is shown, numbers of images differ, or what `simulate` refuses.
    """
    check_positive(every_ms, "every_ms")
    check_count(grid, "grid", 0)
    protocol = _in_order(shown)
    notes: list[str] = []
    dt = step_of(model, grain_ms, notes)
    step = model.dt_ms if dt is None else dt
    name = model.areas[-1] if area is None else area
    record = Record(
        (name,), every_ms=step * max(1, round(every_ms / step)), reduce=lambda r: _read(r, grid), outputs=()
    )
    common: dict[str, Any] = {"dt": dt, "seed": seed}
    start = simulate(model, show(grey, before_ms), record=Record(times_ms=(step,), outputs="all"), **common).final_state
    common |= {"record": record, "interventions": tuple(interventions)}
    alone = simulate(model, show(grey, protocol.ms), initial_state=start, **common)
    run = simulate(model, protocol, initial_state=replace(start, seeds=None), **common)
    values = (run.rates[name] - alone.rates[name]).float().cpu().numpy()
    times = run.time_ms.cpu().double().numpy()
    return Responses(times, values, tuple(dict.fromkeys((*notes, *run.notes))))


@check_arguments
def step_of(model: VisionModel, grain_ms: float, notes: list[str] | None = None) -> float | None:
    """Step that divides `grain_ms`: the model's own dt / k with the smallest k; None where that is its own.

    A model of steps keeps its step. What was chosen is appended to `notes`. Raises ValueError when no k up to 100 does.
    """
    if model.clock.kind == "steps":
        if notes is not None:
            notes.append(f"a step of {model.dt_ms:g} ms is a convention, and so are all times of this model in ms")
        return None
    for k in range(1, 101):
        dt = model.dt_ms / k
        if abs(round(grain_ms / dt) * dt - grain_ms) < 1e-9 * grain_ms:
            if k > 1 and notes is not None:
                notes.append(
                    f"simulated with dt {dt:g} ms, since its own, {model.dt_ms:g} ms, does not divide {grain_ms:g} ms"
                )
            return dt if k > 1 else None
    raise ValueError(f"grain_ms = {grain_ms:g} ms is no multiple of dt / k for dt = {model.dt_ms:g} ms and k up to 100")


def _in_order(shown: Sequence[tuple[Tensor, float]]) -> Protocol:
    """All pictures one after another. Raises ValueError where nothing is shown, or numbers of images differ."""
    parts = [(images, ms) for images, ms in shown if ms > 0]
    if not parts:
        raise ValueError("shown must hold a picture and a duration above 0 ms, got none")
    trials = max(len(images) for images, _ in parts)
    if wrong := [len(images) for images, _ in parts if len(images) not in (1, trials)]:
        raise ValueError(f"shown must hold {trials} images, or one for all, in each part, got {wrong[0]}")
    protocols = [show(images.expand(trials, -1, -1, -1), ms) for images, ms in parts]
    return sum(protocols[1:], protocols[0])


def _read(rates: Tensor, grid: int) -> Tensor:
    """Features [N, F] of rates [N, C, H, W], averaged to a grid, or of a vector."""
    if rates.ndim == 4 and grid:
        rows, columns = (min(grid, size) for size in rates.shape[2:])
        rates = functional.adaptive_avg_pool2d(rates, (rows, columns))
    return rates.flatten(1)
