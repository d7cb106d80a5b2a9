"""Identity of a data set: its labels and the content of its images, not the paths or times of its files."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pyarrow.compute
from numpy.typing import NDArray

from cordsnet._progress import tell_progress

HASHED_BYTES = 2 * 2**30
"""Bytes of encoded images of a split that are hashed. Of larger splits, images at even distances that come to about as
many bytes; their number, the size of every image and every label count in any case. Hashing takes about 2 s per GiB on
one core, beside the time to read the files, so at most some seconds."""

ENDS = 2**16
"""Bytes at the beginning and at the end of a table's file by which its cached copy is known."""

ROWS_AT_ONCE = 64


def image_sizes(table: datasets.Dataset, column: str, root: str) -> NDArray[np.int64]:
    """Bytes of each encoded image [N] of a table whose column holds {"bytes", "path"}; 0 where there is none."""
    images = table.with_format("arrow")[:][column] if len(table) else pyarrow.chunked_array([[]])
    found = []
    for chunk in images.chunks if isinstance(images, pyarrow.ChunkedArray) else [images]:
        if not len(chunk):
            continue
        held = pyarrow.compute.binary_length(pyarrow.compute.struct_field(chunk, "bytes"))
        sizes = np.array(held.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
        paths = pyarrow.compute.struct_field(chunk, "path")
        for row in np.flatnonzero(sizes < 0):
            sizes[row] = _size(paths[row].as_py(), root)
        found.append(sizes)
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def content_digest(table: datasets.Dataset, column: str, root: str, sizes: NDArray[np.int64], name: str) -> bytes:
    """Digest of the sizes and the content of the images of a table `name`; see `HASHED_BYTES`."""
    content = hashlib.sha256(sizes.tobytes())
    stride = max(1, -(-int(sizes.sum()) // HASHED_BYTES))
    rows = list(range(0, len(sizes), stride))
    images = table.select_columns(column)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        tell_progress(f"checking the content of {name}", start, len(rows))
        for image in images[rows[start : start + ROWS_AT_ONCE]][column]:
            content.update(hashlib.blake2b(_content(image, root)).digest())  # twice as fast as SHA-256
    tell_progress(f"checking the content of {name}", len(rows), len(rows))
    return content.digest()


def table_key(files: Sequence[str]) -> str:
    """Key of the cached copy of tables: changes when a file is written, even if its size and its time stay the same.

    Beside size and time of modification, it has the time of the last change of the file's entry, which no program can
    set, and both ends of the content.
    """
    key = hashlib.sha256()
    for file in files:
        about = os.stat(file)
        key.update(repr((file, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)).encode())
        key.update(_ends(file))
    return key.hexdigest()


def files_digest(files: Sequence[str]) -> bytes:
    """SHA-256 of the names, the sizes and the ends of files; parquet files keep their statistics at the end."""
    content = hashlib.sha256()
    for file in sorted(files, key=os.path.basename):
        content.update(f"{os.path.basename(file)} {os.path.getsize(file)} ".encode() + _ends(file))
    return content.digest()


def _ends(file: str) -> bytes:
    with open(file, "rb") as stream:
        first = stream.read(ENDS)
        stream.seek(max(0, os.path.getsize(file) - ENDS))
        return hashlib.sha256(first + stream.read(ENDS)).digest()


def _size(path: str | None, root: str) -> int:
    try:
        return os.stat(os.path.join(root, path)).st_size if path else 0
    except OSError:
        return 0


def _content(image: dict[str, Any] | None, root: str) -> bytes:
    """The bytes of an image; none where it is missing or cannot be read."""
    if image is None or (image["bytes"] is None and image["path"] is None):
        return b""
    if image["bytes"] is not None:
        return bytes(image["bytes"])
    try:
        return Path(root, image["path"]).read_bytes()
    except OSError:
        return b""
