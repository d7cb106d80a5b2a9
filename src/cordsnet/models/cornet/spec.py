"""CORnet-S as data."""

from dataclasses import dataclass
from typing import ClassVar

from cordsnet.models.stepped.spec import SteppedSpec
from cordsnet.models.weights import halved

PAPER = "https://arxiv.org/abs/1909.06161"

AREAS = ("V1", "V2", "V4", "IT")
"""Names of the areas, lowest first."""


@dataclass(frozen=True)
class CornetSpec(SteppedSpec):
    """A CORnet-S of any size.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores. Every area but V1
        halves the map of the one below; odd sizes are rounded up.
    steps : frames for which an image is held before the network is read; they are all alike.
    channels : maps of V1, V2, V4 and IT.
    repetitions : iterations of V2, V4 and IT on a frame; V1 runs once.
    expansion : maps inside an area's block, as a multiple of its channels.
    stem_kernel, stem_stride : of V1's first convolution; a 3x3 max pool of stride 2 follows.
    ms_per_step : duration of one step, in which a frame passes through all iterations of all areas, ms. It is a
        convention: the network knows no time. 100 ms is the bin that Brain-Score gives each iteration of IT.
    """

    kind: ClassVar[str] = "cornet_s"

    name: str = "cornet_s"
    in_channels: int = 3
    image_size: tuple[int, int] = (224, 224)
    num_classes: int = 1000
    steps: int = 1
    ms_per_step: float = 100.0
    channels: tuple[int, ...] = (64, 128, 256, 512)
    repetitions: tuple[int, ...] = (2, 4, 2)
    expansion: int = 4
    stem_kernel: int = 7
    stem_stride: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_lengths(len(AREAS), ", ".join(AREAS), "channels")
        self.check_lengths(len(AREAS) - 1, ", ".join(AREAS[1:]), "repetitions")
        self.check_counts("channels", "repetitions", "expansion", "stem_stride")
        self.check_odd("stem_kernel")

    @property
    def iterations(self) -> dict[str, int]:
        """Area -> its iterations on a frame."""
        return dict(zip(AREAS, (1, *self.repetitions), strict=True))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        found: dict[str, tuple[int, ...]] = {}
        height, width = (halved(size, self.stem_stride) for size in self.image_size)
        for area, channels in zip(AREAS, self.channels, strict=True):
            height, width = halved(height, 2), halved(width, 2)
            found[area] = (channels, height, width)
        return found

    @property
    def width(self) -> int:
        """Channels of V1."""
        return self.channels[0]

    def with_width(self, width: int) -> "CornetSpec":
        """The spec with `width` channels in V1, and those of the other areas in proportion."""
        return self.scaled(width, "channels")
