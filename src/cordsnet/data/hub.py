"""Data sets of the Hugging Face hub by name, downloaded from the hub or read from parquet files on disk."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets
from pyarrow import parquet

from cordsnet.data.datasets import DATASETS
from cordsnet.data.encoded import Decoder, Encoded
from cordsnet.data.split import Normalisation
from cordsnet.data.stream import Stream
from cordsnet.data.vision import VisionData, from_images
from cordsnet.errors import DataError

DATA_FOLDER = "CORDSNET_DATA"
"""Environment variable with the folder that has a subfolder of parquet files per data set; `data` when it is unset."""

STREAMED_SUFFIX = "_streamed"
"""Suffix of the name of a data set whose training images are streamed."""

IMAGENET_NORMALISATION = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet, with which the published checkpoints were trained."""


@dataclass(frozen=True)
class HubData:
    """A data set of the Hugging Face hub.

    Attributes
    ----------
    name : name in `DATASETS`.
    hub : name on the hub; its parquet files can also be put into `CORDSNET_DATA/name`.
    image, label : names of the columns of images and labels.
    test : name of the split with the test images.
    channels : 1 for grey images, 3 for colour.
    augmentation : name of the augmentation used in training by default.
    normalise : normalisation of pixel values; None uses mean and standard deviation of the training images.
    streamed : True if training images are streamed (see `Stream`) instead of downloaded first.
    """

    name: str
    hub: str
    image: str
    label: str
    test: str
    channels: int
    augmentation: str
    normalise: Normalisation | None = None
    streamed: bool = False

    def load(self, image_size: int) -> VisionData:
        """Load the data set with images of `image_size` px.

        Splits of up to `MAX_BYTES_IN_MEMORY` are decoded into memory, larger ones on access. Raises DataError when the
        data set is neither on disk nor available from the hub, or when too many images are unreadable.
        """
        test = self._encoded(self.test, image_size)
        source = f"https://huggingface.co/datasets/{self.hub}"
        if self.streamed:
            train, classes = self._stream(image_size), test.classes()
            return from_images(self.name, train, test, classes, self.augmentation, source)
        encoded = self._encoded("train", image_size)
        return from_images(self.name, encoded, test, encoded.classes(), self.augmentation, source, self.normalise)

    @property
    def folder(self) -> Path:
        """Folder where parquet files of this data set are looked for."""
        return Path(os.environ.get(DATA_FOLDER, "data")) / self.name.removesuffix(STREAMED_SUFFIX)

    def _encoded(self, split: str, size: int) -> Encoded:
        table, files = self._table(split, streaming=False)
        return Encoded(table, self._decoder(split, size), files or tuple(f["filename"] for f in table.cache_files))

    def _stream(self, size: int) -> Stream:
        assert self.normalise is not None, (
            "a streamed data set needs a normalisation, since its images cannot be measured first"
        )
        table, files = self._table("train", streaming=True)
        length = _rows(files) if files else table.info.splits["train"].num_examples
        return Stream(table, self._decoder("train", size), length, self.normalise, files)

    def _decoder(self, split: str, size: int) -> Decoder:
        return Decoder(f"{self.name!r} ({split})", self.image, self.label, size, self.channels)

    def _table(self, split: str, streaming: bool) -> tuple[Any, tuple[str, ...]]:
        """Open one split without decoding its images, and list its parquet files if they are on this machine."""
        files = sorted(map(str, self.folder.glob(f"{split}-*.parquet")))
        options = {"split": split, "streaming": streaming}
        try:
            if files:
                found = datasets.load_dataset("parquet", data_files={split: files}, **options)
            elif self.streamed and not streaming:
                raise FileNotFoundError("only training images are streamed")
            else:
                found = datasets.load_dataset(self.hub, **options)
        except (OSError, ValueError) as error:
            raise DataError(
                f"data set {self.name!r} ({split}) is not in {self.folder} and cannot be loaded from the hub; put the "
                f"parquet files of huggingface.co/datasets/{self.hub} there ({split}-*.parquet), or set {DATA_FOLDER} "
                "to the folder that contains it"
            ) from error
        return found.cast_column(self.image, datasets.Image(decode=False)), tuple(files)


def _rows(files: tuple[str, ...]) -> int:
    return sum(parquet.read_metadata(file).num_rows for file in files)


_HUB_DATA = (
    HubData("mnist", "ylecun/mnist", "image", "label", "test", 1, "affine_jitter_elastic"),
    HubData(
        "fashion_mnist", "zalando-datasets/fashion_mnist", "image", "label", "test", 1, "flip_affine_jitter_mixing"
    ),
    HubData("cifar10", "uoft-cs/cifar10", "img", "label", "test", 3, "shift_flip_mixing"),
    HubData("cifar100", "uoft-cs/cifar100", "img", "fine_label", "test", 3, "shift_flip_mixing"),
    HubData(
        "imagenet",
        "ILSVRC/imagenet-1k",
        "image",
        "label",
        "validation",
        3,
        "crop_flip_randaugment",
        IMAGENET_NORMALISATION,
    ),
)
for _data in (*_HUB_DATA, replace(_HUB_DATA[-1], name="imagenet" + STREAMED_SUFFIX, streamed=True)):
    DATASETS.add(_data.name, _data.load)
