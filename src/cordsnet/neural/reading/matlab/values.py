"""Values of MATLAB as numbers, texts, lists and dicts, and the errors that tell damage."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from cordsnet.errors import DataError

LARGEST = 4 * 2**30
"""Bytes of one variable, unpacked, that are read."""

DEEPEST = 8
"""Structs and cells within one another that are followed."""


@dataclass(frozen=True)
class Unread:
    """A value of a class that is not read, such as a function handle.

    Attributes
    ----------
    kind : class of MATLAB.
    """

    kind: str


Readable: TypeAlias = NDArray[Any] | str | list[Any] | dict[str, Any]
"""Numbers in MATLAB's order of axes, a text, the cells of a cell array (columns first), or a struct.

An array of n structs is one dict with a list of n values for each field.
"""

Value: TypeAlias = Readable | Unread
"""Value that was read, or the class of one that is not read."""

REMEDY = {
    "table": "save table2struct(T, 'ToScalar', true) in its place",
    "string": "save cellstr(...) in its place",
    "categorical": "save cellstr(...) in its place",
    "datetime": "save numbers in ms in its place",
    "function_handle": "leave it out of the file",
}
"""Class that is not read -> what to save."""


def check_readable(value: Value, name: str, path: Path) -> Readable:
    """Return a value. Raises DataError, with what to save in its place, where it is of a class that is not read."""
    if isinstance(value, Unread):
        remedy = REMEDY.get(value.kind, "save an array of numbers, or a cell array of texts, in its place")
        raise DataError(f"{name!r} in {path} is of the MATLAB class {value.kind}, which is not read; {remedy}")
    return value


def check_size(size: float, name: str, path: Path) -> None:
    """Raise DataError where a variable has more bytes than are read."""
    if size > LARGEST:
        raise DataError(f"{name!r} in {path} has {size:,.0f} bytes, more than {LARGEST:,}; save a part of it")


def damaged(path: Path, error: BaseException, name: str = "") -> DataError:
    """Error for a file, or a variable of it, that a library could not read."""
    what = f"{name!r} in {path}" if name else f"{path}"
    return DataError(f"{what} is damaged or cut off ({' '.join(str(error).split()):.100}); save or copy it again")


def damage_errors() -> tuple[type[Exception], ...]:
    """Errors by which SciPy, h5py and zlib tell damage; DataError is a ValueError and passes through them."""
    from scipy.io.matlab import MatReadError, MatReadWarning

    found: tuple[type[Exception], ...] = (
        *(ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OSError, OverflowError, MemoryError),
        *(RuntimeError, SystemError, NotImplementedError, zlib.error, struct.error),
        *(MatReadError, MatReadWarning, UserWarning),
    )
    return found


def text_of(rows: Sequence[str]) -> str | list[str]:
    """A text, or a list of texts for a matrix of characters with several rows, without the blanks that pad them."""
    texts = [row.rstrip(" \0") for row in rows]
    return texts[0] if len(texts) == 1 else texts if texts else ""
