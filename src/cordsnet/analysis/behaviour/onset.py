"""Onset of information: time from which a linear decoder tells conditions apart in recorded activity."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.analysis.behaviour.fitting import LEVEL, MOST_DRAWS
from cordsnet.errors import ArgumentError

Numbers: TypeAlias = NDArray[np.float64]

FALSE_ONSETS = 0.05
"""Share of recordings without information in which an onset is found, over all times."""

LARGEST = 1e9
"""Largest activity that is read."""


class OnsetStatus(Enum):
    """Status of a search for the onset of information."""

    FOUND = "found"
    NEVER = "never above: no run of bins is above the threshold; give more trials, or expect no information"


@dataclass(frozen=True, eq=False)
class InformationOnset:
    """Onset of information in T time bins.

    Attributes
    ----------
    time_ms, accuracy : times of the bins, and cross-validated accuracy, the mean over conditions [T].
    chance, threshold : accuracy by chance, and that which an onset needs in `consecutive` bins.
    onset_ms : first time of the first run of bins at or above the threshold; NaN if there is none.
    interval_ms : 95 % bootstrap interval over trials, of the samples that have an onset; None without onset or draws.
    share_found : share of the bootstrap samples that have an onset; NaN without onset or draws.
    p_value : share of permutations whose best run is at least as accurate.
    status : outcome of the search.
    """

    time_ms: Numbers
    accuracy: Numbers
    chance: float
    threshold: float
    onset_ms: float
    interval_ms: tuple[float, float] | None
    share_found: float
    p_value: float
    status: OnsetStatus


@check_arguments
def information_onset(
    activity: NDArray[Any],
    labels: NDArray[Any],
    time_ms: NDArray[Any],
    consecutive: int = 3,
    folds: int = 5,
    penalty: float = 1.0,
    permutations: int = 199,
    draws: int = 200,
    seed: int = 0,
    *,
    groups: NDArray[Any] | None = None,
    strict: bool = False,
) -> InformationOnset:
    """Find the time from which the condition of a trial can be decoded.

    At each time a ridge classifier (targets of -1 and 1 for each condition, units standardised over training trials) is
    trained on all folds but one and tested on that one; folds are stratified and the same at all times. The threshold
    bounds the largest, over time, of the least accuracy of `consecutive` bins when labels are permuted within folds
    (maximum statistic: Nichols & Holmes, Hum. Brain Mapp. 15, 2002): 5 % of trials without information have an onset.

    Parameters
    ----------
    activity : [T, trials, units].
    labels, time_ms : condition of each trial [trials], two conditions or more; and times [T], increasing.
    consecutive, folds : number of bins in a row, at most T; and of folds, 2 to the trials of the rarest condition.
    penalty, permutations : of the squared weights, above 0; and their number, 19 to 100,000.
    draws, seed : number of bootstrap samples of trials, within condition and fold, 0 for no interval; and the seed.
    groups : group of each trial [trials], such as its image, or None. The trials of a group have one condition and are
        in one fold, labels are permuted between groups, and the bootstrap draws groups.
    strict : bound the accuracy of single bins and not of runs, so that lucky bins before the information count less.

    Raises
    ------
    ArgumentError : shapes that do not agree, or numbers that are out of range.
    """
    _check_draws(draws, seed)
    times, classes, codes = _check(activity, labels, time_ms)
    units, kinds = _units(codes, groups)
    _check_options(len(times), kinds, consecutive, folds, penalty, permutations)
    rng = np.random.default_rng(seed)
    decoded = _Decoded(activity.astype(np.float64), codes, units, kinds, _folds(kinds, folds, rng), penalty)
    curves = decoded.permuted(permutations, rng)  # [P + 1, T]
    best = np.array([_best_run(curve, 1 if strict else consecutive) for curve in curves])
    threshold = _threshold(best)
    onset = _onset(curves[0], times, threshold, consecutive)
    samples = (decoded.resampled(rng) for _ in range(draws if np.isfinite(onset) else 0))
    found = np.array([_onset(curve, times, threshold, consecutive) for curve in samples])
    known = found[np.isfinite(found)]
    return InformationOnset(
        time_ms=times,
        accuracy=curves[0],
        chance=1 / len(classes),
        threshold=threshold,
        onset_ms=onset,
        interval_ms=_interval(known) if known.size else None,
        share_found=known.size / found.size if found.size else float("nan"),
        p_value=float(np.mean(best >= best[0] - 1e-9)),
        status=OnsetStatus.FOUND if np.isfinite(onset) else OnsetStatus.NEVER,
    )


def _check_draws(draws: int, seed: int) -> None:
    """Raise ArgumentError unless a number of bootstrap samples, or 0 for none, and a seed were given."""
    if draws != 0 and not 20 <= draws <= MOST_DRAWS:
        raise ArgumentError(f"draws must be 0 (no interval) or from 20 to {MOST_DRAWS:,}, got {draws}")
    if not 0 <= seed < 2**63:
        raise ArgumentError(f"seed must be from 0 to 2**63 - 1, got {seed}")


def _interval(drawn: Numbers) -> tuple[float, float]:
    """95 % percentile interval of bootstrap samples."""
    low, high = np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def _folds(codes: NDArray[np.int64], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Fold of each trial, with the trials of each condition dealt out in random order."""
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    place = np.empty(len(codes), dtype=np.int64)
    place[order] = np.arange(len(codes)) % folds
    return place


def _within(codes: NDArray[np.int64], place: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Labels permuted among the trials of each fold, so that folds stay stratified."""
    found = codes.copy()
    for fold in np.unique(place):
        found[place == fold] = rng.permutation(codes[place == fold])
    return found


def _units(codes: NDArray[np.int64], groups: NDArray[Any] | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index of the group of each trial, and the condition of each group; without groups each trial is one."""
    if groups is None:
        return np.arange(len(codes)), codes
    if groups.shape != codes.shape or groups.dtype.kind not in "biuU":
        raise ArgumentError(f"groups must be {len(codes)} whole numbers or texts, got {list(groups.shape)}")
    _, first, units = np.unique(groups, return_index=True, return_inverse=True)
    kinds = codes[first]
    if (mixed := np.flatnonzero(kinds[units] != codes)).size:
        raise ArgumentError(f"groups must have one condition each, but {groups[mixed[0]]!r} has several labels")
    return units.astype(np.int64), kinds


@dataclass(frozen=True, eq=False)
class _Decoded:
    """Activity [T, trials, units], condition and group of each trial, condition and fold of each group, and penalty."""

    rates: Numbers
    codes: NDArray[np.int64]
    units: NDArray[np.int64]
    kinds: NDArray[np.int64]
    dealt: NDArray[np.int64]
    penalty: float

    def permuted(self, permutations: int, rng: np.random.Generator) -> Numbers:
        """Accuracy with the true labels and with permuted ones [P + 1, T]."""
        shuffled = [_within(self.kinds, self.dealt, rng)[self.units] for _ in range(permutations)]
        return self._accuracy(np.arange(len(self.codes)), np.stack([self.codes, *shuffled]))

    def resampled(self, rng: np.random.Generator) -> Numbers:
        """Accuracy [T] in groups drawn within condition and fold, copies of which are never in training and test."""
        cells = self.kinds * (self.dealt.max() + 1) + self.dealt
        members = np.split(np.argsort(self.units, kind="stable"), np.cumsum(np.bincount(self.units))[:-1])
        drawn = [rng.choice(own, own.size) for own in (np.flatnonzero(cells == cell) for cell in np.unique(cells))]
        rows = np.concatenate([members[k] for k in np.concatenate(drawn)])
        found: Numbers = self._accuracy(rows, self.codes[rows][None])[0]
        return found

    def _accuracy(self, rows: NDArray[np.int64], labels: NDArray[np.int64]) -> Numbers:
        place = self.dealt[self.units[rows]]
        return _accuracy(self.rates[:, rows], labels, place, int(self.codes.max()) + 1, self.penalty)


def _accuracy(
    rates: Numbers, labels: NDArray[np.int64], place: NDArray[np.int64], classes: int, penalty: float
) -> Numbers:
    """Cross-validated accuracy [P, T], the mean over conditions, for each row of labels [P, trials]."""
    right = np.zeros((len(labels), len(rates), labels.shape[1]), dtype=bool)
    for fold in np.unique(place):
        train, test = np.flatnonzero(place != fold), np.flatnonzero(place == fold)
        targets = 2.0 * (labels[:, train, None] == np.arange(classes)) - 1  # [P, train, K]
        mean = targets.mean(1, keepdims=True)
        for at in range(len(rates)):
            scores = _ridge(rates[at, train], rates[at, test], targets - mean, penalty) + mean
            right[:, at, test] = scores.argmax(-1) == labels[:, test]
    shares = [(right & (labels == k)[:, None]).sum(-1) / (labels == k).sum(-1)[:, None] for k in range(classes)]
    return np.asarray(np.mean(shares, axis=0), dtype=np.float64)


def _ridge(train: Numbers, test: Numbers, targets: Numbers, penalty: float) -> Numbers:
    """Scores [P, test, K] of test trials by ridge regression of centred targets [P, train, K], the cheapest way."""
    mean, spread = train.mean(0), train.std(0)
    spread = np.where(spread > 1e-12 * (1 + abs(mean)), spread, 1.0)
    x, z = (train - mean) / spread, (test - mean) / spread
    if x.shape[1] >= len(x):  # more units than trials
        found: Numbers = np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), x @ z.T).T @ targets
        return found
    gram = x.T @ x + penalty * np.eye(x.shape[1])
    one = len(targets) == 1
    found = np.linalg.solve(gram, x.T @ targets) if one else np.linalg.solve(gram, x.T) @ targets
    return np.asarray(z @ found)


def _best_run(curve: Numbers, consecutive: int) -> float:
    """Largest, over time, of the least accuracy of a run of bins."""
    return float(np.lib.stride_tricks.sliding_window_view(curve, consecutive).min(1).max())


def _threshold(best: Numbers) -> float:
    """Least accuracy that at most 5 % of the runs, the measured one included, would reach."""
    allowed = int(np.floor(FALSE_ONSETS * len(best) + 1e-9))  # with the measured one
    ranked = np.sort(best[1:])[::-1]
    return float(ranked[allowed - 1] + 1e-9)


def _onset(curve: Numbers, times: Numbers, threshold: float, consecutive: int) -> float:
    runs = np.lib.stride_tricks.sliding_window_view(curve, consecutive).min(1) >= threshold
    return float(times[np.argmax(runs)]) if runs.any() else float("nan")


def _check(activity: NDArray[Any], labels: NDArray[Any], time_ms: NDArray[Any]) -> tuple[Numbers, Any, Any]:
    if activity.ndim != 3 or not activity.size or activity.dtype.kind not in "biuf":
        raise ArgumentError(f"activity must be numbers [T, trials, units], got shape {list(activity.shape)}")
    if not np.isfinite(activity).all() or (abs(activity.astype(np.float64)) > LARGEST).any():
        raise ArgumentError(f"activity must be finite and at most {LARGEST:g} in size")
    if labels.shape != activity.shape[1:2] or labels.dtype.kind not in "biuU":
        raise ArgumentError(f"labels must be {activity.shape[1]} whole numbers or texts, got {list(labels.shape)}")
    if time_ms.shape != activity.shape[:1] or time_ms.dtype.kind not in "iuf":
        raise ArgumentError(f"time_ms must be {activity.shape[0]} times, got shape {list(time_ms.shape)}")
    times = time_ms.astype(np.float64)
    if not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        raise ArgumentError("time_ms must be finite and increase")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ArgumentError(f"labels must hold two conditions or more, got {len(classes)}")
    return times, classes, codes.astype(np.int64)


def _check_options(bins: int, codes: Any, consecutive: int, folds: int, penalty: float, permutations: int) -> None:
    if not 1 <= consecutive <= bins:
        raise ArgumentError(f"consecutive must be from 1 to the {bins} bins, got {consecutive}")
    if not 2 <= folds <= np.bincount(codes).min():
        raise ArgumentError(
            f"folds must be from 2 to {np.bincount(codes).min()}, the trials of the rarest condition, got {folds}"
        )
    if not 1e-6 <= penalty <= 1e9:
        raise ArgumentError(f"penalty must be from 1e-6 to 1e9, got {penalty:g}")
    if not 19 <= permutations <= 100_000:
        raise ArgumentError(f"permutations must be from 19 to 100,000, got {permutations}")
