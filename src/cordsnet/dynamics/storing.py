"""A trajectory as a file: a Zarr folder or a netCDF file, which xarray opens with named axes and times in ms."""

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.limits import check_room
from cordsnet.dynamics.maps import channels_last
from cordsnet.dynamics.state import State
from cordsnet.errors import DataError

if TYPE_CHECKING:
    import xarray

FORMAT = 1
ATTRIBUTE = "cordsnet_trajectory"
"""Attribute that holds, as JSON, what is needed to make the trajectory again."""

VALUES, PAST, SEEDS = "final..values..", "final..past..", "final..seeds"
"""Begin the names of the variables of the final state. Names of signals never have two dots."""

KINDS = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float64, torch.float32, torch.float16)}
KINDS |= {str(d).removeprefix("torch."): d for d in (torch.bfloat16, torch.int64, torch.int32, torch.bool, torch.uint8)}

CODECS = frozenset(("bytes", "zstd", "blosc", "gzip", "crc32c"))
"""Zarr codecs that turn bytes into numbers and run nothing that a file brings."""

NUMBERS = frozenset(f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64))
UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, IndexError, RecursionError)
LARGEST_JSON = 16 * 2**20


def save_trajectory(trajectory: Any, path: str | Path, overwrite: bool) -> Path:
    """Write `path`, a folder that ends in .zarr or a file that ends in .nc, whole or not at all. Returns the path."""
    path = _target(path)
    if path.exists() or path.is_symlink():
        if not overwrite:
            raise DataError(f"{path} exists already; choose another name, or pass overwrite=True")
        load_trajectory(path)  # so that nothing but a trajectory is ever replaced
    data = _dataset(trajectory)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _beside(path, "part") as part, _beside(path, "old") as old:
        if path.suffix == ".nc":
            data.to_netcdf(part, engine="h5netcdf", encoding={name: {"_FillValue": None} for name in data.variables})
        else:
            data.to_zarr(part, mode="w", zarr_format=3, consolidated=False)
            if path.exists():
                os.rename(path, old)
        os.replace(part, path)
    return path


def load_trajectory(path: str | Path) -> dict[str, Any]:
    """The fields of the trajectory that `save_trajectory` wrote.

    Raises DataError when it is missing, damaged, or something else.
    """
    path = _target(path)
    if not path.exists():
        raise DataError(f"no trajectory at {path}; check the path")
    try:
        return _restored(_opened(path))
    except DataError:
        raise
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} is damaged or holds no trajectory of cordsnet ({reason[:120]})") from error


def _target(path: str | Path) -> Path:
    if not isinstance(path, str | Path):
        raise DataError(f"path of a trajectory must be a text or a Path, got {type(path).__name__}")
    path = Path(path).expanduser()
    if path.suffix not in (".zarr", ".nc"):
        raise DataError(f"path of a trajectory must end in .zarr (a folder) or .nc (netCDF), got {path.name!r}")
    return path


@contextmanager
def _beside(path: Path, what: str) -> Iterator[Path]:
    """A name beside `path` for what is in the making, removed at the end."""
    other = path.with_name(f".{path.stem}.{os.getpid()}.{what}{path.suffix}")
    try:
        yield other
    finally:
        if other.is_dir():
            shutil.rmtree(other)
        else:
            other.unlink(missing_ok=True)


def _dataset(trajectory: Any) -> "xarray.Dataset":
    """Everything of a trajectory as variables and one attribute."""
    state = trajectory.final_state
    tensors: dict[str, Tensor] = {VALUES + name: value for name, value in state.values.items()}
    tensors |= {PAST + name: torch.stack([_whole(one, state) for one in queue]) for name, queue in state.past.items()}
    if state.seeds is not None:
        tensors[SEEDS] = state.seeds
    everything = {**trajectory.rates, **trajectory.outputs, **tensors}
    for name, value in everything.items():
        if str(value.dtype).removeprefix("torch.") not in KINDS:
            raise DataError(f"{name!r} holds {value.dtype}, which no file keeps; reduce it to real numbers")
    data = trajectory.to_xarray()
    for name, value in tensors.items():
        data[name] = ([f"{name}.axis{k}" for k in range(value.ndim)], _plain(value))
    for name in trajectory.rates.keys() | trajectory.outputs.keys():
        variable = _variable(name)
        data[variable] = (data[variable].dims, _plain(everything[name]))
    facts = {
        "format": FORMAT,
        "rates": list(trajectory.rates),
        "outputs": list(trajectory.outputs),
        "axes": {name: list(axes) for name, axes in trajectory.axes.items()},
        "dtypes": {name: str(value.dtype).removeprefix("torch.") for name, value in everything.items()},
        "state": {"values": list(state.values), "past": list(state.past), "step": state.step},
        "clock": {"dt_ms": trajectory.clock.dt_ms, "kind": trajectory.clock.kind},
        "notes": list(trajectory.notes),
        "model": trajectory.model,
        "duration_ms": trajectory.duration_ms,
    }
    whole: xarray.Dataset = data.assign_attrs({ATTRIBUTE: json.dumps(facts)})
    return whole


def _whole(value: Tensor, state: State) -> Tensor:
    return value.expand(state.batch, *value.shape[1:])


def _plain(value: Tensor) -> np.ndarray:
    """On the CPU, in a type that both formats know."""
    value = value.detach().cpu()
    if value.dtype in (torch.bfloat16, torch.float16):
        value = value.float()
    return (value.to(torch.uint8) if value.dtype == torch.bool else value).contiguous().numpy()


def _variable(name: str) -> str:
    return "logits" if name == "scores" else name


def _restored(data: "xarray.Dataset") -> dict[str, Any]:
    """The fields of a trajectory."""
    facts = json.loads(data.attrs[ATTRIBUTE])
    if facts["format"] != FORMAT:
        raise DataError(
            f"the trajectory has format {facts['format']!r}, and this version reads {FORMAT}; update cordsnet"
        )

    def tensor(name: str, variable: str) -> Tensor:
        return torch.from_numpy(np.array(data[variable].values)).to(KINDS[facts["dtypes"][name]])

    def recorded(names: list[str]) -> Mapping[str, Tensor]:
        return {name: tensor(name, _variable(name)) for name in names}

    state = facts["state"]
    final = State(
        {name: channels_last(tensor(VALUES + name, VALUES + name)) for name in state["values"]},
        int(state["step"]),
        tensor(SEEDS, SEEDS) if SEEDS in facts["dtypes"] else None,
        {name: tuple(map(channels_last, tensor(PAST + name, PAST + name).unbind())) for name in state["past"]},
    )
    return {
        "time_ms": torch.from_numpy(np.array(data["time"].values, dtype=np.float64)),
        "rates": recorded(facts["rates"]),
        "outputs": recorded(facts["outputs"]),
        "axes": {name: tuple(axes) for name, axes in facts["axes"].items()},
        "final_state": final,
        "clock": Clock(facts["clock"]["dt_ms"], facts["clock"]["kind"]),
        "notes": tuple(facts["notes"]),
        "model": facts["model"],
        "duration_ms": facts["duration_ms"],
    }


def _opened(path: Path) -> "xarray.Dataset":
    """The data set in a file, in memory, once it is known to hold plain numbers that fit."""
    import xarray

    size = _size_of_netcdf(path) if path.suffix == ".nc" else _size_of_zarr(path)
    check_room(2 * size, f"the trajectory in {path}", "read parts of it with xarray")
    options: dict[str, Any] = {"mask_and_scale": False, "decode_times": False}
    if path.suffix == ".nc":
        with xarray.open_dataset(path, engine="h5netcdf", **options) as data:
            return data.load()
    with xarray.open_zarr(path, chunks=None, consolidated=False, zarr_format=3, **options) as data:
        held: xarray.Dataset = data.load()
    return held


def _size_of_netcdf(path: Path) -> int:
    """Bytes of all numbers. Raises DataError for data that lie in other files, or are no numbers."""
    import h5py

    if not path.is_file():
        raise DataError(f"{path} is no file, as netCDF is; a folder ends in .zarr")
    size = 0
    with h5py.File(path, "r") as file:
        for name in file:
            one = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
            if not isinstance(one, h5py.Dataset) or one.external or one.is_virtual or one.dtype.kind not in "fiu":
                raise DataError(f"{path}: {name!r} is no array of numbers within the file, so it is not read")
            size += math.prod(one.shape) * one.dtype.itemsize
    return size


def _size_of_zarr(path: Path) -> int:
    """Bytes of all numbers. Raises DataError for links, and for arrays that would need more than plain codecs."""
    if not path.is_dir():
        raise DataError(f"{path} is no folder, as Zarr is; a file ends in .nc")
    size, found = 0, 0
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            one = Path(folder) / name
            if one.is_symlink():
                raise DataError(f"{one} is a link, so it is not read; copy the trajectory whole")
            if name in (".zarray", ".zgroup", ".zmetadata"):
                raise DataError(f"{one} is of Zarr format 2, which can hold code; save the trajectory again")
            if name == "zarr.json":
                found += 1
                size += _size_of_array(one)
    if not found:
        raise DataError(f"{path} is no Zarr folder; check the path")
    return size


def _size_of_array(path: Path) -> int:
    if path.stat().st_size > LARGEST_JSON:
        raise DataError(f"{path} is larger than {LARGEST_JSON} bytes, so it describes no array of ours")
    described = json.loads(path.read_text())
    if described.get("node_type") == "group":
        return 0
    codecs, kind = [codec["name"] for codec in described["codecs"]], described["data_type"]
    if described.get("zarr_format") != 3 or not set(codecs) <= CODECS or kind not in NUMBERS:
        raise DataError(f"{path} describes {kind!r} through {codecs}, which is no array of ours, so it is not read")
    chunk = described["chunk_grid"]["configuration"]["chunk_shape"]
    numbers: int = max(math.prod(described["shape"]), math.prod(chunk))
    return numbers * int("".join(c for c in kind if c.isdigit())) // 8
