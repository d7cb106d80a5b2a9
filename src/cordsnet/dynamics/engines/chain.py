"""Systems in two parts, of which the first never hears of the second: it is run through a block of time ahead of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from cordsnet.dynamics.engines.blocks import Block
from cordsnet.dynamics.engines.cascade import BlockResult, run_block, supports_blocks
from cordsnet.dynamics.rate_system import RateSystem
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import System


@runtime_checkable
class Chain(Protocol):
    """A system whose first part is a rate equation and takes no notice of the rest.

    Attributes
    ----------
    lead : the first part; None where it is no rate equation, or hears of the rest.
    source : area of the first part that the rest reads.
    """

    source: str

    @property
    def lead(self) -> RateSystem | None:
        """The first part."""

    def lead_state(self, state: State) -> State:
        """The part of a state that is the first part's."""

    def lead_needs_graph(self, block: Block, state: State) -> bool:
        """True if gradients are wanted through the first part."""

    def follow(self, state: State, read: Tensor) -> dict[str, Tensor]:
        """Rates of the rest after each step, area -> [T, B, *shape].

        Parameters
        ----------
        state : before the first step.
        read : rates of `source` before each step [T, B, *shape].
        """


def lead_of(system: System[Any]) -> RateSystem | None:
    """The part of a system that can be run area by area: all of it, its first part, or nothing."""
    lead = system.lead if isinstance(system, Chain) else system
    return lead if isinstance(lead, RateSystem) and supports_blocks(lead) else None


def run_any_block(
    system: System[Any],
    block: Block,
    state: State,
    wanted: Sequence[int] = (),
    constant: Mapping[str, Tensor] | None = None,
    space: Mapping[str, Tensor] | None = None,
) -> BlockResult:
    """Run a system through a block as `run_block` does; of a chain, the first part first."""
    if isinstance(system, RateSystem):
        return run_block(system, block, state, wanted, constant, space)
    assert isinstance(system, Chain)
    lead = system.lead
    assert lead is not None
    steps = range(1, len(block) + 1)
    with torch.set_grad_enabled(torch.is_grad_enabled() and system.lead_needs_graph(block, state)):
        ahead = run_block(lead, block, system.lead_state(state), steps, constant, space)
    before = torch.cat([state.values[system.source][None], ahead.kept[system.source][:-1]])
    behind = system.follow(state, before)
    rows = [step - 1 for step in wanted]
    kept = {area: course[rows] for area, course in (ahead.kept | behind).items()} if rows else {}
    return BlockResult(ahead.last | {area: course[-1] for area, course in behind.items()}, kept)
