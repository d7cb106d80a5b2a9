"""Interventions as data: what is done to which units of which trials, and when."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_type, is_number
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.dynamics.limits import check_room
from cordsnet.dynamics.schedule import Hold, Schedule
from cordsnet.dynamics.system import System
from cordsnet.dynamics.trajectory import Trajectory
from cordsnet.dynamics.units import Units, unit_mask
from cordsnet.registry import Registry

Kind: TypeAlias = Literal["clamp", "inject", "scale"]
Value: TypeAlias = float | Tensor | Trajectory


@dataclass(frozen=True, eq=False)
class Intervention:
    """One thing that is done to a model while a protocol runs; make it with the functions of this module.

    Attributes
    ----------
    kind : "clamp" sets rates, "inject" adds to the drive, "scale" multiplies what a pathway delivers.
    target : an area, or for "scale" a pathway such as "area1 -> area2".
    value : a number; a tensor that broadcasts to [B, *shape] of the area (for "scale" of the pathway's target); or a
        recorded `Trajectory`, whose values are followed step by step.
    units : of the target: None for all; whole numbers for channels of a map or units of a vector; (channel, row,
        column) for single units of a map; or a tensor of booleans that broadcasts to the shape.
    trials : None for all; whole numbers, or booleans [B].
    from_ms, to_ms : when it begins and ends, from the start of the protocol; `to_ms` None is the end. A clamp to a
        number sets the state at `from_ms` at once; everything acts on every step that begins before `to_ms`.
    """

    kind: Kind
    target: str
    value: Value
    units: Units = None
    trials: Sequence[int] | Tensor | None = None
    from_ms: float = 0.0
    to_ms: float | None = None

    def __post_init__(self) -> None:
        check_type(self.kind, str, "kind of an intervention", "a text")
        check_type(self.target, str, "target of an intervention", "a text")
        if not (is_number(self.value) or isinstance(self.value, Tensor | Trajectory)):
            given = f"{self.value!r:.60}"
            raise TypeError(f"value of the intervention on {self.target!r} must be a number or a tensor, got {given}")
        for name in ("value", "units", "trials"):  # copies, which stay as they are when the caller's tensors change
            given = getattr(self, name)
            if isinstance(given, Tensor):
                check_room(given.nbytes, f"a copy of {name}", "give as many numbers as there are units", given.device)
                with torch.enable_grad():  # gradients are wanted or not by simulate(grad=...)
                    object.__setattr__(self, name, given.clone())


@check_arguments
def silence(target: str, **where_and_when: Any) -> Intervention:
    """Set the rates of an area to zero, or what a pathway delivers: `silence("area2", from_ms=100, units=[3])`.

    Keywords are `units`, `trials`, `from_ms` and `to_ms` of `Intervention`.
    """
    return Intervention("scale" if "->" in target else "clamp", target, 0.0, **where_and_when)


@check_arguments
def clamp(area: str, value: Value, **where_and_when: Any) -> Intervention:
    """Set the rates of an area to a number, a tensor, or what a `Trajectory` recorded of it. Keywords as `silence`."""
    return Intervention("clamp", area, value, **where_and_when)


@check_arguments
def inject(area: str, current: Value, **where_and_when: Any) -> Intervention:
    """Add a current to the drive of an area, in units of the drive. Keywords as `silence`."""
    return Intervention("inject", area, current, **where_and_when)


@check_arguments
def scale(pathway: str, factor: float | Tensor, **where_and_when: Any) -> Intervention:
    """Multiply what a pathway delivers, `scale("area1 -> area2", 0.5)`; units are the target's. Keywords as
    `silence`."""
    return Intervention("scale", pathway, factor, **where_and_when)


def intervene(
    schedule: Schedule,
    interventions: Sequence[Intervention],
    system: System[Any],
    total: int,
    batch: int,
    notes: list[str] | None = None,
) -> Iterator[Hold]:
    """The schedule of `total` steps, cut where interventions begin and end, each hold with what they do meanwhile.

    Raises ValueError, naming what there is, for areas, pathways, units or trials that are not there, and for times
    outside the protocol.
    """
    for one in interventions:
        if not isinstance(one, Intervention):
            raise TypeError(f"interventions must be made by silence(), clamp(), inject() or scale(), got {one!r:.80}")
    active = [_Active.of(one, system, total, batch, notes) for one in interventions]
    edges = sorted({edge for one in active for edge in one.edges(total)})
    step, made = 0, dict[tuple[int, ...], Effects]()
    for hold in schedule:
        left = hold.steps
        while left:
            acting = tuple(k for k, one in enumerate(active) if one.start <= step < one.stop)
            steps = min([left, *(edge - step for edge in edges if edge > step)])
            if any(active[k].follows for k in acting):
                steps, effects = 1, _together([active[k] for k in acting], step)
            else:
                if acting not in made:
                    made[acting] = _together([active[k] for k in acting], step)
                effects = made[acting]
            yield Hold(steps, hold.inputs, hold.effects & effects)
            step, left = step + steps, left - steps


@dataclass(frozen=True, eq=False)
class _Active:
    """An intervention in steps, its units and trials as one mask."""

    what: Intervention
    start: int
    stop: int
    where: Tensor | None
    system: System[Any]
    shape: tuple[int, ...]
    batch: int

    @classmethod
    def of(cls, what: Intervention, system: System[Any], total: int, batch: int, notes: list[str] | None) -> "_Active":
        """Bind an intervention to a system and its steps. Raises ValueError for times outside the trial."""
        shape = target_shape(system, what.target, pathway=what.kind == "scale")
        start = system.clock.steps(what.from_ms, "from_ms", notes)
        stop = total if what.to_ms is None else system.clock.steps(what.to_ms, "to_ms", notes)
        if not 0 <= start < stop <= total:
            raise ValueError(
                f"from_ms = {what.from_ms:g} and to_ms = {what.to_ms} of the intervention on {what.target!r} must lie "
                f"within the protocol of {system.clock.time_ms(total):g} ms, the first before the second"
            )
        where = unit_mask(what.units, shape, what.target, system.like.device)
        if what.trials is not None:
            chosen = unit_mask(what.trials, (batch,), "trials", system.like.device)
            assert chosen is not None
            chosen = chosen.view(-1, *[1] * len(shape))
            where = chosen if where is None else chosen & where[None]
        elif where is not None:
            where = where[None]
        one = cls(what, start, stop, where, system, shape, batch)
        one.value(start)  # so that a value that does not fit is refused before anything is run
        return one

    @property
    def follows(self) -> bool:
        """True if the value changes from step to step."""
        return isinstance(self.what.value, Trajectory)

    def edges(self, total: int) -> list[int]:
        return [self.start, *([self.stop] if self.stop < total else [])]

    def value(self, step: int) -> Tensor:
        """The value during a step, counted from 0; it broadcasts to [B, *shape]."""
        given, like = self.what.value, self.system.like
        if isinstance(given, Trajectory):
            given = self._recorded(given, self.system.clock.time_ms(step + 1))
        value = torch.as_tensor(given, dtype=like.dtype, device=like.device)
        if value.ndim:
            if value.ndim not in (len(self.shape), len(self.shape) + 1):
                raise ValueError(
                    f"value of the intervention on {self.what.target!r} must broadcast to {[self.batch, *self.shape]}, "
                    f"got shape {list(value.shape)}; write one value per trial as [B{', 1' * len(self.shape)}]"
                )
            try:
                value.expand(self.batch, *self.shape)
            except RuntimeError as error:
                raise ValueError(
                    f"value of the intervention on {self.what.target!r} must broadcast to "
                    f"{[self.batch, *self.shape]}, got shape {list(value.shape)}"
                ) from error
        return value

    def _recorded(self, trajectory: Trajectory, time_ms: float) -> Tensor:
        values = trajectory.rates[self.what.target]
        row = int((trajectory.time_ms - time_ms).abs().argmin())
        if abs(float(trajectory.time_ms[row]) - time_ms) > 1e-6 * self.system.dt:
            raise ValueError(
                f"the recording that {self.what.target!r} is to follow has nothing at {time_ms:g} ms; record every "
                "step at the same dt, or set from_ms and to_ms to what it covers"
            )
        return values[row]


def _together(active: Sequence[_Active], step: int) -> Effects:
    effects = NONE
    for one in active:
        effects = effects & _effects(one.what, one.value(step), one.where)
    return effects


def _effects(what: Intervention, value: Tensor, where: Tensor | None) -> Effects:
    if what.kind == "inject":
        return Effects(currents={what.target: value if where is None else value * where})
    if what.kind == "scale":
        return Effects(factors={what.target: value if where is None else torch.where(where, value, 1.0)})
    everywhere = torch.ones((), dtype=torch.bool, device=value.device)
    clamped = Clamped(everywhere if where is None else where, value, not isinstance(what.value, Trajectory))
    return Effects(clamps={what.target: (clamped,)})


def target_shape(system: System[Any], target: str, pathway: bool) -> tuple[int, ...]:
    """Shape of the area, or of the area in which a pathway ends. Raises ValueError, naming what there is."""
    shapes = {signal.area: signal.shape for signal in system.signals if signal.kind == "rate"}
    known: Mapping[str, Any] = dict.fromkeys(system.pathways) if pathway else shapes
    table: Registry[str] = Registry("pathway" if pathway else "area")
    for name in known:
        table.add(name, name)
    found = table[target]
    return tuple(shapes[found.split(" -> ")[1] if pathway else found])
