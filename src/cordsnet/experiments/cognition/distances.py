"""Distances between the courses of networks, and by how much those of different recurrences are larger."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._intervals import LEVEL
from cordsnet.analysis import cca, dsa, procrustes
from cordsnet.experiments.claims import Measured
from cordsnet.experiments.intervals import DRAWS, share

Array = NDArray[np.float64]

CORRELATIONS, COMPONENTS, DELAYS, RANK = 3, 10, 3, 10
"""Canonical correlations whose mean is taken; principal components that are kept for them and for DSA; delays and rank
of DSA."""


def distances(one: Tensor, other: Tensor, with_dsa: bool) -> tuple[dict[str, float], str]:
    """Distances of two sets of courses [conditions, frames, units], and which are not defined and why, or "".

    "procrustes" is the share of the squared norm that no rotation and scaling makes equal; "cca" the mean of the first
    held-out canonical correlations; "dsa" the distance between the eigenvalues of the fitted linear dynamics, with
    "dsa_predicted", the smaller share of variance that these predict.
    """
    found, why = dict[str, float](), list[str]()
    try:
        found["procrustes"] = procrustes(one, other, shuffles=0, bootstrap=0).distance.value
    except ValueError as error:  # courses that never change
        why.append(f"procrustes ({error})")
    try:
        correlated = cca(one, other, CORRELATIONS, components=COMPONENTS).cross_validated
        found["cca"] = float(correlated.mean())
    except ValueError as error:  # courses of fewer dimensions than correlations
        why.append(f"cca ({error})")
    if with_dsa:
        value, predicted, reason = dynamics_distance(one, other)
        found |= {} if reason else {"dsa": value, "dsa_predicted": predicted}
        why += [f"dsa ({reason})"] if reason else []
    return found, "; ".join(why)


def dynamics_distance(one: Tensor, other: Tensor) -> tuple[float, float, str]:
    """ "dsa" and "dsa_predicted" of `distances`, NaN where they are not defined, and why, or "".

    Conditions, frames and units may differ in number; frames are equally long.
    """
    try:
        same = dsa(one, other, components=COMPONENTS, delays=DELAYS, rank=RANK, score="wasserstein")
    except ValueError as error:  # courses of too few dimensions for the rank
        return float("nan"), float("nan"), str(error)
    return same.distance.value, min(same.predicted), ""


def lowest_mean(right: Mapping[str, Array], seed: int) -> Measured:
    """Lowest of the mean accuracies of several recurrences, each of answers [networks, trials], on the same trials.

    The 95 % interval is a bootstrap in which trials and the networks of each recurrence are drawn, and at least as wide
    as Wilson's for no error in the trials; of single networks it is over trials alone.
    """
    if not right:
        return Measured(float("nan"))
    count = next(iter(right.values())).shape[1]
    trials = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=DRAWS) / count
    means = [((_drawn(name, len(hits), seed) @ hits) * trials).sum(1) for name, hits in right.items()]
    low, high = _quantiles(np.min(means, 0))
    value = min(float(hits.mean()) for hits in right.values())
    interval = share(0, count).interval
    assert interval is not None
    least = interval[1]
    found = max(0.0, min(low, value - least)), min(1.0, max(high, value + least))
    return Measured(value, found, sum(len(hits) for hits in right.values()))


def ratio(pairs: Array, names: Sequence[str], seed: int, only: tuple[str, str] | None = None) -> Measured:
    """Mean distance of networks of different recurrences over that of different networks of one recurrence.

    The 95 % interval is a bootstrap in which the networks of each recurrence are drawn; a network that is drawn twice
    makes no pair with itself. NaN unless there are pairs of both kinds, and no interval where one recurrence or another
    has less than three networks, whose samples hold too few pairs.

    Parameters
    ----------
    pairs : distances [N, N], symmetric.
    names : recurrence of each network [N].
    seed : of the samples.
    only : two recurrences. The distances are then those between the two, over those of networks of the second.
    """
    labels = np.array(names, dtype=str)
    if only is not None:
        kept = np.flatnonzero(np.isin(labels, only)).tolist()
        pairs, labels, names = pairs[np.ix_(kept, kept)], labels[kept], [names[k] for k in kept]
    same = labels[:, None] == labels[None]
    np.fill_diagonal(same := same.copy(), False)
    different = labels[:, None] != labels[None]
    if only is not None:
        same &= labels[:, None] == only[1]
    if not (same.any() and different.any()):
        return Measured(float("nan"), None, len(names))
    value = float(_ratios(pairs, same, different, np.ones((1, len(names))))[0])
    if min(np.unique(labels, return_counts=True)[1]) < 3:
        return Measured(value, None, len(names))
    drawn = np.zeros((DRAWS, len(names)))
    for name in dict.fromkeys(names):
        mine = np.flatnonzero(labels == name)
        drawn[:, mine] = _drawn(name, len(mine), seed) * len(mine)
    ratios = _ratios(pairs, same, different, drawn)
    return Measured(value, _quantiles(ratios[np.isfinite(ratios)]), len(names))


def matrix(rows: Sequence[Mapping[str, Any]], networks: Sequence[tuple[str, int, int]], column: str) -> Array:
    """A column of the table of distances as a symmetric matrix [N, N] of networks (model, units, seed).

    It is NaN where there is no distance.
    """
    place = {network: k for k, network in enumerate(networks)}
    found = np.full((len(networks), len(networks)), np.nan)
    for row in rows:
        ends = tuple(place.get((row[end], row[f"{end}_units"], row[f"{end}_seed"])) for end in ("first", "second"))
        if None not in ends and column in row:
            found[ends] = found[ends[::-1]] = row[column]
    return found


def _ratios(pairs: Array, same: NDArray[Any], different: NDArray[Any], counts: Array) -> Array:
    means = list[Array]()
    for kind in (different, same):
        known = (kind & np.isfinite(pairs)).astype(float)
        total, summed = (((counts @ part) * counts).sum(1) for part in (known, known * np.nan_to_num(pairs)))
        means.append(np.divide(summed, total, out=np.full(len(counts), np.nan), where=total > 0))
    over, under = means
    found: Array = np.divide(over, under, out=np.full(len(counts), np.nan), where=under > 0)
    return found


def _drawn(name: str, count: int, seed: int) -> Array:
    """Weights [R, count] of the networks of a recurrence, which do not depend on the others that are measured."""
    random = np.random.default_rng((seed, zlib.crc32(name.encode())))
    weights: Array = random.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count
    return weights


def _quantiles(values: Array) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
