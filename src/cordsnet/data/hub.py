"""Data sets of the Hugging Face hub by name, downloaded from the hub or read from parquet files on disk."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets

from cordsnet.data.encoded import Decoder, Encoded
from cordsnet.data.labels import classes_of
from cordsnet.data.split import Normalisation, check_size
from cordsnet.data.stream import Stream
from cordsnet.data.tables import check_cache, count_rows, open_parquet
from cordsnet.data.unreadable import DEFAULT_TOLERANCE, Tolerance
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
    tolerance : number of images of a split that may be unreadable.
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
    tolerance: Tolerance = DEFAULT_TOLERANCE

    def load(self, image_size: int) -> VisionData:
        """Load the data set with images of `image_size` px.

        Splits of up to `MAX_BYTES_IN_MEMORY` are decoded into memory, larger ones on access. Raises DataError when the
        data set is neither on disk nor available from the hub, or when too many images are unreadable.
        """
        check_size(image_size)
        source = f"https://huggingface.co/datasets/{self.hub}"
        tables = {"test": self._table(self.test, streaming=False)[0]}
        if not self.streamed:
            tables["train"] = self._table("train", streaming=False)[0]
        found = classes_of(
            {"train": tables.get("train", tables["test"]), "test": tables["test"]}, self.label, self.name
        )
        decoders = {split: self._decoder(split, image_size, found.numbers[split]) for split in tables}
        encoded = {split: Encoded(table, decoders[split], found.names) for split, table in tables.items()}
        train = self._stream(image_size) if self.streamed else encoded["train"]
        return from_images(
            self.name, train, encoded["test"], found.names, self.augmentation, source, self.normalise, found.notes
        )

    @property
    def folder(self) -> Path:
        """Folder where parquet files of this data set are looked for."""
        return Path(os.environ.get(DATA_FOLDER, "data")).expanduser() / self.name.removesuffix(STREAMED_SUFFIX)

    def _stream(self, size: int) -> Stream:
        assert self.normalise is not None, (
            "a streamed data set needs a normalisation, since its images cannot be measured first"
        )
        table, files = self._table("train", streaming=True)
        length = count_rows(files) if files else table.info.splits["train"].num_examples
        return Stream(table, self._decoder("train", size, None), length, self.normalise, files)

    def _decoder(self, split: str, size: int, numbers: Mapping[Any, int] | None) -> Decoder:
        shown = self.test if split == "test" else split
        return Decoder(
            f"{self.name!r} ({shown})",
            self.image,
            self.label,
            size,
            self.channels,
            numbers=numbers,
            tolerance=self.tolerance,
        )

    def _table(self, split: str, streaming: bool) -> tuple[Any, tuple[str, ...]]:
        """Open one split without decoding its images, and list its parquet files if they are on this machine."""
        files = sorted(map(str, self.folder.glob(f"{split}-*.parquet")))
        options = {"split": split, "streaming": streaming}
        try:
            if files:
                found = open_parquet(files, split, streaming)
            elif self.streamed and not streaming:
                raise FileNotFoundError("only training images are streamed")
            else:
                check_cache()
                found = datasets.load_dataset(self.hub, **options)
        except DataError:
            raise
        except (OSError, ValueError) as error:
            raise DataError(
                f"data set {self.name!r} ({split}) is not in {self.folder} and cannot be loaded from the hub; put the "
                f"parquet files of huggingface.co/datasets/{self.hub} there ({split}-*.parquet), or set {DATA_FOLDER} "
                "to the folder that contains it"
            ) from error
        if lost := [column for column in (self.image, self.label) if column not in (found.features or {})]:
            raise DataError(f"data set {self.name!r} ({split}) has no column {lost[0]!r}, which it has on the hub")
        return found.select_columns([self.image, self.label]).cast_column(
            self.image, datasets.Image(decode=False)
        ), tuple(files)


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
_ALL = (*_HUB_DATA, replace(_HUB_DATA[-1], name="imagenet" + STREAMED_SUFFIX, streamed=True))
LOADERS = SimpleNamespace(**{data.name: data.load for data in _ALL})
"""A loader for each data set of the hub in `DATASETS`."""
