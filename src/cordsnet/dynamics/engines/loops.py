"""The three time loops: step by step, area by area, and with blocks that are run again for their gradient."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from math import isqrt
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from cordsnet.dynamics.engines.blocks import Block, cut
from cordsnet.dynamics.engines.cascade import constant_drive, run_block, supports_blocks
from cordsnet.dynamics.engines.chain import lead_of, run_any_block
from cordsnet.dynamics.engines.course import new_course
from cordsnet.dynamics.engines.memory import WORKSPACE, block_length, release, state_bytes, step_bytes
from cordsnet.dynamics.engines.scratch import scratch_of
from cordsnet.dynamics.probing import Probe
from cordsnet.dynamics.rate_system import RateSystem
from cordsnet.dynamics.recording import Recorder
from cordsnet.dynamics.schedule import Schedule, same_inputs
from cordsnet.dynamics.state import State, flush
from cordsnet.dynamics.system import Inputs, System

FLUSH_EVERY = 50
"""Steps between removals of subnormal values."""

BLOCK_BYTES = {"cpu": 64 * 2**20, "cuda": 2**30}
"""Size of the rates of all areas in one block where no gradient is kept, per device (elsewhere a GPU's)."""


def time_major(system: System[Any], schedule: Schedule, state: State, recorder: Recorder, memory: int | None) -> State:
    """Step by step, all areas together: any model, feedback, delays, interventions; gradients by plain autograd."""
    _refuse_budget("time_major", memory)
    before, contexts = 0, _Contexts(system)
    for block in cut(schedule, FLUSH_EVERY):
        state = _step_by_step(system, block, state, recorder, before, contexts)
        before += len(block)
    return state


def area_major(system: System[Any], schedule: Schedule, state: State, recorder: Recorder, memory: int | None) -> State:
    """Area by area through blocks of time, with the compact adjoint: cascades under Euler steppers.

    Of a chain, the first part is run so, ahead of the rest. Blocks in which an intervention acts, and those of which
    drives are recorded, are run step by step.
    """
    _refuse_budget("area_major", memory)
    lead = _lead(system, "area_major")
    longest, space = FLUSH_EVERY, None
    if not torch.is_grad_enabled():
        room = BLOCK_BYTES.get(lead.like.device.type, BLOCK_BYTES["cuda"])
        longest = min(longest, max(1, room // state_bytes(state)))
        space = {area: new_course(state.values[area], longest + 1) for area in lead.areas}
    before, contexts = 0, _Contexts(system)
    for block, constant in _with_drives(lead, cut(schedule, longest)):
        if block.effects or recorder.probes:
            state = _step_by_step(system, block, state, recorder, before, contexts)
        else:
            result = run_any_block(system, block, state, recorder.wanted(before, len(block)), constant, space)
            recorder.watch_block(before, result.last, partial(_run_again, system, block, state))
            recorder.keep(recorder.reduce_rows(result.kept))
            state = _ended(state, block, result.last)
        before += len(block)
    return state


def checkpointed(
    system: System[Any], schedule: Schedule, state: State, recorder: Recorder, memory: int | None
) -> State:
    """Any system, with the state kept at block boundaries alone; each block is run again for its gradient.

    A cascade runs its blocks as `area_major` does, any other system step by step. Without a budget, blocks are about
    as long as the square root of the number of steps, which balances what is kept between blocks against what is kept
    within one; with a budget in bytes, as long as it allows.
    """
    cascade = system if isinstance(system, RateSystem) and supports_blocks(system) else None
    longest = max(1, isqrt(recorder.total))
    if memory is not None:
        holds = iter(schedule)
        first = next(holds)
        longest, schedule = (
            _longest(system, cascade, state, first.inputs, recorder.total, memory),
            chain([first], holds),
        )
    before, longest, contexts = 0, min(longest, FLUSH_EVERY), _Contexts(system)
    if cascade is None:
        for block in cut(schedule, longest):
            state = _checkpointed_steps(system, block, state, recorder, before, contexts)
            before += len(block)
        return state
    for block, constant in _with_drives(cascade, cut(schedule, longest)):
        wanted = recorder.wanted(before, len(block))
        if block.effects or recorder.probes:
            state = _checkpointed_steps(system, block, state, recorder, before, contexts)
        else:
            start = state
            if wanted:
                rates, kept = _checkpointed_with_rows(cascade, block, state, wanted, recorder)
                recorder.keep(kept)
            else:
                rates = run_block(cascade, block, state, constant=constant, keep=False).last
            state = _ended(state, block, rates)
            recorder.watch_block(before, state.values, partial(_run_again, cascade, block, start))
        before += len(block)
    return state


def _with_drives(system: RateSystem, blocks: Iterator[Block]) -> Iterator[tuple[Block, dict[str, Tensor]]]:
    """Every block with its constant drive, which is recomputed only when the inputs change."""
    held: tuple[Inputs, ...] | None = None
    constant: dict[str, Tensor] = {}
    for block in blocks:
        if held is None or not _same(held, block.inputs):
            held = block.inputs
            constant = {} if block.effects else constant_drive(system, held)
            held = None if block.effects else held
        yield block, constant


def _ended(state: State, block: Block, rates: dict[str, Tensor]) -> State:
    """The state after a block that ended with `rates`."""
    return state.after({area: flush(value) for area, value in rates.items()}, steps=len(block))


class _Contexts:
    """The context of inputs that are held, recomputed only when the inputs change."""

    def __init__(self, system: System[Any]) -> None:
        self.system = system
        self.last: tuple[Inputs, Any] | None = None

    def __call__(self, inputs: Inputs) -> Any:
        if self.last is None or not same_inputs(self.last[0], inputs):
            self.last = inputs, self.system.hold(inputs)
        return self.last[1]


Context: TypeAlias = Callable[[Inputs], Any]


def _steps(
    system: System[Any], block: Block, state: State, contexts: Context, probe: Probe | None = None
) -> Iterator[State]:
    """The states of a block, step by step; a probe watches each step."""
    if block.begins:
        state = system.intervened(state, block.effects)
    for row in block.row:
        context = contexts(block.inputs[row])
        if probe is None:
            state = system.advance(state, context, block.effects)
        else:
            state = probe.advance(state, context, block.effects)
        yield state


def _step_by_step(
    system: System[Any], block: Block, state: State, recorder: Recorder, before: int, contexts: Context
) -> State:
    wanted = set(recorder.wanted(before, len(block)))
    ended, start, probe = state, state, recorder.probe()
    for k, ended in enumerate(_steps(system, block, start, contexts, probe), 1):
        if k in wanted:
            recorder.keep(recorder.reduce_state(ended, probe))
    recorder.watch_block(before, ended.values, partial(_step_again, system, block, start))
    return ended.map(flush)


def _checkpointed_steps(
    system: System[Any], block: Block, state: State, recorder: Recorder, before: int, contexts: Context
) -> State:
    """Run a block step by step, keep nothing of it but its last state and what is recorded, and run it again later.

    Inputs that are held throughout have their context outside, computed once; those of a movie inside, so that nothing
    of them is kept either.
    """
    wanted = set(recorder.wanted(before, len(block)))
    held = contexts(block.inputs[0]) if len(block.inputs) == 1 else None

    def run(start: State) -> tuple[State, list[dict[str, Tensor]]]:
        release()  # memory of the block before, which the allocator would keep
        inside: Context = _Contexts(system) if held is None else lambda _: held
        ended, kept, probe = start, [], recorder.probe()
        for k, ended in enumerate(_steps(system, block, start, inside, probe), 1):
            if k in wanted:
                kept.append(recorder.reduce_state(ended, probe))
        return ended.map(flush), kept

    if torch.is_grad_enabled():
        found: tuple[State, list[dict[str, Tensor]]] = checkpoint(run, state, use_reentrant=False)
        ended, rows = found
    else:
        ended, rows = run(state)
    for row in rows:
        recorder.keep(row)
    recorder.watch_block(before, ended.values, partial(_step_again, system, block, state))
    return ended


def _checkpointed_with_rows(
    system: RateSystem, block: Block, state: State, wanted: tuple[int, ...], recorder: Recorder
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Last rates of a block, and what is to be kept of the wanted steps: what is kept is computed again too."""

    def run(start: State) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        scratch_of(system).clear()
        release()
        result = run_block(system, block, start, wanted)
        return result.last, recorder.reduce_rows(result.kept)

    found: tuple[dict[str, Tensor], dict[str, Tensor]] = checkpoint(run, state, use_reentrant=False)
    return found


def _longest(
    system: System[Any], cascade: RateSystem | None, state: State, inputs: Inputs, total: int, memory: int
) -> int:
    """Longest block, in steps, that keeps to a budget."""
    size = state_bytes(state)
    if cascade is None:
        per_step, once = step_bytes(system, state, system.hold(inputs))
        return block_length(total, size, per_step, once, memory)
    sizes = [value.numel() * value.element_size() for value in state.values.values()]
    weights = [weight for area in cascade.areas for weight in cascade.equation.circuit.weights(area)]
    stored = sum(weight.numel() * weight.element_size() for weight in weights)
    return block_length(total, size, size + WORKSPACE * max(sizes), stored, memory)


def _same(held: tuple[Inputs, ...], inputs: tuple[Inputs, ...]) -> bool:
    return len(held) == len(inputs) and all(same_inputs(one, other) for one, other in zip(held, inputs, strict=True))


@torch.no_grad()
def _run_again(system: System[Any], block: Block, start: State) -> dict[str, Tensor]:
    """Rates after each step of a block, area -> [T, B, *shape]; to find where they diverged."""
    return run_any_block(system, block, start, range(1, len(block) + 1)).kept


@torch.no_grad()
def _step_again(system: System[Any], block: Block, start: State) -> dict[str, Tensor]:
    """As `_run_again`, step by step."""
    states = [state.values for state in _steps(system, block, start, _Contexts(system))]
    return {area: torch.stack([rates[area] for rates in states]) for area in states[0]}


def _refuse_budget(engine: str, memory: int | None) -> None:
    if memory is not None:
        raise ValueError(f"engine {engine!r} keeps to no budget, got memory = {memory}; use 'checkpointed' or 'auto'")


def _lead(system: System[Any], engine: str) -> RateSystem:
    lead = lead_of(system)
    if lead is None:
        raise ValueError(
            f"engine {engine!r} needs a cascade without feedback or delays under an Euler stepper, and for gradients "
            "rates in single or double precision; use engine='auto' or 'time_major'"
        )
    return lead
