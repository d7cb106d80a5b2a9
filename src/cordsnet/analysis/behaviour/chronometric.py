"""Chronometric curves: reaction time against the strength of a stimulus, with accuracy.

Source: Palmer, Huk & Shadlen, Journal of Vision 5, 2005: evidence that is summed up to one of two bounds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, xlogy
from scipy.stats import chi2

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.analysis.behaviour.fitting import MOST_DRAWS, Array, FitStatus, as_array, best, percentiles, status_of

NAMES = ("bound", "sensitivity", "residual_ms")


@dataclass(frozen=True)
class ChronometricFit:
    """Mean reaction time bound / (sensitivity x) tanh(bound sensitivity x) + residual, and accuracy to match.

    Attributes
    ----------
    bound : A, at which the sum of evidence ends a decision; evidence has unit variance per second.
    sensitivity : k, evidence per second and unit of strength.
    residual_ms : time that is not decision, ms.
    intervals : parameter -> its 95 % interval, by the bootstrap over trials; empty without one.
    trials : number of trials.
    status : outcome of the fit.
    deviance : squared misses of the mean reaction times in standard errors, and twice the log-likelihood ratio of the
        shares of right answers to those of the model, summed over strengths; about `freedom` for a curve that fits.
    freedom : two for each strength, less three parameters.
    p_value : probability of a larger deviance if the curve is right, by the chi-square distribution. Below 0.05, the
        data do not follow the curve, and its parameters and their intervals mean little. NaN for a curve that was made
        without data.
    """

    bound: float
    sensitivity: float
    residual_ms: float
    intervals: Mapping[str, tuple[float, float]]
    trials: int
    status: FitStatus
    deviance: float = float("nan")
    freedom: int = 0
    p_value: float = float("nan")

    def mean_ms(self, strengths: Any) -> Array:
        """Expected mean reaction time at some strengths, ms."""
        values = as_array(np.atleast_1d(strengths), "strengths")
        return _mean_ms(values, np.array([self.bound, self.sensitivity, self.residual_ms]))

    def accuracy(self, strengths: Any) -> Array:
        """Expected share of right answers at some strengths."""
        values = as_array(np.atleast_1d(strengths), "strengths")
        return np.asarray(expit(2 * self.bound * self.sensitivity * values), dtype=float)


@check_arguments
def fit_chronometric(
    strengths: Any, correct: Any, reaction_ms: Any, *, draws: int = 200, seed: int = 0
) -> ChronometricFit:
    """Fit reaction time and accuracy together, by the likelihood of means and of counts.

    Parameters
    ----------
    strengths : strength of the stimulus in each trial [N], from 0.
    correct : 1 where the answer was right, 0 where it was wrong [N].
    reaction_ms : reaction time of each trial, ms [N].
    draws : samples of the bootstrap over trials, within strengths; 0 for no intervals.
    seed : of the bootstrap.

    Raises
    ------
    ValueError : fewer than two strengths, a strength below 0, a level with fewer than two trials, or a reaction time
        that is no positive number.
    """
    x = as_array(strengths, "strengths")
    hit, ms = as_array(correct, "correct", len(x)), as_array(reaction_ms, "reaction_ms", len(x))
    check_count(draws, "draws", 0, most=MOST_DRAWS)
    check_count(seed, "seed", 0)
    levels, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    if len(levels) < 2 or levels[0] < 0 or counts.min() < 2:
        raise ValueError(
            f"strengths must be at least 0, and two at least, each with two trials or more, got {levels.tolist()!r:.60}"
        )
    if not np.isin(hit, (0, 1)).all():
        raise ValueError("correct must be 0 or 1 in every trial")
    if (ms <= 0).any():
        raise ValueError(f"reaction_ms must be above 0, got {ms.min():g}; times before the stimulus are no reactions")
    rows = [np.flatnonzero(place == k) for k in range(len(levels))]
    found, converged, bounds, cost = _fitted(levels, rows, hit, ms)
    generator, samples = np.random.default_rng(seed), []
    for _ in range(draws):
        again = [generator.choice(row, len(row)) for row in rows]
        samples.append(_fitted(levels, again, hit, ms, found)[0])
    intervals = percentiles(samples, NAMES) if draws else {}
    bound, sensitivity, residual = (float(value) for value in found)
    status = status_of(found, bounds, converged)
    shares = np.array([hit[row].mean() for row in rows])
    saturated = -float((counts * (xlogy(shares, shares) + xlogy(1 - shares, 1 - shares))).sum())
    deviance, freedom = 2 * max(0.0, cost - saturated), 2 * len(levels) - len(NAMES)
    p_value = float(chi2.sf(deviance, freedom))
    return ChronometricFit(
        bound, sensitivity, residual, intervals, len(x), status, deviance=deviance, freedom=freedom, p_value=p_value
    )


def _fitted(
    levels: Array, rows: list[Any], hit: Array, ms: Array, start: Array | None = None
) -> tuple[Array, bool, list[tuple[float, float]], float]:
    """Parameters, whether the search converged, the bounds, and the cost."""
    n = np.array([len(row) for row in rows], dtype=float)
    hits = np.array([hit[row].sum() for row in rows])
    mean = np.array([ms[row].mean() for row in rows])
    spread = np.array([ms[row].std(ddof=1) for row in rows])
    error = np.maximum(spread, 1e-3 * mean) / np.sqrt(n)
    longest = float(mean.max())
    bounds = [(1e-3, 30 * np.sqrt(longest / 1000)), (1e-3, 1e3 / float(levels.max())), (0.0, float(mean.min()))]

    def cost(parameters: Array) -> float:
        p = np.clip(expit(2 * parameters[0] * parameters[1] * levels), 1e-12, 1 - 1e-12)
        misses = ((mean - _mean_ms(levels, parameters)) / error) ** 2 / 2
        return float(misses.sum() - (xlogy(hits, p) + xlogy(n - hits, 1 - p)).sum())

    decision = max(longest - float(mean.min()), 0.1 * longest) / 1000
    steep = 1 / float(np.median(levels[levels > 0]))
    starts = [(np.sqrt(decision), steep * f, 0.8 * float(mean.min())) for f in (0.3, 1.0, 3.0)]
    found, lowest, converged = best(cost, starts if start is None else [list(start)], bounds)
    return found, converged, bounds, lowest


def _mean_ms(x: Array, parameters: Array) -> Array:
    """Mean reaction time, ms; at strength 0 the limit bound^2 + residual."""
    bound, sensitivity, residual = parameters
    drift = sensitivity * np.maximum(np.abs(x), 1e-9)
    return np.asarray(1000 * bound / drift * np.tanh(bound * drift) + residual, dtype=float)
