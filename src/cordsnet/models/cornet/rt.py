"""CORnet-RT and CORnet-R: areas with recurrence of their own, updated together or bottom to top."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs
from cordsnet.models.cornet.spec import AREAS, PREPRINT, CornetRTSpec
from cordsnet.models.stepped.layers import Watch
from cordsnet.models.stepped.model import SteppedModel
from cordsnet.models.stepped.system import SteppedSystem
from cordsnet.models.weights import group_norm, sending_conv


class CornetRTSystem(SteppedSystem[Tensor]):
    """All areas are updated together: an area reads what the one below, and itself, were a step before.

        p(t) = relu(GN(F * below(t - 1) + b)),  s(t) = relu(GN(K * (p(t) + s(t - 1))))

    V1 reads the image in place of the area below. At the model's first step (`State.step` is 0) the other areas have
    read nothing, not even a silent area below, and p is zero. "V1 -> V2" delivers p of V2, "V2 -> V2" its rate, both
    into K; the drive of an area is what it rectifies.
    """

    spec: CornetRTSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.order = [
            (below, area, f"{below} -> {area}", f"{area} -> {area}") for below, area in pairwise(("image", *AREAS))
        ]
        self.pathways = (*(forward for _, _, forward, _ in self.order), *(itself for *_, itself in self.order))

    def hold(self, inputs: Inputs) -> Tensor:
        """V1's input path from the image [1 or B, C, H, W]; that of a blank field for one trial."""
        return self._arriving("V1", self.image(inputs))

    def advance(self, state: State, context: Tensor, effects: Effects = NONE) -> State:
        """One step of every area."""
        values: dict[str, Tensor] = {}
        for below, area, forward, itself in self.order:
            total = effects.pathway(itself, state.values[area])
            if area == "V1":
                total = total + effects.pathway(forward, context)
            elif state.step:
                total = total + effects.pathway(forward, self._arriving(area, self.below(below, state, values)))
            drive = self.layers.norm(f"{area}.norm1", self.layers.conv(f"{area}.conv1", total))
            values[area] = effects.rate(area, torch.relu(effects.drive(area, drive)))
        return state.after(values)

    def below(self, area: str, state: State, values: dict[str, Tensor]) -> Tensor:
        """The rate that the area above reads: that of the step before."""
        return state.values[area]

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] from the mean of every map of IT."""
        return {"scores": self.layers.linear["decoder.linear"](state.values["IT"].mean((2, 3)))}

    def _arriving(self, area: str, maps: Tensor) -> Tensor:
        """Compute what the input path of an area makes of maps."""
        fed = self.layers.norm(f"{area}.norm_input", self.layers.conv(f"{area}.conv_input", maps))
        return torch.relu_(fed)


class CornetRSystem(CornetRTSystem):
    """Areas are updated bottom to top: an area reads what the one below has become in the same step.

    The first step is that of CORnet-RT, as in the public code.
    """

    unrolling = "sweep"

    def below(self, area: str, state: State, values: dict[str, Tensor]) -> Tensor:
        """The rate that the area above reads: that of this step."""
        return values[area]


SYSTEMS: dict[str, type[CornetRTSystem]] = {"sync": CornetRTSystem, "sweep": CornetRSystem}
"""Order of updates -> system."""


class CornetRT(SteppedModel):
    """CORnet-RT and CORnet-R (Kubilius et al. 2018): four areas with recurrence of their own, and none between areas.

    Both have the same names and shapes of weights, and trained weights of their own. In CORnet-RT ("sync") an image
    needs a step for every area; in CORnet-R ("sweep") it reaches all areas in one step, but for the first step of all,
    in which V1 alone reads. `shapes[area]` is [C, H, W].
    Names of weights are those of the public code.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "cornet_rt"
    spec_type = CornetRTSpec
    about = (
        f"CORnet-RT and CORnet-R ([Kubilius et al., 2018]({PREPRINT})): a shallow network with an area each for V1, "
        "V2, V4 and IT, each with recurrence of its own, updated together or bottom to top."
    )
    spec: CornetRTSpec

    def __init__(self, spec: CornetRTSpec) -> None:
        super().__init__(spec)
        self.system_type = SYSTEMS[spec.unroll]
        below, kernel, stride = spec.in_channels, spec.stem_kernel, spec.stem_stride
        for area, channels in zip(AREAS, spec.channels, strict=True):
            layers = {
                "conv_input": sending_conv(below, channels, kernel, stride, bias=True),
                "norm_input": group_norm(spec.groups, channels),
                "conv1": sending_conv(channels, channels, 3),
                "norm1": group_norm(spec.groups, channels),
            }
            self.add_module(area, nn.ModuleDict(layers))
            below, kernel, stride = channels, 3, 2
        self.decoder = nn.ModuleDict({"linear": nn.Linear(below, spec.num_classes, dtype=torch.float32)})

    @property
    def timing(self) -> str:
        """Time step and order of updates, in words."""
        order = {"sync": "in which all areas are updated together", "sweep": "in which areas are updated bottom to top"}
        return f"steps of {self.spec.ms_per_step:g} ms by convention, {order[self.spec.unroll]}"
