"""Tables with one row for each trial and one column for each step of 1 ms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.parts.facts import About
from cordsnet.neural.reading.rasters import from_raster
from cordsnet.neural.reading.tables import find_columns, read_frame
from cordsnet.neural.recording import Recording

SUFFIXES = (".parquet", ".csv", ".tsv")
LONGEST_LINE = 2**20
"""Bytes of the first line of a table in which names of columns are looked for."""


def is_raster_table(path: Path) -> bool:
    """True if a table has columns whose names are times; a table that cannot be read has none."""
    return path.is_file() and path.suffix.lower() in SUFFIXES and len(_times(_column_names(path))) > 1


def _column_names(path: Path) -> list[str]:
    if path.suffix.lower() == ".parquet":
        import pyarrow
        from pyarrow import parquet

        try:
            return list(map(str, parquet.read_schema(path).names))
        except (pyarrow.ArrowException, OSError):  # the reader of tables says what is wrong
            return []
    with open(path, "rb") as stream:
        line = stream.readline(LONGEST_LINE).decode("utf-8", errors="replace").strip()
    return [word.strip('" ') for word in line.split("\t" if path.suffix.lower() == ".tsv" else ",")]


def _times(names: list[str]) -> dict[str, float]:
    """Columns whose names are numbers -> these, in ms."""
    found = {}
    for name in names:
        try:
            found[name] = float(name)
        except ValueError:  # a column of something else
            continue
    return found


@check_arguments
def read_raster_table(
    path: Path,
    *,
    bin_ms: float,
    from_ms: float | None = None,
    to_ms: float | None = None,
    columns: Mapping[str, str] | None = None,
    **about: Unpack[About],
) -> Recording:
    """Read a Parquet or CSV table with a row for each trial of a neuron.

    Columns with numbers for names, such as "-100" to "299", hold the spikes of the step that begins at that time in ms
    from the onset of the image. Columns neuron, image and, perhaps, repeat say what the trial is.

    Parameters
    ----------
    path : the file.
    bin_ms, from_ms, to_ms, about : as in `from_raster`.
    columns : role -> name of its column, as in `from_table`.

    Raises
    ------
    DataError : steps are missing or irregular, a column is missing, or the parts do not fit.
    """
    table = read_frame(path)
    times = _times(list(map(str, table.columns)))
    steps = np.asarray(list(times.values()))
    step = float(np.median(np.diff(steps))) if steps.size > 1 else 0.0
    if step <= 0 or (wrong := np.flatnonzero(np.abs(np.diff(steps) - step) > 1e-6 * step)).size:
        place = f" after {steps[wrong[0]]:g}" if step > 0 else ""
        raise DataError(f"columns with times must be at regular steps in ms, in order, and are not{place}")
    found = find_columns(table, dict(columns or {}), ("neuron", "image"))
    labels: dict[str, Any] = {"object": found["object"]} if "object" in found else {}
    return from_raster(
        _spikes(table[list(times)]),
        found["neuron"],
        found["image"],
        onset_ms=-float(steps[0]),
        bin_ms=bin_ms,
        from_ms=from_ms,
        to_ms=to_ms,
        repeat=found.get("repeat"),
        trial_labels=labels,
        step_ms=step,
        **about,
    )


def _spikes(part: Any) -> NDArray[Any]:
    """Columns with times as numbers. Raises DataError for texts among them."""
    values = np.asarray(part)
    if values.dtype.kind not in "biuf":
        raise DataError("columns with times must hold numbers of spikes, and one holds texts")
    return values
