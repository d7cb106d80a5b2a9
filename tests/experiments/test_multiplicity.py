"""Intervals cover as often as they say, and Holm's correction keeps the rate of wrong decisions of a page."""

import math

import numpy as np
import pytest
from scipy import stats

from cordsnet.experiments.claims import FAILS, HOLDS, UNDECIDED, Claim, Measured, above, at_most, between
from cordsnet.experiments.comparison.pooling import pooled
from cordsnet.experiments.intervals import bootstrap, mean_of, share
from cordsnet.experiments.multiplicity import corrected, p_value
from cordsnet.neural.statistics.corrections import holm

SIMULATIONS, PAGES = 400, 200


def claim(value, interval=None, expected=None, exact=False, n=10):
    declared = Claim("c", "s", "here", "m", expected or above(0.0), exact)
    ends = None if interval is None else tuple(float(end) for end in interval)
    return declared.found(Measured(float(value), ends, n))


def within_binomial_range(count, probability, simulations=SIMULATIONS):
    """True if a count is one that a binomial distribution gives in 99.9 % of cases."""
    low, high = stats.binom(simulations, probability).interval(0.999)
    return low <= count <= high


def test_bootstrap_intervals_cover_as_often_as_they_say():
    random = np.random.default_rng(0)
    covered = 0
    for k in range(SIMULATIONS):
        values = random.exponential(size=150) if k % 2 else random.normal(1.0, 2.0, size=150)
        low, high = bootstrap(lambda counts, values=values: mean_of(counts, values), 150, seed=k, draws=250).interval
        covered += low <= 1.0 <= high
    assert within_binomial_range(covered, 0.95)


def test_paired_bootstrap_intervals_cover():
    random = np.random.default_rng(1)
    covered = 0
    for k in range(SIMULATIONS):
        easy = random.normal(size=150)  # makes both answers right or wrong together
        ours, theirs = (easy + random.normal(size=150) > 0 for _ in range(2))
        gain = ours.astype(float) - theirs
        low, high = bootstrap(lambda counts, gain=gain: mean_of(counts, gain), 150, seed=k, draws=250).interval
        covered += low <= 0.0 <= high
    assert within_binomial_range(covered, 0.95)


def test_intervals_of_means_over_networks_cover():
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(SIMULATIONS):
        found, runs = pooled([claim(value, (value - 1, value + 1)) for value in random.normal(3.0, 2.0, size=3)])
        assert runs == 3
        covered += found.interval[0] <= 3.0 <= found.interval[1]
    assert within_binomial_range(covered, 0.95)


def test_intervals_of_shares_cover_exactly():
    """Coverage is a finite sum for shares; that of Wilson's interval lies near its level and not above it by far."""
    shares = stats.binom(50, 0.3)
    ends = [share(k, 50).interval for k in range(51)]
    covered = sum(shares.pmf(k) for k, (low, high) in enumerate(ends) if low <= 0.3 <= high)
    assert 0.94 <= covered <= 0.97


def test_holm_equals_its_definition():
    # 3 x 0.01, then 2 x 0.02 = 0.04, then 0.5; sorted adjustments never fall
    assert holm([0.5, 0.01, 0.02]) == pytest.approx([0.5, 0.03, 0.04])
    assert holm([0.011, 0.012, 0.9]) == pytest.approx([0.033, 0.033, 0.9])
    assert holm([]) == []


def test_wrong_decisions_of_a_page_stay_below_their_level():
    random = np.random.default_rng(4)
    wrong = uncorrected = 0
    for _ in range(PAGES):
        values = random.normal(size=20)  # twenty claims whose true value lies on the edge of their range
        page = [claim(value, (value - 1.959964, value + 1.959964), n=1000) for value in values]
        verdicts = [verdict for _, verdict in corrected(page, [p_value(one) for one in page])]
        wrong += any(verdict != UNDECIDED for verdict in verdicts)
        uncorrected += any(one.verdict != UNDECIDED for one in page)
    assert wrong <= stats.binom(PAGES, 0.05).ppf(0.999)
    assert uncorrected > PAGES / 2  # 1 - 0.95 ** 20 of pages


def test_few_images_decide_no_more_pages_wrongly_than_they_should():
    """Two hundred claims about twenty images each, with the interval that a bootstrap of the mean has in the limit."""
    random = np.random.default_rng(5)
    half = -stats.norm.ppf(0.025) / math.sqrt(20)
    wrong = 0
    for _ in range(PAGES):
        images = random.normal(size=(200, 20))
        means, spreads = images.mean(1), images.std(1)
        page = [
            claim(mean, (mean - half * spread, mean + half * spread), n=20)
            for mean, spread in zip(means, spreads, strict=True)
        ]
        wrong += any(verdict != UNDECIDED for _, verdict in corrected(page, [p_value(one) for one in page]))
    assert wrong <= stats.binom(PAGES, 0.1).ppf(0.999)  # such an interval is itself narrow, by 7 % with 20 images


def test_probability_and_verdict_agree():
    for value in np.linspace(-3, 3, 41):
        one = claim(value, (value - 0.9, value + 0.9))
        assert (p_value(one) <= 0.05) == (one.verdict != UNDECIDED)


def test_probability_of_a_mean_over_three_networks_is_that_of_a_t_test():
    values = [0.3, 0.5, 0.9]
    found, runs = pooled([claim(value) for value in values])
    assert p_value(found, runs) == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, rel=1e-9)


def test_nearest_end_of_a_range_counts():
    ten = stats.t(9)
    assert p_value(claim(0.5, (0.3, 0.7), between(0.0, 0.6))) == pytest.approx(2 * ten.sf(ten.ppf(0.975) / 2), rel=1e-6)
    assert p_value(claim(-1.0, (-1.5, -0.5), between(0.0, 0.6))) < 2e-3


def test_claims_without_an_interval_keep_their_verdict_and_do_not_count():
    page = [claim(1.0, exact=True), claim(1.0), claim(2.0, (1.0, 3.0)), claim(math.nan)]
    values = [p_value(one) for one in page]
    assert values[0] is values[1] is values[3] is None
    adjusted, verdicts = zip(*corrected(page, values), strict=True)
    assert adjusted == (None, None, values[2], None)
    assert verdicts == (HOLDS, UNDECIDED, HOLDS, UNDECIDED)


def test_intervals_without_width():
    assert p_value(claim(1.0, (1.0, 1.0))) == 0.0
    assert p_value(claim(0.0, (0.0, 0.0))) == 1.0


def test_networks_that_agree_keep_the_widest_interval_over_images():
    found, runs = pooled([claim(0.0, (-0.1, 0.1), at_most(0.05)), claim(0.0, (-0.2, 0.2), at_most(0.05))])
    assert (found.value, found.interval, runs) == (0.0, (-0.2, 0.2), 0)


def test_one_measurement_among_several_runs_is_its_own():
    found, runs = pooled([claim(math.nan), claim(-1.0, (-2.0, -0.5))])
    assert (found.value, found.interval, found.verdict, runs) == (-1.0, (-2.0, -0.5), FAILS, 1)


@pytest.mark.parametrize("endless", [math.inf, -math.inf])
def test_a_value_without_end_decides_nothing_about_all(endless):
    found, runs = pooled([claim(0.5, (0.4, 0.6)), claim(endless), claim(0.7, (0.6, 0.8))])
    assert (found.value, found.interval, found.n, found.of, runs) == (endless, None, 3, "networks", 3)
    assert found.verdict == "undecided at this scale"
