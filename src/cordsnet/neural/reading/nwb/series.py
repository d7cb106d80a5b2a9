"""Response series of NWB files, such as fluorescence of regions of interest: one value for each region and sample."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_size
from cordsnet.neural.reading.parts.spikes import nanoseconds
from cordsnet.neural.reading.parts.trials import Trials

Numbers: TypeAlias = NDArray[np.float64]

LATEST_S = 9e9
"""Latest time that is believed, s; whole ns of it still fit into 64 bits."""


@dataclass(frozen=True, eq=False)
class Series:
    """Responses of N regions of interest in S samples.

    Attributes
    ----------
    name : path of the series in the file.
    ids : id of each region [N].
    values : responses [S, N]; NaN where there is none.
    times_s : time of each sample, s, rising [S].
    labels : name -> a value for each region [N].
    """

    name: str
    ids: NDArray[Any]
    values: Numbers
    times_s: Numbers
    labels: dict[str, NDArray[Any]]


def find_series(content: Any, name: str, path: Path) -> Series:
    """Read the series of a name, or of the end of a path such as "DfOverF/plane1".

    Raises
    ------
    DataError : there is none of that name or several, its parts do not fit, or it is too large.
    """
    from pynwb.ophys import RoiResponseSeries

    known = {_place(one): one for one in content.objects.values() if isinstance(one, RoiResponseSeries)}
    fitting = [place for place in known if f"/{place}".endswith(f"/{name}")]
    if len(fitting) != 1:
        what = "no" if not fitting else "several"
        has = ", ".join(sorted(known)) or "none"
        raise DataError(f"series: {path} has {what} response series {name!r}; it has {has}")
    found, place = known[fitting[0]], fitting[0]
    shape = tuple(np.shape(found.data))
    ids = np.asarray(found.rois.table.id[:])[np.asarray(found.rois.data[:]).astype(np.int64)]
    if len(shape) not in (1, 2) or 0 in shape or (shape[1] if len(shape) == 2 else 1) != len(ids):
        raise DataError(f"series {place!r} in {path} must be [sample, region] of {len(ids)} regions, got {list(shape)}")
    check_size(shape, 8, f"series {place!r} of {path}")
    values = np.asarray(found.data[:], np.float64).reshape(shape[0], len(ids))
    values = values * float(found.conversion) + float(getattr(found, "offset", 0.0) or 0.0)
    if np.isinf(values).any():
        raise DataError(f"series {place!r} in {path} has infinite values; mark absent ones by NaN")
    labels = {}
    plane = getattr(found.rois.table, "imaging_plane", None)
    if plane is not None and plane.location:
        labels["area"] = np.full(len(ids), str(plane.location))
    if content.subject is not None and content.subject.subject_id:
        labels["animal"] = np.full(len(ids), str(content.subject.subject_id))
    return Series(place, ids, values, _times(found, place, len(values), path), labels)


def mean_responses(series: Series, onsets_s: Numbers, bins_ms: Numbers, trials: Trials) -> NDArray[Any]:
    """Mean of the samples in each bin of each trial [image, repeat, time, neuron]; NaN in a bin without any.

    A bin holds its start and not its end. Raises DataError where bins are briefer than the time between samples, so
    that some hold none, and where no trial has a sample.
    """
    apart = 1000 * float(np.median(np.diff(series.times_s))) if len(series.times_s) > 1 else np.inf
    if (brief := float((bins_ms[:, 1] - bins_ms[:, 0]).min())) < apart * (1 - 1e-6):
        raise DataError(
            f"bin_ms = {brief:g} is briefer than the {apart:.4g} ms between samples of {series.name!r}, so that some "
            "bins hold none; give longer bins"
        )
    edges = nanoseconds(1000 * onsets_s)[:, None, None] + nanoseconds(bins_ms)
    place = np.searchsorted(nanoseconds(1000 * series.times_s), edges, side="left")  # [trial, bin, 2]
    known = ~np.isnan(series.values)
    level = np.nanmean(np.where(known.any(0), series.values, 0.0), 0)  # about it, so that long sums keep their digits
    sums = _running(np.where(known, series.values - level, 0.0))
    counts = _running(known.astype(np.float64))
    total, number = (part[place[..., 1]] - part[place[..., 0]] for part in (sums, counts))
    if not number.any():
        raise DataError(
            f"no sample of {series.name!r} lies in a bin of any trial: it lasts from {series.times_s[0]:g} to "
            f"{series.times_s[-1]:g} s and onsets from {onsets_s.min():g} to {onsets_s.max():g} s"
        )
    means = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0) + level
    return trials.stack(means, "the recording")


def _place(series: Any) -> str:
    """Names of what holds a series, and its own, with "/" between them."""
    names, holder = [str(series.name)], series.parent
    while holder is not None and holder.parent is not None:  # the root is the file
        names.insert(0, str(holder.name))
        holder = holder.parent
    return "/".join(names)


def _times(found: Any, place: str, count: int, path: Path) -> Numbers:
    """Time of each sample, s. Raises DataError where times are absent, do not rise or are not as many as samples."""
    if found.timestamps is not None:
        times = np.asarray(found.timestamps[:], np.float64)
        if times.shape != (count,) or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise DataError(f"timestamps of series {place!r} in {path} must be {count} rising times in s, got others")
    elif found.rate is not None and found.rate > 0 and np.isfinite(found.rate):
        times = float(found.starting_time or 0.0) + np.arange(count) / float(found.rate)
    else:
        raise DataError(f"series {place!r} in {path} has neither timestamps nor a rate above 0; save it with one")
    if abs(times).max() > LATEST_S:
        raise DataError(f"times of series {place!r} in {path} must be in s, got {abs(times).max():g}")
    return times


def _running(values: Numbers) -> Numbers:
    """Sums of the rows before each row, and of all [S + 1, N]."""
    found = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=found[1:])
    return found
