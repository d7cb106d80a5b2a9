"""Curvature of noisy responses by the likelihood of a path that turns at each frame in a random direction."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, stats
from torch import Tensor

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
    status : whether the curvature was estimated; WIDE where the interval has nearly all angles.
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
    neurons. Over neurons, its differences before frames s and t then have the covariance d_s d_t cos(angle)^|s - t|,
    for steps of the lengths d. The means over repeats add noise of the variance that repeats show, independent between
    frames and between neurons. The likelihood takes all of it as normal, and is largest over the angle and the steps,
    whose logarithms have a normal prior. Beside `neural_curvature` it bears less noise, since steps far apart inform
    about the angle too, and asks for more: one angle for all frames, frames that share no trial, and neurons that are
    alike in the size of their responses and have noise of their own. Where neurons differ much in size, intervals are
    too narrow: a few of them make up the path.

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
    model = _Model(np.diff(values.sum(0) / number, axis=0).T, _noise(values, present) / number.T)
    start = np.concatenate([[0.5], np.full(model.steps, 0.5 * np.log(model.size))])
    best = min((model.fitted(start + shift) for shift in (0, 1, -1)), key=lambda found: found[0])
    gain = model.alone() - model.cost(torch.from_numpy(best[1]), prior=False).item()
    steps = np.exp(best[1][1:])
    if 2 * gain < stats.chi2.ppf(LEVEL, model.steps + 1):
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
    """Likelihood of differences of mean responses [N, F - 1] with noise of the means of the variance [N, F]."""

    def __init__(self, differences: Numbers, noise: Numbers) -> None:
        count = noise.shape[1]
        matrix = np.diff(np.eye(count), axis=0)
        self.steps = count - 1
        self.noise = torch.from_numpy(np.einsum("sf,nf,tf->nst", matrix, noise, matrix))
        self.differences = torch.from_numpy(np.ascontiguousarray(differences))
        place = torch.arange(count - 1)
        self.apart = torch.abs(place[:, None] - place)
        signal = float((differences**2).mean()) - float(self.noise.diagonal(dim1=1, dim2=2).mean())
        self.size = max(signal, 0.01 * float((differences**2).mean()))

    def cost(self, at: Tensor, prior: bool = True) -> Tensor:
        """Negative logarithm of the likelihood, with that of the prior, at the logit of the angle and logs of steps."""
        low, high = np.radians(ANGLES)
        turned = torch.cos(low + (high - low) * torch.sigmoid(at[0]))
        lengths = at[1:].exp()
        path = lengths[:, None] * lengths * turned**self.apart
        found = _normal(self.noise + path, self.differences)
        return found + ((at[1:] - at[1:].mean()) ** 2).sum() / (2 * SPREAD**2) if prior else found

    def alone(self) -> float:
        """Negative logarithm of the likelihood of noise alone."""
        return float(_normal(self.noise, self.differences))

    def fitted(self, start: Numbers, angle: float | None = None) -> tuple[float, Numbers]:
        """Least cost and its place, of all places or of those with an angle in degrees."""
        start = start.copy()
        if angle is not None:
            start[0] = _logit(angle)

        def slope(place: Numbers) -> tuple[float, Numbers]:
            at = torch.tensor(place, requires_grad=True)
            cost = self.cost(at)
            cost.backward()  # type: ignore[no-untyped-call]
            found = np.zeros(len(place)) if at.grad is None else at.grad.numpy()
            if angle is not None:
                found[0] = 0.0
            return cost.item(), found

        limits = [(-12.0, 12.0), *[(k - 12, k + 12) for k in [0.5 * np.log(self.size)] * self.steps]]
        found = optimize.minimize(slope, start, jac=True, method="L-BFGS-B", bounds=limits)
        return float(found.fun), found.x


def _normal(covariance: Tensor, values: Tensor) -> Tensor:
    """Negative logarithm of the normal likelihood of values [N, k] without its constant."""
    root = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(root, values[..., None], upper=False)
    return root.diagonal(dim1=1, dim2=2).log().sum() + 0.5 * white.square().sum()


def _noise(values: Numbers, present: Numbers) -> Numbers:
    """Variance of single responses of each neuron [N, 1] about the mean of their frame.

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
    drawn = np.maximum(share * each + (1 - share) * middle, LEAST_NOISE * middle)
    found: Numbers = drawn[:, None]
    return found


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
