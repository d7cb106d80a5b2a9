"""Images that stay encoded, as files or rows of a memory-mapped table, and are decoded by worker processes."""

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

UNREADABLE = 1e-3
"""Largest share of images that may be unreadable, and are then left out."""

WORKERS = "CORDSNET_WORKERS"
"""Environment variable: processes that decode images; one for each core, at most 8, where it is unset. It changes no
result, so it is no setting of a recipe."""

WORTHWHILE = 2000
"""Number of images from which on going through them once is worth the start of workers."""

Record: TypeAlias = dict[str, Any]
"""A row of a table: the encoded image ({"bytes", "path"}) and the class, under the names of their columns."""

Batch: TypeAlias = tuple[Tensor, Tensor, int]
"""Pixels [B, C, H, W], classes [B], and how many images could not be read."""


def decode(content: bytes, size: int, channels: int) -> NDArray[np.uint8] | None:
    """An encoded image as [size, size, channels] of 0-255, its shorter side brought to `size` and its middle taken.

    None when it cannot be read.
    """
    try:
        with Image.open(io.BytesIO(content)) as opened:
            image = opened.convert("L" if channels == 1 else "RGB")
    except (UnidentifiedImageError, OSError, ValueError):
        return None
    width, height = image.size
    side = min(width, height)
    if side != size:
        image = image.resize((round(width * size / side), round(height * size / side)), Image.Resampling.BILINEAR)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size))).reshape(size, size, channels)


def content_of(image: dict[str, Any]) -> bytes:
    """An encoded image of a table; nothing where its file cannot be read."""
    if image["bytes"] is not None:
        return bytes(image["bytes"])
    try:
        return Path(image["path"]).read_bytes()
    except OSError:
        return b""


def check_readable(lost: int, of: int, name: str) -> None:
    """Raise DataError when too many images cannot be read."""
    if lost > UNREADABLE * of:
        raise DataError(
            f"{lost} of {of} images of data set {name} cannot be read, more than {100 * UNREADABLE:g} %; "
            "fetch the files again"
        )


@dataclass(frozen=True)
class Decoder:
    """How records become pixels.

    Attributes
    ----------
    name : of the data set and the split, for errors.
    image, label : columns of the record.
    size, channels : of the decoded image, px; 1 channel for grey, 3 for colour.
    """

    name: str
    image: str
    label: str
    size: int
    channels: int

    def readable(self, records: list[Record]) -> Batch:
        """Those of the records that can be read, as 8-bit pixels."""
        pixels = np.empty((len(records), self.channels, self.size, self.size), np.uint8)
        labels: list[int] = []
        for record in records:
            image = decode(content_of(record[self.image]), self.size, self.channels)
            if image is not None:
                pixels[len(labels)] = image.transpose(2, 0, 1)
                labels.append(record[self.label])
        read = torch.from_numpy(pixels[: len(labels)])
        return read, torch.tensor(labels, dtype=torch.int64), len(records) - len(labels)

    def filled(self, records: list[Record]) -> Batch:
        """As many as there are records: in place of those that cannot be read, the first of the others once more.

        Raises DataError when none can be read.
        """
        pixels, labels, lost = self.readable(records)
        if lost == len(records):
            raise DataError(f"none of {lost} images of data set {self.name} in a batch can be read; fetch them again")
        if lost:
            again = torch.arange(len(records)) % len(labels)
            pixels, labels = pixels[again], labels[again]
        return pixels, labels, lost


@dataclass(frozen=True)
class Encoded:
    """The images of a table, decoded when asked for.

    Attributes
    ----------
    table : its rows; the bytes or paths of images are not decoded by it.
    decoder : how they are.
    files : that the rows came from; none where every row is a file of its own.
    """

    table: datasets.Dataset
    decoder: Decoder
    files: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), as of a tensor."""
        decoder = self.decoder
        return len(self.table), decoder.channels, decoder.size, decoder.size

    def labels(self) -> Tensor:
        """The class of every row [N]."""
        return torch.tensor(self.table[self.decoder.label][:], dtype=torch.int64)

    def classes(self) -> tuple[str, ...]:
        """Names of the classes; their numbers where the files name none."""
        kind = self.table.features[self.decoder.label]
        if isinstance(kind, datasets.ClassLabel):
            return tuple(kind.names)
        return tuple(map(str, range(int(self.labels().max()) + 1)))

    def filled(self, rows: list[int]) -> Batch:
        """The images of some rows; see `Decoder.filled`."""
        return self.decoder.filled(self._records(rows))

    def readable(self, rows: list[int]) -> Batch:
        """The images of some rows; see `Decoder.readable`."""
        return self.decoder.readable(self._records(rows))

    def batches(self, size: int) -> Iterator[Batch]:
        """All in order, `size` rows at a time, less what cannot be read. Raises DataError when that is too much."""
        count, lost = len(self.table), 0
        order = [list(range(start, min(start + size, count))) for start in range(0, count, size)]
        for batch in loader(self.readable, order, workers() if count >= WORTHWHILE else 0):
            lost += batch[2]
            check_readable(lost, count, self.decoder.name)
            yield batch

    def held(self, size: int = 256) -> Batch:
        """All that can be read, in memory."""
        pixels, labels = torch.empty(self.shape, dtype=torch.uint8), torch.empty(len(self.table), dtype=torch.int64)
        count = 0
        for some, their, _ in self.batches(size):
            pixels[count : count + len(their)], labels[count : count + len(their)] = some, their
            count += len(their)
        return pixels[:count], labels[:count], len(labels) - count

    def digest(self) -> bytes:
        """Of the names and sizes of the files, for a fingerprint."""
        return digest_of_files(self.files or [image["path"] for image in self.table[self.decoder.image][:]])

    def _records(self, rows: list[int]) -> list[Record]:
        columns = self.table[rows]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def digest_of_files(paths: Sequence[str]) -> bytes:
    """Of their names, below the folder that holds them all, and their sizes."""
    root = os.path.commonpath([os.path.dirname(path) for path in paths])
    lines = [f"{os.path.relpath(path, root)} {os.path.getsize(path)}" for path in paths]
    return hashlib.sha256("\n".join(lines).encode()).digest()


class Fetch(Dataset[Batch]):
    """A function from what an order yields to a batch, in the form that a `DataLoader` takes."""

    def __init__(self, read: Callable[[list[Any]], Batch]) -> None:
        self.read = read

    def __getitems__(self, items: list[Any]) -> Batch:
        """A whole batch at once."""
        return self.read(items)


def loader(read: Callable[[list[Any]], Batch], order: Iterable[list[Any]], processes: int) -> DataLoader[Batch]:
    """Batches that `read` makes of what `order` yields, in that order; in `processes` workers, or here for 0."""
    return DataLoader(
        Fetch(read),
        batch_sampler=order,
        collate_fn=_as_it_is,
        num_workers=processes,
        worker_init_fn=_heed_parent_alone,
        pin_memory=torch.cuda.is_available(),
    )


def workers() -> int:
    """How many processes decode images. Raises ValueError when the environment says something else than a number."""
    said = os.environ.get(WORKERS)
    if said is None:
        here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(here, 8)
    if not said.isdigit():
        raise ValueError(f"{WORKERS} must be a whole number of processes, 0 or more, got {said!r}")
    return int(said)


def _as_it_is(batch: Any) -> Any:
    return batch


def _heed_parent_alone(worker: int) -> None:
    """A scheduler asks all processes to stop; that is for the one that trains, which ends its workers itself."""
    if hasattr(signal, "sigwaitinfo"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_parent_says, daemon=True).start()


def _end_when_parent_says() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
