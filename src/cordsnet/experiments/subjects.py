"""From what users write to models and the test images that they are shown."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordsnet.data import Split, load_data
from cordsnet.models import build, create_model, load_model
from cordsnet.training import ModelChoice

USUAL_DATA = "digits"
"""Data set of models that do not say what they were trained on."""


@dataclass(frozen=True)
class Subject:
    """A model as it was asked for.

    Attributes
    ----------
    source : a folder, NAME@DATA, or the name of a model.
    model : the model.
    data : name of the data set whose test images it is shown.
    """

    source: str
    model: Any
    data: str


def load_subjects(sources: Sequence[str], data: str | None = None) -> dict[str, Subject]:
    """Label -> model. A label is the last part of a folder, or as much of it as tells it from the others.

    Parameters
    ----------
    sources : for each model the folder of a checkpoint; or NAME@DATA, for weights that come with the package; or the
        name of a model, for random weights that fit the data.
    data : name or path of the data set that all are shown; None is what each was trained on, or else digits.

    Raises
    ------
    ValueError : no such folder or model, or the same one twice.
    CheckpointError : a file of weights is damaged.
    """
    if twice := [source for k, source in enumerate(sources) if source in sources[:k]]:
        raise ValueError(f"model {twice[0]!r} is given twice; give each once")
    return dict(zip(_labels(sources), (_load(source, data) for source in sources), strict=True))


def images_of(subjects: Mapping[str, Subject]) -> dict[str, Split]:
    """Label -> test images of the model's size."""
    return {label: load_data(one.data, one.model.input_shape[-1]).test for label, one in subjects.items()}


def _load(source: str, data: str | None) -> Subject:
    if Path(source).is_dir() or os.sep in source:
        model = load_model(source)
        trained_on = model.metadata.get("data")
        known = trained_on.get("name") if isinstance(trained_on, Mapping) else None
        return Subject(source, model, data or known or USUAL_DATA)
    name, _, trained = source.partition("@")
    if trained:
        return Subject(source, create_model(name, pretrained=trained), data or trained)
    return Subject(source, _random(name, data or USUAL_DATA), data or USUAL_DATA)


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
