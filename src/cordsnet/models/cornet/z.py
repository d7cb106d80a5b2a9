"""CORnet-Z: one convolution and one pool per area, without time."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet.dynamics import Clock, Precision
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs
from cordsnet.models.cornet.spec import AREAS, PREPRINT, CornetZSpec
from cordsnet.models.stepped.layers import Watch
from cordsnet.models.stepped.model import SteppedModel
from cordsnet.models.stepped.system import SteppedSystem
from cordsnet.models.weights import conv_layer


@dataclass(frozen=True)
class Held:
    """V1's convolution of a held image [1 or B, C, H, W], and the rates of all areas without interventions."""

    fed: Tensor
    rates: Mapping[str, Tensor]


class CornetZSystem(SteppedSystem[Held]):
    """The activity of every area is that of the image of the moment, whatever was shown before.

    Rectifying and pooling can be exchanged, so that an area's drive has the shape of its rate: the pooled convolution
    with its bias, before the rectification. "V1 -> V2" delivers what V2's convolution makes of V1's rate, on the map of
    V1; a factor for single units of V2 acts on the positions around which they pool.
    """

    unrolling = "sweep"
    spec: CornetZSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.pathways = tuple(f"{source} -> {target}" for source, target in pairwise(("image", *AREAS)))
        self.bias = {area: self.layers.tensor(f"{area}.conv.bias")[:, None, None] for area in AREAS}
        for conv in self.layers.convs.values():
            conv.bias = None  # what a pathway delivers has none; adding it behind the pool is exact, and cheaper

    def hold(self, inputs: Inputs) -> Held:
        """The activity that the image causes; that of a blank field for one trial."""
        fed = self.layers.conv("V1.conv", self.image(inputs))
        return Held(fed, self._rates(fed, NONE))

    def advance(self, state: State, context: Held, effects: Effects = NONE) -> State:
        """The activity that the image causes, computed anew only while an intervention acts."""
        rates = self._rates(context.fed, effects) if effects else context.rates
        return state.after({area: rate.expand(state.batch, *rate.shape[1:]) for area, rate in rates.items()})

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] from the mean of every map of IT."""
        return {"scores": self.layers.linear["decoder.linear"](state.values["IT"].mean((2, 3)))}

    def _rates(self, fed: Tensor, effects: Effects) -> dict[str, Tensor]:
        rates: dict[str, Tensor] = {}
        for below, area in pairwise(("image", *AREAS)):
            maps = fed if area == "V1" else self.layers.conv(f"{area}.conv", rates[below])
            pooled = functional.max_pool2d(self.deliver(below, area, maps, effects), 3, stride=2, padding=1)
            rates[area] = effects.rate(area, torch.relu(effects.drive(area, pooled + self.bias[area])))
        return rates


class CornetZ(SteppedModel):
    """CORnet-Z, the feedforward network of the CORnets (Kubilius et al. 2018), which answers at once.

    Every area is a convolution with bias, a rectification and a 3x3 max pool of stride 2; the mean of every map of IT
    is read by a linear decoder. `shapes[area]` is [C, H, W], behind the pool. Names of weights are those of the public
    code.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "cornet_z"
    spec_type = CornetZSpec
    about = (
        f"CORnet-Z ([Kubilius et al., 2018]({PREPRINT})): a feedforward network with a convolution and a pool each for "
        "V1, V2, V4 and IT."
    )
    system_type = CornetZSystem
    spec: CornetZSpec

    def __init__(self, spec: CornetZSpec) -> None:
        super().__init__(spec)
        below, kernel, stride = spec.in_channels, spec.stem_kernel, spec.stem_stride
        for area, channels in zip(AREAS, spec.channels, strict=True):
            conv = conv_layer(below, channels, kernel, 1.0, stride, bias=True)
            self.add_module(area, nn.ModuleDict({"conv": _xavier(conv)}))
            below, kernel, stride = channels, 3, 1
        linear = nn.Linear(below, spec.num_classes, dtype=torch.float32)
        self.decoder = nn.ModuleDict({"linear": _xavier(linear)})

    @property
    def clock(self) -> Clock:
        """A static clock; the step of the spec is that with which the network joins a protocol."""
        return Clock(self.spec.ms_per_step, "static")

    @property
    def timing(self) -> str:
        """Time step, in words: none."""
        return "one pass, without time"

    def forward(self, inputs: Tensor | Mapping[str, Tensor], ms: float | None = None) -> Any:
        """Class scores [B, K] for images [B, C, H, W], at once, whatever `ms` is."""
        return super().forward(inputs)


def _xavier(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """The layer with weights that are uniform as Glorot & Bengio (2010) have them, and zero bias, as published."""
    assert layer.bias is not None
    if not layer.weight.is_meta:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return layer
