"""Folders beside those of the classes that are no classes, and folders that may not be meant as classes."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cordsnet.data.unreadable import first_of

LEFT_BY_OTHERS = frozenset(
    {"__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information", "lost+found", "node_modules"}
)
"""Names, in small letters, of folders that programs leave behind: archives of macOS, Python, file servers, Windows."""

WRITTEN_TOGETHER = (
    {"recipe.json", "record.json"},
    {"model.json", "model.safetensors"},
    {"report.html", "result.json"},
    {"report.html", "record.json"},
)
"""Files that this package writes into one folder: a run, a saved model, the report of an experiment, an evaluation."""

UNLIKELY = frozenset((
    "archive", "backup", "cache", "data", "figures", "images", "img", "logs", "misc", "models", "output",
    "outputs", "photos", "pics", "pictures", "plots", "preview", "previews", "results", "runs", "small",
    "temp", "thumbnails", "thumbs", "tmp", "unlabeled", "unlabelled", "unsorted",
))  # fmt: skip
"""Names, in small letters, that are more often those of other folders than of classes."""

SPLIT = re.compile(
    r"(train|test|tst|trn|val|valid|validation|eval|dev|holdout)(ing)?([ _-]?(set|data|images|\d+))?", re.I
)
"""Names for training or testing."""


def is_left_by_others(name: str) -> bool:
    """True for the name of a folder that another program leaves behind."""
    return name.lower() in LEFT_BY_OTHERS


def is_own(names: Collection[str]) -> bool:
    """True if a folder with files of these names was written by this package: a run, a model or a report."""
    return any(together <= set(names) for together in WRITTEN_TOGETHER)


def is_split(name: str) -> bool:
    """True for the name of a folder of images for training or testing, in any spelling."""
    return SPLIT.fullmatch(name) is not None


def folders_in(path: Path) -> list[str]:
    """Names of the folders in a folder, sorted, without hidden ones and those that programs leave behind."""
    try:
        names = sorted(inside.name for inside in path.iterdir() if inside.is_dir())
    except OSError:
        return []
    return [name for name in names if not name.startswith(".") and not is_left_by_others(name)]


def beside(root: Path, *read: str) -> list[str]:
    """A sentence about the folders of `root` beside those that are read, or none."""
    others = [name for name in folders_in(root) if name not in read]
    return [f"beside {' and '.join(map(repr, read))}, folders are not read: {first_of(others)}"] if others else []


def doubtful_classes(images: Mapping[str, Sequence[Path]], root: Path) -> list[str]:
    """Sentences about folders that are taken for classes and may not be meant so.

    Parameters
    ----------
    images : class -> paths of its images, which lie below `root / class`.
    root : folder of the classes.
    """
    doubts = [
        f"folder {label!r} with {len(paths)} pictures is taken for a class; move it elsewhere if it is none"
        for label, paths in images.items()
        if label.lower() in UNLIKELY
    ]
    if inner := _same_folders_inside(images, root):
        shown = ", ".join(map(repr, inner[:5]))
        doubts.append(
            f"each of the folders that are taken for classes holds the same folders ({shown}); if those are the "
            "classes, sort the pictures by them first"
        )
    return doubts


def _same_folders_inside(images: Mapping[str, Sequence[Path]], root: Path) -> list[str]:
    """Folders that every class has, if all images lie in folders within their class and there are two or more."""
    inside = []
    for label, paths in images.items():
        parts = [path.relative_to(root / label).parts for path in paths]
        if any(len(part) < 2 for part in parts):
            return []
        inside.append({part[0] for part in parts})
    common = sorted(set.intersection(*inside)) if len(inside) > 1 else []
    return common if len(common) > 1 else []
