"""Labelled images as stages and measurements use them, however they are held: in memory, or decoded when asked for."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cordsnet.data.encoded import Batch, Encoded, loader, workers

HELD = 2**30
"""Bytes of 8-bit pixels up to which a split is decoded once and held in memory; larger ones are decoded on access."""

SAMPLE = 1000
"""Images, evenly spaced, by which a split that is not held in memory is normalised."""

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Normalisation:
    """(pixel - mean) / std for each channel, of pixel values in 0-1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Images [B, C, H, W] of 0-1, normalised."""
        mean, std = (images.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (images - mean) / std

    @classmethod
    def of(cls, split: "Split") -> "Normalisation":
        """By mean and s.d. of 8-bit pixels, counted exactly; of those of a sample where not all are in memory."""
        pixels = split.pixels if isinstance(split.pixels, Tensor) else _sample(split.pixels)
        value = torch.arange(256, dtype=torch.float64) / 255
        means, stds = [], []
        for channel in range(pixels.shape[1]):
            count = torch.bincount(pixels[:, channel].flatten(), minlength=256)
            mean = (count * value).sum() / count.sum()
            means.append(float(mean))
            stds.append(float(((count * (value - mean).square()).sum() / (count.sum() - 1)).sqrt()))
        return cls(tuple(means), tuple(stds))


def unit(pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """8-bit pixels as 0-1 in `dtype`; floats, which are 0-1 already, as they are."""
    return pixels if pixels.is_floating_point() else pixels.to(dtype).div_(255)


@dataclass(frozen=True)
class Split:
    """Images and their classes.

    Attributes
    ----------
    pixels : [N, C, H, W] in memory, 8 bit or floats; or encoded images, which are decoded when asked for.
    labels : [N], their classes.
    unreadable : how many could not be read and were left out; those decoded when asked for are counted then.
    normalise : how pixel values in 0-1 become what a network sees; None leaves them as they are.
    dtype, device : precision and place of the images that are handed out.
    """

    pixels: Tensor | Encoded
    labels: Tensor
    unreadable: int = 0
    normalise: Normalisation | None = None
    dtype: torch.dtype = torch.float32
    device: torch.device = CPU

    @classmethod
    def of(cls, encoded: Encoded) -> "Split":
        """In memory where it fits into `HELD`. Raises DataError when too many images are unreadable."""
        if torch.Size(encoded.shape).numel() <= HELD:
            return cls(*encoded.held())
        return cls(encoded, encoded.labels())

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image: (C, H, W)."""
        return tuple(self.pixels.shape[1:])

    @property
    def images(self) -> Tensor:
        """All of them [N, C, H, W], normalised; `take` some where not all fit into memory."""
        if isinstance(self.pixels, Tensor):
            return self._shown(self.pixels)
        return self._shown(self.pixels.held()[0])

    def loader(self, order: Iterable[list[int]]) -> DataLoader[Batch]:
        """Batches of rows in the order given, for training: pixels as they are held, labels, unreadable images."""
        if isinstance(self.pixels, Tensor):
            return loader(self._rows, order, 0)
        return loader(self.pixels.filled, order, workers())

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images, normalised, and labels in order, at most `size` at a time, less those that cannot be read.

        Raises DataError when too many cannot be read.
        """
        if isinstance(self.pixels, Tensor):
            for pixels, labels in zip(torch.split(self.pixels, size), torch.split(self.labels, size), strict=True):
                yield self._shown(pixels), labels
        else:
            for pixels, labels, _ in self.pixels.batches(size):
                yield self._shown(pixels), labels.to(self.device)

    def take(self, count: int) -> "Split":
        """The first `count`, in memory."""
        if isinstance(self.pixels, Tensor):
            return replace(self, pixels=self.pixels[:count], labels=self.labels[:count], unreadable=0)
        first = replace(self.pixels, table=self.pixels.table.select(range(min(count, len(self)))))
        pixels, labels, lost = first.held()
        return replace(self, pixels=pixels.to(self.device), labels=labels.to(self.device), unreadable=lost)

    def to(self, model: torch.nn.Module) -> "Split":
        """On the device and in the precision of a model."""
        like = next(model.parameters())
        pixels = self.pixels
        if isinstance(pixels, Tensor):
            pixels = pixels.to(like) if pixels.is_floating_point() else pixels.to(like.device)
        return replace(self, pixels=pixels, labels=self.labels.to(like.device), dtype=like.dtype, device=like.device)

    def digest(self) -> bytes:
        """Of labels and pixels; of labels and the names and sizes of files where pixels are not in memory."""
        content = hashlib.sha256(self.labels.cpu().numpy().tobytes())
        if isinstance(self.pixels, Tensor):
            content.update(self.pixels.cpu().contiguous().numpy().data)
        else:
            content.update(self.pixels.digest())
        return content.digest()

    def _rows(self, rows: list[int]) -> Batch:
        assert isinstance(self.pixels, Tensor)
        return self.pixels[rows], self.labels[rows], 0

    def _shown(self, pixels: Tensor) -> Tensor:
        images = unit(pixels.to(self.device), self.dtype)
        return images if self.normalise is None else self.normalise(images)


def _sample(encoded: Encoded) -> Tensor:
    rows = torch.linspace(0, len(encoded.table) - 1, min(SAMPLE, len(encoded.table))).long().tolist()
    return replace(encoded, table=encoded.table.select(rows)).held()[0]
