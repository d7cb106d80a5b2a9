"""How a time loop is run and differentiated. Every engine gives the same rates and gradients.

An engine takes a system, a schedule of held frames, a state and a recorder, hands the recorder what it
asked for, and returns the last state.
"""

from collections.abc import Callable
from functools import partial
from math import isqrt
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from cordsnet.dynamics.blocks import Block, constant_drive, cut, run_block, supports_blocks
from cordsnet.dynamics.course import kernels_of, like_maps
from cordsnet.dynamics.memory import block_length, release
from cordsnet.dynamics.recording import Recorder
from cordsnet.dynamics.schedule import Schedule
from cordsnet.dynamics.state import State, flush
from cordsnet.dynamics.system import RateSystem, System
from cordsnet.registry import Registry

Engine: TypeAlias = Callable[[System[Any], Schedule, State, Recorder, int | None], State]
ENGINES: Registry[Engine] = Registry("engine")

FLUSH_EVERY = 50
"""Steps between removals of subnormal rates."""

BLOCK_BYTES = {"cpu": 64 * 2**20, "cuda": 2**30}
"""Size of the rates of all areas in one block where no gradient is kept, per device (elsewhere a GPU's)."""


@ENGINES.register("auto")
def auto(system: System[Any], schedule: Schedule, state: State, recorder: Recorder, memory: int | None) -> State:
    """`area_major` where network and stepper allow it, `checkpointed` within a budget, otherwise `time_major`."""
    if memory is not None and torch.is_grad_enabled():
        return checkpointed(system, schedule, state, recorder, memory)
    chosen = area_major if supports_blocks(system) else time_major
    return chosen(system, schedule, state, recorder, None)


@ENGINES.register("time_major")
def time_major(system: System[Any], schedule: Schedule, state: State, recorder: Recorder, memory: int | None) -> State:
    """Step by step, all areas together: any model, feedback, delays; gradients by plain autograd."""
    _refuse_budget("time_major", memory)
    step = 0
    for hold in schedule:
        context = system.hold(hold.frame)
        for _ in range(hold.steps):
            state = system.advance(state, context)
            step += 1
            if step % FLUSH_EVERY == 0:
                state = state.map(flush)
            recorder.take(step, state)
    return state.map(flush)


@ENGINES.register("area_major")
def area_major(system: System[Any], schedule: Schedule, state: State, recorder: Recorder, memory: int | None) -> State:
    """Area by area through blocks of time, with the compact adjoint: cascades under Euler steppers."""
    _refuse_budget("area_major", memory)
    cascade = _as_cascade(system, "area_major")
    longest, space = FLUSH_EVERY, None
    if not torch.is_grad_enabled():
        room = BLOCK_BYTES.get(cascade.like.device.type, BLOCK_BYTES["cuda"])
        longest = min(longest, max(1, room // _bytes(state)))
        space = {area: like_maps(rates, longest + 1) for area, rates in state.rates.items()}
    step, held, constant = 0, None, None
    for block in cut(schedule, longest):
        if held is None or not _same(held, block.frames):
            held, constant = block.frames, constant_drive(cascade, block.frames)
        left = run_block(cascade, block, state.rates, recorder.wanted(step, len(block)), constant, space)
        recorder.watch_block(step, left.last, partial(_run_again, cascade, block, state))
        recorder.keep(recorder.reduce_rows(left.kept))
        state = State({area: flush(rates) for area, rates in left.last.items()})
        step += len(block)
    return state


@ENGINES.register("checkpointed")
def checkpointed(
    system: System[Any], schedule: Schedule, state: State, recorder: Recorder, memory: int | None
) -> State:
    """As `area_major`, but keeping the state at block boundaries alone and running each block again for its gradient.

    Without a budget, blocks are about as long as the square root of the number of steps, which balances what is
    kept between blocks against what is kept within one; with a budget in bytes, as long as it allows.
    """
    cascade = _as_cascade(system, "checkpointed")
    longest = max(1, isqrt(recorder.total))
    if memory is not None:
        sizes = [rates.numel() * rates.element_size() for rates in state.rates.values()]
        kernels = sum(
            k.numel() * k.element_size() for a in cascade.areas for k in kernels_of(cascade.equation.circuit, a)
        )
        longest = block_length(recorder.total, sum(sizes), max(sizes), kernels, memory)
    longest = min(longest, FLUSH_EVERY)
    step, held, constant = 0, None, None
    for block in cut(schedule, longest):
        if held is None or not _same(held, block.frames):
            held, constant = block.frames, constant_drive(cascade, block.frames)
        before, wanted = state, recorder.wanted(step, len(block))
        if wanted:
            rates, kept = _checkpointed_with_rows(cascade, block, state, wanted, recorder)
            recorder.keep(kept)
        else:
            rates = run_block(cascade, block, state.rates, constant=constant, keep=False).last
        state = State({area: flush(value) for area, value in rates.items()})
        recorder.watch_block(step, state.rates, partial(_run_again, cascade, block, before))
        step += len(block)
    return state


def _checkpointed_with_rows(
    system: RateSystem, block: Block, state: State, wanted: tuple[int, ...], recorder: Recorder
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Last rates of a block, and what is to be kept of the wanted steps: what is kept is computed again too."""
    areas = system.areas

    def run(*rates: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        system.scratch.clear()
        release()
        left = run_block(system, block, dict(zip(areas, rates, strict=True)), wanted)
        return left.last, recorder.reduce_rows(left.kept)

    found: tuple[dict[str, Tensor], dict[str, Tensor]] = checkpoint(
        run, *(state.rates[area] for area in areas), use_reentrant=False
    )
    return found


def _same(held: tuple[Tensor, ...], frames: tuple[Tensor, ...]) -> bool:
    return len(held) == len(frames) and all(one is other for one, other in zip(held, frames, strict=True))


@torch.no_grad()
def _run_again(system: RateSystem, block: Block, start: State) -> dict[str, Tensor]:
    """Rates after each step of a block, area -> [T, B, C, H, W]; to find where they diverged."""
    return run_block(system, block, start.rates, range(1, len(block) + 1)).kept


def _refuse_budget(engine: str, memory: int | None) -> None:
    if memory is not None:
        raise ValueError(f"engine {engine!r} keeps to no budget, got memory = {memory}; use 'checkpointed' or 'auto'")


def _as_cascade(system: System[Any], engine: str) -> RateSystem:
    if not supports_blocks(system):
        raise ValueError(
            f"engine {engine!r} needs a cascade without feedback or delays under an Euler stepper, and for gradients "
            "rates in single or double precision; use engine='auto' or 'time_major'"
        )
    assert isinstance(system, RateSystem)
    return system


def _bytes(state: State) -> int:
    return sum(rates.numel() * rates.element_size() for rates in state.rates.values())
