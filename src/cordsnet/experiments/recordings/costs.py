"""Memory and time of experiments on recordings, estimated before they start, and a bound that an option lifts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cordsnet._checks import check_positive
from cordsnet.dynamics import Record
from cordsnet.dynamics.limits import in_words
from cordsnet.errors import DataError
from cordsnet.models import VisionModel

GB = 1e9
MOST_GB = 8.0
"""Memory above which a run is refused, GB, unless the option most_gb allows more."""

COPIES = {"pls": 4, "ridge": 8, "one_to_one": 4}
"""Mapping -> activity of an area in memory at once, in copies; measured, and rounded up."""

PLS_RATE, RIDGE_RATE, PAIRS_RATE = 9e8, 1e10, 1e9
"""Products per second on one core: rows x units x components; rows squared x units; rows x units x neurons."""


@dataclass(frozen=True)
class Cost:
    """Memory, time and disk that a part of a run takes.

    Attributes
    ----------
    what : the part, such as the name of a model.
    memory : bytes that are held at once, at most.
    seconds : on one core that does nothing else; 0 where it is not estimated.
    disk : bytes of files, which are removed at the end unless they are kept.
    """

    what: str
    memory: float
    seconds: float = 0.0
    disk: float = 0.0

    def __str__(self) -> str:
        parts = [f"about {in_words(self.memory)} of memory"]
        parts += [f"{in_words(self.disk)} of disk"] if self.disk else []
        parts += [f"{_duration(self.seconds)} on one core, besides showing images"] if self.seconds >= 1 else []
        return f"{self.what}: {', '.join(parts)}"


def check_cost(cost: Cost, most_gb: float) -> None:
    """Raise DataError, in a sentence, for a cost above the bound."""
    check_positive(most_gb, "most_gb")
    if cost.memory > most_gb * GB:
        raise DataError(
            f"{cost.what} would take about {in_words(cost.memory)} of memory, and at most {most_gb:g} GB are allowed; "
            f"give fewer images, bins or areas, or raise most_gb to {math.ceil(cost.memory / GB)} or more"
        )


def units_of(model: VisionModel) -> dict[str, int]:
    """Area -> number of its units."""
    return {name: math.prod(one.shape) for name, one in Record("all").signals(model.system()).items()}


def cost_of_scores(
    label: str, units: Mapping[str, int], images: tuple[int, int], bins: int, neurons: int, options: Any
) -> Cost:
    """Cost of mapping every area of a model to neurons.

    Parameters
    ----------
    label : of the model.
    units : area -> number of its units.
    images : number of images that choose an area, in `CHOICES` splits, and of those that are scored.
    bins, neurons : numbers of them.
    options : of `neural_scores`, for mapping, components and splits.
    """
    total = sum(images)
    seconds = 0.0
    for count, splits in zip(images, (5, options.splits), strict=True):
        rows, every = 0.9 * count * bins, sum(units.values())
        each = {
            "pls": rows * every * options.components / PLS_RATE,
            "ridge": rows * min(rows, max(units.values())) * every / RIDGE_RATE,
            "one_to_one": rows * every * neurons / PAIRS_RATE,
        }
        seconds += splits * each[options.mapping]
    largest, whole = (4 * total * bins * number for number in (max(units.values()), sum(units.values())))
    return Cost(label, COPIES[options.mapping] * largest, seconds, whole)


def cost_of_distances(label: str, units: Mapping[str, int], images: int, bins: int, animals: int) -> Cost:
    """Cost of the distances between images of a model and of animals: activity in double precision, and all pairs."""
    pairs = images * (images - 1) / 2
    largest, whole = max(units.values()), sum(units.values())
    memory = 16 * images * bins * largest + 8 * images * whole + 24 * pairs * bins * (animals + 1)
    return Cost(label, memory, pairs * (whole + bins * largest) / PAIRS_RATE, 4 * images * bins * whole)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"
