"""Spontaneous activity: the state that a network reaches when it is left without input."""

from dataclasses import replace
from math import ceil
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics.clock import check_duration
from cordsnet.dynamics.equilibrium import equilibrium
from cordsnet.dynamics.rate_system import RateSystem
from cordsnet.dynamics.recording import Record
from cordsnet.dynamics.schedule import Hold
from cordsnet.dynamics.simulate import Simulable, check_model, integrate
from cordsnet.dynamics.solver import Solver
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import System

SPONTANEOUS_MS = 200.0
"""Time without input in which a network reaches spontaneous activity (Soo et al. 2024, section 3)."""


@check_arguments
def spontaneous_state(
    model: Simulable, *, ms: float = SPONTANEOUS_MS, dt: float | None = None, stepper: str = "euler"
) -> State:
    """The state after `ms` without input from zero rates, without noise; one trial, expanded where more are needed.

    Spontaneous activity does not depend on the image, so it is computed once for a whole batch, and
    without gradient, as in the paper's training. Raises TypeError for a model without a rate equation.
    """
    check_model(model)
    with torch.no_grad():
        return relax(_rate_system(model.system(dt, stepper)), ms)


def relax(system: RateSystem, ms: float = SPONTANEOUS_MS) -> State:
    """`spontaneous_state` of a system whose weights are materialised already."""
    check_duration(ms, "ms of spontaneous activity")
    # Outside inference mode, so that what is kept of it can take part in training later.
    with torch.inference_mode(False), torch.no_grad():
        quiet = system.without_noise()
        whole = ceil(ms / quiet.dt - 1e-9) * quiet.dt  # at least as long, for steps that do not divide it
        steps = quiet.clock.steps(whole, "duration of spontaneous activity")
        nothing = Record(times_ms=(), outputs=())
        return replace(integrate(quiet, [Hold(steps)], quiet.zero_state(1), nothing, steps).final_state, step=0)


def own_start(system: System[Any], ms: float = SPONTANEOUS_MS, warm: "WarmStart | None" = None) -> State:
    """The state in which a model starts by itself, one trial, without a graph.

    A rate equation that starts from spontaneous activity takes `ms` to reach it, or is solved for it by `warm`.
    """
    if isinstance(system, RateSystem) and system.start is not None:
        return relax(system, ms) if warm is None else warm(system, ms)
    return system.begin(1)


class WarmStart:
    """`relax` for a network whose weights change little from call to call: solved, starting from the last solution.

    The fixed point without input is found by Anderson acceleration to a relative residual of `residual`, or to the
    rounding of the convolutions where they are computed in half precision. Where that does not converge (no fixed
    point nearby, or oscillations), the network is left alone for `ms` from zero rates, as `relax` does. There are two
    differences to `relax`: a network that has not come to rest after `ms` is taken to where it will, and one with
    several resting states is taken to one near the last, stable or not.

    Attributes
    ----------
    rates : area -> spontaneous activity of the last call [1, *shape]; None before the first one.
    evaluations : number of times that recurrent maps were applied in the last call, summed over areas.
    relaxed : in how many calls the network was left alone instead.
    """

    def __init__(self, residual: float) -> None:
        self.solver = Solver(tol=residual)
        self.rates: dict[str, Tensor] | None = None
        self.evaluations = self.relaxed = 0

    @torch.no_grad()
    def __call__(self, system: System[Any], ms: float = SPONTANEOUS_MS) -> State:
        """Spontaneous activity, one trial. Raises TypeError for a system without a rate equation."""
        if not isinstance(system, RateSystem):
            raise TypeError(f"WarmStart needs a rate equation, got {type(system).__name__}; use system.begin")
        held = system.hold({})
        solver = replace(self.solver, tol=max(self.solver.tol, torch.finfo(system.compute).eps))
        start = None
        if self.rates is not None:
            start = system.state_of({area: rates.to(system.like) for area, rates in self.rates.items()})
        found = equilibrium(system, held, 1, solver, start)
        self.evaluations = sum(found.evaluations.values())
        if found.converged:
            state = system.at_rest(found.rates, held)
        else:
            self.relaxed += 1
            state = relax(system, ms)
        self.rates = state.rates
        return state


def _rate_system(system: object) -> RateSystem:
    if not isinstance(system, RateSystem):
        raise TypeError(f"spontaneous activity needs a rate equation, got {type(system).__name__}; use system.begin")
    return system
