"""Spike times and onsets of images, counted in bins."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import NpzArrays, npz_arrays
from cordsnet.neural.reading.parts.bins import as_times, regular_bins
from cordsnet.neural.reading.parts.facts import About, check_counted, recording_of
from cordsnet.neural.reading.parts.spikes import LATEST_MS, stack_spikes
from cordsnet.neural.reading.parts.trials import codes, group
from cordsnet.neural.recording import Recording

CLOSEST_MS = 10.0
"""Onsets that are closer than this in the median are not believed to be in ms."""

TIMES = {"_ms": 1.0, "_s": 1000.0}
"""End of the name of an array or a column -> ms in its unit."""


@check_arguments
def from_spikes(
    spikes: Sequence[Any],
    onsets_ms: Any,
    shown: Any,
    *,
    bin_ms: float,
    from_ms: float,
    to_ms: float,
    recorded: NDArray[Any] | None = None,
    **about: Unpack[About],
) -> Recording:
    """Count spikes in bins from the onset of each image; a bin holds its start and not its end.

    Parameters
    ----------
    spikes : times of the spikes of each neuron, ms, in any order: a list of N arrays.
    onsets_ms : onset of the image in each trial, ms on the clock of the spikes [trials].
    shown : identifier of the image in each trial [trials]; trials of an image become its repeats, in order.
    bin_ms, from_ms, to_ms : duration of bins, and the time from onset that they fill.
    recorded : True where a neuron was recorded in a trial [trials, N]; None where all were always.
    about : facts that the numbers do not hold, see `About`.

    Raises
    ------
    DataError : times are not finite or look like seconds, lists are of unequal length, or the parts do not fit.
    """
    check_counted(about)
    bins = regular_bins(bin_ms, from_ms, to_ms)
    trains = [_times(train, f"spikes of neuron {k}") for k, train in enumerate(spikes)]
    onsets = _times(onsets_ms, "onsets_ms")
    if not trains or not onsets.size:
        raise DataError(f"spikes and onsets_ms must not be empty, got {len(trains)} neurons and {onsets.size} trials")
    images = np.asarray(shown)
    if images.shape != onsets.shape:
        raise DataError(f"shown must name the image of each of the {onsets.size} onsets, got shape {images.shape}")
    _check_clock(trains, onsets)
    if recorded is not None and (recorded.shape != (onsets.size, len(trains)) or recorded.dtype != bool):
        raise DataError(
            f"recorded must be True or False for each trial and neuron [{onsets.size}, {len(trains)}], "
            f"got {recorded.dtype} of shape {recorded.shape}"
        )
    trials = group(images, about.get("images"), "shown")
    responses = stack_spikes(trains, onsets, bins, trials, recorded, "the recording")
    about["images"] = trials.images
    return recording_of(responses, bins, **about)


def _times(given: Any, what: str) -> NDArray[np.float64]:
    """Return times of spikes in order, and of onsets as they are."""
    times = as_times(given, what, "times in ms")
    if times.ndim != 1 or not np.isfinite(times).all() or np.abs(times).max(initial=0) > LATEST_MS:
        raise DataError(
            f"{what} must be one list of finite times in ms up to {LATEST_MS:g}, got shape {times.shape}, a NaN or more"
        )
    return times if what == "onsets_ms" else np.sort(times)


def _check_clock(trains: list[NDArray[np.float64]], onsets: NDArray[np.float64]) -> None:
    """Raise DataError for onsets in seconds, alone or together with the spikes."""
    if onsets.size > 2 and (apart := float(np.median(np.diff(np.sort(onsets))))) < CLOSEST_MS:
        raise DataError(f"onsets_ms are {apart:.3g} ms apart in the median, which looks like seconds; multiply by 1000")
    ends = [train[-1] for train in trains if train.size]
    if not ends:
        return
    last, first = max(ends), min(train[0] for train in trains if train.size)
    if onsets.size > 2 and np.ptp(onsets) > 200 * max(last - first, 1e-9):
        raise DataError(
            f"spikes last {last - first:.4g} ms and onsets {np.ptp(onsets):.4g} ms: spikes look like seconds; "
            "give both in ms"
        )
    if first > onsets.max() + 60_000 or last < onsets.min() - 60_000:
        raise DataError(
            f"spikes are from {first:.4g} to {last:.4g} ms, onsets from {onsets.min():.4g} to {onsets.max():.4g} ms, "
            "over a minute apart; give both on one clock"
        )


@check_arguments
def read_spikes(
    path: Path, *, bin_ms: float, from_ms: float = 0.0, to_ms: float = 200.0, **about: Unpack[About]
) -> Recording:
    """Read spike times and trials from an .npz file.

    The file holds spike_times_ms (or spike_times_s) [S] of all neurons, spike_neuron [S] with the identifier of the
    neuron of each spike, onset_ms (or onset_s) and image [trials], and may hold neurons, a list of all neurons that
    were recorded, silent ones too.

    Parameters
    ----------
    path : the file.
    bin_ms, from_ms, to_ms, about : as in `from_spikes`.
    """
    with npz_arrays(path) as arrays:
        times, onsets = _in_ms(arrays, "spike_times"), _in_ms(arrays, "onset")
        owner, shown = arrays["spike_neuron"], arrays["image"]
        listed = about.get("neurons", arrays.get("neurons"))
    if owner.shape != times.shape:
        raise DataError(f"spike_neuron of {path} must have an entry for each of {times.size} spikes, got {owner.shape}")
    names, column = codes(owner, listed, "spike_neuron")
    by_neuron = np.argsort(column, kind="stable")
    trains = np.split(times[by_neuron], np.searchsorted(column[by_neuron], np.arange(1, len(names))))
    about["neurons"] = names
    return from_spikes(trains, onsets, shown, bin_ms=bin_ms, from_ms=from_ms, to_ms=to_ms, **about)


def _in_ms(arrays: NpzArrays, name: str) -> NDArray[np.float64]:
    """Times in ms from the one array whose name says its unit."""
    found = [end for end in TIMES if name + end in arrays]
    if len(found) != 1:
        raise DataError(f"{arrays.path} must have either {name}_ms or {name}_s, got {', '.join(arrays)}")
    values = arrays[name + found[0]]
    if values.dtype.kind not in "iuf":
        raise DataError(f"{name}{found[0]} of {arrays.path} must be numbers, got {values.dtype}")
    return values.astype(np.float64) * TIMES[found[0]]
