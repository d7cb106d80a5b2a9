"""From a model and a protocol to a trajectory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.engines import ENGINES
from cordsnet.dynamics.engines.memory import parse_bytes
from cordsnet.dynamics.interventions import Intervention, intervene
from cordsnet.dynamics.limits import MAX_STEPS, check_steps
from cordsnet.dynamics.precision import Precision, as_precision
from cordsnet.dynamics.recording import Record, Recorder, as_record
from cordsnet.dynamics.schedule import Schedule
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import System
from cordsnet.dynamics.trajectory import Trajectory


@runtime_checkable
class Simulable(Protocol):
    """A model as `simulate` needs it."""

    @property
    def clock(self) -> Clock:
        """The clock that the model was made with."""

    def system(
        self, dt: float | None = None, stepper: str = "euler", precision: Precision | None = None
    ) -> System[Any]:
        """The model bound to a time step and a precision, weights materialised."""

    def check_inputs(self, inputs: Mapping[str, Tensor]) -> None:
        """Refuse inputs that the model cannot read."""


@runtime_checkable
class Showable(Protocol):
    """A protocol as `simulate` needs it."""

    def check(self, model: Simulable) -> None:
        """Refuse inputs that the model cannot read."""

    @property
    def batch(self) -> int | None:
        """Number of trials; None when nothing but blank fields is shown."""

    def total_steps(self, clock: Clock, notes: list[str] | None = None) -> int:
        """Number of steps."""

    def schedule(self, clock: Clock, notes: list[str] | None = None) -> Schedule:
        """The inputs in order, each with the steps for which they are held."""


@check_arguments
def simulate(
    model: Simulable,
    protocol: Showable,
    *,
    dt: float | None = None,
    stepper: str = "euler",
    engine: str = "auto",
    record: Record | Sequence[str] | str = (),
    initial_state: State | str | None = None,
    seed: int | None = None,
    interventions: Sequence[Intervention] | Intervention = (),
    grad: bool = False,
    memory: int | str | None = None,
    precision: Precision | str | None = None,
    max_steps: int = MAX_STEPS,
) -> Trajectory:
    """Show `protocol` to `model` and record what it does.

    Parameters
    ----------
    model : any model of the table.
    protocol : what is shown when, such as `blank(100) + show(images, 200)`.
    dt : step in ms, for models in continuous time; None is the model's own. What it cannot represent is refused by
        name. Models of steps have no other one.
    stepper, engine : names of rows of the stepper and engine tables; engines differ in cost alone.
    record : areas whose rates are kept ("all" for all), other signals such as "area1.drive" or "stem", or a `Record`
        for times and reductions too. Outputs are kept in any case unless a `Record` says otherwise.
    initial_state : None for the model's own start (a CordsNet starts from its spontaneous activity), "spontaneous"
        (the same, for models that have such activity), "zero", or a `State`.
    seed : of the private noise of models that have some; None is 0, and goes on with the noise of a given `State`.
    interventions : what is silenced, clamped, injected or scaled, and when.
    grad : keep the autograd graph, so that the result can be differentiated.
    memory : budget for the gradient, such as "2GB"; blocks of time are then run twice.
    precision : of the convolutions, such as "bfloat16", or a `Precision` that names that of the rates too; None is
        what `torch.autocast` asks for, or else the model's own. TF32 on GPUs is left to torch's setting.
    max_steps : longer simulations are refused, so that a slip in a duration or dt does not run for ever.

    Returns
    -------
    Trajectory with `time_ms` [T], `outputs[name]` [T, B, ...] and `logits` [T, B, K], `rates[area]` [T, B, *shape],
    and `notes` on durations that were rounded to the steps of the model.

    Raises
    ------
    ValueError, TypeError : inputs, durations, dt, names that do not fit, each by name.
    DivergedError : rates stopped being finite; says where and when.
    """
    _check(model, protocol)
    if seed is not None:
        check_count(seed, "seed", 0)
    with torch.set_grad_enabled(grad):
        system, notes = model.system(dt, stepper, as_precision(precision)), list[str]()
        kept = as_record(record)
        total = _total_steps(protocol, kept, system.clock, notes, check_count(max_steps, "max_steps", 1))
        state = start(system, initial_state, protocol.batch, seed)
        schedule = protocol.schedule(system.clock, notes)
        chosen = (interventions,) if isinstance(interventions, Intervention) else tuple(interventions)
        if chosen:
            schedule = intervene(schedule, chosen, system, total, state.batch, notes)
        return _named(integrate(system, schedule, state, kept, total, engine, memory, notes, max_steps), model)


def _named(found: Trajectory, model: Simulable) -> Trajectory:
    """A trajectory with the name in the model's spec, or that of its class."""
    return replace(found, model=str(getattr(getattr(model, "spec", None), "name", type(model).__name__)))


def _check(model: Simulable, protocol: object) -> None:
    check_model(model)
    if not isinstance(protocol, Showable):
        raise TypeError(
            f"protocol must be a sum of blank(), show() and movie(), got {type(protocol).__name__}; "
            "wrap images in show(images, ms)"
        )
    protocol.check(model)


def check_model(model: object) -> TypeGuard[Simulable]:
    """Raise TypeError, with what to pass instead, unless `model` can be simulated."""
    if not isinstance(model, Simulable):
        inside = "; pass its .module" if isinstance(getattr(model, "module", None), Simulable) else ""
        raise TypeError(
            f"model must be a dynamical model, got {type(model).__name__}{inside or '; see cordsnet.list_models()'}"
        )
    return True


def _total_steps(protocol: Showable, record: Record, clock: Clock, notes: list[str], max_steps: int) -> int:
    """Number of steps of a protocol. Raises ValueError when nothing would be shown or recorded, or too much."""
    total = protocol.total_steps(clock, notes)
    check_steps(total, clock.dt_ms, max_steps)
    if total == 0:
        raise ValueError("protocol lasts 0 ms; add a blank(ms), show(images, ms) or movie(frames, frame_ms)")
    if not record.steps(total, clock, notes):
        given = "times_ms is empty" if record.every_ms is None else f"every_ms = {record.every_ms:g} ms is too long"
        raise ValueError(f"{given} for a protocol of {clock.time_ms(total):g} ms, so nothing would be recorded")
    return total


def integrate(
    system: System[Any],
    schedule: Schedule,
    state: State,
    record: Record,
    steps: int,
    engine: str = "auto",
    memory: int | str | None = None,
    notes: list[str] | None = None,
    max_steps: int = MAX_STEPS,
) -> Trajectory:
    """Run a system through `steps` steps of a schedule; the graph is kept where gradients are on.

    Raises ValueError for more steps than `max_steps`.
    """
    check_steps(steps, system.dt, max_steps)
    run = ENGINES[engine]
    recorder = Recorder(record, system, steps, torch.is_grad_enabled(), notes)
    budget = None if memory is None else parse_bytes(memory)
    # The system converts by itself, once; autocast would at every step.
    with torch.autocast(system.like.device.type, enabled=False):
        return Trajectory.from_recorder(recorder, run(system, schedule, state, recorder, budget))


def start(system: System[Any], initial_state: State | str | None, batch: int | None, seed: int | None = None) -> State:
    """The state in which a simulation starts, for `batch` trials (None: as many as the state has, else 1)."""
    if isinstance(initial_state, State):
        state = initial_state
        if system.has_noise and state.seeds is None:
            state = replace(state, seeds=system.seeds(state.batch, seed or 0))
        state = system.admit(state)
        state = state if batch is None else state.expand(batch)
        if system.has_noise and (seed is not None or state.seeds is None or len(state.seeds) != state.batch):
            state = replace(state, seeds=system.seeds(state.batch, seed or 0))
        return state
    if initial_state == "zero":
        return system.zero_state(batch or 1, seed or 0)
    if initial_state == "spontaneous" and getattr(system, "start", None) is None:
        raise ValueError(
            "initial_state = 'spontaneous' needs a model that starts from spontaneous activity; leave it out, and the "
            "model starts in its own way"
        )
    if initial_state in (None, "spontaneous"):
        return system.begin(batch or 1, seed or 0)
    raise ValueError(f"initial_state must be None, 'spontaneous', 'zero' or a State, got {initial_state!r}")
