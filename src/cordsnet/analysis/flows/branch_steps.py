"""One step along a branch of fixed points: tangent, predictor, corrector (Keller 1977)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator
from cordsnet.analysis.flows.fixed_points import fixed_points
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.flows.linear_algebra import leading_eigenvalues, solve
from cordsnet.analysis.flows.point_search import default_tol, speed
from cordsnet.analysis.operators import LinearOperator

CORRECTIONS, QUICK = 10, 4
"""Newton steps after which a correction has failed, and up to which it counts as quick."""


@dataclass(frozen=True)
class BranchPoint:
    """A point of a branch of fixed points.

    Attributes
    ----------
    x : [*domain], the fixed point.
    value : parameter.
    tangent, tangent_p : components of the unit tangent in x [*domain] and in the parameter.
    residual : relative speed at x.
    eigenvalues : complex [k], eigenvalues of the Jacobian with the largest real parts, 1/ms.
    unstable : number of them with positive real part.
    """

    x: Tensor
    value: float
    tangent: Tensor
    tangent_p: float
    residual: float
    eigenvalues: Tensor
    unstable: int


class BorderedJacobian(LinearOperator):
    """[[J, f_p], [t_x', t_p]] on flat vectors (x, p): regular at a fold, where J is singular."""

    def __init__(self, jacobian: LinearOperator, by_parameter: Tensor, tangent: Tensor, tangent_p: float) -> None:
        units = jacobian.shape[0]
        super().__init__((units + 1,), (units + 1,), jacobian.dtype, jacobian.device)
        self.jacobian, self.tangent_p = jacobian, tangent_p
        self.by_parameter, self.tangent = by_parameter.flatten(), tangent.flatten()

    def apply(self, batch: Tensor) -> Tensor:
        """The rows of the flow, then the row of the arc length."""
        x, p = batch[:, :-1], batch[:, -1:]
        flow = self.jacobian.apply(x.reshape(-1, *self.jacobian.domain)).flatten(1) + p * self.by_parameter
        return torch.cat([flow, x @ self.tangent[:, None] + self.tangent_p * p], 1)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """The transposed matrix times each vector."""
        y, s = batch[:, :-1], batch[:, -1:]
        back = self.jacobian.apply_transpose(y.reshape(-1, *self.jacobian.codomain)).flatten(1) + s * self.tangent
        return torch.cat([back, y @ self.by_parameter[:, None] + self.tangent_p * s], 1)


class SolutionCurve:
    """The fixed points of a family of flows. Arc length is |dx|^2 / units + dp^2."""

    def __init__(self, flow_of: Callable[[float], Flow], k: int, seed: int) -> None:
        self.flow_of, self.k, self.seed = flow_of, k, seed

    def first(self, start: Tensor, value: float, direction: float) -> BranchPoint:
        """The fixed point near `start`, and the tangent in the parameter's `direction`."""
        flow = self.flow_of(value)
        found = fixed_points(flow, start[None], stability=False)
        if not len(found):
            raise ArithmeticError(
                f"start led to no fixed point at {value:g} ({found.statuses[0].value}); start nearer to "
                "one, for example from fixed_points or a simulation"
            )
        return self._branch_point(flow, found.points[0], value, torch.zeros_like(start), direction)

    def advance(self, point: BranchPoint, length: float) -> tuple[BranchPoint | None, bool]:
        """The point `length` further, or None if the correction failed; and True if it was quick."""
        x, value = point.x + length * point.tangent, point.value + length * point.tangent_p
        units = x.numel()
        for count in range(CORRECTIONS + 1):
            flow = self.flow_of(value)
            jacobian, v = flow.jacobian(x), flow.velocity(x[None])[0]
            # Pseudo-arclength condition: the corrected point lies in the plane at distance `length` along the tangent
            # (Keller 1977).
            off = (
                float(((x - point.x) * point.tangent).sum() / units) + (value - point.value) * point.tangent_p - length
            )
            if not bool(torch.isfinite(v).all()):
                return None, False
            if self._residual(flow, x) <= 10 * default_tol(flow) and abs(off) <= 1e-6 * length:
                ahead = self._branch_point(flow, x, value, point.tangent, point.tangent_p)
                straight = float((ahead.tangent * point.tangent).sum() / units) + ahead.tangent_p * point.tangent_p
                # A smaller cosine between the tangents means a step that is too long, or a jump to another branch
                return (ahead, count <= QUICK) if straight > 0.8 else (None, False)
            by_parameter = self._parameter_derivative(value, x)
            system = BorderedJacobian(jacobian, by_parameter, point.tangent / units, point.tangent_p)
            right = torch.cat([-v.flatten(), v.new_tensor([-off])])
            change = solve(system, right, tol=1e-6)
            x, value = x + change[:-1].view_as(x), value + float(change[-1])
        return None, False

    def _branch_point(self, flow: Flow, x: Tensor, value: float, previous: Tensor, previous_p: float) -> BranchPoint:
        """The point with its tangent, on the side of the previous tangent."""
        units = x.numel()
        by_parameter = self._parameter_derivative(value, x)
        system = BorderedJacobian(flow.jacobian(x), by_parameter, previous / units, previous_p)
        right = torch.zeros(units + 1, dtype=x.dtype, device=x.device)
        # The solution of the bordered system with right-hand side (0, 1) is tangent to the branch, with a positive
        # product with the previous tangent, so that the direction along the branch is kept.
        right[-1] = 1
        tangent = solve(system, right, tol=1e-6)
        if not bool(torch.isfinite(tangent).all() & (tangent != 0).any()):
            raise ArithmeticError("the tangent of the branch has no direction; start nearer to a fixed point")
        size = float((tangent[:-1].square().sum() / units + tangent[-1].square()).sqrt())
        values = leading_eigenvalues(flow.jacobian(x), self.k, "LR", self.seed).values.cpu().to(torch.complex128)
        unstable = int((values.real > 0).sum())
        direction, slope = tangent[:-1].view_as(x) / size, float(tangent[-1]) / size
        return BranchPoint(x, value, direction, slope, self._residual(flow, x), values, unstable)

    def _parameter_derivative(self, value: float, x: Tensor) -> Tensor:
        """dv/dp by central differences."""
        # eps^(1/3) balances truncation and rounding errors of central differences
        h = float(torch.finfo(x.dtype).eps) ** (1 / 3) * max(1.0, abs(value))
        high, low = (self.flow_of(value + side * h).velocity(x[None])[0] for side in (1, -1))
        slope: Tensor = (high - low) / (2 * h)
        return slope

    def _residual(self, flow: Flow, x: Tensor) -> float:
        """Speed relative to |Jacobian| x |state|; the state counts with a root mean square of at least 0.01."""
        z = torch.randn(2, *flow.domain, generator=seeded_generator(self.seed), dtype=torch.float64).to(x)
        rate = max(float(flow.jacobian(x).apply(z).norm() / z.norm()), 1e-6)
        size = max(float(x.norm()), 1e-2 * math.sqrt(x.numel()))
        return float(speed(flow, x[None])) / (rate * size)
