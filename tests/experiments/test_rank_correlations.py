"""Spearman's correlation: that of scipy, with ties, samples that are drawn again, rows, and what was censored."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from cordsnet.experiments.intervals import rank_correlation, rank_correlations

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("levels", [1000, 5, 2])
def test_numbers_and_rows_of_them_are_those_of_scipy_with_and_without_ties(levels):
    one, other = RNG.integers(0, levels, size=(2, 6, 17)).astype(float)
    expected = [spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    assert rank_correlations(one, other) == pytest.approx(expected)
    assert [rank_correlations(a, b)[0] for a, b in zip(one, other, strict=True)] == pytest.approx(expected)
    assert rank_correlation(one[0], other[0], draws=10).value == pytest.approx(expected[0])


def test_every_sample_is_that_of_scipy():
    x, y = RNG.normal(size=30), RNG.integers(0, 5, 30).astype(float)
    x[:4] = np.inf
    counts = RNG.multinomial(30, np.full(30, 1 / 30), size=20).astype(float)
    for row, value in zip(counts.astype(int), rank_correlations(x, y, counts), strict=True):
        drawn = np.repeat(np.arange(30), row)
        finite = np.where(np.isinf(x), 1e9, x)
        assert value == pytest.approx(spearmanr(finite[drawn], y[drawn]).statistic)
    assert rank_correlations(x, y, np.ones((1, 30))) == pytest.approx(rank_correlations(x, y))


def test_what_is_censored_shares_the_last_rank():
    one, other = np.array([1.0, 2.0, np.inf, np.inf]), np.array([5.0, 6.0, 7.0, 8.0])
    assert rank_correlations(one, other)[0] == pytest.approx(spearmanr([1, 2, 9, 9], [5, 6, 7, 8]).statistic)


@pytest.mark.filterwarnings("error")
def test_without_variation_or_with_gaps_there_is_none():
    x, once = np.arange(9.0), np.ones((2, 9))
    for flat in (np.full(9, 3.0), np.full(9, np.inf), np.where(x < 3, np.nan, x)):
        assert np.isnan(rank_correlations(x, flat)).all()
        assert np.isnan(rank_correlations(flat, x, once)).all()
    assert np.isnan(rank_correlations(x[:0], x[:0])).all()
    assert np.isnan(rank_correlations(np.stack([x, x * 0]), np.stack([x, x]))).tolist() == [False, True]
