"""The hGRU of 2018: layers, initialisation, and one step."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs
from cordsnet.models.hgru.gabors import gabor_layer
from cordsnet.models.hgru.spec import AREA, PAPER, HGRUSpec
from cordsnet.models.stepped.batch_norms import MeasuresBatchNorms
from cordsnet.models.stepped.layers import Conv, Watch
from cordsnet.models.stepped.model import SteppedModel
from cordsnet.models.stepped.system import SteppedSystem
from cordsnet.models.weights import conv_layer

IMAGE_PATHWAY, LOOP = f"image -> {AREA}", f"{AREA} -> {AREA}"


class HGRUCell(nn.Module):
    """Weights of one hGRU.

    Parameters
    ----------
    channels : maps.
    kernel : size (odd) of the kernel between units, which both stages share.
    steps : number of scales.
    """

    def __init__(self, channels: int, kernel: int, steps: int) -> None:
        super().__init__()
        self.gate1 = conv_layer(channels, channels, 1, 1 / math.sqrt(channels))
        self.gate2 = conv_layer(channels, channels, 1, 1 / math.sqrt(channels))
        self.lateral = conv_layer(channels, channels, kernel, 1 / math.sqrt(channels * kernel**2))
        if not self.lateral.weight.is_meta:
            with torch.no_grad():
                self.lateral.weight.copy_(symmetric(self.lateral.weight))
        # Gates that remember for 1 to steps - 1 steps at first (Tallec & Ollivier 2018).
        memory = (1 + max(steps - 2, 0) * torch.rand(channels, dtype=torch.float32)).log()
        self.gate_bias = nn.Parameter(torch.stack((-memory, memory)))
        for name, value in (("alpha", 0.1), ("mu", 1.0), ("gamma", 1.0), ("kappa", 0.5), ("omega", 0.5)):
            self.register_parameter(name, nn.Parameter(torch.full((channels,), value, dtype=torch.float32)))
        self.eta = nn.Parameter(torch.rand(steps, dtype=torch.float32))


class HGRUSystem(SteppedSystem[Tensor]):
    """One area, whose units inhibit and then excite one another by one wide kernel W, symmetric in channels.

        g1 = s(U1 h + b1)        c1 = W * (g1 . h)       a = tanh(x - c1 . (alpha . h + mu))
        g2 = s(U2 a + b2)        e = gamma . (W * a)     c = tanh(kappa . (a + e) + omega . (a . e))
        h' = eta_t (g2 . h + (1 - g2) . c)               (Linsley et al. 2018; s is the logistic function)

    x is the square of the stem's maps. The area's rate is h; a is computed afresh in each step. Interventions: the
    drive is the argument of the tanh of c. "area1 -> area1" delivers, one after the other, what U1, W, U2 and W bring.
    """

    spec: HGRUSpec
    pathways = (IMAGE_PATHWAY, LOOP)

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        layers = self.layers
        self.gate1, self.gate2 = layers.convs["cell.gate1"], layers.convs["cell.gate2"]
        self.lateral = Conv(symmetric(layers.tensor("cell.lateral.weight")), None, 1, layers.compute)
        self.biases = layers.tensor("cell.gate_bias")[..., None, None].unbind()
        self.greek = {
            name: layers.tensor(f"cell.{name}")[:, None, None] for name in ("alpha", "mu", "gamma", "kappa", "omega")
        }
        self.scales = layers.tensor("cell.eta").unbind()

    def hold(self, inputs: Inputs) -> Tensor:
        """The square of the stem's maps; of a blank field for one trial."""
        return self.layers.conv("stem", self.image(inputs)).square()

    def advance(self, state: State, context: Tensor, effects: Effects = NONE) -> State:
        """Both stages, one after the other."""
        rate, greek = state.values[AREA], self.greek
        gate = torch.sigmoid(effects.pathway(LOOP, self.gate1(rate)) + self.biases[0])
        inhibited = effects.pathway(LOOP, self.lateral(gate * rate)) * (greek["alpha"] * rate + greek["mu"])
        inner = torch.tanh(effects.pathway(IMAGE_PATHWAY, context) - inhibited)
        gate = torch.sigmoid(effects.pathway(LOOP, self.gate2(inner)) + self.biases[1])
        excited = greek["gamma"] * effects.pathway(LOOP, self.lateral(inner))
        drive = greek["kappa"] * (inner + excited) + greek["omega"] * (inner * excited)
        candidate = torch.tanh(effects.drive(AREA, drive))
        ends = (candidate, rate) if self.spec.gate_on == "state" else (rate, candidate)
        scale = self.scales[min(state.step, len(self.scales) - 1)]
        return state.after({AREA: effects.rate(AREA, scale * torch.lerp(*ends, gate))})

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K]."""
        maps = self.layers.norm("norm", state.values[AREA])
        if self.spec.head == "max":
            found = self.layers.conv("maps", maps).amax((2, 3), keepdim=True)
            return {"scores": self.layers.linear["decoder"](self.layers.norm("maps_norm", found).flatten(1))}
        return {"scores": self.layers.linear["decoder"](maps.mean((2, 3)))}


class HGRU(MeasuresBatchNorms, SteppedModel):
    """A network of one hGRU (Linsley et al. 2018). `shapes["area1"]` is [C, H, W].

    Only the readout has batch norms. In training mode they use the statistics of the batch; `calibrate` sets those that
    evaluation mode uses.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "hgru"
    spec_type = HGRUSpec
    about = (
        f"A horizontal gated recurrent unit ([Linsley et al., NeurIPS 2018]({PAPER})): one area on Gabor filters, "
        "whose units inhibit and then excite one another over long distances."
    )
    system_type = HGRUSystem
    spec: HGRUSpec

    def __init__(self, spec: HGRUSpec) -> None:
        super().__init__(spec)
        self.stem = gabor_layer(spec.channels, spec.in_channels, spec.stem_kernel, spec.stem_stride)
        self.cell = HGRUCell(spec.channels, spec.kernel, spec.steps)
        self.norm = nn.BatchNorm2d(spec.channels, dtype=torch.float32)
        read = spec.channels
        if spec.head == "max":
            read = spec.readout_maps
            self.maps = conv_layer(spec.channels, read, 1, 1 / math.sqrt(spec.channels), bias=True)
            self.maps_norm = nn.BatchNorm2d(read, dtype=torch.float32)
        self.decoder = nn.Linear(read, spec.num_classes, dtype=torch.float32)


def symmetric(weight: Tensor) -> Tensor:
    """The kernel [C, C, k, k] as the mean of itself and itself with both axes of channels exchanged."""
    return (weight + weight.transpose(0, 1)) / 2
