"""A stack of two convolutional GRU areas (Ballas et al. 2016), written from the page `add_a_model.md` alone.

z = s(Wz*x + Uz*h + bz), r = s(Wr*x + Ur*h + br), c = tanh(Wc*x + Uc*(r.h) + bc), h' = (1-z).h + z.c
"""

from dataclasses import dataclass

import torch
from torch import nn

from cordsnet import KINDS, MODELS, Clock, ModelRow, ModelSpec, Signal, System, VisionModel
from cordsnet.dynamics import NONE, Precision


@dataclass(frozen=True)
class ConvGRUSpec(ModelSpec):
    kind = "convgru_example"
    name: str = "convgru_example"
    in_channels: int = 1
    image_size: tuple[int, int] = (16, 16)
    num_classes: int = 10
    channels: tuple[int, int] = (8, 16)  # of area1 and of area2, which has half the rows and columns
    step_ms: float = 10.0  # what a step stands for


class ConvGRU(VisionModel):
    kind, spec_type, response_ms = "convgru_example", ConvGRUSpec, 100.0
    about = "Two convolutional GRUs, updated from bottom to top within a step (Ballas et al. 2016, arXiv 1511.06432)."
    sizes = property(lambda self: (self.spec.image_size, [(n + 1) // 2 for n in self.spec.image_size]))
    shapes = property(lambda self: {f"area{i + 1}": (self.spec.channels[i], *self.sizes[i]) for i in (0, 1)})
    inputs = property(lambda self: {"image": (self.spec.in_channels, *self.spec.image_size)})
    outputs = property(lambda self: {"scores": ("class",)})
    clock = property(lambda self: Clock(self.spec.step_ms, "steps"))

    def __init__(self, spec):
        super().__init__()
        self.spec, (one, two) = spec, spec.channels
        maps = ((spec.in_channels, one, 1), (one, two, 2))  # from, to, stride; kernels of z, r and c lie in a row
        self.w = nn.ModuleList(nn.Conv2d(a, 3 * b, 3, stride=s, padding=1, bias=False) for a, b, s in maps)
        self.u_gates = nn.ModuleList(nn.Conv2d(b, 2 * b, 3, padding=1, bias=False) for _, b, _ in maps)
        self.u_candidate = nn.ModuleList(nn.Conv2d(b, b, 3, padding=1, bias=False) for _, b, _ in maps)
        self.b = nn.ParameterList(torch.zeros(3, 1, b, 1, 1) for _, b, _ in maps)
        self.decoder = nn.Linear(two, spec.num_classes)

    def bind(self, dt, stepper, precision):
        if dt != self.spec.step_ms or precision != Precision():
            raise ValueError(f"a ConvGRU steps by {self.spec.step_ms} ms, in its own precision; got {dt}, {precision}")
        return ConvGRUSystem(self, dt)


class ConvGRUSystem(System):
    pathways = ("image -> area1", "area1 -> area1", "area1 -> area2", "area2 -> area2")
    unrolling, has_noise = "sweep", False

    def __init__(self, model, dt):
        self.model, self.clock, self.like, self.outputs = model, Clock(dt, "steps"), model.decoder.bias, model.outputs
        self.signals = tuple(Signal(area, shape) for area, shape in model.shapes.items())

    def hold(self, inputs):
        empty = self.like.new_zeros(3, 1, *self.signals[0].shape)
        return torch.stack(self.model.w[0](inputs["image"]).chunk(3, 1)) if "image" in inputs else empty

    def advance(self, state, context, effects=NONE):
        new, (w, u_gates, u_candidate, b) = {}, (self.model.w, self.model.u_gates, self.model.u_candidate, self.model.b)
        for i, (below, area) in enumerate((("image", "area1"), ("area1", "area2"))):
            h, loop = state.values[area], f"{area} -> {area}"
            brought = torch.stack(w[i](new[below]).chunk(3, 1)) if i else context
            zx, rx, cx = effects.pathway(f"{below} -> {area}", brought) + b[i]
            zh, rh = effects.pathway(loop, torch.stack(u_gates[i](h).chunk(2, 1)))
            drive = effects.drive(area, cx + effects.pathway(loop, u_candidate[i](torch.sigmoid(rx + rh) * h)))
            new[area] = effects.rate(area, torch.lerp(h, drive.tanh(), torch.sigmoid(zx + zh)))
        return state.after(new)

    def read(self, state):
        return {"scores": self.model.decoder(state.values["area2"].mean((2, 3)))}


NAME, TINY, SOURCE = "convgru_example", {"image_size": 6, "channels": (2, 3)}, "https://arxiv.org/abs/1511.06432"
KINDS.add(NAME, ConvGRU)
MODELS.add(NAME, ModelRow(NAME, NAME, ConvGRUSpec(), source=SOURCE, clock="10 ms a step", tiny=TINY))
