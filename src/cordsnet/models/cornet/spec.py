"""CORnet-S as data."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from cordsnet._checks import check_positive, is_int
from cordsnet.models.spec import ModelSpec
from cordsnet.models.weights import halved

PAPER = "https://arxiv.org/abs/1909.06161"

AREAS = ("V1", "V2", "V4", "IT")
"""Names of the areas, lowest first."""


@dataclass(frozen=True)
class CornetSpec(ModelSpec):
    """A CORnet-S of any size.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores. Every area but V1
        halves the map of the one below; odd sizes are rounded up.
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
    channels: tuple[int, ...] = (64, 128, 256, 512)
    repetitions: tuple[int, ...] = (2, 4, 2)
    expansion: int = 4
    stem_kernel: int = 7
    stem_stride: int = 2
    ms_per_step: float = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, count in (("channels", len(AREAS)), ("repetitions", len(AREAS) - 1)):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            if len(getattr(self, name)) != count:
                areas = ", ".join(AREAS[-count:])
                raise ValueError(f"{name} must be {count} whole numbers, for {areas}, got {getattr(self, name)!r}")
        counts: dict[str, tuple[int, ...]] = {
            name: (getattr(self, name),) for name in ("in_channels", "num_classes", "expansion", "stem_stride")
        }
        counts |= {"stem_kernel": (self.stem_kernel,), "channels": self.channels, "repetitions": self.repetitions}
        for name, values in counts.items():
            if not all(is_int(value, 1) for value in values):
                raise ValueError(f"{name} must be whole and at least 1, got {getattr(self, name)!r}")
        if self.stem_kernel % 2 == 0:
            raise ValueError(f"stem_kernel must be odd, got {self.stem_kernel}")
        check_positive(self.ms_per_step, "ms_per_step")

    @property
    def iterations(self) -> dict[str, int]:
        """Area -> its iterations on a frame."""
        return dict(zip(AREAS, (1, *self.repetitions), strict=True))

    @property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Area -> [C, H, W]."""
        found = {}
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
        scaled = [divmod(channels * width, self.channels[0]) for channels in self.channels]
        if width < 1 or any(rest for _, rest in scaled):
            raise ValueError(
                f"width = {width} does not scale channels {self.channels} to whole numbers; try a multiple"
            )
        return dataclasses.replace(self, channels=tuple(channels for channels, _ in scaled))
