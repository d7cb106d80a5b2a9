"""The time axis of responses that are arrays: bins as they are given, or samples of 1 ms gathered into bins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.reading.by_image import regular_bins

Array: TypeAlias = NDArray[Any]

BRIEFEST_MS = 0.5
"""Longest bin of an array that is taken for one in seconds; nobody counts spikes in less."""


@dataclass(frozen=True)
class Timing:
    """Bins that are given, or the way in which samples of 1 ms are gathered.

    Attributes
    ----------
    bins : variable with edges, or the edges, ms from onset.
    onset_ms : onset of the image from the start of a row of samples, ms.
    bin_ms, from_ms, to_ms : duration of a bin, and the time from onset that bins fill, ms; None takes the whole row.
    unit : a row of `UNITS`; counts are summed, the others averaged.
    """

    bins: str | Sequence[float] | Array | None
    onset_ms: float | None
    bin_ms: float
    from_ms: float | None
    to_ms: float | None
    unit: str

    def apply(self, data: Array, timed: bool, what: str, edges: Array | None) -> tuple[Array, Array]:
        """Responses [image, repeat, time, neuron] in bins, and the bins [T, 2] in ms.

        Raises DataError where the options do not fit the array, or one another.
        """
        if (edges is None) == (self.onset_ms is None):
            given = "both" if edges is not None else "none"
            raise DataError(
                f"{what} needs either bins, edges in ms from onset, or onset_ms for samples of 1 ms, got {given}"
            )
        if edges is not None:
            if self.from_ms is not None or self.to_ms is not None:
                raise DataError("from_ms and to_ms are for samples of 1 ms; with bins, select the window afterwards")
            return data, _bins(edges, data.shape[2], what)
        if not timed:
            raise DataError(
                f"{what} has no axis of time, so that onset_ms does not apply; give bins=(start, end) in ms"
            )
        return self._gathered(data, what)

    def _gathered(self, data: Array, what: str) -> tuple[Array, Array]:
        """Sums or means of samples of 1 ms; a bin with a sample that is NaN is NaN."""
        onset, samples = float(self.onset_ms or 0), data.shape[2]
        if not 0 <= onset <= samples:
            raise DataError(
                f"onset_ms must lie within the row of {samples} ms of {what}, got {onset:g}; it counts from the start"
            )
        start = -onset if self.from_ms is None else self.from_ms
        end = samples - onset if self.to_ms is None else self.to_ms
        bins = regular_bins(start, end, self.bin_ms)
        places = np.array([start + onset, self.bin_ms])
        if (places != places.round()).any():
            raise DataError(
                f"bins of {what} must start at whole ms of its rows, got from_ms {start:g}, bin_ms {self.bin_ms:g}"
            )
        first, last, width = round(start + onset), round(end + onset), round(self.bin_ms)
        if first < 0 or last > samples:
            raise DataError(
                f"from_ms to to_ms must lie within {-onset:g} to {samples - onset:g} ms, the rows of {what}, "
                f"got {start:g} to {end:g}"
            )
        part = data[:, :, first:last]
        if self.unit == "count":
            _check_counts(part, what)
        parts = part.reshape(*part.shape[:2], len(bins), width, part.shape[3])
        if self.unit == "count":
            return parts.sum(3).astype(np.float32), bins
        return parts.mean(3, dtype=np.float64), bins


def _check_counts(samples: Array, what: str) -> None:
    """Raise DataError unless samples are numbers of spikes or NaN."""
    present = samples[~np.isnan(samples)]
    wrong = present[(present < 0) | (present != present.round())]
    if wrong.size:
        raise DataError(
            f'{what} must hold numbers of spikes in 1 ms, got {wrong[0]:g}; give unit="rate" or unit="other"'
        )


def _bins(edges: Array, count: int, what: str) -> Array:
    """Start and end of each bin [T, 2] from T + 1 edges, or from pairs in rows or columns."""
    held = np.atleast_1d(edges.squeeze())
    if held.shape == (count + 1,):
        held = np.stack([held[:-1], held[1:]], 1)
    elif held.shape == (2, count) and count != 2:
        held = held.T
    if held.shape != (count, 2):
        centres = "; these may be centres" if held.shape == (count,) else ""
        raise DataError(
            f"bins must be the {count + 1} edges, or {count} pairs of start and end, of the bins of {what}, "
            f"got {list(held.shape)} numbers{centres}"
        )
    longest = (held[:, 1] - held[:, 0]).max()
    if 0 < longest < BRIEFEST_MS:
        raise DataError(
            f"bins of {what} last {longest:g} ms at most, as if they were in s; give bins as a list of edges in ms"
        )
    return held
