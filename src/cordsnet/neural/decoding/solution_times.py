"""Object solution times: time at which a decoder tells the object of each image as well as behaviour does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cordsnet._arguments import check_arguments
from cordsnet._intervals import percentile_interval
from cordsnet.errors import ArgumentError
from cordsnet.neural.decoding.decoders import fold_scores
from cordsnet.neural.decoding.over_time import generators
from cordsnet.neural.decoding.plan import DecodingPlan
from cordsnet.neural.decoding.trials import Indices, Numbers, Trials, check_fits, check_folds, make_trials
from cordsnet.neural.recording import Recording

FEWEST_PAIRS = 4
"""Fewest images with both times from which a rank correlation is computed."""


def _two_way(found: Numbers, codes: Indices) -> Numbers:
    """Share of other classes whose score is below that of the class of each image [I, T]; ties count half."""
    own = np.take_along_axis(found, codes[:, None, None, None], 3)
    share = (found < own).sum(3) + (found == own).sum(3) / 2 - 0.5  # without the class itself
    return np.asarray(share.mean(1) / (found.shape[3] - 1), np.float64)


def _one_vs_rest(found: Numbers, codes: Indices) -> Numbers:
    """Mean of hits on each image and of correct rejections of its class over images of other classes [I, T]."""
    said = found > 0
    hits = np.take_along_axis(said, codes[:, None, None, None], 3)[..., 0].mean(1)
    rejected = np.stack([1 - said[codes != k][..., k].mean((0, 1)) for k in range(found.shape[3])])  # [K, T]
    return np.asarray((hits + rejected[codes]) / 2, np.float64)


MEASURES: Mapping[str, Callable[[Numbers, Indices], Numbers]] = {"two_way": _two_way, "one_vs_rest": _one_vs_rest}
"""Measure -> accuracy of each image [I, T] from scores [I, k, T, K]; chance is 0.5 in all of them."""


class SolutionStatus(Enum):
    """Status of the solution time of one image."""

    SOLVED = "solved"
    NEVER = "never: accuracy does not stay at or above the threshold for long enough in any bin"
    EARLIER = "earlier: accuracy is at or above the threshold from the first bin on; begin earlier"
    NO_THRESHOLD = "no threshold: behaviour was not measured, or is no better than chance"


@dataclass(frozen=True, eq=False)
class SolutionTimes:
    """Object solution times of I images, or of the K classes.

    Attributes
    ----------
    names : images or classes, in order.
    time_ms : solution times [I]; NaN unless the status is SOLVED.
    interval_ms : 95 % bootstrap interval, over repeats and training images, of the samples that have a time [I, 2]; NaN
        unless the status is SOLVED. A sample is decoded once, the time comes from the mean over resamples, so intervals
        are wide rather than narrow. None without draws.
    share_solved : share of the bootstrap samples that have a time [I]; None without draws.
    accuracy : accuracy in each bin, the mean over resamples [I, T]; chance is 0.5.
    threshold : accuracy that had to be reached [I].
    centres_ms : centres of bins, which are their times [T].
    status : status of each image or class.
    n : number of bootstrap samples.
    """

    names: tuple[str, ...]
    time_ms: Numbers
    interval_ms: Numbers | None
    share_solved: Numbers | None
    accuracy: Numbers
    threshold: Numbers
    centres_ms: Numbers
    status: tuple[SolutionStatus, ...]
    n: int


@dataclass(frozen=True)
class RankAgreement:
    """Spearman correlation of solution times with measured times.

    Attributes
    ----------
    value : correlation; NaN with fewer than 4 pairs, or times that are all the same.
    interval : 95 % bootstrap interval over images; None without a value, or where too many samples have none.
    n : number of images that have both times.
    left_out : number of images without one of them. An image that is never solved is late, so that leaving many out
        biases the value.
    """

    value: float
    interval: tuple[float, float] | None
    n: int
    left_out: int


@check_arguments
def object_solution_times(
    data: Recording | NDArray[Any],
    labels: str | NDArray[Any],
    *,
    threshold: float | NDArray[Any],
    measure: str = "two_way",
    of: str = "image",
    bins_ms: NDArray[Any] | None = None,
    plan: DecodingPlan | None = None,
    consecutive: int = 2,
    draws: int = 50,
) -> SolutionTimes:
    """Find the time at which the object of each image is decoded as well as behaviour tells it.

    Decoders are cross-validated in each bin; the time is that at which the accuracy of an image crosses its threshold
    and stays there for `consecutive` bins, interpolated linearly between bins (Kar et al., Nat. Neurosci. 22, 2019,
    whose bins last 10 ms from 70 to 250 ms). (bins) x (folds) x (resamples + draws) decoders are fitted.

    Parameters
    ----------
    threshold : accuracy of behaviour, one for all or one for each image or class; NaN, and 0.5 or less, for none.
    measure : a row of `MEASURES`: "two_way" compares the class with each other class, "one_vs_rest" averages hits and
        correct rejections.
    of : "image", or "class" for the mean accuracy over the images of each class.
    consecutive : number of bins in a row at or above the threshold.
    draws : number of bootstrap samples, 0 for no interval or from 20 to 10,000.
    data, labels, bins_ms, plan : those of `decode_over_time`.

    Raises
    ------
    ArgumentError : what `decode_over_time` refuses, an unknown measure, or thresholds of another number.
    """
    plan = plan or DecodingPlan()
    trials = make_trials(data, labels, bins_ms, plan)
    check_folds(trials, plan)
    check_fits(len(trials.recording.bins_ms) * plan.folds * (plan.resamples + draws))
    names = trials.recording.images if of == "image" else [str(one) for one in trials.classes]
    needed = _check(trials, threshold, measure, of, consecutive, draws, len(names))
    centres = trials.recording.centres_ms
    accuracy = np.mean([_curve(trials, plan, rng, measure, of) for rng in generators(plan)], 0)
    found = [_crossing(*one, centres, consecutive) for one in zip(accuracy, needed, strict=True)]
    curves = (_curve(trials, plan, rng, measure, of, again=True) for rng in _later(plan, draws))
    drawn = [[_crossing(*one, centres, consecutive)[0] for one in zip(c, needed, strict=True)] for c in curves]
    status = tuple(one for _, one in found)
    return SolutionTimes(
        names=tuple(names),
        time_ms=np.array([time for time, _ in found]),
        interval_ms=_intervals(np.array(drawn), status) if draws else None,
        share_solved=np.isfinite(drawn).mean(0) if draws else None,
        accuracy=accuracy,
        threshold=needed,
        centres_ms=centres,
        status=status,
        n=draws,
    )


@check_arguments
def rank_agreement(
    times_ms: NDArray[Any], measured_ms: NDArray[Any], *, draws: int = 1000, seed: int = 0
) -> RankAgreement:
    """Correlate the ranks of solution times with those of measured times, such as of another area or of behaviour.

    Parameters
    ----------
    times_ms, measured_ms : times of the same images [I]; NaN where there is none.
    draws, seed : number of bootstrap samples of images, 20 to 100,000, and the seed.

    Raises
    ------
    ArgumentError : times of different numbers, or numbers out of range.
    """
    if times_ms.ndim != 1 or times_ms.shape != measured_ms.shape:
        raise ArgumentError(
            f"measured_ms must be a time for each of times_ms {list(times_ms.shape)}, got {list(measured_ms.shape)}"
        )
    if times_ms.dtype.kind not in "iuf" or measured_ms.dtype.kind not in "iuf":
        raise ArgumentError("times_ms and measured_ms must be numbers, in ms")
    if not 20 <= draws <= 100_000 or not 0 <= seed < 2**63:
        raise ArgumentError(f"draws must be from 20 to 100,000 and seed from 0 to 2**63 - 1, got {draws} and {seed}")
    both = np.isfinite(times_ms) & np.isfinite(measured_ms)
    n = int(both.sum())
    x, y = times_ms[both].astype(np.float64), measured_ms[both].astype(np.float64)
    value = _spearman(x, y)
    if not np.isfinite(value):
        return RankAgreement(float("nan"), None, n, len(both) - n)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, n, (draws, n))
    interval = percentile_interval([_spearman(x[row], y[row]) for row in rows], value)
    return RankAgreement(value, interval, n, len(both) - n)


def _spearman(x: Numbers, y: Numbers) -> float:
    """Correlation of ranks; NaN with too few pairs or equal times."""
    if len(x) < FEWEST_PAIRS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])


def _curve(
    trials: Trials, plan: DecodingPlan, rng: np.random.Generator, measure: str, of: str, again: bool = False
) -> Numbers:
    """Accuracy of each image or class [I, T] from one draw, or of a bootstrap sample."""
    drawn, place = trials.drawn(plan, rng, again), trials.folds(plan, rng)
    weights = _counts(trials.codes, place[:, 0], plan, rng) if again else None
    found = MEASURES[measure](fold_scores(trials, drawn, place, plan, weights), trials.codes)
    if of == "image":
        return found
    return np.stack([found[trials.codes == k].mean(0) for k in range(len(trials.classes))])


def _later(plan: DecodingPlan, draws: int) -> Iterator[np.random.Generator]:
    """Generators of bootstrap samples, apart from those of the resamples."""
    return map(np.random.default_rng, np.random.SeedSequence([plan.seed, 1]).spawn(draws))


def _intervals(drawn: Numbers, status: Sequence[SolutionStatus]) -> Numbers:
    """95 % intervals [I, 2] of the times of bootstrap samples [B, I]; NaN where there is no time."""
    ends = np.full((len(status), 2), np.nan)
    for k, own in enumerate(drawn.T):
        if status[k] is SolutionStatus.SOLVED and np.isfinite(own).any():
            ends[k] = np.nanpercentile(own, [2.5, 97.5])
    return ends


def _counts(codes: Indices, place: Indices, plan: DecodingPlan, rng: np.random.Generator) -> Indices | None:
    """Number of times that each image is drawn, within class and fold; None where each image is its own training."""
    if plan.split == "repeat":
        return None
    cells = codes * plan.folds + place
    drawn = [rng.choice(own, own.size) for own in (np.flatnonzero(cells == cell) for cell in np.unique(cells))]
    return np.bincount(np.concatenate(drawn), minlength=len(codes)).astype(np.int64)


def _crossing(curve: Numbers, needed: float, centres: Numbers, consecutive: int) -> tuple[float, SolutionStatus]:
    """Time at which a curve crosses what is needed and stays there, and the status."""
    if not needed > 0.5:
        return float("nan"), SolutionStatus.NO_THRESHOLD
    runs = np.lib.stride_tricks.sliding_window_view(curve, consecutive).min(1) >= needed
    if not runs.any():
        return float("nan"), SolutionStatus.NEVER
    at = int(np.argmax(runs))
    if at == 0:
        return float("nan"), SolutionStatus.EARLIER
    share = (needed - curve[at - 1]) / (curve[at] - curve[at - 1])
    return float(centres[at - 1] + share * (centres[at] - centres[at - 1])), SolutionStatus.SOLVED


def _check(
    trials: Trials, threshold: float | NDArray[Any], measure: str, of: str, consecutive: int, draws: int, count: int
) -> Numbers:
    """Return the threshold of each image or class; raises ArgumentError for what cannot be."""
    if measure not in MEASURES:
        raise ArgumentError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")
    if of not in ("image", "class"):
        raise ArgumentError(f"of must be 'image' or 'class', got {of!r}")
    bins = len(trials.recording.bins_ms)
    if not 1 <= consecutive <= bins:
        raise ArgumentError(f"consecutive must be from 1 to the {bins} bins, got {consecutive}")
    if draws != 0 and not 20 <= draws <= 10_000:
        raise ArgumentError(f"draws must be 0 (no interval) or from 20 to 10,000, got {draws}")
    needed = np.asarray(threshold)
    if needed.shape not in ((), (count,)) or needed.dtype.kind not in "iuf":
        raise ArgumentError(f"threshold must be one accuracy or one for each of {count}, got shape {needed.shape}")
    if (needed > 1).any():
        raise ArgumentError(f"threshold must be an accuracy, at most 1, got {np.nanmax(needed):g}")
    return np.broadcast_to(needed.astype(np.float64), (count,)).copy()
