"""Trials of a few neurons for rasters, and what repeats tell: drift, Fano factors, tuning without its noise."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cordsnet.neural.recording import Recording

Numbers: TypeAlias = NDArray[np.float64]
MOST_TRIALS, MOST_FINE = 120, 4000
"""Trials of a raster, and its bins, at most."""

LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Raster:
    """Trials of one neuron.

    Attributes
    ----------
    neuron : its name.
    responses : [trial, T], trials of one image together.
    images : number of the image of each trial [trial].
    """

    neuron: str
    responses: NDArray[Any]
    images: NDArray[np.int64]


def rasters(recording: Recording, neurons: NDArray[np.intp], seed: int) -> tuple[tuple[Raster, ...], tuple[str, ...]]:
    """Trials of some neurons, of as many images as `MOST_TRIALS` holds, drawn with a seed, and what was left out."""
    images, repeats, bins, _ = recording.responses.shape
    if bins == 1:
        return (), ()
    shown = np.sort(np.random.default_rng(seed).permutation(images)[: max(1, MOST_TRIALS // repeats)])
    notes = []
    if len(shown) < images:
        notes.append(f"rasters show {len(shown):,} of {images:,} images, drawn with seed {seed}")
    if repeats > MOST_TRIALS:
        notes.append(f"rasters show the first {MOST_TRIALS:,} of up to {repeats:,} trials of an image")
    if bins > MOST_FINE:
        end = f"{recording.bins_ms[MOST_FINE - 1, 1]:g} ms"
        notes.append(f"rasters show the first {MOST_FINE:,} of {bins:,} bins, up to {end}")
    found = []
    for neuron in neurons:
        values = recording.responses[shown][..., neuron]
        present = ~np.isnan(values).all(2)
        rows = np.nonzero(present)[0]
        trials = values[present][:MOST_TRIALS, :MOST_FINE]
        found.append(Raster(recording.neurons[neuron], trials, shown[rows][:MOST_TRIALS]))
    return tuple(found), tuple(notes)


def drift(recording: Recording) -> tuple[Numbers, Numbers] | None:
    """Response in each repeat less the mean of its image, as a share of the mean of the neuron, mean over neurons [R].

    Beside it stands half of its 95 % interval over neurons. None with fewer than three repeats.
    """
    values = recording.responses[:, :, 0].astype(np.float64)
    if values.shape[1] < 3:
        return None
    present = ~np.isnan(values)
    number = present.sum(1, keepdims=True)
    mean = np.divide(np.where(present, values, 0).sum(1, keepdims=True), number, where=number > 0, out=0.0 * number)
    away = np.where(present & (number > 1), values - mean, 0).sum(0)  # [R, N]
    counted = (present & (number > 1)).sum(0)
    level = np.abs(np.where(number[:, 0] > 0, mean[:, 0], 0).sum(0) / np.maximum((number[:, 0] > 0).sum(0), 1))
    share = np.divide(away, counted * level, where=counted * level > 0, out=np.full(away.shape, np.nan))
    return mean_and_reach(share, 1)


def fano(recording: Recording) -> Numbers:
    """Variance over repeats by mean, of spike counts in a window, mean over images weighted by their mean [N]."""
    values = recording.responses[:, :, 0].astype(np.float64)
    present = ~np.isnan(values)
    number = present.sum(1)
    used = number >= 2
    mean = np.where(present, values, 0).sum(1) / np.maximum(number, 1)
    squares = np.where(present, (np.nan_to_num(values) - mean[:, None]) ** 2, 0).sum(1)
    variance = np.where(used, squares / np.maximum(number - 1, 1), 0).sum(0)
    level = np.where(used, mean, 0).sum(0)
    found: Numbers = np.divide(variance, level, where=level > 0, out=np.full(level.shape, np.nan))
    return found


def tuning(recording: Recording, neurons: NDArray[np.intp], seed: int) -> Numbers | None:
    """Response to each image in two random halves of the repeats [neuron, 2, I]; None where no image has two."""
    values = recording.responses[:, :, 0]
    if values.shape[1] < 2 or (recording.repeats < 2).all():
        return None
    order = np.random.default_rng(seed).random(values.shape[:2]).argsort(1)[..., None]
    drawn = np.take_along_axis(values[..., neurons], order, 1)
    present = ~np.isnan(drawn)
    odd = np.cumsum(present, 1) % 2 == 1
    halves = []
    for half in (present & odd, present & ~odd):
        count = half.sum(1)
        total = np.where(half, drawn, 0).sum(1, dtype=np.float64)
        halves.append(np.divide(total, count, where=count > 0, out=np.full(total.shape, np.nan)))
    return np.stack(halves).transpose(2, 0, 1)


def mean_and_reach(values: Numbers, axis: int) -> tuple[Numbers, Numbers]:
    """Mean of the values that are present, and half of its 95 % interval by Student's t; NaN for fewer than two."""
    present = ~np.isnan(values)
    count = present.sum(axis)
    safe = np.maximum(count, 1)
    mean = np.where(present, values, 0).sum(axis) / safe
    squares = np.where(present, (np.nan_to_num(values) - np.expand_dims(mean, axis)) ** 2, 0).sum(axis)
    error = np.sqrt(squares / np.maximum(count - 1, 1) / safe)
    reach = stats.t.ppf(0.5 + LEVEL / 2, np.maximum(count - 1, 1)) * error
    return np.where(count > 0, mean, np.nan), np.where(count > 1, reach, np.nan)
