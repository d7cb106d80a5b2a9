"""Blocks: stretches of time in which a cascade is run area by area."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet.dynamics.adjoint import Adjoint, Downstream, Scratch, Upstream
from cordsnet.dynamics.course import Plan, like_maps
from cordsnet.dynamics.memory import release
from cordsnet.dynamics.precision import recoverable
from cordsnet.dynamics.schedule import Hold, Schedule
from cordsnet.dynamics.steppers import Relaxation
from cordsnet.dynamics.system import RateSystem


@dataclass(frozen=True)
class Block:
    """Frames [B, C, H, W] (none: a blank field), and for each step the frame that is held."""

    frames: tuple[Tensor, ...]
    row: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.row)


def cut(schedule: Schedule, longest: int) -> Iterator[Block]:
    """Cut a schedule into blocks of at most `longest` steps, blank fields apart from frames."""
    holds: list[Hold] = []
    for hold in schedule:
        left = hold.steps
        while left:
            room = longest - sum(h.steps for h in holds)
            if holds and (room == 0 or (holds[-1].frame is None) != (hold.frame is None)):
                yield _block(holds)
                holds = []
                continue
            taken = min(left, room)
            holds.append(Hold(taken, hold.frame))
            left -= taken
    if holds:
        yield _block(holds)


def _block(holds: list[Hold]) -> Block:
    row = tuple(k for k, hold in enumerate(holds) for _ in range(hold.steps))
    frames = tuple(hold.frame for hold in holds if hold.frame is not None)
    return Block(frames, row if frames else (0,) * len(row))


def supports_blocks(system: object) -> bool:
    """Whether a system can be run area by area: a cascade without delays, under a stepper with one evaluation.

    For gradients, its rates must be precise enough to recover phi' from them.
    """
    if not isinstance(system, RateSystem):
        return False
    circuit = system.equation.circuit
    if torch.is_grad_enabled() and not recoverable(system.like.dtype):
        return False
    return circuit.is_cascade and not circuit.delays_ms and isinstance(system.stepper, Relaxation)


@dataclass(frozen=True)
class Left:
    """What a block leaves: area -> rates after its last step [B, C, H, W], and after wanted steps [n, B, C, H, W]."""

    last: dict[str, Tensor]
    kept: dict[str, Tensor]


def run_block(
    system: RateSystem,
    block: Block,
    rates: Mapping[str, Tensor],
    wanted: Sequence[int] = (),
    constant: Mapping[str, Tensor] | None = None,
    space: Mapping[str, Tensor] | None = None,
    keep: bool = True,
) -> Left:
    """Run all areas through a block from `rates`, lowest area first.

    Parameters
    ----------
    wanted : steps of the block, from 1, after which rates are kept.
    constant : `constant_drive` of the block, where it is known.
    space : courses [T + 1 or more, B, C, H, W] to write into where no gradient is kept: fresh memory costs more
        than the arithmetic that fills it.
    keep : whether courses are kept for the gradient; otherwise they are computed again for it, in memory that
        blocks share. Not for blocks of which rates are wanted.
    """
    constant = constant_drive(system, block.frames) if constant is None else constant
    plans = _plans(system, block.row, rates)
    rows = tuple(wanted)
    if not torch.is_grad_enabled():
        courses = run_plans(plans, rates, constant, space or {})
        return Left(
            {area: course[-1] for area, course in courses.items()},
            {area: _rows(course, rows) for area, course in courses.items()} if rows else {},
        )
    starts = [rates[area] for area in system.areas]
    kernels = [kernel for plan in plans for kernel in plan.kernels()]
    options = plans, rows, system.scratch, keep, HEADROOM if system.compute == torch.float16 else 1.0
    drives = [constant[area] for area in system.areas]
    found = BlockCourse.apply(*options, *starts, *drives, *kernels)  # type: ignore[no-untyped-call]
    number = len(plans)
    return Left(
        dict(zip(system.areas, found[:number], strict=True)),
        dict(zip(system.areas, found[number:], strict=True)) if rows else {},
    )


def run_plans(
    plans: Sequence[Plan],
    rates: Mapping[str, Tensor],
    constant: Mapping[str, Tensor],
    space: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Area -> course [T + 1, B, C, H, W]."""
    courses: dict[str, Tensor] = {}
    for plan in plans:
        read = [courses[source][:-1] for source in plan.sources]
        courses[plan.area] = plan.run(rates[plan.area], constant[plan.area], read, space.get(plan.area))
    return courses


HEADROOM = 2.0**-8
"""To which gradients are brought where convolutions are in float16, in which their sums over time and trials end at
65504: 1 would leave too little room, and without it small gradients would be lost."""

OPTIONS = 5  # plans, rows, scratch, keep, size
"""Arguments of `BlockCourse` before its tensors."""


class BlockCourse(torch.autograd.Function):
    """(start and constant drive of every area, kernels) -> last rates and wanted rates of every area.

    The kernels are arguments so that their gradients have somewhere to go; the plans' circuit holds the same
    tensors. Only courses are kept for the backward pass, or not even they: what an area read is computed again from
    them, and phi' is recovered from r(t + 1) against what is left of r(t).
    """

    @staticmethod
    def forward(
        ctx: Any,
        plans: tuple[Plan, ...],
        rows: tuple[int, ...],
        scratch: Scratch,
        keep: bool,
        size: float,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        """`tensors`: start of every area, constant drive of every area, kernels plan by plan.

        `size`: to which the largest gradient is brought in the backward pass.
        """
        number = len(plans)
        starts, constant = tensors[:number], tensors[number : 2 * number]
        courses = list(_courses(plans, starts, constant, None if keep else scratch).values())
        ctx.plans, ctx.rows, ctx.scratch, ctx.keep, ctx.size = plans, rows, scratch, keep, size
        ctx.constant_shapes = [part.shape for part in constant]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*(courses if keep else (*starts, *constant)))
        last = tuple(course[-1].clone(memory_format=torch.preserve_format) for course in courses)
        wanted = tuple(_rows(course, rows) for course in courses) if rows else ()
        if not keep:
            assert not rows
            for course in courses:
                scratch.give(course)
        return last + wanted

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> Any:
        """Highest area first: each gives the courses that it read their gradients."""
        if torch.is_grad_enabled():
            raise RuntimeError("this engine gives first derivatives only; use engine='time_major' for second ones")
        given = [gradient for gradient in upstream if gradient is not None]
        if not given:
            return (None,) * len(ctx.needs_input_grad)
        scale, number = _towards_one(given) * ctx.size, len(ctx.plans)
        if ctx.keep:
            courses = dict(zip((plan.area for plan in ctx.plans), ctx.saved_tensors, strict=True))
        else:
            courses = _courses(ctx.plans, ctx.saved_tensors[:number], ctx.saved_tensors[number:], ctx.scratch)
        found = _back(ctx, courses, [None if gradient is None else gradient * scale for gradient in upstream])
        for gradient in found:
            if gradient is not None:
                gradient.div_(scale)
        if not ctx.keep:
            for course in courses.values():
                ctx.scratch.give(course)
            release()
        return (*(None,) * OPTIONS, *found)


def _towards_one(gradients: Sequence[Tensor]) -> Tensor:
    """A power of two that brings the largest of the gradients to about 1, for as long as a block lasts.

    Gradients fade through a trial. Their products with rates that fade as well would be subnormal numbers, with
    which processors compute ten times slower; a power of two costs no digit.
    """
    largest = torch.stack([gradient.abs().max() for gradient in gradients]).max()
    exponent = torch.where(largest > 0, torch.log2(largest), torch.zeros_like(largest))
    return torch.exp2(-exponent.nan_to_num(0.0).clamp(-100, 100).floor())


def _courses(
    plans: Sequence[Plan], starts: Sequence[Tensor], constant: Sequence[Tensor], scratch: Scratch | None
) -> dict[str, Tensor]:
    """Area -> course, in memory of their own or in that of `scratch`."""
    areas = [plan.area for plan in plans]
    space = {}
    if scratch is not None:
        steps = len(plans[0].row) + 1
        space = {area: scratch.take(start, steps) for area, start in zip(areas, starts, strict=True)}
    return run_plans(plans, dict(zip(areas, starts, strict=True)), dict(zip(areas, constant, strict=True)), space)


def _back(ctx: Any, courses: Mapping[str, Tensor], upstream: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Gradients of starts, constant drives and kernels, in the order of the arguments of `BlockCourse`."""
    plans, number = ctx.plans, len(ctx.plans)
    above: dict[str, Tensor] = {}
    starts: list[Tensor | None] = [None] * number
    constants: list[Any] = [None] * number
    kernels: list[list[Any]] = [[None] * len(plan.kernels()) for plan in plans]
    for k in reversed(range(number)):
        plan, last = plans[k], upstream[k]
        kept = upstream[number + k] if ctx.rows else None
        arriving = {} if kept is None else dict(zip(ctx.rows, kept, strict=True))
        if last is None and not arriving and plan.area not in above:
            continue
        fresh = [source not in above for source in plan.sources]
        for source, first in zip(plan.sources, fresh, strict=True):
            if first:
                above[source] = ctx.scratch.take(courses[source][0], len(plan.row))
        shape, wanted = ctx.constant_shapes[k], ctx.needs_input_grad[OPTIONS + number + k]
        constants[k] = like_maps(courses[plan.area][0], shape[0]).zero_() if wanted else None
        kernels[k] = [torch.zeros_like(kernel) for kernel in plan.kernels()]
        downstream = Downstream(constants[k], kernels[k], [above[source] for source in plan.sources], fresh)
        back = Adjoint(plan, courses[plan.area], [courses[source] for source in plan.sources], ctx.scratch)
        from_above = above.pop(plan.area, None)
        starts[k] = back.run(Upstream(from_above, arriving, last), downstream)
        if from_above is not None:
            ctx.scratch.give(from_above)
        if wanted and shape[1] == 1:
            constants[k] = constants[k].sum(1, keepdim=True)
    return [*starts, *constants, *(kernel for some in kernels for kernel in some)]


def _plans(system: RateSystem, row: tuple[int, ...], rates: Mapping[str, Tensor]) -> tuple[Plan, ...]:
    circuit, stepper, phi = system.equation.circuit, system.stepper, system.equation.activation
    assert isinstance(stepper, Relaxation)
    share = {area: stepper.share(system.dt, circuit.tau_ms[area]) for area in system.areas}
    positive = frozenset(a for a in system.areas if phi.is_rectifier and _stays_positive(rates[a], share[a]))
    sources = {a: tuple(dict.fromkeys(source for source, _ in circuit.reads(a))) for a in system.areas}
    return tuple(Plan(circuit, area, phi, share[area], row, sources[area], positive) for area in system.areas)


def _stays_positive(rates: Tensor, share: float | Tensor) -> bool:
    """Whether rates under a rectifying phi cannot become negative: they are not now, and no step overshoots."""
    return bool((torch.as_tensor(share) <= 1).all()) and bool((rates >= 0).all())


def _rows(course: Tensor, rows: Sequence[int]) -> Tensor:
    """Rows of a course; a view where they follow one another."""
    if list(rows) == list(range(rows[0], rows[-1] + 1)):
        return course[rows[0] : rows[-1] + 1]
    return course[list(rows)]


def constant_drive(system: RateSystem, held: Sequence[Tensor]) -> dict[str, Tensor]:
    """Area -> [S, 1 or B, C, H, W]: one convolution over all frames that are held."""
    circuit = system.equation.circuit
    if not held:
        return {area: drive[None] for area, drive in circuit.hold(None).drive.items()}
    frames, batch = len(held), len(held[0])
    drive = circuit.hold(held[0] if frames == 1 else torch.cat(tuple(held))).drive
    shown = {}
    for area, part in drive.items():
        per_frame = len(part) == frames * batch
        shown[area] = torch.unflatten(part, 0, (frames, batch)) if per_frame else part[None].expand(frames, *part.shape)
    return shown
