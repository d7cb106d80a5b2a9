"""Images of the challenge set of Maniquet, Op de Beeck & Costantino (Scientific Reports 2025)."""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.data.people.files import read_bounded
from cordsnet.data.people.maniquet2025 import CATEGORIES, CONDITIONS
from cordsnet.errors import DataError
from cordsnet.pictures import UnreadableError, read_picture

FILE = "images.zip"
LARGEST, LARGEST_IMAGE = 256 * 2**20, 4 * 2**20
"""Bytes that are read, of the archive and of one image; the published ones take 4 MB and 8 kB."""

MOST_PIXELS = 512
"""Longest side of an image, px; the published ones have 128."""

WORDS = {
    "occluder": "partial_viewing",
    "phase_scrambling": "scrambling",
    "light_clutter": "light",
    "heavy_clutter": "heavy",
}
"""Folder -> how names of conditions call it, where they differ."""

FILE_NAME = re.compile(r"^[A-Za-z_]*?(" + "|".join(CATEGORIES) + r")(\d{1,4})\.jpe?g$")


@dataclass(frozen=True, eq=False)
class ChallengeImages:
    """The same photographs in every condition.

    Attributes
    ----------
    pixels : 8 bit, grey [17, N, H, W], conditions in the order of `CONDITIONS`.
    category : place in `CATEGORIES` of each photograph [N].
    number : number of the photograph within its category [N].
    """

    pixels: NDArray[np.uint8]
    category: NDArray[np.int64]
    number: NDArray[np.int64]

    def first(self, count: int) -> "ChallengeImages":
        """The first `count` photographs of each category, or all for 0.

        Raises ValueError for one photograph, or more than there are.
        """
        each = int(np.bincount(self.category).min())
        if not 0 <= count <= each or count == 1:
            raise ValueError(f"photographs must be 0 for all, or from 2 to {each}, got {count}")
        if count == 0:
            return self
        kept = np.concatenate([np.flatnonzero(self.category == k)[:count] for k in np.unique(self.category)])
        return replace(self, pixels=self.pixels[:, kept], category=self.category[kept], number=self.number[kept])


@check_arguments
def read_challenge_images(path: str | Path) -> ChallengeImages:
    """Images of the challenge set, from folders named by condition.

    Parameters
    ----------
    path : the archive `images.zip`, or a folder that holds it, or one that holds the folders `control`, `clutter`,
        `occlusion` and `phase_scrambling` themselves. File names end with the category and the number of the
        photograph, such as `control_bus3.jpg`; the same number in two conditions is the same photograph.

    Raises
    ------
    DataError : nothing can be read or is too large, a condition is missing, a condition lacks a photograph that
        another has, a name without a category, or images of different sizes.
    """
    path = Path(path)
    path = path / FILE if (path / FILE).is_file() else path
    found: dict[str, dict[tuple[int, int], NDArray[np.uint8]]] = {name: {} for name in CONDITIONS}
    for name, content in _files(path):
        folder, _, file = name.rpartition("/")
        condition = _condition(folder)
        match = FILE_NAME.match(file)
        if condition not in found or match is None:
            raise DataError(f"{name!r} in {path} is no image of the challenge set; give the published folders")
        found[condition][CATEGORIES.index(match[1]), int(match[2])] = _pixels(content, name, path)
    return _together(found, path)


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name within the archive or folder, and content, of every image."""
    if path.is_dir():
        for file in sorted(path.rglob("*.jp*g")):
            yield file.relative_to(path).as_posix(), read_bounded(file, LARGEST_IMAGE)
        return
    content = read_bounded(path, LARGEST)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                if entry.file_size > LARGEST_IMAGE:
                    raise DataError(f"{entry.filename!r} in {path} has more than {LARGEST_IMAGE:,} bytes")
                yield entry.filename, archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise DataError(f"{path} is damaged or is no ZIP archive ({error!r:.100})") from error


def _condition(folder: str) -> str:
    """Name of the condition of a folder such as `occlusion/few_large/occluder/high`."""
    return "_".join(WORDS.get(part, part) for part in folder.split("/"))


def _pixels(content: bytes, name: str, path: Path) -> NDArray[np.uint8]:
    try:
        image = read_picture(content)
    except UnreadableError as error:
        raise DataError(f"{name!r} in {path} cannot be read: {error}") from error
    if max(image.size) > MOST_PIXELS:
        raise DataError(f"{name!r} in {path} has {image.size[0]} x {image.size[1]} px, more than {MOST_PIXELS}")
    return np.asarray(image.convert("L"), dtype=np.uint8)


def _together(found: dict[str, dict[tuple[int, int], NDArray[np.uint8]]], path: Path) -> ChallengeImages:
    if missing := [name for name, images in found.items() if not images]:
        raise DataError(f"{path} has no images of condition {missing[0]!r}; give all {len(CONDITIONS)}")
    first = sorted(found[CONDITIONS[0]])
    for name, images in found.items():
        if odd := set(first) ^ set(images):
            category, number = min(odd)
            raise DataError(f"{path} has {CATEGORIES[category]} {number} in one of {CONDITIONS[0]!r}, {name!r} alone")
    if absent := set(range(len(CATEGORIES))) - {category for category, _ in first}:
        raise DataError(f"{path} has no images of category {CATEGORIES[min(absent)]!r}")
    shapes = {image.shape for images in found.values() for image in images.values()}
    if len(shapes) > 1:
        raise DataError(f"images in {path} must have one size, got {', '.join(map(str, sorted(shapes)[:3]))}")
    pixels = np.stack([np.stack([images[key] for key in first]) for images in found.values()])
    return ChallengeImages(pixels, np.array([key[0] for key in first]), np.array([key[1] for key in first]))
