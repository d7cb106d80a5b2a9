"""A folder with a table of spikes and a table of trials."""

from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.parts.facts import About
from cordsnet.neural.reading.parts.trials import codes
from cordsnet.neural.reading.raster_tables import SUFFIXES
from cordsnet.neural.reading.spike_times import TIMES, from_spikes
from cordsnet.neural.reading.tables import find_columns, read_frame, to_numbers
from cordsnet.neural.recording import Recording


def is_spike_folder(path: Path) -> bool:
    """True for a folder that holds a table called spikes and one called trials."""
    return path.is_dir() and all(_tables(path, name) for name in ("spikes", "trials"))


def _tables(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}{end}" for end in SUFFIXES if (folder / f"{name}{end}").is_file()]


@check_arguments
def read_spike_folder(
    path: Path, *, bin_ms: float, from_ms: float = 0.0, to_ms: float = 200.0, **about: Unpack[About]
) -> Recording:
    """Read spikes and trials from a folder with the tables spikes and trials, each .parquet, .csv or .tsv.

    Spikes have the columns neuron and time_ms (or time_s), a row for each spike; trials have image and onset_ms (or
    onset_s), a row for each trial.

    Parameters
    ----------
    path : the folder.
    bin_ms, from_ms, to_ms, about : as in `from_spikes`; give neurons where some may have no spike.

    Raises
    ------
    DataError : a table is there twice, a column is missing, or times are no numbers or look like seconds.
    """
    frames = {}
    for name in ("spikes", "trials"):
        found = _tables(path, name)
        if len(found) != 1:
            raise DataError(f"{path} must hold one table {name}, got {', '.join(one.name for one in found) or 'none'}")
        frames[name] = read_frame(found[0])
    owner = find_columns(frames["spikes"], {}, ("neuron",))["neuron"]
    shown = find_columns(frames["trials"], {}, ("image",))["image"]
    times, onsets = _in_ms(frames["spikes"], "time"), _in_ms(frames["trials"], "onset")
    names, column = codes(owner, about.get("neurons"), "neuron")
    order = np.argsort(column, kind="stable")
    trains = np.split(times[order], np.searchsorted(column[order], np.arange(1, len(names))))
    about["neurons"] = names
    return from_spikes(trains, onsets, shown, bin_ms=bin_ms, from_ms=from_ms, to_ms=to_ms, **about)


def _in_ms(table: Any, name: str) -> NDArray[np.float64]:
    """Times in ms from the one column whose name says its unit."""
    known = list(map(str, table.columns))
    found = [end for end in TIMES if name + end in known]
    if len(found) != 1:
        raise DataError(f"a table must have either {name}_ms or {name}_s, got {', '.join(known)[:100]}")
    return to_numbers(np.asarray(table[name + found[0]]), name + found[0]).astype(np.float64) * TIMES[found[0]]
