"""95 % intervals for shares, differences, means over seeds, rank correlations, and whatever is computed from images."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import rankdata

from cordsnet._arguments import check_arguments
from cordsnet._intervals import LEVEL, percentile_interval
from cordsnet.experiments.claims import Measured

DRAWS = 1000
"""Bootstrap samples."""

FEWEST = 6
"""Smallest number of images with an interval: five lie on one side of a value by chance in one of sixteen cases."""

Array = NDArray[np.float64]


def share(hits: int, n: int) -> Measured:
    """A share with its Wilson interval."""
    return Measured(hits / n, _wilson(hits, n), n)


def share_difference(hits: int, n: int, other_hits: int, other_n: int) -> Measured:
    """A share less another, with Newcombe's interval (Statistics in Medicine 17, 1998, method 10)."""
    if not (n and other_n):
        return Measured(math.nan)
    first, second = hits / n, other_hits / other_n
    (low, high), (other_low, other_high) = _wilson(hits, n), _wilson(other_hits, other_n)
    difference = first - second
    below = math.hypot(first - low, other_high - second)
    above = math.hypot(high - first, second - other_low)
    return Measured(difference, (difference - below, difference + above), n + other_n)


def mean_difference(values: Sequence[float], others: Sequence[float]) -> Measured:
    """Mean of `values` less mean of `others` over independent runs, with Welch's interval; none for single runs."""
    n = len(values) + len(others)
    if not (values and others):
        return Measured(math.nan)
    difference = float(np.mean(values) - np.mean(others))
    if min(len(values), len(others)) < 2 or not (np.ptp(values) or np.ptp(others)):
        return Measured(difference, None, n)
    interval = stats.ttest_ind(values, others, equal_var=False).confidence_interval(LEVEL)
    return Measured(difference, (float(interval.low), float(interval.high)), n)


def mean_over_runs(values: Sequence[float]) -> Measured:
    """Mean over independent runs, or of differences that are paired by run, with Student's interval; none for one."""
    n = len(values)
    if not n:
        return Measured(math.nan)
    mean = float(np.mean(values))
    if n < 2 or not np.ptp(values):
        return Measured(mean, None, n)
    low, high = stats.t.interval(LEVEL, n - 1, mean, stats.sem(values))
    return Measured(mean, (float(low), float(high)), n)


def bootstrap(
    statistic: Callable[[Array], Any], n: int, seed: int = 0, draws: int = DRAWS, of_shares: bool = False
) -> Measured:
    """A statistic of `n` images with its percentile interval; without one where `percentile_interval` gives none.

    There is none for fewer than `FEWEST` images either, whose samples are too few to say how far another set would lie,
    unless the statistic is a share.

    Parameters
    ----------
    statistic : how often each image is drawn [R, n], each row of sum n -> R values.
    n : number of images.
    seed : of the samples.
    draws : number of samples.
    of_shares : True if the statistic is a share of images or a difference of shares. Its interval is then at least as
        wide as Wilson's for no event among n, since samples of images that are all alike show no spread at all.
    """
    value = float(np.asarray(statistic(np.ones((1, n))))[0])
    if n < (2 if of_shares else FEWEST):
        return Measured(value, None, n)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    interval = percentile_interval(statistic(counts), value)
    if interval and of_shares:
        low, high = interval
        least = _wilson(0, n)[1]
        interval = min(low, value - least), max(high, value + least)
    return Measured(value, interval, n)


def within_shares(measured: Measured) -> Measured:
    """A share with its interval cut at 0 and 1, which that of a difference of shares may pass."""
    if measured.interval is None:
        return measured
    low, high = measured.interval
    return Measured(measured.value, (max(low, 0.0), min(high, 1.0)), measured.n)


def rank_correlation(values: Array, others: Array, seed: int = 0, draws: int = DRAWS) -> Measured:
    """Spearman's correlation of two numbers per image [n], with its percentile interval over images.

    Images that lack one of the numbers (NaN) are left out. NaN for fewer than three images, or where one number is the
    same for all.
    """
    known = np.isfinite(values) & np.isfinite(others)
    first, second = values[known], others[known]
    if len(first) < 3:
        return Measured(math.nan, None, len(first))

    return bootstrap(lambda counts: rank_correlations(first, second, counts), len(first), seed, draws)


@check_arguments
def rank_correlations(x: Array, y: Array, counts: Array | None = None) -> Array:
    """Spearman's correlations [R], with equal values sharing the mean of their ranks.

    Infinity stands for what was censored: all infinite values share the last rank. NaN where one side is the same
    throughout, and where it has a NaN.

    Parameters
    ----------
    x, y : numbers of the same n items [n]; without counts also rows of them [R, n], each correlated by itself.
    counts : how often each item is drawn [R, n], each row of sum n; None is once.
    """
    if counts is None:
        one, other = (rankdata(np.atleast_2d(values), axis=1) for values in (x, y))
        return _correlation(np.ones_like(one), one, other)
    if np.isnan(x).any() or np.isnan(y).any():
        return np.full(len(counts), np.nan)
    return _correlation(counts, _ranks(counts, x), _ranks(counts, y))


def mean_of(counts: Array, values: NDArray[Any]) -> Array:
    """Means [R, ...] of values [n, ...] over images that are drawn `counts` [R, n] times; exact for whole numbers."""
    means: Array = counts @ values / counts.shape[1]
    return means


def _ranks(counts: Array, values: Array) -> Array:
    """Ranks [R, n] of values [n] that are drawn `counts` [R, n] times; equal values share the mean of their ranks."""
    order = np.argsort(values, kind="stable")
    _, starts, group = np.unique(values[order], return_index=True, return_inverse=True)
    sizes = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks = np.cumsum(sizes, axis=1) - sizes / 2 + 0.5
    found: Array = ranks[:, group[np.argsort(order)]]
    return found


def _correlation(counts: Array, first: Array, second: Array) -> Array:
    """Correlations [R] of numbers [R, n] that are drawn `counts` [R, n] times; NaN where one does not vary."""
    first, second = (part - (counts * part).sum(1, keepdims=True) / max(counts.shape[1], 1) for part in (first, second))
    sizes = np.sqrt((counts * first**2).sum(1) * (counts * second**2).sum(1))
    shared = (counts * first * second).sum(1)
    found: Array = np.divide(shared, sizes, out=np.full(len(counts), np.nan), where=sizes > 1e-12)
    return found


def _wilson(hits: int, n: int) -> tuple[float, float]:
    interval = stats.binomtest(hits, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)
