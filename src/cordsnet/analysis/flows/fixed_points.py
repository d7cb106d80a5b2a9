"""Fixed points of a flow, stable or unstable: Newton's method from many starts, by products with the Jacobian."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.flows.linear_algebra import leading_eigenvalues, solve
from cordsnet.analysis.status import Status

HALVINGS = 12
"""Number of lengths of a Newton step that are tried, each half of the one before."""


@dataclass(frozen=True)
class FixedPoints:
    """Fixed (or slow) points of a flow, duplicates merged, smallest residual first.

    Attributes
    ----------
    points : [P, *domain].
    residual : [P], speed relative to |Jacobian| x size of states, the speed of a typical state that decays alone.
    q : [P], |v|^2 / 2 (Sussillo & Barak 2013).
    start_counts : [P], number of starts that led there.
    leading : [P], complex, the eigenvalue of the Jacobian with the largest real part, 1/ms; NaN if not computed.
    leading_residual : [P], |J v - l v| of its eigenvector, |v| = 1, in 1/ms.
    leading_status : one for each point; empty if not computed.
    statuses : one for each start: CONVERGED, or why it led to none of these points.
    is_map : True if the flow's time is discrete; stability then depends on |1 + leading|.
    """

    points: Tensor
    residual: Tensor
    q: Tensor
    start_counts: Tensor
    leading: Tensor
    leading_residual: Tensor
    leading_status: tuple[Status, ...]
    statuses: tuple[Status, ...]
    is_map: bool = False

    def __len__(self) -> int:
        return len(self.points)

    @property
    def stable(self) -> Tensor:
        """[P], True where small perturbations decay: Re < 0, or for a map |1 + leading| < 1."""
        return (1 + self.leading).abs() < 1 if self.is_map else self.leading.real < 0

    @property
    def failed_starts(self) -> int:
        """Number of starts that led to none of these points."""
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
    """Fixed points near `starts`, stable or unstable, by damped Newton steps with GMRES.

    Up to 300 units the Jacobian is formed and solved densely. A step is halved until the speed falls.

    Parameters
    ----------
    flow : any flow or map.
    starts : [K, *domain], for instance from `sample_starts`.
    tol : `residual` at which a point counts as fixed; None is 1e-9 in double precision, 1e-5 in single.
    max_iterations : Newton steps from each start.
    merge : points closer than this share of the size of states are one.
    relax_ms, dt : integrate the flow for that long from each start first, in steps of dt; starts then converge to
        stable points, which Newton's method refines.
    stability : compute the leading eigenvalue of each point.
    seed : seed of the estimate of the Jacobian's norm, and of eigenvalues.

    Returns
    -------
    FixedPoints; empty if no start converges, and `statuses` gives the reasons. Newton's method finds points near its
    starts and cannot exclude others.

    Raises
    ------
    TypeError, ValueError : starts or numbers that do not fit, by name.

    Source: Dembo, Eisenstat & Steihaug 1982 (inexact Newton); Golub & Sussillo 2018 (starts from trajectories).
    """
    flow.check_states(starts)
    _check(tol, max_iterations, merge, relax_ms, dt)
    tol = tol or default_tol(flow)
    unit, size = speed_and_size_units(flow, starts, seed)
    if relax_ms and dt is not None:
        for _ in range(round(relax_ms / dt)):
            starts = flow.step(starts, dt)
    ends = [_newton(flow, start, tol * unit, max_iterations) for start in starts]
    points, statuses = [x for x, _ in ends], [status for _, status in ends]
    return collect_points(flow, points, statuses, unit, size, merge, stability, seed)


def sample_starts(flow: Flow, trajectory: Tensor, count: int, noise: float = 0.1, seed: int = 0) -> Tensor:
    """States [count, *domain] drawn from a trajectory [T, *domain], with normal noise added.

    `noise` is its standard deviation relative to that of the trajectory: the root mean square over units and times
    about the mean state, or about zero for a constant trajectory. Raises TypeError or ValueError by name.
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
    """The tolerance that the flow's precision can reach."""
    return 1e-9 if flow.dtype == torch.float64 else 1e-5


def speed_and_size_units(flow: Flow, starts: Tensor, seed: int) -> tuple[float, float]:
    """The unit of speed and the size of states, as norms.

    Size is the root mean square norm of the starts. The unit of speed is that times |J z| / |z| for random z, the
    median over up to eight starts.
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
    """|v| of each of K states, [K], in double precision."""
    length: Tensor = torch.linalg.vector_norm(flow.velocity(x).double().flatten(1), dim=1)
    return length


def _newton(flow: Flow, x: Tensor, tol: float, max_iterations: int) -> tuple[Tensor, Status]:
    """Newton's method from one start until its speed is at most `tol`."""
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
        # Armijo condition with the usual 1e-4 (Kelley 1995, chapter 8); all lengths are evaluated as one batch
        enough = speeds <= (1 - 1e-4 * lengths.flatten()) * least
        if not bool(enough.any()):
            return x, Status.STUCK
        first = int(enough.int().argmax())  # the longest step that lowers the speed enough
        x, least = tries[first], float(speeds[first])
    return x, Status.CONVERGED if least <= tol else Status.ITERATIONS if least < torch.inf else Status.NOT_FINITE


def collect_points(
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
    """Merge duplicates of the end points that count, and compute what `FixedPoints` holds."""
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
    """The eigenvalue that decides on stability; for a map, that of the largest multiplier."""
    jacobian = flow.jacobian(point)
    shifted, which = (jacobian.shift(-1.0), "LM") if flow.is_map else (jacobian, "LR")
    found = leading_eigenvalues(shifted, 1, which, seed)
    return found.values[0] - 1 if flow.is_map else found.values[0], found.residuals[0], found.status[0]


def _merged(x: Tensor, radius: float) -> tuple[list[int], Tensor]:
    """Rows further than `radius` from all rows kept before them, and the number of rows that each stands for."""
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
