"""Periodic orbits: their period, and the derivative of one turn as an operator."""

from typing import NamedTuple

import torch
from torch import Tensor

from cordsnet.analysis.flows.flows import STEPPERS, Flow
from cordsnet.analysis.manifolds.runs import norms, path
from cordsnet.analysis.operators import LinearOperator

CLOSE = 0.05
"""Largest distance between two turns of an orbit, relative to its diameter."""


class Turn(NamedTuple):
    """One turn of an orbit: its states at each step, where it ends, and how well it closes.

    Attributes
    ----------
    states : [steps + 1, *domain], up to the last step before the end.
    share : proportion of the next step after which the turn is over.
    gap : largest distance between this turn and the next, relative to the diameter of the orbit.
    """

    states: Tensor
    share: float
    gap: float

    @property
    def steps(self) -> float:
        """Period in steps."""
        return len(self.states) - 1 + self.share


def find_turn(flow: Flow, x: Tensor, longest_ms: float, dt: float) -> Turn | None:
    """The first turn from `x` [*domain] that the next one repeats, of at most `longest_ms`; None if there is none.

    A turn ends where the orbit crosses, in the same sense, the plane through `x` across its velocity there; between
    two steps the orbit is taken to be straight.
    """
    most = round(longest_ms / dt)
    states = path(flow, x, 2 * most + 2, dt)
    flat = states.double().flatten(1)
    away = flat - flat[0]
    diameter = float(norms(away).max())
    height = away @ away[1]
    for end in range(1, most):
        if not (height[end] < 0 <= height[end + 1]):
            continue
        share = float(-height[end] / (height[end + 1] - height[end]))
        laps = flat[end : 2 * end + 1] * (1 - share) + flat[end + 1 : 2 * end + 2] * share
        gap = float(norms(laps - flat[: end + 1]).max()) / diameter
        if gap <= CLOSE:
            return Turn(states[: end + 1], share, gap)
    return None


class TurnDerivative(LinearOperator):
    """The derivative of one turn of an orbit, whose eigenvalues are the Floquet multipliers.

    One of them is 1, along the orbit, but for the error of straight lines between steps.
    """

    def __init__(self, flow: Flow, turn: Turn, dt: float) -> None:
        super().__init__(flow.domain, flow.domain, flow.dtype, flow.device)
        self.flow, self.turn, self.dt = flow, turn, dt

    def apply(self, batch: Tensor) -> Tensor:
        """Small displacements [K, *domain] one turn later."""
        states, share = self.turn.states, self.turn.share
        for x in states[:-1]:
            batch = self.flow.linear_step(x, batch, self.dt)[1]
        return torch.lerp(batch, self.flow.linear_step(states[-1], batch, self.dt)[1], share)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """The transposed products, backwards along the turn."""
        states, share = self.turn.states, self.turn.share
        batch = torch.lerp(batch, transposed_step(self.flow, states[-1], batch, self.dt), share)
        for x in states[:-1].flip(0):
            batch = transposed_step(self.flow, x, batch, self.dt)
        return batch


def transposed_step(flow: Flow, x: Tensor, batch: Tensor, dt: float) -> Tensor:
    """The transposed derivative of a step from `x` [*domain], times vectors [K, *domain]."""
    stages, slope = [], torch.zeros_like(x)
    for reach, _ in STEPPERS[flow.stepper]:
        stages.append(x + reach * dt * slope)
        slope = flow.velocity(stages[-1][None])[0]
    total, back = batch, torch.zeros_like(batch)
    for (reach, weight), at in zip(reversed(STEPPERS[flow.stepper]), reversed(stages), strict=True):
        pulled = flow.jacobian(at).apply_transpose(dt * weight * batch + back)
        total, back = total + pulled, reach * dt * pulled
    return total
