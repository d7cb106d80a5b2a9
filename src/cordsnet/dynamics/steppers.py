"""How one step of dt is taken: a table row and a thin class each.

`order` is the order of convergence in dt that tests measure against the matrix exponential;
`limit` the largest dt / tau for which a relaxing area without recurrence stays stable.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet.dynamics.equation import Held, RateEquation
from cordsnet.dynamics.state import State
from cordsnet.registry import Registry


class Stepper(ABC):
    """One step of tau dr/dt = -r + phi(drive)."""

    order: ClassVar[int]
    limit: ClassVar[float] = math.inf

    @abstractmethod
    def step(self, equation: RateEquation, state: State, held: Held, dt: float) -> State:
        """The state `dt` ms later, with `held` shown meanwhile."""

    def check(self, equation: RateEquation, dt: float) -> None:
        """Raise ValueError when `dt` is too coarse for some area's time constant."""
        for area, tau in equation.circuit.tau_ms.items():
            fastest = float(tau.min()) if isinstance(tau, Tensor) else tau
            if dt >= self.limit * fastest:
                raise ValueError(
                    f"dt = {dt:g} ms is unstable for {area!r}, whose time constant is {fastest:g} ms; "
                    f"use dt below {self.limit * fastest:g} ms"
                )


class Euler(Stepper):
    """Explicit Euler: r + dt / tau (target - r). The stepper of the paper."""

    order = 1
    limit = 2.0

    def step(self, equation: RateEquation, state: State, held: Held, dt: float) -> State:
        """One explicit Euler step."""
        targets = equation.targets(state, held, dt)
        rates = {
            area: relax(state.rates[area], target, fraction(dt, equation.circuit.tau_ms[area]))
            for area, target in targets.items()
        }
        return equation.carry(state, rates, held)


def fraction(dt: float, tau: float | Tensor) -> float | Tensor:
    """dt / tau: the share of the way to its target that a unit covers in one Euler step."""
    return dt / tau


def relax(rates: Tensor, target: Tensor, share: float | Tensor) -> Tensor:
    """Move `rates` the given share of the way to `target`."""
    return torch.lerp(rates, target, share)


STEPPERS: Registry[Stepper] = Registry("stepper")
STEPPERS.add("euler", Euler())
