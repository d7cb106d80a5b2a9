"""The table of forms in which recordings are stored."""

import inspect
import typing
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordsnet.neural.reading.own import MARK
from cordsnet.neural.reading.phy import is_phy_folder
from cordsnet.neural.reading.raster_tables import is_raster_table
from cordsnet.neural.reading.spike_tables import is_spike_folder
from cordsnet.neural.recording import Recording
from cordsnet.registry import Registry


@dataclass(frozen=True)
class Format:
    """One form of files.

    Attributes
    ----------
    about : a sentence on what is read.
    recognises : path -> True if the file or folder is of this form.
    reader : function of a path and options that reads it, as "module:function" of this package's `reading`.
    """

    about: str
    recognises: Callable[[Path], bool]
    reader: str


def _ends(*suffixes: str) -> Callable[[Path], bool]:
    return lambda path: path.is_file() and path.suffix.lower() in suffixes


def _holds(*wanted: str) -> Callable[[Path], bool]:
    """Return a test for .npz files that hold these arrays; "|" stands between names of which one is needed."""

    def recognises(path: Path) -> bool:
        names = _names(path)
        return all(any(name in names for name in choice.split("|")) for choice in wanted)

    return recognises


def _names(path: Path) -> set[str]:
    if not path.is_file() or path.suffix.lower() != ".npz":
        return set()
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except zipfile.BadZipFile:  # the reader says so
        return set()


def _cowley(path: Path) -> bool:
    return path.is_dir() and {"spike_count", "mean_spike_count"} & _names(path / "responses.npz") != set()


def _matlab(path: Path) -> bool:
    return _ends(".mat")(path) or (path.is_dir() and next(path.glob("*.mat"), None) is not None)


FORMATS: dict[str, Format] = {
    "cordsnet": Format("A file of `save_recording`.", _holds(MARK), "own:read_own"),
    "cowley2023": Format(
        "The folder of a session of macaque V4 (Cowley et al. 2023), averaged over repeats or not.",
        _cowley,
        "published.cowley2023:read_cowley",
    ),
    "zhang2011": Format(
        "Macaque IT, seven objects at three positions (Zhang et al. 2011), as rates in windows or spikes in 1 ms.",
        _holds("neuron", "object", "position", "rate_hz|spikes_packed"),
        "published.zhang2011:read_zhang",
    ),
    "henaff2021": Format(
        "One penetration of macaque V1 that was shown frames of movies (Henaff et al. 2021).",
        _holds("spike_count", "psth", "psth_edges_s", "movie", "category", "zoom"),
        "published.henaff2021:read_henaff",
    ),
    "spikes": Format(
        "Spike times with onsets: .npz with spike_times_ms or _s, spike_neuron, onset_ms or _s, image.",
        _holds("spike_times_ms|spike_times_s"),
        "spike_times:read_spikes",
    ),
    "phy": Format(
        "A folder of Phy (spike_times.npy, spike_clusters.npy, cluster_group.tsv) with a table trials beside them.",
        is_phy_folder,
        "phy:read_phy",
    ),
    "spike_tables": Format(
        "A folder with the tables spikes (neuron, time_ms or _s) and trials (image, onset_ms or _s): .parquet, .csv.",
        is_spike_folder,
        "spike_tables:read_spike_folder",
    ),
    "raster": Format(
        "Spikes in steps of 1 ms, a row per trial: .npz with raster or spikes_packed, neuron, image, onset_ms.",
        _holds("raster|spikes_packed", "neuron"),
        "rasters:read_raster",
    ),
    "raster_table": Format(
        "A table with a row per trial, columns neuron and image, and a column per step of 1 ms named by its time.",
        is_raster_table,
        "raster_tables:read_raster_table",
    ),
    "array": Format(
        "One array whose axes are named by the option axes or a JSON file beside it: .npy or .npz.",
        _ends(".npy", ".npz"),
        "arrays:read_array",
    ),
    "table": Format(
        "A row per response, with columns neuron, image, response and perhaps repeat, start_ms, end_ms: .parquet, "
        ".csv, .tsv.",
        _ends(".parquet", ".csv", ".tsv"),
        "tables:read_table",
    ),
    "netcdf": Format(
        "An assembly of xarray with the names of Brain-Score: .nc, .nc4, .netcdf.",
        _ends(".nc", ".nc4", ".netcdf"),
        "assemblies:read_netcdf",
    ),
    "matlab": Format(
        "Rasters and PSTHs of MATLAB, up to 7.3: .mat, or a folder of such.", _matlab, "matlab.read:read_matlab"
    ),
    "nwb": Format(
        "Neurodata Without Borders, with units or a response series, and trials: .nwb.",
        _ends(".nwb"),
        "nwb.read:read_nwb",
    ),
}
"""Form -> its row, in the order in which a file is tried."""

READERS: Registry[Callable[..., Recording]] = Registry("format of recordings")
"""Form -> its reader, imported when it is first asked for."""

for _name, _row in FORMATS.items():
    READERS.add_lazy(_name, f"cordsnet.neural.reading.{_row.reader}")


def options_of(reader: Callable[..., Any]) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return names of the options of a reader, and of those that it needs.

    The first is None where a reader takes options of any name, and says itself which it knows.
    """
    names: list[str] = []
    open_ended = False
    parameters = list(inspect.signature(reader).parameters.values())[1:]
    for parameter in parameters:
        if parameter.kind is not parameter.VAR_KEYWORD:
            names.append(parameter.name)
        elif typing.get_origin(parameter.annotation) is typing.Unpack:
            names.extend(typing.get_args(parameter.annotation)[0].__annotations__)
        else:
            open_ended = True
    own = [parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    needed = tuple(parameter.name for parameter in own if parameter.default is parameter.empty)
    return (None if open_ended else tuple(names)), needed
