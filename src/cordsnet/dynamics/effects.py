"""Effects of interventions on one stretch of time, as a model meets them inside a step."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cordsnet.dynamics.state import State


@dataclass(frozen=True)
class Clamped:
    """Units whose rate is set.

    Attributes
    ----------
    where : True for clamped units, broadcasts to [B, *shape].
    value : their rate, broadcasts to [B, *shape].
    at_once : True sets the rates with which the intervention begins too; False those at the end of each step alone, as
        for a recording that is followed step by step.
    """

    where: Tensor
    value: Tensor
    at_once: bool = True


@dataclass(frozen=True)
class Effects:
    """Effects of interventions during one hold.

    A model passes its drives, its new rates and the signals of its pathways through the three methods, in every step.
    Without interventions they return their argument unchanged.

    Attributes
    ----------
    currents : area -> current that is added to its drive, broadcasts to [B, *shape].
    clamps : area -> units whose rate is set, one entry after the other.
    factors : pathway -> factor of what it delivers, broadcasts to the target's [B, *shape].
    seen : area -> every drive that the model passed through in a step; None where drives are not recorded.
    """

    currents: Mapping[str, Tensor] = field(default_factory=dict)
    clamps: Mapping[str, tuple[Clamped, ...]] = field(default_factory=dict)
    factors: Mapping[str, Tensor] = field(default_factory=dict)
    seen: dict[str, list[Tensor]] | None = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return bool(self.currents or self.clamps or self.factors) or self.seen is not None

    def drive(self, area: str, drive: Tensor) -> Tensor:
        """The drive of an area [B, *shape] with what is injected."""
        current = self.currents.get(area)
        total = drive if current is None else drive + current
        if self.seen is not None:
            self.seen.setdefault(area, []).append(total)
        return total

    def rate(self, area: str, rate: Tensor) -> Tensor:
        """The new rate of an area [B, *shape], clamped where it is clamped."""
        for clamp in self.clamps.get(area, ()):
            rate = torch.where(clamp.where, clamp.value, rate)
        return rate

    def pathway(self, name: str, value: Tensor) -> Tensor:
        """Scale the signal of a pathway [B, *shape of the target]."""
        factor = self.factors.get(name)
        return value if factor is None else value * factor

    def begin(self, state: State) -> State:
        """The state as it is when the interventions begin: clamped rates take their value at once."""
        values = dict(state.values)
        for area, clamps in self.clamps.items():
            for k, clamp in enumerate(clamps):
                where = clamp.where
                for later in clamps[k + 1 :]:  # which prevails, also where it follows a recording
                    where = where & ~later.where
                if clamp.at_once:
                    values[area] = torch.where(where, clamp.value, values[area])
        return state.with_values(values) if self.clamps else state

    def of_part(self, areas: Mapping[str, str], pathways: Mapping[str, str]) -> "Effects":
        """Effects on a part of a system, by the part's own names; drives are recorded apart.

        Parameters
        ----------
        areas, pathways : own name -> name in the whole system.
        """
        return Effects(
            {own: self.currents[whole] for own, whole in areas.items() if whole in self.currents},
            {own: self.clamps[whole] for own, whole in areas.items() if whole in self.clamps},
            {own: self.factors[whole] for own, whole in pathways.items() if whole in self.factors},
            None if self.seen is None else {},
        )

    def __and__(self, other: "Effects") -> "Effects":
        """Both together: currents add up, factors multiply, and a later clamp prevails."""
        if not (self and other):
            return self or other
        currents = {**self.currents, **other.currents}
        currents |= {a: self.currents[a] + other.currents[a] for a in set(self.currents) & set(other.currents)}
        factors = {**self.factors, **other.factors}
        factors |= {p: self.factors[p] * other.factors[p] for p in set(self.factors) & set(other.factors)}
        areas = {**self.clamps, **other.clamps}
        clamps = {area: (*self.clamps.get(area, ()), *other.clamps.get(area, ())) for area in areas}
        return Effects(currents, clamps, factors, other.seen if self.seen is None else self.seen)


NONE = Effects()
"""No intervention."""
