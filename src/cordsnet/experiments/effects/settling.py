"""Time in which a network reaches the fixed point of each image, and the slowest mode there."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis import network_eigenvalues, time_constants
from cordsnet.analysis.status import Status
from cordsnet.dynamics import Equilibrium, Record, Solver, State, simulate, steady_state
from cordsnet.dynamics.fixed_point import Status as Solved
from cordsnet.experiments.effects.latencies import crossing_times
from cordsnet.experiments.needs import SCORES
from cordsnet.models import VisionModel
from cordsnet.stimuli import show

Array = NDArray[np.float64]
TAIL = (1e-2, 1e-3)
"""Distances, as shares of the response, between which the last of the way is timed."""
MOST_EVALUATIONS = 500
"""Evaluations of each area in the search for a fixed point."""


@dataclass(frozen=True)
class Settling:
    """Approach of a network to the fixed point of each image.

    Attributes
    ----------
    times : from onset, 0 first [T], ms.
    distance : area -> distance of its rates from the fixed point, as a share of that at onset [T, B]; NaN where there
        is no fixed point, or where it is where the network starts.
    answers : class with the largest score at `times[1:]` [T - 1, B].
    found : images whose fixed point was found, from where the network is at the end [B].
    rates : of the fixed points, area -> [B, ...].
    notes : durations that were rounded to the steps of the model.
    """

    times: Array
    distance: Mapping[str, Array]
    answers: NDArray[np.int64]
    found: NDArray[np.bool_]
    rates: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()

    def settle_ms(self, share: float) -> Array:
        """Time from which every area stays within a share of its response of the fixed point [B]; NaN for never."""
        furthest = np.max(list(self.distance.values()), axis=0)
        known = np.isfinite(furthest).all(0)
        found = crossing_times(-np.where(known, furthest, 1.0), self.times, -share)
        return np.where(known, found, np.nan)

    def tail_ms(self) -> Array:
        """Time in which the distance falls to 1/e, between 1 % and 0.1 % of the response [B]; NaN where it is not met.

        Far from the fixed point many modes decay together; near it the slowest one that was excited is left.
        """
        found: Array = (self.settle_ms(TAIL[1]) - self.settle_ms(TAIL[0])) / np.log(TAIL[0] / TAIL[1])
        return found

    def decide_ms(self) -> Array:
        """Time from which the answer is that at the end [B]."""
        same = (self.answers == self.answers[-1]).astype(float)
        return crossing_times(same, self.times[1:], 1.0)


@dataclass(frozen=True)
class Mode:
    """The slowest mode at a fixed point.

    Attributes
    ----------
    decay_ms : time in which it falls to 1/e; infinite where it does not decay; NaN where no eigenvalue converged.
    frequency_hz : of its oscillation.
    by_area : decay time of the slowest mode of each area; of the whole network, as "network", where it has feedback.
    """

    decay_ms: float
    frequency_hz: float
    by_area: Mapping[str, float]


@check_arguments
@torch.no_grad()
def record_settling(model: VisionModel, images: Tensor, hold_ms: float, seed: int = 0) -> Settling:
    """Hold images [B, C, H, W] from the model's own start, find where it ends, and follow it on the way there.

    Raises
    ------
    TypeError : a model without a rate equation.
    """
    shown = show(images, hold_ms)
    last = simulate(model, shown, record=Record(outputs=()), seed=seed).final_state
    point = _fixed_point(model, images, last)
    solved = np.all([[one is Solved.CONVERGED for one in row] for row in point.status.values()], axis=0)
    start = model.system().begin(1, seed).rates
    reduce = {area: partial(_distance, point=rates) for area, rates in point.rates.items()}
    run = simulate(model, shown, record=Record("all", reduce=reduce), seed=seed)
    distance = {}
    for area, values in run.rates.items():
        first = _distance(start[area].expand_as(point.rates[area]), point.rates[area])
        curve = np.concatenate([_numbers(first)[None], _numbers(values)])
        usable = solved & (curve[0] > 0)
        distance[area] = np.divide(curve, curve[0], out=np.full(curve.shape, np.nan), where=usable[None])
    times = np.concatenate([[0.0], _numbers(run.time_ms)])
    answers = run.outputs[SCORES].argmax(-1).cpu().numpy()
    return Settling(times, distance, answers, solved, point.rates, tuple(run.notes))


@check_arguments
def slowest_mode(
    model: VisionModel, image: Tensor, rates: Mapping[str, Tensor], tol: float = 1e-4, seed: int = 0
) -> Mode:
    """Leading mode of the network, linearised at a fixed point.

    A differential equation is slowest where the real part of its Jacobian is largest. A network of steps repeats a map,
    which is slowest where the modulus is largest: it falls to that share in each step.

    Parameters
    ----------
    image : [1, C, H, W].
    rates : of the fixed point, area -> [1, ...].
    tol : relative residual of eigenvalues.

    Raises
    ------
    TypeError, ValueError : as `network_eigenvalues`.
    """
    steps = model.clock.kind == "steps"
    which, of = ("LM", "target") if steps else ("LR", "flow")
    spectrum = network_eigenvalues(model, image, rates, k=1, which=which, of=of, tol=tol, seed=seed)
    decays, frequencies = {}, {}
    for area, pairs in spectrum.parts.items():
        value = complex(pairs.values[0])
        if pairs.status[0] is not Status.CONVERGED:
            decays[area] = frequencies[area] = float("nan")
        elif steps:
            decays[area], frequencies[area] = _of_map(value, model.dt_ms)
        else:
            constants = time_constants([value])
            decays[area] = float("inf") if bool(constants.growing[0]) else float(constants.decay_ms[0])
            frequencies[area] = float(constants.frequency_hz[0])
    if any(np.isnan(decay) for decay in decays.values()):
        return Mode(float("nan"), float("nan"), decays)
    slowest = max(decays, key=lambda area: decays[area])
    return Mode(decays[slowest], frequencies[slowest], decays)


def _of_map(value: complex, dt_ms: float) -> tuple[float, float]:
    """Decay time in ms and frequency in Hz of an eigenvalue of the map that a step applies."""
    size = abs(value)
    decay = float("inf") if size >= 1 else 0.0 if size == 0 else -dt_ms / float(np.log(size))
    return decay, abs(float(np.angle(value))) / (2 * np.pi * dt_ms) * 1e3


def _fixed_point(model: VisionModel, images: Tensor, near: State) -> Equilibrium:
    tol = 1e-8 if model.like.dtype == torch.float64 else 1e-5
    return steady_state(model, images, solver=Solver(tol=tol, max_iterations=MOST_EVALUATIONS), start=near)


def _distance(rates: Tensor, point: Tensor) -> Tensor:
    """Norm of the difference of each trial [B]."""
    found: Tensor = torch.linalg.vector_norm((rates - point).flatten(1), dim=1)
    return found


def _numbers(values: Tensor) -> Any:
    return values.detach().cpu().double().numpy()
