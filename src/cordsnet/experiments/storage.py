"""Results as files: `result.json` for everything but arrays, `arrays.nc` for arrays, and tables as parquet besides.

Nothing that a file brings is ever run: JSON, NetCDF and parquet hold plain data alone.
"""

import dataclasses
import importlib.util
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from cordsnet._arguments import check_arguments
from cordsnet._files import writable_folder, write_whole
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim, Expected
from cordsnet.experiments.result import Axis, LabelledArray, Result, Row

FORMAT = 1
RESULT, ARRAYS, TABLES = "result.json", "arrays.nc", "tables"
LARGEST_RESULT, LARGEST_ARRAYS = 256 * 2**20, 4 * 2**30
"""Bytes that are read; larger files are refused."""

ENGINE: Literal["scipy"] = "scipy"
"""Engine with which xarray writes and reads NetCDF 3: plain Python, without another library."""


@check_arguments
def write_data(result: Result, folder: str | Path) -> tuple[str, ...]:
    """Write everything of a result that is not drawn, each file whole or not at all.

    Tables and arrays of a result that was in the folder before, and that this one has none of, are removed.

    Returns
    -------
    One sentence for each kind of file that was left out, because a library is not installed: what to install.
    Tables are in `result.json` in any case.
    """
    folder = writable_folder(folder)
    missing, before = [], _listed(folder)
    if result.arrays:
        if importlib.util.find_spec("xarray") is None:
            missing.append(f"{ARRAYS} was not written; pip install 'cordsnet[xarray]' and run again")
        else:
            write_whole(folder / ARRAYS, _pack(result.arrays))
    if importlib.util.find_spec("pyarrow") is None:
        missing.append(f"{TABLES}/*.parquet were not written; pip install 'cordsnet[sweep]' and run again")
    else:
        tables = writable_folder(folder / TABLES)
        for name, rows in result.tables.items():
            write_whole(tables / f"{name}.parquet", to_parquet(rows))
    described = {
        "format": FORMAT,
        "meta": result.meta,
        "claims": [_claim_to_dict(claim) for claim in result.claims],
        "arrays": list(result.arrays),
        "tables": result.tables,
    }
    content = json.dumps(_finite(described), indent=1, allow_nan=False).encode()
    write_whole(folder / RESULT, content)  # last: a folder with it is complete
    for name in before - {*_files_of(result.tables, result.arrays)}:
        (folder / name).unlink(missing_ok=True)
    return tuple(missing)


@check_arguments
def read_result(folder: str | Path) -> Result:
    """The result that `write_data` wrote.

    Raises RunError when a file is missing, damaged, too large or of another format, or when arrays were written and
    xarray is not installed.
    """
    path = Path(folder) / RESULT
    content = _bounded(path, LARGEST_RESULT)
    try:
        described = json.loads(content, object_hook=_infinite)
        if described["format"] != FORMAT:
            raise RunError(f"{path} is of format {described['format']!r}, and this version reads {FORMAT}")
        claims = tuple(_claim_from_dict(row) for row in described["claims"])
        tables, meta, names = described["tables"], described["meta"], described["arrays"]
        arrays = _unpack(_bounded(path.with_name(ARRAYS), LARGEST_ARRAYS), path.with_name(ARRAYS)) if names else {}
        return Result(tables, {name: arrays[name] for name in names}, claims, meta)
    except RunError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{path} is damaged or is no result ({error!r}); run the experiment again") from error


def to_parquet(rows: Sequence[Row]) -> bytes:
    """Rows as a parquet file; cells that a row lacks are null. Raises TypeError for a column of mixed kinds."""
    import pyarrow
    import pyarrow.parquet

    names = list(dict.fromkeys(name for row in rows for name in row))
    try:
        columns = {name: pyarrow.array([row.get(name) for row in rows]) for name in names}
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
        raise TypeError(f"a column of a table holds values of different kinds ({error})") from error
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), stream)
    return stream.getvalue()


def _files_of(tables: Iterable[str], arrays: Iterable[str]) -> tuple[str, ...]:
    """Files of tables and arrays, relative to the folder of a result."""
    named = [f"{TABLES}/{name}.parquet" for name in tables if Path(name).name == name]
    return (*named, *([ARRAYS] if list(arrays) else []))


def _listed(folder: Path) -> set[str]:
    """Files of the result that is in a folder already; none where there is no readable one."""
    try:
        found = json.loads(_bounded(folder / RESULT, LARGEST_RESULT))
        return set(_files_of(found["tables"], found["arrays"]))
    except (RunError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _pack(arrays: Mapping[str, LabelledArray]) -> bytes:
    """All arrays as one NetCDF file. Dimensions are named after their array, since coordinates may differ."""
    import xarray

    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for name, array in arrays.items():
        safe = name.replace("/", "_")
        if safe in variables:
            raise ValueError(f"two arrays would have the name {safe!r} in {ARRAYS}; rename one")
        dimensions = [f"{safe}_{axis.name}" for axis in array.axes]
        about = {"name": name, "units": array.units, "long_name": array.description}
        variables[safe] = (dimensions, array.values, about | {"axes": json.dumps([a.name for a in array.axes])})
        for dimension, axis in zip(dimensions, array.axes, strict=True):
            if axis.values:
                coordinates[dimension] = (dimension, list(axis.values), {"units": axis.units})
    return bytes(xarray.Dataset(variables, coordinates).to_netcdf(engine=ENGINE))


def _unpack(content: bytes, path: Path) -> dict[str, LabelledArray]:
    try:
        import xarray
    except ModuleNotFoundError as error:
        raise RunError(f"{path} cannot be read without xarray; pip install 'cordsnet[xarray]'") from error

    stream = io.BytesIO(content)
    # "ms" is a unit to us, not a time difference to be decoded
    found = xarray.load_dataset(stream, engine=ENGINE, decode_times=False, decode_timedelta=False)
    coordinates = {str(name): values for name, values in found.coords.items()}
    arrays = {}
    for variable in found.data_vars.values():
        axes = []
        for dimension, name in zip(variable.dims, json.loads(variable.attrs["axes"]), strict=True):
            known = coordinates.get(str(dimension))
            values = () if known is None else tuple(known.values.tolist())
            axes.append(Axis(name, values, "" if known is None else known.attrs["units"]))
        about = variable.attrs
        arrays[about["name"]] = LabelledArray(variable.values, tuple(axes), about["units"], about["long_name"])
    return arrays


def _bounded(path: Path, largest: int) -> bytes:
    """Content of a file. Raises RunError when it is missing or larger than is read."""
    try:
        with open(path, "rb") as stream:
            content = stream.read(largest + 1)
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror or error}); give the folder of a result") from error
    if len(content) > largest:
        raise RunError(f"{path} is larger than {largest} bytes and is not read")
    return content


def _claim_to_dict(claim: Claim) -> dict[str, Any]:
    """Plain data; the rule in words and the verdict are for readers, and are worked out again when read."""
    return dataclasses.asdict(claim) | {"rule": str(claim.expected), "verdict": claim.verdict}


def _claim_from_dict(row: Mapping[str, Any]) -> Claim:
    fields = {field.name: row[field.name] for field in dataclasses.fields(Claim)}
    fields["expected"] = Expected(**fields["expected"])
    if fields["interval"] is not None:
        fields["interval"] = tuple(fields["interval"])
    return Claim(**fields)


def _finite(value: Any) -> Any:
    """Plain data in which infinite and undefined numbers are written in words, since JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _infinite(found: dict[str, Any]) -> Any:
    return float(found["float"]) if set(found) == {"float"} else found
