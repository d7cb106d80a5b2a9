"""MATLAB files of version 5, 6 and 7, through SciPy; sizes are known before anything is unpacked."""

import math
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cordsnet.errors import DataError
from cordsnet.neural.reading.matlab.elements import MATRIX, first_wrong
from cordsnet.neural.reading.matlab.values import DEEPEST, Unread, Value, check_size, damage_errors, damaged, text_of

HEADER, COMPRESSED = 128, 15
"""Bytes before the first variable, and the type of a compressed one."""


class Version5:
    """A MATLAB file of version 5, 6 or 7.

    Attributes
    ----------
    shapes : variable -> its size, in words.

    Raises
    ------
    DataError : the file ends too early, or its list of variables is damaged.
    """

    def __init__(self, path: Path) -> None:
        from scipy import io as matlab

        self.path = path
        self._sizes = _sizes_of_version_5(path)
        try:
            listed = matlab.whosmat(str(path), appendmat=False)
        except damage_errors() as error:
            raise damaged(path, error) from error
        if len(listed) != len(self._sizes):
            raise DataError(f"{path} is damaged: {len(listed)} of its {len(self._sizes)} variables can be listed")
        self._bytes = {name: size for (name, *_), size in zip(listed, self._sizes, strict=True)}
        self.shapes = {name: f"{list(shape)} {kind}" for name, shape, kind in listed if not name.startswith("__")}

    def read(self, name: str) -> Value:
        """Value of a variable, which is in `shapes`. Raises DataError when it is too large or damaged."""
        from scipy import io as matlab

        check_size(self._bytes[name], name, self.path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = matlab.loadmat(str(self.path), variable_names=[name], appendmat=False)[name]
            return _plain(found, name, self.path)
        except damage_errors() as error:
            if isinstance(error, DataError):
                raise
            raise damaged(self.path, error, name) from error


def _sizes_of_version_5(path: Path) -> list[int]:
    """Bytes of each variable after it is unpacked, by what the file says itself; raises DataError where it is cut."""
    sizes = []
    with open(path, "rb") as stream:
        end = stream.seek(0, 2)
        order = ">" if _bytes_at(stream, 126, 2) == b"MI" else "<"
        place = HEADER
        while place < end:
            tag = _bytes_at(stream, place, 8)
            kind, size = struct.unpack(f"{order}II", tag) if len(tag) == 8 else (0, 0)
            if kind not in (COMPRESSED, MATRIX) or place + 8 + size > end:
                raise DataError(f"{path} is damaged or cut off at byte {place:,} of {end:,}; save or copy it again")
            wrong = first_wrong(stream, place + 8, place + 8 + size, order) if kind == MATRIX else None
            if wrong is not None:
                raise DataError(f"{path} is damaged at byte {wrong:,} of {end:,}; save or copy it again")
            sizes.append(_unpacked(stream, place + 8, size, order, path) if kind == COMPRESSED else size)
            place += 8 + size
    return sizes


def _bytes_at(stream: BinaryIO, place: int, count: int) -> bytes:
    stream.seek(place)
    return stream.read(count)


def _unpacked(stream: BinaryIO, place: int, size: int, order: str, path: Path) -> int:
    """Size of a compressed variable, from the first bytes that unpack."""
    try:
        tag = zlib.decompressobj().decompress(_bytes_at(stream, place, min(size, 512)), 8)
        found: int = struct.unpack(f"{order}II", tag)[1]
    except (zlib.error, struct.error) as error:
        raise damaged(path, error) from error
    return found


def _class_of(found: Any) -> str:
    """Class of a value that is no array of numbers, texts or cells."""
    from scipy.io import matlab

    if isinstance(found, matlab.MatlabFunction):
        return "function_handle"
    if isinstance(found, matlab.MatlabObject):
        return str(found.classname)
    return str(found[0]["s2"].decode() if isinstance(found[0]["s2"], bytes) else found[0]["s2"])


def _plain(found: Any, name: str, path: Path, depth: int = 0) -> Value:
    """A value of SciPy as numbers, texts, lists and dicts."""
    from scipy import sparse
    from scipy.io import matlab

    if depth > DEEPEST:
        raise DataError(f"{name!r} in {path} has more than {DEEPEST} cells and structs within one another")
    if isinstance(found, matlab.MatlabFunction | matlab.MatlabOpaque | matlab.MatlabObject):
        return Unread(_class_of(found))
    if sparse.issparse(found):
        check_size(math.prod(found.shape) * found.dtype.itemsize, name, path)
        return np.asarray(found.toarray())
    if not isinstance(found, np.ndarray):
        return Unread(type(found).__name__)
    if found.dtype.names is not None:
        whole = found.size == 1
        fields = {
            key: [_plain(one, name, path, depth + 1) for one in found[key].ravel("F")] for key in found.dtype.names
        }
        return {key: values[0] if whole else values for key, values in fields.items()}
    if found.dtype.kind == "O":
        return [_plain(one, name, path, depth + 1) for one in found.ravel("F")]
    if found.dtype.kind == "U":
        return text_of([str(row) for row in found.ravel()])
    return found
