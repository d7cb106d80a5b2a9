"""Labelled images in one interface, whether they are in memory or decoded on access."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cordsnet.data.encoded import Batch, Encoded, batch_loader, decoding_processes

MAX_BYTES_IN_MEMORY = 2**30
"""Largest split, in bytes of 8-bit pixels, that is decoded once into memory; larger ones are decoded on access."""

SAMPLE_SIZE = 1000
"""Number of images, evenly spaced, that determine the normalisation of a split that is not in memory."""

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

        The result is exact for a split in memory; otherwise `SAMPLE_SIZE` images are decoded and measured.
        """
        pixels = split.pixels if isinstance(split.pixels, Tensor) else _sample(split.pixels)
        value = torch.arange(256, dtype=torch.float64) / 255
        means, stds = [], []
        for channel in range(pixels.shape[1]):
            count = torch.bincount(pixels[:, channel].flatten(), minlength=256)
            mean = (count * value).sum() / count.sum()
            means.append(float(mean))
            stds.append(float(((count * (value - mean).square()).sum() / (count.sum() - 1)).sqrt()))
        return cls(tuple(means), tuple(stds))


def to_unit_range(pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Scale 8-bit pixels to 0-1 in `dtype`; return floats, which are 0-1 already, unchanged."""
    return pixels if pixels.is_floating_point() else pixels.to(dtype).div_(255)


@dataclass(frozen=True)
class Split:
    """Images and their labels.

    Attributes
    ----------
    pixels : tensor [N, C, H, W] in memory, 8 bit or floats in 0-1; or encoded images, which are decoded on access.
    labels : numbers of the classes [N].
    unreadable : number of images left out because they could not be read; 0 for images decoded on access, which are
        counted when they are decoded.
    normalise : applied to pixel values in 0-1; None leaves them as they are.
    dtype, device : dtype and device of the images that are returned.
    """

    pixels: Tensor | Encoded
    labels: Tensor
    unreadable: int = 0
    normalise: Normalisation | None = None
    dtype: torch.dtype = torch.float32
    device: torch.device = CPU

    @classmethod
    def from_encoded(cls, encoded: Encoded) -> "Split":
        """Make a split of encoded images, decoded into memory if they take up to `MAX_BYTES_IN_MEMORY`.

        Raises DataError when too many of the images decoded now are unreadable.
        """
        if torch.Size(encoded.shape).numel() <= MAX_BYTES_IN_MEMORY:
            return cls(*encoded.load())
        return cls(encoded, encoded.labels())

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image: (C, H, W)."""
        return tuple(self.pixels.shape[1:])

    @property
    def images(self) -> Tensor:
        """All images [N, C, H, W], normalised. Use `take` first when not all fit into memory."""
        if isinstance(self.pixels, Tensor):
            return self._normalised(self.pixels)
        return self._normalised(self.pixels.load()[0])

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
            for pixels, labels, _ in self.pixels.batches(size):
                yield self._normalised(pixels), labels.to(self.device)

    def take(self, count: int) -> "Split":
        """Load the first `count` images into memory."""
        if isinstance(self.pixels, Tensor):
            return replace(self, pixels=self.pixels[:count], labels=self.labels[:count], unreadable=0)
        first = replace(self.pixels, table=self.pixels.table.select(range(min(count, len(self)))))
        pixels, labels, unreadable = first.load()
        return replace(self, pixels=pixels.to(self.device), labels=labels.to(self.device), unreadable=unreadable)

    def to(self, model: torch.nn.Module) -> "Split":
        """Move the split to the device and the dtype of a model."""
        like = next(model.parameters())
        pixels = self.pixels
        if isinstance(pixels, Tensor):
            pixels = pixels.to(like) if pixels.is_floating_point() else pixels.to(like.device)
        return replace(self, pixels=pixels, labels=self.labels.to(like.device), dtype=like.dtype, device=like.device)

    def digest(self) -> bytes:
        """SHA-256 of labels and pixels, or of labels and file names and sizes for images that are not in memory."""
        content = hashlib.sha256(self.labels.cpu().numpy().tobytes())
        if isinstance(self.pixels, Tensor):
            content.update(self.pixels.cpu().contiguous().numpy().data)
        else:
            content.update(self.pixels.digest())
        return content.digest()

    def _rows(self, rows: list[int]) -> Batch:
        assert isinstance(self.pixels, Tensor)
        return self.pixels[rows], self.labels[rows], 0

    def _normalised(self, pixels: Tensor) -> Tensor:
        images = to_unit_range(pixels.to(self.device), self.dtype)
        return images if self.normalise is None else self.normalise(images)


def _sample(encoded: Encoded) -> Tensor:
    rows = torch.linspace(0, len(encoded.table) - 1, min(SAMPLE_SIZE, len(encoded.table))).long().tolist()
    return replace(encoded, table=encoded.table.select(rows)).load()[0]
