"""Capabilities of CordsNet and its feedforward twin for the training stages that make one from the other."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from cordsnet.dynamics import Activation, LinearMap
from cordsnet.models.capabilities import AreaWeights
from cordsnet.models.cordsnet.spec import NetworkSpec
from cordsnet.models.cordsnet.wiring import RECURRENT_GAIN, Wiring
from cordsnet.models.kernels import gain_of, scale_gain, weight_of
from cordsnet.models.zoo import build

READOUT, STEM_PART = "readout", "stem"


class Parted:
    """Says to which area a parameter belongs, by the names that the spec gives to areas and connections."""

    spec: NetworkSpec

    @property
    def parts(self) -> tuple[str, ...]:
        """Areas from the highest to the lowest, the readout and the stem."""
        return *(area.name for area in reversed(self.spec.areas)), READOUT, STEM_PART

    def part_of(self, parameter: str) -> str:
        """The area of a parameter; a connection belongs to its target."""
        words = parameter.split(".")
        owners = {area.name: area.name for area in self.spec.areas}
        owners |= {link.name: link.target for link in self.spec.connections}
        return next((owners[word] for word in words if word in owners), READOUT if READOUT in words else STEM_PART)


class Recurrent(Parted):
    """The recurrent network's side: kernels that can be read, replaced, scaled and frozen."""

    wiring: Wiring
    bias: nn.ParameterDict
    initial_recurrent_gain = RECURRENT_GAIN

    def recurrent_kernels(self) -> dict[str, Tensor]:
        """Area -> recurrent kernel [C, C, k, k]."""
        return {area: weight_of(kernel) for area, kernel in self.wiring.recurrent.items()}

    def recurrent_gain(self, area: str) -> Tensor:
        """Gain of every output channel of an area's recurrent kernel."""
        return gain_of(self.wiring.recurrent[area])

    @torch.no_grad()
    def scale_recurrence(self, area: str, factor: float | Tensor) -> None:
        """Multiply an area's recurrent kernel by a number, in place."""
        scale_gain(self.wiring.recurrent[area], factor)

    def area_weights(self, area: str) -> AreaWeights:
        """Kernels and bias of an area, in the graph."""
        recurrent, feedforward = weight_of(self.wiring.recurrent[area]), weight_of(self.wiring.feedforward[area])
        return AreaWeights(recurrent, feedforward, self.bias[area], self.spec.area(area).stride)

    @torch.no_grad()
    def set_area_weights(self, area: str, recurrent: Tensor, feedforward: Tensor, bias: Tensor) -> None:
        """Replace kernels and bias of an area, in place."""
        modules: Any = self.wiring
        modules.recurrent[area].weight, modules.feedforward[area].weight = recurrent, feedforward
        self.bias[area].copy_(bias)

    def area_maps(self, area: str) -> tuple[LinearMap, LinearMap]:
        """Recurrent and feedforward kernel of an area as linear maps in the precision in force, in the graph."""
        circuit = self.circuit()  # type: ignore[attr-defined]
        return circuit.recurrent[area], circuit.feedforward[area]

    def fitted_parameters(self, area: str) -> list[nn.Parameter]:
        """Parameters of the recurrent kernel of an area, and its bias."""
        return [*self.wiring.recurrent[area].parameters(), self.bias[area]]

    def train_only(self, kernels: tuple[str, ...]) -> None:
        """Freeze all but the biases and the kernels named: of "recurrent", "feedforward", "links", "stem"."""
        model: Any = self
        model.requires_grad_(False)
        for part in (*(getattr(self.wiring, name) for name in kernels), self.bias):
            part.requires_grad_(True)


@torch.no_grad()
def recurrent_twin(cnn: Any, biases: dict[str, Tensor], seed: int) -> Any:
    """A linear CordsNet with the kernels of a folded CNN, small random recurrence, and one bias [C, H, W] per area."""
    model: Any = build(cnn.spec, seed, "cordsnet").to(next(cnn.parameters()).dtype)
    model.activation = Activation("identity")
    for part in ("stem", "feedforward", "links", "readout"):
        getattr(model.wiring, part).load_state_dict(getattr(cnn.wiring, part).state_dict(), strict=True)
    for name, bias in model.bias.items():
        bias.copy_(biases[name])
    if "data" in cnn.metadata:  # the images stay the same; what was measured does not
        model.metadata = {"data": copy.deepcopy(cnn.metadata["data"])}
    return model
