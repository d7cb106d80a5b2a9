"""From a model and a protocol to a trajectory."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch

from cordsnet.dynamics.engines import ENGINES
from cordsnet.dynamics.memory import parse_bytes
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
    def dt_ms(self) -> float:
        """The step that the model was made with, ms."""

    def system(
        self, dt: float | None = None, stepper: str = "euler", precision: Precision | None = None
    ) -> System[Any]:
        """The model bound to a time step and a precision, weights materialised."""

    def check_input(self, images: torch.Tensor) -> None:
        """Refuse images that the model cannot read."""

    def spontaneous(self, system: System[Any], stepper: str) -> State:
        """Spontaneous activity of the model under `system`, one trial; remembered while the weights stay."""


@runtime_checkable
class Showable(Protocol):
    """A protocol as `simulate` needs it."""

    def check(self, model: Simulable) -> None:
        """Refuse frames that the model cannot read."""

    @property
    def batch(self) -> int | None:
        """Number of trials; None when nothing but blank fields is shown."""

    def total_steps(self, dt: float) -> int:
        """Number of steps; refuses durations that are not whole numbers of steps."""

    def schedule(self, dt: float) -> Schedule:
        """The frames in order, each with the steps for which it is held."""


def simulate(
    model: Simulable,
    protocol: Showable,
    *,
    dt: float | None = None,
    stepper: str = "euler",
    engine: str = "auto",
    record: Record | Sequence[str] | str = (),
    initial_state: State | str = "spontaneous",
    grad: bool = False,
    memory: int | str | None = None,
    precision: Precision | str | None = None,
) -> Trajectory:
    """Show `protocol` to `model` and record what it does.

    Parameters
    ----------
    model : any model of the zoo.
    protocol : what is shown when, such as `blank(100) + show(images, 200)`.
    dt : step in ms; None is the model's own. What it cannot represent is refused by name.
    stepper, engine : names of rows of the stepper and engine tables; engines differ in cost alone.
    record : areas whose rates are kept ("all" for all), or a `Record` for times and reductions.
        Class scores are kept in any case unless a `Record` says otherwise.
    initial_state : "spontaneous" (after 200 ms without input), "zero", or a `State`.
    grad : keep the autograd graph, so that the result can be differentiated.
    memory : budget for what is kept for the gradient, such as "2GB"; blocks of time are then run twice.

    precision : of the convolutions, such as "bfloat16", or a `Precision` that names that of the rates too; None is
        what `torch.autocast` asks for, or else the model's own. On GPUs torch's own setting says whether float32
        convolutions round their factors to TF32, as they do by default.

    Returns
    -------
    Trajectory with `time_ms` [T], `logits` [T, B, K], `rates[area]` [T, B, C, H, W].

    Raises
    ------
    ValueError, TypeError : images, durations, dt, names that do not fit, each by name.
    DivergedError : rates stopped being finite; says where and when.
    """
    if not isinstance(model, Simulable):
        raise TypeError(f"model must be a dynamical model, got {type(model).__name__}; see cordsnet.list_models()")
    if not isinstance(protocol, Showable):
        raise TypeError(
            f"protocol must be a sum of blank(), show() and movie(), got {type(protocol).__name__}; "
            "wrap images in show(images, ms)"
        )
    protocol.check(model)
    with torch.set_grad_enabled(grad):
        system = model.system(dt, stepper, as_precision(precision))
        total = protocol.total_steps(system.dt)
        if total == 0:
            raise ValueError("protocol lasts 0 ms; add a blank(ms), show(images, ms) or movie(frames, frame_ms)")
        kept = as_record(record)
        if not kept.steps(total, system.dt):
            given = "times_ms is empty" if kept.every_ms is None else f"every_ms = {kept.every_ms:g} ms is too long"
            raise ValueError(f"{given} for a protocol of {total * system.dt:g} ms, so nothing would be recorded")
        state = _start(model, system, stepper, initial_state, protocol.batch)
        return integrate(system, protocol.schedule(system.dt), state, kept, total, engine, memory)


def integrate(
    system: System[Any],
    schedule: Schedule,
    state: State,
    record: Record,
    steps: int,
    engine: str = "auto",
    memory: int | str | None = None,
) -> Trajectory:
    """Run a system through `steps` steps of a schedule; the graph is kept where gradients are on."""
    run = ENGINES[engine]
    recorder = Recorder(record, system.areas, steps, system.dt, system.readout, torch.is_grad_enabled())
    budget = None if memory is None else parse_bytes(memory)
    device = next(iter(state.rates.values())).device.type
    with torch.autocast(device, enabled=False):  # the system converts by itself, once where autocast would each time
        return Trajectory.from_recorder(recorder, run(system, schedule, state, recorder, budget))


def _start(model: Simulable, system: System[Any], stepper: str, initial_state: State | str, batch: int | None) -> State:
    if isinstance(initial_state, State):
        system.check_state(initial_state)
        return initial_state if batch is None else initial_state.expand(batch)
    if initial_state == "zero":
        return system.zero_state(batch or 1)
    if initial_state == "spontaneous":
        return model.spontaneous(system, stepper).expand(batch or 1)
    raise ValueError(f"initial_state must be 'spontaneous', 'zero' or a State, got {initial_state!r}")
