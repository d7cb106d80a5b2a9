"""Training images that come one after another from shards, here or on the hub, and are never all on this machine."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice

import datasets
from datasets.distributed import split_dataset_by_node
from torch.utils.data import DataLoader, Sampler

from cordsnet.data.encoded import Batch, Decoder, Record, digest_of_files, loader, workers
from cordsnet.data.share import Share
from cordsnet.data.split import Normalisation

BUFFER = 10_000
"""Encoded images from which the next one is drawn."""


@dataclass(frozen=True)
class Stream:
    """Images in the order of their shards, which is shuffled anew in every epoch, each drawn from a buffer.

    The same seed and number of processes give the same images in the same order, however many workers decode them and
    however often a run is interrupted; to go on, a run reads again, without decoding, what it has seen. Another number
    of processes gives another order, since each process reads shards of its own.

    Attributes
    ----------
    table : rows as they come; images are not decoded by it.
    decoder : how they are.
    length : number of rows.
    normalise : how pixel values in 0-1 become what a network sees.
    files : of the shards, where they are on this machine.
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
        """Of one image: (C, H, W)."""
        return self.decoder.channels, self.decoder.size, self.decoder.size

    def loader(self, order: Iterable[list[Record]]) -> DataLoader[Batch]:
        """Batches of what a `StreamOrder` yields, for training: 8-bit pixels, labels, unreadable images."""
        return loader(self.decoder.filled, order, workers())

    def digest(self) -> bytes:
        """Of the number of images and the names and sizes of the shards that are on this machine."""
        files = digest_of_files(self.files) if self.files else b""
        return hashlib.sha256(str(self.length).encode() + files).digest()


class StreamOrder(Sampler[list[Record]]):
    """Batches of encoded images for a range of updates: what `UpdateOrder` is to images that can be numbered.

    Every process draws its share of a batch from its own shards.
    """

    def __init__(self, stream: Stream, batch: int, updates: int, seed: int, share: Share | None = None) -> None:
        share = share or Share()
        shuffled = stream.table.shuffle(seed=seed, buffer_size=BUFFER, max_buffer_input_shards=1)
        self.table = split_dataset_by_node(shuffled, rank=share.process, world_size=share.processes)
        self.images, self.first, self.count = share.of(batch), share.first * share.parts, updates * share.parts

    def __len__(self) -> int:
        """Batches of the whole run, those before the first included."""
        return self.count

    def __iter__(self) -> Iterator[list[Record]]:
        """From the first update on."""
        records = islice(self._endless(), self.first * self.images, None)
        for _ in range(self.first, self.count):
            yield list(islice(records, self.images))

    def _endless(self) -> Iterator[Record]:
        for epoch in count():
            self.table.set_epoch(epoch)
            yield from self.table
