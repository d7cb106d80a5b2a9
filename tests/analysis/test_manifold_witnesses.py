"""Witnesses of attractors one by one: time scales, orbits and their multipliers, verdicts."""

import math

import pytest
import torch
from flow_examples import draw, random_tanh, van_der_pol
from manifold_examples import large_ring

from cordsnet.analysis import FunctionFlow, MapFlow, MatrixOperator, RateFlow, Status, find_manifold
from cordsnet.analysis.manifolds.orbits import TurnDerivative, find_turn, transposed_step
from cordsnet.analysis.manifolds.witness import ALLOWS, Witness, verdict

FEW = {"tested": 3}


def test_ten_thousand_units_by_products_alone():
    flow, starts, scales = large_ring()
    found = find_manifold(flow, starts, **scales)
    assert found.kind == "ring"
    assert found.spectrum.residual < 1e-3


def test_a_plane_of_fixed_points_is_none_of_these():
    flow = FunctionFlow(lambda x: -x * torch.tensor([0.0, 0.0, 0.1, 0.1]).double(), (4,))
    found = find_manifold(flow, draw(20, 4), slow_ms=100.0, dt=5.0, **FEW)
    assert (found.spectrum.kind, found.spectrum.numbers["slow"]) == ("none", 2)
    assert found.perturbation.kind == "none"
    assert not found.claims


def test_what_is_slow_depends_on_the_time_scale():
    """A direction that decays in 1.5 s bridges 100 ms, and is lost after 4 s."""
    flow = FunctionFlow(lambda x: -x / torch.tensor([1500.0, 10.0, 10.0]).double(), (3,))
    starts = draw(20, 3).clamp(-2, 2)  # a start far out drifts by more than a tenth of the spread, and is not at rest
    short = find_manifold(flow, starts, slow_ms=100.0, dt=5.0, **FEW)
    long = find_manifold(flow, starts, slow_ms=4000.0, dt=20.0, **FEW)
    assert (short.kind, long.kind) == ("line", "single point")
    assert short.spectrum.numbers["kept_1"] == pytest.approx(math.exp(-100 / 1500))


def test_a_leaky_integrator_whose_states_drift_is_undecided():
    flow = FunctionFlow(lambda x: -x / torch.tensor([300.0, 10.0, 10.0]).double(), (3,))
    starts = draw(20, 3)
    starts[:, 0] = torch.linspace(2, 4, 20)  # far from rest, so that each drifts by more than a tenth of the spread
    found = find_manifold(flow, starts, slow_ms=100.0, dt=5.0, **FEW)
    assert found.kind == "undecided"
    assert found.topology.kind == "arc"


def test_a_map_with_a_rotation_is_a_cycle():
    def turn(x):
        radius = x.square().sum(-1, keepdim=True).sqrt()
        c, s = math.cos(0.2), math.sin(0.2)
        turned = torch.stack([c * x[..., 0] - s * x[..., 1], s * x[..., 0] + c * x[..., 1]], -1)
        return turned * (1 + 0.5 * (1 - radius)) / radius.clamp_min(1e-9) * radius.clamp(max=2)

    found = find_manifold(MapFlow(turn, (2,)), draw(24, 2), slow_ms=80.0, dt=1.0, tested=1)
    assert found.kind == "cycle"
    assert found.spectrum.numbers["period_ms"] == pytest.approx(2 * math.pi / 0.2, rel=1e-3)


def test_states_without_bound_are_reported():
    flow = FunctionFlow(lambda x: x**3, (1,))
    found = find_manifold(flow, 1 + draw(12, 1).abs(), slow_ms=10.0, dt=0.5)
    assert (found.kind, found.status) == ("undecided", Status.DIVERGED)
    assert "diverged" in found.notes[0]


def test_a_verdict_needs_all_three():
    say = {word: Witness(word) for word in ALLOWS}
    assert verdict([say["curve"], say["curve"], say["loop"]]) == "ring"
    assert verdict([say["curve"], say["curve"], say["places"]]) == "undecided"
    assert verdict([say["curve"], say["point"], say["loop"]]) == "undecided"
    assert verdict([say["cycle"], say["cycle"], say["loop"]]) == "cycle"
    assert verdict([say["cycle"], say["undecided"], say["loop"]]) == "undecided"
    assert verdict([say["none"]] * 3) == "none"


@pytest.mark.parametrize("flow", [van_der_pol(1.0), random_tanh(5, 1.5, 0), RateFlow(MatrixOperator(draw(4, 4)), 0.3)])
def test_transposed_products_of_a_turn(flow):
    x, units = draw(*flow.domain, seed=3), flow.units
    eye = torch.eye(units, dtype=torch.float64)
    forward = flow.linear_step(x, eye, 0.1)[1]
    assert transposed_step(flow, x, eye, 0.1) == pytest.approx(forward.T, abs=1e-12)


def test_the_multipliers_of_a_known_orbit():
    """dr/dt = r (1 - r^2), one turn per 2 pi: multipliers 1 and exp(-4 pi)."""
    flow = FunctionFlow(
        lambda s: torch.stack([-s[..., 1], s[..., 0]], -1) + s * (1 - s.square().sum(-1, keepdim=True)), (2,)
    )
    turn = find_turn(flow, torch.tensor([1.0, 0.0]).double(), 7.0, 0.05)
    assert turn.steps * 0.05 == pytest.approx(2 * math.pi, rel=1e-5)
    derivative = TurnDerivative(flow, turn, 0.05)
    values = torch.linalg.eigvals(derivative.to_dense()).real.sort().values.tolist()
    assert values == pytest.approx([math.exp(-4 * math.pi), 1.0], abs=1e-3)
    assert derivative.T.to_dense() == pytest.approx(derivative.to_dense().T, abs=1e-12)
