"""Spikes in bins around onsets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def count_spikes(spikes_s: NDArray[Any], onsets_s: NDArray[Any], bins_ms: NDArray[Any]) -> NDArray[np.float32]:
    """Number of spikes in each bin of each trial [n, T]; a bin holds its start and not its end.

    Times are compared in whole ns, so that a spike on an edge belongs to the bin that starts there.

    Parameters
    ----------
    spikes_s : times of spikes, s, in any order.
    onsets_s : onset of each trial on the same clock, s [n].
    bins_ms : start and end of each bin from onset, ms [T, 2].
    """
    spikes = np.sort(nanoseconds(spikes_s, 1e9))
    edges = nanoseconds(onsets_s, 1e9)[:, None, None] + nanoseconds(bins_ms, 1e6)
    below = np.searchsorted(spikes, edges, side="left")
    return (below[..., 1] - below[..., 0]).astype(np.float32)


def nanoseconds(times: NDArray[Any], unit: float) -> NDArray[np.int64]:
    """Times in whole ns, from a unit of so many ns."""
    return np.rint(np.asarray(times, np.float64) * unit).astype(np.int64)
