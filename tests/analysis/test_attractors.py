"""Shapes that are known, and loops against counting by hand."""

import math

import numpy as np
import pytest
import torch
from flow_examples import draw
from scipy.spatial.distance import pdist, squareform

from cordsnet.analysis.regimes.attractors import geometry
from cordsnet.analysis.regimes.persistence import landmarks, persistent_loops


def circle(count, seed=0):
    angle = 2 * math.pi * torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.stack([angle.cos(), angle.sin()], 1)


def embedded(points, units, noise=0.0, seed=1):
    """In a random subspace of more units."""
    basis, _ = torch.linalg.qr(draw(units, points.shape[1], seed=seed))
    return points @ basis.T + noise * draw(len(points), units, seed=seed + 1) / math.sqrt(units)


def test_a_square_has_one_loop_from_its_side_to_its_diagonal():
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], dtype=float)
    assert persistent_loops(squareform(pdist(corners))).tolist() == [[1.0, pytest.approx(math.sqrt(2))]]


def test_a_regular_polygon_has_one_loop_filled_by_the_triangle_inscribed():
    angle = 2 * np.pi * np.arange(12) / 12
    bars = persistent_loops(squareform(pdist(np.stack([np.cos(angle), np.sin(angle)], 1))))
    assert len(bars) == 1
    assert bars[0].tolist() == pytest.approx([2 * math.sin(math.pi / 12), math.sqrt(3)])


def test_two_circles_far_apart_have_two_loops_and_a_line_none():
    angle = 2 * np.pi * np.arange(9) / 9
    one = np.stack([np.cos(angle), np.sin(angle)], 1)
    bars = persistent_loops(squareform(pdist(np.concatenate([one, one * 1.001 + 10]))))
    assert (bars[:, 1] / bars[:, 0] > 2).sum() == 2
    assert len(persistent_loops(squareform(pdist(np.arange(8.0)[:, None] ** 1.1)))) == 0


def test_landmarks_are_spread_out():
    spots = np.concatenate([np.zeros((50, 1)), [[1.0], [3.0]]])
    assert sorted(spots[landmarks(squareform(pdist(spots)), 3), 0].tolist()) == [0.0, 1.0, 3.0]


@pytest.mark.parametrize("count", [20, 60, 400])
def test_a_ring_in_many_dimensions(count):
    found = geometry(embedded(circle(count), 50, noise=0.02))
    assert found.label == "ring"
    assert found.loop_p <= 0.05
    assert found.loop > 1.3
    assert found.local_dimension < 1.4
    assert found.participation == pytest.approx(2, abs=0.3)


def test_a_ring_that_is_bent_out_of_its_plane():
    flat = circle(80)
    angle = torch.atan2(flat[:, 1], flat[:, 0])
    assert geometry(torch.cat([flat, torch.stack([(2 * angle).cos(), (2 * angle).sin()], 1)], 1)).label == "ring"


@pytest.mark.parametrize("bend", [0.0, 1.0])
def test_a_line_straight_or_curved(bend):
    along = torch.linspace(-1, 1, 50, dtype=torch.float64) + 0.01 * draw(50)
    found = geometry(embedded(torch.stack([along, bend * along**2], 1), 30, noise=0.01))
    assert found.label == "line"
    assert found.path > 0.9
    assert found.path_p <= 0.05


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("dimensions", [2, 3, 8])
def test_a_cloud_is_neither_line_nor_ring(dimensions, seed):
    assert geometry(draw(60, dimensions, seed=seed)).label == "none"


def test_separate_points_are_counted():
    spots = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]).double()
    found = geometry(spots.repeat(10, 1) + 1e-3 * draw(30, 3))
    assert (found.label, found.places) == ("points", 3)
    assert found.extent == pytest.approx(math.sqrt(2), rel=0.01)
    assert geometry(spots[:1].repeat(5, 1)).label == "point"
    assert geometry(spots[:1]).label == "point"
    assert geometry(1e-3 * circle(40), size=1.0).label == "point"


def test_states_can_be_maps():
    assert geometry(embedded(circle(40), 48).reshape(40, 3, 4, 4)).label == "ring"


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: geometry(draw(0, 3)), "points must be at least one state"),
        (lambda: geometry(torch.full((3, 2), math.nan)), "points hold values that are not finite"),
        (lambda: geometry(draw(9, 3), surrogates=5), "surrogates must be at least 19"),
        (lambda: geometry(draw(9, 3), same=0.0), "same must be a finite number"),
        (lambda: geometry(draw(9, 3), size=-1.0), "size must be a finite number"),
    ],
)
def test_bad_arguments_are_named_in_the_error(call, words):
    with pytest.raises(ValueError, match=words):
        call()
