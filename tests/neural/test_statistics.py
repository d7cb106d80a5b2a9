"""Tests of differences: equal to plain loops and to SciPy, with false positives at their level, and power."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cordsnet.errors import DataError
from cordsnet.neural.scoring.correlations import Correlations, correlations
from cordsnet.neural.scoring.scores import Scores
from cordsnet.neural.scoring.splits import Splits
from cordsnet.neural.statistics.clusters import STEP, cluster_test, enhanced
from cordsnet.neural.statistics.compare import compare_scores, sign_flip_test
from cordsnet.neural.statistics.corrections import holm
from cordsnet.neural.statistics.sign_flips import sign_flips

RUNS = 1000
LOW, HIGH = stats.binom.ppf([0.005, 0.995], RUNS, 0.05)
"""Numbers of false positives among RUNS that are expected at a level of 0.05, in 99 of 100 repetitions of this test."""


def smooth(shape, seed=0):
    """Noise [..., n, T] that is correlated over time, as that of overlapping bins is."""
    noise = np.random.default_rng(seed).standard_normal((*shape[:-1], shape[-1] + 2))
    return noise[..., :-2] + noise[..., 1:-1] + noise[..., 2:]


@pytest.mark.parametrize("method", ["mass", "tfce"])
def test_false_positives_over_time_are_at_their_level_in_1000_data_sets(method):
    """With 40 flips, the test at 0.05 is exact: the data set is as likely as each flip to be among the two largest."""
    data = smooth((RUNS, 16, 15))
    found = [cluster_test(one, method=method, draws=40, seed=k).p_value for k, one in enumerate(data)]
    assert LOW <= sum(p <= 0.05 for p in found) <= HIGH


def test_two_of_forty_flips_are_a_probability_of_a_twentieth():
    found = [cluster_test(one, draws=40, seed=k).p_values for k, one in enumerate(smooth((60, 16, 15)))]
    rest = np.concatenate(found) * 40
    assert (rest == np.rint(rest)).all()
    assert (np.concatenate(found) == 0.05).any()


def test_false_positives_of_the_paired_test_are_at_their_level_in_1000_data_sets():
    """Skewed sizes of differences, which signs do not care about; neurons one by one, and in eight animals."""
    draw = np.random.default_rng(0)
    data = draw.standard_normal((RUNS, 24)) * draw.exponential(size=(RUNS, 24))
    shift = np.repeat(draw.standard_normal((RUNS, 8)), 3, 1)
    animals = [f"a{k // 3}" for k in range(24)]
    alone = [sign_flip_test(one, draws=200, seed=k).p_value for k, one in enumerate(data)]
    within = [sign_flip_test(one, animals=animals, draws=200, seed=k).p_value for k, one in enumerate(data + shift)]
    assert LOW <= sum(p <= 0.05 for p in alone) <= HIGH
    assert LOW <= sum(p <= 0.05 for p in within) <= HIGH
    # Neurons of an animal that go together are no independent neurons, and a test that takes them for such is wrong
    wrong = [sign_flip_test(one, draws=200, seed=k).p_value for k, one in enumerate(data + shift)]
    assert sum(p <= 0.05 for p in wrong) > HIGH


def scored(predicted, observed, splits):
    made = [correlations(one, observed[test]) for one, test in zip(predicted, splits.test, strict=True)]
    model = Correlations(*(np.stack([getattr(one, part) for one in made]) for part in ("pooled", "per_bin", "centred")))
    neurons = tuple(str(k) for k in range(observed.shape[2]))
    kept = tuple(one.astype(np.float32) for one in predicted)
    bins = np.arange(observed.shape[1])
    return Scores(model, model, None, splits, kept, observed, bins, np.zeros(len(splits), int), neurons)


def pair(seed, gain=1.0, images=40, neurons=12):
    """Scores of two models whose predictions are the signal with noise of their own, of size `gain` in the second."""
    draw = np.random.default_rng(seed)
    signal = draw.standard_normal((images, 2, neurons))
    observed = signal + draw.standard_normal(signal.shape)
    first, second = (signal + size * draw.standard_normal(signal.shape) for size in (1.0, gain))
    tests = [np.arange(0, images, 2), np.arange(1, images, 2)]
    splits = Splits([np.setdiff1d(np.arange(images), test) for test in tests], tests, images)
    return tuple(scored([model[test] for test in tests], observed, splits) for model in (first, second))


def related(seed, images=40, neurons=12):
    """Scores of two models without a difference whose errors are the same combinations of neurons."""
    draw = np.random.default_rng(seed)
    latent, weights = draw.standard_normal((images, 2, 3)), draw.standard_normal((3, neurons))
    signal = latent @ weights
    observed = signal + draw.standard_normal(signal.shape)
    models = [(latent + 0.7 * draw.standard_normal(latent.shape)) @ weights for _ in range(2)]
    tests = [np.arange(0, images, 2), np.arange(1, images, 2)]
    splits = Splits([np.setdiff1d(np.arange(images), test) for test in tests], tests, images)
    return tuple(scored([model[test] for test in tests], observed, splits) for model in models)


def test_false_positives_of_compared_models_are_at_their_level_in_1000_data_sets():
    found = [compare_scores(*pair(k), draws=1, flips=200, seed=k).test.p_value for k in range(RUNS)]
    assert LOW <= sum(p <= 0.05 for p in found) <= HIGH


def test_intervals_leave_out_zero_as_often_as_they_should_where_there_is_no_difference():
    """Neurons that share noise over images too; the two-way bootstrap alone would leave out zero in 1 of 100."""
    for kind in (pair, related):
        found = [compare_scores(*kind(k), draws=150, flips=10, seed=k).interval for k in range(200)]
        outside = sum(not low <= 0 <= high for low, high in found)
        assert outside <= stats.binom.ppf(0.995, 200, 0.05) + 4  # percentiles of a small sample are narrow
        assert outside >= 2


def test_a_worse_model_is_found_worse_and_the_interval_covers_the_difference():
    better = [compare_scores(*pair(k, gain=1.6), draws=100, seed=k) for k in range(20)]
    assert sum(one.test.p_value <= 0.05 for one in better) >= 18
    expected = 1 / 2 - 1 / np.sqrt(2 * (1 + 1.6**2))  # correlations of signal + noise with signal + noise
    assert np.mean([one.value for one in better]) == pytest.approx(expected, abs=0.02)
    assert sum(one.interval[0] <= expected <= one.interval[1] for one in better) >= 17
    assert all(one.neurons == 12 and one.images == 40 for one in better)


def test_a_model_does_not_differ_from_itself():
    one, _ = pair(0)
    same = compare_scores(one, one, draws=20)
    assert same.value == 0
    assert same.interval == (0, 0)
    assert same.test.p_value == 1


def test_animals_are_drawn_before_their_neurons():
    one, other = pair(0, gain=2.0)
    animals = ["a"] * 2 + ["b"] * 4 + ["c"] * 6
    found = compare_scores(one, other, animals=animals, draws=200)
    means = [np.mean(found.differences[np.array(animals) == name]) for name in "abc"]
    assert found.value == pytest.approx(np.mean(means))
    assert found.test.n == 3
    assert found.test.p_value >= found.test.least_p == 0.25
    assert found.interval[0] < found.value < found.interval[1]


def test_scores_of_other_splits_or_responses_are_not_compared():
    one, other = pair(0)
    turned = Splits(other.splits.test, other.splits.train, 40)
    for changed, message in (
        (replace(other, splits=turned), "same splits"),
        (replace(other, observed=other.observed + 1), "same responses"),
        (replace(other, neurons=tuple("abcdefghijkl")), "same neurons"),
        (replace(other, bins=np.array([1, 2])), "same bins"),
    ):
        with pytest.raises(DataError, match=message):
            compare_scores(one, changed)


def loop(values, limit, signs):
    """Largest mass of a cluster for each row of signs, bin by bin."""
    found = []
    for row in signs:
        t = stats.ttest_1samp(values * row[:, None], 0).statistic
        best = mass = last = 0.0
        for one in t:
            side = np.sign(one) if abs(one) > limit else 0.0
            mass = mass + abs(one) if side and side == last else abs(one) * abs(side)
            best, last = max(best, mass), side
        found.append(best)
    return np.array(found)


def test_clusters_are_those_of_a_plain_loop_over_all_flips():
    values = smooth((8, 20), seed=3)
    values[:, 5:9] += 2.0
    values[:, 9:12] -= 2.5
    found = cluster_test(values)
    limit = stats.t.ppf(0.975, 7)
    signs = sign_flips(8, 1000, 0)
    assert len(np.unique(signs, axis=0)) == len(signs) == 256
    largest = loop(values, limit, signs)
    np.testing.assert_allclose(found.t, stats.ttest_1samp(values, 0).statistic, rtol=1e-10)
    assert len(found.clusters) >= 2
    for one in found.clusters:
        assert one.mass == pytest.approx(found.t[one.start : one.stop].sum())
        assert (np.abs(found.t[one.start : one.stop]) > limit).all()
        assert one.p_value == pytest.approx((largest >= abs(one.mass) - 1e-9).mean())
        assert (found.p_values[one.start : one.stop] == one.p_value).all()
    inside = np.zeros(20, bool)
    for one in found.clusters:
        inside[one.start : one.stop] = True
    np.testing.assert_array_equal(inside, np.abs(found.t) > limit)
    assert (found.p_values[~inside] == 1).all()
    assert found.least_p == 2 / 256


def test_enhancement_is_that_of_a_plain_loop():
    t = smooth((4, 15), seed=1) * 2
    expected = np.zeros_like(t)
    for r, row in enumerate(t):
        for k, one in enumerate(row):
            for height in np.arange(STEP, abs(one) + 1e-12, STEP):
                left = right = k
                while left > 0 and row[left - 1] * np.sign(one) >= height:
                    left -= 1
                while right < 14 and row[right + 1] * np.sign(one) >= height:
                    right += 1
                expected[r, k] += np.sign(one) * STEP * (right - left + 1) ** 0.5 * height**2
    np.testing.assert_allclose(enhanced(t), expected, rtol=1e-8)


@pytest.mark.parametrize("method", ["mass", "tfce"])
def test_a_difference_is_found_in_its_bins(method):
    values = smooth((20, 30), seed=5)
    values[:, 10:18] += 2.0
    found = cluster_test(values, method=method)
    assert (found.p_values[11:17] <= 0.05).all()
    assert found.p_value <= 0.01
    assert (found.p_values[:7] > 0.05).all()
    assert (found.p_values[21:] > 0.05).all()
    assert not cluster_test(np.zeros((5, 4)), method=method).t.any()


def test_sign_flips_of_few_neurons_are_exact():
    values = np.array([0.5, 1.0, -0.2, 0.8, 0.3])
    expected = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert sign_flip_test(values).p_value == pytest.approx(expected)
    assert sign_flip_test(values).least_p == 2 / 32


def test_holm_is_that_of_its_definition():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cluster_test(np.zeros(5)), "axes"),
        (lambda: cluster_test(np.zeros((1, 5))), "two rows"),
        (lambda: cluster_test(np.full((3, 5), np.nan)), "finite"),
        (lambda: cluster_test(np.ones((3, 5)), threshold=0.0), "threshold"),
        (lambda: cluster_test(np.ones((3, 5)), draws=0), "draws"),
        (lambda: sign_flip_test(np.ones(4), animals=["a"] * 4), "at least two"),
        (lambda: sign_flip_test(np.ones(4), animals=["a"] * 3), "4 neurons"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
