"""Training images read one after another from shards, on disk or on the hub, without storing all of them."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice

import datasets
from datasets.distributed import split_dataset_by_node
from torch.utils.data import DataLoader, Sampler

from cordsnet.data.batch_share import BatchShare
from cordsnet.data.content import files_digest
from cordsnet.data.encoded import Decoder, Record
from cordsnet.data.loading import Batch, batch_loader, decoding_processes
from cordsnet.data.split import Normalisation

BUFFER_SIZE = 10_000
"""Number of encoded images in the shuffle buffer, from which the next image is drawn."""


@dataclass(frozen=True)
class Stream:
    """Streamed images. Shards are read in an order that changes every epoch, and images pass a shuffle buffer.

    The same seed and number of processes give the same images in the same order, however many workers decode them and
    however often a run is interrupted. A resumed run reads the images before its first update again without decoding
    them. Another number of processes gives another order, because each process reads its own shards.

    Attributes
    ----------
    table : rows as they are read; the table itself does not decode images.
    decoder : turns rows into pixels.
    length : number of images.
    normalise : applied to pixel values in 0-1.
    files : paths of the shards, if they are on this machine.
    """

    table: datasets.IterableDataset
    decoder: Decoder
    length: int
    normalise: Normalisation
    files: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.length

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image: (C, H, W)."""
        return self.decoder.channels, self.decoder.size, self.decoder.size

    def loader(self, order: Iterable[list[Record]]) -> DataLoader[Batch]:
        """Make a loader for training: for every batch of a `StreamOrder`, 8-bit pixels, labels, unreadable images."""
        return batch_loader(self.decoder.replace_unreadable, order, decoding_processes())

    def digest(self) -> bytes:
        """SHA-256 of the number of images, and of the names, sizes and ends of shards on this machine."""
        files = files_digest(self.files) if self.files else b""
        return hashlib.sha256(str(self.length).encode() + files).digest()

    def origin(self) -> bytes:
        """As `digest`."""
        return self.digest()


class StreamOrder(Sampler[list[Record]]):
    """Batches of encoded images for a range of updates; the counterpart of `UpdateOrder` for streamed images.

    Every process reads its part of a batch from its own shards.
    """

    def __init__(self, stream: Stream, batch: int, updates: int, seed: int, share: BatchShare | None = None) -> None:
        share = share or BatchShare()
        shuffled = stream.table.shuffle(seed=seed, buffer_size=BUFFER_SIZE, max_buffer_input_shards=1)
        self.table = split_dataset_by_node(shuffled, rank=share.process, world_size=share.processes)
        self.images = share.images_per_part(batch)
        self.first, self.count = share.first * share.parts, updates * share.parts

    def __len__(self) -> int:
        """Number of batches of the whole run, including those before the first update."""
        return self.count

    def __iter__(self) -> Iterator[list[Record]]:
        """Iterate over the batches from the first update on."""
        records = islice(self._endless(), self.first * self.images, None)
        for _ in range(self.first, self.count):
            yield list(islice(records, self.images))

    def _endless(self) -> Iterator[Record]:
        for epoch in count():
            self.table.set_epoch(epoch)
            yield from self.table
