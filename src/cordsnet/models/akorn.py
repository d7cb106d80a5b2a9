"""A network of oscillators: areas of artificial Kuramoto oscillatory neurons (Miyato et al. 2025)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet._checks import check_positive
from cordsnet.dynamics import Effects, State
from cordsnet.models.stack import rows as stack
from cordsnet.models.stack.model import StackModel
from cordsnet.models.stack.spec import StackSpec
from cordsnet.models.stack.system import Cell, StackSystem
from cordsnet.models.stepped.layers import Layers
from cordsnet.models.weights import conv_layer

PAPER = "https://arxiv.org/abs/2410.13821"
FLOOR = 1e-3
"""Vectors that are shorter are not stretched to length one. Those on the sphere never get shorter in a step."""

Dimensions = Literal[2, 4]


@dataclass(frozen=True)
class AkornSpec(StackSpec):
    """A stack of areas of oscillators, "area1" the lowest.

    Attributes
    ----------
    dimensions : of an oscillator: so many consecutive channels are a vector of length one, 2 or 4.
    recurrent_kernel : size (odd) of the kernels that couple the oscillators of an area.
    gamma : length of an Euler step, in the unit of time of the equation.

    All other fields are those of `StackSpec`. An area shows channels / dimensions maps to the one above.
    """

    kind: ClassVar[str] = "akorn"

    name: str = "akorn"
    dimensions: Dimensions = 4
    recurrent_kernel: int = 3
    gamma: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_odd("recurrent_kernel")
        self.check_choice("dimensions", get_args(Dimensions))
        check_positive(self.gamma, "gamma")
        if any(channels % self.dimensions for channels in self.channels):
            raise ValueError(f"channels must be multiples of dimensions = {self.dimensions}, got {self.channels}")

    @property
    def emitted(self) -> tuple[int, ...]:
        """Channels that every area shows: one for each oscillator."""
        return tuple(channels // self.dimensions for channels in self.channels)


class AkornCell(nn.Module):
    """Weights of one area.

    Parameters
    ----------
    reads : channels of its input.
    channels : of its oscillators, together.
    spec : sizes of kernels and oscillators.
    stride : of the kernel on the input.
    """

    def __init__(self, reads: int, channels: int, spec: AkornSpec, stride: int) -> None:
        super().__init__()
        size, groups = spec.dimensions, channels // spec.dimensions
        self.input = conv_layer(reads, channels, spec.kernel, math.sqrt(2 / (reads * spec.kernel**2)), stride)
        self.bias = nn.Parameter(torch.zeros(channels, dtype=torch.float32))
        coupling = 1 / math.sqrt(channels * spec.recurrent_kernel**2)
        self.recurrent = conv_layer(channels, channels, spec.recurrent_kernel, coupling)
        self.frequency = nn.Parameter(0.1 * torch.randn(groups, size * (size - 1) // 2, dtype=torch.float32))
        self.project = conv_layer(channels, channels, 1, 1 / math.sqrt(channels))
        self.project_bias = nn.Parameter(torch.zeros(groups, dtype=torch.float32))


class BoundCell(Cell):
    """Weights of one area as its steps use them."""

    parts = 1

    def __init__(self, layers: Layers, name: str, pool: int, spec: AkornSpec) -> None:
        super().__init__(layers, name, pool)
        self.size, self.gamma = spec.dimensions, spec.gamma
        self.recurrent, self.project = layers.convs[f"{name}.recurrent"], layers.convs[f"{name}.project"]
        self.project_bias = layers.tensor(f"{name}.project_bias")[:, None, None]
        rotation = antisymmetric(layers.tensor(f"{name}.frequency"), self.size)
        self.rotation, self.groups = rotation.view(-1, self.size, 1, 1), len(rotation)

    def update(
        self, area: str, loop: str, fed: Tensor, values: Mapping[str, Tensor], effects: Effects
    ) -> dict[str, Tensor]:
        """The oscillators one step later."""
        rate = values[area]
        drive = effects.drive(area, fed[0] + effects.pathway(loop, self.recurrent(rate)))
        own, force = self.vectors(rate), self.vectors(drive)
        along = (own * force).sum(2, keepdim=True)
        turned = self.vectors(functional.conv2d(rate, self.rotation, groups=self.groups))
        moved = own + self.gamma * (turned + torch.addcmul(force, along, own, value=-1))
        new = (moved * moved.square().sum(2, keepdim=True).clamp(min=FLOOR**2).rsqrt()).flatten(1, 2)
        return {area: effects.rate(area, new)}

    def emit(self, rate: Tensor) -> Tensor:
        """Lengths of mixtures of the oscillators, [B, C / dimensions, H, W]."""
        return self.vectors(self.project(rate)).square().sum(2).add(1e-12).sqrt() + self.project_bias

    def vectors(self, maps: Tensor) -> Tensor:
        """Maps [B, C, H, W] as vectors [B, C / dimensions, dimensions, H, W]."""
        batch, _, *size = maps.shape
        return maps.reshape(batch, self.groups, self.size, *size)


class AkornSystem(StackSystem[BoundCell]):
    """Areas are updated bottom to top in every step: an area reads what the one below has become.

        x' = P(x + gamma (Omega x + u - <x, u> x)),     u = c + J * x,     m = |U x| + b      (Miyato et al. 2025)

    x are the oscillators, vectors of length one, P makes them so, c is a convolution of the m of the area below, and
    Omega an antisymmetric matrix for every oscillator. An area's rate is x. Interventions: the drive is u. Pathways
    such as "area1 -> area2" deliver c without its bias, "area1 -> area1" delivers J * x; Omega, by which an oscillator
    turns by itself, is no pathway.
    """

    cell_type = BoundCell
    spec: AkornSpec

    def bind_cell(self, name: str, pool: int) -> BoundCell:
        """The weights of one area as its steps use them."""
        return BoundCell(self.layers, name, pool, self.spec)

    def begin(self, batch: int, seed: int = 0) -> State:
        """All oscillators in phase, along their first axis; zeros are not on the sphere."""
        zero = self.zero_state(batch, seed)
        first = self.like.new_zeros(self.spec.dimensions, 1, 1)
        first[0] = 1
        return zero.map(lambda maps: first.repeat(maps.shape[1] // len(first), 1, 1).expand_as(maps).clone())


class Akorn(StackModel):
    """Areas of Kuramoto oscillators (Miyato et al. 2025) with CordsNet's stem and a linear readout.

    The arrangement is this package's own. `shapes[area]` is [C, H, W]; `spec.dimensions` consecutive channels are one
    oscillator.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "akorn"
    spec_type = AkornSpec
    about = (
        f"A stack of areas of artificial Kuramoto oscillatory neurons ([Miyato et al., ICLR 2025]({PAPER})), vectors "
        "of length one that turn and pull at one another; the arrangement is this package's own."
    )
    system_type = AkornSystem
    spec: AkornSpec

    def make_cell(self, reads: int, shape: tuple[int, ...], stride: int) -> AkornCell:
        """Weights of an area of `shape` [C, H, W]."""
        return AkornCell(reads, shape[0], self.spec, stride)


def antisymmetric(entries: Tensor, size: int) -> Tensor:
    """Antisymmetric matrices [G, size, size] from what stands above their diagonals, [G, size (size - 1) / 2]."""
    rows, columns = torch.triu_indices(size, size, 1).tolist()
    zero, found = torch.zeros_like(entries[:, 0]), {}
    for k, (row, column) in enumerate(zip(rows, columns, strict=True)):
        found[row, column], found[column, row] = entries[:, k], -entries[:, k]
    every = [found.get((row, column), zero) for row in range(size) for column in range(size)]
    return torch.stack(every, 1).view(-1, size, size)


SOURCE = f"Miyato et al., ICLR 2025 (oscillators; the arrangement is this package's), {PAPER}"
CLOCK = "steps of 10 ms by convention"
REMARKS = (
    "The stack, its stem and its readout are this package's own, so that no published network has its size. The paper "
    "runs all steps of one block before the next block begins; here every area takes one step at a time.",
    "The simulation starts with all oscillators in phase. From a state of zeros, which is not on the sphere, they are "
    "on it after the first step that drives them.",
    "Interventions act on rates, which are the oscillators; silenced channels leave the sphere, and come back when "
    "they are let go.",
    "Couplings are not made symmetric, neither at the start nor in training; only symmetric ones without turning have "
    "an energy that falls.",
    "The length of a step, gamma, is a number of the spec and is not trained. With 1 in place of 0.3 the small network "
    "learned the digits badly.",
)
ROW, SMALL = stack.rows_of(
    AkornSpec(),
    AkornSpec("akorn_small", channels=(16, 32), stem_channels=16, **stack.SMALL, dimensions=2),
    SOURCE,
    CLOCK,
    REMARKS,
    ((4, 4, 8, 4), (4, 6)),
)
