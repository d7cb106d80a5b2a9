"""First witness: slow directions of the linearised flow at states at rest, and Floquet multipliers of orbits."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.flows.linear_algebra import DENSE, leading_eigenvalues
from cordsnet.analysis.flows.slow_points import slow_points
from cordsnet.analysis.krylov import Eigenpairs
from cordsnet.analysis.manifolds.orbits import CLOSE, TurnDerivative, find_turn
from cordsnet.analysis.manifolds.runs import chosen, movement, norms
from cordsnet.analysis.manifolds.witness import AT_REST, GROWS, KEPT, LOST, SAME, Judged, Witness, check_scales, gather
from cordsnet.analysis.operators import LinearOperator, MatrixOperator
from cordsnet.analysis.status import Status

LEADING = 3
"""Eigenvalues at each state: one slow one and what comes after it."""


@check_arguments
@exact()
def spectrum_witness(
    flow: Flow, states: Tensor, *, slow_ms: float, dt: float, size: float, tested: int = 8, seed: int = 0
) -> Witness:
    """Count the slow directions of the flow at some of the `states` [K, *domain] onto which it has settled.

    A state that moves by less than a tenth of `size` within `slow_ms` is at rest, and moved on to the slow point next
    to it. The eigenvalues l of the Jacobian there say what is left of a displacement after `slow_ms`, |exp(l slow_ms)|:
    at least a half is slow, at most a tenth fast, with the error of l. No slow direction is a "point", one a "curve",
    more or a growing one "none". A state that moves is followed up to the end of its turn, of at most `slow_ms`: it is
    on a "cycle" if one Floquet multiplier is near 1 and all others are fast; "none" if it does not return.

    Parameters
    ----------
    flow, states : any flow, and states that it has reached.
    slow_ms : time scale, ms, such as the delay that a network has to bridge, or ten times its longest time constant.
    dt : step, ms; 1 for a map.
    size : unit of distances, as a norm.
    tested : number of the states, drawn at random; three quarters of them have to agree.
    seed : seed of the draw and of eigenvalues.

    Raises
    ------
    TypeError, ValueError : states, times or sizes that do not fit, by name.

    Source: slow points and their Jacobians, Sussillo & Barak 2013; multipliers, Kuznetsov 2004, section 1.5.
    """
    check_scales(flow, states, slow_ms, dt, size, tested)
    some = chosen(states, tested, seed)
    moves = movement(flow, some, slow_ms, dt)
    return gather(
        [
            _at_rest(flow, x, slow_ms, size, seed)
            if float(moved) <= AT_REST * size
            else _on_orbit(flow, x, slow_ms, dt, seed)
            for x, moved in zip(some, moves, strict=True)
        ]
    )


def _at_rest(flow: Flow, x: Tensor, slow_ms: float, size: float, seed: int) -> Judged:
    point = _slow_point(flow, x, size, seed)
    jacobian = flow.jacobian(point)
    op, which = (jacobian.shift(-1.0), "LM") if flow.is_map else (jacobian, "LR")
    found = leading_eigenvalues(op, LEADING, which, seed, vectors="both")
    drift = float(norms(flow.velocity(point[None]))[0]) * slow_ms / size
    error = _errors(found)
    if flow.is_map:
        rate, uncertain = found.values.abs().clamp_min(1e-300).log(), error / found.values.abs().clamp_min(1e-300)
    else:
        rate, uncertain = found.values.real, error
    low, high = _kept(rate - uncertain, slow_ms), _kept(rate + uncertain, slow_ms)
    slow, fast = int((low >= KEPT).sum()), int((high <= LOST).sum())
    kind = "undecided"
    if float(low.max()) > GROWS:
        kind = "none"
    elif slow + fast == len(rate):
        kind = {0: "point", 1: "curve"}.get(slow, "none")
    kept = _kept(rate, slow_ms).sort(descending=True).values.tolist()
    numbers = {"slow": float(slow), "drift": drift, **{f"kept_{k + 1}": value for k, value in enumerate(kept[:2])}}
    return _checked(Judged(kind, numbers, float(error.max() * slow_ms)), found)


def _on_orbit(flow: Flow, x: Tensor, slow_ms: float, dt: float, seed: int) -> Judged:
    turn = find_turn(flow, x, slow_ms, dt)
    if turn is None:
        return Judged("none", {"period_ms": math.inf})
    derivative: LinearOperator = TurnDerivative(flow, turn, dt)
    if flow.units <= DENSE:  # one turn with all displacements at once
        derivative = MatrixOperator(derivative.to_dense())
    found = leading_eigenvalues(derivative, LEADING, "LM", seed, vectors="both")
    values, error, turns = found.values, _errors(found), slow_ms / (turn.steps * dt)
    phase = int((values - 1).abs().argmin())
    others = torch.arange(len(values)) != phase
    rest = (values[others].abs() + error[others]).clamp_min(1e-300).log()
    kept = float(_kept(rest, turns).max()) if len(rest) else 0.0
    near = abs(complex(values[phase]) - 1) <= CLOSE + float(error[phase])
    kind = "cycle" if near and kept <= LOST else "none" if kept > GROWS else "undecided"
    numbers = {
        "period_ms": turn.steps * dt,
        "multiplier_1": float(values[phase].real),
        "multiplier_2": float(values[others].abs().max()) if len(rest) else 0.0,
        "kept_2": kept,
    }
    return _checked(Judged(kind, numbers, max(turn.gap, float(error.max()))), found)


def _slow_point(flow: Flow, x: Tensor, size: float, seed: int) -> Tensor:
    """The slow point next to a state at rest; the state itself if there is none within one place."""
    found = slow_points(flow, x[None], stability=False, seed=seed)
    if len(found) and float(norms(found.points - x)[0]) <= SAME * size:
        return found.points[0]
    return x


def _kept(rate: Tensor, times: float) -> Tensor:
    """Proportion of a displacement that is left; bounded, so that fast growth stays a number."""
    return (rate * times).clamp(max=100.0).exp()


def _errors(found: Eigenpairs) -> Tensor:
    """Bound the error of each eigenvalue to first order: residual and rounding x condition number."""
    condition = torch.ones_like(found.residuals) if found.condition is None else found.condition
    norm = found.values.abs().max().clamp_min(1e-300)
    backward = found.residuals + 20 * torch.finfo(torch.float64).eps * norm
    # the square root is the bound of a defective eigenvalue, of which the first order says nothing
    error = torch.minimum(backward * condition.nan_to_num(nan=torch.inf), (backward * norm).sqrt())
    return error.to(torch.float64)


def _checked(judged: Judged, found: Eigenpairs) -> Judged:
    """Undecided where an eigenvalue did not converge."""
    worst = next((one for one in found.status if one is not Status.CONVERGED), Status.CONVERGED)
    return judged if worst is Status.CONVERGED else replace(judged, kind="undecided", status=worst)
