"""Representational similarity analysis in time: bin by bin, and every time of a model with every time of a brain."""

from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.errors import ArgumentError
from cordsnet.neural.recording import Recording
from cordsnet.neural.similarity.ceilings import RsaCeiling, ceiling_of
from cordsnet.neural.similarity.compare import ALL_PAIRS, agreements, as_rdms, check_method, paired_agreements
from cordsnet.neural.similarity.resampling import (
    MOST_DRAWS,
    Brain,
    RsaStatus,
    Score,
    as_brain,
    bootstrap_error,
    interval,
    mean_score,
)

Numbers: TypeAlias = NDArray[np.float64]

FEWEST_IMAGES = 4
"""Images that an interval needs: three distances of fewer images have no distribution to speak of."""


@dataclass(frozen=True, eq=False)
class RsaOverTime:
    """Agreement of a model's RDMs with those of a brain in each of T bins.

    Attributes
    ----------
    value : mean over animals [T]; NaN where an RDM is constant.
    interval : 95 % interval [T, 2]; None without draws.
    error : standard error [T], NaN where a sample has a pattern without a direction, such as one without a spike (use
        metric "euclidean" there); None without draws.
    by_animal : agreement of each animal [animals, T], the curves that a cluster test over time takes.
    ceiling : what a perfect model could reach; None where one animal has no repeats to split.
    n_images, n_others : number of images, and of animals or neurons that are drawn.
    status : what the interval holds for.
    """

    value: Numbers
    interval: Numbers | None
    error: Numbers | None
    by_animal: Numbers
    ceiling: RsaCeiling | None
    n_images: int
    n_others: int
    status: RsaStatus


@dataclass(frozen=True, eq=False)
class CtRsa:
    """Agreement of a model at S times with a brain in T bins.

    Attributes
    ----------
    value : mean over animals [S, T]; NaN where an RDM is constant.
    interval : 95 % interval [S, T, 2]; None without draws.
    error : standard error [S, T]; None without draws.
    best : time index of the model that agrees best with each bin [T]; -1 where none has a value.
    n_images, n_others : number of images, and of animals or neurons that are drawn.
    status : what the interval holds for.
    ceiling : what a perfect model could reach in each bin of the brain; None where one animal has no repeats to split.
    """

    value: Numbers
    interval: Numbers | None
    error: Numbers | None
    best: NDArray[np.int64]
    n_images: int
    n_others: int
    status: RsaStatus
    ceiling: RsaCeiling | None


@check_arguments
def rsa_over_time(
    model: NDArray[Any],
    brain: Recording | NDArray[Any],
    method: str = "spearman",
    metric: str = "correlation",
    draws: int = 200,
    seed: int = 0,
) -> RsaOverTime:
    """Agreement of RDMs in each time bin, with an interval and the ceiling that noise sets.

    Parameters
    ----------
    model : RDMs [T, pairs] of `rdm_movie`, or [pairs] or [1, pairs] to compare one RDM with all bins.
    brain : a Recording with T bins; RDMs [T, pairs]; or RDMs of several animals or people [animals, T, pairs], such as
        those of MEG and EEG.
    method : a row of `RDM_COMPARISONS`.
    metric : a row of `RDM_METRICS`, by which RDMs of a Recording are made.
    draws : number of bootstrap samples of images, of animals or neurons, and of both; 0 for no interval. Each sample of
        neurons makes RDMs anew.
    seed : of the draws.

    The interval is that of recordings with as many images and neurons: few neurons make distances noisy, so that with
    more of them the agreement is higher than the interval has it. `ceiling` says how much noise takes away.

    Raises
    ------
    ArgumentError : an unknown method or metric, times or pairs that differ, draws for "whitened_cosine"
        and "debiased_cka", which have no bootstrap over images here, or draws for fewer than 4 images.
    DataError : RDMs or responses that cannot be read.

    Source: Kriegeskorte et al. 2008; Kietzmann et al. 2019 (in time); Schuett et al. 2023 (2-factor bootstrap).
    """
    ours, theirs = _checked(model, brain, method, metric, draws)
    if len(ours) not in (1, theirs.rdms.shape[1]):
        given = f"{len(ours)} times of the model and {theirs.rdms.shape[1]} of the brain"
        raise ArgumentError(f"model must have one RDM, or one for each bin of the brain, got {given}; or use ct_rsa")
    score = partial(paired_agreements, method=method)
    value, error, ends = _estimate(ours, theirs, score, draws, seed)
    return RsaOverTime(
        value=value,
        interval=ends,
        error=error,
        by_animal=np.stack([score(ours, one) for one in theirs.rdms]),
        ceiling=ceiling_of(brain, theirs, method, metric, seed),
        n_images=theirs.images,
        n_others=theirs.others,
        status=theirs.reach if draws else RsaStatus.NONE,
    )


@check_arguments
def ct_rsa(
    model: NDArray[Any],
    brain: Recording | NDArray[Any],
    method: str = "spearman",
    metric: str = "correlation",
    draws: int = 0,
    seed: int = 0,
) -> CtRsa:
    """Agreement of the model at each of its times with the brain in each bin (cross-temporal RSA).

    Parameters
    ----------
    model : RDMs [S, pairs] of `rdm_movie`.
    brain, method, metric, draws, seed : see `rsa_over_time`.

    Raises
    ------
    ArgumentError, DataError : see `rsa_over_time`; numbers of times may differ.
    """
    ours, theirs = _checked(model, brain, method, metric, draws)
    value, error, ends = _estimate(ours, theirs, partial(agreements, method=method), draws, seed)
    known = ~np.isnan(value)
    best = np.where(known.any(0), np.where(known, value, -np.inf).argmax(0), -1)
    return CtRsa(
        value=value,
        interval=ends,
        error=error,
        best=best,
        n_images=theirs.images,
        n_others=theirs.others,
        status=theirs.reach if draws else RsaStatus.NONE,
        ceiling=ceiling_of(brain, theirs, method, metric, seed),
    )


def _checked(
    model: NDArray[Any], brain: Recording | NDArray[Any], method: str, metric: str, draws: int
) -> tuple[Numbers, Brain]:
    """Model's RDMs and the brain. Raises ArgumentError where they do not fit or draws make no sense."""
    check_method(method)
    if draws == 1:
        raise ArgumentError("draws must be 0, for no interval, or at least 2, got 1")
    check_count(draws, "draws", 0, MOST_DRAWS)
    if draws and method in ALL_PAIRS:
        raise ArgumentError(f"draws must be 0 for {method!r}, which needs all pairs of images; or use 'cosine'")
    ours, theirs = as_rdms(model, "model"), as_brain(brain, metric)
    if ours.shape[1] != theirs.rdms.shape[2]:
        given = f"{ours.shape[1]} and {theirs.rdms.shape[2]}"
        raise ArgumentError(f"model and brain must have the same images in the same order, got {given} pairs")
    if draws and theirs.images < FEWEST_IMAGES:
        raise ArgumentError(f"draws must be 0 for fewer than {FEWEST_IMAGES} images, got {theirs.images} images")
    return ours, theirs


def _estimate(
    model: Numbers, brain: Brain, score: Score, draws: int, seed: int
) -> tuple[Numbers, Numbers | None, Numbers | None]:
    """Value, standard error and interval of a score; no error and no interval without draws."""
    check_count(seed, "seed", 0, 2**63 - 1)
    value = mean_score(model, brain.rdms, score)
    if not draws:
        return value, None, None
    error = bootstrap_error(model, brain, score, draws, seed)
    fewest = brain.images if brain.redraw is None else min(brain.images, brain.others)
    return value, error, interval(value, error, fewest)
