"""Trials in a row, sorted into images and repeats, and the labels that belong to an image."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError

LARGEST = 8 * 2**30
"""Bytes of responses that are made."""

MOST_BINS = 100_000
"""Time bins that are made."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Places of n trials among images and repeats.

    Attributes
    ----------
    images : names of the images, in the order of their numbers and letters.
    image : index of the image of each trial [n].
    repeat : number of earlier trials with the same image [n].
    """

    images: tuple[str, ...]
    image: NDArray[np.int64]
    repeat: NDArray[np.int64]

    @property
    def most_repeats(self) -> int:
        """Largest number of repeats of an image."""
        return int(self.repeat.max()) + 1


def group(names: Sequence[str]) -> Trials:
    """Sort trials, in the order in which they were run, by the name of their image."""
    images = sorted(set(names), key=in_order)
    index = {name: k for k, name in enumerate(images)}
    seen = [0] * len(images)
    image, repeat = np.empty(len(names), np.int64), np.empty(len(names), np.int64)
    for k, name in enumerate(names):
        image[k] = index[name]
        repeat[k] = seen[index[name]]
        seen[index[name]] += 1
    return Trials(tuple(images), image, repeat)


def in_order(name: str) -> list[tuple[bool, int, str]]:
    """Key that sorts names as people do: image2 before image10."""
    parts = re.split(r"(\d{1,18})", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def texts(values: Any, what: str) -> list[str]:
    """Texts or numbers as names; whole numbers lose their point.

    Raises DataError, with `what` they are, for anything else, and for names that are empty or NaN.
    """
    found = []
    for k, value in enumerate(values):
        one = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
        one = one.decode("utf-8", "replace") if isinstance(one, bytes) else one
        if isinstance(one, float | np.floating) and math.isfinite(one) and one == round(one):
            one = int(one)
        text = str(one)
        if not isinstance(one, str | int | float | np.number | np.bool_) or text in ("", "nan"):
            given = text if isinstance(one, str | float | np.number) else type(one).__name__
            raise DataError(f"{what} must hold a text or number at each place, got {given!r:.60} at place {k}")
        found.append(text)
    return found


def label_of_images(values: Sequence[str], trials: Trials, what: str) -> NDArray[Any]:
    """One label for each image, from one for each trial. Raises DataError where trials of an image differ in it."""
    labels: dict[int, str] = {}
    for place, value in zip(trials.image.tolist(), values, strict=True):
        if labels.setdefault(place, value) != value:
            image = trials.images[place]
            raise DataError(
                f"{what} must be the same in all trials of an image, but image {image!r} has {labels[place]!r} and "
                f"{value!r}; leave the label out, or name images by it too"
            )
    return np.array([labels[k] for k in range(len(trials.images))])


def regular_bins(from_ms: float, to_ms: float, bin_ms: float) -> NDArray[np.float64]:
    """Start and end of bins of one duration [T, 2], ms; each holds its start and not its end.

    Raises DataError unless a whole number of them fills the time.
    """
    if not (bin_ms > 0 and to_ms > from_ms):
        raise DataError(f"to_ms must be above from_ms, and bin_ms above 0, got {from_ms:g}, {to_ms:g} and {bin_ms:g}")
    count = (to_ms - from_ms) / bin_ms
    if count > MOST_BINS:
        raise DataError(f"bin_ms {bin_ms:g} makes {count:,.0f} bins, more than {MOST_BINS:,}; give a larger one")
    whole = round(count)
    if whole < 1 or abs(count - whole) > 1e-6:
        raise DataError(
            f"from_ms {from_ms:g} to to_ms {to_ms:g} must be a whole number of bins of bin_ms {bin_ms:g} ms, "
            f"got {count:g} of them"
        )
    edges = float(from_ms) + float(bin_ms) * np.arange(whole + 1)
    return np.stack([edges[:-1], edges[1:]], 1)


def empty_responses(shape: tuple[int, int, int, int], what: str, dtype: Any = np.float32) -> NDArray[Any]:
    """Responses [image, repeat, time, neuron] that are all absent. Raises DataError where they are too large."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > LARGEST:
        axes = " x ".join(map(str, shape))
        raise DataError(
            f"{what} needs {size:,} bytes for {axes} images, repeats, bins and neurons, more than {LARGEST:,}; "
            "give a larger bin_ms or fewer neurons"
        )
    return np.full(shape, np.nan, dtype)
