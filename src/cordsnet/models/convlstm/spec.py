"""A ConvLSTM as data."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

from cordsnet._checks import check_positive, is_int
from cordsnet.models.spec import ModelSpec
from cordsnet.models.weights import halved

PAPER = "https://arxiv.org/abs/1506.04214"

Peephole: TypeAlias = Literal["channel", "pixel"] | None
Downsampling: TypeAlias = Literal["stride", "pool"]


@dataclass(frozen=True)
class ConvLSTMSpec(ModelSpec):
    """A stack of ConvLSTM cells, one per area, "area1" the lowest.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores.
    channels : maps of every area.
    strides : by how much every area divides the size of the map that it reads; odd sizes are rounded up.
    downsampling : where that happens: "stride" of the kernel that reads the map, or a max "pool" of the map.
    kernel, recurrent_kernel : sizes (odd) of the kernels on what an area reads and on its own rate.
    peephole : how gates see the cell (Shi et al. 2015, equation 3): one weight per "channel", as the sizes of the
        published networks imply, one per "pixel", or None.
    stem_channels, stem_kernel, stem_stride : convolution of the image, without bias; an average pool 3x3 of stride 2
        follows, as in CordsNet. With 0 channels there is no stem, and area1 reads the image.
    ms_per_step : duration of one step, ms. It is a convention: the network knows no time. 10 ms is the time constant
        of CordsNet: its rates change as much in a time constant as gates let an LSTM change in a step.
    """

    kind: ClassVar[str] = "convlstm"

    name: str = "convlstm"
    in_channels: int = 3
    image_size: tuple[int, int] = (224, 224)
    num_classes: int = 1000
    channels: tuple[int, ...] = (64, 128, 256, 512)
    strides: tuple[int, ...] = (1, 2, 2, 2)
    downsampling: Downsampling = "stride"
    kernel: int = 3
    recurrent_kernel: int = 3
    peephole: Peephole = "channel"
    stem_channels: int = 64
    stem_kernel: int = 7
    stem_stride: int = 2
    ms_per_step: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("channels", "strides"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.channels or len(self.strides) != len(self.channels):
            raise ValueError(
                f"channels and strides must have one number per area, got {len(self.channels)} and {len(self.strides)}"
            )
        one = ("in_channels", "num_classes", "kernel", "recurrent_kernel", "stem_kernel", "stem_stride")
        counts = {name: (getattr(self, name),) for name in one} | {"channels": self.channels, "strides": self.strides}
        for name, values in counts.items():
            if not all(is_int(value, 1) for value in values):
                raise ValueError(f"{name} must be whole and at least 1, got {getattr(self, name)!r}")
        for name in ("kernel", "recurrent_kernel", "stem_kernel"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} must be odd, got {getattr(self, name)}")
        if not is_int(self.stem_channels, 0):
            raise ValueError(f"stem_channels must be whole and at least 0, got {self.stem_channels!r}")
        if self.peephole not in ("channel", "pixel", None):
            raise ValueError(f"peephole must be 'channel', 'pixel' or None, got {self.peephole!r}")
        if self.downsampling not in get_args(Downsampling):
            raise ValueError(f"downsampling must be 'stride' or 'pool', got {self.downsampling!r}")
        check_positive(self.ms_per_step, "ms_per_step")

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the areas, lowest first."""
        return tuple(f"area{k}" for k in range(1, len(self.channels) + 1))

    @property
    def reads(self) -> tuple[int, ...]:
        """Channels of what every area reads."""
        return (self.stem_channels or self.in_channels, *self.channels[:-1])

    @property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Area -> [C, H, W]."""
        height, width = self.image_size
        if self.stem_channels:
            height, width = (halved(halved(size, self.stem_stride), 2) for size in self.image_size)
        found = {}
        for area, channels, stride in zip(self.areas, self.channels, self.strides, strict=True):
            height, width = halved(height, stride), halved(width, stride)
            found[area] = (channels, height, width)
        return found

    @property
    def width(self) -> int:
        """Channels of the lowest area."""
        return self.channels[0]

    def with_width(self, width: int) -> "ConvLSTMSpec":
        """The spec with `width` channels in the lowest area, and those of stem and other areas in proportion."""
        scaled = [divmod(channels * width, self.width) for channels in (self.stem_channels, *self.channels)]
        if width < 1 or any(rest for _, rest in scaled):
            raise ValueError(
                f"width = {width} does not scale channels {(self.stem_channels, *self.channels)} to whole numbers; "
                "try a multiple"
            )
        stem, *channels = (channels for channels, _ in scaled)
        return dataclasses.replace(self, stem_channels=stem, channels=tuple(channels))
