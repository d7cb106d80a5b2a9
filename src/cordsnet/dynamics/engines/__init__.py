"""Engines that run and differentiate a time loop. All give the same states and gradients.

An engine takes a system, a schedule of holds, a state, a recorder and a budget of memory. It hands the recorder what
that asked for, and returns the last state.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from cordsnet.dynamics.engines.chain import lead_of
from cordsnet.dynamics.engines.loops import area_major, checkpointed, time_major
from cordsnet.dynamics.recording import Recorder
from cordsnet.dynamics.schedule import Schedule
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import System
from cordsnet.registry import Registry

Engine: TypeAlias = Callable[[System[Any], Schedule, State, Recorder, int | None], State]
ENGINES: Registry[Engine] = Registry("engine")


@ENGINES.register("auto")
def auto(system: System[Any], schedule: Schedule, state: State, recorder: Recorder, memory: int | None) -> State:
    """`area_major` where network and stepper allow it, `checkpointed` within a budget, otherwise `time_major`."""
    if memory is not None and torch.is_grad_enabled():
        return checkpointed(system, schedule, state, recorder, memory)
    chosen = time_major if lead_of(system) is None else area_major
    return chosen(system, schedule, state, recorder, None)


ENGINES.add("time_major", time_major)
ENGINES.add("area_major", area_major)
ENGINES.add("checkpointed", checkpointed)

__all__ = ["ENGINES", "Engine", "auto"]
