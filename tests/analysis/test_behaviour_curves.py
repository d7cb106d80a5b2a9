"""Psychometric and chronometric fits against closed forms, other packages and two monkeys."""

import numpy as np
import pytest

from answers_by_hand import SHARED
from cordsnet.analysis import ChronometricFit, fit_chronometric, fit_psychometric
from cordsnet.analysis.behaviour.fitting import FitStatus
from cordsnet.data.people.roitman2002 import load_dots
from cordsnet.errors import DataError

# The example of the documentation of psignifit 4.3: two alternatives, 90 trials per level.
LEVELS = np.array([10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 100]) / 10_000
HITS = [45, 50, 44, 44, 52, 53, 62, 64, 76, 79, 88, 90, 90]
TRIALS = [90] * 13
MONKEYS = SHARED / "dots_roitman_shadlen.csv"


def test_the_example_of_psignifit():
    """psignifit 4.3 finds the mode with weak priors: threshold 0.0046330 and width 0.0048306 of a logistic curve;
    on the logarithm of the levels a Weibull curve with the threshold exp(-5.36766) and the width 1.10956."""
    logistic = fit_psychometric(LEVELS, HITS, TRIALS, curve="logistic", draws=0)
    assert logistic.threshold == pytest.approx(0.0046330, rel=1e-3)
    assert 2 * np.log(19) / logistic.slope == pytest.approx(0.0048306, rel=5e-3)
    weibull = fit_psychometric(LEVELS, HITS, TRIALS, draws=0)
    assert weibull.strength_at(0.75) == pytest.approx(np.exp(-5.367658), rel=1e-3)
    width = (np.log(-np.log(0.05)) - np.log(-np.log(0.95))) / weibull.slope
    assert width == pytest.approx(1.10956, rel=5e-3)
    assert logistic.status is weibull.status is FitStatus.CONVERGED
    assert logistic.freedom == 10
    assert 0 < weibull.deviance < logistic.deviance < 20


@pytest.mark.parametrize(("curve", "threshold", "slope"), [("weibull", 0.08, 1.4), ("logistic", -0.02, 12.0)])
def test_a_known_curve_is_found_and_its_interval_holds_it(curve, threshold, slope):
    strengths = np.array([0.0, 0.032, 0.064, 0.128, 0.256, 0.512])
    strengths = strengths if curve == "weibull" else np.concatenate([-strengths[:0:-1], strengths])
    guess = 0.5 if curve == "weibull" else 0.0
    rise = 1 - np.exp(-((strengths / threshold) ** slope)) if curve == "weibull" else None
    rise = 1 / (1 + np.exp(-slope * (strengths - threshold))) if rise is None else rise
    expected = guess + (1 - guess - 0.02) * rise
    exact = fit_psychometric(
        strengths, (expected * 10**8).round(), [10**8] * len(expected), curve=curve, guess=guess, draws=0
    )
    assert (exact.threshold, exact.slope, exact.lapse) == pytest.approx((threshold, slope, 0.02), rel=2e-3)
    assert exact.predict(strengths) == pytest.approx(expected, abs=1e-5)
    level = 0.5 * (guess + 1 - exact.lapse)
    assert exact.predict(exact.strength_at(level)) == pytest.approx(level, abs=1e-9)
    drawn = np.random.default_rng(1).binomial(400, expected)
    found = fit_psychometric(strengths, drawn, [400] * len(drawn), curve=curve, guess=guess, draws=60)
    assert found.intervals["threshold"][0] < threshold < found.intervals["threshold"][1]
    assert found.intervals["slope"][0] < slope < found.intervals["slope"][1]


def test_intervals_of_the_threshold_hold_it_as_often_as_they_say():
    strengths, inside = np.array([0.0, 0.05, 0.1, 0.2, 0.4]), 0
    expected = 0.5 + 0.5 * (1 - np.exp(-((strengths / 0.1) ** 1.5)))
    generator = np.random.default_rng(0)
    for k in range(40):
        found = fit_psychometric(strengths, generator.binomial(100, expected), [100] * 5, draws=60, seed=k)
        low, high = found.intervals["threshold"]
        inside += low < 0.1 < high
    assert inside >= 33  # 38 of 40 expected; 33 or fewer with a probability below 0.01


def test_a_curve_that_the_data_do_not_limit_says_so():
    found = fit_psychometric([0.0, 0.1, 0.2], [50, 50, 50], [100] * 3, draws=0)
    assert found.status is FitStatus.AT_BOUND
    assert "measure more strengths" in found.status.value


def walk(strength, bound, sensitivity, residual_ms, trials, seed, step=2e-4):
    """Choices and reaction times of evidence that is summed to a bound, by Euler's method with small steps."""
    generator = np.random.default_rng(seed)
    sums, alive, ms = np.zeros(trials), np.ones(trials, bool), np.full(trials, np.nan)
    for k in range(int(6 / step)):
        sums[alive] += sensitivity * strength * step + np.sqrt(step) * generator.standard_normal(alive.sum())
        ended = alive & (np.abs(sums) >= bound)
        ms[ended], alive[ended] = 1000 * step * (k + 1) + residual_ms, False
        if not alive.any():
            break
    return sums > 0, ms


def test_closed_form_is_that_of_pyddm():
    """pyddm 0.9.0 with drift 14 c, noise 1, bound 0.64, non-decision time 0.38 s and no mixture."""
    fit = ChronometricFit(0.64, 14.0, 380.0, {}, 0, FitStatus.CONVERGED)
    assert fit.mean_ms([0.0, 0.064, 0.256]) == pytest.approx(PYDDM_MS, rel=1e-4)
    assert fit.accuracy([0.0, 0.064, 0.256]) == pytest.approx(PYDDM_SHARES, abs=1e-5)


PYDDM_MS = [789.592, 749.914, 554.973]
PYDDM_SHARES = [0.5, 0.758940, 0.989924]


def test_summed_evidence_gives_its_parameters_back():
    levels, parts = [0.0, 0.064, 0.128, 0.256, 0.512], []
    for k, level in enumerate(levels):
        right, ms = walk(level, 0.64, 14.0, 380.0, 400, k, step=1e-3)
        parts.append((np.full(len(ms), level), right, ms))
    strengths, correct, ms = map(np.concatenate, zip(*parts, strict=True))
    found = fit_chronometric(strengths, correct.astype(float), ms, draws=30)
    assert found.status is FitStatus.CONVERGED
    assert found.bound == pytest.approx(0.66, rel=0.06)  # steps of 1 ms overshoot the bound by 0.58 sqrt(0.001)
    assert found.sensitivity == pytest.approx(14.0, rel=0.1)
    assert found.residual_ms == pytest.approx(380.0, abs=25.0)
    low, high = found.intervals["residual_ms"]
    assert low < found.residual_ms < high


def drawn_trials(generator, trials, misses_ms=0.0):
    """Trials that follow the curve of `summed`; with `misses_ms`, the two middle strengths are slower by it."""
    summed = ChronometricFit(0.64, 14.0, 380.0, {}, 0, FitStatus.CONVERGED)
    levels = np.array([0.0, 0.032, 0.064, 0.128, 0.256, 0.512])
    mean = summed.mean_ms(levels) + misses_ms * np.isin(levels, (0.064, 0.128))
    x = np.repeat(levels, trials)
    ms = generator.gamma(6.0, np.repeat(mean, trials) / 6.0)
    return x, (generator.random(len(x)) < summed.accuracy(x)).astype(float), ms


def test_a_chronometric_curve_says_whether_the_data_follow_it():
    generator = np.random.default_rng(3)
    good = [fit_chronometric(*drawn_trials(generator, 100), draws=0) for _ in range(60)]
    assert {fit.freedom for fit in good} == {9}
    assert np.mean([fit.deviance for fit in good]) == pytest.approx(9, abs=2.2)
    assert np.mean([fit.p_value < 0.05 for fit in good]) <= 0.15  # 9 of 60; more with a probability below 0.003
    assert 0.35 < np.mean([fit.p_value for fit in good]) < 0.7
    bad = [fit_chronometric(*drawn_trials(generator, 100, misses_ms=150.0), draws=0) for _ in range(5)]
    assert max(fit.p_value for fit in bad) < 0.01


def test_a_psychometric_curve_says_whether_the_data_follow_it():
    generator = np.random.default_rng(4)
    strengths = np.array([0.03, 0.06, 0.12, 0.25, 0.5])
    rising = 0.5 + 0.48 * -np.expm1(-((strengths / 0.1) ** 1.4))
    good = [fit_psychometric(strengths, generator.binomial(100, rising), [100] * 5, draws=39) for _ in range(30)]
    assert np.mean([fit.p_value <= 0.05 for fit in good]) <= 0.2
    assert 0.3 < np.mean([fit.p_value for fit in good]) < 0.7
    dented = fit_psychometric(strengths, [70, 55, 95, 70, 98], [100] * 5, draws=39)
    assert dented.p_value == 1 / 40
    assert np.isnan(fit_psychometric(strengths, [70, 55, 95, 70, 98], [100] * 5, draws=0).p_value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strengths": [0.1]}, "hits must have 1 values"),
        ({"strengths": [0.1, 0.1, 0.2]}, "each given once, got 2 of 3"),
        ({"strengths": [-0.1, 0.1, 0.2]}, "at least 0 for a Weibull curve, got -0.1; use 'logistic'"),
        ({"strengths": [0.1, np.nan, 0.2]}, "strengths must be finite numbers"),
        ({"hits": [5, 11, 3]}, "no more hits than trials"),
        ({"hits": [0.5, 1, 3]}, "whole numbers"),
        ({"guess": 1.0}, "guess must be at least 0 and below 1"),
    ],
)
def test_counts_that_cannot_be_are_refused(change, said):
    settings = {"strengths": [0.0, 0.1, 0.2], "hits": [5, 6, 9], "trials": [10, 10, 10], "draws": 0} | change
    with pytest.raises(ValueError, match=said):
        fit_psychometric(**settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reaction_ms": [300.0, -5.0, 300.0, 310.0]}, "reaction_ms must be above 0, got -5"),
        ({"correct": [1.0, 2.0, 0.0, 1.0]}, "correct must be 0 or 1"),
        ({"strengths": [0.1, 0.1, 0.1, 0.2]}, "each with two trials or more"),
        ({"reaction_ms": [300.0]}, "reaction_ms must have 4 values"),
    ],
)
def test_trials_that_cannot_be_are_refused(change, said):
    settings = {"strengths": [0.1, 0.1, 0.2, 0.2], "correct": [1.0, 0.0, 1.0, 1.0]}
    settings |= {"reaction_ms": [300.0, 400.0, 300.0, 310.0], "draws": 0} | change
    with pytest.raises(ValueError, match=said):
        fit_chronometric(**settings)


def test_files_of_dots_are_refused_by_name(tmp_path):
    path = tmp_path / "dots.csv"
    path.write_text("monkey,rt,coh,correct\n1,0.4,0.1,1\n")
    with pytest.raises(DataError, match="no column 'trgchoice'"):
        load_dots(path)
    path.write_text("monkey,rt,coh,correct,trgchoice\n1,0.4,0.1,1,1\n1,fast,0.1,1,1\n")
    with pytest.raises(DataError, match="'rt' is no number in row 3, got 'fast'"):
        load_dots(path)
    path.write_text("monkey,rt,coh,correct,trgchoice\n1,400,0.1,1,1\n")
    with pytest.raises(DataError, match=r"column 'rt' in .* must lie from 0 to 10, got 400"):
        load_dots(path)
    path.write_text("monkey,rt,coh,correct,trgchoice\n1,0.4,0.1,1,1\n2,0.5,0.2,0,2\n")
    trials = load_dots(path)
    assert trials.of(2).reaction_ms.tolist() == [500.0]
    with pytest.raises(ValueError, match="monkey must be one of 1, 2, got 3"):
        trials.of(3)


@pytest.mark.skipif(
    not MONKEYS.is_file(), reason="there is no shared/data/dots_roitman_shadlen.csv beside the repository"
)
@pytest.mark.parametrize(("monkey", "slowest", "fastest"), [(1, 763.0, 443.5), (2, 869.0, 358.0)])
def test_two_monkeys(monkey, slowest, fastest):
    trials = load_dots(MONKEYS).of(monkey)
    levels = np.unique(trials.coherence)
    medians = [np.median(trials.reaction_ms[trials.coherence == level]) for level in levels]
    assert (medians[0], medians[-1]) == (slowest, fastest)
    hits = [trials.correct[trials.coherence == level].sum() for level in levels]
    counts = [(trials.coherence == level).sum() for level in levels]
    fit = fit_psychometric(levels, hits, counts, draws=0)
    assert 0.05 < fit.threshold < 0.1
    assert fit.deviance < 8
    times = fit_chronometric(trials.coherence, trials.correct.astype(float), trials.reaction_ms, draws=0)
    assert times.mean_ms(levels) == pytest.approx(
        [trials.reaction_ms[trials.coherence == c].mean() for c in levels], rel=0.08
    )
