"""Networks of one hGRU as data."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

from cordsnet.models.stepped.spec import SteppedSpec
from cordsnet.models.weights import halved

PAPER = "https://arxiv.org/abs/1805.08315"
CRBP_PAPER = "https://arxiv.org/abs/2005.11362"
AREA = "area1"

GateOn: TypeAlias = Literal["state", "candidate"]
Head: TypeAlias = Literal["average", "max"]
CRBPHead: TypeAlias = Literal["pixel", "average"]


@dataclass(frozen=True)
class WideSpec(SteppedSpec):
    """Fields that both networks share.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores.
    steps, ms_per_step : see `SteppedSpec`.
    channels : maps of the area.
    kernel : size (odd) of the kernels between its units.
    stem_kernel, stem_stride : of the convolution of the image, which begins with Gabor filters.
    """

    channels: int = 25
    kernel: int = 15
    stem_kernel: int = 7
    stem_stride: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_counts("channels", "stem_stride")
        self.check_odd("kernel", "stem_kernel")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The one area -> [C, H, W]."""
        return {AREA: (self.channels, *(halved(size, self.stem_stride) for size in self.image_size))}

    @property
    def width(self) -> int:
        """Channels of the area."""
        return self.channels


@dataclass(frozen=True)
class HGRUSpec(WideSpec):
    """A network of one hGRU as in 2018.

    Attributes
    ----------
    steps : beside its meaning for every network of steps, how many scales there are, one for each step; steps beyond
        the last take the last one.
    gate_on : what the second gate weights: the "state" of the step before, as in the public code, or the "candidate",
        as in the text of the paper; the other gets the rest.
    head : how classes are read: "average", batch norm, global average, linear; "max", the head of 2018: batch norm,
        `readout_maps` maps by a 1x1 kernel, global maximum, batch norm, linear.
    readout_maps : maps of the head "max".
    """

    kind: ClassVar[str] = "hgru"

    name: str = "hgru"
    steps: int = 8
    gate_on: GateOn = "state"
    head: Head = "average"
    readout_maps: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_counts("readout_maps")
        self.check_choice("gate_on", get_args(GateOn))
        self.check_choice("head", get_args(Head))

    def with_width(self, width: int) -> "HGRUSpec":
        """The spec with `width` channels."""
        return self.scaled(width, "channels")


@dataclass(frozen=True)
class CRBPSpec(WideSpec):
    """A network of one hGRU as in 2020, for contractor recurrent back-propagation (C-RBP).

    Attributes
    ----------
    steps : 6, as in the public script.
    head : what is read after a batch norm: "pixel", classes of every pixel by a 1x1 kernel, which is the output
        "segmentation"; "average", their mean over all pixels, which are the scores.
    """

    kind: ClassVar[str] = "crbp_hgru"

    name: str = "crbp_hgru"
    steps: int = 6
    head: CRBPHead = "average"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_choice("head", get_args(CRBPHead))

    def with_width(self, width: int) -> "CRBPSpec":
        """The spec with `width` channels."""
        return self.scaled(width, "channels")
