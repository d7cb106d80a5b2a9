"""Clusters and loops of a cloud of points: persistent homology of its Vietoris-Rips filtration."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments

Distances = NDArray[np.float64]
Indices = NDArray[np.int64]

MAX_POINTS = 400
"""Largest number of points that is accepted; time grows with at least the third power of it."""


class Barcodes(NamedTuple):
    """Scales at which the clusters and loops of a cloud appear and vanish.

    Attributes
    ----------
    clusters : [n - 1], distance at which two clusters become one, smallest first; all are born at zero.
    loops : [M, 2], birth and death of loops, most persistent (death / birth) first.
    """

    clusters: NDArray[np.float64]
    loops: NDArray[np.float64]


@check_arguments
def persistent_homology(distances: Distances) -> Barcodes:
    """Clusters (H0) and loops (H1), over the integers modulo two, of n points with `distances` [n, n].

    Points closer than some scale are connected and every triangle is filled. As the scale grows clusters merge, loops
    appear (birth) and are filled in (death). Loops with death equal to birth are left out. Scales end where some point
    is connected with all others, since nothing but one cluster is left from there on.

    Loops are found by reducing the coboundaries of edges, longest edge first. An edge whose first triangle has no
    longer edge is paired at once.

    Raises
    ------
    ValueError : distances that are not a symmetric matrix of up to 400 finite numbers of at least 0, zero on the
        diagonal.

    Source: Edelsbrunner, Letscher & Zomorodian 2002; coboundaries and pairs at once, Bauer 2021 (Ripser).
    """
    _check(distances)
    edges = _Edges(np.asarray(distances, np.float64))
    tree = edges.spanning_tree()
    bars = np.array(_loops(edges, set(tree)), dtype=np.float64).reshape(-1, 2)
    ratio = bars[:, 1] / np.maximum(bars[:, 0], np.finfo(np.float64).tiny)
    return Barcodes(edges.lengths[tree], bars[np.argsort(-ratio, kind="stable")])


def persistent_loops(distances: Distances) -> NDArray[np.float64]:
    """Birth and death [M, 2] of the loops of n points; see `persistent_homology`."""
    return persistent_homology(distances).loops


class _Edges:
    """Edges of the complex in order of length, and the triangles next to them.

    A triangle is a whole number, (rank of its longest edge) x n + (vertex opposite to it), which sorts triangles by the
    scale at which they appear.
    """

    def __init__(self, distances: Distances) -> None:
        self.n = n = len(distances)
        one, other = np.triu_indices(n, 1)
        order = np.argsort(distances[one, other], kind="stable")
        self.ends, self.lengths = np.stack([one[order], other[order]], 1), distances[one[order], other[order]]
        cone = float(distances.max(1).min())
        self.count = int(np.searchsorted(self.lengths, cone, side="right"))
        self.rank = np.full((n, n), len(order), dtype=np.int64)
        self.rank[one[order], other[order]] = self.rank[other[order], one[order]] = np.arange(len(order))

    def spanning_tree(self) -> list[int]:
        """Ranks of the edges that join two clusters, in order."""
        cluster, tree = np.arange(self.n), list[int]()
        for rank, (one, other) in enumerate(self.ends):
            if len(tree) == self.n - 1:
                break
            if cluster[one] != cluster[other]:
                cluster[cluster == cluster[other]] = cluster[one]
                tree.append(rank)
        return tree

    def triangles(self, edges: Indices) -> Indices:
        """The triangles [len(edges), n] that an edge is a side of, one for each vertex; those too late are last."""
        one, other = self.ends[edges, 0, None], self.ends[edges, 1, None]
        first, second, apex = self.rank[one[:, 0]], self.rank[other[:, 0]], np.arange(self.n)
        longest = np.maximum(np.maximum(first, second), edges[:, None])
        opposite = np.where(longest == edges[:, None], apex, np.where(longest == first, other, one))
        found: Indices = np.where(longest < self.count, longest * self.n + opposite, np.iinfo(np.int64).max)
        return found

    def coboundary(self, edge: int) -> Indices:
        """The triangles that an edge is a side of, sorted."""
        keys = np.sort(self.triangles(np.array([edge]))[0])
        return keys[keys < np.iinfo(np.int64).max]


def _loops(edges: _Edges, tree: set[int]) -> list[tuple[float, float]]:
    """Birth and death of each loop."""
    ranks = np.arange(edges.count)
    earliest = edges.triangles(ranks).min(1, initial=np.iinfo(np.int64).max)
    at_once = earliest // edges.n == ranks
    owner: dict[int, int] = {int(earliest[rank]): int(rank) for rank in ranks[at_once]}
    reduced: dict[int, Indices] = {}
    found = []
    for rank in reversed(range(edges.count)):
        if at_once[rank] or rank in tree:
            continue
        column = edges.coboundary(rank)
        while len(column) and int(column[0]) in owner:
            by = owner[int(column[0])]
            column = np.setxor1d(column, reduced[by] if by in reduced else edges.coboundary(by), assume_unique=True)
        if len(column):
            owner[int(column[0])], reduced[rank] = rank, column
            birth, death = edges.lengths[rank], edges.lengths[column[0] // edges.n]
            if death > birth:
                found.append((float(birth), float(death)))
    return found


def landmarks(distances: Distances, count: int, least: float = 0.0) -> Indices:
    """Indices of evenly spread points: each is the one furthest from those before it (Gonzalez 1985).

    Points within `least` of those before them are left out.
    """
    chosen = [int(distances.sum(1).argmax())]
    gap = distances[chosen[0]].copy()
    while len(chosen) < min(count, len(distances)) and gap.max() > least:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, distances[chosen[-1]])
    return np.array(chosen, dtype=np.int64)


def _check(distances: Distances) -> None:
    shape = list(distances.shape)
    if distances.ndim != 2 or shape[0] != shape[1] or not 1 <= shape[0] <= MAX_POINTS:
        raise ValueError(f"distances must be a matrix [n, n] of 1 to {MAX_POINTS} points, got shape {shape}")
    if distances.dtype.kind not in "biuf" or not np.isfinite(distances).all() or (distances < 0).any():
        raise ValueError("distances must be finite numbers and at least 0; leave out the points that are not")
    if not np.array_equal(distances, distances.T) or np.diagonal(distances).any():
        raise ValueError("distances must be symmetric, with zeros on the diagonal; give those of points to one another")
