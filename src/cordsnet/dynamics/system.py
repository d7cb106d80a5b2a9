"""Interface between models and engines: a model bound to a time step."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Generic, Literal, TypeAlias, TypeVar

from torch import Tensor

from cordsnet._checks import check_type
from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.noise import trial_seeds
from cordsnet.dynamics.state import Signal, State

Context = TypeVar("Context")
Inputs: TypeAlias = Mapping[str, Tensor]
"""Name of an input -> its values [B, *shape] while they are held. An input that is left out is zero everywhere."""

Shown: TypeAlias = Tensor | Inputs | None
"""Images [B, C, H, W]; or inputs by name; or None, no input."""


def by_name(shown: Shown) -> Inputs:
    """Inputs by name, of which images have the name "image"."""
    if shown is None:
        return {}
    return shown if isinstance(shown, Mapping) else {"image": shown}  # anything else is refused as images, by name


Unrolling: TypeAlias = Literal["sync", "sweep", "inner"]


class System(ABC, Generic[Context]):
    """A dynamical vision model with its weights materialised and its time step chosen.

    `Context` is whatever the model computes once for inputs that are held. `hold`, `advance` and `read` are pure: they
    change nothing, and the same arguments give the same result, since engines may run a block of time twice.

    Attributes
    ----------
    clock : how steps relate to ms.
    signals : tensors that are carried from step to step, lowest area first.
    outputs : name -> names of the axes of what is read out, after the batch axis; `scores` for image models.
    like : a tensor with the device and dtype of the signals.
    pathways : names "source -> target" of what `advance` passes through `effects.pathway`.
    unrolling : "sync": every area reads the step before. "sweep": areas are updated bottom to top, each reading what
        the lower ones have become. "inner": an area runs all its iterations before the next one starts.
    identity : what the dynamics depend on besides weights and clock, such as activation and precision.
    has_noise : True if steps depend on `State.seeds`.
    sources : encoded inputs that can be recorded beside the signals, such as "stem".
    """

    clock: Clock
    signals: tuple[Signal, ...]
    outputs: Mapping[str, tuple[str, ...]]
    like: Tensor
    pathways: tuple[str, ...] = ()
    unrolling: ClassVar[Unrolling] = "sync"
    identity: object = None
    has_noise: bool = False
    sources: tuple[Signal, ...] = ()

    @property
    def dt(self) -> float:
        """Duration of one step, ms."""
        return self.clock.dt_ms

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the areas that have a rate, lowest first."""
        return tuple(signal.area for signal in self.signals if signal.kind == "rate")

    @property
    def rectified(self) -> frozenset[str]:
        """Areas that pass their rates on rectified, whatever reads them; none unless a system says otherwise."""
        return frozenset()

    def zero_state(self, batch: int, seed: int = 0) -> State:
        """The state with all signals at zero, [batch, *shape]; `seed` fixes the noise of all that follows."""
        values = {signal.name: self.like.new_zeros(batch, *signal.shape) for signal in self.signals}
        return self.state_of(values, seed)

    def state_of(self, values: Mapping[str, Tensor], seed: int = 0) -> State:
        """The state at step 0 with these signals, name -> [B, *shape]: the one place where a state is built."""
        check_type(values, Mapping, "values", "a mapping of signals to tensors")
        if not values or not all(isinstance(value, Tensor) and value.ndim for value in values.values()):
            raise ValueError(f"values must map every signal to a tensor [B, *shape], got {values!r:.100}")
        batch = len(next(iter(values.values())))
        return State(values, seeds=self.seeds(batch, seed), past=self.silent_past(batch))

    def silent_past(self, batch: int) -> dict[str, tuple[Tensor, ...]]:
        """Delayed signals before anything was emitted, for `State.past`; a system without delays has none."""
        return {}

    def seeds(self, batch: int, seed: int) -> Tensor | None:
        """Seeds of the trials' noise [batch]; None for a system without noise."""
        return trial_seeds(seed, batch, self.like.device) if self.has_noise else None

    def begin(self, batch: int, seed: int = 0) -> State:
        """The state in which the model starts by itself, before the first step; all zero unless it says otherwise."""
        return self.zero_state(batch, seed)

    @abstractmethod
    def hold(self, inputs: Inputs) -> Context:
        """Everything that stays constant while `inputs` are held."""

    @abstractmethod
    def advance(self, state: State, context: Context, effects: Effects = NONE) -> State:
        """The state one step later, `state.after(values)`.

        Every drive goes through `effects.drive`, every new rate through `effects.rate` before anything reads it, and
        what a named pathway delivers through `effects.pathway`.
        """

    def encoded(self, context: Context) -> Mapping[str, Tensor]:
        """Encoded inputs while `context` is held: name of one of the `sources` -> [1 or B, *shape]."""
        return {}

    @abstractmethod
    def read(self, state: State) -> dict[str, Tensor]:
        """Name of an output -> its values [B, ...] at `state`."""

    def check_state(self, state: State) -> None:
        """Raise TypeError or ValueError, saying why, when `state` is not one of this system's."""
        if not isinstance(state, State):
            raise TypeError(f"state must be a State, got {type(state).__name__}; start from model.initial_state(batch)")
        wanted = {signal.name: signal for signal in self.signals}
        if set(state.values) != set(wanted):
            raise ValueError(
                f"initial_state has the signals {sorted(state.values)}, the model has {sorted(wanted)}; "
                "give a state of the same model"
            )
        for name, value in state.values.items():
            if value.dtype != self.like.dtype:
                raise TypeError(
                    f"initial_state has {value.dtype} in {name!r}, which is kept in {self.like.dtype}; "
                    f"convert it with state.map(lambda values: values.to({self.like.dtype}))"
                )
            if tuple(value.shape[1:]) != tuple(wanted[name].shape):
                raise ValueError(
                    f"initial_state has the shape {list(value.shape[1:])} in {name!r}, "
                    f"the model {list(wanted[name].shape)}; give a state of the same model"
                )

    def admit(self, state: State) -> State:
        """A state that comes from outside, checked, and without what the model has lost."""
        self.check_state(state)
        return state

    def intervened(self, state: State, effects: Effects) -> State:
        """The state with which interventions begin: clamped rates take their value; what is lost stays lost."""
        return effects.begin(state)
