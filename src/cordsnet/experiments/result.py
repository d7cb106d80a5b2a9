"""Result of an experiment: tables, labelled arrays, claims and plain data about the run."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet.experiments.claims import Claim

if TYPE_CHECKING:
    import xarray

Cell: TypeAlias = str | int | float | bool
Row: TypeAlias = Mapping[str, Any]
"""Column -> cell."""
Table: TypeAlias = tuple[Row, ...]


@check_init
@dataclass(frozen=True)
class Axis:
    """A named axis.

    Attributes
    ----------
    name : such as "time".
    values : a coordinate for each position; empty where positions are only counted.
    units : of the values, such as "ms".
    """

    name: str
    values: tuple[Any, ...] = ()
    units: str = ""

    def __post_init__(self) -> None:
        if any(isinstance(value, float) and math.isnan(value) for value in self.values):
            raise ValueError(f"axis {self.name!r} has a coordinate that is NaN; leave that position out")


@check_init
@dataclass(frozen=True, eq=False)
class LabelledArray:
    """Numbers with named axes and units.

    Attributes
    ----------
    values : the numbers, one axis for each of `axes`; NaN where there is none.
    axes : names, coordinates and units.
    units : of the values.
    description : one line.
    """

    values: NDArray[Any]
    axes: tuple[Axis, ...]
    units: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if len(self.axes) != self.values.ndim:
            raise ValueError(f"an array of shape {list(self.values.shape)} needs as many axes, got {len(self.axes)}")
        for axis, size in zip(self.axes, self.values.shape, strict=True):
            if axis.values and len(axis.values) != size:
                raise ValueError(f"axis {axis.name!r} has {len(axis.values)} coordinates for {size} positions")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelledArray):
            return NotImplemented
        same = (self.axes, self.units, self.description) == (other.axes, other.units, other.description)
        return same and np.array_equal(self.values, other.values, equal_nan=True)

    def to_xarray(self) -> "xarray.DataArray":
        """The same as an `xarray.DataArray`."""
        import xarray

        coordinates = {axis.name: (axis.name, list(axis.values), {"units": axis.units}) for axis in self.axes}
        return xarray.DataArray(
            self.values,
            dims=[axis.name for axis in self.axes],
            coords={name: value for name, value in coordinates.items() if value[1]},
            attrs={"units": self.units, "long_name": self.description},
        )


@dataclass(frozen=True)
class Result:
    """Result of an experiment.

    Attributes
    ----------
    tables : name -> rows; a cell that was not measured (None or NaN) is left out of its row.
    arrays : name -> labelled array. Names of parts are joined by "/", such as "maps/finetune/area1".
    claims : the claims that the experiment declares, with what was measured for each model.
    meta : plain JSON data: experiment, options, models, seed, times, versions, machine.
    """

    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    arrays: Mapping[str, LabelledArray] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", {name: table(rows) for name, rows in self.tables.items()})

    def rows(self, name: str, **wanted: Cell) -> Table:
        """Rows of a table whose cells have the given values. Raises ValueError for unknown tables."""
        if name not in self.tables:
            raise ValueError(f"the result has no table {name!r}; it has {', '.join(self.tables) or 'none'}")
        return tuple(row for row in self.tables[name] if all(row.get(key) == value for key, value in wanted.items()))

    def claim(self, name: str, subject: str | None = None) -> Claim:
        """The first claim of that name, about `subject` where one is given. Raises ValueError when there is none."""
        for claim in self.claims:
            if claim.name == name and subject in (None, claim.subject):
                return claim
        raise ValueError(f"the result has no claim {name!r}; it has {', '.join(c.name for c in self.claims) or 'none'}")


def table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Rows of plain cells; those that are None or NaN are left out.

    Raises TypeError for a cell that is neither a string, a number nor a truth value.
    """
    return tuple(
        {name: _plain(value, name) for name, value in row.items() if not (value is None or _is_nan(value))}
        for row in rows
    )


def merge(results: Sequence[Result]) -> Result:
    """All tables, arrays and claims together. Raises ValueError when two results have a table or array of one name."""
    tables: dict[str, Sequence[Row]] = {}
    arrays: dict[str, LabelledArray] = {}
    for result in results:
        if both := (set(tables) & set(result.tables)) | (set(arrays) & set(result.arrays)):
            raise ValueError(f"two results have a table or an array {min(both)!r}; rename one")
        tables |= result.tables
        arrays |= result.arrays
    return Result(tables, arrays, tuple(claim for result in results for claim in result.claims))


def labelled(values: Tensor, axes: Sequence[Axis | str], units: str = "", description: str = "") -> LabelledArray:
    """A labelled array of a tensor; axes without coordinates are given by name."""
    named = tuple(axis if isinstance(axis, Axis) else Axis(axis) for axis in axes)
    return LabelledArray(values.detach().cpu().numpy(), named, units, description)


def axis(name: str, values: Sequence[float] | Sequence[str] | Tensor, units: str = "") -> Axis:
    """An axis with coordinates."""
    listed: Sequence[Any] = values.tolist() if isinstance(values, Tensor) else values
    words = any(isinstance(value, str) for value in listed)
    return Axis(name, tuple(map(str, listed)) if words else tuple(map(float, listed)), units)


def with_meta(result: Result, meta: Mapping[str, Any]) -> Result:
    """The result with more entries in `meta`."""
    return replace(result, meta={**result.meta, **meta})


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)


def _plain(value: Any, name: str) -> Cell:
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, str | int | float | bool):
        raise TypeError(f"cell {name!r} must be a string, a number or a truth value, got {type(value).__name__}")
    return value
