"""Intervals of bootstrap samples are given where the samples say something about the value, and else not."""

import math

import numpy as np
import pytest

from cordsnet._intervals import percentile_interval
from cordsnet.experiments.claims import Claim, below, decide
from cordsnet.experiments.intervals import bootstrap, mean_of, rank_correlation


def test_the_ends_are_those_of_numpy():
    drawn = np.random.default_rng(0).normal(size=4000)
    assert percentile_interval(drawn, 0.1) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


@pytest.mark.parametrize(("undefined", "given"), [(0.0, True), (0.02, True), (0.03, False), (0.5, False), (1.0, False)])
def test_samples_without_a_value_are_not_left_out_in_silence(undefined, given):
    drawn = np.random.default_rng(0).normal(size=1000)
    drawn[: round(1000 * undefined)] = np.nan
    assert (percentile_interval(drawn, 0.0) is not None) == given


@pytest.mark.parametrize("value", [math.nan, math.inf, 5.0, -5.0])
def test_a_value_that_no_sample_comes_near_has_no_interval(value):
    assert percentile_interval(np.linspace(-1, 1, 1000), value) is None


def test_samples_that_are_all_the_same_are_an_interval():
    assert percentile_interval(np.full(100, 0.1 + 0.2), 0.3) == pytest.approx((0.3, 0.3))
    assert percentile_interval([], 0.3) is None


def test_a_correlation_that_rests_on_one_image_is_undecided():
    """Nineteen equal times and one other: a third of the samples lack that one, and have no correlation."""
    times, margins = np.zeros(20), np.arange(20.0)
    times[0] = 1.0
    found = rank_correlation(times, margins)
    assert found.value < 0
    assert found.interval is None
    claim = Claim("orders", "Times fall.", "a test", "rank correlation", below(0.0))
    (decided,) = decide((claim,), {"orders": found}, "net")
    assert decided.verdict == "undecided at this scale"


def test_intervals_of_ordinary_means_cover_the_truth():
    """95 % of the intervals of 400 samples of 200 numbers cover the mean, within the binomial range."""
    rng, hits = np.random.default_rng(1), 0
    for seed in range(400):
        numbers = rng.exponential(size=200)
        found = bootstrap(lambda counts, x=numbers: mean_of(counts, x), 200, seed)
        assert found.interval is not None
        hits += found.interval[0] <= 1.0 <= found.interval[1]
    assert 0.91 <= hits / 400 <= 0.98
