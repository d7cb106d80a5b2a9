"""Rasters: one row of spikes in steps of 1 ms for each trial of a neuron."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import NpzArrays, npz_arrays
from cordsnet.neural.reading.parts.bins import steps_of_bins, sum_steps
from cordsnet.neural.reading.parts.facts import About, check_counted, merged, recording_of
from cordsnet.neural.reading.parts.trials import codes, group, joined, names_of
from cordsnet.neural.recording import Recording

ROWS = 4096
"""Rows of a packed raster that are unpacked at a time."""


@check_arguments
def from_raster(
    raster: NDArray[Any],
    neuron: Any,
    image: Any,
    *,
    onset_ms: float,
    bin_ms: float,
    from_ms: float | None = None,
    to_ms: float | None = None,
    repeat: Any = None,
    trial_labels: Mapping[str, Any] | None = None,
    step_ms: float = 1.0,
    packed: int | None = None,
    **about: Unpack[About],
) -> Recording:
    """Count the spikes of a raster in bins.

    Parameters
    ----------
    raster : spikes in each step [trials, steps], or bits as `numpy.packbits` packs them along the steps.
    neuron, image : identifiers of the neuron and the image of each trial [trials].
    onset_ms : time from the first step to the onset of the image, ms.
    bin_ms, from_ms, to_ms : duration of bins, and the time from onset that they fill; the whole raster by default.
    repeat : identifier of the repeat of each trial [trials]; None numbers the trials of an image and neuron in order.
    trial_labels : name -> label of each trial [trials], which trials of an image share.
    step_ms : duration of a step, ms.
    packed : number of steps in a packed raster; None for one that is not packed.
    about : facts that the numbers do not hold, see `About`.

    Raises
    ------
    DataError : values are no spikes, bins are no whole steps or lie outside the raster, or the parts do not fit.
    """
    check_counted(about)
    steps = _steps(raster, packed)
    check_positive(step_ms, "step_ms")
    bins, edges = steps_of_bins(bin_ms, from_ms, to_ms, onset_ms, step_ms, steps)
    owner, shown = _column(neuron, "neuron", len(raster)), _column(image, "image", len(raster))
    names, column = codes(owner, about.get("neurons"), "neuron")
    named = None if repeat is None else _column(repeat, "repeat", len(raster))
    trials = group(shown, about.get("images"), "image", neuron=column, repeat=named)
    responses = trials.empty(len(bins), len(names), "the recording")
    for start in range(0, len(raster), ROWS):
        part = slice(start, start + ROWS)
        spikes = raster[part] if packed is None else np.unpackbits(raster[part], axis=1, count=steps)
        responses[trials.image[part], trials.repeat[part], :, column[part]] = sum_steps(spikes, edges, 1, "raster")
    labels = {
        name: trials.label(_column(values, name, len(raster)), name) for name, values in (trial_labels or {}).items()
    }
    known: About = {**about, "images": trials.images, "neurons": names}
    known["image_labels"] = merged(labels, about.get("image_labels"), "image_labels")
    return recording_of(responses, bins, **known)


def _steps(raster: NDArray[Any], packed: int | None) -> int:
    """Number of steps of a raster. Raises DataError unless it has two axes and, if packed, enough bytes."""
    if raster.ndim != 2 or not raster.size:
        raise DataError(f"raster must have the axes [trial, step], got shape {raster.shape}")
    if packed is None:
        if raster.dtype.kind not in "biuf":
            raise DataError(f"raster must hold numbers of spikes, got {raster.dtype}")
        return int(raster.shape[1])
    if raster.dtype != np.uint8 or not 8 * (raster.shape[1] - 1) < packed <= 8 * raster.shape[1]:
        raise DataError(
            f"a packed raster of {packed} steps must be uint8 with {-(-packed // 8)} bytes a row, "
            f"got {raster.dtype} with {raster.shape[1]}"
        )
    return packed


def _column(values: Any, name: str, count: int) -> NDArray[Any]:
    """One value for each trial. Raises DataError for another number of them."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name} must have one entry for each of the {count} trials, got lists") from error
    if array.shape != (count,):
        raise DataError(f"{name} must have one entry for each of the {count} trials, got shape {array.shape}")
    return array


@check_arguments
def read_raster(
    path: Path,
    *,
    bin_ms: float,
    from_ms: float | None = None,
    to_ms: float | None = None,
    onset_ms: float | None = None,
    image: str | Sequence[str] | None = None,
    **about: Unpack[About],
) -> Recording:
    """Read a raster from an .npz file.

    The file holds raster [trials, steps of 1 ms], or spikes_packed with the number of steps in bins; neuron [trials];
    image or stimulus [trials]; onset_ms, the time from the first step to the onset of the image; and may hold repeat.

    Parameters
    ----------
    path : the file.
    bin_ms, from_ms, to_ms, about : as in `from_raster`.
    onset_ms : the same where the file does not hold it.
    image : names of the arrays that together say what was shown, such as "object position".
    """
    with npz_arrays(path) as arrays:
        onset = _number(arrays, "onset_ms") if onset_ms is None else onset_ms
        packed = "spikes_packed" in arrays
        raster = arrays["spikes_packed" if packed else "raster"]
        default = next((name for name in ("image", "stimulus") if name in arrays), "image")
        names = names_of(image or default)
        parts = [arrays[name] for name in names]
        return from_raster(
            raster,
            arrays["neuron"],
            joined(parts),
            onset_ms=onset,
            bin_ms=bin_ms,
            from_ms=from_ms,
            to_ms=to_ms,
            repeat=arrays.get("repeat"),
            trial_labels=dict(zip(names, parts, strict=True)) if len(parts) > 1 else None,
            packed=int(_number(arrays, "bins")) if packed else None,
            **about,
        )


def _number(arrays: NpzArrays, name: str) -> float:
    """Read an array of one number."""
    if name not in arrays:
        raise DataError(f"{arrays.path} has no array {name!r}; give it as an option or add it to the file")
    values = arrays[name]
    if values.size != 1 or values.dtype.kind not in "iuf":
        raise DataError(f"array {name!r} of {arrays.path} must be one number, got shape {values.shape}")
    return float(values.item())
