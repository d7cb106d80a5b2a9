"""Spikes in bins around the onsets of trials."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.neural.reading.parts.trials import Trials

LATEST_MS = 9e12
"""Latest time that is believed, ms; whole ns of it still fit into 64 bits."""


def count_spikes(spikes_ms: NDArray[Any], onsets_ms: NDArray[Any], bins_ms: NDArray[Any]) -> NDArray[np.float32]:
    """Number of spikes in each bin of each trial [n, T]; a bin holds its start and not its end.

    Times are compared in whole ns, so that a spike on an edge belongs to the bin that starts there.

    Parameters
    ----------
    spikes_ms : times of spikes, ms, in any order, up to `LATEST_MS`.
    onsets_ms : onset of each trial on the same clock, ms [n].
    bins_ms : start and end of each bin from onset, ms [T, 2].
    """
    spikes = np.sort(nanoseconds(spikes_ms))
    edges = nanoseconds(onsets_ms)[:, None, None] + nanoseconds(bins_ms)
    below = np.searchsorted(spikes, edges, side="left")
    return (below[..., 1] - below[..., 0]).astype(np.float32)


def stack_spikes(
    trains_ms: Sequence[NDArray[Any]],
    onsets_ms: NDArray[Any],
    bins_ms: NDArray[Any],
    trials: Trials,
    recorded: NDArray[np.bool_] | None,
    what: str,
) -> NDArray[np.float32]:
    """Number of spikes [image, repeat, time, neuron], NaN where a neuron was not recorded.

    Parameters
    ----------
    trains_ms : times of the spikes of each of N neurons, ms.
    onsets_ms : onset of each trial, ms [trials].
    bins_ms : start and end of each bin from onset, ms [T, 2].
    trials : places of the trials.
    recorded : True where a neuron was recorded in a trial [trials, N]; None where all were always.
    what : words for the recording in a message.

    Raises
    ------
    DataError : the numbers would be too large for memory.
    """
    responses = trials.empty(len(bins_ms), len(trains_ms), what)
    for k, train in enumerate(trains_ms):
        counts = count_spikes(train, onsets_ms, bins_ms)
        if recorded is not None:
            counts[~recorded[:, k]] = np.nan
        responses[trials.image, trials.repeat, :, k] = counts
    return responses


def nanoseconds(times_ms: NDArray[Any]) -> NDArray[np.int64]:
    """Times in ms as whole ns."""
    return np.rint(np.asarray(times_ms, np.float64) * 1e6).astype(np.int64)
