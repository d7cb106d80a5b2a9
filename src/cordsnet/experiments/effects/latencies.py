"""Times in ms at which curves cross a level and stay beyond it."""

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.errors import ArgumentError

Array = NDArray[np.float64]


@check_arguments
def crossing_times(curves: Array, times: Array, level: Array | float) -> Array:
    """Time from which each curve stays at or above a level, interpolated linearly between samples.

    Parameters
    ----------
    curves : values over time, one curve per column [T, N].
    times : of the samples in ms, increasing [T].
    level : one for all curves, or one each [N].

    Returns
    -------
    Times in ms [N]: the first sample for a curve that is never below its level, NaN for one that ends below it.

    Raises
    ------
    ArgumentError : unless `curves` is [T, N] and finite, and `times` is [T] and increasing.
    """
    _check(curves, times)
    n = curves.shape[1]
    levels = np.broadcast_to(np.asarray(level, dtype=float), (n,))
    found = np.full(n, np.nan)
    for i in range(n):
        below = np.flatnonzero(curves[:, i] < levels[i])
        if not below.size:
            found[i] = times[0]
        elif (last := int(below[-1])) < len(times) - 1:
            low, high = curves[last, i], curves[last + 1, i]
            found[i] = times[last] + (times[last + 1] - times[last]) * (levels[i] - low) / (high - low)
    return found


@check_arguments
def times_to_share(curves: Array, times: Array, share: float = 0.5) -> Array:
    """Time from which each curve has made a share of its change from the first sample to the last [N], in ms.

    A curve that falls counts as its mirror image. A curve whose ends are equal has no such time: NaN.

    Parameters
    ----------
    curves : values over time, one curve per column [T, N].
    times : of the samples in ms, increasing [T].
    share : of the change, above 0 and at most 1.

    Raises
    ------
    ArgumentError : as `crossing_times`, or unless `share` is above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ArgumentError(f"share is {share}, but a share of a change is above 0 and at most 1.")
    _check(curves, times)
    change = curves[-1] - curves[0]
    moved = np.divide(curves - curves[0], change, out=np.full(curves.shape, np.nan), where=change != 0)
    found = crossing_times(np.nan_to_num(moved, nan=0.0), times, share)
    return np.where(change == 0, np.nan, found)


def _check(curves: Array, times: Array) -> None:
    if curves.ndim != 2 or not curves.size or not np.isfinite(curves).all():
        raise ArgumentError(f"curves has shape {curves.shape}, but finite values [T, N] are due.")
    if times.shape != curves.shape[:1] or not (np.diff(times) > 0).all():
        raise ArgumentError(f"times has shape {times.shape}, but {len(curves)} increasing times in ms are due.")
