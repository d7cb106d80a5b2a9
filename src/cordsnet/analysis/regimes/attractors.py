"""The shape of an attractor made of resting states: a point, several, a line, a ring, or none of these."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.spatial.distance import pdist, squareform
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive
from cordsnet.analysis.regimes.persistence import landmarks, persistent_loops
from cordsnet.dynamics.limits import check_room

MAX_POINTS, LANDMARKS, MIN_PLACES = 300, 32, 8
"""Points used at most, landmarks whose topology is computed, and fewest places that can show a shape."""
MAX_LOCAL_DIMENSION = 1.5
"""Largest local dimension of a curve."""
SIGNIFICANCE = 0.05
"""Significance level of the tests."""
Cloud = NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """The shape of a set of states, and the numbers behind it; NaN if not computed.

    Attributes
    ----------
    label : "point", "points" (separate ones), "line" (open curve), "ring" (closed curve) or "none".
    places : number of clusters of states; states closer than `same` x size are joined.
    extent : largest distance between two states, in units of size.
    participation : participation ratio of the covariance of all states: their effective number of dimensions.
    local_dimension : the same among nearest neighbours, averaged over states; one along a curve.
    loop : death / birth of the most persistent loop.
    loop_p : share of Gaussian clouds of the same covariance with a loop at least as persistent.
    path : share of the length of the minimum spanning tree on its longest path; one for a curve.
    path_p : share of isotropic Gaussian clouds in two dimensions with a path at least as long.
    """

    label: str
    places: int
    extent: float
    participation: float = math.nan
    local_dimension: float = math.nan
    loop: float = math.nan
    loop_p: float = math.nan
    path: float = math.nan
    path_p: float = math.nan


@check_arguments
@torch.no_grad()
def geometry(
    points: Tensor, *, size: float | None = None, same: float = 0.05, surrogates: int = 39, seed: int = 0
) -> Geometry:
    """The shape of the set from which `points` [P, ...] are drawn: fixed points, slow points, states at rest.

    1. "point": one cluster no wider than 2 x `same`; "points": a few such clusters, of several points each.
    2. "ring": locally one-dimensional, with a loop more persistent than in Gaussian clouds of the same covariance.
    3. "line": locally one-dimensional, with a spanning tree closer to a single path than that of clouds in the plane.
       This null does not have the same covariance: a straight line has the covariance of a line.
    4. "none": otherwise, and if there are fewer than eight places.

    Parameters
    ----------
    points : at least one, of any shape.
    size : unit of distances, as a norm; None is the root mean square norm of the points.
    same : distance in units of `size` below which states are one place.
    surrogates : clouds for each null; with 39 the smallest p is 0.025.
    seed : seed of the clouds, and of the choice of points if there are more than 300.

    Raises
    ------
    ValueError : points that are not finite, too few surrogates, or numbers that do not fit.

    Source: persistent homology of population activity, Chaudhuri et al. 2019; multiplicative persistence of loops,
    Bobrowski & Skraba 2023; participation ratio, Gao et al. 2017. The combination is our own.
    """
    _check(points, size, same, surrogates)
    draws = np.random.default_rng(check_count(seed, "seed", 0))
    flat = points.detach().double().cpu().flatten(1).numpy()
    if len(flat) > MAX_POINTS:
        flat = flat[np.sort(draws.choice(len(flat), MAX_POINTS, replace=False))]
    unit = size or float(np.sqrt((flat**2).sum(1).mean())) or 1.0
    if not np.isfinite((flat / unit) ** 2).all():
        raise ValueError(f"size is too small for points this far apart, got {unit:g}")
    places, compact, extent = _places(flat / unit, same)
    if compact and (places < MIN_PLACES or places <= len(flat) / 3):
        return Geometry("point" if places == 1 else "points", places, extent)
    scores = _scores(flat)
    if len(scores) < MIN_PLACES:
        return Geometry("none", places, extent, _participation(scores))
    loop, loop_p = _surrogate_test(_loop_persistence, scores, lambda: _gaussian_surrogate(scores, draws), surrogates)
    path, path_p = _surrogate_test(_longest_path_share, scores, lambda: draws.normal(size=(len(scores), 2)), surrogates)
    local = _local_dimension(scores)
    label = "none"
    if local <= MAX_LOCAL_DIMENSION:
        label = "ring" if loop_p <= SIGNIFICANCE else "line" if path_p <= SIGNIFICANCE else "none"
    return Geometry(label, places, extent, _participation(scores), local, loop, loop_p, path, path_p)


def _places(flat: Cloud, same: float) -> tuple[int, bool, float]:
    """Number of clusters, True if each is at most 2 x `same` wide, and the largest distance."""
    if len(flat) == 1:
        return 1, True, 0.0
    apart = pdist(flat)
    cluster = fcluster(linkage(apart, "single"), same, "distance")
    full = squareform(apart)
    widths = [full[np.ix_(cluster == one, cluster == one)].max() for one in np.unique(cluster)]
    return len(widths), bool(max(widths) <= 2 * same), float(apart.max())


def _surrogate_test(
    statistic: Callable[[Cloud], float], scores: Cloud, draw: Callable[[], Cloud], surrogates: int
) -> tuple[float, float]:
    """A statistic, and its p value: the share of surrogates, itself included, in which it is at least as large."""
    own = statistic(scores)
    above = sum(statistic(draw()) >= own for _ in range(surrogates))
    return own, (1 + above) / (1 + surrogates)


def _scores(flat: Cloud) -> Cloud:
    """The points in coordinates of their own span, so that the results do not depend on the number of units."""
    centred = flat - flat.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    kept = sizes > 1e-10 * sizes[0]
    scores: Cloud = left[:, kept] * sizes[kept]
    return scores


def _gaussian_surrogate(scores: Cloud, draws: np.random.Generator) -> Cloud:
    """A Gaussian cloud with the same number of points and the same covariance."""
    cloud: Cloud = draws.normal(size=scores.shape) * scores.std(0)
    return cloud


def _loop_persistence(scores: Cloud) -> float:
    distances = _landmark_distances(scores)
    bars = persistent_loops(distances)
    return float(bars[0, 1] / bars[0, 0]) if len(bars) else 1.0


def _longest_path_share(scores: Cloud) -> float:
    tree = minimum_spanning_tree(_landmark_distances(scores))
    return float(shortest_path(tree, directed=False).max() / tree.sum())


def _landmark_distances(scores: Cloud) -> Cloud:
    """Distances between evenly spread landmarks, so that the density of points on a shape plays no part."""
    full = squareform(pdist(scores))
    rows = landmarks(full, LANDMARKS)
    distances: Cloud = full[np.ix_(rows, rows)]
    return distances


def _participation(scores: Cloud) -> float:
    variances = scores.var(0)
    return float(variances.sum() ** 2 / (variances**2).sum())


def _local_dimension(scores: Cloud) -> float:
    """Participation ratio among each point and its nearest neighbours, averaged."""
    count = max(4, min(10, len(scores) // 4))
    nearest = squareform(pdist(scores)).argsort(1)[:, : count + 1]
    return float(np.mean([_participation(_scores(scores[rows])) for rows in nearest]))


def _check(points: Tensor, size: float | None, same: float, surrogates: int) -> None:
    if points.ndim < 2 or len(points) == 0:
        raise ValueError(f"points must be at least one state [P, ...], got shape {list(points.shape)}")
    check_room(4 * points.nbytes, "the geometry of that many points", "give fewer", points.device)
    if not bool(torch.isfinite(points).all()):
        raise ValueError("points hold values that are not finite; leave those states out")
    if size is not None:
        check_positive(size, "size")
    check_positive(same, "same")
    if surrogates < 19:
        raise ValueError(f"surrogates must be at least 19 for a test at p = 0.05, got {surrogates}")
    check_count(surrogates, "surrogates", 19, 10_000)
