"""Folders of classes without folders for training and testing: some images of each class are held out for testing."""

from collections import Counter
from pathlib import Path

import torch

from cordsnet.data.folders import TEST, TRAIN, Folder, scan
from cordsnet.data.labels import check_twins
from cordsnet.data.unreadable import first_of
from cordsnet.errors import DataError

HELD_OUT = 0.2
"""Share of the images of each class that is held out."""

SEED = 0
"""Seed of the draw. Which images are drawn depends on it and on the names of the files alone."""


def hold_out(root: Path, name: str) -> tuple[dict[str, Folder], tuple[str, ...], list[str]] | None:
    """Folders of both splits, the classes, and notes, for a folder whose own folders are the classes.

    A folder named for training whose folders are classes is divided in the same way when there is none for testing.
    None if there are no pictures in two folders or more.

    Raises DataError for classes without images or with a single one, and for names that differ only by case.
    """
    present = [split for split in (*TRAIN, *TEST) if (root / split).is_dir()]
    if not root.is_dir() or any(split in TEST for split in present):
        return None
    whole = scan(root / present[0] if present else root, name)
    if sum(count > 0 for count in whole.counts.values()) < 2:
        return None
    if few := [f"{label} ({count})" for label, count in whole.counts.items() if count < 2]:
        raise DataError(
            f"class folders {first_of(few)} of data set {name!r} have fewer than two images, one to train and one to "
            "test; add some, or remove the folders"
        )
    check_twins(whole.images, name)
    train, test = Folder(whole.path), Folder(whole.path, others=Counter())
    train.others, train.hidden, train.loose = whole.others, whole.hidden, whole.loose
    generator = torch.Generator().manual_seed(SEED)
    for label, paths in whole.images.items():
        drawn = set(torch.randperm(len(paths), generator=generator)[: max(1, round(HELD_OUT * len(paths)))].tolist())
        train.images[label] = [path for k, path in enumerate(paths) if k not in drawn]
        test.images[label] = [path for k, path in enumerate(paths) if k in drawn]
        train.missing[label], test.missing[label] = whole.missing[label], []
    note = (
        f"there is no folder for testing, so {HELD_OUT:.0%} of the images of each class, drawn with seed {SEED}, are "
        f"held out; classes are the folders of {whole.path.name!r}"
    )
    return {"train": train, "test": test}, tuple(whole.images), [note, *train.notes()]
