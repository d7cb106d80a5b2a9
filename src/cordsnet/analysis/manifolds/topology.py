"""Third witness: the shape of the cloud of states onto which a flow has settled, by persistent homology."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.spatial.distance import pdist, squareform
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import Flow
from cordsnet.analysis.manifolds.witness import SAME, Witness, check_scales
from cordsnet.analysis.regimes.persistence import landmarks, persistent_homology
from cordsnet.analysis.status import Status

SNAPSHOTS, MOST_CLOUD = 12, 600
"""Times within `slow_ms` at which states are looked at, and largest number of points of the cloud."""
COPIES = 0.01
"""Points closer than this proportion of the width of the cloud count once: a state at rest is the same at all times."""
FEWEST = 12
"""Fewest states whose shape can be told."""
MOST_LANDMARKS = 200
"""Largest number of landmarks that is accepted."""
NULLS = 39
"""Clouds of noise in a disc; to be beyond all of them has probability 1/40 for one more such cloud."""
GAP, LEAD, STRAIGHT = 5.0, 2.0, 0.8
"""Least ratio of the distances between places to those within, of the longest loop to the second (both death / birth),
and least proportion of the minimum spanning tree that is on its longest path along an arc."""

Cloud = NDArray[np.float64]
"""Distances between all points of a cloud."""


class Shape(NamedTuple):
    """Numbers of one cloud: distances between clusters over those within, and their count; loops; path of an arc."""

    gap: float
    places: int
    loop: float
    second: float
    path: float


@check_arguments
@exact()
def topology_witness(
    flow: Flow, states: Tensor, *, slow_ms: float, dt: float, size: float, points: int = 64, seed: int = 0
) -> Witness:
    """Tell the shape of the set of `states` [K, *domain], at least twelve, by its clusters (H0) and loops (H1).

    The cloud is the states at twelve times within `slow_ms`, of which `points` evenly spread ones are used. The null is
    39 clouds of as many different points, drawn evenly from a disc and treated alike. In this order:

    1. "one place": the cloud is no wider than a twentieth of `size`.
    2. "places": up to K / 3 clusters of states; the smallest distance between clusters is at least five times the
       largest within them, and that ratio is beyond all nulls.
    3. "loop": the most persistent loop (death / birth) is beyond all nulls, and at least twice the second.
    4. "arc": the minimum spanning tree has at least 80 % of its length on one path, and more than all nulls.
    5. "none" otherwise.

    Parameters
    ----------
    points : landmarks, from 12 to 200.
    seed : seed of the nulls, and of the choice of states where the cloud has more than 600.

    Other parameters and errors as for `spectrum_witness`.

    Source: persistent homology of population activity, Chaudhuri et al. 2019; death / birth, Bobrowski & Skraba 2023;
    landmarks, de Silva & Carlsson 2004. The criteria are ours.
    """
    check_scales(flow, states, slow_ms, dt, size, 1)
    check_count(points, "points", FEWEST, MOST_LANDMARKS)
    if len(states) < FEWEST:
        raise ValueError(f"states must be at least {FEWEST} to tell a shape, got {len(states)}; give more starts")
    draws = np.random.default_rng(check_count(seed, "seed", 0))
    apart = _between(_cloud(flow, states, slow_ms, dt, draws))
    if not np.isfinite(apart).all():
        return Witness("undecided", status=Status.DIVERGED, notes=("states diverged within slow_ms",))
    ends, extent = min(len(states), MOST_CLOUD // 2), float(apart.max())
    if extent <= SAME * size:
        return Witness("one place", {"extent": extent / size, "places": 1.0})
    different = _among(apart, landmarks(apart, MOST_CLOUD, COPIES * extent))
    own = _shape(apart[:ends, :ends], different, points)
    nulls = [_shape(_disc(ends, draws), _disc(len(different), draws), points) for _ in range(NULLS)]
    numbers = {
        "extent": extent / size,
        "places": float(own.places),
        "gap": own.gap,
        "gap_null": max(null.gap for null in nulls),
        "loop": own.loop,
        "second_loop": own.second,
        "loop_null": max(null.loop for null in nulls),
        "path": own.path,
        "path_null": max(null.path for null in nulls),
    }
    return Witness(_word(own, numbers), numbers)


def _word(own: Shape, numbers: dict[str, float]) -> str:
    """The rules in order."""
    if own.gap >= GAP and own.gap > numbers["gap_null"]:
        return "places"
    if own.loop > numbers["loop_null"] and own.loop >= LEAD * own.second:
        return "loop"
    if own.path >= STRAIGHT and own.path > numbers["path_null"]:
        return "arc"
    return "none"


def _cloud(flow: Flow, states: Tensor, slow_ms: float, dt: float, draws: np.random.Generator) -> Tensor:
    """The states [K, units], or as many as there is room for, and then states at later times."""
    kept, x = [], states
    steps = round(slow_ms / dt)
    looks = {round(steps * (k + 1) / SNAPSHOTS) for k in range(SNAPSHOTS)}
    for step in range(1, steps + 1):
        x = flow.step(x, dt)
        if step in looks:
            kept.append(x)
    first, later = states[: MOST_CLOUD // 2], torch.cat(kept)
    room = min(MOST_CLOUD - len(first), len(later))
    rows = torch.from_numpy(np.sort(draws.choice(len(later), room, replace=False))).to(later.device)
    return torch.cat([first, later[rows]]).double().flatten(1)


def _between(points: Tensor) -> Cloud:
    """Distances between points; by inner products, which cost little in large networks, to eight digits."""
    centred = points - points.mean(0)
    inner = centred @ centred.T
    square = inner.diagonal()
    apart = (square[:, None] + square[None] - 2 * inner).clamp_min(0).sqrt().cpu().numpy()
    distances: Cloud = np.maximum(apart, apart.T)
    np.fill_diagonal(distances, 0)
    return distances


def _among(distances: Cloud, rows: NDArray[np.int64]) -> Cloud:
    """Distances between some of the points."""
    found: Cloud = distances[np.ix_(rows, rows)]
    return found


def _disc(count: int, draws: np.random.Generator) -> Cloud:
    """Distances between points drawn evenly from a disc."""
    angle, radius = 2 * np.pi * draws.random(count), np.sqrt(draws.random(count))
    distances: Cloud = squareform(pdist(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)))
    return distances


def _shape(ends: Cloud, cloud: Cloud, points: int) -> Shape:
    merges = linkage(squareform(ends), "single")[::-1, 2]  # single linkage is H0: where clusters merge, last first
    most, tiny = len(ends) // 3, max(1e-7 * float(merges[0]), 1e-300)
    ratios = merges[: most - 1] / np.maximum(merges[1:most], tiny)
    near = _among(cloud, landmarks(cloud, points))
    loops = persistent_homology(near).loops
    ratio = [*(loops[:, 1] / np.maximum(loops[:, 0], tiny)), 1.0, 1.0]
    tree = minimum_spanning_tree(near)
    path = float(shortest_path(tree, directed=False).max() / tree.sum())
    return Shape(float(ratios.max()), int(ratios.argmax()) + 2, float(ratio[0]), float(ratio[1]), path)
