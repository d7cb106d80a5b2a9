"""Branches of fixed points along a parameter, and their bifurcations."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive, check_tolerance, check_type
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.branch_steps import BranchPoint, SolutionCurve
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.status import Status

MOST_POINTS = 1_000_000
"""Largest number of points on a branch that is accepted."""


@dataclass(frozen=True)
class Bifurcation:
    """A point at which a branch changes its stability or turns back.

    Attributes
    ----------
    kind : "fold" (the branch turns back: two fixed points merge), "branch" (a real eigenvalue crosses zero without a
        turn: pitchfork, transcritical), "hopf" (a complex pair crosses the imaginary axis: a cycle is born).
    value : of the parameter.
    point : [*domain], the fixed point there.
    eigenvalue : the one that crosses, 1/ms.
    width : the parameter's change over the last interval that brackets it.
    status : CONVERGED, or ITERATIONS if that interval could not be made as short as `tol` asks.
    """

    kind: str
    value: float
    point: Tensor
    eigenvalue: complex
    width: float
    status: Status


@dataclass(frozen=True)
class Branch:
    """Fixed points along a parameter, in order of arc length; the parameter may go back and forth.

    Attributes
    ----------
    values : [M], the parameter.
    points : [M, *domain].
    residual : [M], |v| relative to |Jacobian| x |state|.
    leading : complex [M, k], eigenvalues with the largest real parts, 1/ms.
    unstable : [M], number of those with positive real parts.
    bifurcations : in order.
    status : CONVERGED if the branch reached an end of the range; ITERATIONS if it has more than `max_points`; STUCK if
        even the shortest step could not be corrected.
    """

    values: Tensor
    points: Tensor
    residual: Tensor
    leading: Tensor
    unstable: Tensor
    bifurcations: tuple[Bifurcation, ...]
    status: Status

    @property
    def stable(self) -> Tensor:
        """[M], True where small perturbations decay."""
        return self.unstable == 0


@check_arguments
@exact()
def continue_fixed_point(
    flow_of: Callable[[float], Flow],
    start: Tensor,
    span: tuple[float, float],
    *,
    step: float | None = None,
    max_points: int = 200,
    k: int = 4,
    tol: float = 1e-6,
    seed: int = 0,
) -> Branch:
    """Follow a fixed point while a parameter (a gain, contrast, the mixture of two images) changes, also past folds.

    Pseudo-arclength continuation: each next point is predicted along the tangent and corrected by Newton's method on
    the equations of the flow and of the arc length, so a branch is followed where it turns back. The bordered systems
    are solved densely up to 300 units and by GMRES beyond, with factors up to 4,096 units where GMRES fails. A step is
    halved if its correction fails, and grows while corrections are quick. Bifurcations are detected by turns and by the
    number of the k leading eigenvalues with positive real parts; each is then bracketed by bisection of the arc. Two
    between neighbouring points that cancel are missed: lower `step`. At a branch point the branch that goes straight on
    is followed.

    Parameters
    ----------
    flow_of : parameter -> flow; all of the same domain. Maps are not supported.
    start : [*domain], near a fixed point at span[0].
    span : (from, to): the initial parameter and the end towards which it goes first; the branch may leave by either.
    step : largest step; None is a thirtieth of the span. Lengths combine the parameter and the root mean square of the
        state.
    max_points : of the branch.
    k : eigenvalues at each point.
    tol : width to which bifurcations are bracketed, as a share of the span.
    seed : seed of eigenvalues of large flows.

    Raises
    ------
    TypeError, ValueError : a start, span or numbers that do not fit; a map.
    ArithmeticError : no fixed point near `start` at span[0].

    Source: Keller 1977; Govaerts 2000.
    """
    if len(span) != 2:
        raise ValueError(f"span must be (from, to), got {len(span)} number(s)")
    span = (float(span[0]), float(span[1]))
    flow = flow_of(span[0])
    check_type(flow, Flow, "what flow_of returns", "a Flow")
    flow.check_states(start[None], "start")
    step = _largest_step(flow, span, step, max_points, k, tol)
    curve = SolutionCurve(flow_of, k, seed)
    branch = [curve.first(start, span[0], 1.0 if span[1] > span[0] else -1.0)]
    found, status = _follow(curve, branch, (min(span), max(span)), step, max_points, tol)
    return _branch(branch, found, status)


def _follow(
    curve: SolutionCurve, branch: list[BranchPoint], span: tuple[float, float], step: float, max_points: int, tol: float
) -> tuple[list[Bifurcation], Status]:
    """Append point after point to `branch`; returns the bifurcations and how the branch ended."""
    low, high = span
    length, found = step, list[Bifurcation]()
    while len(branch) < max_points:
        ahead, quick = curve.advance(branch[-1], length)
        if ahead is None:
            length /= 2
            if length < 1e-6 * step:
                return found, Status.STUCK
            continue
        outside = not low <= ahead.value <= high
        if outside:
            ahead = _last_inside(curve, branch[-1], length, low, high)
        kind = _bifurcation_between(branch[-1], ahead)
        if kind is not None:
            found.append(_bracket(curve, branch[-1], length, ahead, kind, tol * (high - low)))
        branch.append(ahead)
        if outside:
            return found, Status.CONVERGED
        length = min(step, 1.5 * length) if quick else length
    return found, Status.ITERATIONS


def _bifurcation_between(one: BranchPoint, other: BranchPoint) -> str | None:
    """The kind of bifurcation between two neighbours on a branch, from what has changed; None if nothing has."""
    turned = one.tangent_p * other.tangent_p < 0
    change = abs(other.unstable - one.unstable)
    if turned and change in (0, 1):  # 0: the eigenvalue that crosses may not be among the k leading ones
        return "fold"
    if change == 0:
        return None
    nearest = min(other.eigenvalues.tolist(), key=lambda value: abs(value.real))
    return "hopf" if change == 2 and abs(nearest.imag) > 1e-6 * abs(nearest) and nearest.imag else "branch"


def _last_inside(curve: SolutionCurve, point: BranchPoint, length: float, low: float, high: float) -> BranchPoint:
    """The last point of the branch before it leaves the range, by bisection of the last step."""
    inside, best = 0.0, point
    for _ in range(40):
        middle = (inside + length) / 2
        there, _quick = curve.advance(point, middle)
        if there is not None and low <= there.value <= high:
            inside, best = middle, there
        else:
            length = middle
        if length - inside < 1e-6 * (high - low):
            break
    return best


def _bracket(
    curve: SolutionCurve, point: BranchPoint, length: float, ahead: BranchPoint, kind: str, tol: float
) -> Bifurcation:
    """Bisect the arc from `point` to `ahead`, `length` further, until the interval is as short as asked."""
    near, far, left, right = 0.0, length, point, ahead
    for _ in range(60):
        if far - near <= tol:
            break
        there, _quick = curve.advance(point, (near + far) / 2)
        if there is None:
            break
        if _bifurcation_between(point, there) is None:
            near, left = (near + far) / 2, there
        else:
            far, right = (near + far) / 2, there
    nearest = min(right.eigenvalues.tolist(), key=lambda value: abs(value.real))
    status = Status.CONVERGED if far - near <= tol else Status.ITERATIONS
    return Bifurcation(kind, right.value, right.x, complex(nearest), abs(right.value - left.value), status)


def _branch(branch: list[BranchPoint], found: list[Bifurcation], status: Status) -> Branch:
    width = max(len(point.eigenvalues) for point in branch)
    leading = torch.full((len(branch), width), complex(math.nan, math.nan), dtype=torch.complex128)
    for row, point in enumerate(branch):
        leading[row, : len(point.eigenvalues)] = point.eigenvalues
    values, residual = (
        torch.tensor([getattr(point, name) for point in branch], dtype=torch.float64) for name in ("value", "residual")
    )
    unstable = torch.tensor([point.unstable for point in branch])
    points = torch.stack([point.x for point in branch])
    return Branch(values, points, residual, leading, unstable, tuple(found), status)


def _largest_step(
    flow: Flow, span: tuple[float, float], step: float | None, max_points: int, k: int, tol: float
) -> float:
    """Check the arguments; returns the largest step."""
    if flow.is_map:
        raise ValueError("flow_of must give flows in continuous time, got a map; continue x -> f(x) - x as a flow")
    if len(span) != 2 or not all(math.isfinite(end) for end in span) or span[0] == span[1]:
        raise ValueError(f"span must be two different numbers (from, to), got {span!r}")
    if max_points < 2 or k < 1:
        raise ValueError(f"max_points must be at least 2 and k 1, got {max_points} and {k}")
    check_count(max_points, "max_points", 2, MOST_POINTS)
    check_count(k, "k", 1)
    check_tolerance(tol)
    if step is None:
        return abs(span[1] - span[0]) / 30
    check_positive(step, "step")
    return step
