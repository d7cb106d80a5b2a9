"""The external input as the time loop sees it: frames, each held for a number of steps."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor


@dataclass(frozen=True)
class Hold:
    """One frame [B, C, H, W] held for `steps` steps; None is a blank field, the same for every trial."""

    steps: int
    frame: Tensor | None = None


Schedule: TypeAlias = Iterable[Hold]
