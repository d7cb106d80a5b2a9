"""A whole network under a held image, as a flow on one flat vector."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.networks.jacobians import network_jacobian, one_trial, rate_system
from cordsnet.analysis.operators import LinearOperator
from cordsnet.dynamics import Simulable
from cordsnet.dynamics.simulate import check_model
from cordsnet.dynamics.system import Shown


class NetworkFlow(Flow):
    """tau dr/dt = -r + phi(drive) of every area at once, while an image is held; states are flat [units].

    Parameters
    ----------
    model : a network with a rate equation and no delayed connections.
    image : [1, C, H, W] as the model reads it, or inputs by name, each of one trial; None is no input.
    stepper : as for `Flow`. Networks are simulated by "euler" at their own dt; "rk4" follows the equation itself.

    Raises
    ------
    TypeError : a model without a rate equation.
    ValueError : more than one image, or delayed connections, whose state is more than the rates.
    """

    @check_arguments
    def __init__(self, model: Simulable, image: Shown = None, stepper: str = "rk4") -> None:
        check_model(model)
        with torch.no_grad():
            system = rate_system(model)
            held = system.hold(one_trial(model, image))
        self.system, self.held = system, held
        circuit = system.equation.circuit
        if any(circuit.delays_ms.values()):
            raise ValueError("model must have no delayed connections, whose state is more than rates; set delays to 0")
        self.shapes = {area: torch.Size(circuit.shapes[area]) for area in circuit.areas}
        units = sum(shape.numel() for shape in self.shapes.values())
        super().__init__((units,), system.like.dtype, system.like.device, stepper)
        full = {
            area: torch.as_tensor(circuit.tau_ms[area], dtype=self.dtype, device=self.device).expand(shape)
            for area, shape in self.shapes.items()
        }
        self.tau_ms = self.pack(full)

    def pack(self, rates: Mapping[str, Tensor]) -> Tensor:
        """{area: [*shape] or [K, *shape]} as one flat vector [units], or [K, units]."""
        area, value = next(iter(rates.items()))
        single = value.ndim == len(self.shapes[area])
        parts = [rates[area][None] if single else rates[area] for area in self.shapes]
        flat = torch.cat([part.flatten(1) for part in parts], 1)
        return flat[0] if single else flat

    def unpack(self, x: Tensor) -> dict[str, Tensor]:
        """[units] or [K, units] as {area: [C, H, W]} or {area: [K, C, H, W]}."""
        parts = torch.split(x, [shape.numel() for shape in self.shapes.values()], dim=-1)
        return {
            area: part.reshape(*x.shape[:-1], *shape)
            for (area, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def velocity(self, x: Tensor) -> Tensor:
        """(phi(drive) - r) / tau, [K, units]."""
        rates = self.unpack(x)
        targets = self.system.equation.targets(rates, self.system.state_of(rates), self.held, self.system.dt)
        whole = {area: target.expand(rates[area].shape) for area, target in targets.items()}
        return (self.pack(whole) - x) / self.tau_ms

    @exact()
    def jacobian(self, x: Tensor) -> LinearOperator:
        """(d phi(drive) / dr - I) / tau, by the network's own operators."""
        return network_jacobian(self.system, self.held, self.system.state_of(self.unpack(x[None])), of="flow")
