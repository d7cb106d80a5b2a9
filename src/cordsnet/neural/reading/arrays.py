"""Arrays of responses whose axes have names, such as [neuron, image, repeat]."""

from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import NpzArrays, npz_arrays, read_npy
from cordsnet.neural.reading.parts.bins import find_bins
from cordsnet.neural.reading.parts.facts import About, as_floats, axis_names, recording_of
from cordsnet.neural.recording import Recording

AXES = ("image", "repeat", "time", "neuron")
NEEDED = ("image", "neuron")
BESIDE = ("images", "neurons", "bins_ms")
"""Arrays of an .npz file that are no responses."""


@check_arguments
def from_arrays(
    responses: NDArray[Any], axes: Any, bins_ms: Any, *, missing: float | None = None, **about: Unpack[About]
) -> Recording:
    """Make a recording from one array.

    Parameters
    ----------
    responses : numbers; NaN where a repeat is absent.
    axes : name of each axis, as "neuron image repeat" or as a list; image and neuron are needed, repeat and time may be
        absent for responses that are averaged or in one bin.
    bins_ms : starts and ends [T, 2] or edges [T + 1] of the bins, ms from onset.
    missing : number that stands for an absent response, such as -1; None where NaN does.
    about : facts that the numbers do not hold, see `About`.

    Raises
    ------
    DataError : axes do not fit the array, bins are missing, or the parts do not fit together.
    """
    names = axis_names(axes, AXES)
    if not set(NEEDED) <= set(names):
        raise DataError(f"axes must name image and neuron, got {' '.join(names)!r}; add an axis of length 1")
    if len(names) != responses.ndim:
        shape = " x ".join(map(str, responses.shape))
        raise DataError(
            f"axes names {len(names)} axes ({' '.join(names)}) and the array has {responses.ndim} ({shape})"
        )
    _check_lengths(dict(zip(names, responses.shape, strict=True)), about)
    for name in AXES:
        if name not in names:
            responses, names = responses[..., None], (*names, name)
    moved = responses.transpose([names.index(name) for name in AXES])
    bins = find_bins(bins_ms, moved.shape[2])
    values = np.ascontiguousarray(as_floats(moved, "responses", missing))
    return recording_of(values, bins, **about)


def _check_lengths(sides: dict[str, int], about: About) -> None:
    """Raise DataError where identifiers are not as many as their axis is long, and say which other axis they fit."""
    for given, name in (("images", "image"), ("neurons", "neuron")):
        listed = about.get(given)
        if listed is None or np.ndim(listed) != 1 or len(listed) == sides[name]:  # type: ignore[arg-type]
            continue
        count = len(listed)  # type: ignore[arg-type]
        fits = [other for other, side in sides.items() if side == count]
        hint = f"; the axis named {fits[0]} has {count}, so axes may be exchanged" if fits else ""
        raise DataError(f"{given} names {count} and the axis named {name} has {sides[name]}{hint}")


@check_arguments
def read_array(
    path: Path,
    *,
    axes: Any = None,
    bins_ms: Any = None,
    key: str | None = None,
    missing: float | None = None,
    **about: Unpack[About],
) -> Recording:
    """Read an .npy file, or one array of an .npz file.

    Arrays of an .npz file that are called images, neurons or bins_ms are taken as what their names say.

    Parameters
    ----------
    path : the file.
    axes, bins_ms, missing, about : as in `from_arrays`.
    key : name of the array in an .npz file; not needed where one array has as many axes as `axes` names.
    """
    if path.suffix.lower() == ".npy":
        values = read_npy(path)
    else:
        with npz_arrays(path) as arrays:
            values = arrays[key or _one_array(arrays, 2 if axes is None else len(axis_names(axes, AXES)))]
            bins_ms = arrays.get("bins_ms") if bins_ms is None else bins_ms
            about = {**_beside(arrays), **about}
    if axes is None:
        shape = " x ".join(map(str, values.shape))
        raise DataError(f'axes must say what the axes of {path} ({shape}) are, such as axes="neuron image repeat"')
    return from_arrays(values, axes, bins_ms, missing=missing, **about)


def _beside(arrays: NpzArrays) -> About:
    """Identifiers that the file holds."""
    about: About = {}
    if "images" in arrays:
        about["images"] = arrays["images"].tolist()
    if "neurons" in arrays:
        about["neurons"] = arrays["neurons"].tolist()
    return about


def _one_array(arrays: NpzArrays, axes: int) -> str:
    """Name of the only array with that many axes; with two, of the only one that has at least two."""
    responses = [name for name in arrays if name not in BESIDE]
    found = {name: len(arrays.shape(name)) for name in responses}
    fitting = [name for name, count in found.items() if count == axes or (axes == 2 and count > 2)]
    if len(fitting) != 1:
        many = f"{len(fitting)} arrays" if fitting else "no array"
        raise DataError(
            f"{arrays.path} has {many} of {axes} axes among {', '.join(arrays) or 'none'}; name the responses with key"
        )
    return fitting[0]
