"""Files of published answers, read with a bound on their size; every refusal names the file and the field."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError

Numbers = NDArray[np.float64]


def read_bounded(path: Path, most: int) -> bytes:
    """Content of a file. Raises DataError when it cannot be read or has more than `most` bytes."""
    try:
        with open(path, "rb") as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check the path") from error
    if len(content) > most:
        raise DataError(f"{path} has more than {most:,} bytes and is not read; the published file is far smaller")
    return content


def field(found: Any, name: str, path: Path, kind: type = dict) -> Any:
    """An entry of a mapping, of that kind. Raises DataError, with the name, when it is missing or of another kind."""
    if not isinstance(found, Mapping) or name not in found:
        raise DataError(f"{path} has no {name!r}; give the published file")
    if not isinstance(found[name], kind):
        raise DataError(f"{path} holds a {type(found[name]).__name__} as {name!r}, not a {kind.__name__}")
    return found[name]


def numbers(values: Any, n: int | None, what: str, path: Path, missing: bool = False) -> Numbers:
    """A list of `n` numbers as an array; null becomes NaN where numbers may be `missing`.

    Raises DataError, with `what` they are, for another length, or for what is no finite number.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != (n or len(values)):
        size = len(values) if isinstance(values, Sequence) else type(values).__name__
        raise DataError(f"{what} in {path} must be a list of {n or 'some'} numbers, got {size}")
    for value in values:
        if not (value is None and missing) and not _is_finite(value):
            raise DataError(f"{what} in {path} must hold finite numbers alone, got {value!r:.40}")
    return np.array([math.nan if value is None else float(value) for value in values])


def check_range(values: NDArray[Any], low: float, high: float, what: str, path: Path) -> None:
    """Raise DataError, with the first value, unless all values that are not NaN lie from `low` to `high`."""
    wrong = values[(values < low) | (values > high)]
    if wrong.size:
        raise DataError(f"{what} in {path} must lie from {low:g} to {high:g}, got {float(wrong.flat[0]):g}")


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
