"""Named data sets of the Hugging Face hub: from the hub, or from their parquet files on disk."""

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

HERE = "CORDSNET_DATA"
"""Environment variable: the folder that holds a folder of parquet files for each data set; `data` where it is unset."""

STREAMED = "_streamed"
"""What is added to the name of a data set whose training images are streamed."""

IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""By which the images of the public checkpoints are normalised."""


@dataclass(frozen=True)
class Preset:
    """A data set of the hub.

    Attributes
    ----------
    name : of the preset.
    hub : its name there; its parquet files can also lie in `CORDSNET_DATA/name`.
    image, label : names of its columns.
    test : name of the split for testing.
    channels : 1 for grey images, 3 for colour.
    augmentation : name of the augmentation that suits it.
    normalise : None is by mean and s.d. of the training images.
    streamed : whether training images are streamed (see `Stream`) rather than fetched first.
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
        """Its images at `image_size` px: in memory where they fit into `HELD`, else decoded on access.

        Raises DataError when the data set is neither here nor to be had, or when too many images are unreadable.
        """
        test = self._encoded(self.test, image_size)
        source = f"https://huggingface.co/datasets/{self.hub}"
        if self.streamed:
            train, classes = self._stream(image_size), test.classes()
            return from_images(self.name, train, test, classes, self.augmentation, source)
        held = self._encoded("train", image_size)
        return from_images(self.name, held, test, held.classes(), self.augmentation, source, self.normalise)

    @property
    def folder(self) -> Path:
        """Where its parquet files are looked for."""
        return Path(os.environ.get(HERE, "data")) / self.name.removesuffix(STREAMED)

    def _encoded(self, split: str, size: int) -> Encoded:
        table, files = self._table(split, streaming=False)
        return Encoded(table, self._decoder(split, size), files or tuple(f["filename"] for f in table.cache_files))

    def _stream(self, size: int) -> Stream:
        assert self.normalise is not None, "what is streamed cannot be measured first"
        table, files = self._table("train", streaming=True)
        length = _rows(files) if files else table.info.splits["train"].num_examples
        return Stream(table, self._decoder("train", size), length, self.normalise, files)

    def _decoder(self, split: str, size: int) -> Decoder:
        return Decoder(f"{self.name!r} ({split})", self.image, self.label, size, self.channels)

    def _table(self, split: str, streaming: bool) -> tuple[Any, tuple[str, ...]]:
        """One split, images as bytes, and the files that it was read from where they are here."""
        files = sorted(map(str, self.folder.glob(f"{split}-*.parquet")))
        how = {"split": split, "streaming": streaming}
        try:
            if files:
                found = datasets.load_dataset("parquet", data_files={split: files}, **how)
            elif self.streamed and not streaming:
                raise FileNotFoundError("only training images are streamed")
            else:
                found = datasets.load_dataset(self.hub, **how)
        except (OSError, ValueError) as error:
            raise DataError(
                f"data set {self.name!r} ({split}) is not in {self.folder} and cannot be had from the hub; put the "
                f"parquet files of huggingface.co/datasets/{self.hub} there ({split}-*.parquet), or set {HERE} to the "
                "folder above"
            ) from error
        return found.cast_column(self.image, datasets.Image(decode=False)), tuple(files)


def _rows(files: tuple[str, ...]) -> int:
    return sum(parquet.read_metadata(file).num_rows for file in files)


_PRESETS = (
    Preset("mnist", "ylecun/mnist", "image", "label", "test", 1, "affine_jitter_elastic"),
    Preset("fashion_mnist", "zalando-datasets/fashion_mnist", "image", "label", "test", 1, "flip_affine_jitter_mixing"),
    Preset("cifar10", "uoft-cs/cifar10", "img", "label", "test", 3, "shift_flip_mixing"),
    Preset("cifar100", "uoft-cs/cifar100", "img", "fine_label", "test", 3, "shift_flip_mixing"),
    Preset("imagenet", "ILSVRC/imagenet-1k", "image", "label", "validation", 3, "crop_flip_randaugment", IMAGENET),
)
for _preset in (*_PRESETS, replace(_PRESETS[-1], name="imagenet" + STREAMED, streamed=True)):
    DATASETS.add(_preset.name, _preset.load)
