"""Pictures of a stimulus set, read when they are shown: from a folder, an archive, or an array."""

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments, check_init
from cordsnet.errors import DataError
from cordsnet.pictures import GROUND, SUFFIXES, UnreadableError, from_array, read_picture

if TYPE_CHECKING:
    from PIL import Image

LARGEST_PICTURE = 64 * 2**20
"""Bytes of a picture in an archive that are read at most."""

MOST_PICTURES = 1_000_000


def _stem(name: str) -> str:
    """Name without its ending, if that is one of a picture."""
    suffix = Path(name).suffix
    return name[: -len(suffix)] if suffix.lower() in SUFFIXES else name


NUMBERED = (
    ", which are numbers from 0 on: if the recording numbered its images itself, check that pictures have its order"
)
MATCHES: Mapping[str, Callable[[str], str]] = {
    "name": _stem,
    "the last part of their names": lambda name: _stem(name).rpartition("/")[2],
}
"""Match of pictures with images -> the part of their names that is compared."""


@check_init
@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures in a fixed order, each with an identifier.

    Attributes
    ----------
    names : identifier of each picture: the path in its folder or archive without the ending, or its number.
    source : the folder or archive, or the word "array".
    files : path of each picture within the source; empty for an array.
    array : pixels [I, H, W] or [I, H, W, 3]; None for files.
    """

    names: tuple[str, ...]
    source: str
    files: tuple[str, ...] = ()
    array: NDArray[Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        held, what = (self.files, "files") if self.array is None else (self.array, "array")
        if np.ndim(held) < 1 or len(held) != len(self.names):
            count = len(held) if np.ndim(held) else 0
            raise DataError(f"{what} must hold a picture for each of the {len(self.names)} names, got {count}")

    def __len__(self) -> int:
        return len(self.names)

    def load(self, rows: Sequence[int]) -> "list[Image.Image]":
        """Pictures of Pillow. Raises DataError, naming the file, for what is no picture."""
        if self.array is not None:
            return [from_array(self.array[k]) for k in rows]
        if Path(self.source).is_dir():
            return [_read(Path(self.source) / self.files[k], self.files[k], self.source) for k in rows]
        with _opened(self.source) as archive:
            return [self._from_archive(archive, self.files[k]) for k in rows]

    def in_order_of(self, images: Sequence[str]) -> tuple["Pictures", str]:
        """Return the pictures of these images in their order, and a phrase on how they were matched.

        Images are matched by name, with or without folder and ending; where no name fits, as many pictures as images
        are taken in their own order, which the phrase says.

        Raises DataError where some names fit and others do not, or the numbers differ.
        """
        for how, strip in MATCHES.items():
            places = {strip(name): k for k, name in enumerate(self.names)}
            wanted = [strip(name) for name in images]
            missing = [name for name in wanted if name not in places]
            if len(places) < len(self.names) or len(missing) == len(wanted):
                continue
            if missing:
                lacks = f"{missing[0]!r}, and lacks {len(missing)} in all"
                raise DataError(f"{self.source} has no picture of image {lacks}")
            numbered = wanted == [str(k) for k in range(len(wanted))]
            said = f"pictures are matched with images by {how}"
            return self.select([places[name] for name in wanted]), f"{said}{NUMBERED if numbered else ''}"
        if len(self) != len(images):
            raise DataError(
                f"{self.source} holds {len(self)} pictures under other names than the {len(images)} images, so that "
                "they cannot be matched; give pictures named as the images"
            )
        return self, "no picture has the name of an image, so that pictures are taken in the order of the images"

    def select(self, rows: Sequence[int]) -> "Pictures":
        """Return the pictures of these rows, in their order."""
        files = tuple(self.files[k] for k in rows) if self.files else ()
        array = None if self.array is None else self.array[list(rows)]
        return Pictures(tuple(self.names[k] for k in rows), self.source, files, array)

    def sizes(self) -> list[int]:
        """Bytes of each file, and its checksum where an archive holds one, by which other content is noticed."""
        if Path(self.source).is_dir():
            return [(Path(self.source) / name).stat().st_size for name in self.files]
        with _opened(self.source) as archive:
            return [archive.getinfo(name).CRC for name in self.files]

    def _from_archive(self, archive: zipfile.ZipFile, name: str) -> "Image.Image":
        entry = archive.getinfo(name)
        if entry.file_size > LARGEST_PICTURE:
            size = f"{entry.file_size:,} bytes; at most {LARGEST_PICTURE:,} are read"
            raise DataError(f"{name!r} in {self.source} has {size}")
        try:
            content = archive.read(entry)
        except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, NotImplementedError) as error:
            raise DataError(f"{name!r} in {self.source} is damaged ({error!r:.80})") from error
        return _read(content, name, self.source)


@check_arguments
def find_pictures(source: str | Path | NDArray[Any]) -> Pictures:
    """List the pictures of a folder or a ZIP archive, in the natural order of their names, or of an array.

    "image10" comes after "image9". Other files are left out; names that begin with a dot too.

    Parameters
    ----------
    source : a folder, with its subfolders; a ZIP archive; or pixels [I, H, W] or [I, H, W, 3] of 8 or 16 bits, or
        floats from 0 to 1, which are rounded to 8 bits.

    Raises
    ------
    DataError : there is no picture, the archive is damaged, two pictures differ in their endings alone, or an array
        has another shape or other numbers.
    """
    if isinstance(source, np.ndarray):
        return Pictures(tuple(map(str, range(len(source)))) if source.ndim else (), "array", (), _in_bits(source))
    path = Path(source)
    if path.is_dir():
        found = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
    elif path.is_file():
        with _opened(str(path)) as archive:
            found = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    else:
        raise DataError(f"no pictures at {path}; give a folder or a ZIP archive")
    files = sorted((name for name in found if _is_picture(name)), key=natural)
    if not files:
        raise DataError(f"{path} holds no pictures, such as .jpg or .png")
    if len(files) > MOST_PICTURES:
        raise DataError(f"{path} holds {len(files):,} pictures; at most {MOST_PICTURES:,} are shown")
    names = [name.rpartition(".")[0] for name in files]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path} holds {twice!r} with two endings; remove one, so that names tell pictures apart")
    return Pictures(tuple(names), str(path), tuple(files))


def _in_bits(pixels: NDArray[Any]) -> NDArray[Any]:
    """Pixels of 8 or 16 bits. Raises DataError for an array that is no pictures."""
    if pixels.ndim not in (3, 4) or 0 in pixels.shape or (pixels.ndim == 4 and pixels.shape[3] not in (1, 2, 3, 4)):
        raise DataError(f"pictures must be an array [I, H, W] or [I, H, W, 3], got shape {list(pixels.shape)}")
    if pixels.dtype in (np.bool_, np.uint8, np.uint16):
        return pixels
    if pixels.dtype.kind != "f":
        raise DataError(f"pictures must be uint8, uint16 or floats in 0-1, got {pixels.dtype}; convert them")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise DataError(f"pictures of {pixels.dtype} must be from 0 to 1, got {low:g} to {high:g}; divide them by 255")
    found: NDArray[Any] = np.rint(255 * pixels).astype(np.uint8)
    return found


def natural(name: str) -> list[tuple[int, str]]:
    """Key by which numbers within names are sorted as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def framed(image: "Image.Image", size: tuple[int, int], share: float) -> "Image.Image":
    """The picture at `share` of the side of a square field of mid-grey, or its middle where the share is above 1.

    The field keeps the resolution of the picture; `size` is (H, W) of what the network reads and gives its shape.
    """
    from PIL import Image

    rows, columns = size
    side = min(image.width / columns, image.height / rows) / share
    field_size = max(1, round(side * columns)), max(1, round(side * rows))
    ground = Image.new("RGB", field_size, (GROUND,) * 3)
    place = (field_size[0] - image.width) // 2, (field_size[1] - image.height) // 2
    ground.paste(image.convert("RGB"), place)
    return ground


def _is_picture(name: str) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    return Path(name).suffix.lower() in SUFFIXES and not hidden


def _opened(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} is damaged or is no ZIP archive ({error!r:.80})") from error


def _read(content: bytes | Path, name: str, source: str) -> "Image.Image":
    try:
        return read_picture(content)
    except UnreadableError as error:
        raise DataError(f"{name!r} in {source} is no picture that can be read: {error}") from error
