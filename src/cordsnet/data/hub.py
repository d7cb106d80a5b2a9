"""Labelled images through Hugging Face `datasets`: from the hub, or from its parquet files on disk."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from cordsnet.data.datasets import DATASETS, Split, VisionData
from cordsnet.errors import DataError

HERE = "CORDSNET_DATA"
"""Environment variable: the folder that holds a folder of parquet files for each data set; `data` where it is unset."""

UNREADABLE = 1e-3
"""Largest share of images that may be unreadable, and are then left out."""

BATCH = 1000


@dataclass(frozen=True)
class Preset:
    """A data set of the hub.

    Attributes
    ----------
    hub : its name there; its parquet files can also lie in `CORDSNET_DATA/name`.
    image, label : names of its columns.
    test : name of the split for testing.
    channels : 1 for grey images, 3 for colour.
    augmentation : name of the augmentation that suits it.
    """

    name: str
    hub: str
    image: str
    label: str
    test: str
    channels: int
    augmentation: str

    def load(self, image_size: int) -> VisionData:
        """All images, decoded, at `image_size` px, normalised by mean and s.d. of the training images.

        Raises DataError when the data set is neither here nor to be had, or when too many images are unreadable.
        """
        train, test = (self._decoded(split, image_size) for split in ("train", self.test))
        mean = train.images.mean((0, 2, 3))
        std = train.images.std((0, 2, 3))
        for split in (train, test):
            split.images.sub_(mean[:, None, None]).div_(std[:, None, None])
        return VisionData(
            name=self.name,
            train=train,
            test=test,
            classes=self.classes(),
            mean=tuple(mean.tolist()),
            std=tuple(std.tolist()),
            augmentation=self.augmentation,
            source=f"https://huggingface.co/datasets/{self.hub}",
        )

    def classes(self) -> tuple[str, ...]:
        """Names of the classes; their numbers where the files name none."""
        feature = self.table("train").features[self.label]
        if isinstance(feature, datasets.ClassLabel):
            return tuple(feature.names)
        return tuple(map(str, range(max(self.table("train")[self.label]) + 1)))

    def table(self, split: str) -> datasets.Dataset:
        """One split, images as bytes."""
        folder = Path(os.environ.get(HERE, "data")) / self.name
        files = sorted(map(str, folder.glob(f"{split}-*.parquet")))
        try:
            if files:
                found = datasets.load_dataset("parquet", data_files={split: files}, split=split)
            else:
                found = datasets.load_dataset(self.hub, split=split)
        except (OSError, ValueError) as error:
            raise DataError(
                f"data set {self.name!r} is not in {folder} and cannot be had from the hub; put the parquet files of "
                f"huggingface.co/datasets/{self.hub} there ({split}-*.parquet), or set {HERE} to the folder above"
            ) from error
        return found.cast_column(self.image, datasets.Image(decode=False))

    def _decoded(self, split: str, image_size: int) -> Split:
        table, images, labels = self.table(split), [], []
        for record in _records(table):
            image = decode(record[self.image]["bytes"], image_size, self.channels)
            if image is not None:
                images.append(image)
                labels.append(record[self.label])
        lost = len(table) - len(images)
        if lost > UNREADABLE * len(table):
            raise DataError(
                f"{lost} of {len(table)} images of data set {self.name!r} ({split}) cannot be read, more than "
                f"{100 * UNREADABLE:g} %; fetch the files again"
            )
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float().div_(255)
        return Split(pixels.contiguous(), torch.tensor(labels), lost)


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


def _records(table: datasets.Dataset) -> Iterator[dict[str, Any]]:
    """Rows, read in batches."""
    for batch in table.iter(batch_size=BATCH):
        names = list(batch)
        yield from (dict(zip(names, row, strict=True)) for row in zip(*batch.values(), strict=True))


for _preset in (
    Preset("mnist", "ylecun/mnist", "image", "label", "test", 1, "small_affine"),
    Preset("fashion_mnist", "zalando-datasets/fashion_mnist", "image", "label", "test", 1, "small_affine"),
    Preset("cifar10", "uoft-cs/cifar10", "img", "label", "test", 3, "shift_flip"),
    Preset("cifar100", "uoft-cs/cifar100", "img", "fine_label", "test", 3, "shift_flip"),
):
    DATASETS.add(_preset.name, _preset.load)
