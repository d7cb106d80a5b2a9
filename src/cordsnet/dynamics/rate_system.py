"""A rate equation with its stepper and its dt: the system behind CordsNet and every network of pathways."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import sqrt

import torch
from torch import Tensor

from cordsnet.dynamics.circuit import Circuit, Held
from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.effects import NONE, Clamped, Effects
from cordsnet.dynamics.equation import RateEquation
from cordsnet.dynamics.limits import check_steps
from cordsnet.dynamics.maps import channels_last
from cordsnet.dynamics.noise import normal
from cordsnet.dynamics.state import Signal, State
from cordsnet.dynamics.steppers import STEPPERS
from cordsnet.dynamics.system import Inputs, System


class RateSystem(System[Held]):
    """tau dr/dt = -r + phi(drive + noise), step by step.

    Rates are kept in the precision of `like`, convolutions computed in `compute`. `start` is the model's own way to
    begin; None starts from zero rates. Raises ValueError, naming the culprit, when `dt` cannot represent a delay or is
    too coarse.

    Private noise of standard deviation sigma joins the drive at every step, scaled so that a linear unit without
    recurrence fluctuates with exactly that standard deviation, whatever dt is: a step multiplies the rate by some a
    (1 - dt / tau for Euler), and an autoregression of coefficient a with input (1 - a) s xi has the variance
    s^2 (1 - a) / (1 + a).

    `dt` is the duration of a step, ms, or a clock: a network of steps is one whose time constants are its step.
    """

    def __init__(
        self,
        equation: RateEquation,
        dt: float | Clock,
        stepper: str,
        like: Tensor,
        identity: object = None,
        compute: torch.dtype | None = None,
        start: "Callable[[RateSystem], State] | None" = None,
    ) -> None:
        self.clock = dt if isinstance(dt, Clock) else Clock(dt)
        dt = self.dt
        self.equation, self.like, self.identity, self.start = equation, like, identity, start
        self.stepper = STEPPERS[stepper]
        self.compute = compute or like.dtype
        circuit = equation.circuit
        self.signals = tuple(Signal(area, tuple(circuit.shapes[area])) for area in circuit.areas)
        self.outputs = circuit.outputs
        self.pathways = tuple(dict.fromkeys(p.name for p in circuit.pathways if p.target in circuit.areas))
        self.sources = tuple(Signal(source, tuple(circuit.shapes[source])) for source in circuit.encoders)
        self.has_noise = bool(circuit.noise)
        for source, delays in circuit.delays_ms.items():
            for delay in delays:
                check_steps(self.clock.steps(delay, f"delay of the pathway from {source!r}"), dt)
        self.stepper.check(equation, dt)
        if circuit.alive and equation.activation.name == "softplus":
            raise ValueError("units under softplus are never silent, so none can be lesioned; use silence() instead")
        self._gone = Effects(
            clamps={area: (Clamped(kept == 0, like.new_zeros(())),) for area, kept in circuit.alive.items()}
        )
        self._strength = {area: self._noise_strength(area, sigma) for area, sigma in circuit.noise.items()}

    @property
    def rectified(self) -> frozenset[str]:
        """All areas of a circuit."""
        return frozenset(self.areas)

    def zero_state(self, batch: int, seed: int = 0) -> State:
        """All rates zero, and nothing under way in delayed pathways."""
        shapes = self.equation.circuit.shapes
        return self.state_of(
            {area: channels_last(self.like.new_zeros(batch, *shapes[area])) for area in self.areas}, seed
        )

    def silent_past(self, batch: int) -> dict[str, tuple[Tensor, ...]]:
        """Zeros in every delayed pathway."""
        circuit, past = self.equation.circuit, {}
        for source, delays in circuit.delays_ms.items():
            zeros = channels_last(self.like.new_zeros(batch, *circuit.shapes[source]))
            past[source] = (zeros,) * round(max(delays) / self.dt)
        return past

    def begin(self, batch: int, seed: int = 0) -> State:
        """The model's own start, the same for all trials but for their noise."""
        if self.start is None:
            return self.zero_state(batch, seed)
        return replace(self.start(self).expand(batch), step=0, seeds=self.seeds(batch, seed))

    def hold(self, inputs: Inputs) -> Held:
        """Constant drive and encoded inputs."""
        return self.equation.circuit.hold(inputs)

    def encoded(self, context: Held) -> Mapping[str, Tensor]:
        """The held inputs as the encoders give them on."""
        return context.emitted

    def at_rest(self, rates: Mapping[str, Tensor], held: Held) -> State:
        """The state in which `rates` have long been what they are, delayed signals included."""
        state = self.state_of(rates)
        for _ in range(max((len(queue) for queue in state.past.values()), default=0)):
            state = self.equation.carry(state, rates, held)
        return replace(state, step=0)

    def advance(self, state: State, context: Held, effects: Effects = NONE) -> State:
        """One step of the chosen stepper."""
        if self.has_noise:
            noise = {area: self.noise(area, state.seeds, state.step) for area in self._strength}
            effects = effects & Effects(currents=noise)
        if effects and self._gone:
            effects = effects & self._gone
        return self.stepper.step(self.equation, state, context, self.dt, effects)

    def noise(self, area: str, seeds: Tensor | None, step: int) -> Tensor:
        """Noise of an area's drive [B, *shape] in one step, of a stream that is the area's own."""
        assert seeds is not None
        shape, stream = self.equation.circuit.shapes[area], self.areas.index(area)
        return self._strength[area] * normal(seeds, stream, step, shape, self.like.dtype)

    def with_circuit(self, circuit: Circuit, *what: object) -> "RateSystem":
        """The same system over another circuit; `what` sets it apart from this one."""
        equation, identity = replace(self.equation, circuit=circuit), (self.identity, *what)
        return RateSystem(equation, self.clock, self.stepper.name, self.like, identity, self.compute, self.start)

    def without_noise(self) -> "RateSystem":
        """The same system with its noise switched off."""
        return self.with_circuit(replace(self.equation.circuit, noise={}), "quiet") if self.has_noise else self

    def check_state(self, state: State) -> None:
        """As for every system; the delayed signals must fit too."""
        super().check_state(state)
        queued = {source: len(queue) for source, queue in state.past.items()}
        if queued != {source: len(queue) for source, queue in self.silent_past(1).items()}:
            raise ValueError(
                f"initial_state has delayed signals in steps of another dt than {self.dt:g} ms; "
                "simulate at the dt it was made with"
            )
        if self.has_noise and state.seeds is None:
            raise ValueError("initial_state has no seeds for the noise of this model; start from model.initial_state()")

    def read(self, state: State) -> dict[str, Tensor]:
        """Outputs from what the areas emit."""
        return self.equation.circuit.read(state.rates)

    def admit(self, state: State) -> State:
        """A state from outside, checked, with lesioned units silent."""
        return self._gone.begin(super().admit(state))

    def intervened(self, state: State, effects: Effects) -> State:
        """The state with which interventions begin, with lesioned units silent."""
        return self._gone.begin(effects.begin(state))

    def _noise_strength(self, area: str, sigma: float | Tensor) -> float | Tensor:
        kept = self.stepper.decay(self.dt, self.equation.circuit.tau_ms[area])
        if isinstance(kept, Tensor):
            return sigma * torch.sqrt((1 + kept) / (1 - kept))
        return sigma * sqrt((1 + kept) / (1 - kept))
