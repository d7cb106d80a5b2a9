"""A trial as gradient rules see it, how it ended, and its last step as a map of all signals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from cordsnet.dynamics.gradients.layout import Layout, Values
from cordsnet.dynamics.recording import Record
from cordsnet.dynamics.schedule import Hold
from cordsnet.dynamics.simulate import integrate
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import System


@dataclass(frozen=True)
class Trial:
    """Run that a rule is given: a system from a state through holds without interventions.

    Attributes
    ----------
    system, holds, state : what is run, what it is shown, and where it starts.
    engine, memory : how the time loop is run, and its budget for the gradient.
    notes : receives sentences on what was assumed.
    needs_before : True if the state before the last step is asked for.
    """

    system: System[Any]
    holds: Sequence[Hold]
    state: State
    engine: str = "auto"
    memory: int | str | None = None
    notes: list[str] = field(default_factory=list)
    needs_before: bool = False

    @property
    def steps(self) -> int:
        """Number of steps."""
        return sum(hold.steps for hold in self.holds)

    def advanced(self, state: State, first: int, last: int) -> State:
        """`state`, which is that after step `first`, after step `last`; in the graph where gradients are on."""
        holds = list(_between(self.holds, first, last))
        if not holds:
            return state
        memory = self.memory if torch.is_grad_enabled() else None
        nothing, steps = Record(times_ms=(), outputs=()), last - first
        return integrate(self.system, holds, state, nothing, steps, self.engine, memory, self.notes).final_state

    def without_graph(self, steps: int) -> State:
        """The state after the first `steps` steps, without a graph."""
        with torch.no_grad():
            return self.advanced(self.state.detach(), 0, steps)

    def ended(self, state: State, first: int) -> "Ending":
        """Compute how the trial ends from `state`, that after step `first`; in the graph where gradients are on."""
        if not self.needs_before:
            return Ending(self.advanced(state, first, self.steps))
        before = self.advanced(state, first, self.steps - 1)
        return Ending(self.advanced(before, self.steps - 1, self.steps), before=before.detach())


class StepMap:
    """The last step of a trial as a map F of all signals, which can be repeated. Inputs and number of the step stay.

    Attributes
    ----------
    state : a state before the step, whose signals are where repetitions start.
    layout : order of the signals in a row.
    """

    def __init__(self, trial: Trial, state: State) -> None:
        self.system = trial.system
        self.state = replace(state, step=trial.state.step + trial.steps - 1)
        self.names = tuple(signal.name for signal in trial.system.signals)
        self.layout = Layout(self.start)
        with self._own_precision():
            self.context = trial.system.hold(trial.holds[-1].inputs)

    @property
    def start(self) -> Values:
        """The signals of `state`."""
        return tuple(self.state.values[name] for name in self.names)

    def __call__(self, values: Values) -> Values:
        """All signals one step after `values`."""
        with self._own_precision():
            after = self.system.advance(self.before(values), self.context)
        return tuple(after.values[name] for name in self.names)

    def before(self, values: Values) -> State:
        """The state before the step, with these signals."""
        return self.state.with_values(dict(zip(self.names, values, strict=True)))

    def ending(self, before: Values, after: Values, stepped: Values | None = None) -> "Ending":
        """The end of a trial whose last step led from signals `before` to signals `after`.

        `stepped` is F of `before`, from which the residual is computed, where it is not `after`.
        """
        start = self.before(before).detach()
        with torch.no_grad():
            here, there = self.layout.rows(before), self.layout.rows(after if stepped is None else stepped)
            size, apart = torch.linalg.vector_norm(there, dim=1), torch.linalg.vector_norm(there - here, dim=1)
            apart = torch.where(size > 0, apart / size, apart)
        return Ending(start.after(dict(zip(self.names, after, strict=True))), before=start, residual=apart, step=self)

    def of_rows(self, rows: Tensor) -> Tensor:
        """F of states that lie in rows [B, N]."""
        return self.layout.rows(self(self.layout.values(rows)))

    def _own_precision(self) -> torch.autocast:
        """The system converts by itself, once."""
        return torch.autocast(self.system.like.device.type, enabled=False)


@dataclass(frozen=True)
class Ending:
    """End of a trial.

    Attributes
    ----------
    state : the last state; its gradient is that of the rule.
    outputs : name -> values [B, ...] at that state.
    residual : |F(h) - h| / |F(h)| of the last step, [B], without a graph; None where the rule does not ask for it.
    expansion : penalty on the expansion of the last step, in the graph; None unless it was asked for.
    before : the state one step earlier, without a graph; None where it was not asked for.
    step : the last step as a map; None where the rule has no use for it.
    """

    state: State
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    residual: Tensor | None = None
    expansion: Tensor | None = None
    before: State | None = None
    step: StepMap | None = None


def _between(holds: Sequence[Hold], first: int, last: int) -> Iterator[Hold]:
    """The holds of the steps after step `first` up to step `last`."""
    done = 0
    for hold in holds:
        steps = min(done + hold.steps, last) - max(done, first)
        if steps > 0:
            yield replace(hold, steps=steps)
        done += hold.steps
