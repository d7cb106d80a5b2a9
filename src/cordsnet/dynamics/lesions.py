"""Lesions: parts of a model that are gone for good, in training, simulation and analysis alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet.dynamics.circuit import Circuit, Pathway
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.dynamics.interventions import target_shape
from cordsnet.dynamics.maps import Chain, KernelMap, LinearMap, Masked
from cordsnet.dynamics.rate_system import RateSystem
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs, System
from cordsnet.dynamics.units import drawn_units, unit_mask


@check_init
@dataclass(frozen=True)
class Lesion:
    """A part that is gone.

    Attributes
    ----------
    target : an area, or a pathway such as "area1 -> area1", whose target then no longer receives it.
    units : indices of the area's units, or of the units in which the pathway ends, as in `Intervention`; None for all.
    fraction : share of the units, drawn by `seed`, in place of `units`.
    """

    target: str
    units: tuple[Any, ...] | None = None
    fraction: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.units is not None and self.fraction is not None:
            raise ValueError(f"a lesion of {self.target!r} takes units or a fraction of them, not both")
        if self.units is not None:
            object.__setattr__(self, "units", _as_tuples(self.units))

    def gone(self, system_shape: Sequence[int], device: torch.device | str) -> Tensor:
        """Booleans [*shape], True for units that are gone."""
        if self.fraction is not None:
            return drawn_units(self.fraction, self.seed, system_shape).to(device)
        mask = unit_mask(self.units, system_shape, self.target, device)
        return torch.ones(*system_shape, dtype=torch.bool, device=device) if mask is None else mask

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {"target": self.target, "units": self.units, "fraction": self.fraction, "seed": self.seed}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Lesion":
        """The inverse of `to_dict`."""
        return cls(data["target"], _as_tuples(data["units"]), data["fraction"], data["seed"])


def lesioned_circuit(circuit: Circuit, lesions: Sequence[Lesion]) -> Circuit:
    """A circuit without the lesioned parts.

    A lesioned unit receives nothing: what its pathways deliver, its bias and its noise are zero, and so is its rate.
    A unit that is lesioned cannot be clamped or driven either (`RateSystem.advance`).
    """
    for lesion in lesions:
        circuit = _without_pathway(circuit, lesion) if "->" in lesion.target else _without_units(circuit, lesion)
    return circuit


def _without_pathway(circuit: Circuit, lesion: Lesion) -> Circuit:
    hit = [pathway for pathway in circuit.pathways if pathway.name == lesion.target]
    if lesion.units is None and lesion.fraction is None:
        return replace(circuit, pathways=tuple(pathway for pathway in circuit.pathways if pathway not in hit))
    target = hit[0].target
    device = circuit.bias[target].device
    kept = (~lesion.gone(circuit.shapes[target], device)).to(circuit.dtype)
    changed = {id(pathway): _masked(circuit, pathway, kept) for pathway in hit}
    return replace(circuit, pathways=tuple(changed.get(id(p), p) for p in circuit.pathways))


def _masked(circuit: Circuit, pathway: Pathway, kept: Tensor) -> Pathway:
    """A pathway of which some units of the target receive nothing; behind the feedforward map, which mixes units."""
    parts: list[LinearMap] = [] if pathway.map is None else [pathway.map]
    if pathway.onto == "input":
        parts.append(circuit.feedforward[pathway.target])
    whole: LinearMap = parts[0] if len(parts) == 1 else Chain(*parts)
    return replace(pathway, map=Masked(whole, kept), onto="drive")


def _without_units(circuit: Circuit, lesion: Lesion) -> Circuit:
    area = lesion.target
    kept = (~lesion.gone(circuit.shapes[area], circuit.bias[area].device)).to(circuit.dtype)
    feedforward: dict[str, KernelMap] = dict(circuit.feedforward)
    if area in feedforward:
        feedforward[area] = Masked(feedforward[area], kept)
    pathways = tuple(
        replace(p, map=Chain(Masked(Chain(), kept)) if p.map is None else Masked(p.map, kept))
        if p.target == area and p.onto == "drive"
        else p
        for p in circuit.pathways
    )
    bias = {**circuit.bias, area: circuit.bias[area] * kept.to(circuit.bias[area].dtype)}
    noise = dict(circuit.noise)
    if area in noise:
        noise[area] = noise[area] * kept
    alive = {**circuit.alive, area: kept * circuit.alive[area] if area in circuit.alive else kept}
    return replace(circuit, feedforward=feedforward, pathways=pathways, bias=bias, noise=noise, alive=alive)


@runtime_checkable
class Composite(Protocol):
    """A system of systems, each of which can lose its parts by itself."""

    def lesioned(self, lesions: Sequence[Lesion]) -> System[Any]:
        """The system of systems that have lost what lesions name."""


def with_lesions(system: System[Any], lesions: Sequence[Lesion]) -> System[Any]:
    """A system without the lesioned parts. Raises ValueError, naming what there is, for parts that are not there."""
    for lesion in lesions:
        shape = target_shape(system, lesion.target, pathway="->" in lesion.target)
        lesion.gone(shape, "cpu")
    if isinstance(system, RateSystem):
        return system.with_circuit(lesioned_circuit(system.equation.circuit, lesions), tuple(lesions))
    return LesionedSystem(system.lesioned(lesions) if isinstance(system, Composite) else system, lesions)


class LesionedSystem(System[Any]):
    """Any system with parts of it gone: lesions as interventions that always act."""

    def __init__(self, system: System[Any], lesions: Sequence[Lesion]) -> None:
        self.system = system
        for name in ("clock", "signals", "outputs", "like", "pathways", "unrolling", "has_noise", "sources"):
            setattr(self, name, getattr(system, name))
        self.identity = (system.identity, tuple(lesions))
        self.effects = NONE
        for lesion in lesions:
            self.effects = self.effects & standing_effects(lesion, system)

    @property
    def rectified(self) -> frozenset[str]:
        """As the system inside."""
        return self.system.rectified

    def begin(self, batch: int, seed: int = 0) -> State:
        """The system's own start, without what is gone."""
        return self.effects.begin(self.system.begin(batch, seed))

    def hold(self, inputs: Inputs) -> Any:
        """As the system inside."""
        return self.system.hold(inputs)

    def encoded(self, context: Any) -> Mapping[str, Tensor]:
        """As the system inside."""
        return self.system.encoded(context)

    def advance(self, state: State, context: Any, effects: Effects = NONE) -> State:
        """One step with the lesions acting; a lesioned unit stays silent whatever it is clamped to."""
        return self.system.advance(state, context, effects & self.effects)

    def admit(self, state: State) -> State:
        """A state from outside, without what is gone."""
        return self.effects.begin(self.system.admit(state))

    def intervened(self, state: State, effects: Effects) -> State:
        """The state with which interventions begin, without what is gone."""
        return self.effects.begin(self.system.intervened(state, effects))

    def zero_state(self, batch: int, seed: int = 0) -> State:
        """As the system inside."""
        return self.system.zero_state(batch, seed)

    def silent_past(self, batch: int) -> dict[str, tuple[Tensor, ...]]:
        """As the system inside."""
        return self.system.silent_past(batch)

    def read(self, state: State) -> dict[str, Tensor]:
        """As the system inside."""
        return self.system.read(state)


def standing_effects(lesion: Lesion, system: System[Any]) -> Effects:
    """Effects of a lesion, which act in every step."""
    is_pathway, like = "->" in lesion.target, system.like
    shape = target_shape(system, lesion.target, is_pathway)
    if is_pathway and lesion.units is None and lesion.fraction is None:
        return Effects(factors={lesion.target: like.new_zeros(())})
    gone = lesion.gone(shape, like.device)
    if is_pathway:
        return Effects(factors={lesion.target: (~gone).to(like.dtype)})
    return Effects(clamps={lesion.target: (Clamped(gone, like.new_zeros(())),)})


def _as_tuples(units: Any) -> Any:
    """Indices as nested tuples, so that a lesion is hashable plain data. Raises TypeError for booleans."""
    if units is None:
        return None
    given = np.asarray(units.cpu() if isinstance(units, torch.Tensor) else units)
    if given.size == 0:
        raise ValueError("units of a lesion must be at least one, got none")
    if not np.issubdtype(given.dtype, np.integer):
        raise TypeError(
            f"units of a lesion must be whole numbers, got {given.dtype}; use lesion(model, ...) for a mask"
        )
    return tuple(tuple(unit) if isinstance(unit, list) else unit for unit in given.tolist())
