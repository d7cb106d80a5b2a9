"""Back through one area's time course, keeping one tensor per area and step.

Only the adjoint recursion is sequential; the gradients of weights and of what the area read are convolutions over
time x batch. phi' is recovered from the rates: share x phi(drive) is what r(t + 1) holds beyond the rest of r(t).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.dynamics.engines.course import Plan, pieces, trials
from cordsnet.dynamics.engines.scratch import Scratch
from cordsnet.dynamics.maps import weights_of

MARGIN = 8.0
"""A target this many rounding errors of the rate above zero counts as zero when phi' is recovered."""


@dataclass(frozen=True)
class Upstream:
    """Gradients that reach one area's course [T + 1, B, ...] from outside; None where there is none.

    Attributes
    ----------
    course : with respect to rows 0 ... T - 1, from the areas that read this one.
    kept : row -> with respect to that row, from what was recorded.
    last : with respect to row T, from what happened later.
    """

    course: Tensor | None
    kept: dict[int, Tensor]
    last: Tensor | None


@dataclass(frozen=True)
class Downstream:
    """Destinations of the gradients of one area.

    Attributes
    ----------
    constant : with respect to its constant drive [S, B, *shape], added to; None if nothing asks for it.
    weights : with respect to its weights, in the order of `Plan.weights`, added to.
    courses : with respect to the courses of its sources, rows 0 ... T - 1.
    fresh : for each source, True if its gradient is to be written rather than added to.
    """

    constant: Tensor | None
    weights: Sequence[Tensor]
    courses: Sequence[Tensor]
    fresh: Sequence[bool]


class Adjoint:
    """Backward pass of one area, in pieces of time: the recursion through a piece, then everything that follows."""

    def __init__(self, plan: Plan, course: Tensor, courses: Sequence[Tensor], scratch: Scratch) -> None:
        """`courses`: of the sources, rows 0 ... T."""
        self.plan, self.course, self.courses, self.scratch = plan, course, courses, scratch
        self.recurrent = plan.circuit.recurrent.get(plan.area)

    def run(self, upstream: Upstream, downstream: Downstream) -> Tensor:
        """Pass everything on, last piece first; returns the gradient with respect to the start.

        The adjoint is kept times share, so that one fused step takes it back through leak and recurrence.
        """
        adjoint = torch.zeros_like(self.course[0])
        if upstream.last is not None:
            adjoint += upstream.last * self.plan.share
        for piece in reversed(list(pieces(len(self.plan.row), adjoint))):
            drive = self.scratch.take(adjoint, piece.stop - piece.start)
            for some in trials(adjoint):
                self._recur(adjoint[some], upstream, piece, some, drive[:, some])
            self._pass_on(drive, piece, downstream)
            self.scratch.give(drive)
        self._receive(adjoint, upstream, 0, slice(None))
        return adjoint.div_(self.plan.share)

    def _recur(self, adjoint: Tensor, upstream: Upstream, piece: slice, some: slice, drives: Tensor) -> None:
        """Take `adjoint` back through a piece for some of the trials, whose rates then stay in the cache.

        `drives` [T, ...] receives the gradient with respect to the drive.
        """
        share, scratch = self.plan.share, torch.empty_like(adjoint)
        rows, through = self.course[piece.start : piece.stop + 1, some].unbind(), drives.unbind()
        for k in reversed(range(piece.stop - piece.start)):
            self._receive(adjoint, upstream, piece.start + k + 1, some)
            drive = through[k]
            self._through_phi(adjoint, rows[k], rows[k + 1], scratch, drive)
            if self.recurrent is None:
                adjoint *= 1 - share
            else:
                torch.lerp(adjoint, self.recurrent.transpose(drive), share, out=adjoint)

    def _receive(self, adjoint: Tensor, upstream: Upstream, row: int, some: slice) -> None:
        """Add, times share, what reaches a row from outside."""
        arriving = [upstream.kept[row]] if row in upstream.kept else []
        if upstream.course is not None and row < len(upstream.course):
            arriving.append(upstream.course[row])
        for gradient in arriving:
            if isinstance(self.plan.share, Tensor):
                adjoint.addcmul_(gradient[some], self.plan.share)
            else:
                adjoint.add_(gradient[some], alpha=self.plan.share)

    def _through_phi(self, adjoint: Tensor, before: Tensor, after: Tensor, scratch: Tensor, out: Tensor) -> None:
        """phi'(drive) x adjoint of one step, into `out`.

        A rectified unit was driven when its rate fell by less than the leak alone would make it fall.
        """
        phi, keep = self.plan.activation, 1 - self.plan.share
        if phi.name == "identity":
            out.copy_(adjoint)
            return
        slack = MARGIN * torch.finfo(before.dtype).eps if phi.is_rectifier else 0.0
        if self.plan.area in self.plan.positive:  # the slack fits into the leak
            keep, slack = keep * (1 + slack), 0.0
        if isinstance(keep, Tensor):
            target = torch.sub(after, torch.mul(before, keep, out=scratch), out=scratch)
        else:
            target = torch.sub(after, before, alpha=keep, out=scratch)
        if slack:
            target -= before.abs() * slack
        phi.backward(adjoint, target, self.plan.share, out)

    def _pass_on(self, drive: Tensor, piece: slice, downstream: Downstream) -> None:
        """Everything that follows from the gradient with respect to the drive [T, B, ...] of a piece."""
        if downstream.constant is not None:
            held = drive.new_zeros(len(downstream.constant), len(drive))
            held[self.plan.row[piece], range(len(drive))] = 1
            downstream.constant.add_(_over_time(held, drive))
        weights, emitted = self._through_weights(drive.flatten(0, 1), piece)
        for weight, total in zip(self.plan.weights(), downstream.weights, strict=True):
            for part in weights.get(id(weight), ()):
                total += part
        for course, gradient, source, first in zip(
            downstream.courses, emitted, self.courses, downstream.fresh, strict=True
        ):
            rows, rates = course[piece].flatten(0, 1), source[piece].flatten(0, 1)
            if first:
                torch.ops.aten.threshold_backward.grad_input(gradient, rates, 0.0, grad_input=rows)
            else:
                rows += torch.ops.aten.threshold_backward(gradient, rates, 0.0)

    def _through_weights(self, drive: Tensor, piece: slice) -> tuple[dict[int, list[Tensor]], Sequence[Tensor]]:
        """Gradients of weights, by their identity, and of what the sources emitted [T x B, ...], over a piece."""
        plan, found = self.plan, _Gradients()
        if self.recurrent is not None and self.recurrent.weight.requires_grad:
            found.add(self.recurrent.weight, self.recurrent.weight_gradient(self.course[piece].flatten(0, 1), drive))
        if not self.courses:
            return found.parts, ()
        emitted = [r.detach().requires_grad_() for r in plan.emitted([course[piece] for course in self.courses])]
        with torch.enable_grad():
            gathered, direct = plan.gather(emitted)
        outputs, gradients = [], []
        if gathered is not None:
            feedforward = plan.circuit.feedforward.get(plan.area)
            outputs.append(gathered)
            if feedforward is None:
                gradients.append(drive)
            else:
                if feedforward.weight.requires_grad:
                    found.add(feedforward.weight, feedforward.weight_gradient(gathered.detach(), drive))
                gradients.append(feedforward.transpose(drive, gathered.shape[2:]))
        if direct is not None:
            outputs.append(direct)
            gradients.append(drive)
        every = weights_of([pathway.map for pathway in plan.circuit.afferent[plan.area]])
        weights = [weight for weight in every if weight.requires_grad]
        back = torch.autograd.grad(outputs, [*emitted, *weights], gradients)
        for weight, gradient in zip(weights, back[len(emitted) :], strict=True):
            found.add(weight, gradient)
        return found.parts, back[: len(emitted)]


class _Gradients:
    """Gradients of weights by the weight's identity: a weight may be reached in more than one way."""

    def __init__(self) -> None:
        self.parts: dict[int, list[Tensor]] = {}

    def add(self, weight: Tensor, gradient: Tensor) -> None:
        self.parts.setdefault(id(weight), []).append(gradient)


def _over_time(weights: Tensor, drive: Tensor) -> Tensor:
    """Sums over time [S, B, *shape] of drive [T, B, *shape] with weights [S, T]: one matrix product.

    Maps are taken with their channels last, as they lie in memory, so that nothing is copied.
    """
    if drive.ndim != 5:
        return torch.unflatten(weights @ drive.flatten(1), 1, drive.shape[1:])
    last = drive.permute(0, 1, 3, 4, 2)
    return torch.unflatten(weights @ last.flatten(1), 1, last.shape[1:]).permute(0, 1, 4, 2, 3)
