"""Images that stay encoded (as files, or as rows of a memory-mapped table) until worker processes decode them."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import datasets
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._progress import tell_progress
from cordsnet.data.content import content_digest, image_sizes
from cordsnet.data.loading import Batch, batch_loader, decoding_processes
from cordsnet.data.unreadable import DEFAULT_TOLERANCE, Tolerance, Unreadable, check_unreadable, warn_unreadable
from cordsnet.errors import DataError
from cordsnet.pictures import UnreadableError, read_picture, to_pixels

MIN_IMAGES_FOR_WORKERS = 2000
"""Number of images above which starting worker processes for one pass over them saves time."""

ROW = "cordsnet row"
"""Key of the number of its row in a record."""

NAMELESS = "a row without a name"
"""Name of an image that has neither a file nor a number."""

Record: TypeAlias = dict[str, Any]
"""A row of a table: column name -> value. The image is {"bytes", "path"}, the label is a value of its column."""


class Decoded(NamedTuple):
    """Decoded images: 8-bit pixels [N, C, H, W], labels [N], unreadable images, and rows of the table [N]."""

    pixels: Tensor
    labels: Tensor
    unreadable: tuple[Unreadable, ...]
    rows: Tensor


def decode(content: bytes | Path, size: int, channels: int) -> NDArray[np.uint8] | None:
    """Decode an image by the rules of `cordsnet.pictures`: its shorter side becomes `size` px, the centre is taken.

    Returns pixels [size, size, channels] of 0-255, or None when the image cannot be read.
    """
    try:
        return to_pixels(read_picture(content, (size, size)), (size, size), channels)
    except UnreadableError:
        return None


def encoded_image(image: dict[str, Any] | None, root: str = "") -> bytes | Path:
    """The content of an image of a table, or the path of its file, which may be relative to `root`.

    Raises UnreadableError when there is neither.
    """
    if image is None or (image["bytes"] is None and image["path"] is None):
        raise UnreadableError("the row has no image")
    return bytes(image["bytes"]) if image["bytes"] is not None else Path(root, image["path"])


@dataclass(frozen=True)
class Decoder:
    """Turns rows of a table into pixels and labels.

    Attributes
    ----------
    name : data set and split, used in error messages.
    image, label : names of the columns of images and labels.
    size : height and width of the decoded images, px.
    channels : 1 for grey images, 3 for colour.
    root : folder of the data set, to which paths of images are relative.
    numbers : value of the column of labels -> number of its class; None where the column holds numbers of classes.
    tolerance : number of images that may be unreadable.
    """

    name: str
    image: str
    label: str
    size: int
    channels: int
    root: str = ""
    numbers: Mapping[Any, int] | None = None
    tolerance: Tolerance = DEFAULT_TOLERANCE

    def read(self, records: list[Record]) -> Decoded:
        """Decode the readable images among the records; rows count within the records."""
        pixels = np.empty((len(records), self.channels, self.size, self.size), np.uint8)
        labels: list[int] = []
        rows: list[int] = []
        unreadable: list[Unreadable] = []
        square = (self.size, self.size)
        for row, record in enumerate(records):
            try:
                picture = read_picture(encoded_image(record[self.image], self.root), square)
            except UnreadableError as error:
                unreadable.append(Unreadable(self.file(record), str(error)))
                continue
            pixels[len(labels)] = to_pixels(picture, square, self.channels).transpose(2, 0, 1)
            labels.append(self.number(record[self.label]))
            rows.append(row)
        read = torch.from_numpy(pixels[: len(labels)])
        return Decoded(read, torch.tensor(labels, dtype=torch.int64), tuple(unreadable), torch.tensor(rows).long())

    def skip_unreadable(self, records: list[Record]) -> Batch:
        """Decode the readable images among the records; the batch is smaller by the unreadable ones."""
        return self.read(records)[:3]

    def replace_unreadable(self, records: list[Record]) -> Batch:
        """Decode the records; the first readable images fill the places of unreadable ones, so the size is kept.

        Raises DataError when none can be read.
        """
        pixels, labels, unreadable = self.skip_unreadable(records)
        if not len(labels):
            raise DataError(
                f"none of {len(records)} images of data set {self.name} in a batch can be read: {unreadable[0]}"
            )
        if unreadable:
            rows = torch.arange(len(records)) % len(labels)
            pixels, labels = pixels[rows], labels[rows]
        return pixels, labels, unreadable

    def number(self, label: Any) -> int:
        """Number of the class of a label."""
        return int(label if self.numbers is None else self.numbers[label])

    def file(self, record: Record) -> str:
        """The file of a record within the data set, or its row."""
        path = (record[self.image] or {}).get("path")
        row = f"row {record[ROW]}" if ROW in record else ""
        if not path:
            return row or NAMELESS
        inside = Path(path)
        if self.root and inside.is_relative_to(self.root):
            return inside.relative_to(self.root).as_posix()
        return f"{path}, {row}" if row else str(path)


@dataclass(frozen=True)
class Encoded:
    """Images of a table that are decoded on access.

    Attributes
    ----------
    table : rows with the bytes or the path of each image; the table itself does not decode.
    decoder : turns rows into pixels.
    names : names of the classes; None takes them from the table.
    missing : images that are known to be unreadable, and are not in the table.
    first : rows of a larger table that the rows of this one were; None counts from 0.
    """

    table: datasets.Dataset
    decoder: Decoder
    names: tuple[str, ...] | None = None
    missing: tuple[Unreadable, ...] = ()
    first: Tensor | None = field(default=None, compare=False)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), like the shape of the decoded tensor."""
        decoder = self.decoder
        return len(self.table), decoder.channels, decoder.size, decoder.size

    def labels(self) -> Tensor:
        """Read the numbers of the classes of all rows [N]."""
        values = self.table[self.decoder.label][:]
        if self.decoder.numbers is not None:
            values = [self.decoder.numbers[value] for value in values]
        return torch.tensor(values, dtype=torch.int64)

    def classes(self) -> tuple[str, ...]:
        """Names of the classes; their numbers when the files hold no names."""
        if self.names is not None:
            return self.names
        kind = self.table.features[self.decoder.label]
        if isinstance(kind, datasets.ClassLabel):
            return tuple(kind.names)
        return tuple(map(str, range(int(self.labels().max()) + 1)))

    def skip_unreadable(self, rows: list[int]) -> Batch:
        """Decode the images of the given rows; see `Decoder.skip_unreadable`."""
        return self.decoder.skip_unreadable(self.records(rows))

    def replace_unreadable(self, rows: list[int]) -> Batch:
        """Decode the images of the given rows; see `Decoder.replace_unreadable`."""
        return self.decoder.replace_unreadable(self.records(rows))

    def batches(self, size: int) -> Iterator[Decoded]:
        """Decode all images in order, `size` rows at a time; skip unreadable ones, and warn of them at the end.

        Raises DataError when too many are unreadable.
        """
        count, unreadable = len(self.table), list(self.missing)
        total = count + len(self.missing)
        check_unreadable(unreadable, total, self.decoder.name, self.decoder.tolerance)
        order = [list(range(start, min(start + size, count))) for start in range(0, count, size)]
        processes = decoding_processes() if count >= MIN_IMAGES_FOR_WORKERS else 0
        what = f"reading images of {self.decoder.name}"
        tell_progress(what, 0, count)
        for rows, batch in zip(order, batch_loader(self._read, order, processes), strict=True):
            unreadable += batch[2]
            check_unreadable(unreadable, total, self.decoder.name, self.decoder.tolerance)
            yield Decoded(batch[0], batch[1], tuple(batch[2]), torch.tensor(rows)[batch[3]])
            tell_progress(what, rows[-1] + 1, count)
        warn_unreadable(unreadable, total, self.decoder.name)

    def load(self, size: int = 32) -> Decoded:
        """Decode all readable images into memory, `size` at a time, as `batches` does.

        Raises DataError when too many are unreadable.
        """
        pixels, labels = torch.empty(self.shape, dtype=torch.uint8), torch.empty(len(self.table), dtype=torch.int64)
        unreadable, read = list(self.missing), []
        count = 0
        for batch in self.batches(size):
            rows = slice(count, count + len(batch.labels))
            pixels[rows], labels[rows] = batch.pixels, batch.labels
            unreadable += batch.unreadable
            read.append(batch.rows)
            count = rows.stop
        rows_read = torch.cat(read) if read else torch.empty(0, dtype=torch.int64)
        return Decoded(pixels[:count], labels[:count], tuple(unreadable), self.numbered(rows_read))

    def select(self, rows: list[int]) -> "Encoded":
        """Some of the rows. As many of them may be unreadable as of all."""
        kept = self.numbered(torch.tensor(rows, dtype=torch.int64))
        tolerance = self.decoder.tolerance
        allowed = Tolerance(max(tolerance.count, int(tolerance.share * len(self.table))), tolerance.share)
        return Encoded(self.table.select(rows), replace(self.decoder, tolerance=allowed), self.names, (), kept)

    def numbered(self, rows: Tensor) -> Tensor:
        """Numbers of rows in the table that this one was selected from."""
        return rows if self.first is None else self.first[rows]

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each encoded image [N]; 0 where there is none."""
        return image_sizes(self.table, self.decoder.image, self.decoder.root)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the labels and of the encoded images, for the identity of a data set (`content_digest`)."""
        content = hashlib.sha256(self.labels().numpy().tobytes())
        content.update(repr(self.missing).encode())
        content.update(content_digest(self.table, self.decoder.image, self.decoder.root, self.sizes, self.decoder.name))
        return content.digest()

    def records(self, rows: list[int]) -> list[Record]:
        """Rows as records, each with its number."""
        columns = self.table[rows]
        names = (*columns, ROW)
        numbers = self.numbered(torch.tensor(rows, dtype=torch.int64)).tolist()
        return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), numbers, strict=True)]

    def _read(self, rows: list[int]) -> Decoded:
        return self.decoder.read(self.records(rows))
