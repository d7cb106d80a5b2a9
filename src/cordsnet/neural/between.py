"""A model beside the animals: whether it is as close to an animal as other animals are."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural.readable import check_readable
from cordsnet.neural.similarity.compare import ALL_PAIRS, as_rdms, check_method, images_of, paired_agreements
from cordsnet.neural.similarity.resampling import LEVEL, MOST_DRAWS, drawn_pairs, pair_places

Numbers: TypeAlias = NDArray[np.float64]

FEWEST_IMAGES, FEWEST_ANIMALS = 4, 3


class BetweenVerdict(Enum):
    """A model beside the bar that animals set for one another."""

    PASSES = "passes: the interval lies at or above the agreement of animals with one another"
    UNDECIDED = "undecided: the interval holds the agreement of animals; record more animals, images or repeats"
    FAILS = "fails: the interval lies below the agreement of animals with one another"
    NO_BAR = "no bar: no agreement of two animals is known"


class BetweenStatus(Enum):
    """Reach of a comparison of a model with animals."""

    IMAGES_AND_ANIMALS = "same images: the interval is over images and animals"
    IMAGES = "same images, two animals: the interval is over images only, so it holds for these two animals"
    ANIMALS = "scores: the interval is over animals"
    PAIR = "scores of two animals with the same images: no interval over animals can be had from two"
    SOME_PAIRS = "scores: some pairs of animals share no images, and the bar is that of the others"
    DIFFERENT_IMAGES = "scores only: animals saw different images, so they cannot be compared with one another"


@dataclass(frozen=True, eq=False)
class BetweenAnimals:
    """Agreement of a model with A animals, and of the animals with one another, in T bins.

    A distance is 1 less an agreement. The model has no noise and a recording has, so the bar is on the low side.

    Attributes
    ----------
    model : agreement with each animal [A, T].
    animals : mean agreement of each animal with the others [A, T]; NaN where it shares images with none.
    difference : mean over animals of `model` less `animals` [T]; NaN without a bar.
    interval : 95 % interval of the difference [T, 2]; NaN where there is none.
    spread : largest less smallest agreement of the model over animals [T].
    verdicts : one for each bin.
    n_animals, n_images : numbers of them; 0 images for scores.
    status : what the comparison and its interval hold for.
    """

    model: Numbers
    animals: Numbers
    difference: Numbers
    interval: Numbers
    spread: Numbers
    verdicts: tuple[BetweenVerdict, ...]
    n_animals: int
    n_images: int
    status: BetweenStatus


@check_arguments
def between_animals(
    model: NDArray[Any],
    animals: Sequence[NDArray[Any]] | NDArray[Any],
    method: str = "spearman",
    draws: int = 200,
    seed: int = 0,
) -> BetweenAnimals:
    """Agreement of a model's RDMs with those of animals, beside the agreement of the animals, all for the same images.

    Parameters
    ----------
    model : RDMs [T, pairs], or [pairs] for one RDM in all bins.
    animals : RDMs [T, pairs] of two animals or more, in the same bins and for the same images in the same order.
    method : a row of `RDM_COMPARISONS`.
    draws : bootstrap samples of images, at least 2. The error over animals is that of a jackknife, for three or more.
    seed : of the draws.

    Raises
    ------
    ArgumentError : animals with different images, for which only `between_scores` is possible; other numbers of bins;
        fewer than two animals or four images; "whitened_cosine" or "debiased_cka", which have no
        bootstrap over images here.
    DataError : RDMs that cannot be read.

    Source: Feather, Khosla, Murty & Nayebi 2025, arXiv 2502.16238 (the bar).
    """
    check_method(method)
    if method in ALL_PAIRS:
        raise ArgumentError(f"method must be another than {method!r}, which needs all pairs of images; use 'cosine'")
    check_count(draws, "draws", 2, MOST_DRAWS)
    check_count(seed, "seed", 0, 2**63 - 1)
    ours, theirs = as_rdms(model, "model"), _as_animals(animals)
    if ours.shape[1] != theirs.shape[2] or len(ours) not in (1, theirs.shape[1]):
        shapes = f"{list(ours.shape)} and {list(theirs.shape[1:])}"
        raise ArgumentError(f"model must have the images and bins of animals, or one RDM, got [time, pairs] {shapes}")
    images = images_of(ours.shape[1])
    if images < FEWEST_IMAGES:
        raise ArgumentError(f"animals must have seen {FEWEST_IMAGES} images or more, got {images}")
    each = _agreements(ours, theirs, method)
    place, rng = pair_places(images), np.random.default_rng(seed)
    sampled = []
    for _ in range(draws):
        kept = drawn_pairs(place, rng)
        one = _agreements(ours[:, kept], theirs[..., kept], method)
        sampled.append(_difference(*one))
    variance = np.var(sampled, 0, ddof=1) * images / (images - 1)
    several = len(theirs) >= FEWEST_ANIMALS
    if several:
        variance = variance + _jackknife(*each)
    fewest = min(images, len(theirs)) if several else images
    reach = stats.t.ppf(0.5 + LEVEL / 2, fewest - 1) * np.sqrt(variance)
    status = BetweenStatus.IMAGES_AND_ANIMALS if several else BetweenStatus.IMAGES
    return _result(*each, reach, images, status)


@check_arguments
def between_scores(model: NDArray[Any], animals: NDArray[Any]) -> BetweenAnimals:
    """Scores of a model for several animals beside the scores of the animals for one another.

    Parameters
    ----------
    model : score of the model for each animal [A], higher is better; of any kind, such as the share of the variance
        that a regression explains, divided by its ceiling.
    animals : score [A, A] of the animal of the row for that of the column by the same procedure; NaN for pairs that
        share no images, and on the diagonal, which is not read. All NaN where every animal saw images of its own.

    Raises
    ------
    ArgumentError : shapes that do not agree, or fewer than two animals.
    DataError : scores that are no finite real numbers.

    Source: Feather, Khosla, Murty & Nayebi 2025, arXiv 2502.16238.
    """
    count = len(model) if model.ndim == 1 else 0
    if count < 2 or animals.shape != (count, count):
        shapes = f"{list(model.shape)} and {list(animals.shape)}"
        raise ArgumentError(f"model must be [animals], two or more, and animals [animals, animals], got {shapes}")
    for values, name in ((model, "model"), (animals, "animals")):
        check_readable(values, name, missing=True)
    if np.isnan(model).any():
        raise DataError("model must have a score for each animal, got NaN; leave out animals without a score")
    pairs = np.where(np.eye(count, dtype=bool), np.nan, animals.astype(np.float64))[..., None]
    each = model.astype(np.float64)[:, None], pairs
    missing = int(np.isnan(pairs).sum()) - count
    reach = np.array([np.nan])
    known = ~np.isnan(_bar(pairs))[:, 0]
    if (number := int(known.sum())) >= FEWEST_ANIMALS:
        variance = _jackknife(each[0][known], pairs[np.ix_(known, known)])
        reach = stats.t.ppf(0.5 + LEVEL / 2, number - 1) * np.sqrt(variance)
    if not known.any():
        status = BetweenStatus.DIFFERENT_IMAGES
    elif missing:
        status = BetweenStatus.SOME_PAIRS
    else:
        status = BetweenStatus.ANIMALS if count >= FEWEST_ANIMALS else BetweenStatus.PAIR
    return _result(*each, reach, 0, status)


def _as_animals(animals: Sequence[NDArray[Any]] | NDArray[Any]) -> Numbers:
    """RDMs [animals, time, pairs]. Raises ArgumentError where animals differ in images or bins."""
    if isinstance(animals, np.ndarray) and animals.ndim != 3:
        raise ArgumentError(f"animals must be RDMs [animals, time, pairs], got shape {list(animals.shape)}")
    if not isinstance(animals, np.ndarray | Sequence):
        raise ArgumentError(f"animals must be an array or a sequence of arrays, got {type(animals).__name__}")
    found = [as_rdms(one, f"animals[{k}]") for k, one in enumerate(animals)]
    if len(found) < 2:
        raise ArgumentError(f"animals must hold the RDMs of two animals or more, got {len(found)}")
    shapes = [one.shape for one in found]
    if len({pairs for _, pairs in shapes}) > 1:
        counts = ", ".join(str(images_of(pairs)) for _, pairs in shapes)
        raise ArgumentError(f"animals must have seen the same images, got {counts} images; use between_scores instead")
    if len({times for times, _ in shapes}) > 1:
        raise ArgumentError(f"animals must have the same bins, got {', '.join(str(times) for times, _ in shapes)}")
    return np.stack(found)


def _agreements(model: Numbers, animals: Numbers, method: str) -> tuple[Numbers, Numbers]:
    """Agreement of the model with each animal [A, T], and of two animals [A, A, T], NaN on the diagonal."""
    ours = np.stack([paired_agreements(model, one, method) for one in animals])
    pairs = np.full((len(animals), *ours.shape), np.nan)
    for one, other in combinations(range(len(animals)), 2):
        pairs[one, other] = pairs[other, one] = paired_agreements(animals[one], animals[other], method)
    return ours, pairs


def _bar(pairs: Numbers) -> Numbers:
    """Mean agreement of each animal with the others that it can be compared with [A, T]; NaN with none."""
    known = ~np.isnan(pairs)
    total, number = np.where(known, pairs, 0).sum(0), known.sum(0)
    found: Numbers = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return found


def _difference(model: Numbers, pairs: Numbers) -> Numbers:
    """Mean over the animals that have a bar of the model's agreement less the bar [T]; NaN without any."""
    each = model - _bar(pairs)
    known = ~np.isnan(each)
    total, number = np.where(known, each, 0).sum(0), known.sum(0)
    found: Numbers = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return found


def _jackknife(model: Numbers, pairs: Numbers) -> Numbers:
    """Variance of the difference over animals [T], from leaving out one at a time."""
    count = len(model)
    rests = [np.delete(np.arange(count), k) for k in range(count)]
    left = np.stack([_difference(model[rest], pairs[np.ix_(rest, rest)]) for rest in rests])
    found: Numbers = (count - 1) * left.var(0)
    return found


def _result(model: Numbers, pairs: Numbers, reach: Numbers, images: int, status: BetweenStatus) -> BetweenAnimals:
    difference = _difference(model, pairs)
    interval = np.stack([difference - reach, difference + reach], -1)
    return BetweenAnimals(
        model=model,
        animals=_bar(pairs),
        difference=difference,
        interval=interval,
        spread=np.ptp(model, 0),
        verdicts=tuple(_verdict(value, *ends) for value, ends in zip(difference, interval, strict=True)),
        n_animals=len(model),
        n_images=images,
        status=status,
    )


def _verdict(difference: float, low: float, high: float) -> BetweenVerdict:
    if np.isnan(difference):
        return BetweenVerdict.NO_BAR
    if low >= 0:
        return BetweenVerdict.PASSES
    return BetweenVerdict.FAILS if high < 0 else BetweenVerdict.UNDECIDED
