"""A visual front end and vector areas as data."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn

from cordsnet._checks import check_positive, check_type, is_int, is_number
from cordsnet.models.parts import (
    OWN,
    as_pairs,
    as_tuples,
    check_different,
    check_name,
    clock_field,
    is_plain,
    spec_inside,
)
from cordsnet.models.spec import ModelSpec
from cordsnet.models.table import MODELS

RESERVED = frozenset({"time", "trial", "image", "stem"} | set(dir(nn.ParameterDict())))
"""Names that vector areas and outputs cannot have: axes, inputs, and attributes of the containers of weights."""


@dataclass(frozen=True)
class MultiAreaSpec(ModelSpec):
    """A front end that sees, and a chain of vector areas; the last one is read out.

    Attributes
    ----------
    name : the network's name.
    front : row of the table of models that sees the images.
    front_options : fields of the front end that differ from its row, as pairs (name, value) or a table.
    front_weights : data set of pretrained weights of the front end ("digits", "cifar10"); "" for random ones.
    in_channels, image_size : of the images [in_channels, *image_size].
    train_front : "frozen": weights and batch norms of the front end stay as they are, and no gradient is computed
        through it. "fine_tuned": it is trained with the rest. Batch norms of a front end that cannot measure them after
        training, such as a plain CNN's, keep their statistics in either case.
    reads : what the first vector area reads of the front end: "pool", the mean of every map, or "flatten", every unit.
    read_area : area of the front end that is read, or several; "" for its highest, of streams the highest of each.
    areas : (name, units, tau in ms) of every vector area; the first reads the front end, each other the one before it.
    noise : standard deviation of the private noise of vector areas, in units of their rates; 0 for none.
    outputs : (name, axis, size) of everything that is read from the last area. The axis "option" (or "class") is for
        scores, any other for values.
    feedback : True adds a pathway from the last vector area to the maps of `read_area`, the same for all positions of a
        map. The front end must then be a rate equation, such as a CordsNet.
    dt_ms : step of the whole network, ms. A front end of steps gets it as its duration of a step.
    response_ms : how long inputs are held before the network is read, where nothing else is said, ms.
    """

    kind: ClassVar[str] = "multi_area"
    name: str = "multi_area"
    front: str = "cordsnet_r2_small"
    front_options: Mapping[str, Any] | tuple[tuple[str, Any], ...] = ()
    front_weights: str = ""
    in_channels: int = 1
    image_size: tuple[int, int] = (16, 16)
    train_front: Literal["frozen", "fine_tuned"] = "fine_tuned"
    reads: Literal["pool", "flatten"] = "pool"
    read_area: str | tuple[str, ...] = ""
    areas: tuple[tuple[str, int, float], ...] = (("pfc", 64, 100.0),)
    noise: float = 0.05
    outputs: tuple[tuple[str, str, int], ...] = (("choice", "option", 3),)
    feedback: bool = False
    dt_ms: float = 5.0
    response_ms: float = 500.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("name", "front", "front_weights"):
            check_type(getattr(self, name), str, name, "a text")
        check_type(self.feedback, bool, "feedback", "True or False")
        object.__setattr__(self, "read_area", _areas(self.read_area))
        object.__setattr__(self, "front_options", as_pairs("front_options", self.front_options))
        object.__setattr__(self, "areas", _rows("areas", self.areas, "(name, units, tau_ms)"))
        object.__setattr__(self, "outputs", _rows("outputs", self.outputs, "(name, axis, size)"))
        if not is_int(self.in_channels, 1):
            raise ValueError(f"in_channels must be a whole number of at least 1, got {self.in_channels!r}")
        if self.train_front not in ("frozen", "fine_tuned"):
            raise ValueError(f"train_front must be 'frozen' or 'fine_tuned', got {self.train_front!r}")
        if self.reads not in ("pool", "flatten"):
            raise ValueError(f"reads must be 'pool' or 'flatten', got {self.reads!r}")
        if not is_number(self.noise) or not 0 <= self.noise < math.inf:
            raise ValueError(f"noise must be a finite number of at least 0, got {self.noise!r}")
        for name in ("dt_ms", "response_ms"):
            check_positive(getattr(self, name), name)
        self._check_areas()
        self._check_outputs()
        self.front_spec  # noqa: B018  # refuses what cannot be

    @property
    def front_spec(self) -> ModelSpec:
        """The front end as data.

        Raises ValueError for an unknown front, and for sizes, options and a step that do not fit it.
        """
        sizes = {"image_size": self.image_size, "in_channels": self.in_channels}
        said = f"front {self.front!r}"
        return spec_inside(MODELS[self.front].spec, dict(self.front_options), sizes, self.dt_ms, said, "front_options")

    @property
    def num_classes(self) -> int:
        """Number of class scores. Raises AttributeError, so that `hasattr` answers, for a network without scores."""
        sizes = [size for name, _, size in self.outputs if name == "scores"]
        if not sizes:
            raise AttributeError(f"{self.name!r} has no class scores")
        return sizes[0]

    def _check_areas(self) -> None:
        """Raise ValueError unless vector areas have names of their own, units and time constants."""
        for name, units, tau in self.areas:
            check_name("areas", name, RESERVED)
            if not is_int(units, 1):
                raise ValueError(f"areas: units of {name!r} must be a whole number of at least 1, got {units!r}")
            check_positive(tau, f"areas: tau_ms of {name!r}")
        check_different("areas", [name for name, *_ in self.areas])

    def _check_outputs(self) -> None:
        """Raise ValueError unless outputs have names of their own, axes and sizes."""
        for name, axis, size in self.outputs:
            check_name("outputs", name, RESERVED)
            check_type(axis, str, f"outputs: axis of {name!r}", "a text")
            if not is_int(size, 1):
                raise ValueError(f"outputs: size of {name!r} must be a whole number of at least 1, got {size!r}")
            if (name == "scores") != (axis == "class"):
                raise ValueError(f"outputs: class scores are ('scores', 'class', size), got {(name, axis, size)!r}")
        check_different("outputs", [name for name, *_ in self.outputs])
        if both := {name for name, *_ in self.outputs} & {name for name, *_ in self.areas}:
            raise ValueError(f"outputs: {min(both)!r} is the name of an area; give the output another")


def options_between(row: ModelSpec, spec: ModelSpec) -> tuple[tuple[str, Any], ...]:
    """Pairs (field, value) that make a spec of its row, sizes of images and the clock aside.

    Raises ValueError for a spec that options cannot make of the row.
    """
    if type(row) is not type(spec):
        raise ValueError(f"front must be made from its row, a {type(row).__name__}, got a {type(spec).__name__}")
    found = _differences(row, spec)
    if spec.width is not None and not is_plain(tuple(found.values())):  # parts that are scaled by a width
        found = {"width": spec.width, **_differences(row.changed(width=spec.width), spec)}
    if other := [name for name, value in found.items() if not is_plain(value)]:
        raise ValueError(f"front differs from its row in {other[0]!r}, which front_options cannot hold")
    return tuple(found.items())


def _differences(row: ModelSpec, spec: ModelSpec) -> dict[str, Any]:
    """Fields of a spec that differ from its row, sizes of images and the clock aside."""
    given = (*OWN, clock_field(row))
    names = [field.name for field in dataclasses.fields(spec) if field.compare and field.name not in given]
    return {name: getattr(spec, name) for name in names if getattr(spec, name) != getattr(row, name)}


def _areas(areas: Any) -> str | tuple[str, ...]:
    """Areas that are read, of which one is a text. Raises ValueError for anything but texts, and for one twice."""
    if isinstance(areas, str):
        return areas
    if not isinstance(areas, list | tuple) or not areas or not all(isinstance(name, str) and name for name in areas):
        raise TypeError(f"read_area must be a text, or a tuple of at least one, got {areas!r:.100}")
    check_different("read_area", list(areas))
    return tuple(areas) if len(areas) > 1 else str(areas[0])


def _rows(field: str, rows: Any, form: str) -> tuple[tuple[Any, ...], ...]:
    """Rows of three as tuples. Raises ValueError for anything else and for none."""
    if not isinstance(rows, list | tuple) or not rows:
        raise ValueError(f"{field} must be at least one {form}, got {rows!r:.100}")
    for row in rows:
        if not isinstance(row, list | tuple) or len(row) != 3:
            raise ValueError(f"{field} must be tuples {form}, got {row!r:.100}")
    return tuple(as_tuples(row) for row in rows)
