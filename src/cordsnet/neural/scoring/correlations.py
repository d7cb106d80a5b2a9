"""Correlations of predicted and observed responses: pooled over bins, in each bin, and without the means of bins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments, check_init
from cordsnet.errors import DataError
from cordsnet.neural.readable import check_readable

Numbers = NDArray[np.float64]

ROUNDING = 1e-12
"""Variances below this share of the mean square are rounding: the values do not vary."""


@check_init
@dataclass(frozen=True, eq=False)
class Correlations:
    """Pearson correlations over images. A prediction that does not vary has 0, a neuron that does not vary NaN.

    Attributes
    ----------
    pooled : over images and bins together [..., N], as in Brain-Score's `spantime_pls`; it rewards the time course that
        all images share.
    per_bin : in each bin [..., T, N].
    centred : over images and bins together, after the mean over images of each bin is removed from both [..., N].

    Raises
    ------
    DataError : the three do not have these shapes, or hold no real numbers.
    """

    pooled: Numbers
    per_bin: Numbers
    centred: Numbers

    def __post_init__(self) -> None:
        shape = self.per_bin.shape
        for name in ("pooled", "per_bin", "centred"):
            if (kind := getattr(self, name).dtype).kind != "f":
                raise DataError(f"{name} must hold correlations in floating point, got an array of {kind}")
        if len(shape) < 2 or {self.pooled.shape, self.centred.shape} != {(*shape[:-2], shape[-1])}:
            given = f"{list(self.pooled.shape)}, {list(shape)} and {list(self.centred.shape)}"
            raise DataError(f"pooled, per_bin and centred must be [..., N], [..., T, N] and [..., N], got {given}")


@dataclass(frozen=True, eq=False)
class Sums:
    """Weighted sums over images of x, y, their squares and products [..., T, N].

    Attributes
    ----------
    weight : sum of the weights of images [..., 1, 1].
    x, y, xx, yy, xy : the sums, of values less their means over images and bins.
    x_size, y_size : mean squares of the values as they came [N], by which rounding is told from variation.
    """

    weight: Numbers
    x: Numbers
    y: Numbers
    xx: Numbers
    yy: Numbers
    xy: Numbers
    x_size: Numbers
    y_size: Numbers

    def correlations(self) -> Correlations:
        """The three correlations."""
        values = (self.x, self.y, self.xx, self.yy, self.xy)
        n, bins = self.weight, self.x.shape[-2]
        total = _about_mean(n[..., 0] * bins, *(part.sum(-2) for part in values))
        each = _about_mean(n, *values)
        return Correlations(
            pooled=self._ratio(n[..., 0] * bins, *total),
            per_bin=self._ratio(n, *each),
            centred=self._ratio(n[..., 0] * bins, *(part.sum(-2) for part in each)),
        )

    def _ratio(self, n: Numbers, xx: Numbers, yy: Numbers, xy: Numbers) -> Numbers:
        flat_x, flat_y = ~(xx > ROUNDING * n * self.x_size), ~(yy > ROUNDING * n * self.y_size)
        sizes = np.sqrt(np.where(flat_x | flat_y, 1.0, xx * yy))
        return np.where(flat_y, np.nan, np.where(flat_x, 0.0, xy / sizes))


def _about_mean(n: Numbers, x: Numbers, y: Numbers, xx: Numbers, yy: Numbers, xy: Numbers) -> tuple[Numbers, ...]:
    """Sums of squares of x and y and of their products, about their means."""
    divisor = np.where(n > 0, n, np.nan)
    return xx - x * x / divisor, yy - y * y / divisor, xy - x * y / divisor


@check_arguments
def correlations(predicted: NDArray[Any], observed: NDArray[Any]) -> Correlations:
    """Correlations of responses [image, time, neuron]; NaN for a neuron that does not vary, or that has NaN.

    Raises DataError for arrays of other or unequal shapes, or of other than real numbers up to 1e100.
    """
    for name, values in (("predicted", predicted), ("observed", observed)):
        if values.ndim != 3 or 0 in values.shape or values.shape != predicted.shape:
            due = "the same axes [image, time, neuron]"
            raise DataError(
                f"predicted and observed must have {due}, got {list(predicted.shape)} and {list(observed.shape)}"
            )
        check_readable(values, name, missing=True)
    return sums(predicted, observed).correlations()


def sums(predicted: NDArray[Any], observed: NDArray[Any], counts: Numbers | None = None) -> Sums:
    """Sums over images of responses [image, time, neuron].

    Parameters
    ----------
    predicted, observed : responses [I, T, N].
    counts : how often each image is drawn [R, I]; the sums then have R as their first axis. None is once.
    """
    x, y = np.asarray(predicted, np.float64), np.asarray(observed, np.float64)
    sizes = (x * x).mean((0, 1)), (y * y).mean((0, 1))
    # About the mean of all images first, so that squares of large means do not cancel
    x, y = x - x.mean((0, 1)), y - y.mean((0, 1))
    parts = (x, y, x * x, y * y, x * y)
    if counts is None:
        return _made(np.full((1, 1), float(len(x))), [part.sum(0) for part in parts], sizes)
    weight = counts.sum(1)[:, None, None].astype(np.float64)
    drawn = [(counts @ part.reshape(len(part), -1)).reshape(len(counts), *part.shape[1:]) for part in parts]
    return _made(weight, drawn, sizes)


def _made(weight: Numbers, parts: Sequence[Numbers], sizes: tuple[Numbers, Numbers]) -> Sums:
    x, y, xx, yy, xy = parts
    return Sums(weight, x, y, xx, yy, xy, *sizes)
