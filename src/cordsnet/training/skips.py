"""Temporal skip connections: shortcuts through time, meant for long delays, which are removed in the end."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive, is_number
from cordsnet.dynamics import NONE, Effects, Inputs, State, System
from cordsnet.training.loss import Bound


@check_init
@dataclass(frozen=True)
class Skips:
    """Temporal skip connections in training: r(t + dt) = (1 - w) F(r(t)) + w r(t + dt - ms), F the network's own step.

    Gradients reach back by `ms` in one step. The weight w falls linearly to zero while the network is trained, so that
    what is left is the network itself, which is trained as always from then on. Before a trial, rates have long been
    those with which it starts. With them a network is run step by step.

    The idea, and that the connections are removed in the end, is that of Soo, Goudar & Wang (NeurIPS 2023); the form of
    the connections and their course are this package's.

    Attributes
    ----------
    ms : time by which they reach back, two steps or more.
    weight : w at first, above 0 and below 1.
    until : share of the updates after which they are gone, above 0 and at most 1. With 1 they are there until the end,
        with weights that go to zero.
    """

    ms: float = 200.0
    weight: float = 0.5
    until: float = 0.5

    def __post_init__(self) -> None:
        check_positive(self.ms, "ms")
        if not (is_number(self.weight) and 0 < self.weight < 1):
            raise ValueError(f"weight must lie between 0 and 1, got {self.weight!r}")
        if not (is_number(self.until) and 0 < self.until <= 1):
            raise ValueError(f"until must be a share of the updates above 0 and at most 1, got {self.until!r}")

    def at(self, update: int, updates: int) -> float:
        """Weight in an update, counted from 0, of so many."""
        return self.weight * max(0.0, 1.0 - update / (self.until * updates))

    def applied(self, bound: Bound, weight: float) -> Bound:
        """A bound model with skip connections of a weight; without any it stays as it is.

        Raises ValueError where they do not reach back by two steps.
        """
        if weight == 0:
            return bound
        assert bound.system is not None
        return dataclasses.replace(bound, system=SkippingSystem(bound.system, self.steps(bound.system), weight))

    def steps(self, system: System[Any]) -> int:
        """Number of steps by which they reach back. Raises ValueError where it is below two."""
        steps = system.clock.steps(self.ms, "skips.ms")
        if steps < 2:
            raise ValueError(f"skips.ms must be at least two steps of {system.dt:g} ms, got {self.ms:g}")
        return steps


class SkippingSystem(System[Any]):
    """Any system with skip connections through time, from the rates of each area to themselves.

    Parameters
    ----------
    system : without them.
    steps : number of steps by which they reach back, two or more.
    weight : their share of the new rates.
    """

    def __init__(self, system: System[Any], steps: int, weight: float) -> None:
        self.system, self.steps, self.weight = system, steps, weight
        for name in ("clock", "signals", "outputs", "like", "pathways", "unrolling", "has_noise", "sources"):
            setattr(self, name, getattr(system, name))
        self.identity = (system.identity, steps, weight)
        self.keys = {area: f"{area}.skip" for area in system.areas}

    @property
    def rectified(self) -> frozenset[str]:
        """As the system inside."""
        return self.system.rectified

    def begin(self, batch: int, seed: int = 0) -> State:
        """The system's own start, at which it has long been."""
        return self._at_rest(self.system.begin(batch, seed))

    def zero_state(self, batch: int, seed: int = 0) -> State:
        """All signals at zero, and long before."""
        return self._at_rest(self.system.zero_state(batch, seed))

    def silent_past(self, batch: int) -> dict[str, tuple[Tensor, ...]]:
        """Zeros in skip connections, beside the system's own delays."""
        return dict(self._at_rest(self.system.zero_state(batch)).past)

    def hold(self, inputs: Inputs) -> Any:
        """As the system inside."""
        return self.system.hold(inputs)

    def encoded(self, context: Any) -> Mapping[str, Tensor]:
        """As the system inside."""
        return self.system.encoded(context)

    def advance(self, state: State, context: Any, effects: Effects = NONE) -> State:
        """One step of the system, and what the skip connections bring."""
        after = self.system.advance(self._inside(state), context, effects)
        values, past = dict(after.values), dict(after.past)
        for area, key in self.keys.items():
            earlier = state.past[key]
            values[area] = effects.rate(area, torch.lerp(values[area], earlier[-1], self.weight))
            past[key] = (state.values[area], *earlier[:-1])
        return after.after(values, past, steps=0)

    def read(self, state: State) -> dict[str, Tensor]:
        """As the system inside."""
        return self.system.read(self._inside(state))

    def check_state(self, state: State) -> None:
        """As the system inside; skip connections must be as long as these."""
        self.system.check_state(self._inside(state))
        if any(len(state.past.get(key, ())) != self.steps - 1 for key in self.keys.values()):
            raise ValueError("initial_state has no skip connections of this length; start from system.begin")

    def admit(self, state: State) -> State:
        """A state that comes from outside, checked, and without what the system has lost."""
        self.check_state(state)
        return state.with_values(self.system.admit(self._inside(state)).values)

    def intervened(self, state: State, effects: Effects) -> State:
        """As the system inside."""
        return state.with_values(self.system.intervened(self._inside(state), effects).values)

    def _inside(self, state: State) -> State:
        """The state without what skip connections hold."""
        own = set(self.keys.values())
        return dataclasses.replace(state, past={key: queue for key, queue in state.past.items() if key not in own})

    def _at_rest(self, state: State) -> State:
        """A state in which rates have long been what they are."""
        past = {key: (state.values[area],) * (self.steps - 1) for area, key in self.keys.items()}
        return dataclasses.replace(state, past={**state.past, **past})
