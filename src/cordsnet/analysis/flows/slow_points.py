"""Slow points: states at which the speed of a flow has a small local minimum."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.fixed_points import MOST_ITERATIONS
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.flows.point_results import FixedPoints, collect_points
from cordsnet.analysis.flows.point_search import End, Scale, default_tol, newton, speed, speed_and_size_units
from cordsnet.analysis.status import Status


@check_arguments
@exact()
def slow_points(
    flow: Flow,
    starts: Tensor,
    *,
    threshold: float = 1e-2,
    tol: float | None = None,
    max_iterations: int = 500,
    merge: float = 1e-3,
    stability: bool = True,
    seed: int = 0,
) -> FixedPoints:
    """Local minima of q = |v|^2 / 2 from each of `starts` [K, *domain]; those that are slow enough are kept.

    Along a line or ring attractor, and near the ghost of a fold, speed is small but not zero, and Newton's method finds
    nothing. q is minimised by L-BFGS; its gradient J' v is one transposed product.

    Parameters
    ----------
    flow, starts, merge, stability, seed : as for `fixed_points`.
    threshold : `residual` (see `FixedPoints`) up to which a minimum counts as slow.
    tol : residual at which it counts as a fixed point, as for `fixed_points`.
    max_iterations : iterations of L-BFGS from each start.

    Returns
    -------
    FixedPoints with status SLOW for starts that led to a slow point, CONVERGED for those that led to a fixed point.

    Raises
    ------
    TypeError, ValueError : starts or numbers that do not fit, by name.

    Source: Sussillo & Barak 2013.
    """
    flow.check_states(starts)
    check_positive(threshold, "threshold")
    check_count(max_iterations, "max_iterations", 1, MOST_ITERATIONS)
    tol = tol or default_tol(flow)
    unit, size = speed_and_size_units(flow, starts, seed)
    scale = Scale(unit / size, size, tol, flow.dtype)
    ends = []
    for start in starts:
        x = _minimise_speed(flow, start, unit, size, max_iterations)
        residual = float(speed(flow, x[None])[0]) / unit
        status = Status.STUCK if np.isfinite(residual) else Status.NOT_FINITE
        if residual <= threshold:
            status = Status.CONVERGED if _is_fixed(flow, x, scale) else Status.SLOW
        ends.append(End(x, 0.0, status))
    return collect_points(flow, ends, scale, merge, stability, seed, keep=(Status.CONVERGED, Status.SLOW))


def _is_fixed(flow: Flow, x: Tensor, scale: Scale) -> bool:
    """True if Newton's method finds a fixed point here, compared with its own size: L-BFGS stops a little before."""
    end = newton(flow, x, scale, 10)
    moved = float(torch.linalg.vector_norm((end.x - x).double()))
    return end.status is Status.CONVERGED and moved <= 1e-3 * scale.size


def _minimise_speed(flow: Flow, start: Tensor, unit: float, size: float, max_iterations: int) -> Tensor:
    """A local minimum of the speed, in units in which states and speeds are of order one."""

    def q(flat: np.ndarray) -> tuple[float, np.ndarray]:
        x = (torch.from_numpy(flat) * size).reshape(start.shape).to(start)
        v = flow.velocity(x[None])[0]
        slope = flow.jacobian(x).rmv(v).double() * size / unit**2
        return float(v.double().square().sum()) / (2 * unit**2), slope.flatten().cpu().numpy()

    first = start.double().flatten().cpu().numpy() / size
    if not np.isfinite(q(first)[0]):
        return start
    # ftol = 0: near a minimum q is tiny, and its relative change would end the search too early
    options = {"maxiter": max_iterations, "ftol": 0.0, "gtol": 1e-14}
    found = minimize(q, first, jac=True, method="L-BFGS-B", options=options)
    return (torch.from_numpy(found.x) * size).reshape(start.shape).to(start)
