"""Recordings in the shape of neural recordings, [presentation, neuroid, time bin], as tools that score models want."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    import xarray

DIMS = ("presentation", "neuroid", "time_bin")


def assemble(
    rates: Mapping[str, Tensor],
    axes: Mapping[str, tuple[str, ...]],
    time_ms: np.ndarray,
    model: str,
    stimuli: Sequence[str] | None,
    onset_ms: float,
) -> "xarray.DataArray":
    """Put rates [T, B, *shape] of areas together as [B, all units, T]; see `Trajectory.to_assembly`."""
    import xarray

    trials = next(iter(rates.values())).shape[1]
    names = [str(k) for k in range(trials)] if stimuli is None else [str(name) for name in stimuli]
    if len(names) != trials:
        raise ValueError(f"stimuli must name {trials} presentations, got {len(names)}")
    parts = [rates[area].detach().cpu().flatten(2).permute(1, 2, 0).double().numpy() for area in rates]
    ends = time_ms - onset_ms
    starts = np.concatenate([[min(-onset_ms, ends[0])], ends[:-1]])
    coords: dict[str, Any] = {
        "stimulus_id": ("presentation", names),
        "time_bin_start_ms": ("time_bin", starts),
        "time_bin_end_ms": ("time_bin", ends),
    }
    places = [_places(area, tuple(value.shape[2:]), axes[area][2:]) for area, value in rates.items()]
    for name in ("neuroid_id", "area", "channel", "row", "column"):
        coords[name] = ("neuroid", np.concatenate([place[name] for place in places]))
    return xarray.DataArray(np.concatenate(parts, 1), coords, DIMS, attrs={"model": model, "units": "arbitrary"})


def _places(area: str, shape: tuple[int, ...], axes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Find where every unit of an area lies; -1 on an axis that it lacks. Units of vectors count as channels."""
    index = np.indices(shape).reshape(len(shape), -1)
    found = {name: np.full(index.shape[1], -1) for name in ("channel", "row", "column")}
    for name, values in zip(axes, index, strict=True):
        found["channel" if name == "unit" else name] = values
    names = [".".join([area, *map(str, place)]) for place in index.T]
    known = {name: found[name] for name in ("channel", "row", "column")}
    return known | {"neuroid_id": np.array(names), "area": np.full(len(names), area)}
