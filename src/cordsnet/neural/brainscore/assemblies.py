"""Assemblies that are handed back: those of Brain-Score where it is installed, else arrays of xarray."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from cordsnet.errors import DataError

HOMES = ("brainscore_core.supported_data_standards.brainio.assemblies", "brainio.assemblies")
"""Modules of Brain-Score with the classes of assemblies, the newest first."""


def assembly(
    kind: str,
    values: NDArray[Any],
    dims: Sequence[str],
    coords: Mapping[str, tuple[str, NDArray[Any]] | float],
    notes: Sequence[str],
) -> Any:
    """Make a "NeuroidAssembly" or a "BehavioralAssembly", or an xarray.DataArray where Brain-Score is not installed.

    Raises DataError without xarray.
    """
    made = _class_of(kind)
    return made(values, dims=list(dims), coords=dict(coords), attrs={"notes": tuple(notes)})


def _class_of(kind: str) -> Any:
    for home in HOMES:
        try:
            return getattr(import_module(home), kind)
        except ModuleNotFoundError as error:
            if not (error.name and home.startswith(error.name)):
                raise  # Brain-Score is there, and something that it needs is not
    try:
        import xarray
    except ModuleNotFoundError as error:
        raise DataError("assemblies cannot be made without xarray; pip install 'cordsnet[neural]'") from error
    return xarray.DataArray
