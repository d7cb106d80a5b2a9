"""Curvature of a sequence in degrees: in closed form without noise, from products of different repeats with it."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural.readable import check_readable

Numbers: TypeAlias = NDArray[np.float64]

CURVATURE_AVERAGES = {
    "products": "one angle of products of differences summed over frames; bears more noise, and long steps weigh more",
    "angles": "mean of the angles of all frames; noise biases it where differences are not far above noise",
}
"""Average over the frames of a movie -> its meaning."""

LEVEL = 0.95
MOST_DRAWS = 100_000
FEWEST_FRAMES, FEWEST_REPEATS = 3, 2


class CurvatureStatus(Enum):
    """Outcome of an estimate of curvature from noisy responses."""

    ESTIMATED = "estimated"
    PARTLY = "partly: some frames have no difference above noise, and the angle is that of the others"
    AT_BOUND = "at a bound: noise takes the cosine beyond 1 or -1, and the angle is 0 or 180 degrees"
    WIDE = "wide: differences between frames may be noise alone, so the interval has all angles"
    NOISE = "not estimated: differences between frames are not above noise; record more repeats or neurons"


@dataclass(frozen=True, eq=False)
class NeuralCurvature:
    """Curvature of the responses to F frames.

    Attributes
    ----------
    value : degrees; NaN where status is NOISE.
    interval : 95 % bootstrap interval over neurons and repeats, degrees; None without draws or value.
    angles : at each inner frame, degrees [F - 2]; NaN where a squared difference is not above 0.
    naive : mean angle of the mean responses, which noise takes towards 120 degrees.
    products : products of successive differences, and the mean of the two squared differences, summed over frames [2].
    signal_share : squared differences without noise as a share of those of the mean responses.
    n_repeats, n_neurons : the largest number of repeats, and the number of neurons.
    status : outcome of the estimate.
    """

    value: float
    interval: tuple[float, float] | None
    angles: Numbers
    naive: float
    products: Numbers
    signal_share: float
    n_repeats: int
    n_neurons: int
    status: CurvatureStatus


@check_arguments
def curvature(path: NDArray[Any]) -> Numbers:
    """Angle between successive differences of a path without noise, in degrees.

    Parameters
    ----------
    path : [frame, ...], such as pixels [frame, height, width] or rates of an area [frame, units].

    Returns
    -------
    Angles [frames - 2]: 0 on a straight line, 90 on average for a random walk, 180 back and forth; NaN where a frame
    equals the next one, so that there is no direction.

    Raises
    ------
    DataError : fewer than three frames, or values that are no finite real numbers.

    Source: Henaff, Goris & Simoncelli 2019, Nature Neuroscience 22:984 (equation 1).
    """
    if path.ndim < 2 or len(path) < FEWEST_FRAMES or 0 in path.shape:
        raise DataError(f"path must be [frame, ...] with three frames or more, got shape {list(path.shape)}")
    check_readable(path, "path")
    steps = np.diff(path.reshape(len(path), -1).astype(np.float64), axis=0)
    return _angles(steps @ steps.T)


@check_arguments
def neural_curvature(
    responses: NDArray[Any], average: str = "products", draws: int = 200, seed: int = 0
) -> NeuralCurvature:
    """Curvature of the mean responses of a population, estimated without the noise of the repeats.

    The cosine of the angle at a frame is <v, w> / sqrt(<v, v> <w, w>) for the differences v and w before and after it.
    Each product is taken between different repeats and averaged over all pairs of them, which is the mean over all
    splits of the repeats into halves. So noise adds nothing to a product, even where frames share a trial.

    Parameters
    ----------
    responses : [repeat, frame, neuron], NaN where a repeat is absent; a neuron may have its own repeats.
    average : a row of `CURVATURE_AVERAGES`.
    draws : bootstrap samples for the interval, in each of which neurons and repeats are drawn; 0 for none. A product
        of a repeat with its own copy is left out of a sample. Noise counts in both, so intervals are on the wide side.
    seed : of the draws.

    Raises
    ------
    ArgumentError : an average that does not exist, or numbers out of range.
    DataError : responses of another shape, infinite, or with fewer than two repeats of a frame and neuron.

    Source: Henaff et al. 2021, Nature Communications 12:5982 (curvature of neurons); Walther et al. 2016, NeuroImage
    137:188 (products of different parts of data).
    """
    check_average(average)
    check_count(draws, "draws", 0, MOST_DRAWS)
    check_count(seed, "seed", 0, 2**63 - 1)
    values, present = as_repeats(responses)
    repeats, _, neurons = values.shape
    whole = _step_products(values, present, np.ones(repeats)).sum(0)
    mean = values.sum(0) / present.sum(0)
    plain = np.diff(mean, axis=0)
    value, estimated = angle_of(whole, average)
    interval, share = None, 1.0
    if draws and not np.isnan(value):
        sampled = _bootstrap(values, present, average, draws, np.random.default_rng(seed))
        share = float(np.mean(~np.isnan(sampled)))
        interval = _interval(sampled)
    return NeuralCurvature(
        value=value,
        interval=interval,
        angles=_angles(whole),
        naive=float(np.mean(_angles(plain @ plain.T))),
        products=summed(whole),
        signal_share=float(np.trace(whole) / max(np.sum(plain**2), np.finfo(float).tiny)),
        n_repeats=repeats,
        n_neurons=neurons,
        status=_status(whole, value, estimated, share, average),
    )


def check_average(average: str) -> None:
    """Raise ArgumentError for an average that does not exist."""
    if average not in CURVATURE_AVERAGES:
        raise ArgumentError(f"average must be one of {', '.join(CURVATURE_AVERAGES)}, got {average!r}")


def angle_of(products: Numbers, average: str) -> tuple[float, int]:
    """Curvature in degrees from products of differences [steps, steps], and the number of frames with an angle."""
    angles = _angles(products)
    known = ~np.isnan(angles)
    if average == "angles":
        return float(angles[known].mean()) if known.any() else float("nan"), int(known.sum())
    return pooled_angle(summed(products)), len(angles)


def summed(products: Numbers) -> Numbers:
    """Sum of products of successive differences, and of the mean of their two squares [2]."""
    squares = products.diagonal()
    return np.array([products.diagonal(1).sum(), (squares[1:] + squares[:-1]).sum() / 2])


def pooled_angle(sums: Numbers) -> float:
    """Angle in degrees of the two numbers of `summed`; NaN where the squares are not above 0."""
    if not sums[1] > 0:
        return float("nan")
    return float(np.degrees(np.arccos(np.clip(sums[0] / sums[1], -1, 1))))


def _angles(products: Numbers) -> Numbers:
    """Angles between successive steps from their products; NaN where a square is not above 0."""
    squares = products.diagonal()
    size = np.sqrt(np.maximum(squares[1:], 0) * np.maximum(squares[:-1], 0))
    cosine = np.divide(products.diagonal(1), size, out=np.full(size.shape, np.nan), where=size > 0)
    found: Numbers = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return found


def _step_products(values: Numbers, present: Numbers, weights: Numbers) -> Numbers:
    """Products of differences [neuron, steps, steps] between different repeats, which count as their weights say."""
    total, number = np.tensordot(weights, values, 1), np.tensordot(weights, present, 1)  # [frame, neuron]
    squared = weights**2
    same = np.einsum("rfn,rgn,r->nfg", values, values, squared, optimize=True)
    alike = np.einsum("rfn,rgn,r->nfg", present, present, squared, optimize=True)
    pairs = np.einsum("fn,gn->nfg", number, number) - alike
    sums = np.einsum("fn,gn->nfg", total, total) - same
    kernel = np.divide(sums, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0.5)
    steps = np.diff(kernel, axis=1)
    found: Numbers = np.diff(steps, axis=2)
    return found


def _bootstrap(values: Numbers, present: Numbers, average: str, draws: int, rng: np.random.Generator) -> Numbers:
    """Curvature of samples of neurons and repeats [draws]; NaN where there is none."""
    repeats, _, neurons = values.shape
    found = []
    for _ in range(draws):
        weights = rng.multinomial(repeats, np.full(repeats, 1 / repeats)).astype(np.float64)
        products = _step_products(values, present, weights)
        found.append(angle_of(products[rng.integers(0, neurons, neurons)].sum(0), average)[0])
    return np.array(found)


def _interval(sampled: Numbers) -> tuple[float, float]:
    """Percentiles of the samples; all angles where too many samples have no norm above noise."""
    if np.mean(np.isnan(sampled)) > (1 - LEVEL) / 2:
        return 0.0, 180.0
    low, high = np.nanpercentile(sampled, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def _status(products: Numbers, value: float, estimated: int, share: float, average: str) -> CurvatureStatus:
    if np.isnan(value):
        return CurvatureStatus.NOISE
    if 1 - share > (1 - LEVEL) / 2:
        return CurvatureStatus.WIDE
    if average == "angles" and estimated < len(products) - 1:
        return CurvatureStatus.PARTLY
    return CurvatureStatus.AT_BOUND if value in (0.0, 180.0) else CurvatureStatus.ESTIMATED


def as_repeats(responses: NDArray[Any]) -> tuple[Numbers, Numbers]:
    """Responses about the mean of each neuron, 0 where absent, and their presence as 0 or 1."""
    if responses.ndim != 3 or responses.shape[1] < FEWEST_FRAMES or 0 in responses.shape:
        shape = list(responses.shape)
        raise DataError(f"responses must be [repeat, frame, neuron] with three frames or more, got shape {shape}")
    check_readable(responses, "responses", missing=True)
    present = ~np.isnan(responses)
    if (few := np.argwhere(present.sum(0) < FEWEST_REPEATS)).size:
        frame, neuron = (int(k) for k in few[0])
        raise DataError(
            f"responses must have two repeats of each frame, got fewer for frame {frame} of neuron {neuron}"
        )
    # no product of differences depends on the origin but for its variance where numbers of repeats differ
    total = np.where(present, responses, 0).astype(np.float64)
    centre = total.sum((0, 1)) / present.sum((0, 1))
    return np.where(present, total - centre, 0.0), present.astype(np.float64)
