"""How a time loop is run and differentiated. Every engine gives the same rates.

An engine takes a system, a schedule of held frames, a state and a recorder, hands the recorder
the state after every step, and returns the last state.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from cordsnet.dynamics.recording import Recorder
from cordsnet.dynamics.schedule import Schedule
from cordsnet.dynamics.state import State, flush
from cordsnet.dynamics.system import System
from cordsnet.registry import Registry

Engine: TypeAlias = Callable[[System[Any], Schedule, State, Recorder], State]
ENGINES: Registry[Engine] = Registry("engine")

FLUSH_EVERY = 50
"""Steps between removals of subnormal rates."""


@ENGINES.register("time_major")
def time_major(system: System[Any], schedule: Schedule, state: State, recorder: Recorder) -> State:
    """Step by step, all areas together: any model, feedback, streaming; gradients by plain autograd."""
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
