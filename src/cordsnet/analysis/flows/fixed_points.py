"""Fixed points of a flow, stable or not: Newton's method from many starts, by products with the Jacobian."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.flows.linear import leading, solve
from cordsnet.analysis.status import Status

HALVINGS = 12
"""Lengths of a Newton step that are tried, each half of the one before."""


@dataclass(frozen=True)
class FixedPoints:
    """Places where a flow stands still, duplicates merged; those of the least residual first.

    Attributes
    ----------
    points : [P, *domain].
    residual : [P], speed there as a share of the speed that a typical state would have if it decayed alone: the size
        of the Jacobian x the size of states.
    q : [P], |v|^2 / 2 (Sussillo & Barak 2013).
    found : [P], how many starts led there.
    leading : [P], complex, the eigenvalue of the Jacobian with the largest real part, 1/ms; NaN when not asked for.
    leading_residual : [P], |J v - l v| of its eigenvector, |v| = 1, in 1/ms: how far off it may be.
    leading_status : one for each point; none when not asked for.
    statuses : one for each start: CONVERGED, or why it led to none of these points.
    is_map : whether the flow's time is discrete; stability is then a matter of |1 + leading|.
    """

    points: Tensor
    residual: Tensor
    q: Tensor
    found: Tensor
    leading: Tensor
    leading_residual: Tensor
    leading_status: tuple[Status, ...]
    statuses: tuple[Status, ...]
    is_map: bool = False

    def __len__(self) -> int:
        return len(self.points)

    @property
    def stable(self) -> Tensor:
        """[P], whether all small disturbances fade: every eigenvalue is left of zero (in the unit circle for a map)."""
        return (1 + self.leading).abs() < 1 if self.is_map else self.leading.real < 0

    @property
    def lost(self) -> int:
        """Starts that led to no fixed point."""
        return sum(status is not Status.CONVERGED for status in self.statuses)


@exact()
def fixed_points(
    flow: Flow,
    starts: Tensor,
    *,
    tol: float | None = None,
    max_iterations: int = 50,
    merge: float = 1e-3,
    relax_ms: float = 0.0,
    dt: float | None = None,
    stability: bool = True,
    seed: int = 0,
) -> FixedPoints:
    """Fixed points near `starts`, by damped Newton steps whose linear systems GMRES solves; unstable ones as well.

    Up to 300 units the Jacobian is written down and solved densely. A step is halved until speed falls.

    Parameters
    ----------
    flow : any flow or map.
    starts : [K, *domain], from `sample_starts` for instance.
    tol : `residual` at which a point counts as fixed; None is 1e-9 in double precision, 1e-5 in single.
    max_iterations : Newton steps from each start.
    merge : points closer than this share of the size of states are one.
    relax_ms, dt : run the flow that long from each start first, in steps of dt; then stable points attract, as in
        nature, and Newton's method only sharpens them.
    stability : compute the leading eigenvalue of each point.
    seed : of the probes of the Jacobian's size, and of eigenvalues.

    Returns
    -------
    FixedPoints; none is found where no start converges, and `statuses` says why. Newton's method finds the points
    near its starts: that there are no others it cannot say.

    Raises
    ------
    TypeError, ValueError : starts or numbers that do not fit, by name.

    Source: Dembo, Eisenstat & Steihaug 1982 (inexact Newton); Golub & Sussillo 2018 (starts from trajectories).
    """
    flow.check_states(starts)
    _check(tol, max_iterations, merge, relax_ms, dt)
    tol = tol or default_tol(flow)
    unit, size = units_of(flow, starts, seed)
    if relax_ms and dt is not None:
        for _ in range(round(relax_ms / dt)):
            starts = flow.step(starts, dt)
    ends = [_newton(flow, start, tol * unit, max_iterations) for start in starts]
    return collect(flow, [x for x, _ in ends], [status for _, status in ends], unit, size, merge, stability, seed)


def sample_starts(flow: Flow, trajectory: Tensor, count: int, noise: float = 0.1, seed: int = 0) -> Tensor:
    """States [count, *domain] drawn from a trajectory [T, *domain], with normal noise added.

    `noise` is its standard deviation over that of the trajectory (root mean square over units and times about the
    mean state; of a constant trajectory about zero). Raises TypeError or ValueError on what does not fit, by name.
    """
    flow.check_states(trajectory, "trajectory")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(trajectory), (count,), generator=generator).to(flow.device)
    spread = (trajectory - trajectory.mean(0)).square().mean().sqrt()
    spread = spread if float(spread) > 0 else trajectory.square().mean().sqrt()
    normal = torch.randn(count, *flow.domain, generator=generator, dtype=torch.float64).to(trajectory)
    return trajectory[rows] + noise * spread * normal


def default_tol(flow: Flow) -> float:
    """What the flow's precision can reach."""
    return 1e-9 if flow.dtype == torch.float64 else 1e-5


def units_of(flow: Flow, starts: Tensor, seed: int) -> tuple[float, float]:
    """The unit of speed and the size of states, as norms.

    Size is the root mean square distance of the starts from their mean, or from zero when that is larger. The unit
    of speed is that times |J z| / |z| for random z, the median over up to eight starts.
    """
    flat = starts.double().flatten(1)
    size = float(flat.square().sum(1).mean().sqrt()) or 1.0
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(4, *flow.domain, generator=generator, dtype=torch.float64).to(starts)
    rates = []
    for start in starts[:: max(1, len(starts) // 8)][:8]:
        ratio = (flow.jacobian(start).apply(z).double().square().sum() / z.double().square().sum()).sqrt()
        rates.append(float(ratio))
    known = sorted(rate for rate in rates if 0 < rate < torch.inf)
    return size * (known[len(known) // 2] if known else 1.0), size


def speed(flow: Flow, x: Tensor) -> Tensor:
    """|v| of each of K states [K], in double precision."""
    length: Tensor = torch.linalg.vector_norm(flow.velocity(x).double().flatten(1), dim=1)
    return length


def _newton(flow: Flow, x: Tensor, tol: float, max_iterations: int) -> tuple[Tensor, Status]:
    """From one start until its speed is at most `tol`."""
    lengths = 0.5 ** torch.arange(HALVINGS, dtype=x.dtype, device=x.device).view(-1, *[1] * x.ndim)
    least = float(speed(flow, x[None]))
    for _ in range(max_iterations):
        if least <= tol:
            break
        v = flow.velocity(x[None])[0]
        if not bool(torch.isfinite(v).all()):
            return x, Status.NOT_FINITE
        step = solve(flow.jacobian(x), -v)
        tries = x + lengths * step
        speeds = torch.nan_to_num(speed(flow, tries), nan=torch.inf)
        enough = speeds <= (1 - 1e-4 * lengths.flatten()) * least
        if not bool(enough.any()):
            return x, Status.STUCK
        first = int(enough.int().argmax())  # the longest step that helps
        x, least = tries[first], float(speeds[first])
    return x, Status.CONVERGED if least <= tol else Status.ITERATIONS if least < torch.inf else Status.NOT_FINITE


def collect(
    flow: Flow,
    ends: list[Tensor],
    statuses: list[Status],
    unit: float,
    size: float,
    merge: float,
    stability: bool,
    seed: int,
    keep: Callable[[Status], bool] = lambda status: status is Status.CONVERGED,
) -> FixedPoints:
    """Ends that count, duplicates merged, with what is to be known of each."""
    kept = [x for x, status in zip(ends, statuses, strict=True) if keep(status)]
    x = torch.stack(kept) if kept else torch.stack(ends)[:0]
    x = x[speed(flow, x).argsort()] if kept else x
    own, found = _merged(x, merge * size)
    points = x[own]
    values = torch.full((len(points),), complex(torch.nan, torch.nan), dtype=torch.complex128)
    residual = torch.full((len(points),), torch.nan, dtype=torch.float64)
    judged = []
    for row, point in enumerate(points if stability else []):
        values[row], residual[row], status = _leading(flow, point, seed)
        judged.append(status)
    speeds = speed(flow, points).cpu() if len(points) else torch.zeros(0, dtype=torch.float64)
    return FixedPoints(
        points, speeds / unit, speeds.square() / 2, found, values, residual, tuple(judged), tuple(statuses), flow.is_map
    )


def _leading(flow: Flow, point: Tensor, seed: int) -> tuple[Tensor, Tensor, Status]:
    """The eigenvalue that decides on stability: for a map, of the largest multiplier."""
    jacobian = flow.jacobian(point)
    found = leading(jacobian.shift(-1.0), 1, "LM", seed) if flow.is_map else leading(jacobian, 1, "LR", seed)
    return found.values[0] - 1 if flow.is_map else found.values[0], found.residuals[0], found.status[0]


def _merged(x: Tensor, radius: float) -> tuple[list[int], Tensor]:
    """Rows that are further than `radius` from all rows kept before them, and how many rows each stands for."""
    own: list[int] = []
    counts: list[int] = []
    flat = x.double().flatten(1)
    for row in range(len(x)):
        near = torch.linalg.vector_norm(flat[own] - flat[row], dim=1) if own else flat.new_zeros(0)
        if len(near) and float(near.min()) <= radius:
            counts[int(near.argmin())] += 1
        else:
            own.append(row)
            counts.append(1)
    return own, torch.tensor(counts, dtype=torch.int64)


def _check(tol: float | None, max_iterations: int, merge: float, relax_ms: float, dt: float | None) -> None:
    if tol is not None:
        check_positive(tol, "tol")
    if max_iterations < 1:
        raise ValueError(f"max_iterations must be at least 1, got {max_iterations}")
    if not merge >= 0:
        raise ValueError(f"merge must be a share of at least 0, got {merge!r}")
    if relax_ms:
        check_positive(relax_ms, "relax_ms")
        if dt is None:
            raise ValueError(f"dt must be given to run the flow for relax_ms = {relax_ms:g}; give a step in ms")
        check_positive(dt, "dt")
