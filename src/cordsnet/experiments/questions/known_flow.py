"""A flow with a known solution, integrated by the same steppers as networks: two rates that turn as they decay."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive
from cordsnet.dynamics import Activation, Clock, Hold, RateSystem, Record, integrate
from cordsnet.dynamics.circuit import Circuit, Pathway
from cordsnet.dynamics.equation import RateEquation
from cordsnet.dynamics.maps import DenseMap

AREA = "known"


@check_init
@dataclass(frozen=True)
class KnownFlow:
    """tau dr/dt = -r + W r + u for two rates, with W = growth I + turn J, where J turns by a quarter.

    Its solution is r(t) = r* + exp(-(1 - growth) t / tau) R(turn t / tau) (r(0) - r*), with R(a) the rotation by the
    angle a, (1 - growth) r* - turn J r* = u, and r(0) = 0.

    Attributes
    ----------
    tau_ms : time constant, ms.
    growth : recurrent drive of a rate by itself; below 1 the rates settle.
    turn : recurrent drive of a rate by the other, of opposite signs.
    drive : u, the constant drive of the first rate; that of the second is 0.
    """

    tau_ms: float = 10.0
    growth: float = 0.5
    turn: float = 0.5
    drive: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self.tau_ms, "tau_ms")
        if self.growth >= 1:
            raise ValueError(f"growth must be below 1, so that the rates settle, got {self.growth!r}")

    def solution(self, ms: Tensor) -> Tensor:
        """The rates [T, 2] at times `ms` [T], in double precision."""
        rate, turn, time = 1 - self.growth, self.turn, ms.double() / self.tau_ms
        scale = self.drive / (rate**2 + turn**2)
        settled = scale * torch.tensor([rate, turn], dtype=torch.float64)
        x, y = -settled
        cosine, sine, decay = torch.cos(turn * time), torch.sin(turn * time), torch.exp(-rate * time)
        return settled + decay[:, None] * torch.stack([cosine * x - sine * y, sine * x + cosine * y], 1)

    def system(self, dt: float, stepper: str) -> RateSystem:
        """The same flow as a rate equation in double precision. Raises ValueError for a step that is unstable."""
        like = torch.zeros(1, dtype=torch.float64)
        weight = torch.tensor([[self.growth, -self.turn], [self.turn, self.growth]], dtype=like.dtype)
        circuit = Circuit(
            areas=(AREA,),
            shapes={AREA: (2,)},
            pathways=(Pathway(AREA, AREA, DenseMap(weight), recurrent=True),),
            encoders={},
            feedforward={},
            bias={AREA: torch.tensor([self.drive, 0.0], dtype=like.dtype)},
            tau_ms={AREA: self.tau_ms},
            outputs={},
            dtype=like.dtype,
        )
        return RateSystem(RateEquation(circuit, Activation("identity")), Clock(dt), stepper, like)

    def error(self, ms: float, every_ms: float, dt: float, stepper: str) -> float:
        """|r - r_true| / |r_true| over all multiples of `every_ms` up to `ms`; NaN for a step that is unstable."""
        try:
            system = self.system(dt, stepper)
        except ValueError:
            return math.nan
        steps = system.clock.steps(ms, "ms")
        record = Record(AREA, every_ms=every_ms, outputs=())
        found = integrate(system, [Hold(steps)], system.zero_state(1), record, steps)
        truth = self.solution(found.time_ms)
        return float((found.rates[AREA][:, 0] - truth).norm() / truth.norm())
