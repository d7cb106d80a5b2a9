"""Branches of fixed points along a parameter, and the bifurcations on them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.branch_steps import Curve, Spot
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class Bifurcation:
    """Where a branch changes its stability or turns round.

    Attributes
    ----------
    kind : "fold" (the branch turns: two fixed points meet), "branch" (a real eigenvalue passes zero without a turn:
        pitchfork, transcritical), "hopf" (a complex pair passes the imaginary axis: a cycle is born).
    value : of the parameter.
    point : [*domain], the fixed point there.
    eigenvalue : the one that passes, 1/ms.
    width : the parameter's change over the last interval that brackets it.
    status : CONVERGED, or ITERATIONS when that interval could not be made as short as `tol` asks.
    """

    kind: str
    value: float
    point: Tensor
    eigenvalue: complex
    width: float
    status: Status


@dataclass(frozen=True)
class Branch:
    """Fixed points along a parameter, in the order of the arc; the parameter may go back and forth.

    Attributes
    ----------
    values : [M], the parameter.
    points : [M, *domain].
    residual : [M], |v| as a share of the size of the Jacobian x that of the state.
    leading : complex [M, k], eigenvalues with the largest real parts, 1/ms.
    unstable : [M], how many of those have positive real parts.
    bifurcations : in order.
    status : CONVERGED when the branch came to an end of the range; ITERATIONS when it had more than `max_points`;
        STUCK when even the shortest step could not be corrected.
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
        """[M], whether small disturbances fade."""
        return self.unstable == 0


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
    """Follow a fixed point while a parameter (a gain, contrast, the mixture of two images) changes; past folds too.

    Pseudo-arclength continuation: each next point is predicted along the tangent and corrected by Newton's method on
    the flow's equations and the arc's, so that the branch is followed where it turns back. The bordered systems are
    solved densely up to 300 units and by GMRES on products beyond. A step is halved when its correction fails, and
    grows while corrections are quick. Bifurcations are seen by how many of the k leading eigenvalues have positive
    real parts, and by turns; each is then bracketed by bisection of the arc. Two between neighbouring points that
    undo one another are missed: lower `step`. At a branch point the branch that is followed goes straight on.

    Parameters
    ----------
    flow_of : parameter -> flow; all of the same domain. Maps are not followed.
    start : [*domain], near a fixed point at span[0].
    span : (from, to): where the parameter starts, and towards which end first; it may leave by either end.
    step : largest length of a step; None is a thirtieth of the span. Length is measured in the parameter and the root
        mean square of the state together.
    max_points : of the branch.
    k : eigenvalues at each point.
    tol : width to which bifurcations are bracketed, as a share of the span.
    seed : of eigenvalues of large flows.

    Raises
    ------
    TypeError, ValueError : a start, span or numbers that do not fit; a map.
    ArithmeticError : no fixed point near `start` at span[0].

    Source: Keller 1977; Govaerts 2000.
    """
    flow = flow_of(span[0])
    flow.check_states(start[None], "start")
    step = _checked(flow, span, step, max_points, k, tol)
    curve = Curve(flow_of, k, seed)
    spots = [curve.first(start, span[0], 1.0 if span[1] > span[0] else -1.0)]
    found, status = _follow(curve, spots, (min(span), max(span)), step, max_points, tol)
    return _branch(spots, found, status)


def _follow(
    curve: Curve, spots: list[Spot], span: tuple[float, float], step: float, max_points: int, tol: float
) -> tuple[list[Bifurcation], Status]:
    """Append point after point to `spots`; the bifurcations passed, and how the branch ended."""
    low, high = span
    length, found = step, list[Bifurcation]()
    while len(spots) < max_points:
        ahead, quick = curve.advance(spots[-1], length)
        if ahead is None:
            length /= 2
            if length < 1e-6 * step:
                return found, Status.STUCK
            continue
        outside = not low <= ahead.value <= high
        if outside:
            ahead = _to_the_edge(curve, spots[-1], length, low, high)
        kind = _passed(spots[-1], ahead)
        if kind is not None:
            found.append(_bracketed(curve, spots[-1], length, ahead, kind, tol * (high - low)))
        spots.append(ahead)
        if outside:
            return found, Status.CONVERGED
        length = min(step, 1.5 * length) if quick else length
    return found, Status.ITERATIONS


def _passed(one: Spot, other: Spot) -> str | None:
    """The kind of bifurcation between two neighbours on a branch, by what has changed."""
    turned = one.turn * other.turn < 0
    change = abs(other.unstable - one.unstable)
    if turned and change in (0, 1):  # eigenvalues beyond the k leading ones may turn the branch as well
        return "fold"
    if change == 0:
        return None
    nearest = min(other.leading.tolist(), key=lambda value: abs(value.real))
    return "hopf" if change == 2 and abs(nearest.imag) > 1e-6 * abs(nearest) and nearest.imag else "branch"


def _to_the_edge(curve: Curve, spot: Spot, length: float, low: float, high: float) -> Spot:
    """The last point of the branch before it leaves the range, by bisection of the last step."""
    inside, best = 0.0, spot
    for _ in range(40):
        middle = (inside + length) / 2
        there, _quick = curve.advance(spot, middle)
        if there is not None and low <= there.value <= high:
            inside, best = middle, there
        else:
            length = middle
        if length - inside < 1e-6 * (high - low):
            break
    return best


def _bracketed(curve: Curve, spot: Spot, length: float, ahead: Spot, kind: str, tol: float) -> Bifurcation:
    """Bisection of the arc from `spot` to `ahead`, `length` further, until the interval is as short as asked."""
    near, far, left, right = 0.0, length, spot, ahead
    for _ in range(60):
        if far - near <= tol:
            break
        there, _quick = curve.advance(spot, (near + far) / 2)
        if there is None:
            break
        if _passed(spot, there) is None:
            near, left = (near + far) / 2, there
        else:
            far, right = (near + far) / 2, there
    nearest = min(right.leading.tolist(), key=lambda value: abs(value.real))
    status = Status.CONVERGED if far - near <= tol else Status.ITERATIONS
    return Bifurcation(kind, right.value, right.x, complex(nearest), abs(right.value - left.value), status)


def _branch(spots: list[Spot], found: list[Bifurcation], status: Status) -> Branch:
    width = max(len(spot.leading) for spot in spots)
    leading = torch.full((len(spots), width), complex(math.nan, math.nan), dtype=torch.complex128)
    for row, spot in enumerate(spots):
        leading[row, : len(spot.leading)] = spot.leading
    values, residual = (
        torch.tensor([getattr(spot, name) for spot in spots], dtype=torch.float64) for name in ("value", "residual")
    )
    unstable = torch.tensor([spot.unstable for spot in spots])
    points = torch.stack([spot.x for spot in spots])
    return Branch(values, points, residual, leading, unstable, tuple(found), status)


def _checked(flow: Flow, span: tuple[float, float], step: float | None, max_points: int, k: int, tol: float) -> float:
    """The step to be taken."""
    if flow.is_map:
        raise ValueError("flow_of must give flows in continuous time, got a map; continue x -> f(x) - x as a flow")
    if len(span) != 2 or not all(math.isfinite(end) for end in span) or span[0] == span[1]:
        raise ValueError(f"span must be two different numbers (from, to), got {span!r}")
    if max_points < 2 or k < 1:
        raise ValueError(f"max_points must be at least 2 and k 1, got {max_points} and {k}")
    check_positive(tol, "tol")
    if step is None:
        return abs(span[1] - span[0]) / 30
    check_positive(step, "step")
    return step
