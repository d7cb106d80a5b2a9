"""A test for oscillations that tells them from drift, slow settling and rounding."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics import Record, simulate
from cordsnet.errors import ArgumentError
from cordsnet.models import VisionModel
from cordsnet.stimuli import show

Array = NDArray[np.float64]
STEADY, OSCILLATES, UNDECIDED = "steady", "oscillates", "undecided"
LEAST = 1e-3
"""Smallest amplitude that counts, as a share of the response."""
ROUNDINGS = 10.0
"""Roundings of the rates that an amplitude must exceed."""
CYCLES, PERSISTENT, PEAK = 3, 0.9, 0.5
"""Least number of cycles, ratio of the amplitudes of the two halves, and share of the power in the peak."""
SAMPLES = 64
"""Least number of steps that are judged."""
CHUNK = 16
"""Trials that are recorded at once."""


@dataclass(frozen=True)
class Judged:
    """Verdict about each trial [B].

    Attributes
    ----------
    verdict : STEADY where rates stay within `threshold` of their mean; OSCILLATES where they leave it in a wave that
        lasts; UNDECIDED otherwise, where the network has not settled.
    amplitude : root mean square distance of the rates from their linear trend, as a share of the response.
    threshold : amplitude up to which a trial is steady: `LEAST`, or more where rounding is larger.
    frequency_hz : of the peak of the power spectrum.
    peak : share of the power in the peak and its two neighbours.
    """

    verdict: tuple[str, ...]
    amplitude: Array
    threshold: Array
    frequency_hz: Array
    peak: Array


@check_arguments
def judge(rates: Array, dt_ms: float, response: Array, rounding: float = 0.0) -> Judged:
    """Decide whether trials oscillate at the end of a long hold.

    Parameters
    ----------
    rates : at every step of the end of the hold [T, B, N].
    dt_ms : duration of a step.
    response : size of the response, in the unit of a norm over N [B].
    rounding : relative size of a rounding error of the rates, such as 1e-7.

    Returns
    -------
    A trial oscillates if its rates, less their linear trend, are further from their mean than the threshold in both
    halves, at least `PERSISTENT` times as far in the second as in the first, with at least half of the power of all
    units in one peak of `CYCLES` or more cycles. Slow decay, drift and irregular motion are undecided.

    Raises
    ------
    ArgumentError : fewer than `SAMPLES` steps, or another number of responses than trials.
    """
    if rates.ndim != 3 or len(rates) < SAMPLES or response.shape != rates.shape[1:2]:
        raise ArgumentError(
            f"rates has shape {rates.shape} with {len(response)} responses, but [T, B, N] with at least {SAMPLES} "
            "steps and one response for each trial are due."
        )
    centred = rates - rates.mean(0)
    waves = _without_trend(centred)
    size = np.where(response > 0, response, 1.0)
    floor = ROUNDINGS * rounding * np.linalg.norm(rates, axis=-1).max(0)
    threshold = np.maximum(LEAST, floor / size)
    spread, amplitude = (_rms(values) / size for values in (centred, waves))
    half = len(waves) // 2
    early, late = (_rms(part) / size for part in (waves[:half], waves[half:]))
    frequency, peak, cycles = _peak(waves, dt_ms)
    lasting = (early > threshold) & (late > threshold) & (late >= PERSISTENT * early)
    found = np.where(lasting & (cycles >= CYCLES) & (peak >= PEAK), OSCILLATES, UNDECIDED)
    verdict = tuple(map(str, np.where(spread <= threshold, STEADY, found)))
    return Judged(verdict, amplitude, threshold, frequency, peak)


@check_arguments
@torch.no_grad()
def judge_hold(model: VisionModel, images: Tensor, hold_ms: float, window_ms: float, seed: int = 0) -> Judged:
    """Hold images [B, C, H, W] and judge the top area in the last `window_ms` of `hold_ms`.

    In models of long steps the window has `SAMPLES` steps, and at least as long is waited before it. The response is
    the distance between the mean rates in the window and those in which the model starts.
    """
    clock, top = model.clock, model.areas[-1]
    window = max(clock.steps(window_ms, "window_ms", []), SAMPLES)
    wait = max(clock.steps(hold_ms, "hold_ms", []) - window, window)
    before = simulate(model, show(images, clock.time_ms(wait)), record=Record(outputs=()), seed=seed).final_state
    baseline = model.system().begin(1, seed).rates[top].double().flatten().cpu().numpy()
    rounding = float(torch.finfo(model.like.dtype).eps)
    found = []
    for start in range(0, len(images), CHUNK):
        rows = slice(start, start + CHUNK)
        shown, state = show(images[rows], clock.time_ms(window)), before.trials(rows)
        run = simulate(model, shown, record=Record([top], outputs=()), initial_state=state)
        rates = run.rates[top].double().flatten(2).cpu().numpy()
        response = np.linalg.norm(rates.mean(0) - baseline, axis=-1)
        found.append(judge(rates, clock.dt_ms, response, rounding))
    return Judged(
        tuple(verdict for one in found for verdict in one.verdict),
        *(np.concatenate([getattr(one, name) for one in found])
          for name in ("amplitude", "threshold", "frequency_hz", "peak")),
    )  # fmt: skip


def _without_trend(centred: Array) -> Array:
    """Values [T, B, N] of mean zero less the straight line through each."""
    time = np.arange(len(centred)) - (len(centred) - 1) / 2
    slope = np.tensordot(time, centred, 1) / (time @ time)
    found: Array = centred - time[:, None, None] * slope
    return found


def _rms(values: Array) -> Array:
    """Root mean square over time of the norm over units [B]."""
    found: Array = np.sqrt((values**2).sum(-1).mean(0))
    return found


def _peak(waves: Array, dt_ms: float) -> tuple[Array, Array, NDArray[np.int64]]:
    """Frequency in Hz, share of the power, and number of cycles of the highest peak of the power of all units [B]."""
    window = np.hanning(len(waves) + 1)[:-1, None, None]
    power = (np.abs(np.fft.rfft(window * waves, axis=0)) ** 2).sum(-1)
    power[0] = 0.0
    total = power.sum(0)
    at = power.argmax(0)
    padded = np.pad(power, ((1, 1), (0, 0)))
    trial = np.arange(power.shape[1])
    near = padded[at, trial] + padded[at + 1, trial] + padded[at + 2, trial]
    share = np.divide(near, total, out=np.zeros(len(total)), where=total > 0)
    return 1e3 * at / (len(waves) * dt_ms), share, at
