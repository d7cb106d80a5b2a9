"""DEQ of a CordsNet: the equilibrium of the same dynamics, found by a solver instead of in time."""

import torch
from torch import Tensor, nn

from cordsnet.dynamics import (
    NONE,
    Activation,
    Circuit,
    Clock,
    Effects,
    Held,
    Inputs,
    Precision,
    RateEquation,
    Signal,
    State,
    System,
    channels_last,
)
from cordsnet.dynamics.equilibrium import reader_at
from cordsnet.models.cordsnet.circuit import build_circuit
from cordsnet.models.cordsnet.layout import layout
from cordsnet.models.cordsnet.spec import STEM
from cordsnet.models.cordsnet.twin import Parted
from cordsnet.models.cordsnet.wiring import Wiring
from cordsnet.models.deq.settle import Rates, Step, settle, signals_of
from cordsnet.models.deq.spec import DeqConvSpec
from cordsnet.models.interface import VisionModel
from cordsnet.models.kernels import bias_of

PAPER = "https://arxiv.org/abs/1909.01377"


class DeqConv(Parted, VisionModel):
    """r = relu(R * r + b + F * h) in every area of a CordsNet, solved for each frame (Bai et al. 2019).

    f is one step of the CordsNet with dt = tau, all areas at once, on the rates of all areas as one vector. Its fixed
    point is where the CordsNet with the same weights settles; names of weights are those of CordsNet, so that state
    dicts can be exchanged. Every frame is solved from zero rates, unless `spec.carry_state` is True.

    Beside its rates, each area has the signal "AREA.residual" [1]: |f(r) - r| of the area, divided by |f(r)| of all
    areas, at the solver's result, and at least `spec.tol`; where that was not reached, a ConvergenceWarning says so.
    The solver's iterates, which are no time course unless the solver is "fixed_point", are those of
    `solver_trajectory`.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "deq_conv"
    spec_type = DeqConvSpec
    about = (
        f"A deep equilibrium model ([Bai et al., NeurIPS 2019]({PAPER})) of a CordsNet: one step is one frame, solved "
        "to the steady state of the CordsNet with the same weights."
    )
    spec: DeqConvSpec

    def __init__(self, spec: DeqConvSpec) -> None:
        super().__init__()
        self.spec = spec
        self.wiring = Wiring(spec)
        self.bias = nn.ParameterDict({area: nn.Parameter(torch.zeros(shape)) for area, shape in self.shapes.items()})

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        return {name: shape for name, shape in layout(self.spec).shapes.items() if name != STEM}

    @property
    def clock(self) -> Clock:
        """Steps of `spec.ms_per_step`, one frame each."""
        return Clock(self.spec.ms_per_step, "steps")

    @property
    def response_ms(self) -> float:
        """As many steps as the spec says, ms."""
        return self.spec.steps * self.spec.ms_per_step

    @property
    def timing(self) -> str:
        """Time step, in words."""
        return f"steps of {self.spec.ms_per_step:g} ms by convention, one frame each, solved to equilibrium"

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """Kernels and biases: the system computes with their tensors."""
        return "wiring", "bias"

    def circuit(self, precision: Precision | None = None) -> Circuit:
        """The network with its weights materialised, under the autograd graph when gradients are on."""
        tau = dict.fromkeys(self.shapes, self.spec.tau_ms)
        return build_circuit(self.spec, self.wiring, dict(self.bias.items()), tau, precision or Precision())

    def bind(self, dt: float, stepper: str, precision: Precision) -> "DeqSystem":
        """The network with steps of `dt` ms, which need no stepper."""
        return DeqSystem(self, dt, precision)


class DeqSystem(System[Held]):
    """One step is one frame: all areas are solved together, by as many iterations as that takes.

    Interventions act in every iteration, and so on the equilibrium. A recorded drive is that at the equilibrium.
    """

    unrolling = "inner"

    def __init__(self, model: DeqConv, dt: float, precision: Precision) -> None:
        self.equation = RateEquation(model.circuit(precision), Activation("relu"))
        circuit, bias = self.equation.circuit, bias_of(model.wiring.readout)
        self.spec, self.clock, self.outputs = model.spec, Clock(dt, "steps"), circuit.outputs
        self.like = bias.detach().new_empty(0, dtype=circuit.dtype)
        self.identity = precision.of_convolutions(bias), circuit.dtype
        self.signals = signals_of(model.shapes)
        self.pathways = tuple(dict.fromkeys(p.name for p in circuit.pathways if p.target in circuit.areas))
        self.sources = tuple(Signal(source, tuple(circuit.shapes[source])) for source in circuit.encoders)

    def zero_state(self, batch: int, seed: int = 0) -> State:
        """All signals zero, with channels last in memory as the kernels have them."""
        return super().zero_state(batch, seed).map(channels_last)

    def hold(self, inputs: Inputs) -> Held:
        """Constant drive and encoded inputs."""
        return self.equation.circuit.hold(inputs)

    def encoded(self, context: Held) -> Rates:
        """The encoded image."""
        return context.emitted

    def step_of(self, context: Held) -> Step:
        """f: the rates of all areas at once after a step of the CordsNet with dt = tau, while `context` is held."""

        def step(rates: Rates, effects: Effects) -> dict[str, Tensor]:
            read = reader_at(context, rates)
            found = {area: self.equation.target(area, context, read, effects) for area in rates}
            return {area: effects.rate(area, found[area].expand_as(rates[area])) for area in rates}

        return step

    def starting_rates(self, state: State) -> Rates:
        """Zeros, or the last equilibrium where the spec carries the state."""
        return state.rates if self.spec.carry_state else {a: torch.zeros_like(r) for a, r in state.rates.items()}

    def advance(self, state: State, context: Held, effects: Effects = NONE) -> State:
        """The equilibrium of the frame that is held."""
        found = settle(self.step_of(context), self.starting_rates(state), self.spec, effects, tell=True)
        return state.after(found)

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K]."""
        return self.equation.circuit.read(state.rates)
