"""Latencies against closed forms."""

import numpy as np
import pytest

from cordsnet.errors import ArgumentError
from cordsnet.experiments.effects.latencies import crossing_times, times_to_share

TIMES = np.arange(0.0, 402.0, 2.0)


def test_exponential_rise_and_fall_reach_half_after_tau_log_two() -> None:
    taus = np.array([10.0, 20.0])
    rises = 1 - np.exp(-TIMES[:, None] / taus)
    assert np.allclose(times_to_share(rises, TIMES), taus * np.log(2), atol=0.05)
    assert np.allclose(times_to_share(-rises, TIMES), taus * np.log(2), atol=0.05)


def test_only_a_crossing_that_stays_counts() -> None:
    curves = np.array([[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0]])
    found = crossing_times(curves, np.array([0.0, 2.0, 4.0, 6.0]), 0.5)
    assert np.allclose(found, [5.0, np.nan, 0.0, np.nan], equal_nan=True)


def test_a_curve_without_change_has_no_latency() -> None:
    assert np.isnan(times_to_share(np.ones((4, 1)), np.arange(4.0))).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ArgumentError, match="times"):
        crossing_times(np.ones((3, 1)), np.array([0.0, 2.0, 2.0]), 0.5)
    with pytest.raises(ArgumentError, match="curves"):
        crossing_times(np.full((3, 1), np.nan), np.arange(3.0), 0.5)
    with pytest.raises(ArgumentError, match="share"):
        times_to_share(np.ones((3, 1)), np.arange(3.0), 1.5)
