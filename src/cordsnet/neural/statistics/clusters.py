"""Tests over time: spans in which differences are not zero, corrected for the number of bins."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive
from cordsnet.errors import DataError
from cordsnet.neural.statistics.sign_flips import check_differences, sign_flips

Numbers = NDArray[np.float64]

STEP, EXTENT, HEIGHT = 0.1, 0.5, 2.0
"""Step of thresholds in t, and powers of extent and height, of threshold-free enhancement (Smith & Nichols 2009)."""

LARGEST_T = 50.0
"""Height up to which t is enhanced; it is cut off there, in the data and in their permutations alike."""

AT_ONCE = 4_000_000
"""Values of t that are held at a time."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """A run of bins whose t has one sign and exceeds the threshold.

    Attributes
    ----------
    start, stop : first bin, and the bin after the last.
    mass : sum of t.
    p_value : probability of a mass of this size anywhere in time, if there is no difference.
    """

    start: int
    stop: int
    mass: float
    p_value: float


@dataclass(frozen=True, eq=False)
class ClusterTest:
    """Result of a test over T bins.

    Attributes
    ----------
    t : Student's t of the mean difference in each bin [T]; 0 in a bin without any difference.
    p_values : probability of each bin, corrected for all bins [T]. For clusters it is that of the cluster that the bin
        belongs to, and 1 outside: a cluster says that there is a difference, not exactly when.
    clusters : clusters in order of time; none for the threshold-free test.
    threshold : threshold on |t|; NaN for the threshold-free test.
    p_value : smallest of all.
    least_p : smallest value that this number of rows and draws can give.
    """

    t: Numbers
    p_values: Numbers
    clusters: tuple[Cluster, ...]
    threshold: float
    p_value: float
    least_p: float


@check_arguments
def cluster_test(
    differences: NDArray[Any],
    *,
    method: Literal["mass", "tfce"] = "mass",
    threshold: float | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> ClusterTest:
    """Test in which spans of time differences are not zero, by flipping the signs of rows.

    Without a difference, each row is as likely as its negative. The largest cluster or enhanced value over time, of
    both signs, is compared with those of flipped rows, which holds false positives anywhere in time at the level.

    Parameters
    ----------
    differences : paired differences [neuron or subject, time]; rows must be independent.
    method : "mass" is the sum of t in runs above a threshold (Maris & Oostenveld 2007, J. Neurosci. Methods 164);
        "tfce" is threshold-free enhancement, of powers 0.5 of extent and 2 of height (Smith & Nichols 2009, NeuroImage
        44).
    threshold : |t| above which bins are joined, for "mass"; None is that of p = 0.05, two-sided.
    draws : number of sign flips; all are taken if they are fewer.
    seed : seed of the sample of flips.

    Raises
    ------
    ValueError : differences of other axes or fewer than two rows, or a threshold that is not above 0.
    """
    values = check_differences(differences, 2, "[neuron or subject, time]")
    if method not in ("mass", "tfce"):
        raise DataError(f"method must be 'mass' or 'tfce', got {method!r}")
    limit = float(stats.t.ppf(0.975, len(values) - 1)) if threshold is None else threshold
    check_positive(limit, "threshold")
    signs = sign_flips(len(values), draws, seed)
    size = max(1, AT_ONCE // values.shape[1])
    largest = np.concatenate(
        [_largest(t_values(values, signs[start : start + size]), method, limit) for start in range(0, len(signs), size)]
    )
    t = t_values(values, signs[:1])[0]
    if method == "tfce":
        p_values = _share(largest, np.abs(enhanced(t[None])[0]))
        return ClusterTest(t, p_values, (), float("nan"), float(p_values.min()), _least(signs))
    spans = _spans(t, limit)
    masses = np.array([t[start:stop].sum() for start, stop in spans])
    shares = _share(largest, np.abs(masses))
    p_values = np.ones(len(t))
    for (start, stop), p in zip(spans, shares, strict=True):
        p_values[start:stop] = p
    clusters = tuple(
        Cluster(start, stop, float(mass), float(p))
        for (start, stop), mass, p in zip(spans, masses, shares, strict=True)
    )
    return ClusterTest(t, p_values, clusters, limit, float(p_values.min()), _least(signs))


def t_values(values: Numbers, signs: Numbers) -> Numbers:
    """Student's t of the mean over rows [R, T] of values [n, T] with flipped signs [R, n]; 0 where all are zero."""
    n = len(values)
    mean = signs @ values / n
    about = (values**2).sum(0) - n * mean**2  # squares do not change with signs
    error = np.sqrt(np.maximum(about, 1e-30 * (values**2).sum(0)) / (n - 1) / n)
    found: Numbers = np.divide(mean, error, out=np.zeros_like(mean), where=error > 0)
    return found


def enhanced(t: Numbers) -> Numbers:
    """Threshold-free enhancement of t [R, T], with its sign: the integral of extent^0.5 height^2 over heights."""
    found = np.zeros_like(t)
    size = np.minimum(np.abs(t), LARGEST_T)
    bins = np.arange(t.shape[1])
    for sign in (1, -1):
        side = np.where(np.sign(t) == sign, size, 0.0)
        for height in np.arange(STEP, side.max(initial=0.0) + STEP / 2, STEP):
            rows = np.flatnonzero((side >= height).any(1))
            above = side[rows] >= height
            before = np.maximum.accumulate(np.where(above, -1, bins), 1)
            after = np.minimum.accumulate(np.where(above, len(bins), bins)[:, ::-1], 1)[:, ::-1]
            extent = np.where(above, after - before - 1, 0)
            found[rows] += sign * STEP * extent**EXTENT * height**HEIGHT
    return found


def _largest(t: Numbers, method: str, limit: float) -> Numbers:
    """Largest mass of a cluster, or enhanced value, of either sign [R]."""
    if method == "tfce":
        largest: Numbers = np.abs(enhanced(t)).max(1)
        return largest
    largest = np.zeros(len(t))
    for side in (t, -t):
        running = np.zeros(len(t))
        for column in side.T:
            running = np.where(column > limit, running + column, 0.0)
            largest = np.maximum(largest, running)
    return largest


def _spans(t: Numbers, limit: float) -> list[tuple[int, int]]:
    """Start and stop of each run of bins above the limit with one sign."""
    side = np.where(np.abs(t) > limit, np.sign(t), 0).astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], side, [0]])))
    return [(int(start), int(stop)) for start, stop in pairwise(edges) if side[start]]


def _share(largest: Numbers, found: Numbers) -> Numbers:
    """Share of the largest values [R] that are at least as large as each found one [k], up to rounding."""
    ordered = np.sort(largest)
    below = np.searchsorted(ordered, found - 1e-10 * np.abs(found), side="left")
    shares: Numbers = (len(ordered) - below) / len(ordered)  # not 1 - below / all: 1 - 38 / 40 is above 0.05
    return shares


def _least(signs: Numbers) -> float:
    """Smallest p value: flipping all signs gives the same, where all flips are taken."""
    rows, count = len(signs), signs.shape[1]
    return float(2 if count < 64 and rows == 2**count else 1) / float(rows)
