"""Recordings that are made have the units, latencies, rates and reliabilities that their truth says."""

import numpy as np
import pytest

from cordsnet.neural import make_recording, split_half_reliability


def activity(images=60, bins=12, units=20, seed=0):
    """Smooth activity in time, with different images and a unit that is silent."""
    rng = np.random.default_rng(seed)
    found = np.cumsum(rng.normal(size=(images, bins, units)), 1)
    found[..., 3] = 2.0
    starts = 10.0 * np.arange(bins)
    return found, np.stack([starts, starts + 10], 1)


def test_neurons_sample_the_units_that_the_truth_names():
    given, bins_ms = activity()
    made = make_recording(given, bins_ms, neurons=10, repeats=200, rates_hz=400.0, seed=1)
    assert 3 not in made.units
    assert len(set(made.units.tolist())) == 10
    for neuron, unit in enumerate(made.units):
        r = np.corrcoef(made.recording.mean[..., neuron].ravel(), given[..., unit].ravel())[0, 1]
        assert r > 0.98
        assert made.weights[:, neuron].tolist() == np.eye(20)[unit].tolist()
    np.testing.assert_allclose(made.expected.mean((0, 1)), 4.0)  # 400 spikes per s in 10 ms
    assert made.recording.unit == "count"


def test_a_linear_map_recovers_mixtures():
    given, bins_ms = activity()
    made = make_recording(given, bins_ms, neurons=30, mixed=5, seed=2)
    assert made.units is None
    assert (np.count_nonzero(made.weights, 0) == 5).all()
    flat = np.column_stack([given.reshape(-1, 20), np.ones(given.size // 20)])
    found = np.linalg.lstsq(flat, made.expected.reshape(-1, 30), rcond=None)[0][:20]
    found[3] = 0.0  # the silent unit is one with the constant
    for neuron in range(30):
        assert np.corrcoef(found[:, neuron], made.weights[:, neuron])[0, 1] > 1 - 1e-9


def test_responses_lag_by_the_latency_of_each_neuron():
    given, bins_ms = activity()
    plain = make_recording(given, bins_ms, neurons=5, seed=3)
    late = make_recording(given, bins_ms, neurons=5, latency_ms=np.array([0.0, 10.0, 20.0, 5.0, 500.0]), seed=3)
    d = given[..., plain.units]
    for neuron, bins in ((0, 0), (1, 1), (2, 2)):
        shift = d[:, : 12 - bins, neuron].ravel()
        assert np.corrcoef(late.expected[:, bins:, neuron].ravel(), shift)[0, 1] == pytest.approx(1)
    between = (d[:, :-1, 3] + d[:, 1:, 3]).ravel()
    assert np.corrcoef(late.expected[:, 1:, 3].ravel(), between)[0, 1] == pytest.approx(1)
    assert (np.ptp(late.expected[..., 4], 1) < 1e-12).all()  # only the first bin has come
    assert late.latency_ms.tolist() == [0, 10, 20, 5, 500]


@pytest.mark.parametrize("noise", ["poisson", "gaussian"])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_split_halves_find_the_reliability_that_is_expected(noise, missing):
    given, bins_ms = activity(images=400, bins=3, units=40)
    made = make_recording(given, bins_ms, neurons=30, repeats=6, noise=noise, rates_hz=300.0, missing=missing)
    found = split_half_reliability(made.recording, halves=20, draws=0)
    assert np.median(made.reliability) > 0.3
    assert abs(found.value - made.reliability).max() < 0.25  # the standard error of the weakest is 0.08
    assert (found.value - made.reliability).mean() == pytest.approx(0, abs=0.015)


def test_repeats_drift_and_are_missing_as_asked():
    given, bins_ms = activity()
    made = make_recording(given, bins_ms, neurons=19, repeats=5, rates_hz=400.0, drift=0.5, missing=0.3, seed=4)
    by_repeat = np.nanmean(made.recording.responses, (0, 2, 3))
    np.testing.assert_allclose(by_repeat / by_repeat.mean(), [0.75, 0.875, 1.0, 1.125, 1.25], atol=0.03)
    assert np.isnan(made.reliability).all()
    absent = np.isnan(made.recording.responses)
    assert absent.mean() == pytest.approx(0.3, abs=0.02)
    assert (absent.all(2) == absent.any(2)).all()
    assert made.recording.repeats.min() >= 1
    again = make_recording(given, bins_ms, neurons=19, repeats=5, rates_hz=400.0, drift=0.5, missing=0.3, seed=4)
    np.testing.assert_array_equal(again.recording.responses, made.recording.responses)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activity": np.zeros((3, 4))}, "activity must be numbers"),
        ({"activity": np.full((60, 12, 20), np.nan)}, "activity must be finite"),
        ({"bins_ms": np.zeros((5, 2))}, "bins_ms must hold"),
        ({"noise": "pink"}, "poisson, gaussian"),
        ({"neurons": 20}, "1 to the 19 units that vary"),
        ({"neurons": 0}, "neurons must be"),
        ({"mixed": 20}, "mixed must be"),
        ({"repeats": 0}, "repeats must be from 1"),
        ({"repeats": 10**8}, "repeats must be from 1"),
        ({"rates_hz": 0.0}, "rates_hz must be"),
        ({"latency_ms": np.zeros(3)}, "latency_ms must be"),
        ({"drift": 2.0}, "drift must be"),
        ({"missing": 1.0}, "missing must be"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_what_cannot_be_made_is_refused(changes, message):
    given, bins_ms = activity()
    with pytest.raises(ValueError, match=message):
        make_recording(**{"activity": given, "bins_ms": bins_ms, "neurons": 5, **changes})
