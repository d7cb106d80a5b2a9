"""Sessions of macaque V4 (Cowley, Stan, Pillow & Smith, Compact deep neural network models of visual cortex, 2023)."""

import zipfile
from pathlib import Path

import numpy as np

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import npz_arrays
from cordsnet.neural.reading.parts.facts import as_floats, recording_of
from cordsnet.neural.recording import Recording

WINDOW_MS = 100.0
"""Duration of the one window in which spikes were counted, ms."""


@check_arguments
def read_cowley(path: Path, *, from_ms: float = 50.0) -> Recording:
    """Read a session from its folder, with responses.npz and, where it is there, images.zip for the names of images.

    Parameters
    ----------
    path : folder of the session; responses.npz holds spike_count [neuron, image, repeat], or mean_spike_count [neuron,
        image] of a session that is averaged over repeats, whose ceiling nobody can compute.
    from_ms : start of the window of 100 ms, ms from onset. The files do not hold it.

    Raises
    ------
    DataError : a file is damaged, or holds another number of images than responses.
    """
    with npz_arrays(path / "responses.npz") as arrays:
        averaged = "spike_count" not in arrays
        values = arrays["mean_spike_count" if averaged else "spike_count"]
    if values.ndim != (2 if averaged else 3):
        raise DataError(f"{path / 'responses.npz'} must hold [neuron, image{'' if averaged else ', repeat'}]")
    values = as_floats(values[..., None] if averaged else values, "responses")
    session = path.resolve().name.rpartition("_")[2]
    kept = "averaged over repeats, so no ceiling can be computed" if averaged else "NaN where a repeat is missing"
    return recording_of(
        np.ascontiguousarray(values.transpose(1, 2, 0)[:, :, None]),
        np.array([[from_ms, from_ms + WINDOW_MS]]),
        images=_image_names(path / "images.zip", values.shape[1]),
        area="V4",
        animal=f"animal of session {session}",
        source=f"Macaque V4, session {session}, Cowley et al. 2023: spikes in one window of 100 ms, {kept}.",
    )


def _image_names(path: Path, count: int) -> list[str] | None:
    """Names of the images, in order; None where there is no such file."""
    if not path.is_file():
        return None
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith((".jpg", ".png")))
    if len(names) != count:
        raise DataError(f"{path} holds {len(names)} images and the responses are to {count}; copy the session again")
    return names
