"""Networks as data: areas, connections, time constants. Every network of the library is a row made of these."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from torch import nn

from cordsnet._arguments import check_init
from cordsnet._checks import check_few, check_positive, check_type, is_int, is_number
from cordsnet.models.spec import ModelSpec, with_plain_numbers

STEM = "stem"
"""Name of the encoded image, which areas read like an area."""

RESERVED = frozenset({"time", "trial", "class", "logits"} | set(dir(nn.ModuleDict())) | set(dir(nn.ParameterDict())))
"""Names that areas cannot have: axes of recordings, and attributes of the containers that hold weights."""

Onto: TypeAlias = Literal["input", "drive"]
TimeConstant: TypeAlias = float | Sequence[Any]


@dataclass(frozen=True)
class StemSpec:
    """Image -> stem: a convolution without bias, then an average pool whose padding counts in the mean."""

    channels: int
    kernel: int = 7
    stride: int = 2
    pool_kernel: int = 3
    pool_stride: int = 2

    def __post_init__(self) -> None:
        with_plain_numbers(self)


@dataclass(frozen=True)
class AreaSpec:
    """One recurrent area: drive = R * r + b + F * (what it reads).

    Attributes
    ----------
    name : name of the area everywhere, for example in `record=["area1"]`.
    channels : feature maps.
    stride : stride of the feedforward kernel F; it sets the size of the maps.
    kernel, recurrent_kernel : sizes of F and R (odd); `recurrent_kernel` None: an area without recurrence.
    tau_ms : time constant, ms; one number, or nested sequences that broadcast to [C, H, W] for one
        per unit; None takes the network's.
    """

    name: str
    channels: int
    stride: int = 1
    kernel: int = 3
    recurrent_kernel: int | None = 3
    tau_ms: TimeConstant | None = None

    def __post_init__(self) -> None:
        check_type(self.name, str, "name of an area", "a text")
        with_plain_numbers(self)
        if self.tau_ms is not None and not is_number(self.tau_ms):
            object.__setattr__(self, "tau_ms", _as_tuples(self.tau_ms, self.name))


@dataclass(frozen=True)
class ConnectionSpec:
    """One way from a source (an area, or the stem) to an area.

    Attributes
    ----------
    source, target : names; a source at or above its target makes a feedback connection.
    kernel : size of the kernel (odd), or None to pass the source on as it is.
    stride : stride of that kernel. A source smaller than its target is enlarged (nearest neighbour)
        after its kernel, as feedback needs.
    delay_ms : delay beyond the one step that every synchronous update takes.
    onto : "input": joins what the feedforward kernel F reads; "drive": joins the drive itself.
    """

    source: str
    target: str
    kernel: int | None = None
    stride: int = 1
    delay_ms: float = 0.0
    onto: Onto = "input"

    def __post_init__(self) -> None:
        for name in ("source", "target", "onto"):
            check_type(getattr(self, name), str, f"{name} of a connection", "a text")
        with_plain_numbers(self)

    @property
    def name(self) -> str:
        """Key of the connection's weights, and its name in messages."""
        if not is_number(self.delay_ms):
            raise ValueError(
                f"delay_ms from {self.source!r} to {self.target!r} must be a number, got {self.delay_ms!r}"
            )
        suffix = "" if self.onto == "input" else "_drive"
        delay = f"_after_{self.delay_ms:g}ms".replace(".", "p") if self.delay_ms else ""
        return f"{self.source}_to_{self.target}{suffix}{delay}"


@check_init
@dataclass(frozen=True)
class NetworkSpec(ModelSpec):
    """A whole network.

    Attributes
    ----------
    name : the network's name.
    stem, areas, connections : its parts, areas lowest first.
    readout : areas whose spatial means are summed and read out linearly (same number of channels).
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores.
    tau_ms : time constant of areas that name none, ms.
    dt_ms : step used where none is given, ms. Any dt that represents every delay simulates the same network.
    """

    kind: ClassVar[str] = "cordsnet"
    name: str
    stem: StemSpec
    areas: tuple[AreaSpec, ...]
    connections: tuple[ConnectionSpec, ...]
    readout: tuple[str, ...]
    in_channels: int = 3
    image_size: tuple[int, int] = (224, 224)
    num_classes: int = 1000
    tau_ms: float = 10.0
    dt_ms: float = 2.0
    notes: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for name in ("areas", "connections", "readout"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        super().__post_init__()
        _check_counts(self)
        _check_names(self)
        _check_times(self)

    def area(self, name: str) -> AreaSpec:
        """The area called `name`."""
        return next(area for area in self.areas if area.name == name)

    def into(self, area: str) -> tuple[ConnectionSpec, ...]:
        """Connections that end in `area`."""
        return tuple(connection for connection in self.connections if connection.target == area)

    @property
    def is_cascade(self) -> bool:
        """True if no connection leads back: the Jacobian is then block lower triangular."""
        order = {STEM: -1} | {area.name: k for k, area in enumerate(self.areas)}
        return all(order[c.source] < order[c.target] for c in self.connections)

    @property
    def width(self) -> int:
        """Channels of the stem and the first areas."""
        return self.stem.channels

    def is_sized(self, row: ModelSpec) -> bool:
        """True for the scheme of a row: as many areas behind the same stem; time constants may be others."""
        if not isinstance(row, NetworkSpec):
            return False
        return len(self.areas) == len(row.areas) and self.stem.kernel == row.stem.kernel

    def with_width(self, width: int) -> "NetworkSpec":
        """The spec with `width` channels in the stem, and those of the areas in proportion."""

        def scale(channels: int) -> int:
            scaled, rest = divmod(channels * width, self.stem.channels)
            if width < 1 or rest or not scaled:
                raise ValueError(
                    f"width = {width} does not scale {channels} channels to a whole number; try a multiple"
                )
            return scaled

        areas = tuple(dataclasses.replace(area, channels=scale(area.channels)) for area in self.areas)
        return dataclasses.replace(self, stem=dataclasses.replace(self.stem, channels=width), areas=areas)

    def with_tau(self, tau_ms: TimeConstant | Mapping[str, TimeConstant]) -> "NetworkSpec":
        """The spec with another time constant, or with others for some areas by name, ms.

        Raises ValueError for areas that are not there, and for one number where areas have time constants of their own.
        """
        if isinstance(tau_ms, Mapping):
            if unknown := [name for name in tau_ms if name not in [area.name for area in self.areas]]:
                known = ", ".join(area.name for area in self.areas)
                raise ValueError(f"tau_ms names the area {unknown[0]!r}, which is not there; known: {known}")
            areas = tuple(dataclasses.replace(a, tau_ms=tau_ms.get(a.name, a.tau_ms)) for a in self.areas)
            return dataclasses.replace(self, areas=areas)
        if own := [area.name for area in self.areas if area.tau_ms is not None]:
            raise ValueError(
                f"tau_ms = {tau_ms!r} would not reach {', '.join(own)}, which have time constants of their own; give a "
                "table of area -> ms"
            )
        return self.changed(tau_ms=tau_ms)

    def changed(
        self, width: int | None = None, recurrent: Literal["all", "top"] = "all", **changes: Any
    ) -> "NetworkSpec":
        """As `ModelSpec.changed`; with `recurrent="top"` only the highest area keeps its recurrent kernel."""
        spec = super().changed(width, **changes)
        if recurrent == "all":
            return spec
        if recurrent != "top":
            raise ValueError(f"recurrent must be 'all' or 'top', got {recurrent!r}")
        below = tuple(dataclasses.replace(area, recurrent_kernel=None) for area in spec.areas[:-1])
        return dataclasses.replace(spec, areas=(*below, spec.areas[-1]))


MAX_TAU_VALUES = 10_000_000
"""A time constant for each unit of the largest area; a description holds no more numbers than that."""


def _as_tuples(value: Any, area: str) -> Any:
    """Nested sequences, arrays or tensors as nested tuples, so that a spec stays hashable plain data."""
    check_few(value, f"tau_ms of {area}", MAX_TAU_VALUES)
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, (list, tuple)):
        return tuple(_as_tuples(part, area) for part in value)
    if not is_number(value) or math.isnan(value):
        raise ValueError(f"tau_ms of {area!r} must be a number, or nested sequences of numbers, got {value!r}")
    return float(value)


def _check_counts(spec: NetworkSpec) -> None:
    counts = {"in_channels": spec.in_channels, "num_classes": spec.num_classes, "stem channels": spec.stem.channels}
    counts |= {f"channels of {area.name!r}": area.channels for area in spec.areas}
    counts |= {f"stride of {area.name!r}": area.stride for area in spec.areas}
    counts |= {f"stride of {c.name!r}": c.stride for c in spec.connections}
    counts |= {f"stem {part}": getattr(spec.stem, part) for part in ("stride", "pool_stride")}
    for name, value in counts.items():
        if not is_int(value, 1):
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    kernels = {f"kernel of {area.name!r}": area.kernel for area in spec.areas}
    kernels |= {
        f"recurrent_kernel of {a.name!r}": a.recurrent_kernel for a in spec.areas if a.recurrent_kernel is not None
    }
    kernels |= {f"kernel of {c.name!r}": c.kernel for c in spec.connections if c.kernel is not None}
    kernels |= {f"stem {part}": getattr(spec.stem, part) for part in ("kernel", "pool_kernel")}
    for name, value in kernels.items():
        if not is_int(value, 1) or value % 2 == 0:
            raise ValueError(f"{name} must be an odd whole number, got {value!r}")


def _check_names(spec: NetworkSpec) -> None:
    names = [area.name for area in spec.areas]
    if not names:
        raise ValueError(f"areas of network {spec.name!r} is empty; give at least one AreaSpec")
    if len(set(names)) < len(names) or STEM in names:
        raise ValueError(f"areas must have different names, none of them {STEM!r}, got {names}")
    for name in names:
        _check_area_name(name)
    for connection in spec.connections:
        if connection.source not in [STEM, *names] or connection.target not in names:
            raise ValueError(f"connection {connection.name!r} names an unknown area; known: {', '.join(names)}")
        if connection.onto not in get_args(Onto):
            raise ValueError(f"onto of {connection.name!r} must be 'input' or 'drive', got {connection.onto!r}")
    keys = [connection.name for connection in spec.connections]
    if twice := [name for name in keys if keys.count(name) > 1]:
        raise ValueError(f"connection {twice[0]!r} stands twice; merge the two")
    if not spec.readout or any(name not in names for name in spec.readout):
        raise ValueError(f"readout must name at least one of the areas {names}, got {list(spec.readout)}")


def _check_area_name(name: object) -> None:
    if not (isinstance(name, str) and name.isidentifier()):
        raise ValueError(f"area name {name!r} must be letters, digits and underscores")
    if name in RESERVED:
        raise ValueError(f"area name {name!r} has another meaning in recordings or in torch; choose another")


def _check_times(spec: NetworkSpec) -> None:
    check_positive(spec.dt_ms, "dt_ms")
    check_positive(spec.tau_ms, "tau_ms")
    for area in spec.areas:
        if isinstance(area.tau_ms, (int, float)):
            check_positive(area.tau_ms, f"tau_ms of {area.name!r}")
    for connection in spec.connections:
        if not 0 <= connection.delay_ms < float("inf"):
            raise ValueError(f"delay_ms of {connection.name!r} must be 0 or more, got {connection.delay_ms!r}")
