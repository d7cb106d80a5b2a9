"""A cascade run area by area through a block of time, as one differentiable operation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet.dynamics.engines.adjoint import Adjoint, Downstream, Upstream
from cordsnet.dynamics.engines.blocks import Block
from cordsnet.dynamics.engines.course import Plan, new_course
from cordsnet.dynamics.engines.memory import release
from cordsnet.dynamics.engines.scratch import Scratch, scratch_of
from cordsnet.dynamics.precision import recoverable
from cordsnet.dynamics.rate_system import RateSystem
from cordsnet.dynamics.state import State
from cordsnet.dynamics.steppers import Relaxation
from cordsnet.dynamics.system import Inputs
from cordsnet.dynamics.transforms import in_transform


def supports_blocks(system: object) -> bool:
    """True if a system can be run area by area: a cascade without delays, under a stepper with one evaluation.

    For gradients, its rates must be precise enough to recover phi' from them.
    """
    if not isinstance(system, RateSystem):
        return False
    circuit = system.equation.circuit
    if torch.is_grad_enabled() and not recoverable(system.like.dtype):
        return False
    if in_transform():  # the adjoint is written for reverse mode alone
        return False
    return circuit.is_cascade and not circuit.delays_ms and isinstance(system.stepper, Relaxation)


@dataclass(frozen=True)
class BlockResult:
    """Rates at the end of a block, and after the steps that were asked for.

    Attributes
    ----------
    last : area -> rates after the last step [B, *shape].
    kept : area -> rates after wanted steps [n, B, *shape].
    """

    last: dict[str, Tensor]
    kept: dict[str, Tensor]


def run_block(
    system: RateSystem,
    block: Block,
    state: State,
    wanted: Sequence[int] = (),
    constant: Mapping[str, Tensor] | None = None,
    space: Mapping[str, Tensor] | None = None,
    keep: bool = True,
) -> BlockResult:
    """Run all areas through a block from `state`, lowest area first.

    Parameters
    ----------
    wanted : steps of the block, from 1, after which rates are kept.
    constant : `constant_drive` of the block, where it is known.
    space : courses [T + 1 or more, B, *shape] to write into where no gradient is kept: fresh memory costs more
        than the arithmetic that fills it.
    keep : True keeps courses for the gradient; False computes them again for it, in memory that blocks share. False
        is not for blocks of which rates are wanted.
    """
    constant = constant_drive(system, block.inputs) if constant is None else constant
    rates = state.values
    plans = _plans(system, block.row, state)
    rows = tuple(wanted)
    if not torch.is_grad_enabled():
        courses = run_plans(plans, rates, constant, space or {})
        return BlockResult(
            {area: course[-1] for area, course in courses.items()},
            {area: _rows(course, rows) for area, course in courses.items()} if rows else {},
        )
    starts = [rates[area] for area in system.areas]
    weights = [weight for plan in plans for weight in plan.weights()]
    options = plans, rows, scratch_of(system), keep, HEADROOM if system.compute == torch.float16 else 1.0
    drives = [constant[area] for area in system.areas]
    found = BlockCourse.apply(*options, *starts, *drives, *weights)  # type: ignore[no-untyped-call]
    number = len(plans)
    return BlockResult(
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
    """(start and constant drive of every area, weights) -> last rates and wanted rates of every area.

    The weights are arguments so that their gradients have somewhere to go; the plans' circuit holds the same
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
        """`tensors`: start of every area, constant drive of every area, weights plan by plan.

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
    """Gradients of starts, constant drives and weights, in the order of the arguments of `BlockCourse`."""
    plans, number = ctx.plans, len(ctx.plans)
    above: dict[str, Tensor] = {}
    starts: list[Tensor | None] = [None] * number
    constants: list[Any] = [None] * number
    weights: list[list[Any]] = [[None] * len(plan.weights()) for plan in plans]
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
        constants[k] = new_course(courses[plan.area][0], shape[0]).zero_() if wanted else None
        weights[k] = [torch.zeros_like(weight) for weight in plan.weights()]
        downstream = Downstream(constants[k], weights[k], [above[source] for source in plan.sources], fresh)
        back = Adjoint(plan, courses[plan.area], [courses[source] for source in plan.sources], ctx.scratch)
        from_above = above.pop(plan.area, None)
        starts[k] = back.run(Upstream(from_above, arriving, last), downstream)
        if from_above is not None:
            ctx.scratch.give(from_above)
        if wanted and shape[1] == 1:
            constants[k] = constants[k].sum(1, keepdim=True)
    return [*starts, *constants, *(weight for some in weights for weight in some)]


def _plans(system: RateSystem, row: tuple[int, ...], state: State) -> tuple[Plan, ...]:
    circuit, stepper, phi = system.equation.circuit, system.stepper, system.equation.activation
    assert isinstance(stepper, Relaxation)
    share = {area: stepper.share(system.dt, circuit.tau_ms[area]) for area in system.areas}
    positive = frozenset(a for a in system.areas if phi.is_rectifier and _stays_positive(state.values[a], share[a]))
    return tuple(
        Plan(circuit, area, phi, share[area], row, circuit.sources(area), positive, _noise(system, area, state))
        for area in system.areas
    )


def _noise(system: RateSystem, area: str, state: State) -> Callable[[int], Tensor] | None:
    """Noise of an area's drive by step of the block."""
    if area not in system.equation.circuit.noise:
        return None
    return lambda step: system.noise(area, state.seeds, state.step + step)


def _stays_positive(rates: Tensor, share: float | Tensor) -> bool:
    """True if rates under a rectifying phi cannot become negative: they are not now, and no step overshoots."""
    return bool((torch.as_tensor(share) <= 1).all()) and bool((rates >= 0).all())


def _rows(course: Tensor, rows: Sequence[int]) -> Tensor:
    """Rows of a course; a view where they follow one another."""
    if list(rows) == list(range(rows[0], rows[-1] + 1)):
        return course[rows[0] : rows[-1] + 1]
    return course[list(rows)]


def constant_drive(system: RateSystem, inputs: Sequence[Inputs]) -> dict[str, Tensor]:
    """Area -> [S, 1 or B, *shape]: one evaluation for all inputs that are held, one after the other."""
    circuit = system.equation.circuit
    if not inputs[0]:
        return {area: drive[None] for area, drive in circuit.hold({}).drive.items()}
    count, batch = len(inputs), len(next(iter(inputs[0].values())))
    joined = inputs[0] if count == 1 else {name: torch.cat([held[name] for held in inputs]) for name in inputs[0]}
    shown = {}
    for area, part in circuit.hold(joined).drive.items():
        per_hold = len(part) == count * batch
        shown[area] = torch.unflatten(part, 0, (count, batch)) if per_hold else part[None].expand(count, *part.shape)
    return shown
