"""BLT networks of six layers that are updated all at once, from the step before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from cordsnet.dynamics.effects import Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import Signal, State
from cordsnet.dynamics.system import Unrolling
from cordsnet.models.blt.model import BLTModel, decoder, layers_of
from cordsnet.models.blt.spec import BLTSpec
from cordsnet.models.blt.system import BLTSystem, Held
from cordsnet.models.blt.wiring import POOLS, Connection, chain
from cordsnet.models.interface import IMAGE
from cordsnet.models.stepped.layers import Watch
from cordsnet.models.weights import conv_layer, group_norm, halved

PAPER = "https://github.com/boranw-api/BLT_recurrent_models"

KERNEL = 3
"""Size of the kernels of all areas."""


@dataclass(frozen=True)
class SyncSpec(BLTSpec):
    """A network of any size.

    Attributes
    ----------
    name, in_channels, num_classes, steps, ms_per_step, lateral, top_down : as of every BLT network.
    image_size : (H, W). The stem divides it by `stem_stride` and by 2, and each area by its stride; odd sizes are
        rounded up. With top-down connections an area must have exactly half of the rows and columns below.
    channels : maps of every area, multiples of `groups`.
    strides : 1, or 2 for areas that pool what they hear from below; the lowest area has 1.
    groups : of channels that are normalised together.
    stem_kernel, stem_stride : of the convolution that encodes the image; a 3x3 max pool of stride 2 follows.
    """

    kind: ClassVar[str] = "blt_sync"

    name: str = "blt_sync_blt"
    channels: tuple[int, ...] = (64, 64, 128, 256, 512, 512)
    strides: tuple[int, ...] = (1, 1, 2, 2, 2, 1)
    groups: int = 32
    stem_kernel: int = 7
    stem_stride: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_some("channels")
        self.check_lengths(len(self.channels), "every entry of channels", "strides")
        self.check_counts("groups", "stem_stride")
        self.check_odd("stem_kernel")
        if self.strides[0] != 1 or any(stride not in (1, 2) for stride in self.strides):
            raise ValueError(f"strides must be 1 or 2, and 1 for the lowest area, got {self.strides}")
        for area, (channels, height, width) in self.shapes.items():
            if channels % self.groups:
                raise ValueError(f"channels must be multiples of groups = {self.groups}, got {self.channels}")
            if channels // self.groups * height * width == 1:
                raise ValueError(f"groups = {self.groups} leaves one unit of {area} to be normalised; take fewer")
        self.check_sizes()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        found: dict[str, tuple[int, ...]] = {}
        height, width = (halved(halved(size, self.stem_stride), 2) for size in self.image_size)
        for k, (channels, stride) in enumerate(zip(self.channels, self.strides, strict=True)):
            height, width = halved(height, stride), halved(width, stride)
            found[f"area{k + 1}"] = channels, height, width
        return found

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The lowest area hears the stem as it is; all convolutions have biases."""
        reads = self.channels[0]
        stem = Connection(IMAGE, "area1", "stem", "plain", reads, reads, bias=True)
        among = chain(
            {area: shape[0] for area, shape in self.shapes.items()},
            (KERNEL,) * len(self.channels),
            ["max3" if stride == 2 else "" for stride in self.strides],
            lateral=self.lateral,
            top_down=self.top_down,
            bias=True,
        )
        return stem, *among

    @property
    def is_static(self) -> bool:
        """False: the image takes a step for every area."""
        return False

    @property
    def width(self) -> int:
        """Channels of the lowest area."""
        return self.channels[0]

    def with_width(self, width: int) -> "SyncSpec":
        """The spec with `width` channels in the lowest area, and those of the others in proportion."""
        return self.scaled(width, "channels")


class SyncSystem(BLTSystem):
    """All areas read the step before, and take part one after the other: area k from step k on.

    Until the image has reached it, an area hears nothing: its drive is zero, and nobody hears from it. An intervention
    on its rate is recorded before, and acts on other areas from then on.
    """

    unrolling: ClassVar[Unrolling] = "sync"
    spec: SyncSpec

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        self.sources = (Signal("stem", self.spec.shapes["area1"]),)
        self._updated_after = {area: k for k, area in enumerate((IMAGE, *self.into))}

    def encode(self, image: Tensor) -> Tensor:
        """Maps of the stem [B, C, H, W]."""
        return POOLS["max3"](self.layers.conv("stem", image))

    def encoded(self, context: Held) -> dict[str, Tensor]:
        """The stem's maps."""
        return {"stem": context.image}

    def hears(self, connection: Connection, step: int) -> bool:
        """True if the source has been reached by the image."""
        return step >= self._updated_after[connection.source]

    def update(self, area: str, parts: Sequence[Tensor], state: State, effects: Effects) -> Tensor:
        """The new rate of an area; without a norm where it hears nothing yet."""
        if parts:
            return super().update(area, parts, state, effects)
        return effects.rate(area, torch.relu(effects.drive(area, self.zeros(area))))


class BLTSync(BLTModel):
    """A network of six areas that all read the step before (unrolling "sync").

    The image reaches one area more in each step, so that scores say nothing before the highest is reached.
    `shapes[area]` is [C, H, W].

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "blt_sync"
    spec_type = SyncSpec
    about = (
        f"Bottom-up, lateral and top-down connections between six areas that are updated all at once "
        f"([public training code, archived]({PAPER})), with group norms."
    )
    system_type = SyncSystem
    spec: SyncSpec

    def __init__(self, spec: SyncSpec) -> None:
        super().__init__(spec)
        std = (2 / (spec.in_channels * spec.stem_kernel**2)) ** 0.5
        size = spec.in_channels, spec.channels[0], spec.stem_kernel, std, spec.stem_stride
        self.stem = conv_layer(*size, bias=True)
        self.add_layers(layers_of(spec.connections))
        norms = {f"{a}.norm": group_norm(spec.groups, shape[0]) for a, shape in spec.shapes.items()}
        self.add_layers(norms)
        self.decoder = decoder(spec.channels[-1], spec.num_classes)
