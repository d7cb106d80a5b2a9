"""A ConvLSTM bound to the duration of a step: what the engines run."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet.dynamics.clock import Clock
from cordsnet.dynamics.convolution import ConvMap
from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import Signal, State
from cordsnet.dynamics.system import Inputs, System
from cordsnet.models.convlstm.cell import GATES, ConvLSTMCell
from cordsnet.models.convlstm.spec import ConvLSTMSpec
from cordsnet.models.weights import halved, tensor_of

OUTPUTS = {"scores": ("class",)}


@dataclass(frozen=True)
class Held:
    """Input of the gates of area1 from the image, [4, 1 or B, C, H, W]: without biases, and with them.

    `stem` are the stem's maps [1 or B, C, H, W]; None for a network without a stem.
    """

    fed: Tensor
    biased: Tensor
    stem: Tensor | None = None


@dataclass(frozen=True)
class Cell:
    """Weights of one area, bias and peepholes ready to be broadcast: [4, 1, C, 1, 1] and 3 x [C, H or 1, W or 1]."""

    input: ConvMap
    recurrent: ConvMap
    bias: Tensor
    peephole: tuple[Tensor, ...] | None
    pool: int

    def read(self, maps: Tensor) -> Tensor:
        """Input of the gates from the input kernels, [4, B, C, H, W]."""
        if self.pool > 1:
            maps = functional.max_pool2d(maps, self.pool, ceil_mode=True)
        return _gates(self.input(maps))

    def recur(self, rate: Tensor) -> Tensor:
        """Input of the gates from the recurrent kernels, [4, B, C, H, W]."""
        return _gates(self.recurrent(rate))


class ConvLSTMSystem(System[Held]):
    """Areas are updated bottom to top in every step: an area reads what the one below has become.

        i = s(Wxi * X + Whi * H + Wci . C + bi)         f = s(Wxf * X + Whf * H + Wcf . C + bf)
        C' = f . C + i . tanh(Wxc * X + Whc * H + bc)   o = s(Wxo * X + Who * H + Wco . C' + bo)
        H' = o . tanh(C')                               (Shi et al. 2015, equation 3; s is the logistic function)

    An area's rate is H; "AREA.cell" is C. Interventions: the drive of an area is the argument of the candidate's tanh,
    so that an injected current enters the cell as far as the input gate lets it. Pathways such as "area1 -> area2" and
    "area1 -> area1" deliver to all four gates, [4, B, C, H, W].
    """

    unrolling = "sweep"
    outputs: Mapping[str, tuple[str, ...]] = OUTPUTS

    def __init__(self, model: nn.Module, spec: ConvLSTMSpec, dt: float, precision: Precision) -> None:
        weight = tensor_of(model, "decoder.weight")
        rates, compute = precision.of_rates(weight), precision.of_convolutions(weight)
        self.clock = Clock(dt, "steps")
        self.spec, self.like = spec, weight.detach().new_empty(0, dtype=rates)
        self.identity = compute, rates
        self.signals = tuple(Signal(a, shape, kind) for a, shape in spec.shapes.items() for kind in ("rate", "cell"))
        chain = [f"{a} -> {b}" for a, b in zip(("image", *spec.areas), spec.areas, strict=False)]
        self.pathways = (*chain, *(f"{area} -> {area}" for area in spec.areas))
        self.readout = weight.to(rates), tensor_of(model, "decoder.bias").to(rates)
        self.stem = model.get_submodule("stem") if spec.stem_channels else None
        if spec.stem_channels:
            size = (halved(halved(pixels, spec.stem_stride), 2) for pixels in spec.image_size)
            self.sources = (Signal("stem", (spec.stem_channels, *size)),)
        self.compute = compute
        self.cells: dict[str, Cell] = {}
        for area, stride in zip(spec.areas, spec.strides, strict=True):
            cell = model.get_submodule(f"cells.{area}")
            assert isinstance(cell, ConvLSTMCell)
            self.cells[area] = _bind(cell, stride, spec.downsampling == "pool", compute, rates)
        # (area, what it reads, its pathway, its recurrent pathway), so that no name is put together in a step
        below = (None, *spec.areas)
        self.order = [(a, b, n, f"{a} -> {a}") for a, b, n in zip(spec.areas, below, chain, strict=False)]

    def hold(self, inputs: Inputs) -> Held:
        """Compute the input of the gates of area1 from the image; a blank field brings biases alone, for one trial."""
        cell = self.cells[self.spec.areas[0]]
        image = inputs.get("image")
        if image is None:
            channels, *size = self.spec.shapes[self.spec.areas[0]]
            fed = self.like.new_zeros(GATES, 1, channels, *size)
            maps = self.like.new_zeros(1, *self.sources[0].shape) if self.sources else None
        else:
            maps = self._encode(image.to(self.like.dtype))
            fed = cell.read(maps)
        return Held(fed, fed + cell.bias, maps if self.sources else None)

    def encoded(self, context: Held) -> dict[str, Tensor]:
        """The stem's maps."""
        return {} if context.stem is None else {"stem": context.stem}

    def advance(self, state: State, context: Held, effects: Effects = NONE) -> State:
        """One sweep, from the lowest area to the highest."""
        values: dict[str, Tensor] = {}
        for area, below, feedforward, recurrent in self.order:
            cell, memory = self.cells[area], f"{area}.cell"
            if below is None:
                fed = effects.pathway(feedforward, context.fed)
                drive = context.biased if fed is context.fed else fed + cell.bias
            else:
                drive = effects.pathway(feedforward, cell.read(values[below])) + cell.bias
            gates = drive + effects.pathway(recurrent, cell.recur(state.values[area]))
            values[area], values[memory] = _update(area, gates, state.values[memory], cell.peephole, effects)
        return state.after(values)

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] from the mean of every map of the highest area."""
        return {"scores": functional.linear(state.values[self.spec.areas[-1]].mean((2, 3)), *self.readout)}

    def _encode(self, image: Tensor) -> Tensor:
        """Stem of an image: convolution, then average pool whose padding counts in the mean."""
        if self.stem is None:
            return image
        weight = tensor_of(self.stem, "weight")
        maps = ConvMap(weight, self.spec.stem_stride, self.compute)(image)
        return functional.avg_pool2d(maps, 3, stride=2, padding=1)


def _update(
    area: str, gates: Tensor, cell: Tensor, peephole: tuple[Tensor, ...] | None, effects: Effects
) -> tuple[Tensor, Tensor]:
    """Rate and cell one step later, from what arrives at the gates [4, B, C, H, W]."""
    into, kept, candidate, out = gates.unbind()
    if peephole is not None:
        into, kept = torch.addcmul(into, peephole[0], cell), torch.addcmul(kept, peephole[1], cell)
    candidate = torch.tanh(effects.drive(area, candidate))
    new = torch.addcmul(torch.sigmoid(kept) * cell, torch.sigmoid(into), candidate)
    if peephole is not None:
        out = torch.addcmul(out, peephole[2], new)
    return effects.rate(area, torch.sigmoid(out) * torch.tanh(new)), new


def _gates(maps: Tensor) -> Tensor:
    """[B, 4C, H, W] as [4, B, C, H, W], without copying."""
    batch, channels, *size = maps.shape
    return maps.view(batch, GATES, channels // GATES, *size).transpose(0, 1)


def _bind(cell: ConvLSTMCell, stride: int, pools: bool, compute: torch.dtype, rates: torch.dtype) -> Cell:
    """Weights of a cell as the steps use them."""
    assert cell.input is not None
    peephole = None if cell.peephole is None else tuple(cell.peephole.to(rates).unbind())
    bias = cell.bias.to(rates).view(GATES, 1, -1, 1, 1)
    kernel = ConvMap(cell.input.weight, 1 if pools else stride, compute)
    return Cell(kernel, ConvMap(cell.recurrent.weight, 1, compute), bias, peephole, stride if pools else 1)
