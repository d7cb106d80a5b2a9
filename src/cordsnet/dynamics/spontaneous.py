"""Spontaneous activity: the state that a network reaches when it is left without input."""

from dataclasses import replace
from typing import Any

import torch

from cordsnet._checks import whole_steps
from cordsnet.dynamics.equilibrium import Solver, equilibrium
from cordsnet.dynamics.recording import Record
from cordsnet.dynamics.schedule import Hold
from cordsnet.dynamics.simulate import Simulable, integrate
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import RateSystem, System

SPONTANEOUS_MS = 200.0
"""How long a network is left without input to reach spontaneous activity (Soo et al. 2024, section 3)."""


def spontaneous_state(
    model: Simulable, *, ms: float = SPONTANEOUS_MS, dt: float | None = None, stepper: str = "euler"
) -> State:
    """The state after `ms` without input from zero rates; one trial, expanded where more are needed.

    Spontaneous activity does not depend on the image, so it is computed once for a whole batch, and
    without gradient, as in the paper's training.
    """
    with torch.no_grad():
        return settle(model.system(dt, stepper), ms)


@torch.no_grad()
def settle(system: System[Any], ms: float = SPONTANEOUS_MS) -> State:
    """`spontaneous_state` of a system whose weights are materialised already."""
    steps = whole_steps(ms, system.dt, "duration of spontaneous activity")
    nothing = Record(times_ms=(), logits=False)
    return integrate(system, [Hold(steps)], system.zero_state(1), nothing, steps).final_state


class WarmStart:
    """`settle` for a network whose weights change little from call to call: solved, starting from the last solution.

    The fixed point without input is found by Anderson acceleration to a relative residual of `residual`, or to the
    rounding of the convolutions where they are computed in half precision. Where that does not converge (no fixed
    point nearby, or oscillations), the network is left alone for `ms` from zero rates, as `settle` does. Two
    differences to `settle`: a network that has not come to rest after `ms` is taken where it will, and one with
    several resting states is taken at one near the last, be it stable or not.

    Attributes
    ----------
    state : of the last call; None before the first one.
    evaluations : how often the recurrent operators were applied in the last call, areas together.
    relaxed : in how many calls the network was left alone instead.
    """

    def __init__(self, residual: float) -> None:
        self.solver = Solver(tol=residual)
        self.state: State | None = None
        self.evaluations = self.relaxed = 0

    @torch.no_grad()
    def __call__(self, system: System[Any], ms: float = SPONTANEOUS_MS) -> State:
        """Spontaneous activity, one trial. Raises TypeError for a system without a rate equation."""
        if not isinstance(system, RateSystem):
            raise TypeError(f"WarmStart needs a rate equation, got {type(system).__name__}; use settle")
        held = system.hold(None)
        solver = replace(self.solver, tol=max(self.solver.tol, torch.finfo(system.compute).eps))
        start = None if self.state is None else self.state.map(lambda rates: rates.to(system.like))
        found = equilibrium(system, held, 1, solver, start)
        self.evaluations = sum(found.evaluations.values())
        if found.converged:
            self.state = system.at_rest(found.rates, held)
        else:
            self.relaxed += 1
            self.state = settle(system, ms)
        return self.state
