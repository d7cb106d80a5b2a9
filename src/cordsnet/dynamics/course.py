"""One area's whole time course at once: exact, with a backward pass that keeps one tensor per area and step.

A cascade has no feedback, so what drives an area is known for a whole stretch of time before the area is
run: its feedforward drive is one convolution over time x batch, and only its recurrent operator is applied
step after step. The adjoint is the same in reverse: only its recursion is sequential, and the gradients of
the kernels are convolutions over time x batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet.dynamics.activation import Activation
from cordsnet.dynamics.equation import Circuit, emit

CHUNK_BYTES = 8 * 2**20
"""Size of the pieces in which time x batch is convolved, so that temporaries stay small and near the cache."""

CACHE_BYTES = 2**20
"""Rates of the trials that are run through time together on a processor: a step touches them some five times."""

MARGIN = 8.0
"""A target this many rounding errors of the rate above zero counts as zero when phi' is recovered."""


@dataclass(frozen=True)
class Plan:
    """What stays the same while one area is run through a stretch of steps.

    Attributes
    ----------
    share : how far a unit moves towards its target in one step (dt / tau for Euler).
    row : for each step, the row of the constant drive that holds then.
    sources : areas that the area reads, in the order in which their courses are given.
    """

    circuit: Circuit
    area: str
    activation: Activation
    share: float | Tensor
    row: tuple[int, ...]
    sources: tuple[str, ...]

    def run(self, start: Tensor, constant: Tensor, courses: Sequence[Tensor], space: Tensor | None = None) -> Tensor:
        """The course [T + 1, B, C, H, W] whose row 0 is `start`, written into `space` where that is given.

        Sources are read one step back.
        """
        steps = len(self.row)
        course = like_maps(start, steps + 1) if space is None else space[: steps + 1]
        course[0] = start
        recurrent = self.circuit.recurrent.get(self.area)
        for piece in pieces(steps, start):
            afferent = self._afferent([source[piece] for source in courses])
            for some in trials(start):
                for k, step in enumerate(range(piece.start, piece.stop)):
                    rates = course[step, some]
                    drive = constant[self.row[step]]
                    drive = drive if len(drive) == 1 else drive[some]
                    if afferent is not None:
                        drive = afferent[k, some].add_(drive)
                    if recurrent is not None:
                        drive = recurrent(rates).add_(drive)
                    target = self.activation(drive) if recurrent is None else self.activation.overwrite(drive)
                    torch.lerp(rates, target, self.share, out=course[step + 1, some])
        return course

    def _afferent(self, courses: Sequence[Tensor]) -> Tensor | None:
        """Drive from the courses of lower areas, [T, B, C, H, W]."""
        if not courses:
            return None
        gathered, direct = self.gather([course.flatten(0, 1) for course in courses])
        if gathered is not None:
            through = self.circuit.feedforward[self.area](gathered)
            direct = through if direct is None else through.add_(direct)
        assert direct is not None
        return torch.unflatten(direct, 0, courses[0].shape[:2])

    def gather(self, courses: Sequence[Tensor]) -> tuple[Tensor | None, Tensor | None]:
        """What the feedforward operator reads, and what reaches the drive past it, from rates [T x B, C, H, W]."""
        emitted = {source: emit(rates) for source, rates in zip(self.sources, courses, strict=True)}

        def read(source: str, delay_ms: float) -> Tensor:
            return emitted[source]

        return self.circuit.gather(self.area, read), self.circuit.onto_drive(self.area, read)

    def sensitivity(self, before: Tensor, after: Tensor) -> Tensor | None:
        """phi'(drive) of one step, recovered from the rates before and after it; None where it is 1 throughout.

        A rectified unit was driven when its rate fell by less than the leak alone would make it fall.
        """
        keep = 1 - self.share
        if self.activation.name == "identity":
            return None
        if self.activation.name in ("relu", "prelu"):
            leaked = before * keep
            driven = after > leaked.add_(before.abs(), alpha=MARGIN * torch.finfo(before.dtype).eps)
            if self.activation.name == "relu":
                return driven
            return torch.where(driven, before.new_tensor(1.0), before.new_tensor(self.activation.slope))
        return self.activation.derivative_at_output((after - keep * before) / self.share)


class AreaCourse(torch.autograd.Function):
    """(start, constant drive, kernels, courses of lower areas) -> course, with the compact adjoint.

    The kernels are arguments so that their gradients have somewhere to go; the plan's circuit holds the same
    tensors. Only courses are kept for the backward pass: what the area read is computed again from them, and
    phi' is recovered from r(t + 1) against what is left of r(t).
    """

    @staticmethod
    def forward(ctx: Any, plan: Plan, start: Tensor, constant: Tensor, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """The course and, apart, its last row. `tensors`: kernels in the order of `kernels_of`, then courses read."""
        courses = tensors[len(tensors) - len(plan.sources) :]
        course = plan.run(start, constant, [source[:-1] for source in courses])
        ctx.plan, ctx.constant = plan, (constant.shape, constant.requires_grad)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(course, *courses)
        return course, course[-1].clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> Any:
        """The adjoint recursion backwards in time, then the kernels' gradients over time x batch."""
        if torch.is_grad_enabled():
            raise RuntimeError("this engine gives first derivatives only; use engine='time_major' for second ones")
        plan: Plan = ctx.plan
        course, *courses = ctx.saved_tensors
        back = _Adjoint(plan, course, courses)
        start = back.recur(*upstream)
        shape, wanted = ctx.constant
        constant = back.to_constant(shape) if wanted else None
        kernels, sources = back.to_kernels_and_sources()
        return None, start, constant, *kernels, *sources


class _Adjoint:
    """Working space of one backward pass: `drive` [T, B, ...] is the gradient with respect to the drive."""

    def __init__(self, plan: Plan, course: Tensor, courses: Sequence[Tensor]) -> None:
        self.plan, self.course, self.courses = plan, course, courses
        self.recurrent = plan.circuit.recurrent.get(plan.area)
        self.drive = like_maps(course[0], len(plan.row))

    def recur(self, upstream: Tensor | None, last: Tensor | None) -> Tensor:
        """Fill `drive`, last step first; returns the gradient with respect to the start.

        upstream : gradient with respect to the course, or None; last : with respect to its last row, apart.
        """
        course = self.course
        start = torch.zeros_like(course[-1]) if last is None else last.clone(memory_format=torch.preserve_format)
        if upstream is not None:
            start += upstream[-1]
        for some in trials(start):
            start[some] = self._recur(start[some], None if upstream is None else upstream[:, some], some)
        return start

    def _recur(self, adjoint: Tensor, upstream: Tensor | None, some: slice) -> Tensor:
        """The recursion for some of the trials, whose rates then stay in the cache."""
        plan, course = self.plan, self.course
        for step in reversed(range(len(plan.row))):
            delta = torch.mul(adjoint, plan.share, out=self.drive[step, some])
            if (slope := plan.sensitivity(course[step, some], course[step + 1, some])) is not None:
                delta.mul_(slope)
            adjoint = adjoint * (1 - plan.share)
            if upstream is not None:
                adjoint += upstream[step]
            if self.recurrent is not None:
                adjoint += self.recurrent.transpose(delta)
        return adjoint

    def to_constant(self, shape: torch.Size) -> Tensor:
        """Gradient with respect to the constant drive [S, 1 or B, C, H, W]."""
        rows = len(set(self.plan.row))
        if rows == 1:
            summed = self.drive.sum(0, keepdim=True)
        else:
            index = torch.tensor(self.plan.row, device=self.drive.device)
            summed = self.drive.new_zeros(shape[0], *self.drive.shape[1:]).index_add_(0, index, self.drive)
        return summed if shape[1] == summed.shape[1] else summed.sum(1, keepdim=True)

    def to_kernels_and_sources(self) -> tuple[list[Tensor], list[Tensor]]:
        """Gradients of the area's kernels, and of the courses that it reads."""
        kernels = kernels_of(self.plan.circuit, self.plan.area)
        totals = [torch.zeros_like(kernel) for kernel in kernels]
        sources = [like_maps(course[0], len(course)) for course in self.courses]
        for source in sources:
            source[-1] = 0
        for piece in pieces(len(self.plan.row), self.course[0]):
            parts = self._piece(piece, sources)
            for total, part in zip(totals, parts, strict=True):
                total.add_(part)
        return totals, sources

    def _piece(self, piece: slice, sources: Sequence[Tensor]) -> list[Tensor]:
        """Kernel gradients of some steps; the gradient of each source is written in place."""
        plan, drive = self.plan, self.drive[piece].flatten(0, 1)
        parts = []
        if self.recurrent is not None:
            parts.append(self.recurrent.weight_gradient(self.course[piece].flatten(0, 1), drive))
        if not self.courses:
            return parts
        with torch.enable_grad():
            read = [course[piece].flatten(0, 1).detach().requires_grad_() for course in self.courses]
            gathered, direct = plan.gather(read)
        outputs, gradients = [], []
        if gathered is not None:
            feedforward = plan.circuit.feedforward[plan.area]
            parts.append(feedforward.weight_gradient(gathered.detach(), drive))
            outputs.append(gathered)
            gradients.append(feedforward.transpose(drive, gathered.shape[2:]))
        if direct is not None:
            outputs.append(direct)
            gradients.append(drive)
        links = list(plan.circuit.link_kernels(plan.area))
        found = torch.autograd.grad(outputs, [*read, *links], gradients)
        for source, gradient in zip(sources, found, strict=False):
            source[piece] = torch.unflatten(gradient, 0, source[piece].shape[:2])
        return parts + list(found[len(read) :])


def kernels_of(circuit: Circuit, area: str) -> list[Tensor]:
    """Recurrent kernel, feedforward kernel where other areas are read, and kernels of the connections from them."""
    recurrent = circuit.recurrent.get(area)
    kernels = [] if recurrent is None else [recurrent.weight]
    if any(onto == "input" for _, onto in circuit.reads(area)):
        kernels.append(circuit.feedforward[area].weight)
    return kernels + list(circuit.link_kernels(area))


def like_maps(rates: Tensor, steps: int) -> Tensor:
    """An empty course [steps, B, C, H, W] with the channels last in memory."""
    batch, channels, height, width = rates.shape
    return rates.new_empty(steps, batch, height, width, channels).permute(0, 1, 4, 2, 3)


def trials(rates: Tensor) -> Iterator[slice]:
    """Cut a batch [B, C, H, W] into groups whose rates take at most `CACHE_BYTES`, so that they stay in the cache."""
    one = max(1, rates[0].numel() * rates.element_size()) if len(rates) else 1
    length = max(1, CACHE_BYTES // one) if rates.device.type == "cpu" else len(rates)
    for start in range(0, len(rates), length):
        yield slice(start, min(start + length, len(rates)))


def pieces(steps: int, rates: Tensor) -> Iterator[slice]:
    """Cut `steps` steps into stretches whose rates take at most `CHUNK_BYTES`."""
    length = max(1, CHUNK_BYTES // max(1, rates.numel() * rates.element_size()))
    for start in range(0, steps, length):
        yield slice(start, min(start + length, steps))
