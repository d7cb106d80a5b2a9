"""Folders of images: SPLIT/CLASS/, with images at any depth below the folder of their class."""

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import datasets

from cordsnet.data.labels import check_test_classes, check_twins
from cordsnet.data.no_classes import beside, is_left_by_others, is_own
from cordsnet.data.unreadable import Unreadable, first_of
from cordsnet.errors import DataError, DataWarning
from cordsnet.pictures import OTHER_SUFFIXES, SUFFIXES, looks_like_picture

TRAIN, TEST = ("train",), ("test", "validation", "val")
"""Accepted names of the two splits; the first that is laid out by the classes of training is used."""


@dataclass
class Folder:
    """Content of the folder of a split.

    Attributes
    ----------
    path : the folder.
    images : class -> paths of its images, sorted.
    missing : pictures that cannot be read, as their names or links already say.
    others : ending -> number of files that are no pictures.
    hidden : number of hidden files and folders.
    loose : names of pictures in no class.
    own : folders that this package wrote, as paths within the folder.
    left : folders that other programs leave behind, as paths within the folder.
    root : folder of the data set, by which unreadable pictures are named.
    """

    path: Path
    images: dict[str, list[Path]] = field(default_factory=dict)
    missing: dict[str, list[Unreadable]] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    loose: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    root: Path = Path()

    @property
    def counts(self) -> dict[str, int]:
        """Class -> number of its pictures, readable or not."""
        return {label: len(found) + len(self.missing[label]) for label, found in self.images.items()}

    def table(self, classes: tuple[str, ...]) -> tuple[datasets.Dataset, tuple[Unreadable, ...]]:
        """A row per image, class after class, with its path and the number of its class; and what is missing."""
        paths = [str(path) for label in classes for path in self.images.get(label, ())]
        labels = [k for k, label in enumerate(classes) for _ in self.images.get(label, ())]
        kinds = {"image": datasets.Image(decode=False), "label": datasets.Value("int64")}
        rows = {"image": [{"bytes": None, "path": path} for path in paths], "label": labels}
        missing = tuple(one for label in classes for one in self.missing.get(label, ()))
        return datasets.Dataset.from_dict(rows, features=datasets.Features(kinds)), missing

    def notes(self) -> list[str]:
        """Sentences about what was left out."""
        where = f"left out of folder {self.path.name!r}"
        notes = []
        if self.others:
            kinds = ", ".join(f"{count} {ending}" for ending, count in self.others.most_common(6))
            notes.append(f"{where}: {self.others.total()} that are no pictures ({kinds})")
        if self.hidden:
            notes.append(f"{where}: {self.hidden} hidden files or folders")
        if self.own:
            notes.append(f"{where}: {first_of(self.own)}, which cordsnet wrote (runs, models or reports)")
        if self.left:
            notes.append(f"{where}: {first_of(self.left)}, which other programs leave behind")
        return [*notes, *self.loose_notes()]

    def loose_notes(self) -> list[str]:
        """A sentence about pictures in no class, with their number and the first of their names; or none."""
        if not self.loose:
            return []
        where = f"left out of folder {self.path.name!r}"
        return [f"{where}: {len(self.loose)} pictures that are in no folder of a class ({first_of(self.loose)})"]


def find_folders(root: Path, name: str) -> tuple[dict[str, Folder], tuple[str, ...], list[str]] | None:
    """The folders of both splits, the classes, and notes; None if there is no folder for training or none for testing.

    A class is a folder directly below that of the split. The classes are those of training; a folder for testing that
    has none of them is passed over.

    Raises DataError for classes without images, for names that differ only by case or encoding, and for classes that
    only the test images have.
    """
    train = next((scan(root / split, name) for split in TRAIN if (root / split).is_dir()), None)
    found = [scan(root / split, name) for split in TEST if (root / split).is_dir()]
    if train is None or not train.counts or not found:
        return None
    if empty := [label for label, count in train.counts.items() if not count]:
        raise DataError(
            f"class folders {first_of(empty)} of data set {name!r} (train) have no images; add some, "
            "or remove the folders"
        )
    classes = tuple(train.images)
    notes = []
    for test in found:
        if set(classes) & {label for label, count in test.counts.items() if count}:
            break
        held = first_of([f"{label} ({count})" for label, count in test.counts.items()]) or "no folders"
        notes.append(f"folder {test.path.name!r} has none of the classes of training, but {held}; it is passed over")
    else:
        check_twins((*classes, *(label for one in found for label in one.images)), name)
        raise DataError(
            f"data set {name!r} has no test images of its classes ({first_of(classes)}): {'; '.join(notes)}"
        )
    check_twins((*classes, *test.images), name)
    check_test_classes(test.counts, classes, name)
    if absent := [label for label in classes if not test.counts.get(label)]:
        notes.append(f"{len(absent)} of {len(classes)} classes have no images for testing: {first_of(absent)}")
    for one in (train, test):
        for said in one.loose_notes():
            warnings.warn(f"{said} of data set {name!r}", DataWarning, stacklevel=4)
    notes.append(f"classes are the folders below {train.path.name!r}; test images are those of {test.path.name!r}")
    notes += beside(root, train.path.name, *(one.path.name for one in found[: found.index(test) + 1]))
    return {"train": train, "test": test}, classes, [*notes, *train.notes(), *test.notes()]


def scan(path: Path, name: str, root: Path | None = None) -> Folder:
    """Look through the folder of a split of the data set in `root`, by default the folder above it.

    Raises DataError for folders and names that cannot be read.
    """
    folder = Folder(path, root=path.parent if root is None else root)
    for entry in _entries(path, name):
        if entry.name.startswith("."):
            folder.hidden += 1
        elif entry.is_dir() and is_left_by_others(entry.name):
            folder.left.append(entry.name)
        elif entry.is_dir():
            _add_class(folder, entry.name, name)
        elif entry.is_symlink() and not Path(entry.path).exists() and not Path(entry.name).suffix:
            raise DataError(f"folder {entry.name!r} of data set {name!r} is a link to a folder that is not there")
        elif _kind(entry) == "no picture":
            folder.others[_ending(entry.name)] += 1
        else:
            folder.loose.append(entry.name)
    return folder


def _add_class(folder: Folder, label: str, name: str) -> None:
    """Find the images of a class, unless its folder holds nothing but what this package wrote."""
    before = len(folder.own)
    folder.images[label], folder.missing[label] = [], []
    _gather(folder, label, name)
    if len(folder.own) > before and not folder.counts[label]:
        del folder.images[label], folder.missing[label], folder.own[before:]
        folder.own.append(label)


def _gather(folder: Folder, label: str, name: str) -> None:
    """Find the images of a class at any depth, also behind links to folders, each folder once."""
    images, missing = folder.images[label], folder.missing[label]
    waiting, seen = [folder.path / label], set()
    while waiting:
        inside = waiting.pop()
        if (real := os.path.realpath(inside)) in seen:
            continue
        seen.add(real)
        entries = list(_entries(inside, name))
        if is_own([entry.name for entry in entries]):
            folder.own.append(inside.relative_to(folder.path).as_posix())
            continue
        for entry in entries:
            if entry.name.startswith("."):
                folder.hidden += 1
            elif entry.is_dir() and is_left_by_others(entry.name):
                folder.left.append(Path(entry.path).relative_to(folder.path).as_posix())
            elif entry.is_dir():
                waiting.append(Path(entry.path))
            elif (kind := _kind(entry)) == "picture":
                images.append(Path(entry.path))
            elif kind == "no picture":
                folder.others[_ending(entry.name)] += 1
            else:
                missing.append(Unreadable(Path(entry.path).relative_to(folder.root).as_posix(), kind))
    images.sort(key=os.fspath)
    missing.sort(key=lambda one: one.file)


def _entries(path: Path, name: str) -> Iterator["os.DirEntry[str]"]:
    """Entries of a folder by name."""
    try:
        with os.scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"folder {str(path)!r} of data set {name!r} cannot be read ({error.strerror})") from error
    for entry in entries:
        if not _is_text(entry.name):
            raise DataError(f"{entry.name!a} in data set {name!r} is no name in UTF-8; rename it")
    yield from entries


def _kind(entry: "os.DirEntry[str]") -> str:
    """ "picture", "no picture", or why a picture cannot be read."""
    ending = _ending(entry.name)
    if entry.is_symlink() and not os.path.exists(entry.path):
        if ending in SUFFIXES | OTHER_SUFFIXES:
            return "a link to a file that is not there; fetch it, with `datalad get` where DataLad or git-annex made it"
        return "no picture"
    if not entry.is_file():  # a pipe or a device
        return "no picture"
    if ending in OTHER_SUFFIXES:
        return f"{ending} is a format that is not read; convert it to PNG"
    return "picture" if ending in SUFFIXES or _begins_as_picture(entry.path) else "no picture"


def _begins_as_picture(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return looks_like_picture(stream.read(32))
    except OSError:
        return False


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower() or "without an ending"


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
