"""MATLAB files of version 7.3, which are HDF5, through h5py; links and data in other files are not followed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.reading.matlab.values import DEEPEST, Unread, Value, check_size, damage_errors, damaged, text_of

MOST_CELLS = 5_000_000
"""Cells and fields of one variable that are read."""

CLASSES = ("double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
"""Classes of MATLAB that are arrays of numbers."""


class Version73:
    """A MATLAB file of version 7.3; axes are turned to MATLAB's order when they are read.

    Attributes
    ----------
    shapes : variable -> its size, in words.

    Raises
    ------
    DataError : the file is damaged, or was not written as MATLAB does.
    """

    def __init__(self, path: Path) -> None:
        import h5py

        self.path = path
        try:
            with h5py.File(path, "r") as file:
                names = [name for name in file if not name.startswith("#")]
                self.shapes = {name: _described(inside(file, name, path), name, path) for name in names}
        except damage_errors() as error:
            if isinstance(error, DataError):
                raise
            raise damaged(path, error) from error

    def read(self, name: str) -> Value:
        """Value of a variable, which is in `shapes`. Raises DataError when it is too large or damaged."""
        import h5py

        try:
            with h5py.File(self.path, "r") as file:
                return _Walk(file, name, self.path).value(inside(file, name, self.path))
        except damage_errors() as error:
            if isinstance(error, DataError):
                raise
            raise damaged(self.path, error, name) from error


def inside(group: Any, name: str, path: Path) -> Any:
    """A member of an HDF5 group. Raises DataError where it is a link, so that it may lie in another file."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise DataError(f"{name!r} in {path} is a link, which is not followed; save the file whole")
    return group[name]


def _class_of(node: Any) -> str:
    """Class of MATLAB of an HDF5 object; "" where it says none."""
    found = node.attrs.get("MATLAB_class", b"")
    return found.decode("ascii", "replace") if isinstance(found, bytes) else str(found)


def _described(node: Any, name: str, path: Path) -> str:
    """Size and class of a variable in words. Raises DataError for HDF5 that MATLAB did not write."""
    import h5py

    kind = _class_of(node)
    if not kind and "MATLAB_sparse" not in node.attrs:
        raise DataError(f"{name!r} in {path} has no MATLAB_class, so the file is HDF5 but not of MATLAB 7.3")
    shape = list(node.shape)[::-1] if isinstance(node, h5py.Dataset) else [1, 1]
    return f"{shape} {kind}"


class _Walk:
    """Value of one variable of a file of version 7.3, with what has been read of it so far."""

    def __init__(self, file: Any, name: str, path: Path) -> None:
        self.file, self.name, self.path = file, name, path
        self.bytes = self.cells = 0

    def value(self, node: Any, depth: int = 0) -> Value:
        """Content of a node. Raises DataError for more cells, or deeper ones, than are read."""
        import h5py

        self.cells += 1
        if depth > DEEPEST or self.cells > MOST_CELLS:
            most = f"{DEEPEST} cells and structs within one another, or than {MOST_CELLS:,} cells"
            raise DataError(f"{self.name!r} in {self.path} has more than {most}, and is not read")
        kind = _class_of(node)
        if "MATLAB_sparse" in node.attrs:
            return self._sparse(node)
        if isinstance(node, h5py.Group):
            return self._struct(node, depth) if kind == "struct" else Unread(kind or "object")
        if node.attrs.get("MATLAB_empty", 0):
            return "" if kind == "char" else [] if kind == "cell" else np.zeros(0)
        if "MATLAB_object_decode" in node.attrs or (kind not in CLASSES and kind not in ("char", "cell", "")):
            return Unread(kind or "object")
        if node.dtype == h5py.ref_dtype:
            return [self.value(self.file[one], depth + 1) for one in self._array(node).ravel("F")]
        array = self._array(node)
        if kind == "char":
            return text_of(["".join(map(chr, row)) for row in np.atleast_2d(array)])
        return array if array.dtype.kind in "biufc" else Unread(kind or str(array.dtype))

    def _array(self, node: Any) -> NDArray[Any]:
        """Numbers of a dataset in MATLAB's order of axes."""
        if node.external or node.is_virtual:
            raise DataError(f"{self.name!r} in {self.path} lies in another file, which is not read; save it whole")
        self.bytes += math.prod(node.shape) * node.dtype.itemsize
        check_size(self.bytes, self.name, self.path)
        return np.asarray(node[()]).T

    def _struct(self, node: Any, depth: int) -> dict[str, Any]:
        fields = {}
        for key in node:
            fields[key] = self.value(inside(node, key, self.path), depth + 1)
        return fields

    def _sparse(self, node: Any) -> NDArray[Any]:
        """A sparse matrix in full; MATLAB stores the columns one after another."""
        from scipy import sparse

        empty = "data" not in node
        starts = self._array(node["jc"]).astype(np.int64)
        shape = (int(node.attrs["MATLAB_sparse"]), len(starts) - 1)
        check_size(math.prod(shape) * 8, self.name, self.path)
        if empty:
            return np.zeros(shape)
        parts = self._array(node["data"]), self._array(node["ir"]).astype(np.int64), starts
        held = sparse.csc_matrix(parts, shape=shape)
        held.check_format(full_check=True)
        return np.asarray(held.toarray(), np.float64)
