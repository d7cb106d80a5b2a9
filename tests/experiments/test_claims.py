"""Claims: the rule decides, and intervals are those of the textbook."""

import math

import numpy as np
import pytest

from cordsnet.experiments import EXPERIMENTS, Claim, Expected, Measured
from cordsnet.experiments.claims import above, at_least, at_most, between, decide
from cordsnet.experiments.intervals import (
    bootstrap,
    mean_difference,
    mean_of,
    rank_correlation,
    share,
    share_difference,
)


def claim(expected, **more) -> Claim:
    return Claim("drop", "Accuracy falls.", "a paper, Figure 1", "points", expected, **more)


@pytest.mark.parametrize(
    ("measured", "exact", "verdict"),
    [
        (Measured(0.01, (0.0, 0.04), 360), False, "holds"),
        (Measured(0.01, (0.0, 0.06), 360), False, "undecided at this scale"),
        (Measured(0.2, (0.1, 0.3), 360), False, "fails"),
        (Measured(0.01, None, 1), False, "undecided at this scale"),
        (Measured(0.01, None, 1), True, "holds"),
        (Measured(0.2, None, 1), True, "fails"),
        (Measured(math.nan), True, "undecided at this scale"),
        (Measured(0.01, (math.nan, 0.02)), False, "undecided at this scale"),
    ],
)
def test_the_rule_decides(measured, exact, verdict):
    assert claim(at_most(0.05), exact=exact).found(measured).verdict == verdict


def test_before_the_run_nothing_is_decided():
    assert claim(at_least(0.0), exact=True).verdict == "undecided at this scale"


def test_ends_of_a_range_count_unless_it_is_strict():
    assert claim(at_least(0.0)).found(Measured(0.0, (0.0, 0.0))).verdict == "holds"
    assert claim(above(0.0)).found(Measured(0.0, (0.0, 0.0))).verdict == "fails"
    assert claim(above(0.0)).found(Measured(0.1, (0.0, 0.2))).verdict == "undecided at this scale"
    assert claim(between(1.0, 2.0)).found(Measured(2.5, (2.1, 3.0))).verdict == "fails"
    assert [str(x) for x in (at_least(1), at_most(2), above(3), between(4, 5))] == [
        "at least 1", "at most 2", "above 3", "from 4 to 5",
    ]  # fmt: skip


def test_a_range_without_ends_is_refused():
    with pytest.raises(ValueError, match="one finite end"):
        Expected()
    with pytest.raises(ValueError, match="low <= high"):
        Expected(2.0, 1.0)


def test_what_no_claim_declares_is_refused():
    with pytest.raises(ValueError, match="'rise' was measured"):
        decide([claim(at_most(1.0))], {"rise": Measured(0.0)})
    (undecided,) = decide([claim(at_most(1.0))], {}, "net")
    assert (undecided.subject, undecided.verdict) == ("net", "undecided at this scale")


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_experiment_declares_claims_with_source_and_presets_with_an_estimate(name):
    experiment = EXPERIMENTS[name]
    assert experiment.claims
    assert len({claim.name for claim in experiment.claims}) == len(experiment.claims)
    for one in experiment.claims:
        assert one.statement.endswith(".")
        assert one.source
        assert one.measure
        assert one.value is None
    assert experiment.description.endswith(".")
    assert {"smoke", "desk"} <= set(experiment.presets)
    assert experiment.default in experiment.presets
    for preset in experiment.presets.values():
        assert "GB of memory" in str(preset)
        assert preset.minutes > 0


def test_intervals_of_shares():
    low, high = share(9, 10).interval
    assert (low, high) == pytest.approx((0.5958, 0.9821), abs=1e-4)  # Wilson, without continuity correction
    low, high = share_difference(56, 70, 48, 80).interval
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=1e-4)  # Newcombe 1998, method 10, example a
    assert math.isnan(share_difference(0, 0, 1, 2).value)


def test_single_runs_have_no_interval():
    assert mean_difference([0.9], [0.8, 0.7]).interval is None
    assert math.isnan(mean_difference([], [1.0]).value)
    low, high = mean_difference([0.9, 0.91, 0.89], [0.5, 0.51, 0.52]).interval
    assert 0.3 < low < 0.39 < high < 0.5


def test_the_bootstrap_covers_a_mean_and_a_share_is_never_certain():
    values = np.random.default_rng(1).normal(1.0, 2.0, 400)
    found = bootstrap(lambda counts: mean_of(counts, values), 400)
    half = 1.96 * values.std() / 20
    assert found.interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)
    alike = np.zeros(20)
    assert bootstrap(lambda counts: mean_of(counts, alike), 20).interval == (0.0, 0.0)
    low, high = bootstrap(lambda counts: mean_of(counts, alike), 20, of_shares=True).interval
    assert high == -low == pytest.approx(0.161, abs=1e-3)
    assert bootstrap(lambda counts: mean_of(counts, np.ones(1)), 1).interval is None


@pytest.mark.parametrize("n", [1, 3, 5])
def test_few_images_that_agree_decide_nothing(n):
    values = np.arange(1.0, n + 1)  # all above 0, and of perfect rank correlation with themselves
    found = bootstrap(lambda counts: mean_of(counts, values), n)
    assert (found.value, found.interval, found.n) == (values.mean(), None, n)
    assert rank_correlation(values, values).interval is None
    assert claim(at_least(0.0)).found(found).verdict == "undecided at this scale"


def test_few_images_have_the_interval_of_a_share():
    low, high = bootstrap(lambda counts: mean_of(counts, np.ones(3)), 3, of_shares=True).interval
    assert low <= share(3, 3).interval[0] + 1e-9 < high


def test_a_statistic_without_a_value_in_most_samples_has_no_interval():
    def drawn_once(counts):
        """1 in the 38 % of samples with one copy of the first of twenty images."""
        return np.where(counts[:, 0] == 1, 1.0, np.nan)

    found = bootstrap(drawn_once, 20)
    assert (found.value, found.interval) == (1.0, None)
