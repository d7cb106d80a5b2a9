"""Reliability of recorded responses: split halves, the Spearman-Brown correction and noise ceilings."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._intervals import TAIL
from cordsnet.errors import ArgumentError
from cordsnet.neural.halves import FEWEST_IMAGES, correlation, moments, splits
from cordsnet.neural.recording import Recording

Numbers: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

MOST_HELD = 100_000_000
"""Most correlations, over bootstrap samples, bins and neurons, that are held at once (0.8 GB)."""


class ReliabilityStatus(Enum):
    """Status of a reliability or a noise ceiling."""

    COMPUTED = "computed"
    ONE_REPEAT = (
        "no ceiling can be computed: no image has two repeats of any neuron, or the responses are averages over "
        "repeats, which hide the noise; bring single repeats"
    )
    FEW_IMAGES = "no ceiling can be computed: fewer than 3 images have two repeats of any neuron; bring more images"
    CONSTANT = "no ceiling can be computed: responses are the same for all images; bring neurons that respond"


@dataclass(frozen=True, eq=False)
class Reliability:
    """Split-half reliability of N neurons in T time bins, over images.

    Attributes
    ----------
    half_r : correlation between the means of two random halves of the repeats, the mean over `n` splits [T, N].
    value : the same corrected to all repeats by the Spearman-Brown formula [T, N]. NaN where a neuron has too few
        images or does not vary; all NaN unless `status` is COMPUTED.
    interval : 95 % bootstrap interval of `value` over images [T, N, 2]; None without draws or without a value.
    n : number of random splits.
    images : number of images with two repeats or more, which are used [T, N].
    left_out : number of images with one repeat, which are not [T, N].
    status : whether there is a value, and what to do about it.
    """

    half_r: Numbers
    value: Numbers
    interval: Numbers | None
    n: int
    images: Counts
    left_out: Counts
    status: ReliabilityStatus


@dataclass(frozen=True, eq=False)
class NoiseCeiling:
    """Noise ceiling of a recording: reliability of its neurons, the median over neurons.

    Attributes
    ----------
    value : ceiling in each bin [T]; NaN in a bin without a reliable correlation.
    interval : 95 % bootstrap interval of `value` over images [T, 2]; None without draws or without a value.
    pooled, pooled_interval : the same from all bins and images in one correlation for each neuron. It rewards a time
        course that all images share.
    centred, centred_interval : the same after the mean over images of each bin is taken away from each half.
    n : number of random splits, whose ceilings are averaged.
    neurons : number of neurons with a value in each bin [T].
    images : number of images with two repeats or more, the median over neurons [T].
    left_out : number of images with one repeat, the median over neurons [T].
    status : whether there is a value, and what to do about it.
    """

    value: Numbers
    interval: Numbers | None
    pooled: float
    pooled_interval: tuple[float, float] | None
    centred: float
    centred_interval: tuple[float, float] | None
    n: int
    neurons: Counts
    images: Numbers
    left_out: Numbers
    status: ReliabilityStatus


@check_arguments
def spearman_brown(r: float | NDArray[Any], length: float = 2.0) -> Any:
    """Predict the reliability of a measure that is `length` times as long: length r / (1 + (length - 1) r).

    Parameters
    ----------
    r : reliability, or correlation of two halves, above -1 / (length - 1); NaN stays NaN.
    length : ratio of the numbers of repeats, above 0; 2 from halves to the whole.

    Raises
    ------
    ArgumentError : `length` is not above 0, or `r` is no real number.
    """
    if not length > 0:
        raise ArgumentError(f"length must be above 0, got {length:g}")
    if np.asarray(r).dtype.kind not in "iuf":
        raise ArgumentError(f"r must be a real number or an array of them, got {np.asarray(r).dtype}")
    bottom = 1 + (length - 1) * np.asarray(r, np.float64)
    found = np.divide(length * np.asarray(r), bottom, out=np.full(bottom.shape, np.nan), where=bottom > 1e-12)
    return found if found.ndim else float(found)


@check_arguments
def split_half_reliability(recording: Recording, *, halves: int = 100, draws: int = 200, seed: int = 0) -> Reliability:
    """Compute the reliability of each neuron in each bin, as the correlation over images of halves of the repeats.

    The repeats of each image are split at random into halves, of which one is longer by one where their number is odd.
    A bin of a repeat that is NaN is absent, so numbers of repeats may differ over images, neurons and bins. Each split
    correlates the means of the halves; the mean over splits is corrected by the Spearman-Brown formula (Spearman, Brit.
    J. Psychol. 3, 1910). Time grows as (halves) x (responses + draws x images x bins x neurons).

    Parameters
    ----------
    recording : recording with two repeats or more of some images.
    halves : number of random splits, 1 to 10,000.
    draws, seed : number of bootstrap samples of images, 0 for no interval or from 20 to 10,000; and the seed.

    Returns
    -------
    Reliability, with NaN and a status that says so where each image has one repeat.

    Raises
    ------
    ArgumentError : numbers out of range, or more correlations than can be held.
    """
    _check_options(recording, halves, draws, seed)
    usable, images, left_out, status = _usable(recording)
    shape = images.shape
    if usable is None:
        nothing = np.full(shape, np.nan)
        return Reliability(nothing, nothing, None, halves, images, left_out, status)
    total = np.zeros((draws + 1, *shape))
    for sums in splits(usable, halves, draws, seed):
        total += correlation(*moments(sums))
    half_r = total / halves
    value = spearman_brown(half_r)
    if not np.isfinite(value[0]).any():
        status = ReliabilityStatus.CONSTANT
    known = status is ReliabilityStatus.COMPUTED and draws > 0
    return Reliability(half_r[0], value[0], _interval(value[1:]) if known else None, halves, images, left_out, status)


@check_arguments
def noise_ceiling(recording: Recording, *, halves: int = 10, draws: int = 200, seed: int = 0) -> NoiseCeiling:
    """Compute the ceiling that noise sets to a correlation with a recording, as Brain-Score does.

    Each of `halves` random splits of the repeats gives a correlation for each neuron, corrected by the Spearman-Brown
    formula, and their median over neurons; the ceiling is the mean over splits (Schrimpf et al., bioRxiv 407007, 2018).
    The pooled ceiling correlates all bins and images at once. Splits and costs are those of `split_half_reliability`.

    Parameters
    ----------
    recording : recording with two repeats or more of some images.
    halves : number of random splits, 1 to 10,000.
    draws, seed : number of bootstrap samples of images, 0 for no interval or from 20 to 10,000; and the seed.

    Returns
    -------
    NoiseCeiling, with NaN and a status that says so where each image has one repeat.

    Raises
    ------
    ArgumentError : numbers out of range, or more correlations than can be held.
    """
    _check_options(recording, halves, draws, seed)
    usable, images, left_out, status = _usable(recording)
    typical, fewer = np.median(images, 1), np.median(left_out, 1)
    bins = len(images)
    none: Counts = np.zeros(bins, np.int64)
    nan = float("nan")
    empty = NoiseCeiling(np.full(bins, nan), None, nan, None, nan, None, halves, none, typical, fewer, status)
    if usable is None:
        return empty
    found: list[Numbers] = []
    for sums in splits(usable, halves, draws, seed):
        parts = moments(sums)
        each = spearman_brown(correlation(*parts))  # [B + 1, T, N]
        pooled = spearman_brown(correlation(*moments(sums.sum(2, keepdims=True))))
        centred = spearman_brown(correlation(*(part.sum(1, keepdims=True) for part in parts)))
        found.append(np.concatenate([_median(part) for part in (each, pooled, centred)], 1))
        none = np.isfinite(each[0]).sum(1)
    value = np.mean(found, 0)  # [B + 1, T + 2]
    if not np.isfinite(value[0]).any():
        return NoiseCeiling(**{**vars(empty), "status": ReliabilityStatus.CONSTANT})
    ends = _interval(value[1:]) if draws else None
    pair = [None if ends is None else (float(ends[k, 0]), float(ends[k, 1])) for k in (-2, -1)]
    return NoiseCeiling(
        value=value[0, :-2],
        interval=None if ends is None else ends[:-2],
        pooled=float(value[0, -2]),
        pooled_interval=pair[0],
        centred=float(value[0, -1]),
        centred_interval=pair[1],
        n=halves,
        neurons=none,
        images=typical,
        left_out=fewer,
        status=status,
    )


def _check_options(recording: Recording, halves: int, draws: int, seed: int) -> None:
    if not 1 <= halves <= 10_000:
        raise ArgumentError(f"halves must be from 1 to 10,000 random splits, got {halves}")
    if draws != 0 and not 20 <= draws <= 10_000:
        raise ArgumentError(f"draws must be 0 (no interval) or from 20 to 10,000, got {draws}")
    if not 0 <= seed < 2**63:
        raise ArgumentError(f"seed must be from 0 to 2**63 - 1, got {seed}")
    bins, neurons = recording.responses.shape[2:]
    if (draws + 1) * bins * neurons > MOST_HELD:
        most = MOST_HELD // (bins * neurons) - 1
        advice = f"at most {most}" if most >= 20 else "0, or choose neurons or bins by `select`"
        raise ArgumentError(f"draws must be {advice} for {bins} bins of {neurons} neurons, got {draws}")


def _usable(recording: Recording) -> tuple[NDArray[Any] | None, Counts, Counts, ReliabilityStatus]:
    """Responses to images with two repeats; numbers of such images and of those with one repeat [T, N]; the status."""
    number = (~np.isnan(recording.responses)).sum(1)  # [I, T, N]
    images, left_out = (number >= 2).sum(0), (number == 1).sum(0)
    if not images.any():
        return None, images, left_out, ReliabilityStatus.ONE_REPEAT
    if images.max() < FEWEST_IMAGES:
        return None, images, left_out, ReliabilityStatus.FEW_IMAGES
    kept = (number >= 2).any((1, 2))
    return recording.responses[kept], images, left_out, ReliabilityStatus.COMPUTED


def _median(values: Numbers) -> Numbers:
    """Median over the last axis of the values that are present; NaN where there is none."""
    known = np.isfinite(values).any(-1)
    found = np.full(values.shape[:-1], np.nan)
    found[known] = np.nanmedian(values[known], -1)
    return found


def _interval(drawn: Numbers) -> Numbers:
    """95 % percentile interval over the first axis [..., 2]; NaN where too many samples have no value."""
    known = np.isfinite(drawn).mean(0) >= 1 - TAIL
    ends = np.full((*drawn.shape[1:], 2), np.nan)
    ends[known] = np.nanpercentile(drawn[:, known], [2.5, 97.5], axis=0).T
    return ends
