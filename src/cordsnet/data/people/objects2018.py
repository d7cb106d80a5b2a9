"""Whole objects of the masking experiment of Tang, Schrimpf, Lotter et al. (PNAS 2018)."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.data.people.files import read_bounded
from cordsnet.errors import DataError

FILE = "images.npz"
PIXELS, NAMES = "whole_40px", "whole_class"
CATEGORIES = ("animal", "chair", "face", "fruit", "vehicle")
GROUND = 128
"""Grey on which objects are shown, of 255."""

LARGEST, LARGEST_ARRAY = 64 * 2**20, 256 * 2**20
"""Bytes that are read, as the file and as one of its arrays; the small form takes 0.9 MB."""


@dataclass(frozen=True, eq=False)
class Objects:
    """Grey pictures of whole objects, in the order of the file, which is not that of `image` in the trials.

    Attributes
    ----------
    images : [N, H, W], 0 to 1, on a ground of `ground`.
    category : place in `categories` [N].
    categories : their names.
    ground : the grey of the ground, 0 to 1.
    """

    images: NDArray[np.float32]
    category: NDArray[np.int64]
    categories: tuple[str, ...]
    ground: float


@check_arguments
def read_objects(path: str | Path) -> Objects:
    """Whole objects, from a file of NumPy with the arrays `whole_40px` [N, H, W] of 8 bit and `whole_class` [N].

    The outermost pixels, a frame that is lighter than the ground, are set to the ground.

    Parameters
    ----------
    path : the file `images.npz`, or its folder.

    Raises
    ------
    DataError : the file cannot be read, is too large, lacks an array, or holds other shapes, numbers or categories.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    content = read_bounded(path, LARGEST)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}
            if missing := [name for name in (PIXELS, NAMES) if name not in sizes]:
                raise DataError(f"{path} has no array {missing[0]!r}; give the file of whole objects")
            if max(sizes[PIXELS], sizes[NAMES]) > LARGEST_ARRAY:
                raise DataError(f"{path} has an array of more than {LARGEST_ARRAY:,} bytes and is not read")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            pixels, names = stored[PIXELS], stored[NAMES]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged or is no file of NumPy arrays ({error!r:.100})") from error
    return _checked(pixels, names, path)


def _checked(pixels: NDArray[Any], names: NDArray[Any], path: Path) -> Objects:
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or min(pixels.shape, default=0) < 3:
        raise DataError(
            f"{PIXELS!r} in {path} must be [N, H, W] of 8 bit, at least 3 x 3 px, got {list(pixels.shape)} of "
            f"{pixels.dtype}"
        )
    if names.shape != pixels.shape[:1] or names.dtype.kind != "U":
        raise DataError(
            f"{NAMES!r} in {path} must be one word for each of {len(pixels)} objects, got {list(names.shape)} of "
            f"{names.dtype}"
        )
    if sorted(set(names.tolist())) != sorted(CATEGORIES):
        raise DataError(
            f"{NAMES!r} in {path} must hold {', '.join(CATEGORIES)}, got {', '.join(sorted(set(names.tolist()))):.120}"
        )
    framed = np.full_like(pixels, GROUND)
    framed[:, 1:-1, 1:-1] = pixels[:, 1:-1, 1:-1]
    category = np.array([CATEGORIES.index(name) for name in names.tolist()])
    return Objects((framed / 255).astype(np.float32), category, CATEGORIES, GROUND / 255)
