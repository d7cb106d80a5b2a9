"""RCNN as data."""

from dataclasses import dataclass
from typing import ClassVar

from cordsnet._checks import is_number
from cordsnet.models.stepped.spec import SteppedSpec
from cordsnet.models.weights import halved

PAPER = "https://openaccess.thecvf.com/content_cvpr_2015/html/Liang_Recurrent_Convolutional_Neural_2015_CVPR_paper.html"

AREAS = ("area1", "area2", "area3", "area4", "area5")
"""Names of the areas, lowest first: a convolutional layer and four recurrent ones."""

READ_THROUGH_A_POOL = ("area2", "area4")
"""Areas that read the one below through a 3x3 max pool of stride 2."""

NORMS = ("lrn", "bn_per_step", None)
"""Normalisations that can be chosen."""

UNROLLINGS = ("inner", "sync")
"""Orders in which the areas can be updated."""


@dataclass(frozen=True)
class RCNNSpec(SteppedSpec):
    """An RCNN of any size.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores. Maps are halved
        below area2 and below area4; odd sizes are rounded up.
    steps : steps for which an image is held before the network is read; with unroll = "inner" they are all alike.
        With unroll = "sync" and norm = "bn_per_step" give as many as all iterations of the highest area need: batch
        norms of later steps are never trained or measured.
    channels : maps of every area, K of the paper.
    repetitions : iterations of area2 to area5 on a frame, of which the first is feedforward; T + 1 of the paper. Area1
        runs once.
    kernel, stem_kernel : of the convolutions, and of that of area1.
    norm : "lrn": local response normalisation of every iteration, as in the paper. "bn_per_step": a batch norm for each
        iteration of an area, before the rectification and in place of the bias. None: neither.
    dropout : proportion of what an area reads from the one below that is left out in training mode.
    unroll : "inner": an area runs all its iterations on a frame before the next one starts. "sync": all areas take one
        iteration per step, each reading what the one below was a step before.
    ms_per_step : duration of one step, ms: of a frame with all iterations, or of one iteration with unroll = "sync". It
        is a convention of this package: the network knows no time.
    """

    kind: ClassVar[str] = "rcnn"

    name: str = "rcnn_96"
    image_size: tuple[int, int] = (32, 32)
    num_classes: int = 10
    steps: int = 1
    ms_per_step: float = 100.0
    channels: int = 96
    repetitions: int = 4
    kernel: int = 3
    stem_kernel: int = 5
    norm: str | None = "lrn"
    dropout: float = 0.0
    unroll: str = "inner"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_counts("channels", "repetitions")
        self.check_odd("kernel", "stem_kernel")
        self.check_choice("norm", NORMS)
        self.check_choice("unroll", UNROLLINGS)
        if not (is_number(self.dropout) and 0 <= self.dropout < 1):
            raise ValueError(f"dropout must be a number from 0 to below 1, got {self.dropout!r}")
        if self.unroll == "sync" and self.steps < len(AREAS):
            raise ValueError(
                f"steps must be at least {len(AREAS)} with unroll = 'sync', since an image needs a step for every "
                f"area, and {len(AREAS) + self.repetitions - 1} for all iterations of {AREAS[-1]}; got {self.steps}"
            )

    @property
    def iterations(self) -> dict[str, int]:
        """Area -> its iterations on a frame."""
        return dict.fromkeys(AREAS, self.repetitions) | {AREAS[0]: 1}

    @property
    def neighbours(self) -> int:
        """Maps over which the local response normalisation sums, N of the paper."""
        return self.channels // 8 + 1

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        found: dict[str, tuple[int, ...]] = {}
        height, width = self.image_size
        for area in AREAS:
            if area in READ_THROUGH_A_POOL:
                height, width = halved(height, 2), halved(width, 2)
            found[area] = (self.channels, height, width)
        return found

    @property
    def width(self) -> int:
        """Maps of every area."""
        return self.channels

    def with_width(self, width: int) -> "RCNNSpec":
        """The spec with `width` maps in every area."""
        return self.scaled(width, "channels")
