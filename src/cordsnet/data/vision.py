"""A data set of labelled images, as the rest of the package uses it."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet.data.encoded import Encoded
from cordsnet.data.split import Normalisation, Split
from cordsnet.data.stream import Stream
from cordsnet.data.unreadable import Unreadable
from cordsnet.errors import DataError


@check_init
@dataclass(frozen=True)
class VisionData:
    """A data set with its training and test images.

    Attributes
    ----------
    name : name of the data set, or of its folder.
    train, test : training and test images.
    classes : names of the classes.
    mean, std : mean and standard deviation per channel with which pixel values in 0-1 are normalised.
    augmentation : name of the augmentation used in training by default.
    source : origin of the data set.
    notes : choices and assumptions about the data, one sentence each.
    """

    name: str
    train: Split | Stream
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: str
    source: str
    notes: tuple[str, ...] = ()

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """Images of both splits that were left out because they could not be read, as far as they were decoded."""
        train = self.train.unreadable if isinstance(self.train, Split) else ()
        return (*train, *self.test.unreadable)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of classes, normalisation and both splits.

        A split counts with its labels and its pixels, or with its encoded images if these are decoded on access.
        """
        content = hashlib.sha256(repr((self.classes, self.mean, self.std, self.train.shape)).encode())
        for split in (self.train, self.test):
            content.update(split.digest())
        return content.hexdigest()

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what the data set was made from: classes, labels and the content of its image files.

        Other than `fingerprint`, it does not depend on the size at which images are read, nor on the machine, whose
        libraries may round pixels another way. It does not depend on the path of the data set either.
        """
        content = hashlib.sha256(repr((self.classes, self.train.shape[0])).encode())
        if isinstance(self.train, Split) and self.train.source is None:  # else the normalisation follows from the files
            content.update(repr([f"{value:.3g}" for value in (*self.mean, *self.std)]).encode())
        for split in (self.train, self.test):
            content.update(split.origin())
        return content.hexdigest()


def shared_images(data: VisionData) -> int:
    """Number of test images whose pixels are those of a training image; 0 where a split is not in memory."""
    train = data.train.pixels if isinstance(data.train, Split) else None
    if not (isinstance(train, Tensor) and isinstance(data.test.pixels, Tensor)):
        return 0
    known = {hash(bytes(one)) for one in train.numpy()}
    return sum(hash(bytes(one)) in known for one in data.test.pixels.numpy())


def from_images(
    name: str,
    train: Encoded | Stream,
    test: Encoded,
    classes: tuple[str, ...],
    augmentation: str,
    source: str,
    normalise: Normalisation | None = None,
    notes: tuple[str, ...] = (),
) -> VisionData:
    """Make a data set of encoded images; when `normalise` is None its training images determine the normalisation.

    Raises DataError when labels are not numbers of classes, or when too many images are unreadable.
    """
    test_split = Split.from_encoded(test)
    _check_images(test_split, name)
    if isinstance(train, Stream):
        training: Split | Stream = train
        normalise = train.normalise
    else:
        train_split = Split.from_encoded(train)
        _check_images(train_split, name)
        _check_labels(train_split, name, len(classes))
        normalise = normalise or Normalisation.of_split(train_split)
        training = replace(train_split, normalise=normalise)
    _check_labels(test_split, name, len(classes))
    test_split = replace(test_split, normalise=normalise)
    return VisionData(name, training, test_split, classes, normalise.mean, normalise.std, augmentation, source, notes)


def _check_images(split: Split, name: str) -> None:
    if not len(split):
        raise DataError(f"data set {name!r} has a split without images; each needs at least one")


def _check_labels(split: Split, name: str, classes: int) -> None:
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"labels of data set {name!r} must be from 0 to {classes - 1}, got {low} to {high}; use a split with labels"
        )
