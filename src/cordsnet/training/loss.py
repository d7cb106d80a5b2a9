"""Base of all losses: frozen settings, and a pure function of a model bound to a system and a batch."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from cordsnet.dynamics import (
    SPONTANEOUS_MS,
    Ending,
    Gradient,
    Hold,
    Record,
    State,
    System,
    Trajectory,
    integrate,
    last_state,
    own_start,
    start,
)
from cordsnet.registry import Registry

SCORES = "scores"
"""Name of the output that holds class scores."""

CHOICES = ("class", "option")
"""Axes of outputs that are read as scores of classes or options; others are compared by their squared error."""

Rest: TypeAlias = Callable[[System[Any], float], State]
"""(system, ms) -> the state, one trial, after `ms` without input."""


@dataclass(frozen=True)
class Batch:
    """Inputs of a batch, and the targets with which a loss compares the outputs.

    Attributes
    ----------
    inputs : input -> [B, *shape], held for the whole trial, or [F, B, *shape], F frames of equal duration.
    targets : output -> classes [B], soft labels [B, K] or values [B, ...]; or one for each frame, [F, B, ...].
    mask : output -> weights [B] or [F, B] with which its error counts; None counts everything alike.
    frame_ms : duration of a frame, ms; None where the loss says how long a trial lasts.
    """

    inputs: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]
    mask: Mapping[str, Tensor] | None = None
    frame_ms: float | None = None


@dataclass(frozen=True)
class Terms:
    """Value of a loss.

    Attributes
    ----------
    total : the value that is minimised.
    terms : name -> a term, before its coefficient.
    measures : name -> a number to log beside the loss, such as the accuracy on the batch.
    """

    total: Tensor
    terms: Mapping[str, Tensor]
    measures: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Bound:
    """A model bound to a system, and how its time loops are run.

    Attributes
    ----------
    model : the model.
    system : the model with its weights materialised; None for a model without time, which is called instead.
    engine, memory : how time loops are run, and their budget for the gradient; they change cost, not the result.
    gradient : how the gradient of the last state is computed, for losses that ask for that state alone.
    notes : receives a sentence for every duration that is rounded to the steps of the model.
    rest : how the state without input is found.
    head : layers that the loss has put on top of the model (`Loss.head`); None for none.
    """

    model: Any
    system: System[Any] | None
    engine: str = "auto"
    memory: int | str | None = None
    rest: Rest = own_start
    notes: list[str] = field(default_factory=list)
    gradient: Gradient = field(default_factory=Gradient)
    head: nn.Module | None = None

    @classmethod
    def of(cls, model: Any, dt: float | None = None, **settings: Any) -> "Bound":
        """A model bound to a step of `dt` ms (None: its own)."""
        return cls(model, model.system(dt) if evolves(model) else None, **settings)

    def resting(self, ms: float = SPONTANEOUS_MS) -> State:
        """The state, one trial, in which the model is when nothing has been shown for `ms`, or in which it starts."""
        assert self.system is not None
        return self.rest(self.system, ms)

    def begin(self, batch: int, resting: State | None = None) -> State:
        """The state of `batch` trials before anything is shown; the seed of noise is drawn from torch's generator."""
        assert self.system is not None
        seed = int(torch.randint(2**31, ())) if self.system.has_noise else 0
        return start(self.system, self.resting() if resting is None else resting, batch, seed)

    def run(self, holds: list[Hold], state: State, record: Record) -> Trajectory:
        """The system through holds, from a state."""
        assert self.system is not None
        steps, engine = sum(hold.steps for hold in holds), self.gradient.row.engine or self.engine
        return integrate(self.system, holds, state, record, steps, engine, self.memory, self.notes)

    def end(self, holds: list[Hold], state: State, expansion_bound: float | None = None) -> Ending:
        """Return the end of a trial of holds, from a state, with the gradient of the rule; see `last_state`."""
        assert self.system is not None
        how = {"engine": self.engine, "memory": self.memory, "notes": self.notes}
        return last_state(self.system, holds, state, self.gradient, **how, expansion_bound=expansion_bound)  # type: ignore[arg-type]


class Loss(ABC):
    """Base of all losses; a subclass is a frozen dataclass.

    Attributes
    ----------
    kind : its name in files, and in `LOSSES`.
    needs_time : True if only models that evolve in time can be trained with it.
    reads_the_end : True if it reads the last state alone, by `Bound.end`, so that any gradient rule can be used.
    """

    kind: ClassVar[str]
    reads_the_end: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """The loss of a batch, with its named terms. Raises ValueError, by name, for a batch that does not fit."""

    needs_time: ClassVar[bool] = True

    @property
    def trains_outputs(self) -> bool:
        """False if outputs stay as they are, so that they are not measured on the test data."""
        return True

    def head(self, model: Any) -> nn.Module | None:
        """Layers on top of a model that are trained with it, for this loss alone, and kept apart from it when it ends.

        `StageReport.head` reads them back.
        They are drawn from torch's generator, and given to the loss as `bound.head`.
        """
        return None

    def check(self, model: Any) -> None:
        """Raise ValueError, saying why, when a model cannot be trained with this loss."""
        if self.needs_time and not evolves(model):
            raise ValueError(
                f"loss {self.kind!r} needs a model that evolves in time, got {type(model).__name__}; use 'last_step'"
            )

    def report(self, model: Any, source: Any) -> dict[str, float]:
        """Numbers on a trained model that only this loss has, measured on the test data of a `Source`."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the kind and the settings."""
        return {"kind": self.kind, **dataclasses.asdict(self)}  # type: ignore[call-overload]


LOSSES: Registry[type[Loss]] = Registry("loss")
"""Kind -> class."""

for _name, _class in (("paper", "objective:Objective"), ("settled", "losses:Settled"), ("masked", "losses:Masked")):
    LOSSES.add_lazy(_name, f"cordsnet.training.{_class}")
for _name, _class in (("next_frame", "NextFrame"), ("contrastive", "Contrastive")):
    LOSSES.add_lazy(_name, f"cordsnet.training.unlabelled:{_class}")
LOSSES.add_lazy("answer", "cordsnet.training.answer:Answer")
for _name, _class in (("last_step", "LastStep"), ("every_step", "EveryStep")):
    LOSSES.add_lazy(_name, f"cordsnet.training.losses:{_class}")


def evolves(model: Any) -> bool:
    """True for a model with a course in time, False for one that answers at once."""
    kind: str = model.clock.kind
    return kind != "static"


def by_name(outputs: Any) -> dict[str, Tensor]:
    """Outputs of a model by name; a single tensor holds class scores."""
    return dict(outputs) if isinstance(outputs, Mapping) else {SCORES: outputs}
