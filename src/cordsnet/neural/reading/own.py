"""The package's own file of a recording: an .npz archive without pickles."""

import io
import json
from pathlib import Path

import numpy as np

from cordsnet._arguments import check_arguments
from cordsnet._files import write_whole
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import npz_arrays
from cordsnet.neural.recording import Recording

MARK = "cordsnet_recording"
"""Array that holds the version of the file and what is no array, as JSON."""

VERSION = 1


@check_arguments
def save_recording(recording: Recording, path: str | Path) -> Path:
    """Write a recording to an .npz file, whole or not at all; `read_recording` reads it.

    The file holds responses, bins_ms, images, neurons and every label as arrays of numbers or texts, so that NumPy
    alone reads it, and the same recording always gives the same bytes.

    Parameters
    ----------
    recording : the recording.
    path : name of the file; it must end in .npz.

    Raises
    ------
    DataError : the name has another ending.
    RunError : the file cannot be written.
    """
    place = Path(path)
    if place.suffix.lower() != ".npz":
        raise DataError(f"path must end in .npz, got {place.name!r}")
    arrays = {
        MARK: np.asarray(json.dumps({"version": VERSION, "unit": recording.unit, "source": recording.source})),
        "responses": recording.responses,
        "bins_ms": recording.bins_ms,
        "images": np.asarray(recording.images),
        "neurons": np.asarray(recording.neurons),
    }
    for kind, labels in (("image", recording.image_labels), ("neuron", recording.neuron_labels)):
        arrays |= {f"{kind}_labels/{name}": np.asarray(values) for name, values in labels.items()}
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_whole(place, content.getvalue())
    return place


def read_own(path: Path) -> Recording:
    """Read a file of `save_recording`. Raises DataError for one that is damaged or of a later version."""
    with npz_arrays(path) as arrays:
        try:
            about = json.loads(arrays.text(MARK))
            version, unit, source = about["version"], str(about["unit"]), str(about["source"])
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path} is damaged: array {MARK!r} is not what save_recording writes") from error
        if version != VERSION:
            raise DataError(f"{path} is of version {version!r}, and this package reads version {VERSION}; update it")
        labels = {
            kind: {name.partition("/")[2]: arrays[name] for name in arrays if name.startswith(f"{kind}_labels/")}
            for kind in ("image", "neuron")
        }
        return Recording(
            arrays["responses"],
            arrays["bins_ms"],
            arrays["images"].tolist(),
            arrays["neurons"].tolist(),
            unit,
            labels["image"],
            labels["neuron"],
            source,
        )
