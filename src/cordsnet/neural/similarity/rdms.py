"""Representational dissimilarity matrices (RDMs) over time, from responses with or without repeats."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from cordsnet._arguments import check_arguments
from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural.readable import check_readable
from cordsnet.neural.recording import Recording

Numbers: TypeAlias = NDArray[np.float64]
Responses: TypeAlias = Recording | NDArray[Any]

RDM_METRICS = {
    "correlation": "1 less the correlation of two patterns over neurons",
    "cosine": "1 less the cosine of the angle between two patterns",
    "euclidean": "mean over neurons of the squared difference",
    "mahalanobis": "the same after whitening by the noise covariance; needs repeats",
    "crossnobis": "the same from products of different repeats, so that noise adds no distance; needs repeats",
}
"""Metric of `rdm_movie` -> its meaning."""

NEED_REPEATS = ("mahalanobis", "crossnobis")

ROUNDING = 1e-13
"""Distance by angle below which two patterns are the same up to rounding."""

MOST_PAIRS = 50_000_000
"""Largest number of dissimilarities that one movie may hold."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Responses [image, repeat, time, neuron] in double precision, zero where absent, with their presence.

    Attributes
    ----------
    values : [I, R, T, N], 0 where absent.
    present : True where a repeat of an image was recorded [I, R]; the same for all neurons and bins.
    means : [I, T, N], over the repeats that are present.
    """

    values: Numbers
    present: NDArray[np.bool_]
    means: Numbers

    def of_neurons(self, chosen: NDArray[np.int64]) -> "Trials":
        """The same for some neurons, which may come more than once."""
        return Trials(self.values[..., chosen], self.present, self.means[..., chosen])


@check_arguments
def rdm_movie(responses: Responses, metric: str = "correlation", noise: NDArray[Any] | None = None) -> Numbers:
    """Dissimilarity of every pair of images in each time bin.

    Parameters
    ----------
    responses : a Recording; an array [image, time, neuron] of mean responses or of a model; or an array [image, repeat,
        time, neuron], NaN where a repeat is absent.
    metric : a row of `RDM_METRICS`. "mahalanobis" and "crossnobis" whiten each bin by its own noise covariance, that of
        repeats about the mean of their image, shrunk by the rule of Ledoit & Wolf.
    noise : covariance of other data to whiten by, [neuron, neuron] or one for each bin [time, neuron, neuron]. The
        covariance of the same repeats leaves a small crossnobis distance between equal images, about N / F of the
        distance that "mahalanobis" finds there, for N neurons and F trials less images; that of other data leaves none.

    Returns
    -------
    Dissimilarities [time, pairs]. Pairs are in the order of `scipy.spatial.distance.pdist`: (0, 1), (0, 2), ... The
    squared distances are divided by the number of neurons, as in rsatoolbox. A crossnobis distance may be negative.
    NaN where a pattern does not vary over neurons (correlation) or is zero (cosine), so that it has no direction.

    Raises
    ------
    ArgumentError : a metric that does not exist, or that needs repeats where there are none; noise for another metric
        or of another shape, or that is no covariance.
    DataError : responses of another shape, infinite, or missing for an image and neuron; repeats in which some neurons
        are present and others absent, for a metric that needs repeats.

    Source: Kriegeskorte et al. 2008; Walther et al. 2016 (crossnobis); Ledoit & Wolf 2004.
    """
    if metric not in RDM_METRICS:
        raise ArgumentError(f"metric must be one of {', '.join(RDM_METRICS)}, got {metric!r}")
    if metric in NEED_REPEATS:
        trials = as_trials(responses)
        return trial_rdms(trials, metric, None if noise is None else _as_noise(noise, trials))
    if noise is not None:
        raise ArgumentError(f"noise must be None for metric {metric!r}, which does not whiten")
    return pattern_rdms(as_patterns(responses), metric)


def pattern_rdms(patterns: Numbers, metric: str) -> Numbers:
    """Dissimilarities [time, pairs] of patterns [image, time, neuron], by a metric that needs no repeats."""
    share = 1 / patterns.shape[2] if metric == "euclidean" else 1.0
    name = "sqeuclidean" if metric == "euclidean" else metric
    with np.errstate(invalid="ignore", divide="ignore"):  # patterns without a direction give NaN, as said
        found = share * np.stack([pdist(patterns[:, t], name) for t in range(patterns.shape[1])])
    if metric == "euclidean":
        return found
    found[np.abs(found) < ROUNDING] = 0.0  # equal patterns, such as those of a model before it sees the image
    return found


def trial_rdms(trials: Trials, metric: str, noise: Numbers | None = None) -> Numbers:
    """Dissimilarities [time, pairs] by a metric that needs repeats."""
    movie = []
    for t in range(trials.values.shape[2]):
        whitening = np.linalg.cholesky(np.linalg.inv(noise_covariance(trials, t) if noise is None else noise[t]))
        if metric == "mahalanobis":
            movie.append(pdist(trials.means[:, t] @ whitening, "sqeuclidean") / trials.values.shape[3])
        else:
            movie.append(_crossnobis(trials, t, whitening))
    return np.stack(movie)


def noise_covariance(trials: Trials, time: int) -> Numbers:
    """Covariance [N, N] of repeats about the mean of their image in one bin, shrunk by the rule of Ledoit & Wolf.

    It is scaled from the number of trials to the degrees of freedom, which the mean of each image has reduced.
    """
    from sklearn.covariance import ledoit_wolf

    residuals = (trials.values[:, :, time] - trials.means[:, time][:, None])[trials.present]
    free = len(residuals) - int(trials.present.any(1).sum())
    if not free or not residuals.any():
        raise DataError(f"responses of bin {time} do not differ between repeats, so noise has no covariance there")
    shrunk, _ = ledoit_wolf(residuals, assume_centered=True)
    found: Numbers = np.asarray(shrunk, np.float64) * len(residuals) / free
    return found


def _crossnobis(trials: Trials, time: int, whitening: Numbers) -> Numbers:
    """Distances [pairs] from products of different repeats, averaged over all pairs of repeats.

    With every repeat present this is leave-one-out cross-validation over repeats.
    """
    centre = trials.means[:, time].mean(0)  # removes no difference, but the variance of unequal numbers of repeats
    present = trials.present.astype(np.float64)
    white = ((trials.values[:, :, time] - centre) * present[..., None]) @ whitening
    total = white.sum(1)
    same = np.einsum("irn,jrn->ij", white, white, optimize=True)
    count = np.outer(present.sum(1), present.sum(1)) - present @ present.T
    kernel = (total @ total.T - same) / count
    squared = kernel.diagonal()[:, None] + kernel.diagonal() - 2 * kernel
    found: Numbers = squared[np.triu_indices(len(kernel), 1)] / white.shape[2]
    return found


def as_patterns(responses: Responses) -> Numbers:
    """Mean responses [image, time, neuron] in double precision. Raises DataError where one is missing."""
    if isinstance(responses, Recording):
        check_readable(responses.responses, "responses", missing=True)
        patterns = responses.mean
    else:
        _check_numbers(responses, (3, 4))
        patterns = _mean(np.asarray(responses, np.float64)) if responses.ndim == 4 else responses.astype(np.float64)
    _check_size(patterns.shape[0], patterns.shape[1])
    if (missing := np.argwhere(np.isnan(patterns))).size:
        image, time, neuron = (int(k) for k in missing[0])
        place = f"image {image}, bin {time} and neuron {neuron}"
        raise DataError(f"responses are missing at {place}; leave out the images or neurons that lack responses")
    return patterns


def as_trials(responses: Responses) -> Trials:
    """Repeats of all neurons together. Raises DataError where neurons were not recorded in the same repeats."""
    given = responses.responses if isinstance(responses, Recording) else responses
    if not isinstance(responses, Recording):
        _check_numbers(given, (3, 4))
        if given.ndim == 3:
            raise ArgumentError("responses must have repeats [image, repeat, time, neuron] for this metric, got 3 axes")
    check_readable(given, "responses", missing=True)
    missing = np.isnan(given)
    present = ~missing.any((2, 3))
    if (mixed := np.argwhere(missing.all((2, 3)) == present)).size:
        image, repeat = (int(k) for k in mixed[0])
        where = f"repeat {repeat} of image {image}"
        raise DataError(
            f"responses of {where} are present for some neurons or bins only; choose those recorded together"
        )
    if (few := np.flatnonzero(present.sum(1) < 2)).size:
        raise DataError(f"responses must have two repeats of each image for this metric, got fewer for image {few[0]}")
    _check_size(given.shape[0], given.shape[2])
    values = np.where(missing, 0.0, given).astype(np.float64)
    means = values.sum(1) / present.sum(1)[:, None, None]
    return Trials(values, present, means)


def _as_noise(noise: NDArray[Any], trials: Trials) -> Numbers:
    """Covariances [time, neuron, neuron]. Raises ArgumentError for anything that is none."""
    times, neurons = trials.values.shape[2:]
    if noise.shape not in ((neurons, neurons), (times, neurons, neurons)):
        shapes = f"[{neurons}, {neurons}] or [{times}, {neurons}, {neurons}]"
        raise ArgumentError(f"noise must be {shapes}, got shape {list(noise.shape)}")
    check_readable(noise, "noise")
    found = np.broadcast_to(noise.astype(np.float64), (times, neurons, neurons))
    if not np.allclose(found, found.swapaxes(1, 2)):
        raise ArgumentError("noise must be a covariance, which is symmetric")
    if not np.linalg.eigvalsh(found).min() > 0:
        raise ArgumentError("noise must have eigenvalues above 0, so that it can be inverted; shrink it first")
    return found


def _mean(responses: Numbers) -> Numbers:
    """Mean over the repeats [image, repeat, time, neuron] that are present; NaN where there is none."""
    present = ~np.isnan(responses)
    number = present.sum(1)
    total = np.where(present, responses, 0).sum(1)
    found: Numbers = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return found


def _check_numbers(responses: NDArray[Any], axes: tuple[int, ...]) -> None:
    """Raise DataError unless responses are real numbers with these axes, none infinite."""
    if responses.ndim not in axes or 0 in responses.shape:
        shape = list(responses.shape)
        raise DataError(f"responses must be [image, time, neuron] or [image, repeat, time, neuron], got shape {shape}")
    check_readable(responses, "responses", missing=True)


def _check_size(images: int, times: int) -> None:
    """Raise DataError unless there are pairs of images, and no more than can be held."""
    if images < 2:
        raise DataError(f"responses must hold at least two images, got {images}")
    if (pairs := times * images * (images - 1) // 2) > MOST_PAIRS:
        raise DataError(f"responses make {pairs:,} dissimilarities, above {MOST_PAIRS:,}; choose fewer images or bins")
