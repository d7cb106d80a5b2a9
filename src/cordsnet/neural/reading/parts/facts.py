"""Facts on a recording that its numbers do not hold: names and labels, and the axes of arrays."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.recording import UNITS, Recording

Values = NDArray[Any]


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
def recording_of(
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
    """Return identifiers as texts; whole numbers lose their decimal point.

    Raises
    ------
    DataError : they are no list of texts or numbers, or one of them is empty or NaN.
    """
    single = isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable)
    if single or (isinstance(values, np.ndarray) and values.ndim != 1):
        raise DataError(f"{name} must be a list of identifiers, got {type(values).__name__} of {np.ndim(values)} axes")
    return [_text(value, f"{name}", k) for k, value in enumerate(values)]


def _text(value: Any, name: str, place: int) -> str:
    """One identifier."""
    one = value.item() if isinstance(value, np.ndarray | np.generic) and value.size == 1 else value
    one = one.decode("utf-8", "replace") if isinstance(one, bytes) else one
    if one is None or (isinstance(one, float) and math.isnan(one)):
        raise DataError(f"{name} is absent (NaN) at place {place}; name each or drop it")
    if isinstance(one, float) and one.is_integer():
        one = int(one)
    if not isinstance(one, str | int | float) or one == "":
        given = repr(one) if isinstance(one, str) else type(one).__name__
        raise DataError(f"{name} must hold a text or number at each place, got {given} at place {place}")
    return str(one)


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
    exact = values.dtype.itemsize <= 2 or values.dtype.char == "f"  # in either order of bytes
    if values.dtype.kind in "iu" and not exact and values.size:
        exact = bool(max(abs(int(values.min())), abs(int(values.max()))) < 2**24)  # float32 holds these exactly
    found = values.astype(np.float32 if exact else np.float64)
    if missing is not None and not np.isnan(missing):
        found[found == missing] = np.nan
    return found


def axis_names(given: Any, known: Sequence[str]) -> tuple[str, ...]:
    """Return names of axes, as a text or a list of texts says them. Raises DataError for unknown or repeated ones."""
    words = given.replace(",", " ").split() if isinstance(given, str) else given
    would_do = 'such as "neuron image repeat", of ' + ", ".join(known)
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise DataError(f"axes must name each axis of the array, {would_do}, got {given!r:.60}")
    names = tuple(word.lower().removesuffix("s") for word in words)
    if unknown := [name for name in names if name not in known]:
        raise DataError(f"axes has no {unknown[0]!r}; give names {would_do}")
    if len(set(names)) < len(names):
        raise DataError(f"axes must name none twice, {would_do}, got {' '.join(names)!r}")
    return names


def check_counted(about: About) -> None:
    """Raise DataError where spikes that are counted are said to be something else."""
    if (unit := about.get("unit", "count")) != "count":
        raise DataError(f'unit must be "count" where spikes are counted, got {unit!r}; convert afterwards, as_rates()')
