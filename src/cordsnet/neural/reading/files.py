"""Files before they are read: whole, of bounded size, and nothing that runs code."""

import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cordsnet.errors import DataError

LARGEST = 16 * 2**30
"""Largest array that is read or made, bytes."""

PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth")
"""Ends of the names of files that hold pickles."""

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
MATLAB_HDF5 = 512
"""Bytes before the HDF5 part of a MATLAB 7.3 file."""

STRANGE = {
    b"version https://git-lfs": "is a pointer of Git LFS and no data; fetch it with git lfs pull",
    b"<!DOCTYPE": "is a web page and no data; download the file again",
    b"<html": "is a web page and no data; download the file again",
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"Rar!": "is a RAR archive; unpack it first",
    b"7z\xbc\xaf": "is a 7z archive; unpack it first",
}
"""First bytes of a file -> why it is not read."""


def check_file(path: Path) -> None:
    """Check that a file is there, is whole as far as its container says, and is no pickle.

    Raises
    ------
    DataError : there is no such file or folder, it is empty, cut short, or of a kind that is not read.
    """
    if not path.exists():
        raise DataError(f"there is no file or folder {path}; check the path")
    if path.is_dir():
        return
    if not path.is_file():
        raise DataError(f"{path} is a device or a pipe; give a file or a folder")
    with open(path, "rb") as stream:
        start = stream.read(MATLAB_HDF5 + len(HDF5))
    if not start:
        raise DataError(f"{path} is empty (0 bytes); copy or download it again")
    is_pickle = start[0] == 0x80 and len(start) > 1 and 2 <= start[1] <= 5
    if path.suffix.lower() in PICKLES or is_pickle:
        raise DataError(f"{path} is a pickle, which can run code when it is read; save its arrays as .npz or NetCDF")
    for bytes_, why in STRANGE.items():
        if start.startswith(bytes_):
            raise DataError(f"{path} {why}")
    if start.startswith(ZIP) and not zipfile.is_zipfile(path):
        raise DataError(f"{path} is cut short: the table at the end of the zip is missing; copy or download it again")
    if HDF5 in (start[: len(HDF5)], start[MATLAB_HDF5:]):
        _check_hdf5(path, 0 if start.startswith(HDF5) else MATLAB_HDF5, start)


def _check_hdf5(path: Path, base: int, start: bytes) -> None:
    """Raise DataError if a file is shorter than its HDF5 header says (superblocks 0 to 3 of the format's description).

    Only offsets of eight bytes are looked at, which all common libraries write.
    """
    with open(path, "rb") as stream:
        stream.seek(base)
        head = stream.read(64)
    version = head[8] if len(head) > 8 else 0
    place = {0: 24 + 16, 1: 28 + 16}.get(version, 12 + 16)  # after base address and address of free space or extension
    wide = head[13 if version < 2 else 9] if len(head) > 13 else 0
    if len(head) < 64 or wide != 8:
        raise DataError(f"{path} is cut short or damaged: its HDF5 header is incomplete; copy or download it again")
    end, size = struct.unpack_from("<Q", head, place)[0], path.stat().st_size
    if size < end:
        raise DataError(
            f"{path} is cut short: its HDF5 header says {end:,} bytes and the file has {size:,}; copy it again"
        )


def check_size(shape: tuple[int, ...], itemsize: int, what: str) -> None:
    """Raise DataError if an array of that shape is larger than `LARGEST`."""
    size = itemsize
    for side in shape:
        size *= int(side)
    if size > LARGEST:
        sides = " x ".join(f"{side:,}" for side in shape)
        raise DataError(
            f"{what} would take {size / 2**30:,.1f} GiB ({sides}); at most {LARGEST / 2**30:g} GiB are read"
        )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the path before the sentence of a DataError that does not say it."""
    try:
        yield
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path}: {error}") from error


@contextmanager
def npz_arrays(path: Path) -> Iterator["NpzArrays"]:
    """Open an .npz file. Raises DataError for one that is damaged, too large or holds Python objects."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield NpzArrays(path, archive)
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is damaged ({error}); copy or download it again") from error


class NpzArrays:
    """Arrays of an .npz file, whose headers are checked before a number of them is read."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self.archive = path, archive
        self.members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __contains__(self, name: object) -> bool:
        return name in self.members

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.members:
            raise DataError(f"{self.path} has no array {name!r}; it has {', '.join(self.members) or 'none'}")
        with self.archive.open(self.members[name]) as stream:
            return _read_npy(stream, self.members[name].file_size, f"array {name!r} of {self.path}")

    def get(self, name: str) -> NDArray[Any] | None:
        """Read an array; None where there is none of that name."""
        return self[name] if name in self.members else None

    def text(self, name: str) -> str:
        """Read an array of one text."""
        return str(self[name].item())

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an array, from its header alone."""
        with self.archive.open(self.members[name]) as stream:
            return _read_header(stream, f"array {name!r} of {self.path}")[0]


def read_npy(path: Path) -> NDArray[Any]:
    """Read an .npy file. Raises DataError for one that is damaged, too large or holds Python objects."""
    with open(path, "rb") as stream:
        return _read_npy(stream, path.stat().st_size, str(path))


def _read_header(stream: Any, what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape of one array, True if its first axis varies fastest, and its type."""
    try:
        version = npy.read_magic(stream)
        reads: dict[tuple[int, int], Callable[..., Any]] = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }
        if version not in reads:
            raise ValueError(f"version {version} of the format")
        shape, columns_first, dtype = reads[version](stream)
    except ValueError as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{what} has no header of an .npy array ({reason}); save it again with numpy.save") from error
    if dtype.hasobject:
        raise DataError(f"{what} holds Python objects, which only pickle reads and may run code; save numbers or texts")
    return shape, columns_first, dtype


def _read_npy(stream: Any, size: int, what: str) -> NDArray[Any]:
    """Read one array whose header promises no more than there is."""
    shape, columns_first, dtype = _read_header(stream, what)
    check_size(shape, dtype.itemsize, what)
    bytes_ = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    content = stream.read(bytes_) if size >= bytes_ else b""
    if len(content) < bytes_:
        raise DataError(f"{what} is cut short: its header says {bytes_:,} bytes and {size:,} are there; copy it again")
    flat = np.frombuffer(bytearray(content), dtype)
    return flat.reshape(shape, order="F" if columns_first else "C")
