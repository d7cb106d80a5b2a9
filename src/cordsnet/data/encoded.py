"""Images that stay encoded (as files, or as rows of a memory-mapped table) until worker processes decode them."""

import hashlib
import io
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import datasets
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cordsnet.errors import DataError

MAX_UNREADABLE = 1e-3
"""Largest proportion of unreadable images in a data set. Up to it, unreadable images are left out."""

WORKERS_VARIABLE = "CORDSNET_WORKERS"
"""Environment variable with the number of processes that decode images. When it is unset there is one per core, at
most 8. The number does not change any result, so it is not a setting of a recipe."""

MIN_IMAGES_FOR_WORKERS = 2000
"""Number of images above which starting worker processes for one pass over them saves time."""

Record: TypeAlias = dict[str, Any]
"""A row of a table: column name -> value. The image is {"bytes", "path"}, the label is the number of a class."""

Batch: TypeAlias = tuple[Tensor, Tensor, int]
"""8-bit pixels [B, C, H, W], labels [B], and the number of images that could not be read."""


def decode(content: bytes, size: int, channels: int) -> NDArray[np.uint8] | None:
    """Decode an image, resize its shorter side to `size` px and crop the centre.

    Returns pixels [size, size, channels] of 0-255, or None when the image cannot be read.
    """
    try:
        with Image.open(io.BytesIO(content)) as opened:
            image: Image.Image = opened
            if opened.mode.startswith("I;16"):  # `convert` would clip 16-bit values at 255 instead of scaling them
                image = Image.fromarray((np.asarray(opened) >> 8).astype(np.uint8))
            image = image.convert("L" if channels == 1 else "RGB")
    except (UnidentifiedImageError, OSError, ValueError):
        return None
    width, height = image.size
    side = min(width, height)
    if side != size:
        image = image.resize((round(width * size / side), round(height * size / side)), Image.Resampling.BILINEAR)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size))).reshape(size, size, channels)


def image_bytes(image: dict[str, Any] | None) -> bytes:
    """Return the encoded bytes of an image of a table; empty when it is missing or its file cannot be read."""
    if image is None or (image["bytes"] is None and image["path"] is None):
        return b""
    if image["bytes"] is not None:
        return bytes(image["bytes"])
    try:
        return Path(image["path"]).read_bytes()
    except OSError:
        return b""


def check_unreadable(unreadable: int, total: int, name: str) -> None:
    """Raise DataError when too many of the `total` images of a data set are unreadable."""
    if unreadable > MAX_UNREADABLE * total:
        raise DataError(
            f"{unreadable} of {total} images of data set {name} cannot be read, more than {100 * MAX_UNREADABLE:g} %; "
            "download the files again"
        )


@dataclass(frozen=True)
class Decoder:
    """Turns rows of a table into pixels and labels.

    Attributes
    ----------
    name : data set and split, used in error messages.
    image, label : names of the columns of images and labels.
    size : height and width of the decoded images, px.
    channels : 1 for grey images, 3 for colour.
    """

    name: str
    image: str
    label: str
    size: int
    channels: int

    def skip_unreadable(self, records: list[Record]) -> Batch:
        """Decode the readable images among the records; the batch is smaller by the unreadable ones."""
        pixels = np.empty((len(records), self.channels, self.size, self.size), np.uint8)
        labels: list[int] = []
        for record in records:
            image = decode(image_bytes(record[self.image]), self.size, self.channels)
            if image is not None:
                pixels[len(labels)] = image.transpose(2, 0, 1)
                labels.append(record[self.label])
        read = torch.from_numpy(pixels[: len(labels)])
        return read, torch.tensor(labels, dtype=torch.int64), len(records) - len(labels)

    def replace_unreadable(self, records: list[Record]) -> Batch:
        """Decode the records; the first readable images fill the places of unreadable ones, so the size is kept.

        Raises DataError when none can be read.
        """
        pixels, labels, unreadable = self.skip_unreadable(records)
        if unreadable == len(records):
            raise DataError(
                f"none of {unreadable} images of data set {self.name} in a batch can be read; download the files again"
            )
        if unreadable:
            rows = torch.arange(len(records)) % len(labels)
            pixels, labels = pixels[rows], labels[rows]
        return pixels, labels, unreadable


@dataclass(frozen=True)
class Encoded:
    """Images of a table that are decoded on access.

    Attributes
    ----------
    table : rows with the bytes or the path of each image; the table itself does not decode.
    decoder : turns rows into pixels.
    files : paths of the files that hold the table; empty when every image is a file of its own.
    """

    table: datasets.Dataset
    decoder: Decoder
    files: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), like the shape of the decoded tensor."""
        decoder = self.decoder
        return len(self.table), decoder.channels, decoder.size, decoder.size

    def labels(self) -> Tensor:
        """Read the labels of all rows [N]."""
        return torch.tensor(self.table[self.decoder.label][:], dtype=torch.int64)

    def classes(self) -> tuple[str, ...]:
        """Names of the classes; their numbers when the files hold no names."""
        kind = self.table.features[self.decoder.label]
        if isinstance(kind, datasets.ClassLabel):
            return tuple(kind.names)
        return tuple(map(str, range(int(self.labels().max()) + 1)))

    def skip_unreadable(self, rows: list[int]) -> Batch:
        """Decode the images of the given rows; see `Decoder.skip_unreadable`."""
        return self.decoder.skip_unreadable(self._records(rows))

    def replace_unreadable(self, rows: list[int]) -> Batch:
        """Decode the images of the given rows; see `Decoder.replace_unreadable`."""
        return self.decoder.replace_unreadable(self._records(rows))

    def batches(self, size: int) -> Iterator[Batch]:
        """Decode all images in order, `size` rows at a time, and skip unreadable ones.

        Raises DataError when too many are unreadable.
        """
        count, unreadable = len(self.table), 0
        order = [list(range(start, min(start + size, count))) for start in range(0, count, size)]
        processes = decoding_processes() if count >= MIN_IMAGES_FOR_WORKERS else 0
        for batch in batch_loader(self.skip_unreadable, order, processes):
            unreadable += batch[2]
            check_unreadable(unreadable, count, self.decoder.name)
            yield batch

    def load(self, size: int = 256) -> Batch:
        """Decode all readable images into memory, `size` at a time."""
        pixels, labels = torch.empty(self.shape, dtype=torch.uint8), torch.empty(len(self.table), dtype=torch.int64)
        count = 0
        for batch_pixels, batch_labels, _ in self.batches(size):
            rows = slice(count, count + len(batch_labels))
            pixels[rows], labels[rows] = batch_pixels, batch_labels
            count = rows.stop
        return pixels[:count], labels[:count], len(labels) - count

    def digest(self) -> bytes:
        """SHA-256 of the names and sizes of the files, for a fingerprint."""
        return files_digest(self.files or [image["path"] for image in self.table[self.decoder.image][:]])

    def _records(self, rows: list[int]) -> list[Record]:
        columns = self.table[rows]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def files_digest(paths: Sequence[str]) -> bytes:
    """SHA-256 of the sizes of files and of their paths relative to the folder that contains all of them."""
    root = os.path.commonpath([os.path.dirname(path) for path in paths])
    lines = [f"{os.path.relpath(path, root)} {os.path.getsize(path)}" for path in paths]
    return hashlib.sha256("\n".join(lines).encode()).digest()


class BatchReader(Dataset[Batch]):
    """Adapts a function that reads a whole batch to the interface that a `DataLoader` expects."""

    def __init__(self, read: Callable[[list[Any]], Batch]) -> None:
        self.read = read

    def __getitems__(self, items: list[Any]) -> Batch:
        """Read one batch."""
        return self.read(items)


def batch_loader(read: Callable[[list[Any]], Batch], order: Iterable[list[Any]], processes: int) -> DataLoader[Batch]:
    """Make a loader that applies `read` to every item of `order`, and keeps their order.

    Parameters
    ----------
    read : turns one item of `order` (rows, or records) into a batch.
    order : the items, one per batch.
    processes : number of worker processes; 0 reads in this process.
    """
    return DataLoader(
        BatchReader(read),
        batch_sampler=order,
        collate_fn=_identity,
        num_workers=processes,
        worker_init_fn=_ignore_scheduler_signals,
        pin_memory=torch.cuda.is_available(),
    )


def decoding_processes() -> int:
    """Number of processes that decode images. Raises ValueError when `CORDSNET_WORKERS` is not a number."""
    value = os.environ.get(WORKERS_VARIABLE)
    if value is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(cores, 8)
    if not value.isdigit():
        raise ValueError(f"{WORKERS_VARIABLE} must be a whole number of processes, 0 or more, got {value!r}")
    return int(value)


def _identity(batch: Any) -> Any:
    return batch


def _ignore_scheduler_signals(worker: int) -> None:
    """Make a worker ignore signals that do not come from the training process.

    A scheduler sends its signals to all processes of a job. Only the training process acts on them: it saves, then
    ends its workers.
    """
    if hasattr(signal, "sigwaitinfo"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_exit_on_parent_signal, daemon=True).start()


def _exit_on_parent_signal() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
