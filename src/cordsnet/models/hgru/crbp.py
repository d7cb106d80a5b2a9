"""The hGRU of 2020, made for contractor recurrent back-propagation: layers, initialisation, and one step."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import State
from cordsnet.dynamics.system import Inputs
from cordsnet.models.hgru.gabors import gabor_layer
from cordsnet.models.hgru.model import IMAGE_PATHWAY, LOOP
from cordsnet.models.hgru.spec import AREA, CRBP_PAPER, CRBPSpec
from cordsnet.models.stepped.batch_norms import MeasuresBatchNorms
from cordsnet.models.stepped.layers import Conv, Watch
from cordsnet.models.stepped.model import SteppedModel
from cordsnet.models.stepped.system import OUTPUTS, SteppedSystem

SEGMENTATION = {"segmentation": ("class", "row", "column")}
GREEK = {"alpha": 0.1, "gamma": 1.0, "kappa": 0.5, "w": 0.5, "mu": 1.0}
EPS = 1e-3


class CRBPCell(nn.Module):
    """Weights of one hGRU under their public names. Of its four batch norms, `bn.1` and `bn.3` are used.

    Parameters
    ----------
    channels : maps.
    kernel : size (odd) of the kernels between units.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.u1_gate = nn.Conv2d(channels, channels, 1, dtype=torch.float32)
        self.u2_gate = nn.Conv2d(channels, channels, 1, dtype=torch.float32)
        shape = channels, channels, kernel, kernel
        self.w_gate_inh = nn.Parameter(torch.empty(shape, dtype=torch.float32))
        self.w_gate_exc = nn.Parameter(torch.empty(shape, dtype=torch.float32))
        for name, value in GREEK.items():
            self.register_parameter(name, nn.Parameter(torch.full((channels, 1, 1), value, dtype=torch.float32)))
        self.bn = nn.ModuleList(nn.BatchNorm2d(channels, eps=EPS, dtype=torch.float32) for _ in range(4))
        if not self.w_gate_inh.is_meta:
            self._draw()

    def _draw(self) -> None:
        assert self.u1_gate.bias is not None
        assert self.u2_gate.bias is not None
        for weight in (self.w_gate_inh, self.w_gate_exc, self.u1_gate.weight, self.u2_gate.weight):
            nn.init.orthogonal_(weight)
        for norm in self.bn:
            assert isinstance(norm, nn.BatchNorm2d)
            nn.init.constant_(norm.weight, 0.1)
        nn.init.uniform_(self.u1_gate.bias, 1, 7)
        with torch.no_grad():
            self.u2_gate.bias.copy_(-self.u1_gate.bias)


class CRBPSystem(SteppedSystem[Tensor]):
    """One area, whose units inhibit and then excite one another by two wide kernels.

        g1 = s(U1 h + b1)     c1 = BN(Wi * (g1 . h))     a = sp(x - sp(c1 . (alpha . h + mu)))
        g2 = s(U2 a + b2)     c2 = BN(We * a)            c = sp(kappa . a + gamma . c2 + w . a . c2)
        h' = sp((1 - g2) . h + g2 . c)                   (Linsley et al. 2020; sp is the softplus)

    x is the square of the stem's maps. The area's rate is h. Interventions: the drive is the argument of the softplus
    of c. "area1 -> area1" delivers, one after the other, what U1, Wi, U2 and We bring, before the batch norms.
    """

    spec: CRBPSpec
    pathways = (IMAGE_PATHWAY, LOOP)

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.outputs = model.outputs
        tensor, compute = self.layers.tensor, self.layers.compute
        names = ("u1_gate.weight", "w_gate_inh", "u2_gate.weight", "w_gate_exc")
        self.gate1, self.inhibit, self.gate2, self.excite = (
            Conv(tensor(f"unit1.{name}"), None, 1, compute) for name in names
        )
        self.biases = [tensor(f"unit1.{name}_gate.bias")[:, None, None] for name in ("u1", "u2")]
        self.greek = {name: tensor(f"unit1.{name}") for name in GREEK}

    def hold(self, inputs: Inputs) -> Tensor:
        """The square of the stem's maps; of a blank field for one trial."""
        return self.layers.conv("conv0", self.image(inputs)).square()

    def advance(self, state: State, context: Tensor, effects: Effects = NONE) -> State:
        """Both stages, one after the other."""
        rate, greek, norm = state.values[AREA], self.greek, self.layers.norm
        gate = torch.sigmoid(effects.pathway(LOOP, self.gate1(rate)) + self.biases[0])
        inhibition = norm("unit1.bn.1", effects.pathway(LOOP, self.inhibit(gate * rate)))
        inhibition = softplus(inhibition * (greek["alpha"] * rate + greek["mu"]))
        inner = softplus(effects.pathway(IMAGE_PATHWAY, context) - inhibition)
        gate = torch.sigmoid(effects.pathway(LOOP, self.gate2(inner)) + self.biases[1])
        excitation = norm("unit1.bn.3", effects.pathway(LOOP, self.excite(inner)))
        drive = greek["kappa"] * inner + greek["gamma"] * excitation + greek["w"] * inner * excitation
        candidate = softplus(effects.drive(AREA, drive))
        return state.after({AREA: effects.rate(AREA, softplus(torch.lerp(rate, candidate, gate)))})

    def read(self, state: State) -> dict[str, Tensor]:
        """Scores of classes for every pixel [B, K, H, W], or for the image [B, K]."""
        maps = self.layers.norm("bn", state.values[AREA])
        if self.spec.head == "pixel":
            return {"segmentation": self.layers.conv("conv6", maps)}
        return {"scores": self.layers.conv("conv6", maps.mean((2, 3), keepdim=True)).flatten(1)}


class CRBPHGRU(MeasuresBatchNorms, SteppedModel):
    """A network of one hGRU (Linsley et al. 2020). `shapes["area1"]` is [C, H, W].

    In training mode batch norms use the statistics of the batch, as the public code always does; `calibrate` sets those
    that evaluation mode uses. Names of weights are those of the public code.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "crbp_hgru"
    spec_type = CRBPSpec
    about = (
        f"The horizontal gated recurrent unit of [Linsley et al., NeurIPS 2020]({CRBP_PAPER}), with separate kernels "
        "for inhibition and excitation, made for contractor recurrent back-propagation."
    )
    system_type = CRBPSystem
    spec: CRBPSpec

    def __init__(self, spec: CRBPSpec) -> None:
        super().__init__(spec)
        self.conv0 = gabor_layer(spec.channels, spec.in_channels, spec.stem_kernel, spec.stem_stride)
        self.unit1 = CRBPCell(spec.channels, spec.kernel)
        self.bn = nn.BatchNorm2d(spec.channels, eps=EPS, dtype=torch.float32)
        self.conv6 = nn.Conv2d(spec.channels, spec.num_classes, 1, dtype=torch.float32)
        assert self.conv6.bias is not None
        if not self.conv6.weight.is_meta:
            nn.init.xavier_normal_(self.conv6.weight)
            nn.init.constant_(self.conv6.bias, math.log(99) if spec.head == "pixel" else 0.0)

    @property
    def outputs(self) -> Mapping[str, tuple[str, ...]]:
        """Class scores, or scores of classes for every pixel."""
        return SEGMENTATION if self.spec.head == "pixel" else OUTPUTS
