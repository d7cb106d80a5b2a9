"""Macaque V1 shown frames of movies (Henaff et al., Nature Communications 12, 2021), one file for a penetration."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import NpzArrays, npz_arrays
from cordsnet.neural.reading.parts.facts import as_floats, recording_of
from cordsnet.neural.recording import Recording

ABSENT = -1
"""Count that stands for a repeat or frame that is missing."""


@check_arguments
def read_henaff(path: Path, *, psth: bool = False) -> Recording:
    """Read one penetration, with each frame as an image, or its movies in bins of 10 ms.

    Frames are named zoom/category/movie/frame, such as zoom1x/natural/movie02-bees/frame01, and have the four parts as
    labels. Frames that no unit was shown are left out. The first and the last frame of a synthetic movie are those of
    the natural one, and the file holds the same trials under both: the label "picture" is the name of the first of
    them, and splits that are to share no trial keep images of one picture together. Movies in bins of 10 ms have the
    name of the movie as "picture", since its categories share those trials and its zooms share pixels.

    Parameters
    ----------
    path : file of the penetration.
    psth : read rates in bins of 10 ms, averaged over the frames and repeats of each movie, in place of counts in the
        window of 200 ms from the latency that the file holds.

    Raises
    ------
    DataError : the file is damaged.
    """
    with npz_arrays(path) as arrays:
        names: tuple[list[str], ...] = tuple(arrays[name].tolist() for name in ("zoom", "category", "movie"))
        values = arrays["psth" if psth else "spike_count"]
        if values.shape[:3] != tuple(map(len, names)) or values.ndim != (5 if psth else 6):
            raise DataError(f"{path} has responses of shape {values.shape}, which do not fit its zooms and movies")
        return _psth(arrays, values, names) if psth else _frames(arrays, values, names)


def _frames(arrays: NpzArrays, values: NDArray[Any], names: tuple[list[str], ...]) -> Recording:
    """Each frame as an image, from counts [zoom, category, movie, frame, unit, repeat]."""
    frames = [f"frame{k + 1:02d}" for k in range(values.shape[3])]
    flat = values.reshape(-1, *values.shape[4:]).transpose(0, 2, 1)[:, :, None]
    counts = np.ascontiguousarray(as_floats(flat, "spike_count", ABSENT))
    start = 1000 * float(arrays["latency_s"])
    bins = np.array([[start, start + 1000 * float(arrays["window_s"])]])
    said = "spikes in a window of 200 ms from the latency; frames were on for 200 ms and off for 100 ms"
    found = _recording(arrays, counts, bins, (*names, frames), "count", said)
    return replace(found, image_labels={**found.image_labels, "picture": _pictures(found)})


def _pictures(recording: Recording) -> NDArray[Any]:
    """Name of the first image with the same trials, for each image."""
    first: dict[bytes, str] = {}
    contents = [trials.tobytes() for trials in recording.responses]
    for content, name in zip(contents, recording.images, strict=True):
        first.setdefault(content, name)
    return np.asarray([first[content] for content in contents])


def _psth(arrays: NpzArrays, values: NDArray[Any], names: tuple[list[str], ...]) -> Recording:
    """Each movie as an image, from rates [zoom, category, movie, unit, bin] that are averages."""
    starts = 1000 * arrays["psth_edges_s"].astype(np.float64)
    starts = np.round(starts, 6)
    bins = np.stack([starts, starts + np.median(np.diff(starts))], 1)
    rates = values.reshape(-1, *values.shape[3:]).transpose(0, 2, 1)[:, None]
    said = "rates from the onset of a frame, averaged over the frames and repeats of a movie"
    found = _recording(arrays, np.ascontiguousarray(rates), bins, names, "rate", said)
    return replace(found, image_labels={**found.image_labels, "picture": found.image_labels["movie"]})


def _recording(
    arrays: NpzArrays, values: NDArray[Any], bins: NDArray[Any], names: tuple[list[str], ...], unit: str, said: str
) -> Recording:
    """Recording of all combinations of names that were shown."""
    grids = [grid.ravel() for grid in np.meshgrid(*names, indexing="ij")]
    shown = ~np.isnan(values).all((1, 2, 3))
    kinds = ("zoom", "category", "movie", "frame")
    place = arrays.path.stem
    return recording_of(
        values[shown],
        bins,
        images=["/".join(parts) for parts in zip(*(grid[shown] for grid in grids), strict=True)],
        neurons=[f"{place}_{k:02d}" for k in range(values.shape[3])],
        unit=unit,
        image_labels={kind: grid[shown] for kind, grid in zip(kinds, grids, strict=False)},
        area="V1",
        animal=place.partition("_")[0],
        source=f"Macaque V1, penetration {place}, Henaff et al. 2021: {said}.",
    )
