"""Data sets of your own, by path: a folder of parquet files, or of images sorted into one folder per class."""

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets

from cordsnet._checks import check_type
from cordsnet.data.encoded import Decoder, Encoded
from cordsnet.data.folders import TEST, TRAIN, find_folders
from cordsnet.data.held_out import hold_out, nested
from cordsnet.data.labels import Classes, classes_of
from cordsnet.data.split import check_size
from cordsnet.data.survey import survey
from cordsnet.data.tables import find_columns, open_parquet, with_images
from cordsnet.data.unreadable import Tolerance, Unreadable
from cordsnet.data.vision import VisionData, from_images, shared_images
from cordsnet.errors import DataError, DataWarning

LAYOUT = (
    "train*.parquet and test*.parquet, or train/CLASS/*.jpg and test/CLASS/*.jpg (validation or val instead of test), "
    "or CLASS/*.jpg for at least two classes, of which some images are held out"
)


@dataclass(frozen=True)
class Reading:
    """Options for reading a data set of your own.

    Attributes
    ----------
    image_column, label_column : columns of parquet files with images and labels; None finds them.
    max_unreadable : number of unreadable images that are left out of a split.
    max_unreadable_share : or this proportion of a split, where it is more.
    """

    image_column: str | None = None
    label_column: str | None = None
    max_unreadable: int = Tolerance.count
    max_unreadable_share: float = Tolerance.share

    def __post_init__(self) -> None:
        for name in ("image_column", "label_column"):
            check_type(getattr(self, name), str | None, name, "a text or None")
        _ = self.tolerance  # refuses numbers out of range

    @property
    def tolerance(self) -> Tolerance:
        """Number of images that may be unreadable. Raises DataError for numbers out of range."""
        return Tolerance(self.max_unreadable, self.max_unreadable_share)


@dataclass(frozen=True)
class _Found:
    """Tables of both splits, with what is known about them."""

    tables: dict[str, datasets.Dataset]
    image: str
    label: str
    classes: Classes
    notes: list[str]
    missing: dict[str, tuple[Unreadable, ...]]


def load_path(path: str | Path, image_size: int, reading: Reading | None = None) -> VisionData:
    """Load the images of a folder, laid out as `LAYOUT` says, resized to `image_size` px.

    Images are read as grey if all are that a sample of both splits looks at. What was chosen is in `VisionData.notes`.

    Raises DataError when the folder has no images, when the columns of images and labels cannot be recognised, when
    labels are no classes, or when too many images are unreadable.
    """
    reading = reading or Reading()
    check_size(image_size)
    root = Path(os.path.abspath(os.path.expanduser(path)))
    name = root.name
    found = _tables(root, name, reading) or _folders(root, name, reading)
    if found is None:
        raise DataError(
            f"data set {str(path)!r} {_content(root)} and has no images for training and testing; "
            + (nested(root) or f"it must hold {LAYOUT}")
        )
    seen = survey(found.tables, found.image, str(root), name)
    if seen.is_dark:
        warnings.warn(
            f"no picture of data set {name!r} with more than 8 bits uses more than {100 * max(seen.reaches):.2g} % of "
            "its range, so all are read as almost black; scale them if they were made with fewer bits",
            DataWarning,
            stacklevel=3,
        )
    splits = {}
    for split, table in found.tables.items():
        decoder = Decoder(
            f"{name!r} ({split})",
            found.image,
            found.label,
            image_size,
            seen.channels,
            str(root),
            found.classes.numbers[split],
            reading.tolerance,
        )
        splits[split] = Encoded(table, decoder, found.classes.names, found.missing[split])
    if len(found.classes.names) < 2:
        warnings.warn(f"data set {name!r} has one class alone, so any network answers right", DataWarning, stacklevel=3)
    notes = (*found.notes, *found.classes.notes, *seen.notes(image_size))
    data = from_images(name, splits["train"], splits["test"], found.classes.names, "none", str(path), notes=notes)
    if shared := shared_images(data):
        said = f"{shared} of {len(data.test)} test images are training images too, so accuracy on them is no test"
        warnings.warn(f"{said} (data set {name!r})", DataWarning, stacklevel=3)
        data = replace(data, notes=(*data.notes, said))
    return data


def _tables(root: Path, name: str, reading: Reading) -> _Found | None:
    """The parquet files of both splits; None if there are none."""
    files = {split: _parquet(root, names) for split, names in (("train", TRAIN), ("test", TEST))}
    if not all(files.values()):
        return None
    opened: dict[str, Any] = {split: open_parquet(found, split) for split, found in files.items()}
    image, label, notes = find_columns(opened["train"], name, reading.image_column, reading.label_column)
    tables = with_images(opened, image, label, name)
    listed = ", ".join(f"{len(found)} for {split}" for split, found in files.items())
    notes = [f"images are read from parquet files ({listed})", *notes]
    return _Found(tables, image, label, classes_of(tables, label, name), notes, {"train": (), "test": ()})


def _folders(root: Path, name: str, reading: Reading) -> _Found | None:
    """The folders of both splits; None if there are none."""
    found = find_folders(root, name) or hold_out(root, name)
    if found is None:
        return None
    if given := reading.image_column or reading.label_column:
        raise DataError(f"data set {name!r} has folders of images and no columns; leave out the column {given!r}")
    folders, classes, notes = found
    made = {split: folder.table(classes) for split, folder in folders.items()}
    tables = {split: table for split, (table, _) in made.items()}
    missing = {split: lost for split, (_, lost) in made.items()}
    return _Found(tables, "image", "label", Classes(classes, dict.fromkeys(made)), notes, missing)


def _content(root: Path) -> str:
    """Describe what there is at a path, for a message."""
    if not root.is_dir():
        return "is a file" if root.exists() else "does not exist"
    names = sorted(entry.name for entry in root.iterdir())
    return f"holds {', '.join(map(ascii, names[:8]))}{' and more' if len(names) > 8 else ''}" if names else "is empty"


def _parquet(root: Path, names: tuple[str, ...]) -> list[str]:
    """The parquet files of the first of the names that has any."""
    if not root.is_dir():
        return []
    files = sorted(str(file) for file in root.iterdir() if file.suffix == ".parquet" and not file.is_dir())
    found = ([file for file in files if Path(file).name.startswith(name)] for name in names)
    return next(filter(None, found), [])
