"""Encoded pictures, from bytes or from files."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cordsnet.pictures.levels import UnreadableError, is_deep, is_grey, levels_of, to_8_bit

if TYPE_CHECKING:
    from PIL import Image

Source: TypeAlias = "bytes | Path"

FORMATS = (
    "PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "DIB", "GIF", "JPEG2000", "AVIF", "PPM", "TGA", "PCX", "ICO", "SGI"
)  # fmt: skip
"""Formats that are read. Others of Pillow's are not, since reading them runs other programs (EPS) or needs them."""

SUFFIXES = frozenset({
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".jp2", ".j2k",
    ".jpx", ".jpc", ".j2c", ".avif", ".avifs", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".tga", ".pcx", ".ico", ".sgi",
    ".rgb", ".bw",
})  # fmt: skip
"""Endings of files that are taken for pictures, in lower case."""

OTHER_SUFFIXES = frozenset({
    ".heic", ".heif", ".svg", ".psd", ".eps", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".exr", ".hdr", ".dcm",
    ".nii", ".npy", ".npz", ".mat", ".jxl", ".fits", ".xcf",
})  # fmt: skip
"""Endings of pictures in formats that are not read; such files count as unreadable."""

MAX_PIXELS = 178_956_970
"""Largest number of pixels that is decoded, as in Pillow; larger pictures are not read."""

DRAFT_PIXELS = 2**25
"""JPEG files with more pixels than this are decoded at a half, a quarter or an eighth of their size, where that is at
least twice the size that is wanted."""

ORIENTATION_TAG = 0x0112

MAGIC = (
    b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
)  # fmt: skip
"""First bytes of files of the usual formats; WebP and AVIF are known by their bytes 4 to 12."""


@dataclass(frozen=True)
class Glance:
    """Properties of a picture, from its header.

    Attributes
    ----------
    shape : (H, W), upright, px.
    grey : True if the picture has no colour.
    pages : number of pages or frames.
    reach : for pictures of more than 8 bits, the largest value as a share of the range; else None.
    """

    shape: tuple[int, int]
    grey: bool
    pages: int
    reach: float | None


def read_picture(source: Source, size: tuple[int, int] | None = None) -> "Image.Image":
    """Read a picture upright, as an image of mode "L" or "RGB".

    Parameters
    ----------
    source : the content of a file, or its path.
    size : (H, W) to which the picture will be brought, px; large JPEG files are then decoded in part.

    Raises
    ------
    UnreadableError : the picture is damaged, too large, of an unknown format, or has values out of range.
    """
    with _opened(source) as image:
        if size is not None and image.format in ("JPEG", "MPO") and image.width * image.height > DRAFT_PIXELS:
            side = 2 * max(size)
            image.draft(None, (side, side))
        return upright_8_bit(image)


def upright_8_bit(image: "Image.Image") -> "Image.Image":
    """An image of Pillow turned as its tag says, as mode "L" or "RGB".

    Raises UnreadableError for values out of range, and when the file behind the image cannot be decoded.
    """
    with _in_our_words(b""):
        levels = levels_of(image) if is_deep(image.mode) else None
        image.load()
        method = _turns().get(_orientation(image))
        return to_8_bit(image if method is None else image.transpose(method), levels)


def reach_of(image: "Image.Image") -> float | None:
    """The largest value of an image of more than 8 bits as a share of its range; None for 8 bits."""
    if not is_deep(image.mode):
        return None
    with _in_our_words(b""):
        return float(np.asarray(image).max()) / levels_of(image).top


def glance(source: Source, deep: bool = True) -> Glance:
    """Look at the head of a picture without decoding it, but for values of more than 8 bits where `deep` is True.

    Raises UnreadableError when that is not possible.
    """
    with _opened(source) as image:
        shape = (image.height, image.width)
        pages = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
        grey = is_grey(image)
        reach = reach_of(image) if deep else None
        turned = image.format != "TIFF" and _orientation(image) in (5, 6, 7, 8)  # Pillow turns TIFF files by itself
        return Glance(shape[::-1] if turned else shape, grey, pages, reach)


def looks_like_picture(head: bytes) -> bool:
    """True if a file that begins with these bytes, 16 or more, is a picture of one of the usual formats."""
    return head.startswith(MAGIC) or head[8:12] == b"WEBP" or head[4:12] in (b"ftypavif", b"ftypavis")


@contextmanager
def _opened(source: Source) -> Iterator["Image.Image"]:
    """An open image that is not too large."""
    from PIL import Image

    with (
        _in_our_words(source),
        Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_formats()) as image,
    ):
        if image.width * image.height > MAX_PIXELS:
            raise UnreadableError(f"{image.width} x {image.height} px are more than {MAX_PIXELS:,} pixels")
        yield image


@contextmanager
def _in_our_words(source: Source) -> Iterator[None]:
    """Turn the errors of Pillow, whose decoders raise many kinds for damaged files, into UnreadableError."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of is counted here, or is of no consequence for pixels
        try:
            yield
        except UnreadableError:
            raise
        except Image.DecompressionBombError as error:
            raise UnreadableError(f"it has more than {MAX_PIXELS:,} pixels") from error
        except _BROKEN as error:
            raise UnreadableError(_why(source, error)) from error


_BROKEN = (
    OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError, SyntaxError, EOFError,
    MemoryError, AssertionError, struct.error, zlib.error,
)  # fmt: skip


def _why(source: Source, error: BaseException) -> str:
    """Say in a few words why a source cannot be read."""
    from PIL import UnidentifiedImageError

    if isinstance(source, Path) and source.is_symlink() and not source.exists():
        return "a link to a file that is not there; fetch it, with `datalad get` where DataLad or git-annex made it"
    if isinstance(source, Path) and not source.is_file():
        return "there is no such file"
    try:
        head = source[:200] if isinstance(source, bytes) else _head(source)
    except OSError as denied:
        return str(denied.strerror or denied)
    if not head and isinstance(error, UnidentifiedImageError):
        return "empty"
    if b"annex/objects" in head[:100]:
        return "a pointer of git-annex; fetch the file with `datalad get`"
    if head.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS; fetch the file with `git lfs pull`"
    if isinstance(error, UnidentifiedImageError):
        known = looks_like_picture(head)
        return "damaged" if known else "no picture, or of a format that is not read; convert it to PNG"
    return f"damaged ({' '.join(str(error).split())[:80] or type(error).__name__})"


def _head(path: Path) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(200)


def _orientation(image: "Image.Image") -> int:
    """The number of the orientation tag; 1 where there is none, or where it is damaged."""
    try:
        found: Any = image.getexif().get(ORIENTATION_TAG, 1)
        return int(found)
    except _BROKEN:
        return 1


@cache
def _turns() -> dict[int, Any]:
    from PIL import Image

    names = Image.Transpose
    return {
        2: names.FLIP_LEFT_RIGHT,
        3: names.ROTATE_180,
        4: names.FLIP_TOP_BOTTOM,
        5: names.TRANSPOSE,
        6: names.ROTATE_270,
        7: names.TRANSVERSE,
        8: names.ROTATE_90,
    }


@cache
def _formats() -> tuple[str, ...]:
    """The formats of `FORMATS` that this installation of Pillow reads."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)
