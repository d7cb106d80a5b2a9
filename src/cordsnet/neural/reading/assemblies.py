"""Assemblies of xarray with the names of Brain-Score (NeuroidAssembly), and NetCDF files of them."""

from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_size
from cordsnet.neural.reading.parts.bins import find_bins
from cordsnet.neural.reading.parts.facts import About, as_floats, label_values, merged, recording_of
from cordsnet.neural.reading.parts.trials import Trials, codes, group
from cordsnet.neural.recording import Recording

PRESENTATION, NEUROID, TIME = "presentation", "neuroid", "time_bin"
IMAGE = ("stimulus_id", "image_id")
"""Coordinates that name the image; the second is that of older assemblies."""

RENAMED = {"region": "area", "subject": "animal"}
"""Coordinate of neuroids -> label of a recording."""


@check_arguments
def from_assembly(assembly: Any, *, bins_ms: Any = None, **about: Unpack[About]) -> Recording:
    """Make a recording from an xarray.DataArray with the dimensions presentation, neuroid and, perhaps, time_bin.

    Coordinates are those of Brain-Score: stimulus_id (or image_id) and, perhaps, repetition of presentations,
    neuroid_id of neuroids, time_bin_start and time_bin_end in ms. Further ones become labels: object_name where it is
    the same in all presentations of an image, region as area, subject as animal.

    Parameters
    ----------
    assembly : the DataArray, or any object with dims, coords, sizes, transpose and values.
    bins_ms : start and end of the one bin of an assembly without time_bin, ms from onset.
    about : facts that the assembly does not hold, see `About`.

    Raises
    ------
    DataError : a dimension or coordinate is missing, or the parts do not fit together.
    """
    dims = tuple(map(str, getattr(assembly, "dims", ())))
    if not {PRESENTATION, NEUROID} <= set(dims) or not set(dims) <= {PRESENTATION, NEUROID, TIME}:
        raise DataError(
            f"assembly must have the dimensions presentation, neuroid and, if any, time_bin, got {', '.join(dims)}"
        )
    order = [PRESENTATION, TIME, NEUROID] if TIME in dims else [PRESENTATION, NEUROID]
    values = np.asarray(assembly.transpose(*order).values)
    values = as_floats(values if TIME in dims else values[:, None], "assembly")
    bins = _bins(assembly, bins_ms, values.shape[1])
    name = next((name for name in IMAGE if name in assembly.coords), None)
    if name is None:
        raise DataError("assembly has no coordinate stimulus_id (or image_id) that names the image of a presentation")
    trials = _trials(assembly, name, about.get("images"))
    responses = trials.stack(values, "the recording")
    known: About = {**about, "images": trials.images}
    if "neuroid_id" in assembly.coords:
        known.setdefault("neurons", _coordinate(assembly, "neuroid_id").tolist())
    known["image_labels"] = merged(_image_labels(assembly, trials, name), about.get("image_labels"), "image_labels")
    known["neuron_labels"] = merged(_neuron_labels(assembly), about.get("neuron_labels"), "neuron_labels")
    return recording_of(responses, bins, **known)


def _coordinate(assembly: Any, name: str) -> NDArray[Any]:
    return np.asarray(assembly.coords[name].values)


def _bins(assembly: Any, given: Any, count: int) -> NDArray[np.float64]:
    """Bins of the assembly, or those that are given."""
    starts, ends = ("time_bin_start", "time_bin_end")
    if starts in assembly.coords and ends in assembly.coords and given is None:
        pair = [np.atleast_1d(_coordinate(assembly, name)) for name in (starts, ends)]
        return find_bins(np.stack(pair, 1), count)
    if TIME in assembly.dims and given is None:
        raise DataError("assembly has a time_bin and no time_bin_start and time_bin_end in ms; give bins_ms")
    return find_bins(given, count)


def _trials(assembly: Any, name: str, order: Any) -> Trials:
    """Image and repeat of each presentation; without repetitions, presentations of an image are numbered in order."""
    shown = _coordinate(assembly, name)
    if "repetition" not in assembly.coords:
        return group(shown, order, name)
    named = codes(_coordinate(assembly, "repetition"), None, "repetition")[1]
    trials = group(shown, order, name, repeat=named)
    if len(np.unique(np.stack([trials.image, named], 1), axis=0)) < len(named):
        raise DataError("assembly has the same repetition of an image twice; number the repetitions of each image anew")
    return trials


def _image_labels(assembly: Any, trials: Trials, named: str) -> dict[str, NDArray[Any]]:
    """Coordinates of presentations that are the same in all presentations of an image."""
    labels = {}
    for name, coordinate in assembly.coords.items():
        if tuple(coordinate.dims) != (PRESENTATION,) or name in (PRESENTATION, named, "repetition"):
            continue
        if np.asarray(coordinate.values).dtype.kind not in "biufOSUT":
            continue
        try:
            labels[str(name)] = trials.label(np.asarray(coordinate.values), str(name))
        except DataError:  # it differs between presentations, so it is no label of the image
            continue
    return labels


def _neuron_labels(assembly: Any) -> dict[str, NDArray[Any]]:
    return {
        RENAMED.get(str(name), str(name)): label_values(coordinate.values, str(name))
        for name, coordinate in assembly.coords.items()
        if tuple(coordinate.dims) == (NEUROID,) and name not in (NEUROID, "neuroid_id")
    }


@check_arguments
def to_assembly(recording: Recording) -> Any:
    """Return a recording as xarray.DataArray [presentation, neuroid, time_bin] with coordinates named by Brain-Score.

    Each repeat of an image in which a neuron was recorded is a presentation; NaN stays where others were not. The
    labels area and animal are called region and subject there.
    """
    import xarray

    present = (~np.isnan(recording.responses)).any((2, 3))
    image, repeat = np.nonzero(present)
    coords: dict[str, Any] = {
        "stimulus_id": (PRESENTATION, np.asarray(recording.images)[image]),
        "repetition": (PRESENTATION, repeat),
        "neuroid_id": (NEUROID, np.asarray(recording.neurons)),
        "time_bin_start": (TIME, recording.bins_ms[:, 0]),
        "time_bin_end": (TIME, recording.bins_ms[:, 1]),
    }
    back = {label: name for name, label in RENAMED.items()}
    coords |= {name: (PRESENTATION, np.asarray(values)[image]) for name, values in recording.image_labels.items()}
    coords |= {back.get(name, name): (NEUROID, np.asarray(values)) for name, values in recording.neuron_labels.items()}
    values = recording.responses[image, repeat].transpose(0, 2, 1)
    facts = {"unit": recording.unit, "source": recording.source}
    return xarray.DataArray(values, coords=coords, dims=(PRESENTATION, NEUROID, TIME), attrs=facts)


@check_arguments
def read_netcdf(path: Path, *, key: str | None = None, bins_ms: Any = None, **about: Unpack[About]) -> Recording:
    """Read an assembly from a NetCDF file.

    Parameters
    ----------
    path : the file.
    key : name of the variable; not needed where one has the dimensions presentation and neuroid.
    bins_ms, about : as in `from_assembly`.
    """
    import xarray

    with xarray.open_dataset(path) as data:
        fitting = [str(name) for name, array in data.data_vars.items() if {PRESENTATION, NEUROID} <= set(array.dims)]
        chosen = fitting if key is None else [key]
        if len(chosen) != 1 or chosen[0] not in data.data_vars:
            known = ", ".join(map(str, data.data_vars)) or "none"
            raise DataError(
                f"{path} must have one variable with dimensions presentation and neuroid; name it with key ({known})"
            )
        array = data[chosen[0]]
        check_size(tuple(array.shape), array.dtype.itemsize, f"variable {chosen[0]!r} of {path}")
        facts: About = {}
        if "unit" in array.attrs:
            facts["unit"] = str(array.attrs["unit"])
        if "source" in array.attrs:
            facts["source"] = str(array.attrs["source"])
        facts.update(about)
        return from_assembly(array.load(), bins_ms=bins_ms, **facts)
