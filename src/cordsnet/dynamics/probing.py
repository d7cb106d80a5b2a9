"""Signals that a model does not carry from step to step, but has for a moment: drives and encoded inputs."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from torch import Tensor

from cordsnet.dynamics.effects import Effects
from cordsnet.dynamics.state import Signal, State
from cordsnet.dynamics.system import System

DRIVE = "drive"


def probed(system: System[Any]) -> tuple[Signal, ...]:
    """The drives of all areas, "AREA.drive", and the encoded inputs that can be recorded of a system."""
    carried = {signal.name for signal in system.signals}
    drives = [Signal(s.area, s.shape, DRIVE, s.axes) for s in system.signals if s.kind == "rate"]
    return tuple(signal for signal in (*drives, *system.sources) if signal.name not in carried)


class Probe:
    """Takes steps of a system and keeps the drives and encoded inputs of the last one.

    Attributes
    ----------
    found : name -> [B, *shape], of the last step.
    """

    def __init__(self, system: System[Any], names: Collection[str]) -> None:
        self.system = system
        self.signals = [signal for signal in probed(system) if signal.name in names]
        self.found: dict[str, Tensor] = {}

    def advance(self, state: State, context: Any, effects: Effects) -> State:
        """The state one step later. Raises ValueError where a model does not pass an area's drive on."""
        seen: dict[str, list[Tensor]] = {}
        after = self.system.advance(state, context, replace(effects, seen=seen))
        emitted = self.system.encoded(context)
        # Steppers with several evaluations begin at the state that the step begins with; iterations end at its rate.
        which = 0 if self.system.unrolling == "sync" else -1
        for signal in self.signals:
            if signal.kind != DRIVE:
                value = emitted[signal.name]
            elif signal.area in seen:
                value = seen[signal.area][which]
            else:
                raise ValueError(
                    f"{signal.name!r} cannot be recorded, since {type(self.system).__name__} does not pass the drive "
                    f"of {signal.area!r} through effects.drive"
                )
            self.found[signal.name] = value.expand(state.batch, *signal.shape)
        return after
