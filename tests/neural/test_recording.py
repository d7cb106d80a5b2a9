"""Recordings: means over ragged repeats, parts, rates, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from cordsnet.errors import DataError
from cordsnet.neural import Recording


def recording(**changes):
    """Three images, up to four repeats, two bins of 50 ms, two neurons; the second image has two repeats."""
    responses = np.random.default_rng(0).poisson(3.0, (3, 4, 2, 2)).astype(float)
    responses[1, 2:] = np.nan
    parts = {
        "responses": responses,
        "bins_ms": np.array([[50.0, 100.0], [100.0, 150.0]]),
        "images": ["a", "b", "c"],
        "neurons": ["n1", "n2"],
        "image_labels": {"object": np.array(["cat", "dog", "cat"])},
        "neuron_labels": {"area": np.array(["V4", "IT"])},
    }
    return Recording(**{**parts, **changes})


def test_means_are_those_of_the_repeats_that_are_present():
    whole = recording()
    assert whole.repeats.tolist() == [[4, 4], [2, 2], [4, 4]]
    np.testing.assert_allclose(whole.mean, np.nanmean(whole.responses, 1), rtol=1e-14)
    none = np.full((3, 4, 2, 2), np.nan)
    none[0, 0, 0, 0] = 1.0
    assert np.isnan(recording(responses=none).mean).sum() == 11


def test_parts_keep_their_names_and_labels():
    part = recording().select(images=np.array([2, 0]), neurons=np.array([False, True]), window_ms=(90.0, 150.0))
    assert part.images == ("c", "a")
    assert part.neurons == ("n2",)
    assert part.image_labels["object"].tolist() == ["cat", "cat"]
    assert part.neuron_labels["area"].tolist() == ["IT"]
    assert part.bins_ms.tolist() == [[100.0, 150.0]]
    np.testing.assert_array_equal(part.responses[..., 0], recording().responses[[2, 0], :, 1:, 1])


def test_counts_become_rates_by_the_duration_of_their_bin():
    rates = recording(bins_ms=np.array([[0.0, 50.0], [50.0, 250.0]])).as_rates()
    np.testing.assert_allclose(rates.responses[0, :, 0] * 0.05, recording().responses[0, :, 0])
    np.testing.assert_allclose(rates.responses[0, :, 1] * 0.2, recording().responses[0, :, 1])
    assert rates.as_rates() is rates
    with pytest.raises(DataError, match="no rate"):
        recording(unit="other").as_rates()


NEGATIVE = np.full((3, 4, 2, 2), -1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"responses": np.zeros((3, 2, 2))}, "axes"),
        ({"responses": np.zeros((3, 4, 2, 2), int)}, "float"),
        ({"responses": np.zeros((3, 0, 2, 2))}, "at least one"),
        ({"responses": np.full((3, 4, 2, 2), np.nan)}, "all NaN"),
        ({"responses": np.full((3, 4, 2, 2), np.inf)}, "infinity"),
        ({"responses": NEGATIVE}, r"negative, got -1 at \[image, repeat, time, neuron\] = \(0, 0, 0, 0\)"),
        ({"images": ["a", "b"]}, "2 names"),
        ({"images": ["a", "b", "a"]}, "'a' 2 times"),
        ({"neurons": ["n1", "n1"]}, "'n1' 2 times"),
        ({"unit": "spikes"}, "count, rate, other"),
        ({"bins_ms": np.array([[50.0, 100.0]])}, "2 bins"),
        ({"bins_ms": np.array([[50.0, 50.0], [100.0, 150.0]])}, "bin 0"),
        ({"bins_ms": np.array([[100.0, 150.0], [50.0, 100.0]])}, "bin 1 is not after bin 0"),
        ({"bins_ms": np.array([[0.0, np.nan], [50.0, 100.0]])}, "finite"),
        ({"bins_ms": np.array([[0.0, 1e9], [50.0, 2e9]])}, "ms from the onset"),
        ({"image_labels": {"object": np.array(["cat"])}}, "3 values"),
        ({"neuron_labels": {"area": np.array(["V4"])}}, "2 values"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        recording(**changes)


def test_negative_responses_are_accepted_where_they_are_no_spikes():
    assert recording(responses=NEGATIVE, unit="other").mean.min() == -1


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"images": np.array([3])}, "below 3"),
        ({"images": np.array([], int)}, "none"),
        ({"images": np.array([True])}, "truth value"),
        ({"neurons": np.array([0.5])}, "indices"),
        ({"neurons": np.zeros((1, 1), int)}, "2 axes"),
        ({"window_ms": (0.0, 60.0)}, "50 to 150 ms"),
    ],
)
def test_parts_that_do_not_exist_are_refused(chosen, message):
    with pytest.raises(DataError, match=message):
        recording().select(**chosen)


def test_a_recording_is_not_changed_by_its_parts():
    whole = recording()
    part = whole.select(images=np.array([0]))
    part.responses[:] = 7.0
    assert not (whole.responses[0] == 7.0).all()
    assert replace(whole, unit="rate").unit == "rate"
