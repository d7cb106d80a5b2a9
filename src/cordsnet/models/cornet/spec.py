"""The CORnets as data."""

import math
from dataclasses import dataclass
from typing import ClassVar

from cordsnet.models.stepped.spec import SteppedSpec
from cordsnet.models.weights import halved

PAPER = "https://arxiv.org/abs/1909.06161"
PREPRINT = "https://doi.org/10.1101/408385"

AREAS = ("V1", "V2", "V4", "IT")
"""Names of the areas, lowest first."""

UNROLLINGS = ("sync", "sweep")
"""Orders in which the areas of a CORnet-RT can be updated."""


@dataclass(frozen=True)
class AreasSpec(SteppedSpec):
    """Base of the specs of all CORnets: four areas, each with half the rows and columns of the one below.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores. Odd sizes are
        rounded up when they are halved.
    steps : number of steps for which an image is held before the network is read.
    ms_per_step : what one step stands for, ms. It is a convention: the network knows no time.
    channels : maps of V1, V2, V4 and IT.
    stem_kernel, stem_stride : of V1's first convolution.
    """

    POOLED: ClassVar[bool] = True
    """True where a pool of stride 2 follows V1's first convolution."""

    channels: tuple[int, ...] = (64, 128, 256, 512)
    stem_kernel: int = 7
    stem_stride: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_lengths(len(AREAS), ", ".join(AREAS), "channels")
        self.check_counts("channels", "stem_stride")
        self.check_odd("stem_kernel")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        found: dict[str, tuple[int, ...]] = {}
        height, width = (halved(size, self.stem_stride) for size in self.image_size)
        for area, channels in zip(AREAS, self.channels, strict=True):
            if found or self.POOLED:
                height, width = halved(height, 2), halved(width, 2)
            found[area] = (channels, height, width)
        return found

    @property
    def width(self) -> int:
        """Channels of V1."""
        return self.channels[0]

    def with_width(self, width: int) -> "AreasSpec":
        """The spec with `width` channels in V1, and those of the other areas in proportion."""
        return self.scaled(width, "channels")


@dataclass(frozen=True)
class CornetSpec(AreasSpec):
    """A CORnet-S of any size.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores. Every area but V1
        halves the map of the one below; odd sizes are rounded up.
    steps : frames for which an image is held before the network is read; they are all alike.
    channels : maps of V1, V2, V4 and IT.
    stem_kernel, stem_stride : of V1's first convolution; a 3x3 max pool of stride 2 follows.
    repetitions : iterations of V2, V4 and IT on a frame; V1 runs once.
    expansion : maps inside an area's block, as a multiple of its channels.
    ms_per_step : duration of one step, in which a frame passes through all iterations of all areas, ms. It is a
        convention: the network knows no time. 100 ms is the bin that Brain-Score gives each iteration of IT.
    """

    kind: ClassVar[str] = "cornet_s"

    name: str = "cornet_s"
    steps: int = 1
    ms_per_step: float = 100.0
    repetitions: tuple[int, ...] = (2, 4, 2)
    expansion: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_lengths(len(AREAS) - 1, ", ".join(AREAS[1:]), "repetitions")
        self.check_counts("repetitions", "expansion")

    @property
    def iterations(self) -> dict[str, int]:
        """Area -> its iterations on a frame."""
        return dict(zip(AREAS, (1, *self.repetitions), strict=True))


@dataclass(frozen=True)
class CornetZSpec(AreasSpec):
    """A CORnet-Z of any size.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores. Every area halves
        the map that it reads by its pool; odd sizes are rounded up.
    steps : steps for which an image is held before the network is read; they are all alike.
    channels : maps of V1, V2, V4 and IT.
    stem_kernel, stem_stride : of V1's convolution; those of the other areas are 3x3 of stride 1.
    ms_per_step : step with which the network joins a protocol, ms; its answer does not depend on it.
    """

    kind: ClassVar[str] = "cornet_z"

    name: str = "cornet_z"
    steps: int = 1
    ms_per_step: float = 10.0


@dataclass(frozen=True)
class CornetRTSpec(AreasSpec):
    """A CORnet-RT or CORnet-R of any size.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores. Every area but V1
        halves the map of the one below; odd sizes are rounded up.
    steps : steps for which an image is held before the network is read.
    channels : maps of V1, V2, V4 and IT.
    stem_kernel, stem_stride : of V1's input convolution; those of the other areas are 3x3 of stride 2.
    groups : groups of every normalisation, each of which takes its statistics over some of an area's maps.
    unroll : "sync": every area reads the step before (CORnet-RT). "sweep": from the second step on, areas are updated
        bottom to top, each reading what the one below has become (CORnet-R).
    ms_per_step : what one step stands for, ms. It is a convention of this package: the network knows no time.
    """

    kind: ClassVar[str] = "cornet_rt"
    POOLED: ClassVar[bool] = False

    name: str = "cornet_rt"
    stem_stride: int = 4
    steps: int = 5
    ms_per_step: float = 20.0
    groups: int = 32
    unroll: str = "sync"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_counts("groups")
        self.check_choice("unroll", UNROLLINGS)
        for area, shape in self.shapes.items():
            if shape[0] % self.groups:
                raise ValueError(
                    f"groups must divide the channels of every area, got {self.groups} for {shape[0]} maps"
                )
            if math.prod(shape) == self.groups:
                raise ValueError(
                    f"groups = {self.groups} leaves a single unit in each group of {area}, whose maps are "
                    f"{shape[1]} x {shape[2]}; give fewer groups or larger images"
                )
