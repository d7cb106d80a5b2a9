"""Class of images in each bin: accuracy, onset, generalisation over time and over a second label."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet.analysis import InformationOnset, information_onset
from cordsnet.errors import ArgumentError
from cordsnet.neural.decoding.decoders import by_class, crossed_accuracy, fold_scores, scores
from cordsnet.neural.decoding.plan import DecodingPlan
from cordsnet.neural.decoding.trials import (
    MOST_VALUES,
    Indices,
    Numbers,
    Trials,
    check_fits,
    check_folds,
    label_values,
    make_trials,
)
from cordsnet.neural.recording import Recording


@dataclass(frozen=True, eq=False)
class Decoding:
    """Accuracy of decoders in T bins.

    Attributes
    ----------
    bins_ms : start and end of each bin, ms [T, 2].
    accuracy : share of test trials whose class is right, the mean over classes and resamples [T].
    interval : 2.5 and 97.5 percentiles over resamples of repeats and folds [T, 2]. Images and neurons are the same in
        all of them, so it is narrower than an interval for others would be.
    by_image : accuracy on each image [I, T]; NaN for images without a test.
    chance : accuracy by chance, 1 / number of classes.
    classes : values of the label, in order.
    onset : onset of information with its interval, and the threshold by permutation; None if not asked for.
    n : number of resamples.
    neurons, repeats : numbers of neurons, and of trials made for each image.
    """

    bins_ms: Numbers
    accuracy: Numbers
    interval: Numbers
    by_image: Numbers
    chance: float
    classes: tuple[Any, ...]
    onset: InformationOnset | None
    n: int
    neurons: int
    repeats: int


@dataclass(frozen=True, eq=False)
class CrossTemporal:
    """Accuracy of the decoders of one bin in another.

    Attributes
    ----------
    bins_ms : start and end of each bin, ms [T, 2].
    accuracy : [bin of training, bin of test], the mean over classes and resamples; the diagonal is that over time.
    interval : 2.5 and 97.5 percentiles over resamples of repeats and folds [T, T, 2].
    chance : accuracy by chance, 1 / number of classes.
    n : number of resamples.
    """

    bins_ms: Numbers
    accuracy: Numbers
    interval: Numbers
    chance: float
    n: int


@check_arguments
def decode_over_time(
    data: Recording | NDArray[Any],
    labels: str | NDArray[Any],
    *,
    bins_ms: NDArray[Any] | None = None,
    plan: DecodingPlan | None = None,
    permutations: int = 199,
    draws: int = 50,
    consecutive: int = 3,
) -> Decoding:
    """Decode the class of images in each bin by cross-validated linear decoders.

    Trials are drawn from the repeats of each image as in the Neural Decoding Toolbox (Meyers, Front. Neuroinform. 7,
    2013): each neuron of a pseudo-population draws its own. Onset, threshold and p value are those of a strict
    `information_onset` with a ridge decoder on the trials of one draw, at the centres of bins; by image, its folds,
    permutations and bootstrap keep the trials of an image together. (bins) x (folds) x (resamples) decoders are fitted.

    Parameters
    ----------
    data : a recording, or activity of a model [I, T, units] whose images have one repeat.
    labels : name of a label of the images, or one value for each [I].
    bins_ms : start and end of each bin of an array, ms [T, 2].
    plan : settings; None for `DecodingPlan()`.
    permutations : for the threshold of the onset, 19 to 100,000, or 0 for no onset.
    draws : bootstrap samples of the onset, 0 for no interval or 20 to 100,000.
    consecutive : number of bins in a row that an onset needs, at most T.

    Raises
    ------
    ArgumentError : shapes, labels or numbers that do not fit together, an image or neuron without a repeat, or sizes
        that cannot be held or waited for.
    """
    plan = plan or DecodingPlan()
    trials = make_trials(data, labels, bins_ms, plan)
    check_folds(trials, plan)
    bins = len(trials.recording.bins_ms)
    check_fits(bins * plan.folds * plan.resamples)
    outcomes = []
    for rng in generators(plan):
        drawn, place = trials.drawn(plan, rng), trials.folds(plan, rng)
        outcomes.append(fold_scores(trials, drawn, place, plan).argmax(-1) == trials.codes[:, None, None])
    onset = _onset(trials, plan, permutations, draws, consecutive) if permutations else None
    return _decoding(trials, np.array(outcomes), plan, onset)


@check_arguments
def cross_temporal(
    data: Recording | NDArray[Any],
    labels: str | NDArray[Any],
    *,
    bins_ms: NDArray[Any] | None = None,
    plan: DecodingPlan | None = None,
) -> CrossTemporal:
    """Train decoders in each bin and test them in all bins, on other trials.

    A code that stays the same gives a square of high accuracy, one that changes a diagonal (King & Dehaene, Trends
    Cogn. Sci. 18, 2014). Test trials are standardised by the mean and spread of the bin of training. Parameters and
    errors are those of `decode_over_time`; (bins) x (folds) x (resamples) decoders are fitted, and tested in all bins.
    """
    plan = plan or DecodingPlan()
    trials = make_trials(data, labels, bins_ms, plan)
    check_folds(trials, plan)
    check_fits(len(trials.recording.bins_ms) * plan.folds * plan.resamples)
    _check_crossed(trials)
    found = []
    for rng in generators(plan):
        drawn, place = trials.drawn(plan, rng), trials.folds(plan, rng)
        found.append(crossed_accuracy(trials, drawn, place, plan))
    ends = np.moveaxis(np.percentile(found, [2.5, 97.5], axis=0), 0, -1)
    chance = 1 / len(trials.classes)
    return CrossTemporal(trials.recording.bins_ms, np.mean(found, 0), ends, chance, plan.resamples)


@check_arguments
def decode_across(
    data: Recording | NDArray[Any],
    labels: str | NDArray[Any],
    over: str | NDArray[Any],
    *,
    train: Sequence[Any],
    test: Sequence[Any],
    bins_ms: NDArray[Any] | None = None,
    plan: DecodingPlan | None = None,
) -> Decoding:
    """Train decoders on images with some values of a second label, and test them on images with others.

    Objects that are decoded at a position where they were not trained have a code that tolerates position. There are
    no folds, as training and test have no image in common: (bins) x (resamples) decoders are fitted.

    Parameters
    ----------
    over : the second label: its name, or one value for each image [I].
    train, test : values of the second label; no value is in both.
    data, labels, bins_ms, plan : those of `decode_over_time`; `plan.split` and `plan.folds` have no part.

    Raises
    ------
    ArgumentError : a value that no image has, a class that is absent from training or test, or what
        `decode_over_time` refuses.
    """
    plan = plan or DecodingPlan()
    trials = make_trials(data, labels, bins_ms, plan)
    check_fits(len(trials.recording.bins_ms) * plan.resamples)
    second = label_values(trials.recording, over, "over")
    learned, asked = (_with(trials, second, values, name) for values, name in ((train, "train"), (test, "test")))
    if (learned & asked).any():
        raise ArgumentError(f"test must have no value of train, got {second[learned & asked].tolist()[0]!r} in both")
    outcomes = np.full((plan.resamples, len(second), trials.repeats, len(trials.recording.bins_ms)), np.nan)
    codes = np.repeat(trials.codes, trials.repeats).reshape(-1, trials.repeats)
    for resample, rng in enumerate(generators(plan)):
        drawn = trials.drawn(plan, rng)
        for bin_ in range(drawn.shape[2]):
            now = drawn[:, :, bin_]
            shown = now[asked].reshape(-1, now.shape[-1])
            trained = now[learned].reshape(-1, now.shape[-1])
            chosen = scores(trained, codes[learned].ravel(), shown, plan.decoder).argmax(-1)
            outcomes[resample, asked, :, bin_] = chosen.reshape(-1, trials.repeats) == codes[asked]
    return _decoding(trials, outcomes, plan, None, asked)


def generators(plan: DecodingPlan) -> Iterator[np.random.Generator]:
    """Return a generator for each resample of a plan."""
    return map(np.random.default_rng, np.random.SeedSequence(plan.seed).spawn(plan.resamples))


def _decoding(
    trials: Trials,
    outcomes: NDArray[Any],
    plan: DecodingPlan,
    onset: InformationOnset | None,
    tested: NDArray[np.bool_] | None = None,
) -> Decoding:
    """Result from outcomes of trials [resample, I, k, T]."""
    kept = np.ones(len(trials.codes), bool) if tested is None else tested
    classes = len(trials.classes)
    curves = np.array([by_class(one[kept], trials.codes[kept], classes) for one in outcomes])
    return Decoding(
        bins_ms=trials.recording.bins_ms,
        accuracy=curves.mean(0),
        interval=np.percentile(curves, [2.5, 97.5], axis=0).T,
        by_image=outcomes.mean((0, 2)),
        chance=1 / classes,
        classes=tuple(trials.classes.tolist()),
        onset=onset,
        n=plan.resamples,
        neurons=len(trials.recording.neurons),
        repeats=trials.repeats,
    )


def _onset(trials: Trials, plan: DecodingPlan, permutations: int, draws: int, consecutive: int) -> InformationOnset:
    """Onset in the trials of one draw, with the folds, permutations and bootstrap of the split."""
    images, bins = len(trials.codes), len(trials.recording.bins_ms)
    number = images * trials.repeats
    if bins * number**2 // plan.folds > MOST_VALUES:
        raise ArgumentError(
            f"permutations must be 0 (no onset) for {number} trials in {bins} bins, which are too many; or use fewer "
            "repeats, bins or images"
        )
    drawn = trials.drawn(plan, np.random.default_rng(plan.seed))
    image: Indices = np.repeat(np.arange(images), trials.repeats)
    return information_onset(
        drawn.reshape(number, bins, -1).swapaxes(0, 1),
        trials.codes[image],
        trials.recording.centres_ms,
        consecutive=consecutive,
        folds=plan.folds,
        permutations=permutations,
        draws=draws,
        seed=plan.seed,
        groups=image if plan.split == "image" else None,
        strict=True,
    )


def _with(trials: Trials, second: NDArray[Any], values: Sequence[Any], name: str) -> NDArray[np.bool_]:
    """Truth values of the images with these values of the second label, which must show all classes."""
    if getattr(values, "ndim", 1) != 1 or len(values) > len(second):
        raise ArgumentError(f"{name} must be a list of at most {len(second)} values of the second label, got others")
    found: NDArray[np.bool_] = np.isin(second, list(values))
    for value in values:
        if not (second == value).any():
            raise ArgumentError(f"{name} must be values of the second label, which no image has of {value!r}")
    if absent := set(range(len(trials.classes))) - set(trials.codes[found].tolist()):
        missed = trials.classes.tolist()[min(absent)]
        raise ArgumentError(f"{name} must have images of every class, but has none of {missed!r}")
    return found


def _check_crossed(trials: Trials) -> None:
    bins = len(trials.recording.bins_ms)
    if bins**2 * len(trials.codes) * trials.repeats > MOST_VALUES:
        raise ArgumentError(f"data must have fewer bins or images, or plan.repeats be lower: {bins} bins are too many")
