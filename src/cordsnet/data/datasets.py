"""Named sets of labelled images, ready to be shown: float, normalised, at the size asked for."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.nn import functional
from torch.utils.data import TensorDataset

from cordsnet.registry import Registry


@dataclass(frozen=True)
class Split:
    """Images [N, C, H, W], normalised, and their classes [N]; how many could not be read and were left out."""

    images: Tensor
    labels: Tensor
    unreadable: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def dataset(self) -> TensorDataset:
        """For a `DataLoader`."""
        return TensorDataset(self.images, self.labels)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """In order, at most `size` at a time."""
        yield from zip(torch.split(self.images, size), torch.split(self.labels, size), strict=True)

    def take(self, count: int) -> "Split":
        """The first `count`."""
        return Split(self.images[:count], self.labels[:count])

    def to(self, model: torch.nn.Module) -> "Split":
        """On the device and in the precision of a model."""
        like = next(model.parameters())
        return Split(self.images.to(like), self.labels.to(like.device))


@dataclass(frozen=True)
class VisionData:
    """A data set with its training and test images.

    Attributes
    ----------
    classes : names of the classes.
    mean, std : per channel, by which pixel values in 0-1 were normalised.
    augmentation : name of the augmentation that suits it.
    source : where it comes from.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: str
    source: str

    @cached_property
    def fingerprint(self) -> str:
        """A digest of every pixel and label."""
        digest = hashlib.sha256()
        for split in (self.train, self.test):
            for part in (split.images, split.labels):
                digest.update(repr((part.dtype, tuple(part.shape))).encode())
                digest.update(part.cpu().contiguous().numpy().data)
        return digest.hexdigest()


Loader: TypeAlias = Callable[[int], VisionData]
DATASETS: Registry[Loader] = Registry("data set")


def load_data(name: str, image_size: int) -> VisionData:
    """A data set by name, its images `image_size` pixels wide. Raises ValueError for unknown names."""
    return DATASETS[name](image_size)


@DATASETS.register("digits")
def digits(image_size: int) -> VisionData:
    """1,797 scans of handwritten digits, 8 x 8 px in 17 grey levels, enlarged bilinearly; a fifth is for testing.

    Source: Alpaydin & Kaynak, UCI Optical Recognition of Handwritten Digits, as shipped with scikit-learn.
    """
    bunch = load_digits()
    pixels = functional.interpolate(
        torch.from_numpy(bunch.images.astype(np.float32))[:, None] / 16,
        size=(image_size, image_size),
        mode="bilinear",
        align_corners=False,
    )
    rows = np.arange(len(bunch.target))
    train, test = train_test_split(rows, test_size=360, random_state=0, stratify=bunch.target)
    mean, std = pixels[train].mean().item(), pixels[train].std().item()
    images, labels = (pixels - mean) / std, torch.from_numpy(bunch.target.astype(np.int64))
    return VisionData(
        name="digits",
        train=Split(images[train], labels[train]),
        test=Split(images[test], labels[test]),
        classes=tuple(map(str, range(10))),
        mean=(mean,),
        std=(std,),
        augmentation="small_affine",
        source="UCI Optical Recognition of Handwritten Digits, as shipped with scikit-learn",
    )
