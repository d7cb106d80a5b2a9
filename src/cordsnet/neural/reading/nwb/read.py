"""Recordings in files of Neurodata Without Borders (NWB 2): spikes or response series, and trials with onsets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import naming
from cordsnet.neural.reading.nwb.series import mean_responses
from cordsnet.neural.reading.nwb.tables import Tables, Units, read_tables
from cordsnet.neural.reading.parts.bins import regular_bins
from cordsnet.neural.reading.parts.facts import About, check_counted, merged, recording_of, texts
from cordsnet.neural.reading.parts.spikes import nanoseconds, stack_spikes
from cordsnet.neural.reading.parts.trials import Trials, group, joined, names_of
from cordsnet.neural.recording import Recording

Numbers: TypeAlias = NDArray[np.float64]

NO_IMAGE = ("start_time", "stop_time", "tags", "timeseries")
"""Columns of every table of intervals, which name no image."""

APART = 100
"""Times that the last spike may be after the last trial, or the other way round; more of them are other units."""

ROUNDING_S = 1e-6
"""Overlap of two trials that is rounding, s."""


@dataclass(frozen=True)
class _Options:
    """Arguments about the tables, as described at `read_nwb`."""

    image: list[str]
    table: str
    onset: str
    keep: str | None
    neurons: Any
    silent: bool
    overlapping: bool
    image_label_keys: Mapping[str, str]


@check_arguments
def read_nwb(
    path: str | Path,
    *,
    bin_ms: float,
    from_ms: float = 0.0,
    to_ms: float = 200.0,
    image: str | Sequence[str] | None = None,
    table: str = "trials",
    onset: str = "start_time",
    keep: str | None = None,
    series: str | None = None,
    silent: bool = False,
    overlapping: bool = False,
    image_label_keys: Mapping[str, str] | None = None,
    neuron_label_keys: Mapping[str, str] | None = None,
    **about: Unpack[About],
) -> Recording:
    """Read spikes around the onsets of trials from an NWB file; needs pynwb, `pip install 'cordsnet[neural]'`.

    In place of spikes, a series of responses such as fluorescence is read: a bin has the mean of its samples, unit
    "other". A bin holds its start and not its end. A trial is NaN for units whose `obs_intervals` do not hold its whole
    window. The label "area" is the location of a unit's electrodes, of its electrode group, or of the imaging plane of
    a series; "animal" is the subject. They are left out where the file does not say them.

    Parameters
    ----------
    path : the file.
    bin_ms, from_ms, to_ms : duration of bins, and the time from onset that they fill.
    image : column of the trials, or several, that together say what was shown; None takes the only column that there is
        besides times.
    table : table of intervals with a row for each trial.
    onset : column with the onset of the image, s, on the clock of the spikes.
    keep : column of truth values that says which trials are read; None reads all.
    series : name of a RoiResponseSeries, or the end of its path in the file such as "DfOverF/plane1"; None reads the
        spikes of units.
    silent : True keeps units without a spike in the whole file, which are refused otherwise.
    overlapping : True allows a trial to start before another has ended.
    image_label_keys, neuron_label_keys : name of a label -> column of the trials, or of the units, that holds it.
    about : facts that the file does not hold, see `About`; neurons are the ids of the units that are read, in order.

    Raises
    ------
    DataError : pynwb is missing; the file is damaged or too large, or refers to other files; a table or column is
        missing or does not fit; times are not in s; no spike is in any window.
    """
    path = Path(path)
    if series is None:
        check_counted(about)
    elif neuron_label_keys:
        raise DataError("neuron_label_keys must not be given with series, whose regions have no columns; leave it out")
    bins_ms = regular_bins(bin_ms, from_ms, to_ms)
    held = read_tables(path, table, neuron_label_keys or {}, series)
    flags = (silent, overlapping, image_label_keys or {})
    options = _Options(names_of(image), table, onset, keep, about.get("neurons"), *flags)
    with naming(path):
        return _recording(held, options, bins_ms, path, about)


def _recording(held: Tables, options: _Options, bins_ms: Numbers, path: Path, about: About) -> Recording:
    """Recording of the trials and units that the options choose."""
    rows = _kept(held, options, path)
    onsets = _onsets(held, options, rows, path)
    _check_overlap(held, options, rows, path)
    columns = [_column(held, name, "image", path)[rows] for name in _image_columns(held, options, path)]
    trials = group(joined(columns), about.get("images"), "image")
    labels = {
        name: trials.label(_column(held, column, "image_label_keys", path)[rows], f"image_label_keys {name!r}")
        for name, column in options.image_label_keys.items()
    }
    known: About = {"source": path.name, **about, "images": trials.images}
    known["image_labels"] = merged(labels, about.get("image_labels"), "image_labels")
    if held.series is not None:
        known = {"unit": "other", **known}
        ids, found = held.series.ids, held.series.labels
        places = _places(ids, options.neurons, path)
        responses = mean_responses(held.series, onsets, bins_ms, trials)[..., places]
    else:
        assert held.units is not None
        ids, found = held.units.ids, held.units.labels
        places = _chosen_units(held.units, options, path)
        _check_clocks(held.units, onsets, options, path)
        responses = _responses(held.units, places, trials, onsets, bins_ms)
    known["neurons"] = [str(ids[place]) for place in places]
    of_units = {name: values[places] for name, values in found.items()}
    known["neuron_labels"] = merged(of_units, about.get("neuron_labels"), "neuron_labels")
    return recording_of(responses, bins_ms, **known)


def _responses(
    units: Units, places: list[int], trials: Trials, onsets: Numbers, bins_ms: Numbers
) -> NDArray[np.float32]:
    """Counts [image, repeat, time, neuron] of the units at these places. Raises DataError where all are 0."""
    window = nanoseconds(bins_ms[[0, -1], [0, 1]])
    recorded = np.stack([_observed(units.observed_s[place], onsets, window) for place in places], 1)
    trains = [1000 * units.spikes_s[place] for place in places]
    responses = stack_spikes(trains, 1000 * onsets, bins_ms, trials, recorded, "the recording")
    if not np.nansum(responses):
        span = f"{bins_ms[0, 0]:g} to {bins_ms[-1, 1]:g} ms"
        raise DataError(f"no spike from {span} of the onset of any trial; check the clocks of the file")
    return responses


def _column(held: Tables, name: str, argument: str, path: Path) -> NDArray[Any]:
    """A column of the trials. Raises DataError, with those there are, for another name."""
    if name not in held.trials:
        has = ", ".join(held.trials)
        raise DataError(f"{argument}: the table {held.table!r} in {path} has no column {name!r}; it has {has}")
    values = held.trials[name]
    if values is None:
        raise DataError(f"{argument}: column {name!r} of {held.table!r} in {path} has no texts or numbers")
    return values


def _kept(held: Tables, options: _Options, path: Path) -> NDArray[np.intp]:
    """Rows of the trials that are read. Raises DataError where there is none."""
    if options.keep is None:
        rows = np.arange(held.count)
    else:
        values = _column(held, options.keep, "keep", path)
        if values.dtype.kind != "b" and not (values.dtype.kind in "iuf" and np.isin(values, (0, 1)).all()):
            raise DataError(f"keep: column {options.keep!r} in {path} must hold truth values, got {values.dtype}")
        rows = np.flatnonzero(values)
    if not len(rows):
        raise DataError(f"no trial of the table {options.table!r} in {path} is kept; choose another table or keep")
    return rows


def _numbers(held: Tables, name: str, argument: str, path: Path) -> Numbers:
    values = _column(held, name, argument, path)
    if values.dtype.kind not in "iuf":
        raise DataError(f"{argument}: column {name!r} in {path} must hold times in s, got {values.dtype}")
    return values.astype(np.float64)


def _onsets(held: Tables, options: _Options, rows: NDArray[np.intp], path: Path) -> Numbers:
    """Onset of each trial, s. Raises DataError where one is absent, or outside its trial as times in ms are."""
    onsets = _numbers(held, options.onset, "onset", path)[rows]
    absent = int((~np.isfinite(onsets)).sum())
    if absent:
        raise DataError(
            f"onset: column {options.onset!r} in {path} has no time in {absent} of {len(rows)} trials; "
            "name a column of truth values with keep, so that only the others are read"
        )
    if options.onset in ("start_time", "stop_time"):
        return onsets
    starts, ends = (_numbers(held, name, "onset", path)[rows] for name in ("start_time", "stop_time"))
    outside = np.flatnonzero((onsets < starts - ROUNDING_S) | (onsets > ends + ROUNDING_S))
    if len(outside):
        k = outside[0]
        inside = starts[k] <= onsets[k] / 1000 <= ends[k]
        why = "it seems to be in ms" if inside else "give times in s on the clock of the file, not from the start"
        raise DataError(
            f"onset: column {options.onset!r} in {path} has {onsets[k]:g} in trial {rows[k]}, which lasts from "
            f"{starts[k]:g} to {ends[k]:g} s; {why}"
        )
    return onsets


def _check_overlap(held: Tables, options: _Options, rows: NDArray[np.intp], path: Path) -> None:
    """Raise DataError where a trial starts before another has ended."""
    if options.overlapping:
        return
    starts, ends = (_numbers(held, name, "table", path)[rows] for name in ("start_time", "stop_time"))
    order = np.argsort(starts, kind="stable")
    wrong = np.flatnonzero(starts[order][1:] < ends[order][:-1] - ROUNDING_S)
    if len(wrong):
        first, second = order[wrong[0]], order[wrong[0] + 1]
        raise DataError(
            f"trials {rows[first]} and {rows[second]} of {options.table!r} in {path} overlap: {starts[first]:g} to "
            f"{ends[first]:g} s and from {starts[second]:g} s; correct them, or give overlapping=True"
        )


def _image_columns(held: Tables, options: _Options, path: Path) -> list[str]:
    """Names of the columns with the image. Raises DataError where several may be meant."""
    if options.image:
        return options.image
    others = [name for name in held.trials if name not in (*NO_IMAGE, options.onset, options.keep)]
    if len(others) != 1:
        has = ", ".join(others) or "none besides times"
        raise DataError(f"image must say which column of {options.table!r} in {path} names the image; it has {has}")
    return others


def _chosen_units(units: Units, options: _Options, path: Path) -> list[int]:
    """Places of the units that are read. Raises DataError for ids that are not there, and for silent units."""
    places = _places(units.ids, options.neurons, path)
    still = [str(units.ids[place]) for place in places if not len(units.spikes_s[place])]
    if still and not options.silent:
        some = ", ".join(still[:5]) + (", ..." if len(still) > 5 else "")
        raise DataError(
            f"units without any spike in {path}: {len(still)} ({some}); name the others with neurons, or give "
            "silent=True where they were recorded and never fired"
        )
    return places


def _places(ids: NDArray[Any], neurons: Any, path: Path) -> list[int]:
    """Places of the units or regions of these ids. Raises DataError for ids that are not there."""
    index = {str(one): k for k, one in enumerate(ids)}
    chosen = list(index) if neurons is None else texts(neurons, "neurons")
    absent = [one for one in chosen if one not in index]
    if absent or not chosen:
        what = f"no unit {absent[0]}" if absent else "to be asked for at least one unit"
        raise DataError(f"neurons: {path} has {what}; its {len(index)} ids are {ids.min()} to {ids.max()}")
    return [index[one] for one in chosen]


def _check_clocks(units: Units, onsets: Numbers, options: _Options, path: Path) -> None:
    """Raise DataError where spikes and trials are on clocks so different that one is not in s."""
    last = max((float(spikes.max()) for spikes in units.spikes_s if len(spikes)), default=0.0)
    if float(np.median(onsets)) > last or (onsets.max() > 0 and last > APART * max(float(onsets.max()), 1.0)):
        raise DataError(
            f"{path} has its last spike at {last:g} s, {options.onset!r} from {onsets.min():g} to {onsets.max():g} s; "
            "times of NWB are in s: one of them seems to be in ms or samples"
        )


def _observed(intervals_s: Numbers | None, onsets: Numbers, window: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True for each trial whose whole window lies in an interval in which the unit was observed."""
    if intervals_s is None:
        return np.ones(len(onsets), bool)
    starts, ends = nanoseconds(1000 * intervals_s).T
    shown = nanoseconds(1000 * onsets)[:, None]
    held: NDArray[np.bool_] = ((shown + window[0] >= starts) & (shown + window[1] <= ends)).any(1)
    return held
