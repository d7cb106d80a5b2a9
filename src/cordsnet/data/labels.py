"""Columns of labels as numbers of classes: by name, in the same order in both splits, without gaps."""

import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import datasets
import pyarrow
import pyarrow.compute

from cordsnet.data.unreadable import first_of
from cordsnet.errors import DataError

MAX_CLASSES = 100_000
"""Largest number of classes; more numbers than that are taken for identifiers."""

Counts: TypeAlias = dict[Any, int]
"""Value of a column -> number of rows that have it."""


@dataclass(frozen=True)
class Classes:
    """The classes of a data set.

    Attributes
    ----------
    names : in the order of their numbers.
    numbers : split -> value of its column of labels -> number of the class; None where the values are the numbers.
    notes : assumptions, in sentences.
    """

    names: tuple[str, ...]
    numbers: Mapping[str, Mapping[Any, int] | None]
    notes: tuple[str, ...] = ()


def classes_of(tables: Mapping[str, datasets.Dataset], column: str, name: str) -> Classes:
    """The classes of training, and how the labels of each split map to them.

    Names that a column declares (`ClassLabel`) are matched by name, whatever their order in a split. Text and booleans
    become classes in sorted order. Whole numbers are numbers of classes.

    Parameters
    ----------
    tables : "train" and "test" -> table.
    column : name of the column of labels.
    name : of the data set, for messages.

    Raises DataError, with the column and a count, for labels that are missing, that are no whole numbers, that do not
    count from 0 without gaps, or that only the test images have.
    """
    counts = {split: _counts(table, column, _where(column, name, split)) for split, table in tables.items()}
    names = {split: _names(tables[split], column, counts[split], _where(column, name, split)) for split in tables}
    if all(found is None for found in names.values()):
        return _numbered(counts, column, name)
    if any(found is None for found in names.values()):
        kinds = ", ".join(f"{'numbers' if found is None else 'names'} ({split})" for split, found in names.items())
        raise DataError(
            f"column {column!r} of data set {name!r} holds {kinds}; give both splits names, or both numbers"
        )
    named = {split: dict(found) for split, found in names.items() if found is not None}
    kind = tables["train"].features[column]
    classes = tuple(kind.names) if isinstance(kind, datasets.ClassLabel) else tuple(sorted(named["train"].values()))
    shown = {
        split: {label: counts[split].get(value, 0) for value, label in found.items()} for split, found in named.items()
    }
    check_twins((*classes, *(label for label, count in shown["test"].items() if count)), name)
    check_test_classes(shown["test"], classes, name)
    number = {label: k for k, label in enumerate(classes)}
    numbers = {
        split: {value: number[label] for value, label in found.items() if label in number}
        for split, found in named.items()
    }
    return Classes(classes, numbers, _unseen(classes, shown))


def check_twins(names: Iterable[str], name: str) -> None:
    """Raise DataError for names of classes that differ only by case, by spaces, or by how their letters are encoded."""
    seen: dict[str, str] = {}
    for label in names:
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold()).strip()
        other = seen.setdefault(key, label)
        if other != label:
            raise DataError(
                f"classes {other!a} and {label!a} of data set {name!r} differ only by case, spaces or the "
                "encoding of their letters; give them one name"
            )


def check_test_classes(shown: Mapping[str, int], classes: Iterable[str], name: str) -> None:
    """Raise DataError, with names and counts, when test images have classes that training does not have."""
    known = set(classes)
    if lost := [f"{label} ({count})" for label, count in shown.items() if count and label not in known]:
        raise DataError(
            f"test images of data set {name!r} have classes that its training images lack: {first_of(lost)}; the "
            "classes are those of training, so add training images or remove these"
        )


def _where(column: str, name: str, split: str) -> str:
    return f"column {column!r} of data set {name!r} ({split})"


def _counts(table: datasets.Dataset, column: str, where: str) -> Counts:
    """Count how often each value occurs. Raises DataError for values that are no labels, and where they are missing."""
    kind = table.features[column]
    if not isinstance(kind, datasets.ClassLabel | datasets.Value):
        raise DataError(f"{where} holds {type(kind).__name__}, not one label per image; name another label_column")
    values = table.with_format("arrow")[:][column] if len(table) else pyarrow.array([])
    try:
        found = pyarrow.compute.value_counts(values)
    except (pyarrow.ArrowNotImplementedError, pyarrow.ArrowInvalid) as error:
        raise DataError(f"{where} holds {kind.dtype}, which is no label; name another label_column") from error
    counts = {pair["values"]: pair["counts"] for pair in found.to_pylist()}
    gaps = sum(count for value, count in counts.items() if _is_gap(value, kind))
    if gaps:
        raise DataError(
            f"{where} has no label in {gaps} of {len(table)} rows; remove these rows, or label them in a column of "
            "text or whole numbers"
        )
    return counts


def _is_gap(value: Any, kind: Any) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(kind, datasets.ClassLabel) and value == -1)


def _names(table: datasets.Dataset, column: str, counts: Counts, where: str) -> dict[Any, str] | None:
    """Value -> name of its class; None for numbers without names."""
    kind = table.features[column]
    if isinstance(kind, datasets.ClassLabel):
        if outside := [value for value in counts if not 0 <= value < len(kind.names)]:
            raise DataError(
                f"{where} names {len(kind.names)} classes, but has the number {outside[0]} in {counts[outside[0]]} of "
                f"{len(table)} rows; write the table again"
            )
        return dict(enumerate(kind.names))
    if all(isinstance(value, bool) for value in counts):
        return {value: str(value) for value in counts}
    if all(isinstance(value, str) for value in counts):
        return {value: value for value in counts}
    if not all(isinstance(value, int | float) for value in counts):
        raise DataError(f"{where} holds {kind.dtype}, which is no label; name another label_column")
    broken = [value for value in counts if not (math.isfinite(value) and value == int(value))]
    if broken:
        rows = sum(counts[value] for value in broken)
        raise DataError(
            f"{where} has labels that are no whole numbers in {rows} of {len(table)} rows, such as {broken[0]!r}; "
            "a label is the name or the number of a class"
        )
    return None


def _numbered(counts: Mapping[str, Counts], column: str, name: str) -> Classes:
    """Classes that are numbers. Training must have every number from 0 to the last, and the test images no other."""
    train, test = ({int(value): count for value, count in counts[split].items()} for split in ("train", "test"))
    low, high, kinds = min(train, default=0), max(train, default=-1), len(train)
    if not train or low < 0 or high + 1 != kinds or kinds > MAX_CLASSES:
        missing = (
            "" if low < 0 or high > MAX_CLASSES else f", without {first_of(sorted(set(range(high)) - set(train)))}"
        )
        raise DataError(
            f"labels in {_where(column, name, 'train')} must be the numbers of classes, from 0 without gaps, got "
            f"{kinds} different ones from {low} to {high}{missing}; number the classes, or write their names as text"
        )
    if outside := {value: count for value, count in test.items() if value not in train}:
        raise DataError(
            f"labels of data set {name!r} must be from 0 to {high}, got {min(test)} to {max(test)} in column "
            f"{column!r}: {sum(outside.values())} of {sum(test.values())} test images have a class that training lacks"
        )
    names = tuple(map(str, range(kinds)))
    shown = {
        "train": {str(value): n for value, n in train.items()},
        "test": {str(value): n for value, n in test.items()},
    }
    return Classes(names, dict.fromkeys(counts), _unseen(names, shown))


def _unseen(classes: tuple[str, ...], shown: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
    """Notes on classes without images."""
    notes = []
    for split, use in (("train", "training"), ("test", "testing")):
        counts = shown[split]
        if absent := [label for label in classes if not counts.get(label)]:
            notes.append(f"{len(absent)} of {len(classes)} classes have no images for {use}: {first_of(absent)}")
    return tuple(notes)
