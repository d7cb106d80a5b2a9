"""Psychometric curves: the share of right answers, or of answers of one kind, against the strength of a stimulus.

Source: Wichmann & Hill, Perception & Psychophysics 63, 2001.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from scipy.special import expit, logit, xlogy

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.analysis.behaviour.fitting import MOST_DRAWS, Array, FitStatus, as_array, best, percentiles, status_of

Curve = Literal["weibull", "logistic"]

NAMES = ("threshold", "slope", "lapse", "guess")
MOST_LAPSES = 0.2
"""Upper bound of the lapse rate: a subject who lapses more often does not do the task."""


@dataclass(frozen=True)
class PsychometricFit:
    """A psychometric curve, guess + (1 - guess - lapse) F(strength).

    Attributes
    ----------
    curve : "weibull", F(x) = 1 - exp(-(x / threshold)^slope), for strengths from 0; or "logistic", F(x) = 1 / (1 +
        exp(-slope (x - threshold))), for strengths of either sign.
    threshold : strength at which F is 0.63 (Weibull) or 0.5 (logistic), in units of the strengths.
    slope : steepness of F.
    lapse : share of trials in which even the strongest stimulus is missed.
    guess : share of right answers without a stimulus.
    intervals : parameter -> its 95 % interval, by the parametric bootstrap; empty without one.
    deviance : twice the log-likelihood ratio to the shares as they are; about `freedom` for a curve that fits.
    freedom : strengths less free parameters.
    trials : number of trials.
    status : outcome of the fit.
    p_value : share of the bootstrap samples, which follow the curve, whose deviance is at least as large (Wichmann &
        Hill 2001); NaN without one. Below 0.05, the data do not follow the curve.
    """

    curve: str
    threshold: float
    slope: float
    lapse: float
    guess: float
    intervals: Mapping[str, tuple[float, float]]
    deviance: float
    freedom: int
    trials: int
    status: FitStatus
    p_value: float = float("nan")

    def predict(self, strengths: Any) -> Array:
        """Expected share at some strengths."""
        values = as_array(np.atleast_1d(strengths), "strengths")
        return _expected(self.curve, values, np.array([self.threshold, math.log(self.slope), self.lapse, self.guess]))

    def strength_at(self, level: float) -> float:
        """Strength at which the curve reaches a share. Raises ValueError for one that it does not reach."""
        low, high = self.guess, 1 - self.lapse
        if not low < level < high:
            raise ValueError(f"level must be between {low:.3g} and {high:.3g}, where the curve runs, got {level!r}")
        share = (level - low) / (high - low)
        if self.curve == "weibull":
            return float(self.threshold * (-math.log1p(-share)) ** (1 / self.slope))
        return float(self.threshold + logit(share) / self.slope)


@check_arguments
def fit_psychometric(
    strengths: Any,
    hits: Any,
    trials: Any,
    *,
    curve: Curve = "weibull",
    guess: float | None = 0.5,
    draws: int = 200,
    seed: int = 0,
) -> PsychometricFit:
    """Fit a psychometric curve by maximum likelihood.

    Parameters
    ----------
    strengths : different strengths of the stimulus [N], such as coherence; from 0 for "weibull".
    hits : right answers, or answers of one kind, at each strength [N].
    trials : trials at each strength [N].
    curve : "weibull" or "logistic".
    guess : share of right answers without a stimulus, 1 / options; None fits it, with the lapse rate as its bound.
    draws : samples of the parametric bootstrap; 0 for no intervals.
    seed : of the bootstrap.

    Raises
    ------
    ValueError : fewer than two strengths, a strength twice or below 0 with "weibull", or more hits than trials.
    """
    x, n, k = _checked(strengths, hits, trials, curve)
    check_count(draws, "draws", 0, most=MOST_DRAWS)
    check_count(seed, "seed", 0)
    if guess is not None and not 0 <= guess < 1:
        raise ValueError(f"guess must be at least 0 and below 1, got {guess!r}")
    # strengths in units of their range and the logarithm of the slope, so that all parameters are of order 1
    unit = float(x.max() if curve == "weibull" else np.ptp(x))
    scaled, free = x / unit, (0.0, MOST_LAPSES) if guess is None else (guess, guess)
    places = [float(np.quantile(scaled[scaled > 0] if curve == "weibull" else scaled, q)) for q in (0.25, 0.5, 0.75)]
    if curve == "weibull":
        bounds = [(1e-3, 10.0), (math.log(0.05), math.log(20.0)), (0.0, MOST_LAPSES), free]
    else:
        ends = float(scaled.min()) - 1, float(scaled.max()) + 1
        bounds = [ends, (math.log(0.05), math.log(200.0)), (0.0, MOST_LAPSES), free]
    steep = (0.0, 1.1) if curve == "weibull" else (1.4, 3.0)
    starts = [(place, slope, 0.02, free[0]) for place in places for slope in steep]
    at, cost, converged = best(partial(_cost, curve, scaled, k, n), starts, bounds)
    generator, samples, deviances = np.random.default_rng(seed), [], []
    for _ in range(draws):
        drawn = generator.binomial(n.astype(int), _expected(curve, scaled, at)).astype(float)
        parameters, lowest, _ = best(partial(_cost, curve, scaled, drawn, n), [at], bounds)
        samples.append(_in_units(curve, parameters, unit))
        deviances.append(_deviance(lowest, drawn, n))
    found, deviance = _in_units(curve, at, unit), _deviance(cost, k, n)
    return PsychometricFit(
        curve=curve,
        **dict(zip(NAMES, map(float, found), strict=True)),
        intervals=percentiles(samples, NAMES[: 3 if guess is not None else 4]) if draws else {},
        deviance=deviance,
        freedom=len(x) - (3 if guess is not None else 4),
        trials=int(n.sum()),
        status=status_of(at, bounds, converged, may_touch=(2, 3)),
        p_value=(1 + sum(one >= deviance for one in deviances)) / (1 + draws) if draws else math.nan,
    )


def _checked(strengths: Any, hits: Any, trials: Any, curve: str) -> tuple[Array, Array, Array]:
    """Strengths, trials and hits."""
    x = as_array(strengths, "strengths")
    k, n = as_array(hits, "hits", len(x)), as_array(trials, "trials", len(x))
    if len(x) < 2 or len(np.unique(x)) < len(x):
        raise ValueError(f"strengths must be at least two, each given once, got {len(np.unique(x))} of {len(x)}")
    if curve == "weibull" and (x.min() < 0 or x.max() <= 0):
        raise ValueError(f"strengths must be at least 0 for a Weibull curve, got {x.min():g}; use 'logistic'")
    if (n < 1).any() or (n != n.round()).any() or (k < 0).any() or (k > n).any() or (k != k.round()).any():
        raise ValueError("hits and trials must be whole numbers, with 1 trial at least and no more hits than trials")
    return x, n, k


def _in_units(curve: str, parameters: Array, unit: float) -> Array:
    """Threshold, slope, lapse and guess in units of the strengths, from those that are fitted."""
    slope = math.exp(parameters[1]) / (1 if curve == "weibull" else unit)
    return np.array([parameters[0] * unit, slope, *parameters[2:]])


def _expected(curve: str, x: Array, parameters: Array) -> Array:
    threshold, log_slope, lapse, guess = parameters
    slope = math.exp(log_slope)
    rise = -np.expm1(-((x / threshold) ** slope)) if curve == "weibull" else expit(slope * (x - threshold))
    return np.asarray(np.clip(guess + (1 - guess - lapse) * rise, 1e-12, 1 - 1e-12), dtype=float)


def _deviance(cost: float, k: Array, n: Array) -> float:
    """Twice the log-likelihood ratio of the shares as they are to a curve of that cost."""
    return 2 * max(0.0, cost + float((xlogy(k, k / n) + xlogy(n - k, 1 - k / n)).sum()))


def _cost(curve: str, x: Array, k: Array, n: Array, parameters: Array) -> float:
    """Negative log-likelihood, without the binomial coefficients."""
    p = _expected(curve, x, parameters)
    return -float((xlogy(k, p) + xlogy(n - k, 1 - p)).sum())
