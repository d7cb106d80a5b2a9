"""Bootstrap of agreements over images and over neurons or animals at once."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural.recording import Recording
from cordsnet.neural.similarity.compare import as_rdms, images_of
from cordsnet.neural.similarity.rdms import NEED_REPEATS, RDM_METRICS, as_patterns, as_trials, pattern_rdms, trial_rdms

Numbers: TypeAlias = NDArray[np.float64]
Score: TypeAlias = Callable[[Numbers, Numbers], Numbers]

LEVEL = 0.95
MOST_DRAWS = 100_000


class RsaStatus(Enum):
    """Reach of the interval of an agreement."""

    ANIMALS = "images and animals: the interval holds for other images and other animals"
    NEURONS = "images and neurons: the interval holds for other images and other neurons of the same animals"
    IMAGES = "images only: the brain was given as the RDMs of one animal or neuron; give a Recording or several animals"
    NONE = "no interval: no resamplings were asked for"


@dataclass(frozen=True, eq=False)
class Brain:
    """RDMs of a brain, and the way to draw them anew.

    Attributes
    ----------
    rdms : [animals, time, pairs]; a recording counts as one animal.
    redraw : indices of animals or neurons -> RDMs of those; None where there is only one.
    others : number of animals or neurons that are drawn.
    reach : meaning of an interval.
    """

    rdms: Numbers
    redraw: Callable[[NDArray[np.int64]], Numbers] | None
    others: int
    reach: RsaStatus

    @property
    def images(self) -> int:
        """Number of images."""
        return images_of(self.rdms.shape[2])


def as_brain(brain: Recording | NDArray[Any], metric: str) -> Brain:
    """RDMs [time, pairs] or [animals, time, pairs], or a Recording, of which they are made by the metric."""
    if metric not in RDM_METRICS:
        raise ArgumentError(f"metric must be one of {', '.join(RDM_METRICS)}, got {metric!r}")
    if not isinstance(brain, Recording):
        return _from_rdms(brain)
    count = len(brain.neurons)
    if metric in NEED_REPEATS:
        trials = as_trials(brain)

        def redraw(chosen: NDArray[np.int64]) -> Numbers:
            return trial_rdms(trials.of_neurons(chosen), metric)[None]
    else:
        patterns = as_patterns(brain)

        def redraw(chosen: NDArray[np.int64]) -> Numbers:
            return pattern_rdms(patterns[..., chosen], metric)[None]

    rdms = redraw(np.arange(count))
    if np.isnan(rdms).any():
        time = int(np.argwhere(np.isnan(rdms))[0, 1])
        raise DataError(f"brain has a pattern without a direction in bin {time}; use metric='euclidean' or other bins")
    if count < 2:
        return Brain(rdms, None, count, RsaStatus.IMAGES)
    return Brain(rdms, redraw, count, RsaStatus.NEURONS)


def _from_rdms(brain: NDArray[Any]) -> Brain:
    if brain.ndim not in (2, 3) or 0 in brain.shape:
        shape = list(brain.shape)
        raise DataError(f"brain must be a Recording or RDMs [time, pairs] or [animals, time, pairs], got shape {shape}")
    flat = as_rdms(brain.reshape(-1, brain.shape[-1]), "brain")
    rdms = flat.reshape(-1, *brain.shape[-2:])
    if len(rdms) < 2:
        return Brain(rdms, None, 1, RsaStatus.IMAGES)
    return Brain(rdms, lambda chosen: rdms[chosen], len(rdms), RsaStatus.ANIMALS)


def mean_score(model: Numbers, rdms: Numbers, score: Score) -> Numbers:
    """Score of the model, mean over animals."""
    found: Numbers = np.mean([score(model, one) for one in rdms], 0)
    return found


def bootstrap_error(model: Numbers, brain: Brain, score: Score, draws: int, seed: int) -> Numbers:
    """Standard error of the mean score over images and, where they can be drawn, animals or neurons.

    Images are drawn with replacement, and pairs of an image with itself are left out. With two things to draw, each is
    drawn alone and both together: the variance of the last counts noise twice, which the others correct.

    Source: Schuett, Kipnis, Diedrichsen & Kriegeskorte 2023, eLife 12:e82566 (equations of the 2-factor bootstrap).
    """
    rng = np.random.default_rng(seed)
    images, others = brain.images, brain.others
    alone = _variance(model, brain, score, draws, rng, (True, False)) * images / (images - 1)
    if brain.redraw is None:
        return np.sqrt(alone)
    of_others = _variance(model, brain, score, draws, rng, (False, True)) * others / (others - 1)
    both = _variance(model, brain, score, draws, rng, (True, True))
    product = images * others / ((images - 1) * (others - 1))
    shared = both - alone * (images - 1) / images - of_others * (others - 1) / others
    corrected = np.maximum(np.maximum(alone + of_others - product * shared, alone), of_others)
    return np.sqrt(np.minimum(corrected, both))


def _variance(
    model: Numbers, brain: Brain, score: Score, draws: int, rng: np.random.Generator, what: tuple[bool, bool]
) -> Numbers:
    """Variance of the score over draws of images, of others, or of both."""
    place = pair_places(brain.images)
    total, square = np.zeros(()), np.zeros(())
    centre = mean_score(model, brain.rdms, score)
    for _ in range(draws):
        chosen = rng.integers(0, brain.others, brain.others)
        rdms = brain.redraw(chosen) if what[1] and brain.redraw else brain.rdms
        drawn = model
        if what[0]:
            kept = drawn_pairs(place, rng)
            drawn, rdms = model[:, kept], rdms[..., kept]
        off = mean_score(drawn, rdms, score) - centre
        total, square = total + off, square + off**2
    return np.maximum(square - total**2 / draws, 0) / (draws - 1)


def pair_places(images: int) -> NDArray[np.int64]:
    """Place of each pair among the pairs of a triangle, [images, images]; -1 on the diagonal."""
    place = np.full((images, images), -1)
    first, second = np.triu_indices(images, 1)
    place[first, second] = place[second, first] = np.arange(len(first))
    return place


def drawn_pairs(place: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of the pairs of images that are drawn with replacement, without those of an image with itself."""
    while True:
        drawn = rng.integers(0, len(place), len(place))
        pairs = place[drawn][:, drawn][np.triu_indices(len(place), 1)]
        if len(np.unique(drawn)) > 2:  # two images have one distance, which correlates with nothing
            return pairs[pairs >= 0]


def interval(value: Numbers, error: Numbers, smallest: int) -> Numbers:
    """95 % interval [..., 2] by Student's t, with the degrees of freedom of the fewer of the things drawn."""
    reach = stats.t.ppf(0.5 + LEVEL / 2, smallest - 1) * error
    return np.stack([value - reach, value + reach], -1)
