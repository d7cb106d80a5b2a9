"""Fixed points of a flow, stable or unstable: Newton's method from many starts, by products with the Jacobian."""

import itertools
import math

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_at_least, check_count, check_positive, check_tolerance, is_number, seeded_generator
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.flows.point_results import FixedPoints, collect_points
from cordsnet.analysis.flows.point_search import Scale, default_tol, newton, speed_and_size_units
from cordsnet.analysis.krylov.problem import LARGEST_BASIS

__all__ = ["FixedPoints", "fixed_points", "sample_starts"]

MOST_PAIRS = 30
"""Largest number of pairs of points between which others are looked for."""
MOST_ITERATIONS, MOST_RELAX = 1_000_000, 100_000_000
"""Largest numbers of Newton steps, and of steps of the flow, that are accepted."""


@check_arguments
@exact()
def fixed_points(
    flow: Flow,
    starts: Tensor,
    *,
    tol: float | None = None,
    max_iterations: int = 100,
    merge: float | None = None,
    relax_ms: float = 0.0,
    dt: float | None = None,
    stability: bool = True,
    seed: int = 0,
) -> FixedPoints:
    """Fixed points near `starts`, stable or unstable, by damped Newton steps with GMRES.

    Up to 300 units the Jacobian is formed and solved densely; up to 4,096 units it is formed and factored where GMRES
    fails, as it does far from the points of a network that does not settle. A step is halved until the speed falls.
    Where starts lead to several points, others are also looked for halfway between two of them, unless `relax_ms` is
    given.

    Parameters
    ----------
    flow : any flow or map.
    starts : [K, *domain], for instance from `sample_starts`.
    tol : `residual` at which a point counts as fixed, if Newton's next step is as short relative to the point as well;
        None is 1e-9 in double precision, 1e-5 in single.
    max_iterations : Newton steps from each start.
    merge : ends closer than this share of the size of the starts are one point. None compares them with their own
        accuracy, so that points are told apart however near they are to one another.
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
    scale = Scale(unit / size, size, tol, flow.dtype)
    ends = [newton(flow, start, scale, max_iterations) for start in starts]
    first = collect_points(flow, ends, scale, merge, False, seed)
    between = []
    if not relax_ms and not bool(first.continuum.any()):
        between = [newton(flow, middle, scale, max_iterations) for middle in _middles(first.points)]
    return collect_points(flow, ends, scale, merge, stability, seed, between=between)


def _middles(points: Tensor) -> list[Tensor]:
    """States halfway between two of the points: saddles often lie there, where no start from afar ends."""
    pairs = itertools.islice(itertools.combinations(range(len(points)), 2), MOST_PAIRS)
    return [(points[one] + points[other]) / 2 for one, other in pairs]


@check_arguments
def sample_starts(flow: Flow, trajectory: Tensor, count: int, noise: float = 0.1, seed: int = 0) -> Tensor:
    """States [count, *domain] drawn from a trajectory [T, *domain], with normal noise added.

    `noise` is its standard deviation relative to that of the trajectory: the root mean square over units and times
    about the mean state, or about zero for a constant trajectory. Raises TypeError or ValueError by name.
    """
    flow.check_states(trajectory, "trajectory")
    if not bool(torch.isfinite(trajectory).all()):
        raise ValueError("trajectory holds NaN or infinite values; leave out the times from which it diverged")
    check_at_least(noise, "noise", 0)
    check_count(count, "count", 1)
    gigabytes = count * flow.units * flow.dtype.itemsize / 2**30
    if gigabytes > LARGEST_BASIS:
        raise ValueError(f"count = {count} states take {gigabytes:.1f} GiB; ask for fewer")
    generator = seeded_generator(seed)
    rows = torch.randint(len(trajectory), (count,), generator=generator).to(flow.device)
    spread = (trajectory - trajectory.mean(0)).square().mean().sqrt()
    spread = spread if float(spread) > 0 else trajectory.square().mean().sqrt()
    normal = torch.randn(count, *flow.domain, generator=generator, dtype=torch.float64).to(trajectory)
    return trajectory[rows] + noise * spread * normal


def _check(tol: float | None, max_iterations: int, merge: float | None, relax_ms: float, dt: float | None) -> None:
    if tol is not None:
        check_tolerance(tol)
    check_count(max_iterations, "max_iterations", 1, MOST_ITERATIONS)
    if merge is not None and not (is_number(merge) and 0 <= merge < math.inf):
        raise ValueError(f"merge must be a share of at least 0, got {merge!r}")
    if relax_ms:
        check_positive(relax_ms, "relax_ms")
        if dt is None:
            raise ValueError(f"dt must be given to run the flow for relax_ms = {relax_ms:g}; give a step in ms")
        check_positive(dt, "dt")
        if relax_ms / dt > MOST_RELAX:
            raise ValueError(f"relax_ms = {relax_ms:g} takes {relax_ms / dt:.2g} steps of {dt:g} ms; lower it")
