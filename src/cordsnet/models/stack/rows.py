"""Rows of stacks in the table of models, and the sizes that their small rows share."""

from typing import Any

from cordsnet.models.stack.spec import StackSpec
from cordsnet.models.table import ModelRow

SMALL: dict[str, Any] = {
    "image_size": (16, 16),
    "num_classes": 10,
    "strides": (1, 2),
    "stem_kernel": 3,
    "stem_stride": 1,
}
TINY: dict[str, Any] = {"image_size": 16, "stem_channels": 3, "num_classes": 3}


def rows_of(
    spec: StackSpec,
    small: StackSpec,
    source: str,
    clock: str,
    remarks: tuple[str, ...],
    tiny: tuple[tuple[int, ...], tuple[int, ...]] = ((3, 4, 4, 4), (3, 4)),
) -> tuple[ModelRow, ModelRow]:
    """Return the rows of a stack and of its small one; `tiny` is the channels at which each of them is checked."""
    row, small_row = (
        ModelRow(one.name, one.kind, one, source, clock, tiny=TINY | {"channels": channels}, remarks=remarks)
        for one, channels in zip((spec, small), tiny, strict=True)
    )
    return row, small_row
