"""Sizes that the small rows of all stacks share, and those at which they are checked."""

from typing import Any

SMALL: dict[str, Any] = {
    "image_size": (16, 16),
    "num_classes": 10,
    "strides": (1, 2),
    "stem_kernel": 3,
    "stem_stride": 1,
}
TINY: dict[str, Any] = {"image_size": 16, "stem_channels": 3, "num_classes": 3}
