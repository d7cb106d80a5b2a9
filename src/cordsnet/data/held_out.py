"""Folders of classes without folders for training and testing: some images of each class are held out for testing."""

import os
import warnings
from collections import Counter
from pathlib import Path

import torch

from cordsnet.data.folders import TEST, TRAIN, Folder, scan
from cordsnet.data.labels import check_twins
from cordsnet.data.no_classes import beside, doubtful_classes, folders_in, is_split
from cordsnet.data.unreadable import first_of
from cordsnet.errors import DataError, DataWarning

HELD_OUT = 0.2
"""Share of the images of each class that is held out."""

SEED = 0
"""Seed of the draw. Which images are drawn depends on it and on the names of the files alone."""

NAMED = 20
"""Number of classes that are named with their counts."""


def hold_out(root: Path, name: str) -> tuple[dict[str, Folder], tuple[str, ...], list[str]] | None:
    """Folders of both splits, the classes, and notes, for a folder whose own folders are the classes.

    A folder named for training whose folders are classes is divided in the same way when there is none for testing.
    Folders that this package or other programs wrote are passed over, and so are folders of `root` with files of which
    none is a picture. Whatever else is a folder is a class, and is named with its count in the notes.
    None if there are no pictures in two folders or more.

    Gives a DataWarning for pictures in no class, for folders without pictures, and for folders that are hardly meant to
    be classes.

    Raises DataError for empty classes and classes with a single image, for names that differ only by case, and for
    folders that are named for training or testing in other words than are read.
    """
    if not root.is_dir() or any((root / split).is_dir() for split in TEST):
        return None
    whole, notes = _whole(root, name)
    if sum(count > 0 for count in whole.counts.values()) < 2:
        return None
    if few := [f"{label} ({count})" for label, count in whole.counts.items() if count < 2]:
        raise DataError(
            f"class folders {first_of(few)} of data set {name!r} have fewer than two images, one to train and one to "
            "test; add some, or remove the folders"
        )
    check_twins(whole.images, name)
    doubts = [*whole.loose_notes(), *doubtful_classes(whole.images, whole.path)]
    for doubt in doubts:
        warnings.warn(f"{doubt} (data set {name!r})", DataWarning, stacklevel=4)
    train, test = _divided(whole)
    note = (
        f"there is no folder for testing, so {HELD_OUT:.0%} of the images of each class, drawn with seed {SEED}, are "
        f"held out; classes are the folders of {whole.path.name!r}: {_counted(whole.counts)}"
    )
    loose = len(whole.loose_notes())
    return {"train": train, "test": test}, tuple(whole.images), [note, *notes, *train.notes(), *doubts[loose:]]


def nested(root: Path) -> str:
    """A hint at the folder within `root` that may hold the classes, if `root` holds one folder alone; else ""."""
    found = root
    for _ in range(10):  # links may lead back
        inside = folders_in(found)
        if len(inside) != 1:
            break
        found = found / inside[0]
    if found == root or len(inside) < 2:
        return ""
    return f"{found.relative_to(root).as_posix()!r} in it holds {first_of(inside)}; give that folder if those are right"


def _whole(root: Path, name: str) -> tuple[Folder, list[str]]:
    """All images by class, before they are divided, and what is said of folders beside the classes."""
    train = next((scan(root / split, name) for split in TRAIN if (root / split).is_dir()), None)
    if other := [label for label in folders_in(root) if label not in TRAIN and is_split(label)]:
        raise DataError(
            f"folders {first_of(other)} of data set {name!r} are named for training or testing; rename them to "
            f"{', '.join((*TRAIN, *TEST))}"
        )
    if train is not None and (train.counts or not train.loose):
        return train, beside(root, train.path.name)
    whole, notes = scan(root, name, root), []
    if train is not None:
        notes.append(f"folder {train.path.name!r} holds pictures and no folders, so it is a class as the others are")
    for label in [label for label, count in whole.counts.items() if not count and _holds_files(root / label)]:
        del whole.images[label], whole.missing[label]
        notes.append(f"folder {label!r} of data set {name!r} holds no pictures, so it is no class")
        warnings.warn(notes[-1], DataWarning, stacklevel=5)
    return whole, notes


def _holds_files(path: Path) -> bool:
    """True if there is a file at any depth that is not hidden."""
    return any(not name.startswith(".") for _, _, names in os.walk(path) for name in names)


def _divided(whole: Folder) -> tuple[Folder, Folder]:
    """Folders for training and testing; what was left out is said by that for training."""
    train, test = Folder(whole.path), Folder(whole.path, others=Counter())
    train.others, train.hidden, train.loose = whole.others, whole.hidden, whole.loose
    train.own, train.left = whole.own, whole.left
    generator = torch.Generator().manual_seed(SEED)
    for label, paths in whole.images.items():
        drawn = set(torch.randperm(len(paths), generator=generator)[: max(1, round(HELD_OUT * len(paths)))].tolist())
        train.images[label] = [path for k, path in enumerate(paths) if k not in drawn]
        test.images[label] = [path for k, path in enumerate(paths) if k in drawn]
        train.missing[label], test.missing[label] = whole.missing[label], []
    return train, test


def _counted(counts: dict[str, int]) -> str:
    """Classes with their counts, the first of them by name."""
    shown = [f"{label} ({count:,})" for label, count in counts.items()]
    return ", ".join(shown[:NAMED]) + (f" and {len(shown) - NAMED} more" if len(shown) > NAMED else "")
