"""Signals as one row of numbers per trial, for solvers that see nothing but vectors."""

from typing import TypeAlias

import torch
from torch import Tensor

Values: TypeAlias = tuple[Tensor, ...]
"""The signals of a state [B, *shape], in the system's order."""


class Layout:
    """Order of signals in rows [B, N]. Maps that lie channels last in memory stay so, since kernels are faster there.

    Parameters
    ----------
    like : signals that lie as others will.
    """

    def __init__(self, like: Values) -> None:
        self.shapes = [tuple(value.shape[1:]) for value in like]
        self.is_last = [value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last) for value in like]

    def rows(self, values: Values) -> Tensor:
        """All signals in one row per trial [B, N]."""
        pairs = zip(values, self.is_last, strict=True)
        return torch.cat([(value.permute(0, 2, 3, 1) if last else value).flatten(1) for value, last in pairs], 1)

    def values(self, rows: Tensor) -> Values:
        """The signals that lie in rows [B, N]."""
        parts = torch.split(rows, [torch.Size(shape).numel() for shape in self.shapes], dim=1)
        triples = zip(parts, self.shapes, self.is_last, strict=True)
        return tuple(_shaped(part, shape, last) for part, shape, last in triples)


def _shaped(part: Tensor, shape: tuple[int, ...], last: bool) -> Tensor:
    if not last:
        return part.reshape(-1, *shape)
    channels, height, width = shape
    return part.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
