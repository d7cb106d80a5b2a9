"""Recordings in MATLAB files: rasters of 1 ms, and arrays of responses with axes that the caller names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import naming
from cordsnet.neural.reading.matlab.side_by_side import side_by_side
from cordsnet.neural.reading.matlab.variables import Variables, listed
from cordsnet.neural.reading.parts.bins import average_steps, find_bins, steps_of_bins, sum_steps
from cordsnet.neural.reading.parts.facts import About, as_floats, axis_names, merged, recording_of
from cordsnet.neural.reading.parts.trials import group, in_order, joined, names_of
from cordsnet.neural.recording import Recording

Array: TypeAlias = NDArray[Any]

AXES = ("image", "repeat", "trial", "time", "neuron")
"""Names of axes; a trial is one repeat of an image that is named for each trial."""

RASTER, RASTER_LABELS = "raster_data", "raster_labels"
"""Variables of the raster format of the Neural Decoding Toolbox (Meyers 2013, doi:10.3389/fninf.2013.00008)."""


@dataclass(frozen=True)
class _Options:
    """Arguments about the variables, as described at `read_matlab`."""

    key: str | None
    axes: Any
    image: list[str]
    neuron: str | None
    image_label_keys: Mapping[str, str]
    neuron_label_keys: Mapping[str, str]
    bins_ms: Any
    onset_ms: float | None
    window: tuple[float | None, float | None, float | None]
    missing: float | None
    images: Any
    unit: str


@check_arguments
def read_matlab(
    path: str | Path,
    *,
    key: str | None = None,
    axes: Any = None,
    image: str | Sequence[str] | None = None,
    neuron: str | None = None,
    image_label_keys: Mapping[str, str] | None = None,
    neuron_label_keys: Mapping[str, str] | None = None,
    bins_ms: Any = None,
    onset_ms: float | None = None,
    bin_ms: float | None = None,
    from_ms: float | None = None,
    to_ms: float | None = None,
    missing: float | None = None,
    **about: Unpack[About],
) -> Recording:
    """Read a recording from a MATLAB file of version 5, 7 or 7.3, or from a folder with a file for each neuron.

    Variables are named as in MATLAB, fields of structs by a dot, such as "raster_labels.stimulus_ID". Files in the
    raster format of the Neural Decoding Toolbox need `onset_ms`, and `image` where they have several labels. Repeat r
    of an image is the r-th trial that each neuron of a folder has of it; repeats that a neuron lacks are NaN.

    Parameters
    ----------
    path : the file, or a folder whose .mat files are all read.
    key : variable with the responses; None takes `raster_data`.
    axes : names of its axes in MATLAB's order, of "image", "repeat", "time", "neuron", or "trial" in place of image and
        repeat; None takes "trial time" for `raster_data`. Axes of length 1 at the end, which MATLAB drops, return.
    image : variable, or several, that together say which image it is, or which image was shown in each trial; None
        takes the only field of `raster_labels`, or numbers the images from 0.
    neuron : variable that names the neurons; None takes the name of the file, with a number from 0 for several.
    image_label_keys, neuron_label_keys : name of a label -> variable with a value for each image (or trial) or neuron;
        one value stands for all neurons of a file.
    bins_ms : starts and ends [T, 2] or edges [T + 1] of the bins, ms from onset, or the variable that holds them.
    onset_ms : time from the start of a row to the onset of the image where the array has samples of 1 ms, which
        are then gathered into bins; in place of `bins_ms`.
    bin_ms, from_ms, to_ms : duration of these bins, and the time from onset that they fill; the whole row by default.
    missing : number that stands for an absent response, besides NaN.
    about : facts that the file does not hold, see `About`; samples of 1 ms are summed where unit is "count" and
        averaged otherwise.

    Raises
    ------
    DataError : the file is damaged or too large, a variable is missing or of a class or shape that does not fit, or the
        options do not fit together.
    """
    path = Path(path)
    labels = (image_label_keys or {}, neuron_label_keys or {})
    window, facts = (bin_ms, from_ms, to_ms), (about.get("images"), about.get("unit", "count"))
    options = _Options(key, axes, names_of(image), neuron, *labels, bins_ms, onset_ms, window, missing, *facts)
    with naming(path):
        found = _read_folder(path, options) if path.is_dir() else _read_one(path, options)
        known: About = {"neurons": found.neurons, "source": path.name, **about, "images": found.images}
        known["image_labels"] = merged(found.image_labels, about.get("image_labels"), "image_labels")
        known["neuron_labels"] = merged(found.neuron_labels, about.get("neuron_labels"), "neuron_labels")
        return recording_of(found.responses, found.bins_ms, **known)


def _read_folder(path: Path, options: _Options) -> Recording:
    """Recording of all files of a folder. Raises DataError where there is none."""
    files = sorted(path.glob("*.mat"), key=lambda one: in_order(one.name))
    if not files:
        raise DataError(f"{path} is a folder without .mat files; give the folder that holds a file for each neuron")
    return side_by_side({str(one): _read_one(one, options) for one in files})


def _read_one(path: Path, options: _Options) -> Recording:
    """Recording of one file, with the facts that it holds."""
    file = Variables(path)
    key = options.key or (RASTER if RASTER in file.shapes else None)
    if key is None:
        raise DataError(f"key must name the array of responses in {path}, which has {file.listed()}")
    values = file.numbers(key, "key")
    axes = _axes(options.axes, key, values, path)
    with naming(path):
        data, bins_ms = _in_bins(_arranged(values, axes, options.missing), "time" in axes, file, key, options)
    count, of = len(data), "trial" if "trial" in axes else "image"
    images: Any = _image_names(file, options.image, count, of)
    labels: dict[str, Any] = {
        name: file.names(one, "image_label_keys", count, of) for name, one in options.image_label_keys.items()
    }
    with naming(path):
        if of == "trial":
            trials = group(images, options.images, "image")
            data, images = trials.stack(data[:, 0], "the recording"), trials.images
            labels = {name: trials.label(one, f"image_label_keys {name!r}") for name, one in labels.items()}
        elif options.images is not None:
            images = options.images
        number = data.shape[3]
        neurons = [path.stem] if number == 1 else [f"{path.stem}-{k}" for k in range(number)]
        if options.neuron is not None:
            neurons = file.names(options.neuron, "neuron", number, "neuron")
        of_neurons = {
            name: file.names(one, "neuron_label_keys", number, "neuron", one_for_all=True)
            for name, one in options.neuron_label_keys.items()
        }
        facts: About = {"images": images, "neurons": neurons, "image_labels": labels, "neuron_labels": of_neurons}
        facts["unit"] = options.unit
        return recording_of(data, bins_ms, **facts)


def _axes(given: Any, key: str, values: Array, path: Path) -> tuple[str, ...]:
    """Names of the axes of the responses. Raises DataError where they are not given or do not fit."""
    what = f"{key!r} in {path}, which is {list(values.shape)}"
    if given is None and key != RASTER:
        raise DataError(f'axes must name the axes of {what}, such as axes="neuron image repeat"')
    axes = axis_names("trial time" if given is None else given, AXES)
    if ("image" in axes) == ("trial" in axes) or {"trial", "repeat"} <= set(axes):
        raise DataError(f"axes must have image, with or without repeat, or trial alone, got {', '.join(axes)}")
    if values.ndim > len(axes):
        raise DataError(f"axes must name the {values.ndim} axes of {what}, got {', '.join(axes)}")
    return axes


def _arranged(values: Array, axes: tuple[str, ...], missing: float | None) -> Array:
    """Responses as floating-point numbers [image or trial, repeat, time, neuron]; absent axes have length 1."""
    due = ("trial" if "trial" in axes else "image", "repeat", "time", "neuron")
    absent = [one for one in due if one not in axes]
    whole = values.reshape(values.shape + (1,) * (len(axes) + len(absent) - values.ndim))
    return as_floats(whole.transpose([(*axes, *absent).index(one) for one in due]), "responses", missing)


def _in_bins(data: Array, timed: bool, file: Variables, key: str, options: _Options) -> tuple[Array, Array]:
    """Responses in bins, and the bins [T, 2]. Raises DataError where the options do not fit the array or another."""
    bin_ms, from_ms, to_ms = options.window
    if (options.bins_ms is None) == (options.onset_ms is None):
        given = "none" if options.bins_ms is None else "both"
        raise DataError(f"{key!r} needs either bins_ms, or onset_ms where it has samples of 1 ms, got {given}")
    if options.onset_ms is None:
        if (bin_ms, from_ms, to_ms) != (None, None, None):
            raise DataError("bin_ms, from_ms and to_ms are for samples of 1 ms; with bins_ms, select the window later")
        named = isinstance(options.bins_ms, str)
        edges = file.numbers(options.bins_ms, "bins_ms") if named else options.bins_ms
        return data, find_bins(edges, data.shape[2], repr(key))
    if not timed:
        raise DataError(f"{key!r} has no axis of time, so that onset_ms does not apply; give bins_ms=(start, end)")
    if bin_ms is None:
        raise DataError(f"bin_ms must be given with onset_ms, for the bins into which {key!r} is cut; give a number")
    bins, cuts = steps_of_bins(bin_ms, from_ms, to_ms, options.onset_ms, 1.0, data.shape[2])
    if options.unit == "count":
        return sum_steps(data, cuts, 2, repr(key)), bins
    return average_steps(data, cuts, 2), bins


def _image_names(file: Variables, chosen: Sequence[str], count: int, of: str) -> Any:
    """Name of the image along the first axis. Raises DataError where it is not clear which variable holds it."""
    if not chosen and of == "image":
        return None
    if not chosen:
        if RASTER_LABELS not in file.shapes:
            raise DataError(
                f"image must name the variable of {file.path} with the image of each trial: {file.listed()}"
            )
        labels = file.find(RASTER_LABELS, "image")
        if not isinstance(labels, dict) or len(labels) != 1:
            has = listed(labels) if isinstance(labels, dict) else "no struct"
            raise DataError(
                f"image must say which field of {RASTER_LABELS!r} in {file.path} names the image, "
                f'such as "{RASTER_LABELS}.stimulus_ID"; it has {has}'
            )
        chosen = [f"{RASTER_LABELS}.{next(iter(labels))}"]
    return joined([np.asarray(file.names(one, "image", count, of)) for one in chosen])
