"""Newton's method from one start, and the scale by which its end counts as a fixed point."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.flows.linear_algebra import DENSE, LinearSystems
from cordsnet.analysis.status import Status

HALVINGS = 12
"""Number of lengths of a Newton step that are tried, each half of the one before."""


def default_tol(flow: Flow) -> float:
    """The tolerance that the flow's precision can reach."""
    return 1e-9 if flow.dtype == torch.float64 else 1e-5


def speed_and_size_units(flow: Flow, starts: Tensor, seed: int) -> tuple[float, float]:
    """The unit of speed and the size of states, as norms.

    Size is the root mean square norm of the starts. The unit of speed is that times |J z| / |z| for random z, the
    median over up to eight starts.
    """
    flat = starts.double().flatten(1)
    size = float(flat.square().sum(1).mean().sqrt()) or 1.0
    generator = seeded_generator(seed)
    z = torch.randn(4, *flow.domain, generator=generator, dtype=torch.float64).to(starts)
    rates = []
    for start in starts[:: max(1, len(starts) // 8)][:8]:
        ratio = (flow.jacobian(start).apply(z).double().square().sum() / z.double().square().sum()).sqrt()
        rates.append(float(ratio))
    known = sorted(rate for rate in rates if 0 < rate < torch.inf)
    return size * (known[len(known) // 2] if known else 1.0), size


def speed(flow: Flow, x: Tensor) -> Tensor:
    """|v| of each of K states, [K], in double precision."""
    length: Tensor = torch.linalg.vector_norm(flow.velocity(x).double().flatten(1), dim=1)
    return length


@dataclass(frozen=True)
class Scale:
    """Scale of a network's speeds and states, for thresholds.

    Attributes
    ----------
    rate : |J| at typical starts, 1/ms.
    size : norm of a typical start.
    tol : relative residual.
    dtype : of the states.
    """

    rate: float
    size: float
    tol: float
    dtype: torch.dtype

    @property
    def rounding(self) -> float:
        """Distance from zero that a step of the size of the starts can resolve."""
        return 10 * torch.finfo(self.dtype).eps * self.size

    def is_fixed(self, x: Tensor, speed: float, accuracy: float) -> bool:
        """True if a state with this speed and next Newton step is fixed, compared with its own size."""
        size = float(torch.linalg.vector_norm(x.double()))
        near = accuracy <= max(self.tol * size, self.rounding)
        return near and speed <= max(self.tol * self.rate * size, self.rate * self.rounding)


class End(NamedTuple):
    """End of the search from a start: last state, length of Newton's next step, and outcome."""

    x: Tensor
    accuracy: float
    status: Status


def newton(flow: Flow, x: Tensor, scale: Scale, max_iterations: int) -> End:
    """Newton's method from one start, until its speed falls no further."""
    lengths = 0.5 ** torch.arange(HALVINGS, dtype=x.dtype, device=x.device).view(-1, *[1] * x.ndim)
    least, away, large = float(speed(flow, x[None])), math.inf, flow.units > DENSE
    systems = LinearSystems()
    for _ in range(max_iterations):
        if least == 0:
            return End(x, 0.0, Status.CONVERGED)
        v = flow.velocity(x[None])[0]
        if not bool(torch.isfinite(v).all()):
            return End(x, away, Status.NOT_FINITE)
        step = systems.solve(flow.jacobian(x), -v)
        away = float(torch.linalg.vector_norm(step.double()))
        fixed = scale.is_fixed(x, least, away)
        if fixed and large:  # small systems go on to the last digit, which tells points apart
            break
        tries = x + lengths * step
        speeds = torch.nan_to_num(speed(flow, tries), nan=torch.inf)
        # Armijo condition with the usual 1e-4 (Kelley 1995, chapter 8); all lengths are evaluated as one batch
        enough = speeds <= (1 - 1e-4 * lengths.flatten()) * least
        first = int(enough.int().argmax())  # the longest step that lowers the speed enough
        if not bool(enough.any()) or (fixed and float(speeds[first]) > 0.5 * least):
            return End(x, away, Status.CONVERGED if fixed else Status.STUCK)
        x, least = tries[first], float(speeds[first])
    return End(x, away, _ended(flow, x, scale, least, away))


def _ended(flow: Flow, x: Tensor, scale: Scale, speed: float, away: float) -> Status:
    """Status of a search that has used all its steps, or has stopped early."""
    if not speed < math.inf:
        return Status.NOT_FINITE
    return Status.CONVERGED if speed == 0 or scale.is_fixed(x, speed, away) else Status.ITERATIONS
