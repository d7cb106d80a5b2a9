"""Splits of images into training and test, and refusal of images that stand in both."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_count
from cordsnet.errors import DataError

Indices = NDArray[np.intp]

MOST_SPLITS = 10_000
"""Most splits that are made at once."""

LAST_STATE = 2**32 - 1
"""Largest random state of scikit-learn."""


@check_init
@dataclass(frozen=True, eq=False)
class Splits:
    """Training and test images of each split.

    Attributes
    ----------
    train, test : indices of images, one array for each split.
    images : number of images.

    Raises
    ------
    DataError : a side is empty, an index does not exist, or an image is on both sides of a split.
    """

    train: Sequence[Indices]
    test: Sequence[Indices]
    images: int

    def __post_init__(self) -> None:
        if not len(self.train) or len(self.train) != len(self.test):
            raise DataError(f"test must have as many splits as train, at least one, got {len(self.test)}")
        for k, (train, test) in enumerate(zip(self.train, self.test, strict=True)):
            if not (len(train) and len(test)):
                raise DataError(f"split {k} has {len(train)} training and {len(test)} test images; each needs some")
            both = np.concatenate([train, test])
            if both.min() < 0 or both.max() >= self.images:
                raise DataError(f"split {k} names image {both.max()} of {self.images}; indices count from 0")
            if (shared := np.intersect1d(train, test)).size:
                raise DataError(f"image {shared[0]} is in training and test of split {k}; let it be on one side")
            if len(np.unique(both)) < len(both):
                raise DataError(f"split {k} names an image twice; name each image once")

    def __len__(self) -> int:
        return len(self.train)


@check_arguments
def image_splits(
    images: int,
    *,
    objects: NDArray[Any] | None = None,
    groups: Sequence[str] | None = None,
    count: int = 10,
    train: float = 0.9,
    seed: int = 1,
) -> Splits:
    """Make the splits of Brain-Score: ten shuffles of images with 90 % for training, from the random state 1.

    They are those of scikit-learn's StratifiedShuffleSplit by object, or of its ShuffleSplit where there are no
    objects, as `brainscore_vision.metric_helpers.transformations.Split` makes them; numbers agree with Brain-Score
    where images are in the order of its assembly.

    Parameters
    ----------
    images : number of images.
    objects : object that each image shows [I], by which the shares are kept equal on both sides; None has no objects.
    groups : name of the group of each image [I], such as the hash of its pixels: groups are shuffled in the place of
        images, and stay together.
    count, train : number of splits, at most 10,000, and share of images for training, below 1.
    seed : random state, below 2**32.

    Raises
    ------
    ValueError : there are too few images for both sides, numbers out of range, or labels that are not one for each
        image.
    """
    check_count(images, "images", 2)
    check_count(count, "count", 1, MOST_SPLITS)
    check_count(seed, "seed", 0, LAST_STATE)
    if not 0 < train < 1:
        raise DataError(f"train must be a share of images between 0 and 1, got {train:g}")
    if objects is not None and (objects.ndim != 1 or objects.dtype.kind not in "biufUSO"):
        raise DataError(f"objects must be a text or number for each image, got {objects.dtype} {list(objects.shape)}")
    for name, labels in (("objects", objects), ("groups", groups)):
        if labels is not None and len(labels) != images:
            raise DataError(f"{name} must have a value for each of the {images} images, got {len(labels)}")
    group = np.arange(images) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    firsts = np.unique(group, return_index=True)[1]
    kind = ShuffleSplit if objects is None else StratifiedShuffleSplit
    made = kind(n_splits=count, train_size=float(train), random_state=seed)
    strata = None if objects is None else _strata(objects[firsts])
    _check_sides(len(firsts), train, strata)
    pairs = list(made.split(np.zeros(len(firsts)), strata))
    if groups is None:
        return Splits([pair[0] for pair in pairs], [pair[1] for pair in pairs], images)
    sides = [[np.flatnonzero(np.isin(group, side)) for side in pair] for pair in pairs]
    return Splits([pair[0] for pair in sides], [pair[1] for pair in sides], images)


def _strata(objects: NDArray[Any]) -> NDArray[np.intp]:
    """Number of the object of each image. Raises DataError where one is absent."""
    if objects.dtype.kind == "f" and np.isnan(objects).any():
        raise DataError("objects must name the object of each image, got NaN; leave objects out, or those images")
    try:
        found: NDArray[np.intp] = np.unique(objects, return_inverse=True)[1]
    except TypeError as error:
        raise DataError("objects must be texts alone or numbers alone, got both or others") from error
    return found


def _check_sides(count: int, train: float, strata: NDArray[np.intp] | None) -> None:
    """Raise DataError unless both sides of a split have an image, and one of each object where they are kept equal."""
    fitted = int(train * count)
    least, of = (1, "") if strata is None else (int(strata.max()) + 1, f" of the {int(strata.max()) + 1} objects")
    if min(fitted, count - fitted) < least:
        raise DataError(
            f"train = {train:g} leaves {fitted} of {count} images to train and {count - fitted} to test, which need "
            f"one{of} at least; give more images, another share, or no objects"
        )
    if strata is not None and (few := np.bincount(strata).min()) < 2:
        raise DataError(f"objects must have two images or more each, got one with {few}; leave objects out")


@check_arguments
def check_leaks(splits: Splits, names: Sequence[str], hashes: Sequence[str] | None = None) -> None:
    """Refuse splits in which an image, or a copy of it with the same pixels, is in training and in test.

    Parameters
    ----------
    splits : splits of I images.
    names : identifier of each image [I].
    hashes : hash of the pixels of each image [I], as `pixel_hashes` makes them.

    Raises
    ------
    DataError : an identifier or hash is on both sides of a split, or is not given for each image.
    """
    for name, labels in (("names", names), ("hashes", hashes)):
        if labels is None:
            continue
        if len(labels) != splits.images:
            raise DataError(f"{name} must have a value for each of the {splits.images} images, got {len(labels)}")
        values = np.asarray(labels)
        for k, (train, test) in enumerate(zip(splits.train, splits.test, strict=True)):
            shared = np.flatnonzero(np.isin(values[test], values[train]))
            if shared.size:
                image = test[shared[0]]
                other = train[np.flatnonzero(values[train] == values[image])[0]]
                raise DataError(
                    f"image {names[image]!r} of test is a copy of {names[other]!r} of training in split {k} "
                    f"(same {name}); keep copies together with image_splits(groups=...)"
                )


@check_arguments
def pixel_hashes(images: NDArray[Any]) -> tuple[str, ...]:
    """Hash of the pixels of each image [I, ...], equal for identical copies."""
    return tuple(hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest() for image in images)
