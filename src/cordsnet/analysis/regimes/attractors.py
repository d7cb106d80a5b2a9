"""The shape of an attractor that is made of points at rest: a point, several, a line, a ring, or none of these."""

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

from cordsnet._checks import check_positive
from cordsnet.analysis.regimes.persistence import landmarks, loops

MOST, LANDMARKS, FEWEST = 300, 32, 8
"""Points that are used at most, those whose topology is computed, and the fewest places that can show a shape."""
THIN = 1.5
"""Local dimension up to which a cloud may be a curve."""
LEVEL = 0.05
"""Of the tests."""
Cloud = NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """The shape of a set of states, and the numbers behind it; NaN for what was not computed.

    Attributes
    ----------
    label : "point", "points" (separate ones), "line" (open curve), "ring" (closed curve) or "none".
    places : clusters of states, joined where closer than `same` x size.
    extent : largest distance between two states, in units of size.
    participation : participation ratio of all states' covariance: how many directions they fill.
    local_dimension : the same among nearest neighbours, averaged over states; one along a curve.
    loop : death / birth of the most persistent loop.
    loop_p : share of Gaussian clouds of the same covariance with a loop at least as persistent.
    path : share of the minimum spanning tree's length that lies on its longest path; one for a curve.
    path_p : share of round Gaussian clouds in two dimensions with a path at least as long.
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


@torch.no_grad()
def geometry(
    points: Tensor, *, size: float | None = None, same: float = 0.05, surrogates: int = 39, seed: int = 0
) -> Geometry:
    """The shape of the set that `points` [P, ...] are drawn from: fixed points, slow points, states at rest.

    1. One cluster no wider than 2 x `same` is a "point"; a few such clusters, of several points each, are "points".
    2. "ring": locally one-dimensional, with a loop more persistent than in Gaussian clouds of the same covariance.
    3. "line": locally one-dimensional, with a spanning tree that is one path, more so than of clouds in the plane. The
       null is not of the same covariance: a straight line has the covariance of a line.
    4. "none": otherwise, and where fewer than eight places do not tell.

    Parameters
    ----------
    points : at least one, of any shape.
    size : unit of distances, as a norm; None is the root mean square norm of the points.
    same : distance in units of `size` below which states are one place.
    surrogates : clouds for each null; 39 let a shape be told at p = 0.025.
    seed : of the clouds, and of the points used when there are more than 300.

    Raises
    ------
    ValueError : points that are not finite, too few surrogates, or numbers that do not fit.

    Source: persistent homology of population activity, Chaudhuri et al. 2019; the multiplicative persistence of
    loops, Bobrowski & Skraba 2023; participation ratio, Gao et al. 2017. The combination is ours.
    """
    _check(points, size, same, surrogates)
    draws = np.random.default_rng(seed)
    flat = points.detach().double().cpu().flatten(1).numpy()
    if len(flat) > MOST:
        flat = flat[np.sort(draws.choice(len(flat), MOST, replace=False))]
    unit = size or float(np.sqrt((flat**2).sum(1).mean())) or 1.0
    places, compact, extent = _places(flat / unit, same)
    if compact and (places < FEWEST or places <= len(flat) / 3):
        return Geometry("point" if places == 1 else "points", places, extent)
    scores = _scores(flat)
    if len(scores) < FEWEST:
        return Geometry("none", places, extent, _participation(scores))
    loop, loop_p = _tested(_loop, scores, lambda: _alike(scores, draws), surrogates)
    path, path_p = _tested(_path, scores, lambda: draws.normal(size=(len(scores), 2)), surrogates)
    local = _local_dimension(scores)
    thin = local <= THIN
    label = "ring" if thin and loop_p <= LEVEL else "line" if thin and path_p <= LEVEL else "none"
    return Geometry(label, places, extent, _participation(scores), local, loop, loop_p, path, path_p)


def _places(flat: Cloud, same: float) -> tuple[int, bool, float]:
    """Clusters, whether each is no wider than twice `same`, and the largest distance of all."""
    if len(flat) == 1:
        return 1, True, 0.0
    apart = pdist(flat)
    cluster = fcluster(linkage(apart, "single"), same, "distance")
    full = squareform(apart)
    widths = [full[np.ix_(cluster == one, cluster == one)].max() for one in np.unique(cluster)]
    return len(widths), bool(max(widths) <= 2 * same), float(apart.max())


def _tested(
    statistic: Callable[[Cloud], float], scores: Cloud, draw: Callable[[], Cloud], surrogates: int
) -> tuple[float, float]:
    """A statistic, and the share of surrogates, itself among them, in which it is at least as large."""
    own = statistic(scores)
    above = sum(statistic(draw()) >= own for _ in range(surrogates))
    return own, (1 + above) / (1 + surrogates)


def _scores(flat: Cloud) -> Cloud:
    """The points in coordinates of their own span, so that what follows does not depend on the number of units."""
    centred = flat - flat.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    kept = sizes > 1e-10 * sizes[0]
    scores: Cloud = left[:, kept] * sizes[kept]
    return scores


def _alike(scores: Cloud, draws: np.random.Generator) -> Cloud:
    """A Gaussian cloud of as many points and the same covariance."""
    cloud: Cloud = draws.normal(size=scores.shape) * scores.std(0)
    return cloud


def _loop(scores: Cloud) -> float:
    distances = _spread_out(scores)
    bars = loops(distances)
    return float(bars[0, 1] / bars[0, 0]) if len(bars) else 1.0


def _path(scores: Cloud) -> float:
    tree = minimum_spanning_tree(_spread_out(scores))
    return float(shortest_path(tree, directed=False).max() / tree.sum())


def _spread_out(scores: Cloud) -> Cloud:
    """Distances between landmarks: evenly spread, so that how densely a shape is covered plays no part."""
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
    if not bool(torch.isfinite(points).all()):
        raise ValueError("points hold values that are not finite; leave those states out")
    if size is not None:
        check_positive(size, "size")
    check_positive(same, "same")
    if surrogates < 19:
        raise ValueError(f"surrogates must be at least 19, to tell anything at p = 0.05, got {surrogates}")
