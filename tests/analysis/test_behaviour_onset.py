"""Onset of information: false onsets, a known onset, and the decoder beside that of scikit-learn."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cordsnet.analysis import OnsetStatus, information_onset
from cordsnet.analysis.behaviour.onset import _accuracy
from cordsnet.errors import ArgumentError

LABELS = np.arange(24) % 2
TIMES = 10.0 * np.arange(12)


def recording(seed=0, rise=None, units=3):
    rates = np.random.default_rng(seed).normal(size=(12, 24, units))
    if rise is not None:
        rates[rise:] += 1.5 * LABELS[:, None]
    return rates


def test_false_onsets_of_recordings_without_information_are_five_percent():
    found = [
        information_onset(recording(k), LABELS, TIMES, 2, 3, permutations=39, draws=0, seed=k).status
        for k in range(200)
    ]
    false = sum(status is OnsetStatus.FOUND for status in found)
    assert false <= stats.binom.ppf(0.99, 200, 0.05), false
    assert false > 0


def test_a_known_onset_is_found_with_its_interval():
    found = information_onset(recording(rise=5, units=8), LABELS, TIMES, 2, 4, permutations=99, draws=50)
    assert found.status is OnsetStatus.FOUND
    assert found.onset_ms == 50.0
    assert found.interval_ms[0] <= 50.0 <= found.interval_ms[1]
    assert found.accuracy[5:].min() > 0.9
    assert found.p_value == 0.01
    assert found.share_found == 1.0


def test_without_information_there_is_no_onset_and_no_interval():
    found = information_onset(recording(3), LABELS, TIMES, 3, 3, permutations=39)
    assert found.status is OnsetStatus.NEVER
    assert math.isnan(found.onset_ms)
    assert found.interval_ms is None


@pytest.mark.parametrize("classes", [2, 3])
def test_the_decoder_is_the_ridge_classifier_of_scikit_learn(classes):
    labels = np.arange(24) % classes
    rates = recording(1, units=5) + 0.5 * labels[:, None]
    place = np.arange(24) // classes % 3
    mine = _accuracy(rates, labels[None], place, classes, 1.0)[0]
    for t in range(12):
        said = np.empty(24, int)
        for fold in range(3):
            train = place != fold
            said[~train] = (
                make_pipeline(StandardScaler(), RidgeClassifier(1.0)).fit(rates[t, train], labels[train])
            ).predict(rates[t, ~train])
        assert mine[t] == pytest.approx(np.mean([(said == labels)[labels == k].mean() for k in range(classes)]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(24, int)}, "two conditions"),
        ({"labels": LABELS[:-1]}, "24 whole numbers"),
        ({"time_ms": TIMES[::-1].copy()}, "increase"),
        ({"activity": np.full((12, 24, 3), np.nan)}, "finite"),
        ({"consecutive": 13}, "12 bins"),
        ({"folds": 13}, "rarest condition"),
        ({"permutations": 5}, "19"),
        ({"penalty": 0.0}, "penalty"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    given = {"activity": recording(), "labels": LABELS, "time_ms": TIMES} | change
    with pytest.raises(ArgumentError, match=message):
        information_onset(**given)


def test_groups_stay_together_and_what_differs_between_images_alone_is_no_information():
    """Trials are six copies of each of 8 images, which differ; without groups, decoders learn each by heart."""
    rng = np.random.default_rng(7)
    image = np.repeat(np.arange(8), 6)
    rates = np.repeat(rng.normal(size=(1, 8, 12)), 6, 1) + 0.1 * rng.normal(size=(5, 48, 12))
    settings = {"consecutive": 1, "folds": 4, "permutations": 39, "draws": 0}
    labels, times = image % 2, 10.0 * np.arange(5)
    assert information_onset(rates, labels, times, **settings).status is OnsetStatus.FOUND
    assert information_onset(rates, labels, times, **settings, groups=image).status is OnsetStatus.NEVER
    with pytest.raises(ArgumentError, match="one condition each"):
        information_onset(rates, np.arange(48) % 2, times, **settings, groups=image)
    with pytest.raises(ArgumentError, match="groups must be 48"):
        information_onset(rates, labels, times, **settings, groups=image[:3])


def test_a_strict_threshold_is_that_of_single_bins():
    single, run, strict = (
        information_onset(recording(2), LABELS, TIMES, n, 3, permutations=39, draws=0, strict=given).threshold
        for n, given in ((1, False), (3, False), (3, True))
    )
    assert strict == single
    assert strict > run
