"""Rows of activity that are read block by block, from memory, a file or a store of chunks."""

import mmap
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError

Array: TypeAlias = NDArray[Any]

READ_BYTES = 64 * 2**20
"""Bytes that are read at a time."""

MAPPED_BYTES = 512 * 2**20
"""Bytes of a file that may stay mapped: beyond, pages are handed back as they are read."""


class ChosenRows:
    """Rows [images x bins, units] of activity [image, time, unit], read when they are asked for; images come first.

    Parameters
    ----------
    activity : activity [image, time, unit] in memory, a file (np.memmap) or a store of chunks (zarr, HDF5).
    images : indices of images.
    bins : indices of time bins.
    """

    def __init__(self, activity: Any, images: Array, bins: Array) -> None:
        self.activity, self.images, self.bins = activity, np.asarray(images), np.asarray(bins)
        self.shape = (len(self.images) * len(self.bins), int(activity.shape[2]))
        self.dtype = np.dtype(activity.dtype)

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """First row of each block, and its rows [k, units]."""
        width = len(self.bins)
        size = max(1, READ_BYTES // (int(np.prod(self.activity.shape[1:])) * self.dtype.itemsize))
        for start in range(0, len(self.images), size):
            chosen = read_images(self.activity, self.images[start : start + size])
            yield start * width, chosen[:, self.bins].reshape(-1, self.shape[1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All rows in memory."""
        whole = np.empty(self.shape, dtype or self.dtype)
        for start, block in self.blocks():
            whole[start : start + len(block)] = block
        return whole


def read_images(activity: Any, images: Array) -> Array:
    """Activity [images, time, unit] of some images, from memory, a file or a store of chunks."""
    if isinstance(activity, np.ndarray):
        found = np.asarray(activity[images])
        release(activity)
        return found
    order = np.argsort(images, kind="stable")  # stores of chunks want increasing indices
    rows, back = np.unique(images[order], return_inverse=True)
    read: Array = np.asarray(activity[rows] if not hasattr(activity, "oindex") else activity.oindex[rows])
    return read[back][np.argsort(order)]


def is_streamed(rows: object) -> bool:
    """True for rows that are read block by block: chosen rows, a mapped file, or a store of chunks (zarr, HDF5)."""
    stored = hasattr(rows, "chunks") and hasattr(rows, "dtype") and hasattr(rows, "shape")
    return isinstance(rows, ChosenRows | np.memmap) or stored


def check_streamed(rows: Any, width: int | None = None) -> None:
    """Raise DataError unless streamed rows are numbers [n, p], of `width` columns if that is given."""
    if len(rows.shape) != 2 or 0 in rows.shape:
        raise DataError(f"X must have the axes [row, unit] and at least one of each, got shape {tuple(rows.shape)}")
    if np.dtype(rows.dtype).kind not in "biuf":
        raise DataError(f"X must hold real numbers, got {rows.dtype}")
    if width is not None and rows.shape[1] != width:
        raise DataError(f"X must have the {width} units of the training rows, got {rows.shape[1]}")


def blocks(rows: Any) -> Iterator[tuple[int, Array]]:
    """First row of each block of about 64 MiB, and its rows [k, p]."""
    if isinstance(rows, ChosenRows):
        yield from rows.blocks()
        return
    size = max(1, READ_BYTES // (rows.shape[1] * np.dtype(rows.dtype).itemsize))
    chunk = getattr(rows, "chunks", None)
    if chunk and size > chunk[0]:
        size -= size % chunk[0]
    for start in range(0, rows.shape[0], size):
        yield start, np.asarray(rows[start : start + size])
        release(rows)


def release(rows: object) -> None:
    """Hand the pages of a large mapped file back, which would count as memory of this process otherwise."""
    base = rows
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode == "c":
            return  # its changes live in these pages alone
        base = base.base
    if isinstance(base, mmap.mmap) and len(base) > MAPPED_BYTES and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def compute_dtype(rows: Any) -> Any:
    """Precision of products: double for rows in double precision and whole numbers, single otherwise."""
    kind = np.dtype(rows.dtype)
    return np.float32 if kind.kind == "f" and kind.itemsize <= 4 else np.float64
