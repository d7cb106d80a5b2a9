"""The challenge set of Maniquet, Op de Beeck & Costantino (Scientific Reports 2025): answers of people and networks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from cordsnet._arguments import check_arguments
from cordsnet.data.people.files import Numbers, check_range, field, numbers, read_bounded
from cordsnet.errors import DataError

FILE = "human_and_models.json"
LARGEST = 16 * 2**20
"""Bytes that are read; the published numbers take 0.2 MB."""

OCCLUSIONS = product(("few_large", "many_small"), ("deletion", "blobs", "partial_viewing"), ("low", "high"))
CONDITIONS = (
    "control",
    "clutter_light",
    "clutter_heavy",
    "scrambling_highpass",
    "scrambling_lowpass",
    *("_".join(("occlusion", *parts)) for parts in OCCLUSIONS),
)
"""The 17 conditions, in the order of every array."""

CATEGORIES = ("person", "cat", "bird", "tree", "banana", "firehydrant", "bus", "building")
GROUPS = {"all people": "", "without mask": "no mask ", "with mask": "mask "}
"""Group of people -> how names of its curves begin in the file."""

SLOWEST_MS, FASTEST_MS = 60_000.0, 50.0
"""Mean reaction times that are believed; an accuracy is never among them, nor a time in seconds."""

PEOPLE = tuple(map(str, range(1, 219)))
"""Names of the 218 people."""

FEWEST, MOST = 1e4, 1e13
"""Numbers of parameters that are believed; others are in millions, or are no such numbers."""

TOLERANCE = 0.01
"""Largest difference between the stored curve of all people and the mean over those who are listed."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Accuracy and reaction time of a group of people in each condition [17].

    Attributes
    ----------
    accuracy, accuracy_sem : share of right answers, and its standard error over trials.
    reaction_ms, reaction_sem_ms : reaction time and its standard error over trials, ms.
    """

    accuracy: Numbers
    accuracy_sem: Numbers
    reaction_ms: Numbers
    reaction_sem_ms: Numbers


@dataclass(frozen=True, eq=False)
class Challenge:
    """Answers of people and networks to the challenge set. Chance is 1/8.

    Attributes
    ----------
    conditions : names of the 17 conditions.
    categories : names of the 8 categories.
    networks : names of the networks [N], as the file has them.
    parameters : number of parameters of each network [N].
    scores : accuracy of every network, seed and condition [N][seeds, 17].
    people : names of the people [P].
    accuracy, reaction_ms : of each person [P, 17]; NaN for conditions that a person did not see.
    curves : "all people", "without mask", "with mask" -> their curve.
    ceilings : the same groups -> correlation between two halves of the people, one for each of the stored draws.
    """

    conditions: tuple[str, ...]
    categories: tuple[str, ...]
    networks: tuple[str, ...]
    parameters: Numbers
    scores: tuple[Numbers, ...]
    people: tuple[str, ...]
    accuracy: Numbers
    reaction_ms: Numbers
    curves: Mapping[str, Curve]
    ceilings: Mapping[str, Numbers]


@check_arguments
def read_challenge(path: str | Path) -> Challenge:
    """Answers of people and networks to the challenge set, from the published numbers.

    Parameters
    ----------
    path : the file `human_and_models.json`, or its folder.

    Raises
    ------
    DataError : the file cannot be read, is larger than 16 MiB, lacks a condition or has another, has other categories,
        lacks a person or has another, holds an accuracy outside 0-1 or a reaction time that is none in ms, or has
        columns that contradict one another.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    try:
        found = json.loads(read_bounded(path, LARGEST))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged or is no JSON file ({error!r:.100})") from error
    order = _order(field(found, "conditions", path, list), path)
    if sorted(map(str, field(found, "categories", path, list))) != sorted(CATEGORIES):
        raise DataError(f"categories in {path} must be {', '.join(CATEGORIES)}, got {found['categories']!r:.120}")
    stored = field(found, "performance", path)
    sizes = field(found, "model_sizes", path)
    networks = tuple(map(str, sizes))
    people, accuracy, reaction_ms = _people(stored, order, path)
    curves = {group: _curve(stored, start, order, path) for group, start in GROUPS.items()}
    _check_curves(curves, accuracy, path)
    parameters = numbers(list(sizes.values()), None, "model_sizes", path)
    check_range(parameters, FEWEST, MOST, "numbers of parameters", path)
    scores = tuple(_rows(field(stored, name, path), name, order, path)[1] for name in networks)
    for name, rows in zip(networks, scores, strict=True):
        check_range(rows, 0, 1, f"accuracies of {name!r}", path)
    ceilings = _ceilings(found, path)
    categories = CATEGORIES
    return Challenge(
        CONDITIONS, categories, networks, parameters, scores, people, accuracy, reaction_ms, curves, ceilings
    )


def _order(names: list[Any], path: Path) -> list[int]:
    """Place of each of `CONDITIONS` in the lists of the file."""
    if missing := [name for name in CONDITIONS if name not in names]:
        raise DataError(f"{path} lacks condition {missing[0]!r}; give the published file, with {len(CONDITIONS)}")
    if len(names) != len(CONDITIONS):
        other = next((name for name in names if name not in CONDITIONS), "one condition twice")
        raise DataError(f"{path} has {len(names)} conditions, with {other!r}; give the published {len(CONDITIONS)}")
    return [names.index(name) for name in CONDITIONS]


def _rows(
    found: dict[str, Any], name: str, order: list[int], path: Path, missing: bool = False
) -> tuple[tuple[str, ...], Numbers]:
    """Keys and rows of a table whose rows hold a number for each condition."""
    if not found:
        raise DataError(f"{name!r} in {path} is empty; give the published file")
    rows = [
        numbers(row, len(order), f"{name!r} of {key!r}", path, missing)[order]
        for key, row in field({name: found}, name, path).items()
    ]
    return tuple(found), np.stack(rows)


def _people(stored: Any, order: list[int], path: Path) -> tuple[tuple[str, ...], Numbers, Numbers]:
    """Names, accuracies and reaction times of the people, the same in the same order."""
    by_accuracy, by_time = (field(stored, f"participants {what}", path) for what in ("accuracy", "RT"))
    people, accuracy = _rows(by_accuracy, "participants accuracy", order, path, missing=True)
    if odd := set(by_accuracy) ^ set(by_time):
        raise DataError(f"person {min(odd)!r} in {path} has an accuracy or a reaction time, but not both")
    if unlike_known := sorted(set(people) ^ set(PEOPLE), key=lambda name: (len(name), name)):
        word = "lacks" if unlike_known[0] in PEOPLE else "has an unknown"
        raise DataError(f"{path} {word} person {unlike_known[0]!r}; give the published {len(PEOPLE)}")
    times = {person: by_time[person] for person in people}
    reaction_ms = _rows(times, "participants RT", order, path, missing=True)[1]
    check_range(accuracy, 0, 1, "participants accuracy", path)
    check_range(reaction_ms, FASTEST_MS, SLOWEST_MS, "participants RT (ms)", path)
    seen = np.isfinite(accuracy)
    if unlike := np.flatnonzero((seen != np.isfinite(reaction_ms)).any(1)).tolist():
        raise DataError(f"person {people[unlike[0]]!r} in {path} has accuracies and reaction times of other conditions")
    counts: list[int] = np.asarray(seen).sum(axis=0).tolist()
    if unseen := [name for name, count in zip(CONDITIONS, counts, strict=True) if not count]:
        raise DataError(f"nobody in {path} saw condition {unseen[0]!r}")
    return people, accuracy, reaction_ms


def _curve(stored: Any, start: str, order: list[int], path: Path) -> Curve:
    """The curve of a group; names of its columns begin with `start`."""
    columns = []
    for what, low, high in (("accuracy", 0.0, 1.0), ("RT", FASTEST_MS, SLOWEST_MS)):
        for name, least, most in ((f"{start}{what}", low, high), (f"sem {start}{what}", 0.0, high)):
            column = numbers(field(stored, name, path, list), len(order), repr(name), path)[order]
            check_range(column, least, most, repr(name), path)
            columns.append(column)
        value, error = columns[-2:]
        if (error > value).any():
            raise DataError(
                f"'sem {start}{what}' in {path} is larger than '{start}{what}' in condition "
                f"{CONDITIONS[int((error - value).argmax())]!r}, so the columns are swapped"
            )
    return Curve(*columns)


def _check_curves(curves: Mapping[str, Curve], accuracy: Numbers, path: Path) -> None:
    """Raise DataError when the curve of all people is not their mean, or when masks seem to help people."""
    unlike = np.abs(np.nanmean(accuracy, 0) - curves["all people"].accuracy)
    if unlike.max() > TOLERANCE:
        name = CONDITIONS[int(unlike.argmax())]
        raise DataError(
            f"'accuracy' of {name!r} in {path} differs by {unlike.max():.3f} from the mean over the people listed; "
            "columns or conditions are swapped"
        )
    masked, unmasked = (float(curves[group].accuracy.mean()) for group in ("with mask", "without mask"))
    if masked > unmasked:
        raise DataError(
            f"'mask accuracy' in {path} is {masked:.3f} and 'no mask accuracy' {unmasked:.3f}: masks would help "
            "people, so the columns are swapped"
        )


def _ceilings(found: Any, path: Path) -> dict[str, Numbers]:
    draws = field(field(found, "noise_ceilings", path), "across ppts", path)
    ceilings = {}
    for group, start in GROUPS.items():
        name = f"accuracy {start}".strip()
        ceilings[group] = numbers(field(draws, name, path, list), None, f"ceiling {name!r}", path)
        if not len(ceilings[group]):
            raise DataError(f"ceiling {name!r} in {path} has no draws")
        check_range(ceilings[group], -1, 1, f"ceiling {name!r}", path)
    return ceilings
