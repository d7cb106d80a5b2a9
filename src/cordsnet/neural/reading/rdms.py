"""RDMs over time from arrays and files, with one triangle or whole matrices, as published for MEG and EEG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.reading.files import check_file, check_size, npz_arrays, read_npy
from cordsnet.neural.reading.matlab.variables import Variables
from cordsnet.neural.similarity.courses import RdmCourses

Array: TypeAlias = NDArray[Any]

AXES = ("subject", "session", "region", "time", "pair", "image")
KEPT = ("subject", "region", "time", "pair")
SAME = 1e-6
"""Difference of two halves of a matrix, relative to its largest distance, that is rounding."""

ZERO = 1e-3
"""Value on the diagonal, relative to the largest distance, that is rounding: a root of squares in single precision."""

NETCDF = (".nc", ".nc4", ".netcdf", ".h5netcdf")


@check_arguments
def read_rdms(
    source: str | Path | NDArray[Any] | Any,
    axes: str | Sequence[str] | None = None,
    *,
    times_ms: NDArray[Any] | Sequence[float] | None = None,
    regions: Sequence[str] | None = None,
    subjects: Sequence[str] | None = None,
    key: str | None = None,
) -> RdmCourses:
    """Read RDMs over time of MEG, EEG or other recordings without neurons.

    Parameters
    ----------
    source : an array; an xarray.DataArray; or a file .npy, .npz, .mat or .nc.
    axes : name of each axis, such as "region time pair", "subject region time pair", or "subject session time image
        image" for whole matrices. Sessions are averaged. None takes the dimensions of a DataArray or a .nc file.
    times_ms : time of each RDM from image onset, ms; None takes the coordinate time (or time_ms) of a DataArray.
    regions, subjects : names; None takes coordinates of a DataArray, or numbers them.
    key : variable of a .npz, .mat or .nc file that has several.

    A whole matrix must be symmetric, or hold NaN on and beyond one side of its diagonal, as some published files do.
    Its diagonal must be 0 or NaN: for similarities such as correlations give 1 - similarity.

    Raises
    ------
    DataError : axes that do not fit, matrices that are no RDMs, missing times, or a file that cannot be read.

    Source: layouts of Kietzmann et al. 2019 (region, time, pair) and Cichy et al. 2014 (subject, session, time, image,
    image).
    """
    values, named, coords = _load(source, key)
    names = _axis_names(axes if axes is not None else named, values)
    if names.count("image") == 2:
        values, names = _triangles(values, names)
    if "session" in names:
        values = values.astype(np.float64).mean(names.index("session"))
        names = tuple(name for name in names if name != "session")
    lengths = dict(zip(names, values.shape, strict=True))
    for name in KEPT:
        if name not in names:
            values, names = values[..., None], (*names, name)
    times = times_ms if times_ms is not None else coords.get("time")
    if times is None:
        raise DataError(f"times_ms must say the time of each of the {lengths.get('time', 1)} RDMs from onset, in ms")
    return RdmCourses(
        values.transpose([names.index(name) for name in KEPT]),
        np.asarray(times),
        _names(regions, coords, "region", lengths),
        _names(subjects, coords, "subject", lengths),
        "" if isinstance(source, np.ndarray) else str(getattr(source, "name", source)),
    )


def _load(source: Any, key: str | None) -> tuple[Array, tuple[str, ...] | None, dict[str, Any]]:
    """Values, names of their axes where the source has them, and coordinates of these."""
    if isinstance(source, np.ndarray):
        return source, None, {}
    if hasattr(source, "dims") and hasattr(source, "coords"):
        return _from_xarray(source)
    if not isinstance(source, str | Path):
        raise DataError(f"source must be an array, a DataArray or the path of a file, got {type(source).__name__}")
    path = Path(source)
    check_file(path)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_npy(path), None, {}
    if suffix == ".npz":
        with npz_arrays(path) as arrays:
            return arrays[key or _only(list(arrays), path)], None, {}
    if suffix == ".mat":
        variables = Variables(path)
        return variables.numbers(key or _only(list(variables.shapes), path), "key"), None, {}
    if suffix in NETCDF:
        return _from_netcdf(path, key)
    raise DataError(f"{path} must be .npy, .npz, .mat or .nc, to be read as RDMs")


def _only(names: list[str], path: Path) -> str:
    if len(names) != 1:
        raise DataError(f"{path} has {len(names)} variables ({', '.join(names[:12])}); name the RDMs with key")
    return names[0]


def _from_netcdf(path: Path, key: str | None) -> tuple[Array, tuple[str, ...], dict[str, Any]]:
    try:
        import xarray
    except ModuleNotFoundError as error:
        raise DataError(f"{path} cannot be read without xarray; pip install 'cordsnet[neural]'") from error
    try:
        with xarray.open_dataset(path) as data:
            found = data[key or _only([str(name) for name in data.data_vars], path)]
            check_size(tuple(found.shape), found.dtype.itemsize, f"the RDMs of {path}")
            return _from_xarray(found.load())
    except KeyError as error:
        raise DataError(f"{path} has no variable {key!r}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged or is no NetCDF file ({str(error).splitlines()[0]:.100})") from error


def _from_xarray(array: Any) -> tuple[Array, tuple[str, ...], dict[str, Any]]:
    """Values, dimensions and coordinates; two dimensions of images are called such as image_1 and image_2."""
    names = tuple(_plain(str(name)) for name in array.dims)
    coords = {_plain(str(name)): np.asarray(array.coords[name].values) for name in array.dims if name in array.coords}
    return np.asarray(array.values), names, coords


def _plain(name: str) -> str:
    """Name of a dimension without plural, number and unit."""
    base = name.lower().removesuffix("_ms").rstrip("_0123456789")
    return base if base in AXES else base.removesuffix("s")


def _axis_names(axes: Any, values: Array) -> tuple[str, ...]:
    shape = " x ".join(map(str, values.shape))
    if axes is None:
        raise DataError(f'axes must say what the axes of the RDMs ({shape}) are, such as axes="region time pair"')
    names = tuple(axes.split()) if isinstance(axes, str) else tuple(map(str, axes))
    if unknown := [name for name in names if name not in AXES]:
        raise DataError(f"axes must be of {', '.join(AXES)}, got {unknown[0]!r}")
    if len(names) != values.ndim:
        raise DataError(f"axes names {len(names)} axes ({' '.join(names)}) and the array has {values.ndim} ({shape})")
    if twice := [name for name in names if names.count(name) > 1 and name != "image"]:
        raise DataError(f"axes names {twice[0]} twice; only image comes twice, for whole matrices")
    if names.count("image") + 2 * names.count("pair") != 2:
        raise DataError(f"axes must name pair once, or image twice, got {' '.join(names)!r}")
    if values.dtype.kind not in "iuf":
        raise DataError(f"RDMs must be real numbers, got {values.dtype}")
    return names


def _triangles(values: Array, names: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
    """Pairs of the upper triangle of matrices, as the last axis."""
    first, second = (k for k, name in enumerate(names) if name == "image")
    if values.shape[first] != values.shape[second] or values.shape[first] < 2:
        raise DataError(f"the two axes of images must have the same length, two or more, got {list(values.shape)}")
    moved = np.moveaxis(values, (first, second), (-2, -1))
    row, column = np.triu_indices(values.shape[first], 1)
    upper, lower = moved[..., row, column], moved[..., column, row]
    rest = tuple(name for name in names if name != "image")
    if values.dtype.kind == "f":
        one_sided = upper if np.isnan(lower).all() else lower if np.isnan(upper).all() else None
        if one_sided is not None:
            _check_diagonal(moved, float(np.nanmax(np.abs(one_sided), initial=0)))
            return one_sided, (*rest, "pair")
    largest = float(np.nanmax(np.abs(upper), initial=0))
    if not np.allclose(upper, lower, rtol=0, atol=SAME * largest, equal_nan=True):
        raise DataError("the RDMs must be symmetric, or hold NaN in one triangle, got matrices with two other halves")
    _check_diagonal(moved, largest)
    return upper, (*rest, "pair")


def _check_diagonal(matrices: Array, largest: float) -> None:
    """Raise DataError where an image has a distance from itself, as in a matrix of similarities [..., I, I]."""
    own = np.abs(np.diagonal(matrices, axis1=-2, axis2=-1))
    if (own > ZERO * largest).any():
        raise DataError(
            f"RDMs must hold 0 or NaN on the diagonal, got {np.nanmax(own):.3g}: similarities, such as correlations, "
            "are no distances, so give 1 - similarity; where they are distances, set the diagonal to 0"
        )


def _names(given: Sequence[str] | None, coords: dict[str, Any], axis: str, lengths: dict[str, int]) -> tuple[str, ...]:
    """Names along an axis: given, of coordinates, or numbered."""
    if given is not None:
        return tuple(map(str, given))
    if axis in coords:
        return tuple(map(str, coords[axis].tolist()))
    return tuple(f"{axis}{k}" for k in range(lengths.get(axis, 1)))
