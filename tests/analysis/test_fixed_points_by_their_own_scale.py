"""Fixed points that are near to one another, far from zero, in a continuum, or missing."""

import itertools
import math

import pytest
import torch
from flow_examples import draw

from cordsnet.analysis.flows.fixed_points import fixed_points, sample_starts
from cordsnet.analysis.flows.flows import FunctionFlow, MapFlow
from cordsnet.analysis.flows.slow_points import slow_points
from cordsnet.analysis.status import Status


def roots(*places):
    """dx/dt with these zeros, in order: stable, unstable, stable, ..."""

    def velocity(x):
        value = -torch.ones_like(x)
        for place in places:
            value = value * (x - place)
        return value

    return FunctionFlow(velocity, (1,))


CASES = {
    "near zero": ((-0.01, 0.0, 0.01), 100.0, 0.0),
    "tiny": ((-1e-6, 0.0, 1e-6), 1e-5, 0.0),
    "tiny, from afar": ((-1e-6, 0.0, 1e-6), 1.0, 0.0),
    "large": ((-1e6, 0.0, 1e6), 2e6, 0.0),
    "far from zero": ((100.0, 100.001, 100.002), 0.01, 100.001),
    "very far": ((1e6, 1e6 + 1e-3, 1e6 + 2e-3), 0.01, 1e6),
    "of several scales": ((-1e3, 0.0, 1e-3), 2e3, 0.0),
}


@pytest.mark.parametrize("name", CASES)
def test_three_points_are_three(name):
    places, spread, about = CASES[name]
    found = fixed_points(roots(*places), about + spread * draw(20, 1))
    assert len(found) == 3
    got = sorted(found.points.flatten().tolist())
    gap = min(b - a for a, b in itertools.pairwise(places))
    assert got == pytest.approx(sorted(places), abs=1e-4 * gap)
    assert bool((found.radius < 0.1 * gap).all())
    assert sum(found.start_counts.tolist()) + found.failed_starts == 20
    assert [found.stability[row] for row in found.points.flatten().argsort()] == ["stable", "unstable", "stable"]
    assert not bool(found.continuum.any())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_duplicates_are_merged_at_every_scale(scale):
    matrix = draw(6, 6) / 3 - torch.eye(6, dtype=torch.float64)
    centre = scale * draw(6, seed=4)
    found = fixed_points(FunctionFlow(lambda x: (x - centre) @ matrix.T, (6,)), scale * draw(40, 6))
    assert len(found) == 1
    assert found.start_counts.tolist() == [40]
    assert float((found.points[0] - centre).norm()) < 1e-9 * scale


def test_single_precision_merges_what_it_cannot_tell_apart():
    flow = FunctionFlow(lambda x: torch.tanh(2 * x) - x, (3,), torch.float32)
    found = fixed_points(flow, 2 * draw(60, 3).float())
    assert len(found) <= 27
    assert float(torch.pdist(found.points).min()) > 0.5


CONTINUA = {
    "line": (FunctionFlow(lambda x: torch.stack([0 * x[..., 0], -x[..., 1]], -1), (2,)), 2),
    "circle": (FunctionFlow(lambda x: x * (1 - x.square().sum(-1, keepdim=True)), (2,)), 2),
    "parabola": (FunctionFlow(lambda x: torch.stack([0 * x[..., 0], x[..., 0] ** 2 - x[..., 1]], -1), (2,)), 2),
}


@pytest.mark.parametrize("name", CONTINUA)
def test_a_continuum_is_flagged(name):
    flow, units = CONTINUA[name]
    found = fixed_points(flow, 1 + 0.3 * draw(12, units))
    ring = found.points.norm(dim=1) > 1e-3
    assert len(found) >= 8
    assert bool(found.continuum[ring].all())
    assert any("continuum" in note for note in found.notes)
    assert set(found.stability) == {"not decided"}


@pytest.mark.parametrize("power", [2, 3, 5])
def test_a_degenerate_point_is_one_and_no_continuum(power):
    found = fixed_points(FunctionFlow(lambda x: -(x**power), (1,)), draw(4, 1).abs(), max_iterations=300)
    assert len(found) == 1
    assert abs(float(found.points)) < 1e-6
    assert not bool(found.continuum.any())
    assert found.stability == ("not decided",)


@pytest.mark.parametrize("gap", [1e-1, 1e-3, 1e-6])
@pytest.mark.parametrize("spread", [1.0, 100.0, 1e5])
def test_slow_states_are_not_called_fixed(gap, spread):
    flow = FunctionFlow(lambda x: gap + x**2, (1,))
    found = fixed_points(flow, spread * draw(12, 1))
    assert len(found) == 0
    assert any("slow states" in note or "before they reached" in note for note in found.notes)
    slow = slow_points(flow, draw(6, 1))
    assert Status.CONVERGED not in slow.statuses


MULTIPLIERS = {
    0.5: "stable",
    -0.9: "stable",
    1.2: "unstable",
    -1.5: "unstable",
    1.0: "not decided",
    -1.0: "not decided",
}


@pytest.mark.parametrize(("multiplier", "wanted"), MULTIPLIERS.items())
def test_stability_of_maps_with_status(multiplier, wanted):
    flow = MapFlow(lambda x: multiplier * (x - 0.3) + 0.3 - 1e-3 * (x - 0.3) ** 3, (1,))
    found = fixed_points(flow, torch.tensor([[0.3]], dtype=torch.float64))
    assert found.stability == (wanted,)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda flow: fixed_points(flow, draw(4, 1), max_iterations=10**9), "max_iterations must be at most"),
        (lambda flow: fixed_points(flow, draw(4, 1), relax_ms=1e12, dt=1.0), "relax_ms = 1e.12 takes"),
        (lambda flow: fixed_points(flow, draw(4, 1), tol=2.0), "tol must be below 1"),
        (lambda flow: fixed_points(flow, draw(4, 1), tol=0.0), "tol must be"),
        (lambda flow: fixed_points(flow, draw(4, 1), merge=math.inf), "merge must be a share"),
        (lambda flow: slow_points(flow, draw(4, 1), max_iterations=10**9), "max_iterations must be at most"),
        (lambda flow: sample_starts(flow, draw(4, 1), 10**12), "GiB"),
    ],
)
def test_bad_numbers_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(roots(0.0))
