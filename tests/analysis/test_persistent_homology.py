"""Barcodes beside those that ripser 0.6.15 (Bauer 2021; Tralie et al. 2018) gives for the same clouds."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from cordsnet.analysis.regimes.persistence import persistent_homology

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "ripser_barcodes.json").read_text())


def ellipse():
    drawn = np.random.default_rng(1).random((25, 3))
    angle = 2 * np.pi * drawn[:, 0]
    return np.stack([np.cos(angle), 0.6 * np.sin(angle)], 1) + 0.1 * drawn[:, 1:]


def cube():
    return np.random.default_rng(2).random((40, 3))


def torus():
    u, v = 2 * np.pi * np.random.default_rng(4).random((2, 120))
    return np.stack([(2 + np.cos(u)) * np.cos(v), (2 + np.cos(u)) * np.sin(v), np.sin(u)], 1)


def between(points):
    return squareform(pdist(points))


def in_order(bars):
    bars = np.asarray(bars)
    return bars[np.lexsort(bars.T)]


@pytest.mark.parametrize("cloud", [ellipse, cube, torus])
def test_barcodes_are_those_of_ripser(cloud):
    found, known = persistent_homology(between(cloud())), GOLDEN[cloud.__name__]
    assert found.clusters.tolist() == pytest.approx(known["clusters"], abs=1e-6)
    assert in_order(found.loops) == pytest.approx(in_order(known["loops"]), abs=1e-6)


def test_equal_distances_and_copies_of_points():
    """Corners of a cube, each twice: five loops of equal length, and clusters that merge at zero."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)] * 2, dtype=float)
    found = persistent_homology(between(corners))
    assert found.clusters.tolist() == [0.0] * 8 + [1.0] * 7
    assert found.loops == pytest.approx(np.tile([1.0, math.sqrt(2)], (5, 1)))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_points_have_no_loop(n):
    found = persistent_homology(between(np.eye(3)[:n]) if n > 1 else np.zeros((1, 1)))
    assert (found.clusters.shape, found.loops.shape) == ((n - 1,), (0, 2))


@pytest.mark.parametrize(
    ("distances", "words"),
    [
        (np.zeros((2, 3)), "distances must be a matrix"),
        (np.zeros((500, 500)), "distances must be a matrix"),
        (np.array([[0, np.nan], [np.nan, 0]]), "distances must be finite"),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), "distances must be symmetric"),
    ],
)
def test_bad_distances_are_named(distances, words):
    with pytest.raises(ValueError, match=words):
        persistent_homology(distances)
