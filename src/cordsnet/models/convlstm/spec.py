"""A ConvLSTM as data."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from cordsnet.models.stack.spec import StackSpec

PAPER = "https://arxiv.org/abs/1506.04214"

Peephole: TypeAlias = Literal["channel", "pixel"] | None


@dataclass(frozen=True)
class ConvLSTMSpec(StackSpec):
    """A stack of ConvLSTM cells, one per area, "area1" the lowest.

    Attributes
    ----------
    recurrent_kernel : size (odd) of the kernels on an area's own rate.
    peephole : how gates see the cell (Shi et al. 2015, equation 3): one weight per "channel", as the sizes of the
        published networks imply, one per "pixel", or None.

    All other fields are those of `StackSpec`.
    """

    kind: ClassVar[str] = "convlstm"

    name: str = "convlstm"
    recurrent_kernel: int = 3
    peephole: Peephole = "channel"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_odd("recurrent_kernel")
        self.check_choice("peephole", ("channel", "pixel", None))
