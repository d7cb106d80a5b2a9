"""One step along a branch of fixed points: tangent, prediction, correction (Keller 1977)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.analysis.flows.fixed_points import default_tol, fixed_points, speed
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.flows.linear import leading, solve
from cordsnet.analysis.operators import LinearOperator

CORRECTIONS, QUICK = 10, 4
"""Newton steps after which a correction has failed, and those up to which it was quick."""


@dataclass(frozen=True)
class Spot:
    """A point of a branch: fixed point, parameter, unit tangent to both, and what the flow does there."""

    x: Tensor
    value: float
    along: Tensor
    turn: float
    residual: float
    leading: Tensor
    unstable: int


class Bordered(LinearOperator):
    """[[J, f_p], [t_x', t_p]] on flat vectors (x, p): never singular at a fold, where J is."""

    def __init__(self, jacobian: LinearOperator, by_value: Tensor, along: Tensor, turn: float) -> None:
        units = jacobian.shape[0]
        super().__init__((units + 1,), (units + 1,), jacobian.dtype, jacobian.device)
        self.jacobian, self.by_value, self.along, self.turn = jacobian, by_value.flatten(), along.flatten(), turn

    def apply(self, batch: Tensor) -> Tensor:
        """The rows of the flow, then that of the arc."""
        x, p = batch[:, :-1], batch[:, -1:]
        flow = self.jacobian.apply(x.reshape(-1, *self.jacobian.domain)).flatten(1) + p * self.by_value
        return torch.cat([flow, x @ self.along[:, None] + self.turn * p], 1)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """The same matrix, transposed."""
        y, s = batch[:, :-1], batch[:, -1:]
        back = self.jacobian.apply_transpose(y.reshape(-1, *self.jacobian.codomain)).flatten(1) + s * self.along
        return torch.cat([back, y @ self.by_value[:, None] + self.turn * s], 1)


class Curve:
    """The fixed points of a family of flows. Arc length is |dx|^2 / units + dp^2."""

    def __init__(self, flow_of: Callable[[float], Flow], k: int, seed: int) -> None:
        self.flow_of, self.k, self.seed = flow_of, k, seed

    def first(self, start: Tensor, value: float, direction: float) -> Spot:
        """The fixed point near `start`, and the tangent in the parameter's `direction`."""
        flow = self.flow_of(value)
        found = fixed_points(flow, start[None], stability=False)
        if not len(found):
            raise ArithmeticError(
                f"start led to no fixed point at {value:g} ({found.statuses[0].value}); start nearer, such as from "
                "fixed_points or a simulation"
            )
        return self._spot(flow, found.points[0], value, torch.zeros_like(start), direction)

    def advance(self, spot: Spot, length: float) -> tuple[Spot | None, bool]:
        """The point `length` further, or None when it could not be corrected; and whether that was quick."""
        x, value = spot.x + length * spot.along, spot.value + length * spot.turn
        units = x.numel()
        for count in range(CORRECTIONS + 1):
            flow = self.flow_of(value)
            jacobian, v = flow.jacobian(x), flow.velocity(x[None])[0]
            off = float(((x - spot.x) * spot.along).sum() / units) + (value - spot.value) * spot.turn - length
            if not bool(torch.isfinite(v).all()):
                return None, False
            if self._residual(flow, x) <= 10 * default_tol(flow) and abs(off) <= 1e-6 * length:
                ahead = self._spot(flow, x, value, spot.along, spot.turn)
                straight = float((ahead.along * spot.along).sum() / units) + ahead.turn * spot.turn
                return (ahead, count <= QUICK) if straight > 0.8 else (None, False)  # else: a bend, or another branch
            system = Bordered(jacobian, self._by_value(value, x), spot.along / units, spot.turn)
            right = torch.cat([-v.flatten(), v.new_tensor([-off])])
            change = solve(system, right, tol=1e-6)
            x, value = x + change[:-1].view_as(x), value + float(change[-1])
        return None, False

    def _spot(self, flow: Flow, x: Tensor, value: float, along: Tensor, turn: float) -> Spot:
        """The point with its tangent, on the side of the one before."""
        units = x.numel()
        system = Bordered(flow.jacobian(x), self._by_value(value, x), along / units, turn)
        right = torch.zeros(units + 1, dtype=x.dtype, device=x.device)
        right[-1] = 1
        tangent = solve(system, right, tol=1e-6)
        size = float((tangent[:-1].square().sum() / units + tangent[-1].square()).sqrt())
        values = leading(flow.jacobian(x), self.k, "LR", self.seed).values.cpu().to(torch.complex128)
        unstable = int((values.real > 0).sum())
        ahead, tip = tangent[:-1].view_as(x) / size, float(tangent[-1]) / size
        return Spot(x, value, ahead, tip, self._residual(flow, x), values, unstable)

    def _by_value(self, value: float, x: Tensor) -> Tensor:
        """dv/dp by central differences."""
        h = float(torch.finfo(x.dtype).eps) ** (1 / 3) * max(1.0, abs(value))
        high, low = (self.flow_of(value + side * h).velocity(x[None])[0] for side in (1, -1))
        slope: Tensor = (high - low) / (2 * h)
        return slope

    def _residual(self, flow: Flow, x: Tensor) -> float:
        """Speed as a share of the Jacobian's size x the state's (of one of a root mean square of 0.01, if smaller)."""
        z = torch.randn(2, *flow.domain, generator=torch.Generator().manual_seed(self.seed), dtype=torch.float64).to(x)
        rate = max(float(flow.jacobian(x).apply(z).norm() / z.norm()), 1e-6)
        size = max(float(x.norm()), 1e-2 * math.sqrt(x.numel()))
        return float(speed(flow, x[None])) / (rate * size)
