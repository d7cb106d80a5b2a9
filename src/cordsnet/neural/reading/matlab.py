"""Recordings in MATLAB files: rasters of 1 ms, and arrays of responses with axes that the caller names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading import by_image
from cordsnet.neural.reading.mat_files import Variables, listed
from cordsnet.neural.reading.side_by_side import side_by_side
from cordsnet.neural.reading.time_axis import Timing
from cordsnet.neural.recording import Recording

Array: TypeAlias = NDArray[Any]

AXES = ("image", "repeat", "trial", "time", "neuron")
"""Names of axes; a trial is one repeat of an image that is named for each trial."""

RASTER, RASTER_LABELS = "raster_data", "raster_labels"
"""Variables of the raster format of the Neural Decoding Toolbox (Meyers 2013, doi:10.3389/fninf.2013.00008)."""


@dataclass(frozen=True)
class _Options:
    """What the caller says about the variables, as described at `read_matlab`."""

    variable: str | None
    axes: Sequence[str] | None
    images: Sequence[str]
    neurons: str | None
    image_labels: Mapping[str, str]
    neuron_labels: Mapping[str, str]
    missing: float | None
    unit: str
    source: str
    timing: Timing


@check_arguments
def read_matlab(
    path: str | Path,
    *,
    variable: str | None = None,
    axes: Sequence[str] | None = None,
    images: str | Sequence[str] | None = None,
    neurons: str | None = None,
    image_labels: Mapping[str, str] | None = None,
    neuron_labels: Mapping[str, str] | None = None,
    bins: str | Sequence[float] | Array | None = None,
    onset_ms: float | None = None,
    bin_ms: float = 10.0,
    from_ms: float | None = None,
    to_ms: float | None = None,
    missing: float | None = None,
    unit: str = "count",
    source: str = "",
) -> Recording:
    """Read a recording from a MATLAB file of version 5, 7 or 7.3, or from a folder with a file for each neuron.

    Variables are named as in MATLAB, fields of structs by a dot, such as "raster_labels.stimulus_ID". Files in the
    raster format of the Neural Decoding Toolbox need `onset_ms`, and `images` where they have several labels. Repeat r
    of an image is the r-th trial that each neuron of a folder has of it; repeats that a neuron lacks are NaN.

    Parameters
    ----------
    path : the file, or a folder whose .mat files are all read.
    variable : array of responses; None takes `raster_data`.
    axes : names of its axes in MATLAB's order, of "image", "repeat", "time", "neuron", or "trial" in place of image and
        repeat; None takes ("trial", "time") for `raster_data`. Axes of length 1 at the end, which MATLAB drops, return.
    images : variable, or several whose values are joined by "/", that names each image or the image of each trial; None
        takes the only field of `raster_labels`, or numbers the images from 1.
    neurons : variable that names the neurons; None takes the name of the file, with a number from 1 for several.
    image_labels, neuron_labels : name of a label -> variable with a value for each image (or trial) or neuron; one
        value stands for all neurons of a file.
    bins : variable with the edges of the time bins [T + 1] or [T, 2], or the edges, in ms from the onset of the image;
        an array without time needs start and end of its one bin.
    onset_ms : time from the start of a row to the onset of the image where the array has samples of 1 ms, which
        are then gathered into bins; in place of `bins`.
    bin_ms, from_ms, to_ms : duration of these bins, and the time from onset that they fill; None takes the whole row.
        A bin holds samples from its start up to, but not including, its end.
    missing : number that stands for absent responses, besides NaN.
    unit : a row of `UNITS`; samples of 1 ms are summed for counts and averaged for the others.
    source : a sentence on the origin; "" takes the name of the file.

    Raises
    ------
    DataError : the file is damaged or too large, a variable is missing or of a class or shape that does not fit, or the
        options do not fit together.
    """
    path = Path(path)
    chosen = [images] if isinstance(images, str) else images or ()
    timing, labels = Timing(bins, onset_ms, bin_ms, from_ms, to_ms, unit), (image_labels or {}, neuron_labels or {})
    options = _Options(variable, axes, chosen, neurons, *labels, missing, unit, source or path.name, timing)
    if not path.is_dir():
        return _read_one(path, options)
    files = sorted(path.glob("*.mat"), key=lambda one: by_image.in_order(one.name))
    if not files:
        raise DataError(f"{path} is a folder without .mat files; give the folder that holds a file for each neuron")
    return side_by_side({str(one): _read_one(one, options) for one in files})


def _read_one(path: Path, options: _Options) -> Recording:
    """Recording of one file."""
    file = Variables(path)
    variable = options.variable or (RASTER if RASTER in file.shapes else None)
    if variable is None:
        raise DataError(f"variable must name the array of responses in {path}, which has {file.listed()}")
    values = file.numbers(variable, "variable")
    axes = _axes(options.axes, variable, values, path)
    data = _arranged(values, axes, options.missing)
    data, bins_ms = options.timing.apply(data, "time" in axes, f"{variable!r} in {path}", _edges(file, options.timing))
    count, of = len(data), "trial" if "trial" in axes else "image"
    names = _image_names(file, options.images, count, of)
    labels = {key: file.names(one, "image_labels", count, of) for key, one in options.image_labels.items()}
    if of == "trial":
        trials = by_image.group(names)
        shape = (len(trials.images), trials.most_repeats, *data.shape[2:])
        responses = by_image.empty_responses((*shape,), f"{path}", data.dtype)
        responses[trials.image, trials.repeat] = data[:, 0]
        names = list(trials.images)
        image_labels = {
            key: by_image.label_of_images(one, trials, f"image_labels {key!r} in {path}") for key, one in labels.items()
        }
    else:
        responses, image_labels = data, {key: np.array(one) for key, one in labels.items()}
    number = responses.shape[3]
    neurons = [path.stem] if number == 1 else [f"{path.stem}-{k + 1}" for k in range(number)]
    if options.neurons is not None:
        neurons = file.names(options.neurons, "neurons", number, "neuron")
    neuron_labels = {
        key: np.array(file.names(one, "neuron_labels", number, "neuron", one_for_all=True))
        for key, one in options.neuron_labels.items()
    }
    try:
        return Recording(responses, bins_ms, names, neurons, options.unit, image_labels, neuron_labels, options.source)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _axes(given: Sequence[str] | None, variable: str, values: Array, path: Path) -> tuple[str, ...]:
    """Names of the axes of the responses. Raises DataError where they are not given or do not fit."""
    what = f"{variable!r} in {path}, which is {list(values.shape)}"
    if given is None and variable != RASTER:
        raise DataError(f'axes must name the axes of {what}, such as axes=("neuron", "image", "repeat")')
    axes = tuple(given) if given is not None else ("trial", "time")
    unknown = [one for one in axes if one not in AXES]
    if unknown or len(set(axes)) < len(axes):
        raise DataError(f"axes must be of {', '.join(AXES)}, each once, got {', '.join(map(str, axes))}")
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
    data = whole.transpose([(*axes, *absent).index(one) for one in due])
    small = data.dtype.itemsize <= 2 or data.dtype.char == "f"  # float32 holds these, in either order of bytes
    data = data.astype(np.float32 if small else np.float64)
    if missing is not None:
        data[data == missing] = np.nan
    return data


def _edges(file: Variables, timing: Timing) -> Array | None:
    """Edges of the bins in ms as the caller gave or named them; None where there are none."""
    if isinstance(timing.bins, str):
        return file.numbers(timing.bins, "bins").astype(np.float64)
    return None if timing.bins is None else np.asarray(timing.bins, np.float64)


def _image_names(file: Variables, chosen: Sequence[str], count: int, of: str) -> list[str]:
    """Name of the image along the first axis. Raises DataError where it is not clear which variable holds it."""
    if not chosen and of == "image":
        return [str(k + 1) for k in range(count)]
    if not chosen:
        if RASTER_LABELS not in file.shapes:
            raise DataError(
                f"images must name the variable of {file.path} with the image of each trial: {file.listed()}"
            )
        labels = file.find(RASTER_LABELS, "images")
        if not isinstance(labels, dict) or len(labels) != 1:
            has = listed(labels) if isinstance(labels, dict) else "no struct"
            raise DataError(
                f"images must say which field of {RASTER_LABELS!r} in {file.path} names the image, "
                f'such as "{RASTER_LABELS}.stimulus_ID"; it has {has}'
            )
        chosen = [f"{RASTER_LABELS}.{next(iter(labels))}"]
    columns = [file.names(one, "images", count, of) for one in chosen]
    return ["/".join(row) for row in zip(*columns, strict=True)]
