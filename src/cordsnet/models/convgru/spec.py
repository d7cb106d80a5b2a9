"""A ConvGRU as data."""

from dataclasses import dataclass
from typing import ClassVar

from cordsnet.models.stack.spec import StackSpec

PAPER = "https://arxiv.org/abs/1511.06432"


@dataclass(frozen=True)
class ConvGRUSpec(StackSpec):
    """A stack of ConvGRU cells, one per area, "area1" the lowest.

    Attributes
    ----------
    recurrent_kernel : size (odd) of the kernels on an area's own rate.

    All other fields are those of `StackSpec`.
    """

    kind: ClassVar[str] = "convgru"

    name: str = "convgru"
    recurrent_kernel: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_odd("recurrent_kernel")
