"""Long tables: one row for each response, or for each trial with a column for each time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import LARGEST, check_size
from cordsnet.neural.reading.parts.bins import find_bins
from cordsnet.neural.reading.parts.facts import About, as_floats, merged, recording_of
from cordsnet.neural.reading.parts.trials import Trials, codes, group, label_of_each
from cordsnet.neural.recording import Recording

ROLES: dict[str, tuple[str, ...]] = {
    "neuron": ("neuron", "neuron_id", "neuroid_id", "unit_id", "unit", "cell"),
    "image": ("image", "image_id", "stimulus_id", "stimulus"),
    "repeat": ("repeat", "repetition", "trial", "trial_id"),
    "response": ("response", "count", "spike_count", "spikes", "rate", "rate_hz", "firing_rate"),
    "start_ms": ("start_ms", "bin_start_ms", "time_bin_start"),
    "end_ms": ("end_ms", "bin_end_ms", "time_bin_end"),
    "area": ("area", "region"),
    "animal": ("animal", "subject", "monkey"),
    "object": ("object", "object_name", "category"),
}
"""Role of a column -> names by which it is known where `columns` does not name it."""

NEEDED = ("neuron", "image", "response")


@check_arguments
def from_table(
    table: Any,
    *,
    columns: Mapping[str, str] | None = None,
    bins_ms: Any = None,
    missing: float | None = None,
    **about: Unpack[About],
) -> Recording:
    """Make a recording from a long table with one row for each response.

    Parameters
    ----------
    table : a pandas DataFrame, or a mapping from names of columns to arrays.
    columns : role -> name of its column, for those that are not called by a name in `ROLES`. Rows without a repeat
        column are numbered in order; without start_ms and end_ms there is one bin.
    bins_ms : start and end of the one bin of a table without times, ms from onset.
    missing : number that stands for an absent response, such as -1; rows may also be left out or hold NaN.
    about : facts that the table does not hold, see `About`. Columns area, animal and object become labels.

    Raises
    ------
    DataError : a column is missing, found by two names, or holds something else; a response is given twice.
    """
    found = find_columns(table, dict(columns or {}), NEEDED)
    values = as_floats(to_numbers(found["response"], "response"), "response", missing)
    if not values.size:
        raise DataError("the table has no rows; give one for each response")
    neurons, column = codes(found["neuron"], about.get("neurons"), "neuron")
    bins, time = _bins(found, bins_ms, values.size)
    trials = _trials(found, about.get("images"), column, time)
    responses = trials.empty(len(bins), len(neurons), "the recording", values.dtype)
    _check_once(responses.shape, (trials.image, trials.repeat, time, column), (trials.images, neurons), bins)
    responses[trials.image, trials.repeat, time, column] = values
    known: About = {**about, "images": trials.images, "neurons": neurons}
    labels: dict[str, Any] = {name: found[name] for name in ("area", "animal") if name in found}
    neuron_labels: dict[str, Any] = {
        name: label_of_each(column, neurons, label, name, "neuron") for name, label in labels.items()
    }
    known["neuron_labels"] = merged(neuron_labels, about.get("neuron_labels"), "neuron_labels")
    if "object" in found:
        label = trials.label(found["object"], "object")
        known["image_labels"] = merged({"object": label}, about.get("image_labels"), "image_labels")
    return recording_of(responses, bins, **known)


def find_columns(table: Any, chosen: dict[str, str], needed: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Return role -> column. Raises DataError for a role that is unknown, missing or found twice."""
    if not isinstance(table, Mapping) and not hasattr(table, "columns"):
        raise DataError(f"table must be a DataFrame or a mapping from names to columns, got {type(table).__name__}")
    names = list(map(str, getattr(table, "columns", table)))
    if unknown := [role for role in chosen if role not in ROLES]:
        raise DataError(f"columns has no role {unknown[0]!r}; roles are {', '.join(ROLES)}")
    found = {}
    for role, known in ROLES.items():
        fitting = [chosen[role]] if role in chosen else [name for name in known if name in names]
        if len(fitting) > 1:
            raise DataError(
                f"columns {' and '.join(fitting)} may both be {role}; say which, as columns={{'{role}': ...}}"
            )
        if role in chosen and chosen[role] not in names:
            raise DataError(f"there is no column {chosen[role]!r} for {role}; the table has {', '.join(names)[:100]}")
        if fitting:
            found[role] = np.asarray(table[fitting[0]])
        elif role in needed:
            raise DataError(f"the table has no column for {role}; say which of {', '.join(names)[:100]} in columns")
    lengths = {role: len(values) for role, values in found.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns must be of one length, got {', '.join(f'{role} {n}' for role, n in lengths.items())}")
    return found


def to_numbers(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Return a column as numbers. Raises DataError, with the row, for a value that is none."""
    if values.dtype.kind in "biuf":
        return values
    plain = np.empty(len(values))
    for k, value in enumerate(values.tolist()):
        try:
            plain[k] = np.nan if value is None else float(value)
        except (TypeError, ValueError) as error:
            raise DataError(f"column {name} must hold numbers, got {value!r:.40} in row {k}") from error
    return plain


def _bins(found: dict[str, NDArray[Any]], given: Any, rows: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Bins [T, 2] and the bin of each row."""
    if ("start_ms" in found) != ("end_ms" in found):
        raise DataError("a table with times needs both a start_ms and an end_ms column; name them in columns")
    if "start_ms" not in found:
        return find_bins(given, 1), np.zeros(rows, np.intp)
    if given is not None:
        raise DataError("bins_ms must not be given for a table with start_ms and end_ms; leave one out")
    spans = np.stack([to_numbers(found[name], name).astype(np.float64) for name in ("start_ms", "end_ms")], 1)
    if (absent := np.flatnonzero(~np.isfinite(spans).all(1))).size:
        raise DataError(f"start_ms and end_ms must be numbers, got NaN or infinity in row {int(absent[0])}")
    bins, time = np.unique(spans, axis=0, return_inverse=True)
    return bins, time.ravel()


def _trials(found: dict[str, NDArray[Any]], order: Any, column: NDArray[np.intp], time: NDArray[np.intp]) -> Trials:
    """Image and repeat of each row of the table; without named repeats, each bin of a neuron counts its own rows."""
    if "repeat" in found:
        named = codes(found["repeat"], None, "repeat")[1]
        return group(found["image"], order, "image", neuron=column, repeat=named)
    return group(found["image"], order, "image", neuron=column * (int(time.max()) + 1) + time)


def _check_once(
    shape: tuple[int, ...],
    places: tuple[NDArray[np.intp], ...],
    names: tuple[list[str], list[str]],
    bins: NDArray[np.float64],
) -> None:
    """Raise DataError for a response that is given twice."""
    flat = np.ravel_multi_index(places, shape)
    order = np.argsort(flat, kind="stable")
    twice = np.flatnonzero(np.diff(flat[order]) == 0)
    if twice.size:
        first, again = int(order[twice[0]]), int(order[twice[0] + 1])
        row, place, time, column = (int(part[first]) for part in places)
        start, end = bins[time]
        raise DataError(
            f"rows {first} and {again} both hold repeat {place} of image {names[0][row]!r} for neuron "
            f"{names[1][column]!r} from {start:g} to {end:g} ms, and {twice.size} such rows exist; drop copies"
        )


@check_arguments
def read_table(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    bins_ms: Any = None,
    missing: float | None = None,
    **about: Unpack[About],
) -> Recording:
    """Read a long table from a Parquet or CSV file (.csv, or .tsv with tabulators).

    Parameters
    ----------
    path : the file.
    columns, bins_ms, missing, about : as in `from_table`.
    """
    return from_table(read_frame(path), columns=columns, bins_ms=bins_ms, missing=missing, **about)


def read_frame(path: Path) -> Any:
    """Read a Parquet, CSV or TSV file as a pandas DataFrame of bounded size."""
    import pandas

    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        facts = parquet.ParquetFile(path).metadata
        check_size((facts.num_rows, facts.num_columns), 8, f"table {path}")
        return pandas.read_parquet(path)
    if (size := path.stat().st_size) > LARGEST // 4:  # a number is longer as a text, but not four times
        raise DataError(f"{path} has {size:,} bytes; save a table of this size as Parquet")
    return pandas.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",")
