"""Curvature of a population less that of the pixels, movie by movie and between two categories of movies."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.errors import ArgumentError, DataError
from cordsnet.neural.readable import check_readable
from cordsnet.neural.recording import Recording
from cordsnet.neural.straightening.curvature import (
    LEVEL,
    MOST_DRAWS,
    CurvatureStatus,
    NeuralCurvature,
    angle_of,
    neural_curvature,
    pooled_angle,
)

Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Straightening:
    """Curvature of a population less that of the pixels for M movies, in degrees; below 0 where neurons straighten.

    Attributes
    ----------
    value : [M]; NaN where the neural curvature cannot be estimated.
    interval : 95 % interval over neurons and repeats [M, 2]; NaN where there is no value, or without draws.
    neural : results of `neural_curvature`, one for each movie.
    pixels : curvature of the pixels [M], by the same average.
    statuses : outcome for each movie.
    n_estimated : number of movies with a value.
    """

    value: Numbers
    interval: Numbers
    neural: tuple[NeuralCurvature, ...]
    pixels: Numbers
    statuses: tuple[CurvatureStatus, ...]
    n_estimated: int


class ContrastStatus(Enum):
    """Outcome of a comparison of two categories of movies."""

    ESTIMATED = "estimated"
    FEW = "few: fewer than two pairs of movies have a curvature in both categories, so there is no mean of differences"
    NOISE = "not estimated: responses of a category do not differ between frames beyond noise"


@dataclass(frozen=True, eq=False)
class StraighteningContrast:
    """Straightening of one category less that of another, in degrees; below 0 where the first is straightened more.

    Attributes
    ----------
    value : from neural products that are summed over movies, so that movies with long neural steps weigh more, and the
        mean curvature of pixels; NaN where a category has none.
    interval : 95 % bootstrap interval of it over movies; None where a category is lost in noise.
    categories : straightening of the first and the second category, of which `value` is the difference.
    category_intervals : 95 % bootstrap interval of each over movies; None where it is lost in noise.
    neural : their neural curvature from summed products.
    pixels : their mean curvature of pixels.
    mean_difference : mean difference over the pairs of movies that have a curvature in both.
    mean_interval : 95 % interval of it by Student's t over pairs; None for fewer than two pairs.
    n_movies, n_pairs : number of movies, and of those in the mean of differences.
    status : outcome.
    """

    value: float
    interval: tuple[float, float] | None
    categories: tuple[float, float]
    category_intervals: tuple[tuple[float, float] | None, tuple[float, float] | None]
    neural: tuple[float, float]
    pixels: tuple[float, float]
    mean_difference: float
    mean_interval: tuple[float, float] | None
    n_movies: int
    n_pairs: int
    status: ContrastStatus


@check_arguments
def straightening(
    responses: Recording | NDArray[Any],
    frames: NDArray[Any],
    average: str = "products",
    draws: int = 200,
    seed: int = 0,
) -> Straightening:
    """Curvature of a population less that of the pixels, for each movie.

    Parameters
    ----------
    responses : [movie, repeat, frame, neuron], NaN where a repeat is absent; or a Recording of movies with a bin for
        each frame.
    frames : pixels [movie, frame, ...].
    average : a row of `CURVATURE_AVERAGES`, for neurons and pixels alike.
    draws, seed : see `neural_curvature`.

    Raises
    ------
    ArgumentError : numbers of movies or frames that differ, an unknown average, or numbers out of range.
    DataError : responses or frames that cannot be read, or a movie whose frames do not differ.

    Source: Henaff et al. 2019, 2021.
    """
    given = responses.responses if isinstance(responses, Recording) else responses
    if given.ndim != 4 or frames.ndim < 3:
        shapes = f"{list(given.shape)} and {list(frames.shape)}"
        raise DataError(
            f"responses must be [movie, repeat, frame, neuron] and frames [movie, frame, ...], got {shapes}"
        )
    if (given.shape[0], given.shape[2]) != frames.shape[:2]:
        shapes = f"{[given.shape[0], given.shape[2]]} and {list(frames.shape[:2])}"
        raise ArgumentError(f"responses and frames must have the same movies and frames, got {shapes}")
    pixels = np.array([_pixel_curvature(movie, k, average) for k, movie in enumerate(frames)])
    neural = tuple(neural_curvature(one, average, draws, seed) for one in given)
    value = np.array([one.value for one in neural])
    ends = np.array([one.interval or (np.nan, np.nan) for one in neural])
    return Straightening(
        value=value - pixels,
        interval=ends - pixels[:, None],
        neural=neural,
        pixels=pixels,
        statuses=tuple(one.status for one in neural),
        n_estimated=int((~np.isnan(value)).sum()),
    )


def _pixel_curvature(movie: NDArray[Any], number: int, average: str) -> float:
    """Curvature of one movie in degrees. Raises DataError where its frames do not differ."""
    check_readable(movie, "frames")
    steps = np.diff(movie.reshape(len(movie), -1).astype(np.float64), axis=0)
    found, _ = angle_of(steps @ steps.T, average)
    if np.isnan(found):
        raise DataError(f"frames of movie {number} do not differ, so it has no curvature; leave it out")
    return found


@check_arguments
def straightening_contrast(
    first: Straightening, second: Straightening, draws: int = 2000, seed: int = 0
) -> StraighteningContrast:
    """Difference in straightening between two categories, such as natural and synthetic, with an interval over movies.

    Parameters
    ----------
    first, second : movie k of one belongs to movie k of the other, such as a fade between its first and last frame.
    draws : bootstrap samples of pairs of movies; at least 2.
    seed : of the draws.

    Raises
    ------
    ArgumentError : numbers of movies that differ, fewer than two, or numbers out of range.
    """
    movies = len(first.value)
    if len(second.value) != movies or movies < 2:
        raise ArgumentError(
            f"first and second must have the same movies, two or more, got {movies} and {len(second.value)}"
        )
    check_count(draws, "draws", 2, MOST_DRAWS)
    check_count(seed, "seed", 0, 2**63 - 1)
    everything = np.arange(movies)
    categories = _pooled(first, everything), _pooled(second, everything)
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(0, movies, movies) for _ in range(draws))
    sampled = np.array([(_pooled(first, rows), _pooled(second, rows)) for rows in drawn])
    differences = first.value - second.value
    known = differences[~np.isnan(differences)]
    value = categories[0] - categories[1]
    ends = _percentiles(sampled[:, 0] - sampled[:, 1])
    return StraighteningContrast(
        value=value,
        interval=ends,
        categories=categories,
        category_intervals=(_percentiles(sampled[:, 0]), _percentiles(sampled[:, 1])),
        neural=(_neural(first, everything), _neural(second, everything)),
        pixels=(float(first.pixels.mean()), float(second.pixels.mean())),
        mean_difference=float(known.mean()) if len(known) else float("nan"),
        mean_interval=_by_student(known) if len(known) > 1 else None,
        n_movies=movies,
        n_pairs=len(known),
        status=_contrast_status(ends is None, len(known)),
    )


def _contrast_status(lost: bool, pairs: int) -> ContrastStatus:
    if lost:
        return ContrastStatus.NOISE
    return ContrastStatus.ESTIMATED if pairs > 1 else ContrastStatus.FEW


def _neural(one: Straightening, rows: NDArray[np.int64]) -> float:
    """Neural curvature of some movies from their summed products."""
    return pooled_angle(np.sum([one.neural[k].products for k in rows], 0))


def _pooled(one: Straightening, rows: NDArray[np.int64]) -> float:
    """Straightening of some movies."""
    return _neural(one, rows) - float(one.pixels[rows].mean())


def _percentiles(sampled: Numbers) -> tuple[float, float] | None:
    """95 % interval; None where too many samples have no curvature above noise."""
    if float(np.mean(np.isnan(sampled))) > (1 - LEVEL) / 2:
        return None
    low, high = np.nanpercentile(sampled, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def _by_student(values: Numbers) -> tuple[float, float]:
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1)) * float(values.std(ddof=1)) / len(values) ** 0.5
    return float(values.mean()) - reach, float(values.mean()) + reach
