"""Back through one area's time course, keeping one tensor per area and step.

Only the adjoint recursion is sequential; the gradients of kernels and of what the area read are convolutions over
time x batch. phi' is recovered from the rates: share x phi(drive) is what r(t + 1) holds beyond the rest of r(t).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.dynamics.course import Plan, like_maps, pieces, trials

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


class Adjoint:
    """Backward pass of one area: `drive` [T, B, ...] is the gradient with respect to the drive."""

    def __init__(self, plan: Plan, course: Tensor, courses: Sequence[Tensor], space: Tensor | None = None) -> None:
        """`courses`: of the sources, rows 0 ... T; `space`: memory for `drive`."""
        self.plan, self.course, self.courses = plan, course, courses
        self.recurrent = plan.circuit.recurrent.get(plan.area)
        self.drive = like_maps(course[0], len(plan.row)) if space is None else space
        keep = torch.as_tensor(1 - plan.share)
        self.rectified = plan.activation.is_rectifier and bool((keep >= 0).all() and (course[0] >= 0).all())

    def recur(self, upstream: Upstream) -> Tensor:
        """Fill `drive`, last step first; returns the gradient with respect to the start."""
        start = torch.empty_like(self.course[0])
        for some in trials(start):
            start[some] = self._recur(upstream, some)
        return start

    def _recur(self, upstream: Upstream, some: slice) -> Tensor:
        """The recursion for some of the trials, whose rates then stay in the cache; the adjoint is kept times share."""
        plan, share, rows = self.plan, self.plan.share, self.course[:, some]
        adjoint, scratch = torch.zeros_like(rows[0]), torch.empty_like(rows[0])
        if upstream.last is not None:
            adjoint += upstream.last[some] * share
        for step in reversed(range(len(plan.row))):
            self._receive(adjoint, upstream, step + 1, some)
            drive = self._through_phi(adjoint, rows[step], rows[step + 1], scratch, self.drive[step, some])
            if self.recurrent is None:
                adjoint *= 1 - share
            else:
                torch.lerp(adjoint, self.recurrent.transpose(drive), share, out=adjoint)
        self._receive(adjoint, upstream, 0, some)
        return adjoint / share

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

    def _through_phi(self, adjoint: Tensor, before: Tensor, after: Tensor, scratch: Tensor, out: Tensor) -> Tensor:
        """phi'(drive) x adjoint of one step, into `out`.

        A rectified unit was driven when its rate fell by less than the leak alone would make it fall.
        """
        phi, keep = self.plan.activation, 1 - self.plan.share
        if phi.name == "identity":
            return out.copy_(adjoint)
        slack = MARGIN * torch.finfo(before.dtype).eps if phi.is_rectifier else 0.0
        if self.rectified:  # rates that start at zero or above stay there, so the slack fits into the leak
            keep, slack = keep * (1 + slack), 0.0
        if isinstance(keep, Tensor):
            target = torch.sub(after, torch.mul(before, keep, out=scratch), out=scratch)
        else:
            target = torch.sub(after, before, alpha=keep, out=scratch)
        if slack:
            target -= before.abs() * slack
        return phi.backward(adjoint, target, self.plan.share, out)

    def to_constant(self, shape: torch.Size) -> Tensor:
        """Gradient with respect to the constant drive [S, 1 or B, C, H, W]: one matrix product over time."""
        held = torch.zeros(shape[0], len(self.drive), dtype=self.drive.dtype, device=self.drive.device)
        held[self.plan.row, range(len(self.plan.row))] = 1
        last = self.drive.permute(0, 1, 3, 4, 2)
        summed = torch.unflatten(held @ last.flatten(1), 1, last.shape[1:]).permute(0, 1, 4, 2, 3)
        return summed if shape[1] == summed.shape[1] else summed.sum(1, keepdim=True)

    def to_kernels(self, totals: Sequence[Tensor], gradients: Sequence[Tensor], fresh: Sequence[bool]) -> None:
        """Add the gradients of the plan's kernels to `totals`, and those of its sources to `gradients` [T, B, ...].

        `fresh`: for each source, whether its gradient is to be written rather than added to.
        """
        for piece in pieces(len(self.plan.row), self.course[0]):
            kernels, sources = self._piece(piece)
            for total, part in zip(totals, kernels, strict=True):
                total += part
            for gradient, part, first in zip(gradients, sources, fresh, strict=True):
                rows = gradient[piece]
                part = torch.unflatten(part, 0, rows.shape[:2])
                rows.copy_(part) if first else rows.add_(part)

    def _piece(self, piece: slice) -> tuple[list[Tensor], Sequence[Tensor]]:
        """Gradients of kernels and of sources [T x B, ...] over some of the steps."""
        plan, drive = self.plan, self.drive[piece].flatten(0, 1)
        kernels = []
        if self.recurrent is not None:
            kernels.append(self.recurrent.weight_gradient(self.course[piece].flatten(0, 1), drive))
        if not self.courses:
            return kernels, ()
        with torch.enable_grad():
            read = [course[piece].flatten(0, 1).detach().requires_grad_() for course in self.courses]
            gathered, direct = plan.gather(read)
        outputs, gradients = [], []
        if gathered is not None:
            feedforward = plan.circuit.feedforward[plan.area]
            kernels.append(feedforward.weight_gradient(gathered.detach(), drive))
            outputs.append(gathered)
            gradients.append(feedforward.transpose(drive, gathered.shape[2:]))
        if direct is not None:
            outputs.append(direct)
            gradients.append(drive)
        links = list(plan.circuit.link_kernels(plan.area))
        found = torch.autograd.grad(outputs, [*read, *links], gradients)
        return kernels + list(found[len(read) :]), found[: len(read)]
