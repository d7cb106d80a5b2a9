"""Time bins: made, given as edges or pairs, and filled from the steps of a raster."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_size

Values = NDArray[Any]
Bins = NDArray[np.float64]

MOST_BINS = 1_000_000
"""Bins that a recording may be cut into."""

BRIEFEST_MS = 0.5
"""Longest bin that is taken for one in seconds; nobody counts spikes in less."""

MOST_IN_A_STEP = 10
"""Spikes in a step of a raster from which it is not believed to be one."""

SLACK = 1e-6
"""Part of a bin or step that is rounding."""


def regular_bins(bin_ms: float, from_ms: float, to_ms: float) -> Bins:
    """Return bins of `bin_ms` [T, 2] that fill the time between `from_ms` and `to_ms`.

    Raises
    ------
    DataError : a number is not finite, bins have no duration, do not fit a whole number of times, or are too many.
    """
    if not np.isfinite([bin_ms, from_ms, to_ms]).all() or bin_ms <= 0 or to_ms <= from_ms:
        raise DataError(
            f"to_ms must be above from_ms, and bin_ms above 0, got from_ms {from_ms:g}, to_ms {to_ms:g} and "
            f"bin_ms {bin_ms:g}"
        )
    count = float(to_ms - from_ms) / bin_ms
    if count > MOST_BINS:
        raise DataError(f"bin_ms {bin_ms:g} makes {count:,.0f} bins, more than {MOST_BINS:,}; give a larger one")
    whole = round(count)
    if whole < 1 or abs(count - whole) > SLACK:
        raise DataError(
            f"from_ms {from_ms:g} to to_ms {to_ms:g} must hold a whole number of bins of bin_ms {bin_ms:g}, "
            f"got {count:g} of them"
        )
    edges = float(from_ms) + float(bin_ms) * np.arange(whole + 1)
    return np.stack([edges[:-1], edges[1:]], 1)


def find_bins(given: Any, count: int, what: str = "the responses") -> Bins:
    """Return bins [T, 2] from edges [T + 1], or from starts and ends in rows or columns, in ms from onset.

    Raises
    ------
    DataError : there are none, they are not as many as the responses have, or they look like seconds.
    """
    if given is None:
        example = "bins_ms=[[70, 170]]" if count == 1 else f"bins_ms with {count + 1} edges"
        raise DataError(f"bins_ms must say when the {count} bins start and end, in ms from onset; give {example}")
    times = as_times(given, "bins_ms", "numbers in ms from onset")
    bins = np.atleast_1d(times.squeeze())
    if bins.shape == (count + 1,):
        bins = np.stack([bins[:-1], bins[1:]], 1)
    elif bins.shape == (2, count) and count != 2:
        bins = bins.T
    if bins.shape != (count, 2):
        centres = "; these may be centres" if bins.shape == (count,) else ""
        raise DataError(
            f"bins_ms must be starts and ends [{count}, 2] or {count + 1} edges for the {count} bins of {what}, "
            f"got shape {times.shape}{centres}"
        )
    longest = (bins[:, 1] - bins[:, 0]).max()
    if 0 < longest < BRIEFEST_MS:
        raise DataError(
            f"bins_ms of {what} last {longest:g} ms at most, which looks like seconds; give 1000 times as much, in ms"
        )
    return bins


def as_times(given: Any, name: str, would_do: str) -> NDArray[np.float64]:
    """Return times as float64. Raises DataError for what are no numbers, or more than memory should hold."""
    check_size(tuple(getattr(given, "shape", ())), 8, name)
    try:
        return np.array(given, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{name} must be {would_do}, got {type(given).__name__}") from error


def steps_of_bins(
    bin_ms: float, from_ms: float | None, to_ms: float | None, onset_ms: float, step_ms: float, steps: int
) -> tuple[Bins, NDArray[np.intp]]:
    """Return bins of a raster [T, 2], ms from onset, and the steps at which they begin and the last ends [T + 1].

    Parameters
    ----------
    bin_ms, from_ms, to_ms : duration of bins, and the time from onset that they fill, ms; None takes the whole raster.
    onset_ms : time from the first step to the onset of the image, ms.
    step_ms, steps : duration of a step, ms, and their number.

    Raises
    ------
    DataError : bins are no whole steps or lie outside the raster, or the onset does.
    """
    whole = steps * step_ms
    if not 0 <= onset_ms <= whole:
        raise DataError(
            f"onset_ms must lie within the raster of {whole:g} ms, got {onset_ms:g}; it counts from the first step"
        )
    bins = regular_bins(bin_ms, -onset_ms if from_ms is None else from_ms, whole - onset_ms if to_ms is None else to_ms)
    cuts = (np.append(bins[:, 0], bins[-1, 1]) + onset_ms) / step_ms
    edges = np.round(cuts).astype(np.intp)
    if np.abs(cuts - edges).max() > SLACK or (np.diff(edges) < 1).any():
        raise DataError(
            f"bin_ms {bin_ms:g} from {bins[0, 0]:g} ms does not begin and end at steps of {step_ms:g} ms; "
            "choose whole steps"
        )
    if edges[0] < 0 or edges[-1] > steps:
        span = f"{-onset_ms:g} to {whole - onset_ms:g} ms"
        raise DataError(f"from_ms and to_ms must lie within the raster ({span}), got {bins[0, 0]:g} to {bins[-1, 1]:g}")
    return bins, edges


def sum_steps(values: Values, edges: NDArray[np.intp], axis: int, what: str) -> NDArray[np.float32]:
    """Return the spikes of each bin of a raster along an axis; a bin with a step that is NaN is NaN.

    Raises
    ------
    DataError : values are no numbers of spikes.
    """
    part = np.take(values, np.arange(edges[0], edges[-1]), axis).astype(np.float32)
    odd = (part < 0) | (part > MOST_IN_A_STEP) | ((part != np.round(part)) & ~np.isnan(part))
    if odd.any():
        raise DataError(f"{what} must hold the few spikes of each step, got {part[odd][0]:g}; these may be rates")
    summed: NDArray[np.float32] = np.add.reduceat(part, edges[:-1] - edges[0], axis)
    return summed


def average_steps(values: Values, edges: NDArray[np.intp], axis: int) -> NDArray[np.float64]:
    """Return the mean of the steps of each bin along an axis; all bins have the same number of steps."""
    part = np.take(values, np.arange(edges[0], edges[-1]), axis).astype(np.float64)
    mean: NDArray[np.float64] = np.add.reduceat(part, edges[:-1] - edges[0], axis) / (edges[1] - edges[0])
    return mean
