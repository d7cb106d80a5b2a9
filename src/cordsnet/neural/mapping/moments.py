"""Means, spreads and cross-covariance of rows X [n, p] and targets Y [n, q], in one pass over X."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cordsnet.errors import DataError
from cordsnet.neural.mapping.rows import blocks, compute_dtype

Numbers = NDArray[np.float64]

PART_BYTES = 4 * 2**20
"""Bytes of a shifted part of a block."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of n rows.

    Attributes
    ----------
    x_mean, y_mean : means [p] and [q].
    squares : sum of squares of X about its mean [p]; None unless asked for.
    cross : X'Y about the means [p, q].
    y : Y about its mean [n, q].
    """

    x_mean: Numbers
    y_mean: Numbers
    squares: Numbers | None
    cross: Numbers
    y: Numbers


def moments(rows: Any, targets: Numbers, squares: bool = False) -> Moments:
    """Moments of X and Y; products of a block in the precision of X, sums over blocks in double precision.

    Raises
    ------
    DataError : X is not finite.
    """
    dtype = compute_dtype(rows)
    n, p = rows.shape
    y_mean = targets.mean(0)
    y = targets - y_mean
    # Y is centred and X shifted by an estimate of its mean, so that large means cancel before they are multiplied
    # A column of ones makes the sums of X on the way
    y_used = torch.from_numpy(np.column_stack([y, np.ones(n)]).astype(dtype))
    shift, size = np.zeros(p, dtype), max(1, PART_BYTES // (p * np.dtype(dtype).itemsize))
    buffer = np.empty((size, p), dtype)
    total, total_squares = torch.zeros(p, y.shape[1] + 1, dtype=torch.float64), torch.zeros(p, dtype=torch.float64)
    for start, block in blocks(rows):
        if start == 0:
            shift = block[:256].mean(0, dtype=np.float64).astype(dtype)
        product = torch.zeros(total.shape, dtype=y_used.dtype)
        for inner in range(0, len(block), size):
            part = buffer[: len(block[inner : inner + size])]
            np.subtract(block[inner : inner + size], shift, out=part, casting="unsafe")
            values = torch.from_numpy(part)
            product.addmm_(values.T, y_used[start + inner : start + inner + len(part)])
            if squares:
                total_squares += values.square().sum(0, dtype=torch.float64)
        total += product
    if not torch.isfinite(total[:, -1]).all():
        bad = np.flatnonzero(~np.isfinite(total[:, -1].numpy()))
        raise DataError(f"X must be finite, got NaN or infinity in unit {bad[0]} and {len(bad) - 1} more")
    offset = total[:, -1].numpy() / n
    about = np.maximum(total_squares.numpy() - n * offset**2, 0) if squares else None
    return Moments(shift.astype(np.float64) + offset, y_mean, about, total[:, :-1].numpy(), y)
