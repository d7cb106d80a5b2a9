"""From what users write to models and the test images that they are shown."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cordsnet.data import Reading, Split, VisionData, load_data
from cordsnet.data.split import Normalisation
from cordsnet.data.unreadable import first_of
from cordsnet.errors import DataError, DataWarning
from cordsnet.experiments.checkpoint import find_checkpoint
from cordsnet.models import build, create_model
from cordsnet.training import ModelChoice

USUAL_DATA = "digits"
"""Data set of networks with random weights, which are of no data."""


@dataclass(frozen=True)
class Subject:
    """A model as it was asked for.

    Attributes
    ----------
    source : a folder, NAME@DATA, or the name of a model.
    model : the model.
    data : name or path of the data set whose test images it is shown.
    notes : what was chosen for it.
    reading : how data by path are read.
    """

    source: str
    model: Any
    data: str
    notes: tuple[str, ...] = ()
    reading: Reading = field(default_factory=Reading)

    @property
    def trained_on(self) -> Mapping[str, Any]:
        """The data that its weights were trained on, as its metadata describe them; empty where they do not."""
        known = self.model.metadata.get("data")
        return known if isinstance(known, Mapping) else {}

    @cached_property
    def loaded(self) -> VisionData:
        """The data set, with images of the model's size; loaded once."""
        return load_data(self.data, max(self.model.input_shape[1:]), **asdict(self.reading))


def load_subjects(sources: Sequence[str], data: str | None = None, *, shown: bool = True) -> dict[str, Subject]:
    """Label -> model. A label is the last part of a folder, or as much of it as tells it from the others.

    Parameters
    ----------
    sources : for each model the folder of a checkpoint, or of a run, whose last finished stage is taken; or NAME@DATA,
        for weights that come with the package; or the name of a model, for random weights that fit the data.
    data : name or path of the data set that all are shown; None is what each was trained on, and digits for networks
        with random weights.
    shown : True if models are shown test images; False asks for none, so that those a network was trained on may be
        gone.

    Raises
    ------
    ValueError : no such folder or model, or the same one twice.
    DataError : data is None, and the images that a network was trained on are not known, or not there any more.
    CheckpointError : a file of weights is damaged.
    """
    if twice := [source for k, source in enumerate(sources) if source in sources[:k]]:
        raise ValueError(f"model {twice[0]!r} is given twice; give each once")
    return dict(zip(_labels(sources), (_load(source, data, shown) for source in sources), strict=True))


def images_of(subjects: Mapping[str, Subject]) -> dict[str, Split]:
    """Label -> test images of the model's size, normalised as those that it was trained on.

    Raises DataError when a data set does not have the channels or the classes of the model.
    """
    return images_and_notes(subjects)[0]


def images_and_notes(subjects: Mapping[str, Subject]) -> tuple[dict[str, Split], dict[str, tuple[str, ...]]]:
    """`images_of`, and label -> what was chosen: the data, how they were read, and whose normalisation."""
    images, notes = {}, {}
    for label, one in subjects.items():
        images[label], read = _images(label, one)
        notes[label] = (*one.notes, *read)
        known = one.trained_on
        if known.get("mean") and known.get("name") != Path(one.data).name:
            own = known.get("name", label)
            notes[label] += (f"images of {one.data} are normalised as those of {own}, its own data",)
    return images, notes


def _images(label: str, subject: Subject) -> tuple[Split, tuple[str, ...]]:
    channels, height, width = subject.model.input_shape
    data = subject.loaded
    found = data.test.shape[0]
    if found != channels:
        raise DataError(
            f"images of {subject.data!r} have {found} channel(s) and network {label!r} reads {channels}; "
            "give others with --data"
        )
    split, matched = _numbered(label, subject, data)
    split = _cropped(split, height, width) if height != width else split
    mean, std = subject.trained_on.get("mean"), subject.trained_on.get("std")
    if mean and std and len(mean) == len(std) == channels:
        split = replace(split, normalise=Normalisation(tuple(mean), tuple(std)))
    return split, (*matched, *data.notes)


def _numbered(label: str, subject: Subject, data: VisionData) -> tuple[Split, tuple[str, ...]]:
    """Test images with the numbers that their classes have for a trained network, and what was done for that.

    Raises DataError for another number of classes, and for classes in another order of images that are not in memory.
    """
    own = tuple(map(str, subject.trained_on.get("classes") or ()))
    if not own or own == data.classes:
        return data.test, ()
    if len(own) != len(data.classes):
        raise DataError(
            f"data set {subject.data!r} has {len(data.classes)} classes and network {label!r} was trained on "
            f"{len(own)}; give other data with --data"
        )
    if unknown := [name for name in data.classes if name not in own]:
        said = (
            f"data set {subject.data!r} has classes that network {label!r} was not trained on ({first_of(unknown)}), "
            "so its accuracy on them means nothing"
        )
        warnings.warn(said, DataWarning, stacklevel=4)
        return data.test, (said,)
    if not isinstance(data.test.pixels, Tensor):
        raise DataError(
            f"data set {subject.data!r} has the classes of network {label!r} in another order, and is too large to be "
            "held in memory; sort its classes as in training"
        )
    numbers = torch.tensor([own.index(name) for name in data.classes])
    told = "classes are matched by name, since the data have them in another order"
    return replace(data.test, labels=numbers[data.test.labels]), (told,)


def _cropped(split: Split, height: int, width: int) -> Split:
    """The middle of square images."""
    whole = split.take(len(split))
    pixels = whole.pixels
    if not isinstance(pixels, Tensor):
        raise DataError("images that are not held in memory cannot be cropped; give a smaller data set")
    top, left = (pixels.shape[2] - height) // 2, (pixels.shape[3] - width) // 2
    return replace(whole, pixels=pixels[:, :, top : top + height, left : left + width])


def _load(source: str, data: str | None, shown: bool) -> Subject:
    if Path(source).is_dir() or os.sep in source:
        return _trained(source, data, shown)
    name, _, trained = source.partition("@")
    if trained:
        model = create_model(name, pretrained=trained)
        return Subject(source, model, data or trained, tuple(model.notes))
    usual = data or USUAL_DATA
    return Subject(source, _random(name, usual), usual, (f"{name!r} has random weights",))


def _trained(source: str, data: str | None, shown: bool) -> Subject:
    """A network from a folder, with the data that it was trained on where none are asked for."""
    found = find_checkpoint(source)
    if data is not None or not shown:
        return Subject(source, found.model, data or found.own.name, found.notes)
    if not found.own.name and not found.model.metadata:
        note = f"the network does not say what it was trained on; it is shown {USUAL_DATA}"
        return Subject(source, found.model, USUAL_DATA, (*found.notes, note))
    own = found.own_data()
    return Subject(source, found.model, own.name, found.notes, own.reading)


def _random(name: str, data: str) -> Any:
    """A model with random weights, for the channels and classes of a data set if it reads images."""
    choice = ModelChoice(name)
    if not choice.shown_size:
        return create_model(name)
    return build(choice.spec(load_data(data, choice.shown_size)), kind=choice.kind)


def _labels(sources: Sequence[str]) -> list[str]:
    """Last parts of paths, as many as tell them apart, joined by dots."""
    parts = [[part for part in Path(source).parts if part not in (os.sep, "..")] or [source] for source in sources]
    for kept in range(1, max(map(len, parts), default=1) + 1):
        labels = [".".join(path[-kept:]) for path in parts]
        if len(set(labels)) == len(labels):
            return labels
    raise ValueError(f"models {', '.join(map(repr, sources))} cannot be told apart; give each once")
