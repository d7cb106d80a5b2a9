"""A convolutional state-space network: areas that are linear in time, after ConvS5 (Smith et al. 2023)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet.dynamics import Clock, Effects, Precision
from cordsnet.models.stack import rows as stack
from cordsnet.models.stack.model import StackModel
from cordsnet.models.stack.spec import StackSpec
from cordsnet.models.stack.system import Cell, StackSystem
from cordsnet.models.stepped.layers import Conv, Layers
from cordsnet.models.weights import conv_layer

PAPER = "https://arxiv.org/abs/2310.19694"
PARTS = 3
"""Real and imaginary part of what enters the states, and what passes them by."""

FREQUENCIES = 4
"""Number of frequencies at initialisation; channels take them in turn."""

SCALES = (1 / 50, 1 / 10)
"""Smallest and largest rate of states at initialisation, 1/ms."""


@dataclass(frozen=True)
class ConvS5Spec(StackSpec):
    """A stack of state-space areas, one complex state for every unit; all fields are those of `StackSpec`.

    Attributes
    ----------
    steps, ms_per_step : number and duration (ms) of the steps that are taken where nothing else is said. Time is
        continuous: another duration may be asked for, and the same weights hold for it.
    """

    kind: ClassVar[str] = "conv_s5"

    name: str = "conv_s5"
    steps: int = 20
    ms_per_step: float = 5.0


class ConvS5Cell(nn.Module):
    """Weights of one area.

    Parameters
    ----------
    reads : channels of its input.
    channels : of its states and of its rate.
    kernel, stride : of the convolutions of its input.
    """

    def __init__(self, reads: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.input = conv_layer(reads, PARTS * channels, kernel, 1 / math.sqrt(reads * kernel**2), stride)
        self.bias = nn.Parameter(torch.zeros(PARTS * channels, dtype=torch.float32))
        self.output = conv_layer(2 * channels, channels, 1, 1 / math.sqrt(2 * channels))
        self.log_decay = nn.Parameter(torch.full((channels,), math.log(0.5), dtype=torch.float32))
        turns = torch.arange(channels, dtype=torch.float32) % FREQUENCIES
        self.frequency = nn.Parameter(turns * (math.pi / 2))
        low, high = (math.log(scale) for scale in SCALES)
        self.log_scale = nn.Parameter(low + (high - low) * torch.rand(channels, dtype=torch.float32))


class BoundCell(Cell):
    """Weights of one area at a step of `dt` ms.

    The kernels on the input hold the factor of the discretisation already, and those on the states the factor of two.
    """

    parts = PARTS

    def __init__(self, layers: Layers, name: str, pool: int, dt: float) -> None:
        self.pool = pool
        channels = layers.tensor(f"{name}.log_scale").shape[0]
        rates = (layers.tensor(f"{name}.{word}") for word in ("log_decay", "frequency", "log_scale"))
        kept, into = held_exactly(dt, *rates)
        self.real, self.imaginary = (part[:, None, None] for part in kept)
        weight, bias = layers.tensor(f"{name}.input.weight"), layers.tensor(f"{name}.bias")[:, None, None, None]
        scaled = [_times(into, value.chunk(PARTS)) for value in (weight, bias)]
        self.input = Conv(scaled[0], None, layers.convs[f"{name}.input"].stride, layers.compute)
        self.bias = scaled[1].view(PARTS, 1, channels, 1, 1)
        real, imaginary = layers.tensor(f"{name}.output.weight").chunk(2, 1)
        self.output = Conv(2 * torch.cat((real, -imaginary), 1), None, 1, layers.compute)

    def update(
        self, area: str, loop: str, fed: Tensor, values: Mapping[str, Tensor], effects: Effects
    ) -> dict[str, Tensor]:
        """States and rate one step later."""
        re, im = values[f"{area}.real"], values[f"{area}.imaginary"]
        real = torch.addcmul(torch.addcmul(fed[0], self.real, re), self.imaginary, im, value=-1)
        imaginary = torch.addcmul(torch.addcmul(fed[1], self.real, im), self.imaginary, re)
        drive = effects.drive(area, self.output(torch.cat((real, imaginary), 1)) + fed[2])
        rate = effects.rate(area, functional.gelu(drive))
        return {area: rate, f"{area}.real": real, f"{area}.imaginary": imaginary}


class ConvS5System(StackSystem[BoundCell]):
    """Areas are updated bottom to top in every step: an area reads what the one below has become.

        dx/dt = s (l . x + B * u + b)       y = gelu(2 Re(C x) + D * u + d)       (after Smith et al. 2023)

    u is what the area reads, x are complex states, l = -exp(log_decay) + i frequency their eigenvalues, s their scales
    (1/ms); C mixes channels. A step is exact for input that is held. An area's rate is y; "AREA.real" and
    "AREA.imaginary" are x. Interventions: the drive is the argument of the gelu. Pathways deliver B * u, scaled by the
    step, and D * u, [3, B, C, H, W]; what states keep of themselves is no pathway.
    """

    cell_type = BoundCell
    kinds = ("rate", "real", "imaginary")
    has_loops = False

    def bind_cell(self, name: str, pool: int) -> BoundCell:
        """The weights of one area at the step that was asked for."""
        return BoundCell(self.layers, name, pool, self.dt)


class ConvS5(StackModel):
    """Convolutional state-space areas (Smith et al. 2023) with CordsNet's stem and a linear readout.

    Within an area, time is linear: every state decays and turns by itself, in continuous time, and always decays.
    `shapes[area]` is [C, H, W].

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "conv_s5"
    spec_type = ConvS5Spec
    about = (
        f"A stack of convolutional state-space areas after [ConvS5 (Smith et al., NeurIPS 2023)]({PAPER}), linear in "
        "time within an area, with a linear readout of the top; the arrangement is this package's own."
    )
    system_type = ConvS5System
    spec: ConvS5Spec

    def make_cell(self, reads: int, shape: tuple[int, ...], stride: int) -> ConvS5Cell:
        """Weights of an area of `shape` [C, H, W]."""
        return ConvS5Cell(reads, shape[0], self.spec.kernel, stride)

    @property
    def clock(self) -> Clock:
        """Continuous time, with the spec's step."""
        return Clock(self.spec.ms_per_step)

    @property
    def timing(self) -> str:
        """Time step, in words."""
        return f"continuous time, step {self.spec.ms_per_step:g} ms, exact within an area for input that is held"

    def bind(self, dt: float, stepper: str, precision: Precision) -> ConvS5System:
        """The network with steps of `dt` ms. Raises ValueError for a stepper, since steps are exact."""
        if stepper != "euler":
            raise ValueError(f"stepper {stepper!r} cannot be chosen: steps of {self.kind!r} are exact; leave it out")
        return ConvS5System(self, dt, precision)


def held_exactly(
    dt: float, log_decay: Tensor, frequency: Tensor, log_scale: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Zero-order hold: factors of the state and of the input in one step, as real and imaginary parts, [C] each.

    With l = -exp(log_decay) + i frequency and s = exp(log_scale) they are a = exp(l s dt) and (a - 1) / l, so that
    x(t + dt) = a x(t) + (a - 1) / l . u solves dx/dt = s (l x + u) for constant u.
    """
    decay, time = log_decay.exp(), log_scale.exp() * dt
    size, angle = torch.exp(-decay * time), frequency * time
    real, imaginary = size * torch.cos(angle), size * torch.sin(angle)
    # a - 1 without cancellation where the step is short
    less = torch.expm1(-decay * time) - 2 * size * torch.sin(angle / 2) ** 2
    norm = decay**2 + frequency**2
    into = (imaginary * frequency - less * decay) / norm, -(imaginary * decay + less * frequency) / norm
    return (real, imaginary), into


def _times(factor: tuple[Tensor, Tensor], parts: tuple[Tensor, ...]) -> Tensor:
    """Kernels [3C, in, k, k] whose first two blocks, a complex number, are multiplied by another for every channel."""
    (a, b), (real, imaginary, direct) = (part[:, None, None, None] for part in factor), parts
    return torch.cat((a * real - b * imaginary, a * imaginary + b * real, direct))


SOURCE = f"Smith et al., NeurIPS 2023 (areas; the arrangement is this package's), {PAPER}"
CLOCK = "continuous, 20 to 100 ms at initialisation; exact steps"
REMARKS = (
    "The paper predicts frames with deep networks of such layers; the stack, its stem and its readout are this "
    "package's own, so that no published network has its size.",
    "Every unit has one complex state, with its own conjugate: the paper's diagonal form. Eigenvalues have negative "
    "real parts whatever the weights are.",
    "Steps are exact within an area while its input is held. Above the lowest area the input changes in every step, so "
    "that rates there depend on dt a little.",
    "Eigenvalues begin at -1/2 + i times 0, 1/2, 1 or 3/2 pi, with scales that are drawn evenly in the logarithm.",
    "Interventions on rates act on what an area shows to others; its states go on beneath.",
)
ROW, SMALL = stack.rows_of(
    ConvS5Spec(),
    ConvS5Spec("conv_s5_small", channels=(16, 32), stem_channels=16, **stack.SMALL),
    SOURCE,
    CLOCK,
    REMARKS,
)
