"""Discrete-time recurrent CNNs: CordsNets whose step goes all the way, and the same with a batch norm per step."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import is_int
from cordsnet.dynamics import Activation, Circuit, Clock, Precision, RateEquation, RateSystem, System
from cordsnet.models.cordsnet.circuit import build_circuit
from cordsnet.models.cordsnet.layout import layout
from cordsnet.models.cordsnet.model import CordsNet
from cordsnet.models.cordsnet.normed import NormedSystem
from cordsnet.models.cordsnet.rows import PAPER
from cordsnet.models.cordsnet.spec import STEM, NetworkSpec
from cordsnet.models.kernels import bias_of
from cordsnet.models.spec import ModelSpec
from cordsnet.models.stepped.batch_norms import MeasuresBatchNorms


@check_init
@dataclass(frozen=True)
class DiscreteSpec(NetworkSpec):
    """A discrete-time recurrent CNN as data: the fields of a CordsNet, and two more.

    A step stands for `dt_ms`, by convention. There is no time constant: `tau_ms` is always `dt_ms`, and areas have none
    of their own.

    Attributes
    ----------
    norm : "bn_per_step" puts a batch norm, of an area's own for every step, in the place of its biases; None leaves
        biases.
    steps : number of steps for which an image is held before the network is read, where nothing else is said.
    """

    kind: ClassVar[str] = "dtcnn"
    dt_ms: float = 10.0
    norm: Literal["bn_per_step"] | None = None
    steps: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_int(self.steps, 1):
            raise ValueError(f"steps must be whole and at least 1, got {self.steps!r}")
        if self.norm not in (None, "bn_per_step"):
            raise ValueError(f"norm must be 'bn_per_step' or None, got {self.norm!r}")
        if self.tau_ms != self.dt_ms or any(area.tau_ms is not None for area in self.areas):
            raise ValueError(
                f"tau_ms must be dt_ms = {self.dt_ms:g} ms, since a discrete-time network has no time constants; use a "
                "CordsNet for others"
            )
        if self.norm and self.steps < (latest := max(arrivals_by_links(self).values())):
            raise ValueError(f"steps must be at least {latest}, so that the image reaches all areas")

    def changed(
        self, width: int | None = None, recurrent: Literal["all", "top"] = "all", **changes: Any
    ) -> "DiscreteSpec":
        """As `NetworkSpec.changed`; the step and the time constant are one number, and either changes both."""
        for one, other in (("dt_ms", "tau_ms"), ("tau_ms", "dt_ms")):
            if one in changes:
                changes.setdefault(other, changes[one])
        return cast("DiscreteSpec", super().changed(width, recurrent, **changes))

    def is_sized(self, row: ModelSpec) -> bool:
        """True for the scheme of a row of this kind."""
        return isinstance(row, DiscreteSpec) and self.norm == row.norm and super().is_sized(row)


@check_arguments
def arrivals_by_links(spec: NetworkSpec) -> dict[str, int]:
    """Area -> the step at which an image first reaches it, counted from 1, by the links of a network not built yet.

    It is the step that `cordsnet.models.arrival_steps` finds by simulation.
    """
    found = {STEM: 0}
    for _ in spec.areas:
        for link in spec.connections:
            if link.source in found:
                step = found[link.source] + 1 + round(link.delay_ms / spec.dt_ms)
                found[link.target] = min(step, found.get(link.target, step))
    return {area.name: found[area.name] for area in spec.areas}


@check_init
class DiscreteCNN(MeasuresBatchNorms, CordsNet):
    """A discrete-time recurrent CNN, with the weights of a CordsNet: r(t + 1) = phi(R * r(t) + b + F * h(t)).

    It is the CordsNet (Soo et al. 2024) whose step is its time constant, so that a step goes all the way, and both have
    the same fixed points. All areas are updated at once, each from the step before. It starts from zero rates.

    With `spec.norm = "bn_per_step"` r(t + 1) = phi(BN(R * r(t) + F * h(t))), with a batch norm of the area's own for
    every step, counted from the beginning; in later steps that of the last one acts. As long as the image has not
    reached an area, its drive is zero and has no norm.

    Parameters
    ----------
    spec : the network as data.
    activation : phi.
    """

    kind = "dtcnn"
    feedforward_kind = None
    spec_type = DiscreteSpec
    about = (
        f"A discrete-time recurrent convolutional network: a CordsNet ([Soo et al., NeurIPS 2024]({PAPER})) whose step "
        "is its time constant."
    )
    system_type = NormedSystem
    spec: DiscreteSpec

    def __init__(self, spec: DiscreteSpec, activation: Activation | None = None) -> None:
        super().__init__(spec, activation)
        self.norms = nn.ModuleDict()
        if spec.norm is not None:
            self.bias = nn.ParameterDict()
            for area, first in arrivals_by_links(spec).items():
                channels = spec.area(area).channels
                norms = {str(t): nn.BatchNorm2d(channels, dtype=torch.float32) for t in range(first - 1, spec.steps)}
                self.norms[area] = nn.ModuleDict(norms)

    @property
    def clock(self) -> Clock:
        """Steps of `spec.dt_ms`."""
        return Clock(self.spec.dt_ms, "steps")

    @property
    def response_ms(self) -> float:
        """As many steps as the spec says, ms."""
        return self.spec.steps * self.spec.dt_ms

    @property
    def timing(self) -> str:
        """Time step and order of updates, in words."""
        return f"steps of {self.spec.dt_ms:g} ms by convention, in which all areas are updated at once"

    def _times(self) -> str:
        return self.timing

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """All weights: the system computes with their tensors."""
        return "wiring", "bias", "norms"

    def _with_time(self, name: str, value: Any) -> NetworkSpec:
        return self.spec.changed(**{name: value})

    def circuit(self, precision: Precision | None = None) -> Circuit:
        """The network with its weights materialised, under the autograd graph when gradients are on."""
        like, shapes = bias_of(self.wiring.readout), layout(self.spec).shapes
        bias: dict[str, Tensor] = {area: like.new_zeros(shapes[area]) for area in self.areas}
        tau: dict[str, float | Tensor] = dict.fromkeys(self.areas, self.spec.dt_ms)
        return build_circuit(self.spec, self.wiring, bias | dict(self.bias.items()), tau, precision or Precision())

    def bind(self, dt: float, stepper: str, precision: Precision) -> System[Any]:  # type: ignore[override]
        """The network with steps of `dt` ms, which need no stepper: a rate system, or a `NormedSystem`."""
        return self.rate_system(dt, precision) if self.spec.norm is None else NormedSystem(self, dt, precision)

    def rate_system(self, dt: float, precision: Precision, activation: Activation | None = None) -> RateSystem:
        """The network without its norms as a rate equation, of which a step goes all the way."""
        circuit, bias = self.circuit(precision), bias_of(self.wiring.readout)
        circuit = dataclasses.replace(circuit, tau_ms=dict.fromkeys(self.areas, dt))
        equation = RateEquation(circuit, activation or self.activation)
        compute = precision.of_convolutions(bias)
        identity = equation.activation, compute, circuit.dtype
        return RateSystem(equation, Clock(dt, "steps"), "euler", bias.to(circuit.dtype), identity, compute)

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Set the statistics of all batch norms, as `MeasuresBatchNorms`; without norms there is nothing to set."""
        if self.spec.norm is not None:
            super().calibrate(batches)
