"""A visual front end and vector areas as data."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn

from cordsnet._checks import check_positive, check_type, is_int, is_number
from cordsnet.models.spec import ModelSpec, plain_number, square
from cordsnet.models.table import MODELS

RESERVED = frozenset({"time", "trial", "image", "stem"} | set(dir(nn.ParameterDict())))
"""Names that vector areas and outputs cannot have: axes, inputs, and attributes of the containers of weights."""

OWN = ("name", "image_size", "in_channels")
"""Fields that the front end takes from the whole network."""


def clock_field(spec: ModelSpec) -> str:
    """Name of the field that holds the step of a model, ms.

    Raises ValueError for a spec without such a field.
    """
    found = next((name for name in ("ms_per_step", "dt_ms") if hasattr(spec, name)), None)
    if found is None:
        raise ValueError(f"front must be a model whose spec holds its step in ms, got a {type(spec).__name__}")
    return found


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
    read_area : area of the front end that is read; "" for its highest.
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
    read_area: str = ""
    areas: tuple[tuple[str, int, float], ...] = (("pfc", 64, 100.0),)
    noise: float = 0.05
    outputs: tuple[tuple[str, str, int], ...] = (("choice", "option", 3),)
    feedback: bool = False
    dt_ms: float = 5.0
    response_ms: float = 500.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("name", "front", "front_weights", "read_area"):
            check_type(getattr(self, name), str, name, "a text")
        check_type(self.feedback, bool, "feedback", "True or False")
        object.__setattr__(self, "front_options", _pairs(self.front_options))
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
        row: ModelSpec = MODELS[self.front].spec
        options, clock = dict(self.front_options), clock_field(row)
        if given := [name for name in OWN if name in options]:
            raise ValueError(f"front_options holds {given[0]!r}, which is a field of the whole network; give it there")
        step = options.pop(clock, self.dt_ms)
        if step != self.dt_ms:
            raise ValueError(
                f"dt_ms = {self.dt_ms!r} does not fit the clock of front {self.front!r}, whose {clock} is {step!r}; "
                "give both the same, or leave that option out"
            )
        sizes = {"image_size": self.image_size, "in_channels": self.in_channels}
        try:
            return row.changed(**{**sizes, clock: float(self.dt_ms), **options})
        except ValueError as error:
            raise ValueError(
                f"front {self.front!r} cannot be made for images [{self.in_channels}, {self.image_size[0]}, "
                f"{self.image_size[1]}] with its front_options: {error}"
            ) from error

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
            _check_name("areas", name)
            if not is_int(units, 1):
                raise ValueError(f"areas: units of {name!r} must be a whole number of at least 1, got {units!r}")
            check_positive(tau, f"areas: tau_ms of {name!r}")
        _check_different("areas", [name for name, *_ in self.areas])

    def _check_outputs(self) -> None:
        """Raise ValueError unless outputs have names of their own, axes and sizes."""
        for name, axis, size in self.outputs:
            _check_name("outputs", name)
            check_type(axis, str, f"outputs: axis of {name!r}", "a text")
            if not is_int(size, 1):
                raise ValueError(f"outputs: size of {name!r} must be a whole number of at least 1, got {size!r}")
            if (name == "scores") != (axis == "class"):
                raise ValueError(f"outputs: class scores are ('scores', 'class', size), got {(name, axis, size)!r}")
        _check_different("outputs", [name for name, *_ in self.outputs])
        if both := {name for name, *_ in self.outputs} & {name for name, *_ in self.areas}:
            raise ValueError(f"outputs: {min(both)!r} is the name of an area; give the output another")


def options_between(row: ModelSpec, spec: ModelSpec) -> tuple[tuple[str, Any], ...]:
    """Pairs (field, value) that make a spec of its row, sizes of images and the clock aside.

    Raises ValueError for a spec that options cannot make of the row.
    """
    if type(row) is not type(spec):
        raise ValueError(f"front must be made from its row, a {type(row).__name__}, got a {type(spec).__name__}")
    found = _differences(row, spec)
    if spec.width is not None and not _is_plain(tuple(found.values())):  # parts that are scaled by a width
        found = {"width": spec.width, **_differences(row.changed(width=spec.width), spec)}
    if other := [name for name, value in found.items() if not _is_plain(value)]:
        raise ValueError(f"front differs from its row in {other[0]!r}, which front_options cannot hold")
    return tuple(found.items())


def _differences(row: ModelSpec, spec: ModelSpec) -> dict[str, Any]:
    """Fields of a spec that differ from its row, sizes of images and the clock aside."""
    given = (*OWN, clock_field(row))
    names = [field.name for field in dataclasses.fields(spec) if field.compare and field.name not in given]
    return {name: getattr(spec, name) for name in names if getattr(spec, name) != getattr(row, name)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_plain(part) for part in value)
    return value is None or isinstance(value, bool | int | float | str)


def _pairs(options: Any) -> tuple[tuple[str, Any], ...]:
    """Options as pairs. Raises ValueError for anything else, and for a name given twice."""
    given = list(options.items()) if isinstance(options, Mapping) else options
    if not isinstance(given, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in given
    ):
        raise ValueError(f"front_options must be pairs (field, value) or a table of them, got {options!r:.100}")
    pairs = tuple((name, _frozen(value)) for name, value in given)
    _check_different("front_options", [name for name, _ in pairs])
    for name, value in pairs:
        if not _is_plain(value):
            raise ValueError(f"front_options: {name} must be plain data, got {type(value).__name__}")
    return tuple((name, square(value)) if name == "image_size" else (name, value) for name, value in pairs)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(part) for part in value) if isinstance(value, list | tuple) else plain_number(value)


def _rows(field: str, rows: Any, form: str) -> tuple[tuple[Any, ...], ...]:
    """Rows of three as tuples. Raises ValueError for anything else and for none."""
    if not isinstance(rows, list | tuple) or not rows:
        raise ValueError(f"{field} must be at least one {form}, got {rows!r:.100}")
    for row in rows:
        if not isinstance(row, list | tuple) or len(row) != 3:
            raise ValueError(f"{field} must be tuples {form}, got {row!r:.100}")
    return tuple(_frozen(row) for row in rows)


def _check_name(field: str, name: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier() or name in RESERVED:
        raise ValueError(f"{field}: a name must be a word of letters, digits and '_' that is not taken, got {name!r}")


def _check_different(field: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{field} has {twice[0]!r} twice; give each a name of its own")
