"""Sources of batches and measures for training: labelled images, or anything else with the same methods."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch.utils.data import DataLoader

from cordsnet._arguments import check_arguments, check_init
from cordsnet.data import (
    AUGMENTATIONS,
    BatchShare,
    Split,
    Stream,
    StreamOrder,
    Tolerance,
    Unreadable,
    VisionData,
    check_unreadable,
    to_unit_range,
    warn_unreadable,
)
from cordsnet.data.encoded import NAMELESS, Encoded
from cordsnet.errors import RunError
from cordsnet.models import ImageSpec, ModelSpec
from cordsnet.models.interface import IMAGE
from cordsnet.training.evaluate import accuracy
from cordsnet.training.loss import SCORES, Batch
from cordsnet.training.order import UpdateOrder
from cordsnet.training.record import describe_data


@runtime_checkable
class Feed(Protocol):
    """Preparation of the batches of one stage, on the device where it is trained."""

    def received(self, raw: Any) -> Any:
        """A batch as it comes from the loader, checked, ready to be moved to the device."""

    def batch(self, moved: Any) -> Batch:
        """The batch that is trained on; draws from torch's generator alone."""


@runtime_checkable
class Source(Protocol):
    """Data to train on and to measure with. Batches depend on the seed and the update alone."""

    @property
    def name(self) -> str:
        """Name of the data set."""

    def sizes(self) -> Mapping[str, Any]:
        """Field of a model's spec -> the value that follows from the data, such as `num_classes`."""

    def check(self, spec: ModelSpec) -> None:
        """Raise RunError unless a model can read the data."""

    def loader(self, batch: int, updates: int, seed: int, share: BatchShare) -> DataLoader[Any]:
        """Batches for a range of updates, in the part that falls to this process."""

    def feed(self, augmentation: str) -> Feed:
        """Preparation of the loader's batches, with an augmentation of the table."""

    def probe(self, count: int, model: torch.nn.Module) -> Any:
        """A few inputs of the test data, in the precision and on the device of a model, to look at its outputs."""

    def measure(self, model: Any) -> dict[str, float]:
        """Measure a model's performance on the test data; return measure -> value."""

    def describe(self) -> dict[str, Any]:
        """Plain data that says what the data is."""


@runtime_checkable
class Teachable(Protocol):
    """A source whose settings a stage may change for its own training (`Train.lesson`)."""

    def taught(self, settings: Mapping[str, Any]) -> Source:
        """The source with other settings, for the same networks.

        Raises RunError for settings that it does not have, or on which inputs or outputs of a network depend.
        """


@check_init
class LabelledImages:
    """Images with classes; the measure is `test_accuracy`."""

    def __init__(self, data: VisionData) -> None:
        self.data = data
        self.unreadable: dict[str, Unreadable] = {}  # of images that are decoded while training

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.data.name

    def sizes(self) -> Mapping[str, Any]:
        """Channels, size and classes of the images."""
        channels, *size = self.data.train.shape
        return {"in_channels": channels, "image_size": tuple(size), "num_classes": len(self.data.classes)}

    def check(self, spec: ModelSpec) -> None:
        """Raise RunError unless the model can read the images and name the classes."""
        if not isinstance(spec, ImageSpec):
            raise RunError(f"a {type(spec).__name__} reads no images, and {self.name!r} has images; choose other data")
        classes = len(self.data.classes)
        if spec.num_classes != classes:
            raise RunError(f"num_classes = {spec.num_classes} but {self.name!r} has {classes} classes; set it to that")
        if spec.in_channels != self.data.train.shape[0]:
            raise RunError(
                f"in_channels = {spec.in_channels} but images of {self.name!r} have {self.data.train.shape[0]}; "
                "set it to that"
            )

    def loader(self, batch: int, updates: int, seed: int, share: BatchShare) -> DataLoader[Any]:
        """Pixels as they are held, labels, and how many images could not be read."""
        train = self.data.train
        if isinstance(train, Stream):
            return train.loader(StreamOrder(train, batch, updates, seed, share))
        return train.loader(UpdateOrder(len(train), batch, updates, seed, share))

    def feed(self, augmentation: str) -> "ImageFeed":
        """Augmentation, then normalisation."""
        return ImageFeed(self.data, augmentation, self.unreadable)

    def probe(self, count: int, model: torch.nn.Module) -> torch.Tensor:
        """Some test images of all classes [N, C, H, W], normalised (`Split.take`)."""
        return self.data.test.take(count).to(model).images

    def measure(self, model: Any) -> dict[str, float]:
        """Share of test images read correctly."""
        return {"test_accuracy": accuracy(model, self.data.test)}

    def describe(self) -> dict[str, Any]:
        """Describe the images, the classes and the normalisation of pixels."""
        return describe_data(self.data, tuple(self.unreadable.values()))

    def first(self, count: int, model: torch.nn.Module) -> torch.Tensor:
        """Some images of training of all classes [N, C, H, W], normalised. Raises RunError where they are streamed."""
        if not isinstance(self.data.train, Split):
            raise RunError(f"{self.name!r} streams its images, and this stage wants {count} at once; download it")
        return self.data.train.take(count).to(model).images


class ImageFeed:
    """Augments pixels as values of 0-1 on the device, then normalises them; counts images that cannot be read."""

    def __init__(self, data: VisionData, augmentation: str, unreadable: dict[str, Unreadable] | None = None) -> None:
        self.data, self.augment = data, AUGMENTATIONS[augmentation]()
        self.unreadable = {} if unreadable is None else unreadable

    def received(self, raw: Any) -> Any:
        """Pixels and labels. Raises DataError when too many images cannot be read, each counted once."""
        pixels, labels, unreadable = raw
        for one in unreadable:
            name = one.file if one.file != NAMELESS else f"{NAMELESS}, {len(self.unreadable)}"
            if name not in self.unreadable:
                self.unreadable[name] = replace(one, file=name)
                warn_unreadable((one,), len(self.data.train), self._name)
        if unreadable:
            source = self.data.train.pixels if isinstance(self.data.train, Split) else self.data.train
            tolerance = source.decoder.tolerance if isinstance(source, Encoded | Stream) else Tolerance()
            known = self.data.train.unreadable if isinstance(self.data.train, Split) else ()
            lost = (*known, *self.unreadable.values())
            check_unreadable(lost, len(self.data.train) + len(known), self._name, tolerance)
        return pixels, labels

    @property
    def _name(self) -> str:
        return f"{self.data.name!r} (train)"

    def batch(self, moved: Any) -> Batch:
        """Images [B, C, H, W] and their classes [B], or soft labels [B, K]."""
        pixels, labels = moved
        images, labels = self.augment(to_unit_range(pixels), labels, len(self.data.classes))
        normalise = self.data.train.normalise
        return Batch({IMAGE: images if normalise is None else normalise(images)}, {SCORES: labels})


@check_arguments
def as_source(data: Any) -> Source:
    """Labelled images as a source; a source as it is."""
    if isinstance(data, VisionData):
        return LabelledImages(data)
    if isinstance(data, Source):
        return data
    raise TypeError(f"data must be a VisionData or a Source, got {type(data).__name__}; see cordsnet.training.sources")
