"""MDEQ as data."""

from dataclasses import dataclass
from typing import ClassVar

from cordsnet.models.deq.spec import Gradient, Method, SolverFields
from cordsnet.models.stepped.spec import SteppedSpec
from cordsnet.models.weights import halved


@dataclass(frozen=True)
class MdeqSpec(SolverFields, SteppedSpec):
    """A multiscale deep equilibrium model of any size (see `SolverFields` for how it is solved).

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores.
    channels : maps of every scale, the finest first; each scale halves the map of the one before, rounded up.
    widening : maps inside a scale's block, as a multiple of its channels.
    groups : of the group norms in blocks and between scales; `fused_groups` of those behind the fusion.
    stem_stride : of both 3x3 convolutions of the stem.
    has_injection : True for a 1x1 convolution between the stem and the finest scale.
    head_channels : maps inside the head's block of every scale, which puts out four times as many.
    features : maps that are pooled and read out.
    weight_norm : True for a gain for each output of the cell's convolutions, whose kernels are normalised.
    """

    kind: ClassVar[str] = "mdeq"
    name: str = "mdeq_large"
    image_size: tuple[int, int] = (32, 32)
    num_classes: int = 10
    channels: tuple[int, ...] = (32, 64, 128, 256)
    widening: int = 5
    groups: int = 8
    fused_groups: int = 4
    stem_stride: int = 1
    has_injection: bool = True
    head_channels: tuple[int, ...] = (14, 28, 56, 112)
    features: int = 1680
    weight_norm: bool = True
    solver: Method = "broyden"
    tol: float = 1e-3
    max_iterations: int = 18
    memory: int = 18
    gradient: Gradient = "phantom"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_counts("channels", "widening", "groups", "fused_groups", "stem_stride", "head_channels", "features")
        self.check_lengths(len(self.channels), "the scales", "head_channels")
        for name in ("has_injection", "weight_norm"):
            self.check_choice(name, (True, False))
        for groups in ("groups", "fused_groups"):
            if any(count % getattr(self, groups) for count in self.channels):
                raise ValueError(f"{groups} must divide all channels, {self.channels}, got {getattr(self, groups)}")
        self.check_solver()

    @property
    def scales(self) -> tuple[str, ...]:
        """Names of the scales, the finest first."""
        return tuple(f"scale{k}" for k in range(1, len(self.channels) + 1))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Scale -> [C, H, W]."""
        height, width = (halved(halved(size, self.stem_stride), self.stem_stride) for size in self.image_size)
        found: dict[str, tuple[int, ...]] = {}
        for scale, channels in zip(self.scales, self.channels, strict=True):
            found[scale] = channels, height, width
            height, width = halved(height, 2), halved(width, 2)
        return found

    @property
    def width(self) -> int:
        """Channels of the finest scale."""
        return self.channels[0]

    def with_width(self, width: int) -> "MdeqSpec":
        """The spec with `width` channels in the finest scale, and those of the others in proportion."""
        return self.scaled(width, "channels")
