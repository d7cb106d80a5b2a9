"""A network as areas, pathways and outputs, with the one function that puts a drive together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._checks import check_at_least, check_type
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.maps import KernelMap, LinearMap, channels_last, weights_of
from cordsnet.dynamics.system import Inputs

Onto: TypeAlias = Literal["input", "drive"]


@dataclass(frozen=True)
class Pathway:
    """One way by which a source acts on an area or an output.

    Attributes
    ----------
    source : an area, or an encoded input.
    target : an area, or an output.
    map : operator on the source's signal; None passes it on as it is.
    onto : "drive" joins the target's drive; "input" joins what the target's feedforward map reads.
    delay_ms : delay beyond the one step that every synchronous update takes, ms.
    recurrent : True for an area's own recurrence, which sees the rates themselves, and not what the area emits.
    """

    source: str
    target: str
    map: LinearMap | None = None
    onto: Onto = "drive"
    delay_ms: float = 0.0
    recurrent: bool = False

    def __post_init__(self) -> None:
        for name in ("source", "target", "onto"):
            check_type(getattr(self, name), str, name, "a text")
        check_type(self.recurrent, bool, "recurrent", "True or False")
        if self.map is not None and not isinstance(self.map, LinearMap):
            raise TypeError(f"map must be a linear map or None, got {type(self.map).__name__}")
        check_at_least(self.delay_ms, "delay_ms", 0)

    @property
    def name(self) -> str:
        """ "source -> target", by which interventions know it; parallel pathways share their name."""
        return f"{self.source} -> {self.target}"


Reader: TypeAlias = Callable[[Pathway], Tensor]
"""A pathway -> the signal of its source that reaches it, [B, *shape]."""

Encoder: TypeAlias = Callable[[Inputs], Tensor | None]
"""Inputs -> what a source emits while they are held, [B, *shape]; None when its input is blank."""


def emit(rates: Tensor) -> Tensor:
    """The signal that an area passes on and that is read out: rectified rates, since spikes cannot be negative."""
    return functional.relu(rates)


@dataclass(frozen=True)
class Held:
    """Contribution of held inputs, computed once for as long as they are held.

    Attributes
    ----------
    drive : area -> the part of its drive that does not change, biases included, [1 or B, *shape].
    emitted : source -> the encoded input [1 or B, *shape], for pathways that read it later or are scaled.
    """

    drive: Mapping[str, Tensor]
    emitted: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Circuit:
    """A network with its weights materialised.

    Attributes
    ----------
    areas : names, lowest first.
    shapes : shape of every area and every source, without the batch axis.
    pathways : all of them, into areas and into outputs.
    encoders : source -> encoder of the inputs.
    feedforward : area or output -> the map applied to the sum of the pathways onto its "input".
    bias : area or output -> its bias.
    tau_ms : time constant of every area, one number or a tensor that broadcasts to its shape.
    outputs : output -> names of its axes.
    dtype : precision of the rates.
    noise : area -> standard deviation of its private noise, as a rate (see `RateSystem`).
    alive : area -> 1 for units that are there and 0 for lesioned ones; only areas with a lesion.
    reads_rates : True if outputs read the rates themselves, also negative ones; False if they read what areas emit.
    """

    areas: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    pathways: tuple[Pathway, ...]
    encoders: Mapping[str, Encoder]
    feedforward: Mapping[str, KernelMap]
    bias: Mapping[str, Tensor]
    tau_ms: Mapping[str, float | Tensor]
    outputs: Mapping[str, tuple[str, ...]]
    dtype: torch.dtype
    noise: Mapping[str, float | Tensor] = field(default_factory=dict)
    alive: Mapping[str, Tensor] = field(default_factory=dict)
    reads_rates: bool = False

    def __post_init__(self) -> None:
        for pathway in self.pathways:
            if pathway.recurrent and not self._is_own_recurrence(pathway):
                raise ValueError(
                    f"recurrent pathway {pathway.name!r} must lead from an area to itself through one map with an "
                    "adjoint, without delay, and be the only one of its area; leave recurrent=False for others"
                )
            if pathway.onto == "input" and pathway.target not in self.feedforward:
                raise ValueError(f"pathway {pathway.name!r} ends on the input of {pathway.target!r}, which has none")

    def _is_own_recurrence(self, pathway: Pathway) -> bool:
        alone = sum(other.recurrent and other.target == pathway.target for other in self.pathways) == 1
        own = pathway.source == pathway.target and pathway.delay_ms == 0
        return alone and own and isinstance(pathway.map, KernelMap)

    @cached_property
    def into(self) -> dict[str, tuple[Pathway, ...]]:
        """Target -> the pathways that end there, an area's own recurrence last."""
        found: dict[str, list[Pathway]] = {name: [] for name in (*self.areas, *self.outputs)}
        for pathway in sorted(self.pathways, key=lambda one: one.recurrent):
            found[pathway.target].append(pathway)
        return {name: tuple(some) for name, some in found.items()}

    @cached_property
    def constant(self) -> dict[str, tuple[Pathway, ...]]:
        """Area -> the pathways from encoded inputs without delay: what they deliver is constant during a hold."""
        return {area: tuple(p for p in self.into[area] if self._is_constant(p)) for area in self.areas}

    @cached_property
    def changing(self) -> dict[str, tuple[Pathway, ...]]:
        """Area -> all other pathways, the area's own recurrence last."""
        return {area: tuple(p for p in self.into[area] if not self._is_constant(p)) for area in self.areas}

    @cached_property
    def afferent(self) -> dict[str, tuple[Pathway, ...]]:
        """Area -> the changing pathways but for its own recurrence."""
        return {area: tuple(p for p in some if not p.recurrent) for area, some in self.changing.items()}

    @cached_property
    def recurrent(self) -> dict[str, KernelMap]:
        """Area -> the map of its own recurrence, for areas that have one."""
        found = {p.target: p.map for p in self.pathways if p.recurrent}
        return {area: one for area, one in found.items() if isinstance(one, KernelMap)}

    @cached_property
    def delays_ms(self) -> dict[str, tuple[float, ...]]:
        """Source -> every delay above zero with which it is read."""
        found: dict[str, tuple[float, ...]] = {}
        for pathway in self.pathways:
            if pathway.delay_ms > 0:
                found[pathway.source] = (*found.get(pathway.source, ()), pathway.delay_ms)
        return found

    @cached_property
    def is_cascade(self) -> bool:
        """True if no pathway leads back, recurrence within areas aside: the Jacobian is block lower triangular."""
        order = {name: k for k, name in enumerate((*self.encoders, *self.areas))}
        areas = [p for p in self.pathways if p.target in order and not p.recurrent]
        return all(order[p.source] < order[p.target] for p in areas)

    def sources(self, area: str) -> tuple[str, ...]:
        """The areas that an area reads beside itself, in the order of its pathways."""
        return tuple(dict.fromkeys(pathway.source for pathway in self.afferent[area]))

    def weights(self, area: str) -> list[Tensor]:
        """Weights of an area's recurrence, of its feedforward map where that reads areas, and of its pathways."""
        maps: list[LinearMap | None] = [self.recurrent.get(area)]
        if any(pathway.onto == "input" for pathway in self.afferent[area]):
            maps.append(self.feedforward.get(area))
        return weights_of([*maps, *(pathway.map for pathway in self.afferent[area])])

    def gather(
        self, pathways: Sequence[Pathway], read: Reader, effects: Effects = NONE
    ) -> tuple[Tensor | None, Tensor | None]:
        """Sums of the signals that pathways bring to the input and to the drive of one target; None for an empty sum.

        A factor that differs from unit to unit is of the target's units, so it acts behind the feedforward map.
        """
        onto: dict[Onto, Tensor | None] = {"input": None, "drive": None}
        for pathway in pathways:
            value = read(pathway)
            value = value if pathway.map is None else pathway.map(value)
            where, factor = pathway.onto, effects.factors.get(pathway.name)
            if factor is not None and where == "input" and factor.ndim:
                value, where = self._through(pathway.target, value), "drive"
            value = value if factor is None else value * factor
            before = onto[where]
            onto[where] = value if before is None else before + value
        return onto["input"], onto["drive"]

    def drive(self, target: str, pathways: Sequence[Pathway], read: Reader, effects: Effects = NONE) -> Tensor | None:
        """Drive that some pathways bring to an area or an output, [B, *shape]; None when there are none of them.

        Every drive of the package is put together here: of a step, of held inputs, of a block of time, of a fixed
        point, of a linearised network and of an output. What differs is which pathways are summed and what they read.
        """
        gathered, direct = self.gather(pathways, read, effects)
        if gathered is None:
            return direct
        gathered = self._through(target, gathered)
        return gathered if direct is None else gathered + direct

    def hold(self, inputs: Inputs) -> Held:
        """The encoded inputs, and all that depends on them without delay; blank inputs cost nothing."""
        encoded = {source: encode(inputs) for source, encode in self.encoders.items()}
        drive = {area: self.constant_drive(area, encoded) for area in self.areas}
        emitted = {
            source: self._blank(source) if value is None else value.to(self.dtype) for source, value in encoded.items()
        }
        return Held(drive, emitted)

    def constant_drive(self, area: str, encoded: Mapping[str, Tensor | None], effects: Effects = NONE) -> Tensor:
        """Bias of an area and what its constant pathways bring, [1 or B, *shape], from encoded inputs."""
        pathways = [pathway for pathway in self.constant[area] if encoded[pathway.source] is not None]

        def read(pathway: Pathway) -> Tensor:
            value = encoded[pathway.source]
            assert value is not None
            return value

        total = self.bias[area][None]
        brought = self.drive(area, pathways, read, effects)
        return channels_last((total if brought is None else total + brought).to(self.dtype))

    def read(self, rates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Output -> [B, ...], in the precision of its weights, from what areas emit or their rates (`reads_rates`)."""
        found = {}
        for output in self.outputs:
            bias, sources = self.bias[output], [p.source for p in self.into[output]]
            signals = {name: rates[name] if self.reads_rates else emit(rates[name]) for name in sources}
            signals = {name: signal.to(bias.dtype) for name, signal in signals.items()}
            brought = self.drive(output, self.into[output], _reading(signals))
            assert brought is not None
            found[output] = brought + bias
        return found

    def _is_constant(self, pathway: Pathway) -> bool:
        return pathway.source in self.encoders and pathway.delay_ms == 0

    def _through(self, target: str, value: Tensor) -> Tensor:
        through = self.feedforward.get(target)
        return value if through is None else through(value)

    def _blank(self, source: str) -> Tensor:
        like = next(iter(self.bias.values()))
        return like.new_zeros(1, *self.shapes[source], dtype=self.dtype)


def _reading(signals: Mapping[str, Tensor]) -> Reader:
    return lambda pathway: signals[pathway.source]
