"""Integration schemes for one step of dt: a table row and a thin class each.

`order` is the order of convergence in dt that tests measure against the matrix exponential;
`limit` the largest dt / tau for which a relaxing area without recurrence stays stable; `evaluations` how often
all drives are computed in one step, which is what it costs.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from cordsnet.dynamics.circuit import Held
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.equation import RateEquation
from cordsnet.dynamics.state import State
from cordsnet.registry import Registry


class Stepper(ABC):
    """One step of tau dr/dt = -r + phi(drive)."""

    name: ClassVar[str]
    order: ClassVar[int]
    limit: ClassVar[float] = math.inf
    evaluations: ClassVar[int] = 1

    @abstractmethod
    def step(self, equation: RateEquation, state: State, held: Held, dt: float, effects: Effects = NONE) -> State:
        """The state `dt` ms later, with `held` shown and `effects` acting meanwhile."""

    @abstractmethod
    def decay(self, dt: float, tau: float | Tensor) -> float | Tensor:
        """Factor by which one step shrinks the rate of a unit without drive."""

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

    def step(self, equation: RateEquation, state: State, held: Held, dt: float, effects: Effects = NONE) -> State:
        """r + share (target - r) in every area."""
        tau, before = equation.circuit.tau_ms, state.values
        rates = {
            area: effects.rate(area, torch.lerp(before[area], target, self.share(dt, tau[area])))
            for area, target in equation.targets(before, state, held, dt, effects).items()
        }
        return equation.carry(state, rates, held)

    def decay(self, dt: float, tau: float | Tensor) -> float | Tensor:
        """1 - share."""
        return 1 - self.share(dt, tau)


class Euler(Relaxation):
    """Explicit Euler, the stepper of the paper: share = dt / tau."""

    name = "euler"
    order = 1
    limit = 2.0

    def share(self, dt: float, tau: float | Tensor) -> float | Tensor:
        """dt / tau."""
        return dt / tau


class ExponentialEuler(Relaxation):
    """Exact for a constant target, so stable at any dt for an area without recurrence: share = 1 - exp(-dt / tau)."""

    name = "exponential_euler"
    order = 1

    def share(self, dt: float, tau: float | Tensor) -> float | Tensor:
        """1 - exp(-dt / tau)."""
        return -torch.expm1(-dt / tau) if isinstance(tau, Tensor) else -math.expm1(-dt / tau)


class Heun(Stepper):
    """Heun's method: the mean of the slopes at both ends of the step."""

    name = "heun"
    order = 2
    limit = 2.0
    evaluations = 2

    def step(self, equation: RateEquation, state: State, held: Held, dt: float, effects: Effects = NONE) -> State:
        """Predict with Euler, then correct with the slope at the predicted end."""
        tau, before = equation.circuit.tau_ms, state.values
        first = equation.targets(before, state, held, dt, effects)
        ahead = {
            area: effects.rate(area, torch.lerp(rates, first[area], dt / tau[area])) for area, rates in before.items()
        }
        second = equation.targets(ahead, equation.carry(state, ahead, held), held, dt, effects)
        rates = {
            area: effects.rate(
                area, rates + (dt / tau[area]) * ((first[area] - rates) + (second[area] - ahead[area])) / 2
            )
            for area, rates in before.items()
        }
        return equation.carry(state, rates, held)

    def decay(self, dt: float, tau: float | Tensor) -> float | Tensor:
        """1 - x + x^2 / 2, with x = dt / tau."""
        x = dt / tau
        return 1 - x + x**2 / 2


class RungeKutta4(Stepper):
    """The classical method of fourth order. The kinks of rectifiers leave it order 2, with far smaller errors than
    Heun's for the same number of convolutions (docs/results/steppers.md). Refuses delays, which it would read
    between steps."""

    name = "rk4"
    order = 4
    limit = 2.7853
    evaluations = 4

    def check(self, equation: RateEquation, dt: float) -> None:
        """As for every stepper; and no delays."""
        super().check(equation, dt)
        if equation.circuit.delays_ms:
            source = next(iter(equation.circuit.delays_ms))
            raise ValueError(f"stepper 'rk4' reads between steps, but {source!r} is read with a delay; use 'heun'")

    def step(self, equation: RateEquation, state: State, held: Held, dt: float, effects: Effects = NONE) -> State:
        """Four slopes: at the start, twice half way, and at the end; weighted 1, 2, 2, 1."""
        tau, start = equation.circuit.tau_ms, state.values
        total = {area: torch.zeros_like(rates) for area, rates in start.items()}
        at, slope = dict(start), dict(total)
        for ahead, weight in ((0.0, 1.0), (0.5, 2.0), (0.5, 2.0), (1.0, 1.0)):
            if ahead:
                at = {area: effects.rate(area, start[area] + ahead * slope[area]) for area in start}
            targets = equation.targets(at, state, held, dt, effects)
            slope = {area: (dt / tau[area]) * (targets[area] - at[area]) for area in start}
            total = {area: total[area] + weight / 6 * slope[area] for area in start}
        rates = {area: effects.rate(area, start[area] + total[area]) for area in start}
        return equation.carry(state, rates, held)

    def decay(self, dt: float, tau: float | Tensor) -> float | Tensor:
        """1 - x + x^2 / 2 - x^3 / 6 + x^4 / 24, with x = dt / tau."""
        x = dt / tau
        return 1 - x + x**2 / 2 - x**3 / 6 + x**4 / 24


STEPPERS: Registry[Stepper] = Registry("stepper")
for _stepper in (Euler(), ExponentialEuler(), Heun(), RungeKutta4()):
    STEPPERS.add(_stepper.name, _stepper)
