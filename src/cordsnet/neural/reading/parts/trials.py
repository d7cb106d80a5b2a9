"""Trials in a row: the images that they show, their places among repeats, and labels that trials of an image share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_size
from cordsnet.neural.reading.parts.facts import label_values, texts

Values = NDArray[Any]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Trials:
    """Places of n trials among images and repeats.

    Attributes
    ----------
    images : names of the images, in the order of their numbers and letters, or in the order that was given.
    image : index of the image of each trial [n].
    repeat : place of each trial among the repeats of its image [n].
    """

    images: list[str]
    image: Indices
    repeat: Indices

    def empty(self, times: int, neurons: int, what: str, dtype: Any = np.float32) -> Values:
        """Responses [image, repeat, time, neuron] that are all absent. Raises DataError if they are too large."""
        shape = (len(self.images), int(self.repeat.max()) + 1, times, neurons)
        check_size(shape, np.dtype(dtype).itemsize, f"{what} [image, repeat, time, neuron]")
        return np.full(shape, np.nan, dtype)

    def stack(self, values: Values, what: str) -> Values:
        """Responses [image, repeat, time, neuron] from those of trials [n, time, neuron], NaN where there is none."""
        responses = self.empty(values.shape[1], values.shape[2], what, values.dtype)
        responses[self.image, self.repeat] = values
        return responses

    def label(self, values: Any, name: str) -> Values:
        """One label for each image from one for each trial. Raises DataError where trials of an image differ."""
        return label_of_each(self.image, self.images, values, name, "image")


def group(shown: Values, order: Any, what: str, *, neuron: Indices | None = None, repeat: Any = None) -> Trials:
    """Sort trials, in the order in which they were run, by their image.

    Parameters
    ----------
    shown : identifier of the image of each trial [n].
    order : identifiers of all images, in order; None sorts those that occur.
    what : words for the identifiers in a message.
    neuron : index of the one neuron that each trial is of [n]; None where a trial is of all neurons.
    repeat : identifier of the repeat of each trial [n]; None numbers them in order.

    Raises
    ------
    DataError : an identifier is absent, or is not in the order that is given.
    """
    images, image = codes(shown, order, what)
    owner = np.zeros_like(image) if neuron is None else neuron
    return Trials(images, image, place_trials(image, owner, repeat))


def names_of(given: str | Sequence[str] | None) -> list[str]:
    """Names of arrays, variables or columns, from a text with blanks between them or a list; none for None."""
    return given.split() if isinstance(given, str) else list(given or ())


def joined(parts: Sequence[Values]) -> Values:
    """Identifiers of several parts, such as an object and its position, with "_" between them."""
    if len(parts) == 1:
        return parts[0]
    return np.asarray(["_".join(row) for row in zip(*(texts(part, "image") for part in parts), strict=True)])


def in_order(name: str) -> list[tuple[bool, int, str]]:
    """Key that sorts names as people do: image2 before image10."""
    parts = re.split(r"(\d{1,18})", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def codes(values: Any, order: Any, what: str) -> tuple[list[str], Indices]:
    """Return the names that occur and the place of each value among them, as people sort them or in a given order.

    Raises
    ------
    DataError : a value is absent or no text or number, or is not in the order that is given.
    """
    array = np.asarray(values)
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise DataError(f"{what} is absent (NaN) at place {int(np.isnan(array).argmax())}; name each or drop it")
    if array.dtype.kind not in "biuf":
        array = np.asarray(texts(array, what))
    found, places = np.unique(array, return_inverse=True)
    names = texts(found, what)
    if order is not None:
        wanted = texts(order, what)
    else:
        wanted = names if found.dtype.kind in "biuf" else sorted(names, key=in_order)
    known = {name: k for k, name in enumerate(wanted)}
    if unknown := [name for name in names if name not in known]:
        raise DataError(f"{what} {unknown[0]!r} is not in the list of {len(wanted)} that is given; complete the list")
    return wanted, np.asarray([known[name] for name in names], np.intp)[places.ravel()]


def rank_within(group: Values, value: Values) -> Indices:
    """Rank of each value among the different values of its group, from 0."""
    pairs, places = np.unique(np.stack([group, value], 1), axis=0, return_inverse=True)
    first = np.searchsorted(pairs[:, 0], pairs[:, 0])
    ranks: Indices = (np.arange(len(pairs)) - first)[places.ravel()]
    return ranks


def place_trials(image: Indices, neuron: Indices, repeat: Values | None) -> Indices:
    """Place of each trial among the repeats of its image.

    Repeats with names are ranked by image, so that neurons keep the trials that they share; where neurons share few, as
    when they were recorded one after another, they are ranked by image and neuron. Without names they are numbered.
    """
    pair = image * (int(neuron.max()) + 1) + neuron
    if repeat is None:
        repeat = np.arange(len(pair))
        return rank_within(pair, repeat)
    found = np.unique(repeat, return_inverse=True)[1].ravel()
    shared, own = rank_within(image, found), rank_within(pair, found)
    return shared if shared.max() < 2 * (own.max() + 1) else own


def label_of_each(places: Indices, names: list[str], values: Any, name: str, of: str) -> Values:
    """Label of each image or neuron, by its name, from those of trials. Raises DataError where trials disagree."""
    values, count = label_values(values, name), len(names)
    found, inverse = np.unique(values, return_inverse=True)
    low, high = np.full(count, len(found)), np.full(count, -1)
    np.minimum.at(low, places, inverse)
    np.maximum.at(high, places, inverse)
    if (torn := np.flatnonzero((low != high) & (high >= 0))).size:
        k = int(torn[0])
        raise DataError(
            f"{name} of {of} {names[k]!r} is {str(found[low[k]])!r} and {str(found[high[k]])!r} in different trials; "
            f"each {of} has one, so leave the label out or name {of}s by it too"
        )
    labels: Values = found[np.maximum(high, 0)]
    if (high < 0).any():  # an image or neuron without a trial has no label
        labels = labels.astype(str if found.dtype.kind == "U" else np.float64)
        labels[high < 0] = "" if found.dtype.kind == "U" else np.nan
    return labels
