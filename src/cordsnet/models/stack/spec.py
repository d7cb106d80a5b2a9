"""Sizes of a stack of recurrent areas."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, get_args

from cordsnet.models.stepped.spec import SteppedSpec
from cordsnet.models.weights import halved

Downsampling: TypeAlias = Literal["stride", "pool"]
Stack = TypeVar("Stack", bound="StackSpec")


@dataclass(frozen=True)
class StackSpec(SteppedSpec):
    """A stack of recurrent areas, "area1" the lowest, behind the stem of CordsNet. Subclasses add what their areas are.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores.
    steps, ms_per_step : see `SteppedSpec`. 10 ms is the time constant of CordsNet: its rates change as much in a time
        constant as gates let those of a gated network change in a step.
    channels : maps of every area.
    strides : by how much every area divides the size of the map that it reads; odd sizes are rounded up.
    downsampling : where that happens: "stride" of the kernel that reads the map, or a max "pool" of the map.
    kernel : size (odd) of the kernels on what an area reads.
    stem_channels, stem_kernel, stem_stride : convolution of the image, without bias; an average pool 3x3 of stride 2
        follows, as in CordsNet. With 0 channels there is no stem, and area1 reads the image.
    """

    channels: tuple[int, ...] = (64, 128, 256, 512)
    strides: tuple[int, ...] = (1, 2, 2, 2)
    downsampling: Downsampling = "stride"
    kernel: int = 3
    stem_channels: int = 64
    stem_kernel: int = 7
    stem_stride: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels or len(self.strides) != len(self.channels):
            raise ValueError(
                f"channels and strides must have one number per area, got {len(self.channels)} and {len(self.strides)}"
            )
        self.check_counts("channels", "strides", "stem_stride")
        self.check_counts("stem_channels", least=0)
        self.check_odd("kernel", "stem_kernel")
        self.check_choice("downsampling", get_args(Downsampling))

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the areas, lowest first."""
        return tuple(f"area{k}" for k in range(1, len(self.channels) + 1))

    @property
    def emitted(self) -> tuple[int, ...]:
        """Channels that every area shows to the one above, and the highest one to the readout."""
        return self.channels

    @property
    def reads(self) -> tuple[int, ...]:
        """Channels of what every area reads."""
        return (self.stem_channels or self.in_channels, *self.emitted[:-1])

    @property
    def encoded_size(self) -> tuple[int, int]:
        """(H, W) of the encoded image, which area1 reads."""
        height, width = self.image_size
        if not self.stem_channels:
            return height, width
        return halved(halved(height, self.stem_stride), 2), halved(halved(width, self.stem_stride), 2)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        found: dict[str, tuple[int, ...]] = {}
        height, width = self.encoded_size
        for area, channels, stride in zip(self.areas, self.channels, self.strides, strict=True):
            height, width = halved(height, stride), halved(width, stride)
            found[area] = (channels, height, width)
        return found

    @property
    def width(self) -> int:
        """Channels of the lowest area."""
        return self.channels[0]

    def with_width(self: Stack, width: int) -> Stack:
        """The spec with `width` channels in the lowest area, and those of stem and other areas in proportion."""
        return self.scaled(width, "stem_channels", "channels")
