"""What a data set is to the rest of the package."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

from cordsnet.data.encoded import Encoded
from cordsnet.data.split import Normalisation, Split
from cordsnet.data.stream import Stream
from cordsnet.errors import DataError


@dataclass(frozen=True)
class VisionData:
    """A data set with its training and test images.

    Attributes
    ----------
    classes : names of the classes.
    mean, std : per channel, by which pixel values in 0-1 are normalised.
    augmentation : name of the augmentation that suits it.
    source : where it comes from.
    """

    name: str
    train: Split | Stream
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: str
    source: str

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of classes, normalisation and both splits: their labels with their pixels where these are in memory,
        or with the names and sizes of their files where they are decoded on access.
        """
        content = hashlib.sha256(repr((self.classes, self.mean, self.std, self.train.shape)).encode())
        for split in (self.train, self.test):
            content.update(split.digest())
        return content.hexdigest()


def from_images(
    name: str,
    train: Encoded | Stream,
    test: Encoded,
    classes: tuple[str, ...],
    augmentation: str,
    source: str,
    normalise: Normalisation | None = None,
) -> VisionData:
    """A data set of encoded images, normalised by those for training where `normalise` is None.

    Raises DataError when labels are not numbers of classes, or when too many images are unreadable.
    """
    tested = Split.of(test)
    if isinstance(train, Stream):
        shown: Split | Stream = train
        normalise = train.normalise
    else:
        trained = Split.of(train)
        _check_labels(trained, name, len(classes))
        normalise = normalise or Normalisation.of(trained)
        shown = replace(trained, normalise=normalise)
    _check_labels(tested, name, len(classes))
    tested = replace(tested, normalise=normalise)
    return VisionData(name, shown, tested, classes, normalise.mean, normalise.std, augmentation, source)


def _check_labels(split: Split, name: str, classes: int) -> None:
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"labels of data set {name!r} must be from 0 to {classes - 1}, got {low} to {high}; "
            "give a split that is labelled"
        )
