"""Loops in a cloud of points: one-dimensional persistent homology of its Vietoris-Rips filtration."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.float64]


def persistent_loops(distances: Distances) -> NDArray[np.float64]:
    """Birth and death [M, 2] of the loops of n points with distances [n, n], most persistent (death / birth) first.

    Connect points closer than some scale and fill every triangle. As the scale grows loops appear (birth) and are
    filled in (death). Loops with death equal to birth are left out.

    The boundary matrix over the integers modulo two is reduced column by column. There are n^3 / 6 columns: meant for
    n up to about 60.

    Source: Edelsbrunner, Letscher & Zomorodian 2002.
    """
    n = len(distances)
    edges = sorted(combinations(range(n), 2), key=lambda edge: float(distances[edge]))
    rank = {edge: row for row, edge in enumerate(edges)}
    lengths = [float(distances[edge]) for edge in edges]
    triangles = sorted(
        sorted((rank[i, j], rank[i, k], rank[j, k]), reverse=True) for i, j, k in combinations(range(n), 3)
    )
    fills: dict[int, int] = {}
    found = []
    for sides in triangles:
        # A column of the boundary matrix is an integer whose bits are edges; adding two columns modulo two is xor
        column = sum(1 << side for side in sides)
        while column and (top := column.bit_length() - 1) in fills:
            column ^= fills[top]
        if column:
            # Pairing: the triangle kills the loop born with its lowest remaining edge
            fills[top] = column
            if lengths[sides[0]] > lengths[top]:
                found.append((lengths[top], lengths[sides[0]]))
    bars = np.array(found, dtype=np.float64).reshape(-1, 2)
    ratio = bars[:, 1] / np.maximum(bars[:, 0], np.finfo(np.float64).tiny)
    return bars[np.argsort(-ratio, kind="stable")]


def landmarks(distances: Distances, count: int) -> NDArray[np.int64]:
    """Indices of evenly spread points: each is the one furthest from those before it (Gonzalez 1985)."""
    chosen = [int(distances.sum(1).argmax())]
    gap = distances[chosen[0]].copy()
    while len(chosen) < min(count, len(distances)) and gap.max() > 0:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, distances[chosen[-1]])
    return np.array(chosen, dtype=np.int64)
