"""The test images that a network is shown, checked against what it was trained on."""

import dataclasses
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cordsnet.data import Reading, Split, VisionData, load_data
from cordsnet.data.split import Normalisation
from cordsnet.data.unreadable import first_of
from cordsnet.errors import DataError, DataWarning
from cordsnet.experiments.checkpoint import Checkpoint
from cordsnet.models.interface import IMAGE

SAME = 1e-3
"""Means and standard deviations, of pixel values in 0-1, that differ by less are taken to be the same."""


@dataclass(frozen=True)
class Shown:
    """Test images for a network.

    Attributes
    ----------
    name : the data set.
    split : the images, normalised as those of training, of the network's size.
    numbers : label in the split -> number of the class for the network [K].
    classes : names of the network's classes.
    notes : what was chosen or assumed.
    """

    name: str
    split: Split
    numbers: Tensor
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def shown_images(
    checkpoint: Checkpoint, data: str | Path | VisionData | None, reading: Reading | None, count: int | None, seed: int
) -> Shown:
    """Load the test images that a network is to be shown, all or a draw of `count`.

    Gives a DataWarning for a data set whose normalisation is not that of training, and for one that has changed since.

    Raises DataError when it is not known what the network was trained on, or for data that do not fit the network.
    """
    model = checkpoint.model
    if tuple(model.inputs) != (IMAGE,):
        raise DataError(
            f"network {checkpoint.source!r} reads {', '.join(model.inputs)}, and evaluate shows images alone"
        )
    classes = model.num_classes  # raises before images are loaded
    found, name, notes = _load(checkpoint, data, reading)
    names, numbers, about_classes = _classes(checkpoint, found, name, classes)
    split, about_channels = _with_channels(found.test, model.input_shape, checkpoint.source, name)
    split, about_pixels = _normalised(split, checkpoint, found, name)
    total = len(split)
    if count is not None:
        if count < 1:
            raise DataError(f"images must be at least 1, got {count}")
        split = split.take(count, seed)
        notes.append(
            f"{len(split)} of {total} test images, drawn from all classes with seed {seed}"
            if count < total
            else f"all {total} test images, since there are no more"
        )
    notes += [*about_classes, *about_channels, *about_pixels, *found.notes]
    return Shown(name, split, numbers, names, tuple(notes))


def _load(
    checkpoint: Checkpoint, data: str | Path | VisionData | None, reading: Reading | None
) -> tuple[VisionData, str, list[str]]:
    """The data set, its name, and whose it is."""
    if isinstance(data, VisionData):
        return data, data.name, []
    notes = []
    if data is None:
        own = checkpoint.own_data()
        data, reading = own.name, reading or own.reading
        notes.append(f"images are the test images of {own.name!r}, which the network was trained on")
    name = os.fspath(data)
    options = dataclasses.asdict(reading or Reading())
    found = load_data(data, max(checkpoint.model.input_shape[1:]), **options)
    if notes and checkpoint.own.identity not in ("", found.identity):
        warnings.warn(
            f"images, labels or classes of {name!r} have changed since {checkpoint.source!r} was trained on them",
            DataWarning,
            stacklevel=4,
        )
        notes.append(f"{name!r} has changed since training")
    return found, name, notes


def _classes(
    checkpoint: Checkpoint, data: VisionData, name: str, count: int
) -> tuple[tuple[str, ...], Tensor, list[str]]:
    """Names of the network's classes, the number that each label of the data has for the network, and notes.

    Raises DataError for classes that the network does not know.
    """
    own = tuple(map(str, _trained_on(checkpoint).get("classes") or ()))
    same = torch.arange(len(data.classes))
    if len(own) != count:
        if len(data.classes) != count:
            raise DataError(
                f"data set {name!r} has {len(data.classes)} classes and network {checkpoint.source!r} {count}, whose "
                "names are not known; give other data with --data"
            )
        return data.classes, same, ["the network does not name its classes; they are taken to be those of the data"]
    if unknown := [label for label in data.classes if label not in own]:
        raise DataError(
            f"data set {name!r} has classes that network {checkpoint.source!r} does not know: {first_of(unknown)}; "
            f"it knows {first_of(own)}"
        )
    if own == data.classes:
        return own, same, []
    numbers = torch.tensor([own.index(label) for label in data.classes])
    notes = ["classes are matched by name, since the data have them in another order"]
    if absent := [label for label in own if label not in data.classes]:
        notes = [f"classes are matched by name; the data have none of {first_of(absent)}"]
    return own, numbers, notes


def _with_channels(split: Split, shape: tuple[int, int, int], source: str, name: str) -> tuple[Split, list[str]]:
    """The split with the network's channels and its height and width."""
    channels, height, width = shape
    found = split.shape[0]
    notes: list[str] = []
    if found != channels and not (found == 1 and channels == 3):
        raise DataError(
            f"images of {name!r} have {found} channels and network {source!r} reads {channels}; give others with --data"
        )
    if (found, *split.shape[1:]) == shape:
        return split, notes
    whole = split.take(len(split))
    pixels = whole.pixels
    assert isinstance(pixels, Tensor)
    top, left = (pixels.shape[2] - height) // 2, (pixels.shape[3] - width) // 2
    pixels = pixels[:, :, top : top + height, left : left + width]
    if found != channels:
        notes.append("all images are grey, and are shown with three equal channels")
    return dataclasses.replace(whole, pixels=pixels.expand(-1, channels, -1, -1), normalise=None), notes


def _normalised(split: Split, checkpoint: Checkpoint, data: VisionData, name: str) -> tuple[Split, list[str]]:
    """The split normalised as in training."""
    known = _trained_on(checkpoint)
    mean, std = (tuple(known.get(key) or ()) for key in ("mean", "std"))
    channels = checkpoint.model.input_shape[0]
    if not len(mean) == len(std) == channels:
        warnings.warn(
            f"network {checkpoint.source!r} does not say how its images were normalised; those of {name!r} are "
            "normalised by their own mean and standard deviation",
            DataWarning,
            stacklevel=4,
        )
        mean, std = (values * (channels // len(values)) for values in (data.mean, data.std))
        return dataclasses.replace(split, normalise=Normalisation(mean, std)), [
            "images are normalised by their own mean"
        ]
    theirs = [values * (channels // len(values)) for values in (data.mean, data.std)]
    away = max(
        abs(a - b) for own, other in zip((mean, std), theirs, strict=True) for a, b in zip(own, other, strict=True)
    )
    notes = []
    if away > SAME:
        said = (
            f"images are normalised as in training, mean {_numbers(mean)} and s.d. {_numbers(std)}; the training "
            f"images of {name!r} have mean {_numbers(theirs[0])} and s.d. {_numbers(theirs[1])}"
        )
        warnings.warn(said, DataWarning, stacklevel=4)
        notes.append(said)
    return dataclasses.replace(split, normalise=Normalisation(mean, std)), notes


def _trained_on(checkpoint: Checkpoint) -> Mapping[str, Any]:
    known = checkpoint.model.metadata.get("data")
    return known if isinstance(known, Mapping) else {}


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
