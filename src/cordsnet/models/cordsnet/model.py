"""CordsNet: a convolutional recurrent network that is a continuous-time dynamical system."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cordsnet._arguments import check_init
from cordsnet._checks import is_number
from cordsnet.dynamics import Activation, Circuit, Clock, Precision, RateEquation, RateSystem
from cordsnet.models.cordsnet.circuit import build_circuit
from cordsnet.models.cordsnet.layout import layout
from cordsnet.models.cordsnet.rows import PAPER
from cordsnet.models.cordsnet.spec import STEM, AreaSpec, NetworkSpec
from cordsnet.models.cordsnet.twin import Recurrent
from cordsnet.models.cordsnet.wiring import Wiring
from cordsnet.models.interface import VisionModel
from cordsnet.models.kernels import bias_of

RESPONSE_MS = 200.0
"""Duration of an image in training (Soo et al. 2024, section 3), and by default before a network is read."""


@check_init
class CordsNet(Recurrent, VisionModel):
    """tau dr/dt = -r + phi(R * r + b + F * h), area by area (Soo et al. 2024, section 3).

    Parameters
    ----------
    spec : the network as data.
    activation : phi; ReLU in the final model, the identity and PReLU during training.

    The bias b is one value per unit [C, H, W]. An area hands on, and the readout pools, ReLU(r).
    """

    kind = "cordsnet"
    feedforward_kind: ClassVar[str | None] = "cnn"
    spec_type = NetworkSpec
    about = (
        f"A CordsNet ([Soo et al., NeurIPS 2024]({PAPER})): a convolutional recurrent network whose every area is a "
        "continuous-time dynamical system."
    )
    tags = ("neuroscience", "vision", "recurrent-neural-network", "dynamical-system")
    spec: NetworkSpec

    def __init__(self, spec: NetworkSpec, activation: Activation | None = None) -> None:
        super().__init__()
        self.spec = spec
        self.activation = activation or Activation("relu")
        sizes = layout(spec)
        self.wiring = Wiring(spec)
        self.bias = nn.ParameterDict({a.name: nn.Parameter(torch.zeros(sizes.shapes[a.name])) for a in spec.areas})
        self._tau = spec, _taus_per_unit(spec)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        return {name: shape for name, shape in layout(self.spec).shapes.items() if name != STEM}

    @property
    def clock(self) -> Clock:
        """Continuous time with the spec's step."""
        return Clock(self.spec.dt_ms)

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """Kernels and biases: the system computes with their tensors."""
        return "wiring", "bias"

    @property
    def response_ms(self) -> float:
        """The duration for which the paper shows an image in training, ms."""
        return RESPONSE_MS

    @property
    def timing(self) -> str:
        """Time constant and step, in words."""
        return f"time constant {self._tau_words()}, step {self.spec.dt_ms:g} ms"

    def _times(self) -> str:
        return f"tau {self._tau_words()}, dt {self.spec.dt_ms:g} ms"

    def _tau_words(self) -> str:
        """The time constant, and those that areas have of their own."""
        own = {area.name: area.tau_ms for area in self.spec.areas if area.tau_ms is not None}
        some = [f"{name} {tau:g} ms" if is_number(tau) else f"{name} per unit" for name, tau in own.items()]
        return f"{self.spec.tau_ms:g} ms" + (f" ({', '.join(some)})" if some else "")

    def description(self) -> dict[str, Any]:
        """The network without its weights, ready for JSON."""
        activation = {"name": self.activation.name, "slope": self.activation.slope}
        return super().description() | {"activation": activation}

    @classmethod
    def from_described(cls, description: Mapping[str, Any]) -> "CordsNet":
        """A network from its description."""
        return cls(cls.spec_type.from_dict(description["spec"]), Activation(**description["activation"]))

    def circuit(self, precision: Precision | None = None) -> Circuit:
        """The network with its weights materialised, under the autograd graph when gradients are on."""
        precision, like = precision or Precision(), bias_of(self.wiring.readout)
        tau: dict[str, float | Tensor] = {}
        for area in self.spec.areas:
            if isinstance(area.tau_ms, (int, float)):
                tau[area.name] = area.tau_ms
            else:
                per_unit, dtype = self._taus().get(area.name), precision.of_rates(like)
                tau[area.name] = self.spec.tau_ms if per_unit is None else per_unit.to(like.device, dtype)
        return build_circuit(self.spec, self.wiring, dict(self.bias.items()), tau, precision)

    def _with_time(self, name: str, value: Any) -> NetworkSpec:
        """The spec with another time; `tau_ms` may be one number, or one for each of some areas by name."""
        return self.spec.with_tau(value) if name == "tau_ms" else self.spec.changed(**{name: value})

    def _taus(self) -> dict[str, Tensor]:
        """Time constants per unit, those of the spec as it is now."""
        if self._tau[0] is not self.spec:
            self._tau = self.spec, _taus_per_unit(self.spec)
        return self._tau[1]

    def bind(self, dt: float, stepper: str, precision: Precision) -> RateSystem:
        """The network bound to `dt` (ms), a stepper and a precision; it begins from spontaneous activity."""
        circuit, bias = self.circuit(precision), bias_of(self.wiring.readout)
        like, compute = bias.to(circuit.dtype), precision.of_convolutions(bias)
        identity = self.activation, compute, circuit.dtype
        equation = RateEquation(circuit, self.activation)
        return RateSystem(equation, dt, stepper, like, identity, compute, self.spontaneous)


def _taus_per_unit(spec: NetworkSpec) -> dict[str, Tensor]:
    """Area -> tau of its units, for areas that give one per unit."""
    return {area.name: _tau_per_unit(spec, area) for area in spec.areas if isinstance(area.tau_ms, tuple)}


def _tau_per_unit(spec: NetworkSpec, area: AreaSpec) -> Tensor:
    """tau of an area's units in ms, a map in double precision that broadcasts to [C, H, W]."""
    try:
        tau = torch.tensor(area.tau_ms, dtype=torch.float64, device="cpu")
    except ValueError as error:
        raise ValueError(f"tau_ms of {area.name!r} must be a regular array of numbers ({error})") from error
    if not bool((torch.isfinite(tau) & (tau > 0)).all()):
        raise ValueError(f"tau_ms of {area.name!r} must be finite and above 0 everywhere")
    shape = layout(spec).shapes[area.name]
    if tau.ndim != 3 or any(n not in (1, full) for n, full in zip(tau.shape, shape, strict=True)):
        raise ValueError(f"tau_ms of {area.name!r} must broadcast to {list(shape)}, got shape {list(tau.shape)}")
    return tau
