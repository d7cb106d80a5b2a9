"""Two populations aligned bin by bin and with all bins together: kernels (CKA), correlations (CCA) and Procrustes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.analysis.activity.similarity import cca, procrustes
from cordsnet.errors import ArgumentError
from cordsnet.neural.similarity.compare import paired_agreements
from cordsnet.neural.similarity.rdms import Responses, as_patterns, pattern_rdms
from cordsnet.neural.similarity.resampling import pair_places

Numbers: TypeAlias = NDArray[np.float64]

FEWEST_IMAGES = 8
GROUPS = 20
"""Groups of images that a jackknife leaves out one by one, at most."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Similarity of two populations in T bins.

    Attributes
    ----------
    value : in each bin, aligned anew [T]; NaN where one of the two does not vary over images.
    error : standard error over images [T].
    shared : with one alignment for all bins; NaN where one of the two does not vary.
    shared_error : standard error of it.
    n_images : number of images.
    """

    value: Numbers
    error: Numbers
    shared: float
    shared_error: float
    n_images: int


@check_arguments
def cka_over_time(
    model: NDArray[Any], brain: Responses, debiased: bool = True, groups: int = GROUPS, seed: int = 0
) -> Alignment:
    """Linear centred kernel alignment, from 0 to 1 (same geometry), or about 0 for unrelated activity if debiased.

    It is computed from squared Euclidean distances, of which centred kernels are the doubly centred half. `shared` is
    that of the distances summed over bins.

    Parameters
    ----------
    model : [image, T, unit], or [image, 1, unit] for all bins.
    brain : [image, T, neuron] or a Recording, for the same images in the same order.
    debiased : products of kernels without their diagonals, by which few images and many units do not raise the value;
        it may lie below 0.
    groups : groups of images that the jackknife leaves out, 2 or more; no more than there are images are made.
    seed : of the groups.

    Raises
    ------
    ArgumentError : images or bins that do not agree, fewer than eight images, or numbers out of range.
    DataError : responses that cannot be read.

    Source: Kornblith et al. 2019 (CKA); Song et al. 2012, JMLR 13:1393, equation 5 (debiased).
    """
    ours, theirs = _both(model, brain)
    rdms = pattern_rdms(ours, "euclidean"), pattern_rdms(theirs, "euclidean")
    method = "debiased_cka" if debiased else "whitened_cosine"

    def score(kept: NDArray[np.int64]) -> Numbers:
        one, other = (part[:, kept] for part in rdms)
        whole = paired_agreements(one.mean(0, keepdims=True), other.mean(0, keepdims=True), method)
        return np.concatenate([paired_agreements(one, other, method), whole])

    found = score(np.arange(rdms[0].shape[1]))
    error = _jackknife(score, len(ours), groups, seed)
    return Alignment(found[:-1], error[:-1], float(found[-1]), float(error[-1]), len(ours))


@check_arguments
def cca_over_time(
    model: NDArray[Any], brain: Responses, k: int = 3, components: int = 10, folds: int = 5, seed: int = 0
) -> Alignment:
    """Mean of the first k canonical correlations of held-out images, after principal components (as in SVCCA).

    Parameters
    ----------
    model : [image, T, unit], or [image, 1, unit] for all bins.
    brain : [image, T, neuron] or a Recording, for the same images in the same order.
    k : pairs of directions.
    components : principal components that are kept of each, fitted to the images of training: the regularisation.
    folds : folds of images; all bins of an image are on one side.
    seed : of the folds.

    `error` is the mean over directions of their standard errors over folds, which that of the mean does not exceed.

    Raises
    ------
    ArgumentError, ValueError : images or bins that do not agree, fewer than eight images, or a k, number of components
        or folds that the images do not allow.
    DataError : responses that cannot be read.

    Source: Raghu et al. 2017 (SVCCA); Bjorck & Golub 1973; see `cordsnet.analysis.cca`.
    """

    def score(one: Numbers, other: Numbers) -> tuple[float, float]:
        found = cca(one, other, k, components=components, folds=folds, seed=seed)
        return float(found.cross_validated.mean()), float(found.cross_validated_error.mean())

    return _per_bin(*_both(model, brain), score)


@check_arguments
def procrustes_over_time(
    model: NDArray[Any], brain: Responses, components: int | None = None, bootstrap: int = 100, seed: int = 0
) -> Alignment:
    """Procrustes distance after translation, scaling, rotation and reflection, from 0 (the same shape) to 1.

    Parameters
    ----------
    model : [image, T, unit], or [image, 1, unit] for all bins.
    brain : [image, T, neuron] or a Recording, for the same images in the same order.
    components : principal components that are kept of each; None keeps all. With about as many dimensions as images a
        rotation fits noise, so that the distance is too small.
    bootstrap, seed : number of samples of images for the error, 0 for NaN, and the seed.

    Raises
    ------
    ArgumentError, ValueError : images or bins that do not agree, fewer than eight images, or numbers out of range.
    DataError : responses that cannot be read.

    Source: Gower 1975; Williams et al. 2021; see `cordsnet.analysis.procrustes`.
    """

    def score(one: Numbers, other: Numbers) -> tuple[float, float]:
        found = procrustes(one, other, components=components, shuffles=0, bootstrap=bootstrap, seed=seed)
        return found.distance.value, found.distance.error

    return _per_bin(*_both(model, brain), score)


def _both(model: NDArray[Any], brain: Responses) -> tuple[Numbers, Numbers]:
    """Patterns [image, time, unit] of both, with the same images and bins."""
    if model.ndim != 3:
        raise ArgumentError(f"model must be [image, time, unit], got shape {list(model.shape)}")
    ours, theirs = as_patterns(model), as_patterns(brain)
    if len(ours) != len(theirs):
        raise ArgumentError(f"model and brain must have the same images, got {len(ours)} and {len(theirs)}")
    if len(ours) < FEWEST_IMAGES:
        raise ArgumentError(f"model and brain must have {FEWEST_IMAGES} images or more, got {len(ours)}")
    if ours.shape[1] not in (1, theirs.shape[1]):
        given = f"{ours.shape[1]} and {theirs.shape[1]}"
        raise ArgumentError(f"model must have one time, or one for each bin of the brain, got {given}")
    ours, theirs = (part / (np.abs(part).max() or 1.0) for part in (ours, theirs))  # scales do not matter
    return ours if ours.shape[1] > 1 else ours.repeat(theirs.shape[1], 1), theirs


def _varies(one: Numbers) -> bool:
    """True if patterns [image, time, unit] differ beyond rounding."""
    flat = one.reshape(-1, one.shape[2])
    return bool(np.abs(flat - flat.mean(0)).max() > 1e-12 * np.abs(flat).max())


def _per_bin(model: Numbers, brain: Numbers, score: Callable[[Numbers, Numbers], tuple[float, float]]) -> Alignment:
    """Score of each bin alone and of all samples together."""

    def scored(one: Numbers, other: Numbers) -> tuple[float, float]:
        return score(one, other) if _varies(one) and _varies(other) else (np.nan, np.nan)

    bins = [slice(t, t + 1) for t in range(brain.shape[1])]
    found = np.array([scored(model[:, t], brain[:, t]) for t in bins])
    shared, shared_error = scored(model, brain)
    return Alignment(found[:, 0], found[:, 1], shared, shared_error, len(model))


def _jackknife(score: Callable[[NDArray[np.int64]], Numbers], images: int, groups: int, seed: int) -> Numbers:
    """Standard error over images, from leaving out one group of them after another."""
    check_count(groups, "groups", 2)
    check_count(seed, "seed", 0, 2**63 - 1)
    number = min(groups, images)
    place = pair_places(images)
    dealt = np.random.default_rng(seed).permutation(images) % number
    left = []
    for group in range(number):
        kept = np.flatnonzero(dealt != group)
        pairs = place[np.ix_(kept, kept)]
        left.append(score(pairs[np.triu_indices(len(kept), 1)]))
    found: Numbers = np.sqrt((number - 1) / number * np.sum((left - np.mean(left, 0)) ** 2, 0))
    return found
