"""Fixed points as a result: ends of many searches merged, with accuracy and stability."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.flows.linear_algebra import DENSE, leading_eigenvalues
from cordsnet.analysis.flows.point_search import End, Scale, newton, speed
from cordsnet.analysis.status import Status


@dataclass(frozen=True)
class FixedPoints:
    """Fixed (or slow) points of a flow, duplicates merged, smallest residual first.

    Attributes
    ----------
    points : [P, *domain].
    residual : [P], speed relative to |Jacobian| x |point|, the speed of such a state that decays alone. For slow points
        |point| is the size of the starts.
    accuracy : [P], length of Newton's next step: how far the fixed point is, to first order.
    radius : [P], ends closer than this count as the same point.
    q : [P], |v|^2 / 2 (Sussillo & Barak 2013).
    start_counts : [P], number of starts that led there; 0 for a point that was found between two others.
    leading : [P], complex, the eigenvalue of the Jacobian with the largest real part, 1/ms; NaN if not computed.
    leading_residual : [P], |J v - l v| of its eigenvector, |v| = 1, in 1/ms.
    leading_error : [P], how far off the eigenvalue may be, to first order: residual, and rounding, x condition number.
    leading_status : one for each point; empty if not computed.
    statuses : one for each start: CONVERGED, or why it led to none of these points.
    is_map : True if the flow's time is discrete; stability then depends on |1 + leading|.
    continuum : [P], True where the point is one of a line or surface of fixed points, so that their number means
        nothing; False if that was not computed.
    notes : what was found beside the points, such as starts that led to slow states.
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
    accuracy: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    radius: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    leading_error: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    continuum: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    @property
    def stable(self) -> Tensor:
        """[P], True where small perturbations decay: Re < 0, or for a map |1 + leading| < 1."""
        return self.growth < 0

    @property
    def growth(self) -> Tensor:
        """[P], growth rate of the leading perturbation: its real part, or for a map |1 + leading| - 1."""
        return (1 + self.leading).abs() - 1 if self.is_map else self.leading.real

    @property
    def stability(self) -> tuple[str, ...]:
        """For each point "stable", "unstable", or "not decided" where `growth` is not beyond its error from zero."""
        words = []
        for row in range(len(self)):
            growth, known = float(self.growth[row]), row < len(self.leading_status)
            sure = known and self.leading_status[row] is Status.CONVERGED
            sure = sure and abs(growth) > float(self.leading_error[row])
            words.append(("stable" if growth < 0 else "unstable") if sure else "not decided")
        return tuple(words)

    @property
    def failed_starts(self) -> int:
        """Number of starts that led to none of these points."""
        return sum(status is not Status.CONVERGED for status in self.statuses)


def collect_points(
    flow: Flow,
    ends: Sequence[End],
    scale: Scale,
    merge: float | None,
    stability: bool,
    seed: int,
    keep: Sequence[Status] = (Status.CONVERGED,),
    between: Sequence[End] = (),
) -> FixedPoints:
    """Merge the ends that count, and compute their stability; `between` are ends of searches that no start began."""
    every = [*ends, *between]
    kept = [end for end in every if end.status in keep]
    started = [row < len(ends) for row, end in enumerate(every) if end.status in keep]
    x = torch.stack([end.x for end in kept]) if kept else torch.zeros(0, *flow.domain, dtype=flow.dtype)
    x = x.to(flow.device)
    order = speed(flow, x).argsort(stable=True).tolist() if kept else []
    x, away = x[order], torch.tensor([kept[row].accuracy for row in order], dtype=torch.float64)
    size = torch.linalg.vector_norm(x.double().flatten(1), dim=1).cpu()
    if merge is None:
        radius = 20 * away + 1000 * torch.finfo(flow.dtype).eps * size + scale.rounding
    else:
        radius = torch.full_like(away, merge * scale.size)
    own, found = _merged(x, radius, [started[row] for row in order])
    points, speeds = x[own], speed(flow, x[own]).cpu() if kept else away
    slow = Status.SLOW in keep
    against = torch.full_like(size[own], scale.size) if slow else size[own].clamp_min(scale.rounding)
    near = radius[own].tolist()
    judged = [_leading(flow, *pair, seed) for pair in zip(points, near, strict=True)] if stability else []
    unknown = torch.full((len(points),), torch.nan, dtype=torch.complex128)
    continuum = [not slow and _is_one_of_many(flow, point, scale) for point in points]
    return FixedPoints(
        points,
        speeds / (scale.rate * against),
        speeds.square() / 2,
        found,
        torch.stack([one.value for one in judged]) if judged else unknown,
        torch.tensor([one.residual for one in judged], dtype=torch.float64) if judged else unknown.real,
        tuple(one.status for one in judged),
        tuple(end.status for end in ends),
        flow.is_map,
        away[own],
        radius[own],
        torch.tensor([one.error for one in judged], dtype=torch.float64) if judged else unknown.real,
        torch.tensor(continuum, dtype=torch.bool),
        _notes(ends, continuum),
    )


def _notes(ends: Sequence[End], continuum: Sequence[bool]) -> tuple[str, ...]:
    notes = []
    counts = Counter(end.status for end in ends)
    for status, words in {
        Status.STUCK: "where the speed has a minimum above zero: slow states, not fixed points (see slow_points)",
        Status.ITERATIONS: "before they reached a fixed point",
        Status.NOT_FINITE: "where the velocity is not finite",
    }.items():
        if counts[status]:
            notes.append(f"{counts[status]} of {len(ends)} starts ended {words}")
    if any(continuum):
        notes.append(
            f"{sum(continuum)} of {len(continuum)} points are part of a continuum of fixed points; "
            "their number is that of the starts"
        )
    return tuple(notes)


def _is_one_of_many(flow: Flow, point: Tensor, scale: Scale) -> bool:
    """True if a small step along a null direction of the Jacobian leads to another fixed point.

    Null directions are looked for up to `DENSE` units.
    """
    if flow.units > DENSE:
        return False
    matrix = flow.jacobian(point).to_dense().cpu().double()
    if not bool(torch.isfinite(matrix).all()):
        return False
    _, sizes, directions = torch.linalg.svd(matrix)
    if float(sizes[-1]) > 1e-6 * float(sizes[0]):
        return False
    length = 1e-3 * (float(torch.linalg.vector_norm(point.double())) or scale.size)
    start = point + length * directions[-1].reshape(point.shape).to(point)
    end = newton(flow, start, scale, 10)
    moved = float(torch.linalg.vector_norm((end.x - point).double()))
    return end.status is Status.CONVERGED and 0.5 * length < moved < 2 * length


class Leading(NamedTuple):
    """The eigenvalue that decides on stability, its residual, how far off it may be, and its status."""

    value: Tensor
    residual: float
    error: float
    status: Status


def _leading(flow: Flow, point: Tensor, radius: float, seed: int) -> Leading:
    """The eigenvalue that decides on stability; for a map, that of the largest multiplier.

    Its error is that of the solver, and how much the Jacobian changes within the radius in which the point is known.
    """
    jacobian = flow.jacobian(point)
    shifted, which = (jacobian.shift(-1.0), "LM") if flow.is_map else (jacobian, "LR")
    found = leading_eigenvalues(shifted, 1, which, seed, vectors="both")
    value = found.values[0] - 1 if flow.is_map else found.values[0]
    residual, condition = float(found.residuals[0]), 1.0 if found.condition is None else float(found.condition[0])
    if flow.units <= DENSE:
        norm = float(torch.linalg.matrix_norm(shifted.to_dense().cpu().double(), 2))
    else:
        norm = float(found.values.abs().max())
    rounding = 20 * torch.finfo(flow.dtype).eps * norm
    # at a defective eigenvalue the first order says nothing; its error is the square root of that of the operator
    error = min((residual + rounding) * condition, math.sqrt((residual + rounding) * norm)) if norm else 0.0
    error = residual if math.isnan(error) else error
    if found.vectors is not None and bool(torch.isfinite(found.vectors[0]).all()):
        direction = found.vectors[0].real.to(point.dtype)
        direction = direction / torch.linalg.vector_norm(direction).clamp_min(1e-30)
        moved = flow.jacobian(point + radius * direction).mv(direction) - jacobian.mv(direction)
        error += float(torch.linalg.vector_norm(moved.double()))
    return Leading(value, residual, error, found.status[0])


def _merged(x: Tensor, radius: Tensor, counted: Sequence[bool]) -> tuple[list[int], Tensor]:
    """Rows that are not within `radius` [K] of any row kept before them, and how many counted rows each stands for."""
    own: list[int] = []
    counts: list[int] = []
    flat = x.double().flatten(1)
    for row in range(len(x)):
        near = torch.linalg.vector_norm(flat[own] - flat[row], dim=1).cpu() if own else flat.new_zeros(0)
        within = near <= torch.maximum(radius[own], radius[row])
        if bool(within.any()):
            counts[int(torch.where(within, near, torch.inf).argmin())] += counted[row]
        else:
            own.append(row)
            counts.append(int(counted[row]))
    return own, torch.tensor(counts, dtype=torch.int64)
