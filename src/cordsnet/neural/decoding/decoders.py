"""Decoders fitted to the trials of one bin, and their scores on others."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet.neural.decoding.plan import DECODERS, DecodingPlan
from cordsnet.neural.decoding.trials import Indices, Numbers, Trials

Mask: TypeAlias = NDArray[np.bool_]


def scores(train: NDArray[Any], codes: Indices, test: NDArray[Any], decoder: str) -> Numbers:
    """Score of each class for test trials [m, K], by a decoder of training trials [n, N] standardised over them."""
    from sklearn import config_context
    from sklearn.preprocessing import StandardScaler

    with config_context(assume_finite=True, skip_parameter_validation=True):  # trials are finite; checks take long
        scaler = StandardScaler().fit(train)
        fitted = DECODERS[decoder]().fit(scaler.transform(train), codes)
        found: Numbers = np.asarray(fitted.decision_function(scaler.transform(test)), np.float64)
    return np.stack([-found, found], -1) if found.ndim == 1 else found


def fold_scores(
    trials: Trials, drawn: NDArray[Any], place: Indices, plan: DecodingPlan, weights: Indices | None = None
) -> Numbers:
    """Cross-validated score of each class for each trial and bin [I, k, T, K].

    With `weights` [I], a training image counts that many times, as in a bootstrap sample.
    """
    found = np.empty((*drawn.shape[:3], len(trials.classes)))
    codes = np.broadcast_to(trials.codes[:, None], place.shape)
    for train, test in _folds(place):
        rows = np.flatnonzero(train.ravel())
        if weights is not None:
            rows = np.repeat(rows, np.broadcast_to(weights[:, None], place.shape).ravel()[rows])
        for bin_ in range(drawn.shape[2]):
            now = drawn[:, :, bin_]
            flat = now.reshape(-1, now.shape[-1])
            found[:, :, bin_][test] = scores(flat[rows], codes.ravel()[rows], now[test], plan.decoder)
    return found


def crossed_accuracy(trials: Trials, drawn: NDArray[Any], place: Indices, plan: DecodingPlan) -> Numbers:
    """Cross-validated accuracy of decoders of one bin on another [bin of training, bin of test]."""
    codes = np.broadcast_to(trials.codes[:, None], place.shape)
    bins = drawn.shape[2]
    right = np.zeros((bins, *place.shape, bins), bool)
    for train, test in _folds(place):
        later = drawn[test].reshape(-1, drawn.shape[-1])  # [m T, N]
        for bin_ in range(bins):
            chosen = scores(drawn[:, :, bin_][train], codes[train], later, plan.decoder).argmax(-1)
            right[bin_][test] = chosen.reshape(-1, bins) == codes[test][:, None]
    return np.stack([by_class(one, trials.codes, len(trials.classes)) for one in right])


def by_class(right: NDArray[Any], codes: Indices, classes: int) -> Numbers:
    """Accuracy [T], the mean over classes, of outcomes of trials [I, k, T]."""
    return np.asarray(np.mean([right[codes == k].mean((0, 1)) for k in range(classes)], 0), np.float64)


def _folds(place: Indices) -> Iterator[tuple[Mask, Mask]]:
    """Training and test trials of each fold."""
    for fold in np.unique(place):
        yield place != fold, place == fold
