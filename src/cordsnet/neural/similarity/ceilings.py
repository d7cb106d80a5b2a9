"""Noise ceilings of RSA: agreement between animals, or between halves of the repeats of one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural.recording import Recording
from cordsnet.neural.similarity.compare import check_method, paired_agreements
from cordsnet.neural.similarity.rdms import rdm_movie
from cordsnet.neural.similarity.resampling import Brain, as_brain, interval

Numbers: TypeAlias = NDArray[np.float64]

SPLITS = 20
MOST_SPLITS = 10_000
FEWEST_ANIMALS = 3
"""Animals that an interval of the ceiling needs: without one of them, two must be left to agree."""

FEWEST_REPEATS = {"crossnobis": 4, "mahalanobis": 4}
"""Metric -> repeats of each image of which halves have their RDMs; 2 for others."""


class CeilingStatus(Enum):
    """Origin of a ceiling."""

    ANIMALS = "between animals: each animal with the mean of the others (lower) and with the mean of all (upper)"
    HALVES = "halves of the repeats of one recording: agreement of halves (lower), and by Spearman-Brown (upper)"


@dataclass(frozen=True, eq=False)
class RsaCeiling:
    """Agreement that a perfect model could reach, in T bins.

    Attributes
    ----------
    lower : a good model reaches at least this [T]; NaN where a pattern of a half has no direction, such as one without
        a spike: use metric "euclidean" there.
    upper : no model reaches more, but by chance [T]; NaN for halves whose agreement is not above zero, and for halves
        compared by anything but a correlation.
    n : number of animals, or of splits.
    status : origin of the two.
    lower_interval, upper_interval : 95 % intervals of the two over animals [T, 2], by the jackknife; None for halves,
        and for two animals. They hold for as many other animals and the same images.
    """

    lower: Numbers
    upper: Numbers
    n: int
    status: CeilingStatus
    lower_interval: Numbers | None = None
    upper_interval: Numbers | None = None


@check_arguments
def rsa_ceiling(
    brain: Recording | NDArray[Any],
    method: str = "spearman",
    metric: str = "correlation",
    splits: int = SPLITS,
    seed: int = 0,
) -> RsaCeiling:
    """Lower and upper bound of the agreement of a perfect model with a brain in each bin.

    Parameters
    ----------
    brain : RDMs [animals, T, pairs], of two animals or people at least; or a Recording with repeats, which are split
        into halves.
    method : a row of `RDM_COMPARISONS`. Ranks stand for distances in the mean over animals for "kendall_tau_a".
    metric : a row of `RDM_METRICS`, by which RDMs of a Recording are made.
    splits, seed : number of random splits of a Recording, and the seed of them.

    The upper bound of halves is the root of their agreement r stepped up to all repeats, sqrt(2 r / (1 + r)): the
    correlation of the RDM of all repeats with that of infinitely many. It takes errors of the distances as independent
    between halves and is exact for correlations alone.

    Raises
    ------
    ArgumentError : one animal without repeats, or numbers out of range.
    DataError : RDMs or responses that cannot be read, or too few repeats.

    Source: Nili et al. 2014 (animals); Spearman 1910, Brown 1910 (halves).
    """
    check_method(method)
    check_count(splits, "splits", 1, MOST_SPLITS)
    check_count(seed, "seed", 0, 2**63 - 1)
    if isinstance(brain, Recording):
        if not can_be_split(brain, metric):
            few = FEWEST_REPEATS.get(metric, 2)
            raise DataError(f"brain must have {few} repeats of each image and neuron for halves, got {_fewest(brain)}")
        return _between_halves(brain, method, metric, splits, seed)
    theirs = as_brain(brain, metric)
    if len(theirs.rdms) < 2:
        raise ArgumentError("brain must hold the RDMs of two animals or more [animals, time, pairs], got one animal")
    return _between_animals(theirs.rdms, method)


def ceiling_of(given: Recording | NDArray[Any], brain: Brain, method: str, metric: str, seed: int) -> RsaCeiling | None:
    """The ceiling where there is one: several animals, or repeats to split."""
    if isinstance(given, Recording):
        return _between_halves(given, method, metric, SPLITS, seed) if can_be_split(given, metric) else None
    return _between_animals(brain.rdms, method) if len(brain.rdms) > 1 else None


def can_be_split(recording: Recording, metric: str) -> bool:
    """True if each half of the repeats has an RDM."""
    return _fewest(recording) >= FEWEST_REPEATS.get(metric, 2)


def _fewest(recording: Recording) -> int:
    return int(recording.repeats.min())


def _root_mean_square(rows: Numbers) -> Numbers:
    found: Numbers = rows / np.sqrt((rows**2).mean(-1, keepdims=True))
    return found


def _z_scored(rows: Numbers) -> Numbers:
    found: Numbers = (rows - rows.mean(-1, keepdims=True)) / rows.std(-1, keepdims=True)
    return found


def _ranked(rows: Numbers) -> Numbers:
    found: Numbers = stats.rankdata(rows, axis=-1)
    return found


POOLED: dict[str, Callable[[Numbers], Numbers]] = {
    "spearman": _ranked,
    "kendall_tau_a": _ranked,
    "pearson": _z_scored,
    "cosine": _root_mean_square,
    "whitened_cosine": _root_mean_square,
    "debiased_cka": _root_mean_square,
}
"""Method -> scale on which RDMs of animals are averaged, such that the mean agrees best with all of them."""


def _between_animals(rdms: Numbers, method: str) -> RsaCeiling:
    """Each animal with the mean of the others, and with the mean of all; intervals by the jackknife over animals."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a constant RDM gives NaN, as everywhere
        scaled = POOLED[method](rdms)
    count, found = len(rdms), _bounds(scaled, rdms, method)
    if count < FEWEST_ANIMALS:
        return RsaCeiling(found[0], found[1], count, CeilingStatus.ANIMALS)
    kept = [np.delete(np.arange(count), k) for k in range(count)]
    without = np.array([_bounds(scaled[rows], rdms[rows], method) for rows in kept])  # [animals, 2, T]
    error = np.sqrt((count - 1) * without.var(0))
    ends = interval(found, error, count)
    return RsaCeiling(found[0], found[1], count, CeilingStatus.ANIMALS, ends[0], ends[1])


def _bounds(scaled: Numbers, rdms: Numbers, method: str) -> Numbers:
    """Lower and upper bound [2, T]: agreement of each animal with the mean of the others, and of all."""
    total, count = scaled.sum(0), len(rdms)
    lower = [paired_agreements((total - own) / (count - 1), one, method) for own, one in zip(scaled, rdms, strict=True)]
    upper = [paired_agreements(total / count, one, method) for one in rdms]
    return np.array([np.mean(lower, 0), np.mean(upper, 0)])


def _between_halves(recording: Recording, method: str, metric: str, splits: int, seed: int) -> RsaCeiling:
    """Mean agreement of halves over random splits, and the root of it stepped up to all repeats."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(splits):
        one, other = (rdm_movie(half, metric) for half in halves(recording, rng))
        found.append(paired_agreements(one, other, method))
    lower = np.mean(found, 0)
    upper = np.full(lower.shape, np.nan)
    if method in ("spearman", "pearson"):
        upper = np.sqrt(2 * lower / (1 + lower), out=upper, where=lower > 0)
    return RsaCeiling(lower, upper, splits, CeilingStatus.HALVES)


def halves(recording: Recording, rng: np.random.Generator) -> tuple[Recording, Recording]:
    """Two recordings with every second repeat of each image and neuron, in random order.

    Neurons that were recorded in the same repeats are split alike.
    """
    present = ~np.isnan(recording.responses).all(2)  # [image, repeat, neuron]
    order = np.where(present, rng.random(present.shape[:2])[..., None], np.inf)
    rank = order.argsort(1).argsort(1)
    start = rng.integers(0, 2)  # of an odd number, which half has one more
    first = ((rank + start) % 2 == 0)[:, :, None]
    values = recording.responses
    blank = np.asarray(np.nan, values.dtype)
    one, other = (replace(recording, responses=np.where(part, values, blank)) for part in (first, ~first))
    return one, other
