"""Activity of a model on disk: one array [image, time, unit] for each area, in a Zarr folder, filled block by block."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._files import writable_folder
from cordsnet.dynamics.limits import in_words
from cordsnet.errors import DataError

FORMAT = 1
ATTRIBUTE = "cordsnet_activity"
DONE = "done"
"""Name of the array that says which blocks of images are finished; areas are in the group "areas"."""

CODECS = frozenset(("bytes", "zstd", "crc32c"))
"""Codecs that turn bytes into numbers and run nothing that a file brings."""

LARGEST_JSON = 64 * 2**20


class ActivityStore:
    """Activity of a model over time on disk.

    Attributes
    ----------
    path : the Zarr folder.
    about : what the activity depends on: model, digest of its weights, options, names of the images, bins.
    """

    def __init__(self, path: Path, group: Any, about: Mapping[str, Any]) -> None:
        self.path, self._group, self.about = path, group, about

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the areas, lowest first."""
        return tuple(self.about["areas"])

    @property
    def images(self) -> tuple[str, ...]:
        """Identifiers of the images."""
        return tuple(self.about["images"])

    @property
    def bins_ms(self) -> NDArray[np.float64]:
        """Start and end of each bin of the recording, ms from image onset [T, 2]."""
        return np.asarray(self.about["bins_ms"], np.float64)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was chosen or assumed."""
        return tuple(self.about["notes"])

    @property
    def finished(self) -> bool:
        """True if all images have been shown."""
        return bool(self.done.all())

    @property
    def done(self) -> NDArray[np.bool_]:
        """Booleans, True for blocks of images that are finished."""
        return np.asarray(self._group[DONE][:], bool)

    def area(self, name: str) -> Any:
        """Activity of an area as an array of Zarr [image, time, unit], of which only what is asked for is read.

        Raises ValueError for other names, and DataError while images are missing.
        """
        if name not in self.areas:
            raise ValueError(f"area must be one of {', '.join(self.areas)}, got {name!r}")
        if not self.finished:
            left = f"{int((~self.done).sum())} of {len(self.done)} blocks of images"
            raise DataError(f"{self.path} lacks {left}; record the activity to its end")
        return self._group["areas"][name]

    def write(self, block: int, rows: slice, activity: Mapping[str, NDArray[np.float32]]) -> None:
        """Write the activity of a block of images, and then that it is finished."""
        for name, values in activity.items():
            self._group["areas"][name][rows] = values
        self._group[DONE][block] = 1


def create_store(path: str | Path, about: Mapping[str, Any], units: Mapping[str, int], block: int) -> ActivityStore:
    """Open the store of this activity to go on with it, or make a new one.

    Parameters
    ----------
    path : folder that ends in .zarr.
    about : what the activity depends on; a store of other activity is never written to.
    units : units of each area.
    block : images that are written at once.

    Raises
    ------
    DataError : the folder holds something else, or the disk has not enough room.
    """
    import zarr

    path, about = _target(path), json.loads(json.dumps(about))
    if path.exists():
        found = load_store(path)
        if found.about != about:
            other = next((key for key in about if found.about.get(key) != about[key]), "something else")
            raise DataError(f"{path} holds activity that differs in {other}; choose another folder")
        return found
    images, times = len(about["images"]), len(about["bins_ms"])
    _check_room(path, images * times * sum(units.values()) * 4)
    writable_folder(path.parent)
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    areas = group.create_group("areas")
    for name, size in units.items():
        shape = (images, times, size)
        areas.create_array(name, shape=shape, chunks=(min(block, images), times, size), dtype="float32")
    group.create_array(DONE, shape=(-(-images // block),), chunks=(-(-images // block),), dtype="uint8")
    group.attrs[ATTRIBUTE] = about  # last, so that a store that was cut short in its making is not taken for one
    return ActivityStore(path, group, about)


@check_arguments
def load_store(path: str | Path) -> ActivityStore:
    """Open activity that `record_activity` wrote, finished or not.

    Raises DataError when there is none, or it is damaged or something else.
    """
    import zarr

    path = _target(path)
    if not path.is_dir():
        raise DataError(f"no activity at {path}; check the path")
    head = path / "zarr.json"
    try:
        if head.stat().st_size > LARGEST_JSON:
            raise DataError(f"{head} is too large to describe activity")
        group = zarr.open_group(path, mode="r+", zarr_format=3)
        about: Any = group.attrs[ATTRIBUTE]
        if about["format"] != FORMAT:
            raise DataError(f"{path} has format {about['format']!r}, and this version of cordsnet reads {FORMAT}")
        for name in about["areas"]:
            _check_codecs(path, group["areas"][name])
        _check_codecs(path, group[DONE])
        return ActivityStore(path, group, about)
    except DataError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} is damaged or holds no activity of cordsnet ({reason:.120})") from error


def _target(path: str | Path) -> Path:
    found = Path(path)
    if found.suffix != ".zarr":
        raise DataError(f"activity is kept in a folder whose name ends in .zarr, got {str(path)!r}")
    return found


def _check_codecs(path: Path, array: Any) -> None:
    codecs = [*array.compressors, array.serializer, *array.filters]
    for codec in codecs:
        name = str(codec.to_dict()["name"])
        if name not in CODECS:
            raise DataError(f"{path} is packed with {name!r}, which is not read")


def _check_room(path: Path, size: int) -> None:
    place = next(folder for folder in path.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(place).free
    if size > free:
        raise DataError(
            f"activity takes up to {in_words(size)} at {path}, and {in_words(free)} are free there; record fewer "
            "areas, bins or images"
        )
