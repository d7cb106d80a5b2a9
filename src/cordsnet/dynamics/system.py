"""What the engines run: a model bound to a time step. The narrow waist between models and time loops."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor

from cordsnet._checks import check_positive, whole_steps
from cordsnet.dynamics.adjoint import Scratch
from cordsnet.dynamics.equation import Held, RateEquation, zero_state
from cordsnet.dynamics.state import State
from cordsnet.dynamics.steppers import STEPPERS

Context = TypeVar("Context")


class System(ABC, Generic[Context]):
    """A dynamical vision model with its weights materialised and its time step chosen.

    `Context` is whatever the model derives from a held frame, once per frame.
    """

    dt: float
    areas: tuple[str, ...]
    identity: object = None
    """What the dynamics depend on beside weights, dt and stepper, such as phi and precision; equal for equal ones."""

    @abstractmethod
    def zero_state(self, batch: int) -> State:
        """The state before anything has happened."""

    @abstractmethod
    def hold(self, frame: Tensor | None) -> Context:
        """Everything that stays constant while `frame` [B, C, H, W] (or a blank field) is held."""

    @abstractmethod
    def advance(self, state: State, context: Context) -> State:
        """The state one step later."""

    def check_state(self, state: State) -> None:
        """Raise TypeError or ValueError, saying why, when `state` is not one of this system's."""
        if not isinstance(state, State):
            raise TypeError(f"state must be a State, got {type(state).__name__}; start from model.initial_state(batch)")
        if set(state.rates) != set(self.areas):
            raise ValueError(
                f"initial_state has the areas {sorted(state.rates)}, the model has {sorted(self.areas)}; "
                "give a state of the same model"
            )

    @abstractmethod
    def readout(self, state: State) -> Tensor:
        """Class scores [B, K] at `state`."""


class RateSystem(System[Held]):
    """A rate equation with its stepper and its dt: the system behind CordsNet and its relatives.

    Rates are kept in the precision of `like`, convolutions computed in `compute`. Raises ValueError, naming the
    culprit, when `dt` cannot represent a delay or is too coarse.
    """

    def __init__(
        self,
        equation: RateEquation,
        dt: float,
        stepper: str,
        like: Tensor,
        identity: object = None,
        compute: torch.dtype | None = None,
    ) -> None:
        check_positive(dt, "dt")
        self.equation, self.dt, self.like = equation, float(dt), like
        self.stepper = STEPPERS[stepper]
        self.areas = equation.circuit.areas
        self.identity = identity
        self.compute = compute or like.dtype
        self.scratch = Scratch()
        for source, delays in equation.circuit.delays_ms.items():
            for delay in delays:
                whole_steps(delay, dt, f"delay of the connection from {source!r}")
        self.stepper.check(equation, dt)

    def zero_state(self, batch: int) -> State:
        """All rates zero."""
        return zero_state(self.equation.circuit, batch, self.dt, self.like)

    def hold(self, frame: Tensor | None) -> Held:
        """Constant drive and encoded frame."""
        return self.equation.circuit.hold(frame)

    def at_rest(self, rates: Mapping[str, Tensor], held: Held) -> State:
        """The state in which `rates` have long been what they are, delayed signals included."""
        state = State(rates, self.zero_state(1).past)
        for _ in range(max((len(queue) for queue in state.past.values()), default=0)):
            state = self.equation.carry(state, rates, held)
        return state

    def advance(self, state: State, context: Held) -> State:
        """One step of the chosen stepper."""
        return self.stepper.step(self.equation, state, context, self.dt)

    def check_state(self, state: State) -> None:
        """As for every system; shapes and what is under way in delayed connections must fit too."""
        super().check_state(state)
        wanted = self.zero_state(1)
        for area, rates in state.rates.items():
            if rates.dtype != self.like.dtype:
                raise TypeError(
                    f"initial_state has rates of {rates.dtype} in {area!r}, they are to be kept in {self.like.dtype}; "
                    f"convert it with state.map(lambda rates: rates.to({self.like.dtype}))"
                )
            if rates.shape[1:] != wanted.rates[area].shape[1:]:
                raise ValueError(
                    f"initial_state has rates of shape {list(rates.shape[1:])} in {area!r}, "
                    f"the model {list(wanted.rates[area].shape[1:])}; give a state of the same model"
                )
        under_way = {source: len(queue) for source, queue in state.past.items()}
        if under_way != {source: len(queue) for source, queue in wanted.past.items()}:
            raise ValueError(
                f"initial_state has delayed signals under way in steps of another dt than {self.dt:g} ms; "
                "simulate at the dt it was made with"
            )

    def readout(self, state: State) -> Tensor:
        """Class scores from what the areas emit."""
        return self.equation.readout(state.rates)
