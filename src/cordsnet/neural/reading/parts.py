"""Parts that all forms of recordings share: names and labels, bins, and places of trials."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_at_least, check_positive
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_size
from cordsnet.neural.recording import UNITS, Recording

Values = NDArray[Any]
Indices = NDArray[np.intp]

MOST_BINS = 1_000_000
"""Bins that a recording may be cut into."""


class About(TypedDict, total=False):
    """Facts on a recording that its numbers do not hold; every function that makes a recording takes them.

    Attributes
    ----------
    images, neurons : identifiers in order; numbers from 0 where none are given.
    unit : a row of `UNITS`.
    image_labels, neuron_labels : name -> one value for each image or neuron.
    area, animal : label of all neurons, or one for each.
    source : a sentence on the origin.
    """

    images: Sequence[Any]
    neurons: Sequence[Any]
    unit: str
    image_labels: Mapping[str, Any]
    neuron_labels: Mapping[str, Any]
    area: Any
    animal: Any
    source: str


@check_arguments
def make_recording(
    responses: Values,
    bins_ms: Any,
    *,
    images: Any = None,
    neurons: Any = None,
    unit: str = "count",
    image_labels: Mapping[str, Any] | None = None,
    neuron_labels: Mapping[str, Any] | None = None,
    area: Any = None,
    animal: Any = None,
    source: str = "",
) -> Recording:
    """Make a recording from responses [image, repeat, time, neuron] and `About` facts.

    Raises
    ------
    DataError : the parts do not fit together.
    """
    if unit not in UNITS:
        raise DataError(f"unit must be one of {', '.join(UNITS)}, got {unit!r}")
    count, number = responses.shape[0], responses.shape[3]
    labels = dict(neuron_labels or {})
    for name, value in (("area", area), ("animal", animal)):
        if value is not None:
            labels[name] = [value] * number if isinstance(value, str) or np.ndim(value) == 0 else value
    return Recording(
        responses,
        bins_ms,
        np.arange(count).astype(str).tolist() if images is None else texts(images, "images"),
        np.arange(number).astype(str).tolist() if neurons is None else texts(neurons, "neurons"),
        unit,
        {name: label_values(values, f"image_labels[{name!r}]") for name, values in (image_labels or {}).items()},
        {name: label_values(values, f"neuron_labels[{name!r}]") for name, values in labels.items()},
        source,
    )


def merged(found: Mapping[str, Any], given: Any, name: str) -> dict[str, Any]:
    """Return labels that were found with those that are given before them. Raises DataError for no mapping."""
    if given is not None and not isinstance(given, Mapping):
        raise DataError(f"{name} must be a mapping from names to labels, got {type(given).__name__}")
    return {**found, **(given or {})}


def texts(values: Any, name: str) -> list[str]:
    """Return identifiers as texts; whole numbers lose their decimal point. Raises DataError for anything else."""
    if isinstance(values, str | bytes) or np.ndim(values) != 1:
        raise DataError(f"{name} must be a list of identifiers, got {type(values).__name__} of {np.ndim(values)} axes")
    array = np.asarray(values)
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.round(array)).all():
        array = array.astype(np.int64)
    return [str(value.decode() if isinstance(value, bytes) else value) for value in array.tolist()]


def label_values(values: Any, name: str) -> Values:
    """Return labels as numbers, truth values or texts. Raises DataError for other things."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name} must hold one value for each, got lists of unequal lengths") from error
    if array.dtype.kind in "OSUT":
        array = np.asarray(["" if value is None else str(value) for value in array.ravel().tolist()])
    elif array.dtype.kind not in "biuf":
        raise DataError(f"{name} must hold numbers or texts, got {array.dtype}")
    return array


def as_floats(values: Values, what: str, missing: float | None = None) -> Values:
    """Return numbers as float32, or float64 where that loses none of them, with NaN for `missing`.

    Raises
    ------
    DataError : they are no real numbers.
    """
    if values.dtype.kind not in "biuf":
        raise DataError(f"{what} must be real numbers, got {values.dtype}")
    exact = values.dtype.itemsize <= 2 or values.dtype in (np.float32, bool)
    if values.dtype.kind in "iu" and not exact and values.size:
        exact = bool(max(abs(int(values.min())), abs(int(values.max()))) < 2**24)  # float32 holds these exactly
    found = values.astype(np.float32 if exact else np.float64)
    if missing is not None and not np.isnan(missing):
        found[found == missing] = np.nan
    return found


def find_bins(given: Any, count: int) -> NDArray[np.float64]:
    """Return bins [T, 2] from starts and ends [T, 2] or from edges [T + 1], in ms from onset.

    Raises
    ------
    DataError : there are none, or they are not as many as the responses have.
    """
    if given is None:
        example = "bins_ms=[[70, 170]]" if count == 1 else f"bins_ms with {count + 1} edges"
        raise DataError(f"bins_ms must say when the {count} bins start and end, in ms from onset; give {example}")
    bins = as_times(given, "bins_ms", "numbers in ms from onset")
    if bins.shape == (count + 1,):
        return np.stack([bins[:-1], bins[1:]], 1)
    if count == 1 and bins.shape == (2,):
        return bins[None]
    if bins.shape != (count, 2):
        needed = f"starts and ends [{count}, 2] or {count + 1} edges"
        raise DataError(f"bins_ms must be {needed} for the {count} bins of the responses, got shape {bins.shape}")
    return bins


def as_times(given: Any, name: str, would_do: str) -> NDArray[np.float64]:
    """Return times as float64. Raises DataError for what are no numbers, or more than memory should hold."""
    check_size(tuple(getattr(given, "shape", ())), 8, name)
    try:
        return np.array(given, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{name} must be {would_do}, got {type(given).__name__}") from error


def regular_bins(bin_ms: float, from_ms: float, to_ms: float) -> NDArray[np.float64]:
    """Return bins of `bin_ms` [T, 2] that fill the time between `from_ms` and `to_ms`.

    Raises
    ------
    ValueError : the duration is not above 0, or does not fit a whole number of times.
    """
    check_positive(bin_ms, "bin_ms")
    check_at_least(to_ms - from_ms, "to_ms - from_ms", bin_ms)
    count = round((to_ms - from_ms) / bin_ms)
    if abs(count * bin_ms - (to_ms - from_ms)) > 1e-6 * bin_ms:
        raise DataError(f"bin_ms {bin_ms:g} must fit a whole number of times between {from_ms:g} and {to_ms:g} ms")
    if count > MOST_BINS:
        raise DataError(f"bin_ms {bin_ms:g} makes {count:,} bins; at most {MOST_BINS:,} are made")
    edges = from_ms + bin_ms * np.arange(count + 1.0)
    return np.stack([edges[:-1], edges[1:]], 1)


def codes(values: Values, order: Any, what: str) -> tuple[list[str], Indices]:
    """Return the names that occur and the place of each value among them, sorted or in a given order.

    Raises
    ------
    DataError : a value is not in the order that is given, or is absent.
    """
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise DataError(
            f"{what} is absent (NaN) in row {int(np.flatnonzero(np.isnan(values))[0])}; name each or drop it"
        )
    if values.dtype.kind == "O":
        values = np.asarray([str(value) for value in values.tolist()])
    found, places = np.unique(values, return_inverse=True)
    names = texts(found, what)
    if order is None:
        return names, places
    wanted = texts(order, what)
    known = {name: k for k, name in enumerate(wanted)}
    if unknown := [name for name in names if name not in known]:
        raise DataError(f"{what} {unknown[0]!r} is not in the list of {len(wanted)} that is given; complete the list")
    return wanted, np.asarray([known[name] for name in names], np.intp)[places]


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


def label_of_each(places: Indices, count: int, values: Values, name: str, of: str) -> Values:
    """Label of each image or neuron from those of trials. Raises DataError where trials disagree."""
    values = label_values(values, name)
    found, inverse = np.unique(values, return_inverse=True)
    low, high = np.full(count, len(found)), np.full(count, -1)
    np.minimum.at(low, places, inverse)
    np.maximum.at(high, places, inverse)
    if (torn := np.flatnonzero((low != high) & (high >= 0))).size:
        k = int(torn[0])
        both = f"{found[low[k]]!s} and {found[high[k]]!s}"
        raise DataError(f"{name} of {of} {k} is {both} in different trials; each {of} has one")
    labels: Values = found[np.maximum(high, 0)]
    if (high < 0).any():  # an image or neuron without a trial has no label
        labels = labels.astype(str if found.dtype.kind == "U" else np.float64)
        labels[high < 0] = "" if found.dtype.kind == "U" else np.nan
    return labels


def empty_responses(images: int, repeats: int, times: int, neurons: int) -> NDArray[np.float32]:
    """Return responses that are all absent. Raises DataError if they would be too large."""
    shape = (images, repeats, times, neurons)
    check_size(shape, 4, "the recording [image, repeat, time, neuron]")
    return np.full(shape, np.nan, np.float32)
