"""Comparison of two models that were scored on the same splits of the same recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.errors import DataError
from cordsnet.neural.scoring.correlations import sums
from cordsnet.neural.scoring.scores import Scores
from cordsnet.neural.statistics.sign_flips import MOST_DRAWS, check_differences, p_value, sign_flips

Numbers = NDArray[np.float64]

AT_ONCE = 20


@dataclass(frozen=True, eq=False)
class SignFlipTest:
    """Result of a sign-flip test.

    Attributes
    ----------
    value : mean difference over neurons, or mean over animals of the means of their neurons.
    p_value : two-sided probability of one as far from zero.
    least_p : smallest probability that so few neurons or animals can give; two animals can never give less than 0.5.
    n : number of neurons or animals whose signs were flipped.
    """

    value: float
    p_value: float
    least_p: float
    n: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """One model less another, neuron by neuron.

    Attributes
    ----------
    differences : mean over splits of the difference of correlations, for each neuron [N].
    value : mean difference over neurons, or over animals where they were given.
    interval : 95 % bootstrap interval over images and neurons; images are drawn alike for both models and all splits.
        Samples of both at once spread too far, and are corrected by those of each alone (Schuett et al. 2023, eLife 12,
        "Statistical inference on representational geometries").
    test : sign-flip test over neurons or animals. It takes the images as they are: where neurons share what they owe to
        the images, it finds differences that other images would not show. The interval is over images too.
    neurons : number of neurons that have a score in both.
    images : number of images in test sets.
    measure : the measure that was compared.
    """

    differences: Numbers
    value: float
    interval: tuple[float, float]
    test: SignFlipTest
    neurons: int
    images: int
    measure: str


@check_arguments
def sign_flip_test(
    differences: NDArray[Any], *, animals: Sequence[str] | None = None, draws: int = 10_000, seed: int = 0
) -> SignFlipTest:
    """Test whether paired differences are zero on average, by flipping their signs.

    Parameters
    ----------
    differences : paired differences, one for each neuron [N].
    animals : animal of each neuron [N]: signs of all its neurons are flipped together, and each animal counts alike.
        None flips neurons one by one, as if each were drawn by itself.
    draws : number of flips; all are taken if they are fewer.
    seed : seed of the sample of flips.

    Raises
    ------
    ValueError : fewer than two neurons or animals, or numbers that are not finite.
    """
    values = check_differences(differences, 1, "[neuron]")
    if animals is not None:
        if len(animals) != len(values):
            raise DataError(f"animals must name that of each of the {len(values)} neurons, got {len(animals)}")
        group = np.unique(np.asarray(animals), return_inverse=True)[1]
        if group.max() == 0:
            raise DataError("animals must be at least two to be compared, got one; leave animals out to flip neurons")
        values = np.bincount(group, values) / np.bincount(group)
    signs = sign_flips(len(values), draws, seed)
    drawn = np.abs(signs @ values / len(values))
    every = len(values) < 64 and len(signs) == 2 ** len(values)
    return SignFlipTest(float(values.mean()), p_value(drawn), (2 if every else 1) / len(signs), len(values))


@check_arguments
def compare_scores(
    one: Scores,
    other: Scores,
    *,
    measure: Literal["centred", "pooled"] = "centred",
    animals: Sequence[str] | None = None,
    draws: int = 1000,
    flips: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare two models on the same splits and neurons.

    Parameters
    ----------
    one, other : scores with the same splits, bins, neurons and responses.
    measure : "centred" leaves out the mean of each bin, which rewards a time course alone; "pooled" is Brain-Score's.
    animals : animal of each neuron [N], for a test by animal and for a bootstrap that draws animals and then their
        neurons; None draws neurons.
    draws, flips : number of bootstrap samples and of sign flips.
    seed : seed of both.

    Raises
    ------
    ValueError : the scores are of different splits, bins or responses, or fewer than two neurons have both.
    """
    _check_same(one, other)
    if measure not in ("centred", "pooled"):
        raise DataError(f"measure must be 'centred' or 'pooled', got {measure!r}")
    check_count(draws, "draws", 1, MOST_DRAWS)
    check_count(seed, "seed", 0, 2**63 - 1)
    if animals is not None and len(animals) != len(one.neurons):
        raise DataError(f"animals must name that of each of the {len(one.neurons)} neurons, got {len(animals)}")
    each = getattr(one.model, measure) - getattr(other.model, measure)
    kept = np.isfinite(each).any(0)
    differences = np.where(kept, np.nanmean(np.where(kept, each, 0.0), 0), np.nan)
    named = None if animals is None else [str(name) for name, keep in zip(animals, kept, strict=True) if keep]
    test = sign_flip_test(differences[kept], animals=named, draws=flips, seed=seed)
    interval = _interval(one, other, measure, kept, named, draws, seed)
    images = len(np.unique(np.concatenate(one.splits.test)))
    return Comparison(differences, test.value, interval, test, int(kept.sum()), images, measure)


def _interval(
    one: Scores,
    other: Scores,
    measure: str,
    kept: NDArray[np.bool_],
    animals: Sequence[str] | None,
    draws: int,
    seed: int,
) -> tuple[float, float]:
    """Interval of the mean difference over images and neurons."""
    random = np.random.default_rng(seed)
    images = len(one.observed)
    counts = random.multinomial(images, np.full(images, 1 / images), size=draws).astype(np.float64)
    counts = np.concatenate([np.ones((1, images)), counts])  # the first row is the data
    each = np.concatenate(
        [
            _differences(one, other, measure, kept, counts[start : start + AT_ONCE])
            for start in range(0, len(counts), AT_ONCE)
        ]
    )
    weights = _neuron_weights(int(kept.sum()), animals, draws, random)
    once = np.ones(each.shape[1]) if animals is None else _equal_animals(animals)
    value = float(_weighted(each[:1], once)[0])
    both, by_images = _weighted(each[1:], weights), _weighted(each[1:], once)
    by_neurons = _weighted(np.broadcast_to(each[0], weights.shape), weights)
    spread = [float(np.nanvar(drawn)) for drawn in (both, by_images, by_neurons)]
    # An interaction of images and neurons is counted three times in samples of both, and once in those of each
    corrected = min(max(2 * (spread[1] + spread[2]) - spread[0], spread[1], spread[2]), spread[0])
    shrunk = np.sqrt(corrected / spread[0]) if spread[0] > 0 else 0.0
    low, high = (value + shrunk * (np.nanquantile(both, q) - np.nanmean(both)) for q in (0.025, 0.975))
    return float(low), float(high)


def _differences(one: Scores, other: Scores, measure: str, kept: NDArray[np.bool_], counts: Numbers) -> Numbers:
    """Differences of neurons [R, N], mean over splits, when images are drawn `counts` [R, I] times; NaN for none."""
    parts = []
    for k, test in enumerate(one.splits.test):
        truth = one.observed[test][:, :, kept]
        values = [
            getattr(sums(scores.predicted[k][:, :, kept], truth, counts[:, test]).correlations(), measure)
            for scores in (one, other)
        ]
        parts.append(values[0] - values[1])
    stacked = np.stack(parts)
    number = np.isfinite(stacked).sum(0)
    total = np.where(np.isfinite(stacked), stacked, 0).sum(0)
    found: Numbers = np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)
    return found


def _weighted(values: Numbers, weights: Numbers) -> Numbers:
    """Means over neurons [R] of values [R, N], without those that are NaN; NaN where none is left."""
    used = np.where(np.isfinite(values), weights, 0.0)
    total = used.sum(1)
    found: Numbers = np.divide(
        np.where(used > 0, used * values, 0.0).sum(1), total, out=np.full(len(total), np.nan), where=total > 0
    )
    return found


def _equal_animals(animals: Sequence[str]) -> Numbers:
    """Weight of each neuron [N] with which each animal counts alike."""
    group = np.unique(np.asarray(animals), return_inverse=True)[1]
    return np.asarray(1 / np.bincount(group)[group], np.float64)


def _neuron_weights(count: int, animals: Sequence[str] | None, draws: int, random: np.random.Generator) -> Numbers:
    """Weight of each neuron in each sample [draws, count]: how often it was drawn, within animals that were drawn."""
    if animals is None:
        return random.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)
    group = np.unique(np.asarray(animals), return_inverse=True)[1]
    number = int(group.max()) + 1
    chosen = random.multinomial(number, np.full(number, 1 / number), size=draws)
    weights = np.empty((draws, count))
    for k in range(number):
        members = np.flatnonzero(group == k)
        inner = random.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
        weights[:, members] = chosen[:, k : k + 1] * inner / len(members)
    return weights


def _check_same(one: Scores, other: Scores) -> None:
    """Raise DataError unless both scores are of the same splits, bins, neurons and responses."""
    if one.neurons != other.neurons:
        raise DataError("one and other must be of the same neurons, in the same order")
    if not np.array_equal(one.bins, other.bins):
        raise DataError("one and other must be of the same bins; give the same lags to both")
    same = len(one.splits) == len(other.splits) and all(
        np.array_equal(a, b) for a, b in zip(one.splits.test, other.splits.test, strict=True)
    )
    if not same:
        raise DataError("one and other must be of the same splits; give the same splits to both")
    if not np.array_equal(one.observed, other.observed):
        raise DataError("one and other must be of the same responses")
