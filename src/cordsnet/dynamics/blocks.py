"""Blocks: stretches of time in which a cascade is run area by area."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cordsnet.dynamics.course import AreaCourse, Plan, kernels_of
from cordsnet.dynamics.schedule import Hold, Schedule
from cordsnet.dynamics.steppers import Relaxation
from cordsnet.dynamics.system import RateSystem


@dataclass(frozen=True)
class Block:
    """Frames [S, B, C, H, W] (None: a blank field), and for each step the frame that is held."""

    frames: Tensor | None
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
    frames = [hold.frame for hold in holds if hold.frame is not None]
    return Block(torch.stack(frames) if frames else None, row if frames else (0,) * len(row))


def supports_blocks(system: object) -> bool:
    """Whether a system can be run area by area: a cascade without delays, under a stepper with one evaluation."""
    if not isinstance(system, RateSystem):
        return False
    circuit = system.equation.circuit
    return circuit.is_cascade and not circuit.delays_ms and isinstance(system.stepper, Relaxation)


@dataclass(frozen=True)
class Courses:
    """What a block leaves: area -> rates after each step [T, B, C, H, W], and after the last one [B, C, H, W]."""

    after: dict[str, Tensor]
    last: dict[str, Tensor]

    def rates_after(self) -> dict[str, Tensor]:
        """Rates after each step, for whoever takes them on demand."""
        return self.after


def run_block(
    system: RateSystem, block: Block, rates: Mapping[str, Tensor], space: Mapping[str, Tensor] | None = None
) -> Courses:
    """Run all areas through a block from `rates`, lowest area first.

    `space` holds courses [T + 1 or more, B, C, H, W] to write into where no gradient is kept: fresh memory costs more
    than the arithmetic that fills it.
    """
    circuit, stepper = system.equation.circuit, system.stepper
    assert isinstance(stepper, Relaxation)
    constant = _constant_drive(system, block)
    courses: dict[str, Tensor] = {}
    last: dict[str, Tensor] = {}
    for area in circuit.areas:
        sources = tuple(dict.fromkeys(source for source, _ in circuit.reads(area)))
        share = stepper.share(system.dt, circuit.tau_ms[area])
        plan = Plan(circuit, area, system.equation.activation, share, block.row, sources)
        read = [courses[source] for source in sources]
        if torch.is_grad_enabled():
            kernels = kernels_of(circuit, area)
            courses[area], last[area] = AreaCourse.apply(plan, rates[area], constant[area], *kernels, *read)  # type: ignore[no-untyped-call]
        else:
            courses[area] = plan.run(
                rates[area], constant[area], [course[:-1] for course in read], (space or {}).get(area)
            )
            last[area] = courses[area][-1]
    return Courses({area: course[1:] for area, course in courses.items()}, last)


def _constant_drive(system: RateSystem, block: Block) -> dict[str, Tensor]:
    """Area -> [S, 1 or B, C, H, W]: one convolution over all frames of the block."""
    circuit = system.equation.circuit
    if block.frames is None:
        return {area: drive[None] for area, drive in circuit.hold(None).drive.items()}
    frames, batch = block.frames.shape[:2]
    drive = circuit.hold(block.frames.flatten(0, 1)).drive
    shown = {}
    for area, part in drive.items():
        per_frame = len(part) == frames * batch
        shown[area] = torch.unflatten(part, 0, (frames, batch)) if per_frame else part[None].expand(frames, *part.shape)
    return shown
