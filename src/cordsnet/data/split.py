"""Labelled images in one interface, whether they are in memory or decoded on access."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from numbers import Integral

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_type
from cordsnet.data.draw import drawn_rows
from cordsnet.data.encoded import Encoded
from cordsnet.data.loading import Batch, batch_loader, decoding_processes
from cordsnet.data.unreadable import Unreadable, check_unreadable, first_of, warn_unreadable
from cordsnet.errors import DataError

MAX_BYTES_IN_MEMORY = 2**30
"""Largest split, in bytes of 8-bit pixels, that is decoded once into memory; larger ones are decoded on access."""

MAX_SIZE = 4096
"""Largest height and width of images, px."""

SAMPLE_SIZE = 1000
"""Number of images, evenly spaced, that determine the normalisation of a split that is not in memory."""

GRID, OFF_GRID = 1009, 0.377
"""Levels to which floats in 0-1 are rounded where rounding errors must not count, and an offset that simple fractions
do not hit."""

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Normalisation:
    """Normalisation of pixel values in 0-1: (pixel - mean) / std per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images [B, C, H, W] with values in 0-1."""
        mean, std = (images.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (images - mean) / std

    @classmethod
    def of_split(cls, split: "Split") -> "Normalisation":
        """Measure mean and standard deviation of the 8-bit pixels of a split.

        The result is exact for a split in memory; otherwise `SAMPLE_SIZE` images are decoded and measured. A channel
        that never changes has the standard deviation 1, so that it is centred and no more.
        """
        pixels = split.pixels if isinstance(split.pixels, Tensor) else _sample(split.pixels)
        value = torch.arange(256, dtype=torch.float64) / 255
        means, stds = [], []
        for channel in range(pixels.shape[1]):
            count = torch.bincount(pixels[:, channel].flatten(), minlength=256)
            mean = (count * value).sum() / count.sum()
            means.append(float(mean))
            spread = float(((count * (value - mean).square()).sum() / (count.sum() - 1).clamp(min=1)).sqrt())
            stds.append(spread if int((count > 0).sum()) > 1 else 1.0)
        return cls(tuple(means), tuple(stds))


def check_size(image_size: object) -> None:
    """Raise ValueError unless images can be made `image_size` px high and wide."""
    if isinstance(image_size, bool) or not isinstance(image_size, Integral) or not 0 < int(image_size) <= MAX_SIZE:
        raise ValueError(f"image_size must be a whole number of px from 1 to {MAX_SIZE}, got {image_size!r}")


@check_arguments
def to_unit_range(pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Scale 8-bit pixels to 0-1 in `dtype`; return floats, which are 0-1 already, unchanged."""
    check_type(pixels, Tensor, "pixels", "a torch tensor")
    return pixels if pixels.is_floating_point() else pixels.to(dtype).div_(255)


@check_init
@dataclass(frozen=True)
class Split:
    """Images and their labels.

    Attributes
    ----------
    pixels : tensor [N, C, H, W] in memory, 8 bit or floats in 0-1; or encoded images, which are decoded on access.
    labels : numbers of the classes [N].
    unreadable : images left out because they could not be read; of images decoded on access, only those that are known
        to be missing, since the others are noticed when they are decoded.
    normalise : applied to pixel values in 0-1; None leaves them as they are.
    dtype, device : dtype and device of the images that are returned.
    rows : numbers of the images in the whole split [N], by which results can name them (`file`); None counts from 0.
    source : the encoded images that the split was made from.
    decoded : pixels as they were decoded from `source`, by which a split notices that its pixels were replaced.
    """

    pixels: Tensor | Encoded
    labels: Tensor
    unreadable: tuple[Unreadable, ...] = ()
    normalise: Normalisation | None = None
    dtype: torch.dtype = torch.float32
    device: torch.device = CPU
    rows: Tensor | None = field(default=None, compare=False)
    source: Encoded | None = field(default=None, compare=False, repr=False)
    decoded: Tensor | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.pixels, Tensor):  # encoded images come with their own labels
            if self.pixels.ndim != 4:
                raise ValueError(f"pixels must have the axes [N, C, H, W], got shape {list(self.pixels.shape)}")
            if self.labels.ndim == 0 or len(self.labels) != len(self.pixels):
                given = f"shape {list(self.labels.shape)} for {len(self.pixels)} images"
                raise ValueError(f"labels must be as many as images, got {given}")
            if self.pixels.is_floating_point() and not bool(self.pixels.sum(dtype=torch.float64).isfinite()):
                raise ValueError("pixels hold NaN or infinite values; leave those images out")

    @classmethod
    def from_encoded(cls, encoded: Encoded) -> "Split":
        """Make a split of encoded images, decoded into memory if they take up to `MAX_BYTES_IN_MEMORY`.

        Raises DataError when too many of the images decoded now are unreadable.
        """
        if torch.Size(encoded.shape).numel() <= MAX_BYTES_IN_MEMORY:
            pixels, labels, unreadable, rows = encoded.load()
            return cls(pixels, labels, unreadable, rows=rows, source=encoded, decoded=pixels)
        total = len(encoded.table) + len(encoded.missing)
        check_unreadable(encoded.missing, total, encoded.decoder.name, encoded.decoder.tolerance)
        warn_unreadable(encoded.missing, total, encoded.decoder.name)
        return cls(encoded, encoded.labels(), encoded.missing, rows=encoded.first, source=encoded)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image: (C, H, W)."""
        return tuple(self.pixels.shape[1:])

    @property
    def images(self) -> Tensor:
        """All images [N, C, H, W], normalised. Use `take` first when not all fit into memory.

        Raises DataError when some cannot be read, since labels and images would not go together then.
        """
        if isinstance(self.pixels, Tensor):
            return self._normalised(self.pixels)
        found = self.pixels.load()
        if found.unreadable:
            raise DataError(f"{first_of(found.unreadable)} cannot be read; take({len(self)}) leaves out labels too")
        return self._normalised(found.pixels)

    def loader(self, order: Iterable[list[int]]) -> DataLoader[Batch]:
        """Make a loader for training: for every list of rows in `order`, pixels as stored, labels, unreadable images.

        Pixels are neither scaled nor normalised, so that 8 bits travel to the device. Unreadable images are replaced by
        others of the batch.
        """
        if isinstance(self.pixels, Tensor):
            return batch_loader(self._rows, order, 0)
        return batch_loader(self.pixels.replace_unreadable, order, decoding_processes())

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Iterate over normalised images and labels in order, at most `size` at a time, skipping unreadable images.

        Raises DataError when too many are unreadable.
        """
        if isinstance(self.pixels, Tensor):
            for pixels, labels in zip(torch.split(self.pixels, size), torch.split(self.labels, size), strict=True):
                yield self._normalised(pixels), labels
        else:
            for batch in self.pixels.batches(size):
                yield self._normalised(batch.pixels), batch.labels.to(self.device)

    def take(self, count: int, seed: int = 0) -> "Split":
        """Load `count` images into memory, drawn at random from all classes (`drawn_rows`), in the order of the draw.

        All are taken, in their own order, where there are no more than `count`. The same seed gives the same images,
        and a smaller draw is the beginning of a larger one; `rows` says which.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1 image, got {count}")
        return self.pick(torch.arange(len(self)) if count >= len(self) else drawn_rows(self.labels.cpu(), count, seed))

    def pick(self, chosen: Tensor) -> "Split":
        """Load the images at some indices [M] into memory, in that order; unreadable ones are left out."""
        if isinstance(self.pixels, Tensor):
            at = chosen.to(self.pixels.device)
            rows = chosen if self.rows is None else self.rows[chosen]
            return replace(self, pixels=self.pixels[at], labels=self.labels[at], unreadable=(), rows=rows)
        pixels, labels, unreadable, rows = self.pixels.select(chosen.tolist()).load()
        pixels, labels = pixels.to(self.device), labels.to(self.device)
        return replace(self, pixels=pixels, labels=labels, unreadable=unreadable, rows=rows)

    def part(self, start: int, stop: int) -> "Split":
        """Load the images from `start` up to `stop` into memory, without those that cannot be read (`unreadable`)."""
        chosen = torch.arange(start, stop)
        if isinstance(self.pixels, Tensor):
            rows = chosen if self.rows is None else self.rows[chosen]
            pixels, labels = self.pixels[start:stop], self.labels[start:stop]
            return replace(self, pixels=pixels, labels=labels, unreadable=(), rows=rows, decoded=None)
        pixels, labels, unreadable, rows = self.pixels.select(chosen.tolist()).load()
        return replace(self, pixels=pixels, labels=labels, unreadable=unreadable, rows=rows)

    def file(self, index: int) -> str:
        """Name the image at an index: its file within the data set, or its row."""
        row = index if self.rows is None else int(self.rows[index])
        if self.source is None:
            return f"row {row}"
        return self.source.decoder.file(self.source.records([row])[0])

    def to(self, model: torch.nn.Module) -> "Split":
        """Move the split to the device and the dtype of a model."""
        like = next(model.parameters())
        pixels = self.pixels
        if isinstance(pixels, Tensor):
            pixels = pixels.to(like) if pixels.is_floating_point() else pixels.to(like.device)
        return replace(self, pixels=pixels, labels=self.labels.to(like.device), dtype=like.dtype, device=like.device)

    def digest(self) -> bytes:
        """SHA-256 of labels and pixels; of labels and encoded images for images that are not in memory."""
        if not isinstance(self.pixels, Tensor):
            return self.pixels.digest
        content = hashlib.sha256(self.labels.cpu().numpy().tobytes())
        content.update(self.pixels.cpu().contiguous().numpy().data)
        return content.digest()

    def origin(self) -> bytes:
        """SHA-256 of labels and of what the pixels were made from, the same on every machine and for every image size.

        Floats, whose last digits depend on the machine, count with their first three.
        """
        content = hashlib.sha256(self.labels.cpu().numpy().tobytes())
        if self.source is not None and (self.decoded is self.pixels or self.pixels is self.source):
            content.update(self.source.digest)
        elif isinstance(self.pixels, Tensor) and self.pixels.is_floating_point():
            content.update((self.pixels.cpu().double() * GRID + OFF_GRID).floor().short().numpy().tobytes())
        else:
            content.update(self.digest())
        return content.digest()

    def _rows(self, rows: list[int]) -> Batch:
        assert isinstance(self.pixels, Tensor)
        return self.pixels[rows], self.labels[rows], ()

    def _normalised(self, pixels: Tensor) -> Tensor:
        images = to_unit_range(pixels.to(self.device), self.dtype)
        return images if self.normalise is None else self.normalise(images)


def _sample(encoded: Encoded) -> Tensor:
    rows = torch.linspace(0, len(encoded.table) - 1, min(SAMPLE_SIZE, len(encoded.table))).long().tolist()
    return encoded.select(rows).load().pixels
