"""Blocks: stretches of time with inputs of the same names and the same interventions."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.schedule import Hold, Schedule
from cordsnet.dynamics.system import Inputs


@dataclass(frozen=True)
class Block:
    """A stretch of time.

    Attributes
    ----------
    inputs : the inputs that are held, one after the other.
    row : for each step, which of them.
    effects : effects of interventions, the same in every step.
    begins : True if the first step is the first one under these effects.
    """

    inputs: tuple[Inputs, ...]
    row: tuple[int, ...]
    effects: Effects = NONE
    begins: bool = False

    def __len__(self) -> int:
        return len(self.row)


@dataclass
class _Open:
    """Holds of a block that is not full yet."""

    holds: list[Hold] = field(default_factory=list)
    begins: bool = False

    @property
    def steps(self) -> int:
        return sum(hold.steps for hold in self.holds)

    def joins(self, hold: Hold) -> bool:
        """True if a hold may go into the same block: the same inputs are shown, and the same interventions act."""
        last = self.holds[-1]
        return last.inputs.keys() == hold.inputs.keys() and last.effects is hold.effects

    def closed(self) -> Block:
        row = tuple(k for k, hold in enumerate(self.holds) for _ in range(hold.steps))
        if not self.holds[0].inputs:  # all blank: one row will do
            return Block(({},), (0,) * len(row), self.holds[0].effects, self.begins)
        return Block(tuple(hold.inputs for hold in self.holds), row, self.holds[0].effects, self.begins)


def cut(schedule: Schedule, longest: int) -> Iterator[Block]:
    """Cut a schedule into blocks of at most `longest` steps; inputs of other names or effects begin a new one."""
    block, effects = _Open(), NONE
    for hold in schedule:
        left = hold.steps
        while left:
            room = longest - block.steps
            if block.holds and (room == 0 or not block.joins(hold)):
                yield block.closed()
                block = _Open()
                continue
            if not block.holds:
                block.begins = hold.effects is not effects
                effects = hold.effects
            taken = min(left, room)
            block.holds.append(Hold(taken, hold.inputs, hold.effects))
            left -= taken
    if block.holds:
        yield block.closed()
