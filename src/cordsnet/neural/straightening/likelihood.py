"""Curvature of noisy responses by the likelihood of a path that turns at each frame in a random direction."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.straightening.curvature import LEVEL, CurvatureStatus, as_repeats

Numbers: TypeAlias = NDArray[np.float64]

SPREAD = 0.5
"""Standard deviation of the prior on the logarithms of steps about their mean: most differ by a factor below 3."""

ANGLES = 0.5, 179.5
"""Angles between which the curvature is searched, degrees; a path at one of them is at a bound."""

WIDE = 150.0
"""Interval, degrees, from which on the data say nearly nothing about the angle."""

LEAST_NOISE = 1e-6
"""Least variance of the noise of a neuron as a share of the mean, so that a silent neuron is not taken for certain."""

BISECTIONS = 7

SIZES = np.arange(-7.0, 7.01, 0.5)
"""Logarithms of the variance of a neuron's path, of the middle neuron as 1, over which the likelihood is summed."""

SPREADS = -3.0, 1.0
"""Bounds of the logarithm of their standard deviation over neurons."""


@dataclass(frozen=True, eq=False)
class LikelyCurvature:
    """Curvature of the responses to F frames by maximum likelihood.

    Attributes
    ----------
    value : degrees; NaN where status is NOISE.
    interval : 95 % interval by the profile of the likelihood, degrees; None without a value, or where not asked for.
    steps : length of the F - 1 steps, root mean square over neurons, in units of the responses [F - 1].
    gain : logarithm of the likelihood less that of noise alone.
    n_neurons : number of neurons.
    status : outcome of the estimate; WIDE where the interval has nearly all angles.
    """

    value: float
    interval: tuple[float, float] | None
    steps: Numbers
    gain: float
    n_neurons: int
    status: CurvatureStatus


@check_arguments
def likely_curvature(responses: NDArray[Any], *, interval: bool = True) -> LikelyCurvature:
    """Curvature of the mean responses of a population as the angle that makes the responses most likely.

    The path of the mean responses turns by one angle at each frame, in a direction that is random in the space of all
    neurons. Differences of a neuron before frames s and t then have the covariance g d_s d_t cos(angle)^|s - t|, for
    steps of the lengths d and the size g of the neuron, whose logarithm is normal over neurons. The means over repeats
    add noise of the variance that the repeats of a neuron show, alike for its frames and independent between frames and
    between neurons. The likelihood takes responses as normal, sums over sizes, and is largest over the angle, the
    spread of sizes and the steps, whose logarithms have a normal prior. Beside `neural_curvature` it bears less noise,
    since steps far apart inform about the angle too, and asks for more: one angle for all frames, frames that share no
    trial, and neurons that have noise of their own. Where few neurons make up the path, its angle is their draw, which
    no interval here covers.

    Parameters
    ----------
    responses : [repeat, frame, neuron], NaN where a repeat is absent.
    interval : False leaves out the interval, which takes ten times as long as the value, and with it the status WIDE.

    Raises
    ------
    DataError : responses of another shape, infinite, with fewer than two repeats of a frame and neuron, or with
        repeats that are all the same, so that there is no noise to account for; `curvature` is for those.

    Source: Henaff, Goris & Simoncelli 2019, Nature Neuroscience 22:984 (the path that turns in random directions);
    the random directions are integrated out here.
    """
    values, present = as_repeats(responses)
    number = present.sum(0)
    model = _Model(np.diff(values.sum(0) / number, axis=0).T, _noise(values, present) * (1 / number).mean(0))
    best = min((model.fitted(model.start(shift)) for shift in (0.0, 1.5, -1.5)), key=lambda found: found[0])
    gain = model.alone() - model.cost(best[1], prior=False)[0]
    steps = np.exp(best[1][2:] + np.exp(2 * best[1][1]) / 4)
    if 2 * gain < stats.chi2.ppf(LEVEL, model.steps + 2):
        return LikelyCurvature(float("nan"), None, steps, gain, len(model.noise), CurvatureStatus.NOISE)
    value = _angle(best[1][0])
    ends = (_end(model, best, ANGLES[0]), _end(model, best, ANGLES[1])) if interval else None
    status = CurvatureStatus.ESTIMATED
    if ends is not None and ends[1] - ends[0] > WIDE:
        status = CurvatureStatus.WIDE
    elif not ANGLES[0] + 0.5 < value < ANGLES[1] - 0.5:
        status = CurvatureStatus.AT_BOUND
    return LikelyCurvature(value, ends, steps, gain, len(model.noise), status)


class _Model:
    """Likelihood of differences of mean responses [N, F - 1], with noise of the means of the variance [N].

    Differences are multiplied by a matrix that makes their noise white, in whose space the covariance of the path is
    diagonalised once for all neurons and sizes.
    """

    def __init__(self, differences: Numbers, noise: Numbers) -> None:
        self.steps = differences.shape[1]
        matrix = np.diff(np.eye(self.steps + 1), axis=0)
        self.white = np.linalg.inv(np.linalg.cholesky(matrix @ matrix.T))
        self.noise, self.values = noise, differences @ self.white.T
        self.apart = np.abs(np.subtract.outer(np.arange(self.steps), np.arange(self.steps)))
        signal = float((differences**2).mean() - 2 * noise.mean())
        self.size = max(signal, 0.01 * float((differences**2).mean()))

    def start(self, shift: float) -> Numbers:
        """Place to begin at: the logit of the angle, the logarithm of the spread of sizes, those of the steps."""
        return np.concatenate([[0.5 + shift, 0.0], np.full(self.steps, 0.5 * np.log(self.size) + shift / 2)])

    def alone(self) -> float:
        """Negative logarithm of the likelihood of noise alone."""
        return float(0.5 * (self.steps * np.log(self.noise) + (self.values**2).sum(1) / self.noise).sum())

    def cost(self, at: Numbers, prior: bool = True) -> tuple[float, Numbers]:
        """Negative logarithm of the likelihood, with that of the prior, and its slope."""
        low, high = np.radians(ANGLES)
        share = 1 / (1 + np.exp(-at[0]))
        angle, lengths = low + (high - low) * share, np.exp(at[2:])
        outer, powers = np.outer(lengths, lengths), np.cos(angle) ** self.apart
        levels, axes = np.linalg.eigh(self.white @ (outer * powers) @ self.white.T)
        found, spread, moved = self._mixture(np.maximum(levels, 0), self.values @ axes, float(np.exp(at[1])))
        back = axes.T @ self.white
        path = back.T @ moved @ back  # slope along the covariance of the differences
        slope = np.empty_like(at)
        turned = -self.apart * np.sin(angle) * np.cos(angle) ** np.maximum(self.apart - 1, 0)
        slope[0] = (path * outer * turned).sum() * (high - low) * share * (1 - share)
        slope[1] = spread
        slope[2:] = 2 * (path * outer * powers).sum(1)
        if prior:
            about = at[2:] - at[2:].mean()
            found += float((about**2).sum()) / (2 * SPREAD**2)
            slope[2:] += about / SPREAD**2
        return found, slope

    def _mixture(self, levels: Numbers, along: Numbers, spread: float) -> tuple[float, float, Numbers]:
        """Cost over the sizes that neurons may have, its slope along the log of their spread, and along the levels.

        The slope along a covariance in its axes is a matrix, since neurons are not diagonal in them.
        """
        weights = -(SIZES**2) / (2 * spread**2)
        weights = weights - np.log(np.exp(weights).sum())
        scale = np.exp(SIZES)
        total = scale[None, :, None] * levels + self.noise[:, None, None]  # [N, sizes, steps]
        each = weights - 0.5 * (np.log(total) + along[:, None] ** 2 / total).sum(2)
        top = each.max(1, keepdims=True)
        every = top[:, 0] + np.log(np.exp(each - top).sum(1))
        shares = np.exp(each - every[:, None])
        squares = SIZES**2 / spread**2
        wider = -float((shares @ (squares - np.exp(weights) @ squares)).sum())
        pull = (shares * scale)[..., None]
        pulled = (along[:, None] / total).reshape(-1, self.steps)
        moved = np.diag((pull / total).sum((0, 1))) - (pulled * pull.reshape(-1, 1)).T @ pulled
        return -float(every.sum()), wider, 0.5 * moved

    def fitted(self, start: Numbers, angle: float | None = None) -> tuple[float, Numbers]:
        """Least cost and its place, of all places or of those with an angle in degrees."""
        start = start.copy()
        middle = 0.5 * np.log(self.size)
        limits = [(-12.0, 12.0), SPREADS, *[(middle - 12, middle + 12)] * self.steps]
        if angle is not None:
            start[0] = _logit(angle)
            limits[0] = (start[0], start[0])
        found = optimize.minimize(self.cost, start, jac=True, method="L-BFGS-B", bounds=limits)
        return float(found.fun), found.x


def _noise(values: Numbers, present: Numbers) -> Numbers:
    """Variance of single responses of each neuron [N] about the mean of their frame.

    Variances of neurons are drawn to their mean by the share of their spread that is error of estimation, since
    neurons whose noise is taken for too small would weigh most.
    """
    mean = values.sum(0) / present.sum(0)
    free = (present.sum(0) - 1).sum(0)
    each = (present * (values - mean) ** 2).sum((0, 1)) / free
    middle, error = float(each.mean()), float(np.mean(2 / free))
    if middle <= 1e-24 * float((values**2).mean()):
        raise DataError("responses are the same in all repeats, so that there is no noise; use curvature() of one")
    true = max(float(each.var()) / middle**2 - error, 0.0) / (1 + error)  # variance of the true ones, middle 1
    share = true / (true + error)
    drawn: Numbers = np.maximum(share * each + (1 - share) * middle, LEAST_NOISE * middle)
    return drawn


def _angle(logit: float) -> float:
    return float(ANGLES[0] + (ANGLES[1] - ANGLES[0]) / (1 + np.exp(-logit)))


def _logit(angle: float) -> float:
    share = np.clip((angle - ANGLES[0]) / (ANGLES[1] - ANGLES[0]), 1e-5, 1 - 1e-5)
    return float(np.log(share / (1 - share)))


def _end(model: _Model, best: tuple[float, Numbers], bound: float) -> float:
    """End of the interval towards a bound: the angle at which twice the logarithm has fallen by its 95 % point."""
    most = best[0] + float(stats.chi2.ppf(LEVEL, 1)) / 2
    inside, outside = _angle(best[1][0]), bound
    if model.fitted(best[1], bound)[0] <= most:
        return bound
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        if model.fitted(best[1], middle)[0] <= most:
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2
