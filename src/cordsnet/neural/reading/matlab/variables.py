"""Variables of MATLAB files by name, fields of structs included."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.reading.files import HDF5, MATLAB_HDF5, check_file
from cordsnet.neural.reading.matlab.values import Readable, Value, check_readable
from cordsnet.neural.reading.matlab.version5 import HEADER, Version5
from cordsnet.neural.reading.matlab.version73 import Version73
from cordsnet.neural.reading.parts.facts import texts

SHOWN = 12
"""Variables that a message lists."""


def open_matlab(path: Path) -> Version5 | Version73:
    """Variables of a MATLAB file.

    Raises
    ------
    DataError : there is no such file, or it is damaged or of another format.
    """
    check_file(path)
    with open(path, "rb") as stream:
        head = stream.read(MATLAB_HDF5 + len(HDF5))
    if HDF5 in (head[: len(HDF5)], head[MATLAB_HDF5:]):
        return Version73(path)
    if len(head) > HEADER and head[126:128] in (b"IM", b"MI"):
        return Version5(path)
    raise DataError(f"{path} is damaged or is no MATLAB file of version 5, 7 or 7.3; save it with '-v7' or '-v7.3'")


class Variables:
    """Variables of one file, each read once.

    Attributes
    ----------
    path : path of the file.
    shapes : variable -> its size, in words.

    Raises
    ------
    DataError : there is no such file, or it is damaged or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_matlab(path)
        self.shapes = self._file.shapes
        self.held: dict[str, Value] = {}

    def find(self, name: str, argument: str) -> Readable:
        """Value of a variable or of a field of a struct. Raises DataError, with those there are, for another name."""
        if not isinstance(name, str):
            raise DataError(f"{argument} must name a variable by a text, got {name!r:.60}")
        first, *fields = name.split(".")
        if first not in self.held:
            if first not in self.shapes:
                raise DataError(f"{argument}: {self.path} has no variable {first!r}; it has {self.listed()}")
            self.held[first] = self._file.read(first)
        value, so_far = self.held[first], first
        for one in fields:
            check_readable(value, so_far, self.path)
            if not isinstance(value, dict) or one not in value:
                has = f"its fields are {listed(value)}" if isinstance(value, dict) else "it is no struct"
                raise DataError(f"{argument}: {so_far!r} in {self.path} has no field {one!r}; {has}")
            value, so_far = value[one], f"{so_far}.{one}"
        return check_readable(value, name, self.path)

    def listed(self) -> str:
        """Variables and their sizes, in words."""
        return listed([f"{name} {shape}" for name, shape in self.shapes.items()])

    def numbers(self, name: str, argument: str) -> NDArray[Any]:
        """An array of real numbers. Raises DataError for anything else."""
        value = self.find(name, argument)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or not value.size:
            given = f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else _kind(value)
            raise DataError(f"{argument}: {name!r} in {self.path} must be an array of real numbers, got {given}")
        return value

    def names(self, name: str, argument: str, count: int, of: str, one_for_all: bool = False) -> list[str]:
        """A text or number for each of `count` images, trials or neurons. Raises DataError for another number."""
        value = self.find(name, argument)
        if isinstance(value, dict):
            raise DataError(f"{argument}: {name!r} in {self.path} is a struct; name a field of it: {listed(value)}")
        values = [value] if isinstance(value, str) else value.ravel("F") if isinstance(value, np.ndarray) else value
        for one in value if isinstance(value, list) else []:
            check_readable(one, name, self.path)
        found = texts(values, f"{argument}: {name!r} in {self.path}")
        if one_for_all and len(found) == 1:
            return found * count
        if len(found) != count:
            raise DataError(
                f"{argument}: {name!r} in {self.path} has {len(found)} values for {count} along the axis of {of}s; "
                "name another variable, or the axes in another order"
            )
        return found


def listed(names: Iterable[str]) -> str:
    """Names in a message, the first of them where there are many."""
    held = list(names)
    more = f" and {len(held) - SHOWN} more" if len(held) > SHOWN else ""
    return (", ".join(held[:SHOWN]) or "none") + more


def _kind(value: Readable) -> str:
    return "a struct" if isinstance(value, dict) else "a text" if isinstance(value, str) else "a cell array"
