"""Ceiling of a recording: how well halves of its repeats predict one another, as Brain-Score computes it."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import ShuffleSplit

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.errors import DataError
from cordsnet.neural.recording import Recording
from cordsnet.neural.scoring.correlations import Correlations, correlations
from cordsnet.neural.scoring.splits import LAST_STATE, MOST_SPLITS

Numbers = NDArray[np.float64]


@check_arguments
def brain_score_ceiling(recording: Recording, *, splits: int = 10, seed: int = 1) -> Correlations:
    """Reliability of each neuron, from halves of the repeats [S, N] and [S, T, N].

    The axis of repeats is shuffled and cut in two; means of the halves are correlated over images and corrected by
    Spearman and Brown, 2 r / (1 + r). The ceiling of the recording is the median over neurons and the mean over splits.
    An image, or a neuron, whose repeats all fall into one half is left out of that split where it is so.

    Parameters
    ----------
    recording : with at least two repeats.
    splits : number of splits, at most 10,000.
    seed : random state of the shuffles of scikit-learn, below 2**32.

    Raises
    ------
    DataError : there are fewer than two repeats, or no neuron has three images with both halves.
    ValueError : splits or seed are out of range.

    Source: InternalConsistency of Brain-Score; Spearman and Brown 1910, British Journal of Psychology 3.
    """
    repeats = recording.responses.shape[1]
    if repeats < 2:
        raise DataError("recording has a single repeat, so that it has no halves; pass a ceiling, or score without one")
    check_count(splits, "splits", 1, MOST_SPLITS)
    kind = ShuffleSplit(n_splits=splits, train_size=0.5, random_state=check_count(seed, "seed", 0, LAST_STATE))
    found = [_corrected(recording, *halves) for halves in kind.split(np.zeros(repeats))]
    return Correlations(*(np.stack([getattr(one, part) for one in found]) for part in ("pooled", "per_bin", "centred")))


def _corrected(recording: Recording, first: NDArray[np.intp], second: NDArray[np.intp]) -> Correlations:
    """Corrected correlations of the means of two sets of repeats."""
    one, other = _mean(recording.responses[:, first]), _mean(recording.responses[:, second])
    present = np.asarray(np.isfinite(one + other).all(1))  # [image, neuron]
    found = correlations(one, other) if present.all() else _neuron_by_neuron(one, other, present)
    return Correlations(*(2 * part / (1 + part) for part in (found.pooled, found.per_bin, found.centred)))


def _mean(responses: NDArray[np.floating]) -> Numbers:
    """Mean over the repeats that are present [image, time, neuron]; NaN where there is none."""
    number = (~np.isnan(responses)).sum(1)
    total = np.nansum(responses, 1, dtype=np.float64)
    found: Numbers = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return found


def _neuron_by_neuron(first: Numbers, second: Numbers, present: NDArray[np.bool_]) -> Correlations:
    """Correlations of each neuron over the images that it has in both halves; NaN for fewer than three."""
    _, bins, neurons = first.shape
    found = Correlations(np.full(neurons, np.nan), np.full((bins, neurons), np.nan), np.full(neurons, np.nan))
    if present.sum(0).max() < 3:
        raise DataError("recording has fewer than three images with repeats in both halves, so that it has no ceiling")
    for k in np.flatnonzero(present.sum(0) >= 3):
        kept = present[:, k]
        one = correlations(first[kept, :, k : k + 1], second[kept, :, k : k + 1])
        found.pooled[k], found.per_bin[:, k], found.centred[k] = one.pooled[0], one.per_bin[:, 0], one.centred[0]
    return found
