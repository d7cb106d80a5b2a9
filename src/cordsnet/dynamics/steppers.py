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


class Relaxation(Stepper):
    """Steppers that evaluate the target once and move every unit a fixed share of the way to it."""

    @abstractmethod
    def share(self, dt: float, tau: float | Tensor) -> float | Tensor:
        """The share of the way covered in one step."""

    def step(self, equation: RateEquation, state: State, held: Held, dt: float) -> State:
        """r + share (target - r) in every area."""
        tau = equation.circuit.tau_ms
        rates = {
            area: torch.lerp(state.rates[area], target, self.share(dt, tau[area]))
            for area, target in equation.targets(state, held, dt).items()
        }
        return equation.carry(state, rates, held)


class Euler(Relaxation):
    """Explicit Euler, the stepper of the paper: share = dt / tau."""

    order = 1
    limit = 2.0

    def share(self, dt: float, tau: float | Tensor) -> float | Tensor:
        """dt / tau."""
        return dt / tau


class ExponentialEuler(Relaxation):
    """Exact for a constant target, so stable at any dt for an area without recurrence: share = 1 - exp(-dt / tau)."""

    order = 1

    def share(self, dt: float, tau: float | Tensor) -> float | Tensor:
        """1 - exp(-dt / tau)."""
        return -torch.expm1(-dt / tau) if isinstance(tau, Tensor) else -math.expm1(-dt / tau)


class Heun(Stepper):
    """Heun's method: the mean of the slopes at both ends of the step."""

    order = 2
    limit = 2.0

    def step(self, equation: RateEquation, state: State, held: Held, dt: float) -> State:
        """Predict with Euler, then correct with the slope at the predicted end."""
        tau = equation.circuit.tau_ms
        first = equation.targets(state, held, dt)
        ahead = {area: torch.lerp(rates, first[area], dt / tau[area]) for area, rates in state.rates.items()}
        second = equation.targets(equation.carry(state, ahead, held), held, dt)
        rates = {
            area: rates + (dt / tau[area]) * ((first[area] - rates) + (second[area] - ahead[area])) / 2
            for area, rates in state.rates.items()
        }
        return equation.carry(state, rates, held)


STEPPERS: Registry[Stepper] = Registry("stepper")
STEPPERS.add("euler", Euler())
STEPPERS.add("exponential_euler", ExponentialEuler())
STEPPERS.add("heun", Heun())
