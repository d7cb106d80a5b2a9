"""Dominance durations: the time that one of two answers lasts under noise before the other replaces it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics import Record, simulate
from cordsnet.errors import ArgumentError
from cordsnet.experiments.effects.hysteresis import Answers
from cordsnet.experiments.effects.mixture_states import margin
from cordsnet.experiments.needs import SCORES
from cordsnet.models import VisionModel
from cordsnet.stimuli import show, with_noise

Array = NDArray[np.float64]
LEAST_FOR_FIT = 30
"""Complete durations from which a gamma distribution is fitted."""


@dataclass(frozen=True)
class Dominance:
    """Answers of one pair under noise.

    Attributes
    ----------
    switches : number of times that one answer replaced the other.
    durations_ms : from one switch to the next; the first and the last stretch are cut off and do not count.
    """

    switches: int
    durations_ms: tuple[float, ...]


@check_arguments
def dominance(margins: Array, times: Array, high: float, low: float) -> Dominance:
    """Switches of a margin [T] between two answers.

    The first answer dominates once the margin is above `high`, until it is below `low`, and the other from then on, so
    that a margin that hovers about zero makes no switches.

    Raises
    ------
    ArgumentError : unless `high` is above `low`, or lengths differ.
    """
    if not high > low:
        raise ArgumentError(f"high is {high:g} and low {low:g}, but high is above low.")
    if margins.shape != times.shape or margins.ndim != 1:
        raise ArgumentError(f"margins has shape {margins.shape} and times {times.shape}, but both are [T].")
    at = np.flatnonzero((margins > high) | (margins < low))
    sides = margins[at] > high
    switched = times[at[1:][sides[1:] != sides[:-1]]]
    return Dominance(len(switched), tuple(np.diff(switched).tolist()))


@check_arguments
@torch.no_grad()
def noisy_margins(
    model: VisionModel, images: Tensor, answers: Answers, sigma: float, frame_ms: float, hold_ms: float, seed: int = 0
) -> tuple[Array, Array]:
    """Times [T] in ms and margins [T, P] while noise of standard deviation `sigma` is redrawn every `frame_ms`.

    A frame lasts the next whole number of the model's steps.
    """
    clock = model.clock
    frame = max(1, int(np.ceil(frame_ms / clock.dt_ms - 1e-9)))
    hold = clock.time_ms(clock.steps(hold_ms, "dominance_ms", []))
    noisy = with_noise(show(images, hold), sigma, seed=seed, every_ms=clock.time_ms(frame))
    run = simulate(model, noisy, record=Record(every_ms=clock.time_ms(frame)), seed=seed)
    return run.time_ms.cpu().numpy(), margin(run.outputs[SCORES].cpu().double().numpy(), *answers)


@check_arguments
def gamma_fit(durations: Array) -> tuple[float, float]:
    """Shape, and scale in ms, of the gamma distribution of durations [N] that is most likely.

    Raises
    ------
    ArgumentError : fewer than `LEAST_FOR_FIT` durations, or durations that are all the same.
    """
    if len(durations) < LEAST_FOR_FIT or not np.ptp(durations):
        raise ArgumentError(
            f"durations are {len(durations)}, but a gamma distribution needs {LEAST_FOR_FIT} that differ."
        )
    shape, _, scale = stats.gamma.fit(durations, floc=0)
    return float(shape), float(scale)
