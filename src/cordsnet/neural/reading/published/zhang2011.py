"""Macaque IT, seven objects at three positions (Zhang et al., PNAS 108, 2011, through the package NeuroDecodeR)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import NpzArrays, npz_arrays
from cordsnet.neural.reading.parts.facts import recording_of
from cordsnet.neural.reading.parts.trials import codes, group, joined
from cordsnet.neural.reading.rasters import from_raster
from cordsnet.neural.recording import Recording

SOURCE = (
    "Macaque IT, 7 objects at 3 positions, Zhang et al. 2011 through NeuroDecodeR: neurons were recorded one after "
    "another, so that their repeats differ in number and are no shared trials; no images exist."
)

ROUNDING = 0.02
"""Largest distance of a count from a whole number, which rates stored in half precision leave."""


@check_arguments
def read_zhang(
    path: Path, *, bin_ms: float | None = None, from_ms: float | None = None, to_ms: float | None = None
) -> Recording:
    """Read the recording from it_7objects.npz, as counts in windows of 150 ms, or from it_7objects_1ms.npz.

    An image is an object at a position, and has the labels object and position. Rates of the first file are turned back
    into the counts that they were made from.

    Parameters
    ----------
    path : either file.
    bin_ms, from_ms, to_ms : duration of bins, 10 ms if None, and the time from onset that they fill, all if None; only
        the second file can be cut into bins.

    Raises
    ------
    DataError : the file is damaged, or bins are asked for of the first file.
    """
    with npz_arrays(path) as arrays:
        parts = {name: arrays[name] for name in ("object", "position")}
        image = joined(list(parts.values()))
        if "spikes_packed" in arrays:
            neuron = arrays["neuron_name"][arrays["neuron"]]
            return from_raster(
                arrays["spikes_packed"],
                neuron,
                image,
                onset_ms=float(arrays["onset_ms"]),
                bin_ms=10.0 if bin_ms is None else bin_ms,
                from_ms=from_ms,
                to_ms=to_ms,
                trial_labels=parts,
                packed=int(arrays["bins"]),
                area="IT",
                source=SOURCE,
            )
        if not bin_ms is from_ms is to_ms is None:
            raise DataError("bin_ms, from_ms and to_ms need spikes, and this file has rates; give it_7objects_1ms.npz")
        return _from_rates(arrays, image, parts)


def _from_rates(arrays: NpzArrays, image: NDArray[Any], parts: dict[str, NDArray[Any]]) -> Recording:
    """Recording from rates in windows [trial, T]."""
    bins = arrays["window_ms"].astype(np.float64)
    counts = arrays["rate_hz"].astype(np.float64) * (bins[:, 1] - bins[:, 0]) / 1000
    if np.abs(counts - np.round(counts)).max() > ROUNDING:
        raise DataError(f"rate_hz of {arrays.path} is not that of whole numbers of spikes; copy the file again")
    neurons, column = codes(arrays["neuron"], None, "neuron")
    trials = group(image, None, "image", neuron=column)
    responses = trials.empty(len(bins), len(neurons), "the recording")
    responses[trials.image, trials.repeat, :, column] = np.round(counts)
    labels = {name: trials.label(values, name) for name, values in parts.items()}
    return recording_of(
        responses, bins, images=trials.images, neurons=neurons, image_labels=labels, area="IT", source=SOURCE
    )
