"""One network at many steps from one state, beside a trajectory that counts as true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.data import Split
from cordsnet.dynamics import RateSystem, Record, Trajectory, simulate
from cordsnet.errors import DivergedError
from cordsnet.experiments.needs import SCORES
from cordsnet.models import VisionModel
from cordsnet.stimuli import show

Array = NDArray[np.float64]
EULER, EXPONENTIAL, TRUE_STEPPER = "euler", "exponential_euler", "heun"
FINER = 2
"""The trajectory that counts as true has steps this much finer than the finest."""
COURSE_MS = 5.0
"""Answers are recorded about every so many ms."""


@dataclass(frozen=True)
class StepRun:
    """One stepper at one step.

    Attributes
    ----------
    stepper, dt : name of the stepper, and its step in ms.
    times : recorded times [T], ms from onset.
    answers : class with the highest score [T, B].
    squared : area -> squared distance of the rates to the true ones, and squared norm of these, summed over units and
        compared times, and at the end [2, 2, B].
    """

    stepper: str
    dt: float
    times: Array
    answers: NDArray[np.int64]
    squared: Mapping[str, Array]

    def errors(self, counts: Array, at_end: bool = False) -> Array:
        """|r - r_true| / |r_true| [R], the largest over areas that are not silent; NaN where all are.

        Over all compared times, or at the end, with images drawn `counts` [R, B] times.
        """
        found = []
        for squared in self.squared.values():
            apart, size = squared[int(at_end)] @ counts.T
            shares = np.divide(apart, size, out=np.full(len(counts), -np.inf), where=size > 0)
            found.append(np.sqrt(shares, out=shares, where=size > 0))
        worst: Array = np.max(found, axis=0)
        return np.where(np.isfinite(worst), worst, np.nan)


@check_arguments
def time_constant(model: VisionModel) -> float:
    """Shortest time constant of a network with a rate equation, ms."""
    system = model.system()
    assert isinstance(system, RateSystem)
    taus = system.equation.circuit.tau_ms.values()
    return min(float(tau.min()) if isinstance(tau, Tensor) else tau for tau in taus)


@check_arguments
@torch.no_grad()
def simulate_steps(
    model: VisionModel, split: Split, image_ms: float, dts: Sequence[float]
) -> tuple[list[StepRun], list[str]]:
    """Show images at every step with both of Euler's methods, from the same spontaneous activity.

    Rates are compared at multiples of the coarsest step with those of Heun's method at half of the finest one.

    Parameters
    ----------
    model : network with a rate equation.
    split : the images.
    image_ms : how long they are shown, a whole number of the coarsest step.
    dts : steps, ms; the coarsest is a whole multiple of the others.

    Returns
    -------
    One run per stepper and step that can be taken, and a sentence for every other.
    """
    every, finest = max(dts), min(dts)
    resting = model.system(finest).begin(1).rates
    truth = _simulate(model, split, image_ms, every, (TRUE_STEPPER, finest / FINER), resting)
    runs, notes = [], []
    for stepper in (EULER, EXPONENTIAL):
        for dt in sorted(dts, reverse=True):
            try:
                model.system(dt, stepper)
            except ValueError as why:
                notes.append(f"{stepper} at {dt:g} ms is left out: {why}")
                continue
            try:
                found = _simulate(model, split, image_ms, every, (stepper, dt), resting)
            except DivergedError as why:
                notes.append(f"{stepper} at {dt:g} ms is left out: {why}")
                continue
            runs.append(_compared(found, truth, every, stepper, dt))
    return runs, notes


def _simulate(
    model: VisionModel, split: Split, ms: float, every: float, how: tuple[str, float], resting: Mapping[str, Tensor]
) -> Trajectory:
    stepper, dt = how
    system = model.system(dt, stepper)
    assert isinstance(system, RateSystem)
    start = system.at_rest(resting, system.hold({}))
    stride = dt * max(1, round(COURSE_MS / dt))
    times = sorted({round(k * step, 9) for step in (stride, every) for k in range(1, round(ms / step + 1e-6) + 1)})
    record = Record("all", times_ms=[time for time in times if time <= ms + 1e-6], outputs=(SCORES,))
    return simulate(model, show(split.images, ms), dt=dt, stepper=stepper, record=record, initial_state=start)


def _compared(found: Trajectory, truth: Trajectory, every: float, stepper: str, dt: float) -> StepRun:
    squared = {}
    mine, true = _multiples(found.time_ms, every), _multiples(truth.time_ms, every)
    for area, rates in truth.rates.items():
        wanted = rates[true].double()
        apart = (found.rates[area][mine].double() - wanted).square().flatten(2).sum(2)
        size = wanted.square().flatten(2).sum(2)
        over_time, at_end = [apart.sum(0), size.sum(0)], [apart[-1], size[-1]]
        squared[area] = torch.stack([torch.stack(over_time), torch.stack(at_end)]).cpu().numpy()
    answers = found.outputs[SCORES].argmax(-1).cpu().numpy()
    return StepRun(stepper, dt, found.time_ms.double().cpu().numpy(), answers, squared)


def _multiples(times: Tensor, every: float) -> Tensor:
    ratio = times.double() / every
    return (ratio - ratio.round()).abs() < 1e-6
