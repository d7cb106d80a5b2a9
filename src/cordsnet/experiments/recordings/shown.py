"""Pictures that stand for the images of a recording: one for each, or several, to which responses are averages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.neural import Pictures, Recording, find_pictures


@dataclass(frozen=True, eq=False)
class Shown:
    """Pictures in the order of the images of a recording.

    Attributes
    ----------
    pictures : the P pictures, those of an image side by side.
    image : index of the image of each picture, in order [P].
    note : how they were matched, and what is averaged.
    """

    pictures: Pictures
    image: NDArray[np.intp]
    note: str

    def of_images(self, images: NDArray[np.intp]) -> "Shown":
        """Return the pictures of some images, in their order."""
        rows = [np.flatnonzero(self.image == image) for image in images]
        image = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
        return Shown(self.pictures.select(np.concatenate(rows).tolist()), image, self.note)

    def averaged(self, values: Any) -> Any:
        """Return means over the pictures of each image [I, ...] of values [P, ...]; values as they are for one each.

        Values may be an array of Zarr, of which the pictures of one image are read at a time.
        """
        edges = np.flatnonzero(np.diff(self.image, prepend=-1, append=self.image[-1] + 1))
        if len(edges) == len(self.image) + 1:
            return values
        parts = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        return np.stack([np.asarray(values[start:stop]).mean(0) for start, stop in parts])


def one_each(pictures: Pictures, note: str = "") -> Shown:
    """Return pictures of which each stands for one image."""
    return Shown(pictures, np.arange(len(pictures)), note)


def shown_for(recording: Recording, source: str) -> Shown:
    """Find the pictures of each image: a picture of its name, or a folder of its name with several.

    Raises
    ------
    DataError : they cannot be read, or do not belong to the recording.
    """
    found = find_pictures(source)
    folder: Callable[[str], str] = lambda name: name.rpartition("/")[0]  # noqa: E731 - a key of two lists
    places = {name: k for k, name in enumerate(recording.images)}
    inside = [k for k, name in enumerate(found.names) if folder(name) in places]
    if {folder(found.names[k]) for k in inside} != set(places):
        pictures, matched = found.in_order_of(recording.images)
        return one_each(pictures, matched)
    image = np.array([places[folder(found.names[k])] for k in inside])
    order = np.argsort(image, kind="stable")
    counts = np.bincount(image)
    spread = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    note = (
        f"each image stands for the {spread} pictures in the folder of its name: each is shown by itself, and answers "
        "and features are averaged over them"
    )
    return Shown(found.select([inside[k] for k in order]), image[order], note)
