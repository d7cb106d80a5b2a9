"""Recordings of different neurons with the same time bins, as one recording."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_size
from cordsnet.neural.reading.parts.trials import in_order
from cordsnet.neural.recording import Recording


def side_by_side(parts: Mapping[str, Recording]) -> Recording:
    """Put neurons of several recordings side by side; images that a part lacks are NaN for its neurons.

    Parameters
    ----------
    parts : file -> its recording; all have the same bins, unit and names of labels.

    Raises
    ------
    DataError : bins or labels differ between parts, a neuron is in two of them, or the whole is too large.
    """
    (first, whole), *others = parts.items()
    for path, part in others:
        if not np.array_equal(part.bins_ms, whole.bins_ms):
            raise DataError(
                f"{path} has {_span(part)} and {first} has {_span(whole)}; neurons of one recording need the same bins"
            )
    images = list(whole.images)
    if any(part.images != whole.images for part in parts.values()):
        images = sorted({name for part in parts.values() for name in part.images}, key=in_order)
    neurons = [(name, path) for path, part in parts.items() for name in part.neurons]
    held: dict[str, str] = {}
    for name, path in neurons:
        if name in held:
            raise DataError(f"{path} has the neuron {name!r}, which {held[name]} has too; name neurons differently")
        held[name] = path
    most = max(part.responses.shape[1] for part in parts.values())
    dtype = np.result_type(*(part.responses.dtype for part in parts.values()))
    shape = (len(images), most, len(whole.bins_ms), len(neurons))
    check_size(shape, dtype.itemsize, f"the recording of {len(parts)} files [image, repeat, time, neuron]")
    responses = np.full(shape, np.nan, dtype)
    index, place = {name: k for k, name in enumerate(images)}, 0
    for part in parts.values():
        rows, end = [index[name] for name in part.images], place + len(part.neurons)
        responses[rows, : part.responses.shape[1], :, place:end] = part.responses
        place = end
    return Recording(
        responses,
        whole.bins_ms,
        images,
        [name for name, _ in neurons],
        whole.unit,
        {label: _image_label(parts, label, images) for label in whole.image_labels},
        {
            label: np.concatenate([part.neuron_labels[label] for part in parts.values()])
            for label in whole.neuron_labels
        },
        whole.source,
    )


def _span(part: Recording) -> str:
    return f"{len(part.bins_ms)} bins from {part.bins_ms[0, 0]:g} to {part.bins_ms[-1, 1]:g} ms"


def _image_label(parts: Mapping[str, Recording], label: str, images: list[str]) -> NDArray[Any]:
    """One label of all images. Raises DataError where two parts contradict each other."""
    found: dict[str, Any] = {}
    for path, part in parts.items():
        for name, value in zip(part.images, part.image_labels[label], strict=True):
            if found.setdefault(name, value) != value:
                raise DataError(
                    f"{path} gives image {name!r} the label {label!r} {str(value)!r}, and another file has "
                    f"{str(found[name])!r}; leave the label out, or name images by it too"
                )
    return np.array([found[name] for name in images])
