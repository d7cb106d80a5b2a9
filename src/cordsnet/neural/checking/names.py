"""Looks at names and labels: animals, areas and the order of images."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cordsnet.errors import DataError
from cordsnet.neural.checking.findings import Finding
from cordsnet.neural.recording import Recording

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".gif", ".webp")
LONGEST = 2**26
"""Bytes of a list of names that is read."""


def look_at_labels(recording: Recording) -> Iterator[Finding]:
    """Find recordings of several animals or areas, and neurons without either."""
    for name, level, advice in (
        ("animal", "warning", "score each alone, for animals differ in their noise ceiling"),
        ("area", "note", "select one to score it alone"),
    ):
        if name not in recording.neuron_labels:
            continue
        found = sorted(set(map(str, np.asarray(recording.neuron_labels[name]).tolist())))
        if "" in found:
            count = int((np.asarray(recording.neuron_labels[name]) == "").sum())
            yield Finding("warning", f"neuron label {name}", f"{count} neurons have no {name}.")
        known = [value for value in found if value]
        if len(known) > 1:
            listed = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
            yield Finding(level, f"neuron label {name}", f"Neurons are of {len(known)} {name}s ({listed}); {advice}.")


def look_at_order(recording: Recording, names: Sequence[str]) -> Iterator[Finding]:
    """Find differences between the images of a recording and a list of their names in order."""
    own = list(recording.images)
    if len(names) != len(own):
        said = f"The list names {len(names):,} images and the recording has {len(own):,}."
        yield Finding("error", "images", said)
    elif own == [str(k) for k in range(len(own))]:
        said = "Images have no names but numbers, so that their order cannot be compared with the list."
        yield Finding("note", "images", said)
    elif lost := [name for name in own if _stem(name) not in set(map(_stem, names))]:
        said = f"The list does not name {len(lost):,} images of the recording, such as {lost[0]!r}."
        yield Finding("error", "images", said)
    elif list(map(_stem, own)) != list(map(_stem, names)):
        k = next(k for k, name in enumerate(own) if _stem(name) != _stem(names[k]))
        said = f"The order differs from the list: the image is {own[k]!r} here and {names[k]!r} there."
        yield Finding("error", f"image {k}", said)


def _stem(name: str) -> str:
    """Name without the ending of a picture, so that "a.png" and "a" are one image."""
    end = Path(name).suffix
    return name.removesuffix(end) if end.lower() in PICTURES else name


def listed_images(source: Sequence[str] | str | Path) -> list[str]:
    """Return names of images from a list, a text file with one a line, or the pictures of a folder or zip file by name.

    Raises
    ------
    DataError : there is no such file, or no name in it.
    """
    if not isinstance(source, str | Path):
        return list(map(str, source))
    path = Path(source).expanduser()
    if path.is_dir():
        names = sorted(found.name for found in path.iterdir())
    elif path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
    elif path.is_file() and path.stat().st_size <= LONGEST:
        return [
            line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
    else:
        raise DataError(
            f"images must be a list of names, a text file of them, or a folder or zip file, got {source!s:.80}"
        )
    if not (pictures := [name for name in names if name.lower().endswith(PICTURES)]):
        raise DataError(f"{path} holds no pictures ({', '.join(PICTURES)})")
    return pictures
