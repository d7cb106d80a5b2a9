"""Tables of NWB files as arrays: units with their spikes, and intervals; data in other files are not followed."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_file
from cordsnet.neural.reading.nwb.series import LATEST_S, Series, find_series

LARGEST = 4 * 2**30
"""Bytes of spike times that are read."""

MOST_ROWS = 10_000_000
"""Rows of a table that are read."""


@dataclass(frozen=True, eq=False)
class Units:
    """Units of a file.

    Attributes
    ----------
    ids : id of each unit [N].
    spikes_s : times of the spikes of each unit, s.
    observed_s : start and end of the intervals in which each unit was observed, s [n, 2]; None where all are.
    labels : name -> a value for each unit [N].
    """

    ids: NDArray[Any]
    spikes_s: list[NDArray[np.float64]]
    observed_s: list[NDArray[np.float64] | None]
    labels: dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Tables:
    """Parts of a file that are read.

    Attributes
    ----------
    units : the units; None where a series is read.
    series : a response series, read in their place.
    table : name of the table of intervals.
    count : number of its rows.
    trials : column -> its values; None where a row holds several, or neither text nor number.
    """

    units: Units | None
    series: Series | None
    table: str
    count: int
    trials: dict[str, NDArray[Any] | None]


def read_tables(path: Path, table: str, label_columns: Mapping[str, str], series: str | None = None) -> Tables:
    """Units, or a response series in their place, and one table of intervals of an NWB file.

    Raises
    ------
    DataError : pynwb is missing, the file is damaged or too large, or a table or column is missing.
    """
    try:
        import pynwb
        from hdmf.build.errors import BuildError, ConstructError
    except ModuleNotFoundError as error:
        raise DataError(f"{path} cannot be read without pynwb; pip install 'cordsnet[neural]'") from error
    errors = (ValueError, TypeError, LookupError, AttributeError, OSError, RuntimeError, SystemError, MemoryError)
    try:
        _check_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on versions of namespaces, which do not concern these tables
            with pynwb.NWBHDF5IO(str(path), "r", load_namespaces=True) as file:
                content = file.read()
                units = _units(content, path, label_columns) if series is None else None
                found = None if series is None else find_series(content, series, path)
                return Tables(units, found, table, *_intervals(content, table, path))
    except (*errors, BuildError, ConstructError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged or is no NWB file ({' '.join(str(error).split()):.100})") from error


def _check_file(path: Path) -> None:
    """Raise DataError for files that are not NWB, or that hold data of other files."""
    import h5py

    check_file(path)
    if not path.is_file() or not h5py.is_hdf5(path):
        raise DataError(f"{path} is damaged or is no NWB file, which is HDF5")
    with h5py.File(path, "r") as file:
        if "nwb_version" not in file.attrs:
            raise DataError(f"{path} is HDF5 but no NWB file: it has no nwb_version")

        def elsewhere(name: str, link: Any) -> str | None:
            return name if isinstance(link, h5py.ExternalLink) else None

        def stored_elsewhere(name: str, node: Any) -> str | None:
            outside = isinstance(node, h5py.Dataset) and (node.external or node.is_virtual)
            return name if outside else None

        found = file.visititems_links(elsewhere) or file.visititems(stored_elsewhere)
        if found:
            raise DataError(f"{path} refers to another file at {found!r}, which is not read; export it to one file")


def _units(content: Any, path: Path, label_columns: Mapping[str, str]) -> Units:
    units = content.units
    if units is None or not len(units):
        raise DataError(f"{path} has no units, the table of spike times; sort the spikes first, or name a series")
    if "spike_times" not in units.colnames:
        raise DataError(f"the units of {path} have no spike_times; they have {', '.join(units.colnames)}")
    spikes = _ragged(units["spike_times"], len(units), "spike_times", path)
    for unit, times in zip(units.id[:], spikes, strict=True):
        if times.ndim != 1 or not np.isfinite(times).all() or np.abs(times).max(initial=0) > LATEST_S:
            raise DataError(f"spike_times of unit {unit} in {path} must be finite times in s, got others")
    observed: list[NDArray[np.float64] | None] = [None] * len(units)
    if "obs_intervals" in units.colnames:
        observed = [*_ragged(units["obs_intervals"], len(units), "obs_intervals", path)]
    labels = {}
    areas = _areas(units, path)
    if areas is not None:
        labels["area"] = np.array(areas)
    subject = content.subject.subject_id if content.subject is not None else None
    if subject:
        labels["animal"] = np.full(len(units), str(subject))
    for label, name in label_columns.items():
        values = _values(units[name]) if name in units.colnames else None
        if values is None:
            has = ", ".join(units.colnames)
            raise DataError(
                f"neuron_label_keys: the units of {path} have no column {name!r} of single values; they have {has}"
            )
        labels[label] = values
    return Units(np.asarray(units.id[:]), spikes, observed, labels)


def _ragged(column: Any, count: int, name: str, path: Path) -> list[NDArray[np.float64]]:
    """Numbers of each row of a column with several. Raises DataError where its index does not fit."""
    ends, data = np.asarray(column.data[:]).astype(np.int64), column.target.data
    starts = np.concatenate([[0], ends[:-1]])
    if len(ends) != count or (ends < starts).any() or (len(ends) and ends[-1] != len(data)):
        raise DataError(f"the index of {name} in {path} does not fit its {len(data):,} values; the file is damaged")
    if np.size(data) * 8 > LARGEST:
        raise DataError(
            f"{name} in {path} has {np.size(data):,} numbers, more than {LARGEST // 8:,}; save a part of it"
        )
    values = np.asarray(data[:], np.float64)
    return [values[start:end] for start, end in zip(starts, ends, strict=True)]


def _areas(units: Any, path: Path) -> list[str] | None:
    """Location of each unit's electrodes, several joined by "/"; None where the file does not say it."""
    if "electrodes" in units.colnames:
        column = units["electrodes"]
        region = getattr(column, "target", column)
        places = np.asarray(region.table["location"].data[:]).astype(str)
        data = np.asarray(region.data[:]).astype(np.int64)
        if len(data) and not 0 <= data.min() <= data.max() < len(places):
            raise DataError(
                f"units of {path} name electrodes that are not among its {len(places)}; the file is damaged"
            )
        each = np.split(data, np.asarray(column.data[:-1])) if column is not region else data[:, None]
        return ["/".join(dict.fromkeys(places[one].tolist())) or "unknown" for one in each]
    if "electrode_group" in units.colnames:
        return [str(group.location) for group in units["electrode_group"].data[:]]
    return None


def _values(column: Any) -> NDArray[Any] | None:
    """One text or number for each row; None for columns with several, and for references."""
    if hasattr(column, "target") or hasattr(column, "table"):
        return None
    values = np.asarray(column.data[:])
    if values.ndim != 1:
        return None
    if values.dtype.kind in "OSU":
        texts = [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in values.tolist()]
        return np.array(texts, str) if all(isinstance(one, str) for one in texts) else None
    return values if values.dtype.kind in "biuf" else None


def _intervals(content: Any, table: str, path: Path) -> tuple[int, dict[str, NDArray[Any] | None]]:
    """Number of rows and columns of a table of intervals. Raises DataError where it is missing, empty or too long."""
    held = content.intervals or {}
    if table not in held:
        raise DataError(f"table: {path} has no intervals {table!r}; it has {', '.join(held) or 'none'}")
    found = held[table]
    if not 0 < len(found) <= MOST_ROWS:
        raise DataError(
            f"table: {table!r} in {path} has {len(found):,} rows; it needs 1 to {MOST_ROWS:,}, one for each trial"
        )
    for name in found.colnames:
        if len(found[name]) != len(found):
            raise DataError(f"column {name!r} of {table!r} in {path} has {len(found[name])} of {len(found)} rows")
    return len(found), {name: _values(found[name]) for name in found.colnames}
